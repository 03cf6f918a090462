//! Lists: page by page, and many lists side by side.
//!
//! Invariant: a link to the next page is followed on the origin of the first one only (P17), and no list is
//! called whole before its last page was read.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value as Json;

use crate::batch::{Answer, ITEMS_MAX, refused};
use crate::{Call, CallError, CallErrorKind, CallSpec, Client, Fault, Lane, Situation};

/// Batches under way at once: enough to hide the round trips, few enough to stop quickly.
pub const BATCHES: usize = 4;

impl Client {
    /// One page of a list as it came, and the call for the next one.
    ///
    /// # Errors
    /// When the page cannot be read, or leads to another origin or to itself.
    pub async fn turn(
        &self,
        template: &'static str,
        call: Call,
    ) -> Result<(Json, Option<Call>), CallError> {
        let here = call.target();
        let reply = self.send(call).await?;
        let request_id = Some(reply.request_id);
        let next = self.next_page(template, &reply.body, request_id)?;
        if next.as_ref().is_some_and(|next| next.target() == here) {
            return Err(CallError::malformed("a page names itself as the next one"));
        }
        Ok((reply.body, next))
    }

    /// The call behind the link of a page.
    fn next_page(
        &self,
        template: &'static str,
        page: &Json,
        request_id: Option<String>,
    ) -> Result<Option<Call>, CallError> {
        let Some(next) = page.get("@odata.nextLink").and_then(Json::as_str) else {
            return Ok(None);
        };
        let next = self.origin().follow(next).map_err(|error| CallError {
            kind: CallErrorKind::Link(error),
            request_id,
            calls: 1,
        })?;
        let spec = CallSpec {
            method: "GET",
            template,
            lane: Lane::Bulk,
        };
        Ok(Some(Call::new(spec, next)))
    }

    /// Lists, each to its end, in the order of the calls; `None` where one is refused. What is gone has
    /// nothing.
    ///
    /// # Errors
    /// When a page is not answered after all retries, or not in the documented form.
    pub async fn lists(
        &self,
        template: &'static str,
        calls: &[Call],
    ) -> Result<Vec<Option<Vec<Json>>>, CallError> {
        let mut out = Vec::with_capacity(calls.len());
        for answer in self.batches(calls).await? {
            let body = match answer {
                Ok(body) => body,
                Err(fault) if fault.situation == Situation::NotFound => {
                    out.push(Some(Vec::new()));
                    continue;
                }
                Err(fault) if withheld(&fault) => {
                    out.push(None);
                    continue;
                }
                Err(fault) => return Err(refused(fault)),
            };
            let mut all = values(&body)?.clone();
            let mut next = self.next_page(template, &body, None)?;
            while let Some(call) = next {
                let (body, more) = self.turn(template, call).await?;
                all.extend(values(&body)?.iter().cloned());
                next = more;
            }
            out.push(Some(all));
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
