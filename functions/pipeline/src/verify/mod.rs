//! Verify: walk the chain, hash everything again, and make every plan again from what is stored.
//!
//! Nothing here trusts what a run said about itself. Invariant: reads only.

mod replay;

pub(crate) use self::replay::Replay;

use rollcall_core::digest::sha256;
use rollcall_core::model::{OrderId, RunId};
use serde::Serialize;

use crate::approve::unproved;
use crate::erase::Erasures;
use crate::log::{self, Entry, Event, Standing};
use crate::run::{Pipeline, RunError};
use crate::store::{ObjectRef, Store, StoreError, parse};

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verified {
    /// Version of this form.
    pub format_version: u32,
    /// Log entries.
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
    /// What cannot be made again because values were erased: by run the persons, and orders of others
    /// that follow from such a value.
    pub erased: Vec<String>,
    /// Plans whose inputs are no longer all stored.
    pub plans_not_replayed: u64,
    /// Generation and hash of the head: keep it elsewhere, and `--head` proves later that
    /// nothing was cut off.
    pub head: Option<String>,
    /// Everything that is wrong.
    pub problems: Vec<String>,
}

impl Pipeline {
    /// Walks everything. `head` (`GENERATION:SHA256`) must be part of the chain.
    ///
    /// # Errors
    /// When the store fails; what is wrong with the evidence is in the result.
    pub async fn verify(&self, expected: Option<&str>) -> Result<Verified, RunError> {
        let mut out = Verified {
            format_version: 1,
            ..Verified::default()
        };
        let digests = self.key.get().await?;
        let head = log::head(&self.store).await?;
        let erasures = Erasures::read(&self.store, &head).await?;
        let mut previous: Option<String> = None;
        let mut standing = Standing::default();
        let mut seen = expected.is_none();
        for generation in 1..=head.generation {
            let key = log::key(generation);
            let bytes = match self.store.get(&key).await {
                Ok(bytes) => bytes,
                Err(StoreError::NotFound(_)) => {
                    out.problems.push(format!("{key} is missing"));
                    previous = None;
                    continue;
                }
                Err(e) => return Err(e.into()),
            };
            let entry: Entry = match parse(&key, &bytes) {
                Ok(entry) => entry,
                Err(e) => {
                    out.problems.push(e.to_string());
                    continue;
                }
            };
            out.entries += 1;
            if entry.generation != generation {
                out.problems.push(format!(
                    "{key} says that it is generation {}",
                    entry.generation
                ));
            }
            if entry.previous != previous {
                out.problems
                    .push(format!("{key} does not follow the entry before it"));
            }
            self.objects(&entry, &erasures, &mut out).await?;
            let before = standing.clone();
            let mut after = before.after(&entry.run, entry.at, generation, &entry.event);
            if let Event::Approval(approval) = &entry.event {
                let of = (&entry.run, approval);
                log::accept_approved(&self.store, &before, &mut after, of, entry.at).await?;
                let wrong = unproved(&self.store, &before, &entry, approval).await?;
                out.problems
                    .extend(wrong.map(|why| format!("{key}: {why}")));
            }
            if after != entry.standing {
                out.problems
                    .push(format!("{key}: its standing is not the fold of the log"));
            }
            if matches!(entry.event, Event::Plan(_)) {
                match Box::pin(self.replay(digests, &entry, &before, &erasures)).await {
                    Ok(Replay::Differs(problem)) => out.problems.push(format!("{key}: {problem}")),
                    Ok(Replay::Same) => out.plans_replayed += 1,
                    Ok(Replay::Apart(orders)) => out.apart(&entry.run, &orders),
                    Err(StoreError::NotFound(_)) => out.plans_not_replayed += 1,
                    Err(e) => out.problems.push(format!("{key}: {e}")),
                }
            }
            standing = entry.standing;
            let hash = sha256(&bytes);
            let here = format!("{generation}:{hash}");
            seen |= expected == Some(here.as_str());
            out.head = Some(here);
            previous = Some(hash);
        }
        if !seen {
            out.problems
                .push("the head that was given is not in this chain".to_owned());
        }
        Ok(out)
    }

    async fn objects(
        &self,
        entry: &Entry,
        erasures: &Erasures,
        out: &mut Verified,
    ) -> Result<(), StoreError> {
        for object in &entry.accepts {
            match check(&self.store, object).await? {
                Check::Same => out.objects += 1,
                Check::Gone => out.problems.push(format!("{} is missing", object.key)),
                Check::Changed => out.problems.push(format!("{} was changed", object.key)),
            }
        }
        for object in &entry.values {
            let left = erasures.left(object);
            let now = match left {
                Some(Some(sha256)) => ObjectRef {
                    sha256: sha256.to_owned(),
                    ..object.clone()
                },
                Some(None) | None => object.clone(),
            };
            match check(&self.store, &now).await? {
                Check::Same if left.is_some() => out.values_erased += 1,
                Check::Same => {}
                Check::Gone => out.values_gone += 1,
                Check::Changed => out.problems.push(format!("{} was changed", object.key)),
            }
        }
        Ok(())
    }
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
        self.erased.push(format!(
            "run {run}: orders of persons who were erased{beside}"
        ));
    }
}

enum Check {
    Same,
    Gone,
    Changed,
}

async fn check(store: &Store, object: &ObjectRef) -> Result<Check, StoreError> {
    match store.sha256(&object.key).await {
        Ok(hash) if hash == object.sha256 => Ok(Check::Same),
        Ok(_) => Ok(Check::Changed),
        Err(StoreError::NotFound(_)) => Ok(Check::Gone),
        Err(e) => Err(e),
    }
}
