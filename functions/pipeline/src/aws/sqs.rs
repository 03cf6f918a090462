//! The queue over Amazon SQS: two FIFO queues, each with its dead letters.
//!
//! Source: "Amazon SQS FIFO queue key terms", "Amazon SQS message quotas" (SQS Developer Guide).
//! Invariant: a message group is a person, named by a hash; a body is a reference, never data of a
//! person.

use std::collections::VecDeque;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use futures::future::BoxFuture;
use rollcall_core::digest::{sha256, sha256_parts};
use rollcall_core::model::PersonKey;
use tokio::sync::OnceCell;

use crate::queue::{Delivery, Envelope, Lane, Queue, QueueError};

/// Messages of one call, for sending and for receiving.
const BATCH: usize = 10;
/// How often what a batch left over is sent again.
const ROUNDS: usize = 5;
/// The attribute of a dead letter that says why it is one.
const REASON: &str = "reason";

/// Where the lanes lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls {
    /// Cuts.
    pub urgent: String,
    /// Everything else.
    pub bulk: String,
}

/// The two lanes on SQS.
#[derive(Debug)]
pub struct SqsQueue {
    client: Client,
    urls: Urls,
    dead: [OnceCell<String>; 2],
}

impl SqsQueue {
    pub(super) fn new(config: &SdkConfig, urls: Urls) -> Self {
        Self {
            client: Client::new(config),
            urls,
            dead: [OnceCell::new(), OnceCell::new()],
        }
    }

    fn url(&self, lane: Lane) -> &str {
        match lane {
            Lane::Urgent => &self.urls.urgent,
            Lane::Bulk => &self.urls.bulk,
        }
    }

    /// The queue of the dead letters, as the lane's redrive policy names it.
    async fn dead(&self, lane: Lane) -> Result<&str, QueueError> {
        let cell = &self.dead[usize::from(lane == Lane::Bulk)];
        let url = cell.get_or_try_init(|| async move {
            let found = self
                .client
                .get_queue_attributes()
                .queue_url(self.url(lane))
                .attribute_names(QueueAttributeName::RedrivePolicy)
                .send()
                .await
                .map_err(|error| backend(&error))?;
            let policy = found
                .attributes()
                .and_then(|a| a.get(&QueueAttributeName::RedrivePolicy))
                .and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
            let name = policy
                .as_ref()
                .and_then(|p| p["deadLetterTargetArn"].as_str())
                .and_then(|arn| arn.rsplit(':').next())
                .ok_or_else(|| {
                    QueueError::Backend("the queue has no queue for its dead letters".to_owned())
                })?;
            let url = self.client.get_queue_url().queue_name(name).send().await;
            let url = url.map_err(|error| backend(&error))?;
            url.queue_url()
                .map(str::to_owned)
                .ok_or_else(|| QueueError::Backend("the dead letters have no address".to_owned()))
        });
        url.await.map(String::as_str)
    }

    async fn send_batch(&self, url: &str, batch: &[Envelope]) -> Result<Vec<usize>, QueueError> {
        let entries = batch.iter().enumerate().map(|(at, envelope)| {
            SendMessageBatchRequestEntry::builder()
                .id(at.to_string())
                .message_group_id(group_id(&envelope.group))
                .message_deduplication_id(&envelope.deduplication_id)
                .message_body(&envelope.body)
                .build()
                .map_err(|e| QueueError::Backend(e.to_string()))
        });
        let sent = self
            .client
            .send_message_batch()
            .queue_url(url)
            .set_entries(Some(entries.collect::<Result<_, _>>()?))
            .send()
            .await
            .map_err(|error| backend(&error))?;
        if let Some(refused) = sent.failed().iter().find(|f| f.sender_fault()) {
            return Err(QueueError::Backend(format!(
                "a message was refused: {}",
                refused.code()
            )));
        }
        let left = sent.failed().iter().map(|f| f.id().parse());
        left.collect::<Result<_, _>>()
            .map_err(|_| QueueError::Backend("an answer names an unknown message".to_owned()))
    }

    async fn take(
        &self,
        url: &str,
        most: usize,
        visibility: Duration,
    ) -> Result<Vec<aws_sdk_sqs::types::Message>, QueueError> {
        let most = i32::try_from(most.min(BATCH)).unwrap_or(1);
        let taken = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(most)
            .visibility_timeout(seconds(visibility))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_attribute_names(REASON)
            .send()
            .await
            .map_err(|error| backend(&error))?;
        Ok(taken.messages.unwrap_or_default())
    }
}

/// The message group of a person: any worker id fits, none can be read.
pub(super) fn group_id(person: &PersonKey) -> String {
    sha256_parts(&[person.as_str().as_bytes()])[..32].to_owned()
}

/// SQS counts whole seconds; rounded up, nothing comes back too early.
fn seconds(time: Duration) -> i32 {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or(i32::MAX)
}

fn backend<E>(error: &SdkError<E>) -> QueueError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    QueueError::Backend(super::because(error))
}

/// A receipt that is no longer ours is not a failure of the queue.
fn lost<E>(error: &SdkError<E>) -> QueueError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let code = error.as_service_error().and_then(|e| e.code());
    match code {
        Some("ReceiptHandleIsInvalid" | "MessageNotInflight" | "InvalidParameterValue") => {
            QueueError::Expired
        }
        Some(_) | None => backend(error),
    }
}

impl Queue for SqsQueue {
    fn send(&self, lane: Lane, envelopes: Vec<Envelope>) -> BoxFuture<'_, Result<(), QueueError>> {
        Box::pin(async move {
            // What failed goes again before what comes behind it: a group keeps its order.
            let mut left: VecDeque<Envelope> = envelopes.into();
            let mut failures = 0;
            while !left.is_empty() {
                let batch: Vec<Envelope> = left.drain(..left.len().min(BATCH)).collect();
                let failed = self.send_batch(self.url(lane), &batch).await?;
                if failed.is_empty() {
                    failures = 0;
                    continue;
                }
                failures += 1;
                if failures > ROUNDS {
                    return Err(QueueError::Backend(format!(
                        "{} messages were not taken in {ROUNDS} rounds",
                        failed.len()
                    )));
                }
                let again = batch.into_iter().enumerate();
                let again: Vec<Envelope> = again
                    .filter(|(at, _)| failed.contains(at))
                    .map(|(_, envelope)| envelope)
                    .collect();
                for envelope in again.into_iter().rev() {
                    left.push_front(envelope);
                }
            }
            Ok(())
        })
    }

    fn receive(
        &self,
        lane: Lane,
        most: usize,
        visibility: Duration,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, QueueError>> {
        Box::pin(async move {
            let taken = self.take(self.url(lane), most, visibility).await?;
            let count = MessageSystemAttributeName::ApproximateReceiveCount;
            let deliveries = taken.into_iter().map(|message| Delivery {
                receives: message
                    .attributes()
                    .and_then(|a| a.get(&count)?.parse().ok())
                    .unwrap_or(1),
                group: message
                    .attributes()
                    .and_then(|a| a.get(&MessageSystemAttributeName::MessageGroupId).cloned())
                    .unwrap_or_default(),
                receipt: message.receipt_handle.unwrap_or_default(),
                body: message.body.unwrap_or_default(),
            });
            Ok(deliveries.collect())
        })
    }

    fn depth(&self, lane: Lane) -> BoxFuture<'_, Result<usize, QueueError>> {
        Box::pin(async move {
            let counts = [
                QueueAttributeName::ApproximateNumberOfMessages,
                QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
                QueueAttributeName::ApproximateNumberOfMessagesDelayed,
            ];
            let found = self
                .client
                .get_queue_attributes()
                .queue_url(self.url(lane))
                .set_attribute_names(Some(counts.to_vec()))
                .send()
                .await
                .map_err(|error| backend(&error))?;
            let found = found.attributes.unwrap_or_default();
            let count = |name| found.get(name).and_then(|n| n.parse::<usize>().ok());
            Ok(counts.iter().filter_map(count).sum())
        })
    }

    fn acknowledge<'a>(
        &'a self,
        lane: Lane,
        receipt: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let delete = self.client.delete_message().queue_url(self.url(lane));
            let deleted = delete.receipt_handle(receipt).send().await;
            deleted.map(|_| ()).map_err(|error| lost(&error))
        })
    }

    fn extend<'a>(
        &'a self,
        lane: Lane,
        receipt: &'a str,
        visibility: Duration,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let change = self.client.change_message_visibility();
            let changed = change
                .queue_url(self.url(lane))
                .receipt_handle(receipt)
                .visibility_timeout(seconds(visibility))
                .send()
                .await;
            changed.map(|_| ()).map_err(|error| lost(&error))
        })
    }

    fn dead_letter<'a>(
        &'a self,
        lane: Lane,
        delivery: &'a Delivery,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(reason)
                .build()
                .map_err(|e| QueueError::Backend(e.to_string()))?;
            let id = sha256(delivery.body.as_bytes());
            // Put aside first: killed in between, it is put aside twice, never lost.
            self.client
                .send_message()
                .queue_url(self.dead(lane).await?)
                .message_group_id(&id[..32])
                .message_deduplication_id(id.as_str())
                .message_body(&delivery.body)
                .message_attributes(REASON, value)
                .send()
                .await
                .map_err(|error| backend(&error))?;
            self.acknowledge(lane, &delivery.receipt).await
        })
    }

    fn dead_letters(&self, lane: Lane) -> BoxFuture<'_, Result<Vec<(String, String)>, QueueError>> {
        Box::pin(async move {
            let url = self.dead(lane).await?;
            let mut out = Vec::new();
            loop {
                // Looked at, not taken: they come back when the look is over.
                let some = self.take(url, BATCH, Duration::from_secs(30)).await?;
                if some.is_empty() {
                    return Ok(out);
                }
                out.extend(some.into_iter().map(|message| {
                    let reason = message
                        .message_attributes()
                        .and_then(|a| a.get(REASON)?.string_value())
                        .unwrap_or("delivered too often")
                        .to_owned();
                    (message.body.unwrap_or_default(), reason)
                }));
            }
        })
    }
}
