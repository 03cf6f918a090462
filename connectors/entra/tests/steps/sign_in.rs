//! Passwords that nobody knows and methods that are gone: against a tenant that answers as
//! documented.

use rollcall_core::model::{Ending, Op};
use serde_json::{Value, json};

use crate::peer::*;

const ME: &str = "GET /v1.0/users/o1";
const METHODS: &str = "GET /v1.0/users/o1/authentication/methods";

fn mira(key: &str) -> Answer {
    reply(200, &user("o1", key, "mira@north.example", false))
}

fn method(kind: &str, id: &str) -> Value {
    json!({"@odata.type": format!("#microsoft.graph.{kind}AuthenticationMethod"), "id": id})
}

fn methods(all: &[Value]) -> Answer {
    let mut value = vec![method("password", "28c10230-6103-485e-b985-444c60001490")];
    value.extend(all.iter().cloned());
    reply(200, &json!({ "value": value }))
}

#[tokio::test(start_paused = true)]
async fn a_password_is_new_each_time_and_must_be_changed() {
    let stage = stage(|asked| match asked.plain() {
        ME => mira("1001"),
        "PATCH /v1.0/users/o1" => done(),
        other => panic!("{other}"),
    });
    let step = step(Op::UserResetPassword);
    let mut seen = Vec::new();
    for _ in 0..2 {
        assert_eq!(stage.ends(&step).await, Ending::Done);
        let asked = stage.asked();
        let body = &asked.last().unwrap().body;
        let profile = body["passwordProfile"].as_object().unwrap();
        assert_eq!(
            body.as_object().unwrap().len(),
            1,
            "nothing else is written"
        );
        assert_eq!(profile["forceChangePasswordNextSignIn"], true);
        seen.push(profile["password"].as_str().unwrap().to_owned());
    }
    assert!(seen[0] != seen[1] && seen.iter().all(|it| it.len() >= 24));
    assert!(!format!("{:?}", stage.entra).contains(&seen[0]));
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_reset_is_told_why() {
    let stage = stage(|asked| match asked.plain() {
        ME => mira("1001"),
        _ => refuse(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges.",
        ),
    });
    let Ending::Failed { code, hint } = stage.ends(&step(Op::UserResetPassword)).await else {
        panic!("it was denied");
    };
    assert_eq!(code, "Authorization_RequestDenied");
    assert!(
        hint.contains("User-PasswordProfile.ReadWrite.All"),
        "{hint}"
    );
    assert!(hint.contains("User Administrator"), "{hint}");
}

/// The telephone is what she is asked for first: refused, and taken once the others are gone.
#[tokio::test(start_paused = true)]
async fn the_first_method_goes_last() {
    let mut gone = 0;
    let stage = stage(move |asked| match asked.plain() {
        ME => mira("1001"),
        METHODS => methods(&[
            method("phone", "p1"),
            method("fido2", "f/1"),
            method("windowsHelloForBusiness", "w1"),
        ]),
        "DELETE /v1.0/users/o1/authentication/phoneMethods/p1" if gone < 2 => {
            refuse(400, "Request_BadRequest", "The default method goes last.")
        }
        "DELETE /v1.0/users/o1/authentication/phoneMethods/p1"
        | "DELETE /v1.0/users/o1/authentication/fido2Methods/f%2F1"
        | "DELETE /v1.0/users/o1/authentication/windowsHelloForBusinessMethods/w1" => {
            gone += 1;
            done()
        }
        other => panic!("{other}"),
    });
    assert_eq!(stage.ends(&step(Op::AuthMethodsRemove)).await, Ending::Done);
    let lines = stage.lines();
    let removed: Vec<&str> = lines.iter().filter_map(|it| it.split('/').nth(5)).collect();
    assert_eq!(
        removed,
        [
            "methods",
            "phoneMethods",
            "fido2Methods",
            "windowsHelloForBusinessMethods",
            "phoneMethods"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_gone() {
    let nothing = stage(|asked| match asked.plain() {
        ME => mira("1001"),
        METHODS => methods(&[]),
        other => panic!("{other}"),
    });
    let step = step(Op::AuthMethodsRemove);
    assert_eq!(nothing.ends(&step).await, Ending::Already);
    // Between the list and the removal somebody else took it, or an answer was lost.
    let lost = stage(|asked| match asked.plain() {
        ME => mira("1001"),
        METHODS => methods(&[method("email", "e1")]),
        _ => missing(),
    });
    assert_eq!(lost.ends(&step).await, Ending::Done);
}

/// The rest goes, and nobody is told that all is gone.
#[tokio::test(start_paused = true)]
async fn a_kind_that_cannot_be_removed_is_said() {
    let stage = stage(|asked| match asked.plain() {
        ME => mira("1001"),
        METHODS => methods(&[method("external", "x1"), method("softwareOath", "s1")]),
        "DELETE /v1.0/users/o1/authentication/softwareOathMethods/s1" => done(),
        other => panic!("{other}"),
    });
    let Ending::Failed { code, hint } = stage.ends(&step(Op::AuthMethodsRemove)).await else {
        panic!("one is left");
    };
    assert_eq!(code, "method_unknown");
    assert!(hint.contains("externalAuthenticationMethod"), "{hint}");
    assert_eq!(stage.lines().len(), 3);
}

/// Of one that stays whatever else is taken, the directory's own answer is what is said.
#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_fails() {
    let stage = stage(|asked| match asked.plain() {
        ME => mira("1001"),
        METHODS => methods(&[method("phone", "p1")]),
        _ => refuse(400, "Request_BadRequest", "No."),
    });
    let ending = stage.ends(&step(Op::AuthMethodsRemove)).await;
    assert_eq!(outcome(&ending), "Request_BadRequest");
    assert_eq!(stage.lines().len(), 3, "tried once");
}

/// Another employee id is on the account by now: nothing is written.
#[tokio::test(start_paused = true)]
async fn nobody_elses_account_is_touched() {
    for op in [Op::UserResetPassword, Op::AuthMethodsRemove] {
        let stage = stage(|asked| match asked.plain() {
            ME => mira("2002"),
            other => panic!("{other}"),
        });
        assert_eq!(outcome(&stage.ends(&step(op)).await), "stale");
        assert_eq!(stage.lines(), [ME]);
    }
}
