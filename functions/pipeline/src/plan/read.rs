//! What the sealed rows and the state say: the index of a delivery, and each touched person.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rollcall_core::circles::main_employment;
use rollcall_core::delta::{Cause, Touch};
use rollcall_core::digest::{WorkerHasher, worker_hash};
use rollcall_core::guards::IntakeCounts;
use rollcall_core::mapping::Given;
use rollcall_core::model::{
    Finding, FindingKind, PersonKey, Place, RunId, Severity, SourceName, WorkerId, text_shape,
};
use rollcall_core::notice::Notice;
use rollcall_core::policy::{Seen, StatusClass, Subject, day_start};
use rollcall_core::references;
use rollcall_core::roster::{Entry, Roster, RosterBuilder};
use rollcall_core::state::{Identity, Person, key_prefix};
use rollcall_core::undo::Deed;
use tempfile::SpooledTempFile;

use super::lines::Lines;
use super::{PlanError, Request, Undo};
use crate::rows::SealedRows;
use crate::spool::next_line;
use crate::state::Named;
use crate::store::StoreError;

/// The index of a delivery.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) roster: Roster,
    pub(super) counts: IntakeCounts,
    /// The rows of people with several employments, by the hash of the person's key.
    pub(super) jobs: BTreeMap<u128, Vec<Entry>>,
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
    let persons = rows.has_persons();
    let feed = request.feed;
    let joins = feed.population && request.feeds.join_persons();
    rows.scan(|row| {
        counts.rows += 1;
        if let Some(key) = row.odd_key {
            let note = format!("{} does not fit the declared pattern", text_shape(key));
            let place = Place::cell(row.row, key_column.clone());
            let kind = FindingKind::KeyFormatMismatch;
            findings.push(Finding::new(kind, Severity::Held, place, note));
        }
        if !row.held && feed.population {
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
            Some(key) => {
                let worker = hasher.hash(key);
                let mut held = row.held;
                // No person's key has a control character: a worker id alone is nobody's.
                let nobody = || hasher.hash(&format!("\0row\0{key}"));
                let mut person = match row.person {
                    Some(person) => hasher.hash(person),
                    None if joins || !feed.population => nobody(),
                    None => worker,
                };
                if row.person.is_none() && joins {
                    held = true;
                    findings.push(no_person(row.row).of(&WorkerId::new(key)));
                }
                if !feed.population && !persons {
                    match whose(worker, request) {
                        Whose::Ones(key) => person = key,
                        Whose::Nobodys => {}
                        Whose::Several => {
                            held = true;
                            findings.push(of_several(row.row).of(&WorkerId::new(key)));
                        }
                    }
                }
                if persons {
                    builder.push_worker(worker, person);
                }
                builder.push(Entry {
                    key: person,
                    fingerprint: row.fingerprint,
                    byte: row.byte,
                    row: row.row,
                    held,
                });
            }
        }
    })?;
    findings.extend(rows.findings());
    let mut roster = builder.finish();
    let mut jobs = BTreeMap::new();
    for repeated in roster.repeated().to_vec() {
        let mut workers: BTreeMap<WorkerId, Vec<Entry>> = BTreeMap::new();
        for entry in &repeated.rows {
            let row = rows.at(entry.byte)?;
            let mut worker = WorkerId::new(row.key().unwrap_or_default());
            // Of attributes only one row says what they are, whatever its key.
            if let Some(first) = workers.keys().next().filter(|_| !feed.population) {
                worker = first.clone();
            }
            workers.entry(worker).or_default().push(*entry);
        }
        for (worker, same) in &workers {
            repeats(worker, same, rows, request, &roster, findings)?;
        }
        if workers.len() > 1 {
            let conflict = |same: &Vec<Entry>| {
                let first = same[0];
                same.iter().any(|it| it.fingerprint != first.fingerprint)
            };
            let held = |same: &Vec<Entry>| same[0].held || conflict(same);
            let held = workers.values().any(held);
            let mut prints: Vec<u128> = workers.values().map(|it| it[0].fingerprint).collect();
            prints.sort_unstable();
            let text: Vec<String> = prints.iter().map(|it| format!("{it:032x}")).collect();
            roster.join(repeated.key, hasher.hash(&text.concat()), held);
            let first = workers.into_values().map(|it| it[0]).collect();
            jobs.insert(repeated.key, first);
        }
    }
    Ok(Scan {
        roster,
        counts,
        jobs,
    })
}

/// Rows of one worker that stand in the file more than once.
fn repeats(
    worker: &WorkerId,
    same: &[Entry],
    rows: &mut SealedRows,
    request: &Request<'_>,
    roster: &Roster,
    findings: &mut Vec<Finding>,
) -> Result<(), PlanError> {
    let Some((first, rest)) = same.split_first() else {
        return Ok(());
    };
    if rest.is_empty() {
        return Ok(());
    }
    let differs = |it: &&Entry| it.fingerprint != first.fingerprint || it.held != first.held;
    if !rest.iter().any(|it| differs(&it)) {
        for entry in rest {
            let note = format!("the same as row {}; it counts once", first.row);
            let place = Place::cell(entry.row, rows.key_column());
            let kind = FindingKind::DuplicateIdentical;
            findings.push(Finding::new(kind, Severity::Info, place, note).of(worker));
        }
        return Ok(());
    }
    for entry in same {
        let others = same.iter().filter(|o| o.row != entry.row);
        let others: Vec<String> = others.map(|o| o.row.to_string()).collect();
        let note = format!(
            "the key also stands on row {} with other content; none of them is believed, and the \
             worker counts as present",
            others.join(", ")
        );
        let place = Place::cell(entry.row, rows.key_column());
        let kind = FindingKind::DuplicateConflict;
        findings.push(Finding::new(kind, Severity::Held, place, note).of(worker));
        let row = rows.at(entry.byte)?;
        let manager = rows.manager(&row);
        let found = manager.and_then(|it| nobodys(&it, entry.row, request, roster));
        findings.extend(found.map(|it| it.of(worker)));
    }
    Ok(())
}

/// A person to decide about.
pub(super) struct Ready {
    pub(super) subject: Subject,
    pub(super) row: Option<u32>,
    /// The state has them.
    pub(super) known: bool,
    /// Reading alone made something of them that the state does not have.
    pub(super) changed: bool,
    /// What a run did to them, where that is taken back.
    pub(super) deed: Option<(RunId, Deed)>,
    /// What people say of them, and where it is written.
    pub(super) notices: Vec<(Notice, String)>,
    /// Slices that are lines of managers, and they are in.
    pub(super) lines: Vec<usize>,
}

/// Persons of whom a run is taken back.
pub(super) struct Undoing {
    run: RunId,
    deeds: BufReader<SpooledTempFile>,
    line: Vec<u8>,
    gone: BTreeSet<u128>,
}

impl Undoing {
    /// `gone`: of whom nothing is decided any more.
    pub(super) fn new(undo: Undo, gone: Option<&BTreeSet<u128>>) -> Result<Self, PlanError> {
        Ok(Self {
            run: undo.run,
            deeds: undo.deeds.reader()?,
            line: Vec::new(),
            gone: gone.cloned().unwrap_or_default(),
        })
    }

    /// The next ones, at most so many; none behind the last.
    pub(super) fn next(
        &mut self,
        most: usize,
        request: &Request<'_>,
        lines: &mut Lines,
    ) -> Result<Vec<Ready>, PlanError> {
        let state = request.state;
        let (mut places, mut deeds) = (Vec::new(), Vec::new());
        while places.len() < most {
            let Some(line) = next_line(&mut self.deeds, &mut self.line)? else {
                break;
            };
            let (key, deed): (String, Deed) =
                serde_json::from_slice(line).map_err(std::io::Error::from)?;
            let key = u128::from_str_radix(&key, 16).unwrap_or_default();
            if self.gone.contains(&key) {
                continue;
            }
            // Whom the state does not have, nothing was done to.
            if let Ok(at) = state.hot().binary_search_by_key(&key, |hot| hot.key) {
                places.push(at);
                deeds.push(deed);
            }
        }
        let persons = state.persons(&places)?;
        let mut out = Vec::with_capacity(persons.len());
        for (person, deed) in persons.into_iter().zip(deeds) {
            let subject = Subject {
                person,
                seen: Seen::Before,
                in_cycle: false,
            };
            // There is no delivery: everybody reports to whom the state knows.
            let inside = lines.of(&subject, &Scan::default(), &mut None, request)?;
            out.push(Ready {
                subject,
                row: None,
                known: true,
                changed: false,
                deed: Some((self.run.clone(), deed)),
                notices: Vec::new(),
                lines: inside,
            });
        }
        Ok(out)
    }
}

/// Everything that is known of some of the persons that a plan touches.
pub(super) fn subjects(
    chunk: &[Touch],
    scan: &Scan,
    rows: &mut Option<SealedRows>,
    request: &Request<'_>,
    lines: &mut Lines,
    (findings, set_aside): (&mut Vec<Finding>, &mut SetAside),
) -> Result<Vec<Ready>, PlanError> {
    let beside = request.feeds.beside(&request.feed.name);
    let owners = request.feeds.owners();
    let known: Vec<usize> = chunk.iter().filter_map(|t| t.hot).collect();
    let mut persons = request.state.persons(&known)?.into_iter();
    let mut out = Vec::with_capacity(chunk.len());
    for touch in chunk {
        let mut person = match touch.hot {
            Some(_) => Some(persons.next().ok_or_else(|| StoreError::Corrupt {
                key: "state".to_owned(),
                why: "fewer persons than asked for".to_owned(),
            })?),
            None => None,
        };
        let known = person.is_some();
        // Where reading itself may say something new.
        let reads = !owners.is_empty() || !request.feed.population;
        let before = person.as_ref().filter(|_| reads).cloned();
        let (row, mut seen, who) = match (touch.entry, rows.as_mut()) {
            (Some(at), Some(rows)) if !request.feed.population => {
                let entry = scan.roster.entries()[at];
                let told = (&mut *findings, &mut *set_aside);
                take_in(&entry, person.as_mut(), rows, request, told)?;
                (Some(entry.row), Seen::Before, None)
            }
            (Some(at), Some(rows)) => {
                let entry = scan.roster.entries()[at];
                let (mut seen, worker, key) =
                    see(&entry, rows, request, scan, findings, set_aside)?;
                // Of a row that is not believed nothing comes anyway.
                if !entry.held
                    && let Some(found) = taken_id(
                        (&entry, &worker),
                        (person.as_ref(), &key),
                        scan,
                        rows,
                        request,
                    )?
                {
                    findings.push(found);
                    if person.is_none() {
                        continue;
                    }
                    seen = Seen::Held;
                }
                (Some(entry.row), seen, Some((worker, key)))
            }
            _ if touch.cause == Cause::Absent && !request.feed.population => {
                // What it said last stands.
                if let Some(person) = &mut person {
                    person.parts.remove(&request.feed.name);
                }
                (None, Seen::Before, None)
            }
            _ if touch.cause == Cause::Absent => {
                // Their worker id stands beside another person, or none: that is no absence.
                let worker = touch.hot.map(|at| request.state.hot()[at].worker);
                let jobs = person
                    .iter()
                    .flat_map(|it| it.wanted.iter().chain(&it.others));
                let jobs = jobs.filter(|job| job.source == beside);
                let jobs = jobs.map(|job| key_prefix(worker_hash(&request.source, &job.worker)));
                let there = worker
                    .into_iter()
                    .chain(jobs)
                    .any(|it| scan.roster.stands(it));
                let seen = if there { Seen::Held } else { Seen::Absent };
                (None, seen, None)
            }
            _ => (None, Seen::Before, None),
        };
        let mut person = match (person, who) {
            (Some(person), _) => person,
            (None, Some((worker, key))) => {
                let mut person = Person::new(request.source.clone(), worker);
                person.person = key;
                person.elsewhere = beside.is_some();
                person
            }
            (None, None) => continue,
        };
        if !owners.is_empty() {
            let mut jobs: Vec<Identity> = person.employments().cloned().collect();
            if let Seen::Row {
                identity,
                others,
                sound: true,
                ..
            } = &seen
            {
                jobs.retain(|job| job.source != beside);
                jobs.extend(std::iter::once(&**identity).chain(others).cloned());
            }
            speak(&mut person, jobs, request);
            owners.settle_person(&mut person);
            if let Seen::Row {
                identity, others, ..
            } = &mut seen
            {
                for job in std::iter::once(&mut **identity).chain(others) {
                    owners.settle(job, &person.owned, &request.source);
                }
            }
        }
        let changed = before.is_some_and(|before| before != person);
        match seen {
            Seen::Row { .. } | Seen::Held | Seen::Absent => person.face(beside.as_ref()),
            // Nothing new: as the source of the employment that counts sees them.
            Seen::Before => person.face(person.main_source().as_ref()),
        }
        let mut subject = Subject {
            person,
            seen,
            in_cycle: false,
        };
        subject.forget_purged(request.now);
        subject.in_cycle = lines.in_circle(&subject, scan, rows, request)?;
        // Nothing is taken from somebody new.
        let inside = if known {
            lines.of(&subject, scan, rows, request)?
        } else {
            Vec::new()
        };
        out.push(Ready {
            subject,
            row,
            known,
            changed,
            deed: None,
            notices: notices_of(touch.hot, request),
            lines: inside,
        });
    }
    Ok(out)
}

/// The owners among those who employ somebody say what their attributes are: by the rows that hold
/// by now, not by those that are to come.
fn speak(person: &mut Person, mut jobs: Vec<Identity>, request: &Request<'_>) {
    let now = request.now;
    let holds = |job: &Identity| {
        let zone = zone_of(job, request);
        let begun = |date: Date| day_start(date, &zone) <= now;
        job.hire.is_none_or(begun) && job.terms.effective.is_none_or(begun)
    };
    jobs.retain(holds);
    let today = now.to_zoned(TimeZone::UTC).date();
    let owners = request.feeds.owners();
    let sources: BTreeSet<&SourceName> = owners.iter().map(|(_, owner)| owner).collect();
    for source in sources {
        let beside = request.feeds.beside(source);
        let of = jobs.iter().filter(|job| job.source == beside).cloned();
        let of: Vec<Identity> = of.collect();
        if let Some(main) = main_employment(&of, today) {
            owners.take_in(person, source, main);
        }
    }
}

/// Whether an employment is over by what its row says.
pub(super) fn is_over(job: &Identity, request: &Request<'_>) -> bool {
    let last = job.last();
    match (request.policy.class(&job.status), last) {
        (StatusClass::NoShow | StatusClass::Deceased | StatusClass::Rescinded, _)
        | (StatusClass::Inactive, None) => true,
        (StatusClass::Active | StatusClass::Inactive, Some(last)) => {
            day_start(last.saturating_add(1.day()), &zone_of(job, request)) <= request.now
        }
        (StatusClass::Active, None) | (StatusClass::Unknown, _) => false,
    }
}

/// The zone of a worker's place; UTC where nobody says one that there is.
fn zone_of(job: &Identity, request: &Request<'_>) -> TimeZone {
    let name = job.zone.as_ref().or(request.policy.default_zone.as_ref());
    let zone = name.and_then(|name| jiff::tz::db().get(name).ok());
    zone.unwrap_or(TimeZone::UTC)
}

/// What people say of the person at a place of the state.
fn notices_of(place: Option<usize>, request: &Request<'_>) -> Vec<(Notice, String)> {
    let Some(place) = place.filter(|_| !request.notices.is_empty()) else {
        return Vec::new();
    };
    let about = request.notices.iter().filter(|it| {
        let worker = &it.notice.worker;
        request.state.place_of(&request.source, worker) == Some(place)
    });
    about
        .map(|it| {
            let key = it.stored.first().map(|at| at.key.clone());
            (it.notice.clone(), key.unwrap_or_default())
        })
        .collect()
}

/// What the rows of a person say; their worker id, and their key.
fn see(
    entry: &Entry,
    rows: &mut SealedRows,
    request: &Request<'_>,
    scan: &Scan,
    findings: &mut Vec<Finding>,
    set_aside: &mut SetAside,
) -> Result<(Seen, WorkerId, PersonKey), PlanError> {
    let row = rows.at(entry.byte)?;
    let worker = WorkerId::new(row.key().unwrap_or_default());
    let key = rows.person(&row);
    let key = PersonKey::new(key.unwrap_or_else(|| worker.as_str().to_owned()));
    if entry.held {
        return Ok((Seen::Held, worker, key));
    }
    let one = [*entry];
    let jobs = scan.jobs.get(&entry.key).map_or(&one[..], Vec::as_slice);
    let feed = request.feed;
    let beside = request.feeds.beside(&feed.name);
    let mut identities = Vec::with_capacity(jobs.len());
    let mut sound = true;
    for job in jobs {
        let row = rows.at(job.byte)?;
        let given = Given {
            now: request.now,
            key: &request.key,
        };
        let mut mapped = rows.map(&row, &given);
        mapped.identity.source.clone_from(&beside);
        let entered = &mut mapped.identity.terms.entered;
        // Nobody entered anything after the day of the delivery that says it.
        let latest = request.as_of.map(|at| at.saturating_add(24.hours()));
        *entered = entered.map(|at| latest.and_then(Result::ok).map_or(at, |last| at.min(last)));
        set_aside.add(request.feeds.owners().not_of(&feed.name, &mapped.identity));
        let worker = mapped.identity.worker.clone();
        let doubt = mapped.findings.iter().any(|f| f.severity == Severity::Held);
        findings.extend(mapped.findings.iter().cloned().map(|f| f.of(&worker)));
        let manager = mapped.identity.manager.as_ref();
        let found = manager.and_then(|it| nobodys(it.as_str(), job.row, request, &scan.roster));
        findings.extend(found.map(|it| it.of(&worker)));
        sound &= !doubt;
        identities.push(mapped.identity);
    }
    let first = identities.remove(0);
    let seen = Seen::Row {
        row: entry.row,
        fingerprint: entry.fingerprint,
        identity: Box::new(first),
        others: identities,
        sound,
    };
    Ok((seen, worker, key))
}

/// A row of a source that brings attributes only: what it says of those that it owns stands from
/// now on, where it is believed and somebody's whom another source brought.
fn take_in(
    entry: &Entry,
    person: Option<&mut Person>,
    rows: &mut SealedRows,
    request: &Request<'_>,
    (findings, set_aside): (&mut Vec<Finding>, &mut SetAside),
) -> Result<(), PlanError> {
    let row = rows.at(entry.byte)?;
    let worker = WorkerId::new(row.key().unwrap_or_default());
    let Some(person) = person else {
        set_aside.of_nobody.push(entry.row);
        if set_aside.of_nobody.len() > NOBODY_NAMED {
            return Ok(());
        }
        let note = format!(
            "no person whom another source brought; `{}` brings values only",
            request.feed.name
        );
        let (kind, place) = (FindingKind::NobodyOfRow, Place::row(entry.row));
        findings.push(Finding::new(kind, Severity::Warning, place, note).of(&worker));
        return Ok(());
    };
    let given = Given {
        now: request.now,
        key: &request.key,
    };
    let mapped = rows.map(&row, &given);
    let doubt = mapped.findings.iter().any(|f| f.severity == Severity::Held);
    findings.extend(mapped.findings.into_iter().map(|f| f.of(&worker)));
    let part = person.parts.entry(request.feed.name.clone()).or_default();
    part.elsewhere = false;
    part.listed = true;
    // A row in doubt is looked at again, and the last good one stands.
    part.fingerprint = 0;
    if !entry.held && !doubt {
        part.fingerprint = entry.fingerprint;
        let now = format!("{:032x}", entry.fingerprint);
        let undone = person.undone.as_mut();
        if let Some(undone) = undone.filter(|it| it.source.as_ref() == Some(&request.feed.name))
            && *undone.seen.get_or_insert_with(|| now.clone()) != now
        {
            // It says something else than what was taken back.
            person.undone = None;
        }
        let owners = request.feeds.owners();
        owners.take_in(person, &request.feed.name, &mapped.identity);
    }
    Ok(())
}

/// How many rows of nobody have a finding each; of the others one says how many, and which, they are.
const NOBODY_NAMED: usize = 20;

/// What rows say and nobody takes.
#[derive(Default)]
pub(super) struct SetAside {
    /// Values of attributes that another source owns, by attribute.
    owned: BTreeMap<String, u32>,
    /// Rows of somebody whom no source of persons brought.
    of_nobody: Vec<u32>,
}

impl SetAside {
    fn add<'a>(&mut self, attributes: impl Iterator<Item = &'a str>) {
        for attribute in attributes {
            *self.owned.entry(attribute.to_owned()).or_default() += 1;
        }
    }

    /// One finding an attribute, and one about the rows that are not named.
    pub(super) fn findings(self, request: &Request<'_>) -> Vec<Finding> {
        let mut more = self.of_nobody;
        more.drain(..NOBODY_NAMED.min(more.len()));
        let more = (!more.is_empty()).then(|| {
            let count = more.len();
            let note = format!("{count} more rows are of no person whom another source brought");
            let (kind, place) = (FindingKind::NobodyOfRow, Place::default());
            let finding = Finding::new(kind, Severity::Warning, place, note);
            let finding = finding.with("rows", count.to_string());
            finding.with("which", ranges(more))
        });
        let found = self.owned.into_iter().map(|(attribute, count)| {
            let owner = request.feeds.owners().of(&attribute);
            let note = format!(
                "{count} new or changed rows have a value of `{attribute}`, which `{}` owns; it is not \
                 written",
                owner.map_or("", |it| it.as_str())
            );
            let finding = Finding::new(
                FindingKind::NotOwner,
                Severity::Info,
                Place::default(),
                note,
            );
            finding.with("attribute", attribute).with("rows", count.to_string())
        });
        found.chain(more).collect()
    }
}

/// Row numbers as a person writes them: `4-7, 9`.
fn ranges(mut rows: Vec<u32>) -> String {
    rows.sort_unstable();
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for row in rows {
        match spans.last_mut() {
            Some((_, to)) if *to + 1 >= row => *to = row,
            _ => spans.push((row, row)),
        }
    }
    let one = |(from, to): &(u32, u32)| {
        if from == to {
            from.to_string()
        } else {
            format!("{from}-{to}")
        }
    };
    spans.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Whose a worker id is.
enum Whose {
    Nobodys,
    /// The key of the person.
    Ones(u128),
    Several,
}

/// Whose a worker id is: on the account, or of any employment.
fn whose(worker: u128, request: &Request<'_>) -> Whose {
    let (state, prefix) = (request.state, key_prefix(worker));
    let mut found = state.workers().find(state.hot(), prefix);
    match (found.next(), found.next()) {
        (None, _) => Whose::Nobodys,
        (Some(at), None) => Whose::Ones(state.hot()[at].key),
        (Some(_), Some(_)) => Whose::Several,
    }
}

fn of_several(row: u32) -> Finding {
    let note = "the worker id is that of several persons; let the mapping of this source \
                say `worker.person`";
    Finding::new(FindingKind::IdReuse, Severity::Held, Place::row(row), note)
}

fn no_person(row: u32) -> Finding {
    let note = "the row says no person: nobody can tell whether another source has them, too; nothing \
                is done with it, and the worker counts as present";
    let kind = FindingKind::PersonMissing;
    Finding::new(kind, Severity::Held, Place::row(row), note)
}

/// A worker id that the rows of a person bring anew, and that is somebody else's, too: whom it
/// names, nobody could tell.
fn taken_id(
    (entry, worker): (&Entry, &WorkerId),
    (person, key): (Option<&Person>, &PersonKey),
    scan: &Scan,
    rows: &mut SealedRows,
    request: &Request<'_>,
) -> Result<Option<Finding>, PlanError> {
    let Some(jobs) = scan.jobs.get(&entry.key) else {
        return taken(worker, entry.row, (person, key), scan, request);
    };
    for job in jobs {
        let row = rows.at(job.byte)?;
        let worker = WorkerId::new(row.key().unwrap_or_default());
        let found = taken(&worker, job.row, (person, key), scan, request)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn taken(
    worker: &WorkerId,
    row: u32,
    (person, key): (Option<&Person>, &PersonKey),
    scan: &Scan,
    request: &Request<'_>,
) -> Result<Option<Finding>, PlanError> {
    if person.is_some_and(|it| carries(it, worker)) {
        return Ok(None);
    }
    let prefix = key_prefix(worker_hash(&request.source, worker));
    let why = if scan.roster.is_shared(prefix) {
        "the file has the worker id for several persons"
    } else if is_others(worker, key, request)? {
        "the worker id is that of another person whom Rollcall knows"
    } else {
        return Ok(None);
    };
    let note = format!("{why}; nothing is done with the row until HR says whose it is");
    let (kind, place) = (FindingKind::IdReuse, Place::row(row));
    Ok(Some(
        Finding::new(kind, Severity::Held, place, note).of(worker),
    ))
}

/// Whether a worker id is that of somebody else whom the state has, by the account or an employment
/// in any source.
fn is_others(
    worker: &WorkerId,
    person: &PersonKey,
    request: &Request<'_>,
) -> Result<bool, PlanError> {
    let at = match request.state.named(&request.source, worker) {
        Named::Nobody => return Ok(false),
        Named::Several(_) => return Ok(true),
        Named::One(at) => at,
    };
    let owner = request.state.persons(&[at])?.pop();
    Ok(owner.is_some_and(|owner| owner.person != *person && carries(&owner, worker)))
}

/// Whether a worker id is on the account of a person, or of an employment.
fn carries(person: &Person, worker: &WorkerId) -> bool {
    person.worker == *worker || person.employments().any(|job| job.worker == *worker)
}

/// A manager whom neither the file nor the state knows, or knows as several.
fn nobodys(manager: &str, row: u32, request: &Request<'_>, roster: &Roster) -> Option<Finding> {
    let worker = WorkerId::new(manager);
    let prefix = key_prefix(worker_hash(&request.source, &worker));
    let why = match request.state.named(&request.source, &worker) {
        Named::One(_) => return None,
        Named::Nobody if roster.stands(prefix) => return None,
        Named::Nobody => "is in no row of the file and unknown",
        Named::Several(_) => "is the worker id of several persons",
    };
    let note = format!(
        "manager {} {why}; the manager is left as it is",
        references::shown(manager)
    );
    let kind = FindingKind::ManagerNotInRoster;
    Some(Finding::new(kind, Severity::Warning, Place::row(row), note))
}
