//! `report.html`: the report as one page that opens anywhere, prints, and fetches nothing.
//!
//! The template stands in `report.html`; this file only arranges what it draws. Values come from
//! HR and are never code (P17): the template engine escapes every one, the page's own policy
//! forbids scripts and loading, and characters that hide or reorder text are written out.
//! Invariant: nothing is counted here; a table that is cut short says of how many.

use std::cmp::Reverse;
use std::fmt::Write as _;

use jiff::Timestamp;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use super::advice::advice;
use super::statistics::{Group, groups};
use super::words::{decimal, duration, grouped};
use super::{Change, Hold, OutcomeCounts, Report, RunKind, SourceFacts};
use crate::delta::Coverage;
use crate::model::{Attributes, Finding, FindingKind, Op, ProofItem, ProofOf, Severity};
use crate::plan::{GroupCounts, LicenceCounts, Verdict, plain};
use crate::policy::DeltaKind;

const TEMPLATE: &str = include_str!("report.html");

/// Rows drawn in one table: a browser still scrolls and searches that many without trouble.
const ROWS_DRAWN: usize = 5_000;

/// Statuses that the table of changes can be narrowed to, worst first. The style sheet has one
/// rule for each.
const STATUSES: [&str; 8] = [
    "failed", "stale", "unknown", "held", "waiting", "open", "done", "already",
];

/// Renders the page. The same report gives the same bytes.
pub fn html(report: &Report) -> String {
    let mut env = Environment::new();
    // A name that the template misspells must fail the tests, not vanish from the page.
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .expect("the engine's own delimiters do not clash");
    env.set_syntax(syntax);
    let template = env
        .template_from_str(TEMPLATE)
        .expect("the template is part of the program and every test parses it");
    let page = template
        .render(Value::from(Serde(Page::of(report))))
        .expect("the template reads only fields that every page has");
    written_out(&page)
}

/// Shows what would otherwise be invisible or reorder the text around it: control characters as
/// their pictures, direction overrides and zero-width characters by code point.
fn written_out(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    for c in page.chars() {
        match c {
            '\n' => out.push(c),
            '\0'..='\u{1f}' => out.push(
                char::from_u32(0x2400 + u32::from(c)).expect("U+2400 to U+241F are characters"),
            ),
            '\u{7f}' => out.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => {
                write!(out, "[U+{:04X}]", u32::from(c)).expect("writing to a String cannot fail");
            }
            _ => out.push(c),
        }
    }
    out
}

/// How one of several sources stood.
#[derive(Serialize)]
struct SourceRow<'a> {
    source: &'a str,
    as_of: Option<Moment>,
    rows: String,
    stale: bool,
}

impl<'a> SourceRow<'a> {
    fn of(facts: &'a SourceFacts) -> Self {
        Self {
            source: &facts.source,
            as_of: facts.as_of.map(moment),
            rows: grouped(u64::from(facts.rows.unwrap_or_default())),
            stale: facts.stale,
        }
    }
}

#[derive(Serialize)]
struct Page<'a> {
    run: &'a str,
    kind: &'static str,
    intake: Option<Intake<'a>>,
    sources: Vec<SourceRow<'a>>,
    now: Moment,
    finished: Moment,
    apply_time: String,
    verdict: Banner,
    attention: Vec<Labelled>,
    numbers: Vec<Labelled>,
    more_numbers: Vec<Labelled>,
    outcomes: Vec<Bar>,
    outcomes_total: u64,
    chart_height: usize,
    ops: Vec<OpRow<'a>>,
    holds: &'a [Hold],
    guards: Vec<Guard<'a>>,
    memberships: Table<MembershipRow<'a>>,
    licences: Vec<LicenceRow<'a>>,
    statuses: Vec<&'static str>,
    changes: Table<ChangeRow<'a>>,
    scheduled: Table<ChangeRow<'a>>,
    kinds: Vec<KindRow>,
    findings: Table<FindingRow<'a>>,
    lateness: Vec<Labelled>,
    late_open: u32,
    proofs: Table<ProofRow<'a>>,
    to_prove: Vec<ToProve<'a>>,
    target: Vec<Group>,
    forecast: Vec<Labelled>,
    plan_sha256: &'a str,
    actions_sha256: &'a str,
    head: Option<&'a str>,
    format_version: u32,
}

#[derive(Serialize)]
struct Intake<'a> {
    source: &'a str,
    file: &'a str,
    sha256: &'a str,
    as_of: Moment,
    coverage: String,
}

#[derive(Serialize)]
struct MembershipRow<'a> {
    group: &'a str,
    enters: String,
    leaves: String,
    stays: String,
}

#[derive(Serialize)]
struct LicenceRow<'a> {
    licence: &'a str,
    gains: String,
    losses: String,
    free: String,
    short: String,
    ran_out: Option<Moment>,
}

/// An instant for machines and for people, both in UTC.
#[derive(Serialize)]
struct Moment {
    iso: String,
    text: String,
}

#[derive(Serialize)]
struct Banner {
    tone: &'static str,
    word: &'static str,
    text: &'static str,
}

#[derive(Serialize)]
struct Labelled {
    label: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Bar {
    name: &'static str,
    meaning: &'static str,
    count: String,
    top: usize,
    width: f64,
}

#[derive(Serialize)]
struct OpRow<'a> {
    op: &'a str,
    due: u32,
    scheduled: u32,
    held: u32,
}

#[derive(Serialize)]
struct Guard<'a> {
    name: &'a str,
    counted: String,
    limit: String,
    tripped: bool,
    why: &'a str,
}

/// The rows that are drawn, and how many there are.
#[derive(Serialize)]
struct Table<T> {
    rows: Vec<T>,
    drawn: String,
    total: String,
    cut: bool,
}

#[derive(Serialize)]
struct ChangeRow<'a> {
    person: &'a str,
    delta: &'static str,
    op: &'static str,
    values: Vec<Differs<'a>>,
    manager: Option<&'a str>,
    grant: Option<&'a str>,
    reason: &'a str,
    rule: &'a str,
    row: Option<u32>,
    due: Option<Moment>,
    status: &'a str,
    note: &'a str,
    at: Option<Moment>,
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Differs<'a> {
    name: &'a str,
    before: Shown,
    after: Shown,
}

/// A value in words; `said` when the words are ours and not HR's.
#[derive(Serialize)]
struct Shown {
    text: String,
    said: bool,
}

#[derive(Serialize)]
struct KindRow {
    kind: FindingKind,
    severity: Severity,
    findings: u32,
    workers: u32,
    todo: &'static str,
    linked: bool,
}

#[derive(Serialize)]
struct FindingRow<'a> {
    row: Option<u32>,
    line: Option<u64>,
    column: Option<&'a str>,
    worker: Option<&'a str>,
    kind: FindingKind,
    severity: Severity,
    note: &'a str,
    first_of_kind: bool,
}

#[derive(Serialize)]
struct ProofRow<'a> {
    person: &'a str,
    of: &'static str,
    which: Option<&'a str>,
    verdict: &'static str,
    reason: Option<&'a str>,
    at: Option<Moment>,
}

#[derive(Serialize)]
struct ToProve<'a> {
    person: &'a str,
    due: Option<Moment>,
    note: &'a str,
}

impl<'a> Page<'a> {
    fn of(report: &'a Report) -> Self {
        let (scheduled, changes): (Vec<&Change>, Vec<&Change>) =
            report.changes.iter().partition(|c| c.status == "scheduled");
        let changes = changes_table(changes, |c| {
            let rank = match c.status.as_str() {
                "failed" => 0_u8,
                "stale" => 1,
                "unknown" => 2,
                _ => 3,
            };
            (rank, &c.person)
        });
        let scheduled = changes_table(scheduled, |c| (c.due.is_none(), c.due, &c.person));
        let mut statuses = STATUSES.to_vec();
        statuses.retain(|s| changes.rows.iter().any(|c| c.status == *s));
        let findings = findings_table(&report.findings);
        let kinds = report
            .finding_counts
            .iter()
            .map(|c| KindRow {
                kind: c.kind,
                severity: c.severity,
                findings: c.findings,
                workers: c.workers,
                todo: advice(c.kind),
                linked: findings.rows.iter().any(|f| f.kind == c.kind),
            })
            .collect();
        let outcomes = bars(&report.outcomes);
        Self {
            run: report.run.as_str(),
            kind: match report.kind {
                RunKind::Run => "run",
                RunKind::Release => "release",
                RunKind::Undo => "undo",
            },
            sources: report.sources.iter().map(SourceRow::of).collect(),
            intake: report.intake.as_ref().map(|i| Intake {
                source: &i.source,
                file: &i.file,
                sha256: &i.sha256,
                as_of: moment(i.as_of),
                coverage: match &i.coverage {
                    Coverage::Full => "full: absence counts".to_owned(),
                    Coverage::Partial(scope) => {
                        format!("partial ({scope}): absence proves nothing")
                    }
                    Coverage::Delta => "changes only: absence proves nothing".to_owned(),
                    Coverage::Unknown => "not declared: absence proves nothing".to_owned(),
                },
            }),
            now: moment(report.now),
            finished: moment(report.finished),
            apply_time: duration(report.apply_seconds),
            verdict: banner(report.verdict),
            attention: attention(report),
            numbers: numbers(report),
            more_numbers: more_numbers(report),
            outcomes_total: outcome_list(&report.outcomes)
                .iter()
                .map(|(_, count, _)| u64::from(*count))
                .sum(),
            chart_height: outcomes.len() * BAR_STEP,
            outcomes,
            ops: ops(report),
            holds: &report.holds,
            guards: report
                .guards
                .iter()
                .map(|g| Guard {
                    name: &g.name,
                    counted: decimal(g.counted),
                    limit: decimal(g.limit),
                    tripped: g.tripped,
                    why: &g.why,
                })
                .collect(),
            memberships: memberships(report),
            licences: licences(report),
            statuses,
            changes,
            scheduled,
            kinds,
            findings,
            lateness: lateness(report),
            late_open: report.lateness.open,
            proofs: proofs(report),
            to_prove: to_prove(report),
            target: groups(&report.target),
            forecast: forecast(report),
            plan_sha256: &report.plan_sha256,
            actions_sha256: &report.actions_sha256,
            head: report.head.as_deref(),
            format_version: report.format_version,
        }
    }
}

/// The groups of which most becomes first.
fn memberships(report: &Report) -> Table<MembershipRow<'_>> {
    let mut all: Vec<(&String, &GroupCounts)> = report.counts.groups.iter().collect();
    all.sort_by_key(|(key, n)| (Reverse(n.enters + n.leaves + n.stays), *key));
    let rows = all.iter().take(ROWS_DRAWN);
    Table {
        total: grouped(all.len() as u64),
        drawn: grouped(all.len().min(ROWS_DRAWN) as u64),
        cut: all.len() > ROWS_DRAWN,
        rows: rows
            .map(|(group, n)| MembershipRow {
                group,
                enters: grouped(u64::from(n.enters)),
                leaves: grouped(u64::from(n.leaves)),
                stays: grouped(u64::from(n.stays)),
            })
            .collect(),
    }
}

fn licences(report: &Report) -> Vec<LicenceRow<'_>> {
    let all = report.counts.licences.iter();
    all.map(|(licence, n)| LicenceRow {
        licence,
        gains: grouped(u64::from(n.gains)),
        losses: grouped(u64::from(n.losses)),
        free: n
            .free
            .map_or_else(|| "unknown".to_owned(), |free| free.to_string()),
        short: match n.free {
            None => "unknown".to_owned(),
            Some(_) => grouped(u64::from(n.short())),
        },
        ran_out: ran_out(report, licence).map(moment),
    })
    .collect()
}

/// When the last seat of a licence was given, where somebody found none.
fn ran_out(report: &Report, licence: &str) -> Option<Timestamp> {
    let mut all = report.seats.iter();
    all.find(|it| it.licence == licence)?.ran_out
}

fn banner(verdict: Verdict) -> Banner {
    let (tone, word, text) = match verdict {
        Verdict::Ready => (
            "good",
            "Ready",
            "No guard held anything back: the whole plan went.",
        ),
        Verdict::PartHeld => (
            "wait",
            "Part held",
            "Guards keep part of the plan back until somebody approves; the rest went.",
        ),
        Verdict::Held => (
            "stop",
            "Held",
            "The intake is parked: nothing was written and no counter moved. What follows is what \
             the plan would do.",
        ),
        Verdict::Empty => (
            "calm",
            "Nothing to do",
            "HR and the target agree: the plan is empty.",
        ),
    };
    Banner { tone, word, text }
}

/// What somebody has to look at, whatever the verdict says.
fn attention(report: &Report) -> Vec<Labelled> {
    let short = report.counts.licences.values().map(LicenceCounts::short);
    let list = [
        ("failed", report.outcomes.failed),
        ("stale", report.outcomes.stale),
        ("unknown", report.outcomes.unknown),
        ("rows held", report.counts.held),
        ("due and not disabled", report.lateness.open),
        ("licences short", short.sum()),
    ];
    list.into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(label, n)| count(label, n))
        .collect()
}

fn numbers(report: &Report) -> Vec<Labelled> {
    let c = &report.counts;
    vec![
        count("Rows", c.rows),
        count("Workers", c.workers),
        count("Joiners", c.joiners),
        count("Movers", c.movers),
        count("Leavers", c.leavers),
        count("Rehires", c.rehires),
        count("Unchanged", c.unchanged),
        count("Rows held", c.held),
    ]
}

fn more_numbers(report: &Report) -> Vec<Labelled> {
    let c = &report.counts;
    vec![
        count("Other updates", c.updates),
        count("Findings", c.findings),
        count("Inactive rows", c.inactive),
        count("Inactive, never had an account", c.never_provisioned),
        count("Absent for the first time", c.missing_once),
        count("Waiting for a manager's account", c.waiting),
    ]
}

fn outcome_list(o: &OutcomeCounts) -> [(&'static str, u32, &'static str); 7] {
    [
        ("done", o.done, "written"),
        ("already", o.already, "was so already"),
        ("failed", o.failed, "the target refused"),
        ("stale", o.stale, "somebody changed it in between"),
        ("waiting", o.waiting, "comes back by itself"),
        ("held", o.held, "kept back by a guard"),
        ("unknown", o.unknown, "a person has to look"),
    ]
}

/// Height of one bar with its gap, and the widest bar, in the chart's own units.
const BAR_STEP: usize = 26;
const BAR_WIDEST: f64 = 240.0;

fn bars(outcomes: &OutcomeCounts) -> Vec<Bar> {
    let list = outcome_list(outcomes);
    let most = list.iter().map(|(_, n, _)| *n).max().unwrap_or(0).max(1);
    list.into_iter()
        .enumerate()
        .map(|(i, (name, n, meaning))| {
            // One action among thousands still shows.
            let width = f64::from(n) / f64::from(most) * BAR_WIDEST;
            let width = if n == 0 { 0.0 } else { width.max(2.0) };
            Bar {
                name,
                meaning,
                count: grouped(u64::from(n)),
                top: i * BAR_STEP,
                width: (width * 10.0).round() / 10.0,
            }
        })
        .collect()
}

fn ops(report: &Report) -> Vec<OpRow<'_>> {
    let c = &report.counts;
    let mut names: Vec<&str> = [&c.actions, &c.scheduled, &c.held_actions]
        .into_iter()
        .flat_map(|m| m.keys().map(String::as_str))
        .collect();
    names.sort_unstable();
    names.dedup();
    let of = |m: &std::collections::BTreeMap<String, u32>, op| m.get(op).copied().unwrap_or(0);
    names
        .into_iter()
        .map(|op| OpRow {
            op,
            due: of(&c.actions, op),
            scheduled: of(&c.scheduled, op),
            held: of(&c.held_actions, op),
        })
        .collect()
}

fn changes_table<'a, K: Ord>(
    mut list: Vec<&'a Change>,
    order: impl Fn(&'a Change) -> K,
) -> Table<ChangeRow<'a>> {
    // Stable: a person's actions keep the order in which they are carried out.
    list.sort_by_key(|c| order(c));
    table(&list, |c| ChangeRow {
        person: c.person.as_str(),
        delta: match c.delta {
            DeltaKind::Joiner => "joiner",
            DeltaKind::Mover => "mover",
            DeltaKind::Leaver => "leaver",
            DeltaKind::Rehire => "rehire",
            DeltaKind::Conversion => "conversion",
            DeltaKind::Update => "update",
            DeltaKind::None => "schedule only",
        },
        op: c.op.name(),
        values: differences(&c.before, &c.after),
        manager: c.manager.as_deref(),
        grant: c.grant.as_deref(),
        reason: &c.reason,
        rule: &c.rule,
        row: c.row,
        due: c.due.map(moment),
        status: &c.status,
        note: &c.note,
        at: c.at.map(moment),
        request_id: c.request_id.as_deref(),
    })
}

/// Every attribute of either side, in order of name.
fn differences<'a>(before: &'a Attributes, after: &'a Attributes) -> Vec<Differs<'a>> {
    let mut names: Vec<&str> = before
        .keys()
        .chain(after.keys())
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    let shown = |side: &Attributes, name| {
        let Some(value) = side.get(name).filter(|v| !v.is_null()) else {
            return Shown {
                text: "(none)".to_owned(),
                said: true,
            };
        };
        let text = plain(value);
        if text.is_empty() {
            Shown {
                text: "(empty text)".to_owned(),
                said: true,
            }
        } else {
            Shown { text, said: false }
        }
    };
    names
        .into_iter()
        .map(|name| Differs {
            name,
            before: shown(before, name),
            after: shown(after, name),
        })
        .collect()
}

fn findings_table(findings: &[Finding]) -> Table<FindingRow<'_>> {
    let mut list: Vec<&Finding> = findings.iter().collect();
    list.sort_by_key(|f| (Reverse(f.severity), f.kind, f.at.row));
    let mut seen = std::collections::BTreeSet::new();
    table(&list, |f| FindingRow {
        row: f.at.row,
        line: f.at.line,
        column: f.at.column.as_deref(),
        worker: f.worker.as_ref().map(crate::model::WorkerId::as_str),
        kind: f.kind,
        severity: f.severity,
        note: &f.note,
        first_of_kind: seen.insert(f.kind),
    })
}

/// What was read back of people who left, the worst first.
fn proofs(report: &Report) -> Table<ProofRow<'_>> {
    let mut list: Vec<(&Change, &ProofItem)> = Vec::new();
    for change in &report.changes {
        list.extend(change.proof.iter().map(|item| (change, item)));
    }
    list.sort_by_key(|(change, item)| (Reverse(item.verdict), &change.person, item.of));
    table(&list, |(change, item)| ProofRow {
        person: change.person.as_str(),
        of: match item.of {
            ProofOf::Account => "account",
            ProofOf::Sessions => "sessions",
            ProofOf::Group => "group",
            ProofOf::Licence => "licence",
            ProofOf::Role => "directory role",
            ProofOf::AppRole => "role in an application",
            ProofOf::Device => "device",
        },
        which: item.name.as_deref().or(item.id.as_deref()),
        verdict: item.verdict.name(),
        reason: item.reason.as_deref(),
        at: change.at.map(moment),
    })
}

/// People of whom it is not proven yet, and when it is looked at.
fn to_prove(report: &Report) -> Vec<ToProve<'_>> {
    let later = |change: &&Change| change.op == Op::UserProof && change.status != "done";
    let open = report.changes.iter().filter(later).take(ROWS_DRAWN);
    open.map(|change| ToProve {
        person: change.person.as_str(),
        due: change.due.map(moment),
        note: &change.note,
    })
    .collect()
}

fn table<S: Copy, T>(list: &[S], row: impl FnMut(S) -> T) -> Table<T> {
    let rows: Vec<T> = list.iter().copied().take(ROWS_DRAWN).map(row).collect();
    Table {
        drawn: grouped(rows.len() as u64),
        total: grouped(list.len() as u64),
        cut: rows.len() < list.len(),
        rows,
    }
}

fn lateness(report: &Report) -> Vec<Labelled> {
    let late = &report.lateness;
    if late.disabled == 0 {
        return Vec::new();
    }
    let mut out = vec![
        count("Accounts disabled", late.disabled),
        Labelled {
            label: "Half of them within",
            value: duration(late.p50_seconds),
        },
        Labelled {
            label: "95 of 100 within",
            value: duration(late.p95_seconds),
        },
        Labelled {
            label: "The latest after",
            value: duration(late.max_seconds),
        },
    ];
    if late.entered_late > 0 {
        out.push(count("Entered late by HR", late.entered_late));
        out.push(Labelled {
            label: "The latest after it was known",
            value: duration(late.ours_max_seconds),
        });
    }
    out
}

fn forecast(report: &Report) -> Vec<Labelled> {
    let f = &report.forecast;
    if f.calls == 0 {
        return Vec::new();
    }
    vec![
        Labelled {
            label: "Calls",
            value: grouped(f.calls),
        },
        Labelled {
            label: "Quota that binds",
            value: f.bucket.clone(),
        },
        Labelled {
            label: "Time at that quota",
            value: duration(f.seconds),
        },
    ]
}

fn count(label: &'static str, n: u32) -> Labelled {
    Labelled {
        label,
        value: grouped(u64::from(n)),
    }
}

fn moment(at: Timestamp) -> Moment {
    Moment {
        iso: at.to_string(),
        text: at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    }
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
