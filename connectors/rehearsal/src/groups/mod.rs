//! Groups, who is in them, and who will be once the tenant has got round to it.
//!
//! Members of a dynamic group follow its rule, some time after the user or the rule has changed
//! ("Manage rules for dynamic membership groups"). Invariant: nobody else puts them there, and
//! what a group holds changes only through [`Groups::put`] and [`Groups::move_members`].

mod calls;
mod membership;
pub(crate) mod reader;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::directory::{Directory, Record};
use crate::seeded::Seeded;
use crate::shelf::{Kept, Shelf};

pub(crate) const GROUP: &str = "microsoft.graph.group";

/// Rules that read the clock are looked at again after so long, though nothing has changed.
const CLOCK: SignedDuration = SignedDuration::from_hours(1);

/// A group as the directory keeps it, without its members.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) id: String,
    /// Those that are set, by name; `id` is not among them.
    #[serde(rename = "group")]
    pub(crate) properties: Map<String, Json>,
    /// Object ids.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) owners: BTreeSet<String>,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) deleted: Option<Timestamp>,
}

impl Kept for Group {
    fn id(&self) -> &str {
        &self.id
    }

    fn live(&self) -> bool {
        self.deleted.is_none()
    }
}

impl Group {
    pub(crate) fn text(&self, property: &str) -> Option<&str> {
        self.properties.get(property).and_then(Json::as_str)
    }

    fn is(&self, kind: &str) -> bool {
        let kinds = self.properties.get("groupTypes").and_then(Json::as_array);
        kinds.into_iter().flatten().any(|known| known == kind)
    }

    /// Its members follow a rule.
    pub(crate) fn dynamic(&self) -> bool {
        self.is("DynamicMembership")
    }

    /// A rule is at work that is understood here.
    pub(crate) fn has_read_rule(&self) -> bool {
        self.rule().and_then(reader::Rule::read).is_some()
    }

    /// The rule, where it is at work.
    fn rule(&self) -> Option<&str> {
        let on = self.text("membershipRuleProcessingState") == Some("On");
        self.text("membershipRule")
            .filter(|_| on && self.live() && self.dynamic())
    }
}

/// Who came into a group and who went out of it: users, and other groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moves {
    /// The group's object id.
    pub(crate) members_of: String,
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) add: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) remove: BTreeSet<String>,
}

/// Whose membership is due to be looked at.
enum Look {
    /// One user, in every dynamic group.
    User(String),
    /// One group, with every user.
    Group(String),
}

#[derive(Clone, Copy)]
struct Membership {
    there: bool,
    /// What replicas show until then.
    lag: Option<(Timestamp, bool)>,
}

impl Membership {
    fn shown(self, now: Timestamp) -> bool {
        match self.lag {
            Some((until, before)) if until > now => before,
            Some(_) | None => self.there,
        }
    }
}

/// All groups of the tenant, deleted ones included.
pub(crate) struct Groups {
    shelf: Shelf<Group>,
    /// Live groups by `uniqueName`.
    names: BTreeMap<String, String>,
    /// By group, then by user or group.
    members: BTreeMap<String, BTreeMap<String, Membership>>,
    /// By group: those that it is in, or was once.
    above: BTreeMap<String, BTreeSet<String>>,
    delay: SignedDuration,
    /// From a change to what rules make of it.
    evaluation: SignedDuration,
    /// By when they are due, then in the order in which they came up.
    looks: BTreeMap<(Timestamp, u64), Look>,
    looked: u64,
    clock_read: Timestamp,
    /// The newest line of the journal that is being read says that somebody moved.
    moved: bool,
}

/// Reading needs no index.
impl Deref for Groups {
    type Target = Shelf<Group>;

    fn deref(&self) -> &Shelf<Group> {
        &self.shelf
    }
}

impl Groups {
    pub(crate) fn new(delay: Duration, evaluation: Duration, ids: Seeded) -> Self {
        let signed = |delay| SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        Self {
            shelf: Shelf::new(delay, ids),
            names: BTreeMap::new(),
            members: BTreeMap::new(),
            above: BTreeMap::new(),
            delay: signed(delay),
            evaluation: signed(evaluation),
            looks: BTreeMap::new(),
            looked: 0,
            clock_read: Timestamp::UNIX_EPOCH,
            moved: false,
        }
    }

    /// Makes or replaces a group. `at` is when replicas are told; `None`: they know already.
    pub(crate) fn put(&mut self, group: Group, at: Option<Timestamp>) {
        let group = Arc::new(group);
        let old = self.shelf.put(Arc::clone(&group), at);
        let name = |group: &Group| group.text("uniqueName").map(str::to_owned);
        if let Some(name) = old.as_ref().filter(|old| old.live()).and_then(|o| name(o)) {
            self.names.remove(&name);
        }
        if let Some(name) = name(&group).filter(|_| group.live()) {
            self.names.insert(name, group.id.clone());
        }
        let before = old.as_ref().and_then(|old| old.rule());
        if group.rule().is_some() && group.rule() != before {
            self.look(Look::Group(group.id.clone()), at);
        }
    }

    /// `at` is when what has to be looked at changed; `None`: long ago.
    fn look(&mut self, look: Look, at: Option<Timestamp>) {
        let due = at.map_or(Timestamp::MIN, |at| {
            at.checked_add(self.evaluation).unwrap_or(Timestamp::MAX)
        });
        self.looked += 1;
        self.looks.insert((due, self.looked), look);
    }

    /// A journal says that people moved. A tenant that takes no time looks at everything before
    /// the next call, so that whatever changed before the newest moves was looked at, but for what
    /// changed together with them: a process may have ended between two of its lines.
    pub(crate) fn looked(&mut self) {
        if self.evaluation.is_zero() && !self.moved {
            self.moved = true;
        }
    }

    /// A journal says that something changed.
    pub(crate) fn touched(&mut self) {
        if std::mem::take(&mut self.moved) {
            self.looks.clear();
        }
    }

    /// A group is to be looked at again: nothing came of it.
    pub(crate) fn again(&mut self, id: String) {
        self.look(Look::Group(id), None);
    }

    /// A user has changed: rules will be asked again.
    pub(crate) fn user_changed(&mut self, id: &str, at: Option<Timestamp>) {
        if self.shelf.all().any(|group| group.rule().is_some()) {
            self.look(Look::User(id.to_owned()), at);
        }
    }

    /// What rules make of all that has changed long enough ago, and of the clock. Nothing has
    /// moved yet.
    pub(crate) fn evaluate(&mut self, users: &Directory, now: Timestamp) -> Vec<Moves> {
        let next = self.clock_read.checked_add(CLOCK);
        if next.is_ok_and(|next| next <= now) {
            self.clock_read = now;
            let reads_clock = |group: &&Arc<Group>| {
                let rule = group.rule().map(str::to_lowercase);
                rule.is_some_and(|rule| rule.contains("system.now"))
            };
            let clocks = self.shelf.all().filter(reads_clock);
            let looks: Vec<Look> = clocks.map(|group| Look::Group(group.id.clone())).collect();
            for look in looks {
                self.look(look, None);
            }
        }
        let (mut of_users, mut of_groups) = (BTreeSet::new(), BTreeSet::new());
        let later = self.looks.split_off(&(now, u64::MAX));
        for look in std::mem::replace(&mut self.looks, later).into_values() {
            match look {
                Look::User(id) => of_users.insert(id),
                Look::Group(id) => of_groups.insert(id),
            };
        }
        if of_users.is_empty() && of_groups.is_empty() {
            return Vec::new();
        }
        let some: Vec<(&String, Json)> = of_users
            .iter()
            .map(|id| {
                (
                    id,
                    users.current(id).map_or(Json::Null, |user| subject(user)),
                )
            })
            .collect();
        let mut out = Vec::new();
        for group in self.shelf.all() {
            let Some(rule) = group.rule().and_then(reader::Rule::read) else {
                continue;
            };
            let mut moves = Moves {
                members_of: group.id.clone(),
                ..Moves::default()
            };
            let mut look = |id: &String, subject: &Json| {
                let is = self.holds(&group.id, id);
                let ought = !subject.is_null() && rule.holds(subject, Some(now)) == Some(true);
                match (is, ought) {
                    (false, true) => moves.add.insert(id.clone()),
                    (true, false) => moves.remove.insert(id.clone()),
                    (false, false) | (true, true) => false,
                };
            };
            if of_groups.contains(&group.id) {
                for user in users.all() {
                    let live = users.current(&user.id).is_some();
                    let subject = if live { subject(user) } else { Json::Null };
                    look(&user.id, &subject);
                }
            } else {
                for (id, subject) in &some {
                    look(id, subject);
                }
            }
            if !moves.add.is_empty() || !moves.remove.is_empty() {
                out.push(moves);
            }
        }
        out
    }

    /// Moves them. `at` is when replicas are told; `None`: they know already.
    pub(crate) fn move_members(&mut self, moves: &Moves, at: Option<Timestamp>) {
        for group in &moves.add {
            if self.shelf.whatever(group).is_some() {
                let above = self.above.entry(group.clone()).or_default();
                above.insert(moves.members_of.clone());
            }
        }
        let members = self.members.entry(moves.members_of.clone()).or_default();
        let lag = at.filter(|_| !self.delay.is_zero());
        let both = [(&moves.add, true), (&moves.remove, false)];
        for (ids, there) in both {
            for id in ids {
                let Some(at) = lag else {
                    if there {
                        members.insert(id.clone(), Membership { there, lag: None });
                    } else {
                        members.remove(id);
                    }
                    continue;
                };
                // Changed again meanwhile, replicas go on showing what they showed.
                let before = members.get(id).is_some_and(|it| it.shown(at));
                let until = at.checked_add(self.delay).unwrap_or(Timestamp::MAX);
                let lag = Some((until, before));
                members.insert(id.clone(), Membership { there, lag });
            }
        }
    }

    /// Whether somebody or a group is in a group, as writes see it.
    pub(crate) fn holds(&self, group: &str, member: &str) -> bool {
        let members = self.members.get(group);
        members.is_some_and(|members| members.get(member).is_some_and(|it| it.there))
    }

    /// Whether somebody or a group is in a group, as replicas show it.
    pub(crate) fn shows(&self, group: &str, member: &str, now: Timestamp) -> bool {
        let members = self.members.get(group);
        members.is_some_and(|members| members.get(member).is_some_and(|it| it.shown(now)))
    }

    /// Who is in a group, and which groups are, as writes see it.
    pub(crate) fn members(&self, group: &str) -> impl Iterator<Item = &String> {
        let members = self.members.get(group).into_iter().flatten();
        members.filter(|(_, it)| it.there).map(|(id, _)| id)
    }

    /// Who is in a group, and which groups are, as replicas show it.
    pub(crate) fn shown_members(
        &self,
        group: &str,
        now: Timestamp,
    ) -> impl Iterator<Item = &String> {
        let members = self.members.get(group).into_iter().flatten();
        members
            .filter(move |(_, it)| it.shown(now))
            .map(|(id, _)| id)
    }

    /// The group of a unique name, as writes see it.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Group>> {
        self.current(self.names.get(name)?)
    }

    /// Groups whose members follow a rule.
    pub(crate) fn dynamic(&self) -> usize {
        let live = self.shelf.all().filter(|group| group.live());
        live.filter(|group| group.dynamic()).count()
    }

    /// Forgets what no replica shows any more.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        self.shelf.settle(now);
    }
}

/// Properties that rules call by another name than Graph does; the first of several values.
const RULE_NAMES: [(&str, &str); 6] = [
    ("dirSyncEnabled", "onPremisesSyncEnabled"),
    ("facsimileTelephoneNumber", "faxNumber"),
    ("mobile", "mobilePhone"),
    ("physicalDeliveryOfficeName", "officeLocation"),
    ("sipProxyAddress", "imAddresses"),
    ("telephoneNumber", "businessPhones"),
];

/// A user as rules see it.
fn subject(user: &Record) -> Json {
    let mut out = user.properties.clone();
    for (rule, graph) in RULE_NAMES {
        let value = match out.remove(graph) {
            Some(Json::Array(several)) => several.into_iter().next(),
            other => other,
        };
        if let Some(value) = value {
            out.insert(rule.to_owned(), value);
        }
    }
    if let Some(Json::Object(extensions)) = out.remove("onPremisesExtensionAttributes") {
        out.extend(extensions);
    }
    out.insert("objectId".to_owned(), user.id.clone().into());
    if let Some(manager) = &user.manager {
        out.insert("manager".to_owned(), manager.clone().into());
    }
    Json::Object(out)
}
