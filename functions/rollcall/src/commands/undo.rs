//! `undo`: plans to take a run back, and says first what cannot be. Where functions carry out what is
//! planned, it writes down that they are to plan it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use rollcall_core::model::{Finding, FindingKind, RunId};
use rollcall_pipeline::run::Pipeline;

use super::approve::approver;
use super::pass::{show_plans, with};
use crate::args::Undo;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring::Wrap;

pub(crate) fn undo(args: &Undo, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, now| {
        if pipeline.queue.is_some() {
            return ask(args, pipeline, now, printer).await;
        }
        let stored = pipeline.undo(&RunId::new(&args.run), now).await?;
        let findings = pipeline.findings(&stored).await?;
        if printer.json {
            let left = findings.iter().filter(|it| about_undo(it));
            printer.json(&serde_json::json!({
                "format_version": 1,
                "undoes": args.run,
                "run": stored.run,
                "not_taken_back": left.collect::<Vec<_>>(),
            }));
        } else {
            printer.data(&announcement(&args.run, &findings));
        }
        let approve = format!(
            "nothing was touched. `rollcall approve {} --plan {} --reason TEXT` agrees to it, then \
             `rollcall apply` carries it out",
            stored.run,
            &stored.planned.plan_sha256[..12],
        );
        let exit = show_plans(pipeline, vec![stored], printer).await?;
        printer.say(&approve);
        Ok(exit)
    })
}

/// Who undoes here may not write the log: a function plans it.
async fn ask(
    args: &Undo,
    pipeline: &Pipeline,
    now: Timestamp,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let by = approver(pipeline).await?;
    let reason = args.reason.as_deref().unwrap_or_default();
    let run = RunId::new(&args.run);
    let findings = pipeline.ask_undo(&run, reason, &by, now).await?;
    if printer.json {
        printer.json(&serde_json::json!({
            "format_version": 1,
            "undoes": args.run,
            "asked_by": by,
            "not_taken_back": findings,
        }));
    } else {
        printer.data(&announcement(&args.run, &findings));
    }
    printer.say(&format!(
        "nothing was touched. Written down by {}: the next release plans it, and sees then what somebody \
         else changed since",
        by.0
    ));
    printer.say(
        "\nhint: in a few minutes `rollcall status` names the plan that waits; read it, then agree \
         to it",
    );
    Ok(Exit::Waits)
}

fn about_undo(finding: &Finding) -> bool {
    matches!(
        finding.kind,
        FindingKind::Irreversible | FindingKind::ChangedSince | FindingKind::AccountGone
    )
}

/// What cannot be taken back, before anything is.
fn announcement(run: &str, findings: &[Finding]) -> String {
    let mut out = format!("undo of run {run}\n");
    let mut left: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut others = Vec::new();
    for finding in findings.iter().filter(|it| about_undo(it)) {
        let worker = finding.worker.as_ref().map_or("", |it| it.as_str());
        match (finding.arg("op"), finding.arg("left")) {
            (Some(op), Some(what)) => left.entry((op, what)).or_default().push(worker),
            _ => others.push((worker, finding.note.as_str())),
        }
    }
    if left.is_empty() && others.is_empty() {
        out.push_str("  all of it can be taken back\n");
    } else {
        out.push_str("  what cannot be taken back:\n");
    }
    for ((op, what), workers) in left {
        let people = match workers.len() {
            1 => format!("worker {}", workers[0]),
            count => format!("{count} people"),
        };
        writeln!(out, "  {op} of {people}: {what}").expect("a String takes everything");
    }
    for (worker, note) in others {
        writeln!(out, "  worker {worker}: {note}").expect("a String takes everything");
    }
    out.push_str(
        "  afterwards these people are on hold (`undone`): nothing is done for them until HR \
         changes their row\n  or somebody lifts the hold; what falls due later by a date is\n\n",
    );
    out
}
