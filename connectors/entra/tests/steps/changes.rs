//! Changes of accounts: where a round begins, how its pages are read, and what becomes of a link that the
//! tenant has forgotten.

use futures::TryStreamExt as _;
use rollcall_core::model::{AccountChange, Changes, ObjectId, Since};
use rollcall_entra::EntraError;
use serde_json::{Value, json};

use crate::peer::*;

const LATEST: &str =
    "GET /v1.0/users/delta?$deltatoken=latest&$select=id,accountEnabled,employeeId";
const LIST: &str = "GET /v1.0/users?$select=id,accountEnabled,employeeId&$top=999";

/// A link of the tenant.
fn link(token: &str) -> String {
    format!("https://graph.microsoft.com/v1.0/users/delta?{token}")
}

fn end(token: &str, users: &Value) -> Answer {
    reply(
        200,
        &json!({"@odata.deltaLink": link(token), "value": users}),
    )
}

fn told(id: &str, enabled: Option<bool>, key: Option<&str>) -> AccountChange {
    AccountChange {
        id: ObjectId::new(id),
        gone: false,
        enabled,
        key: key.map(str::to_owned),
    }
}

async fn asked(stage: &Stage, since: Since<'_>) -> Result<Vec<Changes>, EntraError> {
    stage.entra.changes(since).try_collect().await
}

fn lines(stage: &Stage) -> Vec<String> {
    stage.asked().into_iter().map(|it| it.line).collect()
}

/// The pages of a round are followed to their end, and what nobody says of an account is not made up.
#[tokio::test(start_paused = true)]
async fn a_round_is_read_to_its_end() {
    let stage = stage(|asked| match asked.line.as_str() {
        "GET /v1.0/users/delta?$deltatoken=a" => reply(
            200,
            &json!({
                "@odata.nextLink": link("$skiptoken=b"),
                "value": [
                    {"id": "o1", "accountEnabled": true, "employeeId": "1"},
                    {"id": "o2", "@removed": {"reason": "changed"}},
                ],
            }),
        ),
        "GET /v1.0/users/delta?$skiptoken=b" => end(
            "$deltatoken=c",
            &json!([{"id": "o3", "accountEnabled": false}, {"id": "o4", "employeeId": null}]),
        ),
        other => panic!("{other}"),
    });
    let found = asked(&stage, Since::Link(&link("$deltatoken=a")))
        .await
        .unwrap();
    let gone = AccountChange {
        gone: true,
        ..told("o2", None, None)
    };
    assert_eq!(
        found,
        [
            Changes::Accounts(vec![told("o1", Some(true), Some("1")), gone]),
            Changes::Accounts(vec![
                told("o3", Some(false), None),
                told("o4", None, Some(""))
            ]),
            Changes::Upto(link("$deltatoken=c")),
        ]
    );
}

/// The first link comes without anybody; and where everybody is wanted it is taken before they are listed, so that
/// nothing that happens meanwhile is lost.
#[tokio::test(start_paused = true)]
async fn a_first_round_begins_before_anybody_is_listed() {
    let answer = |asked: &Asked| match asked.line.as_str() {
        LATEST => end("$deltatoken=a", &json!([])),
        LIST => reply(
            200,
            &json!({"value": [{"id": "o1", "accountEnabled": true}]}),
        ),
        other => panic!("{other}"),
    };
    let stage = stage(answer);
    let upto = Changes::Upto(link("$deltatoken=a"));
    let now = asked(&stage, Since::Now).await.unwrap();
    assert_eq!(now, std::slice::from_ref(&upto));
    assert_eq!(lines(&stage), [LATEST]);
    let everybody = Changes::Accounts(vec![told("o1", Some(true), Some(""))]);
    assert_eq!(asked(&stage, Since::Ever).await.unwrap(), [everybody, upto]);
    assert_eq!(lines(&stage), [LATEST, LATEST, LIST]);
}

/// A link that is over, was reset or leads elsewhere is said to be so; nothing else is asked.
#[tokio::test(start_paused = true)]
async fn a_forgotten_link_is_no_error() {
    let refusals = [
        (400, "syncStateNotFound"),
        (410, "resyncRequired"),
        (404, "Request_ResourceNotFound"),
    ];
    for (status, code) in refusals {
        let stage = stage(move |asked| match asked.line.as_str() {
            "GET /v1.0/users/delta?$deltatoken=old" => refuse(status, code, "Resync."),
            other => panic!("{other}"),
        });
        for old in [
            link("$deltatoken=old"),
            "https://attacker.example/v1.0".to_owned(),
        ] {
            let found = asked(&stage, Since::Link(&old)).await.unwrap();
            assert_eq!(found, [Changes::Forgotten], "{code} {old}");
        }
        assert_eq!(lines(&stage).len(), 1, "the other origin was not asked");
    }
}

/// What cannot be read is an error, and no round that ended well.
#[tokio::test(start_paused = true)]
async fn a_round_that_breaks_off_says_so() {
    let pages = [
        json!({"value": []}),
        json!({"@odata.deltaLink": link("$deltatoken=b")}),
        json!({"@odata.deltaLink": link("$deltatoken=b"), "value": [{"accountEnabled": true}]}),
        json!({"@odata.nextLink": "https://attacker.example/x", "value": []}),
        json!({"@odata.nextLink": link("$deltatoken=a"), "value": []}),
    ];
    for page in pages {
        let answer = page.clone();
        let stage = stage(move |_| reply(200, &answer));
        let found = asked(&stage, Since::Link(&link("$deltatoken=a"))).await;
        let error = found.expect_err("no answer").to_string();
        assert!(error.contains("asking what changed of users: "), "{error}");
        assert!(!error.contains("attacker"), "{error}");
    }
    let denied = |_: &Asked| {
        refuse(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges.",
        )
    };
    let stage = stage(denied);
    assert!(
        asked(&stage, Since::Link(&link("$deltatoken=a")))
            .await
            .is_err()
    );
}
