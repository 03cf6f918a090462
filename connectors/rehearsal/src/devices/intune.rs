//! Calls about what Intune manages: devices, Autopilot identities and protected apps.
//!
//! Sources: "List managedDevices", "Get managedDevice", "Update managedDevice", "Delete managedDevice",
//! "retire action", "wipe action", "List windowsAutopilotDeviceIdentities", "Delete
//! windowsAutopilotDeviceIdentity", "unassignUserFromDevice action", "List managedAppRegistrations",
//! "wipeManagedAppRegistrationsByDeviceTag action" (learn.microsoft.com/graph/api). That an identity
//! stays while Intune manages its device, and that an unknown device tag is not found, are
//! unconfirmed. Invariant: a success means that something was told, never that it was done.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::calls::listed;
use super::faces::{Face, OfIntune};
use super::life::DeviceAction;
use super::seed::{Owner, Platform};
use super::{AUTOPILOT, MANAGED, Machine, REGISTRATION};
use crate::answer::Answer;
use crate::body;
use crate::entity::{USER, entity, page};
use crate::query;
use crate::refusal::Refusal;
use crate::roles;
use crate::route::Key;
use crate::state::{Call, State};
use crate::users::{Done, object, without_parameters};

/// What is asked of Intune. Ids are lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IntuneRoute {
    List,
    ListOf(Key),
    Read(String),
    Update(String),
    Delete(String),
    Retire(String),
    Wipe(String),
    Users(String),
    Identities,
    RemoveIdentity(String),
    Unassign(String),
    Registrations,
    WipeApps(Key),
    /// Takes a person off a shared tablet.
    RemoveUser(String),
    /// What was commanded.
    Audit,
    /// Requests for approval, in beta.
    Approvals,
}

impl State {
    /// Carries out a routed call about what Intune manages.
    ///
    /// # Errors
    /// The refusal; nothing has changed then but that a second person may have been asked.
    pub(crate) fn execute_intune(
        &mut self,
        route: IntuneRoute,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let done = match route {
            IntuneRoute::List => self.list_managed(None, call, now),
            IntuneRoute::ListOf(key) => self
                .seen(&key, now)
                .and_then(|user| self.list_managed(Some(&user.id), call, now)),
            IntuneRoute::Read(id) => self.read_managed(&id, call, now),
            IntuneRoute::Update(id) => self.set_owner(&id, call, now),
            IntuneRoute::Delete(id) => self.delete_managed(&id, call, now),
            IntuneRoute::Retire(id) => self.order(&id, DeviceAction::Retire, call, now),
            IntuneRoute::Wipe(id) => self.order(&id, DeviceAction::Wipe, call, now),
            IntuneRoute::Users(id) => self.users_of_managed(&id, call, now),
            IntuneRoute::Identities => self.list_identities(call, now),
            IntuneRoute::RemoveIdentity(id) => self.remove_identity(&id, call, now),
            IntuneRoute::Unassign(id) => self.unassign(&id, call, now),
            IntuneRoute::Registrations => self.list_registrations(call, now),
            IntuneRoute::WipeApps(key) => self.wipe_apps(&key, call, now),
            IntuneRoute::RemoveUser(id) => self.remove_user(&id, call, now),
            IntuneRoute::Audit => self.list_audit(call),
            IntuneRoute::Approvals => self.list_approvals(call, now),
        };
        done.map_err(Refusal::by_intune)
    }

    fn list_managed(
        &self,
        user: Option<&str>,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let query = query::of_list(call.query, MANAGED)?;
        roles::any(&self.options.roles, roles::MANAGED_READ)?;
        let all = self.devices.all().map(|machine| machine.at(now));
        let all = all.filter(|machine| {
            let managed = machine.managed.as_ref();
            user.is_none() || managed.is_some_and(|managed| managed.user.as_deref() == user)
        });
        let faces = all.filter_map(|machine| machine.in_intune(&self.directory, now));
        let found = listed(faces, &query).into_iter();
        let found = found.map(|face| face.into_owned().concealed(&query, false));
        let found = found.map(Cow::<Face<OfIntune>>::Owned);
        let page = page(call, &query, call.path.trim_start_matches('/'), found);
        Ok(Done::read(Answer::ok(page), user))
    }

    /// The machine of a device that Intune has.
    fn managed(&self, id: &str, now: Timestamp) -> Result<Machine, Refusal> {
        let is = |machine: &Machine| machine.managed.as_ref().is_some_and(|it| it.id == id);
        let mut all = self.devices.all();
        let found = all
            .find(|machine| is(machine))
            .map(|machine| machine.at(now));
        found.filter(is).ok_or_else(|| Refusal::not_found(Some(id)))
    }

    fn read_managed(&self, id: &str, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let query = query::of_one(call.query, MANAGED)?;
        roles::any(&self.options.roles, roles::MANAGED_READ)?;
        let face = self.managed(id, now)?.in_intune(&self.directory, now);
        let face = face.ok_or_else(|| Refusal::not_found(Some(id)))?;
        let shown = entity(call, &query, &face.concealed(&query, true));
        Ok(Done::read(Answer::ok(shown), Some(id)))
    }

    fn set_owner(&mut self, id: &str, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        query::none(call.query)?;
        let body = object(call)?;
        body::check(MANAGED, &body).map_err(|refusal| refusal.of("ManagedDevice"))?;
        roles::any(&self.options.roles, roles::MANAGED_WRITE)?;
        let only = body
            .get("managedDeviceOwnerType")
            .filter(|_| body.len() == 1);
        let owner = match only.and_then(Json::as_str) {
            Some("company") => Owner::Company,
            Some("personal") => Owner::Personal,
            Some(_) | None => {
                return Err(Refusal::bad(
                    "Of a device only 'managedDeviceOwnerType' is written here, to 'company' or \
                     'personal'.",
                ));
            }
        };
        let mut machine = self.managed(id, now)?;
        if let Some(managed) = &mut machine.managed {
            managed.owner = owner;
        }
        let query = query::of_one(None, MANAGED)?;
        let face = machine.in_intune(&self.directory, now);
        let shown = face.map(|face| entity(call, &query, &face.concealed(&query, true)));
        let answer = Answer::new(http::StatusCode::OK, shown);
        self.changed_machine(machine, Some(id.to_owned()), answer, now)
    }

    fn order(
        &mut self,
        id: &str,
        action: DeviceAction,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        roles::any(&self.options.roles, roles::MANAGED_ORDER)?;
        let stays = if action == DeviceAction::Wipe {
            stays_after_wipe(call)?
        } else {
            without_parameters(call)?;
            false
        };
        let mut machine = self.managed(id, now)?;
        self.agreed(action, id, call, now)?;
        machine.tell(action, stays, now)?;
        machine.write_down(action, id, now);
        self.changed_machine(machine, Some(id.to_owned()), Answer::no_content(), now)
    }

    fn delete_managed(
        &mut self,
        id: &str,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        roles::any(&self.options.roles, roles::MANAGED_WRITE)?;
        let mut machine = self.managed(id, now)?;
        self.agreed(DeviceAction::Delete, id, call, now)?;
        machine.delete(now);
        machine.write_down(DeviceAction::Delete, id, now);
        self.changed_machine(machine, Some(id.to_owned()), Answer::no_content(), now)
    }

    fn users_of_managed(&self, id: &str, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let query = query::of_members(call.query, USER)?;
        roles::any(&self.options.roles, roles::MANAGED_READ)?;
        roles::read(&self.options.roles, query.select.as_deref())?;
        let user = self
            .managed(id, now)?
            .managed
            .and_then(|managed| managed.user);
        let found = user
            .iter()
            .filter_map(|user| self.directory.replica(user, now));
        let after = query.after.as_deref();
        let found = found.filter(|user| after.is_none_or(|after| user.id.as_str() > after));
        let found = found.map(|user| self.ledger.user(user, &query));
        let page = page(call, &query, call.path.trim_start_matches('/'), found);
        Ok(Done::read(Answer::ok(page), Some(id)))
    }

    fn list_identities(&self, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let query = query::of_list(call.query, AUTOPILOT)?;
        roles::any(&self.options.roles, roles::AUTOPILOT_READ)?;
        let all = self.devices.all().map(|machine| machine.at(now));
        let faces = all.filter_map(|machine| machine.in_autopilot(&self.directory, now));
        let found = listed(faces, &query).into_iter();
        let page = page(call, &query, call.path.trim_start_matches('/'), found);
        Ok(Done::read(Answer::ok(page), None))
    }

    fn identity(&self, id: &str, now: Timestamp) -> Result<Machine, Refusal> {
        let is = |machine: &Machine| machine.autopilot.as_ref().is_some_and(|it| it.id == id);
        let mut all = self.devices.all();
        let found = all.find(|machine| is(machine));
        let found = found.ok_or_else(|| Refusal::not_found(Some(id)))?;
        Ok(found.at(now))
    }

    fn remove_identity(
        &mut self,
        id: &str,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        roles::any(&self.options.roles, roles::AUTOPILOT_WRITE)?;
        let mut machine = self.identity(id, now)?;
        if machine.managed.is_some() {
            return Err(Refusal::bad(
                "The device has to be deleted from Intune first.",
            ));
        }
        machine.autopilot = None;
        self.changed_machine(machine, Some(id.to_owned()), Answer::no_content(), now)
    }

    fn unassign(&mut self, id: &str, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        query::none(call.query)?;
        roles::any(&self.options.roles, roles::AUTOPILOT_WRITE)?;
        without_parameters(call)?;
        let mut machine = self.identity(id, now)?;
        if let Some(autopilot) = &mut machine.autopilot {
            autopilot.user = None;
        }
        self.changed_machine(machine, Some(id.to_owned()), Answer::no_content(), now)
    }

    fn list_registrations(&self, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let query = query::of_list(call.query, REGISTRATION)?;
        roles::any(&self.options.roles, roles::APPS_READ)?;
        let all = self.devices.all().map(|machine| machine.at(now));
        let faces = all.flat_map(|machine| {
            let apps = machine.apps.iter();
            let faces = apps.map(|(id, app)| machine.in_app_protection(id, app, now).filled());
            faces.collect::<Vec<_>>()
        });
        let found = listed(faces, &query).into_iter();
        let page = page(call, &query, call.path.trim_start_matches('/'), found);
        Ok(Done::read(Answer::ok(page), None))
    }

    /// "deleteUserFromSharedAppleDevice action": of anything but a shared tablet nobody is taken off.
    fn remove_user(&mut self, id: &str, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        query::none(call.query)?;
        let body = object(call)?;
        body::check(&format!("{MANAGED}/deleteUserFromSharedAppleDevice"), &body)?;
        roles::any(&self.options.roles, roles::MANAGED_ORDER)?;
        let name = body.get("userPrincipalName").and_then(Json::as_str);
        let name = name.ok_or_else(|| Refusal::bad("Property 'userPrincipalName' is required."))?;
        let mut machine = self.managed(id, now)?;
        let shared = machine.managed.as_ref().is_some_and(|it| it.user.is_none());
        if machine.device.platform != Platform::Ios || !shared {
            return Err(Refusal::bad("The device is not a shared Apple device."));
        }
        machine.taken_off.insert(name.to_lowercase());
        self.changed_machine(machine, Some(id.to_owned()), Answer::no_content(), now)
    }

    fn wipe_apps(&mut self, key: &Key, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        query::none(call.query)?;
        let body = object(call)?;
        let action = format!("{USER}/wipeManagedAppRegistrationsByDeviceTag");
        body::check(&action, &body)?;
        roles::any(&self.options.roles, roles::APPS_WRITE)?;
        let tag = body.get("deviceTag").and_then(Json::as_str);
        let tag = tag.ok_or_else(|| Refusal::bad("Property 'deviceTag' is required."))?;
        let user = self.find(key, now)?;
        let mut changed = Vec::new();
        let mut known = false;
        for machine in self.devices.all() {
            let mut machine = machine.at(now);
            let before = machine.clone();
            for app in machine.apps.values_mut() {
                let registration = &app.registration;
                if registration.user == user.id && registration.device_tag == tag {
                    known = true;
                    app.asked.get_or_insert(now);
                }
            }
            if machine != before {
                changed.push(machine);
            }
        }
        if !known {
            return Err(Refusal::not_found(None));
        }
        let done = Done {
            answer: Answer::no_content(),
            object: Some(user.id.clone()),
            changed: !changed.is_empty(),
        };
        changed
            .into_iter()
            .try_for_each(|machine| self.commit_machine(machine))?;
        Ok(done)
    }
}

/// Reads the parameters of a wipe: whether the device stays enrolled.
fn stays_after_wipe(call: &Call<'_>) -> Result<bool, Refusal> {
    if call.body.is_empty() {
        return Ok(false);
    }
    let body = object(call)?;
    body::check(&format!("{MANAGED}/wipe"), &body)?;
    let code = body.get("macOsUnlockCode").and_then(Json::as_str);
    let six_digits = |code: &str| code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit());
    // The form of the code is unconfirmed.
    if code.is_some_and(|code| !code.is_empty() && !six_digits(code)) {
        return Err(Refusal::invalid(
            "macOsUnlockCode",
            "Six digits are expected.",
        ));
    }
    Ok(body.get("keepEnrollmentData") == Some(&Json::Bool(true)))
}
