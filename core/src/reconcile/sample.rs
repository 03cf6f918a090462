//! Samples that anybody can draw again.
//!
//! Each event of the population has a rank: HMAC-SHA256, keyed with the seed, over
//! `kind LF person LF run`; the first N of each kind by rank, as lower-case hexadecimal, are the sample.
//! Invariant: the order of the population and what else is in it change nothing but who is there.

use super::controls::{Event, EventKind};
use crate::digest::{hex, hmac_sha256};
use crate::report::cell;

/// The columns of `population.csv`; `sample.csv` has `rank` in front.
pub const EVENT_HEADER: &str = "kind,person,run,due_utc,done_utc\r\n";

fn rank(event: &Event, seed: &str) -> String {
    let message = format!("{}\n{}\n{}", event.kind.name(), event.person, event.run);
    hex(&hmac_sha256(seed.as_bytes(), message.as_bytes()))
}

/// The first `most` of each kind with their ranks, by kind and rank.
pub fn sample<'a>(events: &'a [Event], most: usize, seed: &str) -> Vec<(String, &'a Event)> {
    let mut out = Vec::new();
    for kind in [EventKind::Joiner, EventKind::Mover, EventKind::Leaver] {
        let of = events.iter().filter(|it| it.kind == kind);
        let mut ranked: Vec<(String, &Event)> = of.map(|it| (rank(it, seed), it)).collect();
        ranked.sort_by(|a, b| a.0.cmp(&b.0));
        ranked.truncate(most);
        out.extend(ranked);
    }
    out
}

/// Appends one event, line end (CRLF) included.
pub fn event_line(event: &Event, out: &mut String) {
    out.push_str(event.kind.name());
    for text in [event.person.as_str(), event.run.as_str()] {
        out.push(',');
        cell(text, out);
    }
    out.push(',');
    out.push_str(&event.due.to_string());
    out.push(',');
    if let Some(done) = event.done {
        out.push_str(&done.to_string());
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PersonKey, RunId};
    use jiff::Timestamp;

    fn events(count: u32) -> Vec<Event> {
        let of = |n: u32| Event {
            kind: if n.is_multiple_of(2) {
                EventKind::Leaver
            } else {
                EventKind::Joiner
            },
            person: PersonKey::new(n.to_string()),
            run: RunId::new("20260316T020000Z-00000000"),
            due: Timestamp::UNIX_EPOCH,
            done: None,
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_people() {
        let all = events(100);
        let drawn = sample(&all, 5, "2026-Q1");
        assert_eq!(drawn.len(), 10);
        let mut backwards = all.clone();
        backwards.reverse();
        assert_eq!(sample(&backwards, 5, "2026-Q1"), drawn);
        assert_ne!(sample(&all, 5, "2026-Q2"), drawn);
        // Whoever is drawn of all is drawn of fewer, too, as long as they are there.
        let fewer: Vec<Event> = drawn.iter().map(|(_, it)| (*it).clone()).collect();
        assert_eq!(sample(&fewer, 5, "2026-Q1"), drawn);
    }

    /// As `printf 'leaver\n7\nr' | openssl dgst -sha256 -hmac seed` says.
    #[test]
    fn a_rank_is_what_other_tools_compute() {
        let event = Event {
            kind: EventKind::Leaver,
            person: PersonKey::new("7"),
            run: RunId::new("r"),
            due: Timestamp::UNIX_EPOCH,
            done: None,
        };
        assert_eq!(
            rank(&event, "seed"),
            "1ff41905f87f1da165b39e99de84316d5c3db85536466bdb869f5707f0ae2697"
        );
    }
}
