//! `erase`: exit code 0 when nothing of the person is left, 1 when something is that people have to
//! see to, 2 when nothing was erased.

use std::fmt::Write as _;
use std::sync::Arc;

use rollcall_pipeline::erase::{Erased, Request};

use super::approve::approver;
use super::pass::with;
use crate::args::Erase;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring::Wrap;

pub(crate) fn erase(args: &Erase, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, now| {
        let by = approver(pipeline).await?;
        let ask = Request {
            worker: &args.worker,
            by: &by,
            anyway: args.anyway,
        };
        if pipeline.queue.is_some() {
            pipeline.ask_erasure(&ask, now).await?;
            if printer.json {
                printer.json(&serde_json::json!({
                    "format_version": 1,
                    "worker": args.worker,
                    "asked_by": by,
                }));
            }
            printer.say(&format!(
                "nothing was touched. Written down by {}: the next plan function carries it out once no run is under way, and its log \
                 says so",
                by.0
            ));
            return Ok(Exit::Done);
        }
        let erased = Box::pin(pipeline.erase(&ask, now)).await?;
        if printer.json {
            printer.json(&erased);
        } else {
            printer.data(&told(&erased));
        }
        for left in &erased.left {
            printer.say(left);
        }
        Ok(if erased.left.is_empty() {
            Exit::Done
        } else {
            Exit::Flawed
        })
    })
}

fn told(erased: &Erased) -> String {
    let mut out = format!(
        "person {} erased (run {}): {} objects rewritten, {} deleted\n",
        erased.person, erased.run, erased.rewritten, erased.deleted
    );
    out.push_str(if erased.salt {
        "  the salt is destroyed: nobody can test a guess about a value any more\n"
    } else {
        "  this store keeps no salts: whoever has the evidence key can still test a guess\n"
    });
    match erased.plans_apart {
        0 => out.push_str("  every order of everybody else can still be made again\n"),
        plans => writeln!(
            out,
            "  of {plans} plans something of others cannot be made again: `rollcall verify` names it"
        )
        .expect("a String takes everything"),
    }
    out
}
