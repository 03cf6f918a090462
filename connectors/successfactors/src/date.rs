//! Dates as OData version 2 writes them in JSON.
//!
//! `/Date(ms)/` is a civil day at midnight, or a wall clock without a zone; `/Date(ms+0000)/` is an instant. Invariant: nothing
//! is ever shifted by an offset: the milliseconds of an instant are UTC already, and a day has no zone.

use jiff::civil::{Date, DateTime, Time, date};
use jiff::{SignedDuration, Timestamp};

/// The day that means "no end".
pub(crate) const OPEN: Date = date(9999, 12, 31);

/// What such a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// A day, or a moment on a wall clock.
    Civil(DateTime),
    /// An instant.
    Instant(Timestamp),
}

/// Whether a text means to be such a date.
pub fn is_date(text: &str) -> bool {
    text.starts_with("/Date(")
}

/// Reads `/Date(ms)/` and `/Date(ms+hhmm)/`. `None` for anything else, and beyond the calendar.
pub fn parse(text: &str) -> Option<Said> {
    let inside = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    // The first sign is that of the milliseconds.
    let signed = inside.strip_prefix('-').unwrap_or(inside);
    let (digits, offset) = match signed.find(['+', '-']) {
        Some(at) => (&signed[..at], Some(&signed[at + 1..])),
        None => (signed, None),
    };
    let all_digits = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(digits) || !offset.is_none_or(|it| all_digits(it) && it.len() <= 4) {
        return None;
    }
    let ms: i64 = digits.parse().ok()?;
    let ms = if inside.len() > signed.len() { -ms } else { ms };
    if offset.is_some() {
        return Timestamp::from_millisecond(ms).ok().map(Said::Instant);
    }
    // Not by way of an instant: those end a day before the calendar does, and that day means "open".
    let midnight = date(1970, 1, 1).to_datetime(Time::midnight());
    midnight
        .checked_add(SignedDuration::from_millis(ms))
        .ok()
        .map(Said::Civil)
}

/// The civil day of such a text.
pub(crate) fn day(text: &str) -> Option<Date> {
    match parse(text)? {
        Said::Civil(at) => Some(at.date()),
        Said::Instant(at) => Some(at.to_zoned(jiff::tz::TimeZone::UTC).date()),
    }
}

/// The same as it is handed on: `YYYY-MM-DD`, an instant in UTC, or nothing for an open end.
pub fn iso(said: Said) -> String {
    match said {
        Said::Civil(at) if at.date() == OPEN => String::new(),
        Said::Civil(at) if at.time() == Time::midnight() => at.date().to_string(),
        Said::Civil(at) => at.to_string(),
        Said::Instant(at) => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text → what is handed on.
    #[test]
    fn days_and_instants_are_read_as_documented() {
        for (text, expected) in [
            ("/Date(1330560000000)/", Some("2012-03-01")),
            ("/Date(-58060800000)/", Some("1968-02-29")),
            ("/Date(0)/", Some("1970-01-01")),
            ("/Date(253402214400000)/", Some("")),
            ("/Date(1772352000000+0000)/", Some("2026-03-01T08:00:00Z")),
            // The offset is for reading only: the milliseconds are UTC.
            ("/Date(1772352000000+0060)/", Some("2026-03-01T08:00:00Z")),
            ("/Date(1772352000000-0300)/", Some("2026-03-01T08:00:00Z")),
            ("/Date(-1+0000)/", Some("1969-12-31T23:59:59.999Z")),
            // A wall clock of a data centre: no day, and no instant.
            ("/Date(1772355600000)/", Some("2026-03-01T09:00:00")),
            ("/Date()/", None),
            ("/Date(12a)/", None),
            ("/Date(--1)/", None),
            ("/Date(1+)/", None),
            ("/Date(99999999999999999999)/", None),
            ("/Date(9223372036854775807)/", None),
            ("2026-03-16", None),
            ("", None),
        ] {
            assert_eq!(parse(text).map(iso).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        /// Text of any kind is read or not, never a panic.
        #[test]
        fn no_text_panics(text in "/?D?a?t?e?\\(?[-+0-9]{0,30}\\)?/?|\\PC{0,20}") {
            let _read_or_not = parse(&text).map(iso);
        }

        /// Every day of four centuries comes back, whatever its distance from 1970.
        #[test]
        fn days_come_back(days in -100_000_i64..100_000) {
            let text = format!("/Date({})/", days * 86_400_000);
            let expected = date(1970, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
            prop_assert_eq!(day(&text), Some(expected));
            prop_assert_eq!(parse(&text).map(iso), Some(expected.to_string()));
        }
    }
}
