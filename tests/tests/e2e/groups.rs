//! Groups whose rules the directory evaluates: what a plan says of them is what becomes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use libtest_mimic::Trial;
use rollcall_http::Clock;
use rollcall_rehearsal::Tenant;
use rollcall_tests::crowd::generate_rows;
use rollcall_tests::rulebook::rule;
use serde_json::{Value, json};

use crate::child::DOWN;
use crate::trial;
use crate::world::{Ran, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "groups::the_tenant_agrees_with_every_prediction",
            predictions,
        ),
        trial("groups::who_is_in_a_rule_and_what_is_odd", members),
        trial("groups::what_the_tenant_has_otherwise", otherwise),
        trial("groups::seats_that_are_short_are_told_before", seats),
        trial("groups::a_mistake_in_the_file_stops_everything", mistakes),
    ]
}

const WORKERS: usize = 20_000;
const RULES: usize = 50;

pub(crate) fn define(world: &World, groups: &str) {
    std::fs::write(world.dir().join("groups.toml"), groups).unwrap();
    let policy = "policy = \"policy.toml\"\n";
    world.edit(
        "rollcall.toml",
        policy,
        &format!("{policy}groups = \"groups.toml\"\n"),
    );
}

fn rulebook() -> String {
    let mut out = String::from("format_version = 1\n");
    for n in 0..RULES {
        let rule = Value::from(rule(n)).to_string();
        write!(
            out,
            "[[group]]\nkey = \"g{n}\"\nname = \"Group {n}\"\nmode = \"dynamic\"\nrule = {rule}\n"
        )
        .unwrap();
    }
    out
}

/// Group by group, who is in it.
type Members = BTreeMap<String, BTreeSet<String>>;

/// What the plan of a run says that becomes of them.
fn follow(world: &World, run: &str, members: &mut Members) -> (usize, usize) {
    let (mut entered, mut left) = (0, 0);
    // A large one has a nonce in its name.
    let files = std::fs::read_dir(world.dir().join("runs").join(run)).unwrap();
    let plan = files
        .map(|file| file.unwrap().path())
        .find(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap();
            name.starts_with("plan") && path.extension().is_some_and(|it| it == "jsonl")
        })
        .expect("a plan");
    let plan = std::fs::read_to_string(plan).unwrap();
    for line in plan.lines() {
        let order: Value = serde_json::from_str(line).unwrap();
        if order["group"].is_object() {
            continue;
        }
        let worker = order["workers"][0].as_str().unwrap();
        let all = |list: &str| -> Vec<String> {
            let list = order["impact"][list].as_array();
            let groups = list.into_iter().flatten();
            groups
                .map(|it| it["group"].as_str().unwrap().to_owned())
                .collect()
        };
        assert!(order["impact"]["unknown"].is_null(), "{order}");
        for group in all("enters") {
            entered += 1;
            assert!(
                members.entry(group).or_default().insert(worker.to_owned()),
                "{order}"
            );
        }
        for group in all("leaves") {
            left += 1;
            assert!(members.entry(group).or_default().remove(worker), "{order}");
        }
    }
    (entered, left)
}

fn tenant(world: &World, now: &str) -> Tenant {
    world.simulated_tenant(Clock::starting_at(now.parse().unwrap()))
}

/// Who is in the groups of the tenant.
fn evaluated(world: &World, now: &str) -> Members {
    let tenant = tenant(world, now);
    let text = |object: &Value, name: &str| object[name].as_str().unwrap().to_owned();
    let workers: BTreeMap<String, String> = tenant
        .users()
        .iter()
        .map(|user| (text(user, "id"), text(user, "employeeId")))
        .collect();
    let groups = tenant.groups().into_iter();
    groups
        .map(|group| {
            let members = group["members"].as_array().unwrap().iter();
            let members = members.map(|id| workers[id.as_str().unwrap()].clone());
            let key = text(&group, "uniqueName");
            let key = key.trim_start_matches("rollcall-").to_owned();
            (key, members.collect())
        })
        .collect()
}

/// Members that one has and the other has not.
fn differences(one: &Members, other: &Members) -> usize {
    let groups: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let none = BTreeSet::new();
    let of = |members: &Members, group: &String| members.get(group).unwrap_or(&none).clone();
    let differ = |group: &&String| {
        of(one, group)
            .symmetric_difference(&of(other, group))
            .count()
    };
    groups.iter().map(differ).sum()
}

/// 20,000 workers, 50 rules, two nights with movers and leavers: no prediction is wrong.
#[expect(
    clippy::print_stderr,
    reason = "the figures are what this test is read for"
)]
fn predictions() {
    let world = World::new();
    define(&world, &rulebook());
    let file = world.dir().join("workers.csv");
    let mut members = Members::new();
    for (now, changed) in [
        ("2026-03-16T02:00:00Z", false),
        ("2026-03-17T02:00:00Z", true),
    ] {
        generate_rows(&file, WORKERS, changed).unwrap();
        let mut text = std::fs::read_to_string(&file).unwrap();
        if changed {
            for row in (0..WORKERS).step_by(500) {
                let active = format!("\n{},Active,", 1_000_001 + row);
                assert!(text.contains(&active));
                text = text.replace(&active, &active.replace("Active", "Inactive"));
            }
        }
        world.drop_file(&format!("w-{}.csv", &now[..10]), text);
        let report = world.at(now, &["run"]).expect(0).last_json();
        let (entered, left) = follow(&world, report["run"].as_str().unwrap(), &mut members);
        let tenant = evaluated(&world, now);
        let total: usize = tenant.values().map(BTreeSet::len).sum();
        let wrong = differences(&members, &tenant);
        eprintln!("{entered} enter, {left} leave, {total} memberships, {wrong} differences");
        assert_eq!(wrong, 0);
        if changed {
            assert!(
                left > 50 && report["counts"]["movers"] == WORKERS / 100,
                "{left}"
            );
            let stays = report["counts"]["groups"].as_object().unwrap();
            let stays = stays
                .values()
                .map(|n| n["stays"].as_u64().unwrap())
                .sum::<u64>();
            assert!(
                stays > 0,
                "most of these rules do not look at accountEnabled"
            );
        } else {
            assert!(entered > WORKERS && left == 0);
        }
        world.at(now, &["verify"]).expect(0);
    }
}

const THREE: &str = r#"
format_version = 1
[[group]]
key = "moved"
name = "Moved"
mode = "dynamic"
rule = 'user.department -eq "Moved"'
[[group]]
key = "staff"
name = "Staff"
mode = "dynamic"
rule = 'user.accountEnabled -eq true -and USER.city -ne null'
licences = ["SPE_E5"]
[[group]]
key = "cost"
name = "Cost"
mode = "dynamic"
rule = 'user.extensionAttribute7 -eq "x"'
"#;

fn members() {
    let world = World::new();
    define(&world, THREE);
    let file = world.dir().join("workers.csv");
    generate_rows(&file, 200, true).unwrap();
    world.drop_file("w-2026-03-16.csv", std::fs::read(&file).unwrap());
    let now = "2026-03-16T02:00:00Z";
    // Before anything is written the plan says who comes into what.
    let planned = world.at(now, &["plan"]).expect(0).json();
    let groups = &planned["plan"]["counts"]["groups"];
    assert_eq!(
        groups["moved"],
        json!({"enters": 2, "leaves": 0, "stays": 0}),
        "{planned}"
    );
    assert_eq!(groups["staff"]["enters"], 200);
    assert!(groups.get("cost").is_none());
    assert!(planned["plan"]["inputs"]["groups_sha256"].is_string());
    let ask = |rule: &str| {
        world
            .at(now, &["rule", "members", "--rule", rule])
            .expect(0)
            .json()
    };
    assert_eq!(
        ask("user.accountEnabled -eq true")["of"],
        0,
        "nobody has an account yet"
    );
    world.at(now, &["run"]).expect(0);
    let said = ask("user.department -eq \"Moved\"");
    assert_eq!(said["members"], json!(["1000038", "1000138"]), "{said}");
    assert_eq!(said["of"], 200);
    let said = ask("user.extensionAttribute7 -ne null -or user.userType -eq \"Member\"");
    assert_eq!(said["unread"], json!(["user.extensionAttribute7"]));
    assert_eq!(said["members"].as_array().unwrap().len(), 200);
    for rule in [
        "user.department -eq",
        "device.accountEnabled -eq true",
        "Direct Reports for \"1\"",
        "user.assignedPlans -all (assignedPlan.service -eq \"x\")",
    ] {
        world
            .at(now, &["rule", "members", "--rule", rule])
            .expect(2);
    }

    let said = world.at(now, &["policy", "lint"]).expect(1).json();
    let found: Vec<String> = said["lint"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            format!(
                "{} {}",
                it["group"].as_str().unwrap(),
                it["lint"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "moved leavers-stay",
            "staff property-case",
            "staff licence-goes-with-the-account",
            "staff suggestion",
            "cost leavers-stay",
        ]
    );
}

/// `groups` names everything that differs, and nobody whom HR does not know.
fn otherwise() {
    let world = World::new();
    let now = "2026-03-16T02:00:00Z";
    let made = |key: &str, rule: Option<&str>, state: &str| {
        let mut group = json!({
            "uniqueName": format!("rollcall-{key}"), "displayName": key, "mailNickname": key,
            "mailEnabled": false, "securityEnabled": true, "groupTypes": [],
        });
        if let Some(rule) = rule {
            group["groupTypes"] = json!(["DynamicMembership"]);
            group["membershipRule"] = rule.into();
            group["membershipRuleProcessingState"] = state.into();
        }
        tenant(&world, now).put_group(&group).unwrap()
    };
    made(
        "moved",
        Some("(user.department -eq \"Moved\") -or (user.department -eq \"External\")"),
        "On",
    );
    made(
        "staff",
        Some("(user.ACCOUNTENABLED -eq TRUE) -and (user.city -ne null)"),
        "On",
    );
    let cost = made("by-hand", None, "");
    made("paused", Some("user.userType -eq \"Member\""), "Paused");
    let stranger = json!({
        "accountEnabled": true, "displayName": "Guest of honour", "mailNickname": "guest",
        "userPrincipalName": "guest@woodgrove.example", "department": "Moved", "city": "Oslo",
    });
    tenant(&world, now).put_user(stranger).unwrap();
    define(
        &world,
        &format!(
            "{}id = \"{cost}\"\n[[group]]\nkey = \"paused\"\nname = \"Paused\"\nmode = \
             \"dynamic\"\nrule = 'user.userType -eq \"Member\"'\n[[group]]\nkey = \"none\"\nname = \
             \"None\"\nmode = \"dynamic\"\nrule = 'user.city -eq \"Oslo\"'\n[[group]]\nkey = \
             \"boss\"\nname = \"Boss\"\nmode = \"dynamic\"\nrule = 'Direct Reports for \
             \"1\"'\n",
            THREE.trim_start()
        ),
    );
    let file = world.dir().join("workers.csv");
    generate_rows(&file, 200, true).unwrap();
    world.drop_file("w-2026-03-16.csv", std::fs::read(&file).unwrap());
    // Of those that are there, another rule and one that is paused wait for people.
    let report = world.at(now, &["run"]).expect(3).last_json();
    assert_eq!(
        report["counts"]["held_actions"],
        json!({"group.update": 2}),
        "{report}"
    );
    let said = world.at(now, &["groups"]).expect(1).json();
    let groups: BTreeMap<&str, &Value> = said["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["group"].as_str().unwrap(), group))
        .collect();
    assert_eq!(said["agree"], false);
    let counts = |key: &str| {
        let group = groups[key];
        let len = |list: &str| group[list].as_array().unwrap().len();
        let differs = group.get("differs").cloned().unwrap_or_default();
        (
            differs,
            group["agree"].as_u64().unwrap(),
            len("absent"),
            len("surplus"),
        )
    };
    // The tenant's rule takes in the stranger too; of ours both say the same two.
    assert_eq!(counts("moved"), (json!(["rule"]), 2, 0, 0), "{said}");
    assert_eq!(groups["moved"]["others"], 1);
    // Written differently, it is the same rule.
    assert_eq!(counts("staff"), (Value::Null, 200, 0, 0), "{said}");
    assert_eq!(counts("cost"), (json!(["not-dynamic"]), 0, 0, 0), "{said}");
    assert_eq!(counts("paused"), (json!(["paused"]), 0, 200, 0), "{said}");
    assert_eq!(
        groups["cost"]["unpredicted"],
        "the state knows nothing of user.extensionAttribute7"
    );
    // Rollcall made it.
    let rows = std::fs::read_to_string(&file).unwrap();
    let there = rows.lines().filter(|row| row.contains(",Oslo,")).count() as u64;
    assert_eq!(counts("none"), (Value::Null, there, 0, 0), "{said}");
    assert!(groups["boss"]["unpredicted"].is_string(), "{said}");
    // What it says to people.
    let config = world.config().display().to_string();
    let ran = world
        .command(&["groups", "-c", &config, "--now", now])
        .expect(1);
    assert!(
        ran.out
            .contains("Paused: 0 members as they are to be\n  its rule is paused there\n"),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .contains("200 workers should be in it and are not: 1000001, "),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .contains("Moved: 2 members as they are to be\n  1 member whom HR does not know\n"),
        "{}",
        ran.out
    );
}

/// 30 joiners and 12 seats: told before anything runs, and computed again from what was stored.
fn seats() {
    let world = World::new();
    define(&world, THREE);
    world.edit(
        "rollcall.toml",
        "[target.rehearsal]\n",
        "[target.rehearsal]\nseats = { spe_e5 = 12 }\n",
    );
    let file = world.dir().join("workers.csv");
    generate_rows(&file, 30, false).unwrap();
    world.drop_file("w-2026-03-16.csv", std::fs::read(&file).unwrap());
    let now = "2026-03-16T02:00:00Z";
    let planned = world.at(now, &["plan"]).expect(0).json();
    assert_eq!(
        planned["plan"]["counts"]["licences"],
        json!({"SPE_E5": {"gains": 30, "losses": 0, "free": 12}}),
        "{planned}"
    );
    assert!(world.users().is_empty(), "nothing has run");
    // Where the tenant does not say, the plan is made all the same: another world, the same file.
    let dark = World::new();
    define(&dark, THREE);
    dark.drop_file("w-2026-03-16.csv", std::fs::read(&file).unwrap());
    let full = dark.full(now, &["run"]);
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    let ran = dark
        .prepared(&full)
        .env(DOWN, "/v1.0/subscribedSkus")
        .output()
        .unwrap();
    let ran = Ran::from(ran).expect(0);
    assert!(ran.err.contains("licences cannot be read"), "{}", ran.err);
    let report = ran.last_json();
    assert_eq!(report["outcomes"]["failed"], 0);
    assert_eq!(
        report["counts"]["licences"]["SPE_E5"],
        json!({"gains": 30, "losses": 0, "free": null})
    );
    dark.at(now, &["verify"]).expect(0);
    let config = world.config().display().to_string();
    let shown = world
        .command(&["show", "-c", &config, "--now", now])
        .expect(0);
    let line = "licence    SPE_E5 +30 · 12 seats free: 18 short";
    assert!(shown.out.contains(line), "{}", shown.out);
    assert!(shown.out.contains("licence + SPE_E5"), "{}", shown.out);
    world.at(now, &["run"]).expect(0);
    world.at(now, &["verify"]).expect(0);
    let explained = world
        .command(&["explain", "1000001", "-c", &config, "--now", now])
        .expect(0);
    assert!(
        explained.out.contains("gets the licence SPE_E5"),
        "{}",
        explained.out
    );
}

fn mistakes() {
    let world = World::new();
    define(&world, &THREE.replace("user.department", "user.departmnt"));
    let ran = world.at("2026-03-16T02:00:00Z", &["check"]).expect(2);
    assert!(
        ran.err.contains("line 3: group `moved`, rule"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("did you mean user.department?"),
        "{}",
        ran.err
    );
    world.at("2026-03-16T02:00:00Z", &["run"]).expect(2);
}
