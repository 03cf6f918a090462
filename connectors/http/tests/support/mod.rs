//! A peer that answers from a list and records what it saw, and when.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use rollcall_http::{
    Call, CallSpec, Chance, Client, Clock, Exchange, Lane, Origin, Quotas, RetryPolicy, Secret,
    Setup, Share, TenantSize, TokenSource, TokenSpec, TransportError,
};
use serde_json::json;
use tower::util::BoxCloneSyncService;

pub type Answer = Result<Response<Bytes>, TransportError>;

/// A request as the peer saw it, and when.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Duration,
    pub line: String,
    pub token: String,
    pub request_id: String,
    pub priority: String,
}

#[derive(Clone)]
pub struct Peer {
    seen: Arc<Mutex<Vec<Seen>>>,
    tokens: Arc<Mutex<Vec<Answer>>>,
    answers: Arc<Mutex<Vec<Answer>>>,
    /// Bodies of the token requests.
    pub forms: Arc<Mutex<Vec<String>>>,
    login_takes: Duration,
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: &serde_json::Value) -> Answer {
    let builder = headers
        .iter()
        .fold(Response::builder().status(status), |b, (name, value)| {
            b.header(*name, *value)
        });
    Ok(builder.body(Bytes::from(body.to_string())).unwrap())
}

pub fn ok() -> Answer {
    answer(200, &[("x-ms-resource-unit", "1")], &json!({"id": "o1"}))
}

pub fn graph_error(status: u16, code: &str, headers: &[(&str, &str)]) -> Answer {
    answer(
        status,
        headers,
        &json!({"error": {"code": code, "message": "m"}}),
    )
}

pub fn granted(token: &str, seconds: u32) -> Answer {
    let body = json!({"token_type": "Bearer", "expires_in": seconds, "access_token": token});
    answer(200, &[], &body)
}

impl Peer {
    /// Answers in this order; tokens from their own list.
    pub fn new(tokens: Vec<Answer>, answers: Vec<Answer>) -> Self {
        let list = |mut list: Vec<Answer>| {
            list.reverse();
            Arc::new(Mutex::new(list))
        };
        Self {
            seen: Arc::default(),
            tokens: list(tokens),
            answers: list(answers),
            forms: Arc::default(),
            login_takes: Duration::ZERO,
        }
    }

    /// The same peer with a login host that takes its time.
    pub fn login_takes(self, login_takes: Duration) -> Self {
        Self {
            login_takes,
            ..self
        }
    }

    pub fn client(&self, clock: Clock, policy: RetryPolicy) -> Client {
        let peer = self.clone();
        let exchange: Exchange =
            BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
                let login = request.uri().host() == Some("login.example");
                let takes = if login {
                    peer.login_takes
                } else {
                    Duration::ZERO
                };
                let answer = peer.answer(clock, &request);
                async move {
                    if !takes.is_zero() {
                        clock.sleep(takes).await;
                    }
                    answer
                }
            }));
        let chance = Arc::new(Chance::seeded(5));
        let spec = TokenSpec {
            login: Origin::parse("https://login.example").unwrap(),
            tenant_id: "t1".to_owned(),
            client_id: "c1".to_owned(),
            secret: Secret::new("s&cret=1"),
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
        self.seen.lock().unwrap().push(Seen {
            at: clock.elapsed(),
            line: format!("{} {uri}", request.method()),
            token: header("authorization"),
            request_id: header("client-request-id"),
            priority: header("x-ms-throttle-priority"),
        });
        self.answers
            .lock()
            .unwrap()
            .pop()
            .expect("no more calls are expected")
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// A read of the bulk lane.
pub fn read() -> Call {
    let spec = CallSpec {
        method: "GET",
        template: "/users/{id}",
        lane: Lane::Bulk,
    };
    Call::new(spec, "/v1.0/users/o1").query("$select", "id,city")
}
