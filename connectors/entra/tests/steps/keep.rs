//! Groups of Rollcall's own: made once, changed only from what the plan knew, licensed.

use std::time::Duration;

use rollcall_core::model::{ActionId, GroupStep, Licence, ObjectId, Op, SeenGroup, WantedGroup};
use serde_json::{Value, json};

use crate::peer::*;

const NAMED: &str = "/v1.0/groups(uniqueName=%27rollcall-oslo%27)";
const RULE: &str = "user.city -eq \"Oslo\"";

type Licences = Vec<Licence>;

fn licence(sku: &str, plans: &[&str]) -> Licence {
    Licence {
        sku: sku.to_owned(),
        disabled_plans: plans.iter().map(|plan| (*plan).to_owned()).collect(),
    }
}

fn wanted(rule: Option<&str>) -> WantedGroup {
    WantedGroup {
        unique: "rollcall-oslo".to_owned(),
        name: "Oslo".to_owned(),
        description: Some("Everybody there".to_owned()),
        rule: rule.map(str::to_owned),
        licences: Vec::new(),
    }
}

fn seen(rule: Option<&str>) -> SeenGroup {
    SeenGroup {
        id: ObjectId::new("g1"),
        name: "Oslo".to_owned(),
        description: Some("Everybody there".to_owned()),
        rule: rule.map(str::to_owned),
        evaluated: rule.is_some(),
        licences: Vec::new(),
    }
}

/// What the directory answers of it.
fn shown(group: &SeenGroup) -> Value {
    let given = |it: &Licence| json!({"skuId": it.sku, "disabledPlans": it.disabled_plans});
    let licences: Vec<Value> = group.licences.iter().map(given).collect();
    let kinds = if group.rule.is_some() {
        json!(["DynamicMembership"])
    } else {
        json!([])
    };
    let state = if group.evaluated { "On" } else { "Paused" };
    json!({"id": group.id.as_str(), "displayName": group.name, "description": group.description,
           "groupTypes": kinds, "membershipRule": group.rule,
           "membershipRuleProcessingState": state, "assignedLicenses": licences})
}

fn step(op: Op, wanted: WantedGroup, before: Option<SeenGroup>) -> GroupStep {
    GroupStep {
        action: ActionId::new("a1"),
        op,
        wanted,
        before,
    }
}

/// One write makes the group with everything but its licences; its answer says which it is.
#[tokio::test(start_paused = true)]
async fn groups_are_made() {
    let kept = json!({"displayName": "Oslo", "description": "Everybody there", "groupTypes": [],
                      "mailEnabled": false, "mailNickname": "rollcall-oslo",
                      "securityEnabled": true});
    let mut ruled = kept.clone();
    ruled["groupTypes"] = json!(["DynamicMembership"]);
    ruled["membershipRule"] = json!(RULE);
    ruled["membershipRuleProcessingState"] = json!("On");
    for (rule, body) in [(None, kept), (Some(RULE), ruled)] {
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            line if line == format!("GET {NAMED}") => missing(),
            line if line == format!("PATCH {NAMED}") => {
                assert_eq!(
                    (&asked.body, asked.prefer.as_str()),
                    (&body, "create-if-missing")
                );
                reply(201, &json!({"id": "g1"}))
            }
            other => panic!("{other}"),
        });
        let mut wanted = wanted(rule);
        wanted.licences = vec![licence("SPE_E5", &[])];
        let result = stage
            .entra
            .keep_group(&step(Op::GroupCreate, wanted, None))
            .await;
        assert_eq!(outcome(&result.ending), "done");
        assert_eq!(
            (result.object, result.calls),
            (Some(ObjectId::new("g1")), 2)
        );
    }
}

/// A create whose answer was lost is told nothing when repeated: the group is read back, for a
/// bounded time.
#[tokio::test(start_paused = true)]
async fn made_groups_are_read_back() {
    for (arrives, expected) in [(0, "done"), (20, "done"), (600, "replication")] {
        let mut made = false;
        let stage = stage(move |asked| {
            if asked.line.starts_with("PATCH") {
                made = true;
                return done();
            }
            if made && asked.at >= Duration::from_secs(arrives) {
                assert_eq!(asked.line, format!("GET {NAMED}?$select=id"));
                return reply(200, &json!({"id": "g1"}));
            }
            missing()
        });
        let create = step(Op::GroupCreate, wanted(None), None);
        let result = stage.entra.keep_group(&create).await;
        assert_eq!(outcome(&result.ending), expected);
        assert_eq!(result.object.is_some(), expected == "done");
        assert!(stage.clock.elapsed() < Duration::from_secs(70));
    }
}

/// A group of that name is there already → the same is fine, any other is somebody's.
#[tokio::test(start_paused = true)]
async fn creates_meet_groups() {
    let renamed = SeenGroup {
        name: "Bergen".to_owned(),
        ..seen(None)
    };
    let paused = SeenGroup {
        evaluated: false,
        ..seen(Some(RULE))
    };
    let bare = SeenGroup {
        description: None,
        ..seen(None)
    };
    let table = [
        (seen(None), None, "already"),
        (seen(Some(RULE)), Some(RULE), "already"),
        (seen(Some("user.city -eq \"Bergen\"")), Some(RULE), "stale"),
        (seen(None), Some(RULE), "stale"),
        (seen(Some(RULE)), None, "stale"),
        (renamed, None, "stale"),
        (paused, Some(RULE), "stale"),
        (bare, None, "stale"),
    ];
    for (at, (there, rule, expected)) in table.into_iter().enumerate() {
        let stage = stage(move |asked| {
            assert!(asked.line.starts_with("GET"), "{}", asked.line);
            reply(200, &shown(&there))
        });
        let create = step(Op::GroupCreate, wanted(rule), None);
        let result = stage.entra.keep_group(&create).await;
        assert_eq!(outcome(&result.ending), expected, "row {at}");
        assert_eq!(result.object, Some(ObjectId::new("g1")));
    }
}

/// The group at plan time, now, and as wanted → how the update ends, and what is sent.
#[tokio::test(start_paused = true)]
async fn groups_are_updated() {
    let other = "user.city -eq \"Bergen\"";
    let renamed = |rule| SeenGroup {
        name: "Bergen".to_owned(),
        ..seen(rule)
    };
    let paused = SeenGroup {
        evaluated: false,
        ..seen(Some(RULE))
    };
    let foreign = SeenGroup {
        id: ObjectId::new("g2"),
        ..seen(None)
    };
    let bare = WantedGroup {
        description: None,
        ..wanted(None)
    };
    let table = [
        (seen(None), seen(None), wanted(None), "already", Value::Null),
        (
            renamed(None),
            renamed(None),
            wanted(None),
            "done",
            json!({"displayName": "Oslo"}),
        ),
        (
            // What the file does not say is left as it is.
            seen(None),
            seen(None),
            bare,
            "already",
            Value::Null,
        ),
        (
            seen(Some(other)),
            seen(Some(other)),
            wanted(Some(RULE)),
            "done",
            json!({"membershipRule": RULE}),
        ),
        (
            seen(Some(other)),
            seen(Some(RULE)),
            wanted(Some(RULE)),
            "already",
            Value::Null,
        ),
        (
            seen(Some(RULE)),
            seen(Some(other)),
            wanted(Some(RULE)),
            "stale",
            Value::Null,
        ),
        (
            paused.clone(),
            paused.clone(),
            wanted(Some(RULE)),
            "done",
            json!({"membershipRuleProcessingState": "On"}),
        ),
        (
            seen(Some(RULE)),
            paused,
            wanted(Some(RULE)),
            "stale",
            Value::Null,
        ),
        (
            seen(None),
            seen(Some(RULE)),
            wanted(None),
            "stale",
            Value::Null,
        ),
        (
            seen(None),
            seen(None),
            wanted(Some(RULE)),
            "stale",
            Value::Null,
        ),
        (seen(None), foreign, wanted(None), "stale", Value::Null),
    ];
    for (at, (before, now, wanted, expected, sent)) in table.into_iter().enumerate() {
        let stage = stage(move |asked| {
            if asked.line == "PATCH /v1.0/groups/g1" {
                return done();
            }
            assert!(
                asked.line.starts_with("GET /v1.0/groups/g1?$select="),
                "{}",
                asked.line
            );
            reply(200, &shown(&now))
        });
        let update = step(Op::GroupUpdate, wanted, Some(before));
        assert_eq!(
            outcome(&stage.entra.keep_group(&update).await.ending),
            expected,
            "row {at}"
        );
        let body = stage
            .asked()
            .get(1)
            .map_or(Value::Null, |asked| asked.body.clone());
        assert_eq!(body, sent, "row {at}");
    }
    let gone = stage(|_| missing());
    let update = step(Op::GroupUpdate, wanted(None), Some(seen(None)));
    assert_eq!(
        outcome(&gone.entra.keep_group(&update).await.ending),
        "stale"
    );
    let update = step(Op::GroupUpdate, wanted(None), None);
    assert_eq!(
        outcome(&gone.entra.keep_group(&update).await.ending),
        "step_invalid"
    );
    let nobody = step(Op::UserDisable, wanted(None), None);
    assert_eq!(
        outcome(&gone.entra.keep_group(&nobody).await.ending),
        "step_invalid"
    );
}

fn skus() -> Answer {
    let sku = |id: &str, name: &str| {
        json!({"skuId": id, "skuPartNumber": name, "appliesTo": "User",
               "capabilityStatus": "Enabled", "consumedUnits": 0, "prepaidUnits": {"enabled": 5},
               "servicePlans": [{"servicePlanId": "p1", "servicePlanName": "TEAMS1"}]})
    };
    reply(
        200,
        &json!({"value": [sku("s1", "SPE_E5"), sku("s2", "SPE_F1")]}),
    )
}

/// Licences at plan time, now, and as wanted → how it ends; what is added and what is removed.
#[tokio::test(start_paused = true)]
async fn groups_are_licensed() {
    let e5 = || licence("s1", &[]);
    let less = || licence("S1", &["P1"]);
    let f1 = || licence("s2", &[]);
    let none = Vec::new;
    let all = |sku: &str, plans: &[&str]| json!([{"skuId": sku, "disabledPlans": plans}]);
    let table: [([Licences; 3], &str, Value); 8] = [
        (
            [none(), none(), vec![licence("spe_e5", &["teams1"])]],
            "done",
            json!([all("s1", &["p1"]), []]),
        ),
        (
            [none(), vec![less()], vec![licence("SPE_E5", &["p1"])]],
            "already",
            Value::Null,
        ),
        (
            [vec![e5()], vec![e5()], vec![licence("SPE_E5", &["TEAMS1"])]],
            "done",
            json!([all("s1", &["p1"]), []]),
        ),
        (
            [vec![e5()], vec![e5()], vec![licence("SPE_F1", &[])]],
            "done",
            json!([all("s2", &[]), ["s1"]]),
        ),
        (
            [vec![e5()], vec![e5()], none()],
            "done",
            json!([[], ["s1"]]),
        ),
        ([vec![e5()], none(), none()], "already", Value::Null),
        (
            [vec![e5()], vec![e5(), f1()], vec![licence("SPE_E5", &[])]],
            "stale",
            Value::Null,
        ),
        (
            [none(), none(), vec![licence("NONE", &[])]],
            "licence_unknown",
            Value::Null,
        ),
    ];
    for (at, ([before, now, licences], expected, sent)) in table.into_iter().enumerate() {
        let there = SeenGroup {
            licences: now,
            ..seen(None)
        };
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/subscribedSkus" => skus(),
            "GET /v1.0/groups/g1" => reply(200, &shown(&there)),
            "POST /v1.0/groups/g1/assignLicense" => reply(202, &json!({"id": "g1"})),
            other => panic!("{other}"),
        });
        let before = SeenGroup {
            licences: before,
            ..seen(None)
        };
        let wanted = WantedGroup {
            licences,
            ..wanted(None)
        };
        let license = step(Op::GroupLicense, wanted, Some(before));
        let result = stage.entra.keep_group(&license).await;
        assert_eq!(outcome(&result.ending), expected, "row {at}");
        assert_eq!(result.object, Some(ObjectId::new("g1")), "row {at}");
        let asked = stage.asked();
        let post = asked.iter().find(|asked| asked.line.starts_with("POST"));
        let body = post.map_or(Value::Null, |post| {
            json!([post.body["addLicenses"], post.body["removeLicenses"]])
        });
        assert_eq!(body, sent, "row {at}");
    }
}

/// A group that was made by the same plan is found under its unique name, also when it is late;
/// a refusal is looked at once more, as the answer before may have been lost.
#[tokio::test(start_paused = true)]
async fn new_groups_are_licensed() {
    for (refused, then, expected) in [
        (false, false, "done"),
        (true, true, "already"),
        (true, false, "Request_BadRequest"),
    ] {
        let mut sent = false;
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/subscribedSkus" => skus(),
            "POST /v1.0/groups/g1/assignLicense" => {
                sent = true;
                if refused {
                    refuse(400, "Request_BadRequest", "m")
                } else {
                    reply(202, &json!({"id": "g1"}))
                }
            }
            line => {
                assert_eq!(line, format!("GET {NAMED}"));
                if asked.at < Duration::from_secs(5) {
                    return missing();
                }
                let mut there = seen(None);
                if sent && then {
                    there.licences = vec![licence("s1", &[])];
                }
                reply(200, &shown(&there))
            }
        });
        let wanted = WantedGroup {
            licences: vec![licence("SPE_E5", &[])],
            ..wanted(None)
        };
        let license = step(Op::GroupLicense, wanted, None);
        assert_eq!(
            outcome(&stage.entra.keep_group(&license).await.ending),
            expected
        );
        let posts = stage
            .lines()
            .iter()
            .filter(|line| line.starts_with("POST"))
            .count();
        assert_eq!(posts, 1);
    }
}
