//! A rule for one subject.

use jiff::{SignedDuration, Timestamp};

use super::check::{Ask, Expr, ItemExpr, Moment, Order, Test};
use super::properties::Field;
use super::subject::{Folded, Held, Plan, Subject};

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

/// What a subject has, in the order of the rule's properties.
pub(super) struct Bound<'s> {
    pub(super) held: Vec<Option<Held>>,
    pub(super) subject: &'s Subject,
}

/// Whether a rule holds.
pub(super) fn holds(expr: &Expr, bound: &Bound<'_>, reading: Reading) -> Result<bool, Unknown> {
    match expr {
        Expr::Or(parts) => any(parts, |part| holds(part, bound, reading)),
        Expr::And(parts) => all(parts, |part| holds(part, bound, reading)),
        Expr::Not(inner) => Ok(!holds(inner, bound, reading)?),
        Expr::Test { property, test } => whole(test, bound.held[*property].as_ref(), reading),
        Expr::Items {
            property,
            all: every,
            body,
        } => {
            let ask = |item: Item<'_>| item_holds(body, item, reading);
            match bound.held[*property].as_ref() {
                Some(Held::Texts(items)) => quantified(*every, items, |item| ask(Item::Text(item))),
                Some(Held::Plans(items)) => quantified(*every, items, |item| ask(Item::Plan(item))),
                Some(Held::Flag(_) | Held::Instant(_) | Held::Text(_)) | None => Ok(*every),
            }
        }
        Expr::Reports(manager) => {
            let manager = super::fold::fold(manager);
            Ok(bound.subject.reports_to() == Some(&*manager))
        }
        Expr::MemberOf { property, groups } => {
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

fn any<T>(
    parts: &[T],
    mut holds: impl FnMut(&T) -> Result<bool, Unknown>,
) -> Result<bool, Unknown> {
    for part in parts {
        if holds(part)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn all<T>(
    parts: &[T],
    mut holds: impl FnMut(&T) -> Result<bool, Unknown>,
) -> Result<bool, Unknown> {
    Ok(!any(parts, |part| holds(part).map(|holds| !holds))?)
}

fn quantified<T>(
    every: bool,
    items: &[T],
    holds: impl FnMut(&T) -> Result<bool, Unknown>,
) -> Result<bool, Unknown> {
    if every {
        all(items, holds)
    } else {
        any(items, holds)
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

fn item_holds(body: &ItemExpr, item: Item<'_>, reading: Reading) -> Result<bool, Unknown> {
    match body {
        ItemExpr::Or(parts) => any(parts, |part| item_holds(part, item, reading)),
        ItemExpr::And(parts) => all(parts, |part| item_holds(part, item, reading)),
        ItemExpr::Not(inner) => Ok(!item_holds(inner, item, reading)?),
        ItemExpr::Test { field, test } => {
            let value = item.field(*field);
            if test.ask == Ask::Null {
                return Ok(value.is_none() != test.negated);
            }
            match value {
                Some(value) => Ok(text_is(&test.ask, value)? != test.negated),
                None => Ok(test.negated && reading.null_complement),
            }
        }
    }
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
pub(super) fn turns(expr: &Expr, bound: &Bound<'_>, now: Timestamp) -> Vec<Timestamp> {
    let mut out = Vec::new();
    collect_turns(expr, bound, &mut out);
    out.retain(|turn| *turn > now);
    out.sort_unstable();
    out.dedup();
    out
}

fn collect_turns(expr: &Expr, bound: &Bound<'_>, out: &mut Vec<Timestamp>) {
    match expr {
        Expr::Or(parts) | Expr::And(parts) => {
            for part in parts {
                collect_turns(part, bound, out);
            }
        }
        Expr::Not(inner) => collect_turns(inner, bound, out),
        Expr::Test { property, test } => {
            if let (Ask::At(order, Moment::Now { seconds, .. }), Some(Held::Instant(instant))) =
                (&test.ask, bound.held[*property].as_ref())
            {
                // `value <= now + s` from `value - s` on; `value >= now + s` until then, and that
                // instant still.
                let from = instant.checked_sub(SignedDuration::from_secs(*seconds));
                let turn = match order {
                    Order::NotAfter => from,
                    Order::NotBefore | Order::Same => {
                        from.and_then(|from| from.checked_add(SignedDuration::from_nanos(1)))
                    }
                };
                out.extend(turn.ok());
            }
        }
        Expr::Items { .. } | Expr::Reports(_) | Expr::MemberOf { .. } => {}
    }
}
