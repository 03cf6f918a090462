//! What was expected against what came, as a diff.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::case::{Case, Expected, Never, range};
use super::play::{Entry, Played};
use crate::model::PersonKey;

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its name.
    pub id: String,
    /// Entries that were expected and came.
    pub met: usize,
    /// Everything that is wrong, each in a line as people read it.
    pub problems: Vec<String>,
}

impl Verdict {
    /// Nothing is wrong.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Compares what came with what a case says.
pub fn judge(case: &Case, played: &Played) -> Verdict {
    let mut judge = Judge {
        case,
        played,
        taken: vec![None; played.entries.len()],
        problems: Vec::new(),
        met: 0,
    };
    judge.expected();
    judge.order();
    judge.never();
    judge.report();
    Verdict {
        id: case.id.clone(),
        met: judge.met,
        problems: judge.problems,
    }
}

struct Judge<'a> {
    case: &'a Case,
    played: &'a Played,
    /// By entry: the place of the expectation that it meets.
    taken: Vec<Option<usize>>,
    problems: Vec<String>,
    met: usize,
}

impl Judge<'_> {
    fn last(&self) -> Timestamp {
        let runs = self.case.runs.iter().map(|it| it.at);
        let events = self.case.events.iter().map(|it| it.at);
        let expected = self.case.expect.iter().map(|it| it.at);
        let all = runs.chain(events).chain(expected).max();
        all.unwrap_or(Timestamp::MAX)
    }

    fn from(&self) -> Timestamp {
        let from = self.case.check_from.and_then(|n| {
            let run = self.case.runs.iter().find(|run| run.n == n)?;
            Some(run.at)
        });
        from.unwrap_or(Timestamp::MIN)
    }

    /// Whether an entry is about somebody.
    fn about(&self, entry: &Entry, who: &str) -> bool {
        if entry.who == who {
            return true;
        }
        let on_device = entry.args.contains_key("device")
            || entry.op.starts_with("device.")
            || entry.op.starts_with("app.");
        let person = self.played.names.person(who);
        !on_device && entry.person.as_ref() == Some(&person) && entry.who != "run"
    }

    fn expected(&mut self) {
        for (place, expected) in self.case.expect.iter().enumerate() {
            for who in range(&expected.who) {
                let fits = |entry: &Entry| {
                    entry.op == expected.op
                        && entry.at == expected.at
                        && entry.run == expected.r
                        && self.about(entry, &who)
                        && args_fit(&expected.args, &entry.args)
                        && self.comes_after(entry, expected)
                };
                let mut all = self.played.entries.iter().enumerate();
                let found = all.find(|(at, entry)| self.taken[*at].is_none() && fits(entry));
                if let Some((at, _)) = found {
                    self.taken[at] = Some(place);
                    self.met += 1;
                    continue;
                }
                let line = self.missing(expected, &who);
                self.problems.push(line);
            }
        }
        if self.case.open {
            return;
        }
        let (from, last) = (self.from(), self.last());
        for (at, entry) in self.played.entries.iter().enumerate() {
            if self.taken[at].is_none() && entry.at >= from && entry.at <= last {
                self.problems.push(format!("+ {}", line(entry)));
            }
        }
    }

    /// What comes nearest to something that did not come.
    fn missing(&self, expected: &Expected, who: &str) -> String {
        let mut out = format!("- {}", wanted(expected, who));
        let near = self.played.entries.iter().enumerate().find(|(at, entry)| {
            self.taken[*at].is_none() && entry.op == expected.op && self.about(entry, who)
        });
        if let Some((_, entry)) = near {
            let _ = write!(out, "\n    nearest: {}", line(entry));
        }
        out
    }

    fn comes_after(&self, entry: &Entry, expected: &Expected) -> bool {
        let Some(after) = &expected.after else {
            return true;
        };
        let person = self.played.names.person(after);
        let place = |found: &Entry| std::ptr::eq(found, entry);
        let Some(at) = self.played.entries.iter().position(place) else {
            return false;
        };
        let mut before = self.played.entries[..at].iter();
        let made_later = self.played.entries[at..]
            .iter()
            .any(|it| it.op == "user.create" && it.person.as_ref() == Some(&person));
        !made_later
            || before.any(|it| it.op == "user.create" && it.person.as_ref() == Some(&person))
    }

    /// For one person, what is released together comes in the order of the list.
    fn order(&mut self) {
        let mut last: BTreeMap<(PersonKey, Timestamp), (usize, String)> = BTreeMap::new();
        for (at, entry) in self.played.entries.iter().enumerate() {
            let (Some(place), Some(person)) = (self.taken[at], &entry.person) else {
                continue;
            };
            let key = (person.clone(), entry.at);
            if let Some((before, what)) = last.get(&key)
                && *before > place
            {
                self.problems.push(format!(
                    "order: {} came after {what} and is listed before it",
                    line(entry)
                ));
            }
            last.insert(key, (place, line(entry)));
        }
    }

    fn never(&mut self) {
        let from = self.from();
        for never in &self.case.never {
            let entries = self.played.entries.iter().enumerate();
            let hits: Vec<&Entry> = entries
                .filter(|(at, entry)| {
                    entry.at >= from
                        && self.fits_never(never, entry)
                        && !(never.unlisted && self.taken[*at].is_some())
                })
                .map(|(_, entry)| entry)
                .collect();
            let allowed = never.more_than.unwrap_or(0);
            if hits.len() > allowed
                && let Some(hit) = hits.get(allowed)
            {
                self.problems.push(format!("never: {}", line(hit)));
            }
        }
    }

    fn fits_never(&self, never: &Never, entry: &Entry) -> bool {
        let op = match never.op.as_deref() {
            None | Some("any") => true,
            Some("device.any") => entry.op.starts_with("device."),
            Some(op) => entry.op == op,
        };
        let who = never.who.as_ref().is_none_or(|who| {
            let all = who.all();
            all.iter().any(|who| self.about(entry, who))
        });
        let before = |(name, at): (&String, &Timestamp)| {
            let said = entry.args.get(name).and_then(Json::as_str);
            let said = said.and_then(|it| it.parse::<Timestamp>().ok());
            said.is_some_and(|said| said < *at)
        };
        op && who
            && args_fit(&never.args, &entry.args)
            && never
                .arg
                .as_ref()
                .is_none_or(|arg| entry.args.contains_key(arg))
            && never.arg_before.iter().all(before)
            && never.before.is_none_or(|before| entry.at < before)
            && never.at.is_none_or(|at| entry.at == at)
            && never
                .in_run
                .as_ref()
                .is_none_or(|runs| runs.contains(entry.run))
    }

    fn report(&mut self) {
        for said in &self.case.report {
            let person = said.who.as_deref().map(|who| self.played.names.person(who));
            let metrics = &self.played.metrics;
            let found: Option<Json> = match (&said.metric, &person, said.run) {
                (Some(metric), Some(person), _) => metrics.of_person(person, metric).cloned(),
                (Some(metric), None, Some(run)) => metrics.of_run(run, metric),
                _ => None,
            };
            let who = said
                .who
                .clone()
                .or(said.run.map(|run| format!("run {run}")));
            let who = who.unwrap_or_default();
            if let (Some(metric), Some(value)) = (&said.metric, &said.value)
                && found.as_ref().is_none_or(|found| !same(value, found))
            {
                let found = found.map_or_else(|| "nothing".to_owned(), |it| it.to_string());
                self.problems
                    .push(format!("report: {metric} of {who} is {found}, not {value}"));
            }
            if let (Some(class), Some(person)) = (&said.class, &person) {
                let found = metrics.class(person).unwrap_or("unknown");
                if found != class {
                    self.problems
                        .push(format!("report: class of {who} is {found}, not {class}"));
                }
            }
            if let (Some(code), Some(person)) = (&said.code, &person)
                && !metrics.has_code(person, code)
            {
                self.problems.push(format!("report: {who} has no {code}"));
            }
            if let (Some(text), Some(person)) = (&said.absent_text, &person) {
                let theirs = self.played.entries.iter().filter(|entry| {
                    entry.person.as_ref() == Some(person) && entry.op != "user.update"
                });
                let holds = |entry: &Entry| {
                    entry
                        .args
                        .values()
                        .any(|value| value.as_str().is_some_and(|it| it.contains(text.as_str())))
                };
                if theirs.into_iter().any(holds) {
                    self.problems
                        .push(format!("report: a row of {who} holds {text}"));
                }
            }
        }
    }
}

/// A subset; `ops` are sets, and numbers are what they are written as.
fn args_fit(wanted: &BTreeMap<String, Json>, has: &BTreeMap<String, Json>) -> bool {
    wanted.iter().all(|(name, wanted)| match has.get(name) {
        Some(has) => same(wanted, has),
        None => false,
    })
}

fn same(wanted: &Json, has: &Json) -> bool {
    match (wanted, has) {
        (Json::Array(wanted), Json::Array(has)) => {
            wanted.len() == has.len() && wanted.iter().all(|it| has.iter().any(|h| same(it, h)))
        }
        (Json::Number(wanted), Json::Number(has)) => wanted
            .as_f64()
            .zip(has.as_f64())
            .is_some_and(|(a, b)| (a - b).abs() < 1e-9),
        (Json::Null, Json::Null) => true,
        (Json::Null, _) | (_, Json::Null) => false,
        _ => text(wanted) == text(has),
    }
}

fn text(value: &Json) -> String {
    match value {
        Json::String(text) => match text.parse::<Timestamp>() {
            Ok(at) => at.to_string(),
            Err(_) => text.clone(),
        },
        other => other.to_string(),
    }
}

fn args(args: &BTreeMap<String, Json>) -> String {
    let all: Vec<String> = args
        .iter()
        .map(|(name, value)| format!("{name}: {}", text(value)))
        .collect();
    format!("{{{}}}", all.join(", "))
}

fn line(entry: &Entry) -> String {
    format!(
        "r{} {} {} {} {}",
        entry.run,
        entry.at,
        entry.op,
        entry.who,
        args(&entry.args)
    )
}

fn wanted(expected: &Expected, who: &str) -> String {
    format!(
        "r{} {} {} {who} {}",
        expected.r,
        expected.at,
        expected.op,
        args(&expected.args)
    )
}
