//! `report.html`: the report as one page that opens anywhere, prints, and fetches nothing.
//!
//! The template stands in `report.html`, its style and its one script beside it; this file only
//! arranges what they draw. Values come from HR and are never code (P17): the template engine
//! escapes every one, the data block cannot be ended from within, the page's own policy lets run
//! the very bytes of that script and nothing else, and characters that hide or reorder text are
//! written out. Invariant: nothing is counted here; a table that is cut short says of how many.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::advice::{advice, owner};
use super::charts::{self, Chart};
use super::rows::{ChangeRow, FindingRow, Lists, Moment, ProofRow, kind_name, moment, severity};
use super::statistics::{Group, groups};
use super::visible::written_out;
use super::words::{decimal, duration, grouped};
use super::{Change, Hold, Report, RunKind, SourceFacts};
use crate::base64;
use crate::delta::Coverage;
use crate::model::Op;
use crate::plan::{GroupCounts, LicenceCounts, Verdict};

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// Rows drawn of a table that the script can draw whole: enough for whoever reads the page where
/// scripts were taken out, few enough for the page to open at once.
const ROWS_DRAWN: usize = 500;

/// Rows drawn of a table that the script does not touch: a browser still scrolls and searches that
/// many without trouble.
const SHORT_ROWS_DRAWN: usize = 5_000;

/// Renders the page. The same report gives the same bytes.
///
/// 100,000 changes are a page of some 20 MB; making it takes a few times that of memory.
pub fn html(report: &Report) -> String {
    let lists = Lists::of(report);
    let page = written_out(&drawn(&Page::of(report, &lists)));
    let (policy, data) = (policy(), lists.data());
    // A value cannot write one of these marks: the engine escapes what they begin with.
    let parts = [
        ("<!--policy-->", policy.as_str()),
        ("<!--style-->", STYLE),
        ("<!--data-->", &data),
        ("<!--script-->", SCRIPT),
    ];
    let length = parts.iter().map(|(_, text)| text.len()).sum::<usize>() + page.len();
    let mut out = String::with_capacity(length);
    let mut rest = page.as_str();
    for (mark, text) in parts {
        let (before, after) = rest.split_once(mark).expect("the template has every mark");
        out.push_str(before);
        out.push_str(text);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The template with everything that needs no script.
fn drawn(page: &Page<'_>) -> String {
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
    template
        .render(Value::from(Serde(page)))
        .expect("the template reads only fields that every page has")
}

/// What the page may do: run this script, be drawn in this style, and nothing else. No text can
/// become markup by a script either (trusted types).
fn policy() -> String {
    let hash = |text: &str| base64::encode(&Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
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
    attention: Vec<Attention>,
    numbers: Vec<Labelled>,
    more_numbers: Vec<Labelled>,
    outcomes: Vec<Ending>,
    outcomes_chart: Option<Chart>,
    ops: Vec<OpRow<'a>>,
    ops_chart: Option<Chart>,
    holds: &'a [Hold],
    guards: Vec<Guard<'a>>,
    memberships: Table<MembershipRow<'a>>,
    licences: Vec<LicenceRow<'a>>,
    changes: Table<ChangeRow<'a>>,
    scheduled: Table<ChangeRow<'a>>,
    owners: Vec<OwnerGroup>,
    findings: Table<DrawnFinding<'a>>,
    lateness: Vec<Labelled>,
    late_open: u32,
    lateness_chart: Option<Chart>,
    proofs: Table<ProofRow<'a>>,
    to_prove: Table<ToProve<'a>>,
    target: Vec<Group>,
    quotas_chart: Option<Chart>,
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

/// What somebody has to look at, and where in the changes it is.
#[derive(Serialize)]
struct Attention {
    label: &'static str,
    value: String,
    status: Option<&'static str>,
}

#[derive(Serialize)]
struct Ending {
    name: &'static str,
    meaning: &'static str,
    count: String,
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

/// The findings that one owner has to act on.
#[derive(Serialize)]
struct OwnerGroup {
    key: &'static str,
    name: &'static str,
    findings: String,
    kinds: Vec<KindRow>,
}

#[derive(Serialize)]
struct KindRow {
    kind: String,
    severity: &'static str,
    findings: String,
    workers: String,
    todo: &'static str,
    /// A row of it is drawn.
    linked: bool,
}

#[derive(Serialize)]
struct DrawnFinding<'a> {
    #[serde(flatten)]
    row: FindingRow<'a>,
    first_of_kind: bool,
}

#[derive(Serialize)]
struct ToProve<'a> {
    person: &'a str,
    due: Option<Moment>,
    note: &'a str,
}

impl<'a> Page<'a> {
    fn of(report: &'a Report, lists: &Lists<'a>) -> Self {
        let findings = findings(lists);
        Self {
            run: report.run.as_str(),
            kind: match report.kind {
                RunKind::Run => "run",
                RunKind::Release => "release",
                RunKind::Undo => "undo",
                RunKind::Heal => "heal",
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
            outcomes: charts::endings(&report.outcomes)
                .map(|(name, n, meaning)| Ending {
                    name,
                    meaning,
                    count: grouped(u64::from(n)),
                })
                .into(),
            outcomes_chart: charts::outcomes(report),
            ops: ops(report),
            ops_chart: charts::operations(report),
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
            changes: table(&lists.changes, ROWS_DRAWN, ChangeRow::of),
            scheduled: table(&lists.scheduled, ROWS_DRAWN, ChangeRow::of),
            owners: owners(report, &findings),
            findings,
            lateness: lateness(report),
            late_open: report.lateness.open,
            lateness_chart: charts::lateness(report),
            proofs: table(&lists.proofs, ROWS_DRAWN, ProofRow::of),
            to_prove: to_prove(report),
            target: groups(&report.target),
            quotas_chart: charts::quotas(report),
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
    table(&all, SHORT_ROWS_DRAWN, |(group, n)| MembershipRow {
        group,
        enters: grouped(u64::from(n.enters)),
        leaves: grouped(u64::from(n.leaves)),
        stays: grouped(u64::from(n.stays)),
    })
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
fn attention(report: &Report) -> Vec<Attention> {
    let short = report.counts.licences.values().map(LicenceCounts::short);
    let o = &report.outcomes;
    let list = [
        ("failed", o.failed, Some("failed")),
        ("stale", o.stale, Some("stale")),
        ("unknown", o.unknown, Some("unknown")),
        ("without anything on record", o.open, Some("open")),
        ("rows held", report.counts.held, None),
        ("due and not disabled", report.lateness.open, None),
        ("licences short", short.sum(), None),
    ];
    list.into_iter()
        .filter(|(_, n, _)| *n > 0)
        .map(|(label, n, status)| Attention {
            label,
            value: grouped(u64::from(n)),
            status,
        })
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

fn findings<'a>(lists: &Lists<'a>) -> Table<DrawnFinding<'a>> {
    let mut seen = std::collections::BTreeSet::new();
    table(&lists.findings, ROWS_DRAWN, |f| DrawnFinding {
        row: FindingRow::of(f),
        first_of_kind: seen.insert(f.kind),
    })
}

/// Findings by who has to act on them.
fn owners(report: &Report, drawn: &Table<DrawnFinding<'_>>) -> Vec<OwnerGroup> {
    let mut by_owner: BTreeMap<_, (u64, Vec<KindRow>)> = BTreeMap::new();
    for c in &report.finding_counts {
        let slot = by_owner.entry(owner(c.kind)).or_default();
        slot.0 += u64::from(c.findings);
        slot.1.push(KindRow {
            kind: kind_name(c.kind),
            severity: severity(c.severity),
            findings: grouped(u64::from(c.findings)),
            workers: grouped(u64::from(c.workers)),
            todo: advice(c.kind),
            linked: drawn.rows.iter().any(|f| f.row.kind == c.kind),
        });
    }
    let all = by_owner.into_iter();
    all.map(|(owner, (findings, kinds))| OwnerGroup {
        key: owner.key(),
        name: owner.name(),
        findings: grouped(findings),
        kinds,
    })
    .collect()
}

/// People of whom it is not proven yet, and when it is looked at.
fn to_prove(report: &Report) -> Table<ToProve<'_>> {
    let later = |change: &&Change| change.op == Op::UserProof && change.status != "done";
    let open: Vec<&Change> = report.changes.iter().filter(later).collect();
    table(&open, SHORT_ROWS_DRAWN, |change| ToProve {
        person: change.person.as_str(),
        due: change.due.map(moment),
        note: &change.note,
    })
}

fn table<S: Copy, T>(list: &[S], most: usize, row: impl FnMut(S) -> T) -> Table<T> {
    let rows: Vec<T> = list.iter().copied().take(most).map(row).collect();
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

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
