//! The public sample: 1,000 rows, dirty. Every row is accounted for, nothing is guessed.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::trial;
use crate::world::World;

pub(crate) const SAMPLE: &str = include_str!("../../fixtures/hr/files/csv2scim-1000.csv");

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "sample::every_row_is_accounted_for",
            every_row_is_accounted_for,
        ),
        trial(
            "sample::the_same_file_again_is_refused",
            the_same_file_again_is_refused,
        ),
        trial(
            "sample::the_same_rows_again_write_nothing",
            the_same_rows_again_write_nothing,
        ),
        trial("sample::the_evidence_verifies_and_shows_a_change", evidence),
        trial(
            "sample::no_name_of_a_person_is_in_evidence_or_logs",
            no_names,
        ),
    ]
}

fn count(report: &Value, kind: &str) -> (u64, u64) {
    let all = report["finding_counts"].as_array().expect("a list");
    let found = all.iter().find(|c| c["kind"] == kind);
    found.map_or((0, 0), |c| {
        (
            c["findings"].as_u64().expect("a number"),
            c["workers"].as_u64().expect("a number"),
        )
    })
}

fn every_row_is_accounted_for() {
    let world = World::new();
    world.drop_file("csv2scim-1000.csv", SAMPLE);
    // 1: rows are held.
    let report = world.at("2026-03-16T10:00:00Z", &["run"]).expect(1).json();
    let counts = &report["counts"];
    assert_eq!(counts["rows"], 1000);
    assert_eq!(counts["workers"], 624);
    assert_eq!(counts["joiners"], 170);
    assert_eq!(counts["never_provisioned"], 189);
    assert_eq!(counts["held"], 641);
    assert_eq!(counts["joiners"].as_u64().unwrap() + 189 + 641, 1000);
    assert_eq!(count(&report, "duplicate_conflict"), (641, 265));
    assert_eq!(count(&report, "never_provisioned"), (189, 189));
    assert_eq!(report["outcomes"]["failed"], 0);

    let users = world.users();
    assert_eq!(users.len(), 170);
    assert!(users.values().all(|u| u["accountEnabled"] == true));
    assert!(users.values().all(|u| u["usageLocation"] != "UK"));

    // Managers who are in no row: each key once, over all rows.
    let keys: std::collections::BTreeSet<&str> = SAMPLE
        .lines()
        .skip(1)
        .map(|l| l.split(',').next().unwrap())
        .collect();
    let missing: std::collections::BTreeSet<&str> = SAMPLE
        .lines()
        .skip(1)
        .map(|l| l.split(',').nth(8).unwrap())
        .filter(|m| !m.is_empty() && !keys.contains(m))
        .collect();
    assert_eq!(missing.len(), 230);
    let told: std::collections::BTreeSet<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["kind"] == "manager_not_in_roster")
        .map(|f| {
            f["note"]
                .as_str()
                .unwrap()
                .split(' ')
                .nth(1)
                .unwrap()
                .to_owned()
        })
        .collect();
    let expected: std::collections::BTreeSet<String> =
        missing.iter().map(|m| (*m).to_owned()).collect();
    assert_eq!(told, expected);

    let receipt = String::from_utf8(world.run_file("receipt.csv")).unwrap();
    assert_eq!(receipt.lines().count(), 1001);
    let held = receipt.lines().filter(|l| l.contains(",held,")).count();
    assert_eq!(held, 641);
}

fn the_same_file_again_is_refused() {
    let world = World::new();
    world.drop_file("csv2scim-1000.csv", SAMPLE);
    world.at("2026-03-16T10:00:00Z", &["run"]).expect(1);
    let before = (world.files("log"), world.users());
    world.drop_file("csv2scim-1000.csv", SAMPLE);
    let ran = world.at("2026-03-17T10:00:00Z", &["run"]).expect(2);
    assert!(
        ran.err.contains("the same bytes as `csv2scim-1000.csv`"),
        "{}",
        ran.err
    );
    assert_eq!(ran.json()["error"]["kind"], "duplicate_content");
    assert_eq!((world.files("log"), world.users()), before);
    assert!(
        world.dir().join("inbox/csv2scim-1000.csv").exists(),
        "nothing is lost"
    );
}

fn the_same_rows_again_write_nothing() {
    let world = World::new();
    world.drop_file("first.csv", SAMPLE);
    world.at("2026-03-16T10:00:00Z", &["run"]).expect(1);
    let tenant = std::fs::read(world.dir().join("tenant.jsonl")).unwrap();
    // The same rows, written anew: a line end after the last row.
    world.drop_file("second.csv", format!("{SAMPLE}\n"));
    let report = world.at("2026-03-17T10:00:00Z", &["run"]).expect(1).json();
    assert_eq!(report["verdict"], "empty");
    assert_eq!(report["counts"]["unchanged"], 359);
    assert_eq!(report["counts"]["held"], 641);
    assert_eq!(report["counts"]["actions"], serde_json::json!({}));
    assert_eq!(
        std::fs::read(world.dir().join("tenant.jsonl")).unwrap(),
        tenant
    );
}

fn evidence() {
    let world = World::new();
    world.drop_file("first.csv", SAMPLE);
    world.at("2026-03-16T10:00:00Z", &["run"]).expect(1);
    let verified = world
        .at("2026-03-16T11:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(verified["plans_replayed"], 1);
    assert_eq!(verified["problems"], serde_json::json!([]));
    let head = verified["head"].as_str().unwrap().to_owned();
    world
        .at("2026-03-16T11:00:00Z", &["verify", "--head", &head])
        .expect(0);

    // One character of one outcome.
    let (key, text) = world
        .files("runs")
        .into_iter()
        .map(|(key, bytes)| (key, String::from_utf8_lossy(&bytes).into_owned()))
        .find(|(key, text)| key.contains("/outcomes/") && text.contains("\"done\""))
        .expect("an outcome segment");
    let path = world.dir().join(&key);
    std::fs::write(&path, text.replacen("\"done\"", "\"dome\"", 1)).unwrap();
    let ran = world.at("2026-03-16T11:00:00Z", &["verify"]).expect(1);
    assert!(
        ran.err.contains(&format!("{key} was changed")),
        "{}",
        ran.err
    );
    std::fs::write(&path, text).unwrap();

    // Values may go; the chain still verifies.
    std::fs::remove_dir_all(world.dir().join("values")).unwrap();
    let verified = world
        .at("2026-03-16T11:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(verified["plans_not_replayed"], 1);

    // The newest entry is cut off: only the head that was kept elsewhere shows it.
    let last = world.files("log").into_keys().next_back().unwrap();
    std::fs::remove_file(world.dir().join(last)).unwrap();
    world.at("2026-03-16T11:00:00Z", &["verify"]).expect(0);
    world
        .at("2026-03-16T11:00:00Z", &["verify", "--head", &head])
        .expect(1);
}

/// P11: the pipeline at its most talkative, its evidence searched for what people are called.
fn no_names() {
    let world = World::new();
    world.drop_file("first.csv", SAMPLE);
    let args = world.full("2026-03-16T10:00:00Z", &["run", "-vv"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = world
        .prepared(&args)
        .env("ROLLCALL_LOG", "trace")
        .output()
        .unwrap();
    let mut searched = vec![("stderr".to_owned(), output.stderr)];
    searched.extend(world.files("log"));
    searched.extend(world.files("stops"));
    searched.extend(
        world
            .files("runs")
            .into_iter()
            .filter(|(key, _)| !key.contains("/report/") && !key.contains(".toml")),
    );
    assert!(searched.len() > 8);
    // Family names of one word with letters only, as the sample has them.
    let names: std::collections::BTreeSet<&str> = SAMPLE
        .lines()
        .skip(1)
        .map(|l| l.split(',').nth(5).unwrap())
        // "Center" is also part of `employeeOrgData.costCenter`.
        .filter(|n| n.len() >= 6 && *n != "Center")
        .collect();
    assert!(names.len() > 300);
    for (key, bytes) in searched {
        let text = String::from_utf8_lossy(&bytes);
        for name in &names {
            assert!(!text.contains(name), "{key} holds a family name");
        }
        assert!(
            !text.contains("@woodgrove.example"),
            "{key} holds a sign-in name"
        );
    }
}
