//! What is said about how files are read: in `[source.file]` of the configuration, and by `rollcall read`.
//!
//! Invariant: both mean the same by the same words.

use std::collections::BTreeMap;

use encoding_rs::Encoding;
use serde::Deserialize;

use crate::options::{Footer, HeaderAt, Options};
use crate::typed::Typed;

/// How the files of a source are read; whatever is not said is found out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reading {
    /// The column that names the worker.
    pub key: Option<String>,
    /// What every key looks like, as a regular expression.
    pub key_pattern: Option<String>,
    /// The column that names the manager.
    pub manager: Option<String>,
    /// One character between cells.
    pub delimiter: Option<char>,
    /// What text is in that neither says so itself nor is UTF-8, by its name on the web (`windows-1252`).
    pub encoding: Option<String>,
    /// Names that the header has; it is the first row that has them.
    pub header: Vec<String>,
    /// The row of the header, as a spreadsheet counts; `false` or null: there is none.
    #[serde(deserialize_with = "header_row")]
    pub header_row: HeaderAt,
    /// Rows behind the last worker.
    pub footer: Option<FooterSaid>,
    /// Each row begins with what it is: names of the columns by that.
    pub record_types: Option<BTreeMap<String, Vec<String>>>,
    /// What more is said of columns than their name.
    pub columns: BTreeMap<String, Column>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
    /// What the cells under a merged one have.
    pub merged: Option<Merged>,
    /// What has to lie beside a file before it is taken.
    pub waits_for: Option<WaitsFor>,
}

/// What the cells under a merged one have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Merged {
    /// Its value.
    Fill,
}

/// What lies beside a file once its upload is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// Its SHA-256, in a file of its name with `.sha256` behind it, or in a manifest.
    Checksum,
    /// A manifest that names it.
    Manifest,
    /// An empty file of its name with `.done`, `.ok`, `.trg` or `.ready`.
    Marker,
}

/// Rows behind the last worker.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FooterSaid {
    /// The first value of the first such row, as a regular expression.
    #[serde(rename = "match")]
    pub begins: String,
    /// The column of that row, from 1, that says how many workers there are.
    #[serde(default)]
    pub count_column: Option<usize>,
}

/// What is said of a column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Column {
    /// Taken as it stands.
    Text,
    /// A day.
    Date {
        /// `iso`, or as `strftime` says it (`%d.%m.%Y`).
        #[serde(default)]
        format: Option<String>,
        /// Ways to write that there is no such day.
        #[serde(default)]
        open: Vec<String>,
    },
    /// A number with a fraction.
    Decimal {
        /// What stands before the fraction.
        #[serde(default)]
        decimal: Option<char>,
    },
}

fn header_row<'de, D: serde::Deserializer<'de>>(from: D) -> Result<HeaderAt, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Said {
        Row(u32),
        Is(bool),
    }
    Ok(match Option::<Said>::deserialize(from)? {
        Some(Said::Row(row)) => HeaderAt::Row(row),
        Some(Said::Is(true)) => HeaderAt::Found,
        Some(Said::Is(false)) | None => HeaderAt::Nowhere,
    })
}

impl Reading {
    /// What is wrong with it in a configuration, where the mapping says what columns mean.
    pub fn problems(&self) -> Vec<String> {
        let said = [
            ("key", self.key.is_some()),
            ("key_pattern", self.key_pattern.is_some()),
            ("manager", self.manager.is_some()),
            ("header", !self.header.is_empty()),
        ];
        let said = said.into_iter().filter(|(_, said)| *said);
        let mut out: Vec<String> = said
            .map(|(name, _)| format!("`{name}` is for `rollcall read`; here the mapping says it"))
            .collect();
        if self.header_row == HeaderAt::Nowhere && self.record_types.is_none() {
            out.push("without a header nobody knows which column is which; say `record_types`, or have one exported".to_owned());
        }
        out.extend(self.options().err());
        out
    }

    /// As the reader takes it.
    ///
    /// # Errors
    /// What of it cannot be meant.
    pub fn options(&self) -> Result<Options, String> {
        let delimiter = self.delimiter.map(u8::try_from).transpose();
        let delimiter = delimiter.map_err(|_| "`delimiter` must be one ASCII character")?;
        let encoding = self.encoding.as_ref().map(|name| {
            Encoding::for_label(name.as_bytes())
                .ok_or_else(|| format!("`encoding`: nobody knows `{name}`; names are those of the web, like windows-1252"))
        });
        let typed = self.columns.iter().filter_map(|(name, column)| {
            let typed = match column {
                Column::Text => return None,
                Column::Date { format, open } => Typed::Date {
                    format: format.clone().filter(|it| it != "iso"),
                    open: open.clone(),
                },
                Column::Decimal { decimal } => Typed::Decimal {
                    point: decimal.unwrap_or('.'),
                },
            };
            Some((name.clone(), typed))
        });
        Ok(Options {
            key: self.key.clone().unwrap_or_default(),
            key_pattern: self.key_pattern.clone(),
            delimiter,
            encoding: encoding.transpose()?,
            header: self.header_row,
            required: self.header.clone(),
            typed: typed.collect(),
            footer: self.footer.as_ref().map(|it| Footer {
                begins: it.begins.clone(),
                count_column: it.count_column,
            }),
            records: self.record_types.clone(),
            sheet: self.sheet.clone(),
            fill_merged: self.merged == Some(Merged::Fill),
            ..Options::default()
        })
    }
}
