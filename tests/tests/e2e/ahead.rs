//! `plan --as-of`: the plan of a day to come is the one that is made when the day comes, and looking
//! at it leaves no trace.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::persons::{BOSS, Row, deliver, employee, night, world};
use crate::trial;
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("ahead::the_day_comes_as_it_was_seen", as_seen),
        trial("ahead::what_lies_in_the_inbox_counts_and_stays", inbox),
        trial("ahead::what_is_planned_counts_as_carried_out", planned),
        trial("ahead::guards_say_what_they_would_keep_back", guarded),
        trial("ahead::days_that_are_no_days_to_come_are_refused", refused),
    ]
}

/// Comes on the 20th; the account is made two weeks before.
const COMES: Row = Row {
    hire: "2026-03-20",
    department: "Finance",
    manager: "B1",
    ..employee("N1", "P9")
};

/// Goes at the end of the month.
const GOES: Row = Row {
    last: "2026-03-31",
    ..employee("A1", "P5")
};

fn first_night() -> World {
    let world = world();
    world.unproven();
    night(&world, "2026-03-02", &[BOSS, GOES, COMES]);
    world
}

/// Everything that there is: store, configuration, tenant.
fn everything(world: &World) -> BTreeMap<String, Vec<u8>> {
    world.files("")
}

/// A look that must leave everything as it was.
fn look(world: &World, now: &str, day: &str, code: i32) -> Value {
    let before = everything(world);
    let args = ["plan", "--as-of", day];
    let seen = world.at(now, &args).expect(code).json();
    assert!(everything(world) == before, "the look left a trace");
    seen
}

/// Person, operation and due instant of what is due in a plan.
fn due(seen: &Value) -> Vec<[String; 3]> {
    let mut out = Vec::new();
    for (order, _) in orders(seen) {
        for action in order["actions"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            out.push([
                text(&order["workers"][0]),
                text(&action["op"]),
                text(&action["due"]),
            ]);
        }
    }
    out
}

fn orders(seen: &Value) -> Vec<(Value, Value)> {
    let plans = seen["plans"].as_array().expect("plans").iter();
    plans
        .flat_map(|plan| plan["orders"].as_array().expect("orders"))
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}

fn as_seen() {
    let world = first_night();
    let now = "2026-03-02T03:00:00Z";
    let comes = look(&world, now, "2026-03-20", 0);
    let enable = ["N1", "user.enable", "2026-03-20T00:00:00Z"];
    assert_eq!(due(&comes), [enable]);
    // The account is made on the 6th: by then that is done.
    assert_eq!(comes["ahead"]["before"]["user.create"], 1, "{comes}");
    assert_eq!(comes["ahead"]["data"]["file"], "w-2026-03-02.csv");
    assert!(comes.get("run").is_none());
    let made = look(&world, now, "2026-03-06", 0);
    let created = &due(&made)[0];
    assert_eq!(created, &["N1", "user.create", "2026-03-06T00:00:00Z"]);
    let values = &orders(&made)[0].1[0]["after"];
    assert_eq!(values["department"], "Finance", "values are joined");
    let goes = look(&world, now, "2026-04-01", 0);
    let ops: Vec<String> = due(&goes).into_iter().map(|[_, op, _]| op).collect();
    assert_eq!(ops, ["user.disable", "user.revokeSessions"]);
    // An instant is the day that ends there: the cut is at midnight of the first of April.
    let instant = look(&world, now, "2026-04-01T02:00:00Z", 0);
    assert_eq!(due(&instant), due(&goes));
    let quiet = look(&world, now, "2026-03-10", 0);
    assert_eq!((due(&quiet).len(), &quiet["plans"]), (0, &json!([])));

    // People read what it is before anything else.
    let config = world.config().display().to_string();
    let args = ["plan", "--as-of", "2026-03-20", "-c", &config, "--now", now];
    let text = world.command(&args).expect(0).out;
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("LOOK AHEAD, nothing is stored"),
        "{text}"
    );
    assert!(text.contains("made from   w-2026-03-02.csv of "), "{text}");
    assert!(
        text.contains("+ user.enable  ") && text.contains("the plan of 2026-03-20T00:00:00Z"),
        "{text}"
    );
    assert!(!text.contains("(run "), "there is no run: {text}");

    // The days come; HR says nothing new.
    for day in ["2026-03-04", "2026-03-06", "2026-03-19"] {
        night(&world, day, &[BOSS, GOES, COMES]);
    }
    world.at("2026-03-20T00:00:00Z", &["release"]).expect(0);
    let done = world.files("runs");
    let plan = done
        .iter()
        .rfind(|(key, _)| key.starts_with("runs/20260320T000000Z") && key.ends_with("/plan.json"));
    let plan: Value = serde_json::from_slice(plan.expect("the release").1).unwrap();
    assert_eq!(
        plan["actions_sha256"], comes["plans"][0]["plan"]["actions_sha256"],
        "what was seen is what came"
    );
}

fn inbox() {
    let world = first_night();
    let sooner = Row {
        last: "2026-03-24",
        ..GOES
    };
    deliver(&world, "2026-03-03", &[BOSS, sooner, COMES]);
    let now = "2026-03-03T03:00:00Z";
    let seen = look(&world, now, "2026-03-25", 0);
    assert_eq!(seen["ahead"]["files"], json!(["w-2026-03-03.csv"]));
    let due = due(&seen);
    assert_eq!(due[0], ["A1", "user.disable", "2026-03-25T00:00:00Z"]);
    // The real plan still takes it.
    let planned = world.at(now, &["plan"]).expect(0).json();
    assert_eq!(planned["plan"]["counts"]["rows"], 3);
    // A file from anywhere may be looked at, too; one that cannot be taken is refused as ever.
    let elsewhere = world.dir().join("broken-2026-03-04.csv");
    std::fs::write(&elsewhere, "WorkerID,Nothing\n1,2\n").unwrap();
    let elsewhere = elsewhere.display().to_string();
    let args = ["plan", "--as-of", "2026-03-25", "--file", &elsewhere];
    let refused = world.at(now, &args).expect(2);
    assert!(refused.out.contains("wrong_header"), "{}", refused.out);
}

fn planned() {
    let world = world();
    deliver(&world, "2026-03-02", &[BOSS, GOES, COMES]);
    let now = "2026-03-02T02:00:00Z";
    let planned = world.at(now, &["plan"]).expect(0).json();
    let seen = look(&world, now, "2026-03-20", 0);
    assert_eq!(seen["ahead"]["runs"], json!([planned["run"]]));
    // Two accounts by the plan that is open, the third on the 6th.
    assert_eq!(seen["ahead"]["before"]["user.create"], 3, "{seen}");
    assert_eq!(due(&seen), [["N1", "user.enable", "2026-03-20T00:00:00Z"]]);
    // The open plan is as it was.
    let again = world.at(now, &["plan"]).expect(0).json();
    assert_eq!(again, planned);
}

fn guarded() {
    let world = world();
    world.edit("policy.toml", "workers = []", "workers = [\"A1\"]");
    night(&world, "2026-03-02", &[BOSS, COMES]);
    // A1 is protected, and comes: that waits for people.
    let later = Row {
        hire: "2026-04-10",
        ..employee("A1", "P5")
    };
    let file = [BOSS, later, COMES];
    deliver(&world, "2026-03-03", &file);
    let now = "2026-03-03T03:00:00Z";
    let seen = look(&world, now, "2026-03-27", 3);
    let held = &orders(&seen)[0].0["held"][0];
    assert_eq!((&held["by"], due(&seen).len()), (&json!("protected"), 0));
    assert_eq!(held["actions"][0]["op"], "user.create");
    // It waits from the run that takes the file.
    let kept = &seen["ahead"]["held"][0];
    assert_eq!(
        (&kept["guard"], &kept["at"]),
        (&json!("protected"), &json!(now))
    );
    assert_eq!(seen["ahead"]["before"].get("user.create"), Some(&json!(1)));
    let seen = look(&world, now, "2026-03-03", 0);
    assert_eq!(seen["plans"], json!([]));
    assert_eq!(seen["ahead"]["held"][0]["guard"], "protected");
}

fn refused() {
    let world = first_night();
    let now = "2026-03-10T00:00:00Z";
    for (day, says) in [
        ("2026-03-09", "is over"),
        ("2026-03-10T00:00:00Z", "is over"),
        ("2028-01-01", "days ahead"),
        ("tomorrow", "written like 2026-04-01"),
        ("2026-04-01T02:00:00", "written like 2026-04-01"),
    ] {
        let ran = world.at(now, &["plan", "--as-of", day]).expect(2);
        assert!(ran.err.contains(says), "{day}: {}", ran.err);
        assert!(ran.out.is_empty(), "{day}: {}", ran.out);
    }
}
