//! `explain`: why one worker's account is what it is.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::groups::define;
use crate::persons::{self, BOSS, employee};
use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "explain::a_value_is_shown_from_its_cell_to_the_tenant",
            joiner,
        ),
        trial(
            "explain::what_a_guard_keeps_back_is_named_until_it_goes",
            kept_back,
        ),
        trial("explain::a_held_row_says_what_holds_it", held),
        trial("explain::a_key_that_nobody_has_gets_the_nearest", nobody),
        trial(
            "explain::values_that_are_gone_take_nothing_else_with_them",
            gone,
        ),
        trial(
            "explain::what_hr_took_back_is_said_with_its_row",
            taken_back,
        ),
        trial("explain::what_comes_at_another_time_is_said", put_off),
        trial(
            "explain::what_is_kept_back_says_whom_it_waits_for",
            waits_for_two,
        ),
        trial("explain::what_goes_on_beside_it_is_said", goes_on),
    ]
}

const DAY_1: &str = "2026-03-14T02:00:00Z";
const DAY_2: &str = "2026-03-15T02:00:00Z";

fn first_night() -> (World, Roster) {
    let world = World::new();
    let roster = Roster::of(60);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at(DAY_1, &["run"]).expect(0);
    (world, roster)
}

fn attribute<'a>(explained: &'a Value, target: &str) -> &'a Value {
    let list = explained["delivery"]["rows"][0]["attributes"].as_array();
    let mut list = list.expect("attributes").iter();
    list.find(|a| a["target"] == target)
        .unwrap_or_else(|| panic!("no attribute {target}"))
}

/// As people read it.
fn text(world: &World, worker: &str) -> String {
    let config = world.config().display().to_string();
    let args = ["explain", worker, "-c", &config, "--now", DAY_2];
    world.command(&args).expect(0).out
}

fn joiner() {
    let (world, _) = first_night();
    let explained = world.at(DAY_2, &["explain", "10012"]).expect(0).json();
    let row = &explained["delivery"]["rows"][0];
    assert_eq!(row["row"], 13);
    assert_eq!(row["status"], "active");
    assert_eq!(
        attribute(&explained, "department"),
        &json!({
            "target": "department", "apply": "always", "from": {"column": "Department"},
            "cells": [["Department", "Dept 4"]], "steps": [], "result": "set", "value": "Dept 4",
        })
    );
    let name = attribute(&explained, "userPrincipalName");
    assert_eq!(name["value"], "emp10012@woodgrove.example");
    let steps: Vec<(&str, &str)> = name["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|s| (s["part"].as_str().unwrap(), s["value"].as_str().unwrap()))
        .collect();
    assert_eq!(
        steps,
        [
            (r#"StripSpaces("EMP10012")"#, r#""EMP10012""#),
            (r#"NormalizeDiacritics("EMP10012")"#, r#""EMP10012""#),
            (r#"ToLower("EMP10012")"#, r#""emp10012""#),
            (
                r#"Join("@", "emp10012", "woodgrove.example")"#,
                r#""emp10012@woodgrove.example""#
            ),
        ]
    );
    let actions = explained["plan"]["actions"].as_array().expect("actions");
    let ops: Vec<&str> = actions.iter().map(|a| a["op"].as_str().unwrap()).collect();
    assert_eq!(ops, ["user.create", "user.setManager", "user.enable"]);
    for action in actions {
        assert_eq!(action["outcome"]["status"], "done");
        assert_eq!(action["standing"]["is"], "due");
    }
    assert_eq!(
        actions[0]["values"]["department"],
        json!({"before": null, "after": "Dept 4"})
    );
    assert_eq!(explained["account"]["seen"], "now");
    assert_eq!(
        explained["account"]["accounts"][0]["attributes"]["department"],
        "Dept 4"
    );

    // Somebody writes into the directory: it is seen at once, beside what HR says.
    let path = world.dir().join("tenant.jsonl");
    let journal = std::fs::read_to_string(&path).unwrap();
    let mut lines = journal.lines().rev();
    let line = lines.find(|line| line.contains("emp10012@"));
    let line = line.expect("the user").replace("Dept 4", "Elsewhere");
    std::fs::write(&path, format!("{journal}{line}\n")).unwrap();
    let text = text(&world, "10012");
    let wanted = "  department                 \"Dept 4\"\n      \
                  row 13, column Department: \"Dept 4\"\n      \
                  ~ Entra has \"Elsewhere\": NOT the same\n      \
                  Rollcall last wrote \"Dept 4\": somebody else has changed it since\n";
    assert!(text.contains(wanted), "{text}");
    let same = "  surname                    \"Last10012\"\n      \
                row 13, column LastName: \"Last10012\"\n      Entra has the same\n";
    assert!(text.contains(same), "{text}");
}

fn kept_back() {
    let (world, mut roster) = first_night();
    roster.0.retain(|key, _| key % 2 == 0);
    roster.0.get_mut(&10_012).unwrap().department = "Moved".to_owned();
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at(DAY_2, &["run"]).expect(3).json();
    let (run, plan) = (report["run"].as_str().unwrap(), &report["plan_sha256"]);
    let seen = || {
        let explained = world.at(DAY_2, &["explain", "10012"]).expect(0).json();
        let action = explained["plan"]["actions"][0].clone();
        assert_eq!(action["op"], "user.update");
        assert_eq!(explained["delivery"]["parked"], true);
        (
            action["standing"].clone(),
            action["outcome"]["status"].clone(),
        )
    };
    let (standing, outcome) = seen();
    assert_eq!(
        (&standing["by"], &standing["hold"], &outcome),
        (&json!("row_count"), &json!("waits"), &Value::Null)
    );
    let text = text(&world, "10012");
    let command = format!(
        "rollcall approve {run} --plan {} --guard row_count",
        plan.as_str().unwrap()
    );
    assert!(text.contains(&command), "{text}");
    assert!(text.contains("parked by a guard"), "{text}");
    assert!(text.contains("the plan above writes it"), "{text}");

    let plan = plan.as_str().unwrap();
    let args = ["approve", run, "--plan", plan, "--reason", "sold"];
    world.at(DAY_2, &args).expect(0);
    world.at(DAY_2, &["apply"]).expect(0);
    let (standing, outcome) = seen();
    assert_eq!(
        (&standing["hold"], outcome),
        (&json!("released"), json!("done"))
    );
    let by = standing["agreed"][0]["by"].as_str().unwrap();
    assert!(by.starts_with("os:"), "{by}");
    // The run before it has its own story.
    let first = world.files("runs");
    let first = first.keys().find_map(|key| {
        let run = key.split('/').nth(1)?;
        run.starts_with("20260314T").then(|| run.to_owned())
    });
    let first = first.expect("the first run");
    let args = ["explain", "10012", "--run", &first];
    let explained = world.at(DAY_2, &args).expect(0).json();
    assert_eq!(explained["plan"]["delta"], "joiner");
    assert_eq!(explained["delivery"]["run"], first.as_str());
}

fn held() {
    let (world, roster) = first_night();
    let csv = roster.csv().replace("\n10012,Active,", "\n10012,Paused,");
    world.drop_file("b-2026-03-15.csv", csv);
    world.at(DAY_2, &["run"]).expect(1);
    let text = text(&world, "10012");
    for wanted in [
        "  status                     \"Paused\"  (column WorkerStatus)  counts as unknown\n",
        "(status_unknown)",
        "! HR data of this worker are held",
        "what to do: ",
        "the newest run had nothing to do for this worker: its HR data are held",
        "the last that had: run 20260314T",
    ] {
        assert!(text.contains(wanted), "no `{wanted}` in\n{text}");
    }
}

fn nobody() {
    let (world, _) = first_night();
    for (asked, hint) in [
        ("0010012", "did you mean 10012?"),
        ("77777", "compared as it is written"),
    ] {
        let refused = world.at(DAY_2, &["explain", asked]).expect(2);
        assert!(refused.err.contains(hint), "{}", refused.err);
    }
    let args = ["explain", "10012", "--run", "20000101T000000Z-00000000"];
    let refused = world.at(DAY_2, &args).expect(2);
    assert!(refused.err.contains("no run 2000"), "{}", refused.err);
    let empty = World::new();
    let refused = empty.at(DAY_2, &["explain", "10012"]).expect(2);
    assert!(
        refused.err.contains("no run has been planned"),
        "{}",
        refused.err
    );
}

fn gone() {
    let (world, _) = first_night();
    std::fs::remove_dir_all(world.dir().join("values")).unwrap();
    let explained = world.at(DAY_2, &["explain", "10012"]).expect(0).json();
    let why = explained["delivery"]["gone"].as_str().expect("a reason");
    assert!(why.contains("no longer kept"), "{why}");
    assert_eq!(explained["person"]["applied"]["department"], "Dept 4");
    let actions = explained["plan"]["actions"].as_array().unwrap();
    assert_eq!(actions[0]["outcome"]["status"], "done");
    assert_eq!(actions[0]["values"], json!({}));
    assert!(text(&world, "10012").contains("no longer kept"));
}

/// Two nights of somebody who is to go at the end of the month, and of one who comes.
fn to_go() -> World {
    let world = persons::world();
    let goes = persons::Row {
        last: "2026-03-31",
        ..employee("A1", "P5")
    };
    persons::night(&world, "2026-03-13", &[BOSS, employee("A1", "P5")]);
    persons::night(&world, "2026-03-14", &[BOSS, goes]);
    world
}

fn standing(explained: &Value, op: &str) -> Value {
    let actions = explained["plan"]["actions"].as_array().expect("actions");
    let action = actions.iter().find(|action| action["op"] == op);
    action.unwrap_or_else(|| panic!("no {op}"))["standing"].clone()
}

fn taken_back() {
    let world = to_go();
    let explained = world.at(DAY_2, &["explain", "A1"]).expect(0).json();
    assert_eq!(standing(&explained, "user.disable")["is"], "scheduled");
    let planned_by = explained["plan"]["run"].clone();
    assert!(text(&world, "A1").contains("next: user.disable 2026-04-01 00:00 in UTC"));

    // Stays after all.
    persons::night(&world, "2026-03-15", &[BOSS, employee("A1", "P5")]);
    let explained = world.at(DAY_2, &["explain", "A1"]).expect(0).json();
    let back = &explained["taken_back"][0];
    assert_eq!(
        (&back["file"], &back["row"]),
        (&json!("w-2026-03-15.csv"), &json!(3))
    );
    let steps = back["steps"].as_array().expect("steps");
    let disable = steps.iter().find(|step| step["op"] == "user.disable");
    let disable = disable.expect("the disable");
    assert_eq!(disable["run"], planned_by);
    assert_eq!(disable["due"], "2026-04-01T00:00:00Z");
    assert_eq!(
        (&disable["rule"], &disable["instead"]),
        (&json!("leaver.last_day"), &Value::Null)
    );
    let taken = standing(&explained, "user.disable");
    assert_eq!(
        (&taken["is"], &taken["by"]),
        (&json!("taken_back"), &back["run"])
    );
    let told = text(&world, "A1");
    for wanted in [
        "taken back by run 20260315T",
        "because of row 3 of `w-2026-03-15.csv`",
        "user.disable does not come any more; was due 2026-04-01 00:00 in UTC",
        "had planned it because the last day of work is 2026-03-31 (rule leaver.last_day)",
    ] {
        assert!(told.contains(wanted), "no `{wanted}` in\n{told}");
    }
    assert!(!told.contains("· next:"), "it does not come:\n{told}");
}

fn put_off() {
    let world = to_go();
    let later = persons::Row {
        last: "2026-04-15",
        ..employee("A1", "P5")
    };
    persons::night(&world, "2026-03-15", &[BOSS, later]);
    let explained = world.at(DAY_2, &["explain", "A1"]).expect(0).json();
    // The newest plan has the step; the older one lost it.
    assert_eq!(standing(&explained, "user.disable")["is"], "scheduled");
    let steps = explained["taken_back"][0]["steps"].as_array().unwrap();
    let disable = steps.iter().find(|step| step["op"] == "user.disable");
    let disable = disable.expect("the disable");
    assert_eq!(disable["instead"], "2026-04-16T00:00:00Z");
    let told = text(&world, "A1");
    let wanted = "user.disable comes 2026-04-16 00:00 in UTC (2026-04-16T00:00:00Z) instead; was due 2026-04-01 ";
    assert!(told.contains(wanted), "{told}");
    assert!(
        told.contains("next: user.disable 2026-04-16 00:00 in UTC"),
        "{told}"
    );
}

fn waits_for_two() {
    let world = persons::world();
    world.edit("policy.toml", "workers = []", "workers = [\"N1\"]");
    let comes = persons::Row {
        manager: "B1",
        ..employee("N1", "P9")
    };
    persons::night(&world, "2026-03-14", &[BOSS]);
    persons::deliver(&world, "2026-03-15", &[BOSS, comes]);
    world.at(DAY_2, &["run"]).expect(3);
    let explained = world.at(DAY_2, &["explain", "N1"]).expect(0).json();
    let held = standing(&explained, "user.enable");
    assert_eq!(
        (&held["by"], &held["counted"], &held["limit"]),
        (&json!("protected"), &json!(1.0), &json!(0.0))
    );
    assert_eq!((&held["needs"], &held["has"]), (&json!(2), &json!(0)));
    assert_eq!(held["behind"], "user.create");
    let told = text(&world, "N1");
    for wanted in [
        "! kept back by guard protected: the person is in the protected set (counted 1, limit 0)",
        "it waits for 2 people to approve it within 24 hours: rollcall approve ",
        "it goes after user.create, which is kept back with it",
    ] {
        assert!(told.contains(wanted), "no `{wanted}` in\n{told}");
    }
    // One of the two agrees.
    let (run, plan) = (&explained["plan"]["run"], &explained["plan"]["plan_sha256"]);
    let (run, plan) = (run.as_str().unwrap(), plan.as_str().unwrap());
    let args = ["approve", run, "--plan", plan, "--reason", "the new chair"];
    world.at(DAY_2, &args);
    let told = text(&world, "N1");
    let wanted = "it waits for 1 more of the 2 people who have to approve it within 24 hours";
    assert!(told.contains(wanted), "{told}");
    let explained = world.at(DAY_2, &["explain", "N1"]).expect(0).json();
    assert_eq!(standing(&explained, "user.enable")["has"], 1);
}

fn goes_on() {
    let world = persons::world();
    define(
        &world,
        "format_version = 1\n[[group]]\nkey = \"sales\"\nname = \"Sales\"\nmode = \"assigned\"\n\
         rule = 'worker.department -eq \"Sales\"'\n",
    );
    let budget = "[budgets.removals]\ncount = 0\npercent = 0.0\n\n[budgets.disables]\n";
    world.edit("policy.toml", "[budgets.disables]\n", budget);
    persons::night(&world, "2026-03-14", &[BOSS, employee("M1", "P6")]);
    let moves = persons::Row {
        department: "Lab",
        ..employee("M1", "P6")
    };
    persons::deliver(&world, "2026-03-15", &[BOSS, moves]);
    world.at(DAY_2, &["plan"]).expect(3);
    let explained = world.at(DAY_2, &["explain", "M1"]).expect(0).json();
    assert_eq!(standing(&explained, "user.update"), json!({"is": "due"}));
    assert_eq!(standing(&explained, "group.remove")["by"], "removals");
    let told = text(&world, "M1");
    let (update, rest) = told.split_once("group.remove sales").expect("the removal");
    let wanted = "goes on: it waits for nothing that is kept back";
    assert!(update.contains(wanted), "{told}");
    assert!(rest.contains("! kept back by guard removals: "), "{told}");
    assert!(!rest.contains(wanted), "{told}");
}
