//! Text that may hold anything, made safe to look at and to put into a page.
//!
//! Invariant: no character that hides, reorders or ends the text around it is left as it is.

use std::fmt::Write as _;

/// Shows what would otherwise be invisible or reorder the text around it: control characters as
/// their pictures, direction overrides and zero-width characters by code point.
pub fn written_out(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    for c in page.chars() {
        match c {
            '\n' => out.push(c),
            _ => write_out(c, &mut out),
        }
    }
    out
}

/// Text as a JSON string that may stand in a `script` element: nothing in it ends the element.
pub(super) fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            _ => write_out(c, out),
        }
    }
    out.push('"');
}

/// Appends one character, so that a reader sees that it is there; a line feed as its picture. Joiners (U+200C, U+200D) stay: names in
/// several scripts are written with them.
pub(super) fn write_out(c: char, out: &mut String) {
    match c {
        '\0'..='\u{1f}' => out
            .push(char::from_u32(0x2400 + u32::from(c)).expect("U+2400 to U+241F are characters")),
        '\u{7f}' => out.push('\u{2421}'),
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => {
            write!(out, "[U+{:04X}]", u32::from(c)).expect("writing to a String cannot fail");
        }
        _ => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_reorders_is_written_out() {
        for (text, shown) in [
            (
                "plain, Žofie 李 👩\u{200d}💻",
                "plain, Žofie 李 👩\u{200d}💻",
            ),
            ("a\u{202e}b\u{2066}c\u{61c}", "a[U+202E]b[U+2066]c[U+061C]"),
            ("\0\t\u{1b}[1m\u{7f}\u{85}", "␀␉␛[1m␡[U+0085]"),
            ("x\u{2028}y\u{feff}\u{ad}", "x[U+2028]y[U+FEFF][U+00AD]"),
            ("\u{e0041}", "[U+E0041]"),
            ("two\nlines", "two\nlines"),
        ] {
            assert_eq!(written_out(text), shown);
        }
    }

    // Protects P17: whatever stands in a value, the element that holds the data goes on.
    #[test]
    fn no_text_ends_the_data() {
        for text in [
            "</script><script>alert(1)</script>",
            "<!--<script>",
            "a\\\"b\u{2028}\n]]>&amp;",
            "\\u003c/script",
        ] {
            let mut out = String::new();
            push_json(&mut out, text);
            assert!(!out.contains(['<', '>', '&', '\n', '\u{2028}']), "{out}");
            let read: String = serde_json::from_str(&out).unwrap();
            assert_eq!(read, written_out(text));
        }
    }
}
