//! What is left of an account: read in full, or said to be unread.

use rollcall_core::model::{ObjectId, Sighting};
use serde_json::{Value, json};

use crate::peer::*;

const ME: &str = "GET /v1.0/users/o1";
const DIRECT: &str = "GET /v1.0/users/o1/memberOf";
const ANY: &str = "GET /v1.0/users/o1/transitiveMemberOf";

fn account() -> Answer {
    reply(
        200,
        &json!({
            "id": "o1",
            "accountEnabled": false,
            "signInSessionsValidFromDateTime": "2026-03-16T01:00:00Z",
            "licenseAssignmentStates": [{
                "skuId": "06ebc4ee-1bb5-47dd-8120-11324bc54e06",
                "assignedByGroup": "g2",
                "state": "Active",
                "error": "None",
                "disabledPlans": []
            }]
        }),
    )
}

fn group(id: &str, kinds: &Value, licences: &Value) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.group", "id": id, "displayName": format!("Group {id}"),
        "groupTypes": kinds, "assignedLicenses": licences
    })
}

fn page(all: &[Value]) -> Answer {
    reply(200, &json!({ "value": all }))
}

async fn sight(stage: &Stage, roles: bool) -> Result<Sighting, rollcall_entra::EntraError> {
    let seen = stage.entra.sight(&ObjectId::new("o1"), roles).await;
    seen.map(|(seen, _)| seen)
}

/// Roles and units stand in the same lists; what is in the longer one alone is nested.
#[tokio::test(start_paused = true)]
async fn groups_are_direct_or_nested_by_rule_or_by_hand() {
    let role = json!({"@odata.type": "#microsoft.graph.directoryRole", "id": "r1"});
    let direct = vec![
        json!({"@odata.type": "#microsoft.graph.group", "id": "g1"}),
        role.clone(),
    ];
    let every = vec![
        group(
            "g2",
            &json!([]),
            &json!([{"skuId": "e5", "disabledPlans": []}]),
        ),
        role,
        group("g1", &json!(["DynamicMembership"]), &json!([])),
    ];
    let stage = stage(move |asked| match asked.plain() {
        ME => account(),
        _ => batched(asked, |url| match url.split('?').next().unwrap() {
            "/users/o1/memberOf" => (200, json!({ "value": direct })),
            "/users/o1/transitiveMemberOf" => (200, json!({ "value": every })),
            other => panic!("{other}"),
        }),
    });
    let seen = sight(&stage, false).await.unwrap();
    let groups = seen.groups.unwrap();
    let found: Vec<(&str, bool, bool, bool)> = groups
        .iter()
        .map(|it| (it.id.as_str(), it.dynamic, it.nested, it.licensed))
        .collect();
    assert_eq!(
        found,
        [("g1", true, false, false), ("g2", false, true, true)]
    );
    let account = seen.account.unwrap();
    assert!(!account.enabled);
    assert_eq!(account.licences[0].by_group, Some(ObjectId::new("g2")));
    assert_eq!(
        account.sessions_from,
        Some("2026-03-16T01:00:00Z".parse().unwrap())
    );
    assert!(
        seen.roles.is_none() && seen.devices.is_none(),
        "nobody asked for those"
    );
}

/// An account that is not there is in no group; nothing else is asked.
#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_out() {
    let stage = stage(|asked| match asked.plain() {
        ME => missing(),
        other => panic!("{other}"),
    });
    let seen = sight(&stage, false).await.unwrap();
    assert!(seen.account.is_none());
    assert_eq!(seen.groups, Some(Vec::new()));
}

/// Denied is not empty, and a broken answer is no answer.
#[tokio::test(start_paused = true)]
async fn what_is_not_shown_is_unread() {
    let stage = stage(|asked| match asked.plain() {
        ME => account(),
        DIRECT | ANY => page(&[]),
        _ => batched(asked, |url| match url.split('?').next().unwrap() {
            "/users/o1/memberOf" => (200, json!({ "value": [] })),
            _ => (403, error("Authorization_RequestDenied", "No.")),
        }),
    });
    assert!(sight(&stage, false).await.unwrap().groups.is_none());
    let broken = crate::peer::stage(|asked| match asked.plain() {
        ME => reply(200, &json!({"id": "o1", "licenseAssignmentStates": []})),
        other => panic!("{other}"),
    });
    let failed = sight(&broken, false).await.unwrap_err().to_string();
    assert!(failed.contains("accountEnabled"), "{failed}");
}
