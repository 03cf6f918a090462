//! What a file looks like of which nothing is known yet: where its header is, how it is delimited, what is in it.
//!
//! It feeds `rollcall_core::survey`. Whatever is said of the file counts; the rest is found out: the header is the
//! row with most names that HR systems use, under whichever delimiter. Invariant: a file that the reader refuses is
//! refused here, with the same words; rows stream by once, twice where the table ends in totals.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

use encoding_rs::Encoding;
use rollcall_core::model::{Finding, FindingKind};
use rollcall_core::survey::{Cell, HowRead, Survey, Surveyor, header_row, known_key, known_names};

use crate::options::{Footer, HeaderAt, Options};
use crate::reader::{Detected, Reader, open, open_file};
use crate::reading::Reading;
use rollcall_source::Refused;

/// How much of a text is looked at under each delimiter.
const HEAD_BYTES: usize = 256 * 1024;
/// Rows in which the header is looked for.
const HEAD_ROWS: usize = 64;
/// What may stand between cells, where nobody says it.
const DELIMITERS: [u8; 5] = [b',', b';', b'\t', b'|', b'^'];

/// A file, and what it came to.
#[derive(Debug)]
pub struct Surveyed {
    /// What is in it.
    pub survey: Survey,
    /// What the reader found out about it.
    pub detected: Detected,
    /// What a configuration says about it.
    pub how: HowRead,
    /// What the reader found odd, by kind.
    pub findings: BTreeMap<FindingKind, u64>,
}

/// Reads a file and says what it looks like.
///
/// # Errors
/// [`Refused`] as the reader refuses it.
pub fn survey(path: &Path, said: &Reading, options: &Options) -> Result<Surveyed, Refused> {
    let mut options = options.clone();
    let asked = options.header == HeaderAt::Found
        && options.required.is_empty()
        && options.records.is_none();
    let mut row = None;
    if asked && let Some(found) = look(path, &options)? {
        row = (!found.first).then_some(found.row);
        options.header = HeaderAt::Row(found.row);
        options.delimiter = found.delimiter.or(options.delimiter);
        if options.key.is_empty() {
            options.key = found.key.unwrap_or_default();
        }
    }
    let mut out = once(path, &options)?;
    if options.footer.is_none()
        && let Some(found) = &out.survey.footer
    {
        // What stands below the table is nobody's: once more without it.
        let footer = found.clone();
        options.footer = Some(Footer {
            begins: footer.pattern(),
            count_column: footer.count_column,
        });
        let mut again = once(path, &options)?;
        again.survey.footer = Some(footer);
        let told = out.survey.doubts.into_iter();
        again
            .survey
            .doubts
            .extend(told.filter(rollcall_core::survey::Doubt::is_footer));
        out = again;
    }
    let name = path.file_name().unwrap_or_default();
    out.how = how(&name.to_string_lossy(), said, &out.detected, row);
    Ok(out)
}

/// What of all that a configuration says.
fn how(name: &str, said: &Reading, detected: &Detected, row: Option<u32>) -> HowRead {
    let encoded = detected
        .encoded
        .as_ref()
        .filter(|it| !it.mark && it.name != "utf-8");
    let (said_row, is_said) = match said.header_row {
        HeaderAt::Row(row) => (Some(row), true),
        HeaderAt::Found | HeaderAt::Nowhere => (row, false),
    };
    HowRead {
        file: name.to_owned(),
        encoding: encoded.map(|it| it.name.to_owned()),
        encoding_assumed: encoded.is_some_and(|it| it.assumed),
        delimiter: said.delimiter,
        header_row: said_row,
        header_said: is_said,
        sheet: said.sheet.clone(),
        record_types: said.record_types.clone().unwrap_or_default(),
        footer: said
            .footer
            .as_ref()
            .map(|it| (it.begins.clone(), it.count_column)),
    }
}

fn once(path: &Path, options: &Options) -> Result<Surveyed, Refused> {
    let mut reader = open_file(path, options)?;
    let mut surveyor = Surveyor::new(reader.header());
    let mut findings: BTreeMap<FindingKind, u64> = BTreeMap::new();
    while let Some(row) = reader.next()? {
        let mut ragged = false;
        for finding in row.findings {
            // Which column is the key is only guessed yet.
            if finding.kind != FindingKind::KeyMissing {
                *findings.entry(finding.kind).or_default() += 1;
            }
            ragged |= finding.kind == FindingKind::FieldCount;
        }
        if ragged {
            surveyor.ragged();
        } else {
            surveyor.row(row.both().map(|(text, raw)| Cell { text, raw }));
        }
    }
    let told: Vec<&Finding> = reader.header_findings().collect();
    for finding in told {
        *findings.entry(finding.kind).or_default() += 1;
    }
    let detected = reader.detected().clone();
    reader.finish()?;
    Ok(Surveyed {
        survey: surveyor.finish(),
        detected,
        how: HowRead::default(),
        findings,
    })
}

/// Where the header is.
struct Header {
    delimiter: Option<u8>,
    row: u32,
    /// No row stands above it.
    first: bool,
    /// The column that most likely names workers.
    key: Option<String>,
}

/// Looks for the header under each delimiter; `None` where there is none to be found.
fn look(path: &Path, options: &Options) -> Result<Option<Header>, Refused> {
    let nowhere = Options {
        header: HeaderAt::Nowhere,
        key: String::new(),
        key_pattern: None,
        typed: BTreeMap::new(),
        footer: None,
        ..options.clone()
    };
    let mut reader = open_file(path, &nowhere)?;
    let (text, encoding) = {
        let detected = reader.detected();
        let name = detected.encoded.as_ref().map(|it| it.name);
        (detected.format == "csv", name)
    };
    let mut tried = vec![(None, rows_of(&mut reader))];
    drop(reader);
    if text && options.delimiter.is_none() {
        let head = head_of(path, encoding)?;
        for delimiter in DELIMITERS {
            let options = Options {
                delimiter: Some(delimiter),
                encoding: encoding.and_then(|it| Encoding::for_label(it.as_bytes())),
                ..nowhere.clone()
            };
            // A wrong delimiter makes rows that the reader refuses.
            if let Ok(mut reader) = open(Cursor::new(head.clone()), &options) {
                tried.push((Some(delimiter), rows_of(&mut reader)));
            }
        }
    }
    let found = tried.into_iter().filter_map(|(delimiter, rows)| {
        let cells: Vec<Vec<String>> = rows.iter().map(|(_, cells)| cells.clone()).collect();
        let at = header_row(&cells)?;
        let header = Header {
            delimiter,
            row: rows[at].0,
            first: at == 0,
            key: known_key(&cells[at]),
        };
        Some((known_names(&cells[at]), header))
    });
    // Of equals the first one: what the file says of itself counts before a try.
    let best = found.reduce(|best, next| if next.0 > best.0 { next } else { best });
    Ok(best.map(|(_, header)| header))
}

/// The first rows of a file, with their numbers, as far as they can be read.
fn rows_of<R: Read + Seek>(reader: &mut Reader<R>) -> Vec<(u32, Vec<String>)> {
    let mut out = Vec::new();
    while out.len() < HEAD_ROWS
        && let Ok(Some(row)) = reader.next()
    {
        let cells = row.fields().map(Cow::into_owned);
        out.push((row.number, cells.collect()));
    }
    out
}

/// The beginning of a text, up to the end of a line.
fn head_of(path: &Path, encoding: Option<&'static str>) -> Result<Vec<u8>, Refused> {
    let mut head = Vec::new();
    let from = File::open(path).map_err(|e| Refused::io(&e))?;
    from.take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(|e| Refused::io(&e))?;
    if head.len() < HEAD_BYTES {
        return Ok(head);
    }
    let wide = encoding.is_some_and(|it| it.starts_with("utf-16"));
    let end = if wide {
        let line = |pair: &[u8]| pair == [b'\n', 0] || pair == [0, b'\n'];
        head.chunks_exact(2).rposition(line).map(|at| 2 * (at + 1))
    } else {
        head.iter()
            .rposition(|byte| matches!(byte, b'\n' | b'\r'))
            .map(|at| at + 1)
    };
    head.truncate(end.unwrap_or(head.len()));
    Ok(head)
}
