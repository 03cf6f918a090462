//! Groups, by hand and by rule.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::peer::{Got, Peer, user};
use crate::TenantOptions;

const GONE: (u16, &str) = (404, "Request_ResourceNotFound");
const BAD: (u16, &str) = (400, "Request_BadRequest");
const DENIED: (u16, &str) = (403, "Authorization_RequestDenied");

pub(super) fn group(name: &str) -> Json {
    json!({
        "displayName": format!("Test {name}"), "mailNickname": name,
        "mailEnabled": false, "securityEnabled": true, "groupTypes": [],
    })
}

pub(super) fn dynamic(name: &str, rule: &str) -> Json {
    let mut group = group(name);
    group["groupTypes"] = json!(["DynamicMembership"]);
    group["membershipRule"] = rule.into();
    group["membershipRuleProcessingState"] = "On".into();
    group
}

pub(super) fn bind(ids: &[&String]) -> Json {
    let links = ids
        .iter()
        .map(|id| format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}"));
    json!({"members@odata.bind": links.collect::<Vec<_>>()})
}

impl Peer {
    pub(super) async fn made(&self, group: &Json) -> String {
        let got = self.send("POST", "/groups", Some(group)).await;
        assert_eq!(got.status, 201, "{}", got.body);
        got.id()
    }

    async fn upsert(&self, name: &str, body: &Json) -> Got {
        let mut request = self.request(
            "PATCH",
            &format!("/groups(uniqueName='{name}')"),
            Some(body),
        );
        let prefer = http::HeaderValue::from_static("create-if-missing");
        request.headers_mut().insert("prefer", prefer);
        self.raw(request).await.unwrap()
    }

    /// Ids as a list of members gives them, page after page.
    async fn members(&self, group: &str, top: usize) -> Vec<String> {
        let mut next = format!("/groups/{group}/members?$select=id&$top={top}");
        let mut ids = Vec::new();
        loop {
            let got = self.get(&next).await;
            assert_eq!(got.status, 200, "{}", got.body);
            for member in got.body["value"].as_array().unwrap() {
                assert_eq!(member["@odata.type"], "#microsoft.graph.user");
                ids.push(member["id"].as_str().unwrap().to_owned());
            }
            match got.body["@odata.nextLink"].as_str() {
                None => return ids,
                Some(link) => next = link.split_once("/v1.0").unwrap().1.to_owned(),
            }
        }
    }
}

/// The alternate key makes a repeat harmless.
#[tokio::test(start_paused = true)]
async fn a_unique_name_makes_one_group() {
    let peer = Peer::new().await;
    let plain = "/groups(uniqueName='rollcall-sales')";
    let missing = peer.send("PATCH", plain, Some(&group("sales"))).await;
    assert_eq!(missing.error(), GONE, "without Prefer it is an update");
    let made = peer.upsert("rollcall-sales", &group("sales")).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["uniqueName"], "rollcall-sales");
    assert_eq!(made.body["membershipRule"], Json::Null);
    let again = peer.upsert("rollcall-sales", &group("sales")).await;
    assert_eq!((again.status, again.body), (204, Json::Null));
    assert_eq!(peer.tenant.groups().len(), 1);
    assert_eq!(peer.get(plain).await.id(), made.id());
    // It cannot become another one, and no other group can have it.
    let other = json!({"uniqueName": "rollcall-other"});
    let path = format!("/groups/{}", made.id());
    assert_eq!(peer.send("PATCH", &path, Some(&other)).await.error(), BAD);
    let mut twin = group("twin");
    twin["uniqueName"] = "rollcall-sales".into();
    assert_eq!(peer.send("POST", "/groups", Some(&twin)).await.error(), BAD);
    assert_eq!(peer.upsert("rollcall-x", &twin).await.error(), BAD);
    // Free again once its group is gone.
    assert_eq!(peer.send("DELETE", &path, None).await.status, 204);
    assert_eq!(peer.get(plain).await.error(), GONE);
    assert_eq!(
        peer.upsert("rollcall-sales", &group("sales")).await.status,
        201
    );
}

/// What is wrong with the body of a create → what the answer names.
#[tokio::test(start_paused = true)]
async fn what_is_no_group() {
    let peer = Peer::new().await;
    let long = "x".repeat(3073);
    let table = [
        (json!({"displayName": null}), "displayName"),
        (json!({"displayName": "x".repeat(257)}), "displayName"),
        (json!({"displayName": 7}), "displayName"),
        (json!({"displayname": "x"}), "displayname"),
        (json!({"mailNickname": "a b"}), "mailNickname"),
        (json!({"mailNickname": "zoë"}), "mailNickname"),
        (json!({"mailEnabled": true}), "mailEnabled"),
        (json!({"securityEnabled": false}), "mailEnabled"),
        (json!({"groupTypes": ["Static"]}), "groupTypes"),
        (json!({"groupTypes": ["Unified"]}), "mailEnabled"),
        (
            json!({"groupTypes": ["DynamicMembership"]}),
            "membershipRuleProcessingState",
        ),
        (
            json!({"membershipRule": "user.city -eq \"Oslo\""}),
            "membershipRule",
        ),
        (
            json!({"createdDateTime": "2026-01-01T00:00:00Z"}),
            "createdDateTime",
        ),
        (json!({"proxyAddresses": []}), "proxyAddresses"),
        (
            json!({"hideFromOutlookClients": true}),
            "hideFromOutlookClients",
        ),
        (json!({"members": []}), "members"),
        (json!({"members@odata.bind": "x"}), "members@odata.bind"),
    ];
    for (change, named) in table {
        let mut body = group("odd");
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let got = peer.send("POST", "/groups", Some(&body)).await;
        assert_eq!(got.error(), BAD, "{change}");
        let message = got.body["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("'{named}'")),
            "{change}: {message}"
        );
        assert!(!message.contains("'User'"), "{message}");
    }
    for (change, named) in [
        (json!({"membershipRule": null}), "membershipRule"),
        (json!({"membershipRule": long}), "membershipRule"),
        (
            json!({"membershipRule": "user.city -eq \"Oslo"}),
            "membershipRule",
        ),
        (
            json!({"membershipRuleProcessingState": "Off"}),
            "membershipRuleProcessingState",
        ),
        (json!({"isAssignableToRole": true}), "Insufficient"),
    ] {
        let mut body = dynamic("odd", "user.city -eq \"Oslo\"");
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let got = peer.send("POST", "/groups", Some(&body)).await;
        let message = got.body["error"]["message"].as_str().unwrap();
        assert!(
            got.status >= 400 && message.contains(named),
            "{change}: {message}"
        );
    }
    assert!(peer.tenant.groups().is_empty());
}

#[tokio::test(start_paused = true)]
async fn members_by_hand() {
    let peer = Peer::new().await;
    let mut ids = Vec::new();
    for n in 0..25 {
        ids.push(peer.create(&format!("w{n}")).await);
    }
    ids.sort();
    let id = peer.made(&group("sales")).await;
    let path = format!("/groups/{id}");
    let reference = format!("{path}/members/$ref");
    let first = Peer::reference(&ids[0]);
    assert_eq!(
        peer.send("POST", &reference, Some(&first)).await.status,
        204
    );
    let again = peer.send("POST", &reference, Some(&first)).await;
    assert_eq!(again.error(), BAD);
    let message = again.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("already exist"), "{message}");
    let nobody = "5f3a09c1-0000-4000-8000-00000000000a".to_owned();
    let stranger = Peer::reference(&nobody);
    assert_eq!(
        peer.send("POST", &reference, Some(&stranger)).await.error(),
        GONE
    );
    // All or none: one who is in it, one who is not there, one twice, one too many.
    let all: Vec<&String> = ids.iter().collect();
    for (some, expected) in [
        (vec![all[1], all[0]], BAD),
        (vec![all[1], &nobody], GONE),
        (vec![all[1], all[1]], BAD),
        (all[1..22].to_vec(), BAD),
    ] {
        assert_eq!(
            peer.send("PATCH", &path, Some(&bind(&some))).await.error(),
            expected
        );
        assert_eq!(peer.members(&id, 5).await, [&*ids[0]]);
    }
    assert_eq!(
        peer.send("PATCH", &path, Some(&bind(&all[1..21])))
            .await
            .status,
        204
    );
    assert_eq!(peer.members(&id, 5).await, ids[..21]);
    assert_eq!(peer.tenant.groups()[0]["members"], json!(ids[..21]));
    // Whose groups.
    let own = peer.get(&format!("/users/{}/memberOf", ids[3])).await;
    assert_eq!(own.body["value"][0]["id"], id.as_str());
    assert_eq!(
        own.body["value"][0]["@odata.type"],
        "#microsoft.graph.group"
    );
    let empty = peer.made(&group("empty")).await;
    let check = json!({"groupIds": [empty, id]});
    let path_of = |user: &String| format!("/users/{user}/checkMemberGroups");
    let got = peer.send("POST", &path_of(&ids[3]), Some(&check)).await;
    assert_eq!(got.body["value"], json!([id]));
    let got = peer.send("POST", &path_of(&ids[24]), Some(&check)).await;
    assert_eq!(got.body["value"], json!([]));
    for bad in [
        json!({}),
        json!({"groupIds": []}),
        json!({"groupIds": ["sales"]}),
    ] {
        assert_eq!(
            peer.send("POST", &path_of(&ids[3]), Some(&bad))
                .await
                .error(),
            BAD
        );
    }
    // Out again, once.
    let remove = format!("{path}/members/{}/$ref", ids[0]);
    assert_eq!(peer.send("DELETE", &remove, None).await.status, 204);
    assert_eq!(peer.send("DELETE", &remove, None).await.error(), GONE);
    assert_eq!(peer.members(&id, 100).await, ids[1..21]);
    // Who is deleted is shown no longer.
    peer.send("DELETE", &format!("/users/{}", ids[1]), None)
        .await;
    assert_eq!(peer.members(&id, 100).await, ids[2..21]);
}

/// Found by what makes it ours, and by nothing that is not served.
#[tokio::test(start_paused = true)]
async fn lists_and_filters() {
    let peer = Peer::new().await;
    for n in 0..3 {
        let mut body = group(&format!("g{n}"));
        body["uniqueName"] = format!("rollcall-g{n}").into();
        peer.made(&body).await;
    }
    for (query, count) in [
        ("", 3),
        ("?$filter=displayName%20eq%20'test%20G1'", 1),
        ("?$filter=mailNickname%20in%20('g0','g2','g9')", 2),
        ("?$filter=uniqueName%20eq%20'rollcall-g1'&$select=id", 1),
    ] {
        let got = peer.get(&format!("/groups{query}")).await;
        assert_eq!(
            got.body["value"].as_array().map(Vec::len),
            Some(count),
            "{query}"
        );
    }
    for query in [
        "?$filter=employeeId%20eq%20'1'",
        "?$orderby=displayName",
        "?$count=true",
    ] {
        let got = peer.get(&format!("/groups{query}")).await;
        assert_eq!(got.error(), (400, "Request_UnsupportedQuery"), "{query}");
    }
    let odd = peer.get("/groups?$select=employeeId").await;
    assert_eq!(odd.error(), BAD);
    let first = peer.get("/groups?$top=2").await;
    let link = first.body["@odata.nextLink"].as_str().unwrap();
    let rest = peer.get(link.split_once("/v1.0").unwrap().1).await;
    assert_eq!(rest.body["value"].as_array().map(Vec::len), Some(1));
    assert!(rest.body["@odata.nextLink"].is_null());
}

/// The rule fills the group, later, and nobody else does.
#[tokio::test(start_paused = true)]
async fn a_rule_fills_a_group() {
    let evaluation_delay = Duration::from_mins(5);
    let peer = Peer::open(TenantOptions {
        evaluation_delay,
        ..TenantOptions::default()
    })
    .await;
    let mut sales = user("mira");
    sales["department"] = "Sales".into();
    sales["officeLocation"] = "London".into();
    sales["businessPhones"] = json!(["1"]);
    sales["onPremisesExtensionAttributes"] = json!({"extensionAttribute1": "A"});
    let mira = peer.tenant.put_user(sales).unwrap();
    let noor = peer.create("noor").await;
    let rule = "user.department -eq \"sales\" -and user.extensionAttribute1 -ne \"B\" -and \
                user.physicalDeliveryOfficeName -ne \"Oslo\" -and user.telephoneNumber -ne \"2\"";
    let id = peer.made(&dynamic("sales", rule)).await;
    let path = format!("/groups/{id}");
    assert!(peer.members(&id, 10).await.is_empty(), "not yet");
    peer.clock.sleep(evaluation_delay).await;
    assert_eq!(peer.members(&id, 10).await, [&*mira]);
    // By hand: no.
    let reference = Peer::reference(&noor);
    let by_hand = [
        ("POST", format!("{path}/members/$ref"), Some(reference)),
        ("PATCH", path.clone(), Some(bind(&[&noor]))),
        ("DELETE", format!("{path}/members/{mira}/$ref"), None),
    ];
    for (method, target, body) in by_hand {
        let got = peer.send(method, &target, body.as_ref()).await;
        assert_eq!(got.error(), DENIED, "{method} {target}");
    }
    // A mover goes in, another out.
    let move_to = |department: &str| json!({"department": department});
    peer.send("PATCH", &format!("/users/{noor}"), Some(&move_to("Sales")))
        .await;
    peer.send("PATCH", &format!("/users/{mira}"), Some(&move_to("Legal")))
        .await;
    assert_eq!(peer.members(&id, 10).await, [&*mira], "not yet");
    peer.clock.sleep(evaluation_delay).await;
    assert_eq!(peer.members(&id, 10).await, [&*noor]);
    // Paused, it stays as it is.
    let state = |state: &str| json!({"membershipRuleProcessingState": state});
    peer.send("PATCH", &path, Some(&state("Paused"))).await;
    peer.send("PATCH", &format!("/users/{mira}"), Some(&move_to("Sales")))
        .await;
    peer.clock.sleep(evaluation_delay).await;
    assert_eq!(peer.members(&id, 10).await, [&*noor]);
    peer.send("PATCH", &path, Some(&state("On"))).await;
    peer.clock.sleep(evaluation_delay).await;
    let mut both = vec![mira.clone(), noor.clone()];
    both.sort();
    assert_eq!(peer.members(&id, 10).await, both);
    // Another rule asks everybody again; one that cannot be read changes nothing.
    let broken = json!({"membershipRule": "user.department -eq"});
    assert_eq!(peer.send("PATCH", &path, Some(&broken)).await.error(), BAD);
    let other = json!({"membershipRule": "user.mailNickname -eq \"mira\""});
    assert_eq!(peer.send("PATCH", &path, Some(&other)).await.status, 204);
    peer.clock.sleep(evaluation_delay).await;
    assert_eq!(peer.members(&id, 10).await, [&*mira]);
    peer.send("DELETE", &format!("/users/{mira}"), None).await;
    peer.clock.sleep(evaluation_delay).await;
    assert_eq!(peer.tenant.groups()[0]["members"], json!([]));
}

/// Ended before it was due, it looks once it is opened again.
#[tokio::test(start_paused = true)]
async fn a_late_look_survives() {
    let folder = tempfile::tempdir().unwrap();
    let options = TenantOptions {
        journal: Some(folder.path().join("tenant.jsonl")),
        evaluation_delay: Duration::from_mins(5),
        ..TenantOptions::default()
    };
    {
        let peer = Peer::open(options.clone()).await;
        peer.made(&dynamic("all", "user.objectId -ne null")).await;
        peer.create("mira").await;
        assert_eq!(peer.tenant.groups()[0]["members"], json!([]));
    }
    let next = Peer::open(options).await;
    let members = next.tenant.groups()[0]["members"].as_array().map(Vec::len);
    assert_eq!(members, Some(1));
}

/// Time alone moves people where a rule reads the clock.
#[tokio::test(start_paused = true)]
async fn a_rule_reads_the_clock() {
    let peer = Peer::new().await;
    let mut starts = user("mira");
    starts["employeeHireDate"] = "2026-03-17T00:00:00Z".into();
    let mira = peer.tenant.put_user(starts).unwrap();
    let rule = "user.employeeHireDate -le system.now";
    peer.tenant.put_group(&dynamic("started", rule)).unwrap();
    let members = || peer.tenant.groups()[0]["members"].clone();
    assert_eq!(members(), json!([]));
    peer.clock.sleep(Duration::from_hours(21)).await;
    assert_eq!(members(), json!([]), "an hour early");
    peer.clock.sleep(Duration::from_hours(2)).await;
    assert_eq!(members(), json!([mira]));
}

/// New groups and new members are shown late, and known to writes at once.
#[tokio::test(start_paused = true)]
async fn replicas_lag() {
    let replication_delay = Duration::from_secs(30);
    let peer = Peer::open(TenantOptions {
        replication_delay,
        ..TenantOptions::default()
    })
    .await;
    let mira = peer.tenant.put_user(user("mira")).unwrap();
    let made = peer.upsert("rollcall-sales", &group("sales")).await;
    let (id, path) = (made.id(), format!("/groups/{}", made.id()));
    assert_eq!(peer.get(&path).await.error(), GONE);
    assert_eq!(
        peer.upsert("rollcall-sales", &group("sales")).await.status,
        204
    );
    let add = bind(&[&mira]);
    assert_eq!(peer.send("PATCH", &path, Some(&add)).await.status, 204);
    assert_eq!(peer.send("PATCH", &path, Some(&add)).await.error(), BAD);
    peer.clock.sleep(replication_delay).await;
    assert_eq!(peer.members(&id, 10).await, [&*mira]);
    let remove = format!("{path}/members/{mira}/$ref");
    assert_eq!(peer.send("DELETE", &remove, None).await.status, 204);
    assert_eq!(peer.members(&id, 10).await, [&*mira], "still shown");
    assert_eq!(peer.send("DELETE", &remove, None).await.error(), GONE);
    peer.clock.sleep(replication_delay).await;
    assert!(peer.members(&id, 10).await.is_empty());
    // In and out again before replicas have heard of the one: they never show it.
    assert_eq!(peer.send("PATCH", &path, Some(&add)).await.status, 204);
    assert_eq!(peer.send("DELETE", &remove, None).await.status, 204);
    assert!(peer.members(&id, 10).await.is_empty());
    // Somebody new cannot be put in before replicas know them.
    let noor = peer.create("noor").await;
    let add = bind(&[&noor]);
    assert_eq!(peer.send("PATCH", &path, Some(&add)).await.error(), GONE);
    peer.clock.sleep(replication_delay).await;
    assert_eq!(peer.send("PATCH", &path, Some(&add)).await.status, 204);
}

/// Permissions granted, and what they open.
#[tokio::test(start_paused = true)]
async fn permissions() {
    let table: [(&[&str], [u16; 6]); 6] = [
        (&[], [403; 6]),
        (&["User.ReadWrite.All"], [403; 6]),
        (&["Group.Create"], [201, 403, 403, 403, 403, 403]),
        (
            &["GroupMember.Read.All", "User.Read.All"],
            [403, 200, 200, 403, 403, 403],
        ),
        (
            &["GroupMember.ReadWrite.All", "User.Read.All"],
            [403, 200, 200, 204, 403, 204],
        ),
        (
            &["Group.ReadWrite.All", "User.Read.All"],
            [201, 200, 200, 204, 204, 204],
        ),
    ];
    for (roles, expected) in table {
        let peer = Peer::open(TenantOptions {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..TenantOptions::default()
        })
        .await;
        let mira = peer.tenant.put_user(user("mira")).unwrap();
        let id = peer.tenant.put_group(&group("sales")).unwrap();
        let path = format!("/groups/{id}");
        let calls = [
            ("POST", "/groups".to_owned(), Some(group("new"))),
            ("GET", path.clone(), None),
            ("GET", format!("{path}/members"), None),
            ("PATCH", path.clone(), Some(bind(&[&mira]))),
            (
                "PATCH",
                path.clone(),
                Some(json!({"description": "Those who sell"})),
            ),
            ("DELETE", format!("{path}/members/{mira}/$ref"), None),
        ];
        let mut got = Vec::new();
        for (method, target, body) in calls {
            got.push(peer.send(method, &target, body.as_ref()).await.status);
        }
        assert_eq!(got, expected, "{roles:?}");
    }
}

/// Opened again it has the same groups and members, and rules go on.
#[tokio::test(start_paused = true)]
async fn groups_survive() {
    let folder = tempfile::tempdir().unwrap();
    let options = TenantOptions {
        journal: Some(folder.path().join("tenant.jsonl")),
        ..TenantOptions::default()
    };
    let (groups, digest) = {
        let peer = Peer::open(options.clone()).await;
        let mira = peer.create("mira").await;
        let noor = peer.create("noor").await;
        let id = peer.made(&group("sales")).await;
        let path = format!("/groups/{id}");
        peer.send("PATCH", &path, Some(&bind(&[&mira, &noor])))
            .await;
        peer.send("DELETE", &format!("{path}/members/{mira}/$ref"), None)
            .await;
        peer.made(&dynamic("noor", "user.mailNickname -eq \"noor\""))
            .await;
        let gone = peer.made(&group("gone")).await;
        peer.send("DELETE", &format!("/groups/{gone}"), None).await;
        (peer.tenant.groups(), peer.tenant.digest())
    };
    assert_eq!(groups.len(), 2);
    assert!(
        groups
            .iter()
            .all(|group| group["members"].as_array().unwrap().len() == 1)
    );
    let next = Peer::open(options).await;
    assert_eq!(
        (next.tenant.groups(), next.tenant.digest()),
        (groups.clone(), digest)
    );
    let new = next.made(&group("new")).await;
    assert!(groups.iter().all(|group| group["id"] != new.as_str()));
    next.send(
        "PATCH",
        "/users/noor@woodgrove.example",
        Some(&json!({"mailNickname": "n"})),
    )
    .await;
    let empty = next.tenant.groups().into_iter();
    let empty = empty.filter(|group| group["members"] == json!([]));
    assert_eq!(empty.count(), 2, "the new one, and that of the rule");
}

/// A rule that would be read wrongly is not taken at all.
#[tokio::test(start_paused = true)]
async fn what_is_no_rule() {
    let peer = Peer::new().await;
    let mut sales = user("mira");
    sales["department"] = "Sales".into();
    sales["employeeHireDate"] = "2026-01-01T00:00:00Z".into();
    peer.tenant.put_user(sales).unwrap();
    for rule in [
        "user.department -frobnicate \"x\"",
        "user.department -gt \"x\"",
        "user.department -not null",
        "user.department -in \"Sales\"",
        "user.department -eq [\"Sales\"]",
        "user.department -match \"((\"",
        "user.department -match \"(?<=S)ales\"",
        "user.department -match \"\\p{L}+\"",
        "user.department -match Sales",
        "user.department -match \"(.{0,99}){0,60}z\"",
        "user.nosuch -eq \"x\"",
        "user.manager -eq null",
        "banana.department -eq \"Sales\"",
        "device.accountEnabled -eq true",
        "user.accountEnabled -eq \"yes\"",
        "user.accountEnabled -contains true",
        "user.employeeHireDate -le \"soon\"",
        "user.employeeHireDate -eq system.now",
        "user.employeeHireDate -le system.now -plus p9999999999999999d",
        "user.department -any (_ -eq \"x\")",
        "user.assignedPlans -eq \"x\"",
        "user.otherMails -any (user.department -eq \"x\")",
        "Direct Reports for \"x\" -or user.department -eq \"Sales\"",
        "(user.department -eq \"Sales\") -or (user.city -frob \"x\")",
    ] {
        let got = peer
            .send("POST", "/groups", Some(&dynamic("odd", rule)))
            .await;
        assert_eq!(got.error(), BAD, "{rule}");
    }
    for (rule, members) in [
        ("user.employeeHireDate -le system.now -plus p9999999d", 0),
        ("user.otherMails -all (_ -endsWith \"x\")", 1),
        ("user.department -match \"^s.les$\"", 1),
        ("user.dirSyncEnabled -eq null", 1),
    ] {
        let id = peer.made(&dynamic("right", rule)).await;
        assert_eq!(peer.members(&id, 9).await.len(), members, "{rule}");
    }
}

/// From by hand to by rule and back.
#[tokio::test(start_paused = true)]
async fn a_group_changes_its_kind() {
    let peer = Peer::new().await;
    let (mira, noor) = (peer.create("mira").await, peer.create("noor").await);
    let id = peer.made(&group("sales")).await;
    let path = format!("/groups/{id}");
    assert_eq!(
        peer.send("PATCH", &path, Some(&bind(&[&mira])))
            .await
            .status,
        204
    );
    let mut change = json!({
        "groupTypes": ["DynamicMembership"], "membershipRuleProcessingState": "Paused",
        "membershipRule": "user.mailNickname -eq \"noor\"",
    });
    change["members@odata.bind"] = bind(&[&noor])["members@odata.bind"].clone();
    assert_eq!(
        peer.send("PATCH", &path, Some(&change)).await.error(),
        DENIED
    );
    change.as_object_mut().unwrap().remove("members@odata.bind");
    assert_eq!(peer.send("PATCH", &path, Some(&change)).await.status, 204);
    assert!(
        peer.members(&id, 9).await.is_empty(),
        "whoever was in it is out"
    );
    let on = json!({"membershipRuleProcessingState": "On"});
    assert_eq!(peer.send("PATCH", &path, Some(&on)).await.status, 204);
    assert_eq!(peer.members(&id, 9).await, [&*noor]);
    let back = json!({"groupTypes": [], "membershipRuleProcessingState": "Paused"});
    assert_eq!(peer.send("PATCH", &path, Some(&back)).await.status, 204);
    assert_eq!(peer.members(&id, 9).await, [&*noor], "they stay");
    assert_eq!(
        peer.send("PATCH", &path, Some(&bind(&[&mira])))
            .await
            .status,
        204
    );
}

/// Killed between a change and what it moves, the next process makes good for it.
#[tokio::test(start_paused = true)]
async fn a_torn_move_is_made_good() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenant.jsonl");
    let options = TenantOptions {
        journal: Some(file.clone()),
        ..TenantOptions::default()
    };
    {
        let peer = Peer::open(options.clone()).await;
        for name in ["one", "two"] {
            peer.made(&dynamic(name, "user.mailNickname -ne \"noor\""))
                .await;
        }
        peer.create("mira").await;
        peer.create("pia").await;
    }
    let whole = std::fs::read(&file).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let last = text.trim_end().rfind('\n').unwrap();
    assert!(text[last..].contains("members_of"), "{text}");
    let before = text[..last].rfind('\n').unwrap();
    // Inside the last move, before it, and before the one before.
    for cut in [whole.len() - 9, last + 1, before + 1] {
        std::fs::write(&file, &whole[..cut]).unwrap();
        let next = Peer::open(options.clone()).await;
        for group in next.tenant.groups() {
            assert_eq!(group["members"].as_array().map(Vec::len), Some(2), "{cut}");
        }
    }
}
