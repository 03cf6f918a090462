//! A plan made again from its stored inputs, and compared with what was stored.

use std::collections::BTreeMap;

use rollcall_core::digest::EvidenceKey;
use rollcall_core::plan::PlanSummary;
use rollcall_core::policy::Policy;

use crate::log::{Entry, Standing};
use crate::notices;
use crate::plan::{self, Answers, Book, Common, Freshness, Ground, Request};
use crate::rows::OpenError;
use crate::run::{Pipeline, RunError, named, unasked};
use crate::store::StoreError;

impl Pipeline {
    /// Makes a plan again from its stored inputs. `Some` says what differs.
    pub(super) async fn replay(
        &self,
        digests: &EvidenceKey,
        entry: &Entry,
        before: &Standing,
    ) -> Result<Option<String>, StoreError> {
        let stored = self.stored(entry.generation).await?;
        let policy = named(&entry.accepts, "policy.toml")?;
        let read = |bytes: bytes::Bytes| String::from_utf8_lossy(&bytes).into_owned();
        let policy = read(self.store.get(&policy.key).await?);
        let unread = "its mapping or policy cannot be read by this version";
        let feeds = match self.feeds_of(&stored).await {
            Ok(feeds) => feeds,
            Err(StoreError::Corrupt { .. }) => return Ok(Some(unread.to_owned())),
            Err(error) => return Err(error),
        };
        let Ok(policy) = Policy::parse(&policy, "policy.toml") else {
            return Ok(Some(unread.to_owned()));
        };
        let groups = stored.groups(&self.store, &feeds).await?;
        let texts = stored.texts(&self.store, &feeds).await?;
        let tenant = &stored.tenant()?.key;
        let answers = Answers::stored(&self.store, tenant).await?;
        let planned = &stored.planned;
        let state = self
            .state_for(&before.state, planned.intake.as_ref())
            .await?;
        let intake = match &planned.intake {
            Some(intake) => {
                let sealed = self.intake_entry(&stored.run, entry.generation).await?;
                match Self::open_rows(&self.store, &sealed, stored.reads(&feeds)).await {
                    Ok(rows) => Some((intake, rows)),
                    Err(OpenError::Store(error)) => return Err(error),
                    Err(OpenError::Unbound(why)) => return Ok(Some(why)),
                }
            }
            None => None,
        };
        let notices = notices::taken(&self.store, entry, &policy).await?;
        if let Some(run) = &planned.undoes
            && let Some(why) = unasked(&self.store, entry, run).await?
        {
            return Ok(Some(why));
        }
        let undo = match &planned.undoes {
            Some(run) => match self.undone(run, entry.generation).await {
                Ok(undo) => Some(undo),
                Err(RunError::Store(error)) => return Err(error),
                Err(error) => return Ok(Some(error.to_string())),
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
            key: digests,
            kind: self.target.kind(),
            forecast: &forecast,
        };
        let request = Request::new(ground, book, common);
        let made = match plan::make(request, answers).await {
            Ok(made) => made,
            Err(plan::PlanError::Store(e)) => return Err(e),
            Err(e) => return Ok(Some(format!("cannot be made again: {e}"))),
        };
        if made.summary.plan_sha256 == planned.plan_sha256 {
            return Ok(None);
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
        Ok(Some(format!(
            "made again it is plan {}, not {}: {} differ",
            made.summary.plan_sha256,
            planned.plan_sha256,
            differ.join(", ")
        )))
    }
}
