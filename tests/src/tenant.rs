//! A tenant's users and groups as two runs can be compared by.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_rehearsal::Tenant;
use serde_json::Value;

/// Users by employeeId, without object ids and instants; managers by their employeeId, and the
/// groups that they are in.
///
/// # Panics
/// When two accounts are of one worker, or a user has none.
pub fn users(tenant: &Tenant) -> BTreeMap<String, Value> {
    let users = tenant.users();
    let text = |user: &Value, name: &str| user[name].as_str().map(str::to_owned);
    let key = |user: &Value| text(user, "employeeId").expect("every account is of a worker");
    let ids: BTreeMap<Option<String>, String> = users
        .iter()
        .map(|user| (text(user, "id"), key(user)))
        .collect();
    let groups = memberships(tenant);
    let mut out = BTreeMap::new();
    for user in &users {
        let mut bare = user.clone();
        for name in ["id", "createdDateTime", "signInSessionsValidFromDateTime"] {
            bare.as_object_mut().expect("a user").remove(name);
        }
        let manager = text(user, "manager").map(|id| ids[&Some(id)].clone());
        bare["manager"] = manager.map_or(Value::Null, Value::String);
        let mine = groups
            .iter()
            .filter(|(_, members)| members.contains(&key(user)));
        bare["memberOf"] = mine.map(|(name, _)| name.as_str()).collect();
        assert!(out.insert(key(user), bare).is_none(), "an account twice");
    }
    out
}

/// Who is in each group: employeeIds by unique name, without `rollcall-`; groups by their display name.
///
/// # Panics
/// When a member is nobody's account and no group.
pub fn memberships(tenant: &Tenant) -> BTreeMap<String, BTreeSet<String>> {
    let text = |object: &Value, name: &str| object[name].as_str().unwrap_or_default().to_owned();
    let (users, groups) = (tenant.users(), tenant.groups());
    let users = users
        .iter()
        .map(|user| (text(user, "id"), text(user, "employeeId")));
    let named = groups
        .iter()
        .map(|group| (text(group, "id"), text(group, "displayName")));
    let names: BTreeMap<String, String> = users.chain(named).collect();
    let of = |group: &Value| {
        let members = group["members"].as_array().into_iter().flatten();
        let ids = members.map(|id| id.as_str().expect("an id"));
        ids.map(|id| names[id].clone()).collect()
    };
    groups
        .iter()
        .map(|group| {
            let name = text(group, "uniqueName");
            (name.trim_start_matches("rollcall-").to_owned(), of(group))
        })
        .collect()
}

/// Groups and licences of every kind for a roster with departments, one of them `Moved`.
pub const GROUPS: &str = r#"format_version = 1
[[group]]
key = "moved"
name = "Moved"
mode = "assigned"
rule = 'worker.department -eq "Moved"'

[[group]]
key = "others"
name = "Others"
mode = "assigned"
rule = 'worker.department -ne "Moved"'
keep_days = 0

[[group]]
key = "keys"
name = "Keys"
mode = "assigned"
rule = 'worker.department -ne "Moved"'
sensitive = true

[[group]]
key = "in-force"
name = "In force"
mode = "dynamic"
rule = 'user.accountEnabled -eq true -and user.department -ne "Moved"'

[[group]]
key = "office"
name = "Office"
mode = "assigned"
rule = 'worker.department -ne null'
licences = ["SPE_E3"]

[[licence]]
sku = "VISIOCLIENT"
rule = 'worker.department -eq "Moved"'
"#;

#[cfg(test)]
mod tests {
    use rollcall_http::Clock;
    use rollcall_rehearsal::TenantOptions;
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_in_groups_are_named() {
        let start = "2026-03-16T02:00:00Z".parse().unwrap();
        let tenant = Tenant::open(TenantOptions::default(), Clock::starting_at(start)).unwrap();
        let put = |name: &str| {
            let group = json!({
                "displayName": name, "uniqueName": format!("rollcall-{}", name.to_lowercase()),
                "mailNickname": name, "mailEnabled": false, "securityEnabled": true,
            });
            tenant.put_group(&group).unwrap()
        };
        let (all, sales) = (put("All"), put("Sales"));
        let mo = tenant.put_user(json!({
            "accountEnabled": true, "displayName": "Mo", "mailNickname": "mo", "employeeId": "7",
            "userPrincipalName": "mo@woodgrove.example",
        }));
        for (group, member) in [(&all, &sales), (&sales, &mo.unwrap())] {
            tenant.put_member(group, member).unwrap();
        }
        let members = memberships(&tenant);
        assert_eq!(members["all"], BTreeSet::from(["Sales".to_owned()]));
        assert_eq!(members["sales"], BTreeSet::from(["7".to_owned()]));
    }
}
