//! Exit codes: 0 done, 1 an action failed or a row was held, 2 could not run, 3 something waits
//! for approval. If several apply: 2, then 3, then 1.

use rollcall_core::plan::Verdict;
use rollcall_core::report::Report;
use rollcall_pipeline::run::{Finished, RunError};

/// How a command ended, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    Done,
    Flawed,
    Waits,
    CouldNotRun,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Flawed => 1,
            Self::CouldNotRun => 2,
            Self::Waits => 3,
        }
    }

    /// Who halted everything is a person to wait for; whatever else went wrong is not.
    pub(crate) fn of_error(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<RunError>() {
            Some(RunError::Halted(_)) => Self::Waits,
            Some(_) | None => Self::CouldNotRun,
        }
    }

    pub(crate) fn of(finished: &Finished) -> Self {
        let counts = &finished.stored.summary.counts;
        let rows = if counts.held > 0 {
            Self::Flawed
        } else {
            Self::Done
        };
        let waits = match (&finished.report, finished.stored.summary.verdict) {
            (Some(report), _) if report.holds.is_empty() => Self::Done,
            (Some(_), _) | (None, Verdict::Held | Verdict::PartHeld) => Self::Waits,
            (None, Verdict::Ready | Verdict::Empty) => Self::Done,
        };
        let failed = finished.report.as_ref().map_or(Self::Done, Self::outcomes);
        rows.max(waits).max(failed)
    }

    fn outcomes(report: &Report) -> Self {
        let outcomes = &report.outcomes;
        if outcomes.failed + outcomes.stale + outcomes.unknown + outcomes.open > 0 {
            Self::Flawed
        } else {
            Self::Done
        }
    }
}
