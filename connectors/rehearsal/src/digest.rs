//! What two tenants share when they ended up the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::directory::{Directory, Record};
use crate::groups::{Group, Groups};
use crate::licences::ledger::Ledger;
use crate::shelf::Kept as _;

/// Every user and every group as canonical JSON, sorted by what names them, without object ids and
/// without instants that the tenant set itself.
pub(crate) fn digest(directory: &Directory, groups: &Groups, ledger: &Ledger) -> String {
    let text = |record: &Record, name: &str| {
        record
            .properties
            .get(name)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_lowercase()
    };
    let name = |record: &Record| {
        format!(
            "{} {}",
            text(record, "employeeId"),
            text(record, "userPrincipalName")
        )
    };
    let named = |ids: &BTreeSet<String>| {
        let there = ids.iter().filter_map(|id| directory.current(id));
        let mut names: Vec<String> = there.map(|user| name(user)).collect();
        names.sort_unstable();
        names
    };
    let mut sorted: BTreeMap<(String, bool, String), Json> = BTreeMap::new();
    for record in directory.all() {
        let mut user = record.properties.clone();
        user.remove("createdDateTime");
        let revoked = user.remove("signInSessionsValidFromDateTime").is_some();
        user.insert("revoked".to_owned(), revoked.into());
        user.insert("passwordSet".to_owned(), record.password_set.into());
        user.insert("deleted".to_owned(), record.deleted.is_some().into());
        let licences = ledger.assigned(record);
        if !licences.is_empty() {
            user.insert("assignedLicenses".to_owned(), licences.into());
        }
        let manager = manager(directory, record);
        if let Some(manager) = manager.and_then(|id| directory.current(id)) {
            user.insert("manager".to_owned(), name(manager).into());
        }
        let sponsors = named(&record.sponsors);
        if !sponsors.is_empty() {
            user.insert("sponsors".to_owned(), sponsors.into());
        }
        let user = Json::Object(user);
        let mut key = (name(record), record.deleted.is_some(), user.to_string());
        // Two deleted users can be the same in everything but their ids.
        while sorted.contains_key(&key) {
            key.2.push('+');
        }
        sorted.insert(key, user);
    }
    let mut all: Vec<Json> = sorted.into_values().collect();
    let live = groups.all().filter(|group| group.live());
    let mut shown: Vec<Json> = live
        .map(|group| {
            let mut out = group.properties.clone();
            out.remove("createdDateTime");
            let called = |id: &String| {
                let user = directory.current(id).map(|user| name(user));
                user.or_else(|| groups.current(id).map(|group| group_name(group)))
            };
            let members = groups.members(&group.id);
            let mut members: Vec<String> = members.filter_map(called).collect();
            members.sort_unstable();
            out.insert("members".to_owned(), members.into());
            let owners = named(&group.owners);
            if !owners.is_empty() {
                out.insert("owners".to_owned(), owners.into());
            }
            Json::Object(out)
        })
        .collect();
    shown.sort_by_cached_key(Json::to_string);
    all.extend(shown);
    Json::Array(all).to_string()
}

/// How a group in a group is named.
fn group_name(group: &Group) -> String {
    let names = ["uniqueName", "mailNickname", "displayName"];
    let names = names.map(|name| group.text(name).unwrap_or_default());
    format!("group {}", names.join(" "))
}

/// The manager's id, if that account is still there.
pub(crate) fn manager<'a>(directory: &Directory, record: &'a Record) -> Option<&'a str> {
    record
        .manager
        .as_deref()
        .filter(|id| directory.current(id).is_some())
}
