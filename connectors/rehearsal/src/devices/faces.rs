//! A machine as the directory, Intune, Autopilot and app protection each show it.
//!
//! Enumerations are those of the metadata: an Android enrolment, which only beta names, is
//! `unknownFutureValue` there. What an operating system is called, and that a shared device has an
//! empty user, are unconfirmed. Invariant: faces are made anew for every answer and keep nothing.

use std::marker::PhantomData;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::seed::{Enrolment, Join, Owner, Platform};
use super::{AUTOPILOT, App, DEVICE, MANAGED, Machine, REGISTRATION};
use crate::csdl::{Kind, schema};
use crate::directory::Directory;
use crate::entity::Entity;
use crate::query::Query;

/// An instant that Intune has not.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// The device id of a device that the directory does not know.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Not in lists, and of one device only where they are selected (`managedDevice` in the metadata,
/// descriptions).
const ON_DEMAND: [&str; 6] = [
    "activationLockBypassCode",
    "ethernetMacAddress",
    "iccid",
    "notes",
    "physicalMemoryInBytes",
    "udid",
];

/// A type of object and the set it stands in.
pub(super) trait Side: Clone + 'static {
    const TYPE: &'static str;
    const SET: &'static str;
}

macro_rules! sides {
    ($($name:ident $of:ident $set:literal;)*) => {$(
        #[derive(Clone)]
        pub(super) struct $name;

        impl Side for $name {
            const TYPE: &'static str = $of;
            const SET: &'static str = $set;
        }
    )*};
}

sides! {
    OfDirectory DEVICE "devices";
    OfIntune MANAGED "deviceManagement/managedDevices";
    OfAutopilot AUTOPILOT "deviceManagement/windowsAutopilotDeviceIdentities";
    OfApps REGISTRATION "deviceAppManagement/managedAppRegistrations";
}

/// One of a machine's records, as it is shown.
#[derive(Clone)]
pub(super) struct Face<S> {
    pub(super) id: String,
    pub(super) properties: Map<String, Json>,
    side: PhantomData<S>,
}

impl<S: Side> Entity for Face<S> {
    const TYPE: &'static str = S::TYPE;
    const SET: &'static str = S::SET;
    const DEFAULT: &'static [&'static str] = &[];

    fn id(&self) -> &str {
        &self.id
    }

    fn properties(&self) -> &Map<String, Json> {
        &self.properties
    }
}

impl<S: Side> Face<S> {
    fn new(id: &str, properties: &Json) -> Self {
        Self {
            id: id.to_owned(),
            properties: properties.as_object().cloned().unwrap_or_default(),
            side: PhantomData,
        }
    }

    /// What must not be null and was not said: no, none, never.
    pub(super) fn filled(mut self) -> Self {
        for name in schema().properties(S::TYPE) {
            let Some(property) = schema().property(S::TYPE, name) else {
                continue;
            };
            if property.nullable || property.collection || self.properties.contains_key(name) {
                continue;
            }
            let value = if property.kind == Kind::Boolean {
                Json::Bool(false)
            } else if property.kind == Kind::DateTimeOffset {
                NEVER.into()
            } else if matches!(property.kind, Kind::Integer(..)) {
                0.into()
            } else {
                continue;
            };
            self.properties.insert(name.to_owned(), value);
        }
        self
    }
}

impl Face<OfIntune> {
    /// Takes away what is only there on demand. `one`: it is the only device in the answer.
    pub(super) fn concealed(mut self, query: &Query, one: bool) -> Self {
        for name in ON_DEMAND {
            if !(one && query.selects(name)) {
                self.properties.remove(name);
            }
        }
        self.filled()
    }
}

impl Machine {
    /// As the directory shows it.
    pub(super) fn in_directory(&self, now: Timestamp) -> Option<Face<OfDirectory>> {
        let entra = self.entra.as_ref()?;
        let device = &self.device;
        let trust = match device.join {
            Some(Join::Joined) | None => "AzureAd",
            Some(Join::Hybrid) => "ServerAd",
            Some(Join::Registered) => "Workplace",
        };
        let system = match (device.platform, device.enrolment) {
            (Platform::Windows, _) => "Windows",
            (Platform::MacOs, _) => "MacMDM",
            (Platform::Ios, _) => "IPhone",
            (Platform::Linux, _) => "Linux",
            (Platform::Android, Some(Enrolment::WorkProfile)) => "AndroidForWork",
            (Platform::Android, Some(of)) if of.is_corporate_android() => "AndroidEnterprise",
            (Platform::Android, _) => "Android",
        };
        let mut properties = json!({
            "accountEnabled": entra.enabled,
            "approximateLastSignInDateTime": self.last_contact(now).to_string(),
            "deviceId": self.device_id,
            "displayName": device.name,
            "isManaged": self.managed.is_some(),
            "operatingSystem": system,
            "operatingSystemVersion": self.version(),
            "profileType": "RegisteredDevice",
            "registrationDateTime": self.made.to_string(),
            "trustType": trust,
        });
        if let Some(managed) = &self.managed {
            properties["deviceOwnership"] = match managed.owner {
                Owner::Company => "Company".into(),
                Owner::Personal => "Personal".into(),
                Owner::Unknown => Json::Null,
            };
            properties["isCompliant"] = true.into();
            properties["managementType"] = "MDM".into();
        }
        if device.join == Some(Join::Hybrid) {
            properties["onPremisesSyncEnabled"] = true.into();
        }
        if let Some(autopilot) = &self.autopilot {
            properties["physicalIds"] = json!([format!("[ZTDID]:{}", autopilot.id)]);
        }
        Some(Face::new(&entra.id, &properties))
    }

    /// As Intune shows it.
    pub(super) fn in_intune(&self, users: &Directory, now: Timestamp) -> Option<Face<OfIntune>> {
        let managed = self.managed.as_ref()?;
        let device = &self.device;
        let known = self.entra.is_some() || device.join.is_some();
        let user = managed.user.as_deref();
        let text = |property| user.map_or_else(String::new, |id| text_of(users, id, property));
        let owner = match managed.owner {
            Owner::Company => "company",
            Owner::Personal => "personal",
            Owner::Unknown => "unknown",
        };
        let results = self.results.iter().map(|(action, outcome)| {
            json!({
                "actionName": action.name(),
                "actionState": outcome.state,
                "startDateTime": outcome.start.to_string(),
                "lastUpdatedDateTime": outcome.last.to_string(),
            })
        });
        let corporate = device
            .enrolment
            .is_some_and(Enrolment::is_corporate_android);
        let properties = json!({
            "activationLockBypassCode": device.activation_lock_bypass,
            "azureADDeviceId": if known { self.device_id.as_str() } else { NOBODY },
            "azureADRegistered": known,
            "complianceState": "compliant",
            "deviceActionResults": results.collect::<Vec<Json>>(),
            "deviceEnrollmentType": self.enrolment_type(),
            "deviceName": device.name,
            "deviceRegistrationState": if known { "registered" } else { "notRegistered" },
            "emailAddress": text("userPrincipalName"),
            "enrolledDateTime": self.made.to_string(),
            "enrollmentProfileName": "",
            "exchangeAccessState": "none",
            "exchangeAccessStateReason": "none",
            "isEncrypted": device.encrypted,
            "isSupervised": device.supervised,
            "jailBroken": "Unknown",
            "lastSyncDateTime": self.last_contact(now).to_string(),
            "managedDeviceName": device.name,
            "managedDeviceOwnerType": owner,
            "managementAgent": if corporate { "googleCloudDevicePolicyController" } else { "mdm" },
            "managementState": self.management_state(),
            "manufacturer": self.maker(),
            "model": format!("{} rehearsal", self.maker()),
            "operatingSystem": self.system(),
            "osVersion": self.version(),
            "partnerReportedThreatState": "unknown",
            "serialNumber": device.serial,
            "userDisplayName": text("displayName"),
            "userId": user.unwrap_or_default(),
            "userPrincipalName": text("userPrincipalName"),
        });
        Some(Face::new(&managed.id, &properties))
    }

    /// As Autopilot shows it.
    pub(super) fn in_autopilot(
        &self,
        users: &Directory,
        now: Timestamp,
    ) -> Option<Face<OfAutopilot>> {
        let autopilot = self.autopilot.as_ref()?;
        let user = autopilot.user.as_deref();
        let text = |property| user.map_or_else(String::new, |id| text_of(users, id, property));
        let enrolled = self.managed.is_some();
        let managed = self.managed.as_ref().map_or(NOBODY, |managed| &managed.id);
        let properties = json!({
            "addressableUserName": text("displayName"),
            "azureActiveDirectoryDeviceId": self.device_id,
            "displayName": self.device.name,
            "enrollmentState": if enrolled { "enrolled" } else { "notContacted" },
            "lastContactedDateTime": self.last_contact(now).to_string(),
            "managedDeviceId": managed,
            "manufacturer": self.maker(),
            "model": format!("{} rehearsal", self.maker()),
            "serialNumber": self.device.serial,
            "userPrincipalName": text("userPrincipalName"),
        });
        Some(Face::new(&autopilot.id, &properties))
    }

    /// An app on it as app protection shows it.
    pub(super) fn in_app_protection(&self, id: &str, app: &App, now: Timestamp) -> Face<OfApps> {
        let apple = matches!(self.device.platform, Platform::Ios | Platform::MacOs);
        let (kind, identifier, name) = if apple {
            ("ios", "iosMobileAppIdentifier", "bundleId")
        } else {
            ("android", "androidMobileAppIdentifier", "packageId")
        };
        let properties = json!({
            "@odata.type": format!("#microsoft.graph.{kind}ManagedAppRegistration"),
            "appIdentifier": {
                "@odata.type": format!("#microsoft.graph.{identifier}"),
                name: app.registration.app,
            },
            "createdDateTime": self.made.to_string(),
            "deviceName": self.device.name,
            "deviceTag": app.registration.device_tag,
            "deviceType": self.system(),
            "lastSyncDateTime": self.last_contact(now).to_string(),
            "platformVersion": self.version(),
            "userId": app.registration.user,
        });
        Face::new(id, &properties)
    }

    fn enrolment_type(&self) -> &'static str {
        let windows = self.device.platform == Platform::Windows;
        match self.device.enrolment {
            Some(Enrolment::Automated) if !windows => "appleBulkWithUser",
            Some(Enrolment::Automated) if self.device.join == Some(Join::Hybrid) => {
                "windowsAutoEnrollment"
            }
            Some(Enrolment::Automated) => "windowsAzureADJoin",
            Some(Enrolment::User | Enrolment::WorkProfile | Enrolment::Administrator) => {
                "userEnrollment"
            }
            Some(Enrolment::AppleUser) => "appleUserEnrollment",
            Some(
                Enrolment::CorporateWorkProfile
                | Enrolment::FullyManaged
                | Enrolment::Dedicated
                | Enrolment::OpenSource,
            ) => "unknownFutureValue",
            None => "unknown",
        }
    }

    fn system(&self) -> &'static str {
        match self.device.platform {
            Platform::Windows => "Windows",
            Platform::MacOs => "macOS",
            Platform::Ios => "iOS",
            Platform::Android => "Android",
            Platform::Linux => "Linux",
        }
    }

    fn version(&self) -> &'static str {
        match self.device.platform {
            Platform::Windows => "10.0.26100.1",
            Platform::MacOs => "15.3",
            Platform::Ios => "18.3",
            Platform::Android => "15.0",
            Platform::Linux => "24.04",
        }
    }

    fn maker(&self) -> &'static str {
        match self.device.platform {
            Platform::MacOs | Platform::Ios => "Apple",
            Platform::Windows | Platform::Android | Platform::Linux => "Woodgrove",
        }
    }
}

/// A property of a user, deleted ones included.
fn text_of(users: &Directory, id: &str, property: &str) -> String {
    let user = users.whatever(id);
    let text = user.and_then(|user| user.properties.get(property)?.as_str());
    text.unwrap_or_default().to_owned()
}
