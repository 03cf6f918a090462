//! Somebody who leaves, or is missing: cut off in a safe order, then cleaned up, then deleted.
//!
//! First no new sign-in, then no old one, then no rights; what holds data goes last, and only days
//! after. Invariant: absence from a file is no proof that anybody left, and takes nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::StatusClass;
use super::career::{Career, Exit};
use super::desk::{Desk, Found, Steps, after, day_start};
use super::devices::ends_for_good;
use super::draft::{DeltaKind, Draft, DraftAction, Reason};
use super::grants::take;
use super::stayer::{enabled_then, has_then};
use crate::grants::{Given, Grant};
use crate::model::{Account, FindingKind, Op, Severity};
use crate::proof::{self, Expected};
use crate::state::{BlockCause, Cut, Identity, Lifecycle, Parked, Parking, PlannedCut};

/// Memberships and licences, by what is given.
type Held = Vec<(Grant, Given)>;

/// Days that whoever lets go of what is parked leaves before the account goes.
const RELEASED_DAYS: u16 = 30;

impl Desk<'_> {
    /// When an undated cut fell due: when it was first planned, or carried out.
    pub(super) fn first_due(&self, cause: BlockCause) -> Timestamp {
        let planned = self.person.cut.map(|planned| planned.cut);
        let block = self.person.block.map(|block| block.cut);
        let same = |cut: &Cut| cut.cause == cause;
        let known = planned.filter(same).or(block.filter(same));
        known.map_or(self.cx.now, |cut| cut.due)
    }

    pub(super) fn leaver(&mut self, career: &Career, account: Account) -> Steps {
        let mut exit = career.spell.exit.clone()?;
        // Whoever leaves is in no grace.
        for given in self.person.grants.values_mut() {
            given.grace = None;
        }
        self.leaves_for_good(&exit);
        let blocked = self.person.lifecycle == Lifecycle::Blocked;
        if blocked && account.enabled {
            // Somebody enabled the account after we cut it off: late from now on.
            exit.cut.due = self.cx.now;
        }
        if account.enabled && exit.cut.due < self.cx.now {
            self.tell_late_access(&exit, &account);
        }
        if self.person.lifecycle == Lifecycle::Deleted {
            let mut steps = self.devices_only(&exit);
            steps.extend(self.proofs(&exit, &steps));
            return Some((DeltaKind::Leaver, Some(account.id), steps));
        }
        if blocked && exit.cut.cause == BlockCause::ForCause {
            self.tell_job_beside(career);
        }
        let mut steps = self.exit_steps(&exit, Some(&account), &[]);
        if let Some(next) = &career.next {
            steps.retain(|step| step.op != Op::UserDeleteSoft);
            let gone: Vec<_> = steps.iter().map(|step| (step.op, step.what())).collect();
            // What comes with the next employment, and not with the one that is over.
            let comes = self.belongs_at(next.first());
            let had = std::mem::replace(&mut self.belongs, comes);
            let mut again = self.rehire(next, &account);
            self.belongs = had;
            self.away_at_first(&mut again, next);
            again.retain(|step| !(step.op.destructive() && gone.contains(&(step.op, step.what()))));
            steps.extend(again);
        }
        Some((DeltaKind::Leaver, Some(account.id), steps))
    }

    /// Somebody who was dismissed is listed with an employment that began before that and goes on: they
    /// may have been hired again by a row that keeps its first day.
    fn tell_job_beside(&mut self, career: &Career) {
        let row = career.rows.iter().find(|row| self.goes_on(row));
        if let Some(row) = row {
            let note = format!(
                "employment {} began before the dismissal and is not over; it lets nobody in",
                row.worker
            );
            self.find_job_beside(note);
        }
    }

    /// The same once they were let in by a later one: it counts again, with what it gives.
    pub(super) fn tell_job_back(&mut self, career: &Career) {
        let Some(let_in) = self.person.let_in else {
            return;
        };
        let words = career.rows.iter().filter(|row| !row.terms.no_news);
        let words = words.filter(|row| self.lists_for_cause(std::slice::from_ref(row)));
        let words = words.filter_map(|row| row.terms.sudden_since);
        let Some(word) = words.filter(|word| *word < let_in).max() else {
            return;
        };
        let before = |row: &&Identity| {
            let start = self.hire_of(row);
            self.goes_on(row) && start.is_none_or(|hire| hire.start <= word)
        };
        if let Some(row) = career.rows.iter().find(before) {
            let note = format!(
                "employment {} began before a dismissal and is not over; since they were let in \
                 again it gives what it gave before",
                row.worker
            );
            self.find_job_beside(note);
        }
    }

    /// Whether an employment is in force, and no end of it is named.
    fn goes_on(&self, row: &Identity) -> bool {
        let class = self.cx.policy.class(&row.status);
        let open = row.last().is_none();
        class == StatusClass::Active && open && !row.terms.for_cause
    }

    fn find_job_beside(&mut self, note: String) {
        let kind = FindingKind::JobBesideDismissal;
        self.find(kind, Severity::Warning, None, note);
    }

    /// A block for absence, or of who was away, becomes that of somebody who left.
    pub(super) fn leaves_for_good(&mut self, exit: &Exit) {
        if let Some(block) = &mut self.person.block {
            match block.cut.cause {
                BlockCause::Absence => {
                    block.cut = exit.cut;
                    block.signed_out = false;
                }
                BlockCause::Garden => {
                    block.cut = exit.cut;
                    block.signed_out &= exit.cut.cause != BlockCause::ForCause;
                }
                BlockCause::Leave => {
                    block.cut = exit.cut;
                    block.signed_out = false;
                    block.at = block.at.max(Some(exit.cut.due));
                }
                BlockCause::Status
                | BlockCause::LastDay
                | BlockCause::ForCause
                | BlockCause::NoShow
                | BlockCause::Deceased
                | BlockCause::CalledOff
                | BlockCause::Undone => {}
            }
        }
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
        let disable = account.enabled.then_some(Op::UserDisable);
        disable
            .into_iter()
            .chain([Op::UserRevokeSessions])
            .map(|op| DraftAction::simple(op, cut.due, reason.clone(), rule_of(cut.cause)))
            .collect()
    }

    /// Remembers the cut that is planned; the same one again was counted already, and is known since
    /// then.
    pub(super) fn plan_cut(&mut self, cut: Option<Cut>) {
        let before = self.person.cut;
        let Some(cut) = cut else {
            self.person.cut = None;
            return;
        };
        let now = self.cx.now;
        let same = before.filter(|planned| planned.cut == cut);
        let row = self.person.wanted.as_ref();
        // Nobody enters anything after it was seen.
        let entered = row.and_then(|row| row.terms.entered).map(|it| it.min(now));
        self.person.cut = Some(match same {
            Some(planned) => PlannedCut {
                unheard: false,
                ..planned
            },
            None => PlannedCut {
                cut,
                counted: false,
                unheard: false,
                entered,
                seen: Some(now),
            },
        });
        if let Some(entered) = entered.filter(|it| *it > cut.due)
            && same.is_none()
            && cut.cause.exit()
            && !self.cx.first_load
        {
            let hours = entered.duration_since(cut.due).as_hours();
            let note = format!(
                "HR entered it {hours} hours after access was to end; the worker is cut off now, and \
                 that delay is not ours"
            );
            let kind = FindingKind::LeaverBackdated;
            self.find(kind, Severity::Info, None, note);
            self.argue("entered", entered.to_string());
            self.argue("due", cut.due.to_string());
        }
    }

    /// Everything that an exit asks for, from the cut to the bin. `before` are steps that go
    /// before it.
    pub(super) fn exit_steps(
        &mut self,
        exit: &Exit,
        account: Option<&Account>,
        before: &[DraftAction],
    ) -> Vec<DraftAction> {
        let (cut, reason) = (exit.cut, &exit.reason);
        let wanted = self.wanted_by_any();
        let due = cut.due <= self.cx.now;
        let rule = rule_of(cut.cause);
        let at_cut = |op| DraftAction::simple(op, cut.due, reason.clone(), rule);
        let mut steps = match account {
            Some(account) if due => self.cut_off(cut, reason, account),
            account => {
                let enabled = account.is_some_and(|account| account.enabled);
                // Whoever is released from work is cut off from that day on, and not again.
                let garden = before
                    .iter()
                    .any(|step| matches!(step.reason, Reason::Garden { .. }));
                let released = self
                    .person
                    .block
                    .is_some_and(|block| block.cut.cause == BlockCause::Garden);
                let disable = enabled_then(enabled, before, cut.due).then_some(Op::UserDisable);
                let ops = disable.into_iter().chain([Op::UserRevokeSessions]);
                let ops = ops.filter(|_| !garden && !released);
                ops.map(at_cut).collect()
            }
        };
        let policy = &self.cx.policy.leaver;
        let for_cause = cut.cause == BlockCause::ForCause;
        let once = |op: Op| !self.person.spent.contains(&op);
        if for_cause && policy.for_cause && once(Op::UserResetPassword) {
            steps.push(at_cut(Op::UserResetPassword));
        }
        if let Some(account) = account {
            steps.extend(self.take_roles(account, cut.due, reason, rule));
        }
        let grants = has_then(&self.person.grants, before, cut.due);
        let (with, without) = self.split_held(account, &grants);
        for (grant, given) in without {
            let step = take(&grant, &given, cut.due, reason.clone(), "leaver.groups");
            // Nobody gets back what was to go anyway.
            let was_over = grants.contains_key(&grant) && !wanted.contains(&grant);
            let by_hand = !grants.contains_key(&grant);
            steps.push(match (was_over, by_hand) {
                (true, _) => step.with("over", "true"),
                (false, true) => step.with("by_hand", "true"),
                (false, false) => step,
            });
        }
        let methods = policy
            .methods_days
            .filter(|_| once(Op::AuthMethodsRemove) && account.is_some());
        let parked = self.person.parked.values();
        let parked = parked.filter(|it| it.released.is_none()).count() > 0;
        if for_cause && methods.is_some() && !parked {
            steps.push(at_cut(Op::AuthMethodsRemove));
        }
        let (licence_days, delete_days) = (policy.licence_days, policy.delete_days);
        let security = for_cause && policy.for_cause && once(Op::NotifySecurity);
        // What holds data goes later, counted from the block or from the end of the employment.
        let (clock, anchor) = self.clock(exit);
        let later = |op, days, rule| {
            DraftAction::simple(op, after(clock, days), reason.clone(), rule).from(anchor)
        };
        let mut data: Vec<DraftAction> = with
            .iter()
            .map(|(grant, given)| {
                let due = after(clock, licence_days);
                take(grant, given, due, reason.clone(), "leaver.licences").from(anchor)
            })
            .collect();
        if for_cause && methods.is_some() && parked {
            data.push(at_cut(Op::AuthMethodsRemove));
        } else if let Some(days) = methods.filter(|_| !for_cause) {
            data.push(later(Op::AuthMethodsRemove, days, "leaver.methods"));
        }
        if let Some(days) = delete_days.filter(|_| account.is_some() || !before.is_empty()) {
            data.push(later(Op::UserDeleteSoft, days, "leaver.delete"));
        }
        if cut.cause == BlockCause::Deceased {
            let since = self.cx.now;
            let parked = self.person.parked.entry(Parking::DeceasedReview);
            parked.or_insert(Parked {
                since,
                told: false,
                released: None,
            });
        }
        let (gone, devices): (Vec<_>, Vec<_>) = self
            .device_steps(exit, account)
            .into_iter()
            .partition(ends_for_good);
        data.extend(gone);
        self.park(&mut data);
        steps.extend(devices);
        steps.extend(data);
        if security {
            steps.push(at_cut(Op::NotifySecurity));
        }
        steps.extend(self.proofs(exit, &steps));
        steps
    }

    /// The looks whether somebody is out, the one that is due and the next: counted from the last step of the
    /// exit, or from the cut that comes.
    fn proofs(&self, exit: &Exit, steps: &[DraftAction]) -> Vec<DraftAction> {
        let policy = &self.cx.policy.leaver;
        let now = self.cx.now;
        let due = |step: &&DraftAction| step.due <= now;
        let takes = |step: &DraftAction| step.op.destructive() && step.op != Op::DeviceEscrowCheck;
        let goes = steps.iter().filter(due).any(takes);
        let disable = steps.iter().find(|step| step.op == Op::UserDisable);
        let cut = disable.or_else(|| steps.iter().find(|step| step.op.cut()));
        let over = |rounds: usize| rounds >= policy.proof.len();
        let (since, rounds) = match (self.person.proof, cut) {
            _ if !exit.cut.cause.exit() => return Vec::new(),
            // What is done now is read back anew; until it is done, what was done before.
            (Some(case), _) if disable.is_none() => match usize::from(case.rounds) {
                rounds if over(rounds) && goes => (now, 0),
                rounds => (case.since, rounds),
            },
            (_, Some(cut)) => (cut.due.max(now), 0),
            (_, None) => return Vec::new(),
        };
        let at = |minutes: &u32| {
            let after = SignedDuration::from_mins(i64::from(*minutes));
            since.checked_add(after).unwrap_or(Timestamp::MAX)
        };
        let looks = policy.proof.iter().map(at).enumerate().skip(rounds);
        // Of several that are due, the last.
        let due = looks.clone().rfind(|(_, due)| *due <= now);
        let next = looks.into_iter().find(|(_, due)| *due > now);
        let both = due.into_iter().chain(next);
        both.map(|(round, due)| self.look_back(exit, steps, round, due))
            .collect()
    }

    /// One look, with what it is to find.
    fn look_back(
        &self,
        exit: &Exit,
        steps: &[DraftAction],
        round: usize,
        due: Timestamp,
    ) -> DraftAction {
        let policy = &self.cx.policy.leaver;
        let licences = steps.iter().filter(|step| step.rule == "leaver.licences");
        let stay = licences.map(|step| step.due).filter(|it| *it > due);
        let expected = Expected {
            blocked: self.person.block.and_then(|block| block.at),
            licences_until: stay.min(),
            licences_held: self.person.parked.values().any(|it| it.released.is_none()),
            all_groups: policy.all_groups,
            roles: policy.roles,
            devices: policy.devices.then(|| proof::devices(&self.person)),
        };
        let step = DraftAction::simple(Op::UserProof, due, exit.reason.clone(), "leaver.proof");
        let args = expected.args().into_iter();
        let step = args.fold(step, |step, (name, value)| step.with(&name, value));
        let first = policy.proof.first().copied().unwrap_or_default();
        let step = step.with("first", first.to_string());
        step.with("round", (round + 1).to_string())
            .from(exit.cut.due)
    }

    /// What any of the employments gives, those that end now among them.
    fn wanted_by_any(&mut self) -> BTreeSet<Grant> {
        let mut wanted: BTreeSet<Grant> = self.belongs.wants.iter().cloned().collect();
        for row in self.rows_before() {
            wanted.extend(self.rules.of(&row, self.cx.now).wants);
        }
        wanted
    }

    /// From when on the days of what goes later count, and the same as HR alone has it.
    fn clock(&self, exit: &Exit) -> (Timestamp, Timestamp) {
        let planned = exit.cut.due;
        let block = self
            .person
            .block
            .filter(|_| self.person.lifecycle == Lifecycle::Blocked)
            .filter(|block| block.cut.cause.exit() || block.cut.cause == BlockCause::Garden);
        let garden = self.person.wanted.as_ref().and_then(|row| {
            let leave = row.terms.leave?;
            let garden = leave.kind == crate::state::LeaveKind::Garden;
            garden.then(|| day_start(leave.from, &exit.zone))
        });
        let first = garden.map_or(planned, |garden| garden.min(planned));
        let cut_at = block
            .and_then(|block| block.at)
            .unwrap_or(first.max(self.cx.now));
        let after_end = exit.after_termination();
        let later_day = |from: Timestamp| {
            let day = from.to_zoned(exit.zone.clone()).date();
            let end = exit.termination.filter(|end| *end > day);
            end.and(after_end)
        };
        let clock = later_day(cut_at).unwrap_or(cut_at);
        // Once it is under way, days count from that, whatever HR says of the day later.
        let anchor = if planned <= self.cx.now || block.is_some() {
            clock
        } else {
            later_day(first).unwrap_or(first)
        };
        (clock, anchor)
    }

    /// Keeps back what may be looked at, or be evidence, until people let it go.
    pub(super) fn park(&mut self, data: &mut Vec<DraftAction>) {
        let now = self.cx.now;
        let kinds: BTreeSet<Op> = data.iter().map(|step| step.op).collect();
        let mut told = Vec::new();
        for (parking, parked) in &mut self.person.parked {
            match parked.released {
                None => {
                    data.clear();
                    if !parked.told && !kinds.is_empty() {
                        parked.told = true;
                        told.push(*parking);
                    }
                }
                Some(released) => {
                    let least = after(released, RELEASED_DAYS);
                    for step in &mut *data {
                        if step.op == Op::UserDeleteSoft {
                            step.due = step.due.max(least);
                        }
                        step.due = step.due.max(released.min(now));
                    }
                }
            }
        }
        for parking in told {
            let (kind, why) = match parking {
                Parking::DeceasedReview => (
                    FindingKind::DeceasedReview,
                    "died: what holds data stays until people looked at it",
                ),
                Parking::LegalHold => (
                    FindingKind::LegalHold,
                    "under legal hold: what holds data stays until somebody lets it go",
                ),
            };
            self.find(kind, Severity::Warning, None, why);
            let names: Vec<&str> = kinds.iter().map(|op| op.name()).collect();
            self.argue("ops", names.join(","));
        }
    }

    /// What somebody has: what gives licences, and what gives none or is sensitive.
    pub(super) fn split_held(
        &self,
        account: Option<&Account>,
        grants: &BTreeMap<Grant, Given>,
    ) -> (Held, Held) {
        let groups = self.cx.grants.map(|terms| terms.groups);
        let now = self.cx.now;
        let mut all = grants.clone();
        let holdings = account.and_then(|account| account.holdings.as_deref());
        let by_hand = holdings.filter(|_| self.cx.policy.leaver.all_groups);
        for held in by_hand.iter().flat_map(|it| &it.groups) {
            let grant = Grant::Group(held.group.clone());
            all.entry(grant).or_insert_with(|| Given {
                at: now,
                id: None,
                licences: held.licences.clone(),
                disabled_plans: Vec::new(),
                unheard: false,
                by_hand: false,
                grace: None,
            });
        }
        all.into_iter().partition(|(grant, given)| {
            let definition = groups.and_then(|groups| groups.definition(grant));
            let gives = definition.is_some_and(|it| !it.licences().is_empty());
            let sensitive = definition.is_some_and(|it| it.sensitive());
            !given.unheard && !sensitive && (gives || !given.licences.is_empty())
        })
    }

    /// Somebody was cut off and there is still something to take.
    pub(super) fn has_to_strip(&self) -> bool {
        let left = self.person.block.is_none_or(|it| it.cut.cause.exit());
        let rest = !self.person.grants.is_empty() || self.person.due.is_some();
        self.person.lifecycle == Lifecycle::Blocked && left && rest
    }

    /// The second accepted full file in a row without the worker cuts off; the first is reported.
    /// A cut that was due anyway does not wait for that.
    pub(super) fn absent(mut self, answers: &[Vec<Account>]) -> super::Decision {
        let was_listed = std::mem::replace(&mut self.person.listed, false);
        let (here, elsewhere): (Vec<_>, Vec<_>) = self
            .rows_before()
            .into_iter()
            .partition(|row| row.source == self.person.facing);
        // What is only to come elsewhere keeps nobody inside until then.
        let inside = self.person.lifecycle == Lifecycle::Active;
        let leaves = inside && !self.in_force(&elsewhere) && !self.are_over(&here);
        if !leaves && !self.are_over(&elsewhere) {
            return self.absent_here(was_listed, here, elsewhere, answers);
        }
        self.look_for(answers);
        if self.pending() {
            return self.pending_absent(was_listed);
        }
        let away = self.person.block.is_some_and(|block| {
            let cause = block.cut.cause;
            matches!(cause, BlockCause::Leave | BlockCause::Garden)
        });
        let active = match self.person.lifecycle {
            Lifecycle::Created | Lifecycle::Active => true,
            Lifecycle::Blocked => away,
            Lifecycle::None | Lifecycle::Deleted => false,
        };
        if !active && !self.open && !self.has_to_strip() {
            // Nobody to cut off: a worker who left, or never had an account, may leave the file.
            if self.person.block.map(|block| block.cut.cause) != Some(BlockCause::Absence) {
                self.person.due = None;
            }
            self.person.fingerprint = 0;
            return self.decided(None, false);
        }
        self.cuts_only = true;
        if active && (was_listed || self.person.misses == 0) {
            self.person.misses = 1;
            self.find(
                FindingKind::MissingOnce,
                Severity::Warning,
                None,
                "in no row of this full file; nothing is done unless the next accepted full file \
                 misses the worker too",
            );
        } else if active {
            self.person.misses = 2;
        }
        let again = self.person.misses > 1 && self.cx.policy.absence.second_miss_disables;
        let draft = if self.leaves_anyway() {
            let rows = self.rows_before();
            self.work(rows, answers)
        } else if again {
            self.cut_for_absence(answers)
        } else {
            None
        };
        if draft.is_none() && !active {
            // What was left undone is void: nobody asks for it any more.
            self.person.due = None;
            self.person.fingerprint = 0;
        }
        self.decided(draft, false)
    }

    /// One source does not list somebody whom others employ, too. Its employments stand at the first
    /// miss; with the second they are over, and what the others say goes on.
    fn absent_here(
        mut self,
        was_listed: bool,
        here: Vec<Identity>,
        elsewhere: Vec<Identity>,
        answers: &[Vec<Account>],
    ) -> super::Decision {
        let over = self.are_over(&here);
        self.person.fingerprint = 0;
        let first = was_listed || self.person.misses == 0;
        let mut stays = !over && (first || !self.cx.policy.absence.second_miss_disables);
        if over {
            let all = [here.clone(), elsewhere.clone()].concat();
            // The end of it is not carried out yet.
            stays = !here.is_empty() && self.is_left_inside(&all);
            // Whoever left may leave the file.
            self.person.misses = 0;
        } else if first {
            self.person.misses = 1;
            self.find(
                FindingKind::MissingOnce,
                Severity::Warning,
                None,
                "in no row of this full file; this employment is over if the next accepted full \
                 file misses the worker too, those in other sources are not",
            );
        } else {
            self.person.misses = if stays { 2 } else { 0 };
            let what = if stays {
                "what it gives stays"
            } else {
                "it is over"
            };
            self.find(
                FindingKind::JobMissing,
                Severity::Warning,
                None,
                format!(
                    "the employment is in no row of two full files in a row: {what}; those in \
                     other sources go on"
                ),
            );
        }
        let mut rows = elsewhere;
        if stays {
            rows.extend(here);
        } else {
            self.person.elsewhere = true;
        }
        let draft = self.work(rows, answers);
        self.decided(draft, false)
    }

    /// Somebody who has not started, and for whom something is to come.
    fn pending(&self) -> bool {
        let comes = self
            .person
            .promised
            .iter()
            .any(|it| matches!(it.op, Op::UserCreate | Op::UserEnable));
        let away = self
            .person
            .block
            .is_some_and(|block| !block.cut.cause.exit());
        comes && self.person.lifecycle != Lifecycle::Active && !away
    }

    /// The first full file without somebody who has not started holds what is to come, the second
    /// withdraws it.
    fn pending_absent(mut self, was_listed: bool) -> super::Decision {
        self.cuts_only = true;
        if was_listed || self.person.misses == 0 {
            self.person.misses = 1;
            let ops: BTreeSet<Op> = self.person.promised.iter().map(|it| it.op).collect();
            let ops: Vec<&str> = ops.iter().map(|op| op.name()).collect();
            self.find(
                FindingKind::PendingRowMissing,
                Severity::Warning,
                None,
                "has not started and is in no row of this full file: what is to come waits",
            );
            self.argue("ops", ops.join(","));
            self.find(
                FindingKind::MissingOnce,
                Severity::Warning,
                None,
                "in no row of this full file; what is to come is off unless the next accepted \
                 full file lists the worker again",
            );
        } else {
            self.person.misses = 2;
            self.withdrawn
                .extend(std::mem::take(&mut self.person.promised));
            self.find(
                FindingKind::MissingPrehire,
                Severity::Warning,
                None,
                "has not started and is in no row of two full files in a row: what was to come is \
                 off; the account, if there is one, stays disabled",
            );
        }
        self.person.due = None;
        self.person.fingerprint = 0;
        self.decided(None, false)
    }

    /// A create or an enable of which nobody knows what came: an account that came of it counts as
    /// any other.
    fn look_for(&mut self, answers: &[Vec<Account>]) {
        if !self.open {
            return;
        }
        let found = match (self.person.lifecycle, &self.person.wanted) {
            (Lifecycle::None, Some(identity)) => self.account(&identity.clone(), answers),
            (Lifecycle::Blocked, _) => {
                let account = answers.first().and_then(|found| found.first());
                let enabled = account.filter(|account| account.enabled);
                enabled.map_or(Found::Nothing, |account| Found::One(account.clone()))
            }
            _ => Found::Nothing,
        };
        if let Found::One(account) = found {
            self.person.block = None;
            self.person.lifecycle = if account.enabled {
                Lifecycle::Active
            } else {
                Lifecycle::Created
            };
        }
    }

    /// What HR said last cuts the worker off by now.
    pub(super) fn leaves_anyway(&mut self) -> bool {
        let said = self.findings.len();
        let rows = self.rows_before();
        if rows.is_empty() {
            return false;
        }
        let career = self.career(rows);
        // It is said when the worker is worked on.
        self.findings.truncate(said);
        career.is_some_and(|career| career.over)
    }

    pub(super) fn cut_for_absence(&mut self, answers: &[Vec<Account>]) -> Option<Draft> {
        self.leaving = true;
        let account = self.linked(answers)?;
        self.learn(&account);
        let due = self.first_due(BlockCause::Absence);
        let days = self.cx.policy.absence.human_after_days;
        self.wakes.push(after(self.cx.now, days));
        let end = self.end_ahead();
        self.wakes.extend(end);
        let comes = self.begins_elsewhere();
        self.wakes.extend(comes);
        self.find(
            FindingKind::MissingDisabled,
            Severity::Warning,
            None,
            "in no row of two full files in a row; disabled and signed out, nothing else",
        );
        let cut = Cut {
            due,
            cause: BlockCause::Absence,
        };
        let steps = self.cut_off(cut, &Reason::AbsentTwice, &account);
        self.split(DeltaKind::Leaver, Some(account.id), steps)
    }

    /// When what another source has of somebody begins, where the source in question misses them.
    fn begins_elsewhere(&mut self) -> Option<Timestamp> {
        let said = self.findings.len();
        let mut rows = self.rows_before();
        rows.retain(|row| row.source != self.person.facing);
        let career = self.career(rows);
        self.findings.truncate(said);
        let start = career
            .filter(|it| !it.over && !it.called_off)?
            .spell
            .start?;
        Some(start.at)
    }

    /// The end that HR named before the worker went missing.
    fn end_ahead(&mut self) -> Option<Timestamp> {
        let said = self.findings.len();
        let career = self.career(self.rows_before());
        self.findings.truncate(said);
        let exit = career.filter(|it| !it.over)?.spell.exit?;
        Some(exit.cut.due)
    }

    /// Blocked for absence, and nobody came back for long: a person has to decide, once.
    pub(super) fn absent_for_long(&mut self) {
        let block = self.person.block.filter(|block| {
            block.cut.cause == BlockCause::Absence && self.person.lifecycle == Lifecycle::Blocked
        });
        let Some(at) = block.map(|block| block.at.unwrap_or(block.cut.due)) else {
            return;
        };
        let days = self.cx.policy.absence.human_after_days;
        let end = self.end_ahead();
        if after(at, days) > self.cx.now {
            let human = after(at, days);
            self.person.due = Some(end.map_or(human, |end| end.min(human)));
            return;
        }
        self.person.due = end;
        let note = format!(
            "blocked for absence for {days} days: find out whether the worker left, and say so in \
             HR"
        );
        self.find(
            FindingKind::MissingUnresolved,
            Severity::Warning,
            None,
            note,
        );
    }
}

/// The rule of the policy that a cut follows.
const fn rule_of(cause: BlockCause) -> &'static str {
    match cause {
        BlockCause::Status => "leaver.status",
        BlockCause::LastDay => "leaver.last_day",
        BlockCause::Absence => "absence.second",
        BlockCause::ForCause => "leaver.for_cause",
        BlockCause::NoShow => "leaver.no_show",
        BlockCause::Deceased => "leaver.deceased",
        BlockCause::Leave => "leave.unpaid",
        BlockCause::Garden => "leave.garden",
        BlockCause::CalledOff => "rescinded",
        BlockCause::Undone => "undo",
    }
}
