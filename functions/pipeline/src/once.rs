//! At most once: a mark that is set before what cannot be repeated, and never taken away.
//!
//! Found set without an outcome, the action is not sent again; its outcome is `unknown` and a
//! person is told (P6).

use jiff::Timestamp;
use rollcall_core::model::{ActionId, RunId};
use serde::{Deserialize, Serialize};

use crate::store::{ObjectRef, Store, StoreError, parse, reference};

#[derive(Serialize)]
struct Mark<'a> {
    action: &'a ActionId,
    run: &'a RunId,
    at: Timestamp,
}

#[derive(Deserialize)]
struct Marked {
    run: RunId,
    at: Timestamp,
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
    if of(store, action, run).await?.is_some() {
        return Ok(false);
    }
    let mark = serde_json::to_vec(&Mark { action, run, at }).expect("a mark is always JSON");
    match store.create(&again(action, run), mark).await {
        Ok(()) => Ok(true),
        Err(StoreError::Exists(_)) => Ok(false),
        Err(e) => Err(e),
    }
}

/// When a run set the mark of an action by [`claim_anew`]; `None`: it did not.
///
/// # Errors
/// When the store fails.
pub async fn claimed(
    store: &Store,
    action: &ActionId,
    run: &RunId,
) -> Result<Option<Timestamp>, StoreError> {
    match of(store, action, run).await? {
        Some(at) => Ok(Some(at)),
        None => Ok(mark(store, &again(action, run)).await?.map(|it| it.at)),
    }
}

/// The marks of an action that a run has set, as they are stored.
///
/// # Errors
/// When the store fails.
pub async fn set_by(
    store: &Store,
    action: &ActionId,
    run: &RunId,
) -> Result<Vec<ObjectRef>, StoreError> {
    let mut out = Vec::new();
    for key in [format!("once/{action}.json"), again(action, run)] {
        if let Some(bytes) = store.find(&key).await?
            && parse::<Marked>(&key, &bytes)?.run == *run
        {
            out.push(reference(&key, &bytes));
        }
    }
    Ok(out)
}

/// When a run set the first mark of an action.
async fn of(
    store: &Store,
    action: &ActionId,
    run: &RunId,
) -> Result<Option<Timestamp>, StoreError> {
    let first = mark(store, &format!("once/{action}.json")).await?;
    Ok(first.filter(|it| it.run == *run).map(|it| it.at))
}

async fn mark(store: &Store, key: &str) -> Result<Option<Marked>, StoreError> {
    match store.find(key).await? {
        Some(bytes) => Ok(Some(parse(key, &bytes)?)),
        None => Ok(None),
    }
}

fn again(action: &ActionId, run: &RunId) -> String {
    format!("once/{action}-{run}.json")
}
