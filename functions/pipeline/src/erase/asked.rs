//! Erasures that people ask for where only functions keep the log: a word beside the approvals
//! (`approvals/<who>/erase-<nonce>.json`), which the plan function carries out.
//!
//! Invariant: each word is heard once, by the erasure whose log entry names it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Erased, Request};
use crate::approve::{self, Approver, FOLDER};
use crate::log::{self, Head};
use crate::run::{Pipeline, RunError, Step, nonce};
use crate::store::{Listed, ObjectRef, StoreError};

/// How the name of a word begins.
const PREFIX: &str = "erase-";

/// What somebody wrote down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    /// A worker id, or the key of a person.
    erase: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    anyway: bool,
    at: Timestamp,
}

/// An erasure that somebody asked for and that no run has heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// A worker id, or the key of a person.
    pub worker: String,
    /// Who asked.
    pub by: Approver,
    /// When.
    pub at: Timestamp,
    #[serde(skip)]
    anyway: bool,
    #[serde(skip)]
    stored: Option<ObjectRef>,
}

impl Pipeline {
    /// Writes down that somebody is to be erased. Says what stands against it by now.
    ///
    /// # Errors
    /// [`RunError::Refused`] where it would be refused.
    pub async fn ask_erasure(&self, ask: &Request<'_>, now: Timestamp) -> Result<(), RunError> {
        let head = log::head(&self.store).await?;
        // A run that is under way is no reason against it: the word waits for its end.
        self.whom(&head, ask).await?;
        let word = Word {
            erase: ask.worker.to_owned(),
            anyway: ask.anyway,
            at: now,
        };
        let bytes = serde_json::to_vec_pretty(&word).expect("a word is always JSON");
        let key = format!("{FOLDER}/{}/{PREFIX}{}.json", ask.by.0, nonce());
        self.store.put_new(&key, bytes).await?;
        Ok(())
    }

    /// Carries out what people asked for, where nothing is under way. A word of which nothing comes is
    /// told, and keeps no other from being heard.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn erase_asked(&self, now: Timestamp) -> Result<Vec<Erased>, RunError> {
        let mut out = Vec::new();
        let mut head = log::head(&self.store).await?;
        if let Some(open) = self.open_erasure(&head).await? {
            match Box::pin(self.go_on_erasing(&open)).await {
                Ok(()) | Err(Step::Lost) => {}
                Err(Step::Failed(error)) => return Err(*error),
            }
            head = log::head(&self.store).await?;
        }
        if !head.standing.open.is_empty() {
            return Ok(out);
        }
        for asked in self.asked_erasures(&head).await? {
            let ask = Request {
                worker: &asked.worker,
                by: &asked.by,
                anyway: asked.anyway,
            };
            match Box::pin(self.erase_as_said(&ask, asked.stored, now)).await {
                Ok(erased) => out.push(erased),
                Err(error @ RunError::Store(_)) => return Err(error),
                Err(error) => tracing::error!("An erasure is not carried out: {error}"),
            }
        }
        Ok(out)
    }

    /// What people want erased that no run has heard, oldest first. A word counts for a day.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn asked_erasures(&self, head: &Head) -> Result<Vec<Asked>, StoreError> {
        let now = self.clock.now();
        let mut out = Vec::new();
        for (by, listed) in approve::said(&self.store, PREFIX).await? {
            if head.standing.noticed.contains_key(&listed.key) {
                continue;
            }
            match self.erasure_in(&listed).await {
                Ok((word, stored)) if approve::within_a_day(now, word.at) => out.push(Asked {
                    worker: word.erase,
                    by,
                    at: word.at,
                    anyway: word.anyway,
                    stored: Some(stored),
                }),
                Ok(_) => {}
                Err(why) => tracing::warn!("{} asks for nothing: {why}", listed.key),
            }
        }
        out.sort_by_key(|asked| asked.at);
        Ok(out)
    }

    async fn erasure_in(&self, listed: &Listed) -> Result<(Word, ObjectRef), String> {
        let (bytes, stored) = approve::read_word(&self.store, listed).await?;
        // What it says may be anything, and stays out of the log.
        let word: Word =
            serde_json::from_slice(&bytes).map_err(|_| "it has not the form of one".to_owned())?;
        approve::timely(self, listed, word.at)?;
        Ok((word, stored))
    }
}
