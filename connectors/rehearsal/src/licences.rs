//! Licences that groups give, and the seats that are left of them.
//!
//! Sources: "List subscribedSkus", "group: assignLicense" (learn.microsoft.com/graph/api). Seats
//! are counted from who is in the groups now; whoever finds none goes without. Licences of single
//! users, service plans and the states of an assignment are not served. Invariant: no more seats
//! are taken than there are.

use std::collections::BTreeSet;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::answer::Answer;
use crate::body;
use crate::encoding::is_guid;
use crate::entity::entity;
use crate::groups::{GROUP, Group};
use crate::query;
use crate::refusal::Refusal;
use crate::roles;
use crate::route::GroupKey;
use crate::seeded::Seeded;
use crate::state::{Call, State};
use crate::users::{Done, object};

const SKU: &str = "microsoft.graph.subscribedSku";

/// The id of a licence follows from its name.
pub(crate) fn sku_id(name: &str) -> String {
    Seeded::from_text(&name.to_uppercase()).guid()
}

impl State {
    pub(crate) fn list_skus(&self, call: &Call<'_>) -> Result<Done, Refusal> {
        let query = query::of_one(call.query, SKU)?;
        roles::any(&self.options.roles, roles::LICENCE_READ)?;
        let value = self.options.seats.iter().map(|(name, seats)| {
            let id = sku_id(name);
            let full = json!({
                "accountId": self.options.tenant_id, "accountName": "Rehearsal tenant",
                "appliesTo": "User", "capabilityStatus": "Enabled",
                "consumedUnits": self.taken(&id).min(*seats), "id": format!("{}_{id}", self.options.tenant_id),
                "prepaidUnits": {"enabled": seats, "suspended": 0, "warning": 0, "lockedOut": 0},
                "servicePlans": [], "skuId": id, "skuPartNumber": name, "subscriptionIds": [],
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

    /// How many people the groups would give a licence.
    fn taken(&self, sku: &str) -> u32 {
        let gives = |group: &&std::sync::Arc<Group>| given(group).iter().any(|it| it == sku);
        let groups = self.groups.all().filter(|group| group.deleted.is_none());
        let people: BTreeSet<&String> = groups
            .filter(gives)
            .flat_map(|group| self.groups.members(&group.id))
            .filter(|id| self.directory.current(id).is_some())
            .collect();
        u32::try_from(people.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn assign_to_group(
        &mut self,
        key: &GroupKey,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        roles::any(&self.options.roles, roles::LICENCE_WRITE)?;
        let body = object(call)?;
        let list = |name: &str| body.get(name).and_then(Json::as_array);
        let (Some(add), Some(remove), 2) =
            (list("addLicenses"), list("removeLicenses"), body.len())
        else {
            return Err(Refusal::bad(
                "Parameters 'addLicenses' and 'removeLicenses' are expected, both arrays.",
            ));
        };
        let mut added = Vec::new();
        for licence in add {
            let licence = licence
                .as_object()
                .ok_or_else(|| Refusal::bad("A member of 'addLicenses' is not an object."))?;
            body::check("microsoft.graph.assignedLicense", licence)?;
            let id = licence
                .get("skuId")
                .and_then(Json::as_str)
                .unwrap_or_default();
            if !self
                .options
                .seats
                .keys()
                .any(|name| sku_id(name) == id.to_lowercase())
            {
                return Err(Refusal::bad(format!(
                    "License with SKU id '{}' is not available in the tenant.",
                    if is_guid(id) { id } else { "?" }
                )));
            }
            added.push(json!({"skuId": id.to_lowercase(), "disabledPlans": licence.get("disabledPlans").cloned().unwrap_or_else(|| json!([]))}));
        }
        let mut group = Group::clone(&*self.find_group(key)?);
        let mut licences: Vec<Json> = given(&group)
            .into_iter()
            .map(|id| json!({"skuId": id, "disabledPlans": []}))
            .collect();
        for id in remove {
            let id = id.as_str().unwrap_or_default().to_lowercase();
            let before = licences.len();
            licences.retain(|licence| licence["skuId"] != id.as_str());
            if licences.len() == before {
                return Err(Refusal::bad(
                    "The group does not give a license of 'removeLicenses'.",
                ));
            }
        }
        licences.retain(|old| added.iter().all(|new| new["skuId"] != old["skuId"]));
        licences.extend(added);
        let name = "assignedLicenses".to_owned();
        if licences.is_empty() {
            group.properties.remove(&name);
        } else {
            group.properties.insert(name, licences.into());
        }
        let query = query::of_one(None, GROUP)?;
        let shown = entity(call, &query, &group);
        let answer = Answer::new(StatusCode::ACCEPTED, Some(shown));
        self.store_group(group, None, now, answer)
    }
}

/// Ids of the licences that a group gives.
fn given(group: &Group) -> Vec<String> {
    let all = group.properties.get("assignedLicenses");
    let all = all.and_then(Json::as_array).into_iter().flatten();
    all.filter_map(|licence| licence["skuId"].as_str().map(str::to_owned))
        .collect()
}
