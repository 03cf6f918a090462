//! One person's outcomes, proved without anybody else's: their lines, the paths from them to the
//! hash over outcomes, and the entries of the log from there up to a head.
//!
//! A proof is checked without the store. It is worth as much as the head that it ends at: compare
//! that with one that was noted, or with a signature. Invariant: a proof names no other person.

use std::collections::BTreeMap;

use rollcall_core::digest::{hex, sha256};
use rollcall_core::fold::Outcome;
use rollcall_core::merkle::{self, Hash};
use rollcall_core::model::{PersonKey, RunId, WorkerId};
use rollcall_core::plan::WorkOrder;
use serde::{Deserialize, Serialize};

use super::{Asked, Noted, Wrong, chain, strict};
use crate::apply::{Lines, is_segment, lines_of};
use crate::log::{self, Entry, Event, OutcomesRoot};
use crate::sign::{self, PublicKey, Signed};
use crate::store::{ObjectRef, Store, StoreError, parse};

/// Version of proofs.
const FORMAT_VERSION: u32 = 1;

/// What is known of a person, and that it is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Version of this form.
    pub format_version: u32,
    /// Whose outcomes.
    pub person: PersonKey,
    /// Entries that take in outcomes of the person, oldest first.
    pub folds: Vec<Fold>,
    /// The entries from the first of those up to the head, as they are stored, ascending.
    pub entries: Vec<String>,
    /// Signatures of these entries.
    pub signatures: Vec<Signed>,
}

/// What one entry takes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    /// The entry.
    pub generation: u64,
    /// The person's lines.
    pub outcomes: Vec<Leaf>,
}

/// One line of the journal and its way to the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// Its place among all lines: 0 is the first.
    pub index: u64,
    /// The line as stored, newline left out.
    pub line: String,
    /// Hashes beside the way up, the nearest first.
    pub path: Vec<String>,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The store failed, or something in it is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to prove.
    #[error("{0}")]
    Nothing(String),
}

/// What a proof shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Version of this form.
    pub format_version: u32,
    /// Whose outcomes.
    pub person: PersonKey,
    /// Lines that were proved, by run.
    pub outcomes: BTreeMap<RunId, u64>,
    /// The head that everything hangs on.
    pub head: String,
    /// The head that was given is that one, or one on the way.
    pub head_given: bool,
    /// Generations that a given key signs.
    pub signed: Vec<u64>,
}

/// Makes a proof of a worker's outcomes: of one run, or of all. It ends at the head that was asked
/// for, else at the close of the newest run in it.
///
/// # Errors
/// When something that it rests on is damaged, or when nothing is on record.
pub async fn prove(
    store: &Store,
    worker: &str,
    run: Option<&RunId>,
    asked: &Asked<'_>,
) -> Result<Proof, ProofError> {
    let mut wrong = Wrong::default();
    let noted = asked
        .head
        .map(|it| (it.clone(), "the head that was given".to_owned()));
    let noted: Vec<_> = noted.into_iter().collect();
    let chain = chain::read(store, &noted, &mut wrong).await?;
    if let Some(problem) = wrong.into_problems().into_iter().next() {
        return Err(nothing(format!("the log is damaged: {problem}")));
    }
    let (mut persons, mut folds, mut last) = (BTreeMap::new(), Vec::new(), None);
    for generation in chain.sound.keys() {
        let (entry, _) = log::entry(store, *generation).await?;
        if run.is_some_and(|run| entry.run != *run) {
            continue;
        }
        if matches!(entry.event, Event::Plan(_)) {
            let named = entry.accepts.iter().find(|it| it.is("plan.jsonl"));
            if let Some(plan) = named
                && let Some(person) = person_in(store, plan, worker).await?
            {
                persons.insert(entry.run.clone(), person);
            }
        }
        let person = persons.get(&entry.run);
        if let (Some(root), Some(person)) = (entry.event.outcomes_root(), person) {
            let outcomes = lines(store, &entry, root, person).await?;
            if !outcomes.is_empty() {
                last = Some((entry.run.clone(), person.clone()));
                folds.push(Fold {
                    generation: *generation,
                    outcomes,
                });
            }
        }
    }
    let (Some((of, person)), Some(first)) = (last, folds.first().map(|it| it.generation)) else {
        let why = "no outcome of this worker is under a hash over outcomes: nothing was carried out, \
                   or by a version that made none";
        return Err(nothing(why.to_owned()));
    };
    let (mut entries, mut signatures, mut over) = (Vec::new(), Vec::new(), false);
    let newest = folds.last().map_or(first, |it| it.generation);
    let signed = store.list(sign::FOLDER).await?;
    let signed: Vec<&str> = signed.iter().map(|it| it.key.as_str()).collect();
    for generation in first..=chain.newest {
        let bytes = store.get(&log::key(generation)).await?;
        let entry: Entry = parse(&log::key(generation), &bytes)?;
        over |= generation >= newest && entry.run == of && matches!(entry.event, Event::Close(_));
        entries.push(String::from_utf8_lossy(&bytes).into_owned());
        let prefix = format!("{}/{generation:012}-", sign::FOLDER);
        for key in signed.iter().filter(|key| key.starts_with(&prefix)) {
            let bytes = store.get(key).await?;
            signatures.extend(Signed::read(&bytes).ok().map(|read| read.0));
        }
        let ends = match asked.head {
            Some(head) => generation == head.generation,
            None => over,
        };
        if ends {
            break;
        }
    }
    Ok(Proof {
        format_version: FORMAT_VERSION,
        person,
        folds,
        entries,
        signatures,
    })
}

fn nothing(why: String) -> ProofError {
    ProofError::Nothing(why)
}

/// Bytes of an object that the log vouches for.
async fn sound(store: &Store, object: &ObjectRef) -> Result<bytes::Bytes, StoreError> {
    let bytes = store.get(&object.key).await?;
    if sha256(&bytes) == object.sha256 {
        return Ok(bytes);
    }
    Err(StoreError::Corrupt {
        key: object.key.clone(),
        why: "it was changed".to_owned(),
    })
}

/// The person that a plan has a worker under.
async fn person_in(
    store: &Store,
    plan: &ObjectRef,
    worker: &str,
) -> Result<Option<PersonKey>, StoreError> {
    if store.sha256(&plan.key).await? != plan.sha256 {
        return Err(StoreError::Corrupt {
            key: plan.key.clone(),
            why: "it was changed".to_owned(),
        });
    }
    let wanted = WorkerId::new(worker);
    let mut lines = Lines::open(store, &plan.key).await?;
    while let Some((_, line)) = lines.next()? {
        let order: WorkOrder = parse(&plan.key, &line)?;
        if order.person.as_str() == worker || order.workers.contains(&wanted) {
            return Ok(Some(order.person));
        }
    }
    Ok(None)
}

/// A person's lines among those that an entry takes in, with their paths.
async fn lines(
    store: &Store,
    entry: &Entry,
    root: &OutcomesRoot,
    person: &PersonKey,
) -> Result<Vec<Leaf>, StoreError> {
    let mut segments: Vec<&ObjectRef> = entry
        .accepts
        .iter()
        .filter(|it| is_segment(&it.key, &entry.run))
        .collect();
    segments.sort_by(|a, b| a.key.cmp(&b.key));
    let (mut leaves, mut theirs) = (Vec::new(), Vec::new());
    for object in segments {
        let bytes = sound(store, object).await?;
        for line in lines_of(&bytes) {
            let outcome: Outcome = parse(&object.key, line)?;
            if outcome.person == *person {
                let text = String::from_utf8_lossy(line).into_owned();
                theirs.push((leaves.len(), text));
            }
            leaves.push(merkle::leaf(line));
        }
    }
    if leaves.len() as u64 != root.lines {
        return Err(StoreError::Corrupt {
            key: log::key(entry.generation),
            why: format!("it counts {} outcomes of {}", root.lines, leaves.len()),
        });
    }
    let leaf = |(index, line): (usize, String)| Leaf {
        index: index as u64,
        line,
        path: merkle::path(&leaves, index)
            .unwrap_or_default()
            .iter()
            .map(|hash| hex(hash))
            .collect(),
    };
    Ok(theirs.into_iter().map(leaf).collect())
}

impl Proof {
    /// Checks that every line is under its root, every root in its entry, and every entry below
    /// the head.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self, asked: &Asked<'_>) -> Result<Checked, String> {
        if self.format_version != FORMAT_VERSION {
            return Err(format!(
                "the proof has format_version {}; this version reads {FORMAT_VERSION}",
                self.format_version
            ));
        }
        let chain = self.chain()?;
        let mut outcomes: BTreeMap<RunId, u64> = BTreeMap::new();
        for fold in &self.folds {
            let entry = chain.get(&fold.generation).map(|(entry, _)| entry);
            let entry = entry.ok_or(format!("entry {} is not in it", fold.generation))?;
            let root = entry.event.outcomes_root();
            let root = root.ok_or(format!(
                "entry {} has no hash over outcomes",
                fold.generation
            ))?;
            for leaf in &fold.outcomes {
                self.holds(leaf, entry, root)?;
                *outcomes.entry(entry.run.clone()).or_default() += 1;
            }
        }
        if outcomes.is_empty() {
            return Err("it proves nothing: there is no outcome in it".to_owned());
        }
        let (generation, (_, hash)) = chain.last_key_value().ok_or("it has no entry")?;
        let head_given = asked.head.map(|head| given(head, &chain)).transpose()?;
        Ok(Checked {
            format_version: 1,
            person: self.person.clone(),
            outcomes,
            head: Noted {
                generation: *generation,
                sha256: hash.clone(),
            }
            .to_string(),
            head_given: head_given.is_some(),
            signed: self.signed(asked.keys, &chain)?,
        })
    }

    /// The entries, each of which names the one before.
    fn chain(&self) -> Result<BTreeMap<u64, (Entry, String)>, String> {
        let mut out: BTreeMap<u64, (Entry, String)> = BTreeMap::new();
        for text in &self.entries {
            let number = out.len() + 1;
            let unread = || format!("its entry number {number} cannot be read");
            if strict::ambiguous(text.as_bytes()).is_some() {
                return Err(unread());
            }
            let entry: Entry = serde_json::from_str(text).map_err(|_| unread())?;
            if let Some((generation, (_, hash))) = out.last_key_value()
                && (entry.generation != generation + 1 || entry.previous.as_ref() != Some(hash))
            {
                return Err(format!(
                    "entry {} does not follow entry {generation}",
                    entry.generation
                ));
            }
            let hash = sha256(text.as_bytes());
            out.insert(entry.generation, (entry, hash));
        }
        Ok(out)
    }

    fn holds(&self, leaf: &Leaf, entry: &Entry, root: &OutcomesRoot) -> Result<(), String> {
        let place = format!("outcome {} of entry {}", leaf.index, entry.generation);
        let path = leaf.path.iter().map(|hash| bytes_of(hash));
        let path: Option<Vec<Hash>> = path.collect();
        let path = path.ok_or(format!("{place} has a path that cannot be read"))?;
        let own = merkle::leaf(leaf.line.as_bytes());
        let found = merkle::root_by(own, leaf.index, root.lines, &path);
        if found.map(|hash| hex(&hash)).as_ref() != Some(&root.sha256) {
            return Err(format!("{place} does not lead to the hash over outcomes"));
        }
        let outcome: Outcome =
            serde_json::from_str(&leaf.line).map_err(|_| format!("{place} cannot be read"))?;
        if outcome.person != self.person || outcome.run != entry.run {
            return Err(format!("{place} is of another person or run"));
        }
        Ok(())
    }

    /// Generations that one of the keys signs; every signature of theirs must hold.
    fn signed(
        &self,
        keys: &[PublicKey],
        chain: &BTreeMap<u64, (Entry, String)>,
    ) -> Result<Vec<u64>, String> {
        let mut out = Vec::new();
        for signed in &self.signatures {
            let (_, statement) =
                Signed::read(&signed.bytes()).map_err(|why| format!("a signature {why}"))?;
            let Some(key) = keys.iter().find(|key| key.id() == statement.key) else {
                continue;
            };
            let entry = chain.get(&statement.generation);
            let fits = entry.is_some_and(|(_, hash)| *hash == statement.sha256);
            if !signed.is_by(key) || !fits {
                return Err(format!(
                    "the signature of entry {} does not hold",
                    statement.generation
                ));
            }
            out.push(statement.generation);
        }
        if out.is_empty() && !keys.is_empty() {
            return Err("no key that was given signs an entry of it".to_owned());
        }
        Ok(out)
    }
}

/// Whether a head is among the entries.
fn given(head: &Noted, chain: &BTreeMap<u64, (Entry, String)>) -> Result<(), String> {
    match chain.get(&head.generation) {
        Some((_, hash)) if *hash == head.sha256 => Ok(()),
        Some(_) => Err(format!(
            "its entry {} is not the head that was given",
            head.generation
        )),
        None => Err(format!(
            "the head that was given, {}, is not in it: make the proof with `--head {head}`",
            head.generation
        )),
    }
}

fn bytes_of(text: &str) -> Option<Hash> {
    sign::unhex(text)?.try_into().ok()
}
