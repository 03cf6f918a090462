//! How it is asked what changed.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How it is asked what changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ChangesConfig {
    /// The list itself, with a condition.
    Filter(FilterConfig),
    /// A list of ids, each of which is then read.
    ChangedList(ChangedListConfig),
}

/// The list with a condition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterConfig {
    /// The parameter of the condition.
    pub param: String,
    /// The condition, with `{since}` where the moment goes.
    pub template: String,
    /// Where a record says when it changed: shows whether the source filters.
    #[serde(default)]
    pub modified: Option<String>,
    /// How far before the last pull it is asked, in seconds, for clocks that differ and entries that
    /// come late.
    #[serde(default = "margin")]
    pub margin_secs: u32,
    /// How many days changes can be asked for; not said: without an end.
    #[serde(default)]
    pub keeps_days: Option<u32>,
}

/// A list of ids that changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedListConfig {
    /// Its path.
    pub path: String,
    /// Its parameters.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// The parameter of the moment.
    pub since: String,
    /// Where its entries are: `$.employees[*]`.
    pub entries: String,
    /// Where an entry has the id.
    pub id: String,
    /// Where an entry says what became of it.
    #[serde(default)]
    pub action: Option<String>,
    /// What it says of whoever is gone.
    #[serde(default)]
    pub gone: Vec<String>,
    /// How the records are read.
    pub fetch: FetchConfig,
    /// As with a filter.
    #[serde(default = "margin")]
    pub margin_secs: u32,
    /// As with a filter.
    #[serde(default)]
    pub keeps_days: Option<u32>,
}

/// How records are read by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FetchConfig {
    /// One by one.
    Each {
        /// The path, with `{id}` in it.
        path: String,
        /// Parameters.
        #[serde(default)]
        query: BTreeMap<String, String>,
    },
    /// From the list, so many at once.
    Batch {
        /// The parameter of the ids.
        param: String,
        /// How many at once: 1 to 500.
        size: u32,
        /// What stands between ids.
        #[serde(default = "comma")]
        separator: String,
    },
}

const fn margin() -> u32 {
    300
}

fn comma() -> String {
    ",".to_owned()
}

impl ChangesConfig {
    /// How far before the last pull it is asked, in seconds.
    pub const fn margin_secs(&self) -> u32 {
        match self {
            Self::Filter(it) => it.margin_secs,
            Self::ChangedList(it) => it.margin_secs,
        }
    }

    /// How many days changes can be asked for.
    pub const fn keeps_days(&self) -> Option<u32> {
        match self {
            Self::Filter(it) => it.keeps_days,
            Self::ChangedList(it) => it.keeps_days,
        }
    }
}
