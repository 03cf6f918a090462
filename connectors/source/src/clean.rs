//! Rule 5 of the reader's contract: trimmed, no-break spaces inside become spaces, NFC. Nothing
//! else is altered.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// Spaces at which no line breaks: the common one, the one of figures, and the narrow one.
const NO_BREAK: [char; 3] = ['\u{a0}', '\u{2007}', '\u{202f}'];

/// Cleans a value; borrows when there is nothing to do.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text.trim());
    }
    let trimmed = text.trim_matches(char::is_whitespace);
    let plain = !trimmed.contains(NO_BREAK);
    if plain && is_nfc_quick(trimmed.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(trimmed);
    }
    let spaced = trimmed
        .chars()
        .map(|c| if NO_BREAK.contains(&c) { ' ' } else { c });
    Cow::Owned(spaced.nfc().collect())
}

/// Cleans a header name, where invisible characters and line breaks are never meant.
pub fn clean_name(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    visible
        .split(' ')
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .nfc()
        .collect()
}

/// Of no width: joiners, marks of direction and of order, hyphens that are only shown at the end of a line.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_contract_says_is_altered() {
        for (from, to) in [
            ("  Ann ", "Ann"),
            ("\u{a0}Ann\u{a0}Lee\u{a0}", "Ann Lee"),
            ("E\u{202f}13", "E 13"),
            ("00101", "00101"),
            ("Jose\u{301}", "José"),
            ("12  High St", "12  High St"),
            ("", ""),
        ] {
            assert_eq!(clean(from), to, "{from:?}");
        }
        assert!(matches!(clean("Zoë"), Cow::Borrowed(_)));
    }

    #[test]
    fn names_lose_what_nobody_sees() {
        assert_eq!(clean_name("\u{feff}Employee\u{a0}ID "), "Employee ID");
        assert_eq!(clean_name("First\nName\u{200b}"), "First Name");
        assert_eq!(clean_name("\u{200e}Na\u{ad}me"), "Name");
    }
}
