//! Attribute values: what a cell, an expression or a directory property can hold.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One value. `Debug` gives its shape only: HR values are personal data (P11).
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Absent or cleared. Not the same as the empty text.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A number as JSON has it.
    Number(serde_json::Number),
    /// Text, NFC.
    Text(String),
    /// A multi-valued attribute, in order.
    List(Vec<Value>),
}

/// Attributes by name, in order of name.
pub type Attributes = BTreeMap<String, Value>;

impl Value {
    /// A text value.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::List(_) => None,
        }
    }

    /// Whether the value is absent.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A description that names no content: `text of 12 characters`.
    pub fn shape(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(_) => "a boolean".to_owned(),
            Self::Number(_) => "a number".to_owned(),
            Self::Text(text) => text_shape(text),
            Self::List(items) => format!("a list of {}", items.len()),
        }
    }
}

/// The shape of a text, without its content: letters as `a`, digits as `9`, the rest kept where
/// it is punctuation, at most 16 characters (`9999-99-99`, `aaaaaa aaa`).
pub fn text_shape(text: &str) -> String {
    if text.is_empty() {
        return "empty text".to_owned();
    }
    let mut shape: String = text
        .chars()
        .take(16)
        .map(|c| match c {
            c if c.is_numeric() => '9',
            c if c.is_alphabetic() => 'a',
            c if c.is_whitespace() => ' ',
            c if c.is_ascii_punctuation() => c,
            _ => '?',
        })
        .collect();
    let count = text.chars().count();
    if count > 16 {
        shape.push('…');
    }
    format!("`{shape}`, {count} characters")
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(_) => f.write_str("[personal bool]"),
            Self::Number(_) => f.write_str("[personal number]"),
            Self::Text(text) => write!(f, "[personal text of {}]", text.chars().count()),
            Self::List(items) => write!(f, "[personal list of {}]", items.len()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
