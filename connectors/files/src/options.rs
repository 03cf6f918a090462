//! What the configuration says about one feed of files, and the bounds.

use std::collections::BTreeMap;

use encoding_rs::Encoding;

use crate::typed::Typed;

/// How to read a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The column whose value names the worker; empty: the first one.
    pub key: String,
    /// What every key looks like, as a regular expression.
    pub key_pattern: Option<String>,
    /// The byte between cells; `None`: from a `sep=` line, else found from the header.
    pub delimiter: Option<u8>,
    /// What text is in that neither says so itself nor is UTF-8; `None`: guessed, and said so.
    pub encoding: Option<&'static Encoding>,
    /// Where the header stands.
    pub header: HeaderAt,
    /// Columns that must exist. Further ones in the file are ignored.
    pub required: Vec<String>,
    /// The only columns passed on, in this order; none named: all of them.
    pub columns: Vec<String>,
    /// Columns of which more is said than their name.
    pub typed: BTreeMap<String, Typed>,
    /// Rows behind the last worker.
    pub footer: Option<Footer>,
    /// Each row begins with what it is: names of the columns by that (`H`, `D`, `T`).
    pub records: Option<BTreeMap<String, Vec<String>>>,
    /// The sheet of a workbook; `None`: the only one that has the columns.
    pub sheet: Option<String>,
    /// Cells under a merged one have its value; else they have none, which holds their rows.
    pub fill_merged: bool,
    /// Bounds.
    pub limits: Limits,
}

/// Where the header stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderAt {
    /// The first row that has the names that are wanted; the first row, where none has.
    #[default]
    Found,
    /// In this row, as a spreadsheet counts.
    Row(u32),
    /// Nowhere: columns are called `column 1` and so on.
    Nowhere,
}

/// Rows behind the last worker: totals and what people write below them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// The first value of the first such row, as a regular expression.
    pub begins: String,
    /// The column of that row, from 1, that says how many workers there are.
    pub count_column: Option<usize>,
}

/// Bounds, all inclusive. What goes beyond is refused, never cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the values of one row: what a quote that is never closed can swallow.
    pub row_bytes_max: usize,
    /// Data rows of one file.
    pub rows_max: u32,
    /// Columns of the header.
    pub columns_max: usize,
    /// Cells with anything in them, of a sheet.
    pub cells_max: u64,
    /// Bytes of one part of a workbook, unpacked.
    pub part_bytes_max: u64,
    /// How many times larger than packed a part may be, once it has 64 MiB.
    pub part_ratio_max: u32,
    /// Bytes of what has to be held of a workbook: shared texts, merged cells, the index of an xls.
    pub held_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            row_bytes_max: 1 << 20,
            rows_max: 50_000_000,
            columns_max: 4096,
            cells_max: 250_000_000,
            part_bytes_max: 4 << 30,
            part_ratio_max: 200,
            held_bytes_max: 192 << 20,
        }
    }
}
