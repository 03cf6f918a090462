//! The contract between the pipeline and a source.

use std::borrow::Cow;

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall_core::delta::Coverage;
use rollcall_core::model::Finding;
use serde::{Deserialize, Serialize};

use crate::{RefusalKind, Refused};

/// Where a source has been read to, in its own words: a moment of entry, a token. Kept with the
/// intake, and used by the next pull once that intake has been planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// How far a pull goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everybody.
    Full,
    /// Whoever may have changed since.
    Since(Cursor),
}

/// What is wanted of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The attributes that are read, in the order of the values of a record; nothing else is kept
    /// (P11).
    pub columns: Vec<String>,
    /// The one whose value names the worker: it is among the columns.
    pub key: String,
    /// How far.
    pub reach: Reach,
    /// The instant of the run.
    pub now: Timestamp,
}

impl Want {
    /// The place of the key among the columns.
    pub fn key_at(&self) -> Option<usize> {
        self.columns.iter().position(|it| *it == self.key)
    }
}

/// One worker, as the source says.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its place in the pull, from 1.
    pub number: u32,
    /// Its values are not to be believed; the key counts as present.
    pub held: bool,
    /// One for each column wanted; empty where there is none.
    pub values: &'a [Cow<'a, str>],
    /// What is odd about it, with its number as the row.
    pub findings: &'a [Finding],
}

/// What takes in a pull.
pub trait Sink: Send {
    /// What came from the source, in the order in which it is read: what the intake is hashed of.
    fn received(&mut self, bytes: &[u8]);

    /// A worker.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn record(&mut self, record: &Record<'_>) -> std::io::Result<()>;
}

/// What a whole pull came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// What absence from it means.
    pub coverage: Coverage,
    /// The moment that it describes.
    pub as_of: Timestamp,
    /// Where the next pull begins, where the source can be asked for changes.
    pub cursor: Option<Cursor>,
    /// Workers, held ones included.
    pub rows: u32,
    /// What is odd about it as a whole.
    pub findings: Vec<Finding>,
}

/// An attribute that can be read by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribute {
    /// What mappings call it.
    pub name: String,
    /// Where it comes from: an `XPath`, a `JSONPath`, a rule in words.
    pub from: String,
}

/// What a source is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Described {
    /// `Workday`, `SAP SuccessFactors` ...
    pub system: String,
    /// What it is asked, in a line: host, service, version. No secret.
    pub place: String,
    /// Attributes by name.
    pub attributes: Vec<Attribute>,
    /// It can be asked for what changed.
    pub incremental: bool,
}

/// Something that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Noted {
    /// Whether it stands in the way.
    pub is_problem: bool,
    /// In words, with what to do.
    pub message: String,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Checked {
    /// What was looked at and found, good and bad.
    pub notes: Vec<Noted>,
}

impl Checked {
    /// Something is as it should be.
    pub fn good(&mut self, message: impl Into<String>) {
        self.note(false, message);
    }

    /// Something stands in the way.
    pub fn problem(&mut self, message: impl Into<String>) {
        self.note(true, message);
    }

    /// What somebody has to mend is noted; that nobody answers, or lets us in, ends the check.
    ///
    /// # Errors
    /// The refusal, where it ends the check.
    pub fn tell(&mut self, refused: Refused) -> Result<(), Refused> {
        match refused.kind {
            RefusalKind::Permission
            | RefusalKind::Configuration
            | RefusalKind::Malformed
            | RefusalKind::TooLarge => {
                self.problem(refused.to_string());
                Ok(())
            }
            RefusalKind::Empty
            | RefusalKind::Truncated
            | RefusalKind::HalfWritten
            | RefusalKind::StrayQuote
            | RefusalKind::WrongFormat
            | RefusalKind::WrongHeader
            | RefusalKind::SheetAmbiguous
            | RefusalKind::NotUtf8
            | RefusalKind::ControlTotalMismatch
            | RefusalKind::PasswordProtected
            | RefusalKind::IsDirectory
            | RefusalKind::Missing
            | RefusalKind::Unreadable
            | RefusalKind::IncompletePage
            | RefusalKind::ForeignLink
            | RefusalKind::CursorExpired
            | RefusalKind::Credentials
            | RefusalKind::Unavailable => Err(refused),
        }
    }

    fn note(&mut self, is_problem: bool, message: impl Into<String>) {
        self.notes.push(Noted {
            is_problem,
            message: message.into(),
        });
    }
}

/// A source of HR data.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it is. Connects to nothing.
    fn describe(&self) -> Described;

    /// What of a want it cannot give, without asking anybody: attributes that it does not know.
    ///
    /// # Errors
    /// Each of them, with a hint.
    fn lacks(&self, columns: &[String]) -> Result<(), Vec<String>>;

    /// Whether it can be reached and gives what is wanted; changes nothing there and keeps nothing here.
    ///
    /// # Errors
    /// [`Refused`] when it does not answer, or lets nobody in.
    async fn check(&self, want: &Want) -> Result<Checked, Refused>;

    /// Everybody, or whoever may have changed.
    ///
    /// # Errors
    /// [`Refused`] when the pull cannot be had, or is not whole: nothing of it may be used.
    async fn pull(&self, want: &Want, into: &mut dyn Sink) -> Result<Pulled, Refused>;
}
