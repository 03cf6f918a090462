//! What planning asks: every account, or the accounts behind single questions.
//!
//! Invariant: an answer that cannot be read is an error, never "no such account": absence has a
//! meaning in plans (P3).

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rollcall_core::model::{Account, Lookup};
use rollcall_http::{CallError, CallErrorKind, Lane, Situation};
use serde_json::Value as Json;

use crate::batch::ITEMS_MAX;
use crate::{Entra, EntraError, account, graph};

/// Users on one page; the most that the directory gives.
const PAGE: &str = "999";
/// Batches under way at once: enough to hide the round trips, few enough to stop quickly.
const BATCHES: usize = 4;

impl Entra {
    /// Every user of the tenant, with these attributes besides id, enabled, key and name.
    ///
    /// # Errors
    /// `Call` when a page fails, is not in the documented form, or leads to another origin.
    pub async fn list_accounts(&self, select: &[String]) -> Result<Vec<Account>, EntraError> {
        let failed = |error| EntraError::Call {
            doing: "listing users",
            error,
        };
        let mut accounts = Vec::new();
        let mut call = graph::list_users(account::select(select), PAGE);
        loop {
            let here = call.target();
            let reply = self.client().send(call).await.map_err(failed)?;
            accounts.extend(read_all(&reply.body, select).map_err(failed)?);
            let Some(next) = reply.body.get("@odata.nextLink").and_then(Json::as_str) else {
                return Ok(accounts);
            };
            let next = self.client().origin().follow(next).map_err(|error| {
                let request_id = Some(reply.request_id.clone());
                failed(CallError {
                    kind: CallErrorKind::Link(error),
                    request_id,
                    calls: 1,
                })
            })?;
            if next == here {
                return Err(failed(CallError::malformed(
                    "a page names itself as the next one",
                )));
            }
            call = graph::next_page(next);
        }
    }

    /// The accounts behind each question, in the order of the questions: none, one, or for a key
    /// several (the directory does not keep employee ids unique; of more than a hundred, the
    /// first hundred).
    ///
    /// # Errors
    /// `Call` when a question is refused, or not answered after all retries.
    pub async fn look_up(
        &self,
        lookups: &[Lookup],
        select: &[String],
    ) -> Result<Vec<Vec<Account>>, EntraError> {
        let properties = account::select(select);
        // Collected first: a closure that stays inside the stream would not be general enough
        // for whoever boxes this future.
        let asked: Vec<_> = lookups
            .chunks(ITEMS_MAX)
            .map(|chunk| self.look_up_batch(chunk, &properties, select))
            .collect();
        let batches: Vec<Vec<Vec<Account>>> = stream::iter(asked)
            .buffered(BATCHES)
            .try_collect()
            .await
            .map_err(|error| EntraError::Call {
                doing: "looking users up",
                error,
            })?;
        Ok(batches.into_iter().flatten().collect())
    }

    async fn look_up_batch(
        &self,
        lookups: &[Lookup],
        properties: &str,
        select: &[String],
    ) -> Result<Vec<Vec<Account>>, CallError> {
        let calls: Vec<_> = lookups
            .iter()
            .map(|lookup| match lookup {
                Lookup::Key(key) => graph::users_by_key(key, properties.to_owned(), Lane::Bulk),
                Lookup::Name(name) => {
                    graph::read_user(graph::name_path(name), properties.to_owned(), Lane::Bulk)
                }
                Lookup::Id(id) => {
                    graph::read_user(graph::user_path(id), properties.to_owned(), Lane::Bulk)
                }
            })
            .collect();
        let answers = self.batch(&calls).await?;
        lookups
            .iter()
            .zip(answers)
            .map(|(lookup, answer)| match (lookup, answer) {
                (Lookup::Key(_), Ok(body)) => read_all(&body, select),
                (Lookup::Name(_) | Lookup::Id(_), Ok(body)) => Ok(vec![read_one(&body, select)?]),
                (Lookup::Name(_) | Lookup::Id(_), Err(fault))
                    if fault.situation == Situation::NotFound =>
                {
                    Ok(Vec::new())
                }
                (Lookup::Key(_) | Lookup::Name(_) | Lookup::Id(_), Err(fault)) => {
                    let kind = CallErrorKind::Refused(fault);
                    Err(CallError {
                        kind,
                        request_id: None,
                        calls: 1,
                    })
                }
            })
            .collect()
    }
}

fn read_one(user: &Json, select: &[String]) -> Result<Account, CallError> {
    account::read(user, select).ok_or_else(|| {
        CallError::malformed("a user lacks `id`, `accountEnabled` or `userPrincipalName`")
    })
}

fn read_all(body: &Json, select: &[String]) -> Result<Vec<Account>, CallError> {
    let users = body.get("value").and_then(Json::as_array);
    let users = users.ok_or_else(|| CallError::malformed("a list of users has no `value`"))?;
    users.iter().map(|user| read_one(user, select)).collect()
}
