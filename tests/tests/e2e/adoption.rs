//! A tenant that is older than Rollcall: accounts that carry nobody's key.

use libtest_mimic::Trial;
use serde_json::json;

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "adoption::accounts_of_the_same_name_wait_for_an_approval",
            adopted,
        ),
        trial("adoption::an_account_that_two_want_is_nobodys", disputed),
        trial(
            "adoption::whose_row_is_held_or_who_left_may_be_meant",
            claimed,
        ),
        trial("adoption::a_copy_of_the_own_tenant_is_rehearsed_on", copied),
    ]
}

const NOW: &str = "2026-03-16T02:00:00Z";

/// A starter whose tenant has the accounts of these workers, without their keys.
fn older_tenant(roster: &Roster) -> World {
    let first = World::new();
    first.drop_file("a-2026-03-15.csv", roster.csv());
    first.at("2026-03-15T02:00:00Z", &["run"]).expect(0);
    let journal = std::fs::read_to_string(first.dir().join("tenant.jsonl")).unwrap();
    let mut lines: Vec<String> = Vec::new();
    for line in journal.lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(properties) = line.get_mut("properties") {
            properties.as_object_mut().unwrap().remove("employeeId");
        }
        lines.push(line.to_string());
    }
    let world = World::new();
    std::fs::write(world.dir().join("tenant.jsonl"), lines.join("\n") + "\n").unwrap();
    world
}

fn match_names(world: &World) {
    let old = "target = \"userPrincipalName\"\n";
    world.edit("mapping.toml", old, &format!("{old}match = 2\n"));
}

/// What Graph lists of a tenant is put into another one; a run finds the people there under their ids.
fn copied() {
    let first = World::new();
    first.drop_file("a-2026-03-15.csv", Roster::of(20).csv());
    first.at("2026-03-15T02:00:00Z", &["run"]).expect(0);
    let users = first.users();
    let shown: Vec<serde_json::Value> = users
        .values()
        .map(|user| {
            let mut user = user.clone();
            if let Some(manager) = user.get("manager").cloned() {
                user["manager"] = json!({"id": manager});
            }
            user
        })
        .collect();
    let list = json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users", "value": shown});

    let world = World::new();
    let file = |name: &str, text: String| {
        let path = world.dir().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("users.json", format!("\u{feff}{list}"));
    let torn = file("torn.json", "{\n \"value\": [".to_owned());
    let import = |path: &str| world.at(NOW, &["rehearsal", "import", path]);
    let ran = import(&torn).expect(2);
    assert!(ran.err.contains("torn.json, line 2, column"), "{ran:?}");
    assert!(world.users().is_empty());
    let ran = import(&good).expect(0);
    assert!(ran.err.contains("20 users, 0 groups"), "{ran:?}");
    assert!(
        ran.err.contains("not taken over: passwordSet (20)"),
        "{ran:?}"
    );
    let ran = import(&good).expect(2);
    assert!(ran.err.contains("is not empty"), "{ran:?}");

    world.drop_file("b-2026-03-16.csv", Roster::of(21).csv());
    let report = world.at(NOW, &["run"]).expect(0).last_json();
    assert_eq!(report["counts"]["joiners"], 1, "{report}");
    let after = world.users();
    assert_eq!(after.len(), 21);
    for (worker, user) in &users {
        assert_eq!(after[worker]["id"], user["id"]);
    }
}

fn adopted() {
    let mut roster = Roster::of(20);
    let world = older_tenant(&roster);
    roster.0.get_mut(&10_012).unwrap().department = "Moved".to_owned();
    roster.0.get_mut(&10_015).unwrap().active = false;
    world.drop_file("b-2026-03-16.csv", roster.csv());
    // Without being told to, nobody is taken for somebody else.
    let report = world.at(NOW, &["plan"]).json();
    assert_eq!(report["plan"]["counts"]["actions"], json!({}));

    let world = older_tenant(&Roster::of(20));
    match_names(&world);
    let mut more = roster.clone();
    more.0.extend(Roster::of(21).0.into_iter().skip(20));
    world.drop_file("b-2026-03-16.csv", more.csv());
    let before = std::fs::read(world.dir().join("tenant.jsonl")).unwrap();
    let report = world.at(NOW, &["run"]).expect(3).last_json();
    assert_eq!(report["counts"]["joiners"], 1, "{report}");
    assert_eq!(report["counts"]["held_actions"]["user.update"], 19);
    let after = std::fs::read(world.dir().join("tenant.jsonl")).unwrap();
    assert!(after.starts_with(&before));
    assert!(
        !String::from_utf8_lossy(&after[before.len()..]).contains("10012"),
        "nothing of a person who is held"
    );
    let kinds = report["finding_counts"].as_array().unwrap();
    assert!(
        kinds.iter().any(|k| k["kind"] == "account_unclaimed"),
        "whoever left and may still get in is named: {kinds:?}"
    );
    let (run, plan) = (&report["run"], &report["plan_sha256"]);
    let (run, plan) = (run.as_str().unwrap(), plan.as_str().unwrap());
    let explained = world.at(NOW, &["explain", "10012"]).expect(0).json();
    let seen = &explained["account"]["accounts"][0];
    assert_eq!(seen["name"], "emp10012@woodgrove.example", "{explained}");
    assert_eq!(
        explained["plan"]["actions"][0]["standing"]["by"],
        "adoptions"
    );
    let approve = ["approve", run, "--plan", plan, "--reason", "read by name"];
    world.at("2026-03-16T03:00:00Z", &approve).expect(0);
    world.at("2026-03-16T03:00:00Z", &["apply"]);
    world.at("2026-03-16T04:00:00Z", &["release"]);
    world.at("2026-03-16T04:00:00Z", &["verify"]).expect(0);

    // The accounts are those that were there, each with a key, a manager, and what HR says.
    let mut users = std::collections::BTreeMap::new();
    let journal = std::fs::read_to_string(world.dir().join("tenant.jsonl")).unwrap();
    for line in journal.lines().skip(1) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        users.insert(line["id"].as_str().unwrap().to_owned(), line);
    }
    assert_eq!(
        users.len(),
        21,
        "twenty that were there and one that is new"
    );
    let mut keyed = 0;
    for user in users.values() {
        let of = &user["properties"];
        let name = of["userPrincipalName"].as_str().unwrap();
        match of["employeeId"].as_str() {
            Some(key) => {
                keyed += 1;
                assert_eq!(name, format!("emp{key}@woodgrove.example"));
                assert_eq!(of["department"] == "Moved", key == "10012");
            }
            None => assert_eq!(name, "emp10015@woodgrove.example", "who left"),
        }
    }
    assert_eq!(keyed, 20);
    // Nothing is left to do, and the next day is an ordinary one.
    more.0.get_mut(&10_013).unwrap().department = "Next".to_owned();
    world.drop_file("c-2026-03-17.csv", more.csv());
    let report = world.at("2026-03-17T02:00:00Z", &["run"]).last_json();
    assert_eq!(
        report["counts"]["actions"],
        json!({"user.update": 1}),
        "{report}"
    );
}

/// Two workers whose names come out the same, and one account of that name.
fn disputed() {
    let roster = Roster::of(12);
    let world = older_tenant(&roster);
    match_names(&world);
    let csv = roster.csv().replace("EMP10012", "EMP10011");
    world.drop_file("b-2026-03-16.csv", csv);
    let report = world.at(NOW, &["run"]).last_json();
    assert_eq!(report["counts"]["held_actions"]["user.update"], 10);
    let taken: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["kind"] == "name_taken")
        .map(|f| f["worker"].as_str().unwrap())
        .collect();
    assert_eq!(taken, ["10011", "10012"]);
}

/// Two workers whose names come out the same, and the row of one is not believed, or they left.
fn claimed() {
    for status in ["?", "Inactive"] {
        let roster = Roster::of(12);
        let world = older_tenant(&roster);
        match_names(&world);
        let csv = roster.csv().replace("EMP10012", "EMP10011");
        let line = csv.lines().find(|line| line.contains("10012")).unwrap();
        let other = line.replace("Active", status);
        assert_ne!(line, other);
        world.drop_file("b-2026-03-16.csv", csv.replace(line, &other));
        let report = world.at(NOW, &["run"]).last_json();
        assert_eq!(
            report["counts"]["held_actions"]["user.update"], 10,
            "{status}"
        );
        let taken: Vec<&str> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|f| f["kind"] == "name_taken")
            .map(|f| f["worker"].as_str().unwrap())
            .collect();
        assert_eq!(taken, ["10011"], "{status}");
    }
}
