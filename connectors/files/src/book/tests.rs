//! Workbooks against `expected.json`, against calamine, and against files that mean harm.
//!
//! Protects: every cell is what the user sees or is said to be unknown; nothing panics; what is
//! hostile is refused within the bounds; no message repeats a value.

mod binary;
mod fixtures;
mod hostile;
mod oracle;
mod parts;

use std::io::{Cursor, Read as _, Seek as _, Write as _};

use rollcall_core::model::Finding;
use zip::write::SimpleFileOptions;

use super::{Book, Cell, Choose, Detected, Kind, sniff};
use crate::options::Limits;
use rollcall_source::Refused;

/// What came of a workbook.
#[derive(Debug)]
struct Seen {
    detected: Detected,
    rows: Vec<(u32, Vec<String>)>,
    findings: Vec<Finding>,
}

impl Seen {
    fn row(&self, number: u32) -> Vec<&str> {
        let row = self.rows.iter().find(|(n, _)| *n == number);
        row.map_or_else(Vec::new, |(_, cells)| {
            cells.iter().map(String::as_str).collect()
        })
    }

    /// Kind and what programs read, of each finding.
    fn found(&self) -> Vec<String> {
        let one = |f: &Finding| {
            let arg = f.arg("value").or_else(|| f.arg("rows"));
            format!("{:?} {}", f.kind, arg.unwrap_or_default())
        };
        self.findings.iter().map(one).collect()
    }
}

/// A cell in one word: kinds that are not text are marked.
fn word(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Empty => "-".to_owned(),
        Cell::Text(text) => format!("'{text}"),
        Cell::Number(n) => {
            let lost = if n.lost { "~" } else { "" };
            let shown = n.shown.map_or_else(String::new, |s| format!("={s}"));
            format!("{}{lost}{shown}", n.text)
        }
        Cell::Boolean(value) => value.to_string(),
        Cell::Day(day) => day.to_string(),
        Cell::Moment(moment) => moment.to_string(),
        Cell::Duration(text) => format!("{text} long"),
        Cell::NoDay(_) => "no day".to_owned(),
        Cell::Error(name) => format!("error {name}"),
        Cell::Uncalculated => "uncalculated".to_owned(),
        Cell::Covered(area) => format!("under {area}"),
    }
}

fn kind(bytes: &[u8]) -> Result<Kind, Refused> {
    let head = &bytes[..bytes.len().min(4096)];
    sniff(head, &mut Cursor::new(bytes), &Limits::default())
}

fn look_with(bytes: &[u8], choose: &Choose<'_>, limits: &Limits) -> Result<Seen, Refused> {
    let kind = kind(bytes)?;
    let mut book = Book::open(Cursor::new(bytes), kind, choose, limits)?;
    let mut rows = Vec::new();
    while let Some(row) = book.next()? {
        // One column more than there is: covered cells may reach beyond the last value.
        let mut cells: Vec<String> = (0..=row.width()).map(|c| word(&row.cell(c))).collect();
        while cells.last().is_some_and(|c| c == "-") {
            cells.pop();
        }
        rows.push((row.number(), cells));
    }
    let mut findings = book.findings().to_vec();
    findings.extend(book.hidden_rows());
    Ok(Seen {
        detected: book.detected().clone(),
        rows,
        findings,
    })
}

fn look(bytes: &[u8]) -> Result<Seen, Refused> {
    look_with(bytes, &Choose::Having(&[]), &Limits::default())
}

/// A zip file of these parts.
fn zipped(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const RELS: &str = "<Relationships><Relationship Id=\"r\" \
    Type=\"http://x/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
const BOOK_RELS: &str = "<Relationships>\
    <Relationship Id=\"r1\" Type=\"http://x/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
    <Relationship Id=\"r2\" Type=\"http://x/worksheet\" Target=\"worksheets/sheet2.xml\"/>\
    <Relationship Id=\"s\" Type=\"http://x/sharedStrings\" Target=\"sharedStrings.xml\"/>\
    <Relationship Id=\"t\" Type=\"http://x/styles\" Target=\"styles.xml\"/></Relationships>";
const BOOK: &str = "<workbook><sheets><sheet name=\"One\" sheetId=\"1\" r:id=\"r1\"/></sheets>\
    </workbook>";

/// An xlsx of one sheet, with further parts or others in their place.
fn xlsx(sheet: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let mut parts: Vec<(&str, &[u8])> = vec![
        ("_rels/.rels", RELS.as_bytes()),
        ("xl/_rels/workbook.xml.rels", BOOK_RELS.as_bytes()),
        ("xl/workbook.xml", BOOK.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ];
    for (name, bytes) in more {
        parts.retain(|(known, _)| known != name);
        parts.push((name, bytes));
    }
    zipped(&parts)
}

fn sheet(rows: &str) -> String {
    format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")
}

/// The same file with other bytes in its parts, as somebody makes them.
fn rezipped(bytes: &[u8], mut change: impl FnMut(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut from = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut to = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut part = from.by_index(index).unwrap();
        let name = part.name().unwrap().to_string();
        let mut content = Vec::new();
        part.read_to_end(&mut content).unwrap();
        to.start_file(&*name, SimpleFileOptions::default()).unwrap();
        to.write_all(&change(&name, content)).unwrap();
    }
    let mut done = to.finish().unwrap();
    done.rewind().unwrap();
    done.into_inner()
}

fn fixture(file: &str) -> Vec<u8> {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/hr/files")
        .join(file);
    std::fs::read(path).unwrap()
}
