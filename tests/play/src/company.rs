//! A company over many days: hires, moves, exits, leaves, rehires, corrections, and what HR gets
//! wrong. It is written down as a scenario, and it knows itself who is at work when.
//!
//! The model here is another one than the policy's: a list of what HR said on which day, and a
//! plain answer to "may they sign in at this instant".

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::chance::Random;

/// Departments.
const DEPARTMENTS: [&str; 4] = ["SALES", "MKT", "LAB", "OPS"];
/// Places on both sides of the date line.
const ZONES: [&str; 4] = [
    "Europe/Berlin",
    "Pacific/Auckland",
    "America/Los_Angeles",
    "Africa/Cairo",
];
/// Days of 24 hours of overlap, clean-up and deletion, as the shipped policy has them.
pub const OVERLAP_DAYS: i64 = 7;

/// What HR says of somebody.
#[derive(Debug, Clone)]
pub struct Said {
    /// When the file with it was accepted.
    pub at: Timestamp,
    /// The worker id of the row.
    pub worker: String,
    /// Department.
    pub dept: &'static str,
    /// First day.
    pub hire: Date,
    /// Last day of work.
    pub last_day: Option<Date>,
    /// Dismissed for cause.
    pub for_cause: bool,
    /// First and last day of a leave without pay.
    pub leave: Option<(Date, Date)>,
}

/// One person.
#[derive(Debug, Clone)]
pub struct Member {
    /// The person's key.
    pub person: String,
    /// Where they are.
    pub zone: &'static str,
    /// Everything that HR said, oldest first.
    pub said: Vec<Said>,
    /// Nights in which the file did not list them.
    pub missed: Vec<Timestamp>,
    /// The newest accepted file does not.
    lost: bool,
}

/// All of it.
#[derive(Debug)]
pub struct Company {
    /// Everybody who was ever there.
    pub members: Vec<Member>,
    /// Instants at which files came.
    pub nights: Vec<Timestamp>,
    /// The same as a scenario.
    pub scenario: String,
}

/// The first instant of a day somewhere.
pub fn midnight(date: Date, zone: &str) -> Timestamp {
    let zone = TimeZone::get(zone).expect("a zone of the database");
    let zoned = date.to_zoned(zone).expect("a day that an instant can name");
    zoned.timestamp()
}

impl Member {
    /// What HR had said by an instant.
    pub fn newest(&self, at: Timestamp) -> Option<&Said> {
        self.said.iter().rev().find(|said| said.at <= at)
    }

    /// When access ends by what HR says.
    pub fn cut(&self, said: &Said) -> Option<Timestamp> {
        let last = said.last_day?;
        if said.for_cause {
            let mut first = self
                .said
                .iter()
                .filter(|it| it.for_cause && it.worker == said.worker);
            return first.next().map(|it| it.at);
        }
        Some(midnight(last.tomorrow().expect("a next day"), self.zone))
    }

    /// Whether they may sign in, by what HR had said by then.
    pub fn may_sign_in(&self, at: Timestamp) -> bool {
        let Some(said) = self.newest(at) else {
            return false;
        };
        let begun = midnight(said.hire, self.zone) <= at;
        let over = self.cut(said).is_some_and(|cut| cut <= at);
        let away = said.leave.is_some_and(|(from, to)| {
            let long = (to - from).get_days() + 1 >= 30;
            let back = midnight(to.tomorrow().expect("a next day"), self.zone);
            long && midnight(from, self.zone) <= at && at < back
        });
        begun && !over && !away
    }

    fn row(&self, said: &Said) -> String {
        let mut out = format!(
            "{{person: {}, dept: {}, tz: {}, hire: {}, family: {}",
            self.person,
            said.dept,
            self.zone,
            said.hire,
            self.person.replace('-', "")
        );
        if let Some(last) = said.last_day {
            let _ = write!(out, ", last_day: {last}");
        }
        if said.for_cause {
            out += ", status: terminated, reason: for_cause";
        }
        if let Some((from, to)) = said.leave {
            let _ = write!(
                out,
                ", status: leave, leave: unpaid, leave_from: {from}, leave_to: {to}"
            );
        }
        out + "}"
    }
}

impl Company {
    /// Some hundred people over so many days.
    pub fn new(seed: u64, people: u32, days: i32) -> Self {
        let mut random = Random::new(seed);
        let start: Date = "2027-01-11".parse().expect("a date");
        let first = midnight(start, "UTC") + 2.hours();
        let before = first - 24.hours();
        let mut scenario = format!("id: company-{seed}\nopen: true\nstate:\n");
        let mut members = Vec::new();
        for n in 0..people {
            let zone = ZONES[random.below(4) as usize];
            let dept = DEPARTMENTS[random.below(4) as usize];
            let said = Said {
                at: before,
                worker: format!("E{n:04}"),
                dept,
                hire: "2024-01-08".parse().expect("a date"),
                last_day: None,
                for_cause: false,
                leave: None,
            };
            let member = Member {
                person: format!("P-{n:04}"),
                zone,
                said: vec![said.clone()],
                missed: Vec::new(),
                lost: false,
            };
            let _ = writeln!(
                scenario,
                "  - {{who: {}, base: true, row: {}}}",
                said.worker,
                member.row(&said)
            );
            members.push(member);
        }
        scenario += "runs:\n";
        let mut nights = Vec::new();
        let mut run = 0;
        let mut refused = false;
        for day in 0..days {
            let date = start.saturating_add(day.days());
            let at = midnight(date, "UTC") + 2.hours();
            nights.push(at);
            run += 1;
            // Two such nights in a row would be a stale source, of which no more than cuts goes.
            if random.below(40) == 0 && !refused {
                refused = true;
                // Half a file, refused: nothing of it counts.
                let _ = writeln!(
                    scenario,
                    "  - {{n: {run}, at: {at}, file: {{kind: full, rows: 400}}}}"
                );
                continue;
            }
            refused = false;
            let mut rows: BTreeMap<String, String> = BTreeMap::new();
            let mut absent = Vec::new();
            for _ in 0..random.below(4) {
                let who = random.below(u32::try_from(members.len()).unwrap_or(1)) as usize;
                let count = members.len();
                let member = &mut members[who];
                let Some(said) = happens(&mut random, member, date, at) else {
                    continue;
                };
                if rows.contains_key(&said.worker) || member.lost {
                    continue;
                }
                member.said.push(said.clone());
                rows.insert(said.worker.clone(), member.row(&said));
                let _ = count;
            }
            if random.below(3) == 0 {
                let member = newcomer(&mut random, members.len(), date, at);
                let said = &member.said[0];
                rows.insert(said.worker.clone(), member.row(said));
                members.push(member);
            }
            // Back again.
            for member in members.iter_mut().filter(|it| it.lost) {
                let said = &member.said[member.said.len() - 1];
                rows.insert(said.worker.clone(), member.row(said));
                member.lost = false;
            }
            if random.below(30) == 0 {
                // One row is lost, and is back the next night.
                let who = random.below(u32::try_from(members.len()).unwrap_or(1)) as usize;
                let member = &mut members[who];
                let said = &member.said[member.said.len() - 1];
                let there = !rows.contains_key(&said.worker);
                if there && member.may_sign_in(at) && said.last_day.is_none() {
                    absent.push(said.worker.clone());
                    member.missed.push(at);
                    member.lost = true;
                }
            }
            let _ = write!(scenario, "  - n: {run}\n    at: {at}\n");
            if !rows.is_empty() {
                scenario += "    rows:\n";
            }
            for (key, row) in &rows {
                let _ = writeln!(scenario, "      {key}: {row}");
            }
            if !absent.is_empty() {
                let _ = writeln!(scenario, "    absent: [{}]", absent.join(", "));
            }
        }
        Self {
            members,
            nights,
            scenario,
        }
    }
}

/// What HR says next of somebody, if anything.
fn happens(random: &mut Random, member: &Member, date: Date, at: Timestamp) -> Option<Said> {
    let said = member.said.last()?.clone();
    let mut next = Said { at, ..said.clone() };
    let days = |random: &mut Random, most: u32| i32::try_from(random.below(most)).unwrap_or(0);
    let cut = member.cut(&said);
    let gone = cut.is_some_and(|cut| cut <= at);
    let begun = midnight(said.hire, member.zone) <= at;
    if gone {
        if random.below(3) > 0 {
            return None;
        }
        if random.below(4) == 0 && !said.for_cause {
            // The exit is off after all.
            next.last_day = None;
            return Some(next);
        }
        // Hired again, under a new id.
        next.worker = format!("{}X", said.worker);
        next.hire = date.saturating_add((1 + days(random, 40)).days());
        next.last_day = None;
        next.for_cause = false;
        next.leave = None;
        next.dept = DEPARTMENTS[random.below(4) as usize];
        let full = (next.hire - said.last_day?).get_days() - 1;
        return (full > 3).then_some(next);
    }
    if said.leave.is_some() {
        // Back, early or on the day.
        let back = said
            .leave
            .is_some_and(|(_, to)| midnight(to, member.zone) < at);
        if back || random.below(4) == 0 {
            next.leave = None;
            return Some(next);
        }
        return None;
    }
    match random.below(10) {
        0..=2 if begun => {
            next.last_day = Some(date.saturating_add((days(random, 30) - 3).days()));
            (next.last_day? >= said.hire && said.last_day.is_none()).then_some(next)
        }
        3 if begun && said.last_day.is_none() => {
            next.last_day = Some(date);
            next.for_cause = true;
            Some(next)
        }
        4 if said.last_day.is_some() => {
            next.last_day = None;
            Some(next)
        }
        5 if !begun => {
            next.hire = said.hire.saturating_add(days(random, 20).days());
            (next.hire != said.hire).then_some(next)
        }
        6 if begun && said.last_day.is_none() => {
            let from = date.saturating_add((1 + days(random, 10)).days());
            let to = from.saturating_add((20 + days(random, 60)).days());
            next.leave = Some((from, to));
            Some(next)
        }
        _ => {
            next.dept = DEPARTMENTS[random.below(4) as usize];
            (next.dept != said.dept).then_some(next)
        }
    }
}

fn newcomer(random: &mut Random, n: usize, date: Date, at: Timestamp) -> Member {
    let ahead = i32::try_from(random.below(40)).unwrap_or(0) - 3;
    Member {
        person: format!("P-{n:04}"),
        zone: ZONES[random.below(4) as usize],
        said: vec![Said {
            at,
            worker: format!("E{n:04}"),
            dept: DEPARTMENTS[random.below(4) as usize],
            hire: date.saturating_add(ahead.days()),
            last_day: None,
            for_cause: false,
            leave: None,
        }],
        missed: Vec::new(),
        lost: false,
    }
}
