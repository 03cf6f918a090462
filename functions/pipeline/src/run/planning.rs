//! Making a plan from what stands, and storing it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollcall_core::guards::IntakeCounts;
use rollcall_core::model::RunId;

use super::{Pipeline, RunError, Step, Stored, nonce};
use crate::log::{Event, Head, Intake, Objects, Planned, Rules};
use crate::notices::Noticed;
use crate::plan::{self, Answers, Made, PlanError, Request, Undo};
use crate::rows::SealedRows;
use crate::spool::Spool;
use crate::state::State;
use crate::store::ObjectRef;

impl Pipeline {
    /// Makes the plan of a delivery, or of what fell due.
    pub(super) async fn make(
        &self,
        head: &Head,
        intake: Option<(&Intake, SealedRows)>,
        now: Timestamp,
    ) -> Result<Made, RunError> {
        // What people say waits for nobody, and for the end of no file.
        let notices = match &intake {
            Some(_) => Vec::new(),
            None => self.notices(head).await?,
        };
        self.make_of(head, intake, &notices, None, now).await
    }

    /// Makes the plan that takes a run back.
    pub(super) async fn make_undo(
        &self,
        head: &Head,
        undo: Undo,
        now: Timestamp,
    ) -> Result<Made, RunError> {
        self.make_of(head, None, &[], Some(undo), now).await
    }

    async fn make_of(
        &self,
        head: &Head,
        intake: Option<(&Intake, SealedRows)>,
        notices: &[Noticed],
        undo: Option<Undo>,
        now: Timestamp,
    ) -> Result<Made, RunError> {
        let state = State::load(&self.store, &head.standing.state).await?;
        let settings = &self.settings;
        let rules = self.rules();
        let accepted = head.standing.accepted.as_ref();
        let oldest =
            jiff::SignedDuration::from_hours(i64::from(settings.policy.gates.max_source_age_h));
        let target = &self.target;
        // A delivery plans those anew who wait.
        let (delivers, none) = (intake.is_some(), BTreeMap::new());
        let slices = head.standing.slices_before(now);
        let request = Request {
            now,
            source: settings.source(),
            stale: intake.is_none()
                && accepted.is_none_or(|a| now.duration_since(a.since()) > oldest),
            intake,
            undo,
            notices,
            state: &state,
            baseline: accepted.filter(|a| a.full).map(|a| IntakeCounts {
                rows: a.rows,
                inactive: a.inactive,
                unknown_status: 0,
            }),
            baseline_profile: accepted
                .filter(|a| a.full)
                .and_then(|a| a.profile.as_deref()),
            first_load: accepted.is_none(),
            rules_changed: head.standing.rules.as_ref().is_some_and(|r| *r != rules),
            disables_before: head.standing.disables_before(now),
            removals_before: head.standing.removals_before(now),
            slices_before: &slices,
            reserved: if delivers {
                &none
            } else {
                &head.standing.without
            },
            mapping: &settings.mapping,
            policy: &settings.policy,
            groups: settings.groups.as_ref().map(|groups| &groups.0),
            key: self.key.get().await?,
            kind: target.kind(),
            forecast: &|actions| target.forecast(actions),
        };
        let made = plan::make(request, Answers::Live(target.as_ref()));
        // It holds everything that a plan is made from: too much for every future around it.
        Ok(Box::pin(made).await?)
    }

    pub(super) fn rules(&self) -> Rules {
        Rules {
            mapping_sha256: self.settings.mapping.hash(),
            policy_sha256: self.settings.policy.hash(),
            grants_sha256: self
                .settings
                .groups
                .as_ref()
                .and_then(|groups| groups.0.grants_hash())
                .map(str::to_owned),
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
            ("mapping.toml", of(self.settings.mapping_text.as_bytes())?),
            ("policy.toml", of(self.settings.policy_text.as_bytes())?),
        ];
        evidence.extend(groups.map(|groups| ("groups.toml", groups)));
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
            undoes: made.undoes,
            notices: made.notices.iter().map(|it| it.key.clone()).collect(),
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
