//! Reading against a tenant that answers as documented: pages, batches, and what a link or an
//! item may and may not do.

use std::time::Duration;

use futures::TryStreamExt as _;
use rollcall_core::model::{Account, AccountName, Lookup, ObjectId};
use rollcall_entra::EntraError;
use serde_json::{Value, json};

use crate::peer::*;

/// All pages, in order.
async fn listed(stage: &Stage, select: &[String]) -> Result<Vec<Account>, EntraError> {
    stage.entra.list_accounts(select).try_concat().await
}

fn numbered(n: usize) -> Value {
    user(
        &format!("o{n}"),
        &format!("{n}"),
        &format!("u{n}@north.example"),
        true,
    )
}

/// Pages are followed to the end; attributes are read by their dot path.
#[tokio::test(start_paused = true)]
async fn pages_are_followed() {
    let stage = stage(|asked| match asked.line.as_str() {
        "GET /v1.0/users?$select=id,accountEnabled,employeeId,userPrincipalName,employeeOrgData&$top=999" =>
        {
            let mut first = numbered(1);
            first["employeeOrgData"] = json!({"costCenter": "C7", "division": null});
            // A default port is the same origin.
            let next = "https://graph.microsoft.com:443/v1.0/users?$select=id&$skiptoken=a%20b";
            reply(200, &json!({"value": [first], "@odata.nextLink": next}))
        }
        "GET /v1.0/users?$select=id&$skiptoken=a%20b" => {
            reply(200, &json!({"value": [numbered(2)]}))
        }
        other => panic!("{other}"),
    });
    let select = ["employeeOrgData.costCenter".to_owned()];
    let accounts = listed(&stage, &select).await.unwrap();
    let ids: Vec<&str> = accounts.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(ids, ["o1", "o2"]);
    assert_eq!(accounts[0].attributes[&select[0]].as_text(), Some("C7"));
    assert!(accounts[1].attributes.is_empty());
}

/// P17: a link to another origin is refused, not followed, and not shown.
#[tokio::test(start_paused = true)]
async fn foreign_links_are_refused() {
    for link in [
        "https://attacker.example/v1.0/users?$skiptoken=x",
        "http://graph.microsoft.com/v1.0/users?$skiptoken=x",
        "https://graph.microsoft.com.attacker.example/v1.0/users",
        "/v1.0/users?$skiptoken=x",
    ] {
        let stage = stage(move |_| {
            reply(
                200,
                &json!({"value": [numbered(1)], "@odata.nextLink": link}),
            )
        });
        let error = listed(&stage, &[]).await.unwrap_err();
        assert_eq!(error.code(), "foreign_link");
        assert!(!error.to_string().contains("skiptoken"), "{error}");
        assert_eq!(stage.asked().len(), 1, "{link}");
    }
}

/// An answer that cannot be read is an error, never an empty tenant.
#[tokio::test(start_paused = true)]
async fn unreadable_lists_are_errors() {
    for body in [
        json!({}),
        json!({"value": "x"}),
        json!({"value": [{"id": "o1"}]}),
    ] {
        let stage = stage(move |_| reply(200, &body));
        assert_eq!(
            listed(&stage, &[]).await.unwrap_err().code(),
            "malformed_answer"
        );
    }
}

/// 45 questions go in three batches of at most 20; the items come back in reverse; the answers
/// come in the order of the questions, a 404 as none.
#[tokio::test(start_paused = true)]
async fn items_are_matched_by_id() {
    let stage = stage(|asked| {
        assert_eq!(asked.line, "POST /v1.0/$batch");
        let requests = asked.body["requests"].as_array().unwrap();
        assert!(requests.len() <= 20);
        let mut responses: Vec<Value> = requests
            .iter()
            .map(|request| {
                assert_eq!(request["method"], "GET");
                let url = request["url"].as_str().unwrap();
                let (status, body) = item(url);
                json!({"id": request["id"], "status": status, "headers": {}, "body": body})
            })
            .collect();
        responses.reverse();
        reply(200, &json!({ "responses": responses }))
    });
    let mut lookups: Vec<Lookup> = (0..42)
        .map(|n| Lookup::Id(ObjectId::new(format!("o{n}"))))
        .collect();
    lookups.push(Lookup::Key("o'7".to_owned()));
    lookups.push(Lookup::Name(AccountName::new("x#EXT#@north.example")));
    lookups.push(Lookup::Name(AccountName::new("$y@north.example")));
    let found = stage.entra.look_up(&lookups, &[]).await.unwrap();
    let ids = |n: usize| found[n].iter().map(|a| a.id.as_str()).collect::<Vec<_>>();
    assert_eq!(found.len(), 45);
    for n in (0..42).filter(|n| n % 3 != 0) {
        assert_eq!(ids(n), [format!("o{n}")]);
    }
    assert!((0..42).filter(|n| n % 3 == 0).all(|n| found[n].is_empty()));
    assert_eq!(
        (ids(42), ids(43), ids(44)),
        (vec!["o100", "o101"], vec!["o102"], vec!["o103"])
    );
    assert_eq!(stage.asked().len(), 3);
    let usage = stage.entra.usage();
    assert_eq!(usage["buckets"]["identity.ru.app_tenant"]["calls"], 45);
    assert_eq!(usage["calls"], 3);
}

fn item(url: &str) -> (u16, Value) {
    let select = "?$select=id,accountEnabled,employeeId,userPrincipalName";
    let list = "/users?$filter=employeeId%20eq%20%27o%27%277%27&$select=id,accountEnabled,employeeId,userPrincipalName";
    if url == list {
        return (200, json!({"value": [numbered(100), numbered(101)]}));
    }
    match url
        .strip_prefix("/users")
        .and_then(|url| url.strip_suffix(select))
        .unwrap()
    {
        "/x%23EXT%23@north.example" => (200, numbered(102)),
        "(%27%24y@north.example%27)" => (200, numbered(103)),
        id => {
            let n: usize = id.strip_prefix("/o").unwrap().parse().unwrap();
            if n.is_multiple_of(3) {
                (404, error("Request_ResourceNotFound", "m"))
            } else {
                (200, numbered(n))
            }
        }
    }
}

/// P8: only throttled items are asked again, after the largest of their wishes.
#[tokio::test(start_paused = true)]
async fn throttled_items_are_asked_again() {
    let mut round = 0;
    let stage = stage(move |asked| {
        round += 1;
        let responses: Vec<Value> = asked.body["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|request| {
                let id = request["id"].as_str().unwrap();
                let n: usize = id.parse().unwrap();
                match (round, n) {
                    (1, 1) => json!({"id": id, "status": 429, "headers": {"Retry-After": "3"},
                        "body": error("TooManyRequests", "m")}),
                    (1, 4) => json!({"id": id, "status": 429, "headers": {"Retry-After": "7.25"},
                        "body": error("TooManyRequests", "m")}),
                    (1, 5) => json!({"id": id, "status": 503, "body": {}}),
                    _ => json!({"id": id, "status": 200, "body": numbered(n)}),
                }
            })
            .collect();
        reply(200, &json!({ "responses": responses }))
    });
    let lookups: Vec<Lookup> = (0..6)
        .map(|n| Lookup::Id(ObjectId::new(format!("o{n}"))))
        .collect();
    let found = stage.entra.look_up(&lookups, &[]).await.unwrap();
    let ids: Vec<&str> = found.iter().flatten().map(|a| a.id.as_str()).collect();
    assert_eq!(ids, ["o0", "o1", "o2", "o3", "o4", "o5"]);
    let asked = stage.asked();
    let again: Vec<&str> = asked[1].body["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["id"].as_str().unwrap())
        .collect();
    assert_eq!(again, ["1", "4", "5"]);
    assert!(
        asked[1].at >= Duration::from_millis(7250) && asked[1].at < Duration::from_millis(7360)
    );
}

/// An item that is refused for good is an error, not an empty answer.
#[tokio::test(start_paused = true)]
async fn refused_items_are_errors() {
    let stage = stage(|_| {
        let body = error("Authorization_RequestDenied", "m");
        reply(
            200,
            &json!({"responses": [{"id": "0", "status": 403, "body": body}]}),
        )
    });
    let error = stage
        .entra
        .look_up(&[Lookup::Key("1".to_owned())], &[])
        .await
        .unwrap_err();
    assert_eq!(error.code(), "Authorization_RequestDenied");
    assert!(error.to_string().contains("permission"), "{error}");
}

/// The probe signs in, reads one user, and writes nothing.
#[tokio::test(start_paused = true)]
async fn probe_reads_one_user() {
    let stage = stage(|asked| {
        assert_eq!(asked.line, "GET /v1.0/users?$select=id&$top=1");
        reply(200, &json!({"value": [{"id": "o1"}]}))
    });
    let probe = stage
        .entra
        .probe(rollcall_entra::Wants::default())
        .await
        .unwrap();
    assert!(probe.users_readable && probe.missing.is_empty() && probe.roles.is_none());
}
