//! `halt` and `resume`: the kill switch.

use std::sync::Arc;

use super::approve::approver;
use super::pass::with;
use crate::args::Halt;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring::Wrap;

pub(crate) fn halt(args: &Halt, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    say(args, true, printer, wrap)
}

pub(crate) fn resume(args: &Halt, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    say(args, false, printer, wrap)
}

fn say(args: &Halt, halt: bool, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, now| {
        let by = approver(pipeline).await?;
        let reason = &args.reason;
        let (was, more) = if halt {
            pipeline.halt(reason, &by, now).await?;
            let more = "whatever is under way stops after the action that it is at; `rollcall \
                        resume` lets it go on";
            ("halted", more)
        } else {
            pipeline.resume(reason, &by, now).await?;
            let more = "the next run or release plans anew what is left";
            ("resumed", more)
        };
        printer.say(&format!("{was} by {}: {more}", by.0));
        if printer.json {
            printer.json(&serde_json::json!({
                "format_version": 1, "by": by, "halted": pipeline.halted().await?,
            }));
        }
        Ok(Exit::Done)
    })
}
