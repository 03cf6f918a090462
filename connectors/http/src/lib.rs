//! The one stack for every outbound call: transport, quotas, retry and tokens.
//!
//! It stands between the connectors and the network: retry outside the rate limit, timeout
//! inside. Invariant: no request or response body is ever logged here, at any level.

mod ask;
mod batch;
mod bearer;
mod chance;
mod client;
mod clock;
mod encode;
mod error;
mod fault;
mod limiter;
mod origin;
mod paging;
mod post;
mod retry;
mod secret;
mod token;
mod transport;

pub use ask::{Ask, AskSetup, Asker, Heard, Judge, Links, Unheard, passing};
pub use batch::{Answer, Answers, ITEMS_MAX, after, refused};
pub use bearer::{Bearer, BearerError};
pub use chance::Chance;
pub use client::{Call, CallSpec, Client, Reply, Setup};
pub use clock::Clock;
pub use encode::{encode_component, encode_segment};
pub use error::{CallError, CallErrorKind};
pub use fault::{Fault, Situation};
pub use limiter::{
    Bucket, BucketUsage, Cost, Forecast, Frozen, Lane, Quotas, Share, ShareError, TenantSize,
    ThrottleScope, cost_of, forecast,
};
pub use origin::{Origin, OriginError, same_origin};
pub use paging::{BATCHES, Listed, values, withheld};
pub use post::{Post, Postbox, Posted, Repeat};
pub use retry::{Attempts, Next, Retry, RetryPolicy, retry_after};
pub use secret::{Secret, SecretAt};
pub use token::{Asked, Credential, Proof, TokenError, TokenSource, TokenSpec};
pub use transport::{BODY_BYTES_MAX, Exchange, TransportError, posting_exchange, reqwest_exchange};
