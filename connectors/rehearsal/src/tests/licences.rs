//! Licences of users and of groups.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::peer::{Got, Peer, user};
use crate::seeded::Seeded;
use crate::{TenantOptions, Throttle};

const BAD: (u16, &str) = (400, "Request_BadRequest");
const STATES: &str = "$select=assignedLicenses,licenseAssignmentStates";
const DELAY: Duration = Duration::from_mins(5);

fn options(seats: &[(&str, u32)]) -> TenantOptions {
    let mut options = TenantOptions {
        seats: seats
            .iter()
            .map(|(name, n)| ((*name).to_owned(), *n))
            .collect(),
        throttle: Throttle::Off,
        ..TenantOptions::default()
    };
    options
        .roles
        .push("LicenseAssignment.ReadWrite.All".to_owned());
    options
}

/// A tenant with its licences and plans by name.
struct Stage {
    peer: Peer,
    ids: BTreeMap<String, String>,
}

impl Stage {
    async fn open(seats: &[(&str, u32)]) -> Self {
        Self::with(options(seats)).await
    }

    async fn with(options: TenantOptions) -> Self {
        let peer = Peer::open(options).await;
        let skus = peer.get("/subscribedSkus").await.body["value"].clone();
        let mut ids = BTreeMap::new();
        for sku in skus.as_array().unwrap() {
            let text = |value: &Json| value.as_str().unwrap().to_owned();
            ids.insert(text(&sku["skuPartNumber"]), text(&sku["skuId"]));
            for plan in sku["servicePlans"].as_array().unwrap() {
                let name = format!("plan {}", text(&plan["servicePlanName"]));
                ids.insert(name, text(&plan["servicePlanId"]));
            }
        }
        Self { peer, ids }
    }

    fn id(&self, name: &str) -> Json {
        self.ids[name].as_str().into()
    }

    fn name(&self, id: &Json) -> &str {
        let same = |(_, known): &(&String, &String)| id == known.as_str();
        self.ids.iter().find(same).unwrap().0
    }

    /// `+SPE_E5` adds, `-SPE_E5` removes, `+SPE_E5!SWAY!TEAMS1` adds without two plans.
    fn body(&self, changes: &str) -> Json {
        let mut body = json!({"addLicenses": [], "removeLicenses": []});
        for change in changes.split_whitespace() {
            let mut names = change[1..].split('!');
            let sku = self.id(names.next().unwrap());
            if change.starts_with('-') {
                body["removeLicenses"].as_array_mut().unwrap().push(sku);
                continue;
            }
            let off: Vec<Json> = names.map(|name| self.id(&format!("plan {name}"))).collect();
            let add = json!({"skuId": sku, "disabledPlans": off});
            body["addLicenses"].as_array_mut().unwrap().push(add);
        }
        body
    }

    async fn assign(&self, to: &str, changes: &str) -> Got {
        let path = format!("{to}/assignLicense");
        self.peer
            .send("POST", &path, Some(&self.body(changes)))
            .await
    }

    async fn assigned(&self, to: &str, changes: &str) {
        let got = self.assign(to, changes).await;
        assert!(
            matches!(got.status, 200 | 202),
            "{to} {changes}: {}",
            got.body
        );
    }

    /// A user in Germany.
    fn user(&self, name: &str) -> String {
        let mut body = user(name);
        body["usageLocation"] = "DE".into();
        self.peer.tenant.put_user(body).unwrap()
    }

    /// A group that people are put into by hand.
    fn group(&self, name: &str) -> String {
        let group = json!({
            "displayName": name, "mailNickname": name, "mailEnabled": false,
            "securityEnabled": true, "groupTypes": [],
        });
        let id = self.peer.tenant.put_group(&group).unwrap();
        format!("/groups/{id}")
    }

    async fn enter(&self, group: &str, user: &str) {
        let path = format!("{group}/members/$ref");
        let got = self
            .peer
            .send("POST", &path, Some(&Peer::reference(user)))
            .await;
        assert_eq!(got.status, 204, "{}", got.body);
    }

    async fn leave(&self, group: &str, user: &str) {
        let path = format!("{group}/members/{user}/$ref");
        assert_eq!(self.peer.send("DELETE", &path, None).await.status, 204);
    }

    /// What a user has, with plans that are off, and each ground with its error.
    async fn has(&self, user: &str) -> (Vec<String>, Vec<String>) {
        let got = self.peer.get(&format!("/users/{user}?{STATES}")).await;
        assert_eq!(got.status, 200, "{}", got.body);
        self.licences(&got.body)
    }

    fn licences(&self, user: &Json) -> (Vec<String>, Vec<String>) {
        let off = |licence: &Json| {
            let mut name = self.name(&licence["skuId"]).to_owned();
            for plan in licence["disabledPlans"].as_array().unwrap() {
                name = format!("{name}!{}", self.name(plan).trim_start_matches("plan "));
            }
            name
        };
        let all = user["assignedLicenses"].as_array().unwrap().iter();
        let mut all: Vec<String> = all.map(off).collect();
        let states = user["licenseAssignmentStates"].as_array().unwrap().iter();
        let mut states: Vec<String> = states
            .map(|it| {
                let ground = if it["assignedByGroup"].is_null() {
                    "direct"
                } else {
                    "group"
                };
                let error = it["error"].as_str().unwrap();
                let active = it["state"] == "Active";
                assert_eq!(active, error == "None", "{it}");
                format!("{} {ground} {error}", off(it))
            })
            .collect();
        all.sort();
        states.sort();
        (all, states)
    }

    async fn taken(&self, sku: &str) -> i64 {
        let skus = self.peer.get("/subscribedSkus").await.body["value"].clone();
        let mut skus = skus.as_array().unwrap().iter();
        let sku = skus.find(|it| it["skuPartNumber"] == sku).unwrap();
        sku["consumedUnits"].as_i64().unwrap()
    }

    /// Who of a group has errors, by object id.
    async fn errors(&self, group: &str) -> Vec<String> {
        let path = format!("{group}/membersWithLicenseErrors?$select=id");
        let got = self.peer.get(&path).await;
        assert_eq!(got.status, 200, "{}", got.body);
        let all = got.body["value"].as_array().unwrap().iter();
        all.map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Everything about licences that can be read.
    async fn all(&self) -> Json {
        let users = self.peer.get(&format!("/users?{STATES},id")).await;
        let select =
            "$select=id,assignedLicenses,licenseProcessingState,hasMembersWithLicenseErrors";
        let groups = self.peer.get(&format!("/groups?{select}")).await;
        let skus = self.peer.get("/subscribedSkus").await;
        json!([
            users.body["value"],
            groups.body["value"],
            skus.body["value"]
        ])
    }
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

/// Licences show what they are made of.
#[tokio::test(start_paused = true)]
async fn licences_have_plans() {
    let stage = Stage::open(&[("spe_e5", 2), ("OURS", 1)]).await;
    let skus = stage.peer.get("/subscribedSkus").await.body["value"].clone();
    let plans = |sku: &Json| sku["servicePlans"].as_array().unwrap().clone();
    let ours = plans(&skus[0]);
    let own = json!([{"servicePlanId": stage.id("plan OURS"), "servicePlanName": "OURS",
                      "provisioningStatus": "Success", "appliesTo": "User"}]);
    assert_eq!(Json::Array(ours), own);
    assert_ne!(stage.id("plan OURS"), stage.id("OURS"));
    let names = plans(&skus[1])
        .iter()
        .map(|plan| plan["servicePlanName"].clone())
        .collect();
    let names: BTreeSet<String> = serde_json::from_value(names).unwrap();
    for name in [
        "EXCHANGE_S_ENTERPRISE",
        "TEAMS1",
        "AAD_PREMIUM_P2",
        "INTUNE_A",
    ] {
        assert!(names.contains(name), "{name}");
    }
    let some = stage
        .peer
        .get("/subscribedSkus?$select=skuId,consumedUnits")
        .await;
    let first = json!({"skuId": stage.id("OURS"), "consumedUnits": 0});
    assert_eq!(some.body["value"][0], first);
}

/// Changes of one user in turn → what the user has then.
#[tokio::test(start_paused = true)]
async fn a_user_gets_licences() {
    let stage = Stage::open(&[("SPE_E3", 1), ("SPE_E5", 1), ("VISIOCLIENT", 1)]).await;
    let id = stage.user("mira");
    let table: [(&str, &[&str]); 8] = [
        ("", &[]),
        ("+SPE_E3", &["SPE_E3"]),
        // Plans that are off replace those that were.
        ("+SPE_E3!SWAY", &["SPE_E3!SWAY"]),
        (
            "+SPE_E3!TEAMS1 +VISIOCLIENT",
            &["SPE_E3!TEAMS1", "VISIOCLIENT"],
        ),
        ("+SPE_E3", &["SPE_E3", "VISIOCLIENT"]),
        ("-SPE_E3 +SPE_E5", &["SPE_E5", "VISIOCLIENT"]),
        ("-VISIOCLIENT", &["SPE_E5"]),
        ("-SPE_E5", &[]),
    ];
    for (at, (changes, has)) in table.into_iter().enumerate() {
        let by = if at % 2 == 0 {
            &id
        } else {
            "MIRA@woodgrove.example"
        };
        let got = stage.assign(&format!("/users/{by}"), changes).await;
        assert_eq!(got.status, 200, "{}", got.body);
        assert_eq!(
            (&got.body["id"], &got.body["displayName"]),
            (&json!(id), &json!("Test mira"))
        );
        let direct = has.iter().map(|it| format!("{it} direct None")).collect();
        assert_eq!(stage.has(&id).await, (texts(has), direct), "{changes}");
        for sku in ["SPE_E3", "SPE_E5", "VISIOCLIENT"] {
            let taken = has.iter().filter(|it| it.starts_with(sku)).count();
            assert_eq!(
                stage.taken(sku).await,
                i64::try_from(taken).unwrap(),
                "{sku}"
            );
        }
    }
}

/// The same once more is nothing new.
#[tokio::test(start_paused = true)]
async fn a_repeat_changes_nothing() {
    let stage = Stage::open(&[("SPE_E3", 1)]).await;
    let path = format!("/users/{}", stage.user("mira"));
    for changed in [true, false, false] {
        stage.assigned(&path, "+SPE_E3!SWAY").await;
        assert_eq!(stage.peer.tenant.history().last().unwrap().changed, changed);
        let got = stage.peer.get(&format!("{path}?{STATES}")).await;
        let since = &got.body["licenseAssignmentStates"][0]["lastUpdatedDateTime"];
        assert_eq!(since, "2026-03-16T02:00:00Z");
        stage.peer.clock.sleep(DELAY).await;
    }
}

/// Licences are shown to whoever asks for them by name, wherever users are shown.
#[tokio::test(start_paused = true)]
async fn where_licences_are_shown() {
    let stage = Stage::open(&[("SPE_E3", 9)]).await;
    let (mira, noor) = (stage.user("mira"), stage.user("noor"));
    let group = stage.group("staff");
    stage.enter(&group, &mira).await;
    stage.enter(&group, &noor).await;
    stage.assigned(&group, "+SPE_E3!SWAY").await;
    stage
        .assigned(&format!("/users/{mira}"), "+SPE_E3!TEAMS1")
        .await;
    // What one ground leaves on is on.
    let has = texts(&["SPE_E3"]);
    let states = texts(&["SPE_E3!SWAY group None", "SPE_E3!TEAMS1 direct None"]);
    assert_eq!(stage.has(&mira).await, (has.clone(), states.clone()));
    let filter = format!("/users?$filter=id%20eq%20'{mira}'&{STATES}");
    let members = format!("{group}/members?{STATES},id");
    for path in [filter, members, format!("/users?{STATES},id")] {
        let got = stage.peer.get(&path).await;
        let users = got.body["value"].as_array().unwrap();
        let one = users
            .iter()
            .find(|it| it["id"].is_null() || it["id"] == mira.as_str());
        assert_eq!(
            stage.licences(one.unwrap()),
            (has.clone(), states.clone()),
            "{path}"
        );
    }
    let manager = format!("/users/{noor}/manager");
    let link = Peer::reference(&mira);
    stage
        .peer
        .send("PUT", &format!("{manager}/$ref"), Some(&link))
        .await;
    let got = stage.peer.get(&format!("{manager}?{STATES}")).await;
    assert_eq!(stage.licences(&got.body), (has.clone(), states.clone()));
    let headers = json!({"Content-Type": "application/json"});
    let requests = json!({"requests": [
        {"id": "1", "method": "GET", "url": format!("/users/{mira}?{STATES}")},
        {"id": "2", "method": "POST", "url": format!("/users/{noor}/assignLicense"),
         "headers": headers, "body": stage.body("+SPE_E3")},
    ]});
    let got = stage.peer.send("POST", "/$batch", Some(&requests)).await;
    let mut items = got.body["responses"].as_array().unwrap().clone();
    items.sort_by_key(|item| item["id"].as_str().map(str::to_owned));
    assert_eq!(stage.licences(&items[0]["body"]), (has, states));
    assert_eq!(items[1]["status"], 200);
    let plain = stage.peer.get(&format!("/users/{mira}")).await.body;
    assert!(plain["assignedLicenses"].is_null() && plain["licenseAssignmentStates"].is_null());
    let users = stage.peer.tenant.users();
    let off = json!([{"skuId": stage.id("SPE_E3"), "disabledPlans": []}]);
    assert_eq!(users[0]["assignedLicenses"], off);
}

/// Changes of users → how the refusal begins. Nothing comes of any.
#[tokio::test(start_paused = true)]
async fn what_users_cannot_get() {
    let seats = [
        ("ENTERPRISEPACK", 9),
        ("STANDARDPACK", 9),
        ("EXCHANGESTANDARD", 9),
        ("SPE_E5", 9),
        ("VISIOCLIENT", 1),
        ("POWER_BI_PRO", 0),
        ("EMS", 1),
    ];
    let mut stage = Stage::open(&seats).await;
    let unknown = "5f3a09c1-0000-4000-8000-00000000000a";
    stage.ids.insert("NOBODY".to_owned(), unknown.to_owned());
    stage
        .ids
        .insert("plan NOWHERE".to_owned(), unknown.to_owned());
    let (mira, noor) = (stage.user("mira"), stage.user("noor"));
    stage.peer.tenant.put_user(user("pia")).unwrap();
    let group = stage.group("staff");
    stage.enter(&group, &mira).await;
    stage.assigned(&group, "+EMS").await;
    stage.enter(&group, &noor).await;
    stage
        .assigned(&format!("/users/{mira}"), "+ENTERPRISEPACK")
        .await;
    stage
        .assigned(&format!("/users/{noor}"), "+VISIOCLIENT")
        .await;
    let none_left = |name: &str| {
        let id = stage.ids[name].as_str();
        format!("Subscription with SKU {id} does not have any available licenses.")
    };
    let exclusive = "License assignment failed because service plans ";
    let foreign = format!("License {unknown} does not correspond to a valid company License.");
    let nowhere = format!("Service plan {unknown} does not belong");
    let elsewhere = format!(
        "Service plan {} does not belong",
        stage.ids["plan INTUNE_A"]
    );
    let (visio, power) = (none_left("VISIOCLIENT"), none_left("POWER_BI_PRO"));
    let no_such = "User does not have a corresponding license.";
    let inherited = "User license is inherited from a group membership and it cannot be removed";
    let table = [
        (
            "pia",
            "+SPE_E5",
            "License assignment cannot be done for user with invalid usage location.",
        ),
        ("mira", "+NOBODY", &*foreign),
        ("mira", "-NOBODY", &*foreign),
        ("mira", "+VISIOCLIENT", &*visio),
        ("mira", "+POWER_BI_PRO", &*power),
        ("mira", "-ENTERPRISEPACK +SPE_E5 +POWER_BI_PRO", &*power),
        ("mira", "+SPE_E5!NOWHERE", &*nowhere),
        ("mira", "+ENTERPRISEPACK!INTUNE_A", &*elsewhere),
        ("mira", "-SPE_E5", no_such),
        ("mira", "-ENTERPRISEPACK -SPE_E5", no_such),
        ("mira", "-EMS", inherited),
        // The group could not give it to her: she has none.
        ("noor", "-EMS", no_such),
        ("mira", "+EXCHANGESTANDARD", exclusive),
        ("mira", "+STANDARDPACK!EXCHANGE_S_STANDARD", exclusive),
        ("noor", "+SPE_E5 +STANDARDPACK", exclusive),
        ("mira", "+SPE_E5 -SPE_E5", "License "),
        ("mira", "+SPE_E5 +SPE_E5", "License "),
        ("mira", "-ENTERPRISEPACK -ENTERPRISEPACK", "License "),
    ];
    let before = (stage.all().await, stage.peer.tenant.digest());
    for (name, changes, says) in table {
        let got = stage
            .assign(&format!("/users/{name}@woodgrove.example"), changes)
            .await;
        assert_eq!(got.error(), BAD, "{name} {changes}");
        let message = got.body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(says), "{name} {changes}: {message}");
        assert_eq!(
            (stage.all().await, stage.peer.tenant.digest()),
            before,
            "{name} {changes}"
        );
    }
    for gone in [unknown, "omar@woodgrove.example"] {
        let got = stage.assign(&format!("/users/{gone}"), "+SPE_E5").await;
        assert_eq!(got.error(), (404, "Request_ResourceNotFound"));
    }
    // With the plans off that exclude each other, or in place of the other, it goes.
    let path = format!("/users/{mira}");
    stage
        .assigned(
            &path,
            "+STANDARDPACK!EXCHANGE_S_STANDARD!SHAREPOINTSTANDARD",
        )
        .await;
    stage.assigned(&path, "-ENTERPRISEPACK +STANDARDPACK").await;
    stage.assigned("/users/pia@woodgrove.example", "").await;
    // A direct licence beside the group's can go again.
    for changes in ["+EMS", "-EMS"] {
        stage.assigned(&path, changes).await;
        assert_eq!(stage.taken("EMS").await, 1);
    }
}

/// Bodies that are no assignment, for users and for groups.
#[tokio::test(start_paused = true)]
async fn what_is_no_assignment() {
    let stage = Stage::open(&[("SPE_E5", 2)]).await;
    let (mira, group) = (stage.user("mira"), stage.group("staff"));
    let unknown = json!("5f3a09c1-0000-4000-8000-00000000000a");
    let known = stage.id("SPE_E5");
    for path in [
        format!("/users/{mira}/assignLicense"),
        format!("{group}/assignLicense"),
    ] {
        for body in [
            json!({}),
            json!({"addLicenses": []}),
            json!({"removeLicenses": []}),
            json!({"addLicenses": [], "removeLicenses": {}}),
            json!({"addLicenses": null, "removeLicenses": []}),
            json!({"addLicenses": [], "removeLicenses": [], "x": 1}),
            json!({"addLicenses": [], "removeLicenses": ["SPE_E5"]}),
            json!({"addLicenses": [], "removeLicenses": [{"skuId": known}]}),
            json!({"addLicenses": [], "removeLicenses": [known]}),
            json!({"addLicenses": ["x"], "removeLicenses": []}),
            json!({"addLicenses": [known], "removeLicenses": []}),
            json!({"addLicenses": [{"skuId": "SPE_E5"}], "removeLicenses": []}),
            json!({"addLicenses": [{"skuId": null}], "removeLicenses": []}),
            json!({"addLicenses": [{"disabledPlans": []}], "removeLicenses": []}),
            json!({"addLicenses": [{"sku": known}], "removeLicenses": []}),
            json!({"addLicenses": [{"skuId": unknown}], "removeLicenses": []}),
            json!({"addLicenses": [{"skuId": known, "disabledPlans": "x"}], "removeLicenses": []}),
            json!({"addLicenses": [{"skuId": known, "disabledPlans": null}], "removeLicenses": []}),
            json!({"addLicenses": [{"skuId": known, "disabledPlans": [unknown]}],
                   "removeLicenses": []}),
        ] {
            let got = stage.peer.send("POST", &path, Some(&body)).await;
            assert_eq!(got.error(), BAD, "{path} {body}");
        }
        let query = format!("{path}?$select=id");
        let got = stage
            .peer
            .send("POST", &query, Some(&stage.body("+SPE_E5")))
            .await;
        assert_eq!(got.status, 400);
        assert_eq!(stage.peer.get(&path).await.status, 405);
    }
    let top = stage.peer.get("/subscribedSkus?$top=1").await;
    assert_eq!(top.error(), (400, "Request_UnsupportedQuery"));
}

/// Users cannot be given licences by writing their properties.
#[tokio::test(start_paused = true)]
async fn properties_of_licences_are_read_only() {
    let stage = Stage::open(&[("SPE_E5", 2)]).await;
    let path = format!("/users/{}", stage.user("mira"));
    let licence = json!([{"skuId": stage.id("SPE_E5"), "disabledPlans": []}]);
    let states = json!([{"skuId": stage.id("SPE_E5"), "state": "Active"}]);
    for (name, value) in [
        ("assignedLicenses", licence),
        ("licenseAssignmentStates", states),
    ] {
        let mut new = user("noor");
        new[name] = value.clone();
        assert_eq!(
            stage.peer.send("POST", "/users", Some(&new)).await.error(),
            BAD
        );
        let patch = json!({name: value});
        assert_eq!(
            stage.peer.send("PATCH", &path, Some(&patch)).await.error(),
            BAD
        );
    }
    assert_eq!(stage.taken("SPE_E5").await, 0);
}

/// Roles → status of an assignment, of the licences, and of the errors of a group.
#[tokio::test(start_paused = true)]
async fn licences_need_permissions() {
    let table: [(&[&str], [u16; 3]); 4] = [
        (&["LicenseAssignment.ReadWrite.All"], [200, 200, 403]),
        (&["LicenseAssignment.Read.All"], [403, 200, 403]),
        (
            &["User.ReadWrite.All", "Group.ReadWrite.All"],
            [403, 403, 200],
        ),
        (&["Group.Read.All"], [403, 403, 403]),
    ];
    for (roles, statuses) in table {
        let options = TenantOptions {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..options(&[("SPE_E5", 1)])
        };
        let peer = Peer::open(options).await;
        let stage = Stage {
            peer,
            ids: BTreeMap::new(),
        };
        let (mira, group) = (stage.user("mira"), stage.group("staff"));
        let assign = stage.assign(&format!("/users/{mira}"), "").await.status;
        let skus = stage.peer.get("/subscribedSkus").await.status;
        let errors = format!("{group}/membersWithLicenseErrors");
        let errors = stage.peer.get(&errors).await.status;
        assert_eq!([assign, skus, errors], statuses, "{roles:?}");
    }
}

/// Who comes first gets a seat and keeps it; who waits longest gets the next one.
#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    let stage = Stage::open(&[("SPE_E5", 2), ("EMS", 9)]).await;
    let group = stage.group("staff");
    stage.assigned(&group, "+SPE_E5").await;
    // Ids are in another order than names.
    let names = ["f", "e", "d", "c", "b"];
    let ids = names.map(|name| stage.user(name));
    for id in &ids {
        stage.enter(&group, id).await;
        stage.peer.clock.sleep(DELAY).await;
    }
    let seated = async || {
        let mut out = String::new();
        for (name, id) in names.iter().zip(&ids) {
            if stage.has(id).await.0 == ["SPE_E5"] {
                out.push_str(name);
            }
        }
        let taken = stage.taken("SPE_E5").await;
        assert_eq!(usize::try_from(taken).unwrap(), out.len());
        out
    };
    assert_eq!(seated().await, "fe");
    let short = texts(&["SPE_E5 group CountViolation"]);
    assert_eq!(stage.has(&ids[2]).await, (vec![], short));
    assert_eq!(stage.errors(&group).await.len(), 3);
    // Something else changes nothing about that.
    stage.assigned(&format!("/users/{}", ids[4]), "+EMS").await;
    stage.assigned(&format!("/users/{}", ids[4]), "-EMS").await;
    let patch = json!({"jobTitle": "Clerk"});
    stage
        .peer
        .send("PATCH", &format!("/users/{}", ids[3]), Some(&patch))
        .await;
    assert_eq!(seated().await, "fe");
    // Nor do other plans of the same licence.
    stage.assigned(&group, "+SPE_E5!SWAY").await;
    assert_eq!(stage.has(&ids[0]).await.0, ["SPE_E5!SWAY"]);
    stage.assigned(&group, "+SPE_E5").await;
    assert_eq!(seated().await, "fe");
    stage.leave(&group, &ids[0]).await;
    assert_eq!(seated().await, "ed");
    stage
        .peer
        .send("DELETE", &format!("/users/{}", ids[1]), None)
        .await;
    let gone = stage.peer.tenant.users();
    assert!(
        gone.iter()
            .any(|it| it["id"] == ids[1].as_str() && it["assignedLicenses"].is_null())
    );
    assert_eq!(stage.taken("SPE_E5").await, 2);
    assert_eq!(stage.has(&ids[3]).await.0, ["SPE_E5"]);
    assert_eq!(stage.errors(&group).await, [&*ids[4]]);
    // Back again she is the last one in the queue.
    stage.enter(&group, &ids[0]).await;
    stage.leave(&group, &ids[2]).await;
    stage.leave(&group, &ids[3]).await;
    assert_eq!(stage.errors(&group).await, Vec::<String>::new());
    stage.assigned(&group, "-SPE_E5").await;
    assert_eq!(stage.taken("SPE_E5").await, 0);
    assert_eq!(stage.has(&ids[0]).await, (vec![], vec![]));
    let again = stage.assign(&group, "-SPE_E5").await;
    assert_eq!(again.error(), BAD);
}

/// Who changes groups keeps the seat, and one seat is enough for two grounds.
#[tokio::test(start_paused = true)]
async fn a_seat_goes_along() {
    let stage = Stage::open(&[("SPE_E5", 1)]).await;
    let (one, two) = (stage.group("one"), stage.group("two"));
    let (mira, noor) = (stage.user("mira"), stage.user("noor"));
    stage.assigned(&one, "+SPE_E5").await;
    stage.assigned(&two, "+SPE_E5!SWAY").await;
    stage.enter(&one, &mira).await;
    stage.enter(&two, &noor).await;
    stage.enter(&two, &mira).await;
    let both = texts(&["SPE_E5 group None", "SPE_E5!SWAY group None"]);
    assert_eq!(stage.has(&mira).await, (texts(&["SPE_E5"]), both));
    stage.leave(&one, &mira).await;
    assert_eq!(stage.has(&mira).await.0, ["SPE_E5!SWAY"]);
    assert_eq!(stage.errors(&two).await, [&*noor]);
    stage
        .assigned(&format!("/users/{mira}"), "+SPE_E5!TEAMS1")
        .await;
    stage.leave(&two, &mira).await;
    assert_eq!(stage.has(&mira).await.0, ["SPE_E5!TEAMS1"]);
    assert_eq!(stage.errors(&two).await, [&*noor]);
    stage.assigned(&format!("/users/{mira}"), "-SPE_E5").await;
    assert_eq!(stage.has(&noor).await.0, ["SPE_E5!SWAY"]);
}

/// The group's licences → what a user gets who has Exchange Online (Plan 1) directly. New ones
/// are given all together or not at all.
#[tokio::test(start_paused = true)]
async fn what_groups_cannot_give() {
    let table: [(&str, &[&str], &[&str]); 4] = [
        (
            "+ENTERPRISEPACK",
            &["EXCHANGESTANDARD"],
            &["ENTERPRISEPACK group MutuallyExclusiveViolation"],
        ),
        (
            "+ENTERPRISEPACK!EXCHANGE_S_ENTERPRISE +EMS",
            &[
                "EMS",
                "ENTERPRISEPACK!EXCHANGE_S_ENTERPRISE",
                "EXCHANGESTANDARD",
            ],
            &[
                "EMS group None",
                "ENTERPRISEPACK!EXCHANGE_S_ENTERPRISE group None",
            ],
        ),
        (
            "+EMS +POWER_BI_PRO",
            &["EXCHANGESTANDARD"],
            &["EMS group Other", "POWER_BI_PRO group CountViolation"],
        ),
        (
            "+EMS +ENTERPRISEPACK +POWER_BI_PRO",
            &["EXCHANGESTANDARD"],
            &[
                "EMS group Other",
                "ENTERPRISEPACK group MutuallyExclusiveViolation",
                "POWER_BI_PRO group CountViolation",
            ],
        ),
    ];
    for (changes, has, grounds) in table {
        let seats = [
            ("EXCHANGESTANDARD", 1),
            ("ENTERPRISEPACK", 1),
            ("EMS", 1),
            ("POWER_BI_PRO", 0),
        ];
        let stage = Stage::open(&seats).await;
        let (group, mira) = (stage.group("staff"), stage.user("mira"));
        let path = format!("/users/{mira}");
        stage.assigned(&path, "+EXCHANGESTANDARD").await;
        stage.enter(&group, &mira).await;
        stage.assigned(&group, changes).await;
        let mut all = texts(grounds);
        all.push("EXCHANGESTANDARD direct None".to_owned());
        all.sort();
        assert_eq!(stage.has(&mira).await, (texts(has), all), "{changes}");
        let errors = grounds.iter().any(|it| !it.ends_with(" None"));
        assert_eq!(
            stage.errors(&group).await.len(),
            usize::from(errors),
            "{changes}"
        );
        let got = stage
            .peer
            .get(&format!("{group}?$select=hasMembersWithLicenseErrors"))
            .await;
        assert_eq!(got.body["hasMembersWithLicenseErrors"], errors, "{changes}");
        // What stood in the way is gone.
        stage.assigned(&path, "-EXCHANGESTANDARD").await;
        let short = changes.contains("POWER_BI_PRO");
        assert_eq!(
            stage.errors(&group).await.len(),
            usize::from(short),
            "{changes}"
        );
        assert_eq!(
            stage.taken("EMS").await,
            i64::from(changes.contains("EMS") && !short)
        );
    }
}

/// A licence that is there already stays, whatever comes of the others.
#[tokio::test(start_paused = true)]
async fn what_was_given_stays() {
    let stage = Stage::open(&[("EMS", 1), ("POWER_BI_PRO", 0)]).await;
    let (group, mira) = (stage.group("staff"), stage.user("mira"));
    // Nobody says where she is: the group gives it all the same.
    let pia = stage.peer.tenant.put_user(user("pia")).unwrap();
    stage.enter(&group, &pia).await;
    stage.assigned(&group, "+EMS").await;
    stage.enter(&group, &mira).await;
    stage
        .assigned(&group, "+EMS!MFA_PREMIUM +POWER_BI_PRO")
        .await;
    let states = [
        "EMS!MFA_PREMIUM group None",
        "POWER_BI_PRO group CountViolation",
    ];
    assert_eq!(
        stage.has(&pia).await,
        (texts(&["EMS!MFA_PREMIUM"]), texts(&states))
    );
    let states = [
        "EMS!MFA_PREMIUM group CountViolation",
        "POWER_BI_PRO group CountViolation",
    ];
    assert_eq!(stage.has(&mira).await, (vec![], texts(&states)));
}

/// Groups work in the background, and say whether they are done.
#[tokio::test(start_paused = true)]
async fn groups_take_their_time() {
    let stage = Stage::with(TenantOptions {
        evaluation_delay: DELAY,
        ..options(&[("SPE_E5", 1)])
    })
    .await;
    let group = stage.group("staff");
    let (mira, noor) = (stage.user("mira"), stage.user("noor"));
    let state = async || {
        let got = stage
            .peer
            .get(&format!("{group}?$select=licenseProcessingState"))
            .await;
        got.body["licenseProcessingState"]["state"].clone()
    };
    let (queued, complete) = ("QueuedForProcessing", "ProcessingComplete");
    assert_eq!(state().await, Json::Null);
    stage.enter(&group, &mira).await;
    assert_eq!(state().await, Json::Null);
    stage.assigned(&group, "+SPE_E5").await;
    assert_eq!(
        (state().await, stage.taken("SPE_E5").await),
        (json!(queued), 0)
    );
    stage.peer.clock.sleep(Duration::from_millis(299_999)).await;
    assert_eq!(
        (state().await, stage.taken("SPE_E5").await),
        (json!(queued), 0)
    );
    stage.peer.clock.sleep(Duration::from_millis(1)).await;
    assert_eq!(
        (state().await, stage.taken("SPE_E5").await),
        (json!(complete), 1)
    );
    // A direct one does not wait, and is not given while nobody has let go.
    let path = format!("/users/{noor}");
    stage.enter(&group, &noor).await;
    stage.leave(&group, &mira).await;
    assert_eq!(state().await, queued);
    assert_eq!(stage.assign(&path, "+SPE_E5").await.error(), BAD);
    assert_eq!(stage.has(&noor).await, (vec![], vec![]));
    stage.peer.clock.sleep(DELAY).await;
    assert_eq!(
        (state().await, stage.has(&noor).await.0),
        (json!(complete), texts(&["SPE_E5"]))
    );
    stage.enter(&group, &mira).await;
    stage.peer.clock.sleep(DELAY).await;
    assert_eq!(stage.errors(&group).await, [&*mira]);
    stage.leave(&group, &noor).await;
    stage.assigned(&group, "-SPE_E5").await;
    assert_eq!(
        (state().await, stage.taken("SPE_E5").await),
        (json!(queued), 1)
    );
    stage.peer.clock.sleep(DELAY).await;
    assert_eq!(
        (state().await, stage.taken("SPE_E5").await),
        (json!(complete), 0)
    );
    assert_eq!(stage.errors(&group).await, Vec::<String>::new());
}

/// A dynamic group gives what it has to whoever its rule brings in.
#[tokio::test(start_paused = true)]
async fn rules_bring_licences() {
    let stage = Stage::with(TenantOptions {
        evaluation_delay: DELAY,
        ..options(&[("SPE_E5", 9)])
    })
    .await;
    let group = json!({
        "displayName": "Staff", "mailNickname": "staff", "mailEnabled": false,
        "securityEnabled": true, "groupTypes": ["DynamicMembership"],
        "membershipRule": "user.department -eq \"Sales\"", "membershipRuleProcessingState": "On",
    });
    let group = format!("/groups/{}", stage.peer.tenant.put_group(&group).unwrap());
    stage.assigned(&group, "+SPE_E5").await;
    stage.peer.clock.sleep(DELAY).await;
    let mira = stage.user("mira");
    for (department, has) in [("Sales", 1), ("Legal", 0)] {
        let patch = json!({"department": department});
        stage
            .peer
            .send("PATCH", &format!("/users/{mira}"), Some(&patch))
            .await;
        stage.peer.clock.sleep(DELAY).await;
        assert_eq!(
            stage.taken("SPE_E5").await,
            1 - has,
            "first who is in it, then this"
        );
        stage.peer.clock.sleep(DELAY).await;
        assert_eq!(stage.taken("SPE_E5").await, has);
    }
}

/// What is read of a group, and what becomes of it.
#[tokio::test(start_paused = true)]
async fn groups_show_their_licences() {
    let stage = Stage::open(&[("SPE_E5", 0)]).await;
    let select = "$select=id,displayName,description,uniqueName,groupTypes,membershipRule,\
                  membershipRuleProcessingState,assignedLicenses";
    let body = json!({
        "displayName": "Staff", "mailNickname": "staff", "mailEnabled": false,
        "securityEnabled": true, "groupTypes": [],
    });
    let unique = format!("/groups(uniqueName='staff')?{select}");
    let mut request = stage.peer.request("PATCH", &unique, Some(&body));
    let prefer = http::HeaderValue::from_static("create-if-missing");
    request.headers_mut().insert("prefer", prefer);
    let made = stage.peer.raw(request).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.id();
    let mut shown = json!({
        "id": id, "displayName": "Staff", "description": null, "uniqueName": "staff",
        "groupTypes": [], "membershipRule": null, "membershipRuleProcessingState": null,
        "assignedLicenses": [],
    });
    let bare = |mut group: Json| {
        group.as_object_mut().unwrap().remove("@odata.context");
        group
    };
    assert_eq!(bare(made.body), shown);
    let again = stage
        .peer
        .send("PATCH", &unique, Some(&json!({"description": "All"})))
        .await;
    assert_eq!(again.status, 204);
    let group = format!("/groups/{id}");
    let plans = ["plan SWAY", "plan TEAMS1"].map(|plan| stage.id(plan));
    stage.assigned(&group, "+SPE_E5!TEAMS1!SWAY").await;
    shown["description"] = "All".into();
    let mut off = plans.to_vec();
    off.sort_by_key(Json::to_string);
    shown["assignedLicenses"] = json!([{"skuId": stage.id("SPE_E5"), "disabledPlans": off}]);
    for path in [format!("{group}?{select}"), unique] {
        assert_eq!(bare(stage.peer.get(&path).await.body), shown);
    }
    let list = stage.peer.get(&format!("/groups?{select}")).await;
    assert_eq!(list.body["value"][0], shown);
    let mut users = ["a", "b", "c"].map(|name| stage.user(name));
    users.sort();
    for user in &users {
        stage.enter(&group, user).await;
    }
    let of = format!(
        "/users/{}/memberOf?$select=id,hasMembersWithLicenseErrors",
        users[0]
    );
    let of = stage.peer.get(&of).await.body["value"][0].clone();
    assert_eq!(of["hasMembersWithLicenseErrors"], true);
    // Page after page.
    let mut next = format!("{group}/membersWithLicenseErrors?$select=id&$top=2");
    let mut found = Vec::new();
    for more in [true, false] {
        let got = stage.peer.get(&next).await;
        assert_eq!(got.body["value"][0]["@odata.type"], "#microsoft.graph.user");
        let page = got.body["value"].as_array().unwrap().iter();
        found.extend(page.map(|it| it["id"].as_str().unwrap().to_owned()));
        let link = got.body["@odata.nextLink"].as_str();
        assert_eq!(link.is_some(), more);
        if let Some((_, path)) = link.and_then(|link| link.split_once("/v1.0")) {
            path.clone_into(&mut next);
        }
    }
    assert_eq!(found, users);
    // It cannot go before its licences have gone.
    assert_eq!(stage.peer.send("DELETE", &group, None).await.error(), BAD);
    stage.assigned(&group, "-SPE_E5").await;
    assert_eq!(stage.peer.send("DELETE", &group, None).await.status, 204);
    let mail = json!({
        "displayName": "Team", "mailNickname": "team", "mailEnabled": true,
        "securityEnabled": false, "groupTypes": ["Unified"],
    });
    let mail = format!("/groups/{}", stage.peer.tenant.put_group(&mail).unwrap());
    assert_eq!(stage.assign(&mail, "+SPE_E5").await.error(), BAD);
}

/// Opened again it is the same tenant, to the instant; with more seats, more people have one.
#[tokio::test(start_paused = true)]
async fn licences_survive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenant.jsonl");
    let kept = |seats| TenantOptions {
        journal: Some(path.clone()),
        ..options(&[("SPE_E5", seats), ("VISIOCLIENT", 5)])
    };
    let (all, digest) = {
        let stage = Stage::with(kept(2)).await;
        let ids = ["d", "c", "b", "a"].map(|name| stage.user(name));
        let group = stage.group("staff");
        stage.assigned(&group, "+SPE_E5!SWAY").await;
        for id in &ids {
            stage.enter(&group, id).await;
            stage.peer.clock.sleep(DELAY).await;
        }
        stage
            .assigned(&format!("/users/{}", ids[3]), "+VISIOCLIENT")
            .await;
        stage
            .assigned(&format!("/users/{}", ids[3]), "+VISIOCLIENT!VISIOONLINE")
            .await;
        stage.leave(&group, &ids[0]).await;
        (stage.all().await, stage.peer.tenant.digest())
    };
    let text = fs::read_to_string(&path).unwrap();
    let next = Stage::with(kept(2)).await;
    assert_eq!((next.all().await, next.peer.tenant.digest()), (all, digest));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        text,
        "there was nothing to add"
    );
    drop(next);
    let more = Stage::with(kept(3)).await;
    assert_eq!(more.taken("SPE_E5").await, 3);
    drop(more);
    assert_eq!(
        Stage::with(kept(1)).await.taken("SPE_E5").await,
        1,
        "no more than there are"
    );
    // Cut anywhere, what is missing is made good.
    for cut in (1..text.len()).step_by(131) {
        fs::write(&path, &text.as_bytes()[..cut]).unwrap();
        let stage = Stage::with(kept(2)).await;
        let all = stage.all().await;
        let taken = stage.taken("SPE_E5").await;
        drop(stage);
        let again = Stage::with(kept(2)).await;
        assert_eq!(
            (again.all().await, again.taken("SPE_E5").await),
            (all, taken),
            "{cut}"
        );
    }
    let wrong = text.replacen("\"since\"", "\"when\"", 1);
    fs::write(&path, wrong).unwrap();
    assert!(crate::Tenant::open(kept(2), rollcall_http::Clock::system()).is_err());
}

/// Two processes with one file give out the same seats.
#[tokio::test(start_paused = true)]
async fn seats_are_shared() {
    let folder = tempfile::tempdir().unwrap();
    let options = TenantOptions {
        journal: Some(folder.path().join("tenant.jsonl")),
        ..options(&[("SPE_E5", 2)])
    };
    let (one, two) = (
        Stage::with(options.clone()).await,
        Stage::with(options).await,
    );
    let group = one.group("staff");
    one.assigned(&group, "+SPE_E5").await;
    let users = ["a", "b", "c"].map(|name| two.user(name));
    two.assigned(&format!("/users/{}", users[0]), "+SPE_E5")
        .await;
    one.enter(&group, &users[1]).await;
    two.enter(&group, &users[2]).await;
    assert_eq!(one.errors(&group).await, [&*users[2]]);
    one.assigned(&format!("/users/{}", users[0]), "-SPE_E5")
        .await;
    assert_eq!(two.errors(&group).await, Vec::<String>::new());
    assert_eq!(one.all().await, two.all().await);
}

/// A journal of the time when groups gave licences without plans and users had none.
#[tokio::test(start_paused = true)]
async fn old_journals_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenant.jsonl");
    let options = TenantOptions {
        journal: Some(path.clone()),
        ..options(&[("SPE_E5", 1)])
    };
    let tenant = &options.tenant_id;
    let (a, b) = (
        "aaaaaaaa-0000-4000-8000-000000000001",
        "aaaaaaaa-0000-4000-8000-000000000002",
    );
    let group = "aaaaaaaa-0000-4000-8000-000000000003";
    let sku = Stage::open(&[("SPE_E5", 1)]).await.id("SPE_E5");
    let lines = [
        json!({"format_version": 1, "tenant_id": tenant}),
        json!({"id": a, "properties": {"userPrincipalName": "a@x"}, "password_set": true}),
        json!({"id": b, "properties": {"userPrincipalName": "b@x"}, "password_set": true}),
        json!({"id": group, "group": {"displayName": "G", "securityEnabled": true,
               "assignedLicenses": [{"skuId": sku, "disabledPlans": []}]}}),
        json!({"members_of": group, "add": [a, b]}),
    ];
    let lines: Vec<String> = lines.iter().map(Json::to_string).collect();
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let stage = Stage::with(options).await;
    assert_eq!(stage.taken("SPE_E5").await, 1);
    assert_eq!(stage.has(a).await.0, ["SPE_E5"]);
    assert_eq!(stage.errors(&format!("/groups/{group}")).await, [b]);
}

/// Whatever happens, seats add up, nobody who waits could have one, and a restart changes
/// nothing.
#[tokio::test(start_paused = true)]
async fn seats_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let options = TenantOptions {
        journal: Some(folder.path().join("tenant.jsonl")),
        ..options(&[("ENTERPRISEPACK", 3), ("STANDARDPACK", 2), ("EMS", 4)])
    };
    let mut stage = Stage::with(options.clone()).await;
    let mut dice = Seeded::from_text("licences");
    let mut users: Vec<String> = (0..8).map(|n| stage.user(&format!("u{n}"))).collect();
    let groups: Vec<String> = (0..3).map(|n| stage.group(&format!("g{n}"))).collect();
    let skus = ["ENTERPRISEPACK", "STANDARDPACK", "EMS"];
    for step in 0..250 {
        let user = users[dice.below(users.len())].clone();
        let group = &groups[dice.below(groups.len())];
        let sign = ["+", "-"][dice.below(2)];
        let change = format!("{sign}{}", skus[dice.below(skus.len())]);
        match dice.below(9) {
            0..3 => drop(stage.assign(&format!("/users/{user}"), &change).await),
            3 => drop(stage.assign(group, &change).await),
            4 | 5 => {
                let path = format!("{group}/members/$ref");
                stage
                    .peer
                    .send("POST", &path, Some(&Peer::reference(&user)))
                    .await;
            }
            6 | 7 => {
                let path = format!("{group}/members/{user}/$ref");
                stage.peer.send("DELETE", &path, None).await;
            }
            _ if step % 5 == 0 => {
                stage
                    .peer
                    .send("DELETE", &format!("/users/{user}"), None)
                    .await;
                users.retain(|known| *known != user);
                users.push(stage.user(&format!("n{step}")));
            }
            _ => {
                let before = (stage.all().await, stage.peer.tenant.digest());
                stage = Stage::with(options.clone()).await;
                let after = (stage.all().await, stage.peer.tenant.digest());
                assert_eq!(after, before, "{step}");
            }
        }
        let mut holders: BTreeMap<&str, i64> = BTreeMap::new();
        let mut waits: BTreeSet<&str> = BTreeSet::new();
        for user in &users {
            let (has, grounds) = stage.has(user).await;
            let excluded =
                |a: &str, b: &str| has.contains(&a.to_owned()) && has.contains(&b.to_owned());
            assert!(!excluded("ENTERPRISEPACK", "STANDARDPACK"), "{step}");
            for sku in skus {
                *holders.entry(sku).or_default() += i64::from(has.contains(&sku.to_owned()));
                let short = format!("{sku} group CountViolation");
                if grounds.contains(&short) {
                    waits.insert(sku);
                }
            }
        }
        for (sku, seats) in &options.seats {
            let taken = stage.taken(sku).await;
            assert_eq!(taken, holders[sku.as_str()], "{step} {sku}");
            assert!(taken <= i64::from(*seats), "{step} {sku}");
            let full = taken == i64::from(*seats);
            assert!(full || !waits.contains(sku.as_str()), "{step} {sku}");
        }
    }
}
