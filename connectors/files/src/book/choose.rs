//! Which sheet of a workbook is read.

use std::io::{Read, Seek};

use rollcall_core::model::{Finding, FindingKind, Place, Severity};

use super::cell::{Cell, Row};
use super::{Refused, Sheet, Sight, Source, damaged, quoted, too_large};
use rollcall_source::RefusalKind;
use rollcall_source::clean_name;

/// Rows of a sheet that are looked at for the names of columns.
const TOP_ROWS: usize = 64;
/// Visible sheets that are looked at, and sheets that a finding is made of.
const SHEETS_MAX: usize = 255;

/// Which sheet is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choose<'a> {
    /// The one with this name, also a hidden one.
    Named(&'a str),
    /// The only visible one with a row near its top that has all of these names, else the only
    /// visible one with anything in it.
    Having(&'a [String]),
    /// The only visible one with a row near its top that has all of these names, where there is one;
    /// else as if no names were wanted.
    Likely(&'a [String]),
}

/// What was chosen.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) sheet: usize,
    /// The first column of each row near its top.
    pub(super) begins: Vec<(u32, usize)>,
    pub(super) findings: Vec<Finding>,
}

/// What the top of a sheet shows.
#[derive(Debug, Clone, Default)]
struct Top {
    /// The first column of each row.
    begins: Vec<(u32, usize)>,
    /// One row has all of the names.
    named: bool,
    /// One row has one of them.
    related: bool,
    /// What stands in the widest row, as names of columns; where no names are wanted.
    widest: Vec<String>,
}

fn top<R: Read + Seek>(
    source: &mut Source<R>,
    sheet: usize,
    names: &[String],
    row: &mut Row,
) -> Result<Top, Refused> {
    source.start(sheet, false, row)?;
    let mut top = Top::default();
    for _ in 0..TOP_ROWS {
        if !source.next(row)? {
            break;
        }
        top.begins.extend(row.first().map(|at| (row.number(), at)));
        if !top.named {
            let there: Vec<String> = row
                .cells()
                .filter_map(|cell| match cell {
                    Cell::Text(text) => Some(clean_name(text)),
                    _ => None,
                })
                .collect();
            if names.is_empty() {
                if there.len() > top.widest.len() {
                    top.widest = there;
                }
                continue;
            }
            top.named = names.iter().all(|name| there.contains(name));
            top.related |= names.iter().any(|name| there.contains(name));
        }
    }
    Ok(top)
}

pub(super) fn choose<R: Read + Seek>(
    source: &mut Source<R>,
    choose: &Choose<'_>,
    row: &mut Row,
) -> Result<Chosen, Refused> {
    let sheets = source.sheets().to_vec();
    if sheets.is_empty() {
        return Err(damaged("it has no sheet with cells"));
    }
    match choose {
        Choose::Named(name) => {
            let mut same = (0..sheets.len()).filter(|at| sheets[*at].name == *name);
            let (Some(sheet), None) = (same.next(), same.next()) else {
                let message = format!(
                    "no sheet is named {}; there are {}",
                    quoted(name),
                    list(&sheets, |_| true)
                );
                return Err(refused(&message));
            };
            let top = top(source, sheet, &[], row)?;
            let mut findings = Vec::new();
            ignored(source, &sheets, sheet, &[], row, &mut findings)?;
            Ok(Chosen {
                sheet,
                begins: top.begins,
                findings,
            })
        }
        Choose::Having(names) => having(source, &sheets, names, row),
        Choose::Likely(names) => {
            let mut named = 0;
            for (at, sheet) in sheets.iter().enumerate().take(SHEETS_MAX) {
                if sheet.sight == Sight::Visible && !names.is_empty() && named < 2 {
                    named += usize::from(top(source, at, names, row)?.named);
                }
            }
            let names: &[String] = if named == 1 { names } else { &[] };
            having(source, &sheets, names, row)
        }
    }
}

fn having<R: Read + Seek>(
    source: &mut Source<R>,
    sheets: &[Sheet],
    names: &[String],
    row: &mut Row,
) -> Result<Chosen, Refused> {
    let visible: Vec<usize> = (0..sheets.len())
        .filter(|at| sheets[*at].sight == Sight::Visible)
        .collect();
    if visible.len() > SHEETS_MAX {
        return Err(too_large("the workbook", "sheets", SHEETS_MAX as u64));
    }
    let mut tops = Vec::new();
    for sheet in &visible {
        tops.push((*sheet, top(source, *sheet, names, row)?));
    }
    let named: Vec<_> = tops.iter().filter(|(_, top)| top.named).collect();
    let filled: Vec<_> = tops
        .iter()
        .filter(|(_, top)| !top.begins.is_empty())
        .collect();
    let widest = filled.iter().map(|(_, top)| top.widest.len()).max();
    let tables: Vec<_> = filled
        .iter()
        .filter(|(_, top)| widest.is_some_and(|most| most > 1 && top.widest.len() == most))
        .collect();
    let ((sheet, top), why) = match (named.as_slice(), filled.as_slice(), tables.as_slice()) {
        ([only], ..) => (
            (*only).clone(),
            "only visible sheet with the mapped columns",
        ),
        ([], [only], _) => ((*only).clone(), "only visible sheet with anything in it"),
        ([], _, [only]) if names.is_empty() => {
            ((**only).clone(), "widest table among the visible sheets")
        }
        ([], [], _) => {
            let there = list(sheets, |_| true);
            return Err(Refused::new(
                RefusalKind::Empty,
                format!("no visible sheet has anything in it; there are {there}"),
                "an export without anybody is not believed; have it written anew, or name the \
                 sheet",
            ));
        }
        ([], several, _) if !names.is_empty() => {
            let among = |at: usize| several.iter().any(|(sheet, _)| *sheet == at);
            let there = list(sheets, among);
            let what = "no visible sheet has the mapped columns; there are";
            return Err(refused(&format!("{what} {there}")));
        }
        ([], several, _) => return Err(ambiguous(sheets, several, "may be the one")),
        (several, ..) => return Err(ambiguous(sheets, several, "have the mapped columns")),
    };
    let mut findings = Vec::new();
    if visible.len() > 1 {
        let name = &sheets[sheet].name;
        let note = format!("sheet {} is read: {why}", quoted(name));
        let finding = Finding::new(
            FindingKind::SheetChosen,
            Severity::Info,
            Place::default(),
            note,
        );
        findings.push(finding.with("value", name).with("why", why));
    }
    let names = if names.is_empty() { &top.widest } else { names };
    ignored(source, sheets, sheet, names, row, &mut findings)?;
    Ok(Chosen {
        sheet,
        begins: top.begins,
        findings,
    })
}

/// Tells the hidden sheets that somebody may have meant: those with a mapped column.
fn ignored<R: Read + Seek>(
    source: &mut Source<R>,
    sheets: &[Sheet],
    chosen: usize,
    names: &[String],
    row: &mut Row,
    findings: &mut Vec<Finding>,
) -> Result<(), Refused> {
    let hidden = |at: &usize| *at != chosen && sheets[*at].sight != Sight::Visible;
    for at in (0..sheets.len()).filter(hidden).take(SHEETS_MAX) {
        if !names.is_empty() && !top(source, at, names, row)?.related {
            continue;
        }
        let name = &sheets[at].name;
        let finding = Finding::new(
            FindingKind::HiddenSheetIgnored,
            Severity::Info,
            Place::default(),
            format!("hidden sheet {} is not read", quoted(name)),
        );
        findings.push(finding.with("value", name));
    }
    Ok(())
}

fn refused(message: &str) -> Refused {
    let hint = "name the sheet in the configuration";
    Refused::new(RefusalKind::WrongHeader, message, hint)
}

/// Nobody says which of them is meant.
fn ambiguous(sheets: &[Sheet], several: &[&(usize, Top)], what: &str) -> Refused {
    let among = |at: usize| several.iter().any(|(sheet, _)| *sheet == at);
    let there = list(sheets, among);
    let message = format!("several visible sheets {what}: {there}");
    Refused {
        kind: RefusalKind::SheetAmbiguous,
        ..refused(&message)
    }
}

/// Names of sheets for a message.
fn list(sheets: &[Sheet], among: impl Fn(usize) -> bool) -> String {
    const LISTED_MAX: usize = 20;
    let names: Vec<String> = (0..sheets.len())
        .filter(|at| among(*at))
        .map(|at| {
            let hidden = match sheets[at].sight {
                Sight::Visible => "",
                Sight::Hidden | Sight::VeryHidden => " (hidden)",
            };
            format!("{}{hidden}", quoted(&sheets[at].name))
        })
        .collect();
    let more = names.len().saturating_sub(LISTED_MAX);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 {
        format!("{shown} and {more} more")
    } else {
        shown
    }
}
