//! How it is shown who asks, how little is shown, and what is asked with it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rollcall_http::{Exchange, Links, Proof, SecretAt};
use rollcall_peers::Taken;
use rollcall_rest::{Rest, RestConfig};
use rollcall_source::{RefusalKind, Source as _};
use serde_json::json;
use tower::util::BoxCloneSyncService;

use crate::{config, source, want};

/// Requests as they came: method, address, headers that are ours, body.
type Seen = Arc<Mutex<Vec<String>>>;

/// One list of one worker for everybody, and a token from `login.example`.
fn peer() -> (Exchange, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let exchange =
        BoxCloneSyncService::new(tower::service_fn(move |asked: http::Request<Bytes>| {
            let mut parts = vec![format!("{} {}", asked.method(), asked.uri())];
            for name in [
                "authorization",
                "x-key",
                "accept",
                "content-type",
                "x-tenant",
            ] {
                if let Some(value) = asked.headers().get(name) {
                    parts.push(format!("{name}: {}", value.to_str().expect("text")));
                }
            }
            parts.push(String::from_utf8_lossy(asked.body()).into_owned());
            kept.lock().expect("nobody panics").push(parts.join(" | "));
            let body = if asked.uri().host() == Some("login.example") {
                json!({"access_token": "given", "expires_in": 3600})
            } else {
                json!([{"id": "1"}])
            };
            let answer = http::Response::new(Bytes::from(body.to_string()));
            async move { Ok(answer) }
        }));
    (exchange, seen)
}

fn with(more: &str) -> RestConfig {
    config(&format!(
        "[source.rest]\norigin = 'https://hr.example'\npath = '/people'\nid = 'id'\n{}",
        crate::paged(more)
    ))
}

async fn asked(more: &str) -> Vec<String> {
    let (exchange, seen) = peer();
    let want = want(&["id"], "id");
    let pulled = source(&with(more), exchange)
        .pull(&want, &mut Taken::of(&want))
        .await;
    assert_eq!(pulled.expect(more).rows, 1);
    let seen = seen.lock().expect("nobody panics");
    seen.clone()
}

#[tokio::test(start_paused = true)]
async fn every_way_to_show_who_asks() {
    for (auth, header) in [
        ("auth = 'none'", ""),
        // user:secret
        (
            "auth.basic = { user = 'user', password = { env = 'secret' } }",
            "authorization: Basic dXNlcjpzZWNyZXQ= | ",
        ),
        // secret:x
        (
            "auth.key_as_user = { key = { env = 'secret' } }",
            "authorization: Basic c2VjcmV0Ong= | ",
        ),
        (
            "auth.bearer = { token = { env = 'secret' } }",
            "authorization: Bearer secret | ",
        ),
        (
            "auth.header = { name = 'X-Key', value = { env = 'secret' } }",
            "x-key: secret | ",
        ),
    ] {
        let expected =
            format!("GET https://hr.example/people | {header}accept: application/json | ");
        assert_eq!(asked(auth).await, [expected], "{auth}");
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_are_asked_for_as_the_configuration_says() {
    let form = "content-type: application/x-www-form-urlencoded | ";
    let json = "accept: application/json | ";
    for (auth, expected) in [
        (
            "auth.client_credentials = { token_url = 'https://login.example/t?v=1', client_id = 'me', \
             client_secret = { env = 's&t' }, scope = 'all read' }",
            format!(
                "POST https://login.example/t?v=1 | {json}{form}grant_type=client_credentials&\
                 client_id=me&client_secret=s%26t&scope=all%20read"
            ),
        ),
        (
            "auth.client_credentials = { token_url = 'https://login.example/t', client_id = 'me', \
             client_secret = { env = 'st' }, client_in = 'basic', resource = 'https://hr.example' }",
            format!(
                "POST https://login.example/t | authorization: Basic bWU6c3Q= | {json}{form}\
                 grant_type=client_credentials&resource=https%3A%2F%2Fhr.example"
            ),
        ),
        (
            "auth.refresh_token = { token_url = 'https://login.example/t', client_id = 'me', \
             refresh_token = { env = 'long' } }",
            format!(
                "POST https://login.example/t | {json}{form}grant_type=refresh_token&client_id=me&\
                 refresh_token=long"
            ),
        ),
    ] {
        let list = "GET https://hr.example/people | authorization: Bearer given | accept: application/json | ";
        assert_eq!(asked(auth).await, [expected, list.to_owned()], "{auth}");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_parameters_and_a_body_go_as_they_are_written() {
    let more = "method = 'POST'\nbody = '{\"showInactive\": true}'\n\
                headers = { X-Tenant = 'woodgrove', Accept = 'application/vnd.hr+json' }\n\
                query = { humanReadable = 'false', 'a b' = 'c&d' }";
    assert_eq!(
        asked(more).await,
        [
            "POST https://hr.example/people?a%20b=c%26d&humanReadable=false | accept: \
          application/vnd.hr+json | content-type: application/json | x-tenant: woodgrove | \
          {\"showInactive\": true}"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_none_is_refused_and_never_shown() {
    let config = with("auth.bearer = { token = { env = 'x' } }");
    for (kept, kind) in [
        (
            Err("no variable of this name".to_owned()),
            RefusalKind::Credentials,
        ),
        (Ok("two\nlines".to_owned()), RefusalKind::Credentials),
    ] {
        let (exchange, seen) = peer();
        let secrets = |_: &SecretAt| {
            let kept = kept.clone();
            Ok(Proof::new(move || {
                let kept = kept.clone().map(rollcall_http::Secret::new);
                Box::pin(async move { kept })
            }))
        };
        let links = Links {
            exchange,
            clock: rollcall_http::Clock::starting_at(crate::now()),
            seed: 1,
            secrets: &secrets,
        };
        let source = Rest::new(&config, &links).expect("a source");
        let want = want(&["id"], "id");
        let refused = source
            .pull(&want, &mut Taken::of(&want))
            .await
            .expect_err("no secret");
        assert_eq!(refused.kind, kind, "{refused}");
        assert!(!refused.to_string().contains("lines"), "{refused}");
        assert!(!format!("{source:?}").contains("two"));
        assert!(seen.lock().expect("nobody panics").is_empty());
    }
}
