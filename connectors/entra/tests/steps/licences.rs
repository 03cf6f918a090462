//! Licences of accounts' own: given, taken away, refused, and how they stand.

use std::time::Duration;

use rollcall_core::model::{Ending, Licence, LicenceState, ObjectId, Op, Step};
use serde_json::{Value, json};

use crate::peer::*;

const ASSIGN: &str = "POST /v1.0/users/o1/assignLicense";

fn give(op: Op, sku: &str, plans: &[&str]) -> Step {
    let mut step = step(op);
    step.licence = Some(Licence {
        sku: sku.to_owned(),
        disabled_plans: plans.iter().map(|plan| (*plan).to_owned()).collect(),
    });
    step
}

fn skus() -> Answer {
    let plan = |id: &str, name: &str| json!({"servicePlanId": id, "servicePlanName": name, "appliesTo": "User"});
    reply(
        200,
        &json!({"value": [{"skuId": "s-e5", "skuPartNumber": "SPE_E5", "appliesTo": "User",
            "capabilityStatus": "Enabled", "consumedUnits": 0, "prepaidUnits": {"enabled": 5},
            "servicePlans": [plan("p-teams", "TEAMS1"), plan("p-yammer", "YAMMER")]}]}),
    )
}

/// The account with these states of its licences.
fn holds(states: &Value) -> Value {
    json!({"id": "o1", "employeeId": "1001", "userPrincipalName": "m@north.example",
           "accountEnabled": true, "usageLocation": "NO", "licenseAssignmentStates": states})
}

fn state(by: Option<&str>, plans: &[&str], state: &str, error: &str) -> Value {
    json!({"skuId": "S-E5", "assignedByGroup": by, "disabledPlans": plans, "state": state,
           "error": error})
}

/// How the licence stands → how giving it ends, and whether it is sent. Ids have no case, plans no
/// order; what a group gives is not the account's own.
#[tokio::test(start_paused = true)]
async fn licences_are_given() {
    let same = ["P-YAMMER", "p-teams"];
    let table = [
        (json!([]), "done"),
        (json!([state(None, &same, "Active", "None")]), "already"),
        (json!([state(None, &same, "Disabled", "None")]), "already"),
        (json!([state(None, &["p-teams"], "Active", "None")]), "done"),
        (json!([state(Some("g1"), &same, "Active", "None")]), "done"),
        (
            json!([state(None, &same, "Error", "CountViolation")]),
            "done",
        ),
        (
            json!([state(None, &same, "ActiveWithError", "Other")]),
            "done",
        ),
    ];
    for (states, expected) in table {
        let held = states.clone();
        let stage = stage(move |asked| match asked.line.as_str() {
            line if line.starts_with("GET /v1.0/subscribedSkus?") => skus(),
            ASSIGN => {
                let plans = ["p-teams", "p-yammer"];
                assert_eq!(
                    asked.body,
                    json!({"addLicenses": [{"skuId": "s-e5", "disabledPlans": plans}],
                           "removeLicenses": []})
                );
                reply(200, &json!({"id": "o1"}))
            }
            line => {
                assert_eq!(
                    line,
                    "GET /v1.0/users/o1?$select=id,accountEnabled,employeeId,userPrincipalName,\
                     licenseAssignmentStates,usageLocation"
                );
                reply(200, &holds(&held))
            }
        });
        let give = give(Op::LicenceAssign, "spe_e5", &["TEAMS1", "p-yammer"]);
        assert_eq!(outcome(&stage.ends(&give).await), expected, "{states}");
        let sent = stage.lines().contains(&ASSIGN.to_owned());
        assert_eq!(sent, expected == "done", "{states}");
    }
}

/// What the assignment is answered with → how it ends.
#[tokio::test(start_paused = true)]
async fn assignments_are_refused() {
    let bad = |message: &str| refuse(400, "Request_BadRequest", message);
    let left = |code: &str| reply(200, &holds(&json!([state(None, &[], "Error", code)])));
    let table = [
        (
            bad("Subscription with SKU x does not have any available licenses."),
            "seats",
        ),
        (
            bad("License assignment failed because service plans x, y are mutually exclusive."),
            "licence_conflict",
        ),
        (bad("Something else."), "Request_BadRequest"),
        (missing(), "stale"),
        (left("CountViolation"), "seats"),
        (
            left("MutuallyExclusiveViolation"),
            "MutuallyExclusiveViolation",
        ),
        (left("SomethingNew"), "SomethingNew"),
        (left("Mira Beispiel has none"), "licence_error"),
        (left("None"), "licence_error"),
        (
            reply(200, &holds(&json!([state(None, &[], "Active", "None")]))),
            "done",
        ),
        (
            reply(
                200,
                &holds(&json!([state(Some("g"), &[], "Error", "Other")])),
            ),
            "done",
        ),
        (done(), "done"),
    ];
    for (at, (answer, expected)) in table.into_iter().enumerate() {
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/subscribedSkus" => skus(),
            "GET /v1.0/users/o1" => reply(200, &holds(&json!([]))),
            ASSIGN => answer.clone(),
            other => panic!("{other}"),
        });
        let give = give(Op::LicenceAssign, "SPE_E5", &[]);
        assert_eq!(outcome(&stage.ends(&give).await), expected, "row {at}");
        assert_eq!(stage.clock.elapsed(), Duration::ZERO, "row {at}");
    }
}

/// A location that the licences do not see yet: waited for where the account is new or shows one,
/// else the mapping is to blame.
#[tokio::test(start_paused = true)]
async fn usage_locations_arrive_late() {
    // New account, location shown, seconds until it is seen → ending, times sent.
    let table = [
        (true, false, 20, "done", 5),
        (true, false, 600, "replication", 6),
        (false, true, 3, "done", 3),
        (false, true, 600, "usage_location", 6),
        (false, false, 600, "usage_location", 1),
    ];
    for (new, shown, seen, expected, times) in table {
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/subscribedSkus" => skus(),
            "GET /v1.0/users" => reply(200, &json!({"value": []})),
            "POST /v1.0/users" => reply(201, &json!({"id": "o1"})),
            "GET /v1.0/users/o1" => {
                let mut user = holds(&json!([]));
                user["usageLocation"] = if shown { json!("NO") } else { Value::Null };
                reply(200, &user)
            }
            ASSIGN if asked.at < Duration::from_secs(seen) => refuse(
                400,
                "Request_BadRequest",
                "License assignment cannot be done for user with invalid usage location.",
            ),
            ASSIGN => reply(200, &json!({"id": "o1"})),
            other => panic!("{other}"),
        });
        if new {
            let mut create = step(Op::UserCreate);
            create.write = attributes(&[("userPrincipalName", "m@north.example")]);
            assert_eq!(stage.ends(&create).await, Ending::Done);
        }
        let give = give(Op::LicenceAssign, "SPE_E5", &[]);
        let row = format!("{new} {shown} {seen}");
        assert_eq!(outcome(&stage.ends(&give).await), expected, "{row}");
        let sent = stage.lines().iter().filter(|line| *line == ASSIGN).count();
        assert_eq!(sent, times, "{row}");
    }
}

/// How the licence stands, and what taking it is answered with → how that ends.
#[tokio::test(start_paused = true)]
async fn licences_are_taken_away() {
    let own = || json!([state(None, &[], "Active", "None")]);
    let given = || json!([state(Some("g1"), &[], "Active", "None")]);
    let table: [(Value, Value, Answer, &str, usize); 6] = [
        (own(), own(), reply(200, &json!({"id": "o1"})), "done", 1),
        (given(), given(), done(), "already", 0),
        (json!([]), json!([]), done(), "already", 0),
        // Taken already by a call whose answer was lost.
        (
            own(),
            json!([]),
            refuse(400, "Request_BadRequest", "m"),
            "already",
            1,
        ),
        (
            own(),
            own(),
            refuse(400, "Request_BadRequest", "m"),
            "Request_BadRequest",
            1,
        ),
        (own(), own(), missing(), "stale", 1),
    ];
    for (at, (before, after, answer, expected, times)) in table.into_iter().enumerate() {
        let mut sent = false;
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/subscribedSkus" => skus(),
            "GET /v1.0/users/o1" => reply(200, &holds(if sent { &after } else { &before })),
            ASSIGN => {
                sent = true;
                assert_eq!(
                    asked.body,
                    json!({"addLicenses": [], "removeLicenses": ["s-e5"]})
                );
                answer.clone()
            }
            other => panic!("{other}"),
        });
        // Whatever of it was switched off, known or not: it goes as a whole.
        let take = give(Op::LicenceRemove, "SPE_E5", &["GONE"]);
        assert_eq!(outcome(&stage.ends(&take).await), expected, "row {at}");
        let sent = stage.lines().iter().filter(|line| *line == ASSIGN).count();
        assert_eq!(sent, times, "row {at}");
    }
}

/// P14 holds for licences too, and an answer without states is no account without licences.
#[tokio::test(start_paused = true)]
async fn licences_check_whose_they_are() {
    // Nobody keeps a licence because the key was taken off their account.
    let table = [
        ("employeeId", Op::LicenceAssign, "stale"),
        ("employeeId", Op::LicenceRemove, "already"),
        (
            "licenseAssignmentStates",
            Op::LicenceAssign,
            "malformed_answer",
        ),
        (
            "licenseAssignmentStates",
            Op::LicenceRemove,
            "malformed_answer",
        ),
    ];
    for (lacks, op, expected) in table {
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/subscribedSkus" => skus(),
            "GET /v1.0/users/o1" => {
                let mut user = holds(&json!([]));
                user[lacks] = Value::Null;
                reply(200, &user)
            }
            other => panic!("{other}"),
        });
        assert_eq!(
            outcome(&stage.ends(&give(op, "SPE_E5", &[])).await),
            expected
        );
        assert_eq!(outcome(&stage.ends(&step(op)).await), "step_invalid");
    }
}

/// The tenant's list is read once, and again for what is not in it, but not for every step.
#[tokio::test(start_paused = true)]
async fn names_are_resolved_once() {
    let stage = stage(|asked| match asked.line.split('?').next().unwrap() {
        "GET /v1.0/subscribedSkus" => skus(),
        "GET /v1.0/users/o1" => reply(200, &holds(&json!([]))),
        _ => done(),
    });
    let lists = || {
        let lines = stage.lines();
        lines
            .iter()
            .filter(|line| line.contains("subscribedSkus"))
            .count()
    };
    let ends = async |sku: &str, plans: &[&str]| {
        outcome(&stage.ends(&give(Op::LicenceAssign, sku, plans)).await)
    };
    assert_eq!(ends("SPE_E5", &[]).await, "done");
    assert_eq!(ends("s-e5", &["YAMMER"]).await, "done");
    assert_eq!(ends("SPE_F1", &[]).await, "licence_unknown");
    assert_eq!(lists(), 1, "just read");
    stage.clock.sleep(Duration::from_mins(2)).await;
    assert_eq!(ends("SPE_F1", &[]).await, "licence_unknown");
    assert_eq!(ends("SPE_E5", &["SWAY"]).await, "plan_unknown");
    assert_eq!(ends("SPE_E5", &[]).await, "done");
    assert_eq!(lists(), 2);
    let Ending::Failed { hint, .. } = stage.ends(&give(Op::LicenceAssign, "SPE_F1", &[])).await
    else {
        panic!("an unknown licence was given")
    };
    assert!(hint.contains("SPE_F1"), "{hint}");

    let hidden = crate::peer::stage(|_| refuse(403, "Authorization_RequestDenied", "m"));
    let ending = hidden.ends(&give(Op::LicenceAssign, "SPE_E5", &[])).await;
    assert!(
        matches!(&ending, Ending::Failed { code, hint }
            if code == "licence_unknown" && hint.contains("LicenseAssignment.Read.All")),
        "{ending:?}"
    );
}

/// In order, by batches of twenty; whoever is gone has none; "None" is no error.
#[tokio::test(start_paused = true)]
async fn states_are_read() {
    let stage = stage(|asked| {
        batched(asked, |url| {
            let id = url.strip_prefix("/users/").unwrap();
            let id = id
                .strip_suffix("?$select=id,licenseAssignmentStates")
                .unwrap();
            match id {
                "o1" => (404, error("Request_ResourceNotFound", "m")),
                "o2" => {
                    let states = [
                        state(Some("g1"), &[], "Error", "CountViolation"),
                        state(None, &[], "Active", "None"),
                        json!({"skuId": "s2", "state": "Active"}),
                    ];
                    (200, json!({"id": id, "licenseAssignmentStates": states}))
                }
                _ => (200, json!({"id": id, "licenseAssignmentStates": []})),
            }
        })
    });
    let ids: Vec<ObjectId> = (0..45).map(|n| ObjectId::new(format!("o{n}"))).collect();
    let states = stage.entra.licence_states(&ids).await.unwrap();
    assert_eq!((states.len(), stage.asked().len()), (45, 3));
    let is = |sku: &str, by: Option<&str>, state: &str, error: Option<&str>| LicenceState {
        sku: sku.to_owned(),
        by_group: by.map(ObjectId::new),
        state: state.to_owned(),
        error: error.map(str::to_owned),
    };
    assert_eq!(
        states[2],
        [
            is("S-E5", Some("g1"), "Error", Some("CountViolation")),
            is("S-E5", None, "Active", None),
            is("s2", None, "Active", None),
        ]
    );
    assert!(
        states
            .iter()
            .enumerate()
            .all(|(at, it)| at == 2 || it.is_empty())
    );

    for (status, body, code) in [
        (
            403,
            error("Authorization_RequestDenied", "m"),
            "Authorization_RequestDenied",
        ),
        (200, json!({"id": "o1"}), "malformed_answer"),
        (
            200,
            json!({"licenseAssignmentStates": [{"skuId": "s"}]}),
            "malformed_answer",
        ),
    ] {
        let stage = crate::peer::stage(move |asked| batched(asked, |_| (status, body.clone())));
        let error = stage.entra.licence_states(&ids[..1]).await.unwrap_err();
        assert_eq!(error.code(), code);
    }
}

/// All pages of those whom a group could not give its licences, and how far it is.
#[tokio::test(start_paused = true)]
async fn licence_errors_of_groups_are_read() {
    let stage = stage(|asked| match asked.line.as_str() {
        "GET /v1.0/groups/g1?$select=id,licenseProcessingState" => reply(
            200,
            &json!({"id": "g1", "licenseProcessingState": {"state": "ProcessingComplete"}}),
        ),
        "GET /v1.0/groups/g2?$select=id,licenseProcessingState" => {
            reply(200, &json!({"id": "g2", "licenseProcessingState": null}))
        }
        "GET /v1.0/groups/g1/membersWithLicenseErrors?$select=id" => {
            let next =
                "https://graph.microsoft.com/v1.0/groups/g1/membersWithLicenseErrors?$skiptoken=x";
            reply(
                200,
                &json!({"value": [{"id": "a"}], "@odata.nextLink": next}),
            )
        }
        "GET /v1.0/groups/g1/membersWithLicenseErrors?$skiptoken=x" => {
            reply(200, &json!({"value": [{"id": "b"}]}))
        }
        "GET /v1.0/groups/g2/membersWithLicenseErrors?$select=id" => {
            reply(200, &json!({"value": []}))
        }
        _ => missing(),
    });
    let read = async |id: &str| {
        let errors = stage.entra.group_licence_errors(&ObjectId::new(id)).await;
        errors.map_err(|error| error.code())
    };
    let complete = Some("ProcessingComplete".to_owned());
    assert_eq!(
        read("g1").await,
        Ok((complete, ["a", "b"].map(ObjectId::new).to_vec()))
    );
    assert_eq!(read("g2").await, Ok((None, Vec::new())));
    assert_eq!(read("g3").await, Err("Request_ResourceNotFound".to_owned()));
}
