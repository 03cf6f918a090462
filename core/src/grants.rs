//! Grants: what Rollcall itself gives people, a membership or a licence of their own.
//!
//! Who is to have what is a rule over `worker.` properties; what somebody has is what the state
//! says we gave. Invariant: only what we gave is ever taken away, and where nobody can say whether
//! a rule holds, nothing is given and nothing taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::groups::Groups;
use crate::model::{GroupName, Licence, ObjectId};
use crate::rules::{Record, Scratch};
use crate::state::Identity;
use crate::workers;

/// What is given, as files and evidence name it: `group:sales`, `licence:SPE_E5`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Membership of the group of this key.
    Group(String),
    /// The licence of this SKU, as the file writes it in capitals.
    Licence(String),
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(key) => write!(f, "group:{key}"),
            Self::Licence(sku) => write!(f, "licence:{sku}"),
        }
    }
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("group", key)) => Ok(Self::Group(key.to_owned())),
            Some(("licence", sku)) => Ok(Self::Licence(sku.to_owned())),
            _ => Err("a grant is `group:` or `licence:` and what of it".to_owned()),
        }
    }
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Something that we gave somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// When.
    pub at: Timestamp,
    /// The object id of a group that is not found by its key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<ObjectId>,
    /// SKUs that come with it, as they were written then.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub licences: Vec<String>,
    /// Services of a licence that were switched off.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub disabled_plans: Vec<String>,
    /// It was let go, and nothing good is on record of what came of it: they may have it, and it is
    /// given again or taken.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub unheard: bool,
    /// Somebody else had given it, and an exit took it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub by_hand: bool,
    /// It is to be taken away.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub grace: Option<Grace>,
}

/// How long something is kept that somebody is not to have any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grace {
    /// From when its days count.
    pub from: Timestamp,
    /// What has to be given first: the days count from when the last of it was.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub awaits: BTreeSet<Grant>,
    /// It went into the budget of its day, or was approved over it: never counted twice.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub counted: bool,
}

/// What is written to give or take something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granting {
    /// What.
    pub grant: Grant,
    /// The object id of a group that is not found by its key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<ObjectId>,
    /// SKUs that come with it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub licences: Vec<String>,
    /// Services of a licence that are switched off.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub disabled_plans: Vec<String>,
    /// Of these, those that the person has now.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub switched_off: Vec<String>,
    /// What has to be given before this is taken.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub awaits: Vec<Grant>,
    /// What cannot be given before this is taken.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub makes_way_for: Vec<Grant>,
}

impl Granting {
    /// Of a grant, and nothing more.
    pub const fn bare(grant: Grant) -> Self {
        Self {
            grant,
            id: None,
            licences: Vec::new(),
            disabled_plans: Vec::new(),
            switched_off: Vec::new(),
            awaits: Vec::new(),
            makes_way_for: Vec::new(),
        }
    }

    /// As arguments of an action.
    pub fn args(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        let mut put = |name: &str, value: String| out.insert(name.to_owned(), value);
        match &self.grant {
            Grant::Group(key) => {
                put("group", key.clone());
                if !self.licences.is_empty() {
                    put("licences", self.licences.join(","));
                }
            }
            Grant::Licence(sku) => {
                put("licence", sku.clone());
            }
        }
        if let Some(id) = &self.id {
            put("id", id.as_str().to_owned());
        }
        let named = |grants: &[Grant]| grants.iter().map(Grant::to_string).collect::<Vec<_>>();
        for (name, list) in [
            ("disabled_plans", self.disabled_plans.clone()),
            ("switched_off", self.switched_off.clone()),
            ("awaits", named(&self.awaits)),
            ("makes_way_for", named(&self.makes_way_for)),
        ] {
            if !list.is_empty() {
                put(name, list.join(","));
            }
        }
        out
    }

    /// From arguments of an action; `None` where it is about no grant.
    pub fn of_args(args: &BTreeMap<String, String>) -> Option<Self> {
        let list = |name: &str| -> Vec<String> {
            let all = args.get(name).map(|all| all.split(',').map(str::to_owned));
            all.into_iter().flatten().collect()
        };
        let (grant, licences) = match (args.get("group"), args.get("licence")) {
            (Some(key), None) => (Grant::Group(key.clone()), list("licences")),
            (None, Some(sku)) => (Grant::Licence(sku.clone()), vec![sku.clone()]),
            _ => return None,
        };
        let grants = |name: &str| {
            let all = list(name).into_iter();
            all.filter_map(|it| it.parse().ok()).collect()
        };
        Some(Self {
            id: args.get("id").map(ObjectId::new),
            licences,
            disabled_plans: list("disabled_plans"),
            switched_off: list("switched_off"),
            awaits: grants("awaits"),
            makes_way_for: grants("makes_way_for"),
            grant,
        })
    }

    /// How its group is found; `None` for a licence.
    pub fn group(&self) -> Option<GroupName> {
        match (&self.grant, &self.id) {
            (Grant::Group(_), Some(id)) => Some(GroupName::Id(id.clone())),
            (Grant::Group(key), None) => Some(GroupName::Unique(unique_name(key))),
            (Grant::Licence(_), _) => None,
        }
    }

    /// The licence; `None` for a group.
    pub fn licence(&self) -> Option<Licence> {
        match &self.grant {
            Grant::Group(_) => None,
            Grant::Licence(sku) => Some(Licence {
                sku: sku.clone(),
                disabled_plans: self.disabled_plans.clone(),
            }),
        }
    }

    /// As the state keeps it once it was given.
    pub fn given(self, at: Timestamp) -> Given {
        Given {
            at,
            id: self.id,
            licences: self.licences,
            disabled_plans: self.disabled_plans,
            unheard: false,
            by_hand: false,
            grace: None,
        }
    }
}

/// The unique name that a group of ours has in the target.
pub fn unique_name(key: &str) -> String {
    format!("rollcall-{key}")
}

/// Something was given: graces that waited for it count from now on, if nothing else is missing.
pub fn arrived(grants: &mut BTreeMap<Grant, Given>, grant: &Grant, at: Timestamp) {
    for grace in grants.values_mut().filter_map(|it| it.grace.as_mut()) {
        if grace.awaits.remove(grant) {
            grace.from = grace.from.max(at);
        }
    }
}

/// Something was let go, and nothing good is on record: they may have it.
pub fn let_go(grants: &mut BTreeMap<Grant, Given>, granting: Granting, at: Timestamp) {
    grants
        .entry(granting.grant.clone())
        .or_insert_with(|| Given {
            unheard: true,
            ..granting.given(at)
        });
}

/// What is to be taken was let through by the budget of its day, or by people.
pub fn count(grants: &mut BTreeMap<Grant, Given>) {
    for grace in grants.values_mut().filter_map(|it| it.grace.as_mut()) {
        grace.counted = true;
    }
}

/// Whether anything is to be taken that no budget has counted.
pub fn uncounted(grants: &BTreeMap<Grant, Given>) -> bool {
    let mut graces = grants.values().filter_map(|it| it.grace.as_ref());
    graces.any(|grace| !grace.counted)
}

/// What a worker is to have, by the rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Belongs {
    /// What rules give them.
    pub wants: BTreeSet<Grant>,
    /// Of which nobody can say: a pattern takes too many steps, or a value is none.
    pub unknown: BTreeSet<Grant>,
    /// When a rule that reads the clock says something else.
    pub flips: Option<Timestamp>,
}

/// Evaluates the rules of all grants, worker after worker.
#[derive(Debug)]
pub struct GrantRules<'g> {
    groups: &'g Groups,
    record: Record,
    scratch: Scratch,
}

impl<'g> GrantRules<'g> {
    /// Of a file.
    pub fn new(groups: &'g Groups) -> Self {
        let set = groups.grant_rules();
        Self {
            groups,
            record: set.record(),
            scratch: set.scratch(),
        }
    }

    /// What a worker is to have at an instant.
    pub fn of(&mut self, identity: &Identity, now: Timestamp) -> Belongs {
        let set = self.groups.grant_rules();
        let mut out = Belongs::default();
        if set.is_empty() {
            return out;
        }
        workers::fill(&mut self.record, set, identity);
        set.members(&self.record, Some(now), &mut self.scratch, |rule, said| {
            let grant = self.groups.grant_of(rule).clone();
            match said {
                Ok(()) => out.wants.insert(grant),
                Err(_) => out.unknown.insert(grant),
            };
        });
        out.flips = set.next_flip(&self.record, now, &mut self.scratch);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_one_text() {
        for text in ["group:sales", "licence:SPE_E5"] {
            let grant: Grant = text.parse().unwrap();
            assert_eq!(grant.to_string(), text);
            let json = serde_json::to_string(&grant).unwrap();
            assert_eq!(serde_json::from_str::<Grant>(&json).unwrap(), grant);
        }
        assert!("role:admin".parse::<Grant>().is_err());
    }

    #[test]
    fn arguments_say_what_is_given() {
        let text = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
        let group = Granting {
            id: Some(ObjectId::new("00000000-0000-0000-0000-000000000001")),
            licences: text(&["SPE_E5", "POWER_BI_PRO"]),
            awaits: vec![Grant::Licence("SPE_E3".to_owned())],
            ..Granting::bare(Grant::Group("sales".to_owned()))
        };
        let licence = Granting {
            licences: text(&["SPE_E3"]),
            disabled_plans: text(&["YAMMER_ENTERPRISE", "SWAY"]),
            switched_off: text(&["SWAY"]),
            makes_way_for: vec![Grant::Group("sales".to_owned())],
            ..Granting::bare(Grant::Licence("SPE_E3".to_owned()))
        };
        for granting in [group, licence] {
            assert_eq!(Granting::of_args(&granting.args()), Some(granting));
        }
        assert_eq!(Granting::of_args(&BTreeMap::new()), None);
    }

    #[test]
    fn days_count_from_the_last_that_was_given() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let grant = |key: &str| Grant::Group(key.to_owned());
        let given = |awaits: &[&str]| Given {
            at: at("2026-01-01T00:00:00Z"),
            id: None,
            licences: Vec::new(),
            disabled_plans: Vec::new(),
            unheard: false,
            by_hand: false,
            grace: Some(Grace {
                from: at("2026-03-01T00:00:00Z"),
                awaits: awaits.iter().map(|key| grant(key)).collect(),
                counted: false,
            }),
        };
        let mut grants = BTreeMap::from([
            (grant("old"), given(&["a", "b"])),
            (grant("older"), given(&[])),
        ]);
        let from = |grants: &BTreeMap<Grant, Given>, key| {
            let grace = grants[&grant(key)].grace.clone().unwrap();
            (grace.from, grace.awaits.len())
        };
        arrived(&mut grants, &grant("b"), at("2026-03-03T00:00:00Z"));
        assert_eq!(from(&grants, "old"), (at("2026-03-03T00:00:00Z"), 1));
        arrived(&mut grants, &grant("a"), at("2026-03-02T00:00:00Z"));
        assert_eq!(from(&grants, "old"), (at("2026-03-03T00:00:00Z"), 0));
        assert_eq!(from(&grants, "older"), (at("2026-03-01T00:00:00Z"), 0));
    }
}
