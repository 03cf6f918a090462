//! Every workbook case of `expected.json`, as far as a reader of cells can answer it.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::model::{Finding, Place, Severity};
use serde_json::Value;

use super::super::{Book, Cell, Choose, Row, doubt, letters};
use super::{Cursor, Limits, Refused, fixture, kind, sniff};

/// Number of the row, and its values by column.
type Values = BTreeMap<u32, BTreeMap<String, Option<String>>>;

/// What the file reader makes of the cells, in short.
struct Read {
    detected: BTreeMap<&'static str, String>,
    rows: Values,
    findings: BTreeSet<String>,
}

fn value(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Empty => None,
        Cell::Text(text) | Cell::Duration(text) => Some((*text).to_owned()),
        Cell::Number(number) => Some(number.text.to_owned()),
        Cell::Boolean(value) => Some(value.to_string()),
        Cell::Day(day) => Some(day.to_string()),
        Cell::Moment(moment) => Some(moment.to_string()),
        Cell::NoDay(_) | Cell::Error(_) | Cell::Uncalculated | Cell::Covered(_) => {
            Some("unknown".to_owned())
        }
    }
}

/// A finding as `expected.json` has it: kind, row, column and what it names.
fn named(finding: &Finding) -> String {
    let kind = serde_json::to_value(finding.kind).unwrap();
    let mut parts = vec![kind.as_str().unwrap().to_owned()];
    parts.extend(finding.at.row.map(|r| r.to_string()));
    parts.extend(finding.at.column.clone());
    for name in ["covers", "cell", "rows"] {
        parts.extend(finding.arg(name).map(str::to_owned));
    }
    if matches!(
        parts[0].as_str(),
        "sheet_chosen" | "hidden_sheet_ignored" | "cell_error"
    ) {
        parts.extend(finding.arg("value").map(str::to_owned));
    }
    parts.join(" ")
}

fn expected(finding: &Value) -> String {
    let mut parts = vec![finding["kind"].as_str().unwrap().to_owned()];
    parts.extend(finding["row"].as_u64().map(|r| r.to_string()));
    for name in ["column", "covers", "cell"] {
        parts.extend(finding[name].as_str().map(str::to_owned));
    }
    if let Some(rows) = finding["rows"].as_array() {
        parts.push(
            rows.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        );
    }
    // Values of people are in no finding of this project.
    if matches!(
        parts[0].as_str(),
        "sheet_chosen" | "hidden_sheet_ignored" | "cell_error"
    ) {
        parts.extend(finding["value"].as_str().map(str::to_owned));
    }
    parts.join(" ")
}

fn header(row: &Row) -> Vec<String> {
    let name = |cell: Cell<'_>| match cell {
        Cell::Text(text) => text.to_owned(),
        _ => String::new(),
    };
    row.cells().map(name).collect()
}

fn read(case: &Value) -> Result<Read, Refused> {
    let bytes = fixture(case["file"].as_str().unwrap());
    let columns: Vec<String> = case["rows"][0]["values"]
        .as_object()
        .map(|v| v.keys().cloned().collect())
        .unwrap_or_default();
    let headless = case["options"]
        .get("header_row")
        .is_some_and(Value::is_null);
    let kind = sniff(&bytes, &mut Cursor::new(&bytes), &Limits::default())?;
    let wanted: &[String] = if headless { &[] } else { &columns };
    let choose = Choose::Having(wanted);
    let mut book = Book::open(Cursor::new(&bytes), kind, &choose, &Limits::default())?;
    let key = case["options"]["key"].as_str().unwrap_or("EmployeeID");
    let mut names: Vec<String> = if headless {
        columns.clone()
    } else {
        Vec::new()
    };
    let mut detected = BTreeMap::from([
        ("format", book.detected().format.to_owned()),
        ("sheet", book.detected().sheet.clone()),
        (
            "first_column",
            letters(book.detected().first_column(0).unwrap()).to_string(),
        ),
    ]);
    let system = book.detected().date_system;
    detected.extend(system.map(|s| ("date_system", s.to_owned())));
    let (mut rows, mut findings) = (Values::new(), BTreeSet::new());
    while let Some(row) = book.next()? {
        if names.is_empty() {
            let there = header(row);
            if columns.iter().all(|c| there.contains(c)) {
                detected.insert("header_row", row.number().to_string());
                names = there;
            }
            continue;
        }
        let mut held = false;
        let mut values = BTreeMap::new();
        for (column, name) in names
            .iter()
            .enumerate()
            .filter(|(_, n)| columns.contains(n))
        {
            let cell = row.cell(column);
            let at = Place::cell(row.number(), name.as_str());
            let mut found = doubt(&cell, at, column, name == key);
            // A column that is declared to hold days.
            if headless && column == 0 && !matches!(cell, Cell::Day(_)) {
                held = true;
                findings.insert(format!("date_invalid {} {name}", row.number()));
                found = None;
            }
            if let Some(found) = found {
                held |= found.severity == Severity::Held;
                findings.insert(named(&found));
            }
            values.insert(name.clone(), value(&cell));
        }
        if !held {
            rows.insert(row.number(), values);
        }
    }
    findings.extend(book.findings().iter().map(named));
    findings.extend(book.hidden_rows().iter().map(named));
    Ok(Read {
        detected,
        rows,
        findings,
    })
}

fn check(case: &Value) {
    let file = case["file"].as_str().unwrap();
    let seen = read(case);
    if let Some(error) = case.get("error") {
        let refused = seen.err().unwrap_or_else(|| panic!("{file} was taken"));
        assert_eq!(
            refused.kind.name(),
            error["kind"].as_str().unwrap(),
            "{file}"
        );
        let said = refused.to_string();
        for name in error["message_must_name"].as_array().into_iter().flatten() {
            assert!(said.contains(name.as_str().unwrap()), "{file}: {said}");
        }
        return;
    }
    let seen = seen.unwrap_or_else(|e| panic!("{file}: {e}"));
    for (name, expected) in case["detected"].as_object().unwrap() {
        let expected = match expected {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        assert_eq!(
            seen.detected.get(name.as_str()),
            expected.as_ref(),
            "{file}: {name}"
        );
    }
    let rows: Values = case["rows"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| {
            let values = row["values"].as_object().unwrap().iter();
            let values = values.map(|(n, v)| (n.clone(), v.as_str().map(str::to_owned)));
            (
                u32::try_from(row["row"].as_u64().unwrap()).unwrap(),
                values.collect(),
            )
        })
        .collect();
    assert_eq!(seen.rows, rows, "{file}");
    let findings: BTreeSet<String> = case["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .map(expected)
        .collect();
    assert_eq!(seen.findings, findings, "{file}");
}

#[test]
fn every_workbook_reads_as_expected() {
    let text = fixture("expected.json");
    let all: Value = serde_json::from_slice(&text).unwrap();
    let mut checked = 0;
    for case in all["cases"].as_array().unwrap() {
        let file = case["file"].as_str().unwrap();
        if ("17".."30").contains(&&file[..2]) {
            check(case);
            checked += 1;
        }
    }
    assert_eq!(checked, 13);
}

#[test]
fn text_files_are_left_to_the_text_reader() {
    for file in [
        "01-bom-crlf-quoted-newline.csv",
        "04-sep-line.csv",
        "12-zero-bytes.csv",
    ] {
        assert_eq!(kind(&fixture(file)).unwrap(), super::Kind::Text, "{file}");
    }
}
