//! What a run changed, for a SIEM: one event for each action that happened, and nothing personal in any.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("events_of_a_run", events_of_a_run)]
}

const DAY_1: &str = "2026-03-16T04:00:00Z";
const DAY_2: &str = "2026-03-17T04:00:00Z";

/// A run of joiners, and one with a mover and a leaver.
fn events_of_a_run() {
    let world = World::new();
    world.unproven();
    let mut roster = Roster::of(30);
    world.drop_file("workers-2026-03-16.csv", roster.csv());
    let first = world.at(DAY_1, &["run"]).expect(0).json();
    roster.0.get_mut(&10_020).unwrap().department = "Elsewhere".to_owned();
    roster.0.get_mut(&10_030).unwrap().active = false;
    world.drop_file("workers-2026-03-17.csv", roster.csv());
    let second = world.at(DAY_2, &["run"]).json();
    let leaver = world.users()["10030"]["id"].clone();

    // The newest run, and one by its name.
    let newest = world.at(DAY_2, &["report", "--ocsf"]).lines();
    let named = world
        .at(DAY_2, &["report", first["run"].as_str().unwrap(), "--ocsf"])
        .lines();
    for (report, events) in [(&second, &newest), (&first, &named)] {
        let changes = report["changes"].as_array().unwrap();
        let changed = |it: &&Value| {
            let op = it["op"].as_str().unwrap();
            it["status"] == "done" && !op.starts_with("notify.") && op != "user.proof"
        };
        let mut expected: Vec<&str> = changes
            .iter()
            .filter(changed)
            .map(|it| it["op"].as_str().unwrap())
            .collect();
        let mut found: Vec<&str> = events
            .iter()
            .map(|it| it["metadata"]["event_code"].as_str().unwrap())
            .collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
        assert!(!found.is_empty());
        for event in events {
            assert_eq!(event["metadata"]["correlation_uid"], report["run"]);
            assert_eq!(event["metadata"]["version"], "1.8.0");
            let text = event.to_string();
            for personal in ["First100", "Last100", "EMP100", "@", "Elsewhere", "hmac:"] {
                assert!(!text.contains(personal), "{personal}: {text}");
            }
        }
    }
    let disabled = newest.iter().find(|it| it["type_uid"] == 300_105);
    assert_eq!(disabled.expect("a disable")["user"]["uid"], leaver);
    // Stored beside the report, the same bytes.
    let key = format!(
        "runs/{}/report/events.jsonl",
        second["run"].as_str().unwrap()
    );
    let stored = world.files("runs").remove(&key).expect("stored");
    let lines = stored
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty());
    let stored: Vec<Value> = lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(stored, newest);
    world
        .at(DAY_2, &["report", "20200101T000000Z-00000000", "--ocsf"])
        .expect(2);
}
