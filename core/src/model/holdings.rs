//! What accounts have beside their attributes, as a target shows it to planning.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Area, DeviceOp, Op};

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
    /// The target did not let us see the devices: those above are none that we know of.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub devices_unread: bool,
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
    /// It is somebody's whom the account is not, or of several people: nobody can say that it goes
    /// with this one.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub others: bool,
    /// Where the target keeps it; `None` where nobody said: in a play.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub records: Option<DeviceRecords>,
}

#[cfg(test)]
impl Device {
    /// A company's PC, joined and managed, of which nobody said where its records are.
    pub(crate) fn pc(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            owner: Ownership::Company,
            os: Platform::Windows,
            enrolment: Enrolment::Device,
            join: Join::Entra,
            autopilot: false,
            shared: false,
            others: false,
            records: None,
        }
    }
}

impl Device {
    /// Whether people mean it by an id: its own, or that of one of its records.
    pub fn goes_by(&self, id: &str) -> bool {
        let records = self.records.iter();
        let ids = records.flat_map(|it| [&it.managed, &it.directory, &it.applications]);
        let mut ids = ids.flatten().chain([&self.id]);
        ids.any(|it| it.eq_ignore_ascii_case(id))
    }

    /// Whether people sign in to it with their account: nobody but a local administrator does once it is retired,
    /// and its record in the directory goes then (lifecycle policy, 2.4).
    pub fn joined_pc(&self) -> bool {
        self.os == Platform::Windows && self.join != Join::Registered
    }

    /// The record that an operation is done to. The outer `None`: nobody said where records are; the
    /// inner one: there is no such record, so that nothing of the kind can be done.
    pub fn record(&self, op: Op) -> Option<Option<&str>> {
        let records = self.records.as_ref()?;
        let Area::Device(op) = op.area() else {
            return None;
        };
        let record = match op {
            DeviceOp::Retire | DeviceOp::Wipe | DeviceOp::RemoveUser => &records.managed,
            DeviceOp::Disable | DeviceOp::CheckEscrow | DeviceOp::DeleteRecord => {
                &records.directory
            }
            DeviceOp::WipeApplications => &records.applications,
        };
        Some(record.as_deref())
    }
}

/// The records that a target keeps of one device, by its own ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeviceRecords {
    /// In device management.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub managed: Option<String>,
    /// In the directory: the id that the device itself goes by, not that of the object.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub directory: Option<String>,
    /// Where only applications are managed: what marks them as those of this device.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub applications: Option<String>,
}

/// How far a command to a device has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceQuestion {
    /// The device, as [`Device::id`].
    pub device: String,
    /// What was commanded.
    pub op: Op,
    /// The record that it was commanded of.
    pub record: String,
    /// When the target took it; `None`: it did not yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub taken: Option<Timestamp>,
    /// The device was seen to have heard of it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub heard: bool,
    /// The target's own request for consent that nobody answered yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub consent: Option<String>,
}

/// What a target says to a [`DeviceQuestion`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceLook {
    /// Not on its way: the target knows nothing of such a command.
    Idle,
    /// On its way: the device has to check in first.
    Pending,
    /// The device heard of it, and nobody knows yet what came of it.
    Heard,
    /// The target says that it is done, or a device that heard of it is gone and it was us.
    Done,
    /// The device could not do it.
    Failed,
    /// There is no such record any more, and nothing proves why.
    Gone,
    /// The request for consent still waits for somebody.
    Asked,
    /// Somebody gave it.
    Agreed,
    /// Somebody refused it, or nobody answered in time.
    Refused,
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

impl Ownership {
    const ALL: [Self; 3] = [Self::Company, Self::Personal, Self::Unknown];

    /// The one of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Its name in plans and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::Personal => "personal",
            Self::Unknown => "unknown",
        }
    }
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

impl Platform {
    const ALL: [Self; 5] = [
        Self::Windows,
        Self::Macos,
        Self::Ios,
        Self::Android,
        Self::Linux,
    ];

    /// The one of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Its name in plans and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Macos => "macos",
            Self::Ios => "ios",
            Self::Android => "android",
            Self::Linux => "linux",
        }
    }
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
