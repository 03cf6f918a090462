//! Apply: the orders of a stored plan, one per person at a time, many persons at once.
//!
//! Each order is read from the plan by reference, each action is checked against the tenant just
//! before it is written, and what came of it goes into the journal before the message is
//! acknowledged. A process killed anywhere starts again from the journal: what is written twice
//! is idempotent, what cannot be is marked in `once/` first.
//! Invariant: nothing is carried out that is not in the plan whose hash the message names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use rollcall_core::digest::sha256_parts;
use rollcall_core::fold::{Outcome, Outcomes};
use rollcall_core::model::{
    ActionId, Attributes, Ending, ObjectId, Op, OrderId, PersonKey, RunId, Step, StepResult,
};
use rollcall_core::plan::{Action, ActionValues, WorkOrder};
use rollcall_http::Clock;
use serde::{Deserialize, Serialize};

use crate::once;
use crate::queue::{Delivery, Envelope, Lane, Message, Queue, QueueError};
use crate::store::{ObjectRef, Store, StoreError, parse};
use crate::target::Target;

/// Orders in work at once, by lane. Quotas bind long before this does.
const WORKERS: [(Lane, usize); 2] = [(Lane::Urgent, 4), (Lane::Bulk, 12)];
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
}

/// The plan that is carried out.
#[derive(Debug, Clone)]
pub struct Job {
    /// The run.
    pub run: RunId,
    /// Generation of the plan's log entry: what stops and enables are compared by.
    pub generation: u64,
    /// Its digest.
    pub plan_sha256: String,
    /// Where its orders lie.
    pub plan: ObjectRef,
    /// Where their values lie.
    pub values: ObjectRef,
    /// Guards that were approved.
    pub approved: Vec<String>,
    /// The plan's instant.
    pub now: Timestamp,
    /// Persons whom a newer plan has changed: an approval of this one is void for them.
    pub overtaken: BTreeSet<PersonKey>,
}

/// A cut that was sent: whoever enables, adds or restores looks here first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stop {
    generation: u64,
    run: RunId,
    order: OrderId,
}

/// Carries out what a plan lets go.
pub struct Applier<'a> {
    /// The store.
    pub store: &'a Store,
    /// The target.
    pub target: &'a dyn Target,
    /// The queue.
    pub queue: &'a dyn Queue,
    /// The clock of outcomes.
    pub clock: Clock,
    /// Told how many orders are done, of how many.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
    /// Tells the journal segments of this process from those of another.
    pub nonce: String,
}

struct Work<'a> {
    applier: &'a Applier<'a>,
    job: &'a Job,
    /// Accounts by person: what references are resolved with. Grows as orders create some.
    objects: Mutex<BTreeMap<PersonKey, ObjectId>>,
    journal: Mutex<Journal>,
    total: u64,
}

#[derive(Default)]
struct Journal {
    known: Outcomes,
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
        let mut objects = objects;
        for outcome in known.iter() {
            if let Some(object) = &outcome.object {
                objects.insert(outcome.person.clone(), object.clone());
            }
        }
        let orders = self.index(job).await?;
        let first: Vec<&Indexed> = orders
            .iter()
            .filter(|o| o.actions.iter().any(|a| known.get(a).is_none()))
            .collect();
        if !first.is_empty() {
            // Said before anything is sent: from here on the run is not untouched any more.
            let key = format!("{}/{}-begun.jsonl", segments(&job.run), self.nonce);
            self.store.put_new(&key, Vec::new()).await?;
        }
        let mut work = Work {
            applier: self,
            job,
            objects: Mutex::new(objects),
            journal: Mutex::new(Journal {
                known,
                ..Journal::default()
            }),
            total: first.len() as u64,
        };
        work.wave(&first).await?;
        let second: Vec<&Indexed> = orders.iter().filter(|o| work.can_go_on(o)).collect();
        if !second.is_empty() {
            work.total += second.len() as u64;
            work.wave(&second).await?;
        }
        let journal = work
            .journal
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(journal.known)
    }

    /// Every order with something due, and where it lies. Reads the plan once, in order.
    async fn index(&self, job: &Job) -> Result<Vec<Indexed>, ApplyError> {
        let mut out = Vec::new();
        let mut lines = Lines::open(self.store, &job.plan.key).await?;
        while let Some((range, line)) = lines.next()? {
            let order: WorkOrder = parse(&job.plan.key, &line)?;
            let due = order.due(&job.approved, job.now);
            if due.is_empty() {
                continue;
            }
            out.push(Indexed {
                lane: if due.iter().any(|a| a.op.cut()) {
                    Lane::Urgent
                } else {
                    Lane::Bulk
                },
                waits: due
                    .iter()
                    .find_map(|a| Some((a.id.clone(), a.after.clone()?))),
                actions: due.iter().map(|a| a.id.clone()).collect(),
                order: order.order,
                person: order.person,
                range,
            });
        }
        Ok(out)
    }
}

/// An order with something due.
struct Indexed {
    order: OrderId,
    person: PersonKey,
    lane: Lane,
    actions: Vec<ActionId>,
    waits: Option<(ActionId, PersonKey)>,
    range: (u64, u64),
}

impl Work<'_> {
    fn journal(&self) -> std::sync::MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn object(&self, person: &PersonKey) -> Option<ObjectId> {
        self.objects
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(person)
            .cloned()
    }

    /// A manager reference waited, and the account is there now.
    fn can_go_on(&self, order: &Indexed) -> bool {
        let Some((action, manager)) = &order.waits else {
            return false;
        };
        let waits = match self.journal().known.get(action).map(|o| &o.ending) {
            Some(Ending::Waiting { reason, .. }) => reason == "manager",
            Some(
                Ending::Done
                | Ending::Already
                | Ending::Failed { .. }
                | Ending::Stale { .. }
                | Ending::Held { .. }
                | Ending::Unknown { .. },
            )
            | None => false,
        };
        waits && self.object(manager).is_some()
    }

    async fn wave(&self, orders: &[&Indexed]) -> Result<(), ApplyError> {
        let queue = self.applier.queue;
        for (lane, _) in WORKERS {
            let envelopes = orders
                .iter()
                .filter(|o| o.lane == lane)
                .map(|o| {
                    let message = Message {
                        run: self.job.run.clone(),
                        plan_sha256: self.job.plan_sha256.clone(),
                        order: o.order.clone(),
                        range: o.range,
                        send: self.next_send(o),
                    };
                    Envelope {
                        group: o.person.clone(),
                        deduplication_id: message.deduplication_id(),
                        body: serde_json::to_string(&message).expect("a message is always JSON"),
                    }
                })
                .collect();
            queue.send(lane, envelopes).await?;
        }
        let workers = WORKERS
            .iter()
            .flat_map(|(lane, n)| std::iter::repeat_n(*lane, *n));
        let ends = join_all(workers.map(|lane| self.worker(lane))).await;
        let written = self.flush().await;
        ends.into_iter().collect::<Result<(), _>>()?;
        written
    }

    fn next_send(&self, order: &Indexed) -> u32 {
        let journal = self.journal();
        let sends = order
            .actions
            .iter()
            .filter_map(|a| journal.known.get(a))
            .map(|o| o.send);
        sends.max().unwrap_or(0) + 1
    }

    async fn worker(&self, lane: Lane) -> Result<(), ApplyError> {
        let queue = self.applier.queue;
        loop {
            let Some(delivery) = queue.receive(lane, 1, VISIBILITY).await?.pop() else {
                return Ok(());
            };
            match self.read(&delivery).await? {
                Ok((message, order, values)) => {
                    let outcomes = self.order(&message, &order, &values).await?;
                    self.record(lane, delivery.receipt, outcomes).await?;
                }
                Err(reason) => queue.dead_letter(lane, &delivery.receipt, &reason).await?,
            }
        }
    }

    /// The order behind a message. The inner error is a message that can never be carried out.
    async fn read(
        &self,
        delivery: &Delivery,
    ) -> Result<Result<(Message, WorkOrder, BTreeMap<ActionId, ActionValues>), String>, ApplyError>
    {
        let Ok(message) = serde_json::from_str::<Message>(&delivery.body) else {
            return Ok(Err("the body is not a message".to_owned()));
        };
        if message.run != self.job.run || message.plan_sha256 != self.job.plan_sha256 {
            return Ok(Err("the message names another plan".to_owned()));
        }
        let store = self.applier.store;
        let (from, to) = message.range;
        let line = store.get_range(&self.job.plan.key, from..to).await?;
        let Ok(order) = serde_json::from_slice::<WorkOrder>(&line) else {
            return Ok(Err("the byte range holds no order".to_owned()));
        };
        if order.order != message.order {
            return Ok(Err("the byte range holds another order".to_owned()));
        }
        let mut values = BTreeMap::new();
        if let Some((from, to)) = order.values {
            let lines = store.get_range(&self.job.values.key, from..to).await?;
            for line in lines.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
                let value: ActionValues = parse(&self.job.values.key, line)?;
                values.insert(value.id.clone(), value);
            }
        }
        Ok(Ok((message, order, values)))
    }

    /// The actions of one order, in order. A failed create ends it; a failed change does not
    /// keep the next one back; a cut goes through to its end whatever fails.
    async fn order(
        &self,
        message: &Message,
        order: &WorkOrder,
        values: &BTreeMap<ActionId, ActionValues>,
    ) -> Result<Vec<Outcome>, ApplyError> {
        let mut out = Vec::new();
        let mut object = order.object.clone().or_else(|| self.object(&order.person));
        let mut broken = None;
        for action in order.due(&self.job.approved, self.job.now) {
            let settled = self
                .journal()
                .known
                .get(&action.id)
                .is_some_and(|o| o.ending.settled());
            if settled {
                continue;
            }
            let result = match &broken {
                _ if self.job.overtaken.contains(&order.person) => {
                    let why = "a newer plan changed this person: the approval is void for them";
                    ended(Ending::Stale {
                        why: why.to_owned(),
                    })
                }
                Some(op) => ended(Ending::Waiting {
                    until: None,
                    reason: format!("{op}"),
                }),
                None => {
                    self.action(message, order, action, values, object.as_ref())
                        .await?
                }
            };
            if let Some(made) = &result.object {
                object = Some(made.clone());
                self.objects
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(order.person.clone(), made.clone());
            }
            if action.op == Op::UserCreate && !result.ending.settled() {
                broken = Some(action.op);
            }
            out.push(Outcome {
                run: self.job.run.clone(),
                order: order.order.clone(),
                action: action.id.clone(),
                op: action.op,
                person: order.person.clone(),
                ending: result.ending,
                at: self.applier.clock.now(),
                send: message.send,
                calls: result.calls,
                request_id: result.request_id,
                object: result.object,
            });
        }
        Ok(out)
    }

    async fn action(
        &self,
        message: &Message,
        order: &WorkOrder,
        action: &Action,
        values: &BTreeMap<ActionId, ActionValues>,
        object: Option<&ObjectId>,
    ) -> Result<StepResult, ApplyError> {
        let manager = match &action.after {
            Some(person) => {
                if let Some(manager) = self.object(person) {
                    Some(manager)
                } else {
                    let reason = "manager".to_owned();
                    return Ok(ended(Ending::Waiting {
                        until: None,
                        reason,
                    }));
                }
            }
            None => None,
        };
        if action.op.cut() {
            self.mark_stop(message, &order.person).await?;
        }
        if action.op.gives() && self.stopped(&order.person).await? {
            let why = "the person was cut off after this was planned".to_owned();
            return Ok(ended(Ending::Stale { why }));
        }
        let (before, write) = match values.get(&action.id) {
            Some(v) => (v.before.clone(), v.after.clone()),
            None if action.args.keys().any(|k| k != "manager") => {
                let why = "its values are no longer stored: plan again".to_owned();
                return Ok(ended(Ending::Stale { why }));
            }
            None => (Attributes::new(), Attributes::new()),
        };
        let mut step = Step {
            action: action.id.clone(),
            person: order.person.clone(),
            op: action.op,
            object: object.cloned(),
            key: order
                .workers
                .first()
                .map_or_else(String::new, |w| w.as_str().to_owned()),
            write,
            before,
            manager,
        };
        let target = self.applier.target;
        let clock = &self.applier.clock;
        if action.op.at_most_once()
            && !once::claim(self.applier.store, &action.id, &self.job.run, clock.now()).await?
        {
            let hint = "sent before, and no answer is on record: look in the target what came \
                        of it; it is not sent again"
                .to_owned();
            return Ok(ended(Ending::Unknown { hint }));
        }
        let result = target.apply(&step).await;
        if action.op.gives() && self.stopped(&order.person).await? {
            // A cut came in between: it wins, whatever order the tenant saw them in.
            let mut cut = Vec::new();
            for op in [Op::UserDisable, Op::UserRevokeSessions] {
                step.op = op;
                cut.push(target.apply(&step).await);
            }
            let calls = cut.iter().map(|r| r.calls).sum::<u32>() + result.calls;
            let ending = match cut.into_iter().find(|r| !r.ending.settled()) {
                None => Ending::Stale {
                    why: "cut off meanwhile; taken back".to_owned(),
                },
                Some(failed) => failed.ending,
            };
            return Ok(StepResult {
                ending,
                calls,
                ..result
            });
        }
        Ok(result)
    }

    async fn mark_stop(&self, message: &Message, person: &PersonKey) -> Result<(), ApplyError> {
        let generation = self.job.generation;
        let key = format!("{}/{generation:012}.json", stops(person));
        let stop = Stop {
            generation,
            run: self.job.run.clone(),
            order: message.order.clone(),
        };
        let bytes = serde_json::to_vec(&stop).expect("a stop is always JSON");
        self.applier.store.put_new(&key, bytes).await?;
        Ok(())
    }

    /// Whether a newer plan than this one cut the person off.
    async fn stopped(&self, person: &PersonKey) -> Result<bool, ApplyError> {
        let newest = self.applier.store.list(&stops(person)).await?.pop();
        let Some(newest) = newest else {
            return Ok(false);
        };
        let stop: Stop = self.applier.store.json(&newest.key).await?;
        Ok(stop.generation > self.job.generation)
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
                journal.known.add(outcome.clone());
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
            let mut bytes = Vec::new();
            for outcome in &outcomes {
                serde_json::to_writer(&mut bytes, outcome).expect("an outcome is always JSON");
                bytes.push(b'\n');
            }
            let folder = segments(&self.job.run);
            let key = format!("{folder}/{}-{number:06}.jsonl", self.applier.nonce);
            self.applier.store.put_new(&key, bytes).await?;
        }
        for (lane, receipt) in receipts {
            self.applier.queue.acknowledge(lane, &receipt).await?;
        }
        Ok(())
    }
}

fn ended(ending: Ending) -> StepResult {
    StepResult {
        ending,
        object: None,
        request_id: None,
        calls: 0,
    }
}

fn stops(person: &PersonKey) -> String {
    format!(
        "stops/{}",
        &sha256_parts(&[person.as_str().as_bytes()])[..32]
    )
}

fn segments(run: &RunId) -> String {
    format!("runs/{run}/outcomes")
}

/// Whether nothing of a run was ever sent.
///
/// # Errors
/// When the store fails.
pub async fn untouched(store: &Store, run: &RunId) -> Result<bool, StoreError> {
    Ok(store.list(&segments(run)).await?.is_empty())
}

/// Everything in the journal of a run.
///
/// # Errors
/// When a segment cannot be read.
pub async fn outcomes(store: &Store, run: &RunId) -> Result<Outcomes, StoreError> {
    let mut out = Outcomes::default();
    for segment in store.list(&segments(run)).await? {
        let bytes = store.get(&segment.key).await?;
        for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            out.add(parse(&segment.key, line)?);
        }
    }
    Ok(out)
}

/// The segments of a run's journal, with their hashes, for the log.
///
/// # Errors
/// When a segment cannot be read.
pub async fn segment_refs(store: &Store, run: &RunId) -> Result<Vec<ObjectRef>, StoreError> {
    let mut out = Vec::new();
    for segment in store.list(&segments(run)).await? {
        out.push(crate::store::reference(
            &segment.key,
            &store.get(&segment.key).await?,
        ));
    }
    Ok(out)
}

/// First byte and one past the last, and the bytes between.
pub type Line = ((u64, u64), Vec<u8>);

/// The lines of a stored object with their byte ranges, newline left out.
pub struct Lines {
    from: std::io::BufReader<File>,
    key: String,
    at: u64,
}

impl Lines {
    /// Opens an object.
    ///
    /// # Errors
    /// When nothing is stored there.
    pub async fn open(store: &Store, key: &str) -> Result<Self, StoreError> {
        let from = store.open(key).await?;
        Ok(Self {
            from: std::io::BufReader::with_capacity(256 * 1024, from),
            key: key.to_owned(),
            at: 0,
        })
    }

    /// The next line.
    ///
    /// # Errors
    /// When it cannot be read.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend its error this way"
    )]
    pub fn next(&mut self) -> Result<Option<Line>, StoreError> {
        let mut line = Vec::new();
        let read = std::io::BufRead::read_until(&mut self.from, b'\n', &mut line).map_err(|e| {
            StoreError::Backend {
                key: self.key.clone(),
                why: e.to_string(),
            }
        })?;
        if read == 0 {
            return Ok(None);
        }
        let from = self.at;
        self.at += read as u64;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(Some(((from, from + line.len() as u64), line)))
    }
}
