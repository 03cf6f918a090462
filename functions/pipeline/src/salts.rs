//! The part of all salts that a store keeps ([`Seed`]): one object beside the state, made with the
//! first plan, so that it can be destroyed for one person by [`crate::erase`].
//!
//! A store with the public key of rehearsals has none: its digests hide nothing anyway, and two
//! rehearsals can be compared. Invariant: once there is one, no plan is made without it.

use std::sync::Arc;

use rollcall_core::digest::EvidenceKey;
use rollcall_core::salts::Seed;

use crate::config::REHEARSAL_KEY;
use crate::store::{Store, StoreError};

/// Where it lies.
pub(crate) const KEY: &str = "state/seed.json";

/// The key with what the store keeps of its salts; that is made where there is none yet.
///
/// # Errors
/// When the store fails, or what lies there is no seed.
pub(crate) async fn for_plans(store: &Store, key: &EvidenceKey) -> Result<EvidenceKey, StoreError> {
    if key.is(REHEARSAL_KEY.as_bytes()) {
        return Ok(key.clone());
    }
    if let Some(seed) = read(store).await? {
        return Ok(key.seeded(Some(seed)));
    }
    let mut root = [0; 32];
    getrandom::fill(&mut root).expect("the operating system gives random bytes");
    let seed = Seed::new(root);
    let seed = match store.create(KEY, seed.to_bytes()).await {
        Ok(()) => Arc::new(seed),
        // Another process was first, or our own answer was lost: what lies there counts.
        Err(error) => read(store).await?.ok_or(error)?,
    };
    Ok(key.seeded(Some(seed)))
}

/// The key as it was when a plan was made: `seeded` says whether it had the store's part then.
///
/// # Errors
/// When the store fails, or its part is not there any more.
pub(crate) async fn of_plan(
    store: &Store,
    key: &EvidenceKey,
    seeded: bool,
) -> Result<EvidenceKey, StoreError> {
    if !seeded {
        return Ok(key.clone());
    }
    let seed = read(store).await?;
    let seed = seed.ok_or_else(|| StoreError::NotFound(KEY.to_owned()))?;
    Ok(key.seeded(Some(seed)))
}

/// Destroys the part of one person. Whether there was any.
///
/// # Errors
/// When the store fails.
pub(crate) async fn destroy(
    store: &Store,
    person: &rollcall_core::model::PersonKey,
) -> Result<bool, StoreError> {
    let Some(seed) = read(store).await? else {
        return Ok(false);
    };
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh).expect("the operating system gives random bytes");
    let mut seed = Arc::unwrap_or_clone(seed);
    seed.renew(person, fresh);
    store.put(KEY, seed.to_bytes()).await?;
    Ok(true)
}

async fn read(store: &Store) -> Result<Option<Arc<Seed>>, StoreError> {
    let Some(bytes) = store.find(KEY).await? else {
        return Ok(None);
    };
    let seed = Seed::of_bytes(&bytes).ok_or_else(|| StoreError::Corrupt {
        key: KEY.to_owned(),
        why: "it is no seed of salts; bring it back from a copy: without it no digest of a value \
              can be made again"
            .to_owned(),
    })?;
    Ok(Some(Arc::new(seed)))
}

#[cfg(test)]
mod tests {
    use rollcall_core::model::{PersonKey, Value};

    use super::*;

    #[tokio::test]
    async fn everybody_keeps_their_salt_but_the_one_who_is_erased() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        let key = EvidenceKey::new(*b"0123456789abcdef");
        let digest = async |person: &str| {
            let key = for_plans(&store, &key).await.unwrap();
            let salt = key.salt(&PersonKey::new(person));
            salt.digest("surname", &Value::text("Sato"))
        };
        let before = (digest("1").await, digest("2").await);
        assert_eq!((digest("1").await, digest("2").await), before);
        assert!(destroy(&store, &PersonKey::new("2")).await.unwrap());
        assert_eq!(digest("1").await, before.0);
        assert_ne!(digest("2").await, before.1);
        // Whoever has the key alone does not make them.
        let alone = key.salt(&PersonKey::new("1"));
        assert_ne!(alone.digest("surname", &Value::text("Sato")), before.0);
    }

    #[tokio::test]
    async fn a_rehearsal_has_no_seed_and_a_broken_one_stops_everything() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        let public = EvidenceKey::new(REHEARSAL_KEY.as_bytes());
        assert!(!for_plans(&store, &public).await.unwrap().is_seeded());
        assert_eq!(store.find(KEY).await.unwrap(), None);
        store.put(KEY, b"{}".as_slice()).await.unwrap();
        let own = EvidenceKey::new(*b"0123456789abcdef");
        let broken = for_plans(&store, &own).await.unwrap_err();
        assert!(broken.to_string().contains(KEY), "{broken}");
    }
}
