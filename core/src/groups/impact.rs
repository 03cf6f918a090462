//! What the steps of a person do to the groups they are in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Catalogue, Group, Groups, Having};
use crate::grants::{Given, Grant};
use crate::model::{Account, AccountOp, Area, Attributes, Licence, ObjectId, Value};
use crate::policy::{DraftAction, Target};
use crate::rules::{Assumption, Crossing, Crossings, Kind, Property, Record, Scratch};

/// A group that somebody comes into or goes out of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossed {
    /// The group's key.
    pub group: String,
    /// The properties whose change is the reason, as the rule writes them; none where the account
    /// is new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// What the prediction rests on that the vendor does not say: `null-complement`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumes: Vec<String>,
}

/// What becomes of somebody's memberships once their steps are done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Impact {
    /// Groups that they come into, by what is due now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub enters: Vec<Crossed>,
    /// Groups that they go out of, by what is due now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<Crossed>,
    /// Of somebody who is cut off: groups in which they stay all the same, because no rule of
    /// theirs looks at it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<String>,
    /// Groups of which nobody can say: a value is not one that the property takes, or a pattern
    /// takes too many steps for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// Licences that they get by a group or of their own, and had in neither way before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gains: Vec<String>,
    /// Licences that they had by a group or of their own, and have in neither way any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
    /// They get a licence, and services of theirs exclude each other: the target refuses some.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clash: bool,
}

impl Impact {
    /// Nothing becomes of them.
    pub fn is_empty(&self) -> bool {
        self.enters.is_empty()
            && self.leaves.is_empty()
            && self.stays.is_empty()
            && self.unknown.is_empty()
            && self.gains.is_empty()
            && self.losses.is_empty()
    }

    /// Whether anything is said of a group.
    pub fn names(&self, group: &str) -> bool {
        let mut crossed = self.enters.iter().chain(&self.leaves);
        let mut others = self.stays.iter().chain(&self.unknown);
        crossed.any(|it| it.group == group) || others.any(|it| it == group)
    }
}

/// Predicts, person after person.
#[derive(Debug)]
pub struct Impacts<'g> {
    groups: &'g Groups,
    target: &'g Target,
    catalogue: &'g Catalogue,
    now: Timestamp,
    scratch: [Scratch; 2],
    records: [Record; 2],
}

impl<'g> Impacts<'g> {
    /// For a plan at an instant.
    pub fn new(
        groups: &'g Groups,
        target: &'g Target,
        catalogue: &'g Catalogue,
        now: Timestamp,
    ) -> Self {
        let set = &groups.set;
        Self {
            groups,
            target,
            catalogue,
            now,
            scratch: [set.scratch(), set.scratch()],
            records: [set.record(), set.record()],
        }
    }

    /// What becomes of somebody: `before` is their account as planning read it, `given` what we
    /// gave them, `due` what is done now, `later` everything that is scheduled or kept back.
    pub fn of<'s>(
        &mut self,
        before: Option<&Account>,
        given: &BTreeMap<Grant, Given>,
        due: impl Iterator<Item = &'s DraftAction>,
        later: impl Iterator<Item = &'s DraftAction>,
    ) -> Impact {
        let mut out = Impact::default();
        let mut account = before.cloned();
        let mut cut = false;
        let had: BTreeMap<&Grant, &[String]> = given
            .iter()
            .filter(|(_, given)| !given.unheard)
            .map(|(grant, given)| (grant, given.licences.as_slice()))
            .collect();
        let mut has = had.clone();
        for step in due {
            cut |= step.op.cut();
            apply(&mut account, step, self.target);
            move_grants(&mut has, step);
        }
        let granted = had.keys().ne(has.keys());
        if account.as_ref() != before {
            self.cross(before, account.as_ref(), &mut out);
        }
        if granted {
            move_between(&had, &has, &mut out);
        }
        if granted || !out.enters.is_empty() || !out.leaves.is_empty() {
            let before = self.by_rules(before, self.now);
            let after = self.by_rules(account.as_ref(), self.now);
            let names = |by_rules: &[&'g Group], given: &BTreeMap<&Grant, &[String]>| {
                let by_rules = by_rules.iter().flat_map(|group| &group.licences);
                let given = given.values().copied().flatten();
                let all = by_rules.map(|it| &it.sku).chain(given);
                all.cloned().collect::<BTreeSet<String>>()
            };
            let (then, now) = (names(&before, &had), names(&after, &has));
            out.gains = now.difference(&then).cloned().collect();
            out.losses = then.difference(&now).cloned().collect();
            out.clash = !out.gains.is_empty() && self.clash(&after, &has);
        }
        for step in later {
            cut |= step.op.cut();
            apply(&mut account, step, self.target);
            move_grants(&mut has, step);
        }
        if let Some(account) = account.filter(|_| cut) {
            self.stay(&account, &mut out);
            let groups = has.keys().filter_map(|grant| match grant {
                Grant::Group(key) => Some(key.clone()),
                Grant::Licence(_) => None,
            });
            out.stays.extend(groups);
        }
        out
    }

    /// Goes on at another instant.
    pub const fn at(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// What time alone does to somebody's memberships from now until an instant, in its order.
    pub fn flips(
        &mut self,
        account: &Account,
        given: &BTreeMap<Grant, Given>,
        until: Timestamp,
    ) -> Vec<(Timestamp, Impact)> {
        let set = &self.groups.set;
        let mut out = Vec::new();
        let mut at = self.now;
        loop {
            let [record, _] = &mut self.records;
            fill(record, set.slots(), Some(account));
            let flip = set.next_flip(record, at, &mut self.scratch[0]);
            let Some(flip) = flip.filter(|flip| *flip <= until) else {
                return out;
            };
            let crossings =
                set.crossings((record, Some(at)), (record, Some(flip)), &mut self.scratch);
            let mut impact = Impact::default();
            for Crossing { rule, enters } in crossings.crossed {
                let list = if enters {
                    &mut impact.enters
                } else {
                    &mut impact.leaves
                };
                list.push(Crossed {
                    group: self.groups.all[self.groups.place_of(rule)].key.clone(),
                    because: Vec::new(),
                    assumes: Vec::new(),
                });
            }
            let own = given.values().flat_map(|given| &given.licences);
            let own: BTreeSet<&String> = own.collect();
            let mut skus = |at| {
                let groups = self.by_rules(Some(account), at);
                let skus = groups.into_iter().flat_map(|group| &group.licences);
                let skus: BTreeSet<&String> = skus.map(|it| &it.sku).collect();
                &skus | &own
            };
            let (then, now) = (skus(at), skus(flip));
            let owned = |it: &&String| (*it).clone();
            impact.gains = now.difference(&then).map(owned).collect();
            impact.losses = then.difference(&now).map(owned).collect();
            out.push((flip, impact));
            at = flip;
        }
    }

    /// Groups with licences that an account is in by their rules at an instant.
    fn by_rules(&mut self, account: Option<&Account>, now: Timestamp) -> Vec<&'g Group> {
        let groups = self.groups;
        let mut out = Vec::new();
        let gives = |at: &usize| !groups.all[*at].licences.is_empty();
        let Some(account) = account.filter(|_| groups.places.iter().any(gives)) else {
            return out;
        };
        let [record, _] = &mut self.records;
        fill(record, groups.set.slots(), Some(account));
        let scratch = &mut self.scratch[0];
        groups
            .set
            .members(record, Some(now), scratch, |rule, said| {
                let group = &groups.all[groups.place_of(rule)];
                if said.is_ok() && !group.licences.is_empty() {
                    out.push(group);
                }
            });
        out
    }

    /// Whether services of what somebody has exclude each other.
    fn clash(&self, by_rules: &[&'g Group], has: &BTreeMap<&Grant, &[String]>) -> bool {
        let part = |licence: &'g Licence| (licence.sku.as_str(), licence.disabled_plans.as_slice());
        let by_rules = by_rules.iter().flat_map(|group| &group.licences).map(part);
        let given = has.iter().flat_map(|(grant, skus)| {
            let definition = self.groups.definition(grant);
            let off = |sku: &str| {
                let mut licences = definition.iter().flat_map(super::Definition::having);
                licences
                    .find(|(known, _)| self.catalogue.same(known, sku))
                    .map(|(_, off)| off.to_vec())
                    .unwrap_or_default()
            };
            let parts = skus.iter().map(|sku| (sku.clone(), off(sku)));
            parts.collect::<Vec<_>>()
        });
        let given: Vec<(String, Vec<String>)> = given.collect();
        let given = given
            .iter()
            .map(|(sku, off)| (sku.as_str(), off.as_slice()));
        let all: Vec<Having<'_>> = by_rules.chain(given).collect();
        self.catalogue
            .clash(all.iter().copied(), all.iter().copied())
    }

    fn cross(&mut self, before: Option<&Account>, after: Option<&Account>, out: &mut Impact) {
        let (set, now) = (&self.groups.set, Some(self.now));
        let [one, other] = &mut self.records;
        fill(one, set.slots(), before);
        fill(other, set.slots(), after);
        let crossings = if before.is_some() {
            set.crossings((one, now), (other, now), &mut self.scratch)
        } else {
            // Whoever has no account is in no group, whatever a rule says of nothing.
            let mut crossings = Crossings::default();
            set.members(other, now, &mut self.scratch[0], |rule, said| match said {
                Ok(()) => crossings.crossed.push(Crossing { rule, enters: true }),
                Err(unknown) => crossings.unknown.push((rule, unknown)),
            });
            crossings.crossed.sort_unstable();
            crossings
        };
        let group = |rule: usize| &self.groups.all[self.groups.place_of(rule)];
        let key = |rule: usize| group(rule).key.clone();
        for Crossing { rule, enters } in crossings.crossed {
            let because = match before {
                Some(_) => set.differs(rule, one, other),
                None => Vec::new(),
            };
            // The one says yes and the other no: what it rests on is what either rests on.
            let mut assumes: Vec<&str> = [&*one, &*other]
                .into_iter()
                .filter_map(|record| set.assumptions(rule, record, now).ok())
                .flatten()
                .map(Assumption::name)
                .collect();
            assumes.dedup();
            let crossed = Crossed {
                group: key(rule),
                because,
                assumes: assumes.into_iter().map(str::to_owned).collect(),
            };
            if enters {
                out.enters.push(crossed);
            } else {
                out.leaves.push(crossed);
            }
        }
        out.unknown = crossings
            .unknown
            .iter()
            .map(|(rule, _)| key(*rule))
            .collect();
    }

    fn stay(&mut self, account: &Account, out: &mut Impact) {
        let set = &self.groups.set;
        let [record, _] = &mut self.records;
        fill(record, set.slots(), Some(account));
        let [scratch, _] = &mut self.scratch;
        let mut stays = Vec::new();
        // Of whom nobody can say was told with what crosses.
        set.members(record, Some(self.now), scratch, |rule, said| {
            if said.is_ok() {
                stays.push(rule);
            }
        });
        stays.sort_unstable();
        let key = |rule: usize| self.groups.all[self.groups.place_of(rule)].key.clone();
        out.stays = stays.into_iter().map(key).collect();
    }
}

/// An account after steps that are carried out.
pub fn account_after<'s>(
    account: Option<&Account>,
    steps: impl Iterator<Item = &'s DraftAction>,
    target: &Target,
) -> Option<Account> {
    let mut account = account.cloned();
    for step in steps {
        apply(&mut account, step, target);
    }
    account
}

/// What an account is after a step.
fn apply(account: &mut Option<Account>, step: &DraftAction, target: &Target) {
    let written = |account: &mut Account, after: &Attributes| {
        for (name, value) in after {
            let text = || value.as_text().unwrap_or_default().to_owned();
            if *name == target.name_attribute {
                account.name = crate::model::AccountName::new(text());
            }
            if *name == target.key_attribute {
                account.key = Some(text()).filter(|key| !key.is_empty());
            }
            if value.is_nothing() {
                account.attributes.remove(name);
            } else {
                account.attributes.insert(name.clone(), value.clone());
            }
        }
    };
    let Area::Account(op) = step.op.area() else {
        return;
    };
    match (op, account) {
        (AccountOp::Create, account) => {
            let mut made = Account {
                // It gets one when it is made; that it has one is all that rules ask.
                id: ObjectId::new("00000000-0000-0000-0000-000000000000"),
                enabled: false,
                key: None,
                name: crate::model::AccountName::new(String::new()),
                attributes: Attributes::new(),
                holdings: None,
            };
            written(&mut made, &step.after);
            // What the directory makes of an account that is not invited.
            let kind = made.attributes.entry("userType".to_owned());
            kind.or_insert_with(|| Value::text("Member"));
            *account = Some(made);
        }
        (AccountOp::Update, Some(account)) => written(account, &step.after),
        (AccountOp::Enable, Some(account)) => account.enabled = true,
        (AccountOp::Disable, Some(account)) => account.enabled = false,
        (AccountOp::SetManager | AccountOp::ClearManager | AccountOp::RevokeSessions, Some(_))
        | (_, None) => {}
    }
}

/// What somebody has of us after a step.
fn move_grants<'s>(has: &mut BTreeMap<&'s Grant, &'s [String]>, step: &'s DraftAction) {
    let Some(granting) = &step.granting else {
        return;
    };
    if step.op.grants() {
        has.insert(&granting.grant, &granting.licences);
    } else {
        has.remove(&granting.grant);
    }
}

/// Groups of ours that somebody comes into and goes out of.
fn move_between(
    had: &BTreeMap<&Grant, &[String]>,
    has: &BTreeMap<&Grant, &[String]>,
    out: &mut Impact,
) {
    let groups = |from: &BTreeMap<&Grant, &[String]>, to: &BTreeMap<&Grant, &[String]>| {
        let new = from.keys().filter(|grant| !to.contains_key(*grant));
        let crossed = new.filter_map(|grant| match grant {
            Grant::Group(key) => Some(Crossed {
                group: key.clone(),
                because: Vec::new(),
                assumes: Vec::new(),
            }),
            Grant::Licence(_) => None,
        });
        crossed.collect::<Vec<_>>()
    };
    out.enters.extend(groups(has, had));
    out.leaves.extend(groups(had, has));
}

/// An account as rules see it.
pub(super) fn fill(record: &mut Record, slots: &[Property], account: Option<&Account>) {
    for (slot, property) in slots.iter().enumerate() {
        let Some(account) = account else {
            record.clear(slot);
            continue;
        };
        match property.name.as_str() {
            "accountEnabled" => record.flag(slot, Some(account.enabled)),
            "objectId" => record.text(slot, Some(account.id.as_str())),
            "userPrincipalName" => record.text(slot, Some(account.name.reveal())),
            "employeeId" => record.text(slot, account.key.as_deref()),
            _ => {
                let name = property.attribute().unwrap_or_default();
                let value = account.attributes.get(&name);
                set(record, slot, property, value.unwrap_or(&Value::Null));
            }
        }
    }
}

fn set(record: &mut Record, slot: usize, property: &Property, value: &Value) {
    if value.is_nothing() {
        return record.clear(slot);
    }
    match (property.kind, value) {
        (Kind::Text, Value::Text(text)) => record.text(slot, Some(text)),
        // One of a list where the rule knows one.
        (Kind::Text, Value::List(items)) => {
            record.text(slot, items.first().and_then(Value::as_text));
        }
        (_, value) => {
            let json = serde_json::to_value(value).unwrap_or(Json::Null);
            // A value of another kind is none.
            if record.value(slot, property, &json).is_err() {
                record.clear(slot);
            }
        }
    }
}
