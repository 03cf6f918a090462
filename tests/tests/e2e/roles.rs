//! What a leaver may do in the directory and in applications goes with the cut.

use libtest_mimic::Trial;
use rollcall_http::Clock;
use serde_json::{Value, json};

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("roles::they_go_with_the_cut", cut),
        trial("roles::they_come_back_with_consent", back),
        trial("roles::killed_anywhere_they_are_gone", killed),
    ]
}

const CUT: &str = "2026-03-03T02:00:00Z";

fn world() -> (World, Roster) {
    let world = World::new();
    world.edit(
        "policy.toml",
        "[gates]\n",
        "[leaver]\nroles = true\n[gates]\n",
    );
    world.unproven();
    let roster = Roster::of(30);
    world.drop_file("a-2026-03-02.csv", roster.csv());
    world.at("2026-03-02T02:00:00Z", &["run"]).expect(0);
    let now = "2026-03-02T08:00:00Z".parse().unwrap();
    let tenant = world.simulated_tenant(Clock::starting_at(now));
    let id = |worker: &str| world.users()[worker]["id"].as_str().unwrap().to_owned();
    let (leaver, other) = (id("10015"), id("10016"));
    let unit = "/administrativeUnits/5f3a09c1-0000-4000-8000-000000000001";
    for (role, scope, eligible) in [
        ("User Administrator", "/", false),
        ("Helpdesk Administrator", unit, false),
        ("Security Reader", "/", true),
    ] {
        tenant.put_role(&leaver, role, scope, eligible).unwrap();
    }
    tenant
        .put_role(&other, "User Administrator", "/", false)
        .unwrap();
    tenant.put_app_role(&leaver, "Payroll").unwrap();
    tenant.put_app_role(&other, "Payroll").unwrap();
    (world, roster)
}

/// Roles and applications of somebody.
fn has(world: &World, worker: &str) -> (usize, usize) {
    let user = &world.tenant()[worker];
    let count = |name: &str| user[name].as_array().map_or(0, Vec::len);
    (count("roles"), count("appRoles"))
}

fn leaves(world: &World, roster: &mut Roster) {
    roster.0.get_mut(&10_015).unwrap().active = false;
    world.drop_file("b-2026-03-03.csv", roster.csv());
}

fn ops(report: &Value) -> Vec<&str> {
    let changes = report["changes"].as_array().unwrap();
    changes
        .iter()
        .map(|it| it["op"].as_str().unwrap())
        .collect()
}

fn cut() {
    let (world, mut roster) = world();
    assert_eq!(
        (has(&world, "10015"), has(&world, "10016")),
        ((3, 1), (1, 1))
    );
    leaves(&world, &mut roster);
    let report = world.at(CUT, &["run"]).expect(0).last_json();
    assert_eq!(
        ops(&report),
        [
            "user.disable",
            "user.revokeSessions",
            "role.remove",
            "role.remove",
            "role.remove",
            "appRole.remove"
        ]
    );
    assert_eq!(report["outcomes"]["done"], 6, "{report}");
    assert_eq!(
        (has(&world, "10015"), has(&world, "10016")),
        ((0, 0), (1, 1))
    );
    // Nothing is left to do, and the plan comes out again from what was answered then.
    let report = world.at("2026-03-03T08:00:00Z", &["release"]).expect(0);
    assert!(!report.out.contains("role.remove"), "{}", report.out);
    let said = world
        .at("2026-03-03T09:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(said["problems"], json!([]));
    assert_eq!(said["plans_not_replayed"], 0);
}

/// Taken back: nobody gets a role back without somebody who agrees.
fn back() {
    let (world, mut roster) = world();
    leaves(&world, &mut roster);
    let report = world.at(CUT, &["run"]).expect(0).last_json();
    let run = report["run"].as_str().unwrap();
    let undo = world.at("2026-03-03T08:00:00Z", &["undo", run]).expect(3);
    let lines: Vec<Value> = undo
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let plan = lines.last().unwrap()["plan"].clone();
    let (undo, plan) = (
        lines[0]["run"].as_str().unwrap(),
        plan["plan_sha256"].as_str().unwrap(),
    );
    let agree = |guard: &str, now: &str| {
        let args = [
            "approve", undo, "--plan", plan, "--guard", guard, "--reason", "he stays",
        ];
        world.at(now, &args).expect(0);
        world.at(now, &["apply"]);
    };
    agree("undo", "2026-03-03T08:10:00Z");
    assert_eq!(world.users()["10015"]["accountEnabled"], true);
    assert_eq!(
        has(&world, "10015"),
        (0, 0),
        "roles are asked about by themselves"
    );
    agree("restores", "2026-03-03T08:20:00Z");
    assert_eq!(has(&world, "10015").0, 3);
    let roles = world.tenant()["10015"]["roles"].clone();
    let unit =
        "Helpdesk Administrator at /administrativeUnits/5f3a09c1-0000-4000-8000-000000000001";
    assert_eq!(
        roles,
        json!([unit, "Security Reader (eligible)", "User Administrator"]),
        "each at its scope, and on request what was on request"
    );
    let said = world
        .at("2026-03-03T09:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(said["problems"], json!([]));
}

fn killed() {
    let (clean, mut roster) = world();
    leaves(&clean, &mut roster);
    let (ran, _, calls) = clean.counted(CUT, &["run"]);
    assert!(calls >= 12, "{calls}: {ran:?}");
    for n in 1..=calls {
        let (world, mut roster) = world();
        leaves(&world, &mut roster);
        let died = world.may_die(CUT, &["run"], &format!("called:{n}"));
        assert!(died || n > calls - 2, "call {n} of {calls}");
        world.at("2026-03-03T02:05:00Z", &["run"]);
        assert_eq!(has(&world, "10015"), (0, 0), "killed after call {n}");
        assert_eq!(has(&world, "10016"), (1, 1), "killed after call {n}");
        assert_eq!(world.users()["10015"]["accountEnabled"], false);
    }
}
