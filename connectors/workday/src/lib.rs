//! Workers from Workday, by its web services or by a report.
//!
//! It stands between Workday and the pipeline as a [`rollcall_source::Source`]. `Get_Workers` is asked for
//! the parts that the wanted attributes read and for nothing else, page by page as of one moment of
//! entry; a custom report is taken as it is. Invariant: whoever is not in a pull that was called full
//! was not in Workday either; where that cannot be vouched for there is a refusal.

mod attributes;
mod check;
mod config;
mod fault;
mod groups;
mod intake;
mod plan;
mod pull;
mod raas;
mod request;
mod session;
mod source;
mod state;
mod trial;
mod worker;
mod xml;
mod xpath;

pub use config::{Auth, Config, Format, Report, Service};
pub use fault::{FaultClass, fault_class};
pub use source::Workday;
pub use trial::try_path;
pub use xpath::Wrong;
