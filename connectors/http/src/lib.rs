//! The one stack for every outbound call: transport, quotas, retry and tokens.
//!
//! It stands between the connectors and the network: retry outside the rate limit, timeout
//! inside. Invariant: no request or response body is ever logged here, at any level.

mod clock;
mod transport;

pub use clock::Clock;
pub use transport::{BODY_BYTES_MAX, Exchange, TransportError, reqwest_exchange};
