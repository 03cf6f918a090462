//! Sources that are asked: an HR system answers, and what it says is sealed as a file would be.
//!
//! Who was pulled when, and where the next pull begins, stands in the log: a cursor counts once what
//! it ends has been planned. Invariant: a pull that is refused leaves nothing behind.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rollcall_core::digest::Sha256Stream;
use rollcall_core::model::SourceName;
use rollcall_core::profile::{Profile, Profiler};
use rollcall_files::SealedWriter;
use rollcall_source::{
    Checked, Cursor, Reach, Record, RefusalKind, Refused, Sink, Source as Asked, Want,
};

use super::{Attempt, Brought, Pulled, Refusal, backend, refuse};
use crate::config::Source;
use crate::log::{self, Standing};
use crate::run::{Pipeline, RunError};
use crate::spool::Spool;

/// Sources that are asked, by their name in the configuration; or why one cannot be. What is wrong with
/// one stops its pulls and nothing else.
pub type Connectors = BTreeMap<String, Result<Arc<dyn Asked>, Vec<String>>>;

/// A source that could not be pulled is left alone for so long by whoever looks again and again.
const PAUSE: SignedDuration = SignedDuration::from_mins(15);

/// When sources are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Once in this round.
    Now,
    /// Once it is time by the configuration.
    Due,
    /// Not at all: only files count.
    Never,
}

/// What was tried in one pass, so that nothing is tried twice.
#[derive(Debug, Clone)]
pub struct Round {
    when: When,
    /// Files that were refused.
    pub(super) refused: Vec<String>,
    /// Sources that were asked, and from when on they may be asked again.
    asked: BTreeMap<String, Timestamp>,
    /// Those of this pass.
    done: BTreeSet<String>,
    /// How long each source may take.
    limit: Option<Duration>,
}

impl Round {
    /// With nothing tried yet.
    pub fn new(when: When) -> Self {
        Self {
            when,
            refused: Vec::new(),
            asked: BTreeMap::new(),
            done: BTreeSet::new(),
            limit: None,
        }
    }

    /// The same where each source has so long: one that does not come to its end keeps none behind it from being
    /// asked.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The next pass of the same process: files may be whole by now; sources that were refused are left
    /// alone for a while.
    pub fn again(&mut self) {
        self.refused.clear();
        self.done.clear();
    }

    /// Whether a source may be asked at an instant.
    fn may_ask(&self, source: &str, now: Timestamp) -> bool {
        match (self.when, self.asked.get(source)) {
            (When::Never, _) | (When::Now, Some(_)) => false,
            (When::Due, Some(after)) => *after <= now && !self.done.contains(source),
            (When::Now | When::Due, None) => true,
        }
    }
}

impl Pipeline {
    /// Takes what is next: of a source that is to be asked, else the oldest delivery in the inbox.
    ///
    /// # Errors
    /// When the store fails. What is refused is no error.
    pub async fn pull_next(&self, now: Timestamp, round: &mut Round) -> Result<Pulled, RunError> {
        for source in &self.settings.config.source.0 {
            let Some(connector) = self.connectors.get(&source.name) else {
                continue;
            };
            if !round.may_ask(&source.name, now) || !self.is_due(source, round.when, now).await? {
                continue;
            }
            // Whatever comes of it, nobody is asked twice in a pass.
            round.asked.insert(source.name.clone(), now);
            round.done.insert(source.name.clone());
            let pulled = match connector {
                Ok(connector) => {
                    let within = round.limit;
                    self.ask(source, connector.as_ref(), within, now).await?
                }
                Err(problems) => {
                    let message = format!("source `{}`: {}", source.name, problems.join("\n"));
                    refuse(&source.name, RefusalKind::Configuration.name(), message)
                }
            };
            if let Pulled::Refused(refusal) = &pulled {
                // From its end on: a pull that fails slowly took its time. What a person has to mend is not
                // mended by asking.
                let pause = match refusal.kind.as_str() {
                    "credentials" | "permission" | "configuration" => source.pause(),
                    _ => PAUSE.min(source.pause()),
                };
                let after = self.clock.now().max(now).saturating_add(pause);
                let after = after.unwrap_or(Timestamp::MAX);
                round.asked.insert(source.name.clone(), after);
            }
            if pulled != Pulled::Nothing {
                return Ok(pulled);
            }
        }
        let pulled = self.pull_inbox(now, &round.refused).await?;
        if let Pulled::Refused(refusal) = &pulled {
            round.refused.push(refusal.file.clone());
        }
        Ok(pulled)
    }

    /// Whether it is time to ask a source.
    async fn is_due(&self, source: &Source, when: When, now: Timestamp) -> Result<bool, RunError> {
        match when {
            When::Now => return Ok(true),
            When::Never => return Ok(false),
            When::Due => {}
        }
        let head = log::head(&self.store).await?;
        let beside = self.beside(source);
        let newest = newest(&head.standing, beside.as_ref());
        Ok(newest.is_none_or(|at| now.duration_since(at) >= source.pause()))
    }

    fn beside(&self, source: &Source) -> Option<SourceName> {
        self.settings.feeds.beside(&SourceName::new(&source.name))
    }

    /// What is wanted of a source: what its mapping reads.
    pub fn want(&self, source: &Source, reach: Reach, now: Timestamp) -> Want {
        let mapping = self.mapping_of(source);
        Want {
            columns: mapping.columns().into_iter().collect(),
            key: mapping.key_column().to_owned(),
            reach,
            now,
        }
    }

    /// Whether each source that is asked lets us in and gives what the mapping reads: its name, and what was found.
    /// Changes nothing; one that does not answer is a problem of its own.
    pub async fn check_sources(&self, now: Timestamp) -> Vec<(&str, Checked)> {
        let mut out = Vec::new();
        for source in &self.settings.config.source.0 {
            let mut checked = Checked::default();
            match self.connectors.get(&source.name) {
                None => continue,
                Some(Err(problems)) => {
                    for problem in problems {
                        checked.problem(problem);
                    }
                }
                Some(Ok(connector)) => {
                    let want = self.want(source, Reach::Full, now);
                    match connector.check(&want).await {
                        Ok(found) => checked = found,
                        Err(refused) => checked.problem(refused.to_string()),
                    }
                }
            }
            out.push((source.name.as_str(), checked));
        }
        out
    }

    /// Asks a source, and seals what it says. Where changes can no longer be asked for, everybody is.
    async fn ask(
        &self,
        source: &Source,
        connector: &dyn Asked,
        within: Option<Duration>,
        now: Timestamp,
    ) -> Result<Pulled, RunError> {
        let asked = Box::pin(self.ask_once(source, connector, (false, within), now)).await?;
        let expired = |it: &Refusal| it.kind == RefusalKind::CursorExpired.name();
        if matches!(&asked, Pulled::Refused(refusal) if expired(refusal)) {
            tracing::info!("Changes can no longer be asked for; everybody is.");
            return Box::pin(self.ask_once(source, connector, (true, within), now)).await;
        }
        Ok(asked)
    }

    async fn ask_once(
        &self,
        source: &Source,
        connector: &dyn Asked,
        (whole, within): (bool, Option<Duration>),
        now: Timestamp,
    ) -> Result<Pulled, RunError> {
        let name = &source.name;
        let fail = |e: &std::io::Error| RunError::from(backend(name, e));
        let head = match self.ground().await {
            Ok(head) => head,
            Err(error) => return error.into_pulled(),
        };
        let begun = self.cursor(source, &head.standing, now);
        let begun = begun.filter(|_| !whole);
        let (reach, what) = match &begun {
            Some(cursor) => (Reach::Since(cursor.clone()), "changes"),
            None => (Reach::Full, "everybody"),
        };
        let label = format!("{what} of {name}");
        let want = self.want(source, reach, now);
        let mut sealing = Sealing::new(&want).map_err(|e| fail(&e))?;
        let pull = connector.pull(&want, &mut sealing);
        let pulled = match within {
            None => pull.await,
            Some(within) => {
                let pulled = tokio::time::timeout(within, pull).await;
                pulled.unwrap_or_else(|_| Err(too_slow(within)))
            }
        };
        let pulled = match pulled {
            Ok(pulled) => pulled,
            Err(refused) => return Ok(Pulled::Refused(refusal(name, &refused))),
        };
        for found in &pulled.findings {
            sealing.findings.line(found).map_err(|e| fail(&e))?;
        }
        let Sealed {
            sha256,
            rows,
            held,
            findings,
            mut file,
            profile,
        } = sealing.finish().map_err(|e| fail(&e))?;
        if rows != pulled.rows {
            let message = format!(
                "{label}: it says that {} workers came, and there are {rows}",
                pulled.rows
            );
            return Ok(refuse(name, "control_total_mismatch", message));
        }
        // Whoever could not be read is asked for once more.
        let cursor = match begun {
            Some(begun) if held > 0 => Some(begun),
            Some(_) | None => pulled.cursor,
        };
        let asked = log::Asked {
            cursor,
            way_sha256: source.way_sha256(),
        };
        let coverage = source.less(pulled.coverage);
        let mut findings = findings.reader().map_err(|e| fail(&e))?;
        loop {
            // What others committed meanwhile is no reason to ask again.
            let head = match self.ground().await {
                Ok(head) => head,
                Err(error) => return error.into_pulled(),
            };
            let beside = self.beside(source);
            let known = newest(&head.standing, beside.as_ref());
            if known == Some(pulled.as_of) {
                // Taken by a run of this instant that did not come to its end.
                return Ok(Pulled::Nothing);
            }
            if let Some(known) = known.filter(|known| pulled.as_of <= *known) {
                let message = format!(
                    "{label}: describes {}, and data of {known} were taken already; nothing older \
                     changes anything",
                    pulled.as_of
                );
                return Ok(refuse(name, "older_than_applied", message));
            }
            let brought = Brought {
                source,
                file: label.clone(),
                delivery: format!("{label} {}", pulled.as_of),
                sha256: sha256.clone(),
                as_of: pulled.as_of,
                coverage: coverage.clone(),
                rows,
                asked: Some(asked.clone()),
            };
            let sealed = (&mut file, &mut findings, &profile);
            match self.bring_in(&head, brought, sealed, now).await {
                Ok(pulled) => return Ok(pulled),
                Err(Attempt::Lost) => {}
                Err(Attempt::Failed(error)) => return Err(*error),
            }
        }
    }

    /// Where changes of a source begin; `None` where everybody is to be asked for.
    fn cursor(&self, source: &Source, standing: &Standing, now: Timestamp) -> Option<Cursor> {
        let hours = i64::from(source.full_every_hours?);
        let beside = self.beside(source);
        let beside = beside.as_ref().map(SourceName::as_str);
        let accepted = standing.accepted_of(beside)?;
        let full = accepted.newest_full()?;
        let fresh = now.duration_since(full.as_of) < SignedDuration::from_hours(hours);
        // An attribute that is read now and was not then is in no older row.
        let rules = standing.rules.as_ref()?;
        let mapping = self.mapping_of(source).hash();
        let same = rules.mapping_of(beside) == Some(mapping.as_str());
        let asked = accepted.asked.as_ref()?;
        let same = same && asked.way_sha256 == source.way_sha256();
        asked.cursor.clone().filter(|_| fresh && same)
    }
}

/// The moment that the newest data of a source describe, planned or not.
pub(crate) fn newest(standing: &Standing, beside: Option<&SourceName>) -> Option<Timestamp> {
    let beside = beside.map(SourceName::as_str);
    let open = standing.open.iter().filter_map(|it| it.delivery.as_ref());
    let open = open.filter(|it| it.source.as_deref() == beside);
    let accepted = standing.accepted_of(beside).map(|it| it.as_of);
    // What waits for people was taken.
    let parked = standing.pending.iter().filter(|it| !it.accepted());
    let parked = parked.filter_map(|it| it.delivery.as_ref());
    let parked = parked.filter(|it| it.source.as_deref() == beside);
    let taken = open.chain(parked).map(|it| it.as_of);
    taken.chain(accepted).max()
}

/// A source that took longer than it has.
fn too_slow(within: Duration) -> Refused {
    let message = format!(
        "it did not come to its end within {} seconds",
        within.as_secs()
    );
    let hint = "the next pull asks again; if it stays, larger pages, fewer attributes, or where nothing cuts it off";
    Refused::new(RefusalKind::Unavailable, message, hint)
}

/// A source that could not be pulled.
fn refusal(source: &str, refused: &Refused) -> Refusal {
    Refusal {
        file: source.to_owned(),
        kind: refused.kind.name().to_owned(),
        message: format!("source `{source}`: {refused}"),
    }
}

/// Takes in what a source says, as it comes.
struct Sealing {
    rows: SealedWriter<BufWriter<File>>,
    count: u32,
    held: u32,
    findings: Spool,
    profiler: Profiler,
    hash: Sha256Stream,
}

/// What was sealed.
struct Sealed {
    sha256: String,
    rows: u32,
    held: u32,
    findings: Spool,
    file: File,
    profile: Profile,
}

impl Sealing {
    fn new(want: &Want) -> std::io::Result<Self> {
        let out = BufWriter::with_capacity(256 * 1024, tempfile::tempfile()?);
        Ok(Self {
            rows: SealedWriter::new(out, &want.key, &want.columns)?,
            count: 0,
            held: 0,
            findings: Spool::default(),
            profiler: Profiler::new(&want.columns, &want.columns),
            hash: Sha256Stream::default(),
        })
    }

    fn finish(self) -> std::io::Result<Sealed> {
        let out = self.rows.finish()?;
        let mut file = out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Sealed {
            sha256: self.hash.finish(),
            rows: self.count,
            held: self.held,
            findings: self.findings,
            file,
            profile: self.profiler.finish(),
        })
    }
}

impl Sink for Sealing {
    fn received(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    fn record(&mut self, record: &Record<'_>) -> std::io::Result<()> {
        let values = || record.values.iter().map(Cow::as_ref);
        self.count += 1;
        self.held += u32::from(record.held);
        self.rows
            .write_values(record.number, record.held, values())?;
        self.profiler.row(values());
        record
            .findings
            .iter()
            .try_for_each(|found| self.findings.line(found))
    }
}
