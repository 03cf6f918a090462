//! Status: what is late, stale, waiting or held, computed from what should have happened (P16).

mod ledger;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::digest::worker_hash;
use rollcall_core::model::{Op, PersonKey, SourceName, WorkerId};
use rollcall_core::state::{Hot, Lifecycle};
use serde::Serialize;

pub use self::ledger::{Overdue, Stuck, Why};

use crate::apply;
use crate::halt::Halted;
use crate::log::{self, OpenRun, Pending, Stage, Standing};
use crate::pull::newest_of;
use crate::run::{Asked, Pipeline, RunError};
use crate::sources::Feed;
use crate::state::State;

/// How things stand.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Version of this form.
    pub format_version: u32,
    /// When it was asked.
    pub now: Timestamp,
    /// Generation of the head of the log.
    pub generation: u64,
    /// Hours since the moment that the newest accepted intake describes, of the source that has been
    /// silent for longest; `None` = nothing was ever accepted.
    pub source_age_hours: Option<f64>,
    /// A source is older than the policy allows.
    pub stale: bool,
    /// Every source, the home source first.
    pub sources: Vec<SourceStatus>,
    /// Persons known, and those with an account that we manage.
    pub persons: u32,
    /// Managed accounts.
    pub managed: u32,
    /// Persons for whom something is past due.
    pub late: u32,
    /// The longest of those, in seconds.
    pub late_seconds_max: f64,
    /// Who they are and why, the longest first; 1,000 at most.
    pub overdue: Vec<Overdue>,
    /// Persons with something that is not done.
    pub unfinished: u32,
    /// Persons with a reference that waits for another person's account.
    pub waiting: u32,
    /// Persons with something that a guard keeps back.
    pub held: u32,
    /// Accounts that are blocked.
    pub blocked: u32,
    /// The next instant at which something falls due.
    pub next_due: Option<Timestamp>,
    /// Runs that are not over.
    pub open: Vec<OpenRun>,
    /// Those of them that make no headway.
    pub stuck: Vec<Stuck>,
    /// Plans that wait for approvals.
    pub pending: Vec<Pending>,
    /// Somebody stopped everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halted>,
    /// Notices that nothing has taken in yet.
    pub notices: u32,
    /// Runs that people want taken back, which no plan has heard yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undoes: Vec<Asked>,
}

/// How one source stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceStatus {
    /// Its name.
    pub source: SourceName,
    /// It brings persons, not attributes only.
    pub population: bool,
    /// The moment that its newest accepted data describe; `None`: it never brought any.
    pub as_of: Option<Timestamp>,
    /// Hours since then.
    pub age_hours: Option<f64>,
    /// Data rows of them.
    pub rows: Option<u32>,
    /// They are older than allowed, or there are none.
    pub stale: bool,
    /// Since when they are, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Timestamp>,
    /// Of a source that is asked: when it was to be asked next, by `every_minutes`, where that is over for as long
    /// again. Nothing asks it, or it refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed_since: Option<Timestamp>,
}

impl Pipeline {
    /// How each source stands, the home source first.
    pub fn source_status(&self, standing: &Standing, now: Timestamp) -> Vec<SourceStatus> {
        let feeds = &self.settings.feeds;
        let limit = self.settings.policy.gates.max_source_age_h;
        let of = |feed: &Feed| {
            let beside = feeds.beside(&feed.name);
            let accepted = standing.accepted_of(beside.as_ref().map(SourceName::as_str));
            let age = accepted.map(|it| now.duration_since(it.since()).as_secs_f64() / 3600.0);
            SourceStatus {
                source: feed.name.clone(),
                population: feed.population,
                as_of: accepted.map(|it| it.as_of),
                age_hours: age,
                rows: accepted.map(|it| it.rows),
                stale: feed.is_stale(feeds, standing, now, limit),
                stale_since: accepted
                    .and_then(|it| it.since().checked_add(feed.oldest(limit)).ok())
                    .filter(|at| *at < now),
                missed_since: self.missed_since(standing, feed, now),
            }
        };
        feeds.all().iter().map(of).collect()
    }

    /// When a source that is asked was to be asked, where nobody did for as long again.
    fn missed_since(&self, standing: &Standing, feed: &Feed, now: Timestamp) -> Option<Timestamp> {
        let mut sources = self.settings.config.source.0.iter();
        let source = sources.find(|it| it.name == feed.name.as_str())?;
        let due = newest_of(standing, self.settings.feeds.beside(&feed.name).as_ref())?
            .checked_add(source.pause())
            .ok()?;
        let late = now.duration_since(due) > source.pause();
        (late && self.connectors.contains_key(&source.name)).then_some(due)
    }

    /// Computes the status at an instant. Reads only.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn status(&self, now: Timestamp) -> Result<Status, RunError> {
        let head = log::head(&self.store).await?;
        let state = State::load(&self.store, &head.standing.state).await?;
        let sources = self.source_status(&head.standing, now);
        let ages = sources.iter().filter_map(|it| it.age_hours);
        let pending = head.standing.pending.iter();
        let waiting = pending.filter(|p| !p.waiting().is_empty());
        let mut out = Status {
            format_version: 1,
            now,
            generation: head.generation,
            source_age_hours: ages.reduce(f64::max),
            stale: sources.iter().any(|it| it.stale),
            sources,
            persons: u32::try_from(state.hot().len()).unwrap_or(u32::MAX),
            managed: 0,
            late: 0,
            late_seconds_max: 0.0,
            overdue: Vec::new(),
            unfinished: 0,
            waiting: 0,
            held: 0,
            blocked: 0,
            next_due: None,
            open: head.standing.open.clone(),
            stuck: self.stuck(&head.standing.open, now).await?,
            pending: waiting.cloned().collect(),
            halted: self.halted().await?,
            notices: u32::try_from(self.notices(&head).await?.len()).unwrap_or(u32::MAX),
            undoes: self.asked(&head).await?,
        };
        // What a plan under way schedules is not in the state before it is folded.
        for due in self.scheduled(&out.open).await? {
            out.due(due, now);
        }
        let past = |hot: &Hot| hot.due.is_some_and(|due| due <= now);
        let asked_about = |hot: &Hot| past(hot) || ledger::may_owe_a_cut(hot);
        let done = if state.hot().iter().any(asked_about) {
            self.done_meanwhile(&head.standing.open).await?
        } else {
            BTreeMap::new()
        };
        let (mut late, mut owing) = (Vec::new(), Vec::new());
        for (at, hot) in state.hot().iter().enumerate() {
            out.managed += u32::from(hot.managed());
            out.unfinished += u32::from(hot.unfinished);
            out.waiting += u32::from(hot.waits_for != 0);
            out.held += u32::from(hot.held);
            out.blocked += u32::from(hot.lifecycle == Lifecycle::Blocked);
            if !past(hot) && ledger::may_owe_a_cut(hot) && !done.contains_key(&hot.key) {
                owing.push(at);
            }
            if let Some(due) = hot.due {
                // What was to be tried again was tried; what falls due on its day is not done by
                // something else the day before.
                let done = done.get(&hot.key);
                let done = done.is_some_and(|at| hot.unfinished || *at >= due);
                if due > now || !done {
                    out.due(due, now);
                    late.extend((due <= now).then_some((due, at)));
                }
            }
        }
        // Whoever is tried again later, or waits for people, was due all the same.
        for (due, at) in ledger::owed_cuts(&state, &owing, now)? {
            out.due(due, now);
            late.push((due, at));
        }
        out.overdue = ledger::overdue(&state, late, &out)?;
        Ok(out)
    }
}

impl Pipeline {
    /// Persons with something on record as done by a run that is under way, and the last instant
    /// that it was good for: the state does not know it before the run is folded, and a run may
    /// take hours. Whoever is disabled has nothing left to fall due; whoever has something that
    /// failed is not done.
    async fn done_meanwhile(
        &self,
        open: &[OpenRun],
    ) -> Result<BTreeMap<u128, Timestamp>, RunError> {
        let source = self.settings.source();
        let mut done = BTreeMap::new();
        for run in open.iter().filter(|run| run.stage == Stage::Planned) {
            let outcomes = apply::outcomes(&self.store, &run.run).await?;
            let open = outcomes.iter().filter(|o| !o.ending.settled());
            let open: BTreeSet<&PersonKey> = open.map(|o| &o.person).collect();
            let settled = outcomes.iter().filter(|o| o.ending.settled());
            for o in settled.filter(|o| !open.contains(&o.person)) {
                let key = worker_hash(&source, &WorkerId::new(o.person.as_str()));
                let disabled = o.op == Op::UserDisable;
                let at = if disabled { Timestamp::MAX } else { o.at };
                let last = done.entry(key).or_insert(at);
                *last = at.max(*last);
            }
        }
        Ok(done)
    }

    async fn scheduled(&self, open: &[OpenRun]) -> Result<Vec<Timestamp>, RunError> {
        let mut out = Vec::new();
        for run in open {
            if run.stage == Stage::Planned {
                let planned = self.stored(run.generation).await?.planned;
                let first = run.reopened.is_none() || planned.parked;
                out.extend(planned.next_due.filter(|_| first));
            }
        }
        Ok(out)
    }
}

impl Status {
    fn due(&mut self, due: Timestamp, now: Timestamp) {
        if due <= now {
            self.late += 1;
            let seconds = now.duration_since(due).as_secs_f64();
            self.late_seconds_max = self.late_seconds_max.max(seconds);
        } else {
            self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
        }
    }

    /// Something should have happened and did not.
    pub fn alarming(&self) -> bool {
        self.stale
            || self.sources.iter().any(|it| it.missed_since.is_some())
            || self.late > 0
            || self.unfinished > 0
            || !self.open.is_empty()
            || self.halted.is_some()
            || self.notices > 0
            || !self.undoes.is_empty()
    }
}
