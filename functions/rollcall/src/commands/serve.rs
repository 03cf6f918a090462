//! `serve`: one machine without AWS. Looks at the inbox and at the schedule, again and again.

use std::sync::Arc;
use std::time::Duration;

use rollcall_pipeline::pull::{Round, When};

use super::pass::nightly;
use crate::args::Serve;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring::{self, Wrap};

/// Ends after `--rounds` looks; otherwise goes on until the process is told to end. A look that
/// fails is said and does not end it: the next one may find the tenant well again.
pub(crate) fn serve(args: &Serve, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    let settings = wiring::read(&args.config)?;
    let runtime = wiring::runtime(wiring::simulated(&settings, wrap) && args.rounds > 0)?;
    let bar = Arc::clone(printer);
    runtime.block_on(async {
        let progress = Box::new(move |done, total| bar.progress(done, total));
        let pipeline = Box::pin(wiring::wire(settings, None, progress, wrap))
            .await?
            .pipeline;
        let mut worst = Exit::Done;
        let mut round = 0;
        let mut tried = Round::new(When::Due);
        loop {
            let now = pipeline.clock.now();
            match Box::pin(nightly(&pipeline, now, None, printer, &mut tried)).await {
                Ok(exit) => worst = worst.max(exit),
                Err(error) => {
                    worst = Exit::CouldNotRun;
                    printer.error(&format!("{error:#}"));
                }
            }
            tried.again();
            round += 1;
            if round == args.rounds {
                return Ok(worst);
            }
            pipeline
                .clock
                .sleep(Duration::from_secs(args.every_secs))
                .await;
        }
    })
}
