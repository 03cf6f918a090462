//! When a failed call is tried again, and when it is given back to the caller.
//!
//! It stands outside the rate limit: a retry costs a token like any other call. Invariant: never
//! earlier than the peer asked for.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use crate::Chance;

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The answer is final.
    Never,
    /// Transient; the peer named no time.
    Backoff,
    /// Not before this much time has passed.
    After(Duration),
}

/// Bounds of the retry loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Calls made for one request at most, the first included.
    pub attempts_max: u32,
    /// Sum of the waits between them at most.
    pub wait_total_max: Duration,
    /// A longer wish of the peer is not slept through: the caller gets the instant instead.
    pub retry_after_max: Duration,
    /// First wait of our own; doubles with each attempt.
    pub backoff_first: Duration,
    /// Longest wait of our own.
    pub backoff_max: Duration,
    /// Most that is added to what the peer asked for, so that not all come back at once.
    pub jitter_max: Duration,
}

impl Default for RetryPolicy {
    /// 8 attempts, at most 15 minutes of waiting; own waits from 1 s to 5 min; a Retry-After above
    /// 5 min goes back to the caller; 100 ms of jitter.
    fn default() -> Self {
        Self {
            attempts_max: 8,
            wait_total_max: Duration::from_mins(15),
            retry_after_max: Duration::from_mins(5),
            backoff_first: Duration::from_secs(1),
            backoff_max: Duration::from_mins(5),
            jitter_max: Duration::from_millis(100),
        }
    }
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Wait this long, then try again.
    Wait(Duration),
    /// The peer asked for more time than we sleep: come back after this much.
    Later(Duration),
    /// Tried enough, or trying does not help.
    GiveUp,
}

/// The attempts of one request.
#[derive(Debug)]
pub struct Attempts<'a> {
    policy: &'a RetryPolicy,
    chance: &'a Chance,
    failed: u32,
    waited: Duration,
}

impl<'a> Attempts<'a> {
    /// Before the first attempt.
    pub fn new(policy: &'a RetryPolicy, chance: &'a Chance) -> Self {
        Self {
            policy,
            chance,
            failed: 0,
            waited: Duration::ZERO,
        }
    }

    /// Failed attempts so far.
    pub fn failed(&self) -> u32 {
        self.failed
    }

    /// Counts a failed attempt and says what follows.
    ///
    /// The peer's wish wins over our own backoff; jitter is only ever added to it. Own waits lie
    /// between half and all of an exponential ceiling.
    pub fn next(&mut self, class: Retry) -> Next {
        self.failed += 1;
        let wait = match class {
            Retry::Never => return Next::GiveUp,
            Retry::After(asked) if asked > self.policy.retry_after_max => {
                return Next::Later(asked);
            }
            Retry::After(asked) => asked.saturating_add(self.chance.up_to(self.policy.jitter_max)),
            Retry::Backoff => {
                let doublings = (self.failed - 1).min(31);
                let ceiling = self
                    .policy
                    .backoff_first
                    .saturating_mul(1 << doublings)
                    .min(self.policy.backoff_max);
                ceiling / 2 + self.chance.up_to(ceiling / 2)
            }
        };
        let total = self.waited.saturating_add(wait);
        if self.failed >= self.policy.attempts_max || total > self.policy.wait_total_max {
            return match class {
                // The peer named its time: that is worth more to the caller than a failure.
                Retry::After(asked) => Next::Later(asked),
                Retry::Never | Retry::Backoff => Next::GiveUp,
            };
        }
        self.waited = total;
        Next::Wait(wait)
    }
}

/// The longest wait that is believed.
const ASKED_MAX: Duration = Duration::from_hours(24);

/// Reads `Retry-After`: seconds, possibly fractional (Graph's documented sample is 2.128), or an
/// HTTP date. Fractions are rounded up, to the nanosecond; what cannot be read is `None`, and so
/// falls back to our own backoff. Whoever asks for more than a day is asked again after one: nothing
/// is put off for good by an answer.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
    parse_retry_after(text, now)
}

/// The same for the text itself, as in the items of a batch.
fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        let wait = || Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        return (seconds >= 0.0).then(|| wait().min(ASKED_MAX));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    let wait = Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
    Some(wait.min(ASKED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-16T08:00:00Z".parse().unwrap()
    }

    /// Header text → how long to wait.
    #[test]
    fn retry_after_is_read_as_documented() {
        let table = [
            ("10", Some(Duration::from_secs(10))),
            ("2.128", Some(Duration::from_millis(2128))),
            (" 0 ", Some(Duration::ZERO)),
            (
                "Mon, 16 Mar 2026 08:02:00 GMT",
                Some(Duration::from_mins(2)),
            ),
            ("Mon, 16 Mar 2026 07:00:00 GMT", Some(Duration::ZERO)),
            ("86399.5", Some(Duration::from_millis(86_399_500))),
            ("1e300", Some(ASKED_MAX)),
            ("inf", Some(ASKED_MAX)),
            ("Sat, 16 Mar 2126 08:02:00 GMT", Some(ASKED_MAX)),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_retry_after(text, now()), expected, "{text:?}");
        }
    }

    /// P8: the peer's wish is a floor, whatever the seed.
    #[test]
    fn never_earlier_than_asked() {
        let policy = RetryPolicy::default();
        for seed in 0..500 {
            let chance = Chance::seeded(seed);
            let asked = Duration::from_millis(2128);
            match Attempts::new(&policy, &chance).next(Retry::After(asked)) {
                Next::Wait(wait) => {
                    assert!(
                        wait >= asked && wait <= asked + policy.jitter_max,
                        "{wait:?}"
                    );
                }
                other @ (Next::Later(_) | Next::GiveUp) => panic!("{other:?}"),
            }
        }
    }

    /// Own waits double from one second, stay under the cap, and end with the attempts.
    #[test]
    fn backoff_doubles_and_ends() {
        let policy = RetryPolicy {
            attempts_max: 12,
            wait_total_max: Duration::from_hours(1),
            ..RetryPolicy::default()
        };
        let chance = Chance::seeded(3);
        let mut attempts = Attempts::new(&policy, &chance);
        for ceiling in [1_u64, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let Next::Wait(wait) = attempts.next(Retry::Backoff) else {
                panic!("ended early")
            };
            let ceiling = Duration::from_secs(ceiling);
            assert!(
                wait >= ceiling / 2 && wait <= ceiling,
                "{wait:?} for {ceiling:?}"
            );
        }
        assert_eq!(attempts.next(Retry::Backoff), Next::GiveUp);
    }

    /// A long wish goes back to the caller, and so does one that the total no longer allows.
    #[test]
    fn long_waits_go_back_to_the_caller() {
        let policy = RetryPolicy {
            wait_total_max: Duration::from_secs(100),
            ..RetryPolicy::default()
        };
        let chance = Chance::seeded(3);
        let long = Duration::from_secs(301);
        assert_eq!(
            Attempts::new(&policy, &chance).next(Retry::After(long)),
            Next::Later(long)
        );
        let mut attempts = Attempts::new(&policy, &chance);
        let asked = Duration::from_mins(1);
        assert!(matches!(attempts.next(Retry::After(asked)), Next::Wait(_)));
        assert_eq!(attempts.next(Retry::After(asked)), Next::Later(asked));
        assert_eq!(
            Attempts::new(&policy, &chance).next(Retry::Never),
            Next::GiveUp
        );
    }
}
