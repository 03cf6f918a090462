//! Records as rows of the attributes that are wanted, kept back until a pass may not have to be made
//! again.
//!
//! Invariant: a record whose id was there already ends the pass; one that is odd is held, and counts.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use rollcall_core::model::{Finding, FindingKind, Place, Severity};
use rollcall_source::{Record, RefusalKind, Refused, Sink, Want};
use serde_json::Value as Json;

use crate::attribute::{Attribute, Reading};
use crate::config::Missing;
use crate::page::{Stop, identity};
use crate::path::Path;
use crate::plan::Plan;

/// Takes records in.
pub(crate) struct Rows<'a> {
    plan: &'a Plan,
    want: &'a Want,
    wanted: &'a [Attribute],
    key_at: usize,
    /// Ids that came.
    ids: HashSet<u128>,
    count: u32,
    /// What is kept back; `None`: rows go on at once.
    kept: Option<Vec<Kept>>,
    /// Attributes that some record had.
    somewhere: Vec<bool>,
    /// Since when changes are asked for, and where a record says when it changed.
    since: Option<(Timestamp, &'a Path)>,
    /// Records that did not change since.
    pub(crate) older: u32,
}

/// A row that is kept back.
struct Kept {
    held: bool,
    /// The values one behind the other.
    text: Box<str>,
    ends: Box<[u32]>,
    findings: Vec<Finding>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        want: &'a Want,
        wanted: &'a [Attribute],
        keeps: bool,
    ) -> Result<Self, Refused> {
        let key_at = want.key_at().ok_or_else(|| {
            let message = format!("the key `{}` is not among the attributes wanted", want.key);
            Refused::new(
                RefusalKind::Configuration,
                message,
                "name it in the mapping",
            )
        })?;
        Ok(Self {
            plan,
            want,
            wanted,
            key_at,
            ids: HashSet::new(),
            count: 0,
            kept: keeps.then(Vec::new),
            somewhere: vec![false; wanted.len()],
            since: None,
            older: 0,
        })
    }

    /// Watches for records that did not change since.
    pub(crate) fn since(&mut self, since: Timestamp, modified: &'a Path) {
        self.since = Some((since, modified));
    }

    /// Whether the record of this id came.
    pub(crate) fn has(&self, id: u128) -> bool {
        self.ids.contains(&id)
    }

    /// Records so far.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Takes a record in.
    pub(crate) fn take(
        &mut self,
        record: &Json,
        shown: &str,
        sink: &mut dyn Sink,
    ) -> Result<(), Stop> {
        if self.count >= self.plan.config.limits.records {
            let message = format!("more than {} records", self.count);
            let hint = "raise `limits.records`";
            return Err(Refused::new(RefusalKind::TooLarge, message, hint).into());
        }
        self.count += 1;
        let id = identity(self.plan, record);
        if let Ok(id) = id
            && !self.ids.insert(id)
        {
            let message = format!(
                "`{shown}`: record {} has an id that came before",
                self.count
            );
            let hint = "the list moved while it was read, and the next run asks again; or `id` does not \
                        tell records apart";
            return Err(Stop::Moved(Refused::new(
                RefusalKind::IncompletePage,
                message,
                hint,
            )));
        }
        if let Some((since, path)) = self.since {
            let said = path.one(record, self.plan.fold).and_then(Json::as_str);
            let said = said.and_then(|it| it.parse::<Timestamp>().ok());
            self.older += u32::from(said.is_some_and(|it| it < since));
        }
        let restricted = self.restricted(record);
        let mut findings = Vec::new();
        let mut values: Vec<Cow<'_, str>> = Vec::with_capacity(self.wanted.len());
        if id.is_err() {
            let why = "the record has no id at `id` of the configuration";
            let place = Place::row(self.count);
            findings.push(Finding::new(
                FindingKind::KeyMissing,
                Severity::Held,
                place,
                why,
            ));
        }
        for (at, attribute) in self.wanted.iter().enumerate() {
            let is_key = at == self.key_at;
            let reading = attribute.read(record, self.plan.fold, &restricted, is_key);
            self.somewhere[at] |= reading != Reading::Missing;
            let odd = match reading {
                Reading::Value(text) => {
                    values.push(text);
                    continue;
                }
                Reading::Empty if !is_key => None,
                Reading::Missing if !is_key && attribute.missing() == Missing::Empty => None,
                Reading::Empty => Some((FindingKind::KeyMissing, "the key is empty".to_owned())),
                Reading::Missing if is_key => {
                    Some((FindingKind::KeyMissing, "the record has no key".to_owned()))
                }
                Reading::Missing => {
                    let why = "the record does not have it".to_owned();
                    Some((FindingKind::ValueUnknown, why))
                }
                Reading::Odd(kind, why) => Some((kind, why)),
            };
            values.push(Cow::Borrowed(""));
            if let Some((kind, why)) = odd {
                let place = Place::cell(self.count, self.want.columns[at].clone());
                findings.push(Finding::new(kind, Severity::Held, place, why));
            }
        }
        let held = !findings.is_empty();
        let row = Record {
            number: self.count,
            held,
            values: &values,
            findings: &findings,
        };
        match &mut self.kept {
            None => sink.record(&row).map_err(|e| Refused::io(&e).into()),
            Some(kept) => {
                let mut text = String::new();
                let mut ends = Vec::with_capacity(values.len());
                for value in &values {
                    text.push_str(value);
                    // A body has 16 MiB.
                    ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
                }
                kept.push(Kept {
                    held,
                    text: text.into(),
                    ends: ends.into(),
                    findings,
                });
                Ok(())
            }
        }
    }

    /// Hands on what was kept back.
    pub(crate) fn hand_on(&mut self, sink: &mut dyn Sink) -> Result<(), Refused> {
        let kept = self.kept.take().unwrap_or_default();
        for (number, row) in (1..).zip(&kept) {
            let begins = std::iter::once(0).chain(row.ends.iter().copied());
            let spans = begins.zip(row.ends.iter().copied());
            let values: Vec<Cow<'_, str>> = spans
                .map(|(from, to)| Cow::Borrowed(&row.text[from as usize..to as usize]))
                .collect();
            let record = Record {
                number,
                held: row.held,
                values: &values,
                findings: &row.findings,
            };
            sink.record(&record).map_err(|e| Refused::io(&e))?;
        }
        Ok(())
    }

    /// Attributes that no record had.
    pub(crate) fn nowhere(&self) -> Vec<&str> {
        let names = self.want.columns.iter().zip(&self.somewhere);
        let names = names.filter(|(_, seen)| !**seen && self.count > 0);
        names.map(|(name, _)| name.as_str()).collect()
    }

    fn restricted<'r>(&self, record: &'r Json) -> BTreeSet<&'r str> {
        let Some(path) = &self.plan.restricted else {
            return BTreeSet::new();
        };
        let found = path.find(record, self.plan.fold).values;
        let all = found.into_iter().flat_map(|it| match it {
            Json::Array(items) => items.as_slice(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                std::slice::from_ref(it)
            }
        });
        all.filter_map(Json::as_str).collect()
    }
}
