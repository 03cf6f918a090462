//! Licences: what users get directly, what groups give them, and the seats that are left.
//!
//! Sources: "List subscribedSkus", "user: assignLicense", "group: assignLicense", "List group
//! membersWithLicenseErrors" (learn.microsoft.com/graph/api); "Resolve group license assignment
//! problems" and "Scenarios, limitations, and known issues using groups to manage licensing"
//! (MicrosoftDocs/entra-docs). Who comes first gets a seat and keeps it. Not served: plans that
//! need other plans or are not sold everywhere, `licenseDetails`, `reprocessLicenseAssignment`.
//! Invariant: no more seats are taken than there are, and a refused call has changed nothing.

mod catalogue;
mod giving;
pub(crate) mod ledger;

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::answer::Answer;
use crate::body;
use crate::directory::Record;
use crate::encoding::is_guid;
use crate::entity::{USER, entity, related};
use crate::groups::{GROUP, Group, Moves};
use crate::options::TenantOptions;
use crate::query;
use crate::refusal::Refusal;
use crate::roles;
use crate::route::{GroupKey, Key};
use crate::state::{Call, State};
use crate::users::{Done, object};
pub(crate) use catalogue::Sku;
use catalogue::{conflict, sku_id};
use ledger::{Direct, Grants, Off};

const SKU: &str = "microsoft.graph.subscribedSku";
const LICENCE: &str = "microsoft.graph.assignedLicense";

/// Licences by id, and which of their plans are off.
type Licences = BTreeMap<String, Off>;

/// The licences that were bought, by id.
pub(crate) fn bought(options: &TenantOptions) -> BTreeMap<String, Sku> {
    let seats = options.seats.iter();
    seats
        .map(|(name, seats)| (sku_id(name), Sku::new(name, *seats)))
        .collect()
}

/// What a call wants.
struct Changes {
    add: Licences,
    remove: BTreeSet<String>,
}

impl Changes {
    /// # Errors
    /// 400 for a body that is not the one of an assignment. Graph's words for a licence that is
    /// there twice are not documented.
    fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let body = object(call)?;
        let list = |name: &str| body.get(name).and_then(Json::as_array);
        let (Some(add), Some(remove), 2) =
            (list("addLicenses"), list("removeLicenses"), body.len())
        else {
            return Err(Refusal::bad(
                "Parameters 'addLicenses' and 'removeLicenses' are expected, both arrays.",
            ));
        };
        let twice = |id: &str| {
            Err(Refusal::bad(format!(
                "License {id} is there more than once."
            )))
        };
        let mut out = Self {
            add: Licences::new(),
            remove: BTreeSet::new(),
        };
        for id in remove {
            let id = id.as_str().filter(|id| is_guid(id)).ok_or_else(|| {
                Refusal::bad("A member of 'removeLicenses' is not the id of a license.")
            })?;
            if !out.remove.insert(id.to_lowercase()) {
                return twice(id);
            }
        }
        for licence in add {
            let licence = licence
                .as_object()
                .ok_or_else(|| Refusal::bad("A member of 'addLicenses' is not an object."))?;
            body::check(LICENCE, licence)?;
            let id = licence.get("skuId").and_then(Json::as_str);
            let id = id.ok_or_else(|| Refusal::bad("A license to add has no 'skuId'."))?;
            let id = id.to_lowercase();
            if out.remove.contains(&id) || out.add.contains_key(&id) {
                return twice(&id);
            }
            out.add.insert(id, off(licence.get("disabledPlans")));
        }
        Ok(out)
    }
}

/// Ids of plans in lower case.
fn off(plans: Option<&Json>) -> Off {
    let plans = plans.and_then(Json::as_array).into_iter().flatten();
    let ids = plans.filter_map(Json::as_str);
    ids.map(str::to_lowercase).collect()
}

/// What a group gives to whoever is in it.
fn gives(group: &Group) -> Licences {
    let all = group.properties.get("assignedLicenses");
    let all = all.and_then(Json::as_array).into_iter().flatten();
    all.filter_map(|it| {
        Some((
            it["skuId"].as_str()?.to_owned(),
            off(it.get("disabledPlans")),
        ))
    })
    .collect()
}

/// Reported by the makers of provisioning tools, who look for these words.
fn not_bought(id: &str) -> Refusal {
    Refusal::bad(format!(
        "License {id} does not correspond to a valid company License."
    ))
}

impl State {
    pub(crate) fn list_skus(&self, call: &Call<'_>) -> Result<Done, Refusal> {
        let query = query::of_one(call.query, SKU)?;
        roles::any(&self.options.roles, roles::LICENCE_READ)?;
        let tenant = &self.options.tenant_id;
        // In order of their names, as they were bought.
        let skus = self.options.seats.keys().map(|name| sku_id(name));
        let skus = skus.filter_map(|id| Some((self.skus.get(&id)?, id)));
        let value = skus.map(|(sku, id)| {
            let plans = sku.plans.iter().map(|(id, name)| {
                json!({"servicePlanId": id, "servicePlanName": name,
                       "provisioningStatus": "Success", "appliesTo": "User"})
            });
            let full = json!({
                "accountId": tenant, "accountName": "Rehearsal tenant",
                "appliesTo": "User", "capabilityStatus": "Enabled",
                // A tenant may be opened again with fewer seats than are taken.
                "consumedUnits": self.ledger.taken(&id).min(sku.seats),
                "id": format!("{tenant}_{id}"),
                "prepaidUnits": {"enabled": sku.seats, "suspended": 0, "warning": 0, "lockedOut": 0},
                "servicePlans": plans.collect::<Vec<Json>>(),
                "skuId": id, "skuPartNumber": sku.name, "subscriptionIds": [],
            });
            match &query.select {
                None => full,
                Some(names) => names.iter().map(|name| (name.clone(), full[name].clone())).collect(),
            }
        });
        let page = json!({
            "@odata.context": format!("{}/v1.0/$metadata#subscribedSkus", call.origin),
            "value": value.collect::<Vec<Json>>(),
        });
        Ok(Done::read(Answer::ok(page), None))
    }

    pub(crate) fn assign_to_user(
        &mut self,
        key: &Key,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        roles::any(&self.options.roles, roles::LICENCE_WRITE)?;
        let changes = Changes::read(call)?;
        let mut user = Record::clone(&*self.find(key, now)?);
        self.are_bought(&changes.add)?;
        let place = user.properties.get("usageLocation");
        if !changes.add.is_empty() && place.is_none() {
            return Err(Refusal::bad(
                "License assignment cannot be done for user with invalid usage location.",
            ));
        }
        for id in &changes.remove {
            if user.licences.remove(id).is_none() {
                return Err(self.cannot_take(&user.id, id));
            }
        }
        let adds = !changes.add.is_empty();
        for (id, disabled_plans) in changes.add {
            if !self.ledger.holds(&id, &user.id) && self.free(&id) == 0 {
                return Err(Refusal::bad(format!(
                    "Subscription with SKU {id} does not have any available licenses."
                )));
            }
            let old = user.licences.get(&id);
            if old.is_none_or(|old| old.disabled_plans != disabled_plans) {
                let since = now;
                user.licences.insert(
                    id,
                    Direct {
                        disabled_plans,
                        since,
                    },
                );
            }
        }
        if adds {
            self.go_together(&user)?;
        }
        let query = query::of_one(None, USER)?;
        let answer = Answer::ok(entity(call, &query, &user));
        self.store(user, now, answer)
    }

    /// Licences that the tenant has, with plans that they have. Graph's words for a plan of
    /// another licence are not documented; that it refuses one is (azure-docs, issue 81269).
    fn are_bought(&self, licences: &Licences) -> Result<(), Refusal> {
        for (id, off) in licences {
            let sku = self.skus.get(id).ok_or_else(|| not_bought(id))?;
            if let Some(plan) = off.iter().find(|plan| !sku.plans.contains_key(*plan)) {
                return Err(Refusal::bad(format!(
                    "Service plan {plan} does not belong to the subscription with SKU {id}."
                )));
            }
        }
        Ok(())
    }

    /// Why a user cannot lose a licence that is not a direct one.
    fn cannot_take(&self, user: &str, sku: &str) -> Refusal {
        if self.ledger.inherits(user, sku) {
            return Refusal::bad(
                "User license is inherited from a group membership and it cannot be removed \
                 directly from the user.",
            );
        }
        if !self.skus.contains_key(sku) {
            return not_bought(sku);
        }
        Refusal::bad("User does not have a corresponding license.")
    }

    fn go_together(&self, user: &Record) -> Result<(), Refusal> {
        let mut plans = BTreeSet::new();
        for (sku, off) in self.ledger.grounds(user, None) {
            plans.extend(self.enabled(sku, off));
        }
        match conflict(&plans) {
            None => Ok(()),
            Some((one, other)) => Err(Refusal::bad(format!(
                "License assignment failed because service plans {one}, {other} are mutually \
                 exclusive."
            ))),
        }
    }

    /// Ids of plans that are on.
    fn enabled<'s>(&'s self, sku: &str, off: &Off) -> impl Iterator<Item = &'s str> {
        let plans = self
            .skus
            .get(sku)
            .into_iter()
            .flat_map(|sku| sku.plans.keys());
        plans
            .filter(|plan| !off.contains(*plan))
            .map(String::as_str)
    }

    /// Seats that are left.
    fn free(&self, sku: &str) -> usize {
        let seats = self.skus.get(sku).map_or(0, |sku| sku.seats);
        seats.saturating_sub(self.ledger.taken(sku))
    }

    pub(crate) fn assign_to_group(
        &mut self,
        key: &GroupKey,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        roles::any(&self.options.roles, roles::LICENCE_WRITE)?;
        let changes = Changes::read(call)?;
        self.are_bought(&changes.add)?;
        let mut group = Group::clone(&*self.find_group(key)?);
        // Graph's words for this and the next one are not documented.
        if !changes.add.is_empty() && group.properties.get("securityEnabled") != Some(&json!(true))
        {
            return Err(Refusal::bad(
                "Licenses are assigned to groups with securityEnabled=true only.",
            ));
        }
        let mut licences = gives(&group);
        for id in &changes.remove {
            if licences.remove(id).is_none() {
                return Err(Refusal::bad(
                    "The group does not give a license of 'removeLicenses'.",
                ));
            }
        }
        licences.extend(changes.add);
        let name = "assignedLicenses".to_owned();
        if licences.is_empty() {
            group.properties.remove(&name);
        } else {
            let all = licences.iter();
            let all = all.map(|(id, off)| json!({"skuId": id, "disabledPlans": off}));
            group.properties.insert(name, all.collect());
        }
        let query = query::of_one(None, GROUP)?;
        let shown = entity(call, &query, &group);
        let answer = Answer::new(StatusCode::ACCEPTED, Some(shown));
        self.store_group(group, None, now, answer)
    }

    pub(crate) fn list_license_errors(
        &mut self,
        key: &GroupKey,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let query = query::of_members(call.query, USER)?;
        roles::any(&self.options.roles, roles::GROUP_READ)?;
        roles::read(&self.options.roles, query.select.as_deref())?;
        let group = self.seen_group(key, now)?;
        let after = query.after.as_deref();
        let found = self.ledger.errors_of(&group.id);
        let found = found
            .filter(|id| after.is_none_or(|after| id.as_str() > after))
            .filter_map(|id| self.directory.replica(id, now));
        let path = call.path.trim_start_matches('/');
        let shown = found.map(|user| self.ledger.user(user, &query));
        let page = related(call, &query, path, shown);
        Ok(Done::read(Answer::ok(page), Some(&group.id)))
    }

    /// Puts a user where it belongs. `at` is when replicas are told; `None`: they know already.
    pub(crate) fn keep_user(&mut self, user: Record, at: Option<Timestamp>) {
        self.groups.user_changed(&user.id, at);
        let old = self.directory.current(&user.id).cloned();
        self.ledger.user_changed(old.as_deref(), &user, at);
        let delay = self.options.replication_delay;
        self.changes.note(old.as_deref(), &user, at, delay);
        self.directory.put(user, at);
    }

    /// The same of a group.
    pub(crate) fn keep_group(&mut self, group: Group, at: Option<Timestamp>) {
        let old = self.groups.current(&group.id);
        let before = old.map(|old| gives(old)).unwrap_or_default();
        let id = group.id.clone();
        if before != gives(&group) {
            self.ledger.group_changed(&id, at);
        }
        self.groups.put(group, at);
    }

    /// The same of people who move; licences follow them some time after `moved`.
    pub(crate) fn keep_moves(
        &mut self,
        moves: &Moves,
        at: Option<Timestamp>,
        moved: Option<Timestamp>,
    ) {
        self.groups.move_members(moves, at);
        let users = moves.add.union(&moves.remove).cloned().collect();
        self.ledger.members_changed(&moves.members_of, users, moved);
    }

    /// The same of what groups have given.
    pub(crate) fn keep_grants(&mut self, grants: Grants, at: Option<Timestamp>) {
        for (user, given) in grants.users {
            self.ledger.put(&grants.licences_of, &user, given, at);
        }
    }
}
