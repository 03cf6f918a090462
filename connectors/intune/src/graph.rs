//! The paths of Graph that this connector uses, and the calls to them.
//!
//! v1.0 but for requests for approval, which are in beta only. Invariant: nothing that comes from data
//! reaches a URL unencoded, and no quote ends a literal; what must not happen twice is sent once.

use jiff::{SignedDuration, Timestamp};
use rollcall_core::base64;
use rollcall_core::model::{ActionId, ObjectId};
use rollcall_http::{Call, CallSpec, Lane, encode_segment};
use serde_json::{Value as Json, json};

pub(crate) const MANAGED_OF: &str = "/users/{id}/managedDevices";
pub(crate) const OWNED: &str = "/users/{id}/ownedDevices";
pub(crate) const REGISTRATIONS: &str = "/deviceAppManagement/managedAppRegistrations";
pub(crate) const DEVICE: &str = "/devices/{id}";
pub(crate) const OWNERS: &str = "/devices/{id}/registeredOwners";
const MANAGED_ALL: &str = "/deviceManagement/managedDevices";
pub(crate) const MANAGED_ONE: &str = "/deviceManagement/managedDevices/{id}";
pub(crate) const RETIRE: &str = "/deviceManagement/managedDevices/{id}/retire";
pub(crate) const WIPE: &str = "/deviceManagement/managedDevices/{id}/wipe";
pub(crate) const REMOVE_USER: &str =
    "/deviceManagement/managedDevices/{id}/deleteUserFromSharedAppleDevice";
pub(crate) const WIPE_APPLICATIONS: &str = "/users/{id}/wipeManagedAppRegistrationsByDeviceTag";
pub(crate) const RECOVERY_KEYS: &str = "/informationProtection/bitlocker/recoveryKeys";
pub(crate) const AUTOPILOT: &str = "/deviceManagement/windowsAutopilotDeviceIdentities";
pub(crate) const AUDIT: &str = "/deviceManagement/auditEvents";
const APPROVALS: &str = "/deviceManagement/operationApprovalRequests";

const fn spec(method: &'static str, template: &'static str) -> CallSpec {
    CallSpec {
        method,
        template,
        lane: Lane::Bulk,
    }
}

/// A text as an `OData` literal: quotes doubled.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn user_path(id: &ObjectId) -> String {
    format!("/v1.0/users/{}", encode_segment(id.as_str()))
}

/// By the id that the device itself goes by, not by that of the object.
fn device_path(device: &str) -> String {
    format!(
        "/v1.0/devices(deviceId={})",
        encode_segment(&literal(device))
    )
}

fn managed_path(id: &str) -> String {
    format!(
        "/v1.0/deviceManagement/managedDevices/{}",
        encode_segment(id)
    )
}

/// What is read of a managed device.
const MANAGED: &str = "id,userId,azureADDeviceId,serialNumber,operatingSystem,\
                       managedDeviceOwnerType,deviceEnrollmentType,managementAgent";

pub(crate) fn list_managed(user: &ObjectId) -> Call {
    let path = format!("{}/managedDevices", user_path(user));
    Call::new(spec("GET", MANAGED_OF), path).query("$select", MANAGED)
}

/// Whose the device is by the word of device management. That it can be looked for by this is on no page of
/// the reference; scripts of the field have done so for years.
pub(crate) fn find_managed(device: &str) -> Call {
    let path = "/v1.0/deviceManagement/managedDevices";
    Call::new(spec("GET", MANAGED_ALL), path)
        .query("$filter", format!("azureADDeviceId eq {}", literal(device)))
        .query("$select", MANAGED)
}

/// What is read of a device of the directory.
const DIRECTORY: &str =
    "id,deviceId,accountEnabled,trustType,operatingSystem,profileType,enrollmentType";

pub(crate) fn list_owned(user: &ObjectId) -> Call {
    let path = format!("{}/ownedDevices", user_path(user));
    Call::new(spec("GET", OWNED), path).query("$select", DIRECTORY)
}

pub(crate) fn list_registrations(user: &ObjectId) -> Call {
    let path = "/v1.0/deviceAppManagement/managedAppRegistrations";
    Call::new(spec("GET", REGISTRATIONS), path)
        .query("$filter", format!("userId eq {}", literal(user.as_str())))
}

pub(crate) fn read_device(device: &str) -> Call {
    Call::new(spec("GET", DEVICE), device_path(device)).query("$select", DIRECTORY)
}

pub(crate) fn list_owners(device: &str) -> Call {
    let path = format!("{}/registeredOwners", device_path(device));
    Call::new(spec("GET", OWNERS), path).query("$select", "id")
}

pub(crate) fn find_autopilot(serial: &str) -> Call {
    let path = "/v1.0/deviceManagement/windowsAutopilotDeviceIdentities";
    let filter = format!("contains(serialNumber,{})", literal(serial));
    Call::new(spec("GET", AUTOPILOT), path).query("$filter", filter)
}

pub(crate) fn read_managed(id: &str) -> Call {
    let select = format!("{MANAGED},managementState,deviceActionResults");
    Call::new(spec("GET", MANAGED_ONE), managed_path(id)).query("$select", select)
}

pub(crate) fn read_name(user: &ObjectId) -> Call {
    Call::new(spec("GET", "/users/{id}"), user_path(user)).query("$select", "id,userPrincipalName")
}

pub(crate) fn disable_device(device: &str) -> Call {
    Call::new(spec("PATCH", DEVICE), device_path(device)).body(json!({ "accountEnabled": false }))
}

pub(crate) fn delete_device(device: &str) -> Call {
    Call::new(spec("DELETE", DEVICE), device_path(device))
}

/// Says why, and shows the tenant's consent where there is one (Multi Admin Approval).
fn approved(call: Call, action: &ActionId, consent: Option<&str>) -> Call {
    let why = format!("Rollcall, action {action}: the person left; the plan has been approved");
    let call = call.header(
        "x-msft-approval-justification",
        base64::encode(why.as_bytes()),
    );
    match consent {
        Some(code) => call.header("x-msft-approval-code", code),
        None => call,
    }
}

pub(crate) fn retire(id: &str, action: &ActionId, consent: Option<&str>) -> Call {
    let path = format!("{}/retire", managed_path(id));
    approved(Call::new(spec("POST", RETIRE), path), action, consent).once()
}

/// Everything on the device goes, its enrolment too. `macOsUnlockCode` is not sent: a Mac whose chip can erase
/// itself takes none, and of others a code that somebody has to keep would be one more secret.
pub(crate) fn wipe(id: &str, action: &ActionId, consent: Option<&str>, keep_esim: bool) -> Call {
    let path = format!("{}/wipe", managed_path(id));
    let body = json!({
        "keepEnrollmentData": false,
        "keepUserData": false,
        "persistEsimDataPlan": keep_esim,
    });
    approved(Call::new(spec("POST", WIPE), path), action, consent)
        .body(body)
        .once()
}

pub(crate) fn remove_user(id: &str, name: &str) -> Call {
    let path = format!("{}/deleteUserFromSharedAppleDevice", managed_path(id));
    Call::new(spec("POST", REMOVE_USER), path).body(json!({ "userPrincipalName": name }))
}

pub(crate) fn wipe_applications(user: &ObjectId, tag: &str) -> Call {
    let path = format!("{}/wipeManagedAppRegistrationsByDeviceTag", user_path(user));
    let body: Json = json!({ "deviceTag": tag });
    Call::new(spec("POST", WIPE_APPLICATIONS), path)
        .body(body)
        .once()
}

/// Which keys are kept, and never a key itself. The page asks for a name of the client.
pub(crate) fn list_recovery_keys(device: &str) -> Call {
    let path = "/v1.0/informationProtection/bitlocker/recoveryKeys";
    Call::new(spec("GET", RECOVERY_KEYS), path)
        .query("$filter", format!("deviceId eq {}", literal(device)))
        .header(
            "User-Agent",
            concat!("rollcall/", env!("CARGO_PKG_VERSION")),
        )
}

/// The tenant's request for consent of this code.
pub(crate) fn find_approval(code: &str) -> Call {
    let path = "/beta/deviceManagement/operationApprovalRequests";
    Call::new(spec("GET", APPROVALS), path)
        .query("$filter", format!("requestId eq {}", literal(code)))
}

/// What Intune wrote down around an instant.
pub(crate) fn list_audit(around: Timestamp) -> Call {
    let wide = SignedDuration::from_mins(10);
    let (from, to) = (around.saturating_sub(wide), around.saturating_add(wide));
    let filter = format!(
        "activityDateTime ge {} and activityDateTime le {}",
        from.unwrap_or(around),
        to.unwrap_or(around)
    );
    Call::new(spec("GET", AUDIT), "/v1.0/deviceManagement/auditEvents").query("$filter", filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever an id is, it stays one segment, or one literal.
    #[test]
    fn ids_stay_where_they_belong() {
        for id in ["a/b", "a?x=1", "../x", "a'b", "%2F", "a#b"] {
            let action = ActionId::new("a-1");
            for (call, segments) in [
                (wipe(id, &action, None, false), 6),
                (retire(id, &action, None), 6),
                (read_managed(id), 5),
                (disable_device(id), 3),
                (list_owners(id), 4),
                (wipe_applications(&ObjectId::new(id), "t"), 5),
            ] {
                let path = call.path.clone();
                assert!(!path.contains(['?', '#', '\'']), "{path}");
                assert_eq!(path.split('/').count(), segments, "{path}");
            }
        }
    }

    /// What must not happen twice is marked so; nothing else is.
    #[test]
    fn commands_are_sent_once() {
        let action = ActionId::new("a-1");
        let user = ObjectId::new("u");
        assert!(wipe("d", &action, None, false).once);
        assert!(retire("d", &action, Some("code")).once);
        assert!(wipe_applications(&user, "t").once);
        assert!(!disable_device("d").once && !delete_device("d").once);
    }
}
