//! `apply`: a batch of messages, and which of them have to come again.
//!
//! Source: "Handling errors for an SQS event source in Lambda" (AWS Lambda Developer Guide). Its form
//! for FIFO queues stops at the first failure; ours stops per message group, which is allowed
//! because everything that is behind a failed message in its group is given back with it.

use rollcall_pipeline::queue::{Delivery, Lane};
use rollcall_pipeline::run::{Incoming, Pipeline, Taken};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::FunctionError;

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

pub(crate) async fn apply(
    pipeline: &Pipeline,
    payload: Value,
    time_left: impl Fn() -> bool,
) -> Result<Value, FunctionError> {
    let event: Event =
        serde_json::from_value(payload).map_err(|e| FunctionError::Event(e.to_string()))?;
    let batch: Vec<Incoming> = event
        .records
        .iter()
        .map(|record| Incoming {
            group: record.attributes.message_group_id.clone(),
            body: record.body.clone(),
        })
        .collect();
    let taken = pipeline.take_batch(&batch, time_left).await?;
    let mut again = Vec::new();
    for (record, taken) in event.records.iter().zip(taken) {
        match taken {
            Taken::Done => {}
            Taken::Again => again.push(json!({"itemIdentifier": record.message_id})),
            Taken::Dead(reason) => {
                tracing::error!(message = record.message_id, "Put aside: {reason}.");
                put_aside(pipeline, record, &reason).await?;
            }
        }
    }
    Ok(json!({"batchItemFailures": again}))
}

/// Dead at first sight: it goes to the dead letters with the reason, and blocks nobody.
async fn put_aside(
    pipeline: &Pipeline,
    record: &Record,
    reason: &str,
) -> Result<(), FunctionError> {
    let (Some(queue), Some(config)) = (&pipeline.queue, &pipeline.settings.config.queue) else {
        return Err(FunctionError::Environment(
            "no queue is configured".to_owned(),
        ));
    };
    let name = record.source.rsplit(':').next().unwrap_or_default();
    let lane = if config.urgent.ends_with(&format!("/{name}")) {
        Lane::Urgent
    } else {
        Lane::Bulk
    };
    let delivery = Delivery {
        receipt: record.receipt_handle.clone(),
        body: record.body.clone(),
        group: record.attributes.message_group_id.clone(),
        receives: 1,
    };
    Ok(queue.dead_letter(lane, &delivery, reason).await?)
}
