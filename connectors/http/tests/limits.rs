//! The limiter against the documented quotas, on virtual time (P8): never over in any window,
//! hardly anything left unused, and an urgent call is not kept behind a backlog.
#![expect(
    clippy::unwrap_used,
    clippy::unchecked_time_subtraction,
    reason = "a test fails by panicking"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall_http::{
    Bucket, Clock, Cost, Frozen, Lane, Quotas, Share, TenantSize, ThrottleScope, cost_of,
};

const READ: Cost = Cost::NONE.and(Bucket::UnitsAppTenant, 1);
const WRITE: Cost = READ
    .and(Bucket::WriteAppTenant, 1)
    .and(Bucket::WriteTenant, 1);
const PATIENCE: Duration = Duration::from_mins(5);

/// Sends calls of one cost from `callers` tasks for `length` of virtual time; when each was sent.
async fn flood(
    quotas: &Arc<Quotas>,
    clock: Clock,
    cost: Cost,
    callers: u32,
    length: Duration,
) -> Vec<Duration> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (quotas, sent) = (Arc::clone(quotas), Arc::clone(&sent));
            tokio::spawn(async move {
                while clock.elapsed() < length {
                    quotas.acquire(cost, Lane::Bulk, PATIENCE).await.unwrap();
                    sent.lock().unwrap().push(clock.elapsed());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut sent = std::mem::take(&mut *sent.lock().unwrap());
    sent.retain(|at| *at < length);
    sent
}

/// The most that falls into any closed window of this length.
fn busiest(sent: &[Duration], window: Duration) -> usize {
    let mut from = 0;
    sent.iter().enumerate().fold(0, |most, (to, at)| {
        while *at - sent[from] > window {
            from += 1;
        }
        most.max(to - from + 1)
    })
}

/// 3,000 writes per 150 s, over a virtual hour: never exceeded in any window, 95 % of them used.
#[tokio::test(start_paused = true)]
async fn writes_stay_inside_every_window_and_use_it() {
    let clock = Clock::system();
    let quotas = Arc::new(Quotas::new(TenantSize::L, Share::default(), clock));
    let hour = Duration::from_hours(1);
    let sent = flood(&quotas, clock, WRITE, 12, hour).await;
    let most = busiest(&sent, Duration::from_secs(150));
    assert!(most <= 3000, "{most} writes in one window");
    let documented = 3000 * 3600 / 150;
    assert!(
        sent.len() * 100 >= documented * 95,
        "{} of {documented} used",
        sent.len()
    );
    let usage = quotas.usage();
    assert!(usage["identity.write.app_tenant"].units >= sent.len() as u64);
    assert!(usage["identity.write.app_tenant"].waited_ms > 0);
}

/// The same for resource units of a small tenant: 3,500 per 10 s.
#[tokio::test(start_paused = true)]
async fn reads_stay_inside_every_window_and_use_it() {
    let clock = Clock::system();
    let quotas = Arc::new(Quotas::new(TenantSize::S, Share::default(), clock));
    let sent = flood(&quotas, clock, READ, 12, Duration::from_mins(3)).await;
    let most = busiest(&sent, Duration::from_secs(10));
    assert!(most <= 3500, "{most} units in one window");
    let documented = 350 * 180;
    assert!(
        sent.len() * 100 >= documented * 95,
        "{} of {documented} used",
        sent.len()
    );
}

/// Reads and writes together count against the same resource units; and the tenant-wide share
/// binds where it is the smaller.
#[tokio::test(start_paused = true)]
async fn the_tenants_share_binds_too() {
    let clock = Clock::system();
    let share = Share::default().of_tenant(0.1).unwrap();
    let quotas = Arc::new(Quotas::new(TenantSize::L, share, clock));
    let sent = flood(&quotas, clock, WRITE, 4, Duration::from_mins(15)).await;
    let most = busiest(&sent, Duration::from_mins(5));
    assert!(
        (1710..=1800).contains(&most),
        "{most} writes of 1,800 in the busiest window"
    );
}

/// A backlog of thousands of bulk writes does not stand in front of a cut.
#[tokio::test(start_paused = true)]
async fn urgent_calls_do_not_wait_behind_bulk() {
    let clock = Clock::system();
    let quotas = Arc::new(Quotas::new(TenantSize::L, Share::default(), clock));
    for _ in 0..5000 {
        let quotas = Arc::clone(&quotas);
        tokio::spawn(async move { quotas.acquire(WRITE, Lane::Bulk, PATIENCE).await });
    }
    clock.sleep(Duration::from_secs(10)).await;
    let before = clock.elapsed();
    for _ in 0..20 {
        quotas.acquire(WRITE, Lane::Urgent, PATIENCE).await.unwrap();
    }
    let waited = clock.elapsed() - before;
    // Alone it would be one second; a fifth of the budget would make it five.
    assert!(waited <= Duration::from_secs(5), "{waited:?}");
}

/// A freeze stops everybody who takes from that bucket and nobody else, for exactly that long.
#[tokio::test(start_paused = true)]
async fn a_freeze_stops_its_bucket_only() {
    let clock = Clock::system();
    let quotas = Quotas::new(TenantSize::L, Share::default(), clock);
    let scope = ThrottleScope::parse("Tenant_Application/Write/a/t", Some("WriteLimitExceeded"));
    assert!(scope.is_some_and(|s| !s.tenant_wide));
    quotas.freeze(WRITE, scope, Duration::from_millis(7500));
    quotas.acquire(READ, Lane::Bulk, PATIENCE).await.unwrap();
    assert_eq!(clock.elapsed(), Duration::ZERO);
    quotas.acquire(WRITE, Lane::Urgent, PATIENCE).await.unwrap();
    assert_eq!(clock.elapsed(), Duration::from_millis(7500));
    assert_eq!(quotas.usage()["identity.write.app_tenant"].throttled, 1);
    assert_eq!(quotas.usage()["identity.ru.app_tenant"].throttled, 0);
}

/// A freeze beyond the caller's patience is told, not slept.
#[tokio::test(start_paused = true)]
async fn a_long_freeze_is_told() {
    let clock = Clock::starting_at("2026-03-16T02:00:00Z".parse().unwrap());
    let quotas = Quotas::new(TenantSize::L, Share::default(), clock);
    quotas.freeze(READ, None, Duration::from_mins(10));
    let told = quotas.acquire(READ, Lane::Bulk, PATIENCE).await;
    assert_eq!(
        told,
        Err(Frozen {
            until: "2026-03-16T02:10:00Z".parse().unwrap()
        })
    );
    assert_eq!(clock.elapsed(), Duration::ZERO);
}

/// Header → which calls stop. A scope that is not documented stops all that the call takes from.
#[tokio::test(start_paused = true)]
async fn throttle_scopes() {
    let table = [
        ("Tenant_Application/ReadWrite/a/t", None, true, false),
        ("Tenant_Application/Read/a/t", None, true, false),
        ("Tenant_Application/Write/a/t", None, false, true),
        (
            "Tenant_Application/ReadWrite/a/t",
            Some("WriteLimitExceeded"),
            false,
            true,
        ),
        ("Tenant/Write/a/t", None, false, true),
        ("Tenant/ReadWrite/a/t", None, true, true),
        ("Application/ReadWrite/a/t", None, true, true),
        ("Galaxy/Write/a/t", None, true, true),
    ];
    for (scope, information, reads_stop, writes_stop) in table {
        let quotas = Quotas::new(TenantSize::L, Share::default(), Clock::system());
        quotas.freeze(
            WRITE,
            ThrottleScope::parse(scope, information),
            Duration::from_mins(10),
        );
        let stops = quotas.acquire(READ, Lane::Bulk, PATIENCE).await.is_err();
        assert_eq!(stops, reads_stop, "reads after {scope} {information:?}");
        let throttled = |bucket: &str| quotas.usage()[bucket].throttled > 0;
        let writes = throttled("identity.write.app_tenant") || throttled("identity.write.tenant");
        assert_eq!(writes, writes_stop, "writes after {scope} {information:?}");
    }
}

/// A batch envelope takes nothing itself.
#[tokio::test(start_paused = true)]
async fn envelopes_are_free() {
    let quotas = Quotas::new(TenantSize::L, Share::default(), Clock::system());
    quotas.freeze(READ, None, Duration::from_mins(10));
    let cost = cost_of("POST", "/$batch");
    assert_eq!(quotas.acquire(cost, Lane::Bulk, PATIENCE).await, Ok(()));
}
