//! Undo: what a run did to one person is taken back, and what cannot be is said first.
//!
//! The reverse of what is on record, in reverse order. Invariant: nothing is taken back of somebody
//! whom a later run changed, and no value that is not as the run left it. Whoever is taken back is
//! under a hold afterwards ([`Undone`]): HR still says what it said, and the next night would do it
//! all again.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::grants::{Given, Grant, Granting};
use crate::groups::Groups;
use crate::model::{
    Account, Attributes, Finding, FindingKind, Op, Place, RunId, Severity, SourceName, Value,
    WorkerId,
};
use crate::plan::{Action, ActionValues};
use crate::policy::{Decision, DeltaKind, Draft, DraftAction, Reason, Target, giving};
use crate::state::{Lifecycle, Person, Undone};

/// The rule that every step of an undo names.
const RULE: &str = "undo";

/// How an operation is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inverse {
    /// By these, in this order.
    By(&'static [Op]),
    /// Not at all: what is left.
    Never(&'static str),
}

impl Inverse {
    /// The operations; none where there is no way back.
    pub const fn ops(self) -> &'static [Op] {
        match self {
            Self::By(ops) => ops,
            Self::Never(_) => &[],
        }
    }
}

/// How an operation is taken back. Who is enabled again by it was disabled by the same run.
pub const fn inverse(op: Op) -> Inverse {
    match op {
        Op::UserCreate => {
            Inverse::Never("the account stays, blocked and with what it was made with")
        }
        Op::UserUpdate => Inverse::By(&[Op::UserUpdate]),
        Op::UserSetManager | Op::UserClearManager => Inverse::By(&[Op::UserSetManager]),
        Op::UserEnable => Inverse::By(&[Op::UserDisable, Op::UserRevokeSessions]),
        Op::UserDisable => Inverse::By(&[Op::UserEnable]),
        Op::UserRevokeSessions => Inverse::Never("whoever was signed in has to sign in again"),
        Op::GroupAdd => Inverse::By(&[Op::GroupRemove]),
        Op::GroupRemove => Inverse::By(&[Op::GroupAdd]),
        Op::LicenceAssign => Inverse::By(&[Op::LicenceRemove]),
        Op::LicenceRemove => Inverse::By(&[Op::LicenceAssign]),
        Op::GroupCreate | Op::GroupUpdate | Op::GroupLicense => Inverse::Never(
            "a group is what the groups file says: change the file, and the next run changes it back",
        ),
        Op::UserRestore => Inverse::Never("the account stays out of the bin"),
        Op::UserDeleteSoft => Inverse::By(&[Op::UserRestore]),
        Op::UserResetPassword => Inverse::Never("nobody knows the password that it had"),
        Op::TapIssue => Inverse::Never("the pass was handed out; it ends by itself"),
        Op::AuthMethodsRemove => Inverse::Never("the person registers anew what they sign in with"),
        Op::RoleRemove => Inverse::By(&[Op::RoleAdd]),
        Op::RoleAdd => Inverse::By(&[Op::RoleRemove]),
        Op::AppRoleRemove => Inverse::Never("whoever owns the application assigns the role anew"),
        Op::OwnerAdd | Op::SponsorAdd | Op::ReportHandOver => Inverse::Never(
            "whoever took over stays responsible; take it from them by hand if it was not meant",
        ),
        Op::NotifyManager | Op::NotifyWelcome | Op::NotifySecurity | Op::TaskManual => {
            Inverse::Never("what was told was told")
        }
        Op::DeviceDisable
        | Op::DeviceRetire
        | Op::DeviceWipe
        | Op::DeviceRemoveUser
        | Op::DeviceDeleteEntra
        | Op::AppSelectiveWipe => Inverse::Never("the device is set up anew by whoever uses it"),
        Op::DeviceEscrowCheck => Inverse::Never("nothing was changed by it"),
        // It wrote nothing: there is nothing to take back, and nothing left.
        Op::UserProof => Inverse::By(&[]),
    }
}

/// One action that was carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// What was planned.
    pub action: Action,
    /// The target had it so already: it may have been somebody else.
    pub already: bool,
}

/// What a run did to one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deed {
    /// Carried out, in order. Nothing where all of it was still to be done: then it is not done.
    pub done: Vec<Done>,
    /// Before and after of them, as far as those are kept.
    pub values: Vec<ActionValues>,
    /// The person before the run; `None`: nobody knew them.
    pub before: Option<Box<Person>>,
    /// Their revision before it.
    pub revision: u32,
    /// The fingerprint of the row that it saw; `None`: it saw none, or one in doubt.
    pub seen: Option<String>,
    /// It acted on an absence.
    pub absent: bool,
    /// See [`Undone::source`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<SourceName>,
}

/// What holds for a whole undo.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The run that is taken back.
    pub run: &'a RunId,
    /// The instant of the undo.
    pub now: Timestamp,
    /// The target.
    pub target: &'a Target,
    /// Groups and licences as they are defined.
    pub groups: Option<&'a Groups>,
}

/// Takes a deed back. `account` is the person's as the target has it now.
pub fn take_back(
    person: Person,
    deed: &Deed,
    account: Option<&Account>,
    terms: &Terms<'_>,
) -> Decision {
    // Questions about accounts do not reach into the bin.
    let account = account.map(Cow::Borrowed);
    let binned = || person.in_bin().filter(|_| deleted(deed)).map(Cow::Owned);
    let mut taking = Taking {
        deed,
        account: account.or_else(binned),
        terms,
        person,
        findings: Vec::new(),
        steps: Vec::new(),
    };
    let settled = taking.all();
    taking.end(settled)
}

/// Whether a run put the account into the bin.
fn deleted(deed: &Deed) -> bool {
    let mut done = deed.done.iter();
    done.any(|it| it.action.op == Op::UserDeleteSoft)
}

/// What can be told before the tenant is asked: why nothing is taken back of a person, or what has
/// no way back. `person` is as the state has them now.
pub fn foreseen(person: &Person, deed: &Deed, run: &RunId) -> Vec<Finding> {
    if let Some(note) = barred(person, deed, run) {
        let finding = Finding::new(
            FindingKind::ChangedSince,
            Severity::Held,
            Place::default(),
            note,
        );
        return vec![finding.of(&person.worker)];
    }
    let lost = deed.done.iter().rev();
    let lost = lost.filter_map(|done| Some((done.action.op, lost_by(done)?)));
    lost.map(|(op, left)| irreversible(&person.worker, op, left))
        .collect()
}

/// Why nothing of a deed is taken back, whatever the tenant has.
fn barred(person: &Person, deed: &Deed, run: &RunId) -> Option<&'static str> {
    if person.dismissed.is_some() {
        return Some(
            "dismissed by notice: nothing is given back to them. If that is over, lift it first \
             (`rollcall lift --what dismissal`)",
        );
    }
    let again = person.undone.as_ref();
    let again = again.is_some_and(|undone| undone.run == *run);
    let changed = u32::from(!deed.done.is_empty());
    (!again && person.revision != deed.revision + changed).then_some(
        "a later run changed this person; take that one back first, or mend it by hand: nothing of \
         this one is taken back",
    )
}

fn irreversible(worker: &WorkerId, op: Op, left: &str) -> Finding {
    let note = format!("{op} is not taken back: {left}");
    let kind = FindingKind::Irreversible;
    let mut finding = Finding::new(kind, Severity::Warning, Place::default(), note).of(worker);
    finding.argue("op", op.name());
    finding.argue("left", left);
    finding
}

/// What stays of an action whatever is undone; `None` where there is a way back.
fn lost_by(done: &Done) -> Option<&'static str> {
    match inverse(done.action.op) {
        Inverse::Never(left) => Some(left),
        Inverse::By(_) if done.already && done.action.op.grants() => {
            Some("the tenant had it so already: it may be somebody else's doing")
        }
        Inverse::By(_) => None,
    }
}

/// Where a person stands once the steps of an undo are over. `folded` is what came of them.
pub fn settle(folded: Person, settled: Person) -> Person {
    if folded.unfinished || folded.held {
        // What is left is taken back by another undo, or once people agree; nothing else goes on.
        return Person {
            undone: settled.undone,
            due: settled.due,
            unfinished: false,
            tries: 0,
            fingerprint: 0,
            ..folded
        };
    }
    Person {
        revision: folded.revision,
        ..settled
    }
}

struct Taking<'a> {
    deed: &'a Deed,
    account: Option<Cow<'a, Account>>,
    terms: &'a Terms<'a>,
    person: Person,
    findings: Vec<Finding>,
    steps: Vec<DraftAction>,
}

impl Taking<'_> {
    /// `None`: the person is left as they are.
    fn all(&mut self) -> Option<Person> {
        if let Some(note) = barred(&self.person, self.deed, self.terms.run) {
            self.find(FindingKind::ChangedSince, Severity::Held, note);
            return None;
        }
        if self.person.object.is_some() && self.account.is_none() {
            let note = "the account is no longer in the tenant; nothing is taken back";
            self.find(FindingKind::AccountGone, Severity::Held, note);
            return None;
        }
        for done in self.deed.done.iter().rev() {
            match lost_by(done) {
                Some(left) => self.never(done.action.op, left),
                None => self.reverse(&done.action),
            }
        }
        Some(self.settled())
    }

    fn reverse(&mut self, action: &Action) {
        match action.op {
            Op::UserUpdate => self.values(action),
            Op::UserSetManager | Op::UserClearManager => self.manager(action),
            Op::UserEnable if self.enabled() == Some(true) => {
                self.step(action, Op::UserDisable);
                self.step(action, Op::UserRevokeSessions);
            }
            Op::UserDisable if self.enabled() == Some(false) => self.step(action, Op::UserEnable),
            Op::GroupAdd | Op::LicenceAssign => self.take(action),
            Op::GroupRemove | Op::LicenceRemove => self.give(action),
            Op::RoleAdd | Op::RoleRemove => {
                let role = action.args.get("role").cloned();
                for op in inverse(action.op).ops() {
                    self.step(action, *op);
                    if let (Some(step), Some(role)) = (self.steps.last_mut(), &role) {
                        step.args.insert("role".to_owned(), role.clone());
                        if *op == Op::RoleAdd {
                            step.args
                                .insert("ask".to_owned(), "restore_role".to_owned());
                        }
                    }
                }
            }
            Op::UserDeleteSoft => self.step(action, Op::UserRestore),
            // As it was already, or with no way back.
            Op::UserEnable
            | Op::UserDisable
            | Op::UserCreate
            | Op::UserRevokeSessions
            | Op::GroupCreate
            | Op::GroupUpdate
            | Op::GroupLicense
            | Op::UserRestore
            | Op::UserResetPassword
            | Op::TapIssue
            | Op::AuthMethodsRemove
            | Op::AppRoleRemove
            | Op::OwnerAdd
            | Op::SponsorAdd
            | Op::ReportHandOver
            | Op::NotifyManager
            | Op::NotifyWelcome
            | Op::NotifySecurity
            | Op::TaskManual
            | Op::DeviceDisable
            | Op::DeviceRetire
            | Op::DeviceWipe
            | Op::DeviceRemoveUser
            | Op::DeviceEscrowCheck
            | Op::UserProof
            | Op::DeviceDeleteEntra
            | Op::AppSelectiveWipe => {}
        }
    }

    /// Attributes get the values that they had, as far as nobody wrote others since.
    fn values(&mut self, action: &Action) {
        let Some(values) = self.deed.values.iter().find(|it| it.id == action.id) else {
            self.never(action.op, "the values that it had are no longer kept");
            return;
        };
        let (mut before, mut after) = (Attributes::new(), Attributes::new());
        let mut others = Vec::new();
        for (name, wrote) in &values.after {
            let had = values.before.get(name).cloned().unwrap_or_default();
            let has = self.has(name);
            let is_name = *name == self.terms.target.name_attribute;
            if has.is_same(wrote, is_name) {
                before.insert(name.clone(), has);
                after.insert(name.clone(), had);
            } else if !has.is_same(&had, is_name) {
                others.push(name.as_str());
            }
        }
        if !others.is_empty() {
            let note = format!(
                "somebody has written another value since: {} stays as it is",
                others.join(", ")
            );
            self.find(FindingKind::ChangedSince, Severity::Warning, note);
        }
        if after.is_empty() {
            return;
        }
        self.step(action, Op::UserUpdate);
        if let Some(step) = self.steps.last_mut() {
            step.before = before;
            step.after = after;
        }
    }

    fn has(&self, name: &str) -> Value {
        let Some(account) = &self.account else {
            return Value::Null;
        };
        if name == self.terms.target.key_attribute {
            return account.key.as_deref().map_or(Value::Null, Value::text);
        }
        account.attributes.get(name).cloned().unwrap_or_default()
    }

    fn manager(&mut self, action: &Action) {
        let wrote = action.args.get("manager").map(WorkerId::new);
        let before = self.deed.before.as_ref();
        let had = before.and_then(|it| it.manager.clone());
        if self.person.manager != wrote || had == wrote {
            return;
        }
        match had {
            Some(manager) => {
                self.step(action, Op::UserSetManager);
                if let Some(step) = self.steps.last_mut() {
                    step.manager = Some(manager);
                }
            }
            None => self.step(action, Op::UserClearManager),
        }
    }

    /// What was given is taken, or is again what it was.
    fn take(&mut self, action: &Action) {
        let Some(granting) = Granting::of_args(&action.args) else {
            return;
        };
        let grant = &granting.grant;
        if !self.person.grants.contains_key(grant) {
            return;
        }
        let op = match grant {
            Grant::Group(_) => Op::GroupRemove,
            Grant::Licence(_) => Op::LicenceRemove,
        };
        match self.had(grant) {
            Some(had) => self.granting(action, action.op, giving(grant, &had)),
            None => self.granting(action, op, plain(granting)),
        }
    }

    /// What was taken is given.
    fn give(&mut self, action: &Action) {
        let Some(granting) = Granting::of_args(&action.args) else {
            return;
        };
        let has = self.person.grants.get(&granting.grant);
        if has.is_some_and(|it| !it.unheard) {
            return;
        }
        let op = match &granting.grant {
            Grant::Group(_) => Op::GroupAdd,
            Grant::Licence(_) => Op::LicenceAssign,
        };
        let had = self.had(&granting.grant);
        let back = match had {
            Some(had) => giving(&granting.grant, &had),
            None => plain(granting),
        };
        self.granting(action, op, back);
    }

    /// What somebody had of a grant before the run.
    fn had(&self, grant: &Grant) -> Option<Given> {
        let before = self.deed.before.as_ref()?;
        before.grants.get(grant).filter(|it| !it.unheard).cloned()
    }

    fn granting(&mut self, action: &Action, op: Op, granting: Granting) {
        let definition = self
            .terms
            .groups
            .and_then(|it| it.definition(&granting.grant));
        let sensitive = definition.is_some_and(|it| it.sensitive());
        self.step(action, op);
        if let Some(step) = self.steps.last_mut() {
            step.granting = Some(granting);
            if op.grants() && sensitive {
                step.args
                    .insert("ask".to_owned(), "restore_group".to_owned());
            }
        }
    }

    fn step(&mut self, undoes: &Action, op: Op) {
        let reason = Reason::Undo {
            run: self.terms.run.as_str().to_owned(),
            op: undoes.op,
            action: undoes.id.clone(),
        };
        self.steps
            .push(DraftAction::simple(op, self.terms.now, reason, RULE));
    }

    fn enabled(&self) -> Option<bool> {
        self.account.as_ref().map(|account| account.enabled)
    }

    fn made(&self) -> bool {
        let mut done = self.deed.done.iter();
        done.any(|it| it.action.op == Op::UserCreate)
    }

    /// The person as before the run, but for what is not taken back, and under the hold.
    fn settled(&self) -> Person {
        let undone = Undone {
            run: self.terms.run.clone(),
            at: self.terms.now,
            seen: self.deed.seen.clone(),
            absent: self.deed.absent,
            source: self.deed.source.clone(),
        };
        let before = self.deed.before.as_deref();
        let mut out = match before.filter(|_| !self.made()) {
            Some(before) => before.clone(),
            None if self.made() => self.kept_account(),
            None => {
                let mut nobody =
                    Person::new(self.person.source.clone(), self.person.worker.clone());
                nobody.person = self.person.person.clone();
                nobody
            }
        };
        let now = self.terms.now;
        out.due = out.due.filter(|due| *due > now);
        // What people said since stands, whatever the run did.
        out.dismissed.clone_from(&self.person.dismissed);
        out.parked.clone_from(&self.person.parked);
        out.undone = Some(undone);
        out.unfinished = false;
        out.held = true;
        out.tries = 0;
        out.fingerprint = 0;
        out.revision = self.person.revision;
        out
    }

    /// An account that was made stays, as one that is not enabled yet.
    fn kept_account(&self) -> Person {
        let mut out = self.person.clone();
        out.lifecycle = Lifecycle::Created;
        out.block = None;
        out.cut = None;
        out.due = None;
        out.promised.clear();
        for step in &self.steps {
            if let (Some(granting), true) = (&step.granting, step.op.takes()) {
                out.grants.remove(&granting.grant);
            }
            if step.op == Op::UserClearManager {
                out.manager = None;
            }
        }
        out
    }

    fn never(&mut self, op: Op, left: &str) {
        let finding = irreversible(&self.person.worker, op, left);
        self.findings.push(finding);
    }

    fn find(&mut self, kind: FindingKind, severity: Severity, note: impl Into<String>) {
        let place = Place::default();
        let finding = Finding::new(kind, severity, place, note);
        self.findings.push(finding.of(&self.person.worker));
    }

    fn end(self, settled: Option<Person>) -> Decision {
        let Self {
            person,
            findings,
            steps,
            ..
        } = self;
        let draft = (!steps.is_empty()).then(|| Draft {
            person: person.person.clone(),
            worker: person.worker.clone(),
            delta: DeltaKind::Update,
            object: person.object.clone(),
            actions: steps,
            scheduled: Vec::new(),
            other_names: Vec::new(),
            adopted: None,
            workflow: None,
        });
        // Nothing to carry out: the hold alone.
        let person = match (&draft, &settled) {
            (None, Some(settled)) => settled.clone(),
            _ => person,
        };
        Decision {
            leaving: false,
            held: settled.is_none(),
            settled: settled.filter(|_| draft.is_some()).map(Box::new),
            draft,
            person,
            findings,
            withdrawn: Vec::new(),
        }
    }
}

fn plain(granting: Granting) -> Granting {
    Granting {
        switched_off: Vec::new(),
        awaits: Vec::new(),
        makes_way_for: Vec::new(),
        ..granting
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::approvals::Approvals;
    use crate::digest::EvidenceKey;
    use crate::fold::{Outcome, Outcomes, fold};
    use crate::model::{AccountName, Ending, ObjectId, SourceName};
    use crate::plan::{SourceRow, seal};
    use crate::state::{Block, BlockCause, Cut};

    const NOW: &str = "2027-03-16T09:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn target() -> Target {
        Target {
            key_attribute: "employeeId".to_owned(),
            name_attribute: "userPrincipalName".to_owned(),
            alias_attribute: "mailNickname".to_owned(),
        }
    }

    fn somebody() -> Person {
        let mut person = Person::new(SourceName::new("hr"), WorkerId::new("7"));
        person.lifecycle = Lifecycle::Active;
        person.object = Some(ObjectId::new("o"));
        person.manager = Some(WorkerId::new("1"));
        person.revision = 4;
        person
    }

    fn account(enabled: bool, department: &str) -> Account {
        Account {
            id: ObjectId::new("o"),
            enabled,
            key: Some("7".to_owned()),
            name: AccountName::new("ada@woodgrove.example"),
            attributes: [("department".to_owned(), Value::text(department))].into(),
            holdings: None,
        }
    }

    fn step(op: Op) -> DraftAction {
        DraftAction::simple(
            op,
            at("2027-03-16T02:00:00Z"),
            Reason::StatusInactive,
            "leaver.status",
        )
    }

    /// What a run did: these steps, all of them carried out.
    fn deed(steps: Vec<DraftAction>) -> Deed {
        let draft = Draft {
            person: somebody().person,
            worker: WorkerId::new("7"),
            delta: DeltaKind::Update,
            object: Some(ObjectId::new("o")),
            actions: steps,
            scheduled: Vec::new(),
            other_names: Vec::new(),
            adopted: None,
            workflow: None,
        };
        let salt = EvidenceKey::new(*b"k").salt(&draft.person);
        let (order, values) = seal(&draft, 4, &SourceRow::default(), &salt);
        let done = order.actions.into_iter().map(|action| Done {
            action,
            already: false,
        });
        Deed {
            done: done.collect(),
            values,
            before: Some(Box::new(somebody())),
            revision: 4,
            seen: Some("0f".to_owned()),
            absent: false,
            source: None,
        }
    }

    fn after_it() -> Person {
        Person {
            revision: 5,
            ..somebody()
        }
    }

    fn back(person: Person, deed: &Deed, account: &Account) -> Decision {
        let run = RunId::new("20270316T020000Z-00000001");
        let target = target();
        let terms = Terms {
            run: &run,
            now: at(NOW),
            target: &target,
            groups: None,
        };
        take_back(person, deed, Some(account), &terms)
    }

    fn ops(decision: &Decision) -> Vec<Op> {
        let steps = decision.draft.iter().flat_map(|draft| &draft.actions);
        steps.map(|step| step.op).collect()
    }

    fn told(decision: &Decision) -> Vec<FindingKind> {
        decision.findings.iter().map(|it| it.kind).collect()
    }

    #[test]
    fn the_last_step_is_taken_back_first() {
        let update = DraftAction {
            before: [("department".to_owned(), Value::text("Sales"))].into(),
            after: [("department".to_owned(), Value::text("Law"))].into(),
            ..step(Op::UserUpdate)
        };
        let group = DraftAction {
            granting: Some(Granting::bare(Grant::Group("law".to_owned()))),
            ..step(Op::GroupAdd)
        };
        let manager = DraftAction {
            manager: Some(WorkerId::new("2")),
            ..step(Op::UserSetManager)
        };
        let deed = deed(vec![update, manager, group]);
        let mut person = after_it();
        person.manager = Some(WorkerId::new("2"));
        let law = Granting::bare(Grant::Group("law".to_owned()));
        person.grants.insert(law.grant.clone(), law.given(at(NOW)));
        let decision = back(person, &deed, &account(true, "Law"));
        assert_eq!(
            ops(&decision),
            [Op::GroupRemove, Op::UserSetManager, Op::UserUpdate]
        );
        let steps = &decision.draft.as_ref().unwrap().actions;
        assert_eq!(steps[1].manager, Some(WorkerId::new("1")));
        assert_eq!(steps[2].after["department"], Value::text("Sales"));
        assert!(told(&decision).is_empty());
    }

    #[test]
    fn a_block_is_lifted_and_a_sign_out_is_not() {
        let deed = deed(vec![step(Op::UserDisable), step(Op::UserRevokeSessions)]);
        let decision = back(after_it(), &deed, &account(false, "Law"));
        assert_eq!(ops(&decision), [Op::UserEnable]);
        assert_eq!(told(&decision), [FindingKind::Irreversible]);
        let settled = decision.settled.unwrap();
        assert_eq!(settled.lifecycle, Lifecycle::Active);
        assert_eq!(settled.undone.unwrap().seen.as_deref(), Some("0f"));
        // Enabled again by somebody else: nothing is left to do but the hold.
        let decision = back(after_it(), &deed, &account(true, "Law"));
        assert!(decision.draft.is_none() && decision.person.undone.is_some());
    }

    /// What lies in the bin is found by what the state knows; what somebody else put there is not.
    #[test]
    fn a_deletion_is_taken_back_before_the_block() {
        let run = RunId::new("20270316T020000Z-00000001");
        let target = target();
        let terms = Terms {
            run: &run,
            now: at(NOW),
            target: &target,
            groups: None,
        };
        let gone = Person {
            lifecycle: Lifecycle::Deleted,
            deleted: Some(at("2027-03-16T02:00:00Z")),
            ..after_it()
        };
        let both = deed(vec![step(Op::UserDisable), step(Op::UserDeleteSoft)]);
        let decision = take_back(gone.clone(), &both, None, &terms);
        assert_eq!(ops(&decision), [Op::UserRestore, Op::UserEnable]);
        assert_eq!(told(&decision), []);
        assert_eq!(decision.settled.unwrap().lifecycle, Lifecycle::Active);
        let mut alone = deed(vec![step(Op::UserDeleteSoft)]);
        alone.before.as_mut().unwrap().lifecycle = Lifecycle::Blocked;
        let decision = take_back(gone.clone(), &alone, None, &terms);
        assert_eq!(ops(&decision), [Op::UserRestore]);
        assert_eq!(decision.settled.unwrap().lifecycle, Lifecycle::Blocked);
        for (person, deed) in [
            (gone, deed(vec![step(Op::UserDisable)])),
            (after_it(), both),
        ] {
            let decision = take_back(person, &deed, None, &terms);
            assert_eq!(told(&decision), [FindingKind::AccountGone]);
            assert!(decision.draft.is_none() && decision.held);
        }
    }

    #[test]
    fn what_others_wrote_stays() {
        let update = DraftAction {
            before: [("department".to_owned(), Value::text("Sales"))].into(),
            after: [("department".to_owned(), Value::text("Law"))].into(),
            ..step(Op::UserUpdate)
        };
        let deed = deed(vec![update]);
        let decision = back(after_it(), &deed, &account(true, "Board"));
        assert!(decision.draft.is_none());
        assert_eq!(told(&decision), [FindingKind::ChangedSince]);
        let later = Person {
            revision: 6,
            ..somebody()
        };
        let decision = back(later.clone(), &deed, &account(true, "Law"));
        assert!(decision.draft.is_none() && decision.held);
        assert_eq!(decision.person, later, "left as they are, without a hold");
    }

    #[test]
    fn an_account_that_was_made_is_blocked_and_stays() {
        let mut deed = deed(vec![step(Op::UserCreate), step(Op::UserEnable)]);
        deed.before = None;
        let decision = back(after_it(), &deed, &account(true, "Law"));
        assert_eq!(ops(&decision), [Op::UserDisable, Op::UserRevokeSessions]);
        let settled = decision.settled.unwrap();
        assert_eq!(
            settled.lifecycle,
            Lifecycle::Created,
            "enabled once the hold is lifted"
        );
        assert_eq!(settled.object, Some(ObjectId::new("o")));
    }

    /// Half of it failed: the state says what was done, and nothing else goes on.
    #[test]
    fn what_failed_is_left_to_another_undo() {
        let deed = deed(vec![step(Op::UserEnable)]);
        let decision = back(after_it(), &deed, &account(true, "Law"));
        let draft = decision.draft.unwrap();
        let salt = EvidenceKey::new(*b"k").salt(&draft.person);
        let (order, _) = seal(&draft, 5, &SourceRow::default(), &salt);
        let mut outcomes = Outcomes::default();
        for (action, done) in order.actions.iter().zip([true, false]) {
            let failed = Ending::Failed {
                code: "x".to_owned(),
                hint: "x".to_owned(),
            };
            outcomes.add(Outcome {
                run: RunId::new("r"),
                order: order.order.clone(),
                action: action.id.clone(),
                op: action.op,
                person: order.person.clone(),
                ending: if done { Ending::Done } else { failed },
                at: at(NOW),
                send: 1,
                calls: 1,
                request_id: None,
                object: None,
                consent: None,
                proof: Vec::new(),
            });
        }
        let none = BTreeMap::new();
        let folded = fold(
            decision.person,
            &order,
            &Approvals::default(),
            at(NOW),
            &none,
            &outcomes,
            &target(),
        );
        let after = settle(folded, *decision.settled.unwrap());
        let block = Block {
            cut: Cut {
                due: at(NOW),
                cause: BlockCause::Undone,
            },
            disabled: true,
            signed_out: false,
            at: Some(at(NOW)),
        };
        assert_eq!(after.block, Some(block));
        assert!(after.undone.is_some() && !after.unfinished);
        // Another undo of the same run takes back what is left.
        let again = back(after, &deed, &account(true, "Law"));
        assert_eq!(ops(&again), [Op::UserDisable, Op::UserRevokeSessions]);
    }

    /// What takes something back can itself be taken back, so that no undo is a dead end; but for
    /// signing out, which nothing needs to take back.
    #[test]
    fn an_inverse_has_an_inverse() {
        for op in Op::ALL {
            for back in inverse(op).ops() {
                let again = inverse(*back).ops();
                let fine = again.contains(&op)
                    || matches!(back, Op::UserRevokeSessions | Op::UserRestore)
                    || op == Op::UserClearManager;
                assert!(fine, "{op} {back}");
            }
        }
    }
}
