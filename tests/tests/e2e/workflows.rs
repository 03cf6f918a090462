//! Workflows with a scope: two of them in a tenant, another parameter that looks at everybody
//! again, mistakes with their line; and Lifecycle Workflows in both directions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::groups::define;
use crate::trial;
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("workflows::each_by_their_own_clocks", clocks),
        trial("workflows::another_parameter_looks_at_everybody", everybody),
        trial("workflows::mistakes_have_a_line", mistakes),
        trial("workflows::listed_and_imported", imported),
        trial("workflows::an_undo_and_its_end", undone),
    ]
}

const HEADER: &str = "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,\
                      GenderPronoun,ManagerID,HireDate,OnLeave,Department,Division,CostCenter,\
                      Company,Location,JobTitle,StreetAddress,City,CountryCode,OfficePhone,\
                      Custom01,Custom02,ZipCode";

/// A worker: key, status, type, department.
type Row = (u32, &'static str, &'static str, &'static str);

/// The night of a day of March 2026, with the rows of that day. A column that nothing reads tells
/// the files of two days apart.
fn night(world: &World, day: u8, rows: &[Row]) -> String {
    let day = format!("2026-03-{day:02}");
    let mut out = format!("{HEADER}\n");
    for (key, status, kind, department) in rows {
        writeln!(
            out,
            "{key},{status},{kind},EMP{key},First{key},Last{key},First{key} \
             Last{key},,,2015-01-10,False,{department},Division,CC1,Woodgrove,North,Analyst,1 \
             Court,Oslo,NO,030-{key},T1,{day},10000"
        )
        .unwrap();
    }
    world.drop_file(&format!("w-{day}.csv"), out);
    format!("{day}T02:00:00Z")
}

const GROUPS: &str = r#"format_version = 1
[[group]]
key = "office"
name = "Office"
mode = "assigned"
rule = 'worker.department -ne null'
licences = ["SPE_E3"]
"#;

const WORKFLOWS: &str = r#"
[[workflow]]
name = "contractors"
scope = 'worker.employeeType -eq "Contractor"'
[workflow.leaver]
licence_days = 7

[[workflow]]
name = "sales"
scope = 'worker.department -eq "Sales"'
[workflow.leaver]
licence_days = 14
"#;

fn world() -> World {
    let world = World::new();
    world.unproven();
    define(&world, GROUPS);
    world.edit(
        "rollcall.toml",
        "[target.rehearsal]\n",
        "[target.rehearsal]\nseats = { SPE_E3 = 20 }\n",
    );
    // Four people are no statistics.
    for gate in ["row_count_pct", "key_set_pct", "inactive_share_points"] {
        let (from, to) = (format!("{gate} = 5.0"), format!("{gate} = 100.0"));
        world.edit("policy.toml", &from, &to);
    }
    let policy = world.dir().join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(policy, text + WORKFLOWS).unwrap();
    world
}

fn people(status: &'static str) -> [Row; 4] {
    [
        (1_000_001, status, "Employee", "Finance"),
        (1_000_002, status, "Contractor", "Finance"),
        (1_000_003, status, "Employee", "Sales"),
        (1_000_004, status, "Contractor", "Sales"),
    ]
}

/// Person by person: the workflow of the order, and when the group goes.
fn orders(world: &World, run: &str) -> BTreeMap<String, (String, String)> {
    let plan = std::fs::read_to_string(world.dir().join("runs").join(run).join("plan.jsonl"));
    let plan = plan.unwrap();
    let lines = plan.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .map(|order: Value| {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let due = text(&order["scheduled"][0]["due"]);
            (text(&order["person"]), (text(&order["workflow"]), due))
        })
        .collect()
}

fn row(workflow: &str, due: &str) -> (String, String) {
    (workflow.to_owned(), format!("{due}T02:00:00Z"))
}

/// Four people leave in one night, and each keeps the mailbox as long as their workflow says.
fn clocks() {
    let world = world();
    let now = night(&world, 1, &people("Active"));
    world.at(&now, &["run"]).expect(0);
    let now = night(&world, 2, &people("Inactive"));
    let report = world.at(&now, &["run"]).expect(0).last_json();
    let run = report["run"].as_str().unwrap();
    assert_eq!(
        orders(&world, run),
        BTreeMap::from([
            ("1000001".to_owned(), row("-", "2026-04-01")),
            ("1000002".to_owned(), row("contractors", "2026-03-09")),
            ("1000003".to_owned(), row("sales", "2026-03-16")),
            // Of both the first counts.
            ("1000004".to_owned(), row("contractors", "2026-03-09")),
        ])
    );
    // The rows are gone from the file; the clocks go on by the rows of before.
    let others = [(1_000_009, "Active", "Employee", "Finance")];
    for day in 3..=8 {
        let now = night(&world, day, &others);
        world.at(&now, &["run"]).expect(0);
    }
    let due = "2026-03-09T02:00:05Z";
    let report = world.at(due, &["release"]).last_json();
    let gone = report["changes"].as_array().unwrap().iter();
    let gone: Vec<String> = gone
        .filter(|it| it["op"] == "group.remove" && it["status"] == "done")
        .map(|it| it["person"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(gone, ["1000002", "1000004"], "{report}");
    world.at(due, &["verify"]).expect(0);
}

/// The same rows, another parameter: whoever has something to come is decided about anew.
fn everybody() {
    let world = world();
    let now = night(&world, 1, &people("Active"));
    world.at(&now, &["run"]).expect(0);
    let now = night(&world, 2, &people("Inactive"));
    world.at(&now, &["run"]).expect(0);
    // Nothing is new: nobody is looked at.
    let now = night(&world, 3, &people("Inactive"));
    let report = world.at(&now, &["run"]).expect(0).last_json();
    assert_eq!(report["counts"]["unchanged"], 4, "{}", report["counts"]);
    world.edit("policy.toml", "licence_days = 7\n", "licence_days = 3\n");
    let now = night(&world, 4, &people("Inactive"));
    let report = world.at(&now, &["run"]).expect(0).last_json();
    let run = report["run"].as_str().unwrap();
    let orders = orders(&world, run);
    assert_eq!(orders["1000002"], row("contractors", "2026-03-05"));
    assert_eq!(orders["1000003"], row("sales", "2026-03-16"));
    // The next delivery does it: by then it is due.
    let now = night(&world, 5, &people("Inactive"));
    let report = world.at(&now, &["run"]).expect(0).last_json();
    assert_eq!(report["counts"]["actions"], json!({"group.remove": 2}));
    world.at(&now, &["verify"]).expect(0);
    let said = world.at(&now, &["explain", "1000003"]).expect(0);
    assert!(said.out.contains("\"workflow\":\"sales\""), "{}", said.out);
}

fn mistakes() {
    let world = world();
    let config = world.config().display().to_string();
    let check = |world: &World| world.command(&["check", "-c", &config]);
    check(&world).expect(0);
    let policy = std::fs::read_to_string(world.dir().join("policy.toml")).unwrap();
    let line = |text: &str| {
        let at = policy.lines().position(|line| line.contains(text));
        format!("line {}", at.unwrap() + 1)
    };
    for (from, to, at, says) in [
        (
            "worker.employeeType",
            "worker.employeeTyp",
            "worker.employeeType",
            "did you mean worker.employeeType?",
        ),
        (
            "licence_days = 14",
            "license_days = 14",
            "licence_days = 14",
            "licence_days",
        ),
        (
            "licence_days = 14",
            "licence_days = \"soon\"",
            "licence_days = 14",
            "u16",
        ),
        (
            "name = \"sales\"",
            "name = \"contractors\"",
            "worker.department",
            "twice",
        ),
        ("licence_days = 14", "devices = true", "", "task.manual"),
    ] {
        world.edit("policy.toml", from, to);
        let ran = check(&world).expect(2);
        let place = if at.is_empty() {
            String::new()
        } else {
            line(at)
        };
        assert!(ran.err.contains(&place), "{place}: {}", ran.err);
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
        std::fs::write(world.dir().join("policy.toml"), &policy).unwrap();
    }
    let ran = world.command(&["policy", "lint", "-c", &config]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// `policy workflows` and `import-workflow`, the one's answer read by the other.
fn imported() {
    let world = world();
    let config = world.config().display().to_string();
    let ran = world.command(&["policy", "workflows"]).expect(0);
    for line in [
        "joiner: Onboard pre-hire employee\n  when  14 days before employeeHireDate",
        "  1  user.disable          Disable user account",
        "  2  user.revokeSessions   Revoke all refresh tokens for user",
        "30 days after employeeLeaveDateTime",
    ] {
        assert!(ran.out.contains(line), "{line}\n{}", ran.out);
    }
    let ran = world
        .command(&["policy", "workflows", "-c", &config])
        .expect(0);
    assert!(ran.out.contains("workflow contractors: "), "{}", ran.out);
    assert!(
        ran.out.contains("7 days after employeeLeaveDateTime"),
        "{}",
        ran.out
    );
    let listed = world.command(&["policy", "workflows", "--json"]).expect(0);
    let file = world.dir().join("p0.json");
    std::fs::write(&file, &listed.out).unwrap();
    let file = file.display().to_string();
    let ran = world.command(&["import-workflow", &file]).expect(0);
    assert!(ran.out.contains("licence_days = 30"), "{}", ran.out);
    assert!(!ran.out.contains("delete_days"), "{}", ran.out);
    assert!(ran.err.contains("--keep-deletes"), "{}", ran.err);
    let ran = world
        .command(&["import-workflow", &file, "--keep-deletes", "--json"])
        .expect(0)
        .json();
    assert!(ran["policy"].as_str().unwrap().contains("delete_days = 60"));
    assert!(ran["notes"].as_array().unwrap().len() > 10);
    assert_eq!(
        ran["not_done_yet"],
        json!([]),
        "the connector does all of it"
    );
    // Mails are told to whoever `[notify]` says, and not to be taken out.
    let untold = ran["not_told_yet"].as_array().unwrap();
    let p0 = ["notify.manager", "notify.welcome", "tap.issue"];
    assert!(p0.iter().all(|op| untold.contains(&json!(op))), "{ran}");
    let done = ran["not_done_yet"].as_array().unwrap();
    assert!(!done.iter().any(|op| untold.contains(op)), "{ran}");
    // With a configuration: scopes by its mapping, and its policy is added to.
    let workflow = json!({
        "category": "leaver", "displayName": "Oslo", "isEnabled": true,
        "isSchedulingEnabled": true,
        "executionConditions": {
            "@odata.type": "#microsoft.graph.identityGovernance.triggerAndScopeBasedConditions",
            "scope": {
                "@odata.type": "#microsoft.graph.identityGovernance.ruleBasedSubjectSet",
                "rule": "officeLocation eq 'North' and startsWith(jobTitle, 'Ana')",
            },
            "trigger": {
                "@odata.type": "#microsoft.graph.identityGovernance.timeBasedAttributeTrigger",
                "timeBasedAttribute": "employeeLeaveDateTime", "offsetInDays": 21,
            },
        },
        "tasks": [{"taskDefinitionId": "8fa97d28-3e52-4985-b3a9-a1126f9b8b4e", "arguments": []}],
    });
    let oslo = world.dir().join("oslo.json");
    std::fs::write(&oslo, format!("\u{feff}{workflow}")).unwrap();
    let oslo = oslo.display().to_string();
    let ran = world
        .command(&["import-workflow", &oslo, "-c", &config])
        .expect(0);
    assert!(ran.out.contains("name = \"sales\"") && ran.out.contains("name = \"Oslo\""));
    std::fs::write(world.dir().join("policy.toml"), &ran.out).unwrap();
    world.command(&["check", "-c", &config]).expect(0);
    // What is no JSON says where.
    std::fs::write(&oslo, "{\n  \"category\" \"leaver\"\n}").unwrap();
    let ran = world.command(&["import-workflow", &oslo]).expect(2);
    assert!(ran.err.contains("oslo.json:2:14"), "{}", ran.err);
    assert!(ran.err.contains("hint: "), "{}", ran.err);
}

/// A contractor's exit is taken back: nothing of it comes by their workflow while they are on hold,
/// and all of it by the same clocks once the hold ends.
fn undone() {
    let world = world();
    let now = night(&world, 2, &people("Active"));
    world.at(&now, &["run"]).expect(0);
    let mut rows = people("Active");
    rows[1].1 = "Inactive";
    let now = night(&world, 3, &rows);
    let report = world.at(&now, &["run"]).expect(0).last_json();
    let run = report["run"].as_str().unwrap();
    let who = "1000002";
    let order = |run: &str| orders(&world, run)[who].clone();
    assert_eq!(order(run).0, "contractors");
    assert!(order(run).1.starts_with("2026-03-10"), "{:?}", order(run));
    let enabled = || world.users()[who]["accountEnabled"].clone();
    assert_eq!(enabled(), false);

    let ran = world.at("2026-03-03T09:00:00Z", &["undo", run]).expect(3);
    let text = |value: Value| value.as_str().unwrap().to_owned();
    let undo = text(ran.first_json()["run"].clone());
    let plan = text(ran.last_json()["plan"]["plan_sha256"].clone());
    let args = ["approve", &undo, "--plan", &plan, "--reason", "he stays"];
    world.at("2026-03-03T09:00:00Z", &args).expect(0);
    world.at("2026-03-03T09:00:00Z", &["apply"]).expect(0);
    assert_eq!(enabled(), true);
    for day in [4, 11] {
        let now = night(&world, day, &rows);
        let report = world.at(&now, &["run"]).expect(1).last_json();
        assert_eq!(report["counts"]["actions"], json!({}), "day {day}");
        assert_eq!(enabled(), true);
    }

    let lift = [
        "lift",
        who,
        "--what",
        "undone",
        "--reason",
        "he left after all",
    ];
    let report = world
        .at("2026-03-11T09:00:00Z", &lift)
        .expect(0)
        .last_json();
    assert_eq!(enabled(), false, "{report}");
    let again = order(report["run"].as_str().unwrap());
    assert_eq!(again.0, "contractors");
    assert!(
        again.1.starts_with("2026-03-18"),
        "a week from the new block: {again:?}"
    );
    let verified = world
        .at("2026-03-11T10:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(verified["plans_not_replayed"], 0);
}
