//! The run: one pass from a sealed delivery, or from what fell due, to a closed report.
//!
//! Every step reads the head of the log, does what comes next and commits. A process that was
//! killed, or that lost a race, starts again from the head: the steps are the same. Invariant:
//! the log alone says how far a run has come.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rollcall_core::digest::worker_hash;
use rollcall_core::fold::{Outcomes, PersonLine, fold};
use rollcall_core::guards::{IntakeCounts, Kind, kind};
use rollcall_core::model::{ActionId, ObjectId, PersonKey, RunId, WorkerId};
use rollcall_core::plan::{ActionValues, PlanSummary, WorkOrder};
use rollcall_core::report::Report;
use rollcall_core::state::Person;
use rollcall_http::Clock;

use crate::apply::{self, Applier, ApplyError, Job, Lines};
use crate::config::{ConfigError, Settings};
use crate::log::{
    self, Closed, CommitError, Entry, Event, Folded, Head, Intake, Objects, OpenRun, Planned,
    Rules, Stage,
};
use crate::plan::{self, Answers, Made, PlanError, Request};
use crate::queue::EmbeddedQueue;
use crate::report::{self, Material};
use crate::rows::SealedRows;
use crate::spool::Spool;
use crate::state::{self, State};
use crate::store::{ObjectRef, Store, StoreError, parse};
use crate::target::{Target, TargetError};

/// Why a run stopped. Every kind is exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Planning.
    #[error(transparent)]
    Plan(PlanError),
    /// Applying.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Mapping or policy were changed after this run was planned or sealed in a way that it
    /// cannot go on with.
    #[error("{0}")]
    Refused(String),
}

impl From<PlanError> for RunError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Store(e) => Self::Store(e),
            PlanError::Target(e) => Self::Target(e),
            PlanError::Mapping(_) | PlanError::Spool(_) => Self::Plan(error),
        }
    }
}

/// Everything that the steps of a run share.
pub struct Pipeline {
    /// The checked configuration.
    pub settings: Settings,
    /// The store.
    pub store: Store,
    /// Its folder: where the lock of the one embedded consumer lies.
    pub folder: PathBuf,
    /// The target.
    pub target: Arc<dyn Target>,
    /// The clock.
    pub clock: Clock,
    /// Told what is going on, for progress bars: done and total orders.
    pub progress: Box<dyn Fn(u64, u64) + Send + Sync>,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Plans are made and stored; nothing is touched.
    Planned,
    /// Orders are carried out and folded into the state.
    Applied,
    /// Reports are written and runs closed.
    Closed,
}

/// A stored plan with everything that hangs on it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The run.
    pub run: RunId,
    /// Its log entry.
    pub generation: u64,
    /// What the entry says.
    pub planned: Planned,
    /// `plan.json`.
    pub summary: PlanSummary,
    /// The evidence of the entry.
    pub evidence: Vec<ObjectRef>,
    /// The values of the entry.
    pub values: Vec<ObjectRef>,
}

impl Stored {
    /// `plan.jsonl`.
    ///
    /// # Errors
    /// When the entry does not name it.
    pub fn plan(&self) -> Result<&ObjectRef, StoreError> {
        named(&self.evidence, "plan.jsonl")
    }

    /// `findings.jsonl`.
    ///
    /// # Errors
    /// When the entry does not name it.
    pub fn findings(&self) -> Result<&ObjectRef, StoreError> {
        named(&self.evidence, "findings.jsonl")
    }

    /// `actions.jsonl`: before and after.
    ///
    /// # Errors
    /// When the entry does not name it.
    pub fn actions(&self) -> Result<&ObjectRef, StoreError> {
        named(&self.values, "actions.jsonl")
    }

    /// `persons.jsonl`.
    ///
    /// # Errors
    /// When the entry does not name it.
    pub fn persons(&self) -> Result<&ObjectRef, StoreError> {
        named(&self.values, "persons.jsonl")
    }

    /// `tenant.jsonl`.
    ///
    /// # Errors
    /// When the entry does not name it.
    pub fn tenant(&self) -> Result<&ObjectRef, StoreError> {
        named(&self.values, "tenant.jsonl")
    }
}

/// The object of a name among those of a log entry.
pub(crate) fn named<'a>(list: &'a [ObjectRef], name: &str) -> Result<&'a ObjectRef, StoreError> {
    list.iter()
        .find(|o| o.is(name))
        .ok_or_else(|| StoreError::Corrupt {
            key: "log".to_owned(),
            why: format!("the entry names no `{name}`"),
        })
}

/// A new random nonce: 8 hexadecimal digits.
pub fn nonce() -> String {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    rollcall_core::digest::hex(&bytes)
}

/// A new run id: start instant and nonce.
pub fn run_id(now: Timestamp) -> RunId {
    RunId::new(format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), nonce()))
}

impl Pipeline {
    /// Brings every open run as far as asked, oldest first. Returns the plans that it made or
    /// went on with, and the reports of those that it closed.
    ///
    /// # Errors
    /// See [`RunError`]; what was committed stays, and the next call goes on from there.
    pub async fn advance(&self, until: Until) -> Result<Vec<Finished>, RunError> {
        let _alone = self.lock().await?;
        let mut out: Vec<Finished> = Vec::new();
        loop {
            let head = log::head(&self.store).await?;
            let next = head.standing.open.iter().find(|open| match open.stage {
                Stage::Sealed => true,
                Stage::Planned => until >= Until::Applied,
                Stage::Folded => until >= Until::Closed,
            });
            let Some(open) = next.cloned() else {
                return Ok(out);
            };
            match self.step(&head, &open).await {
                Ok(Some(finished)) => {
                    out.retain(|f| f.run != finished.run);
                    out.push(finished);
                }
                Ok(None) => {}
                Err(Step::Lost) => tracing::info!("Another run was faster; starting over."),
                Err(Step::Failed(error)) => return Err(*error),
            }
        }
    }

    async fn step(&self, head: &Head, open: &OpenRun) -> Result<Option<Finished>, Step> {
        match open.stage {
            Stage::Sealed => {
                let (entry, _) = log::entry(&self.store, open.generation).await?;
                let Event::Intake(intake) = &entry.event else {
                    return Err(corrupt("an open run does not begin with an intake").into());
                };
                let made = self.make(head, Some((intake, &entry)), intake.now).await?;
                let stored = self
                    .commit_plan(head, &open.run, Some(intake.clone()), made)
                    .await?;
                Ok(Some(Finished {
                    run: open.run.clone(),
                    stored,
                    report: None,
                }))
            }
            Stage::Planned => {
                let stored = self.stored(open.generation).await?;
                let overtaken = self.overtaken(head, &stored).await?;
                let outcomes = self.apply(head, &stored, &overtaken).await?;
                self.fold(head, &stored, &outcomes, overtaken).await?;
                Ok(None)
            }
            Stage::Folded => {
                let generation = self.plan_generation(&open.run, open.generation).await?;
                let stored = self.stored(generation).await?;
                let report = self.report(head, &stored).await?;
                let closed = Closed {
                    held: !report.holds.is_empty(),
                };
                self.commit(head, &open.run, Event::Close(closed), Objects::default())
                    .await?;
                let run = open.run.clone();
                Ok(Some(Finished {
                    run,
                    stored,
                    report: Some(report),
                }))
            }
        }
    }

    /// One consumer of the embedded queue at a time; others wait here. The operating system
    /// lets go of the lock when the process ends, however it ends.
    async fn lock(&self) -> Result<std::fs::File, StoreError> {
        let path = self.folder.join("lock");
        let fail = |e: std::io::Error| StoreError::Backend {
            key: "lock".to_owned(),
            why: e.to_string(),
        };
        let file = std::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(fail)?;
        tokio::task::spawn_blocking(move || file.lock().map(|()| file))
            .await
            .map_err(|e| fail(std::io::Error::other(e)))?
            .map_err(fail)
    }

    /// Makes the plan of a delivery, or of what fell due.
    async fn make(
        &self,
        head: &Head,
        intake: Option<(&Intake, &Entry)>,
        now: Timestamp,
    ) -> Result<Made, RunError> {
        let state = State::load(&self.store, &head.standing.state).await?;
        let settings = &self.settings;
        let rows = match intake {
            Some((intake, entry)) => {
                let rows = Self::open_rows(&self.store, entry, &settings.mapping).await?;
                Some((intake, rows))
            }
            None => None,
        };
        let rules = self.rules();
        let accepted = head.standing.accepted.as_ref();
        let oldest =
            jiff::SignedDuration::from_hours(i64::from(settings.policy.gates.max_source_age_h));
        let target = &self.target;
        let request = Request {
            now,
            source: settings.source(),
            stale: intake.is_none() && accepted.is_none_or(|a| now.duration_since(a.at) > oldest),
            intake: rows,
            state: &state,
            baseline: accepted.filter(|a| a.full).map(|a| IntakeCounts {
                rows: a.rows,
                inactive: a.inactive,
                unknown_status: 0,
            }),
            first_load: accepted.is_none(),
            rules_changed: head.standing.rules.as_ref().is_some_and(|r| *r != rules),
            disables_before: head.standing.disables_before(now),
            mapping: &settings.mapping,
            policy: &settings.policy,
            key: &settings.key,
            kind: target.kind(),
            forecast: &|actions| target.forecast(actions),
        };
        Ok(plan::make(request, Answers::Live(target.as_ref())).await?)
    }

    fn rules(&self) -> Rules {
        Rules {
            mapping_sha256: self.settings.mapping.hash(),
            policy_sha256: self.settings.policy.hash(),
        }
    }

    async fn commit_plan(
        &self,
        head: &Head,
        run: &RunId,
        intake: Option<Intake>,
        made: Made,
    ) -> Result<Stored, Step> {
        let nonce = nonce();
        let summary = serde_json::to_vec_pretty(&made.summary).expect("a summary is always JSON");
        let of = |bytes: &[u8]| Spool::of(bytes).map_err(PlanError::Spool);
        let evidence = [
            ("plan.jsonl", made.plan),
            ("plan.json", of(&summary)?),
            ("findings.jsonl", made.findings),
            ("mapping.toml", of(self.settings.mapping_text.as_bytes())?),
            ("policy.toml", of(self.settings.policy_text.as_bytes())?),
        ];
        let values = [
            ("actions.jsonl", made.values),
            ("persons.jsonl", made.persons),
            ("tenant.jsonl", made.tenant),
        ];
        let evidence = self
            .put_all(&format!("runs/{run}"), &nonce, evidence)
            .await?;
        let values = self
            .put_all(&format!("values/{run}"), &nonce, values)
            .await?;
        let planned = Planned {
            now: made.summary.now,
            plan_sha256: made.summary.plan_sha256.clone(),
            parked: made.parked,
            guards: made.guards,
            orders: made.orders,
            inactive: made.summary.counts.inactive,
            disables: made.disables.0,
            disables_held: made.disables.1,
            rules: self.rules(),
            intake,
        };
        let objects = Objects {
            evidence: evidence.clone(),
            values: values.clone(),
        };
        let next = self
            .commit(head, run, Event::Plan(planned.clone()), objects)
            .await?;
        Ok(Stored {
            run: run.clone(),
            generation: next.generation,
            planned,
            summary: made.summary,
            evidence,
            values,
        })
    }

    async fn put_all(
        &self,
        folder: &str,
        nonce: &str,
        spools: impl IntoIterator<Item = (&str, Spool)>,
    ) -> Result<Vec<ObjectRef>, RunError> {
        let mut out = Vec::new();
        for (name, spool) in spools {
            let mut from = spool.reader().map_err(PlanError::Spool)?;
            let key = format!("{folder}/{name}");
            out.push(self.store.put_evidence(&key, nonce, &mut from).await?);
        }
        Ok(out)
    }

    /// The stored plan of an entry.
    ///
    /// # Errors
    /// When the entry is no plan, or cannot be read.
    pub async fn stored(&self, generation: u64) -> Result<Stored, StoreError> {
        let (entry, _) = log::entry(&self.store, generation).await?;
        let Event::Plan(planned) = entry.event else {
            return Err(corrupt("the entry is not a plan"));
        };
        let key = named(&entry.accepts, "plan.json")?.key.clone();
        Ok(Stored {
            run: entry.run,
            generation,
            planned,
            summary: self.store.json(&key).await?,
            evidence: entry.accepts,
            values: entry.values,
        })
    }

    /// The generation of a run's plan entry, searched backwards from one of its entries.
    async fn plan_generation(&self, run: &RunId, from: u64) -> Result<u64, StoreError> {
        for generation in (1..=from).rev() {
            let (entry, _) = log::entry(&self.store, generation).await?;
            if entry.run == *run && matches!(entry.event, Event::Plan(_)) {
                return Ok(generation);
            }
        }
        Err(corrupt("an open run has no plan"))
    }

    fn approved(head: &Head, stored: &Stored) -> Vec<String> {
        let pending = head.standing.pending.as_ref();
        let ours = pending.filter(|p| p.plan_sha256 == stored.planned.plan_sha256);
        let mut approved = ours.map(|p| p.approved.clone()).unwrap_or_default();
        // Any gate that is approved accepts the intake, whichever of them the hold is filed under.
        if approved.iter().any(|g| kind(g) == Some(Kind::Intake)) {
            let all = stored
                .planned
                .guards
                .iter()
                .filter(|g| kind(g) == Some(Kind::Intake));
            approved.extend(all.cloned());
        }
        approved
    }

    async fn apply(
        &self,
        head: &Head,
        stored: &Stored,
        overtaken: &BTreeMap<PersonKey, Person>,
    ) -> Result<Outcomes, RunError> {
        for object in [stored.plan()?, stored.actions()?] {
            // What is carried out is what was planned and approved, byte for byte (P14).
            if self.store.sha256(&object.key).await? != object.sha256 {
                return Err(StoreError::Corrupt {
                    key: object.key.clone(),
                    why: "it was changed after it was planned; nothing of it is carried out"
                        .to_owned(),
                }
                .into());
            }
        }
        let queue = EmbeddedQueue::new(self.clock);
        let applier = Applier {
            store: &self.store,
            target: self.target.as_ref(),
            queue: &queue,
            clock: self.clock,
            progress: self.progress.as_ref(),
            nonce: nonce(),
        };
        let job = Job {
            run: stored.run.clone(),
            generation: stored.generation,
            plan_sha256: stored.planned.plan_sha256.clone(),
            plan: stored.plan()?.clone(),
            values: stored.actions()?.clone(),
            approved: Self::approved(head, stored),
            now: stored.planned.now,
            overtaken: overtaken.keys().cloned().collect(),
        };
        let objects = self.references(head, stored).await?;
        Ok(applier.carry_out(&job, objects).await?)
    }

    /// Persons of an approved plan whom a newer plan has changed since: the approval is void for
    /// them. With each, how the state has them now.
    async fn overtaken(
        &self,
        head: &Head,
        stored: &Stored,
    ) -> Result<BTreeMap<PersonKey, Person>, RunError> {
        if Self::approved(head, stored).is_empty() {
            return Ok(BTreeMap::new());
        }
        let journal = apply::outcomes(&self.store, &stored.run).await?;
        let ours: std::collections::BTreeSet<&PersonKey> = journal
            .iter()
            .filter(|o| o.ending.settled())
            .map(|o| &o.person)
            .collect();
        let key = &stored.persons()?.key;
        let state = State::load(&self.store, &head.standing.state).await?;
        let (mut places, mut expected) = (Vec::new(), Vec::new());
        let mut lines = Lines::open(&self.store, key).await?;
        while let Some((_, line)) = lines.next()? {
            let PersonLine { person, .. } = parse(key, &line)?;
            let hash = person.hot().key;
            if let Ok(at) = state.hot().binary_search_by_key(&hash, |h| h.key) {
                places.push(at);
                // Folded before by this run, or not yet: both are ours.
                let most = person.revision + u32::from(ours.contains(&person.person));
                expected.push(person.revision..=most);
            }
        }
        let now = state.persons(&places)?;
        Ok(now
            .into_iter()
            .zip(expected)
            .filter(|(person, expected)| !expected.contains(&person.revision))
            .map(|(person, _)| (person.person.clone(), person))
            .collect())
    }

    /// Accounts of persons outside the plan that its references name.
    async fn references(
        &self,
        head: &Head,
        stored: &Stored,
    ) -> Result<BTreeMap<PersonKey, ObjectId>, RunError> {
        let plan = &stored.plan()?.key;
        let mut wanted: Vec<WorkerId> = Vec::new();
        let mut lines = Lines::open(&self.store, plan).await?;
        while let Some((_, line)) = lines.next()? {
            let order: WorkOrder = parse(plan, &line)?;
            let all = order
                .actions
                .iter()
                .chain(order.held.iter().flat_map(|h| &h.actions));
            wanted.extend(all.filter_map(|a| a.args.get("manager")).map(WorkerId::new));
        }
        wanted.sort();
        wanted.dedup();
        let state = State::load(&self.store, &head.standing.state).await?;
        let source = self.settings.source();
        let places: Vec<usize> = wanted
            .iter()
            .filter_map(|w| {
                let key = worker_hash(&source, w);
                state.hot().binary_search_by_key(&key, |h| h.key).ok()
            })
            .collect();
        let persons = state.persons(&places)?;
        Ok(persons
            .into_iter()
            .filter_map(|p| Some((p.person, p.object?)))
            .collect())
    }

    async fn fold(
        &self,
        head: &Head,
        stored: &Stored,
        outcomes: &Outcomes,
        overtaken: BTreeMap<PersonKey, Person>,
    ) -> Result<(), Step> {
        let approved = Self::approved(head, stored);
        let folding = Folding {
            persons: Lines::open(&self.store, &stored.persons()?.key).await?,
            plan: Lines::open(&self.store, &stored.plan()?.key).await?,
            values: Lines::open(&self.store, &stored.actions()?.key).await?,
            approved,
            now: stored.planned.now,
            outcomes,
            kind: self.target.kind(),
            overtaken,
        };
        let generation = head.generation + 1;
        let current = &head.standing.state;
        let next = state::write(&self.store, generation, &nonce(), current, folding).await?;
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for outcome in outcomes.iter() {
            *counts.entry(outcome.ending.name().to_owned()).or_default() += 1;
        }
        let folded = Folded {
            state: next.clone(),
            outcomes: counts,
        };
        let objects = Objects {
            evidence: apply::segment_refs(&self.store, &stored.run).await?,
            values: next.base.iter().chain(&next.deltas).cloned().collect(),
        };
        self.commit(head, &stored.run, Event::Fold(folded), objects)
            .await?;
        Ok(())
    }

    /// Writes the report of a planned run from what is stored.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn report(&self, head: &Head, stored: &Stored) -> Result<Report, RunError> {
        let outcomes = apply::outcomes(&self.store, &stored.run).await?;
        let approved = Self::approved(head, stored);
        let material = Material {
            run: &stored.run,
            intake: stored.planned.intake.as_ref(),
            summary: stored.summary.clone(),
            plan: &stored.plan()?.key,
            values: &stored.actions()?.key,
            persons: &stored.persons()?.key,
            findings: &stored.findings()?.key,
            outcomes: &outcomes,
            approved: &approved,
            finished: self.clock.now(),
            usage: self.target.usage(),
        };
        let report = report::build(&self.store, &material).await?;
        let rows = match &stored.planned.intake {
            Some(_) => {
                let intake = self.intake_entry(&stored.run, stored.generation).await?;
                Some(Self::open_rows(&self.store, &intake, &self.settings.mapping).await?)
            }
            None => None,
        };
        report::write(&self.store, &report, material.persons, rows).await?;
        Ok(report)
    }

    /// The intake entry of a run, searched backwards.
    pub(crate) async fn intake_entry(&self, run: &RunId, from: u64) -> Result<Entry, StoreError> {
        for generation in (1..=from).rev() {
            let (entry, _) = log::entry(&self.store, generation).await?;
            if entry.run == *run && matches!(entry.event, Event::Intake(_)) {
                return Ok(entry);
            }
        }
        Err(corrupt("a run with a delivery has no intake entry"))
    }

    /// The sealed rows that an intake entry names.
    pub(crate) async fn open_rows(
        store: &Store,
        intake: &Entry,
        mapping: &rollcall_core::mapping::Mapping,
    ) -> Result<SealedRows, StoreError> {
        let rows = intake
            .values
            .first()
            .ok_or_else(|| corrupt("no sealed rows"))?;
        let noted = named(&intake.accepts, "reading.jsonl")?;
        SealedRows::open(store, rows, noted, mapping).await
    }

    /// The first orders of a stored plan with the values of their actions, as far as those are
    /// kept, and how many orders there are.
    ///
    /// # Errors
    /// When a stored object cannot be read.
    pub async fn orders(
        &self,
        stored: &Stored,
        most: usize,
    ) -> Result<(Vec<(WorkOrder, Vec<ActionValues>)>, usize), RunError> {
        let plan = &stored.plan()?.key;
        let actions = &stored.actions()?.key;
        let mut out = Vec::new();
        let mut count = 0;
        let mut lines = Lines::open(&self.store, plan).await?;
        while let Some((_, line)) = lines.next()? {
            count += 1;
            if out.len() >= most {
                continue;
            }
            let order: WorkOrder = parse(plan, &line)?;
            let mut own = Vec::new();
            if let Some((from, to)) = order.values {
                let bytes = match self.store.get_range(actions, from..to).await {
                    Ok(bytes) => bytes,
                    Err(StoreError::NotFound(_)) => bytes::Bytes::new(),
                    Err(e) => return Err(e.into()),
                };
                for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
                    own.push(parse(actions, line)?);
                }
            }
            out.push((order, own));
        }
        Ok((out, count))
    }

    /// The newest plan and its report, written anew from what is stored. `None` before the
    /// first plan.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn newest_report(&self, head: &Head) -> Result<Option<(Stored, Report)>, RunError> {
        for generation in (1..=head.generation).rev() {
            let (entry, _) = log::entry(&self.store, generation).await?;
            if matches!(entry.event, Event::Plan(_)) {
                let stored = self.stored(generation).await?;
                let report = self.report(head, &stored).await?;
                return Ok(Some((stored, report)));
            }
        }
        Ok(None)
    }

    /// Plans what fell due, stopped waiting or was not done. `None` when there is nothing.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn release(&self, now: Timestamp) -> Result<Option<Stored>, RunError> {
        loop {
            let head = log::head(&self.store).await?;
            if !head.standing.open.is_empty() {
                return Ok(None);
            }
            let made = self.make(&head, None, now).await?;
            if made.orders == 0 && made.persons.bytes() == 0 {
                return Ok(None);
            }
            match self.commit_plan(&head, &run_id(now), None, made).await {
                Ok(stored) => return Ok(Some(stored)),
                Err(Step::Lost) => {}
                Err(Step::Failed(error)) => return Err(*error),
            }
        }
    }

    pub(crate) async fn commit(
        &self,
        head: &Head,
        run: &RunId,
        event: Event,
        objects: Objects,
    ) -> Result<Head, Step> {
        let at = self.clock.now();
        Ok(log::commit(&self.store, head, run, at, &nonce(), event, objects).await?)
    }
}

/// What became of one run in a call.
#[derive(Debug)]
pub struct Finished {
    /// The run.
    pub run: RunId,
    /// Its plan.
    pub stored: Stored,
    /// Its report, once closed.
    pub report: Option<Report>,
}

/// How a step ended that did not end well.
#[derive(Debug)]
pub(crate) enum Step {
    /// Another writer was faster: start over from the new head.
    Lost,
    /// Stop.
    Failed(Box<RunError>),
}

impl<E: Into<RunError>> From<E> for Step {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

impl From<CommitError> for Step {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Lost(_) => Self::Lost,
            CommitError::Store(e) => e.into(),
        }
    }
}

fn corrupt(why: &str) -> StoreError {
    StoreError::Corrupt {
        key: "log".to_owned(),
        why: why.to_owned(),
    }
}

/// Persons after their outcomes, in the order of the plan: one pass over three files.
struct Folding<'a> {
    persons: Lines,
    plan: Lines,
    values: Lines,
    approved: Vec<String>,
    now: Timestamp,
    outcomes: &'a Outcomes,
    kind: rollcall_core::policy::Target,
    overtaken: BTreeMap<PersonKey, Person>,
}

impl Folding<'_> {
    fn person(&mut self, line: &[u8]) -> Result<Person, StoreError> {
        let PersonLine { order, person, .. } = parse("persons.jsonl", line)?;
        let newer = self.overtaken.remove(&person.person);
        let Some(id) = order else {
            return Ok(newer.unwrap_or(person));
        };
        let Some((_, line)) = self.plan.next()? else {
            return Err(corrupt("the plan has fewer orders than persons name"));
        };
        let order: WorkOrder = parse("plan.jsonl", &line)?;
        if order.order != id {
            return Err(corrupt("persons and plan are not in the same order"));
        }
        let mut values: BTreeMap<ActionId, ActionValues> = BTreeMap::new();
        if let Some((_, to)) = order.values {
            while let Some(((_, end), line)) = self.values.next()? {
                let value: ActionValues = parse("actions.jsonl", &line)?;
                values.insert(value.id.clone(), value);
                if end + 1 >= to {
                    break;
                }
            }
        }
        if let Some(newer) = newer {
            return Ok(newer);
        }
        Ok(fold(
            person,
            &order,
            &self.approved,
            self.now,
            &values,
            self.outcomes,
            &self.kind,
        ))
    }
}

impl Iterator for Folding<'_> {
    type Item = Result<Person, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.persons.next() {
            Ok(Some((_, line))) => Some(self.person(&line)),
            Ok(None) => None,
            Err(e) => Some(Err(e)),
        }
    }
}
