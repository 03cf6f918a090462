//! Folding outcomes into state: what was applied, not what was hoped.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{
    AccountName, ActionId, Attributes, Ending, ObjectId, Op, OrderId, PersonKey, RunId, WorkerId,
};
use crate::plan::{Action, ActionValues, WorkOrder};
use crate::policy::{DeltaKind, Target};
use crate::state::{Block, Lifecycle, Person};

/// One line of the journal: how one action ended at one sending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The pass whose plan it belongs to.
    pub run: RunId,
    /// The order.
    pub order: OrderId,
    /// The action.
    pub action: ActionId,
    /// What.
    pub op: Op,
    /// Whose.
    pub person: PersonKey,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// When that was known.
    pub at: Timestamp,
    /// Which sending of the order: 1 is the first.
    pub send: u32,
    /// Outbound calls it took.
    pub calls: u32,
    /// Id of the last call in the vendor's logs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// The account, where this action made or found it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub object: Option<ObjectId>,
}

/// The newest outcome of each action: a settled one stands, else the last one said.
#[derive(Debug, Clone, Default)]
pub struct Outcomes(BTreeMap<ActionId, Outcome>);

impl Outcomes {
    /// Takes in one line, in any order of segments.
    pub fn add(&mut self, outcome: Outcome) {
        match self.0.get(&outcome.action) {
            Some(known)
                if known.ending.settled()
                    || (!outcome.ending.settled()
                        && (known.send, known.at) > (outcome.send, outcome.at)) => {}
            Some(_) | None => {
                self.0.insert(outcome.action.clone(), outcome);
            }
        }
    }

    /// What is known of an action.
    pub fn get(&self, action: &ActionId) -> Option<&Outcome> {
        self.0.get(action)
    }

    /// Every action once, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Outcome> {
        self.0.values()
    }

    /// Whether every due action of the order has an outcome, of any kind.
    pub fn finished(&self, order: &WorkOrder) -> bool {
        order.actions.iter().all(|a| self.0.contains_key(&a.id))
    }
}

/// Where a person stands after the outcomes of one order. `person` is what the decision left:
/// the bookkeeping done, nothing applied.
///
/// `released` are actions of the order that an approval let go.
pub fn fold(
    mut person: Person,
    order: &WorkOrder,
    released: &[Action],
    values: &BTreeMap<ActionId, ActionValues>,
    outcomes: &Outcomes,
    target: &Target,
) -> Person {
    let mut changed = false;
    let mut open = false;
    let mut waiting = None;
    let due = order.actions.iter().chain(released);
    let cut_settled = due
        .clone()
        .filter(|a| a.op.cut())
        .all(|a| outcomes.get(&a.id).is_some_and(|o| o.ending.settled()));
    for action in due {
        let outcome = outcomes.get(&action.id);
        if let Some(outcome) = outcome
            && outcome.ending.settled()
        {
            changed = true;
            apply(
                &mut person,
                action,
                values.get(&action.id),
                outcome,
                target,
                cut_settled,
            );
        } else {
            open = true;
            if let Some(Ending::Waiting { until, .. }) = outcome.map(|o| &o.ending) {
                waiting = waiting.max(*until);
            }
        }
    }
    person.unfinished = open;
    person.held = order.held.iter().any(|h| {
        h.actions
            .iter()
            .any(|a| !released.iter().any(|r| r.id == a.id))
    });
    if let Some(until) = waiting {
        person.due = Some(person.due.map_or(until, |due| due.min(until)));
    }
    if open || person.held {
        // The row is looked at again: nothing of it may be lost (P7).
        person.fingerprint = 0;
    }
    if changed {
        person.revision += 1;
    }
    person
}

fn apply(
    person: &mut Person,
    action: &Action,
    values: Option<&ActionValues>,
    outcome: &Outcome,
    target: &Target,
    cut_settled: bool,
) {
    if let Some(object) = &outcome.object {
        person.object = Some(object.clone());
    }
    let mut write = |after: &Attributes| {
        for (name, value) in after {
            if value.is_null() {
                person.applied.remove(name);
            } else {
                person.applied.insert(name.clone(), value.clone());
            }
        }
        if let Some(name) = after.get(&target.name_attribute).and_then(|v| v.as_text()) {
            person.name = Some(AccountName::new(name));
        }
    };
    match action.op {
        Op::UserCreate => {
            if let Some(values) = values {
                write(&values.after);
            }
            person.lifecycle = Lifecycle::Created;
        }
        Op::UserUpdate => {
            if let Some(values) = values {
                write(&values.after);
            }
        }
        Op::UserSetManager => {
            person.manager = action.args.get("manager").map(WorkerId::new);
            person.waits_for = None;
        }
        Op::UserClearManager => person.manager = None,
        Op::UserEnable => {
            person.lifecycle = Lifecycle::Active;
            person.block = None;
        }
        Op::UserDisable | Op::UserRevokeSessions => {
            if cut_settled {
                person.lifecycle = Lifecycle::Blocked;
                person.block = action.reason.block_cause().map(|cause| Block {
                    due: action.due,
                    cause,
                });
            }
        }
    }
}

/// One line of `values/<run>/persons.jsonl`: how a decision left a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonLine {
    /// The order that goes with it, if one was made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<OrderId>,
    /// What happened.
    pub delta: DeltaKind,
    /// The row that was seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub row: Option<u32>,
    /// The person with the bookkeeping done.
    pub person: Person,
}
