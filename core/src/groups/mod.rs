//! Groups: what they are, who is to be in them, and what a plan does to that.
//!
//! A definition is data (`groups.toml`). Of a `dynamic` group the directory evaluates the rule and
//! Rollcall predicts what comes out; of an `assigned` group Rollcall evaluates the rule and keeps
//! the members. Invariant: a prediction is only made from what planning read of the account, and
//! says so where that is not enough.

mod catalogue;
mod file;
mod impact;
mod lint;
mod roll;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::grants::{Grant, Granting, unique_name};
use crate::model::{GroupName, Licence, ObjectId};
use crate::rules::{Kind, Object, Property, Rule, RuleSet, Vocabulary};

pub use catalogue::{Catalogue, Having};
pub use file::GroupsFileError;
pub use impact::{Crossed, Impact, Impacts, account_after};
pub use lint::{GroupLint, GroupRemark};
pub use roll::{Roll, account_of, unread};
pub use shape::{Moves, Shape, waits_for_people, writes_rule};

/// Who evaluates a group's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The directory.
    Dynamic,
    /// Rollcall, which keeps the members too.
    Assigned,
}

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Stable, and part of evidence: never a person's name.
    pub key: String,
    /// As people read it in the directory.
    pub name: String,
    /// Object id of a group that somebody else made: a dynamic one is only looked at, in an assigned
    /// one Rollcall keeps members of its own.
    pub id: Option<ObjectId>,
    /// Who evaluates the rule.
    pub mode: Mode,
    /// As written.
    pub rule: String,
    /// What it is for.
    pub description: Option<String>,
    /// Licences that its members get.
    pub licences: Vec<Licence>,
    /// Days that a mover keeps it beside what is new; the policy's where it says none.
    pub keep_days: Option<u16>,
    /// Taken away first, before anything is given.
    pub sensitive: bool,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What people sort it by.
    pub tags: Vec<String>,
    compiled: Rule,
}

/// A licence that accounts get of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct LicenceRule {
    /// Which.
    pub licence: Licence,
    /// Who is to have it, as written.
    pub rule: String,
    /// See [`Group::keep_days`].
    pub keep_days: Option<u16>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What people sort it by.
    pub tags: Vec<String>,
    compiled: Rule,
}

impl LicenceRule {
    /// The rule.
    pub const fn compiled(&self) -> &Rule {
        &self.compiled
    }

    /// What it gives.
    pub fn grant(&self) -> Grant {
        Grant::Licence(self.licence.sku.clone())
    }
}

/// What Rollcall gives itself, as the file has it.
#[derive(Debug, Clone, Copy)]
pub enum Definition<'g> {
    /// Membership of a group.
    Group(&'g Group),
    /// A licence of the account's own.
    Licence(&'g LicenceRule),
}

impl Definition<'_> {
    /// Licences that come with it.
    pub fn licences(&self) -> &[Licence] {
        match self {
            Self::Group(group) => &group.licences,
            Self::Licence(rule) => std::slice::from_ref(&rule.licence),
        }
    }

    /// See [`Group::keep_days`].
    pub const fn keep_days(&self) -> Option<u16> {
        match self {
            Self::Group(group) => group.keep_days,
            Self::Licence(rule) => rule.keep_days,
        }
    }

    /// See [`Group::sensitive`].
    pub const fn sensitive(&self) -> bool {
        match self {
            Self::Group(group) => group.sensitive,
            Self::Licence(_) => false,
        }
    }

    /// The rule.
    pub const fn compiled(&self) -> &Rule {
        match self {
            Self::Group(group) => &group.compiled,
            Self::Licence(rule) => &rule.compiled,
        }
    }

    /// Its licences, as whoever has it has them.
    pub fn having(&self) -> impl Iterator<Item = Having<'_>> {
        let licences = self.licences().iter();
        licences.map(|it| (it.sku.as_str(), it.disabled_plans.as_slice()))
    }

    /// What is written to give it.
    pub fn granting(&self) -> Granting {
        match self {
            Self::Group(group) => Granting {
                id: group.id.clone(),
                licences: group.licences.iter().map(|it| it.sku.clone()).collect(),
                ..Granting::bare(Grant::Group(group.key.clone()))
            },
            Self::Licence(rule) => Granting {
                licences: vec![rule.licence.sku.clone()],
                disabled_plans: rule.licence.disabled_plans.clone(),
                ..Granting::bare(rule.grant())
            },
        }
    }
}

/// All groups of a file.
#[derive(Debug)]
pub struct Groups {
    all: Vec<Group>,
    /// Rules whose members can be predicted.
    set: RuleSet,
    /// By rule of the set: its group.
    places: Vec<usize>,
    /// Rules of what Rollcall gives itself.
    grant_set: RuleSet,
    /// By rule of that set: what it gives.
    grants: Vec<Grant>,
    /// By grant: its place among all groups, or all licences.
    defined: BTreeMap<Grant, usize>,
    licensed: Vec<LicenceRule>,
    exclusive: Vec<Vec<String>>,
    hash: String,
    grants_hash: Option<String>,
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

    /// Licences that accounts get of their own, in the order of the file.
    pub fn licensed(&self) -> &[LicenceRule] {
        &self.licensed
    }

    /// Services that nobody can have together, as the file writes them.
    pub fn exclusive(&self) -> &[Vec<String>] {
        &self.exclusive
    }

    /// Rules of what Rollcall gives itself, compiled together.
    pub const fn grant_rules(&self) -> &RuleSet {
        &self.grant_set
    }

    /// What a rule of those gives.
    pub fn grant_of(&self, rule: usize) -> &Grant {
        &self.grants[rule]
    }

    /// Everything that Rollcall gives itself, in the order of the file.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// How the file defines something that Rollcall gives.
    pub fn definition(&self, grant: &Grant) -> Option<Definition<'_>> {
        let at = *self.defined.get(grant)?;
        Some(match grant {
            Grant::Group(_) => Definition::Group(&self.all[at]),
            Grant::Licence(_) => Definition::Licence(&self.licensed[at]),
        })
    }

    /// The group of a key.
    pub fn group(&self, key: &str) -> Option<&Group> {
        self.all.iter().find(|group| group.key == key)
    }

    /// SHA-256 of the file's meaning: comments do not count.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The same of what Rollcall gives itself, where it gives anything: another one means that
    /// everybody is looked at.
    pub fn grants_hash(&self) -> Option<&str> {
        self.grants_hash.as_deref()
    }

    /// Licences that anybody gets by this file, as it writes them, each once.
    pub fn licences(&self) -> BTreeSet<&str> {
        let predicted = self.places.iter().map(|at| &self.all[*at]);
        let kept = self.all.iter().filter(|it| it.mode == Mode::Assigned);
        let by_groups = predicted.chain(kept).flat_map(|group| &group.licences);
        let own = self.licensed.iter().map(|rule| &rule.licence);
        by_groups.chain(own).map(|it| it.sku.as_str()).collect()
    }

    /// Whether time alone moves anybody by a rule that the directory evaluates.
    pub fn reads_clock(&self) -> bool {
        let mut predicted = self.places.iter().map(|at| &self.all[*at]);
        predicted.any(|group| group.compiled.reads_clock())
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
            None => GroupName::Unique(unique_name(&self.key)),
        }
    }

    /// Whether a text is this group's rule, written differently or not.
    pub fn is_rule(&self, text: &str) -> bool {
        text == self.rule
            || self.mode == Mode::Dynamic
                && Rule::compile(text, Vocabulary::Entra)
                    .is_ok_and(|other| other.print() == self.compiled.print())
    }

    /// Why planning cannot tell who is in it.
    pub fn unpredictable(&self) -> Option<&'static str> {
        match self.mode {
            Mode::Dynamic => unpredictable(&self.compiled),
            Mode::Assigned => None,
        }
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
