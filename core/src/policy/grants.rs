//! Groups and licences of one person: what is given, what is kept for a while, what is taken.
//!
//! New before old, so that nobody is without access in between; sensitive ones the other way
//! round. Invariant: what is to be given instead is there before anything is taken, and absence
//! from a file takes nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::decide::GrantTerms;
use super::desk::{Desk, after};
use super::draft::{DraftAction, Reason};
use crate::grants::{Given, Grace, Grant, Granting};
use crate::groups::{Definition, Having};
use crate::model::{Account, FindingKind, Op, Severity};
use crate::state::Identity;

/// The attribute without which the directory gives no licence ("user: assignLicense").
const LOCATION: &str = "usageLocation";

/// The steps of somebody in force.
#[derive(Default)]
pub(super) struct Granted {
    /// Taken away before anything else happens.
    pub(super) takes_first: Vec<DraftAction>,
    /// Given.
    pub(super) gives: Vec<DraftAction>,
    /// Taken away once what comes instead is there.
    pub(super) takes: Vec<DraftAction>,
}

/// What cannot be given.
#[derive(Default)]
struct Doubts {
    /// For want of a country.
    unlocated: BTreeSet<Grant>,
    /// For a service that excludes another one.
    conflicting: BTreeSet<Grant>,
}

impl GrantTerms<'_> {
    /// Whether somebody has something as it is defined.
    fn has(&self, grant: &Grant, given: &Given, definition: &Definition<'_>) -> bool {
        let missing = match grant {
            Grant::Group(key) => self.missing.contains(key),
            Grant::Licence(_) => false,
        };
        let wanted = definition.granting();
        !given.unheard
            && !missing
            && given.id == wanted.id
            && given.disabled_plans == wanted.disabled_plans
    }

    /// Two names for one licence.
    fn same_thing(&self, one: &Grant, other: &Grant) -> bool {
        match (one, other) {
            (Grant::Licence(one), Grant::Licence(other)) => self.catalogue.same(one, other),
            _ => one == other,
        }
    }
}

/// Licences as somebody has them by what was given.
fn having(given: &Given) -> impl Iterator<Item = Having<'_>> {
    let all = given.licences.iter();
    all.map(|sku| (sku.as_str(), given.disabled_plans.as_slice()))
}

impl Desk<'_> {
    /// What somebody in force gets from an instant on, and what is taken from them.
    pub(super) fn grant(
        &mut self,
        identity: &Identity,
        account: Option<&Account>,
        from: Timestamp,
        rule: &str,
        changed: &[String],
    ) -> Granted {
        let Some(terms) = self.cx.grants else {
            return Granted::default();
        };
        let located = has_location(identity, account);
        let mut doubts = Doubts::default();
        let wants = self.belongs.wants.clone();
        let mut gets: BTreeSet<&Grant> = BTreeSet::new();
        for grant in &wants {
            if self.withheld(grant) {
                continue;
            }
            let Some(definition) = terms.groups.definition(grant) else {
                continue;
            };
            if by_hand(account, grant) && !self.person.grants.contains_key(grant) {
                // Somebody put them in before: it is theirs by right from now on.
                let given = definition.granting().given(self.cx.now);
                self.person.grants.insert(grant.clone(), given);
            }
            let given = self.person.grants.get(grant);
            if given.is_some_and(|given| terms.has(grant, given, &definition)) {
                continue;
            }
            if matches!(grant, Grant::Licence(_)) && !located {
                doubts.unlocated.insert(grant.clone());
            } else if self.excluded(terms, grant, &definition, &gets) {
                doubts.conflicting.insert(grant.clone());
            } else {
                gets.insert(grant);
            }
        }
        let mut out = Granted::default();
        for grant in &gets {
            let Some(definition) = terms.groups.definition(grant) else {
                continue;
            };
            let given = self.person.grants.get(*grant).filter(|it| !it.unheard);
            let had = given.map(|it| it.disabled_plans.as_slice());
            let mut granting = definition.granting();
            if let Some(had) = had {
                let off = granting.disabled_plans.iter();
                granting.switched_off = off.filter(|it| !had.contains(it)).cloned().collect();
            }
            let names = names(&definition, changed);
            let op = grant_op(grant);
            out.gives.push(DraftAction {
                granting: Some(granting),
                ..DraftAction::simple(op, from, Reason::RuleHolds { names }, rule)
            });
        }
        licences_last(&mut out.gives);
        // Who cannot be given what comes instead for want of a country keeps what goes.
        let outstanding: BTreeSet<&Grant> = gets.iter().copied().chain(&doubts.unlocated).collect();
        self.end(terms, &gets, &outstanding, changed, &mut out);
        licences_last(&mut out.takes);
        self.tell(&doubts);
        out
    }

    /// Whether a service of something excludes one of what somebody has and keeps, or is to get.
    fn excluded(
        &self,
        terms: GrantTerms<'_>,
        grant: &Grant,
        definition: &Definition<'_>,
        gets: &BTreeSet<&Grant>,
    ) -> bool {
        let clash =
            |those: &Definition<'_>| terms.catalogue.clash(definition.having(), those.having());
        let new = gets.iter().filter_map(|it| terms.groups.definition(it));
        let mut new = new;
        if clash(definition) || new.any(|it| clash(&it)) {
            return true;
        }
        let kept = self.person.grants.iter().filter(|(other, given)| {
            let wanted = self.belongs.wants.contains(*other);
            // What the file no longer names stays.
            let stays = terms.groups.definition(other).is_none();
            *other != grant && !given.unheard && (wanted || stays)
        });
        let mut kept = kept;
        kept.any(|(_, given)| terms.catalogue.clash(definition.having(), having(given)))
    }

    /// What somebody has and is not to have any more.
    fn end(
        &mut self,
        terms: GrantTerms<'_>,
        gets: &BTreeSet<&Grant>,
        outstanding: &BTreeSet<&Grant>,
        changed: &[String],
        out: &mut Granted,
    ) {
        let now = self.cx.now;
        let overlap = self.cx.policy.mover.overlap_days;
        let wants = &self.belongs.wants;
        for (grant, given) in &mut self.person.grants {
            let definition = terms.groups.definition(grant);
            let same = |other: &Grant| terms.same_thing(grant, other);
            if wants.contains(grant) || wants.iter().any(same) {
                given.grace = None;
                if let Some(definition) = definition {
                    given.licences = definition.granting().licences;
                }
                continue;
            }
            if self.belongs.unknown.contains(grant) {
                continue;
            }
            let reason = |names| Reason::RuleEnded { names };
            if given.unheard {
                // They may have it, and nobody says that they should.
                let action = take(grant, given, now, reason(Vec::new()), "mover.groups");
                out.takes.push(action);
                continue;
            }
            // The file says nothing of it: it stays.
            let Some(definition) = definition else {
                continue;
            };
            let makes_way_for: Vec<Grant> = gets
                .iter()
                .filter(|it| {
                    let new = terms.groups.definition(it);
                    new.is_some_and(|new| terms.catalogue.clash(new.having(), having(given)))
                })
                .map(|it| (*it).clone())
                .collect();
            let all = || outstanding.iter().map(|it| (*it).clone());
            let grace = given.grace.get_or_insert_with(|| Grace {
                from: now,
                awaits: all().collect(),
                counted: false,
            });
            // What was to come instead is not to come any more: what is to come now is awaited.
            let before = grace.awaits.len();
            grace.awaits.retain(|it| outstanding.contains(it));
            if grace.awaits.len() < before {
                grace.awaits.extend(all());
            }
            let days = definition.keep_days().unwrap_or(overlap);
            let first = definition.sensitive() || !makes_way_for.is_empty();
            let (list, due) = if first {
                grace.awaits.clear();
                (&mut out.takes_first, now)
            } else {
                // What comes instead is given now at the earliest.
                let from = if grace.awaits.is_empty() {
                    grace.from
                } else {
                    now
                };
                (&mut out.takes, after(from, days))
            };
            let awaits = grace.awaits.iter().cloned().collect();
            let names = names(&definition, changed);
            let mut action = take(grant, given, due, reason(names), "mover.groups");
            if let Some(granting) = &mut action.granting {
                granting.awaits = awaits;
                granting.makes_way_for = makes_way_for;
            }
            list.push(action);
        }
    }

    fn tell(&mut self, doubts: &Doubts) {
        let Doubts {
            unlocated,
            conflicting,
        } = doubts;
        let list = |grants: &BTreeSet<Grant>| {
            let names: Vec<String> = grants.iter().map(Grant::to_string).collect();
            names.join(", ")
        };
        if !unlocated.is_empty() {
            let note = format!(
                "{} cannot be given: the account has no {LOCATION}; map one",
                list(unlocated)
            );
            self.find(FindingKind::LicenceRefused, Severity::Warning, None, note);
        }
        if !conflicting.is_empty() {
            let note = format!(
                "{} is not given: a service of it excludes one that the worker has; give one of \
                 them only, or switch the service off by `disabled_plans`",
                list(conflicting)
            );
            self.find(FindingKind::LicenceConflict, Severity::Warning, None, note);
        }
        if !self.belongs.unknown.is_empty() {
            let note = format!(
                "nobody can say whether the worker is to have {}; left as it is: a pattern of the \
                 rule takes too many steps for one of the values",
                list(&self.belongs.unknown)
            );
            self.find(FindingKind::GrantUndecided, Severity::Warning, None, note);
        }
    }

    /// What is given and taken at a later instant, when other rules hold.
    pub(super) fn grant_later(
        &self,
        before: &BTreeSet<Grant>,
        wants: &BTreeSet<Grant>,
        at: Timestamp,
        account: Option<&Account>,
    ) -> Vec<DraftAction> {
        let Some(terms) = self.cx.grants else {
            return Vec::new();
        };
        let overlap = self.cx.policy.mover.overlap_days;
        let mut first = Vec::new();
        let mut gives = Vec::new();
        let mut takes = Vec::new();
        for grant in wants.difference(before) {
            let has = self.person.grants.contains_key(grant) || by_hand(account, grant);
            let Some(definition) = terms.groups.definition(grant).filter(|_| !has) else {
                continue;
            };
            let names = names(&definition, &[]);
            let reason = Reason::RuleHolds { names };
            gives.push(DraftAction {
                granting: Some(definition.granting()),
                ..DraftAction::simple(grant_op(grant), at, reason, "mover.groups")
            });
        }
        for grant in before.difference(wants) {
            let Some(definition) = terms.groups.definition(grant) else {
                continue;
            };
            let given = self.person.grants.get(grant).cloned();
            let given = given.unwrap_or_else(|| definition.granting().given(at));
            let reason = Reason::RuleEnded {
                names: names(&definition, &[]),
            };
            if definition.sensitive() {
                first.push(take(grant, &given, at, reason, "mover.groups"));
            } else {
                let days = definition.keep_days().unwrap_or(overlap);
                let step = take(grant, &given, after(at, days), reason, "mover.groups");
                takes.push(step.from(at));
            }
        }
        licences_last(&mut gives);
        licences_last(&mut takes);
        first.into_iter().chain(gives).chain(takes).collect()
    }
}

/// Whether somebody is in a group already, and we did not put them there.
fn by_hand(account: Option<&Account>, grant: &Grant) -> bool {
    let holdings = account.and_then(|account| account.holdings.as_deref());
    match grant {
        Grant::Group(key) => holdings.is_some_and(|it| it.groups.iter().any(|g| g.group == *key)),
        Grant::Licence(_) => false,
    }
}

/// The same, from any order.
pub(super) fn by_name(steps: &mut [DraftAction]) {
    steps.sort_by_key(DraftAction::what);
    licences_last(steps);
}

/// Groups that give no licence before those that do, each by name.
fn licences_last(steps: &mut [DraftAction]) {
    steps.sort_by_key(|step| {
        let granting = step.granting.as_ref();
        let licensed = granting.is_some_and(|it| !it.licences.is_empty());
        let group = granting.is_some_and(|it| matches!(it.grant, Grant::Group(_)));
        (!group, licensed)
    });
}

const fn grant_op(grant: &Grant) -> Op {
    match grant {
        Grant::Group(_) => Op::GroupAdd,
        Grant::Licence(_) => Op::LicenceAssign,
    }
}

/// What is written to give something back.
pub(crate) fn giving(grant: &Grant, given: &Given) -> Granting {
    Granting {
        id: given.id.clone(),
        licences: given.licences.clone(),
        disabled_plans: given.disabled_plans.clone(),
        ..Granting::bare(grant.clone())
    }
}

pub(super) fn take(
    grant: &Grant,
    given: &Given,
    due: Timestamp,
    reason: Reason,
    rule: &str,
) -> DraftAction {
    let op = match grant {
        Grant::Group(_) => Op::GroupRemove,
        Grant::Licence(_) => Op::LicenceRemove,
    };
    DraftAction {
        granting: Some(Granting {
            id: given.id.clone(),
            licences: given.licences.clone(),
            ..Granting::bare(grant.clone())
        }),
        ..DraftAction::simple(op, due, reason, rule)
    }
}

/// What a rule reads of workers; of that, what changed, where anything did.
fn names(definition: &Definition<'_>, changed: &[String]) -> Vec<String> {
    let reads = definition.compiled().properties().iter();
    let reads: Vec<String> = reads.map(|property| property.name.clone()).collect();
    let last = |name: &String| name.rsplit('.').next().unwrap_or_default().to_owned();
    let changed: BTreeSet<String> = changed.iter().map(last).collect();
    let some: Vec<String> = reads
        .iter()
        .filter(|it| changed.contains(*it))
        .cloned()
        .collect();
    if some.is_empty() { reads } else { some }
}

fn has_location(identity: &Identity, account: Option<&Account>) -> bool {
    let mapped = identity
        .always
        .get(LOCATION)
        .or_else(|| identity.on_create.get(LOCATION));
    let has = account.and_then(|account| account.attributes.get(LOCATION));
    let value = identity.always.get(LOCATION).or(has).or(mapped);
    value.is_some_and(|value| !value.is_nothing())
}
