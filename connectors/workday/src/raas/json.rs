//! A report as JSON: `{"Report_Entry": [{…}, …]}`, one entry at a time.

use std::borrow::Cow;
use std::fmt;

use rollcall_source::{RefusalKind, Refused};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Cell, Field, Rows};

/// Reads a report.
///
/// # Errors
/// [`Refused`] where it is none, or a row cannot be taken.
pub(crate) fn read(body: &[u8], rows: &mut Rows<'_>) -> Result<(), Refused> {
    let columns = rows.columns();
    let fields: Vec<Field<'_>> = columns.iter().map(|it| Field::of(it)).collect();
    let mut refused = None;
    let mut entries = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = json.deserialize_map(Top {
        fields: &fields,
        rows,
        refused: &mut refused,
        entries: &mut entries,
    });
    if let Some(refused) = refused {
        return Err(refused);
    }
    let malformed = |what: &str| {
        let hint = "check that the report is enabled as a web service, and its format";
        Refused::new(RefusalKind::Malformed, what, hint)
    };
    match read.and_then(|()| json.end()) {
        Err(error) if error.is_eof() => Err(Refused::new(
            RefusalKind::Truncated,
            "ends in the middle",
            "pull again; split a large report with `parts`",
        )),
        Err(_) => Err(malformed("is no JSON of a report")),
        Ok(()) if entries.is_none() => Err(malformed("is JSON without `Report_Entry`")),
        Ok(()) => Ok(()),
    }
}

struct Top<'t, 'r, 's> {
    fields: &'t [Field<'t>],
    rows: &'t mut Rows<'r>,
    refused: &'s mut Option<Refused>,
    entries: &'s mut Option<()>,
}

impl<'de> Visitor<'de> for Top<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "Report_Entry" {
                if self.entries.replace(()).is_some() {
                    return Err(A::Error::custom("twice"));
                }
                map.next_value_seed(Entries {
                    fields: self.fields,
                    rows: &mut *self.rows,
                    refused: &mut *self.refused,
                })?;
            } else {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Entries<'t, 'r, 's> {
    fields: &'t [Field<'t>],
    rows: &'t mut Rows<'r>,
    refused: &'s mut Option<Refused>,
}

impl<'de> DeserializeSeed<'de> for Entries<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries of a report")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(entry) = seq.next_element::<Map<String, Value>>()? {
            let mut cells = |number: usize| cell(&entry, &self.fields[number]);
            if let Err(refused) = self.rows.row(&mut cells) {
                *self.refused = Some(refused);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

/// The cell of a field. Of several in a group the first counts; a group with one element is a list
/// as well.
fn cell<'v>(entry: &'v Map<String, Value>, field: &Field<'_>) -> Cell<'v> {
    match (entry.get(field.name), field.within) {
        (None, _) => Cell::Absent,
        (Some(value), None) => scalar(value),
        (Some(value), Some(inner)) => {
            let first = if let Value::Array(all) = value {
                all.first()
            } else {
                Some(value)
            };
            match first {
                Some(Value::Object(group)) => group.get(inner).map_or(Cell::Absent, scalar),
                Some(_) | None => Cell::Absent,
            }
        }
    }
}

fn scalar(value: &Value) -> Cell<'_> {
    match value {
        Value::Null => Cell::Absent,
        Value::String(text) => Cell::Text(Cow::Borrowed(text)),
        Value::Bool(truth) => Cell::Text(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Number(number) => Cell::Text(Cow::Owned(number.to_string())),
        Value::Array(all) => match all.first() {
            None => Cell::Absent,
            Some(Value::Array(_) | Value::Object(_)) => Cell::Group,
            Some(first) => scalar(first),
        },
        // A reference: its name, as a report as XML has it.
        Value::Object(group) => match group.get("Descriptor").or(group.get("descriptor")) {
            Some(Value::String(text)) => Cell::Text(Cow::Borrowed(text)),
            Some(_) | None => Cell::Group,
        },
    }
}
