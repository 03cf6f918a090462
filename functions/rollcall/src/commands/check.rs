//! `check`: everything that can be told without connecting, and with `--online` what the tenant
//! says of our permissions.

use std::sync::Arc;

use rollcall_entra::Wants;
use rollcall_pipeline::notify::Sent;

use crate::args::Check;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring::{self, Wrap};

/// What people would be told, a line each.
fn told(sent: &[Sent]) -> String {
    let line = |it: &Sent| {
        let asked = if it.asked {
            ""
        } else {
            "; the policy does not ask for it"
        };
        format!("{} goes to {} by {}{asked}\n", it.op, it.to, it.by)
    };
    sent.iter().map(line).collect()
}

pub(crate) fn check(args: &Check, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    let settings = wiring::read(&args.at.config)?;
    let mut columns: Vec<String> = settings.mapping.columns().into_iter().collect();
    columns.sort();
    let sent = settings.notify.as_ref();
    let sent = sent
        .map(|notify| notify.sent(&settings.policy))
        .unwrap_or_default();
    if !args.online {
        if printer.json {
            printer.json(&serde_json::json!({
                "format_version": 1,
                "mapping_sha256": settings.mapping.hash(),
                "policy_sha256": settings.policy.hash(),
                "columns": columns,
                "notify": sent,
            }));
        } else {
            printer.data(&format!(
                "configuration, mapping and policy are valid\ncolumns read and stored: {}\n{}",
                columns.join(", "),
                told(&sent)
            ));
        }
        return Ok(Exit::Done);
    }
    let runtime = wiring::runtime(wiring::simulated(&settings))?;
    runtime.block_on(async {
        let groups = settings.groups.as_ref().map(|groups| &groups.0);
        let wants = groups.map_or_else(Wants::default, Wants::of);
        let wants = wants.with(&settings.policy);
        let wired = Box::pin(wiring::wire(
            settings,
            args.at.now,
            Box::new(|_, _| {}),
            wrap,
        ))
        .await?;
        let probe = wired.entra.probe(wants).await?;
        if printer.json {
            printer.json(&probe);
        } else {
            printer.data(&format!("{probe}\n"));
        }
        Ok(if probe.missing.is_empty() {
            Exit::Done
        } else {
            Exit::CouldNotRun
        })
    })
}
