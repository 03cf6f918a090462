//! What became of accounts since somebody last asked: who is enabled, whose key they carry, who is gone.
//!
//! Sources: "Use delta query to track changes in Microsoft Graph data", "Get incremental changes for users"
//! (graph/concepts), "user: delta" (graph/api). `$deltatoken=latest` gives where to go on from and no users; a token
//! lives for seven days, and one that does no longer is answered with 400 `syncStateNotFound` or 410. Of a changed
//! user only what changed has to be said. Invariant: where to go on from is given behind everything that was told
//! up to there, and never behind an error.

use futures::{Stream, stream};
use rollcall_core::model::{AccountChange, Changes, ObjectId, Since};
use rollcall_http::{Call, CallError, Situation, values};
use serde_json::Value as Json;

use crate::lookup::PAGE;
use crate::{Entra, EntraError, graph};

/// What is tracked: what the state and the proof of an exit rest on, and nothing else of a person.
const SELECT: &str = "id,accountEnabled,employeeId";

/// What comes next.
enum Next {
    /// Where to go on from, and whether everybody is listed before that is told.
    Latest { everybody: bool },
    /// A page of everybody.
    List(Call, String),
    /// A page of changes.
    Page(Call),
    /// The last word.
    Over(Changes),
}

impl Entra {
    /// Changes of accounts, page by page; [`Changes::Forgotten`] where the peer has forgotten the link, or it is
    /// another peer's. Nothing comes after an error.
    ///
    /// # Errors
    /// `Call` when a page is not answered after all retries, is not in the documented form, or leads to another
    /// origin.
    pub fn changes<'a>(
        &'a self,
        since: Since<'a>,
    ) -> impl Stream<Item = Result<Changes, EntraError>> + Send + 'a {
        let first = match since {
            Since::Now => Next::Latest { everybody: false },
            Since::Ever => Next::Latest { everybody: true },
            Since::Link(link) => match self.client().origin().follow(link) {
                Ok(link) => Next::Page(graph::users_changed_since(link)),
                Err(_) => Next::Over(Changes::Forgotten),
            },
        };
        stream::try_unfold(Some(first), move |mut next| async move {
            while let Some(at) = next {
                let (told, then) = self.step(at).await.map_err(|error| EntraError::Call {
                    doing: "asking what changed of users",
                    error,
                })?;
                if let Some(told) = told {
                    return Ok(Some((told, then)));
                }
                next = then;
            }
            Ok(None)
        })
    }

    async fn step(&self, at: Next) -> Result<(Option<Changes>, Option<Next>), CallError> {
        match at {
            Next::Latest { everybody } => {
                let latest = graph::changed_users(SELECT);
                let upto = end(&self.client().send(latest).await?.body)?;
                let then = if everybody {
                    Next::List(graph::list_users(SELECT.to_owned(), PAGE), upto)
                } else {
                    Next::Over(Changes::Upto(upto))
                };
                Ok((None, Some(then)))
            }
            Next::List(call, upto) => {
                let (page, more) = self.client().turn(call).await?;
                let then = match more {
                    Some(call) => Next::List(call, upto),
                    None => Next::Over(Changes::Upto(upto)),
                };
                Ok((Some(Changes::Accounts(whole(&page.body)?)), Some(then)))
            }
            Next::Page(call) => {
                let (page, more) = match self.client().turn(call).await {
                    Ok(page) => page,
                    Err(error) if forgotten(&error) => {
                        return Ok((Some(Changes::Forgotten), None));
                    }
                    Err(error) => return Err(error),
                };
                let told = values(&page.body)?
                    .iter()
                    .map(change)
                    .collect::<Result<_, _>>()?;
                let then = match more {
                    Some(call) => Next::Page(call),
                    None => Next::Over(Changes::Upto(end(&page.body)?)),
                };
                Ok((Some(Changes::Accounts(told)), Some(then)))
            }
            Next::Over(last) => Ok((Some(last), None)),
        }
    }
}

/// Where a round ends and the next one begins.
fn end(page: &Json) -> Result<String, CallError> {
    let link = page.get("@odata.deltaLink").and_then(Json::as_str);
    let link = link.ok_or_else(|| {
        CallError::malformed(
            "a page of changes has neither `@odata.nextLink` nor `@odata.deltaLink`",
        )
    })?;
    Ok(link.to_owned())
}

/// Whether the peer cannot say what changed since: the token is too old, was reset, or is none of its own.
fn forgotten(error: &CallError) -> bool {
    let fault = error.fault();
    fault.is_some_and(|fault| {
        matches!(fault.situation, Situation::Refused | Situation::NotFound)
            && matches!(fault.status, 400 | 404 | 410)
    })
}

/// Accounts of a plain list: everything is said of them.
fn whole(page: &Json) -> Result<Vec<AccountChange>, CallError> {
    let of = |user: &Json| {
        let mut account = change(user)?;
        if account.enabled.is_none() {
            return Err(CallError::malformed("a listed user lacks `accountEnabled`"));
        }
        account.key.get_or_insert_default();
        Ok(account)
    };
    values(page)?.iter().map(of).collect()
}

fn change(user: &Json) -> Result<AccountChange, CallError> {
    let id = user.get("id").and_then(Json::as_str);
    let id = id.ok_or_else(|| CallError::malformed("a changed user has no `id`"))?;
    let key = user.get("employeeId");
    Ok(AccountChange {
        id: ObjectId::new(id),
        gone: user.get("@removed").is_some(),
        enabled: user.get("accountEnabled").and_then(Json::as_bool),
        key: key.map(|key| key.as_str().unwrap_or_default().to_owned()),
    })
}
