//! What can be wrong with an expression, and where.

use std::fmt;

use crate::place::Place;

/// The kinds of error. [`ErrorKind::name`] gives the names that the vectors and
/// `rollcall eval` use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// The text is no expression.
    Syntax,
    /// The text is longer than 10,000 characters, nested deeper than 64 levels, or its result
    /// is longer than 1,000,000 bytes.
    Limit,
    /// No function of the language has this name.
    UnknownFunction,
    /// Too few or too many arguments, or a required one that is empty.
    Arity,
    /// An argument is not of the kind that the function takes.
    BadArgument,
    /// A regular expression is none, or has something that ours cannot do.
    BadPattern,
    /// A list has no value at this place.
    BadIndex,
    /// A text is no date.
    BadDate,
    /// No date interval has this name.
    BadInterval,
    /// Every candidate value is taken.
    NotUnique,
    /// `SelectUniqueValue` is not the outermost call.
    NestedUnique,
}

impl ErrorKind {
    /// The stable name, for instance `unknown-function`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Limit => "limit",
            Self::UnknownFunction => "unknown-function",
            Self::Arity => "arity",
            Self::BadArgument => "bad-argument",
            Self::BadPattern => "bad-pattern",
            Self::BadIndex => "bad-index",
            Self::BadDate => "bad-date",
            Self::BadInterval => "bad-interval",
            Self::NotUnique => "not-unique",
            Self::NestedUnique => "nested-unique",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an expression cannot be compiled or evaluated. Holds text of the expression, never a
/// value that it was evaluated with (P11).
///
/// `Display` gives one line: ``line 1, column 7: ... in `...` ``.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// What kind of error.
    pub kind: ErrorKind,
    /// What is wrong and what to do, on one line, without the place.
    pub message: String,
    /// Line in the expression, from 1.
    pub line: u32,
    /// Column in that line, in characters, from 1.
    pub column: u32,
    /// The part of the expression that is wrong or that failed, as written; whole, so it may
    /// hold line breaks.
    pub sub_expression: String,
}

/// As much of the sub-expression as one line of a report carries, in characters.
const SHOWN_MAX: usize = 60;

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.message
        )?;
        let words = self
            .sub_expression
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        if words.is_empty() {
            return Ok(());
        }
        // An expression is written by an administrator, but a report must stay one line.
        let shown: String = words
            .chars()
            .take(SHOWN_MAX)
            .map(|c| if c.is_control() { '?' } else { c })
            .collect();
        let more = if words.chars().nth(SHOWN_MAX).is_some() {
            "…"
        } else {
            ""
        };
        write!(f, " in `{shown}{more}`")
    }
}

impl std::error::Error for ExpressionError {}

impl ExpressionError {
    /// An error about the bytes `start..end` of `source`.
    pub(super) fn at(
        kind: ErrorKind,
        message: impl Into<String>,
        source: &str,
        start: usize,
        end: usize,
    ) -> Self {
        let place = Place::of(source, start);
        // It may quote a part of the expression, and stays one line all the same.
        let message: String = message.into();
        let message = message.replace(char::is_control, "?");
        Self {
            kind,
            message,
            line: place.line,
            column: place.column,
            sub_expression: source[start..end].to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_one_line_with_its_place() {
        let source = "Join(\n  Left(\n\t[a], é)\n)";
        let start = source.find("Left").unwrap();
        let end = source.find(')').unwrap() + 1;
        let error = ExpressionError::at(ErrorKind::Arity, "no number", source, start, end);
        assert_eq!(
            error.to_string(),
            "line 2, column 3: no number in `Left( [a], é)`"
        );
        assert_eq!(error.sub_expression, "Left(\n\t[a], é)");
    }

    #[test]
    fn a_quoted_line_break_breaks_no_line() {
        let error = ExpressionError::at(ErrorKind::BadPattern, "`(?\n` is not known", "x", 0, 1);
        assert_eq!(error.message, "`(??` is not known");
    }

    #[test]
    fn a_long_place_is_cut_in_the_message_only() {
        let source = "x".repeat(100);
        let error = ExpressionError::at(ErrorKind::Syntax, "odd", &source, 0, 100);
        assert_eq!(
            error.to_string(),
            format!("line 1, column 1: odd in `{}…`", "x".repeat(60))
        );
        assert_eq!(error.sub_expression, source);
    }
}
