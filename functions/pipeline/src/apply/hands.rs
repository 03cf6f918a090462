//! Who has orders of a run in hand, and whether they are called back.
//!
//! A run that is under way may have to end before its time. Whoever carries out its orders then is
//! not to write to the target any more once the next plan looks at it. Takers write a mark before
//! they look whether the run is called back; whoever calls it back writes a mark before looking who
//! has something in hand. One of the two always sees the other. Marks belong to an opening of the
//! run: what an approval opens again is not called back by what was before.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rollcall_core::model::RunId;

use crate::store::{Store, StoreError};

/// Longer than anybody who takes orders lives (a function: 15 minutes): a mark without an end that
/// is older was left by somebody who was killed.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(16);

/// One opening of a run.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// The store.
    pub store: &'a Store,
    /// The run.
    pub run: &'a RunId,
    /// Generation of the entry that opened it.
    pub generation: u64,
}

impl Opening<'_> {
    fn folder(&self) -> String {
        format!("runs/{}/hands", self.run)
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{:012}-{name}.json", self.folder(), self.generation)
    }

    async fn mark(&self, name: &str) -> Result<(), StoreError> {
        self.store.put_new(&self.key(name), "{}").await?;
        Ok(())
    }

    async fn has(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.store.look(&self.key(name)).await?.is_some())
    }

    /// Whether anything of it was sent.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_sent(&self) -> Result<bool, StoreError> {
        self.has("sent").await
    }

    /// Something is about to be sent.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn send(&self) -> Result<(), StoreError> {
        self.mark("sent").await
    }

    /// Somebody takes orders of it in hand; `nonce` tells them from others. Whether they may go on.
    ///
    /// # Errors
    /// When the store fails; then they may not.
    pub async fn take(&self, nonce: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.mark(&format!("taken-{}-{nonce}", now.as_second()))
            .await?;
        Ok(!self.is_called_back().await?)
    }

    /// They have let go of them, and what came of it is in the journal.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn let_go(&self, nonce: &str) -> Result<(), StoreError> {
        self.mark(&format!("done-{nonce}")).await
    }

    /// Whether it is called back.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_called_back(&self) -> Result<bool, StoreError> {
        self.has("back").await
    }

    /// Calls it back. Whether nobody has anything of it in hand any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn call_back(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.mark("back").await?;
        let listed = self.store.list(&self.folder()).await?;
        let ours = format!("{:012}-", self.generation);
        let (mut taken, mut done) = (Vec::new(), BTreeSet::new());
        for mark in &listed {
            let name = mark.key.rsplit('/').next().unwrap_or_default();
            let Some(name) = name
                .strip_prefix(&ours)
                .and_then(|n| n.strip_suffix(".json"))
            else {
                continue;
            };
            let parts: Vec<&str> = name.split('-').collect();
            match parts.as_slice() {
                ["taken", second, nonce] => taken.push((*second, *nonce)),
                ["done", nonce] => {
                    done.insert(*nonce);
                }
                _ => {}
            }
        }
        let oldest = (now - LIFETIME).as_second();
        Ok(taken.iter().all(|(second, nonce)| {
            done.contains(nonce) || second.parse::<i64>().is_ok_and(|second| second < oldest)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_is_second_sees_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        let run = RunId::new("r");
        let opening = |generation| Opening {
            store: &store,
            run: &run,
            generation,
        };
        let now: Timestamp = "2026-03-15T02:00:00Z".parse().unwrap();
        let first = opening(3);
        assert!(first.take("a", now).await.unwrap());
        assert!(!first.call_back(now).await.unwrap(), "a has something");
        assert!(!first.take("b", now).await.unwrap(), "b comes too late");
        first.let_go("a").await.unwrap();
        assert!(!first.call_back(now).await.unwrap(), "b did not let go");
        // b was killed: nobody lives that long.
        let later = now + LIFETIME + SignedDuration::from_secs(1);
        assert!(first.call_back(later).await.unwrap());
        // Opened again, it is not called back.
        assert!(opening(9).take("c", later).await.unwrap());
        assert!(first.call_back(later).await.unwrap());
    }
}
