//! A plan made again from its stored inputs, and compared with what was stored.
//!
//! Where values were erased since, every order of everybody else is made again and compared; whole
//! plans are compared byte for byte otherwise.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::digest::{EvidenceKey, worker_hash};
use rollcall_core::fold::PersonLine;
use rollcall_core::model::{OrderId, PersonKey, WorkerId};
use rollcall_core::plan::{PlanSummary, WorkOrder};
use rollcall_core::policy::Policy;

use crate::apply::Lines;
use crate::erase::Erasures;
use crate::log::{Entry, Standing};
use crate::notices;
use crate::plan::{self, Answers, Book, Common, Freshness, Gone, Ground, Made, Request};
use crate::rows::OpenError;
use crate::run::{Pipeline, RunError, Stored, named, unasked};
use crate::salts;
use crate::spool::next_line;
use crate::store::{ObjectRef, StoreError, parse};

/// What came of making a plan again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    /// The same bytes.
    Same,
    /// The same but for what follows from erased values: these orders of others beside those of the
    /// persons themselves.
    Apart(Vec<OrderId>),
    /// Nothing of it can be made again since values were erased, as the log says: why.
    Erased(String),
    /// It cannot be made again, or is another one: why.
    Differs(String),
}

impl Pipeline {
    /// Makes a plan again, and says what a verifier is to say.
    pub(super) async fn replay(
        &self,
        digests: &EvidenceKey,
        entry: &Entry,
        before: &Standing,
        erasures: &Erasures,
    ) -> Result<Replay, StoreError> {
        let known = erasures.apart(entry.generation).unwrap_or_default();
        if let Some(why) = known.iter().find_map(|it| it.nothing.as_ref()) {
            return Ok(Replay::Erased(why.clone()));
        }
        let known = known.iter().flat_map(|it| &it.orders);
        let known: BTreeSet<&OrderId> = known.collect();
        Ok(
            match Box::pin(self.make_again(digests, entry, before, erasures)).await? {
                Replay::Apart(orders) => {
                    let others: Vec<&str> = orders
                        .iter()
                        .filter(|it| !known.contains(it))
                        .map(OrderId::as_str)
                        .collect();
                    if others.is_empty() {
                        Replay::Apart(orders)
                    } else {
                        Replay::Differs(format!(
                            "made again without what was erased, its orders {} differ",
                            others.join(", ")
                        ))
                    }
                }
                other @ (Replay::Same | Replay::Erased(_) | Replay::Differs(_)) => other,
            },
        )
    }

    /// Makes a plan again from its stored inputs.
    pub(crate) async fn make_again(
        &self,
        digests: &EvidenceKey,
        entry: &Entry,
        before: &Standing,
        erasures: &Erasures,
    ) -> Result<Replay, StoreError> {
        let stored = self.stored(entry.generation).await?;
        let mut inputs: Vec<ObjectRef> = stored.values.clone();
        let state = &before.state;
        inputs.extend(state.base.iter().chain(&state.deltas).cloned());
        let sealed = match &stored.planned.intake {
            Some(_) => {
                let sealed = self.intake_entry(&stored.run, entry.generation).await?;
                inputs.extend(sealed.values.iter().cloned());
                Some(sealed)
            }
            None => None,
        };
        let persons = erasures.since(entry.generation);
        let gone = if !persons.is_empty() && erasures.touched(&inputs) {
            Some(self.gone(&stored, &persons).await?)
        } else {
            None
        };
        let whole = gone.is_none();
        let made = Box::pin(self.remake(digests, (entry, sealed), before, gone)).await?;
        let made = match made {
            Ok(made) => made,
            Err(why) => return Ok(Replay::Differs(why)),
        };
        if whole {
            return Ok(compare_whole(&stored, &made));
        }
        self.compare_orders(&stored, made, &persons).await
    }

    /// Whom nothing is decided about when a plan is made again.
    async fn gone(
        &self,
        stored: &Stored,
        persons: &BTreeSet<PersonKey>,
    ) -> Result<Gone, StoreError> {
        let home = self.settings.source();
        let hash = |person: &PersonKey| worker_hash(&home, &WorkerId::new(person.as_str()));
        let key = &stored.persons()?.key;
        let mut touched = BTreeSet::new();
        let mut lines = Lines::open(&self.store, key).await?;
        while let Some((_, line)) = lines.next()? {
            let line: PersonLine = parse(key, &line)?;
            let person = line.person.person;
            if persons.contains(&person) {
                touched.insert(hash(&person));
            }
        }
        let guards = stored.summary.guards.iter();
        Ok(Gone {
            keys: persons.iter().map(hash).collect(),
            touched,
            guards: guards.map(|it| (it.name.clone(), it.clone())).collect(),
        })
    }

    /// Compares every order of everybody whose values are still there.
    async fn compare_orders(
        &self,
        stored: &Stored,
        made: Made,
        persons: &BTreeSet<PersonKey>,
    ) -> Result<Replay, StoreError> {
        let key = &stored.plan()?.key;
        let mut then = BTreeMap::new();
        let mut lines = Lines::open(&self.store, key).await?;
        while let Some((_, line)) = lines.next()? {
            let order: WorkOrder = parse(key, &line)?;
            if !persons.contains(&order.person) {
                then.insert(order.order.clone(), digest_of(order));
            }
        }
        let spool = |error: std::io::Error| StoreError::Backend {
            key: "temporary file".to_owned(),
            why: error.to_string(),
        };
        let mut now = made.plan.reader().map_err(spool)?;
        let mut line = Vec::new();
        let mut differ = BTreeSet::new();
        while let Some(line) = next_line(&mut now, &mut line).map_err(spool)? {
            let order: WorkOrder = parse(key, line)?;
            let id = order.order.clone();
            if then.remove(&id) != Some(digest_of(order)) {
                differ.insert(id);
            }
        }
        differ.extend(then.into_keys());
        Ok(Replay::Apart(differ.into_iter().collect()))
    }

    async fn remake(
        &self,
        digests: &EvidenceKey,
        (entry, sealed): (&Entry, Option<Entry>),
        before: &Standing,
        gone: Option<Gone>,
    ) -> Result<Result<Made, String>, StoreError> {
        let stored = self.stored(entry.generation).await?;
        let policy = named(&entry.accepts, "policy.toml")?;
        let read = |bytes: bytes::Bytes| String::from_utf8_lossy(&bytes).into_owned();
        let policy = read(self.store.get(&policy.key).await?);
        let unread = "its mapping or policy cannot be read by this version";
        let feeds = match self.feeds_of(&stored).await {
            Ok(feeds) => feeds,
            Err(StoreError::Corrupt { .. }) => return Ok(Err(unread.to_owned())),
            Err(error) => return Err(error),
        };
        let Ok(policy) = Policy::parse(&policy, "policy.toml") else {
            return Ok(Err(unread.to_owned()));
        };
        let groups = stored.groups(&self.store, &feeds).await?;
        let texts = stored.texts(&self.store, &feeds).await?;
        let tenant = &stored.tenant()?.key;
        let answers = Answers::stored(&self.store, tenant).await?;
        let planned = &stored.planned;
        let state = self
            .state_for(&before.state, planned.intake.as_ref())
            .await?;
        let intake = match planned.intake.as_ref().zip(sealed.as_ref()) {
            Some((intake, sealed)) => {
                match Self::open_rows(&self.store, sealed, stored.reads(&feeds)).await {
                    Ok(rows) => Some((intake, rows)),
                    Err(OpenError::Store(error)) => return Err(error),
                    Err(OpenError::Unbound(why)) => return Ok(Err(why)),
                }
            }
            None => None,
        };
        let notices = notices::taken(&self.store, entry, &policy).await?;
        if let Some(run) = &planned.undoes
            && let Some(why) = unasked(&self.store, entry, run).await?
        {
            return Ok(Err(why));
        }
        let undo = match &planned.undoes {
            Some(run) => match self.undone(run, entry.generation).await {
                Ok(undo) => Some(undo),
                Err(RunError::Store(error)) => return Err(error),
                Err(error) => return Ok(Err(error.to_string())),
            },
            None => None,
        };
        let forecast = stored.summary.forecast.clone();
        // How fast the target is depends on quotas, not on the plan: taken as recorded.
        let forecast = |_: &BTreeMap<String, u32>| forecast.clone();
        let ground = Ground {
            now: planned.now,
            intake,
            undo,
            notices: &notices,
            moved: Vec::new(),
            gone,
            heals: planned.heals,
            standing: before,
            state: &state,
            freshness: Freshness::ByAge,
        };
        let book = Book {
            feeds: &feeds,
            policy: &policy,
            groups: groups.as_ref(),
            texts: texts.as_ref(),
            rules: &planned.rules,
        };
        let common = Common {
            key: salts::of_plan(&self.store, digests, planned.seeded).await?,
            kind: self.target.kind(),
            forecast: &forecast,
        };
        let request = Request::new(ground, book, common);
        match plan::make(request, answers).await {
            Ok(made) => Ok(Ok(made)),
            Err(plan::PlanError::Store(e)) => Err(e),
            Err(e) => Ok(Err(format!("cannot be made again: {e}"))),
        }
    }
}

/// Compares a plan with the one that was stored, as a whole.
fn compare_whole(stored: &Stored, made: &Made) -> Replay {
    let planned = &stored.planned;
    if made.summary.plan_sha256 == planned.plan_sha256 {
        return Replay::Same;
    }
    let fields = |summary: &PlanSummary| match serde_json::to_value(summary) {
        Ok(serde_json::Value::Object(fields)) => fields,
        Ok(_) | Err(_) => serde_json::Map::new(),
    };
    let (then, now) = (fields(&stored.summary), fields(&made.summary));
    let differ: Vec<&str> = then
        .iter()
        .filter(|(k, v)| now.get(*k) != Some(v))
        .map(|(k, _)| k.as_str())
        .collect();
    Replay::Differs(format!(
        "made again it is plan {}, not {}: {} differ",
        made.summary.plan_sha256,
        planned.plan_sha256,
        differ.join(", ")
    ))
}

/// What an order says, wherever its values lie: offsets move with the values of others.
fn digest_of(mut order: WorkOrder) -> String {
    order.values = order.values.map(|(from, to)| (0, to - from));
    let bytes = serde_json::to_vec(&order).expect("an order is always JSON");
    rollcall_core::digest::sha256(&bytes)
}
