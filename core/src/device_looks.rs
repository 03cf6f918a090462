//! Asking how far commands to devices have come, and taking the answers in.
//!
//! Core asks, the shell answers, core decides: what is asked follows from the state alone. Invariant: a device
//! counts as done by the target's own word only, and what is not known stays open.

use jiff::{SignedDuration, Timestamp};

use crate::model::{DeviceLook, DeviceQuestion, Finding, FindingKind, Op, Place, Severity};
use crate::state::{DeviceCase, Person};

/// How long after a command that nobody heard an answer to the target's word counts that it knows of none.
const SURE: SignedDuration = SignedDuration::from_hours(1);

/// What has to be asked about the devices of a person, device by device.
pub fn questions(person: &Person) -> Vec<DeviceQuestion> {
    let cases = person.devices.iter();
    let asks = cases.filter_map(|(id, case)| question(id, case));
    asks.collect()
}

fn question(id: &str, case: &DeviceCase) -> Option<DeviceQuestion> {
    let ask = |op: Op| {
        let record = case.device.record(op)??;
        Some(DeviceQuestion {
            device: id.to_owned(),
            op,
            record: record.to_owned(),
            taken: None,
            heard: case.heard,
            consent: None,
        })
    };
    let waits = case.consent.as_ref().filter(|(_, given)| !given);
    if let Some((code, _)) = waits.filter(|_| !case.rejected && !case.confirmed) {
        let ops = [Op::DeviceWipe, Op::DeviceRetire, Op::AppSelectiveWipe];
        return ops
            .into_iter()
            .find_map(ask)
            .map(|question| DeviceQuestion {
                consent: Some(code.clone()),
                ..question
            });
    }
    let (op, taken) = case.open()?;
    ask(op).map(|question| DeviceQuestion {
        taken: Some(taken),
        ..question
    })
}

/// Takes the answers in, in the order of the questions; `None` where the target does not let us look.
pub fn heed(
    person: &mut Person,
    questions: &[DeviceQuestion],
    looks: &[Option<DeviceLook>],
    now: Timestamp,
) -> Vec<Finding> {
    let mut out = Vec::new();
    let worker = person.worker.clone();
    for (question, look) in questions.iter().zip(looks) {
        let (Some(look), Some(case)) = (look, person.devices.get_mut(&question.device)) else {
            continue;
        };
        let found = match look {
            DeviceLook::Asked => None,
            DeviceLook::Idle => {
                let sure = question
                    .taken
                    .is_some_and(|taken| now.duration_since(taken) >= SURE);
                if sure && !case.pending {
                    // Nobody heard an answer, and the target knows of no such command: it was not taken.
                    case.sent.remove(&question.op);
                    case.done.remove(&question.op);
                    case.attempts = 0;
                }
                None
            }
            DeviceLook::Pending => {
                case.pending = true;
                None
            }
            DeviceLook::Heard => {
                (case.pending, case.heard) = (true, true);
                None
            }
            DeviceLook::Done => {
                case.confirmed = true;
                None
            }
            DeviceLook::Agreed => {
                if let Some((_, given)) = &mut case.consent {
                    *given = true;
                }
                None
            }
            DeviceLook::Refused => {
                case.rejected = true;
                let why = if case.sent.is_empty() {
                    "an administrator of the tenant refused, or nobody answered in three days; nothing more \
                     is done to it"
                } else {
                    "an administrator of the tenant refused, or nobody answered in three days: it is not told \
                     again, and is looked at for what it was told before"
                };
                Some((FindingKind::WipeRejected, why))
            }
            DeviceLook::Failed => Some((
                FindingKind::DeviceFailed,
                "it could not do what it was told",
            )),
            DeviceLook::Gone => {
                let why = "its record is gone, and nothing proves that it did what it was told";
                Some((FindingKind::DeviceGoneUnconfirmed, why))
            }
        };
        if let Some((kind, why)) = found.filter(|(kind, _)| case.said.insert(*kind)) {
            let note = format!("device {}, {}: {why}", question.device, question.op);
            let mut finding = Finding::new(kind, Severity::Warning, Place::default(), note);
            finding.argue("device", question.device.clone());
            finding.argue("since", question.taken.unwrap_or(now).to_string());
            out.push(finding.of(&worker));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Device, DeviceRecords, SourceName, WorkerId};

    const SENT: &str = "2027-04-05T08:00:00Z";
    const NOW: &str = "2027-04-05T09:00:00Z";

    fn person(change: impl FnOnce(&mut DeviceCase)) -> Person {
        let mut person = Person::new(SourceName::new("hr"), WorkerId::new("7"));
        let mut case = DeviceCase::new(Device {
            records: Some(DeviceRecords {
                managed: Some("m".to_owned()),
                directory: Some("d".to_owned()),
                applications: None,
            }),
            ..Device::pc("d")
        });
        change(&mut case);
        person.devices.insert("d".to_owned(), case);
        person
    }

    fn sent(case: &mut DeviceCase) {
        case.sent.insert(Op::DeviceWipe, SENT.parse().unwrap());
    }

    /// State of a device → what is asked of it.
    #[test]
    fn only_what_is_open_is_asked() {
        let asked = |person: &Person| {
            let all = questions(person);
            all.first()
                .map(|it| (it.op, it.taken.is_some(), it.consent.is_some()))
        };
        assert_eq!(asked(&person(|_| {})), None, "nothing was commanded");
        assert_eq!(asked(&person(sent)), Some((Op::DeviceWipe, true, false)));
        let confirmed = person(|case| {
            sent(case);
            case.confirmed = true;
        });
        assert_eq!(asked(&confirmed), None);
        let waits = |given: bool| person(move |case| case.consent = Some(("c".to_owned(), given)));
        assert_eq!(asked(&waits(false)), Some((Op::DeviceWipe, false, true)));
        assert_eq!(asked(&waits(true)), None, "it was given: the wipe goes now");
        let plain = person(|case| {
            sent(case);
            case.device.records = None;
        });
        assert_eq!(asked(&plain), None, "nobody said where it is kept");
    }

    /// What the target says → what becomes of the case, and how often it is told.
    #[test]
    fn answers_close_and_open() {
        let now = NOW.parse().unwrap();
        let hear = |person: &mut Person, look: DeviceLook| {
            let asked = questions(person);
            let found = heed(person, &asked, &vec![Some(look); asked.len()], now);
            found.into_iter().map(|it| it.kind).collect::<Vec<_>>()
        };
        let mut it = person(sent);
        assert_eq!(hear(&mut it, DeviceLook::Pending), []);
        assert!(it.devices["d"].pending && !it.devices["d"].confirmed);
        assert_eq!(
            hear(&mut it, DeviceLook::Gone),
            [FindingKind::DeviceGoneUnconfirmed]
        );
        assert_eq!(hear(&mut it, DeviceLook::Gone), [], "told once");
        assert!(
            !it.devices["d"].confirmed,
            "a record that is gone proves nothing"
        );
        assert_eq!(
            hear(&mut it, DeviceLook::Failed),
            [FindingKind::DeviceFailed]
        );
        assert_eq!(hear(&mut it, DeviceLook::Done), []);
        assert!(it.devices["d"].confirmed && questions(&it).is_empty());

        let mut waits = person(|case| case.consent = Some(("c".to_owned(), false)));
        assert_eq!(hear(&mut waits, DeviceLook::Asked), []);
        assert_eq!(
            hear(&mut waits, DeviceLook::Refused),
            [FindingKind::WipeRejected]
        );
        assert!(waits.devices["d"].rejected && questions(&waits).is_empty());

        // Nobody heard an answer: an hour later the target's word counts that it knows of no such command.
        let mut lost = person(sent);
        let soon = heed(
            &mut lost,
            &questions(&person(sent)),
            &[Some(DeviceLook::Idle)],
            SENT.parse().unwrap(),
        );
        assert!(soon.is_empty() && lost.devices["d"].wiped().is_some());
        assert_eq!(hear(&mut lost, DeviceLook::Idle), []);
        assert!(lost.devices["d"].wiped().is_none() && questions(&lost).is_empty());
        // One that it took is not forgotten.
        let mut taken = person(|case| {
            sent(case);
            case.pending = true;
        });
        assert_eq!(hear(&mut taken, DeviceLook::Idle), []);
        assert!(taken.devices["d"].wiped().is_some());

        // Not for us to see: nothing is made of it.
        let mut unread = person(sent);
        let asked = questions(&unread);
        assert!(heed(&mut unread, &asked, &[None], now).is_empty());
        assert_eq!(unread, person(sent));
    }
}
