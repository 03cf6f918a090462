//! Reconcile: the tenant against HR and state, and the control pack for an auditor.
//!
//! It reads the newest accepted rows, the state and the whole tenant, and writes reports under a run id
//! of its own; what it counted, and the SHA-256 of what it wrote, is committed as evidence. Invariant:
//! nothing is written to the tenant here, and memory holds tens of bytes a person.

mod accounts;
mod history;
mod judge;
mod people;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rollcall_core::digest::{WorkerHasher, sha256};
use rollcall_core::mapping::Given;
use rollcall_core::model::{ObjectId, RunId, SourceName};
use rollcall_core::policy::Target;
use rollcall_core::reconcile::{
    Because, Class, Controls, EVENT_HEADER, Event, EventKind, HEADER, Populations, Terms, Totals,
    by_site, event_line, page, sample, total_line,
};
use serde::{Deserialize, Serialize};

use self::accounts::{MADE, ReadError, SUCCEEDED, TRIED};
use self::history::{History, Period};
use self::judge::{Judge, Lines};
use self::people::{People, Reading};
use crate::log::{self, Closed, Head, Objects};
use crate::plan::PlanError;
use crate::run::{Pipeline, RunError, Step, nonce, run_id};
use crate::spool::Spool;
use crate::state::State;

/// What files call the target.
const TARGET: &str = "entra";
/// Version of what is written.
const FORMAT_VERSION: u32 = 1;
/// The period, where nobody says another one.
const DAYS: i64 = 90;

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The first instant of the period; 90 days before the last one where absent.
    pub from: Option<Timestamp>,
    /// The first instant after it; now where absent.
    pub to: Option<Timestamp>,
    /// How many of each kind are drawn, and by which seed.
    pub sample: Option<(usize, String)>,
}

/// `reconciliation.json`: what was compared, and what was found. No personal values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Its run.
    pub run: RunId,
    /// Its instant.
    pub now: Timestamp,
    /// The first instant of the period.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// Where the commit log stood.
    pub head: Option<String>,
    /// The state.
    pub state_sha256: String,
    /// The mapping's meaning.
    pub mapping_sha256: String,
    /// The policy's meaning.
    pub policy_sha256: String,
    /// `reconcile.toml`, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub register_sha256: Option<String>,
    /// HR's side.
    pub sources: Vec<Compared>,
    /// Both sides.
    pub populations: Populations,
    /// Lines by class.
    pub totals: Totals,
    /// Differences by attribute, and by how they came about.
    pub drift: BTreeMap<String, BTreeMap<Because, u64>>,
    /// Whether the target let us look at sign-ins.
    pub sign_ins: bool,
    /// People who left in the period, those cut off in time, and the share; `None` of nobody.
    pub leavers: u64,
    /// Of these, cut off within the time that it may take.
    pub leavers_in_time: u64,
    /// The share of those.
    pub leavers_in_time_percent: Option<f64>,
    /// What was written under `runs/<run>/report/`, by name: bytes and SHA-256.
    pub files: BTreeMap<String, (u64, String)>,
}

/// The newest accepted data of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Its name.
    pub source: SourceName,
    /// The run that brought them.
    pub run: RunId,
    /// SHA-256 of the bytes received.
    pub sha256: String,
    /// The moment that they describe.
    pub as_of: Timestamp,
    /// Data rows as they were received.
    pub rows: u32,
    /// The same, counted again; `None`: no full file, and what was taken in of them was compared.
    pub counted: Option<u32>,
    /// Of these, not believed.
    pub held: u32,
}

/// What a reconciliation found.
#[derive(Debug)]
pub struct Reconciled {
    /// What was committed.
    pub record: Reconciliation,
    /// Accounts of people whom a plan may mend, ascending.
    pub mendable: Vec<ObjectId>,
}

impl Reconciliation {
    /// Lines of a class.
    pub fn of(&self, class: Class) -> u64 {
        self.totals.of(class)
    }
}

/// What was read once.
struct Sides {
    head: Head,
    state: State,
    people: People,
    lines: Lines,
    sign_ins: bool,
}

impl Pipeline {
    /// Compares, writes the reports and commits what was counted.
    ///
    /// # Errors
    /// See [`RunError`]: nothing was ever accepted, its rows are no longer kept, or the target cannot be
    /// read.
    pub async fn reconcile(&self, asked: &Asked, now: Timestamp) -> Result<Reconciled, RunError> {
        let to = asked.to.unwrap_or(now).min(now);
        let days = SignedDuration::from_hours(24 * DAYS);
        let from = asked.from.or_else(|| to.checked_sub(days).ok());
        let period = Period {
            from: from.unwrap_or(Timestamp::MIN),
            to,
        };
        if period.from >= period.to {
            return Err(RunError::Refused(format!(
                "the period ends at {to}, before it begins"
            )));
        }
        let run = run_id(now);
        let mut sides = self.compare_all(period, now).await?;
        let history = History::read(self, sides.head.generation, period).await?;
        let controls = self.controls(&run, asked, period, now, &sides, history)?;
        let mendable = std::mem::take(&mut sides.lines.mendable);
        let record = Box::pin(self.written(&run, asked, sides, controls)).await?;
        Box::pin(self.record(&record)).await?;
        Ok(Reconciled { record, mendable })
    }

    async fn compare_all(&self, period: Period, now: Timestamp) -> Result<Sides, RunError> {
        let head = log::head(&self.store).await?;
        let state = State::load(&self.store, &head.standing.state).await?;
        self.check_home(&state, &head.standing)?;
        let (target, register) = (self.target.kind(), &self.settings.register);
        let key = self.key.get().await?;
        let reading = Reading {
            policy: &self.settings.policy,
            register,
            target: &target,
            key,
            now,
        };
        let mut people = People::read(self, &head.standing, head.generation, &reading).await?;
        if people.sources.is_empty() {
            return Err(RunError::Refused(
                "nothing was ever accepted from HR: there is nothing to compare the tenant with; \
                 `rollcall run` takes what lies in the inbox"
                    .to_owned(),
            ));
        }
        let (mut joined, sign_ins) = self.join(&people, &state, &target, now).await?;
        let judge = Judge {
            feeds: &self.settings.feeds,
            policy: &self.settings.policy,
            register,
            state: &state,
            terms: Terms {
                now,
                from: period.from,
                dormant_days: register.dormant_days,
                sla: register.sla,
                target: &target,
            },
            given: Given { now, key },
            sign_ins,
        };
        let lines = judge.all(&mut people, &mut joined)?;
        Ok(Sides {
            head,
            state,
            people,
            lines,
            sign_ins,
        })
    }

    /// The tenant next to everybody; and whether it lets us look at sign-ins.
    async fn join(
        &self,
        people: &People,
        state: &State,
        target: &Target,
        now: Timestamp,
    ) -> Result<(accounts::Joined, bool), RunError> {
        let targets = self.settings.mapping().targets();
        let mut bare: Vec<String> = targets.iter().map(|it| (*it).to_owned()).collect();
        bare.extend(self.settings.register.reads());
        bare.push(MADE.to_owned());
        let mut with = bare.clone();
        with.extend([SUCCEEDED, TRIED[0], TRIED[1]].map(str::to_owned));
        let terms = |attributes, sign_ins| accounts::Terms {
            people,
            state,
            hasher: WorkerHasher::new(&self.settings.source()),
            target,
            attributes,
            sign_ins,
            dormant_days: self.settings.register.dormant_days,
            now,
        };
        match accounts::read(self.target.as_ref(), &terms(with.as_slice(), true)).await {
            Ok(joined) => return Ok((joined, true)),
            // Sign-ins take a licence and a permission of their own: without them the rest is compared. Whatever
            // else failed says nothing of them.
            Err(ReadError::Target(error)) if error.denied => {
                tracing::warn!(%error, "Accounts cannot be read with their sign-ins; read without.");
            }
            Err(error) => return Err(unread(error)),
        }
        let joined = accounts::read(self.target.as_ref(), &terms(bare.as_slice(), false)).await;
        Ok((joined.map_err(unread)?, false))
    }

    fn controls(
        &self,
        run: &RunId,
        asked: &Asked,
        period: Period,
        now: Timestamp,
        sides: &Sides,
        history: History,
    ) -> Result<(Controls, Vec<Event>), RunError> {
        let register = &self.settings.register;
        let leavers = history.leavers(&sides.state, register, &self.settings.source(), now)?;
        let events = history.events(&leavers);
        let kept = history.kept(self, &sides.state, now)?;
        let mut counts: BTreeMap<EventKind, u64> = BTreeMap::new();
        for event in &events {
            *counts.entry(event.kind).or_default() += 1;
        }
        let mut intakes = history.intakes;
        for intake in &mut intakes {
            let newest = sides.people.sources.iter().find(|it| it.run == intake.run);
            intake.recounted = newest.and_then(|it| it.counted);
        }
        let exceptions = register.exceptions().iter().map(|it| {
            let over = it.expired(now);
            (it.name.clone(), it.owner.clone(), it.until, over)
        });
        let controls = Controls {
            format_version: FORMAT_VERSION,
            run: run.clone(),
            now,
            from: period.from,
            to: period.to,
            since: history.since,
            totals: sides.lines.totals.clone(),
            populations: sides.lines.populations,
            sign_ins: sides.sign_ins,
            intakes,
            events: counts,
            sites: by_site(&leavers),
            leavers,
            kept,
            privileged: history.privileged,
            approvals: history.approvals,
            conflicts: history.conflicts,
            rules: history.rules,
            exceptions: exceptions.collect(),
            sample: asked.sample.clone(),
        };
        Ok((controls, events))
    }

    /// Writes the reports.
    async fn written(
        &self,
        run: &RunId,
        asked: &Asked,
        sides: Sides,
        (controls, events): (Controls, Vec<Event>),
    ) -> Result<Reconciliation, RunError> {
        let Sides {
            head,
            state,
            people,
            lines,
            sign_ins,
        } = sides;
        let mut population = EVENT_HEADER.to_owned();
        for event in &events {
            event_line(event, &mut population);
        }
        let mut files = vec![
            ("population.csv", population.into_bytes()),
            (
                "controls.json",
                serde_json::to_vec_pretty(&controls).expect("a pack is always JSON"),
            ),
            ("controls.html", page(&controls).into_bytes()),
        ];
        if let Some((most, seed)) = &asked.sample {
            let mut drawn = format!("rank,{EVENT_HEADER}");
            for (rank, event) in sample(&events, *most, seed) {
                drawn.push_str(&rank);
                drawn.push(',');
                event_line(event, &mut drawn);
            }
            files.push(("sample.csv", drawn.into_bytes()));
        }
        let folder = format!("runs/{run}/report");
        let mut written = BTreeMap::new();
        let csv = whole(lines.csv, &lines.totals, &lines.populations, sign_ins);
        let csv = csv.map_err(PlanError::Spool)?;
        let mut csv = csv.reader().map_err(PlanError::Spool)?;
        let name = "reconciliation.csv";
        let stored = self
            .store
            .put_stream(&format!("{folder}/{name}"), &mut csv)
            .await?;
        written.insert(name.to_owned(), (stored.bytes, stored.sha256));
        for (name, bytes) in files {
            let stored = self.store.put(&format!("{folder}/{name}"), bytes).await?;
            written.insert(name.to_owned(), (stored.bytes, stored.sha256));
        }
        let all = controls.sites.first();
        let record = Reconciliation {
            format_version: FORMAT_VERSION,
            run: run.clone(),
            now: controls.now,
            from: controls.from,
            to: controls.to,
            head: head.named(),
            state_sha256: state.sha256(),
            mapping_sha256: self.settings.mapping().hash(),
            policy_sha256: self.settings.policy.hash(),
            register_sha256: self.settings.register.sha256().map(str::to_owned),
            sources: people.sources.iter().map(compared).collect(),
            populations: lines.populations,
            totals: lines.totals,
            drift: lines.drift,
            sign_ins,
            leavers: all.map_or(0, |it| it.leavers),
            leavers_in_time: all.map_or(0, |it| it.within_sla),
            leavers_in_time_percent: all.and_then(|it| it.within_sla_percent),
            files: written,
        };
        let bytes = serde_json::to_vec_pretty(&record).expect("a reconciliation is always JSON");
        self.store
            .put(&format!("{folder}/reconciliation.json"), bytes)
            .await?;
        Ok(record)
    }

    /// Puts what was counted into the chain: a close of its own run that accepts it.
    async fn record(&self, record: &Reconciliation) -> Result<(), RunError> {
        let bytes = serde_json::to_vec_pretty(record).expect("a reconciliation is always JSON");
        let key = format!("runs/{}/reconciliation.json", record.run);
        let mut from = bytes.as_slice();
        let stored = self.store.put_evidence(&key, &nonce(), &mut from).await?;
        debug_assert_eq!(stored.sha256, sha256(&bytes));
        loop {
            let head = log::head(&self.store).await?;
            let objects = Objects {
                evidence: vec![stored.clone()],
                values: Vec::new(),
            };
            let closed = Closed {
                signer: self.signer_beside().await,
                ..Closed::default()
            };
            let event = log::Event::Close(closed);
            match self.commit(&head, &record.run, event, objects).await {
                Ok(_) => return self.sign_beside().await,
                Err(Step::Lost) => {}
                Err(Step::Failed(error)) => return Err(*error),
            }
        }
    }
}

fn compared(source: &people::Source) -> Compared {
    Compared {
        source: source.name.clone(),
        run: source.run.clone(),
        sha256: source.sha256.clone(),
        as_of: source.as_of,
        rows: source.rows,
        counted: source.counted,
        held: source.held,
    }
}

fn unread(error: ReadError) -> RunError {
    match error {
        ReadError::Target(error) => error.into(),
        ReadError::Store(error) => error.into(),
        ReadError::Spool(error) => PlanError::Spool(error).into(),
    }
}

/// The table: header, lines, and the totals that the lines add up to. What only sign-ins can tell is unknown
/// without them.
fn whole(
    lines: Spool,
    totals: &Totals,
    sides: &Populations,
    sign_ins: bool,
) -> std::io::Result<Spool> {
    let mut out = Spool::default();
    out.write(HEADER.join(",").as_bytes())?;
    out.write(b"\r\n")?;
    std::io::copy(&mut lines.reader()?, &mut Into(&mut out))?;
    let mut end = String::new();
    for class in Class::ALL {
        let known = sign_ins || !class.by_sign_ins();
        total_line(class.name(), known.then(|| totals.of(class)), &mut end);
    }
    for (name, count) in [
        ("lines", totals.rows()),
        ("persons of HR", sides.hr),
        ("persons of the state", sides.state),
        ("accounts of the tenant", sides.tenant),
    ] {
        total_line(name, Some(count), &mut end);
    }
    out.write(end.as_bytes())?;
    Ok(out)
}

/// A spool as something to write into.
struct Into<'a>(&'a mut Spool);

impl std::io::Write for Into<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
