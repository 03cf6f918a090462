//! What a target answered when a plan was made, for a plan that asks other questions.
//!
//! A plan that is made again by other rules asks about other people and other names. What was asked
//! then is answered as then; of everybody else the state knows how their account was left. What
//! nobody can know, a name that was not asked for, counts as free, and is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use rollcall_core::groups::{Groups, account_of};
use rollcall_core::model::{
    Account, AccountName, Device, DeviceLook, DeviceQuestion, Estate, GroupName, Holdings, Lookup,
    ObjectId, Seats, SeenGroup,
};
use rollcall_core::policy::name_key;

use super::desk::{Line, answers, lines_of};
use super::shapes;
use crate::state::State;
use crate::store::{Store, StoreError};

/// Persons read at once.
const CHUNK: usize = 1000;

/// See the module.
pub struct Recalled<'a> {
    moved: Vec<ObjectId>,
    asked: BTreeMap<Lookup, Vec<Account>>,
    known: Accounts,
    seats: Option<Vec<Seats>>,
    groups: Vec<Option<SeenGroup>>,
    estates: BTreeMap<ObjectId, Estate>,
    holdings: BTreeMap<ObjectId, Holdings>,
    devices: BTreeMap<ObjectId, Vec<Device>>,
    looks: Vec<(DeviceQuestion, Option<DeviceLook>)>,
    names: Vec<GroupName>,
    state: &'a State,
    /// The accounts of the state were read.
    all: bool,
    assumed: &'a AtomicU32,
}

/// Accounts by id, key and name.
#[derive(Default)]
struct Accounts {
    by_id: BTreeMap<ObjectId, Account>,
    index: BTreeMap<Lookup, BTreeSet<ObjectId>>,
}

impl Accounts {
    /// Takes one in that is not there yet.
    fn add(&mut self, account: Account) {
        if self.by_id.contains_key(&account.id) {
            return;
        }
        let key = account.key.clone().map(Lookup::Key);
        let name = by_name(&account.name);
        for question in key.into_iter().chain([name]) {
            let ids = self.index.entry(question).or_default();
            ids.insert(account.id.clone());
        }
        self.by_id.insert(account.id.clone(), account);
    }

    fn find(&self, question: &Lookup) -> Vec<Account> {
        let ids: Vec<&ObjectId> = match question {
            Lookup::Id(id) => vec![id],
            Lookup::Key(_) => self.index.get(question).into_iter().flatten().collect(),
            Lookup::Name(name) => self
                .index
                .get(&by_name(name))
                .into_iter()
                .flatten()
                .collect(),
        };
        let accounts = ids.into_iter().filter_map(|id| self.by_id.get(id));
        accounts
            .filter(|it| answers(it, question))
            .cloned()
            .collect()
    }
}

fn by_name(name: &AccountName) -> Lookup {
    Lookup::Name(AccountName::new(name_key(name.reveal())))
}

impl<'a> Recalled<'a> {
    /// Reads what was answered. `groups` are those that the plan was made with, `state` is the one
    /// that it was made from; `assumed` counts what nobody knows.
    ///
    /// # Errors
    /// When the answers are no longer stored.
    pub async fn read(
        store: &Store,
        key: &str,
        groups: Option<&Groups>,
        state: &'a State,
        assumed: &'a AtomicU32,
    ) -> Result<Self, StoreError> {
        let mut out = Self {
            moved: Vec::new(),
            asked: BTreeMap::new(),
            known: Accounts::default(),
            seats: None,
            groups: Vec::new(),
            estates: BTreeMap::new(),
            holdings: BTreeMap::new(),
            devices: BTreeMap::new(),
            looks: Vec::new(),
            names: groups.map(shapes::names).unwrap_or_default(),
            state,
            all: false,
            assumed,
        };
        let mut lines = lines_of(store, key).await?;
        while let Some(line) = lines.next()? {
            match line {
                Line::Moved(moved) => out.moved = moved,
                Line::Seats(seats) => out.seats = seats,
                Line::Groups(groups) => out.groups = groups.unwrap_or_default(),
                Line::Estate(of, estate) => {
                    out.estates.insert(of, estate);
                }
                Line::Holdings(of, holdings) => {
                    out.holdings.extend(holdings.map(|it| (of, it)));
                }
                Line::Devices(of, devices) => {
                    out.devices.extend(devices.map(|it| (of, it)));
                }
                Line::Looks(looks) => out.looks.extend(looks),
                Line::Account(question, accounts) => {
                    for account in &accounts {
                        out.known.add(account.clone());
                    }
                    out.asked.insert(question, accounts);
                }
            }
        }
        Ok(out)
    }

    pub(super) fn moved(&self) -> Vec<ObjectId> {
        self.moved.clone()
    }

    pub(super) fn seats(&self) -> Option<Vec<Seats>> {
        self.seats.clone()
    }

    /// Groups of these names. What was not asked for then was not there.
    pub(super) fn groups(&self, names: &[GroupName]) -> Option<Vec<Option<SeenGroup>>> {
        // A release asks for those alone that somebody comes into.
        if names.len() == self.groups.len() && names.len() != self.names.len() {
            return Some(self.groups.clone());
        }
        if self.names.len() != self.groups.len() {
            return None;
        }
        let seen: BTreeMap<&GroupName, &Option<SeenGroup>> =
            self.names.iter().zip(&self.groups).collect();
        let of = |name| seen.get(name).and_then(|group| (*group).clone());
        Some(names.iter().map(of).collect())
    }

    /// What an account answered for; `None`, and counted, where nobody asked then.
    pub(super) fn estate(&self, of: &ObjectId) -> Option<Estate> {
        let known = self.estates.get(of).cloned();
        if known.is_none() {
            self.assumed.fetch_add(1, Ordering::Relaxed);
        }
        known
    }

    /// What an account had beside its attributes; nothing, and counted, where nobody asked then.
    pub(super) fn holdings(&self, of: &ObjectId) -> Holdings {
        let known = self.holdings.get(of).cloned();
        known.unwrap_or_else(|| {
            self.assumed.fetch_add(1, Ordering::Relaxed);
            Holdings::default()
        })
    }

    /// What devices an account had; none that anybody knows of, and counted, where nobody asked then.
    pub(super) fn devices(&self, of: &ObjectId) -> Option<Vec<Device>> {
        let known = self.devices.get(of).cloned();
        if known.is_none() {
            self.assumed.fetch_add(1, Ordering::Relaxed);
        }
        known
    }

    /// How far commands to devices had come; nothing is known where nobody asked then.
    pub(super) fn looks(&self, about: &[DeviceQuestion]) -> Vec<Option<DeviceLook>> {
        let of = |question: &DeviceQuestion| {
            let known = self.looks.iter().find(|(it, _)| it == question);
            known.and_then(|(_, look)| *look)
        };
        about.iter().map(of).collect()
    }

    pub(super) fn answer(&mut self, question: &Lookup) -> Result<Vec<Account>, StoreError> {
        if let Some(accounts) = self.asked.get(question) {
            return Ok(accounts.clone());
        }
        let found = self.known.find(question);
        if !found.is_empty() {
            return Ok(found);
        }
        self.assumed.fetch_add(1, Ordering::Relaxed);
        self.read_state()?;
        Ok(self.known.find(question))
    }

    /// Everybody's account as it was left: once, and only where somebody asks for more than was
    /// asked then.
    fn read_state(&mut self) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.all, true) {
            return Ok(());
        }
        let everybody: Vec<usize> = (0..self.state.hot().len()).collect();
        for chunk in everybody.chunks(CHUNK) {
            for person in self.state.persons(chunk)? {
                if let Some(account) = account_of(&person).filter(|_| person.object.is_some()) {
                    self.known.add(account);
                }
            }
        }
        Ok(())
    }
}
