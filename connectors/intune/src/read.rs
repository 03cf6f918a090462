//! What devices accounts have, as the lifecycle policy tells devices apart.
//!
//! Sources: "List managedDevices", "List ownedDevices", "List registeredOwners", "List
//! managedAppRegistrations", "List windowsAutopilotDeviceIdentities", and the enumerations of "managedDevice" and
//! "device" (graph/api). Invariant: ownership that nobody entered counts as unknown, and a device of which
//! not everything can be read is none that we know of: the account's devices are unread then.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::model::{Device, DeviceRecords, Enrolment, Join, ObjectId, Ownership, Platform};
use rollcall_http::{Call, CallError, Situation, refused, withheld};
use serde_json::Value as Json;

use crate::{Intune, IntuneError, graph};

/// A device while it is put together.
#[derive(Debug, Default)]
struct Found<'a> {
    managed: Option<&'a Json>,
    directory: Option<&'a Json>,
    tag: Option<String>,
    /// What the registration of an app says that it runs on.
    kind: Option<&'a str>,
}

impl Intune {
    /// The devices of each account, in the order of the accounts; `None` where the tenant does not let us
    /// look.
    ///
    /// # Errors
    /// When a question is not answered after all retries, or not in the documented form.
    pub async fn devices(
        &self,
        accounts: &[ObjectId],
    ) -> Result<Vec<Option<Vec<Device>>>, IntuneError> {
        let read = self.read_devices(accounts).await;
        read.map_err(|error| IntuneError {
            doing: "reading what devices accounts have",
            error,
        })
    }

    async fn read_devices(
        &self,
        accounts: &[ObjectId],
    ) -> Result<Vec<Option<Vec<Device>>>, CallError> {
        let calls = |call: fn(&ObjectId) -> Call| accounts.iter().map(call).collect::<Vec<_>>();
        let client = &self.client;
        let managed = calls(graph::list_managed);
        let managed = client.lists(&managed).await?;
        let owned = calls(graph::list_owned);
        let owned = client.lists(&owned).await?;
        let apps = calls(graph::list_registrations);
        let apps = client.lists(&apps).await?;
        let read: Vec<Option<[&Vec<Json>; 3]>> = managed
            .iter()
            .zip(&owned)
            .zip(&apps)
            .map(|((managed, owned), apps)| {
                Some([managed.as_ref()?, owned.as_ref()?, apps.as_ref()?])
            })
            .collect();
        // Records of managed devices that the account does not own by the directory's word.
        let mut ids = BTreeSet::new();
        for [managed, owned, _] in read.iter().flatten() {
            ids.extend(managed.iter().filter_map(hardware_of_managed));
            ids.extend(owned.iter().filter_map(hardware));
        }
        let ids: Vec<String> = ids.into_iter().collect();
        let records = self.records(&ids).await?;
        let owners = self.owners(&ids).await?;
        let elsewhere = self.managed_elsewhere(&read).await?;
        let autopilot = self.autopilot(&read).await?;
        let (Some(records), Some(owners), Some(elsewhere)) = (records, owners, elsewhere) else {
            return Ok(vec![None; accounts.len()]);
        };
        let mut out = Vec::with_capacity(accounts.len());
        for (account, read) in accounts.iter().zip(&read) {
            let Some([managed, owned, apps]) = read else {
                out.push(None);
                continue;
            };
            let mut found: BTreeMap<String, Found<'_>> = BTreeMap::new();
            for record in *owned {
                if let Some(id) = hardware(record) {
                    let managed = elsewhere.get(&id);
                    let device = found.entry(id).or_default();
                    device.directory = Some(record);
                    device.managed = managed;
                }
            }
            for record in *managed {
                let own = text(record, "id")
                    .ok_or_else(|| CallError::malformed("a managed device has no `id`"))?;
                let id = hardware_of_managed(record);
                let directory = id.as_ref().and_then(|id| records.get(id));
                let device = found
                    .entry(id.unwrap_or_else(|| own.to_owned()))
                    .or_default();
                device.managed = Some(record);
                device.directory = device.directory.or(directory);
            }
            for app in *apps {
                let Some(tag) = text(app, "deviceTag").filter(|tag| !tag.is_empty()) else {
                    continue;
                };
                // Whatever of it is managed as a device is seen to as one.
                let device = found.entry(format!("app:{tag}")).or_default();
                device.tag = Some(tag.to_owned());
                device.kind = device.kind.or_else(|| text(app, "@odata.type"));
            }
            let devices = found.into_iter().map(|(id, found)| {
                let owned = owners
                    .get(&id)
                    .is_some_and(|ids| ids.iter().any(|owner| owner != account.as_str()));
                let used = found.managed.and_then(|it| text(it, "userId"));
                let others = owned || (found.managed.is_some() && used != Some(account.as_str()));
                found.device(id, others, autopilot.as_ref())
            });
            out.push(Some(devices.collect()));
        }
        Ok(out)
    }

    /// Devices that the directory has an account own, and that device management has somebody else use, or nobody:
    /// they were handed on. By the ids of devices; `None`: not for us to see.
    async fn managed_elsewhere(
        &self,
        read: &[Option<[&Vec<Json>; 3]>],
    ) -> Result<Option<BTreeMap<String, Json>>, CallError> {
        let mut ids = BTreeSet::new();
        for [managed, owned, _] in read.iter().flatten() {
            let theirs: BTreeSet<_> = managed.iter().filter_map(hardware_of_managed).collect();
            ids.extend(
                owned
                    .iter()
                    .filter_map(hardware)
                    .filter(|id| !theirs.contains(id)),
            );
        }
        let calls: Vec<Call> = ids.iter().map(|id| graph::find_managed(id)).collect();
        let lists = self.client.lists(&calls).await?;
        let mut out = BTreeMap::new();
        for (id, list) in ids.into_iter().zip(lists) {
            let Some(list) = list else {
                return Ok(None);
            };
            // Of several enrolments of one device one that is somebody's says more.
            let used = |it: &&Json| text(it, "userId").is_some_and(|user| !user.is_empty());
            let one = list.iter().find(used).or(list.first()).cloned();
            out.extend(one.map(|one| (id, one)));
        }
        Ok(Some(out))
    }

    /// The directory's records by the ids of devices; `None`: not for us to see.
    async fn records(&self, ids: &[String]) -> Result<Option<BTreeMap<String, Json>>, CallError> {
        let calls: Vec<Call> = ids.iter().map(|id| graph::read_device(id)).collect();
        let answers = self.client.batches(&calls).await?;
        let mut out = BTreeMap::new();
        for (id, answer) in ids.iter().zip(answers) {
            match answer {
                Ok(record) => {
                    out.insert(id.clone(), record);
                }
                Err(fault) if fault.situation == Situation::NotFound => {}
                Err(fault) if withheld(&fault) => return Ok(None),
                Err(fault) => return Err(refused(fault)),
            }
        }
        Ok(Some(out))
    }

    /// Who owns devices by the directory's word; `None`: not for us to see.
    async fn owners(
        &self,
        ids: &[String],
    ) -> Result<Option<BTreeMap<String, BTreeSet<String>>>, CallError> {
        let calls: Vec<Call> = ids.iter().map(|id| graph::list_owners(id)).collect();
        let lists = self.client.lists(&calls).await?;
        let mut out = BTreeMap::new();
        for (id, list) in ids.iter().zip(lists) {
            let Some(list) = list else {
                return Ok(None);
            };
            let owners = list.iter().filter_map(|it| text(it, "id"));
            out.insert(id.clone(), owners.map(str::to_owned).collect());
        }
        Ok(Some(out))
    }

    /// Serial numbers that are registered for automatic set-up; `None`: not for us to see.
    async fn autopilot(
        &self,
        read: &[Option<[&Vec<Json>; 3]>],
    ) -> Result<Option<BTreeSet<String>>, CallError> {
        let managed = read
            .iter()
            .flatten()
            .flat_map(|[managed, ..]| managed.iter());
        let windows =
            managed.filter(|it| platform(text(it, "operatingSystem")) == Platform::Windows);
        let serials: BTreeSet<&str> = windows
            .filter_map(|it| text(it, "serialNumber"))
            .filter(|serial| !serial.is_empty())
            .collect();
        let calls: Vec<Call> = serials.iter().map(|it| graph::find_autopilot(it)).collect();
        let answers = self.client.batches(&calls).await?;
        let mut out = BTreeSet::new();
        for ((serial, call), answer) in serials.into_iter().zip(&calls).zip(answers) {
            match answer {
                // It looks for parts of numbers.
                Ok(body) => {
                    let same = |it: &Json| text(it, "serialNumber") == Some(serial);
                    if self.client.rest(call, &body).await?.iter().any(same) {
                        out.insert(serial.to_owned());
                    }
                }
                Err(fault) if withheld(&fault) => return Ok(None),
                Err(fault) if fault.situation == Situation::NotFound => {}
                Err(fault) => return Err(refused(fault)),
            }
        }
        Ok(Some(out))
    }
}

impl Found<'_> {
    fn device(&self, id: String, others: bool, autopilot: Option<&BTreeSet<String>>) -> Device {
        let of_managed = |name: &str| self.managed.and_then(|it| text(it, name));
        let of_directory = |name: &str| self.directory.and_then(|it| text(it, name));
        let os = of_managed("operatingSystem").or_else(|| of_directory("operatingSystem"));
        let os = match os {
            Some(os) => platform(Some(os)),
            None => platform_of_app(self.kind),
        };
        let owner = match (
            of_managed("managedDeviceOwnerType"),
            of_directory("trustType"),
        ) {
            (Some("company"), _) => Ownership::Company,
            (Some("personal"), _) => Ownership::Personal,
            // What is joined is an organisation's, what is registered its user's ("What is device identity").
            (None, Some("AzureAd" | "ServerAd")) if self.managed.is_none() => Ownership::Company,
            (None, Some(_)) if self.managed.is_none() => Ownership::Personal,
            (Some(_) | None, _) => Ownership::Unknown,
        };
        let kind = of_managed("deviceEnrollmentType").unwrap_or_default();
        let detail = of_directory("enrollmentType").unwrap_or_default();
        let enrolment = match (self.managed, &self.tag) {
            (Some(_), _) if !commanded(of_managed("managementAgent")) => Enrolment::None,
            (Some(_), _) => enrolment(os, owner, kind, detail),
            (None, Some(_)) => Enrolment::AppOnly,
            (None, None) => Enrolment::None,
        };
        let join = match of_directory("trustType") {
            Some("AzureAd") => Join::Entra,
            Some("ServerAd") => Join::Hybrid,
            None if kind.starts_with("windowsAzureADJoin") => Join::Entra,
            Some(_) | None => Join::Registered,
        };
        let nobodys = ["windowsBulkUserless", "appleBulkWithoutUser"].contains(&kind)
            || detail.to_lowercase().contains("dedicated");
        let shared = nobodys || of_directory("profileType") == Some("Shared");
        let serial = of_managed("serialNumber");
        let registered = match (autopilot, serial) {
            (Some(known), Some(serial)) => known.contains(serial),
            // What nobody can say is not thrown away.
            (None, _) => os == Platform::Windows && self.managed.is_some(),
            (Some(_), None) => false,
        };
        Device {
            records: Some(DeviceRecords {
                managed: of_managed("id").map(str::to_owned),
                directory: of_directory("deviceId").map(str::to_owned),
                applications: self.tag.clone(),
            }),
            id,
            owner,
            os,
            enrolment,
            join,
            autopilot: registered,
            shared,
            // Whoever enrols for others is not the user of what they enrolled.
            others: others || kind == "deviceEnrollmentManager",
        }
    }
}

fn text<'a>(record: &'a Json, name: &str) -> Option<&'a str> {
    record.get(name).and_then(Json::as_str)
}

pub(crate) fn real(id: &str) -> Option<String> {
    let nothing = id.bytes().all(|b| matches!(b, b'0' | b'-'));
    (!nothing).then(|| id.to_lowercase())
}

fn hardware(record: &Json) -> Option<String> {
    text(record, "deviceId").and_then(real)
}

fn hardware_of_managed(record: &Json) -> Option<String> {
    text(record, "azureADDeviceId").and_then(real)
}

/// As Intune and the directory name systems. What neither of them names so is like Linux: nothing can
/// be done to it from afar.
fn platform(name: Option<&str>) -> Platform {
    let name = name.unwrap_or_default().to_lowercase();
    if name.starts_with("windows") {
        Platform::Windows
    } else if name.starts_with("mac") {
        Platform::Macos
    } else if ["ios", "ipados", "iphone", "ipad"]
        .iter()
        .any(|it| name.starts_with(it))
    {
        Platform::Ios
    } else if name.starts_with("android") {
        Platform::Android
    } else {
        Platform::Linux
    }
}

/// By the type of a registration of an app.
fn platform_of_app(kind: Option<&str>) -> Platform {
    match kind {
        Some("#microsoft.graph.androidManagedAppRegistration") => Platform::Android,
        Some("#microsoft.graph.iosManagedAppRegistration") => Platform::Ios,
        Some(_) | None => Platform::Windows,
    }
}

/// Whether Intune itself can command what this agent manages. What another product manages, or only
/// watches, it cannot.
fn commanded(agent: Option<&str>) -> bool {
    !matches!(
        agent,
        Some("jamf" | "msSense" | "configurationManagerClient" | "eas" | "microsoft365ManagedMdm")
    )
}

fn enrolment(os: Platform, owner: Ownership, kind: &str, detail: &str) -> Enrolment {
    match os {
        Platform::Ios | Platform::Macos if kind.starts_with("appleBulk") => Enrolment::Ade,
        Platform::Ios if kind.starts_with("appleUserEnrollment") => Enrolment::User,
        Platform::Android if owner != Ownership::Company => Enrolment::WorkProfile,
        Platform::Android if detail.to_lowercase().contains("workprofile") => {
            Enrolment::WorkProfile
        }
        Platform::Android => Enrolment::FullyManaged,
        Platform::Windows | Platform::Macos | Platform::Ios | Platform::Linux => Enrolment::Device,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As the managed devices of a copy (`rollcall rehearsal import` has the same names).
    #[test]
    fn intune_commands_what_its_agents_manage() {
        for (agent, ours) in [
            (None, true),
            (Some("mdm"), true),
            (Some("easMdm"), true),
            (Some("intuneClient"), true),
            (Some("easIntuneClient"), true),
            (Some("configurationManagerClientMdm"), true),
            (Some("configurationManagerClientMdmEas"), true),
            (Some("googleCloudDevicePolicyController"), true),
            (Some("unknown"), true),
            (Some("intuneAosp"), true),
            (Some("eas"), false),
            (Some("configurationManagerClient"), false),
            (Some("jamf"), false),
            (Some("microsoft365ManagedMdm"), false),
            (Some("msSense"), false),
        ] {
            assert_eq!(commanded(agent), ours, "{agent:?}");
        }
    }

    /// What the records say → how the policy sees the device: owner, platform, enrolment, join, shared.
    #[test]
    fn devices_are_told_apart() {
        use Enrolment::{
            Ade, AppOnly, Device as Enrolled, FullyManaged, None as Unmanaged, User, WorkProfile,
        };
        use Join::{Entra, Hybrid, Registered};
        use Ownership::{Company, Personal, Unknown};
        use Platform::{Android, Ios, Linux, Macos, Windows};
        let managed = |os: &str, owner: &str, kind: &str, agent: &str| {
            json!({"id": "m", "operatingSystem": os, "managedDeviceOwnerType": owner,
                "deviceEnrollmentType": kind, "managementAgent": agent})
        };
        let directory = |trust: &str, detail: &str| {
            json!({"deviceId": "d", "operatingSystem": "Windows", "trustType": trust,
                "enrollmentType": detail})
        };
        let table = [
            (
                Some(managed("Windows", "company", "windowsAzureADJoin", "mdm")),
                Some(directory("AzureAd", "")),
                (Company, Windows, Enrolled, Entra, false),
            ),
            (
                Some(managed(
                    "Windows",
                    "company",
                    "windowsCoManagement",
                    "configurationManagerClientMdm",
                )),
                Some(directory("ServerAd", "")),
                (Company, Windows, Enrolled, Hybrid, false),
            ),
            (
                Some(managed("Windows", "personal", "userEnrollment", "mdm")),
                Some(directory("Workplace", "")),
                (Personal, Windows, Enrolled, Registered, false),
            ),
            (
                None,
                Some(directory("Workplace", "")),
                (Personal, Windows, Unmanaged, Registered, false),
            ),
            (
                Some(managed("macOS", "company", "appleBulkWithUser", "mdm")),
                None,
                (Company, Macos, Ade, Registered, false),
            ),
            (
                Some(managed("macOS", "company", "appleBulkWithUser", "jamf")),
                None,
                (Company, Macos, Unmanaged, Registered, false),
            ),
            (
                Some(managed("iOS", "personal", "appleUserEnrollment", "mdm")),
                None,
                (Personal, Ios, User, Registered, false),
            ),
            (
                Some(managed("iPadOS", "company", "appleBulkWithoutUser", "mdm")),
                None,
                (Company, Ios, Ade, Registered, true),
            ),
            (
                Some(managed(
                    "Android",
                    "company",
                    "unknown",
                    "googleCloudDevicePolicyController",
                )),
                None,
                (Company, Android, FullyManaged, Registered, false),
            ),
            (
                Some(managed(
                    "Android",
                    "company",
                    "unknown",
                    "googleCloudDevicePolicyController",
                )),
                Some(directory(
                    "Workplace",
                    "AndroidEnterpriseCorporateWorkProfile",
                )),
                (Company, Android, WorkProfile, Registered, false),
            ),
            (
                Some(managed(
                    "AndroidForWork",
                    "personal",
                    "userEnrollment",
                    "mdm",
                )),
                None,
                (Personal, Android, WorkProfile, Registered, false),
            ),
            (
                Some(managed("Linux (ubuntu)", "unknown", "unknown", "mdm")),
                None,
                (Unknown, Linux, Enrolled, Registered, false),
            ),
            (
                Some(managed("ChromeOS", "company", "unknown", "unknown")),
                None,
                (Company, Linux, Enrolled, Registered, false),
            ),
        ];
        for (managed, directory, expected) in &table {
            let found = Found {
                managed: managed.as_ref(),
                directory: directory.as_ref(),
                ..Found::default()
            };
            let it = found.device("d".to_owned(), false, Some(&BTreeSet::new()));
            let seen = (it.owner, it.os, it.enrolment, it.join, it.shared);
            assert_eq!(seen, *expected, "{managed:?} {directory:?}");
        }
        let app = Found {
            tag: Some("t".to_owned()),
            kind: Some("#microsoft.graph.iosManagedAppRegistration"),
            ..Found::default()
        };
        let app = app.device("app:t".to_owned(), false, None);
        assert_eq!((app.os, app.enrolment), (Ios, AppOnly));
        assert!(!app.autopilot);
    }

    /// Whose a device is not alone is nobody's to lose; an id of zeros is none.
    #[test]
    fn doubts_are_kept() {
        assert_eq!(real("00000000-0000-0000-0000-000000000000"), None);
        assert_eq!(real("AB-1"), Some("ab-1".to_owned()));
        let record = json!({"id": "m", "operatingSystem": "Windows", "serialNumber": "S1",
            "managedDeviceOwnerType": "company", "deviceEnrollmentType": "deviceEnrollmentManager"});
        let found = Found {
            managed: Some(&record),
            ..Found::default()
        };
        let device = found.device("m".to_owned(), false, None);
        assert!(device.others && device.autopilot, "{device:?}");
        assert_eq!(device.records.and_then(|it| it.directory), None);
    }
}
