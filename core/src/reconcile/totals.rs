//! Lines by class, and what they add up to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Class;

/// How many lines of each class there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Totals(BTreeMap<Class, u64>);

impl Totals {
    /// Counts a line.
    pub fn add(&mut self, class: Class) {
        *self.0.entry(class).or_default() += 1;
    }

    /// Lines of a class.
    pub fn of(&self, class: Class) -> u64 {
        self.0.get(&class).copied().unwrap_or(0)
    }

    /// Every line.
    pub fn rows(&self) -> u64 {
        self.0.values().sum()
    }

    /// Lines that somebody has to look at.
    pub fn discrepancies(&self) -> u64 {
        let found = self.0.iter().filter(|(class, _)| class.discrepancy());
        found.map(|(_, count)| count).sum()
    }
}

/// Both sides of the comparison, and how they lead to the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Populations {
    /// Persons of whom HR says anything, each once.
    pub hr: u64,
    /// Persons whom the state knows.
    pub state: u64,
    /// Accounts of the tenant.
    pub tenant: u64,
    /// Accounts of a person: lines that have both.
    pub joined: u64,
    /// Lines of a person without an account.
    pub without_account: u64,
    /// Lines of an account without a person.
    pub without_person: u64,
}

impl Populations {
    /// Whether every account has a line of its own, and every line is one of the three kinds.
    pub fn add_up(&self, rows: u64) -> bool {
        self.joined + self.without_person == self.tenant
            && self.joined + self.without_person + self.without_account == rows
    }
}
