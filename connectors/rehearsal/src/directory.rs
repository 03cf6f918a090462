//! The users and their indexes. Invariant: the indexes follow from the records.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::licences::ledger::Direct;
use crate::privileges::{AppRole, HeldRole};
use crate::seeded::Seeded;
use crate::shelf::{Kept, Shelf};
use crate::sign_in::Method;

/// A user as the directory keeps it. Never a password: only that one was set.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) id: String,
    /// Those that are set, by name; `id` is not among them.
    pub(crate) properties: Map<String, Json>,
    /// Object id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) manager: Option<String>,
    /// Object ids.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) sponsors: BTreeSet<String>,
    pub(crate) password_set: bool,
    /// How often the password was set since the user was made.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub(crate) password_resets: u32,
    /// What the user registered to sign in with, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) methods: BTreeMap<String, Method>,
    /// How many Temporary Access Passes were made.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub(crate) passes_issued: u32,
    /// Roles in the directory.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) roles: BTreeSet<HeldRole>,
    /// Roles in applications, by the id of the assignment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) app_roles: BTreeMap<String, AppRole>,
    /// Those that were assigned directly, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) licences: BTreeMap<String, Direct>,
    /// When it was soft-deleted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) deleted: Option<Timestamp>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes references to the field"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Record {
    fn text(&self, property: &str) -> Option<&str> {
        self.properties.get(property).and_then(Json::as_str)
    }

    /// The sign-in name as it is compared.
    pub(crate) fn name(&self) -> Option<String> {
        self.text("userPrincipalName").map(str::to_lowercase)
    }
}

impl Kept for Record {
    fn id(&self) -> &str {
        &self.id
    }

    fn live(&self) -> bool {
        self.deleted.is_none()
    }
}

/// All users of the tenant, deleted ones included.
pub(crate) struct Directory {
    users: Shelf<Record>,
    /// Live users by sign-in name, and by employee id.
    names: BTreeMap<String, String>,
    keys: BTreeMap<String, BTreeSet<String>>,
}

/// Reading needs no index.
impl Deref for Directory {
    type Target = Shelf<Record>;

    fn deref(&self) -> &Shelf<Record> {
        &self.users
    }
}

impl Directory {
    pub(crate) fn new(delay: Duration, ids: Seeded) -> Self {
        Self {
            users: Shelf::new(delay, ids),
            names: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// Makes or replaces a user. `at` is when replicas are told; `None`: they know already.
    pub(crate) fn put(&mut self, record: Record, at: Option<Timestamp>) {
        let record = Arc::new(record);
        if let Some(old) = self.users.put(Arc::clone(&record), at) {
            self.unindex(&old);
        }
        if record.live() {
            let id = &record.id;
            if let Some(name) = record.name() {
                self.names.insert(name, id.clone());
            }
            if let Some(key) = record.text("employeeId") {
                let ids = self.keys.entry(key.to_owned()).or_default();
                ids.insert(id.clone());
            }
        }
    }

    fn unindex(&mut self, old: &Record) {
        if !old.live() {
            return;
        }
        if let Some(name) = old.name() {
            self.names.remove(&name);
        }
        if let Some(key) = old.text("employeeId")
            && let Some(ids) = self.keys.get_mut(key)
        {
            ids.remove(&old.id);
            if ids.is_empty() {
                self.keys.remove(key);
            }
        }
    }

    /// Forgets what no replica shows any more.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        self.users.settle(now);
    }

    /// Whether another user has this sign-in name.
    pub(crate) fn name_taken(&self, name: &str, besides: Option<&str>) -> bool {
        self.names
            .get(&name.to_lowercase())
            .is_some_and(|id| Some(id.as_str()) != besides)
    }

    /// The user of a sign-in name (lower case) as replicas show it.
    pub(crate) fn by_name(&self, name: &str, now: Timestamp) -> Option<&Arc<Record>> {
        let known = self.names.get(name).into_iter();
        self.candidates(known, now)
            .find(|record| record.name().as_deref() == Some(name))
    }

    /// The users of an employee id as replicas show them, by object id.
    pub(crate) fn by_key(&self, key: &str, now: Timestamp) -> Vec<&Arc<Record>> {
        let known = self.keys.get(key).into_iter().flatten();
        let mut found: Vec<&Arc<Record>> = self
            .candidates(known, now)
            .filter(|record| record.text("employeeId") == Some(key))
            .collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found.dedup_by(|a, b| a.id == b.id);
        found
    }

    /// Users that are there.
    pub(crate) fn live(&self) -> usize {
        self.names.len()
    }
}
