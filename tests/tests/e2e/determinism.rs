//! P2: the same inputs and the same `now` give the same bytes.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "determinism::the_same_inputs_give_the_same_bytes",
            same_bytes,
        ),
        trial("determinism::shuffled_rows_keep_the_actions", shuffled),
    ]
}

const NOW: &str = "2026-03-16T10:00:00Z";

fn planned(world: &World, csv: &str, env: &[(&str, &str)]) -> (Vec<u8>, Value) {
    world.drop_file("export.csv", csv);
    let args = world.full(NOW, &["plan"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = world
        .prepared(&args)
        .envs(env.iter().copied())
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let summary = serde_json::from_slice(&world.run_file("plan.json")).unwrap();
    (world.run_file("plan.jsonl"), summary)
}

fn same_bytes() {
    let csv = Roster::of(300).csv();
    let (first, summary) = planned(&World::new(), &csv, &[]);
    assert!(first.len() > 100_000);
    for env in [
        [("TZ", "Asia/Tokyo"), ("LANG", "tr_TR.UTF-8")],
        [("TZ", "America/Lima"), ("TOKIO_WORKER_THREADS", "1")],
    ] {
        let world = World::new();
        let (again, other) = planned(&world, &csv, &env);
        assert_eq!(first, again, "{env:?}");
        assert_eq!(summary, other, "{env:?}");
        // Planning again shows the stored plan and makes no other.
        let shown = world.at(NOW, &["plan"]).expect(0).json();
        assert_eq!(shown["plan"], summary);
        assert_eq!(world.run_file("plan.jsonl"), first);
    }
}

fn shuffled() {
    let roster = Roster::of(300);
    let keys: Vec<u32> = roster.0.keys().copied().collect();
    let (plan, summary) = planned(&World::new(), &roster.csv_of(&keys), &[]);
    let mut seed = 7_u64;
    for round in 0..3 {
        let mut mixed = keys.clone();
        for at in (1..mixed.len()).rev() {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            mixed.swap(at, usize::try_from((seed >> 33) % (at as u64 + 1)).unwrap());
        }
        let (other_plan, other) = planned(&World::new(), &roster.csv_of(&mixed), &[]);
        assert_ne!(
            plan, other_plan,
            "rows are named in the plan, round {round}"
        );
        assert_eq!(
            summary["actions_sha256"], other["actions_sha256"],
            "round {round}"
        );
        assert_ne!(
            summary["plan_sha256"], other["plan_sha256"],
            "round {round}"
        );
    }
}
