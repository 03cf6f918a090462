//! Guards: half a roster, 3 % absent twice, partial files, approvals.

use libtest_mimic::Trial;
use serde_json::json;

use crate::trial;
use crate::world::{Ran, Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "guards::half_a_roster_is_parked_and_one_approval_accepts_it",
            half,
        ),
        trial(
            "guards::three_percent_absent_twice_are_kept_back",
            three_percent,
        ),
        trial(
            "guards::a_plan_changed_after_planning_is_not_carried_out",
            tampered,
        ),
        trial("guards::a_newer_file_voids_an_approval", voided),
        trial("guards::a_partial_file_makes_no_leaver", partial),
        trial(
            "guards::nothing_of_a_parked_intake_goes_before_it_is_let_in",
            parked_and_protected,
        ),
        trial("guards::a_protected_person_waits_for_two", protected),
        trial("guards::a_rule_protects_by_what_hr_says", by_rule),
        trial(
            "guards::a_slice_keeps_back_its_own_people_until_people_agree",
            slice,
        ),
        trial("guards::who_is_in_two_slices_waits_for_both", two_slices),
        trial("guards::deletions_have_a_budget", deletions),
        trial(
            "guards::an_edit_frees_nobody_on_the_second_night",
            second_night,
        ),
        trial(
            "guards::slices_that_are_none_are_told_with_their_lines",
            no_slices,
        ),
        trial(
            "guards::a_future_last_day_is_released_at_local_midnight",
            release,
        ),
    ]
}

fn first_night(count: u32) -> (World, Roster) {
    let world = World::new();
    let roster = Roster::of(count);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    assert_eq!(world.users().len(), count as usize);
    (world, roster)
}

fn tenant_bytes(world: &World) -> Vec<u8> {
    std::fs::read(world.dir().join("tenant.jsonl")).expect("the tenant's journal")
}

fn guard<'a>(report: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let guards = report["guards"].as_array().expect("a list");
    guards
        .iter()
        .find(|g| g["name"] == name)
        .unwrap_or_else(|| panic!("no guard {name}"))
}

fn half() {
    let (world, mut roster) = first_night(400);
    let before = tenant_bytes(&world);
    roster.0.retain(|key, _| key % 2 == 0);
    roster
        .0
        .values_mut()
        .take(5)
        .for_each(|r| r.department = "Moved".to_owned());
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(3).json();
    assert_eq!(report["verdict"], "held");
    let row_count = guard(&report, "row_count");
    assert_eq!(
        (
            row_count["tripped"].as_bool(),
            row_count["counted"].as_f64()
        ),
        (Some(true), Some(50.0))
    );
    assert!(
        row_count["why"].as_str().unwrap().contains("200 rows, 400"),
        "{row_count}"
    );
    assert_eq!(report["counts"]["movers"], 5, "the would-be plan is shown");
    assert_eq!(report["counts"]["held_actions"]["user.update"], 5);
    assert_eq!(tenant_bytes(&world), before, "nothing was written");

    // No counter moved: the missing are not missing until somebody accepts the file.
    let status = world
        .at("2026-03-15T03:00:00Z", &["status"])
        .expect(3)
        .json();
    assert_eq!(
        status["pending"][0]["guards"],
        serde_json::json!(["row_count"])
    );
    let run = status["pending"][0]["run"].as_str().unwrap().to_owned();
    let plan = status["pending"][0]["plan_sha256"]
        .as_str()
        .unwrap()
        .to_owned();

    let other = "0".repeat(64);
    let args = [
        "approve",
        &run,
        "--plan",
        &other,
        "--reason",
        "checked with HR",
    ];
    let refused = world.at("2026-03-15T03:00:00Z", &args).expect(2);
    assert!(refused.err.contains(&plan), "{}", refused.err);
    let args = [
        "approve", &run, "--plan", &plan, "--guard", "disables", "--reason", "x",
    ];
    world.at("2026-03-15T03:00:00Z", &args).expect(2);
    assert_eq!(tenant_bytes(&world), before);

    let args = [
        "approve",
        &run,
        "--plan",
        &plan,
        "--reason",
        "the Lyon site was sold",
    ];
    world.at("2026-03-15T03:00:00Z", &args).expect(0);
    let report = world
        .at("2026-03-15T03:05:00Z", &["apply"])
        .expect(0)
        .last_json();
    assert_eq!(report["outcomes"]["done"], 5);
    let moved = world
        .users()
        .values()
        .filter(|u| u["department"] == "Moved")
        .count();
    assert_eq!(moved, 5);
    let found = report["finding_counts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["kind"] == "missing_once");
    assert_eq!(found.unwrap()["findings"], 200);
    world.at("2026-03-15T04:00:00Z", &["verify"]).expect(0);
}

/// P3: agreeing to something else does not let the intake in.
fn parked_and_protected() {
    let (world, mut roster) = first_night(400);
    world.edit("policy.toml", "workers = []", "workers = [\"10004\"]");
    world.edit("policy.toml", "protected = 2", "protected = 1");
    let before = tenant_bytes(&world);
    roster.0.retain(|key, _| key % 2 == 0);
    roster.0.get_mut(&10_004).unwrap().active = false;
    roster.0.get_mut(&10_006).unwrap().department = "Moved".to_owned();
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(3).json();
    let run = report["run"].as_str().unwrap();
    let plan = report["plan_sha256"].as_str().unwrap();
    let agree = |guard: &str| {
        let args = [
            "approve", run, "--plan", plan, "--guard", guard, "--reason", "checked",
        ];
        world.at("2026-03-15T03:00:00Z", &args).expect(0);
    };
    agree("protected");
    for command in ["apply", "release"] {
        world.at("2026-03-15T03:05:00Z", &[command]);
        assert_eq!(tenant_bytes(&world), before, "{command}");
    }
    agree("row_count");
    world.at("2026-03-15T03:10:00Z", &["apply"]).expect(0);
    let users = world.users();
    assert_eq!(users["10004"]["accountEnabled"], false);
    assert_eq!(users["10006"]["department"], "Moved");
    world.at("2026-03-15T04:00:00Z", &["verify"]).expect(0);
}

fn three_percent() {
    let (world, mut roster) = first_night(20_000);
    // Nobody has a manager any more, either: that is another test's.
    let gate = "inactive_share_points = 5.0";
    world.edit("policy.toml", gate, &format!("{gate}\nfill_points = 100"));
    let gone: Vec<u32> = roster
        .0
        .keys()
        .copied()
        .filter(|k| k % 33 == 0)
        .take(600)
        .collect();
    assert_eq!(gone.len(), 600);
    roster.0.retain(|key, _| !gone.contains(key));
    for row in roster.0.values_mut() {
        row.manager = None;
    }
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(0).json();
    assert_eq!(report["counts"]["missing_once"], 600);
    assert_eq!(report["counts"]["leavers"], 0);

    // The second accepted file without them: 600 disables, the limit is 400. Joiners go through.
    let mut next = roster.clone();
    let extra = Roster::of(20_007);
    for key in 30_001..=30_007 {
        next.0.insert(key, extra.0[&key].clone());
        next.0.get_mut(&key).unwrap().manager = None;
    }
    world.drop_file("c-2026-03-16.csv", next.csv());
    let report = world.at("2026-03-16T02:00:00Z", &["run"]).expect(3).json();
    let disables = guard(&report, "disables");
    assert_eq!(disables["counted"], 600.0);
    assert_eq!(disables["limit"], 400.0);
    assert_eq!(report["counts"]["held_actions"]["user.disable"], 600);
    assert_eq!(report["counts"]["joiners"], 7);
    let users = world.users();
    assert_eq!(users.len(), 20_007);
    assert!(users.values().all(|u| u["accountEnabled"] == true));

    // One person is not enough, and the same person does not count twice.
    let hold = &report["holds"][0];
    assert_eq!(
        (hold["by"].as_str(), hold["persons"].as_u64()),
        (Some("disables"), Some(600))
    );
    let run = report["run"].as_str().unwrap();
    let plan = report["plan_sha256"].as_str().unwrap();
    let args = [
        "approve", run, "--plan", plan, "--guard", "disables", "--reason", "agreed",
    ];
    let ran: Ran = world.at("2026-03-16T03:00:00Z", &args).expect(3);
    assert!(ran.err.contains("1 of 2"), "{}", ran.err);
    let again = world.at("2026-03-16T03:00:00Z", &args).expect(2);
    assert!(
        again.err.contains("agreed to disables already"),
        "{}",
        again.err
    );
    world.at("2026-03-16T03:05:00Z", &["apply"]);
    assert!(world.users().values().all(|u| u["accountEnabled"] == true));
}

fn partial() {
    let (world, mut roster) = first_night(60);
    world.edit(
        "rollcall.toml",
        "coverage = \"full\"",
        "coverage = \"partial\"",
    );
    roster.0.retain(|key, _| key % 3 == 0);
    for (now, file) in [
        ("2026-03-15T02:00:00Z", "b-2026-03-15.csv"),
        ("2026-03-16T02:00:00Z", "c-2026-03-16.csv"),
    ] {
        roster.0.values_mut().next().unwrap().department = now.to_owned();
        world.drop_file(file, roster.csv());
        let report = world.at(now, &["run"]).expect(0).json();
        assert_eq!(report["counts"]["leavers"], 0);
        assert_eq!(report["counts"]["missing_once"], 0);
    }
    assert!(world.users().values().all(|u| u["accountEnabled"] == true));
}

fn protected() {
    let (world, mut roster) = first_night(30);
    world.edit("policy.toml", "workers = []", "workers = [\"10004\"]");
    roster.0.get_mut(&10_004).unwrap().active = false;
    roster.0.get_mut(&10_005).unwrap().active = false;
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(3).json();
    assert_eq!(report["verdict"], "part-held");
    assert_eq!(report["holds"][0]["by"], "protected");
    let users = world.users();
    assert_eq!(users["10004"]["accountEnabled"], true);
    assert_eq!(users["10005"]["accountEnabled"], false);
}

/// S24 in small: the known cut goes at its instant, from the newest accepted data.
fn release() {
    let (world, roster) = first_night(30);
    world.edit(
        "mapping.toml",
        "time_zone = { constant = \"UTC\" }",
        "last_day = { column = \"Custom01\", format = \"iso\" }\n\
         time_zone = { constant = \"Europe/Berlin\" }",
    );
    let csv = roster.csv().replace("030-10007,,", "030-10007,2026-03-31,");
    world.drop_file("b-2026-03-15.csv", csv);
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(0).json();
    assert_eq!(report["counts"]["scheduled"]["user.disable"], 1);
    assert_eq!(world.users()["10007"]["accountEnabled"], true);
    // Summer time has begun: midnight in Berlin is 22:00Z.
    world.at("2026-03-31T21:59:59Z", &["release"]).expect(0);
    assert_eq!(world.users()["10007"]["accountEnabled"], true);
    let status = world
        .at("2026-03-31T21:59:59Z", &["status"])
        .expect(1)
        .json();
    assert_eq!(status["next_due"], "2026-03-31T22:00:00Z");
    assert_eq!(
        status["stale"], true,
        "the source is 16 days old, and a dated cut still goes"
    );
    let report = world
        .at("2026-03-31T22:00:00Z", &["release"])
        .expect(0)
        .json();
    assert_eq!(report["kind"], "release");
    assert_eq!(report["lateness"]["disabled"], 1);
    assert_eq!(world.users()["10007"]["accountEnabled"], false);
    world.at("2026-03-31T23:00:00Z", &["verify"]).expect(0);
}

/// P14: what was planned is what runs, byte for byte.
fn tampered() {
    let (world, mut roster) = first_night(30);
    roster.0.get_mut(&10_004).unwrap().department = "Moved".to_owned();
    world.drop_file("b-2026-03-15.csv", roster.csv());
    world.at("2026-03-15T02:00:00Z", &["plan"]).expect(0);
    let before = tenant_bytes(&world);
    let (key, bytes) = world
        .files("runs")
        .into_iter()
        .filter(|(key, _)| key.ends_with("/plan.jsonl"))
        .find(|(_, bytes)| String::from_utf8_lossy(bytes).contains("user.update"))
        .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let path = world.dir().join(&key);
    std::fs::write(&path, text.replace("\"user.update\"", "\"user.enable\"")).unwrap();
    let ran = world.at("2026-03-15T02:05:00Z", &["apply"]).expect(2);
    assert!(
        ran.err.contains("changed after it was planned"),
        "{}",
        ran.err
    );
    assert_eq!(tenant_bytes(&world), before);
    std::fs::write(&path, text).unwrap();
    world.at("2026-03-15T02:10:00Z", &["apply"]).expect(0);
    assert_eq!(world.users()["10004"]["department"], "Moved");
}

fn voided() {
    let (world, roster) = first_night(60);
    let mut half = roster.clone();
    half.0.retain(|key, _| key % 2 == 0);
    world.drop_file("b-2026-03-15.csv", half.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(3).json();
    let run = report["run"].as_str().unwrap().to_owned();
    let plan = report["plan_sha256"].as_str().unwrap().to_owned();
    world.drop_file("c-2026-03-16.csv", format!("{}\n", roster.csv()));
    world.at("2026-03-16T02:00:00Z", &["run"]).expect(0);
    let args = ["approve", &run, "--plan", &plan, "--reason", "too late"];
    let ran = world.at("2026-03-16T03:00:00Z", &args).expect(2);
    assert!(ran.err.contains("nothing waits"), "{}", ran.err);
    assert!(world.users().values().all(|u| u["accountEnabled"] == true));
}

/// Whoever HR moves out of the protected set is in it until that is carried out.
fn by_rule() {
    let (world, mut roster) = first_night(40);
    let rule = "[protected]\nrule = 'worker.department -startsWith \"Board\"'\n";
    world.edit("policy.toml", "[protected]\n", rule);
    world.edit("policy.toml", "protected = 2", "protected = 1");
    roster.0.get_mut(&10_020).unwrap().department = "Board".to_owned();
    roster.0.get_mut(&10_021).unwrap().department = "Sales".to_owned();
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let now = "2026-03-15T02:00:00Z";
    let report = world.at(now, &["run"]).expect(3).last_json();
    assert_eq!(
        report["counts"]["held_actions"],
        json!({"user.update": 1}),
        "{report}"
    );
    assert_eq!(report["outcomes"]["done"], 1);
    let (run, plan) = (
        report["run"].as_str().unwrap(),
        report["plan_sha256"].as_str().unwrap(),
    );
    let approve = ["approve", run, "--plan", plan, "--reason", "seen"];
    world.at(now, &approve).expect(0);
    world.at(now, &["apply"]);
    assert_eq!(world.users()["10020"]["department"], "Board");

    roster.0.get_mut(&10_020).unwrap().department = "Sales".to_owned();
    world.drop_file("c-2026-03-16.csv", roster.csv());
    let report = world
        .at("2026-03-16T02:00:00Z", &["run"])
        .expect(3)
        .last_json();
    assert_eq!(
        report["counts"]["held_actions"],
        json!({"user.update": 1}),
        "{report}"
    );
    world.at("2026-03-16T02:00:00Z", &["verify"]).expect(0);

    world.edit("policy.toml", "worker.department", "worker.departmnt");
    let ran = world.at("2026-03-17T02:00:00Z", &["check"]).expect(2);
    assert!(
        ran.err.contains("`protected.rule`, unsupported-property"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("did you mean worker.department?"),
        "{}",
        ran.err
    );
}

/// Three leave from Dept 3, which may lose two a day; HR's file moves one of them away at the same
/// time. Who leaves elsewhere goes, and what people let go counts for the rest of the day.
fn slice() {
    let (world, mut roster) = first_night(200);
    let slice = "[[budgets.slice]]\nname = \"three\"\n\
                 rule = 'worker.department -eq \"Dept 3\"'\ndisables = { count = 2 }\n\n\
                 [protected]\n";
    world.edit("policy.toml", "[protected]\n", slice);
    world.edit("policy.toml", "over_budget = 2", "over_budget = 1");
    for key in [10_004, 10_011, 10_018, 10_005, 10_006] {
        roster.0.get_mut(&key).unwrap().active = false;
    }
    roster.0.get_mut(&10_018).unwrap().department = "Elsewhere".to_owned();
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(3).json();
    assert_eq!(report["verdict"], "part-held");
    let three = guard(&report, "disables:three");
    assert_eq!(
        (&three["counted"], &three["limit"], &three["tripped"]),
        (&json!(3.0), &json!(2.0), &json!(true))
    );
    let all = guard(&report, "disables");
    assert_eq!(
        (&all["counted"], &all["tripped"]),
        (&json!(2.0), &json!(false)),
        "what the slice keeps back takes nothing from the others"
    );
    let out = |world: &World| -> Vec<String> {
        let users = world.users().into_iter();
        let out = users.filter(|(_, user)| user["accountEnabled"] == false);
        out.map(|(key, _)| key).collect()
    };
    assert_eq!(out(&world), ["10005", "10006"]);
    let hold = &report["holds"][0];
    assert_eq!(
        (&hold["by"], &hold["persons"]),
        (&json!("disables:three"), &json!(3))
    );
    let shown = world.command(&[
        "show",
        report["run"].as_str().unwrap(),
        "-c",
        &world.config().display().to_string(),
    ]);
    assert!(
        shown
            .out
            .contains("guard      disables:three: three: 3 accounts would be disabled"),
        "{}",
        shown.out
    );

    let agree = |report: &serde_json::Value, now: &str| {
        world.agree(now, report, "disables:three").expect(0);
        world.at(now, &["apply"]).expect(0);
    };
    agree(&report, "2026-03-15T12:00:00Z");
    assert_eq!(out(&world), ["10004", "10005", "10006", "10011", "10018"]);

    // 14 hours later one more: four of that day.
    roster.0.get_mut(&10_025).unwrap().active = false;
    world.drop_file("c-2026-03-16.csv", roster.csv());
    let report = world.at("2026-03-16T02:00:00Z", &["run"]).expect(3).json();
    assert_eq!(guard(&report, "disables:three")["counted"], 4.0);
    // For everybody it is the fourth, too: 5 of the night before are a day old.
    assert_eq!(guard(&report, "disables")["counted"], 3.0);
    agree(&report, "2026-03-16T12:00:00Z");
    assert_eq!(world.users()["10025"]["accountEnabled"], false);

    roster.0.get_mut(&10_032).unwrap().active = false;
    world.drop_file("d-2026-03-17.csv", roster.csv());
    let report = world.at("2026-03-17T13:00:00Z", &["run"]).expect(0).json();
    assert_eq!(guard(&report, "disables:three")["counted"], 1.0);
    assert_eq!(world.users()["10032"]["accountEnabled"], false);
    world.at("2026-03-17T14:00:00Z", &["verify"]).expect(0);
}

/// 20 people are in the line below 10001, and may lose 10 %; each department may lose one. Three of
/// the line leave, moved out of it by the same file; one of them, and one more, are of Dept 3.
fn two_slices() {
    let (world, mut roster) = first_night(200);
    let slices = "[[budgets.slice]]\nname = \"line\"\nunder = \"10001\"\n\
                  disables = { percent = 10 }\n\n\
                  [[budgets.slice]]\nname = \"dept\"\nby = \"department\"\n\
                  disables = { count = 1 }\n\n\
                  [[budgets.slice]]\nname = \"gone\"\nunder = \"99999\"\n\
                  disables = { count = 1 }\n\n[protected]\n";
    world.edit("policy.toml", "[protected]\n", slices);
    world.edit("policy.toml", "over_budget = 2", "over_budget = 1");
    for key in [10_011, 10_021, 10_031, 10_004] {
        let row = roster.0.get_mut(&key).unwrap();
        row.active = false;
        row.manager = row.manager.map(|_| 10_002);
    }
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(3).json();
    let found = report["findings"].to_string();
    assert!(found.contains("slice_without_top"), "{found}");
    let line = guard(&report, "disables:line");
    assert_eq!(
        line["why"],
        "the line below worker 10001: 3 accounts would be disabled, 0 in the last 24 hours; the \
         limit is 2 of 20 managed accounts there"
    );
    let dept = guard(&report, "disables:dept:dept-3");
    assert_eq!(
        (&dept["counted"], &dept["limit"]),
        (&json!(2.0), &json!(1.0))
    );
    assert_eq!(guard(&report, "disables:dept:dept-6")["tripped"], false);
    let enabled = |keys: [&str; 4]| {
        let users = world.users();
        keys.map(|key| users[key]["accountEnabled"] == true)
    };
    let leavers = ["10011", "10021", "10031", "10004"];
    assert_eq!(enabled(leavers), [true; 4]);
    let agree = |name: &str| {
        world.agree("2026-03-15T03:00:00Z", &report, name).expect(0);
        world.at("2026-03-15T03:05:00Z", &["apply"]);
    };
    agree("disables:line");
    assert_eq!(enabled(leavers), [true, false, false, true]);
    agree("disables:dept:dept-3");
    assert_eq!(enabled(leavers), [false; 4]);
    world.at("2026-03-15T04:00:00Z", &["verify"]).expect(0);
}

/// Ten people left on one day and ten on another, each within the budget. Then a policy deletes after a
/// day: twenty accounts are over the budget of deletions, and wait for people.
fn deletions() {
    let (world, mut roster) = first_night(200);
    world.edit("policy.toml", "over_budget = 2", "over_budget = 1");
    for (day, keys) in [(15, 10_101..=10_110), (17, 10_111..=10_120)] {
        for key in keys {
            roster.0.get_mut(&key).unwrap().active = false;
        }
        world.drop_file(&format!("b-2026-03-{day}.csv"), roster.csv());
        world
            .at(&format!("2026-03-{day}T02:00:00Z"), &["run"])
            .expect(0);
    }
    let text = "[leaver]\ndelete_days = 1\n\n[succession]\ngroups = \"off\"\nreports = \"off\"\n\
                guests = \"off\"\napps = \"off\"\n\n[gates]\n";
    world.edit("policy.toml", "[gates]\n", text);
    roster.0.get_mut(&10_150).unwrap().department = "Elsewhere".to_owned();
    world.drop_file("b-2026-03-20.csv", roster.csv());
    let report = world.at("2026-03-20T02:00:00Z", &["run"]).expect(3).json();
    let seen = guard(&report, "deletions");
    assert_eq!(
        seen["why"],
        "20 accounts would be deleted, 0 were in the last 24 hours; the limit is 5 of 200 managed \
         accounts"
    );
    let there = || {
        let users = world.users().into_values();
        users.filter(|it| it["deletedDateTime"].is_null()).count()
    };
    assert_eq!(there(), 200);
    assert_eq!(
        world.users()["10150"]["department"],
        "Elsewhere",
        "the rest goes on"
    );
    world
        .agree("2026-03-20T03:00:00Z", &report, "deletions")
        .expect(0);
    world.at("2026-03-20T03:05:00Z", &["apply"]).expect(0);
    assert_eq!(there(), 180);
    world.at("2026-03-20T04:00:00Z", &["verify"]).expect(0);
    // Those count: one more within the day is over it, too.
    roster.0.get_mut(&10_121).unwrap().active = false;
    world.edit("policy.toml", "delete_days = 1", "delete_days = 0");
    world.drop_file("b-2026-03-21.csv", roster.csv());
    let report = world.at("2026-03-21T01:00:00Z", &["run"]).expect(3).json();
    assert_eq!(guard(&report, "deletions")["counted"], 21.0, "{report}");
    assert_eq!(world.users()["10121"]["accountEnabled"], false);
    world.at("2026-03-21T01:30:00Z", &["verify"]).expect(0);
}

/// HR's file moves two leavers out of what keeps them back: Dept 3, each of whom waits for people, and
/// the protected Dept 4. So they wait in the nights after, too, until HR says that they stay.
fn second_night() {
    let (world, mut roster) = first_night(200);
    let slice = "[[budgets.slice]]\nname = \"three\"\n\
                 rule = 'worker.department -eq \"Dept 3\"'\ndisables = { count = 0 }\n\n\
                 [protected]\nrule = 'worker.department -eq \"Dept 4\"'\n";
    world.edit("policy.toml", "[protected]\n", slice);
    world.edit("policy.toml", "protected = 2", "protected = 1");
    for key in [10_004, 10_005] {
        let row = roster.0.get_mut(&key).unwrap();
        (row.active, row.department) = (false, "Elsewhere".to_owned());
    }
    let enabled = || {
        let users = world.users();
        ["10004", "10005"].map(|key| users[key]["accountEnabled"] == true)
    };
    for day in 15..18 {
        // The same rows in another file.
        let text = format!("{}{}", roster.csv(), "\n".repeat(day));
        world.drop_file(&format!("b-2026-03-{day}.csv"), text);
        let now = format!("2026-03-{day}T02:00:00Z");
        let report = world.at(&now, &["run"]).expect(3).json();
        let three = guard(&report, "disables:three");
        assert_eq!(
            (&three["counted"], &three["tripped"]),
            (&json!(1.0), &json!(true)),
            "night {day}"
        );
        assert_eq!(guard(&report, "protected")["counted"], 1.0, "night {day}");
        assert_eq!(enabled(), [true, true], "night {day}");
    }
    world.at("2026-03-17T03:00:00Z", &["verify"]).expect(0);

    // They stay after all, elsewhere: of the protected one that is agreed to.
    let mut night = |day: usize, active: bool, code: i32| {
        for key in [10_004, 10_005] {
            roster.0.get_mut(&key).unwrap().active = active;
        }
        world.drop_file(&format!("b-2026-03-{day}.csv"), roster.csv());
        let now = format!("2026-03-{day}T02:00:00Z");
        world.at(&now, &["run"]).expect(code).last_json()
    };
    let report = night(18, true, 3);
    let text = |name: &str| report[name].as_str().unwrap();
    let (run, plan) = (text("run"), text("plan_sha256"));
    let agree = ["approve", run, "--plan", plan, "--reason", "seen"];
    world.at("2026-03-18T03:00:00Z", &agree).expect(0);
    world.at("2026-03-18T03:05:00Z", &["apply"]).expect(0);
    assert_eq!(world.users()["10005"]["department"], "Elsewhere");
    // From there they go like anybody else.
    night(19, false, 0);
    assert_eq!(enabled(), [false, false]);
}

fn no_slices() {
    let world = World::new();
    let slices = "[[budgets.slice]]\nname = \"one\"\nrule = 'worker.citty -eq \"x\"'\n\
                  disables = { count = 1 }\n[[budgets.slice]]\nname = \"two\"\n\
                  by = \"city\"\nunder = \"1\"\ndisables = { count = 1 }\n\n[protected]\n";
    let text = std::fs::read_to_string(world.dir().join("policy.toml")).unwrap();
    let at = text.lines().position(|it| it == "[protected]").unwrap() + 1;
    world.edit("policy.toml", "[protected]\n", slices);
    let ran = world.at("2026-03-15T02:00:00Z", &["check"]).expect(2);
    let told = format!(
        "line {}: slice `two`: 2 of `rule`, `by` and `under`",
        at + 4
    );
    assert!(ran.err.contains(&told), "{}", ran.err);
    world.edit("policy.toml", "under = \"1\"\n", "");
    let ran = world.at("2026-03-15T02:00:00Z", &["check"]).expect(2);
    let told = format!(
        "policy.toml: line {}: slice `one`, unsupported-property",
        at + 2
    );
    assert!(ran.err.contains(&told), "{}", ran.err);
    assert!(ran.err.contains("did you mean worker.city?"), "{}", ran.err);
}
