//! Policy: what a delta entails, as data that people edit.
//!
//! Names and defaults are those of the shipped template P0. Invariant: a value that the file
//! does not classify is held, never read as a leaver.

mod account;
mod career;
mod decide;
mod desk;
mod device_table;
mod devices;
mod draft;
mod file;
#[cfg(test)]
mod grant_tests;
mod grants;
mod joiner;
mod leaver;
mod slices;
mod stayer;
mod succession;
#[cfg(test)]
mod tests;
mod undone;
#[cfg(test)]
mod workflow_tests;
mod workflows;

pub use decide::{
    Context, Decision, GrantTerms, Matching, NoRules, Rules, Seen, Subject, Target,
    asks_for_holdings, decide, name_key,
};
pub use desk::day_start;
pub(crate) use desk::day_time;
pub use device_table::{Cause as DeviceCause, DeviceRow, Measure, measures, row_of, shipped};
pub use draft::{DeltaKind, Draft, DraftAction, Reason};
pub use file::{
    Absence, Approvals, Budget, Budgets, Devices, Freeze, Gates, Joiner, LeavePolicy, Leaver,
    Managers, Mover, Pass, Policy, PolicyFileError, Protected, Rescinded, StatusClass, Statuses,
};
pub(crate) use grants::giving;
pub(crate) use slices::last_part;
pub use slices::{Limit, PARTS, Slice, place as slice_place};
pub use succession::{Handing, HeirRule, Succession};
pub use workflows::{
    AbsenceChanges, Chosen, DeviceChanges, JoinerChanges, LeaveChanges, LeaverChanges,
    MoverChanges, OrNever, RescindedChanges, Workflow, WorkflowError, Workflows, scope_lines,
};
