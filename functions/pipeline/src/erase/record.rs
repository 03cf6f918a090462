//! What the chain keeps of an erasure: whose values went, which objects are others since then, and
//! what of the plans of that time can no longer be made again.
//!
//! Ids, hashes and instants alone. Invariant: an object that an erasure changed is known by the hash
//! that it left; any other bytes there are tampering as before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::model::{OrderId, PersonKey, RunId, WorkerId};
use serde::{Deserialize, Serialize};

use crate::log::{self, Approver, Event, Head};
use crate::store::{ObjectRef, Store, StoreError, parse};

/// Version of both forms.
pub(super) const FORMAT_VERSION: u32 = 1;

/// `runs/<run>/erasure.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The version of this form.
    pub format_version: u32,
    /// Whose values were erased.
    pub person: PersonKey,
    /// The worker ids of their employments.
    pub workers: BTreeSet<WorkerId>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Approver,
    /// What was rewritten or deleted.
    pub objects: Vec<Replaced>,
    /// Generations of plans that could not be made again before: the erasure explains nothing of them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub not_made_again: Vec<u64>,
}

/// An object that an erasure rewrote or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Where.
    pub key: String,
    /// SHA-256 of what lay there.
    pub was: String,
    /// SHA-256 of what lies there since; `None`: nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub is: Option<String>,
}

/// `runs/<run>/replays.json`: what of earlier plans cannot be made again since an erasure, beside the
/// orders of the person whose values are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replays {
    /// The version of this form.
    pub format_version: u32,
    /// By plan.
    pub plans: Vec<Apart>,
}

/// A plan of which something cannot be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// Generation of its log entry.
    pub generation: u64,
    /// Its run.
    pub run: RunId,
    /// Orders of others that follow from an erased value.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub orders: Vec<OrderId>,
    /// Nothing of it can be made again, and why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nothing: Option<String>,
}

/// The erasures of a log.
#[derive(Debug, Clone, Default)]
pub struct Erasures {
    /// With the generation at which they were erased last.
    persons: BTreeMap<PersonKey, u64>,
    /// With the generation of the erasure, oldest first.
    objects: BTreeMap<String, Vec<(u64, Replaced)>>,
    apart: BTreeMap<u64, Vec<Apart>>,
    /// Erasures that were not brought to their end.
    open: BTreeSet<u64>,
    unread: bool,
}

/// What erasures left of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left<'a> {
    /// What the last of them found.
    pub was: &'a str,
    /// What it left; `None`: nothing.
    pub is: Option<&'a str>,
    /// It is not brought to its end: both may lie there.
    pub open: bool,
}

impl Erasures {
    /// All that are in the log.
    ///
    /// # Errors
    /// When one cannot be read, or is not what the log says.
    pub async fn read(store: &Store, head: &Head) -> Result<Self, StoreError> {
        let mut out = Self::default();
        for generation in &head.standing.erased {
            out.add(store, *generation, head.generation).await?;
        }
        Ok(out)
    }

    /// Those of a log of which only some entries are believed.
    pub(crate) async fn believed(store: &Store, sound: &BTreeMap<u64, String>) -> Self {
        let mut out = Self::default();
        let Some(newest) = sound.last_key_value().map(|(newest, _)| *newest) else {
            return out;
        };
        let erased = match log::entry(store, newest).await {
            Ok((entry, _)) => entry.standing.erased,
            // It is named by whoever walks the log.
            Err(_) => Vec::new(),
        };
        for generation in erased {
            let believed = sound.contains_key(&generation);
            let added = believed && out.add(store, generation, newest).await.is_ok();
            out.unread |= !added;
        }
        out
    }

    async fn add(&mut self, store: &Store, generation: u64, newest: u64) -> Result<(), StoreError> {
        let (entry, _) = log::entry(store, generation).await?;
        for object in entry.accepts.iter().filter(|it| it.is("erasure.json")) {
            self.take(generation, unchanged(store, object).await?);
        }
        // What cannot be made again is known once the values are gone, and closes the run.
        for next in generation + 1..=newest {
            let (closing, _) = log::entry(store, next).await?;
            if closing.run != entry.run {
                continue;
            }
            for object in closing.accepts.iter().filter(|it| it.is("replays.json")) {
                let replays: Replays = unchanged(store, object).await?;
                for apart in replays.plans {
                    self.apart.entry(apart.generation).or_default().push(apart);
                }
            }
            if matches!(closing.event, Event::Close(_)) {
                return Ok(());
            }
        }
        self.open.insert(generation);
        Ok(())
    }

    /// Everything that the log has of erasures could be read.
    pub(crate) fn is_whole(&self) -> bool {
        !self.unread
    }

    fn take(&mut self, generation: u64, erasure: Erasure) {
        let last = self.persons.entry(erasure.person).or_default();
        *last = generation.max(*last);
        for object in erasure.objects {
            let known = self.objects.entry(object.key.clone()).or_default();
            known.push((generation, object));
        }
    }

    /// Whose values are gone that an entry was made with.
    pub(crate) fn since(&self, generation: u64) -> BTreeSet<PersonKey> {
        let later = self.persons.iter().filter(|(_, at)| **at > generation);
        later.map(|(person, _)| person.clone()).collect()
    }

    /// What erasures left of an object; `None`: none changed it.
    pub fn left<'a>(&'a self, object: &'a ObjectRef) -> Option<Left<'a>> {
        let mut left = Left {
            was: &object.sha256,
            is: Some(object.sha256.as_str()),
            open: false,
        };
        let mut found = false;
        for (generation, replaced) in self.objects.get(&object.key)? {
            if left.is == Some(replaced.was.as_str()) {
                found = true;
                left = Left {
                    was: &replaced.was,
                    is: replaced.is.as_deref(),
                    open: self.open.contains(generation),
                };
            }
        }
        found.then_some(left)
    }

    /// Whether an erasure changed any of these.
    pub fn touched<'a>(&self, objects: impl IntoIterator<Item = &'a ObjectRef>) -> bool {
        objects.into_iter().any(|it| self.left(it).is_some())
    }

    /// What of a plan cannot be made again: `None` where nothing is known of it.
    pub(crate) fn apart(&self, generation: u64) -> Option<&[Apart]> {
        self.apart.get(&generation).map(Vec::as_slice)
    }
}

/// What an object says, where it is what the log says.
async fn unchanged<T: serde::de::DeserializeOwned>(
    store: &Store,
    object: &ObjectRef,
) -> Result<T, StoreError> {
    let bytes = store.get(&object.key).await?;
    if rollcall_core::digest::sha256(&bytes) != object.sha256 {
        return Err(StoreError::Corrupt {
            key: object.key.clone(),
            why: "it is not what the log says".to_owned(),
        });
    }
    parse(&object.key, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erasure(objects: Vec<Replaced>) -> Erasure {
        Erasure {
            format_version: FORMAT_VERSION,
            person: PersonKey::new("1001"),
            workers: BTreeSet::from([WorkerId::new("1001")]),
            at: "2026-06-01T08:00:00Z".parse().unwrap(),
            by: Approver("os:kim:1000".to_owned()),
            objects,
            not_made_again: Vec::new(),
        }
    }

    fn replaced(key: &str, was: &str, is: Option<&str>) -> Replaced {
        Replaced {
            key: key.to_owned(),
            was: was.to_owned(),
            is: is.map(str::to_owned),
        }
    }

    fn object(key: &str, sha256: &str) -> ObjectRef {
        ObjectRef {
            key: key.to_owned(),
            sha256: sha256.to_owned(),
            bytes: 1,
        }
    }

    #[test]
    fn the_last_of_several_erasures_says_what_lies_there() {
        let mut all = Erasures::default();
        all.take(
            4,
            erasure(vec![replaced("values/r/rows.csv", "a", Some("b"))]),
        );
        let second = vec![
            replaced("values/r/rows.csv", "b", Some("c")),
            replaced("values/r/n.json", "x", None),
        ];
        all.take(9, erasure(second));
        let left = |key, hash| {
            let object = object(key, hash);
            all.left(&object).map(|it| it.is.map(str::to_owned))
        };
        assert_eq!(left("values/r/rows.csv", "a"), Some(Some("c".to_owned())));
        assert_eq!(left("values/r/n.json", "x"), Some(None));
        // Other bytes than those that were erased were never explained.
        assert_eq!(left("values/r/rows.csv", "z"), None);
        assert_eq!(left("values/r/other", "a"), None);
        // What was planned after it was planned without the values.
        assert_eq!(all.since(8), BTreeSet::from([PersonKey::new("1001")]));
        assert_eq!(all.since(9), BTreeSet::new());
    }
}
