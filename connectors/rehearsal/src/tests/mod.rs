//! The tenant from outside: every test speaks HTTP to it, through the in-process exchange or over
//! a socket.

mod approvals;
mod batches;
mod delta;
mod devices;
mod faults;
mod groups;
mod import;
mod journals;
mod licences;
mod nesting;
mod ownership;
mod passes;
mod peer;
mod permissions;
mod privileges;
mod quotas;
mod reading;
mod replication;
mod sign_in;
mod sockets;
mod tokens;
mod writing;
