//! The login host.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::json;

use super::peer::{Peer, START, form};
use crate::encoding::base64url;
use crate::{Federated, TenantOptions};

/// A form that is wrong in one place → status, `error`, AADSTS code.
#[tokio::test(start_paused = true)]
async fn sign_in_can_fail() {
    let peer = Peer::new().await;
    let options = TenantOptions::default();
    let good = form(&options);
    let without = |field: &str| {
        let kept: Vec<&str> = good
            .split('&')
            .filter(|part| !part.starts_with(field))
            .collect();
        kept.join("&")
    };
    let table = [
        (
            good.replace("rehearsal-only", "other"),
            401,
            "invalid_client",
            7_000_215,
        ),
        (
            good.replace(&options.client_id, "someone"),
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            good.replace("client_credentials", "password"),
            400,
            "unsupported_grant_type",
            70_003,
        ),
        (
            good.replace(".default", "User.Read"),
            400,
            "invalid_scope",
            1_002_012,
        ),
        (without("grant_type"), 400, "invalid_request", 900_144),
        (without("client_id"), 400, "invalid_request", 900_144),
        (without("client_secret"), 400, "invalid_request", 900_144),
        (without("scope"), 400, "invalid_request", 900_144),
        (format!("{good}%"), 400, "invalid_request", 900_144),
    ];
    for (form, status, error, code) in table {
        let got = peer.form(&options.tenant_id, &form).await;
        assert_eq!(
            (got.status, got.body["error"].as_str()),
            (status, Some(error)),
            "{form}"
        );
        assert_eq!(got.body["error_codes"][0], code, "{form}");
        assert!(got.body["trace_id"].is_string() && got.body["correlation_id"].is_string());
        assert!(
            !got.body.to_string().contains("rehearsal-only"),
            "no secret is repeated"
        );
    }
    let got = peer
        .form("00000000-0000-4000-8000-0000000000ff", &good)
        .await;
    assert_eq!(
        (got.status, &got.body["error_codes"][0]),
        (400, &90_002.into())
    );
}

/// Claims of an assertion → AADSTS code; 0 is a token.
#[tokio::test(start_paused = true)]
async fn an_assertion_has_to_fit() {
    let options = TenantOptions {
        federated: vec![Federated {
            issuer: "https://issuer.example".to_owned(),
            subject: "arn:role/plan".to_owned(),
            audience: "api://AzureADTokenExchange".to_owned(),
        }],
        ..TenantOptions::default()
    };
    let peer = Peer::open(options.clone()).await;
    let now = START.parse::<jiff::Timestamp>().unwrap().as_second();
    let good = json!({
        "iss": "https://issuer.example", "sub": "arn:role/plan",
        "aud": ["api://AzureADTokenExchange"], "exp": now + 300, "nbf": now,
    });
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let word = |claims: &serde_json::Value| {
        let part = base64url(claims.to_string().as_bytes());
        format!("e30.{part}.c2ln")
    };
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    for (assertion, kind, code) in [
        (word(&good), kind, 0),
        (
            word(&with("iss", json!("https://other.example"))),
            kind,
            700_211,
        ),
        (word(&with("aud", json!("api://other"))), kind, 700_212),
        (word(&with("sub", json!("arn:role/pull"))), kind, 700_213),
        (word(&with("exp", json!(now))), kind, 700_024),
        (word(&with("nbf", json!(now + 60))), kind, 700_024),
        ("e30.???.c2ln".to_owned(), kind, 5_002_723),
        ("only-one-part".to_owned(), kind, 5_002_723),
        (word(&good), "saml", 900_144),
    ] {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_assertion_type={kind}\
             &client_assertion={assertion}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
            options.client_id
        );
        let got = peer.form(&options.tenant_id, &form).await;
        let found = got.body["error_codes"][0].as_u64().unwrap_or(0);
        assert_eq!(found, code, "{form}");
        assert_eq!(got.body["access_token"].is_string(), code == 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_looks_as_documented() {
    let peer = Peer::new().await;
    let options = TenantOptions::default();
    let got = peer.form(&options.tenant_id, &form(&options)).await;
    assert_eq!(
        (&got.body["token_type"], &got.body["expires_in"]),
        (&"Bearer".into(), &3599.into())
    );
    let token = got.body["access_token"].as_str().unwrap();
    assert_eq!(token.split('.').count(), 3);
    // The verified domain names the tenant too.
    assert_eq!(
        peer.form("woodgrove.example", &form(&options)).await.status,
        200
    );
}

/// Header → 401; and a good token ends with its hour.
#[tokio::test(start_paused = true)]
async fn calls_need_a_token() {
    let mut peer = Peer::new().await;
    for authorization in [
        None,
        Some("Bearer "),
        Some("Bearer x.y.z"),
        Some("Basic eDp5"),
    ] {
        let mut request = Request::get("https://graph.microsoft.com/v1.0/users");
        if let Some(text) = authorization {
            request = request.header("authorization", text);
        }
        let got = peer.raw(request.body(Bytes::new()).unwrap()).await.unwrap();
        assert_eq!(
            got.error(),
            (401, "InvalidAuthenticationToken"),
            "{authorization:?}"
        );
    }
    peer.clock.sleep(Duration::from_secs(3598)).await;
    assert_eq!(peer.get("/users").await.status, 200);
    peer.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(
        peer.get("/users").await.error(),
        (401, "InvalidAuthenticationToken")
    );
    peer.sign_in(&TenantOptions::default()).await;
    assert_eq!(peer.get("/users").await.status, 200);
}
