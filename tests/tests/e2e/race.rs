//! Two runs started at once: one wins, the other starts over, nothing is doubled.

use std::process::Stdio;

use libtest_mimic::Trial;

use crate::trial;
use crate::world::{Ran, Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("race::two_runs_at_once", two_runs)]
}

fn two_runs() {
    let clean = World::new();
    let roster = Roster::of(200);
    clean.drop_file("a-2026-03-14.csv", roster.csv());
    clean.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    for _ in 0..4 {
        let world = World::new();
        world.drop_file("a-2026-03-14.csv", roster.csv());
        let args = world.full("2026-03-14T02:00:00Z", &["run"]);
        let start = || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            world
                .prepared(&args)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let (first, second) = (start(), start());
        for child in [first, second] {
            let ran: Ran = child.wait_with_output().unwrap().into();
            assert_eq!(ran.code, Some(0), "{ran:?}");
        }
        assert_eq!(world.tenant(), clean.tenant());
        let intakes = world
            .files("log")
            .values()
            .filter(|b| String::from_utf8_lossy(b).contains("\"kind\": \"intake\""))
            .count();
        assert_eq!(intakes, 1, "one delivery was taken once");
        world.at("2026-03-14T03:00:00Z", &["verify"]).expect(0);
    }
}
