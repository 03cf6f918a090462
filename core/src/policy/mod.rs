//! Policy: what a delta entails, as data that people edit.
//!
//! Names and defaults are those of the shipped template P0. Invariant: a value that the file
//! does not classify is held, never read as a leaver.

mod decide;
mod desk;
mod draft;
mod file;
#[cfg(test)]
mod grant_tests;
mod grants;
#[cfg(test)]
mod tests;

pub use decide::{
    Context, Decision, GrantTerms, Matching, Seen, Subject, Target, decide, name_key,
};
pub use draft::{DeltaKind, Draft, DraftAction, Reason};
pub use file::{
    Absence, Approvals, Budget, Budgets, Gates, Joiner, Leaver, Managers, Mover, Policy,
    PolicyFileError, Protected, StatusClass, Statuses,
};
