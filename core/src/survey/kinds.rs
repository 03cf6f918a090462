//! What a single value is: a number, a day, an address, a word.
//!
//! Invariant: a value is looked at and forgotten; what it is says nothing of what it says.

use super::days::{self, Day};

/// What stands before a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    Dot,
    Comma,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// A word for "nothing".
    Missing,
    /// A day that stands for none.
    NoDay,
    Day(Day),
    /// Digits alone.
    Digits,
    /// A number with a fraction or groups; which point, where that can be told.
    Decimal(Option<Point>),
    /// What a spreadsheet made of a long number.
    Scientific,
    Boolean,
    Email,
    Url,
    Country,
    Zone,
    Phone,
    Text,
}

/// Words that people and systems write where there is nothing.
const MISSING: [&str; 24] = [
    "null",
    "(null)",
    "nil",
    "n/a",
    "#n/a",
    "#na",
    "nan",
    "none",
    "-",
    "--",
    "---",
    "?",
    "(blank)",
    "(leer)",
    "(empty)",
    "#value!",
    "#ref!",
    "#name?",
    "#div/0!",
    "#null!",
    "undefined",
    "n.v.t.",
    "k. a.",
    "k.a.",
];

const BOOLEAN: [&str; 16] = [
    "true", "false", "yes", "no", "y", "n", "ja", "nein", "oui", "non", "si", "sí", "nee", "nej",
    "nei", "wahr",
];

/// ISO 3166-1 alpha-2, and `UK`, which people write for `GB`.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ \
    BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE \
    DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR \
    GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP \
    KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
    MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG \
    TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW \
    UK";

/// Whether two letters are a country.
pub(super) fn is_country(text: &str) -> bool {
    text.len() == 2
        && text.bytes().all(|byte| byte.is_ascii_uppercase())
        && COUNTRIES.split_ascii_whitespace().any(|it| it == text)
}

fn is_word(words: &[&str], text: &str) -> bool {
    text.len() <= 10 && words.iter().any(|it| it.eq_ignore_ascii_case(text))
}

/// What a value is that is not empty.
pub(super) fn look(text: &str) -> Look {
    let bytes = text.as_bytes();
    let count = |wanted: fn(&u8) -> bool| bytes.iter().filter(|byte| wanted(byte)).count();
    let numbers = count(u8::is_ascii_digit);
    if numbers == 0 {
        return of_letters(text);
    }
    if days::stands_for_none(text) {
        return Look::NoDay;
    }
    if numbers == bytes.len() {
        return Look::Digits;
    }
    let first = bytes[0];
    if first.is_ascii_digit()
        && let Some(day) = days::day(text)
    {
        return Look::Day(day);
    }
    if scientific(text) {
        return Look::Scientific;
    }
    if let Some(point) = decimal(text) {
        return Look::Decimal(point);
    }
    if is_phone(text, numbers) {
        return Look::Phone;
    }
    if bytes.contains(&b'@') && is_email(text) {
        return Look::Email;
    }
    if is_url(text) { Look::Url } else { Look::Text }
}

/// Of a value without digits.
fn of_letters(text: &str) -> Look {
    if is_word(&MISSING, text) {
        Look::Missing
    } else if is_word(&BOOLEAN, text) {
        Look::Boolean
    } else if is_country(text) {
        Look::Country
    } else if text.contains('@') && is_email(text) {
        Look::Email
    } else if is_url(text) {
        Look::Url
    } else if (text.contains('/') || text == "UTC") && is_zone(text) {
        Look::Zone
    } else {
        Look::Text
    }
}

pub(super) fn is_zone(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && jiff::tz::db().get(text).is_ok()
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    !local.is_empty()
        && !local.contains(char::is_whitespace)
        && domain.contains('.')
        && domain.split('.').all(label)
}

fn is_url(text: &str) -> bool {
    ["http://", "https://", "www."]
        .iter()
        .any(|it| text.starts_with(it))
}

/// `1.00235E+05`.
fn scientific(text: &str) -> bool {
    let Some((number, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mantissa = number
        .split_once(['.', ','])
        .map_or_else(|| digits(number), |(a, b)| digits(a) && digits(b));
    let exponent = exponent.strip_prefix(['+', '-']);
    mantissa && exponent.is_some_and(digits)
}

/// The point of a number; `Some(None)` where a group looks like a fraction.
#[expect(
    clippy::option_option,
    reason = "no number, and a number whose point nobody knows, are two things"
)]
fn decimal(text: &str) -> Option<Option<Point>> {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let signed = rest.len() < text.len();
    if !rest
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'.' || b == b',')
    {
        return None;
    }
    let last = rest.rfind(['.', ',']);
    let Some(last) = last else {
        return signed.then_some(None);
    };
    let (whole, behind) = (&rest[..last], &rest[last + 1..]);
    let point = |at: usize| {
        if rest.as_bytes()[at] == b'.' {
            Point::Dot
        } else {
            Point::Comma
        }
    };
    if behind.is_empty() || whole.is_empty() {
        return None;
    }
    let mut groups = whole.split(['.', ',']);
    let first = groups.next().unwrap_or_default();
    let others: Vec<&str> = groups.collect();
    let grouped = (1..=3).contains(&first.len()) && others.iter().all(|it| it.len() == 3);
    if others.is_empty() {
        let group = behind.len() == 3 && first.len() <= 3 && first != "0";
        return Some((!group).then(|| point(last)));
    }
    if !grouped {
        return None;
    }
    let separator = whole.as_bytes()[first.len()];
    let same = whole
        .bytes()
        .filter(|b| !b.is_ascii_digit())
        .all(|b| b == separator);
    if !same {
        return None;
    }
    if separator == rest.as_bytes()[last] {
        // Groups alone: the fraction would have the other one.
        let other = if separator == b'.' {
            Point::Comma
        } else {
            Point::Dot
        };
        return (behind.len() == 3).then_some(Some(other));
    }
    Some(Some(point(last)))
}

fn is_phone(text: &str, digits: usize) -> bool {
    (6..=15).contains(&digits)
        && text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '(')
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || " +()-./".contains(c))
}

/// Two ways to read UTF-8 as if it were something else.
pub(super) fn is_mojibake(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    let mut before = '\0';
    for c in text.chars() {
        let torn = matches!(before, 'Ã' | 'Â' | 'Ä' | 'Å')
            && matches!(
                c,
                '\u{80}'
                    ..='\u{bf}'
                        | '€'
                        | '‚'
                        | '„'
                        | '…'
                        | '†'
                        | '‡'
                        | 'ˆ'
                        | '‰'
                        | 'Š'
                        | '‹'
                        | 'Œ'
                        | '“'
                        | '”'
                        | '•'
                        | '–'
                        | '—'
                        | '˜'
                        | '™'
                        | 'š'
                        | '›'
                        | 'œ'
                        | 'ž'
                        | 'Ÿ'
                        | 'Ž'
            );
        let quote = before == 'â' && c == '€';
        if torn || quote || c == '\u{fffd}' {
            return true;
        }
        before = c;
    }
    false
}

/// A spreadsheet would run it.
pub(super) fn is_formula(text: &str) -> bool {
    match text.as_bytes() {
        [b'=' | b'@', _, ..] => true,
        [b'+' | b'-', rest @ ..] => {
            rest.iter().any(u8::is_ascii_alphabetic) || rest.contains(&b'(')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_people_mean_by_them() {
        let day = |look| matches!(look, Look::Day(_));
        assert!(day(look("01.04.2026")) && day(look("2026-04-01")));
        for (value, expected) in [
            ("00210", Look::Digits),
            ("20260401", Look::Digits),
            ("0,8", Look::Decimal(Some(Point::Comma))),
            ("0.8", Look::Decimal(Some(Point::Dot))),
            ("1.234", Look::Decimal(None)),
            ("1.234,5", Look::Decimal(Some(Point::Comma))),
            ("1.234.567", Look::Decimal(Some(Point::Comma))),
            ("-7", Look::Decimal(None)),
            ("1.00235E+05", Look::Scientific),
            ("+47 22 86 41 01", Look::Phone),
            ("259-915-1098", Look::Phone),
            ("ann@woodgrove.example", Look::Email),
            ("ann at woodgrove", Look::Text),
            ("NULL", Look::Missing),
            ("#N/A", Look::Missing),
            ("-", Look::Missing),
            ("NA", Look::Country),
            ("GB", Look::Country),
            ("XX", Look::Text),
            ("True", Look::Boolean),
            ("Europe/Berlin", Look::Zone),
            ("Sales/Marketing", Look::Text),
            ("https://woodgrove.example/a", Look::Url),
            ("00000000", Look::NoDay),
            ("1900-01-00", Look::NoDay),
            ("E 13", Look::Text),
            ("Flat 3", Look::Text),
            ("1.2.3", Look::Text),
        ] {
            assert_eq!(look(value), expected, "{value}");
        }
    }

    #[test]
    fn torn_text_and_formulas_are_seen() {
        for (value, torn, formula) in [
            ("JosÃ© GarcÃ\u{ad}a", true, false),
            ("MÃ¼ller", true, false),
            ("itâ€™s", true, false),
            ("a\u{fffd}b", true, false),
            ("Zoë Åse Ångström Ä", false, false),
            ("=HYPERLINK(1)", false, true),
            ("+47 22 86", false, false),
            ("-7", false, false),
            ("+cmd|' /C calc'!A0", false, true),
            ("-", false, false),
        ] {
            assert_eq!(is_mojibake(value), torn, "{value}");
            assert_eq!(is_formula(value), formula, "{value}");
        }
    }
}
