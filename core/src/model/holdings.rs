//! What accounts have beside their attributes, as a target shows it to planning.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What an account has that Rollcall did not give it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Holdings {
    /// It lies in the bin since then, and comes back enabled or not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deleted: Option<Timestamp>,
    /// Groups that people are put into by hand, by key of the groups file or by object id.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub groups: Vec<HeldGroup>,
    /// Directory roles: the name, ` at ` and the scope where that is not the whole directory, and
    /// ` (eligible)` where the role is only to be had on request.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub roles: Vec<String>,
    /// Applications in which it has a role.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub app_roles: Vec<String>,
    /// Devices of the person.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub devices: Vec<Device>,
    /// Instants of successful sign-ins.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub sign_ins: Vec<Timestamp>,
}

/// A membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldGroup {
    /// Key or object id.
    pub group: String,
    /// Licences come with it.
    pub licences: Vec<String>,
}

/// A device as directory and device management have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub owner: Ownership,
    /// What runs on it.
    pub os: Platform,
    /// How it is managed.
    pub enrolment: Enrolment,
    /// How it is known to the directory.
    pub join: Join,
    /// Registered for automatic set-up.
    pub autopilot: bool,
    /// Several people use it.
    pub shared: bool,
}

/// Whose a device is ("managedDeviceOwnerType").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// The company's.
    Company,
    /// The person's own.
    Personal,
    /// Nobody knows: counts as the person's own.
    Unknown,
}

/// What runs on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Windows.
    Windows,
    /// macOS.
    Macos,
    /// iOS and iPadOS.
    Ios,
    /// Android.
    Android,
    /// Linux.
    Linux,
}

/// How a device is managed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enrolment {
    /// By its user.
    User,
    /// As a device.
    Device,
    /// Automated device enrolment of Apple.
    Ade,
    /// Android work profile.
    WorkProfile,
    /// Android fully managed, dedicated or AOSP.
    FullyManaged,
    /// Not at all: only applications on it are.
    AppOnly,
    /// Not at all.
    None,
}

/// How a device is known to the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// Joined to Entra.
    Entra,
    /// Joined to a directory on premises, and to Entra by it.
    Hybrid,
    /// Registered only.
    Registered,
}
