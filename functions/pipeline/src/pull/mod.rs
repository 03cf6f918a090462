//! Pull: a delivery is checked, sealed and committed; nothing else is touched.
//!
//! Structural doubt refuses a file and leaves everything as it was (P3, P4): the file stays in
//! the inbox, the log gets no entry. What is sealed holds only the columns that mapping and
//! policy read (P11).

mod asked;
mod delivery;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rollcall_core::delta::Coverage;
use rollcall_core::digest::Sha256Stream;
use rollcall_core::mapping::Mapping;
use rollcall_core::model::{Finding, FindingKind, Place, RunId, Severity, SourceName};
use rollcall_core::profile::{Profile, Profiler};
use rollcall_files::{Options, Reading, SealedWriter};

pub(crate) use self::asked::newest as newest_of;
pub use self::asked::{Connectors, Round, When};
use self::delivery::{Companions, Said};
use crate::config::Source;
use crate::log::{self, CommitError, Delivery, Event, Head, Intake, Objects, Standing};
use crate::notices::is_meant;
use crate::run::{Pipeline, RunError, nonce, run_id};
use crate::spool::Spool;
use crate::state::State;
use crate::store::{Listed, StoreError};

/// Names of uploads that are not finished, and of companions that are no rosters.
const UNFINISHED: [&str; 5] = [".filepart", ".tmp", ".part", ".incomplete", ".crdownload"];

/// A file that was not taken. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The file.
    pub file: String,
    /// A stable name: `duplicate_content`, `older_than_applied`, `truncated`, `empty` ...
    pub kind: String,
    /// Where, what and what to do.
    pub message: String,
}

impl Refusal {
    /// What became of it: `skip` where nothing is wrong with it and it says nothing new, else
    /// `refuse`.
    pub fn decision(&self) -> &'static str {
        match self.kind.as_str() {
            "duplicate_content" | "older_than_applied" => "skip",
            _ => "refuse",
        }
    }
}

/// A file that is not looked at yet. Nothing is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The file.
    pub file: String,
    /// A stable name: `upload_in_progress` or `companion_missing`.
    pub reason: &'static str,
    /// What it waits for, for people.
    pub waits_for: &'static str,
}

/// What a pull came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// Sealed and committed.
    Sealed {
        /// The new run.
        run: RunId,
        /// The file.
        file: String,
        /// Data rows.
        rows: u32,
        /// What absence from it means.
        coverage: Coverage,
        /// It is of a source that was asked: there may be more.
        asked: bool,
    },
    /// Not taken.
    Refused(Refusal),
    /// Nothing is there to take.
    Nothing,
}

/// What was sealed, and what is known of it.
struct Brought<'a> {
    source: &'a Source,
    file: String,
    delivery: String,
    sha256: String,
    as_of: Timestamp,
    coverage: Coverage,
    rows: u32,
    asked: Option<log::Asked>,
}

/// A file that may be taken.
#[derive(Debug, Clone)]
struct Candidate {
    name: String,
    /// Where it lies in the inbox, as it was seen there.
    listed: Option<Listed>,
    delivery: String,
    as_of: Option<Timestamp>,
    modified: Timestamp,
    said: Said,
}

impl Pipeline {
    /// Takes the oldest delivery in the inbox that was not refused in this call (`passed_over`).
    ///
    /// # Errors
    /// When the store fails. A refused file is no error.
    pub async fn pull_inbox(
        &self,
        now: Timestamp,
        passed_over: &[String],
    ) -> Result<Pulled, RunError> {
        loop {
            let mut candidates = self.candidates().await?;
            candidates.retain(|c| !passed_over.contains(&c.name));
            let Some(candidate) = candidates.into_iter().next() else {
                return Ok(Pulled::Nothing);
            };
            let key = format!("inbox/{}", candidate.name);
            let from = match self.store.open(&key).await {
                Ok(from) => from,
                // Another run took it since the inbox was listed.
                Err(StoreError::NotFound(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            match Box::pin(self.take(&candidate, from, now)).await {
                Ok(Pulled::Nothing) | Err(Attempt::Lost) => {}
                Ok(pulled) => return Ok(pulled),
                Err(Attempt::Failed(error)) => return Err(*error),
            }
        }
    }

    /// Takes a file from anywhere on this machine; it stays where it is. What a checksum or a manifest beside it
    /// says counts; nothing has to be there.
    ///
    /// # Errors
    /// When the store fails. A file that is missing or cannot be read is refused.
    pub async fn pull_file(&self, path: &Path, now: Timestamp) -> Result<Pulled, RunError> {
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |n| n.to_string_lossy().into_owned(),
        );
        loop {
            let Some((source, reading)) = self.settings.source_of(&name) else {
                return Ok(self.of_no_source(&name));
            };
            // Opening through the reader gives its words for a missing file or a directory.
            let options = self.options(source, reading);
            if let Err(refused) = rollcall_files::open_file(path, &options) {
                return Ok(Pulled::Refused(refusal(&name, &refused)));
            }
            let fail = |e: std::io::Error| StoreError::Backend {
                key: name.clone(),
                why: e.to_string(),
            };
            let file = File::open(path).map_err(fail)?;
            let meta = file.metadata().map_err(fail)?;
            let modified = meta
                .modified()
                .ok()
                .and_then(|m| Timestamp::try_from(m).ok());
            let modified = modified.unwrap_or(Timestamp::UNIX_EPOCH);
            let said = Companions::beside_file(path).map_err(fail)?.about(&name);
            let candidate = Candidate {
                delivery: format!("{name} {modified} {}", meta.len()),
                as_of: as_of_in(&name).or(said.as_of),
                name: name.clone(),
                listed: None,
                modified,
                said,
            };
            match Box::pin(self.take(&candidate, file, now)).await {
                Ok(Pulled::Nothing) => {
                    let kind = "duplicate_content".to_owned();
                    let message = format!("{name}: this delivery was taken already");
                    return Ok(Pulled::Refused(Refusal {
                        file: name,
                        kind,
                        message,
                    }));
                }
                Ok(pulled) => return Ok(pulled),
                Err(Attempt::Lost) => {}
                Err(Attempt::Failed(error)) => return Err(*error),
            }
        }
    }

    /// What lies in the inbox, oldest first: by the instant in the name, else by arrival.
    async fn candidates(&self) -> Result<Vec<Candidate>, StoreError> {
        let inbox = self.store.list("inbox").await?;
        let companions = self.companions(&inbox).await?;
        let candidate = |listed: Listed| {
            let name = listed.key.strip_prefix("inbox/")?.to_owned();
            if !is_table(&name) || is_meant(&name) {
                return None;
            }
            let said = companions.about(&name);
            if self.waits(&name, &said).is_some() {
                return None;
            }
            Some(Candidate {
                delivery: format!("{name} {} {}", listed.modified, listed.bytes),
                as_of: as_of_in(&name).or(said.as_of),
                modified: listed.modified,
                listed: Some(listed),
                name,
                said,
            })
        };
        let mut out: Vec<Candidate> = inbox.into_iter().filter_map(candidate).collect();
        // Of one moment the home source comes first: others refer to whom it brings.
        let sources = &self.settings.config.source.0;
        let place = |c: &Candidate| {
            let (source, _) = self.settings.source_of(&c.name)?;
            sources.iter().position(|other| other == source)
        };
        out.sort_by_cached_key(|c| (c.as_of.unwrap_or(c.modified), place(c), c.name.clone()));
        Ok(out)
    }

    /// What of a file has to lie beside it first, and does not.
    fn waits(&self, name: &str, said: &Said) -> Option<&'static str> {
        let (_, reading) = self.settings.source_of(name)?;
        // Nobody can tell what is there: that is said.
        let clear = said.broken.is_none();
        said.waits(reading.waits_for).filter(|_| clear)
    }

    /// What lies beside the files of the inbox.
    async fn companions(&self, inbox: &[Listed]) -> Result<Companions, StoreError> {
        let head = log::head(&self.store).await?;
        let taken = head.standing.deliveries.into_iter().map(|it| it.file);
        Companions::of(&self.store, inbox, taken.collect()).await
    }

    /// What lies in the inbox and is not looked at yet: uploads whose names say that they are not
    /// over, and files whose companions are not there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ignored(&self) -> Result<Vec<Ignored>, StoreError> {
        let inbox = self.store.list("inbox").await?;
        let companions = self.companions(&inbox).await?;
        let ignored = |listed: &Listed| {
            let name = listed.key.strip_prefix("inbox/")?;
            let (reason, waits_for) = if is_finished(name) {
                if !is_table(name) || is_meant(name) {
                    return None;
                }
                let waits = self.waits(name, &companions.about(name))?;
                ("companion_missing", waits)
            } else {
                ("upload_in_progress", "the end of its upload")
            };
            Some(Ignored {
                file: name.to_owned(),
                reason,
                waits_for,
            })
        };
        Ok(inbox.iter().filter_map(ignored).collect())
    }

    /// How a file may be read of which only the key matters: as those of a source of persons, the
    /// home source first.
    pub(crate) fn key_options(&self) -> Vec<Options> {
        let sources = self.settings.config.source.0.iter();
        let persons = sources.filter(|source| source.population);
        let plain = Reading::default();
        let all = persons.map(|source| {
            let options = self.options(source, source.file.as_ref().unwrap_or(&plain));
            Options {
                required: vec![options.key.clone()],
                columns: Vec::new(),
                typed: BTreeMap::new(),
                footer: None,
                records: None,
                ..options
            }
        });
        all.collect()
    }

    /// What rows of a source are read by.
    fn mapping_of(&self, source: &Source) -> &Mapping {
        let feed = self.settings.feeds.get(&source.name);
        &feed.unwrap_or(self.settings.feeds.home()).mapping
    }

    fn options(&self, source: &Source, reading: &Reading) -> Options {
        let mapping = self.mapping_of(source);
        Options {
            key: mapping.key_column().to_owned(),
            required: mapping.columns().into_iter().collect(),
            columns: mapping.columns().into_iter().collect(),
            // It was checked with the configuration.
            ..reading.options().unwrap_or_default()
        }
    }

    async fn take(
        &self,
        candidate: &Candidate,
        from: File,
        now: Timestamp,
    ) -> Result<Pulled, Attempt> {
        let name = &candidate.name;
        let Some((source, reading)) = self.settings.source_of(name) else {
            return Ok(self.of_no_source(name));
        };
        if let Some(why) = &candidate.said.broken {
            return Ok(refuse(name, "half_written", format!("{name}: {why}")));
        }
        let Some(coverage) = source.covers(name) else {
            let message = format!(
                "{name}: `coverage` of the configuration goes by names, and this is none of them, or of two: \
                 rename it, or mend the names"
            );
            return Ok(refuse(name, "coverage_conflict", message));
        };
        let named = SourceName::new(&source.name);
        let beside = self.settings.feeds.beside(&named);
        let head = self.ground().await?;
        let sealed = match self.seal(from, source, reading) {
            Ok(sealed) => sealed,
            Err(Sealing::Refused(refused)) => {
                return Ok(Pulled::Refused(refusal(name, &refused)));
            }
            Err(Sealing::Io(error)) => return Err(backend(name, &error).into()),
        };
        let Sealed {
            sha256,
            rows,
            mut findings,
            rows_file: sealed,
            profile,
            header,
        } = sealed;
        let same = |d: &&Delivery| d.sha256 == sha256 && d.delivery == candidate.delivery;
        if head.standing.deliveries.iter().any(|d| same(&d)) {
            // Taken before a crash, or by another process: only its removal is missing.
            self.remove(candidate).await?;
            return Ok(Pulled::Nothing);
        }
        let said = &candidate.said;
        if let Some((kind, why)) = said.differs(&sha256, rows) {
            return Ok(refuse(name, kind, format!("{name}: {why}")));
        }
        let as_of = candidate.as_of.or(header.as_of);
        let as_of = as_of.unwrap_or(candidate.modified.min(now));
        let several = self.settings.feeds.are_several();
        let of = (source, beside.as_ref().map(SourceName::as_str), several);
        if let Some((kind, why)) = doubt(&head.standing, of, candidate, &sha256, as_of, now) {
            return Ok(refuse(name, kind, format!("{name}: {why}")));
        }
        let header = header.coverage.as_deref();
        if let Some(why) = said.coverage_differs(name, header, &coverage) {
            return Ok(refuse(name, "coverage_conflict", format!("{name}: {why}")));
        }
        if let Some(why) = gap(
            &head.standing,
            beside.as_ref().map(SourceName::as_str),
            said,
        ) {
            return Ok(refuse(
                name,
                "predecessor_missing",
                format!("{name}: {why}"),
            ));
        }
        if self.changed(candidate).await? {
            let why = "written to while it was read; write it under a name that ends in `.tmp` or \
                       `.part`, and rename it when it is whole";
            return Ok(refuse(name, "half_written", format!("{name}: {why}")));
        }
        let accepted = head.standing.accepted_of(of.1);
        let newest = accepted.is_some_and(|it| it.sha256 == sha256);
        let mut older = head.standing.deliveries.iter();
        if let Some(known) = older.rfind(|d| d.sha256 == sha256 && source.population && !newest) {
            let note = format!(
                "the same bytes as `{}` of run {}, under a newer date: HR took something back, or the \
                 export sends its last output again; ask which",
                known.file, known.run
            );
            let (kind, place) = (FindingKind::StaleContent, Place::default());
            let found = Finding::new(kind, Severity::Warning, place, note);
            findings.line(&found).map_err(|e| backend(name, &e))?;
        }
        let brought = Brought {
            source,
            file: name.clone(),
            delivery: candidate.delivery.clone(),
            sha256,
            as_of,
            coverage,
            rows,
            asked: None,
        };
        let mut sealed = sealed;
        let mut findings = findings.reader().map_err(|e| backend(name, &e))?;
        let held = (&mut sealed, &mut findings, &profile);
        let pulled = self.bring_in(&head, brought, held, now).await?;
        self.remove(candidate).await?;
        Ok(pulled)
    }

    /// Stores what was sealed, and commits it as an intake.
    async fn bring_in(
        &self,
        head: &Head,
        brought: Brought<'_>,
        (sealed, findings, profile): (&mut File, &mut (impl Read + Seek + Send), &Profile),
        now: Timestamp,
    ) -> Result<Pulled, Attempt> {
        let Brought {
            source,
            file,
            delivery,
            sha256,
            as_of,
            coverage,
            rows,
            asked,
        } = brought;
        let beside = self.settings.feeds.beside(&SourceName::new(&source.name));
        let run = run_id(now);
        let again = |e: std::io::Error| backend(&file, &e);
        sealed.seek(SeekFrom::Start(0)).map_err(again)?;
        findings.seek(SeekFrom::Start(0)).map_err(again)?;
        let stored = self
            .store
            .put_stream(&format!("values/{run}/rows.csv"), sealed)
            .await?;
        let intake = Intake {
            source: source.name.clone(),
            home: beside.map(|_| self.settings.source().to_string()),
            file: file.clone(),
            delivery,
            sha256,
            as_of,
            coverage: coverage.clone(),
            rows,
            now,
            profile: Some(Box::new(profile.clone())),
            asked,
        };
        let facts = serde_json::to_vec_pretty(&intake).expect("an intake is always JSON");
        let facts = self
            .store
            .put_new(&format!("runs/{run}/intake.json"), facts)
            .await?;
        let noted = self
            .store
            .put_stream(&format!("runs/{run}/reading.jsonl"), findings)
            .await?;
        let objects = Objects {
            evidence: vec![facts, noted],
            values: vec![stored],
        };
        let at = self.clock.now();
        let asked = intake.asked.is_some();
        let event = Event::Intake(intake);
        match log::commit(&self.store, head, &run, at, &nonce(), event, objects).await {
            Ok(_) => {}
            Err(CommitError::Lost(_)) => {
                // Nothing refers to what was sealed: the copy of the rows goes, evidence is never
                // taken away, and we look again.
                self.store.delete(&format!("values/{run}/rows.csv")).await?;
                return Err(Attempt::Lost);
            }
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
        Ok(Pulled::Sealed {
            run,
            file,
            rows,
            coverage,
            asked,
        })
    }

    /// The newest entry of the log, which what is taken in follows.
    async fn ground(&self) -> Result<Head, Attempt> {
        let head = log::head(&self.store).await?;
        if self.settings.feeds.are_several() || !head.standing.beside.is_empty() {
            // What is sealed says whether it is the home source's.
            let state = State::load(&self.store, &head.standing.state).await?;
            self.check_home(&state, &head.standing)?;
        }
        Ok(head)
    }

    /// A file whose name is none of any source's.
    fn of_no_source(&self, name: &str) -> Pulled {
        let message = format!(
            "{name}: no source has files of this name; those are called {}: rename it, or name it in \
             `source.files` of the configuration",
            self.settings.files()
        );
        refuse(name, "unknown_source", message)
    }

    /// Whether somebody wrote to a delivery in the inbox since it was listed.
    async fn changed(&self, candidate: &Candidate) -> Result<bool, StoreError> {
        let Some(listed) = &candidate.listed else {
            return Ok(false);
        };
        let now = self.store.look(&listed.key).await?;
        let same = |now: &Listed| (now.bytes, &now.tag) == (listed.bytes, &listed.tag);
        Ok(now.is_some_and(|now| !same(&now)))
    }

    /// Takes a delivery out of the inbox, unless another one stands under its name by now.
    async fn remove(&self, candidate: &Candidate) -> Result<(), StoreError> {
        let Some(listed) = &candidate.listed else {
            return Ok(());
        };
        if self.changed(candidate).await? {
            return Ok(());
        }
        // The companions first: one that outlived its file would vouch for the next of its name.
        for companion in &candidate.said.own {
            self.store.delete(&format!("inbox/{companion}")).await?;
        }
        self.store.delete(&listed.key).await?;
        Ok(())
    }

    /// Reads every row and writes what is read of it. One pass, nothing kept; the hash is of
    /// the bytes that were read.
    fn seal(&self, from: File, source: &Source, reading: &Reading) -> Result<Sealed, Sealing> {
        let mut from = Hashed::new(from);
        let options = self.options(source, reading);
        let mut reader = rollcall_files::open(&mut from, &options)?;
        let out = BufWriter::with_capacity(256 * 1024, tempfile::tempfile()?);
        let mut writer = SealedWriter::new(out, &options.key, &options.columns)?;
        let mut findings = Spool::default();
        let mut profiler = Profiler::new(reader.header(), &options.columns);
        let mut note = |found: &Finding| findings.line(found);
        while let Some(row) = reader.next()? {
            writer.write(&row)?;
            profiler.row(row.values());
            row.findings.iter().try_for_each(&mut note)?;
        }
        reader.header_findings().try_for_each(note)?;
        let detected = reader.detected();
        let header = OfHeader {
            as_of: detected.file_date.as_deref().and_then(as_of_in),
            coverage: detected.coverage.clone(),
        };
        let totals = reader.finish()?;
        let out = writer.finish()?;
        let mut rows_file = out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        rows_file.seek(SeekFrom::Start(0))?;
        Ok(Sealed {
            sha256: from.finish()?,
            rows: totals.rows,
            findings,
            rows_file,
            profile: profiler.finish(),
            header,
        })
    }
}

/// What speaks against a delivery: a stable kind, and words. `beside` is the source's name where it
/// is not the home source.
fn doubt(
    standing: &Standing,
    (source, beside, several): (&Source, Option<&str>, bool),
    candidate: &Candidate,
    sha256: &str,
    as_of: Timestamp,
    now: Timestamp,
) -> Option<(&'static str, String)> {
    let open = || {
        standing
            .open
            .iter()
            .filter_map(|open| open.delivery.as_ref())
            .filter(|it| it.source.as_deref() == beside)
    };
    let accepted = standing.accepted_of(beside);
    // The newest data in the same bytes say nothing new. Older bytes may come again when HR takes
    // back a change, but then the name has to say that they are meant: a copy of an old file must
    // not undo what came since. One source of all workers whose bytes are those of yesterday is an
    // export that hangs; of several a small one may well have nothing new for days, and says so by a
    // newer date. The newest bytes of a source of attributes may be of use once more: to somebody who
    // has come since.
    let newer = |known: Timestamp| several && candidate.as_of.is_some_and(|at| at > known);
    let newest = accepted.is_some_and(|a| a.sha256 == sha256 && !newer(a.as_of))
        || open().any(|d| d.sha256 == sha256 && !newer(d.as_of));
    let older = standing
        .deliveries
        .iter()
        .rev()
        .find(|d| d.sha256 == sha256);
    let undated = candidate.as_of.is_none();
    let again = if source.population {
        newest || undated
    } else {
        undated && !newest
    };
    if let Some(known) = older.filter(|_| again) {
        return Some((
            "duplicate_content",
            format!(
                "the same bytes as `{}` of run {}; a file that HR wrote anew has other bytes, or a \
                 newer date in its name: ask for one, or remove this copy from the inbox",
                known.file, known.run
            ),
        ));
    }
    if as_of.duration_since(now) > SignedDuration::from_hours(24) {
        return Some((
            "future_file",
            format!(
                "its name, a manifest or its first record says that it describes {as_of}, which is yet to \
                 come; a date that is not the day of the data must not stand last in the name"
            ),
        ));
    }
    let known = open()
        .map(|d| d.as_of)
        .chain(accepted.map(|a| a.as_of))
        .max()?;
    let delta = source.covers(&candidate.name) == Some(Coverage::Delta);
    let full = accepted.is_some_and(|it| it.full) || open().any(|it| it.full);
    if as_of < known && delta && !full {
        let why = format!(
            "describes {as_of}, and changes of {known} were taken already: its own were not, and nobody \
             says them again; have everybody delivered"
        );
        return Some(("delta_out_of_order", why));
    }
    (as_of <= known).then(|| {
        let why = format!(
            "describes {as_of}, and data of {known} were taken already; an older file changes \
             nothing"
        );
        ("older_than_applied", why)
    })
}

/// Why changes cannot be taken in: what was delivered before them, as they say, is not what was taken
/// in last.
fn gap(standing: &Standing, beside: Option<&str>, said: &Said) -> Option<String> {
    let (follows, by) = said.follows.as_ref()?;
    let accepted = standing.accepted_of(beside).map(|it| it.sha256.as_str());
    let open = standing
        .open
        .iter()
        .rev()
        .filter_map(|it| it.delivery.as_ref());
    let newest = open
        .clone()
        .find(|it| it.source.as_deref() == beside)
        .map(|it| it.sha256.as_str())
        .or(accepted);
    let mut parked = standing.pending.iter().filter(|it| !it.accepted());
    let waits = parked.rfind(|it| it.delivery.as_ref().is_some_and(|it| it.sha256 == *follows));
    if let Some(waits) = waits {
        return Some(format!(
            "`{by}` says that another file comes before it, and that one waits for an approval of run {}",
            waits.run
        ));
    }
    (newest != Some(follows.as_str())).then(|| {
        format!(
            "`{by}` says that another file comes before it, and that one was not taken in: deliver it \
             first, or everybody anew"
        )
    })
}

/// What was read of a delivery.
struct Sealed {
    sha256: String,
    rows: u32,
    findings: Spool,
    rows_file: File,
    profile: Profile,
    header: OfHeader,
}

/// What a file says of itself in its first record.
struct OfHeader {
    as_of: Option<Timestamp>,
    coverage: Option<String>,
}

/// A file that is hashed while it is read. Bytes that are read again are hashed once.
struct Hashed {
    from: File,
    hash: Sha256Stream,
    at: u64,
    seen: u64,
}

impl Hashed {
    fn new(from: File) -> Self {
        Self {
            from,
            hash: Sha256Stream::default(),
            at: 0,
            seen: 0,
        }
    }

    /// SHA-256 of the whole file, which must be as long as what was read of it.
    fn finish(mut self) -> std::io::Result<String> {
        self.seek(SeekFrom::Start(self.seen))?;
        std::io::copy(&mut self, &mut std::io::sink())?;
        Ok(self.hash.finish())
    }
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(buffer)?;
        let end = self.at + read as u64;
        if self.at <= self.seen && end > self.seen {
            // At most a buffer long.
            let known = usize::try_from(self.seen - self.at).map_err(std::io::Error::other)?;
            self.hash.update(&buffer[known..read]);
            self.seen = end;
        }
        self.at = end;
        Ok(read)
    }
}

impl Seek for Hashed {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.at = self.from.seek(to)?;
        Ok(self.at)
    }
}

enum Sealing {
    Refused(rollcall_files::Refused),
    Io(std::io::Error),
}

impl From<rollcall_files::Refused> for Sealing {
    fn from(refused: rollcall_files::Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<std::io::Error> for Sealing {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

enum Attempt {
    Lost,
    Failed(Box<RunError>),
}

impl<E: Into<RunError>> From<E> for Attempt {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

impl Attempt {
    /// Where nothing was tried that could be lost.
    fn into_pulled(self) -> Result<Pulled, RunError> {
        match self {
            Self::Lost => Ok(Pulled::Nothing),
            Self::Failed(error) => Err(*error),
        }
    }
}

fn backend(name: &str, error: &std::io::Error) -> StoreError {
    StoreError::Backend {
        key: name.to_owned(),
        why: error.to_string(),
    }
}

fn refuse(file: &str, kind: &str, message: String) -> Pulled {
    Pulled::Refused(Refusal {
        file: file.to_owned(),
        kind: kind.to_owned(),
        message,
    })
}

/// Endings of names of text, and of workbooks.
const TEXTS: [&str; 2] = ["csv", "txt"];
const BOOKS: [&str; 5] = ["xlsx", "xlsm", "xlsb", "xls", "ods"];

/// Whether a file of the inbox may be read: the name is one of text or of a workbook, and says that it is whole.
fn is_table(name: &str) -> bool {
    ends_in(name, &TEXTS) || ends_in(name, &BOOKS)
}

/// The same of text alone.
pub(crate) fn is_text(name: &str) -> bool {
    ends_in(name, &TEXTS)
}

fn ends_in(name: &str, endings: &[&str]) -> bool {
    let lower = name.to_lowercase();
    let ending = lower.rsplit_once('.').map_or("", |(_, ending)| ending);
    let hidden = name.starts_with('.') || name.contains('/');
    endings.contains(&ending) && !hidden && is_finished(name)
}

/// Whether the name of a file does not say that it is still being written.
pub(crate) fn is_finished(name: &str) -> bool {
    let lower = name.to_lowercase();
    !UNFINISHED.iter().any(|u| lower.ends_with(u))
}

pub(crate) fn refusal(name: &str, refused: &rollcall_files::Refused) -> Refusal {
    Refusal {
        file: name.to_owned(),
        kind: refused.kind.name().to_owned(),
        message: refused.clone().in_file(name).to_string(),
    }
}

/// The moment that a file name states: `20260316T020000Z`, `2026-03-16` or `20260316` (00:00
/// UTC), not part of a longer number. The last one in the name counts.
fn as_of_in(name: &str) -> Option<Timestamp> {
    let bytes = name.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut found = None;
    for start in 0..bytes.len() {
        if (start > 0 && digit(start - 1)) || !name.is_char_boundary(start) {
            continue;
        }
        let text = |len: usize| name.get(start..start + len);
        let instant = text(16).and_then(|t| {
            let ends = !digit(start + 16);
            let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", t).ok()?;
            ends.then(|| at.to_zoned(jiff::tz::TimeZone::UTC).ok())
                .flatten()
        });
        let day = |t: &str, format: &str| {
            let date = jiff::civil::Date::strptime(format, t).ok()?;
            date.to_zoned(jiff::tz::TimeZone::UTC).ok()
        };
        let dashed = text(10)
            .filter(|_| !digit(start + 10))
            .and_then(|t| day(t, "%Y-%m-%d"));
        let compact = text(8)
            .filter(|_| !digit(start + 8))
            .and_then(|t| day(t, "%Y%m%d"));
        if let Some(at) = instant.or(dashed).or(compact)
            && (1990..2200).contains(&at.year())
        {
            found = Some(at.timestamp());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_states_the_moment() {
        for (name, expected) in [
            (
                "woodgrove_workers_FULL_20260316T020000Z.csv",
                Some("2026-03-16T02:00:00Z"),
            ),
            (
                "woodgrove_workers_FULL_20260316T020000Z (1).csv",
                Some("2026-03-16T02:00:00Z"),
            ),
            ("export-2026-03-16.csv", Some("2026-03-16T00:00:00Z")),
            ("hr_20260316.csv", Some("2026-03-16T00:00:00Z")),
            ("csv2scim-1000.csv", None),
            ("feed-202603161.csv", None),
            ("feed-20261316.csv", None),
            ("größe-20260316-ü.csv", Some("2026-03-16T00:00:00Z")),
            ("workers.csv", None),
        ] {
            let expected = expected.map(|t| t.parse().unwrap());
            assert_eq!(as_of_in(name), expected, "{name}");
        }
    }
}
