//! Operations that tell somebody: handed over once, or not at all.

use rollcall_core::model::{Ending, Op, StepResult};
use rollcall_core::plan::{Action, ActionValues, WorkOrder};
use rollcall_core::texts::Notification;

use super::order::{Hands, cut_meanwhile, unanswered};
use super::{ApplyError, journal};
use crate::notify::{Outgoing, no_way};
use crate::once;

/// Speaks of somebody's coming: not sent once they are cut off.
fn greets(op: Op) -> bool {
    matches!(op, Op::NotifyManager | Op::NotifyWelcome)
}

impl Hands<'_, '_> {
    /// Passes a notice on, unless it was sent before.
    pub(super) async fn tell(
        &self,
        order: &WorkOrder,
        action: &Action,
        values: Option<&ActionValues>,
    ) -> Result<StepResult, ApplyError> {
        if greets(action.op) && self.stopped(&order.person).await? {
            return Ok(StepResult::new(cut_meanwhile()));
        }
        let Some(notifier) = self.notifier.filter(|it| it.tells(action.op)) else {
            return Ok(StepResult::new(no_way(action.op)));
        };
        let Some(notice) = values.and_then(|it| Notification::of(&it.after)) else {
            let why = "its text is no longer stored: plan again".to_owned();
            return Ok(StepResult::new(Ending::Stale { why }));
        };
        let (run, now) = (&self.job.run, self.clock.now());
        if !once::claim_anew(self.store, &action.id, run, now).await? {
            if let Some(known) = self.recorded(action).await? {
                return Ok(StepResult::new(known));
            }
            if !notifier.repeats(action.op) {
                return Ok(StepResult::new(unheard(action)));
            }
        }
        let worker = order.workers.first();
        let outgoing = Outgoing::new(action, run, worker, notice);
        Ok(notifier.tell(&outgoing).await)
    }

    /// What is on record of an action, in memory or in the journal.
    pub(super) async fn recorded(&self, action: &Action) -> Result<Option<Ending>, ApplyError> {
        let known = self.known.outcomes().get(&action.id).cloned();
        if let Some(known) = known {
            return Ok(Some(known.ending));
        }
        let outcomes = journal::outcomes(self.store, &self.job.run).await?;
        Ok(outcomes.get(&action.id).map(|known| known.ending.clone()))
    }
}

/// Sent, and the process that sent it left no word of what came of it.
pub(crate) fn unheard(action: &Action) -> Ending {
    if action.op.on_device() {
        return unanswered();
    }
    if action.op == Op::TapIssue {
        let hint = "a pass was begun, and nobody knows whether it was issued or handed over: ask whoever was to get \
                    it, and issue another one by hand where it is missing; it is not issued again";
        return Ending::Unknown {
            hint: hint.to_owned(),
        };
    }
    Ending::Unknown {
        hint: format!(
            "sent before, and no answer is on record: ask the receiver for {}; it is not sent again",
            action.id
        ),
    }
}
