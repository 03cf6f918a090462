//! Temporary Access Passes on the command line: one for whoever begins, handed over and kept nowhere.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::telling::{FIRST, SECOND, TEXTS, configure, roster};
use crate::trial;
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("passes::handed_over_and_kept_nowhere", handed),
        trial("passes::killed_anywhere_nobody_gets_two", killed),
        trial("passes::what_reaches_nobody_is_taken_back", unreached),
        trial("passes::not_where_a_store_would_keep_them", stores),
    ]
}

/// Passes on the first day, into a folder that is somebody else's business.
fn world() -> World {
    let world = World::new();
    std::fs::write(world.dir().join("texts.toml"), TEXTS).unwrap();
    configure(
        &world,
        "[notify]\ntexts = \"texts.toml\"\nops = [\"tap.issue\"]\n[notify.file]\nfolder = \"../handed\"\n",
    );
    world.edit("policy.toml", "row_count_pct = 5.0", "row_count_pct = 50.0");
    world.edit(
        "policy.toml",
        "max_source_age_h = 36",
        "max_source_age_h = 999",
    );
    world
}

fn asks(world: &World) {
    world.edit(
        "policy.toml",
        "create_days = 14",
        "create_days = 14\npass = { local = \"07:00:00\", minutes = 480 }",
    );
}

/// Twenty who are there, and four who come: two of them begin before this night.
fn begun() -> World {
    let world = world();
    world.drop_file("a-2026-03-14.csv", roster(0));
    world.at(FIRST, &["run"]).expect(0);
    asks(&world);
    world.drop_file("b-2026-03-15.csv", roster(1));
    world
}

/// What lies in the folder, by worker.
fn delivered(world: &World) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    let files = std::fs::read_dir(world.dir().join("../handed"));
    for file in files.into_iter().flatten() {
        let path = file.unwrap().path();
        // What was half written when a process died has more behind its name.
        if path.extension().is_none_or(|it| it != "json") {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        let notice: Value = serde_json::from_slice(&bytes).unwrap();
        let worker = notice["data"]["worker"].as_str().unwrap().to_owned();
        assert!(out.insert(worker, notice).is_none(), "handed over twice");
    }
    out
}

fn issued(world: &World, worker: &str) -> u64 {
    world.users()[worker]["passesIssued"].as_u64().unwrap_or(0)
}

/// The passes that somebody has now.
fn alive(world: &World, worker: &str) -> usize {
    let users = world.users();
    let methods = users[worker]["methods"].as_array();
    let methods = methods.into_iter().flatten();
    methods
        .filter(|it| **it == "temporaryAccessPassAuthenticationMethod")
        .count()
}

/// How a report says that passes ended, by worker.
fn endings(report: &Value) -> BTreeMap<String, String> {
    let changes = report["changes"].as_array().unwrap().iter();
    let passes = changes.filter(|it| it["op"] == "tap.issue");
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    passes
        .map(|it| (text(&it["person"]), text(&it["status"])))
        .collect()
}

fn handed() {
    let world = begun();
    let ran = world.at(SECOND, &["run"]).expect(0);
    let handed = delivered(&world);
    assert_eq!(handed.keys().collect::<Vec<_>>(), ["10023", "10024"]);
    let data = &handed["10023"]["data"];
    assert_eq!(data["pass"]["minutes"], 480);
    assert_eq!(data["pass"]["start"], "2026-03-15T07:00:00Z");
    let secret = data["pass"]["secret"].as_str().unwrap();
    assert!(secret.len() >= 8);
    let text = data["text"].as_str().unwrap();
    assert!(
        text.contains(&format!(
            "
  {secret}
"
        )) && text.contains("for 480 minutes"),
        "{text}"
    );
    assert!(!data["subject"].as_str().unwrap().contains(secret));
    for worker in ["10021", "10022", "10001"] {
        assert_eq!(
            issued(&world, worker),
            0,
            "{worker} begins later, or long ago"
        );
    }
    for worker in ["10023", "10024"] {
        assert_eq!((issued(&world, worker), alive(&world, worker)), (1, 1));
    }
    // Nowhere but in the folder.
    for (key, bytes) in world.files(".") {
        let inside = bytes
            .windows(secret.len())
            .any(|it| it == secret.as_bytes());
        assert!(!inside, "{key}");
    }
    assert!(!ran.out.contains(secret) && !ran.err.contains(secret));
    // Nor a second time.
    world.at("2026-03-16T02:00:00Z", &["run"]).expect(0);
    assert_eq!(delivered(&world), handed);
    assert_eq!(issued(&world, "10023"), 1);
    let verified = world
        .at("2026-03-16T03:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(verified["problems"], json!([]));
}

fn killed() {
    let clean = begun();
    let (ran, writes, calls) = clean.counted(SECOND, &["run"]);
    ran.expect(0);
    let points = (1..=writes).flat_map(|n| [format!("store:{n}"), format!("stored:{n}")]);
    let points =
        points.chain((1..=calls).flat_map(|n| [format!("call:{n}"), format!("called:{n}")]));
    let mut unheard = 0;
    for (nth, point) in points.enumerate() {
        // Each second one, and another half at each kind of point.
        if nth % 4 > 1 && !point.contains("called") {
            continue;
        }
        let world = begun();
        if !world.may_die(SECOND, &["run"], &point) {
            continue;
        }
        let again = world.at(SECOND, &["run"]);
        if again.out.is_empty() {
            // It was over, but for what is remembered of the tenant.
            for worker in ["10023", "10024"] {
                assert_eq!(issued(&world, worker), 1, "{point}");
                assert!(delivered(&world).contains_key(worker), "{point}");
            }
            continue;
        }
        let report = again.last_json();
        let later = world.at("2026-03-16T02:00:00Z", &["run"]);
        let (handed, ended) = (delivered(&world), endings(&report));
        for worker in ["10023", "10024"] {
            assert!(issued(&world, worker) <= 1, "{point}: {worker} has two");
            assert_eq!(world.users()[worker]["accountEnabled"], true, "{point}");
            match ended.get(worker).map(String::as_str) {
                Some("done" | "already") => {
                    assert!(handed.contains_key(worker), "{point}: {worker} has none");
                    assert_eq!(alive(&world, worker), 1, "{point}");
                }
                // Nobody knows what came of it, and somebody is told.
                Some("unknown") => unheard += 1,
                other => panic!("{point}: {worker} {other:?}\n{}\n{}", again.err, later.err),
            }
        }
    }
    assert!(unheard > 0, "no point is between the mark and the delivery");
}

fn unreached() {
    let world = begun();
    // A folder in which nobody can make a file.
    let sealed = "folder = \"/proc/sys/kernel\"";
    world.edit("rollcall.toml", "folder = \"../handed\"", sealed);
    let report = world.at(SECOND, &["run"]).expect(1).last_json();
    assert_eq!(endings(&report)["10023"], "failed");
    assert_eq!((issued(&world, "10023"), alive(&world, "10023")), (1, 0));
    world.edit("rollcall.toml", sealed, "folder = \"../handed\"");
    let report = world
        .at("2026-03-15T12:00:00Z", &["release"])
        .expect(0)
        .last_json();
    assert_eq!(endings(&report)["10023"], "done", "{report}");
    assert_eq!((issued(&world, "10023"), alive(&world, "10023")), (2, 1));
    let handed = delivered(&world);
    // The next seven o'clock that comes.
    assert_eq!(
        handed["10023"]["data"]["pass"]["start"],
        "2026-03-16T07:00:00Z"
    );
}

fn stores() {
    let world = World::new();
    let config = world.config().display().to_string();
    asks(&world);
    let refused = world.command(&["check", "-c", &config]).expect(2);
    assert!(
        refused
            .err
            .contains("it asks for tap.issue, and nothing says how"),
        "{}",
        refused.err
    );
    std::fs::write(world.dir().join("texts.toml"), TEXTS).unwrap();
    configure(&world, "[notify]\ntexts = \"texts.toml\"\n[notify.file]\n");
    let refused = world.command(&["check", "-c", &config]).expect(2);
    assert!(
        refused.err.contains("it asks for tap.issue"),
        "{}",
        refused.err
    );
    world.edit(
        "rollcall.toml",
        "[notify.file]",
        "ops = [\"tap.issue\"]\n[notify.file]",
    );
    let refused = world.command(&["check", "-c", &config]).expect(2);
    assert!(
        refused.err.contains("is not kept in the store"),
        "{}",
        refused.err
    );
    world.edit(
        "rollcall.toml",
        "[notify.file]",
        "[notify.file]\nfolder = \"handed\"",
    );
    let refused = world.command(&["check", "-c", &config]).expect(2);
    assert!(
        refused.err.contains("lies in the folder of the store"),
        "{}",
        refused.err
    );
    world.edit(
        "rollcall.toml",
        "folder = \"handed\"",
        "folder = \"../handed\"",
    );
    let checked = world.command(&["check", "-c", &config]).expect(0);
    assert!(
        checked
            .out
            .contains("tap.issue goes to the sign-in name of the manager"),
        "{}",
        checked.out
    );
    assert!(
        checked
            .out
            .contains("UserAuthMethod-TAP.ReadWrite.All: issue Temporary"),
        "{}",
        checked.out
    );
    let online = world
        .command(&["check", "-c", &config, "--online"])
        .expect(0);
    assert!(
        online.out.contains("users can be read: yes"),
        "{}",
        online.out
    );
    world.edit("policy.toml", "minutes = 480", "minutes = 481");
    let online = world
        .command(&["check", "-c", &config, "--online"])
        .expect(2);
    assert!(
        online
            .out
            .contains("`joiner.pass.minutes` is 481; the tenant allows 60 to 480"),
        "{}",
        online.out
    );
}
