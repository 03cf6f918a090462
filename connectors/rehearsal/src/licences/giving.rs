//! How groups give out licences: some time after something changed, in the background.
//!
//! Source: "Resolve group license assignment problems" (MicrosoftDocs/entra-docs): what cannot be
//! given is kept with its error, and a group gives new licences all together or not at all.
//! Invariant: nobody loses a seat to somebody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::catalogue::conflict;
use super::ledger::{Given, Grant, Grants, Off, Violation, Who};
use super::{Licences, gives};
use crate::directory::Record;
use crate::journal::Line;
use crate::refusal::Refusal;
use crate::state::State;

/// A user in one group that is looked at.
struct Case {
    /// What the group is to give.
    gives: Arc<Licences>,
    /// Who has a seat already is not in the queue for one.
    had: bool,
    /// How long they have been in it.
    since: Timestamp,
}

/// Group and user.
type Place = (String, String);

#[derive(Default)]
struct Round {
    /// By group.
    gives: BTreeMap<String, Arc<Licences>>,
    cases: BTreeMap<Place, Case>,
    /// What was there before.
    before: BTreeMap<Place, Given>,
}

impl State {
    /// Gives out what groups give by now, and takes back what they no longer do.
    ///
    /// # Errors
    /// 503 where that cannot be kept; it has not happened then, and is tried again.
    pub(crate) fn give_out(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let looks = self.ledger.take_due(now);
        if looks.is_empty() && !self.ledger.errors_due(now) {
            return Ok(());
        }
        let mut round = Round::default();
        for (due, group, who) in looks {
            let users = match who {
                Who::Users(users) => users,
                Who::Everybody => {
                    let all = self.groups.members(&group);
                    all.chain(self.ledger.users_of(&group)).cloned().collect()
                }
            };
            for user in users {
                self.open_case(&mut round, &group, user, due);
            }
        }
        // What is free after this can be given at once.
        for ((group, user), case) in &round.cases {
            if let Some(given) = self.ledger.given(group, user) {
                let mut left = given.clone();
                left.retain(|sku, _| case.gives.contains_key(sku));
                self.change(&mut round.before, group, user, left, now);
            }
        }
        for (user, group) in self.ledger.take_errors() {
            self.open_case(&mut round, &group, user, now);
        }
        let queue: BTreeSet<(bool, Timestamp, &str, &str)> = round
            .cases
            .iter()
            .map(|((group, user), case)| (!case.had, case.since, user.as_str(), group.as_str()))
            .collect();
        for (_, _, user, group) in queue {
            let case = round.cases.get(&(group.to_owned(), user.to_owned()));
            let (Some(case), Some(user)) = (case, self.directory.current(user)) else {
                continue;
            };
            let user = Arc::clone(user);
            let given = self.outcome(&user, group, &case.gives, now);
            self.change(&mut round.before, group, &user.id, given, now);
        }
        self.keep_round(&round)
    }

    fn open_case(&self, round: &mut Round, group: &str, user: String, due: Timestamp) {
        let known = round.gives.entry(group.to_owned()).or_insert_with(|| {
            let group = self.groups.current(group);
            Arc::new(group.map(|group| gives(group)).unwrap_or_default())
        });
        let is = self.groups.holds(group, &user) && self.directory.current(&user).is_some();
        let gives = if is {
            Arc::clone(known)
        } else {
            Arc::default()
        };
        let given = self.ledger.given(group, &user).into_iter().flatten();
        let waits = given.filter(|(_, grant)| grant.error.is_some());
        let case = Case {
            had: gives.keys().any(|sku| self.ledger.holds(sku, &user)),
            since: waits.map(|(_, grant)| grant.since).min().unwrap_or(due),
            gives,
        };
        let place = (group.to_owned(), user);
        round.cases.entry(place).or_insert(case);
    }

    fn change(
        &mut self,
        before: &mut BTreeMap<Place, Given>,
        group: &str,
        user: &str,
        new: Given,
        now: Timestamp,
    ) {
        if self.ledger.given(group, user) == Some(&new).filter(|new| !new.is_empty()) {
            return;
        }
        let old = self.ledger.put(group, user, new, Some(now));
        let place = (group.to_owned(), user.to_owned());
        before.entry(place).or_insert(old);
    }

    /// What a user gets of a group: first what is there as it was, then what is there with other
    /// plans, then what is new. Which error a licence shows whose only trouble is another one of
    /// the group is not documented.
    fn outcome(&self, user: &Record, group: &str, gives: &Licences, now: Timestamp) -> Given {
        let had = self.ledger.given(group, &user.id);
        let had = |sku: &str| had.and_then(|had| had.get(sku));
        let mut plans = BTreeSet::new();
        for (sku, off) in self.ledger.grounds(user, Some(group)) {
            plans.extend(self.enabled(sku, off));
        }
        let rank = |sku: &str, off: &Off| match had(sku).filter(|old| old.error.is_none()) {
            Some(old) if old.disabled_plans == *off => 0,
            Some(_) => 1,
            None => NEW,
        };
        let mut gives: Vec<(u8, &String, &Off)> = gives
            .iter()
            .map(|(sku, off)| (rank(sku, off), sku, off))
            .collect();
        gives.sort_unstable();
        let mut errors: BTreeMap<&String, Violation> = BTreeMap::new();
        for (rank, sku, off) in &gives {
            let seated = self.ledger.holds(sku, &user.id) || self.free(sku) > 0;
            let mut with = plans.clone();
            with.extend(self.enabled(sku, off));
            if *rank > 0 && conflict(&with).is_some() {
                errors.insert(sku, Violation::MutuallyExclusive);
                continue;
            }
            // With a seat or without: what excludes what does not hang on seats.
            plans = with;
            if *rank == NEW && !seated {
                errors.insert(sku, Violation::Count);
            }
        }
        // Whose trouble was another licence keeps that: a seat that went meanwhile is no news.
        let was_other = |sku: &str| had(sku).is_some_and(|it| it.error == Some(Violation::Other));
        let news = |sku: &str, error| error != Violation::Count || !was_other(sku);
        if errors.iter().any(|(sku, error)| news(sku, *error)) {
            errors.retain(|sku, error| news(sku, *error));
        }
        let all = gives
            .iter()
            .all(|(rank, sku, _)| *rank < NEW || !errors.contains_key(*sku));
        let given = gives.iter().map(|(rank, sku, off)| {
            let other = (*rank == NEW && !all).then_some(Violation::Other);
            let error = errors.get(*sku).copied().or(other);
            let same = had(sku).filter(|old| old.error == error && old.disabled_plans == **off);
            let grant = Grant {
                disabled_plans: Off::clone(off),
                error,
                since: same.map_or(now, |same| same.since),
            };
            (String::clone(sku), grant)
        });
        given.collect()
    }

    /// Writes down what has changed; where that fails nothing has.
    fn keep_round(&mut self, round: &Round) -> Result<(), Refusal> {
        let mut grants: BTreeMap<&String, Grants> = BTreeMap::new();
        for (place, old) in &round.before {
            let (group, user) = place;
            let new = self.ledger.given(group, user).cloned().unwrap_or_default();
            if new != *old {
                let grants = grants.entry(group).or_insert_with(|| Grants {
                    licences_of: group.clone(),
                    users: BTreeMap::new(),
                });
                grants.users.insert(user.clone(), new);
            }
        }
        if grants.is_empty() {
            return Ok(());
        }
        let lines: Vec<Line> = grants.into_values().map(Line::Licences).collect();
        let kept = self.write(&lines);
        if kept.is_err() {
            for ((group, user), old) in &round.before {
                self.ledger.put(group, user, old.clone(), None);
            }
            for (group, user) in round.cases.keys() {
                let users = Who::Users(BTreeSet::from([user.clone()]));
                self.ledger.look(group, users, None);
            }
        }
        kept
    }
}

/// The rank of a licence that the group has not given yet.
const NEW: u8 = 2;
