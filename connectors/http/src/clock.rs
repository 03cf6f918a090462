//! The one clock of everything that talks to the outside.
//!
//! Invariant: nobody else in `connectors` or `functions` asks the operating system for the time
//! or sleeps. The clock is built on tokio's, so a runtime started with a paused clock makes
//! every wait of the limiter, the retry loop and the rehearsal tenant virtual, on the same code
//! path.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// An instant of reference and what has passed since.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    base: Timestamp,
    started: Instant,
}

impl Clock {
    /// The wall clock of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// A clock that says `base` now and runs on from there. Needs a tokio runtime only when its
    /// time is paused.
    #[must_use]
    pub fn starting_at(base: Timestamp) -> Self {
        Self {
            base,
            started: Instant::now(),
        }
    }

    /// The present instant (UTC).
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::MAX);
        self.base.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// What has passed since the clock was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits on this clock: virtual where the runtime's time is paused.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
