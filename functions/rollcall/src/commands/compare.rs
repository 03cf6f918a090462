//! `policy diff`: stored runs by the rules of today. Changes nothing, and asks the target nothing.
//! Exit code 1 when a run cannot be made again.

use std::sync::Arc;

use rollcall_core::model::RunId;
use rollcall_pipeline::compare::Against;
use serde_json::json;

use super::pass::with;
use crate::args::PolicyDiff;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::show::compare::comparison;
use crate::wiring::Wrap;

pub(crate) fn diff(
    args: &PolicyDiff,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    let against = match args.last {
        Some(count) => Against::Last(usize::from(count)),
        None => Against::Runs(args.against.iter().map(RunId::new).collect()),
    };
    with(&args.at, printer, wrap, async |pipeline, _| {
        let runs = Box::pin(pipeline.compare_runs(&against)).await?;
        if printer.json {
            printer.json(&json!({"format_version": 1, "runs": runs}));
        } else {
            printer.data(&comparison(&runs));
        }
        Ok(if runs.iter().any(|run| run.gone.is_some()) {
            Exit::Flawed
        } else {
            Exit::Done
        })
    })
}
