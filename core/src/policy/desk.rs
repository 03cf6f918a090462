//! One person on the desk: what their row, their account and the instant ask for.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::StatusClass;
use super::decide::{Context, Matching, wanted_name};
use super::draft::{DeltaKind, Draft, DraftAction, Reason, call};
use crate::grants::Belongs;
use crate::model::{
    Account, AccountName, Attributes, Finding, FindingKind, ObjectId, Op, Place, Severity, Value,
    text_shape,
};
use crate::state::{Block, BlockCause, Cut, Identity, Lifecycle, Person, PlannedCut};

/// What there is to work on.
pub(super) enum Found {
    /// No account.
    Nothing,
    /// The account.
    One(Account),
    /// Several, gone, or carrying another key: held, with a finding.
    InDoubt,
}

type Steps = Option<(DeltaKind, Option<ObjectId>, Vec<DraftAction>)>;

/// One person, with everything that is needed to decide.
pub(super) struct Desk<'a> {
    pub(super) cx: &'a Context<'a>,
    /// What rules give the worker.
    pub(super) belongs: &'a Belongs,
    pub(super) row: Option<u32>,
    pub(super) person: Person,
    pub(super) findings: Vec<Finding>,
    /// Something that was planned before is not done.
    pub(super) open: bool,
    /// What is known counts for cuts; whatever gives something waits.
    pub(super) cuts_only: bool,
    /// A cut is due.
    pub(super) leaving: bool,
    /// Free names to take instead of that of a new account.
    pub(super) other_names: Vec<AccountName>,
    /// The sign-in name of an account that is taken over.
    pub(super) adopted: Option<AccountName>,
}

impl Desk<'_> {
    pub(super) fn find(
        &mut self,
        kind: FindingKind,
        severity: Severity,
        column: Option<&str>,
        note: impl Into<String>,
    ) {
        let at = Place {
            row: self.row,
            line: None,
            column: column.map(str::to_owned),
        };
        self.findings
            .push(Finding::new(kind, severity, at, note).of(&self.person.worker));
    }

    /// The row says something that cannot be meant: the last good one stays in force, with what
    /// is still to do for it.
    fn not_believed<T>(&mut self, kind: FindingKind, note: String) -> Option<T> {
        self.find(kind, Severity::Held, None, note);
        self.person.unfinished = self.open;
        None
    }

    /// The steps that an identity asks for; `None` also where it is in doubt.
    pub(super) fn work(&mut self, identity: &Identity, answers: &[Vec<Account>]) -> Option<Draft> {
        let class = self.class(identity)?;
        let zone = self.zone(identity)?;
        let cut = self.cut(identity, class, &zone);
        self.leaving = cut.as_ref().is_some_and(|(cut, _)| cut.due <= self.cx.now);
        self.person.wanted = Some(identity.clone());
        if identity.out_of_scope && !self.leaving {
            self.out_of_scope();
            return None;
        }
        let account = match self.account(identity, answers) {
            Found::Nothing => None,
            Found::One(account) => {
                self.learn(&account);
                Some(account)
            }
            Found::InDoubt => return None,
        };
        self.person.due = None;
        let (delta, object, steps) = match (cut, account) {
            (Some(cut), account) if self.leaving => {
                if account.is_none() {
                    self.doubt_namesake(answers);
                }
                self.leaver(cut, account, class)
            }
            (cut, None) => self.joiner(identity, &zone, cut, answers),
            (cut, Some(account)) => Some(self.stayer(identity, &zone, cut, account)),
        }?;
        self.split(delta, object, steps)
    }

    /// Nothing is given to whom the mapping is not for, nor taken from them.
    fn out_of_scope(&mut self) {
        self.person.due = None;
        let ours = self.person.lifecycle != Lifecycle::None;
        let (severity, note) = if ours {
            let note = "left the scope of the mapping; the account is left as it is";
            (Severity::Held, note)
        } else {
            (Severity::Info, "not in the scope of the mapping")
        };
        self.find(FindingKind::OutOfScope, severity, None, note);
    }

    /// What the status says; a contradiction between status and dates is nothing to act on.
    fn class(&mut self, identity: &Identity) -> Option<StatusClass> {
        let class = self.cx.policy.class(&identity.status);
        match (class, identity.hire, identity.last_day) {
            (StatusClass::Unknown, _, _) => self.not_believed(
                FindingKind::StatusUnknown,
                format!(
                    "status {} is in neither list of the policy; add it to `status.active` or \
                     `status.inactive`",
                    text_shape(&identity.status)
                ),
            ),
            (StatusClass::Active, Some(hire), Some(last)) if last < hire => self.not_believed(
                FindingKind::DateInvalid,
                format!("in force, but the last day, {last}, lies before the first, {hire}"),
            ),
            (StatusClass::Active | StatusClass::Inactive, _, _) => Some(class),
        }
    }

    /// Steps that are due go now, the others later; the earliest of those is remembered.
    pub(super) fn split(
        &mut self,
        delta: DeltaKind,
        object: Option<ObjectId>,
        steps: Vec<DraftAction>,
    ) -> Option<Draft> {
        let cx = self.cx;
        let (mut actions, mut scheduled): (Vec<_>, Vec<_>) = steps
            .into_iter()
            .partition(|s| s.due <= cx.now && (!cx.stale || s.op.cut()));
        let flips = self.belongs.flips.filter(|_| !self.leaving);
        self.person.due = scheduled.iter().map(|s| s.due).chain(flips).min();
        if self.cuts_only {
            let cuts = |a: &DraftAction| a.op.cut() || (self.leaving && a.op.takes());
            actions.retain(cuts);
            scheduled.retain(cuts);
        }
        if actions.is_empty() && scheduled.is_empty() {
            return None;
        }
        Some(Draft {
            person: self.person.person.clone(),
            worker: self.person.worker.clone(),
            delta,
            object,
            actions,
            scheduled,
            other_names: std::mem::take(&mut self.other_names),
            adopted: self.adopted.take(),
        })
    }

    pub(super) fn zone(&mut self, identity: &Identity) -> Option<TimeZone> {
        let dated = identity.hire.is_some() || identity.last_day.is_some();
        let name = match (&identity.zone, &self.cx.policy.default_zone) {
            (Some(zone), _) | (None, Some(zone)) => zone.clone(),
            (None, None) => {
                if dated {
                    self.find(
                        FindingKind::TzAssumed,
                        Severity::Info,
                        None,
                        "no time zone in the row and none in the policy: UTC; set `default_zone`",
                    );
                }
                "UTC".to_owned()
            }
        };
        if let Ok(zone) = jiff::tz::db().get(&name) {
            return Some(zone);
        }
        self.not_believed(
            FindingKind::ZoneUnknown,
            format!(
                "time zone {} is not in the IANA database",
                text_shape(&name)
            ),
        )
    }

    /// Dates decide, not the flip of the status; without a date an inactive status is at once.
    pub(super) fn cut(
        &self,
        identity: &Identity,
        class: StatusClass,
        zone: &TimeZone,
    ) -> Option<(Cut, Reason)> {
        let (due, cause, reason) = match (identity.last_day, class) {
            (Some(date), _) => (
                day_start(date.saturating_add(1.day()), zone),
                BlockCause::LastDay,
                Reason::LastDay { date },
            ),
            (None, StatusClass::Inactive) => {
                let cause = BlockCause::Status;
                (self.first_due(cause), cause, Reason::StatusInactive)
            }
            (None, StatusClass::Active | StatusClass::Unknown) => return None,
        };
        Some((Cut { due, cause }, reason))
    }

    /// When an undated cut fell due: when it was first planned, or carried out.
    pub(super) fn first_due(&self, cause: BlockCause) -> Timestamp {
        let planned = self.person.cut.map(|planned| planned.cut);
        let block = self.person.block.map(|block| block.cut);
        let known = planned.or(block).filter(|cut| cut.cause == cause);
        known.map_or(self.cx.now, |cut| cut.due)
    }

    /// The account to work on.
    pub(super) fn account(&mut self, identity: &Identity, answers: &[Vec<Account>]) -> Found {
        if self.person.object.is_some() {
            return self.linked(answers).map_or(Found::InDoubt, Found::One);
        }
        match answers.first().map_or(&[][..], Vec::as_slice) {
            [] => Found::Nothing,
            [account] => {
                self.link(account);
                Found::One(account.clone())
            }
            several => {
                self.find(
                    FindingKind::AccountAmbiguous,
                    Severity::Held,
                    None,
                    format!(
                        "{} accounts in the tenant carry {} {}; leave it on one of them",
                        several.len(),
                        self.cx.target.key_attribute,
                        identity.worker
                    ),
                );
                Found::InDoubt
            }
        }
    }

    /// Which account is theirs, and what it is called now: protection goes by that.
    fn link(&mut self, account: &Account) {
        self.person.object = Some(account.id.clone());
        self.person.name = Some(account.name.clone());
    }

    /// The account that state links; gone or carrying another key is a doubt.
    pub(super) fn linked(&mut self, answers: &[Vec<Account>]) -> Option<Account> {
        let account = answers.first().and_then(|found| found.first()).cloned();
        match account {
            Some(account)
                if account
                    .key
                    .as_deref()
                    .is_none_or(|k| k == self.person.worker.as_str()) =>
            {
                self.link(&account);
                Some(account)
            }
            Some(_) => {
                let note = format!(
                    "the linked account now carries another {}; nothing is written to it",
                    self.cx.target.key_attribute
                );
                self.find(FindingKind::AccountGone, Severity::Held, None, note);
                None
            }
            None if self.leaving && self.person.lifecycle == Lifecycle::Blocked => {
                self.person.due = None;
                let note = "cut off, and the account is no longer in the tenant";
                self.find(FindingKind::AccountGone, Severity::Info, None, note);
                None
            }
            None => {
                let note = "the linked account is no longer in the tenant; restore it, or find \
                            out who deleted it";
                self.find(FindingKind::AccountGone, Severity::Held, None, note);
                None
            }
        }
    }

    /// A disable that was let go and of which nothing is on record: on an account that is disabled
    /// it counts as ours, as it would have if it had found it so.
    pub(super) fn learn(&mut self, account: &Account) {
        let planned = self.person.cut.filter(|_| self.open && !account.enabled);
        if let Some(PlannedCut {
            cut, unheard: true, ..
        }) = planned
            && self.person.lifecycle == Lifecycle::Active
        {
            self.person.lifecycle = Lifecycle::Blocked;
            self.person.block = Some(Block {
                cut,
                disabled: true,
                signed_out: false,
                at: None,
            });
        }
    }

    fn leaver(
        &mut self,
        (mut cut, reason): (Cut, Reason),
        account: Option<Account>,
        class: StatusClass,
    ) -> Steps {
        let Some(account) = account else {
            let why = match class {
                StatusClass::Inactive | StatusClass::Unknown => "inactive",
                StatusClass::Active => "past the last day",
            };
            self.find(
                FindingKind::NeverProvisioned,
                Severity::Info,
                None,
                format!("{why} and without an account: nothing to do"),
            );
            return None;
        };
        // Whoever leaves is in no grace, and a block for absence becomes that of somebody who left.
        for given in self.person.grants.values_mut() {
            given.grace = None;
        }
        if let Some(block) = &mut self.person.block
            && block.cut.cause == BlockCause::Absence
        {
            block.cut = cut;
        }
        if self.person.lifecycle == Lifecycle::Blocked && account.enabled {
            // Somebody enabled the account after we cut it off: late from now on.
            cut.due = self.cx.now;
        }
        let mut steps = self.cut_off(cut, &reason, &account);
        steps.extend(self.strip(cut, &reason));
        Some((DeltaKind::Leaver, Some(account.id), steps))
    }

    /// Disable, then revoke: a token revoked before the block could be renewed. Only what is not
    /// done yet.
    pub(super) fn cut_off(
        &mut self,
        cut: Cut,
        reason: &Reason,
        account: &Account,
    ) -> Vec<DraftAction> {
        let signed_out = self.person.lifecycle == Lifecycle::Blocked
            && !account.enabled
            && self.person.block.is_some_and(|block| block.signed_out);
        if signed_out {
            return Vec::new();
        }
        self.plan_cut(Some(cut));
        let rule = match cut.cause {
            BlockCause::Status => "leaver.status",
            BlockCause::LastDay => "leaver.last_day",
            BlockCause::Absence => "absence.second",
        };
        let disable = account.enabled.then_some(Op::UserDisable);
        disable
            .into_iter()
            .chain([Op::UserRevokeSessions])
            .map(|op| DraftAction::simple(op, cut.due, reason.clone(), rule))
            .collect()
    }

    /// Remembers the cut that is planned; the same one again was counted already.
    fn plan_cut(&mut self, cut: Option<Cut>) {
        let before = self.person.cut;
        self.person.cut = cut.map(|cut| PlannedCut {
            cut,
            counted: before.is_some_and(|planned| planned.cut == cut && planned.counted),
            unheard: false,
        });
    }

    /// A cut in the future is part of the schedule from the day it is known.
    fn later_cut(&mut self, steps: &mut Vec<DraftAction>, cut: Option<(Cut, Reason)>) {
        self.plan_cut(cut.as_ref().map(|(cut, _)| *cut));
        if let Some((cut, reason)) = cut {
            for op in [Op::UserDisable, Op::UserRevokeSessions] {
                let step = DraftAction::simple(op, cut.due, reason.clone(), "leaver.last_day");
                steps.push(step);
            }
            steps.extend(self.strip(cut, &reason));
        }
    }

    fn joiner(
        &mut self,
        identity: &Identity,
        zone: &TimeZone,
        cut: Option<(Cut, Reason)>,
        answers: &[Vec<Account>],
    ) -> Steps {
        let cx = self.cx;
        let Some(name) = wanted_name(identity, cx.target) else {
            self.find(
                FindingKind::RequiredMissing,
                Severity::Held,
                None,
                format!("the mapping gives no {}", cx.target.name_attribute),
            );
            return None;
        };
        if let Some(account) = self.namesake(answers) {
            return self.adopt(identity, zone, cut, account);
        }
        // The wanted name and those instead of it, as far as nobody has them.
        let names = std::iter::once(&name).chain(&identity.other_names);
        let answers = answers.get(1..).unwrap_or_default();
        let free = names
            .enumerate()
            .filter(|(at, _)| answers.get(*at).is_none_or(Vec::is_empty));
        let mut free = free.map(|(_, name)| name.clone());
        let Some(name) = free.next() else {
            self.find(
                FindingKind::NameTaken,
                Severity::Held,
                None,
                match cx.matching {
                    Matching::Key => format!(
                        "the wanted {} belongs to an account without {} {}; set it there to \
                         adopt the account, say `match` in the mapping to adopt accounts without \
                         any, or change the name",
                        cx.target.name_attribute, cx.target.key_attribute, identity.worker
                    ),
                    Matching::KeyThenName => format!(
                        "the wanted {} belongs to an account of somebody else's {}; change the \
                         name, or see whose account it is",
                        cx.target.name_attribute, cx.target.key_attribute
                    ),
                },
            );
            return None;
        };
        self.other_names = free.collect();
        let now = cx.now;
        let create = match identity.hire {
            None => now,
            Some(date) => {
                let days = i64::from(cx.policy.joiner.create_days);
                day_start(date.saturating_sub(days.days()), zone).max(now)
            }
        };
        let (start, reason) = self.start(identity, zone);
        if let Some(date) = identity.hire
            && day_start(date, zone) < now
            && !cx.first_load
            && self.person.lifecycle == Lifecycle::None
        {
            self.find(
                FindingKind::LateHire,
                Severity::Info,
                None,
                format!("first seen after the first day of work, {date}"),
            );
        }
        let mut after: Attributes = identity
            .always
            .iter()
            .chain(&identity.on_create)
            .filter(|(_, value)| !value.is_nothing())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        call(&mut after, &name, cx.target);
        after.insert(
            cx.target.key_attribute.clone(),
            Value::text(identity.worker.as_str()),
        );
        let mut steps = vec![DraftAction {
            after,
            ..DraftAction::simple(Op::UserCreate, create, Reason::NewWorker, "joiner.create")
        }];
        steps.extend(self.manager(identity, create, "joiner.manager"));
        let from = self.groups_from(identity, zone).max(create);
        steps.extend(self.grant(identity, None, from, "joiner.groups", &[]).gives);
        steps.push(DraftAction::simple(
            Op::UserEnable,
            start,
            reason,
            "joiner.enable",
        ));
        self.later_cut(&mut steps, cut);
        Some((DeltaKind::Joiner, None, steps))
    }

    /// Whoever left has no account that we know of, but one of their name may let them in.
    fn doubt_namesake(&mut self, answers: &[Vec<Account>]) {
        let namesakes = answers.get(1).into_iter().flatten();
        if namesakes.filter(|a| a.key.is_none() && a.enabled).count() == 0 {
            return;
        }
        let target = self.cx.target;
        let note = format!(
            "no longer in force, and an enabled account of their {} carries no {}: if it is theirs, \
             set {} {} there and it is cut off by the next run",
            target.name_attribute, target.key_attribute, target.key_attribute, self.person.worker
        );
        self.find(FindingKind::AccountUnclaimed, Severity::Warning, None, note);
    }

    /// The account that has the wanted name and nobody's key, where the mapping says that it is the
    /// worker's then.
    fn namesake(&self, answers: &[Vec<Account>]) -> Option<Account> {
        let found = match self.cx.matching {
            Matching::Key => return None,
            Matching::KeyThenName => answers.get(1)?,
        };
        match found.as_slice() {
            [account] if account.key.is_none() => Some(account.clone()),
            _ => None,
        }
    }

    /// Takes an account over. It is the worker's once their key stands on it, and not before: the
    /// state links nothing that a guard may keep back.
    fn adopt(
        &mut self,
        identity: &Identity,
        zone: &TimeZone,
        cut: Option<(Cut, Reason)>,
        account: Account,
    ) -> Steps {
        if self.cuts_only {
            return None;
        }
        let cx = self.cx;
        let (step, _) = self.update(identity, &account);
        let (mut before, mut after) = step.map(|s| (s.before, s.after)).unwrap_or_default();
        let key = &cx.target.key_attribute;
        before.insert(key.clone(), Value::Null);
        after.insert(key.clone(), Value::text(identity.worker.as_str()));
        let reason = Reason::Matched {
            attribute: cx.target.name_attribute.clone(),
        };
        let mut steps = vec![DraftAction {
            before,
            after,
            ..DraftAction::simple(Op::UserUpdate, cx.now, reason, "joiner.adopt")
        }];
        steps.extend(self.manager(identity, cx.now, "joiner.manager"));
        let from = self.groups_from(identity, zone);
        let granted = self.grant(identity, Some(&account), from, "joiner.groups", &[]);
        steps.extend(granted.gives);
        if !account.enabled {
            self.find(
                FindingKind::AccountDisabledElsewhere,
                Severity::Warning,
                None,
                "the account that has the wanted name is disabled and not by us; it is left so",
            );
        }
        self.later_cut(&mut steps, cut);
        self.person.name = Some(account.name.clone());
        self.adopted = Some(account.name);
        Some((DeltaKind::Update, Some(account.id), steps))
    }

    /// From when on somebody in force may sign in.
    fn start(&self, identity: &Identity, zone: &TimeZone) -> (Timestamp, Reason) {
        match identity.hire {
            Some(date) => (
                day_start(date, zone).max(self.cx.now),
                Reason::HireDate { date },
            ),
            None => (self.cx.now, Reason::NewWorker),
        }
    }

    fn stayer(
        &mut self,
        identity: &Identity,
        zone: &TimeZone,
        cut: Option<(Cut, Reason)>,
        account: Account,
    ) -> (DeltaKind, Option<ObjectId>, Vec<DraftAction>) {
        let linked_before = self.person.lifecycle != Lifecycle::None;
        let (start, start_reason) = self.start(identity, zone);
        if !linked_before {
            // Adopted: from now on the account is ours to keep in step. One that is not enabled
            // yet belongs to somebody who has not started, or is ours from a create whose answer
            // was lost.
            let waits = !account.enabled && (self.open || start > self.cx.now);
            self.person.lifecycle = if waits {
                Lifecycle::Created
            } else {
                Lifecycle::Active
            };
        }
        let back = self.person.lifecycle == Lifecycle::Blocked;
        let unblock = if back {
            self.unblock(&account, start)
        } else {
            None
        };
        let (update, mut moved) = self.update(identity, &account);
        let changed: Vec<String> = update
            .iter()
            .flat_map(|s| s.after.keys().cloned())
            .collect();
        let begun = self.person.lifecycle == Lifecycle::Active && !back;
        let (from, rule) = if begun {
            (self.cx.now, "mover.groups")
        } else {
            (self.groups_from(identity, zone), "joiner.groups")
        };
        let granted = self.grant(identity, Some(&account), from, rule, &changed);
        let mut steps = granted.takes_first;
        steps.extend(unblock);
        steps.extend(update);
        if let Some(step) = self.manager(identity, self.cx.now, "mover.manager") {
            moved |= self.person.manager != identity.manager && self.moves("manager");
            steps.push(step);
        }
        steps.extend(granted.gives);
        steps.extend(granted.takes);
        if self.person.lifecycle == Lifecycle::Created {
            let step = DraftAction::simple(Op::UserEnable, start, start_reason, "joiner.enable");
            steps.push(step);
        } else if !account.enabled && self.person.lifecycle == Lifecycle::Active {
            self.find(
                FindingKind::AccountDisabledElsewhere,
                Severity::Warning,
                None,
                "in force, but the account is disabled and not by us; it is left so",
            );
        }
        self.later_cut(&mut steps, cut);
        let delta = if back {
            DeltaKind::Rehire
        } else if self.person.lifecycle == Lifecycle::Created && steps.iter().any(|s| s.op.gives())
        {
            DeltaKind::Joiner
        } else if moved && linked_before {
            DeltaKind::Mover
        } else if steps.iter().any(|s| s.reason.block_cause().is_none()) {
            DeltaKind::Update
        } else if steps.is_empty() {
            DeltaKind::None
        } else {
            DeltaKind::Leaver
        };
        (delta, Some(account.id), steps)
    }

    /// In force again after a block: what we took we give back, on the first day and not before.
    /// What somebody else disabled stays so.
    fn unblock(&mut self, account: &Account, start: Timestamp) -> Option<DraftAction> {
        let block = self.person.block;
        if account.enabled || !block.is_some_and(|block| block.disabled) {
            self.person.lifecycle = Lifecycle::Active;
            self.person.block = None;
            return None;
        }
        let absence = block.is_some_and(|block| block.cut.cause == BlockCause::Absence);
        if absence && !self.cuts_only {
            self.find(
                FindingKind::Reappeared,
                Severity::Warning,
                None,
                "in the file again after a block for absence: enabled",
            );
        }
        let reason = if absence {
            Reason::Reappeared
        } else {
            Reason::InForceAgain
        };
        let rule = "leaver_reversed.enable";
        Some(DraftAction::simple(Op::UserEnable, start, reason, rule))
    }

    /// What differs from what HR says, and whether that makes a mover.
    fn update(&mut self, identity: &Identity, account: &Account) -> (Option<DraftAction>, bool) {
        let key = &self.cx.target.key_attribute;
        let (before, after): (Attributes, Attributes) = identity
            .always
            .iter()
            .filter(|(name, _)| *name != key)
            .filter_map(|(name, wanted)| {
                let has = account.attributes.get(name).cloned().unwrap_or_default();
                let same = has.is_same(wanted, *name == self.cx.target.name_attribute);
                (!same).then(|| ((name.clone(), has), (name.clone(), wanted.clone())))
            })
            .unzip();
        if after.is_empty() {
            return (None, false);
        }
        let names: Vec<String> = after.keys().cloned().collect();
        let moved = names.iter().any(|n| self.moves(n));
        let reason = Reason::AttributesChanged { names };
        let step = DraftAction {
            before,
            after,
            ..DraftAction::simple(Op::UserUpdate, self.cx.now, reason, "mover.update")
        };
        (Some(step), moved)
    }

    /// Whether another value of this attribute makes a mover.
    fn moves(&self, attribute: &str) -> bool {
        let movers = &self.cx.policy.mover.attributes;
        movers.iter().any(|a| a == attribute)
    }

    fn manager(&mut self, identity: &Identity, due: Timestamp, rule: &str) -> Option<DraftAction> {
        match &identity.manager {
            Some(manager) if *manager == identity.worker => {
                self.find(
                    FindingKind::ManagerIsSelf,
                    Severity::Warning,
                    None,
                    "the worker is their own manager; the manager is left as it is",
                );
                None
            }
            // Where something is not on record, it may be this.
            Some(manager) if !self.open && self.person.manager.as_ref() == Some(manager) => None,
            Some(manager) => Some(DraftAction {
                manager: Some(manager.clone()),
                ..DraftAction::simple(Op::UserSetManager, due, Reason::ManagerChanged, rule)
            }),
            None => {
                let allowed = self
                    .cx
                    .policy
                    .managers
                    .no_manager_ok
                    .iter()
                    .any(|w| w == identity.worker.as_str());
                (allowed && self.person.manager.is_some()).then(|| {
                    DraftAction::simple(Op::UserClearManager, due, Reason::ManagerEmpty, rule)
                })
            }
        }
    }
}

/// The first instant of a day at a place; where 00:00 is skipped, the first instant after. Days
/// that no instant can name are as far away as days can be.
pub(super) fn day_start(date: Date, zone: &TimeZone) -> Timestamp {
    zone.to_ambiguous_zoned(date.at(0, 0, 0, 0))
        .compatible()
        .map_or_else(
            |_| {
                if date.year() > 0 {
                    Timestamp::MAX
                } else {
                    Timestamp::MIN
                }
            },
            |z| z.timestamp(),
        )
}
