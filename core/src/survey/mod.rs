//! What an export looks like before anything is configured: its columns, what is suspicious about them, and which of
//! them are most likely what.
//!
//! It stands before the pipeline: `rollcall profile` shows a [`Survey`] and a [`Proposal`] to people, `rollcall init
//! --from` writes the proposal down. (What a delivery looks like beside the last one is [`crate::profile`].)
//! Invariant: one pass; memory is bounded by the number of columns; values leave it only from columns that are code
//! lists.

mod choosing;
mod column;
mod config_text;
mod counting;
mod days;
mod doubts;
mod fits;
mod header;
mod kinds;
mod mapping_text;
mod names;
mod propose;
mod sketch;
mod toml_text;
mod words;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

pub use column::{CODES_MAX, Code, Column, Kind, Shape};
pub use config_text::HowRead;
pub use days::Days;
pub use doubts::{Doubt, DoubtKind};
pub use header::{Known, header_row, known_key, known_names};
pub use names::Part;
pub use propose::{Choice, Confidence, FooterFound, Proposal, StatusWords, propose};

use counting::{Counting, MayShow};
use days::Order;
use sketch::Repeats;

/// Distinct values that are counted exactly in each of so many columns; with more columns, fewer.
const DISTINCT_ALL: usize = 1 << 20;
const DISTINCT_MAX: usize = 4096;
/// Columns of which repeated values are counted exactly.
const KEYS_MAX: usize = 2;
/// Rows at the end in which a footer is looked for.
const TAIL: usize = 16;

/// What stands in a cell.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// As it is handed on: trimmed.
    pub text: Cow<'a, str>,
    /// As it is written.
    pub raw: &'a str,
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(raw: &'a str) -> Self {
        Self {
            text: Cow::Borrowed(raw.trim()),
            raw,
        }
    }
}

/// Looks at rows as they come by.
#[derive(Debug)]
pub struct Surveyor {
    header: Vec<String>,
    rows: u64,
    ragged: u64,
    columns: Vec<Counting>,
    repeats: Repeats,
    tail: header::Tail,
}

/// What a table came to.
#[derive(Debug, Clone, Serialize)]
pub struct Survey {
    /// Rows, those whose fields do not fit the header included.
    pub rows: u64,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// What is odd about the table.
    pub doubts: Vec<Doubt>,
    /// Rows behind the last worker, where there seem to be any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<FooterFound>,
}

impl Surveyor {
    /// For a table with this header.
    pub fn new(header: &[String]) -> Self {
        let distinct = (DISTINCT_ALL / header.len().max(1)).clamp(256, DISTINCT_MAX);
        let keys = names::likely(header, Part::Key, KEYS_MAX);
        let columns = header.iter().enumerate();
        let columns = columns.map(|(at, name)| Counting::new(name, distinct, keys.contains(&at)));
        Self {
            header: header.to_vec(),
            rows: 0,
            ragged: 0,
            columns: columns.collect(),
            repeats: Repeats::default(),
            tail: header::Tail::new(TAIL),
        }
    }

    /// One row: a cell for each column of the header.
    pub fn row<'a>(&mut self, cells: impl Iterator<Item = Cell<'a>>) {
        self.rows += 1;
        let mut print = 0;
        self.tail.begin();
        for (at, (column, cell)) in self.columns.iter_mut().zip(cells).enumerate() {
            let hash = xxh3_64(cell.text.as_bytes());
            print = xxh3_64_with_seed(&hash.to_le_bytes(), print);
            column.add(&cell, hash);
            self.tail.cell(at, &cell.text);
        }
        self.repeats.add(print);
    }

    /// A row whose fields do not fit the header: nobody knows which value is which.
    pub fn ragged(&mut self) {
        self.rows += 1;
        self.ragged += 1;
    }

    /// What it came to.
    pub fn finish(self) -> Survey {
        let mut proven: BTreeMap<u8, Option<Order>> = BTreeMap::new();
        for (between, order) in self.columns.iter().flat_map(|it| it.days.proven()) {
            let known = proven.entry(between).or_insert(Some(order));
            if *known != Some(order) {
                *known = None;
            }
        }
        let others = |between: u8| proven.get(&between).copied().flatten();
        let rows = self.rows;
        let show = self.header.iter().map(|name| may_show(name));
        let columns: Vec<Column> = self
            .columns
            .into_iter()
            .zip(show)
            .map(|(column, show)| column.finish(rows - self.ragged, &others, show))
            .collect();
        let mut doubts = header::doubts(&self.header);
        let (again, _, all) = self.repeats.counted();
        if again > 0 {
            let some = if all {
                ""
            } else {
                " (of those that were compared)"
            };
            doubts.push(Doubt {
                kind: DoubtKind::RowsRepeat,
                rows: again,
                note: format!("the same in every column as an earlier row{some}"),
            });
        }
        if self.ragged > 0 {
            doubts.push(Doubt {
                kind: DoubtKind::Ragged,
                rows: self.ragged,
                note: "more or fewer fields than the header; they are held".to_owned(),
            });
        }
        let footer = self.tail.footer(rows);
        if let Some(found) = &footer {
            doubts.push(Doubt {
                kind: DoubtKind::Footer,
                rows: found.rows,
                note: "behind the last worker: totals, or what people write below".to_owned(),
            });
        }
        if header::has_marks(&self.header, &columns) {
            doubts.push(Doubt {
                kind: DoubtKind::RecordMarks,
                rows,
                note: "each row begins with what it is (H, D, T); say `record_types` with the names of the columns"
                    .to_owned(),
            });
        }
        Survey {
            rows,
            columns,
            doubts,
            footer,
        }
    }
}

/// Whether the values of a column of this name may be given out.
fn may_show(name: &str) -> MayShow {
    let Some(known) = names::best(name) else {
        return MayShow::IfRepeated;
    };
    match known.part {
        Part::Status
        | Part::EmployeeType
        | Part::Country
        | Part::TimeZone
        | Part::CompanyName
        | Part::PreferredLanguage => MayShow::Codes,
        Part::Department
        | Part::JobTitle
        | Part::OfficeLocation
        | Part::Division
        | Part::CostCenter
        | Part::City
        | Part::State => MayShow::IfRepeated,
        Part::Key
        | Part::Manager
        | Part::HireDate
        | Part::LastDay
        | Part::TerminationDate
        | Part::Person
        | Part::GivenName
        | Part::Surname
        | Part::DisplayName
        | Part::StreetAddress
        | Part::PostalCode
        | Part::MobilePhone
        | Part::BusinessPhones
        | Part::FaxNumber
        | Part::Email
        | Part::Login
        | Part::Private => MayShow::Never,
    }
}
