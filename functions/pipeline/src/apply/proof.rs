//! Reading back whether somebody who left is out (P15).
//!
//! Invariant: it writes nothing, and what could not be read is tried again, never called proven.

use rollcall_core::model::{Ending, ObjectId, ProofOf, ProofVerdict, StepResult};
use rollcall_core::plan::{Action, WorkOrder};
use rollcall_core::proof::{self, Expected};

use super::order::Hands;

impl Hands<'_, '_> {
    /// Reads everything back that an action asks about, and says what that proves.
    pub(super) async fn prove(
        &self,
        order: &WorkOrder,
        action: &Action,
        object: Option<&ObjectId>,
    ) -> StepResult {
        let Some(object) = object else {
            return StepResult::new(Ending::Stale {
                why: "there is no account to read back".to_owned(),
            });
        };
        let expected = Expected::of_args(&action.args);
        match self.target.sight(object, &expected).await {
            Ok((seen, calls)) => {
                let proof = proof::judge(&seen, &expected);
                let left = proof
                    .iter()
                    .filter(|it| it.verdict == ProofVerdict::Residual);
                let let_in = proof
                    .iter()
                    .any(|it| it.of == ProofOf::Account && it.verdict == ProofVerdict::Residual);
                tracing::debug!(
                    run = %self.job.run,
                    order = %order.order,
                    items = proof.len(),
                    residual = left.count(),
                    let_in,
                    "An exit was read back."
                );
                StepResult {
                    calls,
                    proof,
                    ..StepResult::new(Ending::Done)
                }
            }
            Err(error) => StepResult::new(Ending::Failed {
                code: "unread".to_owned(),
                hint: format!("it could not be read back, and is tried again: {error}"),
            }),
        }
    }
}
