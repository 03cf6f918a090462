//! What becomes of the devices of somebody who left: a table, and the clocks behind it.
//!
//! The table is the policy's ([`super::device_table`]); here it becomes steps. Invariant: what was commanded of
//! a device stays open until the target says that it is done.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::career::Exit;
use super::desk::{Desk, after};
use super::device_table::{Cause, Measure, measures};
use super::draft::{DraftAction, Reason};
use crate::model::{Account, Device, FindingKind, Op, Ownership, Platform, Severity};
use crate::notice::strange_device;
use crate::state::{BlockCause, DeviceCase, Lifecycle};

impl Desk<'_> {
    /// Steps on devices: at the cut, when they come back, and as long as nobody proves that they
    /// are gone.
    pub(super) fn device_steps(
        &mut self,
        exit: &Exit,
        account: Option<&Account>,
    ) -> Vec<DraftAction> {
        if !self.cx.policy.leaver.devices {
            self.none_of_theirs(&BTreeMap::new());
            return Vec::new();
        }
        let now = self.cx.now;
        let holdings = account.and_then(|account| account.holdings.as_deref());
        let seen = holdings.map(|it| it.devices.clone()).unwrap_or_default();
        let due = exit.cut.due <= now;
        let told = self.person.devices_unread;
        if let Some(holdings) = holdings.filter(|_| due) {
            self.person.devices_unread = holdings.devices_unread;
        }
        if self.person.devices_unread && due {
            if !told {
                let note = "the tenant does not let us see what devices the person has; nothing is done to any";
                self.find(FindingKind::DevicesUnread, Severity::Warning, None, note);
            }
            self.wakes.push(now.saturating_add(UNREAD).unwrap_or(now));
        }
        // Cases are of an exit that came: one that is yet to come is looked at as if it were the first.
        let mut cases = if due {
            std::mem::take(&mut self.person.devices)
        } else {
            BTreeMap::new()
        };
        let read = holdings.is_some_and(|it| !it.devices_unread && due);
        if read {
            // Nothing was commanded of it, and it is not theirs any more.
            let theirs = |id: &String| seen.iter().any(|device| device.id == *id);
            let leaves = |op: &Op| touches(*op) && *op != Op::DeviceDisable;
            let begun = |case: &DeviceCase| !case.sent.is_empty() || case.done.iter().any(leaves);
            cases.retain(|id, case| case.device.records.is_none() || theirs(id) || begun(case));
        }
        for device in seen {
            let case = cases.entry(device.id.clone());
            let case = case.or_insert_with(|| DeviceCase::new(device.clone()));
            // Until it was told something it is what it is now.
            if case.sent.is_empty() {
                case.device = device;
            }
        }
        // Of an account that is gone nobody can be asked what devices it has.
        if read || (due && self.is_gone()) {
            self.none_of_theirs(&cases);
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

    /// What people named, and is no device of the person: said once.
    fn none_of_theirs(&mut self, cases: &BTreeMap<String, DeviceCase>) {
        let known = |id: &str| cases.values().any(|case| case.device.goes_by(id));
        let words = std::mem::take(&mut self.person.device_words);
        let (words, strange): (BTreeMap<_, _>, BTreeMap<_, _>) =
            words.into_iter().partition(|(id, _)| known(id));
        self.person.device_words = words;
        for id in strange.keys() {
            let finding = strange_device(&self.person, id);
            self.findings.push(finding);
        }
    }

    fn case_steps(&mut self, id: &str, case: &mut DeviceCase, exit: &Exit) -> Vec<DraftAction> {
        let cut = exit.cut.due;
        let rule = "leaver.devices";
        let device = case.device.clone();
        let step = |op, due| {
            let step = DraftAction::simple(op, due, exit.reason.clone(), rule)
                .with("device", id)
                .from(cut);
            aimed(step, &device)
        };
        let word = self.person.word_of(&device);
        let lost = word.is_some_and(|word| word.lost);
        let returned = word.filter(|word| !word.lost).map(|word| word.at);
        if exit.cut.cause == BlockCause::Deceased && !lost {
            let ours = case.device.owner == Ownership::Company;
            let open = ours && !case.done.contains(&Op::TaskManual);
            let task = open.then(|| step(Op::TaskManual, cut).with("task", "recover_device"));
            let mut steps: Vec<DraftAction> = task.into_iter().collect();
            self.clocks(&mut steps, &step, case, false);
            return steps;
        }
        let mut steps = Vec::new();
        let cause = if lost {
            Cause::Lost
        } else if exit.cut.cause == BlockCause::ForCause {
            Cause::ForCause
        } else {
            Cause::Leaver
        };
        let policy = self.cx.policy;
        let keep_esim = policy.devices.keep_esim;
        let column = measures(policy.device_rows(), &case.device, cause);
        let wipes = |it: &Measure| matches!(it, Measure::Wipe | Measure::WipeWhenReturned);
        let wiped = column.iter().any(wipes);
        for measure in column {
            let op = match measure {
                Measure::Disable => Op::DeviceDisable,
                Measure::Retire => Op::DeviceRetire,
                Measure::SelectiveWipe => Op::AppSelectiveWipe,
                Measure::RemoveUser => Op::DeviceRemoveUser,
                Measure::EscrowCheck => Op::DeviceEscrowCheck,
                Measure::Wipe | Measure::WipeWhenReturned if !policy.devices.wipe => {
                    if cut > self.cx.now {
                        continue;
                    }
                    self.say_of(
                        case,
                        FindingKind::WipeOff,
                        "is to be wiped, and the switch is off",
                    );
                    continue;
                }
                Measure::Wipe => {
                    steps.extend(wipe(&step, case, (cut, keep_esim)));
                    continue;
                }
                Measure::WipeWhenReturned => {
                    let wait = after(cut, policy.devices.return_wait_days);
                    let due = returned.map_or(wait, |at| at.min(wait));
                    steps.extend(wipe(&step, case, (due.max(cut), keep_esim)));
                    continue;
                }
                Measure::Tell => {
                    let (kind, why) = untouched(&case.device);
                    if let Some(last) = steps.last_mut() {
                        let said = format!("{kind:?}");
                        last.args.insert("report".to_owned(), said);
                    }
                    if cut <= self.cx.now {
                        self.say_of(case, kind, why);
                    }
                    continue;
                }
            };
            // There is nothing that it could be done to.
            let missing = case.device.record(op) == Some(None);
            if case.done.contains(&op) || missing {
                continue;
            }
            if op.commands() {
                let step = step(op, cut);
                let step = if op == Op::DeviceRetire && case.device.joined_pc() {
                    step.with(JOINED, "true")
                } else {
                    step
                };
                steps.extend(consented(step, case));
            } else {
                steps.push(step(op, cut));
            }
        }
        let now = self.cx.now;
        // What a hold or a doubt keeps back is not looked for.
        let kept = self.is_kept();
        let doubted = self.cuts_only;
        let goes = |step: &&DraftAction| {
            let waits = (kept && ends_for_good(step)) || (doubted && step.op.for_good());
            step.op.commands() && step.due <= now && !step.args.contains_key("ask") && !waits
        };
        if steps
            .iter()
            .filter(goes)
            .any(|step| step.op == Op::DeviceWipe)
        {
            // Whether it worked is looked at when it would be sent once more.
            let days = self.cx.policy.devices.reissue_days;
            self.wakes.push(after(now, days));
        }
        if steps.iter().any(|step| goes(&step)) && looks(case) {
            self.wakes.extend(next_look(now, now));
        }
        self.clocks(&mut steps, &step, case, wiped);
        steps
    }

    /// Whether there is no account that could be asked about.
    fn is_gone(&self) -> bool {
        self.person.lifecycle == Lifecycle::Deleted || self.person.object.is_none()
    }

    /// Whether what holds data stays for now.
    fn is_kept(&self) -> bool {
        let mut parked = self.person.parked.values();
        parked.any(|parked| parked.released.is_none())
    }

    /// Says something of a device, once.
    fn say_of(&mut self, case: &mut DeviceCase, kind: FindingKind, why: &str) {
        if !case.said.insert(kind) {
            return;
        }
        let note = format!("device {}: {why}", case.device.id);
        self.find(kind, Severity::Warning, None, note);
        self.argue("device", case.device.id.clone());
    }

    /// As long as nobody confirms what was commanded. `wipes`: it is still to be wiped.
    fn clocks(
        &mut self,
        steps: &mut Vec<DraftAction>,
        make: &dyn Fn(Op, Timestamp) -> DraftAction,
        case: &mut DeviceCase,
        wipes: bool,
    ) {
        let waits = case.consent.as_ref().is_some_and(|(_, given)| !given);
        if waits && looks(case) && !case.rejected {
            self.wakes
                .push(self.cx.now.saturating_add(CONSENT).unwrap_or(self.cx.now));
        }
        let Some((op, sent)) = case.open() else {
            return;
        };
        if looks(case) {
            self.wakes.extend(next_look(sent, self.cx.now));
        }
        let terms = &self.cx.policy.devices;
        let wiped = op == Op::DeviceWipe;
        if wiped && wipes && case.attempts == 1 && terms.wipe {
            let again = make(Op::DeviceWipe, after(sent, terms.reissue_days));
            steps.extend(consented(
                whole(again, terms.keep_esim).with("attempt", "2"),
                case,
            ));
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
            let due = after(sent, days);
            if due > self.cx.now {
                self.wakes.push(due);
                continue;
            }
            let what = if wiped { "a wipe" } else { op.name() };
            self.say_of(
                case,
                kind,
                &format!("{what} is not confirmed for {days} days"),
            );
        }
        if let Some(due) = record.filter(|_| wiped && wipes && !case.device.autopilot) {
            for op in [Op::DeviceEscrowCheck, Op::DeviceDeleteEntra] {
                let done = case.done.contains(&Op::DeviceDeleteEntra);
                let missing = case.device.record(op) == Some(None);
                let before = op == Op::DeviceEscrowCheck;
                let step = |step: DraftAction| {
                    if before {
                        step.with(BEFORE, Op::DeviceDeleteEntra.name())
                    } else {
                        step
                    }
                };
                steps.extend((!done && !missing).then(|| step(make(op, due))));
            }
        }
    }

    /// Whoever stays after all has to set up again what the cut took off. What people said about
    /// their devices was about an exit that is off.
    pub(super) fn set_up_again(&mut self) -> Vec<DraftAction> {
        let now = self.cx.now;
        self.person.forget_device_words();
        let cases = &mut self.person.devices;
        cases.retain(|_, case| case.done.iter().copied().any(touches));
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
        if !self.is_gone() {
            return Vec::new();
        }
        if self.person.devices.is_empty() {
            self.none_of_theirs(&BTreeMap::new());
            return Vec::new();
        }
        let steps = self.device_steps(exit, None);
        let (mut gone, mut steps): (Vec<_>, Vec<_>) = steps.into_iter().partition(ends_for_good);
        self.park(&mut gone);
        steps.extend(gone);
        steps
    }
}

/// Of a check: what it comes before, and waits with.
pub(super) const BEFORE: &str = "before";
/// Of a retire: the device is joined, so that its record in the directory, and what opens its disk, go too.
const JOINED: &str = "joined";

/// What is on a device goes with it, or what opens its disk: nothing of that under a legal hold.
pub(super) fn ends_for_good(step: &DraftAction) -> bool {
    matches!(step.op, Op::DeviceWipe | Op::DeviceDeleteEntra)
        || step.args.contains_key(BEFORE)
        || step.args.contains_key(JOINED)
}

/// Whether an operation changes something about a device.
const fn touches(op: Op) -> bool {
    !matches!(op, Op::DeviceEscrowCheck | Op::TaskManual)
}

/// The first wipe: asked of people, then of the target, and sent again where that wants consent of
/// its own.
fn wipe(
    step: &dyn Fn(Op, Timestamp) -> DraftAction,
    case: &DeviceCase,
    (due, keep_esim): (Timestamp, bool),
) -> Option<DraftAction> {
    let told = case.wiped().is_some() || case.done.contains(&Op::DeviceWipe);
    if told || case.device.record(Op::DeviceWipe) == Some(None) {
        return None;
    }
    let step = whole(step(Op::DeviceWipe, due), keep_esim);
    // The target's consent is no consent of ours.
    if case.agreed {
        consented(step, case)
    } else {
        (!case.rejected).then(|| step.with("ask", "wipe"))
    }
}

/// A command with the target's own consent, where it wanted one; nothing while that is not given.
fn consented(step: DraftAction, case: &DeviceCase) -> Option<DraftAction> {
    match &case.consent {
        _ if case.rejected => None,
        Some((_, false)) => None,
        Some((code, true)) => Some(step.with("approval_code", code)),
        None => Some(step),
    }
}

/// The step says which record it is about, and what planning took the device for.
fn aimed(step: DraftAction, device: &Device) -> DraftAction {
    match device.record(step.op) {
        Some(Some(record)) => step
            .with("record", record)
            .with("owner", device.owner.name())
            .with("platform", device.os.name()),
        Some(None) | None => step,
    }
}

/// Why nothing is done to a device, or no more than was.
fn untouched(device: &Device) -> (FindingKind, &'static str) {
    if device.others {
        let why = "is of several people, or of somebody else; nothing is done to it";
        (FindingKind::DeviceOfOthers, why)
    } else if device.os == Platform::Linux {
        (
            FindingKind::NoRemoteAction,
            "nothing can be done to it from afar",
        )
    } else {
        let why = "nobody knows whose it is; what is on it beside company data stays";
        (FindingKind::OwnershipUnknown, why)
    }
}

/// Whether the target can be asked how far a command has come.
fn looks(case: &DeviceCase) -> bool {
    case.device.records.is_some()
}

/// How long after it could not be seen what devices somebody has that is asked again.
const UNREAD: SignedDuration = SignedDuration::from_hours(2);

/// How often it is asked whether the tenant consented.
const CONSENT: SignedDuration = SignedDuration::from_mins(30);

/// When a command is looked at next: a device that is on hears of it in a quarter of an hour, and whoever is off
/// for days comes back any day, or any week.
fn next_look(sent: Timestamp, now: Timestamp) -> Option<Timestamp> {
    const FIRST: [i64; 7] = [5, 10, 20, 30, 60, 4 * 60, 12 * 60];
    let days = (1..=30).map(|day| day * 24 * 60);
    let weeks = (5..=520).map(|week| week * 7 * 24 * 60);
    let minutes = FIRST.into_iter().chain(days).chain(weeks);
    let mut instants =
        minutes.filter_map(|it| sent.checked_add(SignedDuration::from_mins(it)).ok());
    instants.find(|at| *at > now)
}

/// Everything on the device goes, but for the data plan of an eSIM where the policy keeps that.
fn whole(step: DraftAction, keep_esim: bool) -> DraftAction {
    step.with("keepEnrollmentData", "false")
        .with("keepUserData", "false")
        .with("persistEsimDataPlan", keep_esim.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::device_table::shipped;
    use super::*;
    use crate::model::{Enrolment, Join};

    fn device(words: &str) -> Device {
        let mut device = Device::pc("D");
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

    fn words(device: &Device, cause: Cause) -> String {
        let word = |measure: &Measure| match measure {
            Measure::Disable => "disable",
            Measure::Retire => "retire",
            Measure::SelectiveWipe => "selectiveWipe",
            Measure::RemoveUser => "removeUser",
            Measure::EscrowCheck => "escrowCheck",
            Measure::Wipe => "wipe²",
            Measure::WipeWhenReturned => "wait wipe²",
            Measure::Tell => "tell",
        };
        let all = measures(shipped(), device, cause);
        let all: Vec<&str> = all.iter().map(word).collect();
        all.join(", ")
    }

    /// The decision table of the lifecycle policy (2.4), column S. Lost mode is in no v1.0 interface, and a
    /// protected wipe neither.
    #[test]
    fn what_is_lost_is_what_the_policy_says() {
        for (what, lost) in [
            ("company windows autopilot", "disable, wipe²"),
            ("company windows", "disable, wipe²"),
            ("company windows hybrid", "disable, wipe²"),
            ("company windows registered unmanaged", "disable"),
            ("personal windows registered", "disable, retire"),
            ("personal windows app_only", "disable, selectiveWipe"),
            ("company macos ade", "disable, wipe²"),
            ("personal macos", "disable, retire"),
            ("company ios ade", "disable, wipe²"),
            ("personal ios", "retire"),
            ("personal ios user", "disable, retire"),
            ("company android fully_managed", "disable, wipe²"),
            ("company android work_profile", "disable, wipe²"),
            ("personal android work_profile", "disable, retire"),
            ("personal ios app_only", "selectiveWipe"),
            ("company linux", "disable, tell"),
            ("company windows shared", "disable, wipe²"),
            ("unknown ios", "disable, selectiveWipe"),
            ("company windows unmanaged", "disable"),
        ] {
            assert_eq!(words(&device(what), Cause::Lost), lost, "{what}");
        }
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
            ("company linux", "disable, tell", "disable, tell"),
            ("personal linux", "disable, tell", "disable, tell"),
            ("company windows shared", "removeUser", "removeUser"),
            ("company ios ade shared", "removeUser", "removeUser"),
            (
                "unknown ios",
                "selectiveWipe, tell",
                "disable, selectiveWipe",
            ),
            ("company windows unmanaged", "disable", "disable"),
        ] {
            let device = device(what);
            assert_eq!(words(&device, Cause::Leaver), leaver, "{what}");
            assert_eq!(
                words(&device, Cause::ForCause),
                for_cause,
                "{what}, for cause"
            );
        }
    }
}
