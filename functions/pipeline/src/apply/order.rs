//! One order: read from the plan by reference, checked, carried out, action by action.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollcall_core::digest::{sha256, sha256_parts};
use rollcall_core::fold::{Outcome, Outcomes};
use rollcall_core::grants::Granting;
use rollcall_core::groups::Shape;
use rollcall_core::model::{
    ActionId, Area, Asset, Attributes, DeviceAim, Ending, GroupName, GroupStep, Lookup, ObjectId,
    Op, OrderId, Ownership, PersonKey, Platform, RunId, Step, StepResult,
};
use rollcall_core::plan::{Action, ActionValues, WorkOrder};
use rollcall_http::Clock;
use serde::{Deserialize, Serialize};

use super::{ApplyError, Job, Joint};
use crate::halt::Stops;
use crate::notify::Notifier;
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
    groups: Mutex<BTreeMap<GroupName, ObjectId>>,
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
            groups: Mutex::default(),
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

    fn group(&self, name: &GroupName) -> Option<ObjectId> {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.get(name).cloned()
    }

    fn found(&self, name: &GroupName, id: &ObjectId) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.insert(name.clone(), id.clone());
    }

    fn heard(&self, action: &ActionId) -> bool {
        self.outcomes().get(action).is_some()
    }

    fn settled(&self, action: &ActionId) -> bool {
        let outcomes = self.outcomes();
        outcomes.get(action).is_some_and(|o| o.ending.settled())
    }
}

/// Carries out orders of one run.
pub struct Hands<'a, 't> {
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
    /// Where adds to groups are joined with those of other orders.
    pub joint: &'a Joint<'t>,
    /// Whether to go on, between two actions.
    pub brake: &'a dyn Stops,
    /// Who passes notices on.
    pub notifier: Option<&'a dyn Notifier>,
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

impl Hands<'_, '_> {
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

    /// The group of a name; `None`: there is none, or none yet.
    async fn group(&self, name: &GroupName) -> Result<Option<ObjectId>, ApplyError> {
        if let Some(known) = self.known.group(name) {
            return Ok(Some(known));
        }
        let found = self.target.find_groups(std::slice::from_ref(name)).await?;
        let id = found.into_iter().flatten().next().map(|group| group.id);
        if let Some(id) = &id {
            self.known.found(name, id);
        }
        Ok(id)
    }

    /// The actions of one order, in order. A failed create ends it; a failed change does not
    /// keep the next one back; a cut goes through to its end whatever fails.
    async fn order(
        &self,
        message: &Message,
        order: &WorkOrder,
        values: &BTreeMap<ActionId, ActionValues>,
    ) -> Result<Carried, ApplyError> {
        let _in_hand = self.joint.take();
        let mut out = Vec::new();
        let mut object = match &order.object {
            Some(object) => Some(object.clone()),
            None => self.known.made(&order.person),
        };
        let mut undone: Vec<&Action> = Vec::new();
        // The worker id that the account carries: an order may give it another one.
        let attribute = self.target.kind().key_attribute;
        let passes = |action: &Action| {
            let values = values.get(&action.id)?;
            values.after.get(&attribute)?.as_text().map(str::to_owned)
        };
        let had = order.workers.first().map(|it| it.as_str().to_owned());
        let settled = order
            .actions
            .iter()
            .filter(|it| self.known.settled(&it.id))
            .filter_map(&passes);
        let mut key = settled.last().or(had).unwrap_or_default();
        let due: Vec<&Action> = self
            .job
            .due(order)
            .into_iter()
            .filter(|action| !self.known.settled(&action.id))
            // What was answered is not sent again by this run.
            .filter(|action| !(action.op.commands() && self.known.heard(&action.id)))
            .collect();
        let mut rest = due.as_slice();
        while let Some((first, _)) = rest.split_first() {
            // Adds that stand together are sent together.
            let adds = rest.iter().take_while(|it| it.op == Op::GroupAdd).count();
            let (these, behind) = rest.split_at(adds.max(1));
            rest = behind;
            let Some(left) = (self.time_left)() else {
                return Ok(Carried::Unfinished(out));
            };
            if self.brake.pulled().await? {
                return Ok(Carried::Unfinished(out));
            }
            let awaited = undone.iter().find(|it| first.waits_for(it));
            let results = match awaited {
                _ if order.group.is_none() && self.job.overtaken.voids(&order.person) => {
                    let why = "a newer plan changed this person: this one is void for them";
                    let ending = Ending::Stale {
                        why: why.to_owned(),
                    };
                    vec![StepResult::new(ending); these.len()]
                }
                Some(awaited) => {
                    let ending = Ending::Waiting {
                        until: None,
                        reason: format!("{}", awaited.op),
                    };
                    vec![StepResult::new(ending); these.len()]
                }
                None => {
                    let object = object.as_ref();
                    let done = self.actions(message, order, these, values, (&key, object));
                    let Some(done) = within(left, done).await else {
                        return Ok(Carried::Dropped(out));
                    };
                    match done {
                        Ok(results) => results,
                        // What is done is on record; the rest is done when it comes again.
                        Err(error) if !out.is_empty() => {
                            tracing::warn!(run = %self.job.run, "An order comes again: {error}");
                            return Ok(Carried::Unfinished(out));
                        }
                        Err(error) => return Err(error),
                    }
                }
            };
            for (action, result) in these.iter().zip(results) {
                if let Some(made) = &result.object {
                    object = Some(made.clone());
                    self.known.make(&order.person, made);
                    // References name workers.
                    for worker in &order.workers {
                        self.known.make(&PersonKey::new(worker.as_str()), made);
                    }
                }
                if result.ending.settled() {
                    key = passes(action).unwrap_or(key);
                } else {
                    undone.push(action);
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
                    consent: result.consent,
                    proof: result.proof,
                });
            }
        }
        Ok(Carried::Done(out))
    }

    /// One action, or adds to groups that stand together.
    async fn actions(
        &self,
        message: &Message,
        order: &WorkOrder,
        these: &[&Action],
        values: &BTreeMap<ActionId, ActionValues>,
        (key, object): (&str, Option<&ObjectId>),
    ) -> Result<Vec<StepResult>, ApplyError> {
        let [action] = these else {
            return self.adds(order, these, key, object).await;
        };
        if let Some(shape) = &order.group {
            return Ok(vec![self.shape(shape, action).await]);
        }
        if action.op == Op::GroupAdd {
            return self.adds(order, these, key, object).await;
        }
        if action.op.tells() {
            // Rare, and large: no other action pays for it.
            let told = Box::pin(self.tell(order, action, values.get(&action.id)));
            return Ok(vec![told.await?]);
        }
        if action.op == Op::TapIssue {
            let issued = self.pass(order, action, values.get(&action.id), (key, object));
            return Ok(vec![Box::pin(issued).await?]);
        }
        if action.op.proves() {
            return Ok(vec![Box::pin(self.prove(order, action, object)).await]);
        }
        let done = self.action(message, order, action, values, (key, object));
        Ok(vec![done.await?])
    }

    /// Makes a group what it is to be.
    async fn shape(&self, shape: &Shape, action: &Action) -> StepResult {
        let step = GroupStep {
            action: action.id.clone(),
            op: action.op,
            wanted: shape.wanted.clone(),
            before: shape.before.clone(),
        };
        let result = self.target.keep_group(&step).await;
        if let Some(id) = result.object.as_ref().filter(|_| result.ending.settled()) {
            let name = GroupName::Unique(shape.wanted.unique.clone());
            self.known.found(&name, id);
        }
        StepResult {
            // It is nobody's account.
            object: None,
            ..result
        }
    }

    /// Adds to groups. Each looks for a newer cut of the person before and after.
    async fn adds(
        &self,
        order: &WorkOrder,
        these: &[&Action],
        key: &str,
        object: Option<&ObjectId>,
    ) -> Result<Vec<StepResult>, ApplyError> {
        if self.stopped(&order.person).await? {
            return Ok(vec![StepResult::new(cut_meanwhile()); these.len()]);
        }
        let mut out = vec![None; these.len()];
        let (mut places, mut adds) = (Vec::new(), Vec::new());
        for (at, action) in these.iter().enumerate() {
            match self.granting(order, action, key, object).await? {
                Ok(step) => match &step.group {
                    Some(group) => {
                        places.push(at);
                        adds.push((group.clone(), step));
                    }
                    None => out[at] = Some(StepResult::new(no_grant())),
                },
                Err(ending) => out[at] = Some(StepResult::new(ending)),
            }
        }
        let steps: Vec<Step> = adds.iter().map(|(_, step)| step.clone()).collect();
        if !adds.is_empty() {
            let results = self.joint.add(adds).await;
            let cut = self.stopped(&order.person).await?;
            for ((at, result), step) in places.into_iter().zip(results).zip(steps) {
                out[at] = Some(if cut {
                    self.take_back(step, result).await
                } else {
                    result
                });
            }
        }
        let results = out
            .into_iter()
            .map(|it| it.unwrap_or_else(|| StepResult::new(no_grant())));
        Ok(results.collect())
    }

    /// A step without values.
    pub(super) fn bare(
        order: &WorkOrder,
        action: &Action,
        key: &str,
        object: Option<&ObjectId>,
    ) -> Step {
        Step {
            object: object.cloned(),
            ..Step::new(action.id.clone(), order.person.clone(), action.op, key)
        }
    }

    /// An action that gives or takes, made ready. The inner error is how it ends without a call.
    async fn granting(
        &self,
        order: &WorkOrder,
        action: &Action,
        key: &str,
        object: Option<&ObjectId>,
    ) -> Result<Result<Step, Ending>, ApplyError> {
        let Some(granting) = Granting::of_args(&action.args) else {
            return Ok(Err(no_grant()));
        };
        let mut step = Self::bare(order, action, key, object);
        step.licence = granting.licence();
        let Some(name) = granting.group() else {
            return Ok(Ok(step));
        };
        let waits = || Ending::Waiting {
            until: None,
            reason: "group".to_owned(),
        };
        step.group = match self.group(&name).await {
            Ok(found) => found,
            // Nobody else waits because one group cannot be looked up.
            Err(ApplyError::Target(error)) => {
                tracing::warn!(run = %self.job.run, "A group cannot be looked up: {error}");
                return Ok(Err(waits()));
            }
            Err(error) => return Err(error),
        };
        if step.group.is_none() {
            // Nobody is in a group that is not there.
            let takes = action.op.takes();
            return Ok(Err(if takes { Ending::Already } else { waits() }));
        }
        Ok(Ok(step))
    }

    async fn action(
        &self,
        message: &Message,
        order: &WorkOrder,
        action: &Action,
        values: &BTreeMap<ActionId, ActionValues>,
        (key, object): (&str, Option<&ObjectId>),
    ) -> Result<StepResult, ApplyError> {
        let manager = match &action.after {
            Some(person) => {
                if let Some(manager) = self.manager(person).await? {
                    Some(manager)
                } else {
                    let reason = if action.op.hands_over() {
                        "heir"
                    } else {
                        "manager"
                    };
                    let reason = reason.to_owned();
                    return Ok(StepResult::new(Ending::Waiting {
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
            return Ok(StepResult::new(cut_meanwhile()));
        }
        let step = if action.op.grants() || action.op.takes() {
            match self.granting(order, action, key, object).await? {
                Ok(step) => step,
                Err(ending) => return Ok(StepResult::new(ending)),
            }
        } else if let Area::Role(_) = action.op.area() {
            let role = action.args.get("role").or_else(|| action.args.get("app"));
            Step {
                role: role.cloned(),
                ..Self::bare(order, action, key, object)
            }
        } else if action.op.on_device() {
            Step {
                device: aim(action),
                ..Self::bare(order, action, key, object)
            }
        } else if action.op.hands_over() {
            let asset = action.args.get("asset").and_then(|it| Asset::of_name(it));
            let id = action.args.get("id").map(ObjectId::new);
            Step {
                manager,
                handed: asset.zip(id),
                ..Self::bare(order, action, key, object)
            }
        } else {
            let (before, write) = match values.get(&action.id) {
                Some(v) => (v.before.clone(), v.after.clone()),
                None if action.args.keys().any(|k| k != "manager") => {
                    let why = "its values are no longer stored: plan again".to_owned();
                    return Ok(StepResult::new(Ending::Stale { why }));
                }
                None => (Attributes::new(), Attributes::new()),
            };
            Step {
                write,
                before,
                manager,
                ..Self::bare(order, action, key, object)
            }
        };
        let target = self.target;
        let clock = &self.clock;
        if action.op.at_most_once() {
            let (run, now) = (&self.job.run, clock.now());
            // Planned again only where it is known not to have been taken.
            let ours = if action.op.on_device() {
                once::claim_anew(self.store, &action.id, run, now).await?
            } else {
                once::claim(self.store, &action.id, run, now).await?
            };
            if !ours {
                return Ok(StepResult::new(unanswered()));
            }
        }
        let result = target.apply(&step).await;
        if action.op.gives() && self.stopped(&order.person).await? {
            return Ok(self.take_back(step, result).await);
        }
        Ok(result)
    }

    /// A cut came in between: it wins, whatever order the tenant saw them in.
    pub(super) async fn take_back(&self, mut step: Step, result: StepResult) -> StepResult {
        let mut taken = Vec::new();
        let ops: &[Op] = if step.op == Op::GroupAdd {
            &[Op::GroupRemove]
        } else if step.op == Op::LicenceAssign {
            &[Op::LicenceRemove]
        } else {
            &[Op::UserDisable, Op::UserRevokeSessions]
        };
        for op in ops {
            step.op = *op;
            taken.push(self.target.apply(&step).await);
        }
        let calls = taken.iter().map(|r| r.calls).sum::<u32>() + result.calls;
        let ending = match taken.into_iter().find(|r| !r.ending.settled()) {
            None => Ending::Stale {
                why: "cut off meanwhile; taken back".to_owned(),
            },
            Some(failed) => failed.ending,
        };
        StepResult {
            ending,
            calls,
            ..result
        }
    }

    async fn mark_stop(&self, message: &Message, person: &PersonKey) -> Result<(), ApplyError> {
        let generation = self.job.generation;
        let key = stop_of(person, generation);
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
    pub(super) async fn stopped(&self, person: &PersonKey) -> Result<bool, ApplyError> {
        let stopped = self.cut_by(person).await?;
        Ok(stopped.is_some_and(|generation| generation > self.job.generation))
    }

    /// The newest plan that cut a person off.
    pub(super) async fn cut_by(&self, person: &PersonKey) -> Result<Option<u64>, ApplyError> {
        let newest = self.store.list(&stops_of(person)).await?.pop();
        let Some(newest) = newest else {
            return Ok(None);
        };
        let stop: Stop = self.store.json(&newest.key).await?;
        Ok(Some(stop.generation))
    }
}

pub(super) fn cut_meanwhile() -> Ending {
    Ending::Stale {
        why: "the person was cut off after this was planned".to_owned(),
    }
}

/// Sent, and the process that sent it left no word of what came of it.
pub(super) fn unanswered() -> Ending {
    let hint = "sent before, and no answer is on record: look in the target what came of it; it is not \
                sent again";
    Ending::Unknown {
        hint: hint.to_owned(),
    }
}

/// The device that an action is done to.
fn aim(action: &Action) -> Option<DeviceAim> {
    let of = |name: &str| action.args.get(name);
    Some(DeviceAim {
        record: of("record")?.clone(),
        owner: Ownership::of_name(of("owner")?)?,
        os: Platform::of_name(of("platform")?)?,
        consent: of("approval_code").cloned(),
        keep_esim: of("persistEsimDataPlan").is_some_and(|it| it == "true"),
    })
}

/// An action that no plan of ours makes.
fn no_grant() -> Ending {
    Ending::Failed {
        code: "step_invalid".to_owned(),
        hint: "the action names nothing to give or take; this is a fault of Rollcall, please \
               report it"
            .to_owned(),
    }
}

/// A step that writes nothing yet.
async fn within<T>(left: Duration, work: impl Future<Output = T>) -> Option<T> {
    if left == Duration::MAX {
        return Some(work.await);
    }
    tokio::time::timeout(left, work).await.ok()
}

/// Where the cut of a person by the plan of a generation is marked.
pub(super) fn stop_of(person: &PersonKey, generation: u64) -> String {
    format!("{}/{generation:012}.json", stops_of(person))
}

fn stops_of(person: &PersonKey) -> String {
    format!(
        "stops/{}",
        &sha256_parts(&[person.as_str().as_bytes()])[..32]
    )
}
