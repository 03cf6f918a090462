//! Groups in groups.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::groups::{bind, dynamic, group};
use super::peer::{Got, Peer, user};
use crate::{TenantOptions, Throttle};

const GONE: (u16, &str) = (404, "Request_ResourceNotFound");
const BAD: (u16, &str) = (400, "Request_BadRequest");
const UNSUPPORTED: (u16, &str) = (400, "Request_UnsupportedQuery");
const DENIED: (u16, &str) = (403, "Authorization_RequestDenied");

fn of_group(id: &str) -> Json {
    json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/groups/{id}")})
}

fn of_object(id: &str) -> Json {
    json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}")})
}

/// A Microsoft 365 group.
fn unified(name: &str) -> Json {
    let mut out = group(name);
    out["groupTypes"] = json!(["Unified"]);
    out["mailEnabled"] = true.into();
    out
}

fn set<'a>(ids: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    ids.into_iter().cloned().collect()
}

fn message(got: &Got) -> &str {
    got.body["error"]["message"].as_str().unwrap()
}

impl Peer {
    async fn enter(&self, group: &str, reference: &Json) -> Got {
        let path = format!("/groups/{group}/members/$ref");
        self.send("POST", &path, Some(reference)).await
    }

    async fn nested(&self, group: &str, member: &str) {
        let got = self.enter(group, &of_object(member)).await;
        assert_eq!(got.status, 204, "{}", got.body);
    }

    /// Ids of a list, page after page of two, each once.
    async fn every_id(&self, path: &str) -> BTreeSet<String> {
        let mut next = format!("{path}?$select=id&$top=2");
        let mut ids = BTreeSet::new();
        loop {
            let got = self.get(&next).await;
            assert_eq!(got.status, 200, "{}", got.body);
            for object in got.body["value"].as_array().unwrap() {
                let id = object["id"].as_str().unwrap().to_owned();
                assert!(ids.insert(id), "twice: {object}");
            }
            match got.body["@odata.nextLink"].as_str() {
                None => return ids,
                Some(link) => next = link.split_once("/v1.0").unwrap().1.to_owned(),
            }
        }
    }

    async fn holders(&self, of: &str) -> [BTreeSet<String>; 2] {
        [
            self.every_id(&format!("{of}/memberOf")).await,
            self.every_id(&format!("{of}/transitiveMemberOf")).await,
        ]
    }

    async fn inside(&self, group: &str) -> [BTreeSet<String>; 2] {
        [
            self.every_id(&format!("/groups/{group}/members")).await,
            self.every_id(&format!("/groups/{group}/transitiveMembers"))
                .await,
        ]
    }
}

/// `all` holds `sales` holds `north`; mira is in `north`, noor in `all`.
struct Tower {
    peer: Peer,
    all: String,
    sales: String,
    north: String,
    mira: String,
    noor: String,
}

impl Tower {
    async fn with(options: TenantOptions) -> Self {
        let peer = Peer::open(options).await;
        let mut ids = Vec::new();
        for name in ["all", "sales", "north"] {
            ids.push(peer.tenant.put_group(&group(name)).unwrap());
        }
        let mira = peer.tenant.put_user(user("mira")).unwrap();
        let noor = peer.tenant.put_user(user("noor")).unwrap();
        let [all, sales, north] = ids.try_into().unwrap();
        for (holder, member) in [
            (&all, &sales),
            (&sales, &north),
            (&north, &mira),
            (&all, &noor),
        ] {
            peer.nested(holder, member).await;
        }
        Self {
            peer,
            all,
            sales,
            north,
            mira,
            noor,
        }
    }

    async fn new() -> Self {
        Self::with(TenantOptions::default()).await
    }
}

/// Direct and by any way, from below and from above, on one page and on several.
#[tokio::test(start_paused = true)]
async fn membership_goes_through_groups() {
    let it = Tower::new().await;
    let peer = &it.peer;
    let mira = peer.holders(&format!("/users/{}", it.mira)).await;
    assert_eq!(
        mira,
        [set([&it.north]), set([&it.north, &it.sales, &it.all])]
    );
    let noor = peer.holders("/users/noor@woodgrove.example").await;
    assert_eq!(noor, [set([&it.all]), set([&it.all])]);
    let north = peer.holders(&format!("/groups/{}", it.north)).await;
    assert_eq!(north, [set([&it.sales]), set([&it.sales, &it.all])]);
    assert_eq!(
        peer.holders(&format!("/groups/{}", it.all)).await,
        [set([]), set([])]
    );
    let all = peer.inside(&it.all).await;
    assert_eq!(
        all,
        [
            set([&it.sales, &it.noor]),
            set([&it.sales, &it.north, &it.mira, &it.noor])
        ]
    );
    let north = peer.inside(&it.north).await;
    assert_eq!(north, [set([&it.mira]), set([&it.mira])]);
    // A tenant that looks at itself knows them too.
    let shown = peer.tenant.groups();
    let all = shown
        .iter()
        .find(|it| it["displayName"] == "Test all")
        .unwrap();
    let mut members = [&it.sales, &it.noor];
    members.sort();
    assert_eq!(all["members"], json!(members));
    // "This function is transitive."
    let check = json!({"groupIds": [it.all, it.sales, it.north]});
    let path = |user: &str| format!("/users/{user}/checkMemberGroups");
    let got = peer.send("POST", &path(&it.mira), Some(&check)).await;
    assert_eq!(got.body["value"], check["groupIds"]);
    let got = peer.send("POST", &path(&it.noor), Some(&check)).await;
    assert_eq!(got.body["value"], json!([it.all]));
}

/// Each member says what it is, and shows what it has of what is asked for.
#[tokio::test(start_paused = true)]
async fn members_say_what_they_are() {
    let it = Tower::new().await;
    let path = format!("/groups/{}/members", it.all);
    let select = "$select=id,displayName,userPrincipalName,securityEnabled";
    let got = it.peer.get(&format!("{path}?{select}")).await;
    let mut members = got.body["value"].as_array().unwrap().clone();
    members.sort_by_key(|it| it["@odata.type"].to_string());
    let expected = [
        json!({
            "@odata.type": "#microsoft.graph.group", "id": it.sales, "displayName": "Test sales",
            "securityEnabled": true,
        }),
        json!({
            "@odata.type": "#microsoft.graph.user", "id": it.noor, "displayName": "Test noor",
            "userPrincipalName": "noor@woodgrove.example",
        }),
    ];
    assert_eq!(members, expected);
    assert_eq!(
        got.body["@odata.context"],
        "https://graph.microsoft.com/v1.0/$metadata#directoryObjects"
    );
    let plain = it.peer.get(&path).await;
    let members = plain.body["value"].as_array().unwrap();
    let of = |kind: &str| members.iter().find(|it| it["@odata.type"] == kind).unwrap();
    assert_eq!(of("#microsoft.graph.group")["mailNickname"], "sales");
    assert_eq!(of("#microsoft.graph.user")["jobTitle"], Json::Null);
    assert!(of("#microsoft.graph.group").get("jobTitle").is_none());
    let odd = it.peer.get(&format!("{path}?$select=nosuch")).await;
    assert_eq!(odd.error(), BAD);
}

/// A list of one kind is an advanced query: it takes a header and a count ("List group transitive members").
#[tokio::test(start_paused = true)]
async fn a_cast_takes_an_advanced_query() {
    let it = Tower::new().await;
    let every = format!("/groups/{}/transitiveMembers", it.all);
    let cast = |kind: &str| format!("{every}/microsoft.graph.{kind}?$count=true&$select=id");
    let eventual = ("consistencylevel", "eventual");
    for (kind, set_name, expected) in [
        ("user", "users", set([&it.mira, &it.noor])),
        ("group", "groups", set([&it.sales, &it.north])),
    ] {
        let got = it
            .peer
            .with_header(("GET", &cast(kind)), None, eventual)
            .await;
        let value = got.body["value"].as_array().unwrap();
        let ids = value.iter().map(|it| it["id"].as_str().unwrap().to_owned());
        assert_eq!(ids.collect::<BTreeSet<_>>(), expected, "{kind}");
        assert_eq!(got.body["@odata.count"], 2, "{kind}");
        let context = got.body["@odata.context"].as_str().unwrap();
        assert!(context.ends_with(&format!("#{set_name}")), "{context}");
        let direct = cast(kind).replace("transitiveMembers", "members");
        let got = it.peer.with_header(("GET", &direct), None, eventual).await;
        assert_eq!(got.body["@odata.count"], 1, "{kind}");
    }
    let first = format!("{}&$top=1", cast("user"));
    let got = it.peer.with_header(("GET", &first), None, eventual).await;
    assert_eq!(
        (
            got.body["@odata.count"].clone(),
            got.body["value"].as_array().unwrap().len()
        ),
        (json!(2), 1)
    );
    let next = got.body["@odata.nextLink"].as_str().unwrap();
    let next = next.split_once("/v1.0").unwrap().1;
    let got = it.peer.with_header(("GET", next), None, eventual).await;
    assert_eq!(got.body["value"].as_array().map(Vec::len), Some(1));
    assert!(got.body["@odata.nextLink"].is_null());
    assert_eq!(
        it.peer.get(&cast("user")).await.error(),
        UNSUPPORTED,
        "no header"
    );
    for options in ["", "?$count=false"] {
        let path = format!("{every}/microsoft.graph.user{options}");
        let got = it.peer.with_header(("GET", &path), None, eventual).await;
        assert_eq!(got.error(), UNSUPPORTED, "{options}");
    }
    assert_eq!(
        it.peer
            .get(&format!("{every}/microsoft.graph.device"))
            .await
            .status,
        404
    );
}

/// In by either reference, one by one or twenty at once; out again; never twice.
#[tokio::test(start_paused = true)]
async fn groups_go_in_and_out() {
    let peer = Peer::new().await;
    let mut ids = Vec::new();
    for n in 0..22 {
        ids.push(peer.made(&group(&format!("g{n}"))).await);
    }
    let mira = peer.create("mira").await;
    let all = peer.made(&group("all")).await;
    assert_eq!(peer.enter(&all, &of_group(&ids[0])).await.status, 204);
    assert_eq!(peer.enter(&all, &of_object(&ids[1])).await.status, 204);
    for again in [of_group(&ids[0]), of_object(&ids[0])] {
        let got = peer.enter(&all, &again).await;
        assert_eq!(got.error(), BAD);
        assert_eq!(
            message(&got),
            "One or more added object references already exist for the following modified \
             properties: 'members'."
        );
    }
    let nobody = "5f3a09c1-0000-4000-8000-00000000000a".to_owned();
    for reference in [of_group(&nobody), of_object(&nobody), of_group(&mira)] {
        assert_eq!(
            peer.enter(&all, &reference).await.error(),
            GONE,
            "{reference}"
        );
    }
    let user_link =
        json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/users/{}", ids[2])});
    assert_eq!(peer.enter(&all, &user_link).await.error(), GONE);
    let odd = json!({"@odata.id": "https://graph.microsoft.com/v1.0/groups"});
    assert_eq!(peer.enter(&all, &odd).await.error(), BAD);
    // All or none: one that is in it, one that is not there, one twice, one too many.
    let path = format!("/groups/{all}");
    let patch = async |some: &[&String]| peer.send("PATCH", &path, Some(&bind(some))).await;
    let two = set([&ids[0], &ids[1]]);
    for (some, expected) in [
        (vec![&ids[2], &ids[0]], BAD),
        (vec![&ids[2], &nobody], GONE),
        (vec![&ids[2], &ids[2]], BAD),
        (ids[1..].iter().collect(), BAD),
    ] {
        assert_eq!(patch(&some).await.error(), expected);
        assert_eq!(peer.inside(&all).await, [two.clone(), two.clone()]);
    }
    let mut some: Vec<&String> = ids[2..21].iter().collect();
    some.push(&mira);
    assert_eq!(patch(&some).await.status, 204);
    let mut expected = set(&ids[..21]);
    expected.insert(mira.clone());
    assert_eq!(
        peer.inside(&all).await,
        [expected.clone(), expected.clone()]
    );
    let remove = format!("{path}/members/{}/$ref", ids[0]);
    assert_eq!(peer.send("DELETE", &remove, None).await.status, 204);
    assert_eq!(peer.send("DELETE", &remove, None).await.error(), GONE);
    expected.remove(&ids[0]);
    assert_eq!(peer.inside(&all).await, [expected.clone(), expected]);
    assert_eq!(
        peer.get(&format!("/groups/{}", ids[0])).await.status,
        200,
        "it is there"
    );
    // Born with its members.
    let mut born = group("born");
    born["members@odata.bind"] = bind(&[&all, &mira])["members@odata.bind"].clone();
    let born = peer.made(&born).await;
    assert_eq!(peer.inside(&born).await[0], set([&all, &mira]));
    // Owners are people.
    let owner = format!("/groups/{born}/owners/$ref");
    for reference in [of_group(&all), of_object(&all)] {
        let status = peer.send("POST", &owner, Some(&reference)).await.status;
        assert!(matches!(status, 400 | 404), "{status}");
    }
}

/// What is put into what, as the table of "Add members" and "Add a group to another group" have it.
#[tokio::test(start_paused = true)]
async fn what_holds_no_groups() {
    let mut options = TenantOptions::default();
    options
        .roles
        .push("RoleManagement.ReadWrite.Directory".to_owned());
    let peer = Peer::open(options).await;
    let plain = peer.made(&group("plain")).await;
    let other = peer.made(&group("other")).await;
    let office = peer.made(&unified("office")).await;
    let mut secure = unified("secure");
    secure["securityEnabled"] = true.into();
    let secure = peer.made(&secure).await;
    let mut administers = group("administers");
    administers["isAssignableToRole"] = true.into();
    let administers = peer.made(&administers).await;
    let ruled = peer.made(&dynamic("ruled", "user.city -eq \"Oslo\"")).await;
    for (holder, member, expected) in [
        (&plain, &other, None),
        (&plain, &ruled, None),
        (&plain, &administers, None),
        (&plain, &office, Some(BAD)),
        (&plain, &secure, Some(BAD)),
        (&office, &plain, Some(BAD)),
        (&office, &secure, Some(BAD)),
        (&secure, &plain, Some(BAD)),
        (&administers, &plain, Some(BAD)),
        (&ruled, &plain, Some(DENIED)),
    ] {
        let got = peer.enter(holder, &of_object(member)).await;
        assert_eq!(
            got.status,
            expected.map_or(204, |(status, _)| status),
            "{}",
            got.body
        );
        if let Some(expected) = expected {
            assert_eq!(got.error(), expected);
            let path = format!("/groups/{holder}");
            let got = peer.send("PATCH", &path, Some(&bind(&[member]))).await;
            assert_eq!(got.error(), expected, "at once with others");
            assert!(!peer.inside(holder).await[0].contains(member));
        }
        if expected == Some(BAD) {
            let got = peer.enter(holder, &of_object(member)).await;
            assert!(
                message(&got).contains("'members' of resource 'Group'"),
                "{}",
                got.body
            );
            assert_eq!(got.body["error"]["details"][0]["target"], "members");
        }
    }
    let out = format!("/groups/{ruled}/members/{plain}/$ref");
    assert_eq!(peer.send("DELETE", &out, None).await.error(), DENIED);
    for mut body in [unified("new"), dynamic("new", "user.city -eq \"Oslo\"")] {
        body["members@odata.bind"] = bind(&[&plain])["members@odata.bind"].clone();
        assert_eq!(
            peer.send("POST", "/groups", Some(&body)).await.status / 100,
            4
        );
    }
    // People are in all of these but the one with a rule.
    let mira = peer.create("mira").await;
    for holder in [&plain, &office, &secure, &administers] {
        peer.nested(holder, &mira).await;
    }
    // A group stays of the type that it was made as.
    let becomes = json!({"groupTypes": ["Unified"], "mailEnabled": true});
    let got = peer
        .send("PATCH", &format!("/groups/{plain}"), Some(&becomes))
        .await;
    assert_eq!(got.error(), BAD);
    assert!(message(&got).contains("'groupTypes'"), "{}", got.body);
    // From now on its rule says who is in it: groups are out as well.
    let becomes = json!({
        "groupTypes": ["DynamicMembership"], "membershipRuleProcessingState": "On",
        "membershipRule": "user.mailNickname -eq \"mira\"",
    });
    let got = peer
        .send("PATCH", &format!("/groups/{plain}"), Some(&becomes))
        .await;
    assert_eq!(got.status, 204);
    assert_eq!(peer.inside(&plain).await[1], set([&mira]));
}

/// Circles can be made, and reading comes to an end in them.
#[tokio::test(start_paused = true)]
async fn circles_end() {
    let it = Tower::new().await;
    it.peer.nested(&it.north, &it.all).await;
    let groups = set([&it.all, &it.sales, &it.north]);
    let everything = set([&it.all, &it.sales, &it.north, &it.mira, &it.noor]);
    for id in &groups {
        assert_eq!(it.peer.inside(id).await[1], everything);
        assert_eq!(it.peer.holders(&format!("/groups/{id}")).await[1], groups);
    }
    for user in [&it.mira, &it.noor] {
        let of = it.peer.holders(&format!("/users/{user}")).await;
        assert_eq!(of[1], groups);
    }
    // A group in itself, and out again.
    let alone = it.peer.made(&group("alone")).await;
    it.peer.nested(&alone, &alone).await;
    assert_eq!(it.peer.inside(&alone).await, [set([&alone]), set([&alone])]);
    let out = format!("/groups/{alone}/members/{alone}/$ref");
    assert_eq!(it.peer.send("DELETE", &out, None).await.status, 204);
    assert_eq!(it.peer.inside(&alone).await, [set([]), set([])]);
}

/// A group in the bin is in no list, and nobody is anywhere by way of it.
#[tokio::test(start_paused = true)]
async fn a_deleted_group_holds_nobody() {
    let it = Tower::new().await;
    let sales = format!("/groups/{}", it.sales);
    assert_eq!(it.peer.send("DELETE", &sales, None).await.status, 204);
    assert_eq!(
        it.peer.inside(&it.all).await,
        [set([&it.noor]), set([&it.noor])]
    );
    let mira = it.peer.holders(&format!("/users/{}", it.mira)).await;
    assert_eq!(mira, [set([&it.north]), set([&it.north])]);
    let north = it.peer.holders(&format!("/groups/{}", it.north)).await;
    assert_eq!(north, [set([]), set([])]);
    for path in [
        "members",
        "transitiveMembers",
        "memberOf",
        "transitiveMemberOf",
    ] {
        assert_eq!(it.peer.get(&format!("{sales}/{path}")).await.error(), GONE);
    }
    let check = json!({"groupIds": [it.all, it.sales, it.north]});
    let path = format!("/users/{}/checkMemberGroups", it.mira);
    let got = it.peer.send("POST", &path, Some(&check)).await;
    assert_eq!(got.body["value"], json!([it.north]));
    let again = it.peer.enter(&it.all, &of_object(&it.sales)).await;
    assert_eq!(again.error(), GONE);
    let shown = it.peer.tenant.groups();
    let all = shown
        .iter()
        .find(|it| it["displayName"] == "Test all")
        .unwrap();
    assert_eq!(all["members"], json!([it.noor]));
}

/// What a tenant is begun with is there at once, and follows the same rules.
#[tokio::test(start_paused = true)]
async fn groups_are_begun_with_groups() {
    let peer = Peer::open(TenantOptions {
        replication_delay: Duration::from_secs(30),
        ..TenantOptions::default()
    })
    .await;
    let mira = peer.tenant.put_user(user("mira")).unwrap();
    let sales = peer.tenant.put_group(&group("sales")).unwrap();
    let mut all = group("all");
    all["members@odata.bind"] = bind(&[&sales])["members@odata.bind"].clone();
    let all = peer.tenant.put_group(&all).unwrap();
    peer.tenant.put_member(&sales, &mira).unwrap();
    peer.tenant.put_member(&sales, &all).unwrap();
    let of = peer.holders(&format!("/users/{mira}")).await;
    assert_eq!(of, [set([&sales]), set([&sales, &all])]);
    let rule = dynamic("ruled", "user.city -eq \"Oslo\"");
    let ruled = peer.tenant.put_group(&rule).unwrap();
    let office = peer.tenant.put_group(&unified("office")).unwrap();
    for (holder, member, status) in [
        (&sales, &mira, "400"),
        (&sales, &office, "400"),
        (&ruled, &mira, "403"),
        (&mira, &sales, "404"),
        (&sales, &"nobody".to_owned(), "404"),
    ] {
        let said = peer.tenant.put_member(holder, member).unwrap_err();
        assert!(said.to_string().contains(status), "{said}");
    }
    assert_eq!(peer.inside(&sales).await[0], set([&mira, &all]));
}

/// Each link is shown when replicas have heard of it, and not before; a new group can be put in only then.
#[tokio::test(start_paused = true)]
async fn links_are_shown_late() {
    let replication_delay = Duration::from_secs(30);
    let it = Tower::with(TenantOptions {
        replication_delay,
        ..TenantOptions::default()
    })
    .await;
    let mira = format!("/users/{}", it.mira);
    assert_eq!(it.peer.holders(&mira).await, [set([]), set([])]);
    it.peer.clock.sleep(replication_delay).await;
    let groups = set([&it.north, &it.sales, &it.all]);
    assert_eq!(it.peer.holders(&mira).await[1], groups);
    let out = format!("/groups/{}/members/{}/$ref", it.all, it.sales);
    assert_eq!(it.peer.send("DELETE", &out, None).await.status, 204);
    assert_eq!(it.peer.holders(&mira).await[1], groups, "still shown");
    assert!(
        it.peer.inside(&it.all).await[1].contains(&it.mira),
        "still shown"
    );
    assert_eq!(it.peer.send("DELETE", &out, None).await.error(), GONE);
    it.peer.clock.sleep(replication_delay).await;
    assert_eq!(it.peer.holders(&mira).await[1], set([&it.north, &it.sales]));
    assert_eq!(it.peer.inside(&it.all).await[1], set([&it.noor]));
    let new = it.peer.made(&group("new")).await;
    assert_eq!(it.peer.enter(&it.all, &of_object(&new)).await.error(), GONE);
    it.peer.clock.sleep(replication_delay).await;
    it.peer.nested(&it.all, &new).await;
    it.peer.clock.sleep(replication_delay).await;
    assert!(it.peer.inside(&it.all).await[0].contains(&new));
    // Deleted, it is shown until replicas have heard of that, and so is who is in it.
    let sales = format!("/groups/{}", it.sales);
    assert_eq!(it.peer.send("DELETE", &sales, None).await.status, 204);
    assert_eq!(it.peer.holders(&mira).await[1], set([&it.north, &it.sales]));
    it.peer.clock.sleep(replication_delay).await;
    assert_eq!(it.peer.holders(&mira).await[1], set([&it.north]));
}

/// Only who is in it directly gets what a group gives ("Scenarios, limitations, and known issues").
#[tokio::test(start_paused = true)]
async fn licences_go_to_the_first_level() {
    let mut options = TenantOptions {
        seats: [("SPE_E5".to_owned(), 9)].into(),
        throttle: Throttle::Off,
        ..TenantOptions::default()
    };
    options
        .roles
        .push("LicenseAssignment.ReadWrite.All".to_owned());
    let it = Tower::with(options).await;
    let skus = it.peer.get("/subscribedSkus?$select=skuId").await.body;
    let body = json!({"addLicenses": [{"skuId": skus["value"][0]["skuId"]}], "removeLicenses": []});
    let path = format!("/groups/{}/assignLicense", it.all);
    assert_eq!(it.peer.send("POST", &path, Some(&body)).await.status, 202);
    let has = async |user: &str| {
        let path = format!("/users/{user}?$select=assignedLicenses");
        it.peer.get(&path).await.body["assignedLicenses"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(
        (has(&it.noor).await, has(&it.mira).await),
        (Some(1), Some(0))
    );
    // One more link further up or down is no reason either; to be in it is.
    let late = it.peer.made(&group("late")).await;
    it.peer.nested(&late, &it.mira).await;
    it.peer.nested(&it.all, &late).await;
    assert_eq!(has(&it.mira).await, Some(0));
    let errors = format!("/groups/{}/membersWithLicenseErrors", it.all);
    assert_eq!(it.peer.get(&errors).await.body["value"], json!([]));
    it.peer.nested(&it.all, &it.mira).await;
    assert_eq!(has(&it.mira).await, Some(1));
    let taken = it.peer.get("/subscribedSkus").await.body;
    assert_eq!(taken["value"][0]["consumedUnits"], 2);
}

/// To put groups into groups takes nothing that is about people ("Add members", permissions).
#[tokio::test(start_paused = true)]
async fn permissions() {
    let table: [(&[&str], [u16; 7]); 5] = [
        (&["User.Read.All"], [403; 7]),
        (
            &["GroupMember.Read.All"],
            [403, 403, 200, 200, 403, 200, 403],
        ),
        (
            &["GroupMember.ReadWrite.All"],
            [204, 403, 200, 200, 403, 200, 204],
        ),
        (&["Group.Create"], [403; 7]),
        (
            &["GroupMember.ReadWrite.All", "User.Read.All"],
            [204, 204, 200, 200, 200, 200, 204],
        ),
    ];
    for (roles, expected) in table {
        let peer = Peer::open(TenantOptions {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..TenantOptions::default()
        })
        .await;
        let mira = peer.tenant.put_user(user("mira")).unwrap();
        let all = peer.tenant.put_group(&group("all")).unwrap();
        let sales = peer.tenant.put_group(&group("sales")).unwrap();
        let path = format!("/groups/{all}");
        let calls = [
            ("PATCH", path.clone(), Some(bind(&[&sales]))),
            ("PATCH", path.clone(), Some(bind(&[&mira]))),
            ("GET", format!("/groups/{sales}/memberOf"), None),
            ("GET", format!("/groups/{sales}/transitiveMemberOf"), None),
            ("GET", format!("{path}/transitiveMembers"), None),
            (
                "GET",
                format!("{path}/members/microsoft.graph.group?$count=true"),
                None,
            ),
            ("DELETE", format!("{path}/members/{sales}/$ref"), None),
        ];
        let mut got = Vec::new();
        for (method, target, body) in calls {
            let eventual = ("consistencylevel", "eventual");
            let call = peer.with_header((method, &target), body.as_ref(), eventual);
            got.push(call.await.status);
        }
        assert_eq!(got, expected, "{roles:?}");
    }
}

/// What a rule finds goes on upwards, and changes with it.
#[tokio::test(start_paused = true)]
async fn a_rule_reaches_further_up() {
    let it = Tower::new().await;
    let rule = "user.mailNickname -eq \"noor\"";
    let ruled = it.peer.made(&dynamic("ruled", rule)).await;
    it.peer.nested(&it.north, &ruled).await;
    let noor = format!("/users/{}", it.noor);
    let of = it.peer.holders(&noor).await;
    assert_eq!(of[0], set([&ruled, &it.all]));
    assert_eq!(of[1], set([&ruled, &it.north, &it.sales, &it.all]));
    let other = json!({"mailNickname": "n"});
    assert_eq!(it.peer.send("PATCH", &noor, Some(&other)).await.status, 204);
    assert_eq!(it.peer.holders(&noor).await[1], set([&it.all]));
}

/// Opened again, or by another process, groups are where they were.
#[tokio::test(start_paused = true)]
async fn nesting_survives() {
    let folder = tempfile::tempdir().unwrap();
    let options = TenantOptions {
        journal: Some(folder.path().join("tenant.jsonl")),
        ..TenantOptions::default()
    };
    let it = Tower::with(options.clone()).await;
    let beside = Peer::open(options.clone()).await;
    let out = format!("/groups/{}/members/{}/$ref", it.sales, it.north);
    assert_eq!(it.peer.send("DELETE", &out, None).await.status, 204);
    it.peer.nested(&it.all, &it.north).await;
    for peer in [&beside, &Peer::open(options).await] {
        assert_eq!(peer.inside(&it.all).await, it.peer.inside(&it.all).await);
        assert_eq!(
            peer.inside(&it.all).await[0],
            set([&it.sales, &it.north, &it.noor])
        );
        assert_eq!(peer.tenant.groups(), it.peer.tenant.groups());
        assert_eq!(peer.tenant.digest(), it.peer.tenant.digest());
    }
    let before = it.peer.tenant.digest();
    beside.nested(&it.sales, &it.north).await;
    assert_ne!(
        it.peer.tenant.digest(),
        before,
        "a digest tells who is in what"
    );
    let mira = format!("/users/{}", it.mira);
    assert_eq!(
        it.peer.holders(&mira).await[1],
        set([&it.north, &it.sales, &it.all])
    );
}
