//! What the plays share: a company over many days, and chance that can be repeated.

pub mod chance;
pub mod company;
