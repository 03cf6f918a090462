//! A custom report as a service: columns as its designer called them.
//!
//! A report has no pages and no total, and answers 200 with fewer rows or without a column when somebody
//! changed it. Invariant: a report without the key's column is refused, and so is one without rows; any
//! other column that no row has is said.

mod csv;
mod json;
mod xml;

use std::borrow::Cow;

use rollcall_core::delta::Coverage;
use rollcall_core::model::{Finding, FindingKind, Place, Severity};
use rollcall_core::suggest::nearest;
use rollcall_http::{encode_component, encode_segment};
use rollcall_source::{Checked, Pulled, Record, RefusalKind, Refused, Sink, Want, clean};

use crate::config::{Format, Report};
use crate::session::Session;
use crate::worker::day;

/// Fuzzing and tests read reports without a tenant.
pub(crate) use json::read as read_json;
pub(crate) use xml::read as read_xml;

pub(crate) use self::csv::read as read_csv;

/// A report of a tenant.
pub(crate) struct Raas<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) report: &'a Report,
    pub(crate) session: &'a Session,
}

/// A cell of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell<'r> {
    /// Not in the row.
    Absent,
    Text(Cow<'r, str>),
    /// Several fields stand where one was expected.
    Group,
}

/// Gives the cell of a column, by its place among the columns.
pub(crate) type Cells<'c, 'r> = &'c mut dyn FnMut(usize) -> Cell<'r>;

/// A column of a report: a field, or the first of a field within a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field<'c> {
    pub(crate) name: &'c str,
    pub(crate) within: Option<&'c str>,
}

impl<'c> Field<'c> {
    /// `Group/Field`, or a field alone.
    pub(crate) fn of(column: &'c str) -> Self {
        match column.split_once('/') {
            Some((group, field)) => Self {
                name: group,
                within: Some(field),
            },
            None => Self {
                name: column,
                within: None,
            },
        }
    }
}

/// What of the columns a report cannot give, as far as that is known offline.
pub(crate) fn lacks(report: &Report, columns: &[String]) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    if !columns.contains(&report.key) {
        problems.push(format!(
            "the report's key `{}` is not among the attributes that are read",
            report.key
        ));
    }
    for column in columns {
        let parts: Vec<&str> = column.split('/').collect();
        if parts.len() > 2 || parts.iter().any(|it| it.trim().is_empty()) {
            problems.push(format!(
                "`{column}` is no column of a report: write `Field` or `Group/Field`"
            ));
        }
        if report.format == Format::Csv && parts.len() > 1 {
            problems.push(format!("`{column}`: a report as csv has no groups"));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Takes in rows of a report, whatever its form.
pub(crate) struct Rows<'a> {
    columns: &'a [String],
    key: usize,
    sink: &'a mut dyn Sink,
    count: u32,
    /// Whether any row has the column.
    filled: Vec<bool>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(want: &'a Want, sink: &'a mut dyn Sink) -> Option<Self> {
        Some(Self {
            columns: &want.columns,
            key: want.key_at()?,
            sink,
            count: 0,
            filled: vec![false; want.columns.len()],
        })
    }

    pub(crate) fn columns(&self) -> &'a [String] {
        self.columns
    }

    /// The form of the report shows that every column is there.
    fn all_there(&mut self) {
        self.filled.fill(true);
    }

    /// Takes in a row.
    ///
    /// # Errors
    /// [`Refused`] for a group where a field is read, and when the row cannot be kept.
    pub(crate) fn row<'r>(&mut self, cells: Cells<'_, 'r>) -> Result<(), Refused> {
        self.count += 1;
        let mut values: Vec<Cow<'r, str>> = Vec::with_capacity(self.columns.len());
        for (number, column) in self.columns.iter().enumerate() {
            values.push(match cells(number) {
                Cell::Absent => Cow::Borrowed(""),
                Cell::Text(text) => {
                    self.filled[number] = true;
                    value(text)
                }
                Cell::Group => {
                    let message = "holds several fields in a group";
                    let hint = format!("write `{column}/` and the field that is meant");
                    return Err(Refused::new(RefusalKind::WrongHeader, message, hint)
                        .column(column.clone()));
                }
            });
        }
        let held = values[self.key].is_empty();
        let mut findings = Vec::new();
        if held {
            findings.push(Finding::new(
                FindingKind::KeyMissing,
                Severity::Held,
                Place::cell(self.count, self.columns[self.key].clone()),
                "the row does not say whose it is",
            ));
        }
        let record = Record {
            number: self.count,
            held,
            values: &values,
            findings: &findings,
        };
        self.sink.record(&record).map_err(|it| Refused::io(&it))
    }
}

/// A value as it is handed on: cleaned, and a day without the offset that Workday writes behind it.
fn value(text: Cow<'_, str>) -> Cow<'_, str> {
    let text = match text {
        Cow::Borrowed(text) => clean(text),
        Cow::Owned(text) => Cow::Owned(clean(&text).into_owned()),
    };
    let offset = text.get(10..).unwrap_or("");
    let is_offset = offset == "Z" || (offset.len() == 6 && offset.starts_with(['+', '-']));
    if is_offset && day(&text).is_some() {
        return match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..10]),
            Cow::Owned(text) => Cow::Owned(text[..10].to_owned()),
        };
    }
    text
}

impl Raas<'_> {
    /// Paths and queries of all parts, in their order.
    fn targets(&self) -> Vec<String> {
        let report = self.report;
        let base = format!(
            "/ccx/service/customreport2/{}/{}/{}?format={}",
            encode_segment(self.tenant),
            encode_segment(&report.owner),
            encode_segment(&report.name),
            report.format.name(),
        );
        let with = |base: &str, prompts: &std::collections::BTreeMap<String, String>| {
            let mut target = base.to_owned();
            for (name, value) in prompts {
                target = format!(
                    "{target}&{}={}",
                    encode_component(name).replace("%21", "!"),
                    encode_component(value)
                );
            }
            target
        };
        let base = with(&base, &report.prompts);
        if report.parts.is_empty() {
            return vec![base];
        }
        report.parts.iter().map(|it| with(&base, it)).collect()
    }

    /// Everybody.
    ///
    /// # Errors
    /// [`Refused`] where the report cannot be had, or is not what the mapping reads.
    pub(crate) async fn pull(&self, want: &Want, sink: &mut dyn Sink) -> Result<Pulled, Refused> {
        if want.key != self.report.key || want.key_at().is_none() {
            let message = format!(
                "the report's key is `{}`, the mapping's another",
                self.report.key
            );
            let hint = "let `report.key` be the key of the mapping";
            return Err(Refused::new(RefusalKind::Configuration, message, hint));
        }
        let mut findings = Vec::new();
        let mut rows = 0;
        let mut filled = vec![false; want.columns.len()];
        let targets = self.targets();
        let count = targets.len();
        for (number, target) in (1..).zip(targets) {
            let asked = if count == 1 {
                "the report".to_owned()
            } else {
                format!("part {number} of {count} of the report")
            };
            let heard = self.session.report(target, &asked).await?;
            sink.received(&heard.body);
            let mut taken = Rows::new(want, sink).ok_or_else(|| {
                let hint = "map the key of the worker";
                Refused::new(RefusalKind::Configuration, "the key is not read", hint)
            })?;
            taken.count = rows;
            let before = rows;
            let read = match self.report.format {
                Format::Json => read_json(&heard.body, &mut taken),
                Format::Csv => read_csv(&heard.body, &mut taken),
                Format::Xml | Format::SimpleXml => read_xml(&heard.body, &mut taken),
            };
            read.map_err(|it| it.in_file(asked.clone()))?;
            rows = taken.count;
            for (all, own) in filled.iter_mut().zip(&taken.filled) {
                *all |= own;
            }
            if rows == before && count > 1 && !self.report.parts_may_be_empty {
                return Err(Refused::new(
                    RefusalKind::Empty,
                    format!("{asked} has no rows"),
                    "whoever belongs there would count as gone: check its prompts; where a part may have \
                     nobody, say `parts_may_be_empty = true`",
                ));
            }
        }
        if rows == 0 {
            return Err(Refused::new(
                RefusalKind::Empty,
                "the report has no rows",
                "check its filters and who may see its data; zero is never read as everybody left",
            ));
        }
        findings.extend(nowhere(want, &filled)?);
        Ok(Pulled {
            coverage: Coverage::Full,
            as_of: want.now,
            cursor: None,
            rows,
            findings,
        })
    }

    /// What the report gives of what is wanted.
    ///
    /// # Errors
    /// [`Refused`] when it does not answer.
    pub(crate) async fn check(&self, want: &Want) -> Result<Checked, Refused> {
        let mut checked = Checked::default();
        match self.pull(want, &mut Nowhere).await {
            Ok(pulled) => {
                checked.good(format!("the report answers: {} rows", pulled.rows));
                for finding in pulled.findings {
                    let column = finding.at.column.unwrap_or_default();
                    checked.problem(format!("{column}: {}", finding.note));
                }
            }
            Err(refused) => {
                let shows = [RefusalKind::Empty, RefusalKind::WrongHeader];
                if !shows.contains(&refused.kind) {
                    return Err(refused);
                }
                checked.problem(refused.to_string());
            }
        }
        Ok(checked)
    }
}

/// Columns that no row has.
fn nowhere(want: &Want, filled: &[bool]) -> Result<Vec<Finding>, Refused> {
    let mut findings = Vec::new();
    for (column, _) in want.columns.iter().zip(filled).filter(|it| !it.1) {
        if *column == want.key {
            return Err(missing(column, None));
        }
        findings.push(Finding::new(
            FindingKind::AttributeNowhere,
            Severity::Warning,
            Place {
                column: Some(column.clone()),
                ..Place::default()
            },
            "no row has this column: it is empty for everybody, or has another name in the report",
        ));
    }
    Ok(findings)
}

/// A column that is read and is not there.
pub(crate) fn missing(column: &str, header: Option<&[String]>) -> Refused {
    let names = header.unwrap_or(&[]).iter().map(String::as_str);
    let hint = match nearest(column, names) {
        Some(near) => format!("the report has `{near}`; name it in the mapping"),
        None => "add it to the report, or leave it out of the mapping".to_owned(),
    };
    Refused::new(
        RefusalKind::WrongHeader,
        "the report has no such column",
        hint,
    )
    .column(column.to_owned())
}

/// Keeps nothing.
struct Nowhere;

impl Sink for Nowhere {
    fn received(&mut self, _bytes: &[u8]) {}

    fn record(&mut self, _record: &Record<'_>) -> std::io::Result<()> {
        Ok(())
    }
}
