//! Taking a run back: what it did to whom, and the plan of that.

use jiff::Timestamp;
use rollcall_core::fold::Outcomes;
use rollcall_core::model::RunId;
use rollcall_core::plan::WorkOrder;
use rollcall_core::policy::Reason;
use rollcall_core::undo::{Deed, Done};

use super::recorded::{Recorded, Records};
use super::{Pipeline, RunError, Step, Stored, run_id};
use crate::log;
use crate::plan::{PlanError, Undo};
use crate::spool::Spool;
use crate::state::State;
use crate::store::StoreError;

/// Records of the state that are read together.
const AT_ONCE: usize = 1000;

impl Pipeline {
    /// Plans to take a run back. Nothing of it goes before somebody agrees.
    ///
    /// # Errors
    /// [`RunError::Refused`] where there is nothing to take back, a run is under way, or what it
    /// was made from is no longer kept.
    pub async fn undo(&self, run: &RunId, now: Timestamp) -> Result<Stored, RunError> {
        let refuse = |why: String| Err(RunError::Refused(why));
        loop {
            let head = log::head(&self.store).await?;
            if let Some(open) = head.standing.open.first() {
                return refuse(format!(
                    "run {} is not over; `apply` brings it to its end, then a run can be taken back",
                    open.run
                ));
            }
            let Some(stored) = self.planned(run).await? else {
                return refuse(format!(
                    "no run {run} was planned here; `rollcall status` and the reports name them"
                ));
            };
            let undo = match self.deeds(&stored, head.generation).await {
                Ok(undo) => undo,
                Err(RunError::Store(StoreError::NotFound(key))) => {
                    return refuse(format!(
                        "what run {run} was made from is no longer kept ({key}): it cannot be taken \
                         back; correct HR's data and let the next run mend it"
                    ));
                }
                Err(error) => return Err(error),
            };
            if undo.deeds.bytes() == 0 {
                return refuse(format!(
                    "run {run} did nothing to anybody: there is nothing to take back"
                ));
            }
            let made = self.make_undo(&head, undo, now).await?;
            match self.commit_plan(&head, &run_id(now), None, made).await {
                Ok(stored) => return Ok(stored),
                Err(Step::Lost) => {}
                Err(Step::Failed(error)) => return Err(*error),
            }
        }
    }

    /// What a run did that an entry of the log takes back.
    ///
    /// # Errors
    /// When something of it is no longer stored.
    pub(crate) async fn undone(&self, run: &RunId, at: u64) -> Result<Undo, RunError> {
        let plan = self.plan_generation(run, at).await?;
        let stored = self.stored(plan).await?;
        self.deeds(&stored, at).await
    }

    /// What a run did, by its plan and by what was on record of it at a generation of the log.
    ///
    /// # Errors
    /// When something of it is no longer stored.
    pub(crate) async fn deeds(&self, stored: &Stored, at: u64) -> Result<Undo, RunError> {
        let outcomes = self.reported(at, stored).await?;
        let state = State::load(&self.store, &stored.state).await?;
        let mut records = Records::open(&self.store, stored).await?;
        let mut deeds = Spool::default();
        let mut some = Vec::new();
        loop {
            let next = records.next()?;
            let last = next.is_none();
            some.extend(next.filter(|it| did(it, &outcomes)));
            if some.len() >= AT_ONCE || last {
                for deed in with_before(std::mem::take(&mut some), &state, &outcomes)? {
                    deeds.line(&deed).map_err(PlanError::Spool)?;
                }
            }
            if last {
                break;
            }
        }
        Ok(Undo {
            run: stored.run.clone(),
            deeds,
        })
    }
}

/// Whether anything is on record as done for somebody, or was due and is not: that is not to be done
/// either.
fn did(recorded: &Recorded, outcomes: &Outcomes) -> bool {
    let due = recorded.order.iter().any(|it| !it.actions.is_empty());
    let mut actions = recorded.order.iter().flat_map(WorkOrder::every);
    due || actions.any(|action| {
        let outcome = outcomes.get(&action.id);
        outcome.is_some_and(|it| it.ending.settled())
    })
}

fn with_before(
    some: Vec<Recorded>,
    state: &State,
    outcomes: &Outcomes,
) -> Result<Vec<(String, Deed)>, StoreError> {
    let places: Vec<Option<usize>> = some
        .iter()
        .map(|it| {
            let key = it.line.person.hot().key;
            state.hot().binary_search_by_key(&key, |hot| hot.key).ok()
        })
        .collect();
    let known: Vec<usize> = places.iter().flatten().copied().collect();
    let mut before = state.persons(&known)?.into_iter();
    let mut out = Vec::with_capacity(some.len());
    for (recorded, place) in some.into_iter().zip(places) {
        let before = place.and_then(|_| before.next());
        let person = &recorded.line.person;
        let mut done: Vec<Done> = recorded
            .order
            .iter()
            .flat_map(WorkOrder::every)
            .filter_map(|action| {
                let outcome = outcomes.get(&action.id)?;
                outcome.ending.settled().then(|| Done {
                    action: action.clone(),
                    already: outcome.ending == rollcall_core::model::Ending::Already,
                })
            })
            .collect();
        done.sort_by_key(|it| it.action.place);
        let absent = done
            .iter()
            .any(|it| it.action.reason == Reason::AbsentTwice);
        let seen =
            (person.fingerprint != 0 && !absent).then(|| format!("{:032x}", person.fingerprint));
        let nothing = done.is_empty();
        let key = format!("{:032x}", person.hot().key);
        let deed = Deed {
            done,
            values: recorded.values.into_values().collect(),
            before: before.map(Box::new),
            revision: person.revision + u32::from(recorded.line.heard && nothing),
            seen,
            absent,
            source: person.facing.clone(),
        };
        out.push((key, deed));
    }
    Ok(out)
}
