//! What is right in a rule and most likely not meant, or slow in the service, and what to write
//! instead.
//!
//! Source: "Create simpler, more efficient rules for dynamic membership groups" and "Manage rules
//! for dynamic membership groups" (entra-docs, identity/users/groups-dynamic-rule-more-efficient,
//! groups-dynamic-membership). Invariant: a suggestion of kind [`Repair::Equivalent`] holds for the
//! same subjects.

mod imply;
mod plain;
mod review;
mod tidy;
mod values;

use jiff::Timestamp;

use super::check::{Checked, Vocabulary};
use super::error::{Fault, RuleError};
use super::formula::{Ask, Atom, Body, Formula, ItemTest, Logic, Test};
use super::properties::{Field, Property};
use super::tree::Notes;
use super::{MEMBER_OF_ENDED, parser, print};
use imply::Facts;
use values::Odd;

pub use review::Review;

/// What can be said of a rule that is right. The names are those of the vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lint {
    /// Conditions that never hold together.
    AlwaysFalse,
    /// Alternatives of which one always holds.
    AlwaysTrue,
    /// Inequalities of one property that one `-notIn` says.
    AndChainToNotIn,
    /// `-contains`: every value is searched.
    AvoidContains,
    /// `-match`: every value is searched with a pattern.
    AvoidMatch,
    /// `memberOf`: a preview that has ended.
    AvoidMemberOf,
    /// A value that the property never has.
    EnumValueNeverMatches,
    /// `-and` beside `-or` without parentheses.
    MixedAndOr,
    /// Alternatives of one property that one `-in` says.
    OrChainToIn,
    /// `_ -eq "[ZTDId]"`: what follows the tag makes it another text.
    PhysicalIdExactTag,
    /// A name in another letter case than the documentation's.
    PropertyCase,
    /// `"null"`: a text of four letters.
    QuotedNull,
    /// What another part says already.
    RedundantCriteria,
    /// An en dash before an operator.
    TypographicDash,
    /// One `'` within `"..."`.
    UnescapedApostrophe,
    /// A body without parentheses before `-and` or `-or`.
    UnparenthesisedQuantifier,
}

impl Lint {
    /// The stable name, for instance `or-chain-to-in`. In the order of the names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AlwaysFalse => "always-false",
            Self::AlwaysTrue => "always-true",
            Self::AndChainToNotIn => "and-chain-to-notin",
            Self::AvoidContains => "avoid-contains",
            Self::AvoidMatch => "avoid-match",
            Self::AvoidMemberOf => "avoid-memberof",
            Self::EnumValueNeverMatches => "enum-value-never-matches",
            Self::MixedAndOr => "mixed-and-or",
            Self::OrChainToIn => "or-chain-to-in",
            Self::PhysicalIdExactTag => "physical-id-exact-tag",
            Self::PropertyCase => "property-case",
            Self::QuotedNull => "quoted-null",
            Self::RedundantCriteria => "redundant-criteria",
            Self::TypographicDash => "typographic-dash",
            Self::UnescapedApostrophe => "unescaped-apostrophe",
            Self::UnparenthesisedQuantifier => "unparenthesised-quantifier",
        }
    }

    /// What is wrong with it, in a sentence.
    pub const fn message(self) -> &'static str {
        match self {
            Self::AlwaysFalse => "the two never hold together; -or, or -in, was meant",
            Self::AlwaysTrue => "one of the two always holds; -and, or -notIn, was meant",
            Self::AndChainToNotIn => "one -notIn says it, and is processed faster",
            Self::AvoidContains => {
                "-contains searches every value and makes processing slow; -startsWith or -eq \
                 where the data allow it"
            }
            Self::AvoidMatch => {
                "-match searches every value with a pattern and makes processing slow; -startsWith, \
                 -endsWith or -eq where the data allow it"
            }
            Self::AvoidMemberOf => {
                "the preview of memberOf ended on 2026-11-03; since then groups keep the members \
                 they had"
            }
            Self::EnumValueNeverMatches => "the property never has this value",
            Self::MixedAndOr => "-and goes before -or; parentheses say what was meant",
            Self::OrChainToIn => "one -in says it, and is processed faster",
            Self::PhysicalIdExactTag => {
                "an id follows the tag, so that no value is the tag alone; -startsWith"
            }
            Self::PropertyCase => "the documentation writes this name in another letter case",
            Self::QuotedNull => "in quotation marks this is a text of these letters; write null",
            Self::RedundantCriteria => "another part of the rule says it already",
            Self::TypographicDash => "this is an en dash, not a hyphen; the service may refuse it",
            Self::UnescapedApostrophe => {
                "an apostrophe is written twice: a single one was seen not \
                                          to match"
            }
            Self::UnparenthesisedQuantifier => {
                "the service may take what follows as part of the body; parentheses say where it \
                 ends"
            }
        }
    }
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing goes wrong.
    Info,
    /// Most likely not meant, or slow.
    Warning,
    /// The group does not get the members that the rule asks for.
    Error,
}

impl Level {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// What.
    pub lint: Lint,
    /// How much it matters.
    pub level: Level,
    /// The part of the rule.
    pub part: String,
}

/// What a suggested rule is to the one that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// It holds for the same subjects.
    Equivalent,
    /// It holds for those that were most likely meant.
    Fix,
}

impl Repair {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::Fix => "fix",
        }
    }
}

/// What to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The rule.
    pub rule: String,
    /// What it is to the one that was given.
    pub repair: Repair,
}

/// What there is to say about a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// By name, then as they stand in the rule.
    pub remarks: Vec<Remark>,
    /// With all that can be mended mended.
    pub suggestion: Option<Suggestion>,
    /// What somebody should think about, which no other text of the rule mends.
    pub review: Vec<Review>,
}

impl Advice {
    /// What was found, each once, by name.
    pub fn lints(&self) -> Vec<Lint> {
        let mut out: Vec<Lint> = self.remarks.iter().map(|remark| remark.lint).collect();
        out.sort_unstable();
        out.dedup();
        out
    }
}

/// Looks at a rule. At an instant it is known whether `memberOf` still works.
///
/// # Errors
///
/// The rule is none; see [`super::Rule::compile`].
pub fn lint(
    source: &str,
    vocabulary: Vocabulary<'_>,
    now: Option<Timestamp>,
) -> Result<Advice, RuleError> {
    let read = || -> Result<_, Fault> {
        super::check_length(source)?;
        let written = parser::parse(source)?;
        let checked = super::check::check(&written.root, vocabulary)?;
        Ok((checked, written.notes))
    };
    let (checked, notes) = read().map_err(|fault| fault.in_rule(source))?;
    Ok(advise(source, &checked, &notes, now))
}

fn advise(source: &str, checked: &Checked, notes: &Notes, now: Option<Timestamp>) -> Advice {
    let facts = Facts::new(&checked.properties);
    let mut linter = Linter {
        facts: &facts,
        remarks: Vec::new(),
        mended: false,
        fixed: false,
    };
    linter.notes(source, checked, notes);
    let flat = tidy::flat_bodies(&checked.root);
    linter.member_of(&flat, now);
    // Remarks are about what is written; of the mended rule only the rule counts.
    let mended = linter.comparisons(&flat);
    let _ = linter.tidy_rule(&flat);
    let mut remarks = std::mem::take(&mut linter.remarks);
    remarks.sort();
    remarks.dedup();
    let mended = linter.settled(mended);
    let suggestion = linter.mended.then(|| Suggestion {
        rule: print::print(&mended, &checked.properties),
        repair: if linter.fixed {
            Repair::Fix
        } else {
            Repair::Equivalent
        },
    });
    // What was written more closely than it is printed may be too long then.
    let suggestion = suggestion.filter(|it| super::check_length(&it.rule).is_ok());
    Advice {
        remarks,
        suggestion,
        review: review::review(checked),
    }
}

/// What was found so far.
struct Linter<'f> {
    facts: &'f Facts<'f>,
    remarks: Vec<Remark>,
    /// A remark has something to write instead.
    mended: bool,
    /// ... which holds for others.
    fixed: bool,
}

impl Linter<'_> {
    fn say(&mut self, lint: Lint, part: String) {
        let level = match lint {
            Lint::AlwaysFalse
            | Lint::AlwaysTrue
            | Lint::EnumValueNeverMatches
            | Lint::PhysicalIdExactTag
            | Lint::QuotedNull => Level::Error,
            Lint::PropertyCase => Level::Info,
            // Microsoft's own pages print it.
            Lint::RedundantCriteria if part.ends_with(".objectId -ne null") => Level::Info,
            Lint::AndChainToNotIn
            | Lint::AvoidContains
            | Lint::AvoidMatch
            | Lint::AvoidMemberOf
            | Lint::MixedAndOr
            | Lint::OrChainToIn
            | Lint::RedundantCriteria
            | Lint::TypographicDash
            | Lint::UnescapedApostrophe
            | Lint::UnparenthesisedQuantifier => Level::Warning,
        };
        self.remarks.push(Remark { lint, level, part });
    }

    /// What only the text shows. Printing the rule mends it.
    fn notes(&mut self, source: &str, checked: &Checked, notes: &Notes) {
        let found = [
            (Lint::TypographicDash, &notes.en_dashes),
            (Lint::UnescapedApostrophe, &notes.lone_apostrophes),
            (Lint::MixedAndOr, &notes.mixed),
        ];
        for (lint, places) in found {
            for at in places {
                self.say(lint, excerpt(source, *at));
                self.mended = true;
            }
        }
        self.fixed |= !notes.lone_apostrophes.is_empty();
        for body in notes.bare_bodies.iter().filter(|body| body.goes_on) {
            self.say(Lint::UnparenthesisedQuantifier, excerpt(source, body.at));
            self.mended = true;
        }
        for spelled in &checked.spelled {
            if spelled.is_odd() {
                self.say(Lint::PropertyCase, spelled.written.clone());
                self.mended = true;
            }
        }
    }

    fn member_of(&mut self, formula: &Formula, now: Option<Timestamp>) {
        let Logic::Is(atom @ Atom::MemberOf { .. }) = formula else {
            return;
        };
        let part = print::print(&Logic::Is(atom.clone()), self.facts.properties);
        self.say(Lint::AvoidMemberOf, part);
        let ended = MEMBER_OF_ENDED.parse().unwrap_or(Timestamp::MAX);
        if now.is_some_and(|now| now >= ended) {
            for remark in &mut self.remarks {
                if remark.lint == Lint::AvoidMemberOf {
                    remark.level = Level::Error;
                }
            }
        }
    }

    /// Comparison by comparison.
    fn comparisons(&mut self, formula: &Formula) -> Formula {
        formula.map(&mut |atom| match atom {
            Atom::Test { property, test } => {
                let show = |test: &Test| {
                    let atom = Atom::Test {
                        property: *property,
                        test: test.clone(),
                    };
                    print::print(&Logic::Is(atom), self.facts.properties)
                };
                let odd = Some(&self.facts.properties[*property]);
                Atom::Test {
                    property: *property,
                    test: self.comparison(test, odd, false, &show),
                }
            }
            Atom::Items {
                property,
                all,
                body,
            } => Atom::Items {
                property: *property,
                all: *all,
                body: self.body(body, &self.facts.properties[*property]),
            },
            Atom::Reports(_) | Atom::MemberOf { .. } => atom.clone(),
        })
    }

    fn body(&mut self, body: &Body, property: &Property) -> Body {
        body.map(&mut |asked| {
            let show = |test: &Test| {
                let asked = ItemTest {
                    field: asked.field,
                    test: test.clone(),
                };
                print::print_body(&Logic::Is(asked))
            };
            let item = asked.field == Field::Item;
            let tagged = item && property.name == "devicePhysicalIds";
            ItemTest {
                field: asked.field,
                test: self.comparison(&asked.test, item.then_some(property), tagged, &show),
            }
        })
    }

    /// `property`: whose values these are. `tagged`: they are physical ids.
    fn comparison(
        &mut self,
        test: &Test,
        property: Option<&Property>,
        tagged: bool,
        show: &dyn Fn(&Test) -> String,
    ) -> Test {
        let mut ask = test.ask.clone();
        match &test.ask {
            Ask::Matches { written, .. } => {
                self.say(Lint::AvoidMatch, show(test));
                if let Some(plain) = plain::anchored(written) {
                    ask = plain;
                    self.mended = true;
                }
            }
            Ask::Contains(_) => self.say(Lint::AvoidContains, show(test)),
            Ask::Is(text) if is_null(&text.written) => {
                self.say(Lint::QuotedNull, show(test));
                ask = Ask::Null;
                self.fix();
            }
            Ask::Is(text) if tagged && is_tag(&text.written) => {
                self.say(Lint::PhysicalIdExactTag, show(test));
                ask = Ask::StartsWith(text.clone());
                self.fix();
            }
            Ask::In { folded, written } => {
                if written.iter().any(|text| is_null(&text.written)) {
                    self.say(Lint::QuotedNull, show(test));
                }
                if folded.len() < written.len() {
                    self.say(Lint::RedundantCriteria, show(test));
                    ask = Ask::one_of(imply::distinct(written.iter().cloned()));
                    self.mended = true;
                }
            }
            Ask::Null
            | Ask::Is(_)
            | Ask::StartsWith(_)
            | Ask::EndsWith(_)
            | Ask::Flag(_)
            | Ask::At(..) => {}
        }
        match property.and_then(|property| values::odd(property, &ask)) {
            Some(Odd::Meant(meant)) => {
                self.say(Lint::EnumValueNeverMatches, show(test));
                ask = meant;
                self.fix();
            }
            Some(Odd::Never) => self.say(Lint::EnumValueNeverMatches, show(test)),
            None => {}
        }
        Test {
            ask,
            negated: test.negated,
        }
    }

    fn fix(&mut self) {
        self.mended = true;
        self.fixed = true;
    }

    /// Until there is nothing more to do.
    fn settled(&mut self, formula: Formula) -> Formula {
        let mut before = formula;
        loop {
            let after = self.tidy_rule(&tidy::flat_bodies(&before));
            if after == before {
                return after;
            }
            before = after;
        }
    }
}

/// The rule from a place on, as far as it fits.
fn excerpt(source: &str, at: usize) -> String {
    const LONGEST: usize = 40;
    let rest = &source[at..];
    match rest.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ...", &rest[..end]),
        None => rest.to_owned(),
    }
}

fn is_null(text: &str) -> bool {
    text.eq_ignore_ascii_case("null") || text.eq_ignore_ascii_case("$null")
}

/// `[ZTDId]` without anything behind it.
fn is_tag(text: &str) -> bool {
    let inside = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    inside.is_some_and(|tag| !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric()))
}
