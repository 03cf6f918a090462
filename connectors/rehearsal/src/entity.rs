//! A user on its way into a record and out of it again.
//!
//! Invariant: what is kept is what is set; how Graph shows what is not set is decided here alone.

use serde_json::{Map, Value as Json};

use crate::body;
use crate::csdl::{Kind, schema};
use crate::directory::Record;
use crate::query::Query;
use crate::state::Call;

pub(crate) const USER: &str = "microsoft.graph.user";

/// Given when nothing is selected ("List users", default properties).
const DEFAULT: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];

/// Puts checked members into a record: null clears, a complex value replaces the old one whole
/// ("Update user", `employeeOrgData`), except the extension attributes, which are set one by one.
pub(crate) fn merge(record: &mut Record, body: Map<String, Json>) {
    for (name, value) in body {
        if name.starts_with("@odata.") {
            continue;
        }
        if name == "passwordProfile" {
            record.password_set |= value.get("password").is_some_and(Json::is_string);
            continue;
        }
        let value = match (name.as_str(), value) {
            ("onPremisesExtensionAttributes", Json::Object(new)) => {
                let old = record
                    .properties
                    .get(&name)
                    .and_then(Json::as_object)
                    .cloned();
                let mut all = old.unwrap_or_default();
                all.extend(new);
                Json::Object(all)
            }
            (_, value) => normal(&name, value),
        };
        let value = without_nulls(value);
        match value {
            None => record.properties.remove(&name),
            Some(value) => record.properties.insert(name, value),
        };
    }
}

/// Instants are kept in UTC.
fn normal(property: &str, value: Json) -> Json {
    let kind = schema()
        .property(USER, property)
        .map(|property| &property.kind);
    match (kind, &value) {
        (Some(Kind::DateTimeOffset), Json::String(text)) => {
            body::instant(text).map_or(value, |instant| instant.to_string().into())
        }
        _ => value,
    }
}

/// Nothing is kept as nothing; an object of nothing is nothing, and so is an empty list.
fn without_nulls(value: Json) -> Option<Json> {
    match value {
        Json::Null => None,
        Json::Object(members) => {
            let kept: Map<String, Json> = members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .collect();
            (!kept.is_empty()).then_some(Json::Object(kept))
        }
        Json::Array(items) => (!items.is_empty()).then_some(Json::Array(items)),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => Some(value),
    }
}

/// A user as the only thing in an answer.
pub(crate) fn entity(call: &Call<'_>, query: &Query, record: &Record) -> Json {
    let mut shown = show(query, record);
    let context = format!("{}/v1.0/$metadata#users/$entity", call.origin);
    shown.insert("@odata.context".to_owned(), context.into());
    Json::Object(shown)
}

pub(crate) fn show(query: &Query, record: &Record) -> Map<String, Json> {
    let named = |name: &str| (name.to_owned(), value_of(record, name));
    match &query.select {
        None => DEFAULT.iter().map(|name| named(name)).collect(),
        Some(names) => names.iter().map(|name| named(name)).collect(),
    }
}

/// The value of a property as Graph shows it: unset is null, an unset collection is empty, a
/// complex value has all its members.
fn value_of(record: &Record, name: &str) -> Json {
    if name == "id" {
        return record.id.clone().into();
    }
    let set = record.properties.get(name);
    let Some(property) = schema().property(USER, name) else {
        return set.cloned().unwrap_or(Json::Null);
    };
    match (&property.kind, set) {
        (_, None) if property.collection => Json::Array(Vec::new()),
        (Kind::Named(complex), Some(Json::Object(members))) => {
            let all = schema().properties(complex);
            let member = |name: &str| members.get(name).cloned().unwrap_or(Json::Null);
            Json::Object(all.map(|name| (name.to_owned(), member(name))).collect())
        }
        (_, set) => set.cloned().unwrap_or(Json::Null),
    }
}

/// A user outside Graph: every property that is set, the manager's id, whether a password was
/// set, and when it was deleted.
pub(crate) fn plain(record: &Record, manager: Option<&str>) -> Json {
    let mut out = record.properties.clone();
    out.insert("id".to_owned(), record.id.clone().into());
    out.insert("passwordSet".to_owned(), record.password_set.into());
    if let Some(manager) = manager {
        out.insert("manager".to_owned(), manager.into());
    }
    if let Some(deleted) = record.deleted {
        out.insert("deletedDateTime".to_owned(), deleted.to_string().into());
    }
    Json::Object(out)
}
