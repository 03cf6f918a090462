//! Columns that the configuration says more about than their name: dates of one format, decimals.
//!
//! A date becomes `YYYY-MM-DD`, a decimal gets a point and loses its separators. Invariant: one format a column; what
//! does not have it is a finding and holds the row, and no day is ever guessed from two that it could be.

use std::borrow::Cow;

use jiff::civil::Date;
use rollcall_core::model::FindingKind;

/// What is said about a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A day.
    Date {
        /// How it is written; `None`: `2026-04-01`, with or without a time of day behind it.
        format: Option<String>,
        /// Ways to write that there is no such day.
        open: Vec<String>,
    },
    /// A number with a fraction.
    Decimal {
        /// What stands before the fraction.
        point: char,
    },
}

/// Why a value is not of its column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Odd {
    pub(crate) kind: FindingKind,
    /// What it looks like; no value.
    pub(crate) why: Option<&'static str>,
}

impl Typed {
    /// Whether it is a day.
    pub(crate) fn is_date(&self) -> bool {
        matches!(self, Self::Date { .. })
    }

    /// The value as it is handed on; `None`: there is none.
    pub(crate) fn read<'a>(&self, value: &'a str) -> Result<Option<Cow<'a, str>>, Odd> {
        match self {
            Self::Date { format, open } => date(value, format.as_deref(), open),
            Self::Decimal { point } => decimal(value, *point),
        }
    }
}

fn date<'a>(
    value: &'a str,
    format: Option<&str>,
    open: &[String],
) -> Result<Option<Cow<'a, str>>, Odd> {
    if value.is_empty() || open.iter().any(|it| it == value) {
        return Ok(None);
    }
    let Some(format) = format else {
        // What stands behind the day never moves it.
        let day = value.get(..10).filter(|day| is_iso(day));
        let Some(day) = day.filter(|_| behind_a_day(&value[10..])) else {
            return Err(odd(value));
        };
        return match day.parse::<Date>() {
            Ok(_) => Ok(Some(Cow::Borrowed(day))),
            Err(_) => Err(invalid()),
        };
    };
    let shaped = shaped(format, value);
    if shaped == Some(false) {
        return Err(odd(value));
    }
    match Date::strptime(format, value) {
        Ok(day) => Ok(Some(Cow::Owned(day.to_string()))),
        Err(_) if shaped == Some(true) => Err(invalid()),
        Err(_) => Err(odd(value)),
    }
}

fn invalid() -> Odd {
    Odd {
        kind: FindingKind::DateInvalid,
        why: Some("there is no such day"),
    }
}

/// Four digits, two, two.
fn is_iso(day: &str) -> bool {
    shaped("%Y-%m-%d", day) == Some(true)
}

/// Nothing, or a time of day.
fn behind_a_day(rest: &str) -> bool {
    let Some(time) = rest.strip_prefix(['T', ' ']) else {
        // `xsd:date` of some systems: a day and its offset.
        return rest.is_empty() || rest == "Z" || offset(rest);
    };
    time.starts_with(|c: char| c.is_ascii_digit())
        && time
            .chars()
            .all(|c| c.is_ascii_digit() || ":.,+-Zz ".contains(c))
}

fn offset(text: &str) -> bool {
    text.starts_with(['+', '-'])
        && text.len() > 1
        && text[1..].bytes().all(|b| b.is_ascii_digit() || b == b':')
}

/// Whether a value has digits where the format has numbers, and its letters in between: a year has as many as it is
/// said to have, a day, a month and a time two, or one where something stands on both sides of them. `None`: the format
/// has words, and only its year can be told.
fn shaped(format: &str, value: &str) -> Option<bool> {
    let mut rest = value;
    let mut wanted = format.chars();
    let mut alone = true;
    while let Some(c) = wanted.next() {
        if c != '%' {
            let Some(behind) = rest.strip_prefix(c) else {
                return Some(false);
            };
            rest = behind;
            alone = true;
            continue;
        }
        alone &= wanted.clone().nth(1).is_none_or(|next| next != '%');
        let (least, most) = match wanted.next() {
            Some('Y') => (4, 4),
            Some('y') => (2, 2),
            Some('m' | 'd' | 'H' | 'M' | 'S') => (if alone { 1 } else { 2 }, 2),
            Some(_) | None => return year_of_words(format, value),
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let taken = digits.min(most);
        if taken < least || alone && digits > most {
            return Some(false);
        }
        rest = &rest[taken..];
        alone = false;
    }
    Some(rest.is_empty())
}

/// `Some(false)` where the format has a year of four digits and the value has none.
fn year_of_words(format: &str, value: &str) -> Option<bool> {
    let mut numbers = value.split(|c: char| !c.is_ascii_digit());
    let short = format.contains("%Y") && !numbers.any(|it| it.len() == 4);
    short.then_some(false)
}

/// What a value that is not of the format looks like.
fn odd(value: &str) -> Odd {
    let numbers: Vec<&str> = value.split(['/', '.', '-']).collect();
    let small = |text: &str| text.parse::<u8>().is_ok_and(|n| (1..=12).contains(&n));
    let serial = value
        .parse::<f64>()
        .is_ok_and(|n| (10_000.0..100_000.0).contains(&n));
    let why = match numbers.as_slice() {
        [a, b, c] if small(a) && small(b) && c.len() >= 2 && a != b => {
            Some("ambiguous day and month")
        }
        _ if serial => Some("looks like a spreadsheet serial number"),
        _ => None,
    };
    Odd {
        kind: FindingKind::DateFormat,
        why,
    }
}

fn decimal(value: &str, point: char) -> Result<Option<Cow<'_, str>>, Odd> {
    if value.is_empty() {
        return Ok(None);
    }
    let separator = if point == ',' { '.' } else { ',' };
    let (sign, rest) = match value.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", value.strip_prefix('+').unwrap_or(value)),
    };
    let (whole, fraction) = rest.split_once(point).unwrap_or((rest, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.split([separator, ' ', '\u{a0}', '\u{202f}', '\'']);
    let first = groups.next().unwrap_or_default();
    let others: Vec<&str> = groups.collect();
    // A number does not begin with a group of nothing: `0.875` is a fraction with another point.
    let grouped = others.is_empty() || first.len() <= 3 && !first.starts_with('0');
    let sound = !first.is_empty()
        && digits(first)
        && grouped
        && others.iter().all(|it| it.len() == 3 && digits(it))
        && digits(fraction)
        && (fraction.is_empty() != rest.contains(point));
    if !sound {
        return Err(Odd {
            kind: FindingKind::NumberFormat,
            why: None,
        });
    }
    let dot = if fraction.is_empty() { "" } else { "." };
    Ok(Some(Cow::Owned(format!(
        "{sign}{first}{}{dot}{fraction}",
        others.concat()
    ))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(format: Option<&str>, value: &str) -> String {
        let open = ["12/31/9999", "00000000"].map(str::to_owned).to_vec();
        let typed = Typed::Date {
            format: format.map(str::to_owned),
            open,
        };
        match typed.read(value) {
            Ok(Some(value)) => value.into_owned(),
            Ok(None) => "none".to_owned(),
            Err(Odd { kind, why }) => format!("{kind:?} {}", why.unwrap_or_default()),
        }
    }

    #[test]
    fn days_have_one_format() {
        for (format, value, expected) in [
            (None, "2026-04-01", "2026-04-01"),
            (None, "2026-04-03T00:00:00+02:00", "2026-04-03"),
            (None, "1960-01-01-07:00", "1960-01-01"),
            (None, "2026-04-01 and more", "DateFormat "),
            (None, "2026-04-011", "DateFormat "),
            (None, "", "none"),
            (None, "00000000", "none"),
            (None, "2026-02-30", "DateInvalid there is no such day"),
            (None, "03/04/2026", "DateFormat ambiguous day and month"),
            (None, "04/04/2026", "DateFormat "),
            (None, "13/04/2026", "DateFormat "),
            (
                None,
                "46115",
                "DateFormat looks like a spreadsheet serial number",
            ),
            (None, "3-Apr-26", "DateFormat "),
            (None, "ab/cd/éééé", "DateFormat "),
            (Some("%d.%m.%Y"), "01.04.2026", "2026-04-01"),
            (
                Some("%d.%m.%Y"),
                "31.02.2026",
                "DateInvalid there is no such day",
            ),
            (Some("%d.%m.%Y"), "2026-04-01", "DateFormat "),
            (Some("%Y%m%d"), "20200106", "2020-01-06"),
            (
                Some("%Y%m%d"),
                "20201306",
                "DateInvalid there is no such day",
            ),
        ] {
            assert_eq!(day(format, value), expected, "{format:?} {value}");
        }
    }

    #[test]
    fn decimals_get_a_point() {
        for (point, value, expected) in [
            (',', "0,8", Some("0.8")),
            (',', "1,0", Some("1.0")),
            (',', "1.234,5", Some("1234.5")),
            (',', "-7", Some("-7")),
            (',', "0.8", None),
            (',', "1,", None),
            (',', "1.23,4", None),
            ('.', "1,234,567.25", Some("1234567.25")),
            ('.', "12,34", None),
            ('.', "1.2.3", None),
            ('.', "x", None),
        ] {
            let read = Typed::Decimal { point }.read(value);
            let read = read.ok().flatten();
            assert_eq!(read.as_deref(), expected, "{point} {value}");
        }
    }
}
