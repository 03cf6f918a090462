//! The reader against `expected.json`, case by case.
//!
//! Protects the reader's contract.

#![expect(
    clippy::unwrap_used,
    reason = "a test file; a fixture of another shape is a failure"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;

use rollcall_files::{Options, Reading, Refused, open};
use serde_json::Value;

/// Finding kinds that need more than one row: `rollcall read` and planning say them.
/// `key_cleaned` is ours and informational; the cases do not list it.
const NOT_THE_READER: [&str; 3] = [
    "duplicate_identical",
    "duplicate_conflict",
    "manager_not_in_roster",
];

/// Row, line, held, key, values.
type RowRead = (u32, u64, bool, Option<String>, Vec<Option<String>>);
/// Kind, row, column.
type Place = (String, Option<u64>, Option<String>);

struct Read {
    rows: Vec<RowRead>,
    findings: BTreeSet<Place>,
    header: Vec<String>,
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/hr/files")
        .join(file)
}

fn expected() -> Vec<Value> {
    let text = std::fs::read_to_string(path("expected.json")).unwrap();
    let mut all: Value = serde_json::from_str(&text).unwrap();
    all["cases"].as_array_mut().unwrap().drain(..).collect()
}

fn read(file: &str, said: &Value, key: &str, columns: &[String]) -> Result<Read, Refused> {
    let said = if said.is_null() {
        serde_json::json!({})
    } else {
        said.clone()
    };
    let said: Reading = serde_json::from_value(said).unwrap();
    let options = said.options().unwrap();
    let options = Options {
        key: key.to_owned(),
        required: [options.required, vec![key.to_owned()]].concat(),
        columns: columns.to_vec(),
        ..options
    };
    let mut reader = open(File::open(path(file)).unwrap(), &options)?;
    let header = reader.header().to_vec();
    let mut findings = BTreeSet::new();
    let mut rows = Vec::new();
    let place = |f: &rollcall_core::model::Finding| {
        let kind = serde_json::to_value(f.kind)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned();
        (kind, f.at.row.map(u64::from), f.at.column.clone())
    };
    while let Some(row) = reader.next()? {
        findings.extend(row.findings.iter().map(place));
        let key = row.key.as_ref().map(ToString::to_string);
        let values = row
            .cells()
            .map(|(_, value)| value.map(std::borrow::Cow::into_owned));
        let values = values.collect();
        rows.push((row.number, row.line, row.held, key, values));
    }
    findings.extend(reader.header_findings().map(place));
    reader.finish()?;
    Ok(Read {
        rows,
        findings,
        header,
    })
}

fn check(case: &Value) {
    let file = case["file"].as_str().unwrap();
    let key = case["options"]["key"].as_str().unwrap_or(match file {
        "02-semicolon-cp1252.csv" => "Personalnummer",
        "15-header-noise.csv" | "19-merged-headers.xlsx" => "Employee ID",
        "29-dates.xlsb" => "column 2",
        _ => "EmployeeID",
    });
    let columns: Vec<String> = match case["rows"][0]["values"].as_object() {
        Some(values) => values.keys().cloned().collect(),
        None => vec![key.to_owned()],
    };
    let read = read(file, &case["options"], key, &columns);
    if case["verdict"] == "refuse" {
        let refused = read.err().expect(file);
        assert_eq!(refused.kind.name(), case["error"]["kind"], "{file}");
        let row = case["error"]["row"].as_u64();
        assert_eq!(refused.row.map(u64::from), row, "{file}");
        let text = refused.in_file(file).to_string();
        for name in case["error"]["message_must_name"].as_array().unwrap() {
            // Not in the file's own name, which is in front.
            let message = text.strip_prefix(file).expect(file);
            assert!(message.contains(name.as_str().unwrap()), "{text}");
        }
        return;
    }
    let read = read.unwrap_or_else(|refused| panic!("{file}: {refused}"));
    if let Some(names) = case["detected"]["columns"].as_array() {
        assert_eq!(
            read.header,
            names
                .iter()
                .map(|n| n.as_str().unwrap())
                .collect::<Vec<_>>()
        );
    }
    // Rows that core or the mapping holds are still there for us: only those named must agree.
    for row in case["rows"].as_array().unwrap_or(&Vec::new()) {
        let number = row["row"].as_u64().unwrap();
        let (_, line, held, found_key, values) = read
            .rows
            .iter()
            .find(|r| u64::from(r.0) == number)
            .expect(file);
        assert!(!held, "{file} row {number}");
        assert_eq!(
            *line,
            row["line"].as_u64().unwrap_or(number),
            "{file} row {number}"
        );
        assert_eq!(
            found_key.as_deref(),
            row["values"][key].as_str(),
            "{file} row {number}"
        );
        for (column, value) in columns.iter().zip(values) {
            let wanted = row["values"][column].as_str();
            assert_eq!(value.as_deref(), wanted, "{file} {column}");
        }
    }
    let mut wanted: BTreeSet<Place> = BTreeSet::new();
    for finding in case["findings"].as_array().unwrap() {
        let kind = finding["kind"].as_str().unwrap();
        if !NOT_THE_READER.contains(&kind) && !kind.starts_with("header_") {
            let column = finding["column"].as_str().map(str::to_owned);
            let first = finding["rows"][0]
                .as_u64()
                .filter(|_| kind.ends_with("_skipped"));
            let row = finding["row"].as_u64().or(first);
            wanted.insert((kind.to_owned(), row, column));
        }
    }
    let ours = |f: &&Place| !f.0.starts_with("header_") && f.0 != "key_cleaned";
    let found: BTreeSet<_> = read.findings.iter().filter(ours).cloned().collect();
    assert_eq!(found, wanted, "{file}");
}

/// Every case there is.
#[test]
fn every_case_is_read_as_expected() {
    let cases = expected();
    let now: Vec<&Value> = cases.iter().collect();
    assert_eq!(now.len(), 30);
    // Each case for itself, so that one failure does not hide the others.
    let failed = |case: &&&Value| std::panic::catch_unwind(|| check(case)).is_err();
    let failed: Vec<&str> = now
        .iter()
        .filter(failed)
        .filter_map(|case| case["file"].as_str())
        .collect();
    assert_eq!(
        failed, [""; 0],
        "cases that are not read as expected.json says"
    );
}

/// A ragged row is held whole, and its key still counts as present.
#[test]
fn ragged_rows_keep_their_keys() {
    let read = read(
        "13-ragged.csv",
        &Value::Null,
        "EmployeeID",
        &["City".to_owned()],
    )
    .unwrap();
    let held: Vec<_> = read
        .rows
        .iter()
        .filter(|r| r.2)
        .map(|r| r.3.as_deref())
        .collect();
    assert_eq!(held, [Some("01302"), Some("01303")]);
}

/// A name that stands twice is not guessed at.
#[test]
fn a_column_that_stands_twice_is_ambiguous() {
    let columns = ["Employee ID".to_owned(), "LastName".to_owned()];
    let options = Options {
        key: columns[0].clone(),
        required: columns.to_vec(),
        columns: columns.to_vec(),
        ..Options::default()
    };
    let refused = open(File::open(path("15-header-noise.csv")).unwrap(), &options)
        .err()
        .unwrap();
    assert_eq!(
        (refused.kind.name(), refused.column.as_deref()),
        ("wrong_header", Some("LastName"))
    );
}

/// The public sample: every row is read, none is held by the reader.
#[test]
fn the_public_sample_has_a_thousand_rows() {
    let read = read(
        "csv2scim-1000.csv",
        &Value::Null,
        "WorkerID",
        &["WorkerStatus".to_owned()],
    )
    .unwrap();
    let keys: BTreeSet<_> = read.rows.iter().filter_map(|r| r.3.as_deref()).collect();
    let active = read
        .rows
        .iter()
        .filter(|r| r.4 == [Some("Active".to_owned())])
        .count();
    assert_eq!(
        (read.rows.len(), read.header.len(), keys.len(), active),
        (1000, 24, 624, 496)
    );
    assert!(read.rows.iter().all(|r| !r.2));
}

/// Somebody still writes: the rows read so far may be any part of the whole.
#[test]
fn a_file_that_grows_while_it_is_read_is_refused() {
    use std::io::Write as _;

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"id,name\n1,a\n2,b\n").unwrap();
    let columns = vec!["id".to_owned(), "name".to_owned()];
    let options = Options {
        key: "id".to_owned(),
        required: columns.clone(),
        columns,
        ..Options::default()
    };
    for grown in [false, true] {
        let mut reader = open(file.reopen().unwrap(), &options).unwrap();
        if grown {
            file.write_all(b"3,c\n").unwrap();
        }
        while reader.next().unwrap().is_some() {}
        match reader.finish() {
            Ok(totals) => assert!(!grown && totals.rows == 2),
            Err(refused) => assert!(grown && refused.kind.name() == "half_written", "{refused}"),
        }
    }
}
