//! What every source of HR data is to the pipeline, whatever stands behind it.
//!
//! A source describes itself, can be checked without a change anywhere, and is pulled: rows go into a
//! sink one by one, and what the pull came to is said at the end. Invariant: nothing that went into
//! the sink counts before [`Source::pull`] has returned `Ok`: a pull that cannot vouch for being
//! whole is refused, and whatever came of it is thrown away (P3, P4).

mod clean;
mod contract;
mod refused;

pub use clean::{clean, clean_name};
pub use contract::{
    Attribute, Checked, Cursor, Described, Noted, Pulled, Reach, Record, Sink, Source, Want,
};
pub use refused::{RefusalKind, Refused};
