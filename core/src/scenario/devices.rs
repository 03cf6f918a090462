//! Devices of a play: what the tenant says to commands, and what people see of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::case::{Confirms, DeviceBefore, Event, EventKind};
use super::play::{Answer, Ask, Hold, Play};
use crate::model::{Device, Enrolment, FindingKind, Join, Op, Ownership, PersonKey, Platform};
use crate::notice::{Notice, NoticeKind, heed};
use crate::policy::DraftAction;

/// What is known of the devices of a case beside what an engine sees.
#[derive(Debug, Clone, Default)]
pub(super) struct Fleet {
    /// By device: whose it is, and how the tenant answers.
    known: BTreeMap<String, (PersonKey, DeviceBefore)>,
    /// Calls so far.
    calls: BTreeMap<(String, Op), u32>,
    /// Records that vanished without a word; told by the next night.
    gone: Vec<String>,
}

/// A device as an engine sees it; what a case does not say is what such a device usually is.
pub(super) fn device(before: &DeviceBefore) -> Device {
    let company = before.owner == Ownership::Company;
    let join = before.join.unwrap_or(match before.os {
        Platform::Windows if company => Join::Entra,
        Platform::Windows
        | Platform::Macos
        | Platform::Ios
        | Platform::Android
        | Platform::Linux => Join::Registered,
    });
    let enrolment = before.enrol.unwrap_or(match (before.os, join) {
        (Platform::Windows, Join::Registered) if before.join.is_some() => Enrolment::None,
        (Platform::Macos | Platform::Ios, _) if company => Enrolment::Ade,
        (Platform::Android, _) if company => Enrolment::FullyManaged,
        (Platform::Android, _) => Enrolment::WorkProfile,
        (Platform::Windows | Platform::Macos | Platform::Ios | Platform::Linux, _) => {
            Enrolment::Device
        }
    });
    Device {
        id: before.id.clone(),
        owner: before.owner,
        os: before.os,
        enrolment,
        join,
        autopilot: before.autopilot,
        shared: before.shared,
        others: false,
        records: None,
    }
}

impl Fleet {
    pub(super) fn add(&mut self, person: &PersonKey, devices: &[DeviceBefore]) {
        for device in devices {
            let known = (person.clone(), device.clone());
            self.known.insert(device.id.clone(), known);
        }
    }

    /// The devices of a person.
    pub(super) fn of(&self, person: &PersonKey) -> Vec<String> {
        let theirs = self.known.iter().filter(|(_, (who, _))| who == person);
        theirs.map(|(device, _)| device.clone()).collect()
    }

    fn person(&self, device: &str) -> Option<PersonKey> {
        self.known.get(device).map(|(person, _)| person.clone())
    }
}

/// How a tenant takes a command.
pub(super) enum Taken {
    /// It was accepted.
    Accepted {
        /// And is done.
        done: bool,
    },
    /// It wants consent of its own.
    Consent(String),
}

impl Play<'_> {
    /// What the tenant says to a command.
    pub(super) fn command(&mut self, step: &DraftAction) -> Taken {
        let id = step.args.get("device").cloned().unwrap_or_default();
        let call = self.fleet.calls.entry((id.clone(), step.op)).or_default();
        *call += 1;
        let call = *call;
        let Some((_, before)) = self.fleet.known.get(&id) else {
            return Taken::Accepted { done: true };
        };
        let mut answers = before.answers.iter();
        let answer = answers.find(|it| it.op == step.op.name() && it.call == call);
        if let Some(answer) = answer.filter(|it| it.status == 403)
            && (answer.error.is_some() || answer.approval_code.is_some())
        {
            return Taken::Consent(answer.approval_code.clone().unwrap_or_default());
        }
        Taken::Accepted {
            done: before.confirms != Some(Confirms::ByEvent),
        }
    }

    /// What people say of a device.
    pub(super) fn device_word(&mut self, event: &Event) {
        let id = event.who.clone().unwrap_or_default();
        let Some(owner) = self.fleet.person(&id) else {
            return;
        };
        if let Some(person) = self.people.get_mut(&owner) {
            let kind = if event.event == EventKind::AssetLost {
                NoticeKind::DeviceLost
            } else {
                NoticeKind::DeviceReturned
            };
            let notice = Notice {
                kind,
                worker: person.worker.clone(),
                at: self.now,
                reason: "said in a play".to_owned(),
                device: Some(id.clone()),
            };
            // A play has no report: what was idle shows in what is not done.
            let _idle = heed(person, &notice, self.now);
            let case = person
                .devices
                .values()
                .find(|case| case.device.goes_by(&id));
            let wipe = Hold::Wipe(id.clone());
            if case.is_some_and(|case| !case.agreed)
                && self.asks.get(&wipe).is_some_and(Ask::agreed)
            {
                // What people agreed to does not hold any more.
                self.asks.remove(&wipe);
                let asked = (owner.clone(), FindingKind::RequiredMissing, id);
                self.said.remove(&asked);
            }
        }
        self.again([owner]);
    }

    pub(super) fn device_event(&mut self, event: &Event) {
        let id = event.who.clone().unwrap_or_default();
        let Some(owner) = self.fleet.person(&id) else {
            return;
        };
        let mut confirmed = false;
        if let Some(case) = self
            .people
            .get_mut(&owner)
            .and_then(|person| person.devices.get_mut(&id))
        {
            match event.event {
                EventKind::TenantApproval => {
                    let code = event.approval_code.clone().unwrap_or_default();
                    case.consent = Some((code, true));
                }
                EventKind::Observed => {
                    let done = event.command.as_deref() == Some("done");
                    let gone = event.record.as_deref() == Some("gone");
                    let audit = event.audit.as_deref() == Some("present");
                    if (done || gone) && audit && !case.confirmed {
                        case.confirmed = true;
                        confirmed = true;
                    } else if gone && !audit {
                        self.fleet.gone.push(id.clone());
                    }
                }
                EventKind::AssetReturned
                | EventKind::AssetLost
                | EventKind::Approve
                | EventKind::Reject
                | EventKind::Release
                | EventKind::Owner
                | EventKind::LegalHold => {}
            }
        }
        if confirmed {
            let run = self.run;
            self.enter("device.confirmed", &id, Some(&owner), run, json!({}));
        }
        self.again([owner]);
    }

    /// People agreed to a wipe.
    pub(super) fn wipe_agreed(&mut self, device: &str) {
        let Some(owner) = self.fleet.person(device) else {
            return;
        };
        if let Some(case) = self
            .people
            .get_mut(&owner)
            .and_then(|person| person.devices.get_mut(device))
        {
            case.agreed = true;
        }
        self.again([owner]);
    }

    /// Somebody refused a wipe: the device stays as it is, and open.
    pub(super) fn rejected(&mut self, device: &str) {
        let Some(owner) = self.fleet.person(device) else {
            return;
        };
        if let Some(ask) = self.asks.get_mut(&Hold::Wipe(device.to_owned())) {
            ask.answer = Answer::Refused;
        }
        if let Some(case) = self
            .people
            .get_mut(&owner)
            .and_then(|person| person.devices.get_mut(device))
        {
            case.rejected = true;
            let run = self.run;
            let args = json!({"code": "WIPE_REJECTED"});
            self.metrics.exception(&owner, "WIPE_REJECTED", self.now);
            self.enter("report.exception", device, Some(&owner), run, args);
        }
        self.again([owner]);
    }

    /// What a night finds of devices.
    pub(super) fn night_of_devices(&mut self) {
        for id in std::mem::take(&mut self.fleet.gone) {
            let owner = self.fleet.person(&id);
            let run = self.run;
            let args = json!({"code": "DEVICE_GONE_UNCONFIRMED"});
            if let Some(owner) = &owner {
                self.metrics
                    .exception(owner, "DEVICE_GONE_UNCONFIRMED", self.now);
            }
            self.enter("report.exception", &id, owner.as_ref(), run, args);
        }
    }

    /// Devices of somebody with an open command or exception.
    pub(super) fn devices_pending(&self, person: &PersonKey) -> u32 {
        let cases = self.people.get(person).map(|it| &it.devices);
        let cases = cases.into_iter().flatten();
        let open = cases.filter(|(_, case)| {
            let commanded = case.open().is_some();
            let asked =
                !case.confirmed && case.wiped().is_none() && self.wipe_open(&case.device.id);
            commanded || asked || case.rejected || case.consent.as_ref().is_some_and(|it| !it.1)
        });
        super::play::number(open.count())
    }

    fn wipe_open(&self, device: &str) -> bool {
        let ask = self.asks.get(&Hold::Wipe(device.to_owned()));
        ask.is_some_and(Ask::is_open)
    }

    /// Instants at which a device alone asks for a look: none, its person is due then.
    #[expect(clippy::unused_self, reason = "one of several sources of instants")]
    pub(super) fn device_wakes(&self) -> Option<Timestamp> {
        None
    }
}
