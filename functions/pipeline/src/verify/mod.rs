//! Verify: walk the chain, hash everything again, and make every plan again from what is stored.
//!
//! Nothing here trusts what a run said about itself, and no damage stops the walk: what cannot be
//! judged because something before it is damaged is left alone, so that every object that is named
//! is one that was touched. Invariant: reads only; what is stored streams through.

mod chain;
mod objects;
mod prove;
mod replay;
mod signatures;
mod strays;
mod strict;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rollcall_core::model::{OrderId, RunId};
use serde::{Deserialize, Serialize};

use self::chain::Chain;
pub use self::prove::{Checked, Fold, Leaf, Proof, ProofError, prove};
pub(crate) use self::replay::Replay;
pub use self::signatures::Signatures;
pub use self::strays::Outside;
use crate::approve::unproved;
use crate::erase::Erasures;
use crate::log::{self, Approved, Entry, Event, Planned, Standing};
use crate::run::{Pipeline, RunError};
use crate::sign::PublicKey;
use crate::store::{Store, StoreError, parse};

/// What somebody who verifies knows from elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// An entry that has to be part of the chain.
    pub head: Option<&'a Noted>,
    /// The keys that sign the log.
    pub keys: &'a [PublicKey],
}

/// A head that somebody noted: `GENERATION:SHA256`, as every report says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Generation of the entry.
    pub generation: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

impl std::str::FromStr for Noted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = |it: &str| it.len() == 64 && it.bytes().all(|b| b.is_ascii_hexdigit());
        let parts = text.split_once(':').filter(|(_, hash)| digits(hash));
        let parts = parts.and_then(|(generation, hash)| Some((generation.parse().ok()?, hash)));
        let (generation, hash) = parts.filter(|(generation, _)| *generation > 0).ok_or(
            "a head is GENERATION:SHA256, like 12:9f86d0…, as reports and `verify` print it",
        )?;
        Ok(Self {
            generation,
            sha256: hash.to_ascii_lowercase(),
        })
    }
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.generation, self.sha256)
    }
}

/// What is wrong with one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its key.
    pub object: String,
    /// What, as it goes on behind the key.
    pub why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object, self.why)
    }
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verified {
    /// Version of this form.
    pub format_version: u32,
    /// Log entries that the chain vouches for.
    pub entries: u64,
    /// Evidence objects whose bytes hash to what the log says.
    pub objects: u64,
    /// Values that are no longer stored: expired or erased, which is no fault.
    pub values_gone: u64,
    /// Values of which a part was erased for somebody, and whose other bytes are what that left.
    pub values_erased: u64,
    /// Plans made again with the same bytes.
    pub plans_replayed: u64,
    /// Plans made again but for what was erased: every order of everybody else is the same.
    pub plans_replayed_in_part: u64,
    /// What is not made again because values were erased: by run the orders of the persons, and of
    /// others those that follow from such a value.
    pub erased: Vec<String>,
    /// Plans that were not made again: their inputs are no longer all stored, are damaged, or no
    /// configuration was given.
    pub plans_not_replayed: u64,
    /// Generation and hash of the head: keep it elsewhere, and `--head` proves later that
    /// nothing was cut off.
    pub head: Option<String>,
    /// What is signed.
    pub signatures: Signatures,
    /// Evidence that lies in the store and that no entry names.
    pub outside: Outside,
    /// Everything that is wrong, each object once, by key.
    pub problems: Vec<Problem>,
}

impl Verified {
    /// A plan that was made again but for what was erased.
    fn apart(&mut self, run: &RunId, orders: &[OrderId]) {
        self.plans_replayed_in_part += 1;
        let beside = match orders {
            [] => String::new(),
            orders => {
                let orders: Vec<&str> = orders.iter().map(OrderId::as_str).collect();
                format!(
                    ", and of others that follow from them {}",
                    orders.join(", ")
                )
            }
        };
        let said = format!("run {run}: orders of persons who were erased{beside}");
        self.erased.push(said);
    }
}

/// What is wrong, by object.
#[derive(Debug, Default)]
struct Wrong(BTreeMap<String, Vec<String>>);

impl Wrong {
    fn add(&mut self, object: &str, why: impl Into<String>) {
        let (all, why) = (self.0.entry(object.to_owned()).or_default(), why.into());
        if !all.contains(&why) {
            all.push(why);
        }
    }

    fn has(&self, object: &str) -> bool {
        self.0.contains_key(object)
    }

    fn into_problems(self) -> Vec<Problem> {
        let all = self.0.into_iter();
        let problems = all.map(|(object, why)| Problem {
            object,
            why: why.join("; it "),
        });
        problems.collect()
    }
}

impl Pipeline {
    /// Walks everything. `expected` (`GENERATION:SHA256`) must be part of the chain.
    ///
    /// # Errors
    /// When the store fails; what is wrong with the evidence is in the result.
    pub async fn verify(&self, expected: Option<&str>) -> Result<Verified, RunError> {
        let head: Option<Noted> = expected
            .map(str::parse)
            .transpose()
            .map_err(RunError::Refused)?;
        let asked = Asked {
            head: head.as_ref(),
            keys: &[],
        };
        self.verify_as(&asked).await
    }

    /// Walks everything, and compares it with what is known from elsewhere.
    ///
    /// # Errors
    /// When the store fails; what is wrong with the evidence is in the result.
    pub async fn verify_as(&self, asked: &Asked<'_>) -> Result<Verified, RunError> {
        // Asked for first: who may not read the key is told so before the long walk.
        self.key.get().await?;
        Ok(Box::pin(walk(&self.store, asked, Some(self))).await?)
    }
}

/// Walks a store that nothing but its place is known of: no plan is made again.
///
/// # Errors
/// When the store fails; what is wrong with the evidence is in the result.
pub async fn verify_store(store: &Store, asked: &Asked<'_>) -> Result<Verified, StoreError> {
    Box::pin(walk(store, asked, None)).await
}

async fn walk(
    store: &Store,
    asked: &Asked<'_>,
    pipeline: Option<&Pipeline>,
) -> Result<Verified, StoreError> {
    let mut wrong = Wrong::default();
    let signed = signatures::read(store, asked.keys, &mut wrong).await;
    let mut noted = signed.proved();
    noted.extend(
        asked
            .head
            .map(|head| (head.clone(), "the head that was given".to_owned())),
    );
    let chain = chain::read(store, &noted, &mut wrong).await?;
    let erasures = Erasures::believed(store, &chain.sound).await;
    let mut walk = Walk {
        erasures,
        store,
        pipeline,
        chain: &chain,
        wrong,
        out: Verified {
            format_version: 1,
            head: chain.head(),
            ..Verified::default()
        },
        known: BTreeMap::new(),
        runs: BTreeMap::new(),
        damaged: BTreeSet::new(),
        closes: BTreeMap::new(),
        standing: Some(Standing::default()),
        before: 0,
    };
    for (generation, sha256) in &chain.sound {
        walk.entry(*generation, sha256).await?;
    }
    walk.out.signatures = signed.compare(&chain, &walk.closes, asked.keys, &mut walk.wrong);
    walk.out.outside = walk.strays().await;
    let mut out = walk.out;
    out.problems = walk.wrong.into_problems();
    Ok(out)
}

/// A close, as signatures see it.
struct Close {
    run: RunId,
    signer: Option<String>,
}

struct Walk<'a> {
    erasures: Erasures,
    store: &'a Store,
    pipeline: Option<&'a Pipeline>,
    chain: &'a Chain,
    wrong: Wrong,
    out: Verified,
    /// Objects that were looked at, as hashes: of the key, and of what it has to be.
    known: BTreeMap<u128, u128>,
    /// Whether a run is over.
    runs: BTreeMap<RunId, bool>,
    /// Runs of which something is damaged: what is made from it cannot be judged.
    damaged: BTreeSet<RunId>,
    closes: BTreeMap<u64, Close>,
    /// What stands after the entry `before`; `None`: nobody can say.
    standing: Option<Standing>,
    before: u64,
}

impl Walk<'_> {
    async fn entry(&mut self, generation: u64, sha256: &str) -> Result<(), StoreError> {
        let key = log::key(generation);
        let bytes = match self.store.get(&key).await {
            Ok(bytes) => bytes,
            Err(error) => {
                self.wrong.add(&key, unreadable(&error));
                return Ok(());
            }
        };
        if rollcall_core::digest::sha256(&bytes) != sha256 {
            self.wrong.add(&key, "was changed while it was verified");
            return Ok(());
        }
        let entry: Entry = parse(&key, &bytes)?;
        self.out.entries += 1;
        let before = self.standing.take();
        let before = before.filter(|_| self.before + 1 == generation);
        let doubtful = self.damaged.contains(&entry.run);
        self.objects(&key, &entry).await;
        if let Some(before) = &before {
            self.folds(&key, &entry, before).await;
            // It reads entries before this one, of which the damaged ones are named.
            if let Event::Approval(approval) = &entry.event
                && !doubtful
                && self.chain.whole
            {
                self.proves(&key, &entry, before, approval).await;
            }
        }
        if let Event::Plan(plan) = &entry.event {
            self.makes(&key, &entry, plan, before.as_ref()).await?;
        }
        let over = matches!(entry.event, Event::Close(_));
        if let Event::Close(closed) = &entry.event {
            let close = Close {
                run: entry.run.clone(),
                signer: closed.signer.clone(),
            };
            self.closes.insert(generation, close);
        }
        self.runs.insert(entry.run, over);
        self.standing = Some(entry.standing);
        self.before = generation;
        Ok(())
    }

    /// Whether what an entry says that stands is what stands.
    async fn folds(&mut self, key: &str, entry: &Entry, before: &Standing) {
        let mut after = before.after(&entry.run, entry.at, entry.generation, &entry.event);
        if let Event::Approval(approval) = &entry.event {
            if !self.chain.whole {
                return;
            }
            let of = (&entry.run, approval);
            let taken = log::accept_approved(self.store, before, &mut after, of, entry.at).await;
            if let Err(error) = taken {
                self.wrong.add(key, unreadable(&error));
                return;
            }
        }
        if after != entry.standing {
            self.wrong
                .add(key, "has a standing that is not the fold of the log");
        }
    }

    /// Whether somebody wrote down what an approval counts.
    async fn proves(&mut self, key: &str, entry: &Entry, before: &Standing, approval: &Approved) {
        let why = match unproved(self.store, before, entry, approval).await {
            Ok(None) => return,
            Ok(Some(why)) => why,
            Err(error) => unreadable(&error),
        };
        // Of a note that was changed it is the note that is wrong.
        let mut notes = entry.accepts.iter().map(|object| object.key.as_str());
        match notes.find(|note| self.wrong.has(note)) {
            Some(note) => {
                let why = why.strip_prefix(note).unwrap_or(&why).trim_start();
                self.wrong.add(note, why);
            }
            None => self.wrong.add(key, format!("is not proved: {why}")),
        }
    }

    /// Whether a plan is made again with the same bytes.
    async fn makes(
        &mut self,
        key: &str,
        entry: &Entry,
        plan: &Planned,
        before: Option<&Standing>,
    ) -> Result<(), StoreError> {
        let runs = std::iter::once(&entry.run).chain(&plan.undoes);
        let doubtful = runs.into_iter().any(|run| self.damaged.contains(run));
        let (Some(pipeline), Some(before), false) = (self.pipeline, before, doubtful) else {
            self.out.plans_not_replayed += 1;
            return Ok(());
        };
        if before.state.keys().any(|key| self.wrong.has(key)) {
            self.out.plans_not_replayed += 1;
            return Ok(());
        }
        let Ok(digests) = pipeline.key.get().await else {
            self.out.plans_not_replayed += 1;
            return Ok(());
        };
        let replayed = pipeline.replay(digests, entry, before, &self.erasures);
        match Box::pin(replayed).await {
            Ok(Replay::Same) => self.out.plans_replayed += 1,
            Ok(Replay::Apart(orders)) => self.out.apart(&entry.run, &orders),
            Ok(Replay::Erased(why)) => {
                self.out.plans_not_replayed += 1;
                let said = format!("run {}: its whole plan, since {why}", entry.run);
                self.out.erased.push(said);
            }
            Err(StoreError::NotFound(_)) => self.out.plans_not_replayed += 1,
            // It reads entries before this one.
            Ok(Replay::Differs(_)) | Err(_) if !self.chain.whole || !self.erasures.is_whole() => {
                self.out.plans_not_replayed += 1;
            }
            Ok(Replay::Differs(problem)) => {
                self.wrong.add(key, format!("is of a plan that {problem}"));
            }
            Err(error) => self.wrong.add(key, unreadable(&error)),
        }
        Ok(())
    }
}

fn unreadable(error: &StoreError) -> String {
    match error {
        StoreError::NotFound(_) => "is missing".to_owned(),
        StoreError::Backend { why, .. } | StoreError::Corrupt { why, .. } => {
            format!("cannot be read: {why}")
        }
        StoreError::Exists(_) => error.to_string(),
    }
}
