//! JSON that everybody reads the same way: no name twice in an object, nothing behind the end.
//!
//! Of a name that stands twice one reader takes the first value and another the last, so that two
//! verifiers would see two entries in the same bytes.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// What is ambiguous, if anything is.
pub(super) fn ambiguous(bytes: &[u8]) -> Option<String> {
    serde_json::from_slice::<Once>(bytes)
        .err()
        .map(|error| format!("line {}, column {}", error.line(), error.column()))
}

/// Any value in which names stand once.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Once;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON in which names stand once")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_str<E>(self, _: &str) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_unit<E>(self) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Once, A::Error> {
        while items.next_element::<Once>()?.is_some() {}
        Ok(Once)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Once, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            fields.next_value::<Once>()?;
            if !names.insert(name) {
                return Err(de::Error::custom("a name stands twice"));
            }
        }
        Ok(Once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_readers_could_read_differently_is_seen() {
        for fine in [
            r#"{"a": 1, "b": {"a": [null, true, "x", -1, 1.5]}}"#,
            "[]",
            "7",
        ] {
            assert_eq!(ambiguous(fine.as_bytes()), None, "{fine}");
        }
        let twice = [
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": {"b": 1, "b": 2}}"#,
            r#"[{"a": 1, "\u0061": 2}]"#,
            r#"{"a": 1} {}"#,
            r#"{"a": 1}x"#,
            "",
        ];
        for odd in twice {
            assert!(ambiguous(odd.as_bytes()).is_some(), "{odd}");
        }
    }
}
