//! The last seats of a licence: who of those who would get it does.
//!
//! Seats that are free, and those that the same plan gives up, go to whoever started earliest.
//! Invariant: the same claims in any order have the same losers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::grants::Grant;
use crate::groups::Catalogue;
use crate::model::WorkerId;
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

/// What everybody of a plan claims and gives up, by the target's names of licences.
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
    /// Takes in what the due steps of somebody give and take. What a group gives that the target
    /// does not have is no reason to keep anybody out of the group.
    pub fn add(&mut self, person: &Person, draft: &Draft, at: usize, catalogue: &Catalogue) {
        let name = |sku: &String| catalogue.name(sku).to_owned();
        let given = person.grants.values().filter(|it| !it.unheard);
        let had: Vec<String> = given.flat_map(|it| it.licences.iter().map(name)).collect();
        let mut has = had.clone();
        for step in &draft.actions {
            let Some(granting) = &step.granting else {
                continue;
            };
            let own = matches!(granting.grant, Grant::Licence(_));
            let licences = granting.licences.iter();
            let licences = licences.filter(|sku| own || catalogue.find(sku).is_some());
            for licence in licences.map(name) {
                if step.op.grants() {
                    has.push(licence);
                } else if let Some(at) = has.iter().position(|it| *it == licence) {
                    // One way in which somebody has it is gone.
                    has.remove(at);
                }
            }
        }
        let hire = person.wanted.as_ref().and_then(|it| it.hire);
        let (before, now): (BTreeSet<&String>, BTreeSet<&String>) =
            (had.iter().collect(), has.iter().collect());
        for licence in now.difference(&before) {
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
        for licence in before.difference(&now) {
            *self.given_up.entry((*licence).clone()).or_default() += 1;
        }
    }

    /// Who goes without. Where the target does not say how many seats there are, nobody is kept
    /// from anything. `reserved` are seats for people who wait from before and are not in this
    /// plan; what is given up counts unless it is `kept`.
    pub fn settle(
        self,
        catalogue: &Catalogue,
        reserved: &BTreeMap<String, u32>,
        kept: bool,
    ) -> Losers {
        let mut out = Losers::default();
        if !catalogue.is_known() {
            return out;
        }
        for (licence, mut claims) in self.claims {
            // Of a licence that the target does not have, nobody gets a seat.
            let free = catalogue.find(&licence).map_or(0, |it| it.free);
            let given_up = self.given_up.get(&licence).filter(|_| !kept);
            let reserved = reserved.get(&licence);
            let left = free + i64::from(given_up.copied().unwrap_or(0))
                - i64::from(reserved.copied().unwrap_or(0));
            let free = u32::try_from(left.max(0)).unwrap_or(u32::MAX);
            claims.sort_unstable();
            let without = claims.split_off(claims.len().min(free as usize));
            if without.is_empty() {
                continue;
            }
            let count = u32::try_from(without.len()).unwrap_or(u32::MAX);
            out.counts.insert(licence.clone(), (free, count));
            for claim in without {
                let licences = out.by_person.entry(claim.at).or_default();
                licences.push(licence.clone());
            }
        }
        out
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

    /// People who go without each licence.
    pub fn counts(&self) -> BTreeMap<String, u32> {
        let counts = self.counts.iter();
        counts
            .map(|(licence, (_, without))| (licence.clone(), *without))
            .collect()
    }

    /// In words: why somebody goes without these.
    pub fn why(&self, licences: &[String], catalogue: &Catalogue) -> String {
        let each = licences.iter().map(|licence| {
            if catalogue.find(licence).is_none() {
                return format!("the tenant has no licence {licence}");
            }
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
    use super::*;
    use crate::grants::{Given, Granting};
    use crate::model::{Attributes, Op, PersonKey, Seats, SourceName};
    use crate::policy::{DeltaKind, DraftAction, Reason};
    use crate::state::Identity;

    fn step(op: Op, grant: &str, licences: &[&str]) -> DraftAction {
        DraftAction {
            anchor: None,
            args: std::collections::BTreeMap::new(),
            op,
            due: jiff::Timestamp::UNIX_EPOCH,
            reason: Reason::NewWorker,
            rule: String::new(),
            before: Attributes::new(),
            after: Attributes::new(),
            heir: None,
            manager: None,
            granting: Some(Granting {
                licences: licences.iter().map(|it| (*it).to_owned()).collect(),
                ..Granting::bare(grant.parse().unwrap())
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
            workflow: None,
        }
    }

    fn person(worker: &str, hire: Option<&str>, has: &[(&str, &str)]) -> Person {
        let mut person = Person::new(SourceName::new("hr"), WorkerId::new(worker));
        person.wanted = Some(Identity {
            worker: WorkerId::new(worker),
            source: None,
            status: "A".to_owned(),
            manager: None,
            hire: hire.map(|day| day.parse().unwrap()),
            last_day: None,
            zone: None,
            terms: Box::default(),
            facts: Attributes::new(),
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
                    unheard: false,
                    by_hand: false,
                    grace: None,
                };
                (grant.parse::<Grant>().unwrap(), given)
            })
            .collect::<BTreeMap<_, _>>();
        person
    }

    fn seats(free: i64) -> Catalogue {
        let seats = Seats {
            id: "id".to_owned(),
            name: "SPE_E5".to_owned(),
            free,
            plans: Vec::new(),
        };
        Catalogue::new(Some(vec![seats]), None)
    }

    /// Who goes without, of claims over so many seats.
    fn settled(claims: Claims, free: i64) -> Losers {
        claims.settle(&seats(free), &BTreeMap::new(), false)
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
            claims.add(&person(worker, hire, &[]), &add(), at, &seats(0));
        }
        let losers = settled(claims, 2);
        let without: Vec<bool> = (0..4).map(|at| !losers.of(at).is_empty()).collect();
        assert_eq!(
            without,
            [true, true, false, false],
            "2, then 1: the lower id of a day"
        );
        assert_eq!(losers.people(), 2);
        assert_eq!(
            losers.why(losers.of(0), &seats(2)),
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
            &seats(0),
        );
        // Gives it up.
        let leaves = person("2", None, &[("group:a", "SPE_E5")]);
        claims.add(
            &leaves,
            &draft(vec![step(Op::GroupRemove, "group:a", &["SPE_E5"])]),
            1,
            &seats(0),
        );
        // Loses the one way and keeps the other.
        let both = person("3", None, &[("group:a", "SPE_E5"), ("group:b", "SPE_E5")]);
        claims.add(
            &both,
            &draft(vec![step(Op::GroupRemove, "group:a", &["SPE_E5"])]),
            2,
            &seats(0),
        );
        // Would get it twice.
        let twice = vec![
            step(Op::GroupAdd, "group:b", &["SPE_E5"]),
            step(Op::LicenceAssign, "licence:SPE_E5", &["SPE_E5"]),
        ];
        claims.add(
            &person("4", Some("2027-03-01"), &[]),
            &draft(twice),
            3,
            &seats(0),
        );
        let late = draft(vec![step(Op::GroupAdd, "group:b", &["SPE_E5"])]);
        claims.add(&person("5", Some("2027-03-02"), &[]), &late, 4, &seats(0));
        let losers = settled(claims, 0);
        let without: Vec<usize> = (0..5).filter(|at| !losers.of(*at).is_empty()).collect();
        assert_eq!(without, [4]);
    }

    #[test]
    fn without_a_word_from_the_target_nobody_is_kept_from_anything() {
        let mut claims = Claims::default();
        let add = draft(vec![step(Op::GroupAdd, "group:b", &["SPE_E5"])]);
        claims.add(&person("4", None, &[]), &add, 0, &seats(0));
        assert_eq!(
            claims.settle(&Catalogue::default(), &BTreeMap::new(), false),
            Losers::default()
        );
        // A licence that the target does not have is another matter.
        let mut claims = Claims::default();
        let add = draft(vec![step(Op::LicenceAssign, "licence:VISIO", &["VISIO"])]);
        claims.add(&person("4", None, &[]), &add, 0, &seats(0));
        assert_eq!(settled(claims, 5).people(), 1);
    }

    #[test]
    fn one_licence_is_counted_once_however_it_is_written() {
        let mut claims = Claims::default();
        for (at, sku) in ["SPE_E5", "ID"].into_iter().enumerate() {
            let add = draft(vec![step(Op::GroupAdd, "group:b", &[sku])]);
            claims.add(&person(&at.to_string(), None, &[]), &add, at, &seats(1));
        }
        assert_eq!(settled(claims, 1).people(), 1);
        // A group may give what the target does not have: nobody is kept out of it for that.
        let mut claims = Claims::default();
        let add = draft(vec![step(Op::GroupAdd, "group:b", &["NOPE"])]);
        claims.add(&person("1", None, &[]), &add, 0, &seats(0));
        assert_eq!(settled(claims, 0).people(), 0);
    }

    #[test]
    fn seats_are_kept_for_those_who_wait_and_taken_back_ones_fill_a_hole_first() {
        let claim = || {
            let mut claims = Claims::default();
            let gives = draft(vec![step(Op::GroupRemove, "group:a", &["SPE_E5"])]);
            for (at, worker) in ["1", "2"].into_iter().enumerate() {
                let has = person(worker, None, &[("group:a", "SPE_E5")]);
                claims.add(&has, &gives, at, &seats(0));
            }
            let add = draft(vec![step(Op::GroupAdd, "group:b", &["SPE_E5"])]);
            claims.add(&person("3", None, &[]), &add, 2, &seats(0));
            claims
        };
        let without = |free, reserved: &[(&str, u32)], kept| {
            let reserved = reserved.iter().map(|(it, n)| ((*it).to_owned(), *n));
            claim()
                .settle(&seats(free), &reserved.collect(), kept)
                .people()
        };
        assert_eq!(without(0, &[], false), 0);
        assert_eq!(without(0, &[], true), 1, "what is given up is kept back");
        assert_eq!(
            without(-2, &[], false),
            1,
            "three too many were given before"
        );
        assert_eq!(without(0, &[("SPE_E5", 2)], false), 1, "others wait");
    }
}
