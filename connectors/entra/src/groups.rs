//! Groups as the directory has them: which there are, what their rules are, who is in them.
//!
//! Source: "Get group", "Upsert group" (the alternate key), "List members" (graph/api). Invariant:
//! nothing is written, and an answer that cannot be read is an error, never an empty group.

use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use rollcall_core::model::{GroupName, ObjectId, SeenGroup};
use rollcall_http::{Answer, Answers, BATCHES, Call, CallError, ITEMS_MAX, Situation, refused};
use serde_json::Value as Json;

use crate::lookup::PAGE;
use crate::{Entra, EntraError, graph, licences};

/// What [`read`] reads.
pub(crate) const SELECT: &str = "id,displayName,description,groupTypes,membershipRule,\
                                 membershipRuleProcessingState,assignedLicenses";

impl Entra {
    /// The groups of these names, in their order; `None` where there is none.
    ///
    /// # Errors
    /// `Call` when a question is refused, or not answered after all retries.
    pub async fn find_groups(
        &self,
        names: &[GroupName],
    ) -> Result<Vec<Option<SeenGroup>>, EntraError> {
        let asked: Vec<Vec<Call>> = names
            .chunks(ITEMS_MAX)
            .map(|names| {
                names
                    .iter()
                    .map(|name| graph::read_group(name, SELECT))
                    .collect()
            })
            .collect();
        let asked: Vec<_> = asked
            .iter()
            .map(|calls| self.client().batch(calls))
            .collect();
        let batches: Result<Vec<Answers>, CallError> =
            stream::iter(asked).buffered(BATCHES).try_collect().await;
        let found = batches.and_then(|batches| {
            let answers = batches.into_iter().flat_map(|batch| batch.items);
            answers.map(one).collect()
        });
        found.map_err(|error| EntraError::Call {
            doing: "looking groups up",
            error,
        })
    }

    /// Object ids of the users in a group, page by page. Nothing comes after an error.
    ///
    /// # Errors
    /// `Call` when a page fails, is not in the documented form, or leads to another origin.
    pub fn group_members(
        &self,
        id: &ObjectId,
    ) -> impl Stream<Item = Result<Vec<ObjectId>, EntraError>> + Send + '_ {
        let pages = self.client().pages(graph::list_members(id, PAGE));
        pages.map(|page| {
            let members = page.and_then(|page| ids(&page.body));
            members.map_err(|error| EntraError::Call {
                doing: "listing the members of a group",
                error,
            })
        })
    }
}

fn one(answer: Answer) -> Result<Option<SeenGroup>, CallError> {
    match answer {
        Ok(body) => read(&body).map(Some),
        Err(fault) if fault.situation == Situation::NotFound => Ok(None),
        Err(fault) => Err(refused(fault)),
    }
}

/// A group as it was read with [`SELECT`]. Licences that are not shown are none: whoever may read
/// a group may not always see them.
pub(crate) fn read(body: &Json) -> Result<SeenGroup, CallError> {
    let text = |name: &str| body.get(name).and_then(Json::as_str);
    let kinds = body.get("groupTypes").and_then(Json::as_array);
    let (Some(id), Some(name), Some(kinds)) = (text("id"), text("displayName"), kinds) else {
        return Err(CallError::malformed(
            "a group lacks `id`, `displayName` or `groupTypes`",
        ));
    };
    let dynamic = dynamic(kinds);
    let licences = match body.get("assignedLicenses") {
        None | Some(Json::Null) => Vec::new(),
        Some(given) => licences::given(given)
            .ok_or_else(|| CallError::malformed("a licence of a group lacks `skuId`"))?,
    };
    Ok(SeenGroup {
        id: ObjectId::new(id),
        name: name.to_owned(),
        description: text("description")
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        rule: text("membershipRule")
            .filter(|_| dynamic)
            .map(str::to_owned),
        evaluated: text("membershipRuleProcessingState") == Some("On"),
        licences,
    })
}

/// Whether being in it may make somebody an administrator: it is a role, or a group that roles are given to.
pub(crate) fn gives_role(item: &Json) -> bool {
    let kind = item.get("@odata.type").and_then(Json::as_str);
    let assignable = item.get("isAssignableToRole").and_then(Json::as_bool);
    kind == Some("#microsoft.graph.directoryRole") || assignable == Some(true)
}

/// Whether the members of a group of these kinds follow a rule.
pub(crate) fn dynamic(kinds: &[Json]) -> bool {
    kinds.iter().any(|kind| kind == "DynamicMembership")
}

/// Ids of the users on a page of members.
pub(crate) fn ids(body: &Json) -> Result<Vec<ObjectId>, CallError> {
    let members = body.get("value").and_then(Json::as_array);
    let members =
        members.ok_or_else(|| CallError::malformed("a list of members has no `value`"))?;
    let id = |member: &Json| member.get("id").and_then(Json::as_str).map(ObjectId::new);
    // Devices, groups and service principals are nobody whom HR knows.
    let user = |member: &&Json| {
        let kind = member.get("@odata.type").and_then(Json::as_str);
        kind.is_none_or(|kind| kind == "#microsoft.graph.user")
    };
    members
        .iter()
        .filter(user)
        .map(|member| id(member).ok_or_else(|| CallError::malformed("a member lacks `id`")))
        .collect()
}
