//! Several sources: employees, contractors and phone numbers, each in files of its own, of persons
//! who have one account whoever brings them.

use std::fmt::Write as _;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::trial;
use crate::world::{Ran, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("sources::a_contractor_becomes_an_employee", conversion),
        trial("sources::the_owner_says_what_an_attribute_is", phones),
        trial("sources::a_silent_source_ends_nobody", silent),
        trial("sources::half_a_file_holds_its_own_source_alone", half),
        trial("sources::two_absences_end_one_employment", absence),
        trial("sources::nobody_is_joined_by_guess", doubt),
        trial("sources::a_store_of_one_source_gets_more", grows),
        trial("sources::a_new_mapping_is_of_its_source", other_mapping),
        trial("sources::a_due_cut_waits_for_no_source", due_cut),
        trial("sources::a_job_to_come_keeps_nobody_inside", job_to_come),
        trial("sources::a_source_that_brought_somebody_stays", source_gone),
        trial("sources::what_waited_takes_nothing_back", waited),
        trial("sources::a_worker_id_is_no_person", no_person_key),
        trial("sources::rows_of_nobody_do_not_flood", many_nobodies),
        trial("sources::an_owner_is_taken_back", owner_undone),
        trial("sources::what_is_over_is_no_fresh_word", over_and_stale),
        trial("sources::an_owners_future_row_waits", owner_to_come),
        trial("sources::the_same_bytes_of_a_newer_day", same_bytes),
        trial("sources::nobody_enters_after_the_file", entered),
        trial("sources::apply_does_what_was_shown", shown),
        trial("sources::contradictions_are_refused", refused),
    ]
}

pub(crate) const MAPPING: &str = r#"format_version = 1
[worker]
key = "Id"
status = "Status"
person = "Person"
manager = "Boss"
hire_date = { column = "From", format = "iso" }
last_day = { column = "To", format = "iso" }
time_zone = { constant = "UTC" }
[[attribute]]
target = "employeeId"
source = "Id"
[[attribute]]
target = "userPrincipalName"
expression = 'Join("@", Join("", "p", [Person]), "woodgrove.example")'
apply = "create"
[[attribute]]
target = "mailNickname"
expression = 'Join("", "p", [Person])'
apply = "create"
[[attribute]]
target = "displayName"
source = "Name"
[[attribute]]
target = "department"
source = "Unit"
[[attribute]]
target = "employeeType"
constant = "KIND"
[[attribute]]
target = "mobilePhone"
source = "Phone"
"#;

const PHONES: &str = r#"format_version = 1
[worker]
key = "Worker"
[[attribute]]
target = "mobilePhone"
source = "Number"
"#;

/// These go on for longer than values are kept, and every plan is to be made again.
const SOURCES: &str = r#"[retention]
values_days = 3650

[[source]]
name = "hr"
files = "hr_*.csv"
mapping = "hr.toml"
coverage = "full"
[source.file]

[[source]]
name = "agency"
files = "agency_*.csv"
mapping = "agency.toml"
coverage = "full"
[source.file]
delimiter = ";"

[[source]]
name = "phones"
files = "phones_*.csv"
mapping = "phones.toml"
population = false
coverage = "full"
max_age_hours = 240
[source.file]

[owners]
mobilePhone = "phones"
"#;

const ONE: &str = "[source]\nname = \"csv2scim\"\n# Every export lists everybody: only then does \
                   absence mean something.\ncoverage = \"full\"\n\n[source.file]\n";

pub(crate) fn world() -> World {
    let world = World::new();
    several(&world, SOURCES);
    world
}

pub(crate) fn write(world: &World, file: &str, text: &str) {
    std::fs::write(world.dir().join(file), text).unwrap();
}

fn several(world: &World, sources: &str) {
    world.edit("rollcall.toml", ONE, sources);
    world.edit("rollcall.toml", "mapping = \"mapping.toml\"\n", "");
    let employees = MAPPING.replace("KIND", "Employee");
    write(world, "hr.toml", &employees);
    write(world, "agency.toml", &MAPPING.replace("KIND", "Contractor"));
    write(world, "phones.toml", PHONES);
}

/// One employment; the person has a name of its number.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) id: &'static str,
    pub(crate) person: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) unit: &'static str,
}

pub(crate) const fn job(id: &'static str, person: &'static str) -> Job {
    Job {
        id,
        person,
        from: "2024-01-08",
        to: "",
        unit: "Sales",
    }
}

pub(crate) const HR: [Job; 3] = [job("E1", "1"), job("E2", "2"), job("E3", "3")];
pub(crate) const AGENCY: [Job; 3] = [job("C7", "7"), job("C8", "8"), job("C9", "9")];

pub(crate) fn file(world: &World, source: &str, day: &str, jobs: &[Job]) {
    let line = "Id,Status,Person,Boss,From,To,Name,Unit,Phone\n";
    let mut out = line.to_owned();
    for it in jobs {
        let (id, person, from, to, unit) = (it.id, it.person, it.from, it.to, it.unit);
        writeln!(
            out,
            "{id},Active,{person},,{from},{to},Person {person},{unit},000-{day}"
        )
        .unwrap();
    }
    if source == "agency" {
        out = out.replace(',', ";");
    }
    world.drop_file(&format!("{source}_{day}.csv"), out);
}

pub(crate) fn numbers(world: &World, day: &str, rows: &[(&str, &str)]) {
    let mut out = "Worker,Number\n".to_owned();
    for (worker, number) in rows {
        writeln!(out, "{worker},{number}").unwrap();
    }
    world.drop_file(&format!("phones_{day}.csv"), out);
}

pub(crate) fn night(world: &World, day: &str) -> Ran {
    world.at(&format!("{day}T02:00:00Z"), &["run"])
}

pub(crate) fn reports(ran: &Ran) -> Vec<Value> {
    let lines = ran.out.lines();
    lines.map(|it| serde_json::from_str(it).unwrap()).collect()
}

/// The findings of a kind in the reports of a night.
pub(crate) fn found<'a>(reports: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let all = reports.iter().filter_map(|it| it["findings"].as_array());
    all.flatten().filter(|it| it["kind"] == kind).collect()
}

pub(crate) fn enabled(world: &World, worker: &str) -> bool {
    world.users()[worker]["accountEnabled"] == true
}

/// Everything is in the log, and every plan comes out again from what is stored.
pub(crate) fn verified(world: &World, now: &str) {
    let said = world.at(now, &["verify"]).expect(0).json();
    assert_eq!(said["problems"], json!([]));
    assert_eq!(said["plans_not_replayed"], 0);
    assert!(said["plans_replayed"].as_u64().unwrap() > 0);
}

/// Her contract ends on a Friday in one file, her job begins on the Monday in the other: one account,
/// which nothing blocks in between.
fn conversion() {
    let world = world();
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &AGENCY);
    numbers(
        &world,
        "2026-03-02",
        &[("C7", "040"), ("E1", "041"), ("X", "9")],
    );
    let ran = night(&world, "2026-03-02").expect(0);
    let said = reports(&ran);
    let of: Vec<&Value> = said.iter().map(|it| &it["intake"]["source"]).collect();
    assert_eq!(
        of,
        ["hr", "agency", "phones"],
        "of one moment the home source first"
    );
    let nobody = found(&said, "nobody_of_row");
    assert_eq!(nobody.len(), 1, "{nobody:?}");
    assert_eq!(nobody[0]["worker"], "X");
    let keys: Vec<String> = world.users().into_keys().collect();
    assert_eq!(keys, ["C7", "C8", "C9", "E1", "E2", "E3"]);
    let id = world.users()["C7"]["id"].clone();

    let ends = Job {
        to: "2026-03-06",
        ..AGENCY[0]
    };
    let begins = Job {
        from: "2026-03-09",
        unit: "Finance",
        ..job("E7", "7")
    };
    let (hr, agency) = ([HR[0], HR[1], HR[2], begins], [ends, AGENCY[1], AGENCY[2]]);
    for day in [
        "2026-03-04",
        "2026-03-05",
        "2026-03-06",
        "2026-03-07",
        "2026-03-08",
    ] {
        file(&world, "hr", day, &hr);
        file(&world, "agency", day, &agency);
        night(&world, day).expect(0);
        assert_eq!(world.users()["C7"]["department"], "Sales");
        assert!(enabled(&world, "C7"), "{day}");
    }
    world.at("2026-03-09T00:00:00Z", &["release"]).expect(0);
    let users = world.users();
    assert_eq!(users["E7"]["id"], id, "the same account");
    assert_eq!(users["E7"]["department"], "Finance");
    assert_eq!(users["E7"]["employeeType"], "Employee");
    assert_eq!(users["E7"]["mobilePhone"], "040", "whoever employs her");
    // Her contract leaves the file: that is the end of nothing.
    for day in ["2026-03-10", "2026-03-11"] {
        file(&world, "hr", day, &hr);
        file(&world, "agency", day, &AGENCY[1..]);
        let ran = night(&world, day).expect(0);
        assert_eq!(found(&reports(&ran), "missing_once").len(), 0, "{day}");
        assert!(enabled(&world, "E7"), "{day}");
    }
    // Nobody was cut off on the way.
    for (key, journal) in world.files("runs") {
        if key.contains("/outcomes/") {
            let text = String::from_utf8(journal).unwrap();
            assert!(!text.contains("user.disable"), "{key}");
        }
    }
    verified(&world, "2026-03-12T03:00:00Z");
}

fn phones() {
    let world = world();
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &AGENCY);
    let said = reports(&night(&world, "2026-03-02").expect(1));
    let aside = found(&said, "not_owner");
    assert_eq!(aside.len(), 2, "one for each source: {aside:?}");
    assert_eq!(aside[0]["args"]["rows"], "3", "{aside:?}");
    let phone = |worker: &str| world.users()[worker]["mobilePhone"].clone();
    assert_eq!(phone("E1"), Value::Null, "its owner has said nothing yet");

    numbers(
        &world,
        "2026-03-03",
        &[("E1", "041"), ("C7", "047"), ("E2", "042")],
    );
    file(&world, "hr", "2026-03-03", &HR);
    file(&world, "agency", "2026-03-03", &AGENCY);
    let said = reports(&night(&world, "2026-03-03").expect(0));
    assert_eq!([phone("E1"), phone("C7")], ["041", "047"]);
    let last = said.last().unwrap();
    let change = &last["changes"][0];
    assert_eq!(change["op"], "user.update", "{change}");
    let sources = last["sources"].as_array().unwrap();
    let named: Vec<&Value> = sources.iter().map(|it| &it["source"]).collect();
    assert_eq!(named, ["hr", "agency", "phones"]);
    assert_eq!(sources[2]["rows"], 3);

    // A new number, an empty cell, a row that is gone; HR's column changes every day.
    numbers(&world, "2026-03-04", &[("E1", "141"), ("E2", "")]);
    file(&world, "hr", "2026-03-04", &HR);
    file(&world, "agency", "2026-03-04", &AGENCY);
    // Of three rows one is gone: few enough for no gate.
    night(&world, "2026-03-04").expect(0);
    assert_eq!(
        [phone("E1"), phone("E2"), phone("C7")],
        ["141", "042", "047"]
    );
    let said = world
        .at("2026-03-04T03:00:00Z", &["explain", "E1"])
        .expect(0)
        .json();
    assert_eq!(said["delivery"]["file"], "hr_2026-03-04.csv");
    let owned = json!([{"attribute": "mobilePhone", "source": "phones", "value": "141"}]);
    assert_eq!(said["owned"], owned);
    let of_agency = world
        .at("2026-03-04T03:00:00Z", &["explain", "C7"])
        .expect(0);
    assert_eq!(
        of_agency.json()["delivery"]["file"],
        "agency_2026-03-04.csv"
    );

    // Whoever comes later has the number that the file had all along: it is taken again.
    let more = [HR[0], HR[1], HR[2], job("E5", "5")];
    numbers(
        &world,
        "2026-03-05",
        &[("E1", "141"), ("E2", ""), ("E5", "055")],
    );
    night(&world, "2026-03-05").expect(0);
    file(&world, "hr", "2026-03-06", &more);
    file(&world, "agency", "2026-03-06", &AGENCY);
    numbers(
        &world,
        "2026-03-06",
        &[("E1", "141"), ("E2", ""), ("E5", "055")],
    );
    night(&world, "2026-03-06").expect(0);
    assert_eq!(phone("E5"), "055");
    // Two numbers for one: neither.
    numbers(
        &world,
        "2026-03-07",
        &[("E1", "1"), ("E1", "2"), ("E5", "055")],
    );
    file(&world, "hr", "2026-03-07", &more);
    file(&world, "agency", "2026-03-07", &AGENCY);
    let said = reports(&night(&world, "2026-03-07").expect(1));
    assert_eq!(found(&said, "duplicate_conflict").len(), 2);
    assert_eq!(phone("E1"), "141");
    verified(&world, "2026-03-07T03:00:00Z");
}

fn silent() {
    let world = world();
    for day in ["2026-03-02", "2026-03-03", "2026-03-04"] {
        file(&world, "hr", day, &HR);
        numbers(&world, day, &[("E1", day)]);
        if day == "2026-03-02" {
            file(&world, "agency", day, &AGENCY);
            let leaves = Job {
                to: "2026-03-04",
                ..AGENCY[2]
            };
            file(&world, "agency", day, &[AGENCY[0], AGENCY[1], leaves]);
        }
        let ran = night(&world, day);
        if day == "2026-03-04" {
            let ran = ran.expect(1);
            assert!(ran.err.contains("source `agency`: the newest"), "{ran:?}");
        } else {
            ran.expect(0);
        }
        for worker in ["C7", "C8", "C9"] {
            assert!(enabled(&world, worker), "{day} {worker}");
        }
    }
    let status = world.at("2026-03-04T03:00:00Z", &["status"]).json();
    assert_eq!(status["stale"], true);
    let stale: Vec<&Value> = status["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["stale"])
        .collect();
    assert_eq!(stale, [false, true, false]);
    // What was dated comes all the same.
    world.at("2026-03-05T00:00:00Z", &["release"]).expect(0);
    assert!(!enabled(&world, "C9") && enabled(&world, "C8"));
    verified(&world, "2026-03-05T03:00:00Z");
}

/// Five hundred would do as well: a gate looks at percent, above a few rows.
fn many(prefix: &'static str) -> Vec<Job> {
    let all = (100..130).map(|n| {
        let (id, person) = (format!("{prefix}{n}"), format!("{prefix}{n}"));
        job(id.leak(), person.leak())
    });
    all.collect()
}

fn half() {
    let world = world();
    let (hr, agency) = (many("E"), many("C"));
    file(&world, "hr", "2026-03-02", &hr);
    file(&world, "agency", "2026-03-02", &agency);
    numbers(&world, "2026-03-02", &[("E100", "1")]);
    night(&world, "2026-03-02").expect(0);

    let mut moved = hr.clone();
    moved[3].unit = "Finance";
    file(&world, "hr", "2026-03-03", &moved);
    file(&world, "agency", "2026-03-03", &agency[..15]);
    numbers(&world, "2026-03-03", &[("E100", "2")]);
    let ran = night(&world, "2026-03-03").expect(3);
    let users = world.users();
    assert_eq!(users["E103"]["department"], "Finance", "HR's file goes on");
    assert_eq!(users["E100"]["mobilePhone"], "2", "and so do the phones");
    let said = reports(&ran);
    let parked = said
        .iter()
        .find(|it| it["intake"]["source"] == "agency")
        .unwrap();
    assert_eq!(parked["verdict"], "held", "{parked}");
    let status = world.at("2026-03-03T03:00:00Z", &["status"]).json();
    let pending = status["pending"].as_array().unwrap();
    assert_eq!(
        pending.len(),
        1,
        "the phones that came later leave it waiting"
    );
    let run = pending[0]["run"].as_str().unwrap();
    let plan = pending[0]["plan_sha256"].as_str().unwrap();
    assert_eq!(parked["run"], run);

    // Somebody looks and says that it is meant: they are missing once, and nobody is cut off.
    for guard in pending[0]["guards"].as_array().unwrap() {
        let args = [
            "approve",
            run,
            "--plan",
            plan,
            "--guard",
            guard.as_str().unwrap(),
        ];
        let all: Vec<&str> = args.into_iter().chain(["--reason", "meant"]).collect();
        world.at("2026-03-03T04:00:00Z", &all);
    }
    world.at("2026-03-03T04:00:01Z", &["apply"]).expect(0);
    assert!(agency.iter().all(|it| enabled(&world, it.id)));
    let status = world.at("2026-03-03T05:00:00Z", &["status"]).json();
    assert_eq!(status["pending"], json!([]));
    assert_eq!(status["sources"][1]["rows"], 15);
    verified(&world, "2026-03-03T06:00:00Z");
}

fn absence() {
    let world = world();
    numbers(&world, "2026-03-02", &[("E1", "1")]);
    // He has a contract beside his job.
    let both = [AGENCY[0], AGENCY[1], AGENCY[2], job("C1", "1")];
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &both);
    night(&world, "2026-03-02").expect(0);
    assert_eq!(world.users().len(), 6);
    for (day, kind) in [
        ("2026-03-03", "missing_once"),
        ("2026-03-04", "job_missing"),
    ] {
        file(&world, "hr", day, &HR);
        // With him somebody goes whom nobody else employs.
        file(&world, "agency", day, &AGENCY[..2]);
        let said = reports(&night(&world, day).expect(0));
        let workers: Vec<&Value> = found(&said, kind).iter().map(|it| &it["worker"]).collect();
        let his = ["C1", "E1"].iter().any(|id| workers.contains(&&json!(id)));
        assert!(his, "{day}: {workers:?}");
        let one = world
            .users()
            .into_keys()
            .find(|key| ["C1", "E1"].contains(&key.as_str()));
        assert!(enabled(&world, &one.unwrap()), "{day}");
    }
    assert!(!enabled(&world, "C9"), "nobody employs them any more");
    let keys: Vec<String> = world.users().into_keys().collect();
    assert!(
        keys.contains(&"E1".to_owned()),
        "what the other says goes on: {keys:?}"
    );
    // HR's file says nothing of whom only the agency has.
    file(&world, "hr", "2026-03-05", &HR);
    file(&world, "agency", "2026-03-05", &AGENCY[..2]);
    night(&world, "2026-03-05").expect(0);
    assert!(enabled(&world, "C7") && enabled(&world, "E1"));
    verified(&world, "2026-03-05T03:00:00Z");
}

fn doubt() {
    let world = world();
    numbers(&world, "2026-03-02", &[("E1", "1")]);
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &AGENCY);
    night(&world, "2026-03-02").expect(0);
    // One row says no person, one takes the number of somebody else's account.
    let agency = [AGENCY[0], job("C8", ""), AGENCY[2], job("E2", "99")];
    for day in ["2026-03-03", "2026-03-04"] {
        file(&world, "hr", day, &HR);
        file(&world, "agency", day, &agency);
        let said = reports(&night(&world, day).expect(1));
        let nameless = found(&said, "person_missing");
        assert_eq!(nameless.len(), 1, "{said:?}");
        assert_eq!(
            (&nameless[0]["worker"], &nameless[0]["row"]),
            (&json!("C8"), &json!(3))
        );
        assert_eq!(found(&said, "id_reuse")[0]["worker"], "E2");
        assert!(
            enabled(&world, "C8"),
            "{day}: a row without a person is no absence"
        );
        assert_eq!(world.users().len(), 6, "nobody new");
        assert_eq!(world.users()["E2"]["employeeType"], "Employee");
    }
    world.drop_file("roster_2026-03-05.csv", "Id,Status\n1,Active\n");
    let ran = night(&world, "2026-03-05").expect(2);
    assert!(
        ran.err.contains("no source has files of this name"),
        "{ran:?}"
    );
    assert!(ran.err.contains("`agency_*.csv` (agency)"), "{ran:?}");
    assert!(ran.out.contains("\"unknown_source\""), "{ran:?}");
    verified(&world, "2026-03-05T03:00:00Z");
}

/// Years with one source, then a second: nobody is anybody new.
fn grows() {
    let world = World::new();
    write(&world, "mapping.toml", &MAPPING.replace("KIND", "Employee"));
    world.edit("rollcall.toml", "name = \"csv2scim\"", "name = \"hr\"");
    file(&world, "hr", "2026-03-02", &HR);
    night(&world, "2026-03-02").expect(0);
    verified(&world, "2026-03-02T03:00:00Z");
    let before = world.tenant();
    let one = ONE.replace("csv2scim", "hr");
    world.edit("rollcall.toml", &one, SOURCES);
    world.edit("rollcall.toml", "mapping = \"mapping.toml\"\n", "");
    write(&world, "hr.toml", &MAPPING.replace("KIND", "Employee"));
    write(
        &world,
        "agency.toml",
        &MAPPING.replace("KIND", "Contractor"),
    );
    write(&world, "phones.toml", PHONES);
    verified(&world, "2026-03-02T04:00:00Z");
    file(&world, "hr", "2026-03-03", &HR);
    file(&world, "agency", "2026-03-03", &AGENCY);
    numbers(&world, "2026-03-03", &[("E1", "041")]);
    night(&world, "2026-03-03").expect(0);
    let after = world.users();
    assert_eq!(after.len(), 6);
    assert_eq!(after["E1"]["mobilePhone"], "041");
    // What HR said before there was an owner stands until the owner says something.
    assert_eq!(after["E2"]["mobilePhone"], before["E2"]["mobilePhone"]);
    verified(&world, "2026-03-03T03:00:00Z");
    // The first one stays the first.
    let (hr, rest) = SOURCES.split_once("[[source]]\nname = \"agency\"").unwrap();
    let (agency, rest) = rest.split_once("[[source]]\nname = \"phones\"").unwrap();
    let other =
        format!("[[source]]\nname = \"agency\"{agency}{hr}[[source]]\nname = \"phones\"{rest}");
    world.edit("rollcall.toml", SOURCES, &other);
    file(&world, "agency", "2026-03-04", &AGENCY);
    let ran = night(&world, "2026-03-04").expect(2);
    assert!(ran.err.contains("begun with the source `hr`"), "{ran:?}");
    assert_eq!(world.users().len(), 6);
}

/// Another mapping of one source is for its rows, once they come.
fn other_mapping() {
    let world = world();
    numbers(&world, "2026-03-02", &[("E1", "1")]);
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &AGENCY);
    night(&world, "2026-03-02").expect(0);
    world.edit("agency.toml", "\"Contractor\"", "\"External\"");
    file(&world, "hr", "2026-03-03", &HR);
    night(&world, "2026-03-03").expect(0);
    assert_eq!(world.users()["C7"]["employeeType"], "Contractor");
    file(&world, "agency", "2026-03-04", &AGENCY);
    night(&world, "2026-03-04").expect(0);
    assert_eq!(world.users()["C7"]["employeeType"], "External");
    assert_eq!(world.users()["E1"]["employeeType"], "Employee");
    verified(&world, "2026-03-04T03:00:00Z");
}

/// Gates of part sizes are for files of more than three rows.
fn loose(world: &World) {
    for gate in [
        "row_count_pct = 5.0",
        "key_set_pct = 5.0",
        "inactive_share_points = 5.0",
    ] {
        world.edit("policy.toml", gate, &gate.replace("5.0", "90.0"));
    }
}

/// Whether she may sign in who has a job in each source.
fn seven(world: &World) -> bool {
    let users = world.users();
    let user = users.get("E7").or_else(|| users.get("C7")).unwrap();
    user["accountEnabled"] == true
}

/// Her contract ends today, her job begins in three months, and both systems deliver before anybody
/// carried the end out.
fn due_cut() {
    let world = world();
    loose(&world);
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &AGENCY);
    numbers(&world, "2026-03-02", &[("E1", "1")]);
    night(&world, "2026-03-02").expect(0);
    let begins = Job {
        from: "2026-06-01",
        ..job("E7", "7")
    };
    let ends = Job {
        to: "2026-03-03",
        ..AGENCY[0]
    };
    let hr = [HR[0], HR[1], HR[2], begins];
    for day in ["2026-03-03", "2026-03-04"] {
        file(&world, "hr", day, &hr);
        file(&world, "agency", day, &[ends, AGENCY[1], AGENCY[2]]);
        night(&world, day);
    }
    assert!(!seven(&world));
    assert!(enabled(&world, "C8"));
    // Of old data nobody is enabled.
    file(&world, "hr", "2026-06-01", &hr);
    world.at("2026-06-01T08:00:00Z", &["run"]);
    assert!(seven(&world));
    verified(&world, "2026-06-01T09:00:00Z");
}

/// The agency lists her no more, HR will in three months: that is no reason to stay inside.
fn job_to_come() {
    let world = world();
    loose(&world);
    let begins = Job {
        from: "2026-06-01",
        ..job("E7", "7")
    };
    let hr = [HR[0], HR[1], HR[2], begins];
    file(&world, "hr", "2026-03-02", &hr);
    file(&world, "agency", "2026-03-02", &AGENCY);
    numbers(&world, "2026-03-02", &[("E1", "1")]);
    night(&world, "2026-03-02").expect(0);
    for day in ["2026-03-03", "2026-03-04"] {
        file(&world, "hr", day, &hr);
        file(&world, "agency", day, &AGENCY[1..]);
        night(&world, day);
        assert_eq!(seven(&world), day == "2026-03-03", "{day}");
    }
    file(&world, "hr", "2026-03-05", &hr);
    night(&world, "2026-03-05");
    assert!(!seven(&world), "HR's next file enables her early");
    // Of old data nobody is enabled.
    file(&world, "hr", "2026-06-01", &hr);
    world.at("2026-06-01T08:00:00Z", &["run"]);
    assert!(seven(&world));
    verified(&world, "2026-06-01T09:00:00Z");
}

/// Without its name nobody would ever end whom it employs.
fn source_gone() {
    let world = world();
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &AGENCY);
    numbers(&world, "2026-03-02", &[("E1", "1")]);
    night(&world, "2026-03-02").expect(0);
    let config = std::fs::read_to_string(world.config()).unwrap();
    let (hr, rest) = config.split_once("[[source]]\nname = \"agency\"").unwrap();
    let (_, phones) = rest.split_once("[[source]]\nname = \"phones\"").unwrap();
    let without = format!("{hr}[[source]]\nname = \"phones\"{phones}");
    let renamed = config.replace("\"agency\"", "\"temps\"");
    for (day, config) in [("2026-03-03", without), ("2026-03-04", renamed)] {
        std::fs::write(world.config(), config).unwrap();
        let now = format!("{day}T01:00:00Z");
        let ran = world.at(&now, &["release"]).expect(2);
        assert!(ran.err.contains("the source `agency`"), "{ran:?}");
        file(&world, "hr", day, &HR);
        let ran = night(&world, day).expect(2);
        assert!(ran.err.contains("name it as before"), "{ran:?}");
    }
    std::fs::write(world.config(), &config).unwrap();
    file(&world, "agency", "2026-03-04", &AGENCY);
    night(&world, "2026-03-04").expect(0);
}

/// Agrees to all that waits.
fn agree(world: &World, now: &str) {
    let status = world.at(now, &["status"]).json();
    for pending in status["pending"].as_array().unwrap() {
        let (run, plan) = (&pending["run"], &pending["plan_sha256"]);
        let (run, plan) = (run.as_str().unwrap(), plan.as_str().unwrap());
        for guard in pending["guards"].as_array().unwrap() {
            let guard = guard.as_str().unwrap();
            let args = ["approve", run, "--plan", plan, "--guard", guard];
            let all: Vec<&str> = args.into_iter().chain(["--reason", "meant"]).collect();
            world.at(now, &all);
        }
    }
}

/// The agency's file is parked, HR ends somebody meanwhile, and then the file is agreed to.
fn waited() {
    let world = world();
    let (hr, agency) = (many("E"), many("C"));
    file(&world, "hr", "2026-03-02", &hr);
    file(&world, "agency", "2026-03-02", &agency);
    numbers(&world, "2026-03-02", &[("E100", "1")]);
    night(&world, "2026-03-02").expect(0);
    let mut odd: Vec<Job> = agency
        .iter()
        .map(|it| Job {
            to: "2026-12-31",
            ..*it
        })
        .collect();
    odd.push(job("D1", "E100"));
    file(&world, "agency", "2026-03-03", &odd);
    let said = reports(&night(&world, "2026-03-03").expect(3));
    assert_eq!(said[0]["verdict"], "held", "{said:?}");
    let mut ended = hr.clone();
    ended[0].to = "2026-03-02";
    file(&world, "hr", "2026-03-03", &ended);
    world.at("2026-03-03T04:00:00Z", &["run"]);
    assert!(!enabled(&world, "E100"));
    agree(&world, "2026-03-03T05:00:00Z");
    world.at("2026-03-03T05:00:01Z", &["apply"]);
    let said = world.at("2026-03-03T06:00:00Z", &["explain", "E100"]);
    let record = &said.json()["person"];
    assert_eq!(record["lifecycle"], "blocked", "{record}");
    assert_eq!(record["wanted"]["last_day"], "2026-03-02", "{record}");
    let said = world.at("2026-03-03T06:00:00Z", &["explain", "C105"]);
    let record = &said.json()["person"];
    assert_eq!(record["wanted"]["last_day"], "2026-12-31", "{record}");
    verified(&world, "2026-03-03T07:00:00Z");
}

/// A source of attributes that knows thousands whom nobody else does names some, and counts the others.
fn many_nobodies() {
    let world = world();
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &AGENCY);
    let names: Vec<String> = (0..3000).map(|at| format!("X{at}")).collect();
    let mut rows: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "9")).collect();
    rows.push(("E2", "042"));
    numbers(&world, "2026-03-02", &rows);
    let said = reports(&night(&world, "2026-03-02").expect(0));
    let nobody = found(&said, "nobody_of_row");
    let named = nobody.iter().filter(|it| it["worker"].is_string()).count();
    assert_eq!((nobody.len(), named), (21, 20));
    let more: Vec<&Value> = nobody.iter().map(|it| &it["args"]["rows"]).collect();
    assert!(more.contains(&&Value::from("2980")), "{more:?}");
    assert_eq!(world.users()["E2"]["mobilePhone"], "042");
}

/// A number of somebody unknown is not that of the person whose key looks the same, nor do they stand
/// in a file because of it.
fn no_person_key() {
    let world = world();
    file(
        &world,
        "hr",
        "2026-03-02",
        &[job("E1", "2001"), HR[1], HR[2]],
    );
    file(&world, "agency", "2026-03-02", &AGENCY);
    numbers(&world, "2026-03-02", &[("2001", "666"), ("E2", "042")]);
    let said = reports(&night(&world, "2026-03-02").expect(0));
    assert_eq!(world.users()["E1"]["mobilePhone"], Value::Null);
    assert_eq!(world.users()["E2"]["mobilePhone"], "042");
    let nobody = found(&said, "nobody_of_row");
    assert_eq!(nobody.len(), 1, "{nobody:?}");
    // She leaves; a row without a person has her key for its own.
    let ends = Job {
        to: "2026-03-02",
        ..job("E1", "2001")
    };
    file(
        &world,
        "hr",
        "2026-03-03",
        &[ends, HR[1], HR[2], job("2001", "")],
    );
    night(&world, "2026-03-03").expect(1);
    assert!(!enabled(&world, "E1"));
    verified(&world, "2026-03-03T03:00:00Z");
}

/// The numbers of a night are taken back, and the next night has the same ones.
fn owner_undone() {
    let world = world();
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &AGENCY);
    numbers(&world, "2026-03-02", &[("E1", "041"), ("C8", "048")]);
    night(&world, "2026-03-02").expect(0);
    numbers(&world, "2026-03-03", &[("E1", "141"), ("C8", "148")]);
    file(&world, "hr", "2026-03-03", &HR);
    file(&world, "agency", "2026-03-03", &AGENCY);
    let said = reports(&night(&world, "2026-03-03").expect(0));
    let of = |it: &&Value| it["intake"]["source"] == "phones";
    let run = said.iter().find(of).unwrap()["run"].clone();
    let run = run.as_str().unwrap();
    world.at("2026-03-03T03:00:00Z", &["undo", run, "--reason", "x"]);
    agree(&world, "2026-03-03T03:01:00Z");
    world.at("2026-03-03T03:02:00Z", &["apply"]).expect(0);
    let phone = |worker: &str| world.users()[worker]["mobilePhone"].clone();
    assert_eq!([phone("E1"), phone("C8")], ["041", "048"]);
    for day in ["2026-03-04", "2026-03-05"] {
        numbers(&world, day, &[("E1", "141"), ("C8", "148"), ("E2", day)]);
        file(&world, "hr", day, &HR);
        file(&world, "agency", day, &AGENCY);
        night(&world, day);
        assert_eq!([phone("E1"), phone("C8")], ["041", "048"], "{day}");
    }
    // What the owner says instead ends the hold.
    numbers(&world, "2026-03-06", &[("E1", "241"), ("C8", "148")]);
    night(&world, "2026-03-06");
    assert_eq!([phone("E1"), phone("C8")], ["241", "048"]);
    verified(&world, "2026-03-06T05:00:00Z");
}

/// HR is silent, and the agency still lists a contract that is over: HR's old word enables nobody.
fn over_and_stale() {
    let world = world();
    let begins = Job {
        from: "2026-03-09",
        ..job("E7", "7")
    };
    let ends = Job {
        to: "2026-03-03",
        ..AGENCY[0]
    };
    let (hr, agency) = ([HR[0], HR[1], HR[2], begins], [ends, AGENCY[1], AGENCY[2]]);
    file(&world, "hr", "2026-03-02", &hr);
    file(&world, "agency", "2026-03-02", &agency);
    numbers(&world, "2026-03-02", &[("E1", "1")]);
    night(&world, "2026-03-02").expect(0);
    world.at("2026-03-04T00:00:30Z", &["release"]);
    assert!(!seven(&world));
    for day in ["2026-03-08", "2026-03-09"] {
        file(&world, "agency", day, &agency);
        night(&world, day);
    }
    world.at("2026-03-09T12:00:00Z", &["release"]);
    assert!(!seven(&world), "HR's data are a week old");
    file(&world, "hr", "2026-03-10", &hr);
    night(&world, "2026-03-10");
    assert!(seven(&world));
    verified(&world, "2026-03-10T03:00:00Z");
}

/// HR owns the department, and employs her in three months.
fn owner_to_come() {
    let world = world();
    let owned = "mobilePhone = \"phones\"\ndepartment = \"hr\"\n";
    world.edit("rollcall.toml", "mobilePhone = \"phones\"\n", owned);
    let begins = Job {
        from: "2026-06-01",
        unit: "Finance",
        ..job("E7", "7")
    };
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &AGENCY);
    numbers(&world, "2026-03-02", &[("E1", "1")]);
    night(&world, "2026-03-02").expect(0);
    file(&world, "hr", "2026-03-03", &[HR[0], HR[1], HR[2], begins]);
    file(&world, "agency", "2026-03-03", &AGENCY);
    night(&world, "2026-03-03");
    assert_eq!(world.users()["C7"]["department"], Value::Null);
    let hr = [HR[0], HR[1], HR[2], begins];
    file(&world, "hr", "2026-06-01", &hr);
    world.at("2026-06-01T08:00:00Z", &["run"]);
    let users = world.users();
    let user = users.get("E7").or_else(|| users.get("C7")).unwrap();
    assert_eq!(user["department"], "Finance");
    verified(&world, "2026-06-01T09:00:00Z");
}

/// Nothing changed for days, and the files say so.
fn same_bytes() {
    let world = world();
    let text = "Id;Status;Person;Boss;From;To;Name;Unit;Phone\n\
                C7;Active;7;;2024-01-08;;Person 7;Sales;1\n";
    for day in ["2026-03-02", "2026-03-03", "2026-03-04"] {
        file(&world, "hr", day, &HR);
        world.drop_file(&format!("agency_{day}.csv"), text);
        world.drop_file("phones_all.csv", "Worker,Number\nE1,1\n");
        night(&world, day).expect(0);
    }
    let status = world.at("2026-03-04T03:00:00Z", &["status"]).json();
    assert_eq!(
        status["sources"][1]["as_of"], "2026-03-04T00:00:00Z",
        "{status}"
    );
    // A copy of the newest file that names no newer day still says nothing.
    world.drop_file("agency_2026-03-04.csv", text);
    let ran = night(&world, "2026-03-05").expect(2);
    assert!(ran.out.contains("\"duplicate_content\""), "{ran:?}");
    assert!(enabled(&world, "C7"));
    verified(&world, "2026-03-05T03:00:00Z");
}

/// The file lay in the inbox for a week: that is no delay of HR's, whatever the column says.
fn entered() {
    let world = world();
    for mapping in ["hr.toml", "agency.toml"] {
        world.edit(
            mapping,
            "time_zone =",
            "entered = { column = \"Unit\", zone = \"UTC\" }\ntime_zone =",
        );
    }
    let early = HR.map(|it| Job {
        unit: "2024-01-01T00:00:00Z",
        ..it
    });
    file(&world, "hr", "2026-03-02", &early);
    night(&world, "2026-03-02");
    let ends = Job {
        to: "2026-03-02",
        unit: "2099-01-01T00:00:00Z",
        ..HR[0]
    };
    file(&world, "hr", "2026-03-03", &[ends, early[1], early[2]]);
    let ran = night(&world, "2026-03-10");
    assert!(!enabled(&world, "E1"));
    let said = reports(&ran);
    // At the end of the file's day at the latest: the six days after it are ours.
    let cut = said
        .iter()
        .find(|it| it["lateness"]["disabled"] == 1)
        .unwrap();
    let ours = cut["lateness"]["ours_max_seconds"].as_f64().unwrap();
    assert!((518_400.0..612_000.0).contains(&ours), "{ours}");
}

/// Of three files in the inbox one is planned and shown.
fn shown() {
    let world = world();
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &AGENCY);
    world.at("2026-03-02T02:00:00Z", &["plan"]).expect(0);
    // The second one is taken, and waits.
    world.at("2026-03-02T02:10:00Z", &["plan"]);
    let ran = world.at("2026-03-02T02:20:00Z", &["apply"]);
    let keys: Vec<String> = world.users().into_keys().collect();
    assert_eq!(keys, ["E1", "E2", "E3"], "{ran:?}");
    assert!(ran.err.contains("taken and not planned"), "{ran:?}");
    world.at("2026-03-02T02:30:00Z", &["plan"]).expect(0);
    world.at("2026-03-02T02:40:00Z", &["apply"]).expect(0);
    assert_eq!(world.users().len(), 6);
    verified(&world, "2026-03-02T03:00:00Z");
}

fn refused() {
    let world = world();
    world.at("2026-03-02T00:00:00Z", &["check"]).expect(0);
    let config = std::fs::read_to_string(world.config()).unwrap();
    for (from, to, why) in [
        (
            "name = \"agency\"",
            "name = \"hr\"",
            "two sources are called `hr`",
        ),
        (
            "= \"phones\"\n",
            "= \"fones\"\n",
            "`fones` is no source; there are hr, agency, phones",
        ),
        (
            "mobilePhone =",
            "city =",
            "the mapping of `phones` does not write it",
        ),
        (
            "mobilePhone =",
            "displayName =",
            "it comes with the account",
        ),
        (
            "agency_*.csv",
            "*_2026*.csv",
            "a file may be both of `hr_*.csv` (hr)",
        ),
        ("agency_*.csv", "dis*.csv", "those are dismissals"),
        (
            "agency_*.csv",
            "in/agency.csv",
            "is the name of a file in the inbox",
        ),
        (
            "files = \"agency_*.csv\"\n",
            "",
            "each says what its files in the inbox are called",
        ),
        (
            "mapping = \"agency.toml\"\n",
            "",
            "source `agency`: no `mapping`",
        ),
        (
            "name = \"agency\"\n",
            "name = \"agency\"\npopulation = false\n",
            "`worker.status` is for",
        ),
        (
            "population = false",
            "population = true",
            "`worker.status` names no column",
        ),
        ("max_age_hours = 240", "max_age_hours = 0", "from 1 to 8760"),
        (
            "files = \"hr_*.csv\"",
            "fils = \"hr_*.csv\"",
            "unknown field `fils`",
        ),
    ] {
        assert!(config.contains(from), "{from}");
        let text = if from == "= \"phones\"\n" {
            let (head, tail) = config.rsplit_once(from).unwrap();
            format!("{head}{to}{tail}")
        } else {
            config.replace(from, to)
        };
        std::fs::write(world.config(), text).unwrap();
        let ran = world.at("2026-03-02T00:00:00Z", &["check"]).expect(2);
        assert!(ran.err.contains(why), "{to}: {}", ran.err);
        assert!(ran.err.contains("toml"), "{}", ran.err);
    }
    std::fs::write(world.config(), &config).unwrap();
    let agency = std::fs::read_to_string(world.dir().join("agency.toml")).unwrap();
    for (from, to, why) in [
        (
            "person = \"Person\"\n",
            "",
            "its mapping needs `worker.person`",
        ),
        (
            "\"department\"",
            "\"city\"",
            "`department` is in the first only; `city`",
        ),
        (
            "source = \"Unit\"",
            "source = \"Unit\"\napply = \"create\"",
            "kept in step by the first",
        ),
    ] {
        std::fs::write(world.dir().join("agency.toml"), agency.replace(from, to)).unwrap();
        let ran = world.at("2026-03-02T00:00:00Z", &["check"]).expect(2);
        let said = ran.err.replace(", `city`", "; `city`");
        assert!(said.contains(why), "{to}: {}", ran.err);
    }
}
