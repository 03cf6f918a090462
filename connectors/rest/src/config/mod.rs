//! What a configuration says about one source: the table `[source.rest]`.
//!
//! Invariant: what [`RestConfig::problems`] finds nothing wrong with can be asked; it finds every
//! mistake at once, and none of its lines holds a secret.

mod attribute;
mod auth;
mod changes;
mod paging;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use attribute::{AttributeConfig, AttributeSpec, Missing, Several, Typed};
pub use auth::{AuthConfig, GrantConfig, Proving};
pub use changes::{ChangedListConfig, ChangesConfig, FetchConfig, FilterConfig};
pub use paging::{
    CursorConfig, LinkConfig, OffsetConfig, PageConfig, PagingConfig, StartIndexConfig,
};

/// One source of JSON or SCIM over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestConfig {
    /// What it is, as reports call it: `BambooHR`.
    #[serde(default = "default_system")]
    pub system: String,
    /// Where it lives: `https://api.example`; plain http for this machine only.
    pub origin: String,
    /// The path of the list, from the root.
    pub path: String,
    /// Parameters of every question for the list.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Headers of every question. No secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How the list is asked for.
    #[serde(default)]
    pub method: Method,
    /// The body of a POST: JSON.
    #[serde(default)]
    pub body: Option<String>,
    /// How it is shown who asks.
    #[serde(default)]
    pub auth: AuthConfig,
    /// Where the records are in an answer; not said: the answer is the list.
    #[serde(default)]
    pub records: Option<String>,
    /// Where a record says which one it is; several paths where it takes several. No two records of
    /// a pull may say the same.
    pub id: OneOrMore,
    /// Where an answer says how many records there are in all.
    #[serde(default)]
    pub total: Option<String>,
    /// How a long list comes. It has to be said: what is not asked for is not missed.
    #[serde(default)]
    pub paging: Option<PagingConfig>,
    /// Attributes by name. Without any: every scalar member of a record, by its own name.
    #[serde(default)]
    pub attributes: BTreeMap<String, AttributeConfig>,
    /// What an attribute that a record does not have means, unless the attribute says.
    #[serde(default)]
    pub missing: Missing,
    /// Where a record lists the names of members that whoever asks may not see.
    #[serde(default)]
    pub restricted: Option<String>,
    /// How only the attributes that are read are asked for.
    #[serde(default)]
    pub select: Option<SelectConfig>,
    /// How it is asked what changed.
    #[serde(default)]
    pub changes: Option<ChangesConfig>,
    /// It speaks SCIM 2.0, below this path: `/scim/v2`. Names are then looked up without regard to
    /// case, and the check reads what the service says of itself.
    #[serde(default)]
    pub scim: Option<String>,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
}

fn default_system() -> String {
    "REST".to_owned()
}

/// How a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Method {
    /// Without a body.
    #[default]
    #[serde(rename = "GET")]
    Get,
    /// With a body.
    #[serde(rename = "POST")]
    Post,
}

impl Method {
    /// As it is sent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A text, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(String),
    /// Several.
    More(Vec<String>),
}

impl OneOrMore {
    /// All of them.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(all) => all,
        }
    }
}

/// A parameter that names what is wanted of a record.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectConfig {
    /// How the names are written.
    pub style: SelectStyle,
    /// The parameter of the names; `OData` has its own.
    #[serde(default)]
    pub param: Option<String>,
}

/// How a source is told what is wanted of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectStyle {
    /// Names of members at the top, with commas: `fields=a,b`.
    Names,
    /// `attributes=userName,name.givenName,urn:…` (RFC 7644, section 3.9).
    Scim,
    /// `$select`, and `$expand` for what stands one below (`OData` 4).
    Odata,
}

/// Bounds, all inclusive. What goes beyond is refused, never cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Pages of one pull.
    pub pages: u32,
    /// Records of one pull.
    pub records: u32,
    /// Questions a minute.
    pub calls_per_minute: u32,
    /// How often a pull is begun that moved under us: 1 to 3.
    pub passes: u32,
}

impl Default for Limits {
    /// 20,000 pages, 2,000,000 records, 300 questions a minute, two passes.
    fn default() -> Self {
        Self {
            pages: 20_000,
            records: 2_000_000,
            calls_per_minute: 300,
            passes: 2,
        }
    }
}
