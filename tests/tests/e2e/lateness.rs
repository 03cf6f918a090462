//! Whose delay a late cut is: HR's, who entered it late, or ours.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::trial;
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("lateness::entered_late_or_late_by_us", entered)]
}

const DAY_1: &str = include_str!("../../../mappings/demo/day-1.csv");
/// Of workers: the last day, and when HR entered it.
type Ends = [(&'static str, &'static str, &'static str)];

/// The demo's first day with a column more, and these ends.
fn file(ends: &Ends) -> String {
    let mut lines = DAY_1.lines();
    let header = lines.next().unwrap();
    let last_day = header.split(',').position(|it| it == "LastDay").unwrap();
    let mut out = vec![format!("{header},EnteredOn")];
    for line in lines {
        let mut cells: Vec<&str> = line.split(',').collect();
        let end = ends.iter().find(|(worker, ..)| cells[0] == *worker);
        if let Some((_, date, _)) = end {
            cells[last_day] = date;
        }
        cells.push(end.map_or("", |(.., entered)| entered));
        out.push(cells.join(","));
    }
    out.join("\n") + "\n"
}

fn disable(report: &Value, worker: &str) -> Value {
    let mut changes = report["changes"].as_array().unwrap().iter();
    let ours = |it: &&Value| it["person"] == worker && it["op"] == "user.disable";
    changes.find(ours).expect("a disable").clone()
}

fn entered() {
    let world = World::of("demo");
    let rule = "[worker]\nentered = { column = \"EnteredOn\", zone = \"Europe/London\" }\n";
    world.edit("mapping.toml", "[worker]\n", rule);
    // A new column is filled and four ends are set: that is meant.
    world.edit("policy.toml", "[gates]\n", "[gates]\nfill_points = 100\n");
    world.drop_file("workers-2026-03-16.csv", file(&[]));
    world.at("2026-03-16T04:00:00Z", &["run"]).expect(1);

    world.drop_file(
        "workers-2026-03-17.csv",
        file(&[
            // In London, where it is UTC.
            ("01034", "2026-03-10", "2026-03-17 01:00:00"),
            ("01018", "2026-03-16", "2026-03-12"),
            ("01006", "2026-03-17", "2026-03-12T09:00:00+01:00"),
            ("01002", "2026-03-31", "some day"),
        ]),
    );
    let report = world
        .at("2026-03-17T04:00:00Z", &["run"])
        .expect(1)
        .last_json();
    let late = disable(&report, "01034");
    assert_eq!(late["event_entered_utc"], "2026-03-17T01:00:00Z");
    assert_eq!(late["event_first_seen_utc"], "2026-03-17T04:00:00Z");
    assert_eq!(late["lateness_cause"], "hr_entry");
    let days = late["lateness_seconds"].as_i64().unwrap() / 86_400;
    assert_eq!(days, 6, "from the due instant all the same");
    let ours = disable(&report, "01018");
    assert_eq!(ours["event_entered_utc"], "2026-03-12T00:00:00Z");
    assert_eq!(ours["lateness_cause"], "pipeline");
    let lateness = &report["lateness"];
    assert_eq!(
        (&lateness["disabled"], &lateness["entered_late"]),
        (&json!(2), &json!(1))
    );
    let hours = |name: &str| lateness[name].as_f64().unwrap() / 3600.0;
    assert!(
        (4.0..4.1).contains(&hours("ours_max_seconds")),
        "{lateness}"
    );
    assert!(
        (3.0..3.1).contains(&hours("ours_p50_seconds")),
        "{lateness}"
    );
    assert!((148.0..148.1).contains(&hours("max_seconds")), "{lateness}");
    let found = |report: &Value, kind: &str| -> Vec<String> {
        let all = report["findings"].as_array().unwrap().iter();
        let ours = all.filter(|it| it["kind"] == kind);
        ours.map(|it| it["worker"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(found(&report, "leaver_backdated"), ["01034"]);
    // What cannot be read says nothing of when, and holds nobody.
    assert!(found(&report, "date_format").contains(&"01002".to_owned()));
    let mut scheduled = report["changes"].as_array().unwrap().iter();
    assert!(scheduled.any(|it| it["person"] == "01002" && it["op"] == "user.disable"));

    // Planned the day before, carried out after midnight in Warsaw.
    let report = world
        .at("2026-03-18T00:30:00Z", &["release"])
        .expect(0)
        .last_json();
    let ours = disable(&report, "01006");
    assert_eq!(ours["event_entered_utc"], "2026-03-12T08:00:00Z");
    assert_eq!(ours["event_first_seen_utc"], "2026-03-17T04:00:00Z");
    assert_eq!(ours["lateness_cause"], "pipeline");
    assert_eq!(report["lateness"]["entered_late"], 0);
    let verified = world
        .at("2026-03-18T01:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(verified["plans_not_replayed"], 0);
}
