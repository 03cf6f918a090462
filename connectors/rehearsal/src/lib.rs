//! A simulated Microsoft Entra tenant, served as Microsoft Graph v1.0, that can say no.
//!
//! It stands where the outside world stands: tests, the demo and `rehearsal serve` point the real
//! connector at it. It checks every body against Graph's own metadata, meters every call with the
//! published quotas on the given clock, and fails on purpose when told to. Invariant: it shares
//! no parsing, no table and no rule with the client it judges; only the clock and the transport
//! type are common.

mod answer;
mod batch;
mod body;
mod csdl;
mod delta;
mod devices;
mod digest;
mod directory;
mod early;
mod encoding;
mod entity;
mod error;
mod fault;
mod groups;
mod import;
mod journal;
mod licences;
mod lists;
mod options;
mod ownership;
mod passes;
mod privileges;
mod query;
mod refusal;
mod roles;
mod route;
mod rules;
mod seeded;
mod serve;
mod served;
mod shelf;
mod sign_in;
mod state;
mod tenant;
mod throttle;
mod token;
mod users;

#[cfg(test)]
mod tests;

pub use devices::{
    AppRegistration, ApprovalRequest, Contact, Decision, Device, DeviceAction, Enrolment, Hardware,
    Join, Obstacle, Owner, PlacedDevice, Platform,
};
pub use error::TenantError;
pub use fault::{Fault, Faults};
pub use groups::reader::is_member;
pub use import::{Export, Imported};
pub use options::{Federated, KnownCertificate, Size, TenantOptions, Throttle};
pub use passes::PassPolicy;
pub use serve::serve;
pub use served::{Served, Wrote};
pub use tenant::{Tenant, User};
