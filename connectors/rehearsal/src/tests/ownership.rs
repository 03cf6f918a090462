//! Who answers for what: owners, sponsors, direct reports, and what the bin does to them.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::peer::{Peer, user};
use crate::TenantOptions;
use crate::csdl::schema;
use crate::entity::USER;
use crate::groups::GROUP;
use crate::ownership::SERVICE;

const GONE: (u16, &str) = (404, "Request_ResourceNotFound");
const BAD: (u16, &str) = (400, "Request_BadRequest");
const DENIED: (u16, &str) = (403, "Authorization_RequestDenied");

fn owned_by(ids: &[&String]) -> Json {
    let links = ids
        .iter()
        .map(|id| format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}"));
    json!({
        "displayName": "Test", "mailNickname": "test", "mailEnabled": false,
        "securityEnabled": true, "groupTypes": [],
        "owners@odata.bind": links.collect::<Vec<_>>(),
    })
}

impl Peer {
    /// Types and ids of a list.
    async fn listed(&self, target: &str) -> Vec<(String, String)> {
        let got = self.get(target).await;
        assert_eq!(got.status, 200, "{}", got.body);
        let text = |it: &Json, name: &str| it[name].as_str().unwrap_or_default().to_owned();
        let all = got.body["value"].as_array().unwrap().iter();
        all.map(|it| (text(it, "@odata.type"), text(it, "id")))
            .collect()
    }

    async fn ids(&self, target: &str) -> Vec<String> {
        let all = self.listed(target).await.into_iter();
        let mut ids: Vec<String> = all.map(|(_, id)| id).collect();
        ids.sort();
        ids
    }
}

/// What is served here is in Graph's metadata.
#[test]
fn navigations_are_those_of_the_metadata() {
    for (of, name) in [
        (USER, "ownedObjects"),
        (USER, "directReports"),
        (USER, "sponsors"),
        (USER, "sponsorOf"),
        (GROUP, "owners"),
        (SERVICE, "owners"),
    ] {
        assert_eq!(schema().navigation(of, name), Some(true), "{of} {name}");
    }
}

/// A user, a group and an application never have the same id: references would mean either.
#[tokio::test(start_paused = true)]
async fn ids_are_of_one_object() {
    let peer = Peer::new().await;
    let mut ids = std::collections::BTreeSet::new();
    for n in 0..8 {
        ids.insert(peer.create(&format!("u{n}")).await);
        let group = peer.send("POST", "/groups", Some(&owned_by(&[]))).await;
        ids.insert(group.id());
        ids.insert(peer.tenant.put_application(&json!({})).unwrap());
    }
    assert_eq!(ids.len(), 24);
}

#[tokio::test(start_paused = true)]
async fn owners_of_a_group() {
    let peer = Peer::new().await;
    let (one, other) = (peer.create("one").await, peer.create("other").await);
    let group = peer
        .send("POST", "/groups", Some(&owned_by(&[&one])))
        .await
        .id();
    let owners = format!("/groups/{group}/owners");
    let reference = format!("{owners}/$ref");
    assert_eq!(
        peer.ids(&format!("{owners}?$select=id")).await,
        [one.as_str()]
    );
    // The last owner cannot be removed, one of two can.
    let remove = format!("{owners}/{one}/$ref");
    assert_eq!(peer.send("DELETE", &remove, None).await.error(), BAD);
    let add = Peer::reference(&other);
    assert_eq!(peer.send("POST", &reference, Some(&add)).await.status, 204);
    let again = peer.send("POST", &reference, Some(&add)).await;
    assert_eq!(again.error(), BAD);
    assert!(again.body.to_string().contains("already exist"));
    assert_eq!(peer.send("DELETE", &remove, None).await.status, 204);
    assert_eq!(peer.send("DELETE", &remove, None).await.error(), GONE);
    assert_eq!(peer.ids(&owners).await, [other.as_str()]);
    // Whoever is deleted owns nothing, and nobody is put in their place.
    let gone = format!("/users/{other}");
    assert_eq!(peer.send("DELETE", &gone, None).await.status, 204);
    assert!(peer.ids(&owners).await.is_empty());
    assert!(peer.tenant.keepers(&group).is_empty());
    let back = format!("/directory/deletedItems/{other}/restore");
    assert_eq!(peer.send("POST", &back, None).await.status, 200);
    assert_eq!(peer.ids(&owners).await, [other.as_str()]);
    assert_eq!(
        peer.ids(&format!("/users/{other}/ownedObjects?$select=id"))
            .await,
        [group]
    );
}

#[tokio::test(start_paused = true)]
async fn owned_objects_are_of_any_kind_and_come_in_pages() {
    let peer = Peer::new().await;
    let id = peer.create("owner").await;
    let mine = owned_by(&[&id]);
    let group = peer.send("POST", "/groups", Some(&mine)).await.id();
    let bind = json!({"owners@odata.bind": mine["owners@odata.bind"]});
    let app = peer.tenant.put_application(&bind).unwrap();
    let service = peer.tenant.put_service(&bind).unwrap();
    let all = format!("/users/{id}/ownedObjects?$select=id");
    let mut found = peer.listed(&all).await;
    found.sort();
    assert_eq!(
        found,
        [
            ("#microsoft.graph.application".to_owned(), app.clone()),
            ("#microsoft.graph.group".to_owned(), group),
            ("#microsoft.graph.servicePrincipal".to_owned(), service),
        ]
    );
    let (mut next, mut pages) = (format!("{all}&$top=1"), 0);
    loop {
        let got = peer.get(&next).await;
        pages += 1;
        let Some(link) = got.body["@odata.nextLink"].as_str() else {
            break;
        };
        next = link.split_once("/v1.0").unwrap().1.to_owned();
    }
    assert_eq!(pages, 3);
    let heir = peer.create("heir").await;
    let owners = format!("/applications/{app}/owners/$ref");
    let add = Peer::reference(&heir);
    assert_eq!(peer.send("POST", &owners, Some(&add)).await.status, 204);
    let wrong = format!("/servicePrincipals/{app}/owners");
    assert_eq!(peer.get(&wrong).await.error(), GONE);
    assert_eq!(peer.tenant.keepers(&app).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn sponsors_and_reports() {
    let peer = Peer::new().await;
    let (boss, guest) = (peer.create("boss").await, peer.create("guest").await);
    let manager = format!("/users/{guest}/manager/$ref");
    let of = Peer::reference(&boss);
    assert_eq!(peer.send("PUT", &manager, Some(&of)).await.status, 204);
    let sponsors = format!("/users/{guest}/sponsors/$ref");
    assert_eq!(peer.send("POST", &sponsors, Some(&of)).await.status, 204);
    assert_eq!(peer.send("POST", &sponsors, Some(&of)).await.error(), BAD);
    for list in ["directReports", "sponsorOf"] {
        let list = format!("/users/{boss}/{list}?$select=id,accountEnabled");
        assert_eq!(peer.ids(&list).await, [guest.as_str()], "{list}");
    }
    let of_guest = format!("/users/{guest}/sponsors");
    assert_eq!(peer.ids(&of_guest).await, [boss.as_str()]);
    for n in 0..4 {
        let one = Peer::reference(&peer.create(&format!("s{n}")).await);
        assert_eq!(peer.send("POST", &sponsors, Some(&one)).await.status, 204);
    }
    let sixth = Peer::reference(&peer.create("s9").await);
    assert_eq!(
        peer.send("POST", &sponsors, Some(&sixth)).await.error(),
        BAD
    );
    let remove = format!("/users/{guest}/sponsors/{boss}/$ref");
    assert_eq!(peer.send("DELETE", &remove, None).await.status, 204);
    assert_eq!(peer.send("DELETE", &remove, None).await.error(), GONE);
    assert!(
        peer.ids(&format!("/users/{boss}/sponsorOf"))
            .await
            .is_empty()
    );
}

/// The bin gives back what it has, under the name that it had, for thirty days.
#[tokio::test(start_paused = true)]
async fn the_bin() {
    let peer = Peer::new().await;
    let id = peer.create("leaver").await;
    let found = format!("/directory/deletedItems/microsoft.graph.user?$filter=id eq '{id}'");
    let found = found.replace(' ', "%20");
    assert!(peer.ids(&found).await.is_empty());
    let restore = format!("/directory/deletedItems/{id}/restore");
    assert_eq!(peer.send("POST", &restore, None).await.error(), GONE);
    let delete = format!("/users/{id}");
    assert_eq!(peer.send("DELETE", &delete, None).await.status, 204);
    assert_eq!(peer.ids(&found).await, [id.as_str()]);
    // Somebody new has the name.
    let mut taken = user("leaver");
    taken["employeeId"] = "other".into();
    let other = peer.send("POST", "/users", Some(&taken)).await.id();
    assert_eq!(peer.send("POST", &restore, None).await.error(), BAD);
    let other = format!("/users/{other}");
    assert_eq!(peer.send("DELETE", &other, None).await.status, 204);
    assert_eq!(peer.send("POST", &restore, None).await.status, 200);
    assert_eq!(peer.get(&delete).await.id(), id);
    assert_eq!(peer.send("DELETE", &delete, None).await.status, 204);
    peer.clock.sleep(Duration::from_hours(30 * 24)).await;
    let mut peer = peer;
    peer.sign_in(&TenantOptions::default()).await;
    assert_eq!(peer.send("POST", &restore, None).await.error(), GONE);
    assert!(peer.ids(&found).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_each_needs() {
    let roles = |names: &[&str]| TenantOptions {
        roles: names.iter().map(|it| (*it).to_owned()).collect(),
        ..TenantOptions::default()
    };
    let id = "5f3a09c1-0000-4000-8000-00000000000a";
    let peer = Peer::open(roles(&["Application.Read.All"])).await;
    for path in ["ownedObjects", "directReports", "sponsorOf", "sponsors"] {
        let got = peer.get(&format!("/users/{id}/{path}")).await;
        assert_eq!(got.error(), DENIED, "{path}");
    }
    assert_eq!(
        peer.get(&format!("/applications/{id}/owners"))
            .await
            .error(),
        GONE
    );
    let peer = Peer::open(roles(&["User.Read.All"])).await;
    let body = Peer::reference(id);
    for path in ["groups", "applications", "servicePrincipals"] {
        let owners = format!("/{path}/{id}/owners");
        assert_eq!(peer.get(&owners).await.error(), DENIED, "{path}");
        let add = peer
            .send("POST", &format!("{owners}/$ref"), Some(&body))
            .await;
        assert_eq!(add.error(), DENIED, "{path}");
    }
    let restore = format!("/directory/deletedItems/{id}/restore");
    assert_eq!(peer.send("POST", &restore, None).await.error(), DENIED);
}
