//! Each kind of object without the values of one person.
//!
//! Others keep theirs to the byte, and their places: what points into an object still does.
//! Invariant: redacting twice is redacting once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};

use rollcall_core::fold::PersonLine;
use rollcall_core::model::Attributes;
use rollcall_core::plan::ActionValues;
use rollcall_core::report::Report;
use rollcall_core::state::Person;

use super::values::{Traces, Whose};
use crate::state;
use crate::store::{Store, StoreError, parse};

/// What kind of object lies at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `values/<run>/rows.csv`.
    Rows,
    /// `values/<run>/actions.jsonl`.
    Actions,
    /// `values/<run>/persons.jsonl`.
    Persons,
    /// `values/<run>/tenant.jsonl`.
    Tenant,
    /// `values/<run>/notifications/<action>.json`.
    Notice,
    /// `state/…/*.parquet`.
    State,
    /// `runs/<run>/report/report.json`, and with it what is drawn from it.
    Report,
    /// `runs/<run>/report/reconciliation.csv`.
    Table,
    /// What else a reconciliation draws.
    Pack,
    /// Anything else that may have values: text of ids, in which names are struck out.
    Text,
    /// Drawn from another one, which is redacted.
    Drawn,
    /// No personal values, or none that are anybody's by now.
    Not,
}

/// What lies at a key, by its name alone.
pub(super) fn kind(key: &str) -> Kind {
    let parts: Vec<&str> = key.split('/').collect();
    let of = |stem, ending| is_named(key, stem, ending);
    match parts.as_slice() {
        ["values", _, _] if of("rows", "csv") => Kind::Rows,
        ["values", _, _] if of("actions", "jsonl") => Kind::Actions,
        ["values", _, _] if of("persons", "jsonl") => Kind::Persons,
        ["values", _, _] if of("tenant", "jsonl") => Kind::Tenant,
        ["values", _, "erasing.json"] => Kind::Not,
        ["values", _, "notifications", _] => Kind::Notice,
        ["state", _, _] if of("base", "parquet") || of("delta", "parquet") => Kind::State,
        ["runs", _, "report", "report.json"] => Kind::Report,
        ["runs", _, "report", "report.html" | "report.xlsx"] => Kind::Drawn,
        ["runs", _, "report", "reconciliation.csv"] => Kind::Table,
        [
            "runs",
            _,
            "report",
            "reconciliation.json" | "controls.html" | "controls.json",
        ] => Kind::Pack,
        ["values", ..] | ["runs", _, "report", ..] => Kind::Text,
        _ => Kind::Not,
    }
}

/// Whether a key is of an object of this name, with or without a nonce behind the stem.
pub(super) fn is_named(key: &str, stem: &str, ending: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    let rest = name
        .strip_prefix(stem)
        .and_then(|it| it.strip_suffix(ending));
    let rest = rest.and_then(|it| it.strip_suffix('.'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// A redacted object.
pub(super) enum Redacted {
    /// There is nothing of the person in it.
    Same,
    /// It is theirs as a whole.
    Deleted,
    /// What is to lie there, from its front.
    New(File),
}

/// The columns by which rows are known, by run.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) by_run: BTreeMap<String, BTreeSet<String>>,
    /// Of rows that no entry of the log names.
    pub(super) others: BTreeSet<String>,
}

impl Keys {
    /// Those of the rows at a key.
    pub(super) fn of(&self, key: &str) -> &BTreeSet<String> {
        let run = key.split('/').nth(1).unwrap_or_default();
        self.by_run.get(run).unwrap_or(&self.others)
    }
}

/// What everything is redacted by.
pub(super) struct Redaction<'a> {
    pub(super) store: &'a Store,
    pub(super) whose: &'a Whose,
    pub(super) traces: &'a Traces,
    /// Sign-in names of the person, in small letters.
    pub(super) names: &'a BTreeSet<String>,
    /// Columns of rows that are kept: keys.
    pub(super) keys: &'a Keys,
}

impl Redaction<'_> {
    /// An object without the values of the person.
    ///
    /// # Errors
    /// When it cannot be read, or is not what its name says.
    pub(super) async fn of(&self, key: &str) -> Result<Redacted, StoreError> {
        match kind(key) {
            Kind::Rows => self.rows(key).await,
            Kind::Actions => self.lines(key, |line| self.action(key, line)).await,
            Kind::Persons => self.lines(key, |line| self.person_line(key, line)).await,
            Kind::Tenant => self.lines(key, |line| self.answer(key, line)).await,
            Kind::Notice if self.is_own_notice(key) => Ok(Redacted::Deleted),
            Kind::Notice | Kind::Text => self.lines(key, |_| Ok(Line::Others)).await,
            Kind::State => self.state(key).await,
            Kind::Table => self.table(key).await,
            Kind::Pack => self.pack(key).await,
            Kind::Report | Kind::Drawn | Kind::Not => Ok(Redacted::Same),
        }
    }

    fn is_own_notice(&self, key: &str) -> bool {
        let name = key.rsplit('/').next().unwrap_or_default();
        let action = name.strip_suffix(".json").unwrap_or(name);
        self.whose.actions.contains(action)
    }

    async fn rows(&self, key: &str) -> Result<Redacted, StoreError> {
        let from = self.store.open(key).await?;
        let to = tempfile::tempfile().map_err(|e| failed(key, &e))?;
        let mut copy = to.try_clone().map_err(|e| failed(key, &e))?;
        let keys = self.keys.of(key);
        let altered = rollcall_files::rewrite(from, to, |columns, values| {
            let is_key = |column: &String| keys.contains(column);
            let pairs = || columns.iter().zip(values.iter());
            let theirs = pairs().any(|(column, value)| is_key(column) && self.whose.is(value));
            let mut altered = false;
            for (column, value) in columns.iter().zip(values.iter_mut()) {
                if theirs && !is_key(column) {
                    altered |= !value.is_empty();
                    value.clear();
                } else if !theirs && !is_key(column) {
                    altered |= self.strike_text(value);
                }
            }
            altered
        });
        if altered.map_err(|e| failed(key, &e))? == 0 {
            return Ok(Redacted::Same);
        }
        copy.seek(SeekFrom::Start(0)).map_err(|e| failed(key, &e))?;
        Ok(Redacted::New(copy))
    }

    fn strike_text(&self, value: &mut String) -> bool {
        let mut bytes = std::mem::take(value).into_bytes();
        let any = self.traces.strike(&mut bytes);
        // Whole characters are struck out, each byte by a sign of one.
        *value = String::from_utf8(bytes).unwrap_or_default();
        any
    }

    /// An object line by line; lines of others are searched.
    async fn lines(
        &self,
        key: &str,
        mut of: impl FnMut(&[u8]) -> Result<Line, StoreError>,
    ) -> Result<Redacted, StoreError> {
        let fail = |e: io::Error| failed(key, &e);
        let mut from = BufReader::with_capacity(256 * 1024, self.store.open(key).await?);
        let to = tempfile::tempfile().map_err(fail)?;
        let mut to = io::BufWriter::with_capacity(256 * 1024, to);
        let (mut line, mut any) = (Vec::new(), false);
        loop {
            line.clear();
            if from.read_until(b'\n', &mut line).map_err(fail)? == 0 {
                break;
            }
            let ends = line.last() == Some(&b'\n');
            let text = &line[..line.len() - usize::from(ends)];
            match if text.is_empty() {
                Line::Others
            } else {
                of(text)?
            } {
                Line::Others => any |= self.traces.strike(&mut line),
                // Whatever points behind it still does.
                Line::Blank => {
                    any = true;
                    line.fill(b'\n');
                }
                Line::Gone => {
                    any = true;
                    continue;
                }
                Line::New(new) => {
                    any |= new != text;
                    line.clear();
                    line.extend_from_slice(&new);
                    self.traces.strike(&mut line);
                    line.extend(ends.then_some(b'\n'));
                }
            }
            to.write_all(&line).map_err(fail)?;
        }
        if !any {
            return Ok(Redacted::Same);
        }
        let mut to = to.into_inner().map_err(|e| fail(e.into_error()))?;
        to.seek(SeekFrom::Start(0)).map_err(fail)?;
        Ok(Redacted::New(to))
    }

    fn action(&self, key: &str, line: &[u8]) -> Result<Line, StoreError> {
        let values: ActionValues = parse(key, line)?;
        let theirs = self.whose.actions.contains(values.id.as_str());
        Ok(if theirs { Line::Blank } else { Line::Others })
    }

    fn person_line(&self, key: &str, line: &[u8]) -> Result<Line, StoreError> {
        let mut line: PersonLine = parse(key, line)?;
        if line.person.person != self.whose.person {
            return Ok(Line::Others);
        }
        line.person = line.person.erased();
        line.settled = None;
        Ok(Line::New(json(&line)))
    }

    /// What the tenant answered: of the person nothing, to others without what the account has.
    fn answer(&self, key: &str, line: &[u8]) -> Result<Line, StoreError> {
        let mut value: serde_json::Value = parse(key, line)?;
        let is = |it: &serde_json::Value| {
            let text = it.as_str();
            text.is_some_and(|it| self.whose.is(it) || self.whose.objects.contains(it))
        };
        let of = value.get("of").is_some_and(is);
        let question = value.get("question").and_then(serde_json::Value::as_object);
        let asked = question.is_some_and(|question| {
            let name = |it: &serde_json::Value| {
                let text = it.as_str().map(str::to_lowercase);
                text.is_some_and(|text| self.names.contains(&text))
            };
            question.values().any(|it| is(it) || name(it))
        });
        let device = |it: &serde_json::Value| {
            let ids = ["device", "record"].into_iter();
            let mut ids = ids.filter_map(|id| it.get(id)?.as_str());
            ids.any(|id| self.whose.devices.contains(id))
        };
        let about = value.get("about").and_then(serde_json::Value::as_array);
        if of || asked || about.is_some_and(|it| it.iter().any(device)) {
            return Ok(Line::Gone);
        }
        let mut any = false;
        let answers = value.get_mut("answer").and_then(|it| it.as_array_mut());
        for account in answers.into_iter().flatten() {
            if account.get("id").is_some_and(is) {
                account["name"] = "".into();
                account["attributes"] = serde_json::json!(Attributes::new());
                any = true;
            }
        }
        Ok(if any {
            Line::New(json(&value))
        } else {
            Line::Others
        })
    }

    /// The lines of the person keep ids and class.
    async fn table(&self, key: &str) -> Result<Redacted, StoreError> {
        let from = self.store.open(key).await?;
        let to = tempfile::tempfile().map_err(|e| failed(key, &e))?;
        let mut copy = to.try_clone().map_err(|e| failed(key, &e))?;
        let altered = rollcall_files::rewrite_table(from, to, |columns, cells| {
            let bare = |cell: &String| cell.trim_start_matches('\'').to_owned();
            let names = |column: &String| ["worker_id", "person_key"].contains(&column.as_str());
            let mut pairs = columns.iter().zip(cells.iter());
            let theirs = pairs.any(|(column, cell)| names(column) && self.whose.is(&bare(cell)));
            let kept = ["class", "worker_id", "person_key", "target_object_id"];
            let mut altered = false;
            for (column, cell) in columns.iter().zip(cells.iter_mut()) {
                if theirs && !kept.contains(&column.as_str()) {
                    altered |= !cell.is_empty();
                    cell.clear();
                } else if !theirs {
                    altered |= self.strike_text(cell);
                }
            }
            altered
        });
        if altered.map_err(|e| failed(key, &e))? == 0 {
            return Ok(Redacted::Same);
        }
        copy.seek(SeekFrom::Start(0)).map_err(|e| failed(key, &e))?;
        Ok(Redacted::New(copy))
    }

    /// What is counted of many goes where it names the person: it is drawn anew when it is asked for.
    async fn pack(&self, key: &str) -> Result<Redacted, StoreError> {
        let bytes = self.store.get(key).await?;
        let ids: BTreeSet<String> = self.whose.workers.iter().map(ToString::to_string).collect();
        let mut copy = bytes.to_vec();
        let named = Traces::of(&ids).strike(&mut copy) || self.traces.strike(&mut copy);
        Ok(if named {
            Redacted::Deleted
        } else {
            Redacted::Same
        })
    }

    async fn state(&self, key: &str) -> Result<Redacted, StoreError> {
        let file = state::rewrite(self.store, key, |person| self.record(key, person)).await?;
        Ok(file.map_or(Redacted::Same, Redacted::New))
    }

    /// A record without their values, where it has any.
    fn record(&self, key: &str, person: &Person) -> Result<Option<Person>, StoreError> {
        if person.person == self.whose.person {
            let erased = person.erased();
            return Ok((erased != *person || person.fingerprint != 0).then_some(erased));
        }
        let mut bytes = json(person);
        if !self.traces.strike(&mut bytes) {
            return Ok(None);
        }
        Ok(Some(parse(key, &bytes)?))
    }

    /// A report without their values; `None` where it has none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn report(&self, key: &str, bytes: &[u8]) -> Result<Option<Report>, StoreError> {
        let mut report: Report = parse(key, bytes)?;
        let before = json(&report);
        for change in &mut report.changes {
            if change.person == self.whose.person {
                change.before.clear();
                change.after.clear();
            }
        }
        let mut after = json(&report);
        self.traces.strike(&mut after);
        if after == before {
            return Ok(None);
        }
        parse(key, &after).map(Some)
    }
}

/// What becomes of a line.
enum Line {
    /// It is somebody else's, and searched.
    Others,
    /// It stays as so many line ends.
    Blank,
    /// It goes.
    Gone,
    /// Another one, searched too.
    New(Vec<u8>),
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("what was read is always JSON")
}

fn failed(key: &str, error: &io::Error) -> StoreError {
    StoreError::Backend {
        key: key.to_owned(),
        why: error.to_string(),
    }
}

/// SHA-256 of a file from its front, to which it is set again.
///
/// # Errors
/// When it cannot be read.
pub(super) fn sha256(key: &str, file: &mut File) -> Result<String, StoreError> {
    let fail = |e: io::Error| failed(key, &e);
    let mut hash = rollcall_core::digest::Sha256Stream::default();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer).map_err(fail)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    file.seek(SeekFrom::Start(0)).map_err(fail)?;
    Ok(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_by_their_names() {
        let cases = [
            ("values/r/rows.csv", Kind::Rows),
            ("values/r/rows-0a1b2c3d.csv", Kind::Rows),
            ("values/r/actions.jsonl", Kind::Actions),
            ("values/r/persons-0a1b2c3d.jsonl", Kind::Persons),
            ("values/r/tenant.jsonl", Kind::Tenant),
            ("values/r/notifications/a-1.json", Kind::Notice),
            ("values/r/whatever.csv", Kind::Text),
            ("state/000000000007/base-1.parquet", Kind::State),
            ("state/tenant.json", Kind::Not),
            ("runs/r/report/report.json", Kind::Report),
            ("runs/r/report/report.xlsx", Kind::Drawn),
            ("runs/r/report/receipt.csv", Kind::Text),
            ("runs/r/report/reconciliation.csv", Kind::Table),
            ("runs/r/report/controls.html", Kind::Pack),
            ("runs/r/reconciliation.json", Kind::Not),
            ("values/r/erasing.json", Kind::Not),
            ("runs/r/plan.jsonl", Kind::Not),
            ("log/000000000001.json", Kind::Not),
        ];
        for (key, expected) in cases {
            assert_eq!(kind(key), expected, "{key}");
        }
    }
}
