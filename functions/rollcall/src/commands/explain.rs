//! `explain`: exit code 0 when the worker is known, 2 when nobody knows them. It shows values, and
//! changes nothing.

use std::sync::Arc;

use rollcall_core::model::RunId;

use super::pass::with;
use crate::args::Explain;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::show::explain::explanation;
use crate::wiring::Wrap;

pub(crate) fn explain(
    args: &Explain,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, now| {
        let run = args.run.as_ref().map(RunId::new);
        let explained = pipeline.explain(&args.worker, run.as_ref(), now).await?;
        if printer.json {
            printer.json(&explained);
        } else {
            printer.data(&explanation(&explained));
        }
        Ok(Exit::Done)
    })
}
