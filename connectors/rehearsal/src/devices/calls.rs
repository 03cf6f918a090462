//! Calls about the directory's devices, and about their recovery keys.
//!
//! Sources: "List ownedDevices", "List registeredDevices", "List devices", "Get device", "Update
//! device" ("in application-only scenarios and for non-Windows devices […] the app can update only the
//! extensionAttributes property"), "Delete device", "List recoveryKeys" (learn.microsoft.com/graph/api).
//! That the role Cloud Device Administrator opens the rest to an application, that an application
//! needs it to delete, and that the device of an Autopilot identity cannot be deleted are unconfirmed.
//! Invariant: nothing is written but `accountEnabled`, and no answer has a recovery key.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::faces::{Face, OfDirectory, Side};
use super::seed::Platform;
use super::{DEVICE, Machine};
use crate::answer::Answer;
use crate::body;
use crate::entity::{Entity as _, USER, entity, page, related};
use crate::query::{self, Query};
use crate::refusal::Refusal;
use crate::roles;
use crate::route::Key;
use crate::state::{Call, State};
use crate::users::{Done, object};

/// How a device is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeviceKey {
    /// Object id, lower case.
    Id(String),
    /// The alternate key `deviceId`, lower case.
    DeviceId(String),
}

/// What is asked of the directory's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeviceRoute {
    OwnedBy(Key),
    RegisteredFor(Key),
    List,
    Read(DeviceKey),
    Update(DeviceKey),
    Delete(DeviceKey),
    Owners(DeviceKey),
    Users(DeviceKey),
    RecoveryKeys,
}

impl State {
    /// Carries out a routed call about the directory's devices.
    ///
    /// # Errors
    /// The refusal; nothing has changed then.
    pub(crate) fn execute_device(
        &mut self,
        route: DeviceRoute,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        match route {
            DeviceRoute::OwnedBy(key) => self.devices_of(&key, call, now, Machine::owners),
            DeviceRoute::RegisteredFor(key) => self.devices_of(&key, call, now, Machine::users),
            DeviceRoute::List => {
                let query = query::of_list(call.query, DEVICE)?;
                roles::any(&self.options.roles, roles::DEVICE_READ)?;
                let found = self.in_directory(&query, now, |_| true);
                Ok(Done::read(
                    Answer::ok(page(call, &query, "devices", found.into_iter())),
                    None,
                ))
            }
            DeviceRoute::Read(key) => {
                let query = query::of_one(call.query, DEVICE)?;
                roles::any(&self.options.roles, roles::DEVICE_READ)?;
                let face = self.device(&key, now)?.in_directory(now);
                let face = face.ok_or_else(|| Refusal::not_found(None))?;
                Ok(Done::read(
                    Answer::ok(entity(call, &query, &face)),
                    Some(face.id()),
                ))
            }
            DeviceRoute::Update(key) => self.update_device(&key, call, now),
            DeviceRoute::Delete(key) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::DEVICE_WRITE)?;
                let mut machine = self.device(&key, now)?;
                if !self.options.device_administrator {
                    return Err(Refusal::denied());
                }
                if machine.autopilot.is_some() {
                    return Err(Refusal::bad("The device is managed by Autopilot."));
                }
                let id = machine.entra.take().map(|entra| entra.id);
                self.changed_machine(machine, id, Answer::no_content(), now)
            }
            DeviceRoute::Owners(key) => self.users_of_device(&key, call, now, Machine::owners),
            DeviceRoute::Users(key) => self.users_of_device(&key, call, now, Machine::users),
            DeviceRoute::RecoveryKeys => self.recovery_keys(call, now),
        }
    }

    /// Devices as the directory shows them, in order of id, from behind the page before.
    fn in_directory(
        &self,
        query: &Query,
        now: Timestamp,
        of: impl Fn(&Machine) -> bool,
    ) -> Vec<Cow<'static, Face<OfDirectory>>> {
        let all = self.devices.all().map(|machine| machine.at(now));
        let faces = all
            .filter(of)
            .filter_map(|machine| machine.in_directory(now));
        listed(faces, query)
    }

    fn devices_of(
        &self,
        key: &Key,
        call: &Call<'_>,
        now: Timestamp,
        who: impl Fn(&Machine) -> Option<&BTreeSet<String>>,
    ) -> Result<Done, Refusal> {
        let query = query::of_members(call.query, DEVICE)?;
        roles::any(&self.options.roles, roles::READ)?;
        let user = self.seen(key, now)?;
        let is_of = |machine: &Machine| who(machine).is_some_and(|ids| ids.contains(&user.id));
        let found = self.in_directory(&query, now, is_of);
        let path = call.path.trim_start_matches('/');
        let page = related(call, &query, path, found.into_iter());
        Ok(Done::read(Answer::ok(page), Some(&user.id)))
    }

    fn users_of_device(
        &self,
        key: &DeviceKey,
        call: &Call<'_>,
        now: Timestamp,
        who: impl Fn(&Machine) -> Option<&BTreeSet<String>>,
    ) -> Result<Done, Refusal> {
        let query = query::of_members(call.query, USER)?;
        roles::any(&self.options.roles, roles::DEVICE_READ)?;
        roles::read(&self.options.roles, query.select.as_deref())?;
        let machine = self.device(key, now)?;
        let id = machine.entra.as_ref().map_or("", |entra| &entra.id);
        let ids = who(&machine).cloned().unwrap_or_default();
        Ok(self.users_of(call, &query, id, now, |user| ids.contains(&user.id)))
    }

    /// The machine of a device that the directory has.
    fn device(&self, key: &DeviceKey, now: Timestamp) -> Result<Machine, Refusal> {
        let is = |machine: &&Arc<Machine>| match key {
            DeviceKey::Id(id) => machine.entra.as_ref().is_some_and(|entra| entra.id == *id),
            DeviceKey::DeviceId(id) => machine.device_id == *id,
        };
        let found = self.devices.all().find(is).map(|machine| machine.at(now));
        let (DeviceKey::Id(id) | DeviceKey::DeviceId(id)) = key;
        found
            .filter(|machine| machine.entra.is_some())
            .ok_or_else(|| Refusal::not_found(Some(id)))
    }

    fn update_device(
        &mut self,
        key: &DeviceKey,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        let body = object(call)?;
        body::check(DEVICE, &body).map_err(|refusal| refusal.of("Device"))?;
        roles::any(&self.options.roles, roles::DEVICE_WRITE)?;
        let only = body.get("accountEnabled").filter(|_| body.len() == 1);
        let enabled = only.and_then(Json::as_bool).ok_or_else(|| {
            Refusal::bad("Of a device only 'accountEnabled' is written here, and it is not null.")
        })?;
        let mut machine = self.device(key, now)?;
        let windows = machine.device.platform == Platform::Windows;
        if !windows && !self.options.device_administrator {
            return Err(Refusal::denied());
        }
        let id = machine.entra.as_mut().map(|entra| {
            entra.enabled = enabled;
            entra.id.clone()
        });
        self.changed_machine(machine, id, Answer::no_content(), now)
    }

    /// Keeps a machine as a call has left it.
    pub(super) fn changed_machine(
        &mut self,
        machine: Machine,
        object: Option<String>,
        answer: Answer,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let before = self.devices.current(&machine.hardware);
        let changed = before.is_none_or(|before| before.at(now) != machine);
        if changed {
            self.commit_machine(machine)?;
        }
        Ok(Done {
            answer,
            object,
            changed,
        })
    }

    fn recovery_keys(&self, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let device = query::only_equality(call.query, "deviceId")?;
        roles::any(&self.options.roles, roles::RECOVERY_KEYS_READ)?;
        if call.user_agent.is_none_or(str::is_empty) {
            return Err(Refusal::bad("The User-Agent header is required."));
        }
        let all = self.devices.all().map(|machine| machine.at(now));
        let found = all.filter(|machine| {
            let asked = device.as_ref();
            asked.is_none_or(|asked| machine.device_id.eq_ignore_ascii_case(asked))
        });
        let keys = found.flat_map(|machine| {
            let keys = machine.entra.map(|entra| entra.keys).unwrap_or_default();
            keys.into_iter().map(move |id| {
                json!({
                    "id": id,
                    "createdDateTime": machine.made.to_string(),
                    "deviceId": machine.device_id,
                    "volumeType": "operatingSystemVolume",
                })
            })
        });
        let context = format!(
            "{}/v1.0/$metadata#informationProtection/bitlocker/recoveryKeys",
            call.origin
        );
        let value: Vec<Json> = keys.collect();
        let page = json!({"@odata.context": context, "value": value});
        Ok(Done::read(Answer::ok(page), None))
    }
}

impl Machine {
    fn owners(&self) -> Option<&BTreeSet<String>> {
        self.entra.as_ref().map(|entra| &entra.owners)
    }

    fn users(&self) -> Option<&BTreeSet<String>> {
        self.entra.as_ref().map(|entra| &entra.users)
    }
}

/// Those that a list asks for, in order of id, from behind the page before.
pub(super) fn listed<S: Side>(
    faces: impl Iterator<Item = Face<S>>,
    query: &Query,
) -> Vec<Cow<'static, Face<S>>> {
    let wanted = |face: &Face<S>| {
        let filter = query.filter.as_ref();
        filter.is_none_or(|filter| filter.holds(&face.id, &face.properties))
    };
    let after = query.after.as_deref();
    let mut found: Vec<Face<S>> = faces
        .filter(wanted)
        .filter(|face| after.is_none_or(|after| face.id.as_str() > after))
        .collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.into_iter().map(Cow::Owned).collect()
}
