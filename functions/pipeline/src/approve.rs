//! Approval: names the plan by its hash, and is given by whom the credentials prove (P14).

use jiff::Timestamp;
use rollcall_core::guards::{self, Kind};
use serde::{Deserialize, Serialize};

use crate::log::{self, Approved, Event, Objects, Stage};
use crate::run::{Pipeline, RunError, Step, nonce};

/// Who agrees: an identity that credentials prove, never a flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approver(pub String);

/// What somebody agrees to.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The run.
    pub run: &'a str,
    /// Digest of the plan, in full or its first 12 digits at least.
    pub plan: &'a str,
    /// One guard; all that wait when absent.
    pub guard: Option<&'a str>,
    /// Why.
    pub reason: &'a str,
}

/// How far an approval brought one guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// The guard.
    pub guard: String,
    /// Distinct people that agree now.
    pub have: u8,
    /// How many it takes.
    pub need: u8,
}

/// `runs/<run>/approvals/<plan-hash>-<guard>-<n>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    plan_sha256: String,
    guard: String,
    by: Approver,
    at: Timestamp,
    reason: String,
}

impl Pipeline {
    /// Records an approval.
    ///
    /// # Errors
    /// [`RunError::Refused`] when the plan is not the one that waits, when the guard keeps
    /// nothing back, or when this person has agreed already.
    pub async fn approve(
        &self,
        request: &Request<'_>,
        by: &Approver,
        now: Timestamp,
    ) -> Result<Vec<Granted>, RunError> {
        loop {
            match self.try_approve(request, by, now).await {
                Ok(granted) => return Ok(granted),
                Err(Step::Lost) => {}
                Err(Step::Failed(error)) => return Err(*error),
            }
        }
    }

    async fn try_approve(
        &self,
        request: &Request<'_>,
        by: &Approver,
        now: Timestamp,
    ) -> Result<Vec<Granted>, Step> {
        let refuse = |why: String| Step::from(RunError::Refused(why));
        if request.reason.trim().is_empty() {
            return Err(refuse(
                "an approval needs a reason: --reason TEXT".to_owned(),
            ));
        }
        let head = log::head(&self.store).await?;
        let waiting = || {
            head.standing
                .pending
                .iter()
                .filter(|p| !p.waiting().is_empty())
        };
        let Some(pending) = waiting().find(|p| p.run.as_str() == request.run).cloned() else {
            let others: Vec<&str> = waiting().map(|p| p.run.as_str()).collect();
            return Err(refuse(if others.is_empty() {
                "nothing waits for an approval".to_owned()
            } else {
                format!(
                    "run {} does not wait for an approval; {} does. A newer plan voids an older \
                     one",
                    request.run,
                    others.join(", ")
                )
            }));
        };
        let newer = head.standing.open.iter().find(|o| o.stage == Stage::Sealed);
        if let Some(newer) = newer {
            return Err(refuse(format!(
                "newer data were received as run {} and are not planned yet; plan them first: \
                 they decide what is left to approve",
                newer.run
            )));
        }
        if request.plan.len() < 12 || !pending.plan_sha256.starts_with(request.plan) {
            return Err(refuse(format!(
                "the plan that waits is {}, not {}; read that one before approving it",
                pending.plan_sha256, request.plan
            )));
        }
        let open: Vec<String> = pending
            .waiting()
            .into_iter()
            .filter(|g| request.guard.is_none_or(|wanted| wanted == *g))
            .map(str::to_owned)
            .collect();
        if open.is_empty() {
            return Err(refuse(format!(
                "guard {} keeps nothing back in this plan; waiting: {}",
                request.guard.unwrap_or("(any)"),
                pending.waiting().join(", ")
            )));
        }
        let mut head = head;
        let mut out = Vec::new();
        let mut already = None;
        for guard in open {
            let Some(kind) = guards::kind(&guard) else {
                continue;
            };
            let need = guards::approvers(&self.settings.policy, kind);
            // What the log does not name never happened: a record whose commit was lost, or whose
            // second half did not come in time.
            let day = jiff::SignedDuration::from_hours(24);
            let fresh: Vec<&str> = pending
                .agreed
                .iter()
                .filter(|a| a.guard == guard && now.duration_since(a.at) <= day)
                .map(|a| a.by.as_str())
                .collect();
            if fresh.contains(&by.0.as_str()) {
                already = Some(format!(
                    "{} agreed to {guard} already; it takes {need} different people",
                    by.0
                ));
                continue;
            }
            let record = Record {
                plan_sha256: pending.plan_sha256.clone(),
                guard: guard.clone(),
                by: by.clone(),
                at: now,
                reason: request.reason.to_owned(),
            };
            let bytes = serde_json::to_vec_pretty(&record).expect("an approval is always JSON");
            let number = pending.agreed.iter().filter(|a| a.guard == guard).count() + 1;
            let key = format!(
                "runs/{}/approvals/{}-{guard}-{number}.json",
                pending.run, pending.plan_sha256
            );
            let stored = self
                .store
                .put_evidence(&key, &nonce(), &mut bytes.as_slice())
                .await?;
            let have = u8::try_from(fresh.len() + 1).unwrap_or(u8::MAX);
            let event = Event::Approval(Approved {
                plan_sha256: pending.plan_sha256.clone(),
                guard: guard.clone(),
                by: by.0.clone(),
                given: now,
                complete: have >= need,
            });
            let objects = Objects {
                evidence: vec![stored],
                values: Vec::new(),
            };
            head = self.commit(&head, &pending.run, event, objects).await?;
            out.push(Granted { guard, have, need });
            if kind == Kind::Intake && have >= need {
                // One approval accepts the intake and with it every gate that parked it.
                break;
            }
        }
        match already {
            Some(why) if out.is_empty() => Err(refuse(why)),
            Some(_) | None => Ok(out),
        }
    }
}
