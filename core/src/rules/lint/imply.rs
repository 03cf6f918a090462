//! What follows from what, whoever the subject is.
//!
//! Says yes only where it is so by what Microsoft documents: nothing rests on what negated
//! comparisons do with null, but that two of them cannot fail at once.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::super::formula::{Ask, Atom, ItemTest, Logic, Moment, Order, Quoted, Test};
use super::super::properties::{Kind, Property};
use super::plain::plain;

/// Comparisons that one rule may cost: nested connectives multiply them.
const STEPS_MAX: u32 = 200_000;

/// What a rule reads, and how long may be thought about it.
pub(super) struct Facts<'p> {
    pub(super) properties: &'p [Property],
    steps: Cell<u32>,
}

impl<'p> Facts<'p> {
    pub(super) const fn new(properties: &'p [Property]) -> Self {
        Self {
            properties,
            steps: Cell::new(STEPS_MAX),
        }
    }

    /// Takes a step, if one is left. Without one nothing is known to follow from anything.
    fn step(&self) -> bool {
        let left = self.steps.get();
        self.steps.set(left.saturating_sub(1));
        left > 0
    }
}

/// A comparison, with what it is of.
pub(super) trait Compared: Clone + PartialEq {
    /// What it compares, where it is a single comparison.
    fn compared(&self, facts: &Facts<'_>) -> Option<Comparison<'_>>;
    /// The same of another test.
    fn with(&self, test: Test) -> Self;
    /// Whether the other one holds wherever this one does.
    fn implies(&self, other: &Self, facts: &Facts<'_>) -> bool;
}

/// One comparison of a property or of a field of an item.
pub(super) struct Comparison<'t> {
    /// Its place among what can be compared.
    pub(super) key: usize,
    pub(super) test: &'t Test,
    /// There is one value at most, and not an item of several.
    pub(super) single: bool,
}

impl Compared for Atom {
    fn compared(&self, facts: &Facts<'_>) -> Option<Comparison<'_>> {
        let Self::Test { property, test } = self else {
            return None;
        };
        Some(Comparison {
            key: *property,
            test,
            single: facts.properties[*property].kind != Kind::Texts,
        })
    }

    fn with(&self, test: Test) -> Self {
        match self {
            Self::Test { property, .. } => Self::Test {
                property: *property,
                test,
            },
            Self::Items { .. } | Self::Reports(_) | Self::MemberOf { .. } => self.clone(),
        }
    }

    fn implies(&self, other: &Self, facts: &Facts<'_>) -> bool {
        if self == other || is_everybody(other, facts) {
            return true;
        }
        if let (
            Self::Items {
                property: one,
                all,
                body,
            },
            Self::Items {
                property: two,
                all: every,
                body: wider,
            },
        ) = (self, other)
        {
            return one == two && all == every && implies(body, wider, facts);
        }
        comparisons_imply(self, other, facts)
    }
}

impl Compared for ItemTest {
    fn compared(&self, _: &Facts<'_>) -> Option<Comparison<'_>> {
        Some(Comparison {
            key: self.field as usize,
            test: &self.test,
            single: true,
        })
    }

    fn with(&self, test: Test) -> Self {
        Self {
            field: self.field,
            test,
        }
    }

    fn implies(&self, other: &Self, facts: &Facts<'_>) -> bool {
        self == other || comparisons_imply(self, other, facts)
    }
}

fn comparisons_imply<A: Compared>(one: &A, other: &A, facts: &Facts<'_>) -> bool {
    match (one.compared(facts), other.compared(facts)) {
        (Some(one), Some(other)) => {
            one.key == other.key && test_implies(one.test, other.test, one.single)
        }
        _ => false,
    }
}

/// `objectId -ne null`: nobody is without an id.
pub(super) fn is_everybody(atom: &Atom, facts: &Facts<'_>) -> bool {
    matches!(
        atom,
        Atom::Test {
            property,
            test: Test {
                ask: Ask::Null,
                negated: true,
            },
        } if facts.properties[*property].name == "objectId"
    )
}

/// Whether the other one holds wherever this one does.
pub(super) fn implies<A: Compared>(one: &Logic<A>, other: &Logic<A>, facts: &Facts<'_>) -> bool {
    if !facts.step() {
        return false;
    }
    if let Logic::Or(parts) = one {
        return parts.iter().all(|part| implies(part, other, facts));
    }
    if let Logic::And(parts) = other {
        return parts.iter().all(|part| implies(one, part, facts));
    }
    match (one, other) {
        (Logic::Is(one), Logic::Is(other)) => one.implies(other, facts),
        (Logic::Not(one), Logic::Not(other)) => implies(other, one, facts),
        (Logic::And(parts), _) if parts.iter().any(|part| implies(part, other, facts)) => true,
        (_, Logic::Or(parts)) => parts.iter().any(|part| implies(one, part, facts)),
        (_, Logic::Not(inner)) => contradicts(one, inner, facts),
        _ => false,
    }
}

/// Whether the two hold for the same subjects.
pub(super) fn same<A: Compared>(one: &Logic<A>, other: &Logic<A>, facts: &Facts<'_>) -> bool {
    implies(one, other, facts) && implies(other, one, facts)
}

/// Whether the two never hold at once.
pub(super) fn contradicts<A: Compared>(
    one: &Logic<A>,
    other: &Logic<A>,
    facts: &Facts<'_>,
) -> bool {
    if !facts.step() {
        return false;
    }
    match (one, other) {
        (Logic::Or(parts), other) | (other, Logic::Or(parts)) => {
            parts.iter().all(|part| contradicts(part, other, facts))
        }
        (Logic::And(parts), other) | (other, Logic::And(parts)) => {
            parts.iter().any(|part| contradicts(part, other, facts))
        }
        (Logic::Not(inner), other) | (other, Logic::Not(inner)) => implies(other, inner, facts),
        (Logic::Is(one), Logic::Is(other)) => {
            complement(other, facts).is_some_and(|never| one.implies(&never, facts))
        }
    }
}

/// Whether one of the two always holds.
pub(super) fn covers<A: Compared>(one: &Logic<A>, other: &Logic<A>, facts: &Facts<'_>) -> bool {
    match (one, other) {
        (Logic::Not(inner), other) | (other, Logic::Not(inner)) => implies(inner, other, facts),
        (Logic::Is(one), Logic::Is(other)) => {
            complement(one, facts).is_some_and(|never| never.implies(other, facts))
        }
        _ => false,
    }
}

fn complement<A: Compared>(atom: &A, facts: &Facts<'_>) -> Option<A> {
    let test = atom.compared(facts)?.test;
    Some(atom.with(Test {
        ask: test.ask.clone(),
        negated: !test.negated,
    }))
}

fn test_implies(one: &Test, other: &Test, single: bool) -> bool {
    let (a, b) = (plain(&one.ask), plain(&other.ask));
    match (one.negated, other.negated) {
        (false, false) => ask_implies(&a, &b),
        (true, true) => ask_implies(&b, &a),
        (false, true) => single && never_both(&a, &b),
        (true, false) => false,
    }
}

/// Positive comparisons of one value.
fn ask_implies(a: &Ask, b: &Ask) -> bool {
    if let Some(values) = values(a) {
        return values.iter().all(|value| takes(b, value));
    }
    match (a, b) {
        (Ask::Null, Ask::Null) => true,
        (Ask::StartsWith(a), Ask::StartsWith(b)) => a.folded.starts_with(&b.folded),
        (Ask::EndsWith(a), Ask::EndsWith(b)) => a.folded.ends_with(&b.folded),
        (Ask::StartsWith(a) | Ask::EndsWith(a) | Ask::Contains(a), Ask::Contains(b)) => {
            a.folded.contains(&b.folded)
        }
        (Ask::Matches { pattern: a, .. }, Ask::Matches { pattern: b, .. }) => a == b,
        (Ask::Flag(a), Ask::Flag(b)) => a == b,
        (Ask::At(first, from), Ask::At(second, to)) => match (first, second, between(from, to)) {
            (Order::NotAfter | Order::Same, Order::NotAfter, Some(later)) => later >= 0,
            (Order::NotBefore | Order::Same, Order::NotBefore, Some(later)) => later <= 0,
            (Order::Same, Order::Same, Some(later)) => later == 0,
            _ => false,
        },
        _ => false,
    }
}

/// Positive comparisons that no value satisfies both of.
fn never_both(a: &Ask, b: &Ask) -> bool {
    if let Some(values) = values(a) {
        return values.iter().all(|value| !takes(b, value));
    }
    if let Some(values) = values(b) {
        return values.iter().all(|value| !takes(a, value));
    }
    match (a, b) {
        (Ask::Null, b) => *b != Ask::Null,
        (a, Ask::Null) => *a != Ask::Null,
        (Ask::StartsWith(a), Ask::StartsWith(b)) => {
            !a.folded.starts_with(&b.folded) && !b.folded.starts_with(&a.folded)
        }
        (Ask::EndsWith(a), Ask::EndsWith(b)) => {
            !a.folded.ends_with(&b.folded) && !b.folded.ends_with(&a.folded)
        }
        (Ask::Flag(a), Ask::Flag(b)) => a != b,
        (Ask::At(first, from), Ask::At(second, to)) => match (first, second, between(from, to)) {
            (Order::NotAfter | Order::Same, Order::NotBefore, Some(later)) => later > 0,
            (Order::NotBefore | Order::Same, Order::NotAfter, Some(later)) => later < 0,
            (Order::Same, Order::Same, Some(later)) => later != 0,
            _ => false,
        },
        _ => false,
    }
}

/// The only texts that satisfy it, folded.
fn values(ask: &Ask) -> Option<BTreeSet<String>> {
    match ask {
        Ask::Is(text) => Some(BTreeSet::from([text.folded.clone()])),
        Ask::In { folded, .. } => Some(folded.clone()),
        Ask::Null
        | Ask::StartsWith(_)
        | Ask::EndsWith(_)
        | Ask::Contains(_)
        | Ask::Matches { .. }
        | Ask::Flag(_)
        | Ask::At(..) => None,
    }
}

/// Whether a folded text satisfies it.
pub(super) fn takes(ask: &Ask, value: &str) -> bool {
    match ask {
        Ask::Is(text) => value == text.folded,
        Ask::In { folded, .. } => folded.contains(value),
        Ask::StartsWith(text) => value.starts_with(&text.folded),
        Ask::EndsWith(text) => value.ends_with(&text.folded),
        Ask::Contains(text) => value.contains(&text.folded),
        // Patterns ignore case.
        Ask::Matches { pattern, .. } => pattern
            .finds(value, &crate::pattern::Steps::new())
            .unwrap_or(false),
        Ask::Null | Ask::Flag(_) | Ask::At(..) => false,
    }
}

/// Seconds, nanoseconds or whatever from one to the other, where both have the same base: only its
/// sign counts.
fn between(from: &Moment, to: &Moment) -> Option<i128> {
    match (from, to) {
        (Moment::Fixed { instant: from, .. }, Moment::Fixed { instant: to, .. }) => {
            Some(to.as_nanosecond() - from.as_nanosecond())
        }
        (Moment::Now { seconds: from, .. }, Moment::Now { seconds: to, .. }) => {
            Some(i128::from(*to) - i128::from(*from))
        }
        _ => None,
    }
}

/// Texts without those that are there already, letter case ignored.
pub(super) fn distinct(texts: impl IntoIterator<Item = Quoted>) -> Vec<Quoted> {
    let mut seen = BTreeSet::new();
    let mut texts: Vec<Quoted> = texts.into_iter().collect();
    texts.retain(|text| seen.insert(text.folded.clone()));
    texts
}
