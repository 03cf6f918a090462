//! Connectives with less in them that hold for the same subjects.

use super::super::formula::{Ask, Atom, Body, Formula, ItemTest, Logic, Quoted, Test};
use super::super::print;
use super::super::properties::Property;
use super::imply::{Compared, Facts, contradicts, covers, distinct, implies, same};
use super::{Lint, Linter};

/// Connectives directly within the same connective are one.
pub(super) fn flat<A: Clone>(formula: &Logic<A>) -> Logic<A> {
    match formula {
        Logic::Or(within) => {
            let mut parts = Vec::new();
            for part in within {
                match flat(part) {
                    Logic::Or(inner) => parts.extend(inner),
                    part @ (Logic::And(_) | Logic::Not(_) | Logic::Is(_)) => parts.push(part),
                }
            }
            Logic::Or(parts)
        }
        Logic::And(within) => {
            let mut parts = Vec::new();
            for part in within {
                match flat(part) {
                    Logic::And(inner) => parts.extend(inner),
                    part @ (Logic::Or(_) | Logic::Not(_) | Logic::Is(_)) => parts.push(part),
                }
            }
            Logic::And(parts)
        }
        Logic::Not(inner) => Logic::Not(Box::new(flat(inner))),
        Logic::Is(atom) => Logic::Is(atom.clone()),
    }
}

/// The same with flat bodies.
pub(super) fn flat_bodies(formula: &Formula) -> Formula {
    flat(formula).map(&mut |atom| match atom {
        Atom::Items {
            property,
            all,
            body,
        } => Atom::Items {
            property: *property,
            all: *all,
            body: flat(body),
        },
        Atom::Test { .. } | Atom::Reports(_) | Atom::MemberOf { .. } => atom.clone(),
    })
}

impl Linter<'_> {
    /// The rule and the bodies in it.
    pub(super) fn tidy_rule(&mut self, formula: &Formula) -> Formula {
        let bodies = formula.map(&mut |atom| match atom {
            Atom::Items {
                property,
                all,
                body,
            } => Atom::Items {
                property: *property,
                all: *all,
                body: self.tidy::<ItemTest>(body),
            },
            Atom::Test { .. } | Atom::Reports(_) | Atom::MemberOf { .. } => atom.clone(),
        });
        self.tidy(&bodies)
    }

    fn tidy<A: Compared + Shown>(&mut self, formula: &Logic<A>) -> Logic<A> {
        match formula {
            Logic::Is(_) => formula.clone(),
            Logic::Not(inner) => Logic::Not(Box::new(self.tidy(inner))),
            Logic::Or(parts) => {
                let parts = parts.iter().map(|part| self.tidy(part)).collect();
                self.alternatives(parts)
            }
            Logic::And(parts) => {
                let parts = parts.iter().map(|part| self.tidy(part)).collect();
                self.conditions(parts)
            }
        }
    }

    fn alternatives<A: Compared + Shown>(&mut self, parts: Vec<Logic<A>>) -> Logic<A> {
        let facts = self.facts;
        if let Some((one, other)) = pair(&parts, |one, other| covers(one, other, facts)) {
            let part = format!("{} -or {}", self.show(one), self.show(other));
            self.say(Lint::AlwaysTrue, part);
        }
        let distinct = keep(parts, |one, other| same(one, other, facts));
        self.mend(Lint::RedundantCriteria, &distinct.dropped);
        let chained = equality_chain(distinct.kept.clone(), facts);
        let kept = keep(distinct.kept, |dropped, by| implies(dropped, by, facts));
        self.mend(Lint::RedundantCriteria, &kept.dropped);
        self.mend(Lint::OrChainToIn, &chained.merged);
        let merged = equality_chain(kept.kept, facts);
        one_or(flat(&Logic::Or(merged.parts)))
    }

    fn conditions<A: Compared + Shown>(&mut self, parts: Vec<Logic<A>>) -> Logic<A> {
        let facts = self.facts;
        if let Some((one, other)) = pair(&parts, |one, other| contradicts(one, other, facts)) {
            let part = format!("{} -and {}", self.show(one), self.show(other));
            self.say(Lint::AlwaysFalse, part);
        }
        let distinct = keep(parts, |one, other| same(one, other, facts));
        self.mend(Lint::RedundantCriteria, &distinct.dropped);
        let chained = inequality_chain(distinct.kept.clone(), facts);
        let kept = keep(distinct.kept, |dropped, by| implies(by, dropped, facts));
        self.mend(Lint::RedundantCriteria, &kept.dropped);
        self.mend(Lint::AndChainToNotIn, &chained.merged);
        let merged = inequality_chain(kept.kept, facts);
        one_or(flat(&Logic::And(merged.parts)))
    }

    fn mend<A: Shown>(&mut self, lint: Lint, parts: &[Logic<A>]) {
        for part in parts {
            self.say(lint, self.show(part));
            self.mended = true;
        }
    }

    fn show<A: Shown>(&self, part: &Logic<A>) -> String {
        A::show(part, self.facts.properties)
    }
}

/// What can be printed as a part of a rule.
pub(super) trait Shown: Sized {
    /// As text.
    fn show(part: &Logic<Self>, properties: &[Property]) -> String;
}

impl Shown for Atom {
    fn show(part: &Formula, properties: &[Property]) -> String {
        print::print(part, properties)
    }
}

impl Shown for ItemTest {
    fn show(part: &Body, _: &[Property]) -> String {
        print::print_body(part)
    }
}

/// The first two that go with each other.
fn pair<T>(parts: &[T], together: impl Fn(&T, &T) -> bool) -> Option<(&T, &T)> {
    let mut pairs = parts
        .iter()
        .enumerate()
        .flat_map(|(at, one)| parts[at + 1..].iter().map(move |other| (one, other)));
    pairs.find(|(one, other)| together(one, other))
}

struct Kept<T> {
    kept: Vec<T>,
    dropped: Vec<T>,
}

/// Parts without those that another one makes needless; of two that do so to each other the first
/// one stays.
fn keep<T>(parts: Vec<T>, needless: impl Fn(&T, &T) -> bool) -> Kept<T> {
    let mut stays = vec![true; parts.len()];
    // From the last one on, so that of equals the first one stays.
    for at in (0..parts.len()).rev() {
        stays[at] =
            !(0..parts.len()).any(|by| by != at && stays[by] && needless(&parts[at], &parts[by]));
    }
    let mut out = Kept {
        kept: Vec::new(),
        dropped: Vec::new(),
    };
    for (part, stays) in parts.into_iter().zip(stays) {
        if stays {
            out.kept.push(part);
        } else {
            out.dropped.push(part);
        }
    }
    out
}

struct Chained<A> {
    parts: Vec<Logic<A>>,
    /// What came of chains.
    merged: Vec<Logic<A>>,
}

/// The texts that a comparison lists, where it is `-eq` or `-in`, or the complement of one.
fn listed<'a, A: Compared>(
    part: &'a Logic<A>,
    negated: bool,
    facts: &Facts<'_>,
) -> Option<(usize, &'a A, Vec<Quoted>)> {
    let Logic::Is(atom) = part else {
        return None;
    };
    let compared = atom.compared(facts)?;
    if compared.test.negated != negated {
        return None;
    }
    let texts = match &compared.test.ask {
        Ask::Is(text) => vec![text.clone()],
        Ask::In { written, .. } => written.clone(),
        Ask::Null
        | Ask::StartsWith(_)
        | Ask::EndsWith(_)
        | Ask::Contains(_)
        | Ask::Matches { .. }
        | Ask::Flag(_)
        | Ask::At(..) => return None,
    };
    Some((compared.key, atom, texts))
}

fn list<A: Compared>(atom: &A, negated: bool, texts: Vec<Quoted>) -> Logic<A> {
    Logic::Is(atom.with(Test {
        ask: Ask::one_of(distinct(texts)),
        negated,
    }))
}

/// Alternatives that differ in the value of one equality only become one, the longest chain first.
fn equality_chain<A: Compared>(mut parts: Vec<Logic<A>>, facts: &Facts<'_>) -> Chained<A> {
    let mut merged = Vec::new();
    while let Some((members, part)) = longest_chain(&parts, facts) {
        merged.push(part.clone());
        parts[members[0]] = part;
        let mut at = 0;
        parts.retain(|_| {
            at += 1;
            !members[1..].contains(&(at - 1))
        });
    }
    Chained { parts, merged }
}

/// Alternatives of one chain, by their place, and what they are together.
fn longest_chain<A: Compared>(
    parts: &[Logic<A>],
    facts: &Facts<'_>,
) -> Option<(Vec<usize>, Logic<A>)> {
    struct Chain<'p, A> {
        key: usize,
        atom: &'p A,
        rest: Vec<&'p Logic<A>>,
        members: Vec<usize>,
        /// Of each member.
        texts: Vec<Vec<Quoted>>,
    }
    let mut chains: Vec<Chain<'_, A>> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let conditions = match part {
            Logic::And(conditions) => conditions.as_slice(),
            other @ (Logic::Or(_) | Logic::Not(_) | Logic::Is(_)) => std::slice::from_ref(other),
        };
        for (which, condition) in conditions.iter().enumerate() {
            let Some((key, atom, texts)) = listed(condition, false, facts) else {
                continue;
            };
            let rest: Vec<&Logic<A>> = conditions
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != which)
                .map(|(_, condition)| condition)
                .collect();
            let goes_on = |chain: &&mut Chain<'_, A>| {
                chain.key == key
                    && chain.members.last() != Some(&at)
                    && chain.rest.len() == rest.len()
                    && rest
                        .iter()
                        .all(|part| chain.rest.iter().any(|known| same(known, part, facts)))
            };
            if let Some(chain) = chains.iter_mut().find(goes_on) {
                chain.members.push(at);
                chain.texts.push(texts);
            } else {
                chains.push(Chain {
                    key,
                    atom,
                    rest,
                    members: vec![at],
                    texts: vec![texts],
                });
            }
        }
    }
    let mut longest: Option<Chain<'_, A>> = None;
    for chain in chains {
        let best = longest.as_ref().map_or(1, |longest| longest.members.len());
        // Where one alternative has every value, the others are needless and make no chain.
        let all = distinct(chain.texts.iter().flatten().cloned()).len();
        let whole = chain
            .texts
            .iter()
            .any(|own| distinct(own.iter().cloned()).len() == all);
        if chain.members.len() > best && !whole {
            longest = Some(chain);
        }
    }
    let chain = longest?;
    let together = list(
        chain.atom,
        false,
        chain.texts.into_iter().flatten().collect(),
    );
    let part = if chain.rest.is_empty() {
        together
    } else {
        let rest = chain.rest.into_iter().cloned();
        Logic::And(rest.chain([together]).collect())
    };
    Some((chain.members, part))
}

/// Inequalities of one property become one.
fn inequality_chain<A: Compared>(parts: Vec<Logic<A>>, facts: &Facts<'_>) -> Chained<A> {
    let mut out: Vec<Logic<A>> = Vec::new();
    let mut merged: Vec<usize> = Vec::new();
    for part in parts {
        let before = listed(&part, true, facts).and_then(|(key, ..)| {
            let same = |other: &Logic<A>| {
                listed(other, true, facts).is_some_and(|(other, ..)| other == key)
            };
            out.iter().position(same)
        });
        let Some(before) = before else {
            out.push(part);
            continue;
        };
        let (Some((_, atom, mut texts)), Some((.., more))) = (
            listed(&out[before], true, facts),
            listed(&part, true, facts),
        ) else {
            out.push(part);
            continue;
        };
        texts.extend(more);
        out[before] = list(atom, true, texts);
        if !merged.contains(&before) {
            merged.push(before);
        }
    }
    let merged = merged.into_iter().map(|at| out[at].clone()).collect();
    Chained { parts: out, merged }
}

fn one_or<A>(formula: Logic<A>) -> Logic<A> {
    match formula {
        Logic::Or(mut parts) | Logic::And(mut parts) if parts.len() == 1 => parts.remove(0),
        other @ (Logic::Or(_) | Logic::And(_) | Logic::Not(_) | Logic::Is(_)) => other,
    }
}
