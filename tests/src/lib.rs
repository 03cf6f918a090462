//! What several tests and benches share: contracts that every implementation of a port has to
//! keep, and a large roster.

pub mod crowd;
pub mod queue_contract;
pub mod store_contract;
