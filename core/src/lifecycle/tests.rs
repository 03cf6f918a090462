//! What is listed is what happens, and what is imported is what was said.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::import::{ImportError, Imported, Note, Options, Standing, Text, import};
use super::listing::{Listed, Trigger, graph, listing};
use super::{Category, definitions};
use crate::mapping::Mapping;
use crate::model::Op;
use crate::policy::Policy;
use crate::scenario::{Case, p0, play};

// ---- The listing against a play.

/// Operations that a play of these cases has no occasion for.
const NO_OCCASION: [Op; 4] = [
    Op::LicenceAssign,
    Op::LicenceRemove,
    Op::DeviceWipe,
    Op::DeviceDeleteEntra,
];

/// Policies that are played: P0, and some that differ from it in every parameter that is listed.
const POLICIES: [&str; 5] = [
    "{}",
    "{joiner: {create_days: 3, groups_days: 2, notify_manager_days: 5}, mover: {overlap_days: 21}, \
     leaver: {licence_and_methods_days: 10, delete_days: 20}, rescinded: {delete_days: 1}}",
    "{joiner: {create_days: 1, groups_days: 9, notify_manager_days: 1, enable_local: '06:00'}, \
     mover: {overlap_days: 0}, leaver: {licence_and_methods_days: 1, delete_days: 2}}",
    "{workflow: [{name: all, scope: 'worker.id -ne \"nobody\"', joiner: {pass: never, welcome: \
     false, notify_manager_days: never, groups_days: 0}, mover: {mail_alias: false, overlap_days: \
     3}, leaver: {methods_days: never, delete_days: never, roles: false, devices: false, \
     for_cause: false}, rescinded: {delete_days: never}}]}",
    "{workflow: [{name: all, scope: 'worker.id -ne \"nobody\"', leaver: {methods_days: 5, \
     licence_days: 40, delete_days: 41}, absence: {second_miss_disables: false}}]}",
];

struct Story {
    name: &'static str,
    state: &'static str,
    runs: &'static str,
    /// More of the policy, as YAML.
    policy: &'static str,
    /// The listed workflows that it tells of.
    of: fn(&Listed) -> bool,
    /// What days count from, as the play has it.
    anchor: fn(Timestamp) -> Timestamp,
}

/// First night of every story.
const NIGHT: &str = "2027-03-01T02:00:00Z";

fn stories() -> [Story; 6] {
    [
        Story {
            name: "joiner",
            state: "",
            runs: "W: {hire: 2027-03-31}",
            policy: "",
            of: |it| it.category == Category::Joiner,
            // The first instant of the first day in Berlin.
            anchor: |_| "2027-03-30T22:00:00Z".parse().unwrap(),
        },
        Story {
            name: "mover",
            state: "{who: W, base: true, row: {company: DE01}}",
            runs: "W: {dept: MKT, company: DE02, manager: M2, family: Vega}",
            policy: "sensitive: [G-SENS], company_groups: {DE01: [G-SENS]}, names: {upn_on_rename: \
                     change}",
            of: |it| it.category == Category::Mover,
            anchor: |night| night,
        },
        Story {
            name: "planned leaver",
            state: "{who: W, base: true, groups: [G-SALES, G-LIC, G-PROJ], roles: [Helpdesk], \
                    app_roles: [A-CRM], devices: [{id: D2, owner: personal, os: android, enrol: \
                    work_profile}]}",
            runs: "W: {last_day: 2027-03-04}",
            policy: "",
            of: |it| {
                let leave = matches!(it.trigger, Trigger::Day { .. });
                it.category == Category::Leaver && leave
            },
            anchor: |_| "2027-03-04T23:00:00Z".parse().unwrap(),
        },
        Story {
            name: "for cause",
            state: "{who: W, base: true, groups: [G-SALES, G-LIC, G-PROJ], roles: [Helpdesk], \
                    app_roles: [A-CRM], devices: [{id: D2, owner: personal, os: android, enrol: \
                    work_profile}]}",
            runs: "W: {status: terminated, reason: for_cause, last_day: 2027-03-01}",
            policy: "",
            of: |it| it.name == "Real-time employee termination",
            anchor: |night| night,
        },
        Story {
            name: "away for long",
            state: "{who: W, base: true}",
            runs: "W: {status: leave, leave: unpaid, leave_from: 2027-03-01}",
            policy: "",
            of: |it| it.name == "Long leave without pay",
            anchor: |night| night,
        },
        Story {
            name: "missing",
            state: "{who: W, base: true}",
            runs: "absent",
            policy: "",
            of: |it| it.name == "Inactive: missing from HR",
            anchor: |night| night + SignedDuration::from_hours(24),
        },
    ]
}

fn case(story: &Story, policy: &str) -> Case {
    let state = if story.state.is_empty() {
        String::new()
    } else {
        format!("state:\n  - {}\n", story.state)
    };
    // One map of both.
    let inner = policy.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    let both = [inner.unwrap_or_default(), story.policy];
    let both: Vec<&str> = both.into_iter().filter(|it| !it.is_empty()).collect();
    let policy = format!("{{{}}}", both.join(", "));
    let runs = if story.runs == "absent" {
        format!(
            "  - {{n: 1, at: {NIGHT}, absent: [W]}}\n  - {{n: 2, at: 2027-03-02T02:00:00Z, absent: \
             [W]}}\n"
        )
    } else {
        format!(
            "  - n: 1\n    at: {NIGHT}\n    rows:\n      {}\n",
            story.runs
        )
    };
    let text = format!("id: story\nopen: true\npolicy: {policy}\n{state}runs:\n{runs}");
    Case::parse(&text, story.name).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// What happened, in order: days from the anchor where the hour does not count, and the operation.
/// The same again stands once.
fn happened(case: &Case, anchor: Timestamp) -> Vec<(i32, String)> {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let day = |at: Timestamp| at.to_zoned(berlin.clone()).date();
    let first = day(anchor);
    let mut out: Vec<(i32, String)> = Vec::new();
    for entry in play(case).unwrap().entries {
        let Some(op) = Op::ALL.iter().find(|op| op.name() == entry.op) else {
            continue;
        };
        let days = (day(entry.at) - first).get_days();
        let name = if op.on_device() && !NO_OCCASION.contains(op) {
            "device".to_owned()
        } else {
            op.name().to_owned()
        };
        let step = (days, name);
        if out.last() != Some(&step) {
            out.push(step);
        }
    }
    out
}

/// The same as the listing says it.
fn said(listed: &[Listed], of: fn(&Listed) -> bool) -> Vec<(i32, String)> {
    let mut out: Vec<(i32, String)> = Vec::new();
    for it in listed.iter().filter(|it| of(it)) {
        let days = match &it.trigger {
            Trigger::Day { days, .. }
            | Trigger::Change { days, .. }
            | Trigger::Said { days, .. } => *days,
        };
        for task in &it.tasks {
            let [op] = task.ops.as_slice() else {
                out.push((days, "device".to_owned()));
                continue;
            };
            let step = (days, op.name().to_owned());
            if !NO_OCCASION.contains(op) && out.last() != Some(&step) {
                out.push(step);
            }
        }
    }
    out
}

/// Every policy, every story: the same operations on the same days in the same order.
#[test]
fn the_listing_says_what_happens() {
    let night: Timestamp = NIGHT.parse().unwrap();
    let mut wrong = Vec::new();
    for policy in POLICIES {
        for story in stories() {
            let case = case(&story, policy);
            let read = case.policy().unwrap();
            let effective = read.workflow.first().map(|it| it.over(&read));
            let listed = listing(&effective.unwrap_or(read));
            let (mut came, wanted) = (
                happened(&case, (story.anchor)(night)),
                said(&listed, story.of),
            );
            if story.name == "for cause" {
                // What comes days later is that of any leaver.
                came.retain(|(days, _)| *days == 0);
            }
            if came != wanted {
                wrong.push(format!(
                    "{} under {policy}\n  listed {wanted:?}\n  came   {came:?}",
                    story.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Called off once the account is there: the bin counts from the call.
#[test]
fn a_hire_that_is_called_off_is_listed_as_it_comes() {
    let text = "id: off\nopen: true\nruns:\n  - {n: 1, at: 2027-03-01T02:00:00Z, rows: {W: {hire: \
                2027-03-05}}}\n  - {n: 2, at: 2027-03-02T02:00:00Z, rows: {W: {status: rescinded, \
                hire: 2027-03-05}}}\n";
    let case = Case::parse(text, "off").unwrap();
    let second: Timestamp = "2027-03-02T02:00:00Z".parse().unwrap();
    let came = happened(&case, second);
    let came: Vec<_> = came.into_iter().filter(|(days, _)| *days >= 0).collect();
    let listed = said(&listing(&p0()), |it| it.name == "Hire called off");
    // It was never enabled, so that there is nothing to block.
    let cut = ["user.disable", "user.revokeSessions"];
    let listed: Vec<_> = listed
        .into_iter()
        .filter(|(_, op)| !cut.contains(&op.as_str()))
        .collect();
    assert_eq!(came, listed);
    assert_eq!(listed.len(), 2);
}

#[test]
fn the_templates_are_all_there() {
    let listed = listing(&p0());
    let mut names: Vec<&str> = listed.iter().map(|it| it.name).collect();
    names.dedup();
    assert_eq!(
        names,
        [
            "Onboard pre-hire employee",
            "Onboard new hire employee",
            "Post-Onboarding of an employee",
            "Employee job profile change",
            "Pre-Offboarding of an employee",
            "Offboard an employee",
            "Post-Offboarding of an employee",
            "Real-time employee termination",
            "Hire called off",
            "Long leave without pay",
            "Garden leave",
            "Inactive: missing from HR",
        ]
    );
    // Nothing is deleted unless somebody says so, and never before it was blocked.
    let text = "format_version = 1\n[status]\nactive = [\"A\"]\ninactive = [\"I\"]\n";
    let plain = listing(&Policy::parse(text, "p.toml").unwrap());
    let deletes = |it: &Listed| it.tasks.iter().any(|task| task.ops == [Op::UserDeleteSoft]);
    assert!(!plain.iter().any(deletes));
    assert!(listed.iter().any(deletes));
}

#[test]
fn graph_has_the_shape_of_the_resource() {
    let all = graph(
        &listing(&p0()),
        Some(("contractors", "worker.id -ne \"1\"")),
    );
    let offboard = all
        .iter()
        .find(|it| it["displayName"] == "Offboard an employee")
        .unwrap();
    assert_eq!(offboard["category"], "leaver");
    let trigger = &offboard["executionConditions"]["trigger"];
    assert_eq!(trigger["timeBasedAttribute"], "employeeLeaveDateTime");
    assert_eq!(trigger["offsetInDays"], 0);
    let tasks = offboard["tasks"].as_array().unwrap();
    let ids: Vec<&Json> = tasks.iter().map(|it| &it["taskDefinitionId"]).collect();
    assert_eq!(ids[0], "1dfdfcc7-52fa-4c2e-bf3a-e3919cc12950");
    assert_eq!(ids[1], "509589a4-0466-4471-829e-49c5e502bdee");
    assert_eq!(tasks[0]["rollcall"]["ops"], json!(["user.disable"]));
    assert_eq!(offboard["rollcall"]["workflow"], "contractors");
}

// ---- The import.

/// A workflow of one task, with a trigger that fits.
#[expect(
    clippy::needless_pass_by_value,
    reason = "calls read better with what `json!` makes"
)]
fn workflow(category: &str, days: i64, tasks: Json) -> Json {
    let trigger = match category {
        "joiner" => json!({
            "@odata.type": "#microsoft.graph.identityGovernance.timeBasedAttributeTrigger",
            "timeBasedAttribute": "employeeHireDate", "offsetInDays": days,
        }),
        "leaver" => json!({
            "@odata.type": "#microsoft.graph.identityGovernance.timeBasedAttributeTrigger",
            "timeBasedAttribute": "employeeLeaveDateTime", "offsetInDays": days,
        }),
        _ => json!({
            "@odata.type": "#microsoft.graph.identityGovernance.attributeChangeTrigger",
            "triggerAttributes": [{"name": "department"}],
        }),
    };
    json!({
        "category": category, "displayName": "Sales: people",
        "isEnabled": true, "isSchedulingEnabled": true,
        "executionConditions": {
            "@odata.type": "#microsoft.graph.identityGovernance.triggerAndScopeBasedConditions",
            "scope": {
                "@odata.type": "#microsoft.graph.identityGovernance.ruleBasedSubjectSet",
                "rule": "(department eq 'Sales')",
            },
            "trigger": trigger,
        },
        "tasks": tasks,
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "calls read better with what `json!` makes"
)]
fn one_task(id: &str, arguments: Json) -> Json {
    json!([{
        "continueOnError": true, "displayName": "T", "isEnabled": true,
        "taskDefinitionId": id, "arguments": arguments,
    }])
}

fn imported_with(json: &Json, options: Options<'_>) -> Imported {
    let text = json.to_string();
    let texts = [Text {
        file: "w.json",
        json: &text,
    }];
    let imported = import(&texts, options).unwrap();
    Policy::parse(&imported.policy, "policy.toml")
        .unwrap_or_else(|e| panic!("{e}\n{}", imported.policy));
    imported
}

fn imported(json: &Json) -> Imported {
    imported_with(json, Options::default())
}

fn notes_at<'n>(notes: &'n [Note], path: &str) -> Vec<&'n Note> {
    notes.iter().filter(|it| it.path == path).collect()
}

/// Every documented task: its id, the workflow and day that it stands in, what the policy says of
/// it, and else why not.
#[test]
fn every_documented_task_becomes_something_or_is_listed() {
    let groups = json!([{"name": "groupID", "value": "00000000-0000-0000-0000-00000000000a"}]);
    let minutes = json!([{"name": "tapLifetimeMinutes", "value": "480"}]);
    let none = json!([]);
    let rows = [
        (
            "70b29d51-b59a-4773-9280-8841dfd3f2ea",
            "joiner",
            0,
            &none,
            "welcome = true",
        ),
        (
            "3C860712-2D37-42A4-928F-5C93935D26A1",
            "joiner",
            -7,
            &none,
            "notify_manager_days = 7",
        ),
        (
            "1b555e50-7f65-41d5-b514-5894a026d10d",
            "joiner",
            -7,
            &minutes,
            "minutes = 480",
        ),
        (
            "aab41899-9972-422a-9d97-f626014578b7",
            "mover",
            0,
            &none,
            "! no such mail",
        ),
        (
            "c1ec1e76-f374-4375-aaa6-0bb6bd4c60be",
            "joiner",
            0,
            &none,
            "! access packages",
        ),
        (
            "683c87a4-2ad4-420b-97d4-220d90afcd24",
            "joiner",
            -2,
            &none,
            "groups_days = 2",
        ),
        (
            "22085229-5809-45e8-97fd-270d28d66910",
            "joiner",
            -3,
            &groups,
            "groups_days = 3",
        ),
        (
            "e440ed8d-25a1-4618-84ce-091ed5be5594",
            "joiner",
            -4,
            &none,
            "groups_days = 4",
        ),
        (
            "2c8f4a1b-7d3e-4f9c-8a5b-6e1d2c3f4a5b",
            "mover",
            0,
            &none,
            "! mapping.toml",
        ),
        (
            "6fc52c9d-398b-4305-9763-15f42c1676fc",
            "joiner",
            0,
            &none,
            "= on the first day",
        ),
        (
            "4262b724-8dba-4fad-afc3-43fcbb497a0e",
            "leaver",
            0,
            &none,
            "! logic app",
        ),
        (
            "d79d1fcc-16be-490c-a865-f4533b1639ee",
            "joiner",
            0,
            &none,
            "! logic app",
        ),
        (
            "1dfdfcc7-52fa-4c2e-bf3a-e3919cc12950",
            "leaver",
            0,
            &none,
            "~ sessions are revoked",
        ),
        (
            "1953a66c-751c-45e5-8bfe-01462c70da3c",
            "mover",
            0,
            &groups,
            "overlap_days = 0",
        ),
        (
            "b3a31406-2a15-4c9a-b25b-a658fa5f07fc",
            "leaver",
            0,
            &none,
            "all_groups = true",
        ),
        (
            "06aa7acb-01af-4824-8899-b14e5ed788d6",
            "leaver",
            0,
            &none,
            "! by itself",
        ),
        (
            "81f7b200-2816-4b3b-8c5d-dc556f07b024",
            "leaver",
            0,
            &none,
            "! every other group",
        ),
        (
            "4a0b64f2-c7ec-46ba-b117-18f262946c50",
            "leaver",
            0,
            &none,
            "! access packages",
        ),
        (
            "42ae2956-193d-4f39-be06-691b8ac4fa1d",
            "leaver",
            0,
            &none,
            "! access packages",
        ),
        (
            "498770d9-bab7-4e4c-b73d-5ded82a1d0b3",
            "leaver",
            0,
            &none,
            "! access packages",
        ),
        (
            "5fc402a8-daaf-4b7b-9203-da868b05fc5f",
            "leaver",
            5,
            &none,
            "! by itself",
        ),
        (
            "8fa97d28-3e52-4985-b3a9-a1126f9b8b4e",
            "leaver",
            31,
            &none,
            "licence_days = 31",
        ),
        (
            "509589a4-0466-4471-829e-49c5e502bdee",
            "leaver",
            0,
            &none,
            "= signed out",
        ),
        (
            "8d18588d-9ad3-4c0f-99d0-ec215f0e3dff",
            "leaver",
            90,
            &none,
            "! --keep-deletes",
        ),
        (
            "52853a3e-f4e5-4eb8-bb24-1ac09a1da935",
            "leaver",
            -7,
            &none,
            "! no such mail",
        ),
        (
            "9c0a1eaf-5bda-4392-9d9e-6e155bb57411",
            "leaver",
            0,
            &none,
            "! no such mail",
        ),
        (
            "6f22ddd4-b3a5-47a4-a846-0d7c201a49ce",
            "leaver",
            7,
            &none,
            "! no such mail",
        ),
        (
            "92f74cb4-f1b6-4ec0-b766-96210f56edc2",
            "leaver",
            0,
            &none,
            "! no such mail",
        ),
        (
            "b8c4e1f9-3a7d-4b2e-9c5f-8d6a9b1c2e3f",
            "mover",
            0,
            &none,
            "! no sponsors",
        ),
        (
            "ad3b85cd-75b1-43e7-b4b9-0e52faba3944",
            "leaver",
            0,
            &none,
            "! no sponsors",
        ),
        (
            "b8f4c3d5-9e7a-4b1c-8f2d-6a5e8b9c7f4a",
            "mover",
            0,
            &none,
            "! no sponsors",
        ),
        (
            "a8e4c7f2-9d1b-4a3e-b5c6-8f2e7a9d4c1b",
            "leaver",
            0,
            &none,
            "! no sponsors",
        ),
    ];
    for known in definitions() {
        let listed = rows.iter().any(|row| row.0.eq_ignore_ascii_case(known.id));
        assert!(listed, "{} is in no row", known.name);
    }
    for (id, category, days, arguments, wanted) in rows {
        let all = imported(&workflow(category, days, one_task(id, arguments.clone())));
        let told = notes_at(&all.notes, "$.tasks[0]");
        let has = |standing| {
            let mut same = told.iter().filter(|it| it.standing == standing);
            same.next().map(|it| it.why.as_str()).unwrap_or_default()
        };
        match wanted.split_at(2) {
            ("! ", why) => {
                assert!(
                    has(Standing::LeftOut).contains(why),
                    "{id}: {:#?}",
                    all.notes
                );
                assert!(!all.policy.contains("scope"), "{id}: {}", all.policy);
            }
            ("= ", why) => assert!(has(Standing::Carried).contains(why), "{id}: {told:?}"),
            ("~ ", why) => assert!(has(Standing::Otherwise).contains(why), "{id}: {told:?}"),
            _ => {
                assert!(all.policy.contains(wanted), "{id}: {}", all.policy);
                assert!(!told.is_empty(), "{id}");
                assert!(
                    all.policy
                        .contains("scope = 'worker.department -eq \"Sales\"'"),
                    "{id}: {}",
                    all.policy
                );
                assert!(
                    all.policy.contains("name = \"Sales people\""),
                    "{}",
                    all.policy
                );
            }
        }
    }
}

/// What is nearly right: where, and why not.
#[test]
fn slips_are_named_with_their_place() {
    let enable = "6fc52c9d-398b-4305-9763-15f42c1676fc";
    let base = || workflow("joiner", 0, one_task(enable, json!([])));
    let changed = |path: &str, value: Json| {
        let mut all = base();
        *all.pointer_mut(path).unwrap() = value;
        all
    };
    let added = |path: &str, name: &str, value: Json| {
        let mut all = base();
        all.pointer_mut(path).unwrap()[name] = value;
        all
    };
    let trigger = "/executionConditions/trigger";
    for (json, path, why) in [
        (
            changed(
                "/tasks/0/taskDefinitionId",
                json!("6fc52c9d-398b-4305-9763-15f42c1676fd"),
            ),
            "$.tasks[0].taskDefinitionId",
            "did you mean 6fc52c9d-398b-4305-9763-15f42c1676fc, Enable user account?",
        ),
        (
            changed("/tasks/0/taskDefinitionId", json!("no id at all")),
            "$.tasks[0].taskDefinitionId",
            "no built-in task has this id",
        ),
        (
            changed("/executionConditions/trigger/offsetInDays", json!(181)),
            "$.executionConditions.trigger.offsetInDays",
            "181 days: Entra takes -180 to 180",
        ),
        (
            changed("/executionConditions/trigger/offsetInDays", json!("7")),
            "$.executionConditions.trigger.offsetInDays",
            "no whole number",
        ),
        (
            changed(
                "/executionConditions/trigger/timeBasedAttribute",
                json!("employeeHiredate"),
            ),
            "$.executionConditions.trigger.timeBasedAttribute",
            "did you mean `employeeHireDate`?",
        ),
        (
            changed(
                "/executionConditions/trigger/timeBasedAttribute",
                json!("createdDateTime"),
            ),
            "$.executionConditions.trigger.timeBasedAttribute",
            "from the first day of work",
        ),
        (
            changed(
                "/executionConditions/trigger/@odata.type",
                json!("#microsoft.graph.identityGovernance.timeBasedAttributTrigger"),
            ),
            "$.executionConditions.trigger['@odata.type']",
            "did you mean `timeBasedAttributeTrigger`?",
        ),
        (
            changed(
                trigger,
                json!({
                    "@odata.type": "#microsoft.graph.identityGovernance.membershipChangeTrigger",
                    "changeType": "add",
                }),
            ),
            "$.executionConditions.trigger",
            "nothing here begins with a membership",
        ),
        (
            changed(
                trigger,
                json!({
                    "@odata.type": "#microsoft.graph.identityGovernance.userInactivityTrigger",
                    "inactivityPeriodInDays": 90,
                }),
            ),
            "$.executionConditions.trigger",
            "not by sign-ins",
        ),
        (
            added("", "isEnable", json!(true)),
            "$.isEnable",
            "did you mean `isEnabled`?",
        ),
        (
            added("/tasks/0", "argument", json!([])),
            "$.tasks[0].argument",
            "did you mean `arguments`?",
        ),
        (
            added(trigger, "offsetInHours", json!(1)),
            "$.executionConditions.trigger.offsetInHours",
            "nothing here knows this property",
        ),
        (
            changed(
                "/tasks/0/arguments",
                json!([{"name": "enableOnPremisesAcount", "value": "true"}]),
            ),
            "$.tasks[0].arguments[0]",
            "did you mean `enableOnPremisesAccount`?",
        ),
        (
            changed(
                "/tasks/0/arguments",
                json!([{"name": "enableOnPremisesAccount", "value": "true"}]),
            ),
            "$.tasks[0].arguments[0]",
            "no account on premises",
        ),
        (
            changed("/tasks/0/arguments", json!([{"name": 1}])),
            "$.tasks[0].arguments[0]",
            "texts",
        ),
        (
            changed("/category", json!("joyner")),
            "$.category",
            "did you mean `joiner`?",
        ),
        (
            changed("/isEnabled", json!(false)),
            "$.isEnabled",
            "off there",
        ),
        (
            changed("/isSchedulingEnabled", json!(false)),
            "$.isSchedulingEnabled",
            "by itself",
        ),
        (
            changed("/tasks/0/isEnabled", json!(false)),
            "$.tasks[0].isEnabled",
            "off there",
        ),
        (
            changed(
                "/tasks/0/taskDefinitionId",
                json!("8d18588d-9ad3-4c0f-99d0-ec215f0e3dff"),
            ),
            "$.tasks[0]",
            "no joiner workflow has such a task",
        ),
        (
            added(
                "",
                "settings",
                json!({"quarantineConfiguration": {"matchMode": "any"}}),
            ),
            "$.settings",
            "`[budgets]`",
        ),
        (
            changed(
                "/executionConditions/scope",
                json!({
                    "@odata.type": "#microsoft.graph.identityGovernance.groupBasedSubjectSet",
                    "groups": [],
                }),
            ),
            "$.executionConditions.scope",
            "members of a group",
        ),
        (
            changed(
                "/executionConditions/scope/rule",
                json!("(accountEnabled eq true)"),
            ),
            "$.executionConditions.scope.rule",
            "`accountEnabled`",
        ),
    ] {
        let all = imported(&json);
        let told = notes_at(&all.notes, path);
        let found = told
            .iter()
            .any(|it| it.standing == Standing::LeftOut && it.why.contains(why));
        assert!(found, "{path}: {:#?}", all.notes);
    }
}

#[test]
fn what_is_no_workflow_is_refused_with_its_place() {
    let refused = |json: &str| -> ImportError {
        let text = Text {
            file: "w.json",
            json,
        };
        import(&[text], Options::default()).unwrap_err()
    };
    for (json, place, why) in [
        (
            "{\n  \"category\": \"joiner\",\n  \"tasks\": [,]\n}",
            ":3:13",
            "expected value",
        ),
        ("{\"tasks\": [", ":1:11", "EOF"),
        ("[1]", ": $[0]", "no lifecycle workflow"),
        ("7", ": $", "no lifecycle workflow"),
        (
            "{\"displayName\": \"x\"}",
            ": $.tasks",
            "no workflow comes with its tasks",
        ),
        ("{\"value\": []}", ": $", "no workflow comes"),
        ("{\"name\": \"x\"}", ": $", "neither `tasks`"),
        ("{\"value\": 1}", ": $.value", "no list"),
        (
            "{\"value\": [{\"executionConditions\": {}}]}",
            ": $.value[0].tasks",
            "with its tasks",
        ),
        ("{\"tasks\": {}}", ": $.tasks", "no list of tasks"),
        ("{\"tasks\": [\"x\"]}", ": $.tasks[0]", "no task"),
    ] {
        let error = refused(json);
        assert_eq!(error.place, place, "{json}");
        assert!(error.why.contains(why), "{json}: {}", error.why);
        assert!(error.to_string().contains("hint: "), "{error}");
    }
}

fn mapping() -> Mapping {
    let text = "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
        facts = { grade = \"G\" }\n\
        [[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
        [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
        [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n\
        [[attribute]]\ntarget = \"displayName\"\nsource = \"N\"\n\
        [[attribute]]\ntarget = \"department\"\nsource = \"D\"\n\
        [[attribute]]\ntarget = \"employeeOrgData.costCenter\"\nsource = \"C\"\n";
    Mapping::parse(text, "mapping.toml").unwrap()
}

/// A scope there, and the rule here; `!` and why there is none.
#[test]
fn scopes_become_rules_over_workers() {
    let enable = one_task("70b29d51-b59a-4773-9280-8841dfd3f2ea", json!([]));
    let mapping = mapping();
    for (mapped, rule, wanted) in [
        (
            false,
            "(department eq 'Sales')",
            "worker.department -eq \"Sales\"",
        ),
        (
            false,
            "department ne 'Sales'",
            "worker.department -ne \"Sales\"",
        ),
        (
            false,
            "department in ('Sales', 'Marketing')",
            "worker.department -in [\"Sales\", \"Marketing\"]",
        ),
        (
            false,
            "startsWith(jobTitle, 'Head')",
            "worker.jobTitle -startsWith \"Head\"",
        ),
        (
            false,
            "(employeeOrgData/costCenter eq '100')",
            "worker.costCenter -eq \"100\"",
        ),
        (
            false,
            "(department eq 'Marketing') or (not (city eq 'Redmond'))",
            "worker.department -eq \"Marketing\" -or -not worker.city -eq \"Redmond\"",
        ),
        (
            false,
            "country eq 'DE' and (department eq 'A' or department eq 'B')",
            "worker.country -eq \"DE\" -and (worker.department -eq \"A\" -or worker.department -eq \
             \"B\")",
        ),
        (false, "companyName eq null", "worker.companyName -eq null"),
        (
            false,
            "surname eq 'O''Neill'",
            "worker.surname -eq \"O''Neill\"",
        ),
        (
            true,
            "employeeOrgData/costCenter eq 'CC1'",
            "worker.costCenter -eq \"CC1\"",
        ),
        (true, "grade eq '7'", "worker.grade -eq \"7\""),
        (true, "city eq 'Oslo'", "! `city`: the mapping writes no"),
        (true, "departement eq 'x'", "! did you mean `department`?"),
        (false, "accountEnabled eq true", "! `accountEnabled`"),
        (
            false,
            "(department eq 'A') and (accountEnabled in (true))",
            "! `accountEnabled`",
        ),
        (
            false,
            "otherMails/any(p:startsWith(p,'Av'))",
            "! into no lists",
        ),
        (
            false,
            "assignedPlans/any(a:a/service eq 'x')",
            "! into no lists",
        ),
        (false, "endsWith(mail, 'x')", "! `startsWith` only"),
        (false, "department gt 'A'", "! `gt` is no operator"),
        (false, "department eq", "! a value is missing"),
        (
            false,
            "department eq 'A' city eq 'B'",
            "! `and` or `or` is missing",
        ),
        (false, "(department eq 'A'", "! `)` is missing"),
        (false, "department eq 'A", "! no closing quote"),
        (false, "department eq \"A\"", "! single quotes"),
        (false, "employeeId eq 7", "! are texts"),
        (false, "", "! a property such as"),
    ] {
        let mut json = workflow("joiner", 0, enable.clone());
        json["executionConditions"]["scope"]["rule"] = json!(rule);
        let options = Options {
            mapping: mapped.then_some(&mapping),
            ..Options::default()
        };
        let all = imported_with(&json, options);
        let policy = Policy::parse(&all.policy, "policy.toml").unwrap();
        if let Some(why) = wanted.strip_prefix("! ") {
            let path = "$.executionConditions.scope.rule";
            let told = notes_at(&all.notes, path);
            assert!(
                told.iter().any(|it| it.why.contains(why)),
                "{rule}: {told:#?}"
            );
            assert!(
                policy.workflow.is_empty(),
                "{rule}: nothing holds for more people"
            );
            assert!(!policy.joiner.welcome, "{rule}");
            // Unless somebody asks for that.
            let options = Options {
                for_everybody: true,
                ..options
            };
            let all = imported_with(&json, options);
            let policy = Policy::parse(&all.policy, "policy.toml").unwrap();
            assert!(
                policy.joiner.welcome && policy.workflow.is_empty(),
                "{rule}"
            );
        } else {
            assert_eq!(policy.workflow[0].scope, wanted, "{rule}");
        }
    }
}

/// The shipped templates of Entra, in a list as Graph returns it, for two countries.
#[test]
fn the_templates_become_one_workflow_for_each_scope() {
    let (disable, delete) = (
        "1dfdfcc7-52fa-4c2e-bf3a-e3919cc12950",
        "8d18588d-9ad3-4c0f-99d0-ec215f0e3dff",
    );
    let tasks = |ids: &[&str]| {
        let all = ids.iter().map(|id| {
            let arguments = if *id == "1b555e50-7f65-41d5-b514-5894a026d10d" {
                json!([{"name": "tapLifetimeMinutes", "value": "60"}, {"name": "tapIsUsableOnce", "value": "true"}])
            } else {
                json!([])
            };
            json!({"taskDefinitionId": id, "isEnabled": true, "continueOnError": false, "arguments": arguments})
        });
        Json::Array(all.collect())
    };
    let of = |country: &str, category: &str, days: i64, ids: &[&str]| {
        let mut json = workflow(category, days, tasks(ids));
        json["displayName"] = json!(format!("{country} {category}"));
        json["executionConditions"]["scope"]["rule"] = json!(format!("(country eq '{country}')"));
        json
    };
    let mut by_hand = workflow(
        "leaver",
        0,
        tasks(&["b3a31406-2a15-4c9a-b25b-a658fa5f07fc", delete]),
    );
    by_hand["isSchedulingEnabled"] = json!(false);
    by_hand["executionConditions"] = json!({
        "@odata.type": "#microsoft.graph.identityGovernance.onDemandExecutionOnly",
    });
    let list = json!({"@odata.context": "x", "value": [
        of("DE", "joiner", -7, &["1b555e50-7f65-41d5-b514-5894a026d10d"]),
        of("DE", "joiner", 0, &[
            "22085229-5809-45e8-97fd-270d28d66910", "6fc52c9d-398b-4305-9763-15f42c1676fc",
            "70b29d51-b59a-4773-9280-8841dfd3f2ea",
        ]),
        of("DE", "leaver", 0, &[
            disable, "b3a31406-2a15-4c9a-b25b-a658fa5f07fc", "81f7b200-2816-4b3b-8c5d-dc556f07b024",
        ]),
        of("DE", "leaver", 30, &["8fa97d28-3e52-4985-b3a9-a1126f9b8b4e", delete]),
        of("NO", "leaver", 60, &["8fa97d28-3e52-4985-b3a9-a1126f9b8b4e", delete]),
        of("NO", "leaver", 90, &["8fa97d28-3e52-4985-b3a9-a1126f9b8b4e"]),
        by_hand,
    ]});
    let all = imported(&list);
    let policy = Policy::parse(&all.policy, "policy.toml").unwrap();
    let names: Vec<&str> = policy.workflow.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["DE joiner", "NO leaver"]);
    let (de, no) = (
        policy.workflow[0].over(&policy),
        policy.workflow[1].over(&policy),
    );
    assert_eq!(de.joiner.groups_days, 0);
    assert_eq!(de.joiner.pass.as_ref().map(|it| it.minutes), Some(60));
    assert!(de.joiner.welcome && de.leaver.all_groups);
    assert_eq!((de.leaver.licence_days, no.leaver.licence_days), (30, 60));
    assert!(!no.joiner.welcome && !no.leaver.all_groups);
    // Nothing is deleted unless somebody asks, and each of them is listed.
    let deleting = |all: &Imported| {
        let notes = all.notes.iter();
        notes
            .filter(|it| it.what.contains("Delete user") && it.standing == Standing::LeftOut)
            .count()
    };
    assert_eq!((de.leaver.delete_days, no.leaver.delete_days), (None, None));
    assert_eq!(deleting(&all), 3);
    let options = Options {
        keep_deletes: true,
        ..Options::default()
    };
    let kept = imported_with(&list, options);
    let policy = Policy::parse(&kept.policy, "policy.toml").unwrap();
    let days = |at: usize| policy.workflow[at].over(&policy).leaver.delete_days;
    assert_eq!((days(0), days(1)), (Some(30), Some(60)));
    // Never at once by hand.
    assert_eq!(deleting(&kept), 1);
    // What another one of the same scope says otherwise is left out, with the place of the first.
    let conflict = notes_at(&all.notes, "$.value[5].tasks[0]");
    assert!(
        conflict[0].why.contains("$.value[4].tasks[0]"),
        "{conflict:?}"
    );
    let once = "$.value[0].tasks[0].arguments[1]";
    assert_eq!(notes_at(&all.notes, once)[0].standing, Standing::LeftOut);
    // The two countries exclude each other: nothing is said of an overlap.
    assert!(notes_at(&all.notes, "$").is_empty());
    assert_eq!(all, imported(&list), "the same again");
}

/// As the list of all workflows has them: named one by one, and nothing more.
#[test]
fn a_workflow_without_tasks_is_named() {
    let bare = json!({"category": "joiner", "displayName": "Bare", "id": "1", "version": 1});
    let welcome = one_task("70b29d51-b59a-4773-9280-8841dfd3f2ea", json!([]));
    let all = imported(&json!({"value": [bare, workflow("joiner", 0, welcome)]}));
    let told = notes_at(&all.notes, "$.value[0].tasks");
    assert_eq!(told[0].standing, Standing::LeftOut);
    assert!(told[0].what.contains("Bare"), "{told:?}");
    assert!(all.policy.contains("welcome = true"));
}

#[test]
fn scopes_that_may_both_hold_are_told() {
    let welcome = || one_task("70b29d51-b59a-4773-9280-8841dfd3f2ea", json!([]));
    let mut one = workflow("joiner", 0, welcome());
    one["executionConditions"]["scope"]["rule"] = json!("country eq 'DE'");
    let all = imported(&json!([one, workflow("joiner", 0, welcome())]));
    assert_eq!(notes_at(&all.notes, "$").len(), 1);
    let policy = Policy::parse(&all.policy, "policy.toml").unwrap();
    let names: Vec<&str> = policy.workflow.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Sales people", "Sales people 2"]);
}

#[test]
fn a_policy_that_is_there_is_added_to() {
    let there = "# Ours.\nformat_version = 1\n[status]\nactive = [\"A\"]\ninactive = [\"I\"]\n\
                 [leaver]\nlicence_days = 45\n\
                 [[workflow]]\nname = \"Sales people\"\nscope = 'worker.id -eq \"1\"'\n\
                 leaver.licence_days = 1\n";
    let licences = one_task("8fa97d28-3e52-4985-b3a9-a1126f9b8b4e", json!([]));
    let leaver = workflow("leaver", 10, licences);
    let options = Options {
        policy: Some(there),
        ..Options::default()
    };
    let all = imported_with(&leaver, options);
    assert!(all.policy.starts_with(there.trim_end()), "{}", all.policy);
    // Whoever is in a scope of both is under the one that was there.
    let told = notes_at(&all.notes, "$");
    assert_eq!(told.len(), 1, "{:?}", all.notes);
    let policy = Policy::parse(&all.policy, "policy.toml").unwrap();
    let names: Vec<&str> = policy.workflow.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Sales people", "Sales people 2"]);
    // For everybody: written anew, with what was there.
    let mut everybody = leaver.clone();
    everybody["executionConditions"]["scope"] = Json::Null;
    let all = imported_with(&everybody, options);
    let policy = Policy::parse(&all.policy, "policy.toml").unwrap();
    assert_eq!((policy.leaver.licence_days, policy.workflow.len()), (10, 1));
    let options = Options {
        policy: Some("format_version = 1\n"),
        ..Options::default()
    };
    let text = leaver.to_string();
    let texts = [Text {
        file: "w.json",
        json: &text,
    }];
    assert!(import(&texts, options).is_err());
}

#[test]
fn movers_say_what_a_move_is() {
    let mut mover = workflow(
        "mover",
        0,
        one_task("1953a66c-751c-45e5-8bfe-01462c70da3c", json!([])),
    );
    mover["executionConditions"]["trigger"]["triggerAttributes"] =
        json!([{"name": "department"}, {"name": "employeeOrgData/costCenter"}]);
    let all = imported(&mover);
    let policy = Policy::parse(&all.policy, "policy.toml").unwrap();
    assert_eq!(
        policy.mover.attributes,
        ["department", "employeeOrgData.costCenter"]
    );
    assert_eq!(policy.workflow[0].over(&policy).mover.overlap_days, 0);
    assert_eq!(policy.mover.overlap_days, 7);
}

/// What P0 is listed as comes back as what Lifecycle Workflows can say of P0.
#[test]
fn the_listing_of_p0_can_be_imported() {
    let json = json!({"value": graph(&listing(&p0()), None)});
    let options = Options {
        keep_deletes: true,
        ..Options::default()
    };
    let all = imported_with(&json, options);
    let (policy, p0) = (Policy::parse(&all.policy, "p.toml").unwrap(), p0());
    assert_eq!(
        policy.joiner.notify_manager_days,
        p0.joiner.notify_manager_days
    );
    assert_eq!(policy.joiner.groups_days, p0.joiner.groups_days);
    assert_eq!(policy.joiner.pass, p0.joiner.pass);
    assert!(policy.joiner.welcome && policy.leaver.all_groups);
    assert_eq!(policy.leaver.licence_days, p0.leaver.licence_days);
    assert_eq!(policy.leaver.delete_days, p0.leaver.delete_days);
    assert_eq!(policy.mover.attributes, p0.mover.attributes);
    assert!(policy.workflow.is_empty());
}
