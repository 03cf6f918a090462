//! Groups: what they are, who is to be in them, and what a plan does to that.
//!
//! A definition is data (`groups.toml`). Of a `dynamic` group the directory evaluates the rule and
//! Rollcall predicts what comes out. Invariant: a prediction is only made from what planning read
//! of the account, and says so where that is not enough.

mod file;
mod impact;
mod lint;
mod roll;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::model::{GroupName, ObjectId};
use crate::rules::{Kind, Object, Property, Rule, RuleSet, Vocabulary};

pub use file::GroupsFileError;
pub use impact::{Crossed, Impact, Impacts};
pub use lint::{GroupLint, GroupRemark};
pub use roll::{Roll, unread};

/// Who evaluates a group's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The directory.
    Dynamic,
}

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Stable, and part of evidence: never a person's name.
    pub key: String,
    /// As people read it in the directory.
    pub name: String,
    /// Object id of a group that somebody else made: Rollcall only looks at it.
    pub id: Option<ObjectId>,
    /// Who evaluates the rule.
    pub mode: Mode,
    /// As written.
    pub rule: String,
    /// What it is for.
    pub description: Option<String>,
    /// Licences that its members get: part numbers of SKUs.
    pub licences: Vec<String>,
    compiled: Rule,
}

/// All groups of a file.
#[derive(Debug)]
pub struct Groups {
    all: Vec<Group>,
    /// Rules whose members can be predicted.
    set: RuleSet,
    /// By rule of the set: its group.
    places: Vec<usize>,
    hash: String,
}

impl Groups {
    /// In the order of the file.
    pub fn all(&self) -> &[Group] {
        &self.all
    }

    /// Groups of which planning cannot tell who is in them, each with the reason.
    pub fn unpredicted(&self) -> impl Iterator<Item = (&Group, &'static str)> {
        let all = self.all.iter();
        all.filter_map(|group| Some((group, group.unpredictable()?)))
    }

    /// Rules whose members can be predicted, compiled together.
    pub const fn set(&self) -> &RuleSet {
        &self.set
    }

    /// The place of the group that a rule of the set is of, among all.
    pub fn place_of(&self, rule: usize) -> usize {
        self.places[rule]
    }

    /// SHA-256 of the file's meaning: comments do not count.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Licences that groups give, as the file writes them, each once.
    pub fn licences(&self) -> BTreeSet<&str> {
        let all = self.places.iter().flat_map(|at| &self.all[*at].licences);
        all.map(String::as_str).collect()
    }

    /// Attributes of accounts, by the directory's own names, that the rules read.
    pub fn reads(&self) -> Vec<String> {
        let names = self.set.slots().iter().filter_map(Property::attribute);
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Group {
    /// The rule.
    pub const fn compiled(&self) -> &Rule {
        &self.compiled
    }

    /// How it is found in the directory.
    pub fn found_by(&self) -> GroupName {
        match &self.id {
            Some(id) => GroupName::Id(id.clone()),
            None => GroupName::Unique(format!("rollcall-{}", self.key)),
        }
    }

    /// Whether a text is this group's rule, written differently or not.
    pub fn is_rule(&self, text: &str) -> bool {
        text == self.rule
            || Rule::compile(text, Vocabulary::Entra)
                .is_ok_and(|other| other.print() == self.compiled.print())
    }

    /// Why planning cannot tell who is in it.
    pub fn unpredictable(&self) -> Option<&'static str> {
        unpredictable(&self.compiled)
    }
}

/// Why nobody here can tell whom a rule takes in.
pub fn unpredictable(rule: &Rule) -> Option<&'static str> {
    if rule.object() != Object::User {
        return Some("it is about devices");
    }
    if rule.is_direct_reports() {
        return Some("planning does not read whose report an account is");
    }
    let kinds = rule.properties().iter().map(|it| it.kind);
    let mut unread = kinds.filter_map(|kind| match kind {
        Kind::Plans => Some("planning does not read the plans of an account"),
        Kind::Groups => Some("the preview of memberOf has ended: its members stay as they are"),
        Kind::Boolean | Kind::Instant | Kind::Text | Kind::Texts => None,
    });
    unread.next()
}
