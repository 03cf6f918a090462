//! Somebody a rule is asked about.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::evaluate::Bound;
use super::fold::fold;
use super::properties::{Field, Kind, Property};
use super::tree::instant;

/// A user, a device or a worker: values by the names that rules use, without regard to case.
///
/// A value is a text, a number, a boolean, null, an array of texts, or for `assignedPlans` an
/// array of objects with `capabilityStatus`, `service` and `servicePlanId`. `manager` and the
/// items of `memberOf` are object ids.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subject {
    values: BTreeMap<String, Json>,
    reports_to: Option<String>,
    /// There is a manager, and it is no id.
    odd_manager: bool,
}

impl Subject {
    /// From a JSON object.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn from_json(json: Json) -> Result<Self, String> {
        let Json::Object(object) = json else {
            return Err("a subject is a JSON object of properties".to_owned());
        };
        let mut values = BTreeMap::new();
        for (name, value) in object {
            if values.insert(name.to_ascii_lowercase(), value).is_some() {
                return Err(format!(
                    "the subject has `{name}` twice, in other letter case"
                ));
            }
        }
        let manager = values.get("manager").filter(|manager| !manager.is_null());
        let id = manager.and_then(Json::as_str);
        Ok(Self {
            reports_to: id.map(|id| fold(id).into_owned()),
            odd_manager: manager.is_some() && id.is_none(),
            values,
        })
    }

    /// Whose report they are cannot be told.
    pub(super) const fn has_odd_manager(&self) -> bool {
        self.odd_manager
    }

    /// The folded id of whom they report to.
    pub(super) fn reports_to(&self) -> Option<&str> {
        self.reports_to.as_deref()
    }

    /// What they have of these properties, in their order.
    pub(super) fn held(&self, properties: &[Property]) -> Result<Vec<Option<Held>>, String> {
        let held = properties.iter().map(|property| {
            let value = self.values.get(&property.name.to_ascii_lowercase());
            self::value(property, value.unwrap_or(&Json::Null))
        });
        held.collect()
    }

    pub(super) fn bound<'s>(&'s self, held: &'s [Option<Held>]) -> Bound<'s> {
        Bound {
            held,
            reports_to: self.reports_to(),
        }
    }
}

/// A value of a property; the error names the property.
pub(super) fn value(property: &Property, value: &Json) -> Result<Option<Held>, String> {
    if value.is_null() {
        return Ok(None);
    }
    held(property.kind, value)
        .map(Some)
        .ok_or_else(|| format!("`{}` is not {}", property.name, property.kind.name()))
}

/// A value of a property.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Held {
    Flag(bool),
    Instant(Timestamp),
    Text(Folded),
    Texts(Vec<Folded>),
    Plans(Vec<Plan>),
}

impl Held {
    pub(super) fn text(text: String) -> Self {
        Self::Text(Folded::new(text))
    }
}

/// A text as it is and as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folded {
    pub(super) text: String,
    pub(super) folded: String,
}

impl Folded {
    fn new(text: String) -> Self {
        Self {
            folded: fold(&text).into_owned(),
            text,
        }
    }

    /// Another text in its place.
    pub(super) fn set(&mut self, text: &str) {
        self.text.clear();
        self.text.push_str(text);
        self.folded.clear();
        self.folded.push_str(&fold(text));
    }
}

/// An assigned plan: its fields in the order of [`Field::PLAN`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan([Option<Folded>; 3]);

impl Plan {
    pub(super) fn field(&self, field: Field) -> Option<&Folded> {
        let at = Field::PLAN.iter().position(|known| *known == field)?;
        self.0[at].as_ref()
    }
}

fn held(kind: Kind, value: &Json) -> Option<Held> {
    Some(match kind {
        Kind::Boolean => Held::Flag(match value {
            Json::Bool(flag) => *flag,
            Json::String(text) if text.eq_ignore_ascii_case("true") => true,
            Json::String(text) if text.eq_ignore_ascii_case("false") => false,
            Json::String(_) | Json::Null | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                return None;
            }
        }),
        Kind::Instant => Held::Instant(instant(value.as_str()?)?),
        Kind::Text => Held::Text(text(value)?),
        Kind::Texts | Kind::Groups => Held::Texts(match value {
            Json::Array(items) => items.iter().map(text).collect::<Option<_>>()?,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                vec![text(value)?]
            }
        }),
        Kind::Plans => {
            let items = value.as_array()?.iter();
            Held::Plans(items.map(plan).collect::<Option<_>>()?)
        }
    })
}

fn text(value: &Json) -> Option<Folded> {
    match value {
        Json::String(text) => Some(Folded::new(text.clone())),
        Json::Number(_) | Json::Bool(_) => Some(Folded::new(value.to_string())),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn plan(value: &Json) -> Option<Plan> {
    let object = value.as_object()?;
    let field = |field: Field| {
        let found = object
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(field.name()));
        match found {
            None | Some((_, Json::Null)) => Some(None),
            Some((_, value)) => text(value).map(Some),
        }
    };
    let [status, service, id] = Field::PLAN;
    Some(Plan([field(status)?, field(service)?, field(id)?]))
}
