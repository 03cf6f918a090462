//! What happens when a peer stays ill, is asked by many at once, or is urgent: tries and waits
//! end, the login host is asked once, and nothing personal reaches a log (P8, P11).
#![expect(
    clippy::unwrap_used,
    clippy::unnecessary_wraps,
    reason = "a test fails by panicking; answers are made in the shape the peer returns"
)]

mod support;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall_http::{
    Call, CallErrorKind, CallSpec, Clock, Lane, RetryPolicy, Situation, TransportError,
};
use serde_json::json;
use support::{Peer, answer, granted, graph_error, ok, read};

/// Eight tries and no more, whatever the transient failure is; the last one is told.
#[tokio::test(start_paused = true)]
async fn tries_end() {
    let policy = RetryPolicy::default();
    let ill = (0..8).map(|_| graph_error(503, "serviceNotAvailable", &[]));
    let peer = Peer::new(vec![granted("tok", 3599)], ill.collect());
    let clock = Clock::system();
    let error = peer.client(clock, policy).send(read()).await.err().unwrap();
    assert_eq!(
        error.fault().map(|f| f.situation),
        Some(Situation::Transient)
    );
    assert_eq!((error.calls, peer.seen().len()), (8, 8));
    assert_eq!(
        error.request_id.as_ref(),
        peer.seen().last().map(|s| &s.request_id)
    );
    assert!(clock.elapsed() <= policy.wait_total_max);

    let lost = (0..8).map(|_| Err(TransportError::Reset)).collect();
    let peer = Peer::new(vec![granted("tok", 3599)], lost);
    let client = peer.client(Clock::system(), policy);
    let error = client.send(read()).await.err().unwrap();
    assert_eq!(error.kind, CallErrorKind::Transport(TransportError::Reset));
    assert_eq!((error.calls, peer.seen().len()), (8, 8));
}

/// Waits that are each short enough still end at a quarter of an hour: the third one of five
/// minutes (and its jitter) is handed back as an instant.
#[tokio::test(start_paused = true)]
async fn waits_end() {
    let policy = RetryPolicy::default();
    let ill = (0..3).map(|_| graph_error(503, "serviceNotAvailable", &[("retry-after", "300")]));
    let peer = Peer::new(vec![granted("tok", 3599)], ill.collect());
    let clock = Clock::system();
    let error = peer.client(clock, policy).send(read()).await.err().unwrap();
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
    let refused = || graph_error(401, "InvalidAuthenticationToken", &[]);
    let answers = (0..10).map(|_| refused()).chain((0..10).map(|_| ok()));
    let tokens = vec![granted("old", 3599), granted("new", 3599)];
    let peer = Peer::new(tokens, answers.collect()).login_takes(Duration::from_secs(2));
    let client = peer.client(Clock::system(), RetryPolicy::default());
    let calls = (0..10).map(|_| client.send(read()));
    for reply in futures::future::join_all(calls).await {
        assert_eq!(reply.map(|r| r.calls).ok(), Some(2));
    }
    assert_eq!(peer.forms.lock().unwrap().len(), 2);
    let used: Vec<String> = peer.seen().into_iter().map(|s| s.token).collect();
    assert!(used[..10].iter().all(|t| t == "Bearer old"));
    assert!(used[10..].iter().all(|t| t == "Bearer new"));
}

/// A refusal is shared like a token is: ten calls that waited for one answer do not ask ten
/// times, one after the other. A call that comes later does ask again.
#[tokio::test(start_paused = true)]
async fn a_login_failure_is_shared_by_those_who_waited() {
    let wrong = || answer(401, &[], &json!({"error_codes": [7_000_215]}));
    let tokens = vec![wrong(), granted("tok", 3599)];
    let peer = Peer::new(tokens, vec![ok()]).login_takes(Duration::from_secs(2));
    let client = peer.client(Clock::system(), RetryPolicy::default());
    let calls = (0..10).map(|_| client.send(read()));
    for reply in futures::future::join_all(calls).await {
        assert_eq!(
            reply.err().map(|e| e.code()).as_deref(),
            Some("AADSTS7000215")
        );
    }
    assert_eq!(peer.forms.lock().unwrap().len(), 1);
    assert!(client.send(read()).await.is_ok());
}

/// An outage of the login host is waited out once, not once per call that needs a token.
#[tokio::test(start_paused = true)]
async fn a_login_outage_is_waited_out_once() {
    let policy = RetryPolicy::default();
    let tokens = (0..8).map(|_| answer(503, &[], &json!({}))).collect();
    let peer = Peer::new(tokens, vec![]);
    let clock = Clock::system();
    let client = peer.client(clock, policy);
    let calls = (0..10).map(|_| client.send(read()));
    let replies = futures::future::join_all(calls).await;
    assert!(replies.iter().all(Result::is_err));
    assert_eq!(peer.forms.lock().unwrap().len(), 8);
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
        let peer = Peer::new(vec![answer(400, &[], &body)], vec![]);
        let client = peer.client(Clock::system(), RetryPolicy::default());
        let error = client.send(read()).await.err().unwrap();
        assert_eq!(error.code(), format!("AADSTS{code}"));
        assert!(error.hint().contains(hint), "{code}: {}", error.hint());
        assert_eq!((error.calls, error.request_id), (0, None));
    }
}

/// The urgent lane is shed last, and says so.
#[tokio::test(start_paused = true)]
async fn urgent_calls_ask_for_high_priority() {
    let peer = Peer::new(vec![granted("tok", 3599)], vec![ok()]);
    let client = peer.client(Clock::system(), RetryPolicy::default());
    assert!(client.send(cut()).await.is_ok());
    assert_eq!(peer.seen()[0].priority, "High");
}

/// P11: at the most talkative level, what is logged about a call that fails and then works has
/// its template, status, attempt and request id, and nothing of its path, body, token or answer.
#[tokio::test(start_paused = true)]
async fn logs_name_calls_not_people() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let named = json!({"error": {"code": "serviceNotAvailable",
        "message": "mira.beispiel is busy"}});
    let reply = json!({"id": "o1", "displayName": "Mira Beispiel"});
    let answers = vec![answer(503, &[], &named), answer(200, &[], &reply)];
    let peer = Peer::new(vec![granted("token-three", 3599)], answers);
    let client = peer.client(Clock::system(), RetryPolicy::default());
    assert!(client.send(cut()).await.is_ok());
    let lines = log.0.lock().unwrap().join("\n");
    let seen = peer.seen();
    for part in [
        "PATCH",
        "/users/{id}",
        "status=503",
        "status=200",
        "attempt=1",
        "attempt=2",
        &seen[0].request_id,
        &seen[1].request_id,
    ] {
        assert!(lines.contains(part), "{part} in {lines}");
    }
    let lower = lines.to_lowercase();
    for secret in ["mira", "beispiel", "token-three", "cret", "zeta-city"] {
        assert!(!lower.contains(secret), "{secret}");
    }
}

/// A write of the urgent lane that names a person in its path and body.
fn cut() -> Call {
    let spec = CallSpec {
        method: "PATCH",
        template: "/users/{id}",
        lane: Lane::Urgent,
    };
    Call::new(spec, "/v1.0/users/mira.beispiel@zeta.example").body(json!({"city": "Zeta-City"}))
}

/// Everything that is logged on this thread, one line per event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut line = Line::default();
        span.record(&mut line);
        self.0.lock().unwrap().push(line.0);
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        let mut line = Line::default();
        values.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[derive(Default)]
struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}
