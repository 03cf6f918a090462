//! `profile`: what an export looks like before there is any configuration, and what a configuration could say of it.
//!
//! Values go to stdout, of columns that are code lists and of no others; everything else is counts and shapes.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use rollcall_core::model::FindingKind;
use rollcall_core::survey::{Choice, Column, Doubt, Kind, Proposal, Survey, propose};
use rollcall_files::{Reading, Refused, Surveyed, survey};
use serde_json::{Value as Json, json};

use super::{read, vectors};
use crate::args::Profile;
use crate::exit::Exit;
use crate::printer::Printer;

/// Characters of a line.
const WIDTH: usize = 100;
/// Values of a code list that a line begins with.
const CODES_SHOWN: usize = 12;

pub(crate) fn profile(args: &Profile, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let surveyed = match look(&args.file, args.options.as_deref())? {
        Ok(surveyed) => surveyed,
        Err(refused) => {
            if printer.json {
                let mut error = read::error(&refused);
                error["file"] = surveyed_name(&args.file).into();
                printer.json(&json!({ "format_version": 1, "error": error }));
            }
            return Err(anyhow!(refused));
        }
    };
    let proposal = propose(&surveyed.survey);
    if printer.json {
        printer.json(&as_json(&surveyed, &proposal));
    } else {
        printer.data(&shown(&surveyed, &proposal, &args.file));
    }
    Ok(Exit::Done)
}

/// Looks at an export; inside, what the reader refuses of it.
///
/// # Errors
/// When the options cannot be meant.
pub(crate) fn look(
    file: &Path,
    options: Option<&Path>,
) -> anyhow::Result<Result<Surveyed, Refused>> {
    let reading = match options {
        None => Reading::default(),
        Some(path) => serde_json::from_value(vectors::json(path, "options")?)
            .map_err(|e| anyhow!("{}: {e}", path.display()))?,
    };
    let options = reading.options().map_err(|e| anyhow!(e))?;
    let surveyed = survey(file, &reading, &options);
    Ok(surveyed.map_err(|refused| refused.in_file(surveyed_name(file))))
}

fn surveyed_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn as_json(surveyed: &Surveyed, proposal: &Proposal) -> Json {
    let Survey {
        rows,
        columns,
        doubts,
        footer,
    } = &surveyed.survey;
    let header: Vec<String> = columns.iter().map(|it| it.name.clone()).collect();
    let marks = !surveyed.how.record_types.is_empty();
    let findings = surveyed.findings.iter();
    let findings: Vec<Json> = findings
        .map(|(kind, rows)| json!({ "kind": kind, "count": rows }))
        .collect();
    json!({
        "format_version": 1,
        "file": surveyed.how.file,
        "detected": read::detected(&surveyed.detected, &header, marks),
        "rows": rows,
        "columns": columns,
        "doubts": doubts,
        "footer": footer,
        "findings": findings,
        "proposal": proposal,
        "complete": proposal.is_complete(),
    })
}

/// At most so many characters; the rest is told by `…`.
fn cut(text: &str, most: usize) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().count() <= most {
        return text;
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// A paragraph with something in front of its first line.
pub(crate) fn paragraph(out: &mut String, mark: &str, text: &str) {
    let indent = " ".repeat(mark.chars().count());
    let mut line = mark.to_owned();
    let mut empty = true;
    for word in text.split(' ').filter(|it| !it.is_empty()) {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _infallible = writeln!(out, "{line}");
            line.clone_from(&indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    let _infallible = writeln!(out, "{}", line.trim_end());
}

fn shown(surveyed: &Surveyed, proposal: &Proposal, file: &Path) -> String {
    let mut out = String::new();
    paragraph(&mut out, "", &headline(surveyed));
    out.push('\n');
    let _infallible = writeln!(
        out,
        "  {:<26} {:<16} {:>8} {:>10}  could be",
        "column", "kind", "filled", "distinct"
    );
    for column in &surveyed.survey.columns {
        of_column(&mut out, column, surveyed.survey.rows, proposal);
    }
    let doubts = &surveyed.survey.doubts;
    if !doubts.is_empty() || !surveyed.findings.is_empty() {
        out.push_str("\nof the whole file\n");
        for doubt in doubts {
            said(&mut out, "  ! ", doubt);
        }
        for (kind, count) in &surveyed.findings {
            paragraph(
                &mut out,
                "  ! ",
                &format!("{count} findings `{}` of the reader", name_of(*kind)),
            );
        }
    }
    look_at(&mut out, proposal);
    out.push('\n');
    paragraph(
        &mut out,
        "next: ",
        &format!(
            "`rollcall init DIR --from {}` writes a configuration that says this",
            file.display()
        ),
    );
    out
}

/// What a person has to look at.
pub(crate) fn look_at(out: &mut String, proposal: &Proposal) {
    if proposal.look_at.is_empty() {
        return;
    }
    out.push_str("\nto be looked at by a person\n");
    for line in &proposal.look_at {
        paragraph(out, "  - ", line);
    }
}

/// What is chosen, a line each.
pub(crate) fn choices(out: &mut String, proposal: &Proposal) {
    for Choice {
        writes,
        column,
        confidence,
        written,
        ..
    } in &proposal.choices
    {
        let only = if *written { "" } else { ", a comment only" };
        let _infallible = writeln!(
            out,
            "  {writes:<27} {:<40} {}{only}",
            cut(column, 40),
            confidence.word()
        );
    }
}

fn headline(surveyed: &Surveyed) -> String {
    let found = &surveyed.detected;
    let mut parts = vec![found.format.to_owned()];
    if let Some(encoded) = &found.encoded {
        let guessed = if encoded.assumed { " (guessed)" } else { "" };
        parts.push(format!("{}{guessed}", encoded.name));
    }
    match found.delimiter {
        Some(b'\t') => parts.push("tabs between cells".to_owned()),
        Some(byte) => parts.push(format!("`{}` between cells", char::from(byte))),
        None => {}
    }
    if let Some(sheet) = &found.sheet {
        parts.push(format!("sheet `{}`", cut(sheet, 40)));
    }
    if let Some(row) = found.header_row {
        parts.push(format!("header in row {row}"));
    }
    let survey = &surveyed.survey;
    parts.push(format!(
        "{} rows, {} columns",
        survey.rows,
        survey.columns.len()
    ));
    format!("{}: {}", surveyed.how.file, parts.join(", "))
}

fn of_column(out: &mut String, column: &Column, rows: u64, proposal: &Proposal) {
    let kind = match (&column.days, column.kind) {
        (Some(days), Kind::Day) => match &days.format {
            Some(format) => format!("day, {format}"),
            None => "day, ambiguous".to_owned(),
        },
        (_, kind) => kind.words().to_owned(),
    };
    let filled = if rows == 0 {
        0.0
    } else {
        column.filled as f64 * 100.0 / rows as f64
    };
    let about = if column.distinct_exact { "" } else { "~" };
    let could = proposal
        .choices
        .iter()
        .find(|choice| choice.column == column.name);
    let could = could.map_or_else(String::new, |it| {
        format!("{} ({})", it.writes, it.confidence.word())
    });
    let _infallible = writeln!(
        out,
        "  {:<26} {:<16} {:>6.1} % {:>10}  {}",
        cut(&column.name, 26),
        cut(&kind, 16),
        filled,
        format!("{about}{}", column.distinct),
        cut(&could, 32)
    );
    if !column.values.is_empty() {
        let shown = column.values.iter().take(CODES_SHOWN);
        let shown = shown.map(|code| format!("{} ({})", cut(&code.value, 40), code.rows));
        let mut shown: Vec<String> = shown.collect();
        if let more @ 1.. = column.values.len().saturating_sub(CODES_SHOWN) {
            shown.push(format!("and {more} more"));
        }
        paragraph(out, "      = ", &shown.join(", "));
    } else if let Some(first) = column.shapes.first()
        && matches!(column.kind, Kind::Text | Kind::Digits | Kind::Phone)
    {
        paragraph(out, "      ~ ", &format!("like {}", first.shape));
    }
    for doubt in &column.doubts {
        said(out, "      ! ", doubt);
    }
    if let Some(several) = column.several.filter(|it| *it > 0) {
        let again = column.again.unwrap_or(0);
        let text = format!(
            "{several} values stand in several rows ({} rows)",
            several + again
        );
        paragraph(out, "      ! ", &text);
    }
}

fn said(out: &mut String, mark: &str, doubt: &Doubt) {
    paragraph(out, mark, &format!("{}: {}", doubt.count(), doubt.note));
}

/// A kind of finding as the contract calls it.
fn name_of(kind: FindingKind) -> String {
    let name = serde_json::to_value(kind).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}
