//! Devices: who may say what to them, and what becomes of them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::peer::{Peer, START, user};
use crate::{
    AppRegistration, Contact, Device, Enrolment, Hardware, Join, Obstacle, Owner, PlacedDevice,
    Platform, Size, TenantOptions, Throttle,
};

const BAD: (u16, &str) = (400, "Request_BadRequest");
const DENIED: (u16, &str) = (403, "Authorization_RequestDenied");
const GONE: (u16, &str) = (404, "Request_ResourceNotFound");
/// The same as Intune words them.
const INTUNE_BAD: (u16, &str) = (400, "BadRequest");
const INTUNE_DENIED: (u16, &str) = (403, "Forbidden");
const INTUNE_GONE: (u16, &str) = (404, "ResourceNotFound");

const MANAGED: &str = "/deviceManagement/managedDevices";
const IDENTITIES: &str = "/deviceManagement/windowsAutopilotDeviceIdentities";
const REGISTRATIONS: &str = "/deviceAppManagement/managedAppRegistrations";

fn start() -> Timestamp {
    START.parse().unwrap()
}

/// A PC of the company, joined, in Autopilot, with an escrowed key.
pub(super) fn laptop(user: &str) -> Device {
    Device {
        name: "WG-0001".to_owned(),
        serial: "SN-0001".to_owned(),
        enrolment: Some(Enrolment::Automated),
        join: Some(Join::Joined),
        autopilot: true,
        primary_user: Some(user.to_owned()),
        owners: vec![user.to_owned()],
        users: vec![user.to_owned()],
        encrypted: true,
        escrowed_keys: 1,
        ..Device::default()
    }
}

fn phone(user: &str, platform: Platform, enrolment: Enrolment) -> Device {
    Device {
        name: "phone".to_owned(),
        serial: "SN-0002".to_owned(),
        platform,
        owner: Owner::Personal,
        enrolment: Some(enrolment),
        join: Some(Join::Registered),
        primary_user: Some(user.to_owned()),
        owners: vec![user.to_owned()],
        users: vec![user.to_owned()],
        ..Device::default()
    }
}

async fn with(options: TenantOptions) -> (Peer, String) {
    let peer = Peer::open(options).await;
    let id = peer.tenant.put_user(user("mira")).unwrap();
    (peer, id)
}

impl Peer {
    async fn managed(&self, placed: &PlacedDevice) -> super::peer::Got {
        let id = placed.managed.as_ref().unwrap();
        self.get(&format!("{MANAGED}/{id}")).await
    }

    async fn told(&self, placed: &PlacedDevice, action: &str) -> super::peer::Got {
        let id = placed.managed.as_ref().unwrap();
        self.send("POST", &format!("{MANAGED}/{id}/{action}"), None)
            .await
    }

    fn hardware(&self, placed: &PlacedDevice) -> Hardware {
        let all = self.tenant.hardware();
        all.into_iter().find(|it| it.id == placed.hardware).unwrap()
    }

    async fn minutes(&mut self, minutes: u64) {
        self.after(Duration::from_mins(minutes)).await;
    }
}

fn ids(got: &Json) -> Vec<&str> {
    let all = got["value"].as_array().unwrap().iter();
    all.map(|it| it["id"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_directory_has_devices() {
    let (peer, mira) = with(TenantOptions::default()).await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    let (object, device_id) = (placed.object.clone().unwrap(), &placed.device_id);
    assert_ne!(object, *device_id, "two ids, not to be mixed up");
    for list in ["ownedDevices", "registeredDevices"] {
        let got = peer.get(&format!("/users/{mira}/{list}")).await;
        assert_eq!(ids(&got.body), [object.as_str()], "{list}");
        assert_eq!(
            got.body["value"][0]["@odata.type"],
            "#microsoft.graph.device"
        );
        assert_eq!(got.body["value"][0]["trustType"], "AzureAd");
    }
    let one = format!("/devices/{object}");
    for target in [one.clone(), format!("/devices(deviceId='{device_id}')")] {
        let got = peer.get(&target).await;
        assert_eq!(got.body["deviceId"], device_id.as_str(), "{target}");
        assert_eq!(got.body["accountEnabled"], true);
    }
    assert_eq!(
        peer.get(&format!("/devices/{device_id}")).await.error(),
        GONE
    );
    let filter = format!("/devices?$filter=deviceId%20eq%20'{device_id}'&$select=id");
    assert_eq!(ids(&peer.get(&filter).await.body), [object.as_str()]);
    for list in ["registeredOwners", "registeredUsers"] {
        let got = peer.get(&format!("{one}/{list}?$select=id")).await;
        assert_eq!(ids(&got.body), [mira.as_str()], "{list}");
    }
    let off = json!({"accountEnabled": false});
    assert_eq!(peer.send("PATCH", &one, Some(&off)).await.status, 204);
    assert_eq!(peer.hardware(&placed).enabled, Some(false));
    assert_eq!(
        peer.send("PATCH", &one, Some(&off)).await.status,
        204,
        "again"
    );
    let changes = peer.tenant.history().iter().filter(|it| it.changed).count();
    assert_eq!(changes, 1, "the second one changed nothing");
}

#[tokio::test(start_paused = true)]
async fn the_directory_refuses() {
    let (peer, mira) = with(TenantOptions::default()).await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    let one = format!("/devices/{}", placed.object.clone().unwrap());
    for body in [
        json!({}),
        json!({"accountEnabled": "false"}),
        json!({"accountEnabled": null}),
        json!({"accountenabled": false}),
        json!({"displayName": "x"}),
        json!({"accountEnabled": false, "displayName": "x"}),
    ] {
        let got = peer.send("PATCH", &one, Some(&body)).await;
        assert_eq!(got.error(), BAD, "{body}");
    }
    let got = peer.send("DELETE", &one, None).await;
    assert_eq!(got.error(), BAD, "Autopilot keeps it");
    assert_eq!(
        peer.send("POST", "/devices", Some(&json!({}))).await.status,
        405
    );
    assert_eq!(peer.send("POST", &one, Some(&json!({}))).await.status, 405);
    assert_eq!(peer.get(&format!("{one}/memberOf")).await.status, 404);
    assert_eq!(peer.get("/devices(serialNumber='x')").await.status, 404);
    for query in [
        "$filter=displayName eq 'x'",
        "$filter=deviceId in ('x')",
        "$expand=users",
    ] {
        let got = peer
            .get(&format!("/devices?{}", query.replace(' ', "%20")))
            .await;
        assert_eq!(got.error(), (400, "Request_UnsupportedQuery"), "{query}");
    }
    let mut other = laptop(&mira);
    other.autopilot = false;
    let other = peer.tenant.put_device(&other).unwrap();
    let one = format!("/devices/{}", other.object.clone().unwrap());
    assert_eq!(peer.send("DELETE", &one, None).await.status, 204);
    assert_eq!(peer.send("DELETE", &one, None).await.error(), GONE);
    assert_eq!(
        peer.managed(&other).await.status,
        200,
        "Intune still has it"
    );
    let keys = format!(
        "/informationProtection/bitlocker/recoveryKeys?$filter=deviceId%20eq%20'{}'",
        other.device_id
    );
    let got = peer
        .with_header(("GET", &keys), None, ("user-agent", "rollcall"))
        .await;
    assert!(ids(&got.body).is_empty(), "keys go with the record");
}

/// Without a directory role an application disables PCs only, and deletes nothing.
#[tokio::test(start_paused = true)]
async fn phones_need_a_role_of_the_directory() {
    for (administrator, expected) in [(true, 204), (false, 403)] {
        let (peer, mira) = with(TenantOptions {
            device_administrator: administrator,
            ..TenantOptions::default()
        })
        .await;
        let phone = phone(&mira, Platform::Ios, Enrolment::User);
        let phone = peer.tenant.put_device(&phone).unwrap();
        let one = format!("/devices/{}", phone.object.unwrap());
        let off = json!({"accountEnabled": false});
        assert_eq!(peer.send("PATCH", &one, Some(&off)).await.status, expected);
        assert_eq!(peer.send("DELETE", &one, None).await.status, expected);
        let laptop = peer.tenant.put_device(&laptop(&mira)).unwrap();
        let one = format!("/devices/{}", laptop.object.unwrap());
        assert_eq!(peer.send("PATCH", &one, Some(&off)).await.status, 204);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_listed_and_never_shown() {
    let (peer, mira) = with(TenantOptions::default()).await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    let base = "/informationProtection/bitlocker/recoveryKeys";
    let of = format!("{base}?$filter=deviceId%20eq%20'{}'", placed.device_id);
    let got = peer
        .with_header(("GET", &of), None, ("user-agent", "rollcall"))
        .await;
    let key = &got.body["value"][0];
    assert_eq!(key["deviceId"], placed.device_id.as_str());
    assert_eq!(key.get("key"), None);
    assert_eq!(peer.get(&of).await.error(), BAD, "who asks has to say so");
    for wrong in ["?$select=key", "?$top=5"] {
        let target = format!("{base}{wrong}");
        let got = peer
            .with_header(("GET", &target), None, ("user-agent", "rollcall"))
            .await;
        assert_eq!(got.error(), (400, "Request_UnsupportedQuery"), "{wrong}");
    }
    let one = format!("{base}/{}", key["id"].as_str().unwrap());
    assert_eq!(peer.get(&one).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn intune_has_devices() {
    let (peer, mira) = with(TenantOptions::default()).await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    let shared = Device {
        primary_user: None,
        ..laptop(&mira)
    };
    let shared = peer.tenant.put_device(&shared).unwrap();
    let id = placed.managed.clone().unwrap();
    let filters = [
        format!("userId eq '{mira}'"),
        "userPrincipalName eq 'MIRA@woodgrove.example'".to_owned(),
        format!("azureADDeviceId eq '{}'", placed.device_id),
    ];
    for filter in filters {
        let filter = filter.replace(' ', "%20");
        let got = peer.get(&format!("{MANAGED}?$filter={filter}")).await;
        assert_eq!(ids(&got.body), [id.as_str()], "{filter}");
    }
    let got = peer
        .get(&format!(
            "/users/{mira}/managedDevices?$select=id,serialNumber"
        ))
        .await;
    let only = json!({"id": id, "serialNumber": "SN-0001"});
    assert_eq!(got.body["value"], json!([only]));
    let got = peer.managed(&shared).await;
    assert_eq!((got.status, got.body["userId"].as_str()), (200, Some("")));
    let first = peer.get(&format!("{MANAGED}?$top=1&$select=id")).await.body;
    let next = first["@odata.nextLink"].as_str().unwrap();
    let second = peer.get(next.split_once("/v1.0").unwrap().1).await.body;
    let mut both = [ids(&first)[0], ids(&second)[0]];
    both.sort_unstable();
    let mut expected = [id.as_str(), shared.managed.as_deref().unwrap()];
    expected.sort_unstable();
    assert_eq!(both, expected);
    assert!(second.get("@odata.nextLink").is_none());
    let users = peer.get(&format!("{MANAGED}/{id}/users?$select=id")).await;
    assert_eq!(ids(&users.body), [mira.as_str()]);
    for (query, code) in [
        ("$filter=serialNumber%20eq%20'x'", "BadRequest"),
        ("$filter=contains(userId,'x')", "BadRequest"),
        ("$filter=userId%20in%20('x')", "BadRequest"),
        ("$select=serial", "BadRequest"),
        ("$orderby=id", "BadRequest"),
    ] {
        let got = peer.get(&format!("{MANAGED}?{query}")).await;
        assert_eq!(got.error(), (400, code), "{query}");
    }
}

/// What the metadata call non-default is there for one device, by name.
#[tokio::test(start_paused = true)]
async fn a_bypass_code_is_asked_for_by_name() {
    let (peer, mira) = with(TenantOptions::default()).await;
    let placed = Device {
        activation_lock_bypass: Some("ABCDE".to_owned()),
        supervised: true,
        owner: Owner::Company,
        ..phone(&mira, Platform::Ios, Enrolment::Automated)
    };
    let placed = peer.tenant.put_device(&placed).unwrap();
    let one = format!("{MANAGED}/{}", placed.managed.clone().unwrap());
    let got = peer.get(&one).await.body;
    assert_eq!(
        (&got["activationLockBypassCode"], &got["isSupervised"]),
        (&Json::Null, &true.into())
    );
    let select = "$select=id,activationLockBypassCode";
    let got = peer.get(&format!("{one}?{select}")).await.body;
    assert_eq!(got["activationLockBypassCode"], "ABCDE");
    let got = peer.get(&format!("{MANAGED}?{select}")).await.body;
    assert_eq!(got["value"][0]["activationLockBypassCode"], Json::Null);
}

/// Every value of an enumeration is one of the metadata, and what must not be null is not.
#[tokio::test(start_paused = true)]
async fn faces_are_what_the_metadata_say() {
    use crate::csdl::{Kind, schema};
    let (peer, mira) = with(TenantOptions::default()).await;
    let mut all = vec![laptop(&mira)];
    for (platform, enrolment) in [
        (Platform::MacOs, Enrolment::Automated),
        (Platform::Ios, Enrolment::AppleUser),
        (Platform::Android, Enrolment::WorkProfile),
        (Platform::Android, Enrolment::FullyManaged),
        (Platform::Linux, Enrolment::User),
    ] {
        all.push(phone(&mira, platform, enrolment));
    }
    for device in &all {
        let placed = peer.tenant.put_device(device).unwrap();
        peer.told(&placed, "retire").await;
    }
    let types = [
        (MANAGED, "microsoft.graph.managedDevice"),
        (IDENTITIES, "microsoft.graph.windowsAutopilotDeviceIdentity"),
        ("/devices", "microsoft.graph.device"),
    ];
    for (target, of) in types {
        let got = peer.get(target).await.body;
        let shown = got["value"].as_array().unwrap();
        assert!(!shown.is_empty(), "{target}");
        for object in shown {
            for (name, value) in object.as_object().unwrap() {
                let property = schema().property(of, name).unwrap();
                assert!(property.nullable || !value.is_null(), "{of} {name}");
                if let (Kind::Named(kind), Some(text)) = (&property.kind, value.as_str()) {
                    assert_eq!(schema().allows(kind, text), Some(true), "{name} {text}");
                }
            }
        }
    }
}

/// Pending until the next check-in, then issued, then gone; the hardware is retired once.
#[tokio::test(start_paused = true)]
async fn a_retire_takes_its_time() {
    let (mut peer, mira) = with(TenantOptions::default()).await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    peer.minutes(5).await;
    assert_eq!(peer.told(&placed, "retire").await.status, 204);
    assert_eq!(
        peer.told(&placed, "retire").await.status,
        204,
        "asked for again"
    );
    let got = peer.managed(&placed).await.body;
    assert_eq!(got["managementState"], "retirePending");
    assert_eq!(got["deviceActionResults"][0]["actionName"], "retire");
    assert_eq!(got["deviceActionResults"][0]["actionState"], "pending");
    peer.minutes(9).await;
    assert_eq!(peer.hardware(&placed).retired, 0);
    peer.minutes(1).await;
    let got = peer.managed(&placed).await.body;
    assert_eq!(got["managementState"], "retireIssued");
    assert_eq!(got["deviceActionResults"][0]["actionState"], "done");
    assert_eq!(
        peer.told(&placed, "wipe").await.error(),
        INTUNE_BAD,
        "too late"
    );
    peer.minutes(10).await;
    assert_eq!(peer.managed(&placed).await.error(), INTUNE_GONE);
    assert_eq!(peer.told(&placed, "retire").await.error(), INTUNE_GONE);
    peer.minutes(600).await;
    let hardware = peer.hardware(&placed);
    assert_eq!((hardware.retired, hardware.wiped), (1, 0));
    assert_eq!(
        hardware.enabled,
        Some(true),
        "Autopilot keeps the directory's record"
    );
}

/// Platform, enrolment, join → whether the directory's record goes with a retire.
#[tokio::test(start_paused = true)]
async fn what_a_retire_takes_along() {
    let (mut peer, mira) = with(TenantOptions::default()).await;
    let table = [
        (Platform::Windows, Enrolment::Automated, Join::Joined, true),
        (Platform::Windows, Enrolment::User, Join::Registered, true),
        (Platform::Windows, Enrolment::Automated, Join::Hybrid, false),
        (Platform::MacOs, Enrolment::User, Join::Registered, false),
        (Platform::Ios, Enrolment::AppleUser, Join::Registered, false),
        (
            Platform::Android,
            Enrolment::WorkProfile,
            Join::Registered,
            true,
        ),
    ];
    for (platform, enrolment, join, goes) in table {
        let device = Device {
            join: Some(join),
            ..phone(&mira, platform, enrolment)
        };
        let placed = peer.tenant.put_device(&device).unwrap();
        assert_eq!(peer.told(&placed, "retire").await.status, 204);
        peer.minutes(30).await;
        let got = peer
            .get(&format!("/devices/{}", placed.object.clone().unwrap()))
            .await;
        assert_eq!(got.status == 404, goes, "{platform:?} {join:?}");
        assert_eq!(peer.hardware(&placed).retired, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wipe_is_what_v1_has() {
    let (mut peer, mira) = with(TenantOptions::default()).await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    let wipe = format!("{MANAGED}/{}/wipe", placed.managed.clone().unwrap());
    for body in [
        json!({"useProtectedWipe": true}),
        json!({"obliterationBehavior": "always"}),
        json!({"keepUserData": "false"}),
        json!({"KeepUserData": false}),
        json!({"macOsUnlockCode": 123_456}),
        json!({"macOsUnlockCode": "12"}),
        json!([]),
    ] {
        let got = peer.send("POST", &wipe, Some(&body)).await;
        assert_eq!(got.error(), INTUNE_BAD, "{body}");
    }
    assert_eq!(peer.get(&wipe).await.status, 405);
    assert_eq!(peer.hardware(&placed).told, None);
    let body = json!({"keepEnrollmentData": false, "keepUserData": false});
    assert_eq!(peer.send("POST", &wipe, Some(&body)).await.status, 204);
    assert_eq!(
        peer.told(&placed, "retire").await.error(),
        INTUNE_BAD,
        "a wipe stays a wipe"
    );
    peer.minutes(15).await;
    assert_eq!(
        peer.managed(&placed).await.body["managementState"],
        "wipeIssued"
    );
    peer.minutes(10).await;
    assert_eq!(peer.managed(&placed).await.error(), INTUNE_GONE);
    assert_eq!(
        (peer.hardware(&placed).wiped, peer.hardware(&placed).enabled),
        (1, Some(true))
    );
    // With its enrolment kept it is wiped as well, and stays.
    let kept = peer.tenant.put_device(&laptop(&mira)).unwrap();
    let wipe = format!("{MANAGED}/{}/wipe", kept.managed.clone().unwrap());
    let body = json!({"keepEnrollmentData": true});
    assert_eq!(peer.send("POST", &wipe, Some(&body)).await.status, 204);
    peer.minutes(60).await;
    assert_eq!(peer.managed(&kept).await.body["managementState"], "managed");
    assert_eq!(peer.hardware(&kept).wiped, 1);
}

/// A wipe takes the place of a retire that nobody has heard of yet.
#[tokio::test(start_paused = true)]
async fn a_wipe_after_a_retire() {
    let (mut peer, mira) = with(TenantOptions::default()).await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    assert_eq!(peer.told(&placed, "retire").await.status, 204);
    assert_eq!(peer.told(&placed, "wipe").await.status, 204);
    let got = peer.managed(&placed).await.body;
    assert_eq!(got["managementState"], "wipePending");
    assert_eq!(got["deviceActionResults"][0]["actionState"], "canceled");
    peer.minutes(60).await;
    assert_eq!(
        (peer.hardware(&placed).wiped, peer.hardware(&placed).retired),
        (1, 0)
    );
}

/// Platform, enrolment → what a retire, a wipe and a delete come to.
#[tokio::test(start_paused = true)]
async fn platforms_differ() {
    let (mut peer, mira) = with(TenantOptions {
        throttle: Throttle::Off,
        ..TenantOptions::default()
    })
    .await;
    let table = [
        (Platform::Windows, Enrolment::Automated, true, true, (0, 1)),
        (Platform::MacOs, Enrolment::Automated, true, true, (0, 1)),
        (Platform::Ios, Enrolment::User, true, true, (0, 1)),
        (Platform::Ios, Enrolment::AppleUser, true, false, (0, 1)),
        (
            Platform::Android,
            Enrolment::WorkProfile,
            true,
            false,
            (0, 1),
        ),
        (
            Platform::Android,
            Enrolment::Administrator,
            true,
            false,
            (0, 1),
        ),
        (
            Platform::Android,
            Enrolment::FullyManaged,
            false,
            true,
            (1, 0),
        ),
        (Platform::Android, Enrolment::Dedicated, false, true, (1, 0)),
        (
            Platform::Android,
            Enrolment::CorporateWorkProfile,
            false,
            true,
            (1, 0),
        ),
        (
            Platform::Android,
            Enrolment::OpenSource,
            false,
            true,
            (1, 0),
        ),
        (Platform::Linux, Enrolment::User, false, false, (0, 0)),
    ];
    for (platform, enrolment, retires, wipes, deleted) in table {
        let device = phone(&mira, platform, enrolment);
        for (action, has) in [("retire", retires), ("wipe", wipes)] {
            let placed = peer.tenant.put_device(&device).unwrap();
            assert_eq!(peer.told(&placed, action).await.status, 204);
            let got = peer.managed(&placed).await.body;
            let expected = if has { "pending" } else { "notSupported" };
            let result = &got["deviceActionResults"][0]["actionState"];
            assert_eq!(result, expected, "{platform:?} {enrolment:?} {action}");
            peer.minutes(60).await;
            let hardware = peer.hardware(&placed);
            assert_eq!(hardware.wiped + hardware.retired, u32::from(has));
            assert_eq!(hardware.managed, !has);
        }
        let placed = peer.tenant.put_device(&device).unwrap();
        let one = format!("{MANAGED}/{}", placed.managed.clone().unwrap());
        assert_eq!(peer.send("DELETE", &one, None).await.status, 204);
        assert_eq!(peer.get(&one).await.error(), INTUNE_GONE, "at once");
        peer.minutes(60).await;
        let hardware = peer.hardware(&placed);
        assert_eq!(
            (hardware.wiped, hardware.retired),
            deleted,
            "{platform:?} {enrolment:?}"
        );
    }
}

/// Deleting the record of a device that is to be wiped makes a retire of the wipe.
#[tokio::test(start_paused = true)]
async fn a_delete_undoes_a_wipe() {
    let (mut peer, mira) = with(TenantOptions::default()).await;
    let device = Device {
        contact: Contact::Lost,
        ..laptop(&mira)
    };
    let placed = peer.tenant.put_device(&device).unwrap();
    assert_eq!(peer.told(&placed, "wipe").await.status, 204);
    let one = format!("{MANAGED}/{}", placed.managed.clone().unwrap());
    assert_eq!(peer.send("DELETE", &one, None).await.status, 204);
    peer.tenant
        .reach_device(&placed.hardware, Contact::Online)
        .unwrap();
    peer.minutes(60).await;
    assert_eq!(
        (peer.hardware(&placed).wiped, peer.hardware(&placed).retired),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_offline_device_hears_nothing() {
    let (mut peer, mira) = with(TenantOptions::default()).await;
    let back = start() + SignedDuration::from_hours(48);
    let seen = start() - SignedDuration::from_hours(24);
    let device = Device {
        contact: Contact::OfflineUntil(back),
        last_seen: Some(seen),
        ..laptop(&mira)
    };
    let late = peer.tenant.put_device(&device).unwrap();
    let lost = Device {
        contact: Contact::Lost,
        ..device
    };
    let lost = peer.tenant.put_device(&lost).unwrap();
    for placed in [&late, &lost] {
        assert_eq!(peer.told(placed, "wipe").await.status, 204);
    }
    peer.minutes(48 * 60 - 1).await;
    for placed in [&late, &lost] {
        let got = peer.managed(placed).await.body;
        assert_eq!(got["managementState"], "wipePending");
        assert_eq!(got["lastSyncDateTime"], seen.to_string());
        assert_eq!(peer.hardware(placed).wiped, 0);
    }
    peer.minutes(2).await;
    assert_eq!(
        peer.managed(&late).await.body["managementState"],
        "wipeIssued"
    );
    assert_eq!(
        peer.managed(&lost).await.body["managementState"],
        "wipePending"
    );
    peer.minutes(60 * 24 * 90).await;
    assert_eq!(
        (peer.hardware(&late).wiped, peer.hardware(&lost).wiped),
        (1, 0)
    );
    assert_eq!(peer.managed(&lost).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_device_can_fail() {
    let (mut peer, mira) = with(TenantOptions::default()).await;
    for (obstacle, state, result) in [
        (Obstacle::Fails, "wipeFailed", "failed"),
        (Obstacle::BreaksContact, "wipeIssued", "active"),
    ] {
        let device = Device {
            obstacle,
            ..laptop(&mira)
        };
        let placed = peer.tenant.put_device(&device).unwrap();
        assert_eq!(peer.told(&placed, "wipe").await.status, 204);
        peer.minutes(600).await;
        let got = peer.managed(&placed).await.body;
        assert_eq!(got["managementState"], state);
        assert_eq!(got["deviceActionResults"][0]["actionState"], result);
        assert_eq!(peer.hardware(&placed).wiped, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn ownership_is_written_alone() {
    let (peer, mira) = with(TenantOptions::default()).await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    let one = format!("{MANAGED}/{}", placed.managed.clone().unwrap());
    let personal = json!({"managedDeviceOwnerType": "personal"});
    let got = peer.send("PATCH", &one, Some(&personal)).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.body["managedDeviceOwnerType"], "personal");
    for body in [
        json!({"managedDeviceOwnerType": "Personal"}),
        json!({"managedDeviceOwnerType": "unknown"}),
        json!({"managedDeviceOwnerType": 2}),
        json!({"managementState": "managed"}),
        json!({"notes": "x"}),
        json!({"ownerType": "personal"}),
    ] {
        let got = peer.send("PATCH", &one, Some(&body)).await;
        assert_eq!(got.error(), INTUNE_BAD, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn autopilot_identities() {
    let (mut peer, mira) = with(TenantOptions::default()).await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    let id = placed.autopilot.clone().unwrap();
    let list = format!("{IDENTITIES}?$filter=contains(serialNumber,'0001')");
    let got = peer.get(&list).await.body;
    assert_eq!(ids(&got), [id.as_str()]);
    assert_eq!(
        got["value"][0]["managedDeviceId"],
        placed.managed.clone().unwrap()
    );
    assert_eq!(
        got["value"][0]["userPrincipalName"],
        "mira@woodgrove.example"
    );
    let none = format!("{IDENTITIES}?$filter=contains(serialNumber,'0002')");
    assert!(ids(&peer.get(&none).await.body).is_empty());
    let equals = format!("{IDENTITIES}?$filter=serialNumber%20eq%20'SN-0001'");
    assert_eq!(peer.get(&equals).await.error(), INTUNE_BAD);
    let one = format!("{IDENTITIES}/{id}");
    let unassign = format!("{one}/unassignUserFromDevice");
    let wrong = json!({"user": "x"});
    assert_eq!(
        peer.send("POST", &unassign, Some(&wrong)).await.error(),
        INTUNE_BAD
    );
    assert_eq!(peer.send("POST", &unassign, None).await.status, 204);
    assert_eq!(
        peer.get(&list).await.body["value"][0]["userPrincipalName"],
        ""
    );
    let got = peer.send("DELETE", &one, None).await;
    assert_eq!(got.error(), INTUNE_BAD, "Intune first");
    peer.told(&placed, "retire").await;
    peer.minutes(60).await;
    assert_eq!(peer.send("DELETE", &one, None).await.status, 204);
    assert_eq!(peer.send("DELETE", &one, None).await.error(), INTUNE_GONE);
    assert!(!peer.hardware(&placed).autopilot);
    assert_eq!(peer.send("PATCH", &one, Some(&json!({}))).await.status, 405);
}

/// Work data go when the app is opened next, and not before.
#[tokio::test(start_paused = true)]
async fn apps_are_wiped_when_they_are_opened() {
    let (mut peer, mira) = with(TenantOptions::default()).await;
    let app = |app: &str, hours: Option<i64>| AppRegistration {
        user: mira.clone(),
        app: app.to_owned(),
        device_tag: "tag-1".to_owned(),
        opened: hours.map(|hours| start() + SignedDuration::from_hours(hours)),
    };
    let device = Device {
        platform: Platform::Ios,
        owner: Owner::Unknown,
        apps: vec![
            app("mail", Some(5)),
            app("chat", Some(1)),
            app("notes", None),
        ],
        ..Device::default()
    };
    let placed = peer.tenant.put_device(&device).unwrap();
    let list = format!("{REGISTRATIONS}?$filter=userId%20eq%20'{mira}'");
    let got = peer.get(&list).await.body;
    assert_eq!(ids(&got).len(), 3);
    let first = &got["value"][0];
    assert_eq!(
        first["@odata.type"],
        "#microsoft.graph.iosManagedAppRegistration"
    );
    assert_eq!(first["deviceTag"], "tag-1");
    assert!(first["appIdentifier"]["bundleId"].is_string());
    peer.minutes(120).await;
    let wipe = format!("/users/{mira}/wipeManagedAppRegistrationsByDeviceTag");
    for (body, expected) in [
        (json!({}), INTUNE_BAD),
        (json!({"deviceTag": 1}), INTUNE_BAD),
        (json!({"tag": "tag-1"}), INTUNE_BAD),
        (json!({"deviceTag": "tag-2"}), INTUNE_GONE),
    ] {
        let got = peer.send("POST", &wipe, Some(&body)).await;
        assert_eq!(got.error(), expected, "{body}");
    }
    let body = json!({"deviceTag": "tag-1"});
    assert_eq!(peer.send("POST", &wipe, Some(&body)).await.status, 204);
    assert_eq!(
        peer.send("POST", &wipe, Some(&body)).await.status,
        204,
        "again"
    );
    assert_eq!(peer.hardware(&placed).apps, ["chat", "mail", "notes"]);
    peer.minutes(240).await;
    let left = peer.hardware(&placed).apps;
    assert_eq!(
        left,
        ["chat", "notes"],
        "chat was opened too early, notes never is"
    );
    assert_eq!(ids(&peer.get(&list).await.body).len(), 2);
}

/// Permission → may list in Intune, order, delete, write the directory's record.
#[tokio::test(start_paused = true)]
async fn orders_have_a_permission_of_their_own() {
    for (role, lists, orders, deletes, disables) in [
        ("User.ReadWrite.All", false, false, false, false),
        (
            "DeviceManagementManagedDevices.Read.All",
            true,
            false,
            false,
            false,
        ),
        (
            "DeviceManagementManagedDevices.ReadWrite.All",
            true,
            false,
            true,
            false,
        ),
        (
            "DeviceManagementManagedDevices.PrivilegedOperations.All",
            false,
            true,
            false,
            false,
        ),
        ("Device.Read.All", false, false, false, false),
        ("Device.ReadWrite.All", false, false, false, true),
    ] {
        let (peer, mira) = with(TenantOptions {
            roles: vec![role.to_owned()],
            ..TenantOptions::default()
        })
        .await;
        let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
        let one = format!("{MANAGED}/{}", placed.managed.clone().unwrap());
        assert_eq!(peer.get(MANAGED).await.status == 200, lists, "{role}");
        for action in ["retire", "wipe"] {
            let got = peer.told(&placed, action).await;
            assert_eq!(got.status == 204, orders, "{role}");
            if !orders {
                assert_eq!(got.error(), INTUNE_DENIED);
            }
        }
        let got = peer.send("DELETE", &one, None).await;
        assert_eq!(got.status == 204, deletes, "{role}");
        let one = format!("/devices/{}", placed.object.clone().unwrap());
        let body = json!({"accountEnabled": false});
        let got = peer.send("PATCH", &one, Some(&body)).await;
        assert_eq!(got.status == 204, disables, "{role}");
        if !disables {
            assert_eq!(got.error(), DENIED);
        }
    }
}

/// Two hundred writes to Intune's devices in twenty seconds, a hundred to everything else of it; they
/// wait for each other no more than for the directory.
#[tokio::test(start_paused = true)]
async fn intune_runs_out_by_itself() {
    let (peer, mira) = with(TenantOptions {
        throttle: Throttle::Documented { size: Size::L },
        ..TenantOptions::default()
    })
    .await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    for n in 0..200 {
        assert_eq!(peer.told(&placed, "retire").await.status, 204, "{n}");
    }
    let got = peer.told(&placed, "retire").await;
    assert_eq!(got.error(), (429, "TooManyRequests"));
    let wait = got.seconds();
    assert!((0.1..=0.3).contains(&wait), "{wait}");
    assert_eq!(peer.managed(&placed).await.status, 200, "reads go on");
    let unassign = format!(
        "{IDENTITIES}/{}/unassignUserFromDevice",
        placed.autopilot.clone().unwrap()
    );
    for n in 0..100 {
        assert_eq!(peer.send("POST", &unassign, None).await.status, 204, "{n}");
    }
    assert_eq!(peer.send("POST", &unassign, None).await.status, 429);
    let one = format!("/devices/{}", placed.object.clone().unwrap());
    let body = json!({"accountEnabled": false});
    assert_eq!(peer.send("PATCH", &one, Some(&body)).await.status, 204);
    peer.clock.sleep(Duration::from_secs_f64(wait)).await;
    assert_eq!(peer.told(&placed, "retire").await.status, 204);
    assert!(peer.tenant.history().iter().all(|served| !served.early));
}

/// Devices come out of the journal as they went in, and go on from there.
#[tokio::test(start_paused = true)]
async fn the_journal_keeps_devices() {
    let folder = tempfile::tempdir().unwrap();
    let options = TenantOptions {
        journal: Some(folder.path().join("tenant.jsonl")),
        ..TenantOptions::default()
    };
    let (peer, mira) = with(options.clone()).await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    assert_eq!(peer.told(&placed, "wipe").await.status, 204);
    let mut again = Peer::open(options).await;
    assert_eq!(
        again.managed(&placed).await.body["managementState"],
        "wipePending"
    );
    again.minutes(60).await;
    assert_eq!(again.hardware(&placed).wiped, 1);
    let next = again.tenant.put_device(&laptop(&mira)).unwrap();
    assert_ne!(next.hardware, placed.hardware);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_not_put_there() {
    let (peer, mira) = with(TenantOptions::default()).await;
    let nobody = "00000000-0000-4000-8000-00000000000f";
    for device in [
        phone(&mira, Platform::Ios, Enrolment::WorkProfile),
        phone(&mira, Platform::Android, Enrolment::AppleUser),
        phone(&mira, Platform::Windows, Enrolment::FullyManaged),
        phone(nobody, Platform::Ios, Enrolment::User),
        Device {
            autopilot: true,
            ..phone(&mira, Platform::MacOs, Enrolment::User)
        },
        Device {
            join: None,
            ..laptop(&mira)
        },
        Device {
            check_in: Duration::ZERO,
            ..laptop(&mira)
        },
    ] {
        assert!(peer.tenant.put_device(&device).is_err(), "{device:?}");
    }
    let text = serde_json::to_string(&laptop(&mira)).unwrap();
    assert_eq!(
        serde_json::from_str::<Device>(&text).unwrap(),
        laptop(&mira)
    );
    assert!(serde_json::from_str::<Device>(r#"{"nome": "x"}"#).is_err());
}

/// What was commanded is written down, and whoever may not read it is told so.
#[tokio::test(start_paused = true)]
async fn intune_writes_commands_down() {
    let (peer, mira) = with(TenantOptions::default()).await;
    let placed = peer.tenant.put_device(&laptop(&mira)).unwrap();
    let at = |minutes: i64| start() + SignedDuration::from_mins(minutes);
    let window = |from: i64, to: i64| {
        format!(
            "/deviceManagement/auditEvents?$filter=activityDateTime%20ge%20{}%20and%20activityDateTime%20le%20{}",
            at(from),
            at(to)
        )
    };
    let events = |got: super::peer::Got| got.body["value"].as_array().unwrap().clone();
    assert!(events(peer.get(&window(-10, 10)).await).is_empty());
    assert_eq!(peer.told(&placed, "wipe").await.status, 204);
    let found = events(peer.get(&window(-10, 10)).await);
    let device = placed.managed.as_deref().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["resources"][0]["resourceId"], device);
    assert!(events(peer.get(&window(5, 10)).await).is_empty(), "later");
    // The same at once once more is another event.
    assert_eq!(peer.told(&placed, "wipe").await.status, 204);
    let both = events(peer.get(&window(-10, 10)).await);
    assert_eq!((both.len(), &both[0]), (2, &found[0]));
    assert_ne!(both[0]["id"], both[1]["id"]);
    for query in [
        "?$filter=activity%20eq%20'wipe'",
        "?$top=1",
        "?$filter=activityDateTime%20ge%20soon%20and%20activityDateTime%20le%20later",
    ] {
        let got = peer
            .get(&format!("/deviceManagement/auditEvents{query}"))
            .await;
        assert_eq!(got.status, 400, "{query}");
    }
}

/// Of anything but a shared tablet nobody is taken off.
#[tokio::test(start_paused = true)]
async fn people_are_taken_off_shared_tablets_alone() {
    let (peer, mira) = with(TenantOptions::default()).await;
    let shared = Device {
        serial: "SN-0009".to_owned(),
        platform: Platform::Ios,
        enrolment: Some(Enrolment::Automated),
        primary_user: None,
        ..laptop(&mira)
    };
    let shared = Device {
        autopilot: false,
        ..shared
    };
    let tablet = peer.tenant.put_device(&shared).unwrap();
    let pc = peer.tenant.put_device(&laptop(&mira)).unwrap();
    let body = json!({"userPrincipalName": "Mira@north.example"});
    let path = |placed: &PlacedDevice| {
        let id = placed.managed.clone().unwrap();
        format!("{MANAGED}/{id}/deleteUserFromSharedAppleDevice")
    };
    let got = peer.send("POST", &path(&tablet), Some(&body)).await;
    assert_eq!(got.status, 204);
    assert_eq!(peer.hardware(&tablet).taken_off, ["mira@north.example"]);
    let got = peer.send("POST", &path(&pc), Some(&body)).await;
    assert_eq!(got.error(), INTUNE_BAD);
    for body in [
        json!({}),
        json!({"upn": "x"}),
        json!({"userPrincipalName": 7}),
    ] {
        let got = peer.send("POST", &path(&tablet), Some(&body)).await;
        assert_eq!(got.status, 400, "{body}");
    }
}
