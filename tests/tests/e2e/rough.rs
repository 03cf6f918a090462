//! A tenant that fails a fifth of all calls: throttling with Retry-After, outages, resets before
//! and after the write.

use libtest_mimic::Trial;

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial(
        "rough::a_fifth_of_all_calls_fails_and_nothing_is_lost_or_doubled",
        rough,
    )]
}

fn two_nights(fault_share: f64) -> World {
    let world = World::new();
    if fault_share > 0.0 {
        let more = format!(
            "verified_domains = [\"woodgrove.example\"]\nfault_share = {fault_share}\nfault_seed = 11"
        );
        world.edit(
            "rollcall.toml",
            "verified_domains = [\"woodgrove.example\"]",
            &more,
        );
    }
    let mut roster = Roster::of(150);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    roster
        .0
        .values_mut()
        .skip(20)
        .take(20)
        .for_each(|r| r.department = "Moved".to_owned());
    roster
        .0
        .values_mut()
        .skip(50)
        .take(5)
        .for_each(|r| r.active = false);
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(0).json();
    assert_eq!(report["outcomes"]["failed"], 0);
    world
}

fn rough() {
    let calm = two_nights(0.0);
    let rough = two_nights(0.2);
    assert_eq!(calm.tenant(), rough.tenant());
    assert_eq!(rough.users().len(), 150);
    let early = |world: &World| {
        let report: serde_json::Value = serde_json::from_slice(
            &world
                .files("runs")
                .into_iter()
                .find(|(k, _)| k.ends_with("report.json"))
                .unwrap()
                .1,
        )
        .unwrap();
        report["target"].clone()
    };
    let usage = early(&rough);
    assert!(usage.to_string().contains("throttled"), "{usage}");
}
