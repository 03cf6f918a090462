//! Roles in the directory, now or on request, and roles in applications.
//!
//! Sources: "List roleAssignments", "List roleEligibilityScheduleInstances", "Create
//! roleAssignmentScheduleRequests", "Create roleEligibilityScheduleRequests", "List roleDefinitions", "List
//! appRoleAssignments", "Delete appRoleAssignment" (learn.microsoft.com/graph/api). Removal has permissions of its
//! own. Invariant: a role is held at a scope, now or on request, and a request names all three.

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::answer::Answer;
use crate::body;
use crate::directory::Record;
use crate::encoding::fields;
use crate::query;
use crate::refusal::Refusal;
use crate::roles;
use crate::route::Key;
use crate::seeded::Seeded;
use crate::state::{Call, State};
use crate::users::{Done, object};

/// Roles that the directory has of itself; some of them.
const BUILT_IN: [&str; 6] = [
    "Exchange Administrator",
    "Global Administrator",
    "Groups Administrator",
    "Helpdesk Administrator",
    "Security Reader",
    "User Administrator",
];

/// What is asked of roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Privilege {
    Definitions,
    /// Those that are to be had on request, or those that are assigned.
    List {
        eligible: bool,
    },
    Request {
        eligible: bool,
    },
    AppRoles(Key),
    /// The id of the assignment.
    RemoveAppRole(Key, String),
}

/// A role that somebody has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldRole {
    /// Its display name.
    role: String,
    /// `/` is the whole directory.
    scope: String,
    /// Only to be had on request.
    eligible: bool,
}

/// A role in an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppRole {
    /// Object id of the application.
    resource: String,
    name: String,
}

impl HeldRole {
    /// As people read it.
    pub(crate) fn shown(&self) -> String {
        let on_request = if self.eligible { " (eligible)" } else { "" };
        match self.scope.as_str() {
            "/" => format!("{}{on_request}", self.role),
            scope => format!("{} at {scope}{on_request}", self.role),
        }
    }
}

impl AppRole {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// The id of a definition: the same in every tenant, as those of the directory itself are.
pub(crate) fn definition(name: &str) -> String {
    Seeded::from_text(&format!("role {name}")).guid()
}

/// The value that a property has to equal, and whether definitions are shown with what is listed.
fn asked(options: Option<&str>, property: &str) -> Result<(Option<String>, bool), Refusal> {
    let options = fields(options.unwrap_or_default())
        .ok_or_else(|| Refusal::bad("The request URL is not valid."))?;
    let (mut text, mut expand) = (None, false);
    for (name, value) in &options {
        match (name.as_str(), value.as_str()) {
            ("$filter", filter) => {
                text = Some(query::equality(filter, property)?);
            }
            ("$expand", "roleDefinition") => expand = true,
            _ => {
                return Err(Refusal::unsupported(
                    "A query option is not supported for this request.",
                ));
            }
        }
    }
    Ok((text, expand))
}

impl State {
    /// Carries out a routed call about roles.
    ///
    /// # Errors
    /// The refusal; nothing has changed then.
    pub(crate) fn execute_privilege(
        &mut self,
        route: Privilege,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        match route {
            Privilege::Definitions => {
                roles::any(&self.options.roles, roles::ROLES_READ)?;
                let (name, _) = asked(call.query, "displayName")?;
                let named = |it: &&&str| name.as_ref().is_none_or(|name| **it == name);
                let found = BUILT_IN.iter().filter(named);
                let value: Vec<Json> = found.map(|it| shown(it)).collect();
                Ok(Done::read(Answer::ok(json!({ "value": value })), None))
            }
            Privilege::List { eligible } => {
                let may = if eligible {
                    roles::ELIGIBLE_READ
                } else {
                    roles::ROLES_READ
                };
                roles::any(&self.options.roles, may)?;
                let (principal, expand) = asked(call.query, "principalId")?;
                let principal = principal.ok_or_else(|| {
                    Refusal::unsupported("Roles of everybody are not listed here.")
                })?;
                let user = self.directory.replica(&principal, now);
                let held = user.iter().flat_map(|user| &user.roles);
                let held = held.filter(|it| it.eligible == eligible);
                let value = held.map(|held| {
                    let id = Seeded::from_text(&format!("{principal} {}", held.shown())).guid();
                    let mut item = json!({
                        "id": id,
                        "principalId": principal,
                        "roleDefinitionId": definition(&held.role),
                        "directoryScopeId": held.scope,
                    });
                    if expand {
                        item["roleDefinition"] = shown(&held.role);
                    }
                    item
                });
                let value: Vec<Json> = value.collect();
                Ok(Done::read(
                    Answer::ok(json!({ "value": value })),
                    Some(&principal),
                ))
            }
            Privilege::Request { eligible } => self.request(eligible, call, now),
            Privilege::AppRoles(key) => {
                roles::any(&self.options.roles, roles::APP_ROLES_READ)?;
                let options = fields(call.query.unwrap_or_default()).unwrap_or_default();
                if options.iter().any(|(name, _)| name != "$top") {
                    return Err(Refusal::unsupported(
                        "A query option is not supported for this request.",
                    ));
                }
                let user = self.seen(&key, now)?;
                let value = user.app_roles.iter().map(|(id, role)| {
                    json!({
                        "id": id,
                        "appRoleId": "00000000-0000-0000-0000-000000000000",
                        "principalId": user.id,
                        "principalType": "User",
                        "resourceDisplayName": role.name,
                        "resourceId": role.resource,
                    })
                });
                let value: Vec<Json> = value.collect();
                Ok(Done::read(
                    Answer::ok(json!({ "value": value })),
                    Some(&user.id),
                ))
            }
            Privilege::RemoveAppRole(key, id) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::APP_ROLES_WRITE)?;
                let mut record = Record::clone(&*self.find(&key, now)?);
                if record.app_roles.remove(&id).is_none() {
                    return Err(Refusal::not_found(Some(&id)));
                }
                self.store(record, now, Answer::no_content())
            }
        }
    }

    fn request(
        &mut self,
        eligible: bool,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        let body = object(call)?;
        let of = if eligible {
            "microsoft.graph.unifiedRoleEligibilityScheduleRequest"
        } else {
            "microsoft.graph.unifiedRoleAssignmentScheduleRequest"
        };
        body::check(of, &body)?;
        let text = |name: &str| {
            let found = body.get(name).and_then(Json::as_str);
            found.ok_or_else(|| Refusal::bad(format!("Property '{name}' is required.")))
        };
        let action = text("action")?;
        let (principal, role, scope) = (
            text("principalId")?,
            text("roleDefinitionId")?,
            text("directoryScopeId")?,
        );
        let removes = match action {
            "adminRemove" => true,
            "adminAssign" if !body.contains_key("scheduleInfo") => {
                return Err(Refusal::bad("Property 'scheduleInfo' is required."));
            }
            "adminAssign" => false,
            _ => return Err(Refusal::bad("The action is not served here.")),
        };
        let may = match (eligible, removes) {
            (false, true) => roles::ROLE_REMOVE,
            (false, false) => roles::ROLE_WRITE,
            (true, true) => roles::ELIGIBLE_REMOVE,
            (true, false) => roles::ELIGIBLE_WRITE,
        };
        roles::any(&self.options.roles, may)?;
        let name = BUILT_IN.iter().find(|name| definition(name) == role);
        let name = name.ok_or_else(|| Refusal::not_found(Some(role)))?;
        let held = HeldRole {
            role: (*name).to_owned(),
            scope: scope.to_owned(),
            eligible,
        };
        let mut record = Record::clone(&*self.find(&Key::Id(principal.to_lowercase()), now)?);
        let changed = if removes {
            record.roles.remove(&held)
        } else {
            record.roles.insert(held)
        };
        if !changed {
            let (code, message) = if removes {
                (
                    "RoleAssignmentDoesNotExist",
                    "The Role assignment does not exist.",
                )
            } else {
                (
                    "RoleAssignmentExists",
                    "The Role assignment already exists.",
                )
            };
            return Err(Refusal::new(StatusCode::BAD_REQUEST, code, message));
        }
        let mut answer = Json::Object(body.clone());
        answer["id"] = Seeded::from_text(&format!("{now} {principal} {role}"))
            .guid()
            .into();
        answer["status"] = if removes { "Revoked" } else { "Provisioned" }.into();
        self.store(record, now, Answer::new(StatusCode::CREATED, Some(answer)))
    }

    /// Gives somebody a role without a caller.
    pub(crate) fn seed_role(
        &mut self,
        user: &str,
        (role, scope, eligible): (&str, &str, bool),
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if !BUILT_IN.contains(&role) {
            return Err(Refusal::bad(format!("The directory has no role '{role}'.")));
        }
        let mut record = Record::clone(&*self.find(&Key::Id(user.to_owned()), now)?);
        record.roles.insert(HeldRole {
            role: role.to_owned(),
            scope: scope.to_owned(),
            eligible,
        });
        self.store(record, now, Answer::no_content()).map(|_| ())
    }

    /// Gives somebody a role in an application without a caller.
    pub(crate) fn seed_app_role(
        &mut self,
        user: &str,
        app: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut record = Record::clone(&*self.find(&Key::Id(user.to_owned()), now)?);
        let id = Seeded::from_text(&format!("{user} in {app}")).guid();
        let role = AppRole {
            resource: Seeded::from_text(&format!("app {app}")).guid(),
            name: app.to_owned(),
        };
        record.app_roles.insert(id, role);
        self.store(record, now, Answer::no_content()).map(|_| ())
    }
}

fn shown(name: &str) -> Json {
    json!({
        "id": definition(name),
        "displayName": name,
        "isBuiltIn": true,
        "isEnabled": true,
    })
}
