//! What should have happened and did not is named (P16): who, what, since when, and why.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::child;
use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "status::late_leavers_are_named_while_the_tenant_is_down",
            late,
        ),
        trial("status::a_silent_source_is_named", silent),
        trial("status::a_run_without_headway_is_named", stuck),
        trial("status::a_leaver_whom_a_guard_keeps_in_is_late", kept_in),
    ]
}

const DAY_1: &str = include_str!("../../../mappings/demo/day-1.csv");

/// Somebody in Warsaw leaves on the day of the first delivery.
fn late() {
    let world = World::of("demo");
    world.unproven();
    let mut lines = DAY_1.lines();
    let header = lines.next().unwrap();
    let last_day = header.split(',').position(|it| it == "LastDay").unwrap();
    let mut file = vec![header.to_owned()];
    for line in lines {
        let mut cells: Vec<&str> = line.split(',').collect();
        if cells[0] == "01006" {
            cells[last_day] = "2026-03-16";
        }
        file.push(cells.join(","));
    }
    world.drop_file("workers-2026-03-16.csv", file.join("\n") + "\n");
    world.at("2026-03-16T04:00:00Z", &["run"]).expect(1);
    let named = |now: &str| -> Vec<Value> {
        let status = world.at(now, &["status"]);
        let status: Value = serde_json::from_str(status.out.trim()).unwrap();
        assert_eq!(status["late"], status["overdue"].as_array().unwrap().len());
        let all = status["overdue"].as_array().unwrap().iter();
        all.filter(|it| it["person"] == "01006").cloned().collect()
    };
    assert_eq!(named("2026-03-16T22:59:00Z"), Vec::<Value>::new());

    // Nothing looked.
    let status = named("2026-03-17T00:00:00Z");
    let expected = json!({
        "person": "01006", "op": "user.disable", "due": "2026-03-16T23:00:00Z",
        "late_seconds": 3600.0, "why": "not_released",
    });
    assert_eq!(status, [expected]);

    // A release looks, and every call fails.
    let mut release = world.prepared_at("2026-03-17T00:05:00Z", &["release"]);
    let released = release.env(child::DOWN, "/v1.0").output().unwrap();
    assert_ne!(released.status.code(), Some(0), "{released:?}");
    assert_eq!(world.users()["01006"]["accountEnabled"], true);
    let status = world
        .at("2026-03-17T01:00:00Z", &["status"])
        .expect(1)
        .json();
    let named_now = named("2026-03-17T01:00:00Z");
    assert_eq!(named_now.len(), 1, "{status}");
    assert_eq!(named_now[0]["due"], "2026-03-16T23:00:00Z", "{status}");
    assert_eq!(named_now[0]["op"], "user.disable");
    assert_eq!(named_now[0]["late_seconds"], 7200.0);
    // For people, without a name of anybody.
    let config = world.config().display().to_string();
    let now = "2026-03-17T01:00:00Z";
    let text = world
        .command(&["status", "-c", &config, "--now", now])
        .expect(1)
        .out;
    assert!(
        text.contains("01006 user.disable, due 2026-03-16T23:00:00Z, 7200 s late: "),
        "{text}"
    );

    // It is back.
    world.at("2026-03-17T06:00:00Z", &["release"]);
    assert_eq!(world.users()["01006"]["accountEnabled"], false);
    assert_eq!(named("2026-03-17T06:30:00Z"), Vec::<Value>::new());
}

fn silent() {
    let world = World::new();
    world.drop_file("workers-2026-03-16.csv", Roster::of(20).csv());
    world.at("2026-03-16T04:00:00Z", &["run"]).expect(0);
    let status = world
        .at("2026-03-16T05:00:00Z", &["status"])
        .expect(0)
        .json();
    assert_eq!(status["stale"], false);
    assert!(
        status["sources"][0].get("stale_since").is_none(),
        "{status}"
    );
    let status = world
        .at("2026-03-19T05:00:00Z", &["status"])
        .expect(1)
        .json();
    assert_eq!(status["stale"], true);
    let source = &status["sources"][0];
    let since: jiff::Timestamp = source["stale_since"].as_str().unwrap().parse().unwrap();
    let as_of: jiff::Timestamp = source["as_of"].as_str().unwrap().parse().unwrap();
    // `max_source_age_h` of the starter.
    assert_eq!(since.duration_since(as_of).as_hours(), 36, "{status}");
}

fn stuck() {
    let world = World::new();
    world.drop_file("workers-2026-03-16.csv", Roster::of(20).csv());
    world.dies("2026-03-16T04:00:00Z", &["run"], "called:15");
    let status = world
        .at("2026-03-16T04:30:00Z", &["status"])
        .expect(1)
        .json();
    assert_eq!(status["open"].as_array().unwrap().len(), 1, "{status}");
    assert_eq!(status["stuck"], json!([]), "half an hour is no sign");
    let status = world
        .at("2026-03-16T06:00:00Z", &["status"])
        .expect(1)
        .json();
    let stuck = &status["stuck"][0];
    assert_eq!(stuck["run"], status["open"][0]["run"], "{status}");
    assert_eq!(stuck["stage"], status["open"][0]["stage"]);
    let minutes = stuck["minutes"].as_i64().unwrap();
    assert!((110..=120).contains(&minutes), "{stuck}");
    // The next command goes on with it.
    world.at("2026-03-16T06:01:00Z", &["run"]).expect(0);
    let status = world
        .at("2026-03-16T06:02:00Z", &["status"])
        .expect(0)
        .json();
    assert_eq!(
        (&status["open"], &status["stuck"]),
        (&json!([]), &json!([]))
    );
}

/// Waiting for people makes nobody less late.
fn kept_in() {
    let world = World::new();
    world.unproven();
    let mut roster = Roster::of(60);
    world.drop_file("workers-2026-03-16.csv", roster.csv());
    world.at("2026-03-16T04:00:00Z", &["run"]).expect(0);
    // More than the budget of disables.
    for key in 10_030..10_045 {
        roster.0.get_mut(&key).unwrap().active = false;
    }
    world.edit(
        "policy.toml",
        "inactive_share_points = 5.0",
        "inactive_share_points = 100.0",
    );
    world.drop_file("workers-2026-03-17.csv", roster.csv());
    world.at("2026-03-17T04:00:00Z", &["run"]).expect(3);
    let status = world
        .at("2026-03-17T05:00:00Z", &["status"])
        .expect(3)
        .json();
    let overdue = status["overdue"].as_array().unwrap();
    assert_eq!(overdue.len(), 15, "{status}");
    for it in overdue {
        assert_eq!(
            (&it["op"], &it["why"]),
            (&json!("user.disable"), &json!("held")),
            "{it}"
        );
    }
}
