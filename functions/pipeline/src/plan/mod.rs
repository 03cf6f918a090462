//! Planning: from sealed rows, state and the tenant's answers to a stored plan.
//!
//! The shell around core: it streams rows, asks the tenant what core wants to know, and writes
//! what core decides. Two passes: the first decides about each person alone, the second settles
//! what depends on others (names, managers, budgets). Everything it reads is stored first, so
//! that the same plan can be computed again from the store alone (P2).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek as _, SeekFrom, Write as _};

use jiff::Timestamp;
use rollcall_core::delta::{self, Cause, Comparison, Coverage, Terms, Touch};
use rollcall_core::digest::{EvidenceKey, WorkerHasher, worker_hash};
use rollcall_core::fold::PersonLine;
use rollcall_core::guards::{self, IntakeCounts};
use rollcall_core::mapping::Mapping;
use rollcall_core::model::{
    Account, Finding, FindingKind, Lookup, Op, Place, Severity, SourceName, WorkerId,
};
use rollcall_core::plan::{
    Counts, FORMAT_VERSION, Forecast, GuardVerdict, Inputs, PlanHasher, PlanSummary, SourceRow,
    Verdict, WorkOrder, seal,
};
use rollcall_core::policy::{
    Context, DeltaKind, Draft, Policy, Seen, StatusClass, Subject, Target as Kind, decide,
};
use rollcall_core::references::{self, Reference};
use rollcall_core::roster::{Entry, Roster, RosterBuilder};
use rollcall_core::state::Person;
use serde::{Deserialize, Serialize};

use crate::log::Intake;
use crate::rows::SealedRows;
use crate::state::State;
use crate::store::{Store, StoreError};
use crate::target::{Target, TargetError};

/// Persons decided about at once: what bounds memory besides index and hot state.
const CHUNK: usize = 8192;
/// From this many persons on, and when they are most of those that are known, the whole tenant is
/// read page by page: a first load. Pages come one after the other, questions many at once, so
/// that for a nightly share of a large tenant asking is faster.
const LIST_FROM: usize = 400;

/// Why no plan was made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The store failed, or something in it is not what it should be.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target could not be asked.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The mapping reads columns that the sealed rows do not have.
    #[error("{0}")]
    Mapping(String),
    /// A temporary file failed.
    #[error("temporary file: {0}")]
    Spool(#[from] std::io::Error),
}

/// Everything that a plan is made from. Equal inputs give equal bytes.
pub struct Request<'a> {
    /// The instant.
    pub now: Timestamp,
    /// The feed.
    pub source: SourceName,
    /// The delivery, and its sealed rows; `None` for a release.
    pub intake: Option<(&'a Intake, SealedRows)>,
    /// The state.
    pub state: &'a State,
    /// The last accepted full file.
    pub baseline: Option<IntakeCounts>,
    /// Nothing was ever accepted.
    pub first_load: bool,
    /// The newest accepted data are too old (releases only).
    pub stale: bool,
    /// Mapping or policy is not what the state was made with.
    pub rules_changed: bool,
    /// Disables of the last 24 hours.
    pub disables_before: u32,
    /// The mapping.
    pub mapping: &'a Mapping,
    /// The policy.
    pub policy: &'a Policy,
    /// What hides values in evidence.
    pub key: &'a EvidenceKey,
    /// What core has to know of the target.
    pub kind: Kind,
    /// What carrying out so many actions by operation will take.
    pub forecast: &'a (dyn Fn(&BTreeMap<String, u32>) -> Forecast + Sync),
}

/// A plan, ready to be stored.
#[derive(Debug)]
pub struct Made {
    /// `plan.json`.
    pub summary: PlanSummary,
    /// `plan.jsonl`.
    pub plan: Vec<u8>,
    /// `values/<run>/actions.jsonl`.
    pub values: Vec<u8>,
    /// `values/<run>/persons.jsonl`.
    pub persons: Vec<u8>,
    /// `values/<run>/tenant.jsonl`.
    pub tenant: Vec<u8>,
    /// `runs/<run>/findings.jsonl`.
    pub findings: Vec<u8>,
    /// A gate parked the intake.
    pub parked: bool,
    /// Guards that keep something back.
    pub guards: Vec<String>,
    /// Orders.
    pub orders: u32,
    /// Disables let through, and kept back by the budget.
    pub disables: (u32, u32),
}

/// One question to the tenant and its answer, as stored.
#[derive(Debug, Serialize, Deserialize)]
struct Answered {
    question: Lookup,
    answer: Vec<Account>,
}

/// Where answers come from: the tenant, or what it answered when the plan was first made.
pub enum Answers<'a> {
    /// Ask.
    Live(&'a dyn Target),
    /// Read again.
    Stored(BTreeMap<Lookup, Vec<Account>>),
}

impl Answers<'_> {
    /// Answers from a stored `tenant.jsonl`.
    ///
    /// # Errors
    /// When a line cannot be read.
    pub fn stored(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let mut out = BTreeMap::new();
        for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            let Answered { question, answer } = crate::store::parse(key, line)?;
            out.insert(question, answer);
        }
        Ok(Self::Stored(out))
    }
}

struct Desk<'a> {
    listing: Option<Listing>,
    answers: Answers<'a>,
    attributes: Vec<String>,
    record: Vec<u8>,
}

/// The whole tenant by id, key and name.
#[derive(Default)]
struct Listing {
    accounts: Vec<Account>,
    by: BTreeMap<Lookup, Vec<usize>>,
}

impl Listing {
    fn new(accounts: Vec<Account>) -> Self {
        let mut by: BTreeMap<Lookup, Vec<usize>> = BTreeMap::new();
        for (at, account) in accounts.iter().enumerate() {
            by.entry(Lookup::Id(account.id.clone()))
                .or_default()
                .push(at);
            by.entry(folded(&Lookup::Name(account.name.clone())))
                .or_default()
                .push(at);
            if let Some(key) = &account.key {
                by.entry(Lookup::Key(key.clone())).or_default().push(at);
            }
        }
        Self { accounts, by }
    }

    fn find(&self, lookup: &Lookup) -> Vec<Account> {
        let found = self.by.get(&folded(lookup)).map_or(&[][..], Vec::as_slice);
        found.iter().map(|at| self.accounts[*at].clone()).collect()
    }
}

/// Sign-in names compare without regard to case.
fn folded(lookup: &Lookup) -> Lookup {
    match lookup {
        Lookup::Name(name) => Lookup::Name(rollcall_core::model::AccountName::new(
            rollcall_core::policy::name_key(name.reveal()),
        )),
        Lookup::Key(_) | Lookup::Id(_) => lookup.clone(),
    }
}

impl Desk<'_> {
    async fn open(&mut self, persons: usize, known: usize) -> Result<(), PlanError> {
        if let Answers::Live(target) = &self.answers
            && persons >= LIST_FROM
            && persons * 2 > known
        {
            self.listing = Some(Listing::new(target.list(&self.attributes).await?));
        }
        Ok(())
    }

    async fn ask(&mut self, questions: Vec<Lookup>) -> Result<Vec<Vec<Account>>, PlanError> {
        let answers: Vec<Vec<Account>> = match (&self.answers, &self.listing) {
            (_, Some(listing)) => questions.iter().map(|q| listing.find(q)).collect(),
            (Answers::Live(target), None) => target.look_up(&questions, &self.attributes).await?,
            (Answers::Stored(known), None) => questions
                .iter()
                .map(|q| {
                    known.get(q).cloned().ok_or_else(|| StoreError::Corrupt {
                        key: "tenant.jsonl".to_owned(),
                        why: "a question of this plan has no stored answer".to_owned(),
                    })
                })
                .collect::<Result<_, _>>()?,
        };
        for (question, answer) in questions.into_iter().zip(&answers) {
            let line = Answered {
                question,
                answer: answer.clone(),
            };
            serde_json::to_writer(&mut self.record, &line).expect("an answer is always JSON");
            self.record.push(b'\n');
        }
        Ok(answers)
    }
}

/// What the second pass needs of a draft without reading it again.
struct Brief {
    key: u128,
    name: Option<u128>,
    at: u64,
    disables: u32,
    creates: bool,
    linked: bool,
    protected: bool,
}

#[derive(Serialize, Deserialize)]
struct Spooled {
    draft: Option<Draft>,
    person: Person,
    row: Option<u32>,
    changed: bool,
    known: bool,
}

struct Scan {
    roster: Roster,
    counts: IntakeCounts,
}

/// Makes a plan.
///
/// # Errors
/// When something cannot be read or asked; nothing was stored or written then.
pub async fn make(
    store: &Store,
    request: Request<'_>,
    answers: Answers<'_>,
) -> Result<Made, PlanError> {
    let mut request = request;
    let rows_are_new = request.intake.is_some();
    let mut findings = Vec::new();
    let (mut rows, coverage, file, intake_sha256) = match request.intake.take() {
        Some((intake, rows)) => (
            Some(rows),
            intake.coverage.clone(),
            intake.file.clone(),
            Some(intake.sha256.clone()),
        ),
        None => (None, Coverage::Unknown, String::new(), None),
    };
    let scan = match &mut rows {
        Some(rows) => scan(rows, &request, &mut findings)?,
        None => Scan {
            roster: Roster::default(),
            counts: IntakeCounts::default(),
        },
    };
    let comparison = if rows_are_new {
        delta::compare(
            &scan.roster,
            request.state.hot(),
            Terms {
                coverage: &coverage,
                now: request.now,
                rules_changed: request.rules_changed,
            },
        )
    } else {
        due(request.state, request.now)
    };
    let cx = Context {
        now: request.now,
        policy: request.policy,
        target: &request.kind,
        first_load: request.first_load,
        stale: request.stale,
    };
    let mut desk = Desk {
        listing: None,
        answers,
        attributes: request
            .mapping
            .targets()
            .iter()
            .map(|t| (*t).to_owned())
            .collect(),
        record: Vec::new(),
    };
    desk.open(comparison.touched.len(), request.state.hot().len())
        .await?;

    let mut spool = tempfile::spooled_tempfile(32 * 1024 * 1024);
    let mut spooled_bytes = 0_u64;
    let mut briefs: Vec<Brief> = Vec::new();
    let mut counts = Counts {
        rows: scan.counts.rows,
        workers: u32::try_from(scan.roster.entries().len()).unwrap_or(u32::MAX),
        unchanged: comparison.unchanged,
        inactive: scan.counts.inactive,
        ..Counts::default()
    };
    let mut held_rows: BTreeSet<u32> = findings
        .iter()
        .filter(|f| f.severity == Severity::Held)
        .filter_map(|f| f.at.row)
        .collect();
    for chunk in comparison.touched.chunks(CHUNK) {
        let subjects = subjects(store, chunk, &scan, &mut rows, &request, &mut findings).await?;
        let questions: Vec<Vec<Lookup>> = subjects
            .iter()
            .map(|s| s.subject.questions(&request.kind))
            .collect();
        let flat: Vec<Lookup> = questions.iter().flatten().cloned().collect();
        let mut answers = desk.ask(flat).await?.into_iter();
        for (ready, questions) in subjects.into_iter().zip(questions) {
            let answers: Vec<Vec<Account>> = answers.by_ref().take(questions.len()).collect();
            let Ready {
                subject,
                row,
                known,
            } = ready;
            let before = subject.person.clone();
            let decision = decide(subject, &answers, &cx);
            if decision.held {
                held_rows.extend(row);
            }
            findings.extend(decision.findings);
            let draft = decision.draft;
            let person = decision.person;
            let brief = Brief {
                key: person.hot().key,
                name: draft
                    .as_ref()
                    .and_then(|d| d.new_name(&request.kind))
                    .map(|n| name_hash(&n)),
                at: spooled_bytes,
                disables: draft.as_ref().map_or(0, disables),
                creates: draft.as_ref().is_some_and(creates),
                linked: person.object.is_some(),
                protected: guards::protects(
                    request.policy,
                    &person.worker,
                    person.name.as_ref(),
                    person.object.as_ref(),
                ),
            };
            let changed = person != before || (!known && !decision.held);
            if draft.is_none() && !changed {
                // Looked at, and nothing came of it.
                counts.unchanged += u32::from(row.is_some() && !decision.held);
                continue;
            }
            let line = Spooled {
                draft,
                person,
                row,
                changed,
                known,
            };
            // One write a line: behind the threshold the spool is a file without a buffer.
            let mut line = serde_json::to_vec(&line).map_err(std::io::Error::from)?;
            line.push(b'\n');
            spool.write_all(&line)?;
            spooled_bytes += line.len() as u64;
            briefs.push(brief);
        }
    }

    let taken = name_conflicts(&briefs, &mut spool)?;
    let mut coming: Vec<u128> = briefs
        .iter()
        .enumerate()
        .filter(|(at, b)| b.linked || (b.creates && !taken.contains(at)))
        .map(|(_, b)| b.key)
        .collect();
    coming.sort_unstable();
    let planned: u32 = briefs
        .iter()
        .filter(|b| !b.protected)
        .map(|b| b.disables)
        .sum();
    let budget = guards::disables(
        request.policy,
        request.disables_before,
        planned,
        comparison.managed,
    );
    let gates = if rows_are_new {
        guards::gates(
            request.policy,
            coverage.proves_absence(),
            scan.counts,
            request.baseline,
            &comparison,
        )
    } else {
        Vec::new()
    };
    let gate = gates.iter().find(|g| g.tripped).cloned();

    let mut out = Made {
        summary: PlanSummary {
            format_version: FORMAT_VERSION,
            now: request.now,
            plan_sha256: String::new(),
            actions_sha256: String::new(),
            verdict: Verdict::Empty,
            inputs: Inputs {
                intake_sha256,
                mapping_sha256: request.mapping.hash(),
                policy_sha256: request.policy.hash(),
                state_sha256: request.state.sha256(),
                tenant_sha256: rollcall_core::digest::sha256(&desk.record),
                tzdb: rollcall_core::plan::tzdb().to_owned(),
            },
            counts: Counts::default(),
            guards: Vec::new(),
            forecast: Forecast::default(),
        },
        plan: Vec::new(),
        values: Vec::new(),
        persons: Vec::new(),
        tenant: desk.record,
        findings: Vec::new(),
        parked: gate.is_some(),
        guards: Vec::new(),
        orders: 0,
        disables: (0, 0),
    };
    let mut hasher = PlanHasher::default();
    // A parked intake waits for an approval also where nothing in it would act today.
    let mut tripped: BTreeSet<String> = gate.iter().map(|g| g.name.clone()).collect();
    let mut protected_orders = 0_u32;
    spool.seek(SeekFrom::Start(0))?;
    let mut reader = std::io::BufReader::new(&mut spool);
    let mut line = Vec::new();
    for (at, brief) in briefs.iter().enumerate() {
        line.clear();
        std::io::BufRead::read_until(&mut reader, b'\n', &mut line)?;
        let Spooled {
            draft,
            mut person,
            row,
            changed,
            known,
        } = serde_json::from_slice(&line).map_err(std::io::Error::from)?;
        let mut draft = draft;
        if taken.contains(&at) {
            draft = None;
            person.fingerprint = 0;
            held_rows.extend(row);
            let note = "another worker of this plan wants the same sign-in name; the one with the \
                        lower worker id keeps it";
            let place = Place {
                row,
                line: None,
                column: None,
            };
            findings.push(
                Finding::new(FindingKind::NameTaken, Severity::Held, place, note)
                    .of(&person.worker),
            );
        }
        if let Some(draft) = &mut draft
            && let Some(manager) = references::manager(draft)
        {
            let hash = worker_hash(&request.source, manager);
            let reference = reference(hash, request.state, &coming, &scan.roster);
            let found = references::resolve(draft, &mut person, reference, row);
            // A row that names somebody unknown was reported when it was read.
            let told = row.is_some() && reference == Reference::Unknown;
            findings.extend(found.filter(|_| !told));
        }
        let draft = draft.filter(|d| !d.actions.is_empty() || !d.scheduled.is_empty());
        let mut order_id = None;
        let mut delta = DeltaKind::None;
        if let Some(draft) = draft {
            let source = SourceRow {
                file: file.clone(),
                row,
            };
            let salt = request.key.salt(&person.person);
            let (mut order, values) = seal(&draft, person.revision, &source, &salt);
            if brief.protected {
                guards::hold_protected(&mut order);
                protected_orders += 1;
                tripped.insert(guards::PROTECTED.to_owned());
            }
            if budget.tripped {
                guards::hold_destructive(&mut order, &budget);
            }
            if let Some(gate) = &gate {
                order.hold(&gate.name, &gate.why, |_| true);
            }
            tripped.extend(order.held.iter().map(|h| h.by.clone()));
            if !values.is_empty() {
                let from = out.values.len() as u64;
                for value in &values {
                    serde_json::to_writer(&mut out.values, value).expect("values are always JSON");
                    out.values.push(b'\n');
                }
                order.values = Some((from, out.values.len() as u64));
            }
            tally(&mut counts, &order);
            out.disables.0 += guards::disables_in(&order);
            out.disables.1 += held_disables(&order);
            out.plan.extend(hasher.line(&order));
            out.orders += 1;
            order_id = Some(order.order);
            delta = order.delta;
        }
        if changed || order_id.is_some() || !known {
            let line = PersonLine {
                order: order_id,
                delta,
                row,
                person,
            };
            serde_json::to_writer(&mut out.persons, &line).expect("a person is always JSON");
            out.persons.push(b'\n');
        } else {
            counts.unchanged += u32::from(row.is_some());
        }
    }

    findings.sort();
    for finding in &findings {
        serde_json::to_writer(&mut out.findings, finding).expect("a finding is always JSON");
        out.findings.push(b'\n');
    }
    let of_kind = |kind| findings.iter().filter(|f| f.kind == kind).count();
    counts.findings = number(findings.len());
    counts.held = number(held_rows.len()) + scan.roster.keyless();
    counts.never_provisioned = number(of_kind(FindingKind::NeverProvisioned));
    counts.missing_once = number(of_kind(FindingKind::MissingOnce));
    out.guards = tripped.into_iter().collect();
    out.summary.guards = gates;
    out.summary.guards.push(budget);
    out.summary.guards.push(GuardVerdict {
        name: guards::PROTECTED.to_owned(),
        counted: f64::from(protected_orders),
        limit: 0.0,
        tripped: protected_orders > 0,
        why: format!("{protected_orders} protected people would be changed"),
    });
    out.summary.verdict = if out.parked {
        Verdict::Held
    } else if !out.guards.is_empty() {
        Verdict::PartHeld
    } else if counts.actions.is_empty() && counts.scheduled.is_empty() {
        Verdict::Empty
    } else {
        Verdict::Ready
    };
    out.summary.forecast = (request.forecast)(&counts.actions);
    out.summary.counts = counts;
    hasher.finish(&mut out.summary);
    Ok(out)
}

struct Ready {
    subject: Subject,
    row: Option<u32>,
    known: bool,
}

async fn subjects(
    store: &Store,
    chunk: &[Touch],
    scan: &Scan,
    rows: &mut Option<SealedRows>,
    request: &Request<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Ready>, PlanError> {
    let known: Vec<usize> = chunk.iter().filter_map(|t| t.hot).collect();
    let mut persons = request.state.persons(store, &known).await?.into_iter();
    let mut out = Vec::with_capacity(chunk.len());
    for touch in chunk {
        let person = match touch.hot {
            Some(_) => Some(persons.next().ok_or_else(|| StoreError::Corrupt {
                key: "state".to_owned(),
                why: "fewer persons than asked for".to_owned(),
            })?),
            None => None,
        };
        let known = person.is_some();
        let (row, seen, worker) = match (touch.entry, rows.as_mut()) {
            (Some(at), Some(rows)) => {
                let entry = scan.roster.entries()[at];
                let (seen, worker) = see(&entry, rows, request, &scan.roster, findings)?;
                (Some(entry.row), seen, Some(worker))
            }
            _ if touch.cause == Cause::Absent => (None, Seen::Absent, None),
            _ => (None, Seen::Before, None),
        };
        let person = match (person, worker) {
            (Some(person), _) => person,
            (None, Some(worker)) => Person::new(request.source.clone(), worker),
            (None, None) => continue,
        };
        out.push(Ready {
            subject: Subject { person, seen },
            row,
            known,
        });
    }
    Ok(out)
}

/// What one row says.
fn see(
    entry: &Entry,
    rows: &mut SealedRows,
    request: &Request<'_>,
    roster: &Roster,
    findings: &mut Vec<Finding>,
) -> Result<(Seen, WorkerId), PlanError> {
    let row = rows.at(entry.byte)?;
    let worker = WorkerId::new(row.key().unwrap_or_default());
    if entry.held {
        return Ok((Seen::Held, worker));
    }
    let mapped = rows.map(&row, request.now);
    let doubt = mapped.findings.iter().any(|f| f.severity == Severity::Held);
    findings.extend(mapped.findings.iter().cloned().map(|f| f.of(&worker)));
    if let Some(manager) = &mapped.identity.manager
        && !known(manager.as_str(), request, roster)
    {
        findings.push(unknown_manager(manager.as_str(), entry.row).of(&worker));
    }
    if doubt && !mapped.facts_sound {
        return Ok((Seen::Held, worker));
    }
    let seen = Seen::Row {
        row: entry.row,
        fingerprint: entry.fingerprint,
        identity: mapped.identity,
        sound: !doubt,
    };
    Ok((seen, worker))
}

/// Streams the rows once: index, counts, and findings about repeated keys.
fn scan(
    rows: &mut SealedRows,
    request: &Request<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Scan, PlanError> {
    let hasher = WorkerHasher::new(&request.source);
    let mut builder = RosterBuilder::default();
    let mut counts = IntakeCounts::default();
    rows.scan(|row| {
        counts.rows += 1;
        if !row.held {
            match request.policy.class(row.status) {
                StatusClass::Active => {}
                StatusClass::Inactive => counts.inactive += 1,
                StatusClass::Unknown => counts.unknown_status += 1,
            }
        }
        match row.key {
            None => builder.push_keyless(),
            Some(key) => builder.push(Entry {
                key: hasher.hash(key),
                fingerprint: row.fingerprint,
                byte: row.byte,
                row: row.row,
                held: row.held,
            }),
        }
    })?;
    findings.extend(rows.findings());
    let roster = builder.finish();
    for repeated in roster.repeated() {
        let first = repeated.rows[0];
        for entry in &repeated.rows {
            let row = rows.at(entry.byte)?;
            let worker = WorkerId::new(row.key().unwrap_or_default());
            if repeated.conflict {
                let others = repeated.rows.iter().filter(|o| o.row != entry.row);
                let others: Vec<String> = others.map(|o| o.row.to_string()).collect();
                let note = format!(
                    "the key also stands on row {} with other content; none of them is believed, \
                     and the worker counts as present",
                    others.join(", ")
                );
                findings.push(
                    Finding::new(
                        FindingKind::DuplicateConflict,
                        Severity::Held,
                        Place::cell(entry.row, rows.key_column()),
                        note,
                    )
                    .of(&worker),
                );
                if let Some(manager) = rows.manager(&row)
                    && !known(&manager, request, &roster)
                {
                    findings.push(unknown_manager(&manager, entry.row).of(&worker));
                }
            } else if entry.row != first.row {
                let note = format!("the same as row {}; it counts once", first.row);
                findings.push(
                    Finding::new(
                        FindingKind::DuplicateIdentical,
                        Severity::Info,
                        Place::cell(entry.row, rows.key_column()),
                        note,
                    )
                    .of(&worker),
                );
            }
        }
    }
    Ok(Scan { roster, counts })
}

/// Whether the file or the state knows a worker.
fn known(worker: &str, request: &Request<'_>, roster: &Roster) -> bool {
    let hash = worker_hash(&request.source, &WorkerId::new(worker));
    roster.contains(hash) || request.state.find(hash).is_some()
}

fn unknown_manager(manager: &str, row: u32) -> Finding {
    let note = format!(
        "manager {manager} is in no row of the file and unknown; the manager is left as it is"
    );
    let kind = FindingKind::ManagerNotInRoster;
    Finding::new(kind, Severity::Warning, Place::row(row), note)
}

/// Who a release looks at: what fell due, what is not done, what waits for somebody.
fn due(state: &State, now: Timestamp) -> Comparison {
    let mut out = Comparison::default();
    for (at, hot) in state.hot().iter().enumerate() {
        out.managed += u32::from(hot.managed());
        let falls_due = hot.due.is_some_and(|due| due <= now);
        let cause = if falls_due {
            Cause::Due
        } else if hot.unfinished || hot.waits {
            Cause::Unfinished
        } else {
            continue;
        };
        // What a guard keeps back waits for people, not for the clock.
        if !hot.held || falls_due {
            out.touched.push(Touch {
                key: hot.key,
                entry: None,
                hot: Some(at),
                cause,
            });
        }
    }
    out
}

fn reference(manager: u128, state: &State, coming: &[u128], roster: &Roster) -> Reference {
    let known = state.find(manager);
    if known.is_some_and(rollcall_core::state::Hot::managed)
        || coming.binary_search(&manager).is_ok()
    {
        Reference::Account
    } else if known.is_some() || roster.contains(manager) {
        Reference::Known
    } else {
        Reference::Unknown
    }
}

/// Drafts whose new name another draft of the plan takes first: the lower worker id keeps it.
fn name_conflicts(
    briefs: &[Brief],
    spool: &mut (impl std::io::Read + std::io::Seek),
) -> Result<BTreeSet<usize>, PlanError> {
    let mut names: Vec<(u128, usize)> = briefs
        .iter()
        .enumerate()
        .filter_map(|(at, b)| Some((b.name?, at)))
        .collect();
    names.sort_unstable();
    let mut taken = BTreeSet::new();
    for group in names.chunk_by(|a, b| a.0 == b.0).filter(|g| g.len() > 1) {
        let mut workers = Vec::new();
        for (_, at) in group {
            spool.seek(SeekFrom::Start(briefs[*at].at))?;
            let mut line = Vec::new();
            let mut reader = std::io::BufReader::new(spool.by_ref());
            std::io::BufRead::read_until(&mut reader, b'\n', &mut line)?;
            let spooled: Spooled = serde_json::from_slice(&line).map_err(std::io::Error::from)?;
            workers.push((spooled.person.worker, *at));
        }
        workers.sort();
        taken.extend(workers.into_iter().skip(1).map(|(_, at)| at));
    }
    Ok(taken)
}

fn name_hash(name: &str) -> u128 {
    WorkerHasher::new(&SourceName::new("names")).hash(name)
}

fn disables(draft: &Draft) -> u32 {
    number(
        draft
            .actions
            .iter()
            .chain(&draft.scheduled)
            .filter(|a| a.op == Op::UserDisable)
            .count(),
    )
}

fn creates(draft: &Draft) -> bool {
    draft.actions.iter().any(|a| a.op == Op::UserCreate)
}

fn held_disables(order: &WorkOrder) -> u32 {
    let held = order
        .held
        .iter()
        .filter(|h| h.by == guards::DISABLES)
        .flat_map(|h| &h.actions);
    number(held.filter(|a| a.op == Op::UserDisable).count())
}

fn tally(counts: &mut Counts, order: &WorkOrder) {
    match order.delta {
        DeltaKind::Joiner => counts.joiners += 1,
        DeltaKind::Mover => counts.movers += 1,
        DeltaKind::Leaver => counts.leavers += 1,
        DeltaKind::Rehire => counts.rehires += 1,
        DeltaKind::Update => counts.updates += 1,
        DeltaKind::None => {}
    }
    let count = |map: &mut BTreeMap<String, u32>, op: Op| {
        *map.entry(op.name().to_owned()).or_default() += 1;
    };
    for action in &order.actions {
        count(&mut counts.actions, action.op);
    }
    for action in &order.scheduled {
        count(&mut counts.scheduled, action.op);
        counts.waiting += u32::from(action.due == Timestamp::MAX);
    }
    for action in order.held.iter().flat_map(|h| &h.actions) {
        count(&mut counts.held_actions, action.op);
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
