//! Rows of the long tables in words: changes, findings, and what was read back of leavers.
//!
//! Invariant: the page as it is without scripts and the data that the script draws are made from
//! the same rows, so that both say the same.

use std::borrow::Cow;
use std::cmp::Reverse;

use jiff::Timestamp;
use serde::Serialize;

use super::advice::owner;
use super::data::Data;
use super::words::duration;
use super::{Change, LateCause, Report};
use crate::model::{Attributes, Finding, FindingKind, ProofItem, ProofOf, Severity, Value};
use crate::plan::plain;
use crate::policy::DeltaKind;

/// What is said of a value that is not there, and of one that is the empty text.
pub(super) const ABSENT: &str = "(none)";
pub(super) const EMPTY: &str = "(empty text)";

/// What each long table holds, in the order in which it is read.
pub(super) struct Lists<'a> {
    /// Failed, stale and unknown ones first, then by person.
    pub(super) changes: Vec<&'a Change>,
    /// The earliest first; those without an instant last.
    pub(super) scheduled: Vec<&'a Change>,
    /// The worst first.
    pub(super) findings: Vec<&'a Finding>,
    /// The worst first, each with the action that read it.
    pub(super) proofs: Vec<(&'a Change, &'a ProofItem)>,
}

impl<'a> Lists<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let (mut scheduled, mut changes): (Vec<&Change>, Vec<&Change>) =
            report.changes.iter().partition(|c| c.status == "scheduled");
        // Stable: a person's actions keep the order in which they are carried out.
        changes.sort_by_key(|c| {
            let rank = match c.status.as_str() {
                "failed" => 0_u8,
                "stale" => 1,
                "unknown" => 2,
                _ => 3,
            };
            (rank, &c.person)
        });
        scheduled.sort_by_key(|c| (c.due.is_none(), c.due, &c.person));
        let mut findings: Vec<&Finding> = report.findings.iter().collect();
        findings.sort_by_key(|f| (Reverse(f.severity), f.kind, f.at.row));
        let mut proofs: Vec<(&Change, &ProofItem)> = Vec::new();
        for change in &report.changes {
            proofs.extend(change.proof.iter().map(|item| (change, item)));
        }
        proofs.sort_by_key(|(change, item)| (Reverse(item.verdict), &change.person, item.of));
        Self {
            changes,
            scheduled,
            findings,
            proofs,
        }
    }

    /// Every row of every table, as elements of the page.
    pub(super) fn data(&self) -> String {
        let mut out = String::new();
        for (table, list) in [("changes", &self.changes), ("scheduled", &self.scheduled)] {
            if list.is_empty() {
                continue;
            }
            let mut data = Data::default();
            for change in list {
                let row = ChangeRow::of(change);
                data.row(row.cells(), &row.values);
            }
            data.element(table, &mut out);
        }
        if !self.findings.is_empty() {
            let mut data = Data::default();
            for finding in &self.findings {
                data.row(FindingRow::of(finding).cells(), &[]);
            }
            data.element("findings", &mut out);
        }
        if !self.proofs.is_empty() {
            let mut data = Data::default();
            for proof in &self.proofs {
                data.row(ProofRow::of(*proof).cells(), &[]);
            }
            data.element("proof", &mut out);
        }
        out
    }
}

/// An instant for machines and for people, both in UTC.
#[derive(Serialize)]
pub(super) struct Moment {
    iso: String,
    text: String,
}

pub(super) fn moment(at: Timestamp) -> Moment {
    Moment {
        iso: at.to_string(),
        text: at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    }
}

fn instant<'a>(at: Option<&Moment>) -> Cow<'a, str> {
    at.map(|at| at.text.clone()).unwrap_or_default().into()
}

/// One action and what came of it.
#[derive(Serialize)]
pub(super) struct ChangeRow<'a> {
    person: &'a str,
    delta: &'static str,
    op: &'static str,
    values: Vec<Differs<'a>>,
    manager: Option<&'a str>,
    grant: Option<&'a str>,
    reason: &'a str,
    rule: &'a str,
    /// `row 17`, as a spreadsheet counts.
    row: String,
    due: Option<Moment>,
    status: &'a str,
    note: &'a str,
    at: Option<Moment>,
    request_id: Option<&'a str>,
    /// How late a disable was, and by whose part.
    late: Option<String>,
}

impl<'a> ChangeRow<'a> {
    pub(super) fn of(c: &'a Change) -> Self {
        Self {
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
            row: match c.row {
                Some(row) => format!("row {row}"),
                None => "not in the file".to_owned(),
            },
            due: c.due.map(moment),
            status: &c.status,
            note: &c.note,
            at: c.at.map(moment),
            request_id: c.request_id.as_deref(),
            late: late(c),
        }
    }

    fn cells(&self) -> [(&'static str, Cow<'a, str>); 14] {
        [
            ("person", self.person.into()),
            ("delta", self.delta.into()),
            ("op", self.op.into()),
            ("manager", self.manager.unwrap_or_default().into()),
            ("grant", self.grant.unwrap_or_default().into()),
            ("reason", self.reason.into()),
            ("rule", self.rule.into()),
            ("row", self.row.clone().into()),
            (
                "due",
                match &self.due {
                    Some(due) => due.text.clone().into(),
                    None => "waits for somebody".into(),
                },
            ),
            ("status", self.status.into()),
            ("note", self.note.into()),
            ("at", instant(self.at.as_ref())),
            ("request", self.request_id.unwrap_or_default().into()),
            ("late", self.late.clone().unwrap_or_default().into()),
        ]
    }
}

fn late(c: &Change) -> Option<String> {
    let seconds = c.lateness_seconds.filter(|s| *s > 0)?;
    #[expect(clippy::cast_precision_loss, reason = "nobody is late by 2^52 seconds")]
    let after = duration(seconds as f64);
    let part = match c.lateness_cause {
        Some(LateCause::HrEntry) => ", the larger part of it before HR entered it",
        Some(LateCause::Pipeline) | None => "",
    };
    Some(format!("{after} after it was due{part}"))
}

/// An attribute on both sides.
#[derive(Serialize)]
pub(super) struct Differs<'a> {
    pub(super) name: &'a str,
    pub(super) before: Shown<'a>,
    pub(super) after: Shown<'a>,
}

/// A value in words; `said` when the words are ours ([`ABSENT`], [`EMPTY`]) and not HR's.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) said: bool,
}

impl<'a> Shown<'a> {
    fn of(value: Option<&'a Value>) -> Self {
        let text: Cow<'a, str> = match value {
            None | Some(Value::Null) => ABSENT.into(),
            Some(Value::Text(text)) if text.is_empty() => EMPTY.into(),
            Some(Value::Text(text)) => {
                return Self {
                    text: text.into(),
                    said: false,
                };
            }
            Some(other) => {
                return Self {
                    text: plain(other).into(),
                    said: false,
                };
            }
        };
        Self { text, said: true }
    }
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
    names
        .into_iter()
        .map(|name| Differs {
            name,
            before: Shown::of(before.get(name)),
            after: Shown::of(after.get(name)),
        })
        .collect()
}

/// One finding, and who has to act on it.
#[derive(Serialize)]
pub(super) struct FindingRow<'a> {
    /// As a spreadsheet counts; empty: the whole file.
    row: String,
    line: String,
    column: &'a str,
    worker: &'a str,
    pub(super) kind: FindingKind,
    severity: &'static str,
    owner: &'static str,
    note: &'a str,
}

impl<'a> FindingRow<'a> {
    pub(super) fn of(f: &'a Finding) -> Self {
        Self {
            row: f.at.row.map(|row| row.to_string()).unwrap_or_default(),
            line: f
                .at
                .line
                .map(|line| format!("line {line}"))
                .unwrap_or_default(),
            column: f.at.column.as_deref().unwrap_or_default(),
            worker: f
                .worker
                .as_ref()
                .map(crate::model::WorkerId::as_str)
                .unwrap_or_default(),
            kind: f.kind,
            severity: severity(f.severity),
            owner: owner(f.kind).name(),
            note: &f.note,
        }
    }

    fn cells(&self) -> [(&'static str, Cow<'a, str>); 8] {
        [
            ("row", self.row.clone().into()),
            ("line", self.line.clone().into()),
            ("column", self.column.into()),
            ("worker", self.worker.into()),
            ("kind", kind_name(self.kind).into()),
            ("severity", self.severity.into()),
            ("owner", self.owner.into()),
            ("note", self.note.into()),
        ]
    }
}

/// The name of a kind in every file and format.
pub(super) fn kind_name(kind: FindingKind) -> String {
    let name = serde_json::to_value(kind).expect("a kind without fields is its name");
    name.as_str().unwrap_or_default().to_owned()
}

pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Held => "held",
    }
}

/// One thing that was read back of somebody who left.
#[derive(Serialize)]
pub(super) struct ProofRow<'a> {
    person: &'a str,
    of: &'static str,
    /// Empty: all of them.
    which: &'a str,
    verdict: &'static str,
    reason: &'a str,
    at: Option<Moment>,
}

impl<'a> ProofRow<'a> {
    pub(super) fn of((change, item): (&'a Change, &'a ProofItem)) -> Self {
        Self {
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
            which: item
                .name
                .as_deref()
                .or(item.id.as_deref())
                .unwrap_or_default(),
            verdict: item.verdict.name(),
            reason: item.reason.as_deref().unwrap_or_default(),
            at: change.at.map(moment),
        }
    }

    fn cells(&self) -> [(&'static str, Cow<'a, str>); 6] {
        [
            ("person", self.person.into()),
            ("of", self.of.into()),
            ("which", self.which.into()),
            ("verdict", self.verdict.into()),
            ("reason", self.reason.into()),
            ("at", instant(self.at.as_ref())),
        ]
    }
}
