//! Quotas: permission to call, asked for before every call (P8).
//!
//! One governor limiter (GCRA) per bucket that a call counts against, on our own clock: governor
//! is asked with `check_n`, and what it refuses is slept on [`crate::Clock`]. A limiter that lets
//! `burst` calls through at once and `rate` a second after that lets `burst + rate × window`
//! through in the worst window; so the burst is a fiftieth of the limit and the rate is what is
//! left of it. That keeps inside the quota in *every* window of its length, wherever the vendor's
//! begins, and uses 98 % of it. (A burst of a tenth on top of the full rate, as often advised,
//! goes over by a tenth.)
//!
//! Each bucket has one queue per lane, first come first served, so that a backlog of bulk calls
//! never stands in front of an urgent one. Invariant: whoever holds a permission sends at once;
//! at most one caller per bucket and lane holds a token of one bucket while waiting for another.

mod bucket;
mod forecast;
mod quotas;
mod share;
mod table;

pub use bucket::{Bucket, BucketUsage, Frozen};
pub use forecast::{Forecast, forecast};
pub use quotas::{Lane, Quotas, ThrottleScope};
pub use share::{Share, ShareError, TenantSize};
pub use table::{Cost, cost_of};
