//! How long and how much memory it takes to read files with every finding, through the library: CSV
//! against the csv crate's raw read, a workbook against calamine's raw read, each pair in the same run.
//!
//! `cargo bench -p rollcall-tests --bench files`; `ROLLCALL_BENCH_ROWS` (1,000,000) rows of CSV,
//! `ROLLCALL_BENCH_BOOK_ROWS` (200,000) of the workbook. Each read is a process of its own, so that its
//! peak memory is its own.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails may stop and talks"
)]

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use calamine::{DataRef, Reader as _, Xlsx, open_workbook};
use rollcall_files::Options;
use rollcall_tests::crowd::{generate, rows};
use zip::write::SimpleFileOptions;

const PHASE: &str = "ROLLCALL_BENCH_PHASE";
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    let phase = std::env::var(PHASE).ok();
    let Some(phase) = phase.as_deref() else {
        orchestrate();
        return ExitCode::SUCCESS;
    };
    let path: PathBuf = std::env::args_os().nth(1).unwrap().into();
    let begun = Instant::now();
    let counted = match phase {
        "csv" => raw_csv(&path),
        "calamine" => raw_book(&path),
        _ => ours(&path),
    };
    let seconds = begun.elapsed().as_secs_f64();
    println!("{counted} {seconds} {}", peak());
    ExitCode::SUCCESS
}

fn orchestrate() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("workers.csv");
    generate(&csv, false).unwrap();
    compare("csv", &csv, "csv crate, raw read", rows(), 2.0);
    let book = folder.path().join("workers.xlsx");
    let count = std::env::var("ROLLCALL_BENCH_BOOK_ROWS");
    let count = count.map_or(200_000, |it| it.parse().unwrap());
    write_book(&csv, &book, count);
    compare("calamine", &book, "calamine, raw read", count, 1.5);
}

/// The best of several rounds of both, in turn.
fn compare(raw: &str, path: &Path, title: &str, rows: usize, limit: f64) {
    let bytes = std::fs::metadata(path).unwrap().len();
    println!("{rows} rows, {} MB", bytes / 1_000_000);
    let mut best = [(f64::MAX, 0), (f64::MAX, 0)];
    for _ in 0..ROUNDS {
        for (at, phase) in [raw, "ours"].into_iter().enumerate() {
            let (counted, seconds, kilobytes) = read(phase, path);
            assert_eq!(counted, rows, "{phase}");
            if seconds < best[at].0 {
                best[at] = (seconds, kilobytes / 1024);
            }
        }
    }
    let [(base, base_peak), (seconds, peak)] = best;
    println!("{title:<28} {base:>8.3} s     1.00 x  {base_peak:>6} MB");
    let ratio = seconds / base;
    let verdict = if ratio <= limit { "holds" } else { "MISSED" };
    println!(
        "{:<28} {seconds:>8.3} s  {ratio:>7.2} x  {peak:>6} MB   limit {limit} x: {verdict}",
        "with every finding"
    );
}

fn read(phase: &str, path: &Path) -> (usize, f64, u64) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.arg(path).env(PHASE, phase).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{phase}: {err}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut parts = text.split_whitespace();
    let mut part = || parts.next().unwrap();
    (
        part().parse().unwrap(),
        part().parse().unwrap(),
        part().parse().unwrap(),
    )
}

/// Peak resident size of this process, in kilobytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn raw_csv(path: &Path) -> usize {
    let mut csv = csv::ReaderBuilder::new().from_path(path).unwrap();
    let mut record = csv::ByteRecord::new();
    let mut count = 0;
    while csv.read_byte_record(&mut record).unwrap() {
        count += 1;
    }
    count
}

/// Every cell of the first sheet, by the reader that holds no sheet.
fn raw_book(path: &Path) -> usize {
    let mut book: Xlsx<BufReader<File>> = open_workbook(path).unwrap();
    let name = book.sheet_names()[0].clone();
    let mut cells = book.worksheet_cells_reader(&name).unwrap();
    let (mut last, mut bytes) = (0, 0);
    while let Some(cell) = cells.next_cell().unwrap() {
        last = last.max(cell.get_position().0);
        if let DataRef::String(text) = cell.get_value() {
            bytes += text.len();
        }
    }
    assert!(bytes > 0 || last > 0);
    last as usize
}

fn ours(path: &Path) -> usize {
    let mut reader = rollcall_files::open_file(path, &Options::default()).unwrap();
    let mut bytes = 0;
    while let Some(row) = reader.next().unwrap() {
        bytes += row.values().map(|it| it.len()).sum::<usize>();
        assert!(!row.held, "row {}", row.number);
    }
    assert!(bytes > 0);
    reader.finish().unwrap().rows as usize
}

/// A workbook as spreadsheets write it: shared texts, the first rows of the CSV.
fn write_book(csv: &Path, to: &Path, rows: usize) {
    let mut zip = zip::ZipWriter::new(BufWriter::new(File::create(to).unwrap()));
    let packed = SimpleFileOptions::default();
    let part = |zip: &mut zip::ZipWriter<_>, name: &str, text: &str| {
        zip.start_file(name, packed).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    };
    part(&mut zip, "[Content_Types].xml", TYPES);
    part(&mut zip, "_rels/.rels", RELS);
    part(&mut zip, "xl/workbook.xml", WORKBOOK);
    part(&mut zip, "xl/_rels/workbook.xml.rels", WORKBOOK_RELS);
    zip.start_file("xl/worksheets/sheet1.xml", packed).unwrap();
    let mut texts = std::collections::HashMap::new();
    let mut order: Vec<String> = Vec::new();
    let mut out = BufWriter::with_capacity(1 << 20, &mut zip);
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    write!(out, "<worksheet xmlns=\"{main}\"><sheetData>").unwrap();
    let mut from = csv::ReaderBuilder::new();
    let mut from = from.has_headers(false).from_path(csv).unwrap();
    for (at, record) in from.records().take(rows + 1).enumerate() {
        let row = at + 1;
        write!(out, "<row r=\"{row}\">").unwrap();
        for (column, text) in record.unwrap().iter().enumerate() {
            if text.is_empty() {
                continue;
            }
            let letter = char::from(b'A' + u8::try_from(column).unwrap());
            let known = texts.len();
            let index = *texts.entry(text.to_owned()).or_insert_with(|| {
                order.push(text.to_owned());
                known
            });
            write!(out, "<c r=\"{letter}{row}\" t=\"s\"><v>{index}</v></c>").unwrap();
        }
        write!(out, "</row>").unwrap();
    }
    write!(out, "</sheetData></worksheet>").unwrap();
    drop(out);
    zip.start_file("xl/sharedStrings.xml", packed).unwrap();
    let mut out = BufWriter::with_capacity(1 << 20, &mut zip);
    write!(
        out,
        "<sst xmlns=\"{main}\" uniqueCount=\"{}\">",
        order.len()
    )
    .unwrap();
    for text in order {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        write!(out, "<si><t>{text}</t></si>").unwrap();
    }
    write!(out, "</sst>").unwrap();
    drop(out);
    zip.finish().unwrap();
}

const TYPES: &str = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>"#;
const RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Employees" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const WORKBOOK_RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;
