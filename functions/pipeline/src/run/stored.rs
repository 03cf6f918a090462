//! Plans, deliveries and reports as they are stored.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rollcall_core::fold::Outcomes;
use rollcall_core::groups::Groups;
use rollcall_core::mapping::Mapping;
use rollcall_core::model::{Finding, RunId, SourceName};
use rollcall_core::owners::Owners;
use rollcall_core::plan::{ActionValues, PlanSummary, WorkOrder};
use rollcall_core::policy::Policy;
use rollcall_core::report::{Report, SourceFacts};
use rollcall_core::texts::Texts;

use super::{Pipeline, RunError, corrupt};
use crate::apply::{self, Lines};
use crate::log::{self, Entry, Event, Head, Intake, Planned, Stage, StateRef};
use crate::report::{self, Material};
use crate::rows::{OpenError, SealedRows};
use crate::sources::{Feed, Feeds};
use crate::store::{ObjectRef, Store, StoreError, parse};

/// A stored plan with everything that hangs on it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The run.
    pub run: RunId,
    /// Its log entry.
    pub generation: u64,
    /// What the entry says.
    pub planned: Planned,
    /// `plan.json`.
    pub summary: PlanSummary,
    /// When it was stored.
    pub at: Timestamp,
    /// The state that it was made from.
    pub state: StateRef,
    /// The evidence of the entry.
    pub evidence: Vec<ObjectRef>,
    /// The values of the entry.
    pub values: Vec<ObjectRef>,
}

impl Stored {
    /// `plan.jsonl`.
    ///
    /// # Errors
    /// When the entry does not name it.
    pub fn plan(&self) -> Result<&ObjectRef, StoreError> {
        named(&self.evidence, "plan.jsonl")
    }

    /// The sources that it was made with; of a single one only the mapping is stored, and `home` is
    /// what it is called.
    ///
    /// # Errors
    /// When they are not stored, or this version cannot read them.
    pub async fn feeds(&self, store: &Store, home: &SourceName) -> Result<Feeds, StoreError> {
        if let Some(object) = self.evidence.iter().find(|o| o.is("sources.json")) {
            return Feeds::of_sealed(&object.key, &store.get(&object.key).await?);
        }
        let key = &named(&self.evidence, "mapping.toml")?.key;
        let text = String::from_utf8_lossy(&store.get(key).await?).into_owned();
        let feed = Feed::read(home.clone(), true, None, text, key);
        let feed = feed.map_err(|e| StoreError::Corrupt {
            key: key.clone(),
            why: e.to_string(),
        })?;
        Ok(Feeds::new(vec![feed], Owners::default()))
    }

    /// What the rows of its delivery are read by.
    pub(crate) fn reads<'a>(&self, feeds: &'a Feeds) -> &'a Mapping {
        let beside = self.planned.intake.as_ref().and_then(Intake::beside);
        let feed = beside.and_then(|name| feeds.get(name));
        &feed.unwrap_or(feeds.home()).mapping
    }

    /// The policy that it was made with.
    ///
    /// # Errors
    /// When it is not stored, or this version cannot read it.
    pub async fn policy(&self, store: &Store) -> Result<Policy, StoreError> {
        let key = &named(&self.evidence, "policy.toml")?.key;
        let text = store.get(key).await?;
        Policy::parse(&String::from_utf8_lossy(&text), key).map_err(|e| StoreError::Corrupt {
            key: key.clone(),
            why: e.to_string(),
        })
    }

    /// The groups that it was made with, if there were any.
    ///
    /// # Errors
    /// When this version cannot read them.
    pub async fn groups(&self, store: &Store, feeds: &Feeds) -> Result<Option<Groups>, StoreError> {
        let Some(object) = self.evidence.iter().find(|o| o.is("groups.toml")) else {
            return Ok(None);
        };
        let text = store.get(&object.key).await?;
        let mapping = &feeds.home().mapping;
        let groups = Groups::parse(&String::from_utf8_lossy(&text), &object.key, mapping);
        groups.map(Some).map_err(|e| StoreError::Corrupt {
            key: object.key.clone(),
            why: e.to_string(),
        })
    }

    /// The texts that it was made with, if there were any.
    ///
    /// # Errors
    /// When this version cannot read them.
    pub async fn texts(&self, store: &Store, feeds: &Feeds) -> Result<Option<Texts>, StoreError> {
        let Some(object) = self.evidence.iter().find(|o| o.is("texts.toml")) else {
            return Ok(None);
        };
        let text = store.get(&object.key).await?;
        let mapping = &feeds.home().mapping;
        let notices = Texts::parse(&String::from_utf8_lossy(&text), &object.key, mapping);
        notices.map(Some).map_err(|e| StoreError::Corrupt {
            key: object.key.clone(),
            why: e.to_string(),
        })
    }

    /// `findings.jsonl`.
    ///
    /// # Errors
    /// When the entry does not name it.
    pub fn findings(&self) -> Result<&ObjectRef, StoreError> {
        named(&self.evidence, "findings.jsonl")
    }

    /// `actions.jsonl`: before and after.
    ///
    /// # Errors
    /// When the entry does not name it.
    pub fn actions(&self) -> Result<&ObjectRef, StoreError> {
        named(&self.values, "actions.jsonl")
    }

    /// `persons.jsonl`.
    ///
    /// # Errors
    /// When the entry does not name it.
    pub fn persons(&self) -> Result<&ObjectRef, StoreError> {
        named(&self.values, "persons.jsonl")
    }

    /// `tenant.jsonl`.
    ///
    /// # Errors
    /// When the entry does not name it.
    pub fn tenant(&self) -> Result<&ObjectRef, StoreError> {
        named(&self.values, "tenant.jsonl")
    }
}

/// The object of a name among those of a log entry.
pub(crate) fn named<'a>(list: &'a [ObjectRef], name: &str) -> Result<&'a ObjectRef, StoreError> {
    list.iter()
        .find(|o| o.is(name))
        .ok_or_else(|| StoreError::Corrupt {
            key: "log".to_owned(),
            why: format!("the entry names no `{name}`"),
        })
}

impl Pipeline {
    /// The stored plan of an entry.
    ///
    /// # Errors
    /// When the entry is no plan, or cannot be read.
    pub async fn stored(&self, generation: u64) -> Result<Stored, StoreError> {
        let (entry, _) = log::entry(&self.store, generation).await?;
        let Event::Plan(planned) = entry.event else {
            return Err(corrupt("the entry is not a plan"));
        };
        let key = named(&entry.accepts, "plan.json")?.key.clone();
        Ok(Stored {
            run: entry.run,
            generation,
            planned: *planned,
            at: entry.at,
            state: entry.standing.state,
            summary: self.store.json(&key).await?,
            evidence: entry.accepts,
            values: entry.values,
        })
    }

    /// The sources that a stored plan was made with.
    pub(crate) async fn feeds_of(&self, stored: &Stored) -> Result<Feeds, StoreError> {
        stored.feeds(&self.store, &self.settings.source()).await
    }

    /// The groups that a stored plan was made with.
    pub(crate) async fn groups_of(&self, stored: &Stored) -> Result<Option<Groups>, StoreError> {
        let feeds = self.feeds_of(stored).await?;
        stored.groups(&self.store, &feeds).await
    }

    /// The newest plan of a run, if one was made.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub async fn planned(&self, run: &RunId) -> Result<Option<Stored>, StoreError> {
        let head = log::head(&self.store).await?;
        let mut pending = head.standing.pending.iter();
        let known = pending.find(|p| p.run == *run).map(|p| p.generation);
        let found = match known {
            Some(generation) => Some(generation),
            None => self.entry_of(run, head.generation).await?,
        };
        match found {
            Some(generation) => Ok(Some(self.stored(generation).await?)),
            None => Ok(None),
        }
    }

    /// The plans that are open, or wait for an approval; oldest first.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub async fn open_plans(&self) -> Result<Vec<Stored>, StoreError> {
        let standing = log::head(&self.store).await?.standing;
        let open = standing.open.iter().filter(|o| o.stage == Stage::Planned);
        let pending = standing.pending.iter().map(|p| p.generation);
        let plans: BTreeSet<u64> = open.map(|o| o.generation).chain(pending).collect();
        let mut out = Vec::new();
        for generation in plans {
            out.push(self.stored(generation).await?);
        }
        Ok(out)
    }

    /// The generation of a run's plan entry, searched backwards from one of its entries.
    pub(super) async fn plan_generation(&self, run: &RunId, from: u64) -> Result<u64, StoreError> {
        let found = self.entry_of(run, from).await?;
        found.ok_or_else(|| corrupt("an open run has no plan"))
    }

    async fn entry_of(&self, run: &RunId, from: u64) -> Result<Option<u64>, StoreError> {
        for generation in (1..=from).rev() {
            let (entry, _) = log::entry(&self.store, generation).await?;
            if entry.run == *run && matches!(entry.event, Event::Plan(_)) {
                return Ok(Some(generation));
            }
        }
        Ok(None)
    }

    /// Writes the report of a planned run from what is stored. Where its values have expired it is the one that
    /// was written before: another one would say less.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn report(&self, head: &Head, stored: &Stored) -> Result<Report, RunError> {
        let under_way = head.standing.open.iter().any(|it| it.run == stored.run);
        if !under_way && let Some(written) = self.written_report(stored).await? {
            return Ok(written);
        }
        let outcomes = self.reported(head.generation, stored).await?;
        let approved = Self::approved(head, stored);
        let material = Material {
            run: &stored.run,
            intake: stored.planned.intake.as_ref(),
            undoes: stored.planned.undoes.is_some(),
            heals: stored.planned.heals,
            sources: self.source_facts(head, stored),
            summary: stored.summary.clone(),
            plan: &stored.plan()?.key,
            values: &stored.actions()?.key,
            persons: &stored.persons()?.key,
            findings: &stored.findings()?.key,
            outcomes: &outcomes,
            approved: &approved,
            head: head.named(),
            finished: self.clock.now(),
            usage: self.target.usage(),
            tenant: self.settings.config.target.tenant(),
        };
        let report = report::build(&self.store, &material).await?;
        let rows = match &stored.planned.intake {
            Some(_) => {
                let intake = self.intake_entry(&stored.run, stored.generation).await?;
                // The rows as they were planned: the mapping of today may read other columns.
                let feeds = self.feeds_of(stored).await?;
                match Self::open_rows(&self.store, &intake, stored.reads(&feeds)).await {
                    Ok(rows) => Some(rows),
                    // They have expired, and so has what the receipt would be of.
                    Err(OpenError::Store(StoreError::NotFound(_))) => None,
                    Err(OpenError::Store(error)) => return Err(error.into()),
                    Err(OpenError::Unbound(why)) => return Err(corrupt(&why).into()),
                }
            }
            None => None,
        };
        report::write(&self.store, &report, &material, rows).await?;
        Ok(report)
    }

    /// The report of a run whose values are gone.
    async fn written_report(&self, stored: &Stored) -> Result<Option<Report>, StoreError> {
        if self.store.look(&stored.actions()?.key).await?.is_some() {
            return Ok(None);
        }
        let key = format!("runs/{}/report/report.json", stored.run);
        let bytes = self.store.find(&key).await?;
        bytes.map(|bytes| parse(&key, &bytes)).transpose()
    }

    /// How each of several sources stood when a run was planned, by what is accepted today.
    fn source_facts(&self, head: &Head, stored: &Stored) -> Vec<SourceFacts> {
        if !self.settings.feeds.are_several() {
            return Vec::new();
        }
        let all = self.source_status(&head.standing, stored.planned.now);
        let facts = all.into_iter().map(|it| SourceFacts {
            source: it.source.to_string(),
            as_of: it.as_of,
            rows: it.rows,
            stale: it.stale,
        });
        facts.collect()
    }

    /// What a report counts: the outcomes that were folded, of the newest fold; before there is one,
    /// all that are on record.
    pub(super) async fn reported(&self, at: u64, stored: &Stored) -> Result<Outcomes, StoreError> {
        for generation in (stored.generation..=at).rev() {
            let (entry, _) = log::entry(&self.store, generation).await?;
            if entry.run == stored.run && matches!(entry.event, Event::Fold(_)) {
                return apply::outcomes_in(&self.store, &stored.run, &entry.accepts).await;
            }
        }
        apply::outcomes(&self.store, &stored.run).await
    }

    /// The intake entry of a run, searched backwards.
    pub(crate) async fn intake_entry(&self, run: &RunId, from: u64) -> Result<Entry, StoreError> {
        for generation in (1..=from).rev() {
            let (entry, _) = log::entry(&self.store, generation).await?;
            if entry.run == *run && matches!(entry.event, Event::Intake(_)) {
                return Ok(entry);
            }
        }
        Err(corrupt("a run with a delivery has no intake entry"))
    }

    /// The sealed rows that an intake entry names.
    pub(crate) async fn open_rows(
        store: &Store,
        intake: &Entry,
        mapping: &rollcall_core::mapping::Mapping,
    ) -> Result<SealedRows, OpenError> {
        let rows = intake
            .values
            .first()
            .ok_or_else(|| corrupt("no sealed rows"))?;
        let noted = named(&intake.accepts, "reading.jsonl")?;
        SealedRows::open(store, rows, noted, mapping).await
    }

    /// What a stored plan found.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn findings(&self, stored: &Stored) -> Result<Vec<Finding>, StoreError> {
        report::read_findings(&self.store, &stored.findings()?.key).await
    }

    /// The first orders of a stored plan with the values of their actions, as far as those are
    /// kept, and how many orders there are.
    ///
    /// # Errors
    /// When a stored object cannot be read.
    pub async fn orders(
        &self,
        stored: &Stored,
        most: usize,
    ) -> Result<(Vec<(WorkOrder, Vec<ActionValues>)>, usize), RunError> {
        let plan = &stored.plan()?.key;
        let mut out = Vec::new();
        let mut count = 0;
        let mut lines = Lines::open(&self.store, plan).await?;
        while let Some((_, line)) = lines.next()? {
            count += 1;
            if out.len() >= most {
                continue;
            }
            let order: WorkOrder = parse(plan, &line)?;
            let own = self.action_values(stored, &order).await?;
            out.push((order, own));
        }
        Ok((out, count))
    }

    /// The values of the actions of one order; none where they are no longer kept.
    pub(crate) async fn action_values(
        &self,
        stored: &Stored,
        order: &WorkOrder,
    ) -> Result<Vec<ActionValues>, StoreError> {
        let Some((from, to)) = order.values else {
            return Ok(Vec::new());
        };
        let key = &stored.actions()?.key;
        let bytes = match self.store.get_range(key, from..to).await {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty());
        lines.map(|line| parse(key, line)).collect()
    }

    /// The newest plan and its report, written anew from what is stored. `None` before the
    /// first plan.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn newest_report(&self, head: &Head) -> Result<Option<(Stored, Report)>, RunError> {
        let Some(stored) = self.newest_plan(head.generation).await? else {
            return Ok(None);
        };
        let report = self.report(head, &stored).await?;
        Ok(Some((stored, report)))
    }

    /// The newest plan at or before a generation.
    pub(crate) async fn newest_plan(&self, from: u64) -> Result<Option<Stored>, StoreError> {
        for generation in (1..=from).rev() {
            let (entry, _) = log::entry(&self.store, generation).await?;
            if matches!(entry.event, Event::Plan(_)) {
                return Ok(Some(self.stored(generation).await?));
            }
        }
        Ok(None)
    }
}
