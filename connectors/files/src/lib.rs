//! HR exports that arrive as files: CSV in UTF-8 for now.
//!
//! It stands at the start of the line: a file goes in, rows with their places come out, and what
//! is read of them is sealed. Structural doubt refuses the file, value doubt holds the row, a held
//! row keeps its key present. Invariant: memory does not grow with the number of rows.

mod clean;
mod options;
mod reader;
mod refused;
mod sealed;

pub use clean::clean;
pub use options::{Limits, Options};
pub use reader::{Reader, Row, Totals, open, open_file};
pub use refused::{RefusalKind, Refused};
pub use sealed::{Sealed, SealedReader, SealedRecord, SealedWriter, fingerprint};
