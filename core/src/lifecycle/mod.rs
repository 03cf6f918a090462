//! Microsoft's Lifecycle Workflows: a policy read as such ([`listing`]), and such as a policy
//! ([`import`]).
//!
//! Invariant: neither knows a parameter of its own. What is listed follows from a [`Policy`], and
//! what is imported becomes a policy file, so that there is one reader and one engine.
//! Source: `workflow` and its parts in Microsoft Graph v1.0 (identityGovernance), and "Lifecycle
//! Workflow built-in tasks" (entra-docs, id-governance/lifecycle-workflow-tasks).
//!
//! [`Policy`]: crate::policy::Policy

mod definitions;
mod import;
mod listing;
mod odata;
#[cfg(test)]
mod tests;

pub use definitions::{Category, Definition, definitions};
pub use import::{ImportError, Imported, Note, Options, Standing, Text, import};
pub use listing::{Listed, ListedTask, Trigger, graph, listing};
