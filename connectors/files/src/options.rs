//! What the configuration says about one feed of text files, and the bounds.

/// How to read a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The column whose value names the worker.
    pub key: String,
    /// The byte between cells; `None`: from a `sep=` line, else found from the header.
    pub delimiter: Option<u8>,
    /// Columns that must exist. Further ones in the file are ignored.
    pub required: Vec<String>,
    /// The only columns passed on, in this order.
    pub columns: Vec<String>,
    /// Bounds.
    pub limits: Limits,
}

/// Bounds, all inclusive. What goes beyond is refused, never cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the values of one row: what a quote that is never closed can swallow.
    pub row_bytes_max: usize,
    /// Data rows of one file.
    pub rows_max: u32,
    /// Columns of the header.
    pub columns_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            row_bytes_max: 1 << 20,
            rows_max: 50_000_000,
            columns_max: 4096,
        }
    }
}
