//! Rule 5 of the reader's contract: trimmed, no-break spaces inside become spaces, NFC. Nothing
//! else is altered.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// Cleans a value; borrows when there is nothing to do.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text.trim());
    }
    let trimmed = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{a0}');
    let plain = !trimmed.contains('\u{a0}');
    if plain && is_nfc_quick(trimmed.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(trimmed);
    }
    let spaced = trimmed.chars().map(|c| if c == '\u{a0}' { ' ' } else { c });
    Cow::Owned(spaced.nfc().collect())
}

/// Cleans a header name, where invisible characters and line breaks are never meant.
pub fn clean_name(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}' | '\u{2060}'))
        .map(|c| {
            if c.is_whitespace() || c == '\u{a0}' {
                ' '
            } else {
                c
            }
        })
        .collect();
    visible
        .split(' ')
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .nfc()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_contract_says_is_altered() {
        for (from, to) in [
            ("  Ann ", "Ann"),
            ("\u{a0}Ann\u{a0}Lee\u{a0}", "Ann Lee"),
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
    }
}
