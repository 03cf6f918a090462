//! Days as people and systems write them, and in which order a column has day and month.
//!
//! Invariant: the order is never guessed. A number above 12 decides it; without one in the column, one in another
//! column of the same table that writes days alike; else it is ambiguous.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

/// What stands behind the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Clock {
    /// Nothing.
    None,
    /// Anything that may stand behind an ISO day.
    Iso,
    /// ` 08:30`.
    Minutes,
    /// ` 08:30:00`.
    Seconds,
    /// ` 8:30 AM`.
    TwelveMinutes,
    /// ` 8:30:00 AM`.
    TwelveSeconds,
}

impl Clock {
    fn of(text: &str) -> Option<Self> {
        let (time, half) = match text.rsplit_once(' ') {
            Some((time, half)) if ["AM", "PM", "am", "pm"].contains(&half) => (time, true),
            Some(_) => return None,
            None => (text, false),
        };
        let parts: Vec<&str> = time.split(':').collect();
        let pair = |it: &&str| (1..=2).contains(&it.len()) && digits(it);
        if !parts.iter().all(pair) {
            return None;
        }
        match (parts.len(), half) {
            (2, false) => Some(Self::Minutes),
            (3, false) => Some(Self::Seconds),
            (2, true) => Some(Self::TwelveMinutes),
            (3, true) => Some(Self::TwelveSeconds),
            _ => None,
        }
    }

    fn strptime(self) -> &'static str {
        match self {
            Self::None | Self::Iso => "",
            Self::Minutes => " %H:%M",
            Self::Seconds => " %H:%M:%S",
            Self::TwelveMinutes => " %I:%M %p",
            Self::TwelveSeconds => " %I:%M:%S %p",
        }
    }
}

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum First {
    Year,
    /// Day or month: two numbers, then the year.
    Either,
    /// A day, then the name of a month in English.
    Named,
    /// Eight digits, the year first.
    Compact,
}

/// One way to write days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    pub(super) first: First,
    between: u8,
    short_year: bool,
    clock: Clock,
}

/// A day as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) form: Form,
    /// Of [`First::Either`], the two numbers.
    pair: (u8, u8),
    /// It is in the calendar, whichever of the two comes first.
    exists: bool,
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The day that a text is.
pub(super) fn day(text: &str) -> Option<Day> {
    if !(6..=40).contains(&text.len()) || !text.is_ascii() {
        return None;
    }
    if text.len() == 8 && digits(text) {
        return compact(text);
    }
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || ".-/".contains(c)))
        .unwrap_or(text.len());
    let (mut date, mut behind) = text.split_at(end);
    // `2026-04-01T00:00:00Z`, `2026-04-01-07:00`.
    if date.len() >= 10 && date.as_bytes()[4] == b'-' && text.len() > 10 {
        (date, behind) = text.split_at(10);
    }
    let between = date.bytes().find(|byte| b".-/".contains(byte))?;
    let mut parts = date.split(char::from(between));
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || c.is_empty() {
        return None;
    }
    let iso = a.len() == 4 && between == b'-';
    let clock = match behind.chars().next() {
        None => Clock::None,
        Some('T' | 'Z' | '+' | '-') if iso => Clock::Iso,
        Some(' ') if iso && behind.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => Clock::Iso,
        Some(' ') => Clock::of(behind.trim_start())?,
        Some(_) => return None,
    };
    let number = |text: &str| text.parse::<u8>().ok();
    let short = |text: &str| text.len() <= 2 && digits(text);
    let form = |first, short_year| Form {
        first,
        between,
        short_year,
        clock,
    };
    if a.len() == 4 && digits(a) && short(b) && short(c) {
        // One digit for a month has no form that is declared here.
        if b.len() != 2 || c.len() != 2 {
            return None;
        }
        return Some(Day {
            form: form(First::Year, false),
            pair: (0, 0),
            exists: exists(a.parse().ok()?, number(b)?, number(c)?),
        });
    }
    let short_year = c.len() == 2;
    if !digits(c) || !(short_year || c.len() == 4) || !short(a) {
        return None;
    }
    let year = c.parse::<i16>().ok()?;
    let year = if short_year { 2000 + year } else { year };
    if short(b) {
        let (first, second) = (number(a)?, number(b)?);
        let plausible = first <= 31 && second <= 31 && (first <= 12 || second <= 12);
        return plausible.then(|| Day {
            form: form(First::Either, short_year),
            pair: (first, second),
            exists: exists(year, second, first) || exists(year, first, second),
        });
    }
    let month = MONTHS.iter().position(|it| it.eq_ignore_ascii_case(b))?;
    Some(Day {
        form: form(First::Named, short_year),
        pair: (0, 0),
        exists: exists(year, u8::try_from(month + 1).ok()?, number(a)?),
    })
}

fn compact(text: &str) -> Option<Day> {
    let (year, month, day) = (&text[..4], &text[4..6], &text[6..]);
    let year: i16 = year.parse().ok()?;
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    let plausible = ((1900..2200).contains(&year) || year == 9999)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day);
    plausible.then(|| Day {
        form: Form {
            first: First::Compact,
            between: 0,
            short_year: false,
            clock: Clock::None,
        },
        pair: (0, 0),
        exists: exists(year, month, day),
    })
}

fn exists(year: i16, month: u8, day: u8) -> bool {
    let (month, day) = (i8::try_from(month), i8::try_from(day));
    matches!((month, day), (Ok(month), Ok(day)) if Date::new(year, month, day).is_ok())
}

/// What stands for no day, or for one that nobody knows: the day is never meant.
pub(super) fn stands_for_none(text: &str) -> bool {
    const NONE: [&str; 21] = [
        "00000000",
        "99991231",
        "19000101",
        "18991230",
        "0000-00-00",
        "1900-01-00",
        "1900-01-01",
        "1899-12-30",
        "1899-12-31",
        "9999-12-31",
        "0001-01-01",
        "00.00.0000",
        "00/00/0000",
        "01.01.1900",
        "01/01/1900",
        "1/1/1900",
        "31.12.9999",
        "31/12/9999",
        "12/31/9999",
        "31-12-9999",
        "31-DEC-9999",
    ];
    if !(8..=30).contains(&text.len()) || !text.is_ascii() {
        return false;
    }
    let end = text.find(['T', ' ']).unwrap_or(text.len());
    NONE.contains(&&text[..end])
}

/// Which of two numbers is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    DayFirst,
    MonthFirst,
}

/// What the numbers above 12 of one way of writing say.
#[derive(Debug, Clone, Copy, Default)]
struct Proof {
    rows: u64,
    first: u64,
    second: u64,
    not_there: u64,
}

impl Proof {
    fn order(self) -> Option<Order> {
        match (self.first, self.second) {
            (1.., 0) => Some(Order::DayFirst),
            (0, 1..) => Some(Order::MonthFirst),
            _ => None,
        }
    }
}

/// The days of one column as they come by.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    forms: BTreeMap<Form, Proof>,
    open: BTreeMap<String, u64>,
}

/// Ways to write "no day" that are told of one column.
const OPEN_MAX: usize = 8;

impl Tally {
    pub(super) fn add(&mut self, day: Day) {
        let proof = self.forms.entry(day.form).or_default();
        proof.rows += 1;
        proof.first += u64::from(day.pair.0 > 12);
        proof.second += u64::from(day.pair.1 > 12);
        proof.not_there += u64::from(!day.exists);
    }

    pub(super) fn add_none(&mut self, text: &str) {
        if self.open.contains_key(text) || self.open.len() < OPEN_MAX {
            *self.open.entry(text.to_owned()).or_default() += 1;
        }
    }

    /// Rows with eight digits that are a day.
    pub(super) fn rows_compact(&self) -> u64 {
        let compact = self
            .forms
            .iter()
            .filter(|(form, _)| form.first == First::Compact);
        compact.map(|(_, proof)| proof.rows).sum()
    }

    /// Which order each separator has, by this column alone.
    pub(super) fn proven(&self) -> impl Iterator<Item = (u8, Order)> {
        let either = self
            .forms
            .iter()
            .filter(|(form, _)| form.first == First::Either);
        either.filter_map(|(form, proof)| Some((form.between, proof.order()?)))
    }

    /// What the column's days look like; `others` says what other columns prove.
    pub(super) fn finish(self, others: &dyn Fn(u8) -> Option<Order>) -> Option<Days> {
        if self.forms.is_empty() && self.open.is_empty() {
            return None;
        }
        let mut forms: Vec<(Form, Proof)> = self.forms.into_iter().collect();
        forms.sort_by_key(|(form, proof)| (std::cmp::Reverse(proof.rows), *form));
        let rows: u64 = forms.iter().map(|(_, proof)| proof.rows).sum();
        let mut out = Days {
            rows,
            open: self.open,
            ..Days::default()
        };
        let Some((form, proof)) = forms.first() else {
            return Some(out);
        };
        out.of_form = proof.rows;
        out.not_there = forms.iter().map(|(_, proof)| proof.not_there).sum();
        out.forms = forms.len();
        out.clock = form.clock != Clock::None;
        out.short_year = form.short_year;
        if form.first != First::Either {
            out.format = Some(strptime(*form, Order::DayFirst));
            return Some(out);
        }
        let order = match (proof.first, proof.second) {
            (1.., 1..) => {
                out.both_orders = true;
                None
            }
            _ => proof.order().or_else(|| {
                out.by_others = others(form.between).is_some();
                others(form.between)
            }),
        };
        if let Some(order) = order {
            out.format = Some(strptime(*form, order));
        } else {
            let either = [Order::DayFirst, Order::MonthFirst];
            out.ambiguous = either.map(|order| strptime(*form, order)).to_vec();
        }
        Some(out)
    }
}

fn strptime(form: Form, order: Order) -> String {
    let between = char::from(form.between);
    let year = if form.short_year { "%y" } else { "%Y" };
    let clock = form.clock.strptime();
    match (form.first, order) {
        (First::Year, _)
            if form.between == b'-' && matches!(form.clock, Clock::None | Clock::Iso) =>
        {
            "iso".to_owned()
        }
        (First::Year, _) => format!("%Y{between}%m{between}%d{clock}"),
        (First::Compact, _) => "%Y%m%d".to_owned(),
        (First::Named, _) => format!("%d{between}%b{between}{year}{clock}"),
        (First::Either, Order::DayFirst) => format!("%d{between}%m{between}{year}{clock}"),
        (First::Either, Order::MonthFirst) => format!("%m{between}%d{between}{year}{clock}"),
    }
}

/// How a column writes days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and a key of the JSON"
)]
pub struct Days {
    /// `iso`, or as `strptime` says it: the most frequent form, where its order is beyond doubt.
    pub format: Option<String>,
    /// The two that it may be, where nothing tells day from month.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ambiguous: Vec<String>,
    /// The order is that of another column: no number above 12 in this one.
    pub by_others: bool,
    /// Some can only be day first, some only month first.
    pub both_orders: bool,
    /// Rows with a day.
    pub rows: u64,
    /// Rows with one of the most frequent form.
    pub of_form: u64,
    /// How many forms there are.
    pub forms: usize,
    /// Rows with a day that is in no calendar.
    pub not_there: u64,
    /// A time stands behind the day.
    pub clock: bool,
    /// The year has two digits.
    pub short_year: bool,
    /// Ways to write that there is no such day, and in how many rows.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub open: BTreeMap<String, u64>,
}

impl Days {
    /// Whether the configuration has to say how they are written.
    pub fn to_be_declared(&self) -> bool {
        self.clock || !self.open.is_empty() || self.format.as_deref() != Some("iso")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Days {
        let mut tally = Tally::default();
        for value in values {
            if stands_for_none(value) {
                tally.add_none(value);
            } else {
                tally.add(day(value).unwrap_or_else(|| panic!("{value} is a day")));
            }
        }
        tally.finish(&|_| None).unwrap()
    }

    #[test]
    fn a_number_above_twelve_tells_day_from_month() {
        for (values, format) in [
            (&["01.04.2026", "15.11.2019"][..], Some("%d.%m.%Y")),
            (&["1/4/2026", "4/13/2026"], Some("%m/%d/%Y")),
            (&["01/04/2026", "04/05/2026"], None),
            (&["13/04/2026", "04/13/2026"], None),
            (&["2026-04-01", "2026-04-03T00:00:00+02:00"], Some("iso")),
            (&["1960-01-01-07:00", "2026-04-03 08:30:00"], Some("iso")),
            (&["20260315", "20260401"], Some("%Y%m%d")),
            (&["3-Apr-26"], Some("%d-%b-%y")),
            (&["03-APR-2026"], Some("%d-%b-%Y")),
            (&["2026/04/03"], Some("%Y/%m/%d")),
            (&["13.04.2026 00:00:00"], Some("%d.%m.%Y %H:%M:%S")),
            (&["4/13/2026 12:00:00 AM"], Some("%m/%d/%Y %I:%M:%S %p")),
        ] {
            assert_eq!(of(values).format.as_deref(), format, "{values:?}");
        }
        assert_eq!(of(&["01/04/2026"]).ambiguous, ["%d/%m/%Y", "%m/%d/%Y"]);
        assert!(of(&["13/04/2026", "04/13/2026"]).both_orders);
    }

    /// What is proposed is what the reader takes: `strptime` of the same library.
    #[test]
    fn a_proposed_format_reads_what_it_was_proposed_for() {
        for value in [
            "15.11.2019",
            "1.12.2019",
            "4/13/2026",
            "20260315",
            "3-Apr-26",
            "03-APR-2026",
            "2026/04/13",
            "13.04.2026 00:00",
            "13.04.2026 7:05:00",
            "4/13/2026 12:00:00 AM",
            "4/13/2026 8:30 PM",
            "31.12.19",
        ] {
            let days = of(&[value, "15.11.2019"].map(|it| if it == value { it } else { value }));
            let format = days.format.or_else(|| days.ambiguous.first().cloned());
            let format = format.unwrap();
            let read = Date::strptime(&format, value);
            assert!(read.is_ok(), "{value} by {format}: {read:?}");
        }
    }

    #[test]
    fn what_is_no_day_is_none() {
        for text in [
            "12",
            "1.2.3.4",
            "192.168.0.1",
            "45/13/2020",
            "2026-4-1",
            "E 13",
            "1.234,5",
            "20261301",
            "12345678",
            "ab-cd-efgh",
            "0,8",
            "2026-04",
            "13-Foo-26",
            "éé.éé.éééé",
            "2026-04-01x",
            "01.04.2026 noon",
            "259-915-1098",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
        assert!(!day("2026-02-30").unwrap().exists);
    }

    #[test]
    fn another_column_that_writes_alike_may_prove_it() {
        let mut tally = Tally::default();
        tally.add(day("01/04/2026").unwrap());
        let days = tally
            .finish(&|between| (between == b'/').then_some(Order::MonthFirst))
            .unwrap();
        assert_eq!(days.format.as_deref(), Some("%m/%d/%Y"));
        assert!(days.by_others);
    }
}
