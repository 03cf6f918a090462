//! A tenant's users as two runs can be compared by.

use std::collections::BTreeMap;

use rollcall_rehearsal::Tenant;
use serde_json::Value;

/// Users by employeeId, without object ids and instants; managers by their employeeId.
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
    let mut out = BTreeMap::new();
    for user in &users {
        let mut bare = user.clone();
        for name in ["id", "createdDateTime", "signInSessionsValidFromDateTime"] {
            bare.as_object_mut().expect("a user").remove(name);
        }
        let manager = text(user, "manager").map(|id| ids[&Some(id)].clone());
        bare["manager"] = manager.map_or(Value::Null, Value::String);
        assert!(out.insert(key(user), bare).is_none(), "an account twice");
    }
    out
}
