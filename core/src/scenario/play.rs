//! Plays a scenario: runs, the instants between them, and what people do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::{Value as Json, json};

use super::LICENSED;
use super::case::{
    AccountState, Before, Bytes, Case, Event, EventKind, FileKind, RowDiff, RunStep, range,
};
use super::devices::{Fleet, Taken};
use super::metrics::Metrics;
use super::params::Params;
use super::row::{GROUPING, Row, nfc};
use super::tenant::{Login, Reserved, Tenant};
use crate::delta::{self, Cause, Coverage, Terms};
use crate::digest::{EvidenceKey, WorkerHasher, worker_hash};
use crate::fold::{Outcome, Outcomes, fold};
use crate::grants::{Given, Grant, GrantRules};
use crate::groups::{Catalogue, Groups};
use crate::guards;
use crate::mapping::Mapping;
use crate::model::{
    Account, Ending, Finding, FindingKind, Lookup, Op, PersonKey, RunId, SourceName, Value,
    WorkerId,
};
use crate::plan::{SourceRow, seal};
use crate::policy::{
    Context, Decision, Draft, DraftAction, GrantTerms, Matching, Seen, Subject, Target, decide,
};
use crate::references::{self, Reference};
use crate::roster::{Entry as RosterEntry, RosterBuilder};
use crate::state::{Block, BlockCause, Cut, Lifecycle, Parked, Parking, Person};

/// The mapping of P0 as far as rules of groups have to know it.
const MAPPING: &str = "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
    facts = { grouping = \"G\" }\n\
    [[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
    [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
    [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n\
    [[attribute]]\ntarget = \"displayName\"\nsource = \"N\"\n";

/// Workers that every file holds and that others may report to.
const FILLERS: [&str; 3] = ["M1", "M2", "M7"];
/// Workers of every file of whom nobody says anything.
const FILLER_COUNT: u32 = 1000;
/// Days that go on after the last listed instant.
const AFTERMATH: i32 = 90;

/// What budgets count in one plan.
#[derive(Default)]
struct Counted {
    disables: u32,
    /// Those who are dismissed, by worker.
    lane: Vec<(WorkerId, PersonKey)>,
    removals: u32,
    deletes: Vec<PersonKey>,
    wipes: Vec<PersonKey>,
}

/// Why a scenario cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct PlayError {
    /// One entry a mistake.
    pub problems: Vec<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The listed run that first planned it.
    pub run: u32,
    /// When it was released.
    pub at: Timestamp,
    /// What.
    pub op: String,
    /// Whose, by any name that stands for them.
    pub who: String,
    /// The person behind it.
    pub person: Option<PersonKey>,
    /// What of it.
    pub args: BTreeMap<String, Json>,
}

/// What came of a play.
#[derive(Debug)]
pub struct Played {
    /// Everything that happened, in order.
    pub entries: Vec<Entry>,
    /// The target at the end.
    #[cfg(test)]
    pub(super) tenant: Tenant,
    /// Who stands behind a name at the end.
    pub(super) names: Names,
    pub(super) metrics: Metrics,
}

/// Which person a key stands for.
#[derive(Debug, Default, Clone)]
pub(super) struct Names {
    workers: BTreeMap<String, PersonKey>,
    accounts: BTreeMap<String, PersonKey>,
}

impl Names {
    /// Whom accounts that were there before belong to.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &PersonKey> {
        self.accounts.values()
    }

    /// The worker key that the account of somebody carries.
    pub(super) fn account_of(&self, person: &PersonKey) -> Option<&str> {
        let mut all = self.accounts.iter();
        all.find(|(_, it)| *it == person)
            .map(|(key, _)| key.as_str())
    }

    /// A worker key stands for the person of its newest row, else of the account that carries it.
    pub(super) fn person(&self, who: &str) -> PersonKey {
        let known = self.workers.get(who).or_else(|| self.accounts.get(who));
        known.cloned().unwrap_or_else(|| PersonKey::new(who))
    }
}

/// The newest accepted file.
#[derive(Debug, Clone)]
struct Accepted {
    at: Timestamp,
    as_of: Timestamp,
    rows: u32,
    inactive: u32,
    file: FileId,
}

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FileId(u32);

/// Agreement that something waits for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) needs: usize,
    pub(super) given: Vec<(String, Timestamp)>,
    pub(super) submitter: Option<String>,
    pub(super) since: Timestamp,
    pub(super) run: u32,
    pub(super) open: bool,
}

/// What keeps actions back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hold {
    /// Everything of a protected person's exit.
    Protected(PersonKey),
    /// What takes something away and was planned by a run.
    Run(u32),
    /// A worker id of somebody else.
    IdReuse(String),
    /// Later steps of a leaver.
    Parked(PersonKey, Parking),
    /// One device's wipe.
    Wipe(String),
}

pub(super) struct Play<'c> {
    pub(super) case: &'c Case,
    pub(super) params: Params,
    groups: Groups,
    /// Key of a group by its name, and the other way round.
    keys: BTreeMap<String, String>,
    titles: BTreeMap<String, String>,
    catalogue: Catalogue,
    target: Target,
    pub(super) tenant: Tenant,
    pub(super) people: BTreeMap<PersonKey, Person>,
    pub(super) rows: BTreeMap<String, Row>,
    /// Rows of the file that are held, by worker: the person that they name.
    reused: BTreeMap<String, PersonKey>,
    pub(super) names: Names,
    fillers: u32,
    accepted: Accepted,
    /// Bytes and as-of of the files of listed runs.
    files: BTreeMap<u32, (FileId, Timestamp)>,
    next_file: u32,
    /// The last listed run.
    pub(super) run: u32,
    pub(super) now: Timestamp,
    entries: Vec<Entry>,
    /// The run that first planned a step.
    planned: BTreeMap<(PersonKey, Op, String), u32>,
    pub(super) asks: BTreeMap<Hold, Ask>,
    /// Persons whose destructive steps the hold of a run keeps back, and those whose cuts pass.
    held_people: BTreeMap<u32, BTreeSet<PersonKey>>,
    /// Single steps that it keeps back, whichever run planned them.
    held_steps: BTreeMap<u32, BTreeSet<(PersonKey, Op)>>,
    lane: BTreeSet<PersonKey>,
    /// Exceptions that are said once.
    said: BTreeSet<(PersonKey, FindingKind, String)>,
    submitters: BTreeMap<u32, Option<String>>,
    /// Instants and counts of what went under the budget of a day.
    spent: BTreeMap<&'static str, Vec<(Timestamp, u32)>>,
    pub(super) metrics: Metrics,
    pub(super) fleet: Fleet,
    /// After so many steps the process dies, once.
    fuse: Option<usize>,
    dead: bool,
}

/// Plays a case to its end.
///
/// # Errors
/// The case says something that cannot be played.
pub fn play(case: &Case) -> Result<Played, PlayError> {
    play_until_killed(case, None)
}

/// The same; the process that carries steps out dies once, after so many of them, and starts
/// again.
///
/// # Errors
/// See [`play`].
pub(super) fn play_until_killed(case: &Case, steps: Option<usize>) -> Result<Played, PlayError> {
    let params = Params::of(&case.policy).map_err(|problems| PlayError { problems })?;
    let mut play = Play::new(case, params)?;
    play.fuse = steps;
    play.all();
    Ok(Played {
        #[cfg(test)]
        tenant: play.tenant,
        entries: play.entries,
        names: play.names,
        metrics: play.metrics,
    })
}

fn source() -> SourceName {
    SourceName::new("hr")
}

fn person_hash(person: &PersonKey) -> u128 {
    worker_hash(&source(), &WorkerId::new(person.as_str()))
}

impl<'c> Play<'c> {
    fn new(case: &'c Case, params: Params) -> Result<Self, PlayError> {
        let refuse = |problem: String| PlayError {
            problems: vec![problem],
        };
        let first = case.runs.first().map(|run| run.at);
        let first = first.ok_or_else(|| refuse("no runs".to_owned()))?;
        let day = first.to_zoned(TimeZone::UTC).date();
        let before = day.yesterday().map_err(|e| refuse(e.to_string()))?;
        let at = crate::policy::day_time(before, params.nightly, &TimeZone::UTC);
        let (keys, toml) = groups_of(case, &params);
        let mapping = Mapping::parse(MAPPING, "P0").map_err(|e| refuse(e.to_string()))?;
        let groups = Groups::parse(&toml, "P0", &mapping).map_err(|e| refuse(e.to_string()))?;
        let titles = keys.iter().map(|(name, key)| (key.clone(), name.clone()));
        let mut play = Self {
            case,
            catalogue: Catalogue::new(None, Some(&groups)),
            groups,
            titles: titles.collect(),
            target: Target {
                key_attribute: "employeeId".to_owned(),
                name_attribute: "userPrincipalName".to_owned(),
                alias_attribute: "mailNickname".to_owned(),
            },
            tenant: Tenant::default(),
            people: BTreeMap::new(),
            rows: BTreeMap::new(),
            reused: BTreeMap::new(),
            names: Names::default(),
            fillers: FILLER_COUNT,
            accepted: Accepted {
                at,
                as_of: at - SignedDuration::from_hours(4),
                rows: 0,
                inactive: 0,
                file: FileId(0),
            },
            files: BTreeMap::new(),
            next_file: 1,
            run: 0,
            now: at,
            entries: Vec::new(),
            planned: BTreeMap::new(),
            asks: BTreeMap::new(),
            held_people: BTreeMap::new(),
            held_steps: BTreeMap::new(),
            lane: BTreeSet::new(),
            said: BTreeSet::new(),
            submitters: BTreeMap::new(),
            spent: BTreeMap::new(),
            metrics: Metrics::default(),
            fleet: Fleet::default(),
            fuse: None,
            dead: false,
            keys,
            params,
        };
        play.tenant
            .licensed
            .extend(play.keys.get(LICENSED).cloned());
        play.begin().map_err(refuse)?;
        Ok(play)
    }

    /// What is there before the first run.
    fn begin(&mut self) -> Result<(), String> {
        for before in &self.case.state {
            if let Some(count) = before.filler {
                self.fillers = count;
            }
            if let (Some(name), Some(person), Some(until)) =
                (&before.reserved_upn, &before.person, before.until)
            {
                let until = crate::policy::day_start(until.saturating_add(1.day()), &TimeZone::UTC);
                self.tenant.reserved.push(Reserved {
                    name: name.clone(),
                    person: PersonKey::new(person.clone()),
                    until,
                });
            }
            let Some(who) = &before.who else {
                continue;
            };
            for who in range(who) {
                self.settle(&who, before)?;
            }
        }
        let filler = Before::filler();
        for key in FILLERS {
            if self.names.workers.contains_key(key) || self.tenant.by_key(key).is_some() {
                continue;
            }
            self.settle(key, &filler)?;
            self.fillers = self.fillers.saturating_sub(1);
        }
        let inactive = self.rows.values().filter(|row| row.inactive()).count();
        self.accepted.rows = self.fillers + number(self.rows.len());
        self.accepted.inactive = number(inactive);
        // What was planned before.
        let persons: Vec<PersonKey> = self.people.keys().cloned().collect();
        for key in persons {
            let mut person = self.people[&key].clone();
            person.fingerprint = self.fingerprint(&key);
            let decision = self.decide(person, Seen::Before, false);
            let mut person = decision.person;
            if let Some(draft) = &decision.draft {
                self.remember(&key, draft.scheduled.iter());
                person.unfinished = !draft.actions.is_empty();
                if let Some(cut) = &mut person.cut {
                    cut.counted = true;
                }
            }
            self.people.insert(key, person);
        }
        Ok(())
    }

    fn settle(&mut self, who: &str, before: &Before) -> Result<(), String> {
        let worker = before.worker.clone().unwrap_or_else(|| who.to_owned());
        let diff = before.row.clone().unwrap_or_default();
        let mut row = Row::of(&worker, &diff);
        if before.worker.is_some() && diff.person.is_none() {
            row.person = PersonKey::new(who);
        }
        let person_key = row.person.clone();
        let in_file = before.in_file.unwrap_or(true);
        let left = before.blocked_at.or(before.deleted_at);
        if let Some(at) = left.filter(|_| !in_file && row.last_day.is_none()) {
            // Whoever left and is in no file any more: the row was as the block has it.
            let zone = TimeZone::get(&row.tz).map_err(|e| e.to_string())?;
            let last = at.to_zoned(zone).date().yesterday();
            row.last_day = last.ok();
            row.termination = row.last_day;
            "terminated".clone_into(&mut row.status);
        }
        let state = before.account.unwrap_or(AccountState::Enabled);
        let identity = row.identity(&self.params, false);
        let mut person = Person::new(source(), WorkerId::new(worker.clone()));
        person.person = person_key.clone();
        person.wanted = (in_file || before.blocked_at.is_some() || before.deleted_at.is_some())
            .then(|| identity.clone());
        person.listed = in_file;
        if state == AccountState::None {
            if let Some(known) = self.people.get_mut(&person_key) {
                // Another employment of somebody who is there.
                known.others.push(identity);
                self.rows.insert(worker.clone(), row);
                self.names.workers.insert(worker, person_key);
                return Ok(());
            }
            if in_file {
                self.rows.insert(worker.clone(), row);
                self.names.workers.insert(worker, person_key.clone());
            }
            self.people.insert(person_key, person);
            return Ok(());
        }
        let rights: Vec<String> = row.groups(&self.params);
        let has = match &before.groups {
            Some(groups) => groups.clone(),
            None if before.base => rights.clone(),
            None => Vec::new(),
        };
        let key_of = |name: &String| self.keys.get(&nfc(name)).cloned();
        let groups: BTreeSet<String> = has.iter().filter_map(key_of).collect();
        let mut attributes = identity.always.clone();
        if let Some(department) = &before.department {
            attributes.insert("department".to_owned(), Value::text(department.clone()));
        }
        let manager = before
            .manager
            .clone()
            .unwrap_or_else(|| row.manager.clone());
        let manager = Some(manager).filter(|it| !it.is_empty()).map(WorkerId::new);
        let enabled = match state {
            AccountState::Enabled => true,
            AccountState::SoftDeleted => before.was == Some(AccountState::Enabled),
            AccountState::Disabled | AccountState::None => false,
        };
        let deleted =
            (state == AccountState::SoftDeleted).then(|| before.deleted_at.unwrap_or(self.now));
        let name = before
            .upn
            .clone()
            .unwrap_or_else(|| format!("{}@example.com", worker.to_lowercase()));
        let login = Login {
            name: name.clone(),
            key: Some(worker.clone()),
            enabled,
            attributes: attributes.clone(),
            manager: manager.clone(),
            groups: groups.clone(),
            roles: before.roles.iter().cloned().collect(),
            app_roles: before.app_roles.iter().cloned().collect(),
            devices: before.devices.iter().map(super::devices::device).collect(),
            deleted,
            sign_ins: before.sign_ins.clone(),
        };
        let id = self.tenant.add(login);
        self.fleet.add(&person_key, &before.devices);
        self.names
            .accounts
            .insert(worker.clone(), person_key.clone());
        if !in_file && state == AccountState::Enabled && before.blocked_at.is_none() {
            // An account of nobody.
            return Ok(());
        }
        person.object = Some(id);
        person.name = Some(crate::model::AccountName::new(name));
        person.applied = attributes;
        person.manager = manager;
        let zone = TimeZone::get(&row.tz).map_err(|e| e.to_string())?;
        let starts = crate::policy::day_start(row.hire, &zone);
        let blocked = before.blocked_at.or(deleted);
        let away = row
            .leave
            .is_some_and(|(kind, from, _)| kind != super::case::LeaveWord::Paid && from.is_some());
        person.lifecycle = match state {
            AccountState::Enabled => Lifecycle::Active,
            AccountState::SoftDeleted => Lifecycle::Deleted,
            AccountState::Disabled | AccountState::None => {
                if blocked.is_some() || (away && starts <= self.now) {
                    Lifecycle::Blocked
                } else if starts > self.now {
                    Lifecycle::Created
                } else {
                    Lifecycle::Active
                }
            }
        };
        person.deleted = deleted;
        let pending = |op: Op| before.pending.iter().any(|it| it.op == op.name());
        if let Some(at) = blocked {
            let cause = match (row.status.as_str(), row.for_cause, row.last_day) {
                ("deceased", _, _) => BlockCause::Deceased,
                ("noshow", _, _) => BlockCause::NoShow,
                (_, true, _) => BlockCause::ForCause,
                (_, _, Some(_)) => BlockCause::LastDay,
                _ => BlockCause::Status,
            };
            person.block = Some(Block {
                cut: Cut { due: at, cause },
                disabled: true,
                signed_out: true,
                at: Some(at),
            });
            let once = [
                Op::UserResetPassword,
                Op::AuthMethodsRemove,
                Op::NotifySecurity,
            ];
            person.spent = once.into_iter().filter(|op| !pending(*op)).collect();
        } else if person.lifecycle == Lifecycle::Blocked {
            let leave = identity.terms.leave;
            let from = leave.map_or(self.now, |it| crate::policy::day_start(it.from, &zone));
            let garden = leave.is_some_and(|it| it.kind == crate::state::LeaveKind::Garden);
            let cause = if garden {
                BlockCause::Garden
            } else {
                BlockCause::Leave
            };
            person.block = Some(Block {
                cut: Cut { due: from, cause },
                disabled: true,
                signed_out: true,
                at: Some(from),
            });
        }
        if person.lifecycle == Lifecycle::Created && !pending(Op::NotifyManager) {
            person.told = Some(row.hire);
        }
        for right in &rights {
            let Some(key) = self
                .keys
                .get(&nfc(right))
                .filter(|key| groups.contains(*key))
            else {
                continue;
            };
            let licences = (right == LICENSED).then(|| "LICENCE".to_owned());
            person.grants.insert(
                Grant::Group(key.clone()),
                Given {
                    at: self.now,
                    id: None,
                    licences: licences.into_iter().collect(),
                    disabled_plans: Vec::new(),
                    unheard: false,
                    grace: None,
                },
            );
        }
        if before.legal_hold {
            let since = self.now;
            let parked = Parked {
                since,
                told: false,
                released: None,
            };
            person.parked.insert(Parking::LegalHold, parked);
        }
        if in_file {
            self.rows.insert(worker.clone(), row);
            self.names.workers.insert(worker, person_key.clone());
        }
        self.people.insert(person_key, person);
        Ok(())
    }

    /// The last listed instant.
    fn last(&self) -> Timestamp {
        let runs = self.case.runs.iter().map(|it| it.at);
        let events = self.case.events.iter().map(|it| it.at);
        let expected = self.case.expect.iter().map(|it| it.at);
        let all = runs.chain(events).chain(expected).max();
        all.unwrap_or(self.now)
    }

    fn all(&mut self) {
        let last = self.last();
        let end = last + SignedDuration::from_hours(24 * i64::from(AFTERMATH));
        let case = self.case;
        let mut reported = false;
        let mut runs = case.runs.iter().peekable();
        let mut events = case.events.iter().peekable();
        let mut night = self.night_after(self.now);
        loop {
            let due = self.next_due();
            let next = [
                runs.peek().map(|run| run.at),
                events.peek().map(|event| event.at),
                Some(night),
                due,
            ];
            let Some(next) = next.into_iter().flatten().min() else {
                break;
            };
            if next > last && !reported {
                self.report();
                reported = true;
            }
            if next > end {
                break;
            }
            self.now = next;
            self.tenant.purge(next);
            if let Some(run) = runs.next_if(|run| run.at == next) {
                self.run = run.n;
                if next == night {
                    self.night_of_devices();
                }
                self.submitters.insert(run.n, run.submitted_by.clone());
                self.listed(run);
            } else if next == night {
                self.night_of_devices();
                let (file, as_of) = (self.new_file(), next - SignedDuration::from_hours(4));
                self.take(self.rows.clone(), true, as_of, file);
            }
            if next == night {
                night = self.night_after(next);
            }
            while let Some(event) = events.next_if(|event| event.at == next) {
                self.event(event);
            }
            self.release();
        }
        if !reported {
            self.report();
        }
    }

    fn report(&mut self) {
        let mut metrics = std::mem::take(&mut self.metrics);
        metrics.close(self);
        self.metrics = metrics;
    }

    fn night_after(&self, at: Timestamp) -> Timestamp {
        let day = at.to_zoned(TimeZone::UTC).date();
        let tonight = crate::policy::day_time(day, self.params.nightly, &TimeZone::UTC);
        if tonight > at {
            return tonight;
        }
        let day = day.saturating_add(1.day());
        crate::policy::day_time(day, self.params.nightly, &TimeZone::UTC)
    }

    /// The next instant at which anything of anybody falls due.
    fn next_due(&self) -> Option<Timestamp> {
        let due = self.people.values().filter_map(|person| person.due);
        let devices = self.device_wakes();
        due.chain(devices).filter(|due| *due > self.now).min()
    }

    fn new_file(&mut self) -> FileId {
        self.next_file += 1;
        FileId(self.next_file)
    }

    // -- files

    fn listed(&mut self, run: &RunStep) {
        let as_of = run.as_of;
        let usual = run.at - SignedDuration::from_hours(4);
        let facts = run.file.as_ref();
        let replay = facts
            .and_then(|it| it.same_as_run)
            .and_then(|n| self.files.get(&n).copied());
        let (file, as_of) = match replay {
            Some((file, seen)) => {
                let same = facts.and_then(|it| it.bytes) != Some(Bytes::Differ);
                let file = if same { file } else { self.new_file() };
                (file, as_of.unwrap_or(seen))
            }
            None => (self.new_file(), as_of.unwrap_or(usual)),
        };
        self.files.insert(run.n, (file, as_of));
        if self.accepted.file == file
            || self
                .files
                .iter()
                .any(|(n, (known, _))| *n < run.n && *known == file)
        {
            self.file_entry("run.noop", json!({"code": "DUPLICATE_FILE"}));
            self.metrics.run_ended(run.n, "COMPLETED");
            return;
        }
        if as_of <= self.accepted.as_of {
            self.abort(run.n, json!({"code": "STALE_FILE"}));
            return;
        }
        let Some(facts) = facts else {
            let mut rows = self.rows.clone();
            for absent in run.absent.iter().flat_map(super::case::Names::all) {
                rows.remove(&absent);
            }
            for (keys, diff) in &run.rows {
                for key in range(keys) {
                    let row = Row::of(&key, diff);
                    rows.insert(key, row);
                }
            }
            let count = self.fillers + number(rows.len());
            let inactive = number(rows.values().filter(|row| row.inactive()).count());
            let unknown = rows.values().filter(|row| !known_status(&row.status));
            let unknown = number(unknown.count());
            if let Some(code) = self.gate(count, Some(inactive), unknown) {
                self.abort(run.n, code);
                return;
            }
            self.take(rows, true, as_of, file);
            self.metrics.run_ended(run.n, self.run_state(run.n));
            return;
        };
        let count = facts.rows.unwrap_or(self.accepted.rows);
        if let Some(trailer) = facts.trailer.filter(|trailer| *trailer != count) {
            let code = json!({"code": "TRAILER_MISMATCH", "rows": count, "trailer": trailer});
            self.abort(run.n, code);
            return;
        }
        let full = facts.kind != Some(FileKind::Delta);
        if full && let Some(code) = self.gate(count, None, facts.unknown_status.unwrap_or(0)) {
            self.abort(run.n, code);
            return;
        }
        self.take(self.rows.clone(), full, as_of, file);
        self.metrics.run_ended(run.n, self.run_state(run.n));
    }

    fn run_state(&self, run: u32) -> &'static str {
        let held = self.asks.values().any(|ask| ask.run == run);
        if held { "HELD_PARTIAL" } else { "COMPLETED" }
    }

    /// Doubt about a whole file, in the order in which gates are tried.
    fn gate(&self, rows: u32, inactive: Option<u32>, unknown: u32) -> Option<Json> {
        let gates = &self.params.policy.gates;
        let share = |part: u32, whole: u32| f64::from(part) * 100.0 / f64::from(whole.max(1));
        let off = rows.abs_diff(self.accepted.rows);
        if share(off, self.accepted.rows) > gates.row_count_pct {
            return Some(json!({"code": "ROWCOUNT_DROP"}));
        }
        if share(unknown, rows) > gates.unknown_status_pct {
            let share = f64::from(unknown) / f64::from(rows.max(1));
            return Some(json!({"code": "STATUS_UNKNOWN", "share": share}));
        }
        let before = share(self.accepted.inactive, self.accepted.rows);
        let now = inactive.map(|inactive| share(inactive, rows));
        if now.is_some_and(|now| (now - before).abs() > gates.inactive_share_points) {
            return Some(json!({"code": "INACTIVE_SHARE"}));
        }
        None
    }

    fn abort(&mut self, run: u32, args: Json) {
        self.file_entry("run.abort", args);
        self.metrics.run_ended(run, "REJECTED");
    }

    fn file_entry(&mut self, op: &str, args: Json) {
        self.enter(op, "file", None, self.run, args);
    }

    pub(super) fn enter(
        &mut self,
        op: &str,
        who: &str,
        person: Option<&PersonKey>,
        run: u32,
        args: Json,
    ) {
        let args = match args {
            Json::Object(map) => map.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        self.entries.push(Entry {
            run,
            at: self.now,
            op: op.to_owned(),
            who: who.to_owned(),
            person: person.cloned(),
            args,
        });
    }

    /// An accepted file.
    fn take(&mut self, rows: BTreeMap<String, Row>, full: bool, as_of: Timestamp, file: FileId) {
        let managed = self.managed();
        self.identify(&rows);
        self.rows = rows;
        self.accepted = Accepted {
            at: self.now,
            as_of,
            rows: self.fillers + number(self.rows.len()),
            inactive: number(self.rows.values().filter(|row| row.inactive()).count()),
            file,
        };
        let mut entries: BTreeMap<PersonKey, bool> = BTreeMap::new();
        for row in self.rows.values() {
            if self.reused.get(&row.key) == Some(&row.person) {
                // The key is there, the row is not believed.
                let owner = self.names.person(&row.key);
                if self.people.contains_key(&owner) {
                    entries.entry(owner).or_insert(true);
                }
                continue;
            }
            entries.insert(row.person.clone(), false);
        }
        let mut builder = RosterBuilder::default();
        for (at, (person, held)) in entries.iter().enumerate() {
            builder.push(RosterEntry {
                key: person_hash(person),
                fingerprint: self.fingerprint(person),
                byte: 0,
                row: number(at) + 2,
                held: *held,
            });
        }
        let roster = builder.finish();
        let by_hash: BTreeMap<u128, PersonKey> = self
            .people
            .keys()
            .chain(entries.keys())
            .map(|person| (person_hash(person), person.clone()))
            .collect();
        let mut hot: Vec<_> = self.people.values().map(Person::hot).collect();
        hot.sort_unstable_by_key(|hot| hot.key);
        let coverage = if full {
            Coverage::Full
        } else {
            Coverage::Delta
        };
        let terms = Terms {
            coverage: &coverage,
            now: self.now,
            rules_changed: false,
        };
        let comparison = delta::compare(&roster, &hot, terms);
        let mut touched: BTreeMap<PersonKey, Seen> = BTreeMap::new();
        for touch in comparison.touched {
            let person = by_hash[&touch.key].clone();
            let seen = match touch.entry {
                Some(_) if entries.get(&person) == Some(&true) => Seen::Held,
                Some(_) => self.row_seen(&person),
                None if touch.cause == Cause::Absent => Seen::Absent,
                None => Seen::Before,
            };
            touched.insert(person, seen);
        }
        for person in self.awaited() {
            let seen = if entries.contains_key(&person) {
                self.row_seen(&person)
            } else {
                Seen::Before
            };
            touched.entry(person).or_insert(seen);
        }
        self.pass(touched, full, false, managed);
    }

    /// Which person each row is of; a worker id that is somebody else's is held.
    fn identify(&mut self, rows: &BTreeMap<String, Row>) {
        self.reused
            .retain(|key, person| rows.get(key).is_some_and(|row| row.person == *person));
        for row in rows.values() {
            let owner = self
                .names
                .workers
                .get(&row.key)
                .or_else(|| self.names.accounts.get(&row.key));
            let other = owner.is_some_and(|owner| *owner != row.person);
            let hold = Hold::IdReuse(row.key.clone());
            let agreed = self.asks.get(&hold).is_some_and(|ask| !ask.open);
            if !other || agreed {
                self.names
                    .workers
                    .insert(row.key.clone(), row.person.clone());
                continue;
            }
            if self
                .reused
                .insert(row.key.clone(), row.person.clone())
                .is_none()
            {
                let needs = self.params.agree.identity_conflict;
                self.ask(hold, needs);
                let person = row.person.clone();
                let (who, run) = (row.key.clone(), self.run);
                let code = json!({"code": "ID_REUSE"});
                self.enter("hold", &who, Some(&person), run, code.clone());
                self.enter("report.exception", &who, Some(&person), run, code);
            }
        }
    }

    pub(super) fn ask(&mut self, hold: Hold, needs: usize) {
        let (since, run) = (self.now, self.run);
        let submitter = self.submitters.get(&run).cloned().flatten();
        self.asks.entry(hold).or_insert(Ask {
            needs,
            given: Vec::new(),
            submitter,
            since,
            run,
            open: true,
        });
    }

    /// The rows of a person.
    fn rows_of(&self, person: &PersonKey) -> Vec<&Row> {
        let rows = self.rows.values();
        rows.filter(|row| row.person == *person && !self.reused.contains_key(&row.key))
            .collect()
    }

    fn fingerprint(&self, person: &PersonKey) -> u128 {
        let rows = self.rows_of(person);
        WorkerHasher::new(&source()).hash(&format!("{rows:?}"))
    }

    fn row_seen(&self, person: &PersonKey) -> Seen {
        let before = self.people.get(person);
        let identity = |row: &Row| {
            let known = before
                .into_iter()
                .flat_map(|it| it.wanted.iter().chain(&it.others));
            let mut known = known.filter(|it| it.worker.as_str() == row.key);
            let named = |name: &str, value: &str| {
                let known = known.next()?.always.get(name)?.as_text()?.to_owned();
                Some(known != nfc(value))
            };
            let mut named = named;
            let renamed = self.params.rename && named("surname", &row.family).unwrap_or(false);
            let mut identity = row.identity(&self.params, renamed);
            if renamed {
                self.rename(&mut identity, row, person);
            }
            identity
        };
        let mut rows: Vec<_> = self.rows_of(person).into_iter().map(identity).collect();
        let first = rows.remove(0);
        Seen::Row {
            row: 2,
            fingerprint: self.fingerprint(person),
            identity: Box::new(first),
            others: rows,
            sound: true,
        }
    }

    /// The first address that nobody else has, or is to get again.
    fn rename(&self, identity: &mut crate::state::Identity, row: &Row, person: &PersonKey) {
        let own = self.people.get(person).and_then(|it| it.object.as_ref());
        let free = row.addresses().into_iter().find(|name| {
            let question = Lookup::Name(crate::model::AccountName::new(name.clone()));
            let found = self.tenant.answer(&question, person, self.now);
            found.iter().all(|account| Some(&account.id) == own)
        });
        if let Some(name) = free {
            let attribute = self.target.name_attribute.clone();
            identity.always.insert(attribute, Value::text(name));
        }
    }

    /// Whose manager has come.
    fn awaited(&self) -> Vec<PersonKey> {
        let comes = |person: &&Person| {
            let manager = person.waits_for.as_ref();
            manager.is_some_and(|it| self.tenant.by_key(it.as_str()).is_some())
        };
        let waiting = self.people.values().filter(comes);
        waiting.map(|person| person.person.clone()).collect()
    }

    fn managed(&self) -> u32 {
        let people = self.people.values();
        let managed = people.filter(|it| it.lifecycle != Lifecycle::None);
        self.fillers + number(managed.count())
    }

    // -- instants between files

    /// The newest accepted data are too old for more than dated cuts.
    fn is_stale(&self) -> bool {
        let age = self.now.duration_since(self.accepted.at);
        let most = i64::from(self.params.policy.gates.max_source_age_h);
        age > SignedDuration::from_hours(most)
    }

    fn release(&mut self) {
        let stale = self.is_stale();
        let mut touched = BTreeMap::new();
        for (key, person) in &self.people {
            if person.due.is_some_and(|due| due <= self.now) {
                touched.insert(key.clone(), Seen::Before);
            }
        }
        for person in self.awaited() {
            touched.insert(person, Seen::Before);
        }
        let managed = self.managed();
        self.pass(touched, false, stale, managed);
        // Whom somebody waited for is there now.
        let now_there = self.awaited();
        if !now_there.is_empty() {
            self.again(now_there);
        }
    }

    // -- deciding

    fn decide(&self, person: Person, seen: Seen, stale: bool) -> Decision {
        self.decide_with(person, seen, stale, false, false)
    }

    fn decide_with(
        &self,
        person: Person,
        seen: Seen,
        stale: bool,
        full: bool,
        in_cycle: bool,
    ) -> Decision {
        let key = person.person.clone();
        let mut subject = Subject {
            person,
            seen,
            in_cycle,
        };
        subject.forget_purged(self.now);
        let answers: Vec<Vec<Account>> = subject
            .questions(&self.target)
            .iter()
            .map(|question: &Lookup| {
                let mut found = self.tenant.answer(question, &key, self.now);
                if matches!(question, Lookup::Key(_)) {
                    // An account that is linked is nobody else's, whatever key it carries.
                    found.retain(|account| !self.is_others(&account.id, &key));
                }
                found
            })
            .collect();
        let missing = BTreeSet::new();
        let cx = Context {
            now: self.now,
            policy: &self.params.policy,
            target: &self.target,
            first_load: false,
            stale,
            matching: Matching::Key,
            full,
            grants: Some(GrantTerms {
                groups: &self.groups,
                catalogue: &self.catalogue,
                missing: &missing,
            }),
        };
        let mut rules = GrantRules::new(&self.groups);
        decide(subject, &answers, &mut rules, &cx)
    }

    fn is_others(&self, account: &crate::model::ObjectId, person: &PersonKey) -> bool {
        let mut people = self.people.values();
        people.any(|it| it.person != *person && it.object.as_ref() == Some(account))
    }

    /// Workers whose managers report to each other in a circle.
    fn cycles(&self) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        for start in self.rows.keys() {
            let mut seen = Vec::new();
            let mut at = start;
            while let Some(row) = self.rows.get(at) {
                if seen.contains(&at) {
                    break;
                }
                seen.push(at);
                at = &row.manager;
            }
            if at == start && !seen.is_empty() {
                out.insert(start.clone());
            }
        }
        out
    }

    fn pass(&mut self, touched: BTreeMap<PersonKey, Seen>, full: bool, stale: bool, managed: u32) {
        let cycles = if touched.is_empty() {
            BTreeSet::new()
        } else {
            self.cycles()
        };
        let mut laid: Vec<(PersonKey, Decision, bool)> = Vec::new();
        let mut ordered: Vec<(WorkerId, PersonKey, Seen)> = touched
            .into_iter()
            .map(|(key, seen)| {
                let worker = match &seen {
                    Seen::Row { identity, .. } => identity.worker.clone(),
                    Seen::Held | Seen::Absent | Seen::Before => self
                        .people
                        .get(&key)
                        .map_or_else(|| WorkerId::new(key.as_str()), |it| it.worker.clone()),
                };
                (worker, key, seen)
            })
            .collect();
        ordered.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for (worker, key, seen) in ordered {
            let person = self.people.get(&key).cloned().unwrap_or_else(|| {
                let mut person = Person::new(source(), worker.clone());
                person.person = key.clone();
                person
            });
            let from_file = matches!(seen, Seen::Row { .. });
            let in_cycle = cycles.contains(worker.as_str());
            let mut decision = self.decide_with(person, seen, stale, full, in_cycle);
            if let Some(draft) = &mut decision.draft {
                self.name(draft, &mut taken);
            }
            laid.push((key, decision, from_file));
        }
        self.settle_references(&mut laid);
        self.guard(&laid, managed);
        self.carry_out(laid);
        if std::mem::take(&mut self.dead) {
            // Another process goes on with what is not on record.
            let open = self.people.iter().filter(|(_, it)| it.unfinished);
            let open: Vec<PersonKey> = open.map(|(key, _)| key.clone()).collect();
            self.again(open);
        }
    }

    /// Whether nothing more is carried out in this pass.
    fn dies(&mut self) -> bool {
        match &mut self.fuse {
            Some(0) => {
                self.fuse = None;
                self.dead = true;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        self.dead
    }

    /// Among newcomers of one run the lower worker key chooses first.
    fn name(&self, draft: &mut Draft, taken: &mut BTreeSet<String>) {
        let Some(wanted) = draft.new_name(&self.target) else {
            return;
        };
        if taken.insert(wanted) {
            return;
        }
        let others = std::mem::take(&mut draft.other_names);
        for name in others {
            if taken.insert(crate::policy::name_key(name.reveal())) {
                draft.rename(&name, &self.target);
                return;
            }
        }
    }

    fn known_worker(&self, worker: &str) -> bool {
        self.rows.contains_key(worker) || self.tenant.by_key(worker).is_some()
    }

    fn settle_references(&mut self, laid: &mut [(PersonKey, Decision, bool)]) {
        let coming: BTreeSet<String> = laid
            .iter()
            .filter_map(|(_, decision, _)| decision.draft.as_ref())
            .filter(|draft| draft.actions.iter().any(|it| it.op == Op::UserCreate))
            .map(|draft| draft.worker.as_str().to_owned())
            .collect();
        for (_, decision, _) in laid {
            let Some(draft) = &mut decision.draft else {
                continue;
            };
            if let Some(manager) = references::manager(draft) {
                let manager = manager.as_str();
                let reference = if self.tenant.by_key(manager).is_some() || coming.contains(manager)
                {
                    Reference::Account
                } else if self.known_worker(manager) {
                    Reference::Known
                } else {
                    Reference::Unknown
                };
                references::resolve(draft, &mut decision.person, reference, Some(2));
            }
            let unknown = |step: &DraftAction| {
                let manager = step.manager.as_ref();
                manager.is_some_and(|it| !self.known_worker(it.as_str()))
            };
            draft.scheduled.retain(|step| !unknown(step));
        }
    }

    /// What a step would be remembered by.
    fn step_key(person: &PersonKey, step: &DraftAction) -> (PersonKey, Op, String) {
        (person.clone(), step.op, step.what())
    }

    fn remember<'s>(&mut self, person: &PersonKey, steps: impl Iterator<Item = &'s DraftAction>) {
        for step in steps {
            let run = self.run;
            self.planned
                .entry(Self::step_key(person, step))
                .or_insert(run);
        }
    }

    fn run_of(&self, person: &PersonKey, step: &DraftAction) -> u32 {
        if step.reason == crate::policy::Reason::AbsentTwice {
            return self.run;
        }
        let known = self.planned.get(&Self::step_key(person, step));
        known.copied().unwrap_or(self.run)
    }

    /// What a day's budget has left before this instant.
    fn spent_before(&self, what: &'static str) -> u32 {
        let day = SignedDuration::from_hours(24);
        let all = self.spent.get(what).into_iter().flatten();
        let recent = all.filter(|(at, _)| self.now.duration_since(*at) < day);
        recent.map(|(_, count)| count).sum()
    }

    fn spend(&mut self, what: &'static str, count: u32) {
        let at = self.now;
        self.spent.entry(what).or_default().push((at, count));
    }

    /// Budgets and protection, before anything goes.
    fn guard(&mut self, laid: &[(PersonKey, Decision, bool)], managed: u32) {
        let mut counted = Counted::default();
        for (key, decision, _) in laid {
            let Some(draft) = &decision.draft else {
                continue;
            };
            self.guard_protected(key, draft);
            let hold = Hold::Protected(key.clone());
            if self.asks.get(&hold).is_some_and(|ask| ask.open) {
                continue;
            }
            let ops = draft.steps().map(|step| step.op);
            if guards::new_disables(&decision.person, ops) > 0 {
                let cause = |step: &DraftAction| step.reason.block_cause();
                let for_cause = draft
                    .steps()
                    .any(|step| cause(step) == Some(BlockCause::ForCause));
                if for_cause {
                    counted.lane.push((draft.worker.clone(), key.clone()));
                }
                counted.disables += 1;
            }
            // Of movers, on the day that it is first planned.
            let new = |step: &DraftAction| {
                let known = self.planned.contains_key(&Self::step_key(key, step));
                let mover = step.op.takes() && step.reason.block_cause().is_none();
                mover && !known && step.reason != crate::policy::Reason::OldAccess
            };
            counted.removals += u32::from(draft.steps().any(new));
            for step in &draft.actions {
                // Who agreed to a plan over its budget agreed to its later steps.
                let run = self.run_of(key, step);
                let ask = self.asks.get(&Hold::Run(run));
                let agreed = ask.is_some_and(|ask| !ask.open);
                if agreed || self.waits(key, step) {
                    continue;
                }
                let asked = step.args.contains_key("ask") || step.args.contains_key("attempt");
                match step.op {
                    Op::UserDeleteSoft => counted.deletes.push(key.clone()),
                    Op::DeviceWipe if !asked => counted.wipes.push(key.clone()),
                    _ => {}
                }
            }
        }
        counted.lane.sort();
        let limits = self.params.budgets.clone();
        self.budget_disables(&counted, limits.disables.limit(managed), laid);
        let limit = limits.removals.limit(managed);
        if self.over("removals", counted.removals, limit) {
            self.hold_run("BUDGET_ACCESS_REMOVAL", counted.removals, limit, laid);
        }
        for (op, what, code, people, limit) in [
            (
                Op::DeviceWipe,
                "wipes",
                "BUDGET_WIPE",
                counted.wipes,
                limits.wipes.limit(managed),
            ),
            (
                Op::UserDeleteSoft,
                "deletes",
                "BUDGET_DELETE",
                counted.deletes,
                limits.deletes.limit(managed),
            ),
        ] {
            let count = number(people.len());
            if self.over(what, count, limit) {
                let run = self.run;
                let steps = self.held_steps.entry(run).or_default();
                steps.extend(people.iter().map(|person| (person.clone(), op)));
                self.held_people.entry(run).or_default().extend(people);
                self.hold_run(code, count, limit, laid);
            }
        }
    }

    /// Whether what a plan adds to what went in the last day is over a budget; else it is spent.
    fn over(&mut self, what: &'static str, count: u32, limit: u32) -> bool {
        let over = count > 0 && self.spent_before(what) + count > limit;
        if count > 0 && !over {
            self.spend(what, count);
        }
        over
    }

    /// The first dismissals of a run pass while the rest is held.
    fn budget_disables(
        &mut self,
        counted: &Counted,
        limit: u32,
        laid: &[(PersonKey, Decision, bool)],
    ) {
        if !self.over("disables", counted.disables, limit) {
            return;
        }
        let lane = counted.lane.iter().take(self.params.budgets.lane);
        let pass: Vec<PersonKey> = lane.map(|(_, person)| person.clone()).collect();
        let held = counted.disables - number(pass.len());
        self.spend("disables", number(pass.len()));
        self.lane.extend(pass);
        if held > 0 {
            self.hold_run("BUDGET_DISABLE", held, limit, laid);
        }
    }

    fn hold_run(
        &mut self,
        code: &str,
        count: u32,
        limit: u32,
        laid: &[(PersonKey, Decision, bool)],
    ) {
        let run = self.run;
        let people = laid.iter().filter(|(_, decision, _)| {
            let draft = decision.draft.as_ref();
            draft.is_some_and(|it| it.steps().any(|step| step.op.destructive()))
        });
        let people: BTreeSet<PersonKey> = people.map(|(key, _, _)| key.clone()).collect();
        self.held_people.entry(run).or_default().extend(people);
        self.ask(Hold::Run(run), self.params.agree.over_budget);
        let args = json!({"code": code, "count": count, "limit": limit});
        self.enter("hold", "run", None, run, args);
    }

    fn guard_protected(&mut self, key: &PersonKey, draft: &Draft) {
        let exits = draft
            .steps()
            .any(|step| step.reason.block_cause().is_some());
        let listed = |name: &str| self.params.protected.iter().any(|it| it == name);
        let workers: Vec<&str> = self
            .rows_of(key)
            .iter()
            .map(|row| row.key.as_str())
            .collect();
        let named = listed(key.as_str())
            || listed(draft.worker.as_str())
            || workers.into_iter().any(listed);
        let hold = Hold::Protected(key.clone());
        if !exits || !named || self.asks.contains_key(&hold) {
            return;
        }
        self.ask(hold, self.params.agree.protected);
        let run = self.run;
        let who = draft.worker.as_str().to_owned();
        let args = json!({"code": "PROTECTED"});
        self.metrics.exception(key, "PROTECTED", self.now);
        self.enter("hold", &who, Some(key), run, args);
        self.enter("notify.security", &who, Some(key), run, json!({}));
    }

    /// Whether a step waits for people.
    fn waits(&self, person: &PersonKey, step: &DraftAction) -> bool {
        let exit = step.reason.block_cause().is_some();
        let open = |hold: &Hold| self.asks.get(hold).is_some_and(|ask| ask.open);
        if exit && open(&Hold::Protected(person.clone())) {
            return true;
        }
        let passes = step.op.cut() && self.lane.contains(person);
        let single = self.held_steps.iter().any(|(run, steps)| {
            steps.contains(&(person.clone(), step.op)) && open(&Hold::Run(*run))
        });
        let run = self.run_of(person, step);
        let held = self.held_people.get(&run);
        let held = held.is_some_and(|people| people.contains(person));
        single || (step.op.destructive() && !passes && held && open(&Hold::Run(run)))
    }

    // -- doing

    fn carry_out(&mut self, laid: Vec<(PersonKey, Decision, bool)>) {
        let mut ready = Vec::new();
        for (key, decision, from_file) in laid {
            let who = decision.person.worker.as_str().to_owned();
            if !decision.withdrawn.is_empty() {
                let ops: BTreeSet<&str> =
                    decision.withdrawn.iter().map(|it| it.op.name()).collect();
                let run = self.run;
                for gone in &decision.withdrawn {
                    self.planned
                        .remove(&(key.clone(), gone.op, gone.what.clone()));
                }
                let args = json!({ "ops": ops });
                self.enter("cancel", &who, Some(&key), run, args);
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

    fn person(
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
                    (Taken::Accepted { done }, Some(case)) if step.op == Op::DeviceWipe => {
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
    fn hold_later(
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
    fn asked(&mut self, key: &PersonKey, who: &str, step: &DraftAction) {
        let run = self.run_of(key, step);
        let known = (key.clone(), FindingKind::RequiredMissing, step.what());
        if !self.said.insert(known) {
            return;
        }
        let kind = step.args.get("ask").cloned().unwrap_or_default();
        let mut args = json!({"kind": kind});
        if let Some(device) = step.args.get("device") {
            args["approvers"] = json!(self.params.agree.wipe);
            self.ask(Hold::Wipe(device.clone()), self.params.agree.wipe);
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
    fn device_report(&mut self, key: &PersonKey, step: &DraftAction, said: &str) {
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
    fn first_time(&mut self, key: &PersonKey, finding: &Finding) -> bool {
        let again = matches!(
            finding.kind,
            FindingKind::MissingOnce
                | FindingKind::MissingPrehire
                | FindingKind::MissingDisabled
                | FindingKind::Reappeared
        );
        let said = (key.clone(), finding.kind, format!("{:?}", finding.args));
        self.said.insert(said) || again
    }

    fn unknown_managers(&mut self, key: &PersonKey, who: &str) {
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
    fn renamed(&mut self, key: &PersonKey, step: &DraftAction, person: &Person) {
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

    fn reserve(&mut self, name: String, person: &PersonKey) {
        let days = i64::from(self.params.reserved_days);
        let until = self.now + SignedDuration::from_hours(24 * days);
        self.tenant.reserved.push(Reserved {
            name,
            person: person.clone(),
            until,
        });
    }

    fn title(&self, grant: &Grant) -> String {
        match grant {
            Grant::Group(key) => self.titles.get(key).unwrap_or(key).clone(),
            Grant::Licence(sku) => sku.clone(),
        }
    }

    fn step_entry(&mut self, key: &PersonKey, who: &str, step: &DraftAction) {
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

    fn folded(
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
            });
        }
        let target = &self.target;
        let mut after = fold(person, &order, &[], self.now, &values, &outcomes, target);
        if let Some(cut) = &mut after.cut {
            cut.counted = true;
        }
        crate::grants::count(&mut after.grants);
        after
    }

    // -- people

    fn event(&mut self, event: &Event) {
        let who = event.who.as_deref().unwrap_or_default();
        let person = self.names.person(who);
        let by = event.by.as_ref().map(super::case::Names::all);
        let by = by.unwrap_or_default();
        match event.event {
            EventKind::Approve => {
                let hold = match event.kind.as_deref() {
                    Some("plan") => Hold::Run(event.run.unwrap_or(self.run)),
                    Some("new_account") => Hold::IdReuse(self.reused_key(who)),
                    Some("wipe") => Hold::Wipe(who.to_owned()),
                    _ => Hold::Protected(person),
                };
                if self.agree(&hold, &by) {
                    self.agreed(&hold);
                }
            }
            EventKind::Reject => self.rejected(who),
            EventKind::Release => {
                let parking = match event.code.as_deref() {
                    Some("LEGAL_HOLD") => Parking::LegalHold,
                    _ => Parking::DeceasedReview,
                };
                let hold = Hold::Parked(person, parking);
                let needs = match parking {
                    Parking::LegalHold => self.params.agree.legal_hold,
                    Parking::DeceasedReview => self.params.agree.deceased_review,
                };
                self.ask(hold.clone(), needs);
                if self.agree(&hold, &by) {
                    self.agreed(&hold);
                }
            }
            EventKind::LegalHold => {
                let since = self.now;
                if let Some(person) = self.people.get_mut(&person) {
                    let parked = Parked {
                        since,
                        told: false,
                        released: None,
                    };
                    person.parked.insert(Parking::LegalHold, parked);
                }
                self.again([person]);
            }
            EventKind::AssetReturned | EventKind::TenantApproval | EventKind::Observed => {
                self.device_event(event);
            }
        }
    }

    fn reused_key(&self, who: &str) -> String {
        let named = self
            .reused
            .iter()
            .find(|(key, person)| key.as_str() == who || person.as_str() == who);
        named.map_or_else(|| who.to_owned(), |(key, _)| key.clone())
    }

    /// Takes consent down; whether it is complete now.
    fn agree(&mut self, hold: &Hold, by: &[String]) -> bool {
        let now = self.now;
        let window = self.params.second_within;
        let mut refused = Vec::new();
        let mut complete = false;
        if let Some(ask) = self.asks.get_mut(hold).filter(|ask| ask.open) {
            for name in by {
                if ask.submitter.as_ref() == Some(name) {
                    refused.push((name.clone(), ask.run));
                } else if !ask
                    .given
                    .iter()
                    .any(|(known, at)| known == name && now.duration_since(*at) <= window)
                {
                    ask.given.push((name.clone(), now));
                }
            }
            let recent = ask.given.iter();
            let recent = recent.filter(|(_, at)| now.duration_since(*at) <= window);
            let names: BTreeSet<&String> = recent.map(|(name, _)| name).collect();
            complete = names.len() >= ask.needs;
            if complete {
                ask.open = false;
                let person = match hold {
                    Hold::Protected(person) | Hold::Parked(person, _) => Some(person),
                    Hold::Run(_) | Hold::IdReuse(_) | Hold::Wipe(_) => None,
                };
                self.metrics.agreed(person, ask.run, ask.since, now);
            }
        }
        for (name, run) in refused {
            let args = json!({"code": "APPROVER_IS_SUBMITTER", "by": name});
            self.enter("report.exception", "run", None, run, args);
        }
        complete
    }

    /// What people let go.
    fn agreed(&mut self, hold: &Hold) {
        match hold {
            Hold::Protected(person) => self.again([person.clone()]),
            Hold::Run(run) => {
                let people = self.held_people.get(run).cloned().unwrap_or_default();
                self.again(people);
            }
            Hold::Parked(person, parking) => {
                let now = self.now;
                if let Some(parked) = self
                    .people
                    .get_mut(person)
                    .and_then(|it| it.parked.get_mut(parking))
                {
                    parked.released = Some(now);
                }
                self.again([person.clone()]);
            }
            Hold::IdReuse(worker) => {
                if let Some(person) = self.reused.remove(worker) {
                    self.names.workers.insert(worker.clone(), person.clone());
                    let seen = self.row_seen(&person);
                    let managed = self.managed();
                    self.pass([(person, seen)].into(), true, false, managed);
                }
            }
            Hold::Wipe(device) => self.wipe_agreed(device),
        }
    }

    /// Persons decided about once more, with nothing new from HR.
    pub(super) fn again(&mut self, people: impl IntoIterator<Item = PersonKey>) {
        let touched = people
            .into_iter()
            .filter(|person| self.people.contains_key(person))
            .map(|person| (person, Seen::Before));
        let touched = touched.collect();
        let managed = self.managed();
        self.pass(touched, false, self.is_stale(), managed);
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

fn known_status(status: &str) -> bool {
    [
        "active",
        "prehire",
        "leave",
        "terminated",
        "rescinded",
        "noshow",
        "deceased",
    ]
    .contains(&status)
}

pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn finding_args(finding: &Finding, code: &str) -> Json {
    let mut args = json!({"code": code});
    for (name, value) in finding.args.iter().flat_map(|it| it.iter()) {
        args[name] = match name.as_str() {
            "ops" => json!(value.split(',').collect::<Vec<_>>()),
            "days" | "sign_ins" => json!(value.parse::<u32>().unwrap_or_default()),
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
        FindingKind::BridgedGap => Some(("report.exception", "BRIDGED_GAP")),
        FindingKind::DeviceUnresponsive => Some(("report.exception", "DEVICE_UNRESPONSIVE")),
        FindingKind::DeviceUnresolved => Some(("report.exception", "DEVICE_UNRESOLVED")),
        FindingKind::PendingRowMissing => Some(("hold", "PENDING_ROW_MISSING")),
        FindingKind::ManagerCycle | FindingKind::ManagerIsSelf => Some(("hold", "MANAGER_CYCLE")),
        FindingKind::DeceasedReview => Some(("hold", "DECEASED_REVIEW")),
        FindingKind::LegalHold => Some(("hold", "LEGAL_HOLD")),
        _ => None,
    }
}

/// Every group of a case, as a file of groups: those that carry a licence last, each by name.
fn groups_of(case: &Case, params: &Params) -> (BTreeMap<String, String>, String) {
    let mut names: BTreeSet<String> = [LICENSED.to_owned()].into();
    let mut row = |row: &Row| names.extend(row.groups(params).iter().map(|it| nfc(it)));
    row(&Row::of("M1", &RowDiff::default()));
    for before in &case.state {
        row(&Row::of("", &before.row.clone().unwrap_or_default()));
    }
    for (_, diff) in case.runs.iter().flat_map(|run| &run.rows) {
        row(&Row::of("", diff));
    }
    let held = case.state.iter().flat_map(|it| it.groups.iter().flatten());
    names.extend(held.chain(&params.sensitive).map(|it| nfc(it)));
    let mut sorted: Vec<String> = names.into_iter().collect();
    sorted.sort_by_key(|name| (name == LICENSED, name.clone()));
    let mut toml = "format_version = 1\n".to_owned();
    let mut keys = BTreeMap::new();
    for (at, name) in sorted.into_iter().enumerate() {
        let key = format!("g{at:04}");
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let rule = format!("worker.{GROUPING} -contains \"|{name}|\"");
        let _ = write!(
            toml,
            "[[group]]\nkey = \"{key}\"\nname = {}\nmode = \"assigned\"\nrule = {}\n",
            quoted(&name),
            quoted(&rule)
        );
        if name == LICENSED {
            toml += "licences = [\"LICENCE\"]\n";
        }
        if params.sensitive.iter().any(|it| nfc(it) == name) {
            toml += "sensitive = true\n";
        }
        keys.insert(name, key);
    }
    (keys, toml)
}
