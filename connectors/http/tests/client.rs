//! The client against peers that answer as documented, on virtual time: what is sent, when it is
//! sent again, and what is never shown.
#![expect(
    clippy::unwrap_used,
    clippy::unchecked_time_subtraction,
    clippy::unnecessary_wraps,
    reason = "a test fails by panicking; answers are made in the shape the peer returns"
)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use rollcall_http::{
    Call, CallErrorKind, CallSpec, Chance, Client, Clock, Credential, Exchange, Lane, Origin,
    Proof, Quotas, RetryPolicy, Secret, Setup, Share, TenantSize, TokenError, TokenSource,
    TokenSpec, TransportError,
};
use serde_json::json;
use tower::util::BoxCloneSyncService;

type Answer = Result<Response<Bytes>, TransportError>;

/// A request as the peer saw it, and when.
#[derive(Debug, Clone)]
struct Seen {
    at: Duration,
    line: String,
    token: String,
    request_id: String,
}

#[derive(Clone)]
struct Peer {
    seen: Arc<Mutex<Vec<Seen>>>,
    tokens: Arc<Mutex<Vec<Answer>>>,
    answers: Arc<Mutex<Vec<Answer>>>,
    forms: Arc<Mutex<Vec<String>>>,
}

fn answer(status: u16, headers: &[(&str, &str)], body: &serde_json::Value) -> Answer {
    let builder = headers
        .iter()
        .fold(Response::builder().status(status), |b, (name, value)| {
            b.header(*name, *value)
        });
    Ok(builder.body(Bytes::from(body.to_string())).unwrap())
}

fn ok() -> Answer {
    answer(200, &[("x-ms-resource-unit", "1")], &json!({"id": "o1"}))
}

fn graph_error(status: u16, code: &str, headers: &[(&str, &str)]) -> Answer {
    answer(
        status,
        headers,
        &json!({"error": {"code": code, "message": "m"}}),
    )
}

fn granted(token: &str, seconds: u32) -> Answer {
    let body = json!({"token_type": "Bearer", "expires_in": seconds, "access_token": token});
    answer(200, &[], &body)
}

impl Peer {
    /// Answers in this order; tokens from their own list.
    fn new(tokens: Vec<Answer>, answers: Vec<Answer>) -> Self {
        let list = |mut list: Vec<Answer>| {
            list.reverse();
            Arc::new(Mutex::new(list))
        };
        Self {
            seen: Arc::default(),
            tokens: list(tokens),
            answers: list(answers),
            forms: Arc::default(),
        }
    }

    fn client(&self, clock: Clock, policy: RetryPolicy) -> Client {
        self.client_with(Secret::new("s&cret=1").into(), clock, policy)
    }

    fn client_with(&self, credential: Credential, clock: Clock, policy: RetryPolicy) -> Client {
        let peer = self.clone();
        let exchange: Exchange =
            BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
                let answer = peer.answer(clock, &request);
                async move { answer }
            }));
        let chance = Arc::new(Chance::seeded(5));
        let spec = TokenSpec {
            login: Origin::parse("https://login.example").unwrap(),
            tenant_id: "t1".to_owned(),
            client_id: "c1".to_owned(),
            credential,
            scope: "https://graph.example/.default".to_owned(),
        };
        let tokens = TokenSource::new(spec, exchange.clone(), clock, Arc::clone(&chance), policy);
        Client::new(Setup {
            exchange,
            clock,
            quotas: Arc::new(Quotas::new(TenantSize::L, Share::default(), clock)),
            tokens,
            origin: Origin::parse("https://graph.example").unwrap(),
            chance,
            policy,
        })
    }

    fn answer(&self, clock: Clock, request: &Request<Bytes>) -> Answer {
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .map_or("", |v| v.to_str().unwrap())
                .to_owned()
        };
        let uri = request.uri().to_string();
        if uri == "https://login.example/t1/oauth2/v2.0/token" {
            assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
            let form = String::from_utf8(request.body().to_vec()).unwrap();
            self.forms.lock().unwrap().push(form);
            return self
                .tokens
                .lock()
                .unwrap()
                .pop()
                .expect("no more tokens are expected");
        }
        assert_eq!(header("x-ms-throttle-priority"), "Low");
        self.seen.lock().unwrap().push(Seen {
            at: clock.elapsed(),
            line: format!("{} {uri}", request.method()),
            token: header("authorization"),
            request_id: header("client-request-id"),
        });
        self.answers
            .lock()
            .unwrap()
            .pop()
            .expect("no more calls are expected")
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn read() -> Call {
    let spec = CallSpec {
        method: "GET",
        template: "/users/{id}",
        lane: Lane::Bulk,
    };
    Call::new(spec, "/v1.0/users/o1").query("$select", "id,city")
}

/// One transient failure of each kind, then success; each attempt has its own request id.
#[tokio::test(start_paused = true)]
async fn transient_failures_are_tried_again() {
    let transient = [
        graph_error(500, "generalException", &[]),
        graph_error(503, "serviceNotAvailable", &[]),
        graph_error(504, "", &[]),
        graph_error(509, "", &[]),
        Err(TransportError::Reset),
        Err(TransportError::Timeout),
        Err(TransportError::Connect),
    ];
    for failure in transient {
        let what = format!("{:?}", failure.as_ref().map(Response::status));
        let peer = Peer::new(vec![granted("tok", 3599)], vec![failure, ok()]);
        let clock = Clock::system();
        let reply = peer
            .client(clock, RetryPolicy::default())
            .send(read())
            .await
            .unwrap();
        assert_eq!((reply.status, reply.calls), (200, 2), "{what}");
        let seen = peer.seen();
        assert_eq!(
            seen[0].line,
            "GET https://graph.example/v1.0/users/o1?$select=id,city"
        );
        assert_ne!(seen[0].request_id, seen[1].request_id);
        assert_eq!(seen[1].request_id, reply.request_id);
        let waited = seen[1].at - seen[0].at;
        assert!(
            waited >= Duration::from_millis(500) && waited <= Duration::from_secs(1),
            "{what}"
        );
    }
}

/// P8: 2.128 s are 2.128 s, for the call that was told and for every other one.
#[tokio::test(start_paused = true)]
async fn retry_after_holds_for_everybody() {
    let throttled = graph_error(429, "TooManyRequests", &[("retry-after", "2.128")]);
    let peer = Peer::new(vec![granted("tok", 3599)], vec![throttled, ok(), ok()]);
    let clock = Clock::system();
    let client = peer.client(clock, RetryPolicy::default());
    let other = client.clone();
    let second = async {
        clock.sleep(Duration::from_millis(500)).await;
        other.send(read()).await
    };
    let (first, second) = futures::join!(client.send(read()), second);
    assert!(first.is_ok() && second.is_ok());
    let asked = Duration::from_millis(2128);
    let seen = peer.seen();
    for later in &seen[1..] {
        let waited = later.at - seen[0].at;
        // The timer counts whole milliseconds and rounds up.
        let most = asked + RetryPolicy::default().jitter_max + Duration::from_millis(2);
        assert!(waited >= asked && waited <= most, "{waited:?}");
    }
    assert_eq!(client.usage()["throttled"], 1);
}

/// A longer wish than we sleep comes back as an instant, and so does throttling without end.
#[tokio::test(start_paused = true)]
async fn throttling_beyond_bounds_is_an_instant() {
    let long = graph_error(429, "TooManyRequests", &[("retry-after", "3600")]);
    let peer = Peer::new(vec![granted("tok", 3599)], vec![long]);
    let clock = Clock::starting_at("2026-03-16T02:00:00Z".parse().unwrap());
    let client = peer.client(clock, RetryPolicy::default());
    let expected = CallErrorKind::Throttled {
        until: "2026-03-16T03:00:00Z".parse().unwrap(),
    };
    assert_eq!(
        client.send(read()).await.err().map(|e| e.kind),
        Some(expected.clone())
    );
    // Nobody else asks in the meantime either: the peer would count it.
    assert_eq!(
        client.send(read()).await.err().map(|e| e.kind),
        Some(expected)
    );
    assert_eq!(peer.seen().len(), 1);

    let without = (0..8)
        .map(|_| graph_error(429, "TooManyRequests", &[]))
        .collect();
    let peer = Peer::new(vec![granted("tok", 3599)], without);
    let error = peer
        .client(clock, RetryPolicy::default())
        .send(read())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error.kind, CallErrorKind::Throttled { .. }),
        "{error:?}"
    );
    assert_eq!((error.calls, peer.seen().len()), (8, 8));
}

/// Final answers are not tried again, whatever the message says.
#[tokio::test(start_paused = true)]
async fn refusals_are_final() {
    for (status, code) in [
        (400, "Request_BadRequest"),
        (403, "Authorization_RequestDenied"),
    ] {
        let peer = Peer::new(
            vec![granted("tok", 3599)],
            vec![graph_error(status, code, &[])],
        );
        let client = peer.client(Clock::system(), RetryPolicy::default());
        let error = client.send(read()).await.err().unwrap();
        assert_eq!((error.code().as_str(), error.calls), (code, 1));
        assert_eq!(error.request_id, Some(peer.seen()[0].request_id.clone()));
    }
}

/// A refused token is renewed once and the call repeated once, not more.
#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_once() {
    let refused = || graph_error(401, "InvalidAuthenticationToken", &[]);
    let tokens = || vec![granted("old", 3599), granted("new", 3599)];
    let peer = Peer::new(tokens(), vec![refused(), ok()]);
    let clock = Clock::system();
    assert!(
        peer.client(clock, RetryPolicy::default())
            .send(read())
            .await
            .is_ok()
    );
    let used: Vec<String> = peer.seen().into_iter().map(|s| s.token).collect();
    assert_eq!(used, ["Bearer old", "Bearer new"]);

    let peer = Peer::new(tokens(), vec![refused(), refused()]);
    let error = peer
        .client(clock, RetryPolicy::default())
        .send(read())
        .await
        .err()
        .unwrap();
    assert_eq!(error.code(), "InvalidAuthenticationToken");
}

/// One request for a token, however many calls wait for it; renewed five minutes early; asked as
/// documented, with the secret encoded.
#[tokio::test(start_paused = true)]
async fn tokens_are_shared_and_renewed_early() {
    let tokens = vec![granted("one", 3600), granted("two", 3600)];
    let peer = Peer::new(tokens, (0..12).map(|_| ok()).collect());
    let clock = Clock::system();
    let client = peer.client(clock, RetryPolicy::default());
    let calls = (0..10).map(|_| client.send(read()));
    assert!(
        futures::future::join_all(calls)
            .await
            .iter()
            .all(Result::is_ok)
    );
    let form = "grant_type=client_credentials&client_id=c1\
                &scope=https%3A%2F%2Fgraph.example%2F.default&client_secret=s%26cret%3D1";
    assert_eq!(*peer.forms.lock().unwrap(), [form]);
    clock.sleep(Duration::from_secs(3299)).await;
    assert!(client.send(read()).await.is_ok());
    clock.sleep(Duration::from_secs(2)).await;
    assert!(client.send(read()).await.is_ok());
    let used: Vec<String> = peer.seen().into_iter().map(|s| s.token).collect();
    assert_eq!(used[10..], ["Bearer one", "Bearer two"]);
}

/// A proof is asked for with every token, so that a new one counts at once; none is waited for, and
/// then the login host is not bothered.
#[tokio::test(start_paused = true)]
async fn proofs_are_asked_for_each_time() {
    let nth = |kind: &'static str| {
        let count = Arc::new(AtomicU32::new(0));
        Proof::new(move || {
            let n = count.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                match n {
                    0 => Err("not allowed".to_owned()),
                    _ => Ok(Secret::new(format!("{kind}{n}&"))),
                }
            })
        })
    };
    let base =
        "grant_type=client_credentials&client_id=c1&scope=https%3A%2F%2Fgraph.example%2F.default";
    let assertion = "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
                     &client_assertion=";
    let secret = "&client_secret=";
    for (credential, proof) in [
        (Credential::Assertion(nth("jwt")), format!("{assertion}jwt")),
        (Credential::Kept(nth("kept")), format!("{secret}kept")),
    ] {
        let tokens = vec![granted("one", 3600), granted("two", 3600)];
        let peer = Peer::new(tokens, (0..3).map(|_| ok()).collect());
        let clock = Clock::system();
        let client = peer.client_with(credential, clock, RetryPolicy::default());
        assert!(client.send(read()).await.is_ok());
        assert!(
            clock.elapsed() >= Duration::from_secs(5),
            "asked anew after a while"
        );
        assert!(client.send(read()).await.is_ok());
        clock.sleep(Duration::from_mins(59)).await;
        assert!(client.send(read()).await.is_ok());
        let expected = [1, 2].map(|n| format!("{base}{proof}{n}%26"));
        assert_eq!(*peer.forms.lock().unwrap(), expected);
    }
    let never = Proof::new(|| Box::pin(async { Err("not allowed".to_owned()) }));
    let peer = Peer::new(vec![], vec![]);
    let policy = RetryPolicy::default();
    let client = peer.client_with(Credential::Assertion(never), Clock::system(), policy);
    let error = client.send(read()).await.err().unwrap();
    assert_eq!(error.code(), "login_no_proof");
    assert!(error.hint().contains("federation"));
}

/// The login host: a wrong secret is final and named by its code; an outage is waited out, and
/// as long as the old token lasts it stops nobody.
#[tokio::test(start_paused = true)]
async fn login_failures() {
    let wrong = json!({"error": "invalid_client", "error_description": "AADSTS7000215: …",
        "error_codes": [7_000_215]});
    let peer = Peer::new(vec![answer(401, &[], &wrong)], vec![]);
    let client = peer.client(Clock::system(), RetryPolicy::default());
    let error = client.send(read()).await.err().unwrap();
    let expected = TokenError::Refused {
        status: 401,
        codes: vec![7_000_215],
        retry_after: None,
    };
    assert_eq!(error.kind, CallErrorKind::Token(expected));
    assert_eq!(error.code(), "AADSTS7000215");
    assert!(error.hint().contains("secret"));

    let down = || answer(503, &[], &json!({}));
    // Down for good: nobody is sent to look for a secret.
    let peer = Peer::new((0..20).map(|_| down()).collect(), vec![]);
    let client = peer.client(Clock::system(), RetryPolicy::default());
    let error = client.send(read()).await.err().unwrap();
    assert_eq!(error.code(), "login_503");
    assert!(error.hint().contains("out of order"), "{}", error.hint());

    let peer = Peer::new(vec![down(), granted("tok", 3600)], vec![ok()]);
    let clock = Clock::system();
    assert!(
        peer.client(clock, RetryPolicy::default())
            .send(read())
            .await
            .is_ok()
    );
    assert!(
        clock.elapsed() >= Duration::from_secs(5),
        "{:?}",
        clock.elapsed()
    );

    let mut tokens = vec![granted("tok", 3600)];
    tokens.extend((0..2).map(|_| down()));
    let peer = Peer::new(tokens, vec![ok(), ok()]);
    let clock = Clock::system();
    let policy = RetryPolicy {
        attempts_max: 2,
        ..RetryPolicy::default()
    };
    let client = peer.client(clock, policy);
    assert!(client.send(read()).await.is_ok());
    clock.sleep(Duration::from_secs(3400)).await;
    assert!(client.send(read()).await.is_ok());
}

/// P11: no secret and no token in what can be printed.
#[tokio::test(start_paused = true)]
async fn secrets_are_not_shown() {
    let spec = TokenSpec {
        login: Origin::parse("https://login.example").unwrap(),
        tenant_id: "t1".to_owned(),
        client_id: "c1".to_owned(),
        credential: Secret::new("hunter-two").into(),
        scope: "s".to_owned(),
    };
    let peer = Peer::new(vec![granted("token-three", 3599)], vec![ok()]);
    let client = peer.client(Clock::system(), RetryPolicy::default());
    client.send(read()).await.unwrap();
    let shown = format!(
        "{spec:?} {:?} {:?} {} {}",
        client.tokens(),
        client.quotas(),
        client.usage(),
        Secret::new("hunter-two")
    );
    for secret in ["hunter-two", "token-three", "s&cret=1"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}
