//! The files of a play: what they hold, what is doubted of them, and whom they touch.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::case::{Bytes, FileKind, RunStep, range};
use super::play::{Accepted, Answer, Ask, Entry, FileId, Hold, Play, number, person_hash, source};
use super::row::{Row, nfc};
use crate::delta::{self, Cause, Coverage, Terms};
use crate::digest::WorkerHasher;
use crate::model::{FindingKind, Lookup, PersonKey, Value};
use crate::policy::{Draft, Seen};
use crate::roster::{Entry as RosterEntry, RosterBuilder};
use crate::state::{Cut, Lifecycle, Person, Workers};

impl Play<'_> {
    pub(super) fn listed(&mut self, run: &RunStep) {
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

    pub(super) fn run_state(&self, run: u32) -> &'static str {
        let held = self.asks.values().any(|ask| ask.run == run);
        if held { "HELD_PARTIAL" } else { "COMPLETED" }
    }

    /// Doubt about a whole file, in the order in which gates are tried.
    pub(super) fn gate(&self, rows: u32, inactive: Option<u32>, unknown: u32) -> Option<Json> {
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

    pub(super) fn abort(&mut self, run: u32, args: Json) {
        self.file_entry("run.abort", args);
        self.metrics.run_ended(run, "REJECTED");
    }

    pub(super) fn file_entry(&mut self, op: &str, args: Json) {
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
    pub(super) fn take(
        &mut self,
        rows: BTreeMap<String, Row>,
        full: bool,
        as_of: Timestamp,
        file: FileId,
    ) {
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
        let mut people: Vec<_> = self.people.values().collect();
        people.sort_by_cached_key(|person| person.hot().key);
        let hot: Vec<_> = people.iter().map(|person| person.hot()).collect();
        let jobs = people.iter().enumerate();
        let jobs =
            jobs.flat_map(|(at, person)| person.job_keys().into_iter().map(move |key| (at, key)));
        let workers = Workers::of(&hot, jobs);
        let coverage = if full {
            Coverage::Full
        } else {
            Coverage::Delta
        };
        let terms = Terms {
            coverage: &coverage,
            now: self.now,
            rules_changed: false,
            moved: &[],
        };
        let comparison = delta::compare(&roster, (&hot, &workers), terms);
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
    pub(super) fn identify(&mut self, rows: &BTreeMap<String, Row>) {
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
            let agreed = self.asks.get(&hold).is_some_and(Ask::agreed);
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
        self.ask_of(hold, needs, self.run, None);
    }

    /// A request about what a run planned.
    pub(super) fn ask_of(&mut self, hold: Hold, needs: usize, run: u32, exit: Option<Cut>) {
        let since = self.now;
        let submitter = self.submitters.get(&run).cloned().flatten();
        self.asks.entry(hold).or_insert(Ask {
            needs,
            given: Vec::new(),
            submitter,
            since,
            run,
            answer: Answer::Open,
            exit,
        });
    }

    /// An exit is off: what people were asked about it, and which run planned it, is over.
    pub(super) fn exit_is_off(&mut self, person: &PersonKey, draft: Option<&Draft>) {
        self.asks.remove(&Hold::Protected(person.clone()));
        for device in self.fleet.of(person) {
            let asked = (person.clone(), FindingKind::RequiredMissing, device.clone());
            self.said.remove(&asked);
            self.asks.remove(&Hold::Wipe(device));
        }
        for steps in self.held_steps.values_mut() {
            steps.retain(|(held, _)| held != person);
        }
        let steps = draft.into_iter().flat_map(Draft::steps);
        let stay: BTreeSet<_> = steps.map(|step| Self::step_key(person, step)).collect();
        self.planned
            .retain(|step, _| step.0 != *person || !step.1.destructive() || stay.contains(step));
    }

    /// The rows of a person.
    pub(super) fn rows_of(&self, person: &PersonKey) -> Vec<&Row> {
        let rows = self.rows.values();
        rows.filter(|row| row.person == *person && !self.reused.contains_key(&row.key))
            .collect()
    }

    pub(super) fn fingerprint(&self, person: &PersonKey) -> u128 {
        let rows = self.rows_of(person);
        WorkerHasher::new(&source()).hash(&format!("{rows:?}"))
    }

    pub(super) fn row_seen(&self, person: &PersonKey) -> Seen {
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
    pub(super) fn rename(
        &self,
        identity: &mut crate::state::Identity,
        row: &Row,
        person: &PersonKey,
    ) {
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
    pub(super) fn awaited(&self) -> Vec<PersonKey> {
        let comes = |person: &&Person| {
            let manager = person.waits_for.as_ref();
            manager.is_some_and(|it| self.tenant.by_key(it.as_str()).is_some())
        };
        let waiting = self.people.values().filter(comes);
        waiting.map(|person| person.person.clone()).collect()
    }

    pub(super) fn managed(&self) -> u32 {
        let people = self.people.values();
        let managed = people.filter(|it| it.lifecycle != Lifecycle::None);
        self.fillers + number(managed.count())
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
