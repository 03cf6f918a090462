//! Notices by requests, signed as the Standard Webhooks specification 1.0.0 has it.
//!
//! `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; id and
//! `Idempotency-Key` are the id of the action, the timestamp is that of the attempt.

use futures::future::BoxFuture;
use jiff::Timestamp;
use rollcall_core::model::{Ending, Op, StepResult};
use rollcall_core::{base64, digest};
use rollcall_http::{Postbox, Posted, Repeat, Secret};
use tokio::sync::OnceCell;

use super::{Notifier, Outgoing, ended};
use crate::aws::Aws;

/// How a secret begins ("Signature scheme").
const PREFIX: &str = "whsec_";

/// Where the secret that signs comes from; nothing is asked for before the first notice.
#[derive(Debug, Clone)]
pub enum Signing {
    /// This one.
    Secret(Secret),
    /// In an environment variable.
    Variable(String),
    /// In AWS Secrets Manager, by name or ARN.
    Kept(String),
}

/// Posts each notice to one address.
pub struct WebhookNotifier {
    to: Postbox,
    signing: Signing,
    idempotent: bool,
    key: OnceCell<Key>,
}

/// The bytes behind a secret. `Debug` is missing on purpose.
struct Key(Vec<u8>);

/// The signature of a body: what a receiver computes to compare.
pub fn sign(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(body);
    format!("v1,{}", base64::encode(&digest::hmac_sha256(key, &signed)))
}

impl WebhookNotifier {
    /// An address and what signs for it; `idempotent`: it keeps one notice of a key.
    pub fn new(to: Postbox, signing: Signing, idempotent: bool) -> Self {
        Self {
            to,
            signing,
            idempotent,
            key: OnceCell::new(),
        }
    }

    /// The inner error says what is wrong with the secret, and what to do.
    async fn key(&self) -> Result<&Key, String> {
        self.key
            .get_or_try_init(|| async {
                let (secret, place) = match &self.signing {
                    Signing::Secret(secret) => (secret.clone(), "the secret".to_owned()),
                    Signing::Variable(name) => {
                        let place = format!("the environment variable `{name}`");
                        let text =
                            std::env::var(name).map_err(|_| format!("{place} is not set"))?;
                        (Secret::new(text), place)
                    }
                    Signing::Kept(name) => {
                        let secret = Aws::load().await.secret(name).await;
                        (
                            secret.map_err(|e| e.to_string())?,
                            format!("the secret `{name}`"),
                        )
                    }
                };
                key_of(secret.reveal()).ok_or_else(|| {
                    format!(
                        "{place} must be `{PREFIX}` and the base64 of 24 to 64 random bytes; make \
                         one with `echo {PREFIX}$(head -c 32 /dev/urandom | base64)`"
                    )
                })
            })
            .await
    }

    async fn post(&self, outgoing: &Outgoing) -> StepResult {
        let key = match self.key().await {
            Ok(key) => &key.0,
            Err(hint) => {
                let code = "no_secret".to_owned();
                return ended(Ending::Failed { code, hint }, 0);
            }
        };
        let id = outgoing.action.as_str();
        let body = outgoing.payload();
        let headers = |at: Timestamp| {
            let at = at.as_second();
            vec![
                ("idempotency-key", id.to_owned()),
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", at.to_string()),
                ("webhook-signature", sign(key, id, at, &body)),
            ]
        };
        let repeat = if self.idempotent {
            Repeat::Anyway
        } else {
            Repeat::NotTaken
        };
        let post = self.to.post(body.clone(), &headers, repeat).await;
        StepResult {
            // What the receiver's log knows it by.
            request_id: Some(id.to_owned()),
            ..ended(ending(post.posted, id), post.calls)
        }
    }
}

impl Notifier for WebhookNotifier {
    fn tells(&self, op: Op) -> bool {
        op.speaks()
    }

    fn repeats(&self, _: Op) -> bool {
        self.idempotent
    }

    fn tell<'a>(&'a self, outgoing: &'a Outgoing) -> BoxFuture<'a, StepResult> {
        Box::pin(self.post(outgoing))
    }
}

fn key_of(secret: &str) -> Option<Key> {
    let bytes = base64::decode(secret.trim().strip_prefix(PREFIX)?)?;
    (24..=64).contains(&bytes.len()).then_some(Key(bytes))
}

fn ending(posted: Posted, id: &str) -> Ending {
    let failed = |code: &str, hint: &str| Ending::Failed {
        code: code.to_owned(),
        hint: hint.to_owned(),
    };
    match posted {
        Posted::Accepted => Ending::Done,
        Posted::Refused { status } => failed(&format!("http_{status}"), refusal(status)),
        Posted::Unreachable => failed(
            "connect",
            "the webhook cannot be reached, nothing was sent: look at its address and whether it \
             runs; it is planned again",
        ),
        Posted::Later { until } => Ending::Waiting {
            until: Some(until),
            reason: "receiver".to_owned(),
        },
        Posted::Lost { code } => Ending::Unknown {
            hint: format!(
                "sent to the webhook, and nobody knows whether it was taken ({code}): look there \
                 for {id}; it is not sent again"
            ),
        },
        Posted::Unsendable => failed(
            "request_invalid",
            "the request cannot be built: look at the webhook's address",
        ),
    }
}

/// What a refusal means, and what to do.
fn refusal(status: u16) -> &'static str {
    match status {
        300..=399 => {
            "the webhook answers that it has moved: no redirect is followed, write the new address"
        }
        401 | 403 => {
            "the webhook does not accept the signature: compare the secret here and there, and \
             whether both clocks are right"
        }
        404 | 410 => "there is nothing at the webhook's address: look at its path",
        413 => "the webhook takes no document of this size: make the text shorter",
        _ => "the webhook refuses the notice: its log says why, under the id of the action",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's libraries, computed again with Python's hmac.
    #[test]
    fn signs_as_published() {
        let key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            sign(
                &key.0,
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                b"{\"test\": 2432232314}"
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_is_long_and_looks_like_one() {
        for secret in [
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_short",
            "whsec_c2hvcnQ=",
            "whsec_!!!!",
            "",
        ] {
            assert!(key_of(secret).is_none(), "{secret}");
        }
    }
}
