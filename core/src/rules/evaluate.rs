//! A rule for one subject.

use jiff::{SignedDuration, Timestamp};

use super::formula::{Ask, Atom, Body, Formula, Moment, Order, Test, any};
use super::properties::Field;
use super::subject::{Folded, Held, Plan};

/// Why nobody can say whether somebody is a member. Never "not a member".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The subject has a value of another type than its property. Names the property, not the
    /// value.
    #[error("{0}")]
    BadValue(String),
    /// The rule reads `system.now` and was given no instant.
    #[error("the rule reads system.now, and no instant was given")]
    NoInstant,
    /// An offset leads out of the calendar.
    #[error("system.now with this offset is no instant")]
    NoSuchInstant,
    /// A pattern takes more than 1,000,000 steps for a value.
    #[error("a pattern takes too many steps for a value")]
    PatternTooLong,
}

/// What comparisons have to know beside the values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) now: Option<Timestamp>,
    /// Negated comparisons hold for null. Nobody documents it.
    pub(super) null_complement: bool,
}

/// What a subject has, in the order of the properties that are asked for.
#[derive(Clone, Copy)]
pub(super) struct Bound<'s> {
    pub(super) held: &'s [Option<Held>],
    /// The folded id of whom they report to.
    pub(super) reports_to: Option<&'s str>,
}

/// Whether a rule holds.
pub(super) fn holds(
    formula: &Formula,
    bound: &Bound<'_>,
    reading: Reading,
) -> Result<bool, Unknown> {
    formula.holds(&mut |atom| is(atom, bound, reading))
}

/// Whether one expression of it holds.
pub(super) fn is(atom: &Atom, bound: &Bound<'_>, reading: Reading) -> Result<bool, Unknown> {
    match atom {
        Atom::Test { property, test } => whole(test, bound.held[*property].as_ref(), reading),
        Atom::Items {
            property,
            all: every,
            body,
        } => {
            // Every one is: none is not.
            let counts = |item| Ok(item_is(body, item, reading)? != *every);
            let found = match bound.held[*property].as_ref() {
                Some(Held::Texts(items)) => any(items, |item| counts(Item::Text(item)))?,
                Some(Held::Plans(items)) => any(items, |item| counts(Item::Plan(item)))?,
                Some(Held::Flag(_) | Held::Instant(_) | Held::Text(_)) | None => false,
            };
            Ok(found != *every)
        }
        Atom::Reports(manager) => {
            let manager = super::fold::fold(manager);
            Ok(bound.reports_to == Some(&*manager))
        }
        Atom::MemberOf { property, groups } => {
            let Some(Held::Texts(held)) = bound.held[*property].as_ref() else {
                return Ok(false);
            };
            Ok(groups.iter().any(|group| {
                let group = super::fold::fold(group);
                held.iter().any(|held| held.folded == *group)
            }))
        }
    }
}

/// An item of a collection.
#[derive(Clone, Copy)]
enum Item<'h> {
    Text(&'h Folded),
    Plan(&'h Plan),
}

impl<'h> Item<'h> {
    fn field(self, field: Field) -> Option<&'h Folded> {
        match self {
            Self::Text(text) => Some(text),
            Self::Plan(plan) => plan.field(field),
        }
    }
}

fn item_is(body: &Body, item: Item<'_>, reading: Reading) -> Result<bool, Unknown> {
    body.holds(&mut |asked| {
        let value = item.field(asked.field);
        let test = &asked.test;
        if test.ask == Ask::Null {
            return Ok(value.is_none() != test.negated);
        }
        match value {
            Some(value) => Ok(text_is(&test.ask, value)? != test.negated),
            None => Ok(test.negated && reading.null_complement),
        }
    })
}

/// A comparison of a property as a whole.
fn whole(test: &Test, held: Option<&Held>, reading: Reading) -> Result<bool, Unknown> {
    let Some(held) = held else {
        return Ok(if test.ask == Ask::Null {
            !test.negated
        } else {
            test.negated && reading.null_complement
        });
    };
    let is = match held {
        Held::Flag(flag) => test.ask == Ask::Flag(*flag),
        Held::Instant(instant) => {
            if let Ask::At(order, moment) = &test.ask {
                instant_is(*order, *instant, moment, reading)?
            } else {
                false
            }
        }
        Held::Text(text) => text_is(&test.ask, text)?,
        // Some item is.
        Held::Texts(items) => any(items, |item| text_is(&test.ask, item))?,
        Held::Plans(_) => false,
    };
    Ok(is != test.negated)
}

fn instant_is(
    order: Order,
    instant: Timestamp,
    moment: &Moment,
    reading: Reading,
) -> Result<bool, Unknown> {
    let other = match moment {
        Moment::Fixed { instant, .. } => *instant,
        Moment::Now { seconds, .. } => {
            let now = reading.now.ok_or(Unknown::NoInstant)?;
            now.checked_add(SignedDuration::from_secs(*seconds))
                .map_err(|_| Unknown::NoSuchInstant)?
        }
    };
    Ok(match order {
        Order::Same => instant == other,
        Order::NotAfter => instant <= other,
        Order::NotBefore => instant >= other,
    })
}

fn text_is(ask: &Ask, value: &Folded) -> Result<bool, Unknown> {
    let folded = value.folded.as_str();
    Ok(match ask {
        Ask::Is(text) => folded == text.folded,
        Ask::StartsWith(text) => folded.starts_with(&text.folded),
        Ask::EndsWith(text) => folded.ends_with(&text.folded),
        Ask::Contains(text) => folded.contains(&text.folded),
        Ask::In { folded: list, .. } => list.contains(folded),
        Ask::Matches { pattern, .. } => pattern
            .finds(&value.text, &crate::pattern::Steps::new())
            .map_err(|_| Unknown::PatternTooLong)?,
        Ask::Null | Ask::Flag(_) | Ask::At(..) => false,
    })
}

/// Where the answers of comparisons with `system.now` change, whatever the others say: the first
/// instants of the new answer, ascending, after `now`.
pub(super) fn turns(formula: &Formula, bound: &Bound<'_>, now: Timestamp) -> Vec<Timestamp> {
    let mut out = Vec::new();
    formula.each(&mut |atom| out.extend(turn(atom, bound).filter(|turn| *turn > now)));
    out.sort_unstable();
    out.dedup();
    out
}

/// Where the answer of one comparison changes by the time alone.
pub(super) fn turn(atom: &Atom, bound: &Bound<'_>) -> Option<Timestamp> {
    let Atom::Test { property, test } = atom else {
        return None;
    };
    let Ask::At(order, Moment::Now { seconds, .. }) = &test.ask else {
        return None;
    };
    let Some(Held::Instant(instant)) = bound.held[*property].as_ref() else {
        return None;
    };
    // `value <= now + s` from `value - s` on; `value >= now + s` until then, and that instant
    // still.
    let from = instant
        .checked_sub(SignedDuration::from_secs(*seconds))
        .ok()?;
    match order {
        Order::NotAfter => Some(from),
        Order::NotBefore | Order::Same => from.checked_add(SignedDuration::from_nanos(1)).ok(),
    }
}
