//! The pure heart of Rollcall: model, mapping, delta, policy, guards, plan and report.
//!
//! Invariant: no I/O, no clock, no randomness, no async. The same input gives the same bytes.

pub mod approvals;
pub mod base64;
pub mod circles;
pub mod delta;
pub mod device_looks;
pub mod digest;
pub mod fold;
pub mod grants;
pub mod groups;
pub mod guards;
pub mod lifecycle;
pub mod mapping;
pub mod merkle;
pub mod model;
pub mod notice;
pub mod owners;
mod pattern;
mod place;
pub mod plan;
pub mod policy;
pub mod profile;
pub mod proof;
pub mod reconcile;
pub mod references;
pub mod report;
pub mod roster;
pub mod rules;
pub mod salts;
pub mod scenario;
pub mod seats;
pub mod slices;
pub mod state;
pub mod succession;
pub mod suggest;
pub mod survey;
pub mod texts;
pub mod undo;
pub mod workers;
