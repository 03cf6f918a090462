//! What only a leaver answers for: told with the cut, and their account is not deleted before
//! somebody else does.

use std::collections::BTreeSet;

use libtest_mimic::Trial;
use rollcall_http::Clock;
use rollcall_rehearsal::Tenant;
use serde_json::{Value, json};

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("succession::a_deletion_waits_for_an_owner", waits),
        trial("succession::people_may_let_it_go", let_go),
        trial("succession::the_heir_gets_it_with_the_cut", assigned),
        trial("succession::nobody_is_asked_who_stays", unasked),
        trial("succession::two_who_own_it_together", together),
        trial("succession::a_report_whose_move_waits", kept_back),
        trial("succession::no_report_goes_to_themselves", circle),
        trial("succession::an_older_look_is_agreed_to_no_more", older),
        trial("succession::who_is_protected_and_owns_alone", protected),
    ]
}

/// The cut, and the day on which the account is due to go.
const CUT: &str = "2026-03-03T02:00:00Z";
const DUE: &str = "2026-04-02T03:00:00Z";

fn policy(world: &World, more: &str) {
    let text = format!("[leaver]\ndelete_days = 30\n{more}\n[gates]\n");
    world.edit("policy.toml", "[gates]\n", &text);
    world.edit(
        "policy.toml",
        "max_source_age_h = 36",
        "max_source_age_h = 9000",
    );
}

fn tenant(world: &World, now: &str) -> Tenant {
    world.simulated_tenant(Clock::starting_at(now.parse().unwrap()))
}

fn id_of(world: &World, worker: &str) -> String {
    world.users()[worker]["id"].as_str().unwrap().to_owned()
}

fn night(world: &World, now: &str, roster: &Roster) -> Value {
    let day = &now[..10];
    let text = roster.csv().replace(",,,10115", &format!(",,{day},10115"));
    world.drop_file(&format!("w-{day}.csv"), text);
    world.at(now, &["run"]).expect(0).last_json()
}

/// A group that belongs to somebody alone.
fn group_of(world: &World, owner: &str, now: &str) -> String {
    let link = format!("https://graph.microsoft.com/v1.0/directoryObjects/{owner}");
    let group = json!({
        "displayName": "Works council", "mailNickname": "council", "mailEnabled": false,
        "securityEnabled": true, "groupTypes": [], "owners@odata.bind": [link],
    });
    tenant(world, now).put_group(&group).unwrap()
}

/// Findings of a kind, of all runs.
fn findings(world: &World, kind: &str) -> Vec<Value> {
    let files = world.files("runs").into_iter();
    let files = files.filter(|(key, _)| key.ends_with("/findings.jsonl"));
    let mut out = Vec::new();
    for (_, bytes) in files {
        let text = String::from_utf8(bytes).unwrap();
        let all = text.lines().map(|line| serde_json::from_str(line).unwrap());
        out.extend(all.filter(|it: &Value| it["kind"] == kind));
    }
    out
}

fn deleted(world: &World, worker: &str) -> bool {
    world.users()[worker]["deletedDateTime"].is_string()
}

fn verified(world: &World) {
    let verified = world
        .at("2026-05-01T00:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(verified["problems"], json!([]));
    assert_eq!(verified["plans_not_replayed"], 0);
}

/// A leaver who owns a group alone, cut off; gives the group.
fn cut(world: &World, roster: &mut Roster) -> String {
    night(world, "2026-03-02T02:00:00Z", roster);
    let leaver = id_of(world, "10020");
    let group = group_of(world, &leaver, CUT);
    roster.0.get_mut(&10_020).unwrap().active = false;
    night(world, CUT, roster);
    assert_eq!(world.users()["10020"]["accountEnabled"], false);
    group
}

fn waits() {
    let world = World::new();
    policy(&world, "");
    world.unproven();
    let mut roster = Roster::of(40);
    let group = cut(&world, &mut roster);
    let told = findings(&world, "only_owner");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["worker"], "10020");
    assert_eq!(told[0]["args"]["ids"], group);
    assert_eq!(told[0]["args"]["heir"], "10010", "{}", told[0]);
    // Nobody's name gets into evidence.
    assert!(!told[0].to_string().contains("Works council"));

    // It falls due, and waits with a reason; nothing else of the person does.
    let report = world.at(DUE, &["release"]).expect(3).last_json();
    assert!(!deleted(&world, "10020"));
    assert_eq!(
        report["counts"]["held_actions"],
        json!({"user.deleteSoft": 1})
    );
    let guards = report["guards"].as_array().unwrap();
    let guard = guards.iter().find(|it| it["name"] == "orphans").unwrap();
    assert_eq!(guard["tripped"], true);
    let explained = world
        .command(&[
            "explain",
            "10020",
            "-c",
            &world.config().display().to_string(),
            "--now",
            DUE,
        ])
        .expect(0);
    assert!(
        explained.out.contains("nobody else answers for 1 group"),
        "{}",
        explained.out
    );

    // Nobody asks the tenant again before the time for that has come.
    let before = world.files("log").len();
    world.at("2026-04-02T04:00:00Z", &["release"]);
    assert_eq!(world.files("log").len(), before);

    // Looked at again, it waits still.
    world.at("2026-04-03T04:00:00Z", &["release"]).expect(3);
    assert!(!deleted(&world, "10020"));

    // Somebody gives the group another owner: the next look lets it go by itself.
    let other = id_of(&world, "10005");
    let now = "2026-04-04T05:00:00Z";
    tenant(&world, now).put_owner(&group, &other).unwrap();
    world.at(now, &["release"]).expect(0);
    assert!(deleted(&world, "10020"));
    assert_eq!(tenant(&world, now).keepers(&group), [other]);
    verified(&world);
}

/// People who agree delete the account all the same.
fn let_go() {
    let world = World::new();
    policy(&world, "");
    world.edit("policy.toml", "[approvals]\n", "[approvals]\norphans = 1\n");
    let mut roster = Roster::of(40);
    cut(&world, &mut roster);
    world.at(DUE, &["release"]).expect(3);
    let status = world.at(DUE, &["status"]).json();
    let pending = &status["pending"][0];
    let (run, plan) = (pending["run"].as_str().unwrap(), &pending["plan_sha256"]);
    let approve = [
        "approve",
        run,
        "--plan",
        plan.as_str().unwrap(),
        "--guard",
        "orphans",
        "--reason",
        "the council is dissolved",
    ];
    world.at("2026-04-02T03:10:00Z", &approve).expect(0);
    world.at("2026-04-02T03:11:00Z", &["release"]).expect(0);
    assert!(deleted(&world, "10020"));
    verified(&world);
}

/// Groups, reports and guests of a manager go to theirs with the cut; the deletion waits for nothing.
fn assigned() {
    let world = World::new();
    policy(
        &world,
        "[succession]\ngroups = \"assign\"\nreports = \"assign\"\nguests = \"assign\"\napps = \
         \"assign\"\n",
    );
    let mut roster = Roster::of(40);
    roster.0.get_mut(&10_003).unwrap().manager = Some(10_002);
    roster.0.get_mut(&10_002).unwrap().manager = Some(10_001);
    night(&world, "2026-03-02T02:00:00Z", &roster);
    let leaver = id_of(&world, "10003");
    let group = group_of(&world, &leaver, CUT);
    let link = format!("https://graph.microsoft.com/v1.0/directoryObjects/{leaver}");
    let app = tenant(&world, CUT)
        .put_application(&json!({"owners@odata.bind": [link]}))
        .unwrap();
    let guest = json!({
        "accountEnabled": true, "displayName": "Guest", "mailNickname": "guest",
        "userPrincipalName": "guest@woodgrove.example", "employeeId": "guest-1",
    });
    let guest = tenant(&world, CUT).put_user(guest).unwrap();
    tenant(&world, CUT).put_sponsor(&guest, &leaver).unwrap();
    // The manager of the leaver leaves the same night: theirs takes over.
    for worker in [10_002, 10_003] {
        roster.0.get_mut(&worker).unwrap().active = false;
    }
    // HR has moved one of the three who report to them.
    roster.0.get_mut(&10_013).unwrap().manager = Some(10_009);
    let report = night(&world, CUT, &roster);
    let actions = &report["counts"]["actions"];
    assert_eq!(actions["owner.add"], 2, "{actions}");
    assert_eq!(actions["sponsor.add"], 1, "{actions}");
    let heir = id_of(&world, "10001");
    let keepers = |id: &str| -> BTreeSet<String> {
        let all = tenant(&world, CUT).keepers(id);
        all.into_iter().collect()
    };
    for (what, id) in [("group", &group), ("app", &app), ("guest", &guest)] {
        let expected = BTreeSet::from([heir.clone(), leaver.clone()]);
        assert_eq!(
            keepers(id),
            expected,
            "{what}: nobody was taken from their place"
        );
    }
    let manager = |worker: &str| world.tenant()[worker]["manager"].clone();
    assert_eq!(manager("10023"), "10001");
    assert_eq!(manager("10033"), "10001");
    assert_eq!(manager("10013"), "10009");
    // HR goes on naming the one who left: that is no new word.
    night(&world, "2026-03-04T02:00:00Z", &roster);
    assert_eq!(manager("10023"), "10001");

    world.at(DUE, &["release"]).expect(0);
    assert!(deleted(&world, "10003") && deleted(&world, "10002"));
    assert_eq!(keepers(&group), BTreeSet::from([heir]));
    verified(&world);
}

/// Who moves costs no question, and neither does a leaver between the cut and the deletion.
fn unasked() {
    let world = World::new();
    policy(&world, "");
    let mut roster = Roster::of(40);
    cut(&world, &mut roster);
    let asked = || -> usize {
        let files = world.files("values").into_iter();
        let files = files.filter(|(key, _)| key.ends_with("/tenant.jsonl"));
        let lines = files.map(|(_, bytes)| {
            let text = String::from_utf8(bytes).unwrap();
            text.lines()
                .filter(|it| it.starts_with("{\"estate\":"))
                .count()
        });
        lines.sum()
    };
    assert_eq!(asked(), 1, "the one who was cut off");
    roster.0.get_mut(&10_021).unwrap().department = "Elsewhere".to_owned();
    roster.0.get_mut(&10_020).unwrap().department = "Elsewhere".to_owned();
    night(&world, "2026-03-04T02:00:00Z", &roster);
    assert_eq!(asked(), 1);
}

/// What to do with accounts on the night of the cut itself.
fn at_once(world: &World, more: &str) {
    let text = format!("[leaver]\ndelete_days = 0\n{more}\n[gates]\n");
    world.edit("policy.toml", "[gates]\n", &text);
}

/// A night on which something is kept back.
fn held_night(world: &World, now: &str, roster: &Roster) -> Value {
    world.drop_file(&format!("w-{}.csv", &now[..10]), roster.csv());
    world.at(now, &["run"]).expect(3).last_json()
}

/// Two leave in one night who own a group together: neither is an owner for the other.
fn together() {
    let world = World::new();
    at_once(&world, "[succession]\nreports = \"off\"\n");
    let mut roster = Roster::of(40);
    night(&world, "2026-03-02T02:00:00Z", &roster);
    let leavers = ["10020", "10021"];
    let [one, other] = leavers.map(|it| id_of(&world, it));
    let group = group_of(&world, &one, CUT);
    tenant(&world, CUT).put_owner(&group, &other).unwrap();
    for worker in [10_020, 10_021] {
        roster.0.get_mut(&worker).unwrap().active = false;
    }
    held_night(&world, CUT, &roster);
    for worker in leavers {
        assert_eq!(world.users()[worker]["accountEnabled"], false, "{worker}");
        assert!(!deleted(&world, worker), "{worker}");
    }
    let told = findings(&world, "only_owner").into_iter();
    let told: BTreeSet<String> = told
        .map(|it| it["worker"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, leavers.map(str::to_owned).into());
    verified(&world);
}

/// HR moves the reports of a leaver in the night in which the account goes, and one of them is
/// protected: until that move is let go they still point at the leaver.
fn kept_back() {
    let world = World::new();
    at_once(&world, "");
    let mut roster = Roster::of(40);
    night(&world, "2026-03-02T02:00:00Z", &roster);
    world.edit("policy.toml", "workers = []", "workers = [\"10013\"]");
    for worker in [10_013, 10_023, 10_033] {
        roster.0.get_mut(&worker).unwrap().manager = Some(10_004);
    }
    roster.0.get_mut(&10_003).unwrap().active = false;
    held_night(&world, CUT, &roster);
    let manager = |worker: &str| world.tenant()[worker]["manager"].clone();
    assert_eq!(manager("10023"), "10004");
    assert_eq!(manager("10013"), "10003", "kept back");
    assert!(!deleted(&world, "10003"));
    // A day later one still points there.
    world.at("2026-03-04T03:00:00Z", &["release"]).expect(3);
    assert!(!deleted(&world, "10003"));
    let told = findings(&world, "only_owner");
    assert_eq!(told.last().unwrap()["args"]["count"], "1", "{told:?}");
    verified(&world);
}

/// One of the reports is the heir: the others get a new manager, and they themselves are named.
fn circle() {
    let world = World::new();
    policy(
        &world,
        "[succession]\nreports = \"assign\"\nheir = \"nobody\"\nfallback = \"10013\"\n",
    );
    let mut roster = Roster::of(40);
    night(&world, "2026-03-02T02:00:00Z", &roster);
    roster.0.get_mut(&10_003).unwrap().active = false;
    let report = night(&world, CUT, &roster);
    assert_eq!(report["counts"]["actions"]["report.handOver"], 2);
    let manager = |worker: &str| world.tenant()[worker]["manager"].clone();
    assert_eq!(manager("10023"), "10013");
    assert_eq!(manager("10033"), "10013");
    assert_eq!(manager("10013"), "10003");
    let told = findings(&world, "only_owner");
    let by_hand = told.iter().filter(|it| it["args"]["heir"].is_null());
    let by_hand: Vec<&Value> = by_hand.collect();
    assert_eq!(by_hand.len(), 1, "{told:?}");
    assert_eq!(by_hand[0]["args"]["ids"], id_of(&world, "10013"));
    verified(&world);
}

/// A protected person owns a group alone: who agrees to the cut of a protected person has said
/// nothing of the group.
fn protected() {
    let world = World::new();
    at_once(&world, "");
    let mut roster = Roster::of(40);
    night(&world, "2026-03-02T02:00:00Z", &roster);
    group_of(&world, &id_of(&world, "10020"), CUT);
    world.edit("policy.toml", "workers = []", "workers = [\"10020\"]");
    world.edit("policy.toml", "protected = 2", "protected = 1\norphans = 1");
    roster.0.get_mut(&10_020).unwrap().active = false;
    held_night(&world, CUT, &roster);
    assert_eq!(world.users()["10020"]["accountEnabled"], true);
    agree_to(&world, "protected", "2026-03-03T03:00:00Z");
    world.at("2026-03-03T03:01:00Z", &["apply"]).expect(3);
    assert_eq!(world.users()["10020"]["accountEnabled"], false);
    assert!(!deleted(&world, "10020"));
    agree_to(&world, "orphans", "2026-03-03T03:10:00Z");
    world.at("2026-03-03T03:11:00Z", &["apply"]).expect(0);
    assert!(deleted(&world, "10020"));
    verified(&world);
}

/// Looked at again, there is more: who read the older plan has not read that, and it is closed for
/// them, while what else waits in it stays open.
fn older() {
    let world = World::new();
    policy(&world, "");
    world.edit("policy.toml", "[approvals]\n", "[approvals]\norphans = 1\n");
    let mut roster = Roster::of(40);
    night(&world, "2026-03-02T02:00:00Z", &roster);
    let leaver = id_of(&world, "10020");
    group_of(&world, &leaver, CUT);
    for worker in [10_020, 10_021] {
        roster.0.get_mut(&worker).unwrap().active = false;
    }
    night(&world, CUT, &roster);
    world.edit("policy.toml", "workers = []", "workers = [\"10021\"]");
    let first = world.at(DUE, &["release"]).expect(3).last_json();
    let more = group_of(&world, &leaver, DUE);
    world.at("2026-04-03T04:00:00Z", &["release"]).expect(3);
    let status = world.at("2026-04-03T04:01:00Z", &["status"]).json();
    let all = status["pending"].as_array().unwrap();
    let old = all.iter().find(|it| it["run"] == first["run"]);
    let old = old.unwrap_or_else(|| panic!("{status}"));
    assert_eq!(old["guards"], json!(["protected"]));
    let approve = [
        "approve",
        old["run"].as_str().unwrap(),
        "--plan",
        old["plan_sha256"].as_str().unwrap(),
        "--guard",
        "orphans",
        "--reason",
        "the council is dissolved",
    ];
    let refused = world.at("2026-04-03T04:10:00Z", &approve).expect(2);
    assert!(refused.err.contains("looked again"), "{refused:?}");
    world.at("2026-04-03T04:11:00Z", &["apply"]);
    assert!(!deleted(&world, "10020"));
    let told = findings(&world, "only_owner");
    assert!(told.iter().any(|it| {
        let ids = it["args"]["ids"].as_str().unwrap();
        ids.contains(&more)
    }));
    agree_to(&world, "orphans", "2026-04-03T04:20:00Z");
    world.at("2026-04-03T04:21:00Z", &["apply"]);
    assert!(deleted(&world, "10020") && !deleted(&world, "10021"));
    verified(&world);
}

/// Agrees to a guard of the oldest plan that waits for it.
fn agree_to(world: &World, guard: &str, now: &str) {
    let status = world.at(now, &["status"]).json();
    let all = status["pending"].as_array().unwrap().iter();
    let waits = |it: &&Value| it["guards"].as_array().unwrap().contains(&json!(guard));
    let pending = all.clone().find(waits);
    let pending = pending.unwrap_or_else(|| panic!("{status}"));
    let text = |name: &str| pending[name].as_str().unwrap();
    let (run, plan) = (text("run"), text("plan_sha256"));
    let args = [
        "approve",
        run,
        "--plan",
        plan,
        "--guard",
        guard,
        "--reason",
        "it is right",
    ];
    world.at(now, &args).expect(0);
}
