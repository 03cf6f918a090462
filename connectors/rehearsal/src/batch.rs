//! `$batch`: up to twenty calls in one envelope.
//!
//! Source: microsoft-graph-docs-contrib, concepts/json-batching.md. Invariant: each item is
//! metered, can fail and is recorded like a call of its own; the envelope counts on the global
//! bucket only.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::Fault;
use crate::answer::{Answer, Reply};
use crate::refusal::Refusal;
use crate::state::{Broken, Call, State, lost, same};
use crate::throttle::{Charge, Cost};

const ITEMS_MAX: usize = 20;

/// An item whose form is right.
struct Item {
    id: String,
    method: Method,
    url: String,
    headers: Map<String, Json>,
    body: Option<Json>,
    depends_on: Vec<String>,
}

impl State {
    /// Carries a batch out.
    pub(crate) fn batch(&mut self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.directory.settle(now);
        let cost = Cost::ENVELOPE;
        let mut served = self.begin(call, "/$batch", cost);
        if served.fault == Some(Fault::ResetBefore) {
            return self.end(served, Err(Broken));
        }
        let charge = self.charge(call.method, cost, now);
        let done = match charge.exhausted.clone() {
            Some(exhausted) => Err(self.throttle(exhausted, now)),
            None => match self.fail(served.fault, cost, same(call), now) {
                Some(refusal) => Err(refusal),
                None => items(call).map(|items| self.run(call, &items, now)),
            },
        };
        served.retry_after = done.as_ref().err().and_then(|refusal| refusal.retry_after);
        let answer = self.finish(call, cost, &charge, lost(done, served.fault), now);
        self.end(served, Ok(answer))
    }

    fn run(&mut self, call: &Call<'_>, items: &[Item], now: Timestamp) -> Answer {
        let mut statuses: BTreeMap<String, StatusCode> = BTreeMap::new();
        let mut responses = Vec::new();
        let mut waiting: Vec<&Item> = items.iter().collect();
        // The form has no cycles, so every round finds items that are ready.
        while !waiting.is_empty() {
            let ready = |item: &&Item| {
                item.depends_on
                    .iter()
                    .all(|id| statuses.contains_key(&id.to_lowercase()))
            };
            let (now_ready, later): (Vec<&Item>, Vec<&Item>) = waiting.into_iter().partition(ready);
            waiting = later;
            for item in now_ready {
                let failed = item.depends_on.iter().any(|id| {
                    statuses
                        .get(&id.to_lowercase())
                        .is_none_or(|status| !status.is_success())
                });
                let answer = self.item(call, item, failed, now);
                statuses.insert(item.id.to_lowercase(), answer.status);
                responses.push(answer.into_item(&item.id));
            }
        }
        let mut order = self.request_ids.clone();
        order.shuffle(&mut responses);
        Answer::ok(json!({ "responses": responses }))
    }

    fn item(&mut self, envelope: &Call<'_>, item: &Item, failed: bool, now: Timestamp) -> Answer {
        let header = |wanted: &str| {
            let found = item
                .headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.and_then(|(_, value)| value.as_str())
        };
        let (path, query) = match item.url.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (item.url.as_str(), None),
        };
        let body = item.body.as_ref().map(Json::to_string).unwrap_or_default();
        let call = Call {
            method: &item.method,
            path,
            beta: envelope.beta,
            query,
            body: body.as_bytes(),
            json: header("content-type").is_some_and(is_json),
            consistency: header("consistencylevel"),
            prefer: header("prefer"),
            user_agent: header("user-agent").or(envelope.user_agent),
            justification: header("x-msft-approval-justification"),
            approval_code: header("x-msft-approval-code"),
            client_request_id: header("client-request-id").or(envelope.client_request_id),
            origin: envelope.origin,
            arrived: envelope.arrived,
            in_batch: true,
        };
        let refusal = if failed {
            let status = StatusCode::FAILED_DEPENDENCY;
            let message = "A request that this request depends on has failed.";
            Some(Refusal::new(status, "FailedDependency", message))
        } else {
            misshapen(item, &call)
        };
        match refusal {
            // Not sent on to any service: counts nowhere and is no served call.
            Some(refusal) => {
                let charge = Charge {
                    exhausted: None,
                    fullest: 0.0,
                };
                self.finish(&call, Cost::ENVELOPE, &charge, Err(refusal), now)
            }
            None => match self.one(&call, now) {
                Reply::Answer(answer) | Reply::Slow(answer) => answer,
                Reply::Reset => {
                    let charge = Charge {
                        exhausted: None,
                        fullest: 0.0,
                    };
                    let refusal = Err(Refusal::unavailable(None));
                    self.finish(&call, Cost::ENVELOPE, &charge, refusal, now)
                }
            },
        }
    }
}

/// Whether a content type is JSON.
pub(crate) fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// What is wrong with one item alone.
fn misshapen(item: &Item, call: &Call<'_>) -> Option<Refusal> {
    let bad = |message: &str| Some(Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", message));
    if item.url.contains("://") || item.url.starts_with("//") {
        return bad("The URL of a batch request must be relative.");
    }
    if call.path.trim_start_matches('/') == "$batch" {
        return bad("A batch cannot hold a batch.");
    }
    match &item.body {
        Some(_) if !call.json => bad("Content-Type header is required for requests with a body."),
        None if item.method == Method::POST => bad("A POST in a batch must have a body."),
        Some(_) | None => None,
    }
}

/// Reads the envelope.
fn items(call: &Call<'_>) -> Result<Vec<Item>, Refusal> {
    let bad = |message: String| Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", message);
    if call.query.is_some_and(|query| !query.is_empty()) {
        return Err(bad("A batch has no query options.".to_owned()));
    }
    if !call.json {
        return Err(bad(
            "The Content-Type of a batch must be application/json.".to_owned()
        ));
    }
    let unreadable = || bad("Unable to read JSON request payload.".to_owned());
    let body: Json = serde_json::from_slice(call.body).map_err(|_| unreadable())?;
    let requests = body
        .get("requests")
        .and_then(Json::as_array)
        .ok_or_else(unreadable)?;
    if requests.is_empty() || requests.len() > ITEMS_MAX {
        return Err(bad(format!(
            "The number of batch requests must be from 1 to {ITEMS_MAX}."
        )));
    }
    let items: Option<Vec<Item>> = requests.iter().map(item).collect();
    let items =
        items.ok_or_else(|| bad("A batch request lacks its id, method or url.".to_owned()))?;
    let mut ids = BTreeSet::new();
    if !items.iter().all(|item| ids.insert(item.id.to_lowercase())) {
        return Err(bad("The ids of batch requests must be unique.".to_owned()));
    }
    if !ordered(&items, &ids) {
        let message = "dependsOn names a request that is not there, or itself.";
        return Err(bad(message.to_owned()));
    }
    Ok(items)
}

/// Whether every dependency exists and none leads in a circle.
fn ordered(items: &[Item], ids: &BTreeSet<String>) -> bool {
    let mut done: BTreeSet<String> = BTreeSet::new();
    let known = |item: &Item| {
        item.depends_on
            .iter()
            .all(|id| ids.contains(&id.to_lowercase()))
    };
    if !items.iter().all(known) {
        return false;
    }
    loop {
        let before = done.len();
        for item in items {
            if item
                .depends_on
                .iter()
                .all(|id| done.contains(&id.to_lowercase()))
            {
                done.insert(item.id.to_lowercase());
            }
        }
        if done.len() == items.len() {
            return true;
        }
        if done.len() == before {
            return false;
        }
    }
}

fn item(json: &Json) -> Option<Item> {
    let text = |name: &str| json.get(name).and_then(Json::as_str);
    let depends_on = match json.get("dependsOn") {
        None | Some(Json::Null) => Vec::new(),
        Some(ids) => ids
            .as_array()?
            .iter()
            .map(|id| id.as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
    };
    let headers = match json.get("headers") {
        None | Some(Json::Null) => Map::new(),
        Some(headers) => headers.as_object()?.clone(),
    };
    Some(Item {
        id: text("id").filter(|id| !id.is_empty())?.to_owned(),
        method: Method::from_bytes(text("method")?.to_ascii_uppercase().as_bytes()).ok()?,
        url: text("url").filter(|url| !url.is_empty())?.to_owned(),
        headers,
        body: json.get("body").filter(|body| !body.is_null()).cloned(),
        depends_on,
    })
}
