//! Asking a peer that is no Graph: an HR system or a gateway in front of one.
//!
//! What tells this from [`crate::Client`]: bodies are whatever the peer speaks, who asks is shown by
//! whatever the peer wants to see, and only the peer's connector can tell a final answer from one that
//! may come better. The pace is even and stays below what the peer allows. Invariant: no body and no
//! header is ever logged here, and an answer is final before anybody sees it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tower::ServiceExt as _;

use crate::{
    Attempts, Chance, Clock, Exchange, Next, Origin, Proof, Retry, RetryPolicy, SecretAt,
    TransportError, retry_after,
};

/// One question. `Debug` is missing on purpose: path, headers and body may hold secrets or names.
#[derive(Clone)]
pub struct Ask {
    /// HTTP method.
    pub method: &'static str,
    /// What it is called in logs: a path without values.
    pub template: &'static str,
    /// Path and query as they are sent, from the root.
    pub target: String,
    /// Headers.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body.
    pub body: Bytes,
}

impl Ask {
    /// A question without headers and body.
    pub fn new(method: &'static str, template: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            template,
            target: target.into(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// An answer that is final, whatever it says. `Debug` is missing on purpose.
#[derive(Clone)]
pub struct Heard {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Calls made, this one included.
    pub calls: u32,
}

impl Heard {
    /// A header that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// When the server says that it answered (RFC 9110, section 6.6.1).
    pub fn date(&self) -> Option<jiff::Timestamp> {
        let parser = jiff::fmt::rfc2822::DateTimeParser::new();
        parser.parse_timestamp(self.header("date")?).ok()
    }
}

/// No final answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// Nothing came back through all tries.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Every try was answered with an error that may pass.
    #[error("it answered {status} after {calls} tries")]
    Failing {
        /// The status of the last one.
        status: u16,
        /// Calls made.
        calls: u32,
    },
    /// The peer asked for a longer wait than we sleep.
    #[error("it wants to be left alone until {until}")]
    Later {
        /// Not before this instant.
        until: Timestamp,
    },
}

/// Whether an answer is final: `None`, or how long it may be until it comes better. Connectors decide
/// this of their peers; [`passing`] is what HTTP says.
pub type Judge = fn(status: u16, headers: &HeaderMap, body: &[u8]) -> Option<Retry>;

/// What a connector reaches the outside with.
pub struct Links<'a> {
    /// Carries the questions.
    pub exchange: Exchange,
    /// Whose time it is.
    pub clock: Clock,
    /// Where jitter and ids begin.
    pub seed: u64,
    /// Gives what a configuration names instead of a secret.
    pub secrets: &'a dyn Fn(&SecretAt) -> Result<Proof, String>,
}

/// What HTTP says of an answer that may come better: 408, 429 and every 5xx but 501 and 505.
pub fn passing(status: u16) -> Option<Retry> {
    match status {
        408 | 429 | 500 | 502..=504 | 506..=599 => Some(Retry::Backoff),
        _ => None,
    }
}

/// What an asker is made of.
pub struct AskSetup {
    /// Carries the questions.
    pub exchange: Exchange,
    /// Whose time it is.
    pub clock: Clock,
    /// Where the peer lives.
    pub origin: Origin,
    /// Jitter.
    pub chance: Arc<Chance>,
    /// Bounds of the retry loop.
    pub policy: RetryPolicy,
    /// Time between the beginnings of two questions, at least.
    pub pace: Duration,
    /// Which answers are final.
    pub judge: Judge,
}

/// Asks one peer; cheap to clone, and every clone keeps the same pace.
#[derive(Clone)]
pub struct Asker(Arc<Inner>);

struct Inner {
    setup: AskSetup,
    /// When the next question may begin, on the clock.
    next: Mutex<Duration>,
}

impl Asker {
    /// With nothing asked yet.
    pub fn new(setup: AskSetup) -> Self {
        Self(Arc::new(Inner {
            setup,
            next: Mutex::new(Duration::ZERO),
        }))
    }

    /// Its clock.
    pub fn clock(&self) -> Clock {
        self.0.setup.clock
    }

    /// Where its peer lives.
    pub fn origin(&self) -> &Origin {
        &self.0.setup.origin
    }

    /// Asks, and asks again while the answer may come better.
    ///
    /// # Errors
    /// [`Unheard`] when no final answer came within the bounds.
    pub async fn ask(&self, ask: &Ask) -> Result<Heard, Unheard> {
        let AskSetup {
            exchange,
            clock,
            chance,
            policy,
            judge,
            ..
        } = &self.0.setup;
        let mut attempts = Attempts::new(policy, chance);
        let mut calls = 0;
        loop {
            let request = self.request(ask)?;
            self.turn().await;
            calls += 1;
            let answer = exchange.clone().oneshot(request).await;
            let (class, failed) = match answer {
                Ok(response) => {
                    let (parts, body) = response.into_parts();
                    let status = parts.status.as_u16();
                    let Ask {
                        method, template, ..
                    } = ask;
                    tracing::debug!(method, template, status, calls, "A source answered.");
                    let Some(class) = judge(status, &parts.headers, &body) else {
                        return Ok(Heard {
                            status,
                            headers: parts.headers,
                            body,
                            calls,
                        });
                    };
                    let asked = retry_after(&parts.headers, clock.now()).map(Retry::After);
                    (asked.unwrap_or(class), Unheard::Failing { status, calls })
                }
                Err(error) => {
                    let Ask {
                        method, template, ..
                    } = ask;
                    let code = error.code();
                    tracing::debug!(method, template, code, calls, "A source gave no answer.");
                    (error.retry(), error.into())
                }
            };
            match attempts.next(class) {
                Next::Wait(wait) => clock.sleep(wait).await,
                Next::Later(asked) => {
                    let asked = SignedDuration::try_from(asked).unwrap_or(SignedDuration::MAX);
                    let until = clock.now().checked_add(asked).unwrap_or(Timestamp::MAX);
                    return Err(Unheard::Later { until });
                }
                Next::GiveUp => return Err(failed),
            }
        }
    }

    /// Waits for its turn.
    async fn turn(&self) {
        let AskSetup { clock, pace, .. } = &self.0.setup;
        let mut next = self.0.next.lock().await;
        let now = clock.elapsed();
        if let Some(wait) = next.checked_sub(now).filter(|wait| !wait.is_zero()) {
            clock.sleep(wait).await;
        }
        *next = clock.elapsed() + *pace;
    }

    fn request(&self, ask: &Ask) -> Result<Request<Bytes>, TransportError> {
        let bad = |e: &dyn std::fmt::Display| TransportError::Request(e.to_string());
        let mut request = Request::builder()
            .method(ask.method)
            .uri(format!("{}{}", self.origin(), ask.target))
            .header(
                header::USER_AGENT,
                concat!("rollcall/", env!("CARGO_PKG_VERSION")),
            );
        for (name, value) in &ask.headers {
            let mut value = http::HeaderValue::try_from(value).map_err(|e| bad(&e))?;
            value.set_sensitive(true);
            request = request.header(&**name, value);
        }
        request.body(ask.body.clone()).map_err(|e| bad(&e))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Std;

    use tower::util::BoxCloneSyncService;

    use super::*;

    /// A peer that answers with these statuses one after another, and when it was asked.
    fn peer(statuses: &'static [u16]) -> (Exchange, Clock, Arc<Std<Vec<Duration>>>) {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
        let asked = Arc::new(Std::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let exchange = BoxCloneSyncService::new(tower::service_fn(move |_request| {
            let mut seen = seen.lock().expect("nobody panics with it");
            let status = statuses[seen.len().min(statuses.len() - 1)];
            seen.push(clock.elapsed());
            let answer = http::Response::builder().status(status);
            let answer = answer.body(Bytes::from_static(b"{}")).expect("a response");
            async move { Ok(answer) }
        }));
        (exchange, clock, asked)
    }

    fn asker(exchange: Exchange, clock: Clock) -> Asker {
        Asker::new(AskSetup {
            exchange,
            clock,
            origin: Origin::parse("https://hr.example").expect("an origin"),
            chance: Arc::new(Chance::seeded(1)),
            policy: RetryPolicy::default(),
            pace: Duration::from_millis(100),
            judge: |status, _, _| passing(status),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_asked_again_and_what_is_final_is_not() {
        let (exchange, clock, asked) = peer(&[503, 429, 500, 200]);
        let heard = asker(exchange, clock).ask(&Ask::new("GET", "/", "/")).await;
        let heard = heard.map(|it| (it.status, it.calls));
        assert_eq!(heard, Ok((200, 4)));
        assert_eq!(asked.lock().expect("no panic").len(), 4);

        let (exchange, clock, asked) = peer(&[401]);
        let heard = asker(exchange, clock).ask(&Ask::new("GET", "/", "/")).await;
        assert_eq!(heard.map(|it| it.status), Ok(401));
        assert_eq!(asked.lock().expect("no panic").len(), 1);

        let (exchange, clock, _) = peer(&[502]);
        let heard = asker(exchange, clock).ask(&Ask::new("GET", "/", "/")).await;
        assert_eq!(
            heard.map(|it| it.status),
            Err(Unheard::Failing {
                status: 502,
                calls: 8
            })
        );
    }

    #[tokio::test(start_paused = true)]
    async fn questions_keep_the_pace() {
        let (exchange, clock, asked) = peer(&[200]);
        let asker = asker(exchange, clock);
        let ask = Ask::new("GET", "/", "/");
        let all = (0..5).map(|_| asker.ask(&ask));
        for heard in futures::future::join_all(all).await {
            assert!(heard.is_ok());
        }
        let asked = asked.lock().expect("no panic").clone();
        for two in asked.windows(2) {
            let apart = two[1].saturating_sub(two[0]);
            assert!(apart >= Duration::from_millis(100), "{asked:?}");
        }
    }
}
