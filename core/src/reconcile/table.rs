//! `reconciliation.csv`: one line a person and account.
//!
//! What is the same in every line (run, files, hashes, instants) stands once in
//! `reconciliation.json`. The class stands first, so that a line whose class is known last is written
//! before. Invariant: every line has the header's columns, and a cell that nobody knows is empty.

use jiff::Timestamp;
use jiff::civil::Date;

use super::Class;
use super::drift::Difference;
use crate::report::cell;

/// The columns, by the names of section 4.4 of the policy where it has them.
pub const HEADER: [&str; 35] = [
    "class",
    "reason",
    "drift",
    "worker_id",
    "person_key",
    "source_system",
    "worker_type",
    "hr_status_raw",
    "hr_status_normalised",
    "legal_entity",
    "site",
    "work_tz",
    "hire_date",
    "last_day_of_work",
    "termination_date",
    "event_entered_utc",
    "event_first_seen_utc",
    "due_utc",
    "due_basis",
    "target_system",
    "target_object_id",
    "target_upn",
    "account_enabled_expected",
    "account_enabled_observed",
    "lateness_seconds",
    "lateness_cause",
    "sla_seconds",
    "sla_met",
    "last_sign_in_utc",
    "signed_in_after_due",
    "match_rule",
    "exception_code",
    "exception_owner",
    "exception_expires",
    "legal_hold",
];

/// The cells of a line behind class and reason.
#[derive(Debug, Clone, Copy, Default)]
pub struct Line<'a> {
    /// What differs.
    pub drift: &'a [Difference],
    /// The worker id.
    pub worker: &'a str,
    /// The person's key.
    pub person: &'a str,
    /// Whose row it is.
    pub source: &'a str,
    /// Kind of worker.
    pub worker_type: &'a str,
    /// The status as HR writes it.
    pub status: &'a str,
    /// What it means.
    pub word: &'a str,
    /// The company.
    pub entity: &'a str,
    /// The place.
    pub site: &'a str,
    /// Its zone.
    pub zone: &'a str,
    /// First day.
    pub hire: Option<Date>,
    /// Last day of work.
    pub last_day: Option<Date>,
    /// Last day of the employment.
    pub termination: Option<Date>,
    /// When HR entered the end.
    pub entered: Option<Timestamp>,
    /// When it was first planned.
    pub seen: Option<Timestamp>,
    /// When access was, or is, to end.
    pub due: Option<Timestamp>,
    /// By what.
    pub basis: &'a str,
    /// Which target.
    pub target: &'a str,
    /// The account.
    pub object: &'a str,
    /// Its sign-in name.
    pub name: &'a str,
    /// Whether it is to be enabled.
    pub expected: Option<bool>,
    /// Whether it is.
    pub enabled: Option<bool>,
    /// Seconds from due to cut off, or to now.
    pub late: Option<i64>,
    /// Whose part is the larger one.
    pub late_cause: &'a str,
    /// Seconds that it may take.
    pub sla: Option<i64>,
    /// The last sign-in.
    pub sign_in: Option<Timestamp>,
    /// By what account and person were found to belong together: `object`, `key`.
    pub by: &'a str,
    /// Name, owner and last day of the exception.
    pub exception: Option<(&'a str, &'a str, Date)>,
    /// Data may be evidence.
    pub legal_hold: bool,
}

/// Appends a line without class and reason, line end (CRLF) included: where those are known last they
/// are written in front of it by [`class_cells`].
pub fn line(line: &Line<'_>, out: &mut String) {
    let mut cells = Cells(out);
    let mut drift = String::new();
    for it in line.drift {
        if !drift.is_empty() {
            drift.push_str(", ");
        }
        drift.push_str(&it.attribute);
        drift.push(' ');
        drift.push_str(it.because.name());
    }
    cells.text(&drift);
    for text in [
        line.worker,
        line.person,
        line.source,
        line.worker_type,
        line.status,
        line.word,
        line.entity,
        line.site,
        line.zone,
    ] {
        cells.text(text);
    }
    cells.date(line.hire);
    cells.date(line.last_day);
    cells.date(line.termination);
    cells.instant(line.entered);
    cells.instant(line.seen);
    cells.instant(line.due);
    for text in [line.basis, line.target, line.object, line.name] {
        cells.text(text);
    }
    cells.flag(line.expected);
    cells.flag(line.enabled);
    cells.number(line.late);
    cells.text(line.late_cause);
    cells.number(line.sla);
    cells.flag(line.late.zip(line.sla).map(|(late, sla)| late <= sla));
    cells.instant(line.sign_in);
    cells.flag(line.sign_in.zip(line.due).map(|(at, due)| at > due));
    cells.text(line.by);
    match line.exception {
        Some((name, owner, until)) => {
            cells.text(name);
            cells.text(owner);
            cells.date(Some(until));
        }
        None => {
            for _ in 0..3 {
                cells.text("");
            }
        }
    }
    cells.flag(line.legal_hold.then_some(true));
    out.push_str("\r\n");
}

/// Appends class and reason, which a line begins with.
pub fn class_cells(class: Class, reason: &str, out: &mut String) {
    out.push_str(class.name());
    out.push(',');
    cell(reason, out);
}

/// Appends a line of the totals at the end: its name, and the number where lines have their reason;
/// `None`: nobody can tell.
pub fn total_line(name: &str, count: Option<u64>, out: &mut String) {
    use std::fmt::Write as _;
    let rest = ",".repeat(HEADER.len() - 2);
    let count = count.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
    write!(out, "total {name},{count}{rest}\r\n").expect("a String takes everything");
}

struct Cells<'a>(&'a mut String);

impl Cells<'_> {
    fn text(&mut self, text: &str) {
        self.0.push(',');
        // Most cells are a few letters: nothing in them has to be looked at twice.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b' ' || b == b'.' || b == b'_';
        let begins = text
            .as_bytes()
            .first()
            .is_none_or(u8::is_ascii_alphanumeric);
        if begins && !text.ends_with(' ') && text.bytes().all(plain) {
            self.0.push_str(text);
        } else {
            cell(text, self.0);
        }
    }

    fn date(&mut self, date: Option<Date>) {
        self.write(date);
    }

    fn instant(&mut self, at: Option<Timestamp>) {
        self.write(at);
    }

    fn flag(&mut self, is: Option<bool>) {
        self.write(is);
    }

    /// A number of seconds that is below zero is one all the same: no text of anybody.
    fn number(&mut self, number: Option<i64>) {
        self.write(number);
    }

    fn write(&mut self, value: Option<impl std::fmt::Display>) {
        use std::fmt::Write as _;
        self.0.push(',');
        if let Some(value) = value {
            write!(self.0, "{value}").expect("a String takes everything");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects P17, and that columns never shift.
    #[test]
    fn every_line_has_the_columns_of_the_header() {
        let hostile = "=HYPERLINK(\"x\",\"y\")";
        let lines = [
            Line::default(),
            Line {
                worker: hostile,
                site: "a;=1+1",
                name: "@x",
                exception: Some(("x", "-5", jiff::civil::date(2026, 3, 1))),
                late: Some(-3),
                ..Line::default()
            },
        ];
        let mut out = String::new();
        for it in &lines {
            class_cells(Class::Dormant, hostile, &mut out);
            line(it, &mut out);
        }
        total_line("rows", Some(2), &mut out);
        total_line("dormant", None, &mut out);
        assert!(out.contains("total dormant,unknown,"), "{out}");
        for text in out.lines() {
            assert_eq!(fields(text), HEADER.len(), "{text}");
        }
        assert!(
            out.contains("\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            "{out}"
        );
        assert!(out.contains("\"a;'=1+1\""), "{out}");
        assert!(out.contains(",'@x,"), "{out}");
        assert!(out.contains(",'-5,2026-03-01,"), "{out}");
    }

    fn fields(line: &str) -> usize {
        let (mut count, mut quoted) = (1, false);
        for c in line.chars() {
            quoted ^= c == '"';
            count += usize::from(c == ',' && !quoted);
        }
        count
    }
}
