//! What is left of an account after somebody left, as a target shows it; and what that proves.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Device, LicenceState};

/// What reading everything back gave. A part that is `None` the target did not let us see.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sighting {
    /// The account; the inner `None`: it is not in the directory (any more).
    pub account: Option<SeenAccount>,
    /// Every group, by whatever way.
    pub groups: Option<Vec<SeenMembership>>,
    /// Directory roles, as [`super::Holdings::roles`] names them.
    pub roles: Option<Vec<String>>,
    /// Applications in which it has a role.
    pub app_roles: Option<Vec<String>>,
    /// Devices that are its.
    pub devices: Option<Vec<Device>>,
}

/// An account as it was read back.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenAccount {
    /// Whether sign-in is allowed.
    pub enabled: bool,
    /// Sessions from before this instant are over ("signInSessionsValidFromDateTime").
    pub sessions_from: Option<Timestamp>,
    /// Licences, whoever gives them.
    pub licences: Vec<LicenceState>,
}

/// A membership as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about a group, and any may go with any other"
)]
pub struct SeenMembership {
    /// The group's id.
    pub id: String,
    /// As people read it.
    pub name: String,
    /// Its members follow a rule.
    pub dynamic: bool,
    /// By membership in another group only.
    pub nested: bool,
    /// It gives licences.
    pub licensed: bool,
    /// Roles of the directory may be given to it.
    pub administers: bool,
}

/// What one thing turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofVerdict {
    /// Read back, and it is not there.
    Gone,
    /// There, and to be there for now: policy says until when, or why.
    Kept,
    /// Asked for, and not confirmed yet.
    Pending,
    /// Nobody can say.
    Unknown,
    /// Still there.
    Residual,
}

impl ProofVerdict {
    /// As reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Kept => "kept",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Residual => "residual",
        }
    }
}

/// What kind of thing an item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofOf {
    /// The account: whether anybody can sign in.
    Account,
    /// Sessions from before the cut.
    Sessions,
    /// A group.
    Group,
    /// A licence.
    Licence,
    /// A role in the directory, held or to be had on request.
    Role,
    /// A role in an application.
    AppRole,
    /// A device.
    Device,
}

/// One line of a proof: what was looked for, and what was found. Ids and names of things, never of
/// people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofItem {
    /// What kind of thing.
    pub of: ProofOf,
    /// Which one, by the target's own id or name; `None`: all of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// As people read it, where that is something else.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// What was found.
    pub verdict: ProofVerdict,
    /// Why, where it is not simply gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}
