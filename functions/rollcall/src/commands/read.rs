//! `read`: what Rollcall makes of a file, row by row, before any configuration exists; or of many, as a table of
//! cases says.
//!
//! Values go to stdout, where they were asked for, and nowhere else.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use rollcall_core::model::{Finding, FindingKind};
use rollcall_files::{Detected, Options, Reader, Reading, Refused, Row, fingerprint};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::vectors;
use crate::args::Read;
use crate::exit::Exit;
use crate::printer::Printer;

/// More findings of one kind than this are said as one, with how many keys they are about.
const SINGLE: usize = 20;

/// A file, and how it is read.
#[derive(Deserialize)]
struct Case {
    file: String,
    #[serde(default)]
    options: Reading,
}

/// What came of a file.
#[derive(Default)]
struct Outcome {
    detected: Option<Json>,
    rows: u64,
    findings: Vec<Json>,
    error: Option<Json>,
}

impl Outcome {
    fn verdict(&self) -> &'static str {
        match (&self.error, self.findings.is_empty()) {
            (Some(_), _) => "refuse",
            (None, true) => "accept",
            (None, false) => "accept_with_findings",
        }
    }
}

pub(crate) fn read(args: &Read, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    if let Some(path) = &args.cases {
        return cases(path, printer);
    }
    let file = args.file.as_deref().context("a file is missing")?;
    let reading = match &args.options {
        None => Reading::default(),
        Some(path) => serde_json::from_value(vectors::json(path, "options")?)
            .map_err(|e| anyhow!("{}: {e}", path.display()))?,
    };
    let options = options_of(&reading).map_err(|e| anyhow!(e))?;
    let outcome = outcome(file, &options, &reading, &mut |row| printer.json(&row));
    for finding in &outcome.findings {
        printer.json(&json!({ "finding": finding }));
    }
    if let Some(error) = &outcome.error {
        printer.json(&json!({ "error": error }));
    }
    printer.say(&format!(
        "{}: {}, {} rows, {} findings",
        file.display(),
        outcome.verdict(),
        outcome.rows,
        outcome.findings.len()
    ));
    Ok(match outcome.verdict() {
        "refuse" => Exit::CouldNotRun,
        _ => Exit::Done,
    })
}

fn cases(path: &Path, printer: &Printer) -> anyhow::Result<Exit> {
    let mut table = vectors::json(path, "cases")?;
    let list = table.get_mut("cases").map(Json::take).unwrap_or_default();
    let list: Vec<Json> = serde_json::from_value(list)
        .map_err(|_| anyhow!("{}: a list of `cases` is expected", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    for case in list {
        let file = case.get("file").cloned().unwrap_or_default();
        let case: Result<Case, _> = serde_json::from_value(strip(case));
        let case = match case {
            Ok(case) => case,
            Err(e) => {
                printer.json(
                    &json!({ "file": file, "error": { "kind": "case", "message": e.to_string() } }),
                );
                continue;
            }
        };
        let mut rows = Vec::new();
        let outcome = match options_of(&case.options) {
            Ok(options) => {
                let file = folder.join(&case.file);
                outcome(&file, &options, &case.options, &mut |row| rows.push(row))
            }
            Err(message) => Outcome {
                error: Some(json!({ "kind": "options", "message": message })),
                ..Outcome::default()
            },
        };
        // A refused file has no rows.
        if outcome.error.is_some() {
            rows.clear();
        }
        printer.json(&json!({
            "file": case.file,
            "detected": outcome.detected,
            "verdict": outcome.verdict(),
            "rows": rows,
            "findings": outcome.findings,
            "error": outcome.error,
        }));
    }
    Ok(Exit::Done)
}

/// As a run reads it: the key is one of the names that the header is known by.
fn options_of(reading: &Reading) -> Result<Options, String> {
    let mut options = reading.options()?;
    if !options.key.is_empty() && !options.required.contains(&options.key) {
        options.required.push(options.key.clone());
    }
    Ok(options)
}

/// What of a case says how it is read.
fn strip(case: Json) -> Json {
    let Json::Object(mut case) = case else {
        return case;
    };
    case.retain(|name, _| ["file", "options"].contains(&name.as_str()));
    Json::Object(case)
}

/// What is known of a key once all rows were seen.
struct Known {
    first: u32,
    print: u128,
    conflict: bool,
}

/// Reads a file twice: what its keys are, then what it has of each.
fn outcome(
    file: &Path,
    options: &Options,
    reading: &Reading,
    row: &mut dyn FnMut(Json),
) -> Outcome {
    let mut out = Outcome::default();
    if let Err(refused) = both(file, options, reading, &mut out, row) {
        out.error = Some(error(&refused));
    }
    out
}

fn both(
    file: &Path,
    options: &Options,
    reading: &Reading,
    out: &mut Outcome,
    emit: &mut dyn FnMut(Json),
) -> Result<(), Refused> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let open = || rollcall_files::open_file(file, options).map_err(|it| it.in_file(&*name));
    let mut reader = open().inspect_err(|refused| out.detected = at_sight(refused, &name))?;
    out.detected = Some(seen(&reader));
    let mut keys: HashMap<String, Known> = HashMap::new();
    let mut scratch = Vec::new();
    let told = |it: Refused| it.in_file(&*name);
    while let Some(row) = reader.next().map_err(told)? {
        let Some(key) = &row.key else { continue };
        let values: Vec<_> = row.values().collect();
        let print = fingerprint(values.iter().map(|it| it.as_bytes()), &mut scratch);
        let print = print ^ u128::from(row.held);
        if let Some(known) = keys.get_mut(key.as_ref()) {
            known.conflict |= known.print != print;
            continue;
        }
        let known = Known {
            first: row.number,
            print,
            conflict: false,
        };
        keys.insert(key.to_string(), known);
    }
    out.detected = Some(seen(&reader));
    out.findings.extend(of_file(reader.header_findings()));
    reader.finish().map_err(told)?;
    let mut reader = open()?;
    let manager = manager_of(reader.header(), reading);
    let key_name = reader.key().to_owned();
    let mut pairs = Pairs::default();
    while let Some(row) = reader.next().map_err(told)? {
        let found = row.findings.iter();
        out.findings
            .extend(found.map(|finding| of_row(finding, &row)));
        if let Some(column) = &manager
            && let Some(value) = row.written(column).filter(|it| !it.is_empty())
            && !keys.contains_key(value.as_ref())
        {
            pairs
                .managers
                .entry(value.into_owned())
                .or_insert_with(|| (row.number, column.clone()));
        }
        if let Some(known) = row.key.as_deref().and_then(|key| keys.get(key))
            && pairs.twice(&row, known, &key_name)
        {
            continue;
        }
        if row.held {
            continue;
        }
        out.rows += 1;
        emit(shown(&row));
    }
    out.findings.extend(pairs.findings());
    Ok(())
}

/// What is odd about rows beside each other.
#[derive(Default)]
struct Pairs {
    /// The first row of each key that several rows have with other values, and whether it is held.
    firsts: BTreeMap<String, (Map<String, Json>, bool)>,
    conflicts: Vec<Json>,
    identical: Vec<Json>,
    managers: BTreeMap<String, (u32, String)>,
}

impl Pairs {
    /// Whether a row is not to be taken because of another one.
    fn twice(&mut self, row: &Row<'_>, known: &Known, key_name: &str) -> bool {
        let key = row.key.as_deref().unwrap_or_default();
        if known.conflict {
            let cells = cells(row);
            match self.firsts.get(key) {
                None => {
                    self.firsts.insert(key.to_owned(), (cells, row.held));
                }
                Some((first, held)) if *first == cells && *held == row.held => {
                    self.identical.push(identical(row, known, key_name));
                }
                Some((first, _)) => {
                    let names = cells
                        .keys()
                        .filter(|name| first.get(*name) != cells.get(*name));
                    let differs: Vec<&String> = names.collect();
                    self.conflicts.push(json!({
                        "kind": "duplicate_conflict", "row": row.number, "column": key_name,
                        "first_row": known.first, "differs": differs,
                    }));
                }
            }
            return true;
        }
        if row.number == known.first {
            return false;
        }
        self.identical.push(identical(row, known, key_name));
        true
    }

    fn findings(self) -> Vec<Json> {
        let mut out = Vec::new();
        let keys = self.firsts.len();
        if keys > SINGLE {
            out.push(json!({ "kind": "duplicate_conflict", "count_of_keys": keys }));
        } else {
            out.extend(self.conflicts);
        }
        if self.identical.len() > SINGLE {
            out.push(
                json!({ "kind": "duplicate_identical", "count_of_rows": self.identical.len() }),
            );
        } else {
            out.extend(self.identical);
        }
        if self.managers.len() > SINGLE {
            let count = self.managers.len();
            out.push(json!({ "kind": "manager_not_in_roster", "count_of_keys": count }));
        } else {
            out.extend(self.managers.into_iter().map(|(value, (row, column))| {
                json!({ "kind": "manager_not_in_roster", "row": row, "column": column, "value": value })
            }));
        }
        out
    }
}

fn identical(row: &Row<'_>, known: &Known, key_name: &str) -> Json {
    json!({
        "kind": "duplicate_identical", "row": row.number, "column": key_name, "first_row": known.first,
    })
}

/// The column that names managers by their keys: the one that is said, or one that is called so.
fn manager_of(header: &[String], reading: &Reading) -> Option<String> {
    if reading.manager.is_some() {
        return reading.manager.clone();
    }
    let called = |name: &&String| {
        let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
        ["managerid", "manageremployeeid", "managerworkerid"]
            .contains(&plain.to_lowercase().as_str())
    };
    header.iter().find(called).cloned()
}

fn cells(row: &Row<'_>) -> Map<String, Json> {
    let cells = row.cells();
    cells
        .map(|(name, value)| {
            (
                name.to_owned(),
                value.map_or(Json::Null, |it| it.into_owned().into()),
            )
        })
        .collect()
}

fn shown(row: &Row<'_>) -> Json {
    let mut out = json!({ "row": row.number, "values": cells(row) });
    if row.line != u64::from(row.number) {
        out["line"] = row.line.into();
    }
    out
}

fn seen(reader: &Reader<File>) -> Json {
    detected(reader.detected(), reader.header(), reader.has_marks())
}

/// What was found out about a file.
pub(super) fn detected(found: &Detected, header: &[String], has_marks: bool) -> Json {
    let Detected {
        format,
        encoded,
        delimiter,
        header_row,
        sheet,
        date_system,
        first_column,
        control_total,
        file_date,
        coverage,
    } = found;
    let mut out = json!({
        "format": format,
        "header_row": header_row,
        "columns": header,
    });
    if let Some(encoded) = encoded {
        (out["encoding"], out["bom"]) = (encoded.name.into(), encoded.mark.into());
    }
    if let Some(delimiter) = delimiter {
        out["delimiter"] = char::from(*delimiter).to_string().into();
    }
    if has_marks {
        out["layout"] = "htd".into();
    }
    let texts = [
        ("sheet", sheet.as_deref()),
        ("date_system", *date_system),
        ("first_column", first_column.as_deref()),
        ("file_date", file_date.as_deref()),
        ("coverage", coverage.as_deref()),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            out[name] = value.into();
        }
    }
    if let Some(total) = control_total {
        out["control_total"] = (*total).into();
    }
    out
}

/// What a file that was refused at first sight is: by what stands in it, else by its name.
fn at_sight(refused: &Refused, name: &str) -> Option<Json> {
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_lowercase());
    let books = ["xlsx", "xlsm", "xlsb", "xls", "ods"];
    let by_name = ending.filter(|it| books.contains(&it.as_str()));
    let format = refused.found.map(str::to_owned).or(by_name)?;
    Some(json!({ "format": format }))
}

/// Findings about header and file: those of one kind about several columns as one.
fn of_file<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<Json> {
    let mut out: Vec<Json> = Vec::new();
    for finding in findings {
        let kind = json!(finding.kind);
        let mut shown = json!({ "kind": kind });
        let numbers = |name: &str| {
            let text = finding.arg(name)?;
            Some(spans(text))
        };
        if let Some(columns) = numbers("columns") {
            let twice = kind == "header_duplicate";
            let same = |it: &&mut Json| it["kind"] == kind && !twice;
            if let Some(before) = out.iter_mut().find(same) {
                if let Some(all) = before["columns"].as_array_mut() {
                    all.extend(columns.iter().map(|it| json!(it)));
                }
                continue;
            }
            shown["columns"] = json!(columns);
            if twice {
                shown["column"] = json!(finding.at.column);
            }
        } else if let Some(rows) = numbers("rows") {
            shown["rows"] = json!(rows);
        } else if let Some(row) = finding.at.row {
            shown["row"] = row.into();
        }
        if let Some(value) = finding.arg("value") {
            shown["value"] = number_or_text(value);
        }
        for name in ["why", "count_of_rows"] {
            if let Some(value) = finding.arg(name) {
                shown[name] = number_or_text(value);
            }
        }
        if let Some(value) = finding.arg("encoding") {
            shown["value"] = value.into();
        }
        out.push(shown);
    }
    out
}

/// The numbers of `1 2 3`, or of `4, 6-9`.
fn spans(text: &str) -> Vec<u32> {
    let parts = text.split([' ', ',']).filter(|it| !it.is_empty());
    let span = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some((from.parse::<u32>().ok()?, to.parse::<u32>().ok()?))
    };
    parts
        .filter_map(span)
        .flat_map(|(from, to)| from..=to)
        .collect()
}

/// A finding about one row, with the value that it is about.
fn of_row(finding: &Finding, row: &Row<'_>) -> Json {
    let mut shown = json!({ "kind": finding.kind, "row": row.number });
    if let Some(column) = &finding.at.column {
        shown["column"] = column.clone().into();
        let said = finding.arg("value").map(str::to_owned);
        let value = said.or_else(|| Some(row.written(column)?.into_owned()));
        if let Some(value) = value.filter(|it| !it.is_empty()) {
            shown["value"] = value.into();
        }
    }
    for name in ["expected", "found", "why", "covers", "cell"] {
        if let Some(value) = finding.arg(name) {
            shown[name] = number_or_text(value);
        }
    }
    if finding.arg("why") == Some("a duration, not a day") {
        let value = shown["value"].as_str().unwrap_or_default();
        shown["why"] = format!("a duration ({value}), not a day").into();
    }
    if finding.kind == FindingKind::KeyFromNumber
        && let Some(as_shown) = row.key_shown
    {
        shown["shown"] = as_shown.into();
    }
    shown
}

fn number_or_text(text: &str) -> Json {
    text.parse::<u32>().map_or_else(|_| text.into(), Json::from)
}

/// A refusal as data.
pub(super) fn error(refused: &Refused) -> Json {
    let mut out = json!({ "kind": refused.kind.name(), "message": refused.to_string() });
    if let Some(row) = refused.row {
        out["row"] = row.into();
    }
    if let Some(column) = &refused.column {
        out["column"] = json!(column);
    }
    if let Some(found) = refused.found {
        out["found"] = found.into();
    }
    if let Some((expected, found)) = refused.counted {
        (out["expected"], out["found"]) = (expected.into(), found.into());
    }
    out
}
