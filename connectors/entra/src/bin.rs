//! Into the bin and out of it again.
//!
//! Sources: "Delete user", "List deletedItems", "Restore deleted item" (graph/api): a deleted user lies in the
//! bin for 30 days and comes back as it was, with the same id. Invariant: nobody is deleted who can
//! sign in, and nothing is ever removed from the bin for good.

use rollcall_core::model::{Attributes, Ending, ObjectId, Step};
use rollcall_http::{CallError, Situation};
use serde_json::Value as Json;

use crate::current::Current;
use crate::graph;
use crate::write::{Ended, Sender, invalid, not_found, situation, stale};

impl Sender<'_> {
    /// Puts an account into the bin. One that is there already is `Already`.
    pub(crate) async fn delete(&mut self, step: &Step) -> Ended {
        let Some(object) = &step.object else {
            return Ok((invalid("the step names no account"), None));
        };
        let user = match self.current(step, &Attributes::new()).await? {
            Current::User(user) => user,
            Current::Over(ending) => {
                let binned =
                    matches!(ending, Ending::Stale { .. }) && self.binned(object).await?.is_some();
                let ending = if binned { Ending::Already } else { ending };
                return Ok((ending, None));
            }
        };
        if user.get("accountEnabled") != Some(&Json::Bool(false)) {
            return Ok((
                stale("the account is enabled: nobody who works is deleted"),
                None,
            ));
        }
        let ending = match self.send(graph::delete_user(object, self.lane)).await {
            Ok(_) => Ending::Done,
            // A delete whose answer was lost.
            Err(error) if not_found(&error) => Ending::Already,
            Err(error) => return Err(error),
        };
        Ok((ending, None))
    }

    /// Brings an account back from the bin.
    pub(crate) async fn restore(&mut self, step: &Step) -> Ended {
        let Some(object) = &step.object else {
            return Ok((invalid("the step names no account"), None));
        };
        let Some(user) = self.binned(object).await? else {
            // Somebody else restored it, or its 30 days are over.
            return Ok((self.back(step).await?, None));
        };
        let key = user.get("employeeId").and_then(Json::as_str);
        if key != Some(step.key.as_str()) {
            return Ok((stale("the account carries another employee id"), None));
        }
        let ending = match self.send(graph::restore_user(object, self.lane)).await {
            Ok(_) => Ending::Done,
            Err(error) => match situation(&error) {
                // A restore whose answer was lost, or that was delivered twice.
                Some(Situation::NotFound) => self.back(step).await?,
                Some(Situation::NameTaken | Situation::ValueTaken) => Ending::Failed {
                    code: error.code(),
                    hint: "somebody else has its sign-in name or an address of it by now; give \
                           that one another, or restore the account by hand under a new name"
                        .to_owned(),
                },
                Some(_) | None => return Err(error),
            },
        };
        Ok((ending, None))
    }

    /// How a restore ends that finds nothing in the bin.
    async fn back(&mut self, step: &Step) -> Result<Ending, CallError> {
        Ok(match self.current(step, &Attributes::new()).await? {
            Current::User(_) => Ending::Already,
            Current::Over(Ending::Stale { .. }) => {
                stale("the account is neither in the tenant nor in its bin")
            }
            Current::Over(ending) => ending,
        })
    }

    /// An account as it lies in the bin.
    async fn binned(&mut self, object: &ObjectId) -> Result<Option<Json>, CallError> {
        let reply = self.send(graph::find_deleted(object, self.lane)).await?;
        let found = reply.body.get("value").and_then(Json::as_array);
        let found = found.ok_or_else(|| CallError::malformed("a list of users has no `value`"))?;
        Ok(found.first().cloned())
    }
}
