//! People with several employments, in real runs: one account whatever HR numbers them.

use std::fmt::Write as _;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::trial;
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("persons::a_contractor_becomes_an_employee", conversion),
        trial("persons::the_last_of_two_jobs_is_the_end", two_jobs),
        trial("persons::a_worker_id_is_nobody_elses", id_reuse),
        trial("persons::a_dismissal_waits_for_no_date", for_cause),
        trial("persons::a_long_leave_blocks_and_ends", leave),
    ]
}

/// What HR says of one employment.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) worker: &'static str,
    pub(crate) person: &'static str,
    pub(crate) hire: &'static str,
    pub(crate) last: &'static str,
    pub(crate) department: &'static str,
    pub(crate) manager: &'static str,
    pub(crate) reason: &'static str,
    /// Kind, first and last day.
    pub(crate) leave: (&'static str, &'static str, &'static str),
}

/// Somebody who has been in Sales for years and stays.
pub(crate) const fn employee(worker: &'static str, person: &'static str) -> Row {
    Row {
        worker,
        person,
        hire: "2024-01-08",
        last: "",
        department: "Sales",
        manager: "",
        reason: "",
        leave: ("", "", ""),
    }
}

/// A starter whose mapping reads more of what HR says.
pub(crate) fn world() -> World {
    let world = World::new();
    let worker = "[worker]\nkey = \"WorkerID\"\n";
    let more = "[worker]\nperson = \"PersonID\"\n\
                last_day = { column = \"LastDay\", format = \"iso\" }\n\
                for_cause = { column = \"Reason\", values = [\"CAUSE\"] }\n\
                leave = { column = \"Leave\", unpaid = [\"U\"], from = { column = \"LeaveFrom\" }, \
                to = { column = \"LeaveTo\" } }\n\
                facts = { reason = \"Reason\" }\n\
                key = \"WorkerID\"\n";
    world.edit("mapping.toml", worker, more);
    world
}

/// The file of a day lies in the inbox.
pub(crate) fn deliver(world: &World, day: &str, rows: &[Row]) {
    let mut out = String::from(
        "WorkerID,PersonID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,GenderPronoun,\
         ManagerID,HireDate,LastDay,Reason,Leave,LeaveFrom,LeaveTo,OnLeave,Department,Division,\
         CostCenter,Company,Location,JobTitle,StreetAddress,City,CountryCode,OfficePhone,Custom01,\
         Custom02,ZipCode\n",
    );
    for row in rows {
        let (leave, from, to) = row.leave;
        writeln!(
            out,
            "{},{},Active,Employee,EMP{},First,Last,First Last,,{},{},{},{},{leave},{from},{to},\
             False,{},North,CC1,Woodgrove,Europe,Clerk,1 High St,Berlin,DE,030,,{day},10115",
            row.worker,
            row.person,
            row.person,
            row.manager,
            row.hire,
            row.last,
            row.reason,
            row.department
        )
        .unwrap();
    }
    world.drop_file(&format!("w-{day}.csv"), out);
}

pub(crate) fn night(world: &World, day: &str, rows: &[Row]) -> Vec<Value> {
    deliver(world, day, rows);
    let now = format!("{day}T02:00:00Z");
    let ran = world.at(&now, &["run"]);
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    ran.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn release(world: &World, now: &str) {
    world.at(now, &["release"]).expect(0);
}

fn keys(world: &World) -> Vec<String> {
    world.users().into_keys().collect()
}

pub(crate) const BOSS: Row = Row {
    department: "Board",
    ..employee("B1", "P1")
};

fn conversion() {
    let world = world();
    let contractor = Row {
        manager: "B1",
        ..employee("C7", "P7")
    };
    night(&world, "2026-03-02", &[BOSS, contractor.clone()]);
    assert_eq!(keys(&world), ["B1", "C7"]);
    let id = world.users()["C7"]["id"].clone();
    let ends = Row {
        last: "2026-03-31",
        ..contractor
    };
    let hired = Row {
        hire: "2026-04-01",
        department: "Finance",
        manager: "B1",
        ..employee("E7", "P7")
    };
    // Both records from now on; a newcomer reports to the id that is to come.
    let report = Row {
        hire: "2026-04-02",
        department: "Finance",
        manager: "E7",
        ..employee("N1", "P9")
    };
    let file = [BOSS, ends, hired, report];
    night(&world, "2026-03-10", &file);
    assert_eq!(world.users()["C7"]["department"], "Sales");
    night(&world, "2026-03-31", &file);
    release(&world, "2026-03-31T23:00:00Z");
    assert_eq!(world.users()["C7"]["department"], "Sales");
    release(&world, "2026-04-01T00:00:00Z");
    let users = world.users();
    assert_eq!(users["E7"]["id"], id, "the same account");
    assert_eq!(users["E7"]["department"], "Finance");
    assert_eq!(users["E7"]["accountEnabled"], true);
    assert!(!users.contains_key("C7"));
    // Whoever waits for the new id finds it, and the night after says nothing new.
    night(&world, "2026-04-02", &file);
    let users = world.users();
    assert_eq!(users["N1"]["manager"], id);
    let planned = world.at("2026-04-02T03:00:00Z", &["verify"]);
    assert_eq!(planned.code, Some(0), "{planned:?}");
    let lines = night(&world, "2026-04-03", &file);
    let counts = &lines[0]["counts"];
    assert_eq!(counts["unchanged"], 3, "{counts}");
    assert!(
        counts["actions"].as_object().unwrap().is_empty(),
        "{counts}"
    );
}

fn two_jobs() {
    let world = world();
    let first = employee("A1", "P5");
    let second = Row {
        hire: "2025-01-06",
        department: "Lab",
        ..employee("A2", "P5")
    };
    night(&world, "2026-03-02", &[BOSS, first.clone(), second.clone()]);
    assert_eq!(world.users().len(), 2, "one account for two jobs");
    let ended = |row: &Row| Row {
        last: "2026-03-04",
        ..row.clone()
    };
    night(&world, "2026-03-05", &[BOSS, ended(&second), first.clone()]);
    assert_eq!(world.users()["A1"]["accountEnabled"], true);
    assert_eq!(world.users()["A1"]["department"], "Sales");
    night(&world, "2026-03-06", &[BOSS, ended(&second), ended(&first)]);
    let user = &world.users()["A1"];
    assert_eq!(user["accountEnabled"], false);
    // Whoever left may leave the file.
    let lines = night(&world, "2026-03-07", &[BOSS]);
    assert_eq!(lines[0]["counts"]["missing_once"], 0, "{}", lines[0]);
}

fn id_reuse() {
    let world = world();
    let owner = employee("A1", "P5");
    night(&world, "2026-03-02", &[BOSS, owner]);
    let before = world.tenant();
    let thief = Row {
        hire: "2026-03-02",
        department: "Lab",
        ..employee("A1", "P6")
    };
    for day in ["2026-03-03", "2026-03-04", "2026-03-05"] {
        night(&world, day, &[BOSS, thief.clone()]);
        assert_eq!(world.tenant(), before, "{day}");
    }
    let found: Vec<String> = world
        .files("runs")
        .into_iter()
        .filter(|(key, _)| key.ends_with("findings.jsonl"))
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect();
    let found = found.concat();
    assert_eq!(found.matches("id_reuse").count(), 3, "{found}");
    assert!(!found.contains("missing_once"), "{found}");
}

fn for_cause() {
    let world = world();
    let row = employee("A1", "P5");
    night(&world, "2026-03-02", &[BOSS, row.clone()]);
    let gone = Row {
        last: "2026-06-30",
        reason: "CAUSE",
        ..row
    };
    night(&world, "2026-03-03", &[BOSS, gone]);
    assert_eq!(world.users()["A1"]["accountEnabled"], false);
}

fn leave() {
    let world = world();
    let row = employee("A1", "P5");
    night(&world, "2026-03-02", &[BOSS, row.clone()]);
    let away = Row {
        leave: ("U", "2026-03-10", "2026-05-08"),
        ..row
    };
    let file = [BOSS, away];
    night(&world, "2026-03-03", &file);
    let enabled = || world.users()["A1"]["accountEnabled"].as_bool().unwrap();
    release(&world, "2026-03-09T23:59:00Z");
    assert!(enabled());
    release(&world, "2026-03-10T00:00:00Z");
    assert!(!enabled());
    night(&world, "2026-05-08", &file);
    assert!(!enabled(), "the last day of leave");
    release(&world, "2026-05-09T00:00:00Z");
    assert!(enabled(), "back");
}
