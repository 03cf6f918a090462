//! Devices of a tenant: what Intune manages, what the directory knows, and which apps are protected.
//!
//! A target connector beside that of Entra, with which it shares the connection: one application, one
//! token, one set of quotas. Invariant: nothing is commanded of a device before it was read back and still
//! is the leaver's, and the kind of device that was planned for; and no command is sent twice.

mod graph;
mod look;
mod order;
mod read;

use rollcall_core::model::{Area, DeviceOp, Op};
use rollcall_http::{CallError, Client};

/// The devices of one tenant; cheap to clone.
#[derive(Clone)]
pub struct Intune {
    client: Client,
}

impl std::fmt::Debug for Intune {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intune")
            .field("graph", &self.client.origin().to_string())
            .finish()
    }
}

/// The tenant could not be asked. Single refused steps are endings, not errors.
#[derive(Debug, thiserror::Error)]
#[error("while {doing}: {error}: {}", .error.hint())]
pub struct IntuneError {
    /// What was asked; no values.
    pub doing: &'static str,
    /// Why.
    pub error: CallError,
}

impl Intune {
    /// Over a connection that is there.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }
}

/// Whether this connector carries out an operation.
pub const fn does(op: Op) -> bool {
    !calls_of(op).is_empty()
}

/// The calls of one action, by method and template, when nothing goes wrong.
pub const fn calls_of(op: Op) -> &'static [(&'static str, &'static str)] {
    const READ: (&str, &str) = ("GET", graph::MANAGED_ONE);
    const OWNERS: (&str, &str) = ("GET", graph::OWNERS);
    let Area::Device(op) = op.area() else {
        return &[];
    };
    match op {
        DeviceOp::Disable => &[
            ("GET", "/devices/{id}?$select"),
            OWNERS,
            ("PATCH", graph::DEVICE),
        ],
        DeviceOp::Retire => &[READ, OWNERS, ("POST", graph::RETIRE)],
        DeviceOp::Wipe => &[READ, OWNERS, ("POST", graph::WIPE)],
        DeviceOp::RemoveUser => &[("GET", "/users/{id}?$select"), ("POST", graph::REMOVE_USER)],
        DeviceOp::CheckEscrow => &[("GET", graph::RECOVERY_KEYS)],
        DeviceOp::DeleteRecord => &[OWNERS, ("DELETE", graph::DEVICE)],
        DeviceOp::WipeApplications => &[("POST", graph::WIPE_APPLICATIONS)],
    }
}
