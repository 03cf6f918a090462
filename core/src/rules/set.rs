//! Many rules at once: what they ask is asked once, and of each subject only the rules are looked at
//! that can hold.
//!
//! Every distinct comparison is an [`Asked`]; equalities, beginnings and ends of texts are found by
//! the value, the others are asked when a rule wants to know. A rule that cannot hold unless one of
//! a few found comparisons does waits for those: its gate. Invariant: the answers are those of
//! [`Rule::evaluate`], rule by rule.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::evaluate::{self, Bound, Reading, Unknown};
use super::formula::{Ask, Atom, Logic, Quoted, Test};
use super::properties::{Kind, Property};
use super::subject::{Held, Subject};
use super::{Assumption, Rule, print};

/// Rules that are evaluated together, by their place in the list they were made of.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Compiled>,
    slots: Vec<Property>,
    asked: Vec<Asked>,
    found: Vec<Found>,
    /// Folded ids of managers that `Direct Reports for` names, and what asks for them.
    managers: BTreeMap<String, u32>,
    /// By what is asked: the rules that wait for it.
    gated: Vec<Vec<u32>>,
    /// Rules that wait for nothing.
    open: Vec<u32>,
}

#[derive(Debug)]
struct Compiled {
    formula: Logic<Leaf>,
    frozen_from: Option<Timestamp>,
    reads_clock: bool,
}

/// Something that is asked, or its complement.
#[derive(Debug, Clone, Copy)]
struct Leaf {
    asked: u32,
    negated: bool,
}

/// One distinct comparison. Its property is a slot of the set.
#[derive(Debug)]
struct Asked {
    atom: Atom,
    /// It is found by the value, and does not hold where it is not found.
    found: bool,
}

/// What is found by the value of one slot. Texts are folded.
#[derive(Debug, Default)]
struct Found {
    null: Option<u32>,
    flags: [Option<u32>; 2],
    equal: BTreeMap<String, Vec<u32>>,
    starts: Affixes,
    ends: Affixes,
}

/// Beginnings or ends of texts, by their length in bytes.
#[derive(Debug, Default)]
struct Affixes {
    by_text: BTreeMap<String, u32>,
    lengths: Vec<usize>,
}

impl Affixes {
    fn add(&mut self, text: &str, asked: u32) {
        self.by_text.insert(text.to_owned(), asked);
        if !self.lengths.contains(&text.len()) {
            self.lengths.push(text.len());
        }
    }

    /// Whatever the text begins with, or ends with where `part` cuts there.
    fn find<'t>(
        &self,
        text: &'t str,
        part: impl Fn(&'t str, usize) -> Option<&'t str>,
        mut hit: impl FnMut(u32),
    ) {
        for length in &self.lengths {
            let asked = part(text, *length).and_then(|part| self.by_text.get(part));
            if let Some(asked) = asked {
                hit(*asked);
            }
        }
    }
}

/// What a subject has, by the slots of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    held: Vec<Option<Held>>,
    manager: Option<String>,
}

impl Record {
    /// Gives a slot a text, or nothing. Keeps the memory of the text before it.
    pub fn text(&mut self, slot: usize, text: Option<&str>) {
        match (&mut self.held[slot], text) {
            (Some(Held::Text(held)), Some(text)) => held.set(text),
            (held, text) => *held = text.map(|text| Held::text(text.to_owned())),
        }
    }

    /// Takes away what a slot has.
    pub fn clear(&mut self, slot: usize) {
        self.held[slot] = None;
    }

    /// Gives a slot a boolean, or nothing.
    pub fn flag(&mut self, slot: usize, flag: Option<bool>) {
        self.held[slot] = flag.map(Held::Flag);
    }

    /// Gives a slot an instant, or nothing.
    pub fn instant(&mut self, slot: usize, instant: Option<Timestamp>) {
        self.held[slot] = instant.map(Held::Instant);
    }

    /// Gives a slot a value.
    ///
    /// # Errors
    ///
    /// The value is of another kind than the property.
    pub fn value(
        &mut self,
        slot: usize,
        property: &Property,
        value: &serde_json::Value,
    ) -> Result<(), Unknown> {
        self.held[slot] = super::subject::value(property, value).map_err(Unknown::BadValue)?;
        Ok(())
    }

    /// The object id of whom they report to.
    pub fn manager(&mut self, id: Option<&str>) {
        self.manager = id.map(|id| super::fold::fold(id).into_owned());
    }

    fn bound(&self) -> Bound<'_> {
        Bound {
            held: &self.held,
            reports_to: self.manager.as_deref(),
        }
    }
}

/// What was found out about one subject; kept from one to the next for its memory.
#[derive(Debug)]
pub struct Scratch {
    turn: u32,
    /// By what is asked: the turn in which it held.
    holds: Vec<u32>,
    /// ... in which it did not, of what is not found.
    fails: Vec<u32>,
    /// By rule: the turn in which its gate opened.
    opened: Vec<u32>,
    candidates: Vec<u32>,
}

/// A rule that says something else of a subject than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crossing {
    /// Its place in the set.
    pub rule: usize,
    /// The subject comes in, or goes out.
    pub enters: bool,
}

/// What a change does to the verdicts of a set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Crossings {
    /// Ascending by rule.
    pub crossed: Vec<Crossing>,
    /// Rules of which nobody can say, ascending.
    pub unknown: Vec<(usize, Unknown)>,
}

impl RuleSet {
    /// Puts rules together.
    pub fn new(rules: &[Rule]) -> Self {
        let mut set = Self {
            rules: Vec::new(),
            slots: Vec::new(),
            asked: Vec::new(),
            found: Vec::new(),
            managers: BTreeMap::new(),
            gated: Vec::new(),
            open: Vec::new(),
        };
        let mut known = BTreeMap::new();
        for rule in rules {
            let slots: Vec<usize> = rule.properties().iter().map(|p| set.slot_of(p)).collect();
            let formula = rule
                .checked
                .root
                .map(&mut |atom| set.leaf(atom, &slots, &mut known));
            set.rules.push(Compiled {
                formula,
                frozen_from: rule.frozen_from,
                reads_clock: rule.reads_clock,
            });
        }
        set.gated = vec![Vec::new(); set.asked.len()];
        for at in 0..set.rules.len() {
            let rule = u32::try_from(at).expect("fewer rules than a tenant may have");
            match set.gate(&set.rules[at].formula) {
                Some((_, gate)) => {
                    for asked in gate {
                        set.gated[asked as usize].push(rule);
                    }
                }
                None => set.open.push(rule),
            }
        }
        set
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What they read: a record has a value, or nothing, for each.
    pub fn slots(&self) -> &[Property] {
        &self.slots
    }

    /// Somebody who has nothing.
    pub fn record(&self) -> Record {
        Record {
            held: vec![None; self.slots.len()],
            manager: None,
        }
    }

    /// Somebody.
    ///
    /// # Errors
    ///
    /// A value is of another kind than its property.
    pub fn record_of(&self, subject: &Subject) -> Result<Record, Unknown> {
        Ok(Record {
            held: subject.held(&self.slots).map_err(Unknown::BadValue)?,
            manager: subject.reports_to().map(str::to_owned),
        })
    }

    /// The same somebody, as another set asks for them: what that reads and this does not, they have
    /// not.
    pub fn record_for(&self, record: &Record, other: &Self) -> Record {
        let held = other.slots.iter().map(|slot| {
            let at = self.slots.iter().position(|known| known == slot)?;
            record.held[at].clone()
        });
        Record {
            held: held.collect(),
            manager: record.manager.clone(),
        }
    }

    /// Memory to evaluate with.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            turn: 0,
            holds: vec![0; self.asked.len()],
            fails: vec![0; self.asked.len()],
            opened: vec![0; self.rules.len()],
            candidates: Vec::new(),
        }
    }

    /// Gives every rule that holds, and those of which nobody can say, in no order. A rule whose
    /// members are frozen holds for nobody here: whoever is a member stays one.
    pub fn members(
        &self,
        record: &Record,
        now: Option<Timestamp>,
        scratch: &mut Scratch,
        mut member: impl FnMut(usize, Result<(), Unknown>),
    ) {
        self.look(record, scratch);
        let candidates = std::mem::take(&mut scratch.candidates);
        for rule in candidates.iter().chain(&self.open) {
            let rule = *rule as usize;
            match self.holds(rule, record, now, scratch) {
                Ok(true) => member(rule, Ok(())),
                Ok(false) => {}
                Err(unknown) => member(rule, Err(unknown)),
            }
        }
        scratch.candidates = candidates;
    }

    /// Which rules say something else after a change. `then` and `now` are the instants of the one
    /// and the other.
    pub fn crossings(
        &self,
        (before, then): (&Record, Option<Timestamp>),
        (after, now): (&Record, Option<Timestamp>),
        [one, other]: &mut [Scratch; 2],
    ) -> Crossings {
        self.look(before, one);
        self.look(after, other);
        let mut out = Crossings::default();
        let candidates = std::mem::take(&mut one.candidates);
        let more = std::mem::take(&mut other.candidates);
        let again = more.iter().filter(|rule| !one.has_opened(**rule));
        let again: Vec<u32> = again.copied().collect();
        for rule in candidates.iter().chain(&again).chain(&self.open) {
            let rule = *rule as usize;
            let held = self.holds(rule, before, then, one);
            let holds = self.holds(rule, after, now, other);
            match held.and_then(|held| Ok((held, holds?))) {
                Ok((held, holds)) if held != holds => out.crossed.push(Crossing {
                    rule,
                    enters: holds,
                }),
                Ok(_) => {}
                Err(unknown) => out.unknown.push((rule, unknown)),
            }
        }
        (one.candidates, other.candidates) = (candidates, more);
        out.crossed.sort_unstable();
        out.unknown.sort_unstable_by_key(|(rule, _)| *rule);
        out
    }

    /// The properties that a rule reads and two subjects differ in, as rules write them.
    pub fn differs(&self, rule: usize, one: &Record, other: &Record) -> Vec<String> {
        let mut slots = Vec::new();
        self.rules[rule]
            .formula
            .each(&mut |leaf| match self.asked[leaf.asked as usize].atom {
                Atom::Test { property, .. }
                | Atom::Items { property, .. }
                | Atom::MemberOf { property, .. } => slots.push(property),
                Atom::Reports(_) => {}
            });
        slots.sort_unstable();
        slots.dedup();
        let differ = slots
            .into_iter()
            .filter(|slot| one.held[*slot] != other.held[*slot]);
        differ
            .map(|slot| format!("{}.{}", self.slots[slot].object, self.slots[slot].name))
            .collect()
    }

    /// What a rule's verdict about somebody rests on that the vendor does not say.
    ///
    /// # Errors
    ///
    /// Nobody can say.
    pub fn assumptions(
        &self,
        rule: usize,
        record: &Record,
        now: Option<Timestamp>,
    ) -> Result<Vec<Assumption>, Unknown> {
        let holds = |null_complement| {
            self.rules[rule].formula.holds(&mut |leaf| {
                let atom = &self.asked[leaf.asked as usize].atom;
                let reading = Reading {
                    now,
                    null_complement,
                };
                if let Atom::Test { property, test } = atom
                    && test.ask != Ask::Null
                    && record.held[*property].is_none()
                {
                    return Ok(leaf.negated && null_complement);
                }
                Ok(evaluate::is(atom, &record.bound(), reading)? != leaf.negated)
            })
        };
        let turns_on_null = holds(true)? != holds(false)?;
        let assumption = turns_on_null.then_some(Assumption::NullComplement);
        Ok(assumption.into_iter().collect())
    }

    /// The first instant after `now` at which a rule says something else of somebody, if nothing
    /// changes but the time. That nobody can say is a verdict, too: it begins and ends, and takes
    /// nothing from the other rules.
    pub fn next_flip(
        &self,
        record: &Record,
        now: Timestamp,
        scratch: &mut Scratch,
    ) -> Option<Timestamp> {
        let mut first: Option<Timestamp> = None;
        for (rule, compiled) in self.rules.iter().enumerate() {
            if !compiled.reads_clock {
                continue;
            }
            let mut turns = Vec::new();
            compiled.formula.each(&mut |leaf| {
                let atom = &self.asked[leaf.asked as usize].atom;
                turns.extend(evaluate::turn(atom, &record.bound()).filter(|turn| *turn > now));
            });
            turns.sort_unstable();
            let mut at = |instant| {
                self.look(record, scratch);
                self.holds(rule, record, Some(instant), scratch).ok()
            };
            let today = at(now);
            for turn in turns {
                if first.is_some_and(|first| first <= turn) {
                    break;
                }
                if at(turn) != today {
                    first = Some(turn);
                    break;
                }
            }
        }
        first
    }

    fn slot_of(&mut self, property: &Property) -> usize {
        let known = self.slots.iter().position(|slot| slot == property);
        known.unwrap_or_else(|| {
            self.slots.push(property.clone());
            self.found.push(Found::default());
            self.slots.len() - 1
        })
    }

    fn leaf(&mut self, atom: &Atom, slots: &[usize], known: &mut BTreeMap<String, u32>) -> Leaf {
        let (atom, negated) = positive(atom, slots);
        let text = print::print(&Logic::Is(atom.clone()), &self.slots);
        let asked = *known.entry(text).or_insert_with(|| {
            add(
                &mut self.asked,
                &mut self.found,
                &mut self.managers,
                &self.slots,
                atom,
            )
        });
        Leaf { asked, negated }
    }

    /// What a rule needs at least one of, and how much of a population that is likely to be.
    fn gate(&self, formula: &Logic<Leaf>) -> Option<(f64, Vec<u32>)> {
        match formula {
            Logic::Is(leaf) => {
                let asked = &self.asked[leaf.asked as usize];
                let waits = asked.found && !leaf.negated;
                waits.then(|| (self.share(asked), vec![leaf.asked]))
            }
            Logic::Not(_) => None,
            Logic::And(parts) => parts
                .iter()
                .filter_map(|part| self.gate(part))
                .min_by(|one, other| one.0.total_cmp(&other.0)),
            Logic::Or(parts) => {
                let mut all = (0.0, Vec::new());
                for part in parts {
                    let (share, gate) = self.gate(part)?;
                    all.0 += share;
                    all.1.extend(gate);
                }
                all.1.sort_unstable();
                all.1.dedup();
                Some(all)
            }
        }
    }

    /// How many of all subjects satisfy something, guessed: values that are asked for are as
    /// frequent as each other.
    fn share(&self, asked: &Asked) -> f64 {
        let Atom::Test { property, test } = &asked.atom else {
            return 0.001;
        };
        let values = self.found[*property].equal.len() as f64 + 1.0;
        match &test.ask {
            Ask::Is(_) => 1.0 / values,
            Ask::In { folded, .. } => folded.len() as f64 / values,
            Ask::StartsWith(_) | Ask::EndsWith(_) => 0.2,
            Ask::Null => 0.5,
            Ask::Flag(_) | Ask::Contains(_) | Ask::Matches { .. } | Ask::At(..) => 0.9,
        }
    }

    /// Finds whatever is found by the value, and the rules that waited for it.
    fn look(&self, record: &Record, scratch: &mut Scratch) {
        scratch.begin();
        for (found, held) in self.found.iter().zip(&record.held) {
            let mut hit = |asked: u32| {
                scratch.holds[asked as usize] = scratch.turn;
                for rule in &self.gated[asked as usize] {
                    let opened = &mut scratch.opened[*rule as usize];
                    if *opened != scratch.turn {
                        *opened = scratch.turn;
                        scratch.candidates.push(*rule);
                    }
                }
            };
            match held {
                None => found.null.into_iter().for_each(hit),
                Some(Held::Flag(flag)) => {
                    found.flags[usize::from(*flag)].into_iter().for_each(hit);
                }
                Some(Held::Text(text)) => {
                    let text = text.folded.as_str();
                    found
                        .equal
                        .get(text)
                        .into_iter()
                        .flatten()
                        .for_each(|a| hit(*a));
                    found
                        .starts
                        .find(text, |text, length| text.get(..length), &mut hit);
                    let end = |text, length| {
                        let text: &str = text;
                        text.get(text.len().checked_sub(length)?..)
                    };
                    found.ends.find(text, end, &mut hit);
                }
                Some(Held::Instant(_) | Held::Texts(_) | Held::Plans(_)) => {}
            }
        }
        if let Some(asked) = record.manager.as_ref().and_then(|id| self.managers.get(id)) {
            scratch.holds[*asked as usize] = scratch.turn;
            for rule in &self.gated[*asked as usize] {
                scratch.opened[*rule as usize] = scratch.turn;
                scratch.candidates.push(*rule);
            }
        }
    }

    fn holds(
        &self,
        rule: usize,
        record: &Record,
        now: Option<Timestamp>,
        scratch: &mut Scratch,
    ) -> Result<bool, Unknown> {
        let compiled = &self.rules[rule];
        let frozen = compiled.frozen_from.zip(now);
        if frozen.is_some_and(|(from, now)| now >= from) {
            return Ok(false);
        }
        compiled.formula.holds(&mut |leaf| {
            let at = leaf.asked as usize;
            let holds = if scratch.holds[at] == scratch.turn {
                true
            } else if self.asked[at].found || scratch.fails[at] == scratch.turn {
                false
            } else {
                let reading = Reading {
                    now,
                    null_complement: true,
                };
                let holds = evaluate::is(&self.asked[at].atom, &record.bound(), reading)?;
                let said = if holds {
                    &mut scratch.holds
                } else {
                    &mut scratch.fails
                };
                said[at] = scratch.turn;
                holds
            };
            Ok(holds != leaf.negated)
        })
    }
}

impl Scratch {
    fn begin(&mut self) {
        self.candidates.clear();
        if self.turn == u32::MAX {
            for turns in [&mut self.holds, &mut self.fails, &mut self.opened] {
                turns.fill(0);
            }
            self.turn = 0;
        }
        self.turn += 1;
    }

    fn has_opened(&self, rule: u32) -> bool {
        self.opened[rule as usize] == self.turn
    }
}

/// A comparison of slots without its negation, in one spelling.
fn positive(atom: &Atom, slots: &[usize]) -> (Atom, bool) {
    match atom {
        Atom::Test { property, test } => {
            let folded = |text: &Quoted| Quoted::new(&text.folded);
            let ask = match &test.ask {
                Ask::Is(text) => Ask::Is(folded(text)),
                Ask::StartsWith(text) => Ask::StartsWith(folded(text)),
                Ask::EndsWith(text) => Ask::EndsWith(folded(text)),
                Ask::Contains(text) => Ask::Contains(folded(text)),
                Ask::In { folded, .. } => {
                    Ask::one_of(folded.iter().map(|text| Quoted::new(text)).collect())
                }
                other @ (Ask::Null | Ask::Matches { .. } | Ask::Flag(_) | Ask::At(..)) => {
                    other.clone()
                }
            };
            let test_alone = Test {
                ask,
                negated: false,
            };
            let alone = Atom::Test {
                property: slots[*property],
                test: test_alone,
            };
            (alone, test.negated)
        }
        Atom::Items {
            property,
            all,
            body,
        } => {
            let alone = Atom::Items {
                property: slots[*property],
                all: *all,
                body: body.clone(),
            };
            (alone, false)
        }
        Atom::MemberOf { property, groups } => {
            let alone = Atom::MemberOf {
                property: slots[*property],
                groups: groups.clone(),
            };
            (alone, false)
        }
        Atom::Reports(_) => (atom.clone(), false),
    }
}

/// Adds something that is asked, where it is found if it can be.
fn add(
    asked: &mut Vec<Asked>,
    found: &mut [Found],
    managers: &mut BTreeMap<String, u32>,
    slots: &[Property],
    atom: Atom,
) -> u32 {
    let at = u32::try_from(asked.len()).expect("fewer comparisons than rules have characters");
    let is_found = match &atom {
        Atom::Test { property, test } => {
            let single = slots[*property].kind == Kind::Text;
            let found = &mut found[*property];
            match &test.ask {
                Ask::Null => {
                    found.null = Some(at);
                    true
                }
                Ask::Flag(flag) => {
                    found.flags[usize::from(*flag)] = Some(at);
                    true
                }
                Ask::Is(text) if single => {
                    found.equal.entry(text.folded.clone()).or_default().push(at);
                    true
                }
                Ask::In { folded, .. } if single => {
                    for text in folded {
                        found.equal.entry(text.clone()).or_default().push(at);
                    }
                    true
                }
                Ask::StartsWith(text) if single => {
                    found.starts.add(&text.folded, at);
                    true
                }
                Ask::EndsWith(text) if single => {
                    found.ends.add(&text.folded, at);
                    true
                }
                Ask::Is(_)
                | Ask::In { .. }
                | Ask::StartsWith(_)
                | Ask::EndsWith(_)
                | Ask::Contains(_)
                | Ask::Matches { .. }
                | Ask::At(..) => false,
            }
        }
        Atom::Reports(manager) => {
            managers.insert(super::fold::fold(manager).into_owned(), at);
            true
        }
        Atom::Items { .. } | Atom::MemberOf { .. } => false,
    };
    asked.push(Asked {
        atom,
        found: is_found,
    });
    at
}
