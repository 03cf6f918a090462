//! Signatures: whether they are by the keys that were given, and of what is in the log.
//!
//! A signature that a given key made is as good as a head that was noted: it says what an entry has
//! to hash to. One that nobody can check is compared with the log, and is the one that is wrong
//! where the two differ.

use std::collections::BTreeMap;

use serde::Serialize;

use super::chain::Chain;
use super::{Close, Noted, Wrong, unreadable};
use crate::log;
use crate::sign::{self, PublicKey, Signed, Statement};
use crate::store::Store;

/// What is read of a signature: it has a few hundred bytes.
const SIGNATURE_MAX: u64 = 64 * 1024;

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Signatures {
    /// Signatures of entries that are in the log.
    pub stored: u64,
    /// Those that were checked with a key that was given.
    pub checked: u64,
    /// Up to which generation the log is signed.
    pub to: Option<u64>,
    /// Runs that were closed after it.
    pub unsigned: u64,
}

/// A signature that has its form.
struct Read {
    key: String,
    statement: Statement,
    /// By a key that was given.
    proved: bool,
}

/// Signatures as they lie in the store.
pub(super) struct Found {
    all: Vec<Read>,
    /// Generations with any, readable or not.
    named: Vec<String>,
}

/// Reads them, and checks them with the keys that were given.
pub(super) async fn read(store: &Store, keys: &[PublicKey], wrong: &mut Wrong) -> Found {
    let (mut all, mut named) = (Vec::new(), Vec::new());
    let listed = store.list(sign::FOLDER).await.unwrap_or_else(|error| {
        wrong.add(sign::FOLDER, unreadable(&error));
        Vec::new()
    });
    for listed in listed {
        let key = listed.key;
        named.push(key.clone());
        if listed.bytes > SIGNATURE_MAX {
            wrong.add(
                &key,
                format!("is no signature: it has {} bytes", listed.bytes),
            );
            continue;
        }
        let bytes = match store.get(&key).await {
            Ok(bytes) => bytes,
            Err(error) => {
                wrong.add(&key, unreadable(&error));
                continue;
            }
        };
        let (signed, statement) = match Signed::read(&bytes) {
            Ok(read) => read,
            Err(why) => {
                wrong.add(&key, why);
                continue;
            }
        };
        if sign::key(statement.generation, &statement.key) != key {
            wrong.add(
                &key,
                "is of another entry, or by another key, than its name says",
            );
            continue;
        }
        let by = keys.iter().find(|it| it.id() == statement.key);
        let why = match by {
            Some(public) if signed.is_by(public) => None,
            Some(_) => Some("is no signature by the key that it names"),
            None if keys.is_empty() => None,
            None => Some("is by a key that was not given"),
        };
        if let Some(why) = why {
            wrong.add(&key, why);
            continue;
        }
        all.push(Read {
            key,
            statement,
            proved: by.is_some(),
        });
    }
    Found { all, named }
}

impl Found {
    /// What the given keys say of entries.
    pub(super) fn proved(&self) -> Vec<(Noted, String)> {
        let proved = self.all.iter().filter(|it| it.proved);
        let noted = proved.map(|it| {
            let head = Noted {
                generation: it.statement.generation,
                sha256: it.statement.sha256.clone(),
            };
            (head, it.key.clone())
        });
        noted.collect()
    }

    /// Compares them with the log.
    pub(super) fn compare(
        &self,
        chain: &Chain,
        closes: &BTreeMap<u64, Close>,
        keys: &[PublicKey],
        wrong: &mut Wrong,
    ) -> Signatures {
        let mut out = Signatures::default();
        for read in &self.all {
            let (of, generation) = (&read.statement, read.statement.generation);
            let entry = log::key(generation);
            let why = match chain.sound.get(&generation) {
                Some(hash) if *hash != of.sha256 => format!("says that {entry} has other bytes"),
                Some(_) if closes.get(&generation).is_none_or(|it| it.run != of.run) => {
                    format!("is of {entry}, which does not close run {}", of.run)
                }
                Some(_) => {
                    out.stored += 1;
                    out.checked += u64::from(read.proved);
                    out.to = out.to.max(Some(generation));
                    continue;
                }
                // The entry is named as damaged or missing.
                None if wrong.has(&entry) => continue,
                None => format!("is of {entry}, which is not there"),
            };
            wrong.add(&read.key, why);
        }
        for (generation, close) in closes {
            let prefix = format!("{}/{generation:012}-", sign::FOLDER);
            if let Some(signer) = &close.signer
                && !self.named.iter().any(|key| key.starts_with(&prefix))
            {
                let why = "is missing: the entry that it signs names its key. A pass that ended \
                           before it had signed leaves that to the next one; else somebody took it away";
                wrong.add(&sign::key(*generation, signer), why);
            }
        }
        let signed = out.to.unwrap_or(0);
        let later = closes.range(signed + 1..);
        out.unsigned = later.clone().count() as u64;
        // Of one that names its key, its signature is named.
        let newest = later.last().filter(|(_, close)| close.signer.is_none());
        if let Some((generation, _)) = newest.filter(|_| !keys.is_empty()) {
            let why = "closes a run, and neither it nor an entry after it is signed by a key that was given";
            wrong.add(&log::key(*generation), why);
        }
        out
    }
}
