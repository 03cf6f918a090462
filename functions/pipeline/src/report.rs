//! The report of a run: plan, journal and findings joined into one value and its files.
//!
//! Its numbers come from the stored plan and the stored outcomes, each action once (P12).

mod events;
mod workbook;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::approvals::Approvals;
use rollcall_core::fold::{Outcome, Outcomes, PersonLine};
use rollcall_core::grants::{Grant, Granting};
use rollcall_core::guards;
use rollcall_core::model::{ActionId, Ending, Finding, Op, PersonKey, RunId, Severity};
use rollcall_core::plan::{Action, ActionValues, FORMAT_VERSION, PlanSummary, WorkOrder};
use rollcall_core::policy::DeltaKind;
use rollcall_core::report::{
    Change, Hold, IntakeFacts, Late, LateCause, Lateness, OutcomeCounts, ReceiptRow, Report,
    RunKind, SeatUse, SourceFacts, count_findings, html, receipt_header, receipt_line,
};

use crate::apply::Lines;
use crate::log::Intake;
use crate::rows::SealedRows;
use crate::store::{Store, StoreError, parse, temporary};

/// What a report is made from.
pub struct Material<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The delivery; `None` for a release.
    pub intake: Option<&'a Intake>,
    /// It takes a run back.
    pub undoes: bool,
    /// It mends what others changed.
    pub heals: bool,
    /// How each of several sources stood.
    pub sources: Vec<SourceFacts>,
    /// `plan.json`.
    pub summary: PlanSummary,
    /// Where the orders lie.
    pub plan: &'a str,
    /// Where their values lie.
    pub values: &'a str,
    /// Where the persons lie.
    pub persons: &'a str,
    /// Where the findings lie.
    pub findings: &'a str,
    /// The journal.
    pub outcomes: &'a Outcomes,
    /// What was approved.
    pub approved: &'a Approvals,
    /// Where the log stands: [`Report::head`].
    pub head: Option<String>,
    /// When the report is written.
    pub finished: Timestamp,
    /// What the target counted.
    pub usage: serde_json::Value,
    /// The target's own id of the tenant, where it has one.
    pub tenant: Option<&'a str>,
}

/// Joins everything.
///
/// # Errors
/// When a stored object cannot be read.
pub async fn build(store: &Store, material: &Material<'_>) -> Result<Report, StoreError> {
    let values = read_values(store, material.values).await?;
    let mut counts = OutcomeCounts::default();
    let mut changes = Vec::new();
    let mut holds: BTreeMap<String, (Hold, BTreeSet<PersonKey>)> = BTreeMap::new();
    let mut lateness = Vec::new();
    let mut late_open = 0;
    let mut first: Option<Timestamp> = None;
    let mut last: Option<Timestamp> = None;
    let mut seats = Seating::default();
    let mut lines = Lines::open(store, material.plan).await?;
    while let Some((_, line)) = lines.next()? {
        let order: WorkOrder = parse(material.plan, &line)?;
        let due = order.due(material.approved, material.summary.now);
        for action in due {
            let outcome = material.outcomes.get(&action.id);
            let (status, note) = if let Some(outcome) = outcome {
                counts.add(&outcome.ending);
                (outcome.ending.name().to_owned(), note(&outcome.ending))
            } else {
                counts.open += 1;
                let note = "planned; nothing is on record";
                ("open".to_owned(), note.to_owned())
            };
            if let Some(outcome) = outcome {
                first = Some(first.map_or(outcome.at, |at| at.min(outcome.at)));
                last = last.max(Some(outcome.at));
            }
            seats.carried(action, outcome);
            let mut change = change(&order, action, &values, status, note);
            if action.op == Op::UserDisable {
                let known = action.known(material.summary.now);
                change.entered = action.entered;
                change.seen = Some(action.seen.unwrap_or(material.summary.now));
                match outcome.filter(|o| o.ending.settled()) {
                    Some(o) => {
                        let late = Late::of(action.due, o.at, known);
                        change.lateness_seconds = Some(late.whole.as_secs());
                        change.lateness_cause = late.cause();
                        lateness.push(late);
                    }
                    None => late_open += 1,
                }
            }
            change.proof = outcome.map(|o| o.proof.clone()).unwrap_or_default();
            change.at = outcome.map(|o| o.at);
            change.request_id = outcome.and_then(|o| o.request_id.clone());
            changes.push(change);
        }
        for action in &order.scheduled {
            let note = match &action.after {
                Some(person) if action.due == Timestamp::MAX => {
                    format!("waits until {person} has an account")
                }
                Some(_) | None => String::new(),
            };
            changes.push(change(
                &order,
                action,
                &values,
                "scheduled".to_owned(),
                note,
            ));
        }
        let released = material.approved.released(&order);
        let goes = |action: &Action| released.iter().any(|it| it.id == action.id);
        for held in &order.held {
            for action in held.actions.iter().filter(|action| !goes(action)) {
                let Some(by) = material.approved.keeps(held, &action.id) else {
                    continue;
                };
                let (hold, persons) = holds
                    .entry(by.to_owned())
                    .or_insert_with(|| (hold(material, by, &held.why), BTreeSet::new()));
                persons.insert(order.person.clone());
                *hold.ops.entry(action.op.name().to_owned()).or_default() += 1;
                if held.by == guards::SEATS {
                    seats.without(action);
                }
                counts.held += 1;
                late_open +=
                    u32::from(action.op == Op::UserDisable && action.due <= material.summary.now);
                let status = "held".to_owned();
                changes.push(change(&order, action, &values, status, held.why.clone()));
            }
        }
    }
    // A parked intake waits also where it would not act on anybody today.
    let accepted = material.approved.accepts();
    let gate = material
        .summary
        .guards
        .iter()
        .find(|g| g.tripped && guards::parks(&g.name));
    if let Some(gate) = gate.filter(|_| !accepted) {
        holds
            .entry(gate.name.clone())
            .or_insert_with(|| (hold(material, &gate.name, &gate.why), BTreeSet::new()));
    }
    changes.sort_by(|a, b| a.person.cmp(&b.person));
    let findings = read_findings(store, material.findings).await?;
    let apply_seconds = match (first, last) {
        (Some(first), Some(last)) => last.duration_since(first).as_secs_f64(),
        _ => 0.0,
    };
    Ok(Report {
        format_version: FORMAT_VERSION,
        run: material.run.clone(),
        kind: match material.intake {
            Some(_) => RunKind::Run,
            None if material.undoes => RunKind::Undo,
            None if material.heals => RunKind::Heal,
            None => RunKind::Release,
        },
        intake: material.intake.map(|i| IntakeFacts {
            source: i.source.clone(),
            file: i.file.clone(),
            sha256: i.sha256.clone(),
            rows: i.rows,
            as_of: i.as_of,
            coverage: i.coverage.clone(),
        }),
        sources: material.sources.clone(),
        now: material.summary.now,
        finished: material.finished,
        apply_seconds,
        verdict: material.summary.verdict,
        plan_sha256: material.summary.plan_sha256.clone(),
        actions_sha256: material.summary.actions_sha256.clone(),
        counts: material.summary.counts.clone(),
        outcomes: counts,
        guards: material.summary.guards.clone(),
        holds: holds
            .into_values()
            .map(|(hold, persons)| Hold {
                persons: u32::try_from(persons.len()).unwrap_or(u32::MAX),
                ..hold
            })
            .collect(),
        head: material.head.clone(),
        changes,
        finding_counts: count_findings(&findings),
        findings,
        lateness: measured(&lateness, late_open),
        forecast: material.summary.forecast.clone(),
        target: material.usage.clone(),
        seats: seats.finish(material.summary.now),
    })
}

/// Seats of licences, as they are given out.
#[derive(Default)]
struct Seating(BTreeMap<String, SeatUse>);

impl Seating {
    fn of(&mut self, action: &Action, each: impl Fn(&mut SeatUse)) {
        let granting = Granting::of_args(&action.args).filter(|_| action.op.grants());
        for licence in granting.into_iter().flat_map(|it| it.licences) {
            each(self.0.entry(licence.clone()).or_insert(SeatUse {
                licence,
                given: 0,
                without: 0,
                ran_out: None,
            }));
        }
    }

    fn carried(&mut self, action: &Action, outcome: Option<&Outcome>) {
        match outcome.map(|o| (&o.ending, o.at)) {
            Some((Ending::Done, at)) => self.of(action, |it| {
                it.given += 1;
                it.ran_out = it.ran_out.max(Some(at));
            }),
            Some((Ending::Waiting { reason, .. }, _)) if reason == "seats" => {
                self.without(action);
            }
            Some(_) | None => {}
        }
    }

    fn without(&mut self, action: &Action) {
        self.of(action, |it| it.without += 1);
    }

    /// Of a licence of which everybody got a seat, nothing ran out.
    fn finish(self, planned: Timestamp) -> Vec<SeatUse> {
        let all = self.0.into_values();
        all.map(|it| SeatUse {
            ran_out: (it.without > 0).then(|| it.ran_out.unwrap_or(planned)),
            ..it
        })
        .collect()
    }
}

fn hold(material: &Material<'_>, by: &str, why: &str) -> Hold {
    Hold {
        by: by.to_owned(),
        why: why.to_owned(),
        persons: 0,
        ops: BTreeMap::new(),
        approve: format!(
            "rollcall approve {} --plan {} --guard {by} --reason TEXT",
            material.run, material.summary.plan_sha256
        ),
    }
}

/// What is handed over, and to whom.
fn handed(action: &Action) -> Option<String> {
    let arg = |name: &str| action.args.get(name);
    let (asset, id, heir) = (arg("asset")?, arg("id")?, arg("heir")?);
    Some(format!("{asset} {id} to worker {heir}"))
}

fn change(
    order: &WorkOrder,
    action: &Action,
    values: &BTreeMap<ActionId, ActionValues>,
    status: String,
    note: String,
) -> Change {
    let values = values.get(&action.id);
    Change {
        person: order.person.clone(),
        delta: order.delta,
        op: action.op,
        reason: action.reason.words(),
        rule: action.rule.clone(),
        due: (action.due != Timestamp::MAX).then_some(action.due),
        row: action.source.row,
        before: values.map(|v| v.before.clone()).unwrap_or_default(),
        after: values.map(|v| v.after.clone()).unwrap_or_default(),
        manager: action.args.get("manager").cloned(),
        grant: match &order.group {
            Some(shape) => Some(Grant::Group(shape.key.clone()).to_string()),
            None if action.op.hands_over() => handed(action),
            None => Granting::of_args(&action.args).map(|it| it.grant.to_string()),
        },
        status,
        note,
        at: None,
        request_id: None,
        entered: None,
        seen: None,
        lateness_seconds: None,
        lateness_cause: None,
        proof: Vec::new(),
    }
}

fn note(ending: &Ending) -> String {
    match ending {
        Ending::Done | Ending::Already => String::new(),
        Ending::Failed { code, hint } => format!("{code}: {hint}"),
        Ending::Stale { why } => why.clone(),
        Ending::Waiting {
            until: Some(until),
            reason,
        } => format!("for {reason}, until {until}"),
        Ending::Waiting {
            until: None,
            reason,
        } => format!("for {reason}"),
        Ending::Held { by } => format!("kept back by {by}"),
        Ending::Unknown { hint } => hint.clone(),
    }
}

fn measured(all: &[Late], open: u32) -> Lateness {
    let whole = quantiles(all.iter().map(|late| late.whole.as_secs_f64()).collect());
    let ours = quantiles(all.iter().map(|late| late.ours().as_secs_f64()).collect());
    let by_hr = |late: &&Late| late.cause() == Some(LateCause::HrEntry);
    let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
    Lateness {
        disabled: number(all.len()),
        p50_seconds: whole[0],
        p95_seconds: whole[1],
        max_seconds: whole[2],
        open,
        entered_late: number(all.iter().filter(by_hr).count()),
        ours_p50_seconds: ours[0],
        ours_p95_seconds: ours[1],
        ours_max_seconds: ours[2],
    }
}

/// The middle one, the one that 95 of 100 are below, and the last.
fn quantiles(mut seconds: Vec<f64>) -> [f64; 3] {
    seconds.sort_by(f64::total_cmp);
    [0.5, 0.95, 1.0].map(|share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length is a place in it"
        )]
        let place = (share * seconds.len() as f64).ceil() as usize;
        seconds.get(place.saturating_sub(1)).copied().unwrap_or(0.0)
    })
}

/// Before and after of every action of a plan. Expired values are simply not there.
///
/// # Errors
/// When they are there and cannot be read.
pub async fn read_values(
    store: &Store,
    key: &str,
) -> Result<BTreeMap<ActionId, ActionValues>, StoreError> {
    let mut out = BTreeMap::new();
    let mut lines = match Lines::open(store, key).await {
        Ok(lines) => lines,
        Err(StoreError::NotFound(_)) => return Ok(out),
        Err(e) => return Err(e),
    };
    while let Some((_, line)) = lines.next()? {
        let value: ActionValues = parse(key, &line)?;
        out.insert(value.id.clone(), value);
    }
    Ok(out)
}

/// What a plan found.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn read_findings(store: &Store, key: &str) -> Result<Vec<Finding>, StoreError> {
    let mut out = Vec::new();
    let mut lines = Lines::open(store, key).await?;
    while let Some((_, line)) = lines.next()? {
        out.push(parse(key, &line)?);
    }
    Ok(out)
}

/// Writes `report.html`, `report.xlsx`, `report.json`, `events.jsonl` and, for a delivery,
/// `receipt.csv`.
///
/// # Errors
/// When the store fails.
pub async fn write(
    store: &Store,
    report: &Report,
    material: &Material<'_>,
    rows: Option<SealedRows>,
) -> Result<(), StoreError> {
    draw(store, report).await?;
    let events = events::events(store, material).await?;
    let key = events_key(&report.run);
    let mut events = events.reader().map_err(|e| temporary(&key, &e))?;
    store.put_stream(&key, &mut events).await?;
    let folder = format!("runs/{}/report", report.run);
    if let Some(mut rows) = rows {
        let receipt = receipt(store, report, material.persons, &mut rows).await?;
        store.put(&format!("{folder}/receipt.csv"), receipt).await?;
    }
    Ok(())
}

/// Writes what is drawn from a report alone.
///
/// # Errors
/// When the store fails.
pub(crate) async fn draw(store: &Store, report: &Report) -> Result<(), StoreError> {
    let folder = format!("runs/{}/report", report.run);
    store
        .put(&format!("{folder}/report.html"), html(report))
        .await?;
    let key = format!("{folder}/report.xlsx");
    let workbook = workbook::workbook(report).map_err(|why| StoreError::Backend {
        key: key.clone(),
        why,
    })?;
    store.put(&key, workbook).await?;
    // Last: who draws anew what another one began finds by it that it is not done.
    let json = serde_json::to_vec_pretty(report).expect("a report is always JSON");
    store.put(&format!("{folder}/report.json"), json).await?;
    Ok(())
}

/// Where the events of a run lie.
pub fn events_key(run: &RunId) -> String {
    format!("runs/{run}/report/events.jsonl")
}

/// Row numbers as findings about many rows write them: `4-7, 9`.
fn spans(which: &str) -> Vec<(u32, u32)> {
    let spans = which.split(", ").filter_map(|span| {
        let (from, to) = span.split_once('-').unwrap_or((span, span));
        Some((from.parse().ok()?, to.parse().ok()?))
    });
    spans.collect()
}

/// One line for every row that HR sent: accepted, held and why, applied.
async fn receipt(
    store: &Store,
    report: &Report,
    persons: &str,
    rows: &mut SealedRows,
) -> Result<String, StoreError> {
    let mut touched: BTreeMap<u32, (DeltaKind, PersonKey)> = BTreeMap::new();
    let mut lines = Lines::open(store, persons).await?;
    while let Some((_, line)) = lines.next()? {
        let line: PersonLine = parse(persons, &line)?;
        if let Some(row) = line.row {
            touched.insert(row, (line.delta, line.person.person));
        }
    }
    let mut applied: BTreeMap<&PersonKey, Vec<String>> = BTreeMap::new();
    for change in &report.changes {
        applied
            .entry(&change.person)
            .or_default()
            .push(format!("{} {}", change.op, change.status));
    }
    let mut found: BTreeMap<u32, (Severity, Vec<String>)> = BTreeMap::new();
    for finding in &report.findings {
        if let Some(row) = finding.at.row {
            let slot = found.entry(row).or_insert((finding.severity, Vec::new()));
            slot.0 = slot.0.max(finding.severity);
            slot.1.push(finding.note.clone());
        }
    }
    let whole = report.findings.iter();
    let together: Vec<(Vec<(u32, u32)>, &str)> = whole
        .filter_map(|finding| Some((spans(finding.arg("which")?), finding.note.as_str())))
        .collect();
    let mut out = receipt_header().to_owned();
    rows.scan(|row| {
        let (severity, why) = if let Some((severity, notes)) = found.get(&row.row) {
            (Some(*severity), notes.join("; "))
        } else {
            // Spans ascend: one look a row, however many there are.
            let of = |(spans, _): &&(Vec<(u32, u32)>, &str)| {
                let at = spans.partition_point(|(_, to)| *to < row.row);
                spans.get(at).is_some_and(|(from, _)| *from <= row.row)
            };
            let note = together.iter().find(of).map(|(_, note)| *note);
            (None, note.unwrap_or_default().to_owned())
        };
        let touched = touched.get(&row.row);
        let held = row.held || severity == Some(Severity::Held);
        let verdict = if held {
            "held"
        } else if touched.is_some() {
            "accepted"
        } else {
            "unchanged"
        };
        let done = touched.filter(|_| !held).and_then(|(_, p)| applied.get(p));
        receipt_line(
            &ReceiptRow {
                row: row.row,
                worker: row.key.unwrap_or_default().to_owned(),
                verdict: verdict.to_owned(),
                why,
                applied: done.map(|d| d.join("; ")).unwrap_or_default(),
            },
            &mut out,
        );
    })?;
    Ok(out)
}
