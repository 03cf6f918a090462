//! The CSV reader: streams rows, one record in memory, and says at the end whether the file is
//! whole.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use csv::ByteRecord;
use rollcall_core::model::{Finding, FindingKind, Place, Severity, WorkerId, text_shape};

use crate::clean::{clean, clean_name};
use crate::options::Options;
use crate::refused::{RefusalKind, Refused};

/// How much of the beginning is looked at to tell what a file is.
const HEAD_BYTES: usize = 64 * 1024;
/// How much is read from the medium at once.
const BUFFER_BYTES: usize = 128 * 1024;
/// Rows with a byte that is not UTF-8, above which the file is taken to be in another encoding.
const BAD_ROWS_PERCENT: u32 = 1;

/// Gives no more than one row may have: a quote that is never closed would otherwise be read to
/// the end of the file, into memory.
#[derive(Debug)]
struct Bounded<R> {
    inner: R,
    given: u64,
    limit: u64,
}

impl<R> Bounded<R> {
    /// A row that begins at `byte` may have `most` bytes.
    fn allow(&mut self, byte: u64, most: usize) {
        self.limit = byte + most as u64 + 2 * BUFFER_BYTES as u64;
    }
}

/// The error behind a row that is too long.
#[derive(Debug)]
struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a row is longer than allowed")
    }
}

impl std::error::Error for TooLong {}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        if self.given > self.limit {
            return Err(std::io::Error::other(TooLong));
        }
        let read = self.inner.read(to)?;
        self.given += read as u64;
        Ok(read)
    }
}

/// Opens a file on this machine.
///
/// # Errors
/// As [`open`]; also when it is missing, a folder, or not readable.
pub fn open_file(path: &Path, options: &Options) -> Result<Reader<File>, Refused> {
    let fail = |e: std::io::Error| Refused::io(&e);
    if std::fs::metadata(path).map_err(fail)?.is_dir() {
        return Err(Refused::io(&std::io::ErrorKind::IsADirectory.into()));
    }
    open(File::open(path).map_err(fail)?, options)
}

/// Tells what the file is, finds delimiter and header, and gets ready to stream.
///
/// # Errors
/// [`Refused`] when it is empty, no text table, not UTF-8 in its header, or lacks a column.
pub fn open<R: Read + Seek>(mut from: R, options: &Options) -> Result<Reader<R>, Refused> {
    let fail = |e: std::io::Error| Refused::io(&e);
    let bytes = from.seek(SeekFrom::End(0)).map_err(fail)?;
    from.seek(SeekFrom::Start(0)).map_err(fail)?;
    let mut head = Vec::new();
    from.by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(fail)?;
    recognise(&head)?;
    let mut start = if head.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let mut delimiter = options.delimiter;
    let mut first_line = 1;
    if let Some((declared, length)) = separator_line(&head[start..]) {
        delimiter = delimiter.or(Some(declared));
        start += length;
        first_line = 2;
    }
    let delimiter = delimiter.unwrap_or_else(|| find_delimiter(&head[start..], options));
    from.seek(SeekFrom::Start(start as u64)).map_err(fail)?;
    // Lines end at LF; a CR before it is white space and goes with the trimming. Files of old Macs
    // have CR alone.
    let old = !head.contains(&b'\n') && head.contains(&b'\r');
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .terminator(csv::Terminator::Any(if old { b'\r' } else { b'\n' }))
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(BUFFER_BYTES)
        .from_reader(Bounded {
            inner: from,
            given: 0,
            limit: u64::MAX,
        });
    csv.get_mut().allow(0, options.limits.row_bytes_max);
    let mut record = ByteRecord::new();
    if !csv.read_byte_record(&mut record).map_err(|e| broken(&e))? {
        return Err(no_rows());
    }
    let header = header(&record, options)?;
    let extra_lines = newlines(&record);
    let offset = first_line - 1;
    Ok(Reader {
        header_row: u32::try_from(first_line).unwrap_or(1),
        offset,
        start: start as u64,
        bytes,
        extra_lines,
        rows: 0,
        bad_rows: 0,
        first_bad: None,
        last: None,
        findings: Vec::new(),
        names: record.clone(),
        record,
        header,
        csv,
        delimiter,
        limits: options.limits,
    })
}

/// What a whole file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Data rows, held ones included.
    pub rows: u32,
    /// Bytes of the file.
    pub bytes: u64,
}

#[derive(Debug)]
struct Header {
    names: Vec<String>,
    key: usize,
    columns: Vec<usize>,
    findings: Vec<Finding>,
}

/// Streams the rows of one file.
#[derive(Debug)]
pub struct Reader<R> {
    csv: csv::Reader<Bounded<R>>,
    delimiter: u8,
    record: ByteRecord,
    names: ByteRecord,
    header: Header,
    limits: crate::options::Limits,
    header_row: u32,
    /// Lines before the header.
    offset: u64,
    /// Bytes before the header.
    start: u64,
    bytes: u64,
    /// Line breaks inside values so far: what rows and lines differ by.
    extra_lines: u64,
    rows: u32,
    bad_rows: u32,
    first_bad: Option<Refused>,
    last: Option<Last>,
    findings: Vec<Finding>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    row: u32,
    line: u64,
    byte: u64,
    fields: usize,
}

/// One row.
#[derive(Debug)]
pub struct Row<'a> {
    /// Row as a spreadsheet counts: the header is row 1.
    pub number: u32,
    /// Physical line on which it begins.
    pub line: u64,
    /// The key, where it can be read.
    pub key: Option<Cow<'a, str>>,
    /// Its values are not to be believed; the key counts as present.
    pub held: bool,
    /// What is odd about it.
    pub findings: &'a [Finding],
    record: &'a ByteRecord,
    columns: &'a [usize],
}

impl Row<'_> {
    /// The values of the columns asked for, cleaned, in the order asked. A column that the row
    /// does not reach, or whose bytes are no text, is empty.
    pub fn values(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.columns.iter().map(|at| {
            let bytes = self.record.get(*at).unwrap_or_default();
            clean(std::str::from_utf8(bytes).unwrap_or_default())
        })
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Header names after cleaning.
    pub fn header(&self) -> &[String] {
        &self.header.names
    }

    /// What is odd about the header.
    pub fn header_findings(&self) -> &[Finding] {
        &self.header.findings
    }

    /// The next row, `None` at the end. Only [`Reader::finish`] says whether the file is whole.
    ///
    /// # Errors
    /// [`Refused`] when a row exceeds the limits or the medium fails.
    #[expect(clippy::should_implement_trait, reason = "rows borrow from the reader")]
    pub fn next(&mut self) -> Result<Option<Row<'_>>, Refused> {
        loop {
            let before = self.csv.position().clone();
            self.csv
                .get_mut()
                .allow(before.byte(), self.limits.row_bytes_max);
            match self.csv.read_byte_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(e) if too_long(&e) => {
                    let line = before.line() + self.offset;
                    return Err(self.too_long(
                        u32::try_from(line - self.extra_lines).unwrap_or(u32::MAX),
                        line,
                    ));
                }
                Err(e) => return Err(broken(&e)),
            }
            let inside = newlines(&self.record);
            let line = before.line() + self.offset;
            let number = u32::try_from(line - self.extra_lines).unwrap_or(u32::MAX);
            self.extra_lines += inside;
            if self.record.as_slice().trim_ascii().is_empty() {
                // A blank line, also one of delimiters alone: nobody is in it.
                continue;
            }
            if self.record == self.names {
                let at = Place {
                    row: Some(number),
                    line: Some(line),
                    column: None,
                };
                self.header.findings.push(Finding::new(
                    FindingKind::HeaderRepeated,
                    Severity::Info,
                    at,
                    "the header again; skipped",
                ));
                continue;
            }
            if inside > 0
                && let Some(rows) = self.swallowed()
            {
                let message = format!(
                    "a quoted value holds what looks like {rows} whole rows: a quote that opens in \
                     this row is probably never closed"
                );
                let hint = "whoever is in them would count as gone; have the export written anew";
                return Err(Refused::new(RefusalKind::StrayQuote, message, hint).at(number, line));
            }
            self.last = Some(Last {
                row: number,
                line,
                byte: before.byte() + self.start,
                fields: self.record.len(),
            });
            if self.record.as_slice().len() > self.limits.row_bytes_max {
                return Err(self.too_long(number, line));
            }
            self.rows += 1;
            if self.rows > self.limits.rows_max {
                let message = format!("more than {} rows", self.limits.rows_max);
                let hint = "split the feed, or raise the limit";
                return Err(Refused::new(RefusalKind::TooLarge, message, hint).at(number, line));
            }
            return Ok(Some(self.row(number, line)));
        }
    }

    fn too_long(&self, row: u32, line: u64) -> Refused {
        let message = format!("the row has over {} bytes", self.limits.row_bytes_max);
        let hint =
            "a quote that opens in it is probably never closed; have the export written anew";
        Refused::new(RefusalKind::TooLarge, message, hint).at(row, line)
    }

    /// Whole lines inside the values of a row that have as many fields as the header.
    fn swallowed(&self) -> Option<usize> {
        let wanted = self.header.names.len() - 1;
        if wanted == 0 {
            return None;
        }
        let whole = |line: &[u8]| line.iter().filter(|b| **b == self.delimiter).count() == wanted;
        let rows: usize = self
            .record
            .iter()
            .map(|value| {
                value
                    .split(|b| *b == b'\n')
                    .skip(1)
                    .filter(|l| whole(l))
                    .count()
            })
            .sum();
        (rows > 0).then_some(rows)
    }

    fn row(&mut self, number: u32, line: u64) -> Row<'_> {
        self.findings.clear();
        let (expected, found) = (self.header.names.len(), self.record.len());
        // In a ragged row only the first column is where it should be.
        let trusted = expected == found || self.header.key == 0;
        let key_bytes = self.record.get(self.header.key).filter(|_| trusted);
        let key = key_bytes
            .and_then(|b| std::str::from_utf8(b).ok())
            .map(clean);
        let mut key = key.filter(|k| !k.is_empty());
        let rounded = key.as_deref().filter(|k| scientific(k)).map(text_shape);
        if rounded.is_some() {
            // Nobody knows who it is: somebody unknown is present.
            key = None;
        }
        let place = |column: Option<&str>| Place {
            row: Some(number),
            line: (line != u64::from(number)).then_some(line),
            column: column.map(str::to_owned),
        };
        let mut find = |kind, severity, column: Option<&str>, note: String| {
            let finding = Finding::new(kind, severity, place(column), note);
            let worker = key.as_ref().map(|k| WorkerId::new(k.as_ref()));
            self.findings.push(match worker {
                Some(worker) => finding.of(&worker),
                None => finding,
            });
        };
        let key_name = self.header.names[self.header.key].as_str();
        if expected != found {
            let note = format!(
                "{found} fields where the header has {expected}; the row is held, as its values \
                 may stand one column off"
            );
            find(FindingKind::FieldCount, Severity::Held, None, note);
        }
        if std::str::from_utf8(self.record.as_slice()).is_err() {
            let bad = (0..found)
                .find(|at| std::str::from_utf8(self.record.get(*at).unwrap_or_default()).is_err());
            let name = bad
                .and_then(|at| self.header.names.get(at))
                .map(String::as_str);
            let note = "a byte that is not UTF-8".to_owned();
            find(FindingKind::EncodingError, Severity::Held, name, note);
            self.bad_rows += 1;
            if self.first_bad.is_none() {
                let refused = Refused::new(
                    RefusalKind::NotUtf8,
                    "bytes that are not UTF-8 (one of the Windows or Mac code pages, probably)",
                    "export as UTF-8",
                )
                .at(number, line);
                self.first_bad = Some(match name {
                    Some(name) => refused.column(name),
                    None => refused,
                });
            }
        }
        match (&key, rounded) {
            (_, Some(shape)) => find(
                FindingKind::KeyScientificNotation,
                Severity::Held,
                Some(key_name),
                format!(
                    "{shape}: a spreadsheet rounded the key; export it as text. Until then \
                     absence from this file proves nothing"
                ),
            ),
            (None, None) => find(
                FindingKind::KeyMissing,
                Severity::Held,
                Some(key_name),
                "no key that can be read: somebody unknown is present, so absence from this file \
                 proves nothing"
                    .to_owned(),
            ),
            (Some(key), None)
                if key_bytes.is_some_and(|raw| raw.trim_ascii() != key.as_bytes()) =>
            {
                find(
                    FindingKind::KeyCleaned,
                    Severity::Info,
                    Some(key_name),
                    "invisible characters around or in the key; it is taken without them"
                        .to_owned(),
                );
            }
            (Some(_), None) => {}
        }
        let held = self.findings.iter().any(|f| f.severity == Severity::Held);
        Row {
            number,
            line,
            key,
            held,
            findings: &self.findings,
            record: &self.record,
            columns: &self.header.columns,
        }
    }

    /// Whether the file is whole. To be called after the last row.
    ///
    /// # Errors
    /// [`Refused`] when there were no rows, when the file has another length now, when it stops inside a quoted value or in the
    /// middle of a row, when it ends in NUL bytes, or when it is in another encoding. A file cut
    /// exactly at a line end looks whole: only a trailer or a count can tell.
    pub fn finish(self) -> Result<Totals, Refused> {
        let Some(last) = self.last else {
            return Err(no_rows());
        };
        let fail = |e: std::io::Error| Refused::io(&e);
        let mut from = self.csv.into_inner().inner;
        if from.seek(SeekFrom::End(0)).map_err(fail)? != self.bytes {
            return Err(Refused::new(
                RefusalKind::Unfinished,
                "the file was still being written while it was read",
                "write it under a name that ends in `.tmp` or `.part`, and rename it when it is \
                 whole",
            ));
        }
        if let Some(refused) = self.first_bad
            && (self.bad_rows - 1).saturating_mul(100) >= self.rows * BAD_ROWS_PERCENT
        {
            return Err(refused);
        }
        from.seek(SeekFrom::Start(last.byte)).map_err(fail)?;
        let mut tail = Vec::new();
        from.read_to_end(&mut tail).map_err(fail)?;
        let cut = |what: &str| {
            let hint = "the upload stopped early; deliver the whole file again";
            Err(Refused::new(RefusalKind::Truncated, what, hint).at(last.row, last.line))
        };
        if ends_in_quotes(&tail, self.delimiter) {
            return cut("the file ends inside a quoted value that begins in this row");
        }
        if tail.last() == Some(&0) {
            return cut("the file ends in NUL bytes");
        }
        if std::str::from_utf8(&tail).is_err_and(|e| e.error_len().is_none()) {
            return cut("the file ends in the middle of a character");
        }
        let ended = matches!(tail.last(), Some(b'\n' | b'\r'));
        if !ended && last.fields < self.header.names.len() {
            return cut("the last row is short and has no line end");
        }
        Ok(Totals {
            rows: self.rows,
            bytes: self.bytes,
        })
    }

    /// The row of the header, as a spreadsheet counts.
    pub fn header_row(&self) -> u32 {
        self.header_row
    }
}

fn no_rows() -> Refused {
    Refused::new(
        RefusalKind::Empty,
        "no data rows",
        "an export without anybody is not believed; have it written anew",
    )
}

fn broken(error: &csv::Error) -> Refused {
    if let csv::ErrorKind::Io(e) = error.kind() {
        return Refused::io(e);
    }
    Refused::new(
        RefusalKind::Unreadable,
        error.to_string(),
        "deliver the file again",
    )
}

fn newlines(record: &ByteRecord) -> u64 {
    record.as_slice().iter().filter(|b| **b == b'\n').count() as u64
}

fn too_long(error: &csv::Error) -> bool {
    let csv::ErrorKind::Io(error) = error.kind() else {
        return false;
    };
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooLong>)
}

/// Whether a quote that opens a value is still open at the end. A quote inside an unquoted value
/// (`19" rack`) opens nothing.
fn ends_in_quotes(tail: &[u8], delimiter: u8) -> bool {
    let (mut open, mut fresh) = (false, true);
    let mut bytes = tail.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (open, byte) {
            (true, b'"') if bytes.peek() == Some(&b'"') => {
                bytes.next();
            }
            (true, b'"') => open = false,
            (true, _) => {}
            (false, b'"') if fresh => {
                open = true;
                fresh = false;
            }
            (false, byte) => fresh = byte == delimiter || byte == b'\n' || byte == b'\r',
        }
    }
    open
}

/// `1.00235E+05`: digits, a point or a comma, `E`, a sign, digits.
fn scientific(key: &str) -> bool {
    let Some((mantissa, exponent)) = key.split_once(['E', 'e']) else {
        return false;
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let signed = exponent.strip_prefix(['+', '-']);
    let number = mantissa.split_once(['.', ',']).map_or_else(
        || digits(mantissa),
        |(whole, part)| digits(whole) && digits(part),
    );
    number && signed.is_some_and(digits)
}

fn recognise(head: &[u8]) -> Result<(), Refused> {
    if head.is_empty() {
        let hint = "the export or the upload failed; deliver the file again";
        return Err(Refused::new(
            RefusalKind::Empty,
            "the file has 0 bytes",
            hint,
        ));
    }
    let text = "save it as CSV in UTF-8";
    let found = if head.starts_with(b"PK\x03\x04") {
        Some(("an XLSX workbook or another zip archive", text))
    } else if head.starts_with(b"\xd0\xcf\x11\xe0") {
        Some(("an old or a password-protected workbook", text))
    } else if head.starts_with(b"\x1f\x8b") {
        Some(("gzip", "unpack it first"))
    } else if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        Some(("UTF-16 text", text))
    } else {
        let begin = head.trim_ascii_start();
        let lower: Vec<u8> = begin.iter().take(16).map(u8::to_ascii_lowercase).collect();
        let page = [&b"<html"[..], b"<!doctype", b"<?xml", b"<table"];
        page.iter()
            .any(|p| lower.starts_with(p))
            .then_some(("a web page or XML", text))
    };
    match found {
        None if head.iter().all(|b| *b == 0) => Err(Refused::new(
            RefusalKind::Truncated,
            "the file holds only NUL bytes",
            "the upload failed; deliver the file again",
        )),
        None => Ok(()),
        Some((what, hint)) => Err(Refused::new(
            if what.starts_with("UTF-16") {
                RefusalKind::NotUtf8
            } else {
                RefusalKind::WrongFormat
            },
            format!("this is {what}, not CSV in UTF-8"),
            hint,
        )),
    }
}

/// A first line `sep=;`: the delimiter, and the length of the line.
fn separator_line(head: &[u8]) -> Option<(u8, usize)> {
    let end = head.iter().position(|b| *b == b'\n')?;
    let line = head[..end].trim_ascii_end();
    let rest = line
        .strip_prefix(b"sep=")
        .or_else(|| line.strip_prefix(b"SEP="))?;
    match rest {
        [delimiter] => Some((*delimiter, end + 1)),
        _ => None,
    }
}

/// The delimiter under which most required columns are found; of equals the more frequent one.
fn find_delimiter(head: &[u8], options: &Options) -> u8 {
    let line_end = head.iter().position(|b| *b == b'\n').unwrap_or(head.len());
    let score = |delimiter: u8| {
        let mut csv = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(head);
        let mut record = ByteRecord::new();
        let found = match csv.read_byte_record(&mut record) {
            Ok(true) => record
                .iter()
                .filter_map(|b| std::str::from_utf8(b).ok())
                .filter(|n| options.required.contains(&clean_name(n)))
                .count(),
            Ok(false) | Err(_) => 0,
        };
        (
            found,
            head[..line_end].iter().filter(|b| **b == delimiter).count(),
        )
    };
    let best = [b'^', b'|', b'\t', b';', b',']
        .into_iter()
        .max_by_key(|d| score(*d));
    best.unwrap_or(b',')
}

fn header(record: &ByteRecord, options: &Options) -> Result<Header, Refused> {
    if record.len() > options.limits.columns_max {
        let message = format!(
            "{} columns; the limit is {}",
            record.len(),
            options.limits.columns_max
        );
        return Err(Refused::new(
            RefusalKind::TooLarge,
            message,
            "is this the right file?",
        ));
    }
    let mut names: Vec<String> = Vec::with_capacity(record.len());
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut findings = Vec::new();
    let mut note = |kind, column: &str, text: &str| {
        findings.push(Finding::new(
            kind,
            Severity::Info,
            Place::cell(1, column),
            text,
        ));
    };
    for (at, raw) in record.iter().enumerate() {
        let Ok(raw) = std::str::from_utf8(raw) else {
            let message = format!("the name of column {} is not UTF-8", at + 1);
            let refused = Refused::new(RefusalKind::NotUtf8, message, "export as UTF-8");
            return Err(refused.at(1, 1));
        };
        let mut name = clean_name(raw);
        if name != raw {
            note(
                FindingKind::HeaderCleaned,
                &name,
                "spaces or invisible characters removed",
            );
        }
        if name.is_empty() {
            name = format!("column {}", at + 1);
            note(FindingKind::HeaderBlank, &name, "the column has no name");
        }
        let count = seen.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            note(
                FindingKind::HeaderDuplicate,
                &name,
                "the name occurs more than once",
            );
            name = format!("{name}#{count}");
        }
        names.push(name);
    }
    let missing: Vec<&String> = options
        .required
        .iter()
        .filter(|r| !names.contains(r))
        .collect();
    if let Some(first) = missing.first() {
        let list: Vec<String> = missing.iter().map(|m| format!("`{m}`")).collect();
        let like = names.iter().find(|n| n.eq_ignore_ascii_case(first));
        let near = like.map_or_else(String::new, |n| format!(" (`{n}` is there: case counts)"));
        // Where no wanted name is there, the first row may be data: it is not repeated.
        let has = if missing.len() < options.required.len() {
            shown(&names)
        } else {
            format!(
                "{} columns, none of them wanted: is the header missing?",
                names.len()
            )
        };
        let message = format!(
            "the header has no column {}{near}; it has {has}",
            list.join(", ")
        );
        let hint = "deliver the usual columns, or change the mapping";
        return Err(Refused::new(RefusalKind::WrongHeader, message, hint).at(1, 1));
    }
    if let Some(double) = options
        .required
        .iter()
        .find(|r| seen.get(*r).is_some_and(|n| *n > 1))
    {
        let message = "the column is there more than once";
        let hint = "say which one is meant: rename one of them, or read `NAME#2` in the mapping";
        let refused = Refused::new(RefusalKind::WrongHeader, message, hint);
        return Err(refused.at(1, 1).column(double));
    }
    let place = |name: &String| names.iter().position(|n| n == name);
    let key = place(&options.key).ok_or_else(|| {
        let message = format!("the header has no key column `{}`", options.key);
        Refused::new(RefusalKind::WrongHeader, message, "change the mapping")
    })?;
    let columns = options.columns.iter().filter_map(place).collect();
    Ok(Header {
        names,
        key,
        columns,
        findings,
    })
}

/// Header names for a message: not personal, but perhaps many.
fn shown(names: &[String]) -> String {
    let list: Vec<String> = names.iter().take(30).map(|n| format!("`{n}`")).collect();
    let more = names.len().saturating_sub(30);
    if more > 0 {
        format!("{} and {more} more", list.join(", "))
    } else {
        list.join(", ")
    }
}
