//! At most once: a mark that is set before what cannot be repeated, and never taken away.
//!
//! Found set without an outcome, the action is not sent again; its outcome is `unknown` and a
//! person is told (P6).

use jiff::Timestamp;
use rollcall_core::model::{ActionId, RunId};
use serde::{Deserialize, Serialize};

use crate::store::{Store, StoreError, parse};

#[derive(Serialize)]
struct Mark<'a> {
    action: &'a ActionId,
    run: &'a RunId,
    at: Timestamp,
}

#[derive(Deserialize)]
struct Marked {
    run: RunId,
}

/// Whether this call was the one that set the mark: only then may the action be sent.
///
/// # Errors
/// When the store fails; then the action must not be sent either.
pub async fn claim(
    store: &Store,
    action: &ActionId,
    run: &RunId,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let mark = serde_json::to_vec(&Mark { action, run, at }).expect("a mark is always JSON");
    match store.create(&format!("once/{action}.json"), mark).await {
        Ok(()) => Ok(true),
        Err(StoreError::Exists(_)) => Ok(false),
        Err(e) => Err(e),
    }
}

/// The same for an action that is planned again only when it is known not to have been taken: the
/// mark of another run does not count.
///
/// # Errors
/// When the store fails; then the action must not be sent either.
pub async fn claim_anew(
    store: &Store,
    action: &ActionId,
    run: &RunId,
    at: Timestamp,
) -> Result<bool, StoreError> {
    if claim(store, action, run, at).await? {
        return Ok(true);
    }
    if is_of(store, action, run).await? {
        return Ok(false);
    }
    let mark = serde_json::to_vec(&Mark { action, run, at }).expect("a mark is always JSON");
    match store.create(&again(action, run), mark).await {
        Ok(()) => Ok(true),
        Err(StoreError::Exists(_)) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Whether a run has set the mark of an action by [`claim_anew`].
///
/// # Errors
/// When the store fails.
pub async fn claimed(store: &Store, action: &ActionId, run: &RunId) -> Result<bool, StoreError> {
    Ok(is_of(store, action, run).await? || store.look(&again(action, run)).await?.is_some())
}

async fn is_of(store: &Store, action: &ActionId, run: &RunId) -> Result<bool, StoreError> {
    let key = format!("once/{action}.json");
    let Some(bytes) = store.find(&key).await? else {
        return Ok(false);
    };
    let marked: Marked = parse(&key, &bytes)?;
    Ok(marked.run == *run)
}

fn again(action: &ActionId, run: &RunId) -> String {
    format!("once/{action}-{run}.json")
}
