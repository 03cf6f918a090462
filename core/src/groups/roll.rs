//! Who a rule takes in, of those whom the state knows.

use jiff::Timestamp;

use super::impact::fill;
use crate::model::{Account, AccountName, ObjectId, Value};
use crate::rules::{Record, Rule, RuleSet, Scratch, Unknown};
use crate::state::{Lifecycle, Person};

/// One rule over many people.
#[derive(Debug)]
pub struct Roll {
    set: RuleSet,
    record: Record,
    scratch: Scratch,
    now: Timestamp,
}

impl Roll {
    /// At an instant.
    pub fn new(rule: &Rule, now: Timestamp) -> Self {
        let set = RuleSet::new(std::slice::from_ref(rule));
        Self {
            record: set.record(),
            scratch: set.scratch(),
            set,
            now,
        }
    }

    /// What the rule reads and no mapping of these attributes writes: the state knows nothing of
    /// it, so that everybody is without.
    pub fn unread(&self, written: &[&str]) -> Vec<String> {
        let always = [
            "accountEnabled",
            "id",
            "userPrincipalName",
            "employeeId",
            "userType",
        ];
        let unread = self.set.slots().iter().filter(|property| {
            let known =
                |name: &String| always.contains(&name.as_str()) || written.contains(&name.as_str());
            !property.attribute().as_ref().is_some_and(known)
        });
        unread
            .map(|property| format!("{}.{}", property.object, property.name))
            .collect()
    }

    /// Whether somebody is in it; nobody is without an account.
    ///
    /// # Errors
    /// Nobody can say.
    pub fn takes(&mut self, person: &Person) -> Result<bool, Unknown> {
        let Some(account) = account(person) else {
            return Ok(false);
        };
        fill(&mut self.record, self.set.slots(), Some(&account));
        let mut came = Ok(false);
        self.set.members(
            &self.record,
            Some(self.now),
            &mut self.scratch,
            |_, said| {
                came = said.map(|()| true);
            },
        );
        came
    }
}

/// Somebody's account as it was left.
fn account(person: &Person) -> Option<Account> {
    let enabled = match person.lifecycle {
        Lifecycle::None => return None,
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
    })
}
