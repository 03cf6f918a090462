//! Devices that are put into a tenant, and what a test may look at afterwards.
//!
//! Invariant: what cannot exist is not put there (an Android enrolment of an iPhone).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::life::{Contact, DeviceAction, Obstacle};
use super::{App, Autopilot, Entra, Machine, Managed};
use crate::journal::Line;
use crate::refusal::Refusal;
use crate::route::Key;
use crate::seeded::Seeded;
use crate::state::State;

/// An online device hears of an action in less than so long ("pushed actions").
const CHECK_IN: Duration = Duration::from_mins(15);

/// What a device runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Platform {
    /// A PC.
    #[default]
    Windows,
    /// A Mac.
    MacOs,
    /// iOS or iPadOS.
    Ios,
    /// Android of any maker.
    Android,
    /// Linux.
    Linux,
}

/// Whose a device is, as Intune has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Owner {
    /// The company's.
    #[default]
    Company,
    /// Its user's.
    Personal,
    /// Nobody has said.
    Unknown,
}

/// How a device came under management.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Enrolment {
    /// By its user, all of it.
    User,
    /// By joining the directory, or by Apple's automated enrolment.
    Automated,
    /// Apple user enrolment: its user's device, the work part of it.
    AppleUser,
    /// Android, its user's device, the work profile of it.
    WorkProfile,
    /// Android, the company's device with a work profile.
    CorporateWorkProfile,
    /// Android, the company's device, all of it.
    FullyManaged,
    /// Android, the company's device of nobody in particular.
    Dedicated,
    /// Android without Google's services.
    OpenSource,
    /// Android, the old way.
    Administrator,
}

impl Enrolment {
    pub(super) const fn is_corporate_android(self) -> bool {
        matches!(
            self,
            Self::CorporateWorkProfile | Self::FullyManaged | Self::Dedicated | Self::OpenSource
        )
    }

    const fn fits(self, platform: Platform) -> bool {
        match self {
            Self::User | Self::Automated => !matches!(platform, Platform::Android),
            Self::AppleUser => matches!(platform, Platform::Ios),
            Self::WorkProfile
            | Self::CorporateWorkProfile
            | Self::FullyManaged
            | Self::Dedicated
            | Self::OpenSource
            | Self::Administrator => matches!(platform, Platform::Android),
        }
    }
}

/// What a device is to the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Join {
    /// Joined (`AzureAd`).
    Joined,
    /// Joined to an Active Directory, and known here (`ServerAd`).
    Hybrid,
    /// Somebody's account was added to it (`Workplace`).
    Registered,
}

/// An app that keeps work data on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AppRegistration {
    /// Object id of the user whose data they are.
    pub user: String,
    /// Bundle or package.
    pub app: String,
    /// What the device is called in app protection; the same for all apps on it.
    pub device_tag: String,
    /// When it is opened next; a wipe that was asked for before happens then. `None`: never.
    #[serde(default)]
    pub opened: Option<Timestamp>,
}

/// A device to put into a tenant. The default is a company's PC, online, without any record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Device {
    /// Display name.
    pub name: String,
    /// Serial number.
    pub serial: String,
    /// What it runs.
    pub platform: Platform,
    /// Whose it is.
    pub owner: Owner,
    /// `None`: Intune does not manage it.
    pub enrolment: Option<Enrolment>,
    /// `None`: the directory does not know it.
    pub join: Option<Join>,
    /// Its hardware belongs to the tenant.
    pub autopilot: bool,
    /// Object id; `None`: it is shared by many.
    pub primary_user: Option<String>,
    /// Registered owners, by object id.
    pub owners: Vec<String>,
    /// Registered users, by object id.
    pub users: Vec<String>,
    /// An Apple device over which the company has more power.
    pub supervised: bool,
    /// Its disk is encrypted.
    pub encrypted: bool,
    /// So many recovery keys are in the directory.
    pub escrowed_keys: u32,
    /// With which its activation lock is opened.
    pub activation_lock_bypass: Option<String>,
    /// From one check-in to the next.
    pub check_in: Duration,
    /// When it can be reached.
    pub contact: Contact,
    /// Its newest check-in before it was put into the tenant; `None`: that instant.
    pub last_seen: Option<Timestamp>,
    /// What it makes of orders.
    pub obstacle: Obstacle,
    /// Apps with work data under a policy.
    pub apps: Vec<AppRegistration>,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            name: String::new(),
            serial: String::new(),
            platform: Platform::default(),
            owner: Owner::default(),
            enrolment: None,
            join: None,
            autopilot: false,
            primary_user: None,
            owners: Vec::new(),
            users: Vec::new(),
            supervised: false,
            encrypted: false,
            escrowed_keys: 0,
            activation_lock_bypass: None,
            check_in: CHECK_IN,
            contact: Contact::default(),
            last_seen: None,
            obstacle: Obstacle::default(),
            apps: Vec::new(),
        }
    }
}

/// The ids of a device that was put into a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedDevice {
    /// The hardware; no answer shows it.
    pub hardware: String,
    /// Object id in the directory.
    pub object: Option<String>,
    /// What it calls itself (`deviceId`, `azureADDeviceId`).
    pub device_id: String,
    /// Intune's id.
    pub managed: Option<String>,
    /// Id of the Autopilot identity.
    pub autopilot: Option<String>,
    /// Ids of the app registrations, in the order of the apps.
    pub registrations: Vec<String>,
}

/// What has in truth become of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardware {
    /// Of the hardware, as [`PlacedDevice::hardware`].
    pub id: String,
    /// Serial number.
    pub serial: String,
    /// How often it was reset.
    pub wiped: u32,
    /// How often company data were removed from it.
    pub retired: u32,
    /// Intune's id of it, as long as it has a record.
    pub managed_id: Option<String>,
    /// Sign-in names of people who were taken off it.
    pub taken_off: Vec<String>,
    /// What it was told and has not done yet.
    pub told: Option<DeviceAction>,
    /// Whether the directory's record is enabled; `None`: there is none.
    pub enabled: Option<bool>,
    /// Intune has a record.
    pub managed: bool,
    /// There is an Autopilot identity.
    pub autopilot: bool,
    /// Apps that still keep work data, by bundle or package.
    pub apps: Vec<String>,
}

impl State {
    /// Puts a device into the tenant without a caller.
    pub(crate) fn seed_device(
        &mut self,
        device: &Device,
        now: Timestamp,
    ) -> Result<PlacedDevice, Refusal> {
        if device.enrolment.is_some_and(|it| !it.fits(device.platform)) {
            return Err(Refusal::bad("The platform has no such enrolment."));
        }
        if device.autopilot && device.platform != Platform::Windows {
            return Err(Refusal::bad("Autopilot is for PCs."));
        }
        if device.escrowed_keys > 0 && device.join.is_none() {
            return Err(Refusal::bad(
                "Recovery keys are kept with the directory's record.",
            ));
        }
        if device.check_in.is_zero() {
            return Err(Refusal::bad("A device cannot check in all the time."));
        }
        let apps = device.apps.iter().map(|app| &app.user);
        let users = device
            .users
            .iter()
            .chain(&device.owners)
            .chain(&device.primary_user);
        for user in users.chain(apps) {
            self.find(&Key::Id(user.clone()), now)?;
        }
        let hardware = self.devices.next_id();
        let id = |of: &str| Seeded::from_text(&format!("{hardware} {of}")).guid();
        let entra = device.join.map(|_| Entra {
            id: id("object"),
            enabled: true,
            owners: device.owners.iter().cloned().collect(),
            users: device.users.iter().cloned().collect(),
            keys: (0..device.escrowed_keys)
                .map(|n| id(&format!("key {n}")))
                .collect(),
        });
        let managed = device.enrolment.map(|_| Managed {
            id: id("managed"),
            owner: device.owner,
            user: device.primary_user.clone(),
            failed: None,
        });
        let autopilot = device.autopilot.then(|| Autopilot {
            id: id("autopilot"),
            user: device.primary_user.clone(),
        });
        let registrations: Vec<String> = (0..device.apps.len())
            .map(|n| id(&format!("app {n}")))
            .collect();
        let apps = device.apps.iter().map(|registration| App {
            registration: registration.clone(),
            asked: None,
        });
        let placed = PlacedDevice {
            hardware: hardware.clone(),
            object: entra.as_ref().map(|it| it.id.clone()),
            device_id: id("device"),
            managed: managed.as_ref().map(|it| it.id.clone()),
            autopilot: autopilot.as_ref().map(|it| it.id.clone()),
            registrations: registrations.clone(),
        };
        self.commit_machine(Machine {
            device_id: placed.device_id.clone(),
            hardware,
            device: device.clone(),
            since: now,
            made: now,
            entra,
            managed,
            autopilot,
            apps: registrations.into_iter().zip(apps).collect(),
            order: None,
            results: BTreeMap::new(),
            written: Vec::new(),
            taken_off: BTreeSet::new(),
            wiped: 0,
            retired: 0,
        })?;
        Ok(placed)
    }

    /// From now on a device is reached as said; what it has done stays done.
    pub(crate) fn reach_device(
        &mut self,
        hardware: &str,
        contact: Contact,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let machine = self.devices.current(hardware);
        let mut machine = machine
            .ok_or_else(|| Refusal::not_found(Some(hardware)))?
            .at(now);
        machine.device.last_seen = Some(machine.last_contact(now));
        machine.device.contact = contact;
        machine.since = now;
        self.commit_machine(machine)
    }

    pub(super) fn commit_machine(&mut self, machine: Machine) -> Result<(), Refusal> {
        self.write(&[Line::Device(Box::new(machine.clone()))])?;
        self.devices.put(std::sync::Arc::new(machine), None);
        Ok(())
    }

    /// What has become of every device, by the id of the hardware.
    pub(crate) fn hardware(&self, now: Timestamp) -> Vec<Hardware> {
        let all = self.devices.all().map(|machine| machine.at(now));
        all.map(|machine| {
            let waiting = machine.order.filter(|order| order.heard.is_none());
            let apps: BTreeSet<String> = machine
                .apps
                .into_values()
                .map(|app| app.registration.app)
                .collect();
            Hardware {
                id: machine.hardware,
                serial: machine.device.serial,
                wiped: machine.wiped,
                retired: machine.retired,
                taken_off: machine.taken_off.into_iter().collect(),
                told: waiting.map(|order| order.action),
                enabled: machine.entra.map(|it| it.enabled),
                managed: machine.managed.is_some(),
                managed_id: machine.managed.map(|it| it.id),
                autopilot: machine.autopilot.is_some(),
                apps: apps.into_iter().collect(),
            }
        })
        .collect()
    }
}
