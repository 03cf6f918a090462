//! Where the table stands in a text: its delimiter, its header, and what stands above it.
//!
//! Invariant: nothing is decided from a value; the names that are wanted decide, and without any the first row is the
//! header.

use std::collections::BTreeMap;

use crate::options::{HeaderAt, Options};
use crate::records::{ByteRecord, Records, Stand};
use rollcall_source::{RefusalKind, Refused};
use rollcall_source::{clean, clean_name};

/// So many rows at the front are looked through for the header.
pub(crate) const ROWS: usize = 64;

/// What may stand between cells, where nobody says it; of equals the later one, as people write it less in values.
const DELIMITERS: [u8; 5] = [b',', b';', b'\t', b'|', b'^'];

/// Where the table begins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    pub(crate) delimiter: u8,
    /// Bytes before the header.
    pub(crate) byte: u64,
    /// The header's line, and its row as a spreadsheet counts; from 1.
    pub(crate) line: u64,
    pub(crate) row: u32,
    /// How many cells it has.
    pub(crate) fields: usize,
    /// Rows above it.
    pub(crate) preamble: Vec<u32>,
    /// The first of those that somebody may stand in.
    pub(crate) crowded: Option<u32>,
    /// It is where it was said or has names that are wanted.
    pub(crate) is_there: bool,
    /// Rows of workers have one delimiter more than it, at their end.
    pub(crate) trailing: bool,
    /// How much speaks for it: names that are wanted, rows of as many cells, delimiters without a space behind them.
    weight: (usize, bool, bool, usize),
}

/// A row at the front.
struct Front {
    stand: Stand,
    record: ByteRecord,
}

impl Layout {
    /// The delimiter under which most of the wanted names stand in one row; else the one under which the first rows
    /// have as many cells as the header.
    pub(crate) fn find(
        head: &[u8],
        options: &Options,
        delimiter: Option<u8>,
        first: (u32, u64),
    ) -> Self {
        if let Some(delimiter) = delimiter {
            return Self::under(head, options, delimiter, first);
        }
        let found = DELIMITERS.map(|it| Self::under(head, options, it, first));
        let best = found.into_iter().reduce(|best, next| {
            let better = next.weight > best.weight;
            let equal = next.weight == best.weight && next.fields > 1;
            if better || equal { next } else { best }
        });
        best.unwrap_or_default()
    }

    fn under(head: &[u8], options: &Options, delimiter: u8, first: (u32, u64)) -> Self {
        let rows = front(head, options, delimiter, first);
        let wanted = |it: &Front| match options.header {
            HeaderAt::Row(wanted) => usize::from(wanted == it.stand.row),
            HeaderAt::Found => names_of(&it.record, options),
            HeaderAt::Nowhere => 0,
        };
        let mut best = None::<(usize, usize)>;
        for (at, row) in rows.iter().enumerate() {
            let wanted = wanted(row);
            let is_first = best.is_none() && !is_blank(&row.record);
            if is_first || best.is_some_and(|it| wanted > it.1) {
                best = Some((at, wanted));
            }
        }
        let Some((at, wanted)) = best else {
            return Self {
                delimiter,
                row: first.0,
                line: first.1,
                ..Self::default()
            };
        };
        let Front { stand, record } = &rows[at];
        let (above, below) = (&rows[..at], &rows[at + 1..]);
        let fields = record.len();
        let mut found = Self {
            delimiter,
            byte: stand.byte,
            line: stand.line,
            row: stand.row,
            fields,
            is_there: wanted > 0,
            trailing: is_trailing(below, fields),
            ..Self::default()
        };
        // Blank lines above a table of which nothing is known are no preamble.
        if wanted > 0 {
            let rows = above.iter().chain([&rows[at]]);
            let all = rows.flat_map(|it| it.stand.row - it.stand.blank..=it.stand.row);
            found.preamble = all.filter(|row| *row < stand.row).take(ROWS).collect();
            found.crowded = crowded(above, record, below, options);
        }
        let table = || below.iter().filter(|it| !is_blank(&it.record));
        let even = |it: &&Front| width(&it.record, fields) == fields;
        let is_even = fields > 1 && table().filter(even).count() * 10 >= table().count() * 9;
        let is_tight = fields > 1 && !table().chain([&rows[at]]).all(|it| is_spaced(&it.record));
        found.weight = (wanted, is_even, is_tight, fields);
        found
    }
}

/// The rows at the front of a text. One that a head ends in counts as far as it goes.
fn front(head: &[u8], options: &Options, delimiter: u8, first: (u32, u64)) -> Vec<Front> {
    let most = match options.header {
        HeaderAt::Row(row) => ROWS.max(usize::try_from(row).unwrap_or(usize::MAX)),
        HeaderAt::Found | HeaderAt::Nowhere => ROWS,
    };
    let mut records = Records::new(head, delimiter, first, usize::MAX);
    let mut rows = Vec::new();
    let mut record = ByteRecord::new();
    while rows.len() < most
        && let Ok(Some(stand)) = records.read(&mut record)
    {
        let record = std::mem::take(&mut record);
        rows.push(Front { stand, record });
    }
    rows
}

fn is_blank(record: &ByteRecord) -> bool {
    record.as_slice().trim_ascii().is_empty()
}

/// How many cells a row has in a table of so many columns: one delimiter more, at its end, is none.
fn width(record: &ByteRecord, columns: usize) -> usize {
    let empty = |at| {
        record
            .get(at)
            .is_some_and(|it: &[u8]| it.trim_ascii().is_empty())
    };
    match record.len() {
        more if more == columns + 1 && empty(columns) => columns,
        more => more,
    }
}

/// Whether the rows below a header end in one delimiter more than it. One row among others that do not may have been
/// shifted by a delimiter in a value: it does not count.
fn is_trailing(below: &[Front], columns: usize) -> bool {
    let rows = || below.iter().map(|it| &it.record);
    let more = |it: &&ByteRecord| it.len() == columns + 1 && width(it, columns) == columns;
    let more = rows().filter(more).count();
    let exact = |it: &&ByteRecord| it.len() == columns && filled(it) * 2 > columns;
    more >= 2 && rows().filter(exact).count() * 9 <= more
}

/// Every delimiter of a row has a space behind it, as in prose.
fn is_spaced(record: &ByteRecord) -> bool {
    record.iter().skip(1).all(|it| it.starts_with(b" "))
}

/// The first row above a header that somebody may stand in: it has as much in it as a worker's, and something that
/// looks like the first worker's key where that has its key.
fn crowded(
    above: &[Front],
    header: &ByteRecord,
    below: &[Front],
    options: &Options,
) -> Option<u32> {
    let name = |it: &[u8]| std::str::from_utf8(it).is_ok_and(|it| clean_name(it) == options.key);
    let key = header.iter().position(name).unwrap_or(0);
    let text = |it: &Front| {
        let bytes = it.record.get(key).unwrap_or_default();
        clean(&String::from_utf8_lossy(bytes)).into_owned()
    };
    let worker = below.iter().find(|it| !is_blank(&it.record)).map(text);
    let has_digit = |it: &str| it.bytes().any(|byte| byte.is_ascii_digit());
    let alike = |it: &Front| match &worker {
        Some(worker) => has_digit(&text(it)) == has_digit(worker),
        None => true,
    };
    let full = |it: &Front| looks_like_a_worker(filled(&it.record), header.len());
    let row = above.iter().find(|it| full(it) && alike(it));
    row.map(|it| it.stand.row)
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

/// How many of the names that are wanted, or of which more is said, stand in a row.
fn names_of(record: &ByteRecord, options: &Options) -> usize {
    let names = record
        .iter()
        .filter_map(|name| std::str::from_utf8(name).ok());
    let wanted = |name: &String| {
        options.required.contains(name)
            || options.typed.contains_key(name)
            || *name == options.key && !name.is_empty()
    };
    names.map(clean_name).filter(wanted).count()
}

/// The names in a header.
pub(crate) fn names(record: &ByteRecord) -> Result<Vec<String>, Refused> {
    let name = |(at, raw): (usize, &[u8])| {
        let name = std::str::from_utf8(raw).map(str::to_owned);
        name.map_err(|_| {
            let message = format!("the name of column {} is not UTF-8", at + 1);
            Refused::new(RefusalKind::NotUtf8, message, "export as UTF-8")
        })
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
    /// Says something of the file; in this column, how many workers there are.
    OfFile(Option<usize>),
    /// Nobody said what.
    Strange,
}

impl Roles {
    /// Workers are the rows that have the columns which are wanted; without any, those with the mark `D`; else those
    /// with most columns, of which none says something of the file.
    pub(crate) fn of(columns: &BTreeMap<String, Vec<String>>, options: &Options) -> Self {
        let wanted = |names: &[String]| {
            let all = options.required.iter().chain([&options.key]);
            all.filter(|it| names.contains(it)).count()
        };
        let of_file = |name: &String| {
            let plain = plain(name);
            ["date", "coverage"].contains(&plain.as_str())
        };
        let most = columns.iter().max_by_key(|(mark, names)| {
            (
                wanted(names),
                *mark == "D",
                count_in(names).is_none(),
                !names.iter().any(of_file),
                names.len(),
            )
        });
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
        others.any(|(_, names)| count_in(names).is_some())
    }

    pub(crate) fn role(&self, record: &ByteRecord) -> Role {
        let mark = record.get(0).and_then(|it| std::str::from_utf8(it).ok());
        let mark = mark.unwrap_or_default().trim();
        if mark == self.detail {
            return Role::Worker;
        }
        match self.columns.get(mark) {
            Some(names) => Role::OfFile(count_in(names)),
            None => Role::Strange,
        }
    }

    /// What a row says under a name, whatever its mark.
    pub(crate) fn value<'a>(&self, record: &'a ByteRecord, name: &str) -> Option<&'a str> {
        let mark = std::str::from_utf8(record.get(0)?).ok()?.trim();
        let names = self.columns.get(mark)?;
        let at = names.iter().position(|it| it.eq_ignore_ascii_case(name))?;
        Some(std::str::from_utf8(record.get(at)?).ok()?.trim())
    }
}

/// A name without what people write differently.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// What is counted by a name that ends in `count`: nothing else than workers.
const COUNTED: [&str; 20] = [
    "",
    "record",
    "records",
    "row",
    "rows",
    "line",
    "lines",
    "detail",
    "details",
    "worker",
    "workers",
    "employee",
    "employees",
    "person",
    "people",
    "item",
    "items",
    "entry",
    "total",
    "totalrecord",
];
/// Other names for how many there are.
const COUNTS: [&str; 10] = [
    "totalrecords",
    "totalrows",
    "totalworkers",
    "totalemployees",
    "numberofrecords",
    "numberofrows",
    "numberofworkers",
    "numberofemployees",
    "recordstotal",
    "rowstotal",
];

/// The column that says how many workers there are; a `Total` only where there is no better name.
fn count_in(names: &[String]) -> Option<usize> {
    let counts = |name: &String| {
        let name = plain(name);
        let what = name.strip_suffix("count").or(name.strip_suffix("cnt"));
        what.is_some_and(|it| COUNTED.contains(&it)) || COUNTS.contains(&name.as_str())
    };
    let total = |name: &String| plain(name) == "total";
    let position = names.iter().position(counts);
    position.or_else(|| names.iter().position(total))
}
