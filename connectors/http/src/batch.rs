//! Many reads in one exchange: `$batch`.
//!
//! A batch saves round trips, not quota: each item takes its tokens before the envelope is sent,
//! and is answered, throttled and tried again on its own
//! (microsoft-graph-docs-contrib, concepts/json-batching.md). Invariant: answers are matched by
//! id, whatever their order.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use crate::{
    Attempts, Call, CallError, CallErrorKind, CallSpec, Client, Clock, Fault, Lane, Next, Retry,
    Situation, ThrottleScope, retry_after,
};

/// Items in one envelope at most.
pub const ITEMS_MAX: usize = 20;

/// The answer to one item: its body, or a final error.
pub type Answer = Result<Json, Fault>;

/// The answers to all items, in their order.
pub struct Answers {
    /// In the order of the calls.
    pub items: Vec<Answer>,
    /// Envelopes sent, retries included.
    pub calls: u32,
    /// `client-request-id` of the last one.
    pub request_id: Option<String>,
}

/// What one round left over.
#[derive(Default)]
struct Leftover {
    again: Vec<usize>,
    /// The largest wish of any item.
    asked: Option<std::time::Duration>,
    throttled: Vec<(usize, Option<ThrottleScope>)>,
    last: Option<Fault>,
}

impl Client {
    /// Sends reads, at most [`ITEMS_MAX`], and gives their answers in the same order.
    ///
    /// # Errors
    /// [`CallError`] when the envelope fails, or when an item stays throttled or transient
    /// through all tries.
    pub async fn batch(&self, items: &[Call]) -> Result<Answers, CallError> {
        debug_assert!(items.len() <= ITEMS_MAX);
        let client = self;
        let policy = client.policy();
        let mut attempts = Attempts::new(policy, client.chance());
        let mut answers: Vec<Option<Answer>> = vec![None; items.len()];
        let mut pending: Vec<usize> = (0..items.len()).collect();
        let (mut calls, mut request_id) = (0, None);
        loop {
            let fail = |kind| CallError {
                kind,
                request_id: request_id.clone(),
                calls,
            };
            for item in pending.iter().map(|at| &items[*at]) {
                let patience = policy.retry_after_max;
                let taken = client
                    .quotas()
                    .acquire(item.cost(), item.spec.lane, patience)
                    .await;
                taken.map_err(|frozen| {
                    fail(CallErrorKind::Throttled {
                        until: frozen.until,
                    })
                })?;
            }
            let requests: Vec<Json> = pending
                .iter()
                .map(|at| {
                    let target = items[*at].target();
                    // Relative to the version root.
                    let url = target.strip_prefix("/v1.0").unwrap_or(&target);
                    json!({ "id": at.to_string(), "method": items[*at].spec.method, "url": url })
                })
                .collect();
            let reply = client
                .send(envelope(json!({ "requests": requests })))
                .await?;
            calls += reply.calls;
            request_id = Some(reply.request_id);
            let mut answered = by_id(&reply.body)
                .ok_or_else(|| CallError::malformed("a batch answer has no list of `responses`"))?;
            let mut leftover = Leftover::default();
            for at in pending {
                match answered.remove(&at) {
                    Some(item) => {
                        self.take(&items[at], at, item, &mut answers[at], &mut leftover);
                    }
                    // Not answered is not refused.
                    None => leftover.again.push(at),
                }
            }
            if leftover.again.is_empty() {
                let missing = CallError::malformed("a batch item has no answer");
                let answers = answers.into_iter().collect::<Option<Vec<Answer>>>();
                return Ok(Answers {
                    items: answers.ok_or(missing)?,
                    calls,
                    request_id,
                });
            }
            let class = leftover.asked.map_or(Retry::Backoff, Retry::After);
            let next = attempts.next(class);
            let wait = match next {
                Next::Wait(wait) | Next::Later(wait) => wait,
                Next::GiveUp => policy.backoff_first,
            };
            for (at, scope) in &leftover.throttled {
                client.throttled(items[*at].cost(), *scope, wait);
            }
            let fail = |kind| CallError {
                kind,
                request_id: request_id.clone(),
                calls,
            };
            match next {
                Next::Wait(wait) => client.clock().sleep(wait).await,
                Next::Later(wait) => {
                    let until = after(client.clock(), wait);
                    return Err(fail(CallErrorKind::Throttled { until }));
                }
                Next::GiveUp if !leftover.throttled.is_empty() => {
                    let until = after(client.clock(), policy.backoff_max);
                    return Err(fail(CallErrorKind::Throttled { until }));
                }
                Next::GiveUp => {
                    let what = "a batch item has no answer";
                    let kind = leftover
                        .last
                        .map_or(CallErrorKind::Malformed { what }, CallErrorKind::Refused);
                    return Err(fail(kind));
                }
            }
            pending = leftover.again;
        }
    }

    /// Sorts one item's answer: final, or to be asked again.
    fn take(
        &self,
        call: &Call,
        at: usize,
        item: Item,
        answer: &mut Option<Answer>,
        leftover: &mut Leftover,
    ) {
        let text = |name: &str| item.headers.get(name).and_then(|v| v.to_str().ok());
        let units = text("x-ms-resource-unit").and_then(|units| units.trim().parse().ok());
        self.reported_units(call.cost(), units, call.spec.template);
        self.heard(call.cost(), text("x-ms-throttle-limit-percentage"));
        if (200..300).contains(&item.status) {
            *answer = Some(Ok(item.body));
            return;
        }
        let fault = Fault::from_value(item.status, &item.body);
        if fault.retry() == Retry::Never {
            *answer = Some(Err(fault));
            return;
        }
        leftover.again.push(at);
        leftover.asked = leftover
            .asked
            .max(retry_after(&item.headers, self.clock().now()));
        if fault.situation == Situation::Throttled {
            let information = text("x-ms-throttle-information");
            let scope = text("x-ms-throttle-scope")
                .and_then(|scope| ThrottleScope::parse(scope, information));
            leftover.throttled.push((at, scope));
        }
        leftover.last = Some(fault);
    }
}

struct Item {
    status: u16,
    headers: HeaderMap,
    body: Json,
}

fn envelope(body: Json) -> Call {
    let spec = CallSpec {
        method: "POST",
        template: "/$batch",
        lane: Lane::Bulk,
    };
    Call::new(spec, "/v1.0/$batch").body(body)
}

/// An item's final error as that of a call of its own.
pub fn refused(fault: Fault) -> CallError {
    CallError {
        kind: CallErrorKind::Refused(fault),
        request_id: None,
        calls: 0,
    }
}

/// The answers by the number that we gave as id; what cannot be read is as if it had not come.
fn by_id(body: &Json) -> Option<BTreeMap<usize, Item>> {
    let responses = body.get("responses")?.as_array()?;
    let item = |response: &Json| {
        let id = response.get("id")?.as_str()?.parse().ok()?;
        let status = u16::try_from(response.get("status")?.as_u64()?).ok()?;
        let headers = response
            .get("headers")
            .and_then(Json::as_object)
            .into_iter()
            .flatten();
        let headers = headers
            .filter_map(|(name, value)| {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                Some((
                    name.parse::<HeaderName>().ok()?,
                    HeaderValue::try_from(text).ok()?,
                ))
            })
            .collect();
        let body = response.get("body").cloned().unwrap_or(Json::Null);
        Some((
            id,
            Item {
                status,
                headers,
                body,
            },
        ))
    };
    Some(responses.iter().filter_map(item).collect())
}

/// So long from now.
pub fn after(clock: Clock, wait: std::time::Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    clock.now().checked_add(wait).unwrap_or(Timestamp::MAX)
}
