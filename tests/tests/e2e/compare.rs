//! `policy diff`: stored runs by other rules.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::groups::define;
use crate::persons::{BOSS, Row, employee, night, world};
use crate::trial;
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("compare::the_same_rules_make_no_difference", same),
        trial("compare::what_another_policy_moves_is_shown", moved),
        trial("compare::guards_that_hold_are_counted", guarded),
        trial("compare::another_mapping_writes_other_values", mapping),
        trial("compare::groups_that_were_not_there_are_made", groups),
        trial("compare::runs_whose_rows_are_gone_are_named", gone),
    ]
}

const COMES: Row = Row {
    hire: "2026-03-20",
    manager: "B1",
    ..employee("N1", "P9")
};
const GOES: Row = Row {
    last: "2026-03-04",
    ..employee("A1", "P5")
};
const MOVES: Row = Row {
    department: "Lab",
    ..employee("M1", "P6")
};

/// Three nights: everybody; a leaver to come, a joiner and a mover; the leaver is due.
fn three_nights() -> World {
    let world = world();
    let before = [BOSS, employee("A1", "P5"), employee("M1", "P6")];
    night(&world, "2026-03-02", &before);
    for day in ["2026-03-03", "2026-03-05"] {
        night(&world, day, &[BOSS, GOES, MOVES, COMES]);
    }
    world
}

/// The newest runs; the comparison must leave everything as it was.
fn diff(world: &World, last: &str, code: i32) -> Vec<Value> {
    let before = world.files("");
    let args = ["policy", "diff", "--last", last];
    let seen = world.at("2026-03-06T00:00:00Z", &args).expect(code).json();
    assert!(world.files("") == before, "the comparison left a trace");
    seen["runs"].as_array().expect("runs").clone()
}

fn text(world: &World, last: &str) -> String {
    let config = world.config().display().to_string();
    let args = ["policy", "diff", "--last", last, "-c", &config];
    world.command(&args).out
}

fn person<'a>(run: &'a Value, who: &str) -> &'a Value {
    let persons = run["persons"].as_array().expect("persons");
    let found = persons.iter().find(|it| it["workers"][0] == who);
    found.unwrap_or_else(|| panic!("nothing of {who} in {run}"))
}

fn same() {
    let world = three_nights();
    let runs = diff(&world, "3", 0);
    assert_eq!(runs.len(), 3);
    for run in &runs {
        assert_eq!(run["persons"], json!([]), "{run}");
        assert_eq!(run["guards"], json!([]), "{run}");
        assert_eq!((&run["changed"], &run["assumed"]), (&json!([]), &json!(0)));
    }
    // Releases and runs by name, too.
    let ids: Vec<&str> = runs
        .iter()
        .map(|run| run["run"].as_str().unwrap())
        .collect();
    let args = ["policy", "diff", "--against", ids[2], ids[0]];
    let named = world.at("2026-03-06T00:00:00Z", &args).expect(0).json();
    assert_eq!(named["runs"], json!([runs[2], runs[0]]));
    let text = text(&world, "3");
    assert!(text.contains("0 different, 3 the same"), "{text}");
    for (args, says) in [
        (
            vec!["policy", "diff", "--against", "20000101T000000Z-0"],
            "--last N",
        ),
        (vec!["policy", "diff"], "--against"),
    ] {
        let ran = world.at("2026-03-06T00:00:00Z", &args).expect(2);
        assert!(ran.err.contains(says), "{}", ran.err);
    }
    let empty = crate::world::World::new();
    let args = ["policy", "diff", "--last", "1"];
    let ran = empty.at("2026-03-06T00:00:00Z", &args).expect(2);
    assert!(ran.err.contains("nothing to compare"), "{}", ran.err);
}

fn moved() {
    let world = three_nights();
    world.edit("policy.toml", "create_days = 14", "create_days = 3");
    let runs = diff(&world, "2", 0);
    assert_eq!(runs[0]["changed"], json!(["policy"]));
    // On the 3rd the account was to be made on the 6th.
    let joiner = person(&runs[0], "N1");
    let created = &joiner["changes"][0];
    assert_eq!(
        (&created["op"], &created["kinds"]),
        (&json!("user.create"), &json!(["moved"]))
    );
    assert_eq!(created["then"]["due"], "2026-03-06T00:00:00Z");
    assert_eq!(created["now"]["due"], "2026-03-17T00:00:00Z");
    assert_eq!(runs[0]["ops"]["user.create"]["moved"], 1);
    assert_eq!(
        runs[0]["persons"].as_array().unwrap().len(),
        1,
        "{}",
        runs[0]
    );
    let text = text(&world, "2");
    let line = "~ user.create  due 2026-03-17T00:00:00Z instead of 2026-03-06T00:00:00Z";
    let line = line.replace("instead of ", "instead of due ");
    assert!(text.contains(&line), "{text}");
    assert!(text.contains("user.create moved 1"), "{text}");
}

fn guarded() {
    let world = three_nights();
    world.edit("policy.toml", "workers = []", "workers = [\"A1\"]");
    let runs = diff(&world, "2", 0);
    let leaver = person(&runs[0], "A1");
    for change in leaver["changes"].as_array().unwrap() {
        assert_eq!(change["kinds"], json!(["held"]), "{change}");
        assert_eq!(change["now"]["held_by"], "protected");
    }
    let guards = runs[0]["guards"].as_array().unwrap();
    let guard = guards.iter().find(|it| it["name"] == "protected").unwrap();
    assert_eq!(
        (&guard["held_then"], &guard["held_now"]),
        (&json!(0), &json!(2))
    );
    let text = text(&world, "2");
    assert!(text.contains("would be kept back by protected"), "{text}");
    assert!(text.contains("guard protected: counted 1 of 0"), "{text}");
}

fn mapping() {
    let world = three_nights();
    let from = "target = \"department\"\n";
    let path = world.dir().join("mapping.toml");
    let mapping = std::fs::read_to_string(&path).unwrap();
    assert!(mapping.contains(from), "{mapping}");
    let at = mapping.find(from).unwrap();
    let line = mapping[at..].lines().nth(1).unwrap();
    let other = "expression = 'ToUpper([Department])'";
    std::fs::write(&path, mapping.replacen(line, other, 1)).unwrap();
    let runs = diff(&world, "2", 0);
    assert_eq!(runs[0]["changed"], json!(["mapping"]));
    // Who moved gets another value; whose department would only be written otherwise, one at all.
    let mover = &person(&runs[0], "M1")["changes"][0];
    assert_eq!(mover["kinds"], json!(["changed"]));
    assert_eq!(
        mover["values"]["department"],
        json!({"then": "Lab", "now": "LAB"})
    );
    let boss = &person(&runs[0], "B1")["changes"][0];
    assert_eq!(boss["kinds"], json!(["added"]));
    assert_eq!(boss["values"]["department"]["now"], "BOARD");
}

const GROUPS: &str = "format_version = 1\n[[group]]\nkey = \"sales\"\nname = \"Sales\"\nmode = \
                      \"assigned\"\nrule = 'worker.department -eq \"Sales\"'\n[[group]]\nkey = \
                      \"lab\"\nname = \"Lab\"\nmode = \"assigned\"\nrule = 'worker.department \
                      -eq \"Lab\"'\n";

fn groups() {
    let world = world();
    define(&world, GROUPS);
    night(&world, "2026-03-02", &[BOSS, employee("M1", "P6")]);
    for day in ["2026-03-03", "2026-03-18"] {
        night(&world, day, &[BOSS, MOVES, COMES]);
    }
    // The newcomer's groups fall due between two nights: one of the two groups is looked at.
    let now = "2026-03-19T00:00:00Z";
    world.at(now, &["release"]).expect(0);
    let runs = world.files("runs");
    let mut runs = runs.keys().filter_map(|key| key.split('/').nth(1));
    let release = runs
        .find(|run| run.starts_with("20260319T"))
        .expect("a run");
    let args = ["policy", "diff", "--against", release];
    let seen = world.at(now, &args).expect(0).json();
    let seen = &seen["runs"][0];
    assert_eq!(
        (&seen["file"], &seen["persons"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(seen["assumed"], 0, "{seen}");
    for run in diff(&world, "3", 0) {
        assert_eq!(
            (&run["persons"], &run["assumed"]),
            (&json!([]), &json!(0)),
            "{run}"
        );
    }

    let all = "[[group]]\nkey = \"all\"\nname = \"All\"\nmode = \"assigned\"\nrule = \
               'worker.department -ne null'\n";
    let path = world.dir().join("groups.toml");
    std::fs::write(path, format!("{GROUPS}{all}")).unwrap();
    let run = &diff(&world, "2", 0)[0];
    assert_eq!(run["changed"], json!(["groups"]));
    assert_eq!(run["ops"]["group.create"]["added"], 1, "{run}");
    // The boss, the mover, and on their day the newcomer.
    assert_eq!(run["ops"]["group.add"]["added"], 3, "{run}");
    // The old group waits for one more that comes instead.
    let mover = &person(run, "M1")["changes"][1];
    assert_eq!(
        (&mover["op"], &mover["kinds"]),
        (&json!("group.remove"), &json!(["changed"]))
    );
    assert_eq!(mover["differs"], json!(["awaits"]));
    let made = run["persons"].as_array().unwrap();
    assert!(made.iter().any(|it| it["person"] == "group:all"), "{run}");
    let text = text(&world, "2");
    assert!(text.contains("+ group.add all  due "), "{text}");
}

fn gone() {
    let world = three_nights();
    let first = diff(&world, "3", 0)[0]["run"].as_str().unwrap().to_owned();
    std::fs::remove_dir_all(world.dir().join("values").join(&first)).unwrap();
    let runs = diff(&world, "3", 1);
    let why = runs[0]["gone"].as_str().expect("a reason");
    assert!(why.contains("no longer kept"), "{why}");
    assert!(runs[1].get("gone").is_none(), "{}", runs[1]);
    let text = text(&world, "3");
    assert!(text.contains("! cannot be made again: "), "{text}");
    assert!(text.contains("1 cannot be made again"), "{text}");
}
