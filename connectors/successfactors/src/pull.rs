//! A pull: everybody, or whoever may have changed.
//!
//! Invariant: a pull ends well only when as many people came as the instance counts by the same condition, nobody twice, and a
//! second list of all keys holds nobody new; people who begin later are asked for as of their first day, since before it there is
//! hardly anything to see.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rollcall_core::delta::Coverage;
use rollcall_core::model::{Finding, FindingKind, Place, Severity};
use rollcall_source::{Cursor, Pulled, Reach, Record, RefusalKind, Refused, Sink, Want};
use serde_json::Value;

use crate::config::{SuccessFactorsConfig, WithoutEmployment};
use crate::instance::{Instance, Question, malformed};
use crate::pages::{Pages, incomplete};
use crate::query::{self, Filter, Query};
use crate::reading;
use crate::schema::{EMPLOYMENT, PERSONAL, TERMINATION, USER};
use crate::standing::{Standing, State, judge};

/// How far changes are asked for again: clocks differ, and what is being entered has an earlier time than its end.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// How many people may come to light behind the pages: whoever is entered while we read.
const NEWCOMERS_MAX: usize = 20;

/// Somebody who begins later.
struct Later {
    id: String,
    /// The value that names the worker to the pipeline.
    key: String,
}

/// A pull under way.
pub(crate) struct Pull<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) config: &'a SuccessFactorsConfig,
    pub(crate) query: &'a Query,
    pub(crate) want: &'a Want,
    pub(crate) sink: &'a mut dyn Sink,
    day: Date,
    rows: u32,
    /// People without an employment.
    strangers: u32,
    /// People with one.
    judged: u32,
    /// People who are employed on the day.
    employed: u32,
    /// Where something came of one of them at least.
    filled: BTreeSet<String>,
    contingent: u32,
    later: BTreeMap<Date, Vec<Later>>,
}

impl<'a> Pull<'a> {
    pub(crate) fn new(
        instance: &'a Instance,
        config: &'a SuccessFactorsConfig,
        query: &'a Query,
        want: &'a Want,
        sink: &'a mut dyn Sink,
    ) -> Self {
        let day = config.day(want.now);
        let later = BTreeMap::new();
        Self {
            instance,
            config,
            query,
            want,
            sink,
            day,
            rows: 0,
            strangers: 0,
            judged: 0,
            employed: 0,
            filled: BTreeSet::new(),
            contingent: 0,
            later,
        }
    }

    /// The whole of it.
    pub(crate) async fn run(mut self) -> Result<Pulled, Refused> {
        let coverage = match &self.want.reach {
            Reach::Full => {
                self.everybody().await?;
                Coverage::Full
            }
            Reach::Since(cursor) => {
                let since = since(cursor, self.want.now)?;
                self.changed(since).await?;
                Coverage::Delta
            }
        };
        self.later().await?;
        if coverage == Coverage::Full && self.strangers > 0 && self.judged == 0 {
            return Err(Refused::new(
                RefusalKind::Permission,
                format!("an employment came of none of {} people", self.strangers),
                "let the technical user see employments and job information, for the whole target population",
            ));
        }
        if coverage == Coverage::Full && self.rows == 0 {
            return Err(empty("no worker came"));
        }
        let nowhere = if coverage == Coverage::Full {
            self.nowhere()?
        } else {
            Vec::new()
        };
        // Whichever clock is behind: a change is rather seen twice than never.
        let began = self.instance.since();
        let began = began.map_or(self.want.now, |it| it.min(self.want.now));
        let next = began.checked_sub(OVERLAP).unwrap_or(began);
        let mut findings = self.left_out();
        findings.extend(nowhere);
        Ok(Pulled {
            coverage,
            as_of: self.want.now,
            cursor: Some(Cursor(next.to_string())),
            rows: self.rows,
            findings,
        })
    }

    async fn everybody(&mut self) -> Result<(), Refused> {
        self.instance.begin();
        let counted = count(self.instance, self.sink, Filter::Everybody).await?;
        if counted == 0 {
            return Err(empty("the instance counts no people"));
        }
        let pages = u32::try_from(counted.div_ceil(self.config.page_size.into())).ok();
        let first = self.query.people(self.day);
        let mut pages = Pages::new(self.instance, "PerPerson", first, pages);
        let mut came: u64 = 0;
        while let Some(people) = pages.next(self.sink).await? {
            came += people.len() as u64;
            for (id, person) in people {
                self.take(id, person)?;
            }
        }
        self.adds_up(Filter::Everybody, counted, came).await?;
        self.newcomers(&pages).await
    }

    /// Whoever is in the list of all keys and was on no page. Where one person goes and another comes while an instance cuts
    /// pages by row, somebody is skipped and the count still fits: keys cost a page for a thousand people.
    async fn newcomers(&mut self, read: &Pages<'_>) -> Result<(), Refused> {
        let first = self.query.keys(Filter::Everybody);
        let mut keys = Pages::new(self.instance, "keys of PerPerson", first, None);
        let mut new = Vec::new();
        while let Some(people) = keys.next(self.sink).await? {
            new.extend(
                people
                    .into_iter()
                    .map(|(id, _)| id)
                    .filter(|id| !id.is_empty() && !read.had(id)),
            );
            if new.len() > NEWCOMERS_MAX {
                let message = format!(
                    "more than {NEWCOMERS_MAX} people were on no page and are in the list of keys"
                );
                return Err(incomplete(message));
            }
        }
        self.whole(&new).await
    }

    async fn changed(&mut self, since: Timestamp) -> Result<(), Refused> {
        let filter = self.query.changed(since, self.want.now);
        let filter = Filter::Where(&filter);
        self.instance.begin();
        let counted = count(self.instance, self.sink, filter).await?;
        let mut ids = Vec::new();
        // A snapshot of nobody need not be begun.
        if counted > 0 {
            let first = self.query.keys(filter);
            let mut pages = Pages::new(self.instance, "PerPerson that changed", first, None);
            while let Some(people) = pages.next(self.sink).await? {
                ids.extend(people.into_iter().map(|(id, _)| id));
            }
        }
        self.adds_up(filter, counted, ids.len() as u64).await?;
        self.whole(&ids).await
    }

    /// Takes people by key: every one of them comes, or nothing counts.
    async fn whole(&mut self, ids: &[String]) -> Result<(), Refused> {
        let mut rest = ids;
        while !rest.is_empty() {
            let (people, taken) = self.by_key(rest, self.day).await?;
            if people.len() < taken {
                let message = format!("of {taken} people asked for by key {} came", people.len());
                return Err(incomplete(message));
            }
            for (id, person) in people {
                self.take(id, person)?;
            }
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// Asks for people who begin later as of their first day.
    async fn later(&mut self) -> Result<(), Refused> {
        for (start, people) in std::mem::take(&mut self.later) {
            let ids: Vec<String> = people.iter().map(|it| it.id.clone()).collect();
            let mut rest = &ids[..];
            let mut came = BTreeSet::new();
            while !rest.is_empty() {
                let (found, taken) = self.by_key(rest, start).await?;
                for (id, mut person) in found {
                    let standing = judged(&mut person, self.day, start, self.config);
                    // Whoever begins by now was moved while we read: their slices would be those of another day.
                    let moved = matches!(
                        standing.state,
                        State::Active | State::OnLeave | State::Unknown
                    );
                    if moved {
                        continue;
                    }
                    self.emit(&person, &standing)?;
                    came.insert(id);
                }
                rest = &rest[taken..];
            }
            for person in people.iter().filter(|it| !came.contains(&it.id)) {
                self.hold(person)?;
            }
        }
        Ok(())
    }

    /// People by key as they are on a day, and how many of the keys were asked for.
    async fn by_key(
        &mut self,
        keys: &[String],
        day: Date,
    ) -> Result<(Vec<(String, Value)>, usize), Refused> {
        let (target, taken) = self.query.by_key(keys, day);
        let mut pages = Pages::new(self.instance, "PerPerson by key", target, None);
        let mut all = Vec::new();
        while let Some(people) = pages.next(self.sink).await? {
            all.extend(people);
        }
        let asked: BTreeSet<&String> = keys[..taken].iter().collect();
        if all.iter().any(|(id, _)| !asked.contains(id)) {
            return Err(incomplete("somebody came who was not asked for by key"));
        }
        Ok((all, taken))
    }

    /// Whether as many came as are counted; people who come or go while we ask move the count once.
    async fn adds_up(
        &mut self,
        filter: Filter<'_>,
        counted: u64,
        came: u64,
    ) -> Result<(), Refused> {
        if came == counted {
            return Ok(());
        }
        let again = count(self.instance, self.sink, filter).await?;
        if came == again {
            return Ok(());
        }
        let number = |it: u64| u32::try_from(it).unwrap_or(u32::MAX);
        let message = if again == counted {
            format!("{came} people came, and {counted} are counted")
        } else {
            format!("{came} people came; {counted} were counted before, and {again} after")
        };
        Err(incomplete(message).counted(number(again), number(came)))
    }

    fn take(&mut self, id: String, mut person: Value) -> Result<(), Refused> {
        if is_stranger(&person) {
            self.strangers += 1;
            if self.config.without_employment == WithoutEmployment::Ignore {
                return Ok(());
            }
            let standing = judged(&mut person, self.day, self.day, self.config);
            let row = reading::row(self.query, &self.want.columns, &person, &standing, 0);
            let key = self.want.key_at().and_then(|at| row.values.get(at));
            let key = key.map(ToString::to_string).unwrap_or_default();
            return self.stranger(&key);
        }
        let standing = judged(&mut person, self.day, self.day, self.config);
        self.judged += 1;
        if matches!(standing.state, State::Active | State::OnLeave) {
            self.employed += 1;
            let mut filled = BTreeSet::new();
            reading::filled(&self.query.reads, "", &person, &mut filled);
            for nav in filled {
                if !self.filled.contains(nav) {
                    self.filled.insert(nav.to_owned());
                }
            }
        }
        if let (State::PreHire, Some(start), false) =
            (standing.state, standing.starts, id.is_empty())
        {
            let row = reading::row(self.query, &self.want.columns, &person, &standing, 0);
            let key = self
                .want
                .key_at()
                .and_then(|at| row.values.get(at))
                .map(ToString::to_string);
            let later = Later {
                id,
                key: key.unwrap_or_default(),
            };
            self.later.entry(start).or_default().push(later);
            return Ok(());
        }
        self.emit(&person, &standing)
    }

    fn emit(&mut self, person: &Value, standing: &Standing) -> Result<(), Refused> {
        let main = person
            .get(EMPLOYMENT)
            .and_then(|it| it.get("results")?.get(0));
        let contingent = main
            .and_then(|it| it.get("isContingentWorker"))
            .and_then(Value::as_bool);
        if !self.config.contingent_workers && contingent == Some(true) {
            self.contingent += 1;
            return Ok(());
        }
        let number = self.rows.saturating_add(1);
        let mut row = reading::row(self.query, &self.want.columns, person, standing, number);
        let key_at = self.want.key_at();
        if key_at.is_some_and(|at| row.values[at].is_empty()) {
            let name = self.want.key.clone();
            let note = "the instance says no key of this person";
            row.findings.push(Finding::new(
                FindingKind::KeyMissing,
                Severity::Held,
                Place::cell(number, name),
                note,
            ));
        }
        self.record(&row.values, &row.findings)
    }

    /// Somebody of whom the second answer says nothing.
    fn hold(&mut self, person: &Later) -> Result<(), Refused> {
        let note = "asked for as of their first day, nothing of this person came; what is known is of another day";
        let number = self.rows.saturating_add(1);
        let finding = Finding::new(
            FindingKind::ValueUnknown,
            Severity::Held,
            Place::row(number),
            note,
        );
        self.bare(&person.key, finding)
    }

    /// A row that has nothing but the key.
    fn bare(&mut self, key: &str, finding: Finding) -> Result<(), Refused> {
        let key_at = self.want.key_at();
        let value = |at: usize| {
            if Some(at) == key_at {
                Cow::Borrowed(key)
            } else {
                Cow::Borrowed("")
            }
        };
        let values: Vec<Cow<'_, str>> = (0..self.want.columns.len()).map(value).collect();
        self.record(&values, &[finding])
    }

    fn record(&mut self, values: &[Cow<'_, str>], findings: &[Finding]) -> Result<(), Refused> {
        self.rows = self.rows.saturating_add(1);
        let held = findings.iter().any(|it| it.severity == Severity::Held);
        let record = Record {
            number: self.rows,
            held,
            values,
            findings,
        };
        self.sink.record(&record).map_err(|e| Refused::io(&e))
    }

    /// Somebody without an employment, of whom nothing is known but the key.
    fn stranger(&mut self, key: &str) -> Result<(), Refused> {
        let number = self.rows.saturating_add(1);
        let note = "no employment of this person may be read: a dependant or a candidate, or somebody whose employments \
                    the technical user does not see";
        let finding = Finding::new(
            FindingKind::StatusUnknown,
            Severity::Held,
            Place::row(number),
            note,
        );
        self.bare(key, finding)
    }

    /// Where nothing came of anybody who is employed. Names and log-in users everybody has: without them it is a
    /// permission that lacks, and an empty value would be untrue of all.
    fn nowhere(&self) -> Result<Vec<Finding>, Refused> {
        if self.employed == 0 {
            return Ok(Vec::new());
        }
        let navs = self.query.reads.navs.iter();
        let mut out = Vec::new();
        for nav in navs.filter(|it| *it != TERMINATION && !self.filled.contains(*it)) {
            let is_hidden = |of: &str| nav == of;
            let above = nav.rsplit_once('/').map(|it| it.0);
            if above.is_some_and(|it| !self.filled.contains(it)) {
                continue;
            }
            if [USER, PERSONAL].into_iter().any(is_hidden) {
                return Err(Refused::new(
                    RefusalKind::Permission,
                    format!(
                        "`{nav}` came of none of {} people who are employed, and each of them has one",
                        self.employed
                    ),
                    "let the technical user see it, for the whole target population",
                ));
            }
            let place = Place {
                column: Some(nav.clone()),
                ..Place::default()
            };
            let note = format!("none of {} people who are employed has it", self.employed);
            out.push(Finding::new(
                FindingKind::AttributeNowhere,
                Severity::Info,
                place,
                note,
            ));
        }
        Ok(out)
    }

    fn left_out(&self) -> Vec<Finding> {
        let mut all = Vec::new();
        let mut tell = |count: u32, severity: Severity, what: &str| {
            if count > 0 {
                let note = format!("{count} {what}");
                let finding =
                    Finding::new(FindingKind::OutOfScope, severity, Place::default(), note);
                all.push(finding.with("people", count.to_string()));
            }
        };
        let (severity, what) = match self.config.without_employment {
            WithoutEmployment::Hold => (
                Severity::Warning,
                "people have no employment that may be read, and are held: let the technical user see the \
                 employments of workers; where HR confirms that they are dependants and candidates, say \
                 `without_employment = \"ignore\"`",
            ),
            WithoutEmployment::Ignore => (
                Severity::Info,
                "people without an employment are left out by `without_employment = \"ignore\"`",
            ),
        };
        tell(self.strangers, severity, what);
        tell(
            self.contingent,
            Severity::Info,
            "people are contingent workers, who are left out by `contingent_workers = false`",
        );
        all
    }
}

/// How many people meet a condition, as the instance counts.
pub(crate) async fn count(
    instance: &Instance,
    sink: &mut dyn Sink,
    filter: Filter<'_>,
) -> Result<u64, Refused> {
    let what = "the count of PerPerson";
    let target = query::count(filter);
    let question = Question {
        what,
        template: "/odata/v2/PerPerson/$count",
        target: &target,
        accept: "*/*",
    };
    let body = instance.get(question).await?;
    sink.received(&body);
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let text = text.trim_start_matches('\u{feff}').trim();
    text.parse().map_err(|_| malformed(what, "no number"))
}

/// Whether a person is none of HR's workers: no employment, and no count of any.
pub(crate) fn is_stranger(person: &Value) -> bool {
    let list = person
        .get(EMPLOYMENT)
        .and_then(|it| it.get("results"))
        .and_then(Value::as_array);
    list.is_some_and(Vec::is_empty) && person.get(TERMINATION).is_some_and(Value::is_null)
}

fn judged(person: &mut Value, day: Date, slices: Date, config: &SuccessFactorsConfig) -> Standing {
    judge(person, day, slices, config).unwrap_or(Standing {
        state: State::Unknown,
        starts: None,
        ends: None,
        rehire: false,
        active: 0,
        open: 0,
        host: None,
        going_on: 0,
        doubt: Some("no employment came, though the instance has counted employments of this person, or hides them"),
    })
}

fn since(cursor: &Cursor, now: Timestamp) -> Result<Timestamp, Refused> {
    let expired = |message: &str| {
        Refused::new(
            RefusalKind::CursorExpired,
            message,
            "pull in full; that gives a new one",
        )
    };
    let since: Timestamp = cursor
        .0
        .parse()
        .map_err(|_| expired("the kept position is none of this source"))?;
    if since > now {
        return Err(expired("the kept position lies in the future"));
    }
    Ok(since)
}

fn empty(message: &str) -> Refused {
    Refused::new(
        RefusalKind::Empty,
        message,
        "grant the technical user the whole target population: an empty roster is never believed",
    )
}
