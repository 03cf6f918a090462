//! Texts with placeholders: `{worker.displayName}`, or `{worker.jobTitle|new}` where a value may
//! be missing.
//!
//! Invariant: a value never becomes anything but text: it adds no line to a subject and no markup
//! to HTML.

use std::collections::BTreeSet;

use super::Kind;

/// Longest value that is written into a text, in characters: of what is longer, the beginning.
const VALUE_MAX: usize = 512;

/// Whose value it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Worker,
    Manager,
    Action,
    /// What is made when it is handed over: see [`PASS`](super::PASS).
    Pass,
}

/// A placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) whose: Whose,
    pub(super) name: String,
    /// What stands there where there is no value.
    pub(super) otherwise: Option<String>,
}

impl Slot {
    /// As it is written, without what stands in its place.
    pub(super) fn written(&self) -> String {
        let whose = match self.whose {
            Whose::Worker => "worker",
            Whose::Manager => "manager",
            Whose::Action => "action",
            Whose::Pass => "pass",
        };
        format!("{whose}.{}", self.name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Slot(Slot),
}

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

/// A mistake in a text: what is wrong, and the piece of text that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) near: String,
    pub(super) why: String,
}

impl Template {
    /// Reads a text. In HTML, nothing is put into a tag.
    pub(super) fn parse(text: &str, kind: Kind) -> Result<Self, Vec<Wrong>> {
        let (mut pieces, mut wrong) = (Vec::new(), Vec::new());
        let mut plain = String::new();
        let mut in_tag = false;
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, found) = rest.split_at(at);
            plain.push_str(before);
            in_tag = ends_in_tag(before, in_tag);
            if let Some(after) = found.strip_prefix("{{").or(found.strip_prefix("}}")) {
                plain.push_str(&found[..1]);
                rest = after;
                continue;
            }
            let closed = found.starts_with('{').then(|| found.find('}')).flatten();
            let Some(end) = closed else {
                let near: String = found.chars().take(24).collect();
                let near = near.lines().next().unwrap_or_default().to_owned();
                let why = format!("`{near}`: a single brace; write it twice where it is meant");
                wrong.push(Wrong { near, why });
                plain.push_str(&found[..1]);
                rest = &found[1..];
                continue;
            };
            let near = found[..=end].to_owned();
            match slot(&found[1..end]) {
                Ok(_) if kind == Kind::Html && in_tag => {
                    let why = format!("{near}: nothing is put into a tag of HTML");
                    wrong.push(Wrong { near, why });
                }
                Ok(slot) => {
                    pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                    pieces.push(Piece::Slot(slot));
                }
                Err(why) => wrong.push(Wrong {
                    why: format!("{near}: {why}"),
                    near,
                }),
            }
            rest = &found[end + 1..];
        }
        plain.push_str(rest);
        pieces.push(Piece::Plain(plain));
        pieces.retain(|piece| *piece != Piece::Plain(String::new()));
        if wrong.is_empty() {
            Ok(Self(pieces))
        } else {
            Err(wrong)
        }
    }

    /// Its placeholders.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(slot),
            Piece::Plain(_) => None,
        })
    }

    /// The text with values; what has none is noted in `missing`.
    pub(super) fn render(
        &self,
        kind: Kind,
        value: &dyn Fn(&Slot) -> Option<String>,
        missing: &mut BTreeSet<String>,
    ) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Plain(text) => out.push_str(text),
                Piece::Slot(slot) => {
                    let value = value(slot).filter(|text| !text.trim().is_empty());
                    match value.or_else(|| slot.otherwise.clone()) {
                        Some(text) => write(&mut out, &text, kind),
                        None => {
                            missing.insert(slot.written());
                        }
                    }
                }
            }
        }
        out
    }
}

/// Whether a text ends between `<` and `>`.
fn ends_in_tag(text: &str, before: bool) -> bool {
    match text.rfind(['<', '>']) {
        Some(at) => text[at..].starts_with('<'),
        None => before,
    }
}

fn slot(written: &str) -> Result<Slot, String> {
    let (name, otherwise) = match written.split_once('|') {
        Some((name, otherwise)) => (name, Some(otherwise.to_owned())),
        None => (written, None),
    };
    let (whose, name) = name
        .split_once('.')
        .ok_or("a placeholder is worker.…, manager.… or action.…")?;
    let whose = match whose {
        "worker" => Whose::Worker,
        "manager" => Whose::Manager,
        "action" => Whose::Action,
        "pass" => Whose::Pass,
        _ => return Err("a placeholder is worker.…, manager.… or action.…".to_owned()),
    };
    Ok(Slot {
        whose,
        name: name.to_owned(),
        otherwise,
    })
}

/// Writes a value as nothing but text.
pub(super) fn write(out: &mut String, value: &str, kind: Kind) {
    for c in value.trim().chars().take(VALUE_MAX) {
        match (c, kind) {
            ('&', Kind::Html) => out.push_str("&amp;"),
            ('<', Kind::Html) => out.push_str("&lt;"),
            ('>', Kind::Html) => out.push_str("&gt;"),
            ('"', Kind::Html) => out.push_str("&quot;"),
            ('\'', Kind::Html) => out.push_str("&#39;"),
            (c, _) if breaks(c) => out.push(' '),
            (c, _) => out.push(c),
        }
    }
}

/// Ends a line, or turns the direction of what follows.
fn breaks(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, kind: Kind, value: Option<&str>) -> Result<String, BTreeSet<String>> {
        let template = Template::parse(text, kind).expect("a text");
        let mut missing = BTreeSet::new();
        let out = template.render(kind, &|_| value.map(str::to_owned), &mut missing);
        if missing.is_empty() {
            Ok(out)
        } else {
            Err(missing)
        }
    }

    /// Whatever HR writes into a cell, it stays text.
    #[test]
    fn a_value_is_text_and_nothing_else() {
        let text = "Hello {worker.displayName}!";
        let nasty = "<img src=x onerror=\"a('b')\">&\r\nBcc: all@x.example\u{202e}";
        assert_eq!(
            render(text, Kind::Html, Some(nasty)).unwrap(),
            "Hello &lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;  Bcc: all@x.example !"
        );
        let plain = render(text, Kind::Text, Some(nasty)).unwrap();
        assert!(!plain.contains(['\r', '\n', '\u{202e}']), "{plain}");
        // A value that looks like a placeholder is none.
        assert_eq!(
            render(text, Kind::Text, Some("{worker.id}")).unwrap(),
            "Hello {worker.id}!"
        );
        assert_eq!(
            render("{{x}} {worker.id}", Kind::Text, Some("7")).unwrap(),
            "{x} 7"
        );
    }

    #[test]
    fn what_is_missing_is_named_and_may_have_a_stand_in() {
        let text = "{worker.jobTitle} {manager.displayName|your manager}";
        let missing = render(text, Kind::Text, None).unwrap_err();
        assert_eq!(missing.into_iter().collect::<Vec<_>>(), ["worker.jobTitle"]);
        assert_eq!(
            render("{worker.jobTitle|new}", Kind::Text, Some("  ")).unwrap(),
            "new"
        );
    }

    #[test]
    fn mistakes_are_found_where_they_are() {
        for (text, kind, why) in [
            ("a { b", Kind::Text, "a single brace"),
            ("a } b", Kind::Text, "a single brace"),
            ("{name}", Kind::Text, "worker.…, manager.… or action.…"),
            ("{boss.name}", Kind::Text, "worker.…, manager.… or action.…"),
            ("<a href=\"{worker.url}\">", Kind::Html, "into a tag"),
        ] {
            let wrong = Template::parse(text, kind).unwrap_err();
            assert!(wrong[0].why.contains(why), "{text}: {wrong:?}");
        }
        assert!(Template::parse("<b>{worker.id}</b>", Kind::Html).is_ok());
    }
}
