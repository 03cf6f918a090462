//! What was asked and answered, for tests to read.

use jiff::Timestamp;

use crate::Fault;

/// One served call: each item of a batch is one, and so is its envelope.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a record of independent facts"
)]
pub struct Served {
    /// When it arrived (latency not counted).
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path with its keys taken out, such as `/users/{id}`; `/{tenant}/oauth2/v2.0/token` for the
    /// token endpoint; `?` for a path that is not served.
    pub template: &'static str,
    /// The second delivery of the call before it, which met [`Fault::Duplicate`]; the answer to
    /// that one reached nobody.
    pub again: bool,
    /// HTTP status; 0 when the connection was broken instead of an answer.
    pub status: u16,
    /// Counts as a write against the quotas.
    pub write: bool,
    /// The tenant is not the same after it.
    pub changed: bool,
    /// What Retry-After said, in seconds.
    pub retry_after: Option<f64>,
    /// Object id that it was about, where one was found or made.
    pub object: Option<String>,
    /// An item of a batch.
    pub in_batch: bool,
    /// It came before the end of a Retry-After that covers it and that had been answered before.
    pub early: bool,
    /// The failure on purpose that it met.
    pub fault: Option<Fault>,
    /// Of a call after which the tenant is not the same: its path below the version root and its body, where
    /// [`crate::TenantOptions::keeps_writes`].
    pub wrote: Option<Box<Wrote>>,
}

/// What was asked in a call that changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrote {
    /// The path, keys and all.
    pub path: String,
    /// The body as it came; empty where there was none.
    pub body: String,
}
