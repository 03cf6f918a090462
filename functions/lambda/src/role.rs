//! The functions: what each does with an event.

use std::time::{Duration, SystemTime};

use lambda_runtime::LambdaEvent;
use rollcall_core::report::OutcomeCounts;
use rollcall_entra::Wants;
use rollcall_pipeline::log;
use rollcall_pipeline::pull::{Pulled, Round, When};
use rollcall_pipeline::queue::Lane;
use rollcall_pipeline::run::{Finished, Until};
use rollcall_pipeline::status::Status;
use serde_json::{Value, json};

use crate::metrics::{Figure, Unit, count, flag};
use crate::setup::{Connected, Setup, time_left};
use crate::{FunctionError, apply, reconcile};

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
    /// Compares the tenant with HR and state. Every week.
    Reconcile,
}

impl Role {
    /// The names that `ROLLCALL_FUNCTION` may have.
    pub const NAMES: [&str; 6] = ["pull", "plan", "release", "apply", "report", "reconcile"];

    fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Plan => "plan",
            Self::Release => "release",
            Self::Apply => "apply",
            Self::Report => "report",
            Self::Reconcile => "reconcile",
        }
    }

    /// The function of a name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "pull" => Some(Self::Pull),
            "plan" => Some(Self::Plan),
            "release" => Some(Self::Release),
            "apply" => Some(Self::Apply),
            "report" => Some(Self::Report),
            "reconcile" => Some(Self::Reconcile),
            _ => None,
        }
    }
}

/// An event that asks whether the function could work, and changes nothing.
const CHECK: &str = "check";

pub(crate) async fn handle(
    setup: &Setup,
    event: LambdaEvent<Value>,
) -> Result<Value, FunctionError> {
    let begun = SystemTime::now();
    let deadline = event.context.deadline;
    let connected = setup.connected().await?;
    if event.payload.get(CHECK) == Some(&Value::Bool(true)) {
        return check(setup.role, &connected).await;
    }
    match setup.role {
        Role::Pull => {
            let left = time_left(deadline, begun, SystemTime::now());
            pull(&connected, &event.payload, left.unwrap_or_default()).await
        }
        Role::Plan => plan(&connected).await,
        Role::Release => release(&connected).await,
        Role::Report => report(&connected).await,
        Role::Reconcile => reconcile::reconcile(&connected).await,
        Role::Apply => {
            let time = || time_left(deadline, begun, SystemTime::now());
            apply::apply(&connected, event.payload, time).await
        }
    }
}

/// Whether everything that a function needs answers: its store, and where it works with them, the
/// evidence key, the queues, the tenant with all permissions.
async fn check(role: Role, connected: &Connected) -> Result<Value, FunctionError> {
    let pipeline = &connected.pipeline;
    let head = log::head(&pipeline.store).await?;
    let mut answer = json!({"function": role.name(), "generation": head.generation});
    if matches!(role, Role::Plan | Role::Release | Role::Report) {
        for (name, lane) in [("urgent", Lane::Urgent), ("bulk", Lane::Bulk)] {
            answer[name] = json!(connected.queue.depth(lane).await?);
        }
    }
    if matches!(role, Role::Plan | Role::Release | Role::Reconcile) {
        pipeline.key.get().await?;
    }
    if role == Role::Pull {
        let mut problems = Vec::new();
        for (name, checked) in pipeline.check_sources(pipeline.clock.now()).await {
            let noted = checked.notes.into_iter().filter(|it| it.is_problem);
            problems.extend(noted.map(|it| format!("source `{name}`: {}", it.message)));
        }
        if !problems.is_empty() {
            return Err(FunctionError::Source(problems.join("; ")));
        }
    }
    if role == Role::Reconcile {
        // It reads accounts, and nothing else: what the others need besides is theirs to miss.
        let probe = connected.entra.probe(Wants::default()).await;
        let probe = probe.map_err(|e| FunctionError::Target(e.to_string()))?;
        answer["missing"] = json!(probe.missing);
    }
    if matches!(role, Role::Plan | Role::Release | Role::Apply) {
        let probe = connected.entra.probe(pipeline.settings.wants()).await;
        let probe = probe.map_err(|e| FunctionError::Target(e.to_string()))?;
        if !probe.missing.is_empty() {
            return Err(FunctionError::Target(format!(
                "the application lacks permissions: {}",
                probe.missing.join(", ")
            )));
        }
    }
    Ok(answer)
}

/// What is left of the time of a function for what comes after the sources.
const TO_CLOSE: Duration = Duration::from_mins(1);

/// Everything in the inbox, whatever the event was about: one that is lost is made good by the
/// next, one that comes twice finds nothing. Sources that are asked are when the schedule says so: an
/// event with `source` in it.
async fn pull(
    connected: &Connected,
    event: &Value,
    left: Duration,
) -> Result<Value, FunctionError> {
    let pipeline = &connected.pipeline;
    let now = pipeline.clock.now();
    let (mut taken, mut refused) = (Vec::new(), 0);
    let mut round = Round::new(match event.get("source") {
        Some(_) => When::Now,
        None => When::Never,
    });
    // Each source has its share of the time: one that hangs keeps none behind it from being asked.
    let sources = u32::try_from(pipeline.connectors.len()).unwrap_or(u32::MAX);
    if sources > 0 {
        round = round.within(left.saturating_sub(TO_CLOSE) / sources);
    }
    let dropped = pipeline.take_dismissals(now).await?;
    for refusal in &dropped.refused {
        tracing::error!(kind = refusal.kind, "Refused: {}", refusal.message);
    }
    loop {
        match pipeline.pull_next(now, &mut round).await? {
            Pulled::Nothing => break,
            Pulled::Sealed { run, .. } => taken.push(run),
            Pulled::Refused(refusal) => {
                tracing::error!(kind = refusal.kind, "Refused: {}", refusal.message);
                refused += 1;
            }
        }
    }
    connected.say(&[
        count("FilesTaken", taken.len()),
        count("FilesRefused", refused + dropped.refused.len()),
    ]);
    Ok(json!({
        "taken": taken,
        "dismissed": dropped.taken,
        "refused": refused + dropped.refused.len(),
    }))
}

async fn plan(connected: &Connected) -> Result<Value, FunctionError> {
    let pipeline = &connected.pipeline;
    let erased = pipeline.erase_asked(pipeline.clock.now()).await?;
    let planned = pipeline.advance(Until::Planned).await?;
    let parked = planned.iter().filter(|done| done.stored.planned.parked);
    let parked = parked.count();
    let runs: Vec<_> = planned.iter().map(|done| &done.run).collect();
    let sent = send(connected).await?;
    connected.say(&[
        count("PlansMade", runs.len()),
        count("PlansParked", parked),
        count("OrdersSent", sent),
    ]);
    let erased: Vec<_> = erased.iter().map(|done| &done.run).collect();
    Ok(json!({"planned": runs, "sent": sent, "erased": erased}))
}

async fn release(connected: &Connected) -> Result<Value, FunctionError> {
    let pipeline = &connected.pipeline;
    let planned = pipeline.release(pipeline.clock.now()).await?;
    let planned = planned.map(|stored| stored.run);
    let sent = send(connected).await?;
    connected.say(&[count("OrdersSent", sent)]);
    Ok(json!({"planned": planned, "sent": sent}))
}

async fn send(connected: &Connected) -> Result<usize, FunctionError> {
    let queue = connected.queue.as_ref();
    Ok(connected.pipeline.dispatch(queue).await?)
}

/// Closes what is over, then says how things stand. Sealed deliveries are left to `plan`: it has
/// the memory and the time for them.
async fn report(connected: &Connected) -> Result<Value, FunctionError> {
    let pipeline = &connected.pipeline;
    let closed = pipeline.close().await?;
    let reports: Vec<_> = closed.iter().filter_map(|f| f.report.as_ref()).collect();
    let ended = |of: fn(&OutcomeCounts) -> u32| -> usize {
        let all = reports.iter().map(|report| of(&report.outcomes) as usize);
        all.sum()
    };
    let of_hr = |f: &&Finished| f.report.is_some() && f.stored.planned.intake.is_some();
    let deliveries = closed.iter().filter(of_hr).count();
    // Said at once: a run is closed once, and what comes behind may fail.
    connected.say(&[
        count("RunsClosed", reports.len()),
        count("DeliveriesClosed", deliveries),
        count("ActionsDone", ended(|o| o.done + o.already)),
        count("ActionsFailed", ended(|o| o.failed)),
        count("ActionsUnknown", ended(|o| o.unknown)),
    ]);
    let status = pipeline.status(pipeline.clock.now()).await?;
    connected.say(&standing(&status));
    let runs: Vec<_> = closed
        .iter()
        .filter(|done| done.report.is_some())
        .map(|done| &done.run)
        .collect();
    Ok(json!({"closed": runs}))
}

/// What alarms look at: computed from what should have happened, so that silence is seen too.
fn standing(status: &Status) -> Vec<Figure> {
    vec![
        (
            "SourceAgeHours",
            Unit::None,
            status.source_age_hours.unwrap_or(f64::from(u16::MAX)),
        ),
        flag("SourceStale", status.stale),
        count("LatePersons", status.late as usize),
        ("LateSecondsMax", Unit::Seconds, status.late_seconds_max),
        count("UnfinishedPersons", status.unfinished as usize),
        count("HeldPersons", status.held as usize),
        count("PlansWaiting", status.pending.len()),
        count("OpenRuns", status.open.len()),
        count("StuckRuns", status.stuck.len()),
        count(
            "SourcesMissed",
            status
                .sources
                .iter()
                .filter(|it| it.missed_since.is_some())
                .count(),
        ),
        count("Persons", status.persons as usize),
        count("ManagedAccounts", status.managed as usize),
        count("BlockedAccounts", status.blocked as usize),
    ]
}
