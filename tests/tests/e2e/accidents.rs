//! What HR sends by accident: each is held or refused for the right reason, and nothing is written.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("accidents::nothing_is_written_and_the_reason_is_right", all),
        trial(
            "accidents::renamed_departments_go_once_people_agree",
            agreed,
        ),
        trial(
            "accidents::managers_in_a_circle_are_left_as_they_are",
            circle,
        ),
        trial(
            "accidents::a_file_of_changes_closes_no_circle_with_what_is_known",
            circle_in_parts,
        ),
        trial(
            "accidents::another_order_of_columns_is_told_and_changes_nothing",
            header,
        ),
    ]
}

/// How an accident is met.
enum Met {
    /// The file is refused.
    Refused(&'static str),
    /// The intake is parked by a gate.
    Parked(&'static str),
    /// A guard keeps back what it would do.
    Held(&'static str),
    /// The rows are held, each with this finding.
    Rows(&'static str),
}

/// A name, what becomes of the good file of the day before, and how it is met.
type Accident = (&'static str, fn(&Roster, &str) -> Vec<u8>, Met);

/// Each line but the header, changed.
fn lines(csv: &str, change: impl Fn(usize, Vec<String>) -> Vec<String>) -> Vec<u8> {
    let mut out = String::new();
    for (at, line) in csv.lines().enumerate() {
        let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        let cells = if at == 0 { cells } else { change(at, cells) };
        out += &cells.join(",");
        out.push('\n');
    }
    out.into_bytes()
}

/// Columns of the sample.
const KEY: usize = 0;
const STATUS: usize = 1;
const MANAGER: usize = 8;
const HIRE: usize = 9;
const DEPARTMENT: usize = 11;
const CITY: usize = 18;
const PHONE: usize = 20;
const CUSTOM_1: usize = 21;
const CUSTOM_2: usize = 22;

const ACCIDENTS: [Accident; 19] = [
    (
        "half of the file",
        |roster, _| {
            let mut half = roster.clone();
            half.0.retain(|key, _| key % 2 == 0);
            half.csv().into_bytes()
        },
        Met::Parked("row_count"),
    ),
    (
        "cut in the middle of a row",
        |_, csv| csv.as_bytes()[..csv.len() * 9 / 10 + 7].to_vec(),
        Met::Refused("truncated"),
    ),
    ("nothing in it", |_, _| Vec::new(), Met::Refused("empty")),
    (
        "only the header",
        |_, csv| csv.lines().next().unwrap_or_default().as_bytes().to_vec(),
        Met::Refused("empty"),
    ),
    (
        "yesterday's file once more",
        |_, csv| csv.as_bytes().to_vec(),
        Met::Refused("duplicate_content"),
    ),
    (
        "the error page of a portal",
        |_, _| b"<html><body>Session expired</body></html>".to_vec(),
        Met::Refused("wrong_format"),
    ),
    (
        "a workbook with the ending of a text",
        |_, _| b"PK\x03\x04.......".to_vec(),
        Met::Refused("truncated"),
    ),
    (
        "a column has another name",
        |_, csv| csv.replacen("WorkerStatus", "Status", 1).into_bytes(),
        Met::Refused("wrong_header"),
    ),
    (
        "status and department have changed places",
        |_, csv| {
            lines(csv, |_, mut cells| {
                cells.swap(STATUS, DEPARTMENT);
                cells
            })
        },
        Met::Parked("status_unknown"),
    ),
    (
        "the words for status are new",
        |_, csv| {
            lines(csv, |_, mut cells| {
                "Employed".clone_into(&mut cells[STATUS]);
                cells
            })
        },
        Met::Parked("status_unknown"),
    ),
    (
        "the file of another company",
        |_, csv| {
            lines(csv, |_, mut cells| {
                cells[KEY] = format!("T{}", cells[KEY]);
                cells[MANAGER].clear();
                cells
            })
        },
        Met::Parked("key_set"),
    ),
    (
        "a spreadsheet took the first digits off",
        |_, csv| {
            lines(csv, |_, mut cells| {
                cells[KEY] = cells[KEY][1..].to_owned();
                cells
            })
        },
        Met::Parked("key_set"),
    ),
    (
        "a tenth has left overnight",
        |_, csv| {
            lines(csv, |at, mut cells| {
                if at % 10 == 0 {
                    "Inactive".clone_into(&mut cells[STATUS]);
                }
                cells
            })
        },
        Met::Parked("inactive_share"),
    ),
    (
        "four in a hundred have left overnight",
        |_, csv| {
            lines(csv, |at, mut cells| {
                if at % 25 == 0 {
                    "Inactive".clone_into(&mut cells[STATUS]);
                }
                cells
            })
        },
        Met::Held("disables"),
    ),
    (
        "all departments are written in another way",
        |_, csv| {
            lines(csv, |_, mut cells| {
                cells[DEPARTMENT] = format!("{} (new)", cells[DEPARTMENT]);
                cells
            })
        },
        Met::Held("churn"),
    ),
    (
        "a join found no city for three in ten",
        |_, csv| {
            lines(csv, |at, mut cells| {
                if at % 10 < 3 {
                    cells[CITY].clear();
                }
                cells
            })
        },
        Met::Parked("fill"),
    ),
    (
        "everybody has the number of the switchboard",
        |_, csv| {
            lines(csv, |_, mut cells| {
                "030-0".clone_into(&mut cells[PHONE]);
                cells
            })
        },
        Met::Parked("distinct"),
    ),
    (
        "everybody twice, with other content",
        |_, csv| {
            let mut twice = csv.as_bytes().to_vec();
            let again = lines(csv, |_, mut cells| {
                cells[DEPARTMENT] = "Elsewhere".to_owned();
                cells
            });
            let first = again.iter().position(|b| *b == b'\n').unwrap_or(0);
            twice.extend(&again[first + 1..]);
            twice
        },
        Met::Parked("row_count"),
    ),
    (
        "the days are written the other way round",
        |_, csv| {
            lines(csv, |_, mut cells| {
                "06/01/2020".clone_into(&mut cells[HIRE]);
                cells
            })
        },
        Met::Rows("date_format"),
    ),
];

fn tenant(world: &World) -> Vec<u8> {
    std::fs::read(world.dir().join("tenant.jsonl")).unwrap()
}

/// What was written to the tenant: reading it leaves a journal alone.
fn all() {
    for (name, accident, met) in ACCIDENTS {
        let world = World::new();
        let roster = Roster::of(400);
        let good = roster.csv();
        world.drop_file("a-2026-03-14.csv", &good);
        world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
        let before = tenant(&world);
        world.drop_file("b-2026-03-15.csv", accident(&roster, &good));
        let ran = world.at("2026-03-15T02:00:00Z", &["run"]);
        assert_eq!(tenant(&world), before, "{name}: something was written");
        match met {
            Met::Refused(kind) => {
                assert_eq!(ran.code, Some(2), "{name}: {ran:?}");
                assert_eq!(ran.json()["error"]["kind"], kind, "{name}");
            }
            Met::Parked(guard) | Met::Held(guard) => {
                assert_eq!(ran.code, Some(3), "{name}: {ran:?}");
                let report = ran.json();
                let tripped: Vec<&Value> = report["guards"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|it| it["tripped"] == true)
                    .map(|it| &it["name"])
                    .collect();
                assert!(
                    tripped.iter().any(|it| **it == guard),
                    "{name}: {tripped:?}"
                );
                let parked = matches!(met, Met::Parked(_));
                assert_eq!(report["verdict"] == "held", parked, "{name}: {report}");
            }
            Met::Rows(kind) => {
                assert_eq!(ran.code, Some(1), "{name}: {ran:?}");
                let found = world.files("runs").into_iter();
                let found = found.filter(|(key, _)| key.ends_with("findings.jsonl"));
                let found: Vec<u8> = found.flat_map(|(_, bytes)| bytes).collect();
                let found = String::from_utf8(found).unwrap();
                assert_eq!(found.matches(kind).count(), 400, "{name}");
            }
        }
        assert!(
            !ran.err.contains("Last1"),
            "{name}: a value is in the message"
        );
    }
}

/// A reorganisation that is meant goes on once people agreed; the rest did not wait for that.
fn agreed() {
    let world = World::new();
    world.edit("policy.toml", "over_budget = 2", "over_budget = 1");
    let mut roster = Roster::of(200);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    for row in roster.0.values_mut() {
        row.department = format!("{} (new)", row.department);
    }
    // What has nothing to do with it goes on.
    roster.0.get_mut(&10_011).unwrap().active = false;
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(3).json();
    assert_eq!(report["verdict"], "part-held");
    let users = world.users();
    assert_eq!(users["10011"]["accountEnabled"], false);
    assert!(
        users
            .values()
            .all(|it| !it["department"].as_str().unwrap().contains("new"))
    );
    let run = report["run"].as_str().unwrap().to_owned();
    let plan = report["plan_sha256"].as_str().unwrap().to_owned();
    let approve = [
        "approve", &run, "--plan", &plan, "--guard", "churn", "--reason", "reorg",
    ];
    world.at("2026-03-15T08:00:00Z", &approve).expect(0);
    world.at("2026-03-15T08:05:00Z", &["run"]);
    let users = world.users();
    let stay = users.values().filter(|it| it["accountEnabled"] == true);
    assert!(
        stay.into_iter()
            .all(|it| it["department"].as_str().unwrap().contains("new"))
    );
}

fn managers(world: &World) -> BTreeMap<String, String> {
    let users = world.tenant().into_iter();
    let named = users.filter_map(|(key, user)| Some((key, user["manager"].as_str()?.to_owned())));
    named.collect()
}

fn found(report: &Value, kind: &str) -> u64 {
    let counts = report["finding_counts"].as_array().unwrap();
    let of = counts.iter().find(|it| it["kind"] == kind);
    of.map_or(0, |it| it["findings"].as_u64().unwrap())
}

/// Three report to each other in a circle, one to herself, and one into the circle: nobody's manager
/// in it is written, the others' are, and once HR has mended one row all of them go.
fn circle() {
    let world = World::new();
    let mut roster = Roster::of(60);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    let before = managers(&world);
    assert_eq!(before["10012"], "10002");
    for (worker, manager) in [
        (10_012, 10_013),
        (10_013, 10_014),
        (10_014, 10_012),
        (10_015, 10_012),
        (10_016, 10_016),
        (10_017, 10_005),
    ] {
        roster.0.get_mut(&worker).unwrap().manager = Some(manager);
    }
    roster.0.get_mut(&10_012).unwrap().department = "Moved".to_owned();
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(0).json();
    assert_eq!(found(&report, "manager_cycle"), 3, "{report}");
    assert_eq!(found(&report, "manager_is_self"), 1, "{report}");
    let mut expected = before;
    expected.insert("10015".to_owned(), "10012".to_owned());
    expected.insert("10017".to_owned(), "10005".to_owned());
    assert_eq!(managers(&world), expected);
    assert_eq!(
        world.users()["10012"]["department"],
        "Moved",
        "all else goes"
    );

    roster.0.get_mut(&10_014).unwrap().manager = Some(10_003);
    world.drop_file("c-2026-03-16.csv", roster.csv());
    let report = world.at("2026-03-16T02:00:00Z", &["run"]).expect(0).json();
    assert_eq!(found(&report, "manager_cycle"), 0, "{report}");
    for (worker, manager) in [("10012", "10013"), ("10013", "10014"), ("10014", "10003")] {
        expected.insert(worker.to_owned(), manager.to_owned());
    }
    assert_eq!(managers(&world), expected);
    world.at("2026-03-16T03:00:00Z", &["verify"]).expect(0);
}

/// The other half of the circle is in no row of the file: Rollcall knows it from an earlier one.
fn circle_in_parts() {
    let world = World::new();
    let mut roster = Roster::of(60);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    world.edit(
        "rollcall.toml",
        "coverage = \"full\"",
        "coverage = \"partial\"",
    );
    // 10021 reports to 10011, 10011 to 10001: now 10001 is to report to 10021.
    roster.0.get_mut(&10_021).unwrap().manager = Some(10_011);
    world.drop_file("b-2026-03-15.csv", roster.csv_of(&[10_021]));
    world.at("2026-03-15T02:00:00Z", &["run"]).expect(0);
    let before = managers(&world);
    assert_eq!(before["10021"], "10011");
    roster.0.get_mut(&10_001).unwrap().manager = Some(10_021);
    roster.0.get_mut(&10_002).unwrap().manager = Some(10_021);
    world.drop_file("c-2026-03-16.csv", roster.csv_of(&[10_001, 10_002]));
    let report = world.at("2026-03-16T02:00:00Z", &["run"]).expect(0).json();
    assert_eq!(found(&report, "manager_cycle"), 1, "{report}");
    let mut expected = before;
    expected.insert("10002".to_owned(), "10021".to_owned());
    assert_eq!(managers(&world), expected);
    world.at("2026-03-16T03:00:00Z", &["verify"]).expect(0);
}

/// A column that is read and one that is not change places, one that nothing reads is gone, and one
/// is new: three findings, and everybody is as before.
fn header() {
    let world = World::new();
    let roster = Roster::of(60);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    let before = tenant(&world);
    let csv = roster.csv();
    let changed = csv.lines().enumerate().map(|(at, line)| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells.swap(CITY, CUSTOM_1);
        cells.remove(CUSTOM_2);
        cells.push(if at == 0 { "Team" } else { "blue" });
        cells.join(",") + "\n"
    });
    world.drop_file("b-2026-03-15.csv", changed.collect::<String>());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(0).json();
    assert_eq!(found(&report, "header_drift"), 3, "{report}");
    assert_eq!(report["counts"]["unchanged"], 60);
    assert_eq!(report["verdict"], "empty");
    assert_eq!(tenant(&world), before);
    let findings = world.files("runs").into_iter();
    let findings = findings.filter(|(key, _)| key.ends_with("findings.jsonl"));
    let text: Vec<u8> = findings.flat_map(|(_, bytes)| bytes).collect();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("`Custom01`, `City` (of those that are read: `City`)"),
        "{text}"
    );
    // The next file is compared with this one.
    let again = roster.csv().replace("Custom02", "Custom99");
    world.drop_file("c-2026-03-16.csv", again);
    let report = world.at("2026-03-16T02:00:00Z", &["run"]).expect(0).json();
    assert_eq!(found(&report, "header_drift"), 3, "{report}");
    world.at("2026-03-16T03:00:00Z", &["verify"]).expect(0);
}
