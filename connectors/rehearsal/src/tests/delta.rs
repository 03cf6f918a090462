//! What a client is told that asks again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::peer::{Got, Peer, user};
use crate::TenantOptions;

const BAD: (u16, &str) = (400, "Request_BadRequest");
const UNSUPPORTED: (u16, &str) = (400, "Request_UnsupportedQuery");

impl Peer {
    /// Follows a link, which stays with the host that gave it.
    async fn follow(&self, link: &str) -> Got {
        let target = link
            .strip_prefix("https://graph.microsoft.com/v1.0")
            .unwrap();
        self.get(target).await
    }

    /// A round: who was told of, the last word about each, and the link of the next round.
    async fn round(&self, first: Got) -> (BTreeMap<String, Json>, String) {
        let mut all = BTreeMap::new();
        let mut got = first;
        loop {
            assert_eq!(got.status, 200, "{}", got.body);
            for item in got.body["value"].as_array().unwrap() {
                all.insert(item["id"].as_str().unwrap().to_owned(), item.clone());
            }
            let Some(next) = got.body["@odata.nextLink"].as_str() else {
                let link = got.body["@odata.deltaLink"].as_str().unwrap();
                return (all, link.to_owned());
            };
            got = self.follow(next).await;
        }
    }

    async fn patch(&self, id: &str, body: Json) {
        let got = self
            .send("PATCH", &format!("/users/{id}"), Some(&body))
            .await;
        assert_eq!(got.status, 204, "{}", got.body);
    }
}

#[tokio::test(start_paused = true)]
async fn changes_come_once() {
    let peer = Peer::new().await;
    let mira = peer.tenant.put_user(user("mira")).unwrap();
    let noor = peer.tenant.put_user(user("noor")).unwrap();
    let first = peer
        .get("/users/delta?$select=displayName,jobTitle,accountEnabled")
        .await;
    let (all, link) = peer.round(first).await;
    assert_eq!(all.len(), 2);
    assert_eq!(all[&mira]["displayName"], "Test mira");
    assert_eq!(
        all[&mira].get("jobTitle"),
        None,
        "what is not set is left out"
    );
    let (none, link) = peer.round(peer.follow(&link).await).await;
    assert!(none.is_empty());
    peer.patch(&mira, json!({"jobTitle": "Baker"})).await;
    peer.patch(&noor, json!({"department": "Sales"})).await;
    let ola = peer.create("ola").await;
    let (some, later) = peer.round(peer.follow(&link).await).await;
    assert_eq!(some.keys().collect::<Vec<_>>().len(), 2, "{some:?}");
    assert_eq!(some[&mira]["jobTitle"], "Baker");
    assert!(
        some.contains_key(&ola) && !some.contains_key(&noor),
        "not selected"
    );
    // The same link says the same again.
    assert_eq!(peer.round(peer.follow(&link).await).await.0, some);
    assert!(peer.round(peer.follow(&later).await).await.0.is_empty());
    peer.patch(&mira, json!({"jobTitle": null})).await;
    let (some, _) = peer.round(peer.follow(&later).await).await;
    assert_eq!(some[&mira]["jobTitle"], Json::Null, "cleared");
}

#[tokio::test(start_paused = true)]
async fn the_removed_say_why() {
    let mut peer = Peer::new().await;
    let mira = peer.tenant.put_user(user("mira")).unwrap();
    let (_, link) = peer.round(peer.get("/users/delta").await).await;
    let path = format!("/users/{mira}");
    assert_eq!(peer.send("DELETE", &path, None).await.status, 204);
    let (some, mut link) = peer.round(peer.follow(&link).await).await;
    let removed = json!({"id": mira, "@removed": {"reason": "changed"}});
    assert_eq!(some[&mira], removed);
    let restore = format!("/directory/deletedItems/{mira}/restore");
    assert_eq!(peer.send("POST", &restore, None).await.status, 200);
    let (some, next) = peer.round(peer.follow(&link).await).await;
    assert_eq!(some[&mira]["displayName"], "Test mira", "brought back");
    link = next;
    assert_eq!(peer.send("DELETE", &path, None).await.status, 204);
    let mut told = Vec::new();
    for _ in 0..6 {
        let (some, next) = peer.round(peer.follow(&link).await).await;
        told.extend(some.get(&mira).map(|it| it["@removed"]["reason"].clone()));
        link = next;
        peer.after(Duration::from_hours(24 * 6)).await;
    }
    assert_eq!(told, ["changed", "deleted"], "purged after thirty days");
    let (all, _) = peer.round(peer.get("/users/delta").await).await;
    assert!(all.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_over_after_a_week() {
    let mut peer = Peer::new().await;
    peer.tenant.put_user(user("mira")).unwrap();
    let (_, link) = peer.round(peer.get("/users/delta").await).await;
    peer.after(Duration::from_hours(24 * 7 - 1)).await;
    assert_eq!(peer.follow(&link).await.status, 200);
    peer.after(Duration::from_hours(1)).await;
    assert_eq!(peer.follow(&link).await.error(), (400, "syncStateNotFound"));
}

#[tokio::test(start_paused = true)]
async fn a_reset_says_where_to_begin() {
    let peer = Peer::new().await;
    let mira = peer.tenant.put_user(user("mira")).unwrap();
    let (_, link) = peer
        .round(peer.get("/users/delta?$select=jobTitle").await)
        .await;
    peer.tenant.reset_delta();
    let got = peer.follow(&link).await;
    assert_eq!(got.error(), (410, "resyncRequired"));
    let begin = got.header("location").unwrap().to_owned();
    assert!(begin.contains("$deltatoken=&$select=jobTitle"), "{begin}");
    let (all, link) = peer.round(peer.follow(&begin).await).await;
    assert_eq!(all.keys().collect::<Vec<_>>(), [&mira]);
    assert_eq!(peer.follow(&link).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn pages_of_a_round() {
    let peer = Peer::new().await;
    let ids: Vec<String> = (0..250)
        .map(|n| peer.tenant.put_user(user(&format!("u{n}"))).unwrap())
        .collect();
    let first = peer.get("/users/delta?$select=id").await;
    assert_eq!(first.body["value"].as_array().unwrap().len(), 100);
    let next = first.body["@odata.nextLink"].as_str().unwrap().to_owned();
    assert!(first.body.get("@odata.deltaLink").is_none());
    let (all, _) = peer.round(first).await;
    assert_eq!(all.len(), ids.len());
    let mixed = next.replace("$skiptoken", "$deltatoken");
    assert_eq!(
        peer.follow(&mixed).await.error(),
        BAD,
        "tokens are of two kinds"
    );
}

#[tokio::test(start_paused = true)]
async fn from_now_on_and_of_some() {
    let peer = Peer::new().await;
    let mira = peer.tenant.put_user(user("mira")).unwrap();
    let noor = peer.tenant.put_user(user("noor")).unwrap();
    let got = peer.get("/users/delta?$deltaToken=latest").await;
    let (none, link) = peer.round(got).await;
    assert!(none.is_empty());
    let of = format!("/users/delta?$filter=id%20eq%20'{mira}'%20or%20id%20eq%20'{mira}'");
    let (one, scoped) = peer.round(peer.get(&of).await).await;
    assert_eq!(one.keys().collect::<Vec<_>>(), [&mira]);
    peer.patch(&noor, json!({"jobTitle": "x"})).await;
    let (some, _) = peer.round(peer.follow(&link).await).await;
    assert_eq!(some.keys().collect::<Vec<_>>(), [&noor]);
    assert!(peer.round(peer.follow(&scoped).await).await.0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn managers_and_the_changed_alone() {
    let peer = Peer::new().await;
    let mira = peer.tenant.put_user(user("mira")).unwrap();
    let noor = peer.tenant.put_user(user("noor")).unwrap();
    let first = peer
        .get("/users/delta?$select=displayName,jobTitle,manager")
        .await;
    let (_, link) = peer.round(first).await;
    let path = format!("/users/{mira}/manager/$ref");
    let reference = Peer::reference(&noor);
    assert_eq!(peer.send("PUT", &path, Some(&reference)).await.status, 204);
    let (some, link) = peer.round(peer.follow(&link).await).await;
    assert_eq!(some[&mira]["manager@delta"][0]["id"], noor.as_str());
    assert_eq!(peer.send("DELETE", &path, None).await.status, 204);
    peer.patch(&mira, json!({"jobTitle": "x"})).await;
    let target = link
        .strip_prefix("https://graph.microsoft.com/v1.0")
        .unwrap();
    let got = peer
        .with_header(("GET", target), None, ("prefer", "return=minimal"))
        .await;
    let item = &got.body["value"][0];
    assert_eq!(item["manager@delta"][0]["@removed"]["reason"], "deleted");
    assert_eq!(
        (&item["jobTitle"], item.get("displayName")),
        (&"x".into(), None)
    );
}

/// What replicas do not show comes later, and is not lost.
#[tokio::test(start_paused = true)]
async fn a_lagging_change_comes_later() {
    let peer = Peer::open(TenantOptions {
        replication_delay: Duration::from_mins(1),
        ..TenantOptions::default()
    })
    .await;
    let mira = peer.tenant.put_user(user("mira")).unwrap();
    let (_, link) = peer.round(peer.get("/users/delta").await).await;
    peer.patch(&mira, json!({"jobTitle": "x"})).await;
    let noor = peer.create("noor").await;
    let (none, link) = peer.round(peer.follow(&link).await).await;
    assert!(none.is_empty());
    peer.clock.sleep(Duration::from_mins(1)).await;
    let (some, _) = peer.round(peer.follow(&link).await).await;
    let mut expected = [&mira, &noor];
    expected.sort();
    assert_eq!(some.keys().collect::<Vec<_>>(), expected);
}

/// A link is good in another process that shares the journal.
#[tokio::test(start_paused = true)]
async fn a_link_outlives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let options = TenantOptions {
        journal: Some(folder.path().join("tenant.jsonl")),
        ..TenantOptions::default()
    };
    let peer = Peer::open(options.clone()).await;
    let mira = peer.create("mira").await;
    let (_, link) = peer.round(peer.get("/users/delta").await).await;
    peer.patch(&mira, json!({"jobTitle": "x"})).await;
    let again = Peer::open(options).await;
    let noor = again.create("noor").await;
    for of in [&again, &peer] {
        let (some, _) = of.round(of.follow(&link).await).await;
        let mut expected = [&mira, &noor];
        expected.sort();
        assert_eq!(some.keys().collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_delta_refuses() {
    let peer = Peer::new().await;
    let (_, link) = peer.round(peer.get("/users/delta").await).await;
    let token = link.split_once("$deltatoken=").unwrap().1;
    for (query, expected) in [
        ("$top=5".to_owned(), UNSUPPORTED),
        ("$orderby=displayName".to_owned(), UNSUPPORTED),
        ("$expand=manager".to_owned(), UNSUPPORTED),
        ("$filter=displayName%20eq%20'x'".to_owned(), UNSUPPORTED),
        ("$select=employeID".to_owned(), BAD),
        ("$select=skills".to_owned(), (501, "NotImplemented")),
        ("$deltatoken=abc".to_owned(), BAD),
        ("$deltatoken=!".to_owned(), BAD),
        ("$skiptoken=".to_owned() + token, BAD),
        (format!("$deltatoken={token}&$select=id"), UNSUPPORTED),
        ("$select=id&$select=id".to_owned(), BAD),
    ] {
        let got = peer.get(&format!("/users/delta?{query}")).await;
        assert_eq!(got.error(), expected, "{query}");
    }
    assert_eq!(
        peer.send("POST", "/users/delta", Some(&json!({})))
            .await
            .status,
        405
    );
    let denied = Peer::open(TenantOptions {
        roles: vec!["Group.ReadWrite.All".to_owned()],
        ..TenantOptions::default()
    })
    .await;
    let got = denied.get("/users/delta").await;
    assert_eq!(got.error(), (403, "Authorization_RequestDenied"));
}
