//! What a connector counted, drawn without knowing its fields.
//!
//! Each target has statistics of its own shape. Invariant: no field is dropped.

use serde::Serialize;
use serde_json::Value as Json;

use super::words::{decimal, grouped};

/// One object of the connector's own statistics.
#[derive(Serialize)]
pub(super) struct Group {
    /// Its path; empty for the outermost object.
    pub(super) name: String,
    /// Field and value, both as text.
    pub(super) pairs: Vec<(String, String)>,
}

/// The connector's statistics, whatever their shape: one group per object, named by its path.
pub(super) fn groups(target: &Json) -> Vec<Group> {
    let mut out = Vec::new();
    collect("", target, &mut out);
    out.retain(|g| !g.pairs.is_empty());
    out
}

fn collect(path: &str, value: &Json, out: &mut Vec<Group>) {
    let items: Vec<(String, &Json)> = match value {
        Json::Object(map) => map.iter().map(|(k, v)| (words(k), v)).collect(),
        Json::Array(list) => list
            .iter()
            .enumerate()
            .map(|(i, v)| ((i + 1).to_string(), v))
            .collect(),
        Json::Null => Vec::new(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => vec![("value".to_owned(), value)],
    };
    let at = out.len();
    out.push(Group {
        name: path.to_owned(),
        pairs: Vec::new(),
    });
    for (name, value) in items {
        match scalar(value) {
            Some(text) => out[at].pairs.push((name, text)),
            None if path.is_empty() => collect(&name, value, out),
            None => collect(&format!("{path} › {name}"), value, out),
        }
    }
}

/// The text of a value that needs no group of its own.
fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::Null => Some("(none)".to_owned()),
        Json::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Json::Number(n) => Some(match (n.as_u64(), n.as_f64()) {
            (Some(n), _) => grouped(n),
            // Two decimals would turn a small share into none.
            (None, Some(share)) if share.abs() < 0.01 => n.to_string(),
            (None, Some(n)) => decimal(n),
            (None, None) => n.to_string(),
        }),
        Json::String(text) => Some(text.clone()),
        Json::Array(list) if list.iter().all(|v| !v.is_object() && !v.is_array()) => {
            let texts: Vec<String> = list.iter().filter_map(scalar).collect();
            Some(if texts.is_empty() {
                "(none)".to_owned()
            } else {
                texts.join(", ")
            })
        }
        Json::Object(map) if map.is_empty() => Some("(none)".to_owned()),
        Json::Array(_) | Json::Object(_) => None,
    }
}

/// A field name as words: `throttled_calls` → `throttled calls`.
fn words(name: &str) -> String {
    name.replace('_', " ")
}
