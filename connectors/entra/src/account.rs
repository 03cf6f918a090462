//! A Graph user as an account, attributes as Graph members, and back.
//!
//! Attribute names are Graph property names; a dot leads into a complex property
//! (`employeeOrgData.costCenter`). Invariant: what is compared is what is written.

use std::collections::BTreeSet;

use rollcall_core::model::{Account, AccountName, Attributes, ObjectId, Value};
use serde_json::{Map, Value as Json};

/// What every read of a user asks for.
const ALWAYS: [&str; 4] = ["id", "accountEnabled", "employeeId", "userPrincipalName"];

/// Complex properties whose omitted members the directory clears: all are sent, always
/// (user resource type, `employeeOrgData`).
const WHOLE: [(&str, &[&str]); 1] = [("employeeOrgData", &["costCenter", "division"])];

/// The value of `$select` for these attributes: top-level names, each once.
pub(crate) fn select<'a>(attributes: impl IntoIterator<Item = &'a String>) -> String {
    let mut names: Vec<&str> = ALWAYS.to_vec();
    let wanted: BTreeSet<&str> = attributes
        .into_iter()
        .map(|a| a.split('.').next().unwrap_or(a))
        .collect();
    names.extend(wanted.into_iter().filter(|name| !ALWAYS.contains(name)));
    names.join(",")
}

/// Reads a user. `None` when it lacks its id, its name or whether it is enabled: an answer that
/// no plan may rest on.
pub(crate) fn read<'a>(
    user: &Json,
    attributes: impl IntoIterator<Item = &'a String>,
) -> Option<Account> {
    let text = |name: &str| user.get(name).and_then(Json::as_str);
    let attributes = attributes
        .into_iter()
        .map(|name| (name.clone(), value_at(user, name)))
        .filter(|(_, value)| !value.is_null())
        .collect();
    Some(Account {
        id: ObjectId::new(text("id")?),
        enabled: user.get("accountEnabled")?.as_bool()?,
        key: text("employeeId")
            .filter(|key| !key.is_empty())
            .map(str::to_owned),
        name: AccountName::new(text("userPrincipalName")?),
        attributes,
        holdings: None,
    })
}

/// The value of an attribute; null when it is missing or of a shape that no attribute has.
pub(crate) fn value_at(user: &Json, attribute: &str) -> Value {
    let mut at = user;
    for part in attribute.split('.') {
        match at.get(part) {
            Some(inner) => at = inner,
            None => return Value::Null,
        }
    }
    value(at).unwrap_or(Value::Null)
}

fn value(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => Value::Number(n.clone()),
        Json::String(s) => Value::Text(s.clone()),
        Json::Array(items) => Value::List(items.iter().map(value).collect::<Option<_>>()?),
        Json::Object(_) => return None,
    })
}

fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Number(n) => Json::Number(n.clone()),
        // The directory clears with null and refuses the empty text.
        Value::Text(text) if text.is_empty() => Json::Null,
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
    }
}

/// Whether the directory would hold the same: the sign-in name has no case.
pub(crate) fn same(attribute: &str, left: &Value, right: &Value) -> bool {
    left.is_same(right, attribute == "userPrincipalName")
}

/// A request body of these attributes. `current` fills the members of complex properties that
/// are only replaced as a whole.
pub(crate) fn body(write: &Attributes, current: &Json) -> Map<String, Json> {
    let mut out = Map::new();
    for (name, value) in write {
        let Some((outer, inner)) = name.split_once('.') else {
            out.insert(name.clone(), json(value));
            continue;
        };
        let complex = out.entry(outer).or_insert_with(|| {
            let members = WHOLE
                .iter()
                .find(|(name, _)| *name == outer)
                .map_or(&[][..], |w| w.1);
            let kept = |member: &str| current.get(outer).and_then(|c| c.get(member)).cloned();
            Json::Object(
                members
                    .iter()
                    .map(|m| ((*m).to_owned(), kept(m).unwrap_or(Json::Null)))
                    .collect(),
            )
        });
        if let Some(complex) = complex.as_object_mut() {
            complex.insert(inner.to_owned(), json(value));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    /// Members of a complex property are asked for once, by its own name.
    #[test]
    fn select_names_top_level_properties() {
        let wanted = names(&[
            "employeeOrgData.division",
            "city",
            "employeeOrgData.costCenter",
            "employeeId",
        ]);
        assert_eq!(
            select(&wanted),
            "id,accountEnabled,employeeId,userPrincipalName,city,employeeOrgData"
        );
    }

    /// Absent and null are the same; an account without its basics is no account.
    #[test]
    fn users_become_accounts() {
        let wanted = names(&["city", "employeeOrgData.costCenter", "otherMails"]);
        let user = json!({"id": "o1", "accountEnabled": true, "employeeId": "",
            "userPrincipalName": "mira@north.example", "city": null,
            "employeeOrgData": {"costCenter": "C7", "division": null}, "otherMails": ["a@b.example"]});
        let account = read(&user, &wanted).unwrap();
        assert_eq!((account.key, account.enabled), (None, true));
        let attributes: Vec<&String> = account.attributes.keys().collect();
        assert_eq!(attributes, ["employeeOrgData.costCenter", "otherMails"]);
        assert_eq!(
            read(&json!({"id": "o1", "userPrincipalName": "x"}), &wanted),
            None
        );
    }

    /// One member changed: the other is sent as it is, or it would be cleared.
    #[test]
    fn complex_properties_are_sent_whole() {
        let write = Attributes::from([
            ("employeeOrgData.costCenter".to_owned(), Value::text("C8")),
            ("jobTitle".to_owned(), Value::text("")),
        ]);
        let current = json!({"employeeOrgData": {"costCenter": "C7", "division": "North"}});
        let expected =
            json!({"employeeOrgData": {"costCenter": "C8", "division": "North"}, "jobTitle": null});
        assert_eq!(Json::Object(body(&write, &current)), expected);
        let expected =
            json!({"employeeOrgData": {"costCenter": "C8", "division": null}, "jobTitle": null});
        assert_eq!(Json::Object(body(&write, &Json::Null)), expected);
    }

    /// Attribute, one value, another → the same to the directory?
    #[test]
    fn sameness() {
        let t = Value::text;
        let table = [
            ("city", t("Bern"), t("Bern"), true),
            ("city", t("Bern"), t("bern"), false),
            ("city", Value::Null, t(""), true),
            ("otherMails", Value::List(vec![]), Value::Null, true),
            (
                "userPrincipalName",
                t("Mira@North.example"),
                t("mira@north.example"),
                true,
            ),
            (
                "employeeHireDate",
                t("2026-03-16T00:00:00Z"),
                t("2026-03-16T01:00:00+01:00"),
                true,
            ),
            (
                "employeeHireDate",
                t("2026-03-16T00:00:00Z"),
                t("2026-03-17T00:00:00Z"),
                false,
            ),
            ("accountEnabled", Value::Bool(false), Value::Null, false),
        ];
        for (attribute, left, right, expected) in table {
            assert_eq!(same(attribute, &left, &right), expected, "{attribute}");
        }
    }
}
