//! At most once: a mark that is set before what cannot be repeated, and never taken away.
//!
//! Found set without an outcome, the action is not sent again; its outcome is `unknown` and a
//! person is told (P6).

use jiff::Timestamp;
use rollcall_core::model::{ActionId, RunId};
use serde::Serialize;

use crate::store::{Store, StoreError};

#[derive(Serialize)]
struct Mark<'a> {
    action: &'a ActionId,
    run: &'a RunId,
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
