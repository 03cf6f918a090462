//! A peer written by hand: it checks what it is sent and answers as documented.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use rollcall_core::model::{
    ActionId, Attributes, Ending, ObjectId, Op, PersonKey, Step, Value as Attribute,
};
use rollcall_entra::{Entra, EntraConfig};
use rollcall_http::{Clock, Exchange, Secret, TransportError};
use serde_json::{Value, json};
use tower::util::BoxCloneSyncService;

/// What a peer gives back.
pub(crate) type Answer = Result<Response<Bytes>, TransportError>;

/// A request as the peer sees it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// When, on the clock's own scale.
    pub(crate) at: Duration,
    /// Method, path and query, as sent (`GET /v1.0/users?$select=id`).
    pub(crate) line: String,
    /// JSON body; null without one.
    pub(crate) body: Value,
    /// `x-ms-throttle-priority`.
    pub(crate) priority: String,
    /// `Prefer`; empty without one.
    pub(crate) prefer: String,
}

/// A connector in front of a peer, and what the peer was asked.
pub(crate) struct Stage {
    pub(crate) entra: Entra,
    pub(crate) clock: Clock,
    asked: Arc<Mutex<Vec<Asked>>>,
}

pub(crate) const SECRET: &str = "s3cret-of-the-application";
pub(crate) const TOKEN: &str = "t0ken-of-the-tenant";

/// A connector in front of a peer that answers by `handler`. The login host is answered here.
pub(crate) fn stage(handler: impl FnMut(&Asked) -> Answer + Send + 'static) -> Stage {
    let clock = Clock::starting_at("2026-03-16T02:00:00Z".parse().unwrap());
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let handler = Arc::new(Mutex::new(handler));
    let seen = Arc::clone(&asked);
    let exchange: Exchange =
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let answer = if request.uri().host() == Some("login.microsoftonline.com") {
                assert_eq!(request.uri().path(), "/tenant-1/oauth2/v2.0/token");
                let body =
                    json!({"token_type": "Bearer", "expires_in": 86_400, "access_token": TOKEN});
                reply(200, &body)
            } else {
                assert_eq!(request.uri().host(), Some("graph.microsoft.com"));
                assert_eq!(
                    request.headers()["authorization"],
                    format!("Bearer {TOKEN}")
                );
                let one = read(&request, clock);
                seen.lock().unwrap().push(one.clone());
                (*handler.lock().unwrap())(&one)
            };
            async move { answer }
        }));
    let mut config = EntraConfig::new("tenant-1", "client-1", Secret::new(SECRET));
    config.seed = 11;
    Stage {
        entra: Entra::new(config, exchange, clock).unwrap(),
        clock,
        asked,
    }
}

fn read(request: &Request<Bytes>, clock: Clock) -> Asked {
    let body = if request.body().is_empty() {
        Value::Null
    } else {
        assert_eq!(request.headers()["content-type"], "application/json");
        serde_json::from_slice(request.body()).unwrap()
    };
    let path = request.uri().path_and_query().unwrap();
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    };
    let line = format!("{} {path}", request.method());
    Asked {
        at: clock.elapsed(),
        line,
        body,
        priority: header("x-ms-throttle-priority"),
        prefer: header("prefer"),
    }
}

impl Asked {
    /// Method and path, the query left out.
    pub(crate) fn plain(&self) -> &str {
        self.line.split('?').next().unwrap()
    }
}

impl Stage {
    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Method and path of everything asked so far, queries left out.
    pub(crate) fn lines(&self) -> Vec<String> {
        let asked = self.asked();
        asked.iter().map(|one| one.plain().to_owned()).collect()
    }

    /// Carries a step out.
    pub(crate) async fn ends(&self, step: &Step) -> Ending {
        self.entra.apply(step).await.ending
    }
}

/// An answer with a body; none for 204.
pub(crate) fn reply(status: u16, body: &Value) -> Answer {
    let bytes = if body.is_null() {
        Bytes::new()
    } else {
        Bytes::from(body.to_string())
    };
    Ok(Response::builder().status(status).body(bytes).unwrap())
}

/// A list of two pages, the second behind the link of the first.
pub(crate) fn paged(asked: &Asked, first: &Value, second: &Value) -> Answer {
    if asked.line.ends_with("$skiptoken=2") {
        return reply(200, &json!({ "value": second }));
    }
    let path = asked.plain().trim_start_matches("GET ");
    let next = format!("https://graph.microsoft.com{path}?$skiptoken=2");
    reply(200, &json!({ "value": first, "@odata.nextLink": next }))
}

/// 204.
pub(crate) fn done() -> Answer {
    reply(204, &Value::Null)
}

/// An error in Graph's shape.
pub(crate) fn refuse(status: u16, code: &str, message: &str) -> Answer {
    reply(status, &error(code, message))
}

/// The body of one.
pub(crate) fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message, "innerError": {"request-id": "r"}}})
}

/// 404 as the directory gives it.
pub(crate) fn missing() -> Answer {
    refuse(
        404,
        "Request_ResourceNotFound",
        "Resource 'x' does not exist.",
    )
}

/// The duplicate create.
pub(crate) fn name_taken() -> Answer {
    let message =
        "Another object with the same value for property userPrincipalName already exists.";
    refuse(400, "Request_BadRequest", message)
}

/// An invented user.
pub(crate) fn user(id: &str, key: &str, name: &str, enabled: bool) -> Value {
    json!({"id": id, "employeeId": key, "userPrincipalName": name, "accountEnabled": enabled})
}

/// A step for account `o1` of worker `1001`.
pub(crate) fn step(op: Op) -> Step {
    Step {
        object: (op != Op::UserCreate).then(|| ObjectId::new("o1")),
        ..Step::new(ActionId::new("a1"), PersonKey::new("1001"), op, "1001")
    }
}

/// An answer to a batch of reads, each answered by `read` from its address.
pub(crate) fn batched(asked: &Asked, read: impl Fn(&str) -> (u16, Value)) -> Answer {
    let requests = asked.body["requests"].as_array().unwrap();
    let one = |request: &Value| {
        assert_eq!(request["method"], "GET");
        let (status, body) = read(request["url"].as_str().unwrap());
        json!({"id": request["id"], "status": status, "body": body})
    };
    // In any order: here the last one first.
    let responses: Vec<Value> = requests.iter().rev().map(one).collect();
    reply(200, &json!({ "responses": responses }))
}

/// Attributes from text pairs; the empty text is null.
pub(crate) fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    let value = |text: &str| {
        if text.is_empty() {
            Attribute::Null
        } else {
            Attribute::text(text)
        }
    };
    pairs
        .iter()
        .map(|(name, text)| ((*name).to_owned(), value(text)))
        .collect()
}

/// An ending in a word: the code of a failure, what is waited for, else its name.
pub(crate) fn outcome(ending: &Ending) -> String {
    match ending {
        Ending::Failed { code, hint } => {
            assert!(hint.len() > 20, "{hint}");
            code.clone()
        }
        Ending::Waiting { reason, .. } => reason.clone(),
        Ending::Done
        | Ending::Already
        | Ending::Stale { .. }
        | Ending::Held { .. }
        | Ending::Unknown { .. } => ending.name().to_owned(),
    }
}
