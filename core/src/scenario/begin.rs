//! What is there before the first run: accounts, rows, and what was planned.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::ToSpan as _;
use jiff::tz::TimeZone;

use super::LICENSED;
use super::case::{AccountState, Before, Case, RowDiff, range};
use super::params::Params;
use super::play::{Play, number, source};
use super::row::{GROUPING, Row, nfc};
use super::tenant::{Login, Reserved};
use crate::grants::{Given, Grant};
use crate::model::{Op, PersonKey, Value, WorkerId};
use crate::policy::Seen;
use crate::state::{Block, BlockCause, Cut, Lifecycle, Parked, Parking, Person};

/// Workers that every file holds and that others may report to.
const FILLERS: [&str; 3] = ["M1", "M2", "M7"];
/// Workers of every file of whom nobody says anything.
pub(super) const FILLER_COUNT: u32 = 1000;

impl Play<'_> {
    /// What is there before the first run.
    pub(super) fn begin(&mut self) -> Result<(), String> {
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

    pub(super) fn settle(&mut self, who: &str, before: &Before) -> Result<(), String> {
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
        for text in &before.owns {
            let thing = super::estate::thing(text);
            let thing = thing.ok_or_else(|| {
                format!(
                    "`{text}` is nothing that somebody owns: write `group:`, `application:`, \
                     `service:` or `guest:` and a name"
                )
            })?;
            self.tenant.keep(thing, &id);
        }
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
                    by_hand: false,
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
}

/// Every group of a case, as a file of groups: those that carry a licence last, each by name.
pub(super) fn groups_of(case: &Case, params: &Params) -> (BTreeMap<String, String>, String) {
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
