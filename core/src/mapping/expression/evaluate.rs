//! Walks the tree for one record.
//!
//! Values are borrowed from the record or the expression where a function leaves them as they
//! are. Depth is bounded by the parser.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::civil::DateTime;

use super::error::{ErrorKind, ExpressionError};
use super::functions::{Function, ReplaceMode};
use super::parser::{BareWord, Comparison, Kind, Node};
use super::trace::Trace;
use super::{Candidates, EvalContext, Evaluated, Input, Lookup, dates, diacritics, generate, text};
use crate::model::Value;
use crate::pattern::{Pattern, Steps, TooLong};

/// A value while it is worked on.
pub(super) enum Datum<'a> {
    Null,
    Bool(bool),
    Number(i64),
    Text(Cow<'a, str>),
    List(Vec<Cow<'a, str>>),
}

/// Why evaluation ends early. An ignored part ignores the whole attribute: it is a decision
/// about the flow, not a value.
pub(super) enum Stop {
    IgnoreAttribute,
    IgnoreObject,
    Failed(Box<ExpressionError>),
}

type Step<T> = Result<T, Stop>;

/// .NET's `DateTimeStyles`. The service runs in UTC: none of them changes what is read.
const STYLES: [&str; 10] = [
    "None",
    "AllowLeadingWhite",
    "AllowTrailingWhite",
    "AllowInnerWhite",
    "AllowWhiteSpaces",
    "NoCurrentDateDefault",
    "AdjustToUniversal",
    "AssumeLocal",
    "AssumeUniversal",
    "RoundtripKind",
];

const NO_DATE: &str = "there is no value here, and a date is needed: test with IsPresent first";

/// Longest text that a function may build.
const RESULT_BYTES_MAX: usize = 1_000_000;

/// The result for one record.
pub(super) fn evaluate(
    source: &str,
    root: &Node,
    lookup: &dyn Lookup,
    context: &EvalContext<'_>,
    trace: Option<&Trace>,
) -> Result<Evaluated, ExpressionError> {
    let walk = Walk {
        source,
        lookup,
        context,
        trace,
        steps: Steps::new(),
    };
    if let Kind::Call(Function::SelectUniqueValue, rules) = &root.kind {
        return walk.candidates(root, rules);
    }
    match walk.node(root) {
        Ok(datum) => Ok(Evaluated::Value(datum.into_value())),
        Err(stop) => stop.into(),
    }
}

impl From<Stop> for Result<Evaluated, ExpressionError> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::IgnoreAttribute => Ok(Evaluated::IgnoreAttribute),
            Stop::IgnoreObject => Ok(Evaluated::IgnoreObject),
            Stop::Failed(error) => Err(*error),
        }
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

    pub(super) fn from_value(value: &'a Value) -> Self {
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
    context: &'a EvalContext<'a>,
    /// Somebody watches.
    trace: Option<&'a Trace>,
    /// Of all its patterns together.
    steps: Steps,
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
            Kind::Call(function, arguments) => {
                let came = self.call(node, *function, arguments);
                let came = came.and_then(|datum| self.bounded(node, datum));
                self.watched(node, came)
            }
            Kind::Compare(comparison, sides) => {
                let came = self.compare(*comparison, &sides[0], &sides[1]);
                self.watched(node, came.map(Datum::Bool))
            }
            Kind::NotGiven
            | Kind::Attribute(_)
            | Kind::Text(_)
            | Kind::Pattern(_)
            | Kind::Number(_)
            | Kind::Word(_) => self.leaf(node),
        }
    }

    fn watched(&self, node: &Node, came: Step<Datum<'a>>) -> Step<Datum<'a>> {
        if let Some(trace) = self.trace {
            trace.note(node, came.as_ref());
        }
        came
    }

    /// Nested calls multiply what they are given: each is stopped at the same length.
    fn bounded(&self, node: &Node, datum: Datum<'a>) -> Step<Datum<'a>> {
        let bytes = match &datum {
            Datum::Text(Cow::Owned(text)) => text.len(),
            Datum::List(items) => items.iter().map(|item| item.len()).sum(),
            Datum::Null | Datum::Bool(_) | Datum::Number(_) | Datum::Text(Cow::Borrowed(_)) => 0,
        };
        self.short_enough(node, bytes)?;
        Ok(datum)
    }

    fn leaf(&self, node: &'a Node) -> Step<Datum<'a>> {
        match &node.kind {
            Kind::NotGiven => Ok(Datum::Null),
            Kind::Attribute(slot) => Ok(match self.lookup.get(*slot) {
                Input::Null => Datum::Null,
                Input::Text(text) => Datum::Text(Cow::Borrowed(text)),
                Input::Value(value) => Datum::from_value(value),
            }),
            Kind::Text(text) => Ok(Datum::Text(Cow::Borrowed(text))),
            Kind::Pattern(pattern) => Ok(Datum::Text(Cow::Borrowed(pattern.source()))),
            Kind::Number(number) => Ok(Datum::Number(*number)),
            Kind::Word(BareWord::IgnoreAttributeFlow) => Err(Stop::IgnoreAttribute),
            Kind::Word(BareWord::IgnoreObjectFlow) => Err(Stop::IgnoreObject),
            Kind::Word(
                BareWord::TextCompare
                | BareWord::BinaryCompare
                | BareWord::Unicode
                | BareWord::Ascii
                | BareWord::Utf8,
            ) => self.fail(node, ErrorKind::Syntax, "this word is not a value"),
            Kind::Compare(..) | Kind::Call(..) => self.node(node),
        }
    }

    fn text(&self, node: &'a Node) -> Step<Option<Cow<'a, str>>> {
        // What most arguments are, without a detour.
        match &node.kind {
            Kind::Text(text) => return Ok(Some(Cow::Borrowed(text))),
            Kind::NotGiven => return Ok(None),
            Kind::Attribute(slot) => match self.lookup.get(*slot) {
                Input::Text(text) => return Ok(Some(Cow::Borrowed(text))),
                Input::Null => return Ok(None),
                Input::Value(_) => {}
            },
            Kind::Pattern(_)
            | Kind::Number(_)
            | Kind::Word(_)
            | Kind::Compare(..)
            | Kind::Call(..) => {}
        }
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
        if let Kind::Text(text) = &node.kind {
            return Ok(Cow::Borrowed(text));
        }
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
        // Functions without arguments do not look at it.
        let first = arguments.first().unwrap_or(node);
        match function {
            Function::AppRoles | Function::AssertiveAppRoles => self.app_roles(first),
            Function::BitAnd => Ok(Datum::Number(
                self.number(first)? & self.number(&arguments[1])?,
            )),
            Function::CDate => Ok(date(self.date(first)?)),
            Function::ConvertFromBase64 => self.decode(node, arguments),
            Function::ConvertToBase64 => self.each(first, |source| {
                let bytes: Vec<u8> = source.encode_utf16().flat_map(u16::to_le_bytes).collect();
                crate::base64::encode(&bytes).into()
            }),
            Function::ConvertToUtf8Hex => self.each(first, |source| {
                crate::digest::hex(source.as_bytes())
                    .to_ascii_uppercase()
                    .into()
            }),
            Function::DateAdd => {
                let interval = self.text_or_empty(first)?;
                let count = self.number(&arguments[1])?;
                let at = self.date(&arguments[2])?;
                let moved = dates::add(&interval, count, at);
                Ok(date(self.checked_date(node, moved)?))
            }
            Function::DateDiff => {
                let interval = self.text_or_empty(first)?;
                let (from, to) = (self.date(&arguments[1])?, self.date(&arguments[2])?);
                let reading = self.context.date_diff;
                let count = dates::difference(&interval, from, to, reading);
                Ok(Datum::Number(self.checked_date(node, count)?))
            }
            Function::DateFromNum => {
                let at = dates::from_file_time(self.number(first)?);
                Ok(date(self.checked_date(node, at)?))
            }
            Function::FormatDateTime => self.format_date(arguments),
            Function::IsString => Ok(Datum::Bool(match self.node(first)? {
                Datum::Null => false,
                Datum::Bool(_) | Datum::Number(_) | Datum::Text(_) => true,
                Datum::List(items) => items.len() < 2,
            })),
            Function::Len => {
                let source = self.text_or_empty(first)?;
                let units = source.encode_utf16().count();
                Ok(Datum::Number(i64::try_from(units).unwrap_or(i64::MAX)))
            }
            Function::NormalizeDiacriticsByCulture => {
                let culture = self.text_or_empty(&arguments[1])?;
                self.each(first, |source| {
                    diacritics::normalize(diacritics::by_culture(source, &culture))
                })
            }
            Function::NumFromDate => {
                let ticks = dates::to_file_time(self.date(first)?);
                Ok(Datum::Number(self.checked_date(node, ticks)?))
            }
            Function::RandomString => self.random(node, arguments),
            Function::Redact => self.node(first),
            Function::RemoveDuplicates => Ok(match self.node(first)? {
                Datum::List(items) => {
                    let mut seen = std::collections::BTreeSet::new();
                    let first = |item: &Cow<'a, str>| seen.insert(item.clone());
                    Datum::List(items.into_iter().filter(first).collect())
                }
                single @ (Datum::Null | Datum::Bool(_) | Datum::Number(_) | Datum::Text(_)) => {
                    single
                }
            }),
            Function::SingleAppRole => self.single_app_role(first),
            Function::DefaultDomain => self.default_domain(node),
            Function::Guid => Ok(Datum::Text(generate::guid(&mut self.bytes(node)?).into())),
            Function::Now => Ok(date(dates::of(self.context.now))),
            Function::SelectUniqueValue => self.fail(
                node,
                ErrorKind::NestedUnique,
                "`SelectUniqueValue` must be the outermost function",
            ),
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
            Function::Join => self.join(node, arguments),
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
            Function::Replace(mode) => self.replace(node, mode, arguments),
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

    fn default_domain(&self, node: &Node) -> Step<Datum<'a>> {
        match self.context.default_domain {
            Some(domain) => Ok(Datum::Text(Cow::Borrowed(domain))),
            None => self.fail(
                node,
                ErrorKind::BadArgument,
                "nobody says what the default domain of the tenant is: `default_domain` in the \
                 mapping file, `--default-domain` of `rollcall eval`",
            ),
        }
    }

    /// Every rule's value in its order: which of them is free, only the target knows.
    fn candidates(&self, node: &'a Node, rules: &'a [Node]) -> Result<Evaluated, ExpressionError> {
        let mut values: Vec<Value> = Vec::new();
        let mut failed = None;
        for rule in rules {
            match self.text(rule) {
                Ok(None) => {}
                Ok(Some(text)) if text.is_empty() => {}
                Ok(Some(text)) => {
                    let value = Value::Text(text.into_owned());
                    if !values.contains(&value) {
                        values.push(value);
                    }
                }
                // What comes behind it may never be needed.
                Err(Stop::Failed(error)) => {
                    failed = Some(error);
                    break;
                }
                Err(stop) if values.is_empty() => return stop.into(),
                Err(_) => break,
            }
        }
        let none_left = failed.unwrap_or_else(|| {
            Box::new(ExpressionError::at(
                ErrorKind::NotUnique,
                "every value that the rules make is taken",
                self.source,
                node.start as usize,
                node.end as usize,
            ))
        });
        Ok(Evaluated::Candidates(Candidates { values, none_left }))
    }

    /// A date: NULL is none.
    fn date(&self, node: &'a Node) -> Step<DateTime> {
        let text = self.text_or_empty(node)?;
        if text.is_empty() {
            return self.fail(node, ErrorKind::BadDate, NO_DATE);
        }
        self.checked_date(node, dates::read(&text))
    }

    fn checked_date<T>(&self, node: &Node, read: Result<T, dates::Wrong>) -> Step<T> {
        match read {
            Ok(read) => Ok(read),
            Err(dates::Wrong::Date) => self.fail(
                node,
                ErrorKind::BadDate,
                "this is no date, not in the form that is declared, or not of the years 1 to 9999",
            ),
            Err(dates::Wrong::Interval) => self.fail(
                node,
                ErrorKind::BadInterval,
                "an interval is yyyy, m (month), d, ww (week), h, n (minute) or s",
            ),
            Err(dates::Wrong::Format) => self.fail(
                node,
                ErrorKind::BadArgument,
                "the date format has a letter, a quote or a length that no format has",
            ),
        }
    }

    /// Four arguments, or three without `dateTimeStyles` as an older page has it.
    fn format_date(&self, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let (styles, input, output) = match arguments {
            [_, styles, input, output] => (Some(styles), input, output),
            _ => (None, &arguments[1], &arguments[2]),
        };
        let mut white = dates::White::default();
        let styles_given = self.option(styles)?.filter(|styles| !styles.is_empty());
        if let Some(styles) = &styles_given {
            let mut named = styles.split(',').map(str::trim);
            if !named.all(|style| STYLES.contains(&style)) {
                return self.fail(
                    &arguments[1],
                    ErrorKind::BadArgument,
                    format!("dateTimeStyles are: {}", STYLES.join(", ")),
                );
            }
            let has = |wanted: &str| {
                let mut named = styles.split(',').map(str::trim);
                named.any(|style| style == wanted || style == "AllowWhiteSpaces")
            };
            white = dates::White {
                leading: has("AllowLeadingWhite"),
                trailing: has("AllowTrailingWhite"),
                inner: has("AllowInnerWhite"),
            };
        }
        let source = self.text_or_empty(&arguments[0])?;
        if source.is_empty() {
            return self.fail(&arguments[0], ErrorKind::BadDate, NO_DATE);
        }
        let (input_text, output_text) = (self.text_or_empty(input)?, self.text_or_empty(output)?);
        for (format, at) in [(&input_text, input), (&output_text, output)] {
            if format.is_empty() {
                return self.fail(at, ErrorKind::BadArgument, "there is no date format here");
            }
        }
        let no_today = styles_given.as_deref().is_some_and(|styles| {
            styles
                .split(',')
                .any(|s| s.trim() == "NoCurrentDateDefault")
        });
        let today = |all: bool| {
            if all && no_today {
                DateTime::constant(1, 1, 1, 0, 0, 0, 0).date()
            } else {
                dates::of(self.context.now).date()
            }
        };
        let read = dates::read_as(&source, &input_text, white, today);
        let read = match read {
            Err(dates::Wrong::Format) => self.checked_date(input, read)?,
            _ => self.checked_date(&arguments[0], read)?,
        };
        let printed = dates::print_as(read, &output_text);
        Ok(Datum::Text(self.checked_date(output, printed)?.into()))
    }

    /// Chance that every replay repeats.
    fn bytes(&self, node: &Node) -> Step<generate::Bytes> {
        match self.context.seed {
            Some(seed) => Ok(generate::Bytes::new(seed, node.start)),
            None => self.fail(
                node,
                ErrorKind::BadArgument,
                "nothing random can be made here: it would be another at the next look",
            ),
        }
    }

    fn random(&self, node: &'a Node, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let mut numbers = [0; 5];
        for (number, argument) in numbers.iter_mut().zip(arguments) {
            *number = match usize::try_from(self.number(argument)?) {
                Ok(number) if number <= generate::LENGTH_MAX => number,
                _ => {
                    return self.fail(
                        argument,
                        ErrorKind::BadArgument,
                        format!("a number from 0 to {} is expected", generate::LENGTH_MAX),
                    );
                }
            };
        }
        let avoid = self.option(arguments.get(5))?.unwrap_or_default();
        let [length, digits, special, upper, lower] = numbers;
        let least = [digits, special, upper, lower];
        match generate::text(&mut self.bytes(node)?, length, least, &avoid) {
            Some(text) => Ok(Datum::Text(text.into())),
            None => self.fail(
                node,
                ErrorKind::BadArgument,
                "the least numbers are more than the length, or all characters of a kind are \
                 avoided",
            ),
        }
    }

    fn decode(&self, node: &'a Node, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let Some(source) = self.text(&arguments[0])? else {
            return Ok(Datum::Null);
        };
        let named;
        let encoding = match arguments.get(1).map(|argument| &argument.kind) {
            None | Some(Kind::NotGiven | Kind::Word(BareWord::Unicode)) => "Unicode",
            Some(Kind::Word(BareWord::Ascii)) => "ASCII",
            Some(Kind::Word(BareWord::Utf8)) => "UTF8",
            Some(_) => {
                named = self.text_or_empty(&arguments[1])?;
                &named
            }
        };
        let bytes = crate::base64::decode(&source);
        let decoded = bytes.and_then(|bytes| match encoding {
            "Unicode" if bytes.len() % 2 == 0 => {
                let units = bytes
                    .chunks_exact(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
                String::from_utf16(&units.collect::<Vec<u16>>()).ok()
            }
            "ASCII" if bytes.is_ascii() => String::from_utf8(bytes).ok(),
            "UTF8" => String::from_utf8(bytes).ok(),
            _ => None,
        });
        match decoded {
            Some(text) => Ok(Datum::Text(text.into())),
            None => self.fail(
                node,
                ErrorKind::BadArgument,
                "this is no base64 of a text in that encoding (Unicode, ASCII or UTF8)",
            ),
        }
    }

    /// The pattern of a `Replace`: compiled with the expression where it is constant.
    fn pattern(&self, node: &'a Node) -> Step<Cow<'a, Pattern>> {
        if let Kind::Pattern(pattern) = &node.kind {
            return Ok(Cow::Borrowed(pattern));
        }
        // An empty pattern would match everywhere; one that is missing is no pattern.
        let Some(text) = self.text(node)? else {
            return self.fail(
                node,
                ErrorKind::BadPattern,
                "there is no value here, and a regular expression is needed",
            );
        };
        match Pattern::new(&text) {
            Ok(pattern) => Ok(Cow::Owned(pattern)),
            // What is wrong with it may quote a value.
            Err(_) => self.fail(node, ErrorKind::BadPattern, "this is no regular expression"),
        }
    }

    fn in_time<T>(&self, node: &Node, found: Result<T, TooLong>) -> Step<T> {
        match found {
            Ok(found) => Ok(found),
            Err(TooLong) => self.fail(
                node,
                ErrorKind::Limit,
                "the pattern tries too many ways to match; write it so that no part can match the \
                 same text twice",
            ),
        }
    }

    fn replace(&self, node: &'a Node, mode: ReplaceMode, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let [source, old, pattern, group, new, attribute, template] = arguments else {
            return self.fail(node, ErrorKind::Arity, "`Replace` takes seven arguments");
        };
        let source = self.text(source)?;
        if mode == ReplaceMode::Attribute {
            return self.replace_by_attribute(node, source, [pattern, group, attribute]);
        }
        let Some(source) = source else {
            return Ok(Datum::Null);
        };
        let replaced = match mode {
            ReplaceMode::Text => {
                let (old, new) = (self.text_or_empty(old)?, self.text_or_empty(new)?);
                return self.exchange(node, source, &old, &new);
            }
            ReplaceMode::Template => {
                let (old, template) = (self.text_or_empty(old)?, self.text_or_empty(template)?);
                return self.exchange(node, template, &old, &source);
            }
            ReplaceMode::Pattern => {
                let with = self.text_or_empty(new)?;
                self.pattern(pattern)?.replace(&source, &with, &self.steps)
            }
            ReplaceMode::Group => {
                let (group, with) = (self.text_or_empty(group)?, self.text_or_empty(new)?);
                self.pattern(pattern)?
                    .replace_group(&source, &group, &with, &self.steps)
            }
            ReplaceMode::Attribute => Ok(None),
        };
        let replaced = self.in_time(node, replaced)?;
        Ok(Datum::Text(replaced.map_or(source, Cow::Owned)))
    }

    /// The source where it has a value, else what the pattern's group finds in the attribute.
    fn replace_by_attribute(
        &self,
        node: &'a Node,
        source: Option<Cow<'a, str>>,
        [pattern, group, attribute]: [&'a Node; 3],
    ) -> Step<Datum<'a>> {
        if let Some(source) = source.filter(|source| !source.is_empty()) {
            return Ok(Datum::Text(source));
        }
        let Some(attribute) = self.text(attribute)? else {
            return Ok(Datum::Null);
        };
        let group = self.text_or_empty(group)?;
        let pattern = self.pattern(pattern)?;
        let found = self.in_time(node, pattern.group(&attribute, &group, &self.steps))?;
        Ok(found.map_or(Datum::Null, |found| Datum::Text(found.into())))
    }

    fn exchange(&self, node: &Node, text: Cow<'a, str>, old: &str, new: &str) -> Step<Datum<'a>> {
        let mut sought = old.chars();
        let single = sought.next().filter(|_| sought.next().is_none());
        let find = |text: &str| match single {
            Some(c) => text.find(c),
            None => text.find(old),
        };
        let first = if old.is_empty() { None } else { find(&text) };
        let Some(first) = first else {
            return Ok(Datum::Text(text));
        };
        if new.len() > old.len() {
            // Nested calls multiply: the length is known before anything is built.
            let found = text[first..].matches(old).count();
            self.short_enough(
                node,
                found.saturating_mul(new.len()).saturating_add(text.len()),
            )?;
        }
        let mut out = String::with_capacity(text.len() + new.len());
        let mut rest = &text[..];
        let mut at = Some(first);
        while let Some(found) = at {
            out.push_str(&rest[..found]);
            out.push_str(new);
            rest = &rest[found + old.len()..];
            at = find(rest);
        }
        out.push_str(rest);
        Ok(Datum::Text(Cow::Owned(out)))
    }

    fn short_enough(&self, node: &Node, bytes: usize) -> Step<()> {
        if bytes > RESULT_BYTES_MAX {
            let message = format!("the result is longer than {RESULT_BYTES_MAX} bytes");
            return self.fail(node, ErrorKind::Limit, message);
        }
        Ok(())
    }

    /// The items of an attribute with app roles.
    fn roles(&self, node: &'a Node) -> Step<Vec<Cow<'a, str>>> {
        Ok(match self.node(node)? {
            Datum::Null => Vec::new(),
            Datum::List(items) => items,
            single @ (Datum::Bool(_) | Datum::Number(_) | Datum::Text(_)) => {
                single.into_text().ok().flatten().into_iter().collect()
            }
        })
    }

    /// One compact JSON object a role, its members in the order id, value, displayName.
    fn app_roles(&self, node: &'a Node) -> Step<Datum<'a>> {
        let roles = self.roles(node)?;
        if roles.is_empty() {
            return Ok(Datum::Null);
        }
        let items = roles.iter().map(|role| text::app_role(role).into());
        Ok(Datum::List(items.collect()))
    }

    fn single_app_role(&self, node: &'a Node) -> Step<Datum<'a>> {
        let mut roles = self.roles(node)?;
        match roles.len() {
            0 => Ok(Datum::Null),
            1 => Ok(Datum::Text(text::app_role_name(roles.remove(0)))),
            count => self.fail(
                node,
                ErrorKind::BadArgument,
                format!("one app role is expected, these are {count}"),
            ),
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

    fn join(&self, node: &Node, arguments: &'a [Node]) -> Step<Datum<'a>> {
        let separator = self.text_or_empty(&arguments[0])?;
        let mut parts: Vec<Cow<'a, str>> = Vec::with_capacity(arguments.len());
        for argument in &arguments[1..] {
            match self.node(argument)? {
                Datum::List(items) => parts.extend(items),
                other @ (Datum::Null | Datum::Bool(_) | Datum::Number(_) | Datum::Text(_)) => {
                    parts.extend(other.into_text().ok().flatten());
                }
            }
        }
        parts.retain(|part| !part.is_empty());
        let length: usize = parts.iter().map(|part| part.len() + separator.len()).sum();
        self.short_enough(node, length)?;
        let mut out = String::with_capacity(length);
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                out.push_str(&separator);
            }
            out.push_str(part);
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
                format!("the list has {count}; items count from 1"),
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
            compare_numbers(&left, &right)
        };
        let order = numbers.unwrap_or_else(|| left.cmp(&right));
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

fn date<'a>(at: DateTime) -> Datum<'a> {
    Datum::Text(dates::print(at).into())
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
                compare_numbers(&text, "0").map(Ordering::is_ne)
            }
        }
    }
}

fn parse_number(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// How two texts compare as numbers, where both are some: digits, a point and more digits where
/// there is a fraction, a sign before them.
fn compare_numbers(left: &str, right: &str) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (parse_number(left), parse_number(right)) {
        return Some(left.cmp(&right));
    }
    let decimal = |text: &str| -> Option<f64> {
        let text = text.trim();
        let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
        text.chars().all(digits).then(|| text.parse().ok())?
    };
    decimal(left)?.partial_cmp(&decimal(right)?)
}
