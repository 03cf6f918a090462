//! Which application permission each call needs.
//!
//! Source: microsoftgraph/microsoft-graph-devx-content, permissions.json, and "Update user".
//! Invariant: `User.ReadWrite.All` opens only what those pages say it opens.

use serde_json::{Map, Value as Json};

use crate::refusal::Refusal;

pub(crate) const READ: &[&str] = &["User.Read.All", "User.ReadWrite.All"];
pub(crate) const WRITE: &[&str] = &["User.ReadWrite.All"];
pub(crate) const REVOKE: &[&str] = &["User.RevokeSessions.All", "User.ReadWrite.All"];
pub(crate) const DELETE: &[&str] = &["User.DeleteRestore.All", "User.ReadWrite.All"];
pub(crate) const GROUP_READ: &[&str] = &[
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
];
pub(crate) const GROUP_CREATE: &[&str] = &["Group.Create", "Group.ReadWrite.All"];
pub(crate) const GROUP_WRITE: &[&str] = &["Group.ReadWrite.All"];
pub(crate) const MEMBER_WRITE: &[&str] = &["GroupMember.ReadWrite.All", "Group.ReadWrite.All"];
pub(crate) const APP_READ: &[&str] = &["Application.Read.All", "Application.ReadWrite.All"];
pub(crate) const APP_WRITE: &[&str] = &["Application.ReadWrite.All"];
pub(crate) const ROLE_ASSIGNABLE: &[&str] = &["RoleManagement.ReadWrite.Directory"];
pub(crate) const LICENCE_READ: &[&str] = &[
    "LicenseAssignment.Read.All",
    "LicenseAssignment.ReadWrite.All",
    "Organization.Read.All",
];
pub(crate) const LICENCE_WRITE: &[&str] = &["LicenseAssignment.ReadWrite.All"];
pub(crate) const ORGANIZATION: &[&str] = &["Organization.Read.All"];

pub(crate) const METHODS_READ: &[&str] = &[
    "UserAuthenticationMethod.Read.All",
    "UserAuthenticationMethod.ReadWrite.All",
];

pub(crate) const PASS_READ: &[&str] = &[
    "UserAuthMethod-TAP.Read.All",
    "UserAuthMethod-TAP.ReadWrite.All",
    "UserAuthenticationMethod.Read.All",
    "UserAuthenticationMethod.ReadWrite.All",
];
pub(crate) const PASS_WRITE: &[&str] = &[
    "UserAuthMethod-TAP.ReadWrite.All",
    "UserAuthenticationMethod.ReadWrite.All",
];
pub(crate) const PASS_POLICY: &[&str] = &["Policy.Read.AuthenticationMethod", "Policy.Read.All"];

pub(crate) const ROLES_READ: &[&str] = &[
    "RoleManagement.Read.Directory",
    "RoleManagement.Read.All",
    "RoleManagement.ReadWrite.Directory",
];
pub(crate) const ROLE_REMOVE: &[&str] = &[
    "RoleAssignmentSchedule.Remove.Directory",
    "RoleAssignmentSchedule.ReadWrite.Directory",
    "RoleManagement.ReadWrite.Directory",
];
pub(crate) const ROLE_WRITE: &[&str] = &[
    "RoleAssignmentSchedule.ReadWrite.Directory",
    "RoleManagement.ReadWrite.Directory",
];
pub(crate) const ELIGIBLE_READ: &[&str] = &[
    "RoleEligibilitySchedule.Read.Directory",
    "RoleEligibilitySchedule.ReadWrite.Directory",
    "RoleManagement.Read.Directory",
    "RoleManagement.Read.All",
    "RoleManagement.ReadWrite.Directory",
];
pub(crate) const ELIGIBLE_REMOVE: &[&str] = &[
    "RoleEligibilitySchedule.Remove.Directory",
    "RoleEligibilitySchedule.ReadWrite.Directory",
    "RoleManagement.ReadWrite.Directory",
];
pub(crate) const ELIGIBLE_WRITE: &[&str] = &[
    "RoleEligibilitySchedule.ReadWrite.Directory",
    "RoleManagement.ReadWrite.Directory",
];
pub(crate) const APP_ROLES_READ: &[&str] =
    &["Directory.Read.All", "AppRoleAssignment.ReadWrite.All"];
pub(crate) const APP_ROLES_WRITE: &[&str] = &["AppRoleAssignment.ReadWrite.All"];

pub(crate) const DEVICE_READ: &[&str] = &[
    "Device.Read.All",
    "Device.ReadWrite.All",
    "Directory.Read.All",
];
pub(crate) const DEVICE_WRITE: &[&str] = &["Device.ReadWrite.All"];
pub(crate) const RECOVERY_KEYS_READ: &[&str] =
    &["BitlockerKey.ReadBasic.All", "BitlockerKey.Read.All"];
pub(crate) const MANAGED_READ: &[&str] = &[
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
];
pub(crate) const MANAGED_WRITE: &[&str] = &["DeviceManagementManagedDevices.ReadWrite.All"];
/// Of a wipe the pages name `DeviceManagementManagedDevices.ReadWrite.All` too; it is not enough
/// (microsoftgraph/microsoft-graph-docs-contrib, issue 2079).
pub(crate) const MANAGED_ORDER: &[&str] =
    &["DeviceManagementManagedDevices.PrivilegedOperations.All"];
pub(crate) const AUTOPILOT_READ: &[&str] = &[
    "DeviceManagementServiceConfig.Read.All",
    "DeviceManagementServiceConfig.ReadWrite.All",
];
pub(crate) const AUTOPILOT_WRITE: &[&str] = &["DeviceManagementServiceConfig.ReadWrite.All"];
pub(crate) const APPS_READ: &[&str] = &[
    "DeviceManagementApps.Read.All",
    "DeviceManagementApps.ReadWrite.All",
];
pub(crate) const APPS_WRITE: &[&str] = &["DeviceManagementApps.ReadWrite.All"];
/// "List operationApprovalRequests" (beta).
pub(crate) const APPROVALS_READ: &[&str] = &[
    "DeviceManagementRBAC.Read.All",
    "DeviceManagementRBAC.ReadWrite.All",
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
];

const READ_LEAVE_DATE: &[&str] = &[
    "User-LifeCycleInfo.Read.All",
    "User-LifeCycleInfo.ReadWrite.All",
];
const WRITE_LEAVE_DATE: &[&str] = &["User-LifeCycleInfo.ReadWrite.All"];

/// "List users": `signInActivity`.
const READ_SIGN_INS: &[&str] = &["AuditLog.Read.All"];

/// # Errors
/// 403 when none of the permissions is granted.
pub(crate) fn any(granted: &[String], of: &[&str]) -> Result<(), Refusal> {
    if of
        .iter()
        .any(|role| granted.iter().any(|have| have == role))
    {
        Ok(())
    } else {
        Err(Refusal::denied())
    }
}

/// # Errors
/// 403 when of one of the lists none is granted.
pub(crate) fn all(granted: &[String], lists: &[&[&str]]) -> Result<(), Refusal> {
    lists.iter().try_for_each(|of| any(granted, of))
}

/// Reading these properties.
///
/// # Errors
/// 403.
pub(crate) fn read(granted: &[String], select: Option<&[String]>) -> Result<(), Refusal> {
    any(granted, READ)?;
    let asks = |name: &str| select.is_some_and(|names| names.iter().any(|n| n == name));
    if asks("employeeLeaveDateTime") {
        any(granted, READ_LEAVE_DATE)?;
    }
    if asks("signInActivity") {
        any(granted, READ_SIGN_INS)?;
    }
    Ok(())
}

/// Making a user of these members.
///
/// # Errors
/// 403.
pub(crate) fn create(granted: &[String], body: &Map<String, Json>) -> Result<(), Refusal> {
    any(granted, WRITE)?;
    // What a create cannot do without needs no permission of its own.
    let own = ["passwordProfile", "identities"];
    let others = body.keys().filter(|name| !own.contains(&name.as_str()));
    others
        .into_iter()
        .try_for_each(|name| any(granted, to_update(name)))
}

/// Changing these members.
///
/// # Errors
/// 403.
pub(crate) fn update(granted: &[String], body: &Map<String, Json>) -> Result<(), Refusal> {
    if body.is_empty() {
        return any(granted, WRITE);
    }
    body.keys()
        .try_for_each(|name| any(granted, to_update(name)))
}

fn to_update(property: &str) -> &'static [&'static str] {
    match property {
        "accountEnabled" => &["User.EnableDisableAccount.All", "User.ReadWrite.All"],
        "businessPhones" | "mobilePhone" => &["User-Phone.ReadWrite.All", "User.ReadWrite.All"],
        "otherMails" => &["User-Mail.ReadWrite.All", "User.ReadWrite.All"],
        "employeeLeaveDateTime" => WRITE_LEAVE_DATE,
        "passwordProfile" => &["User-PasswordProfile.ReadWrite.All"],
        "identities" => &["User.ManageIdentities.All"],
        "customSecurityAttributes" => &["CustomSecAttributeAssignment.ReadWrite.All"],
        _ => WRITE,
    }
}
