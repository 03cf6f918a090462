//! `status`: exit code 0 when nothing is late, stale, stuck or unfinished, 3 when something
//! waits for an approval, 1 otherwise.

use std::sync::Arc;

use super::pass::with;
use crate::args::At;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::show;
use crate::wiring::Wrap;

pub(crate) fn status(args: &At, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    with(args, printer, wrap, async |pipeline, now| {
        let status = pipeline.status(now).await?;
        if printer.json {
            printer.json(&status);
        } else {
            printer.data(&show::status(&status));
        }
        Ok(if !status.pending.is_empty() {
            Exit::Waits
        } else if status.alarming() {
            Exit::Flawed
        } else {
            Exit::Done
        })
    })
}
