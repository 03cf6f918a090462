//! Deliveries that come out of order, meet older plans, or change the rules in between: the newest
//! accepted data decide, and nothing of HR's is lost.

use std::path::PathBuf;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "deliveries::a_plan_that_never_ran_gives_way_to_newer_data",
            plan_on_plan,
        ),
        trial("deliveries::older_data_come_too_late", older_after_newer),
        trial(
            "deliveries::dates_in_names_are_believed_within_reason",
            dates,
        ),
        trial(
            "deliveries::the_same_bytes_may_come_again_under_a_newer_date",
            taken_back,
        ),
        trial(
            "deliveries::a_refused_file_stands_in_nobodys_way",
            refused_first,
        ),
        trial(
            "deliveries::a_cut_that_is_due_goes_while_a_file_is_parked",
            due_while_parked,
        ),
        trial(
            "deliveries::a_release_leaves_a_parked_file_to_approve",
            release_beside_parked,
        ),
        trial("deliveries::a_new_mapping_stops_no_run", new_mapping),
        trial("deliveries::status_says_what_is_missing", status),
        trial("deliveries::a_drop_folder_over_several_days", folder),
        trial(
            "deliveries::in_order_the_changes_say_who_left",
            folder_in_order,
        ),
        trial("deliveries::what_lies_beside_a_file_is_heard", companions),
    ]
}

const NIGHTS: [&str; 4] = [
    "2026-03-14T02:00:00Z",
    "2026-03-15T02:00:00Z",
    "2026-03-16T02:00:00Z",
    "2026-03-17T02:00:00Z",
];

fn first_night(count: u32) -> (World, Roster) {
    let world = World::new();
    let roster = Roster::of(count);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at(NIGHTS[0], &["run"]).expect(0);
    (world, roster)
}

fn without(roster: &Roster, key: u32) -> String {
    let mut roster = roster.clone();
    roster.0.get_mut(&key).unwrap().active = false;
    roster.csv()
}

/// Every outcome that any run wrote down.
fn outcomes(world: &World) -> String {
    let files = world.files("runs").into_iter();
    let journal = files.filter(|(key, _)| key.contains("/outcomes/"));
    journal
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect()
}

fn plan_on_plan() {
    let (world, roster) = first_night(40);
    world.drop_file("b-2026-03-15.csv", without(&roster, 10_004));
    let first = world.at(NIGHTS[1], &["plan"]).expect(0).json();
    assert_eq!(first["plan"]["counts"]["leavers"], 1);
    world.drop_file("c-2026-03-16.csv", format!("{}\n", roster.csv()));
    let second = world.at(NIGHTS[2], &["plan"]).expect(0).json();
    assert_eq!(second["plan"]["counts"]["leavers"], 0);
    world.at(NIGHTS[2], &["run"]).expect(0);
    assert_eq!(world.users()["10004"]["accountEnabled"], true);
    assert!(!outcomes(&world).contains("user.disable"));
    world.at(NIGHTS[2], &["verify"]).expect(0);
}

fn older_after_newer() {
    let (world, roster) = first_night(40);
    world.drop_file("c-2026-03-16.csv", without(&roster, 10_004));
    world.at(NIGHTS[2], &["pull"]).expect(0);
    world.drop_file("b-2026-03-15.csv", format!("{}\n", roster.csv()));
    let late = world.at(NIGHTS[2], &["pull"]).expect(2).json();
    assert_eq!(late["error"]["kind"], "older_than_applied");
    world.at(NIGHTS[2], &["run"]).expect(2);
    assert_eq!(world.users()["10004"]["accountEnabled"], false);
}

fn dates() {
    let (world, roster) = first_night(20);
    world.drop_file("leavers-until-2026-12-31.csv", without(&roster, 10_004));
    let ran = world.at(NIGHTS[1], &["run"]).expect(2);
    assert_eq!(ran.json()["error"]["kind"], "future_file");
    std::fs::remove_file(world.dir().join("inbox/leavers-until-2026-12-31.csv")).unwrap();
    world.drop_file("b-2026-03-15.csv", without(&roster, 10_004));
    world.at(NIGHTS[1], &["run"]).expect(0);
    assert_eq!(world.users()["10004"]["accountEnabled"], false);
}

fn taken_back() {
    let (world, roster) = first_night(40);
    world.unproven();
    world.drop_file("b-2026-03-15.csv", without(&roster, 10_004));
    world.at(NIGHTS[1], &["run"]).expect(0);
    world.drop_file("workers.csv", roster.csv());
    let ran = world.at(NIGHTS[2], &["run"]).expect(2);
    assert_eq!(ran.json()["error"]["kind"], "duplicate_content");
    std::fs::remove_file(world.dir().join("inbox/workers.csv")).unwrap();
    assert_eq!(world.users()["10004"]["accountEnabled"], false);
    world.drop_file("c-2026-03-16.csv", roster.csv());
    world.at(NIGHTS[2], &["run"]).expect(0);
    assert_eq!(world.users()["10004"]["accountEnabled"], true);
    world.drop_file("d-2026-03-17.csv", roster.csv());
    let ran = world.at(NIGHTS[3], &["run"]).expect(2);
    assert_eq!(ran.json()["error"]["kind"], "duplicate_content");
}

fn refused_first() {
    let (world, roster) = first_night(40);
    world.drop_file("a-2026-03-01.csv", without(&roster, 10_005));
    world.drop_file("b-2026-03-15.csv", without(&roster, 10_004));
    let ran = world.at(NIGHTS[1], &["plan"]).expect(2);
    assert!(ran.err.contains("a-2026-03-01.csv"), "{}", ran.err);
    assert_eq!(ran.last_json()["plan"]["counts"]["leavers"], 1);
    world.at(NIGHTS[1], &["apply"]).expect(0);
    assert_eq!(world.users()["10004"]["accountEnabled"], false);
}

/// A worker whose last day was told with the second file; then the night after that day.
fn last_day(world: &World, roster: &Roster) {
    world.edit(
        "mapping.toml",
        "time_zone = { constant = \"UTC\" }",
        "last_day = { column = \"Custom01\", format = \"iso\" }\n\
         time_zone = { constant = \"UTC\" }",
    );
    let csv = roster.csv().replace("030-10007,,", "030-10007,2026-03-15,");
    world.drop_file("b-2026-03-15.csv", csv);
    world.at(NIGHTS[1], &["run"]).expect(0);
    assert_eq!(world.users()["10007"]["accountEnabled"], true);
}

fn half(roster: &Roster) -> String {
    let mut half = roster.clone();
    half.0.retain(|key, _| key % 2 == 0);
    half.csv()
}

fn due_while_parked() {
    let (world, roster) = first_night(60);
    last_day(&world, &roster);
    world.drop_file("c-2026-03-16.csv", half(&roster));
    world.at(NIGHTS[2], &["run"]).expect(3);
    let users = world.users();
    assert_eq!(users["10007"]["accountEnabled"], false);
    let cut = users.values().filter(|u| u["accountEnabled"] == false);
    assert_eq!(cut.count(), 1);
    world.at(NIGHTS[2], &["verify"]).expect(0);
}

fn release_beside_parked() {
    let (world, roster) = first_night(60);
    last_day(&world, &roster);
    world.edit("policy.toml", "workers = []", "workers = [\"10007\"]");
    world.drop_file("c-2026-03-16.csv", half(&roster));
    let ran = world.at(NIGHTS[2], &["run"]).expect(3);
    let parked = ran.first_json();
    assert_eq!(parked["verdict"], "held");
    assert_eq!(ran.last_json()["kind"], "release");
    let status = world.at(NIGHTS[2], &["status"]).json();
    assert_eq!(status["pending"].as_array().map(Vec::len), Some(2));
    assert_eq!(world.users()["10007"]["accountEnabled"], true, "protected");
    let run = parked["run"].as_str().unwrap();
    let plan = parked["plan_sha256"].as_str().unwrap();
    let args = [
        "approve",
        run,
        "--plan",
        plan,
        "--guard",
        "row_count",
        "--reason",
        "sold",
    ];
    world.at(NIGHTS[2], &args).expect(0);
    world.at(NIGHTS[2], &["apply"]);
    let status = world.at(NIGHTS[2], &["status"]).json();
    let stale = status["pending"].as_array().unwrap();
    assert!(stale.iter().all(|p| p["run"] == run), "{stale:?}");
}

fn new_mapping() {
    let (world, roster) = first_night(40);
    let more = "[[attribute]]\ntarget = \"city\"\nsource = \"City\"\n";
    let widen = || {
        let path = world.dir().join("mapping.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let without: String = text.replace(more, "");
        (path, without)
    };
    // Narrow first, so that a delivery is sealed without the column.
    let (path, text) = widen();
    let start = text.find("[[attribute]]\ntarget = \"city\"");
    let narrow = match start {
        Some(at) => {
            let end = text[at + 1..].find("[[").map_or(text.len(), |n| at + 1 + n);
            format!("{}{}", &text[..at], &text[end..])
        }
        None => text.clone(),
    };
    std::fs::write(&path, &narrow).unwrap();
    world.drop_file("b-2026-03-15.csv", without(&roster, 10_004));
    world.at(NIGHTS[1], &["plan"]).expect(0);
    std::fs::write(&path, format!("{narrow}\n{more}")).unwrap();
    world.at(NIGHTS[1], &["run"]).expect(0);
    assert_eq!(world.users()["10004"]["accountEnabled"], false);

    std::fs::write(&path, &narrow).unwrap();
    let next = without(&roster, 10_005);
    world.drop_file("c-2026-03-16.csv", &next);
    world.at(NIGHTS[2], &["pull"]).expect(0);
    std::fs::write(&path, format!("{narrow}\n{more}")).unwrap();
    let ran = world.at(NIGHTS[2], &["run"]).expect(2);
    assert!(
        ran.err.contains("c-2026-03-16.csv") && ran.err.contains("City"),
        "{}",
        ran.err
    );
    world.drop_file("c-2026-03-16.csv", &next);
    world.at(NIGHTS[2], &["run"]).expect(0);
    assert_eq!(world.users()["10005"]["accountEnabled"], false);
    world.at(NIGHTS[2], &["verify"]).expect(0);
}

/// P16: what never came is an alarm too, and what is agreed and done is none.
fn status() {
    let world = World::new();
    let status = world.at(NIGHTS[0], &["status"]).expect(1).json();
    assert_eq!(status["stale"], true);
    let (world, roster) = first_night(60);
    world.edit("policy.toml", "protected = 2", "protected = 1");
    world.edit("policy.toml", "workers = []", "workers = [\"10004\"]");
    world.drop_file("b-2026-03-15.csv", without(&roster, 10_004));
    let report = world.at(NIGHTS[1], &["run"]).expect(3).json();
    world.at(NIGHTS[1], &["status"]).expect(3);
    world.at(NIGHTS[1], &["apply"]).expect(3);
    let (run, plan) = (&report["run"], &report["plan_sha256"]);
    let (run, plan) = (run.as_str().unwrap(), plan.as_str().unwrap());
    let args = ["approve", run, "--plan", plan, "--reason", "checked"];
    world.at(NIGHTS[1], &args).expect(0);
    world.at(NIGHTS[1], &["apply"]).expect(0);
    assert_eq!(world.users()["10004"]["accountEnabled"], false);
    world.at(NIGHTS[1], &["status"]).expect(0);
}

/// A world whose feed is that of the fixture: full files and changes in one folder.
fn feed() -> World {
    let world = World::new();
    world.edit(
        "rollcall.toml",
        "coverage = \"full\"",
        "coverage = { full = \"*_FULL_*\", delta = \"*_DELTA_*\" }",
    );
    std::fs::write(world.dir().join("mapping.toml"), FEED_MAPPING).unwrap();
    for (from, to) in [
        ("[\"Inactive\"]", "[\"Inactive\", \"Terminated\"]"),
        ("row_count_pct = 5.0", "row_count_pct = 50.0"),
        ("key_set_pct = 5.0", "key_set_pct = 50.0"),
        (
            "inactive_share_points = 5.0",
            "inactive_share_points = 50.0",
        ),
    ] {
        world.edit("policy.toml", from, to);
    }
    world
}

const FEED_MAPPING: &str = r#"
format_version = 1
default_domain = "woodgrove.example"
[worker]
key = "EmployeeID"
status = "Status"
time_zone = { constant = "UTC" }
[[attribute]]
target = "employeeId"
source = "EmployeeID"
[[attribute]]
target = "userPrincipalName"
apply = "create"
expression = 'Join("@", [EmployeeID], DefaultDomain())'
[[attribute]]
target = "mailNickname"
apply = "create"
source = "EmployeeID"
[[attribute]]
target = "displayName"
expression = 'Join(" ", [FirstName], [LastName])'
"#;

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/hr/files");
    std::fs::read(folder.join(name)).unwrap()
}

/// Puts a file of the drop folder into the inbox, with what lies beside it there.
fn arrive(world: &World, name: &str) {
    world.drop_file(name, fixture(&format!("delivery/{name}")));
    let checksum = format!("{name}.sha256");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/hr/files/delivery");
    if folder.join(&checksum).exists() {
        world.drop_file(&checksum, fixture(&format!("delivery/{checksum}")));
    }
}

/// The day in a name, at noon.
fn noon_of(name: &str) -> String {
    let at = name.find("2026").unwrap();
    let day = &name[at..at + 8];
    format!("{}-{}-{}T12:00:00Z", &day[..4], &day[4..6], &day[6..])
}

/// The story of `delivery` in `expected.json`, file by file in the order of arrival.
fn folder() {
    let expected: Value = serde_json::from_slice(&fixture("expected.json")).unwrap();
    let story = &expected["delivery"];
    let decisions = story["decisions"].as_array().unwrap();
    let arrivals = story["arrival_order"].as_array().unwrap();
    assert_eq!(decisions.len(), arrivals.len());
    let world = feed();
    let mut now = String::new();
    for decision in decisions {
        let name = decision["file"].as_str().unwrap();
        arrive(&world, name);
        if let Some(manifest) = decision["with"].as_str() {
            world.drop_file(manifest, fixture(&format!("delivery/{manifest}")));
        }
        now = noon_of(name).max(now);
        let ran = world.at(&now, &["pull"]);
        let told = ran.lines();
        let about = |it: &&Value| it["file"] == name || it["error"]["file"] == name;
        let found = told.iter().find(about).unwrap_or_else(|| panic!("{ran:?}"));
        assert_eq!(found["decision"], decision["decision"], "{found}");
        match decision["decision"].as_str().unwrap() {
            "accept" => {
                assert_eq!(found["coverage"], decision["coverage"], "{found}");
                assert_eq!(found["rows"], decision["rows"], "{found}");
                let plan = world.at(&now, &["plan"]).json();
                let against = &decision["against_previous_full"];
                if !against.is_null() {
                    let new = against["new"].as_array().unwrap().len();
                    assert_eq!(plan["plan"]["counts"]["joiners"], new, "{plan}");
                    let missing = against["missing"].as_array().unwrap().len();
                    assert_eq!(plan["plan"]["counts"]["missing_once"], missing, "{plan}");
                }
                world.at(&now, &["run"]);
            }
            "ignore" => assert_eq!(found["reason"], decision["reason"]),
            _ => {
                assert_eq!(found["error"]["kind"], decision["reason"], "{found}");
                let message = found["error"]["message"].as_str().unwrap();
                for named in ["same_as", "with"] {
                    if let Some(named) = decision[named].as_str() {
                        assert!(message.contains(named), "{message}");
                    }
                }
                if let Some(applied) = decision["applied"].as_str() {
                    assert!(message.contains(applied), "{message}");
                }
                std::fs::remove_file(world.dir().join("inbox").join(name)).unwrap();
            }
        }
        if decision["decision"] == "accept" {
            // What was taken leaves nothing behind.
            let checksum = world.dir().join(format!("inbox/{name}.sha256"));
            assert!(!checksum.exists(), "{name}");
        }
    }
    // Nobody was cut off: whoever is missing once is only told.
    assert_eq!(world.users()["03007"]["accountEnabled"], true);
    world.at(&now, &["verify"]).expect(0);
}

/// The same changes, had they arrived in order.
fn folder_in_order() {
    let world = feed();
    for name in [
        "woodgrove_workers_FULL_20260314T020000Z.csv",
        "woodgrove_workers_DELTA_20260315T020000Z.csv",
        "woodgrove_workers_FULL_20260316T020000Z.csv",
    ] {
        arrive(&world, name);
        world.at(&noon_of(name), &["run"]);
        if name.contains("DELTA") {
            assert_eq!(world.users()["03007"]["accountEnabled"], false);
            assert_eq!(world.users()["03001"]["accountEnabled"], true);
        }
    }
}

fn companions() {
    let (world, roster) = first_night(20);
    let sum = |bytes: &str| rollcall_core::digest::sha256(bytes.as_bytes());
    let kind = |at: &str| {
        let ran = world.at(at, &["pull"]);
        let told = ran.lines();
        let told = told.first().cloned().unwrap_or_default();
        let kind = told["error"]["kind"].as_str().map(str::to_owned);
        kind.unwrap_or_else(|| told["decision"].to_string())
    };
    let newer = without(&roster, 10_004);
    // A checksum of other bytes, one that is cut off, and none where one has to be.
    world.drop_file("b-2026-03-15.csv", newer.clone());
    world.drop_file("b-2026-03-15.csv.sha256", sum("other bytes"));
    assert_eq!(kind(NIGHTS[1]), "checksum_mismatch");
    world.drop_file("b-2026-03-15.csv.sha256", &sum(&newer)[..40]);
    assert_eq!(kind(NIGHTS[1]), "half_written");
    std::fs::remove_file(world.dir().join("inbox/b-2026-03-15.csv.sha256")).unwrap();
    world.edit(
        "rollcall.toml",
        "[source.file]",
        "[source.file]\nwaits_for = \"checksum\"",
    );
    assert_eq!(kind(NIGHTS[1]), "\"ignore\"");
    // A manifest says that there are more, that these are changes, or that something comes before.
    world.edit("rollcall.toml", "\"checksum\"", "\"manifest\"");
    let manifest = |more: &str| {
        let text = format!(
            r#"{{"files": [{{"name": "b-2026-03-15.csv", "sha256": "{}"{more}}}]}}"#,
            sum(&newer)
        );
        world.drop_file("manifest.json", text);
    };
    for (more, expected) in [
        (r#", "rows": 21"#, "control_total_mismatch"),
        (r#", "coverage": "delta""#, "coverage_conflict"),
        (r#", "coverage": "whatever""#, "coverage_conflict"),
        (r#", "as_of": "yesterday""#, "half_written"),
        (r#", "follows": "00""#, "predecessor_missing"),
    ] {
        manifest(more);
        assert_eq!(kind(NIGHTS[1]), expected, "{more}");
    }
    let cut = "{\"files\": [{\"name\": \"b-2026-03-15.csv\", \"ro";
    world.drop_file("manifest.json", cut);
    assert_eq!(kind(NIGHTS[1]), "half_written");
    manifest(&format!(
        r#", "rows": 20, "coverage": "full", "as_of": "2026-03-15", "follows": "{}""#,
        sum(&roster.csv())
    ));
    world.at(NIGHTS[1], &["run"]).expect(0);
    assert_eq!(world.users()["10004"]["accountEnabled"], false);
    assert!(!world.dir().join("inbox/manifest.json").exists());
    // A name that says changes is not read as everybody.
    world.edit("rollcall.toml", "waits_for = \"manifest\"\n", "");
    world.drop_file("c_DELTA_2026-03-16.csv", roster.csv());
    assert_eq!(kind(NIGHTS[2]), "coverage_conflict");
    std::fs::remove_file(world.dir().join("inbox/c_DELTA_2026-03-16.csv")).unwrap();
    // So is what lies beside a file elsewhere, which stays where it is.
    let elsewhere = world.dir().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let file = elsewhere.join("c-2026-03-16.csv");
    let beside = elsewhere.join("c-2026-03-16.csv.sha256");
    std::fs::write(&file, roster.csv()).unwrap();
    std::fs::write(&beside, sum("other bytes")).unwrap();
    let run = ["run", "--file", file.to_str().unwrap()];
    let ran = world.at(NIGHTS[2], &run).expect(2);
    assert!(ran.err.contains("sha256"), "{}", ran.err);
    assert_eq!(world.users()["10004"]["accountEnabled"], false);
    std::fs::write(&beside, sum(&roster.csv())).unwrap();
    world.at(NIGHTS[2], &run).expect(0);
    assert!(file.exists() && beside.exists());
}
