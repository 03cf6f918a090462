//! The paths of Graph v1.0 that this connector uses, and the calls to them.
//!
//! Invariant: nothing that comes from data reaches a URL unencoded, and no quote ends a literal.

use jiff::Timestamp;
use rollcall_core::model::{AccountName, Asset, GroupName, Licence, ObjectId};
use rollcall_http::{Call, CallSpec, Lane, Origin, encode_segment};
use serde_json::{Value as Json, json};

use crate::pass;

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

/// Template of [`changed_users`] and of every link that it leads to.
const USERS_CHANGED: &str = "/users/delta";

/// Nothing of users, and from where on to ask for their changes.
pub(crate) fn changed_users(select: &str) -> Call {
    Call::new(spec("GET", USERS_CHANGED, Lane::Bulk), "/v1.0/users/delta")
        .query("$deltatoken", "latest")
        .query("$select", select)
}

/// The call behind a link that a change query gave earlier; `link` is path and query.
pub(crate) fn users_changed_since(link: String) -> Call {
    Call::new(spec("GET", USERS_CHANGED, Lane::Bulk), link)
}

fn group_path(id: &ObjectId) -> String {
    format!("/v1.0/groups/{}", encode_segment(id.as_str()))
}

fn unique_path(name: &str) -> String {
    let name = encode_segment(&literal(name));
    format!("/v1.0/groups(uniqueName={name})")
}

/// By object id, or by the alternate key `uniqueName`.
pub(crate) fn read_group(name: &GroupName, select: &str) -> Call {
    let path = match name {
        GroupName::Id(id) => group_path(id),
        GroupName::Unique(name) => unique_path(name),
    };
    Call::new(spec("GET", "/groups/{id}", Lane::Bulk), path).query("$select", select)
}

/// Makes the group of this unique name, or writes to the one that is there ("Upsert group").
pub(crate) fn upsert_group(unique: &str, body: Json) -> Call {
    Call::new(
        spec("PATCH", "/groups/{id}", Lane::Bulk),
        unique_path(unique),
    )
    .header("Prefer", "create-if-missing")
    .body(body)
}

pub(crate) fn patch_group(id: &ObjectId, body: Json) -> Call {
    Call::new(spec("PATCH", "/groups/{id}", Lane::Bulk), group_path(id)).body(body)
}

/// Template of [`list_licence_errors`].
pub(crate) const LICENCE_ERRORS: &str = "/groups/{id}/membersWithLicenseErrors";

pub(crate) fn list_licence_errors(id: &ObjectId) -> Call {
    let path = format!("{}/membersWithLicenseErrors", group_path(id));
    Call::new(spec("GET", LICENCE_ERRORS, Lane::Bulk), path).query("$select", "id")
}

/// How a body refers to an object of the directory; `origin` is Graph's.
pub(crate) fn reference(origin: &Origin, id: &ObjectId) -> String {
    let id = encode_segment(id.as_str());
    format!("{origin}/v1.0/directoryObjects/{id}")
}

pub(crate) fn add_member(group: &ObjectId, reference: &str) -> Call {
    let path = format!("{}/members/$ref", group_path(group));
    Call::new(spec("POST", "/groups/{id}/members/$ref", Lane::Bulk), path)
        .body(json!({ "@odata.id": reference }))
}

/// All of them or none, at most 20.
pub(crate) fn add_members(group: &ObjectId, references: &[String]) -> Call {
    patch_group(group, json!({ "members@odata.bind": references }))
}

/// Ends in `/$ref`, always: without it the directory deletes the account itself.
pub(crate) fn remove_member(group: &ObjectId, user: &ObjectId) -> Call {
    let user = encode_segment(user.as_str());
    let path = format!("{}/members/{user}/$ref", group_path(group));
    Call::new(
        spec("DELETE", "/groups/{id}/members/{id}/$ref", Lane::Bulk),
        path,
    )
}

fn licence_changes(add: &[Licence], remove: &[String]) -> Json {
    let one = |it: &Licence| json!({ "skuId": it.sku, "disabledPlans": it.disabled_plans });
    let add: Vec<Json> = add.iter().map(one).collect();
    json!({ "addLicenses": add, "removeLicenses": remove })
}

/// Licences by the directory's own ids.
pub(crate) fn license_user(id: &ObjectId, add: &[Licence], remove: &[String]) -> Call {
    let path = format!("{}/assignLicense", user_path(id));
    let spec = spec("POST", "/users/{id}/assignLicense", Lane::Bulk);
    Call::new(spec, path).body(licence_changes(add, remove))
}

/// Licences by the directory's own ids.
pub(crate) fn license_group(id: &ObjectId, add: &[Licence], remove: &[String]) -> Call {
    let path = format!("{}/assignLicense", group_path(id));
    let spec = spec("POST", "/groups/{id}/assignLicense", Lane::Bulk);
    Call::new(spec, path).body(licence_changes(add, remove))
}

/// Template of [`list_skus`].
pub(crate) const SKUS: &str = "/subscribedSkus";

pub(crate) fn list_skus() -> Call {
    let select = "skuId,skuPartNumber,consumedUnits,prepaidUnits,capabilityStatus,appliesTo,\
                  servicePlans";
    Call::new(spec("GET", SKUS, Lane::Bulk), "/v1.0/subscribedSkus").query("$select", select)
}

/// Template of [`list_members`].
pub(crate) const MEMBERS: &str = "/groups/{id}/members";

/// Of any kind: a cast to users would need advanced queries ("List group members").
pub(crate) fn list_members(id: &ObjectId, top: &str) -> Call {
    let path = format!("{}/members", group_path(id));
    Call::new(spec("GET", MEMBERS, Lane::Bulk), path)
        .query("$select", "id")
        .query("$top", top)
}

pub(crate) fn create_user(body: Json, lane: Lane) -> Call {
    Call::new(spec("POST", "/users", lane), "/v1.0/users").body(body)
}

pub(crate) fn patch_user(id: &ObjectId, body: Json, lane: Lane) -> Call {
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
        .body(json!({ "@odata.id": manager_url }))
}

pub(crate) fn clear_manager(id: &ObjectId, lane: Lane) -> Call {
    let path = format!("{}/manager/$ref", user_path(id));
    Call::new(spec("DELETE", "/users/{id}/manager/$ref", lane), path)
}

/// The lane of whatever is no cut.
pub(crate) const BULK: Lane = Lane::Bulk;

/// Template of [`list_roles`] for what is assigned.
pub(crate) const ROLES: &str = "/roleManagement/directory/roleAssignments";
pub(crate) const ROLES_ELIGIBLE: &str =
    "/roleManagement/directory/roleEligibilityScheduleInstances";

/// Roles of the directory that somebody has, or may have on request, with their names.
pub(crate) fn list_roles(id: &ObjectId, eligible: bool, lane: Lane) -> Call {
    let (template, path) = if eligible {
        (
            ROLES_ELIGIBLE,
            "/v1.0/roleManagement/directory/roleEligibilityScheduleInstances",
        )
    } else {
        (ROLES, "/v1.0/roleManagement/directory/roleAssignments")
    };
    Call::new(spec("GET", template, lane), path)
        .query(
            "$filter",
            format!("principalId eq {}", literal(id.as_str())),
        )
        .query("$expand", "roleDefinition")
}

/// Asks for a role to be given or taken, now or on request.
pub(crate) fn request_role(eligible: bool, body: Json, lane: Lane) -> Call {
    let (template, path) = if eligible {
        (
            "/roleManagement/directory/roleEligibilityScheduleRequests",
            "/v1.0/roleManagement/directory/roleEligibilityScheduleRequests",
        )
    } else {
        (
            "/roleManagement/directory/roleAssignmentScheduleRequests",
            "/v1.0/roleManagement/directory/roleAssignmentScheduleRequests",
        )
    };
    Call::new(spec("POST", template, lane), path).body(body)
}

/// Roles of the directory of this name.
pub(crate) fn find_role(name: &str, lane: Lane) -> Call {
    let template = "/roleManagement/directory/roleDefinitions";
    let path = "/v1.0/roleManagement/directory/roleDefinitions";
    Call::new(spec("GET", template, lane), path)
        .query("$filter", format!("displayName eq {}", literal(name)))
}

/// Template of [`list_app_roles`].
pub(crate) const APP_ROLES: &str = "/users/{id}/appRoleAssignments";

pub(crate) fn list_app_roles(id: &ObjectId, top: &str, lane: Lane) -> Call {
    let path = format!("{}/appRoleAssignments", user_path(id));
    Call::new(spec("GET", APP_ROLES, lane), path).query("$top", top)
}

pub(crate) fn remove_app_role(user: &ObjectId, id: &str, lane: Lane) -> Call {
    let id = encode_segment(id);
    let path = format!("{}/appRoleAssignments/{id}", user_path(user));
    let template = "/users/{id}/appRoleAssignments/{id}";
    Call::new(spec("DELETE", template, lane), path)
}

/// Template of [`list_methods`].
pub(crate) const METHODS: &str = "/users/{id}/authentication/methods";

/// All on one page: nobody has registered a hundred.
pub(crate) fn list_methods(id: &ObjectId, lane: Lane) -> Call {
    let path = format!("{}/authentication/methods", user_path(id));
    Call::new(spec("GET", METHODS, lane), path)
}

/// By the path segment of its kind, with the template of that.
pub(crate) fn remove_method(
    user: &ObjectId,
    (segment, template): (&str, &'static str),
    id: &str,
    lane: Lane,
) -> Call {
    let id = encode_segment(id);
    let path = format!("{}/authentication/{segment}/{id}", user_path(user));
    Call::new(spec("DELETE", template, lane), path)
}

/// Template of [`list_groups_of`] for direct memberships.
pub(crate) const MEMBER_OF: &str = "/users/{id}/memberOf";
/// The same for those by way of other groups, too.
pub(crate) const MEMBER_OF_ALL: &str = "/users/{id}/transitiveMemberOf";

/// Groups, roles and units that somebody is in, directly or by any way.
pub(crate) fn list_groups_of(id: &ObjectId, any_way: bool, top: &str) -> Call {
    let (template, last, select) = if any_way {
        (
            MEMBER_OF_ALL,
            "transitiveMemberOf",
            "id,displayName,groupTypes,assignedLicenses,isAssignableToRole",
        )
    } else {
        (MEMBER_OF, "memberOf", "id")
    };
    Call::new(
        spec("GET", template, BULK),
        format!("{}/{last}", user_path(id)),
    )
    .query("$select", select)
    .query("$top", top)
}

/// Asks for a Temporary Access Pass; without a start it is good at once.
pub(crate) fn issue_pass(
    user: &ObjectId,
    start: Option<Timestamp>,
    minutes: u32,
    lane: Lane,
) -> Call {
    let path = format!(
        "{}/authentication/temporaryAccessPassMethods",
        user_path(user)
    );
    Call::new(spec("POST", PASSES, lane), path).body(pass::body(start, minutes))
}

/// Template of [`issue_pass`].
pub(crate) const PASSES: &str = "/users/{id}/authentication/temporaryAccessPassMethods";

/// What the tenant lets passes be.
pub(crate) fn pass_policy() -> Call {
    let template = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/{id}";
    let path = "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass";
    Call::new(spec("GET", template, BULK), path)
}

pub(crate) fn delete_user(id: &ObjectId, lane: Lane) -> Call {
    Call::new(spec("DELETE", "/users/{id}", lane), user_path(id))
}

/// One account that lies in the bin, as a list of none or one.
pub(crate) fn find_deleted(id: &ObjectId, lane: Lane) -> Call {
    let template = "/directory/deletedItems/microsoft.graph.user";
    let path = "/v1.0/directory/deletedItems/microsoft.graph.user";
    Call::new(spec("GET", template, lane), path)
        .query("$filter", format!("id eq {}", literal(id.as_str())))
        .query("$select", "id,employeeId")
}

pub(crate) fn restore_user(id: &ObjectId, lane: Lane) -> Call {
    let id = encode_segment(id.as_str());
    let path = format!("/v1.0/directory/deletedItems/{id}/restore");
    let template = "/directory/deletedItems/{id}/restore";
    Call::new(spec("POST", template, lane), path)
}

/// Template of [`list_owned`].
pub(crate) const OWNED: &str = "/users/{id}/ownedObjects";

pub(crate) fn list_owned(id: &ObjectId, top: &str) -> Call {
    let path = format!("{}/ownedObjects", user_path(id));
    Call::new(spec("GET", OWNED, Lane::Bulk), path)
        .query("$select", "id")
        .query("$top", top)
}

/// Template of [`list_reports`].
pub(crate) const REPORTS: &str = "/users/{id}/directReports";

pub(crate) fn list_reports(id: &ObjectId, top: &str) -> Call {
    let path = format!("{}/directReports", user_path(id));
    Call::new(spec("GET", REPORTS, Lane::Bulk), path)
        .query("$select", "id,accountEnabled")
        .query("$top", top)
}

/// Template of [`list_sponsored`].
pub(crate) const SPONSORED: &str = "/users/{id}/sponsorOf";

pub(crate) fn list_sponsored(id: &ObjectId, top: &str) -> Call {
    let path = format!("{}/sponsorOf", user_path(id));
    Call::new(spec("GET", SPONSORED, Lane::Bulk), path)
        .query("$select", "id,accountEnabled")
        .query("$top", top)
}

/// Where a thing is, and where those are who answer for it.
fn kept(asset: Asset, id: &ObjectId) -> (&'static str, &'static str, String) {
    let id = encode_segment(id.as_str());
    let (list, add, path) = match asset {
        Asset::Group => (
            "/groups/{id}/owners",
            "/groups/{id}/owners/$ref",
            format!("groups/{id}/owners"),
        ),
        Asset::Application => (
            "/applications/{id}/owners",
            "/applications/{id}/owners/$ref",
            format!("applications/{id}/owners"),
        ),
        Asset::Service => (
            "/servicePrincipals/{id}/owners",
            "/servicePrincipals/{id}/owners/$ref",
            format!("servicePrincipals/{id}/owners"),
        ),
        Asset::Guest | Asset::Report => (
            "/users/{id}/sponsors",
            "/users/{id}/sponsors/$ref",
            format!("users/{id}/sponsors"),
        ),
    };
    (list, add, format!("/v1.0/{path}"))
}

/// Owners of a group or an application (100 at most), sponsors of a guest: all on one page.
pub(crate) fn list_keepers(asset: Asset, id: &ObjectId) -> Call {
    let (template, _, path) = kept(asset, id);
    Call::new(spec("GET", template, Lane::Bulk), path)
        .query("$select", "id,accountEnabled")
        .query("$top", "100")
}

/// One more owner or sponsor.
pub(crate) fn add_keeper(asset: Asset, id: &ObjectId, reference: &str) -> Call {
    let (_, template, path) = kept(asset, id);
    Call::new(spec("POST", template, Lane::Bulk), format!("{path}/$ref"))
        .body(json!({ "@odata.id": reference }))
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

    /// Whatever the ids are: a removal that does not end in `/$ref` would delete an account, and
    /// nothing in an id can end the path early.
    #[test]
    fn removals_end_in_ref() {
        for id in [
            "o1",
            "",
            "o1?x=1",
            "o1#",
            "a/b",
            "../users/o1",
            "%2F",
            "$ref",
        ] {
            for call in [
                remove_member(&ObjectId::new("g1"), &ObjectId::new(id)),
                remove_member(&ObjectId::new(id), &ObjectId::new("o1")),
            ] {
                let target = call.target();
                assert_eq!(call.spec.method, "DELETE");
                assert!(target.ends_with("/$ref"), "{target}");
                assert!(!target.contains(['?', '#']), "{target}");
                assert_eq!(target.split('/').count(), 7, "{target}");
            }
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
