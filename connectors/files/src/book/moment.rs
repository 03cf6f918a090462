//! Days, moments and lengths of time, from the numbers and texts that stand for them.

use std::fmt::Write as _;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time, date};

use super::cell::{Row, Slot};
use super::number::Shape;

/// The day from which a workbook counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    /// 1 is 1 January 1900, and 60 the day after 28 February 1900 that never was.
    From1900,
    /// 0 is 1 January 1904.
    From1904,
}

impl System {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::From1900 => "1900",
            Self::From1904 => "1904",
        }
    }
}

/// The last serial a spreadsheet knows, 31 December 9999, in the 1900 system.
const LAST: f64 = 2_958_465.0;
/// What the two systems differ by.
const APART: f64 = 1462.0;
const DAY_MS: f64 = 86_400_000.0;
/// No sheet shows a day for it.
const UNSHOWN: &str = "";

/// A number under a format that shows days or times.
pub(super) fn serial(row: &mut Row, value: f64, shape: Shape, system: System) -> Slot {
    match shape {
        Shape::Duration => duration(row, value),
        // A time of day is less than a day; more is a day of which only the time is shown.
        Shape::Time if (0.0..1.0).contains(&value) => duration(row, value),
        Shape::Day | Shape::Time => day(value, system),
        Shape::Plain | Shape::Masked(_) => Slot::NoDay(UNSHOWN),
    }
}

fn day(value: f64, system: System) -> Slot {
    let last = match system {
        System::From1900 => LAST,
        System::From1904 => LAST - APART,
    };
    if !(value >= 0.0 && value < last + 1.0) {
        return Slot::NoDay(UNSHOWN);
    }
    // To the millisecond: what is beyond is noise of the division.
    #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
    let ms = (value * DAY_MS).round() as i64;
    let (days, ms) = (ms / 86_400_000, ms % 86_400_000);
    let zero = match (system, days) {
        (System::From1900, 0) => return Slot::NoDay("1900-01-00"),
        (System::From1900, 60) => return Slot::NoDay("1900-02-29"),
        (System::From1900, 1..60) => date(1899, 12, 31),
        (System::From1900, _) => date(1899, 12, 30),
        (System::From1904, _) => date(1904, 1, 1),
    };
    let Ok(day) = zero.checked_add(days.days()) else {
        return Slot::NoDay(UNSHOWN);
    };
    match clock(ms) {
        None => Slot::Day(day),
        Some(time) => Slot::Moment(day.to_datetime(time)),
    }
}

/// `None` at midnight.
fn clock(ms: i64) -> Option<Time> {
    let part = |by: i64, of: i64| i8::try_from(ms / by % of).unwrap_or(0);
    let nanos = i32::try_from(ms % 1000 * 1_000_000).unwrap_or(0);
    let (hour, minute, second) = (part(3_600_000, 24), part(60_000, 60), part(1000, 60));
    let time = Time::new(hour, minute, second, nanos).unwrap_or(Time::midnight());
    (ms != 0).then_some(time)
}

fn duration(row: &mut Row, days: f64) -> Slot {
    let seconds = (days * 86_400.0).round();
    if seconds.is_nan() || seconds.abs() >= 1e15 {
        return Slot::NoDay(UNSHOWN);
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
    let seconds = seconds as i64;
    duration_seconds(row, seconds)
}

fn duration_seconds(row: &mut Row, seconds: i64) -> Slot {
    let start = row.text.len();
    let sign = if seconds < 0 { "-" } else { "" };
    let (h, m, s) = (
        seconds.abs() / 3600,
        seconds.abs() / 60 % 60,
        seconds.abs() % 60,
    );
    let _ = write!(row.text, "{sign}{h:02}:{m:02}:{s:02}");
    Slot::Duration(row.since(start))
}

/// `2026-04-01`, `2026-04-01T08:30:00`, `08:30:00`.
pub(super) fn iso(row: &mut Row, text: &str) -> Slot {
    let text = text.trim().trim_end_matches('Z');
    if let Some((day, time)) = text.split_once(['T', ' ']) {
        let (Ok(day), Ok(time)) = (day.parse::<Date>(), time.parse::<Time>()) else {
            return Slot::NoDay(UNSHOWN);
        };
        if time == Time::midnight() {
            return Slot::Day(day);
        }
        return Slot::Moment(DateTime::from_parts(day, time));
    }
    if text.contains(':') {
        let Ok(time) = text.parse::<Time>() else {
            return Slot::NoDay(UNSHOWN);
        };
        let (h, m, s) = (time.hour(), time.minute(), time.second());
        return duration_seconds(row, i64::from(h) * 3600 + i64::from(m) * 60 + i64::from(s));
    }
    // The plain form only: jiff would also take `20260401`.
    if text.len() == 10
        && let Ok(day) = text.parse::<Date>()
    {
        return Slot::Day(day);
    }
    Slot::NoDay(UNSHOWN)
}

/// `PT255H10M10S`, as ODF writes lengths of time.
pub(super) fn iso_duration(row: &mut Row, text: &str) -> Slot {
    let (sign, body) = match text.strip_prefix('-') {
        Some(body) => (-1.0, body),
        None => (1.0, text),
    };
    let Some(body) = body.strip_prefix('P') else {
        return Slot::NoDay(UNSHOWN);
    };
    let mut days = 0.0;
    let mut number = String::new();
    let mut timed = false;
    for letter in body.chars() {
        let per_day = match letter {
            'T' => {
                timed = true;
                continue;
            }
            '0'..='9' | '.' if number.len() < 20 => {
                number.push(letter);
                continue;
            }
            'D' => 1.0,
            'H' => 24.0,
            'M' if timed => 24.0 * 60.0,
            'S' => 86_400.0,
            // Months and years have no length.
            _ => return Slot::NoDay(UNSHOWN),
        };
        let Ok(value) = number.parse::<f64>() else {
            return Slot::NoDay(UNSHOWN);
        };
        days += value / per_day;
        number.clear();
    }
    duration(row, sign * days)
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::*;
    use crate::options::Limits;

    fn shown(make: impl FnOnce(&mut Row) -> Slot) -> String {
        let mut row = Row::default();
        row.begin(1, false);
        let slot = make(&mut row);
        row.put(0, slot, &Limits::default()).expect("room");
        match row.cell(0) {
            Cell::Day(day) => day.to_string(),
            Cell::Moment(moment) => moment.to_string(),
            Cell::Duration(text) => text.to_owned(),
            Cell::NoDay(_) => "no day".to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn serials_are_days_of_their_system() {
        use Shape::{Day, Duration, Time};
        use System::{From1900, From1904};
        for (value, shape, system, expect) in [
            (46_113.0, Day, From1900, "2026-04-01"),
            (44_651.0, Day, From1904, "2026-04-01"),
            (0.0, Day, From1904, "1904-01-01"),
            (1.0, Day, From1900, "1900-01-01"),
            (59.0, Day, From1900, "1900-02-28"),
            (60.0, Day, From1900, "no day"),
            (60.5, Day, From1900, "no day"),
            (61.0, Day, From1900, "1900-03-01"),
            (0.0, Day, From1900, "no day"),
            (0.5, Day, From1900, "no day"),
            (-1.0, Day, From1900, "no day"),
            (-1.0, Day, From1904, "no day"),
            (2_958_465.0, Day, From1900, "9999-12-31"),
            (2_958_466.0, Day, From1900, "no day"),
            (2_957_003.0, Day, From1904, "9999-12-31"),
            (2_957_004.0, Day, From1904, "no day"),
            (f64::NAN, Day, From1900, "no day"),
            (1e300, Duration, From1900, "no day"),
            (46_113.354_166_666_664, Day, From1900, "2026-04-01T08:30:00"),
            (46_113.999_999_999_9, Day, From1900, "2026-04-02"),
            (0.75, Time, From1900, "18:00:00"),
            (46_113.75, Time, From1900, "2026-04-01T18:00:00"),
            (10.632_060_185_185_185, Duration, From1900, "255:10:10"),
            (-0.5, Duration, From1904, "-12:00:00"),
        ] {
            let got = shown(|row| serial(row, value, shape, system));
            assert_eq!(got, expect, "{value} {shape:?} {system:?}");
        }
    }

    #[test]
    fn iso_texts_are_read_and_nothing_else() {
        for (text, expect) in [
            ("2020-01-06", "2020-01-06"),
            ("2020-01-06T00:00:00", "2020-01-06"),
            ("2020-01-06T08:30:00", "2020-01-06T08:30:00"),
            ("2020-01-06T08:30:00.000Z", "2020-01-06T08:30:00"),
            ("08:30:15", "08:30:15"),
            ("2020-02-30", "no day"),
            ("20200106", "no day"),
            ("", "no day"),
            ("T", "no day"),
        ] {
            assert_eq!(shown(|row| iso(row, text)), expect, "{text}");
        }
        for (text, expect) in [
            ("PT255H10M10S", "255:10:10"),
            ("PT08H30M00S", "08:30:00"),
            ("P1DT1H", "25:00:00"),
            ("-PT1H", "-01:00:00"),
            ("P1M", "no day"),
            ("PTH", "no day"),
            ("1H", "no day"),
        ] {
            assert_eq!(shown(|row| iso_duration(row, text)), expect, "{text}");
        }
    }
}
