//! Carrying out one step on a device: read it back, check, command, say how it ended.
//!
//! Sources: "wipe action", "retire action", "Update device", "Delete device",
//! "deleteUserFromSharedAppleDevice action", "wipeManagedAppRegistrationsByDeviceTag action", "List recoveryKeys",
//! and for consent "Use Multi Admin Approval" (Intune). Invariant: a command that may have been taken is
//! not sent again, and a success means that the target took it, never that the device did it.

use jiff::{SignedDuration, Timestamp};
use rollcall_core::model::{
    Area, DeviceAim, DeviceOp, Ending, ObjectId, Platform, Step, StepResult,
};
use rollcall_http::{Call, CallError, Reply, Situation};
use serde_json::Value as Json;

use crate::read::real;
use crate::{Intune, graph};

/// How a step ended.
type Ended = Result<Ending, CallError>;

/// How long a request for consent is left alone.
const CONSENT: SignedDuration = SignedDuration::from_mins(15);

/// The calls of one step, counted.
struct Sender<'a> {
    intune: &'a Intune,
    calls: u32,
    request_id: Option<String>,
    consent: Option<String>,
}

impl Intune {
    /// Carries out one step on a device, after checking just before that the device still is the person's and of
    /// the kind that was planned for.
    ///
    /// What is so already, or on its way, ends as `Already`. Where the tenant wants consent of its own the step is
    /// `Waiting`, with the code of the request.
    pub async fn apply(&self, step: &Step) -> StepResult {
        let mut sender = Sender {
            intune: self,
            calls: 0,
            request_id: None,
            consent: None,
        };
        let ended = match (step.op.area(), &step.device) {
            (Area::Device(op), Some(aim)) => sender.carry_out(op, step, aim).await,
            _ => Ok(invalid("the step names no device")),
        };
        let ending = ended.unwrap_or_else(|error| sender.failed(&error));
        tracing::debug!(
            action = step.action.as_str(),
            op = step.op.name(),
            ending = ending.name(),
            calls = sender.calls,
            "A step ended."
        );
        StepResult {
            object: step.object.clone(),
            request_id: sender.request_id,
            calls: sender.calls,
            consent: sender.consent,
            ..StepResult::new(ending)
        }
    }
}

impl Sender<'_> {
    async fn send(&mut self, call: Call) -> Result<Reply, CallError> {
        let sent = self.intune.client.send(call).await;
        let (calls, request_id) = match &sent {
            Ok(reply) => (reply.calls, Some(reply.request_id.clone())),
            Err(error) => (error.calls, error.request_id.clone()),
        };
        self.count(calls, request_id);
        sent
    }

    /// Reads a list to its end and counts the calls for its pages.
    async fn list(&mut self, call: Call) -> Result<Vec<Json>, CallError> {
        match self.intune.client.list(call).await {
            Ok(listed) => {
                self.count(listed.calls, listed.request_id);
                Ok(listed.values)
            }
            Err(error) => {
                self.count(error.calls, error.request_id.clone());
                Err(error)
            }
        }
    }

    /// The last request id stays.
    fn count(&mut self, calls: u32, request_id: Option<String>) {
        self.calls += calls;
        self.request_id = request_id.or(self.request_id.take());
    }

    fn now(&self) -> Timestamp {
        self.intune.client.clock().now()
    }

    fn failed(&self, error: &CallError) -> Ending {
        match error.until(self.intune.client.clock()) {
            Some(until) => Ending::Waiting {
                until: Some(until),
                reason: "quota".to_owned(),
            },
            None => Ending::Failed {
                code: error.code(),
                hint: error.hint(),
            },
        }
    }

    async fn carry_out(&mut self, op: DeviceOp, step: &Step, aim: &DeviceAim) -> Ended {
        let consent = aim.consent.as_deref();
        // The record outlives the account.
        let of_nobody = matches!(op, DeviceOp::CheckEscrow | DeviceOp::DeleteRecord);
        let nobody = ObjectId::new("");
        let account = step.object.as_ref().or(of_nobody.then_some(&nobody));
        let Some(account) = account else {
            return Ok(Ending::Failed {
                code: "account_gone".to_owned(),
                hint: "the account is gone, so that nobody can tell whether the device still is its: see to it by \
                       hand"
                    .to_owned(),
            });
        };
        match op {
            DeviceOp::Disable => self.disable(aim, account).await,
            DeviceOp::Retire => {
                let call = graph::retire(&aim.record, &step.action, consent);
                self.command(aim, account, "retire", call).await
            }
            DeviceOp::Wipe => {
                let call = graph::wipe(&aim.record, &step.action, consent, aim.keep_esim);
                self.command(aim, account, "wipe", call).await
            }
            DeviceOp::RemoveUser => self.remove_user(aim, account).await,
            DeviceOp::CheckEscrow => self.check_escrow(aim).await,
            DeviceOp::DeleteRecord => self.delete_record(aim, account).await,
            DeviceOp::WipeApplications => {
                let call = graph::wipe_applications(account, &aim.record);
                let sent = self.send(call).await;
                self.commanded(sent, "the company's data in its applications were")
            }
        }
    }

    /// The record goes, unless somebody else has it by now. `account` may be gone: then nobody may.
    async fn delete_record(&mut self, aim: &DeviceAim, account: &ObjectId) -> Ended {
        if self.is_others(&aim.record, account).await? {
            return Ok(stale("the device is registered to somebody else by now"));
        }
        match self.send(graph::delete_device(&aim.record)).await {
            Ok(_) => Ok(Ending::Done),
            Err(error) if not_found(&error) => Ok(Ending::Already),
            Err(error) if denied(&error) => Ok(Ending::Failed {
                code: error.code(),
                hint: "records of devices are deleted with the permission Device.ReadWrite.All, and it seems with the \
                       role Cloud Device Administrator for the application besides"
                    .to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    /// Nobody signs in on it any more, unless it is somebody else's by now.
    async fn disable(&mut self, aim: &DeviceAim, account: &ObjectId) -> Ended {
        let device = match self.send(graph::read_device(&aim.record)).await {
            Ok(reply) => reply.body,
            // Without a record nobody signs in on it either.
            Err(error) if not_found(&error) => return Ok(Ending::Already),
            Err(error) => return Err(error),
        };
        if device.get("accountEnabled").and_then(Json::as_bool) == Some(false) {
            return Ok(Ending::Already);
        }
        if self.is_others(&aim.record, account).await? {
            return Ok(stale("the device is registered to somebody else by now"));
        }
        if self.was_handed_on(&aim.record, account).await? {
            return Ok(stale(
                "device management has somebody else use the device by now",
            ));
        }
        match self.send(graph::disable_device(&aim.record)).await {
            Ok(_) => Ok(Ending::Done),
            Err(error) if not_found(&error) => Ok(Ending::Already),
            Err(error) if denied(&error) => Ok(Ending::Failed {
                code: error.code(),
                hint: "devices are disabled with the permission Device.ReadWrite.All; of a device that does not run \
                       Windows that takes the role Cloud Device Administrator for the application besides (\"Update \
                       device\")"
                    .to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    /// Whether the directory has anybody but this account as an owner of a device.
    async fn is_others(&mut self, device: &str, account: &ObjectId) -> Result<bool, CallError> {
        let owners = match self.list(graph::list_owners(device)).await {
            Ok(owners) => owners,
            Err(error) if not_found(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut ids = owners
            .iter()
            .filter_map(|it| it.get("id").and_then(Json::as_str));
        Ok(ids.any(|id| id != account.as_str()))
    }

    /// Whether device management has the device, and has anybody but this account use it.
    async fn was_handed_on(&mut self, device: &str, account: &ObjectId) -> Result<bool, CallError> {
        let managed = self.list(graph::find_managed(device)).await?;
        let user = |it: &Json| it.get("userId").and_then(Json::as_str) == Some(account.as_str());
        Ok(!managed.is_empty() && !managed.iter().any(user))
    }

    /// Tells a managed device something that cannot be taken back.
    async fn command(
        &mut self,
        aim: &DeviceAim,
        account: &ObjectId,
        what: &'static str,
        call: Call,
    ) -> Ended {
        let device = match self.send(graph::read_managed(&aim.record)).await {
            Ok(reply) => reply.body,
            Err(error) if not_found(&error) => return Ok(gone()),
            Err(error) => return Err(error),
        };
        let text = |name: &str| device.get(name).and_then(Json::as_str);
        if text("id") != Some(aim.record.as_str()) {
            return Ok(stale("Intune answered with another device"));
        }
        if text("userId") != Some(account.as_str()) {
            return Ok(stale("the device is somebody else's by now, or nobody's"));
        }
        let owner = text("managedDeviceOwnerType").unwrap_or("unknown");
        if owner != aim.owner.name() {
            return Ok(stale(
                "whose the device is was entered anew since this was planned",
            ));
        }
        if what == "wipe" && owner != "company" {
            return Ok(invalid("a device that is not the company's would be wiped"));
        }
        if let Some(known) = text("azureADDeviceId").and_then(real)
            && self.is_others(&known, account).await?
        {
            return Ok(stale("the device is somebody else's too by now"));
        }
        let on_its_way = [format!("{what}Pending"), format!("{what}Issued")];
        if text("managementState").is_some_and(|state| on_its_way.iter().any(|it| it == state)) {
            return Ok(Ending::Already);
        }
        let sent = self.send(call).await;
        self.commanded(sent, &format!("the device was told to {what}, or"))
    }

    /// How a command ended that must not be sent twice.
    fn commanded(&mut self, sent: Result<Reply, CallError>, what: &str) -> Ended {
        let Err(error) = sent else {
            return Ok(Ending::Done);
        };
        if error.maybe_taken() {
            return Ok(Ending::Unknown {
                hint: format!(
                    "nobody knows whether {what} not: no answer came ({}); it is not sent again by itself. \
                     Look in Intune",
                    error.code()
                ),
            });
        }
        match error.fault().map(|fault| fault.situation) {
            Some(Situation::NotFound) => Ok(gone()),
            Some(Situation::ApprovalRequired) => {
                self.consent = error
                    .fault()
                    .and_then(|fault| fault.approval.clone())
                    .map(String::from);
                Ok(Ending::Waiting {
                    until: self.now().checked_add(CONSENT).ok(),
                    reason: "consent".to_owned(),
                })
            }
            Some(Situation::Refused) => Ok(Ending::Failed {
                code: "device_refuses".to_owned(),
                hint: format!(
                    "the device, or Intune for it, does not take this ({}); do it by hand, or let the table of \
                     devices say something else for such a device",
                    error.code()
                ),
            }),
            _ => Err(error),
        }
    }

    /// Takes somebody off a shared device. v1.0 has that for tablets of Apple only.
    async fn remove_user(&mut self, aim: &DeviceAim, account: &ObjectId) -> Ended {
        if aim.os != Platform::Ios {
            return Ok(Ending::Failed {
                code: "no_interface".to_owned(),
                hint: "Graph has no call that takes somebody off such a shared device: take them off as its primary \
                       user in Intune, by hand"
                    .to_owned(),
            });
        }
        let user = self.send(graph::read_name(account)).await?.body;
        let name = user.get("userPrincipalName").and_then(Json::as_str);
        let name = name.ok_or_else(|| CallError::malformed("a user lacks `userPrincipalName`"))?;
        let sent = self.send(graph::remove_user(&aim.record, name)).await;
        match sent {
            Ok(_) => Ok(Ending::Done),
            Err(error) if not_found(&error) => Ok(gone()),
            Err(error) => Err(error),
        }
    }

    /// Whether somebody could still open the disk.
    async fn check_escrow(&mut self, aim: &DeviceAim) -> Ended {
        if aim.os != Platform::Windows {
            return Ok(Ending::Failed {
                code: "no_interface".to_owned(),
                hint: "Graph does not show whether the key to the disk of a Mac is kept: look in Intune before it is \
                       wiped"
                    .to_owned(),
            });
        }
        let keys = match self.list(graph::list_recovery_keys(&aim.record)).await {
            Ok(keys) => keys,
            Err(error) if denied(&error) => {
                return Ok(Ending::Failed {
                    code: error.code(),
                    hint: "whether recovery keys are kept is read with the permission BitlockerKey.ReadBasic.All"
                        .to_owned(),
                });
            }
            Err(error) => return Err(error),
        };
        if keys.is_empty() {
            return Ok(Ending::Failed {
                code: "key_not_kept".to_owned(),
                hint: "no recovery key of the device is kept in the directory: if its disk is encrypted nobody can open \
                       it once it is disabled; see to that before it is wiped"
                    .to_owned(),
            });
        }
        Ok(Ending::Done)
    }
}

pub(crate) fn not_found(error: &CallError) -> bool {
    error
        .fault()
        .is_some_and(|it| it.situation == Situation::NotFound)
}

fn denied(error: &CallError) -> bool {
    error
        .fault()
        .is_some_and(|it| it.situation == Situation::Denied)
}

fn stale(why: &str) -> Ending {
    Ending::Stale {
        why: why.to_owned(),
    }
}

fn gone() -> Ending {
    Ending::Failed {
        code: "record_gone".to_owned(),
        hint: "Intune has no record of the device any more, and nothing says that what was on it is gone: find \
               out where it is"
            .to_owned(),
    }
}

fn invalid(what: &str) -> Ending {
    Ending::Failed {
        code: "step_invalid".to_owned(),
        hint: format!("{what}; this is a fault of Rollcall, please report it"),
    }
}
