//! Who is late with what, and why; and which runs make no headway.
//!
//! Invariant: ids, operations and instants; whoever is named has something that should have happened and did
//! not, whether or not anybody reported an error (P16).

use jiff::{SignedDuration, Timestamp};
use rollcall_core::model::{Op, PersonKey, RunId, WorkerId};
use rollcall_core::state::{Hot, Lifecycle, Person};
use serde::Serialize;

use super::Status;
use crate::apply;
use crate::log::{self, OpenRun, Stage};
use crate::run::Pipeline;
use crate::state::State;
use crate::store::StoreError;

/// How many people are listed; all are counted.
const LISTED: usize = 1_000;

/// Somebody for whom something is past due.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overdue {
    /// Who.
    pub person: PersonKey,
    /// What, where the state says it: a cut, or the step that was planned next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<Op>,
    /// When it fell due, or was to be tried again.
    pub due: Timestamp,
    /// Seconds since then.
    pub late_seconds: f64,
    /// What it waits for.
    #[serde(flatten)]
    pub why: Why,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// Somebody stopped everything.
    Halted,
    /// Guards keep it back.
    Held {
        /// Which, as far as the state says.
        by: Vec<String>,
    },
    /// It waits for the account of another worker.
    Waits {
        /// Whose.
        worker: WorkerId,
    },
    /// It was tried, and was not done.
    Failed {
        /// Plans in a row.
        tries: u32,
    },
    /// A run that makes no headway is in the way.
    RunStuck {
        /// Which.
        run: RunId,
    },
    /// A run that is under way may do it.
    RunUnderWay {
        /// Which.
        run: RunId,
    },
    /// Only cuts go while a source is stale.
    SourceStale {
        /// Which.
        source: String,
    },
    /// No run and no release came to its end since.
    NotReleased,
}

/// A run that makes no headway.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stuck {
    /// Which.
    pub run: RunId,
    /// How far it has come.
    pub stage: Stage,
    /// When it was opened, the first time or again.
    pub opened: Timestamp,
    /// The newest outcome on record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<Timestamp>,
    /// Minutes since the later one of these.
    pub minutes: i64,
}

impl Pipeline {
    /// Open runs of which nothing was heard for longer than `stuck_minutes`.
    pub(super) async fn stuck(
        &self,
        open: &[OpenRun],
        now: Timestamp,
    ) -> Result<Vec<Stuck>, StoreError> {
        let most = SignedDuration::from_mins(i64::from(self.settings.config.stuck_minutes));
        let mut out = Vec::new();
        for run in open {
            let (entry, _) = log::entry(&self.store, run.opening()).await?;
            if now.duration_since(entry.at) <= most {
                continue;
            }
            let last_outcome = match run.stage {
                Stage::Planned => {
                    let outcomes = apply::outcomes(&self.store, &run.run).await?;
                    outcomes.iter().map(|it| it.at).max()
                }
                Stage::Sealed | Stage::Folded => None,
            };
            let heard = last_outcome.map_or(entry.at, |at| at.max(entry.at));
            let silence = now.duration_since(heard);
            if silence > most {
                out.push(Stuck {
                    run: run.run.clone(),
                    stage: run.stage.clone(),
                    opened: entry.at,
                    last_outcome,
                    minutes: silence.as_mins(),
                });
            }
        }
        Ok(out)
    }
}

/// People by when something fell due for them, and their places in the state.
pub(super) fn overdue(
    state: &State,
    mut late: Vec<(Timestamp, usize)>,
    status: &Status,
) -> Result<Vec<Overdue>, StoreError> {
    late.sort_unstable();
    late.truncate(LISTED);
    let places: Vec<usize> = late.iter().map(|(_, at)| *at).collect();
    let persons = state.persons(&places)?;
    let listed = late.iter().zip(&persons).map(|((due, _), person)| Overdue {
        person: person.person.clone(),
        op: next_op(person, status.now),
        due: *due,
        late_seconds: status.now.duration_since(*due).as_secs_f64(),
        why: why(person, status),
    });
    let mut listed: Vec<Overdue> = listed.collect();
    listed.sort_by(|a, b| (a.due, &a.person).cmp(&(b.due, &b.person)));
    Ok(listed)
}

/// Whether somebody may have a cut that is overdue though nothing falls due for them now.
pub(super) fn may_owe_a_cut(hot: &Hot) -> bool {
    let inside = !matches!(hot.lifecycle, Lifecycle::Blocked | Lifecycle::Deleted);
    inside && (hot.unfinished || hot.held)
}

/// The cuts that are overdue of some people: when each fell due, and whose it is. Records are read some at a
/// time: on a bad day there are many.
pub(super) fn owed_cuts(
    state: &State,
    places: &[usize],
    now: Timestamp,
) -> Result<Vec<(Timestamp, usize)>, StoreError> {
    let mut out = Vec::new();
    for some in places.chunks(LISTED) {
        for (at, person) in some.iter().zip(state.persons(some)?) {
            let cut = person.cut.map(|it| it.cut.due).filter(|due| *due <= now);
            out.extend(cut.map(|due| (due, *at)));
        }
    }
    Ok(out)
}

/// The cut, where it is due; else the step whose days began first.
fn next_op(person: &Person, now: Timestamp) -> Option<Op> {
    let inside = !matches!(person.lifecycle, Lifecycle::Blocked | Lifecycle::Deleted);
    if inside && person.cut.as_ref().is_some_and(|it| it.cut.due <= now) {
        return Some(Op::UserDisable);
    }
    if person.due_for_proof() {
        return Some(Op::UserProof);
    }
    let due = person.promised.iter().filter(|it| it.anchor <= now);
    due.min_by_key(|it| it.anchor).map(|it| it.op)
}

fn why(person: &Person, status: &Status) -> Why {
    let cut = next_op(person, status.now) == Some(Op::UserDisable);
    if status.halted.is_some() {
        return Why::Halted;
    }
    if person.held {
        let by = person.kept_by.iter().cloned().collect();
        return Why::Held { by };
    }
    if let Some(worker) = person.waits_for.clone().filter(|_| !cut) {
        return Why::Waits { worker };
    }
    if let Some(stuck) = status.stuck.first() {
        let run = stuck.run.clone();
        return Why::RunStuck { run };
    }
    if let Some(open) = status.open.first() {
        let run = open.run.clone();
        return Why::RunUnderWay { run };
    }
    if person.unfinished && person.tries > 0 {
        let tries = person.tries;
        return Why::Failed { tries };
    }
    match status.sources.iter().find(|it| it.stale) {
        Some(source) if !cut => {
            let source = source.source.to_string();
            Why::SourceStale { source }
        }
        Some(_) | None => Why::NotReleased,
    }
}
