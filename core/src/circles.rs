//! Managers who report to each other in a circle: A to B, B to C, C to A.
//!
//! A directory takes such a circle without a word, and every approval that climbs the line of
//! managers goes round in it for ever. Planning asks about whoever it would write a manager of, and
//! climbs only from there. Invariant: each person is asked about once, however many report to
//! them, and whoever only reports into a circle is not in it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::state::Identity;

/// Who reports to whom, as far as anybody climbed, and who of them is in a circle.
///
/// People are [`crate::state::key_prefix`]es. Held for each manager on the way, not for everybody:
/// some 30 bytes.
#[derive(Debug, Clone, Default)]
pub struct Circles {
    managers: BTreeMap<u64, Option<u64>>,
    inside: BTreeSet<u64>,
}

impl Circles {
    /// Whether somebody is in a circle who reports to `manager`. `manager_of` says whom the newest
    /// data name for somebody else, `None` where that is nobody whom anybody knows.
    ///
    /// # Errors
    /// Those of `manager_of`.
    pub fn has<E>(
        &mut self,
        person: u64,
        manager: u64,
        mut manager_of: impl FnMut(u64) -> Result<Option<u64>, E>,
    ) -> Result<bool, E> {
        if person == manager {
            return Ok(true);
        }
        let mut path = Vec::new();
        let mut next = Some(manager);
        while let Some(at) = next.filter(|at| !self.managers.contains_key(at)) {
            next = manager_of(at)?;
            self.managers.insert(at, next);
            path.push(at);
        }
        // Where a climb comes back to its own path, what lies between is a circle; where it comes
        // to somebody known, all above them was looked at before.
        if let Some(from) = next.and_then(|next| path.iter().position(|at| *at == next)) {
            self.inside.extend(&path[from..]);
        }
        Ok(self.inside.contains(&person))
    }
}

/// Who is below a manager, near or far.
#[derive(Debug, Clone)]
pub struct Below {
    top: u64,
    known: BTreeMap<u64, bool>,
}

impl Below {
    /// Below this one; nobody was asked about yet.
    pub const fn new(top: u64) -> Self {
        Self {
            top,
            known: BTreeMap::new(),
        }
    }

    /// Whether somebody is the manager at the top or below them. Each person is asked about once.
    ///
    /// # Errors
    /// Those of `manager_of`; see [`Circles::has`].
    pub fn has<E>(
        &mut self,
        person: u64,
        mut manager_of: impl FnMut(u64) -> Result<Option<u64>, E>,
    ) -> Result<bool, E> {
        let mut path = Vec::new();
        let mut next = Some(person);
        let inside = loop {
            let Some(at) = next else {
                break false;
            };
            if at == self.top {
                break true;
            }
            if let Some(known) = self.known.get(&at) {
                break *known;
            }
            // A circle that does not go through the top ends here when it closes.
            self.known.insert(at, false);
            path.push(at);
            next = manager_of(at)?;
        };
        if inside {
            self.known.extend(path.into_iter().map(|at| (at, true)));
        }
        Ok(inside)
    }
}

/// The employment whose manager counts today, of those that a person's rows say: the main one
/// before others, and the newest of several; where none is in force, the one that began last.
pub fn main_employment(rows: &[Identity], today: Date) -> Option<&Identity> {
    let begun = |row: &&Identity| row.hire.is_none_or(|hire| hire <= today);
    let over = |row: &Identity| {
        let last = row.last();
        last.is_some_and(|last| last < today)
    };
    let in_force = rows.iter().filter(begun).filter(|row| !over(row));
    let main = in_force.min_by_key(|row| (row.terms.secondary, std::cmp::Reverse(row.hire)));
    main.or_else(|| rows.iter().max_by_key(|row| row.hire))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WorkerId;

    /// Who reports to whom, by number.
    fn company(line: &[(u64, u64)]) -> BTreeMap<u64, u64> {
        line.iter().copied().collect()
    }

    /// Who of `asked` is in a circle, and how often anybody was asked about.
    fn found(company: &BTreeMap<u64, u64>, asked: &[u64]) -> (Vec<u64>, usize) {
        let mut circles = Circles::default();
        let mut questions = 0;
        let mut out = Vec::new();
        for person in asked {
            let has = circles.has(*person, company[person], |at| {
                questions += 1;
                Ok::<_, std::convert::Infallible>(company.get(&at).copied())
            });
            if has == Ok(true) {
                out.push(*person);
            }
        }
        (out, questions)
    }

    /// 1 → 2 → 3 → 1 is a circle, 4 and 5 report into it, 6 to themselves, 7 → 8 → 9 is a line.
    #[test]
    fn only_who_is_in_the_circle_is_found() {
        let company = company(&[
            (1, 2),
            (2, 3),
            (3, 1),
            (4, 5),
            (5, 1),
            (6, 6),
            (7, 8),
            (8, 9),
        ]);
        let all = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(found(&company, &all).0, [1, 2, 3, 6]);
        let mut backwards = all;
        backwards.reverse();
        assert_eq!(found(&company, &backwards).0, [6, 3, 2, 1]);
        assert!(found(&company, &[4]).0.is_empty(), "reports into it");
        assert_eq!(
            found(&company, &[2]).0,
            [2],
            "the others were not asked about"
        );
    }

    /// A line of 1,000 people, all of them asked about: each once.
    #[test]
    fn a_long_line_costs_one_question_each() {
        let line: Vec<(u64, u64)> = (1..1000).map(|at| (at, at + 1)).collect();
        let everybody: Vec<u64> = (1..1000).collect();
        let (found, questions) = found(&company(&line), &everybody);
        assert_eq!((found, questions), (Vec::new(), 999));
    }

    /// Two circles that have nothing to do with each other, entered from outside first.
    #[test]
    fn a_circle_that_was_climbed_into_is_known_afterwards() {
        let company = company(&[(1, 2), (2, 1), (3, 1), (11, 12), (12, 11)]);
        assert_eq!(found(&company, &[3, 12, 1, 11, 2]).0, [12, 1, 11, 2]);
    }

    /// 1 has 2 and 3 below, 2 has 4; 5 and 6 report to each other, 7 to them; 8 to nobody.
    #[test]
    fn a_line_holds_everybody_below_its_top() {
        let company = company(&[(2, 1), (3, 1), (4, 2), (1, 9), (5, 6), (6, 5), (7, 5)]);
        let mut below = Below::new(1);
        let mut questions = 0;
        let mut inside = |person| {
            let has = below.has(person, |at| {
                questions += 1;
                Ok::<_, std::convert::Infallible>(company.get(&at).copied())
            });
            has == Ok(true)
        };
        for person in [1, 4, 2, 3] {
            assert!(inside(person), "{person}");
        }
        for person in [7, 5, 6, 8, 9] {
            assert!(!inside(person), "{person}");
        }
        assert_eq!(questions, 8, "4, 2, 3, 7, 5, 6, 8 and 9");
    }

    #[test]
    fn the_main_employment_in_force_says_who_the_manager_is() {
        let date = |text: &str| Some(text.parse().unwrap());
        let row = |worker: &str, hire: &str, last: Option<Date>, secondary: bool| Identity {
            worker: WorkerId::new(worker),
            source: None,
            status: "A".to_owned(),
            manager: None,
            hire: date(hire),
            last_day: last,
            terms: Box::new(crate::state::Terms {
                secondary,
                ..crate::state::Terms::default()
            }),
            zone: None,
            facts: crate::model::Attributes::new(),
            always: crate::model::Attributes::new(),
            on_create: crate::model::Attributes::new(),
            out_of_scope: false,
            other_names: Vec::new(),
        };
        let today = "2026-03-16".parse().unwrap();
        let rows = [
            row("ended", "2025-01-06", date("2026-03-15"), false),
            row("second", "2026-03-01", None, true),
            row("main", "2026-02-02", None, false),
            row("to come", "2026-03-17", None, false),
        ];
        let of = |rows: &[Identity]| main_employment(rows, today).map(|it| it.worker.to_string());
        assert_eq!(of(&rows).as_deref(), Some("main"));
        assert_eq!(of(&rows[..2]).as_deref(), Some("second"));
        assert_eq!(of(&rows[..1]).as_deref(), Some("ended"));
        assert_eq!(of(&[]), None);
    }
}
