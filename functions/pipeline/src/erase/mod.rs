//! Erase: the values of one person go from everything that is kept, and the chain still verifies.
//!
//! Values lie apart from evidence, so that evidence stays as it is: ids, operations, instants, and
//! digests under a salt of that person, which is destroyed too. The log says what was rewritten and
//! what it hashes to since ([`record`]). First the log says so, then it is done: who dies in between
//! leaves an open run, with which the next one goes on. Invariant: what is kept of others stays, to
//! the byte, but for words that are the person's alone.

mod asked;
mod record;
mod redact;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::digest::worker_hash;
use rollcall_core::model::{PersonKey, RunId, WorkerId};
use rollcall_core::plan::{ActionValues, WorkOrder};
use rollcall_core::state::{Lifecycle, Person};
use serde::Serialize;

pub use self::record::{Apart, Erasure, Erasures, Replaced, Replays};
use self::redact::{Kind, Redacted, Redaction, kind, sha256};
use self::values::{Traces, Values, Whose};
use crate::apply::Lines;
use crate::log::{self, Approver, Closed, Entry, Event, Folded, Head, Objects, OpenRun};
use crate::report;
use crate::run::{Pipeline, RunError, Step, named, run_id};
use crate::salts;
use crate::state::{self, Named, State};
use crate::store::{ObjectRef, StoreError, parse};
use crate::verify::Replay;

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
        let erasure = self.planned_erasure(&head, whose, ask.by, now).await?;
        let run = run_id(now);
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
        let head = said.map_err(overtaken)?;
        let erased = Box::pin(self.carry_out_erasure(&head, &run, &erasure)).await;
        erased.map_err(overtaken)
    }

    /// Goes on with an erasure that the log has and that was not brought to its end.
    pub(crate) async fn go_on_erasing(&self, head: &Head, open: &OpenRun) -> Result<(), Step> {
        let (entry, _) = log::entry(&self.store, open.generation).await?;
        let key = &named(&entry.accepts, "erasure.json")?.key;
        let erasure: Erasure = self.store.json(key).await?;
        let erased = Box::pin(self.carry_out_erasure(head, &open.run, &erasure)).await?;
        tracing::info!(run = %open.run, "Went on with an erasure: {} objects.", erased.rewritten);
        Ok(())
    }

    /// Who is meant, unless something stands against it.
    async fn whom(&self, head: &Head, ask: &Request<'_>) -> Result<Whose, RunError> {
        let home = self.settings.source();
        let state = State::load(&self.store, &head.standing.state).await?;
        let worker = WorkerId::new(ask.worker);
        let place = match state.named(&home, &worker) {
            Named::One(at) => Some(at),
            Named::Nobody => {
                let key = worker_hash(&home, &worker);
                state.hot().binary_search_by_key(&key, |it| it.key).ok()
            }
            Named::Several(persons) => {
                return Err(RunError::Refused(format!(
                    "the worker id {} is of {persons} persons: name the one who is meant by the key of the \
                     person (`rollcall explain` shows it)",
                    ask.worker
                )));
            }
        };
        let known = match place {
            Some(at) => state.persons(&[at])?.pop(),
            None => None,
        };
        if let Some(person) = &known {
            self.may_go(head, person, ask.anyway).await?;
        }
        let person = known
            .as_ref()
            .map_or_else(|| PersonKey::new(ask.worker), |known| known.person.clone());
        Ok(Whose::of(person))
    }

    /// Refuses where something of the person is still to be done.
    async fn may_go(&self, head: &Head, person: &Person, anyway: bool) -> Result<(), RunError> {
        for pending in &head.standing.pending {
            let stored = self.stored(pending.generation).await?;
            let key = &stored.plan()?.key;
            let mut lines = Lines::open(&self.store, key).await?;
            while let Some((_, line)) = lines.next()? {
                let order: WorkOrder = parse(key, &line)?;
                if order.person == person.person {
                    return Err(RunError::Refused(format!(
                        "run {} waits for an approval and has an order of worker {}; approve it, or let the \
                         next delivery void it, then erase",
                        pending.run, person.worker
                    )));
                }
            }
        }
        let to_come = person.due.is_some() || person.unfinished || person.held;
        let why = match person.lifecycle {
            Lifecycle::Created | Lifecycle::Active => "has an account in use".to_owned(),
            Lifecycle::None | Lifecycle::Blocked | Lifecycle::Deleted if to_come => {
                match person.due {
                    Some(due) => format!("has steps to come, the next at {due}"),
                    None => "has steps that are not done".to_owned(),
                }
            }
            Lifecycle::None | Lifecycle::Blocked | Lifecycle::Deleted => return Ok(()),
        };
        if anyway {
            return Ok(());
        }
        Err(RunError::Refused(format!(
            "worker {} {why}: without values nothing more is done for them, and the next file of HR that has \
             them brings the values back; `--anyway` erases all the same",
            person.worker
        )))
    }

    /// What an erasure comes to: everything is read and redacted once, and nothing is touched.
    async fn planned_erasure(
        &self,
        head: &Head,
        mut whose: Whose,
        by: &Approver,
        now: Timestamp,
    ) -> Result<Erasure, RunError> {
        let ground = self.all_values(head, &mut whose).await?;
        let expected = self.expected(head).await?;
        let mut objects = Vec::new();
        for key in &ground.keys {
            let Some(was) = expected.get(key) else {
                // Nothing in the log stands for it.
                continue;
            };
            let is = match ground.redaction(self, &whose).of(key).await? {
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
        Ok(Erasure {
            format_version: record::FORMAT_VERSION,
            person: whose.person,
            workers: whose.workers,
            at: now,
            by: by.clone(),
            objects,
        })
    }

    /// By key, what the log says that lies there, after earlier erasures.
    async fn expected(&self, head: &Head) -> Result<BTreeMap<String, String>, RunError> {
        let erasures = Erasures::read(&self.store, head).await?;
        let mut out = BTreeMap::new();
        for generation in 1..=head.generation {
            let (entry, _) = log::entry(&self.store, generation).await?;
            for object in entry.values {
                let left = erasures.left(&object).map(|it| it.map(str::to_owned));
                let hash = left.unwrap_or_else(|| Some(object.sha256.clone()));
                if let Some(hash) = hash {
                    out.insert(object.key, hash);
                }
            }
        }
        Ok(out)
    }

    /// Everything that has values, what they are, and who is meant by which ids.
    async fn all_values(&self, head: &Head, whose: &mut Whose) -> Result<Ground, RunError> {
        let mut keys = Vec::new();
        for prefix in ["state", "values"] {
            let listed = self.store.list(prefix).await?;
            keys.extend(listed.into_iter().map(|it| it.key));
        }
        let runs = self.store.list("runs").await?;
        let runs: Vec<String> = runs.into_iter().map(|it| it.key).collect();
        keys.extend(runs.iter().filter(|key| kind(key) != Kind::Not).cloned());
        let mut columns = BTreeSet::new();
        for feed in self.settings.feeds.all() {
            columns.extend(keys_of(&feed.mapping));
        }
        for generation in 1..=head.generation {
            let (entry, _) = log::entry(&self.store, generation).await?;
            if matches!(entry.event, Event::Plan(_))
                && let Ok(feeds) = self.feeds_of(&self.stored(generation).await?).await
            {
                columns.extend(feeds.all().iter().flat_map(|it| keys_of(&it.mapping)));
            }
        }
        let mut ground = Ground {
            keys,
            columns,
            values: Values::default(),
            traces: Traces::default(),
        };
        // Ids first: a row is known by a worker id, an answer by the id of an account.
        self.learn(&ground.keys, &runs, whose).await?;
        self.collect(&mut ground, whose, true).await?;
        self.collect(&mut ground, whose, false).await?;
        ground.traces = ground.values.traces(whose);
        Ok(ground)
    }

    /// Takes in the ids that records and plans have of the person.
    async fn learn(
        &self,
        keys: &[String],
        runs: &[String],
        whose: &mut Whose,
    ) -> Result<(), RunError> {
        for key in keys.iter().filter(|key| kind(key) == Kind::State) {
            let seen = |person: &Person| {
                if person.person == whose.person {
                    whose.learn(person);
                }
                Ok(None)
            };
            state::rewrite(&self.store, key, seen).await?;
        }
        for key in keys.iter().filter(|key| kind(key) == Kind::Persons) {
            let mut lines = Lines::open(&self.store, key).await?;
            while let Some((_, line)) = lines.next()? {
                let line: rollcall_core::fold::PersonLine = parse(key, &line)?;
                if line.person.person == whose.person {
                    whose.learn(&line.person);
                }
            }
        }
        for key in runs
            .iter()
            .filter(|key| redact::is_named(key, "plan", "jsonl"))
        {
            let mut lines = Lines::open(&self.store, key).await?;
            while let Some((_, line)) = lines.next()? {
                let order: WorkOrder = parse(key, &line)?;
                if order.person == whose.person && order.group.is_none() {
                    let actions = order.every().chain(&order.scheduled);
                    whose
                        .actions
                        .extend(actions.map(|it| it.id.as_str().to_owned()));
                }
            }
        }
        Ok(())
    }

    /// Collects the values of the person (`theirs`), or which of them others have.
    async fn collect(
        &self,
        ground: &mut Ground,
        whose: &Whose,
        theirs: bool,
    ) -> Result<(), RunError> {
        let Ground {
            keys,
            columns,
            values,
            ..
        } = ground;
        for key in keys.iter() {
            match kind(key) {
                Kind::Rows => {
                    let from = self.store.open(key).await?;
                    let read = rollcall_files::rewrite(from, std::io::sink(), |names, row| {
                        let pairs = || names.iter().zip(row.iter());
                        let is_key = |name: &String| columns.contains(name);
                        let own = pairs().any(|(name, value)| is_key(name) && whose.is(value));
                        for (name, value) in pairs().filter(|(name, _)| !is_key(name)) {
                            match (own, theirs) {
                                (true, true) => values.note(name, value),
                                (false, false) => values.seen(name, value),
                                (true, false) | (false, true) => {}
                            }
                        }
                        false
                    });
                    read.map_err(|e| StoreError::Corrupt {
                        key: key.clone(),
                        why: e.to_string(),
                    })?;
                }
                Kind::State => {
                    let seen = |person: &Person| {
                        if (person.person == whose.person) == theirs {
                            values.record(person, theirs);
                        }
                        Ok(None)
                    };
                    state::rewrite(&self.store, key, seen).await?;
                }
                Kind::Persons => {
                    let mut lines = Lines::open(&self.store, key).await?;
                    while let Some((_, line)) = lines.next()? {
                        let line: rollcall_core::fold::PersonLine = parse(key, &line)?;
                        if (line.person.person == whose.person) == theirs {
                            values.record(&line.person, theirs);
                        }
                    }
                }
                Kind::Actions if theirs => {
                    let mut lines = Lines::open(&self.store, key).await?;
                    while let Some((_, line)) = lines.next()? {
                        let action: ActionValues = parse(key, &line)?;
                        if whose.actions.contains(action.id.as_str()) {
                            values.action(&action);
                        }
                    }
                }
                Kind::Tenant => {
                    crate::plan::accounts_in(&self.store, key, |account| {
                        let id = whose.objects.contains(account.id.as_str());
                        let own = id || account.key.as_deref().is_some_and(|it| whose.is(it));
                        if own == theirs {
                            values.account(account, theirs);
                        }
                    })
                    .await?;
                }
                Kind::Actions
                | Kind::Notice
                | Kind::Report
                | Kind::Text
                | Kind::Drawn
                | Kind::Not => {}
            }
        }
        Ok(())
    }

    /// Redacts everything, destroys the salt, and says what of the plans cannot be made again.
    async fn carry_out_erasure(
        &self,
        head: &Head,
        run: &RunId,
        erasure: &Erasure,
    ) -> Result<Erased, Step> {
        let mut whose = Whose::of(erasure.person.clone());
        whose.workers.extend(erasure.workers.iter().cloned());
        let ground = self.all_values(head, &mut whose).await?;
        let mut out = Erased {
            format_version: record::FORMAT_VERSION,
            run: run.to_string(),
            person: whose.person.to_string(),
            ..Erased::default()
        };
        // Where the values are known from goes last: who dies on the way finds them again.
        let mut keys: Vec<&String> = ground.keys.iter().collect();
        keys.sort_by_key(|key| matches!(kind(key), Kind::State | Kind::Rows));
        let redaction = ground.redaction(self, &whose);
        for key in keys {
            if kind(key) == Kind::Report {
                let bytes = self.store.get(key).await?;
                if let Some(report) = redaction.report(key, &bytes)? {
                    report::draw(&self.store, &report).await?;
                    out.rewritten += 1;
                }
                continue;
            }
            match redaction.of(key).await? {
                Redacted::Same => {}
                Redacted::Deleted => {
                    self.store.delete(key).await?;
                    out.deleted += 1;
                }
                Redacted::New(file) if kind(key) == Kind::State => {
                    state::replace(&self.store, key, file).await?;
                    out.rewritten += 1;
                }
                Redacted::New(mut file) => {
                    self.store.put_stream(key, &mut file).await?;
                    out.rewritten += 1;
                }
            }
        }
        out.salt = salts::destroy(&self.store, &whose.person).await?;
        out.left = self.left_in_inbox(&ground.traces).await?;
        let plans = Box::pin(self.apart(head)).await?;
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
        let objects = Objects {
            evidence: vec![evidence],
            values: Vec::new(),
        };
        let closed = Closed {
            signer: self.signer().await,
            ..Closed::default()
        };
        let event = Event::Close(closed);
        self.commit(head, run, event, objects).await?;
        self.sign().await?;
        Ok(out)
    }

    /// What of earlier plans cannot be made again now.
    async fn apart(&self, head: &Head) -> Result<Vec<Apart>, RunError> {
        let digests = self.key.get().await?;
        let erasures = Erasures::read(&self.store, head).await?;
        let mut out = Vec::new();
        let mut before = log::Standing::default();
        for generation in 1..=head.generation {
            let (entry, _) = log::entry(&self.store, generation).await?;
            if matches!(entry.event, Event::Plan(_)) {
                let again = Box::pin(self.make_again(digests, &entry, &before, &erasures)).await;
                out.extend(apart_of(&entry, again));
            }
            before = entry.standing;
        }
        Ok(out)
    }

    /// Files that lie in the inbox and have traces: what HR sends is not ours to rewrite.
    async fn left_in_inbox(&self, traces: &Traces) -> Result<Vec<String>, StoreError> {
        let mut out = Vec::new();
        for listed in self.store.list("inbox").await? {
            let bytes = self.store.get(&listed.key).await?;
            if traces.stand_in(&bytes) {
                out.push(format!(
                    "{}: it was refused or is not taken yet, and has values of the person; delete it, or HR's \
                     next file brings them back",
                    listed.key
                ));
            }
        }
        Ok(out)
    }
}

/// Columns by which a row is known.
fn keys_of(mapping: &rollcall_core::mapping::Mapping) -> impl Iterator<Item = String> {
    let person = mapping.person_column().map(str::to_owned);
    std::iter::once(mapping.key_column().to_owned()).chain(person)
}

/// What of a plan cannot be made again; `None` where all of it can that is not the person's, or where
/// its inputs were gone anyway.
fn apart_of(entry: &Entry, again: Result<Replay, StoreError>) -> Option<Apart> {
    let apart = |orders, nothing| Apart {
        generation: entry.generation,
        run: entry.run.clone(),
        orders,
        nothing,
    };
    match again {
        Ok(Replay::Same) | Err(StoreError::NotFound(_)) => None,
        Ok(Replay::Apart(orders)) if orders.is_empty() => None,
        Ok(Replay::Apart(orders)) => Some(apart(orders, None)),
        Ok(Replay::Differs(why)) => Some(apart(Vec::new(), Some(why))),
        Err(error) => Some(apart(Vec::new(), Some(error.to_string()))),
    }
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

/// What an erasure is carried out on.
struct Ground {
    keys: Vec<String>,
    columns: BTreeSet<String>,
    values: Values,
    traces: Traces,
}

impl Ground {
    fn redaction<'a>(&'a self, pipeline: &'a Pipeline, whose: &'a Whose) -> Redaction<'a> {
        Redaction {
            store: &pipeline.store,
            whose,
            traces: &self.traces,
            all: self.values.all(),
            names: self.values.names(),
            keys: &self.columns,
        }
    }
}
