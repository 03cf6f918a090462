//! Roles in the directory and in applications: what accounts have, and taking it away.
//!
//! Sources: "List roleAssignments", "List roleEligibilityScheduleInstances", "Create
//! roleAssignmentScheduleRequests", "Create roleEligibilityScheduleRequests", "List appRoleAssignments" and
//! "Delete appRoleAssignment" (graph/api). A request is taken, and may wait for somebody who approves it in the
//! tenant. Invariant: a role is given back where it was, as it was: by its scope, and only on request where it was
//! only to be had on request.

use rollcall_core::model::{Attributes, Ending, Holdings, ObjectId, Step};
use rollcall_http::{Call, CallError, Situation, refused, withheld};
use serde_json::{Value as Json, json};

use crate::current::Current;
use crate::lookup::PAGE;
use crate::write::{Ended, Sender, invalid, not_found, situation};
use crate::{Entra, EntraError, graph};

/// A role as [`Holdings`] names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Role {
    name: String,
    /// `/` is the whole directory.
    scope: String,
    eligible: bool,
}

const ELIGIBLE: &str = " (eligible)";

impl Role {
    fn parse(text: &str) -> Self {
        let (text, eligible) = match text.strip_suffix(ELIGIBLE) {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (name, scope) = match text.rsplit_once(" at /") {
            Some((name, scope)) => (name, format!("/{scope}")),
            None => (text, "/".to_owned()),
        };
        Self {
            name: name.to_owned(),
            scope,
            eligible,
        }
    }

    fn shown(&self) -> String {
        let scope = if self.scope == "/" {
            String::new()
        } else {
            format!(" at {}", self.scope)
        };
        let eligible = if self.eligible { ELIGIBLE } else { "" };
        format!("{}{scope}{eligible}", self.name)
    }
}

/// One assignment, with the id of what is assigned.
#[derive(Debug)]
struct Assigned {
    role: Role,
    definition: String,
}

impl Assigned {
    fn read(item: &Json, eligible: bool) -> Result<Self, CallError> {
        let text = |at: &Json, name: &str| at.get(name).and_then(Json::as_str).map(str::to_owned);
        let definition = text(item, "roleDefinitionId");
        let definition =
            definition.ok_or_else(|| CallError::malformed("a role has no `roleDefinitionId`"))?;
        let named = item
            .get("roleDefinition")
            .and_then(|it| text(it, "displayName"));
        let role = Role {
            // One that was deleted has no name any more.
            name: named.unwrap_or_else(|| definition.clone()),
            scope: text(item, "directoryScopeId").unwrap_or_else(|| "/".to_owned()),
            eligible,
        };
        Ok(Self { role, definition })
    }
}

impl Entra {
    /// What each account has beside its attributes, in the order of the accounts; `None` where the tenant
    /// does not let us look. Reads only; roles and applications alone are looked for.
    ///
    /// # Errors
    /// `Call` when a question is not answered after all retries, or not in the documented form.
    pub async fn holdings(
        &self,
        accounts: &[ObjectId],
    ) -> Result<Vec<Option<Holdings>>, EntraError> {
        let read = self.read_holdings(accounts).await;
        read.map_err(|error| EntraError::Call {
            doing: "reading what roles accounts have",
            error,
        })
    }

    async fn read_holdings(
        &self,
        accounts: &[ObjectId],
    ) -> Result<Vec<Option<Holdings>>, CallError> {
        let assigned = |id: &ObjectId| graph::list_roles(id, false, graph::BULK);
        let assigned = self.lists(accounts, assigned).await?;
        let eligible = self.eligible(accounts).await?;
        let apps = |id: &ObjectId| graph::list_app_roles(id, PAGE, graph::BULK);
        let apps = self.lists(accounts, apps).await?;
        let mut out = Vec::with_capacity(accounts.len());
        for ((assigned, eligible), apps) in assigned.into_iter().zip(eligible).zip(apps) {
            let (Some(assigned), Some(eligible), Some(apps)) = (assigned, eligible, apps) else {
                out.push(None);
                continue;
            };
            let active = assigned.iter().map(|it| Assigned::read(it, false));
            let waiting = eligible.iter().map(|it| Assigned::read(it, true));
            let roles = active.chain(waiting).map(|it| Ok(it?.role.shown()));
            let mut roles = roles.collect::<Result<Vec<String>, CallError>>()?;
            let mut app_roles = apps.iter().map(app).collect::<Result<Vec<_>, _>>()?;
            for names in [&mut roles, &mut app_roles] {
                names.sort();
                names.dedup();
            }
            out.push(Some(Holdings {
                roles,
                app_roles,
                ..Holdings::default()
            }));
        }
        Ok(out)
    }

    /// Roles that are to be had on request. A tenant without the licence for that has none.
    async fn eligible(&self, accounts: &[ObjectId]) -> Result<Vec<Option<Vec<Json>>>, CallError> {
        let calls: Vec<Call> = accounts
            .iter()
            .map(|id| graph::list_roles(id, true, graph::BULK))
            .collect();
        let mut out = Vec::with_capacity(calls.len());
        for (call, answer) in calls.iter().zip(self.client().batches(&calls).await?) {
            out.push(match answer {
                Ok(body) => Some(self.client().rest(call, &body).await?),
                Err(fault) if unlicensed(&fault.code) => Some(Vec::new()),
                Err(fault) if fault.situation == Situation::NotFound => Some(Vec::new()),
                Err(fault) if withheld(&fault) => None,
                Err(fault) => return Err(refused(fault)),
            });
        }
        Ok(out)
    }
}

impl Sender<'_> {
    /// Takes a role of the directory away, assigned or to be had on request.
    pub(crate) async fn remove_role(&mut self, step: &Step) -> Ended {
        let (Some(object), Some(role)) = (&step.object, &step.role) else {
            return Ok((invalid("the step names no account or no role"), None));
        };
        if let Current::Over(ending) = self.current(step, &Attributes::new()).await? {
            return Ok((ending, None));
        }
        let role = Role::parse(role);
        let call = graph::list_roles(object, role.eligible, self.lane);
        let mut held = Vec::new();
        for item in self.list(call).await? {
            let assigned = Assigned::read(&item, role.eligible)?;
            if assigned.role == role {
                held.push(assigned);
            }
        }
        let mut ending = Ending::Already;
        for assigned in held {
            let body = json!({
                "action": "adminRemove",
                "directoryScopeId": role.scope,
                "justification": "Rollcall: the person leaves",
                "principalId": object.as_str(),
                "roleDefinitionId": assigned.definition,
            });
            let call = graph::request_role(role.eligible, body, self.lane);
            let requested = self.requested(call, "RoleAssignmentDoesNotExist").await?;
            if !requested.settled() {
                return Ok((requested, None));
            }
            if requested == Ending::Done {
                ending = Ending::Done;
            }
        }
        Ok((ending, None))
    }

    /// Gives a role of the directory back, where and as it was.
    pub(crate) async fn add_role(&mut self, step: &Step) -> Ended {
        let (Some(object), Some(role)) = (&step.object, &step.role) else {
            return Ok((invalid("the step names no account or no role"), None));
        };
        if let Current::Over(ending) = self.current(step, &Attributes::new()).await? {
            return Ok((ending, None));
        }
        let role = Role::parse(role);
        let found = self.list(graph::find_role(&role.name, self.lane)).await?;
        let ids: Vec<&str> = found
            .iter()
            .filter_map(|it| it.get("id").and_then(Json::as_str))
            .collect();
        let [definition] = ids[..] else {
            let hint = format!(
                "{} roles of the directory have the name that it had; give it back by hand",
                ids.len()
            );
            let code = "role_unknown".to_owned();
            return Ok((Ending::Failed { code, hint }, None));
        };
        let body = json!({
            "action": "adminAssign",
            "directoryScopeId": role.scope,
            "justification": "Rollcall: what an exit took is given back",
            "principalId": object.as_str(),
            "roleDefinitionId": definition,
            "scheduleInfo": {
                "startDateTime": self.entra.client().clock().now().to_string(),
                "expiration": { "type": "noExpiration" },
            },
        });
        let call = graph::request_role(role.eligible, body, self.lane);
        Ok((self.requested(call, "RoleAssignmentExists").await?, None))
    }

    /// Takes the roles in an application away.
    pub(crate) async fn remove_app_role(&mut self, step: &Step) -> Ended {
        let (Some(object), Some(name)) = (&step.object, &step.role) else {
            return Ok((invalid("the step names no account or no application"), None));
        };
        if let Current::Over(ending) = self.current(step, &Attributes::new()).await? {
            return Ok((ending, None));
        }
        let call = graph::list_app_roles(object, PAGE, self.lane);
        let mut ending = Ending::Already;
        for item in self.list(call).await? {
            if app(&item)? != *name {
                continue;
            }
            let id = item.get("id").and_then(Json::as_str);
            let id = id.ok_or_else(|| CallError::malformed("a role has no `id`"))?;
            let call = graph::remove_app_role(object, id, self.lane);
            match self.send(call).await {
                Ok(_) => ending = Ending::Done,
                Err(error) if not_found(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((ending, None))
    }

    /// Sends a request about a role; `so` is the code for what is so already.
    async fn requested(&mut self, call: Call, so: &str) -> Result<Ending, CallError> {
        match self.send(call).await {
            Ok(reply) => {
                let status = reply.body.get("status").and_then(Json::as_str);
                Ok(match status {
                    Some(status) if status.starts_with("Pending") => Ending::Waiting {
                        until: None,
                        reason: "approval".to_owned(),
                    },
                    Some("Failed" | "Denied" | "Canceled") => Ending::Failed {
                        code: "role_request_refused".to_owned(),
                        hint: "the tenant took the request about the role and did not carry it out; \
                               see it under Privileged Identity Management"
                            .to_owned(),
                    },
                    Some(_) | None => Ending::Done,
                })
            }
            Err(error) if error.fault().is_some_and(|fault| fault.code == so) => Ok(Ending::Already),
            // Asked for before, and nobody has approved it yet.
            Err(error) if error.fault().is_some_and(|fault| fault.code.starts_with("Pending")) => {
                Ok(Ending::Waiting {
                    until: None,
                    reason: "approval".to_owned(),
                })
            }
            Err(error) if error.fault().is_some_and(|fault| unlicensed(&fault.code)) => {
                Ok(Ending::Failed {
                    code: error.code(),
                    hint: "roles are taken by requests of Privileged Identity Management, for which the \
                           tenant has no licence; take the role away by hand"
                        .to_owned(),
                })
            }
            Err(error) if situation(&error) == Some(Situation::Denied) => Ok(Ending::Failed {
                code: error.code(),
                hint: "the application lacks RoleAssignmentSchedule.Remove.Directory or \
                       RoleEligibilitySchedule.Remove.Directory, or the account is an administrator that it \
                       may not touch; take the role away by hand"
                    .to_owned(),
            }),
            Err(error) => Err(error),
        }
    }
}

/// The application in which somebody has a role: its name, or its id where it has none.
fn app(item: &Json) -> Result<String, CallError> {
    let text = |name: &str| item.get(name).and_then(Json::as_str).map(str::to_owned);
    let name = text("resourceDisplayName").filter(|name| !name.is_empty());
    name.or_else(|| text("resourceId"))
        .ok_or_else(|| CallError::malformed("a role has no `resourceId`"))
}

/// The tenant has no licence for roles on request (code of the service, not in the published list).
pub(crate) fn unlicensed(code: &str) -> bool {
    code.contains("PremiumLicense")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written down comes back as it was.
    #[test]
    fn roles_are_named_by_scope_and_kind() {
        for (text, name, scope, eligible) in [
            ("User Administrator", "User Administrator", "/", false),
            (
                "User Administrator (eligible)",
                "User Administrator",
                "/",
                true,
            ),
            (
                "Helpdesk at /administrativeUnits/u1",
                "Helpdesk",
                "/administrativeUnits/u1",
                false,
            ),
            (
                "Look at it at /administrativeUnits/u1 (eligible)",
                "Look at it",
                "/administrativeUnits/u1",
                true,
            ),
        ] {
            let role = Role::parse(text);
            let expected = Role {
                name: name.to_owned(),
                scope: scope.to_owned(),
                eligible,
            };
            assert_eq!(role, expected);
            assert_eq!(role.shown(), text);
        }
    }
}
