//! What a machine is told to do, and what it does at its next check-in.
//!
//! Sources: "Device action: retire", "Device action: wipe", "Device action: delete"
//! (learn.microsoft.com/intune/device-management/actions), `actionState` and `managementState` of the
//! metadata. That an action which a platform does not have comes back as `notSupported`, that the same
//! action asked for again changes nothing, that a wipe takes the place of a retire and a retire not that
//! of a wipe, and that a delete takes the place of either are unconfirmed. Invariant: an order is
//! carried out at a check-in after it was given, once, or never.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Machine;
use super::seed::{Enrolment, Join, Platform};
use crate::refusal::Refusal;

/// From the check-in at which a device obeys to when its record is gone.
const GONE_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// What a managed device can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeviceAction {
    /// Company data go, the rest stays.
    Retire,
    /// Everything goes.
    Wipe,
    /// The record goes at once, and the device is told to retire or to wipe, by its platform.
    Delete,
}

impl DeviceAction {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Retire => "retire",
            Self::Wipe => "wipe",
            Self::Delete => "delete",
        }
    }
}

/// When a device can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Contact {
    /// At every check-in.
    #[default]
    Online,
    /// From that instant on, which is its first check-in.
    OfflineUntil(Timestamp),
    /// Never again.
    Lost,
}

/// What a device makes of an order when it hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Obstacle {
    /// It obeys.
    #[default]
    None,
    /// It says that it cannot.
    Fails,
    /// It is not heard of again, and nothing has happened to it: a wipe of a phone whose factory
    /// reset is blocked.
    BreaksContact,
}

/// What a machine was told.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    pub(super) action: DeviceAction,
    pub(super) asked: Timestamp,
    /// A wipe after which it stays enrolled.
    pub(super) stays: bool,
    /// The check-in at which it heard of it.
    pub(super) heard: Option<Timestamp>,
}

/// An entry of `deviceActionResults`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcome {
    /// A member of `actionState`.
    pub(super) state: String,
    pub(super) start: Timestamp,
    pub(super) last: Timestamp,
}

impl Machine {
    /// The first check-in behind an instant.
    fn contact_after(&self, at: Timestamp) -> Option<Timestamp> {
        let base = self.base()?;
        if at < base {
            return Some(base);
        }
        let every = self.every();
        let passed = at.duration_since(base).as_millis() / every;
        Some(forward(base, (passed + 1) * every))
    }

    /// The newest check-in.
    pub(super) fn last_contact(&self, now: Timestamp) -> Timestamp {
        let silent = self.device.obstacle == Obstacle::BreaksContact;
        let heard = self.order.as_ref().and_then(|order| order.heard);
        if let Some(heard) = heard.filter(|_| silent) {
            return heard;
        }
        let before = self.device.last_seen.unwrap_or(self.since);
        match self.base() {
            Some(base) if base <= now => {
                let every = self.every();
                forward(base, now.duration_since(base).as_millis() / every * every)
            }
            Some(_) | None => before,
        }
    }

    /// From where check-ins are counted; `None`: there are none.
    fn base(&self) -> Option<Timestamp> {
        match self.device.contact {
            Contact::Online => Some(self.since),
            Contact::OfflineUntil(at) => Some(at.max(self.since)),
            Contact::Lost => None,
        }
    }

    /// Milliseconds, at least one.
    fn every(&self) -> i128 {
        i128::try_from(self.device.check_in.as_millis())
            .unwrap_or(i128::MAX)
            .max(1)
    }

    /// The machine as it is by now.
    pub(super) fn at(&self, now: Timestamp) -> Self {
        let mut machine = self.clone();
        machine.open_apps(now);
        let Some(order) = &self.order else {
            return machine;
        };
        let heard = order.heard.or_else(|| self.contact_after(order.asked));
        let Some(heard) = heard.filter(|heard| *heard <= now) else {
            return machine;
        };
        if order.heard.is_none() {
            machine.hear(order, heard);
        }
        let silent = self.device.obstacle == Obstacle::BreaksContact;
        if machine.order.is_some() && !silent && now >= forward(heard, GONE_AFTER.as_millis()) {
            machine.finish(order);
        }
        machine
    }

    /// Apps that were opened after their wipe was asked for are empty by now.
    fn open_apps(&mut self, now: Timestamp) {
        self.apps
            .retain(|_, app| match (app.asked, app.registration.opened) {
                (Some(asked), Some(opened)) => opened < asked || opened > now,
                (_, None) | (None, Some(_)) => true,
            });
    }

    fn hear(&mut self, order: &Order, heard: Timestamp) {
        let (action, obstacle) = (order.action, self.device.obstacle);
        let state = match obstacle {
            Obstacle::None => "done",
            Obstacle::Fails => "failed",
            Obstacle::BreaksContact => "active",
        };
        self.order = (obstacle != Obstacle::Fails).then_some(Order {
            heard: Some(heard),
            ..order.clone()
        });
        if let Some(result) = self.results.get_mut(&action) {
            state.clone_into(&mut result.state);
            result.last = heard;
        }
        match (obstacle, &mut self.managed) {
            (Obstacle::None, _) if action == DeviceAction::Wipe => {
                self.wiped += 1;
                self.apps.clear();
            }
            (Obstacle::None, _) => {
                self.retired += 1;
                if self.record_goes_with_retire() {
                    self.entra = None;
                }
            }
            (Obstacle::Fails, Some(managed)) => managed.failed = Some(action),
            (Obstacle::Fails, None) | (Obstacle::BreaksContact, _) => {}
        }
    }

    /// "Device action: retire", Microsoft Entra device record.
    fn record_goes_with_retire(&self) -> bool {
        match self.device.platform {
            Platform::Windows => self.autopilot.is_none() && self.device.join != Some(Join::Hybrid),
            Platform::Android => true,
            Platform::Ios | Platform::MacOs | Platform::Linux => false,
        }
    }

    fn finish(&mut self, order: &Order) {
        self.order = None;
        if !order.stays {
            self.managed = None;
        }
    }

    /// Whether its platform and its enrolment have an action ("Device action: wipe", "Device action:
    /// retire", supported platforms).
    fn has(&self, action: DeviceAction) -> bool {
        let corporate = self.is_corporate_android();
        match (action, self.device.platform) {
            (DeviceAction::Delete, _)
            | (_, Platform::Windows | Platform::MacOs)
            | (DeviceAction::Retire, Platform::Ios) => true,
            (_, Platform::Linux) => false,
            (DeviceAction::Wipe, Platform::Android) => corporate,
            (DeviceAction::Retire, Platform::Android) => !corporate,
            (DeviceAction::Wipe, Platform::Ios) => {
                self.device.enrolment != Some(Enrolment::AppleUser)
            }
        }
    }

    fn is_corporate_android(&self) -> bool {
        self.device
            .enrolment
            .is_some_and(Enrolment::is_corporate_android)
    }

    /// Tells it what to do. `stays`: a wipe after which it is still enrolled.
    ///
    /// # Errors
    /// 400 for what cannot be told any more.
    pub(super) fn tell(
        &mut self,
        action: DeviceAction,
        stays: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut outcome = Outcome {
            state: "pending".to_owned(),
            start: now,
            last: now,
        };
        if !self.has(action) {
            "notSupported".clone_into(&mut outcome.state);
            self.results.insert(action, outcome);
            return Ok(());
        }
        match &self.order {
            Some(order) if order.action == action => return Ok(()),
            Some(order) if action == DeviceAction::Retire || order.heard.is_some() => {
                return Err(Refusal::bad("Another action is under way on this device."));
            }
            Some(order) => {
                if let Some(result) = self.results.get_mut(&order.action) {
                    "canceled".clone_into(&mut result.state);
                    result.last = now;
                }
            }
            None => {}
        }
        if let Some(managed) = &mut self.managed {
            managed.failed = None;
        }
        self.results.insert(action, outcome);
        self.give(action, stays, now);
        Ok(())
    }

    /// As Intune writes it down.
    pub(super) fn write_down(&mut self, action: DeviceAction, device: &str, now: Timestamp) {
        self.written.push(super::audit::Written {
            at: now,
            action,
            device: device.to_owned(),
        });
    }

    fn give(&mut self, action: DeviceAction, stays: bool, now: Timestamp) {
        self.order = Some(Order {
            action,
            asked: now,
            stays: stays && self.device.platform == Platform::Windows,
            heard: None,
        });
    }

    /// Removes Intune's record, which tells the device to wipe or to retire ("Device action: delete",
    /// behavior by platform).
    pub(super) fn delete(&mut self, now: Timestamp) {
        self.managed = None;
        let heard = self.order.take().is_some_and(|order| order.heard.is_some());
        if heard || self.device.platform == Platform::Linux {
            return;
        }
        if self.is_corporate_android() {
            self.give(DeviceAction::Wipe, false, now);
        } else {
            self.give(DeviceAction::Retire, false, now);
        }
    }

    /// The member of `managementState`.
    pub(super) fn management_state(&self) -> &'static str {
        let failed = self.managed.as_ref().and_then(|managed| managed.failed);
        let order = self
            .order
            .as_ref()
            .map(|it| (it.action, it.heard.is_some()));
        match (order, failed) {
            (Some((DeviceAction::Retire, false)), _) => "retirePending",
            (Some((DeviceAction::Retire, true)), _) => "retireIssued",
            (Some((DeviceAction::Wipe, false)), _) => "wipePending",
            (Some((DeviceAction::Wipe, true)), _) => "wipeIssued",
            (Some((DeviceAction::Delete, _)), _) => "deletePending",
            (None, Some(DeviceAction::Wipe)) => "wipeFailed",
            (None, Some(_)) => "retireFailed",
            (None, None) => "managed",
        }
    }
}

fn forward(at: Timestamp, millis: i128) -> Timestamp {
    let by = i64::try_from(millis).map_or(SignedDuration::MAX, SignedDuration::from_millis);
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
