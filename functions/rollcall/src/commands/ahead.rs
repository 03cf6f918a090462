//! `plan --as-of`: the plan of a day to come. Stores nothing, takes nothing out of the inbox, and
//! only reads the target.

use std::fmt::Write as _;
use std::sync::Arc;

use rollcall_pipeline::ahead::{AsOf, Basis};
use rollcall_pipeline::run::{Finished, Stored};
use serde_json::json;

use super::pass::{refused, with};
use crate::args::Run;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::show::{self, ORDERS_SHOWN};
use crate::wiring::Wrap;

pub(crate) fn plan(
    args: &Run,
    as_of: AsOf,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, now| {
        let look = pipeline.look_ahead(as_of, now, args.file.as_deref());
        let look = Box::pin(look).await?;
        for refusal in &look.refused {
            refused(refusal, printer);
        }
        let mut exit = if look.refused.is_empty() {
            Exit::Done
        } else {
            Exit::CouldNotRun
        };
        if !printer.json {
            printer.data(&title(&look.basis));
            if look.plans.is_empty() {
                printer.data("nothing falls due then\n");
            }
        }
        let most = if printer.json {
            usize::MAX
        } else {
            ORDERS_SHOWN
        };
        let mut plans = Vec::new();
        for stored in look.plans {
            let (orders, count) = look.pipeline.orders(&stored, most).await?;
            if printer.json {
                plans.push(json!({"plan": stored.summary, "orders": orders}));
            } else {
                printer.data(&show::diff_ahead(&stored.summary, &orders, count));
                printer.data("\n");
            }
            exit = exit.max(ending(stored));
        }
        if printer.json {
            let basis = look.basis;
            printer.json(&json!({"format_version": 1, "ahead": basis, "plans": plans}));
        }
        Ok(exit)
    })
}

/// As a plan that is made for real ends.
fn ending(stored: Stored) -> Exit {
    Exit::of(&Finished {
        run: stored.run.clone(),
        stored,
        report: None,
    })
}

/// What is shown, and what it is made from.
fn title(basis: &Basis) -> String {
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{text}").expect("a String takes everything");
    line(format!(
        "LOOK AHEAD, nothing is stored or changed: what falls due from {} to {}",
        basis.since, basis.until
    ));
    line(match &basis.data {
        None => "  made from   no data: HR has delivered nothing that was accepted".to_owned(),
        Some(data) => format!(
            "  made from   {} of {}, and what Entra has at {}",
            data.file.as_deref().unwrap_or("data"),
            data.as_of,
            basis.now
        ),
    });
    for file in &basis.files {
        line(format!(
            "  inbox       {file} counts as taken; it lies where it lay"
        ));
    }
    for run in &basis.runs {
        line(format!("  open run    {run} counts as carried out"));
    }
    line(
        "  supposed    HR says nothing new, nobody approves anything, everything due before is done"
            .to_owned(),
    );
    if !basis.before.is_empty() {
        line(format!("  done before {}", show::tally(&basis.before)));
    }
    for kept in &basis.held {
        let run = match &kept.run {
            Some(run) => format!(" (run {run} waits for an approval)"),
            None => String::new(),
        };
        line(format!(
            "  ! kept back before, at {}, by {}: {}{run}",
            kept.at, kept.guard, kept.why
        ));
    }
    line(String::new());
    out
}
