//! Simulated HR systems, each built from the names and rules of the real one, and the people whom all of
//! them serve.
//!
//! A peer says no to whatever the real one refuses: a request that its schema does not know, a page
//! number of zero, a token that is not its own. Invariant: a peer knows only what the real system
//! could know; what it cannot say is missing from it, not made up.

pub mod contract;
mod population;
mod port;
pub mod rest;
pub mod successfactors;
mod taken;
pub mod workday;

pub use population::{Kind, Standing, Worker, population};
pub use port::serve;
pub use taken::{Row, Taken};
