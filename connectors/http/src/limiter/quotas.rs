//! The buckets of one tenant together: what a call takes, what throttling freezes.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use super::bucket::{Bucket, BucketUsage, Frozen, Meter, Pace};
use super::table::table;
use super::{Cost, Forecast, Share, TenantSize};
use crate::Clock;

/// Which queue a call stands in, and the order in which the peer sheds load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Cuts and due disables: own queue, `x-ms-throttle-priority: High`.
    Urgent,
    /// The rest of a night: `x-ms-throttle-priority: Low`.
    Bulk,
}

impl Lane {
    /// The value of `x-ms-throttle-priority`.
    pub const fn priority(self) -> &'static str {
        match self {
            Self::Urgent => "High",
            Self::Bulk => "Low",
        }
    }
}

/// Burst and pace of each bucket, in the order of [`Bucket::ALL`].
pub(super) fn paces(size: TenantSize, share: Share) -> [(Bucket, Pace); Bucket::COUNT] {
    Bucket::ALL.map(|bucket| {
        let (limit, window) = table().limit(bucket.name(), size);
        let limit = if bucket.shared() {
            share.tenant_of(limit)
        } else {
            share.own_of(limit)
        };
        (bucket, Pace::inside(limit, window))
    })
}

#[derive(Debug)]
struct Metered {
    bucket: Bucket,
    meter: Meter,
    /// First come, first served; one queue per lane.
    urgent: Mutex<()>,
    bulk: Mutex<()>,
}

impl Metered {
    /// What a call takes from this bucket.
    fn wanted(&self, cost: Cost) -> u32 {
        cost.from(self.bucket)
    }

    async fn queue(&self, lane: Lane) -> MutexGuard<'_, ()> {
        match lane {
            Lane::Urgent => self.urgent.lock().await,
            Lane::Bulk => self.bulk.lock().await,
        }
    }
}

/// The quotas of one application in one tenant, shared by everything that calls it.
#[derive(Debug)]
pub struct Quotas {
    size: TenantSize,
    share: Share,
    buckets: [Metered; Bucket::COUNT],
}

impl Quotas {
    /// Full buckets of a tenant of this size.
    pub fn new(size: TenantSize, share: Share, clock: Clock) -> Self {
        let buckets = paces(size, share).map(|(bucket, pace)| Metered {
            bucket,
            meter: Meter::new(pace, clock),
            urgent: Mutex::new(()),
            bulk: Mutex::new(()),
        });
        Self {
            size,
            share,
            buckets,
        }
    }

    /// Waits until a call of this cost may be sent; send it at once.
    ///
    /// # Errors
    /// [`Frozen`] when a bucket of the call is frozen for longer than `patience`: nothing was
    /// slept for that, and the call belongs to a later time.
    pub async fn acquire(&self, cost: Cost, lane: Lane, patience: Duration) -> Result<(), Frozen> {
        let needed = || self.buckets.iter().filter(|b| b.wanted(cost) > 0);
        let Some(first) = needed().next() else {
            return Ok(());
        };
        // Held to the end: nobody else of this lane collects tokens that it cannot use yet.
        let _turn = first.queue(lane).await;
        for metered in needed() {
            metered.meter.thawed(patience).await?;
        }
        for metered in needed() {
            let _turn = if metered.bucket == first.bucket {
                None
            } else {
                Some(metered.queue(lane).await)
            };
            // A cut does not go slower because of what others take.
            let whole = lane == Lane::Urgent;
            let wanted = metered.wanted(cost);
            metered.meter.take(wanted, whole, patience).await?;
        }
        // Another call may have been throttled while this one waited for its last token.
        while needed().any(|b| !b.meter.frozen_for().is_zero()) {
            for metered in needed() {
                metered.meter.thawed(patience).await?;
            }
        }
        Ok(())
    }

    /// Freezes what a throttled call ran into, for `wait` from now: the bucket that the peer
    /// named, or all that the call takes from. Requests sent while throttled still count against
    /// us, so everybody stops, not only the call that was told.
    pub fn freeze(&self, cost: Cost, scope: Option<ThrottleScope>, wait: Duration) {
        let takes = |b: &Metered| b.wanted(cost) > 0;
        let named = scope.and_then(ThrottleScope::bucket);
        // A bucket that this call does not take from cannot be the one that refused it.
        let named = named.filter(|n| self.buckets.iter().any(|b| b.bucket == *n && takes(b)));
        for metered in self.buckets.iter().filter(|b| takes(b)) {
            if named.is_none_or(|named| named == metered.bucket) {
                metered.meter.freeze(wait);
                metered.meter.count_throttled();
            }
        }
    }

    /// Takes in how full the peer says that a quota is (`x-ms-throttle-limit-percentage`, above 0.8 only), in
    /// thousandths of its limit. It does not say which: the tightest that the call takes from is meant.
    pub fn hear(&self, cost: Cost, full: u32) {
        let tightest = self.buckets.iter().find(|b| b.wanted(cost) > 0);
        if let Some(metered) = tightest {
            metered.meter.hear(full);
        }
    }

    /// What each bucket has counted, by its name in `throttling.json`.
    pub fn usage(&self) -> BTreeMap<&'static str, BucketUsage> {
        self.buckets
            .iter()
            .map(|b| (b.bucket.name(), b.meter.usage()))
            .collect()
    }

    /// What a number of calls will take under these quotas; see [`super::forecast()`].
    pub fn forecast(&self, calls: &[(&str, &str, u64)]) -> Forecast {
        super::forecast(self.size, self.share, calls)
    }
}

/// `x-ms-throttle-scope` and `x-ms-throttle-information` of a 429: which bucket ran dry
/// (learn.microsoft.com/graph/throttling-limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleScope {
    /// Other applications of the tenant share the blame.
    pub tenant_wide: bool,
    writes: bool,
    whole_application: bool,
}

impl ThrottleScope {
    /// Reads `<Scope>/<Limit>/<ApplicationId>/<…>` and, where present, the reason. `None` for a
    /// scope that is not documented.
    pub fn parse(scope: &str, information: Option<&str>) -> Option<Self> {
        let mut parts = scope.split('/');
        let (tenant_wide, whole_application) = match parts.next()? {
            "Tenant" => (true, false),
            "Tenant_Application" => (false, false),
            "Application" => (false, true),
            _ => return None,
        };
        let writes = match (parts.next()?, information) {
            ("Write", _) | (_, Some("WriteLimitExceeded")) => true,
            ("Read" | "ReadWrite", _) => false,
            _ => return None,
        };
        Some(Self {
            tenant_wide,
            writes,
            whole_application,
        })
    }

    /// The bucket it names; `None` where that is not one of ours alone.
    fn bucket(self) -> Option<Bucket> {
        match (self.whole_application, self.tenant_wide, self.writes) {
            (false, true, true) => Some(Bucket::WriteTenant),
            (false, false, true) => Some(Bucket::WriteAppTenant),
            (false, false, false) => Some(Bucket::UnitsAppTenant),
            // No resource-unit quota is published for the whole tenant or for all tenants.
            (false, true, false) | (true, _, _) => None,
        }
    }
}
