//! What keeps a tenant from being opened, or an account from being put into it.
//!
//! Invariant: names files, lines and properties, never values.

use std::path::PathBuf;

/// Why a tenant cannot be opened, or an account not put into it.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The options contradict themselves.
    #[error("rehearsal tenant: `{field}` {why}")]
    Options {
        /// Which one.
        field: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// The journal cannot be read.
    #[error("rehearsal journal {}: cannot be read: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A complete line of the journal is damaged.
    #[error("rehearsal journal {}: line {line} is not a record; move the file away to start with an \
             empty tenant", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// The journal is not one of this tenant.
    #[error("rehearsal journal {}: belongs to another tenant or to a newer version of this program",
            path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// A file is none that Graph gave, or something in it cannot be.
    #[error("{file}{}: {what}", at.map_or_else(String::new, |at| format!(", object {at}")))]
    Import {
        /// Which file.
        file: String,
        /// Which object of its lists, from 1.
        at: Option<usize>,
        /// What is wrong; it names properties and domains, not people.
        what: String,
    },
    /// Somebody or something is in the tenant already.
    #[error("the rehearsal tenant is not empty; a copy is put into a new `tenant_file` alone")]
    NotEmpty,
    /// The directory refuses an account that was put into it.
    #[error("the rehearsal tenant refuses the account ({status} {code}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Graph's code.
        code: &'static str,
        /// Graph's message; it names properties, not values.
        message: String,
    },
}
