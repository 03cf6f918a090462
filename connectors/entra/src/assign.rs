//! Licences that accounts have of their own.
//!
//! Source: "user: assignLicense" (graph/api): an assignment replaces the services that are switched
//! off, and a licence that only a group gives cannot be taken away here. Invariant: what a group
//! gives is never mistaken for an account's own.

use rollcall_core::model::{Ending, Licence, Step};
use rollcall_http::{CallError, Situation};
use serde_json::Value as Json;

use crate::current::Current;
use crate::states::{Held, STATES, held};
use crate::write::{Ended, Sender, invalid, not_found, situation, stale};
use crate::{account, graph, licences};

const LOCATION: &str = "usageLocation";

/// What the directory says is wrong with a licence at an account, and what to do
/// (concepts of group-based licensing, "Identify and resolve license assignment problems").
const PROBLEMS: [(&str, &str); 4] = [
    (
        "MutuallyExclusiveViolation",
        "a service of the licence excludes one of another licence of the account; disable one of \
         the two services, or take the other licence away",
    ),
    (
        "DependencyViolation",
        "a service of the licence needs another one that the account lacks; enable that, or \
         disable the one that needs it",
    ),
    (
        "ProhibitedInUsageLocationViolation",
        "a service of the licence is not sold at the account's usage location; disable it, or \
         correct the location",
    ),
    (
        "UniquenessViolation",
        "another object has the same mail or proxy address; change one of the two",
    ),
];

impl Sender<'_> {
    pub(crate) async fn assign(&mut self, step: &Step) -> Ended {
        let (Some(object), Some(written)) = (&step.object, &step.licence) else {
            return Ok((invalid("the step names no account or no licence"), None));
        };
        let licence = match self.entra.resolve(written).await? {
            Ok(licence) => licence,
            Err(ending) => return Ok((ending, None)),
        };
        let user = match self.licensed(step).await? {
            Current::User(user) => user,
            Current::Over(ending) => return Ok((ending, None)),
        };
        let so = own(&user, &licence.sku)?.is_some_and(|held| {
            !held.wrong() && licences::same_plans(&held.disabled_plans, &licence.disabled_plans)
        });
        if so {
            return Ok((Ending::Already, None));
        }
        let lately = self.entra.created_lately(object);
        // A location that the account shows has only not reached the licences yet.
        let located = user.get(LOCATION).and_then(Json::as_str);
        let located = located.is_some_and(|it| !it.is_empty());
        let behind = move |error: &CallError| match situation(error) {
            Some(Situation::NotFound) => lately,
            Some(Situation::UsageLocation) => lately || located,
            Some(_) | None => false,
        };
        let call = graph::license_user(object, std::slice::from_ref(&licence), &[]);
        let ending = match self.send_while(call, behind).await {
            Ok(reply) => given(&reply.body, &licence.sku)?,
            Err(error) => match situation(&error) {
                Some(Situation::NotFound | Situation::UsageLocation) if lately => {
                    self.entra.replicating()
                }
                Some(Situation::NotFound) => stale("the account is gone"),
                Some(Situation::NoSeats) => no_seats(),
                Some(_) | None => return Err(error),
            },
        };
        Ok((ending, None))
    }

    pub(crate) async fn unassign(&mut self, step: &Step) -> Ended {
        let (Some(object), Some(written)) = (&step.object, &step.licence) else {
            return Ok((invalid("the step names no account or no licence"), None));
        };
        // Taken away whole, whatever of it is switched off.
        let whole = Licence {
            sku: written.sku.clone(),
            disabled_plans: Vec::new(),
        };
        let sku = match self.entra.resolve(&whole).await? {
            Ok(licence) => licence.sku,
            Err(ending) => return Ok((ending, None)),
        };
        let user = match self.licensed(step).await? {
            Current::User(user) => user,
            Current::Over(ending) => return Ok((ending, None)),
        };
        if own(&user, &sku)?.is_none() {
            return Ok((Ending::Already, None));
        }
        let call = graph::license_user(object, &[], std::slice::from_ref(&sku));
        let error = match self.send(call).await {
            Ok(_) => return Ok((Ending::Done, None)),
            Err(error) if not_found(&error) => return Ok((stale("the account is gone"), None)),
            Err(error) => error,
        };
        if situation(&error) != Some(Situation::Refused) {
            return Err(error);
        }
        // An answer that was lost on the way may have been a success: then there is nothing left
        // to take, which is refused.
        match self.licensed(step).await? {
            Current::User(user) if own(&user, &sku)?.is_none() => Ok((Ending::Already, None)),
            Current::User(_) => Err(error),
            Current::Over(ending) => Ok((ending, None)),
        }
    }

    /// The account, with its licences.
    async fn licensed(&mut self, step: &Step) -> Result<Current, CallError> {
        let select = account::select(&[STATES.to_owned(), LOCATION.to_owned()]);
        self.read_back(step, select, false).await
    }
}

/// The licence as the account has it of its own.
fn own(user: &Json, sku: &str) -> Result<Option<Held>, CallError> {
    let direct =
        |held: &Held| held.state.by_group.is_none() && licences::same_sku(&held.state.sku, sku);
    Ok(held(user)?.into_iter().find(direct))
}

/// How an assignment ended that was accepted: the answer may say that nothing came of it. It need
/// not say anything.
fn given(user: &Json, sku: &str) -> Result<Ending, CallError> {
    if user.get(STATES).is_none_or(Json::is_null) {
        return Ok(Ending::Done);
    }
    let Some(held) = own(user, sku)?.filter(Held::wrong) else {
        return Ok(Ending::Done);
    };
    let code = held.state.error.unwrap_or_default();
    if code == "CountViolation" {
        return Ok(no_seats());
    }
    let known = PROBLEMS.iter().find(|(error, _)| *error == code);
    let hint = known.map_or(
        "the target reports an error with the licence; look at the licences of the account there",
        |(_, hint)| hint,
    );
    // A word is a code; anything else could be a sentence with somebody's name in it.
    let word = !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric());
    Ok(Ending::Failed {
        code: if word {
            code
        } else {
            "licence_error".to_owned()
        },
        hint: hint.to_owned(),
    })
}

fn no_seats() -> Ending {
    Ending::Waiting {
        until: None,
        reason: "seats".to_owned(),
    }
}
