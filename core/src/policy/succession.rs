//! `[succession]`: what becomes of what only somebody who leaves answers for.

use serde::{Deserialize, Serialize};

use crate::model::Asset;

/// What becomes of things of one kind that nobody else answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handing {
    /// Nobody looks.
    Off,
    /// A finding with the heir; the deletion of the account waits.
    #[default]
    Report,
    /// The same, and the heir gets it with the cut.
    Assign,
}

/// Who is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeirRule {
    /// The manager of the newest accepted rows; where they cannot take over, theirs, and so on.
    #[default]
    Line,
    /// The manager and nobody above.
    Manager,
    /// Only the fallback, where one is named.
    Nobody,
}

/// What becomes of what only somebody who leaves answers for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Succession {
    /// Groups of which they are the only owner who can act.
    pub groups: Handing,
    /// Enabled accounts whose manager they are.
    pub reports: Handing,
    /// Enabled guests of whom they are the only sponsor who can act.
    pub guests: Handing,
    /// App registrations and service principals, as groups.
    pub apps: Handing,
    /// Who is proposed.
    pub heir: HeirRule,
    /// The worker who is proposed where nobody else can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Hours after which a deletion that waits is looked at again.
    pub recheck_hours: u16,
}

impl Default for Succession {
    fn default() -> Self {
        Self {
            groups: Handing::default(),
            reports: Handing::default(),
            guests: Handing::default(),
            apps: Handing::default(),
            heir: HeirRule::default(),
            fallback: None,
            recheck_hours: 24,
        }
    }
}

impl Succession {
    /// What becomes of a kind.
    pub const fn of(&self, asset: Asset) -> Handing {
        match asset {
            Asset::Group => self.groups,
            Asset::Application | Asset::Service => self.apps,
            Asset::Report => self.reports,
            Asset::Guest => self.guests,
        }
    }

    /// What is wrong with it.
    pub(super) fn problems(&self) -> Option<String> {
        (self.recheck_hours == 0).then(|| {
            "`succession.recheck_hours` is 0; a deletion that waits is looked at again after 1 hour \
             at the earliest"
                .to_owned()
        })
    }

    /// Whether something is handed over, and what.
    pub(super) fn hands(&self, kinds: &[Asset]) -> bool {
        kinds.iter().any(|kind| self.of(*kind) == Handing::Assign)
    }
}
