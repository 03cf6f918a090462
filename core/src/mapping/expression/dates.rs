//! Dates as the language knows them: texts, always UTC once they are read.
//!
//! Sources: "Reference for writing expressions" (`CDate`, `DateAdd`, `DateDiff`, `FormatDateTime`,
//! `NumFromDate`, `DateFromNum`) and .NET's "Custom date and time format strings", invariant
//! culture. The service runs in UTC: an offset in the text moves the value, nothing else does.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// What can be wrong with a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The text is none, or lies outside of the years 1 to 9999.
    Date,
    /// There is no such interval.
    Interval,
    /// The format itself is not one.
    Format,
}

type Read<T> = Result<T, Wrong>;

/// A point in time without a zone: UTC.
pub(super) fn of(now: Timestamp) -> DateTime {
    now.to_zoned(jiff::tz::TimeZone::UTC).datetime()
}

/// As `CDate` prints: `3/16/2020 7:00:00 AM`.
pub(super) fn print(at: DateTime) -> String {
    let date = Exact { at, zoned: true };
    print_as(date, "M/d/yyyy h:mm:ss tt").expect("the format is one")
}

fn in_range(at: DateTime) -> Read<DateTime> {
    (1..=9999)
        .contains(&at.year())
        .then_some(at)
        .ok_or(Wrong::Date)
}

/// Whether an interval has this name.
pub(super) fn is_interval(text: &str) -> bool {
    let at = DateTime::constant(2020, 3, 16, 0, 0, 0, 0);
    add(text, 0, at) != Err(Wrong::Interval)
}

/// What each form begins with tells them apart; the first that fits counts.
const FORMS: [&str; 8] = [
    "yyyy-M-d",
    "yyyy/M/d",
    "M/d/yyyy",
    "d MMM yyyy",
    "d MMMM yyyy",
    "MMM d, yyyy",
    "MMMM d, yyyy",
    "ddd, dd MMM yyyy",
];
/// And the time behind it.
const TIMES: [&str; 4] = ["H:m:s", "h:m:s tt", "H:m", "h:m tt"];

/// Any of the forms that sources write dates in.
pub(super) fn read(text: &str) -> Read<DateTime> {
    let text = text.trim();
    for form in FORMS {
        let mut reading = Reading::new(text);
        if reading.all(form).is_err() {
            continue;
        }
        if reading.rest().is_empty() {
            return reading.whole();
        }
        let at = reading.at;
        if reading.offset().is_ok() && reading.rest().is_empty() {
            return reading.whole();
        }
        reading.at = at;
        if !reading.eat("T") && !reading.spaces() {
            continue;
        }
        for time in TIMES {
            let mut reading = reading.clone();
            if reading.all(time).is_err() {
                continue;
            }
            reading.fraction();
            reading.spaces();
            if reading.eat("GMT") || reading.eat("UTC") {
                reading.parts.offset = Some(0);
            } else if !reading.rest().is_empty() && reading.offset().is_err() {
                continue;
            }
            if reading.rest().is_empty() {
                return reading.whole();
            }
        }
    }
    Err(Wrong::Date)
}

/// Where white space that the format does not have may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct White {
    /// Before the date.
    pub(super) leading: bool,
    /// Behind it.
    pub(super) trailing: bool,
    /// Before each of its parts.
    pub(super) inner: bool,
}

/// The reference's default: `AllowLeadingWhite` and `AllowTrailingWhite`.
impl Default for White {
    fn default() -> Self {
        Self {
            leading: true,
            trailing: true,
            inner: false,
        }
    }
}

/// A date that was read by a format, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exact {
    pub(super) at: DateTime,
    /// It said how far from UTC it is: `K` prints a `Z` then, and else nothing.
    pub(super) zoned: bool,
}

/// Read exactly by a .NET custom format. `today` fills what the format leaves out, as .NET does; it
/// is told whether that is all of the date.
pub(super) fn read_as(
    text: &str,
    format: &str,
    white: White,
    today: impl FnOnce(bool) -> Date,
) -> Read<Exact> {
    let text = if white.leading {
        text.trim_start()
    } else {
        text
    };
    let text = if white.trailing {
        text.trim_end()
    } else {
        text
    };
    let mut reading = Reading::new(text);
    reading.inner_white = white.inner;
    reading.all(whole_pattern(format)?)?;
    if reading.rest().is_empty() {
        let zoned = reading.parts.offset.is_some();
        let at = reading.done(today)?;
        Ok(Exact { at, zoned })
    } else {
        Err(Wrong::Date)
    }
}

/// A format as a custom one; a single character is the name of a standard one or nothing.
fn whole_pattern(format: &str) -> Read<&str> {
    match standard(format) {
        Some(pattern) => Ok(pattern),
        None if format.chars().count() == 1 => Err(Wrong::Format),
        None => Ok(format),
    }
}

/// One letter names a whole pattern ("Standard date and time format strings").
fn standard(format: &str) -> Option<&'static str> {
    Some(match format {
        "d" => "MM/dd/yyyy",
        "D" => "dddd, dd MMMM yyyy",
        "f" => "dddd, dd MMMM yyyy HH:mm",
        "F" => "dddd, dd MMMM yyyy HH:mm:ss",
        "g" => "MM/dd/yyyy HH:mm",
        "G" => "MM/dd/yyyy HH:mm:ss",
        "m" | "M" => "MMMM dd",
        "o" | "O" => "yyyy-MM-ddTHH:mm:ss.fffffffK",
        "r" | "R" => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        "s" => "yyyy-MM-ddTHH:mm:ss",
        "t" => "HH:mm",
        "T" => "HH:mm:ss",
        "u" => "yyyy-MM-dd HH:mm:ss'Z'",
        "y" | "Y" => "yyyy MMMM",
        _ => return None,
    })
}

/// A piece of a format.
enum Piece<'a> {
    /// A letter so many times.
    Letter(char, usize),
    /// Text that stands for itself.
    Text(&'a str),
}

/// The next piece of a format, and what is behind it.
fn piece(format: &str) -> Read<(Piece<'_>, &str)> {
    let first = format.chars().next().ok_or(Wrong::Format)?;
    let behind = &format[first.len_utf8()..];
    match first {
        'd' | 'M' | 'y' | 'H' | 'h' | 'm' | 's' | 'f' | 'F' | 't' | 'z' | 'K' | 'g' => {
            let count = format.chars().take_while(|c| *c == first).count();
            let count = if first == 'K' { 1 } else { count };
            Ok((Piece::Letter(first, count), &format[count..]))
        }
        '\'' | '"' => {
            let end = behind.find(first).ok_or(Wrong::Format)?;
            Ok((Piece::Text(&behind[..end]), &behind[end + 1..]))
        }
        '\\' => {
            let c = behind.chars().next().ok_or(Wrong::Format)?;
            Ok((
                Piece::Text(&behind[..c.len_utf8()]),
                &behind[c.len_utf8()..],
            ))
        }
        // `%d` is the letter alone, and no standard format.
        '%' => match behind.chars().next() {
            None | Some('%') => Err(Wrong::Format),
            Some(_) => piece(behind),
        },
        _ => Ok((Piece::Text(&format[..first.len_utf8()]), behind)),
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// Printed by a .NET custom format.
pub(super) fn print_as(date: Exact, format: &str) -> Read<String> {
    let at = date.at;
    let mut out = String::with_capacity(format.len() + 8);
    let mut rest = whole_pattern(format)?;
    while !rest.is_empty() {
        let (next, behind) = match rest.strip_prefix('%') {
            // Printing, it is for one letter; reading, for as many as there are.
            Some(one) if !one.is_empty() => {
                let end = one.chars().next().map_or(0, char::len_utf8);
                (piece(&one[..end])?.0, &one[end..])
            }
            Some(_) | None => piece(rest)?,
        };
        rest = behind;
        match next {
            Piece::Text(text) => out.push_str(text),
            Piece::Letter('K', _) => out.push_str(if date.zoned { "Z" } else { "" }),
            Piece::Letter(letter, count) => {
                let before = out.len();
                put(&mut out, at, letter, count)?;
                if letter == 'F' && out.len() == before && out.ends_with('.') {
                    out.pop();
                }
            }
        }
    }
    Ok(out)
}

fn put(out: &mut String, at: DateTime, letter: char, count: usize) -> Read<()> {
    let month = || MONTHS[usize::try_from(at.month() - 1).unwrap_or_default()];
    let day = || DAYS[weekday(at.date())];
    let hour = i16::from(at.hour());
    let number = |out: &mut String, value: i16| digits(out, value, count.min(2));
    match (letter, count) {
        ('d', 1 | 2) => number(out, at.day().into()),
        ('d', 3) => out.push_str(&day()[..3]),
        ('d', _) => out.push_str(day()),
        ('M', 1 | 2) => number(out, at.month().into()),
        ('M', 3) => out.push_str(&month()[..3]),
        ('M', _) => out.push_str(month()),
        ('y', 1 | 2) => number(out, at.year() % 100),
        ('y', width) => digits(out, at.year(), width),
        ('H', _) => number(out, hour),
        ('h', _) => number(out, if hour % 12 == 0 { 12 } else { hour % 12 }),
        ('m', _) => number(out, at.minute().into()),
        ('s', _) => number(out, at.second().into()),
        ('f' | 'F', 1..=7) => {
            let ticks = format!("{:09}", at.subsec_nanosecond());
            let digits = &ticks[..count];
            if letter == 'f' {
                out.push_str(digits);
            } else {
                out.push_str(digits.trim_end_matches('0'));
            }
        }
        ('t', count) => {
            let half = if hour < 12 { "AM" } else { "PM" };
            out.push_str(&half[..count.min(2)]);
        }
        ('z', 1) => out.push_str("+0"),
        ('z', 2) => out.push_str("+00"),
        ('z', _) => out.push_str("+00:00"),
        ('g', _) => out.push_str("A.D."),
        _ => return Err(Wrong::Format),
    }
    Ok(())
}

/// A number with at least so many digits.
fn digits(out: &mut String, value: i16, width: usize) {
    let mut figures = [0_u8; 5];
    let (mut rest, mut at) = (value.unsigned_abs(), figures.len());
    while rest > 0 || at == figures.len() {
        at -= 1;
        figures[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    for _ in figures.len() - at..width {
        out.push('0');
    }
    out.extend(figures[at..].iter().map(|digit| char::from(*digit)));
}

/// From Sunday, 0.
fn weekday(date: Date) -> usize {
    match date.weekday() {
        Weekday::Sunday => 0,
        Weekday::Monday => 1,
        Weekday::Tuesday => 2,
        Weekday::Wednesday => 3,
        Weekday::Thursday => 4,
        Weekday::Friday => 5,
        Weekday::Saturday => 6,
    }
}

#[derive(Debug, Clone, Default)]
struct Parts {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    weekday: Option<usize>,
    hour: Option<i8>,
    /// Of a clock with twelve hours.
    hour12: Option<i8>,
    afternoon: Option<bool>,
    minute: i8,
    second: i8,
    nanosecond: i32,
    /// Minutes east of UTC.
    offset: Option<i32>,
}

#[derive(Debug, Clone)]
struct Reading<'t> {
    text: &'t str,
    at: usize,
    inner_white: bool,
    parts: Parts,
}

impl<'t> Reading<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            inner_white: false,
            parts: Parts::default(),
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn eat(&mut self, text: &str) -> bool {
        let eaten = self.rest().starts_with(text);
        if eaten {
            self.at += text.len();
        }
        eaten
    }

    /// At least one space.
    fn spaces(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start().len();
        self.at += length;
        length > 0
    }

    fn all(&mut self, format: &str) -> Read<()> {
        let mut rest = format;
        if rest.is_empty() {
            return Err(Wrong::Format);
        }
        while !rest.is_empty() {
            let (next, behind) = piece(rest)?;
            rest = behind;
            if self.inner_white {
                self.spaces();
            }
            match next {
                // Spaces may stand anywhere: they need not stand where the format has one.
                Piece::Text(" ") if self.inner_white => {}
                Piece::Text(text) if self.eat(text) => {}
                // A fraction that may be missing takes its point with it.
                Piece::Text(".") if rest.starts_with('F') => {
                    rest = rest.trim_start_matches('F');
                }
                Piece::Text(_) => return Err(Wrong::Date),
                Piece::Letter(letter, count) => self.one(letter, count)?,
            }
        }
        Ok(())
    }

    fn one(&mut self, letter: char, count: usize) -> Read<()> {
        // A single letter takes one digit or two.
        let width = if count == 1 { 1..=2 } else { 2..=2 };
        match (letter, count) {
            ('y', 1 | 2) => {
                let short = self.small(width)?;
                // As .NET's calendars have it: up to 2029.
                let century = if short <= 29 { 2000 } else { 1900 };
                self.parts.year = Some(century + i16::from(short));
            }
            ('y', count) => {
                let year = self.digits(count..=count)?;
                self.parts.year = Some(i16::try_from(year).map_err(|_| Wrong::Date)?);
            }
            ('M', 1 | 2) => self.parts.month = Some(self.small(width)?),
            ('M', count) => {
                let at = self.name(&MONTHS, count == 3)?;
                self.parts.month = Some(i8::try_from(at + 1).unwrap_or_default());
            }
            ('d', 1 | 2) => self.parts.day = Some(self.small(width)?),
            ('d', count) => self.parts.weekday = Some(self.name(&DAYS, count == 3)?),
            ('H', _) => self.parts.hour = Some(self.small(width)?),
            ('h', _) => {
                let hour = self.small(width)?;
                if !(1..=12).contains(&hour) {
                    return Err(Wrong::Date);
                }
                self.parts.hour12 = Some(hour % 12);
            }
            ('m', _) => self.parts.minute = self.small(width)?,
            ('s', _) => self.parts.second = self.small(width)?,
            ('f', 1..=7) => {
                let digits = self.run(count..=count)?;
                self.parts.nanosecond = nanoseconds(digits);
            }
            ('F', 1..=7) => {
                let digits = self.run(0..=count)?;
                self.parts.nanosecond = nanoseconds(digits);
            }
            ('t', count) => {
                let names = if count == 1 { ["A", "P"] } else { ["AM", "PM"] };
                let rest = self.rest();
                let found = names.iter().position(|name| {
                    let start = rest.get(..name.len());
                    start.is_some_and(|start| start.eq_ignore_ascii_case(name))
                });
                let found = found.ok_or(Wrong::Date)?;
                self.at += names[found].len();
                self.parts.afternoon = Some(found == 1);
            }
            ('K', _) => {
                if !self.rest().is_empty() {
                    self.offset()?;
                }
            }
            ('z', _) => self.offset()?,
            ('g', _) => {
                if !self.eat("A.D.") && !self.eat("AD") {
                    return Err(Wrong::Date);
                }
            }
            _ => return Err(Wrong::Format),
        }
        Ok(())
    }

    fn run(&mut self, width: std::ops::RangeInclusive<usize>) -> Read<&'t str> {
        let rest = self.rest();
        let most = rest.bytes().take(*width.end());
        let length = most.take_while(u8::is_ascii_digit).count();
        if !width.contains(&length) {
            return Err(Wrong::Date);
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn digits(&mut self, width: std::ops::RangeInclusive<usize>) -> Read<u32> {
        self.run(width)?.parse().map_err(|_| Wrong::Date)
    }

    fn small(&mut self, width: std::ops::RangeInclusive<usize>) -> Read<i8> {
        i8::try_from(self.digits(width)?).map_err(|_| Wrong::Date)
    }

    fn name(&mut self, names: &[&str], short: bool) -> Read<usize> {
        let rest = self.rest();
        let found = names.iter().position(|name| {
            let name = if short { &name[..3] } else { name };
            let start = rest.get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name))
        });
        let found = found.ok_or(Wrong::Date)?;
        self.at += if short { 3 } else { names[found].len() };
        Ok(found)
    }

    /// `.5` behind seconds.
    fn fraction(&mut self) {
        let at = self.at;
        if self.eat(".") {
            match self.run(1..=9) {
                Ok(digits) => self.parts.nanosecond = nanoseconds(digits),
                Err(_) => self.at = at,
            }
        }
    }

    /// `Z`, `+05`, `+0530` or `-07:00`.
    fn offset(&mut self) -> Read<()> {
        if self.eat("Z") {
            self.parts.offset = Some(0);
            return Ok(());
        }
        let sign = if self.eat("+") {
            1
        } else if self.eat("-") {
            -1
        } else {
            return Err(Wrong::Date);
        };
        let hours = self.digits(1..=2)?;
        self.eat(":");
        let minutes = match self.rest().bytes().next() {
            Some(digit) if digit.is_ascii_digit() => self.digits(2..=2)?,
            _ => 0,
        };
        if hours > 14 || minutes > 59 {
            return Err(Wrong::Date);
        }
        let minutes = i32::try_from(hours * 60 + minutes).map_err(|_| Wrong::Date)?;
        self.parts.offset = Some(sign * minutes);
        Ok(())
    }

    /// What was read, in UTC. The date must be whole.
    fn whole(self) -> Read<DateTime> {
        let Parts {
            year: Some(year),
            month: Some(month),
            day: Some(day),
            ..
        } = self.parts
        else {
            return Err(Wrong::Date);
        };
        self.on(Date::new(year, month, day).map_err(|_| Wrong::Date)?)
    }

    /// The same; what the date lacks comes from today, as in .NET.
    fn done(self, today: impl FnOnce(bool) -> Date) -> Read<DateTime> {
        let date = match (self.parts.year, self.parts.month, self.parts.day) {
            (None, None, None) => today(true),
            (Some(year), month, day) => {
                Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).map_err(|_| Wrong::Date)?
            }
            (None, month, day) => {
                let year = today(false).year();
                Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).map_err(|_| Wrong::Date)?
            }
        };
        self.on(date)
    }

    fn on(self, date: Date) -> Read<DateTime> {
        let parts = self.parts;
        if parts.weekday.is_some_and(|day| day != weekday(date)) {
            return Err(Wrong::Date);
        }
        let hour = match (parts.hour, parts.hour12, parts.afternoon) {
            // `13:00 PM` says the same twice, `13:00 AM` contradicts itself.
            (Some(hour), _, Some(afternoon)) if (hour >= 12) != afternoon => {
                return Err(Wrong::Date);
            }
            (None, Some(hour), Some(true)) => hour + 12,
            (Some(hour), _, _) | (None, Some(hour), None | Some(false)) => hour,
            (None, None, Some(true)) => 12,
            (None, None, _) => 0,
        };
        let time = Time::new(hour, parts.minute, parts.second, parts.nanosecond);
        let at = date.to_datetime(time.map_err(|_| Wrong::Date)?);
        let Some(minutes) = parts.offset.filter(|minutes| *minutes != 0) else {
            return in_range(at);
        };
        let moved = at.checked_sub(SignedDuration::from_mins(minutes.into()));
        in_range(moved.map_err(|_| Wrong::Date)?)
    }
}

fn nanoseconds(digits: &str) -> i32 {
    let mut value = 0;
    for place in 0..9 {
        let digit = digits
            .as_bytes()
            .get(place)
            .map_or(0, |d| i32::from(d - b'0'));
        value = value * 10 + digit;
    }
    value
}

/// Some intervals later, or earlier. Months end where they end: 31 January and a month is the
/// last of February.
pub(super) fn add(interval: &str, count: i64, at: DateTime) -> Read<DateTime> {
    let far = |_| Wrong::Date;
    let moved = match interval {
        "yyyy" => at.checked_add(count.clamp(-19_998, 19_998).years()),
        "m" => at.checked_add(count.clamp(-239_976, 239_976).months()),
        "d" => at.checked_add(days(count)?),
        "ww" => at.checked_add(days(count.checked_mul(7).ok_or(Wrong::Date)?)?),
        "h" => at.checked_add(seconds(count, 3600)?),
        "n" => at.checked_add(seconds(count, 60)?),
        "s" => at.checked_add(seconds(count, 1)?),
        _ => return Err(Wrong::Interval),
    };
    in_range(moved.map_err(far)?)
}

fn days(count: i64) -> Read<SignedDuration> {
    seconds(count, 86_400)
}

fn seconds(count: i64, each: i64) -> Read<SignedDuration> {
    let seconds = count.checked_mul(each).ok_or(Wrong::Date)?;
    Ok(SignedDuration::from_secs(seconds))
}

/// How `DateDiff` counts days, hours and minutes: the one point on which readings of the
/// reference differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateDiffReading {
    /// Whole ones that went by, as .NET's Visual Basic library counts.
    #[default]
    Elapsed,
    /// Midnights, full hours and full minutes passed, as VBA counts.
    Boundaries,
}

/// From the first to the second: whole intervals; negative when the second is earlier.
pub(super) fn difference(
    interval: &str,
    from: DateTime,
    to: DateTime,
    reading: DateDiffReading,
) -> Read<i64> {
    let whole = |at: DateTime| {
        let since = at.duration_since(DateTime::constant(1, 1, 1, 0, 0, 0, 0));
        since.as_secs()
    };
    let count = |each: i64| match reading {
        DateDiffReading::Elapsed => {
            let elapsed = to.duration_since(from);
            elapsed.as_secs() / each
        }
        DateDiffReading::Boundaries => whole(to).div_euclid(each) - whole(from).div_euclid(each),
    };
    let (a, b) = (from, to);
    Ok(match interval {
        "yyyy" => i64::from(b.year()) - i64::from(a.year()),
        "m" => {
            let months = |at: DateTime| i64::from(at.year()) * 12 + i64::from(at.month());
            months(b) - months(a)
        }
        // Weeks that begin on a Sunday, by the calendar. The first of January of year 1 was a
        // Monday.
        "ww" => {
            let week = |at: DateTime| (whole(at).div_euclid(86_400) + 1).div_euclid(7);
            week(b) - week(a)
        }
        "d" => count(86_400),
        "h" => count(3600),
        "n" => count(60),
        "s" => count(1),
        _ => return Err(Wrong::Interval),
    })
}

/// Seconds from 1601-01-01 to 1970-01-01.
const FILETIME_EPOCH: i64 = 11_644_473_600;
/// Of 100 nanoseconds each.
const TICKS: i64 = 10_000_000;

/// As AD's file times count.
pub(super) fn to_file_time(at: DateTime) -> Read<i64> {
    let since = at.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    let seconds = since.as_secs() + FILETIME_EPOCH;
    let ticks = seconds
        .checked_mul(TICKS)
        .and_then(|ticks| ticks.checked_add(i64::from(since.subsec_nanos()) / 100));
    ticks.filter(|ticks| *ticks >= 0).ok_or(Wrong::Date)
}

/// And back.
pub(super) fn from_file_time(ticks: i64) -> Read<DateTime> {
    if ticks < 0 {
        return Err(Wrong::Date);
    }
    let nanos = i32::try_from(ticks % TICKS * 100).unwrap_or_default();
    let since = SignedDuration::new(ticks / TICKS - FILETIME_EPOCH, nanos);
    let at = DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(since);
    in_range(at.map_err(|_| Wrong::Date)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime {
        text.parse().unwrap()
    }

    #[test]
    fn dates_come_in_many_forms() {
        for (text, expect) in [
            ("2020-03-16-07:00", "2020-03-16T07:00:00"),
            ("2021-06-30+08:00", "2021-06-29T16:00:00"),
            ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00"),
            ("2024-02-29T12:00:00.25+0100", "2024-02-29T11:00:00.25"),
            ("2020-12-31 23:59:59-08:00", "2021-01-01T07:59:59"),
            ("2024-02-29 12:00", "2024-02-29T12:00:00"),
            ("8/25/2021 5:41:18 PM", "2021-08-25T17:41:18"),
            ("12/31/2025 12:00:00 AM", "2025-12-31T00:00:00"),
            ("12/31/2025 12:30 PM", "2025-12-31T12:30:00"),
            ("08/05/2021", "2021-08-05T00:00:00"),
            ("8/25/2021 17:41", "2021-08-25T17:41:00"),
            ("5 Mar 2024", "2024-03-05T00:00:00"),
            ("March 5, 2024", "2024-03-05T00:00:00"),
            ("Tue, 05 Mar 2024 10:00:00 GMT", "2024-03-05T10:00:00"),
            (" 2024-1-5 ", "2024-01-05T00:00:00"),
            ("0001-01-01", "0001-01-01T00:00:00"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59"),
        ] {
            assert_eq!(read(text), Ok(at(expect)), "{text}");
        }
        for none in [
            "",
            "not a date",
            "2024-13-01",
            "2024-02-30",
            "2024-02-29x",
            "24-01-01",
            "13/13/2024",
            "2024-01-01T25:00:00",
            "2024-01-01+15:00",
            "9999-12-31T23:59:59-01:00",
            "0001-01-01+01:00",
            "Mon, 05 Mar 2024 10:00:00 GMT",
            "20240305",
            "2024-01-01T",
            "8/25/2021 13:00 AM",
        ] {
            assert_eq!(read(none), Err(Wrong::Date), "{none}");
        }
    }

    #[test]
    fn formats_are_those_of_dotnet() {
        let today = Date::constant(2026, 3, 16);
        for (text, format, expect) in [
            (
                "20150123105347.1Z",
                "yyyyMMddHHmmss.fZ",
                "2015-01-23T10:53:47.1",
            ),
            ("2024-04-02-07:00", "yyyy-MM-ddzzz", "2024-04-02T07:00:00"),
            (
                "7/4/2024 01:05:09 PM",
                "M/d/yyyy hh:mm:ss tt",
                "2024-07-04T13:05:09",
            ),
            ("12:30", "hh:mm", "2026-03-16T00:30:00"),
            ("05/99", "MM/yy", "1999-05-01T00:00:00"),
            ("29", "yy", "2029-01-01T00:00:00"),
            (
                "Tuesday 5 march 2024",
                "dddd d MMMM yyyy",
                "2024-03-05T00:00:00",
            ),
            (
                "2024-03-05T10:00:00Z",
                "yyyy-MM-ddTHH:mm:ssK",
                "2024-03-05T10:00:00",
            ),
            (
                "2024-03-05T10:00:00",
                "yyyy-MM-ddTHH:mm:ssK",
                "2024-03-05T10:00:00",
            ),
            ("5h", "%d'h'", "2026-01-05T00:00:00"),
            ("on 5", "\\o\\n d", "2026-01-05T00:00:00"),
            ("03/05/2024", "d", "2024-03-05T00:00:00"),
            ("2024-03-05T10:00:00", "s", "2024-03-05T10:00:00"),
            (" 2024-03-05 ", "yyyy-MM-dd", "2024-03-05T00:00:00"),
            ("1.5", "d.FFF", "2026-01-01T00:00:00.5"),
        ] {
            assert_eq!(
                read_as(text, format, White::default(), |_| today).map(|read| read.at),
                Ok(at(expect)),
                "{text} {format}"
            );
        }
        for (text, format) in [
            ("07.03.2024", "yyyy-MM-dd"),
            ("2024-3-5", "yyyy-MM-dd"),
            ("2024-03-05 ", "yyyy-MM-dd HH"),
            ("13:00 PM", "hh:mm tt"),
            ("Monday 5 March 2024", "dddd d MMMM yyyy"),
        ] {
            assert_eq!(
                read_as(text, format, White::default(), |_| today),
                Err(Wrong::Date),
                "{text} {format}"
            );
        }
        let strict = White {
            leading: false,
            trailing: false,
            inner: false,
        };
        let inner = White {
            inner: true,
            ..strict
        };
        for (text, white, good) in [
            ("2020-03-16", strict, true),
            (" 2020-03-16", strict, false),
            ("2020-03-16 ", strict, false),
            ("2020- 03-16", White::default(), false),
            ("2020- 03 -16", inner, true),
        ] {
            let read = read_as(text, "yyyy-MM-dd", white, |_| today);
            assert_eq!(read.is_ok(), good, "{text:?} {white:?}");
        }
        // The point goes with the fraction.
        let noon = read_as("05:06:07", "HH:mm:ss.FFF", White::default(), |_| today).unwrap();
        assert_eq!(print_as(noon, "ss.FFF|").unwrap(), "07|");
        assert_eq!(print_as(noon, "ss.fff|").unwrap(), "07.000|");
        assert_eq!(
            read_as("x", "'x", White::default(), |_| today),
            Err(Wrong::Format)
        );
        let moment = Exact {
            at: at("2024-03-05T00:07:09.0123456"),
            zoned: true,
        };
        let local = Exact {
            zoned: false,
            ..moment
        };
        assert_eq!(print_as(local, "ssK").as_deref(), Ok("09"));
        // One character that names no standard format is none.
        assert_eq!(print_as(local, "h"), Err(Wrong::Format));
        assert_eq!(print_as(local, "%h").as_deref(), Ok("12"));
        assert_eq!(print_as(local, "%dd").as_deref(), Ok("55"));
        for (format, expect) in [
            ("d", "03/05/2024"),
            ("%d", "5"),
            ("ddd d MMM yy", "Tue 5 Mar 24"),
            ("dddd, MMMM", "Tuesday, March"),
            ("h:m:s t", "12:7:9 A"),
            ("HH:mm:ss.fff", "00:07:09.012"),
            ("ss.FFFFFFF", "09.0123456"),
            ("yyyyMMddHHmmss.fZ", "20240305000709.0Z"),
            ("o", "2024-03-05T00:07:09.0123456Z"),
            ("yyyyy zzz", "02024 +00:00"),
            ("'d' \"M\" \\y", "d M y"),
        ] {
            assert_eq!(print_as(moment, format).as_deref(), Ok(expect), "{format}");
        }
        assert_eq!(print_as(moment, "ffffffff"), Err(Wrong::Format));
    }

    #[test]
    fn differences_have_two_readings() {
        use DateDiffReading::{Boundaries, Elapsed};
        let (late, early) = (at("2024-01-01T23:00:00"), at("2024-01-02T01:00:00"));
        assert_eq!(difference("d", late, early, Elapsed), Ok(0));
        assert_eq!(difference("d", late, early, Boundaries), Ok(1));
        assert_eq!(difference("d", early, late, Boundaries), Ok(-1));
        // 7 January 2024 was a Sunday.
        let (saturday, sunday) = (at("2024-01-06T23:59:00"), at("2024-01-07T00:00:00"));
        assert_eq!(difference("ww", saturday, sunday, Elapsed), Ok(1));
        assert_eq!(
            difference("x", saturday, sunday, Elapsed),
            Err(Wrong::Interval)
        );
    }

    #[test]
    fn nothing_leaves_the_years_that_dotnet_knows() {
        let end = at("9999-12-31T00:00:00");
        for interval in ["yyyy", "m", "d", "ww", "h", "n", "s"] {
            for count in [i64::MAX, i64::MIN, 1 << 40] {
                assert_eq!(
                    add(interval, count, end),
                    Err(Wrong::Date),
                    "{interval} {count}"
                );
            }
        }
        assert_eq!(from_file_time(i64::MAX), Err(Wrong::Date));
        assert_eq!(from_file_time(-1), Err(Wrong::Date));
        assert_eq!(to_file_time(at("1600-12-31T00:00:00")), Err(Wrong::Date));
        assert_eq!(to_file_time(at("1601-01-01T00:00:00")), Ok(0));
    }
}
