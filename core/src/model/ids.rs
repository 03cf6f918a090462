//! Names of things, one type each: swapping two of them would be a security incident.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// What the configuration calls one HR feed.
    SourceName
);
id!(
    /// The key of a record in its source, as HR writes it: text, never padded or folded.
    WorkerId
);
id!(
    /// The key of a human in state, work orders, action ids and message groups. Until several
    /// employments are joined, the worker id.
    PersonKey
);
id!(
    /// The target's own immutable id of an object (a Graph object id).
    ObjectId
);
id!(
    /// One pass: start instant and nonce (`20260316T020000Z-5f3a09c1`). Never part of a plan.
    RunId
);
id!(
    /// A work order inside one plan.
    OrderId
);
id!(
    /// One action: a hash of person, op, target, due, desired value and the person's revision.
    ActionId
);

/// The sign-in name of an account (a user principal name). Personal: `Debug` hides it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountName(String);

impl AccountName {
    /// Takes the text as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text; reading it is deliberate, since it names a person.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}
