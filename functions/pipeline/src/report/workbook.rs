//! `report.xlsx`: the report as a workbook that people sort and filter.
//!
//! Rows go to a temporary file without a name as they come, so that memory does not grow with the
//! changes of a run. Invariant: nothing that comes from data is a formula or a link (P17); every
//! text is a text cell, whatever it begins with. The same report gives the same bytes.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rollcall_core::model::{Attributes, Op};
use rollcall_core::plan::plain;
use rollcall_core::report::{Change, Hold, Report, advice, owner, written_out};
use rust_xlsxwriter::{
    Color, DocProperties, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};
use serde::Serialize;

/// What Excel takes in one cell, in UTF-16 units.
const CELL_UNITS: usize = 32_767;

/// Rows of one sheet below its header: 2^20 in all.
const SHEET_ROWS: usize = 1_048_575;

/// Renders the workbook. What goes wrong is in words.
///
/// # Errors
/// When the temporary files cannot be made or written.
pub(super) fn workbook(report: &Report) -> Result<Vec<u8>, String> {
    // The library panics where the temporary folder is full; a run must say so and end in order.
    let made = std::thread::scope(|scope| scope.spawn(|| render(report, SHEET_ROWS)).join());
    match made {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(
            "its rows could not be kept in a temporary file; see whether the temporary \
                       folder has room"
                .to_owned(),
        ),
    }
}

fn render(report: &Report, sheet_rows: usize) -> Result<Vec<u8>, XlsxError> {
    let mut book = Book::new(report.finished, sheet_rows);
    book.table("Summary", &SUMMARY, summary(report).into_iter())?;
    let (scheduled, changes): (Vec<&Change>, Vec<&Change>) =
        report.changes.iter().partition(|c| c.status == "scheduled");
    book.table("Changes", &CHANGES, changes.into_iter().map(change))?;
    book.table("Scheduled", &SCHEDULED, scheduled.into_iter().map(later))?;
    book.table("Holds", &HOLDS, report.holds.iter().flat_map(holds))?;
    let findings = report.findings.iter().map(|it| {
        vec![
            name(&it.severity),
            name(&it.kind),
            Cell::maybe(
                it.worker
                    .as_ref()
                    .map(rollcall_core::model::WorkerId::as_str),
            ),
            Cell::count(it.at.row),
            it.at
                .line
                .map_or(Cell::Blank, |line| Cell::Number(line as f64)),
            Cell::maybe(it.at.column.as_deref()),
            Cell::text(&it.note),
            Cell::text(owner(it.kind).name()),
            Cell::text(advice(it.kind)),
        ]
    });
    book.table("Findings", &FINDINGS, findings)?;
    let cuts = report.changes.iter();
    let cuts = cuts.filter(|it| it.op == Op::UserDisable && it.status != "scheduled");
    book.table("Lateness", &LATENESS, cuts.map(cut))?;
    book.workbook.save_to_buffer()
}

/// A cell, typed.
#[derive(Debug)]
enum Cell<'a> {
    Blank,
    Text(Cow<'a, str>),
    Number(f64),
    Flag(bool),
    /// Shown in UTC.
    Moment(Timestamp),
}

impl<'a> Cell<'a> {
    fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    fn maybe(text: Option<&'a str>) -> Self {
        text.map_or(Self::Blank, Self::text)
    }

    fn count(count: impl Into<Option<u32>>) -> Self {
        let count = count.into();
        count.map_or(Self::Blank, |count| Self::Number(f64::from(count)))
    }

    fn moment(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Blank, Self::Moment)
    }
}

/// Header and width in characters.
type Column = (&'static str, f64);

const SUMMARY: [Column; 4] = [
    ("Part", 14.0),
    ("What", 34.0),
    ("Value", 40.0),
    ("Note", 60.0),
];
const CHANGES: [Column; 19] = [
    ("Person", 14.0),
    ("Kind", 12.0),
    ("Operation", 20.0),
    ("Status", 11.0),
    ("Note", 40.0),
    ("Reason", 40.0),
    ("Rule", 22.0),
    ("Row", 9.0),
    ("Due (UTC)", 19.0),
    ("At (UTC)", 19.0),
    ("Before", 40.0),
    ("After", 40.0),
    ("Manager", 14.0),
    ("Given or taken", 24.0),
    ("Entered (UTC)", 19.0),
    ("First seen (UTC)", 19.0),
    ("Late by seconds", 15.0),
    ("Late because of", 15.0),
    ("Request id", 38.0),
];
const SCHEDULED: [Column; 11] = [
    ("Person", 14.0),
    ("Kind", 12.0),
    ("Operation", 20.0),
    ("Due (UTC)", 19.0),
    ("Note", 40.0),
    ("Reason", 40.0),
    ("Rule", 22.0),
    ("Row", 9.0),
    ("Before", 40.0),
    ("After", 40.0),
    ("Given or taken", 24.0),
];
const HOLDS: [Column; 6] = [
    ("Guard", 22.0),
    ("Why", 60.0),
    ("Persons", 10.0),
    ("Operation", 20.0),
    ("Actions", 10.0),
    ("Approve with", 80.0),
];
const FINDINGS: [Column; 9] = [
    ("Severity", 10.0),
    ("Kind", 26.0),
    ("Worker", 14.0),
    ("Row", 9.0),
    ("Line", 9.0),
    ("Column", 20.0),
    ("What", 60.0),
    ("Who acts", 24.0),
    ("What to do", 80.0),
];
const LATENESS: [Column; 9] = [
    ("Person", 14.0),
    ("Status", 11.0),
    ("Disabled", 10.0),
    ("Due (UTC)", 19.0),
    ("Entered (UTC)", 19.0),
    ("First seen (UTC)", 19.0),
    ("At (UTC)", 19.0),
    ("Late by seconds", 15.0),
    ("Late because of", 15.0),
];

/// A workbook that is written sheet by sheet, row by row.
struct Book {
    workbook: Workbook,
    sheet_rows: usize,
    formats: Formats,
}

/// How cells of each type look.
struct Formats {
    header: Format,
    text: Format,
    number: Format,
    moment: Format,
}

impl Book {
    /// `made` is what the file says of its creation.
    fn new(made: Timestamp, sheet_rows: usize) -> Self {
        let mut workbook = Workbook::new();
        let made = made.to_zoned(TimeZone::UTC).datetime();
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
        let top = Format::new().set_align(FormatAlign::Top);
        Self {
            workbook,
            sheet_rows,
            formats: Formats {
                header: Format::new()
                    .set_bold()
                    .set_background_color(Color::RGB(0x00E7_ECF1))
                    .set_border_bottom(FormatBorder::Thin),
                // Somebody who edits a cell and leaves it again does not make a formula of it.
                text: top.clone().set_num_format("@").set_quote_prefix(),
                number: top.clone(),
                moment: top.set_num_format("yyyy-mm-dd hh:mm:ss"),
            },
        }
    }

    /// One table; what does not fit on its sheet goes on in `name 2`, `name 3` ...
    fn table<'a>(
        &mut self,
        name: &str,
        columns: &[Column],
        mut rows: impl Iterator<Item = Vec<Cell<'a>>>,
    ) -> Result<(), XlsxError> {
        let mut next = rows.next();
        let mut part = 1;
        loop {
            let sheet = self.workbook.add_worksheet_with_constant_memory()?;
            if part == 1 {
                sheet.set_name(name)?;
            } else {
                sheet.set_name(format!("{name} {part}"))?;
            }
            for (at, (title, width)) in (0_u16..).zip(columns) {
                sheet.set_column_width(at, *width)?;
                sheet.write_string_with_format(0, at, *title, &self.formats.header)?;
            }
            sheet.set_freeze_panes(1, 0)?;
            let mut row = 0;
            while let Some(cells) = next.take_if(|_| (row as usize) < self.sheet_rows) {
                row += 1;
                for (at, cell) in (0_u16..).zip(cells) {
                    self.formats.write(sheet, row, at, cell)?;
                }
                next = rows.next();
            }
            let last = u16::try_from(columns.len() - 1).expect("a table has a few columns");
            sheet.autofilter(0, 0, row, last)?;
            if next.is_none() {
                return Ok(());
            }
            part += 1;
        }
    }
}

impl Formats {
    fn write(
        &self,
        sheet: &mut Worksheet,
        row: u32,
        column: u16,
        cell: Cell<'_>,
    ) -> Result<(), XlsxError> {
        match cell {
            Cell::Blank => {}
            Cell::Text(text) => {
                sheet.write_string_with_format(row, column, fitting(&text), &self.text)?;
            }
            Cell::Number(number) => {
                sheet.write_number_with_format(row, column, number, &self.number)?;
            }
            Cell::Flag(flag) => {
                sheet.write_boolean(row, column, flag)?;
            }
            Cell::Moment(at) => {
                let civil = at.to_zoned(TimeZone::UTC).datetime();
                // Excel's calendar begins in 1900.
                if civil.year() < 1900 {
                    let text = at.to_string();
                    sheet.write_string_with_format(row, column, text, &self.text)?;
                } else {
                    sheet.write_datetime_with_format(row, column, civil, &self.moment)?;
                }
            }
        }
        Ok(())
    }
}

/// A text as one cell takes it: nothing in it is invisible, and one that is too long is cut and
/// says so.
fn fitting(text: &str) -> String {
    let mut shown = written_out(text);
    let units = |text: &str| text.encode_utf16().count();
    if shown.len() <= CELL_UNITS || units(&shown) <= CELL_UNITS {
        return shown;
    }
    let note = format!(" … [cut: {} characters in all]", text.chars().count());
    let mut room = CELL_UNITS - units(&note);
    let end = shown.char_indices().find(|(_, c)| {
        let fits = room.checked_sub(c.len_utf16());
        room = fits.unwrap_or(room);
        fits.is_none()
    });
    shown.truncate(end.map_or(shown.len(), |(at, _)| at));
    shown + &note
}

/// The name that something has in `report.json`.
fn name(of: &impl Serialize) -> Cell<'static> {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(name)) => Cell::Text(Cow::Owned(name)),
        other => unreachable!("a kind is written as its name, not as {other:?}"),
    }
}

fn summary(report: &Report) -> Vec<Vec<Cell<'_>>> {
    let mut rows = Vec::new();
    let mut row = |part, what, value, note| rows.push(vec![part, what, value, note]);
    let run = |what| (Cell::text("Run"), Cell::text(what));
    for (what, value) in [
        ("Run", Cell::text(report.run.as_str())),
        ("Kind", name(&report.kind)),
        ("Verdict", name(&report.verdict)),
        ("Planned for (UTC)", Cell::Moment(report.now)),
        ("Written (UTC)", Cell::Moment(report.finished)),
        ("Seconds of applying", Cell::Number(report.apply_seconds)),
        ("Plan", Cell::text(&report.plan_sha256)),
        ("Actions", Cell::text(&report.actions_sha256)),
        ("Log", Cell::maybe(report.head.as_deref())),
    ] {
        let (part, what) = run(what);
        row(part, what, value, Cell::Blank);
    }
    if let Some(it) = &report.intake {
        for (what, value) in [
            ("Source", Cell::text(&it.source)),
            ("File", Cell::text(&it.file)),
            ("SHA-256", Cell::text(&it.sha256)),
            ("Rows", Cell::count(it.rows)),
            ("As of (UTC)", Cell::Moment(it.as_of)),
        ] {
            row(Cell::text("Intake"), Cell::text(what), value, Cell::Blank);
        }
    }
    for it in &report.sources {
        let note = if it.stale { "older than allowed" } else { "" };
        let (part, what) = (Cell::text("Source"), Cell::text(&it.source));
        row(part, what, Cell::moment(it.as_of), Cell::text(note));
    }
    let c = &report.counts;
    for (what, count) in [
        ("Rows", c.rows),
        ("Workers", c.workers),
        ("Joiners", c.joiners),
        ("Movers", c.movers),
        ("Leavers", c.leavers),
        ("Rehires", c.rehires),
        ("Other updates", c.updates),
        ("Unchanged", c.unchanged),
        ("Rows held", c.held),
        ("Findings", c.findings),
    ] {
        let (part, what) = (Cell::text("Plan"), Cell::text(what));
        row(part, what, Cell::count(count), Cell::Blank);
    }
    let o = &report.outcomes;
    for (what, count, note) in [
        ("done", o.done, "written"),
        ("already", o.already, "was so already"),
        ("failed", o.failed, "the target refused"),
        ("stale", o.stale, "somebody changed it in between"),
        ("waiting", o.waiting, "comes back by itself"),
        ("held", o.held, "kept back by a guard"),
        ("unknown", o.unknown, "a person has to look"),
        ("open", o.open, "nothing is on record"),
    ] {
        let (part, what) = (Cell::text("Outcomes"), Cell::text(what));
        row(part, what, Cell::count(count), Cell::text(note));
    }
    let l = &report.lateness;
    for (what, value) in [
        ("Accounts disabled", f64::from(l.disabled)),
        ("Due and not disabled", f64::from(l.open)),
        ("HR's part is the larger one", f64::from(l.entered_late)),
        ("Seconds late, middle", l.p50_seconds),
        ("Seconds late, 95 of 100 below", l.p95_seconds),
        ("Seconds late, most", l.max_seconds),
        ("Seconds of ours, middle", l.ours_p50_seconds),
        ("Seconds of ours, 95 of 100 below", l.ours_p95_seconds),
        ("Seconds of ours, most", l.ours_max_seconds),
    ] {
        let (part, what) = (Cell::text("Lateness"), Cell::text(what));
        row(part, what, Cell::Number(value), Cell::Blank);
    }
    for it in &report.guards {
        let verdict = if it.tripped { "holds" } else { "lets through" };
        let note = format!("{verdict}; limit {}; {}", it.limit, it.why);
        let (part, what) = (Cell::text("Guard"), Cell::text(&it.name));
        row(
            part,
            what,
            Cell::Number(it.counted),
            Cell::Text(Cow::Owned(note)),
        );
    }
    for it in &report.seats {
        let (part, what) = (Cell::text("Seats given"), Cell::text(&it.licence));
        let note = match it.without {
            0 => String::new(),
            without => format!("{without} people found none"),
        };
        row(
            part,
            what,
            Cell::count(it.given),
            Cell::Text(Cow::Owned(note)),
        );
    }
    rows
}

fn change(it: &Change) -> Vec<Cell<'_>> {
    vec![
        Cell::text(it.person.as_str()),
        name(&it.delta),
        Cell::text(it.op.name()),
        Cell::text(&it.status),
        Cell::text(&it.note),
        Cell::text(&it.reason),
        Cell::text(&it.rule),
        Cell::count(it.row),
        Cell::moment(it.due),
        Cell::moment(it.at),
        values(&it.before),
        values(&it.after),
        Cell::maybe(it.manager.as_deref()),
        Cell::maybe(it.grant.as_deref()),
        Cell::moment(it.entered),
        Cell::moment(it.seen),
        seconds(it),
        Cell::maybe(
            it.lateness_cause
                .map(rollcall_core::report::LateCause::name),
        ),
        Cell::maybe(it.request_id.as_deref()),
    ]
}

fn later(it: &Change) -> Vec<Cell<'_>> {
    vec![
        Cell::text(it.person.as_str()),
        name(&it.delta),
        Cell::text(it.op.name()),
        Cell::moment(it.due),
        Cell::text(&it.note),
        Cell::text(&it.reason),
        Cell::text(&it.rule),
        Cell::count(it.row),
        values(&it.before),
        values(&it.after),
        Cell::maybe(it.manager.as_deref().or(it.grant.as_deref())),
    ]
}

/// One row for each operation that a guard keeps back; one row at least.
fn holds(it: &Hold) -> Vec<Vec<Cell<'_>>> {
    let row = |op, count| {
        vec![
            Cell::text(&it.by),
            Cell::text(&it.why),
            Cell::count(it.persons),
            Cell::maybe(op),
            Cell::count(count),
            Cell::text(&it.approve),
        ]
    };
    if it.ops.is_empty() {
        return vec![row(None, None)];
    }
    let ops = it.ops.iter();
    ops.map(|(op, count)| row(Some(op), Some(*count))).collect()
}

fn cut(it: &Change) -> Vec<Cell<'_>> {
    vec![
        Cell::text(it.person.as_str()),
        Cell::text(&it.status),
        Cell::Flag(it.lateness_seconds.is_some()),
        Cell::moment(it.due),
        Cell::moment(it.entered),
        Cell::moment(it.seen),
        Cell::moment(it.at),
        seconds(it),
        Cell::maybe(
            it.lateness_cause
                .map(rollcall_core::report::LateCause::name),
        ),
    ]
}

fn seconds(it: &Change) -> Cell<'static> {
    let late = it.lateness_seconds;
    late.map_or(Cell::Blank, |late| Cell::Number(late as f64))
}

/// One attribute a line, in order of name.
fn values(all: &Attributes) -> Cell<'static> {
    let mut out = String::new();
    for (name, value) in all {
        if !out.is_empty() {
            out.push('\n');
        }
        write!(out, "{name}: {}", plain(value)).expect("writing to a String cannot fail");
    }
    if out.is_empty() {
        Cell::Blank
    } else {
        Cell::Text(Cow::Owned(out))
    }
}

#[cfg(test)]
#[path = "workbook_tests.rs"]
mod tests;
