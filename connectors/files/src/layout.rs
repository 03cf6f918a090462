//! Where the table stands in a text: its delimiter, its header, and what stands above it.
//!
//! Invariant: nothing is decided from a value; the names that are wanted decide, and without any the first row is the
//! header.

use std::collections::BTreeMap;

use csv::ByteRecord;

use crate::options::{HeaderAt, Options};
use rollcall_source::clean_name;
use rollcall_source::{RefusalKind, Refused};

/// So many rows at the front are looked through for the header.
pub(crate) const ROWS: usize = 64;

/// Where the table begins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    pub(crate) delimiter: u8,
    /// Bytes before the header.
    pub(crate) byte: u64,
    /// The header's line, and its row as a spreadsheet counts; from 1.
    pub(crate) line: u32,
    pub(crate) row: u32,
    /// How many cells it has.
    pub(crate) fields: usize,
    /// Rows above it.
    pub(crate) preamble: Vec<u32>,
    /// The first of those that has as much in it as the header.
    pub(crate) crowded: Option<u32>,
    /// How many of the names that are wanted it has.
    wanted: usize,
}

impl Layout {
    /// The delimiter under which most of the wanted names stand in one row; of equals the more frequent one.
    pub(crate) fn find(
        head: &[u8],
        options: &Options,
        delimiter: Option<u8>,
        terminator: csv::Terminator,
    ) -> Self {
        if let Some(delimiter) = delimiter {
            return Self::under(head, options, delimiter, terminator);
        }
        let candidates = [b'^', b'|', b'\t', b';', b','];
        let found = candidates.map(|it| Self::under(head, options, it, terminator));
        let best = found.into_iter().max_by_key(|it| (it.wanted, it.fields));
        best.unwrap_or_default()
    }

    fn under(head: &[u8], options: &Options, delimiter: u8, terminator: csv::Terminator) -> Self {
        let mut csv = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .terminator(terminator)
            .has_headers(false)
            .flexible(true)
            .from_reader(head);
        let mut record = ByteRecord::new();
        let (mut best, mut rows) = (None::<Self>, Vec::<(u32, usize)>::new());
        let mut extra = 0;
        for _ in 0..ROWS {
            let at = csv.position().clone();
            // A head that ends within a row has seen enough.
            if !csv.read_byte_record(&mut record).unwrap_or(false) {
                break;
            }
            let line = u32::try_from(at.line()).unwrap_or(u32::MAX);
            let row = line - extra;
            let newlines = record
                .as_slice()
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            extra += u32::try_from(newlines).unwrap_or(0);
            let blank = record.as_slice().trim_ascii().is_empty();
            let wanted = match options.header {
                HeaderAt::Row(wanted) => usize::from(wanted == row),
                HeaderAt::Found => names_of(&record, &options.required),
                HeaderAt::Nowhere => 0,
            };
            let first = best.is_none() && !blank;
            if first || best.as_ref().is_some_and(|it| wanted > it.wanted) {
                best = Some(Self {
                    delimiter,
                    byte: at.byte(),
                    line,
                    row,
                    fields: record.len(),
                    preamble: rows.iter().map(|it| it.0).collect(),
                    crowded: rows
                        .iter()
                        .find(|it| looks_like_a_worker(it.1, record.len()))
                        .map(|it| it.0),
                    wanted,
                });
            }
            rows.push((row, filled(&record)));
        }
        let mut found = best.unwrap_or(Self {
            delimiter,
            line: 1,
            row: 1,
            ..Self::default()
        });
        if found.wanted == 0 {
            // Blank lines above a table of which nothing is known are no preamble.
            found.preamble.clear();
        }
        found
    }
}

/// Cells with anything in them.
pub(crate) fn filled(record: &ByteRecord) -> usize {
    let has = |cell: &&[u8]| !cell.trim_ascii().is_empty();
    record.iter().filter(has).count()
}

/// Whether a row outside of the table has as much in it as a row of it: somebody may stand there.
pub(crate) fn looks_like_a_worker(filled: usize, columns: usize) -> bool {
    columns >= 3 && filled + 1 >= columns
}

fn names_of(record: &ByteRecord, wanted: &[String]) -> usize {
    let names = record
        .iter()
        .filter_map(|name| std::str::from_utf8(name).ok());
    names
        .filter(|name| wanted.contains(&clean_name(name)))
        .count()
}

/// The names in a header.
pub(crate) fn names(record: &ByteRecord) -> Result<Vec<String>, Refused> {
    let name = |(at, raw): (usize, &[u8])| match std::str::from_utf8(raw) {
        // A line end of two characters is no part of the last name.
        Ok(name) if at + 1 == record.len() => Ok(name.trim_end_matches('\r').to_owned()),
        Ok(name) => Ok(name.to_owned()),
        Err(_) => {
            let message = format!("the name of column {} is not UTF-8", at + 1);
            Err(Refused::new(
                RefusalKind::NotUtf8,
                message,
                "export as UTF-8",
            ))
        }
    };
    record.iter().enumerate().map(name).collect()
}

/// What the rows of a file are whose first value says that.
#[derive(Debug, Clone)]
pub(crate) struct Roles {
    columns: BTreeMap<String, Vec<String>>,
    /// The mark of rows that are workers.
    detail: String,
}

/// What one row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Worker,
    /// Says how many workers there are, in this column.
    Trailer(usize),
    /// Says something of the file.
    Head,
    /// Nobody said what.
    Strange,
}

impl Roles {
    /// Workers are the rows that have the columns which are wanted; without any, those with the mark `D`.
    pub(crate) fn of(columns: &BTreeMap<String, Vec<String>>, options: &Options) -> Self {
        let wanted = |names: &[String]| {
            let all = options.required.iter().chain([&options.key]);
            all.filter(|it| names.contains(it)).count()
        };
        let most = columns
            .iter()
            .max_by_key(|(mark, names)| (wanted(names), *mark == "D"));
        Self {
            detail: most.map(|it| it.0.clone()).unwrap_or_default(),
            columns: columns.clone(),
        }
    }

    /// Columns of workers; the mark is none of them.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.columns.get(&self.detail).into_iter().flatten();
        names.skip(1).cloned().collect()
    }

    /// Whether a row of them says how many workers there are.
    pub(crate) fn count(&self) -> bool {
        let mut others = self
            .columns
            .iter()
            .filter(|(mark, _)| **mark != self.detail);
        others.any(|(_, names)| names.iter().any(|name| name.eq_ignore_ascii_case("count")))
    }

    pub(crate) fn role(&self, record: &ByteRecord) -> Role {
        let mark = record.get(0).and_then(|it| std::str::from_utf8(it).ok());
        let mark = mark.unwrap_or_default().trim();
        if mark == self.detail {
            return Role::Worker;
        }
        let Some(names) = self.columns.get(mark) else {
            return Role::Strange;
        };
        let counts = |name: &String| name.eq_ignore_ascii_case("count");
        names
            .iter()
            .position(counts)
            .map_or(Role::Head, Role::Trailer)
    }

    /// What a row says under a name, whatever its mark.
    pub(crate) fn value<'a>(&self, record: &'a ByteRecord, name: &str) -> Option<&'a str> {
        let mark = std::str::from_utf8(record.get(0)?).ok()?.trim();
        let names = self.columns.get(mark)?;
        let at = names.iter().position(|it| it.eq_ignore_ascii_case(name))?;
        Some(std::str::from_utf8(record.get(at)?).ok()?.trim())
    }
}
