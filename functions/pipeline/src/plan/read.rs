//! What the sealed rows and the state say: the index of a delivery, and each touched person.

use rollcall_core::delta::{Cause, Touch};
use rollcall_core::digest::{WorkerHasher, worker_hash};
use rollcall_core::guards::IntakeCounts;
use rollcall_core::mapping::Given;
use rollcall_core::model::{Finding, FindingKind, Place, Severity, WorkerId, text_shape};
use rollcall_core::policy::{Seen, StatusClass, Subject};
use rollcall_core::references;
use rollcall_core::roster::{Entry, Roster, RosterBuilder};
use rollcall_core::state::Person;

use super::{PlanError, Request};
use crate::rows::SealedRows;
use crate::store::StoreError;

/// The index of a delivery.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) roster: Roster,
    pub(super) counts: IntakeCounts,
}

/// Streams the rows once: index, counts, and findings about repeated keys.
///
/// `expected` is how many rows there were when they were sealed.
pub(super) fn scan(
    rows: &mut SealedRows,
    expected: u32,
    request: &Request<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Scan, PlanError> {
    let hasher = WorkerHasher::new(&request.source);
    let mut builder = RosterBuilder::for_rows(expected);
    let mut counts = IntakeCounts::default();
    let key_column = rows.key_column();
    rows.scan(|row| {
        counts.rows += 1;
        if let Some(key) = row.odd_key {
            let note = format!("{} does not fit the declared pattern", text_shape(key));
            let place = Place::cell(row.row, key_column.clone());
            let kind = FindingKind::KeyFormatMismatch;
            findings.push(Finding::new(kind, Severity::Held, place, note));
        }
        if !row.held {
            match request.policy.class(row.status) {
                StatusClass::Active | StatusClass::Rescinded => {}
                StatusClass::Inactive | StatusClass::NoShow | StatusClass::Deceased => {
                    counts.inactive += 1;
                }
                StatusClass::Unknown => counts.unknown_status += 1,
            }
        }
        match row.key {
            None => builder.push_keyless(),
            Some(key) => builder.push(Entry {
                key: hasher.hash(key),
                fingerprint: row.fingerprint,
                byte: row.byte,
                row: row.row,
                held: row.held,
            }),
        }
    })?;
    findings.extend(rows.findings());
    let roster = builder.finish();
    for repeated in roster.repeated() {
        let first = repeated.rows[0];
        for entry in &repeated.rows {
            let row = rows.at(entry.byte)?;
            let worker = WorkerId::new(row.key().unwrap_or_default());
            if repeated.conflict {
                let others = repeated.rows.iter().filter(|o| o.row != entry.row);
                let others: Vec<String> = others.map(|o| o.row.to_string()).collect();
                let note = format!(
                    "the key also stands on row {} with other content; none of them is believed, \
                     and the worker counts as present",
                    others.join(", ")
                );
                findings.push(
                    Finding::new(
                        FindingKind::DuplicateConflict,
                        Severity::Held,
                        Place::cell(entry.row, rows.key_column()),
                        note,
                    )
                    .of(&worker),
                );
                if let Some(manager) = rows.manager(&row)
                    && !known(&manager, request, &roster)
                {
                    findings.push(unknown_manager(&manager, entry.row).of(&worker));
                }
            } else if entry.row != first.row {
                let note = format!("the same as row {}; it counts once", first.row);
                findings.push(
                    Finding::new(
                        FindingKind::DuplicateIdentical,
                        Severity::Info,
                        Place::cell(entry.row, rows.key_column()),
                        note,
                    )
                    .of(&worker),
                );
            }
        }
    }
    Ok(Scan { roster, counts })
}

/// A person to decide about.
pub(super) struct Ready {
    pub(super) subject: Subject,
    pub(super) row: Option<u32>,
    /// The state has them.
    pub(super) known: bool,
}

/// Everything that is known of some of the persons that a plan touches.
pub(super) fn subjects(
    chunk: &[Touch],
    scan: &Scan,
    rows: &mut Option<SealedRows>,
    request: &Request<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Ready>, PlanError> {
    let known: Vec<usize> = chunk.iter().filter_map(|t| t.hot).collect();
    let mut persons = request.state.persons(&known)?.into_iter();
    let mut out = Vec::with_capacity(chunk.len());
    for touch in chunk {
        let person = match touch.hot {
            Some(_) => Some(persons.next().ok_or_else(|| StoreError::Corrupt {
                key: "state".to_owned(),
                why: "fewer persons than asked for".to_owned(),
            })?),
            None => None,
        };
        let known = person.is_some();
        let (row, seen, worker) = match (touch.entry, rows.as_mut()) {
            (Some(at), Some(rows)) => {
                let entry = scan.roster.entries()[at];
                let (seen, worker) = see(&entry, rows, request, &scan.roster, findings)?;
                (Some(entry.row), seen, Some(worker))
            }
            _ if touch.cause == Cause::Absent => (None, Seen::Absent, None),
            _ => (None, Seen::Before, None),
        };
        let person = match (person, worker) {
            (Some(person), _) => person,
            (None, Some(worker)) => Person::new(request.source.clone(), worker),
            (None, None) => continue,
        };
        out.push(Ready {
            subject: Subject {
                person,
                seen,
                in_cycle: false,
            },
            row,
            known,
        });
    }
    Ok(out)
}

/// What one row says.
fn see(
    entry: &Entry,
    rows: &mut SealedRows,
    request: &Request<'_>,
    roster: &Roster,
    findings: &mut Vec<Finding>,
) -> Result<(Seen, WorkerId), PlanError> {
    let row = rows.at(entry.byte)?;
    let worker = WorkerId::new(row.key().unwrap_or_default());
    if entry.held {
        return Ok((Seen::Held, worker));
    }
    let given = Given {
        now: request.now,
        key: request.key,
    };
    let mapped = rows.map(&row, &given);
    let doubt = mapped.findings.iter().any(|f| f.severity == Severity::Held);
    findings.extend(mapped.findings.iter().cloned().map(|f| f.of(&worker)));
    if let Some(manager) = &mapped.identity.manager
        && !known(manager.as_str(), request, roster)
    {
        findings.push(unknown_manager(manager.as_str(), entry.row).of(&worker));
    }
    if doubt && !mapped.facts_sound {
        return Ok((Seen::Held, worker));
    }
    let seen = Seen::Row {
        row: entry.row,
        fingerprint: entry.fingerprint,
        identity: Box::new(mapped.identity),
        others: Vec::new(),
        sound: !doubt,
    };
    Ok((seen, worker))
}

/// Whether the file or the state knows a worker.
fn known(worker: &str, request: &Request<'_>, roster: &Roster) -> bool {
    let hash = worker_hash(&request.source, &WorkerId::new(worker));
    roster.contains(hash) || request.state.find(hash).is_some()
}

fn unknown_manager(manager: &str, row: u32) -> Finding {
    let note = format!(
        "manager {} is in no row of the file and unknown; the manager is left as it is",
        references::shown(manager)
    );
    let kind = FindingKind::ManagerNotInRoster;
    Finding::new(kind, Severity::Warning, Place::row(row), note)
}
