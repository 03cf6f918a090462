//! The last seats of a licence: who of those who would get it does.
//!
//! Seats that are free, and those that the same plan gives up, go to whoever started earliest.
//! Invariant: the same claims in any order have the same losers.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::grants::Granting;
use crate::model::{Seats, WorkerId};
use crate::policy::Draft;
use crate::state::Person;

/// Somebody who would get a licence that they do not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    /// Whoever has no first day comes last.
    no_day: bool,
    hire: Option<Date>,
    worker: WorkerId,
    /// The caller's number of the person.
    at: usize,
}

/// What everybody of a plan claims and gives up.
#[derive(Debug, Default)]
pub struct Claims {
    claims: BTreeMap<String, Vec<Claim>>,
    given_up: BTreeMap<String, u32>,
}

/// Who goes without a licence.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Losers {
    /// By the caller's number of the person: the licences.
    by_person: BTreeMap<usize, Vec<String>>,
    /// By licence: seats to give, and people who go without.
    counts: BTreeMap<String, (u32, u32)>,
}

impl Claims {
    /// Takes in what the due steps of somebody give and take.
    pub fn add(&mut self, person: &Person, draft: &Draft, at: usize) {
        let had: Vec<&String> = person.grants.values().flat_map(|it| &it.licences).collect();
        let mut has = had.clone();
        for step in &draft.actions {
            let Some(granting) = &step.granting else {
                continue;
            };
            if step.op.grants() {
                has.extend(&granting.licences);
            } else {
                forget(&mut has, granting);
            }
        }
        let hire = person.wanted.as_ref().and_then(|it| it.hire);
        for (at_list, licence) in has.iter().enumerate() {
            if had.contains(licence) || has[..at_list].contains(licence) {
                continue;
            }
            let claim = Claim {
                no_day: hire.is_none(),
                hire,
                worker: person.worker.clone(),
                at,
            };
            self.claims
                .entry((*licence).clone())
                .or_default()
                .push(claim);
        }
        for (at_list, licence) in had.iter().enumerate() {
            if !has.contains(licence) && !had[..at_list].contains(licence) {
                *self.given_up.entry((*licence).clone()).or_default() += 1;
            }
        }
    }

    /// Who goes without. `None`: the target does not say how many seats there are, and nobody is
    /// kept from anything.
    pub fn settle(self, seats: Option<&[Seats]>) -> Losers {
        let mut out = Losers::default();
        let Some(seats) = seats else {
            return out;
        };
        for (licence, mut claims) in self.claims {
            // Of a licence that the target does not have, nobody gets a seat.
            let free = seats
                .iter()
                .find(|it| it.is(&licence))
                .map_or(0, |it| it.free);
            let free = u32::try_from(free.max(0)).unwrap_or(u32::MAX);
            let free = free.saturating_add(self.given_up.get(&licence).copied().unwrap_or(0));
            claims.sort_unstable();
            let without = claims.split_off(claims.len().min(free as usize));
            if without.is_empty() {
                continue;
            }
            let count = u32::try_from(without.len()).unwrap_or(u32::MAX);
            out.counts.insert(licence.clone(), (free, count));
            for claim in without {
                out.by_person
                    .entry(claim.at)
                    .or_default()
                    .push(licence.clone());
            }
        }
        out
    }
}

/// One way in which somebody has licences is gone: each of them once.
fn forget(has: &mut Vec<&String>, granting: &Granting) {
    for licence in &granting.licences {
        if let Some(at) = has.iter().position(|it| *it == licence) {
            has.remove(at);
        }
    }
}

impl Losers {
    /// Licences that somebody goes without.
    pub fn of(&self, at: usize) -> &[String] {
        self.by_person.get(&at).map_or(&[], Vec::as_slice)
    }

    /// People who go without something.
    pub fn people(&self) -> u32 {
        u32::try_from(self.by_person.len()).unwrap_or(u32::MAX)
    }

    /// In words: why somebody goes without these.
    pub fn why(&self, licences: &[String]) -> String {
        let each = licences.iter().map(|licence| {
            let (seats, without) = self.counts.get(licence).copied().unwrap_or_default();
            let shown = match seats {
                0 => "no seat".to_owned(),
                1 => "1 seat".to_owned(),
                seats => format!("{seats} seats"),
            };
            format!(
                "{shown} of {licence} for {} people: those who started earliest get them",
                seats.saturating_add(without)
            )
        });
        each.collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::grants::{Given, Grant};
    use crate::model::{Attributes, Op, PersonKey, SourceName};
    use crate::policy::{DeltaKind, DraftAction, Reason};
    use crate::state::Identity;

    fn step(op: Op, grant: &str, licences: &[&str]) -> DraftAction {
        DraftAction {
            op,
            due: jiff::Timestamp::UNIX_EPOCH,
            reason: Reason::NewWorker,
            rule: String::new(),
            before: Attributes::new(),
            after: Attributes::new(),
            manager: None,
            granting: Some(Granting {
                grant: grant.parse().unwrap(),
                id: None,
                licences: licences.iter().map(|it| (*it).to_owned()).collect(),
                disabled_plans: Vec::new(),
            }),
        }
    }

    fn draft(steps: Vec<DraftAction>) -> Draft {
        Draft {
            person: PersonKey::new("p"),
            worker: WorkerId::new("p"),
            delta: DeltaKind::Update,
            object: None,
            actions: steps,
            scheduled: Vec::new(),
            other_names: Vec::new(),
            adopted: None,
        }
    }

    fn person(worker: &str, hire: Option<&str>, has: &[(&str, &str)]) -> Person {
        let mut person = Person::new(SourceName::new("hr"), WorkerId::new(worker));
        person.wanted = Some(Identity {
            worker: WorkerId::new(worker),
            status: "A".to_owned(),
            manager: None,
            hire: hire.map(|day| day.parse().unwrap()),
            last_day: None,
            zone: None,
            always: Attributes::new(),
            on_create: Attributes::new(),
            out_of_scope: false,
            other_names: Vec::new(),
        });
        person.grants = has
            .iter()
            .map(|(grant, licence)| {
                let given = Given {
                    at: jiff::Timestamp::UNIX_EPOCH,
                    id: None,
                    licences: vec![(*licence).to_owned()],
                    disabled_plans: Vec::new(),
                    grace: None,
                };
                (grant.parse::<Grant>().unwrap(), given)
            })
            .collect::<BTreeMap<_, _>>();
        person
    }

    fn seats(free: i64) -> Vec<Seats> {
        vec![Seats {
            id: "id".to_owned(),
            name: "SPE_E5".to_owned(),
            free,
            plans: Vec::new(),
        }]
    }

    #[test]
    fn the_earliest_get_the_last_seats() {
        let add = || draft(vec![step(Op::GroupAdd, "group:office", &["SPE_E5"])]);
        let mut claims = Claims::default();
        for (at, (worker, hire)) in [
            ("4", Some("2027-03-02")),
            ("3", None),
            ("2", Some("2027-03-01")),
            ("1", Some("2027-03-02")),
        ]
        .into_iter()
        .enumerate()
        {
            claims.add(&person(worker, hire, &[]), &add(), at);
        }
        let losers = claims.settle(Some(&seats(2)));
        let without: Vec<bool> = (0..4).map(|at| !losers.of(at).is_empty()).collect();
        assert_eq!(
            without,
            [true, true, false, false],
            "2, then 1: the lower id of a day"
        );
        assert_eq!(losers.people(), 2);
        assert_eq!(
            losers.why(losers.of(0)),
            "2 seats of SPE_E5 for 4 people: those who started earliest get them"
        );
    }

    #[test]
    fn a_seat_is_counted_once_and_given_on() {
        let mut claims = Claims::default();
        // Has it by another group already.
        let has = person("1", Some("2027-03-09"), &[("group:a", "SPE_E5")]);
        claims.add(
            &has,
            &draft(vec![step(Op::GroupAdd, "group:b", &["SPE_E5"])]),
            0,
        );
        // Gives it up.
        let leaves = person("2", None, &[("group:a", "SPE_E5")]);
        claims.add(
            &leaves,
            &draft(vec![step(Op::GroupRemove, "group:a", &["SPE_E5"])]),
            1,
        );
        // Loses the one way and keeps the other.
        let both = person("3", None, &[("group:a", "SPE_E5"), ("group:b", "SPE_E5")]);
        claims.add(
            &both,
            &draft(vec![step(Op::GroupRemove, "group:a", &["SPE_E5"])]),
            2,
        );
        // Would get it twice.
        let twice = vec![
            step(Op::GroupAdd, "group:b", &["SPE_E5"]),
            step(Op::LicenceAssign, "licence:SPE_E5", &["SPE_E5"]),
        ];
        claims.add(&person("4", Some("2027-03-01"), &[]), &draft(twice), 3);
        let late = draft(vec![step(Op::GroupAdd, "group:b", &["SPE_E5"])]);
        claims.add(&person("5", Some("2027-03-02"), &[]), &late, 4);
        let losers = claims.settle(Some(&seats(0)));
        let without: Vec<usize> = (0..5).filter(|at| !losers.of(*at).is_empty()).collect();
        assert_eq!(without, [4]);
    }

    #[test]
    fn without_a_word_from_the_target_nobody_is_kept_from_anything() {
        let mut claims = Claims::default();
        let add = draft(vec![step(Op::GroupAdd, "group:b", &["SPE_E5"])]);
        claims.add(&person("4", None, &[]), &add, 0);
        assert_eq!(claims.settle(None), Losers::default());
        // A licence that the target does not have is another matter.
        let mut claims = Claims::default();
        let add = draft(vec![step(Op::GroupAdd, "group:b", &["VISIO"])]);
        claims.add(&person("4", None, &[]), &add, 0);
        assert_eq!(claims.settle(Some(&seats(5))).people(), 1);
    }
}
