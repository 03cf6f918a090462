//! Why a delivery was not taken, with the place as the person who opens the file sees it.

use std::fmt;

/// What kind of doubt stopped a file or a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalKind {
    /// No bytes, or no data rows.
    Empty,
    /// The file ends in the middle of a record.
    Truncated,
    /// The file was written to while it was read.
    HalfWritten,
    /// A quote that is never closed swallows rows.
    StrayQuote,
    /// Something else than delimited text: a workbook, an archive, a web page, UTF-16.
    WrongFormat,
    /// Columns are missing or ambiguous, or the first row is no header.
    WrongHeader,
    /// Several sheets of a workbook may be the one that is meant.
    SheetAmbiguous,
    /// The text as a whole is not UTF-8.
    NotUtf8,
    /// The file itself says that it has more workers, or fewer.
    ControlTotalMismatch,
    /// The workbook opens with a password only.
    PasswordProtected,
    /// A bound was passed.
    TooLarge,
    /// A directory stands where a file was expected.
    IsDirectory,
    /// No such file.
    Missing,
    /// The operating system would not give the bytes, or a sealed file is damaged.
    Unreadable,
    /// A page is missing, repeated, shorter than it says, or not of the same answer as the others.
    IncompletePage,
    /// A page leads to another host.
    ForeignLink,
    /// Changes since then can no longer be asked for.
    CursorExpired,
    /// The source does not know who asks.
    Credentials,
    /// The source does not let us read what is wanted.
    Permission,
    /// The source does not understand what it is asked: the configuration is not for this one.
    Configuration,
    /// The source does not answer, or only with errors of its own, after all tries.
    Unavailable,
    /// The answer is not in the documented form.
    Malformed,
}

impl RefusalKind {
    /// The stable name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::HalfWritten => "half_written",
            Self::StrayQuote => "stray_quote",
            Self::WrongFormat => "wrong_format",
            Self::WrongHeader => "wrong_header",
            Self::SheetAmbiguous => "sheet_ambiguous",
            Self::NotUtf8 => "not_utf8",
            Self::ControlTotalMismatch => "control_total_mismatch",
            Self::PasswordProtected => "password_protected",
            Self::TooLarge => "too_large",
            Self::IsDirectory => "is_directory",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::IncompletePage => "incomplete_page",
            Self::ForeignLink => "foreign_link",
            Self::CursorExpired => "cursor_expired",
            Self::Credentials => "credentials",
            Self::Permission => "permission",
            Self::Configuration => "configuration",
            Self::Unavailable => "unavailable",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A refused file or pull: nothing of it may be used. Holds shapes and header names, never values (P11).
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
    /// How many the file says that there are, and how many there are.
    pub counted: Option<(u32, u32)>,
    /// What the file is, where it is none that is read.
    pub found: Option<&'static str>,
    /// What is wrong.
    pub message: Box<str>,
    /// What to do about it.
    pub hint: Box<str>,
}

impl Refused {
    /// What is wrong, and what to do about it.
    pub fn new(kind: RefusalKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind,
            file: None,
            row: None,
            column: None,
            line: None,
            counted: None,
            found: None,
            message: message.into().into_boxed_str(),
            hint: hint.into().into_boxed_str(),
        }
    }

    /// The same, in a row that begins on a line.
    #[must_use]
    pub fn at(mut self, row: u32, line: u64) -> Self {
        self.row = Some(row);
        self.line = Some(line);
        self
    }

    /// The same, with what the file is.
    #[must_use]
    pub fn found(mut self, what: &'static str) -> Self {
        self.found = Some(what);
        self
    }

    /// The same, with how many there should be, and how many there are.
    #[must_use]
    pub fn counted(mut self, expected: u32, found: u32) -> Self {
        self.counted = Some((expected, found));
        self
    }

    /// The same, in a column.
    #[must_use]
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into().into_boxed_str());
        self
    }

    /// What the operating system says.
    pub fn io(error: &std::io::Error) -> Self {
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
