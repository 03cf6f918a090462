//! Patterns that ask for nothing that a plain comparison does not.

use super::super::formula::{Ask, Quoted};
use super::imply::distinct;

/// The same question without a pattern, where there is one; the one that the linter suggests, and
/// for a pattern without anchors `-contains`, which it does not.
pub(super) fn plain(ask: &Ask) -> Ask {
    let Ask::Matches { written, .. } = ask else {
        return ask.clone();
    };
    if let Some(asked) = anchored(written) {
        return asked;
    }
    match literal(written) {
        Some(text) => Ask::Contains(Quoted::new(&text)),
        None => ask.clone(),
    }
}

/// `^text`, `^text.*`, `text$`, `^text$` and `^(one|other)$`, nothing else.
pub(super) fn anchored(pattern: &str) -> Option<Ask> {
    let (from_start, rest) = match pattern.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let (to_end, body) = match rest.strip_suffix('$') {
        Some(body) => (true, body),
        None => (false, rest),
    };
    if from_start && to_end {
        if let Some(text) = literal(body) {
            return Some(Ask::Is(Quoted::new(&text)));
        }
        let inside = body.strip_prefix('(')?.strip_suffix(')')?;
        let inside = inside.strip_prefix("?:").unwrap_or(inside);
        let text = |text| literal(text).map(|text| Quoted::new(&text));
        let texts: Option<Vec<Quoted>> = inside.split('|').map(text).collect();
        let texts = distinct(texts?);
        return Some(match texts.as_slice() {
            [one] => Ask::Is(one.clone()),
            _ => Ask::one_of(texts),
        });
    }
    if from_start {
        let body = body.strip_suffix(".*").filter(|kept| !kept.ends_with('\\'));
        return Some(Ask::StartsWith(Quoted::new(&literal(
            body.unwrap_or(rest),
        )?)));
    }
    if to_end {
        return Some(Ask::EndsWith(Quoted::new(&literal(body)?)));
    }
    None
}

/// The text that a pattern is, where it is nothing else and not empty.
fn literal(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                // An escaped letter or digit means something.
                let escaped = chars
                    .next()
                    .filter(|c| c.is_ascii_punctuation() || *c == ' ')?;
                out.push(escaped);
            }
            '.' | '^' | '$' | '|' | '?' | '*' | '+' | '(' | ')' | '[' | ']' | '{' | '}' => {
                return None;
            }
            _ => out.push(c),
        }
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_the_same_becomes_plain() {
        let is =
            |pattern: &str, asked: Ask| assert_eq!(anchored(pattern), Some(asked), "{pattern}");
        let text = |text: &str| Quoted::new(text);
        is("^Da", Ask::StartsWith(text("Da")));
        is("^Da.*", Ask::StartsWith(text("Da")));
        is(r"@contoso\.com$", Ask::EndsWith(text("@contoso.com")));
        is(r"^R\&D$", Ask::Is(text("R&D")));
        let both = || Ask::one_of(vec![text("a b"), text("c")]);
        is("^(a b|c)$", both());
        is("^(?:a b|c)$", both());
        is("^(a b|C|c|A B)$", Ask::one_of(vec![text("a b"), text("C")]));
        is("^(a|A)$", Ask::Is(text("a")));
        for other in [
            "ago",
            "^",
            "$",
            "^$",
            "^.*",
            "^a.b",
            "@contoso.com$",
            r"^a\.*",
            r"^a\d",
            "^(a|b)",
            "^(a|)$",
            "^a|b$",
            r"^a\$",
            "(a|b)$",
            "^((a)|b)$",
            "^a{2}$",
            ".*a$",
            "^(?i)a$",
        ] {
            assert_eq!(anchored(other), None, "{other}");
        }
    }
}
