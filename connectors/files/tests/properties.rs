//! Laws of reader and sealed rows, over input that nobody prepared.

use std::io::Cursor;

use proptest::prelude::*;
use rollcall_files::{Options, SealedReader, SealedWriter, fingerprint, open};

fn options() -> Options {
    let names = || vec!["id".to_owned(), "name".to_owned(), "city".to_owned()];
    Options {
        key: "id".to_owned(),
        required: names(),
        columns: names(),
        ..Options::default()
    }
}

/// What came of a file: its keys in order, or the kind of refusal.
fn keys(bytes: &[u8]) -> Result<Vec<Option<String>>, &'static str> {
    let mut reader = open(Cursor::new(bytes), &options()).map_err(|r| r.kind.name())?;
    let mut out = Vec::new();
    while let Some(row) = reader.next().map_err(|r| r.kind.name())? {
        out.push(row.key.as_ref().map(ToString::to_string));
    }
    reader.finish().map_err(|r| r.kind.name())?;
    Ok(out)
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}

proptest! {
    /// Bytes of any kind are read or refused, never a panic.
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _read_or_refused = keys(&bytes);
    }

    /// The same behind a good header, where rows are reached.
    #[test]
    fn no_rows_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut file = b"id,name,city\n".to_vec();
        file.extend(bytes);
        let _read_or_refused = keys(&file);
    }

    /// What is sealed comes back value for value: all in order, and each by its byte.
    #[test]
    fn sealed_rows_come_back(
        rows in prop::collection::vec(("[a-z0-9]{1,6}", "(\\PC|[,\"\r\n]){0,8}", "(\\PC|[,\"\n]){0,8}"), 1..12)
    ) {
        let mut file = "id,name,city\n".to_owned();
        for (id, name, city) in &rows {
            file.push_str(&[id.clone(), quoted(name), quoted(city)].join(","));
            file.push('\n');
        }
        let options = options();
        let mut reader = open(Cursor::new(file.as_bytes()), &options).unwrap();
        let mut writer = SealedWriter::new(Vec::new(), &options.key, &options.columns).unwrap();
        let mut written = Vec::new();
        while let Some(row) = reader.next().unwrap() {
            let values: Vec<String> = row.values().map(std::borrow::Cow::into_owned).collect();
            written.push((row.number, row.held, values));
            writer.write(&row).unwrap();
        }
        let sealed = writer.finish().unwrap();
        let mut back = SealedReader::open(Cursor::new(sealed), &options.key).unwrap();
        let mut streamed = Vec::new();
        back.scan(|row| {
            let values = (0..3).map(|at| row.value(at).unwrap().to_owned()).collect::<Vec<_>>();
            streamed.push((row.byte, (row.row, row.held, values)));
        })
        .unwrap();
        let in_order: Vec<_> = streamed.iter().map(|s| s.1.clone()).collect();
        prop_assert_eq!(&in_order, &written);
        for (byte, row) in streamed.iter().rev() {
            let one = back.at(*byte).unwrap();
            let values: Vec<String> = (0..3).map(|at| one.value(at).to_owned()).collect();
            prop_assert_eq!(&(one.row, one.held, values), row);
        }
    }

    /// Borders between values count.
    #[test]
    fn lists_that_differ_have_other_fingerprints(
        a in prop::collection::vec("[ab]{0,3}", 3),
        b in prop::collection::vec("[ab]{0,3}", 3),
    ) {
        let mut scratch = Vec::new();
        let mut of = |list: &[String]| fingerprint(list.iter().map(String::as_bytes), &mut scratch);
        prop_assert_eq!(of(&a) == of(&b), a == b);
    }
}

/// A file cut at any byte is refused or keeps every row whose line end was kept. What cannot be
/// told without a trailer: a cut exactly at a line end, and one inside (or right behind) the last
/// value of a row that has all its fields.
#[test]
fn a_cut_loses_no_whole_row_unseen() {
    let file =
        "id,name,city\n1,Ann,Oslo\n2,\"Ash, Bob\",Bergen\n3,Zoë,\"Flat 3\nOslo\"\n4,Dan,Rome\n";
    let whole = keys(file.as_bytes()).unwrap();
    let line_ends = [13, 24, 44, 65, 76];
    assert_eq!(file.len(), 76, "the offsets below follow from the text");
    for cut in 0..file.len() {
        let Ok(found) = keys(&file.as_bytes()[..cut]) else {
            continue;
        };
        let complete = line_ends.iter().filter(|end| **end <= cut).count() - 1;
        assert!(
            found.len() >= complete && whole.starts_with(&found),
            "cut at byte {cut}"
        );
        let in_last_value = found.len() == complete + 1;
        assert!(
            line_ends.contains(&cut) || in_last_value,
            "cut at byte {cut} passed"
        );
    }
}
