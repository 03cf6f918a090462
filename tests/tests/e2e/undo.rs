//! A run is taken back: the tenant is as it was but for what was announced, and the next night does
//! not do it again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use libtest_mimic::Trial;
use rollcall_http::Clock;
use rollcall_tests::tenant::users;
use serde_json::{Value, json};

use crate::notices::{appears, run_with};
use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("undo::the_demos_second_day", second_day),
        trial("undo::somebody_else_wrote_meanwhile", meanwhile),
        trial("undo::what_cannot_be_asked_for", refused),
        trial("undo::an_absence", absence),
        trial("undo::what_was_still_to_be_done", still_to_be_done),
        trial("undo::a_deletion", deletion),
        trial("undo::asked_for_twice", twice),
        trial("undo::a_line_of_managers_counts_it", in_a_line),
    ]
}

const DAY_1: &str = include_str!("../../../mappings/demo/day-1.csv");
const DAY_2: &str = include_str!("../../../mappings/demo/day-2.csv");

fn at(day: u8, hour: u8) -> String {
    format!("2026-03-{day:02}T{hour:02}:00:00Z")
}

/// A night with a file, by its report.
fn night(world: &World, day: u8, text: &str, code: i32) -> Value {
    world.drop_file(&format!("workers-2026-03-{day:02}.csv"), text);
    world.at(&at(day, 4), &["run"]).expect(code).last_json()
}

/// The same file on another day: a blank cell more that nobody reads.
fn again(text: &str, day: u8) -> String {
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    let mut out = format!("{header},Day\n");
    for line in lines {
        writeln!(out, "{line},{day}").unwrap();
    }
    out
}

/// Keys of accounts that are not the same.
fn differ(one: &BTreeMap<String, Value>, other: &BTreeMap<String, Value>) -> Vec<String> {
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differs = keys
        .into_iter()
        .filter(|key| one.get(*key) != other.get(*key));
    differs.cloned().collect()
}

/// The second day with whom it misses: absence is another matter.
fn whole_day_2() -> String {
    let missing = DAY_1.lines().find(|line| line.starts_with("01061,"));
    format!("{DAY_2}{}\n", missing.unwrap())
}

fn tenant(world: &World, now: &str) -> BTreeMap<String, Value> {
    users(&world.simulated_tenant(Clock::starting_at(now.parse().unwrap())))
}

/// Plans the undo; gives what it announces, its run and its plan.
fn undo(world: &World, run: &str, now: &str) -> (Vec<Value>, String, String) {
    let ran = world.at(now, &["undo", run]).expect(3);
    let said = ran.first_json();
    let left = said["not_taken_back"].as_array().unwrap().clone();
    let plan = ran.last_json()["plan"]["plan_sha256"].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (left, text(&said["run"]), text(&plan))
}

fn agree(world: &World, run: &str, plan: &str, now: &str) {
    let args = [
        "approve",
        run,
        "--plan",
        plan,
        "--reason",
        "the file was wrong",
    ];
    world.at(now, &args).expect(0);
}

fn kinds(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .map(|it| (text(&it["kind"]), text(&it["worker"])))
        .collect()
}

fn of_kind(report: &Value, kind: &str) -> BTreeSet<String> {
    let all = kinds(report).into_iter().filter(|(it, _)| it == kind);
    all.map(|(_, worker)| worker).collect()
}

fn set(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|it| (*it).to_owned()).collect()
}

fn second_day() {
    let world = World::of("demo");
    night(&world, 16, DAY_1, 1);
    let first = tenant(&world, &at(16, 5));
    let report = night(&world, 17, DAY_2, 1);
    let run = report["run"].as_str().unwrap().to_owned();
    let second = tenant(&world, &at(17, 5));

    let (left, undo_run, plan) = undo(&world, &run, &at(17, 9));
    let told: BTreeSet<(String, String)> = left
        .iter()
        .map(|it| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&it["args"]["op"]), text(&it["worker"]))
        })
        .collect();
    // Two came, and two who left were signed out.
    let created: BTreeSet<&String> = second
        .keys()
        .filter(|it| !first.contains_key(*it))
        .collect();
    let of = |op: &str| -> BTreeSet<String> {
        let all = told.iter().filter(|(it, _)| it == op);
        all.map(|(_, who)| who.clone()).collect()
    };
    assert_eq!(
        created
            .iter()
            .map(|it| (*it).clone())
            .collect::<BTreeSet<_>>(),
        of("user.create")
    );
    assert_eq!(created.len(), 2);
    assert_eq!(of("user.revokeSessions"), set(&["01045", "01046"]));
    assert_eq!(told.len(), 4, "nothing else stays: {told:?}");

    // Nobody has agreed yet.
    world.at(&at(17, 9), &["apply"]).expect(3);
    let none: [&str; 0] = [];
    assert_eq!(
        differ(&tenant(&world, &at(17, 9)), &second),
        none,
        "nothing was touched"
    );
    agree(&world, &undo_run, &plan, &at(17, 9));
    let report = world.at(&at(17, 9), &["apply"]).expect(0).last_json();
    assert_eq!(report["kind"], "undo");
    assert_eq!(report["outcomes"]["failed"], 0);
    let back = tenant(&world, &at(17, 10));
    for (key, user) in &first {
        assert_eq!(&back[key], user, "{key} is as before day 2");
    }
    for key in &created {
        let user = &back[*key];
        assert_eq!(user["accountEnabled"], false, "{key}");
        assert_eq!(user["manager"], Value::Null, "{key}");
        let groups: Vec<&str> = user["memberOf"]
            .as_str()
            .unwrap_or_default()
            .split(' ')
            .collect();
        assert!(!groups.contains(&"finance"), "{key} {groups:?}");
        assert_eq!(
            user["assignedLicenses"].as_array().map_or(0, Vec::len),
            0,
            "{key}"
        );
    }

    // The same file the next night: everybody of day 2 is on hold, nothing is done again.
    let report = night(&world, 18, &again(&whole_day_2(), 18), 1);
    assert_eq!(
        differ(&tenant(&world, &at(18, 5)), &back),
        none,
        "nothing is done again"
    );
    let held = of_kind(&report, "undone");
    assert!(
        held.is_superset(&set(&[
            "01045", "01046", "01006", "01018", "01031", "01034"
        ])),
        "{held:?}"
    );
    assert!(
        held.is_superset(&created.iter().map(|it| (*it).clone()).collect()),
        "{held:?}"
    );

    // HR corrects one row: that one is done, and no other.
    let corrected = again(&whole_day_2(), 19).replace(
        "01046,Terminated,Yara,Eklund,Engineering",
        "01046,Terminated,Yara,Eklund,Operations",
    );
    let report = night(&world, 19, &corrected, 1);
    let after = tenant(&world, &at(19, 5));
    assert_eq!(differ(&after, &back), ["01046"]);
    assert_eq!(after["01046"]["accountEnabled"], false);
    assert!(!of_kind(&report, "undone").contains("01046"));

    // What falls due later by a date of the same row comes all the same.
    world.at("2026-04-01T04:00:00Z", &["release"]);
    let later = tenant(&world, "2026-04-01T05:00:00Z");
    assert_eq!(
        later["01047"]["accountEnabled"], false,
        "the last day was March 31"
    );
    assert_eq!(later["01045"]["accountEnabled"], true, "on hold");
    let verified = world
        .at("2026-04-01T06:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(verified["problems"].as_array().unwrap().len(), 0);
    assert_eq!(verified["plans_not_replayed"], 0);
}

/// Nothing that somebody else wrote is overwritten, and whom a later run changed is left alone.
fn meanwhile() {
    let world = World::of("demo");
    night(&world, 16, DAY_1, 1);
    let report = night(&world, 17, DAY_2, 1);
    let run = report["run"].as_str().unwrap().to_owned();
    // A later run changes one of them once more.
    let third = again(DAY_2, 18).replace(
        "01034,Active,Chiara,Ximenes,Engineering,Engineer,Woodgrove,London,GB,Europe/London,2010-03-19,,01003,CC99",
        "01034,Active,Chiara,Ximenes,Engineering,Engineer,Woodgrove,London,GB,Europe/London,2010-03-19,,01003,CC98",
    );
    night(&world, 18, &third, 1);
    let before = tenant(&world, &at(18, 5));
    let (left, undo_run, plan) = undo(&world, &run, &at(18, 9));
    let later: Vec<&Value> = left
        .iter()
        .filter(|it| it["kind"] == "changed_since")
        .collect();
    assert_eq!(later.len(), 1, "{left:?}");
    assert_eq!(later[0]["worker"], "01034");
    agree(&world, &undo_run, &plan, &at(18, 9));
    world.at(&at(18, 9), &["apply"]);
    let after = tenant(&world, &at(18, 10));
    assert_eq!(after["01034"], before["01034"]);
    assert_eq!(after["01006"]["department"], "Sales");
}

fn refused() {
    let world = World::of("demo");
    let now = at(16, 5);
    let no = world
        .at(&now, &["undo", "20260316T040000Z-00000000"])
        .expect(2);
    assert!(no.err.contains("no run"), "{no:?}");
    let report = night(&world, 16, DAY_1, 1);
    let run = report["run"].as_str().unwrap().to_owned();
    let second = night(&world, 17, &again(DAY_1, 17), 1);
    let idle = second["run"].as_str().unwrap().to_owned();
    let no = world.at(&at(17, 6), &["undo", &idle]).expect(2);
    assert!(no.err.contains("nothing to take back"), "{no:?}");
    // A plan that only waits for people is no run under way, and says what waits.
    let (_, first_undo, _) = undo(&world, &run, &at(17, 7));
    let config = world.config().display().to_string();
    let shown = world
        .command(&["show", &first_undo, "-c", &config])
        .expect(3);
    let held = "HELD: nothing is taken back until the undo is approved";
    assert!(shown.out.contains(held), "{}", shown.out);
    // A first load: 61 disables are over every budget, so that two people have to agree.
    let (_, undo_run, plan) = undo(&world, &run, &at(17, 7));
    let args = [
        "approve",
        &undo_run,
        "--plan",
        &plan,
        "--reason",
        "it was a test",
    ];
    let agreed = world.at(&at(17, 7), &args).expect(3).json();
    assert_eq!(agreed["complete"], false);
    world.at(&at(17, 8), &["apply"]);
    let enabled = |user: &Value| user["accountEnabled"] == true;
    let open = tenant(&world, &at(17, 9))
        .values()
        .filter(|it| enabled(it))
        .count();
    assert_eq!(open, 61, "one of two has agreed: nobody is cut off");
}

/// Absent from two files in a row, cut off, and that was wrong: whoever is still in no file stays
/// enabled until HR lists them, and is an ordinary worker from then on.
fn absence() {
    let world = World::new();
    let roster = Roster::of(40);
    let gone = 10_039;
    let mut without = roster.clone();
    without.0.remove(&gone);
    let night = |day: u8, roster: &Roster, code: i32| {
        world.drop_file(&format!("w-{day}.csv"), again(&roster.csv(), day));
        world.at(&at(day, 4), &["run"]).expect(code).last_json()
    };
    let enabled = || world.users()[&gone.to_string()]["accountEnabled"].clone();
    night(2, &roster, 0);
    night(3, &without, 0);
    let report = night(4, &without, 0);
    assert_eq!(enabled(), false);
    let run = report["run"].as_str().unwrap();
    let (left, undo_run, plan) = undo(&world, run, &at(4, 9));
    assert_eq!(left.len(), 1, "signed out is signed out: {left:?}");
    agree(&world, &undo_run, &plan, &at(4, 9));
    world.at(&at(4, 9), &["apply"]).expect(0);
    assert_eq!(enabled(), true);
    for day in [5, 6, 7] {
        let report = night(day, &without, 0);
        assert_eq!(enabled(), true, "day {day}");
        assert_eq!(of_kind(&report, "undone"), set(&["10039"]), "day {day}");
    }
    let report = night(8, &roster, 0);
    assert_eq!(of_kind(&report, "undone"), set(&[]));
    // From now on two misses count again.
    night(9, &without, 0);
    assert_eq!(enabled(), true);
    night(10, &without, 0);
    assert_eq!(enabled(), false);
}

/// Halted half-way, taken back, let go on: what the run had not done yet is not done either.
fn still_to_be_done() {
    let world = World::new();
    let mut roster = Roster::of(300);
    world.drop_file("w-2026-03-02.csv", roster.csv());
    let word = json!({"halt": true, "at": "2026-03-02T04:00:01Z", "reason": "wrong file"});
    let moves = appears(&world, "approvals/os:guard:7/halt-00000001.json", &word);
    let ran = run_with(&world, &at(2, 4), &["run"], &moves).expect(3);
    let made = world.users().len();
    assert!((1..300).contains(&made), "{made}");
    let run = ran.last_json()["run"].as_str().unwrap().to_owned();
    let (_, undo_run, plan) = undo(&world, &run, &at(2, 5));
    world
        .at(&at(2, 5), &["resume", "--reason", "taken back"])
        .expect(0);
    let args = [
        "approve", &undo_run, "--plan", &plan, "--guard", "undo", "--reason", "x",
    ];
    world.at(&at(2, 5), &args).expect(0);
    world.at(&at(2, 5), &["apply"]);
    world.at(&at(2, 6), &["release"]);
    world.at(&at(2, 7), &["release"]);
    assert_eq!(world.users().len(), made, "nobody else is made");
    // The next file says something else of one of those.
    let users = world.users();
    let left = |key: &u32| !users.contains_key(&key.to_string());
    let key = roster.0.keys().copied().find(left).unwrap();
    roster.0.get_mut(&key).unwrap().department = "Corrected".to_owned();
    world.drop_file("w-2026-03-03.csv", again(&roster.csv(), 3));
    let ran = world.at(&at(3, 4), &["run"]).expect(1);
    assert_eq!(world.users().len(), made + 1, "{ran:?}");
    assert_eq!(world.users()[&key.to_string()]["department"], "Corrected");
}

/// Cut off and deleted in one night, and that was wrong: out of the bin, and enabled.
fn deletion() {
    let world = World::new();
    let leaver = "[leaver]\ndelete_days = 0\n\n[gates]\n";
    world.edit("policy.toml", "[gates]\n", leaver);
    let mut roster = Roster::of(40);
    let night = |day: u8, roster: &Roster, code: i32| {
        world.drop_file(&format!("w-{day}.csv"), again(&roster.csv(), day));
        world.at(&at(day, 4), &["run"]).expect(code).last_json()
    };
    let stands = || {
        let user = world.users()["10020"].clone();
        (
            user["accountEnabled"] == true,
            user["deletedDateTime"].is_string(),
        )
    };
    night(2, &roster, 0);
    let mut before = world.tenant()["10020"].clone();
    before["revoked"] = json!(true);
    roster.0.get_mut(&10_020).unwrap().active = false;
    let report = night(3, &roster, 0);
    assert_eq!(stands(), (false, true));
    let run = report["run"].as_str().unwrap();
    let (left, undo_run, plan) = undo(&world, run, &at(3, 9));
    assert_eq!(left.len(), 1, "signed out is signed out: {left:?}");
    agree(&world, &undo_run, &plan, &at(3, 9));
    let report = world.at(&at(3, 9), &["apply"]).expect(0).last_json();
    assert_eq!(
        report["counts"]["held_actions"],
        json!({"user.enable": 1, "user.restore": 1})
    );
    assert_eq!(stands(), (true, false));
    assert_eq!(world.tenant()["10020"], before);
    // HR says the same the next night: on hold.
    let report = night(4, &roster, 1);
    assert_eq!(stands(), (true, false));
    assert_eq!(of_kind(&report, "undone"), set(&["10020"]));
    let verified = world.at(&at(4, 6), &["verify"]).expect(0).json();
    assert_eq!(verified["problems"], json!([]));
    assert_eq!(verified["plans_not_replayed"], 0);
}

/// Somebody writes down what another one has written, and whose undo waits: one plan, not two.
fn twice() {
    let world = World::new();
    let mut roster = Roster::of(40);
    let night = |day: u8, roster: &Roster| {
        world.drop_file(&format!("w-{day}.csv"), again(&roster.csv(), day));
        world.at(&at(day, 4), &["run"]).expect(0).last_json()
    };
    night(2, &roster);
    roster.0.get_mut(&10_020).unwrap().active = false;
    let report = night(3, &roster);
    let run = report["run"].as_str().unwrap();
    let asks = |who: &str, hour: u8| {
        let folder = world.dir().join("approvals").join(who);
        std::fs::create_dir_all(&folder).unwrap();
        let word = json!({"undo": run, "at": at(3, hour), "reason": "wrong person"});
        std::fs::write(folder.join("undo-00000001.json"), word.to_string()).unwrap();
        world.at(&at(3, hour), &["release"]);
        let status = world.at(&at(3, hour), &["status"]).json();
        status["pending"].as_array().unwrap().clone()
    };
    let first = asks("os:bob:1", 5);
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(asks("os:eve:2", 6), first);
    let text = |name: &str| first[0][name].as_str().unwrap();
    agree(&world, text("run"), text("plan_sha256"), &at(3, 7));
    world.at(&at(3, 7), &["apply"]).expect(0);
    assert_eq!(world.users()["10020"]["accountEnabled"], true);
}

/// Three come below a manager whose line may lose nobody: to block them again counts there, by whom
/// the state says that they report to.
fn in_a_line() {
    let world = World::new();
    let mut roster = Roster::of(40);
    let slice = "[[budgets.slice]]\nname = \"line\"\nunder = \"10001\"\n\
                 disables = { count = 0 }\n\n[protected]\n";
    world.edit("policy.toml", "[protected]\n", slice);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    let row = roster.0[&10_011].clone();
    assert_eq!(row.manager, Some(10_001));
    for key in 10_041..10_044 {
        roster.0.insert(key, row.clone());
    }
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]);
    let run = report.last_json()["run"].as_str().unwrap().to_owned();
    assert_eq!(world.users().len(), 43);
    let ran = world.at("2026-03-15T03:00:00Z", &["undo", &run]).expect(3);
    let plan = ran.last_json()["plan"].clone();
    let guards = plan["guards"].as_array().unwrap().iter();
    let line = guards.clone().find(|it| it["name"] == "disables:line");
    let line = line.unwrap_or_else(|| panic!("{plan}"));
    assert_eq!(
        (&line["counted"], &line["tripped"]),
        (&json!(3.0), &json!(true))
    );
    world.at("2026-03-15T04:00:00Z", &["verify"]).expect(0);
}
