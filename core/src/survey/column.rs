//! What a column came to.
//!
//! Invariant: values are given out only by columns that are code lists.

use serde::Serialize;

use super::days::Days;
use super::doubts::Doubt;
use super::sketch::Sketch;

/// A column with more distinct values than this is no code list.
pub const CODES_MAX: usize = 30;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// There are none.
    Empty,
    /// Text of any kind.
    Text,
    /// Digits alone: a number, or an identifier.
    Digits,
    /// Numbers with a point.
    DecimalPoint,
    /// Numbers with a comma.
    DecimalComma,
    /// Yes or no.
    Boolean,
    /// Days.
    Day,
    /// Mail addresses.
    Email,
    /// Telephone numbers.
    Phone,
    /// Two letters of ISO 3166-1.
    Country,
    /// IANA time zones.
    Zone,
    /// Addresses of the web.
    Url,
}

impl Kind {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Text => "text",
            Self::Digits => "digits",
            Self::DecimalPoint => "decimal, point",
            Self::DecimalComma => "decimal, comma",
            Self::Boolean => "yes or no",
            Self::Day => "day",
            Self::Email => "e-mail",
            Self::Phone => "phone",
            Self::Country => "country code",
            Self::Zone => "time zone",
            Self::Url => "web address",
        }
    }
}

/// A value of a code list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Code {
    /// As it stands there.
    pub value: String,
    /// In how many rows.
    pub rows: u64,
}

/// What values look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// Letters as `a`, digits as `9`.
    pub shape: String,
    /// In how many of the first rows.
    pub rows: u64,
}

/// What a column came to.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// Rows in which it is not empty.
    pub filled: u64,
    /// Rows in which a word stands for nothing.
    pub missing: u64,
    /// Distinct values, those words not counted.
    pub distinct: u64,
    /// They were counted; else they are estimated, to some percent.
    pub distinct_exact: bool,
    /// What the values are.
    pub kind: Kind,
    /// The share of the values that are that.
    pub share: f64,
    /// Characters of the shortest value.
    pub shortest: u32,
    /// Characters of the longest value.
    pub longest: u32,
    /// How days are written, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Days>,
    /// All values, the most frequent first: of a code list only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Code>,
    /// What values look like, the most frequent first: of what is no code list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shapes: Vec<Shape>,
    /// What every value looks like: `#` a digit, `@` a letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Of a column that may name workers: rows whose value stood in an earlier row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<u64>,
    /// The same: values that stand in several rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub several: Option<u64>,
    /// What is odd.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// All of at most [`CODES_MAX`] values, whatever the column is.
    #[serde(skip)]
    pub(super) few: Vec<Code>,
    #[serde(skip)]
    pub(super) sketch: Sketch,
    /// Values with a space or a comma inside.
    #[serde(skip)]
    pub(super) spaced: u64,
    /// Values with letters of another script than the Latin one.
    #[serde(skip)]
    pub(super) foreign: u64,
    /// Values that are a country.
    #[serde(skip)]
    pub(super) countries: u64,
    /// Domains of mail addresses, the most frequent first.
    #[serde(skip)]
    pub(super) domains: Vec<(String, u64)>,
}

impl Column {
    /// Values that say something.
    pub fn said(&self) -> u64 {
        self.filled - self.missing
    }

    /// How many values it has for each distinct one, from 0 to 1.
    pub(super) fn uniqueness(&self) -> f64 {
        let said = self.said();
        if said == 0 {
            return 0.0;
        }
        (self.distinct as f64 / said as f64).min(1.0)
    }
}
