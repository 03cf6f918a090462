//! What is read of a record, and what it is.

use serde::Deserialize;

/// An attribute: a path, or more than that.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum AttributeConfig {
    /// Where it is.
    Path(String),
    /// Where it is, and what.
    Spec(AttributeSpec),
}

/// An attribute of which more is said than its path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeSpec {
    /// Where it is.
    #[serde(default)]
    pub at: Option<String>,
    /// Or where its parts are: a key that takes several members.
    #[serde(default)]
    pub parts: Vec<String>,
    /// What stands between parts.
    #[serde(default)]
    pub between: Option<String>,
    /// What it is.
    #[serde(default, rename = "type")]
    pub typed: Typed,
    /// How a day is written: `%d.%m.%Y`, `epoch_ms`, `epoch_s`; not said: `2026-04-01`, with or
    /// without a time of day behind it.
    #[serde(default)]
    pub format: Option<String>,
    /// The zone in which an instant (`2026-03-31T22:00:00Z`, `epoch_ms`) is a day: `Europe/Berlin`. Not
    /// said: the day as it is written, and in UTC of the epoch.
    #[serde(default)]
    pub zone: Option<String>,
    /// Ways to write that there is none, as written or as the day they come to.
    #[serde(default)]
    pub none: Vec<String>,
    /// Words for yes beside `true`.
    #[serde(default, rename = "true")]
    pub yes: Vec<String>,
    /// Words for no beside `false`.
    #[serde(default, rename = "false")]
    pub no: Vec<String>,
    /// What becomes of several values.
    #[serde(default)]
    pub several: Several,
    /// What stands between joined values.
    #[serde(default)]
    pub separator: Option<String>,
    /// What it means that a record does not have it.
    #[serde(default)]
    pub missing: Option<Missing>,
}

impl AttributeConfig {
    /// With what is not said left open.
    pub fn spec(&self) -> AttributeSpec {
        match self {
            Self::Path(path) => AttributeSpec {
                at: Some(path.clone()),
                ..AttributeSpec::default()
            },
            Self::Spec(spec) => spec.clone(),
        }
    }
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Typed {
    /// Text, as it is.
    #[default]
    Text,
    /// A civil day.
    Date,
    /// Yes or no.
    Boolean,
}

/// What becomes of several values where one is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Several {
    /// The row is held: nobody chooses by chance.
    #[default]
    Hold,
    /// The first is taken. The order of a list is the source's.
    First,
    /// They are joined.
    Join,
}

/// What it means that a record does not have an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Nobody knows: the row is held.
    #[default]
    Hold,
    /// There is no value, as in SCIM (RFC 7643, section 2.5).
    Empty,
}
