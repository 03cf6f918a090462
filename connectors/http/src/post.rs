//! One message to somebody else's address: posted, and tried again only where that is safe.
//!
//! What tells a post from a call of [`crate::Client`]: nobody can be asked afterwards what became
//! of it. So the answers are sorted by whether the message may have been taken. Invariant: a
//! message that may have been taken is not sent again, unless the receiver keeps one of a key.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use jiff::{SignedDuration, Timestamp};
use tower::ServiceExt as _;

use crate::{
    Attempts, Chance, Clock, Exchange, Next, Origin, OriginError, Retry, RetryPolicy,
    TransportError, retry_after,
};

/// Whether the same message may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Only where the first one was certainly not taken.
    NotTaken,
    /// Also where it may have been: the receiver keeps one of a key.
    Anyway,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// Taken.
    Accepted,
    /// Not taken, and not to be: the receiver's status.
    Refused {
        /// HTTP status.
        status: u16,
    },
    /// Not taken after all tries: nobody is there.
    Unreachable,
    /// Not taken: the receiver wants to be left alone until then.
    Later {
        /// Not before this instant.
        until: Timestamp,
    },
    /// Nobody knows: no answer came, or one that does not say.
    Lost {
        /// A stable code.
        code: String,
    },
    /// The request could not be built.
    Unsendable,
}

/// A message that was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// What became of it.
    pub posted: Posted,
    /// Requests sent.
    pub calls: u32,
}

/// An address that messages are posted to. `Debug` is missing on purpose: an address may hold a
/// token.
#[derive(Clone)]
pub struct Postbox {
    /// Carries the requests.
    pub exchange: Exchange,
    /// Whose time it is.
    pub clock: Clock,
    /// Jitter.
    pub chance: Arc<Chance>,
    /// Bounds of the retry loop.
    pub policy: RetryPolicy,
    url: String,
}

/// A handful of tries within a minute or so: an order waits for them. What is not taken by then
/// comes back through the schedule.
const POLICY: RetryPolicy = RetryPolicy {
    attempts_max: 4,
    wait_total_max: Duration::from_mins(1),
    retry_after_max: Duration::from_secs(30),
    backoff_first: Duration::from_secs(1),
    backoff_max: Duration::from_secs(10),
    jitter_max: Duration::from_millis(100),
};

/// How one attempt ended.
enum Attempt {
    Accepted,
    Refused(u16),
    NotTaken(Retry),
    Unreachable,
    Lost(String),
    Unsendable,
}

impl Postbox {
    /// An address. It is sent to as written, and no redirect is followed.
    ///
    /// # Errors
    /// When it is no https URL (http for this machine only).
    pub fn new(url: &str, exchange: Exchange, clock: Clock) -> Result<Self, OriginError> {
        Origin::of(url)?;
        Ok(Self {
            exchange,
            clock,
            chance: Arc::new(Chance::seeded(0)),
            policy: POLICY,
            url: url.to_owned(),
        })
    }

    /// Posts a JSON body. `headers` are made anew for each attempt, from its instant.
    pub async fn post(
        &self,
        body: Bytes,
        headers: &(dyn Fn(Timestamp) -> Vec<(&'static str, String)> + Sync),
        repeat: Repeat,
    ) -> Post {
        let mut attempts = Attempts::new(&self.policy, &self.chance);
        let mut calls = 0;
        // An attempt that may have been taken: what comes after it proves nothing.
        let mut lost = None;
        loop {
            calls += 1;
            let attempt = self.attempt(body.clone(), headers(self.clock.now())).await;
            let retry = match &attempt {
                Attempt::NotTaken(retry) => *retry,
                Attempt::Unreachable => Retry::Backoff,
                Attempt::Lost(_) if repeat == Repeat::Anyway => Retry::Backoff,
                Attempt::Lost(_)
                | Attempt::Accepted
                | Attempt::Refused(_)
                | Attempt::Unsendable => Retry::Never,
            };
            let later = match attempts.next(retry) {
                Next::Wait(wait) => {
                    if let Attempt::Lost(code) = attempt {
                        lost = Some(code);
                    }
                    self.clock.sleep(wait).await;
                    continue;
                }
                Next::Later(asked) => asked,
                Next::GiveUp => self.policy.backoff_max,
            };
            let posted = match (attempt, lost) {
                (Attempt::Accepted, _) => Posted::Accepted,
                (Attempt::Lost(code), _) | (_, Some(code)) => Posted::Lost { code },
                (Attempt::Refused(status), None) => Posted::Refused { status },
                (Attempt::NotTaken(_), None) => Posted::Later {
                    until: self.after(later),
                },
                (Attempt::Unreachable, None) => Posted::Unreachable,
                (Attempt::Unsendable, None) => Posted::Unsendable,
            };
            return Post { posted, calls };
        }
    }

    async fn attempt(&self, body: Bytes, headers: Vec<(&'static str, String)>) -> Attempt {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                header::USER_AGENT,
                concat!("rollcall/", env!("CARGO_PKG_VERSION")),
            );
        for (name, value) in headers {
            let Ok(mut value) = http::HeaderValue::try_from(value) else {
                return Attempt::Unsendable;
            };
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        let Ok(request) = request.body(body) else {
            return Attempt::Unsendable;
        };
        match self.exchange.clone().oneshot(request).await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::debug!(status, "A post was answered.");
                self.answered(&answer)
            }
            Err(error) => {
                tracing::debug!(code = error.code(), "A post got no answer.");
                match error {
                    TransportError::Connect => Attempt::Unreachable,
                    TransportError::Request(_) => Attempt::Unsendable,
                    TransportError::Reset
                    | TransportError::Timeout
                    | TransportError::TooLarge { .. } => Attempt::Lost(error.code().to_owned()),
                }
            }
        }
    }

    /// RFC 9110: 503 and 429 say that the message was not taken, 408 that it did not arrive. A 500,
    /// or what a gateway says of somebody behind it, says neither; nor does a 409, by which some
    /// say that they have the key already.
    fn answered(&self, answer: &Response<Bytes>) -> Attempt {
        let asked = || {
            let asked = retry_after(answer.headers(), self.clock.now());
            asked.map_or(Retry::Backoff, Retry::After)
        };
        match answer.status().as_u16() {
            200..=299 => Attempt::Accepted,
            408 | 429 | 503 => Attempt::NotTaken(asked()),
            status @ (409 | 500 | 502 | 504) => Attempt::Lost(format!("http_{status}")),
            status => Attempt::Refused(status),
        }
    }

    fn after(&self, wait: Duration) -> Timestamp {
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        let until = self.clock.now().checked_add(wait);
        until.unwrap_or(Timestamp::MAX)
    }
}
