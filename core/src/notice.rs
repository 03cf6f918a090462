//! Notices: what people with authority say of one person beside HR's data.
//!
//! A dismissal that cannot wait for HR's next file, a hold, the end of one. A notice changes what is
//! known of the person; what follows from that the same engine decides as from HR's data.
//! Invariant: HR's next file, which may not know of it yet, does not take a dismissal back.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Finding, FindingKind, Place, Severity, WorkerId};
use crate::policy::Policy;
use crate::state::{DeviceWord, Dismissed, Parked, Parking, Person};

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Dismissed for cause: cut off at once, whatever the dates say.
    Dismiss,
    /// Data may be evidence: what holds data stays.
    LegalHold,
    /// The dismissal was wrong, or is over.
    LiftDismissal,
    /// The legal hold is over.
    LiftLegalHold,
    /// The account of somebody who died was looked at.
    LiftDeceasedReview,
    /// What an undo took back may be done again.
    LiftUndone,
    /// A device of theirs is lost or stolen.
    DeviceLost,
    /// A device of theirs is back in the company.
    DeviceReturned,
}

impl NoticeKind {
    /// Every kind that ends something.
    pub const LIFTS: [Self; 4] = [
        Self::LiftUndone,
        Self::LiftLegalHold,
        Self::LiftDeceasedReview,
        Self::LiftDismissal,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dismiss => "dismiss",
            Self::LegalHold => "legal_hold",
            Self::LiftDismissal => "lift_dismissal",
            Self::LiftLegalHold => "lift_legal_hold",
            Self::LiftDeceasedReview => "lift_deceased_review",
            Self::LiftUndone => "lift_undone",
            Self::DeviceLost => "device_lost",
            Self::DeviceReturned => "device_returned",
        }
    }

    /// It is about one device of the worker.
    pub const fn of_device(self) -> bool {
        matches!(self, Self::DeviceLost | Self::DeviceReturned)
    }

    /// How many different people have to say it, the last within 24 hours of the first.
    pub const fn people(self, policy: &Policy) -> u8 {
        let approvals = &policy.approvals;
        match self {
            // Who cuts off or keeps needs nobody beside them: it can be lifted. A wipe is asked of
            // people anyway.
            Self::Dismiss | Self::LegalHold | Self::DeviceLost | Self::DeviceReturned => 1,
            Self::LiftDismissal => approvals.dismissal,
            Self::LiftLegalHold => approvals.legal_hold,
            Self::LiftDeceasedReview => approvals.deceased_review,
            Self::LiftUndone => approvals.undo,
        }
    }
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// What.
    pub kind: NoticeKind,
    /// Of whom, by the key that HR gives them.
    pub worker: WorkerId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// Which device, where it is about one: its id in the directory, or in device management.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device: Option<String>,
}

impl Notice {
    /// Whether it names a device exactly where it is about one.
    pub fn is_whole(&self) -> bool {
        let named = self.device.as_ref().map(|it| !it.trim().is_empty());
        named == self.kind.of_device().then_some(true)
    }
}

/// Takes a notice in, at an instant: what is said of a time to come holds now. Gives a finding where
/// it says nothing new.
pub fn heed(person: &mut Person, notice: &Notice, now: Timestamp) -> Option<Finding> {
    let at = notice.at.min(now);
    let device = notice.device.as_deref().unwrap_or_default();
    let new = match notice.kind {
        NoticeKind::DeviceLost => became(person, device, DeviceWord { lost: true, at }),
        NoticeKind::DeviceReturned => became(person, device, DeviceWord { lost: false, at }),
        NoticeKind::Dismiss => dismiss(person, at),
        NoticeKind::LegalHold => hold(person, at),
        NoticeKind::LiftDismissal => person.dismissed.take().is_some(),
        NoticeKind::LiftLegalHold => lift(person, Parking::LegalHold, at),
        NoticeKind::LiftDeceasedReview => lift(person, Parking::DeceasedReview, at),
        NoticeKind::LiftUndone => person.undone.take().is_some(),
    };
    if new {
        // Whatever a guard kept back before is decided anew.
        person.held = false;
        return None;
    }
    let note = format!(
        "the notice `{}` says nothing new of this worker; nothing follows from it",
        notice.kind.name()
    );
    let finding = Finding::new(
        FindingKind::NoticeIdle,
        Severity::Warning,
        Place::default(),
        note,
    );
    Some(finding.of(&person.worker))
}

/// Of somebody whom nobody knows.
pub fn unknown(notice: &Notice) -> Finding {
    let note = format!(
        "the notice `{}` names a worker whom Rollcall does not know; nothing is done. Write it anew \
         with the key that HR gives the worker",
        notice.kind.name()
    );
    let finding = Finding::new(
        FindingKind::NoticeUnknown,
        Severity::Held,
        Place::default(),
        note,
    );
    finding.of(&notice.worker)
}

/// A notice about somebody whom its worker id does not name alone.
pub fn of_several(notice: &Notice, persons: usize) -> Finding {
    let note = format!(
        "the worker id of the notice `{}` is that of {persons} persons; nothing is done. Write it anew \
         with another worker id of the person who is meant",
        notice.kind.name()
    );
    let finding = Finding::new(
        FindingKind::NoticeUnknown,
        Severity::Held,
        Place::default(),
        note,
    );
    finding.of(&notice.worker)
}

fn dismiss(person: &mut Person, at: Timestamp) -> bool {
    // HR may be right about the rest; nobody stays inside for it.
    person.undone = None;
    let known = person.wanted.iter().chain(&person.others);
    let workers = known.map(|it| it.worker.clone());
    let mut meant: BTreeSet<WorkerId> = workers.chain([person.worker.clone()]).collect();
    if let Some(before) = &person.dismissed {
        if meant.is_subset(&before.workers) {
            return false;
        }
        // Hired again since: that is over, too.
        meant.extend(before.workers.iter().cloned());
    }
    person.dismissed = Some(Dismissed { at, workers: meant });
    true
}

fn hold(person: &mut Person, at: Timestamp) -> bool {
    let known = person.parked.get(&Parking::LegalHold);
    if known.is_some_and(|it| it.released.is_none()) {
        return false;
    }
    let parked = Parked {
        since: at,
        told: false,
        released: None,
    };
    person.parked.insert(Parking::LegalHold, parked);
    true
}

/// A device is named that none of theirs is.
pub(crate) fn strange_device(person: &Person, device: &str) -> Finding {
    let note = "a device is named that is none of the worker's, as far as the tenant shows them; nothing is \
                done to it. Write it anew with the device id that the directory or device management gives it";
    let place = Place::default();
    let mut finding = Finding::new(FindingKind::DeviceUnknown, Severity::Warning, place, note);
    finding.argue("device", device);
    finding.of(&person.worker)
}

/// The last word about a device counts.
fn became(person: &mut Person, device: &str, word: DeviceWord) -> bool {
    let known = person
        .devices
        .values()
        .find(|case| case.device.goes_by(device));
    let before = match known {
        Some(case) => person.word_of(&case.device),
        None => person.device_words.get(device).copied(),
    };
    let new = before.is_none_or(|before| before.lost != word.lost);
    if new {
        person.device_words.insert(device.to_owned(), word);
        // Who agreed to a wipe did so for what was said then.
        let cases = person.devices.values_mut();
        for case in cases.filter(|case| case.device.goes_by(device) && case.wiped().is_none()) {
            if std::mem::take(&mut case.agreed) {
                case.consent = None;
            }
            case.rejected = false;
        }
    }
    new
}

fn lift(person: &mut Person, parking: Parking, at: Timestamp) -> bool {
    let parked = person.parked.get_mut(&parking);
    let Some(parked) = parked.filter(|it| it.released.is_none()) else {
        return false;
    };
    parked.released = Some(at);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Device, DeviceRecords, SourceName};
    use crate::state::{DeviceCase, Undone};

    fn notice(kind: NoticeKind, at: &str) -> Notice {
        Notice {
            kind,
            worker: WorkerId::new("7"),
            at: at.parse().unwrap(),
            reason: "asked for".to_owned(),
            device: kind.of_device().then(|| "D1".to_owned()),
        }
    }

    const MONDAY: &str = "2027-03-15T10:00:00Z";
    const TUESDAY: &str = "2027-03-16T10:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn somebody() -> Person {
        Person::new(SourceName::new("hr"), WorkerId::new("7"))
    }

    #[test]
    fn a_second_dismissal_does_not_move_the_first() {
        let mut person = somebody();
        assert!(
            heed(
                &mut person,
                &notice(NoticeKind::Dismiss, MONDAY),
                at(TUESDAY)
            )
            .is_none()
        );
        let again = heed(
            &mut person,
            &notice(NoticeKind::Dismiss, TUESDAY),
            at(TUESDAY),
        )
        .unwrap();
        assert_eq!(again.kind, FindingKind::NoticeIdle);
        assert_eq!(person.dismissed.as_ref().unwrap().at, at(MONDAY));
        assert!(
            heed(
                &mut person,
                &notice(NoticeKind::LiftDismissal, TUESDAY),
                at(TUESDAY)
            )
            .is_none()
        );
        assert!(person.dismissed.is_none());
    }

    /// Hired again by another key, and dismissed again; a word from the year 9999 counts now.
    #[test]
    fn another_employment_is_dismissed_too() {
        let mut person = somebody();
        let word = notice(NoticeKind::Dismiss, "9999-01-01T00:00:00Z");
        assert!(heed(&mut person, &word, at(MONDAY)).is_none());
        assert_eq!(person.dismissed.as_ref().unwrap().at, at(MONDAY));
        person.worker = WorkerId::new("8");
        assert!(
            heed(
                &mut person,
                &notice(NoticeKind::Dismiss, TUESDAY),
                at(TUESDAY)
            )
            .is_none()
        );
        let dismissed = person.dismissed.unwrap();
        assert_eq!(dismissed.at, at(TUESDAY));
        assert_eq!(dismissed.workers.len(), 2);
    }

    #[test]
    fn a_legal_hold_begins_again_after_it_was_lifted() {
        let mut person = somebody();
        let idle = heed(
            &mut person,
            &notice(NoticeKind::LiftLegalHold, MONDAY),
            at(TUESDAY),
        );
        assert!(idle.is_some(), "there is none");
        for kind in [
            NoticeKind::LegalHold,
            NoticeKind::LiftLegalHold,
            NoticeKind::LegalHold,
        ] {
            assert!(
                heed(&mut person, &notice(kind, MONDAY), at(TUESDAY)).is_none(),
                "{kind:?}"
            );
        }
        assert!(person.parked[&Parking::LegalHold].released.is_none());
    }

    /// The last word counts, by whatever id of the device it was said.
    #[test]
    fn a_device_is_lost_until_it_is_back() {
        let mut person = somebody();
        let lost = notice(NoticeKind::DeviceLost, MONDAY);
        let back = Notice {
            device: Some("OTHER".to_owned()),
            ..notice(NoticeKind::DeviceReturned, TUESDAY)
        };
        let now = at(TUESDAY);
        assert!(heed(&mut person, &lost, now).is_none(), "before the cut");
        let again = heed(&mut person, &lost, now).unwrap();
        assert_eq!(again.kind, FindingKind::NoticeIdle);
        assert!(
            heed(&mut person, &back, now).is_none(),
            "nobody knows that it is the same"
        );
        let device = Device {
            records: Some(DeviceRecords {
                managed: Some("d1".to_owned()),
                ..DeviceRecords::default()
            }),
            ..Device::pc("other")
        };
        let case = DeviceCase::new(device.clone());
        person.devices.insert("other".to_owned(), case);
        let word = person.word_of(&device).unwrap();
        assert_eq!(
            word,
            DeviceWord {
                lost: false,
                at: now
            }
        );
        assert!(
            heed(&mut person, &back, now).is_some(),
            "it is back already"
        );
        let wednesday = notice(NoticeKind::DeviceLost, "2027-03-17T10:00:00Z");
        assert!(heed(&mut person, &wednesday, wednesday.at).is_none());
        assert!(person.word_of(&device).unwrap().lost);
        person.forget_device_words();
        assert_eq!(person.word_of(&device), None);
        assert!(person.device_words.is_empty());
    }

    #[test]
    fn a_word_names_a_device_where_it_is_about_one() {
        for (kind, device, whole) in [
            (NoticeKind::DeviceLost, Some("D1"), true),
            (NoticeKind::DeviceLost, Some(" "), false),
            (NoticeKind::DeviceReturned, None, false),
            (NoticeKind::Dismiss, None, true),
            (NoticeKind::Dismiss, Some("D1"), false),
        ] {
            let word = Notice {
                device: device.map(str::to_owned),
                ..notice(kind, MONDAY)
            };
            assert_eq!(word.is_whole(), whole, "{word:?}");
        }
    }

    #[test]
    fn a_dismissal_ends_the_hold_of_an_undo() {
        let mut person = somebody();
        person.undone = Some(Undone {
            run: crate::model::RunId::new("r"),
            at: MONDAY.parse().unwrap(),
            seen: None,
            absent: false,
            source: None,
        });
        heed(
            &mut person,
            &notice(NoticeKind::Dismiss, TUESDAY),
            at(TUESDAY),
        );
        assert!(person.undone.is_none());
    }

    /// Who agreed to a wipe agreed to what was said then; what the tenant took goes on.
    #[test]
    fn a_new_word_about_a_device_asks_anew() {
        let case = |sent: bool| {
            let mut case = DeviceCase::new(Device {
                records: Some(DeviceRecords::default()),
                ..Device::pc("D1")
            });
            case.agreed = true;
            case.consent = Some(("C-1".to_owned(), true));
            if sent {
                case.sent.insert(crate::model::Op::DeviceWipe, at(MONDAY));
            }
            case
        };
        for sent in [false, true] {
            let mut person = somebody();
            person.devices.insert("D1".to_owned(), case(sent));
            let lost = notice(NoticeKind::DeviceLost, MONDAY);
            assert_eq!(heed(&mut person, &lost, at(TUESDAY)), None);
            let now = &person.devices["D1"];
            assert_eq!((now.agreed, now.consent.is_some()), (sent, sent));
            // The same once more is no news.
            person.devices.insert("D1".to_owned(), case(false));
            assert!(heed(&mut person, &lost, at(TUESDAY)).is_some());
            assert!(person.devices["D1"].agreed);
        }
    }
}
