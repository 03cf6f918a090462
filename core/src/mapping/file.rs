//! The mapping file (TOML): strict, every mistake reported with its place.
//!
//! ```toml
//! format_version = 1
//! default_domain = "woodgrove.example"      # optional: what DefaultDomain() gives
//! date_diff = "elapsed"                     # or "boundaries": how DateDiff counts
//! empty_cells = "null"                      # or "text": what an empty cell is to an expression
//! reserved_names = ["admin", "info"]        # optional: sign-in names that nobody gets, or what
//!                                           # stands before their @
//!
//! [worker]                                  # facts that policy reads; all columns by name
//! key = "WorkerID"
//! key_pattern = "#####"                     # optional: # a digit, @ a letter, * the rest as is
//! status = "WorkerStatus"
//! manager = "ManagerID"                     # optional
//! hire_date = { column = "HireDate", format = "iso" }       # iso, day_first, month_first, compact
//! last_day = { column = "LastDay", format = "iso", open = ["9999-12-31"] }
//! time_zone = { column = "TimeZone" }       # or { constant = "Europe/Berlin" }
//! person = "PersonID"                       # of people who may have several employments
//! termination_date = { column = "TerminationDate" }       # where it is not the last day of work
//! effective_date = { column = "EffectiveDate" }           # from when on the row's values hold
//! entered = { column = "EnteredOn", zone = "Europe/Berlin" } # when HR entered it: whose delay it is
//! for_cause = { column = "Reason", values = ["DISMISSAL"] }
//! leave = { column = "Leave", unpaid = ["U"], garden = ["G"], from = { column = "LeaveFrom" } }
//! facts = { site = "Site" }                 # what rules read as `worker.site`; nothing is written
//!
//! [[attribute]]                             # what is written, by property of the directory
//! target = "displayName"
//! source = "FullName"                       # exactly one of source, constant, expression
//! default = "Unknown"                       # optional: when there is no value, on creation;
//!                                           # goes without `required`
//! apply = "always"                          # or "create"
//! required = true                           # optional: without a value the row is held
//! clear_when_empty = true                   # optional: an empty value clears; else it is left
//!
//! [[scope]]                                 # optional: a row is ours if all of any one hold
//! name = "northern plants"
//! all = [{ attribute = "Country", operator = "EQUALS", values = ["NO", "SE"] }]
//!
//! [[attribute]]
//! target = "userPrincipalName"              # the sign-in name: the first value that is free, in
//! apply = "create"                          # the directory and among all of the plan
//! expression = 'SelectUniqueValue(Join("@", [Login], "woodgrove.example"), ...)'
//! numbers = 9                               # optional: then the first one with 2 to 9 before its @
//! match = 2                                 # optional: an account of this name that carries
//!                                           # nobody's employeeId is the worker's; employeeId is 1
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::expression::{DateDiffReading, Expression};
use super::properties;
use super::scope::{GroupFile, Scope};
use crate::digest::sha256;
use crate::policy::{Matching, name_key};

/// A checked mapping file with its expressions compiled.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(super) worker: WorkerRules,
    pub(super) attributes: Vec<AttributeRule>,
    pub(super) default_domain: Option<String>,
    pub(super) date_diff: DateDiffReading,
    pub(super) empty_cells: EmptyCells,
    /// Folded: see [`name_key`].
    pub(super) reserved_names: BTreeSet<String>,
    pub(super) scope: Scope,
    /// Properties that other sources write for the workers of this mapping.
    also: Vec<String>,
    hash: String,
}

/// The file as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MappingFile {
    format_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) default_domain: Option<String>,
    #[serde(default, skip_serializing_if = "DateDiff::is_default")]
    date_diff: DateDiff,
    #[serde(default, skip_serializing_if = "EmptyCells::is_default")]
    pub(super) empty_cells: EmptyCells,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) reserved_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) scope: Vec<GroupFile>,
    pub(super) worker: WorkerRules,
    #[serde(default)]
    pub(super) attribute: Vec<AttributeFile>,
}

/// What an empty cell is to an expression: no file of rows can tell the two apart, and what a
/// tenant's own connector makes of them differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EmptyCells {
    /// The attribute is absent: `Coalesce` and `IsNull` see it.
    #[default]
    Null,
    /// The attribute is there, and its value is the empty text.
    Text,
}

impl EmptyCells {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How `DateDiff` counts days, hours and minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DateDiff {
    #[default]
    Elapsed,
    Boundaries,
}

impl DateDiff {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl std::convert::From<DateDiff> for DateDiffReading {
    fn from(given: DateDiff) -> Self {
        match given {
            DateDiff::Elapsed => Self::Elapsed,
            DateDiff::Boundaries => Self::Boundaries,
        }
    }
}

/// Where the facts of a worker stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkerRules {
    pub(super) key: String,
    #[serde(default)]
    pub(super) key_pattern: Option<String>,
    /// Empty in the mapping of a source that brings attributes only.
    #[serde(default)]
    pub(super) status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) person: Option<String>,
    #[serde(default)]
    pub(super) manager: Option<String>,
    #[serde(default)]
    pub(super) hire_date: Option<DateRule>,
    #[serde(default)]
    pub(super) last_day: Option<DateRule>,
    #[serde(default)]
    pub(super) time_zone: Option<ZoneRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) termination_date: Option<DateRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) effective_date: Option<DateRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) entered: Option<EnteredRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) for_cause: Option<ValueRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) secondary: Option<ValueRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) leave: Option<LeaveRule>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) facts: BTreeMap<String, String>,
}

/// A column, and the values in it that say yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueRule {
    pub(super) column: String,
    pub(super) values: Vec<String>,
}

/// Leave of absence: which, and from when to when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaveRule {
    pub(super) column: String,
    #[serde(default)]
    pub(super) unpaid: Vec<String>,
    #[serde(default)]
    pub(super) garden: Vec<String>,
    pub(super) from: DateRule,
    #[serde(default)]
    pub(super) to: Option<DateRule>,
}

impl WorkerRules {
    /// What is said that only a source of persons can say, by key.
    fn of_persons(&self) -> Vec<&'static str> {
        [
            ("status", !self.status.is_empty()),
            ("manager", self.manager.is_some()),
            ("hire_date", self.hire_date.is_some()),
            ("last_day", self.last_day.is_some()),
            ("time_zone", self.time_zone.is_some()),
            ("termination_date", self.termination_date.is_some()),
            ("effective_date", self.effective_date.is_some()),
            ("for_cause", self.for_cause.is_some()),
            ("secondary", self.secondary.is_some()),
            ("leave", self.leave.is_some()),
            ("facts", !self.facts.is_empty()),
        ]
        .into_iter()
        .filter_map(|(key, said)| said.then_some(key))
        .collect()
    }

    /// Columns of dates.
    fn dates(&self) -> impl Iterator<Item = &DateRule> {
        let leave = self.leave.iter();
        let leave = leave.flat_map(|it| std::iter::once(&it.from).chain(&it.to));
        self.hire_date
            .iter()
            .chain(&self.last_day)
            .chain(&self.termination_date)
            .chain(&self.effective_date)
            .chain(leave)
    }

    /// Columns that are read as they are.
    fn words(&self) -> impl Iterator<Item = &String> {
        let flags = self.for_cause.iter().chain(&self.secondary);
        flags
            .map(|rule| &rule.column)
            .chain(self.entered.iter().map(|rule| &rule.column))
            .chain(self.leave.iter().map(|rule| &rule.column))
            .chain(self.facts.values())
    }
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

/// A column of instants at which HR entered what the row says. It only says whose delay a late cut
/// is, so what cannot be read holds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnteredRule {
    pub(super) column: String,
    /// An instant, or a time without an offset, where it is `iso`; a day in the other forms.
    #[serde(default)]
    pub(super) format: DateFormat,
    /// Where HR's clock stands, for what has no offset; UTC where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<String>,
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
pub(super) struct AttributeFile {
    pub(super) target: String,
    #[serde(default)]
    pub(super) source: Option<String>,
    #[serde(default)]
    pub(super) constant: Option<String>,
    #[serde(default)]
    pub(super) expression: Option<String>,
    #[serde(default)]
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) apply: Apply,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) clear_when_empty: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) numbers: Option<u32>,
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub(super) precedence: Option<u32>,
}

impl AttributeFile {
    /// Nothing but the property.
    pub(super) fn of(target: String) -> Self {
        Self {
            target,
            source: None,
            constant: None,
            expression: None,
            default: None,
            apply: Apply::Always,
            required: false,
            clear_when_empty: false,
            numbers: None,
            precedence: None,
        }
    }
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
    /// The first value is tried with numbers up to this one, too.
    pub(super) numbers: u32,
    /// An account that has this value and no key is the worker's.
    matches: bool,
    pub(super) kind: properties::Kind,
}

#[derive(Debug, Clone)]
pub(super) enum From {
    Source(String),
    Constant(String),
    Expression(Box<Expression>),
}

/// What a source brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brings {
    /// Persons with all that they are to have.
    Persons,
    /// Values of some attributes, of persons whom other sources bring.
    Attributes,
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
pub(super) const NEVER_EMPTY: [&str; 4] = [
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
        Self::parse_of(Brings::Persons, text, file)
    }

    /// Reads and checks the mapping file of a source that brings attributes only: of `[worker]` it
    /// has `key`, `key_pattern` and `person`, and no account comes of it.
    ///
    /// # Errors
    /// As for [`Mapping::parse`].
    pub fn parse_attributes(text: &str, file: &str) -> Result<Self, MappingFileError> {
        Self::parse_of(Brings::Attributes, text, file)
    }

    fn parse_of(brings: Brings, text: &str, file: &str) -> Result<Self, MappingFileError> {
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
        if let Some(zone) = parsed
            .worker
            .entered
            .as_ref()
            .and_then(|it| it.zone.as_ref())
            && jiff::tz::db().get(zone).is_err()
        {
            problems.push(format!("`worker.entered`: `{zone}` is no IANA time zone"));
        }
        if let Some(domain) = &parsed.default_domain
            && !is_domain(domain)
        {
            problems.push(format!("`default_domain`: `{domain}` is no domain"));
        }
        let scope = Scope::new(&parsed.scope).unwrap_or_else(|problem| {
            problems.push(problem);
            Scope::default()
        });
        match brings {
            Brings::Persons if parsed.worker.status.is_empty() => {
                let problem = "`worker.status` names no column: it says who is in force";
                problems.push(problem.to_owned());
            }
            Brings::Persons => {}
            Brings::Attributes => {
                problems.extend(parsed.worker.of_persons().iter().map(|key| {
                    format!(
                        "`worker.{key}` is for sources of persons; this one has `population = \
                         false`"
                    )
                }));
            }
        }
        // Whoever changes what a function or a rule means raises the number: everybody is mapped
        // anew then.
        let meaning = (1, &parsed);
        let hash = sha256(&serde_json::to_vec(&meaning).expect("a mapping is always JSON"));
        let key = parsed.worker.key.clone();
        let mut seen = BTreeSet::new();
        let mut attributes = Vec::new();
        // As many as there are attributes, in their order.
        let mut lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.trim().starts_with("[[attribute]]"))
            .map(|(at, _)| at + 1);
        for attribute in parsed.attribute {
            let line = lines.next();
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            if !seen.insert(attribute.target.clone()) {
                let target = &attribute.target;
                problems.push(format!("{place}attribute `{target}` is mapped twice"));
            }
            match rule(attribute, &key, parsed.default_domain.is_some()) {
                Ok(rule) => {
                    if brings == Brings::Attributes
                        && let Err(problem) = rule.of_attributes()
                    {
                        problems.push(format!("{place}{problem}"));
                    }
                    attributes.push(rule);
                }
                Err(problem) => problems.push(format!("{place}{problem}")),
            }
        }
        let needed = match brings {
            Brings::Persons => &NEVER_EMPTY[..],
            Brings::Attributes => &[],
        };
        for target in needed {
            if !seen.contains(*target) {
                problems.push(format!(
                    "no attribute `{target}`: accounts cannot be made without"
                ));
            }
        }
        if problems.is_empty() {
            Ok(Self {
                worker: parsed.worker,
                attributes,
                default_domain: parsed.default_domain,
                date_diff: parsed.date_diff.into(),
                empty_cells: parsed.empty_cells,
                reserved_names: parsed.reserved_names.iter().map(|n| name_key(n)).collect(),
                scope,
                also: Vec::new(),
                hash,
            })
        } else {
            Err(refuse(problems))
        }
    }

    /// How the account of somebody new is found.
    pub fn matching(&self) -> Matching {
        if self.attributes.iter().any(|rule| rule.matches) {
            Matching::KeyThenName
        } else {
            Matching::Key
        }
    }

    /// The header name of the key column.
    pub fn key_column(&self) -> &str {
        &self.worker.key
    }

    /// Names of what only rules read.
    pub fn facts(&self) -> impl Iterator<Item = &str> {
        self.worker.facts.keys().map(String::as_str)
    }

    /// Header names of the only columns that are ever read.
    pub fn columns(&self) -> BTreeSet<String> {
        let worker = &self.worker;
        let status = Some(&worker.status).filter(|it| !it.is_empty());
        let mut out: BTreeSet<String> = std::iter::once(&worker.key)
            .chain(status)
            .chain(&worker.manager)
            .chain(&worker.person)
            .chain(worker.dates().map(|d| &d.column))
            .chain(worker.words())
            .cloned()
            .collect();
        if let Some(ZoneRule::Column(column)) = &worker.time_zone {
            out.insert(column.clone());
        }
        out.extend(self.scope.columns().cloned());
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

    /// The properties that are written, in the order of the file; behind them those that other
    /// sources write.
    pub fn targets(&self) -> Vec<&str> {
        let also = self.also.iter().map(String::as_str);
        self.own_targets().chain(also).collect()
    }

    /// The properties that this file writes, in its order.
    pub fn own_targets(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|a| a.target.as_str())
    }

    /// Properties that other sources write for the same workers: rules may ask for them.
    #[must_use]
    pub fn beside<'a>(mut self, others: impl IntoIterator<Item = &'a str>) -> Self {
        let others = others.into_iter();
        let new: Vec<String> = others
            .filter(|name| !self.own_targets().any(|own| own == *name))
            .map(str::to_owned)
            .collect();
        self.also = new;
        self
    }

    /// The column that says whose employment a row is.
    pub fn person_column(&self) -> Option<&str> {
        self.worker.person.as_deref()
    }

    /// Whether a property is written on every change, not on creation only; `None` where it is not
    /// written at all.
    pub fn writes_always(&self, target: &str) -> Option<bool> {
        let rule = self.attributes.iter().find(|it| it.target == target)?;
        Some(rule.apply == Apply::Always)
    }

    /// What separates this file's workers from another's in the eyes of policy and rules: facts and
    /// properties that only one of the two has, and properties that one writes on creation only.
    /// Those that `owned` holds for are left out.
    pub fn differs(&self, other: &Self, owned: impl Fn(&str) -> bool) -> Vec<String> {
        let mut out = Vec::new();
        for (one, two, which) in [(self, other, "first"), (other, self, "second")] {
            for fact in one.facts().filter(|it| !two.facts().any(|its| its == *it)) {
                out.push(format!("`worker.facts.{fact}` is in the {which} only"));
            }
            for target in one.own_targets().filter(|it| !owned(it)) {
                match (one.writes_always(target), two.writes_always(target)) {
                    (_, None) => out.push(format!("`{target}` is in the {which} only")),
                    (Some(true), Some(false)) => {
                        out.push(format!("`{target}` is kept in step by the {which} only"));
                    }
                    _ => {}
                }
            }
        }
        if self.matching() != other.matching() {
            out.push("`match` is in one of them only".to_owned());
        }
        out
    }

    /// SHA-256 of the mapping's meaning: comments do not count.
    pub fn hash(&self) -> String {
        self.hash.clone()
    }
}

impl AttributeRule {
    /// Whether a source that brings attributes only may have it.
    fn of_attributes(&self) -> Result<(), String> {
        let target = &self.target;
        if NEVER_EMPTY.contains(&target.as_str()) {
            return Err(format!(
                "attribute `{target}` comes with the account, from the source of the employment that \
                 counts"
            ));
        }
        if self.apply == Apply::Create || self.default.is_some() || self.required {
            return Err(format!(
                "attribute `{target}`: `apply = \"create\"`, `default` and `required` are for \
                 sources of persons; this one has `population = false`"
            ));
        }
        Ok(())
    }
}

pub(super) fn rule(
    file: AttributeFile,
    key: &str,
    has_domain: bool,
) -> Result<AttributeRule, String> {
    let target = file.target;
    let Some(kind) = properties::kind(&target) else {
        if let Some(why) = properties::not_written(&target) {
            return Err(format!("attribute `{target}` is not written: {why}"));
        }
        let near = properties::nearest(&target)
            .map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
        return Err(format!(
            "attribute `{target}` is no property of a user that Rollcall knows{near}"
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
            if compiled.redacts() {
                return Err(format!(
                    "attribute `{target}`: leave `Redact` out: no log holds a value here"
                ));
            }
            if compiled.asks_domain() && !has_domain {
                return Err(format!(
                    "attribute `{target}`: `DefaultDomain` needs `default_domain` at the top of this \
                     file"
                ));
            }
            let created = kind == properties::Kind::SignInName && file.apply == Apply::Create;
            if compiled.selects() && !created {
                return Err(format!(
                    "attribute `{target}`: `SelectUniqueValue` is for `userPrincipalName` with \
                     `apply = \"create\"`"
                ));
            }
            if compiled.asks_chance() && file.apply == Apply::Always {
                return Err(format!(
                    "attribute `{target}`: what `Guid` and `RandomString` make is for \
                     `apply = \"create\"`"
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
    if let From::Source(column) = &from {
        if column.is_empty() {
            return Err(format!("attribute `{target}`: `source` names no column"));
        }
        let bare = column.strip_prefix('[').and_then(|c| c.strip_suffix(']'));
        if let Some(bare) = bare {
            return Err(format!(
                "attribute `{target}`: a column stands without brackets here: `source = \"{bare}\"`"
            ));
        }
    }
    if file.required && file.default.is_some() {
        return Err(format!(
            "attribute `{target}`: `required` holds a row without a value, `default` writes one: \
             take one of them"
        ));
    }
    if target == "employeeId" && !matches!(&from, From::Source(source) if source == key) {
        return Err(format!(
            "attribute `employeeId` is the matching key: it must be `source = \"{key}\"`, as \
             `worker.key` says"
        ));
    }
    if file.numbers.is_some_and(|most| !(2..=999).contains(&most)) {
        return Err(format!(
            "attribute `{target}`: `numbers` goes from 2 to 999 at most"
        ));
    }
    if file.numbers.is_some()
        && (kind != properties::Kind::SignInName || file.apply != Apply::Create)
    {
        return Err(format!(
            "attribute `{target}`: `numbers` is for `userPrincipalName` with `apply = \"create\"`"
        ));
    }
    let selects = matches!(&from, From::Expression(compiled) if compiled.selects());
    let matches = match (file.precedence, target.as_str()) {
        (None, _) | (Some(1), "employeeId") => false,
        (Some(2..), "userPrincipalName") if !selects => true,
        (Some(_), "userPrincipalName") if selects => {
            return Err(format!(
                "attribute `{target}`: `SelectUniqueValue` is not for an attribute that matches"
            ));
        }
        (Some(_), "userPrincipalName" | "employeeId") => {
            return Err(format!(
                "attribute `{target}`: accounts are found by employeeId first (`match = 1`), then \
                 by userPrincipalName where that says `match = 2`"
            ));
        }
        (Some(_), _) => {
            return Err(format!(
                "attribute `{target}` cannot match: only employeeId and userPrincipalName tell one \
                 account from all others"
            ));
        }
    };
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
    let kept = NEVER_EMPTY.contains(&target.as_str()) || target == "usageLocation";
    if file.clear_when_empty && kept {
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
        numbers: file.numbers.unwrap_or(1),
        matches,
        kind,
    })
}

/// Labels of letters, digits and inner hyphens, at least two.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = label.trim_matches('-');
        inner == label
            && !label.is_empty()
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.contains('.') && text.split('.').all(label)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::mapping) fn with(attributes: &str) -> Result<Mapping, MappingFileError> {
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
        assert!(error.problems[2].starts_with("line 25: "), "{error}");
    }

    /// What contradicts itself, or cannot be meant.
    #[test]
    fn contradictions_are_refused() {
        for (attributes, why) in [
            (
                "[[attribute]]\ntarget = \"city\"\nsource = \"\"\n",
                "names no column",
            ),
            (
                "[[attribute]]\ntarget = \"city\"\nsource = \"[City]\"\n",
                "`source = \"City\"`",
            ),
            (
                "[[attribute]]\ntarget = \"city\"\nsource = \"C\"\nrequired = true\ndefault = \"x\"\n",
                "take one of them",
            ),
            (
                "[[attribute]]\ntarget = \"city\"\nsource = \"C\"\nmatch = 2\n",
                "cannot match",
            ),
            (
                "[[attribute]]\ntarget = \"employeeHireDate\"\nsource = \"C\"\nmatch = 1\n",
                "cannot match",
            ),
        ] {
            let error = with(attributes).unwrap_err().to_string();
            assert!(error.contains(why), "{attributes}: {error}");
        }
        for (domain, good) in [
            ("woodgrove.example", true),
            ("not a domain!!", false),
            ("example", false),
            ("-..-", false),
        ] {
            assert_eq!(is_domain(domain), good, "{domain}");
        }
    }

    #[test]
    fn a_source_of_attributes_has_no_accounts() {
        let head = "format_version = 1\n[worker]\nkey = \"ID\"\n";
        let phone = "[[attribute]]\ntarget = \"mobilePhone\"\nsource = \"Phone\"\n";
        let text = format!("{head}{phone}");
        let mapping = Mapping::parse_attributes(&text, "m").unwrap();
        assert_eq!(mapping.targets(), ["mobilePhone"]);
        assert_eq!(mapping.columns().len(), 2);
        let error = Mapping::parse(&text, "m").unwrap_err();
        assert!(error.to_string().contains("`worker.status`"), "{error}");
        for (more, why) in [
            ("status = \"S\"\n", "`worker.status` is for"),
            ("facts = { site = \"Site\" }\n", "`worker.facts` is for"),
        ] {
            let text = format!("{head}{more}{phone}");
            let error = Mapping::parse_attributes(&text, "m").unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        for (attribute, why) in [
            (
                "target = \"displayName\"\nsource = \"N\"\n",
                "comes with the account",
            ),
            (
                "target = \"city\"\nsource = \"N\"\napply = \"create\"\n",
                "`apply",
            ),
            (
                "target = \"city\"\nsource = \"N\"\ndefault = \"x\"\n",
                "`default`",
            ),
        ] {
            let text = format!("{head}[[attribute]]\n{attribute}");
            let error = Mapping::parse_attributes(&text, "m").unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert!(error.to_string().contains("line 4"), "{error}");
        }
    }

    /// Two mappings whose workers one policy can treat alike.
    #[test]
    fn what_two_mappings_write_is_compared() {
        let city = "[[attribute]]\ntarget = \"city\"\nsource = \"C\"\n";
        let (with_city, without) = (with(city).unwrap(), with("").unwrap());
        let nobody = |_: &str| false;
        assert_eq!(with_city.differs(&with_city, nobody), Vec::<String>::new());
        let said = with_city.differs(&without, nobody);
        assert_eq!(said, ["`city` is in the first only"]);
        assert_eq!(
            without.differs(&with_city, nobody),
            ["`city` is in the second only"]
        );
        assert_eq!(
            with_city.differs(&without, |it| it == "city"),
            Vec::<String>::new()
        );
        let created = with(&city.replace("\"C\"", "\"C\"\napply = \"create\"")).unwrap();
        let said = with_city.differs(&created, nobody);
        assert_eq!(said, ["`city` is kept in step by the first only"]);
        let beside = without.beside(["city", "displayName"]);
        assert_eq!(beside.targets().last(), Some(&"city"));
        assert_eq!(
            beside
                .targets()
                .iter()
                .filter(|it| **it == "displayName")
                .count(),
            1
        );
    }

    #[test]
    fn an_unknown_key_names_its_line() {
        let error = with("[[attribute]]\ntarget = \"city\"\nsorce = \"C\"\n").unwrap_err();
        assert!(error.to_string().contains("line 20"), "{error}");
        assert!(error.to_string().contains("source"), "{error}");
    }
}
