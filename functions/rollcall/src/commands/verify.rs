//! `verify`: exit code 0 when everything holds, 1 when something does not.

use std::sync::Arc;

use super::pass::with;
use crate::args::Verify;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring::Wrap;

pub(crate) fn verify(
    args: &Verify,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, _| {
        let verified = Box::pin(pipeline.verify(args.head.as_deref())).await?;
        if printer.json {
            printer.json(&verified);
        } else {
            printer.data(&format!(
                "{} log entries, {} evidence objects, {} plans made again ({} but for what was erased, {} no \
                 longer can be), {} values expired, {} erased in part\nhead {}\n",
                verified.entries,
                verified.objects,
                verified.plans_replayed + verified.plans_replayed_in_part,
                verified.plans_replayed_in_part,
                verified.plans_not_replayed,
                verified.values_gone,
                verified.values_erased,
                verified.head.as_deref().unwrap_or("(empty)"),
            ));
        }
        for erased in &verified.erased {
            printer.say(&format!("not made again, erased: {erased}"));
        }
        for problem in &verified.problems {
            printer.error(problem);
        }
        Ok(if verified.problems.is_empty() {
            Exit::Done
        } else {
            Exit::Flawed
        })
    })
}
