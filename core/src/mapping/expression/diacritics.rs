//! `NormalizeDiacritics`: a fixed table, letter by letter.
//!
//! Source: the table in "Reference for writing expressions for attribute mappings",
//! `NormalizeDiacritics`. What is not in the table passes through: đ, ð, þ, plain œ, and all that
//! is not Latin. ä, ö and ü become one letter; only æ, ø and ß become two.

use std::borrow::Cow;

use unicode_normalization::char::{compose, decompose_canonical};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// Replaces the letters of the table; case is kept.
pub(super) fn normalize(source: Cow<'_, str>) -> Cow<'_, str> {
    if source.is_ascii() {
        return source;
    }
    // Without marks of their own, letters are composed already.
    if source.chars().all(|c| c < '\u{300}') {
        let mut out = String::with_capacity(source.len());
        for c in source.chars() {
            let plain = if c.is_ascii() { None } else { replacement(c) };
            match plain {
                Some(text) => out.push_str(text),
                None => out.push(combined(c).unwrap_or(c)),
            }
        }
        return Cow::Owned(out);
    }
    // The table lists composed letters.
    let source = if is_nfc(&source) {
        source
    } else {
        source.nfc().collect::<String>().into()
    };
    let mut out = String::with_capacity(source.len());
    let mut rest = source.chars().peekable();
    while let Some(c) = rest.next() {
        let replacement = replacement(c);
        let combined = combined(c);
        let marks: &[char] = if replacement.is_some() || combined.is_some() {
            OVER_ACCENTED
        } else if takes_macron(c) {
            OVER_PLAIN
        } else if matches!(c, 'œ' | 'Œ') && rest.peek() == Some(&MACRON) {
            rest.next();
            out.push_str(if c == 'œ' { "oe" } else { "OE" });
            continue;
        } else {
            &[]
        };
        match replacement {
            Some(text) => out.push_str(text),
            None => out.push(combined.unwrap_or(c)),
        }
        while rest.next_if(|mark| marks.contains(mark)).is_some() {}
    }
    Cow::Owned(out)
}

/// What some languages write with two letters where the table has one. Our own reading: the page
/// that lists `NormalizeDiacriticsByCulture` does not describe it. German writes ä as ae, Danish
/// and Norwegian å as aa.
pub(super) fn by_culture<'a>(source: Cow<'a, str>, culture: &str) -> Cow<'a, str> {
    let language = culture.split(['-', '_']).next().unwrap_or_default();
    let pairs: &[(char, &str)] = match language.to_ascii_lowercase().as_str() {
        "de" => &[
            ('ä', "ae"),
            ('ö', "oe"),
            ('ü', "ue"),
            ('Ä', "AE"),
            ('Ö', "OE"),
            ('Ü', "UE"),
        ],
        "da" | "nb" | "nn" | "no" => &[('å', "aa"), ('Å', "AA")],
        _ => return source,
    };
    let composed: String = source.nfc().collect();
    let mut out = String::with_capacity(composed.len());
    for c in composed.chars() {
        match pairs.iter().find(|(from, _)| *from == c) {
            Some((_, to)) => out.push_str(to),
            None => out.push(c),
        }
    }
    out.into()
}

/// A vowel that carries a mark of the table and others beside it (ǘ, ế): "and combinations".
fn combined(c: char) -> Option<char> {
    if c.is_ascii() || !c.is_alphabetic() {
        return None;
    }
    let (mut base, mut marks) = (None, Vec::new());
    decompose_canonical(c, |part| match base {
        None => base = Some(part),
        Some(_) => marks.push(part),
    });
    let base = base.filter(|base| "aeiouyAEIOUY".contains(*base))?;
    let listed = |mark: &char| compose(base, *mark).and_then(replacement).is_some();
    (marks.len() > 1 && marks.iter().any(listed)).then_some(base)
}

const MACRON: char = '\u{304}';

/// Marks that a plain letter of the table may carry where no composed form exists: macron and
/// line below.
const OVER_PLAIN: &[char] = &[MACRON, '\u{331}'];

/// Marks on top of a letter that has one already (ā́, ē̂).
const OVER_ACCENTED: &[char] = &[
    '\u{300}', '\u{301}', '\u{302}', '\u{303}', MACRON, '\u{308}', '\u{30C}', '\u{331}',
];

fn takes_macron(c: char) -> bool {
    "acdegilnorstuyz".contains(c.to_ascii_lowercase())
}

fn replacement(c: char) -> Option<&'static str> {
    Some(match c {
        'ä' | 'à' | 'â' | 'ã' | 'å' | 'á' | 'ą' | 'ă' | 'ā' | 'ǟ' | 'ǡ' => "a",
        'Ä' | 'À' | 'Â' | 'Ã' | 'Å' | 'Á' | 'Ą' | 'Ă' | 'Ā' | 'Ǟ' | 'Ǡ' => "A",
        'æ' | 'ǣ' => "ae",
        'Æ' | 'Ǣ' => "AE",
        'ç' | 'č' | 'ć' => "c",
        'Ç' | 'Č' | 'Ć' => "C",
        'ď' | 'ḏ' => "d",
        'Ď' | 'Ḏ' => "D",
        'ë' | 'è' | 'é' | 'ê' | 'ę' | 'ě' | 'ė' | 'ē' | 'ḗ' | 'ḕ' => "e",
        'Ë' | 'È' | 'É' | 'Ê' | 'Ę' | 'Ě' | 'Ė' | 'Ē' | 'Ḗ' | 'Ḕ' => "E",
        'ğ' | 'ḡ' => "g",
        'Ğ' | 'Ḡ' => "G",
        'ï' | 'î' | 'ì' | 'í' | 'ı' | 'ī' => "i",
        'Ï' | 'Î' | 'Ì' | 'Í' | 'İ' | 'Ī' => "I",
        'ľ' | 'ł' | 'ḹ' | 'ḻ' => "l",
        'Ľ' | 'Ł' | 'Ḹ' | 'Ḻ' => "L",
        'ñ' | 'ń' | 'ň' | 'ṉ' => "n",
        'Ñ' | 'Ń' | 'Ň' | 'Ṉ' => "N",
        'ö' | 'ò' | 'ő' | 'õ' | 'ô' | 'ó' | 'ō' | 'ṓ' | 'ṑ' | 'ȫ' | 'ǭ' | 'ȭ' | 'ȱ' => {
            "o"
        }
        'Ö' | 'Ò' | 'Ő' | 'Õ' | 'Ô' | 'Ó' | 'Ō' | 'Ṓ' | 'Ṑ' | 'Ȫ' | 'Ǭ' | 'Ȭ' | 'Ȱ' => {
            "O"
        }
        'ø' => "oe",
        'Ø' => "OE",
        'ř' | 'ṟ' | 'ṝ' => "r",
        'Ř' | 'Ṟ' | 'Ṝ' => "R",
        'ß' => "ss",
        'ẞ' => "SS",
        'š' | 'ś' | 'ș' | 'ş' => "s",
        'Š' | 'Ś' | 'Ș' | 'Ş' => "S",
        'ť' | 'ț' | 'ṯ' => "t",
        'Ť' | 'Ț' | 'Ṯ' => "T",
        'ü' | 'ù' | 'û' | 'ú' | 'ů' | 'ű' | 'ū' | 'ǖ' | 'ṻ' => "u",
        'Ü' | 'Ù' | 'Û' | 'Ú' | 'Ů' | 'Ű' | 'Ū' | 'Ǖ' | 'Ṻ' => "U",
        'ÿ' | 'ý' | 'ȳ' => "y",
        'Ÿ' | 'Ý' | 'Ȳ' => "Y",
        'ź' | 'ž' | 'ż' | 'ẕ' => "z",
        'Ź' | 'Ž' | 'Ż' | 'Ẕ' => "Z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expect: &str) {
        assert_eq!(normalize(source.into()), expect);
    }

    #[test]
    fn combined_marks_go_with_their_letter() {
        check("ā\u{301}", "a");
        check("c\u{304}d\u{304}g\u{331}Z\u{304}", "cdgZ");
        check("ø\u{304}œ\u{304}Œ\u{304}", "oeoeOE");
        check("e\u{301}", "e");
        check("ǘǛ ếỄ ậ ộ", "uU eE a o");
    }

    #[test]
    fn what_is_not_listed_passes_through() {
        check("đðþœ Ωж ķģ q\u{303}", "đðþœ Ωж ķģ q\u{303}");
        check("ĕ ŭ ạ ấ\u{327}", "ĕ ŭ ạ a\u{327}");
    }

    #[test]
    fn two_letters_only_where_listed() {
        check("ÄÖÜäöü", "AOUaou");
        check("ß Ø Æ", "ss OE AE");
    }
}
