//! Failures on purpose.

use std::time::Duration;

use rollcall_http::TransportError;
use serde_json::json;

use super::devices::laptop;
use super::groups::group;
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

/// What was asked → the answer that nobody saw, the one that came, whether the second delivery changed
/// anything.
#[tokio::test(start_paused = true)]
async fn a_call_is_delivered_twice() {
    let mut peer = Peer::new().await;
    let noor = peer.create("noor").await;
    let pia = peer.create("pia").await;
    let sales = peer.made(&group("sales")).await;
    let placed = peer.tenant.put_device(&laptop(&noor)).unwrap();
    let managed = placed.managed.unwrap();
    let wipe = format!("/deviceManagement/managedDevices/{managed}/wipe");
    let members = format!("/groups/{sales}/members");
    let mut born = group("born");
    born["uniqueName"] = "born".into();
    let reference = Peer::reference(&noor);
    let title = json!({"jobTitle": "Clerk"});
    let reset = json!({"passwordProfile": {"password": "Rehearsal-2"}});
    let twins = group("twins");
    peer.tenant.set_faults(always(Fault::Duplicate));
    let table = [
        (
            "POST",
            "/users".to_owned(),
            Some(user("mira")),
            [201, 400],
            false,
        ),
        ("POST", "/groups".to_owned(), Some(born), [201, 400], false),
        ("POST", "/groups".to_owned(), Some(twins), [201, 201], true),
        (
            "POST",
            format!("{members}/$ref"),
            Some(reference),
            [204, 400],
            false,
        ),
        ("GET", members.clone(), None, [200, 200], false),
        (
            "DELETE",
            format!("{members}/{noor}/$ref"),
            None,
            [204, 404],
            false,
        ),
        (
            "PATCH",
            format!("/users/{noor}"),
            Some(title),
            [204, 204],
            false,
        ),
        (
            "PATCH",
            format!("/users/{noor}"),
            Some(reset),
            [204, 204],
            true,
        ),
        ("POST", wipe, None, [204, 204], true),
        ("DELETE", format!("/users/{pia}"), None, [204, 404], false),
        ("GET", "/nothing".to_owned(), None, [404, 404], false),
    ];
    for (method, target, body, statuses, changed) in table {
        let before = peer.tenant.history().len();
        let got = peer.send(method, &target, body.as_ref()).await;
        let history = peer.tenant.history().split_off(before);
        let [first, second] = history.as_slice() else {
            panic!("{method} {target}: {history:?}");
        };
        assert_eq!([first.status, second.status], statuses, "{method} {target}");
        assert_eq!(got.status, statuses[1], "{method} {target}");
        assert_eq!((first.again, second.again), (false, true));
        let both = [first.fault, second.fault];
        assert_eq!(both, [Some(Fault::Duplicate); 2], "{method} {target}");
        assert_eq!(first.changed, method != "GET", "{method} {target}");
        assert_eq!(second.changed, changed, "{method} {target}");
        assert_eq!(
            (&first.method, first.template),
            (&second.method, second.template)
        );
        if statuses == [201, 201] {
            assert_eq!(
                second.object,
                Some(got.id()),
                "the client knows the second one"
            );
            assert_ne!(first.object, second.object);
        }
        match statuses[1] {
            400 => {
                let (status, code) = got.error();
                assert_eq!((status, code), (400, "Request_BadRequest"), "{target}");
                let message = got.body["error"]["message"].as_str().unwrap();
                assert!(message.contains("already exist"), "{message}");
            }
            404 if method == "DELETE" => {
                assert_eq!(got.error(), (404, "Request_ResourceNotFound"));
            }
            _ => {}
        }
    }
    let users = peer.tenant.users();
    let of = |name: &str| users.iter().filter(|it| it["mailNickname"] == name).count();
    assert_eq!((of("mira"), of("noor")), (1, 1));
    let noor = users
        .iter()
        .find(|it| it["mailNickname"] == "noor")
        .unwrap();
    assert_eq!(noor["passwordResets"], 2);
    let groups = peer.tenant.groups();
    let of = |name: &str| {
        groups
            .iter()
            .filter(|it| it["mailNickname"] == name)
            .count()
    };
    assert_eq!((of("sales"), of("born"), of("twins")), (1, 1, 2));
    // Commanded twice, and wiped once.
    peer.tenant.set_faults(Faults::none());
    peer.after(Duration::from_hours(1)).await;
    assert_eq!(peer.tenant.hardware()[0].wiped, 1);
    let events = peer.get("/deviceManagement/auditEvents").await;
    let [one, two] = events.body["value"].as_array().unwrap().as_slice() else {
        panic!("{}", events.body);
    };
    let both = [&one["activity"], &two["activity"]];
    assert_eq!(both, ["wipe", "wipe"]);
    assert_eq!(one["resources"][0]["resourceId"], managed.as_str());
    assert_ne!(one["id"], two["id"]);
}

/// Each delivery counts against the quotas: the second one may come too often.
#[tokio::test(start_paused = true)]
async fn both_deliveries_count() {
    let peer = Peer::new().await;
    let mira = peer.create("mira").await;
    let methods = format!("/users/{mira}/authentication/methods");
    peer.tenant.set_faults(always(Fault::Duplicate));
    // Five in ten seconds.
    for expected in [200, 200, 429] {
        assert_eq!(peer.get(&methods).await.status, expected);
    }
    let served = peer.tenant.history();
    let statuses = served[served.len() - 6..].iter().map(|it| it.status);
    assert_eq!(
        statuses.collect::<Vec<u16>>(),
        [200, 200, 200, 200, 200, 429]
    );
    assert!(
        served.iter().all(|it| !it.early),
        "nobody was told to wait before"
    );
}

/// What both deliveries did is in the journal.
#[tokio::test(start_paused = true)]
async fn both_deliveries_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let options = TenantOptions {
        journal: Some(folder.path().join("tenant.jsonl")),
        ..TenantOptions::default()
    };
    let peer = Peer::open(options.clone()).await;
    peer.tenant.set_faults(always(Fault::Duplicate));
    peer.send("POST", "/groups", Some(&group("twins"))).await;
    peer.send("POST", "/users", Some(&user("mira"))).await;
    let next = Peer::open(options).await.tenant;
    assert_eq!((next.groups().len(), next.users().len()), (2, 1));
    assert_eq!(next.digest(), peer.tenant.digest());
}

/// In a batch some items come twice and others once; the envelope comes once.
#[tokio::test(start_paused = true)]
async fn items_are_delivered_twice() {
    let peer = Peer::new().await;
    let headers = json!({"Content-Type": "application/json"});
    let item = |n: u32| {
        let body = user(&format!("w{n}"));
        json!({"id": n.to_string(), "method": "POST", "url": "/users", "headers": headers, "body": body})
    };
    let batch = json!({"requests": (0..20).map(item).collect::<Vec<_>>()});
    peer.tenant.set_faults(Faults {
        seed: 3,
        share: 0.5,
        kinds: vec![Fault::Duplicate],
    });
    let got = peer.send("POST", "/$batch", Some(&batch)).await;
    let responses = got.body["responses"].as_array().unwrap();
    assert_eq!((got.status, responses.len()), (200, 20));
    let of = |status: u16| responses.iter().filter(|it| it["status"] == status).count();
    assert!((1..20).contains(&of(400)), "{}", of(400));
    assert_eq!(of(201) + of(400), 20);
    assert_eq!(peer.tenant.users().len(), 20, "each is there, once");
    let history = peer.tenant.history();
    let items = history.iter().filter(|it| it.in_batch);
    assert_eq!(items.count(), 20 + of(400));
    let again: Vec<usize> = (0..history.len()).filter(|at| history[*at].again).collect();
    assert_eq!(again.len(), of(400));
    for at in again {
        assert_eq!(history[at].status, 400);
        let first = &history[at - 1];
        assert_eq!(
            (first.status, first.again, first.changed),
            (201, false, true)
        );
    }
    let envelopes = history.iter().filter(|it| it.template == "/$batch");
    let envelopes: Vec<_> = envelopes.map(|it| (it.fault, it.again)).collect();
    assert_eq!(envelopes, [(None, false)]);
    peer.tenant.set_faults(always(Fault::Duplicate));
    peer.send("POST", "/$batch", Some(&batch)).await;
    let history = peer.tenant.history();
    let envelopes = history.iter().filter(|it| it.template == "/$batch");
    assert_eq!(envelopes.count(), 2);
}

/// Which calls come twice hangs on the seed alone: what is delivered twice is drawn for once.
#[tokio::test(start_paused = true)]
async fn duplicates_replay() {
    let run = async |kinds: Vec<Fault>| {
        let peer = Peer::new().await;
        peer.tenant.set_faults(Faults {
            seed: 11,
            share: 0.3,
            kinds,
        });
        for _ in 0..200 {
            peer.get("/organization").await;
        }
        let history = peer.tenant.history().into_iter();
        let calls = history.filter(|it| it.template == "/organization" && !it.again);
        calls.map(|it| it.fault.is_some()).collect::<Vec<bool>>()
    };
    let once = run(vec![Fault::Denied]).await;
    assert_eq!(once.len(), 200);
    assert!(once.contains(&true) && once.contains(&false));
    assert_eq!(run(vec![Fault::Duplicate]).await, once);
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
