//! The chain: which entries of the log can be believed.
//!
//! It is read from its newest entry down. What the entry above says, a head that was noted or a
//! signature decides what an entry has to hash to, so that of two that do not fit the one that was
//! touched is named. Invariant: of an entry that is not believed nothing is used.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use rollcall_core::digest::sha256;

use super::{Noted, Wrong, strict, unreadable};
use crate::log::{self, Entry};
use crate::store::{Listed, Store, StoreError, parse};

/// No entry is larger: it is read as a whole.
const ENTRY_MAX: u64 = 64 * 1024 * 1024;
/// Entries that are read at once.
const READS: usize = 8;
/// Entries missing in a row that are named one by one.
const NAMED_MAX: u64 = 1000;

/// What can be believed.
pub(super) struct Chain {
    /// Entries and their hashes.
    pub(super) sound: BTreeMap<u64, String>,
    /// Generation of the newest entry, sound or not.
    pub(super) newest: u64,
    /// All of it is sound.
    pub(super) whole: bool,
}

impl Chain {
    /// The newest entry, where it can be believed.
    pub(super) fn head(&self) -> Option<String> {
        let sha256 = self.sound.get(&self.newest)?;
        Some(format!("{}:{sha256}", self.newest))
    }
}

/// What an entry looks like from outside.
struct Link {
    sha256: String,
    previous: Option<String>,
    /// What is wrong with it, whatever it hashes to.
    wrong: Option<String>,
}

/// Reads the log. `noted` are hashes that are known from elsewhere, and who says so.
///
/// # Errors
/// When the log cannot be listed.
pub(super) async fn read(
    store: &Store,
    noted: &[(Noted, String)],
    wrong: &mut Wrong,
) -> Result<Chain, StoreError> {
    let listed = store.list("log").await?;
    let mut entries = Vec::new();
    for it in &listed {
        match generation(&it.key) {
            Some(generation) => entries.push((generation, it)),
            None => wrong.add(&it.key, "is no entry of the log: those have 12 digits"),
        }
    }
    let reads = entries
        .into_iter()
        .map(|(generation, listed)| async move { (generation, link(store, listed).await) });
    let links: BTreeMap<u64, Link> = Box::pin(stream::iter(reads).buffered(READS))
        .collect()
        .await;
    let newest = links
        .last_key_value()
        .map_or(0, |(generation, _)| *generation);
    let mut chain = Chain {
        sound: BTreeMap::new(),
        newest,
        whole: true,
    };
    for (head, who) in noted.iter().filter(|(head, _)| head.generation > newest) {
        chain.whole = false;
        let why = format!("is missing: {who} is of it");
        wrong.add(&log::key(head.generation), why);
    }
    // What the entry at hand hashes to, where somebody who is believed says so.
    let mut expected: Option<&str> = None;
    let mut above = newest + 1;
    for (generation, link) in links.iter().rev() {
        if above != generation + 1 {
            missing(*generation + 1, above - 1, &mut chain, wrong);
            expected = None;
        }
        above = *generation;
        let key = log::key(*generation);
        let mut why = link.wrong.clone();
        if let Some(hash) = expected.filter(|hash| *hash != link.sha256) {
            why.get_or_insert_with(|| {
                format!(
                    "was changed: it hashes to {}, the entry after it says {hash}",
                    link.sha256
                )
            });
        }
        for (head, who) in noted.iter().filter(|it| it.0.generation == *generation) {
            if head.sha256 != link.sha256 {
                why.get_or_insert_with(|| {
                    format!(
                        "was changed: it hashes to {}, {who} says {}",
                        link.sha256, head.sha256
                    )
                });
            }
        }
        if let Some(why) = why {
            let why = format!("{why}; what it accepts is not judged");
            wrong.add(&key, why);
            chain.whole = false;
            expected = None;
            continue;
        }
        chain.sound.insert(*generation, link.sha256.clone());
        expected = link.previous.as_deref();
    }
    if above > 1 && newest > 0 {
        missing(1, above - 1, &mut chain, wrong);
    }
    Ok(chain)
}

/// Names entries from `first` to `last`.
fn missing(first: u64, last: u64, chain: &mut Chain, wrong: &mut Wrong) {
    chain.whole = false;
    for generation in (first..=last).take(usize::try_from(NAMED_MAX).unwrap_or(usize::MAX)) {
        wrong.add(&log::key(generation), "is missing");
    }
    if last - first >= NAMED_MAX {
        wrong.add(
            &log::key(last),
            format!("is missing, and all from {first} on"),
        );
    }
}

fn generation(key: &str) -> Option<u64> {
    let digits = key.strip_prefix("log/")?.strip_suffix(".json")?;
    let generation = digits.parse().ok()?;
    (generation > 0 && log::key(generation) == key).then_some(generation)
}

async fn link(store: &Store, listed: &Listed) -> Link {
    let wrong = |why: String| Link {
        sha256: String::new(),
        previous: None,
        wrong: Some(why),
    };
    if listed.bytes > ENTRY_MAX {
        return wrong(format!(
            "is no entry of the log: it has {} bytes",
            listed.bytes
        ));
    }
    let bytes = match store.get(&listed.key).await {
        Ok(bytes) => bytes,
        Err(error) => return wrong(unreadable(&error)),
    };
    let entry: Entry = match parse(&listed.key, &bytes) {
        Ok(entry) => entry,
        Err(error) => return wrong(unreadable(&error)),
    };
    let other = log::key(entry.generation) != listed.key;
    let first = entry.generation == 1;
    let why = match strict::ambiguous(&bytes) {
        Some(place) => Some(format!("can be read in two ways: {place}")),
        None if other => Some(format!("says that it is generation {}", entry.generation)),
        None if first && entry.previous.is_some() => {
            Some("names an entry before it, and is the first".to_owned())
        }
        None if !first && entry.previous.is_none() => {
            Some("names no entry before it, and is not the first".to_owned())
        }
        None if entry.format_version != log::FORMAT_VERSION => Some(format!(
            "has format_version {}; this version reads {}",
            entry.format_version,
            log::FORMAT_VERSION
        )),
        None => None,
    };
    Link {
        sha256: sha256(&bytes),
        previous: entry.previous,
        wrong: why,
    }
}
