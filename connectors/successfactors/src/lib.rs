//! Workers from SAP SuccessFactors Employee Central, through its OData API (version 2).
//!
//! It stands between the pipeline and one instance: signs in, asks for people with exactly what the mapping reads, follows pages,
//! chooses who speaks for a person, and hands on rows. What SAP's interface makes hard is in `docs/sources/successfactors.md`.
//! Invariant: a roster that does not add up is refused; what did not come is never taken for empty.

mod attributes;
mod check;
mod config;
mod date;
mod fault;
mod instance;
mod metadata;
mod pages;
mod path;
mod pull;
mod query;
mod reading;
mod saml;
mod schema;
mod sign_in;
mod source;
mod standing;

pub use config::{Oidc, Paging, Primary, Saml, SuccessFactorsConfig, WithoutEmployment};
pub use date::{Said, is_date, iso, parse as parse_date};
pub use path::Path;
pub use saml::{Assertion, Key, KeyError};
pub use source::SuccessFactors;
