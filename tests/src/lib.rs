//! Contracts that every implementation of a port has to keep: called unchanged by the embedded
//! ones here and by those of other platforms.

pub mod queue_contract;
pub mod store_contract;
