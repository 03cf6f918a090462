//! An expression as text again, in one form: what is printed parses to the same tree.

use std::fmt::Write as _;

use super::functions;
use super::parser::{BareWord, Comparison, Kind, Node};

/// The whole of it; `attributes` by slot.
pub(super) fn print(root: &Node, attributes: &[String]) -> String {
    let mut out = String::new();
    node(&mut out, root, attributes);
    out
}

fn node(out: &mut String, node: &Node, attributes: &[String]) {
    match &node.kind {
        Kind::NotGiven => {}
        Kind::Attribute(slot) => {
            out.push('[');
            out.push_str(&attributes[*slot]);
            out.push(']');
        }
        Kind::Text(text) => quoted(out, text),
        Kind::Pattern(pattern) => quoted(out, pattern.source()),
        Kind::Number(number) => write!(out, "{number}").expect("writing to a text cannot fail"),
        Kind::Word(word) => out.push_str(match word {
            BareWord::TextCompare => "vbTextCompare",
            BareWord::BinaryCompare => "vbBinaryCompare",
            BareWord::IgnoreAttributeFlow => "IgnoreAttributeFlow",
            BareWord::IgnoreObjectFlow => "IgnoreObjectFlow",
            BareWord::Unicode => "Unicode",
            BareWord::Ascii => "ASCII",
            BareWord::Utf8 => "UTF8",
        }),
        Kind::Compare(comparison, sides) => {
            self::node(out, &sides[0], attributes);
            out.push_str(sign(*comparison));
            self::node(out, &sides[1], attributes);
        }
        Kind::Call(function, arguments) => {
            out.push_str(functions::name(*function));
            out.push('(');
            for (at, argument) in arguments.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                self::node(out, argument, attributes);
            }
            out.push(')');
        }
    }
}

/// A comparison between its sides.
pub(super) const fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => " = ",
        Comparison::NotEqual => " <> ",
        Comparison::Less => " < ",
        Comparison::LessOrEqual => " <= ",
        Comparison::Greater => " > ",
        Comparison::GreaterOrEqual => " >= ",
    }
}

/// The same as Microsoft Graph's `attributeMappingSource`: expression, name, type and parameters.
/// Where the page does not name a parameter its place is its name.
pub(super) fn tree(node: &Node, attributes: &[String]) -> serde_json::Value {
    let expression = print(node, attributes);
    let (kind, name, parameters) = match &node.kind {
        Kind::Attribute(slot) => ("Attribute", attributes[*slot].clone(), Vec::new()),
        Kind::Call(function, arguments) => {
            let keys: &[&str] = match functions::name(*function) {
                "Append" => &["source", "suffix"],
                "Mid" => &["source", "start", "length"],
                "Replace" => &[
                    "source",
                    "Find",
                    "regexPattern",
                    "regexGroupName",
                    "Replacement",
                ],
                _ => &["source"],
            };
            let arguments = arguments.iter().enumerate();
            let given = arguments.filter(|(_, argument)| argument.kind != Kind::NotGiven);
            let parameters = given.map(|(at, argument)| {
                let place = format!("parameter{}", at + 1);
                let key = keys.get(at).map_or(place, |key| (*key).to_owned());
                serde_json::json!({"key": key, "value": tree(argument, attributes)})
            });
            (
                "Function",
                functions::name(*function).to_owned(),
                parameters.collect(),
            )
        }
        Kind::Compare(..) => ("Function", expression.clone(), Vec::new()),
        Kind::Text(text) => ("Constant", text.to_string(), Vec::new()),
        Kind::Pattern(pattern) => ("Constant", pattern.source().to_owned(), Vec::new()),
        Kind::Number(_) | Kind::Word(_) | Kind::NotGiven => {
            ("Constant", expression.clone(), Vec::new())
        }
    };
    serde_json::json!({
        "expression": expression, "name": name, "type": kind, "parameters": parameters,
    })
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
