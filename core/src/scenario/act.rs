//! What a turn does: steps against the target, entries in the order of the policy, and the fold.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use super::devices::Taken;
use super::play::{Hold, Play};
use super::tenant::Reserved;
use crate::approvals::Approvals;
use crate::digest::EvidenceKey;
use crate::fold::{Outcome, Outcomes, fold};
use crate::grants::Grant;
use crate::model::{Ending, Finding, FindingKind, Op, PersonKey, RunId};
use crate::plan::{SourceRow, seal};
use crate::policy::{Decision, Draft, DraftAction, Reason};
use crate::state::{Parking, Person};

impl Play<'_> {
    /// What is off is said before anything is held.
    pub(super) fn cancels(&mut self, laid: &[(PersonKey, Decision, bool)]) {
        for (key, decision, _) in laid {
            let gone = decision.withdrawn.iter();
            let ops: BTreeSet<&str> = gone.map(|it| it.op.name()).collect();
            if !ops.is_empty() {
                let who = decision.person.worker.as_str().to_owned();
                let args = json!({ "ops": ops });
                self.enter("cancel", &who, Some(key), self.run, args);
            }
        }
    }

    pub(super) fn carry_out(&mut self, laid: Vec<(PersonKey, Decision, bool)>) {
        let mut ready = Vec::new();
        for (key, decision, from_file) in laid {
            let who = decision.person.worker.as_str().to_owned();
            for gone in &decision.withdrawn {
                let step = (key.clone(), gone.op, gone.what.clone());
                self.planned.remove(&step);
            }
            self.metrics.decided(&key, &decision, self.run, self.now);
            if let Some(draft) = &decision.draft {
                self.remember(&key, draft.scheduled.iter());
                let kept = draft.actions.iter().filter(|step| self.waits(&key, step));
                let kept: Vec<DraftAction> = kept.cloned().collect();
                self.remember(&key, kept.iter());
            }
            ready.push((key, decision, who, from_file));
        }
        // Nobody is pointed at before there is an account.
        let creates = |decision: &Decision| {
            let draft = decision.draft.as_ref();
            draft.is_some_and(|it| it.actions.iter().any(|step| step.op == Op::UserCreate))
        };
        let mut made = BTreeMap::new();
        for (key, decision, who, _) in &ready {
            if creates(decision)
                && let Some(draft) = &decision.draft
                && let Some(step) = draft.actions.iter().find(|it| it.op == Op::UserCreate)
                && !self.dies()
            {
                let id = self.tenant.apply(step, None, &self.target, self.now);
                self.names
                    .accounts
                    .insert(draft.worker.as_str().to_owned(), key.clone());
                self.step_entry(key, who, step);
                made.insert(key.clone(), id);
            }
        }
        for (key, decision, who, from_file) in ready {
            let id = made.get(&key).cloned().flatten();
            self.person(&key, decision, &who, id, from_file);
        }
    }

    pub(super) fn person(
        &mut self,
        key: &PersonKey,
        decision: Decision,
        who: &str,
        made: Option<crate::model::ObjectId>,
        from_file: bool,
    ) {
        let Decision {
            draft,
            mut person,
            findings,
            ..
        } = decision;
        let mut held_at_end: Vec<(Finding, &'static str)> = Vec::new();
        let mut exceptions = Vec::new();
        for finding in &findings {
            match code(finding.kind) {
                Some(("hold", code)) if finding.kind == FindingKind::PendingRowMissing => {
                    let args = finding_args(finding, code);
                    self.enter("hold", who, Some(key), self.run, args);
                }
                Some(("hold", code)) => held_at_end.push((finding.clone(), code)),
                Some((_, code)) => exceptions.push((finding.clone(), code)),
                None => {}
            }
        }
        let mut steps = Vec::new();
        let mut shell = draft;
        if let Some(draft) = &mut shell {
            steps = std::mem::take(&mut draft.actions);
            steps.retain(|step| !self.waits(key, step));
            steps.sort_by_key(rank);
        }
        let mut object = made.or_else(|| shell.as_ref().and_then(|it| it.object.clone()));
        let (mut done, mut undone) = (Vec::new(), Vec::new());
        let made_one = object.is_some();
        let mut holds = Some(held_at_end);
        for step in steps {
            if rank(&step).0 > 3 {
                self.hold_later(key, who, holds.take());
            }
            if step.args.contains_key("ask") {
                self.asked(key, who, &step);
                continue;
            }
            let created = step.op == Op::UserCreate && made_one;
            if !created && self.dies() {
                undone.push(step);
                continue;
            }
            if step.op != Op::UserCreate {
                let taken = if step.op.on_device() {
                    self.command(&step)
                } else {
                    Taken::Accepted { done: false }
                };
                object = self
                    .tenant
                    .apply(&step, object.as_ref(), &self.target, self.now);
                self.renamed(key, &step, &person);
                self.step_entry(key, who, &step);
                let device = step.args.get("device").cloned();
                let case = device.and_then(|id| person.devices.get_mut(&id));
                match (taken, case) {
                    (Taken::Consent(code), Some(case)) => {
                        case.consent = Some((code, false));
                        continue;
                    }
                    (Taken::Accepted { done }, Some(case)) if step.op.commands() => {
                        case.confirmed |= done;
                    }
                    _ => {}
                }
                if let Some(said) = step.args.get("report") {
                    self.device_report(key, &step, &said.clone());
                }
            }
            done.push(step);
        }
        self.hold_later(key, who, holds.take());
        for step in &done {
            self.metrics.done(key, step, self.now);
        }
        if let Some(mut draft) = shell {
            let count = done.len();
            draft.actions = done;
            draft.actions.extend(undone);
            let hired = |step: &DraftAction| {
                step.op == Op::UserEnable && matches!(step.reason, Reason::HireDate { .. })
            };
            if draft.actions.iter().take(count).any(hired) {
                // What people were asked was about the last employment.
                self.exit_is_off(key, Some(&draft));
            }
            person = self.folded(person, &draft, object.as_ref(), count);
        }
        self.people.insert(key.clone(), person);
        for (finding, code) in exceptions {
            if self.first_time(key, &finding) {
                let args = finding_args(&finding, code);
                self.metrics.exception(key, code, self.now);
                let device = finding.arg("device").unwrap_or(who);
                self.enter("report.exception", device, Some(key), self.run, args);
            }
        }
        if from_file {
            self.unknown_managers(key, who);
        }
    }

    /// What keeps later steps of somebody back.
    pub(super) fn hold_later(
        &mut self,
        key: &PersonKey,
        who: &str,
        holds: Option<Vec<(Finding, &'static str)>>,
    ) {
        for (finding, code) in holds.into_iter().flatten() {
            if !self.first_time(key, &finding) {
                continue;
            }
            let args = finding_args(&finding, code);
            self.metrics.exception(key, code, self.now);
            self.enter("hold", who, Some(key), self.run, args);
            let agree = &self.params.agree;
            let needs = match finding.kind {
                FindingKind::DeceasedReview => {
                    Some((Parking::DeceasedReview, agree.deceased_review))
                }
                FindingKind::LegalHold => Some((Parking::LegalHold, agree.legal_hold)),
                _ => None,
            };
            if let Some((parking, needs)) = needs {
                self.ask(Hold::Parked(key.clone(), parking), needs);
            }
        }
    }

    /// A request for a single action; it is entered once.
    pub(super) fn asked(&mut self, key: &PersonKey, who: &str, step: &DraftAction) {
        let run = self.run_of(key, step);
        let known = (key.clone(), FindingKind::RequiredMissing, step.what());
        if !self.said.insert(known) {
            return;
        }
        let kind = step.args.get("ask").cloned().unwrap_or_default();
        let mut args = json!({"kind": kind});
        if let Some(device) = step.args.get("device") {
            args["approvers"] = json!(self.params.agree.wipe);
            let needs = self.params.agree.wipe;
            self.ask_of(Hold::Wipe(device.clone()), needs, run, None);
            let device = device.clone();
            self.remember(key, std::iter::once(step));
            self.enter("approval.request", &device, Some(key), run, args);
            return;
        }
        match &step.granting {
            Some(granting) => args["group"] = json!(self.title(&granting.grant)),
            None => args["role"] = json!(step.args.get("role")),
        }
        self.enter("approval.request", who, Some(key), run, args);
    }

    /// What has to be known of a device that something was just done to.
    pub(super) fn device_report(&mut self, key: &PersonKey, step: &DraftAction, said: &str) {
        let code = match said {
            "NoRemoteAction" => "NO_REMOTE_ACTION",
            _ => "OWNERSHIP_UNKNOWN",
        };
        let device = step.args.get("device").cloned().unwrap_or_default();
        self.metrics.exception(key, code, self.now);
        let run = self.run;
        let args = json!({ "code": code });
        self.enter("report.exception", &device, Some(key), run, args);
    }

    /// Whether something that goes on is said for the first time.
    pub(super) fn first_time(&mut self, key: &PersonKey, finding: &Finding) -> bool {
        let again = matches!(
            finding.kind,
            FindingKind::MissingOnce | FindingKind::MissingPrehire | FindingKind::Reappeared
        );
        if finding.kind == FindingKind::MissingOnce {
            // Missing anew.
            self.said
                .retain(|(who, kind, _)| who != key || *kind != FindingKind::MissingDisabled);
        }
        let said = (key.clone(), finding.kind, format!("{:?}", finding.args));
        self.said.insert(said) || again
    }

    pub(super) fn unknown_managers(&mut self, key: &PersonKey, who: &str) {
        let rows = self.rows_of(key).into_iter();
        let managers: Vec<String> = rows
            .map(|row| row.manager.clone())
            .filter(|manager| !manager.is_empty() && !self.known_worker(manager))
            .collect();
        for manager in managers {
            let said = (
                key.clone(),
                FindingKind::ManagerNotInRoster,
                manager.clone(),
            );
            if self.said.insert(said) {
                let args = json!({"code": "MANAGER_UNRESOLVED", "manager": manager});
                self.enter("report.exception", who, Some(key), self.run, args);
            }
        }
    }

    /// An address that somebody had is theirs for a while.
    pub(super) fn renamed(&mut self, key: &PersonKey, step: &DraftAction, person: &Person) {
        let renames =
            step.op == Op::UserUpdate && step.after.contains_key(&self.target.name_attribute);
        if let Some(name) = person.name.as_ref().filter(|_| renames) {
            self.reserve(name.reveal().to_owned(), key);
        }
        if step.op == Op::UserDeleteSoft
            && let Some(name) = &person.name
        {
            self.reserve(name.reveal().to_owned(), key);
        }
    }

    pub(super) fn reserve(&mut self, name: String, person: &PersonKey) {
        let days = i64::from(self.params.reserved_days);
        let until = self.now + SignedDuration::from_hours(24 * days);
        self.tenant.reserved.push(Reserved {
            name,
            person: person.clone(),
            until,
        });
    }

    pub(super) fn title(&self, grant: &Grant) -> String {
        match grant {
            Grant::Group(key) => self.titles.get(key).unwrap_or(key).clone(),
            Grant::Licence(sku) => sku.clone(),
        }
    }

    pub(super) fn step_entry(&mut self, key: &PersonKey, who: &str, step: &DraftAction) {
        let run = self.run_of(key, step);
        self.planned.remove(&Self::step_key(key, step));
        let mut args = serde_json::Map::new();
        for (name, value) in &step.after {
            let value = serde_json::to_value(value).unwrap_or_default();
            args.insert(name.clone(), value);
        }
        if step.op == Op::UserCreate {
            args.insert("accountEnabled".to_owned(), json!(false));
        }
        if let Some(manager) = &step.manager {
            args.insert("manager".to_owned(), json!(manager.as_str()));
        }
        if let Some(heir) = &step.heir {
            args.insert("heir".to_owned(), json!(heir.as_str()));
        }
        if let Some(granting) = &step.granting {
            args.insert("group".to_owned(), json!(self.title(&granting.grant)));
        }
        for (name, value) in &step.args {
            let value = match value.parse::<u32>() {
                Ok(number) => json!(number),
                Err(_) => json!(value),
            };
            args.insert(name.clone(), value);
        }
        let who = step
            .args
            .get("device")
            .cloned()
            .unwrap_or_else(|| who.to_owned());
        self.enter(step.op.name(), &who, Some(key), run, Json::Object(args));
    }

    pub(super) fn folded(
        &self,
        person: Person,
        draft: &Draft,
        object: Option<&crate::model::ObjectId>,
        done: usize,
    ) -> Person {
        let salt = EvidenceKey::new(*b"scenario").salt(&draft.person);
        let (order, values) = seal(draft, person.revision, &SourceRow::default(), &salt);
        let values = values.into_iter().map(|it| (it.id.clone(), it)).collect();
        let mut outcomes = Outcomes::default();
        for action in order.actions.iter().take(done) {
            outcomes.add(Outcome {
                run: RunId::new("scenario"),
                order: order.order.clone(),
                action: action.id.clone(),
                op: action.op,
                person: order.person.clone(),
                ending: Ending::Done,
                at: self.now,
                send: 1,
                calls: 0,
                request_id: None,
                object: object.cloned(),
                consent: None,
                proof: Vec::new(),
            });
        }
        let target = &self.target;
        let none = Approvals::default();
        let mut after = fold(person, &order, &none, self.now, &values, &outcomes, target);
        if let Some(cut) = &mut after.cut {
            cut.counted = true;
        }
        crate::grants::count(&mut after.grants);
        after
    }
}

/// Where a step stands among those that are released together: steps, requests, tasks, devices,
/// security.
fn rank(step: &DraftAction) -> (u8, String, bool) {
    let device = step.args.get("device").cloned().unwrap_or_default();
    let ask = step.args.contains_key("ask");
    match step.op {
        Op::TaskManual => (3, device, false),
        Op::NotifySecurity => (6, String::new(), false),
        op if op.on_device() => (5, device, ask),
        Op::RoleAdd => (2, String::new(), true),
        _ if ask => (2, String::new(), false),
        _ => (1, String::new(), false),
    }
}

fn finding_args(finding: &Finding, code: &str) -> Json {
    let mut args = json!({"code": code});
    for (name, value) in finding.args.iter().flat_map(|it| it.iter()) {
        args[name] = match name.as_str() {
            "ops" => json!(value.split(',').collect::<Vec<_>>()),
            "days" | "sign_ins" | "count" => json!(value.parse::<u32>().unwrap_or_default()),
            _ => json!(value),
        };
    }
    args
}

/// How a finding is entered.
const fn code(kind: FindingKind) -> Option<(&'static str, &'static str)> {
    match kind {
        FindingKind::LateHire => Some(("report.exception", "LATE_HIRE")),
        FindingKind::Reappeared => Some(("report.exception", "REAPPEARED")),
        FindingKind::MissingOnce => Some(("report.exception", "MISSING_ONCE")),
        FindingKind::MissingPrehire => Some(("report.exception", "MISSING_PREHIRE")),
        FindingKind::MissingDisabled => Some(("report.exception", "MISSING_DISABLED")),
        FindingKind::MissingUnresolved => Some(("report.exception", "MISSING_UNRESOLVED")),
        FindingKind::AccessAfterTermination => {
            Some(("report.exception", "ACCESS_AFTER_TERMINATION"))
        }
        FindingKind::OnlyOwner => Some(("report.exception", "ONLY_OWNER")),
        FindingKind::BridgedGap => Some(("report.exception", "BRIDGED_GAP")),
        FindingKind::WorkflowUndecided => Some(("report.exception", "WORKFLOW_UNDECIDED")),
        FindingKind::DeviceUnresponsive => Some(("report.exception", "DEVICE_UNRESPONSIVE")),
        FindingKind::DeviceUnresolved => Some(("report.exception", "DEVICE_UNRESOLVED")),
        FindingKind::PendingRowMissing => Some(("hold", "PENDING_ROW_MISSING")),
        FindingKind::ManagerCycle | FindingKind::ManagerIsSelf => Some(("hold", "MANAGER_CYCLE")),
        FindingKind::DeceasedReview => Some(("hold", "DECEASED_REVIEW")),
        FindingKind::LegalHold => Some(("hold", "LEGAL_HOLD")),
        _ => None,
    }
}
