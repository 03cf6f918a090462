//! Plays a scenario: runs, the instants between them, and what people do.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::Value as Json;

use super::LICENSED;
use super::begin::{FILLER_COUNT, groups_of};
use super::case::Case;
use super::devices::Fleet;
use super::metrics::Metrics;
use super::params::Params;
use super::row::Row;
use super::tenant::Tenant;
use crate::digest::worker_hash;
use crate::groups::{Catalogue, Groups};
use crate::mapping::Mapping;
use crate::model::{FindingKind, Op, PersonKey, SourceName, WorkerId};
use crate::policy::{Target, Workflows};
use crate::state::{Cut, Parking, Person};

/// The mapping of P0 as far as rules of groups have to know it.
const MAPPING: &str = "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
    facts = { grouping = \"G\" }\n\
    [[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
    [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
    [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n\
    [[attribute]]\ntarget = \"displayName\"\nsource = \"N\"\n\
    [[attribute]]\ntarget = \"department\"\nsource = \"D\"\n\
    [[attribute]]\ntarget = \"companyName\"\nsource = \"C\"\n\
    [[attribute]]\ntarget = \"country\"\nsource = \"L\"\n\
    [[attribute]]\ntarget = \"usageLocation\"\nsource = \"L\"\n\
    [[attribute]]\ntarget = \"employeeType\"\nsource = \"T\"\n";

/// Days that go on after the last listed instant.
const AFTERMATH: i32 = 90;

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
    pub(super) workers: BTreeMap<String, PersonKey>,
    pub(super) accounts: BTreeMap<String, PersonKey>,
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
pub(super) struct Accepted {
    pub(super) at: Timestamp,
    pub(super) as_of: Timestamp,
    pub(super) rows: u32,
    pub(super) inactive: u32,
    pub(super) file: FileId,
}

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(pub(super) u32);

/// Agreement that something waits for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) needs: usize,
    pub(super) given: Vec<(String, Timestamp)>,
    pub(super) submitter: Option<String>,
    pub(super) since: Timestamp,
    pub(super) run: u32,
    pub(super) answer: Answer,
    /// The exit that it is about; `None`: about a leave alone, or about nobody.
    pub(super) exit: Option<Cut>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Open,
    Agreed,
    /// It stays undone.
    Refused,
}

impl Ask {
    pub(super) fn is_open(&self) -> bool {
        self.answer == Answer::Open
    }

    pub(super) fn agreed(&self) -> bool {
        self.answer == Answer::Agreed
    }
}

/// What keeps actions back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hold {
    /// Everything of a protected person's exit.
    Protected(PersonKey),
    /// What takes something away and was planned by a run, by the budget that it is over.
    Run(u32, &'static str),
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
    /// What is otherwise for some.
    pub(super) workflows: Option<Workflows>,
    pub(super) groups: Groups,
    /// Key of a group by its name, and the other way round.
    pub(super) keys: BTreeMap<String, String>,
    pub(super) titles: BTreeMap<String, String>,
    pub(super) catalogue: Catalogue,
    pub(super) target: Target,
    pub(super) tenant: Tenant,
    pub(super) people: BTreeMap<PersonKey, Person>,
    pub(super) rows: BTreeMap<String, Row>,
    /// Rows of the file that are held, by worker: the person that they name.
    pub(super) reused: BTreeMap<String, PersonKey>,
    pub(super) names: Names,
    pub(super) fillers: u32,
    pub(super) accepted: Accepted,
    /// Bytes and as-of of the files of listed runs.
    pub(super) files: BTreeMap<u32, (FileId, Timestamp)>,
    pub(super) next_file: u32,
    /// The last listed run.
    pub(super) run: u32,
    pub(super) now: Timestamp,
    pub(super) entries: Vec<Entry>,
    /// The run that first planned a step.
    pub(super) planned: BTreeMap<(PersonKey, Op, String), u32>,
    pub(super) asks: BTreeMap<Hold, Ask>,
    /// Persons whose destructive steps the hold of a run keeps back, and those whose cuts pass.
    pub(super) held_people: BTreeMap<(u32, &'static str), BTreeSet<PersonKey>>,
    /// Single steps that it keeps back, whichever run planned them.
    pub(super) held_steps: BTreeMap<(u32, &'static str), BTreeSet<(PersonKey, Op)>>,
    pub(super) lane: BTreeSet<PersonKey>,
    /// Exceptions that are said once.
    pub(super) said: BTreeSet<(PersonKey, FindingKind, String)>,
    pub(super) submitters: BTreeMap<u32, Option<String>>,
    /// Instants and counts of what went under the budget of a day.
    pub(super) spent: BTreeMap<&'static str, Vec<(Timestamp, u32)>>,
    pub(super) metrics: Metrics,
    pub(super) fleet: Fleet,
    /// After so many steps the process dies, once.
    pub(super) fuse: Option<usize>,
    pub(super) dead: bool,
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

pub(super) fn source() -> SourceName {
    SourceName::new("hr")
}

pub(super) fn person_hash(person: &PersonKey) -> u128 {
    worker_hash(&source(), &WorkerId::new(person.as_str()))
}

impl<'c> Play<'c> {
    pub(super) fn new(case: &'c Case, params: Params) -> Result<Self, PlayError> {
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
        let workflows = Workflows::compile(&params.policy, &mapping);
        let workflows = workflows.map_err(|e| refuse(format!("`policy`: {e}")))?;
        let titles = keys.iter().map(|(name, key)| (key.clone(), name.clone()));
        let mut play = Self {
            case,
            catalogue: Catalogue::new(None, Some(&groups)),
            groups,
            workflows,
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

    /// The last listed instant.
    pub(super) fn last(&self) -> Timestamp {
        let runs = self.case.runs.iter().map(|it| it.at);
        let events = self.case.events.iter().map(|it| it.at);
        let expected = self.case.expect.iter().map(|it| it.at);
        let all = runs.chain(events).chain(expected).max();
        all.unwrap_or(self.now)
    }

    pub(super) fn all(&mut self) {
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

    pub(super) fn report(&mut self) {
        let mut metrics = std::mem::take(&mut self.metrics);
        metrics.close(self);
        self.metrics = metrics;
    }

    pub(super) fn night_after(&self, at: Timestamp) -> Timestamp {
        let day = at.to_zoned(TimeZone::UTC).date();
        let tonight = crate::policy::day_time(day, self.params.nightly, &TimeZone::UTC);
        if tonight > at {
            return tonight;
        }
        let day = day.saturating_add(1.day());
        crate::policy::day_time(day, self.params.nightly, &TimeZone::UTC)
    }

    /// The next instant at which anything of anybody falls due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let due = self.people.values().filter_map(|person| person.due);
        let devices = self.device_wakes();
        due.chain(devices).filter(|due| *due > self.now).min()
    }

    pub(super) fn new_file(&mut self) -> FileId {
        self.next_file += 1;
        FileId(self.next_file)
    }
}

pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
