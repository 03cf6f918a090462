//! Why a file was not taken, with the place as the person who opens the file sees it.

use std::fmt;

/// What kind of doubt stopped the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalKind {
    /// No bytes, or no data rows.
    Empty,
    /// The file ends in the middle of a record.
    Truncated,
    /// The file was written to while it was read.
    Unfinished,
    /// A quote that is never closed swallows rows.
    StrayQuote,
    /// Something else than delimited text: a workbook, an archive, a web page, UTF-16.
    WrongFormat,
    /// Columns are missing or ambiguous, or the first row is no header.
    WrongHeader,
    /// The text as a whole is not UTF-8.
    NotUtf8,
    /// A bound of [`Limits`](crate::Limits) was passed.
    TooLarge,
    /// A directory stands where a file was expected.
    IsDirectory,
    /// No such file.
    Missing,
    /// The operating system would not give the bytes, or a sealed file is damaged.
    Unreadable,
}

impl RefusalKind {
    /// The stable name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::Unfinished => "unfinished",
            Self::StrayQuote => "stray_quote",
            Self::WrongFormat => "wrong_format",
            Self::WrongHeader => "wrong_header",
            Self::NotUtf8 => "not_utf8",
            Self::TooLarge => "too_large",
            Self::IsDirectory => "is_directory",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A refused file: nothing of it may be used. Holds shapes and header names, never values (P11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What kind of doubt.
    pub kind: RefusalKind,
    /// The file's name, when the caller gave it.
    pub file: Option<Box<str>>,
    /// Row as a spreadsheet counts: the first line is row 1.
    pub row: Option<u32>,
    /// Header name of the column.
    pub column: Option<Box<str>>,
    /// Physical line, from 1; differs from the row below cells with line breaks.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: Box<str>,
    /// What to do about it.
    pub hint: Box<str>,
}

impl Refused {
    pub(crate) fn new(
        kind: RefusalKind,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            file: None,
            row: None,
            column: None,
            line: None,
            message: message.into().into_boxed_str(),
            hint: hint.into().into_boxed_str(),
        }
    }

    pub(crate) fn at(mut self, row: u32, line: u64) -> Self {
        self.row = Some(row);
        self.line = Some(line);
        self
    }

    pub(crate) fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into().into_boxed_str());
        self
    }

    pub(crate) fn io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let (kind, message, hint) = if error.kind() == ErrorKind::NotFound {
            (
                RefusalKind::Missing,
                "no such file".to_owned(),
                "check the path",
            )
        } else if error.kind() == ErrorKind::IsADirectory {
            let hint = "name the file inside it";
            (
                RefusalKind::IsDirectory,
                "is a directory, not a file".to_owned(),
                hint,
            )
        } else {
            // The kind's words only: an operating system's text may carry a path.
            let message = format!("cannot be read: {}", error.kind());
            (
                RefusalKind::Unreadable,
                message,
                "check permissions and the medium",
            )
        };
        Self::new(kind, message, hint)
    }

    /// The same, with the name of the file.
    #[must_use]
    pub fn in_file(mut self, name: impl Into<Box<str>>) -> Self {
        self.file = Some(name.into());
        self
    }
}

/// `FILE: row 19 (line 23), column `City`: message; hint`, each part where it is known.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        if let Some(row) = self.row {
            write!(f, "row {row}")?;
            if let Some(line) = self.line.filter(|l| *l != u64::from(row)) {
                write!(f, " (line {line})")?;
            }
        }
        if let Some(column) = &self.column {
            let comma = if self.row.is_some() { ", " } else { "" };
            write!(f, "{comma}column `{column}`")?;
        }
        if self.row.is_some() || self.column.is_some() {
            f.write_str(": ")?;
        }
        write!(f, "{}; {}", self.message, self.hint)
    }
}

impl std::error::Error for Refused {}
