//! The evidence key: at hand, or fetched when something is first digested.
//!
//! Whoever only takes files in or carries orders out never needs it, and need not be allowed to
//! read it.

use rollcall_core::digest::EvidenceKey;
use tokio::sync::OnceCell;

use crate::aws::Aws;
use crate::config::{ConfigError, Target, key_problem};
use crate::run::RunError;

/// The key, or the way to it.
#[derive(Debug)]
pub struct KeyHolder {
    key: OnceCell<EvidenceKey>,
    from: Option<Origin>,
}

#[derive(Debug)]
struct Origin {
    aws: Aws,
    name: String,
    target: Target,
}

impl From<EvidenceKey> for KeyHolder {
    fn from(key: EvidenceKey) -> Self {
        Self {
            key: OnceCell::new_with(Some(key)),
            from: None,
        }
    }
}

impl KeyHolder {
    /// A key that a secret at AWS holds; nothing is asked for yet.
    pub fn secret(aws: Aws, name: &str, target: &Target) -> Self {
        let (name, target) = (name.to_owned(), target.clone());
        Self {
            key: OnceCell::new(),
            from: Some(Origin { aws, name, target }),
        }
    }

    /// The key.
    ///
    /// # Errors
    /// When the secret cannot be read, or is no key for this target.
    pub async fn get(&self) -> Result<&EvidenceKey, RunError> {
        let fetched = self.key.get_or_try_init(|| async {
            let refuse = |problem: String| ConfigError {
                problems: vec![problem],
            };
            let from = self.from.as_ref();
            let from = from.ok_or_else(|| refuse("there is no evidence key".to_owned()))?;
            let text = from.aws.secret(&from.name).await;
            let text = text.map_err(|e| refuse(e.to_string()))?;
            let what = format!("the secret `{}`", from.name);
            match key_problem(text.reveal(), &from.target, &what) {
                Some(problem) => Err(refuse(problem)),
                None => Ok(EvidenceKey::new(text.reveal().as_bytes().to_vec())),
            }
        });
        Ok(fetched.await?)
    }
}
