//! What is kept back in a play: budgets and protection, counted as the shipped policy says.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::json;

use super::play::{Hold, Play, number};
use crate::guards;
use crate::model::{Op, PersonKey, WorkerId};
use crate::policy::{Decision, Draft, DraftAction, name_key};
use crate::state::{BlockCause, Cut};

/// The exit that a plan is about.
fn exit_of(decision: &Decision, draft: &Draft) -> Option<Cut> {
    let block = decision.person.block.map(|block| block.cut);
    let planned = draft
        .steps()
        .filter(|step| step.op.cut())
        .filter_map(|step| {
            let cause = step.reason.block_cause()?;
            Some(Cut {
                due: step.due,
                cause,
            })
        });
    let cuts = planned.chain(block).filter(|cut| cut.cause.exit());
    cuts.min_by_key(|cut| cut.due)
}

/// What budgets count in one plan.
#[derive(Default)]
struct Counted {
    disables: u32,
    /// Those who are dismissed, by worker.
    lane: Vec<(WorkerId, PersonKey)>,
    removals: u32,
    deletes: Vec<PersonKey>,
    wipes: Vec<PersonKey>,
}

impl Play<'_> {
    /// What a day's budget has left before this instant.
    pub(super) fn spent_before(&self, what: &'static str) -> u32 {
        let day = SignedDuration::from_hours(24);
        let all = self.spent.get(what).into_iter().flatten();
        let recent = all.filter(|(at, _)| self.now.duration_since(*at) < day);
        recent.map(|(_, count)| count).sum()
    }

    pub(super) fn spend(&mut self, what: &'static str, count: u32) {
        let at = self.now;
        self.spent.entry(what).or_default().push((at, count));
    }

    /// Budgets and protection, before anything goes.
    pub(super) fn guard(&mut self, laid: &[(PersonKey, Decision, bool)], managed: u32) {
        let mut counted = Counted::default();
        for (key, decision, _) in laid {
            let draft = decision.draft.as_ref();
            let blocks = |step: &DraftAction| step.reason.block_cause().is_some();
            let ends = draft.is_some_and(|draft| draft.steps().any(blocks));
            let missing = decision.person.misses > 0;
            if !(ends || missing || decision.leaving || decision.held) {
                self.exit_is_off(key, draft);
            }
            let Some(draft) = draft else {
                continue;
            };
            self.guard_protected(key, decision, draft);
            let hold = Hold::Protected(key.clone());
            if self.unanswered(&hold) {
                continue;
            }
            let ops = draft.steps().map(|step| step.op);
            if guards::new_disables(&decision.person, ops) > 0 {
                let cause = |step: &DraftAction| step.reason.block_cause();
                let for_cause = draft
                    .steps()
                    .any(|step| cause(step) == Some(BlockCause::ForCause));
                if for_cause {
                    counted.lane.push((draft.worker.clone(), key.clone()));
                }
                counted.disables += 1;
            }
            // Of movers, on the day that it is first planned.
            let new = |step: &DraftAction| {
                let known = self.planned.contains_key(&Self::step_key(key, step));
                let mover = step.op.takes() && step.reason.block_cause().is_none();
                mover && !known && step.reason != crate::policy::Reason::OldAccess
            };
            counted.removals += u32::from(draft.steps().any(new));
            for step in &draft.actions {
                // Who agreed to a plan over its budget agreed to its later steps.
                let run = self.run_of(key, step);
                let mut asks = self.asks.iter();
                let agreed = asks.any(|(hold, ask)| {
                    matches!(hold, Hold::Run(of, _) if *of == run) && ask.agreed()
                });
                if agreed || self.waits(key, step) {
                    continue;
                }
                let asked = step.args.contains_key("ask") || step.args.contains_key("attempt");
                match step.op {
                    Op::UserDeleteSoft => counted.deletes.push(key.clone()),
                    Op::DeviceWipe if !asked => counted.wipes.push(key.clone()),
                    _ => {}
                }
            }
        }
        counted.lane.sort();
        let limits = self.params.budgets.clone();
        self.budget_disables(&counted, limits.disables.limit(managed), laid);
        let limit = limits.removals.limit(managed);
        if self.over("removals", counted.removals, limit) {
            self.hold_run("BUDGET_ACCESS_REMOVAL", counted.removals, limit, laid);
        }
        for (op, what, code, people, limit) in [
            (
                Op::DeviceWipe,
                "wipes",
                "BUDGET_WIPE",
                counted.wipes,
                limits.wipes.limit(managed),
            ),
            (
                Op::UserDeleteSoft,
                "deletes",
                "BUDGET_DELETE",
                counted.deletes,
                limits.deletes.limit(managed),
            ),
        ] {
            let count = number(people.len());
            if self.over(what, count, limit) {
                let run = self.run;
                let steps = self.held_steps.entry((run, code)).or_default();
                steps.extend(people.iter().map(|person| (person.clone(), op)));
                let held = self.held_people.entry((run, code)).or_default();
                held.extend(people);
                self.hold_run(code, count, limit, laid);
            }
        }
    }

    /// Whether what a plan adds to what went in the last day is over a budget; else it is spent.
    pub(super) fn over(&mut self, what: &'static str, count: u32, limit: u32) -> bool {
        let over = count > 0 && self.spent_before(what) + count > limit;
        if count > 0 && !over {
            self.spend(what, count);
        }
        over
    }

    /// The first dismissals of a run pass while the rest is held.
    fn budget_disables(
        &mut self,
        counted: &Counted,
        limit: u32,
        laid: &[(PersonKey, Decision, bool)],
    ) {
        if !self.over("disables", counted.disables, limit) {
            return;
        }
        let lane = counted.lane.iter().take(self.params.budgets.lane);
        let pass: Vec<PersonKey> = lane.map(|(_, person)| person.clone()).collect();
        let held = counted.disables - number(pass.len());
        self.spend("disables", number(pass.len()));
        self.lane.extend(pass);
        if held > 0 {
            self.hold_run("BUDGET_DISABLE", held, limit, laid);
        }
    }

    pub(super) fn hold_run(
        &mut self,
        code: &'static str,
        count: u32,
        limit: u32,
        laid: &[(PersonKey, Decision, bool)],
    ) {
        let run = self.run;
        let people = laid.iter().filter(|(_, decision, _)| {
            let draft = decision.draft.as_ref();
            draft.is_some_and(|it| it.steps().any(|step| step.op.destructive()))
        });
        let people: BTreeSet<PersonKey> = people.map(|(key, _, _)| key.clone()).collect();
        let held = self.held_people.entry((run, code)).or_default();
        held.extend(people);
        self.ask(Hold::Run(run, code), self.params.agree.over_budget);
        let args = json!({"code": code, "count": count, "limit": limit});
        self.enter("hold", "run", None, run, args);
    }

    pub(super) fn guard_protected(&mut self, key: &PersonKey, decision: &Decision, draft: &Draft) {
        let causes: Vec<BlockCause> = draft
            .steps()
            .filter_map(|step| step.reason.block_cause())
            .collect();
        let exit = exit_of(decision, draft);
        let listed = |name: &str| self.params.protected.iter().any(|it| it == name);
        let name = decision.person.name.as_ref();
        let address = name.is_some_and(|name| {
            let wanted = name_key(name.reveal());
            let mut all = self.params.protected.iter();
            all.any(|it| name_key(it) == wanted)
        });
        let workers: Vec<&str> = self
            .rows_of(key)
            .iter()
            .map(|row| row.key.as_str())
            .collect();
        let named = listed(key.as_str())
            || listed(draft.worker.as_str())
            || address
            || workers.into_iter().any(listed);
        let hold = Hold::Protected(key.clone());
        // Who agreed to a leave did not agree to an exit, nor to one for another reason or at another
        // instant.
        let asked = match self.asks.get_mut(&hold) {
            Some(ask) if exit.is_none() || ask.exit == exit => true,
            Some(ask) if ask.is_open() && ask.exit.is_some() => {
                ask.exit = exit;
                ask.given.clear();
                true
            }
            Some(_) | None => false,
        };
        if causes.is_empty() || !named || asked {
            return;
        }
        self.asks.remove(&hold);
        let needs = self.params.agree.protected;
        self.ask_of(hold, needs, self.run, exit);
        let run = self.run;
        let who = draft.worker.as_str().to_owned();
        let args = json!({"code": "PROTECTED"});
        self.metrics.exception(key, "PROTECTED", self.now);
        self.enter("hold", &who, Some(key), run, args);
        self.enter("notify.security", &who, Some(key), run, json!({}));
    }

    /// Whether a step waits for people.
    pub(super) fn waits(&self, person: &PersonKey, step: &DraftAction) -> bool {
        let exit = step.reason.block_cause().is_some();
        if exit && self.unanswered(&Hold::Protected(person.clone())) {
            return true;
        }
        let passes = step.op.cut() && self.lane.contains(person);
        let single = self.held_steps.iter().any(|((run, code), steps)| {
            steps.contains(&(person.clone(), step.op)) && self.unanswered(&Hold::Run(*run, code))
        });
        let run = self.run_of(person, step);
        let held = self.held_people.iter().any(|((of, code), people)| {
            *of == run && people.contains(person) && self.unanswered(&Hold::Run(run, code))
        });
        single || (step.op.destructive() && !passes && held)
    }

    /// A request that nobody agreed to, also one that was refused.
    fn unanswered(&self, hold: &Hold) -> bool {
        self.asks.get(hold).is_some_and(|ask| !ask.agreed())
    }
}
