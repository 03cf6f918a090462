//! Workers from any source of JSON or SCIM 2.0 over HTTP, by configuration.
//!
//! It stands beside the connectors for one vendor and covers who has none: a configuration says where
//! the list is, how it is paged, who asks, and where in a record each attribute stands
//! ([`RestConfig`], `docs/sources/rest.md`). Configurations for `BambooHR`, Dynamics 365 and Aquera are
//! shipped below `mappings/`.
//!
//! Invariant: a pull counts as everybody only when it adds up: a page that is short, empty, repeated
//! or foreign, a total that moves or is not reached and an id that comes twice refuse it.

mod attribute;
mod changes;
mod check;
mod config;
mod page;
mod path;
mod plan;
mod pull;
mod rows;
mod select;
mod session;
mod source;

pub use config::{
    AttributeConfig, AttributeSpec, AuthConfig, ChangedListConfig, ChangesConfig, CursorConfig,
    FetchConfig, FilterConfig, GrantConfig, Limits, LinkConfig, Method, Missing, OffsetConfig,
    OneOrMore, PageConfig, PagingConfig, Proving, RestConfig, SelectConfig, SelectStyle, Several,
    StartIndexConfig, Typed,
};
pub use path::{Found, Path, PathError};
pub use source::Rest;
