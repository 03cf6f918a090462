//! Store, commit log, queue and run: what every entry point shares.
//!
//! Everything with a side effect hangs together here, in the order of the flow: pull, plan,
//! apply, fold, report. Invariant: the tenant is never written to except by an action of a
//! stored plan.

pub mod ahead;
pub mod apply;
pub mod approve;
pub mod aws;
pub mod compare;
pub mod config;
pub mod entra;
pub mod erase;
pub mod explain;
pub mod forecast;
pub mod halt;
pub mod key;
pub mod log;
pub mod notices;
pub mod notify;
pub mod once;
mod overlay;
pub mod plan;
pub mod pull;
pub mod queue;
pub mod reconcile;
pub mod report;
pub mod retention;
pub mod roll;
pub mod rows;
pub mod run;
mod salts;
pub mod sign;
pub mod sources;
pub mod spool;
pub mod state;
pub mod status;
pub mod store;
pub mod target;
mod tenant;
pub mod verify;
pub mod wiring;
