//! Scenarios: what a policy does over days, written down and played.
//!
//! A play gives rows to the same functions that a run does, `decide`, guards and `fold`, with an
//! in-memory target and a clock that jumps from one instant to the next at which anything
//! happens. Invariant: a play has no policy of its own.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a play says what it enters and what it counts; everything else is nothing to it"
)]

mod act;
mod begin;
mod case;
mod compare;
mod devices;
mod estate;
mod files;
mod hold;
mod metrics;
mod params;
mod people;
mod play;
mod row;
mod tenant;
#[cfg(test)]
mod tests;
mod turn;

pub use case::{Case, CaseError};
pub use compare::{Verdict, judge};
pub use params::p0;
pub use play::{Entry, PlayError, Played, play};

/// The group of P0 that carries a licence.
const LICENSED: &str = "G-LIC";
