//! Chaos on the deployed functions: killed in the middle, called twice at once, handed the same messages
//! twice, their conditional writes' answers lost. Whatever the schedule, the tenant ends as after one
//! clean run on one machine, and every message is accounted for.

use rollcall_pipeline::log;
use rollcall_pipeline::queue::{Lane, Queue as _};
use rollcall_play::chance::Random;
use rollcall_tests::tenant::users;
use serde_json::{Value, json};

use crate::end_to_end::nights;
use crate::functions::{Deployment, Ended};
use crate::gate::Trap;

/// What the schedules came across, so that none of it is only imagined.
#[derive(Debug, Default)]
struct Seen {
    killed: u32,
    lost: u32,
    errors: u32,
    twice: u32,
    expired: u32,
}

fn trap(random: &mut Random, seen: &mut Seen) -> fn(u32) -> Trap {
    match random.below(3) {
        0 => Trap::KillBefore,
        1 => Trap::KillAfter,
        _ => {
            seen.lost += 1;
            |_| Trap::LoseAnswer
        }
    }
}

async fn step(place: &Deployment, function: &str, random: &mut Random, seen: &mut Seen) {
    let ended = match random.below(3) {
        0 => {
            seen.twice += 1;
            let (one, two) = tokio::join!(
                place.invoke(function, 0, json!({})),
                place.invoke(function, 1, json!({}))
            );
            count(&one, seen);
            two
        }
        1 => {
            let trap = trap(random, seen);
            place
                .trapped(function, json!({}), (1 + random.below(25), ""), trap)
                .await
        }
        _ => place.invoke(function, 0, json!({})).await,
    };
    count(&ended, seen);
}

fn count(ended: &Ended, seen: &mut Seen) {
    match ended {
        Ended::Answer(_) => {}
        Ended::Killed => seen.killed += 1,
        Ended::Error(error) => {
            // A fault of the store, and nothing else: never a panic, never a refusal.
            let kind = error["errorType"].as_str().unwrap();
            assert!(matches!(kind, "Run" | "Store" | "Queue"), "{error}");
            seen.errors += 1;
        }
    }
}

async fn batch(place: &Deployment, random: &mut Random, seen: &mut Seen) {
    let (lane, function) = if random.below(3) == 0 {
        (Lane::Urgent, "apply-urgent")
    } else {
        (Lane::Bulk, "apply-bulk")
    };
    let most = 2 + random.below(9) as usize;
    let batch = place.receive(lane, most).await;
    if batch.is_empty() {
        return;
    }
    let event = place.event(lane, &batch);
    let ended = match random.below(5) {
        0 => {
            let trap = trap(random, seen);
            place
                .trapped(function, event, (1 + random.below(60), ""), trap)
                .await
        }
        1 => {
            // The same batch to two at once.
            seen.twice += 1;
            let (one, two) = tokio::join!(
                place.invoke(function, 0, event.clone()),
                place.invoke(function, 1, event)
            );
            count(&one, seen);
            two
        }
        2 => {
            // Its visibility runs out while it is worked on: somebody else is handed it too.
            seen.expired += 1;
            let queue = place.queue();
            for delivery in &batch {
                queue
                    .extend(lane, &delivery.receipt, std::time::Duration::ZERO)
                    .await
                    .unwrap();
            }
            let again = place.receive(lane, 10).await;
            let other = place.event(lane, &again);
            let (one, two) = tokio::join!(
                place.invoke(function, 0, event),
                place.invoke(function, 1, other)
            );
            count(&two, seen);
            place.settle(lane, &again, &two).await;
            one
        }
        _ => place.invoke(function, 0, event).await,
    };
    count(&ended, seen);
    place.settle(lane, &batch, &ended).await;
}

async fn play(
    seed: u64,
    seen: &mut Seen,
) -> (std::collections::BTreeMap<String, Value>, Vec<Value>) {
    let mut random = Random::new(seed);
    let place = Deployment::new(&format!("s{seed}")).await.unhurried();
    for (name, text) in nights() {
        place.drop_file(&name, &text);
        for steps in 0.. {
            assert!(steps < 400, "seed {seed}: it does not end");
            match random.below(8) {
                0 => step(&place, "pull", &mut random, seen).await,
                1 => step(&place, "plan", &mut random, seen).await,
                2 => step(&place, "release", &mut random, seen).await,
                3 => step(&place, "report", &mut random, seen).await,
                _ => {
                    batch(&place, &mut random, seen).await;
                    continue;
                }
            }
            let head = log::head(&place.store).await.unwrap();
            let inbox = place.store.list("inbox").await.unwrap();
            if inbox.is_empty() && head.generation > 0 && head.standing.open.is_empty() {
                break;
            }
        }
    }
    // What is left in the lanes belongs to runs that are over: taken, and nothing happens.
    let before = users(&place.tenant);
    let queue = place.queue();
    for _ in 0..100 {
        if place.feed().await == 0 {
            break;
        }
    }
    assert_eq!(
        users(&place.tenant),
        before,
        "seed {seed}: a late message did something"
    );
    for lane in [Lane::Urgent, Lane::Bulk] {
        assert_eq!(
            queue.depth(lane).await.unwrap(),
            0,
            "seed {seed}: a message is lost"
        );
        assert_eq!(queue.dead_letters(lane).await.unwrap(), [], "seed {seed}");
    }
    assert_eq!(place.gate.refused(), [] as [&str; 0], "seed {seed}");
    let config = place.dir().join("rollcall.toml").display().to_string();
    crate::cli::rollcall(&["verify", "-c", &config], 0);
    let mut plans = Vec::new();
    let head = log::head(&place.store).await.unwrap();
    for generation in 1..=head.generation {
        let (entry, _) = log::entry(&place.store, generation).await.unwrap();
        if let log::Event::Plan(planned) = entry.event {
            plans.push(json!(planned.plan_sha256));
        }
    }
    (before, plans)
}

/// One half of `ROLLCALL_SEEDS` schedules (40; 500 by `tests/run --long`): two halves go on at once.
pub(crate) async fn any_schedule_ends_in_the_same_tenant(half: u64) {
    let seeds = std::env::var("ROLLCALL_SEEDS").ok();
    let seeds: u64 = seeds.and_then(|s| s.parse().ok()).unwrap_or(40);
    let mut seen = Seen::default();
    let mut first = None;
    for seed in (half..seeds).step_by(2) {
        let (users, plans) = Box::pin(play(seed, &mut seen)).await;
        assert!(plans.len() >= 2, "seed {seed}");
        assert_eq!(users.len(), 14, "seed {seed}");
        assert_eq!(users["105"]["accountEnabled"], false, "seed {seed}");
        let first = first.get_or_insert_with(|| users.clone());
        assert_eq!(users, *first, "seed {seed}");
    }
    eprintln!("half of {seeds} schedules: {seen:?}");
    assert!(
        seen.killed > 0 && seen.lost > 0 && seen.twice > 0 && seen.expired > 0,
        "{seen:?}"
    );
}
