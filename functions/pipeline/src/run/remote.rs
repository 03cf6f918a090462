//! A run whose orders are carried out elsewhere: sent over a queue, taken in batches, collected
//! from the journal.
//!
//! One process plans and sends, many take batches, one collects; none of them waits for another.
//! Invariant: a message is dealt with once its outcomes are in the journal, never before.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use rollcall_core::fold::Outcome;
use rollcall_core::model::RunId;

use super::{Pipeline, RunError, Stored, nonce};
use crate::apply::{self, ApplyError, Carried, Courier, Hands, Job, Known};
use crate::log::{self, Head, Stage};
use crate::queue::{Lane, Message, Queue};
use crate::state::State;

/// When a run is folded although outcomes are missing: what has not come by then is planned again.
/// Newer data do not wait that long: they end a run that is under way at once.
const OVERDUE: SignedDuration = SignedDuration::from_hours(6);

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
    /// Never to be dealt with: put it aside, with the reason.
    Dead(String),
}

async fn under_way(queue: &dyn Queue) -> Result<bool, ApplyError> {
    for lane in [Lane::Urgent, Lane::Bulk] {
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
}

/// What a batch refers to: runs that are over are `None`.
type Runs = BTreeMap<RunId, Option<Open>>;

impl Pipeline {
    /// Sends what is left to do of planned runs: of one that was never sent at once, of others
    /// when nothing is under way any more. Returns how many orders were sent.
    ///
    /// # Errors
    /// When store or queue fail.
    pub async fn dispatch(&self, queue: &dyn Queue) -> Result<usize, RunError> {
        let head = log::head(&self.store).await?;
        let mut sent = 0;
        for open in &head.standing.open {
            if open.stage != Stage::Planned {
                continue;
            }
            let fresh = apply::untouched(&self.store, &open.run).await?;
            if !fresh && under_way(queue).await? {
                continue;
            }
            let stored = self.stored(open.generation).await?;
            let overtaken = self.overtaken(&head, &stored).await?;
            self.unchanged(&stored).await?;
            let job = Self::job(&head, &stored, overtaken.keys().cloned().collect())?;
            let known = if fresh {
                Known::default()
            } else {
                self.known(&head, &stored).await?
            };
            let courier = Courier {
                store: &self.store,
                queue,
                job: &job,
                known: &known,
            };
            if !courier.any_open().await? {
                continue;
            }
            if fresh {
                apply::begin(&self.store, &stored.run, &nonce())
                    .await
                    .map_err(ApplyError::from)?;
            }
            sent += courier.send_open().await?;
        }
        Ok(sent)
    }

    async fn known(&self, head: &Head, stored: &Stored) -> Result<Known, RunError> {
        let outcomes = apply::outcomes(&self.store, &stored.run).await?;
        Ok(Known::new(outcomes, self.references(head, stored).await?))
    }

    /// Whether a run that was sent is to be folded: everything is on record, or has been waited
    /// for long enough.
    pub(super) async fn arrived(
        &self,
        head: &Head,
        stored: &Stored,
        queue: &dyn Queue,
    ) -> Result<bool, RunError> {
        if self.clock.now().duration_since(stored.at) > OVERDUE {
            return Ok(true);
        }
        if under_way(queue).await? {
            return Ok(false);
        }
        let job = Self::job(head, stored, BTreeSet::new())?;
        let courier = Courier {
            store: &self.store,
            queue,
            job: &job,
            known: &self.known(head, stored).await?,
        };
        Ok(!courier.any_open().await?)
    }

    /// Whether a run that is under way stands in the way of something that fell due after it was
    /// planned.
    pub(super) async fn overdue_behind(
        &self,
        head: &Head,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<bool, RunError> {
        let state = State::load(&self.store, &head.standing.state).await?;
        let since = stored.planned.now;
        let mut due = state.hot().iter().filter_map(|hot| hot.due);
        Ok(due.any(|due| since < due && due <= now))
    }

    /// Carries out a batch: the messages of a group in their order, groups side by side.
    /// `time_left` says whether another action may be begun.
    ///
    /// A message that can never be carried out is put aside, and what is behind it in its group
    /// comes again, so that nothing overtakes. So does everything once time is up.
    ///
    /// # Errors
    /// When the journal cannot be written: then the whole batch comes again.
    pub async fn take_batch(
        &self,
        batch: &[Incoming],
        time_left: impl Fn() -> bool + Sync,
    ) -> Result<Vec<Taken>, RunError> {
        let head = log::head(&self.store).await?;
        let mut runs = Runs::new();
        for incoming in batch {
            if let Ok(message) = serde_json::from_str::<Message>(&incoming.body)
                && !runs.contains_key(&message.run)
            {
                let open = self.open(&head, &message.run).await?;
                runs.insert(message.run, open);
            }
        }
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, incoming) in batch.iter().enumerate() {
            groups.entry(&incoming.group).or_default().push(at);
        }
        let side_by_side = groups.values().map(|places| {
            let messages = places.iter().map(|at| batch[*at].body.as_str());
            self.take_group(messages.collect(), &runs, &time_left)
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
        let name = nonce();
        for (run, outcomes) in outcomes {
            apply::write(&self.store, &run, &name, &outcomes).await?;
        }
        Ok(out)
    }

    /// The messages of one group, in order, until one is not done.
    async fn take_group(
        &self,
        bodies: Vec<&str>,
        runs: &Runs,
        time_left: &(dyn Fn() -> bool + Sync),
    ) -> Vec<(Taken, Vec<Outcome>)> {
        let mut out = Vec::with_capacity(bodies.len());
        for body in bodies {
            if !time_left() {
                break;
            }
            let (taken, outcomes) = self.take_one(body, runs, time_left).await;
            let done = taken == Taken::Done;
            out.push((taken, outcomes));
            if !done {
                break;
            }
        }
        out
    }

    async fn take_one(
        &self,
        body: &str,
        runs: &Runs,
        time_left: &(dyn Fn() -> bool + Sync),
    ) -> (Taken, Vec<Outcome>) {
        let Ok(message) = serde_json::from_str::<Message>(body) else {
            let why = "the body is not a message".to_owned();
            return (Taken::Dead(why), Vec::new());
        };
        let Some(Some(open)) = runs.get(&message.run) else {
            // The run is over: what it left undone was planned again.
            return (Taken::Done, Vec::new());
        };
        let hands = Hands {
            store: &self.store,
            target: self.target.as_ref(),
            clock: self.clock,
            job: &open.job,
            known: &open.known,
            ask: true,
            time_left,
        };
        match hands.carry_out(body).await {
            Ok(Carried::Done(outcomes)) => (Taken::Done, outcomes),
            Ok(Carried::Unfinished(outcomes)) => (Taken::Again, outcomes),
            Ok(Carried::Never(reason)) => (Taken::Dead(reason), Vec::new()),
            Err(error) => {
                tracing::warn!(run = %message.run, "An order comes again: {error}");
                (Taken::Again, Vec::new())
            }
        }
    }

    async fn open(&self, head: &Head, run: &RunId) -> Result<Option<Open>, RunError> {
        let mut runs = head.standing.open.iter();
        let Some(open) = runs.find(|o| o.run == *run && o.stage == Stage::Planned) else {
            return Ok(None);
        };
        let stored = self.stored(open.generation).await?;
        let overtaken = self.overtaken(head, &stored).await?;
        let job = Self::job(head, &stored, overtaken.keys().cloned().collect())?;
        let known = Known::default();
        Ok(Some(Open { job, known }))
    }
}
