//! Who answers for what: owners of groups and applications, sponsors of guests, and what an account
//! owns, sponsors and manages.
//!
//! Sources: "List ownedObjects", "List directReports", "List sponsors", "Assign sponsor", "Remove
//! sponsor", "List sponsorOf", "Add owners" and "Remove group owner" of groups ("Once owners are assigned to a
//! group, the last owner (a user object) of the group cannot be removed"), "List owners" and "Add owner"
//! of applications and service principals (learn.microsoft.com/graph/api). Invariant: somebody who
//! is in the bin answers for nothing, and nobody is put in their place.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::answer::Answer;
use crate::directory::Record;
use crate::entity::{Entity, USER, related, related_any, shown};
use crate::groups::{GROUP, Group};
use crate::query::{self, Query};
use crate::refusal::Refusal;
use crate::roles;
use crate::route::{GroupKey, Key};
use crate::shelf::Kept;
use crate::state::{Call, State};
use crate::users::{Done, not_json, object, without_parameters};

/// The type of an application as it stands in the tenant.
pub(crate) const SERVICE: &str = "microsoft.graph.servicePrincipal";
/// The type of its registration; the bundled metadata do not have it, so that only its id is shown.
pub(crate) const APPLICATION: &str = "microsoft.graph.application";

/// "Microsoft Entra service limits and restrictions": owners of a group, of an application.
const OWNERS_MAX: usize = 100;
/// "Assign sponsor": sponsors of a user.
const SPONSORS_MAX: usize = 5;

/// How long somebody stays in the bin.
pub(crate) const BIN: SignedDuration = SignedDuration::from_hours(24 * 30);

/// What is asked of who answers for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ownership {
    OwnedObjects(Key),
    DirectReports(Key),
    Sponsors(Key),
    SponsorOf(Key),
    AddSponsor(Key),
    /// The sponsor's object id, lower case.
    RemoveSponsor(Key, String),
    GroupOwners(GroupKey),
    AddGroupOwner(GroupKey),
    /// The owner's object id, lower case.
    RemoveGroupOwner(GroupKey, String),
    AppOwners(App),
    AddAppOwner(App),
}

/// How an application is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct App {
    /// It is a service principal, not a registration.
    pub(crate) service: bool,
    /// Object id, lower case.
    pub(crate) id: String,
}

/// An application as the directory keeps it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppRecord {
    pub(crate) id: String,
    /// It is a service principal, not a registration.
    pub(crate) service: bool,
    /// Those that are set, by name.
    #[serde(rename = "app")]
    pub(crate) properties: Map<String, Json>,
    /// Object ids.
    pub(crate) owners: BTreeSet<String>,
}

impl Kept for AppRecord {
    fn id(&self) -> &str {
        &self.id
    }

    fn live(&self) -> bool {
        true
    }
}

impl State {
    /// Carries out a routed call about who answers for what.
    ///
    /// # Errors
    /// The refusal; nothing has changed then.
    pub(crate) fn execute_ownership(
        &mut self,
        route: Ownership,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        match route {
            Ownership::OwnedObjects(key) => self.owned_objects(&key, call, now),
            Ownership::DirectReports(key) => {
                let query = self.of_users(call)?;
                let user = self.seen(&key, now)?;
                let of = |record: &&Arc<Record>| record.manager.as_deref() == Some(&*user.id);
                Ok(self.users_of(call, &query, &user.id, now, of))
            }
            Ownership::SponsorOf(key) => {
                let query = self.of_users(call)?;
                let user = self.seen(&key, now)?;
                let of = |record: &&Arc<Record>| record.sponsors.contains(&user.id);
                Ok(self.users_of(call, &query, &user.id, now, of))
            }
            Ownership::Sponsors(key) => {
                let query = self.of_users(call)?;
                let user = self.seen(&key, now)?;
                let of = |record: &&Arc<Record>| user.sponsors.contains(&record.id);
                Ok(self.users_of(call, &query, &user.id, now, of))
            }
            Ownership::AddSponsor(key) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::WRITE)?;
                let link = link(call)?;
                let mut record = Record::clone(&*self.find(&key, now)?);
                let sponsor = self.referred(&link, now)?;
                let there = record.sponsors.len();
                add(
                    &mut record.sponsors,
                    sponsor,
                    "sponsors",
                    SPONSORS_MAX,
                    there,
                )?;
                self.store(record, now, Answer::no_content())
            }
            Ownership::RemoveSponsor(key, sponsor) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::WRITE)?;
                let mut record = Record::clone(&*self.find(&key, now)?);
                if !record.sponsors.remove(&sponsor) {
                    return Err(Refusal::not_found(Some(&sponsor)));
                }
                self.store(record, now, Answer::no_content())
            }
            Ownership::GroupOwners(key) => {
                let query = query::of_members(call.query, USER)?;
                roles::any(&self.options.roles, roles::GROUP_READ)?;
                roles::read(&self.options.roles, query.select.as_deref())?;
                let group = self.seen_group(&key, now)?;
                Ok(self.owners_of(call, &query, &group.id, &group.owners, now))
            }
            Ownership::AddGroupOwner(key) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::GROUP_WRITE)?;
                let link = link(call)?;
                let mut group = Group::clone(&*self.find_group(&key)?);
                let owner = self.referred(&link, now)?;
                let there = self.there(&group.owners);
                add(&mut group.owners, owner, "owners", OWNERS_MAX, there)?;
                self.store_group(group, None, now, Answer::no_content())
            }
            Ownership::RemoveGroupOwner(key, owner) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::GROUP_WRITE)?;
                let mut group = Group::clone(&*self.find_group(&key)?);
                if !group.owners.remove(&owner) {
                    return Err(Refusal::not_found(Some(&owner)));
                }
                // The words of this refusal are not documented.
                if self.there(&group.owners) == 0 {
                    return Err(Refusal::bad(
                        "The group must have at least one owner, hence this owner cannot be \
                         removed.",
                    ));
                }
                self.store_group(group, None, now, Answer::no_content())
            }
            Ownership::AppOwners(app) => {
                let query = query::of_members(call.query, USER)?;
                roles::any(&self.options.roles, roles::APP_READ)?;
                let app = self.app(&app)?;
                Ok(self.owners_of(call, &query, &app.id, &app.owners, now))
            }
            Ownership::AddAppOwner(app) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::APP_WRITE)?;
                let link = link(call)?;
                let mut app = AppRecord::clone(&*self.app(&app)?);
                let owner = self.referred(&link, now)?;
                let there = self.there(&app.owners);
                add(&mut app.owners, owner, "owners", OWNERS_MAX, there)?;
                let id = app.id.clone();
                self.commit_app(app)?;
                Ok(Done {
                    answer: Answer::no_content(),
                    object: Some(id),
                    changed: true,
                })
            }
        }
    }

    /// The options of a list of users that others are related to.
    fn of_users(&self, call: &Call<'_>) -> Result<Query, Refusal> {
        let query = query::of_members(call.query, USER)?;
        roles::read(&self.options.roles, query.select.as_deref())?;
        Ok(query)
    }

    /// Users that something else is related to.
    pub(crate) fn users_of(
        &self,
        call: &Call<'_>,
        query: &Query,
        object: &str,
        now: Timestamp,
        of: impl Fn(&&Arc<Record>) -> bool,
    ) -> Done {
        let found = self.directory.replicas(query.after.as_deref(), now);
        let found = found.filter(of).map(|user| self.ledger.user(user, query));
        let page = related(call, query, call.path.trim_start_matches('/'), found);
        Done::read(Answer::ok(page), Some(object))
    }

    fn owners_of(
        &self,
        call: &Call<'_>,
        query: &Query,
        object: &str,
        owners: &BTreeSet<String>,
        now: Timestamp,
    ) -> Done {
        self.users_of(call, query, object, now, |user| owners.contains(&user.id))
    }

    /// How many of them are not in the bin.
    fn there(&self, owners: &BTreeSet<String>) -> usize {
        let there = owners
            .iter()
            .filter(|id| self.directory.current(id).is_some());
        there.count()
    }

    /// Groups first, then applications; what we may not read shows its type and id alone.
    fn owned_objects(&self, key: &Key, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let query = query::of_members(call.query, GROUP)?;
        roles::any(&self.options.roles, roles::READ)?;
        let user = self.seen(key, now)?;
        let after = query.after.as_deref();
        let groups = self.groups.replicas(None, now);
        let groups = groups.filter(|group| group.owners.contains(&user.id));
        let readable = roles::any(&self.options.roles, roles::GROUP_READ).is_ok();
        let groups = groups.map(|group| {
            let seen: Cow<'_, Group> = self.ledger.group(group, &query);
            let members = if readable {
                shown(&query, &*seen)
            } else {
                Map::from_iter([("id".to_owned(), Json::from(group.id.as_str()))])
            };
            (group.id.clone(), GROUP, members)
        });
        let apps = self.apps.all().filter(|app| app.owners.contains(&user.id));
        let apps = apps.map(|app| {
            let of = if app.service { SERVICE } else { APPLICATION };
            let id = Map::from_iter([("id".to_owned(), Json::from(app.id.as_str()))]);
            (app.id.clone(), of, id)
        });
        let mut found: Vec<(String, &str, Map<String, Json>)> = groups.chain(apps).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.retain(|(id, ..)| after.is_none_or(|after| id.as_str() > after));
        let page = related_any(call, &query, call.path.trim_start_matches('/'), found);
        Ok(Done::read(Answer::ok(page), Some(&user.id)))
    }

    fn app(&self, app: &App) -> Result<Arc<AppRecord>, Refusal> {
        let found = self.apps.current(&app.id);
        let found = found.filter(|it| it.service == app.service).cloned();
        found.ok_or_else(|| Refusal::not_found(Some(&app.id)))
    }

    fn commit_app(&mut self, app: AppRecord) -> Result<(), Refusal> {
        self.write(&[crate::journal::Line::App(app.clone())])?;
        self.apps.put(Arc::new(app), None);
        Ok(())
    }

    /// Makes an application without a caller: replicas know it at once.
    pub(crate) fn seed_app(
        &mut self,
        service: bool,
        body: &Json,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let mut properties = body.as_object().cloned().ok_or_else(not_json)?;
        let mut owners = BTreeSet::new();
        if let Some(Json::Array(links)) = properties.remove("owners@odata.bind") {
            for link in links {
                owners.insert(self.referred(link.as_str().unwrap_or_default(), now)?);
            }
        }
        let app = AppRecord {
            id: self.apps.next_id(),
            service,
            properties,
            owners,
        };
        let id = app.id.clone();
        self.commit_app(app)?;
        Ok(id)
    }

    /// Makes a sponsor without a caller.
    pub(crate) fn seed_sponsor(
        &mut self,
        guest: &str,
        sponsor: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut record = Record::clone(&*self.find(&Key::Id(guest.to_owned()), now)?);
        let sponsor = self.find(&Key::Id(sponsor.to_owned()), now)?;
        record.sponsors.insert(sponsor.id.clone());
        self.store(record, now, Answer::no_content()).map(|_| ())
    }

    /// Makes an owner of a group without a caller.
    pub(crate) fn seed_owner(
        &mut self,
        group: &str,
        owner: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut group = Group::clone(&*self.find_group(&GroupKey::Id(group.to_owned()))?);
        let owner = self.find(&Key::Id(owner.to_owned()), now)?;
        group.owners.insert(owner.id.clone());
        let stored = self.store_group(group, None, now, Answer::no_content());
        stored.map(|_| ())
    }

    /// Brings a user back from the bin ("Restore deleted item").
    pub(crate) fn restore(
        &mut self,
        id: &str,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        roles::any(&self.options.roles, roles::DELETE)?;
        without_parameters(call)?;
        let mut record = Record::clone(&*self.binned(id, now)?);
        let name = record.name();
        if name.is_some_and(|name| self.directory.name_taken(&name, None)) {
            return Err(Refusal::name_taken());
        }
        record.deleted = None;
        let query = query::of_one(None, USER)?;
        let mut answer = Json::Object(shown(&query, &record));
        answer["@odata.type"] = json!(format!("#{}", Record::TYPE));
        self.store_new(record, now, Answer::new(StatusCode::OK, Some(answer)))
    }

    /// A user in the bin, by object id.
    ///
    /// # Errors
    /// 404 for whoever is not there, and for whoever was there for too long.
    fn binned(&self, id: &str, now: Timestamp) -> Result<Arc<Record>, Refusal> {
        let found = self.directory.all().find(|record| record.id == id);
        let found = found.filter(|record| {
            let deleted = record.deleted;
            deleted.is_some_and(|at| now.duration_since(at) < BIN)
        });
        found.cloned().ok_or_else(|| Refusal::not_found(Some(id)))
    }

    /// Users in the bin ("List deletedItems", users), by id alone.
    pub(crate) fn list_bin(&self, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let query = query::of_list(call.query, USER)?;
        roles::read(&self.options.roles, query.select.as_deref())?;
        let ids = match &query.filter {
            Some(filter) if filter.by == query::By::Id => &filter.texts,
            Some(_) | None => {
                let message = "Deleted users are served here by their ids only.";
                return Err(Refusal::unsupported(message));
            }
        };
        let found: Vec<Arc<Record>> = ids
            .iter()
            .filter_map(|id| self.binned(id, now).ok())
            .collect();
        let page = crate::entity::page(
            call,
            &query,
            "directory/deletedItems/microsoft.graph.user",
            found.iter().map(|record| Cow::Borrowed(&**record)),
        );
        Ok(Done::read(Answer::ok(page), None))
    }
}

/// The body of a reference.
fn link(call: &Call<'_>) -> Result<String, Refusal> {
    let body = object(call)?;
    let link = body.get("@odata.id").and_then(Json::as_str);
    let link = link.filter(|_| body.len() == 1);
    link.map(str::to_owned)
        .ok_or_else(|| Refusal::bad("The body of a reference is an object with '@odata.id' alone."))
}

/// One more; `there` are those that count.
fn add(
    all: &mut BTreeSet<String>,
    one: String,
    navigation: &str,
    most: usize,
    there: usize,
) -> Result<(), Refusal> {
    if all.contains(&one) {
        return Err(Refusal::bad(format!(
            "One or more added object references already exist for the following modified \
             properties: '{navigation}'."
        )));
    }
    if there >= most {
        return Err(Refusal::bad(format!(
            "The number of references of '{navigation}' is limited to {most}."
        )));
    }
    all.insert(one);
    Ok(())
}
