//! `demo`: two days of a bundled export through the whole pipeline, compared with the bundled
//! truth. Exit code 0 when it ends as that says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use rollcall_core::plan::{GroupCounts, LicenceCounts};
use rollcall_core::report::Report;
use rollcall_pipeline::pull::{Pulled, Round, When};
use rollcall_pipeline::roll::Compared;
use rollcall_pipeline::run::{Pipeline, Until, nonce};
use serde::{Deserialize, Serialize};

use crate::args::Demo;
use crate::exit::Exit;
use crate::init;
use crate::printer::Printer;
use crate::show;
use crate::wiring::{self, Plain};

const DAYS: [(&str, &str, &str); 2] = [
    (
        "day 1",
        "workers-2026-03-16.csv",
        include_str!("../../../../mappings/demo/day-1.csv"),
    ),
    (
        "day 2",
        "workers-2026-03-17.csv",
        include_str!("../../../../mappings/demo/day-2.csv"),
    ),
];
const TRUTH: &str = include_str!("../../../../mappings/demo/truth.json");

/// What a day must come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Truth {
    rows: u32,
    joiners: u32,
    movers: u32,
    leavers: u32,
    updates: u32,
    unchanged: u32,
    held: u32,
    never_provisioned: u32,
    missing_once: u32,
    actions: BTreeMap<String, u32>,
    scheduled: BTreeMap<String, u32>,
    groups: BTreeMap<String, GroupCounts>,
    licences: BTreeMap<String, LicenceCounts>,
    /// Whose membership in a group of the tenant is as it was predicted, at the end of the day.
    memberships: u32,
    /// Whose is not.
    differences: u32,
    done: u32,
    not_done: u32,
}

/// What a day came to.
struct Day {
    report: Report,
    groups: Vec<Compared>,
}

impl Truth {
    fn of(day: &Day) -> Self {
        let (c, o) = (&day.report.counts, &day.report.outcomes);
        let lists = |it: &Compared| it.absent.len() + it.surplus.len();
        let differences: usize = day.groups.iter().map(lists).sum();
        Self {
            memberships: day.groups.iter().map(|it| it.agree).sum(),
            differences: u32::try_from(differences).unwrap_or(u32::MAX),
            rows: c.rows,
            joiners: c.joiners,
            movers: c.movers,
            leavers: c.leavers,
            updates: c.updates,
            unchanged: c.unchanged,
            held: c.held,
            never_provisioned: c.never_provisioned,
            missing_once: c.missing_once,
            actions: c.actions.clone(),
            scheduled: c.scheduled.clone(),
            groups: c.groups.clone(),
            licences: c.licences.clone(),
            done: o.done,
            not_done: o.already + o.failed + o.stale + o.waiting + o.held + o.unknown,
        }
    }
}

pub(crate) fn demo(args: &Demo, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let folder = match &args.dir {
        Some(dir) => dir.clone(),
        None => std::env::temp_dir().join(format!("rollcall-demo-{}", nonce())),
    };
    init::write("demo", &folder)?;
    let truth: [Truth; DAYS.len()] =
        serde_json::from_str(TRUTH).context("the bundled truth is broken")?;
    let mut right = true;
    for ((title, file, text), truth) in DAYS.into_iter().zip(truth) {
        let day = day(&folder, file, text, printer)?;
        let came = Truth::of(&day);
        if printer.json {
            printer.json(&day.report);
        } else {
            printer.data(&format!(
                "{title}: {file}\n{}  in Entra   {} memberships as the plans said, {} not\n\n",
                show::summary(&day.report, &folder.display().to_string()),
                came.memberships,
                came.differences
            ));
        }
        if came != truth {
            right = false;
            let text = |t: &Truth| serde_json::to_string(t).expect("a truth is always JSON");
            printer.error(&format!(
                "{title} did not end as expected\n  expected {}\n  came     {}",
                text(&truth),
                text(&came)
            ));
        }
    }
    if right {
        printer.say("the demo ended as its bundled truth says");
        Ok(Exit::Done)
    } else {
        Ok(Exit::Flawed)
    }
}

/// The night after which a bundled file came.
fn morning(file: &str) -> anyhow::Result<Timestamp> {
    let day = &file["workers-".len()..file.len() - ".csv".len()];
    let instant = format!("{day}T04:00:00Z");
    instant.parse().context("the day of a bundled file")
}

fn day(folder: &Path, file: &str, text: &str, printer: &Arc<Printer>) -> anyhow::Result<Day> {
    let settings = wiring::read(&folder.join("rollcall.toml"))?;
    let now = morning(file)?;
    std::fs::write(folder.join("inbox").join(file), text).context("the inbox cannot be written")?;
    let runtime = wiring::runtime(true)?;
    let bar = Arc::clone(printer);
    runtime.block_on(async {
        let progress = Box::new(move |done, total| bar.progress(done, total));
        let pipeline = Box::pin(wiring::wire(settings, Some(now), progress, &Plain))
            .await?
            .pipeline;
        let report = finish(&pipeline, now).await?;
        let groups = match &pipeline.settings.groups {
            Some(groups) => pipeline.compare(&groups.0, now).await?,
            None => Vec::new(),
        };
        Ok(Day { report, groups })
    })
}

async fn finish(pipeline: &Pipeline, now: Timestamp) -> anyhow::Result<Report> {
    match pipeline
        .pull_next(now, &mut Round::new(When::Never))
        .await?
    {
        Pulled::Sealed { .. } => {}
        Pulled::Refused(refusal) => anyhow::bail!(refusal.message),
        Pulled::Nothing => anyhow::bail!("the bundled file was not found in the inbox"),
    }
    let finished = pipeline.advance(Until::Closed).await?;
    finished
        .into_iter()
        .find_map(|f| f.report)
        .context("the run ended without a report")
}
