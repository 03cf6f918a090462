//! Access tokens by the client-credentials grant: asked for once, kept, renewed early.
//!
//! Stands in front of every call of a client. Source: "OAuth 2.0 client credentials flow"
//! (MicrosoftDocs/entra-docs, v2-oauth2-client-creds-grant-flow.md). Invariant: one request at a
//! time, however many calls wait for the token; they share its failure as they share the token.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde::Deserialize;
use tokio::sync::Mutex;
use tower::ServiceExt as _;

use crate::{
    Attempts, Chance, Clock, Exchange, Next, Origin, Retry, RetryPolicy, Secret, TransportError,
    encode_segment, retry_after,
};

/// How long before its end a token is renewed; half its life where that is shorter.
const MARGIN: Duration = Duration::from_mins(5);

/// How the application proves who it is.
#[derive(Debug, Clone)]
pub enum Credential {
    /// By a secret of its own.
    Secret(Secret),
    /// By a secret that somebody keeps for us: looked up for every token, so that a new one
    /// counts at once.
    Kept(Proof),
    /// By a signed word of somebody whom the tenant trusts, a JSON Web Token. Source: "Access
    /// token request with a federated credential" (v2-oauth2-client-creds-grant-flow.md).
    Assertion(Proof),
}

impl From<Secret> for Credential {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret)
    }
}

/// Gives a proof each time it is asked.
#[derive(Clone)]
pub struct Proof(Arc<dyn Fn() -> Asked + Send + Sync>);

/// A proof on its way.
pub type Asked = Pin<Box<dyn Future<Output = Result<Secret, String>> + Send>>;

impl Proof {
    /// From what asks for one. Its error says why there is none, without any secret.
    pub fn new(ask: impl Fn() -> Asked + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Asks for one.
    pub fn ask(&self) -> Asked {
        (self.0)()
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proof")
    }
}

/// What a token is asked for with.
#[derive(Debug, Clone)]
pub struct TokenSpec {
    /// Where the login host lives.
    pub login: Origin,
    /// Directory (tenant) id.
    pub tenant_id: String,
    /// Application (client) id.
    pub client_id: String,
    /// How it proves who it is.
    pub credential: Credential,
    /// One resource with `/.default`, such as `https://graph.microsoft.com/.default`.
    pub scope: String,
}

/// No token was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The login host refused (`error_codes` of its answer; no text is kept).
    #[error("the login host answered {status} (AADSTS codes {codes:?})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// AADSTS numbers.
        codes: Vec<u32>,
        /// When it may be asked again, where it said so and that is beyond our patience.
        retry_after: Option<Duration>,
    },
    /// Nothing came back through all tries.
    #[error("the login host: {0}")]
    Transport(TransportError),
    /// The answer has no token in it.
    #[error("the login host's answer is not in the documented form")]
    Malformed,
    /// Whoever keeps our secret or vouches for us did not, so the login host was not asked.
    #[error("nothing to ask the login host with: {0}")]
    Proof(String),
}

impl TokenError {
    /// Whether asking again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Refused { status, codes, .. } => {
                // 70021: a new federated credential has not spread yet (graph reference 1.3).
                if matches!(status, 429 | 500..=599) || codes.contains(&70021) {
                    Retry::Backoff
                } else {
                    Retry::Never
                }
            }
            Self::Transport(error) => error.retry(),
            Self::Malformed => Retry::Never,
            Self::Proof(_) => Retry::Backoff,
        }
    }

    /// A stable code: `AADSTS7000222` or the status.
    pub fn code(&self) -> String {
        match self {
            Self::Refused { status, codes, .. } => codes
                .first()
                .map_or_else(|| format!("login_{status}"), |c| format!("AADSTS{c}")),
            Self::Transport(error) => format!("login_{}", error.code()),
            Self::Malformed => "login_malformed_answer".to_owned(),
            Self::Proof(_) => "login_no_proof".to_owned(),
        }
    }

    /// What it means and what to do.
    pub fn hint(&self) -> &'static str {
        if let Self::Proof(_) = self {
            return "this role may not read the client secret, or, with federation, outbound \
                    identity federation is not switched on in the account or not allowed to it";
        }
        let Self::Refused { status, codes, .. } = self else {
            return "no access token could be had; check the login host and the network";
        };
        match codes.first() {
            None if matches!(status, 429 | 500..=599) => {
                "the login host is busy or out of order; what is not done goes on with the next run"
            }
            Some(7_000_215) => "the client secret is wrong; store the secret's value, not its id",
            Some(7_000_222) => "the client secret has expired; make a new one",
            Some(700_016) => "the application is not known in this tenant; check the client id",
            Some(90_002 | 900_023) => "the tenant is not known; check the tenant id",
            Some(700_211..=700_213) => {
                "no federated credential of the application fits issuer, audience and subject of \
                 the token; the subject is the ARN of the function's role"
            }
            Some(7_000_112) => "the application is disabled in this tenant",
            Some(_) | None => "no access token was given; check tenant id, client id and secret",
        }
    }
}

#[derive(Debug)]
struct Held {
    token: Arc<Secret>,
    /// On the clock's own scale.
    renew_at: Duration,
    ends_at: Duration,
}

/// What the last asking brought.
#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// For those who waited while it came about; later callers ask anew.
    failed: Option<TokenError>,
}

/// The tokens of one application in one tenant.
#[derive(Debug)]
pub struct TokenSource {
    exchange: ExchangeCell,
    clock: Clock,
    chance: Arc<Chance>,
    policy: RetryPolicy,
    spec: TokenSpec,
    state: Mutex<State>,
    /// Failures so far. Who finds it moved after waiting for the lock has waited for a failure.
    failures: AtomicU64,
}

/// An exchange has nothing to show.
struct ExchangeCell(Exchange);

impl std::fmt::Debug for ExchangeCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Exchange")
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds.
    expires_in: u64,
}

#[derive(Deserialize, Default)]
struct Denied {
    #[serde(default)]
    error_codes: Vec<u32>,
}

impl TokenSource {
    /// Nothing is asked for until the first call needs a token.
    ///
    /// Own waits after a failure start at 5 s here, as Microsoft's guidance on resilience asks of
    /// clients of the login host.
    pub fn new(
        spec: TokenSpec,
        exchange: Exchange,
        clock: Clock,
        chance: Arc<Chance>,
        policy: RetryPolicy,
    ) -> Self {
        // Own waits lie between half and all of the ceiling.
        let policy = RetryPolicy {
            backoff_first: Duration::from_secs(10),
            ..policy
        };
        let exchange = ExchangeCell(exchange);
        Self {
            exchange,
            clock,
            chance,
            policy,
            spec,
            state: Mutex::default(),
            failures: AtomicU64::new(0),
        }
    }

    /// A token that is good for a while.
    ///
    /// # Errors
    /// [`TokenError`] when none is held and none was given. While the held one still lasts, a
    /// login host that is only not well is not an error.
    pub async fn get(&self) -> Result<Arc<Secret>, TokenError> {
        let seen = self.failures.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let now = self.clock.elapsed();
        if let Some(held) = state.held.as_ref().filter(|held| now < held.renew_at) {
            return Ok(Arc::clone(&held.token));
        }
        let error = match self.ask_unless_just_failed(&mut state, seen).await {
            Ok(token) => return Ok(token),
            Err(error) => error,
        };
        match &state.held {
            Some(old) if error.retry() != Retry::Never && self.clock.elapsed() < old.ends_at => {
                Ok(Arc::clone(&old.token))
            }
            Some(_) | None => Err(error),
        }
    }

    /// A token other than `refused`, which the peer did not accept. If somebody has renewed it
    /// in the meantime, theirs.
    ///
    /// # Errors
    /// [`TokenError`] when none was given.
    pub async fn renew(&self, refused: &Secret) -> Result<Arc<Secret>, TokenError> {
        let seen = self.failures.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(held) = state.held.as_ref().filter(|held| *held.token != *refused) {
            return Ok(Arc::clone(&held.token));
        }
        state.held = None;
        self.ask_unless_just_failed(&mut state, seen).await
    }

    /// Asks, unless somebody did and failed since `seen` was read: an outage would otherwise be
    /// waited out once per waiting call, one after the other.
    async fn ask_unless_just_failed(
        &self,
        state: &mut State,
        seen: u64,
    ) -> Result<Arc<Secret>, TokenError> {
        if self.failures.load(Ordering::Acquire) != seen
            && let Some(error) = &state.failed
        {
            return Err(error.clone());
        }
        match self.ask().await {
            Ok(new) => {
                state.failed = None;
                Ok(Arc::clone(&state.held.insert(new).token))
            }
            Err(error) => {
                state.failed = Some(error.clone());
                self.failures.fetch_add(1, Ordering::Release);
                Err(error)
            }
        }
    }

    async fn ask(&self) -> Result<Held, TokenError> {
        let mut attempts = Attempts::new(&self.policy, &self.chance);
        loop {
            let (error, class) = match self.ask_once().await {
                Ok(held) => return Ok(held),
                Err(failed) => failed,
            };
            match attempts.next(class) {
                Next::Wait(wait) => {
                    tracing::warn!(code = error.code(), "No access token yet; asking again.");
                    self.clock.sleep(wait).await;
                }
                Next::Later(_) | Next::GiveUp => return Err(error),
            }
        }
    }

    async fn ask_once(&self) -> Result<Held, (TokenError, Retry)> {
        let asked_at = self.clock.elapsed();
        let classed = |error: TokenError| {
            let class = error.retry();
            (error, class)
        };
        let request = self.request().await.map_err(classed)?;
        let response = self
            .exchange
            .0
            .clone()
            .oneshot(request)
            .await
            .map_err(|e| classed(TokenError::Transport(e)))?;
        let status = response.status();
        if status != StatusCode::OK {
            let denied: Denied = serde_json::from_slice(response.body()).unwrap_or_default();
            let asked = retry_after(response.headers(), self.clock.now());
            let error = TokenError::Refused {
                status: status.as_u16(),
                codes: denied.error_codes,
                retry_after: asked,
            };
            let class = match (error.retry(), asked) {
                (Retry::Backoff, Some(asked)) => Retry::After(asked),
                (class @ (Retry::Backoff | Retry::Never | Retry::After(_)), _) => class,
            };
            return Err((error, class));
        }
        let granted: Granted = serde_json::from_slice(response.body())
            .map_err(|_| (TokenError::Malformed, Retry::Never))?;
        let life = Duration::from_secs(granted.expires_in);
        Ok(Held {
            token: Arc::new(Secret::new(granted.access_token)),
            renew_at: asked_at + life.saturating_sub(MARGIN.min(life / 2)),
            ends_at: asked_at + life,
        })
    }

    async fn request(&self) -> Result<Request<Bytes>, TokenError> {
        let TokenSpec {
            login,
            tenant_id,
            client_id,
            credential,
            scope,
        } = &self.spec;
        let given = match credential {
            Credential::Secret(secret) => vec![("client_secret", secret.clone())],
            Credential::Kept(proof) => {
                let secret = (proof.0)().await.map_err(TokenError::Proof)?;
                vec![("client_secret", secret)]
            }
            Credential::Assertion(proof) => {
                let word = (proof.0)().await.map_err(TokenError::Proof)?;
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                vec![
                    ("client_assertion_type", Secret::new(kind.to_owned())),
                    ("client_assertion", word),
                ]
            }
        };
        let plain = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("scope", scope),
        ];
        let proofs = given.iter().map(|(name, value)| (*name, value.reveal()));
        // A segment leaves `@` as it is, which a form may too; all else that could end a field
        // is encoded.
        let form: Vec<String> = plain
            .into_iter()
            .chain(proofs)
            .map(|(name, value)| format!("{name}={}", encode_segment(value)))
            .collect();
        Request::builder()
            .method(Method::POST)
            .uri(format!(
                "{login}/{}/oauth2/v2.0/token",
                encode_segment(tenant_id)
            ))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(form.join("&")))
            .map_err(|_| {
                let why = "the tenant id does not fit a URL".to_owned();
                TokenError::Transport(TransportError::Request(why))
            })
    }
}
