//! Steps against a tenant that answers as documented, on virtual time: preconditions (P14),
//! repeats and lost answers (P6), replication, throttling (P8), and what is never shown (P11).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt as _;
use rollcall_core::model::{Ending, ObjectId, Op, Step, Value as Attribute};
use rollcall_http::TransportError;
use serde_json::{Value, json};

use crate::peer::*;

const NAME: &str = "mira.beispiel@north.example";

fn create() -> Step {
    let mut create = step(Op::UserCreate);
    create.write = attributes(&[
        ("userPrincipalName", NAME),
        ("displayName", "Mira Beispiel"),
        ("mailNickname", "mira.beispiel"),
        ("employeeId", "1001"),
        ("employeeOrgData.costCenter", "C7"),
        ("jobTitle", ""),
    ]);
    create
        .write
        .insert("accountEnabled".to_owned(), Attribute::Bool(false));
    create
}

fn nobody() -> Answer {
    reply(200, &json!({"value": []}))
}

/// The body is what the user resource asks for; nulls are left out, complex values are whole, and
/// the password is strong, changed at first sign-in, and not the same twice.
#[tokio::test(start_paused = true)]
async fn create_sends_a_disabled_account() {
    let stage = stage(|asked| match asked.line.split('?').next().unwrap() {
        "GET /v1.0/users" => nobody(),
        "POST /v1.0/users" => reply(201, &json!({"id": "o1"})),
        other => panic!("{other}"),
    });
    let result = stage.entra.apply(&create()).await;
    assert_eq!(
        (result.ending, result.object),
        (Ending::Done, Some(ObjectId::new("o1")))
    );
    assert_eq!(result.calls, 2);
    assert!(result.request_id.is_some());
    stage.ends(&create()).await;
    let asked = stage.asked();
    assert!(
        asked[0]
            .line
            .contains("$filter=employeeId%20eq%20%271001%27"),
        "{}",
        asked[0].line
    );
    let mut bodies: Vec<Value> = asked
        .iter()
        .map(|a| a.body.clone())
        .filter(|b| !b.is_null())
        .collect();
    let passwords: Vec<Value> = bodies
        .iter_mut()
        .map(|b| b["passwordProfile"].take())
        .collect();
    assert_eq!(
        bodies[0],
        json!({"accountEnabled": false, "displayName": "Mira Beispiel", "employeeId": "1001",
            "employeeOrgData": {"costCenter": "C7", "division": null},
            "mailNickname": "mira.beispiel", "passwordProfile": null, "userPrincipalName": NAME})
    );
    assert_eq!(passwords[0]["forceChangePasswordNextSignIn"], true);
    assert!(passwords[0]["password"].as_str().unwrap().len() >= 24);
    assert_ne!(passwords[0]["password"], passwords[1]["password"]);
    assert!(asked.iter().all(|a| a.priority == "Low"));
}

/// The leave date asks for a permission of its own: it is written after the create, also when that was
/// an earlier try, and where it is refused the account is known all the same.
#[tokio::test(start_paused = true)]
async fn the_leave_date_follows_the_create() {
    let date = "2027-05-01T00:00:00Z";
    let mut leaving = create();
    leaving
        .write
        .extend(attributes(&[("employeeLeaveDateTime", date)]));
    for (there, allowed, ends) in [
        (false, true, "done"),
        (true, true, "already"),
        (false, false, "Authorization_RequestDenied"),
    ] {
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/users" if there => {
                reply(200, &json!({"value": [user("o1", "1001", NAME, false)]}))
            }
            "GET /v1.0/users" => nobody(),
            "POST /v1.0/users" => reply(201, &json!({"id": "o1"})),
            "PATCH /v1.0/users/o1" if allowed => done(),
            "PATCH /v1.0/users/o1" => refuse(403, "Authorization_RequestDenied", "no"),
            other => panic!("{other}"),
        });
        let result = stage.entra.apply(&leaving).await;
        assert_eq!(outcome(&result.ending), ends);
        assert_eq!(result.object, Some(ObjectId::new("o1")));
        for asked in stage.asked() {
            let created = asked.line.starts_with("POST");
            let dated = asked.body.get("employeeLeaveDateTime").is_some();
            assert!(!(created && dated), "{}", asked.body);
            if asked.line.starts_with("PATCH") {
                assert_eq!(asked.body, json!({"employeeLeaveDateTime": date}));
            }
        }
        assert!(stage.lines().last().unwrap().starts_with("PATCH"));
    }
}

/// P6: the answer to a create is lost; the second try finds our own account and takes it.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_no_twin() {
    for lost in [TransportError::Reset, TransportError::Timeout] {
        let made: Arc<Mutex<Vec<Value>>> = Arc::default();
        let users = Arc::clone(&made);
        let stage = stage(move |asked| {
            let mut users = users.lock().unwrap();
            match asked.line.split('?').next().unwrap() {
                // The filter's index lags: it never shows the new account.
                "GET /v1.0/users" => nobody(),
                "POST /v1.0/users" if users.is_empty() => {
                    users.push(user("o9", "1001", NAME, false));
                    Err(lost.clone())
                }
                "POST /v1.0/users" => name_taken(),
                "GET /v1.0/users/mira.beispiel@north.example" => reply(200, &users[0]),
                other => panic!("{other}"),
            }
        });
        let result = stage.entra.apply(&create()).await;
        assert_eq!(
            (result.ending, result.object),
            (Ending::Already, Some(ObjectId::new("o9")))
        );
        assert_eq!(made.lock().unwrap().len(), 1);
        assert_eq!(result.calls, 4);
    }
}

/// Who holds the key or the name already → how the create ends.
#[tokio::test(start_paused = true)]
async fn create_meets_accounts() {
    let other = "other@north.example";
    let table: [(Vec<Value>, Option<Value>, &str); 6] = [
        (
            vec![user("o9", "1001", "MIRA.Beispiel@north.example", true)],
            None,
            "already",
        ),
        (vec![user("o9", "1001", other, true)], None, "stale"),
        (
            vec![
                user("o8", "1001", NAME, true),
                user("o9", "1001", other, true),
            ],
            None,
            "key_ambiguous",
        ),
        (vec![], Some(user("o9", "1001", NAME, false)), "already"),
        (vec![], Some(user("o9", "2002", NAME, false)), "name_taken"),
        (
            vec![],
            Some(json!({"id": "o9", "employeeId": null})),
            "name_taken",
        ),
    ];
    for (with_key, with_name, expected) in table {
        let case = format!("{with_key:?} {with_name:?}");
        let posts = Arc::new(AtomicU32::new(0));
        let posted = Arc::clone(&posts);
        let none_by_name = with_name.is_none();
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/users" => reply(200, &json!({ "value": with_key })),
            "POST /v1.0/users" => {
                posted.fetch_add(1, Ordering::Relaxed);
                name_taken()
            }
            _ => reply(200, with_name.as_ref().unwrap()),
        });
        let ending = stage.ends(&create()).await;
        let ending = if let Ending::Failed { code, .. } = ending {
            code
        } else {
            ending.name().to_owned()
        };
        assert_eq!(ending, expected, "{case}");
        assert_eq!(posts.load(Ordering::Relaxed) == 0, none_by_name, "{case}");
    }
}

/// P14: property now, at plan time, wanted → how the update ends, and what is sent.
#[tokio::test(start_paused = true)]
async fn updates_check_what_they_write() {
    let table = [
        ("Bern", "Bern", "Chur", "done", true),
        ("Chur", "Bern", "Chur", "already", false),
        ("Genf", "Bern", "Chur", "stale", false),
        ("", "Bern", "Chur", "stale", false),
        ("Bern", "Bern", "", "done", true),
        ("", "", "Chur", "done", true),
    ];
    for (now, before, wanted, expected, writes) in table {
        let stage = stage(move |asked| {
            if asked.line == "PATCH /v1.0/users/o1" {
                let wanted = if wanted.is_empty() {
                    Value::Null
                } else {
                    json!(wanted)
                };
                assert_eq!(asked.body, json!({ "city": wanted }));
                return done();
            }
            assert_eq!(
                asked.line,
                "GET /v1.0/users/o1?$select=id,accountEnabled,employeeId,userPrincipalName,city,jobTitle"
            );
            let mut user = user("o1", "1001", NAME, true);
            user["city"] = if now.is_empty() {
                Value::Null
            } else {
                json!(now)
            };
            user["jobTitle"] = json!("Clerk");
            reply(200, &user)
        });
        let mut update = step(Op::UserUpdate);
        update.write = attributes(&[("city", wanted), ("jobTitle", "Clerk")]);
        update.before = attributes(&[("city", before), ("jobTitle", "Intern")]);
        assert_eq!(
            stage.ends(&update).await.name(),
            expected,
            "{now} {before} {wanted}"
        );
        assert_eq!(stage.lines().len() == 2, writes, "{now} {before} {wanted}");
    }
}

/// P14: only another object or key stops a cut; an edited account is cut all the same.
#[tokio::test(start_paused = true)]
async fn cuts_and_switches() {
    let edited = || {
        let mut user = user("o1", "1001", "renamed@north.example", true);
        user["city"] = json!("Elsewhere");
        user
    };
    let off = || user("o1", "1001", NAME, false);
    let foreign = || user("o1", "2002", NAME, true);
    let table = [
        (
            Op::UserDisable,
            Some(edited()),
            "done",
            Some("PATCH /v1.0/users/o1"),
        ),
        (Op::UserDisable, Some(off()), "already", None),
        (Op::UserDisable, Some(foreign()), "stale", None),
        (Op::UserDisable, None, "stale", None),
        (
            Op::UserRevokeSessions,
            Some(edited()),
            "done",
            Some("POST /v1.0/users/o1/revokeSignInSessions"),
        ),
        (
            Op::UserRevokeSessions,
            Some(off()),
            "done",
            Some("POST /v1.0/users/o1/revokeSignInSessions"),
        ),
        (Op::UserRevokeSessions, Some(foreign()), "stale", None),
        (Op::UserRevokeSessions, None, "stale", None),
        (
            Op::UserEnable,
            Some(off()),
            "done",
            Some("PATCH /v1.0/users/o1"),
        ),
        (Op::UserEnable, Some(edited()), "already", None),
        (Op::UserEnable, Some(foreign()), "stale", None),
    ];
    for (op, account, expected, write) in table {
        let found = account.is_some();
        let stage = stage(
            move |asked| match (asked.line.split(' ').next().unwrap(), &account) {
                ("GET", Some(account)) => reply(200, account),
                ("GET", None) => missing(),
                ("PATCH", _) => {
                    assert_eq!(
                        asked.body,
                        json!({ "accountEnabled": op == Op::UserEnable })
                    );
                    done()
                }
                // Any success counts: the service is known to answer with others than 200.
                ("POST", _) => {
                    assert_eq!(asked.body, Value::Null);
                    reply(200, &json!({"value": true}))
                }
                other => panic!("{other:?}"),
            },
        );
        assert_eq!(stage.ends(&step(op)).await.name(), expected, "{op} {found}");
        assert_eq!(
            stage.lines().get(1).map(String::as_str),
            write,
            "{op} {found}"
        );
        let priority = if op.cut() { "High" } else { "Low" };
        assert!(stage.asked().iter().all(|a| a.priority == priority), "{op}");
    }
}

/// The manager now, and what is wanted → how it ends, and what is written.
#[tokio::test(start_paused = true)]
async fn managers() {
    let table = [
        (
            Op::UserSetManager,
            None,
            "done",
            Some("PUT /v1.0/users/o1/manager/$ref"),
        ),
        (
            Op::UserSetManager,
            Some("o5"),
            "done",
            Some("PUT /v1.0/users/o1/manager/$ref"),
        ),
        (Op::UserSetManager, Some("o7"), "already", None),
        (
            Op::UserClearManager,
            Some("o5"),
            "done",
            Some("DELETE /v1.0/users/o1/manager/$ref"),
        ),
        (Op::UserClearManager, None, "already", None),
    ];
    for (op, now, expected, write) in table {
        let stage = stage(move |asked| match asked.line.as_str() {
            line if line.starts_with("GET /v1.0/users/o1?") => {
                reply(200, &user("o1", "1001", NAME, true))
            }
            "GET /v1.0/users/o1/manager?$select=id" => {
                now.map_or_else(missing, |id| reply(200, &json!({ "id": id })))
            }
            "PUT /v1.0/users/o1/manager/$ref" => {
                let url = "https://graph.microsoft.com/v1.0/users/o7";
                assert_eq!(asked.body, json!({ "@odata.id": url }));
                done()
            }
            "DELETE /v1.0/users/o1/manager/$ref" => done(),
            other => panic!("{other}"),
        });
        let mut step = step(op);
        step.manager = (op == Op::UserSetManager).then(|| ObjectId::new("o7"));
        assert_eq!(stage.ends(&step).await.name(), expected, "{op} {now:?}");
        assert_eq!(
            stage.lines().get(2).map(String::as_str),
            write,
            "{op} {now:?}"
        );
    }
}

/// A manager set after our own create: 404 is replication for about a minute, then it waits; the
/// same 404 on an account that is not new means that the manager is missing.
#[tokio::test(start_paused = true)]
async fn replication_is_waited_for_and_then_handed_back() {
    for (appears_after, expected) in [(20, "done"), (600, "waiting")] {
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/users" => nobody(),
            "POST /v1.0/users" => reply(201, &json!({"id": "o1"})),
            "GET /v1.0/users/o1" => reply(200, &user("o1", "1001", NAME, false)),
            "GET /v1.0/users/o1/manager" => missing(),
            _ if asked.at < Duration::from_secs(appears_after) => missing(),
            _ => done(),
        });
        assert_eq!(stage.ends(&create()).await, Ending::Done);
        let mut set = step(Op::UserSetManager);
        set.manager = Some(ObjectId::new("o7"));
        let ending = stage.ends(&set).await;
        assert_eq!(ending.name(), expected);
        let puts: Vec<u64> = stage
            .asked()
            .iter()
            .filter(|a| a.line.starts_with("PUT"))
            .map(|a| a.at.as_secs())
            .collect();
        if let Ending::Waiting { until, reason } = ending {
            assert_eq!(reason, "replication");
            assert!(until.unwrap() > stage.clock.now());
            assert_eq!(puts, [0, 2, 6, 14, 30, 62]);
        } else {
            assert_eq!(puts, [0, 2, 6, 14, 30]);
        }
    }

    let stage = stage(|asked| match asked.line.split('?').next().unwrap() {
        "GET /v1.0/users/o1" => reply(200, &user("o1", "1001", NAME, true)),
        _ => missing(),
    });
    let mut set = step(Op::UserSetManager);
    set.manager = Some(ObjectId::new("o7"));
    let expected = Ending::Waiting {
        until: None,
        reason: "manager".to_owned(),
    };
    assert_eq!(stage.ends(&set).await, expected);
    assert_eq!(stage.clock.elapsed(), Duration::ZERO);
}

/// An administrator is one failed step with a hint; throttling beyond bounds is a step that
/// waits; an outage beyond all tries is a failed step.
#[tokio::test(start_paused = true)]
async fn refusals_end_as_outcomes() {
    let stage = stage(|asked| match asked.line.split(' ').next().unwrap() {
        "GET" => reply(200, &user("o1", "1001", NAME, true)),
        _ => refuse(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges.",
        ),
    });
    let ending = stage.ends(&step(Op::UserDisable)).await;
    let Ending::Failed { code, hint } = ending else {
        panic!("{ending:?}")
    };
    assert_eq!(code, "Authorization_RequestDenied");
    assert!(
        hint.contains("administrator") && hint.contains("permission"),
        "{hint}"
    );

    let stage = crate::peer::stage(|_| {
        let body = error("TooManyRequests", "m").to_string();
        let response = http::Response::builder()
            .status(429)
            .header("retry-after", "1800");
        Ok(response.body(body.into()).unwrap())
    });
    let until = Some("2026-03-16T02:30:00Z".parse().unwrap());
    let expected = Ending::Waiting {
        until,
        reason: "quota".to_owned(),
    };
    assert_eq!(stage.ends(&step(Op::UserDisable)).await, expected);

    let stage = crate::peer::stage(|_| Err(TransportError::Reset));
    let result = stage.entra.apply(&step(Op::UserDisable)).await;
    assert!(matches!(&result.ending, Ending::Failed { code, .. } if code == "connection_lost"));
    assert_eq!(result.calls, 8);
}

/// P11: neither secret, token nor password, nor a name, in anything that can be printed.
#[tokio::test(start_paused = true)]
async fn nothing_personal_or_secret_is_shown() {
    let stage = stage(|asked| match asked.line.split('?').next().unwrap() {
        "GET /v1.0/users" => nobody(),
        "POST /v1.0/users" => refuse(
            400,
            "Request_BadRequest",
            "Mira Beispiel has an invalid value 'x'.",
        ),
        other => panic!("{other}"),
    });
    let result = stage.entra.apply(&create()).await;
    let password = stage.asked()[1].body["passwordProfile"]["password"].clone();
    let config = rollcall_entra::EntraConfig::new("t", "c", rollcall_http::Secret::new(SECRET));
    let error = stage.entra.list_accounts(&[]).try_concat().await;
    let shown = format!(
        "{result:?} {:?} {config:?} {} {error:?}",
        stage.entra,
        stage.entra.usage(),
    );
    for hidden in [SECRET, TOKEN, NAME, "Mira", password.as_str().unwrap()] {
        assert!(!shown.contains(hidden), "{hidden}");
    }
}
