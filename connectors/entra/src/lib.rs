//! Microsoft Entra ID through Microsoft Graph: what planning asks, and what apply writes.
//!
//! A target connector: it stands between the pipeline and [`rollcall_http`], and turns questions
//! and steps into the calls of Graph v1.0. Invariant: nothing is written before the account has
//! been read back and still is what the plan was made for (P14).

mod account;
mod assign;
mod bin;
mod certificate;
mod changes;
mod cloud;
mod config;
mod create;
mod current;
mod estate;
mod graph;
mod groups;
mod keep;
mod licences;
mod lookup;
mod members;
mod pass;
mod password;
mod probe;
mod roles;
mod sight;
mod sign_in;
mod states;
mod write;

pub use certificate::{Certificate, CertificateError};
pub use cloud::Cloud;
pub use config::{Entra, EntraConfig, EntraError, does};
pub use pass::{Issued, Pass};
pub use probe::{Need, PassLimits, Probe, Wants};
