//! Who is in what, of those whom the state knows.

use jiff::Timestamp;

use super::impact::fill;
use crate::model::{Account, AccountName, ObjectId, Value};
use crate::rules::{Record, Rule, RuleSet, Scratch, Unknown};
use crate::state::{Lifecycle, Person};

/// Rules over many people.
#[derive(Debug)]
pub struct Roll<'s> {
    set: &'s RuleSet,
    record: Record,
    scratch: Scratch,
    now: Timestamp,
}

impl<'s> Roll<'s> {
    /// At an instant.
    pub fn new(set: &'s RuleSet, now: Timestamp) -> Self {
        Self {
            record: set.record(),
            scratch: set.scratch(),
            set,
            now,
        }
    }

    /// Which rules take somebody in, by their place in the set, ascending; of which nobody can say
    /// is an error. Nobody is in anything without an account.
    pub fn takes(&mut self, person: &Person, member: impl FnMut(usize, Result<(), Unknown>)) {
        let Some(account) = account_of(person) else {
            return;
        };
        fill(&mut self.record, self.set.slots(), Some(&account));
        self.set
            .members(&self.record, Some(self.now), &mut self.scratch, member);
    }
}

/// What a rule reads and no mapping of these attributes writes: the state knows nothing of it, so
/// that everybody is without.
pub fn unread(rule: &Rule, written: &[&str]) -> Vec<String> {
    let always = [
        "accountEnabled",
        "id",
        "userPrincipalName",
        "employeeId",
        "userType",
    ];
    let known = |name: &String| always.contains(&name.as_str()) || written.contains(&name.as_str());
    let properties = rule.properties().iter();
    properties
        .filter(|property| !property.attribute().as_ref().is_some_and(known))
        .map(|property| format!("{}.{}", property.object, property.name))
        .collect()
}

/// Somebody's account as it was left, by the state alone.
pub fn account_of(person: &Person) -> Option<Account> {
    let enabled = match person.lifecycle {
        Lifecycle::None | Lifecycle::Deleted => return None,
        Lifecycle::Active => true,
        Lifecycle::Created | Lifecycle::Blocked => false,
    };
    let mut attributes = person.applied.clone();
    // What the directory makes of an account that is not invited.
    let kind = attributes.entry("userType".to_owned());
    kind.or_insert_with(|| Value::text("Member"));
    Some(Account {
        id: person.object.clone().unwrap_or_else(|| ObjectId::new("")),
        enabled,
        key: Some(person.worker.as_str().to_owned()),
        name: person.name.clone().unwrap_or_else(|| AccountName::new("")),
        attributes,
        holdings: None,
    })
}
