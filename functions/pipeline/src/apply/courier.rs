//! Sending: which orders of a run have something left to do, and messages that refer to them.

use rollcall_core::digest::sha256;
use rollcall_core::model::{ActionId, Ending, OrderId, PersonKey};
use rollcall_core::plan::WorkOrder;

use super::{ApplyError, Job, Known, Lines};
use crate::queue::{Envelope, Lane, Message, Queue};
use crate::store::{Store, StoreError, parse};

/// Sends orders of one run.
pub struct Courier<'a> {
    /// The store.
    pub store: &'a Store,
    /// The queue.
    pub queue: &'a dyn Queue,
    /// The plan.
    pub job: &'a Job,
    /// What is known of its actions.
    pub known: &'a Known,
}

/// An order with something due, and where it lies.
#[derive(Debug, Clone)]
pub struct Sendable {
    order: OrderId,
    person: PersonKey,
    lane: Lane,
    actions: Vec<ActionId>,
    waits: Option<(ActionId, PersonKey)>,
    shapes: bool,
    range: (u64, u64),
    sha256: String,
}

impl Sendable {
    /// It is about a group.
    pub fn shapes(&self) -> bool {
        self.shapes
    }

    /// Others wait for it, or it waits for nobody.
    pub fn goes_first(&self) -> bool {
        self.shapes || self.lane == Lane::Urgent
    }
}

/// Bulk orders that are sent at a time: hours of work for any quota. What is left is sent when
/// those are done, and newer data need not wait for the rest.
const LOT: usize = 50_000;
/// How often an order is sent whose manager was not to be found. The next plan goes on with it.
const SENDS: u32 = 3;
/// Orders that are handed to the queue together.
const HANDFUL: usize = 500;

/// The orders of a plan with something due, read one by one.
struct Orders<'a> {
    lines: Lines,
    job: &'a Job,
}

impl Orders<'_> {
    fn next(&mut self) -> Result<Option<Sendable>, StoreError> {
        let job = self.job;
        while let Some((range, line)) = self.lines.next()? {
            let order: WorkOrder = parse(&job.plan.key, &line)?;
            let due = job.due(&order);
            if due.is_empty() {
                continue;
            }
            return Ok(Some(Sendable {
                lane: if due.iter().any(|a| a.op.cut()) {
                    Lane::Urgent
                } else {
                    Lane::Bulk
                },
                waits: due
                    .iter()
                    .find_map(|a| Some((a.id.clone(), a.after.clone()?))),
                shapes: order.group.is_some(),
                actions: due.iter().map(|a| a.id.clone()).collect(),
                order: order.order,
                person: order.person,
                range,
                sha256: sha256(&line),
            }));
        }
        Ok(None)
    }
}

impl Courier<'_> {
    async fn plan(&self) -> Result<Orders<'_>, StoreError> {
        Ok(Orders {
            lines: Lines::open(self.store, &self.job.plan.key).await?,
            job: self.job,
        })
    }

    /// Every order with something due. Reads the plan once, in order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn orders(&self) -> Result<Vec<Sendable>, ApplyError> {
        let mut out = Vec::new();
        let mut orders = self.plan().await?;
        while let Some(order) = orders.next()? {
            out.push(order);
        }
        Ok(out)
    }

    /// Whether any order has something left to do.
    ///
    /// # Errors
    /// When the plan cannot be read.
    pub async fn any_open(&self) -> Result<bool, ApplyError> {
        let mut orders = self.plan().await?;
        while let Some(order) = orders.next()? {
            if self.is_open(&order) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends what of a lane has something left to do, without holding the plan: every cut, or as
    /// much of the rest as makes a lot. Returns how many orders were sent.
    ///
    /// # Errors
    /// When the plan cannot be read or the queue fails; what was sent is sent.
    pub async fn send_open(&self, lane: Lane) -> Result<usize, ApplyError> {
        let most = match lane {
            Lane::Urgent => usize::MAX,
            Lane::Bulk => LOT,
        };
        let mut orders = self.plan().await?;
        let (mut handful, mut sent) = (Vec::new(), 0);
        let mut shaping = false;
        while sent < most
            && let Some(order) = orders.next()?
        {
            if order.lane != lane || !self.is_open(&order) {
                continue;
            }
            // Groups stand first in a plan: who comes into them is sent once they are made.
            if shaping && !order.shapes {
                break;
            }
            shaping |= order.shapes;
            sent += 1;
            handful.push(self.envelope(&order));
            if handful.len() == HANDFUL {
                self.queue.send(lane, std::mem::take(&mut handful)).await?;
            }
        }
        self.queue.send(lane, handful).await?;
        Ok(sent)
    }

    fn is_open(&self, order: &Sendable) -> bool {
        self.is_unsent(order) || self.is_free(order)
    }

    fn is_unsent(&self, order: &Sendable) -> bool {
        let known = self.known.outcomes();
        order.actions.iter().any(|a| known.get(a).is_none())
    }

    /// Those with an action of which nothing is on record.
    pub fn unsent<'o>(&self, orders: &'o [Sendable]) -> Vec<&'o Sendable> {
        orders.iter().filter(|o| self.is_unsent(o)).collect()
    }

    /// Those whose manager reference waited for an account that is there now.
    pub fn freed<'o>(&self, orders: &'o [Sendable]) -> Vec<&'o Sendable> {
        orders.iter().filter(|order| self.is_free(order)).collect()
    }

    fn is_free(&self, order: &Sendable) -> bool {
        let Some((action, manager)) = &order.waits else {
            return false;
        };
        let known = self.known.outcomes();
        let known = known.get(action).filter(|o| o.send < SENDS);
        let waits = match known.map(|o| &o.ending) {
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
        waits && self.known.made(manager).is_some()
    }

    /// Sends orders, cuts first. Sending the same ones again within minutes delivers them once.
    ///
    /// # Errors
    /// When the queue fails; what was sent is sent.
    pub async fn send(&self, orders: &[&Sendable]) -> Result<(), ApplyError> {
        for lane in [Lane::Urgent, Lane::Bulk] {
            let mine = orders.iter().filter(|order| order.lane == lane);
            let envelopes = mine.map(|order| self.envelope(order)).collect();
            self.queue.send(lane, envelopes).await?;
        }
        Ok(())
    }

    fn envelope(&self, order: &Sendable) -> Envelope {
        let known = self.known.outcomes();
        let sends = order.actions.iter().filter_map(|a| known.get(a));
        let message = Message {
            run: self.job.run.clone(),
            plan_sha256: self.job.plan_sha256.clone(),
            order: order.order.clone(),
            range: order.range,
            sha256: order.sha256.clone(),
            send: sends.map(|o| o.send).max().unwrap_or(0) + 1,
            opening: self.job.opening,
        };
        Envelope {
            group: order.person.clone(),
            deduplication_id: message.deduplication_id(),
            body: serde_json::to_string(&message).expect("a message is always JSON"),
        }
    }
}
