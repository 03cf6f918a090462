//! Walks the tree for one record.
//!
//! Values are borrowed from the record or the expression where a function leaves them as they
//! are. Depth is bounded by the parser.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::error::{ErrorKind, ExpressionError};
use super::functions::Function;
use super::parser::{BareWord, Comparison, Kind, Node};
use super::{Evaluated, Input, Lookup, diacritics, text};
use crate::model::Value;

/// A value while it is worked on.
enum Datum<'a> {
    Null,
    Bool(bool),
    Number(i64),
    Text(Cow<'a, str>),
    List(Vec<Cow<'a, str>>),
}

/// Why evaluation ends early. An ignored part ignores the whole attribute: it is a decision
/// about the flow, not a value.
enum Stop {
    IgnoreAttribute,
    IgnoreObject,
    Failed(Box<ExpressionError>),
}

type Step<T> = Result<T, Stop>;

/// Longest text that a function may build.
const RESULT_BYTES_MAX: usize = 1_000_000;

/// The result for one record.
pub(super) fn evaluate(
    source: &str,
    root: &Node,
    lookup: &dyn Lookup,
) -> Result<Evaluated, ExpressionError> {
    match (Walk { source, lookup }).node(root) {
        Ok(datum) => Ok(Evaluated::Value(datum.into_value())),
        Err(Stop::IgnoreAttribute) => Ok(Evaluated::IgnoreAttribute),
        Err(Stop::IgnoreObject) => Ok(Evaluated::IgnoreObject),
        Err(Stop::Failed(error)) => Err(*error),
    }
}

pub(super) const fn bool_text(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

impl<'a> Datum<'a> {
    fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(number) => Value::Number(number.into()),
            Self::Text(text) => Value::Text(text.into_owned()),
            Self::List(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| Value::Text(item.into_owned()))
                    .collect(),
            ),
        }
    }

    fn from_value(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => number
                .as_i64()
                .map_or_else(|| Self::Text(Cow::Owned(number.to_string())), Self::Number),
            Value::Text(text) => Self::Text(Cow::Borrowed(text)),
            Value::List(items) => {
                let items: Vec<_> = items
                    .iter()
                    .filter_map(|item| Self::from_value(item).into_text().ok().flatten())
                    .collect();
                if items.is_empty() {
                    Self::Null
                } else {
                    Self::List(items)
                }
            }
        }
    }

    /// The text form; `None` for NULL. A list of one counts as its value.
    fn into_text(self) -> Result<Option<Cow<'a, str>>, usize> {
        match self {
            Self::Null => Ok(None),
            Self::Bool(value) => Ok(Some(Cow::Borrowed(bool_text(value)))),
            Self::Number(number) => Ok(Some(Cow::Owned(number.to_string()))),
            Self::Text(text) => Ok(Some(text)),
            Self::List(mut items) if items.len() < 2 => Ok(items.pop()),
            Self::List(items) => Err(items.len()),
        }
    }

    fn is_null_or_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(_) | Self::Number(_) => false,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.iter().all(|item| item.is_empty()),
        }
    }
}

struct Walk<'a> {
    source: &'a str,
    lookup: &'a dyn Lookup,
}

impl<'a> Walk<'a> {
    fn fail<T>(&self, node: &Node, kind: ErrorKind, message: impl Into<String>) -> Step<T> {
        Err(Stop::Failed(Box::new(ExpressionError::at(
            kind,
            message,
            self.source,
            node.start as usize,
            node.end as usize,
        ))))
    }

    fn node(&self, node: &'a Node) -> Step<Datum<'a>> {
        match &node.kind {
            Kind::NotGiven => Ok(Datum::Null),
            Kind::Attribute(slot) => Ok(match self.lookup.get(*slot) {
                Input::Null => Datum::Null,
                Input::Text(text) => Datum::Text(Cow::Borrowed(text)),
                Input::Value(value) => Datum::from_value(value),
            }),
            Kind::Text(text) => Ok(Datum::Text(Cow::Borrowed(text))),
            Kind::Number(number) => Ok(Datum::Number(*number)),
            Kind::Word(BareWord::IgnoreAttributeFlow) => Err(Stop::IgnoreAttribute),
            Kind::Word(BareWord::IgnoreObjectFlow) => Err(Stop::IgnoreObject),
            Kind::Word(BareWord::TextCompare | BareWord::BinaryCompare | BareWord::Encoding) => {
                self.fail(node, ErrorKind::Syntax, "this word is not a value")
            }
            Kind::Compare(comparison, sides) => self
                .compare(*comparison, &sides[0], &sides[1])
                .map(Datum::Bool),
            Kind::Call(function, arguments) => self.call(node, *function, arguments),
        }
    }

    fn text(&self, node: &'a Node) -> Step<Option<Cow<'a, str>>> {
        match self.node(node)?.into_text() {
            Ok(text) => Ok(text),
            Err(count) => self.fail(
                node,
                ErrorKind::BadArgument,
                format!("a single value is expected, this is a list of {count}; take one with Item or make one with Join"),
            ),
        }
    }

    /// The text form; NULL as the empty text.
    fn text_or_empty(&self, node: &'a Node) -> Step<Cow<'a, str>> {
        Ok(self.text(node)?.unwrap_or_default())
    }

    /// An integer; texts of digits count, as in `Mid([x], "1", "2")`.
    fn number(&self, node: &'a Node) -> Step<i64> {
        if let Kind::Number(number) = node.kind {
            return Ok(number);
        }
        match self.node(node)? {
            Datum::Number(number) => Ok(number),
            other @ (Datum::Null | Datum::Bool(_) | Datum::Text(_) | Datum::List(_)) => match other
                .into_text()
                .ok()
                .flatten()
                .and_then(|text| parse_number(&text))
            {
                Some(number) => Ok(number),
                None => self.fail(
                    node,
                    ErrorKind::BadArgument,
                    "a whole number is expected, and this is none",
                ),
            },
        }
    }

    fn call(&self, node: &'a Node, function: Function, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let first = &arguments[0];
        match function {
            Function::Append => {
                let head = self.text_or_empty(first)?;
                let tail = self.text_or_empty(&arguments[1])?;
                Ok(Datum::Text(if tail.is_empty() {
                    head
                } else {
                    head + tail
                }))
            }
            Function::CBool => Ok(Datum::Bool(truth(self.node(first)?).unwrap_or(false))),
            Function::CStr => Ok(self.text(first)?.map_or(Datum::Null, Datum::Text)),
            Function::Coalesce => {
                for argument in arguments {
                    match self.node(argument)? {
                        Datum::Null => {}
                        found @ (Datum::Bool(_)
                        | Datum::Number(_)
                        | Datum::Text(_)
                        | Datum::List(_)) => return Ok(found),
                    }
                }
                Ok(Datum::Null)
            }
            Function::Count => Ok(Datum::Number(match self.node(first)? {
                Datum::Null => 0,
                Datum::Bool(_) | Datum::Number(_) | Datum::Text(_) => 1,
                Datum::List(items) => i64::try_from(items.len()).unwrap_or(i64::MAX),
            })),
            Function::IgnoreFlowIfNullOrEmpty => {
                let datum = self.node(first)?;
                if datum.is_null_or_empty() {
                    Err(Stop::IgnoreAttribute)
                } else {
                    Ok(datum)
                }
            }
            Function::Iif => self.iif(arguments),
            Function::InStr => self.in_str(arguments),
            Function::IsNull => Ok(Datum::Bool(matches!(self.node(first)?, Datum::Null))),
            Function::IsNullOrEmpty => Ok(Datum::Bool(self.node(first)?.is_null_or_empty())),
            Function::IsPresent => Ok(Datum::Bool(!self.node(first)?.is_null_or_empty())),
            Function::Item => self.item(node, arguments),
            Function::Join => self.join(arguments),
            Function::Left => {
                let source = self.text_or_empty(first)?;
                let count = self.number(&arguments[1])?;
                // A negative number gives the input unchanged: documented, odd as it is.
                Ok(Datum::Text(match usize::try_from(count) {
                    Ok(count) => text::slice(source, 0, count),
                    Err(_) => source,
                }))
            }
            Function::Mid => self.mid(arguments),
            Function::NormalizeDiacritics => self.each(first, diacritics::normalize),
            Function::Not => {
                let is_true = self.text(first)?.is_some_and(|text| text == "True");
                Ok(Datum::Bool(!is_true))
            }
            Function::PCase => {
                let separators = self.option(arguments.get(1))?;
                self.each(first, |source| {
                    text::proper(&source, separators.as_deref()).into()
                })
            }
            Function::Replace => {
                let Some(source) = self.text(first)? else {
                    return Ok(Datum::Null);
                };
                let old = self.text_or_empty(&arguments[1])?;
                let new = self.text_or_empty(&arguments[2])?;
                let found = if old.is_empty() {
                    0
                } else {
                    source.matches(&*old).count()
                };
                // Nested calls multiply: the length is known before anything is built.
                if found.saturating_mul(new.len()).saturating_add(source.len()) > RESULT_BYTES_MAX {
                    let message = format!("the result is longer than {RESULT_BYTES_MAX} bytes");
                    return self.fail(node, ErrorKind::Limit, message);
                }
                Ok(Datum::Text(if found == 0 {
                    source
                } else {
                    Cow::Owned(source.replace(&*old, &new))
                }))
            }
            Function::Split => self.split(arguments),
            Function::StripSpaces => self.each(first, |source| {
                if source.contains(' ') {
                    source.replace(' ', "").into()
                } else {
                    source
                }
            }),
            Function::Switch => self.switch(arguments),
            Function::ToLower => {
                let rules = text::CaseRules::of(self.option(arguments.get(1))?.as_deref());
                self.each(first, |source| text::lower(source, rules))
            }
            Function::ToUpper => {
                let rules = text::CaseRules::of(self.option(arguments.get(1))?.as_deref());
                self.each(first, |source| text::upper(source, rules))
            }
            Function::Trim => match self.node(first)? {
                Datum::List(items) => Ok(Datum::List(items.into_iter().map(text::trim).collect())),
                other @ (Datum::Null | Datum::Bool(_) | Datum::Number(_) | Datum::Text(_)) => {
                    Ok(other
                        .into_text()
                        .ok()
                        .flatten()
                        .map_or(Datum::Null, |source| Datum::Text(text::trim(source))))
                }
            },
            Function::Word => {
                let source = self.text_or_empty(first)?;
                let number = self.number(&arguments[1])?;
                let delimiters = self.text_or_empty(&arguments[2])?;
                Ok(Datum::Text(text::word(source, number, &delimiters)))
            }
        }
    }

    /// A single text through a function; NULL stays NULL.
    fn each(
        &self,
        node: &'a Node,
        change: impl Fn(Cow<'a, str>) -> Cow<'a, str>,
    ) -> Step<Datum<'a>> {
        Ok(self
            .text(node)?
            .map_or(Datum::Null, |source| Datum::Text(change(source))))
    }

    /// An argument that may be left out.
    fn option(&self, node: Option<&'a Node>) -> Step<Option<Cow<'a, str>>> {
        node.map_or(Ok(None), |node| self.text(node))
    }

    fn iif(&self, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let condition = &arguments[0];
        let datum = self.node(condition)?;
        // A check of nothing fails (reference, IIF).
        let holds = if datum.is_null_or_empty() {
            Some(false)
        } else {
            truth(datum)
        };
        match holds {
            Some(true) => self.node(&arguments[1]),
            Some(false) => self.node(&arguments[2]),
            None => self.fail(
                condition,
                ErrorKind::BadArgument,
                "the condition of `IIF` must be True, False or a comparison",
            ),
        }
    }

    fn switch(&self, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let source = self.text_or_empty(&arguments[0])?;
        for pair in arguments[2..].chunks_exact(2) {
            if self.text_or_empty(&pair[0])? == source {
                return self.node(&pair[1]);
            }
        }
        self.node(&arguments[1])
    }

    fn join(&self, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let separator = self.text_or_empty(&arguments[0])?;
        let mut out = String::new();
        let mut add = |part: &str| {
            if !part.is_empty() {
                if !out.is_empty() {
                    out.push_str(&separator);
                }
                out.push_str(part);
            }
        };
        for argument in &arguments[1..] {
            match self.node(argument)? {
                Datum::List(items) => items.iter().for_each(|item| add(item)),
                other @ (Datum::Null | Datum::Bool(_) | Datum::Number(_) | Datum::Text(_)) => {
                    if let Ok(Some(part)) = other.into_text() {
                        add(&part);
                    }
                }
            }
        }
        Ok(Datum::Text(Cow::Owned(out)))
    }

    fn mid(&self, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let source = self.text(&arguments[0])?;
        let start = self.position(&arguments[1])?;
        let Ok(length) = usize::try_from(self.number(&arguments[2])?) else {
            return self.fail(
                &arguments[2],
                ErrorKind::BadArgument,
                "a length is not negative",
            );
        };
        Ok(source.map_or(Datum::Null, |source| {
            Datum::Text(text::slice(source, start - 1, length))
        }))
    }

    /// A position, from 1.
    fn position(&self, node: &'a Node) -> Step<usize> {
        match usize::try_from(self.number(node)?) {
            Ok(position) if position > 0 => Ok(position),
            _ => self.fail(node, ErrorKind::BadArgument, "positions count from 1"),
        }
    }

    fn in_str(&self, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let within = self.text_or_empty(&arguments[0])?;
        let sought = self.text_or_empty(&arguments[1])?;
        let start = match arguments.get(2) {
            Some(node) if node.kind != Kind::NotGiven => self.position(node)?,
            _ => 1,
        };
        let fold = matches!(
            arguments.get(3).map(|node| &node.kind),
            Some(Kind::Word(BareWord::TextCompare))
        );
        let found = text::position(&within, &sought, start, fold);
        Ok(Datum::Number(i64::try_from(found).unwrap_or(i64::MAX)))
    }

    fn item(&self, node: &'a Node, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let list = self.node(&arguments[0])?;
        let index = self.number(&arguments[1])?;
        let place = usize::try_from(index)
            .ok()
            .and_then(|index| index.checked_sub(1));
        let (count, found) = match list {
            Datum::Null => (0, None),
            Datum::List(items) => (
                items.len(),
                place
                    .and_then(|at| items.into_iter().nth(at))
                    .map(Datum::Text),
            ),
            single @ (Datum::Bool(_) | Datum::Number(_) | Datum::Text(_)) => {
                (1, (place == Some(0)).then_some(single))
            }
        };
        match found {
            Some(datum) => Ok(datum),
            None => self.fail(
                node,
                ErrorKind::BadIndex,
                format!("item {index} of a list of {count}; items count from 1"),
            ),
        }
    }

    fn split(&self, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let Some(source) = self.text(&arguments[0])? else {
            return Ok(Datum::Null);
        };
        let delimiter = self.text_or_empty(&arguments[1])?;
        let mut characters = delimiter.chars();
        let (Some(delimiter), None) = (characters.next(), characters.next()) else {
            return self.fail(
                &arguments[1],
                ErrorKind::BadArgument,
                "the delimiter of `Split` is one character",
            );
        };
        // Values are trimmed: the one published example shows it.
        Ok(Datum::List(match source {
            Cow::Borrowed(source) => source
                .split(delimiter)
                .map(|part| Cow::Borrowed(part.trim()))
                .collect(),
            Cow::Owned(source) => source
                .split(delimiter)
                .map(|part| Cow::Owned(part.trim().to_owned()))
                .collect(),
        }))
    }

    fn compare(&self, comparison: Comparison, left: &'a Node, right: &'a Node) -> Step<bool> {
        let (left, right) = (self.side(left)?, self.side(right)?);
        let (Some((left, left_is_number)), Some((right, right_is_number))) = (left, right) else {
            return Ok(false);
        };
        let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        // Two texts are equal as texts (`01` is not `1`); beside a number, digits are a number.
        let numbers = if equality && !left_is_number && !right_is_number {
            None
        } else {
            parse_number(&left).zip(parse_number(&right))
        };
        let order = numbers.map_or_else(|| left.cmp(&right), |(left, right)| left.cmp(&right));
        Ok(match comparison {
            Comparison::Equal => order == Ordering::Equal,
            Comparison::NotEqual => order != Ordering::Equal,
            Comparison::Less => order == Ordering::Less,
            Comparison::LessOrEqual => order != Ordering::Greater,
            Comparison::Greater => order == Ordering::Greater,
            Comparison::GreaterOrEqual => order != Ordering::Less,
        })
    }

    /// One side of a comparison as text, and whether it is a number; `None` for NULL.
    fn side(&self, node: &'a Node) -> Step<Option<(Cow<'a, str>, bool)>> {
        match self.node(node)? {
            Datum::Number(number) => Ok(Some((Cow::Owned(number.to_string()), true))),
            other @ (Datum::Null | Datum::Bool(_) | Datum::Text(_) | Datum::List(_)) => {
                match other.into_text() {
                    Ok(text) => Ok(text.map(|text| (text, false))),
                    Err(count) => self.fail(
                        node,
                        ErrorKind::BadArgument,
                        format!("a list of {count} cannot be compared; take one with Item"),
                    ),
                }
            }
        }
    }
}

/// A value as a condition; `None` when it is neither true nor false.
fn truth(datum: Datum<'_>) -> Option<bool> {
    match datum {
        Datum::Bool(value) => Some(value),
        Datum::Number(number) => Some(number != 0),
        other @ (Datum::Null | Datum::Text(_) | Datum::List(_)) => {
            let text = other.into_text().ok().flatten()?;
            if text.eq_ignore_ascii_case("true") {
                Some(true)
            } else if text.eq_ignore_ascii_case("false") {
                Some(false)
            } else {
                parse_number(&text).map(|number| number != 0)
            }
        }
    }
}

fn parse_number(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}
