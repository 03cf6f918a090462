//! Access tokens of peers that are no Microsoft login host: one form is posted, one token comes back.
//!
//! RFC 6749, section 5: `access_token` and `expires_in`, or `error` with a word from a list. Who asks,
//! and with what grant, is the connector's. Invariant: one request at a time, however many questions
//! wait for the token; neither the form nor the answer is logged or part of an error.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;

use crate::{Ask, Asked, Asker, Proof, Secret, Unheard};

/// How long before its end a token is renewed; half its life where that is shorter.
const MARGIN: Duration = Duration::from_mins(5);
/// How long a token is taken to live whose end nobody says.
const UNSAID: Duration = Duration::from_mins(10);

/// No token was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// The peer gives none to whoever asks: the word of RFC 6749, section 5.2, where it says one.
    #[error("no token is given: {status} {code}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// `invalid_grant`, `invalid_client` ...; empty where none is said.
        code: String,
    },
    /// It did not answer.
    #[error(transparent)]
    Unheard(#[from] Unheard),
    /// The answer has no token in it.
    #[error("the answer of the token address is not in the documented form")]
    Malformed,
    /// What is to be shown to it could not be had.
    #[error("nothing to ask for a token with: {0}")]
    Proof(String),
}

/// Makes the question for a token from a secret.
type Form = Arc<dyn Fn(&Secret) -> Result<Ask, String> + Send + Sync>;

/// Tokens of one peer; cheap to clone.
#[derive(Clone)]
pub struct Bearer(Arc<Inner>);

struct Inner {
    asker: Asker,
    proof: Proof,
    form: Form,
    held: Mutex<Option<Held>>,
}

struct Held {
    token: Arc<Secret>,
    /// On the clock.
    until: Duration,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
    #[serde(default)]
    error: Option<String>,
}

impl Bearer {
    /// Tokens that `asker` is asked for, by a form made from what `proof` gives each time.
    pub fn new(
        asker: Asker,
        proof: Proof,
        form: impl Fn(&Secret) -> Result<Ask, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            asker,
            proof,
            form: Arc::new(form),
            held: Mutex::new(None),
        }))
    }

    /// A token that is not at its end.
    ///
    /// # Errors
    /// When none is given.
    pub async fn get(&self) -> Result<Arc<Secret>, BearerError> {
        let mut held = self.0.held.lock().await;
        let now = self.0.asker.clock().elapsed();
        if let Some(held) = held.as_ref().filter(|it| it.until > now) {
            return Ok(Arc::clone(&held.token));
        }
        self.fetch(&mut held).await
    }

    /// Another one than this, which the peer does not take.
    ///
    /// # Errors
    /// When none is given.
    pub async fn renew(&self, refused: &Arc<Secret>) -> Result<Arc<Secret>, BearerError> {
        let mut held = self.0.held.lock().await;
        if let Some(held) = held.as_ref().filter(|it| !Arc::ptr_eq(&it.token, refused)) {
            return Ok(Arc::clone(&held.token));
        }
        self.fetch(&mut held).await
    }

    async fn fetch(&self, held: &mut Option<Held>) -> Result<Arc<Secret>, BearerError> {
        *held = None;
        let asked: Asked = self.0.proof.ask();
        let secret = asked.await.map_err(BearerError::Proof)?;
        let ask = (self.0.form)(&secret).map_err(BearerError::Proof)?;
        let heard = self.0.asker.ask(&ask).await?;
        let answer = serde_json::from_slice::<Answer>(&heard.body);
        if !(200..300).contains(&heard.status) {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let code = answer.ok().and_then(|it| it.error).unwrap_or_default();
            return Err(BearerError::Refused {
                status: heard.status,
                // Whatever is no word of the list may be anything.
                code: code.chars().filter(|c| word(*c)).take(40).collect(),
            });
        }
        let answer = answer.map_err(|_| BearerError::Malformed)?;
        let token = answer.access_token.filter(|it| !it.is_empty());
        let token = Arc::new(Secret::new(token.ok_or(BearerError::Malformed)?));
        let lives = match &answer.expires_in {
            Some(serde_json::Value::Number(it)) => it.as_f64(),
            Some(serde_json::Value::String(it)) => it.trim().parse().ok(),
            Some(_) | None => None,
        };
        let lives = lives.and_then(|it| Duration::try_from_secs_f64(it).ok());
        let lives = lives.unwrap_or(UNSAID);
        let until = self.0.asker.clock().elapsed() + lives.saturating_sub(MARGIN.min(lives / 2));
        *held = Some(Held {
            token: Arc::clone(&token),
            until,
        });
        Ok(token)
    }
}
