//! Approvals of single actions: what is named goes, the rest stays, and the budgets count each once.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("approvals::one_leaver_of_three_goes_by_name", one_of_three),
        trial("approvals::naming_all_leaves_nothing_waiting", all_by_name),
        trial("approvals::what_cannot_be_named", refused),
    ]
}

const NIGHT: &str = "2026-03-15T02:00:00Z";
const MORNING: &str = "2026-03-15T08:00:00Z";
/// Three of Dept 3, which may lose one a day, and two of others.
const LEAVERS: [u32; 5] = [10_004, 10_011, 10_018, 10_005, 10_006];

/// The plan that waits: its run, its digest, and the ids of what is kept back, by worker.
struct Waiting {
    run: String,
    plan: String,
    report: Value,
    orders: Vec<Value>,
}

impl Waiting {
    fn ids(&self, worker: &str, list: &str) -> Vec<String> {
        let mut orders = self.orders.iter().map(|it| &it[0]);
        let order = orders.find(|it| it["person"] == worker).expect("an order");
        let text = |action: &Value| action["id"].as_str().unwrap().to_owned();
        let list = order[list].as_array().unwrap().iter();
        list.flat_map(|it| match it["actions"].as_array() {
            Some(held) => held.iter().map(text).collect::<Vec<_>>(),
            None => vec![text(it)],
        })
        .collect()
    }

    fn approve<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec![
            "approve", &self.run, "--plan", &self.plan, "--reason", "checked",
        ];
        args.extend(more);
        args
    }
}

fn night(over_budget: u8) -> (World, Waiting) {
    let world = World::new();
    world.unproven();
    let mut roster = Roster::of(200);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    let slices = "[[budgets.slice]]\nname = \"three\"\n\
                  rule = 'worker.department -eq \"Dept 3\"'\ndisables = { count = 1 }\n\n\
                  [[budgets.slice]]\nname = \"north\"\n\
                  rule = 'worker.jobTitle -eq \"Clerk\"'\ndisables = { count = 100 }\n\n\
                  [protected]\n";
    world.edit("policy.toml", "[protected]\n", slices);
    let budget = format!("over_budget = {over_budget}");
    world.edit("policy.toml", "over_budget = 2", &budget);
    for key in LEAVERS {
        roster.0.get_mut(&key).unwrap().active = false;
    }
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at(NIGHT, &["run"]).expect(3).json();
    let text = |name: &str| report[name].as_str().unwrap().to_owned();
    let (run, plan) = (text("run"), text("plan_sha256"));
    let shown = world.at(NIGHT, &["show", &run]).json();
    let orders = shown["orders"].as_array().unwrap().clone();
    let waiting = Waiting {
        run,
        plan,
        report,
        orders,
    };
    (world, waiting)
}

fn out(world: &World) -> Vec<String> {
    let users = world.users().into_iter();
    let out = users.filter(|(_, user)| user["accountEnabled"] == false);
    out.map(|(key, _)| key).collect()
}

/// What stands by the newest entry of the log.
fn standing(world: &World) -> Value {
    let log = world.files("log");
    let (_, newest) = log.last_key_value().unwrap();
    let entry: Value = serde_json::from_slice(newest).unwrap();
    entry["standing"].clone()
}

fn counted(list: &Value) -> u64 {
    let all = list.as_array().unwrap().iter();
    all.map(|it| it["count"].as_u64().unwrap()).sum()
}

/// Two people: one names the actions of one leaver, the other agrees to all that the guard keeps
/// back. What both mean goes. Once the first agrees to all as well, the rest does, and each leaver
/// counts once in every budget.
fn one_of_three() {
    let (world, waiting) = night(2);
    assert_eq!(out(&world), ["10005", "10006"]);
    let named = waiting.ids("10004", "held");
    assert_eq!(named.len(), 2, "block and sign out: {named:?}");
    let args = waiting.approve(&["--action", &named[0], "--action", &named[1][..14]]);
    let said = world.at(MORNING, &args).expect(3).json();
    let of = |id: &str| {
        let all = said["granted"].as_array().unwrap().iter();
        all.filter(|it| it["action"] == id)
            .map(|it| (it["guard"].clone(), it["have"].clone(), it["need"].clone()))
            .collect::<Vec<_>>()
    };
    for id in &named {
        assert_eq!(of(id), [(json!("disables:three"), json!(1), json!(2))]);
    }
    let again = world.at(MORNING, &args).expect(2);
    assert!(
        again.err.contains("agreed to disables:three already"),
        "{}",
        again.err
    );
    world.at(MORNING, &["apply"]).expect(3);
    assert_eq!(out(&world), ["10005", "10006"], "one person is not enough");

    // Another person's note, as they would write it.
    let note = json!({
        "run": waiting.run, "plan_sha256": waiting.plan, "guard": "disables:three",
        "at": MORNING, "reason": "seen",
    });
    let folder = world.dir().join("approvals/os:other:4711");
    std::fs::create_dir_all(&folder).unwrap();
    let name = format!(
        "{}-{}-disables.three-00000000.json",
        waiting.run,
        &waiting.plan[..16]
    );
    std::fs::write(folder.join(name), note.to_string()).unwrap();
    let report = world.at(MORNING, &["apply"]).expect(3).last_json();
    assert_eq!(out(&world), ["10004", "10005", "10006"]);
    let users = world.users();
    assert!(users["10004"]["signInSessionsValidFromDateTime"].is_string());
    let hold = &report["holds"][0];
    assert_eq!(
        (&hold["by"], &hold["persons"], &report["outcomes"]["held"]),
        (&json!("disables:three"), &json!(2), &json!(4))
    );
    let stands = standing(&world);
    assert_eq!(counted(&stands["disables"]), 3);
    assert_eq!(counted(&stands["slices"]["disables:three"]), 1);
    assert_eq!(counted(&stands["slices"]["disables:north"]), 3);
    let told = world.at(MORNING, &["explain", "10004"]).out;
    assert!(told.contains("\"released\""), "{told}");

    let args = waiting.approve(&["--guard", "disables:three"]);
    world.at(MORNING, &args).expect(0);
    world.at(MORNING, &["apply"]).expect(0);
    assert_eq!(out(&world), ["10004", "10005", "10006", "10011", "10018"]);
    let stands = standing(&world);
    assert_eq!(counted(&stands["disables"]), 5);
    assert_eq!(counted(&stands["slices"]["disables:three"]), 3);
    assert_eq!(counted(&stands["slices"]["disables:north"]), 5);
    let verified = world.at(MORNING, &["verify"]).expect(0).json();
    assert_eq!(verified["plans_not_replayed"], 0);

    // A note that was made to say another action is no proof of the entry that counts it.
    let notes = world.files("approvals").into_iter();
    let notes = notes.map(|(key, bytes)| (key, String::from_utf8(bytes).unwrap()));
    let (key, text) = notes
        .into_iter()
        .find(|(_, text)| text.contains(&named[0]))
        .unwrap();
    let other = waiting.ids("10011", "held")[0].clone();
    std::fs::write(world.dir().join(key), text.replace(&named[0], &other)).unwrap();
    let verified = world.at(MORNING, &["verify"]).expect(1).out;
    assert!(verified.contains("approves something else"), "{verified}");
}

/// Where everything that a guard keeps back is named, the guard is done with.
fn all_by_name() {
    let (world, waiting) = night(1);
    let mut args = Vec::new();
    let ids: Vec<String> = ["10004", "10011", "10018"]
        .iter()
        .flat_map(|worker| waiting.ids(worker, "held"))
        .collect();
    for id in &ids {
        args.extend(["--action", id.as_str()]);
    }
    world.at(MORNING, &waiting.approve(&args)).expect(0);
    world.at(MORNING, &["apply"]).expect(0);
    assert_eq!(out(&world).len(), 5);
    let status = world.at(MORNING, &["status"]).expect(0).json();
    assert_eq!(status["pending"], json!([]));
    assert_eq!(counted(&standing(&world)["slices"]["disables:three"]), 3);
    world.at(MORNING, &["verify"]).expect(0);
}

fn refused() {
    let (world, waiting) = night(1);
    let done = waiting.ids("10005", "actions");
    let held = waiting.ids("10004", "held");
    for (args, told) in [
        (
            vec!["--action", "a-000000000000"],
            "no action of this plan has an id that begins with",
        ),
        (vec!["--action", "a-00"], "too short"),
        (
            vec!["--action", &done[0]],
            "needs no approval: nothing keeps it back",
        ),
        (
            vec!["--action", &held[0], "--guard", "removals"],
            "disables:three does",
        ),
    ] {
        let ran = world.at(MORNING, &waiting.approve(&args)).expect(2);
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    assert!(
        world.files("approvals").is_empty(),
        "nothing is written down"
    );
    let one = waiting.approve(&["--action", &held[0]]);
    world.at(MORNING, &one).expect(0);
    let ran = world.at(MORNING, &one).expect(2);
    assert!(ran.err.contains("let go already"), "{}", ran.err);

    // Of a parked delivery nothing goes before it is let in, by name neither.
    let half = Roster::of(400);
    let world = World::new();
    world.drop_file("a-2026-03-14.csv", half.csv());
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    let mut half = Roster::of(200);
    half.0.get_mut(&10_004).unwrap().department = "Moved".to_owned();
    world.drop_file("b-2026-03-15.csv", half.csv());
    let report = world.at(NIGHT, &["run"]).expect(3).json();
    let run = report["run"].as_str().unwrap().to_owned();
    let shown = world.at(NIGHT, &["show", &run]).json();
    let parked = Waiting {
        plan: report["plan_sha256"].as_str().unwrap().to_owned(),
        orders: shown["orders"].as_array().unwrap().clone(),
        run,
        report,
    };
    assert_eq!(parked.report["verdict"], "held");
    let moved = parked.ids("10004", "held");
    let ran = world
        .at(MORNING, &parked.approve(&["--action", &moved[0]]))
        .expect(2);
    assert!(
        ran.err
            .contains("guard row_count keeps the plan back as a whole"),
        "{}",
        ran.err
    );
}
