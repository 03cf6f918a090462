//! What accounts answer for, as a target shows it to planning.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::ObjectId;

/// A kind of thing that somebody answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asset {
    /// A group: its owners.
    Group,
    /// The registration of an application: its owners.
    Application,
    /// An application as it stands in the tenant (a service principal): its owners.
    Service,
    /// An account that reports to somebody: its manager.
    Report,
    /// A guest: their sponsors.
    Guest,
}

impl Asset {
    /// Every kind, in order.
    pub const ALL: [Self; 5] = [
        Self::Group,
        Self::Application,
        Self::Service,
        Self::Report,
        Self::Guest,
    ];

    /// The name in plans and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Application => "application",
            Self::Service => "service",
            Self::Report => "report",
            Self::Guest => "guest",
        }
    }

    /// The kind of a name that a plan has.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|asset| asset.name() == name)
    }

    /// So many of them, as a person says it.
    pub fn counted(self, count: usize) -> String {
        let (one, several) = match self {
            Self::Group => ("group", "groups"),
            Self::Application => ("app registration", "app registrations"),
            Self::Service => ("service principal", "service principals"),
            Self::Report => ("direct report", "direct reports"),
            Self::Guest => ("guest", "guests"),
        };
        format!("{count} {}", if count == 1 { one } else { several })
    }
}

/// What an account answers for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Estate {
    /// Each thing, by kind and id.
    pub owned: Vec<Owned>,
    /// Kinds that the target did not let us look at, or not wholly.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub unread: BTreeSet<Asset>,
}

/// One thing that an account answers for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owned {
    /// What.
    pub asset: Asset,
    /// The target's own id.
    pub id: ObjectId,
    /// Who answers for it beside the account: other owners, other sponsors; nobody for a report.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub others: Vec<Keeper>,
}

/// Somebody else who answers for a thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Keeper {
    /// Whose account, or which application or group.
    pub id: ObjectId,
    /// They can act: an account that may sign in, or no account of a person at all.
    pub able: bool,
}

impl Owned {
    /// Nobody who can act is left once the account is gone.
    pub fn alone(&self) -> bool {
        !self.others.iter().any(|keeper| keeper.able)
    }
}
