//! Numbers as a person would write them, and number formats as far as they change what is seen.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Digits that a spreadsheet keeps. What a whole number has beyond is not what was typed.
pub(super) const DIGITS: usize = 15;
/// A whole number of more places with no more digits than this before its zeros was written so by a
/// program: what a person typed and a spreadsheet cut has more.
const ROUND: usize = 8;
/// Up to here every whole number is exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Writes a number that the file holds as text; whether digits were lost. `None`: no number.
#[cfg(test)]
pub(super) fn write_text(to: &mut String, raw: &str) -> Option<bool> {
    if as_written(raw.as_bytes()) {
        to.push_str(raw);
        return Some(false);
    }
    let value: f64 = raw.parse().ok()?;
    write(to, value)
}

/// Whether the text is already the shortest form: `12`, `-0.8`, but not `1.0`, `007`, `1E5`.
pub(super) fn as_written(raw: &[u8]) -> bool {
    let body = raw.strip_prefix(b"-").unwrap_or(raw);
    if body.len() > 15 {
        return false;
    }
    let whole = body
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(body.len());
    let lead = match &body[..whole] {
        [] => false,
        [b'0'] => true,
        [first, ..] => *first != b'0',
    };
    match &body[whole..] {
        [] => lead && raw != b"-0",
        [b'.', part @ ..] => {
            lead && part.last().is_some_and(|b| *b != b'0') && part.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// Writes a number; whether digits were lost. `None`: no number.
pub(super) fn write(to: &mut String, value: f64) -> Option<bool> {
    if !value.is_finite() {
        return None;
    }
    let start = to.len();
    let whole = value.fract() == 0.0;
    let size = value.abs();
    if value == 0.0 {
        to.push('0');
    } else if whole && size < 1e21 {
        // The shortest digits that read back as the same number, and zeros.
        let _ = write!(to, "{value}");
    } else if size >= 1e21 {
        let _ = write!(to, "{value:E}");
    } else {
        rounded(to, value);
    }
    let round = || {
        let digits = to[start..].trim_start_matches('-');
        size < EXACT && digits.trim_end_matches('0').len() <= ROUND
    };
    Some(whole && size >= 1e15 && !round())
}

/// A fraction with the digits that a spreadsheet shows: 0.1 + 0.2 is 0.3.
fn rounded(to: &mut String, value: f64) {
    let text = format!("{:.*e}", DIGITS - 1, value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value < 0.0 {
        to.push('-');
    }
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    if exponent < -15 {
        let (first, rest) = digits.split_at(digits.len().min(1));
        let point = if rest.is_empty() { "" } else { "." };
        let _ = write!(to, "{first}{point}{rest}E{exponent}");
        return;
    }
    if exponent < 0 {
        to.push_str("0.");
        for _ in 1..-exponent {
            to.push('0');
        }
        to.push_str(digits);
        return;
    }
    let before = usize::try_from(exponent + 1).unwrap_or(0);
    if digits.len() <= before {
        let _ = write!(to, "{digits:0<before$}");
    } else {
        let (whole, part) = digits.split_at(before);
        let _ = write!(to, "{whole}.{part}");
    }
}

/// What a number format makes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A number.
    Plain,
    /// A day, perhaps with a time.
    Day,
    /// A time of day.
    Time,
    /// A length of time.
    Duration,
    /// A whole number in a mask such as `00000`; which one.
    Masked(u32),
}

/// The number formats of a workbook, by the style a cell names.
#[derive(Debug, Default)]
pub(super) struct Styles {
    shapes: Vec<Shape>,
    masks: Vec<Mask>,
}

impl Styles {
    /// From the format of each style, and the codes of the formats that are not built in.
    pub(super) fn new(formats: &[u16], codes: &BTreeMap<u16, String>) -> Self {
        let mut styles = Self::default();
        let mut known: BTreeMap<u16, Shape> = BTreeMap::new();
        for id in formats {
            let shape = *known.entry(*id).or_insert_with(|| match codes.get(id) {
                Some(code) => styles.shape(code),
                None => built_in(*id),
            });
            styles.shapes.push(shape);
        }
        styles
    }

    fn shape(&mut self, code: &str) -> Shape {
        if let Some(mask) = Mask::parse(code) {
            self.masks.push(mask);
            return Shape::Masked(u32::try_from(self.masks.len() - 1).unwrap_or(0));
        }
        time_shape(code)
    }

    /// A style that does not exist is no style.
    pub(super) fn of(&self, style: usize) -> Shape {
        self.shapes.get(style).copied().unwrap_or(Shape::Plain)
    }

    /// Writes what the mask shows, where that is something else than the number; says whether.
    pub(super) fn show(&self, mask: u32, number: &str, to: &mut String) -> bool {
        let mask = self.masks.get(mask as usize);
        mask.is_some_and(|m| m.show(number, to))
    }
}

/// The formats that have a number and no code (ECMA-376 part 1, 18.8.30). Of those that differ by
/// language 32 and 33 are times in all of them.
fn built_in(id: u16) -> Shape {
    match id {
        14..=17 | 22 | 27..=31 | 34..=36 | 50..=58 => Shape::Day,
        18..=21 | 32 | 33 | 45 | 47 => Shape::Time,
        46 => Shape::Duration,
        _ => Shape::Plain,
    }
}

/// Of a format code's first section: whether it shows days, times, or neither.
fn time_shape(code: &str) -> Shape {
    let mut days = false;
    let mut times = false;
    let mut months = 0_usize;
    let mut letters = code.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter.to_ascii_lowercase() {
            '"' => {
                letters.by_ref().find(|c| *c == '"');
            }
            // The next one is a literal, a width or a filler.
            '\\' | '_' | '*' => {
                letters.next();
            }
            '[' => {
                let inside: String = letters.by_ref().take_while(|c| *c != ']').collect();
                let unit = inside.to_ascii_lowercase();
                let same = |of: char| !unit.is_empty() && unit.chars().all(|c| c == of);
                if same('h') || same('m') || same('s') {
                    return Shape::Duration;
                }
            }
            ';' => break,
            'h' | 's' => times = true,
            'm' => {
                let mut run = 1;
                while letters.next_if(|c| c.eq_ignore_ascii_case(&'m')).is_some() {
                    run += 1;
                }
                months = months.max(run);
            }
            // AM/PM, A/P.
            'a' => {
                letters.next_if(|c| c.eq_ignore_ascii_case(&'m'));
                if letters.next_if_eq(&'/').is_none() {
                    return Shape::Plain;
                }
                letters.next_if(|c| c.eq_ignore_ascii_case(&'p'));
                letters.next_if(|c| c.eq_ignore_ascii_case(&'m'));
                times = true;
            }
            // `0.00E+00` is a number; an `e` elsewhere is the year of an era.
            'e' if matches!(letters.peek(), Some('+' | '-')) => return Shape::Plain,
            'y' | 'd' | 'e' | 'g' | 'b' => days = true,
            // `General`, `Standard`: no letters of a date.
            other if other.is_ascii_alphabetic() => return Shape::Plain,
            _ => {}
        }
    }
    if days || months > 2 || (months > 0 && !times) {
        Shape::Day
    } else if times {
        Shape::Time
    } else {
        Shape::Plain
    }
}

/// A mask for whole numbers: places for digits, and text between them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mask {
    parts: Vec<Part>,
    places: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `0`: a digit, or a zero.
    Digit,
    /// `#`: a digit, or nothing.
    Free,
    Literal(char),
}

impl Mask {
    /// Most of a mask: longer ones show no key.
    const PARTS_MAX: usize = 64;

    /// `None` where the code is no such mask, or shows numbers as they are.
    fn parse(code: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut letters = code.chars();
        let mut quoted = false;
        while let Some(letter) = letters.next() {
            if parts.len() > Self::PARTS_MAX {
                return None;
            }
            match letter {
                '"' => quoted = !quoted,
                _ if quoted => parts.push(Part::Literal(letter)),
                ';' => break,
                '0' => parts.push(Part::Digit),
                '#' => parts.push(Part::Free),
                '\\' => parts.push(Part::Literal(letters.next()?)),
                '_' => {
                    letters.next()?;
                }
                '-' | ' ' | '(' | ')' | ':' => parts.push(Part::Literal(letter)),
                _ => return None,
            }
        }
        let zeros = parts.iter().filter(|p| **p == Part::Digit).count();
        let named = parts
            .iter()
            .any(|p| matches!(p, Part::Literal(c) if c.is_alphanumeric()));
        let places = parts
            .iter()
            .filter(|p| !matches!(p, Part::Literal(_)))
            .count();
        let tells = zeros > 1 || (zeros == 1 && named);
        tells.then_some(Self { parts, places })
    }

    fn show(&self, number: &str, to: &mut String) -> bool {
        let digits = number.as_bytes();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return false;
        }
        let start = to.len();
        let extra = digits.len().saturating_sub(self.places);
        let mut place = 0;
        for part in &self.parts {
            if let Part::Literal(letter) = part {
                to.push(*letter);
                continue;
            }
            if place == 0 {
                to.push_str(&number[..extra]);
            }
            // Digits fill the places from the right.
            let from_right = self.places - place;
            place += 1;
            match digits.len().checked_sub(from_right) {
                Some(at) => to.push(char::from(digits[at])),
                None if *part == Part::Digit => to.push('0'),
                None => {}
            }
        }
        let differs = &to[start..] != number;
        if !differs {
            to.truncate(start);
        }
        differs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for (raw, text, lost) in [
            ("0", "0", false),
            ("-0", "0", false),
            ("123", "123", false),
            ("123.0", "123", false),
            ("1E5", "100000", false),
            ("007", "7", false),
            ("0.8", "0.8", false),
            ("-0.5", "-0.5", false),
            (".5", "0.5", false),
            ("0.30000000000000004", "0.3", false),
            ("1.1000000000000001", "1.1", false),
            ("37.500000000000007", "37.5", false),
            ("99999999999999.98", "99999999999999.98", false),
            ("123456789012.5", "123456789012.5", false),
            ("0.99999999999999999", "1", false),
            ("1E-5", "0.00001", false),
            ("1.5E-20", "1.5E-20", false),
            ("4722864100", "4722864100", false),
            ("123456789012345", "123456789012345", false),
            ("1234567890123456", "1234567890123456", true),
            ("1.234567890123457E+17", "123456789012345700", true),
            ("1.23456789012345E+17", "123456789012345000", true),
            ("1E300", "1E300", true),
            ("1E15", "1000000000000000", false),
            ("-1.5E15", "-1500000000000000", false),
            ("1E16", "10000000000000000", true),
            ("4000123400010000", "4000123400010000", true),
        ] {
            let mut to = String::new();
            assert_eq!(write_text(&mut to, raw), Some(lost), "{raw}");
            if raw == "99999999999999.98" {
                // 15 digits are kept.
                assert_eq!(to, "100000000000000");
            } else {
                assert_eq!(to, text, "{raw}");
            }
        }
        for raw in ["", "abc", "NaN", "inf", "1E999", "1,5", "0x10", " 1"] {
            assert_eq!(write_text(&mut String::new(), raw), None, "{raw}");
        }
    }

    #[test]
    fn format_codes_tell_days_from_times_and_numbers() {
        for (code, shape) in [
            ("General", Shape::Plain),
            ("Standard", Shape::Plain),
            ("0.00", Shape::Plain),
            ("0.00E+00", Shape::Plain),
            ("#,##0\\ [$\u{20bd}-46D]", Shape::Plain),
            ("\"Y: \"0.00\"m\"", Shape::Plain),
            ("#,##0*y", Shape::Plain),
            ("[Red]0", Shape::Plain),
            ("@", Shape::Plain),
            ("", Shape::Plain),
            ("[", Shape::Plain),
            ("\"", Shape::Plain),
            ("DD/MM/YY", Shape::Day),
            ("[$-F800]dddd, mmmm dd, yyyy", Shape::Day),
            ("mmm-yy", Shape::Day),
            ("mmmm", Shape::Day),
            ("yyyy-mm-dd hh:mm", Shape::Day),
            ("[$-404]e\"x\"m\"x\"d\"x\"", Shape::Day),
            ("h:mm", Shape::Time),
            ("H:MM:SS;@", Shape::Time),
            ("h:mm AM/PM", Shape::Time),
            ("mm:ss.0", Shape::Time),
            ("[h]:mm:ss", Shape::Duration),
            ("[Blue]\\+[h]:mm;[Red]\\-[h]:mm", Shape::Duration),
            ("[ss]", Shape::Duration),
        ] {
            assert_eq!(time_shape(code), shape, "{code}");
        }
    }

    #[test]
    fn masks_show_what_people_see() {
        for (code, number, shown) in [
            ("00000", "123", Some("00123")),
            ("00000", "123456", None),
            ("00000", "12345", None),
            ("000-00-0000", "12345678", Some("012-34-5678")),
            ("\"E\"0000", "12", Some("E0012")),
            ("\\E0", "12", Some("E12")),
            ("#0000", "7", Some("0007")),
            ("00000", "-5", None),
            ("00000", "0.5", None),
            ("000000;-000000", "42", Some("000042")),
        ] {
            let mask = Mask::parse(code).expect("a mask");
            let mut to = String::from("before");
            let told = mask.show(number, &mut to);
            assert_eq!(
                told.then(|| &to["before".len()..]),
                shown,
                "{code} {number}"
            );
        }
        for code in ["0", "#", "General", "0.00", "#,##0", "0%", "@", "", "dd"] {
            assert_eq!(Mask::parse(code), None, "{code}");
        }
    }
}
