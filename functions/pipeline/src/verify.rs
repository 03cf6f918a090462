//! Verify: walk the chain, hash everything again, and make every plan again from what is stored.
//!
//! Nothing here trusts what a run said about itself. Invariant: reads only.

use std::collections::BTreeMap;

use rollcall_core::digest::{EvidenceKey, sha256};
use rollcall_core::plan::PlanSummary;
use rollcall_core::policy::Policy;
use serde::Serialize;

use crate::approve::unproved;
use crate::log::{self, Entry, Event, Standing};
use crate::notices;
use crate::plan::{self, Answers, Book, Common, Freshness, Ground, Request};
use crate::rows::OpenError;
use crate::run::{Pipeline, RunError, named, unasked};
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
    /// Plans made again with the same bytes.
    pub plans_replayed: u64,
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
        let mut previous: Option<String> = None;
        let mut standing = Standing::default();
        let mut seen = expected.is_none();
        let newest = log::head(&self.store).await?.generation;
        for generation in 1..=newest {
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
            self.objects(&entry, &mut out).await?;
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
                match self.replay(digests, &entry, &before).await {
                    Ok(Some(problem)) => out.problems.push(format!("{key}: {problem}")),
                    Ok(None) => out.plans_replayed += 1,
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

    async fn objects(&self, entry: &Entry, out: &mut Verified) -> Result<(), StoreError> {
        for object in &entry.accepts {
            match check(&self.store, object).await? {
                Check::Same => out.objects += 1,
                Check::Gone => out.problems.push(format!("{} is missing", object.key)),
                Check::Changed => out.problems.push(format!("{} was changed", object.key)),
            }
        }
        for object in &entry.values {
            match check(&self.store, object).await? {
                Check::Same => {}
                Check::Gone => out.values_gone += 1,
                Check::Changed => out.problems.push(format!("{} was changed", object.key)),
            }
        }
        Ok(())
    }

    /// Makes a plan again from its stored inputs. `Some` says what differs.
    async fn replay(
        &self,
        digests: &EvidenceKey,
        entry: &Entry,
        before: &Standing,
    ) -> Result<Option<String>, StoreError> {
        let stored = self.stored(entry.generation).await?;
        let policy = named(&entry.accepts, "policy.toml")?;
        let read = |bytes: bytes::Bytes| String::from_utf8_lossy(&bytes).into_owned();
        let policy = read(self.store.get(&policy.key).await?);
        let unread = "its mapping or policy cannot be read by this version";
        let feeds = match self.feeds_of(&stored).await {
            Ok(feeds) => feeds,
            Err(StoreError::Corrupt { .. }) => return Ok(Some(unread.to_owned())),
            Err(error) => return Err(error),
        };
        let Ok(policy) = Policy::parse(&policy, "policy.toml") else {
            return Ok(Some(unread.to_owned()));
        };
        let groups = stored.groups(&self.store, &feeds).await?;
        let texts = stored.texts(&self.store, &feeds).await?;
        let tenant = &stored.tenant()?.key;
        let answers = Answers::stored(&self.store, tenant).await?;
        let planned = &stored.planned;
        let state = self
            .state_for(&before.state, planned.intake.as_ref())
            .await?;
        let intake = match &planned.intake {
            Some(intake) => {
                let sealed = self.intake_entry(&stored.run, entry.generation).await?;
                match Self::open_rows(&self.store, &sealed, stored.reads(&feeds)).await {
                    Ok(rows) => Some((intake, rows)),
                    Err(OpenError::Store(error)) => return Err(error),
                    Err(OpenError::Unbound(why)) => return Ok(Some(why)),
                }
            }
            None => None,
        };
        let notices = notices::taken(&self.store, entry, &policy).await?;
        if let Some(run) = &planned.undoes
            && let Some(why) = unasked(&self.store, entry, run).await?
        {
            return Ok(Some(why));
        }
        let undo = match &planned.undoes {
            Some(run) => match self.undone(run, entry.generation).await {
                Ok(undo) => Some(undo),
                Err(RunError::Store(error)) => return Err(error),
                Err(error) => return Ok(Some(error.to_string())),
            },
            None => None,
        };
        let forecast = stored.summary.forecast.clone();
        // How fast the target is depends on quotas, not on the plan: taken as recorded.
        let forecast = |_: &BTreeMap<String, u32>| forecast.clone();
        let ground = Ground {
            now: planned.now,
            intake,
            undo,
            notices: &notices,
            moved: Vec::new(),
            standing: before,
            state: &state,
            freshness: Freshness::ByAge,
        };
        let book = Book {
            feeds: &feeds,
            policy: &policy,
            groups: groups.as_ref(),
            texts: texts.as_ref(),
            rules: &planned.rules,
        };
        let common = Common {
            key: digests,
            kind: self.target.kind(),
            forecast: &forecast,
        };
        let request = Request::new(ground, book, common);
        let made = match plan::make(request, answers).await {
            Ok(made) => made,
            Err(plan::PlanError::Store(e)) => return Err(e),
            Err(e) => return Ok(Some(format!("cannot be made again: {e}"))),
        };
        if made.summary.plan_sha256 == planned.plan_sha256 {
            return Ok(None);
        }
        let fields = |summary: &PlanSummary| match serde_json::to_value(summary) {
            Ok(serde_json::Value::Object(fields)) => fields,
            Ok(_) | Err(_) => serde_json::Map::new(),
        };
        let (then, now) = (fields(&stored.summary), fields(&made.summary));
        let differ: Vec<&str> = then
            .iter()
            .filter(|(k, v)| now.get(*k) != Some(v))
            .map(|(k, _)| k.as_str())
            .collect();
        Ok(Some(format!(
            "made again it is plan {}, not {}: {} differ",
            made.summary.plan_sha256,
            planned.plan_sha256,
            differ.join(", ")
        )))
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
