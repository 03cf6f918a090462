//! Temporary Access Passes: one a user, and its secret once.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::peer::{Got, Peer, user};
use crate::{PassPolicy, Size, TenantOptions, Throttle};

const BAD: (u16, &str) = (400, "Request_BadRequest");
const DENIED: (u16, &str) = (403, "Authorization_RequestDenied");
const GONE: (u16, &str) = (404, "Request_ResourceNotFound");

async fn with(options: TenantOptions) -> (Peer, String) {
    let peer = Peer::open(options).await;
    let id = peer.tenant.put_user(user("mira")).unwrap();
    (peer, id)
}

fn unmetered() -> TenantOptions {
    TenantOptions {
        throttle: Throttle::Off,
        ..TenantOptions::default()
    }
}

fn passes(user: &str) -> String {
    format!("/users/{user}/authentication/temporaryAccessPassMethods")
}

impl Peer {
    async fn pass(&self, user: &str, body: Json) -> Got {
        self.send("POST", &passes(user), Some(&body)).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_shown_once() {
    let (peer, mira) = with(unmetered()).await;
    let got = peer
        .pass(
            &mira,
            json!({"lifetimeInMinutes": 120, "isUsableOnce": true}),
        )
        .await;
    assert_eq!(got.status, 201, "{}", got.body);
    let secret = got.body["temporaryAccessPass"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 8);
    assert_eq!(got.body["isUsable"], true);
    let one = format!("{}/{}", passes(&mira), got.id());
    let methods = format!("/users/{mira}/authentication/methods");
    for target in [&passes(&mira), &one, &methods] {
        let got = peer.get(target).await;
        assert_eq!(got.status, 200, "{target}");
        assert!(!got.body.to_string().contains(&secret), "{target}");
    }
    let got = peer.get(&one).await.body;
    assert_eq!(
        (&got["temporaryAccessPass"], &got["lifetimeInMinutes"]),
        (&Json::Null, &120.into())
    );
    assert!(!peer.tenant.digest().contains(&secret));
    assert!(!peer.tenant.users()[0].to_string().contains(&secret));
}

#[tokio::test(start_paused = true)]
async fn a_new_pass_replaces_the_old_one() {
    let (peer, mira) = with(unmetered()).await;
    let first = peer.pass(&mira, json!({})).await;
    let second = peer.pass(&mira, json!({})).await;
    assert_ne!(first.id(), second.id());
    assert_ne!(
        first.body["temporaryAccessPass"],
        second.body["temporaryAccessPass"]
    );
    let list = peer.get(&passes(&mira)).await.body;
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
    let old = format!("{}/{}", passes(&mira), first.id());
    assert_eq!(peer.get(&old).await.error(), GONE);
    assert_eq!(peer.tenant.users()[0]["passesIssued"], 2);
    let new = format!("{}/{}", passes(&mira), second.id());
    assert_eq!(peer.send("DELETE", &new, None).await.status, 204);
    assert_eq!(peer.send("DELETE", &new, None).await.error(), GONE);
    assert_eq!(peer.send("PATCH", &new, Some(&json!({}))).await.status, 405);
    assert_eq!(
        peer.tenant.users()[0]["passesIssued"],
        2,
        "they were made all the same"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pass_has_its_time() {
    let (mut peer, mira) = with(unmetered()).await;
    let body = json!({"startDateTime": "2026-03-16T03:00:00Z", "lifetimeInMinutes": 60});
    let got = peer.pass(&mira, body).await;
    assert_eq!(got.body["methodUsabilityReason"], "NotYetValid");
    let one = format!("{}/{}", passes(&mira), got.id());
    for reason in ["EnabledByPolicy", "Expired"] {
        peer.after(Duration::from_hours(1)).await;
        let got = peer.get(&one).await.body;
        assert_eq!(got["methodUsabilityReason"], reason);
        assert_eq!(got["isUsable"], reason == "EnabledByPolicy");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_pass() {
    let (peer, mira) = with(unmetered()).await;
    for body in [
        json!({"lifetimeInMinutes": 59}),
        json!({"lifetimeInMinutes": 481}),
        json!({"lifetimeInMinutes": "60"}),
        json!({"lifetimeInMinutes": 60.5}),
        json!({"lifeTimeInMinutes": 60}),
        json!({"isUsableOnce": "true"}),
        json!({"startDateTime": "2026-03-17"}),
        json!({"startDateTime": "2026-03-16T01:59:59Z"}),
        json!({"temporaryAccessPass": "let-me-in"}),
        json!({"isUsable": true}),
        json!({"id": "x"}),
        json!([]),
    ] {
        let got = peer.pass(&mira, body.clone()).await;
        assert_eq!(got.status, 400, "{body}");
    }
    assert_eq!(peer.tenant.users()[0].get("passesIssued"), None);
    let nobody = "00000000-0000-4000-8000-00000000000f";
    assert_eq!(peer.pass(nobody, json!({})).await.error(), GONE);
    let got = peer.send("POST", &passes(&mira), None).await;
    assert_eq!(got.error(), (400, "BadRequest"), "without a body");
}

#[tokio::test(start_paused = true)]
async fn the_policy_is_kept() {
    let (peer, mira) = with(TenantOptions {
        passes: PassPolicy {
            usable_once: true,
            maximum_minutes: 43_200,
            minimum_minutes: 10,
            ..PassPolicy::default()
        },
        ..unmetered()
    })
    .await;
    let policy = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/\
                  temporaryAccessPass";
    let got = peer.get(policy).await.body;
    assert_eq!(
        (&got["isUsableOnce"], &got["maximumLifetimeInMinutes"]),
        (&true.into(), &43_200.into())
    );
    assert_eq!(
        peer.send("PATCH", policy, Some(&json!({}))).await.status,
        405
    );
    assert_eq!(
        peer.pass(&mira, json!({"isUsableOnce": false}))
            .await
            .error(),
        BAD
    );
    assert_eq!(peer.pass(&mira, json!({})).await.body["isUsableOnce"], true);
    let got = peer.pass(&mira, json!({"lifetimeInMinutes": 43_201})).await;
    assert_eq!(got.error(), BAD);
    let (peer, mira) = with(TenantOptions {
        passes: PassPolicy {
            enabled: false,
            ..PassPolicy::default()
        },
        ..unmetered()
    })
    .await;
    assert_eq!(peer.pass(&mira, json!({})).await.error(), BAD);
}

/// Permission → may read, create, read the policy.
#[tokio::test(start_paused = true)]
async fn passes_have_permissions_of_their_own() {
    for (role, reads, creates, policy) in [
        ("User.ReadWrite.All", false, false, false),
        ("UserAuthMethod-TAP.Read.All", true, false, false),
        ("UserAuthMethod-TAP.ReadWrite.All", true, true, false),
        ("UserAuthMethod-Passkey.ReadWrite.All", false, false, false),
        ("UserAuthenticationMethod.ReadWrite.All", true, true, false),
        ("Policy.Read.AuthenticationMethod", false, false, true),
    ] {
        let (peer, mira) = with(TenantOptions {
            roles: vec![role.to_owned()],
            ..unmetered()
        })
        .await;
        assert_eq!(
            peer.get(&passes(&mira)).await.status == 200,
            reads,
            "{role}"
        );
        let got = peer.pass(&mira, json!({})).await;
        assert_eq!(got.status == 201, creates, "{role}");
        if !creates {
            assert_eq!(got.error(), DENIED);
        }
        let target = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/\
                      TemporaryAccessPass";
        assert_eq!(peer.get(target).await.status == 200, policy, "{role}");
    }
}

/// They count as reports: five in ten seconds.
#[tokio::test(start_paused = true)]
async fn passes_run_out() {
    let (peer, mira) = with(TenantOptions {
        throttle: Throttle::Documented { size: Size::L },
        ..TenantOptions::default()
    })
    .await;
    for n in 0..5 {
        assert_eq!(peer.pass(&mira, json!({})).await.status, 201, "{n}");
    }
    let got = peer.pass(&mira, json!({})).await;
    assert_eq!(got.error(), (429, "TooManyRequests"));
    peer.clock
        .sleep(Duration::from_secs_f64(got.seconds()))
        .await;
    assert_eq!(peer.pass(&mira, json!({})).await.status, 201);
    assert_eq!(peer.tenant.users()[0]["passesIssued"], 6);
}

/// Of a new account that replicas do not know yet there is no pass.
#[tokio::test(start_paused = true)]
async fn a_new_account_has_to_arrive() {
    let peer = Peer::open(TenantOptions {
        replication_delay: Duration::from_secs(30),
        ..unmetered()
    })
    .await;
    let mira = peer.create("mira").await;
    assert_eq!(peer.pass(&mira, json!({})).await.error(), GONE);
    peer.clock.sleep(Duration::from_secs(30)).await;
    assert_eq!(peer.pass(&mira, json!({})).await.status, 201);
}
