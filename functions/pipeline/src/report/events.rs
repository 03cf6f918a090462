//! `events.jsonl`: what a run changed, for a SIEM. Invariant: one line for each action that is an
//! event, in the order of the plan; the same plan and outcomes give the same bytes.

use rollcall_core::model::{ObjectId, Op};
use rollcall_core::plan::WorkOrder;
use rollcall_core::report::{Happened, ocsf};

use super::Material;
use crate::apply::Lines;
use crate::spool::Spool;
use crate::store::{Store, StoreError, parse, temporary};

/// The events of a run, one JSON object a line.
pub(super) async fn events(store: &Store, material: &Material<'_>) -> Result<Spool, StoreError> {
    let mut out = Spool::default();
    let mut lines = Lines::open(store, material.plan).await?;
    while let Some((_, line)) = lines.next()? {
        let order: WorkOrder = parse(material.plan, &line)?;
        let due = order.due(material.approved, material.summary.now);
        let made = due
            .iter()
            .find(|it| matches!(it.op, Op::UserCreate | Op::GroupCreate));
        let made = made.and_then(|it| material.outcomes.get(&it.id));
        let made: Option<&ObjectId> = made.and_then(|it| it.object.as_ref());
        for action in due {
            let Some(outcome) = material.outcomes.get(&action.id) else {
                continue;
            };
            let event = ocsf(&Happened {
                order: &order,
                action,
                outcome,
                object: outcome.object.as_ref().or(order.object.as_ref()).or(made),
                tenant: material.tenant,
                version: env!("CARGO_PKG_VERSION"),
            });
            if let Some(event) = event {
                out.line(&event).map_err(|e| temporary(material.plan, &e))?;
            }
        }
    }
    Ok(out)
}
