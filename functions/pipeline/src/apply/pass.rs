//! A Temporary Access Pass: made, handed over, forgotten.
//!
//! Invariant: the secret is in memory between the answer of the target and the delivery, and nowhere else;
//! a pass that is known to have reached nobody is taken back, and one of which nobody knows is not made
//! a second time (P6).

use jiff::Timestamp;
use rollcall_core::model::{Ending, ObjectId, PersonKey, Step, StepResult};
use rollcall_core::plan::{Action, ActionValues, WorkOrder};
use rollcall_core::texts::Notification;

use super::ApplyError;
use super::order::{Hands, cut_meanwhile};
use super::tell::unheard;
use crate::notify::{Notifier, Outgoing, no_way};
use crate::once;
use crate::target::IssuedPass;

impl Hands<'_, '_> {
    /// Makes a pass and hands it over, unless that was done before.
    pub(super) async fn pass(
        &self,
        order: &WorkOrder,
        action: &Action,
        values: Option<&ActionValues>,
        (key, object): (&str, Option<&ObjectId>),
    ) -> Result<StepResult, ApplyError> {
        if self.stopped(&order.person).await? {
            return Ok(StepResult::new(cut_meanwhile()));
        }
        // Nothing is made that cannot be handed over.
        let Some(notifier) = self.notifier.filter(|it| it.tells(action.op)) else {
            return Ok(StepResult::new(no_way(action.op)));
        };
        // Cut off by this plan or a newer one: somebody else has to hand it over.
        if let Some(reader) = action.args.get("reader") {
            let cut = self.cut_by(&PersonKey::new(reader)).await?;
            if cut.is_some_and(|generation| generation >= self.job.generation) {
                return Ok(StepResult::new(Ending::Waiting {
                    until: None,
                    reason: "manager".to_owned(),
                }));
            }
        }
        let notice = values.and_then(|it| Notification::of(&it.after));
        let (Some(notice), Some((start, minutes))) = (notice, span(action)) else {
            let why = "its text is no longer stored: plan again".to_owned();
            return Ok(StepResult::new(Ending::Stale { why }));
        };
        let (run, now) = (&self.job.run, self.clock.now());
        if !once::claim_anew(self.store, &action.id, run, now).await? {
            let known = self.recorded(action).await?;
            return Ok(StepResult::new(known.unwrap_or_else(|| unheard(action))));
        }
        let step = Self::bare(order, action, key, object);
        let (result, issued) = self.target.issue_pass(&step, start, minutes).await;
        let Some(issued) = issued else {
            return Ok(result);
        };
        if self.stopped(&order.person).await? {
            let result = self
                .withdraw(&step, &issued.id, result, cut_meanwhile())
                .await;
            let left = result.ending.clone();
            let back = self.take_back(step, result).await;
            // A pass that may still be there is said, whatever else was taken back.
            let ending = if matches!(left, Ending::Unknown { .. }) {
                left
            } else {
                back.ending
            };
            return Ok(StepResult { ending, ..back });
        }
        let IssuedPass { id, pass } = issued;
        let worker = order.workers.first();
        let outgoing = Outgoing::new(action, run, worker, notice).handing(pass);
        Ok(self
            .hand_over(notifier, &step, &id, result, &outgoing)
            .await)
    }

    /// Hands a pass over; where it is known that nobody has it, it goes.
    async fn hand_over(
        &self,
        notifier: &dyn Notifier,
        step: &Step,
        id: &str,
        result: StepResult,
        outgoing: &Outgoing,
    ) -> StepResult {
        let told = notifier.tell(outgoing).await;
        let result = StepResult {
            calls: result.calls + told.calls,
            ..result
        };
        match told.ending {
            Ending::Done | Ending::Already => result,
            Ending::Unknown { hint } => StepResult {
                ending: Ending::Unknown {
                    hint: format!(
                        "a pass was issued, and nobody knows whether it was handed over: {hint}"
                    ),
                },
                ..result
            },
            ending @ (Ending::Failed { .. }
            | Ending::Waiting { .. }
            | Ending::Stale { .. }
            | Ending::Held { .. }) => self.withdraw(step, id, result, ending).await,
        }
    }

    /// Takes back a pass that nobody has; it is planned again, as `ending` says.
    async fn withdraw(
        &self,
        step: &Step,
        id: &str,
        result: StepResult,
        ending: Ending,
    ) -> StepResult {
        let gone = self.target.withdraw_pass(step, id).await;
        let ending = if gone.ending.settled() {
            ending
        } else {
            // One that may be there would keep the next one from being made.
            Ending::Unknown {
                hint: "a pass was issued, nobody got it, and it could not be taken back: it ends by itself. Issue \
                       another one by hand, it replaces that one"
                    .to_owned(),
            }
        };
        StepResult {
            ending,
            calls: result.calls + gone.calls,
            ..result
        }
    }
}

/// From when on, and how many minutes, as planned.
fn span(action: &Action) -> Option<(Timestamp, u32)> {
    let of = |name: &str| action.args.get(name);
    Some((of("start")?.parse().ok()?, of("minutes")?.parse().ok()?))
}
