//! Any bytes as a workbook: reading never panics, always ends, and stays within its bounds.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use rollcall_files::{Limits, Options};

fuzz_target!(|input: &[u8]| {
    let options = Options {
        limits: Limits {
            row_bytes_max: 1 << 16,
            columns_max: 256,
            cells_max: 20_000,
            part_bytes_max: 4 << 20,
            held_bytes_max: 4 << 20,
            ..Limits::default()
        },
        ..Options::default()
    };
    let Ok(mut reader) = rollcall_files::open(Cursor::new(input), &options) else {
        return;
    };
    let mut last = 0;
    while let Ok(Some(row)) = reader.next() {
        assert!(row.number > last);
        last = row.number;
        let _bytes: usize = row.values().map(|it| it.len()).sum();
    }
});
