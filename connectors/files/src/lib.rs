//! HR exports that arrive as files: delimited text of any encoding, and workbooks.
//!
//! It stands at the start of the line: a file goes in, rows with their places come out, and what
//! is read of them is sealed. Structural doubt refuses the file, value doubt holds the row, a held
//! row keeps its key present. Invariant: memory does not grow with the number of rows.

mod book;
mod decode;
mod layout;
mod options;
mod reader;
mod reading;
mod records;
mod sealed;
mod survey;
mod typed;

pub use decode::Encoded;
pub use options::{Footer, HeaderAt, Limits, Options};
pub use reader::{Detected, Reader, Row, Totals, open, open_file};
pub use reading::{Column, FooterSaid, Merged, Reading, WaitsFor};
pub use rollcall_source::{RefusalKind, Refused, clean};
pub use sealed::{
    Sealed, SealedReader, SealedRecord, SealedWriter, fingerprint, rewrite, rewrite_table,
};
pub use survey::{Surveyed, survey};
pub use typed::Typed;
