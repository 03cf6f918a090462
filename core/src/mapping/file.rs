//! The mapping file (TOML): strict, every mistake reported with its place.
//!
//! ```toml
//! format_version = 1
//!
//! [worker]                                  # facts that policy reads; all columns by name
//! key = "WorkerID"
//! key_pattern = "#####"                     # optional: # a digit, @ a letter, * the rest as is
//! status = "WorkerStatus"
//! manager = "ManagerID"                     # optional
//! hire_date = { column = "HireDate", format = "iso" }       # iso, day_first, month_first, compact
//! last_day = { column = "LastDay", format = "iso", open = ["9999-12-31"] }
//! time_zone = { column = "TimeZone" }       # or { constant = "Europe/Berlin" }
//!
//! [[attribute]]                             # what is written, by property of the directory
//! target = "displayName"
//! source = "FullName"                       # exactly one of source, constant, expression
//! default = "Unknown"                       # optional: when there is no value, on creation
//! apply = "always"                          # or "create"
//! required = true                           # optional: without a value the row is held
//! clear_when_empty = true                   # optional: an empty value clears; else it is left
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::expression::Expression;
use super::properties;
use crate::digest::sha256;

/// A checked mapping file with its expressions compiled.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(super) worker: WorkerRules,
    pub(super) attributes: Vec<AttributeRule>,
    hash: String,
}

/// The file as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingFile {
    format_version: u32,
    worker: WorkerRules,
    attribute: Vec<AttributeFile>,
}

/// Where the facts of a worker stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkerRules {
    pub(super) key: String,
    #[serde(default)]
    pub(super) key_pattern: Option<String>,
    pub(super) status: String,
    #[serde(default)]
    pub(super) manager: Option<String>,
    #[serde(default)]
    pub(super) hire_date: Option<DateRule>,
    #[serde(default)]
    pub(super) last_day: Option<DateRule>,
    #[serde(default)]
    pub(super) time_zone: Option<ZoneRule>,
}

/// A column of dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DateRule {
    pub(super) column: String,
    #[serde(default)]
    pub(super) format: DateFormat,
    /// Values that mean "no date".
    #[serde(default)]
    pub(super) open: Vec<String>,
}

/// How dates are written: one form a column, anything else holds the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateFormat {
    /// `2026-03-16`, with or without a time behind it.
    #[default]
    Iso,
    /// `16/03/2026`, `16.03.2026` or `16-03-2026`.
    DayFirst,
    /// `03/16/2026`.
    MonthFirst,
    /// `20260316`.
    Compact,
}

/// Where a worker's time zone comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum ZoneRule {
    Column(String),
    Constant(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeFile {
    target: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    constant: Option<String>,
    #[serde(default)]
    expression: Option<String>,
    #[serde(default)]
    default: Option<String>,
    #[serde(default)]
    apply: Apply,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    clear_when_empty: bool,
}

/// When an attribute is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apply {
    /// On creation and on every change.
    #[default]
    Always,
    /// On creation only.
    Create,
}

/// One attribute, compiled.
#[derive(Debug, Clone)]
pub struct AttributeRule {
    pub(super) target: String,
    pub(super) from: From,
    pub(super) default: Option<String>,
    pub(super) apply: Apply,
    pub(super) required: bool,
    pub(super) clear_when_empty: bool,
    pub(super) kind: properties::Kind,
}

#[derive(Debug, Clone)]
pub(super) enum From {
    Source(String),
    Constant(String),
    Expression(Box<Expression>),
}

/// Why a mapping file is not used. Every mistake is in the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.iter().map(|p| format!("{file}: {p}")).collect::<Vec<_>>().join("\n"))]
pub struct MappingFileError {
    /// The file as the user named it.
    pub file: String,
    /// One entry a mistake.
    pub problems: Vec<String>,
}

/// No account can be made without these: they are mapped, and a row without a value is held.
const NEVER_EMPTY: [&str; 4] = [
    "userPrincipalName",
    "employeeId",
    "displayName",
    "mailNickname",
];

impl Mapping {
    /// Reads and checks a mapping file.
    ///
    /// # Errors
    /// Every mistake found, not only the first one of the checks behind the syntax.
    pub fn parse(text: &str, file: &str) -> Result<Self, MappingFileError> {
        let refuse = |problems| MappingFileError {
            file: file.to_owned(),
            problems,
        };
        let parsed: MappingFile =
            toml::from_str(text).map_err(|e| refuse(vec![format!("\n{e}")]))?;
        let mut problems = Vec::new();
        if parsed.format_version != 1 {
            problems.push(format!(
                "`format_version` is {}; this version of rollcall reads 1",
                parsed.format_version
            ));
        }
        if let Some(ZoneRule::Constant(zone)) = &parsed.worker.time_zone
            && jiff::tz::db().get(zone).is_err()
        {
            problems.push(format!("`worker.time_zone`: `{zone}` is no IANA time zone"));
        }
        // Whoever changes what a function or a rule means raises the number: everybody is mapped
        // anew then.
        let meaning = (1, &parsed);
        let hash = sha256(&serde_json::to_vec(&meaning).expect("a mapping is always JSON"));
        let key = parsed.worker.key.clone();
        let mut seen = BTreeSet::new();
        let mut attributes = Vec::new();
        for attribute in parsed.attribute {
            if !seen.insert(attribute.target.clone()) {
                problems.push(format!("attribute `{}` is mapped twice", attribute.target));
            }
            match rule(attribute, &key) {
                Ok(rule) => attributes.push(rule),
                Err(problem) => problems.push(problem),
            }
        }
        for target in NEVER_EMPTY {
            if !seen.contains(target) {
                problems.push(format!(
                    "no attribute `{target}`: accounts cannot be made without"
                ));
            }
        }
        if problems.is_empty() {
            Ok(Self {
                worker: parsed.worker,
                attributes,
                hash,
            })
        } else {
            Err(refuse(problems))
        }
    }

    /// The header name of the key column.
    pub fn key_column(&self) -> &str {
        &self.worker.key
    }

    /// Header names of the only columns that are ever read.
    pub fn columns(&self) -> BTreeSet<String> {
        let worker = &self.worker;
        let mut out: BTreeSet<String> = [&worker.key, &worker.status]
            .into_iter()
            .chain(&worker.manager)
            .chain(
                worker
                    .hire_date
                    .iter()
                    .chain(&worker.last_day)
                    .map(|d| &d.column),
            )
            .cloned()
            .collect();
        if let Some(ZoneRule::Column(column)) = &worker.time_zone {
            out.insert(column.clone());
        }
        for attribute in &self.attributes {
            match &attribute.from {
                From::Source(column) => {
                    out.insert(column.clone());
                }
                From::Constant(_) => {}
                From::Expression(expression) => out.extend(expression.attributes().iter().cloned()),
            }
        }
        out
    }

    /// The properties that are written, in the order of the file.
    pub fn targets(&self) -> Vec<&str> {
        self.attributes.iter().map(|a| a.target.as_str()).collect()
    }

    /// SHA-256 of the mapping's meaning: comments do not count.
    pub fn hash(&self) -> String {
        self.hash.clone()
    }
}

fn rule(file: AttributeFile, key: &str) -> Result<AttributeRule, String> {
    let target = file.target;
    let Some(kind) = properties::kind(&target) else {
        let near = properties::nearest(&target)
            .map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
        return Err(format!(
            "attribute `{target}` is not one that Rollcall writes{near}"
        ));
    };
    let from = match (file.source, file.constant, file.expression) {
        (Some(source), None, None) => From::Source(source),
        (None, Some(constant), None) => From::Constant(constant),
        (None, None, Some(text)) => {
            let compiled = Expression::compile(&text)
                .map_err(|e| format!("attribute `{target}`, expression, {e}"))?;
            if compiled.may_ignore_object() {
                return Err(format!(
                    "attribute `{target}`: `IgnoreObjectFlow` has no place in an attribute; leave \
                     the worker out by status or in the export"
                ));
            }
            From::Expression(Box::new(compiled))
        }
        _ => {
            return Err(format!(
                "attribute `{target}` needs exactly one of `source`, `constant`, `expression`"
            ));
        }
    };
    if target == "employeeId" && !matches!(&from, From::Source(source) if source == key) {
        return Err(format!(
            "attribute `employeeId` is the matching key: it must be `source = \"{key}\"`, as \
             `worker.key` says"
        ));
    }
    let fixed = match &from {
        From::Constant(constant) => Some(("constant", constant)),
        From::Source(_) | From::Expression(_) => None,
    };
    for (what, text) in fixed
        .into_iter()
        .chain(file.default.as_ref().map(|d| ("default", d)))
    {
        if let Some(problem) = kind.problem(text) {
            return Err(format!("attribute `{target}`, `{what}`: {problem}"));
        }
    }
    if file.clear_when_empty && (file.default.is_some() || file.apply == Apply::Create) {
        return Err(format!(
            "attribute `{target}`: `clear_when_empty` goes neither with `default` nor with \
             `apply = \"create\"`"
        ));
    }
    if file.clear_when_empty && NEVER_EMPTY.contains(&target.as_str()) {
        return Err(format!(
            "attribute `{target}` cannot be cleared in the directory"
        ));
    }
    Ok(AttributeRule {
        from,
        default: file.default,
        apply: file.apply,
        required: file.required || NEVER_EMPTY.contains(&target.as_str()),
        target,
        clear_when_empty: file.clear_when_empty,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(attributes: &str) -> Result<Mapping, MappingFileError> {
        let text = format!(
            "format_version = 1\n[worker]\nkey = \"ID\"\nstatus = \"Status\"\n\
             [[attribute]]\ntarget = \"employeeId\"\nsource = \"ID\"\n\
             [[attribute]]\ntarget = \"userPrincipalName\"\n\
             expression = 'Join(\"@\", [Login], \"woodgrove.example\")'\n\
             [[attribute]]\ntarget = \"mailNickname\"\nsource = \"Login\"\napply = \"create\"\n\
             [[attribute]]\ntarget = \"displayName\"\nsource = \"Name\"\n{attributes}"
        );
        Mapping::parse(&text, "mapping.toml")
    }

    #[test]
    fn only_columns_that_something_reads_are_named() {
        let mapping = with("").unwrap();
        let columns: Vec<String> = mapping.columns().into_iter().collect();
        assert_eq!(columns, ["ID", "Login", "Name", "Status"]);
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let error = with(
            "[[attribute]]\ntarget = \"jobtitle\"\nsource = \"T\"\n\
             [[attribute]]\ntarget = \"city\"\nsource = \"C\"\nconstant = \"x\"\n\
             [[attribute]]\ntarget = \"department\"\nexpression = \"Joyn([a])\"\n\
             [[attribute]]\ntarget = \"displayName\"\nsource = \"N\"\n",
        )
        .unwrap_err();
        assert_eq!(error.problems.len(), 4, "{error}");
        assert!(
            error.to_string().contains("did you mean `jobTitle`?"),
            "{error}"
        );
        assert!(error.to_string().contains("line 1, column 1"), "{error}");
    }

    #[test]
    fn an_unknown_key_names_its_line() {
        let error = with("[[attribute]]\ntarget = \"city\"\nsorce = \"C\"\n").unwrap_err();
        assert!(error.to_string().contains("line 20"), "{error}");
        assert!(error.to_string().contains("source"), "{error}");
    }
}
