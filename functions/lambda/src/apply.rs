//! `apply`: a batch of messages, and which of them have to come again.
//!
//! Source: "Handling errors for an SQS event source in Lambda" (AWS Lambda Developer Guide). Its form
//! for FIFO queues stops at the first failure; ours stops per message group, which is allowed
//! because everything that is behind a failed message in its group is given back with it.

use std::time::Duration;

use rollcall_pipeline::queue::{self, Delivery, Lane, Queue};
use rollcall_pipeline::run::{Incoming, Pipeline, Taken};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::FunctionError;
use crate::metrics::count;
use crate::setup::Connected;

/// The event of a queue, as far as we read it.
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(rename = "eventSourceARN")]
    source: String,
    attributes: Attributes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    message_group_id: String,
}

/// How long what was not done stays away.
const PAUSE: Duration = Duration::from_secs(30);

pub(crate) async fn apply(
    connected: &Connected,
    payload: Value,
    time_left: impl Fn() -> Option<Duration> + Sync,
) -> Result<Value, FunctionError> {
    let event: Event =
        serde_json::from_value(payload).map_err(|e| FunctionError::Event(e.to_string()))?;
    let pipeline = &connected.pipeline;
    let queue = connected.queue.as_ref();
    let Some(first) = event.records.first() else {
        return Ok(json!({"batchItemFailures": []}));
    };
    let lane = lane(pipeline, first)?;
    let batch: Vec<Incoming> = event
        .records
        .iter()
        .map(|record| Incoming {
            group: record.attributes.message_group_id.clone(),
            body: record.body.clone(),
        })
        .collect();
    let receipts: Vec<String> = event
        .records
        .iter()
        .map(|record| record.receipt_handle.clone())
        .collect();
    let work = pipeline.take_batch(&batch, time_left);
    let taken = queue::holding(queue, lane, &receipts, pipeline.clock, work).await?;
    let (mut again, mut dead, mut halted) = (Vec::new(), 0, 0);
    for (record, taken) in event.records.iter().zip(taken) {
        match taken {
            Taken::Done => {}
            // Not named as failed, it leaves the queue.
            Taken::Halted => halted += 1,
            Taken::Again => {
                // The source takes it off nobody's hands before its visibility ends: that is made
                // short. Where it cannot be, it comes later.
                let kept = queue.extend(lane, &record.receipt_handle, PAUSE).await;
                if let Err(error) = kept {
                    tracing::warn!("A message stays away longer than meant: {error}");
                }
                again.push(json!({"itemIdentifier": record.message_id}));
            }
            Taken::Dead(reason) => {
                dead += 1;
                tracing::error!(message = record.message_id, "Put aside: {reason}.");
                put_aside(queue, lane, record, &reason).await?;
            }
        }
    }
    let done = event.records.len() - again.len() - dead - halted;
    connected.say(&[
        count("OrdersDone", done),
        count("OrdersAgain", again.len()),
        count("OrdersDead", dead),
        count("OrdersHalted", halted),
    ]);
    Ok(json!({"batchItemFailures": again}))
}

/// Which lane a record is of: all of one event are of the same.
fn lane(pipeline: &Pipeline, record: &Record) -> Result<Lane, FunctionError> {
    let name = record.source.rsplit(':').next().unwrap_or_default();
    let queues = pipeline.settings.config.queue.as_ref();
    let is = |url: &String| url.ends_with(&format!("/{name}"));
    match queues {
        Some(queues) if is(&queues.urgent) => Ok(Lane::Urgent),
        Some(queues) if is(&queues.bulk) => Ok(Lane::Bulk),
        Some(_) | None => Err(FunctionError::Event(format!(
            "`{name}` is no queue of this configuration"
        ))),
    }
}

/// Dead at first sight: it goes to the dead letters with the reason, and blocks nobody.
async fn put_aside(
    queue: &dyn Queue,
    lane: Lane,
    record: &Record,
    reason: &str,
) -> Result<(), FunctionError> {
    let delivery = Delivery {
        receipt: record.receipt_handle.clone(),
        body: record.body.clone(),
        group: record.attributes.message_group_id.clone(),
        receives: 1,
    };
    Ok(queue.dead_letter(lane, &delivery, reason).await?)
}
