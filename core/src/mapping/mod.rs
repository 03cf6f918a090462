//! Attribute mappings: from the columns of an HR row to the wanted account.
//!
//! Two parts: the expression language of Microsoft Entra's attribute mappings, and the mapping
//! file around it. Invariant: a value in doubt is a finding that holds the row; no message
//! repeats a value.

pub mod cases;
pub mod expression;
mod file;
mod lint;
mod map;
mod properties;
pub mod schema;
mod scope;

pub(crate) use expression::plain;
pub use file::{Apply, AttributeRule, DateFormat, Mapping, MappingFileError};
pub use map::{Bound, ExplainedAttribute, Fact, Given, Made, Mapped, Origin};
pub(crate) use properties::limit;
