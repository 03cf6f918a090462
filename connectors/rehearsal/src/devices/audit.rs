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
        let all = self.devices.all().flat_map(|machine| &machine.written);
        let mut found: Vec<&Written> = all.filter(|it| from <= it.at && it.at <= to).collect();
        found.sort_by(|a, b| (a.at, &a.device).cmp(&(b.at, &b.device)));
        let client = &self.options.client_id;
        let value: Vec<Json> = found.into_iter().map(|it| it.shown(client)).collect();
        let context = format!(
            "{}/v1.0/$metadata#deviceManagement/auditEvents",
            call.origin
        );
        let page = json!({"@odata.context": context, "value": value});
        Ok(Done::read(Answer::ok(page), None))
    }
}

impl Written {
    fn shown(&self, client: &str) -> Json {
        let name = self.action.name();
        json!({
            "id": format!("{}_{}", self.device, self.at.as_second()),
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
