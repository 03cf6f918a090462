//! Signing what a pass has closed.
//!
//! An entry that closes a run names the key that signs it, so that a signature that is taken away
//! is missed. Invariant: nothing waits for a signature; a pass that could not sign says so at its
//! end, and the next one signs in its place.

use super::{Pipeline, RunError};
use crate::log::{self, Closed, Event};
use crate::sign;
use crate::store::StoreError;

impl Pipeline {
    /// [`Pipeline::signer`] of what is no pass. Where functions work, the one that closes runs signs: it
    /// covers this with its next signature.
    pub(crate) async fn signer_beside(&self) -> Option<String> {
        match self.queue {
            Some(_) => None,
            None => self.signer().await,
        }
    }

    /// [`Pipeline::sign`] of what is no pass.
    ///
    /// # Errors
    /// See [`Pipeline::sign`].
    pub(crate) async fn sign_beside(&self) -> Result<(), RunError> {
        match self.queue {
            Some(_) => Ok(()),
            None => self.sign().await,
        }
    }

    /// The key that will sign what is closed now, as the entry names it.
    pub(super) async fn signer(&self) -> Option<String> {
        let signer = self.settings.signer.as_ref()?;
        match signer.public().await {
            Ok(public) => Some(public.id()),
            Err(error) => {
                tracing::error!("A run is closed without naming who signs it: {error}");
                None
            }
        }
    }

    /// Signs the newest close, and those before it that name a key and were never signed.
    ///
    /// # Errors
    /// When the key cannot be used or the store fails.
    pub(super) async fn sign(&self) -> Result<(), RunError> {
        let Some(signer) = &self.settings.signer else {
            return Ok(());
        };
        let mut newest = true;
        for generation in (1..=log::head(&self.store).await?.generation).rev() {
            let (entry, sha256) = log::entry(&self.store, generation).await?;
            let Event::Close(closed) = entry.event else {
                continue;
            };
            let own = signer.public().await?.id();
            let due = newest || closed.signer.is_some();
            if !due || self.is_signed(generation, &own, &closed).await? {
                break;
            }
            let now = self.clock.now();
            let signed = signer.sign((generation, sha256), entry.run, now).await?;
            let key = sign::key(generation, &own);
            match self.store.create(&key, signed.bytes()).await {
                // Another process has signed it at another instant.
                Ok(()) | Err(StoreError::Exists(_)) => {}
                Err(error) => return Err(error.into()),
            }
            newest = false;
        }
        Ok(())
    }

    /// Whether a close is signed, by us or by whom it names: keys change.
    async fn is_signed(
        &self,
        generation: u64,
        own: &str,
        closed: &Closed,
    ) -> Result<bool, StoreError> {
        for id in closed.signer.as_deref().into_iter().chain([own]) {
            let key = sign::key(generation, id);
            if self.store.look(&key).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
