//! The pure heart of Rollcall: model, mapping, delta, policy, guards, plan and report.
//!
//! Invariant: no I/O, no clock, no randomness, no async. The same input gives the same bytes.

pub mod model;
