//! Reading back what is left of an account, for the proof that somebody is out.
//!
//! Sources: "Get user" (`signInSessionsValidFromDateTime` is shown by `$select` only), "List memberOf", "List
//! transitiveMemberOf" (groups, directory roles and administrative units in one list, told apart by `@odata.type`),
//! "List roleAssignments", "List roleEligibilityScheduleInstances", "List appRoleAssignments" (graph/api).
//! Invariant: a list that the tenant does not let us see is no empty list.

use std::collections::BTreeSet;

use rollcall_core::model::{ObjectId, SeenAccount, SeenMembership, Sighting};
use rollcall_http::{CallError, Lane};
use serde_json::Value as Json;

use crate::lookup::PAGE;
use crate::write::not_found;
use crate::{Entra, EntraError, graph, groups, states};

/// What is read of the account.
const SELECT: &str = "id,accountEnabled,signInSessionsValidFromDateTime";

impl Entra {
    /// What is left of an account, devices left out, and how many calls that took at least. Roles are read where
    /// `roles` says so.
    ///
    /// # Errors
    /// `Call` when a question is not answered after all retries, or not in the documented form.
    pub async fn sight(
        &self,
        account: &ObjectId,
        roles: bool,
    ) -> Result<(Sighting, u32), EntraError> {
        let seen = self.read_sight(account).await;
        let (mut seen, mut calls) = seen.map_err(|error| EntraError::Call {
            doing: "reading back what is left of an account",
            error,
        })?;
        if roles {
            let held = self.holdings(std::slice::from_ref(account)).await?;
            calls += 3;
            let held = held.into_iter().next().flatten();
            seen.roles = held.as_ref().map(|it| it.roles.clone());
            seen.app_roles = held.map(|it| it.app_roles);
        }
        Ok((seen, calls))
    }

    async fn read_sight(&self, account: &ObjectId) -> Result<(Sighting, u32), CallError> {
        let select = format!("{SELECT},{}", states::STATES);
        let read = graph::read_user(graph::user_path(account), select, Lane::Bulk);
        let user = match self.client().send(read).await {
            Ok(reply) => reply.body,
            Err(error) if not_found(&error) => {
                // What is in no directory is in no group of it.
                let gone = Sighting {
                    groups: Some(Vec::new()),
                    ..Sighting::default()
                };
                return Ok((gone, 1));
            }
            Err(error) => return Err(error),
        };
        let enabled = user.get("accountEnabled").and_then(Json::as_bool);
        let enabled =
            enabled.ok_or_else(|| CallError::malformed("an account lacks `accountEnabled`"))?;
        let from = user
            .get("signInSessionsValidFromDateTime")
            .and_then(Json::as_str);
        let account_seen = SeenAccount {
            enabled,
            sessions_from: from.and_then(|it| it.parse().ok()),
            licences: states::all(&user)?,
        };
        let groups = self.groups_of(account).await?;
        let sighting = Sighting {
            account: Some(account_seen),
            groups,
            ..Sighting::default()
        };
        Ok((sighting, 3))
    }

    /// Every group that an account is in; `None` where the tenant does not let us look.
    async fn groups_of(
        &self,
        account: &ObjectId,
    ) -> Result<Option<Vec<SeenMembership>>, CallError> {
        let one = std::slice::from_ref(account);
        let every = |id: &ObjectId| graph::list_groups_of(id, true, PAGE);
        let every = self.lists(one, every).await?;
        let direct = |id: &ObjectId| graph::list_groups_of(id, false, PAGE);
        let direct = self.lists(one, direct).await?;
        let (Some(Some(every)), Some(Some(direct))) =
            (every.into_iter().next(), direct.into_iter().next())
        else {
            return Ok(None);
        };
        let id = |it: &Json| it.get("id").and_then(Json::as_str).map(str::to_owned);
        let direct: BTreeSet<String> = direct.iter().filter_map(id).collect();
        let mut out = Vec::new();
        for group in every.iter().filter(|it| is_group(it)) {
            let seen = groups::read(group)?;
            out.push(SeenMembership {
                nested: !direct.contains(seen.id.as_str()),
                id: seen.id.as_str().to_owned(),
                name: seen.name,
                dynamic: group
                    .get("groupTypes")
                    .and_then(Json::as_array)
                    .is_some_and(|kinds| groups::dynamic(kinds)),
                licensed: !seen.licences.is_empty(),
                administers: groups::gives_role(group),
            });
        }
        out.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Some(out))
    }
}

/// Roles and administrative units stand in the same list.
fn is_group(item: &Json) -> bool {
    let kind = item.get("@odata.type").and_then(Json::as_str);
    kind.is_none_or(|kind| kind == "#microsoft.graph.group")
}
