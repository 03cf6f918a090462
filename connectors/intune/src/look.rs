//! How far commands to devices have come.
//!
//! Sources: "managedDevice" (`managementState`, `deviceActionResults`), "List auditEvents", and for consent "List
//! operationApprovalRequests" (beta). That an action is called after its remote action there (`factoryReset`,
//! `removeCompanyData`) as well as after its call is unconfirmed: both count. Invariant: a record that is gone is
//! no proof; it counts as done only where the command was seen on its way and Intune wrote down that it
//! was commanded.

use std::pin::pin;

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use rollcall_core::model::{Area, DeviceLook, DeviceOp, DeviceQuestion, ObjectId};
use rollcall_http::{CallError, values, withheld};
use serde_json::Value as Json;

use crate::order::not_found;
use crate::{Intune, IntuneError, graph};

/// A clock that is not ours may be so far off.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

impl Intune {
    /// How far each command to a device of an account has come, in the order of the questions; `None` where the
    /// tenant does not let us look. `account` is none where it is gone already.
    ///
    /// # Errors
    /// When a question is not answered after all retries, or not in the documented form.
    pub async fn looks(
        &self,
        account: Option<&ObjectId>,
        questions: &[DeviceQuestion],
    ) -> Result<Vec<Option<DeviceLook>>, IntuneError> {
        let mut out = Vec::with_capacity(questions.len());
        for question in questions {
            let seen = match self.look(account, question).await {
                Ok(look) => Some(look),
                Err(error) if error.fault().is_some_and(withheld) => None,
                Err(error) => {
                    return Err(IntuneError {
                        doing: "looking how far a command to a device has come",
                        error,
                    });
                }
            };
            out.push(seen);
        }
        Ok(out)
    }

    async fn look(
        &self,
        account: Option<&ObjectId>,
        question: &DeviceQuestion,
    ) -> Result<DeviceLook, CallError> {
        if let Some(code) = &question.consent {
            return self.consent(code).await;
        }
        let Some(taken) = question.taken else {
            return Ok(DeviceLook::Idle);
        };
        let Area::Device(op) = question.op.area() else {
            return Ok(DeviceLook::Idle);
        };
        match op {
            DeviceOp::Retire => {
                let names = ["retire", "removeCompanyData"];
                self.command(question, taken, &names).await
            }
            DeviceOp::Wipe => {
                let names = ["wipe", "factoryReset"];
                self.command(question, taken, &names).await
            }
            DeviceOp::WipeApplications => self.applications(account, &question.record).await,
            // Done when they are answered.
            DeviceOp::Disable
            | DeviceOp::RemoveUser
            | DeviceOp::CheckEscrow
            | DeviceOp::DeleteRecord => Ok(DeviceLook::Done),
        }
    }

    /// Whether somebody of the tenant consented. A request that nobody answers is off after three days.
    async fn consent(&self, code: &str) -> Result<DeviceLook, CallError> {
        let found = self.client.list(graph::find_approval(code)).await?.values;
        let Some(request) = found.first() else {
            return Ok(DeviceLook::Refused);
        };
        let status = request.get("status").and_then(Json::as_str);
        Ok(match status {
            Some("approved") => DeviceLook::Agreed,
            Some("needsApproval") => DeviceLook::Asked,
            // Also `rejected`, `cancelled`, `expired`, and whatever is made of it later.
            Some(_) | None => DeviceLook::Refused,
        })
    }

    async fn command(
        &self,
        question: &DeviceQuestion,
        taken: Timestamp,
        names: &[&str],
    ) -> Result<DeviceLook, CallError> {
        let device = match self
            .client
            .send(graph::read_managed(&question.record))
            .await
        {
            Ok(reply) => reply.body,
            Err(error) if not_found(&error) => {
                let ours = question.heard && self.written_down(question, taken, names).await?;
                return Ok(if ours {
                    DeviceLook::Done
                } else {
                    DeviceLook::Gone
                });
            }
            Err(error) => return Err(error),
        };
        Ok(progress(&device, taken, names))
    }

    /// Whether Intune wrote down that this device was commanded then.
    async fn written_down(
        &self,
        question: &DeviceQuestion,
        taken: Timestamp,
        words: &[&str],
    ) -> Result<bool, CallError> {
        let mut pages = pin!(self.client.pages(graph::list_audit(taken)));
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page.body,
                // What we may not read proves nothing.
                Err(error) if error.fault().is_some_and(withheld) => return Ok(false),
                Err(error) => return Err(error),
            };
            let resources = |event: &Json| {
                let resources = event.get("resources").and_then(Json::as_array).cloned();
                resources.unwrap_or_default()
            };
            let names = |resource: &Json| {
                let id = resource.get("resourceId").and_then(Json::as_str);
                id.is_some_and(|id| id.eq_ignore_ascii_case(&question.record))
            };
            let same = |event: &&Json| {
                let kind = event.get("activityType").and_then(Json::as_str);
                let kind = kind.unwrap_or_default().to_lowercase();
                words.iter().any(|word| kind.contains(&word.to_lowercase()))
            };
            let mut ours = values(&page)?.iter().filter(same);
            if ours.any(|event| resources(event).iter().any(names)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Company data in applications are gone once the applications are no longer registered.
    async fn applications(
        &self,
        account: Option<&ObjectId>,
        tag: &str,
    ) -> Result<DeviceLook, CallError> {
        let Some(account) = account else {
            return Ok(DeviceLook::Gone);
        };
        let mut pages = pin!(self.client.pages(graph::list_registrations(account)));
        while let Some(page) = pages.try_next().await? {
            let same = |it: &Json| it.get("deviceTag").and_then(Json::as_str) == Some(tag);
            if values(&page.body)?.iter().any(same) {
                return Ok(DeviceLook::Pending);
            }
        }
        Ok(DeviceLook::Done)
    }
}

/// What a managed device says of a command: its state, then the results of what was asked since.
fn progress(device: &Json, taken: Timestamp, names: &[&str]) -> DeviceLook {
    let results = device.get("deviceActionResults").and_then(Json::as_array);
    let ours = |result: &&Json| {
        let name = result.get("actionName").and_then(Json::as_str);
        let named = name.is_some_and(|name| names.iter().any(|it| it.eq_ignore_ascii_case(name)));
        let at = ["startDateTime", "lastUpdatedDateTime"]
            .iter()
            .find_map(|name| {
                let text = result.get(*name).and_then(Json::as_str)?;
                text.parse::<Timestamp>().ok()
            });
        let from = taken.saturating_sub(SKEW).unwrap_or(taken);
        named && at.is_none_or(|at| at >= from)
    };
    let result = results.into_iter().flatten().rfind(ours);
    let state = result
        .and_then(|it| it.get("actionState"))
        .and_then(Json::as_str);
    match state {
        Some("done") => return DeviceLook::Done,
        Some("failed" | "notSupported") => return DeviceLook::Failed,
        Some("active") => return DeviceLook::Heard,
        Some("pending") => return DeviceLook::Pending,
        Some(_) | None => {}
    }
    match device.get("managementState").and_then(Json::as_str) {
        Some("retireIssued" | "wipeIssued") => DeviceLook::Heard,
        Some("retirePending" | "wipePending") => DeviceLook::Pending,
        Some("retireFailed" | "wipeFailed") => DeviceLook::Failed,
        Some(_) | None => DeviceLook::Idle,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// State and results of a device → how far a wipe has come that was taken at eight.
    #[test]
    fn progress_is_read_from_state_and_results() {
        let taken: Timestamp = "2027-04-05T08:00:00Z".parse().unwrap();
        let result = |name: &str, state: &str, at: &str| json!([{"actionName": name, "actionState": state, "startDateTime": at}]);
        let (now, before) = ("2027-04-05T08:00:01Z", "2027-04-01T08:00:00Z");
        for (state, results, look) in [
            ("wipePending", json!([]), DeviceLook::Pending),
            ("wipeIssued", json!([]), DeviceLook::Heard),
            ("wipeFailed", json!([]), DeviceLook::Failed),
            ("managed", json!([]), DeviceLook::Idle),
            ("managed", json!(null), DeviceLook::Idle),
            ("wipeCanceled", json!([]), DeviceLook::Idle),
            ("wipeIssued", result("wipe", "done", now), DeviceLook::Done),
            (
                "managed",
                result("factoryReset", "done", now),
                DeviceLook::Done,
            ),
            (
                "managed",
                result("wipe", "notSupported", now),
                DeviceLook::Failed,
            ),
            ("managed", result("wipe", "active", now), DeviceLook::Heard),
            // Of an older wipe, and of something else.
            ("managed", result("wipe", "done", before), DeviceLook::Idle),
            ("managed", result("retire", "done", now), DeviceLook::Idle),
        ] {
            let device = json!({"managementState": state, "deviceActionResults": results});
            let seen = progress(&device, taken, &["wipe", "factoryReset"]);
            assert_eq!(seen, look, "{device}");
        }
    }
}
