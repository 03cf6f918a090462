//! What is logged about a call (P11).
//!
//! Alone in its file, and so in its process: whether an event is wanted is remembered for the
//! whole process, by whichever thread comes to it first.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use rollcall_http::{
    Call, CallSpec, Chance, Client, Clock, Exchange, Lane, Origin, Quotas, RetryPolicy, Secret,
    Setup, Share, TenantSize, TokenSource, TokenSpec, TransportError,
};
use serde_json::{Value, json};
use tower::util::BoxCloneSyncService;

/// P11: at the most talkative level, what is logged about a call that fails and then works has
/// its template, status, attempt and request id, and nothing of its path, body, token or answer.
#[tokio::test(start_paused = true)]
async fn logs_name_calls_not_people() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let named = json!({"error": {"code": "serviceNotAvailable",
        "message": "mira.beispiel is busy"}});
    let reply = json!({"id": "o1", "displayName": "Mira Beispiel"});
    let grant = json!({"expires_in": 3599, "access_token": "token-three"});
    let ids = Arc::new(Mutex::new(Vec::new()));
    let answers = Arc::new(Mutex::new(vec![(200, reply), (503, named), (200, grant)]));
    let client = client({
        let ids = Arc::clone(&ids);
        move |request| {
            if let Some(id) = request.headers().get("client-request-id") {
                ids.lock().unwrap().push(id.to_str().unwrap().to_owned());
            }
            answers.lock().unwrap().pop().expect("another request")
        }
    });
    assert!(client.send(cut()).await.is_ok());
    let lines = log.0.lock().unwrap().join("\n");
    let ids = ids.lock().unwrap().clone();
    for part in [
        "PATCH",
        "/users/{id}",
        "status=503",
        "status=200",
        "attempt=1",
        "attempt=2",
        &ids[0],
        &ids[1],
    ] {
        assert!(lines.contains(part), "{part} in {lines}");
    }
    let lower = lines.to_lowercase();
    for secret in ["mira", "beispiel", "token-three", "hunter", "zeta-city"] {
        assert!(!lower.contains(secret), "{secret}");
    }
}

/// A client of a peer that answers status and body.
fn client(peer: impl Fn(&Request<Bytes>) -> (u16, Value) + Send + Sync + 'static) -> Client {
    let peer = Arc::new(peer);
    let service = tower::service_fn(move |request: Request<Bytes>| {
        let (status, body) = peer(&request);
        let response = Response::builder()
            .status(status)
            .body(Bytes::from(body.to_string()))
            .unwrap();
        async move { Ok::<_, TransportError>(response) }
    });
    let exchange: Exchange = BoxCloneSyncService::new(service);
    let clock = Clock::system();
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
        write!(self.0, "{}={value:?} ", field.name()).expect("writing to a string cannot fail");
    }
}
