//! From one person's facts to the steps that are due now and later.
//!
//! The heart of the spine: a pure function of the newest row, the state, the tenant's answer and
//! the instant. What is scheduled is not stored as such: the same function, called again when
//! the next step is due, gives it again from the newest accepted data.
//! Invariant: whatever is in doubt is held with a finding, and the last good word stands; doubt never becomes a
//! leaver.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::desk::{Desk, after, day_start};
use super::draft::Draft;
use super::{Policy, StatusClass, Workflows};
use crate::grants::{Belongs, GrantRules};
use crate::groups::{Catalogue, Groups};
use crate::model::{Account, AccountName, Finding, FindingKind, Lookup, Op, Severity};
use crate::state::{BlockCause, Identity, Lifecycle, Person, Promise};

/// What the newest accepted data say of a worker.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// A row that is believed.
    Row {
        /// Row as a spreadsheet counts.
        row: u32,
        /// Its fingerprint.
        fingerprint: u128,
        /// What the mapping made of it.
        identity: Box<Identity>,
        /// The other employments of the person in the same file.
        others: Vec<Identity>,
        /// All of it can be read: attributes, too, and the dates of each employment.
        sound: bool,
    },
    /// The key is there, its values are not believed.
    Held,
    /// An accepted full file does not list the worker.
    Absent,
    /// Nothing new was said; the newest accepted row stands in the state. Of somebody whom the
    /// newest full file misses it counts for cuts only.
    Before,
}

/// One person to decide about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What is known; [`Person::new`] for somebody seen for the first time.
    pub person: Person,
    /// What the newest data say.
    pub seen: Seen,
    /// The managers of the newest rows report to each other in a circle, and this is one of them.
    pub in_cycle: bool,
}

/// What rules give a worker. A file of groups has some; where there is none, nothing is given.
pub trait Rules {
    /// What a worker is to have at an instant.
    fn of(&mut self, identity: &Identity, now: Timestamp) -> Belongs;
}

impl Rules for GrantRules<'_> {
    fn of(&mut self, identity: &Identity, now: Timestamp) -> Belongs {
        Self::of(self, identity, now)
    }
}

/// No rules at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRules;

impl Rules for NoRules {
    fn of(&mut self, _: &Identity, _: Timestamp) -> Belongs {
        Belongs::default()
    }
}

/// Whether what an account has beside its attributes has to be read before somebody is decided about:
/// they are cut off now, come back or go into the bin, or what an earlier cut left open is looked at
/// again. `before` is the person as the state has them, `draft` what comes of them without it.
pub fn asks_for_holdings(before: &Person, draft: Option<&Draft>) -> bool {
    let mut due = draft.into_iter().flat_map(|draft| &draft.actions);
    let settles = |op: Op| op.cut() || matches!(op, Op::UserRestore | Op::UserDeleteSoft);
    let open = before.block.is_some() && before.unfinished;
    // Somebody named a device that nobody has seen of them yet.
    let mut named = before.device_words.keys();
    let exit = before.block.is_some_and(|block| block.cut.cause.exit());
    let strange = exit && named.any(|id| !before.has_device(id));
    due.any(|step| settles(step.op)) || open || before.devices_unread || strange
}

impl Subject {
    /// The row that a decision would follow.
    pub fn identity(&self) -> Option<&Identity> {
        match &self.seen {
            Seen::Row { identity, .. } => Some(identity),
            Seen::Before => self.person.wanted.as_ref(),
            Seen::Held | Seen::Absent => None,
        }
    }

    /// An account that lay in the bin for too long is gone, and with it all that was known of it.
    pub fn forget_purged(&mut self, now: Timestamp) {
        let person = &mut self.person;
        let gone = person
            .deleted
            .is_some_and(|at| after(at, super::joiner::BIN_DAYS) <= now);
        if !gone {
            return;
        }
        person.deleted = None;
        if person.devices.is_empty() {
            // Clocks of devices count from it, and outlive the account.
            person.block = None;
        }
        person.cut = None;
        person.spent.clear();
        person.lifecycle = crate::state::Lifecycle::None;
        person.object = None;
        person.name = None;
        person.applied.clear();
        person.manager = None;
        person.grants.clear();
        person.taken.clear();
        person.taken_roles.clear();
    }

    /// Every employment that a decision would follow.
    fn employments(&self) -> Vec<&Identity> {
        match &self.seen {
            Seen::Row {
                identity, others, ..
            } => std::iter::once(&**identity).chain(others).collect(),
            Seen::Before => self
                .person
                .wanted
                .iter()
                .chain(&self.person.others)
                .collect(),
            Seen::Held | Seen::Absent => Vec::new(),
        }
    }

    /// How many of the questions are about keys.
    fn keys(&self) -> usize {
        match (&self.person.object, self.identity()) {
            (None, Some(_)) => self.employments().len(),
            _ => 1,
        }
    }

    /// The sign-in name that the newest data ask for, believed or not.
    pub fn wanted_name(&self, target: &Target) -> Option<AccountName> {
        wanted_name(self.identity()?, target)
    }

    /// What the target has to be asked first: the linked account, or whoever carries the key and
    /// whoever has the wanted name, or one of those to take instead.
    pub fn questions(&self, target: &Target) -> Vec<Lookup> {
        if let Some(object) = &self.person.object {
            return vec![Lookup::Id(object.clone())];
        }
        let Some(identity) = self.identity() else {
            let key = Lookup::Key(self.person.worker.as_str().to_owned());
            let asked = matches!(self.seen, Seen::Absent) && self.person.unfinished;
            return asked.then_some(key).into_iter().collect();
        };
        if identity.out_of_scope && !self.person.unfinished {
            return Vec::new();
        }
        let keys = self.employments().into_iter();
        let mut out: Vec<Lookup> = keys
            .map(|it| Lookup::Key(it.worker.as_str().to_owned()))
            .collect();
        out.extend(wanted_name(identity, target).map(Lookup::Name));
        out.extend(identity.other_names.iter().cloned().map(Lookup::Name));
        out
    }
}

/// What has to be known of the kind of target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The attribute that carries the worker key (`employeeId`).
    pub key_attribute: String,
    /// The attribute that is the sign-in name (`userPrincipalName`).
    pub name_attribute: String,
    /// The attribute that often is what stands before the `@` of it (`mailNickname`).
    pub alias_attribute: String,
}

/// How the account of somebody new is found: the mapping says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matching {
    /// By the worker key that it carries.
    #[default]
    Key,
    /// By that, or else by the wanted sign-in name where it carries no key.
    KeyThenName,
}

/// What holds for all persons of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The plan's instant.
    pub now: Timestamp,
    /// The policy: what holds for everybody.
    pub policy: &'a Policy,
    /// What holds for some instead; `None` where that is nothing.
    pub workflows: Option<&'a Workflows>,
    /// The target.
    pub target: &'a Target,
    /// No intake was ever accepted: whoever is in it did not join late.
    pub first_load: bool,
    /// The newest accepted intake is too old: only dated cuts go.
    pub stale: bool,
    /// How the account of somebody new is found.
    pub matching: Matching,
    /// The rows are those of a whole roster: only such files count misses, and end them.
    pub full: bool,
    /// What Rollcall gives itself; `None` where that is nothing.
    pub grants: Option<GrantTerms<'a>>,
}

/// What Rollcall gives itself.
#[derive(Debug, Clone, Copy)]
pub struct GrantTerms<'a> {
    /// How it is defined.
    pub groups: &'a Groups,
    /// What the target says of licences.
    pub catalogue: &'a Catalogue,
    /// Keys of groups that the target does not have any more: nobody is in them.
    pub missing: &'a BTreeSet<String>,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The steps, if any.
    pub draft: Option<Draft>,
    /// The person as it stands if nothing is carried out; each carried-out action is folded in.
    pub person: Person,
    /// What a person should know.
    pub findings: Vec<Finding>,
    /// Nothing was planned because of a doubt.
    pub held: bool,
    /// What holds now is the end of the employment, or an absence that counts as one.
    pub leaving: bool,
    /// Steps to come that HR's newest word withdraws.
    pub withdrawn: Vec<Promise>,
    /// The person once every step is carried out, where that is not what folding them gives.
    pub settled: Option<Box<Person>>,
}

/// How two sign-in names are compared: NFC, without regard to case.
pub fn name_key(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    name.nfc().collect::<String>().to_lowercase()
}

/// Decides. `answers` are the target's, in the order of [`Subject::questions`]; `rules` say what
/// workers are to have.
pub fn decide(
    subject: Subject,
    answers: &[Vec<Account>],
    rules: &mut dyn Rules,
    cx: &Context<'_>,
) -> Decision {
    let keys = subject.keys();
    let Subject {
        mut person,
        seen,
        in_cycle,
    } = subject;
    let open = std::mem::take(&mut person.unfinished);
    person.held = false;
    let mut desk = Desk {
        cx: *cx,
        workflow: None,
        rules,
        belongs: Belongs::default(),
        keys,
        row: None,
        person,
        findings: Vec::new(),
        open,
        cuts_only: false,
        release: false,
        leaving: false,
        leave_cut: None,
        away_until: None,
        in_cycle,
        taken_back: None,
        other_names: Vec::new(),
        adopted: None,
        wakes: Vec::new(),
        withdrawn: Vec::new(),
    };
    // What holds by the newest accepted row, also for whoever stands in no row any more.
    if cx.workflows.is_some()
        && !matches!(seen, Seen::Row { .. })
        && let Some(known) = desk.person.wanted.clone()
    {
        desk.choose(&known);
    }
    if matches!(seen, Seen::Absent) {
        // Nobody doubts a row that is gone; what other sources brought is as doubtful as it was.
        let facing = desk.person.facing.clone();
        if desk.person.doubted.remove(&facing) {
            // What waited for it is looked at, and has no day of its own any more.
            desk.person.due.get_or_insert(cx.now);
        }
        desk.cuts_only = !desk.person.doubted.is_empty();
    }
    match seen {
        Seen::Row {
            row,
            fingerprint,
            identity,
            others,
            sound,
        } => {
            desk.row = Some(row);
            desk.person.fingerprint = fingerprint;
            // What other sources brought is as doubtful as it was.
            let facing = desk.person.facing.clone();
            desk.person.doubted.remove(&facing);
            desk.cuts_only = !desk.person.doubted.is_empty();
            let mut rows: Vec<Identity> = std::iter::once(*identity).chain(others).collect();
            desk.mend_zones(&mut rows);
            desk.mark_words(&mut rows);
            if sound && desk.gone_but_for(&rows) {
                // What stands in the file keeps nobody inside.
                desk.take_in(rows);
                desk.person.fingerprint = 0;
                return desk.absent(answers);
            }
            desk.present();
            // A row that is not believed says nothing new.
            let believed = rows.iter().all(|row| desk.is_believed(row));
            desk.heed_undo(believed.then_some(fingerprint));
            desk.row(rows, sound, answers)
        }
        Seen::Held => {
            desk.present();
            desk.person.unfinished = open;
            desk.decided(None, true)
        }
        Seen::Absent if desk.absence_undone() => desk.decided(None, false),
        Seen::Absent => desk.absent(answers),
        Seen::Before => {
            desk.heed_undo(None);
            desk.before(answers)
        }
    }
}

impl Desk<'_> {
    /// The worker stands in the file.
    fn present(&mut self) {
        self.person.elsewhere = false;
        if self.cx.full {
            self.person.misses = 0;
            self.person.listed = true;
        } else {
            // Other files neither count nor end misses, but whoever was cut off for absence and
            // is back has to miss a full one again.
            self.person.misses = self.person.misses.min(1);
        }
    }

    fn row(mut self, mut rows: Vec<Identity>, sound: bool, answers: &[Vec<Account>]) -> Decision {
        self.keep_missing(&mut rows);
        if sound {
            let draft = self.work(rows, answers);
            return self.decided(draft, false);
        }
        // The row is held, but nobody stays inside because a phone number is odd.
        self.cuts_only = true;
        for row in &mut rows {
            self.keep_attributes(row);
        }
        let draft = self.work(rows, answers);
        // What is missing because attributes were set aside is not worth a second finding.
        self.findings
            .retain(|f| f.kind != FindingKind::RequiredMissing);
        self.decided(draft, true)
    }

    /// Whether the employment that is in force is gone from a full file, and what the file lists of
    /// the person is over or yet to come: they are as absent as if it listed nothing.
    fn gone_but_for(&mut self, rows: &[Identity]) -> bool {
        let block = self.person.block.map(|block| block.cut.cause);
        let cut = self.person.lifecycle == Lifecycle::Blocked && block == Some(BlockCause::Absence);
        if !self.cx.full || !(self.person.lifecycle == Lifecycle::Active || cut) {
            return false;
        }
        let missing = |it: &&Identity| !rows.iter().any(|row| row.same_job(it));
        let known = self.rows_before();
        let (ours, elsewhere): (Vec<_>, Vec<_>) = known
            .iter()
            .filter(missing)
            .cloned()
            .partition(|row| row.source == self.person.facing);
        let there = [rows, elsewhere.as_slice()].concat();
        if ours.is_empty() || self.in_force(&there) {
            return false;
        }
        // Once they were cut off for it, whatever begins later is a beginning.
        self.in_force(&ours) && (!cut || self.are_over(&there))
    }

    /// The rows of a file that are believed, beside those that it does not list. Of somebody who is new
    /// there is nothing yet that they could stand beside.
    pub(super) fn take_in(&mut self, rows: Vec<Identity>) {
        if self.person.wanted.is_none() {
            return;
        }
        for row in rows {
            if !self.is_believed(&row) {
                continue;
            }
            let ahead = self.values_ahead(&row);
            let before = self.values_before(&row).filter(|_| ahead);
            self.person.until.retain(|it| !it.same_job(&row));
            self.person.until.extend(before);
            let known = self.person.wanted.iter_mut().chain(&mut self.person.others);
            match known.into_iter().find(|it| it.same_job(&row)) {
                Some(known) => *known = row,
                None => self.person.others.push(row),
            }
        }
    }

    /// A zone that there is not: the one that was known before stands, and cuts alone go.
    fn mend_zones(&mut self, rows: &mut [Identity]) {
        for row in rows {
            let odd = row
                .zone
                .as_ref()
                .is_some_and(|zone| jiff::tz::db().get(zone).is_err());
            if odd && self.zone(row).is_some() {
                let known = self.known(row).and_then(|known| known.zone.clone());
                row.zone = known.filter(|zone| jiff::tz::db().get(zone).is_ok());
            }
        }
    }

    /// Employments that the file does not list. What another source said stands: its own file takes
    /// it back, nobody else's. Of this source those that are over may be gone once no cut of them is
    /// owed; of the others the last row stands.
    fn keep_missing(&mut self, rows: &mut Vec<Identity>) {
        let known = self.person.wanted.iter().chain(&self.person.others);
        let missing = known.filter(|it| !rows.iter().any(|row| row.same_job(it)));
        let mut missing: Vec<Identity> = missing.cloned().collect();
        self.drop_missed(&mut missing, rows);
        let block = self.person.block.map(|block| block.cut.cause);
        let cut = self.person.lifecycle == Lifecycle::Blocked && block == Some(BlockCause::Absence);
        let listed = rows.clone();
        for mut row in missing {
            let ours = row.source == self.person.facing;
            let over = ours && self.are_over(std::slice::from_ref(&row));
            // Whoever was dismissed, or died, is so in what goes on elsewhere, too.
            let block = self.person.block.map(|block| block.cut.cause);
            let dead = self.cx.policy.class(&row.status) == StatusClass::Deceased;
            let for_good = (block == Some(BlockCause::ForCause) && row.terms.for_cause)
                || (block == Some(BlockCause::Deceased) && dead);
            if over && !for_good {
                let all: Vec<Identity> = rows.iter().chain([&row]).cloned().collect();
                if !self.is_left_inside(&all) {
                    continue;
                }
            }
            if self.cx.full && ours && !over && cut && !self.in_force(&listed) {
                // They were cut off because it is gone.
                continue;
            }
            let zone = self.zone_of(&row);
            let start = row
                .hire
                .zip(zone)
                .map(|(hire, zone)| day_start(hire, &zone));
            let ahead = start.is_some_and(|start| start > self.cx.now);
            if self.cx.full && ours && !over && ahead {
                self.person.fingerprint = 0;
                let (kind, note) = if row.terms.missed {
                    let note =
                        "in no row of two full files in a row before it began; it does not come";
                    (FindingKind::MissingPrehire, note)
                } else {
                    let note = "in no row of this full file before it begins; it does not come unless \
                                the next accepted full file has it";
                    (FindingKind::PendingRowMissing, note)
                };
                let note = format!("employment {} is {note}", row.worker);
                self.find(kind, Severity::Warning, None, note);
                if row.terms.missed {
                    continue;
                }
                row.terms.missed = true;
            } else if self.cx.full && ours && !over {
                self.person.fingerprint = 0;
                self.find(
                    FindingKind::JobMissing,
                    Severity::Warning,
                    None,
                    format!(
                        "employment {} is in no row of this full file; what it gives stays",
                        row.worker
                    ),
                );
            }
            rows.push(row);
        }
    }

    /// Whether nothing goes on of these employments, nor is to come; in doubt nothing does.
    pub(super) fn are_over(&mut self, rows: &[Identity]) -> bool {
        let said = self.findings.len();
        let career = self.career(rows.to_vec());
        self.findings.truncate(said);
        career.is_none_or(|career| career.over || career.called_off)
    }

    /// Whether something of these employments goes on now.
    pub(super) fn in_force(&mut self, rows: &[Identity]) -> bool {
        let said = self.findings.len();
        let career = self.career(rows.to_vec());
        self.findings.truncate(said);
        career.is_some_and(|career| {
            let begun = career.spell.start.is_none_or(|it| it.at <= self.cx.now);
            begun && !career.over && !career.called_off
        })
    }

    /// Whether somebody is still inside whom none of these employments keeps there.
    pub(super) fn is_left_inside(&mut self, rows: &[Identity]) -> bool {
        let inside = matches!(
            self.person.lifecycle,
            Lifecycle::Created | Lifecycle::Active
        );
        inside && !self.in_force(rows)
    }

    /// Somebody was cut off because a source did not list them twice, and something of another is
    /// to come: the employments of the first are over.
    fn drop_missed(&mut self, rows: &mut Vec<Identity>, beside: &[Identity]) {
        let cut = self.person.block.map(|it| it.cut.cause) == Some(BlockCause::Absence);
        if !cut || self.person.lifecycle != Lifecycle::Blocked {
            return;
        }
        let missed = |row: &Identity| self.person.misses_of(row.source.as_ref()) > 1;
        let gone: BTreeSet<_> = rows
            .iter()
            .filter(|row| missed(row))
            .map(|row| row.source.clone())
            .collect();
        let left = rows.iter().filter(|row| !missed(row)).chain(beside);
        let left: Vec<Identity> = left.cloned().collect();
        if gone.is_empty() || self.are_over(&left) {
            return;
        }
        rows.retain(|row| !gone.contains(&row.source));
        for source in &gone {
            self.person.has_nothing(source.as_ref());
        }
    }

    /// What the state knows, as the newest accepted rows.
    pub(super) fn rows_before(&self) -> Vec<Identity> {
        let known = self.person.wanted.iter().chain(&self.person.others);
        known.cloned().collect()
    }

    fn before(mut self, answers: &[Vec<Account>]) -> Decision {
        self.release = true;
        let mut rows = self.rows_before();
        self.drop_missed(&mut rows, &[]);
        self.cuts_only |= self.person.misses > 0 || !self.person.doubted.is_empty();
        if self.person.misses > 1 {
            if self.open {
                // Cut off for absence, and not to the end.
                let draft = self.cut_for_absence(answers);
                return self.decided(draft, false);
            }
            let block = self.person.block.map(|it| it.cut.cause);
            // What HR said before goes on: the end of the employment comes all the same.
            if block == Some(BlockCause::Absence) && !self.leaves_anyway() {
                self.absent_for_long();
                return self.decided(None, false);
            }
        }
        let draft = if rows.is_empty() {
            None
        } else {
            self.work(rows, answers)
        };
        self.decided(draft, false)
    }

    /// The facts of a row whose attributes are in doubt, with the attributes of the last good one.
    fn keep_attributes(&self, row: &mut Identity) {
        let mut known = self.person.wanted.iter().chain(&self.person.others);
        let known = known.find(|it| it.same_job(row));
        let known = known.or(self.person.wanted.as_ref());
        row.always = known.map(|it| it.always.clone()).unwrap_or_default();
        row.on_create = known.map(|it| it.on_create.clone()).unwrap_or_default();
        row.other_names = known.map(|it| it.other_names.clone()).unwrap_or_default();
    }

    /// `doubt`: the row itself is not believed.
    pub(super) fn decided(self, draft: Option<Draft>, doubt: bool) -> Decision {
        let Self {
            mut person,
            findings,
            withdrawn,
            leaving,
            ..
        } = self;
        let stuck = findings.iter().any(|f| f.severity == Severity::Held);
        if doubt || stuck {
            // The row is looked at again next time, and the last good one stays in force.
            person.fingerprint = 0;
        }
        // Where the tenant is in doubt the row will not come again from a file of changes.
        person.held |= stuck && !doubt;
        if draft.as_ref().is_none_or(|d| !d.sets_manager()) {
            person.waits_for = None;
        }
        Decision {
            draft,
            person,
            findings,
            held: doubt || stuck,
            leaving,
            withdrawn,
            settled: None,
        }
    }
}

/// The sign-in name that an identity asks for.
pub(super) fn wanted_name(identity: &Identity, target: &Target) -> Option<AccountName> {
    let name = &target.name_attribute;
    let value = identity
        .on_create
        .get(name)
        .or_else(|| identity.always.get(name))?;
    value
        .as_text()
        .filter(|t| !t.is_empty())
        .map(AccountName::new)
}
