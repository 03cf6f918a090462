//! Files that mean harm: each is refused, in words, by a process that may not have more than 256 MB.
//!
//! What is refused by a bound is refused before it is held; what is only odd text stays text.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::Value;
use zip::write::SimpleFileOptions;

use crate::trial;
use crate::world::{Ran, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("attack::what_swells_is_refused_within_bounds", swelling),
        trial("attack::what_is_only_odd_stays_text", odd),
    ]
}

/// Kilobytes of address space that a reader may have: 256 MB, and what the program itself and its
/// libraries map.
const SPACE_KB: u32 = (256 + 128) * 1024;

/// `rollcall read` of a file, by a process that gets no more memory than this.
fn read(world: &World, file: &Path) -> Ran {
    let command = world.prepared(&["read", file.to_str().unwrap(), "--json"]);
    let mut bounded = Command::new("sh");
    bounded
        .arg("-c")
        .arg(format!("ulimit -v {SPACE_KB}; exec \"$0\" \"$@\""))
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        bounded.env(name, value.unwrap_or_default());
    }
    bounded.output().expect("a shell").into()
}

fn kind(ran: &Ran) -> String {
    let lines = ran.lines();
    let error = lines.iter().find_map(|it| it.get("error"));
    let error = error.unwrap_or_else(|| panic!("{ran:?}"));
    error["kind"].as_str().unwrap().to_owned()
}

pub(crate) const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";

/// A workbook whose sheet and shared texts are these; each is written so many times over.
pub(crate) fn book(to: &Path, sheet_name: &str, sheet: (&str, &str, usize, &str), texts: &str) {
    let mut zip = zip::ZipWriter::new(File::create(to).unwrap());
    let packed = SimpleFileOptions::default();
    let mut part = |name: &str, text: &str| {
        zip.start_file(name, packed).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    };
    let types = "http://schemas.openxmlformats.org/package/2006/content-types";
    let of = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    part(
        "[Content_Types].xml",
        &format!(
            "<Types xmlns=\"{types}\"><Default Extension=\"rels\" ContentType=\"application/vnd.\
             openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"\
             application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"{of}.sheet.main+xml\"/>\
             </Types>"
        ),
    );
    let relations = "http://schemas.openxmlformats.org/package/2006/relationships";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    part(
        "_rels/.rels",
        &format!(
            "<Relationships xmlns=\"{relations}\"><Relationship Id=\"a\" Type=\"{office}/officeDocument\" \
             Target=\"xl/workbook.xml\"/></Relationships>"
        ),
    );
    part(
        "xl/workbook.xml",
        &format!(
            "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{office}\"><sheets><sheet name=\"{sheet_name}\" \
             sheetId=\"1\" r:id=\"a\"/></sheets></workbook>"
        ),
    );
    part(
        "xl/_rels/workbook.xml.rels",
        &format!(
            "<Relationships xmlns=\"{relations}\"><Relationship Id=\"a\" Type=\"{office}/worksheet\" \
             Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"b\" Type=\"{office}/sharedStrings\" \
             Target=\"sharedStrings.xml\"/></Relationships>"
        ),
    );
    if !texts.is_empty() {
        part("xl/sharedStrings.xml", texts);
    }
    let (before, piece, times, behind) = sheet;
    zip.start_file("xl/worksheets/sheet1.xml", packed).unwrap();
    zip.write_all(before.as_bytes()).unwrap();
    for _ in 0..times {
        zip.write_all(piece.as_bytes()).unwrap();
    }
    zip.write_all(behind.as_bytes()).unwrap();
    zip.finish().unwrap();
}

const HEADER: &str =
    "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>EmployeeID</t></is></c></row>";

fn swelling() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let open = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{HEADER}");
    let close = "</sheetData></worksheet>";
    let mut files: Vec<(&str, &[&str])> = Vec::new();

    // A hundred kilobytes that become a hundred megabytes, and then one cell of them.
    let blank = " ".repeat(1 << 20);
    book(&at("bomb.xlsx"), "S", (&open, &blank, 100, close), "");
    files.push(("bomb.xlsx", &["too_large"]));
    let (cell, end) = (
        format!("{open}<row r=\"2\"><c r=\"A2\" t=\"inlineStr\"><is><t>"),
        format!("</t></is></c></row>{close}"),
    );
    let text = "x".repeat(1 << 20);
    book(&at("cell.xlsx"), "S", (&cell, &text, 100, &end), "");
    files.push(("cell.xlsx", &["too_large"]));

    // Entities that name entities.
    let mut laughs = String::from("<!DOCTYPE x [<!ENTITY a0 \"ha\">");
    for n in 1..30 {
        let before = n - 1;
        write!(laughs, "<!ENTITY a{n} \"&a{before};&a{before};\">").unwrap();
    }
    let texts = format!("{laughs}]><sst xmlns=\"{MAIN}\"><si><t>&a29;</t></si></sst>");
    let row = "<row r=\"2\"><c r=\"A2\" t=\"s\"><v>0</v></c></row>";
    book(&at("laughs.xlsx"), "S", (&open, row, 1, close), &texts);
    files.push(("laughs.xlsx", &["unreadable"]));

    // A million columns, as text and as a sheet; a cell at the end of the world.
    let mut header = "a,".repeat(1_000_000);
    header.push_str("b\n1\n");
    std::fs::write(at("wide.csv"), header).unwrap();
    files.push(("wide.csv", &["too_large", "wrong_header"]));
    let far = "<row r=\"2\"><c r=\"ZZZZZZ2\"><v>1</v></c></row>";
    book(&at("far.xlsx"), "S", (&open, far, 1, close), "");
    files.push(("far.xlsx", &["wrong_format", "too_large"]));

    // A quote that is never closed, before a gigabyte.
    let mut file = File::create(at("cell.csv")).unwrap();
    file.write_all(b"EmployeeID,Name\n1,\"").unwrap();
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        file.write_all(&chunk).unwrap();
    }
    file.seek(std::io::SeekFrom::Start((1 << 30) - 1)).unwrap();
    file.write_all(b"x").unwrap();
    drop(file);
    files.push(("cell.csv", &["too_large", "wrong_format", "truncated"]));

    // Elements in elements in elements.
    let deep = "<a>".repeat(1_000_000);
    book(&at("deep.xlsx"), "S", (&open, &deep, 1, close), "");
    files.push(("deep.xlsx", &["unreadable", "truncated", "too_large"]));

    for (name, kinds) in files {
        let ran = read(&world, &at(name));
        let kind = kind(&ran);
        assert!(
            kinds.contains(&kind.as_str()),
            "{name}: {kind}: {}",
            ran.err
        );
        assert!(!ran.err.contains("panicked"), "{name}: {}", ran.err);
        // One line that a person can read.
        assert!(ran.err.len() < 2000, "{name}: {}", ran.err);
    }
}

fn odd() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.xlsx");
    let cell =
        |at: &str, text: &str| format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let values = [
        "=cmd|' /C calc'!A0",
        "+1",
        "@SUM(A1)",
        "../../etc/passwd",
        "{{7*7}}",
    ];
    let mut rows = String::new();
    for (at, value) in values.iter().enumerate() {
        let row = at + 2;
        let (key, name) = (format!("A{row}"), format!("B{row}"));
        let (key, name) = (cell(&key, &row.to_string()), cell(&name, value));
        write!(rows, "<row r=\"{row}\">{key}{name}</row>").unwrap();
    }
    let header = format!(
        "<row r=\"1\">{}{}</row>",
        cell("A1", "EmployeeID"),
        cell("B1", "Name")
    );
    let before = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{header}");
    let sheet = (
        before.as_str(),
        rows.as_str(),
        1,
        "</sheetData></worksheet>",
    );
    book(&file, "../../x", sheet, "");
    let ran = read(&world, &file);
    let told: Vec<Value> = ran.lines();
    let names: Vec<&str> = told
        .iter()
        .filter_map(|it| it["values"]["Name"].as_str())
        .collect();
    assert_eq!(names, values, "{ran:?}");
    // Nothing was made anywhere by the name of a sheet.
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
}
