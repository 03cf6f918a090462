//! What HR says of a person at an instant, without looking at any account.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::policy::{Policy, StatusClass, day_start};
use crate::state::Identity;

/// What HR says of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// In force.
    InForce,
    /// The first day is yet to come.
    Ahead {
        /// Its first instant at the worker's place.
        from: Timestamp,
    },
    /// Over.
    Over {
        /// The first instant after the last day; `None` where HR says no day.
        due: Option<Timestamp>,
    },
    /// The newest full file does not list them.
    Gone,
    /// The row is not believed.
    Doubtful,
    /// The status is in no list of the policy.
    Unclear,
    /// The mapping is not for the worker.
    OutOfScope,
}

impl Word {
    /// The status as section 4.4 of the policy calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InForce => "active",
            Self::Ahead { .. } => "pre_hire",
            Self::Over { .. } => "terminated",
            Self::Gone => "absent",
            Self::Doubtful => "in_doubt",
            Self::Unclear => "unknown",
            Self::OutOfScope => "out_of_scope",
        }
    }

    /// How much it says of somebody with several employments: whatever keeps them inside first.
    const fn weight(self) -> u8 {
        match self {
            Self::InForce => 0,
            Self::Doubtful => 1,
            Self::Unclear => 2,
            Self::Ahead { .. } => 3,
            Self::OutOfScope => 4,
            Self::Over { .. } => 5,
            Self::Gone => 6,
        }
    }
}

/// What the employments of a person say together at an instant; of none, [`Word::Gone`].
pub fn word<'a>(
    jobs: impl IntoIterator<Item = &'a Identity>,
    policy: &Policy,
    now: Timestamp,
) -> Word {
    let all = jobs.into_iter().map(|job| of_job(job, policy, now));
    all.reduce(|one, other| match (one, other) {
        (Word::Over { due: one }, Word::Over { due: other }) => Word::Over {
            due: one.max(other),
        },
        (Word::Ahead { from: one }, Word::Ahead { from: other }) => Word::Ahead {
            from: one.min(other),
        },
        _ if one.weight() <= other.weight() => one,
        _ => other,
    })
    .unwrap_or(Word::Gone)
}

fn of_job(job: &Identity, policy: &Policy, now: Timestamp) -> Word {
    let class = policy.class(&job.status);
    let zone = || {
        let name = job.zone.as_ref().or(policy.default_zone.as_ref());
        let zone = name.and_then(|name| jiff::tz::db().get(name).ok());
        zone.unwrap_or(TimeZone::UTC)
    };
    let end = job
        .last()
        .map(|last| day_start(last.saturating_add(1.day()), &zone()));
    match class {
        _ if job.terms.unread => Word::Doubtful,
        StatusClass::Unknown => Word::Unclear,
        StatusClass::NoShow | StatusClass::Deceased | StatusClass::Rescinded => {
            Word::Over { due: None }
        }
        _ if job.terms.for_cause => Word::Over { due: None },
        StatusClass::Inactive if end.is_none() => Word::Over { due: None },
        StatusClass::Active | StatusClass::Inactive => {
            let begins = job.hire.map(|hire| day_start(hire, &zone()));
            match (begins, end) {
                (_, Some(due)) if due <= now => Word::Over { due: Some(due) },
                _ if job.out_of_scope => Word::OutOfScope,
                (Some(from), _) if from > now => Word::Ahead { from },
                _ => Word::InForce,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, WorkerId};

    fn policy() -> Policy {
        let text = "format_version = 1\ndefault_zone = \"Europe/Berlin\"\n[status]\n\
                    active = [\"A\"]\ninactive = [\"I\"]\nno_show = [\"N\"]\n";
        Policy::parse(text, "policy.toml").unwrap()
    }

    fn job(status: &str, hire: Option<&str>, last: Option<&str>) -> Identity {
        let day = |text: &str| text.parse().unwrap();
        Identity {
            worker: WorkerId::new("7"),
            source: None,
            status: status.to_owned(),
            manager: None,
            hire: hire.map(day),
            last_day: last.map(day),
            terms: Box::default(),
            zone: None,
            facts: Attributes::new(),
            always: Attributes::new(),
            on_create: Attributes::new(),
            out_of_scope: false,
            other_names: Vec::new(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Employments → what HR says, in the middle of 16 March in Berlin.
    #[test]
    fn dates_and_status_say_where_somebody_stands() {
        let over = |due: &str| Word::Over { due: Some(at(due)) };
        let ahead = Word::Ahead {
            from: at("2026-03-16T23:00:00Z"),
        };
        let active = job("A", Some("2020-01-06"), None);
        let ended = job("A", Some("2020-01-06"), Some("2026-03-15"));
        let table = [
            (vec![active.clone()], Word::InForce),
            (vec![job("A", Some("2026-03-17"), None)], ahead),
            (vec![ended.clone()], over("2026-03-15T23:00:00Z")),
            (vec![job("A", None, Some("2026-03-16"))], Word::InForce),
            (vec![job("I", None, Some("2026-03-16"))], Word::InForce),
            (vec![job("I", None, None)], Word::Over { due: None }),
            (vec![job("N", None, None)], Word::Over { due: None }),
            (vec![job("?", None, None)], Word::Unclear),
            (vec![ended.clone(), active], Word::InForce),
            (
                vec![ended, job("I", None, Some("2026-03-10"))],
                over("2026-03-15T23:00:00Z"),
            ),
            (Vec::new(), Word::Gone),
        ];
        for (jobs, expected) in table {
            let found = word(&jobs, &policy(), at("2026-03-16T12:00:00Z"));
            assert_eq!(found, expected, "{jobs:?}");
        }
    }
}
