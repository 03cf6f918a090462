//! Reconciliation: HR, state and tenant side by side, every person and account in one class.
//!
//! What is compared comes from the shell; here it is judged, counted and drawn. Nothing is planned
//! here: what is to be mended is planned as anything else is. Invariant: each line has exactly one
//! class, and what nobody knows is said to be unknown, never to be in order.

mod classify;
#[cfg(test)]
mod classify_tests;
mod controls;
mod drift;
mod page;
mod register;
mod sample;
mod table;
mod totals;
mod word;

use serde::{Deserialize, Serialize};

pub use classify::{Facts, Judged, SignIn, Terms, classify, rivals};
pub use controls::{
    Agreement, CONTROLS, Conflict, Control, Controls, Event, EventKind, Intake, Kept, Leaver,
    Privileged, RuleChange, Site, by_site,
};
pub use drift::{Because, Difference, Print, differences};
pub use page::page;
pub use register::{Exception, Register, RegisterError, Sla};
pub use sample::{EVENT_HEADER, event_line, sample};
pub use table::{HEADER, Line, class_cells, line, total_line};
pub use totals::{Populations, Totals};
pub use word::{Word, word};

/// What a line of `reconciliation.csv` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// HR, state and tenant agree.
    Matched,
    /// The account differs from what HR says.
    MatchedDrift,
    /// An enabled account of nobody whom HR knows, and of no exception.
    OrphanAccount,
    /// Somebody in force without an account.
    MissingAccount,
    /// Somebody who left can sign in now.
    LeaverActive,
    /// Somebody who left was cut off later than allowed.
    LeaverLate,
    /// Somebody who left signed in after they were to be cut off.
    AccessAfterTermination,
    /// An enabled account that nobody has used for long.
    Dormant,
    /// Several accounts carry the key of one person.
    DuplicateMatch,
    /// An exception whose last day is over.
    ExceptionExpired,
    /// A protected account that an exception names an owner of.
    Protected,
    /// An account that is nobody's by intent: an exception in force, or disabled anyway; or the
    /// mapping is not for the worker.
    Excluded,
    /// A difference that waits for people, or for its hour.
    OnHold,
    /// Nobody can tell.
    Unknown,
}

impl Class {
    /// Every one, in the order of reports.
    pub const ALL: [Self; 14] = [
        Self::AccessAfterTermination,
        Self::LeaverActive,
        Self::LeaverLate,
        Self::OrphanAccount,
        Self::DuplicateMatch,
        Self::MissingAccount,
        Self::MatchedDrift,
        Self::Dormant,
        Self::ExceptionExpired,
        Self::Unknown,
        Self::OnHold,
        Self::Protected,
        Self::Excluded,
        Self::Matched,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::MatchedDrift => "matched_drift",
            Self::OrphanAccount => "orphan_account",
            Self::MissingAccount => "missing_account",
            Self::LeaverActive => "leaver_active",
            Self::LeaverLate => "leaver_late",
            Self::AccessAfterTermination => "access_after_termination",
            Self::Dormant => "dormant",
            Self::DuplicateMatch => "duplicate_match",
            Self::ExceptionExpired => "exception_expired",
            Self::Protected => "protected",
            Self::Excluded => "excluded",
            Self::OnHold => "on_hold",
            Self::Unknown => "unknown",
        }
    }

    /// Somebody has to look at it. What waits on purpose, and what is so by intent, is none.
    pub const fn discrepancy(self) -> bool {
        match self {
            Self::MatchedDrift
            | Self::OrphanAccount
            | Self::MissingAccount
            | Self::LeaverActive
            | Self::LeaverLate
            | Self::AccessAfterTermination
            | Self::Dormant
            | Self::DuplicateMatch
            | Self::ExceptionExpired
            | Self::Unknown => true,
            Self::Matched | Self::Protected | Self::Excluded | Self::OnHold => false,
        }
    }

    /// Only sign-ins can tell how many there are.
    pub const fn by_sign_ins(self) -> bool {
        matches!(self, Self::AccessAfterTermination | Self::Dormant)
    }

    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Matched => "HR, state and tenant agree",
            Self::MatchedDrift => "the account differs from what HR says",
            Self::OrphanAccount => {
                "an enabled account of nobody whom HR knows, and of no exception"
            }
            Self::MissingAccount => "in force without an account",
            Self::LeaverActive => "left, and can sign in now",
            Self::LeaverLate => "left, and was cut off later than allowed",
            Self::AccessAfterTermination => "left, and signed in after access was to end",
            Self::Dormant => "enabled, and not used for long",
            Self::DuplicateMatch => "several accounts carry the key of one person",
            Self::ExceptionExpired => "an exception whose last day is over",
            Self::Protected => "a protected account that somebody answers for",
            Self::Excluded => {
                "nobody's by intent: an exception in force, disabled, or out of scope"
            }
            Self::OnHold => "differs, and waits for people or for its hour",
            Self::Unknown => "nobody can tell",
        }
    }
}
