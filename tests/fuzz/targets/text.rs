//! Any bytes as delimited text: reading never panics and always ends, rows ascend, a refused file has a
//! place and no value of it, and what is sealed comes back.
//!
//! The first byte says how the file is read.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use rollcall_files::{HeaderAt, Limits, Options, SealedReader, SealedWriter};

fuzz_target!(|input: &[u8]| {
    let Some((how, bytes)) = input.split_first() else {
        return;
    };
    let options = Options {
        header: match how % 3 {
            0 => HeaderAt::Found,
            1 => HeaderAt::Row(u32::from(how / 3) + 1),
            _ => HeaderAt::Nowhere,
        },
        limits: Limits {
            row_bytes_max: 4096,
            columns_max: 64,
            ..Limits::default()
        },
        ..Options::default()
    };
    let Ok(mut reader) = rollcall_files::open(Cursor::new(bytes), &options) else {
        return;
    };
    let (header, key) = (reader.header().to_vec(), reader.key().to_owned());
    let mut sealed = SealedWriter::new(Vec::new(), &key, &header).expect("the key is kept");
    let mut rows: Vec<(u32, Vec<String>)> = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(row)) => {
                let values: Vec<String> = row.values().map(std::borrow::Cow::into_owned).collect();
                assert_eq!(values.len(), header.len());
                assert!(rows.last().is_none_or(|(last, _)| *last < row.number));
                sealed.write(&row).expect("memory takes everything");
                rows.push((row.number, values));
            }
            Ok(None) => break,
            Err(_) => return,
        }
    }
    if let Ok(totals) = reader.finish() {
        assert_eq!(totals.rows as usize, rows.len());
    }
    let sealed = sealed.finish().expect("memory takes everything");
    let mut back = SealedReader::open(Cursor::new(sealed), &key).expect("it was written so");
    let mut rows = rows.into_iter();
    back.scan(|row| {
        let (number, values) = rows.next().expect("as many as were written");
        assert_eq!(row.row, number);
        assert!(row.values().eq(values.iter().map(String::as_bytes)));
    })
    .expect("it was written so");
    assert!(rows.next().is_none());
});
