//! What becomes of the devices of somebody who leaves, from the cut to the proof.

use libtest_mimic::Trial;
use rollcall_http::Clock;
use rollcall_rehearsal::{
    AppRegistration, Contact, Decision, Device, Enrolment, Hardware, Join, Obstacle, Owner,
    Platform,
};
use serde_json::{Value, json};

use crate::trial;
use crate::world::{Ran, Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("devices::each_gets_what_the_table_says", table),
        trial("devices::a_wipe_takes_a_switch_and_people", wipe),
        trial("devices::what_is_off_stays_open", offline),
        trial("devices::one_that_is_lost_and_one_that_is_back", lost),
        trial("devices::the_tenant_may_want_consent", consent),
        trial("devices::what_cannot_be_read_is_asked_again", unread),
        trial("devices::what_was_handed_on_is_left_alone", handed_on),
        trial("devices::an_account_deleted_by_hand_ends_no_clock", by_hand),
        trial("devices::a_hold_makes_no_plan_after_plan", held),
        trial("devices::a_hold_before_an_agreed_wipe_is_quiet", held_first),
        trial("devices::killed_anywhere_nothing_is_done_twice", killed),
    ]
}

const HIRED: &str = "2026-03-02T02:00:00Z";
const CUT: &str = "2026-03-03T02:00:00Z";

const TEXTS: &str = include_str!("../../../mappings/p0/texts.toml");

fn world(devices: &str) -> World {
    let world = World::new();
    std::fs::write(world.dir().join("texts.toml"), TEXTS).unwrap();
    world.edit(
        "rollcall.toml",
        "[evidence]\n",
        "[notify]\ntexts = \"texts.toml\"\n[notify.file]\n\n[evidence]\n",
    );
    world.edit(
        "policy.toml",
        "[gates]\n",
        &format!("[leaver]\ndevices = true\n[devices]\n{devices}\n[gates]\n"),
    );
    world.edit(
        "policy.toml",
        "max_source_age_h = 36",
        "max_source_age_h = 9000",
    );
    world.edit("policy.toml", "intake = 1", "intake = 1\nwipes = 1");
    world.drop_file("a-2026-03-02.csv", Roster::of(30).csv());
    world.at(HIRED, &["run"]).expect(0);
    world
}

fn account(world: &World, worker: &str) -> String {
    world.users()[worker]["id"].as_str().unwrap().to_owned()
}

fn at(world: &World, now: &str) -> rollcall_rehearsal::Tenant {
    world.simulated_tenant(Clock::starting_at(now.parse().unwrap()))
}

/// A company's PC of somebody, online, with its key kept.
fn laptop(user: &str, serial: &str) -> Device {
    Device {
        serial: serial.to_owned(),
        enrolment: Some(Enrolment::Automated),
        join: Some(Join::Joined),
        primary_user: Some(user.to_owned()),
        owners: vec![user.to_owned()],
        users: vec![user.to_owned()],
        encrypted: true,
        escrowed_keys: 1,
        ..Device::default()
    }
}

fn iphone(user: &str, serial: &str) -> Device {
    Device {
        platform: Platform::Ios,
        owner: Owner::Personal,
        enrolment: Some(Enrolment::User),
        join: Some(Join::Registered),
        encrypted: false,
        escrowed_keys: 0,
        ..laptop(user, serial)
    }
}

/// The truth about a device at an instant.
fn truth(world: &World, now: &str, serial: &str) -> Hardware {
    let mut all = at(world, now).hardware().into_iter();
    all.rfind(|it| it.serial == serial).unwrap()
}

fn leaves(world: &World, day: &str, worker: u32) {
    let mut roster = Roster::of(30);
    roster.0.get_mut(&worker).unwrap().active = false;
    world.drop_file(&format!("b-{day}.csv"), roster.csv());
}

/// The operations on devices of a run, by how they ended.
fn ops(ran: &Ran) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for line in ran.out.lines() {
        let report: Value = serde_json::from_str(line).unwrap();
        for change in report["changes"].as_array().into_iter().flatten() {
            let text = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
            let op = text("op");
            let device = op.starts_with("device.") || op.starts_with("app.");
            if device && text("status") != "scheduled" {
                out.push((op, text("status")));
            }
        }
    }
    out
}

fn kinds(ran: &Ran) -> Vec<String> {
    let reports = ran
        .out
        .lines()
        .map(|it| serde_json::from_str::<Value>(it).unwrap());
    let found = reports.flat_map(|it| it["findings"].as_array().cloned().unwrap_or_default());
    found
        .map(|it| it["kind"].as_str().unwrap().to_owned())
        .collect()
}

/// One device of each kind, of somebody who leaves and of somebody who is dismissed.
fn table() {
    let world = world("wipe = true");
    let tenant = at(&world, "2026-03-02T08:00:00Z");
    let (leaver, dismissed, other) = (
        account(&world, "10015"),
        account(&world, "10016"),
        account(&world, "10017"),
    );
    let registration = |user: &str| AppRegistration {
        user: user.to_owned(),
        app: "com.microsoft.outlook".to_owned(),
        device_tag: format!("tag-{user}"),
        opened: Some("2026-03-03T12:30:00Z".parse().unwrap()),
    };
    let of = |user: &str, mark: &str| {
        let serial = |kind: &str| format!("{kind}-{mark}");
        vec![
            laptop(user, &serial("PC")),
            Device {
                join: Some(Join::Hybrid),
                ..laptop(user, &serial("HYBRID"))
            },
            Device {
                owner: Owner::Personal,
                enrolment: Some(Enrolment::User),
                join: Some(Join::Registered),
                ..laptop(user, &serial("OWNPC"))
            },
            iphone(user, &serial("IPHONE")),
            Device {
                platform: Platform::Linux,
                ..laptop(user, &serial("LINUX"))
            },
            Device {
                owner: Owner::Unknown,
                ..iphone(user, &serial("WHOSE"))
            },
            Device {
                owners: vec![user.to_owned(), other.clone()],
                ..laptop(user, &serial("BOTH"))
            },
            Device {
                enrolment: None,
                ..laptop(user, &serial("UNMANAGED"))
            },
            Device {
                enrolment: None,
                join: None,
                owner: Owner::Personal,
                platform: Platform::Android,
                apps: vec![registration(user)],
                encrypted: false,
                escrowed_keys: 0,
                primary_user: None,
                owners: Vec::new(),
                users: Vec::new(),
                ..laptop(user, &serial("APPS"))
            },
        ]
    };
    for (user, mark) in [(&leaver, "L"), (&dismissed, "D"), (&other, "O")] {
        for device in of(user, mark) {
            tenant.put_device(&device).unwrap();
        }
    }
    leaves(&world, "2026-03-03", 10_015);
    let ran = world.at(CUT, &["run"]);
    assert!(
        kinds(&ran).contains(&"no_remote_action".to_owned()),
        "{ran:?}"
    );
    assert!(
        kinds(&ran).contains(&"device_of_others".to_owned()),
        "{ran:?}"
    );
    let word = ["dismiss", "10016", "--reason", "case 4711"];
    let ran = world.at("2026-03-03T10:00:00Z", &word);
    assert!(ran.code == Some(3), "wipes wait for people: {ran:?}");
    // Devices that are on have heard of it by then, and the app was opened.
    world.at("2026-03-03T10:40:00Z", &["release"]);
    world.at("2026-03-03T13:00:00Z", &["release"]);
    let then = "2026-03-03T13:00:00Z";
    // Kind, whose → enabled in the directory, wiped, retired, apps.
    for (kind, mark, enabled, retired, apps) in [
        ("PC", "L", Some(true), 0, 0),
        ("HYBRID", "L", Some(false), 0, 0),
        ("OWNPC", "L", None, 1, 0),
        ("IPHONE", "L", Some(true), 1, 0),
        ("LINUX", "L", Some(false), 0, 0),
        ("WHOSE", "L", Some(true), 0, 0),
        ("BOTH", "L", Some(true), 0, 0),
        ("UNMANAGED", "L", Some(false), 0, 0),
        ("APPS", "L", None, 0, 0),
        ("PC", "D", Some(false), 0, 0),
        ("HYBRID", "D", Some(false), 0, 0),
        ("OWNPC", "D", None, 1, 0),
        ("IPHONE", "D", Some(false), 1, 0),
        ("LINUX", "D", Some(false), 0, 0),
        ("BOTH", "D", Some(true), 0, 0),
        ("UNMANAGED", "D", Some(false), 0, 0),
        ("APPS", "D", None, 0, 0),
        ("PC", "O", Some(true), 0, 0),
        ("IPHONE", "O", Some(true), 0, 0),
        ("APPS", "O", None, 0, 1),
    ] {
        let it = truth(&world, then, &format!("{kind}-{mark}"));
        let seen = (it.enabled, it.wiped, it.retired, it.apps.len());
        assert_eq!(seen, (enabled, 0, retired, apps), "{kind}-{mark}");
    }
    let said = world
        .at("2026-03-03T14:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(said["problems"], json!([]), "{said}");
    assert_eq!(said["plans_not_replayed"], 0);
}

/// Without the switch nothing is ever wiped; with it people are asked, when the device had time to come back.
fn wipe() {
    let off = world("");
    let user = account(&off, "10015");
    at(&off, "2026-03-02T08:00:00Z")
        .put_device(&laptop(&user, "PC"))
        .unwrap();
    leaves(&off, "2026-03-03", 10_015);
    let ran = off.at(CUT, &["run"]).expect(0);
    assert!(kinds(&ran).contains(&"wipe_off".to_owned()), "{ran:?}");
    off.at("2026-03-20T02:00:00Z", &["release"]);
    assert_eq!(truth(&off, "2026-03-21T02:00:00Z", "PC").wiped, 0);

    let world = world("wipe = true");
    world.unproven();
    let user = account(&world, "10015");
    at(&world, "2026-03-02T08:00:00Z")
        .put_device(&laptop(&user, "PC"))
        .unwrap();
    leaves(&world, "2026-03-03", 10_015);
    let ran = world.at(CUT, &["run"]).expect(0);
    assert_eq!(
        ops(&ran),
        [("device.escrowCheck".to_owned(), "done".to_owned())]
    );
    let ran = world.at("2026-03-16T02:00:00Z", &["release"]).expect(0);
    assert!(!ran.out.contains("device.wipe"), "not yet: {}", ran.out);
    let asked = world.at("2026-03-17T02:00:00Z", &["release"]).expect(3);
    assert_eq!(truth(&world, "2026-03-17T03:00:00Z", "PC").told, None);
    let report = asked.last_json();
    world
        .agree("2026-03-17T08:00:00Z", &report, "wipes")
        .expect(0);
    let ran = world.at("2026-03-17T08:00:00Z", &["apply"]).expect(0);
    assert!(ran.out.contains("device.wipe"), "{}", ran.out);
    assert_eq!(truth(&world, "2026-03-17T09:00:00Z", "PC").wiped, 1);
    for minute in ["05", "10", "20", "30"] {
        world.at(&format!("2026-03-17T08:{minute}:00Z"), &["release"]);
    }
    let ran = world.at("2026-03-17T12:00:00Z", &["release"]).expect(0);
    assert!(
        !kinds(&ran).contains(&"device_gone_unconfirmed".to_owned()),
        "{ran:?}"
    );
    for day in ["2026-03-24", "2026-04-01", "2026-04-20", "2026-07-02"] {
        let ran = world.at(&format!("{day}T12:00:00Z"), &["release"]);
        assert!(kinds(&ran).is_empty(), "{day}: {ran:?}");
    }
    assert_eq!(truth(&world, "2026-07-03T00:00:00Z", "PC").wiped, 1);
    let said = world
        .at("2026-07-03T09:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(said["problems"], json!([]), "{said}");
}

/// What people say became of a device: of one that is lost everybody is asked at once, of one that is back too,
/// and of somebody who stays nothing is done.
fn lost() {
    let world = world("wipe = true");
    let tenant = at(&world, "2026-03-02T08:00:00Z");
    for (worker, serial) in [
        ("10015", "LOST"),
        ("10016", "BACK"),
        ("10017", "SOON"),
        ("10018", "EARLY"),
    ] {
        let user = account(&world, worker);
        tenant.put_device(&laptop(&user, serial)).unwrap();
    }
    let id = |serial: &str| {
        truth(&world, "2026-03-02T09:00:00Z", serial)
            .managed_id
            .unwrap()
    };
    let say = |now: &str, worker: &str, device: &str, what: &str| {
        let args = [
            "device",
            worker,
            device,
            "--is",
            what,
            "--reason",
            "case 4711",
        ];
        world.at(now, &args)
    };
    // Nothing follows for somebody who stays, and that is said.
    let ran = say("2026-03-02T10:00:00Z", "10017", &id("SOON"), "lost").expect(0);
    assert!(ran.err.contains("it counts from the cut on"), "{ran:?}");
    assert_eq!(
        truth(&world, "2026-03-02T11:00:00Z", "SOON").enabled,
        Some(true)
    );
    // Handed in on the last day, before the cut: nothing is lost of that, by whatever id it was said.
    say("2026-03-02T10:30:00Z", "10018", &id("EARLY"), "returned").expect(0);
    let mut roster = Roster::of(30);
    for worker in [10_015, 10_016, 10_017] {
        roster.0.get_mut(&worker).unwrap().active = false;
    }
    world.drop_file("b-2026-03-03.csv", roster.csv());
    // Who left with what is lost: people are asked in the same night.
    let ran = world.at(CUT, &["run"]).expect(3);
    let enabled =
        |now: &str| ["LOST", "BACK", "SOON"].map(|serial| truth(&world, now, serial).enabled);
    assert_eq!(
        enabled("2026-03-03T03:00:00Z"),
        [Some(true), Some(true), Some(false)]
    );
    world
        .agree("2026-03-03T08:00:00Z", &ran.last_json(), "wipes")
        .expect(0);
    world.at("2026-03-03T08:00:00Z", &["apply"]).expect(0);
    assert_eq!(truth(&world, "2026-03-03T09:00:00Z", "SOON").wiped, 1);
    // By an id that is none of theirs nothing is done, and the next run says so once.
    let ran = say("2026-03-04T09:00:00Z", "10015", &id("BACK"), "lost").expect(0);
    assert!(ran.err.contains("no device that is known"), "{ran:?}");
    assert!(
        kinds(&ran).contains(&"device_unknown".to_owned()),
        "{ran:?}"
    );
    let ran = world.at("2026-03-04T09:30:00Z", &["release"]);
    assert!(
        !kinds(&ran).contains(&"device_unknown".to_owned()),
        "{ran:?}"
    );
    let lost = say("2026-03-04T10:00:00Z", "10015", &id("LOST"), "lost").expect(3);
    assert_eq!(
        enabled("2026-03-04T10:10:00Z")[..2],
        [Some(false), Some(true)]
    );
    world
        .agree("2026-03-04T10:20:00Z", &lost.last_json(), "wipes")
        .expect(0);
    world.at("2026-03-04T10:20:00Z", &["apply"]).expect(0);
    let back = say("2026-03-04T11:00:00Z", "10016", &id("BACK"), "returned").expect(3);
    world
        .agree("2026-03-04T11:20:00Z", &back.last_json(), "wipes")
        .expect(0);
    world.at("2026-03-04T11:20:00Z", &["apply"]).expect(0);
    for (serial, enabled) in [("LOST", Some(false)), ("BACK", Some(true))] {
        let it = truth(&world, "2026-03-04T12:00:00Z", serial);
        assert_eq!(it.wiped, 1, "{serial}");
        assert!(
            it.enabled.is_none() || it.enabled == enabled,
            "{serial}: {it:?}"
        );
    }
    // What was back before the cut is asked about with it.
    roster.0.get_mut(&10_018).unwrap().active = false;
    world.drop_file("c-2026-03-05.csv", roster.csv());
    let ran = world.at("2026-03-05T02:00:00Z", &["run"]).expect(3);
    world
        .agree("2026-03-05T08:00:00Z", &ran.last_json(), "wipes")
        .expect(0);
    world.at("2026-03-05T08:00:00Z", &["apply"]).expect(0);
    let early = truth(&world, "2026-03-05T09:00:00Z", "EARLY");
    assert_eq!(early.wiped, 1);
    let said = world
        .at("2026-03-05T09:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(said["problems"], json!([]), "{said}");
    assert_eq!(said["plans_not_replayed"], 0);
}

/// The directory still has the leaver own it, and device management has somebody who stays use it, or nobody.
fn handed_on() {
    let world = world("wipe = true");
    let (leaver, other) = (account(&world, "10015"), account(&world, "10017"));
    let tenant = at(&world, "2026-03-02T08:00:00Z");
    let to_other = Device {
        primary_user: Some(other),
        ..laptop(&leaver, "OTHERS")
    };
    let of_nobody = Device {
        primary_user: None,
        ..laptop(&leaver, "KIOSK")
    };
    for device in [to_other, of_nobody, laptop(&leaver, "THEIRS")] {
        tenant.put_device(&device).unwrap();
    }
    drop(tenant);
    leaves(&world, "2026-03-03", 10_015);
    let ran = world.at(CUT, &["run"]);
    let others = kinds(&ran)
        .iter()
        .filter(|it| *it == "device_of_others")
        .count();
    assert_eq!(others, 2, "{ran:?}");
    world.at(
        "2026-03-03T10:00:00Z",
        &["dismiss", "10015", "--reason", "case 4711"],
    );
    let then = "2026-03-03T10:30:00Z";
    for (serial, enabled) in [("OTHERS", true), ("KIOSK", true), ("THEIRS", false)] {
        assert_eq!(
            truth(&world, then, serial).enabled,
            Some(enabled),
            "{serial}"
        );
    }
}

/// Somebody deletes the account in the admin centre: what is open of devices stays open, and whether they are
/// out is proven all the same.
fn by_hand() {
    let world = world("wipe = true");
    let user = account(&world, "10015");
    at(&world, "2026-03-02T08:00:00Z")
        .put_device(&laptop(&user, "PC"))
        .unwrap();
    leaves(&world, "2026-03-03", 10_015);
    world.at(CUT, &["run"]).expect(0);
    at(&world, "2026-03-03T02:10:00Z")
        .delete_user(&user)
        .unwrap();
    let ran = world.at("2026-03-03T03:30:00Z", &["release"]);
    assert!(kinds(&ran).contains(&"account_gone".to_owned()), "{ran:?}");
    let proof = ran.last_json()["changes"].to_string();
    assert!(
        proof.contains("the account is not in the directory"),
        "{ran:?}"
    );
    let ran = world.at("2026-03-17T02:00:00Z", &["release"]).expect(3);
    assert!(ran.out.contains("device.wipe"), "people are asked: {ran:?}");
    // What is named by then is no longer to be found, and that is said.
    let args = [
        "device",
        "10015",
        "NO-SUCH",
        "--is",
        "lost",
        "--reason",
        "case 4711",
    ];
    let ran = world.at("2026-03-17T03:00:00Z", &args);
    assert!(
        kinds(&ran).contains(&"device_unknown".to_owned()),
        "{ran:?}"
    );
}

/// Nobody confirms the wipe, and the record is not to go while a hold lasts: nothing is planned again and again.
fn held() {
    let world = world("wipe = true");
    let user = account(&world, "10015");
    let gone = Device {
        contact: Contact::Lost,
        ..laptop(&user, "PC")
    };
    at(&world, "2026-03-02T08:00:00Z")
        .put_device(&gone)
        .unwrap();
    leaves(&world, "2026-03-03", 10_015);
    world.at(CUT, &["run"]).expect(0);
    let id = truth(&world, "2026-03-03T03:00:00Z", "PC")
        .managed_id
        .unwrap();
    let args = [
        "device",
        "10015",
        &id,
        "--is",
        "lost",
        "--reason",
        "case 4711",
    ];
    let asked = world.at("2026-03-03T09:00:00Z", &args).expect(3);
    world
        .agree("2026-03-03T10:00:00Z", &asked.last_json(), "wipes")
        .expect(0);
    world.at("2026-03-03T10:00:00Z", &["apply"]).expect(0);
    world.at(
        "2026-03-03T11:00:00Z",
        &["hold", "10015", "--reason", "case 4711"],
    );
    let days = [
        "2026-03-10",
        "2026-03-17",
        "2026-04-03",
        "2026-05-10",
        "2026-07-05",
    ];
    for day in days {
        world.at(&format!("{day}T03:00:00Z"), &["release"]);
    }
    let mut quiet = 0;
    for hour in 4..10 {
        let ran = world
            .at(&format!("2026-07-05T{hour:02}:00:00Z"), &["release"])
            .expect(0);
        quiet += u32::from(ran.out.is_empty());
        assert!(!ran.out.contains("device.escrowCheck"), "{ran:?}");
    }
    assert_eq!(quiet, 6, "nothing is due");
}

/// People agree to a wipe, and a hold comes before it is sent: it waits for the hold's end, and nothing is planned
/// meanwhile.
fn held_first() {
    let world = world("wipe = true");
    world.unproven();
    let user = account(&world, "10015");
    at(&world, "2026-03-02T08:00:00Z")
        .put_device(&laptop(&user, "PC"))
        .unwrap();
    leaves(&world, "2026-03-03", 10_015);
    world.at(CUT, &["run"]).expect(0);
    let asked = world.at("2026-03-17T02:00:00Z", &["release"]).expect(3);
    world
        .agree("2026-03-17T08:00:00Z", &asked.last_json(), "wipes")
        .expect(0);
    let hold = ["hold", "10015", "--reason", "case 4711"];
    world.at("2026-03-17T08:01:00Z", &hold);
    for minute in ["10", "20", "30", "40"] {
        let now = format!("2026-03-17T09:{minute}:00Z");
        let ran = world.at(&now, &["release"]).expect(0);
        assert_eq!(ran.out, "", "{now}");
    }
    let then = "2026-03-17T10:00:00Z";
    assert_eq!(truth(&world, then, "PC").wiped, 0);
}

/// A device that is off hears of nothing: it is told again, that is said, and it counts when it comes back.
fn offline() {
    let world = world("");
    let user = account(&world, "10015");
    let tenant = at(&world, "2026-03-02T08:00:00Z");
    let lost = Device {
        contact: Contact::Lost,
        ..iphone(&user, "LOST")
    };
    let late = Device {
        contact: Contact::OfflineUntil("2026-03-20T09:00:00Z".parse().unwrap()),
        ..iphone(&user, "LATE")
    };
    let fails = Device {
        obstacle: Obstacle::Fails,
        ..iphone(&user, "FAILS")
    };
    for device in [lost, late, fails] {
        tenant.put_device(&device).unwrap();
    }
    leaves(&world, "2026-03-03", 10_015);
    let ran = world.at(CUT, &["run"]).expect(0);
    assert_eq!(ops(&ran).len(), 3, "{ran:?}");
    let ran = world.at("2026-03-03T03:00:00Z", &["release"]);
    assert!(kinds(&ran).contains(&"device_failed".to_owned()), "{ran:?}");
    let ran = world.at("2026-03-17T03:00:00Z", &["release"]);
    let open = kinds(&ran);
    let unresponsive = open
        .iter()
        .filter(|it| *it == "device_unresponsive")
        .count();
    assert_eq!(unresponsive, 3, "all of them: {ran:?}");
    // One comes back, and is seen to have done it; one never does.
    world.at("2026-03-20T09:05:00Z", &["release"]);
    world.at("2026-03-21T03:00:00Z", &["release"]);
    assert_eq!(truth(&world, "2026-03-21T03:00:00Z", "LATE").retired, 1);
    let ran = world.at("2026-04-03T03:00:00Z", &["release"]);
    let unresolved = kinds(&ran)
        .iter()
        .filter(|it| *it == "device_unresolved")
        .count();
    assert_eq!(unresolved, 2, "{ran:?}");
    assert_eq!(truth(&world, "2026-04-03T03:00:00Z", "LOST").retired, 0);
}

/// A tenant with Multi Admin Approval: the command waits, is sent once more with the tenant's consent, and not at
/// all without.
fn consent() {
    let world = world("");
    world.edit(
        "rollcall.toml",
        "verified_domains",
        "admin_approval = [\"retire\"]\nverified_domains",
    );
    for (worker, serial) in [("10015", "YES"), ("10016", "NO")] {
        let user = account(&world, worker);
        let tenant = at(&world, "2026-03-02T08:00:00Z");
        tenant.put_device(&iphone(&user, serial)).unwrap();
    }
    let mut roster = Roster::of(30);
    for worker in [10_015, 10_016] {
        roster.0.get_mut(&worker).unwrap().active = false;
    }
    world.drop_file("b-2026-03-03.csv", roster.csv());
    let ran = world.at(CUT, &["run"]);
    let waiting = ops(&ran)
        .into_iter()
        .filter(|(_, it)| it == "waiting")
        .count();
    assert_eq!(waiting, 2, "{ran:?}");
    let tenant = at(&world, "2026-03-03T03:00:00Z");
    let requests = tenant.approval_requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        let yes = truth_of(&tenant, &request.device) == "YES";
        let word = if yes {
            Decision::Approve
        } else {
            Decision::Reject
        };
        tenant
            .decide(&request.code, word, "2026-03-03T04:00:00Z".parse().unwrap())
            .unwrap();
    }
    for hour in ["02:30", "03:30", "05:00", "06:00", "09:00"] {
        world.at(&format!("2026-03-03T{hour}:00Z"), &["release"]);
    }
    let then = "2026-03-03T10:00:00Z";
    assert_eq!(truth(&world, then, "YES").retired, 1);
    assert_eq!(truth(&world, then, "NO").retired, 0);
    assert_eq!(
        at(&world, then).approval_requests().len(),
        2,
        "asked once each"
    );
}

/// The serial number behind Intune's id.
fn truth_of(tenant: &rollcall_rehearsal::Tenant, managed: &str) -> String {
    let all = tenant.hardware().into_iter();
    let mut found = all.filter(|it| it.managed_id.as_deref() == Some(managed));
    found.next().unwrap().serial
}

/// Without the permission nothing is done to a device, that is said, and it is looked at again.
fn unread() {
    let world = world("");
    let user = account(&world, "10015");
    at(&world, "2026-03-02T08:00:00Z")
        .put_device(&iphone(&user, "PHONE"))
        .unwrap();
    world.edit(
        "rollcall.toml",
        "verified_domains",
        "without_permissions = [\"DeviceManagementManagedDevices.ReadWrite.All\"]\nverified_domains",
    );
    leaves(&world, "2026-03-03", 10_015);
    let ran = world.at(CUT, &["run"]);
    assert!(
        kinds(&ran).contains(&"devices_unread".to_owned()),
        "{ran:?}"
    );
    assert!(ops(&ran).is_empty(), "{ran:?}");
    assert_eq!(
        world.users()["10015"]["accountEnabled"],
        false,
        "cut off all the same"
    );
    world.edit(
        "rollcall.toml",
        "without_permissions = [\"DeviceManagementManagedDevices.ReadWrite.All\"]\n",
        "",
    );
    world.at("2026-03-03T04:00:00Z", &["release"]);
    assert_eq!(truth(&world, "2026-03-03T05:00:00Z", "PHONE").retired, 1);
}

fn killed() {
    let set_up = || {
        let world = world("");
        let user = account(&world, "10015");
        at(&world, "2026-03-02T08:00:00Z")
            .put_device(&iphone(&user, "PHONE"))
            .unwrap();
        leaves(&world, "2026-03-03", 10_015);
        world
    };
    let clean = set_up();
    let (ran, _, calls) = clean.counted(CUT, &["run"]);
    assert!(calls >= 10, "{calls}: {ran:?}");
    for n in 1..=calls {
        let world = set_up();
        let died = world.may_die(CUT, &["run"], &format!("called:{n}"));
        assert!(died || n > calls - 2, "call {n} of {calls}");
        world.at("2026-03-03T02:05:00Z", &["run"]);
        // One that nobody heard an answer to is sent again once the tenant says that it knows of none.
        for time in ["02:40", "03:30"] {
            world.at(&format!("2026-03-03T{time}:00Z"), &["release"]);
        }
        assert_eq!(world.users()["10015"]["accountEnabled"], false, "call {n}");
        let phone = truth(&world, "2026-03-03T05:00:00Z", "PHONE");
        assert_eq!(phone.retired, 1, "killed after call {n}: {phone:?}");
    }
}
