//! Files that nobody had shown the reader: what people and systems make of text tables, told in a line each.
//!
//! Protects the reader's contract where the shared fixtures do not reach.

#![expect(
    clippy::unwrap_used,
    reason = "a test file; a case of another shape is a failure"
)]

use std::io::Cursor;

use rollcall_core::model::Finding;
use rollcall_files::{Options, Reading, Row, open};

/// A file, what is said of it, and what comes of it.
type Case<'a> = (&'a [u8], &'a str, &'a str);

/// What comes of a file: its columns, its rows (`row@line` where the two differ; `held` with its key), what was found;
/// or why it is refused, and the row.
fn told(bytes: &[u8], said: &str) -> String {
    let said = if said.is_empty() { "{}" } else { said };
    let said: Reading = serde_json::from_str(said).unwrap();
    let mut options = said.options().unwrap();
    options.required.extend(said.key);
    match read(bytes, &options) {
        Ok(told) => told.join(" / "),
        Err(refused) => {
            let row = refused
                .row
                .map_or_else(String::new, |row| format!(" {row}"));
            format!("{}{row}", refused.kind.name())
        }
    }
}

fn read(bytes: &[u8], options: &Options) -> Result<Vec<String>, rollcall_files::Refused> {
    let mut reader = open(Cursor::new(bytes), options)?;
    let delimiter = reader.detected().delimiter.map_or(' ', char::from);
    let mut out = vec![format!("{delimiter} {}", reader.header().join("|"))];
    let mut findings = Vec::new();
    while let Some(row) = reader.next()? {
        findings.extend(row.findings.iter().map(found));
        out.push(shown(&row));
    }
    findings.extend(reader.header_findings().map(found));
    reader.finish()?;
    out.extend(findings);
    Ok(out)
}

fn shown(row: &Row<'_>) -> String {
    let mut place = row.number.to_string();
    if row.line != u64::from(row.number) {
        place = format!("{place}@{}", row.line);
    }
    if row.held {
        return format!("{place} held {}", row.key.as_deref().unwrap_or("?"));
    }
    let values: Vec<String> = row
        .cells()
        .map(|(_, value)| value.map_or("none".to_owned(), |it| it.escape_debug().to_string()))
        .collect();
    format!("{place} {}", values.join("|"))
}

fn found(finding: &Finding) -> String {
    let kind = serde_json::to_value(finding.kind).unwrap();
    let mut out = kind.as_str().unwrap().to_owned();
    let place = [
        finding.at.row.map(|it| it.to_string()),
        finding.at.column.clone(),
    ];
    for part in place.into_iter().flatten() {
        out = format!("{out} {part}");
    }
    for name in [
        "rows",
        "columns",
        "expected",
        "found",
        "value",
        "encoding",
        "count_of_rows",
    ] {
        if let Some(value) = finding.arg(name) {
            out = format!("{out} {name}={value}");
        }
    }
    out
}

fn hold(cases: &[Case<'_>]) {
    let differ: Vec<String> = cases
        .iter()
        .filter_map(|(bytes, said, expected)| {
            let told = told(bytes, said);
            let text = String::from_utf8_lossy(bytes);
            (told != *expected)
                .then(|| format!("{text:?} {said}\n  got  {told}\n  want {expected}"))
        })
        .collect();
    assert!(differ.is_empty(), "\n{}", differ.join("\n"));
}

#[test]
fn days_and_numbers_have_the_declared_form() {
    let dots = r#"{"columns": {"Hire": {"type": "date", "format": "%d.%m.%Y"}}}"#;
    let compact = r#"{"columns": {"Hire": {"type": "date", "format": "%Y%m%d"}}}"#;
    let words = r#"{"columns": {"Hire": {"type": "date", "format": "%d %b %Y"}}}"#;
    let short = r#"{"columns": {"Hire": {"type": "date", "format": "%d.%m.%y"}}}"#;
    let comma = r#"{"columns": {"FTE": {"type": "decimal", "decimal": ","}}}"#;
    let point = r#"{"columns": {"FTE": {"type": "decimal", "decimal": "."}}}"#;
    hold(&[
        (
            b"ID,Hire\n1,01.04.26\n2,1.4.2026\n3,31.02.2026\n4,001.04.2026\n",
            dots,
            ", ID|Hire / 2 held 1 / 3 2|2026-04-01 / 4 held 3 / 5 held 4 / date_format 2 Hire / date_invalid 4 Hire / date_format 5 Hire",
        ),
        (
            b"ID,Hire\n1,2026115\n2,20260315\n3,202603151\n",
            compact,
            ", ID|Hire / 2 held 1 / 3 2|2026-03-15 / 4 held 3 / date_format 2 Hire / date_format 4 Hire",
        ),
        (
            b"ID,Hire\n1,1 Apr 26\n2,01 Apr 2026\n",
            words,
            ", ID|Hire / 2 held 1 / 3 2|2026-04-01 / date_format 2 Hire",
        ),
        (
            b"ID,Hire\n1,01.04.2026\n2,1.4.26\n",
            short,
            ", ID|Hire / 2 held 1 / 3 2|2026-04-01 / date_format 2 Hire",
        ),
        (
            b"ID;FTE\n1;0.875\n2;1.234,5\n3;0,8\n4;00.875\n",
            comma,
            "; ID|FTE / 2 held 1 / 3 2|1234.5 / 4 3|0.8 / 5 held 4 / number_format 2 FTE / number_format 5 FTE",
        ),
        (
            b"ID;FTE\n1;0,875\n2;1,234.5\n",
            point,
            "; ID|FTE / 2 held 1 / 3 2|1234.5 / number_format 2 FTE",
        ),
    ]);
}
