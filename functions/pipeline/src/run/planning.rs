//! Making a plan from what stands, and storing it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollcall_core::model::{ObjectId, RunId, SourceName};
use rollcall_core::plan::Forecast;

use super::{Pipeline, RunError, Step, Stored, nonce};
use crate::log::{Event, Head, Intake, Objects, Planned, Rules, Standing, StateRef};
use crate::notices::Noticed;
use crate::plan::{self, Answers, Book, Common, Freshness, Ground, Made, PlanError, Request, Undo};
use crate::rows::SealedRows;
use crate::salts;
use crate::spool::Spool;
use crate::state::State;
use crate::store::{ObjectRef, StoreError};
use crate::tenant::{Hears, Moved};

/// Who alone is looked at.
enum Only {
    /// Nobody: everybody of whom there is anything to say.
    Nobody,
    /// Those of a run that is taken back.
    Undo(Box<Undo>),
    /// Those whose accounts others changed.
    Heal(Vec<ObjectId>),
}

impl Pipeline {
    /// Makes the plan of a delivery, or of what fell due; and what to remember of the tenant once it is stored, or
    /// there is nothing to store.
    pub(super) async fn make(
        &self,
        head: &Head,
        intake: Option<(&Intake, SealedRows)>,
        now: Timestamp,
        freshness: Freshness,
    ) -> Result<(Made, Moved), RunError> {
        // What people say waits for nobody, and for the end of no file.
        let notices = match &intake {
            Some(_) => Vec::new(),
            None => self.notices(head).await?,
        };
        self.make_of(head, intake, &notices, Only::Nobody, (now, freshness))
            .await
    }

    /// Makes the plan that takes a run back.
    pub(super) async fn make_undo(
        &self,
        head: &Head,
        undo: Undo,
        now: Timestamp,
    ) -> Result<Made, RunError> {
        let asked = (now, Freshness::ByAge);
        let only = Only::Undo(Box::new(undo));
        let (made, _) = self.make_of(head, None, &[], only, asked).await?;
        Ok(made)
    }

    /// Makes the plan that mends what others changed of these accounts.
    pub(super) async fn make_heal(
        &self,
        head: &Head,
        accounts: Vec<ObjectId>,
        now: Timestamp,
    ) -> Result<Made, RunError> {
        let only = Only::Heal(accounts);
        let asked = (now, Freshness::ByAge);
        let (made, _) = self.make_of(head, None, &[], only, asked).await?;
        Ok(made)
    }

    async fn make_of(
        &self,
        head: &Head,
        intake: Option<(&Intake, SealedRows)>,
        notices: &[Noticed],
        only: Only,
        (now, freshness): (Timestamp, Freshness),
    ) -> Result<(Made, Moved), RunError> {
        let state = self
            .state_for(&head.standing.state, intake.as_ref().map(|it| it.0))
            .await?;
        self.check_home(&state, &head.standing)?;
        let rules = self.rules();
        let target = &self.target;
        let hears = match (&only, &intake) {
            (Only::Undo(_) | Only::Heal(_), _) => None,
            (Only::Nobody, Some(_)) => Some(Hears::Everything),
            (Only::Nobody, None) => Some(Hears::LetIn),
        };
        let mut moved = match hears {
            Some(hears) => self.moved(&state, hears, now).await,
            None => Moved::default(),
        };
        let found = std::mem::take(&mut moved.accounts);
        let (undo, accounts, heals) = match only {
            Only::Nobody => (None, found, false),
            Only::Undo(undo) => (Some(*undo), found, false),
            Only::Heal(accounts) => (None, accounts, true),
        };
        let ground = Ground {
            now,
            intake,
            undo,
            notices,
            gone: None,
            moved: accounts,
            heals,
            standing: &head.standing,
            state: &state,
            freshness,
        };
        let forecast = |actions: &BTreeMap<String, u32>| target.forecast(actions);
        let common = self.common(&forecast).await?;
        let request = Request::new(ground, self.book(&rules), common);
        let made = plan::make(request, Answers::Live(target.as_ref()));
        // It holds everything that a plan is made from: too much for every future around it.
        Ok((Box::pin(made).await?, moved))
    }

    /// What others changed in the tenant.
    async fn moved(&self, state: &State, hears: Hears, now: Timestamp) -> Moved {
        let source = self.settings.source();
        let asked = Moved::ask(
            &self.store,
            self.target.as_ref(),
            (state, &source),
            hears,
            now,
        );
        // Nobody stays inside because the tenant does not say what changed: it is asked again.
        asked.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "What others changed in the tenant cannot be read; asked again.");
            Moved::default()
        })
    }

    /// The home source stays who it is: everybody would be somebody new. A source that brought
    /// something stays, too: nobody else's files end whom it employs.
    pub(crate) fn check_home(&self, state: &State, standing: &Standing) -> Result<(), RunError> {
        let mut brought = standing.beside.keys();
        if let Some(name) = brought.find(|name| self.settings.feeds.get(name).is_none()) {
            return Err(RunError::Refused(format!(
                "the source `{name}` has brought deliveries and is not among the sources of the configuration: \
                 whom it employs would stay as they are for good; name it as before, or keep it \
                 without any files"
            )));
        }
        self.check_persons(standing)?;
        match state.home()?.filter(|it| *it != self.settings.source()) {
            None => Ok(()),
            Some(before) => Err(RunError::Refused(format!(
                "the state was begun with the source `{before}`, after whose name all keys are hashed; \
                 put it first among the sources of the configuration"
            ))),
        }
    }

    /// Whose employment a row is stays said by the same column: everybody would be somebody new.
    fn check_persons(&self, standing: &Standing) -> Result<(), RunError> {
        let Some(rules) = &standing.rules else {
            return Ok(());
        };
        let now = self.settings.feeds.person_columns();
        let called = |column: Option<&String>| {
            column.map_or("the worker id alone".to_owned(), |it| {
                format!("column `{it}`")
            })
        };
        for feed in self.settings.feeds.all().iter().filter(|it| it.population) {
            let beside = self.settings.feeds.beside(&feed.name);
            let beside = beside.as_ref().map(SourceName::as_str);
            let name = beside.unwrap_or_default();
            let (before, after) = (rules.persons.get(name), now.get(name));
            if standing.accepted_of(beside).is_some() && before != after {
                return Err(RunError::Refused(format!(
                    "persons of the source `{}` are known by {}, and its mapping would have them known by \
                     {}: everybody would be somebody else. Put `worker.person` back as it was, or begin \
                     with a new store",
                    feed.name,
                    called(before),
                    called(after)
                )));
            }
        }
        Ok(())
    }

    /// A state as the source of a delivery sees it.
    pub(crate) async fn state_for(
        &self,
        at: &StateRef,
        intake: Option<&Intake>,
    ) -> Result<State, StoreError> {
        let beside = intake.and_then(Intake::beside).map(SourceName::new);
        State::load_for(&self.store, at, beside.as_ref()).await
    }

    /// Sources, policy and groups of the configuration.
    pub(crate) fn book<'a>(&'a self, rules: &'a Rules) -> Book<'a> {
        Book {
            feeds: &self.settings.feeds,
            policy: &self.settings.policy,
            groups: self.settings.groups.as_ref().map(|groups| &groups.0),
            texts: self.settings.notify.as_ref().map(|it| &it.texts),
            rules,
        }
    }

    /// What every plan here is made with.
    pub(crate) async fn common<'a>(
        &'a self,
        forecast: &'a (dyn Fn(&BTreeMap<String, u32>) -> Forecast + Sync),
    ) -> Result<Common<'a>, RunError> {
        let key = self.key.get().await?;
        Ok(Common {
            key: salts::for_plans(&self.store, key).await?,
            kind: self.target.kind(),
            forecast,
        })
    }

    /// What mapping, policy and groups of the configuration mean, as hashes.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            mapping_sha256: self.settings.mapping().hash(),
            policy_sha256: self.settings.policy.hash(),
            grants_sha256: self
                .settings
                .groups
                .as_ref()
                .and_then(|groups| groups.0.grants_hash())
                .map(str::to_owned),
            owners_sha256: self.settings.feeds.owners().sha256(),
            beside: self.settings.feeds.mappings_beside(),
            persons: self.settings.feeds.person_columns(),
            behind: BTreeMap::new(),
        }
    }

    pub(super) async fn commit_plan(
        &self,
        head: &Head,
        run: &RunId,
        intake: Option<Intake>,
        made: Made,
    ) -> Result<Stored, Step> {
        let nonce = nonce();
        let summary = serde_json::to_vec_pretty(&made.summary).expect("a summary is always JSON");
        let of = |bytes: &[u8]| Spool::of(bytes).map_err(PlanError::Spool);
        let groups = self.settings.groups.as_ref();
        let groups = groups.map(|groups| of(groups.1.as_bytes())).transpose()?;
        let mut evidence = vec![
            ("plan.jsonl", made.plan),
            ("plan.json", of(&summary)?),
            ("findings.jsonl", made.findings),
            (
                "mapping.toml",
                of(self.settings.feeds.home().text.as_bytes())?,
            ),
            ("policy.toml", of(self.settings.policy_text.as_bytes())?),
        ];
        evidence.extend(groups.map(|groups| ("groups.toml", groups)));
        if let Some(sources) = self.settings.feeds.sealed() {
            evidence.push(("sources.json", of(&sources)?));
        }
        if let Some(notify) = &self.settings.notify {
            evidence.push(("texts.toml", of(notify.text.as_bytes())?));
        }
        let values = [
            ("actions.jsonl", made.values),
            ("persons.jsonl", made.persons),
            ("tenant.jsonl", made.tenant),
        ];
        let evidence = self
            .put_all(&format!("runs/{run}"), &nonce, evidence)
            .await?;
        let values = self
            .put_all(&format!("values/{run}"), &nonce, values)
            .await?;
        let planned = Planned {
            now: made.summary.now,
            plan_sha256: made.summary.plan_sha256.clone(),
            parked: made.parked,
            guards: made.guards,
            orders: made.orders,
            inactive: made.summary.counts.inactive,
            disables: made.disables.0,
            disables_held: made.disables.1,
            removals: made.removals.0,
            removals_held: made.removals.1,
            slices: made.slices,
            without: made.without,
            next_due: made.next_due,
            again: made.again,
            undoes: made.undoes,
            heals: made.heals,
            notices: made.notices.iter().map(|it| it.key.clone()).collect(),
            seeded: made.seeded,
            rules: self.rules(),
            intake,
        };
        let mut accepts = evidence.clone();
        accepts.extend(made.notices);
        let objects = Objects {
            evidence: accepts,
            values: values.clone(),
        };
        let next = self
            .commit(head, run, Event::Plan(Box::new(planned.clone())), objects)
            .await?;
        Ok(Stored {
            run: run.clone(),
            generation: next.generation,
            planned,
            at: self.clock.now(),
            state: head.standing.state.clone(),
            summary: made.summary,
            evidence,
            values,
        })
    }

    pub(super) async fn put_all(
        &self,
        folder: &str,
        nonce: &str,
        spools: impl IntoIterator<Item = (&str, Spool)>,
    ) -> Result<Vec<ObjectRef>, RunError> {
        let mut out = Vec::new();
        for (name, spool) in spools {
            let mut from = spool.reader().map_err(PlanError::Spool)?;
            let key = format!("{folder}/{name}");
            out.push(self.store.put_evidence(&key, nonce, &mut from).await?);
        }
        Ok(out)
    }
}
