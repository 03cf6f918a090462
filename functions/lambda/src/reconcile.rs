//! Compares the tenant with HR and state, and says what it found as figures.

use rollcall_core::reconcile::Class;
use rollcall_pipeline::reconcile::Asked;
use serde_json::{Value, json};

use crate::FunctionError;
use crate::metrics::count;
use crate::setup::Connected;

/// The last 90 days; nothing is mended: that is planned where plans are made.
pub(crate) async fn reconcile(connected: &Connected) -> Result<Value, FunctionError> {
    let pipeline = &connected.pipeline;
    let found = Box::pin(pipeline.reconcile(&Asked::default(), pipeline.clock.now())).await?;
    let record = found.record;
    let of = |classes: &[Class]| -> usize {
        let lines: u64 = classes.iter().map(|class| record.of(*class)).sum();
        usize::try_from(lines).unwrap_or(usize::MAX)
    };
    let number = |lines: u64| usize::try_from(lines).unwrap_or(usize::MAX);
    connected.say(&[
        count("ReconciledAccounts", number(record.populations.tenant)),
        count("Discrepancies", number(record.totals.discrepancies())),
        count(
            "LeaversInside",
            of(&[Class::LeaverActive, Class::AccessAfterTermination]),
        ),
        count("LateLeavers", of(&[Class::LeaverLate])),
        count("OrphanAccounts", of(&[Class::OrphanAccount])),
        count("DriftedAccounts", of(&[Class::MatchedDrift])),
        count("MissingAccounts", of(&[Class::MissingAccount])),
        count("DormantAccounts", of(&[Class::Dormant])),
    ]);
    Ok(json!({
        "reconciled": record.run,
        "totals": record.totals,
        "sign_ins": record.sign_ins,
    }))
}
