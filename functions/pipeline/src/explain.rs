//! Explain: why one worker's account is what it is, from the cell to the answer of the target.
//!
//! Everything is computed again from what is stored, as the run itself computed it; only what the
//! target has now is asked. Invariant: reads only. What comes out holds values: for people who may
//! see them, never for logs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::fold::Outcome;
use rollcall_core::groups::Impact;
use rollcall_core::guards::{self, kind};
use rollcall_core::mapping::{ExplainedAttribute, Fact, Given};
use rollcall_core::model::{
    Account, ActionId, Finding, FindingKind, Lookup, ObjectId, Op, RunId, SourceName, Value,
    WorkerId,
};
use rollcall_core::plan::{Action, ActionValues, GuardVerdict, Held, WorkOrder};
use rollcall_core::policy::{DeltaKind, StatusClass};
use rollcall_core::state::Person;
use serde::Serialize;

use crate::apply::{self, Lines};
use crate::approve::fresh;
use crate::log::{self, Agreed, Event, Head, Intake, Pending};
use crate::plan::answers_about;
use crate::rows::{Fetched, OpenError, SealedRows};
use crate::run::{Pipeline, RunError, Stored};
use crate::state::{Named, State};
use crate::store::{StoreError, parse};

/// Plans that are searched for the last one that had something to do for a worker.
const PLANS_SEARCHED: usize = 50;

/// Everything that is known of one worker. Personal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Version of this form.
    pub format_version: u32,
    /// When it was asked.
    pub now: Timestamp,
    /// The worker, as asked.
    pub worker: WorkerId,
    /// What HR said in the delivery that is explained; `None` where there was none.
    pub delivery: Option<Delivery>,
    /// The plan with the actions: of the run that was asked for, else the newest that has any.
    pub plan: Option<Planned>,
    /// Runs that had something to do for the worker, newest first, as far as they were looked
    /// through.
    pub history: Vec<Touched>,
    /// Steps to come that HR's newer word took back, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taken_back: Vec<TakenBack>,
    /// What the state knows.
    pub person: Option<Person>,
    /// Attributes that another source than that of the delivery owns, by attribute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owned: Vec<OwnedSeen>,
    /// What the target has.
    pub account: AccountSeen,
}

/// An attribute whose value no row of the delivery says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnedSeen {
    /// Which.
    pub attribute: String,
    /// Who owns it.
    pub source: SourceName,
    /// What the owner said last, null where that clears; absent where it said nothing of the person
    /// yet, so that nothing is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// What one run took back of what was to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakenBack {
    /// The run.
    pub run: RunId,
    /// Its plan's instant.
    pub now: Timestamp,
    /// The delivery that said so.
    pub file: Option<String>,
    /// The row in it; `None`: the worker was in no row.
    pub row: Option<u32>,
    /// The operations.
    pub ops: Vec<String>,
    /// The steps, as an older run had planned them; empty where none of those looked through had.
    pub steps: Vec<StepBack>,
}

/// A step that does not come any more, or not then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepBack {
    /// The action.
    pub id: ActionId,
    /// What.
    pub op: Op,
    /// The run that had planned it.
    pub run: RunId,
    /// When it was to fall due.
    pub due: Timestamp,
    /// Why it was to come, in words.
    pub why: String,
    /// The rule of the policy.
    pub rule: String,
    /// When it comes instead; `None`: not at all.
    pub instead: Option<Timestamp>,
}

/// A run that had something to do for a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// The run.
    pub run: RunId,
    /// Its plan's instant.
    pub now: Timestamp,
    /// What happened.
    pub delta: DeltaKind,
}

/// One worker in one delivery.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delivery {
    /// The run that took it.
    pub run: RunId,
    /// The file as it was delivered.
    pub file: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// The moment that it describes.
    pub as_of: Timestamp,
    /// A gate parked it: it counts for nothing until people approve.
    pub parked: bool,
    /// Its rows with this worker's key, the one that counts first.
    pub rows: Vec<RowSeen>,
    /// Other keys in it that look like the one asked for, where it has no such row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub similar: Vec<WorkerId>,
    /// Why its values cannot be shown, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<String>,
    /// What was noted about this worker and these rows.
    pub findings: Vec<Finding>,
}

/// One row, and what the mapping makes of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowSeen {
    /// As a spreadsheet counts.
    pub row: u32,
    /// The reader does not believe it.
    pub held: bool,
    /// The scope of the mapping leaves it out: no attribute is mapped.
    pub out_of_scope: bool,
    /// What the policy makes of the status: `active`, `inactive` or `unknown`.
    pub status: &'static str,
    /// What policy reads.
    pub facts: Vec<Fact>,
    /// The time zone that dates are read in, where the row or the mapping gives one.
    pub zone: Option<String>,
    /// The attributes, in the order of the mapping.
    pub attributes: Vec<ExplainedAttribute>,
}

/// One worker in one plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Planned {
    /// The run.
    pub run: RunId,
    /// The plan's instant.
    pub now: Timestamp,
    /// Digest of its plan.
    pub plan_sha256: String,
    /// Why nothing of it was carried out, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<String>,
    /// What happened to the worker; `None`: it had nothing to do for them.
    pub delta: Option<DeltaKind>,
    /// The workflow of the policy that held, with a `?` where nobody could say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The account that it saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
    /// What becomes of their groups, by what is due.
    #[serde(skip_serializing_if = "Impact::is_empty")]
    pub impact: Impact,
    /// The rules of these groups by key, as they were then.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, String>,
    /// Its actions, in the order in which they are carried out.
    pub actions: Vec<ActionSeen>,
}

/// One action with everything that became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionSeen {
    /// As planned.
    #[serde(flatten)]
    pub action: Action,
    /// Why, in words.
    pub why: String,
    /// Whether it goes.
    pub standing: Standing,
    /// What each attribute was when the plan was made, and what it was to become; empty where the
    /// values are no longer kept.
    pub values: BTreeMap<String, Change>,
    /// What came of it.
    pub outcome: Option<Outcome>,
}

/// Before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// As planning read it.
    pub before: Value,
    /// As planned.
    pub after: Value,
}

/// Whether an action goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Standing {
    /// With the plan.
    Due,
    /// Later, or once somebody else has an account.
    Scheduled,
    /// A guard kept it back.
    Held {
        /// Which.
        by: String,
        /// In words.
        guard: String,
        /// What the guard counted, and what it allows.
        counted: Option<f64>,
        /// See `counted`.
        limit: Option<f64>,
        /// People who have to agree within 24 hours.
        needs: u8,
        /// Those of them whose word counts now.
        has: u8,
        /// A step that has to go first, and is kept back with it.
        #[serde(skip_serializing_if = "Option::is_none")]
        behind: Option<Op>,
        /// Who agreed to let it go.
        agreed: Vec<Agreed>,
        /// What became of the hold.
        hold: Hold,
    },
    /// A newer run took it back: see [`Explanation::taken_back`].
    TakenBack {
        /// The run.
        by: RunId,
        /// When it comes instead; `None`: not at all.
        instead: Option<Timestamp>,
    },
}

/// What became of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// It waits for people.
    Waits,
    /// People let it go.
    Released,
    /// A newer plan decided anew; approving this one does nothing any more.
    Void,
}

/// What the target has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "seen")]
pub enum AccountSeen {
    /// Asked just now.
    Now {
        /// The accounts: none, one, or all that carry the key.
        accounts: Vec<Account>,
    },
    /// It could not be asked; this is what a run read.
    Then {
        /// Why it could not be asked.
        why: String,
        /// When that plan was made.
        at: Timestamp,
        /// The accounts.
        accounts: Vec<Account>,
    },
    /// Nobody knows.
    Unknown {
        /// Why.
        why: String,
    },
}

impl AccountSeen {
    /// The account, where there is exactly one.
    pub fn one(&self) -> Option<&Account> {
        match self {
            Self::Now { accounts } | Self::Then { accounts, .. } => match accounts.as_slice() {
                [account] => Some(account),
                _ => None,
            },
            Self::Unknown { .. } => None,
        }
    }
}

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// Reading failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is no such run, or none at all.
    #[error("{0}")]
    NoPlan(String),
    /// Nothing knows the worker.
    #[error("worker {worker} is in no row of `{file}` (run {run}) and was never known{hint}")]
    NoWorker {
        /// As asked.
        worker: String,
        /// The delivery.
        file: String,
        /// Its run.
        run: RunId,
        /// What may have been meant.
        hint: String,
    },
}

impl From<StoreError> for ExplainError {
    fn from(error: StoreError) -> Self {
        Self::Run(error.into())
    }
}

impl Pipeline {
    /// Why a worker's account is what it is: by the run that is named, else by the newest.
    ///
    /// # Errors
    /// See [`ExplainError`].
    pub async fn explain(
        &self,
        worker: &str,
        run: Option<&RunId>,
        now: Timestamp,
    ) -> Result<Explanation, ExplainError> {
        let head = log::head(&self.store).await?;
        let stored = match run {
            Some(run) => self.planned(run).await?.ok_or_else(|| {
                ExplainError::NoPlan(format!(
                    "no run {run} was planned here; `rollcall status` names those that wait, and \
                     without `--run` the newest is explained"
                ))
            })?,
            None => self.newest_plan(head.generation).await?.ok_or_else(|| {
                ExplainError::NoPlan(
                    "no run has been planned yet: `rollcall plan` makes the first".to_owned(),
                )
            })?,
        };
        let person = self.person(&head, worker).await?;
        let mut delivered = self.delivered(&stored).await?;
        let main = person.as_ref().map(Person::main_source);
        if let (Some(main), None) = (&main, run)
            && let Some(intake) = delivered.as_ref().and_then(|it| it.planned.intake.as_ref())
            && intake.beside() != main.as_ref().map(SourceName::as_str)
        {
            // The newest of the source that employs them.
            let main = main.as_ref().map(SourceName::as_str);
            let of_it = |it: &Intake| it.beside() == main;
            delivered = self.delivered_by(head.generation, of_it).await?;
        }
        let owned = self.owned(person.as_ref(), delivered.as_ref());
        let delivery = match &delivered {
            Some(delivered) => Some(self.delivery(delivered, worker).await?),
            None => None,
        };
        if let (None, Some(delivery)) = (&person, &delivery)
            && delivery.rows.is_empty()
            && delivery.gone.is_none()
        {
            return Err(ExplainError::NoWorker {
                worker: worker.to_owned(),
                file: delivery.file.clone(),
                run: delivery.run.clone(),
                hint: hint(&delivery.similar),
            });
        }
        let (newest, history, taken_back) = self.history(&head, worker).await?;
        let mut plan = match (run, newest) {
            (None, Some(newest)) => newest,
            (Some(_), _) | (None, None) => self.in_plan(&head, &stored, worker).await?,
        };
        plan.mark(&taken_back);
        let plan = Some(plan);
        let account = self
            .account(worker, person.as_ref(), plan.as_ref(), delivered.as_ref())
            .await?;
        Ok(Explanation {
            format_version: 1,
            now,
            worker: WorkerId::new(worker),
            delivery,
            plan,
            history,
            taken_back,
            person,
            owned,
            account,
        })
    }

    async fn person(&self, head: &Head, worker: &str) -> Result<Option<Person>, RunError> {
        let state = State::load(&self.store, &head.standing.state).await?;
        let at = match state.named(&self.settings.source(), &WorkerId::new(worker)) {
            Named::One(at) => at,
            Named::Nobody => return Ok(None),
            Named::Several(persons) => {
                return Err(RunError::Refused(format!(
                    "{worker} is a worker id of {persons} persons; name the one who is meant by another \
                     worker id of theirs"
                )));
            }
        };
        let mut person = state.persons(&[at])?.pop();
        if let Some(person) = &mut person {
            person.face(person.main_source().as_ref());
        }
        Ok(person)
    }

    /// The plan of the delivery that a plan follows: its own, or the newest before it.
    async fn delivered(&self, stored: &Stored) -> Result<Option<Stored>, StoreError> {
        if stored.planned.intake.is_some() {
            return Ok(Some(stored.clone()));
        }
        self.delivered_by(stored.generation - 1, |_| true).await
    }

    /// The newest plan of such a delivery at or before a generation, parked ones left out.
    async fn delivered_by(
        &self,
        from: u64,
        wanted: impl Fn(&Intake) -> bool,
    ) -> Result<Option<Stored>, StoreError> {
        for generation in (1..=from).rev() {
            let (entry, _) = log::entry(&self.store, generation).await?;
            if let Event::Plan(planned) = &entry.event
                && planned.intake.as_ref().is_some_and(&wanted)
                && !planned.parked
            {
                return Ok(Some(self.stored(generation).await?));
            }
        }
        Ok(None)
    }

    /// Attributes that another source owns than the one that delivered.
    fn owned(&self, person: Option<&Person>, delivered: Option<&Stored>) -> Vec<OwnedSeen> {
        let intake = delivered.and_then(|it| it.planned.intake.as_ref());
        let Some((person, intake)) = person.zip(intake) else {
            return Vec::new();
        };
        let owners = self.settings.feeds.owners().iter();
        let others = owners.filter(|(_, owner)| owner.as_str() != intake.source);
        let seen = others.map(|(attribute, owner)| OwnedSeen {
            attribute: attribute.to_owned(),
            source: owner.clone(),
            value: person
                .owned
                .get(attribute)
                .filter(|it| it.source == *owner)
                .map(|it| it.value.clone()),
        });
        seen.collect()
    }

    async fn delivery(&self, stored: &Stored, worker: &str) -> Result<Delivery, ExplainError> {
        let Some(intake) = &stored.planned.intake else {
            let message = "this plan was made without a delivery".to_owned();
            return Err(ExplainError::NoPlan(message));
        };
        let mut out = Delivery {
            run: stored.run.clone(),
            file: intake.file.clone(),
            sha256: intake.sha256.clone(),
            as_of: intake.as_of,
            parked: stored.planned.parked,
            rows: Vec::new(),
            similar: Vec::new(),
            gone: None,
            findings: Vec::new(),
        };
        let entry = self.intake_entry(&stored.run, stored.generation).await?;
        let feeds = self.feeds_of(stored).await?;
        match Self::open_rows(&self.store, &entry, stored.reads(&feeds)).await {
            Ok(mut rows) => self.rows(stored, &mut rows, worker, &mut out).await?,
            Err(OpenError::Store(StoreError::NotFound(_))) => {
                let why = "its rows are no longer kept: they expired or were erased";
                out.gone = Some(why.to_owned());
            }
            Err(OpenError::Store(error)) => return Err(error.into()),
            Err(OpenError::Unbound(why)) => out.gone = Some(why),
        }
        let numbers: BTreeSet<u32> = out.rows.iter().map(|row| row.row).collect();
        let key = &stored.findings()?.key;
        let mut lines = Lines::open(&self.store, key).await?;
        while let Some((_, line)) = lines.next()? {
            let finding: Finding = parse(key, &line)?;
            let theirs = match &finding.worker {
                Some(of) => of.as_str() == worker,
                None => finding.at.row.is_some_and(|row| numbers.contains(&row)),
            };
            if theirs {
                out.findings.push(finding);
            }
        }
        Ok(out)
    }

    async fn rows(
        &self,
        stored: &Stored,
        rows: &mut SealedRows,
        worker: &str,
        out: &mut Delivery,
    ) -> Result<(), ExplainError> {
        let asked = bare(worker);
        let mut at = Vec::new();
        let mut similar = BTreeSet::new();
        rows.scan(|row| match row.key.or(row.odd_key) {
            Some(key) if key == worker => at.push(row.byte),
            Some(key) if bare(key) == asked => {
                similar.insert(WorkerId::new(key));
            }
            Some(_) | None => {}
        })?;
        if at.is_empty() {
            out.similar = similar.into_iter().take(5).collect();
        }
        let policy = stored.policy(&self.store).await?;
        let given = Given {
            now: stored.planned.now,
            key: self.key.get().await?,
        };
        for byte in at {
            let row: Fetched = rows.at(byte)?;
            let mapped = rows.map(&row, &given);
            let (facts, attributes) = rows.explain(&row, &given);
            out.rows.push(RowSeen {
                row: row.number(),
                held: row.held(),
                out_of_scope: mapped.identity.out_of_scope,
                status: match policy.class(&mapped.identity.status) {
                    StatusClass::Active => "active",
                    StatusClass::Inactive => "inactive",
                    StatusClass::Rescinded => "hire called off",
                    StatusClass::NoShow => "never came",
                    StatusClass::Deceased => "died",
                    StatusClass::Unknown => "unknown",
                },
                zone: mapped.identity.zone,
                facts,
                attributes: if mapped.identity.out_of_scope {
                    Vec::new()
                } else {
                    attributes
                },
            });
        }
        Ok(())
    }

    /// The newest plan that has something to do for the worker, what the newest plans had to do, and
    /// what of it newer ones took back.
    async fn history(
        &self,
        head: &Head,
        worker: &str,
    ) -> Result<(Option<Planned>, Vec<Touched>, Vec<TakenBack>), StoreError> {
        let (mut newest, mut history, mut taken_back) = (None, Vec::new(), Vec::new());
        // What newer plans than the one looked at have for the worker, the nearest last.
        let mut newer: Option<Planned> = None;
        let mut from = head.generation;
        for _ in 0..PLANS_SEARCHED {
            let Some(stored) = self.newest_plan(from).await? else {
                break;
            };
            from = stored.generation - 1;
            let planned = self.in_plan(head, &stored, worker).await?;
            for back in &mut taken_back {
                trace(back, &planned, newer.as_ref());
            }
            taken_back.extend(self.taken_back(&stored, worker).await?);
            if let Some(delta) = planned.delta {
                history.push(Touched {
                    run: planned.run.clone(),
                    now: planned.now,
                    delta,
                });
                newest.get_or_insert_with(|| planned.clone());
                newer = Some(planned);
            }
        }
        Ok((newest, history, taken_back))
    }

    /// What a plan took back of what was to come for the worker.
    async fn taken_back(
        &self,
        stored: &Stored,
        worker: &str,
    ) -> Result<Option<TakenBack>, StoreError> {
        let key = &stored.findings()?.key;
        let named = serde_json::to_vec(worker).expect("a text is always JSON");
        let mut lines = Lines::open(&self.store, key).await?;
        while let Some((_, line)) = lines.next()? {
            if !line.windows(named.len()).any(|part| part == named) {
                continue;
            }
            let finding: Finding = parse(key, &line)?;
            let theirs = finding
                .worker
                .as_ref()
                .is_some_and(|it| it.as_str() == worker);
            if finding.kind != FindingKind::Withdrawn || !theirs {
                continue;
            }
            let ops = finding.arg("ops").unwrap_or_default();
            return Ok(Some(TakenBack {
                run: stored.run.clone(),
                now: stored.planned.now,
                file: stored.planned.intake.as_ref().map(|it| it.file.clone()),
                row: finding.at.row,
                ops: ops.split(',').map(str::to_owned).collect(),
                steps: Vec::new(),
            }));
        }
        Ok(None)
    }

    async fn in_plan(
        &self,
        head: &Head,
        stored: &Stored,
        worker: &str,
    ) -> Result<Planned, StoreError> {
        let mut out = Planned {
            run: stored.run.clone(),
            now: stored.planned.now,
            plan_sha256: stored.planned.plan_sha256.clone(),
            set_aside: None,
            delta: None,
            workflow: None,
            object: None,
            impact: Impact::default(),
            rules: BTreeMap::new(),
            actions: Vec::new(),
        };
        let plan = &stored.plan()?.key;
        // A plan has as many lines as people: only one that may be theirs is read.
        let named = serde_json::to_vec(worker).expect("a text is always JSON");
        let mut lines = Lines::open(&self.store, plan).await?;
        while let Some((_, line)) = lines.next()? {
            if !line.windows(named.len()).any(|part| part == named) {
                continue;
            }
            let order: WorkOrder = parse(plan, &line)?;
            if order.workers.iter().any(|w| w.as_str() == worker) {
                let since = self.since(head, stored).await?;
                out.delta = Some(order.delta);
                out.workflow.clone_from(&order.workflow);
                out.object.clone_from(&order.object);
                out.impact.clone_from(&order.impact);
                if !order.impact.is_empty()
                    && let Some(groups) = self.groups_of(stored).await?
                {
                    let named = groups.all().iter().filter(|it| order.impact.names(&it.key));
                    out.rules = named.map(|it| (it.key.clone(), it.rule.clone())).collect();
                }
                out.actions = self.actions(stored, &order, &since).await?;
                out.set_aside = since.set_aside;
                break;
            }
        }
        Ok(out)
    }

    async fn actions(
        &self,
        stored: &Stored,
        order: &WorkOrder,
        since: &Since,
    ) -> Result<Vec<ActionSeen>, StoreError> {
        let values = self.action_values(stored, order).await?;
        let values: BTreeMap<&ActionId, &ActionValues> =
            values.iter().map(|v| (&v.id, v)).collect();
        let outcomes = apply::outcomes(&self.store, &stored.run).await?;
        let policy = stored.policy(&self.store).await?;
        let create_days = policy.under(order.workflow.as_deref()).joiner.create_days;
        let seen = |action: &Action, standing: Standing| ActionSeen {
            why: why(action, stored.planned.now, create_days),
            standing,
            values: values
                .get(&action.id)
                .map(|v| changes(v))
                .unwrap_or_default(),
            outcome: outcomes.get(&action.id).cloned(),
            action: action.clone(),
        };
        let due = order.actions.iter().map(|a| seen(a, Standing::Due));
        let now = self.clock.now();
        let held = order.held.iter().flat_map(|held| {
            let needs = kind(&held.by).map_or(0, |kind| guards::approvers(&policy, kind));
            let mut verdicts = stored.summary.guards.iter();
            let verdict = verdicts.find(|it| it.name == held.by);
            let actions = held.actions.iter();
            actions.map(move |action| {
                let standing = since.standing(held, action, verdict, needs, now);
                (action, standing)
            })
        });
        let held = held.map(|(action, standing)| seen(action, standing));
        let later = order.scheduled.iter();
        let later = later.map(|a| seen(a, Standing::Scheduled));
        Ok(due.chain(held).chain(later).collect())
    }

    /// What the log says of a plan since it was made.
    async fn since(&self, head: &Head, stored: &Stored) -> Result<Since, StoreError> {
        let plan = &stored.planned.plan_sha256;
        let mut pending = head.standing.pending.iter();
        let mut out = Since::default();
        if let Some(pending) = pending.find(|p| p.plan_sha256 == *plan) {
            out.pending = Some(pending.clone());
        }
        for generation in stored.generation + 1..=head.generation {
            let (entry, _) = log::entry(&self.store, generation).await?;
            match entry.event {
                Event::Approval(approval) if approval.plan_sha256 == *plan => {
                    if approval.complete {
                        out.approved.insert(approval.guard.clone());
                    }
                    let named = approval.lets_go.iter();
                    out.named
                        .extend(named.map(|it| (it.guard.clone(), it.action.clone())));
                    out.agreed.push(Agreed {
                        guard: approval.guard,
                        action: approval.action,
                        by: approval.by,
                        at: approval.given,
                    });
                }
                Event::Close(closed) if entry.run == stored.run => {
                    out.set_aside = closed.set_aside;
                }
                Event::Approval(_)
                | Event::Close(_)
                | Event::Intake(_)
                | Event::Plan(_)
                | Event::Fold(_) => {}
            }
        }
        Ok(out)
    }

    /// What the target has of a worker: asked now, or else what a run read. Of somebody who has no
    /// account yet, the one that a plan wants to take over.
    async fn account(
        &self,
        worker: &str,
        person: Option<&Person>,
        plan: Option<&Planned>,
        delivered: Option<&Stored>,
    ) -> Result<AccountSeen, StoreError> {
        let key = Lookup::Key(worker.to_owned());
        let linked = person.and_then(|p| p.object.clone());
        let id = linked
            .or_else(|| plan.and_then(|plan| plan.object.clone()))
            .map(Lookup::Id);
        let question = id.clone().unwrap_or_else(|| key.clone());
        let mapping = match delivered {
            Some(stored) => self.feeds_of(stored).await?.home().mapping.clone(),
            None => self.settings.mapping().clone(),
        };
        let attributes: Vec<String> = mapping.targets().into_iter().map(str::to_owned).collect();
        let why = match self.target.look_up(&[question], &attributes).await {
            Ok(mut answers) => {
                let accounts = answers.pop().unwrap_or_default();
                return Ok(AccountSeen::Now { accounts });
            }
            Err(error) => error.to_string(),
        };
        let Some(stored) = delivered else {
            return Ok(AccountSeen::Unknown { why });
        };
        let asked: Vec<Lookup> = id.into_iter().chain([key]).collect();
        match answers_about(&self.store, &stored.tenant()?.key, &asked).await {
            Ok(Some(accounts)) => Ok(AccountSeen::Then {
                why,
                at: stored.planned.now,
                accounts,
            }),
            Ok(None) | Err(StoreError::NotFound(_)) => Ok(AccountSeen::Unknown { why }),
            Err(error) => Err(error),
        }
    }
}

/// What happened to a plan after it was made.
#[derive(Debug, Default)]
struct Since {
    agreed: Vec<Agreed>,
    /// Guards that enough people overruled.
    approved: BTreeSet<String>,
    /// Actions for which enough people overruled a guard by name.
    named: BTreeSet<(String, ActionId)>,
    /// What waits of it still.
    pending: Option<Pending>,
    set_aside: Option<String>,
}

impl Since {
    fn standing(
        &self,
        held: &Held,
        action: &Action,
        verdict: Option<&GuardVerdict>,
        needs: u8,
        now: Timestamp,
    ) -> Standing {
        // Any gate that is approved accepts the intake, whichever of them the hold is filed under.
        let gate = guards::parks;
        let same = |guard: &str, by: &str| guard == by || (gate(guard) && gate(by));
        let of = |guard: &str| held.guards().any(|by| same(guard, by));
        let let_go = |by: &String| {
            let named = (by.clone(), action.id.clone());
            self.approved.iter().any(|guard| same(guard, by)) || self.named.contains(&named)
        };
        let about = |a: &&Agreed| {
            let ours = a.action.as_ref().is_none_or(|it| *it == action.id);
            of(&a.guard) && ours
        };
        let agreed = self.agreed.iter().filter(about);
        let waiting = self.pending.as_ref().map(Pending::waiting);
        let mut waits = waiting.iter().flatten().filter(|guard| of(guard));
        let keeps = held.guards().find(|by| !let_go(by));
        let has = keeps.zip(self.pending.as_ref()).map_or(0, |(by, pending)| {
            fresh(pending, by, Some(&action.id), now).len()
        });
        let has = u8::try_from(has).unwrap_or(u8::MAX);
        let mut before = held.actions.iter().filter(|it| action.waits_for(it));
        Standing::Held {
            by: keeps.unwrap_or(&held.by).clone(),
            guard: held.why.clone(),
            counted: verdict.map(|it| it.counted),
            limit: verdict.map(|it| it.limit),
            needs,
            has,
            behind: before.next().map(|it| it.op),
            agreed: agreed.cloned().collect(),
            hold: if keeps.is_none() {
                Hold::Released
            } else if waits.next().is_some() {
                Hold::Waits
            } else {
                Hold::Void
            },
        }
    }
}

impl Planned {
    /// Marks steps that a newer run took back.
    fn mark(&mut self, taken_back: &[TakenBack]) {
        for seen in &mut self.actions {
            let back = taken_back.iter().find_map(|back| {
                let same = |step: &&StepBack| step.run == self.run && step.id == seen.action.id;
                Some((back, back.steps.iter().find(same)?))
            });
            if let Some((back, step)) = back.filter(|_| seen.outcome.is_none()) {
                seen.standing = Standing::TakenBack {
                    by: back.run.clone(),
                    instead: step.instead,
                };
            }
        }
    }
}

/// Finds what was taken back in an older plan, the nearest one that had planned it. `newer` is the
/// plan after that.
fn trace(back: &mut TakenBack, older: &Planned, newer: Option<&Planned>) {
    if !back.steps.is_empty() {
        return;
    }
    let newer = newer.filter(|newer| newer.run == back.run);
    let object = |action: &Action| {
        let names = ["manager", "group", "licence", "id"];
        names.map(|name| action.args.get(name).cloned())
    };
    for ActionSeen { action, why, .. } in &older.actions {
        let taken = back.ops.iter().any(|op| op == action.op.name());
        if !taken || action.due <= back.now {
            continue;
        }
        let again: Vec<Timestamp> = newer
            .iter()
            .flat_map(|newer| &newer.actions)
            .filter(|it| it.action.op == action.op && object(&it.action) == object(action))
            .map(|it| it.action.due)
            .collect();
        if !again.contains(&action.due) {
            back.steps.push(StepBack {
                id: action.id.clone(),
                op: action.op,
                run: older.run.clone(),
                due: action.due,
                why: why.clone(),
                rule: action.rule.clone(),
                instead: again.first().copied(),
            });
        }
    }
}

/// The reason in words, and how the instant follows from it where that is not the reason itself.
fn why(action: &Action, planned: Timestamp, create_days: u16) -> String {
    let words = action.reason.words();
    if action.op == Op::UserCreate && action.due > planned && action.due != Timestamp::MAX {
        return format!("{words}; {create_days} days before the first day of work");
    }
    words
}

fn changes(values: &ActionValues) -> BTreeMap<String, Change> {
    let after = values.after.iter();
    after
        .map(|(name, after)| {
            let change = Change {
                before: values.before.get(name).cloned().unwrap_or_default(),
                after: after.clone(),
            };
            (name.clone(), change)
        })
        .collect()
}

/// A key without what a person or a spreadsheet may get wrong: leading zeros, case, blanks.
fn bare(key: &str) -> String {
    let letters = key.chars().filter(|c| c.is_alphanumeric());
    let plain: String = letters.flat_map(char::to_lowercase).collect();
    plain.trim_start_matches('0').to_owned()
}

fn hint(similar: &[WorkerId]) -> String {
    if similar.is_empty() {
        return "; a key is compared as it is written, leading zeros included".to_owned();
    }
    let keys: Vec<&str> = similar.iter().map(WorkerId::as_str).collect();
    format!("; did you mean {}?", keys.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_a_person_mixes_up_look_alike() {
        for key in ["00123", "123", " 0123 "] {
            assert_eq!(bare(key), "123", "{key:?}");
        }
        assert_eq!(bare("ab-0012"), bare("AB0012"));
        assert_ne!(bare("1230"), bare("123"));
    }
}
