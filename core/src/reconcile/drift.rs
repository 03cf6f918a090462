//! Where an account differs from what HR says, and who is right.
//!
//! Three values of an attribute tell who changed it: HR's through the mapping, the tenant's now, and
//! what the account had when HR's row was last carried out. Invariant: the same two values differ here and in a plan, or in neither.

use serde::{Deserialize, Serialize};

use crate::model::{Account, Attributes, Value};
use crate::policy::Target;
use crate::state::Identity;

/// How a difference came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// Somebody changed it in the tenant since HR's row was carried out: HR's value is right.
    ChangedInTenant,
    /// HR says something newer than what was carried out: the next run writes it.
    HrAhead,
    /// Nothing of it was carried out yet.
    NeverApplied,
}

impl Because {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChangedInTenant => "changed_in_tenant",
            Self::HrAhead => "hr_ahead",
            Self::NeverApplied => "never_applied",
        }
    }
}

/// One attribute that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Which.
    pub attribute: String,
    /// HR's value.
    pub wanted: Value,
    /// The tenant's.
    pub has: Value,
    /// Who is right.
    pub because: Because,
}

/// What differs of the attributes that are kept in step, the key among them. `before` is what the account
/// had when HR's row was last carried out.
pub fn differences(
    wanted: &Identity,
    account: &Account,
    before: &Attributes,
    target: &Target,
) -> Vec<Difference> {
    let no_case = |name: &str| name == target.name_attribute;
    let of = |name: &str, wanted: &Value, has: Value| {
        let because = match before.get(name) {
            None => Because::NeverApplied,
            Some(before) if before.is_same(&has, no_case(name)) => Because::HrAhead,
            Some(_) => Because::ChangedInTenant,
        };
        Difference {
            attribute: name.to_owned(),
            wanted: wanted.clone(),
            has,
            because,
        }
    };
    let key = &target.key_attribute;
    let rest = wanted.always.iter().filter(|(name, _)| *name != key);
    let mut out: Vec<Difference> = rest
        .filter_map(|(name, wanted)| {
            let has = account.attributes.get(name).cloned().unwrap_or_default();
            let same = has.is_same(wanted, no_case(name));
            (!same).then(|| of(name, wanted, has))
        })
        .collect();
    if account.key.as_deref() != Some(wanted.worker.as_str()) {
        let has = account.key.as_deref().map_or(Value::Null, Value::text);
        let mut of_key = of(key, &Value::text(wanted.worker.as_str()), has);
        // An account carries the key from the first day that it is ours.
        of_key.because = Because::ChangedInTenant;
        out.push(of_key);
    }
    out.sort_by(|a, b| a.attribute.cmp(&b.attribute));
    out
}

/// Hashes attributes so that two accounts of one print are the same to [`differences`]. Two of
/// different prints may be so all the same (an instant in another spelling): those are compared.
#[derive(Debug, Clone, Default)]
pub struct Print(Vec<u8>);

impl Print {
    /// Of values, by the names in this order; what has no value counts as nothing.
    pub fn of<'a>(
        &mut self,
        values: impl IntoIterator<Item = (&'a str, Option<&'a Value>)>,
        target: &Target,
    ) -> u128 {
        self.0.clear();
        for (name, value) in values {
            let value = value.filter(|it| !it.is_nothing());
            let tag = match value {
                None => 0,
                Some(Value::Text(_)) => 1,
                Some(_) => 2,
            };
            self.0.extend_from_slice(name.as_bytes());
            self.0.extend([0, tag]);
            // Its length goes in front: where a value ends is no matter of what stands in it.
            let from = self.0.len();
            self.0.extend([0; 4]);
            match value {
                None => {}
                Some(Value::Text(text)) if name == target.name_attribute => {
                    self.0.extend_from_slice(text.to_lowercase().as_bytes());
                }
                Some(Value::Text(text)) => self.0.extend_from_slice(text.as_bytes()),
                Some(other) => {
                    serde_json::to_writer(&mut self.0, other).expect("a value is always JSON");
                }
            }
            let length = u32::try_from(self.0.len() - from - 4).unwrap_or(u32::MAX);
            self.0[from..from + 4].copy_from_slice(&length.to_be_bytes());
        }
        xxhash_rust::xxh3::xxh3_128(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target {
            key_attribute: "employeeId".to_owned(),
            name_attribute: "userPrincipalName".to_owned(),
            alias_attribute: "mailNickname".to_owned(),
        }
    }

    /// Equal prints mean equal values: whatever stands in a value, it is not mistaken for another.
    #[test]
    fn what_has_one_print_is_the_same() {
        let t = |text: &str| Value::text(text);
        let list = |texts: &[&str]| Value::List(texts.iter().map(|it| t(it)).collect());
        let values = [
            ("city", Value::Null),
            ("city", t("")),
            ("city", t("Bern")),
            ("city", t("bern")),
            ("city", t("\"Bern\"")),
            ("city", t("true")),
            ("city", Value::Bool(true)),
            ("city", t("[\"a\"]")),
            ("city", list(&["a"])),
            ("city", list(&["a", "b"])),
            ("city", list(&[])),
            ("userPrincipalName", t("Mira@north.example")),
            ("userPrincipalName", t("mira@north.example")),
            ("employeeHireDate", t("2026-03-16T00:00:00Z")),
            ("employeeHireDate", t("2026-03-16T01:00:00+01:00")),
        ];
        let target = target();
        let mut print = Print::default();
        let prints = values
            .iter()
            .map(|(name, value)| print.of([(*name, Some(value))], &target))
            .collect::<Vec<_>>();
        for (one, (name, left)) in values.iter().enumerate() {
            for (two, (other, right)) in values.iter().enumerate() {
                let no_case = *name == target.name_attribute;
                let same = name == other && left.is_same(right, no_case);
                if prints[one] == prints[two] {
                    assert!(same, "{name} {left:?} {other} {right:?}");
                }
            }
        }
        assert_eq!(prints[0], prints[1], "nothing is nothing");
        assert_eq!(prints[11], prints[12], "a sign-in name has no case");
        let whole = print.of([("a", Some(&t("xb"))), ("b", None)], &target);
        let split = print.of([("a", Some(&t("x"))), ("b", Some(&t("b")))], &target);
        assert_ne!(whole, split);
    }
}
