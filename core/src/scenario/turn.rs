//! One turn: whoever is touched is decided about, together.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use jiff::SignedDuration;

use super::play::{Play, source};
use super::row::Row;
use crate::circles::Circles;
use crate::digest::WorkerHasher;
use crate::grants::GrantRules;
use crate::model::{Account, Lookup, Op, PersonKey, WorkerId};
use crate::policy::{
    Context, Decision, Draft, DraftAction, GrantTerms, Matching, Seen, Subject, decide,
};
use crate::references::{self, Reference};
use crate::state::{Person, key_prefix};

impl Play<'_> {
    /// The newest accepted data are too old for more than dated cuts.
    pub(super) fn is_stale(&self) -> bool {
        let age = self.now.duration_since(self.accepted.at);
        let most = i64::from(self.params.policy.gates.max_source_age_h);
        age > SignedDuration::from_hours(most)
    }

    pub(super) fn release(&mut self) {
        let stale = self.is_stale();
        let mut touched = BTreeMap::new();
        for (key, person) in &self.people {
            if person.due.is_some_and(|due| due <= self.now) {
                touched.insert(key.clone(), Seen::Before);
            }
        }
        for person in self.awaited() {
            touched.insert(person, Seen::Before);
        }
        let managed = self.managed();
        self.pass(touched, false, stale, managed);
        // Whom somebody waited for is there now.
        let now_there = self.awaited();
        if !now_there.is_empty() {
            self.again(now_there);
        }
    }

    pub(super) fn decide(&self, person: Person, seen: Seen, stale: bool) -> Decision {
        self.decide_with(person, seen, stale, false, false)
    }

    pub(super) fn decide_with(
        &self,
        person: Person,
        seen: Seen,
        stale: bool,
        full: bool,
        in_cycle: bool,
    ) -> Decision {
        let key = person.person.clone();
        let mut subject = Subject {
            person,
            seen,
            in_cycle,
        };
        subject.forget_purged(self.now);
        let answers: Vec<Vec<Account>> = subject
            .questions(&self.target)
            .iter()
            .map(|question: &Lookup| {
                let mut found = self.tenant.answer(question, &key, self.now);
                if matches!(question, Lookup::Key(_)) {
                    // An account that is linked is nobody else's, whatever key it carries.
                    found.retain(|account| !self.is_others(&account.id, &key));
                }
                found
            })
            .collect();
        let missing = BTreeSet::new();
        let cx = Context {
            now: self.now,
            policy: &self.params.policy,
            workflows: self.workflows.as_ref(),
            target: &self.target,
            first_load: false,
            stale,
            matching: Matching::Key,
            full,
            grants: Some(GrantTerms {
                groups: &self.groups,
                catalogue: &self.catalogue,
                missing: &missing,
            }),
        };
        let mut rules = GrantRules::new(&self.groups);
        decide(subject, &answers, &mut rules, &cx)
    }

    pub(super) fn is_others(&self, account: &crate::model::ObjectId, person: &PersonKey) -> bool {
        let mut people = self.people.values();
        people.any(|it| it.person != *person && it.object.as_ref() == Some(account))
    }

    /// Workers whose managers report to each other in a circle.
    pub(super) fn cycles(&self) -> BTreeSet<String> {
        let source = source();
        let hasher = WorkerHasher::new(&source);
        let hash = |worker: &str| key_prefix(hasher.hash(worker));
        let rows = self.rows.iter();
        let managers: BTreeMap<u64, u64> = rows
            .map(|(worker, row)| (hash(worker), hash(&row.manager)))
            .collect();
        let mut circles = Circles::default();
        let mut inside = |worker: &str, row: &Row| {
            let manager_of = |at: u64| Ok::<_, Infallible>(managers.get(&at).copied());
            circles.has(hash(worker), hash(&row.manager), manager_of) == Ok(true)
        };
        let rows = self.rows.iter();
        rows.filter(|(worker, row)| inside(worker, row))
            .map(|(worker, _)| worker.clone())
            .collect()
    }

    pub(super) fn pass(
        &mut self,
        touched: BTreeMap<PersonKey, Seen>,
        full: bool,
        stale: bool,
        managed: u32,
    ) {
        let cycles = if touched.is_empty() {
            BTreeSet::new()
        } else {
            self.cycles()
        };
        let mut laid: Vec<(PersonKey, Decision, bool)> = Vec::new();
        let mut ordered: Vec<(WorkerId, PersonKey, Seen)> = touched
            .into_iter()
            .map(|(key, seen)| {
                let worker = match &seen {
                    Seen::Row { identity, .. } => identity.worker.clone(),
                    Seen::Held | Seen::Absent | Seen::Before => self
                        .people
                        .get(&key)
                        .map_or_else(|| WorkerId::new(key.as_str()), |it| it.worker.clone()),
                };
                (worker, key, seen)
            })
            .collect();
        ordered.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for (worker, key, seen) in ordered {
            let person = self.people.get(&key).cloned().unwrap_or_else(|| {
                let mut person = Person::new(source(), worker.clone());
                person.person = key.clone();
                person
            });
            let from_file = matches!(seen, Seen::Row { .. });
            let in_cycle = cycles.contains(worker.as_str());
            let mut decision = self.decide_with(person, seen, stale, full, in_cycle);
            if let Some(draft) = &mut decision.draft {
                self.name(draft, &mut taken);
            }
            laid.push((key, decision, from_file));
        }
        self.settle_references(&mut laid);
        self.succeed(&mut laid);
        self.cancels(&laid);
        self.guard(&laid, managed);
        self.carry_out(laid);
        if std::mem::take(&mut self.dead) {
            // Another process goes on with what is not on record.
            let open = self.people.iter().filter(|(_, it)| it.unfinished);
            let open: Vec<PersonKey> = open.map(|(key, _)| key.clone()).collect();
            self.again(open);
        }
    }

    /// Whether nothing more is carried out in this pass.
    pub(super) fn dies(&mut self) -> bool {
        match &mut self.fuse {
            Some(0) => {
                self.fuse = None;
                self.dead = true;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        self.dead
    }

    /// Among newcomers of one run the lower worker key chooses first.
    pub(super) fn name(&self, draft: &mut Draft, taken: &mut BTreeSet<String>) {
        let Some(wanted) = draft.new_name(&self.target) else {
            return;
        };
        if taken.insert(wanted) {
            return;
        }
        let others = std::mem::take(&mut draft.other_names);
        for name in others {
            if taken.insert(crate::policy::name_key(name.reveal())) {
                draft.rename(&name, &self.target);
                return;
            }
        }
    }

    pub(super) fn known_worker(&self, worker: &str) -> bool {
        self.rows.contains_key(worker) || self.tenant.by_key(worker).is_some()
    }

    pub(super) fn settle_references(&mut self, laid: &mut [(PersonKey, Decision, bool)]) {
        let coming: BTreeSet<String> = laid
            .iter()
            .filter_map(|(_, decision, _)| decision.draft.as_ref())
            .filter(|draft| draft.actions.iter().any(|it| it.op == Op::UserCreate))
            .map(|draft| draft.worker.as_str().to_owned())
            .collect();
        for (_, decision, _) in laid {
            let Some(draft) = &mut decision.draft else {
                continue;
            };
            if let Some(manager) = references::manager(draft) {
                let manager = manager.as_str();
                let reference = if self.tenant.by_key(manager).is_some() || coming.contains(manager)
                {
                    Reference::Account
                } else if self.known_worker(manager) {
                    Reference::Known
                } else {
                    Reference::Unknown
                };
                references::resolve(draft, &mut decision.person, reference, Some(2));
            }
            let unknown = |step: &DraftAction| {
                let manager = step.manager.as_ref();
                manager.is_some_and(|it| !self.known_worker(it.as_str()))
            };
            draft.scheduled.retain(|step| !unknown(step));
        }
    }

    /// What a step would be remembered by.
    pub(super) fn step_key(person: &PersonKey, step: &DraftAction) -> (PersonKey, Op, String) {
        (person.clone(), step.op, step.what())
    }

    pub(super) fn remember<'s>(
        &mut self,
        person: &PersonKey,
        steps: impl Iterator<Item = &'s DraftAction>,
    ) {
        for step in steps {
            let run = self.run;
            self.planned
                .entry(Self::step_key(person, step))
                .or_insert(run);
        }
    }

    pub(super) fn run_of(&self, person: &PersonKey, step: &DraftAction) -> u32 {
        if step.reason == crate::policy::Reason::AbsentTwice {
            return self.run;
        }
        let known = self.planned.get(&Self::step_key(person, step));
        known.copied().unwrap_or(self.run)
    }
}
