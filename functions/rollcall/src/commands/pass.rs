//! `run` and its steps: `pull`, `plan`, `apply`, `report`, and `release`.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use jiff::Timestamp;
use rollcall_core::delta::Coverage;
use rollcall_core::model::RunId;
use rollcall_pipeline::apply::Lines;
use rollcall_pipeline::log;
use rollcall_pipeline::pull::{Pulled, Refusal, Round, When};
use rollcall_pipeline::report::events_key;
use rollcall_pipeline::run::{Finished, Pipeline, Stored, Until};
use rollcall_pipeline::status::SourceStatus;

use super::ahead;
use crate::args::{At, Plan, Report, Run, Show};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::show;
use crate::wiring::{self, Wrap};

/// Bytes of events that are printed together.
const EVENTS_AT_ONCE: usize = 64 * 1024;

/// The nightly job: every delivery in the inbox, oldest first, from pull to report.
pub(crate) fn run(args: &Run, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, now| {
        let mut round = Round::new(When::Now);
        Box::pin(nightly(
            pipeline,
            now,
            args.file.as_deref(),
            printer,
            &mut round,
        ))
        .await
    })
}

pub(crate) async fn nightly(
    pipeline: &Pipeline,
    now: Timestamp,
    file: Option<&Path>,
    printer: &Printer,
    round: &mut Round,
) -> anyhow::Result<Exit> {
    let mut exit = close(pipeline, printer).await?;
    exit = exit.max(dismissals(pipeline, now, printer).await?);
    if pipeline.has_notices().await? {
        // What people said waits for no file.
        exit = exit.max(fall_due(pipeline, now, printer).await?);
    }
    let mut refusals = Refusals::of(round);
    let mut taken = false;
    // A plan from an accepted delivery looks at whatever is due by itself.
    let mut looked = false;
    if file.is_none() {
        ignored(pipeline, printer).await?;
    }
    while let Some(delivery) = take(pipeline, now, file, &mut refusals, printer).await? {
        taken = true;
        printer.say(&format!("{}: taken as run {}", delivery.file, delivery.run));
        let finished = pipeline.advance(Until::Closed).await?;
        looked |= finished.iter().any(|f| !f.stored.planned.parked);
        exit = exit.max(show_all(pipeline, &finished, printer));
        if file.is_some() {
            break;
        }
    }
    // What another process took meanwhile is carried to its end together.
    exit = exit
        .max(close(pipeline, printer).await?)
        .max(refusals.exit());
    if !taken && refusals.count == 0 {
        printer.say("nothing new from HR");
        exit = exit.max(nothing_new(pipeline, now, printer).await?);
    }
    if !looked {
        exit = exit.max(fall_due(pipeline, now, printer).await?);
    }
    if taken && file.is_none() && pipeline.settings.feeds.are_several() {
        // Who delivers does not make up for who does not (P16).
        let standing = log::head(&pipeline.store).await?.standing;
        exit = exit.max(silent(&pipeline.source_status(&standing, now), printer));
    }
    // A run that gave way to what people said left the rest undone.
    let mut before = 0;
    let mut head = log::head(&pipeline.store).await?.generation;
    while head != before && pipeline.has_notices().await? {
        let now = pipeline.clock.now().max(now);
        exit = exit.max(fall_due(pipeline, now, printer).await?);
        before = head;
        head = log::head(&pipeline.store).await?.generation;
    }
    // Days pass also while nothing comes.
    pipeline.expire().await?;
    Ok(exit.max(waiting(pipeline).await?))
}

/// Takes what was dropped into the inbox of people who cannot wait for the next file.
async fn dismissals(
    pipeline: &Pipeline,
    now: Timestamp,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let dropped = pipeline.take_dismissals(now).await?;
    if dropped.taken > 0 {
        printer.say(&format!(
            "{} dismissals taken from the inbox",
            dropped.taken
        ));
    }
    for refusal in &dropped.refused {
        // Whoever else is in the file is dismissed all the same: the message says so.
        refused_as(refusal, &refusal.message, printer);
    }
    Ok(if dropped.refused.is_empty() {
        Exit::Done
    } else {
        Exit::CouldNotRun
    })
}

/// What was tried in this command, and how much of it was refused.
struct Refusals<'a> {
    round: &'a mut Round,
    count: usize,
}

impl<'a> Refusals<'a> {
    fn of(round: &'a mut Round) -> Self {
        Self { round, count: 0 }
    }

    fn exit(&self) -> Exit {
        if self.count == 0 {
            Exit::Done
        } else {
            Exit::CouldNotRun
        }
    }
}

/// A delivery that was taken.
struct Taken {
    run: RunId,
    file: String,
    rows: u32,
    coverage: Coverage,
    /// Of a source that was asked: there may be more.
    asked: bool,
}

/// Says what lies in the inbox and is not looked at yet. Nothing is wrong with it.
async fn ignored(pipeline: &Pipeline, printer: &Printer) -> anyhow::Result<()> {
    for it in pipeline.ignored().await? {
        if printer.json {
            printer.json(&serde_json::json!({
                "format_version": 1,
                "file": it.file,
                "decision": "ignore",
                "reason": it.reason,
            }));
        }
        printer.say(&format!(
            "{}: not looked at yet; it waits for {}",
            it.file, it.waits_for
        ));
    }
    Ok(())
}

/// Takes the next delivery. One that is refused stays where it is, is said, and does not stand in
/// the way of the next.
async fn take(
    pipeline: &Pipeline,
    now: Timestamp,
    file: Option<&Path>,
    refusals: &mut Refusals<'_>,
    printer: &Printer,
) -> anyhow::Result<Option<Taken>> {
    loop {
        let pulled = match file {
            Some(path) => pipeline.pull_file(path, now).await?,
            None => pipeline.pull_next(now, refusals.round).await?,
        };
        match pulled {
            Pulled::Sealed {
                run,
                file,
                rows,
                coverage,
                asked,
            } => {
                return Ok(Some(Taken {
                    run,
                    file,
                    rows,
                    coverage,
                    asked,
                }));
            }
            Pulled::Nothing => return Ok(None),
            Pulled::Refused(refusal) => {
                refused(&refusal, printer);
                refusals.count += 1;
                if file.is_some() {
                    return Ok(None);
                }
            }
        }
    }
}

/// Whether anything waits for people, of this run or an older one.
async fn waiting(pipeline: &Pipeline) -> anyhow::Result<Exit> {
    let head = log::head(&pipeline.store).await?;
    let waits = |pending: &log::Pending| !pending.waiting().is_empty();
    let halted = pipeline.halted().await?.is_some();
    Ok(if halted || head.standing.pending.iter().any(waits) {
        Exit::Waits
    } else {
        Exit::Done
    })
}

/// A run without a file is only fine while the newest accepted one is fresh (P16).
async fn nothing_new(
    pipeline: &Pipeline,
    now: Timestamp,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let status = pipeline.status(now).await?;
    if pipeline.settings.feeds.are_several() && status.source_age_hours.is_some() {
        return Ok(silent(&status.sources, printer));
    }
    match status.source_age_hours {
        None => {
            printer.error(
                "nothing was ever received: put an export into the inbox folder of the store, or see why \
                 `rollcall pull` gets nothing",
            );
            Ok(Exit::CouldNotRun)
        }
        Some(age) if status.stale => {
            printer.error(&format!(
                "the newest accepted data are {age:.0} hours old; until HR delivers, only dated \
                 cuts are carried out"
            ));
            Ok(Exit::Flawed)
        }
        Some(_) => Ok(Exit::Done),
    }
}

/// Says which of several sources have been silent for too long: their people stay as they are.
fn silent(sources: &[SourceStatus], printer: &Printer) -> Exit {
    let stale: Vec<&SourceStatus> = sources.iter().filter(|it| it.stale).collect();
    for it in &stale {
        let what = match it.age_hours {
            Some(age) => format!("the newest accepted data are {age:.0} hours old"),
            None => "nothing was ever accepted".to_owned(),
        };
        let then = if it.population {
            "until it delivers, of whom no other source employs only dated cuts are carried out"
        } else {
            "until it delivers, what it said last stands"
        };
        printer.error(&format!("source `{}`: {what}; {then}", it.source));
    }
    if stale.is_empty() {
        Exit::Done
    } else {
        Exit::Flawed
    }
}

/// Plans and carries out what fell due, then closes it.
async fn fall_due(pipeline: &Pipeline, now: Timestamp, printer: &Printer) -> anyhow::Result<Exit> {
    match pipeline.release(now).await? {
        Some(_) => close(pipeline, printer).await,
        None => Ok(Exit::Done),
    }
}

pub(super) async fn close(pipeline: &Pipeline, printer: &Printer) -> anyhow::Result<Exit> {
    let finished = pipeline.advance(Until::Closed).await?;
    Ok(show_all(pipeline, &finished, printer))
}

fn show_all(pipeline: &Pipeline, finished: &[Finished], printer: &Printer) -> Exit {
    for one in finished {
        match &one.report {
            Some(report) if printer.json => printer.json(report),
            Some(report) => printer.data(&show::summary(report, &pipeline.place)),
            None if printer.json => printer.json(&one.stored.summary),
            None => printer.data(&show::counts(&one.stored.summary, one.run.as_str())),
        }
    }
    finished.iter().map(Exit::of).max().unwrap_or(Exit::Done)
}

pub(crate) fn refused(refusal: &Refusal, printer: &Printer) {
    let told = format!("{}\nnothing was changed", refusal.message);
    refused_as(refusal, &told, printer);
}

fn refused_as(refusal: &Refusal, told: &str, printer: &Printer) {
    if printer.json {
        printer.json(&serde_json::json!({
            "format_version": 1,
            "decision": refusal.decision(),
            "error": {"file": refusal.file, "kind": refusal.kind, "message": refusal.message},
        }));
    }
    printer.error(told);
}

/// Takes deliveries and stops there.
pub(crate) fn pull(args: &Run, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, now| {
        let mut round = Round::new(When::Now);
        let mut refusals = Refusals::of(&mut round);
        let file = args.file.as_deref();
        if file.is_none() {
            ignored(pipeline, printer).await?;
        }
        let mut count = 0;
        while let Some(taken) = take(pipeline, now, file, &mut refusals, printer).await? {
            count += 1;
            if printer.json {
                printer.json(&serde_json::json!({
                    "format_version": 1,
                    "decision": "accept",
                    "run": taken.run,
                    "file": taken.file,
                    "rows": taken.rows,
                    "coverage": taken.coverage,
                }));
            } else {
                printer.data(&format!("{}\n", taken.run));
            }
            if !taken.asked {
                break;
            }
        }
        if count == 0 && refusals.count == 0 {
            printer.say("nothing new from HR");
            return nothing_new(pipeline, now, printer).await;
        }
        Ok(refusals.exit())
    })
}

/// Shows what a run would change. The plan is stored: the next `run` or `apply` carries out that
/// one.
pub(crate) fn plan(args: &Plan, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    if let Some(as_of) = args.as_of {
        return ahead::plan(&args.run, as_of, printer, wrap);
    }
    let args = &args.run;
    with(&args.at, printer, wrap, async |pipeline, now| {
        // Whoever looks once more at what is planned asks nobody anew.
        let open = !pipeline.open_plans().await?.is_empty();
        let mut round = Round::new(if open { When::Never } else { When::Now });
        let mut refusals = Refusals::of(&mut round);
        let file = args.file.as_deref();
        while let Some(taken) = take(pipeline, now, file, &mut refusals, printer).await? {
            if !taken.asked {
                break;
            }
        }
        let mut planned: Vec<Stored> = pipeline
            .advance(Until::Planned)
            .await?
            .into_iter()
            .map(|f| f.stored)
            .collect();
        if planned.is_empty() {
            // Nothing new: show again what is planned and not carried out.
            planned = pipeline.open_plans().await?;
        }
        if planned.is_empty() && refusals.count == 0 {
            printer.say("nothing is planned: nothing new from HR, and no run is open");
            return nothing_new(pipeline, now, printer).await;
        }
        Ok(refusals
            .exit()
            .max(show_plans(pipeline, planned, printer).await?))
    })
}

/// Shows a plan that is stored: any run's, or all that are open or wait.
pub(crate) fn show(args: &Show, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, _| {
        let plans = match &args.run {
            None => pipeline.open_plans().await?,
            Some(run) => {
                let Some(stored) = pipeline.planned(&RunId::new(run)).await? else {
                    bail!("no run {run} was planned here; `rollcall status` names those that wait");
                };
                vec![stored]
            }
        };
        if plans.is_empty() {
            printer.say("no plan is open, and none waits for an approval");
        }
        show_plans(pipeline, plans, printer).await
    })
}

pub(crate) async fn show_plans(
    pipeline: &Pipeline,
    plans: Vec<Stored>,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for stored in plans {
        if printer.json {
            let (orders, _) = pipeline.orders(&stored, usize::MAX).await?;
            printer.json(&serde_json::json!({
                "format_version": 1,
                "run": stored.run,
                "plan": stored.summary,
                "orders": orders,
            }));
        } else {
            let (orders, count) = pipeline.orders(&stored, show::ORDERS_SHOWN).await?;
            let text = show::diff(&stored.summary, stored.run.as_str(), &orders, count);
            printer.data(&text);
        }
        let run = stored.run.clone();
        exit = exit.max(Exit::of(&Finished {
            run,
            stored,
            report: None,
        }));
    }
    Ok(exit)
}

/// Carries out what is planned, or what was approved since.
pub(crate) fn apply(args: &At, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    with(args, printer, wrap, async |pipeline, _| {
        let finished = pipeline.carry_out().await?;
        let exit = show_all(pipeline, &finished, printer);
        let unplanned = pipeline.unplanned().await?;
        for run in &unplanned {
            printer.say(&format!(
                "run {run} is taken and not planned: `rollcall plan` shows what it would change"
            ));
        }
        if exit == Exit::Done && unplanned.is_empty() {
            printer.say("nothing is left to carry out");
        }
        Ok(exit.max(waiting(pipeline).await?))
    })
}

/// Writes the report of one run anew and names it, or prints its events.
pub(crate) fn report(
    args: &Report,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, _| {
        let head = log::head(&pipeline.store).await?;
        let found = match &args.run {
            Some(run) => {
                let Some(stored) = pipeline.planned(&RunId::new(run)).await? else {
                    bail!(
                        "no run {run} was planned here; `rollcall report` without a run names the newest one"
                    );
                };
                let report = pipeline.report(&head, &stored).await?;
                Some((stored, report))
            }
            None => pipeline.newest_report(&head).await?,
        };
        let Some((stored, report)) = found else {
            printer.say("no run has been planned yet");
            return Ok(Exit::CouldNotRun);
        };
        let finished = Finished {
            run: stored.run.clone(),
            stored,
            report: Some(report),
        };
        if args.ocsf {
            events(pipeline, &finished.run, printer).await?;
            return Ok(Exit::of(&finished));
        }
        Ok(show_all(pipeline, &[finished], printer))
    })
}

/// Prints the events of a run, some lines at a time: a first load has many.
async fn events(pipeline: &Pipeline, run: &RunId, printer: &Printer) -> anyhow::Result<()> {
    let mut lines = Lines::open(&pipeline.store, &events_key(run)).await?;
    let mut text = String::new();
    while let Some((_, line)) = lines.next()? {
        text.push_str(std::str::from_utf8(&line)?);
        text.push('\n');
        if text.len() > EVENTS_AT_ONCE {
            printer.data(&text);
            text.clear();
        }
    }
    printer.data(&text);
    Ok(())
}

/// Plans and carries out what fell due, stopped waiting or was not done.
pub(crate) fn release(args: &At, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    with(args, printer, wrap, async |pipeline, now| {
        at_once(pipeline, now, printer).await
    })
}

/// A release now.
pub(crate) async fn at_once(
    pipeline: &Pipeline,
    now: Timestamp,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let before = close(pipeline, printer).await?;
    let before = before.max(dismissals(pipeline, now, printer).await?);
    let head = log::head(&pipeline.store).await?.generation;
    let exit = before.max(fall_due(pipeline, now, printer).await?);
    if log::head(&pipeline.store).await?.generation == head {
        printer.say("nothing is due");
    }
    Ok(exit.max(waiting(pipeline).await?))
}

/// Reads the configuration, builds the pipeline on the right clock, and works with it.
pub(crate) fn with(
    at: &At,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
    work: impl AsyncFnOnce(&Pipeline, Timestamp) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let settings = wiring::read(&at.config)?;
    let runtime = wiring::runtime(wiring::simulated(&settings, wrap))?;
    let bar = Arc::clone(printer);
    runtime.block_on(async {
        let progress = Box::new(move |done, total| bar.progress(done, total));
        let wired = Box::pin(wiring::wire(settings, at.now, progress, wrap)).await?;
        // The instant that was given, not the moment at which we got here.
        let now = at.now.unwrap_or_else(|| wired.pipeline.clock.now());
        work(&wired.pipeline, now).await
    })
}
