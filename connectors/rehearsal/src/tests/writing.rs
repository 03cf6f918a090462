//! Creating, changing and deleting users; managers; sessions.

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::peer::{Peer, user};
use crate::encoding::is_guid;

const BAD: (u16, &str) = (400, "Request_BadRequest");
const GONE: (u16, &str) = (404, "Request_ResourceNotFound");
const NOBODY: &str = "5f3a09c1-0000-4000-8000-000000000001";

#[tokio::test(start_paused = true)]
async fn a_create_answers_with_the_user() {
    let peer = Peer::new().await;
    let got = peer.send("POST", "/users", Some(&user("mira"))).await;
    assert_eq!(got.status, 201);
    assert!(is_guid(&got.id()));
    assert_eq!(got.body["userPrincipalName"], "mira@woodgrove.example");
    assert_eq!(got.body["businessPhones"], json!([]));
    assert_eq!(got.body["jobTitle"], Json::Null);
    assert!(
        got.body.get("employeeId").is_none(),
        "default properties only"
    );
    assert_eq!(
        got.header("client-request-id"),
        Some("11111111-2222-4333-8444-555555555555")
    );
    assert!(is_guid(got.header("request-id").unwrap()));
    assert_eq!(got.header("x-ms-resource-unit"), Some("1"));
    let users = peer.tenant.users();
    assert_eq!(users[0]["employeeId"], "E-mira");
    assert_eq!(users[0]["passwordSet"], true);
    assert!(
        !users[0].to_string().contains("Rehearsal-1"),
        "a password is never kept"
    );
}

/// What must be refused → the same code; nothing is made of it.
#[tokio::test(start_paused = true)]
async fn wrong_bodies_are_refused() {
    let peer = Peer::new().await;
    let with = |name: &str, value: Json| {
        let mut body = user("mira");
        body[name] = value;
        body
    };
    let table = [
        with("employeID", json!("1")),
        with("accountEnabled", json!("false")),
        with("employeeId", json!("12345678901234567")),
        with("id", json!(NOBODY)),
        with("proxyAddresses", json!(["SMTP:a@b.example"])),
        with("userPrincipalName", json!("mira@elsewhere.example")),
        with("passwordProfile", json!({"password": "short"})),
        with(
            "passwordProfile",
            json!({"password": "Rehearsal-1", "hint": "x"}),
        ),
        with("department", json!("")),
        with("usageLocation", json!("UK")),
        with("sponsors@odata.bind", json!([])),
        with("manager@odata.bind", json!("not a link")),
        json!({}),
    ];
    for body in table {
        let got = peer.send("POST", "/users", Some(&body)).await;
        assert_eq!(got.error(), BAD, "{body}");
    }
    let unverified = with("userPrincipalName", json!("mira@elsewhere.example"));
    let got = peer.send("POST", "/users", Some(&unverified)).await;
    let message = got.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("verified domain names"), "{message}");
    assert_eq!(peer.tenant.users(), Vec::<Json>::new());
    assert!(peer.tenant.history().iter().all(|served| !served.changed));
}

#[tokio::test(start_paused = true)]
async fn bodies_must_be_json_objects() {
    let peer = Peer::new().await;
    for body in [json!([]), json!("x")] {
        let got = peer.send("POST", "/users", Some(&body)).await;
        assert_eq!(got.error(), (400, "BadRequest"));
    }
    let mut request = peer.request("POST", "/users", Some(&json!({})));
    *request.body_mut() = Bytes::from_static(b"{\"displayName\":");
    assert_eq!(
        peer.raw(request).await.unwrap().error(),
        (400, "BadRequest")
    );
    let mut request = peer.request("POST", "/users", Some(&user("mira")));
    request.headers_mut().remove("content-type");
    assert_eq!(
        peer.raw(request).await.unwrap().error(),
        (400, "BadRequest")
    );
    let mut request = peer.request("POST", "/users", Some(&json!({})));
    *request.body_mut() = Bytes::from(vec![b' '; 4 * 1024 * 1024 + 1]);
    assert_eq!(peer.raw(request).await.unwrap().status, 413);
}

/// Upper and lower case are the same name; a deleted user's name is free; keys are not unique.
#[tokio::test(start_paused = true)]
async fn sign_in_names_are_unique() {
    let peer = Peer::new().await;
    let mira = peer.create("mira").await;
    let noor = peer.create("noor").await;
    let mut again = user("MIRA");
    again["employeeId"] = json!("E-noor");
    let got = peer.send("POST", "/users", Some(&again)).await;
    assert_eq!(got.error(), BAD);
    let error = &got.body["error"];
    assert_eq!(
        error["message"],
        "Another object with the same value for property userPrincipalName already exists."
    );
    assert_eq!(error["details"][0]["code"], "ObjectConflict");
    let rename = json!({"userPrincipalName": "Mira@woodgrove.example"});
    assert_eq!(
        peer.send("PATCH", &format!("/users/{noor}"), Some(&rename))
            .await
            .error(),
        BAD
    );
    // Its own name in another case is no conflict.
    assert_eq!(
        peer.send("PATCH", &format!("/users/{mira}"), Some(&rename))
            .await
            .status,
        204
    );
    assert_eq!(
        peer.send("DELETE", &format!("/users/{mira}"), None)
            .await
            .status,
        204
    );
    assert_eq!(peer.send("POST", "/users", Some(&again)).await.status, 201);
    let found = peer.get("/users?$filter=employeeId%20eq%20'E-noor'").await;
    assert_eq!(found.body["value"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn updates_change_what_they_name() {
    let peer = Peer::new().await;
    let id = peer.create("mira").await;
    let path = format!("/users/{id}");
    let patch = async |body: Json| {
        let got = peer.send("PATCH", &path, Some(&body)).await;
        assert_eq!((got.status, &got.body), (204, &Json::Null));
    };
    patch(json!({
        "jobTitle": "Clerk", "employeeOrgData": {"costCenter": "C1", "division": "North"},
        "onPremisesExtensionAttributes": {"extensionAttribute1": "a", "extensionAttribute2": "b"},
        "employeeHireDate": "2026-03-16T01:00:00+01:00",
    }))
    .await;
    patch(json!({
        "jobTitle": null, "employeeOrgData": {"costCenter": "C2"}, "accountEnabled": true,
        "onPremisesExtensionAttributes": {"extensionAttribute1": null},
    }))
    .await;
    let select = "accountEnabled,jobTitle,employeeOrgData,onPremisesExtensionAttributes,\
                  employeeHireDate,otherMails,userType";
    let got = peer
        .get(&format!(
            "/users('mira@woodgrove.example')?$select={select}"
        ))
        .await
        .body;
    assert_eq!(got["accountEnabled"], true);
    assert_eq!(got["jobTitle"], Json::Null);
    // An omitted member of this one becomes null ("Update user").
    assert_eq!(
        got["employeeOrgData"],
        json!({"costCenter": "C2", "division": null})
    );
    let attributes = &got["onPremisesExtensionAttributes"];
    assert_eq!(attributes["extensionAttribute1"], Json::Null);
    assert_eq!(attributes["extensionAttribute2"], "b");
    assert_eq!(attributes.as_object().unwrap().len(), 15);
    assert_eq!(got["employeeHireDate"], "2026-03-16T00:00:00Z");
    assert_eq!(
        (&got["otherMails"], &got["userType"]),
        (&json!([]), &json!("Member"))
    );

    let mut refused = vec![
        json!({"displayName": null}),
        json!({"nick": "x"}),
        json!({"id": id}),
    ];
    refused.push(json!({"manager@odata.bind": format!("https://x/v1.0/users/{id}")}));
    for body in refused {
        assert_eq!(
            peer.send("PATCH", &path, Some(&body)).await.error(),
            BAD,
            "{body}"
        );
    }
    let nobody = format!("/users/{NOBODY}");
    let body = json!({"jobTitle": "x"});
    assert_eq!(peer.send("PATCH", &nobody, Some(&body)).await.error(), GONE);
}

/// Whatever order they came in, users are given by name; a name that was used again comes twice.
#[tokio::test(start_paused = true)]
async fn users_are_sorted_by_name() {
    let peer = Peer::new().await;
    for name in ["pia", "Mira", "omar", "noor"] {
        peer.create(name).await;
    }
    let pia = "/users/pia@woodgrove.example";
    assert_eq!(peer.send("DELETE", pia, None).await.status, 204);
    peer.create("pia").await;
    let users = peer.tenant.users();
    let names = users
        .iter()
        .map(|user| user["mailNickname"].as_str().unwrap());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["Mira", "noor", "omar", "pia", "pia"]
    );
}

#[tokio::test(start_paused = true)]
async fn deleted_users_are_gone() {
    let peer = Peer::new().await;
    let (mira, noor) = (peer.create("mira").await, peer.create("noor").await);
    let set = Peer::reference(&mira);
    let of_noor = format!("/users/{noor}/manager/$ref");
    assert_eq!(peer.send("PUT", &of_noor, Some(&set)).await.status, 204);
    let path = format!("/users/{mira}");
    assert_eq!(peer.send("DELETE", &path, None).await.status, 204);
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("GET", "/users/mira@woodgrove.example".to_owned()),
        ("POST", format!("{path}/revokeSignInSessions")),
        ("GET", format!("/users/{noor}/manager")),
    ] {
        assert_eq!(
            peer.send(method, &path, None).await.error(),
            GONE,
            "{method} {path}"
        );
    }
    let listed = peer.get("/users").await.body;
    assert_eq!(listed["value"].as_array().unwrap().len(), 1);
    let flagged: Vec<bool> = peer
        .tenant
        .users()
        .iter()
        .map(|user| user.get("deletedDateTime").is_some())
        .collect();
    assert_eq!(flagged.iter().filter(|deleted| **deleted).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn managers() {
    let peer = Peer::new().await;
    let (mira, noor) = (peer.create("mira").await, peer.create("noor").await);
    let path = format!("/users/{mira}/manager/$ref");
    assert_eq!(
        peer.get(&format!("/users/{mira}/manager")).await.error(),
        GONE
    );
    for method in ["DELETE", "GET"] {
        assert_eq!(
            peer.send(method, &path, None).await.error(),
            GONE,
            "{method}"
        );
    }
    let set = Peer::reference(&noor);
    for _ in 0..2 {
        assert_eq!(peer.send("PUT", &path, Some(&set)).await.status, 204);
    }
    let got = peer.get(&path).await;
    let link = format!("https://graph.microsoft.com/v1.0/directoryObjects/{noor}");
    assert_eq!((got.status, &got.body["@odata.id"]), (200, &json!(link)));
    let got = peer.get(&format!("/users/{mira}/manager?$select=id")).await;
    assert_eq!((got.status, got.id()), (200, noor.clone()));
    let link = |text: &str| json!({"@odata.id": text});
    let refused = [
        (Peer::reference(NOBODY), GONE),
        (link("https://graph.microsoft.com/v1.0/groups/x"), BAD),
        (link("users/x"), BAD),
        (json!({"@odata.id": 5}), BAD),
        (json!({}), BAD),
        (json!({"@odata.id": set["@odata.id"], "x": 1}), BAD),
    ];
    for (body, expected) in refused {
        assert_eq!(
            peer.send("PUT", &path, Some(&body)).await.error(),
            expected,
            "{body}"
        );
    }
    let nobody = format!("/users/{NOBODY}/manager/$ref");
    assert_eq!(peer.send("PUT", &nobody, Some(&set)).await.error(), GONE);
    assert_eq!(peer.send("DELETE", &path, None).await.status, 204);
    assert_eq!(
        peer.get(&format!("/users/{mira}/manager")).await.error(),
        GONE
    );
    let mut bound = user("omar");
    bound["manager@odata.bind"] = set["@odata.id"].clone();
    let omar = peer.send("POST", "/users", Some(&bound)).await.id();
    assert_eq!(peer.get(&format!("/users/{omar}/manager")).await.id(), noor);
}

#[tokio::test(start_paused = true)]
async fn sessions_are_revoked() {
    let peer = Peer::new().await;
    let id = peer.create("mira").await;
    let path = format!("/users/{id}/revokeSignInSessions");
    let got = peer.send("POST", &path, None).await;
    assert_eq!((got.status, &got.body["value"]), (200, &json!(true)));
    let select = format!("/users/{id}?$select=signInSessionsValidFromDateTime");
    let since = peer.get(&select).await.body["signInSessionsValidFromDateTime"].clone();
    assert_eq!(since, super::peer::START);
    let got = peer.send("POST", &path, Some(&json!({"all": true}))).await;
    assert_eq!(got.error(), BAD);
    let nobody = format!("/users/{NOBODY}/revokeSignInSessions");
    assert_eq!(peer.send("POST", &nobody, None).await.error(), GONE);
}

/// Seeding asks for the same as a create; equal tenants have equal digests, others do not.
#[tokio::test(start_paused = true)]
async fn seeding_and_digests() {
    let (one, two) = (Peer::new().await, Peer::new().await);
    let mira = one.tenant.put_user(user("mira")).unwrap();
    let noor = one.create("noor").await;
    // Another order, another moment, other ids: the same in the end.
    two.create("noor").await;
    two.clock.sleep(std::time::Duration::from_secs(5)).await;
    let also = two.tenant.put_user(user("mira")).unwrap();
    assert_eq!(one.tenant.digest(), two.tenant.digest());
    let path = format!("/users/{mira}/manager/$ref");
    one.send("PUT", &path, Some(&Peer::reference(&noor))).await;
    assert_ne!(one.tenant.digest(), two.tenant.digest());
    two.send("POST", &format!("/users/{also}/revokeSignInSessions"), None)
        .await;
    assert!(two.tenant.digest().contains("\"revoked\":true"));
    for wrong in [user("mira"), json!({"displayName": "x"}), json!([])] {
        let error = one.tenant.put_user(wrong).unwrap_err().to_string();
        assert!(error.contains("400"), "{error}");
    }
}
