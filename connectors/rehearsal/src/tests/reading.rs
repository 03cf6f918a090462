//! Lists, pages, filters, single reads, and what is not served.

use serde_json::{Value as Json, json};

use super::peer::{Peer, user};

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages() {
    let peer = Peer::new().await;
    for n in 0..5 {
        peer.tenant.put_user(user(&format!("u{n}"))).unwrap();
    }
    let mut target = "/users?$top=2&$select=id,employeeId".to_owned();
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let body = peer.get(&target).await.body;
        pages += 1;
        for user in body["value"].as_array().unwrap() {
            assert_eq!(user.as_object().unwrap().len(), 2);
            seen.push(user["employeeId"].as_str().unwrap().to_owned());
        }
        let Some(next) = body["@odata.nextLink"].as_str() else {
            break;
        };
        let rest = next
            .strip_prefix("https://graph.microsoft.com/v1.0")
            .expect("the same origin");
        assert!(
            rest.contains("top=2") && rest.contains("skiptoken="),
            "{rest}"
        );
        rest.clone_into(&mut target);
        // What is added meanwhile makes no page twice.
        peer.tenant.put_user(user(&format!("late{pages}"))).unwrap();
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "nobody twice");
    assert!(
        (0..5).all(|n| seen.contains(&format!("E-u{n}"))),
        "{seen:?}"
    );
}

/// Host that the caller used → origin of the link to the next page: plain only on this machine.
#[tokio::test(start_paused = true)]
async fn links_stay_on_the_callers_origin() {
    let peer = Peer::new().await;
    for name in ["mira", "noor"] {
        peer.tenant.put_user(user(name)).unwrap();
    }
    let table = [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost", "http://localhost"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("graph.rehearsal.example", "https://graph.rehearsal.example"),
        ("10.0.0.7:8443", "https://10.0.0.7:8443"),
        ("127.0.0.1.evil.example", "https://127.0.0.1.evil.example"),
    ];
    for (host, origin) in table {
        let mut request = peer.request("GET", "/users?$top=1", None);
        *request.uri_mut() = "/v1.0/users?$top=1".parse().unwrap();
        let value = host.parse().unwrap();
        request.headers_mut().insert("host", value);
        let got = peer.raw(request).await.unwrap();
        let link = got.body["@odata.nextLink"].as_str().unwrap();
        assert!(link.starts_with(&format!("{origin}/v1.0/users?")), "{link}");
    }
}

/// A page is 100 unless asked otherwise, and 999 at most.
#[tokio::test(start_paused = true)]
async fn page_sizes() {
    let peer = Peer::new().await;
    for n in 0..101 {
        peer.tenant.put_user(user(&format!("u{n}"))).unwrap();
    }
    let count = |body: &Json| body["value"].as_array().unwrap().len();
    assert_eq!(count(&peer.get("/users").await.body), 100);
    let all = peer.get("/users?$top=999").await.body;
    assert_eq!((count(&all), all.get("@odata.nextLink")), (101, None));
}

#[tokio::test(start_paused = true)]
async fn filters_find() {
    let peer = Peer::new().await;
    let id = peer.create("mira").await;
    peer.create("noor").await;
    let upper = id.to_uppercase();
    let table = [
        ("employeeId eq 'E-mira'".to_owned(), 1),
        ("employeeId eq 'nobody'".to_owned(), 0),
        ("employeeId eq 'E-mira'' or true'".to_owned(), 0),
        ("employeeId in ('E-mira', 'E-noor','x')".to_owned(), 2),
        ("employeeId in('E-mira','E-mira')".to_owned(), 1),
        (
            "userPrincipalName eq 'MIRA@woodgrove.example'".to_owned(),
            1,
        ),
        (format!("id eq '{upper}'"), 1),
    ];
    for (filter, expected) in table {
        let target = format!("/users?$filter={}", crate::encoding::encode(&filter));
        let got = peer.get(&target).await;
        assert_eq!(
            got.body["value"].as_array().map(Vec::len),
            Some(expected),
            "{filter}"
        );
    }
    // A filtered list has pages too.
    let got = peer
        .get("/users?$top=1&$filter=employeeId%20in%20('E-mira','E-noor')")
        .await
        .body;
    let next = got["@odata.nextLink"].as_str().unwrap();
    let rest = peer
        .get(
            next.strip_prefix("https://graph.microsoft.com/v1.0")
                .unwrap(),
        )
        .await
        .body;
    assert_eq!(rest["value"].as_array().map(Vec::len), Some(1));
    assert_ne!(rest["value"][0]["id"], got["value"][0]["id"]);
    assert_eq!(rest.get("@odata.nextLink"), None);
}

/// Target → status and code.
#[tokio::test(start_paused = true)]
async fn what_is_not_served() {
    let peer = Peer::new().await;
    let id = peer.create("mira").await;
    let one = format!("/users/{id}");
    let table = [
        (
            "GET",
            "/users?$skip=1".to_owned(),
            (400, "Request_UnsupportedQuery"),
        ),
        (
            "GET",
            "/users?$filter=department%20eq%20'x'".to_owned(),
            (400, "Request_UnsupportedQuery"),
        ),
        (
            "GET",
            "/users?$select=employeID".to_owned(),
            (400, "Request_BadRequest"),
        ),
        (
            "GET",
            "/users?$top=1000".to_owned(),
            (400, "Request_BadRequest"),
        ),
        (
            "GET",
            "/users?$select=aboutMe".to_owned(),
            (501, "NotImplemented"),
        ),
        (
            "GET",
            format!("{one}?$expand=manager"),
            (400, "Request_UnsupportedQuery"),
        ),
        (
            "GET",
            format!("{one}?$select=manager"),
            (400, "Request_BadRequest"),
        ),
        (
            "PATCH",
            format!("{one}?$select=id"),
            (400, "Request_UnsupportedQuery"),
        ),
        ("GET", "/contacts".to_owned(), (404, "ResourceNotFound")),
        ("GET", format!("{one}/photo"), (404, "ResourceNotFound")),
        (
            "GET",
            "/users('delta')".to_owned(),
            (404, "Request_ResourceNotFound"),
        ),
        ("PUT", one.clone(), (405, "Request_BadRequest")),
        ("GET", "/$batch".to_owned(), (405, "Request_BadRequest")),
    ];
    for (method, target, expected) in table {
        let body = (method == "PATCH").then(|| json!({"jobTitle": "x"}));
        let got = peer.send(method, &target, body.as_ref()).await;
        assert_eq!(got.error(), expected, "{method} {target}");
    }
    let mut beta = peer.request("GET", "/users", None);
    *beta.uri_mut() = "https://graph.microsoft.com/beta/users".parse().unwrap();
    assert_eq!(
        peer.raw(beta).await.unwrap().error(),
        (404, "ResourceNotFound")
    );
}

#[tokio::test(start_paused = true)]
async fn the_organization() {
    let peer = Peer::new().await;
    let got = peer
        .get("/organization?$select=id,verifiedDomains")
        .await
        .body;
    let organization = &got["value"][0];
    assert_eq!(
        organization["id"],
        crate::TenantOptions::default().tenant_id
    );
    assert_eq!(
        organization["verifiedDomains"][0]["name"],
        "woodgrove.example"
    );
    assert_eq!(organization["verifiedDomains"][0]["isDefault"], true);
    assert_eq!(organization.as_object().unwrap().len(), 2);
    let got = peer.get("/organization?$select=upn").await;
    assert_eq!(got.error(), (400, "Request_BadRequest"));
}
