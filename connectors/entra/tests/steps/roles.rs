//! Roles in the directory and in applications: against a tenant that answers as documented.

use rollcall_core::model::{Ending, ObjectId, Op, Step};
use serde_json::{Value, json};

use crate::peer::*;

const ME: &str = "GET /v1.0/users/o1";
const ASSIGNED: &str = "GET /v1.0/roleManagement/directory/roleAssignments";
const ELIGIBLE: &str = "GET /v1.0/roleManagement/directory/roleEligibilityScheduleInstances";
const REQUEST: &str = "POST /v1.0/roleManagement/directory/roleAssignmentScheduleRequests";
const REQUEST_ELIGIBLE: &str =
    "POST /v1.0/roleManagement/directory/roleEligibilityScheduleRequests";
const APPS: &str = "GET /v1.0/users/o1/appRoleAssignments";

fn mira() -> Answer {
    reply(200, &user("o1", "1001", "mira@north.example", false))
}

fn held(definition: &str, name: &str, scope: &str) -> Value {
    json!({
        "id": format!("a-{definition}-{scope}"),
        "principalId": "o1",
        "roleDefinitionId": definition,
        "directoryScopeId": scope,
        "roleDefinition": {"id": definition, "displayName": name},
    })
}

fn list(values: &[Value]) -> Value {
    json!({ "value": values })
}

fn of(op: Op, role: &str) -> Step {
    Step {
        role: Some(role.to_owned()),
        ..step(op)
    }
}

/// What a request says beside why.
fn said(asked: &Asked) -> Value {
    let mut body = asked.body.clone();
    let why = body.as_object_mut().unwrap().remove("justification");
    assert!(why.is_some(), "the tenant's policy may demand it");
    body
}

#[tokio::test(start_paused = true)]
async fn roles_are_read_with_their_scope_and_kind() {
    let unit = "/administrativeUnits/u1";
    let stage = stage(move |asked| {
        batched(asked, |url| match url.split('?').next().unwrap() {
            "/roleManagement/directory/roleAssignments" if url.contains("o1") => {
                assert!(url.contains("$filter=principalId%20eq%20%27o1%27"), "{url}");
                let whole = held("d1", "User Administrator", "/");
                (200, list(&[held("d1", "User Administrator", unit), whole]))
            }
            "/roleManagement/directory/roleEligibilityScheduleInstances" if url.contains("o1") => {
                (200, list(&[held("d2", "Security Reader", "/")]))
            }
            "/users/o1/appRoleAssignments" => {
                let app = |name: Value| json!({"id": "x", "resourceDisplayName": name, "resourceId": "r9"});
                (
                    200,
                    list(&[
                        app(json!("Payroll")),
                        app(Value::Null),
                        app(json!("Payroll")),
                    ]),
                )
            }
            _ => (200, list(&[])),
        })
    });
    let accounts = ["o1", "o2"].map(ObjectId::new);
    let found = stage.entra.holdings(&accounts).await.unwrap();
    let first = found[0].as_ref().unwrap();
    assert_eq!(
        first.roles,
        [
            "Security Reader (eligible)",
            "User Administrator",
            "User Administrator at /administrativeUnits/u1"
        ]
    );
    assert_eq!(first.app_roles, ["Payroll", "r9"]);
    assert!(found[1].as_ref().unwrap().roles.is_empty());
}

/// What may not be seen is not nothing; a tenant without roles on request has none of them.
#[tokio::test(start_paused = true)]
async fn what_is_withheld_is_not_nothing() {
    for (code, read) in [
        ("Authorization_RequestDenied", false),
        ("AadPremiumLicenseRequired", true),
    ] {
        let stage = stage(move |asked| {
            batched(asked, |url| {
                if url.contains("Eligibility") {
                    (403, error(code, "No."))
                } else {
                    (200, list(&[]))
                }
            })
        });
        let found = stage.entra.holdings(&[ObjectId::new("o1")]).await.unwrap();
        assert_eq!(found[0].is_some(), read, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_is_removed_where_it_is_held() {
    let stage = stage(|asked| match asked.plain() {
        ME => mira(),
        ASSIGNED => reply(
            200,
            &list(&[
                held("d1", "User Administrator", "/"),
                held("d1", "User Administrator", "/administrativeUnits/u1"),
                held("d2", "Security Reader", "/"),
            ]),
        ),
        ELIGIBLE => reply(200, &list(&[held("d2", "Security Reader", "/")])),
        REQUEST | REQUEST_ELIGIBLE => reply(201, &json!({"id": "r1", "status": "Revoked"})),
        other => panic!("{other}"),
    });
    let unit = "User Administrator at /administrativeUnits/u1";
    assert_eq!(stage.ends(&of(Op::RoleRemove, unit)).await, Ending::Done);
    let asked = stage.asked();
    assert_eq!(asked.last().unwrap().plain(), REQUEST);
    assert_eq!(
        said(asked.last().unwrap()),
        json!({
            "action": "adminRemove",
            "principalId": "o1",
            "roleDefinitionId": "d1",
            "directoryScopeId": "/administrativeUnits/u1",
        })
    );
    let eligible = of(Op::RoleRemove, "Security Reader (eligible)");
    assert_eq!(stage.ends(&eligible).await, Ending::Done);
    let asked = stage.asked();
    assert_eq!(asked.last().unwrap().plain(), REQUEST_ELIGIBLE);
    assert_eq!(said(asked.last().unwrap())["roleDefinitionId"], "d2");
    // Nobody holds it any more.
    let gone = of(Op::RoleRemove, "Groups Administrator");
    assert_eq!(stage.ends(&gone).await, Ending::Already);
}

/// A request may wait for somebody in the tenant, be lost on the way, or not be for us.
#[tokio::test(start_paused = true)]
async fn what_comes_of_a_request() {
    for (status, body, expected) in [
        (201, json!({"status": "Revoked"}), "done"),
        (201, json!({"status": "PendingApproval"}), "approval"),
        (201, json!({"status": "Failed"}), "role_request_refused"),
        (400, error("RoleAssignmentDoesNotExist", "No."), "already"),
        (
            400,
            error("PendingRoleAssignmentRequest", "No."),
            "approval",
        ),
        (
            403,
            error("Authorization_RequestDenied", "No."),
            "Authorization_RequestDenied",
        ),
        (
            400,
            error("AadPremiumLicenseRequired", "No."),
            "AadPremiumLicenseRequired",
        ),
    ] {
        let stage = stage(move |asked| match asked.plain() {
            ME => mira(),
            ASSIGNED => reply(200, &list(&[held("d1", "User Administrator", "/")])),
            _ => reply(status, &body),
        });
        let ending = stage.ends(&of(Op::RoleRemove, "User Administrator")).await;
        assert_eq!(outcome(&ending), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_comes_back_as_it_was() {
    let stage = stage(|asked| match asked.plain() {
        ME => mira(),
        "GET /v1.0/roleManagement/directory/roleDefinitions" => {
            let named = asked.line.contains("Security%20Reader");
            let one = json!({"id": "d2", "displayName": "Security Reader"});
            reply(
                200,
                &list(if named {
                    std::slice::from_ref(&one)
                } else {
                    &[]
                }),
            )
        }
        REQUEST_ELIGIBLE => reply(201, &json!({"status": "Provisioned"})),
        other => panic!("{other}"),
    });
    let back = of(Op::RoleAdd, "Security Reader (eligible)");
    assert_eq!(stage.ends(&back).await, Ending::Done);
    let asked = stage.asked();
    let body = said(asked.last().unwrap());
    assert_eq!(body["action"], "adminAssign");
    assert_eq!(body["scheduleInfo"]["expiration"]["type"], "noExpiration");
    let renamed = of(Op::RoleAdd, "Reader of everything");
    assert_eq!(outcome(&stage.ends(&renamed).await), "role_unknown");
}

#[tokio::test(start_paused = true)]
async fn roles_in_an_application_go_by_their_ids() {
    let stage = stage(|asked| match asked.plain() {
        ME => mira(),
        APPS => {
            let of = |id: &str, name: &str| json!({"id": id, "resourceDisplayName": name, "resourceId": "r"});
            reply(
                200,
                &list(&[of("x1", "Payroll"), of("x2", "Wiki"), of("x/3", "Payroll")]),
            )
        }
        "DELETE /v1.0/users/o1/appRoleAssignments/x1" => done(),
        "DELETE /v1.0/users/o1/appRoleAssignments/x%2F3" => missing(),
        other => panic!("{other}"),
    });
    assert_eq!(
        stage.ends(&of(Op::AppRoleRemove, "Payroll")).await,
        Ending::Done
    );
    assert_eq!(
        stage.ends(&of(Op::AppRoleRemove, "Chess")).await,
        Ending::Already
    );
}

/// What is assigned is on any page of the list: assigned, to be had on request, or in an application.
#[tokio::test(start_paused = true)]
async fn roles_on_later_pages_go_too() {
    let first = |asked: &Asked| match asked.plain() {
        ME => Some(mira()),
        ASSIGNED | ELIGIBLE => {
            let (reader, admin) = (
                held("d2", "Security Reader", "/"),
                held("d1", "User Administrator", "/"),
            );
            Some(paged(asked, &json!([reader]), &json!([admin])))
        }
        APPS => {
            let of = |id: &str, name: &str| json!([{"id": id, "resourceDisplayName": name, "resourceId": "r"}]);
            Some(paged(asked, &of("x1", "Wiki"), &of("x2", "Payroll")))
        }
        REQUEST | REQUEST_ELIGIBLE => Some(reply(201, &json!({"id": "r1", "status": "Revoked"}))),
        "DELETE /v1.0/users/o1/appRoleAssignments/x2" => Some(done()),
        _ => None,
    };
    for (op, role) in [
        (Op::RoleRemove, "User Administrator"),
        (Op::RoleRemove, "User Administrator (eligible)"),
        (Op::AppRoleRemove, "Payroll"),
    ] {
        let stage = stage(move |asked| first(asked).unwrap_or_else(|| panic!("{}", asked.line)));
        let result = stage.entra.apply(&of(op, role)).await;
        assert_eq!(result.ending, Ending::Done, "{role}");
        // The account, two pages, the removal.
        assert_eq!((result.calls, stage.asked().len()), (4, 4), "{role}");
        assert!(result.request_id.is_some());
    }
    // Half a list is none, and what it took is counted.
    let stage = stage(move |asked| {
        if asked.line.ends_with("$skiptoken=2") {
            return refuse(403, "Authorization_RequestDenied", "No.");
        }
        first(asked).unwrap_or_else(|| panic!("{}", asked.line))
    });
    let result = stage
        .entra
        .apply(&of(Op::RoleRemove, "Security Reader"))
        .await;
    assert_eq!(outcome(&result.ending), "Authorization_RequestDenied");
    assert_eq!((result.calls, stage.asked().len()), (3, 3));
    assert!(result.request_id.is_some());
}

/// The first pages come in a batch.
#[tokio::test(start_paused = true)]
async fn roles_on_request_are_read_to_the_end() {
    let stage = stage(|asked| {
        let admin = json!([held("d1", "User Administrator", "/")]);
        if asked.plain() == ELIGIBLE {
            return paged(asked, &json!([]), &admin);
        }
        batched(asked, |url| {
            let mut page = list(&[]);
            if url.contains("Eligibility") {
                let path = ELIGIBLE.trim_start_matches("GET ");
                let next = format!("https://graph.microsoft.com{path}?$skiptoken=2");
                page["@odata.nextLink"] = json!(next);
            }
            (200, page)
        })
    });
    let found = stage.entra.holdings(&[ObjectId::new("o1")]).await.unwrap();
    let roles = &found[0].as_ref().unwrap().roles;
    assert_eq!(*roles, ["User Administrator (eligible)"]);
}
