//! Texts as they are compared: without regard to case.

use std::borrow::Cow;

/// Simple case folding, character by character: no text gets longer, `ß` is not `ss`, and the
/// Turkish `ı` and `İ` are themselves.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(character).collect())
}

fn character(c: char) -> char {
    if c == 'ı' {
        return c;
    }
    let upper = single(c.to_uppercase()).unwrap_or(c);
    single(upper.to_lowercase()).unwrap_or(upper)
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn case_goes_and_nothing_else() {
        for (one, other) in [
            ("Société", "SOCIÉTÉ"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("ẞ", "ß"),
            ("K", "k"),
        ] {
            assert_eq!(fold(one), fold(other), "{one}");
        }
        for (one, other) in [("ß", "ss"), ("ı", "i"), ("İ", "i"), ("é", "e")] {
            assert_ne!(fold(one), fold(other), "{one}");
        }
        assert_eq!(fold("a b"), "a b");
    }
}
