//! Texts, lists and comments as TOML has them.
//!
//! Invariant: whatever a text holds, it is read back as it was, and a comment stays one.

use std::fmt::Write as _;

/// Stands for a domain, a column or a word that nobody knows yet.
pub(super) const NO_DOMAIN: &str = "example.com";
pub(super) const NO_COLUMN: &str = "(no such column yet)";
pub(super) const NO_WORD: &str = "(no such word yet)";
/// Characters that a line of a comment has.
const WIDTH: usize = 98;

/// A text as TOML has it.
pub(super) fn quoted(text: &str) -> String {
    let plain =
        !text.contains('\'') && text.contains(['"', '\\']) && !text.chars().any(char::is_control);
    if plain {
        return format!("'{text}'");
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

pub(super) fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|it| quoted(it)).collect();
    format!("[{}]", items.join(", "))
}

/// A comment, broken into lines; what a line cannot hold is left out.
pub(super) fn comment(out: &mut String, text: &str) {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut line = String::new();
    for word in text.split(' ').filter(|it| !it.is_empty()) {
        if !line.is_empty() && line.chars().count() + word.chars().count() + 3 > WIDTH {
            let _infallible = writeln!(out, "# {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _infallible = writeln!(out, "# {line}");
}

/// Lines that are not in force.
pub(super) fn off(out: &mut String, text: &str) {
    for line in text.lines() {
        let _infallible = writeln!(out, "# {line}");
    }
}

/// The name of a column in a comment.
pub(super) fn shown(name: &str) -> String {
    format!("`{name}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_read_back_as_it_was() {
        for text in [
            "",
            "plain",
            "it's",
            "a \"b\" \\c",
            "'''",
            "\u{7}\n\t\u{85}é",
            "]",
        ] {
            let line = format!("x = {}", quoted(text));
            let read: toml::Table = toml::from_str(&line).unwrap();
            assert_eq!(read["x"].as_str(), Some(text), "{line}");
        }
    }
}
