//! Who comes before their Retry-After is over.
//!
//! Invariant: a call counts as early only if it arrived after the answer that told to wait;
//! what was on its way by then could not know.

use jiff::{SignedDuration, Timestamp};

use crate::throttle::{Cost, Covers, Service};

#[derive(Debug)]
struct Notice {
    covers: Covers,
    given: Timestamp,
    until: Timestamp,
}

/// The waits that have been asked for and are not over.
#[derive(Debug, Default)]
pub(crate) struct Early(Vec<Notice>);

impl Early {
    /// A wait of so many seconds was asked for now.
    pub(crate) fn told(&mut self, covers: Covers, seconds: f64, now: Timestamp) {
        let wait = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::ZERO);
        let until = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        self.0.retain(|notice| notice.until > now);
        self.0.push(Notice {
            covers,
            given: now,
            until,
        });
    }

    /// Whether a call that arrived then should still have waited.
    pub(crate) fn is(&self, cost: Cost, same: u64, arrived: Timestamp) -> bool {
        self.0.iter().any(|notice| {
            let covered = match notice.covers {
                // Other services have quotas of their own.
                Covers::All => cost.service.is_directory() || cost.service == Service::Graph,
                Covers::Writes => cost.service.is_directory() && cost.writes > 0,
                Covers::Of(service) => cost.service == service,
                Covers::WritesOf(service) => cost.service == service && cost.writes > 0,
                Covers::Same(call) => call == same,
            };
            covered && notice.given < arrived && arrived < notice.until
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    /// What was told, what comes, how many seconds after → early?
    #[test]
    fn early_calls() {
        let start: Timestamp = "2026-03-16T02:00:00Z".parse().unwrap();
        let table = [
            (Covers::All, false, 1, 1, true),
            (Covers::All, false, 1, 0, false),
            (Covers::All, false, 1, 2, false),
            (Covers::Writes, true, 1, 1, true),
            (Covers::Writes, false, 1, 1, false),
            (Covers::Same(7), false, 7, 1, true),
            (Covers::Same(7), true, 8, 1, false),
            (Covers::Of(Service::Reports), false, 1, 1, false),
        ];
        for (covers, write, same, seconds, expected) in table {
            let cost = Cost {
                units: 1,
                writes: u32::from(write),
                service: Service::Directory,
            };
            let mut early = Early::default();
            early.told(covers, 2.0, start);
            let arrived = start + seconds.seconds();
            assert_eq!(
                early.is(cost, same, arrived),
                expected,
                "{covers:?} {seconds}"
            );
        }
        // What counts as a report waits for its own quota alone.
        let report = Cost {
            service: Service::Reports,
            ..Cost::ENVELOPE
        };
        for (covers, expected) in [
            (Covers::All, false),
            (Covers::Of(Service::Reports), true),
            (Covers::WritesOf(Service::Reports), false),
        ] {
            let mut early = Early::default();
            early.told(covers, 2.0, start);
            assert_eq!(early.is(report, 1, start + 1.seconds()), expected);
        }
    }
}
