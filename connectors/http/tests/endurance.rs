//! What happens when a peer stays ill, is asked by many at once, or is asked urgently: tries and
//! waits end, and the login host is asked once (P8).
#![expect(
    clippy::unwrap_used,
    clippy::unnecessary_wraps,
    reason = "a test fails by panicking; answers are made in the shape the peer returns"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use rollcall_http::{
    Call, CallErrorKind, CallSpec, Chance, Client, Clock, Exchange, Lane, Origin, Quotas,
    RetryPolicy, Secret, Setup, Share, Situation, TenantSize, TokenSource, TokenSpec,
    TransportError,
};
use serde_json::{Value, json};
use tower::util::BoxCloneSyncService;

type Answer = Result<Response<Bytes>, TransportError>;

fn answer(status: u16, body: &Value) -> Answer {
    let body = Bytes::from(body.to_string());
    Ok(Response::builder().status(status).body(body).unwrap())
}

fn granted(token: &str) -> Answer {
    answer(200, &json!({"expires_in": 3599, "access_token": token}))
}

fn graph_error(status: u16, code: &str) -> Answer {
    answer(status, &json!({"error": {"code": code, "message": "m"}}))
}

fn not_before(seconds: &str) -> Answer {
    let mut answer = graph_error(503, "serviceNotAvailable")?;
    let seconds = seconds.parse().unwrap();
    answer
        .headers_mut()
        .insert(http::header::RETRY_AFTER, seconds);
    Ok(answer)
}

fn ok() -> Answer {
    answer(200, &json!({"id": "o1"}))
}

/// A login host and a Graph that answer in the given order, and what they saw.
#[derive(Clone, Default)]
struct Peer {
    login: Arc<Mutex<Vec<Answer>>>,
    graph: Arc<Mutex<Vec<Answer>>>,
    login_takes: Duration,
    asked_for_tokens: Arc<Mutex<usize>>,
    /// Value of one header each: authorization, client-request-id, x-ms-throttle-priority.
    seen: Arc<Mutex<Vec<[String; 3]>>>,
}

impl Peer {
    fn new(mut login: Vec<Answer>, mut graph: Vec<Answer>) -> Self {
        login.reverse();
        graph.reverse();
        Self {
            login: Arc::new(Mutex::new(login)),
            graph: Arc::new(Mutex::new(graph)),
            ..Self::default()
        }
    }

    fn answer(&self, request: &Request<Bytes>) -> Answer {
        if request.uri().host() == Some("login.example") {
            *self.asked_for_tokens.lock().unwrap() += 1;
            return self.login.lock().unwrap().pop().expect("another token");
        }
        let header = |name| request.headers()[name].to_str().unwrap().to_owned();
        self.seen.lock().unwrap().push(
            [
                "authorization",
                "client-request-id",
                "x-ms-throttle-priority",
            ]
            .map(header),
        );
        self.graph.lock().unwrap().pop().expect("another call")
    }

    fn client(&self, clock: Clock) -> Client {
        let peer = self.clone();
        let service = tower::service_fn(move |request: Request<Bytes>| {
            let peer = peer.clone();
            async move {
                if request.uri().host() == Some("login.example") && !peer.login_takes.is_zero() {
                    clock.sleep(peer.login_takes).await;
                }
                peer.answer(&request)
            }
        });
        let exchange: Exchange = BoxCloneSyncService::new(service);
        let (policy, chance) = (RetryPolicy::default(), Arc::new(Chance::seeded(5)));
        let spec = TokenSpec {
            login: Origin::parse("https://login.example").unwrap(),
            tenant_id: "t1".to_owned(),
            client_id: "c1".to_owned(),
            credential: Secret::new("hunter-two").into(),
            scope: "https://graph.example/.default".to_owned(),
        };
        Client::new(Setup {
            tokens: TokenSource::new(spec, exchange.clone(), clock, Arc::clone(&chance), policy),
            exchange,
            clock,
            quotas: Arc::new(Quotas::new(TenantSize::L, Share::default(), clock)),
            origin: Origin::parse("https://graph.example").unwrap(),
            chance,
            policy,
        })
    }

    fn seen(&self) -> Vec<[String; 3]> {
        self.seen.lock().unwrap().clone()
    }

    fn asked_for_tokens(&self) -> usize {
        *self.asked_for_tokens.lock().unwrap()
    }
}

fn read() -> Call {
    let spec = CallSpec {
        method: "GET",
        template: "/users/{id}",
        lane: Lane::Bulk,
    };
    Call::new(spec, "/v1.0/users/o1")
}

/// Eight tries and no more, whatever the transient failure is; the last one is told.
#[tokio::test(start_paused = true)]
async fn tries_end() {
    let policy = RetryPolicy::default();
    let ill = (0..8).map(|_| graph_error(503, "serviceNotAvailable"));
    let peer = Peer::new(vec![granted("tok")], ill.collect());
    let clock = Clock::system();
    let error = peer.client(clock).send(read()).await.err().unwrap();
    assert_eq!(
        error.fault().map(|f| f.situation),
        Some(Situation::Transient)
    );
    assert_eq!((error.calls, peer.seen().len()), (8, 8));
    assert_eq!(
        error.request_id.as_ref(),
        peer.seen().last().map(|[_, id, _]| id)
    );
    assert!(clock.elapsed() <= policy.wait_total_max);

    let lost = (0..8).map(|_| Err(TransportError::Reset)).collect();
    let peer = Peer::new(vec![granted("tok")], lost);
    let client = peer.client(Clock::system());
    let error = client.send(read()).await.err().unwrap();
    assert_eq!(error.kind, CallErrorKind::Transport(TransportError::Reset));
    assert_eq!((error.calls, peer.seen().len()), (8, 8));
}

/// Waits that are each short enough still end at a quarter of an hour: the third one of five
/// minutes (and its jitter) is handed back as an instant.
#[tokio::test(start_paused = true)]
async fn waits_end() {
    let policy = RetryPolicy::default();
    let ill = (0..3).map(|_| not_before("300"));
    let peer = Peer::new(vec![granted("tok")], ill.collect());
    let clock = Clock::system();
    let error = peer.client(clock).send(read()).await.err().unwrap();
    let CallErrorKind::Throttled { until } = error.kind else {
        panic!("{error:?}")
    };
    assert_eq!((error.calls, peer.seen().len()), (3, 3));
    assert!(clock.elapsed() <= policy.wait_total_max);
    assert_eq!(until.duration_since(clock.now()).as_secs(), 300);
}

/// Ten calls that all come while the login host is still thinking share its one answer, the
/// first time and after a refusal.
#[tokio::test(start_paused = true)]
async fn a_slow_login_host_is_asked_once() {
    let refused = || graph_error(401, "InvalidAuthenticationToken");
    let answers = (0..10).map(|_| refused()).chain((0..10).map(|_| ok()));
    let tokens = vec![granted("old"), granted("new")];
    let peer = Peer {
        login_takes: Duration::from_secs(2),
        ..Peer::new(tokens, answers.collect())
    };
    let client = peer.client(Clock::system());
    let calls = (0..10).map(|_| client.send(read()));
    for reply in futures::future::join_all(calls).await {
        assert_eq!(reply.map(|r| r.calls).ok(), Some(2));
    }
    assert_eq!(peer.asked_for_tokens(), 2);
    let used: Vec<String> = peer.seen().into_iter().map(|[token, _, _]| token).collect();
    assert!(used[..10].iter().all(|t| t == "Bearer old"));
    assert!(used[10..].iter().all(|t| t == "Bearer new"));
}

/// A refusal is shared like a token is: ten calls that waited for one answer do not ask ten
/// times, one after the other. A call that comes later does ask again.
#[tokio::test(start_paused = true)]
async fn a_login_failure_is_shared_by_those_who_waited() {
    let wrong = || answer(401, &json!({"error_codes": [7_000_215]}));
    let tokens = vec![wrong(), granted("tok")];
    let peer = Peer {
        login_takes: Duration::from_secs(2),
        ..Peer::new(tokens, vec![ok()])
    };
    let client = peer.client(Clock::system());
    let calls = (0..10).map(|_| client.send(read()));
    for reply in futures::future::join_all(calls).await {
        assert_eq!(
            reply.err().map(|e| e.code()).as_deref(),
            Some("AADSTS7000215")
        );
    }
    assert_eq!(peer.asked_for_tokens(), 1);
    assert!(client.send(read()).await.is_ok());
}

/// An outage of the login host is waited out once, not once per call that needs a token.
#[tokio::test(start_paused = true)]
async fn a_login_outage_is_waited_out_once() {
    let policy = RetryPolicy::default();
    let tokens = (0..8).map(|_| answer(503, &json!({}))).collect();
    let peer = Peer::new(tokens, vec![]);
    let clock = Clock::system();
    let client = peer.client(clock);
    let calls = (0..10).map(|_| client.send(read()));
    let replies = futures::future::join_all(calls).await;
    assert!(replies.iter().all(Result::is_err));
    assert_eq!(peer.asked_for_tokens(), 8);
    assert!(clock.elapsed() <= policy.wait_total_max);
}

/// AADSTS number → what the operator reads (error codes of the Microsoft identity platform).
#[tokio::test(start_paused = true)]
async fn login_errors_say_what_to_do() {
    let table = [
        (7_000_215, "client secret is wrong"),
        (7_000_222, "client secret has expired"),
        (700_016, "application is not known"),
        (90_002, "tenant is not known"),
        (7_000_112, "disabled"),
    ];
    for (code, hint) in table {
        let body = json!({"error": "invalid_client", "error_codes": [code]});
        let peer = Peer::new(vec![answer(400, &body)], vec![]);
        let client = peer.client(Clock::system());
        let error = client.send(read()).await.err().unwrap();
        assert_eq!(error.code(), format!("AADSTS{code}"));
        assert!(error.hint().contains(hint), "{code}: {}", error.hint());
        assert_eq!((error.calls, error.request_id), (0, None));
    }
}

/// The urgent lane is shed last, and says so.
#[tokio::test(start_paused = true)]
async fn urgent_calls_ask_for_high_priority() {
    let peer = Peer::new(vec![granted("tok")], vec![ok()]);
    let client = peer.client(Clock::system());
    assert!(client.send(cut()).await.is_ok());
    assert_eq!(peer.seen()[0][2], "High");
}

/// A write of the urgent lane.
fn cut() -> Call {
    let spec = CallSpec {
        method: "PATCH",
        template: "/users/{id}",
        lane: Lane::Urgent,
    };
    Call::new(spec, "/v1.0/users/o1").body(json!({"accountEnabled": false}))
}
