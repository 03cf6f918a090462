//! Two days of 20,000 invented workers with 400 known changes: the plan equals the truth exactly.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::trial;
use crate::world::{Roster, Row, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial(
        "pair::four_hundred_changes_are_found_exactly",
        changes,
    )]
}

fn orders(world: &World, now: &str) -> BTreeMap<String, BTreeSet<String>> {
    let planned = world.at(now, &["plan"]).expect(0).json();
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for order in planned["orders"].as_array().expect("a list") {
        let order = &order[0];
        let text = |v: &Value| v.as_str().expect("a text").to_owned();
        let again = !out
            .entry(text(&order["delta"]))
            .or_default()
            .insert(text(&order["person"]));
        assert!(!again, "a person has two orders");
    }
    out
}

fn changes() {
    let world = World::new();
    let mut roster = Roster::of(20_000);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);

    let mut truth: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut told = |delta: &str, key: u32| {
        assert!(
            truth
                .entry(delta.to_owned())
                .or_default()
                .insert(key.to_string())
        );
    };
    // A walk over the keys that is neither sorted nor periodic in what the generator uses.
    let mut picked = (0..400_u32).map(|n| 10_011 + (n * 7_919) % 19_989);
    let mut take = |n: usize| picked.by_ref().take(n).collect::<Vec<_>>();
    for key in take(150) {
        roster.0.get_mut(&key).unwrap().department = "Moved".to_owned();
        told("mover", key);
    }
    for key in take(50) {
        roster.0.get_mut(&key).unwrap().manager = Some(10_001 + (key + 3) % 10);
    }
    let after = roster.clone();
    for (key, row) in &after.0 {
        let before = Roster::of(20_000).0.remove(key).unwrap();
        if row.manager != before.manager {
            told("mover", *key);
        }
        if *key > 12_000 {
            break;
        }
    }
    let managers: Vec<u32> = (0..50)
        .map(|n| 10_011 + ((150 + n) * 7_919) % 19_989)
        .collect();
    for key in managers.iter().filter(|k| **k > 12_000) {
        let n = key - 10_001;
        if roster.0[key].manager != Some(10_001 + n % 10) {
            told("mover", *key);
        }
    }
    for key in take(80) {
        roster.0.get_mut(&key).unwrap().active = false;
        told("leaver", key);
    }
    let absent = take(40);
    for key in &absent {
        roster.0.remove(key);
    }
    for key in 40_001..=40_080 {
        let row = Row {
            active: true,
            department: "New".to_owned(),
            manager: Some(10_001),
        };
        roster.0.insert(key, row);
        told("joiner", key);
    }
    world.drop_file("b-2026-03-15.csv", roster.csv());
    assert_eq!(orders(&world, "2026-03-15T02:00:00Z"), truth);
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(0).json();
    assert_eq!(report["counts"]["missing_once"], 40);
    let missing: BTreeSet<u32> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["kind"] == "missing_once")
        .map(|f| f["worker"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(missing, absent.iter().copied().collect());
    assert_eq!(report["outcomes"]["failed"], 0);

    // The second night without them: leavers, and nobody else.
    world.drop_file("c-2026-03-16.csv", roster.csv() + "\n");
    let second: BTreeMap<String, BTreeSet<String>> = [(
        "leaver".to_owned(),
        absent.iter().map(u32::to_string).collect(),
    )]
    .into();
    let mut found = orders(&world, "2026-03-16T02:00:00Z");
    // Those of the first night are read back meanwhile.
    let proven = found.remove("none").unwrap_or_default();
    assert_eq!(proven, truth["leaver"]);
    assert_eq!(found, second);
    world.at("2026-03-16T02:00:00Z", &["run"]).expect(0);
    let users = world.users();
    let disabled: BTreeSet<String> = users
        .iter()
        .filter(|(_, u)| u["accountEnabled"] == false)
        .map(|(key, _)| key.clone())
        .collect();
    let mut expected = truth["leaver"].clone();
    expected.extend(absent.iter().map(u32::to_string));
    assert_eq!(disabled, expected);
    assert_eq!(users.len(), 20_080);
}
