//! The connector's steps and reads, against a peer that checks what it is sent and answers as documented.
#![expect(
    clippy::unwrap_used,
    clippy::unnecessary_wraps,
    reason = "a test fails by panicking"
)]

mod apply;
mod changes;
mod estates;
mod groups;
mod keep;
mod licences;
mod lookup;
mod members;
mod pass;
mod peer;
mod roles;
mod sight;
mod sign_in;
