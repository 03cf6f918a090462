//! From one worker's tree to the values of a row.
//!
//! Invariant: what a source did not say is never an empty value: a part that is missing although every
//! worker has it, and a value that is not what it should be, hold the row (P4).

use std::borrow::Cow;

use jiff::civil::Date;
use rollcall_core::model::{Finding, FindingKind, Place, Severity, text_shape};
use rollcall_source::clean;
use serde_json::json;

use crate::attributes::Derived;
use crate::plan::{Column, Kind, Plan, Read};
use crate::state::{self, Event, State, Status};
use crate::xml::View;
use crate::xpath::XPath;

/// What is known of a worker before its values are read.
pub(crate) struct Person<'t> {
    pub(crate) wid: Cow<'t, str>,
    /// What HR calls them.
    pub(crate) id: Option<Cow<'t, str>>,
    pub(crate) is_contingent: bool,
    /// `Worker_Data` is there.
    pub(crate) has_data: bool,
    pub(crate) status: Option<Status>,
    /// Which sections came, as bits in the order of the plan.
    pub(crate) came: u64,
    /// Fields of the status that could not be read.
    odd: Vec<(&'static str, String)>,
}

/// A manager as the chain says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manager {
    /// Nobody.
    Nobody,
    /// The worker themself, and nobody above.
    Self_,
    /// Somebody with this worker id.
    Id(String),
    /// Somebody whose worker id is not said.
    Unknown,
}

/// The ten characters of a day, if a text begins with one and only an offset or a time follows.
pub(crate) fn day(text: &str) -> Option<Date> {
    let (date, rest) = text.split_at_checked(10)?;
    let fits = rest.is_empty() || rest.starts_with(['Z', '+', '-', 'T']);
    let digits = date.bytes().enumerate().all(|(at, it)| match at {
        4 | 7 => it == b'-',
        _ => it.is_ascii_digit(),
    });
    (fits && digits).then(|| date.parse().ok()).flatten()
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

/// What stands at a path, cleaned; `None` for nothing and for blanks.
fn text<'t>(path: &'t XPath, view: View<'t>) -> Option<Cow<'t, str>> {
    let text = match path.first(view)? {
        Cow::Borrowed(text) => clean(text),
        Cow::Owned(text) => Cow::Owned(clean(&text).into_owned()),
    };
    (!text.is_empty()).then_some(text)
}

impl<'t> Person<'t> {
    /// Who it is. `None` without a WID.
    pub(crate) fn of(plan: &'t Plan, view: View<'t>) -> Option<Self> {
        let wid = text(&plan.ids.wid, view)?;
        let contingent = text(&plan.ids.contingent, view);
        let is_contingent = contingent.is_some();
        let reference = || text(&plan.ids.employee, view).or(contingent);
        let mut odd = Vec::new();
        let status = plan.status.is_some();
        let status = status.then(|| read_status(plan, view, is_contingent, &mut odd));
        let came = plan.sections.iter().enumerate();
        let came = came.map(|(at, it)| u64::from(view.has(&it.path)) << at);
        Some(Self {
            id: text(&plan.ids.worker, view).or_else(reference),
            wid,
            is_contingent,
            has_data: view.has(&plan.data),
            came: came.sum(),
            status,
            odd,
        })
    }

    /// Whether a part that everybody has is missed where it does not come: who does not work may have
    /// no organisation and nobody above, and of who never began hardly anything is left.
    pub(crate) fn is_due(&self, section: &str) -> bool {
        match section {
            "Employment_Data" => true,
            "Personal_Data" => !self.status.as_ref().is_some_and(|it| it.rescinded),
            _ => self.works(),
        }
    }

    /// Has left, or never came.
    pub(crate) fn is_gone(&self, today: Date) -> bool {
        let state = self.status.as_ref().and_then(|it| it.state(today));
        matches!(state, Some(State::Terminated | State::Rescinded))
    }

    /// Works now: active or away.
    fn works(&self) -> bool {
        let status = self.status.as_ref();
        status.is_some_and(|it| it.active == Some(true) && !it.rescinded)
    }
}

fn read_status<'t>(
    plan: &'t Plan,
    view: View<'t>,
    is_contingent: bool,
    odd: &mut Vec<(&'static str, String)>,
) -> Status {
    let Some(paths) = &plan.status else {
        return Status::default();
    };
    let mut date = |path: &'t XPath, name| {
        let text = text(path, view)?;
        let date = day(&text);
        if date.is_none() {
            odd.push((name, text_shape(&text)));
        }
        date
    };
    let hire = date(&paths.hire, "Hire_Date");
    let terminated_on = date(&paths.terminated_on, "Termination_Date");
    let last_day = date(&paths.last_day, "Termination_Last_Day_of_Work");
    let end = date(&paths.end, "End_Employment_Date");
    let contract_end = date(&paths.contract_end, "Contract_End_Date");
    let mut bool = |path: &'t XPath, name| {
        let text = text(path, view)?;
        let truth = truth(&text);
        if truth.is_none() {
            odd.push((name, text_shape(&text)));
        }
        truth
    };
    let leaves = paths.on_leave.nodes(view);
    let leaves = leaves
        .into_iter()
        .filter_map(|it| truth(&XPath::text_of(view, it)));
    Status {
        active: bool(&paths.active, "Active"),
        terminated: bool(&paths.terminated, "Terminated") == Some(true),
        involuntary: bool(&paths.involuntary, "Termination_Involuntary"),
        rescinded: bool(&paths.rescinded, "Hire_Rescinded") == Some(true),
        on_leave: leaves.reduce(|one, two| one || two),
        hire,
        terminated_on,
        last_day,
        end,
        contract_end,
        is_contingent,
        events: events(plan, view),
    }
}

/// Entries of the log that begin or end an employment.
fn events(plan: &Plan, view: View<'_>) -> Vec<Event> {
    let Some(log) = &plan.log else {
        return Vec::new();
    };
    let entries = log.entries.nodes(view).into_iter();
    let events = entries.filter_map(|at| {
        let ends = state::ends(log.kind.first_at(view, at)?.trim())?;
        let effective = day(log.effective.first_at(view, at)?.trim())?;
        let entered = log.entered.first_at(view, at).unwrap_or_default();
        let rescinded = log.rescinded.first_at(view, at);
        Some(Event {
            ends,
            effective,
            // Moments of one tenant may have two offsets; the instant decides.
            entered: match entered.trim().parse::<jiff::Timestamp>() {
                Ok(it) => it.to_string(),
                Err(_) => entered.into_owned(),
            },
            rescinded: rescinded.is_some_and(|it| truth(it.trim()) == Some(true)),
        })
    });
    events.collect()
}

/// The manager of the nearest organisation that has one.
pub(crate) fn manager(plan: &Plan, view: View<'_>, person: &Person<'_>) -> Manager {
    let Some(chain) = &plan.chain else {
        return Manager::Nobody;
    };
    let mut found = Manager::Nobody;
    for level in chain.levels.nodes(view).into_iter().rev() {
        let wid = chain.wid.first_at(view, level);
        let id = chain.employee.first_at(view, level);
        let id = id.or_else(|| chain.contingent.first_at(view, level));
        let is_self = wid.as_deref().is_some_and(|it| it.trim() == person.wid)
            || (id.is_some() && id.as_deref().map(str::trim) == person.id.as_deref());
        match (wid, id) {
            (None, None) => {}
            _ if is_self => found = Manager::Self_,
            (_, Some(id)) => return Manager::Id(clean(&id).into_owned()),
            (Some(_), None) => return Manager::Unknown,
        }
    }
    found
}

/// A row on its way.
pub(crate) struct Row<'t> {
    pub(crate) values: Vec<Cow<'t, str>>,
    pub(crate) held: bool,
    pub(crate) findings: Vec<Finding>,
    number: u32,
}

impl<'t> Row<'t> {
    /// The values of a worker.
    pub(crate) fn of(
        plan: &'t Plan,
        view: View<'t>,
        person: &Person<'t>,
        manager: &Manager,
        (number, today): (u32, Date),
    ) -> Self {
        let mut row = Self {
            values: Vec::with_capacity(plan.columns.len()),
            held: false,
            findings: Vec::new(),
            number,
        };
        for column in &plan.columns {
            let value = match &column.read {
                Read::Paths(paths, kind) => row.read(column, paths, *kind, view),
                Read::Rule(rule) => row.rule(*rule, column, plan, view, person, manager, today),
            };
            row.values.push(value);
        }
        row.unread(plan, person);
        for (field, shape) in &person.odd {
            let read = plan
                .columns
                .iter()
                .any(|it| matches!(&it.read, Read::Rule(rule) if by_status(*rule)));
            if read {
                let note = format!("`{field}` is {shape}: neither a day nor a yes or no");
                row.hold(FindingKind::ValueForm, Place::row(number), note);
            }
        }
        row
    }

    fn hold(&mut self, kind: FindingKind, at: Place, note: String) {
        self.held = true;
        self.findings
            .push(Finding::new(kind, Severity::Held, at, note));
    }

    fn read(
        &mut self,
        column: &Column,
        paths: &'t [XPath],
        kind: Kind,
        view: View<'t>,
    ) -> Cow<'t, str> {
        let Some(text) = paths.iter().find_map(|it| text(it, view)) else {
            return Cow::Borrowed("");
        };
        match kind {
            // A line break that Workday escaped twice.
            Kind::Text if text.contains("&#xa;") => Cow::Owned(text.replace("&#xa;", "\n")),
            Kind::Text => text,
            Kind::Date if day(&text).is_some() => match text {
                Cow::Borrowed(it) => Cow::Borrowed(&it[..10]),
                Cow::Owned(it) => Cow::Owned(it[..10].to_owned()),
            },
            Kind::Truth if truth(&text).is_some() => yes_or_no(truth(&text)),
            Kind::Date => {
                let note = format!("{} is no day of the form YYYY-MM-DD", text_shape(&text));
                self.hold(FindingKind::DateFormat, self.cell(column), note);
                Cow::Borrowed("")
            }
            Kind::Truth => {
                let note = format!("{} is neither yes nor no", text_shape(&text));
                self.hold(FindingKind::ValueForm, self.cell(column), note);
                Cow::Borrowed("")
            }
        }
    }

    fn cell(&self, column: &Column) -> Place {
        Place::cell(self.number, column.name.clone())
    }

    #[allow(clippy::too_many_arguments, reason = "all of a worker, for every rule")]
    fn rule(
        &mut self,
        rule: Derived,
        column: &Column,
        plan: &'t Plan,
        view: View<'t>,
        person: &Person<'t>,
        manager: &Manager,
        today: Date,
    ) -> Cow<'t, str> {
        let status = person.status.as_ref();
        let date = |it: Option<Date>| it.map_or(Cow::Borrowed(""), |it| it.to_string().into());
        match rule {
            Derived::WorkerId => person.id.clone().unwrap_or_default(),
            Derived::WorkerType => Cow::Borrowed(if person.is_contingent {
                "Contingent_Worker"
            } else {
                "Employee"
            }),
            Derived::ManagerId => match manager {
                Manager::Id(id) => Cow::Owned(id.clone()),
                Manager::Nobody => Cow::Borrowed(""),
                Manager::Self_ => {
                    let note = "the chain ends with the worker; taken as no manager";
                    let at = self.cell(column);
                    let kind = FindingKind::ManagerIsSelf;
                    self.findings
                        .push(Finding::new(kind, Severity::Info, at, note));
                    Cow::Borrowed("")
                }
                Manager::Unknown => {
                    let note = "the chain names a manager by WID alone; the worker id is not said";
                    let (kind, at) = (FindingKind::ValueUnknown, self.cell(column));
                    // Nobody who is gone stays in for want of a manager.
                    if person.is_gone(today) {
                        let found = Finding::new(kind, Severity::Warning, at, note);
                        self.findings.push(found);
                    } else {
                        self.hold(kind, at, note.to_owned());
                    }
                    Cow::Borrowed("")
                }
            },
            Derived::WorkerState => {
                let state = status.and_then(|it| it.state(today));
                let doubt = status.is_some_and(|it| it.contradicts(today));
                if (state.is_none() || doubt) && person.has_data {
                    let note = if doubt {
                        "active, although End_Employment_Date has passed"
                    } else {
                        "the fields of the status do not say where the worker stands"
                    };
                    self.hold(
                        FindingKind::StatusUnknown,
                        self.cell(column),
                        note.to_owned(),
                    );
                }
                Cow::Borrowed(state.map_or("", State::name))
            }
            Derived::StartsOn => date(status.and_then(|it| it.starts_on(today))),
            Derived::EndsOn => date(status.and_then(|it| it.ends_on(today))),
            Derived::Involuntary => yes_or_no(status.and_then(|it| it.is_involuntary(today))),
            Derived::OnLeave => yes_or_no(status.and_then(|it| it.on_leave)),
            Derived::OtherJobs => other_jobs(plan, view),
            Derived::ProvisioningGroups => groups(plan, view),
            Derived::Transactions => transactions(plan, view),
        }
    }

    /// Holds the row where a part is missing that every worker has.
    fn unread(&mut self, plan: &Plan, person: &Person<'_>) {
        if !person.has_data && !plan.sections.is_empty() {
            let note = "Worker_Data did not come: whoever reads this may not see the worker";
            let at = Place::row(self.number);
            self.hold(FindingKind::ValueUnknown, at, note.to_owned());
            return;
        }
        for (number, section) in plan.sections.iter().enumerate() {
            let came = person.came >> number & 1 == 1;
            if came || !section.is_of_everybody || !person.is_due(section.name) {
                continue;
            }
            let mut readers = plan.columns.iter();
            let reader = readers.find(|it| it.sections.contains(&number));
            // Employment is asked for also to know who has not begun; then nobody misses it.
            if let Some(reader) = reader {
                let note = format!("{} did not come for this worker", section.name);
                self.hold(FindingKind::ValueUnknown, self.cell(reader), note);
            }
        }
    }
}

fn by_status(rule: Derived) -> bool {
    match rule {
        Derived::WorkerState
        | Derived::StartsOn
        | Derived::EndsOn
        | Derived::Involuntary
        | Derived::OnLeave => true,
        Derived::WorkerId
        | Derived::WorkerType
        | Derived::ManagerId
        | Derived::OtherJobs
        | Derived::ProvisioningGroups
        | Derived::Transactions => false,
    }
}

fn yes_or_no(truth: Option<bool>) -> Cow<'static, str> {
    Cow::Borrowed(match truth {
        Some(true) => "true",
        Some(false) => "false",
        None => "",
    })
}

fn other_jobs<'t>(plan: &Plan, view: View<'_>) -> Cow<'t, str> {
    let Some(jobs) = &plan.jobs else {
        return Cow::Borrowed("");
    };
    let each = jobs.each.nodes(view).into_iter().map(|at| {
        let field = |path: &XPath| path.first_at(view, at).map(|it| clean(&it).into_owned());
        json!({"PositionID": field(&jobs.position), "BusinessTitle": field(&jobs.title)})
    });
    list(each.collect())
}

fn transactions<'t>(plan: &Plan, view: View<'_>) -> Cow<'t, str> {
    let Some(log) = &plan.log else {
        return Cow::Borrowed("");
    };
    let each = log.entries.nodes(view).into_iter().map(|at| {
        let field = |path: &XPath| path.first_at(view, at).map(|it| clean(&it).into_owned());
        let rescinded = log.rescinded.first_at(view, at);
        let rescinded = rescinded.is_some_and(|it| truth(it.trim()) == Some(true));
        json!({
            "type": field(&log.kind),
            "effective": field(&log.effective),
            "entered": field(&log.entered),
            "rescinded": rescinded,
        })
    });
    list(each.collect())
}

fn list<'t>(all: Vec<serde_json::Value>) -> Cow<'t, str> {
    if all.is_empty() {
        Cow::Borrowed("")
    } else {
        Cow::Owned(serde_json::Value::Array(all).to_string())
    }
}

fn groups<'t>(plan: &Plan, view: View<'_>) -> Cow<'t, str> {
    let Some(groups) = &plan.groups else {
        return Cow::Borrowed("");
    };
    let all = groups.nodes(view).into_iter();
    let all = all.map(|it| clean(&XPath::text_of(view, it)).into_owned());
    Cow::Owned(all.collect::<Vec<_>>().join(";"))
}
