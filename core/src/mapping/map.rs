//! One row through a mapping.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::expression::{
    ErrorKind, EvalContext, Evaluated, Expression, ExpressionError, Input, Lookup, Step,
};
use super::file::{
    Apply, AttributeRule, DateFormat, DateRule, EmptyCells, EnteredRule, From, Mapping, ValueRule,
    ZoneRule,
};
use super::properties::Kind;
use crate::digest::EvidenceKey;
use crate::model::{
    AccountName, Attributes, Finding, FindingKind, Place, Severity, Value, WorkerId, text_shape,
};
use crate::policy::name_key;
use crate::state::{Identity, Leave, LeaveKind, Terms};

/// A mapping with its columns found in one header: what a million rows go through.
#[derive(Debug, Clone)]
pub struct Bound {
    mapping: Mapping,
    key: usize,
    status: Option<usize>,
    person: Option<usize>,
    manager: Option<usize>,
    hire: Option<usize>,
    last_day: Option<usize>,
    zone: Option<usize>,
    terms: TermColumns,
    /// By name, the columns that only rules read.
    facts: Vec<(String, usize)>,
    /// Columns that each attribute reads, in the order of its slots.
    slots: Vec<Vec<usize>>,
    names: Vec<String>,
}

/// Where the terms of an employment stand.
#[derive(Debug, Clone, Default)]
struct TermColumns {
    termination: Option<usize>,
    effective: Option<usize>,
    entered: Option<usize>,
    for_cause: Option<usize>,
    secondary: Option<usize>,
    leave: Option<usize>,
    leave_from: Option<usize>,
    leave_to: Option<usize>,
}

/// What the mapping made of one row.
#[derive(Debug, Clone)]
pub struct Mapped {
    /// The wanted account. Its attributes are only to be used where no finding holds the row.
    pub identity: Identity,
    /// What is odd.
    pub findings: Vec<Finding>,
}

impl Mapping {
    /// Finds the columns in a header.
    ///
    /// # Errors
    /// The names that the header does not have.
    pub fn bind(&self, header: &[String]) -> Result<Bound, Vec<String>> {
        let mut missing = Vec::new();
        let mut find = |name: &String| {
            header.iter().position(|h| h == name).unwrap_or_else(|| {
                missing.push(name.clone());
                0
            })
        };
        let worker = &self.worker;
        let bound = Bound {
            key: find(&worker.key),
            status: (!worker.status.is_empty()).then(|| find(&worker.status)),
            person: worker.person.as_ref().map(&mut find),
            manager: worker.manager.as_ref().map(&mut find),
            hire: worker.hire_date.as_ref().map(|d| find(&d.column)),
            last_day: worker.last_day.as_ref().map(|d| find(&d.column)),
            zone: match &worker.time_zone {
                Some(ZoneRule::Column(column)) => Some(find(column)),
                Some(ZoneRule::Constant(_)) | None => None,
            },
            terms: TermColumns {
                termination: worker.termination_date.as_ref().map(|d| find(&d.column)),
                effective: worker.effective_date.as_ref().map(|d| find(&d.column)),
                entered: worker.entered.as_ref().map(|rule| find(&rule.column)),
                for_cause: worker.for_cause.as_ref().map(|rule| find(&rule.column)),
                secondary: worker.secondary.as_ref().map(|rule| find(&rule.column)),
                leave: worker.leave.as_ref().map(|rule| find(&rule.column)),
                leave_from: worker.leave.as_ref().map(|rule| find(&rule.from.column)),
                leave_to: worker
                    .leave
                    .as_ref()
                    .and_then(|rule| rule.to.as_ref())
                    .map(|d| find(&d.column)),
            },
            facts: worker
                .facts
                .iter()
                .map(|(name, column)| (name.clone(), find(column)))
                .collect(),
            slots: self
                .attributes
                .iter()
                .map(|attribute| match &attribute.from {
                    From::Source(column) => vec![find(column)],
                    From::Constant(_) => Vec::new(),
                    From::Expression(e) => e.attributes().iter().map(&mut find).collect(),
                })
                .collect(),
            names: header.to_vec(),
            mapping: self.clone(),
        };
        for column in self.scope.columns() {
            let _place = find(column);
        }
        if missing.is_empty() {
            Ok(bound)
        } else {
            Err(missing)
        }
    }
}

impl Bound {
    /// The place of the key column.
    pub fn key(&self) -> usize {
        self.key
    }

    /// Whether a key has the declared pattern. One that has not is nobody's key: a spreadsheet
    /// that drops leading zeros makes another worker's of it.
    pub fn is_key(&self, key: &str) -> bool {
        let pattern = self.mapping.worker.key_pattern.as_ref();
        pattern.is_none_or(|pattern| fits(pattern, key))
    }

    /// Whether the mapping is for a row; or the column that nobody can tell it by.
    fn in_scope<'a>(&self, value: &dyn Fn(usize) -> &'a str) -> Result<bool, &str> {
        let scope = &self.mapping.scope;
        if scope.is_everybody() {
            return Ok(true);
        }
        scope.holds(|column| {
            let at = self.names.iter().position(|name| name == column);
            at.map_or("", value)
        })
    }

    /// The place of the status column; `None` of a source that brings attributes only.
    pub fn status(&self) -> Option<usize> {
        self.status
    }

    /// The place of the column that says whose employment a row is.
    pub fn person(&self) -> Option<usize> {
        self.person
    }

    /// The place of the manager column.
    pub fn manager(&self) -> Option<usize> {
        self.manager
    }

    /// Maps one row. `value` gives the cleaned text of a column by its place in the header.
    pub fn map<'a>(&self, value: &dyn Fn(usize) -> &'a str, row: u32, given: &Given<'_>) -> Mapped {
        let mut findings = Vec::new();
        let mut hold = |kind, column: &str, note: String| {
            let at = Place::cell(row, column);
            findings.push(Finding::new(kind, Severity::Held, at, note));
        };
        let rules = &self.mapping.worker;
        let key = value(self.key);
        if !self.is_key(key) {
            let note = format!("{} does not fit the declared pattern", text_shape(key));
            hold(FindingKind::KeyFormatMismatch, &rules.key, note);
        }
        let mut date = |rule: &Option<DateRule>, at: Option<usize>| {
            let (rule, at) = (rule.as_ref()?, at?);
            match parse_date(rule, value(at)) {
                Ok(date) => date,
                Err((kind, note)) => {
                    hold(kind, &rule.column, note);
                    None
                }
            }
        };
        let hire = date(&rules.hire_date, self.hire);
        let last_day = date(&rules.last_day, self.last_day);
        let says = |rule: &Option<ValueRule>, at: Option<usize>| {
            let said = rule.as_ref().zip(at);
            said.is_some_and(|(rule, at)| rule.values.iter().any(|it| it == value(at)))
        };
        let at = &self.terms;
        let leave = rules.leave.as_ref().and_then(|rule| {
            let word = at.leave.map(value).unwrap_or_default();
            let among = |words: &[String]| words.iter().any(|it| it == word);
            let kind = if among(&rule.unpaid) {
                LeaveKind::Unpaid
            } else if among(&rule.garden) {
                LeaveKind::Garden
            } else {
                return None;
            };
            let from = date(&Some(rule.from.clone()), at.leave_from)?;
            let to = date(&rule.to, at.leave_to);
            Some(Leave { kind, from, to })
        });
        let entered = rules.entered.as_ref().zip(at.entered);
        let entered = entered.map(|(rule, at)| (rule, parse_entered(rule, value(at))));
        let terms = Terms {
            termination: date(&rules.termination_date, at.termination),
            for_cause: says(&rules.for_cause, at.for_cause),
            leave,
            secondary: says(&rules.secondary, at.secondary),
            effective: date(&rules.effective_date, at.effective),
            entered: entered
                .as_ref()
                .and_then(|(_, read)| read.clone().ok().flatten()),
            over_since: None,
            sudden_since: None,
            no_news: false,
            beside: false,
            unread: false,
            missed: false,
        };
        let facts = self.facts.iter();
        let facts = facts.map(|(name, at)| (name.clone(), Value::text(value(*at))));
        let zone = match &rules.time_zone {
            Some(ZoneRule::Constant(zone)) => Some(zone.clone()),
            Some(ZoneRule::Column(_)) => self
                .zone
                .map(value)
                .filter(|z| !z.is_empty())
                .map(str::to_owned),
            None => None,
        };
        let in_scope = self.in_scope(value);
        let mut identity = Identity {
            worker: WorkerId::new(key),
            source: None,
            status: self.status.map(value).unwrap_or_default().to_owned(),
            manager: self
                .manager
                .map(value)
                .filter(|m| !m.is_empty())
                .map(WorkerId::new),
            hire,
            last_day,
            terms: Box::new(terms),
            zone,
            facts: facts.collect(),
            always: Attributes::new(),
            on_create: Attributes::new(),
            other_names: Vec::new(),
            out_of_scope: in_scope == Ok(false),
        };
        // Where key and dates are beyond doubt, that is enough to cut somebody off, whatever is odd about
        // attributes.
        identity.terms.unread = !findings.is_empty();
        if let Some((rule, Err((kind, note)))) = entered {
            let at = Place::cell(row, &rule.column);
            findings.push(Finding::new(kind, Severity::Warning, at, note));
        }
        if identity.out_of_scope {
            return Mapped { identity, findings };
        }
        let mut hold = |kind, column: &str, note: String| {
            let at = Place::cell(row, column);
            findings.push(Finding::new(kind, Severity::Held, at, note));
        };
        if let Err(column) = in_scope {
            let note = "limit: a pattern of `[[scope]]` takes too many steps for this value";
            hold(FindingKind::MappingError, column, note.to_owned());
        }
        for (rule, slots) in self.mapping.attributes.iter().zip(&self.slots) {
            let worker = identity.worker.as_str();
            let made = self.make(
                rule,
                slots,
                value,
                worker,
                given,
                &mut |e, cells, context| e.evaluate(cells, context),
            );
            match made {
                Made::Set { value, others } => {
                    let list = match rule.apply {
                        Apply::Create => &mut identity.on_create,
                        Apply::Always => &mut identity.always,
                    };
                    list.insert(rule.target.clone(), value);
                    if !others.is_empty() {
                        identity.other_names = others;
                    }
                }
                Made::Default { value } => {
                    identity.on_create.insert(rule.target.clone(), value);
                }
                Made::Cleared => {
                    let nothing = match rule.kind {
                        Kind::OneOfList => Value::List(Vec::new()),
                        Kind::Text(_)
                        | Kind::OneOf(_)
                        | Kind::Instant
                        | Kind::Country
                        | Kind::SignInName
                        | Kind::Alias => Value::Null,
                    };
                    identity.always.insert(rule.target.clone(), nothing);
                }
                Made::Left { .. } => {}
                Made::Refused { kind, note } => hold(kind, self.column(rule, slots), note),
            }
        }
        Mapped { identity, findings }
    }

    /// The column that is blamed for an attribute: the first that it reads.
    fn column<'s>(&'s self, rule: &'s AttributeRule, slots: &[usize]) -> &'s str {
        slots
            .first()
            .map_or(rule.target.as_str(), |at| self.names[*at].as_str())
    }

    /// What becomes of one attribute. Its expression is evaluated by `evaluate`.
    fn make<'a>(
        &self,
        rule: &AttributeRule,
        slots: &[usize],
        value: &dyn Fn(usize) -> &'a str,
        worker: &str,
        given: &Given<'_>,
        evaluate: &mut Evaluate<'_>,
    ) -> Made {
        let mut others = Vec::new();
        let text: Option<Cow<'_, str>> = match &rule.from {
            From::Source(_) => slots.first().map(|at| Cow::Borrowed(value(*at))),
            From::Constant(text) => Some(Cow::Borrowed(text)),
            From::Expression(expression) => {
                let seed = expression
                    .asks_chance()
                    .then(|| given.key.chance(worker, &rule.target));
                let context = EvalContext {
                    default_domain: self.mapping.default_domain.as_deref(),
                    seed: seed.as_ref().map(<[u8; 32]>::as_slice),
                    date_diff: self.mapping.date_diff,
                    ..EvalContext::at(given.now)
                };
                let cells = Cells {
                    empty: self.mapping.empty_cells,
                    slots,
                    value,
                };
                match evaluate(expression, &cells, &context) {
                    Ok(Evaluated::IgnoreAttribute | Evaluated::IgnoreObject) if rule.required => {
                        return without_value(rule);
                    }
                    Ok(Evaluated::IgnoreAttribute | Evaluated::IgnoreObject) => {
                        return Made::Left { by_rule: true };
                    }
                    // Nothing came of any rule, and why is more than that nothing did.
                    Ok(Evaluated::Candidates(candidates)) if candidates.values.is_empty() => {
                        return match candidates.choose(|_| false) {
                            Err(error) if error.kind != ErrorKind::NotUnique => Made::Refused {
                                kind: FindingKind::MappingError,
                                note: format!("attribute `{}`: {error}", rule.target),
                            },
                            Ok(_) | Err(_) => without_value(rule),
                        };
                    }
                    Ok(Evaluated::Candidates(candidates)) => {
                        others = candidates.values.into_iter().filter_map(as_text).collect();
                        (!others.is_empty()).then(|| Cow::Owned(others.remove(0)))
                    }
                    Ok(Evaluated::Value(Value::List(items))) if items.len() > 1 => {
                        return Made::Refused {
                            kind: FindingKind::ValueRefused,
                            note: format!(
                                "attribute `{}`: {} values; it takes one",
                                rule.target,
                                items.len()
                            ),
                        };
                    }
                    Ok(Evaluated::Value(value)) => as_text(value).map(Cow::Owned),
                    Err(error) => {
                        return Made::Refused {
                            kind: FindingKind::MappingError,
                            note: format!("attribute `{}`: {error}", rule.target),
                        };
                    }
                }
            }
        };
        let Some(text) = text.filter(|t| !t.is_empty()) else {
            return without_value(rule);
        };
        let refused = |problem: &dyn std::fmt::Display| Made::Refused {
            kind: FindingKind::ValueRefused,
            note: format!("attribute `{}`: {problem}", rule.target),
        };
        if rule.kind != Kind::SignInName {
            return match rule.kind.problem(&text) {
                Some(problem) => refused(&problem),
                None => Made::Set {
                    value: typed(rule.kind, text.into_owned()),
                    others: Vec::new(),
                },
            };
        }
        let Some((name, others)) = self.free_names(rule, &text, others) else {
            return refused(
                &"every name that is possible is among `reserved_names`, or cannot be a sign-in \
                  name",
            );
        };
        match rule.kind.problem(&name) {
            Some(problem) => refused(&problem),
            None => Made::Set {
                value: typed(rule.kind, name),
                others: others.into_iter().map(AccountName::new).collect(),
            },
        }
    }

    /// The best name that is not reserved, and those that may be taken instead. A value that
    /// stands alone is not judged here: what is wrong with it is said by name.
    fn free_names(
        &self,
        rule: &AttributeRule,
        first: &str,
        others: Vec<String>,
    ) -> Option<(String, Vec<String>)> {
        let reserved = |name: &str| {
            let name = name_key(name);
            let local = name.split('@').next().unwrap_or_default();
            let reserved = &self.mapping.reserved_names;
            reserved.contains(local) || reserved.contains(&name)
        };
        let numbered = (2..=rule.numbers).filter_map(|number| {
            let (local, domain) = first.split_once('@')?;
            Some(format!("{local}{number}@{domain}"))
        });
        let mut rest: Vec<String> = others.into_iter().chain(numbered).collect();
        if rest.is_empty() && !reserved(first) {
            return Some((first.to_owned(), rest));
        }
        rest.insert(0, first.to_owned());
        rest.retain(|name| !reserved(name) && rule.kind.problem(name).is_none());
        (!rest.is_empty()).then(|| (rest.remove(0), rest))
    }

    /// The facts of a worker that policy reads, each with its column and what stands there.
    pub fn facts<'a>(&self, value: &dyn Fn(usize) -> &'a str) -> Vec<Fact> {
        [
            ("key", Some(self.key)),
            ("status", self.status),
            ("manager", self.manager),
            ("hire date", self.hire),
            ("last day", self.last_day),
            ("time zone", self.zone),
            ("entered", self.terms.entered),
        ]
        .into_iter()
        .filter_map(|(name, at)| {
            let at = at?;
            Some(Fact {
                name,
                column: self.names[at].clone(),
                cell: value(at).to_owned(),
            })
        })
        .collect()
    }

    /// How each attribute of a row comes about, in the order of the file. What [`Bound::map`] does
    /// with the same row and the same `given`, with every value shown: for people who may see them.
    pub fn explain<'a>(
        &self,
        value: &dyn Fn(usize) -> &'a str,
        given: &Given<'_>,
    ) -> Vec<ExplainedAttribute> {
        let worker = value(self.key);
        let rules = self.mapping.attributes.iter().zip(&self.slots);
        rules
            .map(|(rule, slots)| {
                let mut steps = Vec::new();
                let made = self.make(
                    rule,
                    slots,
                    value,
                    worker,
                    given,
                    &mut |e, cells, context| {
                        let (came, how) = e.explain(cells, context);
                        steps = how;
                        came
                    },
                );
                ExplainedAttribute {
                    target: rule.target.clone(),
                    apply: rule.apply,
                    from: match &rule.from {
                        From::Source(column) => Origin::Column(column.clone()),
                        From::Constant(text) => Origin::Constant(text.clone()),
                        From::Expression(e) => Origin::Expression(e.source().to_owned()),
                    },
                    cells: slots
                        .iter()
                        .map(|at| (self.names[*at].clone(), value(*at).to_owned()))
                        .collect(),
                    steps,
                    made,
                }
            })
            .collect()
    }
}

type Evaluate<'e> = dyn FnMut(&Expression, &dyn Lookup, &EvalContext<'_>) -> Result<Evaluated, ExpressionError>
    + 'e;

fn without_value(rule: &AttributeRule) -> Made {
    if let Some(default) = &rule.default {
        return Made::Default {
            value: typed(rule.kind, default.clone()),
        };
    }
    if rule.required {
        return Made::Refused {
            kind: FindingKind::RequiredMissing,
            note: format!("no value for `{}`, which is required", rule.target),
        };
    }
    if rule.clear_when_empty && rule.apply == Apply::Always {
        Made::Cleared
    } else {
        Made::Left { by_rule: false }
    }
}

/// What becomes of one attribute of a row.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Made {
    /// There is a value.
    Set {
        /// As the directory takes it.
        value: Value,
        /// Sign-in names to take instead where this one is taken, best first.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        others: Vec<AccountName>,
    },
    /// There is none; when the account is made, this is written.
    Default {
        /// The declared default.
        value: Value,
    },
    /// There is none, and the directory's is taken away.
    Cleared,
    /// What the directory has is left as it is.
    Left {
        /// The expression says so; else there is no value.
        by_rule: bool,
    },
    /// The row is held for it.
    Refused {
        /// Of which kind.
        kind: FindingKind,
        /// Why, without the value.
        note: String,
    },
}

/// One fact of a worker as the row has it. Personal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is: `key`, `status`, `manager`, `hire date`, `last day` or `time zone`.
    pub name: &'static str,
    /// Header name of its column.
    pub column: String,
    /// What stands there.
    pub cell: String,
}

/// Where an attribute comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A column, as it is.
    Column(String),
    /// The mapping file itself.
    Constant(String),
    /// An expression, as written.
    Expression(String),
}

/// How one attribute of one row comes about. Personal: it holds values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainedAttribute {
    /// The property of the directory.
    pub target: String,
    /// When it is written.
    pub apply: Apply,
    /// Where it comes from.
    pub from: Origin,
    /// The columns that it reads, each with what stands there.
    pub cells: Vec<(String, String)>,
    /// How its expression was evaluated, innermost first.
    pub steps: Vec<Step>,
    /// What became of it.
    #[serde(flatten)]
    pub made: Made,
}

/// What is given to a mapping beside the row.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The plan's instant.
    pub now: Timestamp,
    /// What chance is made from.
    pub key: &'a EvidenceKey,
}

/// The cells of a row as an expression sees them.
struct Cells<'s, 'v, 'a> {
    empty: EmptyCells,
    slots: &'s [usize],
    value: &'v dyn Fn(usize) -> &'a str,
}

impl Lookup for Cells<'_, '_, '_> {
    fn get(&self, slot: usize) -> Input<'_> {
        self.slots
            .get(slot)
            .map_or(Input::Null, |at| match ((self.value)(*at), self.empty) {
                ("", EmptyCells::Null) => Input::Null,
                (text, EmptyCells::Null | EmptyCells::Text) => Input::Text(text),
            })
    }
}

/// As the directory takes it and gives it back.
fn typed(kind: Kind, text: String) -> Value {
    match kind {
        Kind::OneOfList => Value::List(vec![Value::Text(text)]),
        // An offset is the same instant, and comes back as UTC.
        Kind::Instant => {
            let instant = text.parse::<Timestamp>();
            Value::Text(instant.map_or(text, |instant| instant.to_string()))
        }
        Kind::Text(_) | Kind::OneOf(_) | Kind::Country | Kind::SignInName | Kind::Alias => {
            Value::Text(text)
        }
    }
}

fn as_text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::List(items) => items.into_iter().next().and_then(as_text),
    }
}

/// `#` one digit, `@` one letter, a final `*` anything, everything else itself.
fn fits(pattern: &str, key: &str) -> bool {
    let mut key = key.chars();
    for wanted in pattern.chars() {
        let fits = match wanted {
            '*' => return true,
            '#' => key.next().is_some_and(|c| c.is_ascii_digit()),
            '@' => key.next().is_some_and(char::is_alphabetic),
            other => key.next() == Some(other),
        };
        if !fits {
            return false;
        }
    }
    key.next().is_none()
}

type Doubt = (FindingKind, String);

fn parse_date(rule: &DateRule, text: &str) -> Result<Option<Date>, Doubt> {
    if text.is_empty() || rule.open.iter().any(|o| o == text) {
        return Ok(None);
    }
    let form = |why: &str| {
        (
            FindingKind::DateFormat,
            format!("{}: {why}", text_shape(text)),
        )
    };
    let expected = match rule.format {
        DateFormat::Iso => "a date like 2026-03-16 is declared for this column",
        DateFormat::DayFirst => "a date like 16/03/2026 is declared for this column",
        DateFormat::MonthFirst => "a date like 03/16/2026 is declared for this column",
        DateFormat::Compact => "a date like 20260316 is declared for this column",
    };
    let (year, month, day) = split_date(rule.format, text).ok_or_else(|| form(expected))?;
    let invalid = |why: &str| {
        (
            FindingKind::DateInvalid,
            format!("{}: {why}", text_shape(text)),
        )
    };
    let date = Date::new(year, month, day).map_err(|_| invalid("no such day in the calendar"))?;
    if YEARS.contains(&date.year()) {
        Ok(Some(date))
    } else {
        Err(invalid(
            "too far away to be meant; a value that stands for no date belongs in `open` of this \
             date",
        ))
    }
}

/// When HR entered something. Of a day alone, its first instant: nobody is said to be later than is
/// certain.
fn parse_entered(rule: &EnteredRule, text: &str) -> Result<Option<Timestamp>, Doubt> {
    if text.is_empty() {
        return Ok(None);
    }
    let zone = jiff::tz::db().get(rule.zone.as_deref().unwrap_or("UTC"));
    let zone = zone.unwrap_or(TimeZone::UTC);
    if rule.format == DateFormat::Iso
        && let Ok(at) = text.parse::<Timestamp>()
    {
        return Ok(Some(at));
    }
    let time = match rule.format {
        DateFormat::Iso => text.parse::<DateTime>().ok(),
        DateFormat::DayFirst | DateFormat::MonthFirst | DateFormat::Compact => None,
    };
    let time = if let Some(time) = time.filter(|it| YEARS.contains(&it.year())) {
        time
    } else {
        let rule = DateRule {
            column: rule.column.clone(),
            format: rule.format,
            open: Vec::new(),
        };
        let Some(date) = parse_date(&rule, text)? else {
            return Ok(None);
        };
        date.to_datetime(Time::midnight())
    };
    let at = zone.to_ambiguous_timestamp(time).compatible();
    let far = || {
        (
            FindingKind::DateInvalid,
            format!("{}: no such time", text_shape(text)),
        )
    };
    at.map(Some).map_err(|_| far())
}

/// Years that a date of somebody's work can lie in. What lies outside stands for something else:
/// no end, not known.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;

/// What may stand behind an ISO day without moving it: nothing, a time, an offset.
fn iso_tail(rest: &str) -> bool {
    let digit = |at: usize| rest.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let pair = |at: usize| digit(at) && digit(at + 1) && rest.as_bytes().get(at + 2) == Some(&b':');
    match rest.chars().next() {
        None => true,
        Some('Z') => rest.len() == 1,
        Some('T' | ' ') => pair(1),
        Some('+' | '-') => pair(1) && digit(4) && digit(5) && rest.len() == 6,
        Some(_) => false,
    }
}

fn split_date(format: DateFormat, text: &str) -> Option<(i16, i8, i8)> {
    let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
    let number = |t: &str| t.parse::<i16>().ok();
    let small = |t: &str| t.parse::<i8>().ok();
    match format {
        DateFormat::Iso => {
            let (day, rest) = text.split_at_checked(10)?;
            if !iso_tail(rest) {
                return None;
            }
            let mut parts = day.split('-');
            let (y, m, d) = (parts.next()?, parts.next()?, parts.next()?);
            (digits(y, 4) && digits(m, 2) && digits(d, 2))
                .then(|| Some((number(y)?, small(m)?, small(d)?)))?
        }
        DateFormat::Compact => {
            if !digits(text, 8) {
                return None;
            }
            Some((number(&text[..4])?, small(&text[4..6])?, small(&text[6..])?))
        }
        DateFormat::DayFirst | DateFormat::MonthFirst => {
            // A time behind it does not move the day.
            let (text, time) = text.split_once(' ').unwrap_or((text, ""));
            let clock = |c: char| c.is_ascii_digit() || ": AMPampm".contains(c);
            if !time.chars().all(clock) || (!time.is_empty() && !time.contains(':')) {
                return None;
            }
            let separator = text.chars().find(|c| !c.is_ascii_digit())?;
            if !['/', '.', '-'].contains(&separator) {
                return None;
            }
            let parts: Vec<&str> = text.split(separator).collect();
            let [first, second, year] = parts[..] else {
                return None;
            };
            let short = |t: &str| digits(t, 1) || digits(t, 2);
            if !short(first) || !short(second) || !digits(year, 4) {
                return None;
            }
            let (day, month) = match format {
                DateFormat::MonthFirst => (second, first),
                DateFormat::DayFirst | DateFormat::Iso | DateFormat::Compact => (first, second),
            };
            Some((number(year)?, small(month)?, small(day)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(format: DateFormat, text: &str) -> Result<Option<String>, FindingKind> {
        let open = vec!["31/12/9999".to_owned(), "00000000".to_owned()];
        let rule = DateRule {
            column: "D".to_owned(),
            format,
            open,
        };
        parse_date(&rule, text)
            .map(|d| d.map(|d| d.to_string()))
            .map_err(|(kind, note)| {
                assert!(text.len() < 5 || !note.contains(text), "{note}");
                kind
            })
    }

    #[test]
    fn one_declared_form_a_column_anything_else_is_a_doubt() {
        use DateFormat::{Compact, DayFirst, Iso, MonthFirst};
        use FindingKind::{DateFormat as Form, DateInvalid};
        let day = |t: &str| Ok(Some(t.to_owned()));
        for (format, text, expected) in [
            (Iso, "2026-04-03", day("2026-04-03")),
            (Iso, "2026-04-03-07:00", day("2026-04-03")),
            (Iso, "2026-04-03T00:00:00Z", day("2026-04-03")),
            (Iso, "2026-04-03 foo", Err(Form)),
            (Iso, "2026-04-03-xx", Err(Form)),
            (Iso, "2026-04-03-04", Err(Form)),
            (Iso, "03/04/2026", Err(Form)),
            (Iso, "46115", Err(Form)),
            (Iso, "3-Apr-26", Err(Form)),
            (Iso, "2026-02-30", Err(DateInvalid)),
            (Iso, "", Ok(None)),
            (Iso, "00000000", Ok(None)),
            (DayFirst, "03/04/2026", day("2026-04-03")),
            (DayFirst, "31/12/9999", Ok(None)),
            (DayFirst, "3.4.2026", day("2026-04-03")),
            (DayFirst, "2026-04-03", Err(Form)),
            (MonthFirst, "03/04/2026", day("2026-03-04")),
            (MonthFirst, "13/04/2026", Err(DateInvalid)),
            (MonthFirst, "3/4/2026 12:00:00 AM", day("2026-03-04")),
            (DayFirst, "3/4/2026 foo", Err(Form)),
            (DayFirst, "3/4/2026 7", Err(Form)),
            (Compact, "20260403", day("2026-04-03")),
            (Compact, "2026043", Err(Form)),
            (Iso, "9999-12-31", Err(DateInvalid)),
            (Compact, "18991231", Err(DateInvalid)),
            (Compact, "21991231", day("2199-12-31")),
        ] {
            assert_eq!(date(format, text), expected, "{format:?} {text}");
        }
    }

    #[test]
    fn when_hr_entered_it() {
        use DateFormat::{DayFirst, Iso};
        let at = |text: &str| Ok(Some(text.parse::<Timestamp>().unwrap()));
        for (format, zone, text, expected) in [
            (Iso, None, "", Ok(None)),
            (
                Iso,
                None,
                "2026-04-03T10:00:00Z",
                at("2026-04-03T10:00:00Z"),
            ),
            // An offset says where, whatever the zone of the column.
            (
                Iso,
                Some("Europe/Berlin"),
                "2026-04-03T10:00:00-07:00",
                at("2026-04-03T17:00:00Z"),
            ),
            (
                Iso,
                Some("Europe/Berlin"),
                "2026-04-03 10:00:00",
                at("2026-04-03T08:00:00Z"),
            ),
            (Iso, None, "2026-04-03 10:00", at("2026-04-03T10:00:00Z")),
            // Of a day its first instant: in Cairo there is no midnight on that one.
            (
                Iso,
                Some("Africa/Cairo"),
                "2026-04-24",
                at("2026-04-23T22:00:00Z"),
            ),
            (
                DayFirst,
                Some("Asia/Tokyo"),
                "03/04/2026",
                at("2026-04-02T15:00:00Z"),
            ),
            (Iso, None, "yesterday", Err(FindingKind::DateFormat)),
            (Iso, None, "2026-02-30", Err(FindingKind::DateInvalid)),
            (
                Iso,
                None,
                "9999-12-31T00:00:00",
                Err(FindingKind::DateInvalid),
            ),
        ] {
            let rule = EnteredRule {
                column: "E".to_owned(),
                format,
                zone: zone.map(str::to_owned),
            };
            let read = parse_entered(&rule, text).map_err(|(kind, note)| {
                assert!(!note.contains(text), "{note}");
                kind
            });
            assert_eq!(read, expected, "{format:?} {zone:?} {text}");
        }
    }

    /// It says whose delay something is, and holds nothing where it cannot be read.
    #[test]
    fn an_unreadable_entry_holds_nothing() {
        let text = "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
                    entered = { column = \"E\" }\n[[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
                    [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
                    [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n\
                    [[attribute]]\ntarget = \"displayName\"\nconstant = \"A\"\n";
        let mapping = Mapping::parse(text, "mapping.toml").unwrap();
        assert!(mapping.columns().contains("E"));
        let header = ["K", "S", "E"].map(str::to_owned);
        let bound = mapping.bind(&header).unwrap();
        let key = EvidenceKey::new(*b"k");
        let given = Given {
            now: "2026-04-03T12:00:00Z".parse().unwrap(),
            key: &key,
        };
        let cells = ["1", "A", "soon"];
        let mapped = bound.map(&|at| cells[at], 2, &given);
        assert!(!mapped.identity.terms.unread);
        assert_eq!(mapped.identity.terms.entered, None);
        let found: Vec<_> = mapped.findings.iter().map(|it| it.severity).collect();
        assert_eq!(found, [Severity::Warning]);
        let wrong = text.replace(
            "{ column = \"E\" }",
            "{ column = \"E\", zone = \"Berlin\" }",
        );
        let error = Mapping::parse(&wrong, "mapping.toml")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`worker.entered`: `Berlin` is no IANA time zone"),
            "{error}"
        );
    }

    /// What becomes of an attribute of one row, by the mapping's lines for it.
    #[test]
    fn what_becomes_of_an_attribute() {
        let made = |lines: &str, cell: &str| {
            let text = format!(
                "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
                 [[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
                 [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
                 [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n{lines}"
            );
            let mapping = Mapping::parse(&text, "mapping.toml").unwrap();
            let header: Vec<String> = ["K", "S", "C"].map(str::to_owned).into();
            let bound = mapping.bind(&header).unwrap();
            let row = ["1", "A", cell];
            let key = EvidenceKey::new(*b"key");
            let given = Given {
                now: Timestamp::UNIX_EPOCH,
                key: &key,
            };
            let mut list = bound.explain(&|at| row[at], &given);
            let last = list.pop().unwrap();
            assert_eq!(list.len(), 3);
            last.made
        };
        let name = "[[attribute]]\ntarget = \"displayName\"\n";
        let missing = |made: &Made| {
            matches!(
                made,
                Made::Refused {
                    kind: FindingKind::RequiredMissing,
                    ..
                }
            )
        };
        // Nobody gets an account without a name, whatever the expression says about it.
        let ignores = format!("{name}expression = \"IgnoreFlowIfNullOrEmpty([C])\"\n");
        assert!(missing(&made(&ignores, "")));
        assert!(missing(&made(&format!("{name}source = \"C\"\n"), "")));
        let default = format!("{name}source = \"C\"\ndefault = \"Unknown\"\n");
        let unknown = Value::text("Unknown");
        assert_eq!(made(&default, ""), Made::Default { value: unknown });
        let set = |text: &str| Made::Set {
            value: Value::text(text),
            others: Vec::new(),
        };
        assert_eq!(made(&default, "Ana"), set("Ana"));
        // An empty cell is no value, or where a tenant takes it so the empty text.
        let other = format!("{name}expression = 'Coalesce([C], \"none\")'\n");
        assert_eq!(made(&other, ""), set("none"));
        assert_eq!(made(&other, "Ana"), set("Ana"));
        // An instant is the same one wherever it was written, and comes back as UTC.
        assert_eq!(
            typed(Kind::Instant, "2021-06-30T00:00:00+02:00".to_owned()),
            Value::text("2021-06-29T22:00:00Z")
        );
        for spelled in ["2021-06-30T00:00:00Z", "2021-06-30T00:00:00.000Z"] {
            assert_eq!(
                typed(Kind::Instant, spelled.to_owned()),
                Value::text("2021-06-30T00:00:00Z")
            );
        }
    }

    #[test]
    fn a_key_pattern_is_exact() {
        for (pattern, key, expected) in [
            ("#####", "00101", true),
            ("#####", "101", false),
            ("#####", "001015", false),
            ("@@-###", "DE-101", true),
            ("EMP*", "EMP7", true),
            ("EMP*", "XMP7", false),
        ] {
            assert_eq!(fits(pattern, key), expected, "{pattern} {key}");
        }
    }
}
