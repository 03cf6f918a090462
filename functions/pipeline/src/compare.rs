//! Stored runs made again by the mapping, policy and groups of today: what would have been different.
//!
//! Each run by itself, from its own rows, state and answers, as if the new rules had come on that
//! day. Invariant: reads only, and asks the target nothing. What comes out holds values: for people
//! who may see them, never for logs.

mod orders;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use rollcall_core::model::{ActionId, RunId};
use rollcall_core::plan::{ActionValues, GuardVerdict, PlanSummary, WorkOrder};
use serde::Serialize;

pub use self::orders::{Change, Kind, PersonShift, Shift, Side, ValueShift};
use crate::apply::Lines;
use crate::log::{self, Event, Rules};
use crate::notices;
use crate::plan::{self, Answers, Common, Freshness, Ground, Made, PlanError, Recalled, Request};
use crate::rows::OpenError;
use crate::run::{Pipeline, RunError, Stored};
use crate::salts;
use crate::spool::{Spool, next_line};
use crate::store::{StoreError, parse};

/// Runs to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// These.
    Runs(Vec<RunId>),
    /// The newest runs of a delivery, so many.
    Last(usize),
}

/// One run, made again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The run.
    pub run: RunId,
    /// Its instant.
    pub now: Timestamp,
    /// The delivery; `None` for a release.
    pub file: Option<String>,
    /// What of the rules is other than then: `mapping`, `policy`, `groups`, `texts`.
    pub changed: Vec<&'static str>,
    /// Why it cannot be made again, where that is so: nothing below counts then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<String>,
    /// Actions, by operation.
    pub ops: BTreeMap<String, Shift>,
    /// Guards that count otherwise.
    pub guards: Vec<GuardShift>,
    /// People, and groups of ours (`group:` and the key), of whom anything would be different.
    pub persons: Vec<PersonShift>,
    /// Questions that were not asked then: of names that count as free, and of accounts that count
    /// as Rollcall left them.
    pub assumed: u32,
}

/// A guard, then and now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuardShift {
    /// Which.
    pub name: String,
    /// What it said.
    pub then: Option<GuardVerdict>,
    /// What it would say.
    pub now: Option<GuardVerdict>,
    /// Actions that it kept back.
    pub held_then: u32,
    /// Actions that it would keep back.
    pub held_now: u32,
}

impl Compared {
    /// Nothing would be different.
    pub fn same(&self) -> bool {
        self.gone.is_none() && self.persons.is_empty() && self.guards.is_empty()
    }
}

/// Why nothing can be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// See [`RunError`].
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is no such run.
    #[error(
        "no run {0} was planned here; the folders below `runs/` are named after them, and `--last N` \
         takes the newest"
    )]
    NoRun(RunId),
    /// There is none at all.
    #[error("no delivery has been planned yet: there is nothing to compare with")]
    NoneYet,
}

impl From<StoreError> for CompareError {
    fn from(error: StoreError) -> Self {
        Self::Run(error.into())
    }
}

impl Pipeline {
    /// Makes stored runs again by today's rules, and says what would have been different.
    ///
    /// # Errors
    /// When a run is unknown, or something cannot be read. That inputs of a run are gone is in the
    /// result.
    pub async fn compare_runs(&self, against: &Against) -> Result<Vec<Compared>, CompareError> {
        let mut out = Vec::new();
        for stored in self.chosen(against).await? {
            out.push(self.compared(&stored).await?);
        }
        Ok(out)
    }

    async fn chosen(&self, against: &Against) -> Result<Vec<Stored>, CompareError> {
        let mut out = Vec::new();
        match against {
            Against::Runs(runs) => {
                for run in runs {
                    let stored = self.planned(run).await?;
                    out.push(stored.ok_or_else(|| CompareError::NoRun(run.clone()))?);
                }
            }
            Against::Last(count) => {
                let newest = log::head(&self.store).await?.generation;
                for generation in (1..=newest).rev() {
                    if out.len() == *count {
                        break;
                    }
                    let (entry, _) = log::entry(&self.store, generation).await?;
                    if let Event::Plan(planned) = &entry.event
                        && planned.intake.is_some()
                    {
                        out.push(self.stored(generation).await?);
                    }
                }
                out.reverse();
                if out.is_empty() {
                    return Err(CompareError::NoneYet);
                }
            }
        }
        Ok(out)
    }

    async fn compared(&self, stored: &Stored) -> Result<Compared, RunError> {
        let planned = &stored.planned;
        let mut out = Compared {
            run: stored.run.clone(),
            now: planned.now,
            file: planned.intake.as_ref().map(|intake| intake.file.clone()),
            changed: changed(&planned.rules, &self.rules(), &stored.summary, self),
            gone: None,
            ops: BTreeMap::new(),
            guards: Vec::new(),
            persons: Vec::new(),
            assumed: 0,
        };
        let assumed = AtomicU32::new(0);
        match Box::pin(self.again(stored, &assumed)).await? {
            Ok(made) => self.differences(stored, made, &mut out).await?,
            Err(why) => out.gone = Some(why),
        }
        out.assumed = assumed.load(Ordering::Relaxed);
        Ok(out)
    }

    /// The plan as it would be by today's rules; or why it cannot be made again.
    async fn again(
        &self,
        stored: &Stored,
        assumed: &AtomicU32,
    ) -> Result<Result<Made, String>, RunError> {
        match Box::pin(self.made_again(stored, assumed)).await {
            Ok(made) => Ok(Ok(made)),
            Err(RunError::Store(StoreError::NotFound(key))) => Ok(Err(format!(
                "`{key}` is no longer kept: it expired or was erased"
            ))),
            Err(RunError::Refused(why)) => Ok(Err(why)),
            Err(error) => Err(error),
        }
    }

    async fn made_again(&self, stored: &Stored, assumed: &AtomicU32) -> Result<Made, RunError> {
        let planned = &stored.planned;
        let before = match stored.generation.checked_sub(1).filter(|it| *it > 0) {
            Some(generation) => log::entry(&self.store, generation).await?.0.standing,
            None => log::Standing::default(),
        };
        let rules = self.rules();
        let book = self.book(&rules);
        let state = self
            .state_for(&before.state, planned.intake.as_ref())
            .await?;
        let intake = match &planned.intake {
            Some(intake) => {
                if let Some(gone) = intake.beside().filter(|it| book.feeds.get(it).is_none()) {
                    return Err(RunError::Refused(format!(
                        "the configuration has no source `{gone}` any more"
                    )));
                }
                let sealed = self.intake_entry(&stored.run, stored.generation).await?;
                match Self::open_rows(&self.store, &sealed, stored.reads(book.feeds)).await {
                    Ok(rows) => Some((intake, rows)),
                    Err(OpenError::Store(error)) => return Err(error.into()),
                    Err(OpenError::Unbound(_)) => {
                        return Err(RunError::Refused(
                            "the mapping now reads columns that were not kept of its rows: only \
                             what a mapping reads is sealed"
                                .to_owned(),
                        ));
                    }
                }
            }
            None => None,
        };
        let (entry, _) = log::entry(&self.store, stored.generation).await?;
        let policy = stored.policy(&self.store).await?;
        let notices = notices::taken(&self.store, &entry, &policy).await?;
        let undo = match &planned.undoes {
            Some(run) => Some(self.undone(run, entry.generation).await?),
            None => None,
        };
        let feeds = self.feeds_of(stored).await?;
        let groups = stored.groups(&self.store, &feeds).await?;
        let tenant = &stored.tenant()?.key;
        let recalled =
            Recalled::read(&self.store, tenant, groups.as_ref(), &state, assumed).await?;
        let forecast = |_: &BTreeMap<String, u32>| stored.summary.forecast.clone();
        let ground = Ground {
            now: planned.now,
            intake,
            undo,
            notices: &notices,
            moved: Vec::new(),
            gone: None,
            heals: planned.heals,
            standing: &before,
            state: &state,
            freshness: Freshness::ByAge,
        };
        let key = self.key.get().await?;
        let common = Common {
            key: salts::of_plan(&self.store, key, planned.seeded).await?,
            kind: self.target.kind(),
            forecast: &forecast,
        };
        let request = Request::new(ground, book, common);
        match plan::make(request, Answers::Recalled(recalled)).await {
            Ok(made) => Ok(made),
            Err(PlanError::Rule(why)) => Err(RunError::Refused(why)),
            Err(error) => Err(error.into()),
        }
    }

    async fn differences(
        &self,
        stored: &Stored,
        made: Made,
        out: &mut Compared,
    ) -> Result<(), RunError> {
        let mut then = self.lines_then(stored).await?;
        let mut held = (BTreeMap::new(), BTreeMap::new());
        for line in then.values() {
            orders::count_held(&parse("plan.jsonl", line)?, &mut held.0);
        }
        let mut plan = made.plan.reader().map_err(PlanError::Spool)?;
        let mut line = Vec::new();
        let mut pairs: Vec<(Option<WorkOrder>, Option<WorkOrder>)> = Vec::new();
        while let Some(now) = next_line(&mut plan, &mut line).map_err(PlanError::Spool)? {
            let order: WorkOrder = parse("plan.jsonl", now)?;
            orders::count_held(&order, &mut held.1);
            match then.remove(order.person.as_str()) {
                Some(same) if same == now => {}
                Some(other) => pairs.push((Some(parse("plan.jsonl", &other)?), Some(order))),
                None => pairs.push((None, Some(order))),
            }
        }
        for line in then.values() {
            pairs.push((Some(parse("plan.jsonl", line)?), None));
        }
        let wanted = orders::ids(pairs.iter().filter_map(|(_, now)| now.as_ref()));
        let values_now = values_of(made.values, &wanted)?;
        for (before, after) in pairs {
            let values_then = match &before {
                Some(order) => self.action_values(stored, order).await?,
                None => Vec::new(),
            };
            let values_then = values_then
                .into_iter()
                .map(|it| (it.id.clone(), it))
                .collect();
            let shift = orders::shift(
                (before.as_ref(), &values_then),
                (after.as_ref(), &values_now),
            );
            for change in shift.iter().flat_map(|it| &it.changes) {
                let op = out.ops.entry(change.op.name().to_owned()).or_default();
                op.add(&change.kinds);
            }
            out.persons.extend(shift);
        }
        out.persons.sort_by(|a, b| a.person.cmp(&b.person));
        out.guards = guards(&stored.summary.guards, &made.summary.guards, &held);
        Ok(())
    }

    /// The orders of a stored plan by whom they are about, as they lie there.
    async fn lines_then(&self, stored: &Stored) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        #[derive(serde::Deserialize)]
        struct Whose {
            person: String,
        }
        let plan = &stored.plan()?.key;
        let mut lines = Lines::open(&self.store, plan).await?;
        let mut out = BTreeMap::new();
        while let Some((_, line)) = lines.next()? {
            let whose: Whose = parse(plan, &line)?;
            out.insert(whose.person, line);
        }
        Ok(out)
    }
}

/// What of the rules is other than then.
fn changed(then: &Rules, now: &Rules, plan: &PlanSummary, today: &Pipeline) -> Vec<&'static str> {
    let groups = today.settings.groups.as_ref().map(|it| it.0.hash());
    let texts = today.settings.notify.as_ref().map(|it| it.texts.hash());
    let differ = [
        (
            "mapping",
            then.mapping_sha256 != now.mapping_sha256 || then.beside != now.beside,
        ),
        ("owners", then.owners_sha256 != now.owners_sha256),
        ("policy", then.policy_sha256 != now.policy_sha256),
        ("groups", plan.inputs.groups_sha256.as_deref() != groups),
        ("texts", plan.inputs.texts_sha256.as_deref() != texts),
    ];
    let differ = differ.into_iter().filter(|(_, differs)| *differs);
    differ.map(|(name, _)| name).collect()
}

/// The values of some actions of a plan that was just made.
fn values_of(
    values: Spool,
    wanted: &BTreeSet<ActionId>,
) -> Result<BTreeMap<ActionId, ActionValues>, RunError> {
    let mut from = values.reader().map_err(PlanError::Spool)?;
    let mut line = Vec::new();
    let mut out = BTreeMap::new();
    while let Some(line) = next_line(&mut from, &mut line).map_err(PlanError::Spool)? {
        let value: ActionValues = parse("actions.jsonl", line)?;
        if wanted.contains(&value.id) {
            out.insert(value.id.clone(), value);
        }
    }
    Ok(out)
}

type HeldBy = BTreeMap<String, u32>;

/// Guards that say something else, or keep back another number of actions.
fn guards(
    then: &[GuardVerdict],
    now: &[GuardVerdict],
    (held_then, held_now): &(HeldBy, HeldBy),
) -> Vec<GuardShift> {
    let names: BTreeSet<&String> = then.iter().chain(now).map(|it| &it.name).collect();
    let find = |all: &[GuardVerdict], name: &str| all.iter().find(|it| it.name == name).cloned();
    let held = |all: &HeldBy, name: &str| all.get(name).copied().unwrap_or_default();
    let shifts = names.into_iter().map(|name| GuardShift {
        then: find(then, name),
        now: find(now, name),
        held_then: held(held_then, name),
        held_now: held(held_now, name),
        name: name.clone(),
    });
    let differs = |it: &GuardShift| it.then != it.now || it.held_then != it.held_now;
    shifts.filter(differs).collect()
}
