//! The kill switch: everything stops between two actions, until somebody lets it go on.
//!
//! It lies beside approvals (`approvals/<who>/halt-<nonce>.json`) and counts until a word to go on
//! names it: no clock overrules anybody, and who lets one go on has seen it. Planning goes on: nothing is
//! touched by it. Invariant: five seconds after it was said nothing is begun at the target.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use rollcall_http::Clock;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::approve::{self, Approver, FOLDER, NOTE_MAX};
use crate::log::Head;
use crate::run::{Pipeline, RunError, nonce};
use crate::store::StoreError;

/// How the name of a word begins.
const PREFIX: &str = "halt-";
/// How many words one word ends: it stays well below what is read of one.
const ENDS: usize = 100;
/// How often is looked between two actions.
const EVERY: SignedDuration = SignedDuration::from_secs(5);

/// One word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    /// `false`: it goes on.
    halt: bool,
    at: Timestamp,
    reason: String,
    /// The words to halt that this one ends.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    ends: BTreeSet<String>,
}

/// Everything stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Halted {
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Halted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} halted everything at {}: {}; nothing is written to the tenant until `rollcall resume`",
            self.by, self.at, self.reason
        )
    }
}

impl Pipeline {
    /// Stops everything.
    ///
    /// # Errors
    /// [`RunError::Refused`] without a reason.
    pub async fn halt(&self, reason: &str, by: &Approver, at: Timestamp) -> Result<(), RunError> {
        self.say(reason, by, at, None).await
    }

    /// Lets it go on: what was said before this is over. Returns how many had said so.
    ///
    /// # Errors
    /// [`RunError::Refused`] without a reason, when nothing stands still, and when somebody halts
    /// meanwhile.
    pub async fn resume(
        &self,
        reason: &str,
        by: &Approver,
        at: Timestamp,
    ) -> Result<usize, RunError> {
        approve::reasoned(reason)?;
        let ends: Vec<String> = self.halts().await?.into_iter().map(|it| it.0).collect();
        if ends.is_empty() {
            let why = "nothing stands still: nobody has halted, or somebody let it go on before";
            return Err(RunError::Refused(why.to_owned()));
        }
        for some in ends.chunks(ENDS) {
            let some = some.iter().cloned().collect();
            self.say(reason, by, at, Some(some)).await?;
        }
        match self.halted().await? {
            None => Ok(ends.len()),
            Some(halted) => Err(RunError::Refused(format!(
                "what stood still before may go on, and all stands still again: {halted}"
            ))),
        }
    }

    /// `ends`: what goes on.
    async fn say(
        &self,
        reason: &str,
        by: &Approver,
        at: Timestamp,
        ends: Option<BTreeSet<String>>,
    ) -> Result<(), RunError> {
        approve::reasoned(reason)?;
        let word = Word {
            halt: ends.is_none(),
            at,
            reason: reason.to_owned(),
            ends: ends.unwrap_or_default(),
        };
        let bytes = serde_json::to_vec_pretty(&word).expect("a word is always JSON");
        let key = format!("{FOLDER}/{}/{PREFIX}{}.json", by.0, nonce());
        self.store.put_new(&key, bytes).await?;
        Ok(())
    }

    /// Whether everything stands still: the first who said so.
    ///
    /// # Errors
    /// When the store fails: then nobody knows, and nothing goes on.
    pub async fn halted(&self) -> Result<Option<Halted>, StoreError> {
        let halts = self.halts().await?.into_iter().map(|it| it.1);
        Ok(halts.min_by(|one, other| (one.at, &one.by).cmp(&(other.at, &other.by))))
    }

    /// The words to halt that nobody ended, by their keys. One that cannot be read is one: whoever
    /// wrote it did so for a reason.
    async fn halts(&self) -> Result<Vec<(String, Halted)>, StoreError> {
        let (mut halts, mut ended) = (Vec::new(), BTreeSet::new());
        for listed in self.store.list(FOLDER).await? {
            let mut parts = listed.key.rsplit('/');
            let name = parts.next().unwrap_or_default();
            if !name.starts_with(PREFIX) {
                continue;
            }
            let word = if listed.bytes > NOTE_MAX {
                None
            } else {
                match self.store.get(&listed.key).await {
                    Ok(bytes) => serde_json::from_slice(&bytes).ok(),
                    // Taken away since it was listed.
                    Err(StoreError::NotFound(_)) => continue,
                    Err(error) => return Err(error),
                }
            };
            let by = parts.next().unwrap_or_default().to_owned();
            let halted = match word {
                Some(Word {
                    halt: false, ends, ..
                }) => {
                    ended.extend(ends);
                    continue;
                }
                Some(Word { at, reason, .. }) => Halted { by, at, reason },
                None => Halted {
                    by,
                    at: listed.modified,
                    // What it says may be anything, and is not shown.
                    reason: format!("{} cannot be read", listed.key),
                },
            };
            halts.push((listed.key, halted));
        }
        halts.retain(|(key, _)| !ended.contains(key));
        Ok(halts)
    }

    /// What is asked between two actions. `head`: a notice that it does not know stops too, so that
    /// it is heard first; `None`: only somebody who halts does.
    pub(crate) fn brake<'a>(&'a self, head: Option<&'a Head>) -> Brake<'a> {
        Brake {
            ask: Box::new(move || {
                Box::pin(async move {
                    if self.halted().await?.is_some() {
                        return Ok(true);
                    }
                    match head {
                        Some(head) => Ok(!self.notices(head).await?.is_empty()),
                        None => Ok(false),
                    }
                })
            }),
            clock: self.clock,
            looked: Mutex::new(None),
            pulled: AtomicBool::new(false),
        }
    }
}

/// An answer that is on its way.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<bool, StoreError>> + Send + 'a>>;

/// Asked between two actions.
pub trait Stops: Sync {
    /// Whether to stop. Once it says so it keeps to it.
    ///
    /// # Errors
    /// When the store fails.
    fn pulled(&self) -> Answer<'_>;
}

/// What a pipeline is asked between two actions, every few seconds.
pub struct Brake<'a> {
    ask: Box<dyn Fn() -> Answer<'a> + Send + Sync + 'a>,
    clock: Clock,
    looked: Mutex<Option<Timestamp>>,
    pulled: AtomicBool,
}

impl Stops for Brake<'_> {
    fn pulled(&self) -> Answer<'_> {
        Box::pin(async {
            // Whoever comes while it is looked waits for the answer.
            let mut looked = self.looked.lock().await;
            if self.pulled.load(Ordering::Relaxed) {
                return Ok(true);
            }
            let now = self.clock.now();
            if looked.is_some_and(|at| now.duration_since(at) < EVERY) {
                return Ok(false);
            }
            let pulled = (self.ask)().await?;
            *looked = Some(now);
            if pulled {
                self.pulled.store(true, Ordering::Relaxed);
            }
            Ok(pulled)
        })
    }
}
