//! One bucket: a limiter, a freeze, and what it has counted.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::Clock;

/// The buckets that our calls count against, app + tenant and tenant. The ones over all tenants matter
/// to multi-tenant hosting only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Writes of our application in this tenant.
    WriteAppTenant,
    /// Writes of all applications in this tenant.
    WriteTenant,
    /// Resource units of our application in this tenant.
    UnitsAppTenant,
    /// Calls of our application in this tenant about what people sign in with: they count as
    /// identity reports, by the strictest reading of the resources that the limit names.
    ReportsAppTenant,
    /// Writes of our application to devices of this directory, beside the writes of identity.
    DeviceWriteAppTenant,
    /// Calls of our application about managed devices.
    ManagedAppTenant,
    /// Calls of all applications of this tenant about managed devices.
    ManagedTenant,
    /// Of those, the ones of ours that change something.
    ManagedWriteAppTenant,
    /// Of those, the ones of anybody's that change something.
    ManagedWriteTenant,
    /// Calls of our application about anything else that Intune keeps.
    IntuneAppTenant,
    /// Calls of all applications of this tenant about anything else that Intune keeps.
    IntuneTenant,
    /// Of those, the ones of ours that change something.
    IntuneWriteAppTenant,
    /// Of those, the ones of anybody's that change something.
    IntuneWriteTenant,
}

impl Bucket {
    /// How many there are.
    pub const COUNT: usize = 13;

    /// The tightest first: whoever waits for the last one holds the others' tokens.
    pub const ALL: [Self; Self::COUNT] = [
        Self::ReportsAppTenant,
        Self::IntuneWriteAppTenant,
        Self::IntuneWriteTenant,
        Self::ManagedWriteAppTenant,
        Self::ManagedWriteTenant,
        Self::DeviceWriteAppTenant,
        Self::WriteAppTenant,
        Self::WriteTenant,
        Self::IntuneAppTenant,
        Self::IntuneTenant,
        Self::ManagedAppTenant,
        Self::ManagedTenant,
        Self::UnitsAppTenant,
    ];

    /// The name in `throttling.json`, plans and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WriteAppTenant => "identity.write.app_tenant",
            Self::WriteTenant => "identity.write.tenant",
            Self::UnitsAppTenant => "identity.ru.app_tenant",
            Self::ReportsAppTenant => "reports.app_tenant",
            Self::DeviceWriteAppTenant => "identity.device_write.app_tenant",
            Self::ManagedAppTenant => "intune.devices.any.app_tenant",
            Self::ManagedTenant => "intune.devices.any.tenant",
            Self::ManagedWriteAppTenant => "intune.devices.write.app_tenant",
            Self::ManagedWriteTenant => "intune.devices.write.tenant",
            Self::IntuneAppTenant => "intune.other.any.app_tenant",
            Self::IntuneTenant => "intune.other.any.tenant",
            Self::IntuneWriteAppTenant => "intune.other.write.app_tenant",
            Self::IntuneWriteTenant => "intune.other.write.tenant",
        }
    }

    /// Other applications of the tenant take from it too.
    pub const fn shared(self) -> bool {
        matches!(
            self,
            Self::WriteTenant
                | Self::ManagedTenant
                | Self::ManagedWriteTenant
                | Self::IntuneTenant
                | Self::IntuneWriteTenant
        )
    }
}

/// Governor's view of our clock: what has passed since it was made.
#[derive(Debug, Clone)]
struct GovernorClock(Clock);

impl governor::clock::Clock for GovernorClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Burst and pace of a limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Units that may pass at once.
    pub(super) burst: u32,
    /// Time for one unit to come back.
    pub(super) period: Duration,
}

impl Pace {
    /// Keeps inside `limit` units in every window of `window` seconds: a fiftieth at once, one
    /// unit kept for the call that holds its token while it waits for another bucket, the rest
    /// evenly. The burst is never below the dearest documented call where the limit allows; of a handful
    /// nothing is kept for one, every unit counts.
    pub(super) fn inside(limit: u32, window: u32) -> Self {
        let burst = if limit < 10 {
            1
        } else {
            (limit / 50).max(10).min(limit / 2)
        };
        let even = u64::from(limit.saturating_sub(burst + 1).max(1));
        let window = u64::from(window) * 1_000_000_000;
        // Rounded up: a nanosecond short per unit would add up to one unit too many.
        Self {
            burst,
            period: Duration::from_nanos(window.div_ceil(even)),
        }
    }
}

/// A bucket is frozen beyond the caller's patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the quota is frozen until {until}")]
pub struct Frozen {
    /// When it thaws.
    pub until: Timestamp,
}

/// What a bucket has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct BucketUsage {
    /// Calls that took from it, retries included.
    pub calls: u64,
    /// Units taken.
    pub units: u64,
    /// Time that calls waited for it, added up over all callers, in milliseconds.
    pub waited_ms: u64,
    /// Calls that the peer throttled and that froze it.
    pub throttled: u64,
}

/// How much of its pace a bucket uses, in thousandths, by what the peer says: others may take from the same quota.
///
/// Slowing is by how full the quota is (`x-ms-throttle-limit-percentage`), and multiplicative at a refusal;
/// speeding up is additive.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Above zero.
    now: u32,
    /// Since when, on the clock's own scale.
    at: Duration,
    /// When a refusal was taken in last.
    cut: Option<Duration>,
    /// What of a unit is still owed, in thousandths of the pace.
    owed: u64,
}

const WHOLE: u32 = 1000;
/// A quota fuller than this is slowed for; alone, 98 of 100 are filled.
const FULL_FROM: u32 = 970;
/// And this full it is hardly used at all.
const FULL_TO: u32 = 1010;
/// The least that is used: else nobody would hear that there is room again.
const LEAST: u32 = 50;
/// In so long a thousandth is regained: a twentieth a second.
const REGAINED_IN: Duration = Duration::from_millis(20);
/// Refusals of calls that were on their way together count once.
const TOGETHER: Duration = Duration::from_secs(5);

impl Part {
    const fn whole() -> Self {
        Self {
            now: WHOLE,
            at: Duration::ZERO,
            cut: None,
            owed: 0,
        }
    }

    /// What it has grown to by now.
    fn grow(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_millis() / REGAINED_IN.as_millis();
        let regained = u32::try_from(passed).unwrap_or(WHOLE).min(WHOLE);
        if regained > 0 {
            self.now = (self.now + regained).min(WHOLE);
            self.at = now;
        }
    }

    /// The quota is so full, in thousandths.
    fn hear(&mut self, full: u32, now: Duration) {
        self.grow(now);
        let room = FULL_TO.saturating_sub(full) * WHOLE / (FULL_TO - FULL_FROM);
        self.now = self.now.min(room.max(LEAST));
    }

    /// A call was refused.
    fn refused(&mut self, now: Duration) {
        self.grow(now);
        let alone = |cut: Duration| now.saturating_sub(cut) >= TOGETHER;
        if self.cut.is_none_or(alone) {
            self.now = (self.now * 7 / 10).max(LEAST);
            self.cut = Some(now);
        }
    }

    /// So many cells of the whole pace are so many units of this part of it.
    fn cells(&mut self, units: u32, now: Duration) -> u32 {
        self.grow(now);
        let (wanted, part) = (
            u64::from(units) * u64::from(WHOLE) + self.owed,
            u64::from(self.now),
        );
        self.owed = wanted % part;
        u32::try_from(wanted / part).unwrap_or(u32::MAX)
    }
}

#[derive(Debug)]
pub(super) struct Meter {
    clock: Clock,
    burst: u32,
    limiter: RateLimiter<NotKeyed, InMemoryState, GovernorClock, NoOpMiddleware<Duration>>,
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    /// On the clock's own scale; not thawed before.
    frozen_until: Duration,
    usage: BucketUsage,
    part: Part,
}

impl Default for Counted {
    fn default() -> Self {
        Self {
            frozen_until: Duration::ZERO,
            usage: BucketUsage::default(),
            part: Part::whole(),
        }
    }
}

impl Meter {
    pub(super) fn new(pace: Pace, clock: Clock) -> Self {
        let quota = Quota::with_period(pace.period)
            .expect("a pace has a period above zero")
            .allow_burst(NonZeroU32::new(pace.burst).expect("a pace has a burst above zero"));
        Self {
            clock,
            burst: pace.burst,
            limiter: RateLimiter::direct_with_clock(quota, GovernorClock(clock)),
            counted: Mutex::new(Counted::default()),
        }
    }

    fn counted<T>(&self, read: impl FnOnce(&mut Counted) -> T) -> T {
        // Counters are whole after every statement; a panic elsewhere does not spoil them.
        read(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Nothing passes for `wait` from now. A longer freeze stays.
    pub(super) fn freeze(&self, wait: Duration) {
        let until = self.clock.elapsed().saturating_add(wait);
        self.counted(|c| c.frozen_until = c.frozen_until.max(until));
    }

    pub(super) fn count_throttled(&self) {
        let now = self.clock.elapsed();
        self.counted(|c| {
            c.usage.throttled += 1;
            c.part.refused(now);
        });
    }

    /// The peer says how full the quota is, in thousandths of its limit.
    pub(super) fn hear(&self, full: u32) {
        let now = self.clock.elapsed();
        self.counted(|c| c.part.hear(full, now));
    }

    pub(super) fn usage(&self) -> BucketUsage {
        self.counted(|c| c.usage)
    }

    /// How long it stays frozen; zero when it is not.
    pub(super) fn frozen_for(&self) -> Duration {
        let until = self.counted(|c| c.frozen_until);
        until.saturating_sub(self.clock.elapsed())
    }

    /// Waits out a freeze.
    pub(super) async fn thawed(&self, patience: Duration) -> Result<(), Frozen> {
        loop {
            let left = self.frozen_for();
            if left.is_zero() {
                return Ok(());
            }
            if left > patience {
                let left = SignedDuration::try_from(left).unwrap_or(SignedDuration::MAX);
                let until = self.clock.now().checked_add(left).unwrap_or(Timestamp::MAX);
                return Err(Frozen { until });
            }
            let before = self.clock.elapsed();
            self.clock.sleep(left).await;
            self.count_wait(before);
        }
    }

    /// Takes `units` once they are there.
    /// `whole`: at the whole pace, whatever others take; a refusal tells.
    pub(super) async fn take(
        &self,
        units: u32,
        whole: bool,
        patience: Duration,
    ) -> Result<(), Frozen> {
        let now = self.clock.elapsed();
        // Where others take from it too, a unit is dearer.
        let mut left = if whole {
            units
        } else {
            self.counted(|c| c.part.cells(units, now))
        };
        while let Some(cells) = NonZeroU32::new(left.min(self.burst)) {
            self.thawed(patience).await?;
            match self
                .limiter
                .check_n(cells)
                .expect("never more than the burst is asked for")
            {
                Ok(()) => left -= cells.get(),
                Err(refused) => {
                    let before = self.clock.elapsed();
                    self.clock.sleep(refused.wait_time_from(before)).await;
                    self.count_wait(before);
                }
            }
        }
        self.counted(|c| {
            c.usage.calls += 1;
            c.usage.units += u64::from(units);
        });
        Ok(())
    }

    fn count_wait(&self, since: Duration) {
        let waited = self.clock.elapsed().saturating_sub(since).as_millis();
        let waited = u64::try_from(waited).unwrap_or(u64::MAX);
        self.counted(|c| c.usage.waited_ms = c.usage.waited_ms.saturating_add(waited));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// How full it is said to be → what is used then, and a second and half a minute later.
    #[test]
    fn a_full_quota_is_left_to_others() {
        for (full, now, second, later) in [
            (0, 1000, 1000, 1000),
            (800, 1000, 1000, 1000),
            (970, 1000, 1000, 1000),
            (990, 500, 550, 1000),
            (1000, 250, 300, 1000),
            (1010, 50, 100, 1000),
            (1800, 50, 100, 1000),
        ] {
            let mut part = Part::whole();
            part.hear(full, secs(10));
            assert_eq!(part.now, now, "{full}");
            part.grow(secs(11));
            assert_eq!(part.now, second, "{full}");
            part.grow(secs(41));
            assert_eq!(part.now, later, "{full}");
        }
    }

    /// Calls that were refused together are one refusal; later ones are others.
    #[test]
    fn a_refusal_slows_once() {
        let mut part = Part::whole();
        for at in [10, 11, 12] {
            part.refused(secs(at));
        }
        assert_eq!(part.now, 800, "700, and two seconds");
        part.refused(secs(15));
        assert_eq!(part.now, 665);
        for at in 1..1000 {
            part.refused(secs(15 + 5 * at));
        }
        assert!(part.now >= LEAST);
    }

    /// A part of the pace is that many units fewer, to the last one.
    #[test]
    fn a_unit_is_dearer_where_others_take_too() {
        let mut part = Part::whole();
        assert_eq!(part.cells(7, secs(0)), 7);
        part.hear(996, secs(0));
        assert_eq!(part.now, 350);
        let cells: u32 = (0..35).map(|_| part.cells(1, secs(0))).sum();
        assert_eq!(cells, 100);
    }
}
