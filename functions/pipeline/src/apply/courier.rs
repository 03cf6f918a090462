//! Sending: which orders of a run have something left to do, and messages that refer to them.

use rollcall_core::digest::sha256;
use rollcall_core::model::{ActionId, Ending, OrderId, PersonKey};
use rollcall_core::plan::WorkOrder;

use super::{ApplyError, Job, Known, Lines};
use crate::queue::{Envelope, Lane, Message, Queue};
use crate::store::{Store, parse};

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
    range: (u64, u64),
    sha256: String,
}

impl Courier<'_> {
    /// Every order with something due. Reads the plan once, in order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn orders(&self) -> Result<Vec<Sendable>, ApplyError> {
        let job = self.job;
        let mut out = Vec::new();
        let mut lines = Lines::open(self.store, &job.plan.key).await?;
        while let Some((range, line)) = lines.next()? {
            let order: WorkOrder = parse(&job.plan.key, &line)?;
            let due = order.due(&job.approved, job.now);
            if due.is_empty() {
                continue;
            }
            out.push(Sendable {
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
                sha256: sha256(&line),
            });
        }
        Ok(out)
    }

    /// Those with an action of which nothing is on record.
    pub fn unsent<'o>(&self, orders: &'o [Sendable]) -> Vec<&'o Sendable> {
        let known = self.known.outcomes();
        let open = |order: &&Sendable| order.actions.iter().any(|a| known.get(a).is_none());
        orders.iter().filter(open).collect()
    }

    /// Those whose manager reference waited for an account that is there now.
    pub fn freed<'o>(&self, orders: &'o [Sendable]) -> Vec<&'o Sendable> {
        orders.iter().filter(|order| self.is_free(order)).collect()
    }

    fn is_free(&self, order: &Sendable) -> bool {
        let Some((action, manager)) = &order.waits else {
            return false;
        };
        let waits = match self.known.outcomes().get(action).map(|o| &o.ending) {
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
        };
        Envelope {
            group: order.person.clone(),
            deduplication_id: message.deduplication_id(),
            body: serde_json::to_string(&message).expect("a message is always JSON"),
        }
    }
}
