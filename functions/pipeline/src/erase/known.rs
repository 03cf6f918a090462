//! Who is meant, by which ids, and what the store has of them.

use std::collections::BTreeSet;

use rollcall_core::digest::worker_hash;
use rollcall_core::fold::PersonLine;
use rollcall_core::mapping::Mapping;
use rollcall_core::model::{PersonKey, WorkerId};
use rollcall_core::plan::{ActionValues, WorkOrder};
use rollcall_core::state::{Lifecycle, Person};

use super::Request;
use super::redact::{Keys, Kind, is_named, kind};
use super::values::{Values, Whose};
use crate::apply::Lines;
use crate::log::{self, Event, Head};
use crate::run::{Pipeline, RunError};
use crate::state::{self, Named, State};
use crate::store::{StoreError, parse};

impl Pipeline {
    /// Who is meant, unless something stands against it.
    pub(super) async fn whom(&self, head: &Head, ask: &Request<'_>) -> Result<Whose, RunError> {
        let home = self.settings.source();
        let state = State::load(&self.store, &head.standing.state).await?;
        let worker = WorkerId::new(ask.worker);
        let place = match state.named(&home, &worker) {
            Named::One(at) => Some(at),
            Named::Nobody => {
                let key = worker_hash(&home, &worker);
                state.hot().binary_search_by_key(&key, |it| it.key).ok()
            }
            Named::Several(persons) => {
                return Err(RunError::Refused(format!(
                    "the worker id {} is of {persons} persons: name the one who is meant by the key of the \
                     person (`rollcall explain` shows it)",
                    ask.worker
                )));
            }
        };
        let known = match place {
            Some(at) => state.persons(&[at])?.pop(),
            None => None,
        };
        if let Some(person) = &known {
            self.may_go(head, person, ask.anyway).await?;
        }
        let person = known
            .as_ref()
            .map_or_else(|| PersonKey::new(ask.worker), |known| known.person.clone());
        Ok(Whose::of(person))
    }

    /// Refuses where something of the person is still to be done.
    async fn may_go(&self, head: &Head, person: &Person, anyway: bool) -> Result<(), RunError> {
        for pending in &head.standing.pending {
            let stored = self.stored(pending.generation).await?;
            let key = &stored.plan()?.key;
            let mut lines = Lines::open(&self.store, key).await?;
            while let Some((_, line)) = lines.next()? {
                let order: WorkOrder = parse(key, &line)?;
                if order.person == person.person {
                    return Err(RunError::Refused(format!(
                        "run {} waits for an approval and has an order of worker {}; approve it, or let the \
                         next delivery void it, then erase",
                        pending.run, person.worker
                    )));
                }
            }
        }
        let to_come = person.due.is_some() || person.unfinished || person.held;
        let why = match person.lifecycle {
            Lifecycle::Created | Lifecycle::Active => "has an account in use".to_owned(),
            Lifecycle::None | Lifecycle::Blocked | Lifecycle::Deleted if to_come => {
                match person.due {
                    Some(due) => format!("has steps to come, the next at {due}"),
                    None => "has steps that are not done".to_owned(),
                }
            }
            Lifecycle::None | Lifecycle::Blocked | Lifecycle::Deleted => return Ok(()),
        };
        if anyway {
            return Ok(());
        }
        Err(RunError::Refused(format!(
            "worker {} {why}: without values nothing more is done for them, and the next file of HR that has \
             them brings the values back; `--anyway` erases all the same",
            person.worker
        )))
    }

    /// The keys of everything that has values.
    pub(super) async fn all_keys(&self) -> Result<Vec<String>, StoreError> {
        let mut out = Vec::new();
        for prefix in ["runs", "state", "values"] {
            let listed = self.store.list(prefix).await?;
            let keys = listed.into_iter().map(|it| it.key);
            out.extend(keys.filter(|key| kind(key) != Kind::Not));
        }
        Ok(out)
    }

    /// By which columns rows are known.
    pub(super) async fn key_columns(&self, head: &Head) -> Result<Keys, RunError> {
        let mut out = Keys::default();
        for feed in self.settings.feeds.all() {
            out.others.extend(keys_of(&feed.mapping));
        }
        for generation in 1..=head.generation {
            let (entry, _) = log::entry(&self.store, generation).await?;
            let keys: Option<BTreeSet<String>> = match &entry.event {
                Event::Intake(intake) => {
                    let feed = self.settings.feeds.get(&intake.source);
                    feed.map(|feed| keys_of(&feed.mapping).collect())
                }
                // As it was planned: the configuration may have changed since.
                Event::Plan(plan) if plan.intake.is_some() => {
                    let stored = self.stored(generation).await?;
                    let feeds = self.feeds_of(&stored).await.ok();
                    feeds.map(|feeds| keys_of(stored.reads(&feeds)).collect())
                }
                Event::Plan(_) | Event::Approval(_) | Event::Fold(_) | Event::Close(_) => None,
            };
            if let Some(keys) = keys {
                out.by_run.insert(entry.run.to_string(), keys);
            }
        }
        Ok(out)
    }

    /// What the store has of the person, and by which ids they are meant.
    pub(super) async fn all_values(
        &self,
        all: &[String],
        keys: &Keys,
        whose: &mut Whose,
    ) -> Result<Values, RunError> {
        let mut values = Values::default();
        // Ids first: a row is known by a worker id, an answer by the id of an account.
        self.learn(all, whose).await?;
        self.collect((all, keys), &mut values, whose, true).await?;
        self.collect((all, keys), &mut values, whose, false).await?;
        Ok(values)
    }

    /// Takes in the ids that records and plans have of the person.
    async fn learn(&self, keys: &[String], whose: &mut Whose) -> Result<(), RunError> {
        for key in keys.iter().filter(|key| kind(key) == Kind::State) {
            let seen = |person: &Person| {
                if person.person == whose.person {
                    whose.learn(person);
                }
                Ok(None)
            };
            state::rewrite(&self.store, key, seen).await?;
        }
        for key in keys.iter().filter(|key| kind(key) == Kind::Persons) {
            let mut lines = Lines::open(&self.store, key).await?;
            while let Some((_, line)) = lines.next()? {
                let line: PersonLine = parse(key, &line)?;
                if line.person.person == whose.person {
                    whose.learn(&line.person);
                }
            }
        }
        let runs = self.store.list("runs").await?;
        let runs: Vec<String> = runs.into_iter().map(|it| it.key).collect();
        for key in runs.iter().filter(|key| is_named(key, "plan", "jsonl")) {
            let mut lines = Lines::open(&self.store, key).await?;
            while let Some((_, line)) = lines.next()? {
                let order: WorkOrder = parse(key, &line)?;
                if order.person == whose.person && order.group.is_none() {
                    whose.known = true;
                    let actions = order.every().chain(&order.scheduled);
                    whose
                        .actions
                        .extend(actions.map(|it| it.id.as_str().to_owned()));
                }
            }
        }
        Ok(())
    }

    /// Collects the values of the person (`theirs`), or which of them others have.
    async fn collect(
        &self,
        (all, keys): (&[String], &Keys),
        values: &mut Values,
        whose: &Whose,
        theirs: bool,
    ) -> Result<(), RunError> {
        for key in all {
            match kind(key) {
                // What names somebody has the name of an attribute, not of a column.
                Kind::Rows if theirs => {
                    let columns = keys.of(key);
                    let from = self.store.open(key).await?;
                    let read = rollcall_files::rewrite(from, std::io::sink(), |names, row| {
                        let pairs = || names.iter().zip(row.iter());
                        let is_key = |name: &String| columns.contains(name);
                        if pairs().any(|(name, value)| is_key(name) && whose.is(value)) {
                            for (name, value) in pairs().filter(|(name, _)| !is_key(name)) {
                                values.note(name, value);
                            }
                        }
                        false
                    });
                    read.map_err(|e| StoreError::Corrupt {
                        key: key.clone(),
                        why: e.to_string(),
                    })?;
                }
                Kind::State => {
                    let seen = |person: &Person| {
                        if (person.person == whose.person) == theirs {
                            values.record(person, theirs);
                        }
                        Ok(None)
                    };
                    state::rewrite(&self.store, key, seen).await?;
                }
                Kind::Persons => {
                    let mut lines = Lines::open(&self.store, key).await?;
                    while let Some((_, line)) = lines.next()? {
                        let line: PersonLine = parse(key, &line)?;
                        if (line.person.person == whose.person) == theirs {
                            values.record(&line.person, theirs);
                        }
                    }
                }
                Kind::Actions if theirs => {
                    let mut lines = Lines::open(&self.store, key).await?;
                    while let Some((_, line)) = lines.next()? {
                        let action: ActionValues = parse(key, &line)?;
                        if whose.actions.contains(action.id.as_str()) {
                            values.action(&action);
                        }
                    }
                }
                Kind::Tenant => {
                    crate::plan::accounts_in(&self.store, key, |account| {
                        let id = whose.objects.contains(account.id.as_str());
                        let own = id || account.key.as_deref().is_some_and(|it| whose.is(it));
                        if own == theirs {
                            values.account(account, theirs);
                        }
                    })
                    .await?;
                }
                Kind::Rows
                | Kind::Actions
                | Kind::Notice
                | Kind::Report
                | Kind::Table
                | Kind::Pack
                | Kind::Text
                | Kind::Drawn
                | Kind::Not => {}
            }
        }
        Ok(())
    }
}

/// Columns by which a row is known.
fn keys_of(mapping: &Mapping) -> impl Iterator<Item = String> + use<> {
    let person = mapping.person_column().map(str::to_owned);
    std::iter::once(mapping.key_column().to_owned()).chain(person)
}
