//! `dismiss`, `hold`, `lift` and `device`: what people say of one worker beside HR's data, and what follows
//! from it at once.

use std::sync::Arc;

use rollcall_core::model::WorkerId;
use rollcall_core::notice::{Notice, NoticeKind};

use rollcall_pipeline::notices::Aside;

use super::approve::approver;
use super::pass::{at_once, with};
use crate::args::{self, Became, DeviceWord, Lift, Lifted};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring::Wrap;

pub(crate) fn dismiss(
    args: &args::Notice,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    say(args, NoticeKind::Dismiss, None, printer, wrap)
}

pub(crate) fn hold(
    args: &args::Notice,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    say(args, NoticeKind::LegalHold, None, printer, wrap)
}

pub(crate) fn lift(args: &Lift, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    let kind = match args.what {
        Lifted::Undone => NoticeKind::LiftUndone,
        Lifted::LegalHold => NoticeKind::LiftLegalHold,
        Lifted::DeceasedReview => NoticeKind::LiftDeceasedReview,
        Lifted::Dismissal => NoticeKind::LiftDismissal,
    };
    say(&args.notice, kind, None, printer, wrap)
}

pub(crate) fn device(
    args: &DeviceWord,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    let kind = match args.is {
        Became::Lost => NoticeKind::DeviceLost,
        Became::Returned => NoticeKind::DeviceReturned,
    };
    say(&args.notice, kind, Some(&args.device), printer, wrap)
}

fn say(
    args: &args::Notice,
    kind: NoticeKind,
    device: Option<&str>,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, now| {
        let by = approver(pipeline).await?;
        let notice = Notice {
            kind,
            worker: WorkerId::new(&args.worker),
            at: now,
            reason: args.reason.clone(),
            device: device.map(str::to_owned),
        };
        let said = pipeline.give_notice(&notice, &by).await?;
        printer.say(&format!(
            "{} of worker {}: written down by {}, {} of {} people",
            kind.name(),
            args.worker,
            by.0,
            said.have,
            said.need
        ));
        if said.idle {
            printer.say(&format!(
                "{}: that is so already; nothing follows from saying it again",
                args.worker
            ));
        }
        match said.aside {
            Some(Aside::Stays) => printer.say(
                "\nhint: the worker has not left: it counts from the cut on. Until then lock or wipe a lost \
                 device where devices are managed",
            ),
            Some(Aside::Unseen) => printer.say(
                "\nhint: no device that is known of the worker goes by this id. The tenant is asked again; the \
                 finding `device_unknown` says so where it is none of theirs",
            ),
            None => {}
        }
        if said.have < said.need {
            printer.say("\nhint: another person has to say the same within 24 hours");
            return Ok(Exit::Waits);
        }
        if pipeline.cloud.is_some() {
            printer.say("\nhint: the next release takes it in, within minutes");
            return Ok(Exit::Done);
        }
        at_once(pipeline, now, printer).await
    })
}
