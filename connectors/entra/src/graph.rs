//! The paths of Graph v1.0 that this connector uses, and the calls to them.
//!
//! Invariant: nothing that comes from data reaches a URL unencoded, and no quote ends a literal.

use rollcall_core::model::{AccountName, GroupName, ObjectId};
use rollcall_http::{Call, CallSpec, Lane, encode_segment};

const fn spec(method: &'static str, template: &'static str, lane: Lane) -> CallSpec {
    CallSpec {
        method,
        template,
        lane,
    }
}

/// A text as an `OData` literal: quotes doubled.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(crate) fn user_path(id: &ObjectId) -> String {
    format!("/v1.0/users/{}", encode_segment(id.as_str()))
}

/// By sign-in name. A name that begins with `$` would be read as a path of its own, so it is
/// addressed as a key literal.
pub(crate) fn name_path(name: &AccountName) -> String {
    let name = name.reveal();
    if name.starts_with('$') {
        format!("/v1.0/users({})", encode_segment(&literal(name)))
    } else {
        format!("/v1.0/users/{}", encode_segment(name))
    }
}

pub(crate) fn read_user(path: String, select: String, lane: Lane) -> Call {
    Call::new(spec("GET", "/users/{id}", lane), path).query("$select", select)
}

pub(crate) fn users_by_key(key: &str, select: String, lane: Lane) -> Call {
    Call::new(spec("GET", "/users", lane), "/v1.0/users")
        .query("$filter", format!("employeeId eq {}", literal(key)))
        .query("$select", select)
}

pub(crate) fn list_users(select: String, top: &str) -> Call {
    Call::new(spec("GET", "/users", Lane::Bulk), "/v1.0/users")
        .query("$select", select)
        .query("$top", top)
}

/// The page behind a link that was found to stay on the origin.
pub(crate) fn next_page(template: &'static str, path: String) -> Call {
    Call::new(spec("GET", template, Lane::Bulk), path)
}

/// By object id, or by the alternate key `uniqueName`.
pub(crate) fn read_group(name: &GroupName, select: &str) -> Call {
    let path = match name {
        GroupName::Id(id) => format!("/v1.0/groups/{}", encode_segment(id.as_str())),
        GroupName::Unique(name) => {
            format!(
                "/v1.0/groups(uniqueName={})",
                encode_segment(&literal(name))
            )
        }
    };
    Call::new(spec("GET", "/groups/{id}", Lane::Bulk), path).query("$select", select)
}

/// Template of [`list_skus`].
pub(crate) const SKUS: &str = "/subscribedSkus";

pub(crate) fn list_skus() -> Call {
    let select = "skuId,skuPartNumber,consumedUnits,prepaidUnits,capabilityStatus,appliesTo";
    Call::new(spec("GET", SKUS, Lane::Bulk), "/v1.0/subscribedSkus").query("$select", select)
}

/// Template of [`list_members`].
pub(crate) const MEMBERS: &str = "/groups/{id}/members";

/// Of any kind: a cast to users would need advanced queries ("List group members").
pub(crate) fn list_members(id: &ObjectId, top: &str) -> Call {
    let id = encode_segment(id.as_str());
    let path = format!("/v1.0/groups/{id}/members");
    Call::new(spec("GET", MEMBERS, Lane::Bulk), path)
        .query("$select", "id")
        .query("$top", top)
}

pub(crate) fn create_user(body: serde_json::Value, lane: Lane) -> Call {
    Call::new(spec("POST", "/users", lane), "/v1.0/users").body(body)
}

pub(crate) fn patch_user(id: &ObjectId, body: serde_json::Value, lane: Lane) -> Call {
    Call::new(spec("PATCH", "/users/{id}", lane), user_path(id)).body(body)
}

pub(crate) fn revoke_sessions(id: &ObjectId, lane: Lane) -> Call {
    let path = format!("{}/revokeSignInSessions", user_path(id));
    Call::new(spec("POST", "/users/{id}/revokeSignInSessions", lane), path)
}

pub(crate) fn read_manager(id: &ObjectId, lane: Lane) -> Call {
    let path = format!("{}/manager", user_path(id));
    Call::new(spec("GET", "/users/{id}/manager", lane), path).query("$select", "id")
}

pub(crate) fn set_manager(id: &ObjectId, manager_url: &str, lane: Lane) -> Call {
    let path = format!("{}/manager/$ref", user_path(id));
    Call::new(spec("PUT", "/users/{id}/manager/$ref", lane), path)
        .body(serde_json::json!({ "@odata.id": manager_url }))
}

pub(crate) fn clear_manager(id: &ObjectId, lane: Lane) -> Call {
    let path = format!("{}/manager/$ref", user_path(id));
    Call::new(spec("DELETE", "/users/{id}/manager/$ref", lane), path)
}

pub(crate) fn batch(body: serde_json::Value) -> Call {
    Call::new(spec("POST", "/$batch", Lane::Bulk), "/v1.0/$batch").body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Invented names → how they are addressed (graph reference 3.2).
    #[test]
    fn names_are_addressed_as_documented() {
        let table = [
            ("mira@north.example", "/v1.0/users/mira@north.example"),
            ("o'neil@north.example", "/v1.0/users/o%27neil@north.example"),
            (
                "a_b.example#EXT#@north.example",
                "/v1.0/users/a_b.example%23EXT%23@north.example",
            ),
            (
                "$ops'x@north.example",
                "/v1.0/users(%27%24ops%27%27x@north.example%27)",
            ),
            ("a/b@north.example", "/v1.0/users/a%2Fb@north.example"),
        ];
        for (name, path) in table {
            assert_eq!(name_path(&AccountName::new(name)), path);
        }
    }

    /// A quote in a key cannot end the filter's literal.
    #[test]
    fn keys_are_quoted() {
        let call = users_by_key("7' or 'a' eq 'a", "id".to_owned(), Lane::Bulk);
        let expected = "/v1.0/users?$filter=employeeId%20eq%20%277%27%27%20or%20%27%27a%27%27\
                        %20eq%20%27%27a%27&$select=id";
        assert_eq!(call.target(), expected);
    }
}
