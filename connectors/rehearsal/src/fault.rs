//! Failures on purpose, decided by a seed.
//!
//! Invariant: the same seed, share and order of calls fail the same calls.

use crate::seeded::Seeded;

/// One way in which a call can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// 429 with Retry-After and the throttle headers, although no quota is exhausted ("429 can
    /// come before a limit is reached", throttling limits page); from Intune now and then without
    /// Retry-After. Nothing happens.
    TooManyRequests,
    /// 503, with Retry-After every other time. Nothing happens.
    ServiceUnavailable,
    /// The connection breaks and nothing has happened.
    ResetBefore,
    /// The call is carried out and its answer is lost.
    ResetAfter,
    /// 504 without Retry-After. Nothing happens.
    GatewayTimeout,
    /// The same, and the call was carried out.
    GatewayTimeoutAfter,
    /// The answer takes a minute; it is the right one.
    Slow,
    /// 403 `Authorization_RequestDenied`, as for an administrator's account. Nothing happens.
    Denied,
    /// Something on the way sent the call once more: it is carried out and metered twice, at once
    /// one after the other, and the client gets the second answer. What is unique is then there
    /// already, for whoever made it; what is not is there twice.
    Duplicate,
}

/// Which calls fail, and how. The token endpoint never does.
///
/// Connections cannot break inside a batch, and no item of one is slower than the rest: for an item these kinds
/// mean no fault. `Denied` and `Duplicate` mean none for the envelope: its items meet them one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// Decides which calls.
    pub seed: u64,
    /// Share of calls, 0 to 1.
    pub share: f64,
    /// Drawn from evenly. Empty: no fault.
    pub kinds: Vec<Fault>,
}

impl Faults {
    /// No call fails.
    pub const fn none() -> Self {
        Self {
            seed: 0,
            share: 0.0,
            kinds: Vec::new(),
        }
    }

    /// Every kind that a client can get over by trying again, or by looking what is there, at this share of
    /// calls (0 to 1).
    pub fn documented(seed: u64, share: f64) -> Self {
        let kinds = vec![
            Fault::TooManyRequests,
            Fault::ServiceUnavailable,
            Fault::ResetBefore,
            Fault::ResetAfter,
            Fault::GatewayTimeout,
            Fault::GatewayTimeoutAfter,
            Fault::Slow,
            Fault::Duplicate,
        ];
        Self { seed, share, kinds }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}

/// Draws the fault of each call.
#[derive(Debug)]
pub(crate) struct Dice {
    faults: Faults,
    seeded: Seeded,
}

impl Dice {
    pub(crate) fn new(faults: Faults) -> Self {
        let seeded = Seeded::new(faults.seed);
        Self { faults, seeded }
    }

    /// The fault of the next call. Always takes the same number of draws, so that one call's kind
    /// does not depend on another's.
    pub(crate) fn draw(&mut self) -> Option<Fault> {
        let share = self.seeded.share();
        let kind = self.seeded.below(self.faults.kinds.len());
        if share < self.faults.share {
            self.faults.kinds.get(kind).copied()
        } else {
            None
        }
    }

    /// A Retry-After between `low` and `high` seconds, in steps of a millisecond.
    pub(crate) fn seconds(&mut self, low: u32, high: u32) -> f64 {
        let millis = self.seeded.share() * f64::from(high - low) * 1000.0;
        f64::from(low) + millis.floor() / 1000.0
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.seeded.bits() & 1 == 0
    }
}
