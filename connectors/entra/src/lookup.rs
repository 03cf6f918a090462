//! What planning asks: every account, or the accounts behind single questions.
//!
//! Invariant: an answer that cannot be read is an error, never "no such account": absence has a
//! meaning in plans (P3).

use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use rollcall_core::model::{Account, Lookup};
use rollcall_http::{BATCHES, CallError, ITEMS_MAX, Lane, Situation, refused};
use serde_json::Value as Json;

use crate::{Entra, EntraError, account, graph};

/// Objects on one page; the most that the directory gives.
pub(crate) const PAGE: &str = "999";

impl Entra {
    /// Every user of the tenant, page by page, with these attributes besides id, enabled, key and
    /// name. Nothing comes after an error.
    ///
    /// # Errors
    /// `Call` when a page fails, is not in the documented form, or leads to another origin.
    pub fn list_accounts<'a>(
        &'a self,
        select: &'a [String],
    ) -> impl Stream<Item = Result<Vec<Account>, EntraError>> + Send + 'a {
        let pages = graph::list_users(account::select(select), PAGE);
        self.client().pages(pages).map(|page| {
            let accounts = page.and_then(|page| read_all(&page.body, select));
            accounts.map_err(|error| EntraError::Call {
                doing: "listing users",
                error,
            })
        })
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
        let answers = self.client().batch(&calls).await?.items;
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
                    Err(refused(fault))
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
