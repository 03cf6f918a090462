//! `$batch`.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::peer::{Peer, user};

fn get(id: &str, url: &str) -> Json {
    json!({"id": id, "method": "GET", "url": url})
}

fn post(id: &str, name: &str) -> Json {
    let headers = json!({"Content-Type": "application/json"});
    json!({"id": id, "method": "POST", "url": "/users", "headers": headers, "body": user(name)})
}

async fn send(peer: &Peer, requests: Vec<Json>) -> BTreeMap<String, Json> {
    let got = peer
        .send("POST", "/$batch", Some(&json!({"requests": requests})))
        .await;
    assert_eq!(got.status, 200, "{}", got.body);
    let responses = got.body["responses"].as_array().unwrap();
    responses
        .iter()
        .map(|r| (r["id"].as_str().unwrap().to_owned(), r.clone()))
        .collect()
}

/// Envelopes that do not parse.
#[tokio::test(start_paused = true)]
async fn wrong_envelopes() {
    let peer = Peer::new().await;
    let requests = |items: Vec<Json>| json!({"requests": items});
    let depends = |id: &str, on: Json| {
        let mut item = get(id, "/users");
        item["dependsOn"] = on;
        item
    };
    let table = [
        json!({}),
        json!({"requests": "x"}),
        requests(vec![]),
        requests((0..21).map(|n| get(&n.to_string(), "/users")).collect()),
        requests(vec![get("a", "/users"), get("A", "/users")]),
        requests(vec![json!({"method": "GET", "url": "/users"})]),
        requests(vec![json!({"id": 1, "method": "GET", "url": "/users"})]),
        requests(vec![json!({"id": "1", "url": "/users"})]),
        requests(vec![json!({"id": "1", "method": "GET"})]),
        requests(vec![depends("1", json!(["2"]))]),
        requests(vec![depends("1", json!(["1"]))]),
        requests(vec![depends("1", json!(["2"])), depends("2", json!(["1"]))]),
        requests(vec![depends("1", json!("2")), get("2", "/users")]),
    ];
    for body in table {
        let got = peer.send("POST", "/$batch", Some(&body)).await;
        assert_eq!(got.error(), (400, "BadRequest"), "{body}");
    }
    let mut request = peer.request("POST", "/$batch", Some(&requests(vec![get("1", "/users")])));
    request.headers_mut().remove("content-type");
    assert_eq!(
        peer.raw(request).await.unwrap().error(),
        (400, "BadRequest")
    );
}

/// Items that are wrong alone; the others go on.
#[tokio::test(start_paused = true)]
async fn wrong_items() {
    let peer = Peer::new().await;
    let id = peer.create("mira").await;
    let mut typeless = post("typeless", "noor");
    typeless["headers"] = json!({});
    let revoke = format!("/users/{id}/revokeSignInSessions");
    let answers = send(
        &peer,
        vec![
            typeless,
            json!({"id": "bodiless", "method": "POST", "url": revoke}),
            get("absolute", "https://graph.microsoft.com/v1.0/users"),
            get("versioned", "/v1.0/users"),
            json!({"id": "nested", "method": "POST", "url": "/$batch",
                "headers": {"content-type": "application/json"}, "body": {"requests": []}}),
            get("gone", "/users/nobody@woodgrove.example"),
            get("fine", &format!("/users/{id}?$select=id")),
            json!({"id": "revoked", "method": "POST", "url": revoke,
                "headers": {"content-type": "application/json"}, "body": {}}),
        ],
    )
    .await;
    let status = |id: &str| answers[id]["status"].as_u64().unwrap();
    assert_eq!(status("typeless"), 400);
    assert_eq!(status("bodiless"), 400);
    assert_eq!(status("absolute"), 400);
    assert_eq!(status("versioned"), 404);
    assert_eq!(status("nested"), 400);
    assert_eq!(status("gone"), 404);
    assert_eq!(
        answers["gone"]["body"]["error"]["code"],
        "Request_ResourceNotFound"
    );
    assert_eq!(status("fine"), 200);
    assert_eq!(answers["fine"]["body"]["id"], id.as_str());
    assert_eq!(status("revoked"), 200);
    assert_eq!(peer.tenant.users().len(), 1);
}

/// A child waits for its parents and shares their fate, wherever it stands.
#[tokio::test(start_paused = true)]
async fn dependencies() {
    let peer = Peer::new().await;
    let mut read = get("read", "/users/mira@woodgrove.example");
    read["dependsOn"] = json!(["MAKE"]);
    let mut twin = post("twin", "mira");
    twin["dependsOn"] = json!(["make"]);
    let mut orphan = post("orphan", "noor");
    orphan["dependsOn"] = json!(["twin"]);
    let answers = send(&peer, vec![orphan, read, twin, post("make", "mira")]).await;
    let status = |id: &str| answers[id]["status"].as_u64().unwrap();
    assert_eq!(
        (status("make"), status("read"), status("twin")),
        (201, 200, 400)
    );
    assert_eq!(status("orphan"), 424);
    assert_eq!(peer.tenant.users().len(), 1);
}

/// Every item is metered and recorded on its own; the envelope costs no units.
#[tokio::test(start_paused = true)]
async fn items_are_calls() {
    let peer = Peer::new().await;
    let before = peer.tenant.history().len();
    let items = vec![
        get("1", "/users?$select=id"),
        get("2", "/users"),
        post("3", "mira"),
    ];
    let answers = send(&peer, items).await;
    let units = |id: &str| {
        answers[id]["headers"]["x-ms-resource-unit"]
            .as_str()
            .unwrap()
    };
    assert_eq!((units("1"), units("2"), units("3")), ("1", "2", "1"));
    let history = peer.tenant.history();
    let calls: Vec<(&str, bool, bool)> = history[before..]
        .iter()
        .map(|s| (s.template, s.in_batch, s.write))
        .collect();
    let expected = [
        ("/users", true, false),
        ("/users", true, false),
        ("/users", true, true),
        ("/$batch", false, false),
    ];
    assert_eq!(calls, expected);
}

/// Answers do not come in the order of the items, and the order is the same in every replay.
#[tokio::test(start_paused = true)]
async fn answers_are_shuffled() {
    let orders = async || {
        let peer = Peer::new().await;
        let mut orders = Vec::new();
        for _ in 0..3 {
            let items: Vec<Json> = (0..20).map(|n| get(&n.to_string(), "/users")).collect();
            let got = peer
                .send("POST", "/$batch", Some(&json!({"requests": items})))
                .await
                .body;
            let ids = got["responses"].as_array().unwrap().iter();
            orders.push(
                ids.map(|r| r["id"].as_str().unwrap().to_owned())
                    .collect::<Vec<_>>(),
            );
        }
        orders
    };
    let first = orders().await;
    let sorted: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    assert!(first.iter().all(|order| *order != sorted) && first[0] != first[1]);
    assert_eq!(first, orders().await);
}
