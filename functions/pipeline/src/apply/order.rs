//! One order: read from the plan by reference, checked, carried out, action by action.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollcall_core::digest::{sha256, sha256_parts};
use rollcall_core::fold::{Outcome, Outcomes};
use rollcall_core::model::{
    ActionId, Attributes, Ending, Lookup, ObjectId, Op, OrderId, PersonKey, RunId, Step, StepResult,
};
use rollcall_core::plan::{Action, ActionValues, WorkOrder};
use rollcall_http::Clock;
use serde::{Deserialize, Serialize};

use super::{ApplyError, Job};
use crate::once;
use crate::queue::Message;
use crate::store::{Store, parse};
use crate::target::Target;

/// An order and the values of its actions.
type Read = (WorkOrder, BTreeMap<ActionId, ActionValues>);

/// A cut that was sent: whoever enables, adds or restores looks here first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stop {
    generation: u64,
    run: RunId,
    order: OrderId,
}

/// What is known while orders of a run are carried out: grows with each of them.
#[derive(Debug, Default)]
pub struct Known {
    outcomes: Mutex<Outcomes>,
    objects: Mutex<BTreeMap<PersonKey, ObjectId>>,
}

impl Known {
    /// From the journal, and accounts of persons outside the plan that its references name.
    pub fn new(outcomes: Outcomes, mut objects: BTreeMap<PersonKey, ObjectId>) -> Self {
        for outcome in outcomes.iter() {
            if let Some(object) = &outcome.object {
                objects.insert(outcome.person.clone(), object.clone());
            }
        }
        Self {
            outcomes: Mutex::new(outcomes),
            objects: Mutex::new(objects),
        }
    }

    /// The outcomes.
    pub fn outcomes(&self) -> MutexGuard<'_, Outcomes> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account of a person.
    pub fn made(&self, person: &PersonKey) -> Option<ObjectId> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.get(person).cloned()
    }

    fn make(&self, person: &PersonKey, object: &ObjectId) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert(person.clone(), object.clone());
    }

    fn settled(&self, action: &ActionId) -> bool {
        let outcomes = self.outcomes();
        outcomes.get(action).is_some_and(|o| o.ending.settled())
    }
}

/// Carries out orders of one run.
pub struct Hands<'a> {
    /// The store.
    pub store: &'a Store,
    /// The target.
    pub target: &'a dyn Target,
    /// The clock of outcomes.
    pub clock: Clock,
    /// The plan.
    pub job: &'a Job,
    /// What is known.
    pub known: &'a Known,
    /// What is not known of a manager's account is asked of the target: this process does not
    /// see what others make.
    pub ask: bool,
    /// How long there is time; see [`Time`].
    pub time_left: &'a Time<'a>,
}

/// How long there is time from now on; `None`: no action may be begun any more. What takes longer
/// is dropped in the middle.
pub type Time<'a> = dyn Fn() -> Option<Duration> + Sync + 'a;

/// All the time in the world.
pub fn unlimited() -> Option<Duration> {
    Some(Duration::MAX)
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Carried {
    /// Every action of its order has an outcome.
    Done(Vec<Outcome>),
    /// Time was up between two actions: these have one, the rest is done when it comes again.
    Unfinished(Vec<Outcome>),
    /// Time was up in the middle of an action: what was asked of the target may still happen.
    Dropped(Vec<Outcome>),
    /// It can never be carried out: why.
    Never(String),
}

impl Hands<'_> {
    async fn manager(&self, person: &PersonKey) -> Result<Option<ObjectId>, ApplyError> {
        let known = self.known.made(person);
        if known.is_some() || !self.ask {
            return Ok(known);
        }
        let question = [Lookup::Key(person.as_str().to_owned())];
        let found = self.target.look_up(&question, &[]).await?;
        let object = match found.into_iter().flatten().collect::<Vec<_>>().as_slice() {
            [account] => account.id.clone(),
            _ => return Ok(None),
        };
        self.known.make(person, &object);
        Ok(Some(object))
    }

    /// Carries out what a message refers to.
    ///
    /// # Errors
    /// When store or target cannot be used at all.
    pub async fn carry_out(&self, body: &str) -> Result<Carried, ApplyError> {
        let Ok(message) = serde_json::from_str::<Message>(body) else {
            return Ok(Carried::Never("the body is not a message".to_owned()));
        };
        match self.read(&message).await? {
            Ok((order, values)) => self.order(&message, &order, &values).await,
            Err(reason) => Ok(Carried::Never(reason)),
        }
    }

    /// The order behind a message. The inner error is a message that can never be carried out.
    async fn read(&self, message: &Message) -> Result<Result<Read, String>, ApplyError> {
        if message.run != self.job.run || message.plan_sha256 != self.job.plan_sha256 {
            return Ok(Err("the message names another plan".to_owned()));
        }
        let store = self.store;
        let (from, to) = message.range;
        let line = store.get_range(&self.job.plan.key, from..to).await?;
        if sha256(&line) != message.sha256 {
            return Ok(Err("the order was changed after it was sent".to_owned()));
        }
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
        Ok(Ok((order, values)))
    }

    /// The actions of one order, in order. A failed create ends it; a failed change does not
    /// keep the next one back; a cut goes through to its end whatever fails.
    async fn order(
        &self,
        message: &Message,
        order: &WorkOrder,
        values: &BTreeMap<ActionId, ActionValues>,
    ) -> Result<Carried, ApplyError> {
        let mut out = Vec::new();
        let mut object = match &order.object {
            Some(object) => Some(object.clone()),
            None => self.known.made(&order.person),
        };
        let mut broken = None;
        for action in self.job.due(order) {
            if self.known.settled(&action.id) {
                continue;
            }
            let Some(left) = (self.time_left)() else {
                return Ok(Carried::Unfinished(out));
            };
            let result = match &broken {
                _ if self.job.overtaken.voids(&order.person) => {
                    let why = "a newer plan changed this person: this one is void for them";
                    ended(Ending::Stale {
                        why: why.to_owned(),
                    })
                }
                Some(op) => ended(Ending::Waiting {
                    until: None,
                    reason: format!("{op}"),
                }),
                None => {
                    let object = object.as_ref();
                    let done = self.action(message, order, action, values, object);
                    let Some(done) = within(left, done).await else {
                        return Ok(Carried::Dropped(out));
                    };
                    match done {
                        Ok(result) => result,
                        // What is done is on record; the rest is done when it comes again.
                        Err(error) if !out.is_empty() => {
                            tracing::warn!(run = %self.job.run, "An order comes again: {error}");
                            return Ok(Carried::Unfinished(out));
                        }
                        Err(error) => return Err(error),
                    }
                }
            };
            if let Some(made) = &result.object {
                object = Some(made.clone());
                self.known.make(&order.person, made);
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
                at: self.clock.now(),
                send: message.send,
                calls: result.calls,
                request_id: result.request_id,
                object: result.object,
            });
        }
        Ok(Carried::Done(out))
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
                if let Some(manager) = self.manager(person).await? {
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
        let target = self.target;
        let clock = &self.clock;
        if action.op.at_most_once()
            && !once::claim(self.store, &action.id, &self.job.run, clock.now()).await?
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
        self.store.put_new(&key, bytes).await?;
        Ok(())
    }

    /// Whether a newer plan than this one cut the person off.
    async fn stopped(&self, person: &PersonKey) -> Result<bool, ApplyError> {
        let newest = self.store.list(&stops(person)).await?.pop();
        let Some(newest) = newest else {
            return Ok(false);
        };
        let stop: Stop = self.store.json(&newest.key).await?;
        Ok(stop.generation > self.job.generation)
    }
}

async fn within<T>(left: Duration, work: impl Future<Output = T>) -> Option<T> {
    if left == Duration::MAX {
        return Some(work.await);
    }
    tokio::time::timeout(left, work).await.ok()
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
