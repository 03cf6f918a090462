//! Lists: page by page, and many lists side by side.
//!
//! Invariant: a link to the next page is followed on the origin of the first one only (P17), and no list is
//! called whole before its last page was read.

use std::pin::pin;

use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value as Json;

use crate::batch::{Answer, ITEMS_MAX, refused};
use crate::{Call, CallError, CallErrorKind, Client, Fault, Reply, Situation};

/// Batches under way at once: enough to hide the round trips, few enough to stop quickly.
pub const BATCHES: usize = 4;

/// A list that was read to its end. `Debug` is missing on purpose.
#[derive(Clone, Default)]
pub struct Listed {
    /// Its members, in the order of the pages.
    pub values: Vec<Json>,
    /// `client-request-id` of the last page.
    pub request_id: Option<String>,
    /// Calls made for all pages, retries included.
    pub calls: u32,
}

impl Client {
    /// The pages of a list as they come, each with the calls made for it. Nothing comes after an error.
    ///
    /// Fails when a page cannot be read, or leads to another origin or to itself.
    pub fn pages(&self, first: Call) -> impl Stream<Item = Result<Reply, CallError>> + Send + '_ {
        stream::try_unfold(Some(first), move |call| async move {
            let Some(call) = call else {
                return Ok(None);
            };
            self.turn(call).await.map(Some)
        })
    }

    /// One page of a list, and the call for the next one.
    ///
    /// # Errors
    /// When the page cannot be read, or leads to another origin or to itself.
    pub async fn turn(&self, call: Call) -> Result<(Reply, Option<Call>), CallError> {
        let reply = self.send(call.clone()).await?;
        let next = self.next_page(&call, &reply.body);
        let next = next.map_err(|error| CallError {
            request_id: Some(reply.request_id.clone()),
            calls: reply.calls,
            ..error
        })?;
        Ok((reply, next))
    }

    /// A list to its end.
    ///
    /// # Errors
    /// As [`Client::pages`], or when a page is no list; with the calls made for all pages.
    pub async fn list(&self, first: Call) -> Result<Listed, CallError> {
        let mut listed = Listed::default();
        let mut pages = pin!(self.pages(first));
        while let Some(page) = pages.next().await {
            let read = page.and_then(|page| {
                listed.calls += page.calls;
                listed.request_id = Some(page.request_id);
                listed.values.extend(values(&page.body)?.iter().cloned());
                Ok(())
            });
            if let Err(error) = read {
                return Err(CallError {
                    request_id: error.request_id.or(listed.request_id),
                    calls: listed.calls + error.calls,
                    kind: error.kind,
                });
            }
        }
        Ok(listed)
    }

    /// The call for the page behind one that `call` was answered with.
    fn next_page(&self, call: &Call, page: &Json) -> Result<Option<Call>, CallError> {
        let Some(next) = page.get("@odata.nextLink").and_then(Json::as_str) else {
            return Ok(None);
        };
        let next = self.origin().follow(next).map_err(|error| CallError {
            kind: CallErrorKind::Link(error),
            request_id: None,
            calls: 0,
        })?;
        let next = Call::new(call.spec, next);
        if next.target() == call.target() {
            return Err(CallError::malformed("a page names itself as the next one"));
        }
        Ok(Some(next))
    }

    /// The members of a list whose first page is there already, from a batch.
    ///
    /// # Errors
    /// As [`Client::list`].
    pub async fn rest(&self, call: &Call, first: &Json) -> Result<Vec<Json>, CallError> {
        let mut all = values(first)?.clone();
        if let Some(next) = self.next_page(call, first)? {
            all.extend(self.list(next).await?.values);
        }
        Ok(all)
    }

    /// Lists, each to its end, in the order of the calls; `None` where one is refused. What is gone has
    /// nothing.
    ///
    /// # Errors
    /// When a page is not answered after all retries, or not in the documented form.
    pub async fn lists(&self, calls: &[Call]) -> Result<Vec<Option<Vec<Json>>>, CallError> {
        let mut out = Vec::with_capacity(calls.len());
        for (call, answer) in calls.iter().zip(self.batches(calls).await?) {
            out.push(match answer {
                Ok(body) => Some(self.rest(call, &body).await?),
                Err(fault) if fault.situation == Situation::NotFound => Some(Vec::new()),
                Err(fault) if withheld(&fault) => None,
                Err(fault) => return Err(refused(fault)),
            });
        }
        Ok(out)
    }

    /// Reads in batches, several under way at once; answers in the order of the calls.
    ///
    /// # Errors
    /// As [`Client::batch`].
    pub async fn batches(&self, calls: &[Call]) -> Result<Vec<Answer>, CallError> {
        let asked: Vec<_> = calls.chunks(ITEMS_MAX).map(|it| self.batch(it)).collect();
        let batches: Vec<_> = stream::iter(asked).buffered(BATCHES).try_collect().await?;
        Ok(batches.into_iter().flat_map(|batch| batch.items).collect())
    }
}

/// Not for us to see, or not served to applications.
pub fn withheld(fault: &Fault) -> bool {
    matches!(fault.situation, Situation::Denied | Situation::Refused)
}

/// The members of a list.
///
/// # Errors
/// When it has none.
pub fn values(body: &Json) -> Result<&Vec<Json>, CallError> {
    let values = body.get("value").and_then(Json::as_array);
    values.ok_or_else(|| CallError::malformed("a list has no `value`"))
}
