//! Who has which licence on what ground, and whom a group could not give one.
//!
//! Sources: "licenseAssignmentState resource type", "assignedLicense resource type"
//! (learn.microsoft.com/graph/api). What a user has directly is kept with the user; what groups
//! give is kept here, after it was given out. Invariant: whoever is written down as a holder has
//! at least one ground for it, and the other way about.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::directory::Record;
use crate::groups::Group;
use crate::query::Query;
use crate::shelf::Kept as _;

/// What a licence is assigned as: which of its plans (by id) are off.
pub(crate) type Off = BTreeSet<String>;

/// A licence that a user has directly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Direct {
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) disabled_plans: Off,
    pub(crate) since: Timestamp,
}

/// Why a group could not give a licence, in Graph's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Violation {
    /// There is no seat.
    #[serde(rename = "CountViolation")]
    Count,
    /// A plan excludes one that the user has.
    #[serde(rename = "MutuallyExclusiveViolation")]
    MutuallyExclusive,
    /// Another licence of the group could not be given.
    Other,
}

/// A licence that a group gives to a user, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) disabled_plans: Off,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) error: Option<Violation>,
    pub(crate) since: Timestamp,
}

/// By id of the licence.
pub(crate) type Given = BTreeMap<String, Grant>;

/// What has become of some users of one group; who has nothing there is listed with nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grants {
    /// The group's object id.
    pub(crate) licences_of: String,
    pub(crate) users: BTreeMap<String, Given>,
}

/// Who of a group is to be looked at.
pub(crate) enum Who {
    Everybody,
    Users(BTreeSet<String>),
}

/// What groups give, and when it is looked at again.
pub(crate) struct Ledger {
    /// By user, then by group.
    inherited: BTreeMap<String, BTreeMap<String, Given>>,
    /// By group: who has anything there, and who has an error there.
    users: BTreeMap<String, BTreeSet<String>>,
    errors: BTreeMap<String, BTreeSet<String>>,
    /// By licence, then by user: on how many grounds.
    holders: BTreeMap<String, BTreeMap<String, usize>>,
    /// By when they are due, then by group.
    looks: BTreeMap<Timestamp, BTreeMap<String, Who>>,
    /// When those with an error are to be looked at.
    waiting: Option<Timestamp>,
    /// Groups that give licences or have once.
    licensed: BTreeSet<String>,
    /// From a change to what is made of it.
    delay: SignedDuration,
}

impl Ledger {
    pub(crate) fn new(delay: Duration) -> Self {
        Self {
            inherited: BTreeMap::new(),
            users: BTreeMap::new(),
            errors: BTreeMap::new(),
            holders: BTreeMap::new(),
            looks: BTreeMap::new(),
            waiting: None,
            licensed: BTreeSet::new(),
            delay: SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX),
        }
    }

    /// When something of `at` is due; `None`: long ago.
    fn due(&self, at: Option<Timestamp>) -> Timestamp {
        at.map_or(Timestamp::MIN, |at| {
            at.checked_add(self.delay).unwrap_or(Timestamp::MAX)
        })
    }

    /// A group gives other licences than before, or is gone.
    pub(crate) fn group_changed(&mut self, id: &str, at: Option<Timestamp>) {
        self.licensed.insert(id.to_owned());
        self.look(id, Who::Everybody, at);
    }

    /// People came into a group or went out of it.
    pub(crate) fn members_changed(
        &mut self,
        group: &str,
        users: BTreeSet<String>,
        at: Option<Timestamp>,
    ) {
        if self.licensed.contains(group) {
            self.look(group, Who::Users(users), at);
        }
    }

    pub(crate) fn look(&mut self, group: &str, who: Who, at: Option<Timestamp>) {
        let looks = self.looks.entry(self.due(at)).or_default();
        match (looks.get_mut(group), who) {
            (Some(Who::Everybody), _) => {}
            (Some(Who::Users(known)), Who::Users(users)) => known.extend(users),
            (Some(Who::Users(_)) | None, who) => {
                looks.insert(group.to_owned(), who);
            }
        }
    }

    /// What is due, oldest first. Nothing of it is due any more.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<(Timestamp, String, Who)> {
        let mut out = Vec::new();
        while let Some(first) = self.looks.first_entry()
            && *first.key() <= now
        {
            let (due, looks) = first.remove_entry();
            out.extend(looks.into_iter().map(|(group, who)| (due, group, who)));
        }
        out
    }

    /// A seat is free: those with an error may get theirs.
    /// Microsoft asks for a click on "Reprocess" there; here it is only a matter of time.
    pub(crate) fn look_at_errors(&mut self, at: Option<Timestamp>) {
        if !self.errors.is_empty() {
            let due = self.due(at);
            self.waiting = Some(self.waiting.map_or(due, |known| known.min(due)));
        }
    }

    /// A user has other licences than before: what excludes what may be another matter now.
    fn look_at_errors_of(&mut self, user: &str, at: Option<Timestamp>) {
        let groups = self.errors.iter();
        let groups = groups.filter(|(_, users)| users.contains(user));
        let groups: Vec<String> = groups.map(|(group, _)| group.clone()).collect();
        for group in groups {
            self.look(&group, Who::Users(BTreeSet::from([user.to_owned()])), at);
        }
    }

    /// Whether those with an error are due.
    pub(crate) fn errors_due(&self, now: Timestamp) -> bool {
        self.waiting.is_some_and(|due| due <= now)
    }

    /// Those with an error, as user and group, if they are to be looked at at all: whoever came
    /// later must not overtake them. They are not to be looked at any more.
    pub(crate) fn take_errors(&mut self) -> Vec<(String, String)> {
        if self.waiting.take().is_none() {
            return Vec::new();
        }
        let errors = self.errors.iter();
        errors
            .flat_map(|(group, users)| users.iter().map(|user| (user.clone(), group.clone())))
            .collect()
    }

    /// Writes down what a user has of a group, and gives what was written there.
    pub(crate) fn put(
        &mut self,
        group: &str,
        user: &str,
        new: Given,
        at: Option<Timestamp>,
    ) -> Given {
        let active = enabled(&new);
        index(&mut self.users, group, user, !new.is_empty());
        let wrong = new.values().any(|grant| grant.error.is_some());
        index(&mut self.errors, group, user, wrong);
        let mut groups = self.inherited.remove(user).unwrap_or_default();
        let old = groups.remove(group).unwrap_or_default();
        if !new.is_empty() {
            groups.insert(group.to_owned(), new);
        }
        if !groups.is_empty() {
            self.inherited.insert(user.to_owned(), groups);
        }
        // In this order nobody lets go of a seat who has another ground for it.
        let before = enabled(&old);
        for sku in active.keys() {
            self.hold(sku, user);
        }
        for sku in before.keys() {
            self.let_go(sku, user, at);
        }
        if active != before {
            self.look_at_errors_of(user, at);
        }
        old
    }

    /// A user is another one than before. Who is deleted has nothing any more.
    pub(crate) fn user_changed(
        &mut self,
        old: Option<&Record>,
        new: &Record,
        at: Option<Timestamp>,
    ) {
        let of = |record: &Record| {
            if record.live() {
                record.licences.clone()
            } else {
                BTreeMap::new()
            }
        };
        let (before, after) = (old.map(of).unwrap_or_default(), of(new));
        for sku in after.keys().filter(|sku| !before.contains_key(*sku)) {
            self.hold(sku, &new.id);
        }
        for sku in before.keys().filter(|sku| !after.contains_key(*sku)) {
            self.let_go(sku, &new.id, at);
        }
        if before != after {
            self.look_at_errors_of(&new.id, at);
        }
        if !new.live() {
            let groups = self.inherited.get(&new.id).cloned().unwrap_or_default();
            for group in groups.keys() {
                self.put(group, &new.id, Given::new(), at);
            }
        }
    }

    fn hold(&mut self, sku: &str, user: &str) {
        let holders = self.holders.entry(sku.to_owned()).or_default();
        *holders.entry(user.to_owned()).or_default() += 1;
    }

    fn let_go(&mut self, sku: &str, user: &str, at: Option<Timestamp>) {
        let Some(holders) = self.holders.get_mut(sku) else {
            return;
        };
        match holders.get_mut(user) {
            Some(grounds) if *grounds > 1 => *grounds -= 1,
            Some(_) | None => {
                holders.remove(user);
                self.look_at_errors(at);
            }
        }
    }

    /// How many users have a licence.
    pub(crate) fn taken(&self, sku: &str) -> usize {
        self.holders.get(sku).map_or(0, BTreeMap::len)
    }

    /// Whether a user has a licence on any ground.
    pub(crate) fn holds(&self, sku: &str, user: &str) -> bool {
        let holders = self.holders.get(sku);
        holders.is_some_and(|holders| holders.contains_key(user))
    }

    /// What a user has of a group.
    pub(crate) fn given(&self, group: &str, user: &str) -> Option<&Given> {
        self.inherited.get(user)?.get(group)
    }

    /// Whether a group gives a user a licence.
    pub(crate) fn inherits(&self, user: &str, sku: &str) -> bool {
        let groups = self.inherited.get(user).into_iter().flatten();
        let mut grants = groups.filter_map(|(_, given)| given.get(sku));
        grants.any(|grant| grant.error.is_none())
    }

    /// Who has anything of a group.
    pub(crate) fn users_of(&self, group: &str) -> impl Iterator<Item = &String> {
        self.users.get(group).into_iter().flatten()
    }

    /// Whom a group could not give everything, by object id.
    pub(crate) fn errors_of(&self, group: &str) -> impl Iterator<Item = &String> {
        self.errors.get(group).into_iter().flatten()
    }

    /// What a user has on every ground, but for one group. Who is deleted has nothing.
    pub(crate) fn grounds<'l>(
        &'l self,
        user: &'l Record,
        but: Option<&'l str>,
    ) -> impl Iterator<Item = (&'l String, &'l Off)> {
        let direct = user.licences.iter().filter(|_| user.live());
        let direct = direct.map(|(sku, direct)| (sku, &direct.disabled_plans));
        let groups = self.inherited.get(&user.id).into_iter().flatten();
        let groups = groups.filter(move |(group, _)| Some(group.as_str()) != but);
        let grants = groups.flat_map(|(_, given)| given);
        let grants = grants.filter(|(_, grant)| grant.error.is_none());
        direct.chain(grants.map(|(sku, grant)| (sku, &grant.disabled_plans)))
    }

    /// `assignedLicenses` of a user: a plan is on if it is on by any ground.
    pub(crate) fn assigned(&self, user: &Record) -> Vec<Json> {
        let mut all: BTreeMap<&String, Off> = BTreeMap::new();
        for (sku, off) in self.grounds(user, None) {
            let known = all.entry(sku).or_insert_with(|| off.clone());
            known.retain(|plan| off.contains(plan));
        }
        let shown = all.into_iter();
        shown
            .map(|(sku, off)| json!({"skuId": sku, "disabledPlans": off}))
            .collect()
    }

    /// `licenseAssignmentStates` of a user: what is direct, then group by group.
    fn states(&self, user: &Record) -> Vec<Json> {
        let state = |sku: &str, group, off: &Off, error: Option<Violation>, since: Timestamp| {
            json!({
                "skuId": sku, "assignedByGroup": group, "disabledPlans": off,
                "state": if error.is_some() { "Error" } else { "Active" },
                "error": error.map_or_else(|| json!("None"), |error| json!(error)),
                "lastUpdatedDateTime": since.to_string(),
            })
        };
        let direct = user.licences.iter();
        let direct =
            direct.map(|(sku, it)| state(sku, None::<&str>, &it.disabled_plans, None, it.since));
        let groups = self.inherited.get(&user.id).into_iter().flatten();
        let grants = groups.flat_map(|(group, given)| {
            given.iter().map(move |(sku, it)| {
                state(
                    sku,
                    Some(group.as_str()),
                    &it.disabled_plans,
                    it.error,
                    it.since,
                )
            })
        });
        direct.chain(grants).collect()
    }

    /// A user with those properties of licences that are asked for.
    pub(crate) fn user<'r>(&self, user: &'r Record, query: &Query) -> Cow<'r, Record> {
        let mut out = Cow::Borrowed(user);
        let (assigned, states) = ("assignedLicenses", "licenseAssignmentStates");
        if query.selects(assigned) {
            let properties = &mut out.to_mut().properties;
            properties.insert(assigned.to_owned(), self.assigned(user).into());
        }
        if query.selects(states) {
            let properties = &mut out.to_mut().properties;
            properties.insert(states.to_owned(), self.states(user).into());
        }
        out
    }

    /// The same of a group. One that never gave a licence has no state.
    pub(crate) fn group<'r>(&self, group: &'r Group, query: &Query) -> Cow<'r, Group> {
        let mut out = Cow::Borrowed(group);
        if !self.licensed.contains(&group.id) {
            return out;
        }
        let (state, errors) = ("licenseProcessingState", "hasMembersWithLicenseErrors");
        if query.selects(state) {
            let queued = self.looks.values().any(|it| it.contains_key(&group.id));
            let value = if queued {
                "QueuedForProcessing"
            } else {
                "ProcessingComplete"
            };
            let properties = &mut out.to_mut().properties;
            properties.insert(state.to_owned(), json!({"state": value}));
        }
        if query.selects(errors) {
            let any = self.errors_of(&group.id).next().is_some();
            let properties = &mut out.to_mut().properties;
            properties.insert(errors.to_owned(), any.into());
        }
        out
    }
}

/// What is given without an error, and which plans are off.
fn enabled(given: &Given) -> BTreeMap<String, Off> {
    let active = given.iter().filter(|(_, grant)| grant.error.is_none());
    active
        .map(|(sku, grant)| (sku.clone(), grant.disabled_plans.clone()))
        .collect()
}

/// Writes a user into the index of a group, or strikes it out.
fn index(index: &mut BTreeMap<String, BTreeSet<String>>, group: &str, user: &str, there: bool) {
    if there {
        let users = index.entry(group.to_owned()).or_default();
        users.insert(user.to_owned());
    } else if let Some(users) = index.get_mut(group) {
        users.remove(user);
        if users.is_empty() {
            index.remove(group);
        }
    }
}
