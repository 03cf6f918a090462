//! What the directory asks of a group beyond the metadata.
//!
//! Sources: "group resource type", "Create group", "Update group", "Upsert group", "Add members"
//! (learn.microsoft.com/graph/api) and "Manage rules for dynamic membership groups in Microsoft
//! Entra ID". Lengths count characters. Invariant: no rule is softer than its source.

use serde_json::{Map, Value as Json, json};

use super::{Group, reader};
use crate::body::read_only;
use crate::refusal::Refusal;

/// Relationships that one write can make ("Add members", example 2; "Upsert group", example 2).
pub(super) const BIND_MAX: usize = 20;
/// Dynamic groups and administrative units of a tenant ("Microsoft Entra service limits").
pub(super) const DYNAMIC_MAX: usize = 15_000;
/// Characters of a membership rule.
const RULE_MAX: usize = 3_072;

const LENGTHS: [(&str, usize); 4] = [
    ("displayName", 256),
    ("description", 1024),
    ("mailNickname", 64),
    ("uniqueName", 128),
];

const REQUIRED: [&str; 4] = [
    "displayName",
    "mailEnabled",
    "mailNickname",
    "securityEnabled",
];

/// Set by the service, by its own operations or by synchronisation only.
const READ_ONLY: [&str; 20] = [
    "assignedLicenses",
    "createdDateTime",
    "deletedDateTime",
    "expirationDateTime",
    "hasMembersWithLicenseErrors",
    "id",
    "infoCatalogs",
    "isManagementRestricted",
    "licenseProcessingState",
    "mail",
    "onPremisesDomainName",
    "onPremisesLastSyncDateTime",
    "onPremisesNetBiosName",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "organizationId",
    "proxyAddresses",
    "renewedDateTime",
    "securityIdentifier",
];

/// Only by a later update.
const NOT_ON_CREATE: [&str; 6] = [
    "allowExternalSenders",
    "autoSubscribeNewMembers",
    "hideFromAddressLists",
    "hideFromOutlookClients",
    "isSubscribedByMail",
    "unseenCount",
];

/// Cannot be anything else once the group is there.
const NOT_ON_UPDATE: [&str; 3] = [
    "isAssignableToRole",
    "resourceBehaviorOptions",
    "resourceProvisioningOptions",
];

/// Checks members of a body that are known to fit the metadata, annotations apart.
///
/// # Errors
/// 400 that names the property.
pub(super) fn body(body: &Map<String, Json>, create: bool) -> Result<(), Refusal> {
    if create && let Some(name) = REQUIRED.iter().find(|name| absent(body, name)) {
        return Err(invalid(name, "A value is required to create a group."));
    }
    for (name, value) in body {
        let name = name.as_str();
        if READ_ONLY.contains(&name) {
            return Err(read_only(name));
        }
        let unsettable: &[&str] = if create {
            &NOT_ON_CREATE
        } else {
            &NOT_ON_UPDATE
        };
        if unsettable.contains(&name) && !value.is_null() {
            return Err(invalid(name, "The value cannot be set by this request."));
        }
        if REQUIRED.contains(&name) && (value.is_null() || *value == json!("")) {
            return Err(invalid(name, "The value cannot be cleared."));
        }
        let limit = LENGTHS.iter().find(|(known, _)| *known == name);
        if let (Some((_, limit)), Some(text)) = (limit, value.as_str())
            && text.chars().count() > *limit
        {
            return Err(invalid(name, &format!("The value is longer than {limit}.")));
        }
        let one_of: &[&str] = match name {
            "visibility" => &["Private", "Public", "HiddenMembership"],
            "theme" => &["Teal", "Purple", "Green", "Blue", "Pink", "Orange", "Red"],
            _ => &[],
        };
        if !one_of.is_empty() && value.as_str().is_some_and(|text| !one_of.contains(&text)) {
            return Err(invalid(name, "The value is none of those that are known."));
        }
        if name == "mailNickname" && value.as_str().is_some_and(|text| !is_nickname(text)) {
            return Err(invalid(
                name,
                "The value has a character that is not allowed.",
            ));
        }
    }
    Ok(())
}

fn absent(body: &Map<String, Json>, name: &str) -> bool {
    body.get(name).is_none_or(Json::is_null)
}

fn is_nickname(text: &str) -> bool {
    text.is_ascii() && !text.contains(|c: char| "@()\\[]\";:<>, ".contains(c) || c.is_control())
}

/// What a group may be as a whole, once a write is done.
///
/// # Errors
/// 400.
pub(super) fn whole(group: &Group) -> Result<(), Refusal> {
    let kinds = group.properties.get("groupTypes").and_then(Json::as_array);
    let known = |kind: &Json| *kind == json!("Unified") || *kind == json!("DynamicMembership");
    if !kinds.into_iter().flatten().all(known) {
        let why = "The value is neither Unified nor DynamicMembership.";
        return Err(invalid("groupTypes", why));
    }
    let flag = |name: &str| group.properties.get(name) == Some(&json!(true));
    if group.is("Unified") {
        if !flag("mailEnabled") {
            return Err(invalid("mailEnabled", "A Microsoft 365 group has mail."));
        }
    } else if flag("mailEnabled") || !flag("securityEnabled") {
        let why = "Mail-enabled groups other than Microsoft 365 groups are not made here.";
        return Err(invalid("mailEnabled", why));
    }
    let rule = group.text("membershipRule");
    let state = group.text("membershipRuleProcessingState");
    if state.is_some_and(|state| !matches!(state, "On" | "Paused")) {
        let why = "The value is neither On nor Paused.";
        return Err(invalid("membershipRuleProcessingState", why));
    }
    // A group that was dynamic keeps its rule, which says nothing any more.
    if !group.dynamic() {
        return Ok(());
    }
    if flag("isAssignableToRole") {
        let why = "A group that roles are assigned to cannot be dynamic.";
        return Err(invalid("isAssignableToRole", why));
    }
    if state.is_none() {
        let why = "A dynamic group needs it.";
        return Err(invalid("membershipRuleProcessingState", why));
    }
    match rule {
        None | Some("") => Err(invalid("membershipRule", "A dynamic group needs one.")),
        Some(rule) if rule.chars().count() > RULE_MAX => {
            let why = format!("The rule is longer than {RULE_MAX} characters.");
            Err(invalid("membershipRule", &why))
        }
        Some(rule) if reader::Rule::read(rule).is_none() => {
            Err(invalid("membershipRule", "The rule cannot be read."))
        }
        Some(_) => Ok(()),
    }
}

/// The value of a property is wrong; the property is named, the value is not.
pub(super) fn invalid(property: &str, why: &str) -> Refusal {
    Refusal::invalid(property, why).of("Group")
}
