//! Failures on purpose.

use std::time::Duration;

use rollcall_http::TransportError;
use serde_json::json;

use super::peer::{Peer, user};
use crate::{Fault, Faults, TenantOptions};

fn always(kind: Fault) -> Faults {
    Faults {
        seed: 7,
        share: 1.0,
        kinds: vec![kind],
    }
}

/// Each kind: what the client sees, and whether the write happened.
#[tokio::test(start_paused = true)]
async fn each_kind_does_what_it_says() {
    let table = [
        (Fault::TooManyRequests, Ok((429, "TooManyRequests")), false),
        (
            Fault::ServiceUnavailable,
            Ok((503, "serviceNotAvailable")),
            false,
        ),
        (Fault::GatewayTimeout, Ok((504, "generalException")), false),
        (
            Fault::Denied,
            Ok((403, "Authorization_RequestDenied")),
            false,
        ),
        (Fault::ResetBefore, Err(TransportError::Reset), false),
        (Fault::ResetAfter, Err(TransportError::Reset), true),
    ];
    for (kind, expected, written) in table {
        let peer = Peer::open(TenantOptions {
            faults: always(kind),
            ..TenantOptions::default()
        });
        let peer = peer.await;
        let got = peer.try_send("POST", "/users", Some(&user("mira"))).await;
        match (&got, &expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got.error(), *expected, "{kind:?}"),
            (Err(got), Err(expected)) => assert_eq!(got, expected, "{kind:?}"),
            _ => panic!("{kind:?}"),
        }
        assert_eq!(peer.tenant.users().len(), usize::from(written), "{kind:?}");
        let served = peer.tenant.history().pop().unwrap();
        assert_eq!((served.fault, served.changed), (Some(kind), written));
        assert_eq!(
            served.status,
            expected.map_or(0, |(status, _)| status),
            "{kind:?}"
        );
        // The next try finds what the lost answer left behind.
        peer.tenant.set_faults(Faults::none());
        let again = peer.send("POST", "/users", Some(&user("mira"))).await;
        assert_eq!(again.status, if written { 400 } else { 201 }, "{kind:?}");
    }
}

/// A 429 on purpose carries everything that a real one carries.
#[tokio::test(start_paused = true)]
async fn pretended_throttling_is_complete() {
    let peer = Peer::new().await;
    peer.tenant.set_faults(always(Fault::TooManyRequests));
    let read = peer.get("/users").await;
    assert!((1.0..=10.0).contains(&read.seconds()));
    assert!(
        read.header("x-ms-throttle-scope")
            .unwrap()
            .starts_with("Tenant_Application/ReadWrite/")
    );
    assert_eq!(
        read.header("x-ms-throttle-information"),
        Some("ResourceUnitLimitExceeded")
    );
    peer.tenant.set_faults(Faults::none());
    peer.clock.sleep(Duration::from_millis(10)).await;
    peer.get("/users").await;
    assert!(peer.tenant.history().last().unwrap().early);
    peer.clock
        .sleep(Duration::from_secs_f64(read.seconds()))
        .await;
    peer.get("/users").await;
    assert!(!peer.tenant.history().last().unwrap().early);
}

/// 503 says when to come back half of the time; only the same call is then early.
#[tokio::test(start_paused = true)]
async fn unavailable_speaks_to_the_same_call() {
    let peer = Peer::new().await;
    peer.tenant.set_faults(always(Fault::ServiceUnavailable));
    let mut said = 0;
    for n in 0..40 {
        said += usize::from(
            peer.get(&format!("/users?$top={}", n + 1))
                .await
                .headers
                .contains_key("retry-after"),
        );
    }
    assert!((8..=32).contains(&said), "{said} of 40");
    let target = loop {
        if peer
            .get("/users?$top=900")
            .await
            .header("retry-after")
            .is_some()
        {
            break "/users?$top=900";
        }
    };
    peer.tenant.set_faults(Faults::none());
    peer.clock.sleep(Duration::from_millis(500)).await;
    peer.get("/organization").await;
    assert!(!peer.tenant.history().last().unwrap().early);
    peer.get(target).await;
    assert!(peer.tenant.history().last().unwrap().early);
}

/// The share holds, the seed decides, signing in never fails.
#[tokio::test(start_paused = true)]
async fn faults_replay() {
    let run = async |seed| {
        let faults = Faults::documented(seed, 0.2);
        let mut peer = Peer::open(TenantOptions {
            faults,
            ..TenantOptions::default()
        })
        .await;
        let mut outcomes = Vec::new();
        for n in 0..1000 {
            if n % 100 == 0 {
                peer.sign_in(&TenantOptions::default()).await;
            }
            let got = peer.try_send("GET", "/users?$select=id", None).await;
            outcomes.push(got.map_or(0, |got| got.status));
        }
        outcomes
    };
    let first = run(1).await;
    let failed = first.iter().filter(|status| **status != 200).count();
    assert!((150..=250).contains(&failed), "{failed} of 1000");
    for status in [0, 429, 503, 504] {
        assert!(first.contains(&status), "{status}");
    }
    assert_eq!(first, run(1).await);
    assert_ne!(first, run(2).await);
}

/// In a batch each item can fail on its own, but no connection breaks inside it.
#[tokio::test(start_paused = true)]
async fn batches_fail_in_parts() {
    let peer = Peer::new().await;
    let item = |n: u32| json!({"id": n.to_string(), "method": "GET", "url": "/users"});
    let batch = json!({"requests": (0..20).map(item).collect::<Vec<_>>()});
    peer.tenant.set_faults(Faults {
        seed: 3,
        share: 0.5,
        kinds: vec![Fault::Denied],
    });
    let got = peer.send("POST", "/$batch", Some(&batch)).await;
    let denied = got.body["responses"].as_array().unwrap().iter();
    let denied = denied.filter(|response| response["status"] == 403).count();
    assert!((1..20).contains(&denied), "{denied}");
    peer.tenant.set_faults(always(Fault::ServiceUnavailable));
    assert_eq!(peer.send("POST", "/$batch", Some(&batch)).await.status, 503);
    peer.tenant.set_faults(always(Fault::ResetAfter));
    let before = peer.tenant.history().len();
    let lost = peer.try_send("POST", "/$batch", Some(&batch)).await;
    assert_eq!(lost.err(), Some(TransportError::Reset));
    let history = peer.tenant.history();
    assert_eq!(history.len() - before, 21, "the items were carried out");
    assert!(
        history[before..before + 20]
            .iter()
            .all(|served| served.status == 200)
    );
}

/// Intune says now and then for how long to wait, and now and then does not.
#[tokio::test(start_paused = true)]
async fn intune_throttles_without_a_word() {
    let peer = Peer::open(TenantOptions {
        faults: always(Fault::TooManyRequests),
        ..TenantOptions::default()
    })
    .await;
    let mut said = Vec::new();
    for _ in 0..20 {
        let got = peer.get("/deviceManagement/managedDevices").await;
        assert_eq!(got.error(), (429, "TooManyRequests"));
        said.push(got.header("retry-after").is_some());
        assert!(peer.get("/users").await.header("retry-after").is_some());
    }
    assert!(said.contains(&true) && said.contains(&false), "{said:?}");
}
