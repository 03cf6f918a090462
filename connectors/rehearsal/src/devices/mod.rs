//! Devices: what the directory knows of them, what Intune manages of them, and what becomes of the
//! hardware.
//!
//! One machine has up to three records, each of which can be there without the others: the
//! directory's device, Intune's managed device and the Autopilot identity. Invariant: what has become
//! of a machine follows from what it was ordered to do and from when it checks in
//! ([`Machine::at`]); nothing goes on in the background, and no order is carried out twice.

mod approval;
mod audit;
mod calls;
mod faces;
mod import;
mod intune;
mod life;
mod seed;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::shelf::Kept;

pub(crate) use approval::Approval;
pub use approval::{ApprovalRequest, Decision};
pub(crate) use calls::{DeviceKey, DeviceRoute};
pub(crate) use intune::IntuneRoute;
pub use life::{Contact, DeviceAction, Obstacle};
pub use seed::{AppRegistration, Device, Enrolment, Hardware, Join, Owner, PlacedDevice, Platform};

/// The directory's device.
pub(crate) const DEVICE: &str = "microsoft.graph.device";
/// Intune's.
pub(crate) const MANAGED: &str = "microsoft.graph.managedDevice";
pub(crate) const AUTOPILOT: &str = "microsoft.graph.windowsAutopilotDeviceIdentity";
/// An app on a device that keeps work data under a policy.
pub(crate) const REGISTRATION: &str = "microsoft.graph.managedAppRegistration";

/// A piece of hardware, and the records that there are of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Machine {
    /// Of the hardware; no answer shows it.
    pub(crate) hardware: String,
    device: Device,
    /// From here on check-ins are counted.
    since: Timestamp,
    /// When it was put into the tenant.
    made: Timestamp,
    /// What it calls itself; the directory and Intune share it, and it outlives both records.
    device_id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    entra: Option<Entra>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    managed: Option<Managed>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    autopilot: Option<Autopilot>,
    /// By id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    apps: BTreeMap<String, App>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    order: Option<life::Order>,
    /// The newest of each action.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    results: BTreeMap<DeviceAction, life::Outcome>,
    /// What it was commanded, as Intune wrote it down.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    written: Vec<audit::Written>,
    /// Sign-in names of people who were taken off it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    taken_off: BTreeSet<String>,
    /// How often the hardware was in truth reset, and cleaned of company data.
    wiped: u32,
    retired: u32,
}

/// What the directory has.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entra {
    /// Object id.
    id: String,
    enabled: bool,
    /// Object ids.
    owners: BTreeSet<String>,
    users: BTreeSet<String>,
    /// Ids of recovery keys; they go with the record.
    keys: Vec<String>,
}

/// What Intune has.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Managed {
    id: String,
    owner: Owner,
    /// Object id of the primary user.
    user: Option<String>,
    /// The device said that it could not.
    failed: Option<DeviceAction>,
}

/// That the hardware belongs to the tenant.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Autopilot {
    id: String,
    /// Object id of whom it is set up for.
    user: Option<String>,
}

/// An app that keeps work data.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    registration: AppRegistration,
    /// When its wipe was asked for.
    asked: Option<Timestamp>,
}

impl Kept for Machine {
    fn id(&self) -> &str {
        &self.hardware
    }

    fn live(&self) -> bool {
        true
    }
}
