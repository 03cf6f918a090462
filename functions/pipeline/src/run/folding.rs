//! Carrying out a stored plan, and folding what came of it into the state.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::approvals::Approvals;
use rollcall_core::fold::{Outcome, Outcomes, PersonLine, fold};
use rollcall_core::model::{ObjectId, Op, PersonKey, RunId, WorkerId};
use rollcall_core::plan::{Action, WorkOrder};
use rollcall_core::state::Person;
use rollcall_core::undo::settle;

use super::recorded::{Recorded, Records};
use super::{Pipeline, RunError, Step, Stored, nonce};
use crate::apply::{self, Applier, Job, Lines, Overtaken, Segments};
use crate::log::{self, Event, Folded, Head, Objects, OpenRun, OutcomesRoot, Reopened, StateRef};
use crate::once;
use crate::queue::EmbeddedQueue;
use crate::state::{self, State};
use crate::store::{ObjectRef, StoreError, parse};

impl Pipeline {
    pub(super) async fn apply(
        &self,
        head: &Head,
        stored: &Stored,
        overtaken: &Overtaken,
    ) -> Result<(), RunError> {
        self.unchanged(stored).await?;
        let queue = EmbeddedQueue::new(self.clock);
        // An undo is small and was agreed to as a whole: it gives way to nobody but who halts.
        let gives_way = stored.planned.undoes.is_none();
        let brake = self.brake(gives_way.then_some(head));
        let applier = Applier {
            store: &self.store,
            target: self.target.as_ref(),
            notifier: self.notifier.as_deref(),
            queue: &queue,
            clock: self.clock,
            progress: self.progress.as_ref(),
            nonce: nonce(),
            brake: &brake,
        };
        let job = Self::job(head, stored, overtaken.clone())?;
        let objects = self.references(head, stored).await?;
        applier.carry_out(&job, objects).await?;
        Ok(())
    }

    /// What is carried out is what was planned and approved, byte for byte (P14).
    pub(super) async fn unchanged(&self, stored: &Stored) -> Result<(), StoreError> {
        for object in [stored.plan()?, stored.actions()?] {
            if self.store.sha256(&object.key).await? != object.sha256 {
                return Err(StoreError::Corrupt {
                    key: object.key.clone(),
                    why: "it was changed after it was planned; nothing of it is carried out"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    pub(super) fn job(
        head: &Head,
        stored: &Stored,
        overtaken: Overtaken,
    ) -> Result<Job, StoreError> {
        let mut open = head.standing.open.iter();
        let open = open.find(|open| open.run == stored.run);
        Ok(Job {
            run: stored.run.clone(),
            generation: stored.generation,
            opening: open.map_or(stored.generation, OpenRun::opening),
            plan_sha256: stored.planned.plan_sha256.clone(),
            plan: stored.plan()?.clone(),
            values: stored.actions()?.clone(),
            approved: Self::approved(head, stored),
            now: stored.planned.now,
            reopened: Self::reopened(head, stored).is_some(),
            overtaken,
        })
    }

    /// The approval that opened a run again, where one did.
    pub(super) fn reopened<'h>(head: &'h Head, stored: &Stored) -> Option<&'h Reopened> {
        let mut open = head.standing.open.iter();
        let ours = open.find(|open| open.run == stored.run)?;
        ours.reopened.as_ref()
    }

    /// Persons whom a newer plan has changed since this one was made: it is void for them.
    pub(super) async fn overtaken(
        &self,
        head: &Head,
        stored: &Stored,
    ) -> Result<Overtaken, RunError> {
        if head.standing.state == stored.state {
            return Ok(Overtaken::default());
        }
        // Opened again, it is for those alone whom it still keeps something back from.
        let again = Self::reopened(head, stored).is_some() && !stored.planned.parked;
        let mut out = if again {
            Overtaken::Others(BTreeSet::new())
        } else {
            Overtaken::default()
        };
        let journal = apply::outcomes(&self.store, &stored.run).await?;
        let ours: BTreeSet<&PersonKey> = journal
            .iter()
            .filter(|o| o.is_over())
            .map(|o| &o.person)
            .collect();
        let key = &stored.persons()?.key;
        let state = State::load(&self.store, &head.standing.state).await?;
        // Of a plan that waited as a whole: what it read, or its own fold left.
        let read = if again {
            None
        } else {
            let left = self.left_by(head, stored).await?;
            Some(State::load(&self.store, &left).await?)
        };
        let mut lines = Lines::open(&self.store, key).await?;
        let (mut places, mut expected) = (Vec::new(), Vec::new());
        loop {
            let line = lines.next()?;
            let last = line.is_none();
            if let Some((_, line)) = line {
                let PersonLine { person, heard, .. } = parse(key, &line)?;
                let hash = person.hot().key;
                let at = state.hot().binary_search_by_key(&hash, |h| h.key).ok();
                if let Some(at) = at.filter(|at| !again || state.hot()[*at].held) {
                    places.push(at);
                    // Folded before by this run, or not yet: both are ours.
                    let changed = heard || ours.contains(&person.person);
                    let most = person.revision + u32::from(changed);
                    expected.push(person.revision..=most);
                }
            }
            // A handful at a time: a first load is everybody.
            if places.len() >= AT_ONCE || last {
                let now = state.persons(&places)?;
                let mut read = read.as_ref().map(|it| it.known(&now)).transpose()?;
                for (person, expected) in now.into_iter().zip(expected.drain(..)) {
                    // The whole record is written back: what others said meanwhile is not to go
                    // with it.
                    let known = read.as_mut().map(|it| it.remove(&person.person));
                    let same = known.is_none_or(|it| it.is_some_and(|it| person.is_as(&it)));
                    out.add(&person, same && expected.contains(&person.revision));
                }
                places.clear();
            }
            if last {
                return Ok(out);
            }
        }
    }

    /// The state that a plan read, or the one that its fold left where it was folded before.
    async fn left_by(&self, head: &Head, stored: &Stored) -> Result<StateRef, RunError> {
        let mut at = head.generation;
        while at > stored.generation {
            let (entry, _) = log::entry(&self.store, at).await?;
            if let Event::Fold(folded) = entry.event
                && entry.run == stored.run
            {
                return Ok(folded.state);
            }
            at -= 1;
        }
        Ok(stored.state.clone())
    }

    /// Accounts of persons outside the plan that its references name.
    pub(super) async fn references(
        &self,
        head: &Head,
        stored: &Stored,
    ) -> Result<BTreeMap<PersonKey, ObjectId>, RunError> {
        let plan = &stored.plan()?.key;
        let mut wanted: Vec<WorkerId> = Vec::new();
        let mut lines = Lines::open(&self.store, plan).await?;
        while let Some((_, line)) = lines.next()? {
            let order: WorkOrder = parse(plan, &line)?;
            let all = order
                .actions
                .iter()
                .chain(order.held.iter().flat_map(|h| &h.actions));
            let named = |a: &Action| a.after.as_ref().map(|it| WorkerId::new(it.as_str()));
            wanted.extend(all.filter_map(named));
        }
        wanted.sort();
        wanted.dedup();
        let state = State::load(&self.store, &head.standing.state).await?;
        let source = self.settings.source();
        let places: Vec<usize> = wanted
            .iter()
            .filter_map(|w| state.place_of(&source, w))
            .collect();
        let persons = state.persons(&places)?;
        Ok(persons
            .into_iter()
            // References name workers.
            .filter_map(|p| Some((PersonKey::new(p.worker.as_str()), p.object?)))
            .collect())
    }

    pub(super) async fn fold(
        &self,
        head: &Head,
        stored: &Stored,
        overtaken: Overtaken,
    ) -> Result<(), Step> {
        Box::pin(self.note_unheard(head, stored)).await?;
        // Read once: what comes in from now on is neither folded nor said to be.
        let Segments {
            outcomes,
            stored: segments,
            tree,
        } = apply::journal(&self.store, &stored.run, &[]).await?;
        let approved = Self::approved(head, stored);
        let folding = Folding {
            records: Records::open(&self.store, stored).await?,
            approved,
            now: stored.planned.now,
            outcomes: &outcomes,
            kind: self.target.kind(),
            overtaken,
        };
        let generation = head.generation + 1;
        let current = &head.standing.state;
        let next = state::write(&self.store, generation, &nonce(), current, folding).await?;
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for outcome in outcomes.iter() {
            *counts.entry(outcome.ending.name().to_owned()).or_default() += 1;
        }
        let folded = Folded {
            state: next.clone(),
            outcomes: counts,
            erasure: false,
            heard: Vec::new(),
            outcomes_root: Some(OutcomesRoot::from(&tree)),
        };
        let mut evidence = segments;
        evidence.extend(self.list_marks(head, stored).await?);
        let objects = Objects {
            evidence,
            values: next.base.iter().chain(&next.deltas).cloned().collect(),
        };
        self.commit(head, &stored.run, Event::Fold(folded), objects)
            .await?;
        Ok(())
    }
}

impl Pipeline {
    /// Notices, and commands to devices, that were sent by somebody who left no word of what came of it: they are not planned
    /// again, and a person is told.
    async fn note_unheard(&self, head: &Head, stored: &Stored) -> Result<(), RunError> {
        let once = |op: Op| op.speaks() || op.commands();
        let named = |name: &String| Op::ALL.iter().any(|op| once(*op) && op.name() == name);
        let counts = &stored.summary.counts;
        let mut all = counts.actions.keys().chain(counts.held_actions.keys());
        if !all.any(named) {
            return Ok(());
        }
        let outcomes = apply::outcomes(&self.store, &stored.run).await?;
        let job = Self::job(head, stored, Overtaken::default())?;
        let plan = &stored.plan()?.key;
        let mut lines = Lines::open(&self.store, plan).await?;
        let mut unheard = Vec::new();
        while let Some((_, line)) = lines.next()? {
            let order: WorkOrder = parse(plan, &line)?;
            for action in job.due(&order) {
                if !once(action.op) || outcomes.get(&action.id).is_some() {
                    continue;
                }
                let claimed = once::claimed(&self.store, &action.id, &stored.run).await?;
                unheard.extend(claimed.map(|at| unheard_of(&order, action, &stored.run, at)));
            }
        }
        if !unheard.is_empty() {
            let name = format!("unheard-{}", nonce());
            apply::write(&self.store, &stored.run, &name, &unheard).await?;
        }
        Ok(())
    }
}

impl Pipeline {
    /// The list of the marks that a run has set: what must not be repeated, and whom it cut off.
    async fn list_marks(&self, head: &Head, stored: &Stored) -> Result<Option<ObjectRef>, Step> {
        let marks = |name: &String| {
            let of = |op: &Op| op.name() == name && (op.at_most_once() || op.cut());
            Op::ALL.iter().any(of)
        };
        let counts = &stored.summary.counts;
        let mut all = counts.actions.keys().chain(counts.held_actions.keys());
        if !all.any(marks) {
            return Ok(None);
        }
        let job = Self::job(head, stored, Overtaken::default())?;
        let marks = apply::marks(&self.store, &job).await?;
        if marks.is_empty() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        for mark in &marks {
            serde_json::to_writer(&mut bytes, mark).expect("a reference is always JSON");
            bytes.push(b'\n');
        }
        let key = format!("runs/{}/{}", stored.run, apply::MARKS);
        let (nonce, mut from) = (nonce(), bytes.as_slice());
        let list = self.store.put_evidence(&key, &nonce, &mut from).await?;
        Ok(Some(list))
    }
}

/// Of an action that was begun at an instant, and of which nobody knows what came.
fn unheard_of(order: &WorkOrder, action: &Action, run: &RunId, at: Timestamp) -> Outcome {
    Outcome {
        run: run.clone(),
        order: order.order.clone(),
        action: action.id.clone(),
        op: action.op,
        person: order.person.clone(),
        ending: apply::unheard(action),
        at,
        send: 1,
        calls: 0,
        request_id: None,
        object: None,
        consent: None,
        proof: Vec::new(),
    }
}

/// Persons after their outcomes, in the order of the plan.
struct Folding<'a> {
    records: Records,
    approved: Approvals,
    now: Timestamp,
    outcomes: &'a Outcomes,
    kind: rollcall_core::policy::Target,
    overtaken: Overtaken,
}

/// How many records of the state are looked at together.
const AT_ONCE: usize = 4096;

impl Folding<'_> {
    /// `None`: the state has the person as they are.
    fn person(&self, recorded: Recorded) -> Option<Person> {
        let Recorded {
            line,
            order,
            values,
        } = recorded;
        if self.overtaken.voids(&line.person.person) {
            return None;
        }
        let (before, heard) = (line.person.revision, line.heard);
        let changed = |mut person: Person| {
            person.face(None);
            if heard && person.revision == before {
                person.revision += 1;
            }
            person.wake_for_proof();
            person
        };
        let Some(order) = order else {
            return Some(changed(line.person));
        };
        let folded = fold(
            line.person,
            &order,
            &self.approved,
            self.now,
            &values,
            self.outcomes,
            &self.kind,
        );
        Some(changed(match line.settled {
            Some(settled) => settle(folded, *settled),
            None => folded,
        }))
    }
}

impl Iterator for Folding<'_> {
    type Item = Result<Person, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            return match self.records.next() {
                Ok(None) => None,
                Err(e) => Some(Err(e)),
                Ok(Some(recorded)) => match self.person(recorded) {
                    None => continue,
                    Some(person) => Some(Ok(person)),
                },
            };
        }
    }
}
