//! Where a person stands on a day, and which employment speaks for them.
//!
//! Sources: codes of `emplStatus` from SAP note 2505526, `RNS` from "Reporting No Show" (2021); the rest is the reading
//! of the reference. SAP guarantees no order of employments and slices, so that nothing here is chosen by place.
//! Invariant: the order of a list in the answer decides nothing, and no slice of another day is read.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::Value;

use crate::config::{Primary, SuccessFactorsConfig};
use crate::date;
use crate::schema::EMPLOYMENT;

/// Where a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Employed, and at work in one employment at least.
    Active,
    /// Begins later.
    PreHire,
    /// Employed, and away: on leave, suspended, furloughed, or with nothing but a dormant home record.
    OnLeave,
    /// Gone.
    Terminated,
    /// Was to begin, and did not.
    Rescinded,
    /// The answer does not say.
    Unknown,
}

impl State {
    /// The word that is handed on; none where nobody knows.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::PreHire => "pre_hire",
            Self::OnLeave => "on_leave",
            Self::Terminated => "terminated",
            Self::Rescinded => "rescinded",
            Self::Unknown => "",
        }
    }
}

/// What one employment is on the day, the likeliest to speak for the person first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Working,
    Away,
    Dormant,
    Unknown,
    Future,
    Ended,
    Rescinded,
}

/// One employment as it is judged.
#[derive(Debug)]
struct Employment {
    phase: Phase,
    global: bool,
    start: Option<Date>,
    /// Its last day, as far as anything says one.
    end: Option<Date>,
    original: Option<Date>,
    contingent: bool,
    user: String,
}

impl Employment {
    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended | Phase::Rescinded)
    }
}

/// What is made of a person.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// On the day.
    pub(crate) state: State,
    /// First day of the chosen employment.
    pub(crate) starts: Option<Date>,
    /// Last day, where there is one.
    pub(crate) ends: Option<Date>,
    /// An earlier employment has ended.
    pub(crate) rehire: bool,
    /// Employments with a status of A, U, P, S, F.
    pub(crate) active: u32,
    /// The same with dormant ones.
    pub(crate) open: u32,
    /// User ID of the open employment abroad.
    pub(crate) host: Option<String>,
    /// How many employments from the first on say something of the day: all of them, or those that are not over.
    pub(crate) going_on: usize,
    /// Why nobody knows where the person stands.
    pub(crate) doubt: Option<&'static str>,
}

/// Judges a person on a day by the slices of another one (the same, but for those who begin later: theirs is their first),
/// and puts the lists into the order that paths rely on: the chosen employment and the slice in effect first. `None` without
/// any employment: a dependant, or a candidate.
pub(crate) fn judge(
    person: &mut Value,
    day: Date,
    slices: Date,
    config: &SuccessFactorsConfig,
) -> Option<Standing> {
    in_effect(person.get_mut("personalInfoNav"), slices);
    let list = person
        .get_mut(EMPLOYMENT)?
        .get_mut("results")?
        .as_array_mut()?;
    for employment in list.iter_mut() {
        in_effect(employment.get_mut("jobInfoNav"), slices);
    }
    let mut all: Vec<(Employment, Value)> = list.drain(..).map(|it| (read(&it, day), it)).collect();
    // Stable and total whatever the order of the answer: user IDs differ.
    all.sort_by(|(a, _), (b, _)| (a.start, &a.user).cmp(&(b.start, &b.user)));
    let chosen = (0..all.len()).min_by(|a, b| rank(&all[*a].0, &all[*b].0, config.primary))?;
    let speaks = all.remove(chosen);
    all.insert(0, speaks);
    let standing = stand(&all, config.contingent_workers);
    // What is over comes last.
    let (over, going): (Vec<_>, Vec<_>) = all.into_iter().partition(|(it, _)| it.is_over());
    let goes_on = !going.is_empty();
    let standing = Standing {
        going_on: if goes_on { going.len() } else { over.len() },
        ..standing
    };
    list.extend(going.into_iter().chain(over).map(|(_, value)| value));
    Some(standing)
}

/// Who speaks for the person: by phase, then standard before global assignment, then by start. Of what has ended the latest.
fn rank(a: &Employment, b: &Employment, primary: Primary) -> std::cmp::Ordering {
    let by_start = match (a.phase, primary) {
        (Phase::Ended | Phase::Rescinded, _) => (b.end, b.start).cmp(&(a.end, a.start)),
        (Phase::Future, _) | (_, Primary::Earliest) => a.start.cmp(&b.start),
        (_, Primary::Latest) => b.start.cmp(&a.start),
    };
    let by_phase = (a.phase, a.global).cmp(&(b.phase, b.global));
    by_phase.then(by_start).then_with(|| a.user.cmp(&b.user))
}

/// The person's standing, from employments with the chosen one first.
fn stand(all: &[(Employment, Value)], contingent_workers: bool) -> Standing {
    let chosen = &all[0].0;
    let of = |phases: &[Phase]| {
        all.iter()
            .filter(|(it, _)| phases.contains(&it.phase))
            .count()
    };
    let count = |phases: &[Phase]| u32::try_from(of(phases)).unwrap_or(u32::MAX);
    let open = [Phase::Working, Phase::Away, Phase::Dormant];
    let state = match chosen.phase {
        Phase::Working => State::Active,
        Phase::Away | Phase::Dormant => State::OnLeave,
        Phase::Unknown => State::Unknown,
        Phase::Future => State::PreHire,
        Phase::Ended => State::Terminated,
        Phase::Rescinded => State::Rescinded,
    };
    let ends = if open.contains(&chosen.phase) {
        let ends = all
            .iter()
            .filter(|(it, _)| open.contains(&it.phase))
            .map(|(it, _)| it.end);
        // `None` while one of them has no end.
        let last = ends.collect::<Option<Vec<Date>>>();
        last.and_then(|it| it.into_iter().max())
            .and_then(|last| joined(all, last, contingent_workers))
    } else {
        chosen.end
    };
    let before = |it: &Employment| it.phase == Phase::Ended && it.start < chosen.start;
    let earlier = chosen.original.is_some() && chosen.original < chosen.start;
    let host = all
        .iter()
        .find(|(it, _)| it.global && open.contains(&it.phase));
    Standing {
        state,
        starts: chosen.start,
        ends,
        rehire: earlier || all[1..].iter().any(|(it, _)| before(it)),
        active: count(&[Phase::Working, Phase::Away]),
        open: count(&open),
        host: host.map(|(it, _)| it.user.clone()),
        going_on: all.len(),
        doubt: (state == State::Unknown).then_some(
            "an employment that has begun and not ended has no job in effect, or a status that is none of A, D, F, O, P, R, RNS, S, T, U",
        ),
    }
}

/// The last day, where employments follow each other without a day between: whoever goes from a contract to another one stays.
/// A contract that does not count is none to stay for.
fn joined(all: &[(Employment, Value)], mut last: Date, contingent_workers: bool) -> Option<Date> {
    let mut coming: Vec<&Employment> = all.iter().map(|(it, _)| it).collect();
    coming.retain(|it| it.phase == Phase::Future && (contingent_workers || !it.contingent));
    coming.sort_by_key(|it| it.start);
    for next in coming {
        let follows = last
            .tomorrow()
            .is_ok_and(|it| next.start.is_some_and(|start| start <= it));
        if follows {
            last = last.max(next.end?);
        }
    }
    Some(last)
}

fn read(employment: &Value, day: Date) -> Employment {
    let date = |name: &str| {
        employment
            .get(name)
            .and_then(Value::as_str)
            .and_then(date::day)
    };
    let text = |name: &str| {
        employment
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let start = date("startDate");
    let end = date("endDate").filter(|it| *it != date::OPEN);
    let job = employment
        .get("jobInfoNav")
        .and_then(|it| it.get("results")?.get(0));
    let code = job.and_then(|it| it.get("emplStatusNav")?.get("externalCode")?.as_str());
    let phase = phase(start, end, code, day);
    // A termination is a slice from the day after the last one on.
    let slice = job.and_then(|it| date::day(it.get("startDate")?.as_str()?));
    let before_slice = slice.and_then(|it| it.checked_sub(1.day()).ok());
    let end = end.or(before_slice.filter(|_| phase == Phase::Ended && code.is_some()));
    Employment {
        phase,
        global: text("assignmentClass") == "GA",
        start,
        end,
        original: date("originalStartDate"),
        contingent: employment
            .get("isContingentWorker")
            .and_then(Value::as_bool)
            == Some(true),
        user: text("userId").to_owned(),
    }
}

fn phase(start: Option<Date>, end: Option<Date>, code: Option<&str>, day: Date) -> Phase {
    let Some(start) = start else {
        return Phase::Unknown;
    };
    let never = code == Some("RNS") || end.is_some_and(|it| it < start);
    if start > day {
        return if never {
            Phase::Rescinded
        } else {
            Phase::Future
        };
    }
    let ended = if never {
        Phase::Rescinded
    } else {
        Phase::Ended
    };
    match code {
        Some("A") => Phase::Working,
        Some("U" | "P" | "S" | "F") => Phase::Away,
        Some("D") => Phase::Dormant,
        Some("T" | "R") => ended,
        // An assignment that was deleted, or a hire that never came.
        Some("O" | "RNS") => Phase::Rescinded,
        None if end.is_some_and(|it| it < day) => ended,
        Some(_) | None => Phase::Unknown,
    }
}

/// Leaves the slices that are in effect on a day, the one that counts first: the latest start, and of those the highest number.
fn in_effect(list: Option<&mut Value>, day: Date) {
    let slices = list
        .and_then(|it| it.get_mut("results"))
        .and_then(Value::as_array_mut);
    let Some(slices) = slices else { return };
    let date =
        |slice: &Value, name: &str| slice.get(name).and_then(Value::as_str).and_then(date::day);
    slices.retain(|it| {
        date(it, "startDate").is_none_or(|begin| begin <= day)
            && date(it, "endDate").is_none_or(|end| end >= day)
    });
    let key = |slice: &Value| (date(slice, "startDate"), number(slice.get("seqNumber")));
    slices.sort_by_key(|it| std::cmp::Reverse(key(it)));
}

/// A whole number, written as one or as text.
pub(crate) fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(it) => it.as_i64(),
        Value::String(it) => it.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const DAY: Date = date(2026, 3, 16);

    fn config(more: &str) -> SuccessFactorsConfig {
        let text = format!("host = \"https://a.example\"\ncompany_id = \"x\"\n{more}");
        toml::from_str(&text).unwrap()
    }

    fn ms(day: Date) -> String {
        let days = day.since(date(1970, 1, 1)).unwrap().get_days();
        format!("/Date({})/", i64::from(days) * 86_400_000)
    }

    /// `user class start end status@slice-start`; `-` is none.
    fn employment(line: &str) -> Value {
        let words: Vec<&str> = line.split(' ').collect();
        let [user, class, start, end, jobs] = words[..] else {
            panic!("{line}")
        };
        let day = |it: &str| {
            if it == "-" {
                Value::Null
            } else {
                json!(ms(it.parse().unwrap()))
            }
        };
        let jobs = jobs.split(',').filter(|it| *it != "-").enumerate().map(|(at, job)| {
            let (code, from) = job.split_once('@').unwrap();
            json!({"startDate": day(from), "endDate": ms(date::OPEN), "seqNumber": at.to_string(),
                "emplStatusNav": {"externalCode": code}})
        });
        json!({"userId": user, "assignmentClass": class, "startDate": day(start), "endDate": day(end),
            "jobInfoNav": {"results": jobs.collect::<Vec<_>>()}})
    }

    fn judged(lines: &[&str]) -> (Option<Standing>, Vec<String>) {
        let list: Vec<Value> = lines.iter().map(|it| employment(it)).collect();
        let mut person = json!({"employmentNav": {"results": list}});
        let standing = judge(&mut person, DAY, DAY, &config(""));
        let users = person["employmentNav"]["results"]
            .as_array()
            .unwrap()
            .iter();
        (
            standing,
            users
                .map(|it| it["userId"].as_str().unwrap().to_owned())
                .collect(),
        )
    }

    /// Employments → who speaks, what the person is, the last day.
    #[test]
    fn persons_stand_where_their_employments_say() {
        for (lines, speaks, state, ends) in [
            (
                vec!["a ST 2020-01-01 - A@2020-01-01"],
                "a",
                State::Active,
                None,
            ),
            (
                vec!["a ST 2020-01-01 - U@2026-01-01"],
                "a",
                State::OnLeave,
                None,
            ),
            (
                vec!["a ST 2020-01-01 - S@2026-01-01"],
                "a",
                State::OnLeave,
                None,
            ),
            // The last day is a day of work.
            (
                vec!["a ST 2020-01-01 2026-03-16 A@2020-01-01"],
                "a",
                State::Active,
                Some("2026-03-16"),
            ),
            (
                vec!["a ST 2020-01-01 2026-03-15 T@2026-03-16"],
                "a",
                State::Terminated,
                Some("2026-03-15"),
            ),
            // Without a last day the slice says it.
            (
                vec!["a ST 2020-01-01 - R@2026-03-16"],
                "a",
                State::Terminated,
                Some("2026-03-15"),
            ),
            (vec!["a ST 2026-04-01 - -"], "a", State::PreHire, None),
            // Future slices say nothing of today.
            (
                vec!["a ST 2020-01-01 - A@2020-01-01,T@2026-03-17"],
                "a",
                State::Active,
                None,
            ),
            // Two slices on one day: the higher number.
            (
                vec!["a ST 2020-01-01 - A@2026-03-16,T@2026-03-16"],
                "a",
                State::Terminated,
                Some("2026-03-15"),
            ),
            (
                vec![
                    "b ST 2020-01-01 - A@2020-01-01",
                    "a ST 2021-01-01 - A@2021-01-01",
                ],
                "b",
                State::Active,
                None,
            ),
            (
                vec![
                    "b ST 2020-01-01 2026-05-31 A@2020-01-01",
                    "a ST 2021-01-01 - A@2021-01-01",
                ],
                "b",
                State::Active,
                None,
            ),
            // From one contract to the next without a day between.
            (
                vec![
                    "a ST 2025-01-01 2026-03-31 A@2025-01-01",
                    "b ST 2026-04-01 - -",
                ],
                "a",
                State::Active,
                None,
            ),
            (
                vec![
                    "a ST 2025-01-01 2026-03-31 A@2025-01-01",
                    "b ST 2026-04-01 2026-12-31 -",
                    "c ST 2027-01-01 2027-06-30 -",
                ],
                "a",
                State::Active,
                Some("2027-06-30"),
            ),
            (
                vec![
                    "a ST 2025-01-01 2026-03-31 A@2025-01-01",
                    "b ST 2026-04-02 - -",
                ],
                "a",
                State::Active,
                Some("2026-03-31"),
            ),
            // Access ends with the last of them.
            (
                vec![
                    "b ST 2020-01-01 2026-05-31 A@2020-01-01",
                    "a ST 2021-01-01 2026-04-30 A@2021-01-01",
                ],
                "b",
                State::Active,
                Some("2026-05-31"),
            ),
            (
                vec![
                    "h ST 2016-01-01 - D@2025-07-01",
                    "g GA 2025-07-01 - A@2025-07-01",
                ],
                "g",
                State::Active,
                None,
            ),
            (
                vec![
                    "h ST 2016-01-01 - A@2025-07-01",
                    "g GA 2015-07-01 - A@2025-07-01",
                ],
                "h",
                State::Active,
                None,
            ),
            (
                vec![
                    "h ST 2016-01-01 - D@2025-07-01",
                    "g GA 2025-07-01 2026-01-31 T@2026-02-01",
                ],
                "h",
                State::OnLeave,
                None,
            ),
            (
                vec![
                    "h ST 2016-01-01 - U@2025-07-01",
                    "g GA 2025-07-01 - A@2025-07-01",
                ],
                "g",
                State::Active,
                None,
            ),
            (
                vec![
                    "o ST 2015-01-01 2020-07-31 T@2020-08-01",
                    "n ST 2026-02-02 - A@2026-02-02",
                ],
                "n",
                State::Active,
                None,
            ),
            (
                vec![
                    "o ST 2015-01-01 2020-07-31 T@2020-08-01",
                    "n ST 2026-04-01 - -",
                ],
                "n",
                State::PreHire,
                None,
            ),
            (
                vec!["o ST 2015-01-01 2020-07-31 -", "n ST 2026-04-01 - -"],
                "n",
                State::PreHire,
                None,
            ),
            (
                vec![
                    "o ST 2015-01-01 2020-07-31 T@2020-08-01",
                    "n ST 2021-01-01 2024-01-01 T@2024-01-02",
                ],
                "n",
                State::Terminated,
                Some("2024-01-01"),
            ),
            (
                vec!["a ST 2026-03-01 - RNS@2026-03-01"],
                "a",
                State::Rescinded,
                None,
            ),
            (
                vec!["a ST 2026-04-01 2026-03-31 -"],
                "a",
                State::Rescinded,
                Some("2026-03-31"),
            ),
            (vec!["a ST 2020-01-01 - -"], "a", State::Unknown, None),
            (
                vec!["a ST 2020-01-01 - X@2020-01-01"],
                "a",
                State::Unknown,
                None,
            ),
            (vec!["a ST - - A@2020-01-01"], "a", State::Unknown, None),
            // Doubt about one does not matter beside one that is sure.
            (
                vec![
                    "a ST 2020-01-01 - X@2020-01-01",
                    "b ST 2021-01-01 - A@2021-01-01",
                ],
                "b",
                State::Active,
                None,
            ),
        ] {
            for turn in 0..lines.len() {
                let mut turned = lines.clone();
                turned.rotate_left(turn);
                let (standing, users) = judged(&turned);
                let standing = standing.unwrap();
                let ends = ends.map(|it: &str| it.parse().unwrap());
                assert_eq!(
                    (users[0].as_str(), standing.state, standing.ends),
                    (speaks, state, ends),
                    "{turned:?}"
                );
                assert_eq!(standing.doubt.is_some(), state == State::Unknown);
            }
        }
    }

    #[test]
    fn counts_and_history_are_told() {
        let (standing, _) = judged(&[
            "h ST 2016-01-01 - D@2025-07-01",
            "g GA 2025-07-01 - A@2025-07-01",
        ]);
        let standing = standing.unwrap();
        assert_eq!(
            (standing.active, standing.open, standing.host.as_deref()),
            (1, 2, Some("g"))
        );
        assert!(!standing.rehire, "a home record goes on");
        let (standing, _) = judged(&[
            "o ST 2015-01-01 2020-07-31 T@2020-08-01",
            "n ST 2026-02-02 - A@2026-02-02",
        ]);
        assert!(standing.unwrap().rehire);
        let (standing, users) = judged(&[]);
        assert_eq!((standing, users.len()), (None, 0));
    }

    /// What is over comes last, and is not counted among what says something of the day.
    #[test]
    fn what_is_over_comes_last() {
        let over = "o ST 2015-01-01 2020-07-31 T@2020-08-01";
        for (lines, users, going_on) in [
            (
                vec![over, "n ST 2021-01-01 - A@2021-01-01"],
                vec!["n", "o"],
                1,
            ),
            (
                vec![
                    over,
                    "n ST 2021-01-01 - A@2021-01-01",
                    "p ST 2022-01-01 - A@2022-01-01",
                ],
                vec!["n", "p", "o"],
                2,
            ),
            (
                vec![over, "r ST 2021-01-01 2024-01-01 T@2024-01-02"],
                vec!["r", "o"],
                2,
            ),
        ] {
            let (standing, found) = judged(&lines);
            let standing = standing.unwrap();
            assert_eq!(
                (found, standing.going_on),
                (users.iter().map(|it| (*it).to_owned()).collect(), going_on),
                "{lines:?}"
            );
        }
    }

    /// Whoever goes on under a contract that does not count leaves.
    #[test]
    fn a_contract_that_does_not_count_is_none_to_stay_for() {
        let list = [
            "a ST 2025-01-01 2026-03-31 A@2025-01-01",
            "b ST 2026-04-01 - -",
        ];
        for (more, ends) in [
            ("", None),
            ("contingent_workers = false", Some(date(2026, 3, 31))),
        ] {
            let mut list = list.map(employment);
            list[1]["isContingentWorker"] = json!(true);
            let mut person = json!({"employmentNav": {"results": list}});
            let standing = judge(&mut person, DAY, DAY, &config(more)).unwrap();
            assert_eq!(standing.ends, ends, "{more}");
        }
    }

    #[test]
    fn the_latest_speaks_where_that_is_wanted() {
        let list = [
            "b ST 2020-01-01 - A@2020-01-01",
            "a ST 2021-01-01 - A@2021-01-01",
        ]
        .map(employment);
        let mut person = json!({"employmentNav": {"results": list}});
        judge(&mut person, DAY, DAY, &config("primary = \"latest\""));
        assert_eq!(person["employmentNav"]["results"][0]["userId"], "a");
    }

    proptest! {
        /// The order of the answer decides nothing.
        #[test]
        fn order_decides_nothing(
            codes in prop::collection::vec(0_usize..9, 1..5),
            starts in prop::collection::vec(-900_i64..60, 5),
            classes in prop::collection::vec(any::<bool>(), 5),
            turn in 0_usize..5,
        ) {
            let lines: Vec<String> = codes.iter().enumerate().map(|(at, code)| {
                let code = ["A", "U", "P", "S", "F", "D", "T", "O", "X"][*code];
                let start = DAY.checked_add(jiff::Span::new().days(starts[at])).unwrap();
                let class = if classes[at] { "GA" } else { "ST" };
                format!("u{at} {class} {start} - {code}@{start}")
            }).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let mut turned = lines.clone();
            turned.rotate_left(turn % lines.len());
            turned.reverse();
            prop_assert_eq!(judged(&lines), judged(&turned));
        }
    }
}
