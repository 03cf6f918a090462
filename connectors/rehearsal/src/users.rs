//! Reading and writing users and managers.
//!
//! Sources: "Create user", "Update user", "List users", "Assign manager", "Delete user",
//! "user: revokeSignInSessions" (learn.microsoft.com/graph/api). Invariant: a write that is
//! answered with success is in the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::answer::Answer;
use crate::body;
use crate::directory::Record;
use crate::entity::{USER, entity, merge, page};
use crate::journal::Line;
use crate::query::{self, By};
use crate::refusal::Refusal;
use crate::roles;
use crate::route::{Key, Route, reference};
use crate::rules;
use crate::state::{Call, State};

const ORGANIZATION: &str = "microsoft.graph.organization";

/// What a call has come to.
pub(crate) struct Done {
    pub(crate) answer: Answer,
    pub(crate) object: Option<String>,
    pub(crate) changed: bool,
}

impl Done {
    pub(crate) fn read(answer: Answer, object: Option<&str>) -> Self {
        Self {
            answer,
            object: object.map(str::to_owned),
            changed: false,
        }
    }
}

impl State {
    /// Carries out a routed call.
    ///
    /// # Errors
    /// The refusal; nothing has changed then.
    pub(crate) fn execute(
        &mut self,
        route: Route,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        match route {
            Route::ListUsers => self.list(call, now),
            Route::ReadUser(key) => {
                let query = query::of_one(call.query, USER)?;
                roles::read(&self.options.roles, query.select.as_deref())?;
                let record = self.seen(&key, now)?;
                let shown = entity(call, &query, &*self.ledger.user(&record, &query));
                Ok(Done::read(Answer::ok(shown), Some(&record.id)))
            }
            Route::CreateUser => {
                query::none(call.query)?;
                let body = object(call)?;
                let record = self.new_user(&body, now)?;
                let query = query::of_one(None, USER)?;
                let shown = entity(call, &query, &record);
                let id = record.id.clone();
                self.commit(record, Some(now))?;
                let answer = Answer::new(StatusCode::CREATED, Some(shown));
                Ok(Done {
                    answer,
                    object: Some(id),
                    changed: true,
                })
            }
            Route::UpdateUser(key) => self.update(&key, call, now),
            Route::DeleteUser(key) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::DELETE)?;
                self.delete(&key, now)
            }
            Route::ReadManager(key) => {
                let query = query::of_one(call.query, USER)?;
                roles::read(&self.options.roles, query.select.as_deref())?;
                let record = self.seen(&key, now)?;
                let manager = self.manager_of(&record, now)?;
                let manager = self.ledger.user(manager, &query);
                let mut shown = entity(call, &query, &*manager);
                shown["@odata.type"] = "#microsoft.graph.user".into();
                Ok(Done::read(Answer::ok(shown), Some(&record.id)))
            }
            Route::ReadManagerReference(key) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::READ)?;
                let record = self.seen(&key, now)?;
                let manager = self.manager_of(&record, now)?;
                let root = format!("{}/v1.0", call.origin);
                let shown = json!({
                    "@odata.context": format!("{root}/$metadata#$ref"),
                    "@odata.id": format!("{root}/directoryObjects/{}", manager.id),
                });
                Ok(Done::read(Answer::ok(shown), Some(&record.id)))
            }
            Route::SetManager(key) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::WRITE)?;
                let body = object(call)?;
                let link = body
                    .get("@odata.id")
                    .and_then(Json::as_str)
                    .filter(|_| body.len() == 1);
                let link = link.ok_or_else(|| {
                    Refusal::bad("The body of a reference is an object with '@odata.id' alone.")
                })?;
                let mut record = Record::clone(&*self.find(&key, now)?);
                record.manager = Some(self.referred(link, now)?);
                self.store(record, now, Answer::no_content())
            }
            Route::ClearManager(key) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::WRITE)?;
                let mut record = Record::clone(&*self.find(&key, now)?);
                let there = record.manager.take();
                there
                    .and_then(|id| self.directory.current(&id).cloned())
                    .ok_or_else(|| Refusal::not_found(None))?;
                self.store(record, now, Answer::no_content())
            }
            Route::RevokeSessions(key) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::REVOKE)?;
                without_parameters(call)?;
                let mut record = Record::clone(&*self.find(&key, now)?);
                let since = "signInSessionsValidFromDateTime".to_owned();
                record.properties.insert(since, now.to_string().into());
                let context = format!("{}/v1.0/$metadata#Edm.Boolean", call.origin);
                let answer = Answer::ok(json!({"@odata.context": context, "value": true}));
                self.store(record, now, answer)
            }
            Route::AssignLicense(key) => self.assign_to_user(&key, call, now),
            Route::Group(route) => self.execute_group(route, call, now),
            Route::Ownership(route) => self.execute_ownership(route, call, now),
            Route::Privilege(route) => self.execute_privilege(route, call, now),
            Route::SignIn(route) => self.execute_sign_in(route, call, now),
            Route::Pass(route) => self.execute_pass(route, call, now),
            Route::Device(route) => self.execute_device(route, call, now),
            Route::Intune(route) => self.execute_intune(route, call, now),
            Route::Delta => self.delta(call, now),
            Route::ListBin => self.list_bin(call, now),
            Route::Restore(id) => self.restore(&id, call, now),
            Route::ReadOrganization => self.organization(call),
            Route::ListSkus => self.list_skus(call),
        }
    }

    fn list(&mut self, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let query = query::of_list(call.query, USER)?;
        roles::read(&self.options.roles, query.select.as_deref())?;
        let after = query.after.as_deref();
        let page = match &query.filter {
            None => {
                let found = self.directory.replicas(after, now);
                let found = found.map(|record| self.ledger.user(record, &query));
                page(call, &query, "users", found)
            }
            Some(filter) => {
                let texts = filter.texts.iter();
                let mut found: Vec<&Arc<Record>> = match filter.by {
                    By::Id => texts
                        .filter_map(|id| self.directory.replica(id, now))
                        .collect(),
                    By::Name => texts
                        .filter_map(|n| self.directory.by_name(n, now))
                        .collect(),
                    By::EmployeeId => texts
                        .flat_map(|key| self.directory.by_key(key, now))
                        .collect(),
                    By::DisplayName | By::MailNickname | By::UniqueName | By::Property(_) => {
                        Vec::new()
                    }
                };
                found.sort_by(|a, b| a.id.cmp(&b.id));
                found.dedup_by(|a, b| a.id == b.id);
                found.retain(|record| after.is_none_or(|after| record.id.as_str() > after));
                let found = found.into_iter();
                let found = found.map(|record| self.ledger.user(record, &query));
                page(call, &query, "users", found)
            }
        };
        Ok(Done::read(Answer::ok(page), None))
    }

    fn update(&mut self, key: &Key, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        query::none(call.query)?;
        let body = object(call)?;
        roles::update(&self.options.roles, &body)?;
        self.update_with(key, body, now)
    }

    fn update_with(
        &mut self,
        key: &Key,
        body: Map<String, Json>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        body::check(USER, &body)?;
        rules::update(&body, &self.options.verified_domains)?;
        let mut record = Record::clone(&*self.find(key, now)?);
        let name = body.get("userPrincipalName").and_then(Json::as_str);
        if name.is_some_and(|name| self.directory.name_taken(name, Some(&record.id))) {
            return Err(Refusal::name_taken());
        }
        record.password_resets += u32::from(body.contains_key("passwordProfile"));
        merge(&mut record, body);
        self.store(record, now, Answer::no_content())
    }

    fn delete(&mut self, key: &Key, now: Timestamp) -> Result<Done, Refusal> {
        let mut record = Record::clone(&*self.find(key, now)?);
        record.deleted = Some(now);
        self.store(record, now, Answer::no_content())
    }

    /// Changes somebody without a caller.
    pub(crate) fn change_user(
        &mut self,
        user: &str,
        properties: &Json,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let body = properties.as_object().cloned().ok_or_else(not_json)?;
        let key = Key::Id(user.to_owned());
        self.update_with(&key, body, now).map(|_| ())
    }

    /// Somebody signed in: what `signInActivity` says of it ("signInActivity resource type").
    pub(crate) fn signed_in(
        &mut self,
        user: &str,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut record = Record::clone(&*self.find(&Key::Id(user.to_owned()), now)?);
        let at = at.to_string();
        let activity = serde_json::json!({
            "lastSignInDateTime": at,
            "lastSuccessfulSignInDateTime": at,
        });
        let name = "signInActivity".to_owned();
        record.properties.insert(name, activity);
        self.store(record, now, Answer::no_content()).map(|_| ())
    }

    /// Puts somebody into the bin without a caller.
    pub(crate) fn delete_user(&mut self, user: &str, now: Timestamp) -> Result<(), Refusal> {
        self.delete(&Key::Id(user.to_owned()), now).map(|_| ())
    }

    /// A new user of this body; not stored yet.
    fn new_user(&self, body: &Map<String, Json>, now: Timestamp) -> Result<Record, Refusal> {
        body::check(USER, body)?;
        roles::create(&self.options.roles, body)?;
        self.checked(body, now)
    }

    fn checked(&self, body: &Map<String, Json>, now: Timestamp) -> Result<Record, Refusal> {
        rules::create(body, &self.options.verified_domains)?;
        let name = body
            .get("userPrincipalName")
            .and_then(Json::as_str)
            .unwrap_or_default();
        if self.directory.name_taken(name, None) {
            return Err(Refusal::name_taken());
        }
        let mut members = body.clone();
        let manager = match members.remove("manager@odata.bind") {
            Some(link) => Some(self.referred(link.as_str().unwrap_or_default(), now)?),
            None => None,
        };
        let bound = members.keys().find(|name| name.ends_with("@odata.bind"));
        if let Some(name) = bound {
            return Err(Refusal::bad(format!(
                "Annotation '{name}' is not served here."
            )));
        }
        let mut record = Record {
            id: self.directory.next_id(),
            properties: Map::new(),
            manager,
            sponsors: BTreeSet::new(),
            password_set: false,
            password_resets: 0,
            methods: BTreeMap::new(),
            passes_issued: 0,
            roles: BTreeSet::new(),
            app_roles: BTreeMap::new(),
            licences: BTreeMap::new(),
            deleted: None,
        };
        record
            .properties
            .insert("createdDateTime".to_owned(), now.to_string().into());
        record
            .properties
            .insert("userType".to_owned(), "Member".into());
        merge(&mut record, members);
        Ok(record)
    }

    /// Makes a user without a caller: no permission is asked for, everything else is, and
    /// replicas know it at once.
    pub(crate) fn seed(&mut self, body: &Json, now: Timestamp) -> Result<String, Refusal> {
        let body = body.as_object().ok_or_else(not_json)?;
        body::check(USER, body)?;
        let record = self.checked(body, now)?;
        let id = record.id.clone();
        self.commit(record, None)?;
        Ok(id)
    }

    /// The newest state of a user; by name only once replicas know that name.
    pub(crate) fn find(&self, key: &Key, now: Timestamp) -> Result<Arc<Record>, Refusal> {
        let id = match key {
            Key::Id(id) => Some(id.as_str()),
            Key::Name(name) => self
                .directory
                .by_name(name, now)
                .map(|record| record.id.as_str()),
        };
        let found = id.and_then(|id| self.directory.current(id));
        found.cloned().ok_or_else(|| Refusal::not_found(id))
    }

    /// A user to read: one that is new is not there before replicas know of it, by id neither.
    pub(crate) fn seen(&self, key: &Key, now: Timestamp) -> Result<Arc<Record>, Refusal> {
        let record = self.find(key, now)?;
        if self.directory.arrived(&record.id, now) {
            Ok(record)
        } else {
            Err(Refusal::not_found(Some(&record.id)))
        }
    }

    /// The manager of a user, whom replicas must know.
    fn manager_of(&self, record: &Record, now: Timestamp) -> Result<&Arc<Record>, Refusal> {
        let manager = record.manager.as_deref();
        manager
            .and_then(|id| self.directory.replica(id, now))
            .ok_or_else(|| Refusal::not_found(None))
    }

    /// The object id behind a reference, which replicas must know.
    pub(crate) fn referred(&self, link: &str, now: Timestamp) -> Result<String, Refusal> {
        let record = match reference(link)? {
            Key::Id(id) => self.directory.replica(&id, now),
            Key::Name(name) => self.directory.by_name(&name, now),
        };
        record
            .map(|record| record.id.clone())
            .ok_or_else(|| Refusal::not_found(None))
    }

    /// Keeps a user that writes do not see yet: one that comes back.
    pub(crate) fn store_new(
        &mut self,
        record: Record,
        now: Timestamp,
        answer: Answer,
    ) -> Result<Done, Refusal> {
        let object = Some(record.id.clone());
        self.commit(record, Some(now))?;
        Ok(Done {
            answer,
            object,
            changed: true,
        })
    }

    pub(crate) fn store(
        &mut self,
        record: Record,
        now: Timestamp,
        answer: Answer,
    ) -> Result<Done, Refusal> {
        let object = Some(record.id.clone());
        let same = self
            .directory
            .current(&record.id)
            .is_some_and(|old| **old == record);
        if !same {
            self.commit(record, Some(now))?;
        }
        Ok(Done {
            answer,
            object,
            changed: !same,
        })
    }

    /// Journal first, then memory: what is not in the journal has not happened.
    fn commit(&mut self, record: Record, at: Option<Timestamp>) -> Result<(), Refusal> {
        self.write(&[Line::User(record.clone())])?;
        self.keep_user(record, at);
        Ok(())
    }

    /// Keeps what is about to happen.
    ///
    /// # Errors
    /// 503 when the journal cannot be written.
    pub(crate) fn write(&mut self, lines: &[Line]) -> Result<(), Refusal> {
        match self.journal.as_mut().map(|journal| journal.append(lines)) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                tracing::error!(kind = %error.kind(), "The rehearsal journal cannot be written.");
                Err(Refusal::unavailable(None))
            }
        }
    }

    fn organization(&self, call: &Call<'_>) -> Result<Done, Refusal> {
        let query = query::of_one(call.query, ORGANIZATION)?;
        roles::any(&self.options.roles, roles::ORGANIZATION)?;
        let domains = self.options.verified_domains.iter().enumerate().map(|(at, name)| {
            json!({"name": name, "isDefault": at == 0, "isInitial": at == 0, "type": "Managed"})
        });
        let mut full = Map::new();
        full.insert("displayName".to_owned(), "Rehearsal tenant".into());
        full.insert("id".to_owned(), self.options.tenant_id.clone().into());
        full.insert("verifiedDomains".to_owned(), Json::Array(domains.collect()));
        let shown = match &query.select {
            None => full,
            Some(names) => names
                .iter()
                .map(|name| (name.clone(), full.get(name).cloned().unwrap_or(Json::Null)))
                .collect(),
        };
        let context = format!("{}/v1.0/$metadata#organization", call.origin);
        let page = json!({"@odata.context": context, "value": [shown]});
        Ok(Done::read(Answer::ok(page), None))
    }
}

pub(crate) fn not_json() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "BadRequest",
        "Unable to read JSON request payload.",
    )
}

/// The body of an action that has no parameters.
///
/// # Errors
/// 400 where there are any.
pub(crate) fn without_parameters(call: &Call<'_>) -> Result<(), Refusal> {
    if call.body.is_empty() || object(call)?.is_empty() {
        Ok(())
    } else {
        Err(Refusal::bad("The action has no parameters."))
    }
}

/// The body as a JSON object.
pub(crate) fn object(call: &Call<'_>) -> Result<Map<String, Json>, Refusal> {
    if !call.json {
        let message = "Write requests (excluding DELETE) must contain the Content-Type header \
                       declaration.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", message));
    }
    match serde_json::from_slice(call.body) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(not_json()),
    }
}
