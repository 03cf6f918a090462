//! Folding outcomes into state: what was applied, not what was hoped.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::approvals::Approvals;
use crate::grants::{self, Given, Granting};
use crate::guards;
use crate::model::{
    AccountName, ActionId, Attributes, Ending, ObjectId, Op, OrderId, PersonKey, ProofItem, RunId,
    WorkerId,
};
use crate::plan::{Action, ActionValues, Held, WorkOrder};
use crate::policy::{DeltaKind, Reason, Target};
use crate::proof;
use crate::state::{Block, BlockCause, Cut, Identity, Lifecycle, Person, ProofCase};

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
    /// The target wants consent of its own before it does this: its code for the request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub consent: Option<String>,
    /// What was read back, for `user.proof`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub proof: Vec<ProofItem>,
}

/// Codes of what a device, or what is known of it, will not be otherwise tomorrow: a person was told,
/// and it is not tried again.
pub const FOR_GOOD: [&str; 5] = [
    "account_gone",
    "device_refuses",
    "key_not_kept",
    "no_interface",
    "record_gone",
];

impl Outcome {
    /// Whether the action is not planned again: it is done, or it told somebody, or a device something, and
    /// nobody knows whether that came through. A second telling is worse than none (P6): the report
    /// says that a person has to look.
    pub fn is_over(&self) -> bool {
        match &self.ending {
            Ending::Unknown { .. } => self.op.speaks() || self.op.on_device(),
            Ending::Failed { code, .. } => self.op.on_device() && FOR_GOOD.contains(&code.as_str()),
            Ending::Done
            | Ending::Already
            | Ending::Stale { .. }
            | Ending::Waiting { .. }
            | Ending::Held { .. } => self.ending.settled(),
        }
    }
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
}

/// Where a person stands after the outcomes of one order. `person` is what the decision left:
/// the bookkeeping done, nothing applied.
///
/// `approved` is what people overruled of the plan's guards, `now` is the instant of the plan.
pub fn fold(
    mut person: Person,
    order: &WorkOrder,
    approved: &Approvals,
    now: Timestamp,
    values: &BTreeMap<ActionId, ActionValues>,
    outcomes: &Outcomes,
    target: &Target,
) -> Person {
    let before = person.proof;
    let mut changed = false;
    let (mut open, mut tried) = (false, false);
    let mut retry = None;
    let due = order.due(approved, now);
    let settled = |action: &&Action| {
        let outcome = outcomes.get(&action.id);
        outcome.is_some_and(|o| o.ending.settled())
    };
    let blocks = |a: &&Action| a.op == Op::UserDisable && !settled(a);
    if let Some(cut) = &mut person.cut {
        cut.unheard = due.iter().copied().any(|a| blocks(&a));
    }
    // Also where a guard keeps the block back, and people let go what stands behind it.
    let still_enabled = order.every().filter(|a| a.due <= now).any(|a| blocks(&a));
    for action in due {
        let outcome = outcomes.get(&action.id);
        if let Some(outcome) = outcome
            && outcome.is_over()
        {
            // Who was read back is as they were: nobody's plan for them is void by that.
            changed |= !action.op.proves();
            let values = values.get(&action.id);
            apply(&mut person, action, values, outcome, target, still_enabled);
        } else {
            if action.op.proves() {
                // Nothing of theirs is undone: it is read again later.
                let at = outcome.map_or(now, |outcome| outcome.at);
                if let Some(case) = &mut person.proof {
                    case.due = at.checked_add(AGAIN).ok();
                }
                continue;
            }
            if let Some(granting) = action.granting().filter(|_| action.op.grants()) {
                let at = outcome.map_or(now, |outcome| outcome.at);
                grants::let_go(&mut person.grants, granting, at);
            }
            if let Some(code) = outcome.and_then(|outcome| outcome.consent.clone())
                && let Some(id) = action.args.get("device")
                && let Some(case) = person.devices.get_mut(id)
            {
                case.consent = Some((code, false));
            }
            open = true;
            let again = match outcome.map(|o| (&o.ending, o.at)) {
                Some((
                    Ending::Waiting {
                        until: Some(until), ..
                    },
                    _,
                )) => *until,
                Some((_, at)) => at.max(now) + pause(person.tries, action.op),
                // Never tried: nothing to recover from.
                None => now,
            };
            tried |= outcome.is_some();
            retry = Some(retry.map_or(again, |first: Timestamp| first.min(again)));
        }
    }
    person.unfinished = open;
    person.tries = if open {
        person.tries + u32::from(tried)
    } else {
        0
    };
    let released = approved.released(order);
    let held: usize = order.held.iter().map(|held| held.actions.len()).sum();
    // What planning itself kept back is kept back still, whatever else was done.
    person.held |= released.len() < held;
    let goes = |action: &Action| released.iter().any(|it| it.id == action.id);
    // Who agrees to a budget, or to what is done to somebody protected, did not agree to a wipe.
    let asked = order.held.iter();
    let asked = asked.filter(|held| held.guards().any(|it| it == guards::WIPES));
    for wipe in asked.flat_map(|held| &held.actions).filter(|it| goes(it)) {
        if let Some(id) = wipe.args.get("device")
            && let Some(case) = person.devices.get_mut(id)
        {
            case.agreed = true;
        }
    }
    let waits = order.held.iter();
    let waits = waits.filter(|held| !held.actions.iter().all(goes));
    let keeps = waits.flat_map(Held::guards);
    let keeps = keeps.filter(|it| guards::goes_by_words(it));
    person.kept_by = keeps.cloned().collect();
    if let Some(cut) = &mut person.cut
        && released.iter().any(|it| it.op == Op::UserDisable)
    {
        // Who approves a plan over its budget approves its later steps too.
        cut.counted = true;
    }
    if released.iter().any(|it| it.op.takes()) {
        grants::count(&mut person.grants);
    }
    if let Some(again) = retry {
        person.due = Some(person.due.map_or(again, |due| due.min(again)));
    }
    if open || person.held {
        // The row is looked at again: nothing of it may be lost (P7).
        person.fingerprint = 0;
    }
    if changed {
        person.revision += 1;
    }
    next_look(&mut person, order, before);
    person
}

/// What could not be read back is read again after so long.
const AGAIN: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

/// When somebody is read back next. `before` is how far that had come.
fn next_look(person: &mut Person, order: &WorkOrder, before: Option<ProofCase>) {
    let looks = || order.every().filter(|action| action.op.proves());
    if let Some(case) = &mut person.proof {
        let begun = before.is_none_or(|before| before.since != case.since);
        if begun {
            // The first look counts from the last step that was carried out.
            let first = looks().find_map(|action| action.args.get("first")?.parse().ok());
            let after = first.map(jiff::SignedDuration::from_mins);
            case.due = after.and_then(|after| case.since.checked_add(after).ok());
        } else if before.is_some_and(|before| before.rounds != case.rounds) {
            let round = |action: &&Action| {
                let round = action
                    .args
                    .get("round")
                    .and_then(|it| it.parse::<u8>().ok());
                round.is_some_and(|round| round > case.rounds)
            };
            case.due = looks().filter(round).map(|action| action.due).min();
        }
    }
    person.wake_for_proof();
}

/// How long a release leaves somebody alone after `tries` plans in a row that were not carried out
/// to their end. Whoever has to be cut off waits a quarter of an hour at most, everybody else four
/// hours.
fn pause(tries: u32, op: Op) -> jiff::SignedDuration {
    let (first, most) = if op.cut() { (1, 15) } else { (5, 240) };
    let minutes = (first << tries.min(8)).min(most);
    jiff::SignedDuration::from_mins(minutes)
}

fn apply(
    person: &mut Person,
    action: &Action,
    values: Option<&ActionValues>,
    outcome: &Outcome,
    target: &Target,
    still_enabled: bool,
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
    let cut = action.reason.block_cause().map(|cause| Cut {
        due: action.due,
        cause,
    });
    let exits = cut.is_some_and(|cut| cut.cause.exit());
    // Of whoever was dismissed and what else has begun there; a row without a first day has.
    let begun = |row: &&Identity| {
        let zone = row.zone.as_ref().and_then(|it| jiff::tz::db().get(it).ok());
        let today = outcome.at.to_zoned(zone.unwrap_or(TimeZone::UTC)).date();
        row.hire.is_none_or(|hire| hire <= today)
    };
    let rows = person.wanted.iter().chain(&person.others);
    let several = rows.filter(begun).count() > 1;
    if exits && action.op.cut() && person.owed_word.is_some() && several {
        // What began after the word begins once they are out: it is looked at again at once.
        person.fingerprint = 0;
        person.due = Some(person.due.map_or(outcome.at, |due| due.min(outcome.at)));
    }
    let takes = action.op.destructive() && action.op != Op::DeviceEscrowCheck;
    if exits && takes && outcome.ending == Ending::Done {
        // From the last step on: what was read back before says nothing any more.
        person.proof = Some(ProofCase {
            since: outcome.at,
            rounds: 0,
            due: None,
            verdict: None,
        });
    }
    match action.op {
        Op::UserProof => {
            if let Some(case) = &mut person.proof {
                let round = action.args.get("round").and_then(|it| it.parse().ok());
                case.rounds = round.unwrap_or(u8::MAX);
                case.verdict = Some(proof::verdict(&outcome.proof));
            }
            if proof::signed_in(&outcome.proof)
                && let Some(block) = &mut person.block
            {
                block.signed_out = false;
            }
            if proof::let_in(&outcome.proof) {
                // Not later than now: the next plan cuts them off again.
                person.fingerprint = 0;
                person.due = Some(person.due.map_or(outcome.at, |due| due.min(outcome.at)));
            }
        }
        Op::UserCreate => {
            if let Some(values) = values {
                write(&values.after);
            }
            person.lifecycle = Lifecycle::Created;
        }
        Op::UserUpdate => {
            if let Some(values) = values {
                write(&values.after);
                let key = values.after.get(&target.key_attribute);
                if let Some(key) = key.and_then(|value| value.as_text()) {
                    person.worker = WorkerId::new(key);
                }
            }
            if matches!(action.reason, Reason::Matched { .. }) {
                person.lifecycle = Lifecycle::Active;
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
            person.proof = None;
            person.devices_unread = false;
            person.spent.clear();
            if matches!(action.reason, Reason::HireDate { .. }) {
                // Not when the answer came: what was said while it was under way is news.
                person.let_in = Some(action.due);
                // What people agreed to was about the last employment.
                person.forget_device_words();
                person.devices.clear();
                person.taken.clear();
                person.taken_roles.clear();
            }
        }
        Op::UserDisable => {
            leave(person, cut);
            person.lifecycle = Lifecycle::Blocked;
            if let Some(cut) = cut {
                person.block = Some(Block {
                    cut,
                    disabled: true,
                    signed_out: false,
                    at: Some(outcome.at),
                });
            }
        }
        // Revoked before the block: whoever is still enabled signs in again.
        Op::UserRevokeSessions if still_enabled => {}
        Op::UserRevokeSessions => {
            leave(person, cut);
            // An account that we made and never enabled is ours to enable.
            let disabled = match person.lifecycle {
                Lifecycle::Created => true,
                Lifecycle::Blocked | Lifecycle::Deleted => {
                    person.block.is_some_and(|block| block.disabled)
                }
                Lifecycle::None | Lifecycle::Active => false,
            };
            person.lifecycle = Lifecycle::Blocked;
            person.block = cut.map(|cut| Block {
                cut,
                disabled,
                signed_out: true,
                at: person.block.and_then(|block| block.at).or(Some(outcome.at)),
            });
        }
        Op::UserDeleteSoft => {
            person.lifecycle = Lifecycle::Deleted;
            person.deleted = Some(outcome.at);
        }
        Op::UserRestore => {
            let due = person.deleted.take().unwrap_or(outcome.at);
            person.lifecycle = Lifecycle::Blocked;
            // Memberships come back with the account ("Restore deleted item"): nobody gave them.
            person.grants.clear();
            person.spent.insert(action.op);
            person.block.get_or_insert(Block {
                cut: Cut {
                    due,
                    cause: BlockCause::Status,
                },
                disabled: true,
                signed_out: true,
                at: Some(due),
            });
        }
        Op::UserResetPassword | Op::AuthMethodsRemove | Op::NotifySecurity => {
            person.spent.insert(action.op);
        }
        Op::TapIssue | Op::NotifyWelcome => {
            person.owed.remove(&action.op);
        }
        Op::NotifyManager => {
            let day = action.args.get("hire").and_then(|day| day.parse().ok());
            person.told = day;
        }
        Op::RoleRemove => {
            let role = action.args.get("role").filter(|_| exits);
            person.taken_roles.extend(role.cloned());
        }
        Op::RoleAdd => {
            if let Some(role) = action.args.get("role") {
                person.taken_roles.remove(role);
            }
        }
        Op::TaskManual
        | Op::DeviceDisable
        | Op::DeviceRetire
        | Op::DeviceWipe
        | Op::DeviceRemoveUser
        | Op::DeviceEscrowCheck
        | Op::DeviceDeleteEntra
        | Op::AppSelectiveWipe => {
            let id = action.args.get("device");
            if id.is_none() {
                person.owed.remove(&action.op);
            }
            let again = action
                .args
                .get("task")
                .is_some_and(|task| task == "reenrol");
            if let Some(id) = id.filter(|_| again) {
                // Set up again: whatever comes later begins anew.
                person.devices.remove(id);
            } else if let Some(case) = id.and_then(|id| person.devices.get_mut(id)) {
                case.done.insert(action.op);
                // What nobody heard an answer to may have been taken.
                let taken = !matches!(outcome.ending, Ending::Failed { .. });
                if action.op.commands() && taken {
                    case.sent.entry(action.op).or_insert(outcome.at);
                    // The target says that it is on its way.
                    case.pending |= outcome.ending.settled();
                    // Whatever was consented to was this one command.
                    case.consent = None;
                }
                case.attempts += u8::from(action.op == Op::DeviceWipe);
            }
        }
        Op::GroupAdd | Op::LicenceAssign => {
            if let Some(granting) = Granting::of_args(&action.args) {
                let grant = granting.grant.clone();
                let given = granting.given(outcome.at);
                person.taken.remove(&grant);
                person.grants.insert(grant.clone(), given);
                grants::arrived(&mut person.grants, &grant, outcome.at);
            }
        }
        Op::GroupRemove | Op::LicenceRemove => {
            if let Some(granting) = Granting::of_args(&action.args) {
                person.grants.remove(&granting.grant);
                if exits && !action.args.contains_key("over") {
                    let grant = granting.grant.clone();
                    let given = Given {
                        by_hand: action.args.contains_key("by_hand"),
                        ..granting.given(outcome.at)
                    };
                    person.taken.insert(grant, given);
                }
            }
        }
        // About nobody, or nothing that anybody remembers.
        // What somebody else answers for now is nothing of the person either.
        Op::GroupCreate
        | Op::GroupUpdate
        | Op::GroupLicense
        | Op::AppRoleRemove
        | Op::OwnerAdd
        | Op::SponsorAdd
        | Op::ReportHandOver => {}
    }
}

/// The first step of a block: nothing is left of how somebody came, and for an exit nothing of an
/// exit before.
fn leave(person: &mut Person, cut: Option<Cut>) {
    let new = person.block.is_none_or(|block| !block.cut.cause.exit());
    if new && cut.is_some_and(|cut| cut.cause.exit()) {
        // Whoever was told that somebody comes is told that they do not.
        if cut.is_none_or(|cut| cut.cause != BlockCause::CalledOff) {
            person.told = None;
        }
        person.owed.clear();
        person.spent.clear();
        person.taken.clear();
        person.taken_roles.clear();
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
    /// What people said of them was taken in: that is a change, whatever comes of the order.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub heard: bool,
    /// The person once the whole order is carried out, where that is not what folding it gives.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settled: Option<Box<Person>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::EvidenceKey;
    use crate::model::{Device, PersonKey, ProofOf, ProofVerdict, SourceName};
    use crate::plan::{SourceRow, seal};
    use crate::policy::{Draft, DraftAction, Reason};
    use crate::state::{DeviceCase, PlannedCut};

    const NOW: &str = "2027-03-15T02:00:00Z";
    const LATER: &str = "2027-06-30T22:00:00Z";

    fn order(ops: &[Op], due: &str) -> WorkOrder {
        let due = due.parse().unwrap();
        let step = |op: &Op| DraftAction {
            op: *op,
            due,
            reason: Reason::StatusInactive,
            rule: "leaver.status".to_owned(),
            before: Attributes::new(),
            after: Attributes::new(),
            heir: None,
            manager: None,
            granting: None,
            args: BTreeMap::new(),
            anchor: None,
        };
        let steps = ops.iter().map(step).collect();
        let (actions, scheduled) = if due > NOW.parse().unwrap() {
            (Vec::new(), steps)
        } else {
            (steps, Vec::new())
        };
        let draft = Draft {
            person: PersonKey::new("1"),
            worker: WorkerId::new("1"),
            delta: DeltaKind::Leaver,
            object: Some(ObjectId::new("o")),
            actions,
            scheduled,
            other_names: Vec::new(),
            adopted: None,
            workflow: None,
        };
        let salt = EvidenceKey::new(*b"k").salt(&draft.person);
        seal(&draft, 0, &SourceRow::default(), &salt).0
    }

    fn case() -> DeviceCase {
        DeviceCase::new(Device::pc("d"))
    }

    fn leaver(lifecycle: Lifecycle) -> Person {
        let mut person = Person::new(SourceName::new("hr"), WorkerId::new("1"));
        person.lifecycle = lifecycle;
        person.fingerprint = 7;
        person.cut = Some(PlannedCut {
            cut: Cut {
                due: NOW.parse().unwrap(),
                cause: BlockCause::Status,
            },
            counted: false,
            unheard: false,
            entered: None,
            seen: None,
        });
        person
    }

    /// Each action of the order ends as told: `true` = done.
    fn folded(person: Person, order: &WorkOrder, done: &[bool], approved: &[String]) -> Person {
        let mut outcomes = Outcomes::default();
        for (action, done) in order.actions.iter().zip(done) {
            outcomes.add(Outcome {
                run: RunId::new("r"),
                order: order.order.clone(),
                action: action.id.clone(),
                op: action.op,
                person: order.person.clone(),
                ending: if *done {
                    Ending::Done
                } else {
                    Ending::Failed {
                        code: "x".to_owned(),
                        hint: "x".to_owned(),
                    }
                },
                at: NOW.parse().unwrap(),
                send: 1,
                calls: 1,
                request_id: None,
                object: None,
                consent: None,
                proof: Vec::new(),
            });
        }
        let target = Target {
            key_attribute: "employeeId".to_owned(),
            name_attribute: "userPrincipalName".to_owned(),
            alias_attribute: "mailNickname".to_owned(),
        };
        let now = NOW.parse().unwrap();
        let none = BTreeMap::new();
        let approved = Approvals::of_guards(approved);
        fold(person, order, &approved, now, &none, &outcomes, &target)
    }

    /// The disable waits for people, and somebody agreed to the revoke alone: nobody is blocked by
    /// that, or the next night would have nobody to cut off.
    #[test]
    fn a_revoke_without_its_disable_blocks_nobody() {
        let mut order = order(&[Op::UserRevokeSessions, Op::UserDisable], NOW);
        order.hold("disables", "too many", |it| it.op == Op::UserDisable);
        let after = folded(leaver(Lifecycle::Active), &order, &[true], &[]);
        assert_eq!((after.lifecycle, after.block), (Lifecycle::Active, None));
        assert!(after.held);
    }

    /// Nobody is told twice, or handed two passes: what may have come through counts as told, for
    /// what speaks and for nothing else.
    #[test]
    fn what_may_have_been_told_is_not_planned_again() {
        let unknown = Ending::Unknown {
            hint: "x".to_owned(),
        };
        let failed = Ending::Failed {
            code: "x".to_owned(),
            hint: "x".to_owned(),
        };
        for (op, ending, over) in [
            (Op::NotifyWelcome, &unknown, true),
            (Op::NotifyWelcome, &failed, false),
            (Op::TapIssue, &unknown, true),
            (Op::TapIssue, &failed, false),
        ] {
            let order = order(&[op], NOW);
            let mut welcomed = leaver(Lifecycle::Active);
            welcomed.owed.insert(op);
            let outcome = Outcome {
                run: RunId::new("r"),
                order: order.order.clone(),
                action: order.actions[0].id.clone(),
                op,
                person: order.person.clone(),
                ending: ending.clone(),
                at: NOW.parse().unwrap(),
                send: 1,
                calls: 1,
                request_id: None,
                object: None,
                consent: None,
                proof: Vec::new(),
            };
            let mut outcomes = Outcomes::default();
            outcomes.add(outcome);
            let target = Target {
                key_attribute: "employeeId".to_owned(),
                name_attribute: "userPrincipalName".to_owned(),
                alias_attribute: "mailNickname".to_owned(),
            };
            let now = NOW.parse().unwrap();
            let values = BTreeMap::new();
            let none = Approvals::default();
            let after = fold(welcomed, &order, &none, now, &values, &outcomes, &target);
            assert_eq!(
                (after.owed.is_empty(), after.unfinished),
                (over, !over),
                "{op} {ending:?}"
            );
        }
    }

    /// What a look saw of account and sessions → whether the sessions count as ended, and whether the next plan
    /// looks at once; how far the looks have come.
    #[test]
    fn who_is_seen_to_be_in_is_planned_again() {
        let item = |of, verdict| ProofItem {
            of,
            id: None,
            name: None,
            verdict,
            reason: None,
        };
        let (gone, left) = (ProofVerdict::Gone, ProofVerdict::Residual);
        for (account, sessions, signed_out, at_once) in [
            (gone, gone, true, false),
            (left, gone, true, true),
            (gone, left, false, true),
        ] {
            let mut order = order(&[Op::UserProof], NOW);
            order.actions[0]
                .args
                .insert("round".to_owned(), "2".to_owned());
            let mut person = leaver(Lifecycle::Blocked);
            let now: Timestamp = NOW.parse().unwrap();
            person.fingerprint = 7;
            person.block = Some(Block {
                cut: Cut {
                    due: now,
                    cause: BlockCause::Status,
                },
                disabled: true,
                signed_out: true,
                at: Some(now),
            });
            person.proof = Some(ProofCase {
                since: now,
                rounds: 1,
                due: Some(now),
                verdict: None,
            });
            let mut outcomes = Outcomes::default();
            outcomes.add(Outcome {
                run: RunId::new("r"),
                order: order.order.clone(),
                action: order.actions[0].id.clone(),
                op: Op::UserProof,
                person: order.person.clone(),
                ending: Ending::Done,
                at: now,
                send: 1,
                calls: 5,
                request_id: None,
                object: None,
                consent: None,
                proof: vec![
                    item(ProofOf::Account, account),
                    item(ProofOf::Sessions, sessions),
                ],
            });
            let target = Target {
                key_attribute: "employeeId".to_owned(),
                name_attribute: "userPrincipalName".to_owned(),
                alias_attribute: "mailNickname".to_owned(),
            };
            let (values, none) = (BTreeMap::new(), Approvals::default());
            let revision = person.revision;
            let after = fold(person, &order, &none, now, &values, &outcomes, &target);
            assert_eq!(after.block.unwrap().signed_out, signed_out);
            assert_eq!(
                (after.fingerprint == 0, after.due.is_some()),
                (at_once, at_once)
            );
            assert_eq!(
                after.revision, revision,
                "nobody's plan is void because of a look"
            );
            let case = after.proof.unwrap();
            assert_eq!((case.rounds, case.due), (2, None));
            assert_eq!(case.verdict, Some(account.max(sessions)));
        }
    }

    /// Lifecycle before, operations and how they ended → lifecycle, whether we disabled the
    /// account, whether its sessions are gone, whether something is left to do.
    #[test]
    fn a_block_is_what_was_done() {
        use Lifecycle::{Active, Blocked, Created};
        use Op::{UserDisable, UserRevokeSessions};
        let both = [UserDisable, UserRevokeSessions];
        let revoke = [UserRevokeSessions];
        for (before, ops, done, lifecycle, block, open) in [
            (
                Active,
                &both[..],
                &[true, true][..],
                Blocked,
                Some((true, true)),
                false,
            ),
            (
                Active,
                &both,
                &[true, false],
                Blocked,
                Some((true, false)),
                true,
            ),
            (Active, &both, &[false, true], Active, None, true),
            (Active, &both, &[false, false], Active, None, true),
            (
                Active,
                &revoke,
                &[true],
                Blocked,
                Some((false, true)),
                false,
            ),
            (
                Created,
                &revoke,
                &[true],
                Blocked,
                Some((true, true)),
                false,
            ),
        ] {
            let after = folded(leaver(before), &order(ops, NOW), done, &[]);
            let block_after = after.block.map(|b| (b.disabled, b.signed_out));
            assert_eq!(
                (after.lifecycle, block_after, after.unfinished),
                (lifecycle, block, open),
                "{before:?} {ops:?} {done:?}"
            );
            assert_eq!(after.fingerprint == 0, open, "looked at again");
        }
        let half = folded(leaver(Active), &order(&both, NOW), &[true, false], &[]);
        let whole = folded(half, &order(&revoke, NOW), &[true], &[]);
        assert!(whole.block.is_some_and(|b| b.disabled && b.signed_out));
    }

    /// A dismissal that was owed is carried out: what began meanwhile is looked at at once, whatever days the
    /// rows have.
    #[test]
    fn what_began_before_an_owed_cut_is_looked_at() {
        let now: Timestamp = NOW.parse().unwrap();
        let both = [Op::UserDisable, Op::UserRevokeSessions];
        let other = Identity {
            worker: WorkerId::new("2"),
            source: None,
            status: "A".to_owned(),
            manager: None,
            hire: None,
            last_day: None,
            zone: None,
            terms: Box::default(),
            facts: Attributes::new(),
            always: Attributes::new(),
            on_create: Attributes::new(),
            out_of_scope: false,
            other_names: Vec::new(),
        };
        let ahead = Identity {
            hire: Some("2027-03-16".parse().unwrap()),
            ..other.clone()
        };
        for (owed, others, again) in [
            (Some(now), vec![other.clone()], true),
            (Some(now), vec![ahead], false),
            (Some(now), Vec::new(), false),
            (None, vec![other.clone()], false),
        ] {
            let mut person = leaver(Lifecycle::Active);
            person.wanted = Some(other.clone());
            (person.owed_word, person.others) = (owed, others);
            let after = folded(person, &order(&both, NOW), &[true, true], &[]);
            assert_eq!(
                (after.fingerprint == 0, after.due == Some(now)),
                (again, again)
            );
        }
    }

    /// Who agrees to a budget did not agree to a wipe.
    #[test]
    fn a_wipe_is_agreed_to_as_a_wipe() {
        for (guard, agreed) in [(guards::WIPES, true), (guards::DISABLES, false)] {
            let mut person = leaver(Lifecycle::Blocked);
            person.devices.insert("d".to_owned(), case());
            let mut order = order(&[Op::DeviceWipe], NOW);
            for (name, value) in [("device", "d"), ("ask", "wipe")] {
                order.actions[0]
                    .args
                    .insert(name.to_owned(), value.to_owned());
            }
            order.hold(guard, "it is held", |_| true);
            let after = folded(person, &order, &[], &[guard.to_owned()]);
            assert_eq!(after.devices["d"].agreed, agreed, "{guard}");
        }
    }

    /// How a command ended → whether it is planned again, and whether it counts as taken.
    #[test]
    fn a_command_that_may_have_been_taken_is_not_sent_again() {
        let failed = |code: &str| Ending::Failed {
            code: code.to_owned(),
            hint: "x".to_owned(),
        };
        let unknown = Ending::Unknown {
            hint: "x".to_owned(),
        };
        let waiting = Ending::Waiting {
            until: None,
            reason: "consent".to_owned(),
        };
        for (ending, again, taken, pending) in [
            (Ending::Done, false, true, true),
            (Ending::Already, false, true, true),
            (unknown, false, true, false),
            (failed("device_refuses"), false, false, false),
            (failed("serviceNotAvailable"), true, false, false),
            (waiting, true, false, false),
        ] {
            let mut person = leaver(Lifecycle::Blocked);
            person.devices.insert("d".to_owned(), case());
            let mut order = order(&[Op::DeviceRetire], NOW);
            order.actions[0]
                .args
                .insert("device".to_owned(), "d".to_owned());
            let mut outcomes = Outcomes::default();
            outcomes.add(Outcome {
                run: RunId::new("r"),
                order: order.order.clone(),
                action: order.actions[0].id.clone(),
                op: Op::DeviceRetire,
                person: order.person.clone(),
                ending: ending.clone(),
                at: NOW.parse().unwrap(),
                send: 1,
                calls: 1,
                request_id: None,
                object: None,
                consent: matches!(ending, Ending::Waiting { .. }).then(|| "code".to_owned()),
                proof: Vec::new(),
            });
            let target = Target {
                key_attribute: "employeeId".to_owned(),
                name_attribute: "userPrincipalName".to_owned(),
                alias_attribute: "mailNickname".to_owned(),
            };
            let (now, values) = (NOW.parse().unwrap(), BTreeMap::new());
            let none = Approvals::default();
            let after = fold(person, &order, &none, now, &values, &outcomes, &target);
            let case = &after.devices["d"];
            let seen = (after.unfinished, !case.sent.is_empty(), case.pending);
            assert_eq!(seen, (again, taken, pending), "{ending:?}");
            let waits = matches!(ending, Ending::Waiting { .. });
            assert_eq!(case.consent.is_some(), waits, "{ending:?}");
        }
    }

    /// What failed is tried again later and later, a cut soon.
    #[test]
    fn the_pause_between_tries_grows() {
        let now: Timestamp = NOW.parse().unwrap();
        for (op, minutes) in [
            (Op::UserDisable, [1, 2, 4, 8, 15, 15]),
            (Op::UserEnable, [5, 10, 20, 40, 80, 160]),
        ] {
            let mut person = leaver(Lifecycle::Active);
            let order = order(&[op], NOW);
            for wait in minutes {
                person.due = None;
                person = folded(person, &order, &[false], &[]);
                let due = now + jiff::SignedDuration::from_mins(wait);
                assert_eq!(person.due, Some(due), "{op:?} {wait}");
            }
            person = folded(person, &order, &[true], &[]);
            assert_eq!(person.tries, 0);
        }
    }

    /// Approved over the budget for a day to come: counted from then on, and nobody is asked
    /// again.
    #[test]
    fn an_approval_covers_the_later_steps() {
        let mut order = order(&[Op::UserDisable], LATER);
        order.hold("disables", "too many", |a| a.destructive);
        let kept = folded(leaver(Lifecycle::Active), &order, &[], &[]);
        assert!(kept.held && kept.cut.is_some_and(|cut| !cut.counted));
        let approved = ["disables".to_owned()];
        let free = folded(leaver(Lifecycle::Active), &order, &[], &approved);
        assert!(!free.held && free.cut.is_some_and(|cut| cut.counted));
        assert_eq!(free.fingerprint, 7);
    }
}
