//! Where a worker stands on a day, by the fields that decide (`Worker_Status_Data`, the contract, the
//! transaction log).
//!
//! `Active` alone is never the answer: who begins later is inactive, who leaves later is active, and who
//! came back carries an old termination. Invariant: a date before the first day of this employment is
//! history and decides nothing.

use jiff::civil::Date;

/// What Workday says of a worker, as of a day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Status {
    pub(crate) active: Option<bool>,
    pub(crate) hire: Option<Date>,
    pub(crate) terminated: bool,
    pub(crate) terminated_on: Option<Date>,
    pub(crate) last_day: Option<Date>,
    pub(crate) end: Option<Date>,
    pub(crate) contract_end: Option<Date>,
    pub(crate) involuntary: Option<bool>,
    pub(crate) rescinded: bool,
    /// `None` where nothing of a leave is said.
    pub(crate) on_leave: Option<bool>,
    pub(crate) is_contingent: bool,
    pub(crate) events: Vec<Event>,
}

/// An entry of the transaction log that begins or ends an employment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) ends: bool,
    /// The day that it takes effect.
    pub(crate) effective: Date,
    /// The moment of entry, as text that sorts.
    pub(crate) entered: String,
    pub(crate) rescinded: bool,
}

/// What a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    PreHire,
    OnLeave,
    Terminated,
    Rescinded,
}

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::PreHire => "pre_hire",
            Self::OnLeave => "on_leave",
            Self::Terminated => "terminated",
            Self::Rescinded => "rescinded",
        }
    }
}

/// Business processes that begin an employment, by their ids, which are never translated.
const HIRES: [&str; 4] = [
    "Hire Employee",
    "Contract Contingent Worker",
    "Hire",
    "Convert Contingent Worker to Employee",
];

/// Whether a business process begins (`false`) or ends (`true`) an employment.
pub(crate) fn ends(kind: &str) -> Option<bool> {
    if HIRES.contains(&kind) {
        Some(false)
    } else if kind.starts_with("Terminate ") || kind == "End Contingent Worker Contract" {
        Some(true)
    } else {
        None
    }
}

/// The date, unless it is of an employment before the one that starts then.
fn of_this(date: Option<Date>, start: Option<Date>) -> Option<Date> {
    date.filter(|it| start.is_none_or(|start| *it >= start))
}

impl Status {
    /// The entry of a kind that counts: of those to come that stand, the one that was entered last.
    fn to_come(&self, ends: bool, from: Date) -> Option<Date> {
        let own = self.events.iter();
        let own = own.filter(|it| it.ends == ends && !it.rescinded && it.effective >= from);
        own.max_by(|one, two| one.entered.cmp(&two.entered))
            .map(|it| it.effective)
    }

    /// The first day, where it is still to come.
    pub(crate) fn begins_after(&self, today: Date) -> Option<Date> {
        if self.rescinded {
            return None;
        }
        let is_over = self.terminated && of_this(self.terminated_on, self.hire).is_some();
        if let Some(hire) = self.hire.filter(|it| *it > today && !is_over) {
            return Some(hire);
        }
        // Somebody who left and comes back: the status is still that of the first employment.
        if self.active == Some(true) {
            return None;
        }
        let tomorrow = today.tomorrow().ok()?;
        self.to_come(false, tomorrow)
    }

    /// First day of the employment that counts on a day.
    pub(crate) fn starts_on(&self, today: Date) -> Option<Date> {
        self.begins_after(today).or(self.hire)
    }

    /// Where the worker stands. `None` where the fields contradict each other, or do not say.
    pub(crate) fn state(&self, today: Date) -> Option<State> {
        if self.rescinded {
            return Some(State::Rescinded);
        }
        if self.begins_after(today).is_some() {
            return Some(State::PreHire);
        }
        match (self.active?, self.terminated) {
            (true, _) if self.on_leave == Some(true) => Some(State::OnLeave),
            (true, _) => Some(State::Active),
            (false, true) => Some(State::Terminated),
            // A contract ends without anybody entering it.
            (false, false) => {
                let over = [self.contract_end, self.end, self.terminated_on];
                let mut over = over.into_iter().filter_map(|it| of_this(it, self.hire));
                over.any(|it| it <= today).then_some(State::Terminated)
            }
        }
    }

    /// The day that ends this employment, past or planned.
    pub(crate) fn ends_on(&self, today: Date) -> Option<Date> {
        let state = self.state(today)?;
        let start = self.starts_on(today);
        let own = |it: Option<Date>| of_this(it, start);
        let (terminated, end) = (own(self.terminated_on), own(self.end));
        let (last, contract) = (own(self.last_day), own(self.contract_end));
        match state {
            State::Rescinded => None,
            State::Terminated => terminated.or(end).or(last).or(contract),
            State::Active | State::PreHire | State::OnLeave => {
                let planned = own(self.to_come(true, today));
                let all = [planned, terminated, end, last, contract];
                all.into_iter().flatten().min()
            }
        }
    }

    /// Whether the end of this employment was not the worker's wish, where there is an end.
    pub(crate) fn is_involuntary(&self, today: Date) -> Option<bool> {
        let start = self.starts_on(today);
        let ends = of_this(self.terminated_on, start).is_some()
            || of_this(self.last_day, start).is_some()
            || of_this(self.to_come(true, today), start).is_some();
        self.involuntary.filter(|_| ends)
    }

    /// Whether an employee is said to work although the employment is over: one of both is wrong.
    pub(crate) fn contradicts(&self, today: Date) -> bool {
        let is_past = |it: Option<Date>| of_this(it, self.hire).is_some_and(|it| it < today);
        self.active == Some(true) && !self.is_contingent && !self.terminated && is_past(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = jiff::civil::date(2026, 3, 16);

    #[allow(clippy::unnecessary_wraps, reason = "every field may be missing")]
    fn day(text: &str) -> Option<Date> {
        Some(text.parse().expect("a date"))
    }

    fn active(hire: &str) -> Status {
        Status {
            active: Some(true),
            hire: day(hire),
            ..Status::default()
        }
    }

    fn event(ends: bool, effective: &str, entered: &str, rescinded: bool) -> Event {
        Event {
            ends,
            effective: effective.parse().expect("a date"),
            entered: entered.to_owned(),
            rescinded,
        }
    }

    /// Status → state, first day, end, involuntary.
    #[test]
    fn the_table_of_situations() {
        use State::{Active, OnLeave, PreHire, Rescinded, Terminated};
        let gone = |hire: &str, on: &str| Status {
            active: Some(false),
            terminated: true,
            terminated_on: day(on),
            ..active(hire)
        };
        let table = [
            ("at work", active("2020-01-01"), Some(Active), None, None),
            (
                "begins today",
                active("2026-03-16"),
                Some(Active),
                None,
                None,
            ),
            (
                "begins tomorrow, as of today",
                Status {
                    active: Some(false),
                    ..active("2026-03-17")
                },
                Some(PreHire),
                None,
                None,
            ),
            (
                "begins tomorrow, as of then",
                active("2026-03-17"),
                Some(PreHire),
                None,
                None,
            ),
            (
                "begins later with a contract that ends",
                Status {
                    contract_end: day("2026-09-30"),
                    ..active("2026-04-01")
                },
                Some(PreHire),
                day("2026-09-30"),
                None,
            ),
            (
                "away",
                Status {
                    on_leave: Some(true),
                    ..active("2020-01-01")
                },
                Some(OnLeave),
                None,
                None,
            ),
            (
                "gone",
                Status {
                    involuntary: Some(true),
                    ..gone("2020-01-01", "2026-02-27")
                },
                Some(Terminated),
                day("2026-02-27"),
                Some(true),
            ),
            (
                "back: the old end is history",
                Status {
                    terminated_on: day("2019-08-30"),
                    last_day: day("2019-08-30"),
                    involuntary: Some(true),
                    ..active("2026-01-12")
                },
                Some(Active),
                None,
                None,
            ),
            (
                "gone, and comes back",
                Status {
                    events: vec![event(false, "2026-04-01", "2026-03-10", false)],
                    involuntary: Some(true),
                    ..gone("2020-01-01", "2026-02-27")
                },
                Some(PreHire),
                None,
                None,
            ),
            (
                "gone, and the return was taken back",
                Status {
                    events: vec![event(false, "2026-04-01", "2026-03-10", true)],
                    ..gone("2020-01-01", "2026-02-27")
                },
                Some(Terminated),
                day("2026-02-27"),
                None,
            ),
            (
                "leaves later: only the log tells",
                Status {
                    events: vec![event(true, "2026-03-31", "2026-03-12", false)],
                    ..active("2020-01-01")
                },
                Some(Active),
                day("2026-03-31"),
                None,
            ),
            (
                "leaves later than first entered",
                Status {
                    events: vec![
                        event(true, "2026-04-30", "2026-03-12", false),
                        event(true, "2026-03-31", "2026-03-10", false),
                    ],
                    ..active("2020-01-01")
                },
                Some(Active),
                day("2026-04-30"),
                None,
            ),
            (
                "an end that was taken back",
                Status {
                    events: vec![event(true, "2026-03-31", "2026-03-12", true)],
                    ..active("2020-01-01")
                },
                Some(Active),
                None,
                None,
            ),
            (
                "an entry of the past that the status does not confirm",
                Status {
                    events: vec![event(true, "2026-03-01", "2026-02-12", false)],
                    ..active("2020-01-01")
                },
                Some(Active),
                None,
                None,
            ),
            (
                "the last day is today",
                Status {
                    events: vec![event(true, "2026-03-16", "2026-03-02", false)],
                    end: day("2026-03-16"),
                    ..active("2020-01-01")
                },
                Some(Active),
                day("2026-03-16"),
                None,
            ),
            (
                "a contract that ran out, and nobody entered it",
                Status {
                    active: Some(false),
                    contract_end: day("2026-02-28"),
                    ..active("2025-01-01")
                },
                Some(Terminated),
                day("2026-02-28"),
                None,
            ),
            (
                "a contract that ran out, still called active",
                Status {
                    contract_end: day("2026-02-28"),
                    is_contingent: true,
                    ..active("2025-01-01")
                },
                Some(Active),
                day("2026-02-28"),
                None,
            ),
            (
                "rescinded",
                Status {
                    active: Some(false),
                    rescinded: true,
                    ..Status::default()
                },
                Some(Rescinded),
                None,
                None,
            ),
            (
                "inactive, and nothing says why",
                Status {
                    active: Some(false),
                    ..active("2020-01-01")
                },
                None,
                None,
                None,
            ),
            ("nothing said", Status::default(), None, None, None),
        ];
        for (what, status, state, ends, involuntary) in table {
            assert_eq!(status.state(TODAY), state, "{what}");
            assert_eq!(status.ends_on(TODAY), ends, "{what}");
            assert_eq!(status.is_involuntary(TODAY), involuntary, "{what}");
        }
    }

    #[test]
    fn an_employee_who_works_after_the_end_is_in_doubt() {
        let odd = Status {
            end: day("2026-03-15"),
            ..active("2020-01-01")
        };
        assert!(odd.contradicts(TODAY));
        let fine = Status {
            end: day("2026-03-16"),
            ..active("2020-01-01")
        };
        assert!(!fine.contradicts(TODAY));
    }
}
