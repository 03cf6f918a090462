//! Devices of another tenant, by what the directory, Intune and Autopilot list of them.
//!
//! Hardware stands behind each: how it answers commands is nobody's to list, so that all of it is online.
//! Invariant: records of one device become one machine, under the ids that they have there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::seed::{Device, Enrolment, Join, Owner, Platform};
use super::{Autopilot, Entra, Machine, Managed};
use crate::error::TenantError;
use crate::import::Imported;
use crate::lists::{Item, Lists, own_id, related, text, whole};
use crate::seeded::Seeded;
use crate::state::State;

const MANAGED: &str = "deviceManagement/managedDevices";
const AUTOPILOT: &str = "deviceManagement/windowsAutopilotDeviceIdentities";

/// Records of one device.
#[derive(Default)]
struct Records<'a> {
    directory: Option<(Item<'a>, String)>,
    managed: Option<(Item<'a>, String)>,
    autopilot: Option<(Item<'a>, String)>,
}

impl State {
    /// Machines for the lists, not stored yet. `known` says who is a user of the files.
    pub(crate) fn imported_devices(
        lists: &Lists<'_>,
        known: &dyn Fn(&str) -> bool,
        out: &mut Imported,
        ids: &mut BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Vec<Machine>, TenantError> {
        let mut all: BTreeMap<String, Records<'_>> = BTreeMap::new();
        for item in lists.of("devices") {
            whole(item, &["registeredOwners", "registeredUsers"])?;
            let id = own_id(item, ids)?;
            let device = text(item.1, "deviceId")
                .ok_or_else(|| item.0.wrong("`deviceId` is missing: select it"))?;
            let records = all.entry(device.to_lowercase()).or_default();
            if records.directory.replace((item, id)).is_some() {
                let what = "`deviceId` is that of another device of these files";
                return Err(item.0.wrong(what));
            }
        }
        let mut serials = BTreeMap::new();
        for item in lists.of(MANAGED) {
            let id = own_id(item, ids)?;
            // Taken over they would look as if more could be done to them.
            if let Some(why) = unlike(item.1) {
                out.leave(why);
                continue;
            }
            let device = text(item.1, "azureADDeviceId").map(str::to_lowercase);
            // Of none, or of one that another record names too: a device of its own.
            let device = device.filter(|it| all.get(it).is_some_and(|it| it.managed.is_none()));
            let key = device.unwrap_or_else(|| id.clone());
            if let Some(serial) = text(item.1, "serialNumber") {
                serials.insert(serial, key.clone());
            }
            all.entry(key).or_default().managed = Some((item, id));
        }
        for item in lists.of(AUTOPILOT) {
            let id = own_id(item, ids)?;
            let device = text(item.1, "serialNumber").and_then(|it| serials.get(it));
            match device.and_then(|it| all.get_mut(it)) {
                Some(records) => records.autopilot = Some((item, id)),
                None => out.leave("Autopilot records of devices that are not in the files"),
            }
        }
        let mut machines = Vec::new();
        for (device_id, records) in all {
            let machine = records.machine(device_id, known, out, now)?;
            machines.extend(machine);
        }
        out.devices = machines.len();
        Ok(machines)
    }
}

impl Records<'_> {
    /// `None`: it runs what no device here does.
    fn machine(
        self,
        device_id: String,
        known: &dyn Fn(&str) -> bool,
        out: &mut Imported,
        now: Timestamp,
    ) -> Result<Option<Machine>, TenantError> {
        let empty = Map::new();
        let managed = self.managed.as_ref().map(|((_, it), _)| *it);
        let directory = self.directory.as_ref().map(|((_, it), _)| *it);
        let (of_managed, of_directory) = (managed.unwrap_or(&empty), directory.unwrap_or(&empty));
        let either = |name: &str| text(of_managed, name).or_else(|| text(of_directory, name));
        let Some(platform) = either("operatingSystem").and_then(platform_of) else {
            out.leave("devices that run something else, or do not say what");
            return Ok(None);
        };
        let owner = match text(of_managed, "managedDeviceOwnerType") {
            Some("company") => Owner::Company,
            Some("personal") => Owner::Personal,
            _ => Owner::Unknown,
        };
        let mut people = |ids: Vec<&str>| -> Vec<String> {
            let (ours, others): (Vec<&str>, Vec<&str>) = ids.into_iter().partition(|id| known(id));
            for _ in others {
                out.leave("people of devices who are no users of the files");
            }
            ours.into_iter().map(str::to_owned).collect()
        };
        let ids = |name: &str| {
            let all = related(of_directory, name);
            all.filter_map(|it| text(it, "id")).collect::<Vec<&str>>()
        };
        let (owners, users) = (
            people(ids("registeredOwners")),
            people(ids("registeredUsers")),
        );
        // Nobody's in particular: the rehearsal knows such a device by that it has no user.
        let shared = text(of_directory, "profileType") == Some("Shared")
            || ["windowsBulkUserless", "appleBulkWithoutUser"]
                .contains(&text(of_managed, "deviceEnrollmentType").unwrap_or_default());
        let primary = text(of_managed, "userId").filter(|_| !shared);
        let primary_user = people(primary.into_iter().collect()).pop();
        let join = match (&self.directory, text(of_directory, "trustType")) {
            (None, _) => None,
            (Some(_), Some("AzureAd")) => Some(Join::Joined),
            (Some(_), Some("ServerAd")) => Some(Join::Hybrid),
            (Some(_), Some("Workplace")) => Some(Join::Registered),
            (Some(((_, item), _)), None) if item.contains_key("trustType") => {
                Some(Join::Registered)
            }
            (Some(((spot, _), _)), _) => {
                return Err(
                    spot.wrong("`trustType` is none of AzureAd, ServerAd, Workplace: select it")
                );
            }
        };
        let kind = text(of_managed, "deviceEnrollmentType");
        let last_seen = match text(of_managed, "lastSyncDateTime").zip(self.managed.as_ref()) {
            Some((at, ((spot, _), _))) => {
                let at: Timestamp = at
                    .parse()
                    .map_err(|_| spot.wrong("`lastSyncDateTime` is no instant"))?;
                Some(at.min(now))
            }
            None => None,
        };
        let yes = |name: &str| of_managed.get(name) == Some(&Json::Bool(true));
        let device = Device {
            name: either("deviceName")
                .or_else(|| either("displayName"))
                .unwrap_or_default()
                .to_owned(),
            serial: text(of_managed, "serialNumber")
                .unwrap_or_default()
                .to_owned(),
            platform,
            owner,
            enrolment: managed.map(|_| enrolment_of(kind, platform, owner)),
            join,
            autopilot: self.autopilot.is_some(),
            primary_user: primary_user.clone(),
            owners: owners.clone(),
            users: users.clone(),
            supervised: yes("isSupervised"),
            encrypted: yes("isEncrypted"),
            last_seen,
            ..Device::default()
        };
        let enabled = of_directory.get("accountEnabled") != Some(&Json::Bool(false));
        Ok(Some(Machine {
            hardware: Seeded::from_text(&format!("imported {device_id}")).guid(),
            device,
            since: now,
            made: now,
            device_id,
            entra: self.directory.map(|(_, id)| Entra {
                id,
                enabled,
                owners: owners.into_iter().collect(),
                users: users.into_iter().collect(),
                keys: Vec::new(),
            }),
            managed: self.managed.map(|(_, id)| Managed {
                id,
                owner,
                user: primary_user.clone(),
                failed: None,
            }),
            autopilot: self.autopilot.map(|(_, id)| Autopilot {
                id,
                user: primary_user,
            }),
            apps: BTreeMap::new(),
            order: None,
            results: BTreeMap::new(),
            written: Vec::new(),
            taken_off: BTreeSet::new(),
            wiped: 0,
            retired: 0,
        }))
    }
}

/// Why a device of Intune has nothing here that it could be.
fn unlike(item: &Map<String, Json>) -> Option<&'static str> {
    let others = [
        "configurationManagerClient",
        "eas",
        "jamf",
        "microsoft365ManagedMdm",
        "msSense",
    ];
    if text(item, "managementAgent").is_some_and(|agent| others.contains(&agent)) {
        return Some("devices that another product manages");
    }
    let by_others = text(item, "deviceEnrollmentType") == Some("deviceEnrollmentManager");
    by_others.then_some("devices that were enrolled by an enrolment manager")
}

fn platform_of(system: &str) -> Option<Platform> {
    let system = system.to_lowercase();
    let is = |names: &[&str]| names.iter().any(|name| system.starts_with(name));
    let known = [
        (Platform::Windows, ["windows"].as_slice()),
        (Platform::MacOs, &["macos", "macmdm", "mac os"]),
        (Platform::Ios, &["ios", "ipados", "iphone", "ipad"]),
        (Platform::Android, &["android"]),
        (Platform::Linux, &["linux"]),
    ];
    let found = known.into_iter().find(|(_, names)| is(names));
    found.map(|(platform, _)| platform)
}

/// The nearest that there is here: v1.0 names no Android enrolment but the user's own.
fn enrolment_of(kind: Option<&str>, platform: Platform, owner: Owner) -> Enrolment {
    match (platform, kind.unwrap_or_default()) {
        (Platform::Android, _) if owner == Owner::Company => Enrolment::FullyManaged,
        (Platform::Android, _) => Enrolment::WorkProfile,
        (Platform::Ios, "appleUserEnrollment" | "appleUserEnrollmentWithServiceAccount") => {
            Enrolment::AppleUser
        }
        (_, "appleBulkWithUser" | "appleBulkWithoutUser") => Enrolment::Automated,
        (Platform::Windows, kind) if kind.starts_with("windows") => Enrolment::Automated,
        _ => Enrolment::User,
    }
}
