//! Attribute values: what a cell, an expression or a directory property can hold.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// One value; in JSON it is what it says, without a tag. `Debug` gives its shape only: HR values
/// are personal data (P11).
#[derive(Clone, PartialEq, Default, Serialize)]
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

    /// Whether a directory would hold nothing: the empty text and the empty list are nothing there.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Bool(_) | Self::Number(_) => false,
        }
    }

    /// Whether a directory would hold the same: nothing is nothing, and an instant may be spelled
    /// in several ways. A sign-in name has no case: `ignoring_case`.
    pub fn is_same(&self, other: &Self, ignoring_case: bool) -> bool {
        if self == other || (self.is_nothing() && other.is_nothing()) {
            return true;
        }
        let (Some(left), Some(right)) = (self.as_text(), other.as_text()) else {
            return false;
        };
        if ignoring_case {
            return left.to_lowercase() == right.to_lowercase();
        }
        match (left.parse::<Timestamp>(), right.parse::<Timestamp>()) {
            (Ok(left), Ok(right)) => left == right,
            (Ok(_) | Err(_), _) => false,
        }
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

/// By hand: the derived form tries one variant after the other and makes an error of each that
/// does not fit, which was a tenth of the time of a first load.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("null, a boolean, a number, a text or a list of them")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Number(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Number(value.into()))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
                let number = serde_json::Number::from_f64(value);
                number
                    .map(Value::Number)
                    .ok_or_else(|| E::custom("a number that JSON cannot hold"))
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Value, E> {
                Ok(Value::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
                let mut out = Vec::new();
                while let Some(item) = items.next_element()? {
                    out.push(item);
                }
                Ok(Value::List(out))
            }
        }

        from.deserialize_any(Any)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read back as the same value; an object is refused without its content.
    #[test]
    fn values_survive_json() {
        let texts = [
            "null",
            "true",
            "7",
            "-7",
            "0.1",
            "\"\"",
            "\"7\"",
            "[\"a\",null,[1]]",
        ];
        for text in texts {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), text);
        }
        let object = serde_json::from_str::<Value>(r#"{"secret": 1}"#).unwrap_err();
        assert!(!object.to_string().contains("secret"), "{object}");
    }
}
