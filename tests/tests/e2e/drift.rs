//! What others change in the tenant is seen, though HR says nothing new.

use libtest_mimic::Trial;
use rollcall_http::Clock;
use serde_json::{Value, json};

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "drift::who_is_let_in_again_is_cut_off_by_the_next_release",
            let_in,
        ),
        trial("drift::a_forgotten_link_hides_nobody", forgotten),
        trial("drift::what_others_did_is_told_once", told),
        trial("drift::a_parked_delivery_hides_nothing", parked),
        trial("drift::what_we_did_ourselves_is_no_news", ours),
    ]
}

const JOINED: &str = "2026-03-14T02:00:00Z";
const CUT: &str = "2026-03-15T02:00:00Z";

/// Forty people, of whom 10004 has left.
fn world() -> (World, Roster) {
    let world = World::new();
    world.unproven();
    world.edit(
        "policy.toml",
        "max_source_age_h = 36",
        "max_source_age_h = 9000",
    );
    let mut roster = Roster::of(40);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at(JOINED, &["run"]).expect(0);
    roster.0.get_mut(&10_004).unwrap().active = false;
    world.drop_file("b-2026-03-15.csv", roster.csv());
    world.at(CUT, &["run"]).expect(0);
    assert_eq!(world.users()["10004"]["accountEnabled"], false);
    (world, roster)
}

/// Somebody in the admin centre does something to a worker's account.
fn by_hand(world: &World, now: &str, worker: &str, properties: &Value) {
    let user = world.users()[worker]["id"].as_str().unwrap().to_owned();
    let tenant = world.simulated_tenant(Clock::starting_at(now.parse().unwrap()));
    tenant.change_user(&user, properties).unwrap();
}

/// Operations of a report on a worker's account, ascending.
fn ops(report: &Value, worker: &str) -> Vec<String> {
    let changes = report["changes"].as_array().unwrap().iter();
    let theirs = changes.filter(|it| it["worker"] == worker || it["person"] == worker);
    let mut ops: Vec<String> = theirs
        .map(|it| it["op"].as_str().unwrap().to_owned())
        .collect();
    ops.sort();
    ops
}

/// Kinds of the findings about a worker.
fn found(report: &Value, worker: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let theirs = findings.filter(|it| it["worker"] == worker);
    theirs
        .map(|it| it["kind"].as_str().unwrap().to_owned())
        .collect()
}

fn verified(world: &World, now: &str) {
    let said = world.at(now, &["verify"]).expect(0).json();
    assert_eq!(said["problems"], json!([]));
    assert_eq!(said["plans_not_replayed"], 0);
}

fn let_in() {
    let (world, _) = world();
    assert_eq!(
        world.at("2026-03-15T03:00:00Z", &["release"]).expect(0).out,
        ""
    );
    let enabled = json!({"accountEnabled": true});
    by_hand(&world, "2026-03-15T08:00:00Z", "10004", &enabled);
    let report = world
        .at("2026-03-15T08:05:00Z", &["release"])
        .expect(0)
        .last_json();
    assert_eq!(world.users()["10004"]["accountEnabled"], false, "{report}");
    assert!(
        ops(&report, "10004").contains(&"user.disable".to_owned()),
        "{report}"
    );
    assert_eq!(
        world.at("2026-03-15T08:10:00Z", &["release"]).expect(0).out,
        "",
        "once is enough"
    );
    // Nobody hides them by what is changed beside it.
    by_hand(&world, "2026-03-15T09:00:00Z", "10004", &enabled);
    let more = json!({"department": "Elsewhere"});
    by_hand(&world, "2026-03-15T09:01:00Z", "10004", &more);
    world.at("2026-03-15T09:05:00Z", &["release"]).expect(0);
    assert_eq!(world.users()["10004"]["accountEnabled"], false);
    verified(&world, "2026-03-15T10:00:00Z");
}

/// The tenant knows for a week what changed.
fn forgotten() {
    let (world, roster) = world();
    by_hand(
        &world,
        "2026-03-16T08:00:00Z",
        "10004",
        &json!({"accountEnabled": true}),
    );
    // A release does not read everybody: what is due must not wait for that.
    world.at("2026-03-25T08:05:00Z", &["release"]).expect(0);
    assert_eq!(world.users()["10004"]["accountEnabled"], true);
    world.drop_file("c-2026-03-25.csv", format!("{}\n", roster.csv()));
    world.at("2026-03-25T08:06:00Z", &["run"]).expect(0);
    assert_eq!(world.users()["10004"]["accountEnabled"], false);
    // From then on it is the changes again.
    let calls = |now| {
        let (ran, _, calls) = world.counted(now, &["release"]);
        ran.expect(0);
        calls
    };
    let (one, two) = (calls("2026-03-25T08:10:00Z"), calls("2026-03-25T08:15:00Z"));
    assert_eq!((one, two), (2, 2), "a token, and one question");
    verified(&world, "2026-03-25T10:00:00Z");
}

fn told() {
    let (world, roster) = world();
    let now = "2026-03-15T08:00:00Z";
    by_hand(&world, now, "10007", &json!({"accountEnabled": false}));
    by_hand(&world, now, "10009", &json!({"employeeId": null}));
    let tenant = world.simulated_tenant(Clock::starting_at(now.parse().unwrap()));
    let mut users = tenant.users().into_iter();
    let other = users.find(|it| it["employeeId"] == "10011").unwrap();
    tenant.delete_user(other["id"].as_str().unwrap()).unwrap();
    drop(tenant);
    // None of that is undone behind the back of whoever did it.
    assert_eq!(
        world.at("2026-03-15T08:05:00Z", &["release"]).expect(0).out,
        ""
    );
    world.drop_file("c-2026-03-16.csv", format!("{}\n", roster.csv()));
    let report = world
        .at("2026-03-16T02:00:00Z", &["run"])
        .expect(1)
        .last_json();
    assert_eq!(
        found(&report, "10007"),
        ["account_disabled_elsewhere"],
        "{report}"
    );
    assert_eq!(found(&report, "10011"), ["account_gone"], "{report}");
    assert_eq!(ops(&report, "10009"), ["user.update"], "{report}");
    assert_eq!(ops(&report, "10007"), Vec::<String>::new());
    world.drop_file("d-2026-03-17.csv", format!("{}\n\n", roster.csv()));
    let next = world.at("2026-03-17T02:00:00Z", &["run"]).last_json();
    assert_eq!(found(&next, "10007"), Vec::<String>::new(), "{next}");
    assert_eq!(world.users()["10009"]["accountEnabled"], true);
    verified(&world, "2026-03-17T10:00:00Z");
}

/// Nothing of a parked delivery is carried out: what it would have told is told by the next one.
fn parked() {
    let (world, roster) = world();
    by_hand(
        &world,
        "2026-03-15T08:00:00Z",
        "10007",
        &json!({"accountEnabled": false}),
    );
    let mut few = roster.clone();
    few.0.retain(|key, _| *key < 10_010);
    world.drop_file("c-2026-03-16.csv", few.csv());
    world.at("2026-03-16T02:00:00Z", &["run"]).expect(3);
    world.drop_file("d-2026-03-17.csv", format!("{}\n", roster.csv()));
    let report = world.at("2026-03-17T02:00:00Z", &["run"]).last_json();
    assert_eq!(
        found(&report, "10007"),
        ["account_disabled_elsewhere"],
        "{report}"
    );
}

/// Nobody is looked at twice because of what Rollcall itself did the night before.
fn ours() {
    let (world, roster) = world();
    world.drop_file("c-2026-03-16.csv", format!("{}\n", roster.csv()));
    let night = world
        .at("2026-03-16T02:00:00Z", &["run"])
        .expect(0)
        .last_json();
    assert_eq!(night["counts"]["unchanged"], 40, "{night}");
}
