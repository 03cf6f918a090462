//! Lines of managers: who reports to whom by the newest rows, climbed from whom a plan touches.
//!
//! What core wants to know about circles ([`rollcall_core::circles`]) is read here: from the sealed
//! row where the file has somebody, from the state where it has not, so that a partial file goes
//! together with what is known. One row is fetched for each manager on the way, none is mapped
//! (but those of people with several employments), and nothing is read of anybody whose manager
//! stays who it is.

use std::collections::BTreeSet;

use rollcall_core::circles::{Below, Circles, main_employment};
use rollcall_core::digest::worker_hash;
use rollcall_core::mapping::Given;
use rollcall_core::model::WorkerId;
use rollcall_core::policy::{Seen, Subject};
use rollcall_core::roster::Entry;
use rollcall_core::state::{Identity, key_prefix};

use super::read::Scan;
use super::{PlanError, Request};
use crate::rows::SealedRows;

/// The lines that were climbed so far.
pub(super) struct Lines {
    circles: Circles,
    tops: Vec<Top>,
}

/// A manager whose line is a slice.
struct Top {
    /// Which slice.
    slice: usize,
    person: u64,
    newest: Below,
    before: Below,
}

impl Lines {
    /// Nothing climbed yet. `tops` are the workers whose lines are slices.
    pub(super) fn new(tops: &[(usize, String)], scan: &Scan, request: &Request<'_>) -> Self {
        let top = |(slice, worker): &(usize, String)| {
            let person = person_of(&WorkerId::new(worker.as_str()), scan, request)?;
            Some(Top {
                slice: *slice,
                person,
                newest: Below::new(person),
                before: Below::new(person),
            })
        };
        Self {
            circles: Circles::default(),
            tops: tops.iter().filter_map(top).collect(),
        }
    }

    /// The slices whose tops are known.
    pub(super) fn known(&self) -> impl Iterator<Item = (usize, u64)> {
        self.tops.iter().map(|top| (top.slice, top.person))
    }

    /// The slices in whose lines somebody is, by the newest data or by what was known before them:
    /// nobody is moved out of a line by the file that is judged.
    pub(super) fn of(
        &mut self,
        subject: &Subject,
        scan: &Scan,
        rows: &mut Option<SealedRows>,
        request: &Request<'_>,
    ) -> Result<Vec<usize>, PlanError> {
        if self.tops.is_empty() {
            return Ok(Vec::new());
        }
        let person = &subject.person;
        let me = key_prefix(person.hot().key);
        let known = person.wanted.iter().chain(&person.others);
        let named = said(subject).into_iter().chain(known);
        let managers = named.filter_map(|it| it.manager.as_ref());
        let managers = managers.chain(&person.manager);
        let managers: BTreeSet<u64> = managers
            .filter_map(|it| person_of(it, scan, request))
            .collect();
        let mut out = Vec::new();
        for top in &mut self.tops {
            let mut inside = top.person == me;
            for manager in &managers {
                inside = inside
                    || top
                        .newest
                        .has(*manager, |at| above(at, scan, rows, request))?
                    || top.before.has(*manager, |at| above_before(at, request))?;
            }
            if inside {
                out.push(top.slice);
            }
        }
        Ok(out)
    }

    /// Whether somebody whose manager would be written is in a circle.
    pub(super) fn in_circle(
        &mut self,
        subject: &Subject,
        scan: &Scan,
        rows: &mut Option<SealedRows>,
        request: &Request<'_>,
    ) -> Result<bool, PlanError> {
        let person = &subject.person;
        let stays =
            |manager: &WorkerId| !person.unfinished && person.manager.as_ref() == Some(manager);
        let me = key_prefix(person.hot().key);
        let said = said(subject).into_iter();
        for manager in said.filter_map(|it| it.manager.as_ref()) {
            let manager = person_of(manager, scan, request).filter(|_| !stays(manager));
            if let Some(manager) = manager {
                let manager_of = |at| above(at, scan, rows, request);
                if self.circles.has(me, manager, manager_of)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// The rows that a decision would follow.
fn said(subject: &Subject) -> Vec<&Identity> {
    let person = &subject.person;
    match &subject.seen {
        Seen::Row {
            identity, others, ..
        } => std::iter::once(&**identity).chain(others).collect(),
        Seen::Before => person.wanted.iter().chain(&person.others).collect(),
        Seen::Held | Seen::Absent => Vec::new(),
    }
}

/// The person behind a worker id, in the file or in the state.
pub(super) fn person_of(worker: &WorkerId, scan: &Scan, request: &Request<'_>) -> Option<u64> {
    let prefix = key_prefix(worker_hash(&request.source, worker));
    let named = scan.roster.person_of(prefix);
    named.or_else(|| known_person(worker, request))
}

/// Whom a person reports to by the newest data.
pub(super) fn above(
    person: u64,
    scan: &Scan,
    rows: &mut Option<SealedRows>,
    request: &Request<'_>,
) -> Result<Option<u64>, PlanError> {
    let entry = scan.roster.entry_of(person).filter(|it| !it.held);
    let named = match (entry, rows) {
        (Some(entry), Some(rows)) => in_file(entry, scan, rows, request)?,
        _ => None,
    };
    let manager = match named {
        Some(manager) => Some(manager),
        None => in_state(person, entry.is_some(), request)?,
    };
    Ok(manager.and_then(|manager| person_of(&manager, scan, request)))
}

/// Whom a person reported to by what the state knows.
fn above_before(person: u64, request: &Request<'_>) -> Result<Option<u64>, PlanError> {
    let manager = in_state(person, false, request)?;
    Ok(manager.and_then(|manager| known_person(&manager, request)))
}

/// The person behind a worker id in the state.
pub(super) fn known_person(worker: &WorkerId, request: &Request<'_>) -> Option<u64> {
    let prefix = key_prefix(worker_hash(&request.source, worker));
    let state = request.state;
    let at = state.workers().find(state.hot(), prefix).next();
    at.map(|at| key_prefix(state.hot()[at].key))
}

/// The manager in the rows of a person.
fn in_file(
    entry: &Entry,
    scan: &Scan,
    rows: &mut SealedRows,
    request: &Request<'_>,
) -> Result<Option<WorkerId>, PlanError> {
    let Some(jobs) = scan.jobs.get(&entry.key) else {
        let row = rows.at(entry.byte)?;
        return Ok(rows.manager(&row).map(WorkerId::new));
    };
    let mut said = Vec::with_capacity(jobs.len());
    for job in jobs {
        let row = rows.at(job.byte)?;
        let given = Given {
            now: request.now,
            key: &request.key,
        };
        said.push(rows.map(&row, &given).identity);
    }
    let today = request.now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let main = main_employment(&said, today);
    Ok(main.and_then(|it| it.manager.clone()))
}

/// The manager whom the state knows: the one in force where a row of the file names none, as an
/// empty cell leaves it as it is.
fn in_state(
    person: u64,
    in_file: bool,
    request: &Request<'_>,
) -> Result<Option<WorkerId>, PlanError> {
    let hot = request.state.hot();
    let at = hot.partition_point(|it| key_prefix(it.key) < person);
    if hot.get(at).is_none_or(|it| key_prefix(it.key) != person) {
        return Ok(None);
    }
    let Some(known) = request.state.persons(&[at])?.pop() else {
        return Ok(None);
    };
    let may_be_empty = &request.policy.managers.no_manager_ok;
    let cleared = in_file && may_be_empty.iter().any(|it| it == known.worker.as_str());
    let said = known.wanted.and_then(|it| it.manager).filter(|_| !in_file);
    Ok(said.or(known.manager).filter(|_| !cleared))
}
