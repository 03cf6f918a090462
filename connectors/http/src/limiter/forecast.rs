//! How long a plan will take, from the quotas alone: pure arithmetic.

use super::bucket::{Bucket, Pace};
use super::quotas::paces;
use super::{Share, TenantSize, cost_of};

/// What carrying out a number of calls will take.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Calls in all.
    pub calls: u64,
    /// The bucket that binds; `None` when nothing is called.
    pub bucket: Option<Bucket>,
    /// Seconds until the last call may be sent, starting with full buckets.
    pub seconds: f64,
}

/// Adds up what the calls cost and finds the bucket that takes longest. Templates are those of
/// [`cost_of`]; retries and the peer's own answering time are not in it.
pub fn forecast(size: TenantSize, share: Share, calls: &[(&str, &str, u64)]) -> Forecast {
    let mut count = 0_u64;
    let mut taken = [0_u64; Bucket::COUNT];
    for (method, template, times) in calls {
        let cost = cost_of(method, template);
        count += times;
        for bucket in Bucket::ALL {
            taken[bucket as usize] += u64::from(cost.from(bucket)) * times;
        }
    }
    let mut slowest: Option<(Bucket, f64)> = None;
    for (bucket, Pace { burst, period }) in paces(size, share) {
        let wanted = taken[bucket as usize];
        if wanted == 0 {
            continue;
        }
        let seconds = wanted.saturating_sub(u64::from(burst)) as f64 * period.as_secs_f64();
        if slowest.is_none_or(|(_, most)| seconds > most) {
            slowest = Some((bucket, seconds));
        }
    }
    Forecast {
        calls: count,
        bucket: slowest.map(|(bucket, _)| bucket),
        seconds: slowest.map_or(0.0, |(_, seconds)| seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20,000 people with three writes each take about 50 minutes (graph.md 12.2).
    #[test]
    fn writes_bind_a_large_change() {
        let plan = [
            ("GET", "/users/{id}?$select", 40_000),
            ("POST", "/users", 20_000),
            ("PATCH", "/users/{id}", 20_000),
            ("PUT", "/users/{id}/manager/$ref", 20_000),
        ];
        let f = forecast(TenantSize::L, Share::default(), &plan);
        assert_eq!((f.calls, f.bucket), (100_000, Some(Bucket::WriteAppTenant)));
        assert!(
            f.seconds > 3000.0 && f.seconds < 3000.0 / 0.95,
            "{}",
            f.seconds
        );
    }

    /// Reads bind on resource units; a small share of the tenant's writes binds before ours.
    #[test]
    fn the_binding_bucket_is_named() {
        let reads = [("GET", "/users/{id}?$select", 100_000)];
        let f = forecast(TenantSize::S, Share::default(), &reads);
        assert_eq!(f.bucket, Some(Bucket::UnitsAppTenant));
        let share = Share::default().of_tenant(0.1).unwrap();
        let f = forecast(TenantSize::L, share, &[("POST", "/users", 10_000)]);
        assert_eq!(f.bucket, Some(Bucket::WriteTenant));
        let f = forecast(TenantSize::L, Share::default(), &[]);
        assert_eq!((f.calls, f.bucket, f.seconds), (0, None, 0.0));
    }
}
