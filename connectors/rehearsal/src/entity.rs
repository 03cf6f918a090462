//! An object on its way into a record and out of it again.
//!
//! Invariant: what is kept is what is set; how Graph shows what is not set is decided here alone.

use std::borrow::Cow;

use serde_json::{Map, Value as Json, json};

use crate::body;
use crate::csdl::{Kind, schema};
use crate::directory::Record;
use crate::groups::{GROUP, Group};
use crate::privileges::HeldRole;
use crate::query::{Query, skip_token_after};
use crate::state::Call;

pub(crate) const USER: &str = "microsoft.graph.user";

/// What is kept of an object, as Graph shows it.
pub(crate) trait Entity: Clone {
    /// Its type in the metadata.
    const TYPE: &'static str;
    /// Its entity set.
    const SET: &'static str;
    /// Given when nothing is selected; empty: whatever the metadata have.
    const DEFAULT: &'static [&'static str];
    fn id(&self) -> &str;
    fn properties(&self) -> &Map<String, Json>;
}

impl Entity for Record {
    const TYPE: &'static str = USER;
    const SET: &'static str = "users";
    /// "List users", default properties.
    const DEFAULT: &'static [&'static str] = &[
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

    fn id(&self) -> &str {
        &self.id
    }

    fn properties(&self) -> &Map<String, Json> {
        &self.properties
    }
}

impl Entity for Group {
    const TYPE: &'static str = GROUP;
    const SET: &'static str = "groups";
    /// "group resource type", properties returned by default.
    const DEFAULT: &'static [&'static str] = &[
        "classification",
        "createdDateTime",
        "deletedDateTime",
        "description",
        "displayName",
        "expirationDateTime",
        "groupTypes",
        "id",
        "isAssignableToRole",
        "mail",
        "mailEnabled",
        "mailNickname",
        "membershipRule",
        "membershipRuleProcessingState",
        "onPremisesLastSyncDateTime",
        "onPremisesProvisioningErrors",
        "onPremisesSecurityIdentifier",
        "onPremisesSyncEnabled",
        "preferredDataLocation",
        "preferredLanguage",
        "proxyAddresses",
        "renewedDateTime",
        "resourceBehaviorOptions",
        "resourceProvisioningOptions",
        "securityEnabled",
        "securityIdentifier",
        "theme",
        "uniqueName",
        "visibility",
    ];

    fn id(&self) -> &str {
        &self.id
    }

    fn properties(&self) -> &Map<String, Json> {
        &self.properties
    }
}

/// Puts checked members into a record: null clears, a complex value replaces the old one whole
/// ("Update user", `employeeOrgData`), except the extension attributes, which are set one by one.
pub(crate) fn merge(record: &mut Record, mut body: Map<String, Json>) {
    if let Some(profile) = body.remove("passwordProfile") {
        record.password_set |= profile.get("password").is_some_and(Json::is_string);
    }
    set(&mut record.properties, USER, body);
}

/// The same of an object of any type.
pub(crate) fn set(properties: &mut Map<String, Json>, type_name: &str, body: Map<String, Json>) {
    for (name, value) in body {
        if name.starts_with("@odata.") {
            continue;
        }
        let value = match (name.as_str(), value) {
            ("onPremisesExtensionAttributes", Json::Object(new)) => {
                let old = properties.get(&name).and_then(Json::as_object).cloned();
                let mut all = old.unwrap_or_default();
                all.extend(new);
                Json::Object(all)
            }
            (_, value) => normal(type_name, &name, value),
        };
        let value = without_nulls(value);
        match value {
            None => properties.remove(&name),
            Some(value) => properties.insert(name, value),
        };
    }
}

/// Instants are kept in UTC.
fn normal(type_name: &str, property: &str, value: Json) -> Json {
    let kind = schema()
        .property(type_name, property)
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

/// An object as the only thing in an answer.
pub(crate) fn entity<E: Entity>(call: &Call<'_>, query: &Query, object: &E) -> Json {
    let mut members = shown(query, object);
    let context = format!("{}/v1.0/$metadata#{}/$entity", call.origin, E::SET);
    members.insert("@odata.context".to_owned(), context.into());
    Json::Object(members)
}

/// One page of a list of one kind of object: of those found, in order of id, as many as are asked
/// for, and a link where there are more.
pub(crate) fn page<'a, E: Entity + 'a>(
    call: &Call<'_>,
    query: &Query,
    path: &str,
    found: impl Iterator<Item = Cow<'a, E>>,
) -> Json {
    paged(call, query, E::SET, path, found, |_| ())
}

/// The same of what an object is related to, which could be of any kind: each says of which.
pub(crate) fn related<'a, E: Entity + 'a>(
    call: &Call<'_>,
    query: &Query,
    path: &str,
    found: impl Iterator<Item = Cow<'a, E>>,
) -> Json {
    paged(call, query, "directoryObjects", path, found, |shown| {
        shown.insert("@odata.type".to_owned(), format!("#{}", E::TYPE).into());
    })
}

/// The same of several kinds of objects: id, type and members of each, in order of id, from behind the
/// page before.
pub(crate) fn related_any(
    call: &Call<'_>,
    query: &Query,
    path: &str,
    mut found: Vec<(String, &str, Map<String, Json>)>,
) -> Json {
    let more = found.len() > query.top;
    found.truncate(query.top);
    let last = found.last().map(|(id, ..)| id.clone()).filter(|_| more);
    let value = found.into_iter().map(|(_, type_name, mut members)| {
        members.insert("@odata.type".to_owned(), format!("#{type_name}").into());
        Json::Object(members)
    });
    let mut page = json!({
        "@odata.context": format!("{}/v1.0/$metadata#directoryObjects", call.origin),
        "value": value.collect::<Vec<Json>>(),
    });
    if let Some(last) = last {
        page["@odata.nextLink"] = next_link(call, query, path, &last).into();
    }
    page
}

fn next_link(call: &Call<'_>, query: &Query, path: &str, last: &str) -> String {
    let token = skip_token_after(last);
    format!(
        "{}/v1.0/{path}?{}$skiptoken={token}",
        call.origin, query.kept
    )
}

fn paged<'a, E: Entity + 'a>(
    call: &Call<'_>,
    query: &Query,
    context: &str,
    path: &str,
    found: impl Iterator<Item = Cow<'a, E>>,
    tag: impl Fn(&mut Map<String, Json>),
) -> Json {
    let mut found: Vec<Cow<'_, E>> = found.take(query.top + 1).collect();
    let more = found.len() > query.top;
    found.truncate(query.top);
    let value: Vec<Json> = found
        .iter()
        .map(|object| {
            let mut members = shown(query, &**object);
            tag(&mut members);
            Json::Object(members)
        })
        .collect();
    let mut page = json!({
        "@odata.context": format!("{}/v1.0/$metadata#{context}", call.origin),
        "value": value,
    });
    if let Some(last) = found.last().filter(|_| more) {
        page["@odata.nextLink"] = next_link(call, query, path, last.id()).into();
    }
    page
}

pub(crate) fn shown<E: Entity>(query: &Query, object: &E) -> Map<String, Json> {
    let named = |name: &str| (name.to_owned(), value_of(object, name));
    let mut members: Map<String, Json> = match &query.select {
        None if E::DEFAULT.is_empty() => schema().properties(E::TYPE).map(named).collect(),
        None => E::DEFAULT.iter().map(|name| named(name)).collect(),
        Some(names) => names.iter().map(|name| named(name)).collect(),
    };
    // An object of a derived type says of which.
    if let Some(derived) = object.properties().get("@odata.type") {
        members.insert("@odata.type".to_owned(), derived.clone());
    }
    members
}

/// The value of a property as Graph shows it: unset is null, an unset collection is empty, a
/// complex value has all its members.
fn value_of<E: Entity>(object: &E, name: &str) -> Json {
    if name == "id" {
        return object.id().into();
    }
    let set = object.properties().get(name);
    let Some(property) = schema().property(E::TYPE, name) else {
        return set.cloned().unwrap_or(Json::Null);
    };
    match (&property.kind, set) {
        (_, None) if property.collection => Json::Array(Vec::new()),
        // Of a derived type, which it names.
        (_, Some(Json::Object(members))) if members.contains_key("@odata.type") => {
            Json::Object(members.clone())
        }
        (Kind::Named(complex), Some(Json::Object(members))) => {
            let all = schema().properties(complex);
            let member = |name: &str| members.get(name).cloned().unwrap_or(Json::Null);
            Json::Object(all.map(|name| (name.to_owned(), member(name))).collect())
        }
        (_, set) => set.cloned().unwrap_or(Json::Null),
    }
}

/// A user outside Graph: every property that is set, the manager's id, whether a password was
/// set and how often again, kinds of methods, roles, what licences there are, and when it was deleted.
pub(crate) fn plain(record: &Record, manager: Option<&str>, licences: Vec<Json>) -> Json {
    let mut out = record.properties.clone();
    if !licences.is_empty() {
        out.insert("assignedLicenses".to_owned(), licences.into());
    }
    out.insert("id".to_owned(), record.id.clone().into());
    out.insert("passwordSet".to_owned(), record.password_set.into());
    if record.password_resets > 0 {
        out.insert("passwordResets".to_owned(), record.password_resets.into());
    }
    if record.passes_issued > 0 {
        out.insert("passesIssued".to_owned(), record.passes_issued.into());
    }
    if !record.roles.is_empty() {
        let roles = record.roles.iter().map(HeldRole::shown);
        out.insert("roles".to_owned(), roles.collect());
    }
    if !record.app_roles.is_empty() {
        let apps = record.app_roles.values().map(|it| it.name().to_owned());
        out.insert("appRoles".to_owned(), apps.collect());
    }
    if !record.methods.is_empty() {
        let methods = record.methods.values().map(|it| it.kind.as_str());
        out.insert("methods".to_owned(), methods.collect());
    }
    if let Some(manager) = manager {
        out.insert("manager".to_owned(), manager.into());
    }
    if let Some(deleted) = record.deleted {
        out.insert("deletedDateTime".to_owned(), deleted.to_string().into());
    }
    Json::Object(out)
}
