//! Microsoft Entra's dynamic membership rules, and the same language over workers.
//!
//! [`Rule::compile`] reads a rule, [`Rule::evaluate`] says whether it holds for somebody, and
//! [`Rule::next_flip`] when it will say something else though nothing changes but the time.
//! Invariant: compiling and evaluating never panic and always end.
//! Source: "Manage rules for dynamic membership groups in Microsoft Entra ID" (entra-docs,
//! identity/users/groups-dynamic-membership).

mod check;
mod error;
mod evaluate;
mod fold;
mod formula;
mod lexer;
pub mod lint;
mod parser;
mod print;
mod properties;
mod set;
mod subject;
#[cfg(test)]
mod tests;
mod tree;
#[cfg(test)]
mod vectors;

use jiff::Timestamp;

pub use check::Vocabulary;
pub use error::{ErrorKind, RuleError};
pub use evaluate::Unknown;
pub use properties::{Kind, Object, Property};
pub use set::{Crossing, Crossings, Record, RuleSet, Scratch};
pub use subject::Subject;

use check::Checked;
use error::Fault;
use evaluate::Reading;
use formula::{Ask, Atom, Formula, Logic, Moment};

/// UTF-16 units of a rule, as its service counts texts.
const LENGTH_MAX: usize = 3072;

/// When the preview of `memberOf` ended: rules with it keep the members they had.
const MEMBER_OF_ENDED: &str = "2026-11-03T00:00:00Z";

/// A rule that is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    checked: Checked,
    frozen_from: Option<Timestamp>,
    reads_clock: bool,
}

/// Whether somebody is a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are, or not.
    Member(bool),
    /// Whoever is one stays one and nobody becomes one: the preview of `memberOf` has ended.
    Frozen,
}

/// What a verdict rests on that Microsoft does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assumption {
    /// A negated comparison holds for a property without a value.
    NullComplement,
}

impl Assumption {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NullComplement => "null-complement",
        }
    }
}

/// A text as rules write it.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::new();
    print::quoted(&mut out, text);
    out
}

impl Rule {
    /// Reads and checks a rule.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it, in the order of [`ErrorKind`].
    pub fn compile(source: &str, vocabulary: Vocabulary<'_>) -> Result<Self, RuleError> {
        Self::read(source, vocabulary).map_err(|fault| fault.in_rule(source))
    }

    fn read(source: &str, vocabulary: Vocabulary<'_>) -> Result<Self, Fault> {
        check_length(source)?;
        let written = parser::parse(source)?;
        let checked = check::check(&written.root, vocabulary)?;
        let of_groups = matches!(checked.root, Logic::Is(Atom::MemberOf { .. }));
        Ok(Self {
            frozen_from: of_groups.then(|| MEMBER_OF_ENDED.parse().unwrap_or(Timestamp::MAX)),
            reads_clock: reads_clock(&checked.root),
            checked,
        })
    }

    /// In one form, which compiles to the same rule.
    pub fn print(&self) -> String {
        print::print(&self.checked.root, &self.checked.properties)
    }

    /// Whom it is about.
    pub const fn object(&self) -> Object {
        self.checked.object
    }

    /// What it reads.
    pub fn properties(&self) -> &[Property] {
        &self.checked.properties
    }

    /// It is `Direct Reports for` somebody.
    pub const fn is_direct_reports(&self) -> bool {
        matches!(self.checked.root, Logic::Is(Atom::Reports(_)))
    }

    /// It has `system.now`: answers change with the time.
    pub const fn reads_clock(&self) -> bool {
        self.reads_clock
    }

    /// Whether somebody is a member at an instant. Without one, `memberOf` is read as before its
    /// preview ended.
    ///
    /// # Errors
    ///
    /// Nobody can say.
    pub fn evaluate(&self, subject: &Subject, now: Option<Timestamp>) -> Result<Verdict, Unknown> {
        if self
            .frozen_from
            .zip(now)
            .is_some_and(|(from, now)| now >= from)
        {
            return Ok(Verdict::Frozen);
        }
        let reading = Reading {
            now,
            null_complement: true,
        };
        let held = self.held(subject)?;
        let bound = subject.bound(&held);
        let holds = evaluate::holds(&self.checked.root, &bound, reading)?;
        Ok(Verdict::Member(holds))
    }

    /// What the verdict about somebody rests on: with another reading it would be another one.
    ///
    /// # Errors
    ///
    /// Nobody can say.
    pub fn assumptions(
        &self,
        subject: &Subject,
        now: Option<Timestamp>,
    ) -> Result<Vec<Assumption>, Unknown> {
        let held = self.held(subject)?;
        let bound = subject.bound(&held);
        let holds = |null_complement| {
            let reading = Reading {
                now,
                null_complement,
            };
            evaluate::holds(&self.checked.root, &bound, reading)
        };
        let turns_on_null = holds(true)? != holds(false)?;
        let assumption = turns_on_null.then_some(Assumption::NullComplement);
        Ok(assumption.into_iter().collect())
    }

    /// The first instant after `now` at which the answer is another one, if nothing changes but
    /// the time.
    ///
    /// # Errors
    ///
    /// Nobody can say.
    pub fn next_flip(
        &self,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Unknown> {
        let held = self.held(subject)?;
        let bound = subject.bound(&held);
        let holds = |now| {
            let reading = Reading {
                now: Some(now),
                null_complement: true,
            };
            evaluate::holds(&self.checked.root, &bound, reading)
        };
        let today = holds(now)?;
        for turn in evaluate::turns(&self.checked.root, &bound, now) {
            if holds(turn)? != today {
                return Ok(Some(turn));
            }
        }
        Ok(None)
    }

    fn held(&self, subject: &Subject) -> Result<Vec<Option<subject::Held>>, Unknown> {
        if self.is_direct_reports() && subject.has_odd_manager() {
            return Err(Unknown::BadValue(
                "`manager` is not an object id".to_owned(),
            ));
        }
        subject
            .held(&self.checked.properties)
            .map_err(Unknown::BadValue)
    }
}

fn check_length(source: &str) -> Result<(), Fault> {
    let length = source.encode_utf16().count();
    if length <= LENGTH_MAX {
        return Ok(());
    }
    let message = format!("{length} characters, and {LENGTH_MAX} are the most");
    Err(Fault::new(ErrorKind::TooLong, 0, message))
}

fn reads_clock(root: &Formula) -> bool {
    let mut reads = false;
    root.each(&mut |atom| {
        reads |= matches!(
            atom,
            Atom::Test {
                test: formula::Test {
                    ask: Ask::At(_, Moment::Now { .. }),
                    ..
                },
                ..
            }
        );
    });
    reads
}
