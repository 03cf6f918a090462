//! Members of groups that are kept by hand: many at once, what refuses them, and one out again.

use std::time::Duration;

use rollcall_core::model::{Ending, ObjectId, Op, Step, StepResult};
use serde_json::{Value, json};

use crate::peer::*;

const PATCH: &str = "PATCH /v1.0/groups/g1";
const POST: &str = "POST /v1.0/groups/g1/members/$ref";
const LOOK: &str = "GET /v1.0/groups/g1?$select=id,groupTypes";

/// What a call is answered with.
type Gives = fn() -> Answer;

/// A step for account `o<n>` of worker `<n>`.
fn add(n: u32) -> Step {
    let mut step = step(Op::GroupAdd);
    step.object = Some(ObjectId::new(format!("o{n}")));
    step.key = n.to_string();
    step.group = Some(ObjectId::new("g1"));
    step
}

fn url(n: &str) -> String {
    format!("https://graph.microsoft.com/v1.0/directoryObjects/o{n}")
}

/// Accounts that are all there.
fn accounts(asked: &Asked) -> Answer {
    batched(asked, |url| {
        let id = url.strip_prefix("/users/").unwrap();
        let id = id.strip_suffix("?$select=id,employeeId").unwrap();
        (200, json!({"id": id, "employeeId": &id[1..]}))
    })
}

fn already() -> Answer {
    let message = "One or more added object references already exist for the following modified \
                   properties: 'members'.";
    refuse(400, "Request_BadRequest", message)
}

fn denied() -> Answer {
    refuse(
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges.",
    )
}

fn group(dynamic: bool) -> Answer {
    let kinds = if dynamic {
        json!(["DynamicMembership"])
    } else {
        json!([])
    };
    reply(200, &json!({"id": "g1", "groupTypes": kinds}))
}

/// The number of the account that one add is about.
fn one(asked: &Asked) -> String {
    let url = asked.body["@odata.id"].as_str().unwrap();
    url.rsplit_once("/o").unwrap().1.to_owned()
}

fn names(results: &[StepResult]) -> Vec<String> {
    results
        .iter()
        .map(|result| outcome(&result.ending))
        .collect()
}

async fn added(stage: &Stage, steps: &[Step]) -> Vec<StepResult> {
    stage.entra.add_members(&ObjectId::new("g1"), steps).await
}

/// Whoever boxes the future can send it to another thread.
fn sendable<T: Send>(future: T) -> T {
    future
}

/// One batch reads, one write adds twenty; who has another key stays out, and the rest goes in.
#[tokio::test(start_paused = true)]
async fn twenty_go_in_with_one_write() {
    let stage = stage(|asked| match asked.line.as_str() {
        "POST /v1.0/$batch" => accounts(asked),
        PATCH | POST => done(),
        other => panic!("{other}"),
    });
    let mut steps: Vec<Step> = (1..=21).map(add).collect();
    steps[3].key = "other".to_owned();
    let group = ObjectId::new("g1");
    let results = sendable(stage.entra.add_members(&group, &steps)).await;
    let mut expected = vec!["done"; 21];
    expected[3] = "stale";
    assert_eq!(names(&results), expected);
    let asked = stage.asked();
    assert_eq!(
        stage.lines(),
        ["POST /v1.0/$batch", PATCH, "POST /v1.0/$batch", POST]
    );
    let urls: Vec<String> = (1..=20)
        .filter(|n| *n != 4)
        .map(|n| url(&n.to_string()))
        .collect();
    assert_eq!(asked[1].body, json!({ "members@odata.bind": urls }));
    assert_eq!(asked[3].body, json!({ "@odata.id": url("21") }));
    // Shared calls are counted once, in the first result of those that shared them.
    let calls: Vec<u32> = results.iter().map(|result| result.calls).collect();
    assert_eq!(calls.iter().sum::<u32>(), 4);
    assert_eq!((calls[0], calls[20]), (2, 2));
    assert!(results.iter().all(|result| result.request_id.is_some()));
    assert_eq!(results[7].object, Some(ObjectId::new("o8")));
    assert!(added(&stage, &[]).await.is_empty());
}

/// What the write of all is refused with → how two steps end, and what is asked after it.
#[tokio::test(start_paused = true)]
async fn refusals_of_many() {
    let table: [(Gives, Gives, [&str; 2], &[&str]); 7] = [
        (already, || group(false), ["done", "already"], &[POST, POST]),
        (
            missing,
            || group(false),
            ["done", "already"],
            &[LOOK, POST, POST],
        ),
        (missing, missing, ["group", "group"], &[LOOK]),
        (
            denied,
            || group(true),
            ["group_dynamic", "group_dynamic"],
            &[LOOK],
        ),
        (
            denied,
            || group(false),
            ["Authorization_RequestDenied", "Authorization_RequestDenied"],
            &[LOOK],
        ),
        (
            || refuse(400, "Request_BadRequest", "m"),
            || group(true),
            ["group_dynamic", "group_dynamic"],
            &[LOOK],
        ),
        (
            || refuse(409, "conflict", "m"),
            || group(false),
            ["conflict", "conflict"],
            &[],
        ),
    ];
    for (at, (refusal, look, expected, after)) in table.into_iter().enumerate() {
        let stage = stage(move |asked| match asked.line.as_str() {
            "POST /v1.0/$batch" => accounts(asked),
            PATCH => refusal(),
            LOOK => look(),
            POST if one(asked) == "2" => already(),
            POST => done(),
            other => panic!("{other}"),
        });
        let results = added(&stage, &[add(1), add(2)]).await;
        assert_eq!(names(&results), expected, "row {at}");
        let lines: Vec<String> = stage.asked().iter().map(|it| it.line.clone()).collect();
        assert_eq!(lines[2..], *after, "row {at}");
        let own = u32::try_from(after.iter().filter(|line| **line == POST).count()).unwrap();
        let calls: Vec<u32> = results.iter().map(|it| it.calls).collect();
        assert_eq!(
            calls.iter().sum::<u32>(),
            u32::try_from(lines.len()).unwrap()
        );
        assert_eq!(calls[1], own / 2, "row {at}");
    }
}

/// One account: no write of all is tried; the hint of a rule says so.
#[tokio::test(start_paused = true)]
async fn one_goes_in_by_reference() {
    let table: [(Gives, Gives, &str); 6] = [
        (done, || group(false), "done"),
        (already, || group(false), "already"),
        (missing, || group(false), "stale"),
        (missing, missing, "group"),
        (denied, || group(true), "group_dynamic"),
        (denied, || group(false), "Authorization_RequestDenied"),
    ];
    for (answer, look, expected) in table {
        let stage = stage(move |asked| match asked.line.as_str() {
            "POST /v1.0/$batch" => accounts(asked),
            POST => answer(),
            LOOK => look(),
            other => panic!("{other}"),
        });
        let result = stage.entra.apply(&add(1)).await;
        assert_eq!(names(std::slice::from_ref(&result)), [expected]);
        assert_eq!(result.calls, u32::try_from(stage.asked().len()).unwrap());
        if let Ending::Failed { code, hint } = &result.ending
            && code == "group_dynamic"
        {
            assert!(hint.contains("follow a rule"), "{hint}");
        }
    }
}

/// A new account that the directory does not know everywhere is waited for, for a bounded time;
/// one that is not new does not wait with it.
#[tokio::test(start_paused = true)]
async fn new_accounts_are_waited_for() {
    // Read from, written to, in seconds; both are new → how the first ends, and what it is in.
    let table: [(u64, u64, bool, &str, &[&str]); 5] = [
        (3, 0, false, "done", &[POST]),
        (0, 20, false, "done", &[PATCH, POST, POST, POST, POST, POST]),
        (
            0,
            600,
            false,
            "replication",
            &[PATCH, POST, POST, POST, POST, POST, POST],
        ),
        (600, 0, false, "replication", &[]),
        (0, 20, true, "done", &[PATCH, PATCH, PATCH, PATCH, PATCH]),
    ];
    for (read, write, both, expected, adds) in table {
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/users" => reply(200, &json!({"value": []})),
            "POST /v1.0/users" => {
                let key = asked.body["employeeId"].as_str().unwrap();
                reply(201, &json!({"id": format!("o{key}")}))
            }
            "POST /v1.0/$batch" => batched(asked, |url| {
                if url.starts_with("/users/o1?") && asked.at < Duration::from_secs(read) {
                    return (404, error("Request_ResourceNotFound", "m"));
                }
                let n = &url["/users/o".len()..url.find('?').unwrap()];
                (200, json!({"id": format!("o{n}"), "employeeId": n}))
            }),
            PATCH | POST if about_first(asked) && asked.at < Duration::from_secs(write) => {
                missing()
            }
            PATCH | POST => done(),
            "GET /v1.0/groups/g1" => group(false),
            other => panic!("{other}"),
        });
        for key in if both { &["1", "2"][..] } else { &["1"] } {
            let mut create = step(Op::UserCreate);
            create.key = (*key).to_owned();
            create.write = attributes(&[("userPrincipalName", "new@north.example")]);
            assert_eq!(stage.ends(&create).await, Ending::Done);
        }
        let row = format!("{read} {write} {both}");
        let results = added(&stage, &[add(1), add(2)]).await;
        assert_eq!(names(&results), [expected, "done"], "{row}");
        let asked = stage.asked();
        let about = asked.iter().filter(|asked| about_first(asked));
        let lines: Vec<&str> = about.map(|asked| asked.line.as_str()).collect();
        assert_eq!(lines, adds, "{row}");
        let second = asked
            .iter()
            .find(|asked| asked.body.to_string().contains("/o2\"") && asked.line == POST);
        assert!(
            second.is_none_or(|asked| asked.at == Duration::ZERO),
            "{row}"
        );
        assert!(stage.clock.elapsed() <= Duration::from_secs(62), "{row}");
    }
}

/// Whether a write puts the first account in.
fn about_first(asked: &Asked) -> bool {
    asked.line.contains(" /v1.0/groups/g1") && asked.body.to_string().contains("/o1\"")
}

/// A step that is not about this group or not an addition is nobody's; the others go in.
#[tokio::test(start_paused = true)]
async fn steps_of_another_kind_stay_out() {
    let stage = stage(|asked| match asked.line.as_str() {
        "POST /v1.0/$batch" => accounts(asked),
        POST => done(),
        other => panic!("{other}"),
    });
    let mut elsewhere = add(1);
    elsewhere.group = Some(ObjectId::new("g2"));
    let mut nobody = add(2);
    nobody.object = None;
    let mut removal = add(3);
    removal.op = Op::GroupRemove;
    let results = added(&stage, &[elsewhere, nobody, removal, add(4)]).await;
    let invalid = "step_invalid";
    assert_eq!(names(&results), [invalid, invalid, invalid, "done"]);
    let mut nowhere = add(1);
    nowhere.group = None;
    assert_eq!(names(&[stage.entra.apply(&nowhere).await]), [invalid]);
    for op in [Op::GroupCreate, Op::GroupUpdate, Op::GroupLicense] {
        assert_eq!(names(&[stage.entra.apply(&step(op)).await]), [invalid]);
    }
}

/// A read that fails is every step's; a lost answer to the write ends as what it was.
#[tokio::test(start_paused = true)]
async fn failures_are_endings() {
    let stage = stage(|_| refuse(400, "Request_BadRequest", "m"));
    let results = added(&stage, &[add(1), add(2)]).await;
    assert_eq!(
        names(&results),
        ["Request_BadRequest", "Request_BadRequest"]
    );
    assert_eq!((results[0].calls, results[1].calls), (1, 0));

    let mut lost = true;
    let stage = crate::peer::stage(move |asked| match asked.line.as_str() {
        "POST /v1.0/$batch" => accounts(asked),
        PATCH if lost => {
            lost = false;
            Err(rollcall_http::TransportError::Reset)
        }
        _ => already(),
    });
    let results = added(&stage, &[add(1), add(2)]).await;
    assert_eq!(names(&results), ["already", "already"]);
}

/// P14: who is who decides, nothing else; the call names the membership, never the account.
#[tokio::test(start_paused = true)]
async fn members_are_removed() {
    const DELETE: &str = "DELETE /v1.0/groups/g1/members/o1/$ref";
    let is = |id: &str, key: &str| reply(200, &json!({"id": id, "employeeId": key}));
    let table: [(Answer, Gives, &str, bool); 7] = [
        (is("o1", "1001"), done, "done", true),
        (is("o1", "1001"), missing, "already", true),
        (is("o1", "1001"), denied, "group_dynamic", true),
        (
            is("o1", "1001"),
            || refuse(409, "conflict", "m"),
            "conflict",
            true,
        ),
        (is("o1", "2002"), done, "stale", false),
        (is("o2", "1001"), done, "stale", false),
        (missing(), done, "stale", false),
    ];
    for (at, (account, answer, expected, writes)) in table.into_iter().enumerate() {
        let stage = stage(move |asked| match asked.line.as_str() {
            "GET /v1.0/users/o1?$select=id,employeeId" => account.clone(),
            DELETE => {
                assert_eq!(asked.body, Value::Null);
                answer()
            }
            LOOK => group(true),
            other => panic!("{other}"),
        });
        let mut remove = step(Op::GroupRemove);
        remove.group = Some(ObjectId::new("g1"));
        let result = stage.entra.apply(&remove).await;
        assert_eq!(names(&[result]), [expected], "row {at}");
        assert_eq!(
            stage.lines().contains(&DELETE.to_owned()),
            writes,
            "row {at}"
        );
        assert!(stage.asked().iter().all(|asked| asked.priority == "Low"));
    }
}

/// Twenty additions share a write.
#[test]
fn additions_are_forecast() {
    let stage = stage(|asked| panic!("{}", asked.line));
    let of = |op: Op, times: u32| {
        let actions = std::collections::BTreeMap::from([(op.name().to_owned(), times)]);
        stage.entra.forecast(&actions, |_| &[]).calls
    };
    assert_eq!(of(Op::GroupAdd, 41), 41 + 3);
    assert_eq!(of(Op::GroupRemove, 41), 82);
    assert_eq!(of(Op::GroupAdd, 0), 0);
}
