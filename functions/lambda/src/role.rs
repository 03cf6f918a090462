//! The functions: what each does with an event.

use std::time::SystemTime;

use lambda_runtime::LambdaEvent;
use rollcall_pipeline::log;
use rollcall_pipeline::pull::Pulled;
use rollcall_pipeline::run::{Pipeline, Until};
use serde_json::{Value, json};

use crate::setup::{Setup, time_left};
use crate::{FunctionError, apply};

/// Which function this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Takes what lies in the inbox. On schedule, and when a file is dropped.
    Pull,
    /// Plans what was taken, and sends its orders. Every few minutes.
    Plan,
    /// Sends what fell due, stopped waiting or got lost. Every few minutes.
    Release,
    /// Carries out orders, as the queues hand them over.
    Apply,
    /// Folds what came of them, writes reports and closes runs. Every few minutes.
    Report,
}

impl Role {
    /// The names that `ROLLCALL_FUNCTION` may have.
    pub const NAMES: [&str; 5] = ["pull", "plan", "release", "apply", "report"];

    /// The function of a name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "pull" => Some(Self::Pull),
            "plan" => Some(Self::Plan),
            "release" => Some(Self::Release),
            "apply" => Some(Self::Apply),
            "report" => Some(Self::Report),
            _ => None,
        }
    }
}

pub(crate) async fn handle(
    setup: &Setup,
    event: LambdaEvent<Value>,
) -> Result<Value, FunctionError> {
    let begun = SystemTime::now();
    let deadline = event.context.deadline;
    let connected = setup.pipeline().await?;
    let pipeline = &connected.pipeline;
    match setup.role {
        Role::Pull => pull(pipeline).await,
        Role::Plan => plan(pipeline).await,
        Role::Release => release(pipeline).await,
        Role::Report => report(pipeline).await,
        Role::Apply => {
            let time = || time_left(deadline, begun, SystemTime::now());
            apply::apply(pipeline, event.payload, time).await
        }
    }
}

/// Everything in the inbox, whatever the event was about: one that is lost is made good by the
/// next, one that comes twice finds nothing.
async fn pull(pipeline: &Pipeline) -> Result<Value, FunctionError> {
    let now = pipeline.clock.now();
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    loop {
        match pipeline.pull_inbox(now, &refused).await? {
            Pulled::Nothing => break,
            Pulled::Sealed { run, .. } => taken.push(run),
            Pulled::Refused(refusal) => {
                tracing::error!(kind = refusal.kind, "Refused: {}", refusal.message);
                refused.push(refusal.file);
            }
        }
    }
    Ok(json!({"taken": taken, "refused": refused.len()}))
}

async fn plan(pipeline: &Pipeline) -> Result<Value, FunctionError> {
    let planned = pipeline.advance(Until::Planned).await?;
    let runs: Vec<_> = planned.iter().map(|done| &done.run).collect();
    Ok(json!({"planned": runs, "sent": send(pipeline).await?}))
}

async fn release(pipeline: &Pipeline) -> Result<Value, FunctionError> {
    let planned = pipeline.release(pipeline.clock.now()).await?;
    let planned = planned.map(|stored| stored.run);
    Ok(json!({"planned": planned, "sent": send(pipeline).await?}))
}

async fn send(pipeline: &Pipeline) -> Result<usize, FunctionError> {
    match &pipeline.queue {
        Some(queue) => Ok(pipeline.dispatch(queue.as_ref()).await?),
        None => Ok(0),
    }
}

/// Sealed deliveries are left to `plan`: it has the memory and the time for them.
async fn report(pipeline: &Pipeline) -> Result<Value, FunctionError> {
    let head = log::head(&pipeline.store).await?;
    if head
        .standing
        .open
        .iter()
        .all(|open| open.stage == log::Stage::Sealed)
    {
        return Ok(json!({"closed": []}));
    }
    let closed = pipeline.advance(Until::Closed).await?;
    let runs: Vec<_> = closed
        .iter()
        .filter(|done| done.report.is_some())
        .map(|done| &done.run)
        .collect();
    Ok(json!({"closed": runs}))
}
