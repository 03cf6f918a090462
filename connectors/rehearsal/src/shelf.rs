//! Objects of one kind, and what a lagging replica shows of them.
//!
//! A change is known at once to writes and to reads by object id; everything else sees it after
//! the replication delay, and so do reads by id of an object that is new ("Designing for Eventual
//! Consistency for Microsoft Entra"). Invariant: an object is replaced whole.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::seeded::Seeded;

/// What can stand on a shelf.
pub(crate) trait Kept {
    /// Object id.
    fn id(&self) -> &str;
    /// Not deleted.
    fn live(&self) -> bool;
}

struct Object<T> {
    current: Arc<T>,
    /// Until that instant, replicas show this instead; oldest first, `None`: nothing yet.
    lag: VecDeque<(Timestamp, Option<Arc<T>>)>,
}

impl<T: Kept> Object<T> {
    /// What replicas have: the oldest state that they still lag behind with.
    fn shown(&self, now: Timestamp) -> Option<&Arc<T>> {
        let lagging = self.lag.iter().find(|(until, _)| *until > now);
        lagging.map_or(Some(&self.current), |(_, old)| old.as_ref())
    }

    fn replica(&self, now: Timestamp) -> Option<&Arc<T>> {
        self.shown(now).filter(|object| object.live())
    }
}

/// Deleted objects stay on it.
pub(crate) struct Shelf<T> {
    objects: BTreeMap<String, Object<T>>,
    /// Objects whose replicas may lag, until when.
    lagging: VecDeque<(Timestamp, String)>,
    delay: SignedDuration,
    made: u64,
    ids: Seeded,
}

impl<T: Kept> Shelf<T> {
    pub(crate) fn new(delay: Duration, ids: Seeded) -> Self {
        Self {
            objects: BTreeMap::new(),
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

    /// Makes or replaces an object, and gives what was there. `at` is when replicas are told;
    /// `None`: they know already.
    pub(crate) fn put(&mut self, new: Arc<T>, at: Option<Timestamp>) -> Option<Arc<T>> {
        let id = new.id().to_owned();
        let object = self.objects.entry(id.clone());
        let old = match &object {
            std::collections::btree_map::Entry::Occupied(there) => {
                Some(Arc::clone(&there.get().current))
            }
            std::collections::btree_map::Entry::Vacant(_) => {
                self.made += 1;
                None
            }
        };
        let object = object.or_insert_with(|| Object {
            current: Arc::clone(&new),
            lag: VecDeque::new(),
        });
        object.current = new;
        if let Some(at) = at.filter(|_| !self.delay.is_zero()) {
            let until = at.checked_add(self.delay).unwrap_or(Timestamp::MAX);
            object.lag.push_back((until, old.clone()));
            self.lagging.push_back((until, id));
        }
        old
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

    /// An object that is there, as writes see it.
    pub(crate) fn current(&self, id: &str) -> Option<&Arc<T>> {
        self.objects
            .get(id)
            .map(|object| &object.current)
            .filter(|object| object.live())
    }

    /// An object in whichever state.
    pub(crate) fn whatever(&self, id: &str) -> Option<&Arc<T>> {
        self.objects.get(id).map(|object| &object.current)
    }

    /// Whether replicas know of the object at all, in whichever state.
    pub(crate) fn arrived(&self, id: &str, now: Timestamp) -> bool {
        self.objects
            .get(id)
            .is_some_and(|object| object.shown(now).is_some())
    }

    /// An object as replicas show it.
    pub(crate) fn replica(&self, id: &str, now: Timestamp) -> Option<&Arc<T>> {
        self.objects.get(id)?.replica(now)
    }

    /// Those that an index names, as replicas show them. An index knows the newest state only;
    /// what lags may still be shown under an older one, so that it is among them.
    pub(crate) fn candidates<'a>(
        &'a self,
        known: impl Iterator<Item = &'a String>,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Arc<T>> {
        let lagging = self.lagging.iter().map(|(_, id)| id);
        known
            .chain(lagging)
            .filter_map(move |id| self.replica(id, now))
    }

    /// Objects as replicas show them, in order of id, from behind `after`.
    pub(crate) fn replicas(
        &self,
        after: Option<&str>,
        now: Timestamp,
    ) -> impl Iterator<Item = &Arc<T>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let objects = self.objects.range::<str, _>((from, Bound::Unbounded));
        objects.filter_map(move |(_, object)| object.replica(now))
    }

    /// Every object, deleted ones included, by id.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<T>> {
        self.objects.values().map(|object| &object.current)
    }
}
