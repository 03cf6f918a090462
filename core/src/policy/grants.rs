//! Groups and licences of one person: what is given, what is kept for a while, what is taken.
//!
//! New before old, so that nobody is without access in between; sensitive ones the other way
//! round. Invariant: what is to be given instead is there before anything is taken, and absence
//! from a file takes nothing.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::decide::GrantTerms;
use super::desk::{Desk, day_start};
use super::draft::{DraftAction, Reason};
use crate::grants::{Given, Grace, Grant, Granting};
use crate::groups::Definition;
use crate::model::{Account, FindingKind, Op, Severity};
use crate::state::{BlockCause, Cut, Identity, Lifecycle};

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

impl Desk<'_> {
    /// From when on somebody who comes has their groups.
    pub(super) fn groups_from(&self, identity: &Identity, zone: &TimeZone) -> Timestamp {
        let days = i64::from(self.cx.policy.joiner.groups_days);
        let day = identity.hire.map(|date| date.saturating_sub(days.days()));
        let from = day.map_or(self.cx.now, |day| day_start(day, zone));
        from.max(self.cx.now)
    }

    /// What somebody in force gets from an instant on, and what is taken from them.
    pub(super) fn grant(
        &mut self,
        identity: &Identity,
        account: Option<&Account>,
        from: Timestamp,
        rule: &str,
        changed: &[String],
    ) -> Granted {
        let Some(GrantTerms { groups, conflicts }) = self.cx.grants else {
            return Granted::default();
        };
        let located = has_location(identity, account);
        let mut unlocated = BTreeSet::new();
        let mut conflicting = BTreeSet::new();
        // What they have and keep, then what they are to get, in the order of names.
        let mut keeps: BTreeSet<&Grant> = BTreeSet::new();
        let mut gets: BTreeSet<&Grant> = BTreeSet::new();
        let wants = &self.belongs.wants;
        for grant in wants {
            let given = self.person.grants.get(grant);
            let same = |given: &Given| {
                let definition = groups.definition(grant);
                definition.is_some_and(|it| it.granting().disabled_plans == given.disabled_plans)
            };
            if given.is_some_and(same) {
                keeps.insert(grant);
            }
        }
        for grant in wants.iter().filter(|grant| !keeps.contains(grant)) {
            let others = keeps.iter().chain(&gets);
            if matches!(grant, Grant::Licence(_)) && !located {
                unlocated.insert(grant.clone());
            } else if others.into_iter().any(|it| conflicts.clash(it, grant)) {
                conflicting.insert(grant.clone());
            } else {
                gets.insert(grant);
            }
        }
        let mut out = Granted::default();
        for grant in &gets {
            let Some(definition) = groups.definition(grant) else {
                continue;
            };
            let names = names(&definition, changed);
            let op = match grant {
                Grant::Group(_) => Op::GroupAdd,
                Grant::Licence(_) => Op::LicenceAssign,
            };
            out.gives.push(DraftAction {
                granting: Some(definition.granting()),
                ..DraftAction::simple(op, from, Reason::RuleHolds { names }, rule)
            });
        }
        let now = self.cx.now;
        let overlap = self.cx.policy.mover.overlap_days;
        for (grant, given) in &mut self.person.grants {
            let definition = groups.definition(grant);
            let Some(definition) = definition.filter(|_| !self.belongs.unknown.contains(grant))
            else {
                // Nobody can say, or the file says nothing of it: it stays.
                continue;
            };
            if wants.contains(grant) {
                given.grace = None;
                continue;
            }
            let first = definition.sensitive() || gets.iter().any(|it| conflicts.clash(it, grant));
            let awaits = || gets.iter().map(|it| (*it).clone()).collect();
            let grace = given.grace.get_or_insert_with(|| Grace {
                from: now,
                awaits: awaits(),
                counted: false,
            });
            grace.awaits.retain(|it| gets.contains(it));
            let days = definition.keep_days().unwrap_or(overlap);
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
            let names = names(&definition, changed);
            let reason = Reason::RuleEnded { names };
            list.push(take(grant, given, due, reason, "mover.groups"));
        }
        self.tell(&unlocated, &conflicting);
        out
    }

    fn tell(&mut self, unlocated: &BTreeSet<Grant>, conflicting: &BTreeSet<Grant>) {
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

    /// What is taken from somebody who is cut off: groups with the cut, licences and what gives
    /// them some days later. Absence is no proof that anybody left.
    pub(super) fn strip(&self, cut: Cut, reason: &Reason) -> Vec<DraftAction> {
        if cut.cause == BlockCause::Absence {
            return Vec::new();
        }
        let block = self.person.block;
        let blocked = block.filter(|_| self.person.lifecycle == Lifecycle::Blocked);
        let cut_at = blocked
            .and_then(|it| it.at)
            .unwrap_or(cut.due.max(self.cx.now));
        let later = after(cut_at, self.cx.policy.leaver.licence_days);
        let (with, without): (Vec<_>, Vec<_>) = self
            .person
            .grants
            .iter()
            .partition(|(_, given)| !given.licences.is_empty());
        let without = without.into_iter().map(|(grant, given)| {
            let rule = "leaver.groups";
            take(grant, given, cut.due, reason.clone(), rule)
        });
        let with = with.into_iter().map(|(grant, given)| {
            let rule = "leaver.licences";
            take(grant, given, later, reason.clone(), rule)
        });
        without.chain(with).collect()
    }

    /// Somebody was cut off and still has something that we gave.
    pub(super) fn has_to_strip(&self) -> bool {
        let absence = self
            .person
            .block
            .is_some_and(|it| it.cut.cause == BlockCause::Absence);
        self.person.lifecycle == Lifecycle::Blocked && !absence && !self.person.grants.is_empty()
    }
}

fn take(grant: &Grant, given: &Given, due: Timestamp, reason: Reason, rule: &str) -> DraftAction {
    let op = match grant {
        Grant::Group(_) => Op::GroupRemove,
        Grant::Licence(_) => Op::LicenceRemove,
    };
    DraftAction {
        granting: Some(Granting {
            grant: grant.clone(),
            id: given.id.clone(),
            licences: given.licences.clone(),
            disabled_plans: Vec::new(),
        }),
        ..DraftAction::simple(op, due, reason, rule)
    }
}

/// Days of 24 hours later.
fn after(from: Timestamp, days: u16) -> Timestamp {
    let wait = SignedDuration::from_hours(24 * i64::from(days));
    from.checked_add(wait).unwrap_or(Timestamp::MAX)
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
