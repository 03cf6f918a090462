//! Text functions. Lengths and positions count UTF-16 units, as .NET does; half of a pair is
//! never kept.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;

/// `length` units from unit `start` (from 0) on; what lies past the end is not there.
pub(super) fn slice(source: Cow<'_, str>, start: usize, length: usize) -> Cow<'_, str> {
    let end = start.saturating_add(length);
    if source.is_ascii() {
        let (from, to) = (start.min(source.len()), end.min(source.len()));
        return cut(source, from, to);
    }
    let mut unit = 0;
    let (mut from, mut to) = (source.len(), source.len());
    for (byte, c) in source.char_indices() {
        if unit >= start && byte < from {
            from = byte;
        }
        unit += c.len_utf16();
        if unit > end {
            to = byte;
            break;
        }
    }
    let from = from.min(to);
    cut(source, from, to)
}

fn cut(source: Cow<'_, str>, from: usize, to: usize) -> Cow<'_, str> {
    match source {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..to]),
        Cow::Owned(mut text) => {
            text.truncate(to);
            text.drain(..from);
            Cow::Owned(text)
        }
    }
}

pub(super) fn trim(source: Cow<'_, str>) -> Cow<'_, str> {
    let from = source.len() - source.trim_start().len();
    let to = from + source[from..].trim_end().len();
    cut(source, from, to)
}

/// Word number `number` (from 1) between any of the delimiters, or the empty text. Two
/// delimiters in a row have an empty word between them.
pub(super) fn word<'a>(source: Cow<'a, str>, number: i64, delimiters: &str) -> Cow<'a, str> {
    let Some(index) = usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1))
    else {
        return Cow::Borrowed("");
    };
    let found = source
        .split(|c| delimiters.contains(c))
        .nth(index)
        .map(|word| {
            let from = word.as_ptr() as usize - source.as_ptr() as usize;
            (from, from + word.len())
        });
    found.map_or(Cow::Borrowed(""), |(from, to)| cut(source, from, to))
}

/// The position (from 1) of `sought` at or after position `start`; 0 when it is not there.
pub(super) fn position(within: &str, sought: &str, start: usize, fold_case: bool) -> usize {
    let folded = |text: &str| -> String {
        let lower = |c| lower_char(c, CaseRules::Invariant);
        text.chars()
            .map(|c| if fold_case { lower(c) } else { c })
            .collect()
    };
    let (within, sought) = (folded(within), folded(sought));
    // The first character that begins at or after the start, and its unit: what is sought begins
    // with a character, and never in the middle of one.
    let mut unit = 1;
    let mut from = within.char_indices().map(|(at, c)| {
        let here = unit;
        unit += c.len_utf16();
        (at, here)
    });
    let Some((at, here)) = from.find(|(_, here)| *here >= start) else {
        return 0;
    };
    if sought.is_empty() {
        return start;
    }
    within[at..].find(&sought).map_or(0, |found| {
        here + within[at..at + found].encode_utf16().count()
    })
}

/// Which letters belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaseRules {
    /// The invariant culture, and every culture that has no rules of its own.
    Invariant,
    /// Turkish and Azeri: i and İ, ı and I.
    Turkic,
}

impl CaseRules {
    /// The rules of a culture name such as `tr-TR`.
    pub(super) fn of(culture: Option<&str>) -> Self {
        let language = culture
            .unwrap_or_default()
            .split(['-', '_'])
            .next()
            .unwrap_or_default();
        if language.eq_ignore_ascii_case("tr") || language.eq_ignore_ascii_case("az") {
            Self::Turkic
        } else {
            Self::Invariant
        }
    }
}

/// Character by character, as .NET does: nothing becomes two letters.
pub(super) fn lower(source: Cow<'_, str>, rules: CaseRules) -> Cow<'_, str> {
    map(source, |c| lower_char(c, rules))
}

/// Character by character: `ß` stays.
pub(super) fn upper(source: Cow<'_, str>, rules: CaseRules) -> Cow<'_, str> {
    map(source, |c| upper_char(c, rules))
}

fn map(source: Cow<'_, str>, change: impl Fn(char) -> char) -> Cow<'_, str> {
    if source.chars().all(|c| change(c) == c) {
        source
    } else {
        Cow::Owned(source.chars().map(change).collect())
    }
}

fn lower_char(c: char, rules: CaseRules) -> char {
    match (c, rules) {
        ('I', CaseRules::Turkic) => 'ı',
        ('İ', CaseRules::Turkic) => 'i',
        // The invariant culture leaves both Turkish letters as they are.
        ('İ', CaseRules::Invariant) => c,
        _ => single(c.to_lowercase()).unwrap_or(c),
    }
}

fn upper_char(c: char, rules: CaseRules) -> char {
    match (c, rules) {
        ('i', CaseRules::Turkic) => 'İ',
        // Neither do these become letters of ASCII there.
        ('ı' | 'ſ', CaseRules::Invariant) => c,
        // With iota below: Unicode's full mapping spells it out, its simple one keeps it.
        ('\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}', _) => {
            char::from_u32(u32::from(c) + 8).unwrap_or(c)
        }
        ('\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}', _) => char::from_u32(u32::from(c) + 9).unwrap_or(c),
        _ => single(c.to_uppercase()).unwrap_or(c),
    }
}

fn single(mut characters: impl Iterator<Item = char>) -> Option<char> {
    characters.next().filter(|_| characters.next().is_none())
}

/// First character of each word upper, all others lower. Without separators a word ends at
/// everything that is no letter, mark or digit, apostrophe included.
pub(super) fn proper(source: &str, separators: Option<&str>) -> String {
    let separates = |c: char| match separators {
        Some(separators) => separators.contains(c),
        None => !(c.is_alphanumeric() || is_combining_mark(c)),
    };
    let mut begins = true;
    source
        .chars()
        .map(|c| {
            let at_start = std::mem::replace(&mut begins, separates(c));
            if at_start {
                upper_char(c, CaseRules::Invariant)
            } else {
                lower_char(c, CaseRules::Invariant)
            }
        })
        .collect()
}

/// An app role as compact JSON: `id`, `value`, `displayName` in this order. A role that is a plain
/// name is its own value.
pub(super) fn app_role(role: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let Ok(serde_json::Value::Object(known)) = serde_json::from_str(role) else {
        let name = quoted(role);
        return format!("{{\"value\":{name},\"displayName\":{name}}}");
    };
    let members = ["id", "value", "displayName"]
        .into_iter()
        .filter_map(|name| {
            let value = known.get(name)?;
            Some(format!("\"{name}\":{value}"))
        });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// The name of an app role.
pub(super) fn app_role_name(role: Cow<'_, str>) -> Cow<'_, str> {
    let Ok(serde_json::Value::Object(known)) = serde_json::from_str(&role) else {
        return role;
    };
    let name = known.get("displayName").or_else(|| known.get("value"));
    match name.and_then(serde_json::Value::as_str) {
        Some(name) => name.to_owned().into(),
        None => role,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_count_utf16_units_and_keep_no_half_pair() {
        let check = |source: &'static str, start, length, expect: &str| {
            assert_eq!(slice(source.into(), start, length), expect);
            assert_eq!(slice(source.to_owned().into(), start, length), expect);
        };
        check("Müller", 1, 2, "ül");
        check("a😀b", 0, 2, "a");
        check("a😀b", 0, 3, "a😀");
        check("a😀b", 3, 9, "b");
        check("a😀b", 2, 9, "b");
        check("é", 5, 1, "");
        check("abc", 3, 1, "");
        check("abc", 1, usize::MAX, "bc");
    }

    #[test]
    fn positions_are_of_the_whole_text_and_empty_is_found_at_the_start() {
        assert_eq!(position("abcabc", "b", 3, false), 5);
        assert_eq!(position("abc", "", 2, false), 2);
        assert_eq!(position("abc", "c", 9, false), 0);
        assert_eq!(position("ÄB", "äb", 1, true), 1);
        assert_eq!(position("", "", 1, false), 0);
    }

    #[test]
    fn adjacent_delimiters_have_an_empty_word_between_them() {
        assert_eq!(word("a,,b".into(), 2, ","), "");
        assert_eq!(word("a,,b".into(), 3, ","), "b");
        assert_eq!(word("a b".into(), i64::MIN, " "), "");
    }

    #[test]
    fn case_never_changes_the_number_of_characters() {
        assert_eq!(upper("ﬁß".into(), CaseRules::Invariant), "ﬁß");
        assert_eq!(lower("İI".into(), CaseRules::Invariant), "İi");
        assert_eq!(lower("İI".into(), CaseRules::of(Some("az-Latn-AZ"))), "iı");
        assert_eq!(upper("ıi".into(), CaseRules::Invariant), "ıI");
    }

    #[test]
    fn an_unchanged_text_is_not_copied() {
        assert!(matches!(
            lower("abc".into(), CaseRules::Invariant),
            Cow::Borrowed(_)
        ));
        assert!(matches!(trim(" abc ".into()), Cow::Borrowed("abc")));
    }
}
