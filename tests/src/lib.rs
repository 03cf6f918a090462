//! What several tests and benches share: contracts that every implementation of a port has to
//! keep, a large roster, a tenant to compare, a count of calls.

pub mod crowd;
pub mod queue_contract;
pub mod receiver;
pub mod rulebook;
pub mod store_contract;
pub mod tally;
pub mod tenant;
