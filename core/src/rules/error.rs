//! What can be wrong with a rule, and where.

use std::fmt;

/// The kinds of error, in the order in which they are looked for: the first one that is found is
/// the rule's. [`ErrorKind::name`] gives the names that the vectors and `rollcall rule` use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// Longer than 3,072 UTF-16 units.
    TooLong,
    /// The text is no rule.
    Syntax,
    /// `memberOf` or `Direct Reports for` beside anything else.
    NotCombinable,
    /// No property that rules can read.
    UnsupportedProperty,
    /// No operator of the language, or none for a property of this type.
    UnsupportedOperator,
    /// A value that the operator or the property does not take.
    InvalidValue,
    /// A pattern that does not compile.
    InvalidRegex,
    /// More than 50 groups in `memberOf`.
    LimitExceeded,
    /// Users and devices in one rule.
    MixedObjectTypes,
}

impl ErrorKind {
    /// The stable name, for instance `unsupported-property`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::Syntax => "syntax",
            Self::NotCombinable => "not-combinable",
            Self::UnsupportedProperty => "unsupported-property",
            Self::UnsupportedOperator => "unsupported-operator",
            Self::InvalidValue => "invalid-value",
            Self::InvalidRegex => "invalid-regex",
            Self::LimitExceeded => "limit-exceeded",
            Self::MixedObjectTypes => "mixed-object-types",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a rule cannot be compiled. Holds text of the rule, never of somebody it was evaluated for
/// (P11).
///
/// `Display` gives one line: `line 1, column 7: ...; hint: ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// What kind of error.
    pub kind: ErrorKind,
    /// What is wrong, on one line, without the place.
    pub message: String,
    /// What to write instead, where something is likely.
    pub hint: Option<String>,
    /// Line in the rule, from 1.
    pub line: u32,
    /// Column in that line, in characters, from 1.
    pub column: u32,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.message
        )?;
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RuleError {}

/// An error by byte of the rule, before it is known where that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: ErrorKind,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) at: usize,
}

impl Fault {
    pub(super) fn new(kind: ErrorKind, at: usize, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            at,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn in_rule(self, source: &str) -> RuleError {
        // They may quote a part of the rule, and stay one line all the same.
        let line = |text: String| text.replace(char::is_control, "?");
        let place = crate::place::Place::of(source, self.at);
        RuleError {
            kind: self.kind,
            message: line(self.message),
            hint: self.hint.map(line),
            line: place.line,
            column: place.column,
        }
    }
}
