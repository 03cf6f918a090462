//! HR's side: every row of the newest accepted full files through the mapping of today, as an index.
//!
//! Of whoever is plainly in force the index keeps a hash of the values that the account is to have, and
//! the few words that a line names; everybody else's row is read again. Invariant: memory holds tens of
//! bytes a person, and what HR says is taken from its rows, not from what a run made of them.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rollcall_core::digest::{EvidenceKey, WorkerHasher};
use rollcall_core::mapping::Given;
use rollcall_core::model::{Finding, RunId, Severity, SourceName};
use rollcall_core::policy::{Policy, Target};
use rollcall_core::reconcile::{Print, Register, Word, word};
use rollcall_core::state::{Identity, key_prefix};

use crate::log::{Accepted, Standing};
use crate::rows::{OpenError, SealedRows};
use crate::run::{Pipeline, RunError};
use crate::sources::Feed;
use crate::store::StoreError;

/// The attribute that says what kind of worker somebody is.
pub(super) const WORKER_TYPE: &str = "employeeType";

/// The newest accepted data of a source.
pub(super) struct Source {
    pub(super) feed: usize,
    pub(super) name: SourceName,
    pub(super) run: RunId,
    pub(super) sha256: String,
    pub(super) as_of: Timestamp,
    /// Data rows as they were received.
    pub(super) rows: u32,
    /// The same, counted now; `None`: the newest data are no full file, and what was taken in of them
    /// stands.
    pub(super) counted: Option<u32>,
    /// Rows that are not believed.
    pub(super) held: u32,
    sealed: Option<SealedRows>,
}

/// One row of a person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The person's key, hashed.
    pub(super) key: u128,
    /// The values that the account is to have; of nobody but who is plainly in force.
    pub(super) print: u128,
    /// Of the row.
    pub(super) fingerprint: u128,
    pub(super) byte: u64,
    /// [`key_prefix`] of the worker id.
    pub(super) worker: u64,
    pub(super) cells: Cells,
    /// Which of the sources.
    pub(super) source: u8,
    /// Which attributes are in the print.
    pub(super) shape: u16,
    /// In force, believed, and nothing about it has to be read twice.
    pub(super) plain: bool,
    pub(super) held: bool,
}

/// What a line names of a row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cells {
    pub(super) hire: Option<Date>,
    pub(super) last_day: Option<Date>,
    pub(super) termination: Option<Date>,
    status: u16,
    worker_type: u16,
    entity: u16,
    site: u16,
    zone: u16,
}

/// What a line names, as text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Texts<'a> {
    pub(super) status: &'a str,
    pub(super) worker_type: &'a str,
    pub(super) entity: &'a str,
    pub(super) site: &'a str,
    pub(super) zone: &'a str,
}

/// Texts that many rows share.
#[derive(Default)]
struct Shared {
    all: Vec<Box<str>>,
    known: HashMap<Box<str>, u16>,
}

impl Shared {
    /// `None` where there are too many: what nearly every row says otherwise is read again instead.
    fn number(&mut self, text: &str) -> Option<u16> {
        if let Some(number) = self.known.get(text) {
            return Some(*number);
        }
        let number = u16::try_from(self.all.len()).ok()?;
        self.all.push(text.into());
        self.known.insert(text.into(), number);
        Some(number)
    }
}

/// Everybody whom HR has.
#[derive(Default)]
pub(super) struct People {
    /// Ascending by key.
    pub(super) rows: Vec<Row>,
    pub(super) sources: Vec<Source>,
    /// Attributes of prints, by number.
    pub(super) shapes: Vec<Vec<String>>,
    shared: Shared,
    unread: Vec<SourceName>,
}

/// What rows are read by.
pub(super) struct Reading<'a> {
    pub(super) policy: &'a Policy,
    pub(super) register: &'a Register,
    pub(super) target: &'a Target,
    pub(super) key: &'a EvidenceKey,
    pub(super) now: Timestamp,
}

impl People {
    /// Reads the newest accepted data of every source that brings persons.
    pub(super) async fn read(
        pipeline: &Pipeline,
        standing: &Standing,
        generation: u64,
        reading: &Reading<'_>,
    ) -> Result<Self, RunError> {
        let feeds = &pipeline.settings.feeds;
        let mut out = Self::default();
        for (at, feed) in feeds
            .all()
            .iter()
            .enumerate()
            .filter(|(_, it)| it.population)
        {
            let beside = feeds.beside(&feed.name);
            let Some(accepted) = standing.accepted_of(beside.as_ref().map(SourceName::as_str))
            else {
                continue;
            };
            let source = open(pipeline, (at, feed), accepted, generation).await?;
            out.take(
                source,
                reading,
                &WorkerHasher::new(&feeds.home().name),
                beside.is_none() && feeds.owners().is_empty(),
            )?;
        }
        out.rows
            .sort_unstable_by_key(|row| (row.key, row.source, row.byte));
        Ok(out)
    }

    fn take(
        &mut self,
        mut source: Source,
        reading: &Reading<'_>,
        hasher: &WorkerHasher,
        plain: bool,
    ) -> Result<(), RunError> {
        let number = u8::try_from(self.sources.len())
            .map_err(|_| RunError::Refused("reconcile compares at most 255 sources".to_owned()))?;
        let Some(mut sealed) = source.sealed.take() else {
            self.unread.push(source.name.clone());
            self.sources.push(source);
            return Ok(());
        };
        let given = Given {
            now: reading.now,
            key: reading.key,
        };
        let mut print = Print::default();
        let (mut count, mut held) = (0, 0);
        self.rows.reserve(usize::try_from(source.rows).unwrap_or(0));
        sealed.scan_mapped(&given, |scanned, mapped| {
            count += 1;
            let Some((key, mapped)) = scanned.key.zip(mapped) else {
                held += 1;
                return;
            };
            let believed = !scanned.held && !doubtful(&mapped.findings);
            held += u32::from(!believed);
            let identity = &mapped.identity;
            let worker = hasher.hash(key);
            let shape = self.shape(identity, reading.target);
            let cells = self.cells(identity, reading.register);
            let in_force = word([identity], reading.policy, reading.now) == Word::InForce;
            let dated = identity.terms.effective.is_some() || identity.terms.leave.is_some();
            let values = values(identity, reading.target);
            self.rows.push(Row {
                key: scanned.person.map_or(worker, |person| hasher.hash(person)),
                print: print.of(
                    values.map(|(name, value)| (name, Some(value))),
                    reading.target,
                ),
                fingerprint: scanned.fingerprint,
                byte: scanned.byte,
                worker: key_prefix(worker),
                source: number,
                shape: shape.unwrap_or_default(),
                plain: plain && believed && in_force && !dated && shape.is_some() && cells.is_some()
                    // Whose key is another one than the worker id is named by it: that is read again.
                    && scanned.person.is_none_or(|it| it == key),
                held: scanned.held,
                cells: cells.unwrap_or_default(),
            });
        })?;
        source.counted = Some(count);
        source.held = held;
        source.sealed = Some(sealed);
        self.sources.push(source);
        Ok(())
    }

    /// The number of the attributes that a row is compared by.
    fn shape(&mut self, identity: &Identity, target: &Target) -> Option<u16> {
        let same = |names: &Vec<String>| {
            values(identity, target)
                .map(|(name, _)| name)
                .eq(names.iter().map(String::as_str))
        };
        let at = self.shapes.iter().position(same).or_else(|| {
            let names = values(identity, target).map(|(name, _)| name.to_owned());
            self.shapes.push(names.collect());
            Some(self.shapes.len() - 1)
        })?;
        // Where every row writes other attributes there is nothing to share.
        if at >= SHAPES_MAX {
            self.shapes.truncate(SHAPES_MAX);
            return None;
        }
        u16::try_from(at).ok()
    }

    fn cells(&mut self, identity: &Identity, register: &Register) -> Option<Cells> {
        let shared = &mut self.shared;
        Some(Cells {
            hire: identity.hire,
            last_day: identity.last_day,
            termination: identity.terms.termination,
            status: shared.number(&identity.status)?,
            worker_type: shared.number(said(identity, WORKER_TYPE))?,
            entity: shared.number(said(identity, &register.legal_entity))?,
            site: shared.number(said(identity, &register.site))?,
            zone: shared.number(identity.zone.as_deref().unwrap_or_default())?,
        })
    }

    /// What a line names of a plain row.
    pub(super) fn texts(&self, cells: &Cells) -> Texts<'_> {
        let text = |number: u16| {
            self.shared
                .all
                .get(usize::from(number))
                .map_or("", |it| &**it)
        };
        Texts {
            status: text(cells.status),
            worker_type: text(cells.worker_type),
            entity: text(cells.entity),
            site: text(cells.site),
            zone: text(cells.zone),
        }
    }

    /// Rows of a key, as places in [`Self::rows`].
    pub(super) fn of(&self, from: usize) -> &[Row] {
        let Some(first) = self.rows.get(from) else {
            return &[];
        };
        let rest = &self.rows[from..];
        let count = rest.iter().take_while(|row| row.key == first.key).count();
        &rest[..count]
    }

    /// Whether a source's employments are those that the state has: its newest data are no full file.
    /// `None`: the home source.
    pub(super) fn stands(&self, source: Option<&SourceName>, home: &SourceName) -> bool {
        self.unread.contains(source.unwrap_or(home))
    }

    /// A row through the mapping, and whether it is believed.
    pub(super) fn map(
        &mut self,
        row: &Row,
        beside: Option<SourceName>,
        given: &Given<'_>,
    ) -> Result<(Identity, Option<String>, bool), StoreError> {
        let source = &mut self.sources[usize::from(row.source)];
        let sealed = source.sealed.as_mut().ok_or_else(|| StoreError::Corrupt {
            key: source.name.to_string(),
            why: "its rows are not open".to_owned(),
        })?;
        let fetched = sealed.at(row.byte)?;
        let mapped = sealed.map(&fetched, given);
        let mut identity = mapped.identity;
        identity.source = beside;
        let believed = !doubtful(&mapped.findings);
        Ok((identity, sealed.person(&fetched), believed))
    }
}

/// How many different lists of attributes are shared.
const SHAPES_MAX: usize = 64;

fn doubtful(findings: &[Finding]) -> bool {
    findings.iter().any(|it| it.severity == Severity::Held)
}

/// The attributes that are kept in step, but for the key, in order of name.
fn values<'a>(
    identity: &'a Identity,
    target: &'a Target,
) -> impl Iterator<Item = (&'a str, &'a rollcall_core::model::Value)> {
    let all = identity.always.iter();
    all.filter(|(name, _)| **name != target.key_attribute)
        .map(|(name, value)| (name.as_str(), value))
}

/// A text that a row has of an attribute; empty where it has none.
pub(super) fn said<'a>(identity: &'a Identity, attribute: &str) -> &'a str {
    let all = [&identity.always, &identity.on_create, &identity.facts];
    let value = all.iter().find_map(|it| it.get(attribute));
    value.and_then(|it| it.as_text()).unwrap_or_default()
}

async fn open(
    pipeline: &Pipeline,
    (at, feed): (usize, &Feed),
    accepted: &Accepted,
    generation: u64,
) -> Result<Source, RunError> {
    let mut sealed = None;
    if accepted.full {
        let entry = pipeline.intake_entry(&accepted.run, generation).await?;
        let rows = Pipeline::open_rows(&pipeline.store, &entry, &feed.mapping).await;
        sealed = Some(rows.map_err(|error| match error {
            OpenError::Store(StoreError::NotFound(key)) => RunError::Refused(format!(
                "the rows of the newest accepted file of `{}` are no longer kept ({key}): reconcile \
                 compares with them; put the file into the inbox again, or keep values for longer",
                feed.name
            )),
            OpenError::Store(error) => error.into(),
            OpenError::Unbound(why) => RunError::Refused(format!("source `{}`: {why}", feed.name)),
        })?);
    }
    Ok(Source {
        feed: at,
        name: feed.name.clone(),
        run: accepted.run.clone(),
        sha256: accepted.sha256.clone(),
        as_of: accepted.as_of,
        rows: accepted.rows,
        counted: None,
        held: 0,
        sealed,
    })
}
