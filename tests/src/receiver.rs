//! A simulated receiver of notices: it checks what a careful one would, and can say no in every
//! way. Not written with the sender's own signing code.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use rollcall_core::{base64, digest};
use rollcall_http::{Clock, Exchange, TransportError};
use serde_json::Value;
use tower::util::BoxCloneSyncService;

/// What it does with the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes it and says so.
    Take,
    /// Is not well: 503, with `Retry-After` in seconds.
    Busy(u64),
    /// Takes it and closes the connection.
    HangUp,
    /// Takes it, and answers so late that nobody listens any more.
    Dawdle,
    /// Closes its door: no connection.
    Away,
    /// Answers with this status.
    Answer(u16),
}

/// A receiver; clones are the same one.
#[derive(Clone)]
pub struct Receiver(Arc<Mutex<Inner>>);

struct Inner {
    secret: Vec<u8>,
    clock: Clock,
    /// It keeps one notice of a key.
    idempotent: bool,
    moods: BTreeMap<String, VecDeque<Mood>>,
    requests: u32,
    /// What it took by key, and how often.
    taken: BTreeMap<String, (Value, u32)>,
}

/// The secret that it knows.
pub const SECRET: &str = "whsec_cm9sbGNhbGwgdGVzdHMgb25seSwgcHVibGlj";

impl Receiver {
    /// One in a good mood.
    pub fn new(clock: Clock) -> Self {
        let secret = SECRET.trim_start_matches("whsec_");
        Self(Arc::new(Mutex::new(Inner {
            secret: base64::decode(secret).unwrap_or_default(),
            clock,
            idempotent: false,
            moods: BTreeMap::new(),
            requests: 0,
            taken: BTreeMap::new(),
        })))
    }

    /// One that keeps one notice of a key, however often it comes.
    #[must_use]
    pub fn idempotent(self) -> Self {
        self.inner().idempotent = true;
        self
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it does with the next requests about an operation; then it takes them.
    pub fn feels(&self, op: &str, moods: impl IntoIterator<Item = Mood>) {
        let mut inner = self.inner();
        inner.moods.entry(op.to_owned()).or_default().extend(moods);
    }

    /// Requests that reached it.
    pub fn requests(&self) -> u32 {
        self.inner().requests
    }

    /// What it took: operation and worker of each notice, and how often it came. Sorted.
    pub fn taken(&self) -> Vec<(String, String, u32)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let inner = self.inner();
        let mut out: Vec<_> = inner
            .taken
            .values()
            .map(|(it, times)| (text(&it["type"]), text(&it["data"]["worker"]), *times))
            .collect();
        out.sort();
        out
    }

    /// The documents that it took.
    pub fn documents(&self) -> Vec<Value> {
        let inner = self.inner();
        inner.taken.values().map(|(it, _)| it.clone()).collect()
    }

    /// The way to it, in place of a network.
    pub fn exchange(&self) -> Exchange {
        let receiver = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let receiver = receiver.clone();
            async move {
                let mood = receiver.inner().mood(request.body());
                let answer = |status: u16, headers: &[(&str, String)]| {
                    let builder = Response::builder().status(status);
                    let builder = headers.iter().fold(builder, |b, (k, v)| b.header(*k, v));
                    builder
                        .body(Bytes::new())
                        .map_err(|e| TransportError::Request(e.to_string()))
                };
                match mood {
                    Mood::Away => return Err(TransportError::Connect),
                    Mood::Busy(secs) => {
                        return answer(503, &[("retry-after", secs.to_string())]);
                    }
                    Mood::Answer(status) => return answer(status, &[]),
                    Mood::Take | Mood::HangUp | Mood::Dawdle => {}
                }
                if let Err(status) = receiver.inner().take(&request) {
                    return answer(status, &[]);
                }
                if mood == Mood::Dawdle {
                    let clock = receiver.inner().clock;
                    clock.sleep(Duration::from_hours(1)).await;
                }
                if mood == Mood::HangUp {
                    return Err(TransportError::Reset);
                }
                answer(202, &[])
            }
        }))
    }
}

impl Inner {
    fn mood(&mut self, body: &[u8]) -> Mood {
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        let op = document["type"].as_str().unwrap_or_default();
        let moods = self.moods.get_mut(op);
        moods.and_then(VecDeque::pop_front).unwrap_or(Mood::Take)
    }

    /// What a careful receiver checks before it believes anything; the status of its refusal.
    fn take(&mut self, request: &Request<Bytes>) -> Result<(), u16> {
        self.requests += 1;
        let header = |name: &str| {
            let value = request.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
        let (id, at) = (id.ok_or(400_u16)?, at.ok_or(400_u16)?);
        let seconds: i64 = at.parse().map_err(|_| 400_u16)?;
        if (self.clock.now().as_second() - seconds).abs() > 300 {
            return Err(401);
        }
        let body = request.body();
        let mut signed = format!("{id}.{at}.").into_bytes();
        signed.extend_from_slice(body);
        let expected = digest::hmac_sha256(&self.secret, &signed);
        let signature = header("webhook-signature").ok_or(401_u16)?;
        let given = signature.split(' ').filter_map(|it| it.strip_prefix("v1,"));
        let mut given = given.filter_map(base64::decode);
        if !given.any(|it| it == expected) {
            return Err(401);
        }
        if header("idempotency-key").as_deref() != Some(&id) {
            return Err(400);
        }
        let document: Value = serde_json::from_slice(body).map_err(|_| 400_u16)?;
        if document["format_version"] != 1 || document["data"]["id"] != id.as_str() {
            return Err(422);
        }
        match self.taken.get_mut(&id) {
            Some((known, _)) if *known != document => return Err(422),
            Some(_) if self.idempotent => {}
            Some((_, times)) => *times += 1,
            None => {
                self.taken.insert(id, (document, 1));
            }
        }
        Ok(())
    }
}
