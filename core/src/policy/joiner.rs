//! Somebody who comes, or comes again: account, manager, groups, first day.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::career::{Career, Exit, Spell, Start};
use super::decide::{Matching, wanted_name};
use super::desk::{Desk, Steps, after, day_start, day_time};
use super::draft::{DeltaKind, DraftAction, Reason, call};
use crate::grants::Grant;
use crate::model::{Account, Attributes, FindingKind, Op, Severity, Value};
use crate::state::{BlockCause, Identity, Lifecycle};

/// Days for which the bin of the directory keeps an account ("Restore or remove a recently
/// deleted user").
pub(super) const BIN_DAYS: u16 = 30;

impl Desk<'_> {
    pub(super) fn joiner(&mut self, career: &Career, answers: &[Vec<Account>]) -> Steps {
        let cx = self.cx;
        let stage = career.spell.first();
        let identity = &stage.identity;
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
            return self.adopt(career, account);
        }
        // The wanted name and those instead of it, as far as nobody has them.
        let names = std::iter::once(&name).chain(&identity.other_names);
        let (_, answers) = self.split_answers(answers);
        let free = names
            .enumerate()
            .filter(|(at, _)| answers.get(*at).is_none_or(Vec::is_empty));
        let mut free = free.map(|(_, name)| name.clone());
        let Some(name) = free.next() else {
            self.name_taken(identity);
            return None;
        };
        self.other_names = free.collect();
        let now = cx.now;
        let start = career.spell.start;
        let create = start.map_or(now, |start| self.create_at(start, &stage.zone));
        if let Some(start) = start
            && start.at < now
            && !cx.first_load
            && self.person.lifecycle == Lifecycle::None
        {
            self.find(
                FindingKind::LateHire,
                Severity::Info,
                None,
                format!("first seen after the first day of work, {}", start.date),
            );
        }
        let mut written: Attributes = identity
            .always
            .iter()
            .chain(&identity.on_create)
            .filter(|(_, value)| !value.is_nothing())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        call(&mut written, &name, cx.target);
        written.insert(
            cx.target.key_attribute.clone(),
            Value::text(identity.worker.as_str()),
        );
        let anchor = start.map_or(create, |start| start.at);
        let mut steps = vec![
            DraftAction {
                after: written,
                ..DraftAction::simple(Op::UserCreate, create, Reason::NewWorker, "joiner.create")
            }
            .from(anchor),
        ];
        let manager = self.manager(identity, create, "joiner.manager");
        steps.extend(manager.map(|step| step.from(anchor)));
        steps.extend(self.coming(&career.spell, None, create));
        self.away_at_first(&mut steps, &career.spell);
        self.later(&mut steps, career, None);
        Some((DeltaKind::Joiner, None, steps))
    }

    fn name_taken(&mut self, identity: &Identity) {
        let target = self.cx.target;
        let note = match self.cx.matching {
            Matching::Key => format!(
                "the wanted {} belongs to an account without {} {}; set it there to adopt the \
                 account, say `match` in the mapping to adopt accounts without any, or change the \
                 name",
                target.name_attribute, target.key_attribute, identity.worker
            ),
            Matching::KeyThenName => format!(
                "the wanted {} belongs to an account of somebody else's {}; change the name, or \
                 see whose account it is",
                target.name_attribute, target.key_attribute
            ),
        };
        self.find(FindingKind::NameTaken, Severity::Held, None, note);
    }

    /// When the account of somebody who comes is made, or made ready again.
    pub(super) fn create_at(&self, start: Start, zone: &TimeZone) -> Timestamp {
        let days = i64::from(self.cx.policy.joiner.create_days);
        day_start(start.date.saturating_sub(days.days()), zone).max(self.cx.now)
    }

    /// From when on somebody who comes has their groups.
    pub(super) fn groups_from(&self, start: Option<Start>, zone: &TimeZone) -> Timestamp {
        let days = i64::from(self.cx.policy.joiner.groups_days);
        let day = start.map(|start| start.date.saturating_sub(days.days()));
        let from = day.map_or(self.cx.now, |day| day_start(day, zone));
        from.max(self.cx.now)
    }

    /// From when on somebody in force may sign in.
    pub(super) fn start(&self, start: Option<Start>, zone: &TimeZone) -> (Timestamp, Reason) {
        let now = self.cx.now;
        match start {
            Some(Start { date, .. }) => (
                day_time(date, self.cx.policy.joiner.enable_local, zone).max(now),
                Reason::HireDate { date },
            ),
            None => (now, Reason::NewWorker),
        }
    }

    /// What comes once there is an account: the manager is told, groups, enabled, a pass, a
    /// welcome.
    pub(super) fn coming(
        &mut self,
        spell: &Spell,
        account: Option<&Account>,
        ready: Timestamp,
    ) -> Vec<DraftAction> {
        let stage = spell.first();
        let (identity, zone) = (&stage.identity, &stage.zone);
        let (enable, reason) = self.start(spell.start, zone);
        let anchor = spell.start.map_or(enable, |start| start.at);
        let mut steps = Vec::new();
        if identity.manager.is_some() {
            steps.extend(self.tell_manager(spell.start, zone));
        }
        let from = self.groups_from(spell.start, zone).max(ready);
        let granted = self.grant(identity, account, from, "joiner.groups", &[]);
        steps.extend(granted.takes_first);
        steps.extend(granted.gives.into_iter().map(|step| step.from(anchor)));
        let enabled = DraftAction::simple(Op::UserEnable, enable, reason.clone(), "joiner.enable");
        steps.push(enabled.from(anchor));
        self.person.owed.clear();
        if self.cx.policy.joiner.pass.is_some() {
            self.person.owed.insert(Op::TapIssue);
        }
        let welcome = Op::NotifyWelcome;
        if self.cx.policy.joiner.welcome && self.cx.first_load && self.in_work(spell.start, zone) {
            self.person.spent.insert(welcome);
        }
        if self.cx.policy.joiner.welcome && !self.person.spent.contains(&welcome) {
            self.person.owed.insert(welcome);
        }
        let owed = self.owed(spell.start, zone, enable, &reason);
        steps.extend(owed.into_iter().map(|step| step.from(anchor)));
        // Of somebody who was to come to another place.
        steps.extend(granted.takes);
        steps
    }

    /// Whether somebody began before today, where they are; nobody knows when: they did.
    fn in_work(&self, start: Option<Start>, zone: &TimeZone) -> bool {
        let today = self.cx.now.to_zoned(zone.clone()).date();
        start.is_none_or(|start| start.date < today)
    }

    /// A pass and a welcome that somebody who starts, or has just started, has not had.
    pub(super) fn owed(
        &self,
        start: Option<Start>,
        zone: &TimeZone,
        due: Timestamp,
        reason: &Reason,
    ) -> Vec<DraftAction> {
        let mut steps = Vec::new();
        let owed = |op: Op| self.person.owed.contains(&op);
        if let Some(pass) = self
            .cx
            .policy
            .joiner
            .pass
            .as_ref()
            .filter(|_| owed(Op::TapIssue))
        {
            // On the first day at that time, or at the next one that comes.
            let goes = due.max(self.cx.now);
            let day = goes.to_zoned(zone.clone()).date();
            let day = start.map_or(day, |start| start.date.max(day));
            let at = day_time(day, pass.local, zone);
            let at = if at < goes {
                day_time(day.saturating_add(1.day()), pass.local, zone)
            } else {
                at
            };
            let step = DraftAction::simple(Op::TapIssue, due, reason.clone(), "joiner.pass");
            let step = step.with("start", at.to_string());
            steps.push(step.with("minutes", pass.minutes.to_string()));
        }
        if owed(Op::NotifyWelcome) {
            let op = Op::NotifyWelcome;
            steps.push(DraftAction::simple(
                op,
                due,
                reason.clone(),
                "joiner.welcome",
            ));
        }
        steps
    }

    /// The manager is told some days before; late as long as the start lies ahead, and again when
    /// it moves.
    fn tell_manager(&self, start: Option<Start>, zone: &TimeZone) -> Option<DraftAction> {
        let days = self.cx.policy.joiner.notify_manager_days?;
        let start = start?;
        let now = self.cx.now;
        let reason = Reason::HireDate { date: start.date };
        let step = |due| {
            let step = DraftAction::simple(Op::NotifyManager, due, reason, "joiner.notify");
            step.with("hire", start.date.to_string()).from(start.at)
        };
        match self.person.told {
            Some(told) if told == start.date => None,
            Some(_) => Some(step(now).with("template", "hire_moved")),
            None if start.at <= now => None,
            None => {
                let day = start.date.saturating_sub(i64::from(days).days());
                Some(step(day_start(day, zone).max(now)))
            }
        }
    }

    /// A hire that was called off: nothing comes, and an account that was made goes.
    pub(super) fn called_off(&mut self, account: Option<Account>) -> Steps {
        use crate::state::{BlockCause, Cut};
        let account = account?;
        let now = self.cx.now;
        let cut = Cut {
            due: self.first_due(BlockCause::CalledOff),
            cause: BlockCause::CalledOff,
        };
        self.leaving = true;
        let mut steps = Vec::new();
        if account.enabled {
            steps.extend(self.cut_off(cut, &Reason::CalledOff, &account));
        } else {
            self.plan_cut(Some(cut));
        }
        if self.person.told.is_some() && self.cx.policy.joiner.notify_manager_days.is_some() {
            let op = Op::NotifyManager;
            let step = DraftAction::simple(op, now, Reason::CalledOff, "rescinded.notify");
            steps.push(step.with("template", "hire_cancelled"));
        }
        if let Some(days) = self.cx.policy.rescinded.delete_days
            && self.person.lifecycle != Lifecycle::Deleted
        {
            let due = after(cut.due, days);
            let step = DraftAction::simple(
                Op::UserDeleteSoft,
                due,
                Reason::CalledOff,
                "rescinded.delete",
            );
            let mut data = vec![step];
            self.park(&mut data);
            steps.extend(data);
        }
        Some((DeltaKind::Leaver, Some(account.id), steps))
    }

    /// Hired again after an exit: the account is made ready on the day on which a new one would be
    /// made, and nothing of the old access comes back.
    pub(super) fn rehire(&mut self, spell: &Spell, account: &Account) -> Vec<DraftAction> {
        let now = self.cx.now;
        let stage = spell.first();
        let (identity, zone) = (stage.identity.clone(), stage.zone.clone());
        let anchor = spell.start.map_or(now, |start| start.at);
        let ready = spell
            .start
            .map_or(now, |start| self.create_at(start, &zone));
        let mut steps = Vec::new();
        if let Some(deleted) = self.person.deleted {
            // Not so late that nothing is left to restore.
            let at = if ready < after(deleted, BIN_DAYS) {
                ready
            } else {
                now
            };
            let simple = |op, reason| DraftAction::simple(op, at, reason, "rehire.restore");
            steps.push(simple(Op::UserRestore, Reason::InForceAgain).from(anchor));
            if account.enabled {
                steps.push(simple(Op::UserDisable, Reason::OldAccess).from(anchor));
            }
            let all = self.take_all(account, at, &Reason::OldAccess, "rehire.strip");
            steps.extend(all.into_iter().map(|step| step.from(anchor)));
        } else {
            // What came back with the account goes at once, whatever of it is to come again.
            let restored = self.person.spent.contains(&Op::UserRestore);
            let at = if restored { now } else { ready };
            let wants = self.belongs.wants.clone();
            let all = self.take_all(account, at, &Reason::OldAccess, "rehire.strip");
            let kept = |step: &DraftAction| {
                let granting = step.granting.as_ref();
                granting.is_some_and(|it| {
                    let ours = !restored || self.person.grants.contains_key(&it.grant);
                    ours && wants.contains(&it.grant)
                })
            };
            let gone = all.into_iter().filter(|step| !kept(step));
            steps.extend(gone.map(|step| step.from(anchor)));
        }
        let (update, _) = self.update(&identity, account, ready);
        steps.extend(update.map(|step| step.from(anchor)));
        let manager = self.manager(&identity, ready, "joiner.manager");
        steps.extend(manager.map(|step| step.from(anchor)));
        // What is stripped first is given anew.
        let stripped: Vec<Grant> = steps
            .iter()
            .filter(|step| step.op.takes())
            .filter_map(|step| Some(step.granting.as_ref()?.grant.clone()))
            .collect();
        let held: Vec<_> = stripped
            .iter()
            .filter_map(|grant| self.person.grants.remove_entry(grant))
            .collect();
        let coming = self.coming(spell, Some(account), ready);
        self.person.grants.extend(held);
        steps.extend(coming);
        steps
    }

    /// Everything that somebody may still do with an account that is theirs no longer.
    fn take_all(
        &self,
        account: &Account,
        due: Timestamp,
        reason: &Reason,
        rule: &str,
    ) -> Vec<DraftAction> {
        let mut steps = self.take_roles(account, due, reason, rule);
        let (with, without) = self.split_held(Some(account), &self.person.grants);
        for (grant, given) in without.into_iter().chain(with) {
            steps.push(super::grants::take(
                &grant,
                &given,
                due,
                reason.clone(),
                rule,
            ));
        }
        // Groups before roles: as the exit of somebody who comes back has it.
        steps.sort_by_key(|step| !step.op.takes());
        steps
    }

    /// Roles in the directory and in applications.
    pub(super) fn take_roles(
        &self,
        account: &Account,
        due: Timestamp,
        reason: &Reason,
        rule: &str,
    ) -> Vec<DraftAction> {
        if !self.cx.policy.leaver.roles {
            return Vec::new();
        }
        let holdings = account.holdings.as_deref();
        let roles = holdings.map(|it| it.roles.clone()).unwrap_or_default();
        let apps = holdings.map(|it| it.app_roles.clone()).unwrap_or_default();
        let role = |op, name: &str, value: String| {
            DraftAction::simple(op, due, reason.clone(), rule).with(name, value)
        };
        let roles = roles.into_iter().map(|it| role(Op::RoleRemove, "role", it));
        let apps = apps
            .into_iter()
            .map(|it| role(Op::AppRoleRemove, "app", it));
        roles.chain(apps).collect()
    }

    /// What an exit that lies before a hire still asks for of somebody who was cut off: what was to go with
    /// the cut, and what was begun on devices. What was to come later is off once a hire is listed, but for
    /// the devices of somebody who was dismissed.
    pub(super) fn owed_exit(&mut self, career: &Career, account: &Account) -> Vec<DraftAction> {
        let Some(before) = &career.before else {
            return Vec::new();
        };
        let rows = career.rows.clone();
        let block = self.person.block.filter(|block| block.cut.cause.exit());
        let (Some(block), Some(exit)) = (block, &before.exit) else {
            return Vec::new();
        };
        let mut cut = block.cut;
        // What HR says now: for cause after all, or no more.
        let word = self.said_for_cause(&rows);
        let for_cause = match (cut.cause, word) {
            (BlockCause::ForCause, word) => word.is_some() || self.lists_for_cause(&rows),
            (_, Some(word)) if word > cut.due => {
                cut.due = word.min(self.cx.now);
                true
            }
            (_, _) => false,
        };
        if for_cause {
            cut.cause = BlockCause::ForCause;
        } else if cut.cause == BlockCause::ForCause {
            cut.cause = BlockCause::LastDay;
        }
        let exit = Exit {
            cut,
            reason: if cut.cause == BlockCause::ForCause {
                Reason::ForCause
            } else if cut.cause == BlockCause::NoShow {
                Reason::NoShow
            } else {
                exit.reason.clone()
            },
            ..exit.clone()
        };
        let since = block.at.unwrap_or(block.cut.due);
        let grants = &self.person.grants;
        let comes = grants.iter().filter(|(_, given)| given.at >= since);
        let comes: Vec<Grant> = comes.map(|(grant, _)| grant.clone()).collect();
        let mut steps = self.exit_before(&exit, before, account);
        // Given for the next employment.
        let given = |step: &DraftAction| {
            let granting = step.granting.as_ref();
            granting.is_some_and(|it| comes.contains(&it.grant))
        };
        steps.retain(|step| !given(step));
        steps.retain(|step| {
            let device = step.op.on_device() && step.op != Op::DeviceDeleteEntra;
            let begun = step.due <= cut.due || step.args.contains_key("attempt");
            begun || (for_cause && device) || step.op.proves()
        });
        steps
    }

    /// What an exit that lies before a hire still asks for.
    pub(super) fn last_exit(&mut self, last: &Spell, account: &Account) -> Vec<DraftAction> {
        let Some(exit) = &last.exit else {
            return Vec::new();
        };
        self.exit_before(exit, last, account)
    }

    fn exit_before(&mut self, exit: &Exit, last: &Spell, account: &Account) -> Vec<DraftAction> {
        // What they had, and not what the next employment gives.
        let had = self.belongs_at(last.first());
        let next = std::mem::replace(&mut self.belongs, had);
        self.leaves_for_good(exit);
        let mut steps = self.exit_steps(exit, Some(account), &[]);
        self.belongs = next;
        // A device that was told once is told again in days, whoever comes back.
        let told = |step: &DraftAction| step.args.contains_key("attempt");
        let stays = |step: &DraftAction| told(step) || step.op.proves();
        steps.retain(|step| step.due <= self.cx.now || stays(step));
        steps.retain(|step| step.op != Op::UserDeleteSoft);
        steps
    }
}
