//! The people whom every peer serves: invented, and with what makes real ones hard.

use jiff::ToSpan as _;
use jiff::civil::Date;
use rollcall_http::Chance;

/// What somebody is employed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By the company.
    Employee,
    /// By somebody else, with an end.
    Contingent,
}

/// Where somebody stands on the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// At work.
    Active,
    /// Begins later.
    PreHire,
    /// Employed, and away.
    OnLeave,
    /// Gone since.
    Terminated {
        /// The last day.
        on: Date,
        /// Was asked to go.
        involuntary: bool,
    },
    /// Was to begin, and does not.
    Rescinded,
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// What HR calls them: text of digits, or `C-` and digits for contingent workers.
    pub id: String,
    /// Names.
    pub first: String,
    /// The same.
    pub last: String,
    /// What they want to be called, where that is something else.
    pub preferred: Option<String>,
    /// Sign-in name at HR.
    pub user_name: String,
    /// Work address.
    pub email: String,
    /// Private address, which nobody maps.
    pub private_email: String,
    /// Work telephone.
    pub phone: Option<String>,
    /// Job.
    pub title: String,
    /// Code and name.
    pub department: (String, String),
    /// Code and name.
    pub company: (String, String),
    /// Code.
    pub cost_center: String,
    /// Code.
    pub location: String,
    /// City of the location.
    pub city: String,
    /// ISO 3166-1 alpha-2 and alpha-3.
    pub country: (&'static str, &'static str),
    /// Worker id of the manager.
    pub manager: Option<String>,
    /// Employed as.
    pub kind: Kind,
    /// First day of this employment.
    pub hired: Date,
    /// First day of the first employment, where this is not the first.
    pub originally: Option<Date>,
    /// Where they stand.
    pub standing: Standing,
    /// Last day of a contract, where there is one.
    pub contract_end: Option<Date>,
}

const FIRST: [&str; 24] = [
    "Ingrid",
    "Zoë",
    "José",
    "Mei",
    "Łukasz",
    "Anna",
    "Kofi",
    "Priya",
    "Noor",
    "Élodie",
    "Björn",
    "Siobhán",
    "Ana María",
    "Юлия",
    "Dvořák",
    "Tomás",
    "Owen",
    "Hana",
    "Sam",
    "Li",
    "Jürgen",
    "Ayşe",
    "Chidi",
    "Karin",
];
const LAST: [&str; 22] = [
    "Østergård",
    "O'Neil",
    "García",
    "Tanaka",
    "Nowak",
    "de Vries",
    "Mensah",
    "Raman",
    "Garnier",
    "Müller",
    "Ní Bhriain",
    "Иванова",
    "Smith-Jones",
    "Ågren",
    "Brooks",
    "Nováková",
    "Okafor",
    "Wei",
    "Weiß",
    "Yılmaz",
    "Ruiz",
    "van der Berg",
];
const TITLES: [&str; 8] = [
    "Clerk",
    "Director, Engineering",
    "Engineer",
    "Sales Executive",
    "Payroll Specialist",
    "Nurse \"Night\"",
    "Head of R&D",
    "Controller <interim>",
];
const DEPARTMENTS: [(&str, &str); 5] = [
    ("50001", "Platform Engineering"),
    ("50002", "Finance"),
    ("50003", "Försäljning"),
    ("50004", "Research & Development"),
    ("50005", "Human Resources"),
];
const COMPANIES: [(&str, &str); 3] = [
    ("1000", "Woodgrove SE"),
    ("2000", "Woodgrove Inc."),
    ("3000", "Woodgrove Norge AS"),
];
const PLACES: [(&str, &str, (&str, &str)); 5] = [
    ("LOC-OSL", "Oslo", ("NO", "NOR")),
    ("LOC-STO", "Stockholm", ("SE", "SWE")),
    ("LOC-CHI", "Chicago", ("US", "USA")),
    ("LOC-TYO", "Tōkyō", ("JP", "JPN")),
    ("LOC-SYD", "Sydney", ("AU", "AUS")),
];

/// So many workers on a day; the same for the same seed. Of a hundred about four begin later, three
/// are away, six have gone, one was rescinded, ten are contingent and two were rehired; the first has
/// no manager, and everybody else's comes earlier in the list.
///
/// # Panics
/// With a day at the end of the calendar.
pub fn population(seed: u64, count: usize, day: Date) -> Vec<Worker> {
    let chance = Chance::seeded(seed);
    let below = |most: usize| usize::try_from(chance.bits() % most as u64).unwrap_or(0);
    let days = |count: usize| i64::try_from(count).unwrap_or(0).days();
    let before = |count: usize| day.checked_sub(days(count)).expect("within the calendar");
    let after = |count: usize| day.checked_add(days(count)).expect("within the calendar");
    let mut all: Vec<Worker> = Vec::with_capacity(count);
    for at in 0..count {
        let share = below(100);
        let contingent = at > 0 && below(10) == 0;
        let number = 10_001 + at;
        let id = if contingent {
            format!("C-{number}")
        } else {
            format!("{number}")
        };
        let (first, last) = (FIRST[below(FIRST.len())], LAST[below(LAST.len())]);
        let mut hired = before(30 + below(6000));
        let mut standing = Standing::Active;
        let mut originally = None;
        match share {
            // The first is everybody's manager in the end.
            _ if at == 0 => {}
            0..4 => {
                standing = Standing::PreHire;
                hired = after(1 + below(40));
            }
            4..7 => standing = Standing::OnLeave,
            7..13 => {
                standing = Standing::Terminated {
                    on: before(1 + below(20)),
                    involuntary: below(3) == 0,
                }
            }
            13 => standing = Standing::Rescinded,
            14..16 => originally = Some(before(6100 + below(3000))),
            _ => {}
        }
        let place = PLACES[below(PLACES.len())];
        let pair = |it: (&str, &str)| (it.0.to_owned(), it.1.to_owned());
        let manager = (at > 0).then(|| all[below(at.min(40))].id.clone());
        all.push(Worker {
            user_name: format!("u{number}@woodgrove.example"),
            email: format!("u{number}@woodgrove.example"),
            private_email: format!("p{number}@home.example"),
            id,
            first: first.to_owned(),
            last: last.to_owned(),
            preferred: (below(12) == 0)
                .then(|| format!("{}.", &first[..first.ceil_char_boundary(1)])),
            phone: (below(3) > 0).then(|| {
                format!(
                    "+47 22 {:02} {:02} {:02}",
                    below(100),
                    below(100),
                    below(100)
                )
            }),
            title: TITLES[below(TITLES.len())].to_owned(),
            department: pair(DEPARTMENTS[below(DEPARTMENTS.len())]),
            company: pair(COMPANIES[below(COMPANIES.len())]),
            cost_center: format!("{}", 3000 + below(60)),
            location: place.0.to_owned(),
            city: place.1.to_owned(),
            country: place.2,
            manager,
            kind: if contingent {
                Kind::Contingent
            } else {
                Kind::Employee
            },
            hired,
            originally,
            standing,
            contract_end: contingent.then(|| match standing {
                Standing::Terminated { on, .. } => on,
                Standing::Active | Standing::PreHire | Standing::OnLeave | Standing::Rescinded => {
                    after(30 + below(300))
                }
            }),
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_an_id_of_their_own_and_a_manager_who_is_there() {
        let day = jiff::civil::date(2026, 3, 16);
        let all = population(7, 500, day);
        assert_eq!(all, population(7, 500, day));
        let ids: std::collections::BTreeSet<&str> = all.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids.len(), 500);
        for worker in &all[1..] {
            let manager = worker.manager.as_deref().expect("a manager");
            assert!(ids.contains(manager) && manager != worker.id);
        }
        let has = |is: fn(&Worker) -> bool| all.iter().any(is);
        let later = all.iter().filter(|it| it.standing == Standing::PreHire);
        assert!(later.clone().count() > 5 && later.clone().all(|it| it.hired > day));
        assert!(has(|it| it.standing == Standing::Rescinded));
        assert!(has(|it| it.originally.is_some()));
        assert!(has(|it| matches!(
            it.standing,
            Standing::Terminated {
                involuntary: true,
                ..
            }
        )));
    }
}
