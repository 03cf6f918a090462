//! The marks that a run has set outside of its own folder: what must not be repeated (`once/`) and
//! whom it cut off (`stops/`).
//!
//! Its fold brings them into the chain: who takes one away afterwards could have a notice sent
//! twice, or somebody let in again, and would be seen. They may be many, so the entry names one
//! list of them. Invariant: a list names marks of its own run only.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rollcall_core::model::ActionId;
use rollcall_core::plan::WorkOrder;

use super::order::stop_of;
use super::{Job, Lines};
use crate::once;
use crate::store::{ObjectRef, Store, StoreError, parse, reference};

/// What the list is called: one reference a line.
pub const MARKS: &str = "marks.jsonl";

/// Marks that are looked for at once.
const READS: usize = 32;

/// Where a mark may be.
enum Place {
    Once(ActionId),
    Stop(String),
}

/// The marks of a run, by key.
///
/// # Errors
/// When the store fails or the plan cannot be read.
pub async fn marks(store: &Store, job: &Job) -> Result<Vec<ObjectRef>, StoreError> {
    let mut places = Vec::new();
    let mut lines = Lines::open(store, &job.plan.key).await?;
    while let Some((_, line)) = lines.next()? {
        let order: WorkOrder = parse(&job.plan.key, &line)?;
        let due = job.due(&order);
        let once = due.iter().filter(|action| action.op.at_most_once());
        places.extend(once.map(|action| Place::Once(action.id.clone())));
        if due.iter().any(|action| action.op.cut()) {
            places.push(Place::Stop(stop_of(&order.person, job.generation)));
        }
    }
    let looks = places.into_iter().map(|place| async move {
        match place {
            Place::Once(action) => once::set_by(store, &action, &job.run).await,
            Place::Stop(key) => {
                let found = store.find(&key).await?;
                Ok(found.iter().map(|bytes| reference(&key, bytes)).collect())
            }
        }
    });
    let found = Box::pin(stream::iter(looks).buffered(READS));
    let found: Vec<Vec<ObjectRef>> = found.try_collect().await?;
    let mut out = found.concat();
    out.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(out)
}

/// Whether an object of a run is a list of its marks.
pub fn is_list(object: &ObjectRef) -> bool {
    object.key.starts_with("runs/") && object.is(MARKS)
}
