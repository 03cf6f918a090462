//! The users, their indexes, and what a lagging replica shows of them.
//!
//! A change is known at once to writes and to reads by object id; reads by name, filters, lists
//! and references see it after the replication delay, and so do reads by id of an object that is
//! new ("Designing for Eventual Consistency for Microsoft Entra"). Invariant: the indexes follow
//! from the records; a record is replaced whole.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::seeded::Seeded;

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
    pub(crate) password_set: bool,
    /// When it was soft-deleted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) deleted: Option<Timestamp>,
}

impl Record {
    fn text(&self, property: &str) -> Option<&str> {
        self.properties.get(property).and_then(Json::as_str)
    }

    /// The sign-in name as it is compared.
    pub(crate) fn name(&self) -> Option<String> {
        self.text("userPrincipalName").map(str::to_lowercase)
    }

    fn live(&self) -> bool {
        self.deleted.is_none()
    }
}

struct Object {
    current: Arc<Record>,
    /// Until that instant, replicas show this instead; oldest first, `None`: nothing yet.
    lag: VecDeque<(Timestamp, Option<Arc<Record>>)>,
}

impl Object {
    /// What replicas have: the oldest state that they still lag behind with.
    fn shown(&self, now: Timestamp) -> Option<&Arc<Record>> {
        let lagging = self.lag.iter().find(|(until, _)| *until > now);
        lagging.map_or(Some(&self.current), |(_, old)| old.as_ref())
    }

    fn replica(&self, now: Timestamp) -> Option<&Arc<Record>> {
        self.shown(now).filter(|record| record.live())
    }
}

/// All users of the tenant, deleted ones included.
pub(crate) struct Directory {
    objects: BTreeMap<String, Object>,
    /// Live users by sign-in name, and by employee id.
    names: BTreeMap<String, String>,
    keys: BTreeMap<String, BTreeSet<String>>,
    /// Objects whose replicas may lag, until when.
    lagging: VecDeque<(Timestamp, String)>,
    delay: SignedDuration,
    made: u64,
    ids: Seeded,
}

impl Directory {
    pub(crate) fn new(delay: Duration, ids: Seeded) -> Self {
        Self {
            objects: BTreeMap::new(),
            names: BTreeMap::new(),
            keys: BTreeMap::new(),
            lagging: VecDeque::new(),
            delay: SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX),
            made: 0,
            ids,
        }
    }

    /// The id of the next new object; the same until that is put.
    pub(crate) fn next_id(&self) -> String {
        self.ids.at(self.made + 1).guid()
    }

    /// Makes or replaces an object. `at` is when replicas are told; `None`: they know already.
    pub(crate) fn put(&mut self, record: Record, at: Option<Timestamp>) {
        let id = record.id.clone();
        let record = Arc::new(record);
        let old = self
            .objects
            .get(&id)
            .map(|object| Arc::clone(&object.current));
        match &old {
            None => self.made += 1,
            Some(old) => self.unindex(old),
        }
        if record.live() {
            if let Some(name) = record.name() {
                self.names.insert(name, id.clone());
            }
            if let Some(key) = record.text("employeeId") {
                self.keys
                    .entry(key.to_owned())
                    .or_default()
                    .insert(id.clone());
            }
        }
        let object = self.objects.entry(id.clone()).or_insert_with(|| Object {
            current: Arc::clone(&record),
            lag: VecDeque::new(),
        });
        object.current = record;
        if let Some(at) = at.filter(|_| !self.delay.is_zero()) {
            let until = at.checked_add(self.delay).unwrap_or(Timestamp::MAX);
            object.lag.push_back((until, old));
            self.lagging.push_back((until, id));
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
        while let Some((until, _)) = self.lagging.front()
            && *until <= now
        {
            let Some((_, id)) = self.lagging.pop_front() else {
                return;
            };
            if let Some(object) = self.objects.get_mut(&id) {
                object.lag.retain(|(until, _)| *until > now);
            }
        }
    }

    /// A user that is there, as writes see it.
    pub(crate) fn current(&self, id: &str) -> Option<&Arc<Record>> {
        self.objects
            .get(id)
            .map(|object| &object.current)
            .filter(|record| record.live())
    }

    /// Whether replicas know of the object at all, in whichever state.
    pub(crate) fn arrived(&self, id: &str, now: Timestamp) -> bool {
        self.objects
            .get(id)
            .is_some_and(|object| object.shown(now).is_some())
    }

    /// Whether another user has this sign-in name.
    pub(crate) fn name_taken(&self, name: &str, besides: Option<&str>) -> bool {
        self.names
            .get(&name.to_lowercase())
            .is_some_and(|id| Some(id.as_str()) != besides)
    }

    /// A user as replicas show it.
    pub(crate) fn replica(&self, id: &str, now: Timestamp) -> Option<&Arc<Record>> {
        self.objects.get(id)?.replica(now)
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

    /// The indexes know the newest state only; what lags may still be shown under an older one.
    fn candidates<'a>(
        &'a self,
        known: impl Iterator<Item = &'a String>,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Arc<Record>> {
        let lagging = self.lagging.iter().map(|(_, id)| id);
        known
            .chain(lagging)
            .filter_map(move |id| self.replica(id, now))
    }

    /// Users as replicas show them, in order of id, from behind `after`.
    pub(crate) fn replicas(
        &self,
        after: Option<&str>,
        now: Timestamp,
    ) -> impl Iterator<Item = &Arc<Record>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let objects = self.objects.range::<str, _>((from, Bound::Unbounded));
        objects.filter_map(move |(_, object)| object.replica(now))
    }

    /// Users that are there.
    pub(crate) fn live(&self) -> usize {
        self.names.len()
    }

    /// Every object, deleted ones included, by id.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.objects.values().map(|object| &object.current)
    }
}
