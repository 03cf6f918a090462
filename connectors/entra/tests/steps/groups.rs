//! Groups as a tenant has them: found by id or unique name, members page by page.

use futures::TryStreamExt as _;
use rollcall_core::model::{GroupName, Licence, ObjectId, SeenGroup};
use serde_json::{Value, json};

use crate::peer::*;

/// One batch asks for all; what is not there is none, in its place.
#[tokio::test(start_paused = true)]
async fn groups_are_found() {
    let stage = stage(|asked| {
        assert_eq!(asked.line, "POST /v1.0/$batch");
        let urls: Vec<&str> = asked.body["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|request| request["url"].as_str().unwrap())
            .collect();
        let select = "?$select=id,displayName,description,groupTypes,membershipRule,\
                      membershipRuleProcessingState,assignedLicenses";
        assert_eq!(
            urls,
            [
                format!("/groups/g1{select}"),
                format!("/groups(uniqueName=%27rollcall-o%27%27n%27){select}"),
                format!("/groups(uniqueName=%27rollcall-b%27){select}"),
                format!("/groups(uniqueName=%27rollcall-c%27){select}"),
            ]
        );
        let group = |kinds: &Value, rule: &Value, state: &Value| {
            json!({"id": "g", "displayName": "Oslo", "description": "", "groupTypes": kinds,
                   "membershipRule": rule, "membershipRuleProcessingState": state})
        };
        let mut licensed = group(&json!([]), &Value::Null, &Value::Null);
        licensed["description"] = json!("Everybody there");
        licensed["assignedLicenses"] = json!([{"skuId": "s1", "disabledPlans": ["p1"]},
                                              {"skuId": "s2", "disabledPlans": []}]);
        let dynamic = json!(["DynamicMembership"]);
        let rule = json!("user.city -eq \"Oslo\"");
        let item =
            |id: &str, status: u16, body: &Value| json!({"id": id, "status": status, "body": body});
        let responses = [
            item("3", 200, &licensed),
            item("1", 404, &error("Request_ResourceNotFound", "m")),
            item("0", 200, &group(&dynamic, &rule, &json!("On"))),
            item("2", 200, &group(&dynamic, &rule, &json!("Paused"))),
        ];
        reply(200, &json!({"responses": responses}))
    });
    let unique = |name: &str| GroupName::Unique(name.to_owned());
    let names = [
        GroupName::Id(ObjectId::new("g1")),
        unique("rollcall-o'n"),
        unique("rollcall-b"),
        unique("rollcall-c"),
    ];
    let seen = |rule: Option<&str>, evaluated| {
        Some(SeenGroup {
            id: ObjectId::new("g"),
            name: "Oslo".to_owned(),
            description: None,
            rule: rule.map(str::to_owned),
            evaluated,
            licences: Vec::new(),
        })
    };
    let licence = |sku: &str, plans: &[&str]| Licence {
        sku: sku.to_owned(),
        disabled_plans: plans.iter().map(|plan| (*plan).to_owned()).collect(),
    };
    let licensed = seen(None, false).map(|group| SeenGroup {
        description: Some("Everybody there".to_owned()),
        licences: vec![licence("s1", &["p1"]), licence("s2", &[])],
        ..group
    });
    let rule = Some("user.city -eq \"Oslo\"");
    assert_eq!(
        stage.entra.find_groups(&names).await.unwrap(),
        [seen(rule, true), None, seen(rule, false), licensed]
    );
    assert!(stage.entra.find_groups(&[]).await.unwrap().is_empty());
    assert_eq!(stage.asked().len(), 1, "nothing is asked about nothing");
}

/// Users only, to the last page; a link that leaves the origin is an error.
#[tokio::test(start_paused = true)]
async fn members_are_listed() {
    let stage = stage(|asked| match asked.line.as_str() {
        "GET /v1.0/groups/g1/members?$select=id&$top=999" => {
            let next = "https://graph.microsoft.com/v1.0/groups/g1/members?$skiptoken=x";
            reply(
                200,
                &json!({"value": [
                {"@odata.type": "#microsoft.graph.user", "id": "a"},
                {"@odata.type": "#microsoft.graph.device", "id": "d"},
                {"id": "b"},
            ], "@odata.nextLink": next}),
            )
        }
        "GET /v1.0/groups/g1/members?$skiptoken=x" => reply(200, &json!({"value": [{"id": "c"}]})),
        "GET /v1.0/groups/g2/members?$select=id&$top=999" => reply(
            200,
            &json!({"value": [], "@odata.nextLink": "https://attacker.example/v1.0/x"}),
        ),
        "GET /v1.0/groups/g3/members?$select=id&$top=999" => {
            reply(200, &json!({"value": [{"displayName": "x"}]}))
        }
        _ => missing(),
    });
    let list = async |id: &str| {
        let id = ObjectId::new(id);
        let members = stage.entra.group_members(&id).try_concat().await;
        members.map_err(|error| error.code())
    };
    let ids = ["a", "b", "c"].map(ObjectId::new).to_vec();
    assert_eq!(list("g1").await, Ok(ids));
    assert_eq!(list("g2").await, Err("foreign_link".to_owned()));
    assert_eq!(list("g3").await, Err("malformed_answer".to_owned()));
    // Gone between the question and the list: an error, not an empty group.
    assert_eq!(list("g4").await, Err("Request_ResourceNotFound".to_owned()));
}

/// Seats: bought and in warning, less those that are taken; by name in any case, or by id.
#[tokio::test(start_paused = true)]
async fn seats_are_counted() {
    let sku = |name: &str, status: &str, enabled: i64, warning: i64, taken: i64| {
        json!({"skuId": format!("id-{name}"), "skuPartNumber": name, "capabilityStatus": status,
               "appliesTo": "User", "consumedUnits": taken,
               "prepaidUnits": {"enabled": enabled, "warning": warning, "suspended": 9}})
    };
    let mut company = sku("COMPANY", "Enabled", 9, 0, 0);
    company["appliesTo"] = "Company".into();
    let mut served = sku("SPE_E5", "Enabled", 25, 3, 16);
    served["servicePlans"] = json!([
        {"servicePlanId": "p1", "servicePlanName": "TEAMS1", "appliesTo": "User"},
        {"servicePlanId": "p2", "servicePlanName": null, "appliesTo": "User"},
    ]);
    let skus = json!({"value": [
        served, sku("OLD", "Suspended", 10, 0, 4),
        sku("OVER", "Warning", 0, 5, 7), company,
    ]});
    let stage = stage(move |asked| {
        assert!(
            asked
                .line
                .starts_with("GET /v1.0/subscribedSkus?$select=skuId,"),
            "{}",
            asked.line
        );
        reply(200, &skus)
    });
    let seats = stage.entra.seats().await.unwrap().unwrap();
    let free: Vec<(&str, i64)> = seats.iter().map(|it| (it.name.as_str(), it.free)).collect();
    assert_eq!(free, [("SPE_E5", 12), ("OLD", -4), ("OVER", -2)]);
    assert!(seats[0].is("spe_e5") && seats[0].is("ID-SPE_E5") && !seats[0].is("OVER"));
    let plans: Vec<(&str, &str)> = seats
        .iter()
        .flat_map(|it| &it.plans)
        .map(|plan| (plan.id.as_str(), plan.name.as_str()))
        .collect();
    assert_eq!(plans, [("p1", "TEAMS1")]);
    assert!(seats[0].plans[0].is("teams1") && seats[0].plans[0].is("P1"));
}

/// Who may not look knows nothing; who gets nonsense says so.
#[tokio::test(start_paused = true)]
async fn seats_may_be_hidden() {
    let denied = stage(|_| refuse(403, "Authorization_RequestDenied", "m"));
    assert_eq!(denied.entra.seats().await.unwrap(), None);
    for body in [json!({}), json!({"value": [{"skuId": "a"}]})] {
        let stage = stage(move |_| reply(200, &body));
        assert_eq!(
            stage.entra.seats().await.unwrap_err().code(),
            "malformed_answer"
        );
    }
}

/// A permission that is missing is an error, not "no such group".
#[tokio::test(start_paused = true)]
async fn refused_is_not_absent() {
    let stage = stage(|_| {
        let body = error("Authorization_RequestDenied", "m");
        reply(
            200,
            &json!({"responses": [{"id": "0", "status": 403, "body": body}]}),
        )
    });
    let name = GroupName::Unique("rollcall-a".to_owned());
    let error = stage.entra.find_groups(&[name]).await.unwrap_err();
    assert_eq!(error.code(), "Authorization_RequestDenied");
    assert!(error.to_string().contains("looking groups up"), "{error}");
}
