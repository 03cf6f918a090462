//! `approve`: the approver is whom the credentials prove, never a flag: the caller that AWS sees
//! where the store lies there, else the operating-system user of this process.

use std::sync::Arc;

use anyhow::bail;
use rollcall_pipeline::approve::{Approver, Request};
use rollcall_pipeline::run::Pipeline;

use super::pass::with;
use crate::args::Approve;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring::Wrap;

pub(crate) fn approve(
    args: &Approve,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, now| {
        let by = approver(pipeline).await?;
        let request = Request {
            run: &args.run,
            plan: &args.plan,
            guard: args.guard.as_deref(),
            actions: &args.actions,
            reason: &args.reason,
        };
        let granted = pipeline.approve(&request, &by, now).await?;
        let complete = granted.iter().all(|g| g.have >= g.need);
        if printer.json {
            let value = serde_json::json!({
                "format_version": 1, "by": by, "granted": granted, "complete": complete,
            });
            printer.json(&value);
        }
        for one in &granted {
            let action = one.action.as_ref();
            let action = action.map_or_else(String::new, |id| format!(", action {id}"));
            printer.say(&format!(
                "{}{action}: {} of {} approvals, by {}",
                one.guard, one.have, one.need, by.0
            ));
        }
        if complete {
            printer.say(match pipeline.cloud {
                Some(_) => "\nhint: whatever runs next counts it and carries out what was approved",
                None => "\nhint: `rollcall apply` carries out what was approved",
            });
            Ok(Exit::Done)
        } else {
            printer.say("\nhint: another person has to approve the same plan within 24 hours");
            Ok(Exit::Waits)
        }
    })
}

/// Whom the credentials prove.
pub(crate) async fn approver(pipeline: &Pipeline) -> anyhow::Result<Approver> {
    match &pipeline.cloud {
        Some(aws) => Ok(Approver(aws.caller().await?)),
        None => os_user(),
    }
}

/// Who this process runs as, by the kernel's word; the name is looked up only to be readable.
fn os_user() -> anyhow::Result<Approver> {
    let uid = rustix::process::getuid().as_raw();
    let Some(user) = uzers::get_user_by_uid(uid) else {
        bail!("this process runs as user id {uid}, which has no name here");
    };
    Ok(Approver(format!(
        "os:{}:{uid}",
        user.name().to_string_lossy()
    )))
}
