//! Takes in pages in their order, and says at the end whether they add up.
//!
//! Invariant: no worker is handed on twice, and a pull whose pages do not add up comes to a refusal,
//! never to a shorter roster (P3, P4). Kept per worker are 16 bytes and a bit more for managers, never
//! values.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::Date;
use rollcall_core::model::{Finding, FindingKind, Place, Severity};
use rollcall_source::{Record, RefusalKind, Refused, Sink};
use xxhash_rust::xxh3::xxh3_128;

use crate::config::Config;
use crate::groups::domain;
use crate::plan::Plan;
use crate::worker::{self, Manager, Person, Row};
use crate::xml::{Broken, Facts, Stop, Tree, View, read_answer};

/// Managers who are not in a full pull are named one by one up to here.
const MANAGERS_MAX: usize = 100;
/// Pages of a pull at most: with one worker on each, more than any tenant has.
const PAGES_MAX: u32 = 100_000;

/// A page that is being taken in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'p> {
    pub(crate) body: &'p [u8],
    pub(crate) number: u32,
    /// What the first page of the same question said, where this is a later one.
    pub(crate) first: Option<Totals>,
    /// It is about workers who were asked for by WID.
    pub(crate) again: bool,
}

/// What every page of a question says in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) results: u32,
    pub(crate) pages: u32,
}

/// Somebody who was asked for by WID and has not come yet.
struct Owed {
    key: String,
    /// What was read first, where that says that they are gone: nobody stays in because a second answer does not
    /// show them.
    gone: Option<Vec<String>>,
}

/// Everything that comes in during a pull.
pub(crate) struct Intake<'a> {
    plan: &'a Plan,
    today: Date,
    full: bool,
    tree: Tree,
    rows: u32,
    /// Workers, by their WID.
    seen: HashSet<u128>,
    /// Which column names the worker.
    key_at: usize,
    /// Who is asked for by WID, as of which day: whoever begins later, and in a pull of changes everybody.
    later: BTreeMap<Date, Vec<String>>,
    /// Those of them who are still owed, and what is known of each.
    owed: HashMap<u128, Owed>,
    /// How many workers each section came with, and how many it was due for.
    came: Vec<u32>,
    due: Vec<u32>,
    ids: HashSet<u128>,
    /// Managers by the hash of their id, with the first row that names them.
    managers: HashMap<u128, u32>,
    version: Option<String>,
    pub(crate) findings: Vec<Finding>,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(plan: &'a Plan, today: Date, full: bool, key_at: usize) -> Self {
        Self {
            plan,
            today,
            full,
            tree: Tree::default(),
            rows: 0,
            seen: HashSet::new(),
            key_at,
            later: BTreeMap::new(),
            owed: HashMap::new(),
            came: vec![0; plan.sections.len()],
            due: vec![0; plan.sections.len()],
            ids: HashSet::new(),
            managers: HashMap::new(),
            version: None,
            findings: Vec::new(),
        }
    }

    /// Rows handed on.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Who is to be asked for by WID, by day. They are owed from here on.
    pub(crate) fn take_later(&mut self) -> BTreeMap<Date, Vec<String>> {
        std::mem::take(&mut self.later)
    }

    /// Takes in a page: its bytes first, then its workers, then whether it is whole.
    ///
    /// # Errors
    /// [`Refused`] where it is not.
    pub(crate) fn page(&mut self, page: &Page<'_>, sink: &mut dyn Sink) -> Result<Totals, Refused> {
        sink.received(page.body);
        let place = place(page);
        let body = std::str::from_utf8(page.body).map_err(|_| {
            Refused::new(
                RefusalKind::NotUtf8,
                format!("{place} is no UTF-8"),
                "Workday writes UTF-8; look at what stands between it and us",
            )
        })?;
        let plan = self.plan;
        let mut tree = std::mem::take(&mut self.tree);
        let facts = read_answer(body, &plan.names, &plan.reach, &mut tree, |view| {
            self.worker(view, page.again, &place, sink)
        });
        self.tree = tree;
        let facts = facts.map_err(|stop| match stop {
            Stop::Broken(broken) => unreadable(broken, &place),
            Stop::Told(refused) => refused,
        })?;
        self.adds_up(page, &facts, &place)
    }

    fn worker(
        &mut self,
        view: View<'_>,
        again: bool,
        place: &str,
        sink: &mut dyn Sink,
    ) -> Result<(), Refused> {
        let plan = self.plan;
        let Some(person) = Person::of(plan, view) else {
            return Err(Refused::new(
                RefusalKind::Malformed,
                format!("{place} has a worker without a WID"),
                "let whoever reads this see the references of workers",
            ));
        };
        let wid = wid_hash(&person.wid);
        if again {
            if self.owed.remove(&wid).is_none() {
                return Err(twice(place, "has a worker who was not asked for"));
            }
        } else {
            if !self.seen.insert(wid) {
                return Err(twice(place, "has a worker who was on a page before"));
            }
            self.count(&person);
            // The profile of somebody who begins later is whole only as of then. What comes with changes may be
            // a part of the log, in which older ends of employments are missing: they are read anew.
            let status = person.status.as_ref();
            let begins = status.and_then(|it| it.begins_after(self.today));
            if let Some(day) = begins.or_else(|| (!self.full).then_some(self.today)) {
                let manager = worker::manager(plan, view, &person);
                let row = Row::of(plan, view, &person, &manager, (0, self.today));
                let key = row.values.get(self.key_at).map(ToString::to_string);
                let is_gone = begins.is_none() && !row.held && person.is_gone(self.today);
                let owned = || row.values.iter().map(ToString::to_string).collect();
                let owed = Owed {
                    key: key.unwrap_or_default(),
                    gone: is_gone.then(owned),
                };
                self.owed.insert(wid, owed);
                let day = self.later.entry(day).or_default();
                day.push(person.wid.into_owned());
                return Ok(());
            }
        }
        self.rows += 1;
        let manager = worker::manager(plan, view, &person);
        let row = Row::of(plan, view, &person, &manager, (self.rows, self.today));
        if self.full {
            if let Some(id) = &person.id {
                self.ids.insert(xxh3_128(id.as_bytes()));
            }
            if let Manager::Id(id) = &manager {
                let rows = self.rows;
                self.managers.entry(xxh3_128(id.as_bytes())).or_insert(rows);
            }
        }
        let record = Record {
            number: self.rows,
            held: row.held,
            values: &row.values,
            findings: &row.findings,
        };
        sink.record(&record).map_err(|error| Refused::io(&error))
    }

    fn count(&mut self, person: &Person<'_>) {
        for (number, section) in self.plan.sections.iter().enumerate() {
            self.came[number] += u32::from(person.came >> number & 1 == 1);
            let is_due = section.is_of_everybody && person.is_due(section.name);
            self.due[number] += u32::from(is_due);
        }
    }

    /// What Workday says of a page against what is there.
    fn adds_up(&mut self, page: &Page<'_>, facts: &Facts, place: &str) -> Result<Totals, Refused> {
        let (Some(results), Some(pages), Some(here), Some(number)) = (
            facts.total_results,
            facts.total_pages,
            facts.page_results,
            facts.page,
        ) else {
            return Err(Refused::new(
                RefusalKind::Malformed,
                format!("{place} does not say how many workers and pages there are"),
                "check that the service has Get_Workers",
            ));
        };
        let totals = Totals { results, pages };
        if pages > PAGES_MAX {
            return Err(Refused::new(
                RefusalKind::TooLarge,
                format!("{place} says that there are {pages} pages"),
                "ask for larger pages with `page_size`",
            ));
        }
        if number != page.number {
            let message = format!("{place} says that it is page {number}");
            return Err(incomplete(message));
        }
        if here != facts.workers {
            let message =
                format!("{place} says that it has {here} workers, and has another number");
            return Err(incomplete(message).counted(here, facts.workers));
        }
        if let Some(first) = page.first.filter(|it| *it != totals) {
            let message = format!(
                "{place} says {results} workers on {pages} pages, where the first page said {} on {}",
                first.results, first.pages
            );
            return Err(incomplete(message).counted(first.results, results));
        }
        if self.version.is_none() {
            self.version.clone_from(&facts.version);
        }
        Ok(totals)
    }

    /// Workers of all pages of a question against what the first said.
    ///
    /// # Errors
    /// [`Refused`] where they differ.
    pub(crate) fn all_came(&self, totals: Totals) -> Result<(), Refused> {
        let came = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
        if came == totals.results {
            return Ok(());
        }
        let message = format!(
            "all {} pages have {came} workers, and {} were said",
            totals.pages, totals.results
        );
        Err(incomplete(message).counted(totals.results, came))
    }

    /// The end of the pull: what is owed, what did not come for anybody, who is whose manager.
    ///
    /// # Errors
    /// [`Refused`] where somebody or something is missing.
    pub(crate) fn finish(&mut self, config: &Config, sink: &mut dyn Sink) -> Result<(), Refused> {
        let mut owed: Vec<Owed> = std::mem::take(&mut self.owed).into_values().collect();
        owed.sort_unstable_by(|one, two| one.key.cmp(&two.key));
        for owed in owed {
            match owed.gone {
                Some(values) => self.take_first(&values, sink)?,
                None => self.hold(&owed.key, sink)?,
            }
        }
        if let Some(version) = self.version.as_deref().filter(|it| *it != config.version()) {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
            let version: String = version.chars().filter(|c| plain(*c)).take(12).collect();
            let note = format!(
                "answers are of version {version}, asked for was {}: paths may read another tree",
                config.version()
            );
            self.note(FindingKind::HeaderDrift, Severity::Warning, note);
        }
        self.sections_came()?;
        if self.full {
            self.unknown_managers();
        }
        Ok(())
    }

    /// Somebody who is gone, as they came at first.
    fn take_first(&mut self, values: &[String], sink: &mut dyn Sink) -> Result<(), Refused> {
        self.rows += 1;
        let values: Vec<Cow<'_, str>> = values.iter().map(|it| Cow::Borrowed(&**it)).collect();
        let record = Record {
            number: self.rows,
            held: false,
            values: &values,
            findings: &[],
        };
        sink.record(&record).map_err(|error| Refused::io(&error))
    }

    /// Somebody of whom nothing came when they were asked for by WID: the key stays present.
    fn hold(&mut self, key: &str, sink: &mut dyn Sink) -> Result<(), Refused> {
        self.rows += 1;
        let note = "asked for by WID, as of their first day or today, the worker did not come: whoever reads this may \
                    not see them then";
        let finding = Finding::new(
            FindingKind::ValueUnknown,
            Severity::Held,
            Place::row(self.rows),
            note,
        );
        let mut values = vec![Cow::Borrowed(""); self.plan.columns.len()];
        values[self.key_at] = Cow::Borrowed(key);
        let record = Record {
            number: self.rows,
            held: true,
            values: &values,
            findings: std::slice::from_ref(&finding),
        };
        sink.record(&record).map_err(|error| Refused::io(&error))
    }

    fn note(&mut self, kind: FindingKind, severity: Severity, note: String) {
        self.findings
            .push(Finding::new(kind, severity, Place::default(), note));
    }

    fn sections_came(&mut self) -> Result<(), Refused> {
        if !self.full {
            return Ok(());
        }
        for (number, section) in self.plan.sections.iter().enumerate() {
            if self.came[number] > 0 {
                continue;
            }
            let mut columns = self.plan.columns.iter();
            let is_read = columns.any(|it| it.sections.contains(&number));
            let message = format!(
                "{} came for none of {} workers",
                section.name,
                self.seen.len()
            );
            if section.is_of_everybody && is_read && self.due[number] > 0 {
                return Err(Refused::new(
                    RefusalKind::Permission,
                    message,
                    hint(section.name),
                ));
            }
            let note = format!("{message}: {}", hint(section.name));
            self.findings.push(Finding::new(
                FindingKind::AttributeNowhere,
                Severity::Warning,
                Place::default(),
                note,
            ));
        }
        Ok(())
    }

    fn unknown_managers(&mut self) {
        let unknown = self.managers.iter();
        let unknown = unknown.filter(|(id, _)| !self.ids.contains(id));
        let mut rows: Vec<u32> = unknown.map(|it| *it.1).collect();
        rows.sort_unstable();
        let mut columns = self.plan.columns.iter();
        let column = columns.find(|it| {
            matches!(
                it.read,
                crate::plan::Read::Rule(crate::attributes::Derived::ManagerId)
            )
        });
        let column = column.map_or("ManagerID", |it| it.name.as_str());
        for row in rows.iter().take(MANAGERS_MAX) {
            let note = "the manager whom this row names first is no worker of this pull";
            self.findings.push(Finding::new(
                FindingKind::ManagerNotInRoster,
                Severity::Info,
                Place::cell(*row, column),
                note,
            ));
        }
        if rows.len() > MANAGERS_MAX {
            let more = rows.len() - MANAGERS_MAX;
            let note = format!("{more} more managers are no workers of this pull");
            self.note(FindingKind::ManagerNotInRoster, Severity::Info, note);
        }
    }
}

/// What to do about a part that does not come.
pub(crate) fn hint(section: &str) -> String {
    format!(
        "let the security group of the integration system user Get the domain {}, and activate the \
         pending security policy changes",
        domain(section)
    )
}

fn place(page: &Page<'_>) -> String {
    let number = page.number;
    let of = page
        .first
        .map_or(String::new(), |it| format!(" of {}", it.pages));
    if page.again {
        format!("page {number}{of} of those who were asked for by WID")
    } else {
        format!("page {number}{of}")
    }
}

/// A WID is 32 hexadecimal digits; anything else is hashed.
fn wid_hash(wid: &str) -> u128 {
    let is_plain = wid.len() == 32 && wid.bytes().all(|it| it.is_ascii_hexdigit());
    let number = is_plain.then(|| u128::from_str_radix(wid, 16).ok());
    number.flatten().unwrap_or_else(|| xxh3_128(wid.as_bytes()))
}

fn incomplete(message: String) -> Refused {
    Refused::new(
        RefusalKind::IncompletePage,
        message,
        "pull again; if it stays, ask for smaller pages with `page_size`",
    )
}

fn twice(place: &str, what: &str) -> Refused {
    incomplete(format!("{place} {what}"))
}

/// An answer that cannot be read.
pub(crate) fn unreadable(broken: Broken, place: &str) -> Refused {
    let (kind, what, hint) = match broken {
        Broken::NotXml => (
            RefusalKind::Malformed,
            "is no well-formed XML",
            "check the host; something else than Workday may answer",
        ),
        Broken::Truncated => (
            RefusalKind::Truncated,
            "ends in the middle",
            "pull again; if it stays, ask for smaller pages with `page_size`",
        ),
        Broken::Doctype => (
            RefusalKind::Malformed,
            "has a document type declaration, which Workday never writes",
            "check the host; something else than Workday may answer",
        ),
        Broken::Entity => (
            RefusalKind::Malformed,
            "uses an entity that XML does not have",
            "check the host; something else than Workday may answer",
        ),
        Broken::TooLarge => (
            RefusalKind::TooLarge,
            "has a worker that is deeper or larger than any",
            "leave out attributes that read whole parts",
        ),
        Broken::NoResponse => (
            RefusalKind::Malformed,
            "is XML, and no answer to Get_Workers",
            "check host, tenant, version and service",
        ),
    };
    Refused::new(kind, format!("{place} {what}"), hint)
}
