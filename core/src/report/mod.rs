//! The run report: one value, several renderers, and none of them computes anything.
//!
//! Its numbers are folded from outcomes, each action once (P12). It holds personal values
//! (before and after), so it is stored apart from the evidence.

mod advice;
mod cells;
mod charts;
mod data;
mod html;
mod lateness;
mod ocsf;
mod receipt;
mod rows;
mod statistics;
mod visible;
mod words;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::delta::Coverage;
use crate::model::{Attributes, Finding, FindingKind, Op, PersonKey, ProofItem, RunId, Severity};
use crate::plan::{Counts, Forecast, GuardVerdict, Verdict};
use crate::policy::DeltaKind;

pub use advice::{Owner, advice, owner};
pub use cells::cell;
pub use html::html;
pub use lateness::{Late, LateCause};
pub use ocsf::{Happened, OCSF_VERSION, ocsf};
pub use receipt::{receipt_header, receipt_line};
pub use visible::written_out;
pub(crate) use words::duration;

/// `report.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`crate::plan::FORMAT_VERSION`].
    pub format_version: u32,
    /// The pass.
    pub run: RunId,
    /// `run`, `release`, `undo` or `heal`.
    pub kind: RunKind,
    /// What the pass took in; `None` for a release.
    pub intake: Option<IntakeFacts>,
    /// How each source stands, the home source first, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceFacts>,
    /// The plan's instant.
    pub now: Timestamp,
    /// When the report was written.
    pub finished: Timestamp,
    /// Seconds from the start of applying to its end.
    pub apply_seconds: f64,
    /// How the plan stood.
    pub verdict: Verdict,
    /// The plan's digest: what an approval names.
    pub plan_sha256: String,
    /// The digest that does not depend on the order of rows.
    pub actions_sha256: String,
    /// What the plan counted.
    pub counts: Counts,
    /// Actions by how they ended.
    pub outcomes: OutcomeCounts,
    /// What the guards saw.
    pub guards: Vec<GuardVerdict>,
    /// What waits for approval, by guard.
    pub holds: Vec<Hold>,
    /// Where the commit log stood when the report was written: `GENERATION:SHA256` of its newest entry.
    /// Kept elsewhere it proves later that nothing was cut off (`rollcall verify --head`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Every planned action, in order of person.
    pub changes: Vec<Change>,
    /// Findings by kind.
    pub finding_counts: Vec<FindingCount>,
    /// Every finding.
    pub findings: Vec<Finding>,
    /// From due to disabled.
    pub lateness: Lateness,
    /// What was expected of the target.
    pub forecast: Forecast,
    /// Calls, quota use and throttling as the connector counted them.
    pub target: serde_json::Value,
    /// Seats of licences that Rollcall gives itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<SeatUse>,
}

/// How seats of one licence were given out, directly and by groups of which Rollcall keeps the
/// members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatUse {
    /// The licence.
    pub licence: String,
    /// People who got it by this run.
    pub given: u32,
    /// People who are to have it and found no seat.
    pub without: u32,
    /// When the last seat was given, where somebody found none: the plan's instant if there was
    /// none to begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran_out: Option<Timestamp>,
}

/// What started a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// A delivery from HR.
    Run,
    /// Something fell due.
    Release,
    /// A run is taken back.
    Undo,
    /// What others changed in the target is mended.
    Heal,
}

/// What one delivery brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeFacts {
    /// The feed.
    pub source: String,
    /// The file.
    pub file: String,
    /// SHA-256 of the bytes received.
    pub sha256: String,
    /// Data rows.
    pub rows: u32,
    /// The moment that the data describe.
    pub as_of: Timestamp,
    /// What absence means.
    pub coverage: Coverage,
}

/// What one of several sources said last, at the instant of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// Its name.
    pub source: String,
    /// The moment that its newest accepted data describe; `None`: it never brought any.
    pub as_of: Option<Timestamp>,
    /// Data rows of them.
    pub rows: Option<u32>,
    /// They are older than allowed, or there are none.
    pub stale: bool,
}

/// Actions by how they ended; each action once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutcomeCounts {
    /// Written.
    pub done: u32,
    /// Was so already.
    pub already: u32,
    /// Refused.
    pub failed: u32,
    /// Precondition gone.
    pub stale: u32,
    /// Comes back.
    pub waiting: u32,
    /// Kept back by a guard.
    pub held: u32,
    /// A person has to look.
    pub unknown: u32,
    /// Due, and nothing is on record: not sent, or a message that could not be read.
    #[serde(default)]
    pub open: u32,
}

/// One planned action and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Whose.
    pub person: PersonKey,
    /// What happened to the person.
    pub delta: DeltaKind,
    /// What.
    pub op: Op,
    /// Why, in words.
    pub reason: String,
    /// By which rule of the policy.
    pub rule: String,
    /// When it fell or falls due; `None` = waits for somebody.
    pub due: Option<Timestamp>,
    /// The row that caused it.
    pub row: Option<u32>,
    /// Attribute → what the target had.
    pub before: Attributes,
    /// Attribute → what it was to have.
    pub after: Attributes,
    /// The manager's worker id, for a manager change.
    pub manager: Option<String>,
    /// What is given or taken: `group:sales`, `licence:SPE_E5`; of an order about a group, that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// `done`, `already`, `failed`, `stale`, `waiting`, `held`, `unknown`, `scheduled` or `open`
    /// (planned, nothing is known of it).
    pub status: String,
    /// What it means and what to do, where it did not simply work.
    pub note: String,
    /// When that was known.
    pub at: Option<Timestamp>,
    /// Id of the last call in the vendor's logs.
    pub request_id: Option<String>,
    /// Of a disable: when HR entered what it follows from, where HR says so.
    #[serde(
        rename = "event_entered_utc",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub entered: Option<Timestamp>,
    /// Of a disable: when it was first planned.
    #[serde(
        rename = "event_first_seen_utc",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub seen: Option<Timestamp>,
    /// Of a disable that was carried out: seconds from due to done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness_seconds: Option<i64>,
    /// Whose part of that is the larger one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness_cause: Option<LateCause>,
    /// Of a proof that was made: what was read back, item by item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proof: Vec<ProofItem>,
}

/// What one guard keeps back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The guard.
    pub by: String,
    /// What it counted, in words.
    pub why: String,
    /// People whose actions wait.
    pub persons: u32,
    /// Actions by operation.
    pub ops: BTreeMap<String, u32>,
    /// The command that lets them go.
    pub approve: String,
}

/// Findings of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingCount {
    /// The kind.
    pub kind: FindingKind,
    /// The worst severity among them.
    pub severity: Severity,
    /// How many findings.
    pub findings: u32,
    /// How many workers they are about.
    pub workers: u32,
}

/// How long cuts took from the instant they were due.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Lateness {
    /// Accounts that were disabled.
    pub disabled: u32,
    /// Seconds, the middle one.
    pub p50_seconds: f64,
    /// Seconds, 95 of 100 are below.
    pub p95_seconds: f64,
    /// Seconds, the latest one.
    pub max_seconds: f64,
    /// Due and not disabled.
    pub open: u32,
    /// Accounts of which HR's part of the delay is the larger one: entered, or sent, after it was due.
    #[serde(default)]
    pub entered_late: u32,
    /// Seconds from when it was known (entered, or where HR does not say, first planned), or due, where
    /// that is later: the middle one of what is ours.
    #[serde(default)]
    pub ours_p50_seconds: f64,
    /// The same, 95 of 100 are below.
    #[serde(default)]
    pub ours_p95_seconds: f64,
    /// The same, the latest one.
    #[serde(default)]
    pub ours_max_seconds: f64,
}

/// One row of `receipt.csv`: what became of a row that HR sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRow {
    /// Row as a spreadsheet counts.
    pub row: u32,
    /// The key as delivered.
    pub worker: String,
    /// `accepted`, `held`, `unchanged` or `repeated`.
    pub verdict: String,
    /// Why it is held, or what was found.
    pub why: String,
    /// What was done: operations and how they ended.
    pub applied: String,
}

impl OutcomeCounts {
    /// Counts one action by the name of its ending.
    pub fn add(&mut self, ending: &crate::model::Ending) {
        use crate::model::Ending;
        let slot = match ending {
            Ending::Done => &mut self.done,
            Ending::Already => &mut self.already,
            Ending::Failed { .. } => &mut self.failed,
            Ending::Stale { .. } => &mut self.stale,
            Ending::Waiting { .. } => &mut self.waiting,
            Ending::Held { .. } => &mut self.held,
            Ending::Unknown { .. } => &mut self.unknown,
        };
        *slot += 1;
    }
}

/// Findings by kind, worst first.
pub fn count_findings(findings: &[Finding]) -> Vec<FindingCount> {
    let mut by_kind: BTreeMap<FindingKind, (Severity, u32, Vec<&str>)> = BTreeMap::new();
    for finding in findings {
        let slot = by_kind
            .entry(finding.kind)
            .or_insert((finding.severity, 0, Vec::new()));
        slot.0 = slot.0.max(finding.severity);
        slot.1 += 1;
        slot.2
            .extend(finding.worker.as_ref().map(crate::model::WorkerId::as_str));
    }
    let mut out: Vec<FindingCount> = by_kind
        .into_iter()
        .map(|(kind, (severity, findings, mut workers))| {
            workers.sort_unstable();
            workers.dedup();
            let workers = u32::try_from(workers.len()).unwrap_or(u32::MAX);
            FindingCount {
                kind,
                severity,
                findings,
                workers,
            }
        })
        .collect();
    out.sort_by_key(|c| (std::cmp::Reverse(c.severity), c.kind));
    out
}
