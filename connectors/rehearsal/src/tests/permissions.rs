//! Application permissions.

use serde_json::{Value as Json, json};

use super::peer::{Peer, user};
use crate::TenantOptions;

const DENIED: (u16, &str) = (403, "Authorization_RequestDenied");

async fn with(roles: &[&str]) -> (Peer, String) {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    let peer = Peer::open(TenantOptions {
        roles,
        ..TenantOptions::default()
    })
    .await;
    let id = peer.tenant.put_user(user("mira")).unwrap();
    (peer, id)
}

/// Method, path behind the user, body.
type Sent = (&'static str, &'static str, Option<Json>);

/// Permissions, method, path behind the user, body → allowed?
#[tokio::test(start_paused = true)]
async fn each_call_needs_its_permission() {
    const ALL: &str = "User.ReadWrite.All";
    let patch = |name: &str, value: Json| ("PATCH", "", Some(json!({name: value})));
    let leave = || patch("employeeLeaveDateTime", json!("2026-04-01T00:00:00Z"));
    let password = || patch("passwordProfile", json!({"password": "Rehearsal-2"}));
    let revoke = || ("POST", "/revokeSignInSessions", None);
    let table: Vec<(&[&str], Sent, bool)> = vec![
        (&[], ("GET", "", None), false),
        (&["User.Read.All"], ("GET", "", None), true),
        (
            &["User.Read.All"],
            ("GET", "?$select=employeeLeaveDateTime", None),
            false,
        ),
        (
            &["User.Read.All", "User-LifeCycleInfo.Read.All"],
            ("GET", "?$select=employeeLeaveDateTime", None),
            true,
        ),
        (&["User.Read.All"], patch("jobTitle", json!("x")), false),
        (&[ALL], patch("jobTitle", json!("x")), true),
        (
            &["User.EnableDisableAccount.All"],
            patch("accountEnabled", json!(true)),
            true,
        ),
        (
            &["User.EnableDisableAccount.All"],
            patch("jobTitle", json!("x")),
            false,
        ),
        (
            &["User-Phone.ReadWrite.All"],
            patch("mobilePhone", json!("1")),
            true,
        ),
        (
            &["User-Mail.ReadWrite.All"],
            patch("otherMails", json!([])),
            true,
        ),
        (&[ALL], leave(), false),
        (&["User-LifeCycleInfo.ReadWrite.All"], leave(), true),
        (&[ALL], password(), false),
        (&["User-PasswordProfile.ReadWrite.All"], password(), true),
        (&[ALL], patch("identities", json!([])), false),
        (&[ALL], patch("customSecurityAttributes", json!({})), false),
        (&["User.Read.All"], ("PATCH", "", Some(json!({}))), false),
        (&["User.Read.All"], revoke(), false),
        (&["User.RevokeSessions.All"], revoke(), true),
        (&["User.Read.All"], ("DELETE", "", None), false),
        (&["User.DeleteRestore.All"], ("DELETE", "", None), true),
        (&["User.Read.All"], ("DELETE", "/manager/$ref", None), false),
        (
            &["User.Read.All"],
            ("PUT", "/manager/$ref", Some(json!({}))),
            false,
        ),
        (&[], ("GET", "/manager", None), false),
    ];
    for (roles, (method, behind, body), allowed) in table {
        let (peer, id) = with(roles).await;
        let got = peer
            .send(method, &format!("/users/{id}{behind}"), body.as_ref())
            .await;
        if allowed {
            assert!(
                got.status < 300,
                "{roles:?} {method} {behind} {body:?}: {}",
                got.body
            );
        } else {
            assert_eq!(got.error(), DENIED, "{roles:?} {method} {behind} {body:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lists_creates_and_the_organization() {
    let (peer, _) = with(&[]).await;
    assert_eq!(peer.get("/users").await.error(), DENIED);
    assert_eq!(peer.get("/organization").await.error(), DENIED);
    assert_eq!(
        peer.send("POST", "/users", Some(&user("noor")))
            .await
            .error(),
        DENIED
    );
    let (peer, _) = with(&["User.ReadWrite.All"]).await;
    let mut leaving = user("noor");
    leaving["employeeLeaveDateTime"] = json!("2026-04-01T00:00:00Z");
    assert_eq!(
        peer.send("POST", "/users", Some(&leaving)).await.error(),
        DENIED
    );
    assert_eq!(
        peer.send("POST", "/users", Some(&user("noor")))
            .await
            .status,
        201
    );
}
