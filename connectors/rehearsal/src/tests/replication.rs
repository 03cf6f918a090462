//! What a lagging replica shows.

use std::time::Duration;

use serde_json::json;

use super::peer::{Got, Peer, user};
use crate::TenantOptions;

const GONE: (u16, &str) = (404, "Request_ResourceNotFound");

async fn lagging() -> Peer {
    let replication_delay = Duration::from_secs(30);
    Peer::open(TenantOptions {
        replication_delay,
        ..TenantOptions::default()
    })
    .await
}

fn count(got: &Got) -> usize {
    got.body["value"].as_array().unwrap().len()
}

/// A new account is there for uniqueness and for writes by id, and nowhere else before the delay
/// is over.
#[tokio::test(start_paused = true)]
async fn new_accounts_appear_late() {
    let peer = lagging().await;
    let old = peer.tenant.put_user(user("old")).unwrap();
    let id = peer.create("mira").await;
    let path = format!("/users/{id}");
    let manager = format!("/users/{old}/manager/$ref");
    let by_key = "/users?$filter=employeeId%20eq%20'E-mira'";
    let by_id = format!("/users?$filter=id%20eq%20'{id}'");
    assert_eq!(
        peer.send("POST", "/users", Some(&user("mira")))
            .await
            .status,
        400
    );
    peer.clock.sleep(Duration::from_millis(29_999)).await;
    assert_eq!(count(&peer.get(by_key).await), 0);
    assert_eq!(count(&peer.get(&by_id).await), 0);
    assert_eq!(count(&peer.get("/users").await), 1);
    let job = json!({"jobTitle": "Clerk"});
    assert_eq!(peer.send("PATCH", &path, Some(&job)).await.status, 204);
    assert_eq!(
        peer.send("PUT", &manager, Some(&Peer::reference(&id)))
            .await
            .error(),
        GONE
    );
    // The other way about: the new one can be given a manager.
    let own = format!("/users/{id}/manager/$ref");
    assert_eq!(
        peer.send("PUT", &own, Some(&Peer::reference(&old)))
            .await
            .status,
        204
    );
    for unseen in [
        &path,
        "/users/mira@woodgrove.example",
        &format!("{path}/manager"),
        &format!("{path}/manager/$ref"),
    ] {
        assert_eq!(peer.get(unseen).await.error(), GONE, "{unseen}");
    }
    peer.clock.sleep(Duration::from_millis(1)).await;
    let shown = peer.get(&path).await;
    assert_eq!(
        (shown.status, &shown.body["jobTitle"]),
        (200, &job["jobTitle"])
    );
    assert_eq!(count(&peer.get(by_key).await), 1);
    assert_eq!(count(&peer.get("/users").await), 2);
    assert_eq!(peer.get("/users/mira@woodgrove.example").await.status, 200);
    assert_eq!(
        peer.send("PUT", &manager, Some(&Peer::reference(&id)))
            .await
            .status,
        204
    );
}

/// Filters and lists show the old values for a while, each change on its own time.
#[tokio::test(start_paused = true)]
async fn changes_appear_late() {
    let peer = lagging().await;
    let id = peer.tenant.put_user(user("mira")).unwrap();
    let path = format!("/users/{id}");
    let shown = async || {
        let list = peer.get("/users?$select=employeeId").await.body;
        list["value"][0]["employeeId"].as_str().map(str::to_owned)
    };
    let found = async |key: &str| {
        count(
            &peer
                .get(&format!("/users?$filter=employeeId%20eq%20'{key}'"))
                .await,
        )
    };
    peer.send("PATCH", &path, Some(&json!({"employeeId": "E-2"})))
        .await;
    peer.clock.sleep(Duration::from_secs(10)).await;
    peer.send("PATCH", &path, Some(&json!({"employeeId": "E-3"})))
        .await;
    let strong = peer.get(&format!("{path}?$select=employeeId")).await.body;
    assert_eq!(strong["employeeId"], "E-3");
    assert_eq!(shown().await.as_deref(), Some("E-mira"));
    assert_eq!((found("E-mira").await, found("E-3").await), (1, 0));
    peer.clock.sleep(Duration::from_secs(20)).await;
    assert_eq!(shown().await.as_deref(), Some("E-2"));
    assert_eq!(
        (
            found("E-mira").await,
            found("E-2").await,
            found("E-3").await
        ),
        (0, 1, 0)
    );
    peer.clock.sleep(Duration::from_secs(10)).await;
    assert_eq!(shown().await.as_deref(), Some("E-3"));
    assert_eq!((found("E-2").await, found("E-3").await), (0, 1));
    peer.send("DELETE", &path, None).await;
    assert_eq!(peer.get(&path).await.error(), GONE);
    assert_eq!(shown().await.as_deref(), Some("E-3"), "still listed");
    peer.clock.sleep(Duration::from_secs(30)).await;
    assert_eq!(shown().await, None);
}
