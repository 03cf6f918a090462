//! Who owns an attribute, where several sources speak of one person.
//!
//! An attribute without an owner follows the employment that counts. One with an owner has that
//! source's value, whichever employment counts: what others say of it is left out before anything
//! is decided, stored or compared. What the owner said last stands until it says something else:
//! a row that is gone, or a cell that is empty, blanks nothing (only `clear_when_empty` does).
//! Invariant: a value that its owner did not say is never written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::sha256;
use crate::model::SourceName;
use crate::state::{Identity, Owned, Person};

/// The owner of each attribute that has one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owners(BTreeMap<String, SourceName>);

impl Owners {
    /// By attribute.
    pub fn new(owners: BTreeMap<String, SourceName>) -> Self {
        Self(owners)
    }

    /// Nobody owns anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Attribute and owner, by attribute.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SourceName)> {
        self.0.iter().map(|(name, owner)| (name.as_str(), owner))
    }

    /// Whose an attribute is, where somebody owns it.
    pub fn of(&self, attribute: &str) -> Option<&SourceName> {
        self.0.get(attribute)
    }

    /// What they mean, where there are any.
    pub fn sha256(&self) -> Option<String> {
        let bytes = serde_json::to_vec(&self.0).expect("owners are always JSON");
        (!self.is_empty()).then(|| sha256(&bytes))
    }

    /// Attributes of which a row of a source has a value, and another source owns.
    pub fn not_of<'a>(
        &'a self,
        source: &'a SourceName,
        identity: &'a Identity,
    ) -> impl Iterator<Item = &'a str> {
        let others = self.0.iter().filter(move |(_, owner)| *owner != source);
        let said = move |name: &str| {
            let mut all = identity.always.iter().chain(&identity.on_create);
            all.any(|(it, value)| it == name && !value.is_nothing())
        };
        others
            .map(|(name, _)| name.as_str())
            .filter(move |name| said(name))
    }

    /// The row of a source says what its attributes are from now on. An attribute that the row says
    /// nothing of stays what it was. Whether anything is another now.
    pub fn take_in(&self, person: &mut Person, source: &SourceName, identity: &Identity) -> bool {
        let mut changed = false;
        for (name, _) in self.0.iter().filter(|(_, owner)| *owner == source) {
            let Some(value) = identity.always.get(name) else {
                continue;
            };
            let said = Owned {
                source: source.clone(),
                value: value.clone(),
            };
            if person.owned.get(name) != Some(&said) {
                person.owned.insert(name.clone(), said);
                changed = true;
            }
        }
        changed
    }

    /// Gives a row what the owners said last in place of what it says itself. `home` is whose a row
    /// is that names no source.
    pub fn settle(
        &self,
        identity: &mut Identity,
        owned: &BTreeMap<String, Owned>,
        home: &SourceName,
    ) {
        for (name, owner) in &self.0 {
            if identity.source.as_ref().unwrap_or(home) == owner {
                continue;
            }
            identity.always.remove(name);
            identity.on_create.remove(name);
            let said = owned.get(name).filter(|it| it.source == *owner);
            if let Some(said) = said.filter(|_| !identity.out_of_scope) {
                identity.always.insert(name.clone(), said.value.clone());
            }
        }
    }

    /// The same of every row that the state has of somebody.
    pub fn settle_person(&self, person: &mut Person) {
        let home = &person.source;
        let rows = person.wanted.iter_mut().chain(&mut person.others);
        for row in rows.chain(&mut person.until) {
            self.settle(row, &person.owned, home);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, Value, WorkerId};

    fn row(source: Option<&str>, values: &[(&str, &str)]) -> Identity {
        let values = values.iter();
        let values = values.map(|(name, text)| ((*name).to_owned(), Value::text(*text)));
        Identity {
            worker: WorkerId::new("7"),
            source: source.map(SourceName::new),
            status: "A".to_owned(),
            manager: None,
            hire: None,
            last_day: None,
            terms: Box::default(),
            zone: None,
            facts: Attributes::new(),
            always: values.collect(),
            on_create: Attributes::new(),
            out_of_scope: false,
            other_names: Vec::new(),
        }
    }

    fn owners() -> Owners {
        let phones = SourceName::new("phones");
        Owners::new([("mobilePhone".to_owned(), phones)].into())
    }

    fn phone(identity: &Identity) -> Option<&str> {
        identity.always.get("mobilePhone")?.as_text()
    }

    #[test]
    fn only_the_owner_says_what_an_attribute_is() {
        let (owners, home) = (owners(), SourceName::new("hr"));
        let mut person = Person::new(home.clone(), WorkerId::new("7"));
        let hr = row(None, &[("mobilePhone", "030"), ("jobTitle", "Clerk")]);
        person.wanted = Some(hr.clone());
        owners.settle_person(&mut person);
        let wanted = person.wanted.clone().unwrap();
        assert_eq!(phone(&wanted), None, "the owner said nothing yet");
        assert!(wanted.always.contains_key("jobTitle"));
        assert_eq!(
            owners.not_of(&home, &hr).collect::<Vec<_>>(),
            ["mobilePhone"]
        );

        let phones = SourceName::new("phones");
        let said = row(
            Some("phones"),
            &[("mobilePhone", "040"), ("jobTitle", "Boss")],
        );
        assert!(owners.take_in(&mut person, &phones, &said));
        assert!(!owners.take_in(&mut person, &phones, &said), "nothing new");
        assert!(!owners.take_in(&mut person, &home, &hr), "HR owns nothing");
        owners.settle_person(&mut person);
        assert_eq!(phone(person.wanted.as_ref().unwrap()), Some("040"));

        // An empty cell, or no row at all, blanks nothing.
        let silent = row(Some("phones"), &[]);
        assert!(!owners.take_in(&mut person, &phones, &silent));
        owners.settle_person(&mut person);
        assert_eq!(phone(person.wanted.as_ref().unwrap()), Some("040"));
        let mut cleared = silent;
        let nothing = ("mobilePhone".to_owned(), Value::Null);
        cleared.always.extend([nothing]);
        assert!(owners.take_in(&mut person, &phones, &cleared));
        owners.settle_person(&mut person);
        let always = person.wanted.unwrap().always;
        assert_eq!(always.get("mobilePhone"), Some(&Value::Null));
    }

    #[test]
    fn what_another_owner_said_is_nobodys_word_any_more() {
        let home = SourceName::new("hr");
        let mut person = Person::new(home.clone(), WorkerId::new("7"));
        person.wanted = Some(row(None, &[]));
        let phones = SourceName::new("phones");
        let said = row(Some("phones"), &[("mobilePhone", "040")]);
        owners().take_in(&mut person, &phones, &said);
        let badges = SourceName::new("badges");
        let now = Owners::new([("mobilePhone".to_owned(), badges)].into());
        now.settle_person(&mut person);
        assert_eq!(phone(person.wanted.as_ref().unwrap()), None);
    }
}
