//! Workers as the rules of a policy see them: `worker.` properties over what the mapping makes of
//! a row.
//!
//! The grammar is that of dynamic membership rules. Invariant: where nobody can say whether a rule
//! holds, it counts as holding for what protects, and that is decided here.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::mapping::Mapping;
use crate::model::Value;
use crate::policy::Policy;
pub(crate) use crate::policy::last_part;
use crate::rules::{Kind, Record, Rule, RuleError, RuleSet, Scratch, Vocabulary};
use crate::state::Identity;

/// Facts of a worker beside the attributes that the mapping writes.
const FACTS: [(&str, Kind); 6] = [
    ("id", Kind::Text),
    ("status", Kind::Text),
    ("manager", Kind::Text),
    ("hireDate", Kind::Instant),
    ("lastDay", Kind::Instant),
    ("timeZone", Kind::Text),
];

/// What rules can read of workers: facts, and the attributes of a mapping by the last part of
/// their names (`worker.costCenter`).
pub fn vocabulary(mapping: &Mapping) -> Vec<(String, Kind)> {
    let facts = FACTS.iter().map(|(name, kind)| ((*name).to_owned(), *kind));
    let mut out: Vec<(String, Kind)> = facts.collect();
    let facts = mapping.facts().map(|name| (name.to_owned(), Kind::Text));
    out.extend(facts);
    for target in mapping.targets() {
        let name = last_part(target);
        if !out
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            let kind = if target == "employeeHireDate" {
                Kind::Instant
            } else {
                Kind::Text
            };
            out.push((name.to_owned(), kind));
        }
    }
    out
}

/// Who is protected by what HR says of them.
#[derive(Debug)]
pub struct ProtectedRule {
    set: RuleSet,
    record: Record,
    scratch: Scratch,
}

impl ProtectedRule {
    /// The rule of a policy over the workers of a mapping, if it has one.
    ///
    /// # Errors
    /// It is none.
    pub fn compile(policy: &Policy, mapping: &Mapping) -> Result<Option<Self>, RuleError> {
        let Some(source) = &policy.protected.rule else {
            return Ok(None);
        };
        let rule = Rule::compile(source, Vocabulary::Worker(&vocabulary(mapping)))?;
        let set = RuleSet::new(std::slice::from_ref(&rule));
        Ok(Some(Self {
            record: set.record(),
            scratch: set.scratch(),
            set,
        }))
    }

    /// Whether a worker is protected at an instant; also where nobody can say.
    pub fn holds(&mut self, identity: &Identity, now: Timestamp) -> bool {
        fill(&mut self.record, &self.set, identity);
        let mut holds = false;
        // A verdict that nobody can give is one too.
        self.set
            .members(&self.record, Some(now), &mut self.scratch, |_, _| {
                holds = true;
            });
        holds
    }
}

/// A worker as rules see them.
pub(crate) fn fill(record: &mut Record, set: &RuleSet, identity: &Identity) {
    let day = |date: Option<jiff::civil::Date>| {
        let zoned = date?.to_zoned(TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    };
    for (slot, property) in set.slots().iter().enumerate() {
        match property.name.as_str() {
            "id" => record.text(slot, Some(identity.worker.as_str())),
            "status" => record.text(slot, Some(identity.status.as_str())),
            "manager" => {
                record.text(
                    slot,
                    identity
                        .manager
                        .as_ref()
                        .map(crate::model::WorkerId::as_str),
                );
            }
            "hireDate" => record.instant(slot, day(identity.hire)),
            "lastDay" => record.instant(slot, day(identity.last_day)),
            "timeZone" => record.text(slot, identity.zone.as_deref()),
            name => {
                let text = values(identity, name).find_map(first_text);
                match (property.kind, text) {
                    (Kind::Instant, text) => {
                        record.instant(slot, text.and_then(|text| text.parse().ok()));
                    }
                    (_, text) => record.text(slot, text),
                }
            }
        }
    }
}

/// A fact or an attribute of a worker by the last part of its name, where it is a text.
pub(crate) fn text<'i>(identity: &'i Identity, name: &str) -> Option<&'i str> {
    if name == "timeZone" {
        return identity.zone.as_deref();
    }
    values(identity, name).find_map(first_text)
}

fn values<'i>(identity: &'i Identity, name: &str) -> impl Iterator<Item = &'i Value> {
    let facts = identity.facts.iter();
    let all = facts.chain(&identity.always).chain(&identity.on_create);
    let named = all.filter(move |(target, _)| last_part(target) == name);
    named.map(|(_, value)| value)
}

/// What is said of a worker under a name of the [`vocabulary`], as people read it; `None` where
/// nothing is.
pub(crate) fn said(identity: &Identity, name: &str) -> Option<String> {
    let day = |date: Option<jiff::civil::Date>| date.map(|date| date.to_string());
    match name {
        "id" => Some(identity.worker.as_str().to_owned()),
        "status" => Some(identity.status.clone()).filter(|status| !status.is_empty()),
        "manager" => identity.manager.as_ref().map(|it| it.as_str().to_owned()),
        "hireDate" => day(identity.hire),
        "lastDay" => day(identity.last_day),
        "timeZone" => identity.zone.clone(),
        name => values(identity, name).find_map(|value| match value {
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Text(_) | Value::List(_) => first_text(value).map(str::to_owned),
        }),
    }
}

fn first_text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text),
        Value::List(items) => items.first().and_then(Value::as_text),
        Value::Text(_) | Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, WorkerId};

    const MAPPING: &str = "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
        [[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
        [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
        [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n\
        [[attribute]]\ntarget = \"displayName\"\nsource = \"N\"\n\
        [[attribute]]\ntarget = \"jobTitle\"\nsource = \"T\"\n\
        [[attribute]]\ntarget = \"employeeOrgData.costCenter\"\nsource = \"C\"\n\
        [[attribute]]\ntarget = \"employeeHireDate\"\nsource = \"H\"\n";

    fn rule(source: &str) -> Result<Option<ProtectedRule>, RuleError> {
        let policy = format!(
            "format_version = 1\n[status]\nactive = [\"A\"]\ninactive = [\"I\"]\n\
             [protected]\nrule = '{source}'\n"
        );
        let policy = Policy::parse(&policy, "policy.toml").unwrap();
        ProtectedRule::compile(&policy, &Mapping::parse(MAPPING, "mapping.toml").unwrap())
    }

    fn worker() -> Identity {
        let value = |name: &str, text: &str| (name.to_owned(), Value::text(text));
        let always: Attributes = [
            value("jobTitle", "Chief Counsel"),
            value("employeeOrgData.costCenter", "CC1"),
            value("employeeHireDate", "2020-01-06T00:00:00Z"),
        ]
        .into();
        Identity {
            worker: WorkerId::new("7"),
            source: None,
            status: "A".to_owned(),
            manager: Some(WorkerId::new("1")),
            hire: Some("2020-01-06".parse().unwrap()),
            last_day: None,
            zone: Some("Europe/Oslo".to_owned()),
            terms: Box::default(),
            facts: Attributes::new(),
            always,
            on_create: [value("userPrincipalName", "seven@x.example")].into(),
            out_of_scope: false,
            other_names: Vec::new(),
        }
    }

    /// Rule → whether the worker is protected.
    #[test]
    fn facts_and_attributes_can_be_asked_for() {
        let now: Timestamp = "2026-03-16T02:00:00Z".parse().unwrap();
        for (source, holds) in [
            ("worker.jobTitle -startsWith \"chief\"", true),
            ("worker.jobTitle -eq \"Chief\"", false),
            ("worker.costCenter -in [\"CC1\", \"CC2\"]", true),
            ("worker.id -eq \"7\" -and worker.status -eq \"A\"", true),
            (
                "worker.manager -eq \"1\" -and worker.timeZone -eq \"Europe/Oslo\"",
                true,
            ),
            ("worker.lastDay -eq null", true),
            ("worker.hireDate -ge 2020-01-06T00:00:00Z", true),
            ("worker.hireDate -ge system.now -minus P30D", false),
            ("worker.employeeHireDate -le 2020-01-06T00:00:00Z", true),
            ("worker.userPrincipalName -endsWith \"@x.example\"", true),
            ("worker.displayName -ne null", false),
        ] {
            let mut rule = rule(source).unwrap().unwrap();
            assert_eq!(rule.holds(&worker(), now), holds, "{source}");
        }
        let mut long = worker();
        long.always
            .insert("jobTitle".to_owned(), Value::text("a".repeat(60)));
        let mut endless = rule("worker.jobTitle -match \"(a|aa)+b|a+c\"")
            .unwrap()
            .unwrap();
        assert!(
            endless.holds(&long, now),
            "nobody can say, and that protects"
        );
        assert!(rule("worker.jobTitel -eq \"x\"").is_err());
        assert!(rule("user.jobTitle -eq \"x\"").is_err());
    }
}
