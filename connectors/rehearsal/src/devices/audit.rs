//! What Intune writes down of commands to devices.
//!
//! Sources: "auditEvent resource type", "List auditEvents" (learn.microsoft.com/graph/api). The pages name no
//! `$filter`; a window of `activityDateTime` is what administrators' scripts ask for. That filter, and the words of
//! `activityType`, are unconfirmed. Invariant: an event says that something was commanded, never that it was
//! done.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::life::DeviceAction;
use crate::answer::Answer;
use crate::query;
use crate::refusal::Refusal;
use crate::roles;
use crate::state::{Call, State};
use crate::users::Done;

/// One command.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) at: Timestamp,
    pub(super) action: DeviceAction,
    /// Intune's id of the device.
    pub(super) device: String,
}

impl State {
    /// Everything that was written down in a window of time.
    pub(super) fn list_audit(&self, call: &Call<'_>) -> Result<Done, Refusal> {
        let window = query::only_window(call.query, "activityDateTime")?;
        roles::any(&self.options.roles, roles::APPS_READ)?;
        let (from, to) = window.unwrap_or((Timestamp::MIN, Timestamp::MAX));
        let all = self.devices.all();
        let all = all.flat_map(|machine| machine.written.iter().enumerate());
        let inside = all.filter(|(_, it)| from <= it.at && it.at <= to);
        let mut found: Vec<(usize, &Written)> = inside.collect();
        found.sort_by(|a, b| (a.1.at, &a.1.device, a.0).cmp(&(b.1.at, &b.1.device, b.0)));
        let client = &self.options.client_id;
        let shown = found.into_iter().map(|(at, it)| it.shown(at, client));
        let value: Vec<Json> = shown.collect();
        let context = format!(
            "{}/v1.0/$metadata#deviceManagement/auditEvents",
            call.origin
        );
        let page = json!({"@odata.context": context, "value": value});
        Ok(Done::read(Answer::ok(page), None))
    }
}

impl Written {
    /// `at`: its place among all that was written down of the device.
    fn shown(&self, at: usize, client: &str) -> Json {
        let name = self.action.name();
        json!({
            "id": format!("{}_{at}", self.device),
            "displayName": format!("{name} ManagedDevice"),
            "componentName": "ManagedDevices",
            "activity": name,
            "activityDateTime": self.at.to_string(),
            "activityType": format!("{name} ManagedDevice"),
            "activityOperationType": "Action",
            "activityResult": "Success",
            "category": "Device",
            "actor": {"auditActorType": "Application", "applicationId": client},
            "resources": [{
                "resourceId": self.device,
                "auditResourceType": "Microsoft.Management.Services.Api.ManagedDevice",
            }],
        })
    }
}
