//! One person on the desk: what their rows, their account and the instant ask for.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::StatusClass;
use super::career::{Career, Stage};
use super::decide::{Context, Rules};
use super::draft::{DeltaKind, Draft, DraftAction, Reason};
use crate::grants::Belongs;
use crate::model::{
    Account, AccountName, Finding, FindingKind, ObjectId, Op, Place, Severity, SourceName,
    text_shape,
};
use crate::state::{Cut, Identity, Lifecycle, Person, Promise};

/// What there is to work on.
pub(super) enum Found {
    /// No account.
    Nothing,
    /// The account.
    One(Account),
    /// Several, gone, or carrying another key: held, with a finding.
    InDoubt,
}

pub(super) type Steps = Option<(DeltaKind, Option<ObjectId>, Vec<DraftAction>)>;

/// One person, with everything that is needed to decide.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about what is decided, and any may go with any other"
)]
pub(super) struct Desk<'a> {
    /// What holds for all persons; its policy is that of this one once it is chosen.
    pub(super) cx: Context<'a>,
    /// The workflow that it is of, as plans call it.
    pub(super) workflow: Option<String>,
    /// What rules give workers.
    pub(super) rules: &'a mut dyn Rules,
    /// What they give this one now.
    pub(super) belongs: Belongs,
    /// How many of the answers are about keys.
    pub(super) keys: usize,
    pub(super) row: Option<u32>,
    pub(super) person: Person,
    pub(super) findings: Vec<Finding>,
    /// Something that was planned before is not done.
    pub(super) open: bool,
    /// What is known counts for cuts; whatever gives something waits.
    pub(super) cuts_only: bool,
    /// HR says nothing new: what is not to come any more was not withdrawn by anybody.
    pub(super) release: bool,
    /// A cut is due.
    pub(super) leaving: bool,
    /// The cut with which a leave begins.
    pub(super) leave_cut: Option<Cut>,
    /// Until when the leave lasts that HR named before.
    pub(super) away_until: Option<Timestamp>,
    /// The manager change would close a circle.
    pub(super) in_cycle: bool,
    /// When what the newest data ask for was taken back.
    pub(super) taken_back: Option<Timestamp>,
    /// Free names to take instead of that of a new account.
    pub(super) other_names: Vec<AccountName>,
    /// The sign-in name of an account that is taken over.
    pub(super) adopted: Option<AccountName>,
    /// Instants at which the person is looked at though no step is due.
    pub(super) wakes: Vec<Timestamp>,
    /// Steps to come that are withdrawn.
    pub(super) withdrawn: Vec<Promise>,
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

    /// One more fact about what was found last.
    pub(super) fn argue(&mut self, name: &str, value: String) {
        if let Some(finding) = self.findings.last_mut() {
            finding.argue(name, value);
        }
    }

    /// A row is not believed: cuts alone go until it is.
    pub(super) fn doubts(&mut self, source: Option<SourceName>) {
        self.cuts_only = true;
        self.person.doubted.insert(source);
    }

    /// The row says something that cannot be meant: the last good one stays in force, with what
    /// is still to do for it.
    fn not_believed<T>(&mut self, kind: FindingKind, note: String) -> Option<T> {
        self.find(kind, Severity::Held, None, note);
        self.person.unfinished = self.open;
        None
    }

    /// From here on the policy is what holds for a worker: the first workflow whose scope does, or
    /// what holds for everybody.
    pub(super) fn choose(&mut self, identity: &Identity) {
        let Some(workflows) = self.cx.workflows else {
            return;
        };
        let chosen = workflows.choose(identity, self.cx.now);
        self.cx.policy = chosen.policy;
        self.workflow = chosen.label();
        self.wakes.extend(chosen.flips);
        let kind = FindingKind::WorkflowUndecided;
        let said = self.findings.iter().any(|it| it.kind == kind);
        if let Some(name) = chosen.name.filter(|_| chosen.doubt && !said) {
            let note = format!(
                "nobody can say whether workflow `{name}` is for the worker: a pattern of its \
                 scope takes too many steps for one of the values, or a value is none; of it and \
                 of what may hold instead, each parameter is the careful one"
            );
            self.find(kind, Severity::Warning, None, note);
        }
    }

    /// The steps that rows ask for; `None` also where they are in doubt.
    pub(super) fn work(&mut self, rows: Vec<Identity>, answers: &[Vec<Account>]) -> Option<Draft> {
        let Some(career) = self.career(rows.clone()) else {
            // What is believed stands, also where nothing can be done for it yet.
            self.take_in(rows);
            return None;
        };
        self.leaving = career.over;
        self.person.owed_word = career.sudden.filter(|_| self.is_inside());
        let was = self.person.wanted.as_ref();
        let was = was.and_then(|row| Some((row.terms.leave?.to?, self.zone_of(row)?)));
        self.away_until = was.map(|(to, zone)| day_start(to.saturating_add(1.day()), &zone));
        if self.is_undone(&career) {
            // What HR says stands: it is done as soon as the hold ends, not with the next file.
            self.remember(&career);
            return None;
        }
        let identity = career.spell.first().identity.clone();
        self.choose(&identity);
        let class = self.cx.policy.class(&identity.status);
        self.remember(&career);
        if identity.out_of_scope && !self.leaving {
            self.out_of_scope();
            return None;
        }
        self.belongs = self.belongs_at(career.spell.first());
        let account = match self.account(&identity, answers) {
            Found::Nothing => None,
            Found::One(account) => {
                self.learn(&account);
                Some(account)
            }
            Found::InDoubt => return None,
        };
        if let Some(days) = career.spell.bridged {
            let note = format!("{days} days between two employments that count as one");
            self.find(FindingKind::BridgedGap, Severity::Info, None, note);
            self.argue("days", days.to_string());
        }
        self.person.due = None;
        let (delta, object, steps) = match account {
            account if career.called_off => self.called_off(account),
            None if career.over => {
                let exit = career.spell.exit.clone();
                let steps = exit.map(|exit| self.devices_only(&exit));
                let steps = steps.filter(|steps| !steps.is_empty());
                if steps.is_none() {
                    self.doubt_namesake(answers);
                    self.never_provisioned(class);
                }
                steps.map(|steps| (DeltaKind::Leaver, None, steps))
            }
            Some(account) if career.over => self.leaver(&career, account),
            None => self.joiner(&career, answers),
            Some(account) => Some(self.employed(&career, account)),
        }
        .or_else(|| {
            self.withdraw(&BTreeSet::new());
            None
        })?;
        self.split(delta, object, steps)
    }

    /// The rows become those that stand, and what held before rows whose values begin later.
    fn remember(&mut self, career: &Career) {
        let rows = career.rows.clone();
        let first = &career.spell.first().identity;
        let until: Vec<Identity> = rows
            .iter()
            .filter_map(|row| {
                let from = row.terms.effective?;
                let zone = self.zone_of(row)?;
                let later = day_start(from, &zone) > self.cx.now;
                let stages = &career.spell.stages;
                let same = |stage: &&Stage| stage.identity.same_job(row);
                let before = stages.iter().find(same).map(|stage| &stage.identity);
                let before = before.filter(|_| later);
                before.cloned()
            })
            .collect();
        let (mut main, mut others) = (None, Vec::new());
        for row in rows {
            if row.same_job(first) && main.is_none() {
                main = Some(row);
            } else {
                others.push(row);
            }
        }
        self.person.wanted = main;
        self.person.others = others;
        self.person.until = until;
        if self.person.object.is_none() && self.person.lifecycle == Lifecycle::None {
            self.person.worker = first.worker.clone();
        }
    }

    /// What the rules give somebody in all employments of a stage.
    pub(super) fn belongs_at(&mut self, stage: &Stage) -> Belongs {
        let at = stage.at.max(self.cx.now);
        let mut out = self.rules.of(&stage.identity, at);
        for other in &stage.others {
            let more = self.rules.of(other, at);
            out.wants.extend(more.wants);
            out.unknown.extend(more.unknown);
            out.flips = match (out.flips, more.flips) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        let wants = &out.wants;
        out.unknown.retain(|grant| !wants.contains(grant));
        out
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
    pub(super) fn class(&mut self, identity: &Identity) -> Option<StatusClass> {
        if identity.terms.unread {
            // What cannot be read was said with its place.
            self.person.unfinished = self.open;
            return None;
        }
        match self.contradiction(identity) {
            Some((kind, note)) => self.not_believed(kind, note),
            None => Some(self.cx.policy.class(&identity.status)),
        }
    }

    /// Whether a row can be read and says nothing that cannot be meant.
    pub(super) fn is_believed(&self, identity: &Identity) -> bool {
        !identity.terms.unread && self.contradiction(identity).is_none()
    }

    fn contradiction(&self, identity: &Identity) -> Option<(FindingKind, String)> {
        let class = self.cx.policy.class(&identity.status);
        let last = identity.last();
        match (class, identity.hire, last) {
            (StatusClass::Unknown, _, _) => Some((
                FindingKind::StatusUnknown,
                format!(
                    "status {} is in no list of the policy; add it to `status.active`, \
                     `status.inactive` or another one",
                    text_shape(&identity.status)
                ),
            )),
            (StatusClass::Active, Some(hire), Some(last)) if last < hire => Some((
                FindingKind::DateInvalid,
                format!("in force, but the last day, {last}, lies before the first, {hire}"),
            )),
            _ => None,
        }
    }

    /// Steps that are due go now, the others later; the earliest of those is remembered.
    pub(super) fn split(
        &mut self,
        delta: DeltaKind,
        object: Option<ObjectId>,
        mut steps: Vec<DraftAction>,
    ) -> Option<Draft> {
        let cx = self.cx;
        for step in &mut steps {
            self.freeze(step);
        }
        let (mut actions, mut scheduled): (Vec<_>, Vec<_>) = steps
            .into_iter()
            .partition(|s| s.due <= cx.now && (!cx.stale || s.op.cut() || s.op.proves()));
        let flips = self.belongs.flips.filter(|_| !self.leaving);
        let wakes = std::mem::take(&mut self.wakes);
        // Who is read back is looked at when the fold says so: not before the cut was carried out.
        self.person.due = scheduled
            .iter()
            .filter(|s| !s.op.proves())
            .map(|s| s.due)
            .chain(flips)
            .chain(wakes)
            .min();
        // Who is read back does not leave again.
        let delta = if !actions.is_empty() && actions.iter().all(|it| it.op.proves()) {
            DeltaKind::None
        } else {
            delta
        };
        let promised: BTreeSet<Promise> = scheduled.iter().map(DraftAction::promise).collect();
        if self.cuts_only {
            // What cannot be taken back waits until HR is believed again; the methods of whoever is dismissed go
            // with the cut.
            let doubted = !self.person.doubted.is_empty();
            let ends = |step: &DraftAction| {
                step.op == Op::AuthMethodsRemove && step.reason == Reason::ForCause
            };
            let of_cut = |step: &DraftAction| {
                let waits = doubted && step.op.for_good() && !ends(step);
                (step.op.destructive() || step.op == Op::NotifySecurity || step.op.proves())
                    && !waits
            };
            let cuts = |step: &DraftAction| step.op.cut() || (self.leaving && of_cut(step));
            actions.retain(cuts);
            scheduled.retain(cuts);
        }
        if let Some(at) = self.taken_back.filter(|_| !self.leaving) {
            actions.retain(|step| step.due > at);
        }
        let due: BTreeSet<Promise> = actions.iter().map(DraftAction::promise).collect();
        self.withdraw(&promised.union(&due).cloned().collect());
        if self.cuts_only {
            // What goes now is not to come any more.
            let goes = |old: &Promise| due.iter().any(|it| it.op == old.op && it.what == old.what);
            self.person.promised.retain(|old| !goes(old));
        } else {
            self.person.promised = promised;
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
            workflow: self.workflow.clone(),
        })
    }

    /// What was to come and is not to come any more, or at another time because HR says so.
    pub(super) fn withdraw(&mut self, now_planned: &BTreeSet<Promise>) {
        if self.release || self.cuts_only {
            return;
        }
        for old in std::mem::take(&mut self.person.promised) {
            let same = |new: &&Promise| new.op == old.op && new.what == old.what;
            let mut again = now_planned.iter().filter(same);
            let moved = |new: &Promise| new.anchor != old.anchor || new.exit != old.exit;
            let stays = again.clone().next().is_some() && !again.all(moved);
            if !stays {
                self.withdrawn.push(old);
            }
        }
    }

    /// A freeze puts off what changes somebody who stays, and what is deleted.
    fn freeze(&self, step: &mut DraftAction) {
        let stays = self.person.lifecycle == Lifecycle::Active
            && !self.leaving
            && step.reason.block_cause().is_none();
        let changes = matches!(
            step.op,
            Op::UserUpdate | Op::UserSetManager | Op::UserClearManager
        ) || step.op.grants()
            || step.op.takes();
        let deletes = matches!(step.op, Op::UserDeleteSoft | Op::DeviceDeleteEntra)
            || step.args.contains_key(super::devices::BEFORE);
        if !(deletes || (stays && changes)) {
            return;
        }
        let goes = step.due.max(self.cx.now);
        let frozen = |it: &&super::Freeze| it.from <= goes && goes < it.to;
        if let Some(freeze) = self.cx.policy.freeze.iter().find(frozen) {
            step.anchor.get_or_insert(step.due);
            step.due = freeze.to;
        }
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
        let note = format!(
            "time zone {} is not in the IANA database; until it is, cuts alone go, by the zone that was \
             known before, else by `default_zone`, else by UTC",
            text_shape(&name)
        );
        let _held: Option<()> = self.not_believed(FindingKind::ZoneUnknown, note);
        // Nobody stays inside because of it.
        self.doubts(identity.source.clone());
        let known = self.known(identity).and_then(|known| self.zone_of(known));
        let default = self.cx.policy.default_zone.as_ref();
        let default = default.and_then(|zone| jiff::tz::db().get(zone).ok());
        known.or(default).or(Some(TimeZone::UTC))
    }

    /// The same, without a word.
    pub(super) fn zone_of(&self, identity: &Identity) -> Option<TimeZone> {
        let name = identity.zone.as_ref();
        let name = name.or(self.cx.policy.default_zone.as_ref());
        jiff::tz::db().get(name.map_or("UTC", String::as_str)).ok()
    }
}

/// The first instant of a day at a place; where 00:00 is skipped, the first instant after. Days
/// that no instant can name are as far away as days can be.
pub fn day_start(date: Date, zone: &TimeZone) -> Timestamp {
    day_time(date, Time::midnight(), zone)
}

/// A time of a day at a place.
pub(crate) fn day_time(date: Date, time: Time, zone: &TimeZone) -> Timestamp {
    zone.to_ambiguous_zoned(date.to_datetime(time))
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

/// Days of 24 hours later.
pub(super) fn after(from: Timestamp, days: u16) -> Timestamp {
    let wait = SignedDuration::from_hours(24 * i64::from(days));
    from.checked_add(wait).unwrap_or(Timestamp::MAX)
}
