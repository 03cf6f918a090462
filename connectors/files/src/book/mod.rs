//! Workbooks: xlsx, xlsb, xls and ods become rows of cells, each with the place a user sees.
//!
//! It stands beside the text reader: the same file reader asks one or the other for rows. A cell
//! whose value is unknown (an error, a formula nobody calculated, the inside of a merged cell) is
//! never an empty one. Invariants: memory is bounded by [`Limits`] whatever a file claims to be,
//! nothing panics, and no message repeats what a cell holds.
//!
//! calamine, which tests compare with, is not used here: see
//! `docs/decisions/0033-workbooks-are-read-by-us.md`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of a file's elements most mean nothing to a reader of cells"
)]

mod cell;
mod choose;
mod held;
mod merged;
mod moment;
mod number;
mod ods;
mod ole;
mod package;
mod record;
mod sniff;
#[cfg(test)]
mod tests;
mod value;
mod xls;
mod xlsb;
mod xlsx;
mod xml;
mod zip;

use std::io::{Read, Seek};

use rollcall_core::model::{Finding, FindingKind, Place, Severity};

pub(crate) use self::cell::{Cell, Number, Row, letters};
pub(crate) use self::choose::Choose;
pub(crate) use self::sniff::{Kind, sniff};

use self::ods::Ods;
use self::xls::Xls;
use self::xlsb::Xlsb;
use self::xlsx::Xlsx;
use self::zip::Zip;
use crate::options::Limits;
use rollcall_source::{RefusalKind, Refused};

/// Rows of a sheet, in every format that is written today.
const ROWS_MAX: u32 = 1_048_576;
/// Ranges of hidden rows that a finding lists.
const HIDDEN_LISTED_MAX: usize = 1000;

/// One sheet of a workbook.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sheet {
    name: String,
    sight: Sight,
}

/// Whether a user sees a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    Visible,
    /// Can be shown again from a menu.
    Hidden,
    /// Can be shown again by a program only.
    VeryHidden,
}

/// What a workbook turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Detected {
    /// `xlsx`, `xlsb`, `xls` or `ods`.
    pub(crate) format: &'static str,
    /// The sheet that is read.
    pub(crate) sheet: String,
    /// `1900` or `1904`; of ods, where days are written out, none.
    pub(crate) date_system: Option<&'static str>,
    /// The first column with anything in it, from 0, of each of the first rows.
    begins: Vec<(u32, usize)>,
}

impl Detected {
    /// The first column with anything in it among the first rows, from this one on.
    pub(crate) fn first_column(&self, row: u32) -> Option<usize> {
        let from = self.begins.iter().filter(|(number, _)| *number >= row);
        from.map(|(_, column)| *column).min()
    }
}

/// The workbook of one format.
enum Source<R: Read + Seek> {
    Xlsx(Box<Xlsx<R>>),
    Xlsb(Box<Xlsb<R>>),
    Xls(Box<Xls<R>>),
    Ods(Box<Ods<R>>),
}

impl<R: Read + Seek> Source<R> {
    fn open(from: R, kind: Kind, limits: &Limits) -> Result<Self, Refused> {
        Ok(match kind {
            Kind::Text => return Err(damaged("it is no workbook")),
            Kind::Xlsx => Self::Xlsx(Box::new(Xlsx::open(Zip::open(from, limits)?, limits)?)),
            Kind::Xlsb => Self::Xlsb(Box::new(Xlsb::open(Zip::open(from, limits)?, limits)?)),
            Kind::Xls => Self::Xls(Box::new(Xls::open(from, limits)?)),
            Kind::Ods => Self::Ods(Box::new(Ods::open(Zip::open(from, limits)?, limits)?)),
        })
    }

    fn sheets(&self) -> &[Sheet] {
        match self {
            Self::Xlsx(book) => book.sheets(),
            Self::Xlsb(book) => book.sheets(),
            Self::Xls(book) => book.sheets(),
            Self::Ods(book) => book.sheets(),
        }
    }

    fn date_system(&self) -> Option<&'static str> {
        match self {
            Self::Xlsx(book) => Some(book.system().name()),
            Self::Xlsb(book) => Some(book.system().name()),
            Self::Xls(book) => Some(book.system().name()),
            Self::Ods(_) => None,
        }
    }

    /// Goes to the beginning of a sheet: to look at its top, or to read the whole.
    fn start(&mut self, sheet: usize, whole: bool, row: &mut Row) -> Result<(), Refused> {
        match self {
            Self::Xlsx(book) => book.start(sheet, whole, row),
            Self::Xlsb(book) => book.start(sheet, whole, row),
            Self::Xls(book) => book.start(sheet, row),
            Self::Ods(book) => book.start(sheet, row),
        }
    }

    fn next(&mut self, row: &mut Row) -> Result<bool, Refused> {
        match self {
            Self::Xlsx(book) => book.next(row),
            Self::Xlsb(book) => book.next(row),
            Self::Xls(book) => book.next(row),
            Self::Ods(book) => book.next(row),
        }
    }
}

/// One sheet of a workbook, row by row.
pub(crate) struct Book<R: Read + Seek> {
    source: Source<R>,
    row: Row,
    detected: Detected,
    findings: Vec<Finding>,
    limits: Limits,
    rows: u32,
    cells: u64,
    hidden: Hidden,
    fill: bool,
}

impl<R: Read + Seek> Book<R> {
    /// Opens a workbook of the kind that [`sniff`] told, and chooses a sheet.
    ///
    /// # Errors
    /// [`Refused`] when it is damaged, has a password or passes a bound, and when no sheet, or
    /// more than one, is what was asked for.
    pub(crate) fn open(
        from: R,
        kind: Kind,
        choose: &Choose<'_>,
        limits: &Limits,
    ) -> Result<Self, Refused> {
        let mut source = Source::open(from, kind, limits)?;
        let mut row = Row::default();
        let chosen = choose::choose(&mut source, choose, &mut row)?;
        source.start(chosen.sheet, true, &mut row)?;
        let detected = Detected {
            format: kind.name(),
            sheet: source.sheets()[chosen.sheet].name.clone(),
            date_system: source.date_system(),
            begins: chosen.begins,
        };
        Ok(Self {
            source,
            row,
            detected,
            findings: chosen.findings,
            limits: *limits,
            rows: 0,
            cells: 0,
            hidden: Hidden::default(),
            fill: false,
        })
    }

    /// What the workbook turned out to be.
    pub(crate) fn detected(&self) -> &Detected {
        &self.detected
    }

    /// How the sheet was chosen, and which ones were not looked at.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The next row with anything in it; hidden ones too. Empty rows are passed over.
    ///
    /// # Errors
    /// [`Refused`] when the sheet is damaged or passes a bound.
    pub(crate) fn next(&mut self) -> Result<Option<&Row>, Refused> {
        if !self.source.next(&mut self.row)? {
            return Ok(None);
        }
        self.rows += 1;
        if self.rows > self.limits.rows_max {
            let most = u64::from(self.limits.rows_max);
            return Err(too_large("the sheet", "rows", most));
        }
        self.cells += u64::from(self.row.filled());
        if self.cells > self.limits.cells_max {
            return Err(too_large("the sheet", "cells", self.limits.cells_max));
        }
        if self.row.hidden {
            self.hidden.add(self.row.number);
        }
        if self.fill {
            self.row.keep(&self.limits)?;
        }
        Ok(Some(&self.row))
    }

    /// The row that [`Book::next`] went to.
    pub(crate) fn row(&self) -> &Row {
        &self.row
    }

    /// Cells under a merged one have its value from now on, as the configuration says.
    pub(crate) fn fill(&mut self) {
        self.fill = true;
    }

    /// The rows so far are none of the table: nobody has to know that they are hidden.
    pub(crate) fn table_begins(&mut self) {
        self.hidden = Hidden::default();
    }

    /// What can be told only after the last row: which of them are hidden.
    pub(crate) fn hidden_rows(&self) -> Option<Finding> {
        self.hidden.finding()
    }
}

/// The hidden rows that were read.
#[derive(Debug, Default)]
struct Hidden {
    ranges: Vec<(u32, u32)>,
    rows: u32,
    first: Option<u32>,
}

impl Hidden {
    fn add(&mut self, row: u32) {
        self.rows += 1;
        self.first.get_or_insert(row);
        if let Some((_, last)) = self.ranges.last_mut()
            && *last + 1 == row
        {
            *last = row;
        } else if self.ranges.len() < HIDDEN_LISTED_MAX {
            self.ranges.push((row, row));
        }
    }

    fn finding(&self) -> Option<Finding> {
        self.first?;
        let listed: u32 = self.ranges.iter().map(|(from, to)| to - from + 1).sum();
        let list: Vec<String> = self
            .ranges
            .iter()
            .map(|(from, to)| {
                if from == to {
                    from.to_string()
                } else {
                    format!("{from}-{to}")
                }
            })
            .collect();
        let mut list = list.join(", ");
        if listed < self.rows {
            list = format!("{list} and {} more", self.rows - listed);
        }
        let note = format!(
            "{} hidden or filtered rows are read like the others: leaving them out would make \
             leavers",
            self.rows
        );
        let kind = FindingKind::HiddenRowsRead;
        Some(Finding::new(kind, Severity::Info, Place::default(), note).with("rows", list))
    }
}

/// What is odd about a cell, where it is mapped. `None`: nothing.
///
/// A value that is unknown holds the row: taking it for an empty one would clear what is there.
pub(crate) fn doubt(cell: &Cell<'_>, at: Place, column: usize, key: bool) -> Option<Finding> {
    let held = |kind, note: &str| Finding::new(kind, Severity::Held, at.clone(), note);
    match cell {
        Cell::Covered(area) => {
            let note = "the cell is covered by a merged cell; the file holds no value of its own \
                        here";
            let covers = area.to_string();
            let finding = held(FindingKind::MergedValue, note).with("covers", covers);
            Some(finding.with("why", note))
        }
        Cell::Error(name) => {
            let note = format!("{name}: the value is unknown, which is not the same as empty");
            Some(held(FindingKind::CellError, &note).with("value", *name))
        }
        Cell::Uncalculated => {
            let note = "a formula that was never calculated: open the workbook in the program it \
                        is for, and save it";
            let finding = held(FindingKind::FormulaWithoutValue, note);
            Some(match at.row {
                Some(row) => finding.with("cell", format!("{}{row}", letters(column))),
                None => finding,
            })
        }
        // A key of that many digits is not believed, however round it looks.
        Cell::Number(number) if number.lost || (key && number.text.len() > number::DIGITS) => {
            let severity = if key { Severity::Held } else { Severity::Info };
            let note = format!(
                "a number of more than 15 digits ({} here): a spreadsheet does not keep the last \
                 ones; export the column as text",
                number.text.len()
            );
            let kind = FindingKind::PrecisionLost;
            Some(Finding::new(kind, severity, at, note))
        }
        Cell::Number(Number {
            text,
            shown: Some(shown),
            ..
        }) if key => {
            let note = format!(
                "the key is a number of {} digits that the sheet shows with {} characters; it is \
                 taken as it is stored, not as it is shown",
                text.len(),
                shown.chars().count()
            );
            let kind = FindingKind::KeyFromNumber;
            Some(Finding::new(kind, Severity::Info, at, note))
        }
        Cell::Empty
        | Cell::Text(_)
        | Cell::Number(_)
        | Cell::Boolean(_)
        | Cell::Day(_)
        | Cell::Moment(_)
        | Cell::Duration(_)
        | Cell::NoDay(_) => None,
    }
}

/// A workbook that its own program could not read either.
fn damaged(what: &str) -> Refused {
    Refused::new(
        RefusalKind::Unreadable,
        format!("the workbook is damaged: {what}"),
        "open it in the program that wrote it, save it anew, and deliver it again",
    )
}

fn too_large(what: &str, of: &str, most: u64) -> Refused {
    Refused::new(
        RefusalKind::TooLarge,
        format!("{what} is beyond the limit of {most} {of}"),
        "is this the right file?",
    )
}

fn password(format: &'static str) -> Refused {
    Refused::new(
        RefusalKind::PasswordProtected,
        "the workbook is encrypted: it opens with a password only",
        "deliver it without one; protect the way it takes instead",
    )
    .found(format)
}

/// An error of the medium, or what a part refused while it was read.
fn io(error: &std::io::Error) -> Refused {
    let refused = error.get_ref().and_then(|e| e.downcast_ref::<Refused>());
    refused.cloned().unwrap_or_else(|| Refused::io(error))
}

fn at_row(mut refused: Refused, row: u32) -> Refused {
    refused.row = Some(row);
    refused
}

/// A name from the file in a message: short, on one line.
fn quoted(name: &str) -> String {
    const SHOWN_MAX: usize = 64;
    let mut shown: String = name
        .chars()
        .take(SHOWN_MAX)
        .map(|c| if c.is_control() || c == '`' { '?' } else { c })
        .collect();
    if name.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}
