//! SIGKILL at seeded points, then the same command again: the tenant ends as after a clean run.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::Trial;
use rollcall_http::Clock;
use rollcall_tests::tenant::{GROUPS, memberships};

use crate::groups::define;
use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("kill::fifty_points_end_in_the_same_tenant", fifty_points),
        trial("kill::an_approval_can_be_given_again", approval),
    ]
}

const FIRST: &str = "2026-03-14T02:00:00Z";
const SECOND: &str = "2026-03-15T02:00:00Z";

fn rosters() -> (String, String) {
    let mut roster = Roster::of(90);
    let first = roster.csv();
    roster
        .0
        .values_mut()
        .skip(20)
        .take(12)
        .for_each(|r| r.department = "Moved".to_owned());
    roster
        .0
        .values_mut()
        .skip(40)
        .take(4)
        .for_each(|r| r.active = false);
    roster
        .0
        .values_mut()
        .skip(60)
        .take(6)
        .for_each(|r| r.manager = Some(10_002));
    let extra = Roster::of(94);
    for key in 10_091..=10_094 {
        roster.0.insert(key, extra.0[&key].clone());
    }
    (first, roster.csv())
}

/// Store writes and calls of a night.
fn counted(world: &World, now: &str) -> (u64, u64) {
    let (ran, writes, calls) = world.counted(now, &["run"]);
    ran.expect(0);
    (writes, calls)
}

/// Groups are made, people come into them and go out of them, and licences are given.
fn with_groups() -> World {
    let world = World::new();
    define(&world, GROUPS);
    world.edit(
        "rollcall.toml",
        "[target.rehearsal]\n",
        "[target.rehearsal]\nseats = { SPE_E3 = 200, VISIOCLIENT = 200 }\n",
    );
    world.edit(
        "policy.toml",
        "[budgets.disables]",
        "[budgets.removals]\ncount = 50\n\n[budgets.disables]",
    );
    world
}

fn groups(world: &World) -> BTreeMap<String, BTreeSet<String>> {
    memberships(&world.simulated_tenant(Clock::starting_at(SECOND.parse().unwrap())))
}

fn fifty_points() {
    let (first, second) = rosters();
    let clean = with_groups();
    clean.drop_file("a-2026-03-14.csv", &first);
    let night_one = counted(&clean, FIRST);
    clean.drop_file("b-2026-03-15.csv", &second);
    let night_two = counted(&clean, SECOND);
    let expected = (clean.tenant(), groups(&clean));
    assert_eq!(expected.1["moved"].len(), 12);
    assert_eq!(expected.1["others"].len(), 78);
    assert!(
        night_one.0 > 10 && night_one.1 > 200 && night_two.1 > 40,
        "{night_one:?} {night_two:?}"
    );

    let seeds: u64 = std::env::var("ROLLCALL_SEEDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(50);
    let mut random = 20_260_316_u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for seed in 0..seeds {
        let second_night = seed % 2 == 1;
        let (writes, calls) = if second_night { night_two } else { night_one };
        let point = match (seed / 2) % 4 {
            0 => format!("store:{}", 1 + next(writes)),
            1 => format!("stored:{}", 1 + next(writes)),
            // How many are added to a group by one call is a matter of timing: not the last ones.
            2 => format!("call:{}", 1 + next(calls * 4 / 5)),
            _ => format!("called:{}", 1 + next(calls * 4 / 5)),
        };
        let world = with_groups();
        world.drop_file("a-2026-03-14.csv", &first);
        if second_night {
            world.at(FIRST, &["run"]).expect(0);
            world.drop_file("b-2026-03-15.csv", &second);
        }
        let now = if second_night { SECOND } else { FIRST };
        world.dies(now, &["run"], &point);
        world.at(now, &["run"]).expect(0);
        if !second_night {
            world.drop_file("b-2026-03-15.csv", &second);
            world.at(SECOND, &["run"]).expect(0);
        }
        // World::users() also fails when a worker has two accounts.
        assert_eq!(
            (world.tenant(), groups(&world)),
            expected,
            "seed {seed}, killed at {point}, {now}"
        );
        let verified = world.at(SECOND, &["verify"]);
        assert_eq!(
            verified.code,
            Some(0),
            "seed {seed}, killed at {point}, {now}: {}",
            verified.err
        );
    }
}

/// Killed between the record of an approval and its commit: the same person can agree again, and
/// agreed once.
fn approval() {
    let mut roster = Roster::of(60);
    let first = roster.csv();
    roster.0.retain(|key, _| key % 2 == 0);
    roster.0.get_mut(&10_004).unwrap().department = "Moved".to_owned();
    for (point, again) in [
        ("store:1", 0),
        ("stored:1", 0),
        ("store:2", 0),
        ("stored:2", 2),
    ] {
        let world = World::new();
        world.drop_file("a-2026-03-14.csv", &first);
        world.at(FIRST, &["run"]).expect(0);
        world.drop_file("b-2026-03-15.csv", roster.csv());
        let report = world.at(SECOND, &["run"]).expect(3).json();
        let (run, plan) = (&report["run"], &report["plan_sha256"]);
        let (run, plan) = (run.as_str().unwrap(), plan.as_str().unwrap());
        let approve = ["approve", run, "--plan", plan, "--reason", "checked"];
        world.dies(SECOND, &approve, point);
        world.at(SECOND, &approve).expect(again);
        world.at(SECOND, &["apply"]).expect(0);
        assert_eq!(world.users()["10004"]["department"], "Moved", "{point}");
        world.at(SECOND, &["verify"]).expect(0);
    }
}
