//! Looking ahead: the plan of a day to come, if HR says nothing new.
//!
//! What would happen until then does happen, in memory: what was received and is not carried out is
//! carried out, every release is made at its instant, and those of the day asked for are shown. All of
//! it by the functions that do it for real, over a store that keeps
//! what is written in memory and a target that is only read. Invariant: nothing is stored, committed
//! or written to the target.

mod tenant;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rollcall_core::model::RunId;
use rollcall_http::Clock;
use serde::Serialize;

use self::tenant::Tenant;
use crate::key::KeyHolder;
use crate::log::{self, Stage};
use crate::notify::FileNotifier;
use crate::plan::Freshness;
use crate::pull::{Connectors, Pulled, Refusal, Round, When};
use crate::run::{Finished, Pipeline, RunError, Stored, Until};
use crate::state::State;
use crate::store::StoreError;

/// Days that may be looked ahead.
const DAYS_MAX: i64 = 366;

/// A day, or the 24 hours up to an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// A day, in UTC as `forecast` counts them.
    Day(Date),
    /// The 24 hours before, and the instant itself.
    Instant(Timestamp),
}

impl AsOf {
    /// The first and the last instant of it.
    fn window(self) -> (Timestamp, Timestamp) {
        match self {
            Self::Day(date) => {
                let at = |time: Time| {
                    let there = date.to_datetime(time).to_zoned(TimeZone::UTC);
                    there.map_or(Timestamp::MAX, |it| it.timestamp())
                };
                (at(Time::midnight()), at(Time::constant(23, 59, 59, 0)))
            }
            Self::Instant(at) => {
                let day = SignedDuration::from_hours(24);
                (at.checked_sub(day).unwrap_or(Timestamp::MIN), at)
            }
        }
    }
}

impl std::str::FromStr for AsOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A time of day without a zone reads as a day, too, and is not meant so.
        let parsed = match text.len() {
            10 => text.parse().map(Self::Day),
            _ => text.parse().map(Self::Instant),
        };
        parsed.map_err(|_| {
            "a day is written like 2026-04-01, an instant like 2026-04-01T02:00:00Z".to_owned()
        })
    }
}

/// What a look ahead was made from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Basis {
    /// What falls due from here on is shown; what falls due before is taken as carried out.
    pub since: Timestamp,
    /// What falls due up to here is shown.
    pub until: Timestamp,
    /// When it was asked.
    pub now: Timestamp,
    /// The newest data of HR that it knows: `None` where nothing was ever accepted.
    pub data: Option<Data>,
    /// Files that count as delivered in it, and lie where they lay.
    pub files: Vec<String>,
    /// Runs that were open when it was made, taken as carried out.
    pub runs: Vec<RunId>,
    /// Actions that are taken as carried out before, by operation.
    pub before: BTreeMap<String, u32>,
    /// What guards keep back before, or now: nobody is taken to approve anything.
    pub held: Vec<Kept>,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Data {
    /// The file.
    pub file: Option<String>,
    /// The moment that it describes.
    pub as_of: Timestamp,
}

/// What a guard keeps back before the plan of a look.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// The run, where it is a real one that waits for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The instant of its plan.
    pub at: Timestamp,
    /// The guard.
    pub guard: String,
    /// In words.
    pub why: String,
}

/// A look ahead.
pub struct Look {
    /// What it was made from.
    pub basis: Basis,
    /// The plans of the releases then, in their order, each on the state that the one before leaves.
    pub plans: Vec<Stored>,
    /// Files that could not be taken.
    pub refused: Vec<Refusal>,
    /// Where they can be read: in memory.
    pub pipeline: Pipeline,
}

/// Why there is no look ahead.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// See [`RunError`].
    #[error(transparent)]
    Run(#[from] RunError),
    /// The instant is not one to look ahead to.
    #[error("{0}")]
    When(String),
}

impl From<StoreError> for LookError {
    fn from(error: StoreError) -> Self {
        Self::Run(error.into())
    }
}

impl Pipeline {
    /// The plans of a day to come, by what is known now. `file` counts as delivered instead of what
    /// lies in the inbox.
    ///
    /// # Errors
    /// When the day is over or too far away, or something cannot be read.
    pub async fn look_ahead(
        &self,
        as_of: AsOf,
        now: Timestamp,
        file: Option<&Path>,
    ) -> Result<Look, LookError> {
        let (since, at) = as_of.window();
        if at <= now {
            return Err(LookError::When(format!(
                "{at} is over at {now}: a look ahead is of days to come. `rollcall show RUN` shows \
                 what was planned, `rollcall plan` what is planned now"
            )));
        }
        if at.duration_since(now) > SignedDuration::from_hours(24 * DAYS_MAX) {
            return Err(LookError::When(format!(
                "{at} is more than {DAYS_MAX} days ahead: HR will have said something new by then"
            )));
        }
        if let Some(halted) = self.halted().await? {
            return Err(LookError::When(format!(
                "{halted}. A look ahead supposes that what is due is carried out"
            )));
        }
        let mut ahead = Ahead::new(self, now).await?;
        let waiting = log::head(&self.store).await?.standing;
        let open = waiting.open.iter().filter(|run| run.stage != Stage::Folded);
        let runs = open.map(|run| run.run.clone()).collect();
        ahead.received(now, file).await?;
        let data = ahead.data().await?;
        let (reached, _) = ahead.releases(now, |next| next < since).await?;
        let (before, held) = (ahead.before.clone(), ahead.held.clone());
        let (_, plans) = ahead.releases(reached, |next| next <= at).await?;
        let basis = Basis {
            since: since.max(now),
            until: at,
            now,
            data,
            files: ahead.files,
            runs,
            before,
            held,
        };
        Ok(Look {
            basis,
            plans,
            refused: ahead.refused,
            pipeline: ahead.pipeline,
        })
    }
}

/// The pipeline, over memory.
struct Ahead {
    pipeline: Pipeline,
    tenant: Arc<Tenant>,
    files: Vec<String>,
    refused: Vec<Refusal>,
    before: BTreeMap<String, u32>,
    held: Vec<Kept>,
}

impl Ahead {
    async fn new(real: &Pipeline, now: Timestamp) -> Result<Self, RunError> {
        let tenant = Arc::new(Tenant::new(Arc::clone(&real.target)));
        let store = real.store.kept_in_memory();
        // Nobody is told anything: notices stay in memory as well.
        let notifier = FileNotifier::into(store.clone());
        // What has not happened is signed by nobody.
        let mut settings = real.settings.clone();
        settings.signer = None;
        let pipeline = Pipeline {
            settings,
            key: KeyHolder::from(real.key.get().await?.clone()),
            notifier: Some(Arc::new(notifier)),
            store,
            place: real.place.clone(),
            folder: None,
            cloud: None,
            queue: None,
            connectors: Connectors::new(),
            target: Arc::clone(&tenant) as _,
            clock: Clock::starting_at(now),
            progress: Box::new(|_, _| {}),
        };
        let mut held = Vec::new();
        for pending in &log::head(&real.store).await?.standing.pending {
            let stored = real.stored(pending.generation).await?;
            held.extend(kept(&stored, Some(&pending.run), &pending.waiting()));
        }
        Ok(Self {
            pipeline,
            tenant,
            files: Vec::new(),
            refused: Vec::new(),
            before: BTreeMap::new(),
            held,
        })
    }

    /// Carries out what is open, and what was delivered, as a run would now.
    async fn received(&mut self, now: Timestamp, file: Option<&Path>) -> Result<(), RunError> {
        self.carry_out().await?;
        if file.is_none() {
            // Dismissals first, as in a run: the release below has them.
            let dropped = self.pipeline.take_dismissals(now).await?;
            self.refused.extend(dropped.refused);
        }
        let mut round = Round::new(When::Never);
        loop {
            let pulled = match file {
                Some(path) => self.pipeline.pull_file(path, now).await?,
                None => self.pipeline.pull_next(now, &mut round).await?,
            };
            match pulled {
                Pulled::Sealed { file, .. } => self.files.push(file),
                Pulled::Refused(refusal) => self.refused.push(refusal),
                Pulled::Nothing => break,
            }
            self.carry_out().await?;
            if file.is_some() {
                break;
            }
        }
        if self.release(now).await?.is_some() {
            self.carry_out().await?;
        }
        Ok(())
    }

    async fn carry_out(&mut self) -> Result<(), RunError> {
        for Finished { run, stored, .. } in self.pipeline.advance(Until::Closed).await? {
            tracing::debug!(%run, "Carried out in memory.");
            for (op, count) in &stored.summary.counts.actions {
                *self.before.entry(op.clone()).or_default() += count;
            }
            for (licence, counts) in &stored.summary.counts.licences {
                let seats = i64::from(counts.losses) - i64::from(counts.gains);
                self.tenant.free(licence, seats);
            }
            let guards: Vec<&str> = stored.planned.guards.iter().map(String::as_str).collect();
            let known = |kept: &Kept| kept.run.as_ref() == Some(&run);
            if !self.held.iter().any(known) {
                self.held.extend(kept(&stored, None, &guards));
            }
        }
        Ok(())
    }

    /// Makes and carries out every release from an instant on, as long as it is wanted. How far that
    /// came, and the plans.
    async fn releases(
        &mut self,
        mut at: Timestamp,
        wanted: impl Fn(Timestamp) -> bool,
    ) -> Result<(Timestamp, Vec<Stored>), RunError> {
        let mut plans = Vec::new();
        while let Some(next) = self.next_due(at).await?.filter(|next| wanted(*next)) {
            if let Some(stored) = self.release(next).await? {
                plans.push(stored);
                self.carry_out().await?;
            }
            at = next;
        }
        Ok((at, plans))
    }

    /// The first instant after `at` at which something falls due.
    async fn next_due(&self, at: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let standing = log::head(&self.pipeline.store).await?.standing;
        let state = State::load(&self.pipeline.store, &standing.state).await?;
        let due = state.hot().iter().filter_map(|person| person.due);
        Ok(due.filter(|due| *due > at).min())
    }

    async fn release(&mut self, at: Timestamp) -> Result<Option<Stored>, RunError> {
        self.pipeline.clock = Clock::starting_at(at);
        self.pipeline.release_with(at, Freshness::Assumed).await
    }

    async fn data(&self) -> Result<Option<Data>, StoreError> {
        let standing = log::head(&self.pipeline.store).await?.standing;
        Ok(standing.accepted.map(|accepted| {
            let mut taken = standing.deliveries.iter().rev();
            let file = taken.find(|it| it.run == accepted.run);
            Data {
                file: file.map(|it| it.file.clone()),
                as_of: accepted.as_of,
            }
        }))
    }
}

/// What these guards of a plan keep back.
fn kept(stored: &Stored, run: Option<&RunId>, guards: &[&str]) -> Vec<Kept> {
    let verdicts = stored.summary.guards.iter();
    let named = verdicts.filter(|it| it.tripped && guards.contains(&it.name.as_str()));
    named
        .map(|verdict| Kept {
            run: run.cloned(),
            at: stored.planned.now,
            guard: verdict.name.clone(),
            why: verdict.why.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_all_of_it_and_an_instant_the_day_before_it() {
        let window = |text: &str| {
            let (since, at) = text.parse::<AsOf>().unwrap().window();
            (since.to_string(), at.to_string())
        };
        let of = |since: &str, at: &str| (since.to_owned(), at.to_owned());
        assert_eq!(
            window("2026-04-01"),
            of("2026-04-01T00:00:00Z", "2026-04-01T23:59:59Z")
        );
        assert_eq!(
            window("2028-03-01T02:00:00Z"),
            of("2028-02-29T02:00:00Z", "2028-03-01T02:00:00Z")
        );
        assert_eq!(
            window("2026-04-01T00:00:00-07:00"),
            of("2026-03-31T07:00:00Z", "2026-04-01T07:00:00Z")
        );
        for none in ["", "tomorrow", "2026-13-01", "2026-04-01T02:00:00"] {
            assert!(none.parse::<AsOf>().is_err(), "{none}");
        }
    }
}
