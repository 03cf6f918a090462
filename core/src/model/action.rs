//! Actions, and what a target answers: the vocabulary between plan and connector.
//!
//! Nothing here assumes that the target is Entra.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AccountName, ActionId, Attributes, ObjectId, PersonKey};

/// What an action does. The names are those of the scenario format (`user.create` ...).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Op {
    /// Make the account, disabled.
    #[serde(rename = "user.create")]
    UserCreate,
    /// Write changed attributes.
    #[serde(rename = "user.update")]
    UserUpdate,
    /// Point the account at its manager's.
    #[serde(rename = "user.setManager")]
    UserSetManager,
    /// Take the manager away.
    #[serde(rename = "user.clearManager")]
    UserClearManager,
    /// Allow sign-in.
    #[serde(rename = "user.enable")]
    UserEnable,
    /// Block sign-in.
    #[serde(rename = "user.disable")]
    UserDisable,
    /// Void the refresh tokens, so that a block takes effect now.
    #[serde(rename = "user.revokeSessions")]
    UserRevokeSessions,
}

impl Op {
    /// Every operation, in the order of the scenario format's list.
    pub const ALL: [Self; 7] = [
        Self::UserCreate,
        Self::UserUpdate,
        Self::UserSetManager,
        Self::UserClearManager,
        Self::UserEnable,
        Self::UserDisable,
        Self::UserRevokeSessions,
    ];

    /// The name in plans and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserCreate => "user.create",
            Self::UserUpdate => "user.update",
            Self::UserSetManager => "user.setManager",
            Self::UserClearManager => "user.clearManager",
            Self::UserEnable => "user.enable",
            Self::UserDisable => "user.disable",
            Self::UserRevokeSessions => "user.revokeSessions",
        }
    }

    /// Takes something away from a person; guards count it.
    pub const fn destructive(self) -> bool {
        match self {
            Self::UserDisable | Self::UserRevokeSessions => true,
            Self::UserCreate
            | Self::UserUpdate
            | Self::UserSetManager
            | Self::UserClearManager
            | Self::UserEnable => false,
        }
    }

    /// Part of a cut: goes first, goes when the source is stale, and is stopped by nothing but
    /// another object or key (P14).
    pub const fn cut(self) -> bool {
        self.destructive()
    }

    /// Must not be sent twice, whatever happened to the first answer: marked in `once/` first.
    /// Every operation of today can be repeated without harm; passes, invitations, wipes and
    /// mails cannot.
    pub const fn at_most_once(self) -> bool {
        match self {
            Self::UserCreate
            | Self::UserUpdate
            | Self::UserSetManager
            | Self::UserClearManager
            | Self::UserEnable
            | Self::UserDisable
            | Self::UserRevokeSessions => false,
        }
    }

    /// Gives access: looks for a newer cut of the person just before it writes.
    pub const fn gives(self) -> bool {
        matches!(self, Self::UserEnable)
    }
}

impl std::fmt::Display for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An account as the target has it: what planning reads as `before` and what apply re-checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The target's own id.
    pub id: ObjectId,
    /// Whether sign-in is allowed.
    pub enabled: bool,
    /// The worker key that the account carries (`employeeId`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// The sign-in name.
    pub name: AccountName,
    /// The attributes that the mapping writes, by target name; absent = null.
    pub attributes: Attributes,
}

/// What planning asks a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lookup {
    /// The accounts that carry this worker key: none, one or several.
    Key(String),
    /// The account of this sign-in name.
    Name(AccountName),
    /// The account of this id.
    Id(ObjectId),
}

/// How a group is found in a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupName {
    /// By the target's own id: somebody else made it.
    Id(ObjectId),
    /// By the unique name that Rollcall gives its own.
    Unique(String),
}

/// A group as the target has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenGroup {
    /// The target's own id.
    pub id: ObjectId,
    /// The rule that its members follow there; `None` where they are put in by hand.
    pub rule: Option<String>,
    /// The rule is at work, not paused.
    pub evaluated: bool,
}

/// A licence as the target has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seats {
    /// The target's own id of it.
    pub id: String,
    /// As catalogues name it (a SKU's part number).
    pub name: String,
    /// Seats that nobody has; below zero where more are taken than were bought.
    pub free: i64,
}

impl Seats {
    /// Whether a configuration means this licence: by name in any case, or by id.
    pub fn is(&self, written: &str) -> bool {
        self.name.eq_ignore_ascii_case(written) || self.id.eq_ignore_ascii_case(written)
    }
}

/// One action made ready for a target: values joined, references resolved to object ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The action it carries out.
    pub action: ActionId,
    /// Whose.
    pub person: PersonKey,
    /// What.
    pub op: Op,
    /// The account to write to; `None` only for a create.
    pub object: Option<ObjectId>,
    /// The worker key that the account must carry, re-checked just before writing.
    pub key: String,
    /// Create: all attributes, sign-in name included. Update: the changed ones; null clears.
    pub write: Attributes,
    /// Update: what each written attribute was at plan time (missing = null). The action is
    /// `stale` when the target has something that is neither this nor the wanted value.
    pub before: Attributes,
    /// The manager's account, for `user.setManager`.
    pub manager: Option<ObjectId>,
}

/// How one action ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum Ending {
    /// Written now.
    Done,
    /// It was so already.
    Already,
    /// The target refused, for good or after all tries.
    Failed {
        /// A stable code: the target's own where there is one.
        code: String,
        /// What it means and what to do; no values.
        hint: String,
    },
    /// The precondition no longer holds: object, key or a property that this action writes.
    Stale {
        /// What differs; no values.
        why: String,
    },
    /// Not possible yet; comes back through the schedule.
    Waiting {
        /// Not before this instant, where one is known.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Timestamp>,
        /// For what: `manager`, `replication`, `quota`.
        #[serde(rename = "for")]
        reason: String,
    },
    /// Kept back by a guard.
    Held {
        /// The guard.
        by: String,
    },
    /// Sent, never answered, must not be sent again: a person has to look.
    Unknown {
        /// What to look at.
        hint: String,
    },
}

impl Ending {
    /// Nothing is left to do for the action.
    pub const fn settled(&self) -> bool {
        match self {
            Self::Done | Self::Already => true,
            Self::Failed { .. }
            | Self::Stale { .. }
            | Self::Waiting { .. }
            | Self::Held { .. }
            | Self::Unknown { .. } => false,
        }
    }

    /// The name in reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Already => "already",
            Self::Failed { .. } => "failed",
            Self::Stale { .. } => "stale",
            Self::Waiting { .. } => "waiting",
            Self::Held { .. } => "held",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// What came of one step at a target.
#[derive(Debug, Clone, PartialEq)]
pub struct StepResult {
    /// How it ended.
    pub ending: Ending,
    /// The account, once known (a create gives it).
    pub object: Option<ObjectId>,
    /// The `client-request-id` of the last call, so that the vendor's logs can be searched.
    pub request_id: Option<String>,
    /// Calls made, retries included.
    pub calls: u32,
}
