//! Somebody who has an account and is in force, now or soon.

use jiff::{Timestamp, ToSpan as _};

use super::career::{Career, Spell, Stage};
use super::desk::{Desk, day_start};
use super::draft::{DeltaKind, DraftAction, Reason};
use crate::grants::{Given, Grant};
use crate::model::{Account, Attributes, FindingKind, ObjectId, Op, Severity, Value};
use crate::state::{BlockCause, Cut, Identity, LeaveKind, Lifecycle, Parking};

/// The date that says when somebody left; gone from the account once it is theirs again.
const LEAVE_DATE: &str = "employeeLeaveDateTime";

/// A leave that blocks.
struct Away {
    from: Timestamp,
    back: Option<Timestamp>,
    reason: Reason,
}

impl Away {
    fn cut(&self) -> Cut {
        let garden = matches!(self.reason, Reason::Garden { .. });
        Cut {
            due: self.from,
            cause: if garden {
                BlockCause::Garden
            } else {
                BlockCause::Leave
            },
        }
    }
}

impl Desk<'_> {
    pub(super) fn employed(
        &mut self,
        career: &Career,
        account: Account,
    ) -> (DeltaKind, Option<ObjectId>, Vec<DraftAction>) {
        let spell = &career.spell;
        let stage = spell.first().clone();
        let identity = &stage.identity;
        let linked_before = self.person.lifecycle != Lifecycle::None;
        let (start, start_reason) = self.start(spell.start, &stage.zone);
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
        let back = matches!(
            self.person.lifecycle,
            Lifecycle::Blocked | Lifecycle::Deleted
        );
        // Somebody hired again whose last employment nobody brought to its end.
        let ahead = spell.start.is_some_and(|it| it.at > self.cx.now);
        let cause = self.person.block.map(|block| block.cut.cause);
        let there = match self.person.lifecycle {
            Lifecycle::Active => account.enabled,
            // Whoever was away, or missing, when it ended.
            Lifecycle::Blocked => cause.is_some_and(|cause| !cause.exit()),
            Lifecycle::None | Lifecycle::Created | Lifecycle::Deleted => false,
        };
        let last = career.before.as_ref().filter(|_| ahead && there);
        if (back && self.hired_again(spell)) || last.is_some() {
            let mut steps = match last {
                Some(last) => self.last_exit(last, &account),
                None => self.owed_exit(career, &account),
            };
            let mut again = self.rehire(spell, &account);
            // What goes before a rehire goes, whoever has to agree to the exit.
            let strips: Vec<_> = again
                .iter()
                .filter(|step| step.op.destructive() && step.due <= self.cx.now)
                .map(|step| (step.op, step.what()))
                .collect();
            if last.is_none() {
                steps.retain(|step| !strips.contains(&(step.op, step.what())));
            }
            // What goes with the exit is gone.
            let gone: Vec<_> = steps.iter().map(|step| (step.op, step.what())).collect();
            again.retain(|step| !(step.op.destructive() && gone.contains(&(step.op, step.what()))));
            steps.extend(again);
            self.away_at_first(&mut steps, spell);
            self.later(&mut steps, career, Some(&account));
            return (DeltaKind::Rehire, Some(account.id), steps);
        }
        if back && cause.is_none_or(BlockCause::exit) {
            // A reversal: nobody begins.
            self.person.owed.remove(&Op::TapIssue);
            self.person.owed.remove(&Op::NotifyWelcome);
        }
        self.tell_job_back(career);
        let away = self.away(spell);
        let unblock = if back {
            self.unblock(&account, start, away.as_ref())
        } else {
            Vec::new()
        };
        let (update, mut moved) = self.update(identity, &account, self.cx.now);
        let since = stage.since;
        let update = update.map(|step| step.from(since));
        let converted = update
            .iter()
            .any(|step| step.after.contains_key(&self.cx.target.key_attribute));
        let changed: Vec<String> = update
            .iter()
            .flat_map(|s| s.after.keys().cloned())
            .collect();
        let alias = update.as_ref().and_then(|step| self.mail_alias(step));
        let begun = self.person.lifecycle == Lifecycle::Active && !back;
        let mut steps;
        if self.person.lifecycle == Lifecycle::Created {
            steps = unblock;
            steps.extend(update);
            let manager = self.manager(identity, self.cx.now, "mover.manager");
            steps.extend(manager.map(|step| step.from(since)));
            steps.extend(self.coming(spell, Some(&account), self.cx.now));
            self.away_at_first(&mut steps, spell);
        } else {
            let (from, rule) = if begun {
                (self.cx.now, "mover.groups")
            } else {
                (self.groups_from(spell.start, &stage.zone), "joiner.groups")
            };
            let granted = self.grant(identity, Some(&account), from, rule, &changed);
            steps = granted.takes_first;
            steps.extend(unblock);
            steps.extend(update);
            if let Some(step) = self.manager(identity, self.cx.now, "mover.manager") {
                moved |= self.person.manager != identity.manager && self.moves("manager");
                steps.push(step.from(since));
            }
            let (asks, back): (Vec<_>, Vec<_>) = self
                .given_back()
                .into_iter()
                .partition(|step| step.args.contains_key("ask"));
            let mut gives = granted.gives;
            gives.extend(back);
            super::grants::by_name(&mut gives);
            steps.extend(gives.into_iter().map(|step| step.from(since)));
            steps.extend(asks);
            steps.extend(self.set_up_again());
            steps.extend(granted.takes.into_iter().map(|step| step.from(since)));
            if begun {
                let now = self.cx.now;
                steps.extend(self.owed(spell.start, &stage.zone, now, &start_reason));
            }
            if !account.enabled && self.person.lifecycle == Lifecycle::Active {
                self.find(
                    FindingKind::AccountDisabledElsewhere,
                    Severity::Warning,
                    None,
                    "in force, but the account is disabled and not by us; it is left so",
                );
            }
        }
        if alias.is_some() {
            self.person.owed.insert(Op::TaskManual);
        }
        steps.extend(alias.or_else(|| self.owed_alias()));
        let end = spell.exit.as_ref().map(|exit| exit.cut.due);
        self.leave(&mut steps, away.as_ref(), &account, end);
        self.later(&mut steps, career, Some(&account));
        let delta = if back {
            DeltaKind::Rehire
        } else if self.person.lifecycle == Lifecycle::Created && steps.iter().any(|s| s.op.gives())
        {
            DeltaKind::Joiner
        } else if converted {
            DeltaKind::Conversion
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

    /// Whether the employment began after the exit: nothing of the old access comes back then.
    pub(super) fn hired_again(&self, spell: &Spell) -> bool {
        let exit = self.person.block.filter(|block| block.cut.cause.exit());
        let gone = self.person.lifecycle == Lifecycle::Deleted;
        let due = exit.map(|block| block.cut.due);
        match (spell.start, due) {
            (Some(start), Some(due)) => start.at >= due,
            (Some(_), None) => gone,
            (None, _) => false,
        }
    }

    /// In force again after a block: what we took we give back, on the first day and not before.
    /// What somebody else disabled stays so.
    fn unblock(
        &mut self,
        account: &Account,
        start: Timestamp,
        away: Option<&Away>,
    ) -> Vec<DraftAction> {
        let block = self.person.block;
        let cause = block.map(|block| block.cut.cause);
        let now = self.cx.now;
        let leave = matches!(cause, Some(BlockCause::Leave | BlockCause::Garden));
        let still = away.filter(|it| {
            let back = it.back.is_none_or(|back| back > now);
            // The next leave begins where the last one ends.
            let goes_on = leave && it.from <= self.was_away_until();
            back && (it.from <= now || goes_on)
        });
        if let (Some(_), true) = (still, leave) {
            return Vec::new();
        }
        let restore = (self.person.lifecycle == Lifecycle::Deleted).then(|| {
            let reason = Reason::ExitOff;
            DraftAction::simple(Op::UserRestore, now, reason, "leaver_reversed.restore")
        });
        if let Some(away) = still {
            // Whatever they were cut off for: by now they are away.
            if let Some(block) = &mut self.person.block {
                block.cut = away.cut();
            }
            return restore.into_iter().collect();
        }
        if cause == Some(BlockCause::Deceased) {
            self.person.parked.remove(&Parking::DeceasedReview);
        }
        let ours = block.is_some_and(|block| block.disabled) || restore.is_some();
        if account.enabled || !ours {
            self.person.lifecycle = Lifecycle::Active;
            self.person.block = None;
            return restore.into_iter().collect();
        }
        let absence = cause == Some(BlockCause::Absence);
        if absence && !self.cuts_only && start <= now {
            self.find(
                FindingKind::Reappeared,
                Severity::Warning,
                None,
                "in the file again after a block for absence: enabled",
            );
        }
        let (reason, rule) = match cause {
            Some(BlockCause::Absence) => (Reason::Reappeared, "leaver_reversed.enable"),
            Some(BlockCause::Leave) => (Reason::LeaveOver, "leave.enable"),
            _ => (Reason::InForceAgain, "leaver_reversed.enable"),
        };
        let enable = DraftAction::simple(Op::UserEnable, start, reason, rule);
        let back = away.and_then(|it| it.back);
        let enable = match back {
            Some(back) => enable.from(back),
            None => enable,
        };
        restore.into_iter().chain([enable]).collect()
    }

    /// What the cut took, sensitive groups and roles not before somebody agrees.
    fn given_back(&self) -> Vec<DraftAction> {
        let now = self.cx.now;
        let rule = "leaver_reversed.access";
        let give = |op| DraftAction::simple(op, now, Reason::ExitOff, rule);
        let mut steps = Vec::new();
        let mut asks = Vec::new();
        for (grant, given) in &self.person.taken {
            if self.person.grants.contains_key(grant) {
                continue;
            }
            let sensitive = self.sensitive(grant);
            let wanted = self.belongs.wants.contains(grant);
            // What a rule gave, the rule gives again, or not.
            let back = given.by_hand || (sensitive && wanted);
            if !back {
                continue;
            }
            let op = match grant {
                Grant::Group(_) => Op::GroupAdd,
                Grant::Licence(_) => Op::LicenceAssign,
            };
            let step = DraftAction {
                granting: Some(super::grants::giving(grant, given)),
                ..give(op)
            };
            if sensitive {
                asks.push(step.with("ask", "restore_group"));
            } else {
                steps.push(step);
            }
        }
        let roles = self.person.taken_roles.iter().map(|role| {
            give(Op::RoleAdd)
                .with("role", role)
                .with("ask", "restore_role")
        });
        steps.extend(asks);
        steps.extend(roles);
        steps
    }

    /// Whether something is given back only with somebody's consent.
    pub(super) fn withheld(&self, grant: &Grant) -> bool {
        self.person.taken.contains_key(grant) && self.sensitive(grant)
    }

    fn sensitive(&self, grant: &Grant) -> bool {
        let definition = self
            .cx
            .grants
            .and_then(|terms| terms.groups.definition(grant));
        definition.is_some_and(|it| it.sensitive())
    }

    /// What differs from what HR says, and whether that makes a mover.
    pub(super) fn update(
        &mut self,
        identity: &Identity,
        account: &Account,
        due: Timestamp,
    ) -> (Option<DraftAction>, bool) {
        let key = &self.cx.target.key_attribute;
        let (mut before, mut after): (Attributes, Attributes) = identity
            .always
            .iter()
            .filter(|(name, _)| *name != key)
            .filter_map(|(name, wanted)| {
                let has = account.attributes.get(name).cloned().unwrap_or_default();
                let same = has.is_same(wanted, *name == self.cx.target.name_attribute);
                (!same).then(|| ((name.clone(), has), (name.clone(), wanted.clone())))
            })
            .unzip();
        let carried = account.key.as_deref();
        if carried != Some(identity.worker.as_str()) {
            // Somebody took it off, or the account passes to another employment.
            before.insert(key.clone(), carried.map_or(Value::Null, Value::text));
            after.insert(key.clone(), Value::text(identity.worker.as_str()));
        }
        if carried.is_some_and(|it| it != identity.worker.as_str()) {
            let has = account.attributes.get(LEAVE_DATE).cloned();
            before.insert(LEAVE_DATE.to_owned(), has.unwrap_or_default());
            after.insert(LEAVE_DATE.to_owned(), Value::Null);
        }
        if after.is_empty() {
            return (None, false);
        }
        let names: Vec<String> = after.keys().cloned().collect();
        let moved = names.iter().any(|n| self.moves(n));
        let reason = Reason::AttributesChanged { names };
        let step = DraftAction {
            before,
            after,
            ..DraftAction::simple(Op::UserUpdate, due, reason, "mover.update")
        };
        (Some(step), moved)
    }

    /// A mailbox keeps the old address where somebody sees to it.
    fn mail_alias(&self, update: &DraftAction) -> Option<DraftAction> {
        let renamed = update.after.contains_key(&self.cx.target.name_attribute);
        (renamed && self.cx.policy.mover.mail_alias).then(|| {
            let (op, reason) = (Op::TaskManual, update.reason.clone());
            DraftAction::simple(op, update.due, reason, "mover.mail_alias")
                .with("task", "mail_alias")
        })
    }

    /// The same, where it was not asked for in time.
    fn owed_alias(&self) -> Option<DraftAction> {
        let op = Op::TaskManual;
        self.person.owed.contains(&op).then(|| {
            let names = vec![self.cx.target.name_attribute.clone()];
            let reason = Reason::AttributesChanged { names };
            DraftAction::simple(op, self.cx.now, reason, "mover.mail_alias")
                .with("task", "mail_alias")
        })
    }

    /// Whether another value of this attribute makes a mover.
    fn moves(&self, attribute: &str) -> bool {
        let movers = &self.cx.policy.mover.attributes;
        movers.iter().any(|a| a == attribute)
    }

    pub(super) fn manager(
        &mut self,
        identity: &Identity,
        due: Timestamp,
        rule: &str,
    ) -> Option<DraftAction> {
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
            Some(_) if self.in_cycle => {
                // Looked at again by the next file.
                self.person.held = true;
                self.find(
                    FindingKind::ManagerCycle,
                    Severity::Warning,
                    None,
                    "the managers of this file report to each other in a circle; the manager is \
                     left as it is",
                );
                None
            }
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

    /// What is to come later: other values, the end, the next employment.
    pub(super) fn later(
        &mut self,
        steps: &mut Vec<DraftAction>,
        career: &Career,
        account: Option<&Account>,
    ) {
        self.stages(steps, &career.spell, account);
        let exit = career.spell.exit.as_ref();
        let away = self.leave_cut.take();
        self.plan_cut(away.or(exit.map(|exit| exit.cut)));
        if let Some(exit) = exit {
            // What would go later goes with the exit.
            steps.retain(|step| !step.op.takes() || step.due < exit.cut.due);
            let mut ending = self.exit_steps(exit, account, steps);
            if career.next.is_some() {
                // Somebody who is hired again keeps the account.
                ending.retain(|step| step.op != Op::UserDeleteSoft);
            }
            steps.extend(ending);
        }
    }

    /// Values that hold from a later day on.
    fn stages(&mut self, steps: &mut Vec<DraftAction>, spell: &Spell, account: Option<&Account>) {
        let Some(first) = spell.stages.first() else {
            return;
        };
        let mut has = Account {
            enabled: true,
            ..match account {
                Some(account) => account.clone(),
                None => return,
            }
        };
        write(&mut has, &first.identity, &self.cx.target.key_attribute);
        let mut wants = self.belongs.wants.clone();
        let mut manager = first.identity.manager.clone();
        for stage in spell.stages.iter().skip(1) {
            let stage: &Stage = stage;
            let at = stage.at;
            self.wakes.push(at);
            let (update, _) = self.update(&stage.identity, &has, at);
            write(&mut has, &stage.identity, &self.cx.target.key_attribute);
            let alias = update.as_ref().and_then(|step| self.mail_alias(step));
            steps.extend(update);
            steps.extend(alias);
            let next = &stage.identity.manager;
            if *next != manager && next.is_some() {
                let open = std::mem::replace(&mut self.open, false);
                let step = self.manager(&stage.identity, at, "mover.manager");
                self.open = open;
                steps.extend(step);
                manager.clone_from(next);
            }
            let belongs = self.belongs_at(stage);
            steps.extend(self.grant_later(&wants, &belongs.wants, at, account));
            wants = belongs.wants;
        }
    }

    /// A leave that blocks: long and without pay, or until the end.
    fn away(&mut self, spell: &Spell) -> Option<Away> {
        let stage = spell.first();
        let leave = stage.identity.terms.leave?;
        let from = day_start(leave.from, &stage.zone);
        let back = leave
            .to
            .map(|to| day_start(to.saturating_add(1.day()), &stage.zone));
        match leave.kind {
            LeaveKind::Paid => None,
            LeaveKind::Unpaid => {
                let least = i64::from(self.cx.policy.leave.unpaid_block_from_days);
                let days = leave
                    .to
                    .map(|to| i64::from((to - leave.from).get_days()) + 1);
                let long = days.is_none_or(|days| days >= least);
                let over = back.is_some_and(|back| back <= self.cx.now);
                let blocked = self.person.block.is_some();
                (long && (!over || blocked)).then_some(Away {
                    from,
                    back,
                    reason: Reason::Leave { date: leave.from },
                })
            }
            LeaveKind::Garden => {
                // Until the employment ends; where it does not any more, as long as HR says.
                let back = back.filter(|_| spell.exit.is_none());
                let over = back.is_some_and(|back| back <= self.cx.now);
                let blocked = self.person.block.is_some();
                (!over || blocked).then_some(Away {
                    from,
                    back,
                    reason: Reason::Garden { date: leave.from },
                })
            }
        }
    }

    /// Until when the leave lasts that HR named before; `MIN` where it named none.
    fn was_away_until(&self) -> Timestamp {
        self.away_until.unwrap_or(Timestamp::MIN)
    }

    /// Somebody who begins on leave comes in on the day after it, and whoever goes on leave later is
    /// looked at then.
    pub(super) fn away_at_first(&mut self, steps: &mut Vec<DraftAction>, spell: &Spell) {
        let Some(away) = self.away(spell) else {
            return;
        };
        if away.from > self.cx.now {
            self.wakes.push(away.from);
        }
        let comes = |op: Op| matches!(op, Op::UserEnable | Op::TapIssue | Op::NotifyWelcome);
        let meanwhile = |step: &DraftAction| {
            comes(step.op) && away.from <= step.due && away.back.is_none_or(|back| back > step.due)
        };
        match away.back {
            None => steps.retain(|step| !meanwhile(step)),
            Some(back) => {
                for step in steps.iter_mut().filter(|step| meanwhile(step)) {
                    step.due = back;
                }
            }
        }
    }

    /// Blocked while away, enabled on the day after.
    fn leave(
        &mut self,
        steps: &mut Vec<DraftAction>,
        away: Option<&Away>,
        account: &Account,
        end: Option<Timestamp>,
    ) {
        let Some(away) = away else {
            return;
        };
        let now = self.cx.now;
        if away.back.is_some_and(|back| back <= now) {
            return;
        }
        let cut = away.cut();
        let cause = cut.cause;
        let comes_back = |step: &DraftAction| step.op == Op::UserEnable && step.due <= away.from;
        if self.person.lifecycle == Lifecycle::Created && away.from <= now {
            // They never came.
            return;
        }
        if self.person.lifecycle == Lifecycle::Blocked && !steps.iter().any(comes_back) {
            // Only what is not done yet.
            let same = self.person.block.is_some_and(|it| it.cut.cause == cause);
            if same && !account.enabled {
                steps.extend(self.cut_off(cut, &away.reason, account));
            }
        } else {
            self.leave_cut = Some(cut);
            let starts = if away.from <= now {
                self.cut_off(cut, &away.reason, account)
            } else {
                let ops = [Op::UserDisable, Op::UserRevokeSessions];
                let step = |op| DraftAction::simple(op, away.from, away.reason.clone(), "leave");
                ops.map(step).to_vec()
            };
            steps.extend(starts);
        }
        // Whoever leaves before that does not come back.
        let returns = |back: &Timestamp| end.is_none_or(|end| *back < end);
        if let Some(back) = away.back.filter(returns) {
            let step = DraftAction::simple(Op::UserEnable, back, Reason::LeaveOver, "leave.enable");
            steps.push(step);
        }
    }
}

/// An account once a row was written to it.
fn write(account: &mut Account, identity: &Identity, key: &str) {
    for (name, value) in identity.always.iter().filter(|(name, _)| *name != key) {
        if value.is_nothing() {
            account.attributes.remove(name);
        } else {
            account.attributes.insert(name.clone(), value.clone());
        }
    }
    account.key = Some(identity.worker.as_str().to_owned());
}

/// What somebody has after steps that go before an instant.
pub(super) fn has_then(
    grants: &std::collections::BTreeMap<Grant, Given>,
    steps: &[DraftAction],
    until: Timestamp,
) -> std::collections::BTreeMap<Grant, Given> {
    let mut out = grants.clone();
    let mut sorted: Vec<&DraftAction> = steps.iter().filter(|step| step.due < until).collect();
    sorted.sort_by_key(|step| step.due);
    for step in sorted {
        let Some(granting) = &step.granting else {
            continue;
        };
        if step.op.grants() {
            let given = granting.clone().given(step.due);
            out.insert(granting.grant.clone(), given);
        } else if step.op.takes() {
            out.remove(&granting.grant);
        }
    }
    out
}

/// Whether somebody can sign in once steps that go before an instant are done.
pub(super) fn enabled_then(enabled: bool, steps: &[DraftAction], until: Timestamp) -> bool {
    let mut sorted: Vec<&DraftAction> = steps.iter().filter(|step| step.due < until).collect();
    sorted.sort_by_key(|step| step.due);
    let switches = |op: Op| matches!(op, Op::UserEnable | Op::UserDisable);
    let last = sorted.iter().rev().find(|step| switches(step.op));
    last.map_or(enabled, |step| step.op == Op::UserEnable)
}
