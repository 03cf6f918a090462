//! Text that must not be seen: client secrets, access tokens, passwords.
//!
//! Invariant: neither `Debug` nor `Display` shows it, and it cannot be serialised.

use std::fmt;

/// A secret text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text; from here on it has to be asked for by name.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text; reading it is deliberate.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where a secret is kept: what a configuration says in place of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretAt {
    /// In an environment variable of this name.
    Env(String),
    /// In a secret of AWS Secrets Manager, by name or ARN.
    Secret(String),
    /// In a file, relative to the configuration.
    File(std::path::PathBuf),
}
