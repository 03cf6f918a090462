//! Values and answers at the edge: several where one is wanted, none where one is needed, forms that are
//! not those of the configuration, and what a check says of all that.

use bytes::Bytes;
use rollcall_http::Exchange;
use rollcall_peers::Taken;
use rollcall_rest::RestConfig;
use rollcall_source::{Checked, Pulled, RefusalKind, Refused, Source as _};
use serde_json::{Value as Json, json};
use tower::util::BoxCloneSyncService;

use crate::{config, problems, source, want};

/// A peer that always answers so.
fn says(status: u16, body: impl Into<Bytes>) -> Exchange {
    let body = body.into();
    BoxCloneSyncService::new(tower::service_fn(move |_request: http::Request<Bytes>| {
        let answer = http::Response::builder()
            .status(status)
            .header("date", "Mon, 16 Mar 2026 09:59:30 GMT")
            .body(body.clone())
            .expect("an answer");
        async move { Ok(answer) }
    }))
}

fn plain(attributes: &str) -> RestConfig {
    config(&format!(
        "[source.rest]
        origin = 'https://hr.example'
        path = '/people'
        records = 'people'
        id = 'id'
        {}",
        crate::paged(attributes)
    ))
}

async fn of(
    config: &RestConfig,
    status: u16,
    body: &Json,
    columns: &[&str],
) -> (Result<Pulled, Refused>, Taken) {
    let want = want(columns, columns[0]);
    let mut taken = Taken::of(&want);
    let source = source(config, says(status, body.to_string()));
    let pulled = source.pull(&want, &mut taken).await;
    (pulled, taken)
}

async fn checked(config: &RestConfig, body: &Json, columns: &[&str]) -> Checked {
    let source = source(config, says(200, body.to_string()));
    source
        .check(&want(columns, columns[0]))
        .await
        .expect("a check")
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_odd_is_held_and_its_key_counts() {
    let config = plain(
        "attributes = { Key = 'id', Mail = 'mails', Since = { at = 'since', type = 'date' }, \
         On = { at = 'on', type = 'boolean' }, Town = { at = 'town', missing = 'empty' } }",
    );
    let body = json!({"people": [
        {"id": 1, "mails": ["a@x.example"], "since": "2026-03-01", "on": true, "town": "Oslo"},
        {"id": 2, "mails": ["a@x.example", "b@x.example"], "since": "2026-03-01", "on": true},
        {"id": 3, "mails": null, "since": "01/03/2026", "on": true},
        {"id": 4, "mails": null, "since": null, "on": "perhaps"},
        {"id": 5, "since": null, "on": false},
        {"id": 6.5, "mails": [], "since": null, "on": false},
        {"mails": [], "since": null, "on": false},
        {"id": "", "mails": [], "since": null, "on": false},
    ]});
    let (pulled, taken) = of(&config, 200, &body, &["Key", "Mail", "Since", "On", "Town"]).await;
    let pulled = pulled.expect("a pull");
    assert_eq!(pulled.rows, 8);
    let findings: Vec<String> = taken.rows.iter().map(|it| it.findings.join(" ")).collect();
    assert_eq!(
        findings,
        [
            "",
            "several_values",
            "date_format",
            "value_form",
            "value_unknown",
            "key_from_number",
            "key_missing key_missing",
            "key_missing key_missing",
        ]
    );
    let keys: Vec<Option<&String>> = taken.rows.iter().map(|it| it.values.get("Key")).collect();
    assert_eq!(keys[1].map(String::as_str), Some("2"));
    assert!(taken.rows[1..].iter().all(|it| it.held) && !taken.rows[0].held);
    // Whichever clock is behind counts.
    assert_eq!(pulled.as_of.to_string(), "2026-03-16T09:59:30Z");
    assert_eq!(pulled.cursor, None);
}

#[tokio::test(start_paused = true)]
async fn an_attribute_that_nobody_has_is_told() {
    let config = plain("missing = 'empty'\nattributes = { Key = 'id', Town = 'adress.town' }");
    let body = json!({"people": [{"id": "1", "address": {"town": "Oslo"}}, {"id": "2"}]});
    let (pulled, _) = of(&config, 200, &body, &["Key", "Town"]).await;
    let findings = pulled.expect("a pull").findings;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].at.column.as_deref(), Some("Town"));
    let notes = checked(&config, &body, &["Key", "Town"]).await.notes;
    assert!(
        notes
            .iter()
            .any(|it| it.message.contains("`Town` is in none of 2 records"))
    );
}

#[tokio::test(start_paused = true)]
async fn without_attributes_members_go_by_their_names() {
    let config = plain("");
    let body = json!({"people": [{"id": "1", "job.title": "Clerk", "name": {"first": "x"}}]});
    let (pulled, taken) = of(&config, 200, &body, &["id", "job.title"]).await;
    assert!(pulled.is_ok());
    assert_eq!(taken.rows[0].values["job.title"], "Clerk");
    let (_, taken) = of(&config, 200, &body, &["id", "name"]).await;
    assert_eq!(taken.rows[0].findings, ["value_form"]);
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_no_roster_are_refused_for_what_they_are() {
    let config = plain("total = 'total'\nattributes = { Key = 'id' }");
    let refused = async |status, body: Json| {
        let (pulled, taken) = of(&config, status, &body, &["Key"]).await;
        assert!(taken.rows.len() < 2);
        let refused = pulled.expect_err("refused");
        assert!(!refused.to_string().contains("Ada"), "{refused}");
        (refused.kind, refused.message.into_string())
    };
    for (status, body, kind, words) in [
        (
            200,
            json!({"total": 1}),
            RefusalKind::Malformed,
            "no list at `people`",
        ),
        (
            200,
            json!({"people": []}),
            RefusalKind::Malformed,
            "no total at `total`",
        ),
        (
            200,
            json!({"people": [], "total": 0}),
            RefusalKind::Empty,
            "no worker",
        ),
        (200, json!({"total": 0}), RefusalKind::Empty, "no worker"),
        (
            200,
            json!({"people": null, "total": 3}),
            RefusalKind::IncompletePage,
            "0 records came of 3",
        ),
        (
            200,
            json!({"people": [{"id": 1}], "total": 2}),
            RefusalKind::IncompletePage,
            "1 records came of 2",
        ),
        (
            200,
            json!({"people": [{"id": 1}, {"id": "1"}], "total": 2}),
            RefusalKind::IncompletePage,
            "id that came before",
        ),
        (
            200,
            json!({"people": ["Ada"], "total": 1}),
            RefusalKind::Malformed,
            "something else than objects",
        ),
        (
            200,
            json!({"people": {"a": 1}, "total": 1}),
            RefusalKind::Malformed,
            "than one list",
        ),
        (
            200,
            json!({"people": [], "total": "many"}),
            RefusalKind::Malformed,
            "no number",
        ),
        (200, json!("<html>Ada"), RefusalKind::Malformed, ""),
        (
            404,
            json!({"error": "Ada Lovelace"}),
            RefusalKind::Configuration,
            "answered with 404",
        ),
        (
            403,
            json!({"error": {"code": "AccessDenied"}}),
            RefusalKind::Permission,
            "403 (AccessDenied)",
        ),
        (
            401,
            json!({"scimType": "sensitive"}),
            RefusalKind::Credentials,
            "401 (sensitive)",
        ),
        (501, json!({}), RefusalKind::Configuration, "501"),
    ] {
        let (came, message) = refused(status, body.clone()).await;
        assert_eq!(came, kind, "{body}: {message}");
        assert!(message.contains(words), "{body}: {message}");
    }
    let raw = async |body: &'static str| {
        let source = source(&config, says(200, body));
        let want = want(&["Key"], "Key");
        let pulled = source.pull(&want, &mut Taken::of(&want)).await;
        pulled.expect_err("refused")
    };
    for (body, words) in [
        ("<!DOCTYPE html><title>Sign in, Ada</title>", "a web page"),
        ("", "ends in the middle"),
        (
            "{\"people\": [\"\u{1}\"]}",
            "no JSON that is read, at line 1",
        ),
        (
            "{\"people\": [{\"id\": \"1\"}, {\"na",
            "ends in the middle, at every try",
        ),
    ] {
        let refused = raw(body).await;
        assert_eq!(refused.kind, RefusalKind::Malformed, "{body}");
        assert!(refused.message.contains(words), "{body}: {refused}");
        assert!(!refused.to_string().contains("Ada"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_says_what_a_pull_would_come_to() {
    let attributes = "attributes = { Key = 'id', Mail = 'mails', Town = 'town' }";
    let body = json!({"total": 9, "people": [
        {"id": "1", "mails": "a", "town": "Oslo"}, {"mails": ["a", "b"]}]});
    let config = plain(&format!("total = 'total'\n{attributes}"));
    let said = problems(&checked(&config, &body, &["Key", "Mail", "Town"]).await);
    for words in [
        "it gives a part of the list",
        "1 of 2 records have no id",
        "`Town` is missing in 1 of 2 records",
        "`Mail` (`mails`): 2 values where one is wanted",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let config = plain(&format!(
        "paging.offset = {{ size = 50 }}\ntotal = 'total'\n{attributes}"
    ));
    let said = problems(&checked(&config, &body, &["Key"]).await);
    assert!(said.contains("say `size = 2`"), "{said}");
    let said = problems(&checked(&config, &json!({"total": 0, "people": []}), &["Key"]).await);
    assert!(said.contains("no worker on the first page"), "{said}");
    let source = source(&config, says(403, "{}"));
    let said = problems(&source.check(&want(&["Key"], "Key")).await.expect("a check"));
    assert!(said.contains("403"), "{said}");
}

/// A hundred thousand levels are refused before they cost anything.
#[tokio::test(start_paused = true)]
async fn nesting_is_bounded() {
    let deep = format!(
        "{{\"people\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let config = plain("attributes = { Key = 'id' }");
    let source = source(&config, says(200, deep));
    let want = want(&["Key"], "Key");
    let began = std::time::Instant::now();
    let refused = source
        .pull(&want, &mut Taken::of(&want))
        .await
        .expect_err("deep");
    assert_eq!(refused.kind, RefusalKind::Malformed);
    assert!(began.elapsed().as_secs() < 1);
}

/// What a SCIM service says of itself is held against the configuration.
#[tokio::test(start_paused = true)]
async fn a_scim_service_is_asked_what_it_can() {
    use rollcall_peers::rest::scim;
    let mut config = crate::shipped::aquera();
    config.paging = Some(rollcall_rest::PagingConfig::StartIndex(
        rollcall_rest::StartIndexConfig {
            size: 500,
            overlap: true,
            steady: false,
        },
    ));
    let want = want(&["WorkerID"], "WorkerID");
    for (cursors, words) in [
        (false, "the service filters"),
        (true, "the service has cursors (RFC 9865)"),
    ] {
        let peer = scim::peer(
            crate::people(300),
            cursors,
            scim::Changed::default(),
            vec![],
        );
        let checked = crate::check(&config, &peer, &want).await.expect("a check");
        let all: Vec<&str> = checked.notes.iter().map(|it| it.message.as_str()).collect();
        assert!(all.join("\n").contains(words), "{all:?}");
        let said = problems(&checked);
        assert!(said.contains("the service gives 100 at once"), "{said}");
        assert!(said.contains("say `size = 100`"), "{said}");
        let refused = crate::pull(&config, &peer, &want)
            .await
            .0
            .expect_err("too few");
        assert_eq!(refused.kind, RefusalKind::IncompletePage);
        assert!(refused.hint.contains("size = 100"), "{refused}");
    }
    // JSON of the right shape that is no answer of SCIM.
    let source = source(
        &config,
        says(200, r#"{"totalResults": 1, "Resources": [{"id": "1"}]}"#),
    );
    let refused = source
        .pull(&want, &mut Taken::of(&want))
        .await
        .expect_err("no SCIM");
    assert_eq!(refused.kind, RefusalKind::Malformed, "{refused}");
}
