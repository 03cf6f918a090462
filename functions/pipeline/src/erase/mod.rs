//! Erase: the values of one person go from everything that is kept, and the chain still verifies.
//!
//! Values lie apart from evidence, so that evidence stays as it is: ids, operations, instants, and
//! digests under a salt of that person, which is destroyed too. The log says what was rewritten and
//! what it hashes to since ([`record`]). First the log says so, then it is done: who dies in between
//! leaves an open run, with which the next one goes on by what was kept of it ([`Stage`]). Invariant: what is
//! kept of others stays, to the byte, but for names and addresses that are the person's alone.

mod asked;
mod known;
mod plans;
mod record;
mod redact;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::model::RunId;
use serde::{Deserialize, Serialize};

pub use self::record::{Apart, Erasure, Erasures, Left, Replaced, Replays};
use self::redact::{Keys, Kind, Redacted, Redaction, kind, sha256};
use self::values::{Traces, Whose};
use crate::log::{self, Approver, Closed, Event, Folded, Head, Objects, OpenRun};
use crate::report;
use crate::run::{Pipeline, RunError, Step, named, run_id};
use crate::salts;
use crate::state;
use crate::store::{ObjectRef, StoreError};

/// What is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// A worker id of theirs, or their key.
    pub worker: &'a str,
    /// Who asks.
    pub by: &'a Approver,
    /// Also while the account is in use, or something is still to be done.
    pub anyway: bool,
}

/// What was erased, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Erased {
    /// Version of this form.
    pub format_version: u32,
    /// The run that the log has of it.
    pub run: String,
    /// Whose values.
    pub person: String,
    /// Objects that were rewritten.
    pub rewritten: u32,
    /// Objects that were deleted.
    pub deleted: u32,
    /// The person's part of the salt was destroyed.
    pub salt: bool,
    /// Plans of which something cannot be made again, beside the person's own orders.
    pub plans_apart: u32,
    /// Where values still are, and what to do about it.
    pub left: Vec<String>,
}

impl Pipeline {
    /// Erases the values of one person.
    ///
    /// # Errors
    /// [`RunError::Refused`] with what stands against it; nothing is erased then.
    pub async fn erase(&self, ask: &Request<'_>, now: Timestamp) -> Result<Erased, RunError> {
        self.erase_as_said(ask, None, now).await
    }

    async fn erase_as_said(
        &self,
        ask: &Request<'_>,
        word: Option<ObjectRef>,
        now: Timestamp,
    ) -> Result<Erased, RunError> {
        let _alone = self.lock().await?;
        let head = log::head(&self.store).await?;
        if let Some(open) = head.standing.open.first() {
            return Err(RunError::Refused(format!(
                "run {} is under way, and may need the values; let `rollcall run` bring it to its end, then \
                 erase",
                open.run
            )));
        }
        let whose = self.whom(&head, ask).await?;
        let (stage, erasure) = Box::pin(self.planned_erasure(&head, whose, ask.by, now)).await?;
        let run = run_id(now);
        // What is looked for is known from what goes: who dies on the way finds it here.
        let kept = serde_json::to_vec(&stage).expect("a stage is always JSON");
        self.store.put(&stage_key(&run), kept).await?;
        let bytes = serde_json::to_vec_pretty(&erasure).expect("an erasure is always JSON");
        let key = format!("runs/{run}/erasure.json");
        let evidence = self.store.put_new(&key, bytes).await?;
        let folded = Folded {
            state: head.standing.state.clone(),
            erasure: true,
            heard: word.iter().map(|it| it.key.clone()).collect(),
            ..Folded::default()
        };
        let objects = Objects {
            evidence: std::iter::once(evidence).chain(word).collect(),
            values: Vec::new(),
        };
        let said = self.commit(&head, &run, Event::Fold(folded), objects).await;
        if said.is_err() {
            self.store.delete(&stage_key(&run)).await?;
        }
        said.map_err(overtaken)?;
        let erased = Box::pin(self.carry_out_erasure(&run, &erasure, &stage)).await;
        erased.map_err(overtaken)
    }

    /// Goes on with an erasure that the log has and that was not brought to its end.
    pub(crate) async fn go_on_erasing(&self, open: &OpenRun) -> Result<(), Step> {
        let (entry, _) = log::entry(&self.store, open.generation).await?;
        let key = &named(&entry.accepts, "erasure.json")?.key;
        let erasure: Erasure = self.store.json(key).await?;
        let stage: Stage = self.store.json(&stage_key(&open.run)).await?;
        let erased = Box::pin(self.carry_out_erasure(&open.run, &erasure, &stage)).await?;
        tracing::info!(run = %open.run, "Went on with an erasure: {} objects.", erased.rewritten);
        Ok(())
    }

    /// The erasure that is under way, if one is.
    pub(crate) async fn open_erasure(&self, head: &Head) -> Result<Option<OpenRun>, StoreError> {
        let folded = |open: &&OpenRun| open.stage == log::Stage::Folded;
        for open in head.standing.open.iter().filter(folded) {
            let (entry, _) = log::entry(&self.store, open.generation).await?;
            if matches!(entry.event, Event::Fold(folded) if folded.erasure) {
                return Ok(Some(open.clone()));
            }
        }
        Ok(None)
    }

    /// What an erasure comes to: everything is read and redacted once, and nothing is touched.
    async fn planned_erasure(
        &self,
        head: &Head,
        mut whose: Whose,
        by: &Approver,
        now: Timestamp,
    ) -> Result<(Stage, Erasure), RunError> {
        let keys = self.key_columns(head).await?;
        let all = self.all_keys().await?;
        let values = self.all_values(&all, &keys, &mut whose).await?;
        if !whose.known && values.is_empty() {
            return Err(RunError::Refused(format!(
                "nobody is known here by the id {}: `rollcall explain` shows the ids of a worker",
                whose.person
            )));
        }
        let (traces, left) = values.traces();
        let stage = Stage {
            names: values.names(),
            whose,
            traces,
            left,
        };
        let expected = self.expected(head).await?;
        let traces = Traces::of(&stage.traces);
        let redaction = stage.redaction(self, &keys, &traces);
        let mut objects = Vec::new();
        for key in &all {
            let Some(was) = expected.get(key) else {
                // Nothing in the log stands for it.
                continue;
            };
            let is = match redaction.of(key).await? {
                Redacted::Same => continue,
                Redacted::Deleted => None,
                Redacted::New(mut file) => Some(sha256(key, &mut file)?),
            };
            let there = self.store.sha256(key).await?;
            if there != *was {
                return Err(RunError::Refused(format!(
                    "`{key}` is not what the log says: find out first who changed it (`rollcall verify`)"
                )));
            }
            objects.push(Replaced {
                key: key.clone(),
                was: there,
                is,
            });
        }
        let touched = objects.iter().map(|it| it.key.as_str()).collect();
        let not_made_again = Box::pin(self.failing(head, &touched)).await?;
        let erasure = Erasure {
            format_version: record::FORMAT_VERSION,
            person: stage.whose.person.clone(),
            workers: stage.whose.workers.clone(),
            at: now,
            by: by.clone(),
            objects,
            not_made_again,
        };
        Ok((stage, erasure))
    }

    /// By key, what the log says that lies there, after earlier erasures.
    async fn expected(&self, head: &Head) -> Result<BTreeMap<String, String>, RunError> {
        let erasures = Erasures::read(&self.store, head).await?;
        let mut out = BTreeMap::new();
        for generation in 1..=head.generation {
            let (entry, _) = log::entry(&self.store, generation).await?;
            for object in entry.values {
                let hash = match erasures.left(&object) {
                    Some(left) => left.is.map(str::to_owned),
                    None => Some(object.sha256.clone()),
                };
                if let Some(hash) = hash {
                    out.insert(object.key, hash);
                }
            }
        }
        Ok(out)
    }

    /// Redacts everything, destroys the salt, and says what of the plans cannot be made again.
    async fn carry_out_erasure(
        &self,
        run: &RunId,
        erasure: &Erasure,
        stage: &Stage,
    ) -> Result<Erased, Step> {
        let head = log::head(&self.store).await?;
        let keys = self.key_columns(&head).await?;
        let traces = Traces::of(&stage.traces);
        let redaction = stage.redaction(self, &keys, &traces);
        let said = erasure.objects.iter().map(|it| (it.key.as_str(), &it.is));
        let said: BTreeMap<&str, &Option<String>> = said.collect();
        let mut out = Erased {
            format_version: record::FORMAT_VERSION,
            run: run.to_string(),
            person: erasure.person.to_string(),
            ..Erased::default()
        };
        for key in self.all_keys().await? {
            if kind(&key) == Kind::Report {
                let bytes = self.store.get(&key).await?;
                if let Some(report) = redaction.report(&key, &bytes)? {
                    report::draw(&self.store, &report).await?;
                    out.rewritten += 1;
                }
                continue;
            }
            match redaction.of(&key).await? {
                Redacted::Same => {}
                Redacted::Deleted => {
                    self.store.delete(&key).await?;
                    out.deleted += 1;
                }
                Redacted::New(mut file) => {
                    let is = Some(sha256(&key, &mut file)?);
                    if said.get(key.as_str()).is_some_and(|said| **said != is) {
                        return Err(Step::from(RunError::Refused(format!(
                            "`{key}` would not become what the log says of run {run}: bring that erasure to \
                             its end with the version of Rollcall that began it"
                        ))));
                    }
                    if kind(&key) == Kind::State {
                        state::replace(&self.store, &key, file).await?;
                    } else {
                        self.store.put_stream(&key, &mut file).await?;
                    }
                    out.rewritten += 1;
                }
            }
        }
        out.salt = salts::destroy(&self.store, &erasure.person).await?;
        out.left = self.left(stage, &traces).await?;
        let plans = Box::pin(self.apart(&head, erasure)).await?;
        out.plans_apart = u32::try_from(plans.len()).unwrap_or(u32::MAX);
        let replays = Replays {
            format_version: record::FORMAT_VERSION,
            plans,
        };
        let bytes = serde_json::to_vec_pretty(&replays).expect("replays are always JSON");
        let key = format!("runs/{run}/replays.json");
        let nonce = crate::run::nonce();
        let mut bytes = bytes.as_slice();
        let evidence = self.store.put_evidence(&key, &nonce, &mut bytes).await?;
        loop {
            let closed = Closed {
                signer: self.signer_beside().await,
                ..Closed::default()
            };
            let objects = Objects {
                evidence: vec![evidence.clone()],
                values: Vec::new(),
            };
            // Whoever wrote to the log meanwhile changed nothing of this.
            let head = log::head(&self.store).await?;
            match self.commit(&head, run, Event::Close(closed), objects).await {
                Err(Step::Lost) => {}
                Err(failed) => return Err(failed),
                Ok(_) => break,
            }
        }
        // Those of erasures that died before the log had them, too.
        for listed in self.store.list("values").await? {
            if listed.key.ends_with("/erasing.json") {
                self.store.delete(&listed.key).await?;
            }
        }
        self.sign_beside().await?;
        Ok(out)
    }

    /// Where values still are that are not ours to rewrite, or that nobody could look for.
    async fn left(&self, stage: &Stage, traces: &Traces) -> Result<Vec<String>, StoreError> {
        let mut out = Vec::new();
        if !stage.left.is_empty() {
            let fields: Vec<&str> = stage.left.iter().map(String::as_str).collect();
            out.push(format!(
                "{}: one word, or somebody else's too, so that it was not looked for in what is kept of others",
                fields.join(", ")
            ));
        }
        for listed in self.store.list("inbox").await? {
            let bytes = self.store.get(&listed.key).await?;
            let mut ids = stage.whose.workers.iter().map(|it| it.as_str().as_bytes());
            let why = if std::str::from_utf8(&bytes).is_err() || bytes.contains(&0) {
                "nobody looked into it, since it is no plain text"
            } else if traces.stand_in(&bytes)
                || ids.any(|id| memchr::memmem::find(&bytes, id).is_some())
            {
                "it was refused or is not taken yet, and has the person"
            } else {
                continue;
            };
            out.push(format!(
                "{}: {why}; delete it, or HR's next file brings the values back",
                listed.key
            ));
        }
        Ok(out)
    }
}

/// What an erasure looks for, kept until it is brought to its end.
#[derive(Debug, Serialize, Deserialize)]
struct Stage {
    whose: Whose,
    names: BTreeSet<String>,
    traces: BTreeSet<String>,
    /// Fields with a naming value that is not looked for.
    left: BTreeSet<String>,
}

impl Stage {
    fn redaction<'a>(
        &'a self,
        pipeline: &'a Pipeline,
        keys: &'a Keys,
        traces: &'a Traces,
    ) -> Redaction<'a> {
        Redaction {
            store: &pipeline.store,
            whose: &self.whose,
            traces,
            names: &self.names,
            keys,
        }
    }
}

/// Where a stage lies.
fn stage_key(run: &RunId) -> String {
    format!("values/{run}/erasing.json")
}

/// Somebody else wrote to the log meanwhile.
fn overtaken(step: Step) -> RunError {
    match step {
        Step::Failed(error) => *error,
        Step::Lost => RunError::Refused(
            "another run wrote to the log meanwhile; erase again: it goes on where it is"
                .to_owned(),
        ),
    }
}
