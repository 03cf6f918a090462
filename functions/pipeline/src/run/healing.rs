//! Healing: what others changed of accounts becomes as HR says again, by a plan like any other.
//!
//! The persons of some accounts are planned anew as if the tenant itself had told of them. Invariant:
//! nobody else is looked at, and nothing goes past the guards.

use jiff::Timestamp;
use rollcall_core::model::ObjectId;

use super::undoing::under_way;
use super::{Pipeline, RunError, Step, Stored, run_id};
use crate::log;

impl Pipeline {
    /// Plans to mend these accounts, ascending; `None` where there is nothing to do to any.
    ///
    /// # Errors
    /// [`RunError::Refused`] where functions carry out what is planned, or a run is under way; else see
    /// [`RunError`].
    pub async fn heal(
        &self,
        accounts: &[ObjectId],
        now: Timestamp,
    ) -> Result<Option<Stored>, RunError> {
        if self.queue.is_some() {
            return Err(RunError::Refused(
                "functions carry out what is planned here, and they plan anew whom the tenant tells of: \
                 the next delivery mends what differs; heal from a configuration without [queue]"
                    .to_owned(),
            ));
        }
        loop {
            let head = log::head(&self.store).await?;
            if let Some(why) = under_way(&head) {
                return Err(RunError::Refused(format!(
                    "{why}, then what differs can be mended"
                )));
            }
            let made = Box::pin(self.make_heal(&head, accounts.to_vec(), now)).await?;
            if made.orders == 0 {
                return Ok(None);
            }
            match self.commit_plan(&head, &run_id(now), None, made).await {
                Ok(stored) => return Ok(Some(stored)),
                Err(Step::Lost) => {}
                Err(Step::Failed(error)) => return Err(*error),
            }
        }
    }
}
