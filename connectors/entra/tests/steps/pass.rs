//! Temporary Access Passes: asked for once, only for whoever cannot sign in, and shown to nobody here.

use rollcall_core::model::{Ending, Op};
use rollcall_entra::Issued;
use rollcall_http::TransportError;
use serde_json::{Value, json};

use crate::peer::*;

const ME: &str = "GET /v1.0/users/o1";
const METHODS: &str = "GET /v1.0/users/o1/authentication/methods";
const ROLES: &str = "GET /v1.0/roleManagement/directory/roleAssignments";
const ELIGIBLE: &str = "GET /v1.0/roleManagement/directory/roleEligibilityScheduleInstances";
const MEMBER_OF: &str = "GET /v1.0/users/o1/transitiveMemberOf";
const PASS: &str = "POST /v1.0/users/o1/authentication/temporaryAccessPassMethods";
const SECRET_PASS: &str = "nc+&G=xwDKCz";

fn mira() -> Answer {
    reply(200, &user("o1", "1001", "mira@north.example", true))
}

fn list(all: &Value) -> Answer {
    reply(200, &json!({ "value": all }))
}

/// As "Create temporaryAccessPassMethod" shows it.
fn made() -> Answer {
    reply(
        201,
        &json!({
            "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethod",
            "id": "7ee7e8f5-0f4b-4f55-b3e1-d2c0b8038ff1",
            "temporaryAccessPass": SECRET_PASS,
            "createdDateTime": "2026-03-16T02:00:00.5026721Z",
            "startDateTime": "2026-03-16T06:00:00Z",
            "lifetimeInMinutes": 480,
            "isUsableOnce": false,
            "isUsable": false,
            "methodUsabilityReason": "NotYetValid"
        }),
    )
}

/// Somebody without a method and without a role.
fn nobody_yet(line: &str) -> Option<Answer> {
    match line {
        ME => Some(mira()),
        METHODS => Some(list(&json!([{
            "@odata.type": "#microsoft.graph.passwordAuthenticationMethod",
            "id": "28c10230-6103-485e-b985-444c60001490"
        }]))),
        ROLES | ELIGIBLE | MEMBER_OF => Some(list(&json!([]))),
        _ => None,
    }
}

async fn issue(stage: &Stage, start: &str) -> Issued {
    let step = step(Op::TapIssue);
    stage
        .entra
        .issue_pass(&step, start.parse().unwrap(), 480)
        .await
}

#[tokio::test(start_paused = true)]
async fn the_pass_is_what_the_answer_says_and_is_not_shown() {
    let stage = stage(|asked| match asked.plain() {
        PASS => made(),
        other => nobody_yet(other).unwrap_or_else(|| panic!("{other}")),
    });
    let issued = issue(&stage, "2026-03-16T06:00:00Z").await;
    assert_eq!(issued.result.ending, Ending::Done);
    assert!(!format!("{issued:?}").contains(SECRET_PASS));
    let pass = issued.pass.unwrap();
    assert_eq!(pass.secret.reveal(), SECRET_PASS);
    assert_eq!(
        (pass.minutes, pass.start.to_string()),
        (480, "2026-03-16T06:00:00Z".to_owned())
    );
    let asked = stage.asked();
    let sent = &asked.last().unwrap().body;
    assert_eq!(
        *sent,
        json!({"lifetimeInMinutes": 480, "startDateTime": "2026-03-16T06:00:00Z"})
    );
    assert_eq!(asked.len(), 6);
}

/// A start that is over would be refused.
#[tokio::test(start_paused = true)]
async fn a_late_one_begins_at_once() {
    let stage = stage(|asked| match asked.plain() {
        PASS => made(),
        other => nobody_yet(other).unwrap_or_else(|| panic!("{other}")),
    });
    let issued = issue(&stage, "2026-03-16T01:00:00Z").await;
    assert_eq!(issued.result.ending, Ending::Done);
    assert_eq!(
        stage.asked().last().unwrap().body,
        json!({"lifetimeInMinutes": 480})
    );
}

/// Methods → whether a pass is made.
#[tokio::test(start_paused = true)]
async fn nobody_gets_one_who_can_sign_in() {
    let pass = |why: &str| {
        json!({
            "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethod",
            "id": "p0", "methodUsabilityReason": why
        })
    };
    let fido = json!({"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "id": "f1"});
    let new = json!({"@odata.type": "#microsoft.graph.qrCodePinAuthenticationMethod", "id": "q1"});
    for (method, makes) in [
        (fido, false),
        (new, false),
        (pass("EnabledByPolicy"), false),
        (pass("NotYetValid"), false),
        (pass("Expired"), true),
        (pass("oneTimeUsed"), true),
    ] {
        let shown = method.clone();
        let stage = stage(move |asked| match asked.plain() {
            METHODS => list(&json!([method])),
            PASS => made(),
            other => nobody_yet(other).unwrap_or_else(|| panic!("{other}")),
        });
        let issued = issue(&stage, "2026-03-16T06:00:00Z").await;
        let ending = if makes { Ending::Done } else { Ending::Already };
        assert_eq!(issued.result.ending, ending, "{shown}");
        assert_eq!(issued.pass.is_some(), makes, "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_administrator_gets_one() {
    for place in [ROLES, ELIGIBLE] {
        let stage = stage(move |asked| match asked.plain() {
            line if line == place => list(&json!([{"id": "a1", "roleDefinitionId": "r1"}])),
            other => nobody_yet(other).unwrap_or_else(|| panic!("{other}")),
        });
        let issued = issue(&stage, "2026-03-16T06:00:00Z").await;
        let Ending::Failed { code, .. } = issued.result.ending else {
            panic!("{:?}", issued.result.ending);
        };
        assert_eq!(code, "has_role");
    }
    // On a later page.
    for place in [ROLES, ELIGIBLE, MEMBER_OF] {
        let stage = stage(move |asked| match asked.plain() {
            line if line == place => {
                let admin =
                    json!([{"id": "g2", "isAssignableToRole": true, "roleDefinitionId": "r1"}]);
                paged(asked, &json!([]), &admin)
            }
            PASS => made(),
            other => nobody_yet(other).unwrap_or_else(|| panic!("{other}")),
        });
        let issued = issue(&stage, "2026-03-16T06:00:00Z").await;
        assert!(issued.pass.is_none(), "{place}");
        assert_eq!(outcome(&issued.result.ending), "has_role", "{place}");
    }
    // By way of a group, or of a role that a group has.
    for (kind, assignable, admin) in [
        ("#microsoft.graph.group", json!(true), true),
        ("#microsoft.graph.group", json!(null), false),
        ("#microsoft.graph.directoryRole", json!(null), true),
        ("#microsoft.graph.administrativeUnit", json!(null), false),
    ] {
        let item = json!({"@odata.type": kind, "id": "x", "isAssignableToRole": assignable});
        let stage = stage(move |asked| match asked.plain() {
            MEMBER_OF => list(&json!([item])),
            PASS => made(),
            other => nobody_yet(other).unwrap_or_else(|| panic!("{other}")),
        });
        let issued = issue(&stage, "2026-03-16T06:00:00Z").await;
        assert_eq!(issued.pass.is_none(), admin, "{kind} {assignable}");
    }
    // No licence for roles on request: nobody has one.
    let stage = stage(|asked| match asked.plain() {
        ELIGIBLE => refuse(
            400,
            "AadPremiumLicenseRequired",
            "The tenant needs a premium licence.",
        ),
        PASS => made(),
        other => nobody_yet(other).unwrap_or_else(|| panic!("{other}")),
    });
    assert_eq!(
        issue(&stage, "2026-03-16T06:00:00Z").await.result.ending,
        Ending::Done
    );
}

/// What may have been taken is not asked for again: the pass of a lost answer is nobody's.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_not_asked_for_again() {
    type Lost = fn() -> Answer;
    let lost: [Lost; 5] = [
        || Err(TransportError::Timeout),
        || Err(TransportError::Reset),
        || refuse(504, "UnknownError", ""),
        || refuse(500, "InternalServerError", ""),
        || reply(201, &json!({"id": "p1", "temporaryAccessPass": null})),
    ];
    for lose in lost {
        let mut asked_for = 0;
        let stage = stage(move |asked| match asked.plain() {
            PASS => {
                asked_for += 1;
                assert_eq!(asked_for, 1, "a second pass");
                lose()
            }
            other => nobody_yet(other).unwrap_or_else(|| panic!("{other}")),
        });
        let issued = issue(&stage, "2026-03-16T06:00:00Z").await;
        let Ending::Unknown { hint } = issued.result.ending else {
            panic!("{:?}", issued.result.ending);
        };
        assert!(hint.contains("by hand"), "{hint}");
        assert!(issued.pass.is_none());
    }
}

/// What was certainly not taken is: throttled, and a service that took nothing.
#[tokio::test(start_paused = true)]
async fn what_was_not_taken_is_asked_for_again() {
    let mut refusals = 2;
    let stage = stage(move |asked| match asked.plain() {
        PASS if refusals > 0 => {
            refusals -= 1;
            throttled()
        }
        PASS => made(),
        other => nobody_yet(other).unwrap_or_else(|| panic!("{other}")),
    });
    assert_eq!(
        issue(&stage, "2026-03-16T06:00:00Z").await.result.ending,
        Ending::Done
    );
    let passes = stage.lines().iter().filter(|it| *it == PASS).count();
    assert_eq!(passes, 3);
}

/// Status and code → what is said.
#[tokio::test(start_paused = true)]
async fn refusals_say_what_to_do() {
    for (status, code, said) in [
        (403, "accessDenied", "UserAuthMethod-TAP.ReadWrite.All"),
        (400, "badRequest", "joiner.pass.minutes"),
    ] {
        let stage = stage(move |asked| match asked.plain() {
            PASS => refuse(status, code, "No."),
            other => nobody_yet(other).unwrap_or_else(|| panic!("{other}")),
        });
        let issued = issue(&stage, "2026-03-16T06:00:00Z").await;
        let Ending::Failed { code: shown, hint } = issued.result.ending else {
            panic!("{:?}", issued.result.ending);
        };
        assert_eq!(shown, code);
        assert!(hint.contains(said), "{hint}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_nobody_got_is_taken_back() {
    let mut there = true;
    let stage = stage(move |asked| match asked.plain() {
        "DELETE /v1.0/users/o1/authentication/temporaryAccessPassMethods/p1" if there => {
            there = false;
            done()
        }
        "DELETE /v1.0/users/o1/authentication/temporaryAccessPassMethods/p1" => {
            refuse(404, "resourceNotFound", "It is gone.")
        }
        other => panic!("{other}"),
    });
    let step = step(Op::TapIssue);
    assert_eq!(
        stage.entra.withdraw_pass(&step, "p1").await.ending,
        Ending::Done
    );
    assert_eq!(
        stage.entra.withdraw_pass(&step, "p1").await.ending,
        Ending::Already
    );
}

/// As "Microsoft Graph throttling guidance" shows it.
fn throttled() -> Answer {
    let mut answer = refuse(429, "TooManyRequests", "Later.")?;
    let seconds = "3".parse().unwrap();
    answer.headers_mut().insert("retry-after", seconds);
    Ok(answer)
}
