//! How a value came about: each function that was called, with the values put in.
//!
//! Watching changes nothing about evaluation: the same walk, seen. Invariant: what was not
//! evaluated is shown as not looked at, never as a value.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::evaluate::{Datum, Stop};
use super::parser::{Kind, Node};
use super::{Input, Lookup, functions, print};

/// Longest text that a step shows, in characters.
const SHOWN_MAX: usize = 80;

/// One function or comparison that was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// The part of the expression, with the values of its parts in their places; `…` stands for
    /// a part that was not looked at.
    pub part: String,
    /// What came of it, in the same form: a text in quotes, `null`, `IgnoreAttributeFlow`, or
    /// `error`.
    pub value: String,
}

/// What is seen of one evaluation.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// What came of each part, by its place in the source; in the order in which they ended.
    seen: RefCell<Vec<(Place, String)>>,
}

type Place = (u32, u32);

fn place(node: &Node) -> Place {
    (node.start, node.end)
}

impl Trace {
    /// Takes down what came of a part.
    pub(super) fn note(&self, node: &Node, came: Result<&Datum<'_>, &Stop>) {
        if !matches!(node.kind, Kind::Call(..) | Kind::Compare(..)) {
            return;
        }
        let value = match came {
            Ok(datum) => shown(datum),
            Err(Stop::IgnoreAttribute) => "IgnoreAttributeFlow".to_owned(),
            Err(Stop::IgnoreObject) => "IgnoreObjectFlow".to_owned(),
            Err(Stop::Failed(_)) => "error".to_owned(),
        };
        self.seen.borrow_mut().push((place(node), value));
    }

    /// The steps, innermost first.
    pub(super) fn steps(self, root: &Node, names: &[String], lookup: &dyn Lookup) -> Vec<Step> {
        let seen = self.seen.into_inner();
        let values: BTreeMap<Place, &str> = seen.iter().map(|(at, v)| (*at, v.as_str())).collect();
        let mut nodes = BTreeMap::new();
        collect(root, &mut nodes);
        let writer = Writer {
            values: &values,
            names,
            lookup,
        };
        let mut steps: Vec<Step> = Vec::with_capacity(seen.len());
        for (at, value) in &seen {
            if let Some(node) = nodes.get(at) {
                steps.push(Step {
                    part: writer.whole(node),
                    value: value.clone(),
                });
            }
        }
        steps
    }
}

fn collect<'a>(node: &'a Node, into: &mut BTreeMap<Place, &'a Node>) {
    let parts: &[Node] = match &node.kind {
        Kind::Call(_, arguments) => arguments,
        Kind::Compare(_, sides) => &sides[..],
        Kind::NotGiven
        | Kind::Attribute(_)
        | Kind::Text(_)
        | Kind::Pattern(_)
        | Kind::Number(_)
        | Kind::Word(_) => return,
    };
    into.insert(place(node), node);
    for part in parts {
        collect(part, into);
    }
}

struct Writer<'a> {
    values: &'a BTreeMap<Place, &'a str>,
    names: &'a [String],
    lookup: &'a dyn Lookup,
}

impl Writer<'_> {
    /// A call or comparison with the values of its parts.
    fn whole(&self, node: &Node) -> String {
        match &node.kind {
            Kind::Call(function, arguments) => {
                let parts: Vec<String> = arguments.iter().map(|a| self.part(a)).collect();
                format!("{}({})", functions::name(*function), parts.join(", "))
            }
            Kind::Compare(comparison, sides) => format!(
                "{}{}{}",
                self.part(&sides[0]),
                print::sign(*comparison),
                self.part(&sides[1])
            ),
            Kind::NotGiven
            | Kind::Attribute(_)
            | Kind::Text(_)
            | Kind::Pattern(_)
            | Kind::Number(_)
            | Kind::Word(_) => self.part(node),
        }
    }

    fn part(&self, node: &Node) -> String {
        match &node.kind {
            Kind::Call(..) | Kind::Compare(..) => self
                .values
                .get(&place(node))
                .map_or_else(|| "…".to_owned(), |value| (*value).to_owned()),
            Kind::Attribute(slot) => match self.lookup.get(*slot) {
                Input::Null => "null".to_owned(),
                Input::Text(text) => quoted(text),
                Input::Value(value) => shown(&Datum::from_value(value)),
            },
            Kind::Text(text) => quoted(text),
            Kind::Pattern(pattern) => quoted(pattern.source()),
            Kind::NotGiven | Kind::Number(_) | Kind::Word(_) => print::print(node, self.names),
        }
    }
}

fn shown(datum: &Datum<'_>) -> String {
    match datum {
        Datum::Null => "null".to_owned(),
        Datum::Bool(value) => super::evaluate::bool_text(*value).to_owned(),
        Datum::Number(number) => number.to_string(),
        Datum::Text(text) => quoted(text),
        Datum::List(items) => {
            let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

/// A text in quotes on one line, cut where it is long; what cannot be seen is spelled out.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars().take(SHOWN_MAX) {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() || is_invisible(c) => {
                write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a String takes everything");
            }
            c => out.push(c),
        }
    }
    let rest = text.chars().count().saturating_sub(SHOWN_MAX);
    out.push('"');
    if rest > 0 {
        write!(out, "… and {rest} more characters").expect("a String takes everything");
    }
    out
}

/// Characters that show as nothing, turn the line around, or look like the blank they are not.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{a0}'
            | '\u{ad}'
            | '\u{2000}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{205f}'..='\u{2069}'
            | '\u{3000}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{EvalContext, Expression, attributes};
    use super::*;

    fn steps(source: &str, record: &serde_json::Value) -> Vec<(String, String)> {
        let record = attributes(record).unwrap();
        let expression = Expression::compile(source).unwrap();
        let context = EvalContext::at("2026-03-16T02:00:00Z".parse().unwrap());
        let (came, steps) = expression.explain_named(&record, &context);
        assert_eq!(came, expression.evaluate_named(&record, &context));
        let steps = steps.into_iter();
        steps.map(|step| (step.part, step.value)).collect()
    }

    fn lines(source: &str, record: &serde_json::Value) -> Vec<String> {
        let steps = steps(source, record).into_iter();
        steps
            .map(|(part, value)| format!("{part} -> {value}"))
            .collect()
    }

    #[test]
    fn each_function_is_shown_with_its_values() {
        let record = json!({"First": " Zo\u{eb} ", "Last": "Ruiz", "Mail": ["a@x", "b@x"]});
        assert_eq!(
            lines(
                r#"Join(".", ToLower(NormalizeDiacritics(Trim([First]))), [Last], Item([Mail], 2))"#,
                &record
            ),
            [
                r#"Trim(" Zoë ") -> "Zoë""#,
                r#"NormalizeDiacritics("Zoë") -> "Zoe""#,
                r#"ToLower("Zoe") -> "zoe""#,
                r#"Item(["a@x", "b@x"], 2) -> "b@x""#,
                r#"Join(".", "zoe", "Ruiz", "b@x") -> "zoe.Ruiz.b@x""#,
            ]
        );
    }

    #[test]
    fn a_branch_that_was_not_taken_was_not_looked_at() {
        let source = r#"IIF([Type] = "C", Item(Split([Name], ","), 9), Switch([Land], "?", "NO", ToUpper([Name])))"#;
        let record = json!({"Type": "E", "Name": "Ana", "Land": "NO"});
        assert_eq!(
            lines(source, &record),
            [
                r#""E" = "C" -> False"#,
                r#"ToUpper("Ana") -> "ANA""#,
                r#"Switch("NO", "?", "NO", "ANA") -> "ANA""#,
                r#"IIF(False, …, "ANA") -> "ANA""#,
            ]
        );
    }

    #[test]
    fn what_failed_and_what_was_left_out_is_named() {
        assert_eq!(
            lines("ToLower(Item([Names], 3))", &json!({"Names": ["a", "b"]})),
            [
                r#"Item(["a", "b"], 3) -> error"#,
                r"ToLower(error) -> error",
            ]
        );
        assert_eq!(
            lines("IgnoreFlowIfNullOrEmpty(Trim([No]))", &json!({})),
            [
                "Trim(null) -> null",
                "IgnoreFlowIfNullOrEmpty(null) -> IgnoreAttributeFlow",
            ]
        );
    }

    #[test]
    fn every_rule_of_a_choice_is_shown() {
        let source =
            r#"SelectUniqueValue(Append([Name], "@x.example"), Append([Name], "2@x.example"))"#;
        assert_eq!(
            lines(source, &json!({"Name": "ana"})),
            [
                r#"Append("ana", "@x.example") -> "ana@x.example""#,
                r#"Append("ana", "2@x.example") -> "ana2@x.example""#,
            ]
        );
    }

    #[test]
    fn what_cannot_be_seen_is_spelled_out_and_long_texts_are_cut() {
        assert_eq!(
            quoted("a\u{a0}b\u{200b}\n\"\\"),
            r#""a\u{a0}b\u{200b}\u{a}\"\\""#
        );
        let long = "é".repeat(100);
        assert_eq!(
            quoted(&long),
            format!("\"{}\"… and 20 more characters", "é".repeat(80))
        );
    }
}
