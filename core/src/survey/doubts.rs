//! What is suspicious about a table and its columns.
//!
//! Invariant: counts and words of our own; no value.

use serde::Serialize;

/// What is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubtKind {
    /// `NULL`, `N/A`, `-`.
    MissingWord,
    /// `1.00235E+05`.
    ScientificNotation,
    /// Over 15 digits, of which a spreadsheet keeps 15.
    LongNumber,
    /// Digits of differing length, some of them padded.
    ZerosLost,
    /// Spaces around.
    SpacesAround,
    /// No-break spaces.
    NoBreakSpace,
    /// Characters that nobody sees.
    ControlCharacter,
    /// `Ã©` for `é`.
    Mojibake,
    /// Begins with `=`, `@`, or with a sign and letters.
    Formula,
    /// More than one way to write days.
    MixedDates,
    /// Day and month cannot be told apart.
    AmbiguousDates,
    /// Not in the calendar.
    NoSuchDay,
    /// `9999-12-31`, `00000000`.
    SentinelDate,
    /// A day as the number that a spreadsheet has for it.
    SerialNumber,
    /// Something else than a day among days.
    NoDay,
    /// No value.
    Empty,
    /// The same value everywhere.
    Constant,
    /// Header names that people take for each other.
    HeaderLookAlike,
    /// A name that stands there more than once.
    HeaderDuplicate,
    /// A column without a name.
    HeaderBlank,
    /// The header looks like somebody's row.
    HeaderIsData,
    /// Rows that are the same in every column.
    RowsRepeat,
    /// A key that stands in several rows.
    KeyRepeats,
    /// A row without a key.
    KeyMissing,
    /// Rows behind the last worker.
    Footer,
    /// Each row begins with what it is.
    RecordMarks,
    /// Fields that do not fit the header.
    Ragged,
}

/// What is odd, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// What.
    pub kind: DoubtKind,
    /// In how many rows; of a header: columns.
    pub rows: u64,
    /// In words, without a value.
    pub note: String,
}

impl Doubt {
    /// How often, and of what: `3 rows`.
    pub fn count(&self) -> String {
        let of_header = matches!(
            self.kind,
            DoubtKind::HeaderLookAlike
                | DoubtKind::HeaderDuplicate
                | DoubtKind::HeaderBlank
                | DoubtKind::HeaderIsData
        );
        let one = if of_header { "column" } else { "row" };
        let s = if self.rows == 1 { "" } else { "s" };
        format!("{} {one}{s}", self.rows)
    }

    /// Whether it is about rows behind the last worker.
    pub fn is_footer(&self) -> bool {
        self.kind == DoubtKind::Footer
    }
}
