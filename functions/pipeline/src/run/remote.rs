//! A run whose orders are carried out elsewhere: sent over a queue, taken in batches, collected
//! from the journal.
//!
//! One process plans and sends, many take batches, one collects; none of them waits for another.
//! Invariant: a message is dealt with once its outcomes are in the journal, never before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use rollcall_core::fold::{Outcome, PersonLine};
use rollcall_core::model::RunId;

use super::{Pipeline, RunError, Stored, nonce};
use crate::apply::{
    self, ApplyError, Carried, Courier, Hands, Job, Joint, Known, Lines, Opening, Overtaken, Time,
};
use crate::halt::Stops;
use crate::log::{self, Head, OpenRun, Stage};
use crate::queue::{Lane, Message, Queue};
use crate::state::State;
use crate::store::parse;

/// When a run is folded although outcomes are missing: what has not come by then is planned again.
/// Newer data do not wait that long: they call a run back.
const OVERDUE: SignedDuration = SignedDuration::from_hours(6);

/// When a cut of a run under way that failed is tried again with what else it has left.
const CUT_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// Persons that are loaded at once.
const LOADED: usize = 4096;

/// Cuts first.
const LANES: [Lane; 2] = [Lane::Urgent, Lane::Bulk];

/// A message as a batch brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The message group: whatever is behind a message of the same group waits for it.
    pub group: String,
    /// The message.
    pub body: String,
}

/// What is to become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Dealt with: take it off the queue.
    Done,
    /// Not dealt with: it comes again.
    Again,
    /// Everything stands still: take it off the queue. The first release after the halt sends it
    /// anew; on the queue it would be handed out until it is given up.
    Halted,
    /// Never to be dealt with: put it aside, with the reason.
    Dead(String),
}

async fn under_way(queue: &dyn Queue) -> Result<bool, ApplyError> {
    for lane in LANES {
        if queue.depth(lane).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A planned run, as far as a taker of messages needs it.
struct Open {
    job: Job,
    known: Known,
    opening: u64,
    /// An action was dropped in the middle: what was asked of the target may still happen, so that
    /// it counts as in hand until nobody can be at it any more.
    dropped: AtomicBool,
}

/// What a batch refers to: runs that are over are `None`.
type Runs = BTreeMap<RunId, Option<Open>>;

impl Pipeline {
    fn opening<'a>(&'a self, run: &'a OpenRun) -> Opening<'a> {
        self.opening_of(&run.run, run.opening())
    }

    fn opening_of<'a>(&'a self, run: &'a RunId, generation: u64) -> Opening<'a> {
        Opening {
            store: &self.store,
            run,
            generation,
        }
    }

    /// Sends what is left to do of planned runs: of one that was opened just now at once, of others
    /// what goes into a lane with nothing under way any more. Cuts of all runs go first. Returns
    /// how many orders were sent. One run that cannot be sent does not keep the others back.
    ///
    /// # Errors
    /// When store or queue fail: the first of several.
    pub async fn dispatch(&self, queue: &dyn Queue) -> Result<usize, RunError> {
        if let Some(halted) = self.halted().await? {
            tracing::warn!("Nothing is sent: {halted}");
            return Ok(0);
        }
        let head = log::head(&self.store).await?;
        let (mut sent, mut failed) = (0, None);
        let mut fresh: BTreeSet<&RunId> = BTreeSet::new();
        let planned = |open: &&OpenRun| open.stage == Stage::Planned;
        for open in head.standing.open.iter().filter(planned) {
            if !self.opening(open).is_sent().await? {
                fresh.insert(&open.run);
            }
        }
        for lane in LANES {
            let free = queue.depth(lane).await.map_err(ApplyError::from)? == 0;
            for open in head.standing.open.iter().filter(planned) {
                if !free && !fresh.contains(&open.run) {
                    continue;
                }
                match self.send(&head, open, queue, lane).await {
                    Ok(orders) => sent += orders,
                    Err(error) => {
                        tracing::error!(run = %open.run, "Its orders are not sent: {error}");
                        failed.get_or_insert(error);
                    }
                }
            }
        }
        failed.map_or(Ok(sent), Err)
    }

    async fn send(
        &self,
        head: &Head,
        open: &OpenRun,
        queue: &dyn Queue,
        lane: Lane,
    ) -> Result<usize, RunError> {
        let opening = self.opening(open);
        if opening.is_called_back().await? {
            return Ok(0);
        }
        let stored = self.stored(open.generation).await?;
        let overtaken = self.overtaken(head, &stored).await?;
        self.unchanged(&stored).await?;
        let job = Self::job(head, &stored, overtaken)?;
        let known = if apply::untouched(&self.store, &open.run).await? {
            Known::default()
        } else {
            self.known(head, &stored).await?
        };
        let courier = Courier {
            store: &self.store,
            queue,
            job: &job,
            known: &known,
        };
        if !courier.any_open().await? {
            return Ok(0);
        }
        apply::begin(&self.store, &stored.run)
            .await
            .map_err(ApplyError::from)?;
        opening.send().await?;
        Ok(courier.send_open(lane).await?)
    }

    /// Whether anything of a run was sent since it was opened.
    pub(super) async fn is_sent(&self, run: &OpenRun) -> Result<bool, RunError> {
        Ok(self.opening(run).is_sent().await?)
    }

    /// Calls a run back that has to end before its time. Whether it may be folded: nobody has
    /// anything of it in hand any more, and all that was done is in the journal.
    pub(super) async fn call_back(&self, run: &OpenRun) -> Result<bool, RunError> {
        Ok(self.opening(run).call_back(self.clock.now()).await?)
    }

    async fn known(&self, head: &Head, stored: &Stored) -> Result<Known, RunError> {
        let outcomes = apply::outcomes(&self.store, &stored.run).await?;
        Ok(Known::new(outcomes, self.references(head, stored).await?))
    }

    /// Whether a run has been waited for long enough, since it was opened.
    pub(super) fn is_overdue(&self, run: &OpenRun, stored: &Stored) -> bool {
        let since = run.reopened.as_ref().map_or(stored.at, |again| again.at);
        self.clock.now().duration_since(since) > OVERDUE
    }

    pub(crate) async fn is_called_back(&self, run: &OpenRun) -> Result<bool, RunError> {
        Ok(self.opening(run).is_called_back().await?)
    }

    /// Whether everything that a run sent is on record, and nobody will carry out a copy of it.
    pub(super) async fn settled(
        &self,
        head: &Head,
        run: &OpenRun,
        stored: &Stored,
        queue: &dyn Queue,
    ) -> Result<bool, RunError> {
        if under_way(queue).await? {
            return Ok(false);
        }
        let job = Self::job(head, stored, Overtaken::default())?;
        let courier = Courier {
            store: &self.store,
            queue,
            job: &job,
            known: &self.known(head, stored).await?,
        };
        // A message that comes a second time from now on is let be; one that was taken before is
        // still on the queue.
        Ok(!courier.any_open().await? && (self.call_back(run).await? || !under_way(queue).await?))
    }

    /// Whether a run that is under way stands in the way of something that fell due after it was
    /// planned. What its own plan carries out does not count, what it schedules does.
    ///
    /// One that was opened again carries out what people approved: that would have to be approved
    /// once more, so it is waited for.
    pub(super) async fn overdue_behind(
        &self,
        head: &Head,
        run: &OpenRun,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<bool, RunError> {
        if run.reopened.is_some() && !stored.planned.parked {
            return Ok(false);
        }
        let late = |due: Timestamp| stored.planned.now < due && due <= now;
        if stored.planned.next_due.is_some_and(late) {
            return Ok(true);
        }
        // A cut that failed is planned again: its next try does not wait for all the others.
        let outcomes = apply::outcomes(&self.store, &run.run).await?;
        let failed = |o: &&Outcome| o.op.cut() && !o.ending.settled();
        let old = |o: &Outcome| now.duration_since(o.at) > CUT_AGAIN;
        if outcomes.iter().filter(failed).any(old) {
            return Ok(true);
        }
        let state = State::load(&self.store, &head.standing.state).await?;
        let behind = state.hot().iter().filter(|hot| hot.due.is_some_and(late));
        let mut behind: BTreeSet<u128> = behind.map(|hot| hot.key).collect();
        // To be read back is nothing that a run has to give way to.
        let places = state.hot().iter().enumerate();
        let places = places.filter(|(_, hot)| behind.contains(&hot.key));
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        for some in places.chunks(LOADED) {
            for person in state.persons(some)?.iter().filter(|it| it.due_for_proof()) {
                behind.remove(&person.hot().key);
            }
        }
        if behind.is_empty() {
            return Ok(false);
        }
        let key = &stored.persons()?.key;
        let mut lines = Lines::open(&self.store, key).await?;
        while let Some((_, line)) = lines.next()? {
            let PersonLine { person, .. } = parse(key, &line)?;
            behind.remove(&person.hot().key);
        }
        Ok(!behind.is_empty())
    }

    /// Carries out a batch: the messages of a group in their order, groups side by side.
    /// `time_left` says how long there is time, if another action may be begun at all.
    ///
    /// A message that can never be carried out is put aside, and what is behind it in its group
    /// comes again, so that nothing overtakes. So does everything once time is up.
    ///
    /// # Errors
    /// When the journal cannot be written: then the whole batch comes again.
    pub async fn take_batch(
        &self,
        batch: &[Incoming],
        time_left: impl Fn() -> Option<Duration> + Sync,
    ) -> Result<Vec<Taken>, RunError> {
        let head = log::head(&self.store).await?;
        let name = nonce();
        let mut runs = Runs::new();
        for incoming in batch {
            if let Ok(message) = serde_json::from_str::<Message>(&incoming.body)
                && !runs.contains_key(&message.run)
            {
                let open = self.open(&head, &message.run, &name).await?;
                runs.insert(message.run, open);
            }
        }
        let joint = Joint::new(self.target.as_ref(), self.clock);
        let brake = self.brake(None);
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, incoming) in batch.iter().enumerate() {
            groups.entry(&incoming.group).or_default().push(at);
        }
        let side_by_side = groups.values().map(|places| {
            let messages = places.iter().map(|at| batch[*at].body.as_str());
            self.take_group(messages.collect(), &runs, (&joint, &brake), &time_left)
        });
        let taken = join_all(side_by_side).await;
        let mut out = vec![Taken::Again; batch.len()];
        let mut outcomes: BTreeMap<RunId, Vec<Outcome>> = BTreeMap::new();
        for (places, group) in groups.values().zip(taken) {
            for (at, (taken, came)) in places.iter().zip(group) {
                out[*at] = taken;
                for outcome in came {
                    let run = outcome.run.clone();
                    outcomes.entry(run).or_default().push(outcome);
                }
            }
        }
        for (run, outcomes) in outcomes {
            apply::write(&self.store, &run, &name, &outcomes).await?;
        }
        for (run, open) in &runs {
            if let Some(open) = open
                && !open.dropped.load(Ordering::Relaxed)
            {
                self.opening_of(run, open.opening).let_go(&name).await?;
            }
        }
        Ok(out)
    }

    /// The messages of one group, in order, until one is not done.
    async fn take_group(
        &self,
        bodies: Vec<&str>,
        runs: &Runs,
        (joint, brake): (&Joint<'_>, &dyn Stops),
        time_left: &Time<'_>,
    ) -> Vec<(Taken, Vec<Outcome>)> {
        let mut out = Vec::with_capacity(bodies.len());
        for body in bodies {
            if time_left().is_none() {
                break;
            }
            let (taken, outcomes) = self.take_one(body, runs, (joint, brake), time_left).await;
            let on = matches!(taken, Taken::Done | Taken::Halted);
            out.push((taken, outcomes));
            if !on {
                break;
            }
        }
        out
    }

    async fn take_one(
        &self,
        body: &str,
        runs: &Runs,
        (joint, brake): (&Joint<'_>, &dyn Stops),
        time_left: &Time<'_>,
    ) -> (Taken, Vec<Outcome>) {
        let Ok(message) = serde_json::from_str::<Message>(body) else {
            let why = "the body is not a message".to_owned();
            return (Taken::Dead(why), Vec::new());
        };
        let Some(Some(open)) = runs.get(&message.run) else {
            // The run is over: what it left undone was planned again.
            return (Taken::Done, Vec::new());
        };
        match self
            .opening_of(&message.run, open.opening)
            .is_called_back()
            .await
        {
            Ok(false) => {}
            // It ends before its time: what is left is planned again.
            Ok(true) => return (Taken::Done, Vec::new()),
            Err(error) => {
                tracing::warn!(run = %message.run, "An order comes again: {error}");
                return (Taken::Again, Vec::new());
            }
        }
        let hands = Hands {
            store: &self.store,
            target: self.target.as_ref(),
            clock: self.clock,
            job: &open.job,
            known: &open.known,
            ask: true,
            time_left,
            joint,
            brake,
            notifier: self.notifier.as_deref(),
        };
        match hands.carry_out(body).await {
            Ok(Carried::Done(outcomes)) => (Taken::Done, outcomes),
            Ok(Carried::Unfinished(outcomes)) => {
                let halted = brake.pulled().await.unwrap_or(false);
                let taken = if halted { Taken::Halted } else { Taken::Again };
                (taken, outcomes)
            }
            Ok(Carried::Dropped(outcomes)) => {
                open.dropped.store(true, Ordering::Relaxed);
                (Taken::Again, outcomes)
            }
            Ok(Carried::Never(reason)) => (Taken::Dead(reason), Vec::new()),
            Err(error) => {
                tracing::warn!(run = %message.run, "An order comes again: {error}");
                (Taken::Again, Vec::new())
            }
        }
    }

    /// Takes orders of a run in hand; `None` when it is over or called back.
    async fn open(&self, head: &Head, run: &RunId, name: &str) -> Result<Option<Open>, RunError> {
        let mut runs = head.standing.open.iter();
        let Some(open) = runs.find(|o| o.run == *run && o.stage == Stage::Planned) else {
            return Ok(None);
        };
        let opening = self.opening(open);
        if opening.is_called_back().await? {
            return Ok(None);
        }
        if !opening.take(name, self.clock.now()).await? {
            opening.let_go(name).await?;
            return Ok(None);
        }
        let stored = self.stored(open.generation).await?;
        let overtaken = self.overtaken(head, &stored).await?;
        let job = Self::job(head, &stored, overtaken)?;
        Ok(Some(Open {
            job,
            known: Known::default(),
            opening: open.opening(),
            dropped: AtomicBool::new(false),
        }))
    }
}
