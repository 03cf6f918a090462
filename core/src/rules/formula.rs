//! A rule whose parts are all right: connectives over comparisons.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::fold::fold;
use super::properties::Field;

/// Connectives over something that holds or does not. Two-valued: there is no third state.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Logic<A> {
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    Is(A),
}

/// A whole rule.
pub(super) type Formula = Logic<Atom>;

/// What is asked of an item of a collection.
pub(super) type Body = Logic<ItemTest>;

impl<A> Logic<A> {
    /// Whether it holds; nothing is asked that cannot change the answer.
    pub(super) fn holds<'l, E>(
        &'l self,
        asked: &mut impl FnMut(&'l A) -> Result<bool, E>,
    ) -> Result<bool, E> {
        match self {
            Self::Is(atom) => asked(atom),
            Self::Not(inner) => Ok(!inner.holds(asked)?),
            Self::Or(parts) => any(parts, |part| part.holds(asked)),
            Self::And(parts) => Ok(!any(parts, |part| part.holds(asked).map(|holds| !holds))?),
        }
    }

    /// Every atom, from left to right.
    pub(super) fn each<'l>(&'l self, visit: &mut impl FnMut(&'l A)) {
        match self {
            Self::Is(atom) => visit(atom),
            Self::Not(inner) => inner.each(visit),
            Self::Or(parts) | Self::And(parts) => {
                for part in parts {
                    part.each(visit);
                }
            }
        }
    }

    /// The same connectives over other atoms.
    pub(super) fn map<'l, B>(&'l self, make: &mut impl FnMut(&'l A) -> B) -> Logic<B> {
        let mut all = |parts: &'l [Self]| parts.iter().map(|part| part.map(make)).collect();
        match self {
            Self::Or(parts) => Logic::Or(all(parts)),
            Self::And(parts) => Logic::And(all(parts)),
            Self::Not(inner) => Logic::Not(Box::new(inner.map(make))),
            Self::Is(atom) => Logic::Is(make(atom)),
        }
    }
}

/// Whether one of them is; the first one ends it.
pub(super) fn any<'l, T, E>(
    parts: &'l [T],
    mut is: impl FnMut(&'l T) -> Result<bool, E>,
) -> Result<bool, E> {
    for part in parts {
        if is(part)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One expression of a rule. Properties by their place in the rule's list of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Atom {
    Test {
        property: usize,
        test: Test,
    },
    /// Some item of a collection, or every one.
    Items {
        property: usize,
        all: bool,
        body: Body,
    },
    /// The manager is this one; alone.
    Reports(String),
    /// Somebody is in one of these groups; alone.
    MemberOf {
        property: usize,
        groups: Vec<String>,
    },
}

/// One expression of a body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ItemTest {
    pub(super) field: Field,
    pub(super) test: Test,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Test {
    pub(super) ask: Ask,
    /// The operator is the complement of what is asked: `-ne`, `-notContains` ...
    pub(super) negated: bool,
}

/// What is asked of a value. Texts are folded.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ask {
    Null,
    Is(Quoted),
    StartsWith(Quoted),
    EndsWith(Quoted),
    Contains(Quoted),
    Matches {
        pattern: Box<crate::pattern::Pattern>,
        written: String,
    },
    In {
        folded: BTreeSet<String>,
        written: Vec<Quoted>,
    },
    Flag(bool),
    At(Order, Moment),
}

impl Ask {
    /// One of these texts.
    pub(super) fn one_of(written: Vec<Quoted>) -> Self {
        let folded = written.iter().map(|text| text.folded.clone()).collect();
        Self::In { folded, written }
    }
}

/// A text as it is compared and as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quoted {
    pub(super) folded: String,
    pub(super) written: String,
    /// It stands there without quotation marks: a number, or a date.
    pub(super) bare: bool,
}

impl Quoted {
    pub(super) fn new(written: &str) -> Self {
        Self {
            folded: fold(written).into_owned(),
            written: written.to_owned(),
            bare: false,
        }
    }
}

/// How instants are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Same,
    NotAfter,
    NotBefore,
}

/// What an instant is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Moment {
    Fixed {
        instant: Timestamp,
        written: Quoted,
    },
    /// Seconds from `system.now`, and the offset as written.
    Now {
        seconds: i64,
        offset: Option<(bool, String)>,
    },
}
