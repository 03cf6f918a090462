//! `reconcile`: exit code 0 when nothing differs, 1 when something does, 3 when what would mend it waits
//! for an approval.

use std::sync::Arc;

use rollcall_pipeline::reconcile::Asked;

use super::pass::{close, with};
use crate::args::Reconcile;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::show;
use crate::wiring::Wrap;

pub(crate) fn reconcile(
    args: &Reconcile,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, now| {
        let asked = Asked {
            from: args.from,
            to: args.to,
            sample: args.sample.zip(args.seed.clone()),
        };
        let found = Box::pin(pipeline.reconcile(&asked, now)).await?;
        if printer.json {
            printer.json(&found.record);
        } else {
            printer.data(&show::reconciliation(&found.record, &pipeline.place));
        }
        let differs = if found.record.totals.discrepancies() > 0 {
            Exit::Flawed
        } else {
            Exit::Done
        };
        if !args.heal {
            return Ok(differs);
        }
        if pipeline.heal(&found.mendable, now).await?.is_some() {
            return Ok(differs.max(close(pipeline, printer).await?));
        }
        printer.say("there is nothing that a plan could mend");
        Ok(differs)
    })
}
