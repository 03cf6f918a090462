//! Groups whose members Rollcall keeps, licences that it gives, and groups that it makes: over
//! several nights, against a tenant that counts seats and refuses what Graph refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use libtest_mimic::Trial;
use rollcall_http::Clock;
use rollcall_tests::tenant::memberships;
use serde_json::{Value, json};

use crate::child::DOWN;
use crate::groups::define;
use crate::trial;
use crate::world::{Ran, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("grants::a_mover_keeps_the_old_beside_the_new", mover),
        trial("grants::a_leaver_keeps_licences_for_a_month", leaver),
        trial("grants::the_earliest_get_the_last_seats", seats),
        trial("grants::another_rule_waits_for_people", another_rule),
        trial("grants::a_mass_removal_waits_for_people", mass_removal),
        trial("grants::guards_keep_what_depends_together", together),
        trial("grants::a_slice_counts_what_is_taken", slice),
        trial("grants::an_undo_asks_for_what_is_sensitive", undone),
        trial("grants::a_group_that_was_deleted_is_filled_again", deleted),
        trial("grants::members_need_seats_too", members_need_seats),
        trial(
            "grants::groups_that_cannot_be_looked_up_are_waited_for",
            down,
        ),
        trial("grants::adds_are_joined", joined),
        trial("grants::the_days_to_come", days_to_come),
        trial("grants::what_the_tenant_does_otherwise_is_told", otherwise),
    ]
}

const HEADER: &str = "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,\
                      GenderPronoun,ManagerID,HireDate,OnLeave,Department,Division,CostCenter,\
                      Company,Location,JobTitle,StreetAddress,City,CountryCode,OfficePhone,\
                      Custom01,Custom02,ZipCode";

/// A worker: key, status, first day, department.
#[derive(Clone, Copy)]
struct Row(usize, &'static str, &'static str, &'static str);

/// A column that nothing reads tells the files of two days apart.
fn file(day: &str, rows: &[Row]) -> String {
    let mut out = format!("{HEADER}\n");
    for Row(key, status, hire, department) in rows {
        writeln!(
            out,
            "{key},{status},Employee,EMP{key},First{key},Last{key},First{key} \
             Last{key},,,{hire},False,{department},Division,CC1,Woodgrove,North,Analyst,1 \
             Court,Oslo,NO,030-{key},T1,{day},10000"
        )
        .unwrap();
    }
    out
}

/// The night of a day of March 2026, with the rows of that day.
fn night(world: &World, day: u8, rows: &[Row]) -> String {
    let day = format!("2026-03-{day:02}");
    world.drop_file(&format!("w-{day}.csv"), file(&day, rows));
    format!("{day}T02:00:00Z")
}

fn seats_of(world: &World, seats: &str) {
    world.edit(
        "rollcall.toml",
        "[target.rehearsal]\n",
        &format!("[target.rehearsal]\nseats = {{ {seats} }}\n"),
    );
}

/// Group by group of ours, the worker keys of its members.
fn members(world: &World, now: &str) -> BTreeMap<String, BTreeSet<String>> {
    memberships(&world.simulated_tenant(Clock::starting_at(now.parse().unwrap())))
}

fn set(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

/// `op grant status` of one worker's changes in a report.
fn changes(report: &Value, worker: &str) -> Vec<String> {
    let changes = report["changes"].as_array().unwrap().iter();
    changes
        .filter(|change| change["person"] == worker)
        .map(|change| {
            let text = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
            format!("{} {} {}", text("op"), text("grant"), text("status"))
        })
        .collect()
}

const THREE: &str = r#"format_version = 1
[[group]]
key = "sales"
name = "Sales"
mode = "assigned"
rule = 'worker.department -eq "Sales"'

[[group]]
key = "ledger"
name = "Ledger"
mode = "assigned"
rule = 'worker.department -eq "Finance"'
sensitive = true

[[group]]
key = "office"
name = "Office"
mode = "assigned"
rule = 'worker.department -ne null'
licences = ["SPE_E3"]

[[licence]]
sku = "POWER_BI_PRO"
rule = 'worker.department -eq "Finance"'
keep_days = 2
"#;

/// New before old; the sensitive group first; the days count from when the new was there; and the
/// schedule alone ends it.
fn mover() {
    let world = World::new();
    define(&world, THREE);
    seats_of(&world, "SPE_E3 = 10, POWER_BI_PRO = 10");
    let first = [
        Row(1_000_001, "Active", "2015-01-10", "Finance"),
        Row(1_000_002, "Active", "2015-01-10", "Sales"),
    ];
    let now = night(&world, 16, &first);
    world.at(&now, &["run"]).expect(0);
    let there = members(&world, &now);
    assert_eq!(there["ledger"], set(&["1000001"]));
    assert_eq!(there["office"], set(&["1000001", "1000002"]));

    let moved = [
        Row(1_000_001, "Active", "2015-01-10", "Sales"),
        Row(1_000_002, "Active", "2015-01-10", "Sales"),
    ];
    let now = night(&world, 17, &moved);
    let planned = world.at(&now, &["plan"]).expect(0).json();
    let counts = &planned["plan"]["counts"];
    assert_eq!(
        counts["groups"],
        json!({
            "ledger": {"enters": 0, "leaves": 1, "stays": 0},
            "sales": {"enters": 1, "leaves": 0, "stays": 0},
        })
    );
    assert_eq!(counts["scheduled"], json!({"licence.remove": 1}));
    let report = world.at(&now, &["run"]).expect(0).last_json();
    assert_eq!(
        changes(&report, "1000001"),
        [
            "group.remove group:ledger done",
            "user.update  done",
            "group.add group:sales done",
            "licence.remove licence:POWER_BI_PRO scheduled",
        ]
    );
    let reason = &report["changes"][0]["reason"];
    assert_eq!(reason, "its rule no longer holds, by department");
    let there = members(&world, &now);
    assert!(there["ledger"].is_empty());
    assert_eq!(there["sales"], set(&["1000001", "1000002"]));
    // The same rows again: nothing to do, and the schedule stands.
    let now = night(&world, 18, &moved);
    let report = world.at(&now, &["run"]).expect(0).last_json();
    assert_eq!(report["counts"]["actions"], json!({}), "{report}");
    // Two days after Sales was there, by the schedule alone.
    let early = "2026-03-19T01:59:59Z";
    let ran = world.at(early, &["release"]).expect(0);
    assert!(!ran.out.contains("licence.remove"), "{}", ran.out);
    let due = "2026-03-19T02:00:05Z";
    let report = world.at(due, &["release"]).expect(0).last_json();
    assert_eq!(
        changes(&report, "1000001"),
        ["licence.remove licence:POWER_BI_PRO done"]
    );
    world.at(due, &["verify"]).expect(0);
    let said = world.at(due, &["groups"]).expect(0).json();
    assert_eq!(said["agree"], true, "{said}");
    assert_eq!(said["licences"][0]["agree"], 0, "{said}");
}

/// Groups with the cut, what gives a licence 30 days later, though the worker has left the file.
fn leaver() {
    let world = World::new();
    world.unproven();
    define(&world, THREE);
    seats_of(&world, "SPE_E3 = 10, POWER_BI_PRO = 10");
    let rows = |status| {
        [
            Row(1_000_001, status, "2015-01-10", "Finance"),
            Row(1_000_002, "Active", "2015-01-10", "Sales"),
        ]
    };
    let now = night(&world, 1, &rows("Active"));
    world.at(&now, &["run"]).expect(0);
    let now = night(&world, 2, &rows("Inactive"));
    let report = world.at(&now, &["run"]).expect(0).last_json();
    assert_eq!(
        changes(&report, "1000001"),
        [
            "user.disable  done",
            "user.revokeSessions  done",
            "group.remove group:ledger done",
            "group.remove group:office scheduled",
            "licence.remove licence:POWER_BI_PRO scheduled",
        ]
    );
    // Out of the file, with the first and only other worker in it.
    for day in 3..=5 {
        let now = night(&world, day, &rows("Active")[1..]);
        let report = world.at(&now, &["run"]).expect(0).last_json();
        assert_eq!(report["counts"]["actions"], json!({}), "{report}");
    }
    let early = "2026-04-01T01:59:00Z";
    let ran = world.at(early, &["release"]).expect(0);
    assert!(!ran.out.contains("group.remove"), "{}", ran.out);
    assert_eq!(members(&world, early)["office"].len(), 2);
    // Stale by then: what is not a cut waits for newer data.
    let now = "2026-04-02T02:00:00Z";
    let rows = file("2026-04-02", &rows("Active")[1..]);
    world.drop_file("w-2026-04-02.csv", rows);
    let report = world.at(now, &["run"]).expect(0).last_json();
    assert_eq!(
        changes(&report, "1000001"),
        [
            "group.remove group:office done",
            "licence.remove licence:POWER_BI_PRO done",
        ]
    );
    assert_eq!(members(&world, now)["office"], set(&["1000002"]));
    world.at(now, &["verify"]).expect(0);
}

/// 30 joiners and 12 seats: the plan says so, the 12 earliest get them, the report says when the
/// last was given, and whoever waits gets one once there are some.
fn seats() {
    let world = World::new();
    define(&world, THREE);
    seats_of(&world, "SPE_E3 = 12");
    // Later keys started earlier.
    let hires = ["2026-03-09", "2026-03-05", "2026-03-02"];
    let rows: Vec<Row> = (0..30)
        .map(|n| Row(1_000_001 + n, "Active", hires[n / 10], "Sales"))
        .collect();
    let now = night(&world, 16, &rows);
    let planned = world.at(&now, &["plan"]).expect(3).json();
    assert!(world.users().is_empty(), "nothing has run");
    assert_eq!(
        planned["plan"]["counts"]["licences"],
        json!({"SPE_E3": {"gains": 12, "losses": 0, "free": 12, "without": 18}}),
        "{planned}"
    );
    let guards = planned["plan"]["guards"].as_array().unwrap();
    let guard = guards
        .iter()
        .find(|guard| guard["name"] == "seats")
        .unwrap();
    assert_eq!(
        (&guard["counted"], &guard["tripped"]),
        (&json!(18.0), &json!(true))
    );
    let config = world.config().display().to_string();
    let shown = world
        .command(&["show", "-c", &config, "--now", &now])
        .expect(3);
    for line in [
        "licence    SPE_E3 +12 · 12 seats free: 18 short",
        "guard      seats: 18 people would get a licence that has no seat left",
    ] {
        assert!(shown.out.contains(line), "{}", shown.out);
    }
    let report = world.at(&now, &["run"]).expect(3).last_json();
    // All ten of the earliest day, and of the next the two of the lowest keys.
    let earliest: BTreeSet<String> = (21..=30)
        .chain(11..=12)
        .map(|n| format!("{}", 1_000_000 + n))
        .collect();
    assert_eq!(members(&world, &now)["office"], earliest);
    assert_eq!(members(&world, &now)["sales"].len(), 30, "the rest goes on");
    let used = &report["seats"][0];
    assert_eq!(
        (&used["licence"], &used["given"], &used["without"]),
        (&json!("SPE_E3"), &json!(12), &json!(18))
    );
    assert!(
        used["ran_out"]
            .as_str()
            .unwrap()
            .starts_with("2026-03-16T02:"),
        "{used}"
    );
    let why = report["holds"][0]["why"].as_str().unwrap();
    assert_eq!(
        why,
        "12 seats of SPE_E3 for 30 people: those who started earliest get them"
    );
    let html = std::fs::read_to_string(
        world
            .dir()
            .join("runs")
            .join(report["run"].as_str().unwrap())
            .join("report/report.html"),
    )
    .unwrap();
    assert!(html.contains("Seats ran out"), "the page says it");
    world.at(&now, &["verify"]).expect(0);
    // Five more seats: the earliest of those who wait.
    world.edit("rollcall.toml", "SPE_E3 = 12", "SPE_E3 = 17");
    let now = night(&world, 17, &rows);
    world.at(&now, &["run"]).expect(3);
    let mut then = earliest;
    then.extend((13..=17).map(|n| format!("{}", 1_000_000 + n)));
    assert_eq!(members(&world, &now)["office"], then);
    // Enough for all.
    world.edit("rollcall.toml", "SPE_E3 = 17", "SPE_E3 = 40");
    let now = night(&world, 18, &rows);
    world.at(&now, &["run"]).expect(0);
    assert_eq!(members(&world, &now)["office"].len(), 30);
    world.at(&now, &["verify"]).expect(0);
    world.at(&now, &["groups"]).expect(0);
}

const DYNAMIC: &str = r#"format_version = 1
[[group]]
key = "sales"
name = "Sales"
mode = "dynamic"
rule = 'user.department -eq "Sales"'
"#;

/// Rollcall makes its groups; another rule for one that is there moves people, says whom, and
/// waits.
fn another_rule() {
    let world = World::new();
    define(&world, DYNAMIC);
    let rows: Vec<Row> = (0..20)
        .map(|n| {
            let department = if n < 5 { "Sales" } else { "Finance" };
            Row(1_000_001 + n, "Active", "2015-01-10", department)
        })
        .collect();
    let now = night(&world, 16, &rows);
    let report = world.at(&now, &["run"]).expect(0).last_json();
    assert_eq!(report["counts"]["actions"]["group.create"], 1);
    assert_eq!(members(&world, &now)["sales"].len(), 5);
    world.edit(
        "groups.toml",
        "-eq \"Sales\"",
        "-in [\"Sales\", \"Finance\"]",
    );
    world.edit(
        "groups.toml",
        "name = \"Sales\"",
        "name = \"Sales and Finance\"",
    );
    let now = night(&world, 17, &rows);
    let ran = world.at(&now, &["plan"]).expect(3).json();
    let (run, plan) = (
        ran["run"].as_str().unwrap().to_owned(),
        ran["plan"]["plan_sha256"].as_str().unwrap().to_owned(),
    );
    let config = world.config().display().to_string();
    let shown = world
        .command(&["show", "-c", &config, "--now", &now])
        .expect(3);
    for line in [
        "group sales (Sales and Finance)",
        "rule: user.department -eq \"Sales\"",
        "-> user.department -in [\"Sales\", \"Finance\"]",
        "of those whom the state knows 15 come in, 0 go out",
    ] {
        assert!(shown.out.contains(line), "{line}: {}", shown.out);
    }
    world.at(&now, &["run"]).expect(3);
    assert_eq!(members(&world, &now)["sales"].len(), 5, "it waits");
    world
        .at(
            &now,
            &["approve", &run, "--plan", &plan, "--reason", "agreed"],
        )
        .expect(0);
    world.at(&now, &["run"]).expect(0);
    assert_eq!(members(&world, &now)["sales"].len(), 20);
    world.at(&now, &["groups"]).expect(0);
    // Nothing is left to do, and a plan that was made is made again.
    let now = night(&world, 18, &rows);
    let report = world.at(&now, &["run"]).expect(0).last_json();
    assert_eq!(report["counts"]["actions"], json!({}), "{report}");
    world.at(&now, &["verify"]).expect(0);
}

/// The plan that waits, by a run's report: what `approve` takes.
fn waiting(report: &Value) -> [String; 2] {
    ["run", "plan_sha256"].map(|name| report[name].as_str().unwrap().to_owned())
}

/// Three leave Finance, which may lose one a day; somebody moves elsewhere. By name one of the three
/// goes, with what comes instead; then people let the others go.
fn slice() {
    let world = World::new();
    define(&world, THREE);
    seats_of(&world, "SPE_E3 = 90, POWER_BI_PRO = 90");
    let slice = "[[budgets.slice]]\nname = \"finance\"\n\
                 rule = 'worker.department -eq \"Finance\"'\nremovals = { count = 1 }\n\n\
                 [protected]\n";
    world.edit("policy.toml", "[protected]\n", slice);
    world.edit("policy.toml", "over_budget = 2", "over_budget = 1");
    let all = |moved: bool| -> Vec<Row> {
        let department = |n: usize| match (n, moved) {
            (0..3, false) => "Finance",
            (0..3, true) | (3, false) => "Sales",
            _ => "Works",
        };
        let rows = (0..24).map(|n| Row(1_000_001 + n, "Active", "2015-01-10", department(n)));
        rows.collect()
    };
    let now = night(&world, 16, &all(false));
    world.at(&now, &["run"]).expect(0);
    let three = ["1000001", "1000002", "1000003"];
    assert_eq!(members(&world, &now)["ledger"], set(&three));

    let now = night(&world, 17, &all(true));
    let report = world.at(&now, &["run"]).expect(3).last_json();
    let guards = report["guards"].as_array().unwrap();
    let guard = |name: &str| guards.iter().find(|it| it["name"] == name).unwrap();
    let finance = guard("removals:finance");
    assert_eq!(
        (&finance["counted"], &finance["limit"], &finance["tripped"]),
        (&json!(3.0), &json!(1.0), &json!(true))
    );
    assert_eq!(
        guard("removals")["counted"],
        1.0,
        "the one who moves elsewhere"
    );
    let there = members(&world, &now);
    assert_eq!(there["ledger"], set(&three));
    assert_eq!(
        there["sales"],
        set(&["1000004"]),
        "nothing is given before it is taken"
    );

    let [run, plan] = waiting(&report);
    let shown = world.at(&now, &["show", &run]).json();
    let orders = shown["orders"].as_array().unwrap().iter();
    let mut held = orders
        .filter(|it| it[0]["person"] == three[0])
        .flat_map(|it| it[0]["held"].as_array().unwrap())
        .flat_map(|it| it["actions"].as_array().unwrap());
    let ledger = |it: &&Value| it["op"] == "group.remove" && it["args"]["group"] == "ledger";
    let id = held.find(ledger).unwrap()["id"].as_str().unwrap();
    let approve = |more: [&str; 2], code: i32| {
        let mut args = vec!["approve", &run, "--plan", &plan, "--reason", "seen"];
        args.extend(more);
        world.at(&now, &args).expect(code);
        world.at(&now, &["apply"])
    };
    approve(["--action", id], 0).expect(3);
    let there = members(&world, &now);
    assert_eq!(there["ledger"], set(&three[1..]));
    assert_eq!(
        there["sales"],
        set(&["1000001", "1000004"]),
        "what waited for it goes with it"
    );
    approve(["--guard", "removals:finance"], 0).expect(0);
    let there = members(&world, &now);
    assert!(
        !there.contains_key("ledger") || there["ledger"].is_empty(),
        "{there:?}"
    );
    assert_eq!(there["sales"].len(), 4);
    let log = world.files("log");
    let newest: Value = serde_json::from_slice(log.last_key_value().unwrap().1).unwrap();
    let counted = |list: &Value| -> u64 {
        let all = list.as_array().unwrap().iter();
        all.map(|it| it["count"].as_u64().unwrap()).sum()
    };
    let standing = &newest["standing"];
    assert_eq!(counted(&standing["slices"]["removals:finance"]), 3);
    assert_eq!(counted(&standing["removals"]), 4);
    world.at(&now, &["verify"]).expect(0);
}

/// A move took a sensitive group; the move is taken back. The rest goes once the undo is agreed to,
/// the group once somebody agrees to that.
fn undone() {
    let world = World::new();
    define(&world, THREE);
    seats_of(&world, "SPE_E3 = 10, POWER_BI_PRO = 10");
    world.edit("policy.toml", "[gates]\n", "[gates]\nchurn_pct = 100.0\n");
    let who = |department| [Row(1_000_001, "Active", "2015-01-10", department)];
    let now = night(&world, 16, &who("Finance"));
    world.at(&now, &["run"]).expect(0);
    let now = night(&world, 17, &who("Sales"));
    let report = world.at(&now, &["run"]).expect(0).last_json();
    let there = members(&world, &now);
    assert!(
        !there.contains_key("ledger") || there["ledger"].is_empty(),
        "{there:?}"
    );

    let now = "2026-03-17T09:00:00Z";
    let ran = world
        .at(now, &["undo", report["run"].as_str().unwrap()])
        .expect(3);
    let undo = ran.first_json()["run"].as_str().unwrap().to_owned();
    let last = ran.last_json();
    let plan = last["plan"]["plan_sha256"].as_str().unwrap();
    let status = world.at(now, &["status"]).json();
    assert_eq!(status["pending"][0]["guards"], json!(["restores", "undo"]));
    let approve = |guard: &str| {
        let args = [
            "approve", &undo, "--plan", plan, "--guard", guard, "--reason", "wrong",
        ];
        world.at(now, &args).expect(0);
        world.at(now, &["apply"])
    };
    approve("undo");
    assert_eq!(world.users()["1000001"]["department"], "Finance");
    let there = members(&world, now);
    assert!(
        !there.contains_key("ledger") || there["ledger"].is_empty(),
        "{there:?}"
    );
    approve("restores").expect(0);
    assert_eq!(members(&world, now)["ledger"], set(&["1000001"]));
    world.at(now, &["verify"]).expect(0);
}

/// A rule that is edited so that everybody loses a group: kept back, then let go by two people.
fn mass_removal() {
    let world = World::new();
    define(&world, THREE);
    seats_of(&world, "SPE_E3 = 90, POWER_BI_PRO = 90");
    let rows: Vec<Row> = (0..60)
        .map(|n| Row(1_000_001 + n, "Active", "2015-01-10", "Finance"))
        .collect();
    let now = night(&world, 16, &rows);
    world.at(&now, &["run"]).expect(0);
    world.edit(
        "groups.toml",
        "rule = 'worker.department -eq \"Finance\"'\nsensitive",
        "rule = 'worker.department -eq \"Finanzen\"'\nsensitive",
    );
    world.edit("policy.toml", "[approvals]\n", "[approvals]\nx = 1\n");
    world.edit("policy.toml", "[approvals]\nx = 1\n", "[approvals]\n");
    let now = night(&world, 17, &rows);
    let ran = world.at(&now, &["run"]).expect(3).last_json();
    let guards = ran["guards"].as_array().unwrap();
    let guard = guards.iter().find(|it| it["name"] == "removals").unwrap();
    assert_eq!(
        (&guard["counted"], &guard["limit"], &guard["tripped"]),
        (&json!(60.0), &json!(10.0), &json!(true))
    );
    assert_eq!(members(&world, &now)["ledger"].len(), 60, "nobody lost it");
    // The same again: held again, counted once more, and nobody's row is lost.
    let now = night(&world, 18, &rows);
    let ran = world.at(&now, &["run"]).expect(3).last_json();
    assert_eq!(ran["counts"]["held_actions"], json!({"group.remove": 60}));
    // Back to the rule that was meant.
    world.edit("groups.toml", "Finanzen", "Finance");
    let now = night(&world, 19, &rows);
    let ran = world.at(&now, &["run"]).expect(0).last_json();
    assert_eq!(ran["counts"]["actions"], json!({}), "{ran}");
    assert_eq!(members(&world, &now)["ledger"].len(), 60);
    world.at(&now, &["verify"]).expect(0);
}

/// A mass disable keeps nobody from moving; and who finds no seat keeps what they have.
fn together() {
    let world = World::new();
    define(
        &world,
        &format!(
            "{THREE}\n[[group]]\nkey = \"law\"\nname = \"Law\"\nmode = \"assigned\"\nrule = 'worker.department -eq \"Law\"'\nlicences = [\"VISIOCLIENT\"]\n"
        ),
    );
    seats_of(&world, "SPE_E3 = 90, POWER_BI_PRO = 90, VISIOCLIENT = 0");
    let rows = |night: usize| -> Vec<Row> {
        let row = |n: usize| {
            let status = if night > 0 && n >= 44 {
                "Inactive"
            } else {
                "Active"
            };
            let department = match (night, n) {
                (1.., 0) => "Sales",
                (1.., 1) => "Law",
                _ => "Finance",
            };
            Row(1_000_001 + n, status, "2015-01-10", department)
        };
        (0..60).map(row).collect()
    };
    world.edit(
        "policy.toml",
        "inactive_share_points = 5.0",
        "inactive_share_points = 50.0",
    );
    let now = night(&world, 16, &rows(0));
    world.at(&now, &["run"]).expect(0);
    let now = night(&world, 17, &rows(1));
    let report = world.at(&now, &["run"]).expect(3).last_json();
    let held = &report["counts"]["held_actions"];
    assert_eq!(held["user.disable"], 16, "{held}");
    let there = members(&world, &now);
    // One of the two moved; of the sixteen nobody lost anything.
    assert_eq!(there["sales"], set(&["1000001"]));
    assert_eq!(
        there["ledger"].len(),
        58,
        "sensitive: taken from both who move"
    );
    // No seat: the licence that goes stays beyond its two days.
    assert_eq!(
        changes(&report, "1000002"),
        [
            "group.remove group:ledger done",
            "user.update  done",
            "licence.remove licence:POWER_BI_PRO scheduled",
            "group.add group:law held",
        ]
    );
    let now = night(&world, 25, &rows(1));
    let report = world.at(&now, &["run"]).expect(3).last_json();
    let late = changes(&report, "1000002");
    assert_eq!(
        late,
        [
            "licence.remove licence:POWER_BI_PRO scheduled",
            "group.add group:law held"
        ],
        "what could not be given keeps what was to go"
    );
    world.at(&now, &["verify"]).expect(0);
}

/// Somebody deletes a group: it is made anew, and everybody comes back into it.
fn deleted() {
    let world = World::new();
    define(&world, THREE);
    seats_of(&world, "SPE_E3 = 90, POWER_BI_PRO = 90");
    let rows: Vec<Row> = (0..7)
        .map(|n| Row(1_000_001 + n, "Active", "2015-01-10", "Sales"))
        .collect();
    let now = night(&world, 16, &rows);
    world.at(&now, &["run"]).expect(0);
    let file = world.dir().join("tenant.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    let group = text
        .lines()
        .rfind(|line| line.contains("\"uniqueName\":\"rollcall-sales\""))
        .unwrap();
    let mut gone: Value = serde_json::from_str(group).unwrap();
    gone["deleted"] = "2026-03-16T12:00:00Z".into();
    std::fs::write(&file, format!("{text}{gone}\n")).unwrap();
    let now = night(&world, 17, &rows);
    let report = world.at(&now, &["run"]).expect(0).last_json();
    assert_eq!(
        report["counts"]["actions"],
        json!({"group.add": 7, "group.create": 1}),
        "{report}"
    );
    assert_eq!(members(&world, &now)["sales"].len(), 7);
    world.at(&now, &["verify"]).expect(0);
    world.at(&now, &["groups"]).expect(0);
}

/// A licence for a group with more people in it than there are seats: told, and kept back.
fn members_need_seats() {
    let world = World::new();
    define(&world, THREE);
    seats_of(&world, "SPE_E3 = 90, VISIOCLIENT = 3");
    let rows: Vec<Row> = (0..7)
        .map(|n| Row(1_000_001 + n, "Active", "2015-01-10", "Sales"))
        .collect();
    let now = night(&world, 16, &rows);
    world.at(&now, &["run"]).expect(0);
    world.edit(
        "groups.toml",
        "rule = 'worker.department -eq \"Sales\"'\n",
        "rule = 'worker.department -eq \"Sales\"'\nlicences = [\"VISIOCLIENT\"]\n",
    );
    let now = night(&world, 17, &rows);
    let report = world.at(&now, &["run"]).expect(3).last_json();
    assert_eq!(
        report["counts"]["licences"],
        json!({"VISIOCLIENT": {"gains": 7, "losses": 0, "free": 3}}),
        "{report}"
    );
    let hold = &report["holds"][0];
    assert_eq!(
        (&hold["by"], &hold["why"]),
        (
            &json!("seats"),
            &json!("7 people are in it, 3 seats of VISIOCLIENT are free")
        )
    );
    // Not meant: the file is as it was, and nothing is left to do.
    world.edit("groups.toml", "licences = [\"VISIOCLIENT\"]\n", "");
    let now = night(&world, 18, &rows);
    let report = world.at(&now, &["run"]).expect(0).last_json();
    assert_eq!(report["counts"]["actions"], json!({}), "{report}");
}

/// Looking groups up fails while orders are carried out: everything else is done, and the next try
/// puts people into them.
fn down() {
    let world = World::new();
    // All of them move at once, and that is meant.
    world.edit("policy.toml", "[gates]\n", "[gates]\nchurn_pct = 100.0\n");
    define(&world, THREE);
    seats_of(&world, "SPE_E3 = 90, POWER_BI_PRO = 90");
    let rows: Vec<Row> = (0..7)
        .map(|n| Row(1_000_001 + n, "Active", "2015-01-10", "Sales"))
        .collect();
    let now = night(&world, 16, &rows);
    world.at(&now, &["run"]).expect(0);
    let moved: Vec<Row> = (0..7)
        .map(|n| Row(1_000_001 + n, "Active", "2015-01-10", "Finance"))
        .collect();
    let now = night(&world, 17, &moved);
    world.at(&now, &["plan"]).expect(0);
    let full = world.full(&now, &["apply"]);
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    let ran = world.prepared(&full).env(DOWN, "/v1.0/$batch").output();
    let ran = Ran::from(ran.unwrap());
    assert!(ran.err.contains("cannot be looked up"), "{}", ran.err);
    world.at(&now, &["report"]).expect(0);
    assert!(members(&world, &now)["ledger"].is_empty());
    let users = world.users();
    assert!(users.values().all(|user| user["department"] == "Finance"));
    let later = "2026-03-17T04:00:00Z";
    world.at(later, &["release"]).expect(0);
    assert_eq!(members(&world, later)["ledger"].len(), 7);
    world.at(later, &["verify"]).expect(0);
}

/// A hundred people come into one group: one call puts in up to twenty of them.
fn joined() {
    let world = World::new();
    define(&world, THREE);
    seats_of(&world, "SPE_E3 = 200");
    let rows: Vec<Row> = (0..100)
        .map(|n| Row(1_000_001 + n, "Active", "2015-01-10", "Sales"))
        .collect();
    let now = night(&world, 16, &rows);
    let report = world.at(&now, &["run"]).expect(0).last_json();
    let there = members(&world, &now);
    assert_eq!((there["sales"].len(), there["office"].len()), (100, 100));
    let adds = report["changes"].as_array().unwrap().iter();
    let adds = adds.filter(|change| change["op"] == "group.add");
    let ids: BTreeSet<&str> = adds
        .clone()
        .filter_map(|change| change["request_id"].as_str())
        .collect();
    assert_eq!(adds.count(), 200);
    assert!(ids.len() <= 40, "{} calls for 200 adds", ids.len());
}

/// What falls due on which day, by the schedule and by the clock, and when seats run short; then
/// the days come, and it is so.
fn days_to_come() {
    let world = World::new();
    let clock = "[[group]]\nkey = \"settled\"\nname = \"Settled\"\nmode = \"dynamic\"\nrule = \
                 'user.employeeHireDate -le system.now -minus P7D'\n";
    define(&world, &format!("{THREE}\n{clock}"));
    seats_of(&world, "SPE_E3 = 5");
    let rows: Vec<Row> = (0..8)
        .map(|n| {
            let hire = if n < 4 { "2015-01-10" } else { "2026-03-25" };
            Row(1_000_001 + n, "Active", hire, "Sales")
        })
        .collect();
    let now = night(&world, 16, &rows);
    // The same day seen before anything is there, groups included, and after the first night.
    let ahead = || {
        let seen = world.at(&now, &["plan", "--as-of", "2026-03-24"]);
        let seen = seen.expect(3).json();
        let counts = &seen["plans"][0]["plan"]["counts"];
        assert_eq!(counts["actions"], json!({"group.add": 5}), "{seen}");
        assert_eq!(counts["held_actions"], json!({"group.add": 3}), "{seen}");
        seen["ahead"]["before"].clone()
    };
    let first = ahead();
    assert_eq!(first["group.create"], 4, "{first}");
    assert!(members(&world, &now).is_empty());
    world.at(&now, &["run"]).expect(0);
    assert_eq!(ahead(), json!({}));
    let before = std::fs::read(world.dir().join("tenant.jsonl")).unwrap();
    let said = world
        .at(&now, &["forecast", "--days", "30"])
        .expect(1)
        .json();
    assert_eq!(said["short"], json!({"SPE_E3": "2026-03-24"}), "{said}");
    assert_eq!(
        said["days"]["2026-03-24"],
        json!({
            "steps": {"group.add": 8},
            "groups": {
                "office": {"enters": 4, "leaves": 0, "stays": 0},
                "sales": {"enters": 4, "leaves": 0, "stays": 0},
            },
            "licences": {"SPE_E3": {"gains": 4, "losses": 0, "free": -3}},
        }),
        "{said}"
    );
    assert_eq!(
        said["days"]["2026-03-25"]["steps"],
        json!({"user.enable": 4})
    );
    let joiners = json!({"joiners": 4, "movers": 0, "leavers": 0, "rehires": 0});
    assert_eq!(said["days"]["2026-03-25"]["people"], joiners);
    let config = world.config().display().to_string();
    let words = world
        .command(&["forecast", "-c", &config, "--now", &now])
        .expect(1);
    for line in [
        "2026-03-24  group.add 8\n",
        "            licence SPE_E3 +4 -0, 3 SHORT\n",
        "2026-03-25  4 joiners\n",
        "SPE_E3 has too few seats from 2026-03-24 on\n",
    ] {
        assert!(words.out.contains(line), "{}", words.out);
    }
    assert_eq!(
        std::fs::read(world.dir().join("tenant.jsonl")).unwrap(),
        before
    );
    // The day comes.
    let now = night(&world, 24, &rows);
    let report = world.at(&now, &["run"]).expect(3).last_json();
    assert_eq!(
        report["counts"]["actions"],
        json!({"group.add": 5}),
        "{report}"
    );
    assert_eq!(report["counts"]["held_actions"], json!({"group.add": 3}));
    let now = night(&world, 26, &rows);
    world.at(&now, &["run"]).expect(3);
    let said = world
        .at(&now, &["forecast", "--days", "30"])
        .expect(1)
        .json();
    // Seven days after the first by the clock alone.
    assert_eq!(
        said["days"]["2026-04-01"]["groups"],
        json!({"settled": {"enters": 4, "leaves": 0, "stays": 0}}),
        "{said}"
    );
}

/// Somebody takes a member out by hand, and somebody a licence: `groups` says it.
fn otherwise() {
    let world = World::new();
    define(&world, THREE);
    seats_of(&world, "SPE_E3 = 10, POWER_BI_PRO = 10");
    let rows = [
        Row(1_000_001, "Active", "2015-01-10", "Finance"),
        Row(1_000_002, "Active", "2015-01-10", "Sales"),
    ];
    let now = night(&world, 16, &rows);
    world.at(&now, &["run"]).expect(0);
    // A group of the same unique name, made by hand with a rule: never turned into another kind.
    let tenant = world.simulated_tenant(Clock::starting_at(now.parse().unwrap()));
    let made = json!({
        "uniqueName": "rollcall-news", "displayName": "News", "mailNickname": "news",
        "mailEnabled": false, "securityEnabled": true, "groupTypes": ["DynamicMembership"],
        "membershipRule": "user.department -eq \"Sales\"",
        "membershipRuleProcessingState": "On",
    });
    tenant.put_group(&made).unwrap();
    drop(tenant);
    let text = std::fs::read_to_string(world.dir().join("groups.toml")).unwrap();
    std::fs::write(
        world.dir().join("groups.toml"),
        format!(
            "{text}\n[[group]]\nkey = \"news\"\nname = \"News\"\nmode = \"assigned\"\nrule = \
             'worker.department -eq \"Finance\"'\n"
        ),
    )
    .unwrap();
    let now = night(&world, 17, &rows);
    let report = world.at(&now, &["run"]).expect(1).last_json();
    let kinds: BTreeSet<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["kind"].as_str())
        .collect();
    assert!(kinds.contains("group_differs"), "{report}");
    assert_eq!(
        changes(&report, "1000001"),
        ["group.add group:news failed"],
        "its members follow a rule there"
    );
    let said = world.at(&now, &["groups"]).expect(1).json();
    let news = said["groups"].as_array().unwrap().last().unwrap();
    assert_eq!(news["differs"], json!(["not-assigned"]), "{said}");
}
