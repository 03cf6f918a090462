//! How licences stand at accounts, and where a group could not give its own.
//!
//! Sources: "licenseAssignmentState resource type", "List membersWithLicenseErrors", "group
//! resource type" (graph/api). The words of states and errors are texts there, not a closed list,
//! and are handed on as they come. Invariant: an answer that cannot be read is an error, never "no
//! licence".

use std::pin::pin;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rollcall_core::model::{GroupName, LicenceState, ObjectId};
use rollcall_http::{
    Answer, Answers, BATCHES, Call, CallError, ITEMS_MAX, Lane, Situation, refused,
};
use serde_json::Value as Json;

use crate::{Entra, EntraError, graph, groups, licences};

/// The property that all of this is about.
pub(crate) const STATES: &str = "licenseAssignmentStates";

/// A licence at an account.
pub(crate) struct Held {
    pub(crate) state: LicenceState,
    /// The services of it that are switched off.
    pub(crate) disabled_plans: Vec<String>,
}

impl Held {
    /// Not given, or only in part.
    pub(crate) fn wrong(&self) -> bool {
        self.state.error.is_some()
            || matches!(self.state.state.as_str(), "Error" | "ActiveWithError")
    }
}

impl Entra {
    /// How far a group is with its licences, as the target says it, and the members that it could
    /// not give one to.
    ///
    /// # Errors
    /// `Call` when the group cannot be read, or the answer is not in the documented form.
    pub async fn group_licence_errors(
        &self,
        group: &ObjectId,
    ) -> Result<(Option<String>, Vec<ObjectId>), EntraError> {
        let errors = self.read_licence_errors(group).await;
        errors.map_err(|error| EntraError::Call {
            doing: "reading the licence errors of a group",
            error,
        })
    }

    async fn read_licence_errors(
        &self,
        group: &ObjectId,
    ) -> Result<(Option<String>, Vec<ObjectId>), CallError> {
        let name = GroupName::Id(group.clone());
        let call = graph::read_group(&name, "id,licenseProcessingState");
        let body = self.client().send(call).await?.body;
        let state = body.get("licenseProcessingState");
        let state = state.and_then(|it| it.get("state")).and_then(Json::as_str);
        let mut members = Vec::new();
        let mut pages = pin!(self.client().pages(graph::list_licence_errors(group)));
        while let Some(page) = pages.try_next().await? {
            members.extend(groups::ids(&page.body)?);
        }
        Ok((state.map(str::to_owned), members))
    }

    /// How licences stand at these accounts, in their order; an account that is gone has none.
    ///
    /// # Errors
    /// `Call` when a question is refused, not answered after all retries, or answered in another
    /// form than the documented one.
    pub async fn licence_states(
        &self,
        accounts: &[ObjectId],
    ) -> Result<Vec<Vec<LicenceState>>, EntraError> {
        let read = |account: &ObjectId| {
            graph::read_user(
                graph::user_path(account),
                format!("id,{STATES}"),
                Lane::Bulk,
            )
        };
        let asked: Vec<Vec<Call>> = accounts
            .chunks(ITEMS_MAX)
            .map(|accounts| accounts.iter().map(read).collect())
            .collect();
        let asked: Vec<_> = asked
            .iter()
            .map(|calls| self.client().batch(calls))
            .collect();
        let batches: Result<Vec<Answers>, CallError> =
            stream::iter(asked).buffered(BATCHES).try_collect().await;
        let states = batches.and_then(|batches| {
            let answers = batches.into_iter().flat_map(|batch| batch.items);
            answers.map(of_answer).collect()
        });
        states.map_err(|error| EntraError::Call {
            doing: "reading the licences of accounts",
            error,
        })
    }
}

fn of_answer(answer: Answer) -> Result<Vec<LicenceState>, CallError> {
    match answer {
        Ok(user) => all(&user),
        Err(fault) if fault.situation == Situation::NotFound => Ok(Vec::new()),
        Err(fault) => Err(refused(fault)),
    }
}

/// The same without what only this connector asks.
pub(crate) fn all(user: &Json) -> Result<Vec<LicenceState>, CallError> {
    Ok(held(user)?.into_iter().map(|held| held.state).collect())
}

/// Every licence of a user, given by whom ever.
pub(crate) fn held(user: &Json) -> Result<Vec<Held>, CallError> {
    let states = user.get(STATES).and_then(Json::as_array);
    let held = states.and_then(|states| states.iter().map(one).collect());
    held.ok_or_else(|| {
        CallError::malformed(
            "a user lacks `licenseAssignmentStates`, or one its `skuId` or `state`",
        )
    })
}

fn one(it: &Json) -> Option<Held> {
    let text = |name: &str| it.get(name).and_then(Json::as_str);
    let error = text("error").filter(|error| !error.is_empty() && *error != "None");
    Some(Held {
        state: LicenceState {
            sku: text("skuId")?.to_owned(),
            by_group: text("assignedByGroup").map(ObjectId::new),
            state: text("state")?.to_owned(),
            error: error.map(str::to_owned),
        },
        disabled_plans: licences::plans(it),
    })
}
