//! What becomes of the devices of somebody who left: a table, and the clocks behind it.
//!
//! The table is that of the lifecycle policy: join × ownership × enrolment × platform × why
//! somebody left. Invariant: a device that is not proved to be the company's is never wiped, and
//! one that others use is never touched because one of them left.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::career::Exit;
use super::desk::{Desk, after};
use super::draft::{DraftAction, Reason};
use crate::model::{
    Account, Device, Enrolment, FindingKind, Join, Op, Ownership, Platform, Severity,
};
use crate::state::{BlockCause, DeviceCase, Lifecycle};

/// What is done to a device at the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// An operation at once.
    Do(Op),
    /// It is wiped once two people agree, who are asked at once.
    Wipe,
    /// The same, asked when it came back, or after some days.
    WipeOnReturn,
    /// Something that a person has to know.
    Say(FindingKind),
}

/// The table, for leavers and for those who are dismissed for cause.
pub(super) fn measures(device: &Device, for_cause: bool) -> Vec<Measure> {
    use Measure::{Do, Say, Wipe, WipeOnReturn};
    let disable = Do(Op::DeviceDisable);
    let retire = Do(Op::DeviceRetire);
    let apps = Do(Op::AppSelectiveWipe);
    if device.shared {
        return vec![Do(Op::DeviceRemoveUser)];
    }
    if device.os == Platform::Linux {
        return vec![disable, Say(FindingKind::NoRemoteAction)];
    }
    let mobile = matches!(device.os, Platform::Ios | Platform::Android);
    if device.enrolment == Enrolment::AppOnly {
        return if for_cause && !mobile {
            vec![disable, apps]
        } else {
            vec![apps]
        };
    }
    if device.owner == Ownership::Unknown {
        return if for_cause {
            vec![disable, apps]
        } else {
            vec![apps, Say(FindingKind::OwnershipUnknown)]
        };
    }
    if device.enrolment == Enrolment::None {
        return vec![disable];
    }
    // What its user enrolled is their own, whatever is entered: nothing erases it.
    let by_user = device.os == Platform::Ios && device.enrolment == Enrolment::User;
    if device.owner == Ownership::Personal || by_user {
        return if for_cause {
            vec![disable, retire]
        } else {
            vec![retire]
        };
    }
    if for_cause {
        return vec![disable, Wipe];
    }
    let escrow = Do(Op::DeviceEscrowCheck);
    match (device.os, device.join, device.enrolment) {
        (Platform::Windows, Join::Hybrid, _) => vec![disable, WipeOnReturn],
        (Platform::Windows | Platform::Macos, _, _) => vec![escrow, WipeOnReturn],
        (Platform::Android, _, Enrolment::WorkProfile) => vec![Wipe],
        (Platform::Ios | Platform::Android | Platform::Linux, _, _) => vec![WipeOnReturn],
    }
}

impl Desk<'_> {
    /// Steps on devices: at the cut, when they come back, and as long as nobody proves that they
    /// are gone.
    pub(super) fn device_steps(
        &mut self,
        exit: &Exit,
        account: Option<&Account>,
    ) -> Vec<DraftAction> {
        if !self.cx.policy.leaver.devices {
            return Vec::new();
        }
        let now = self.cx.now;
        let holdings = account.and_then(|account| account.holdings.as_deref());
        let seen = holdings.map(|it| it.devices.clone()).unwrap_or_default();
        let due = exit.cut.due <= now;
        // Cases are of an exit that came: one that is yet to come is looked at as if it were the first.
        let mut cases = if due {
            std::mem::take(&mut self.person.devices)
        } else {
            BTreeMap::new()
        };
        for device in seen {
            cases
                .entry(device.id.clone())
                .or_insert_with(|| DeviceCase::new(device));
        }
        let mut steps = Vec::new();
        for (id, case) in &mut cases {
            steps.extend(self.case_steps(id, case, exit));
        }
        if due {
            self.person.devices = cases;
        }
        steps
    }

    fn case_steps(&mut self, id: &str, case: &mut DeviceCase, exit: &Exit) -> Vec<DraftAction> {
        let cut = exit.cut.due;
        let rule = "leaver.devices";
        let step = |op, due| {
            DraftAction::simple(op, due, exit.reason.clone(), rule)
                .with("device", id)
                .from(cut)
        };
        if exit.cut.cause == BlockCause::Deceased {
            let ours = case.device.owner == Ownership::Company;
            let open = ours && !case.done.contains(&Op::TaskManual);
            let task = open.then(|| step(Op::TaskManual, cut).with("task", "recover_device"));
            return task.into_iter().collect();
        }
        let mut steps = Vec::new();
        let for_cause = exit.cut.cause == BlockCause::ForCause;
        for measure in measures(&case.device, for_cause) {
            match measure {
                Measure::Do(op) if !case.done.contains(&op) => steps.push(step(op, cut)),
                Measure::Do(_) => {}
                Measure::Wipe => steps.extend(wipe(&step, case, cut)),
                Measure::WipeOnReturn => {
                    let wait = after(cut, self.cx.policy.devices.return_wait_days);
                    let due = case.returned.map_or(wait, |at| at.min(wait));
                    steps.extend(wipe(&step, case, due.max(cut)));
                }
                Measure::Say(kind) => {
                    if let Some(last) = steps.last_mut() {
                        let said = format!("{kind:?}");
                        last.args.insert("report".to_owned(), said);
                    }
                }
            }
        }
        let now = self.cx.now;
        let goes = |step: &DraftAction| {
            step.op == Op::DeviceWipe && step.due <= now && !step.args.contains_key("ask")
        };
        if steps.iter().any(goes) {
            // Whether it worked is looked at when it would be sent once more.
            let days = self.cx.policy.devices.reissue_days;
            self.wakes.push(after(now, days));
        }
        self.clocks(&mut steps, &step, case);
        steps
    }

    /// As long as nobody confirms a wipe.
    fn clocks(
        &mut self,
        steps: &mut Vec<DraftAction>,
        step: &dyn Fn(Op, Timestamp) -> DraftAction,
        case: &mut DeviceCase,
    ) {
        let Some(wiped) = case.wiped.filter(|_| !case.confirmed) else {
            return;
        };
        let terms = &self.cx.policy.devices;
        if case.attempts == 1 {
            let again = step(Op::DeviceWipe, after(wiped, terms.reissue_days));
            steps.push(whole(again).with("attempt", "2"));
        }
        let tells = [
            (FindingKind::DeviceUnresponsive, terms.escalate_days),
            (FindingKind::DeviceUnresolved, terms.unresolved_days),
        ];
        let block = self.person.block.map(|it| it.at.unwrap_or(it.cut.due));
        let record = block.map(|block| after(block, terms.entra_delete_days));
        for (kind, days) in tells {
            if case.said.contains(&kind) {
                continue;
            }
            let due = after(wiped, days);
            if due > self.cx.now {
                self.wakes.push(due);
                continue;
            }
            case.said.insert(kind);
            let note = format!(
                "device {}: a wipe is not confirmed for {days} days",
                case.device.id
            );
            self.find(kind, Severity::Warning, None, note);
            self.argue("device", case.device.id.clone());
        }
        if let Some(due) = record.filter(|_| !case.device.autopilot) {
            for op in [Op::DeviceEscrowCheck, Op::DeviceDeleteEntra] {
                let done = case.done.contains(&Op::DeviceDeleteEntra);
                steps.extend((!done).then(|| step(op, due)));
            }
        }
    }

    /// Whoever stays after all has to set up again what the cut took off. What people said about
    /// their devices was about an exit that is off.
    pub(super) fn set_up_again(&mut self) -> Vec<DraftAction> {
        let now = self.cx.now;
        let touches = |op: &Op| !matches!(op, Op::DeviceEscrowCheck | Op::TaskManual);
        let cases = &mut self.person.devices;
        cases.retain(|_, case| case.done.iter().any(touches));
        for case in cases.values_mut() {
            let done = std::mem::take(&mut case.done);
            let mut anew = DeviceCase::new(case.device.clone());
            anew.done = done;
            *case = anew;
        }
        cases
            .keys()
            .map(|id| {
                let rule = "leaver_reversed.devices";
                DraftAction::simple(Op::TaskManual, now, Reason::ExitOff, rule)
                    .with("task", "reenrol")
                    .with("device", id)
            })
            .collect()
    }

    /// Clocks of devices go on when the account is gone.
    pub(super) fn devices_only(&mut self, exit: &Exit) -> Vec<DraftAction> {
        let left = self.person.lifecycle == Lifecycle::Deleted || self.person.object.is_none();
        if left && !self.person.devices.is_empty() {
            self.device_steps(exit, None)
        } else {
            Vec::new()
        }
    }
}

/// The first wipe: asked of people, then of the target, and sent again where that wants consent of
/// its own.
fn wipe(
    step: &dyn Fn(Op, Timestamp) -> DraftAction,
    case: &DeviceCase,
    due: Timestamp,
) -> Option<DraftAction> {
    if case.wiped.is_some() || case.rejected {
        return None;
    }
    let step = whole(step(Op::DeviceWipe, due));
    match &case.consent {
        // The target's consent is no consent of ours.
        _ if !case.agreed => Some(step.with("ask", "wipe")),
        Some((_, false)) => None,
        Some((code, true)) => Some(step.with("approval_code", code)),
        None => Some(step),
    }
}

/// Everything on the device goes.
fn whole(step: DraftAction) -> DraftAction {
    step.with("keepEnrollmentData", "false")
        .with("keepUserData", "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(words: &str) -> Device {
        let mut device = Device {
            id: "D".to_owned(),
            owner: Ownership::Company,
            os: Platform::Windows,
            enrolment: Enrolment::Device,
            join: Join::Entra,
            autopilot: false,
            shared: false,
        };
        for word in words.split_whitespace() {
            match word {
                "company" => {}
                "personal" => device.owner = Ownership::Personal,
                "unknown" => device.owner = Ownership::Unknown,
                "windows" => device.os = Platform::Windows,
                "macos" => device.os = Platform::Macos,
                "ios" => device.os = Platform::Ios,
                "android" => device.os = Platform::Android,
                "linux" => device.os = Platform::Linux,
                "hybrid" => device.join = Join::Hybrid,
                "registered" => device.join = Join::Registered,
                "autopilot" => device.autopilot = true,
                "shared" => device.shared = true,
                "ade" => device.enrolment = Enrolment::Ade,
                "user" => device.enrolment = Enrolment::User,
                "work_profile" => device.enrolment = Enrolment::WorkProfile,
                "fully_managed" => device.enrolment = Enrolment::FullyManaged,
                "app_only" => device.enrolment = Enrolment::AppOnly,
                "unmanaged" => device.enrolment = Enrolment::None,
                _ => panic!("unknown word {word}"),
            }
        }
        device
    }

    fn words(device: &Device, for_cause: bool) -> String {
        let word = |measure: Measure| match measure {
            Measure::Do(op) => op.name().rsplit('.').next().unwrap_or_default().to_owned(),
            Measure::Wipe => "wipe²".to_owned(),
            Measure::WipeOnReturn => "wait wipe²".to_owned(),
            Measure::Say(kind) => format!("{kind:?}"),
        };
        let all: Vec<String> = measures(device, for_cause).into_iter().map(word).collect();
        all.join(", ")
    }

    /// The decision table of the lifecycle policy (2.4), columns N and C.
    #[test]
    fn the_table_is_that_of_the_policy() {
        for (what, leaver, for_cause) in [
            (
                "company windows autopilot",
                "escrowCheck, wait wipe²",
                "disable, wipe²",
            ),
            (
                "company windows",
                "escrowCheck, wait wipe²",
                "disable, wipe²",
            ),
            (
                "company windows hybrid",
                "disable, wait wipe²",
                "disable, wipe²",
            ),
            ("company windows registered unmanaged", "disable", "disable"),
            ("personal windows registered", "retire", "disable, retire"),
            (
                "personal windows app_only",
                "selectiveWipe",
                "disable, selectiveWipe",
            ),
            (
                "company macos ade",
                "escrowCheck, wait wipe²",
                "disable, wipe²",
            ),
            ("personal macos", "retire", "disable, retire"),
            ("company ios ade", "wait wipe²", "disable, wipe²"),
            ("personal ios", "retire", "disable, retire"),
            ("personal ios user", "retire", "disable, retire"),
            ("company ios user", "retire", "disable, retire"),
            (
                "company android fully_managed",
                "wait wipe²",
                "disable, wipe²",
            ),
            ("company android work_profile", "wipe²", "disable, wipe²"),
            ("personal android work_profile", "retire", "disable, retire"),
            ("personal ios app_only", "selectiveWipe", "selectiveWipe"),
            ("company android app_only", "selectiveWipe", "selectiveWipe"),
            (
                "company linux",
                "disable, NoRemoteAction",
                "disable, NoRemoteAction",
            ),
            (
                "personal linux",
                "disable, NoRemoteAction",
                "disable, NoRemoteAction",
            ),
            ("company windows shared", "removeUser", "removeUser"),
            ("company ios ade shared", "removeUser", "removeUser"),
            (
                "unknown ios",
                "selectiveWipe, OwnershipUnknown",
                "disable, selectiveWipe",
            ),
            ("company windows unmanaged", "disable", "disable"),
        ] {
            let device = device(what);
            assert_eq!(words(&device, false), leaver, "{what}");
            assert_eq!(words(&device, true), for_cause, "{what}, for cause");
        }
    }
}
