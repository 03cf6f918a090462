//! Apply: the orders of a stored plan, one per person at a time, many persons at once.
//!
//! Each order is read from the plan by reference, each action is checked against the tenant just
//! before it is written, and what came of it goes into the journal before the message is
//! acknowledged. A process killed anywhere starts again from the journal: what is written twice
//! is idempotent, what cannot be is marked in `once/` first.
//! Invariant: nothing is carried out that is not in the plan whose hash the message names.

mod courier;
mod hands;
mod joint;
mod journal;
mod marks;
mod order;
mod pass;
mod proof;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use rollcall_core::approvals::Approvals;
use rollcall_core::fold::{Outcome, Outcomes};
use rollcall_core::model::{ObjectId, PersonKey, RunId};
use rollcall_core::plan::{Action, WorkOrder};
use rollcall_core::state::Person;
use rollcall_http::Clock;

pub use self::courier::{Courier, Sendable};
pub use self::hands::{LIFETIME, Opening};
pub use self::joint::Joint;
pub use self::journal::{
    Line, Lines, Segments, begin, is_segment, journal, lines_of, outcomes, outcomes_in, untouched,
    write,
};
pub use self::marks::{MARKS, is_list, marks};
pub use self::order::{Carried, Hands, Known, Time, unlimited};
pub(crate) use self::tell::unheard;
use crate::halt::Stops;
use crate::notify::Notifier;
use crate::queue::{Lane, Queue, QueueError};
use crate::store::{ObjectRef, Store, StoreError};
use crate::target::{Target, TargetError};

/// Orders in work at once, by lane. Quotas bind long before this does.
const WORKERS: [(Lane, usize); 2] = [(Lane::Urgent, 4), (Lane::Bulk, 32)];
/// Longer than an order can take: its calls, each with all its retries.
const VISIBILITY: Duration = Duration::from_hours(1);
/// Orders whose outcomes are written in one segment: what a crash can make us look at again.
const SEGMENT_ORDERS: usize = 32;

/// Why applying stopped. Single refusals are outcomes, not errors.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The target could not be asked.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// The plan that is carried out.
#[derive(Debug, Clone)]
pub struct Job {
    /// The run.
    pub run: RunId,
    /// Generation of the plan's log entry: what stops and enables are compared by.
    pub generation: u64,
    /// Which opening of the run this is: see [`Opening`].
    pub opening: u64,
    /// Its digest.
    pub plan_sha256: String,
    /// Where its orders lie.
    pub plan: ObjectRef,
    /// Where their values lie.
    pub values: ObjectRef,
    /// What was approved.
    pub approved: Approvals,
    /// The plan's instant.
    pub now: Timestamp,
    /// It was folded before and opened again by an approval: only what that lets go is left.
    pub reopened: bool,
    /// Persons whom a newer plan has changed: an approval of this one is void for them.
    pub overtaken: Overtaken,
}

/// For whom a plan is void.
#[derive(Debug, Clone)]
pub enum Overtaken {
    /// For these: a newer plan changed them.
    These(BTreeSet<PersonKey>),
    /// For everybody but these: it is opened again for those from whom it keeps something back.
    Others(BTreeSet<PersonKey>),
}

impl Default for Overtaken {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl Overtaken {
    /// Takes somebody in as the state has them now; `same`: no other plan
    /// changed them.
    pub fn add(&mut self, now: &Person, same: bool) {
        match self {
            Self::These(these) if !same => these.insert(now.person.clone()),
            Self::Others(others) if same && now.held => others.insert(now.person.clone()),
            Self::These(_) | Self::Others(_) => false,
        };
    }

    /// Whether the plan is void for somebody.
    pub fn voids(&self, person: &PersonKey) -> bool {
        match self {
            Self::These(these) => these.contains(person),
            Self::Others(others) => !others.contains(person),
        }
    }
}

impl Job {
    /// What is to be carried out of an order.
    pub fn due<'o>(&'o self, order: &'o WorkOrder) -> Vec<&'o Action> {
        let mut due = order.due(&self.approved, self.now);
        if self.reopened {
            let first = |action: &&Action| order.actions.iter().any(|a| a.id == action.id);
            due.retain(|action| !first(action));
        }
        due
    }
}

/// Carries out what a plan lets go.
pub struct Applier<'a> {
    /// The store.
    pub store: &'a Store,
    /// The target.
    pub target: &'a dyn Target,
    /// Who passes notices on.
    pub notifier: Option<&'a dyn Notifier>,
    /// The queue.
    pub queue: &'a dyn Queue,
    /// The clock of outcomes.
    pub clock: Clock,
    /// Told how many orders are done, of how many.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
    /// Tells the journal segments of this process from those of another.
    pub nonce: String,
    /// Whether to go on, between two actions.
    pub brake: &'a dyn Stops,
}

struct Work<'a> {
    applier: &'a Applier<'a>,
    job: &'a Job,
    known: Known,
    joint: Joint<'a>,
    journal: Mutex<Journal>,
    total: u64,
}

#[derive(Default)]
struct Journal {
    unwritten: Vec<Outcome>,
    unacknowledged: Vec<(Lane, String)>,
    segments: u64,
    done: u64,
}

impl Applier<'_> {
    /// Sends every order that has something left to do, carries it out, and sends those again
    /// whose manager got an account meanwhile. Returns what is known of every action.
    ///
    /// `objects` are the accounts of persons outside the plan that its references name.
    ///
    /// # Errors
    /// When store or queue fail; what was done so far is in the journal.
    pub async fn carry_out(
        &self,
        job: &Job,
        objects: BTreeMap<PersonKey, ObjectId>,
    ) -> Result<Outcomes, ApplyError> {
        let known = outcomes(self.store, &job.run).await?;
        let mut work = Work {
            applier: self,
            job,
            known: Known::new(known, objects),
            joint: Joint::new(self.target, self.clock),
            journal: Mutex::default(),
            total: 0,
        };
        let orders = work.courier().orders().await?;
        let first = work.courier().unsent(&orders);
        if !first.is_empty() {
            journal::begin(self.store, &job.run).await?;
        }
        work.total = first.len() as u64;
        // Groups before those who come into them; a cut waits for nobody.
        let (before, behind): (Vec<&Sendable>, Vec<_>) =
            first.iter().copied().partition(|it| it.goes_first());
        if before.iter().any(|order| order.shapes()) {
            work.wave(&before).await?;
            work.wave(&behind).await?;
        } else {
            work.wave(&first).await?;
        }
        let second = work.courier().freed(&orders);
        if !second.is_empty() {
            work.total += second.len() as u64;
            work.wave(&second).await?;
        }
        let known = work.known.outcomes().clone();
        Ok(known)
    }
}

impl<'a> Work<'a> {
    fn journal(&self) -> std::sync::MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn courier(&self) -> Courier<'_> {
        Courier {
            store: self.applier.store,
            queue: self.applier.queue,
            job: self.job,
            known: &self.known,
        }
    }

    fn hands(&self) -> Hands<'_, 'a> {
        Hands {
            store: self.applier.store,
            target: self.applier.target,
            clock: self.applier.clock,
            job: self.job,
            known: &self.known,
            ask: false,
            time_left: &unlimited,
            joint: &self.joint,
            brake: self.applier.brake,
            notifier: self.applier.notifier,
        }
    }

    async fn wave(&self, orders: &[&Sendable]) -> Result<(), ApplyError> {
        self.courier().send(orders).await?;
        let workers = WORKERS
            .iter()
            .flat_map(|(lane, n)| std::iter::repeat_n(*lane, *n));
        let ends = join_all(workers.map(|lane| self.worker(lane))).await;
        let written = self.flush().await;
        ends.into_iter().collect::<Result<(), _>>()?;
        written
    }

    async fn worker(&self, lane: Lane) -> Result<(), ApplyError> {
        let queue = self.applier.queue;
        loop {
            let Some(delivery) = queue.receive(lane, 1, VISIBILITY).await?.pop() else {
                return Ok(());
            };
            match self.hands().carry_out(&delivery.body).await? {
                Carried::Done(outcomes)
                | Carried::Unfinished(outcomes)
                | Carried::Dropped(outcomes) => {
                    self.record(lane, delivery.receipt, outcomes).await?;
                }
                Carried::Never(reason) => queue.dead_letter(lane, &delivery, &reason).await?,
            }
        }
    }

    async fn record(
        &self,
        lane: Lane,
        receipt: String,
        outcomes: Vec<Outcome>,
    ) -> Result<(), ApplyError> {
        let (done, full) = {
            let mut journal = self.journal();
            for outcome in outcomes {
                self.known.outcomes().add(outcome.clone());
                journal.unwritten.push(outcome);
            }
            journal.unacknowledged.push((lane, receipt));
            journal.done += 1;
            (journal.done, journal.unacknowledged.len() >= SEGMENT_ORDERS)
        };
        (self.applier.progress)(done, self.total);
        if full { self.flush().await } else { Ok(()) }
    }

    /// Writes the journal, then acknowledges: never the other way round.
    async fn flush(&self) -> Result<(), ApplyError> {
        let (outcomes, receipts, number) = {
            let mut journal = self.journal();
            journal.segments += 1;
            let outcomes = std::mem::take(&mut journal.unwritten);
            (
                outcomes,
                std::mem::take(&mut journal.unacknowledged),
                journal.segments,
            )
        };
        if !outcomes.is_empty() {
            let name = format!("{}-{number:06}", self.applier.nonce);
            journal::write(self.applier.store, &self.job.run, &name, &outcomes).await?;
        }
        for (lane, receipt) in receipts {
            self.applier.queue.acknowledge(lane, &receipt).await?;
        }
        Ok(())
    }
}
