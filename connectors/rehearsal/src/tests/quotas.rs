//! The published quotas over HTTP.

use std::time::Duration;

use serde_json::json;

use super::peer::{Peer, user};
use crate::{Size, TenantOptions, Throttle};

fn sized(size: Size) -> TenantOptions {
    TenantOptions {
        throttle: Throttle::Documented { size },
        ..TenantOptions::default()
    }
}

/// 3,000 writes pass at once, the next waits as long as it is told; reads go on.
#[tokio::test(start_paused = true)]
async fn writes_run_out() {
    let peer = Peer::open(sized(Size::L)).await;
    let id = peer.tenant.put_user(user("mira")).unwrap();
    let path = format!("/users/{id}");
    let patch = json!({"jobTitle": "x"});
    for n in 0..3000 {
        let got = peer.send("PATCH", &path, Some(&patch)).await;
        assert_eq!(got.status, 204, "write {n}");
        let percentage = got
            .header("x-ms-throttle-limit-percentage")
            .map(str::to_owned);
        assert_eq!(percentage.is_some(), n >= 2400, "write {n}: {percentage:?}");
    }
    let got = peer.send("PATCH", &path, Some(&patch)).await;
    assert_eq!(got.error(), (429, "TooManyRequests"));
    let options = TenantOptions::default();
    let scope = format!(
        "Tenant_Application/Write/{}/{}",
        options.client_id, options.tenant_id
    );
    assert_eq!(got.header("x-ms-throttle-scope"), Some(scope.as_str()));
    assert_eq!(
        got.header("x-ms-throttle-information"),
        Some("WriteLimitExceeded")
    );
    assert_eq!(got.header("x-ms-throttle-limit-percentage"), Some("1.00"));
    let wait = got.seconds();
    assert!((0.05..=0.2).contains(&wait), "{wait}");
    assert_eq!(peer.get(&path).await.status, 200);
    peer.clock.sleep(Duration::from_secs_f64(wait)).await;
    assert_eq!(peer.send("PATCH", &path, Some(&patch)).await.status, 204);
    let history = peer.tenant.history();
    assert!(history.iter().all(|served| !served.early));
    let refused = history.iter().find(|served| served.status == 429).unwrap();
    assert_eq!(
        (refused.retry_after, refused.write, refused.changed),
        (Some(wait), true, false)
    );
}

/// Units by the number of users: a small tenant has 3,500 in ten seconds.
#[tokio::test(start_paused = true)]
async fn units_run_out() {
    let peer = Peer::open(sized(Size::Auto)).await;
    for n in 0..1750 {
        assert_eq!(peer.get("/users").await.status, 200, "read {n} of 2 units");
    }
    let got = peer.get("/users").await;
    assert_eq!(got.error(), (429, "TooManyRequests"));
    assert_eq!(
        got.header("x-ms-throttle-information"),
        Some("ResourceUnitLimitExceeded")
    );
    assert_eq!(got.header("x-ms-resource-unit"), Some("2"));
    // Units are taken by writes as well.
    assert_eq!(
        peer.send("POST", "/users", Some(&user("mira")))
            .await
            .status,
        429
    );
}

/// Who does not wait is written down, and makes it worse.
#[tokio::test(start_paused = true)]
async fn impatience_is_recorded() {
    let peer = Peer::open(sized(Size::S)).await;
    for _ in 0..1750 {
        peer.get("/users").await;
    }
    let first = peer.get("/users").await.seconds();
    // At the same instant: it was on its way.
    let second = peer.get("/users").await.seconds();
    assert!(second > first, "{second} after {first}");
    peer.clock.sleep(Duration::from_millis(1)).await;
    assert_eq!(peer.get("/users").await.status, 429);
    let early: Vec<bool> = peer
        .tenant
        .history()
        .iter()
        .rev()
        .take(3)
        .map(|s| s.early)
        .collect();
    assert_eq!(early, [true, false, false]);
}

/// An item of a batch is refused alone; the envelope is not.
#[tokio::test(start_paused = true)]
async fn items_of_a_batch_run_out_alone() {
    let peer = Peer::open(sized(Size::S)).await;
    for _ in 0..1749 {
        peer.get("/users").await;
    }
    let item = |id: &str| json!({"id": id, "method": "GET", "url": "/users"});
    let batch = json!({"requests": [item("1"), item("2")]});
    let got = peer.send("POST", "/$batch", Some(&batch)).await;
    assert_eq!(got.status, 200);
    let mut statuses: Vec<u64> = Vec::new();
    for response in got.body["responses"].as_array().unwrap() {
        statuses.push(response["status"].as_u64().unwrap());
        if response["status"] == 429 {
            assert!(response["headers"]["retry-after"].is_string());
            assert!(response["headers"]["x-ms-throttle-scope"].is_string());
        }
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429]);
}

#[tokio::test(start_paused = true)]
async fn without_quotas_nothing_runs_out() {
    let options = TenantOptions {
        throttle: Throttle::Off,
        ..TenantOptions::default()
    };
    let peer = Peer::open(options).await;
    for _ in 0..4100 {
        let got = peer.get("/users").await;
        assert_eq!(
            (got.status, got.header("x-ms-throttle-limit-percentage")),
            (200, None)
        );
    }
}

/// The answer takes as long as the latency says, on the tenant's clock.
#[tokio::test(start_paused = true)]
async fn latency_is_waited() {
    let options = TenantOptions {
        latency: Duration::from_millis(40),
        ..TenantOptions::default()
    };
    let peer = Peer::open(options).await;
    let before = peer.clock.elapsed();
    peer.get("/users").await;
    assert_eq!(peer.clock.elapsed(), before + Duration::from_millis(40));
}
