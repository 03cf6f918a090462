//! A rule as it was written: its shape is right, its names and values may be anything.

use jiff::Timestamp;

/// What stands behind a dash, or without one: the word as written, its byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'s> {
    pub(super) text: &'s str,
    pub(super) at: usize,
}

/// A whole rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written<'s> {
    pub(super) root: Node<'s>,
    pub(super) notes: Notes,
}

/// What the linter wants to know of the text, and the tree does not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// Bytes of en dashes.
    pub(super) en_dashes: Vec<usize>,
    /// Bytes of texts with a lone apostrophe.
    pub(super) lone_apostrophes: Vec<usize>,
    /// Bytes of `-or` beside an `-and` without parentheses.
    pub(super) mixed: Vec<usize>,
    /// Bytes of quantifiers whose body has no parentheses, and how they go on.
    pub(super) bare_bodies: Vec<BareBody>,
}

/// A quantifier without parentheses around its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BareBody {
    pub(super) at: usize,
    /// A connector follows: the service may read it as part of the body.
    pub(super) goes_on: bool,
}

/// A part of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node<'s> {
    Or(Vec<Node<'s>>),
    And(Vec<Node<'s>>),
    Not(Box<Node<'s>>),
    /// `Direct Reports for "..."`
    Reports {
        manager: String,
        at: usize,
    },
    /// `user.x -any (...)`
    Quantified {
        property: Word<'s>,
        all: bool,
        operator: Word<'s>,
        body: Box<Node<'s>>,
    },
    /// `user.x -eq "..."`, or within a body with an item in place of the property.
    Test {
        left: Word<'s>,
        operator: Word<'s>,
        value: Literal<'s>,
    },
}

/// A value and its byte.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Literal<'s> {
    pub(super) kind: LiteralKind<'s>,
    pub(super) at: usize,
}

impl Literal<'_> {
    /// It has no quotation marks, and is a text all the same where one is compared.
    pub(super) const fn is_bare(&self) -> bool {
        matches!(
            self.kind,
            LiteralKind::Number(_) | LiteralKind::Date(_) | LiteralKind::Boolean(_)
        )
    }
}

/// What a value can be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum LiteralKind<'s> {
    Text(String),
    /// As written: digits.
    Number(&'s str),
    Boolean(bool),
    Null,
    /// As written.
    Date(&'s str),
    /// `system.now`, and what is added as written.
    Now {
        offset: Option<Offset<'s>>,
    },
    List(Vec<Literal<'s>>),
}

/// `-plus P1D` or `-minus P1D`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset<'s> {
    pub(super) back: bool,
    pub(super) duration: Word<'s>,
}

/// A date-time with its zone; without one it is read in UTC, a day as its midnight.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    // The last days of 9999, which stand for "never", are as late as instants can be.
    let local = text.trim_end_matches(['Z', 'z']);
    if text.starts_with("9999-12-3") && local.parse::<jiff::civil::DateTime>().is_ok() {
        return Some(Timestamp::MAX);
    }
    let local = text.parse::<jiff::civil::DateTime>().ok();
    let local = local.or_else(|| {
        let day: jiff::civil::Date = text.parse().ok()?;
        Some(day.at(0, 0, 0, 0))
    })?;
    let zoned = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

/// Seconds of a duration of weeks, days, hours, minutes and seconds, as ISO 8601 writes them.
/// Years and months have no length.
pub(super) fn duration(text: &str) -> Option<i64> {
    let text = text.to_ascii_uppercase();
    let text = text.strip_prefix('P')?;
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut seconds = 0_i64;
    let mut parts = 0;
    let mut read = |mut text: &str, units: &[(char, i64)]| -> Option<()> {
        let mut units = units.iter();
        while !text.is_empty() {
            let digits = text.find(|c: char| !c.is_ascii_digit())?;
            let number: i64 = text[..digits].parse().ok()?;
            let unit = text[digits..].chars().next()?;
            let (_, each) = units.find(|(name, _)| *name == unit)?;
            seconds = seconds.checked_add(number.checked_mul(*each)?)?;
            parts += 1;
            text = &text[digits + unit.len_utf8()..];
        }
        Some(())
    };
    read(date, &[('W', 604_800), ('D', 86_400)])?;
    if let Some(time) = time {
        if time.is_empty() {
            return None;
        }
        read(time, &[('H', 3600), ('M', 60), ('S', 1)])?;
    }
    (parts > 0).then_some(seconds)
}
