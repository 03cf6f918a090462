//! What the log has on record of a period: deliveries, events, cuts, approvals, changes of rules.
//!
//! Read backwards from the head, plans and journals of evidence alone: nothing here needs values that
//! expire. Invariant: an event that was planned several times is counted once.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use rollcall_core::digest::worker_hash;
use rollcall_core::fold::{Outcome, Outcomes};
use rollcall_core::model::{Ending, FindingKind, Op, PersonKey, RunId, Severity, WorkerId};
use rollcall_core::plan::{Action, PlanSummary, WorkOrder};
use rollcall_core::policy::DeltaKind;
use rollcall_core::reconcile::{
    Agreement, Conflict, Event, EventKind, Intake, Kept, Leaver, Privileged, Register, RuleChange,
};
use rollcall_core::report::Late;
use rollcall_core::state::{BlockCause, Person};

use super::people::said;
use crate::apply::{self, Lines};
use crate::log::{self, Approved, Approver, Entry, Planned, Rules};
use crate::report::read_findings;
use crate::run::{Pipeline, RunError, named};
use crate::state::State;
use crate::store::{ObjectRef, StoreError, parse};

/// Entries that are read at once: a bucket answers each after a while.
const READS: usize = 16;
/// Persons that are read from the state together.
const AT_ONCE: usize = 4096;

/// A span of time: its first instant, and the first one after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Period {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Period {
    fn has(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// What was found.
#[derive(Default)]
pub(super) struct History {
    /// The oldest entry that was read.
    pub(super) since: Option<Timestamp>,
    pub(super) intakes: Vec<Intake>,
    events: BTreeMap<(EventKind, PersonKey, Timestamp), Event>,
    leavers: BTreeMap<(PersonKey, Timestamp), (Leaver, Option<Timestamp>)>,
    pub(super) privileged: Vec<Privileged>,
    pub(super) approvals: Vec<Agreement>,
    pub(super) conflicts: Vec<Conflict>,
    pub(super) rules: Vec<RuleChange>,
    /// Outcomes of runs by the newest fold of each.
    folds: BTreeMap<RunId, Vec<ObjectRef>>,
    requested: BTreeMap<RunId, BTreeSet<String>>,
    newer: Option<(RunId, Timestamp, Rules)>,
}

/// What the instant and the words of a plan are.
struct Plan<'a> {
    run: &'a RunId,
    now: Timestamp,
    outcomes: &'a Outcomes,
}

impl History {
    pub(super) async fn read(
        pipeline: &Pipeline,
        newest: u64,
        period: Period,
    ) -> Result<Self, RunError> {
        let mut out = Self::default();
        let reads = (1..=newest).rev().map(|at| log::entry(&pipeline.store, at));
        let mut entries = stream::iter(reads).buffered(READS);
        while let Some((entry, _)) = entries.try_next().await? {
            if entry.at < period.from {
                break;
            }
            out.since = Some(entry.at);
            out.entry(pipeline, entry, period).await?;
        }
        out.segregation();
        out.intakes.reverse();
        out.privileged.reverse();
        out.approvals.reverse();
        out.rules.reverse();
        Ok(out)
    }

    async fn entry(
        &mut self,
        pipeline: &Pipeline,
        entry: Entry,
        period: Period,
    ) -> Result<(), RunError> {
        match &entry.event {
            log::Event::Fold(_) => {
                self.folds.entry(entry.run).or_insert(entry.accepts);
            }
            log::Event::Approval(approved) => self.agreed(&entry.run, approved),
            log::Event::Plan(planned) => self.plan(pipeline, &entry, planned, period).await?,
            log::Event::Intake(_) | log::Event::Close(_) => {}
        }
        Ok(())
    }

    fn agreed(&mut self, run: &RunId, approved: &Approved) {
        self.approvals.push(Agreement {
            run: run.clone(),
            plan_sha256: approved.plan_sha256.clone(),
            guard: approved.guard.clone(),
            action: approved.action.as_ref().map(|it| it.as_str().to_owned()),
            by: approved.by.0.clone(),
            at: approved.given,
            complete: approved.complete,
            requested_by: Vec::new(),
        });
    }

    async fn plan(
        &mut self,
        pipeline: &Pipeline,
        entry: &Entry,
        planned: &Planned,
        period: Period,
    ) -> Result<(), RunError> {
        let store = &pipeline.store;
        let asked: BTreeSet<String> = planned.notices.iter().filter_map(|key| who(key)).collect();
        if !asked.is_empty() {
            self.requested.insert(entry.run.clone(), asked);
        }
        self.changed_rules(entry, &planned.rules);
        if let Some(intake) = &planned.intake {
            let findings = &named(&entry.accepts, "findings.jsonl")?.key;
            let mut held: BTreeMap<u32, FindingKind> = BTreeMap::new();
            for finding in read_findings(store, findings).await? {
                if let Some(row) = finding
                    .at
                    .row
                    .filter(|_| finding.severity == Severity::Held)
                {
                    held.entry(row).or_insert(finding.kind);
                }
            }
            let mut rejected: BTreeMap<FindingKind, u32> = BTreeMap::new();
            for kind in held.into_values() {
                *rejected.entry(kind).or_default() += 1;
            }
            let count: u32 = rejected.values().sum();
            self.intakes.push(Intake {
                run: entry.run.clone(),
                source: intake.source.clone(),
                file: intake.file.clone(),
                sha256: intake.sha256.clone(),
                as_of: intake.as_of,
                coverage: covers(&intake.coverage),
                rows: intake.rows,
                accepted: intake.rows.saturating_sub(count),
                rejected,
                parked: planned.parked,
                recounted: None,
            });
        }
        let summary: PlanSummary = store.json(&named(&entry.accepts, "plan.json")?.key).await?;
        let outcomes = match self.folds.get(&entry.run) {
            Some(segments) => apply::outcomes_in(store, &entry.run, segments).await?,
            None => apply::outcomes(store, &entry.run).await?,
        };
        let plan = Plan {
            run: &entry.run,
            now: summary.now,
            outcomes: &outcomes,
        };
        let key = &named(&entry.accepts, "plan.jsonl")?.key;
        let mut lines = Lines::open(store, key).await?;
        let sensitive = |action: &Action| {
            let groups = pipeline.settings.groups.as_ref();
            let granting = action.granting();
            groups.zip(granting).is_some_and(|(groups, granting)| {
                let definition = groups.0.definition(&granting.grant);
                definition.is_some_and(|it| it.sensitive())
            })
        };
        while let Some((_, line)) = lines.next()? {
            let order: WorkOrder = parse(key, &line)?;
            self.order(&order, &plan, period, &sensitive);
        }
        Ok(())
    }

    fn order(
        &mut self,
        order: &WorkOrder,
        plan: &Plan<'_>,
        period: Period,
        sensitive: &dyn Fn(&Action) -> bool,
    ) {
        let person = &order.person;
        if order.delta == DeltaKind::Mover {
            let event = Event {
                kind: EventKind::Mover,
                person: person.clone(),
                run: plan.run.clone(),
                due: plan.now,
                done: last(order, plan.outcomes),
            };
            self.happened(event, period);
        }
        for action in order.every() {
            let outcome = plan.outcomes.get(&action.id);
            let settled = outcome.filter(|it| it.ending.settled()).map(|it| it.at);
            if action.op == Op::UserCreate {
                let event = Event {
                    kind: EventKind::Joiner,
                    person: person.clone(),
                    run: plan.run.clone(),
                    due: action.due,
                    done: settled,
                };
                if settled.is_some() || action.due <= plan.now {
                    self.happened(event, period);
                }
            }
            if action.op == Op::UserDisable
                && let Some(cause) = action.reason.block_cause().filter(|it| leaves(*it))
                && action.due <= period.to.min(plan.now)
            {
                self.cut(order, action, cause, plan, period);
            }
            if matches!(action.op, Op::RoleAdd | Op::RoleRemove) || sensitive(action) {
                self.privileged.push(Privileged {
                    person: person.clone(),
                    run: plan.run.clone(),
                    op: action.op.name().to_owned(),
                    what: what(action),
                    reason: action.reason.words(),
                    status: status(order, action, outcome),
                    at: outcome.map(|it| it.at),
                });
            }
        }
    }

    /// Read backwards: what an older plan says of the same event is when it was first planned.
    fn happened(&mut self, event: Event, period: Period) {
        if !period.has(event.due) {
            return;
        }
        let key = (event.kind, event.person.clone(), event.due);
        match self.events.get_mut(&key) {
            Some(known) => {
                known.run = event.run;
                known.done = event.done.or(known.done);
            }
            None => {
                self.events.insert(key, event);
            }
        }
    }

    fn cut(
        &mut self,
        order: &WorkOrder,
        action: &Action,
        cause: BlockCause,
        plan: &Plan<'_>,
        period: Period,
    ) {
        if !period.has(action.due) {
            return;
        }
        let outcome = plan.outcomes.get(&action.id);
        let done = outcome.filter(|it| it.ending.settled()).map(|it| it.at);
        let tried = outcome.filter(|it| !it.ending.settled()).map(|it| it.at);
        let seen = action.seen.unwrap_or(plan.now);
        let key = (order.person.clone(), action.due);
        if let Some((known, first)) = self.leavers.get_mut(&key) {
            known.run = plan.run.clone();
            known.seen = known.seen.min(seen);
            known.entered = known.entered.or(action.entered);
            known.done = done.or(known.done);
            *first = tried.or(*first);
        } else {
            let leaver = Leaver {
                person: order.person.clone(),
                site: String::new(),
                run: plan.run.clone(),
                due: action.due,
                cause,
                entered: action.entered,
                seen,
                done,
                status: status(order, action, outcome),
                lateness_seconds: 0,
                hr_seconds: 0,
                pipeline_seconds: 0,
                target_seconds: 0,
                lateness_cause: None,
                sla_seconds: 0,
            };
            self.leavers.insert(key, (leaver, tried));
        }
    }

    /// Read backwards: rules that the plan before had not are new with the newer one.
    fn changed_rules(&mut self, entry: &Entry, rules: &Rules) {
        if let Some((run, at, newer)) = self.newer.take() {
            let parts = [
                ("mapping", newer.mapping_sha256 != rules.mapping_sha256),
                ("policy", newer.policy_sha256 != rules.policy_sha256),
                ("groups", newer.grants_sha256 != rules.grants_sha256),
                ("owners", newer.owners_sha256 != rules.owners_sha256),
                ("mappings of other sources", newer.beside != rules.beside),
            ];
            let changed = parts.iter().filter(|(_, changed)| *changed);
            let what: Vec<String> = changed.map(|(name, _)| (*name).to_owned()).collect();
            if !what.is_empty() {
                self.rules.push(RuleChange { run, at, what });
            }
        }
        self.newer = Some((entry.run.clone(), entry.at, rules.clone()));
    }

    /// Who asked for what was agreed to, and whoever did both.
    fn segregation(&mut self) {
        for agreement in &mut self.approvals {
            let Some(asked) = self.requested.get(&agreement.run) else {
                continue;
            };
            agreement.requested_by = asked.iter().cloned().collect();
            let approver = Approver(agreement.by.clone());
            if asked
                .iter()
                .any(|it| Approver(it.clone()).person() == approver.person())
            {
                self.conflicts.push(Conflict {
                    run: agreement.run.clone(),
                    who: agreement.by.clone(),
                    roles: "asked for it and agreed to it".to_owned(),
                });
            }
        }
    }

    /// Everybody who left, the latest cut first, with where they worked and whose part a delay is.
    pub(super) fn leavers(
        &self,
        state: &State,
        register: &Register,
        home: &rollcall_core::model::SourceName,
        now: Timestamp,
    ) -> Result<Vec<Leaver>, StoreError> {
        let known = self.leavers.keys().map(|(person, _)| person);
        let sites = of_persons(state, home, known, |person| {
            let job = person.employments().next();
            job.map(|job| said(job, &register.site).to_owned())
        })?;
        let mut out: Vec<Leaver> = self
            .leavers
            .values()
            .map(|(leaver, tried)| {
                let mut leaver = leaver.clone();
                let end = leaver.done.unwrap_or(now);
                let known = leaver.entered.map_or(leaver.seen, |it| it.min(leaver.seen));
                leaver.split(Late::of(leaver.due, end, known), *tried, end);
                leaver.sla_seconds = register.sla.of(Some(leaver.cause));
                leaver.site = sites.get(&leaver.person).cloned().unwrap_or_default();
                leaver
            })
            .collect();
        out.sort_by(|a, b| (b.due, &a.person).cmp(&(a.due, &b.person)));
        Ok(out)
    }

    /// The population, by kind, person and instant; leavers are those of [`Self::leavers`].
    pub(super) fn events(&self, leavers: &[Leaver]) -> Vec<Event> {
        let mut out: Vec<Event> = self.events.values().cloned().collect();
        out.extend(leavers.iter().map(|leaver| Event {
            kind: EventKind::Leaver,
            person: leaver.person.clone(),
            run: leaver.run.clone(),
            due: leaver.due,
            done: leaver.done,
        }));
        out.sort_by(|a, b| (a.kind, &a.person, a.due).cmp(&(b.kind, &b.person, b.due)));
        out
    }

    /// What people who moved in the period have beyond the overlap.
    pub(super) fn kept(
        &self,
        pipeline: &Pipeline,
        state: &State,
        now: Timestamp,
    ) -> Result<Vec<Kept>, StoreError> {
        let movers = self
            .events
            .values()
            .filter(|it| it.kind == EventKind::Mover);
        let home = pipeline.settings.source();
        let overlap = pipeline.settings.policy.mover.overlap_days;
        let groups = pipeline.settings.groups.as_ref();
        let of = |person: &Person| {
            let given = person.grants.iter().filter_map(|(grant, given)| {
                let grace = given.grace.as_ref()?;
                let definition = groups.and_then(|groups| groups.0.definition(grant));
                let days = definition.and_then(|it| it.keep_days()).unwrap_or(overlap);
                let days = SignedDuration::from_hours(24 * i64::from(days));
                let until = grace.from.checked_add(days).ok()?;
                (until < now).then(|| Kept {
                    person: person.person.clone(),
                    grant: grant.to_string(),
                    until,
                })
            });
            Some(given.collect::<Vec<Kept>>())
        };
        let found = of_persons(state, &home, movers.map(|it| &it.person), of)?;
        Ok(found.into_values().flatten().collect())
    }
}

/// Something of each of some persons whom the state has.
fn of_persons<'a, T>(
    state: &State,
    home: &rollcall_core::model::SourceName,
    persons: impl Iterator<Item = &'a PersonKey>,
    of: impl Fn(&Person) -> Option<T>,
) -> Result<BTreeMap<PersonKey, T>, StoreError> {
    let place = |person: &PersonKey| {
        let key = worker_hash(home, &WorkerId::new(person.as_str()));
        state.hot().binary_search_by_key(&key, |hot| hot.key).ok()
    };
    let places: BTreeSet<usize> = persons.filter_map(place).collect();
    let places: Vec<usize> = places.into_iter().collect();
    let mut out = BTreeMap::new();
    for chunk in places.chunks(AT_ONCE) {
        for person in state.persons(chunk)? {
            let found = of(&person);
            out.extend(found.map(|it| (person.person.clone(), it)));
        }
    }
    Ok(out)
}

/// The employment ends with it, or counts as ended.
const fn leaves(cause: BlockCause) -> bool {
    cause.exit() || matches!(cause, BlockCause::Absence)
}

/// Whose word lies at a key: `approvals/<who>/…`.
fn who(key: &str) -> Option<String> {
    let mut parts = key.split('/');
    (parts.next() == Some(crate::approve::FOLDER)).then_some(())?;
    parts.next().map(str::to_owned)
}

fn covers(coverage: &rollcall_core::delta::Coverage) -> String {
    use rollcall_core::delta::Coverage;
    match coverage {
        Coverage::Full => "full".to_owned(),
        Coverage::Partial(of) => format!("partial: {of}"),
        Coverage::Delta => "delta".to_owned(),
        Coverage::Unknown => "unknown".to_owned(),
    }
}

/// When the last action of an order was carried out, where every one that was due is.
fn last(order: &WorkOrder, outcomes: &Outcomes) -> Option<Timestamp> {
    let mut at = None;
    for action in &order.actions {
        let outcome = outcomes.get(&action.id)?;
        if !outcome.ending.settled() {
            return None;
        }
        at = at.max(Some(outcome.at));
    }
    at
}

fn what(action: &Action) -> String {
    let role = || action.args.get("role").cloned();
    let grant = action.granting().map(|it| it.grant.to_string());
    grant.or_else(role).unwrap_or_default()
}

/// How an action ended, or what keeps it.
fn status(order: &WorkOrder, action: &Action, outcome: Option<&Outcome>) -> String {
    let held = order
        .held
        .iter()
        .find(|held| held.actions.iter().any(|it| it.id == action.id));
    let scheduled = order.scheduled.iter().any(|it| it.id == action.id);
    match (outcome.map(|it| &it.ending), held) {
        (Some(Ending::Failed { code, .. }), _) => format!("failed: {code}"),
        (Some(ending), _) => ending.name().to_owned(),
        (None, Some(held)) => format!("held: {}", held.by),
        (None, None) if scheduled => "scheduled".to_owned(),
        (None, None) => "open".to_owned(),
    }
}
