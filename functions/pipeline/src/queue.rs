//! The queue between plan and apply: two lanes, messages by reference, one order a person.
//!
//! A message says where an order lies, never what is in it: no personal data, any size. The
//! semantics are those of SQS FIFO, which the embedded queue keeps: messages of one group in
//! order and one at a time, a deduplication id is remembered for five minutes, what is not
//! acknowledged comes again, what comes too often goes to the dead letters.
//! Invariant: nothing waits in a queue; waiting is state, and comes back through release.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use rollcall_core::digest::sha256_parts;
use rollcall_core::model::{OrderId, PersonKey, RunId};
use rollcall_http::Clock;
use serde::{Deserialize, Serialize};

/// How long a deduplication id is remembered (SQS FIFO: 5 minutes).
pub const DEDUPLICATION: Duration = Duration::from_mins(5);
/// Deliveries of one message before it is a dead letter.
pub const RECEIVES_MAX: u32 = 5;

/// Which way an order goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Cuts: ahead of everything, with a budget of their own.
    Urgent,
    /// Everything else.
    Bulk,
}

/// Where an order lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The run.
    pub run: RunId,
    /// The plan that the order belongs to; apply refuses any other.
    pub plan_sha256: String,
    /// The order.
    pub order: OrderId,
    /// Its bytes in the plan: first, and one past the last.
    pub range: (u64, u64),
    /// SHA-256 of those bytes: what is carried out is what was sent.
    pub sha256: String,
    /// Which sending this is; 1 is the first.
    pub send: u32,
    /// Which opening of the run it was sent in.
    pub opening: u64,
}

impl Message {
    /// Hash of run, order, opening and send number: sending the same thing twice delivers it once.
    pub fn deduplication_id(&self) -> String {
        sha256_parts(&[
            self.run.as_str().as_bytes(),
            self.order.as_str().as_bytes(),
            &self.opening.to_be_bytes(),
            &self.send.to_be_bytes(),
        ])
    }
}

/// What is handed to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Messages of one group are delivered in order, one at a time.
    pub group: PersonKey,
    /// Remembered for [`DEDUPLICATION`].
    pub deduplication_id: String,
    /// The message as JSON; a queue does not look inside.
    pub body: String,
}

/// What a queue hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// For acknowledging this delivery; another delivery of the message has another.
    pub receipt: String,
    /// The message as it was sent.
    pub body: String,
    /// Its group, as the queue names it.
    pub group: String,
    /// How often it was delivered, this time included.
    pub receives: u32,
}

/// Why a queue did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The receipt is not in flight: acknowledged already, or its time ran out.
    #[error("the delivery is no longer ours: its visibility ran out")]
    Expired,
    /// What lies beneath failed.
    #[error("the queue failed: {0}")]
    Backend(String),
}

/// The port. Each lane is a queue of its own.
pub trait Queue: Send + Sync {
    /// Sends; an id that was sent in the last five minutes is taken and not delivered again.
    fn send(&self, lane: Lane, envelopes: Vec<Envelope>) -> BoxFuture<'_, Result<(), QueueError>>;

    /// Up to `most` messages that nobody else has, invisible to others for `visibility`. Empty
    /// when there is nothing to hand out now.
    fn receive(
        &self,
        lane: Lane,
        most: usize,
        visibility: Duration,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, QueueError>>;

    /// About how many messages are waiting or in somebody's hands.
    fn depth(&self, lane: Lane) -> BoxFuture<'_, Result<usize, QueueError>>;

    /// The message is dealt with.
    fn acknowledge<'a>(
        &'a self,
        lane: Lane,
        receipt: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Keeps a delivery for `visibility` from now on; zero gives it back at once.
    fn extend<'a>(
        &'a self,
        lane: Lane,
        receipt: &'a str,
        visibility: Duration,
    ) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Puts a delivery aside for a person to look at, with the reason.
    fn dead_letter<'a>(
        &'a self,
        lane: Lane,
        delivery: &'a Delivery,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Bodies and reasons of the dead letters.
    fn dead_letters(&self, lane: Lane) -> BoxFuture<'_, Result<Vec<(String, String)>, QueueError>>;
}

/// How long deliveries are kept at a time while they are worked on: what a process that is killed
/// delays its messages by.
pub const HOLD: Duration = Duration::from_mins(3);

/// Does `work` while nobody else is handed these deliveries, however long it takes. The queue may
/// grant more than [`HOLD`] at first; once this began it grants that, again and again.
pub async fn holding<T>(
    queue: &dyn Queue,
    lane: Lane,
    receipts: &[String],
    clock: Clock,
    work: impl Future<Output = T>,
) -> T {
    let keep = async {
        loop {
            for receipt in receipts {
                // Whoever has it by now finds everything done, or does it once more: no harm.
                if let Err(error) = queue.extend(lane, receipt, HOLD).await {
                    tracing::warn!("A delivery is not kept: {error}");
                }
            }
            clock.sleep(HOLD / 3).await;
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = keep => unreachable!("keeping never ends"),
    }
}

#[derive(Debug)]
struct Stored {
    envelope: Envelope,
    receives: u32,
}

#[derive(Debug)]
struct InFlight {
    stored: Stored,
    until: Duration,
}

#[derive(Debug, Default)]
struct LaneState {
    waiting: VecDeque<Stored>,
    in_flight: BTreeMap<String, InFlight>,
    /// Deduplication ids, and in which order they came.
    sent: BTreeSet<String>,
    sent_at: VecDeque<(Duration, String)>,
    dead: Vec<(String, String)>,
    receipts: u64,
}

/// The queue of one process: the plan is the queue, so nothing has to survive the process.
#[derive(Debug)]
pub struct EmbeddedQueue {
    clock: Clock,
    urgent: Mutex<LaneState>,
    bulk: Mutex<LaneState>,
}

impl EmbeddedQueue {
    /// An empty queue.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            urgent: Mutex::default(),
            bulk: Mutex::default(),
        }
    }

    fn lane(&self, lane: Lane) -> MutexGuard<'_, LaneState> {
        let lane = match lane {
            Lane::Urgent => &self.urgent,
            Lane::Bulk => &self.bulk,
        };
        let mut state = lane.lock().unwrap_or_else(PoisonError::into_inner);
        state.expire(self.clock.elapsed());
        state
    }
}

impl LaneState {
    /// Gives back what was kept too long, at the front: its group has to stay in order.
    fn expire(&mut self, now: Duration) {
        while let Some((_, id)) = self
            .sent_at
            .pop_front_if(|(at, _)| now.saturating_sub(*at) >= DEDUPLICATION)
        {
            self.sent.remove(&id);
        }
        let late: Vec<String> = self
            .in_flight
            .iter()
            .filter(|(_, f)| f.until <= now)
            .map(|(receipt, _)| receipt.clone())
            .collect();
        for receipt in late {
            if let Some(back) = self.in_flight.remove(&receipt) {
                self.give_back(back.stored);
            }
        }
    }

    fn give_back(&mut self, stored: Stored) {
        if stored.receives >= RECEIVES_MAX {
            self.dead.push((
                stored.envelope.body,
                format!("delivered {RECEIVES_MAX} times"),
            ));
        } else {
            self.waiting.push_front(stored);
        }
    }
}

impl Queue for EmbeddedQueue {
    fn send(&self, lane: Lane, envelopes: Vec<Envelope>) -> BoxFuture<'_, Result<(), QueueError>> {
        Box::pin(async move {
            let now = self.clock.elapsed();
            let mut state = self.lane(lane);
            for envelope in envelopes {
                let id = &envelope.deduplication_id;
                if !state.sent.insert(id.clone()) {
                    continue;
                }
                state.sent_at.push_back((now, id.clone()));
                state.waiting.push_back(Stored {
                    envelope,
                    receives: 0,
                });
            }
            Ok(())
        })
    }

    fn receive(
        &self,
        lane: Lane,
        most: usize,
        visibility: Duration,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, QueueError>> {
        Box::pin(async move {
            let until = self.clock.elapsed() + visibility;
            let mut state = self.lane(lane);
            let mut busy: BTreeSet<PersonKey> = state
                .in_flight
                .values()
                .map(|f| f.stored.envelope.group.clone())
                .collect();
            let mut out = Vec::new();
            let mut at = 0;
            while out.len() < most && at < state.waiting.len() {
                if !busy.insert(state.waiting[at].envelope.group.clone()) {
                    at += 1;
                    continue;
                }
                let Some(mut stored) = state.waiting.remove(at) else {
                    break;
                };
                stored.receives += 1;
                state.receipts += 1;
                let receipt = format!("r{}", state.receipts);
                out.push(Delivery {
                    receipt: receipt.clone(),
                    body: stored.envelope.body.clone(),
                    group: stored.envelope.group.as_str().to_owned(),
                    receives: stored.receives,
                });
                state.in_flight.insert(receipt, InFlight { stored, until });
            }
            Ok(out)
        })
    }

    fn depth(&self, lane: Lane) -> BoxFuture<'_, Result<usize, QueueError>> {
        Box::pin(async move {
            let state = self.lane(lane);
            Ok(state.waiting.len() + state.in_flight.len())
        })
    }

    fn acknowledge<'a>(
        &'a self,
        lane: Lane,
        receipt: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            self.lane(lane)
                .in_flight
                .remove(receipt)
                .map(|_| ())
                .ok_or(QueueError::Expired)
        })
    }

    fn extend<'a>(
        &'a self,
        lane: Lane,
        receipt: &'a str,
        visibility: Duration,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let until = self.clock.elapsed() + visibility;
            let mut state = self.lane(lane);
            let mut kept = state.in_flight.remove(receipt).ok_or(QueueError::Expired)?;
            if visibility.is_zero() {
                state.give_back(kept.stored);
            } else {
                kept.until = until;
                state.in_flight.insert(receipt.to_owned(), kept);
            }
            Ok(())
        })
    }

    fn dead_letter<'a>(
        &'a self,
        lane: Lane,
        delivery: &'a Delivery,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let mut state = self.lane(lane);
            let out = state.in_flight.remove(&delivery.receipt);
            let out = out.ok_or(QueueError::Expired)?;
            state
                .dead
                .push((out.stored.envelope.body, reason.to_owned()));
            Ok(())
        })
    }

    fn dead_letters(&self, lane: Lane) -> BoxFuture<'_, Result<Vec<(String, String)>, QueueError>> {
        Box::pin(async move { Ok(self.lane(lane).dead.clone()) })
    }
}
