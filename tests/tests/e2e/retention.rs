//! Values, reports and files that nobody took go when their days are over; evidence stays, and the chain with it.

use std::collections::BTreeSet;

use libtest_mimic::Trial;

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("retention::what_is_no_evidence_expires", expires),
        trial("retention::a_bucket_has_rules_of_its_own", bucket),
    ]
}

fn expires() {
    let world = World::new();
    world.unproven();
    world.edit(
        "policy.toml",
        "max_source_age_h = 36",
        "max_source_age_h = 90000",
    );
    let mut roster = Roster::of(20);
    world.drop_file("workers-2026-03-16.csv", roster.csv());
    let first = world.at("2026-03-16T04:00:00Z", &["run"]).expect(0).json();
    let first = first["run"].as_str().unwrap().to_owned();
    roster.0.get_mut(&10_015).unwrap().department = "Elsewhere".to_owned();
    world.drop_file("workers-2026-03-17.csv", roster.csv());
    let second = world.at("2026-03-17T04:00:00Z", &["run"]).expect(0).json();
    let second = second["run"].as_str().unwrap().to_owned();
    // It is refused, and stays where it is.
    world.drop_file("workers-2026-03-18.csv", "<html>");
    world.at("2026-03-18T04:00:00Z", &["run"]).expect(2);
    let keys = |folder: &str| -> BTreeSet<String> { world.files(folder).into_keys().collect() };
    let of = |folder: &str, run: &str| keys(folder).iter().any(|key| key.contains(run));
    let before = world.files("");

    // The 35th day is not over.
    world.at("2026-04-20T03:00:00Z", &["run"]);
    assert!(of("values", &first) && of("values", &second));
    assert!(keys("inbox").contains("inbox/workers-2026-03-18.csv"));
    let written = world.files("runs");

    // Values of the first run go; the second one says what is newest.
    world.at("2026-05-30T04:00:00Z", &["run"]);
    assert!(!of("values", &first), "{:?}", keys("values"));
    assert!(of("values", &second));
    assert!(!keys("inbox").contains("inbox/workers-2026-03-18.csv"));
    // A report that is asked for is the one that was written with them.
    let now = "2026-05-30T05:00:00Z";
    let report = world.at(now, &["report", &first]).expect(0).json();
    assert_eq!(report["run"], first.as_str());
    assert!(
        report["changes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| !it["after"].as_object().unwrap().is_empty())
    );
    let key = format!("runs/{first}/report/report.json");
    assert_eq!(world.files("runs")[&key], written[&key]);
    let events = world.at(now, &["report", &first, "--ocsf"]).expect(0);
    assert!(events.lines().len() > 20);

    // Reports after 400 days.
    assert!(
        keys("runs")
            .iter()
            .any(|key| key.starts_with(&format!("runs/{first}/report/")))
    );
    world.at("2027-05-01T04:00:00Z", &["run"]);
    assert!(
        !keys("runs")
            .iter()
            .any(|key| key.starts_with(&format!("runs/{first}/report/")))
    );

    // What is evidence is as it was, byte for byte, and adds up.
    let after = world.files("");
    for (key, bytes) in &before {
        let evidence = ["log/", "runs/", "once/", "stops/", "approvals/"];
        if evidence.iter().any(|it| key.starts_with(it)) && !key.contains("/report/") {
            assert_eq!(after.get(key), Some(bytes), "{key}");
        }
    }
    let verified = world
        .at("2027-05-01T05:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert!(verified["values_gone"].as_u64().unwrap() > 0, "{verified}");
}

fn bucket() {
    let world = World::new();
    world.edit(
        "rollcall.toml",
        "store = \".\"\n",
        "store = \"s3://evidence\"\n",
    );
    world.edit(
        "rollcall.toml",
        "[evidence]\n",
        "[retention]\nvalues_days = 20\n\n[evidence]\n",
    );
    let config = world.config().display().to_string();
    let checked = world.command(&["check", "-c", &config]).expect(2);
    assert!(
        checked.err.contains("lifecycle rules of its own"),
        "{checked:?}"
    );
}
