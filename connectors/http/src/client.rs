//! One authenticated call: token, quota, exchange, retry.
//!
//! Order per attempt: token, permission of every bucket, send. What fails and may work later goes
//! round again, and pays again. Invariant: a body is sent as given and read into a value; it is
//! neither logged nor kept here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::batch::after;
use crate::{
    Attempts, CallError, CallErrorKind, Chance, Clock, Cost, Exchange, Fault, Lane, Next, Origin,
    Quotas, Retry, RetryPolicy, Secret, Situation, ThrottleScope, TokenSource, cost_of,
    encode_component, retry_after,
};

/// What a client is made of.
pub struct Setup {
    /// Carries the calls.
    pub exchange: Exchange,
    /// Whose time it is.
    pub clock: Clock,
    /// Asked before every call.
    pub quotas: Arc<Quotas>,
    /// Where tokens come from.
    pub tokens: TokenSource,
    /// Where the peer lives.
    pub origin: Origin,
    /// Jitter and request ids.
    pub chance: Arc<Chance>,
    /// Bounds of the retry loop.
    pub policy: RetryPolicy,
}

/// A client of one peer; cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    setup: Setup,
    counted: Counted,
}

/// What a client has counted over all buckets.
#[derive(Debug, Default)]
struct Counted {
    calls: AtomicU64,
    retries: AtomicU64,
    throttled: AtomicU64,
    throttled_tenant_wide: AtomicU64,
    units_reported: AtomicU64,
    cost_differs: AtomicU64,
    tokens_renewed: AtomicU64,
}

/// The fixed part of a call.
#[derive(Debug, Clone, Copy)]
pub struct CallSpec {
    /// HTTP method.
    pub method: &'static str,
    /// Path with placeholders, for the cost (`/users/{id}`); the only part of a path in logs.
    pub template: &'static str,
    /// Which queue it stands in.
    pub lane: Lane,
}

/// One call. `Debug` is missing on purpose: path, query and body name people.
#[derive(Clone)]
pub struct Call {
    /// Method, template, lane.
    pub spec: CallSpec,
    /// The path, segments encoded already, from the root (`/v1.0/users/…`). May carry a query, as
    /// a link from the peer does.
    pub path: String,
    /// Query options, not encoded yet.
    pub query: Vec<(&'static str, String)>,
    /// More headers.
    pub headers: Vec<(&'static str, String)>,
    /// JSON body.
    pub body: Option<Value>,
    /// Not sent again where it may have been taken.
    pub once: bool,
}

impl Call {
    /// A call without query, headers and body.
    pub fn new(spec: CallSpec, path: impl Into<String>) -> Self {
        Self {
            spec,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            once: false,
        }
    }

    /// The same with a query option.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same, for what must not happen twice: where it may have been taken it is not sent again, and the
    /// error says so ([`CallError::maybe_taken`]).
    #[must_use]
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Path and query as they are sent.
    pub fn target(&self) -> String {
        let mut target = self.path.clone();
        for (name, value) in &self.query {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(name);
            target.push('=');
            target.push_str(&encode_component(value));
        }
        target
    }

    /// What it takes from the buckets. The options of a link that the peer handed back count as
    /// well: a later page costs what the first did.
    pub fn cost(&self) -> Cost {
        let mut template = self.spec.template.to_owned();
        let linked = self.path.split_once('?').map_or("", |(_, query)| query);
        let own = self
            .query
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        for (name, value) in linked
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .chain(own)
        {
            let name = name.replace("%24", "$");
            if matches!(name.as_str(), "$select" | "$expand" | "$top") {
                template.push(if template.contains('?') { '&' } else { '?' });
                template.push_str(&name);
                if name == "$top" {
                    template.push('=');
                    template.push_str(value);
                }
            }
        }
        cost_of(self.spec.method, &template)
    }
}

/// An answer of the 2xx kind. `Debug` is missing on purpose.
#[derive(Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body; null when there is none.
    pub body: Value,
    /// `client-request-id` of the attempt that worked.
    pub request_id: String,
    /// Calls made, retries included.
    pub calls: u32,
}

/// How one attempt ended, when it did not work.
struct Failed {
    kind: CallErrorKind,
    class: Retry,
    /// A 429: freezes what the call takes from.
    throttled: bool,
    /// Which bucket it was, where the peer said so.
    scope: Option<ThrottleScope>,
}

impl Client {
    /// A client with nothing sent yet.
    pub fn new(setup: Setup) -> Self {
        Self(Arc::new(Inner {
            setup,
            counted: Counted::default(),
        }))
    }

    /// Its clock.
    pub fn clock(&self) -> Clock {
        self.0.setup.clock
    }

    /// Its quotas.
    pub fn quotas(&self) -> &Quotas {
        &self.0.setup.quotas
    }

    /// Where its peer lives.
    pub fn origin(&self) -> &Origin {
        &self.0.setup.origin
    }

    /// Its source of jitter.
    pub fn chance(&self) -> &Chance {
        &self.0.setup.chance
    }

    /// The bounds of its retry loop.
    pub fn policy(&self) -> &RetryPolicy {
        &self.0.setup.policy
    }

    /// Its tokens.
    pub fn tokens(&self) -> &TokenSource {
        &self.0.setup.tokens
    }

    /// Counters for the report: calls, retries, throttling, and each bucket's. No ids, no names.
    pub fn usage(&self) -> Value {
        let c = &self.0.counted;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        serde_json::json!({
            "calls": get(&c.calls),
            "retries": get(&c.retries),
            "throttled": get(&c.throttled),
            "throttled_tenant_wide": get(&c.throttled_tenant_wide),
            "units_reported": get(&c.units_reported),
            "cost_differs": get(&c.cost_differs),
            "tokens_renewed": get(&c.tokens_renewed),
            "buckets": self.quotas().usage(),
        })
    }

    /// Freezes what a throttled call or batch item ran into, and counts it.
    pub fn throttled(&self, cost: Cost, scope: Option<ThrottleScope>, wait: std::time::Duration) {
        let counted = &self.0.counted;
        counted.throttled.fetch_add(1, Ordering::Relaxed);
        if scope.is_some_and(|s| s.tenant_wide) {
            counted
                .throttled_tenant_wide
                .fetch_add(1, Ordering::Relaxed);
            tracing::warn!("The tenant as a whole is throttled; other applications take part.");
        }
        self.quotas().freeze(cost, scope, wait);
    }

    /// Takes in how full the peer says that a quota is.
    pub(crate) fn heard(&self, cost: Cost, full: Option<&str>) {
        if let Some(full) = full.and_then(thousandths) {
            self.quotas().hear(cost, full);
        }
    }

    /// Compares what the peer says a call cost with what was taken for it.
    pub fn reported_units(&self, cost: Cost, reported: Option<u32>, template: &'static str) {
        let Some(reported) = reported else { return };
        let counted = &self.0.counted;
        counted
            .units_reported
            .fetch_add(u64::from(reported), Ordering::Relaxed);
        if reported != cost.units() {
            counted.cost_differs.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(
                template,
                reported,
                table = cost.units(),
                "A call cost other than listed."
            );
        }
    }

    /// Sends a call and sees it through: quota, token, retries.
    ///
    /// # Errors
    /// [`CallError`] with the last failure. A refused token is renewed once; throttling beyond
    /// the policy's bounds ends as `Throttled` with the instant to come back.
    pub async fn send(&self, call: Call) -> Result<Reply, CallError> {
        let Setup {
            clock,
            quotas,
            tokens,
            chance,
            policy,
            ..
        } = &self.0.setup;
        let counted = &self.0.counted;
        let cost = call.cost();
        let target = call.target();
        let body = call
            .body
            .as_ref()
            .map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let mut attempts = Attempts::new(policy, chance);
        let mut calls = 0_u32;
        let mut request_id = None;
        let mut renewed = false;
        let mut refused: Option<Arc<Secret>> = None;
        let fail = |kind, request_id, calls| {
            Err(CallError {
                kind,
                request_id,
                calls,
            })
        };
        loop {
            let token = match refused.take() {
                Some(old) => tokens.renew(&old).await,
                None => tokens.get().await,
            };
            let token = match token {
                Ok(token) => token,
                Err(error) => return fail(error.into(), request_id, calls),
            };
            // Last, so that nothing stands between the permission and the sending of it.
            if let Err(frozen) = quotas
                .acquire(cost, call.spec.lane, policy.retry_after_max)
                .await
            {
                let kind = CallErrorKind::Throttled {
                    until: frozen.until,
                };
                return fail(kind, request_id, calls);
            }
            let id = chance.guid();
            let request = match self.request(&call, &target, body.clone(), &token, &id) {
                Ok(request) => request,
                Err(error) => return fail(error.into(), request_id, calls),
            };
            calls += 1;
            counted.calls.fetch_add(1, Ordering::Relaxed);
            let answer = self.0.setup.exchange.clone().oneshot(request).await;
            log_attempt(call.spec, calls, &id, &answer);
            request_id = Some(id);
            let failed = match answer {
                Ok(response) => match self.read(&call, cost, &response) {
                    Ok((status, body)) => {
                        let request_id = request_id.unwrap_or_default();
                        return Ok(Reply {
                            status,
                            body,
                            request_id,
                            calls,
                        });
                    }
                    Err(failed) => failed,
                },
                Err(error) => Failed {
                    class: error.retry(),
                    kind: error.into(),
                    throttled: false,
                    scope: None,
                },
            };
            if let CallErrorKind::Refused(fault) = &failed.kind
                && fault.situation == Situation::TokenInvalid
                && !renewed
            {
                renewed = true;
                counted.tokens_renewed.fetch_add(1, Ordering::Relaxed);
                refused = Some(token);
                continue;
            }
            let next = if call.once && failed.kind.maybe_taken() {
                Next::GiveUp
            } else {
                attempts.next(failed.class)
            };
            if failed.throttled {
                let wait = match (next, failed.class) {
                    (Next::Wait(wait) | Next::Later(wait), _) => wait,
                    (Next::GiveUp, Retry::After(asked)) => asked,
                    (Next::GiveUp, Retry::Backoff | Retry::Never) => policy.backoff_first,
                };
                self.throttled(cost, failed.scope, wait);
            }
            match next {
                Next::Wait(wait) => {
                    counted.retries.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(
                        method = call.spec.method,
                        template = call.spec.template,
                        attempt = attempts.failed(),
                        wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                        "A call failed and is tried again."
                    );
                    clock.sleep(wait).await;
                }
                Next::Later(asked) => {
                    let kind = CallErrorKind::Throttled {
                        until: after(*clock, asked),
                    };
                    return fail(kind, request_id, calls);
                }
                Next::GiveUp if failed.throttled => {
                    let kind = CallErrorKind::Throttled {
                        until: after(*clock, policy.backoff_max),
                    };
                    return fail(kind, request_id, calls);
                }
                Next::GiveUp => return fail(failed.kind, request_id, calls),
            }
        }
    }

    fn request(
        &self,
        call: &Call,
        target: &str,
        body: Bytes,
        token: &Secret,
        id: &str,
    ) -> Result<Request<Bytes>, crate::TransportError> {
        let invalid = || crate::TransportError::Request("a part of it is not valid".to_owned());
        let mut authorization = http::HeaderValue::try_from(format!("Bearer {}", token.reveal()))
            .map_err(|_| invalid())?;
        authorization.set_sensitive(true);
        let mut builder = Request::builder()
            .method(Method::from_bytes(call.spec.method.as_bytes()).map_err(|_| invalid())?)
            .uri(format!("{}{target}", self.origin()))
            .header(header::AUTHORIZATION, authorization)
            .header(header::ACCEPT, "application/json")
            .header("client-request-id", id)
            .header("x-ms-throttle-priority", call.spec.lane.priority());
        if call.body.is_some() {
            builder = builder.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in &call.headers {
            builder = builder.header(*name, value.as_str());
        }
        builder.body(body).map_err(|_| invalid())
    }

    /// A success gives status and body; anything else the failure and its retry class.
    fn read(
        &self,
        call: &Call,
        cost: Cost,
        response: &Response<Bytes>,
    ) -> Result<(u16, Value), Failed> {
        let headers = response.headers();
        self.reported_units(
            cost,
            number(headers, "x-ms-resource-unit"),
            call.spec.template,
        );
        let full = headers.get("x-ms-throttle-limit-percentage");
        let full = full.and_then(|it| it.to_str().ok());
        self.heard(cost, full);
        let status = response.status();
        if status.is_success() {
            if response.body().is_empty() || status == StatusCode::NO_CONTENT {
                return Ok((status.as_u16(), Value::Null));
            }
            return match serde_json::from_slice(response.body()) {
                Ok(body) => Ok((status.as_u16(), body)),
                // The answer broke off; what was asked may have been done.
                Err(_) => Err(Failed {
                    kind: CallErrorKind::Malformed {
                        what: "the body is not JSON",
                    },
                    class: Retry::Backoff,
                    throttled: false,
                    scope: None,
                }),
            };
        }
        let mut fault = Fault::read(status.as_u16(), response.body());
        let throttled = fault.situation == Situation::Throttled;
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        if fault.situation == Situation::ApprovalRequired {
            fault.approval = text("x-msft-approval-code").map(Box::from);
        }
        let scope = text("x-ms-throttle-scope")
            .filter(|_| throttled)
            .and_then(|scope| ThrottleScope::parse(scope, text("x-ms-throttle-information")));
        let class = match (fault.retry(), retry_after(headers, self.clock().now())) {
            (Retry::Backoff, Some(asked)) => Retry::After(asked),
            (class @ (Retry::Backoff | Retry::Never | Retry::After(_)), _) => class,
        };
        Err(Failed {
            kind: fault.into(),
            class,
            throttled,
            scope,
        })
    }
}

/// What may be said of an attempt: neither path nor body nor header is in it.
fn log_attempt(
    spec: CallSpec,
    attempt: u32,
    request_id: &str,
    answer: &Result<Response<Bytes>, crate::TransportError>,
) {
    let CallSpec {
        method, template, ..
    } = spec;
    match answer {
        Ok(response) => tracing::debug!(
            method,
            template,
            attempt,
            request_id,
            status = response.status().as_u16(),
            "A call was answered."
        ),
        Err(error) => tracing::debug!(
            method,
            template,
            attempt,
            request_id,
            code = error.code(),
            "A call got no answer."
        ),
    }
}

/// A decimal as the header has it (`0.97`), in thousandths.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits: String = part.chars().chain("000".chars()).take(3).collect();
    let whole: u32 = whole.parse().ok()?;
    whole.checked_mul(1000)?.checked_add(digits.parse().ok()?)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u32> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
