//! Reading an account back, and checking that it is the one that the plan meant (P14).
//!
//! Invariant: whoever writes to an account has been here a moment before.

use rollcall_core::model::{Attributes, Ending, Step};
use rollcall_http::CallError;
use serde_json::Value as Json;

use crate::write::{Sender, invalid, not_found, stale};
use crate::{Entra, account, graph};

/// What reading the account back gave.
pub(crate) enum Current {
    /// The account that the plan meant.
    User(Json),
    /// The step is over.
    Over(Ending),
}

impl Sender<'_> {
    /// Reads the account back, with the properties of `written`, and checks it.
    pub(crate) async fn current(
        &mut self,
        step: &Step,
        written: &Attributes,
    ) -> Result<Current, CallError> {
        let select = account::select(written.keys());
        // An update that writes the key is checked like any other property it writes.
        let settles_key = written.contains_key("employeeId");
        self.read_back(step, select, settles_key).await
    }

    /// Reads the account back, with these properties, and checks it. `settles_key`: the step
    /// itself sees to the key.
    pub(crate) async fn read_back(
        &mut self,
        step: &Step,
        select: String,
        settles_key: bool,
    ) -> Result<Current, CallError> {
        let Some(object) = &step.object else {
            return Ok(Current::Over(invalid("the step names no account")));
        };
        let call = graph::read_user(graph::user_path(object), select, self.lane);
        let read = if self.entra.created_lately(object) {
            self.send_until_found(call).await
        } else {
            self.send(call).await
        };
        check(self.entra, step, settles_key, read.map(|reply| reply.body))
    }
}

/// What reading the account of a step means for the step.
pub(crate) fn check(
    entra: &Entra,
    step: &Step,
    settles_key: bool,
    read: Result<Json, CallError>,
) -> Result<Current, CallError> {
    let Some(object) = &step.object else {
        return Ok(Current::Over(invalid("the step names no account")));
    };
    let lately = entra.created_lately(object);
    let user = match read {
        Ok(user) => user,
        Err(error) if not_found(&error) && lately => {
            return Ok(Current::Over(entra.replicating()));
        }
        Err(error) if not_found(&error) => {
            return Ok(Current::Over(stale("the account is gone")));
        }
        Err(error) => return Err(error),
    };
    if user.get("id").and_then(Json::as_str) != Some(object.as_str()) {
        return Ok(Current::Over(stale(
            "the directory answered with another account",
        )));
    }
    let key = user.get("employeeId").and_then(Json::as_str);
    // A replica that has not caught up shows a new account without its key; and nobody stops a cut,
    // or keeps a membership, by taking the key off the account that was linked (P14).
    let takes = step.op.destructive();
    let settles_key = settles_key || (key.is_none() && (lately || takes));
    if key != Some(step.key.as_str()) && !settles_key {
        return Ok(Current::Over(stale(
            "the account carries another employee id",
        )));
    }
    Ok(Current::User(user))
}
