//! From a path to what it names.
//!
//! Invariant: a key is decoded after the path was split, so that no encoded slash makes a
//! segment.

use http::{Method, StatusCode};

use crate::devices::{DeviceKey, DeviceRoute, IntuneRoute};
use crate::encoding::{decode, is_guid};
use crate::entity::USER;
use crate::groups::GROUP;
use crate::ownership::{App, Ownership};
use crate::passes::Pass;
use crate::privileges::Privilege;
use crate::query::literal;
use crate::refusal::Refusal;
use crate::sign_in::{self, SignIn};
use crate::state::Call;

/// How a user is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// Object id, lower case.
    Id(String),
    /// Sign-in name, lower case.
    Name(String),
}

/// How a group is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupKey {
    /// Object id, lower case.
    Id(String),
    /// The alternate key `uniqueName`.
    Unique(String),
}

/// What is asked of a group, or of somebody's groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupRoute {
    List,
    Create,
    Read(GroupKey),
    /// Or create, where the caller prefers that.
    Update(GroupKey),
    Delete(GroupKey),
    Members(GroupKey, Listed),
    AddMember(GroupKey),
    /// The member's object id, lower case.
    RemoveMember(GroupKey, String),
    /// Of a user or a group, directly or by any way.
    MemberOf(Key),
    MemberOfAny(Key),
    GroupMemberOf(GroupKey),
    GroupMemberOfAny(GroupKey),
    CheckMembers(Key),
    AssignLicense(GroupKey),
    LicenseErrors(GroupKey),
    /// About its owners.
    Owned(Ownership),
}

/// Which members are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Those of groups in the group as well.
    pub(crate) any_way: bool,
    /// Of this type alone.
    pub(crate) only: Option<&'static str>,
}

/// What a path names, and with its method what is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    ListUsers,
    CreateUser,
    ReadUser(Key),
    UpdateUser(Key),
    DeleteUser(Key),
    ReadManager(Key),
    ReadManagerReference(Key),
    SetManager(Key),
    ClearManager(Key),
    RevokeSessions(Key),
    AssignLicense(Key),
    Group(GroupRoute),
    Ownership(Ownership),
    SignIn(SignIn),
    Pass(Pass),
    Device(DeviceRoute),
    Intune(IntuneRoute),
    Privilege(Privilege),
    /// Changes of users.
    Delta,
    /// Users in the bin.
    ListBin,
    /// Object id, lower case.
    Restore(String),
    ReadOrganization,
    ListSkus,
}

/// A route, or why there is none; with the template for the record.
pub(crate) struct Routed {
    pub(crate) template: &'static str,
    pub(crate) route: Result<Route, Refusal>,
}

/// A method of a path with a key in it, and what it asks.
type Offer = (Method, fn(Key) -> Route);

/// The same of groups.
type GroupOffer = (Method, fn(GroupKey) -> GroupRoute);

/// The same of devices, and of what Intune manages.
type DeviceOffer = (Method, fn(DeviceKey) -> DeviceRoute);
type IntuneOffer = (Method, fn(String) -> IntuneRoute);

/// Reads the path of a call.
pub(crate) fn routed(call: &Call<'_>) -> Routed {
    if !call.beta {
        return route(call.method, call.path);
    }
    match call.path {
        "/deviceManagement/operationApprovalRequests" => only(
            call.method,
            &Method::GET,
            "/beta/deviceManagement/operationApprovalRequests",
            Ok(Route::Intune(IntuneRoute::Approvals)),
        ),
        other => unknown(
            other
                .trim_start_matches('/')
                .split('/')
                .next()
                .unwrap_or_default(),
        ),
    }
}

fn segments(path: &str) -> Option<Vec<String>> {
    path.trim_start_matches('/')
        .split('/')
        .map(decode)
        .collect()
}

/// Reads a path below the version root (`/users/{id}`).
pub(crate) fn route(method: &Method, path: &str) -> Routed {
    let Some(segments) = segments(path) else {
        let refusal = Refusal::bad("The request URL is not valid.");
        return Routed {
            template: "?",
            route: Err(refusal),
        };
    };
    let mut parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if parts[0] == "groups" || parts[0].starts_with("groups(") {
        return group_route(method, &parts);
    }
    if matches!(
        parts[0],
        "applications" | "servicePrincipals" | "directory" | "roleManagement"
    ) {
        return other_route(method, &parts);
    }
    if parts[0] == "devices" || parts[0].starts_with("devices(") {
        return device_route(method, &parts);
    }
    if matches!(
        parts[0],
        "deviceManagement" | "deviceAppManagement" | "informationProtection"
    ) {
        return management_route(method, &parts);
    }
    // users('…') is users/…
    let literal = parts[0]
        .strip_prefix("users('")
        .and_then(|rest| rest.strip_suffix("')"));
    let literal = literal.map(|key| key.replace("''", "'"));
    if let Some(key) = &literal {
        parts.splice(0..1, ["users", key.as_str()]);
    } else if parts.len() > 1 && parts[1].starts_with('$') {
        // Only a key literal may begin so.
        return unknown(parts[1]);
    }
    let named = |template, method: &Method, make: &[Offer]| {
        let key = parts.get(1).map_or("", |key| *key);
        let route = match make.iter().find(|(known, _)| known == method) {
            None => Err(Refusal::method_not_allowed()),
            Some((_, make)) => key_of(key).map(make),
        };
        Routed { template, route }
    };
    match parts.as_slice() {
        ["users"] => {
            let route = match *method {
                Method::GET => Ok(Route::ListUsers),
                Method::POST => Ok(Route::CreateUser),
                _ => Err(Refusal::method_not_allowed()),
            };
            Routed {
                template: "/users",
                route,
            }
        }
        [
            "users",
            "delta" | "delta()" | "microsoft.graph.delta" | "microsoft.graph.delta()",
        ] if literal.is_none() => only(method, &Method::GET, "/users/delta", Ok(Route::Delta)),
        ["users", _] => {
            let make: [Offer; 3] = [
                (Method::GET, Route::ReadUser),
                (Method::PATCH, Route::UpdateUser),
                (Method::DELETE, Route::DeleteUser),
            ];
            named("/users/{id}", method, &make)
        }
        ["users", _, "manager"] => named(
            "/users/{id}/manager",
            method,
            &[(Method::GET, Route::ReadManager)],
        ),
        ["users", _, "manager", "$ref"] => {
            let make: [Offer; 3] = [
                (Method::GET, Route::ReadManagerReference),
                (Method::PUT, Route::SetManager),
                (Method::DELETE, Route::ClearManager),
            ];
            named("/users/{id}/manager/$ref", method, &make)
        }
        [
            "users",
            _,
            "revokeSignInSessions" | "microsoft.graph.revokeSignInSessions",
        ] => {
            let make: [Offer; 1] = [(Method::POST, Route::RevokeSessions)];
            named("/users/{id}/revokeSignInSessions", method, &make)
        }
        [
            "users",
            _,
            "assignLicense" | "microsoft.graph.assignLicense",
        ] => {
            let make: [Offer; 1] = [(Method::POST, Route::AssignLicense)];
            named("/users/{id}/assignLicense", method, &make)
        }
        ["users", _, "ownedObjects"] => {
            let make: [Offer; 1] = [(Method::GET, |key| {
                Route::Ownership(Ownership::OwnedObjects(key))
            })];
            named("/users/{id}/ownedObjects", method, &make)
        }
        ["users", _, "directReports"] => {
            let make: [Offer; 1] = [(Method::GET, |key| {
                Route::Ownership(Ownership::DirectReports(key))
            })];
            named("/users/{id}/directReports", method, &make)
        }
        ["users", _, "sponsorOf"] => {
            let make: [Offer; 1] = [(Method::GET, |key| {
                Route::Ownership(Ownership::SponsorOf(key))
            })];
            named("/users/{id}/sponsorOf", method, &make)
        }
        ["users", _, "sponsors"] => {
            let make: [Offer; 1] = [(Method::GET, |key| {
                Route::Ownership(Ownership::Sponsors(key))
            })];
            named("/users/{id}/sponsors", method, &make)
        }
        ["users", _, "sponsors", "$ref"] => {
            let make: [Offer; 1] = [(Method::POST, |key| {
                Route::Ownership(Ownership::AddSponsor(key))
            })];
            named("/users/{id}/sponsors/$ref", method, &make)
        }
        ["users", key, "sponsors", sponsor, "$ref"] => {
            let route = if *method == Method::DELETE {
                key_of(key).and_then(|key| {
                    let sponsor = guid(sponsor)?;
                    Ok(Route::Ownership(Ownership::RemoveSponsor(key, sponsor)))
                })
            } else {
                Err(Refusal::method_not_allowed())
            };
            Routed {
                template: "/users/{id}/sponsors/{id}/$ref",
                route,
            }
        }
        ["users", _, "appRoleAssignments"] => {
            let make: [Offer; 1] = [(Method::GET, |key| {
                Route::Privilege(Privilege::AppRoles(key))
            })];
            named("/users/{id}/appRoleAssignments", method, &make)
        }
        ["users", key, "appRoleAssignments", id] => {
            let route = if *method == Method::DELETE {
                key_of(key)
                    .map(|key| Route::Privilege(Privilege::RemoveAppRole(key, (*id).to_owned())))
            } else {
                Err(Refusal::method_not_allowed())
            };
            Routed {
                template: "/users/{id}/appRoleAssignments/{id}",
                route,
            }
        }
        ["users", _, "authentication", "methods"] => {
            let make: [Offer; 1] = [(Method::GET, |key| Route::SignIn(SignIn::List(key)))];
            named("/users/{id}/authentication/methods", method, &make)
        }
        ["users", _, "authentication", "temporaryAccessPassMethods"] => {
            let make: [Offer; 2] = [
                (Method::GET, |key| Route::Pass(Pass::List(key))),
                (Method::POST, |key| Route::Pass(Pass::Create(key))),
            ];
            named(
                "/users/{id}/authentication/temporaryAccessPassMethods",
                method,
                &make,
            )
        }
        [
            "users",
            key,
            "authentication",
            "temporaryAccessPassMethods",
            id,
        ] if *method == Method::GET => Routed {
            template: sign_in::template("temporaryAccessPassMethods").0,
            route: key_of(key).map(|key| Route::Pass(Pass::Read(key, (*id).to_owned()))),
        },
        [
            "policies",
            "authenticationMethodsPolicy",
            "authenticationMethodConfigurations",
            name,
        ] if name.eq_ignore_ascii_case("temporaryAccessPass") => only(
            method,
            &Method::GET,
            "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/{id}",
            Ok(Route::Pass(Pass::Policy)),
        ),
        ["users", key, "authentication", segment, id] => {
            let (template, removable) = sign_in::template(segment);
            let route = if !removable {
                return unknown(segment);
            } else if *method == Method::DELETE {
                key_of(key).map(|key| {
                    Route::SignIn(SignIn::Remove(key, (*segment).to_owned(), (*id).to_owned()))
                })
            } else {
                Err(Refusal::method_not_allowed())
            };
            Routed { template, route }
        }
        ["users", _, "ownedDevices"] => {
            let make: [Offer; 1] = [(Method::GET, |key| Route::Device(DeviceRoute::OwnedBy(key)))];
            named("/users/{id}/ownedDevices", method, &make)
        }
        ["users", _, "registeredDevices"] => {
            let make: [Offer; 1] = [(Method::GET, |key| {
                Route::Device(DeviceRoute::RegisteredFor(key))
            })];
            named("/users/{id}/registeredDevices", method, &make)
        }
        ["users", _, "managedDevices"] => {
            let make: [Offer; 1] = [(Method::GET, |key| Route::Intune(IntuneRoute::ListOf(key)))];
            named("/users/{id}/managedDevices", method, &make)
        }
        [
            "users",
            _,
            "wipeManagedAppRegistrationsByDeviceTag"
            | "microsoft.graph.wipeManagedAppRegistrationsByDeviceTag",
        ] => {
            let make: [Offer; 1] = [(Method::POST, |key| {
                Route::Intune(IntuneRoute::WipeApps(key))
            })];
            named(
                "/users/{id}/wipeManagedAppRegistrationsByDeviceTag",
                method,
                &make,
            )
        }
        ["users", _, "memberOf"] => {
            let make: [Offer; 1] = [(Method::GET, |key| Route::Group(GroupRoute::MemberOf(key)))];
            named("/users/{id}/memberOf", method, &make)
        }
        ["users", _, "transitiveMemberOf"] => {
            let make: [Offer; 1] = [(Method::GET, |key| {
                Route::Group(GroupRoute::MemberOfAny(key))
            })];
            named("/users/{id}/transitiveMemberOf", method, &make)
        }
        [
            "users",
            _,
            "checkMemberGroups" | "microsoft.graph.checkMemberGroups",
        ] => {
            let make: [Offer; 1] = [(Method::POST, |key| {
                Route::Group(GroupRoute::CheckMembers(key))
            })];
            named("/users/{id}/checkMemberGroups", method, &make)
        }
        ["organization" | "subscribedSkus"] => {
            let (template, read) = match parts[0] {
                "organization" => ("/organization", Route::ReadOrganization),
                _ => ("/subscribedSkus", Route::ListSkus),
            };
            let route = if *method == Method::GET {
                Ok(read)
            } else {
                Err(Refusal::method_not_allowed())
            };
            Routed { template, route }
        }
        ["users", _, other, ..] | [other, ..] => unknown(other),
        [] => unknown(""),
    }
}

/// Below `/groups`.
fn group_route(method: &Method, parts: &[&str]) -> Routed {
    let unique = |text: &str| {
        let (name, rest) = literal(text.strip_prefix("(uniqueName=")?)?;
        let whole = rest == ")" && !name.is_empty() && !name.contains(char::is_control);
        whole.then_some(GroupKey::Unique(name))
    };
    // groups(uniqueName='…') and groups/(uniqueName='…') are groups/…
    let (key, rest) = match (parts[0].strip_prefix("groups"), parts) {
        (Some(""), ["groups"]) => (None, &parts[1..]),
        (Some(""), ["groups", key, ..]) => {
            let id = is_guid(key).then(|| GroupKey::Id(key.to_lowercase()));
            (Some((*key, id.or_else(|| unique(key)))), &parts[2..])
        }
        (Some(key), _) => {
            let id = literal(key.strip_prefix('(').unwrap_or_default());
            let id = id.filter(|(id, rest)| is_guid(id) && *rest == ")");
            let id = id.map(|(id, _)| GroupKey::Id(id.to_lowercase()));
            (Some((key, id.or_else(|| unique(key)))), &parts[1..])
        }
        (None, _) => return unknown(parts[0]),
    };
    let Some((text, key)) = key else {
        let route = match *method {
            Method::GET => Ok(Route::Group(GroupRoute::List)),
            Method::POST => Ok(Route::Group(GroupRoute::Create)),
            _ => Err(Refusal::method_not_allowed()),
        };
        let template = "/groups";
        return Routed { template, route };
    };
    if text.starts_with('$') {
        return unknown(text);
    }
    let key = key.ok_or_else(|| Refusal::not_found(None));
    let named = |template, make: &[GroupOffer]| {
        let route = match make.iter().find(|(known, _)| known == method) {
            None => Err(Refusal::method_not_allowed()),
            Some((_, make)) => key.clone().map(|key| Route::Group(make(key))),
        };
        Routed { template, route }
    };
    match rest {
        [] => named(
            "/groups/{id}",
            &[
                (Method::GET, GroupRoute::Read),
                (Method::PATCH, GroupRoute::Update),
                (Method::DELETE, GroupRoute::Delete),
            ],
        ),
        [list @ ("members" | "transitiveMembers")]
        | [
            list @ ("members" | "transitiveMembers"),
            "microsoft.graph.user" | "microsoft.graph.group",
        ] => {
            let any_way = *list == "transitiveMembers";
            let kind = match rest.get(1) {
                None => None,
                Some(&"microsoft.graph.user") => Some(USER),
                Some(_) => Some(GROUP),
            };
            let template = if any_way {
                "/groups/{id}/transitiveMembers"
            } else {
                "/groups/{id}/members"
            };
            let listed = Listed {
                any_way,
                only: kind,
            };
            let route = key.map(|key| Route::Group(GroupRoute::Members(key, listed)));
            only(method, &Method::GET, template, route)
        }
        ["memberOf"] => named(
            "/groups/{id}/memberOf",
            &[(Method::GET, GroupRoute::GroupMemberOf)],
        ),
        ["transitiveMemberOf"] => named(
            "/groups/{id}/transitiveMemberOf",
            &[(Method::GET, GroupRoute::GroupMemberOfAny)],
        ),
        ["assignLicense" | "microsoft.graph.assignLicense"] => {
            let make: [GroupOffer; 1] = [(Method::POST, GroupRoute::AssignLicense)];
            named("/groups/{id}/assignLicense", &make)
        }
        ["membersWithLicenseErrors"] => {
            let make: [GroupOffer; 1] = [(Method::GET, GroupRoute::LicenseErrors)];
            named("/groups/{id}/membersWithLicenseErrors", &make)
        }
        ["owners"] => named(
            "/groups/{id}/owners",
            &[(Method::GET, |key| {
                GroupRoute::Owned(Ownership::GroupOwners(key))
            })],
        ),
        ["owners", "$ref"] => named(
            "/groups/{id}/owners/$ref",
            &[(Method::POST, |key| {
                GroupRoute::Owned(Ownership::AddGroupOwner(key))
            })],
        ),
        ["owners", owner, "$ref"] => {
            let route = if *method == Method::DELETE {
                key.and_then(|key| {
                    let owner = guid(owner)?;
                    Ok(Route::Ownership(Ownership::RemoveGroupOwner(key, owner)))
                })
            } else {
                Err(Refusal::method_not_allowed())
            };
            Routed {
                template: "/groups/{id}/owners/{id}/$ref",
                route,
            }
        }
        ["members", "$ref"] => {
            let make: [GroupOffer; 1] = [(Method::POST, GroupRoute::AddMember)];
            named("/groups/{id}/members/$ref", &make)
        }
        ["members", member, "$ref"] => {
            let member = guid(member);
            let route = if *method == Method::DELETE {
                key.and_then(|key| {
                    member.map(|member| Route::Group(GroupRoute::RemoveMember(key, member)))
                })
            } else {
                Err(Refusal::method_not_allowed())
            };
            Routed {
                template: "/groups/{id}/members/{id}/$ref",
                route,
            }
        }
        [other, ..] => unknown(other),
    }
}

/// Below `/devices`.
fn device_route(method: &Method, parts: &[&str]) -> Routed {
    // devices(deviceId='…') and devices('…') are devices/…
    let (key, rest) = match (parts[0].strip_prefix("devices"), parts) {
        (Some(""), ["devices"]) => {
            let list = Ok(Route::Device(DeviceRoute::List));
            return only(method, &Method::GET, "/devices", list);
        }
        (Some(""), ["devices", key, ..]) => (guid(key).map(DeviceKey::Id), &parts[2..]),
        (Some(text), _) => {
            let inside = text.strip_prefix('(').unwrap_or_default();
            let by_device = inside.strip_prefix("deviceId=");
            let key = literal(by_device.unwrap_or(inside)).filter(|(_, rest)| *rest == ")");
            let key = key
                .ok_or_else(|| Refusal::not_found(None))
                .and_then(|(id, _)| guid(&id));
            let make = if by_device.is_some() {
                DeviceKey::DeviceId
            } else {
                DeviceKey::Id
            };
            (key.map(make), &parts[1..])
        }
        (None, _) => return unknown(parts[0]),
    };
    let (template, offers): (_, &[DeviceOffer]) = match rest {
        [] => (
            "/devices/{id}",
            &[
                (Method::GET, DeviceRoute::Read),
                (Method::PATCH, DeviceRoute::Update),
                (Method::DELETE, DeviceRoute::Delete),
            ],
        ),
        ["registeredOwners"] => (
            "/devices/{id}/registeredOwners",
            &[(Method::GET, DeviceRoute::Owners)],
        ),
        ["registeredUsers"] => (
            "/devices/{id}/registeredUsers",
            &[(Method::GET, DeviceRoute::Users)],
        ),
        [other, ..] => return unknown(other),
    };
    let route = match offers.iter().find(|(known, _)| known == method) {
        None => Err(Refusal::method_not_allowed()),
        Some((_, make)) => key.map(|key| Route::Device(make(key))),
    };
    Routed { template, route }
}

/// Below `/deviceManagement`, `/deviceAppManagement` and `/informationProtection`.
fn management_route(method: &Method, parts: &[&str]) -> Routed {
    let of =
        |id: &str, offers: &[IntuneOffer]| match offers.iter().find(|(known, _)| known == method) {
            None => Err(Refusal::method_not_allowed().by_intune()),
            Some((_, make)) => guid(id)
                .map(|id| Route::Intune(make(id)))
                .map_err(Refusal::by_intune),
        };
    let (template, route) = match parts {
        ["informationProtection", "bitlocker", "recoveryKeys"] => {
            let template = "/informationProtection/bitlocker/recoveryKeys";
            let keys = Ok(Route::Device(DeviceRoute::RecoveryKeys));
            return only(method, &Method::GET, template, keys);
        }
        ["deviceManagement", "managedDevices"] => {
            let template = "/deviceManagement/managedDevices";
            let list = Ok(Route::Intune(IntuneRoute::List));
            return only(method, &Method::GET, template, list);
        }
        ["deviceManagement", "auditEvents"] => {
            let template = "/deviceManagement/auditEvents";
            return only(
                method,
                &Method::GET,
                template,
                Ok(Route::Intune(IntuneRoute::Audit)),
            );
        }
        ["deviceManagement", "windowsAutopilotDeviceIdentities"] => {
            let template = "/deviceManagement/windowsAutopilotDeviceIdentities";
            let list = Ok(Route::Intune(IntuneRoute::Identities));
            return only(method, &Method::GET, template, list);
        }
        ["deviceAppManagement", "managedAppRegistrations"] => {
            let template = "/deviceAppManagement/managedAppRegistrations";
            let list = Ok(Route::Intune(IntuneRoute::Registrations));
            return only(method, &Method::GET, template, list);
        }
        ["deviceManagement", "managedDevices", id] => (
            "/deviceManagement/managedDevices/{id}",
            of(
                id,
                &[
                    (Method::GET, IntuneRoute::Read),
                    (Method::PATCH, IntuneRoute::Update),
                    (Method::DELETE, IntuneRoute::Delete),
                ],
            ),
        ),
        ["deviceManagement", "managedDevices", id, "users"] => (
            "/deviceManagement/managedDevices/{id}/users",
            of(id, &[(Method::GET, IntuneRoute::Users)]),
        ),
        [
            "deviceManagement",
            "managedDevices",
            id,
            "retire" | "microsoft.graph.retire",
        ] => (
            "/deviceManagement/managedDevices/{id}/retire",
            of(id, &[(Method::POST, IntuneRoute::Retire)]),
        ),
        [
            "deviceManagement",
            "managedDevices",
            id,
            "wipe" | "microsoft.graph.wipe",
        ] => (
            "/deviceManagement/managedDevices/{id}/wipe",
            of(id, &[(Method::POST, IntuneRoute::Wipe)]),
        ),
        [
            "deviceManagement",
            "managedDevices",
            id,
            "deleteUserFromSharedAppleDevice" | "microsoft.graph.deleteUserFromSharedAppleDevice",
        ] => (
            "/deviceManagement/managedDevices/{id}/deleteUserFromSharedAppleDevice",
            of(id, &[(Method::POST, IntuneRoute::RemoveUser)]),
        ),
        ["deviceManagement", "windowsAutopilotDeviceIdentities", id] => (
            "/deviceManagement/windowsAutopilotDeviceIdentities/{id}",
            of(id, &[(Method::DELETE, IntuneRoute::RemoveIdentity)]),
        ),
        [
            "deviceManagement",
            "windowsAutopilotDeviceIdentities",
            id,
            "unassignUserFromDevice" | "microsoft.graph.unassignUserFromDevice",
        ] => (
            "/deviceManagement/windowsAutopilotDeviceIdentities/{id}/unassignUserFromDevice",
            of(id, &[(Method::POST, IntuneRoute::Unassign)]),
        ),
        [.., last] => return unknown(last),
        [] => return unknown(""),
    };
    Routed { template, route }
}

/// A path that has one method.
fn only(
    method: &Method,
    allowed: &Method,
    template: &'static str,
    route: Result<Route, Refusal>,
) -> Routed {
    let route = if method == allowed {
        route
    } else {
        Err(Refusal::method_not_allowed())
    };
    Routed { template, route }
}

/// Below `/applications`, `/servicePrincipals`, `/directory` and `/roleManagement`.
fn other_route(method: &Method, parts: &[&str]) -> Routed {
    let only = |allowed: Method, template, route| only(method, &allowed, template, route);
    let app = |id: &str, make: fn(App) -> Ownership| {
        let service = parts[0] == "servicePrincipals";
        guid(id).map(|id| Route::Ownership(make(App { service, id })))
    };
    match parts {
        ["applications", id, "owners"] => only(
            Method::GET,
            "/applications/{id}/owners",
            app(id, Ownership::AppOwners),
        ),
        ["servicePrincipals", id, "owners"] => only(
            Method::GET,
            "/servicePrincipals/{id}/owners",
            app(id, Ownership::AppOwners),
        ),
        ["applications", id, "owners", "$ref"] => only(
            Method::POST,
            "/applications/{id}/owners/$ref",
            app(id, Ownership::AddAppOwner),
        ),
        ["servicePrincipals", id, "owners", "$ref"] => only(
            Method::POST,
            "/servicePrincipals/{id}/owners/$ref",
            app(id, Ownership::AddAppOwner),
        ),
        ["directory", "deletedItems", "microsoft.graph.user"] => only(
            Method::GET,
            "/directory/deletedItems/microsoft.graph.user",
            Ok(Route::ListBin),
        ),
        ["roleManagement", "directory", rest] => {
            let found = match *rest {
                "roleDefinitions" => (
                    Method::GET,
                    "/roleManagement/directory/roleDefinitions",
                    Privilege::Definitions,
                ),
                "roleAssignments" => (
                    Method::GET,
                    "/roleManagement/directory/roleAssignments",
                    Privilege::List { eligible: false },
                ),
                "roleEligibilityScheduleInstances" => (
                    Method::GET,
                    "/roleManagement/directory/roleEligibilityScheduleInstances",
                    Privilege::List { eligible: true },
                ),
                "roleAssignmentScheduleRequests" => (
                    Method::POST,
                    "/roleManagement/directory/roleAssignmentScheduleRequests",
                    Privilege::Request { eligible: false },
                ),
                "roleEligibilityScheduleRequests" => (
                    Method::POST,
                    "/roleManagement/directory/roleEligibilityScheduleRequests",
                    Privilege::Request { eligible: true },
                ),
                other => return unknown(other),
            };
            let (allowed, template, asked) = found;
            only(allowed, template, Ok(Route::Privilege(asked)))
        }
        [
            "directory",
            "deletedItems",
            id,
            "restore" | "microsoft.graph.restore",
        ] => only(
            Method::POST,
            "/directory/deletedItems/{id}/restore",
            guid(id).map(Route::Restore),
        ),
        [.., last] => unknown(last),
        [] => unknown(""),
    }
}

/// An object id, lower case.
///
/// # Errors
/// 404: it is none, so nothing has it.
fn guid(text: &str) -> Result<String, Refusal> {
    if is_guid(text) {
        Ok(text.to_lowercase())
    } else {
        Err(Refusal::not_found(None))
    }
}

fn unknown(segment: &str) -> Routed {
    // A segment could be anything; only what looks like a name is repeated.
    let plain = segment
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"$._".contains(&b));
    let segment = if plain && segment.len() <= 40 {
        segment
    } else {
        "?"
    };
    let message = format!("Resource not found for the segment '{segment}'.");
    let refusal = Refusal::new(StatusCode::NOT_FOUND, "ResourceNotFound", message);
    Routed {
        template: "?",
        route: Err(refusal),
    }
}

/// Reads an object id or a sign-in name.
///
/// # Errors
/// 404: it is neither, so nothing has it.
fn key_of(text: &str) -> Result<Key, Refusal> {
    let lower = text.to_lowercase();
    if is_guid(text) {
        Ok(Key::Id(lower))
    } else if text.contains('@') {
        Ok(Key::Name(lower))
    } else {
        Err(Refusal::not_found(None))
    }
}

/// What an `@odata.id` points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Referred {
    /// An object of whichever kind: its id, lower case.
    Any(String),
    User(Key),
    /// Object id, lower case.
    Group(String),
}

/// The user that an `@odata.id` points at.
///
/// # Errors
/// 400 for what is no reference to a user.
pub(crate) fn reference(link: &str) -> Result<Key, Refusal> {
    match referred(link) {
        Some(Referred::Any(id)) => Ok(Key::Id(id)),
        Some(Referred::User(key)) => Ok(key),
        Some(Referred::Group(_)) | None => Err(Refusal::bad(
            "Invalid URL in the reference: a user is expected.",
        )),
    }
}

/// What an `@odata.id` points at; `None`: at neither a user nor a group.
pub(crate) fn referred(link: &str) -> Option<Referred> {
    let rest = link
        .strip_prefix("https://")
        .or_else(|| link.strip_prefix("http://"));
    let (_, path) = rest?.split_once('/')?;
    let path = path.strip_prefix("v1.0/")?;
    if let Some(id) = path.strip_prefix("directoryObjects/") {
        return is_guid(id).then(|| Referred::Any(id.to_lowercase()));
    }
    match route(&Method::GET, path).route {
        Ok(Route::ReadUser(key)) => Some(Referred::User(key)),
        Ok(Route::Group(GroupRoute::Read(GroupKey::Id(id)))) => Some(Referred::Group(id)),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5f3a09c1-0000-4000-8000-00000000000A";

    /// Method and path → route, or status and code.
    #[test]
    fn paths() {
        let id = || Key::Id(ID.to_lowercase());
        let name = |name: &str| Key::Name(name.to_owned());
        let group = |route| Ok(Route::Group(route));
        let of = || GroupKey::Id(ID.to_lowercase());
        let unique = |name: &str| GroupKey::Unique(name.to_owned());
        let members = |any_way, only| Listed { any_way, only };
        let table = [
            ("GET", "/users".to_owned(), Ok(Route::ListUsers)),
            ("POST", "/users".to_owned(), Ok(Route::CreateUser)),
            ("DELETE", "/users".to_owned(), Err(405)),
            ("GET", format!("/users/{ID}"), Ok(Route::ReadUser(id()))),
            ("PUT", format!("/users/{ID}"), Err(405)),
            (
                "GET",
                "/users/Mira@X.example".to_owned(),
                Ok(Route::ReadUser(name("mira@x.example"))),
            ),
            (
                "GET",
                "/users/a%23EXT%23@x".to_owned(),
                Ok(Route::ReadUser(name("a#ext#@x"))),
            ),
            (
                "GET",
                "/users(%27$o%27%27n@x%27)".to_owned(),
                Ok(Route::ReadUser(name("$o'n@x"))),
            ),
            (
                "PATCH",
                format!("/users('{ID}')"),
                Ok(Route::UpdateUser(id())),
            ),
            ("GET", "/users/$count".to_owned(), Err(404)),
            ("GET", "/users/mira".to_owned(), Err(404)),
            ("GET", "/users/%zz".to_owned(), Err(400)),
            (
                "GET",
                format!("/users/{ID}/manager"),
                Ok(Route::ReadManager(id())),
            ),
            ("POST", format!("/users/{ID}/manager"), Err(405)),
            (
                "GET",
                format!("/users/{ID}/manager/$ref"),
                Ok(Route::ReadManagerReference(id())),
            ),
            ("POST", format!("/users/{ID}/manager/$ref"), Err(405)),
            (
                "PUT",
                format!("/users/{ID}/manager/$ref"),
                Ok(Route::SetManager(id())),
            ),
            (
                "DELETE",
                format!("/users/{ID}/manager/$ref"),
                Ok(Route::ClearManager(id())),
            ),
            (
                "POST",
                format!("/users/{ID}/revokeSignInSessions"),
                Ok(Route::RevokeSessions(id())),
            ),
            ("GET", format!("/users/{ID}/revokeSignInSessions"), Err(405)),
            (
                "GET",
                format!("/users/{ID}/memberOf"),
                Ok(Route::Group(GroupRoute::MemberOf(id()))),
            ),
            ("POST", format!("/users/{ID}/memberOf"), Err(405)),
            (
                "GET",
                format!("/users/{ID}/transitiveMemberOf"),
                Ok(Route::Group(GroupRoute::MemberOfAny(id()))),
            ),
            (
                "POST",
                format!("/users/{ID}/checkMemberGroups"),
                Ok(Route::Group(GroupRoute::CheckMembers(id()))),
            ),
            ("GET", format!("/users/{ID}%2Fmanager"), Err(404)),
            (
                "GET",
                "/organization".to_owned(),
                Ok(Route::ReadOrganization),
            ),
            ("PATCH", "/organization".to_owned(), Err(405)),
            ("GET", "/subscribedSkus".to_owned(), Ok(Route::ListSkus)),
            ("POST", "/subscribedSkus".to_owned(), Err(405)),
            (
                "POST",
                format!("/groups/{ID}/assignLicense"),
                group(GroupRoute::AssignLicense(of())),
            ),
            (
                "GET",
                format!("/groups/{ID}/membersWithLicenseErrors"),
                group(GroupRoute::LicenseErrors(of())),
            ),
            (
                "POST",
                "/users/mira@x.example/assignLicense".to_owned(),
                Ok(Route::AssignLicense(name("mira@x.example"))),
            ),
            ("GET", format!("/users/{ID}/assignLicense"), Err(405)),
            ("GET", "/groups".to_owned(), group(GroupRoute::List)),
            ("POST", "/groups".to_owned(), group(GroupRoute::Create)),
            ("PATCH", "/groups".to_owned(), Err(405)),
            ("GET", "/groups/$count".to_owned(), Err(404)),
            ("GET", "/groups/sales".to_owned(), Err(404)),
            (
                "GET",
                format!("/groups/{ID}"),
                group(GroupRoute::Read(of())),
            ),
            (
                "PATCH",
                "/groups(uniqueName='rollcall-o%27%27n')".to_owned(),
                group(GroupRoute::Update(unique("rollcall-o'n"))),
            ),
            (
                "PATCH",
                "/groups/(uniqueName='rollcall-x')".to_owned(),
                group(GroupRoute::Update(unique("rollcall-x"))),
            ),
            ("PATCH", "/groups(name='x')".to_owned(), Err(404)),
            ("PATCH", "/groups(uniqueName='o'n')".to_owned(), Err(404)),
            ("PATCH", "/groups(uniqueName='x','y')".to_owned(), Err(404)),
            ("PATCH", "/groups(uniqueName='')".to_owned(), Err(404)),
            (
                "GET",
                format!("/groups('{ID}')/members"),
                group(GroupRoute::Members(of(), members(false, None))),
            ),
            ("PUT", format!("/groups/{ID}"), Err(405)),
            (
                "DELETE",
                format!("/groups/{ID}"),
                group(GroupRoute::Delete(of())),
            ),
            (
                "GET",
                format!("/groups/{ID}/members"),
                group(GroupRoute::Members(of(), members(false, None))),
            ),
            (
                "GET",
                "/groups(uniqueName='x')/members/microsoft.graph.user".to_owned(),
                group(GroupRoute::Members(
                    unique("x"),
                    members(false, Some("microsoft.graph.user")),
                )),
            ),
            (
                "GET",
                format!("/groups/{ID}/transitiveMembers"),
                group(GroupRoute::Members(of(), members(true, None))),
            ),
            (
                "GET",
                format!("/groups/{ID}/transitiveMembers/microsoft.graph.group"),
                group(GroupRoute::Members(
                    of(),
                    members(true, Some("microsoft.graph.group")),
                )),
            ),
            ("POST", format!("/groups/{ID}/transitiveMembers"), Err(405)),
            (
                "POST",
                format!("/groups/{ID}/transitiveMembers/$ref"),
                Err(404),
            ),
            (
                "GET",
                format!("/groups/{ID}/memberOf"),
                group(GroupRoute::GroupMemberOf(of())),
            ),
            (
                "GET",
                "/groups(uniqueName='x')/transitiveMemberOf".to_owned(),
                group(GroupRoute::GroupMemberOfAny(unique("x"))),
            ),
            ("DELETE", format!("/groups/{ID}/memberOf"), Err(405)),
            (
                "POST",
                format!("/groups/{ID}/members/$ref"),
                group(GroupRoute::AddMember(of())),
            ),
            ("POST", format!("/groups/{ID}/members"), Err(405)),
            (
                "DELETE",
                format!("/groups/{ID}/members/{ID}/$ref"),
                group(GroupRoute::RemoveMember(of(), ID.to_lowercase())),
            ),
            ("DELETE", format!("/groups/{ID}/members/x/$ref"), Err(404)),
            // What would delete the user elsewhere is not served.
            ("DELETE", format!("/groups/{ID}/members/{ID}"), Err(404)),
            ("GET", format!("/groups/{ID}/photo"), Err(404)),
            (
                "GET",
                format!("/groups/{ID}/owners"),
                group(GroupRoute::Owned(Ownership::GroupOwners(of()))),
            ),
            // The same of an owner.
            ("DELETE", format!("/groups/{ID}/owners/{ID}"), Err(404)),
            ("DELETE", format!("/users/{ID}/sponsors/{ID}"), Err(404)),
            (
                "DELETE",
                format!("/applications/{ID}/owners/$ref"),
                Err(405),
            ),
            (
                "POST",
                format!("/directory/deletedItems/{ID}/restore"),
                Ok(Route::Restore(ID.to_lowercase())),
            ),
            // Nothing is removed from the bin for good.
            ("DELETE", format!("/directory/deletedItems/{ID}"), Err(404)),
            ("GET", "/".to_owned(), Err(404)),
        ];
        for (method, path, expected) in table {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let route = route(&method, &path)
                .route
                .map_err(|refusal| refusal.status.as_u16());
            assert_eq!(route, expected, "{method} {path}");
        }
    }

    #[test]
    fn references() {
        let good = [
            format!("https://graph.microsoft.com/v1.0/users/{ID}"),
            format!("http://127.0.0.1:8080/v1.0/directoryObjects/{ID}"),
        ];
        for link in good {
            assert_eq!(reference(&link), Ok(Key::Id(ID.to_lowercase())), "{link}");
        }
        let group = format!("https://graph.microsoft.com/v1.0/groups/{ID}");
        let found = referred(&group);
        assert_eq!(found, Some(Referred::Group(ID.to_lowercase())));
        let bad = [
            ID.to_owned(),
            format!("/v1.0/users/{ID}"),
            format!("https://graph.microsoft.com/beta/users/{ID}"),
            group,
            format!("https://graph.microsoft.com/v1.0/users/{ID}/manager"),
            "https://graph.microsoft.com/v1.0/directoryObjects/mira@x.example".to_owned(),
            "https://graph.microsoft.com/v1.0/users".to_owned(),
        ];
        for link in bad {
            assert_eq!(reference(&link).unwrap_err().status.as_u16(), 400, "{link}");
        }
        for link in ["groups", "groups(uniqueName='x')", "groups/x", "devices/x"] {
            let link = format!("https://graph.microsoft.com/v1.0/{link}");
            assert_eq!(referred(&link), None, "{link}");
        }
    }
}
