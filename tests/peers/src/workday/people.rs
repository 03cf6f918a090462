//! What had been entered of people, and what is so on a day.
//!
//! Everything that HR enters is a version with the moment of entry and the day that it takes effect; the
//! tenant of a question is whatever had been entered by its moment, as of its day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::ask::Window;
use crate::{Standing, Worker};

/// A business process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    Hire,
    Terminate,
    Change,
}

/// What was entered once.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) process: Process,
    pub(super) entered: Timestamp,
    pub(super) effective: Date,
    /// When it was taken back.
    pub(super) rescinded: Option<Timestamp>,
    pub(super) worker: Worker,
}

/// A person and everything entered about them.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) wid: String,
    pub(super) versions: Vec<Version>,
}

/// Where a person stands as of a day and a moment.
#[derive(Debug, Clone)]
pub(super) struct Seen<'p> {
    pub(super) person: &'p Person,
    pub(super) worker: &'p Worker,
    /// Hired, and it has not taken effect.
    pub(super) is_shell: bool,
    /// Gone: since when, and whether they were asked to.
    pub(super) gone: Option<(Date, bool)>,
    /// The hire was taken back.
    pub(super) is_rescinded: bool,
}

fn moment(day: Date, hour: i8) -> Timestamp {
    let at = day.at(hour, 0, 0, 0).to_zoned(TimeZone::UTC);
    at.expect("within the calendar").timestamp()
}

/// A WID that is the same for the same worker id.
pub(super) fn wid(id: &str) -> String {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for byte in id.bytes() {
        hash ^= u128::from(byte);
        hash = hash.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    format!("{hash:032x}")
}

impl Person {
    /// Everything that must have been entered for a worker to be as they are.
    pub(super) fn of(worker: &Worker) -> Self {
        let entered = worker.hired.checked_sub(60.days()).expect("a date");
        let mut hired = worker.clone();
        if matches!(worker.standing, Standing::Terminated { .. }) {
            hired.standing = Standing::Active;
        }
        let mut versions = vec![Version {
            process: Process::Hire,
            entered: moment(entered, 9),
            effective: worker.hired,
            rescinded: (worker.standing == Standing::Rescinded)
                .then(|| moment(entered.tomorrow().expect("a date"), 9)),
            worker: hired,
        }];
        if let Standing::Terminated { on, .. } = worker.standing {
            versions.push(Version {
                process: Process::Terminate,
                entered: moment(on.checked_sub(5.days()).expect("a date"), 9),
                effective: on,
                rescinded: None,
                worker: worker.clone(),
            });
        }
        Self {
            wid: wid(&worker.id),
            versions,
        }
    }

    /// The person as of a day, by what had been entered. `None` where nothing had.
    pub(super) fn seen(&self, day: Date, entry: Timestamp) -> Option<Seen<'_>> {
        let known = self.versions.iter().filter(|it| it.entered <= entry);
        let stands = |it: &Version| it.rescinded.is_none_or(|at| at > entry);
        let first = known.clone().next()?;
        let seen = |worker, is_shell, gone, is_rescinded| {
            Some(Seen {
                person: self,
                worker,
                is_shell,
                gone,
                is_rescinded,
            })
        };
        let hires = known.clone().filter(|it| it.process == Process::Hire);
        if hires.clone().count() > 0 && hires.clone().all(|it| !stands(it)) {
            return seen(&first.worker, true, None, true);
        }
        let in_effect = known.filter(|it| {
            stands(it)
                && match it.process {
                    // Somebody who leaves works on that day.
                    Process::Terminate => it.effective < day,
                    Process::Hire | Process::Change => it.effective <= day,
                }
        });
        let Some(now) = in_effect.max_by_key(|it| (it.effective, it.entered)) else {
            return seen(&first.worker, true, None, false);
        };
        let gone = match (now.process, now.worker.standing) {
            (Process::Terminate, Standing::Terminated { on, involuntary }) => {
                Some((on, involuntary))
            }
            _ => None,
        };
        seen(&now.worker, false, gone, false)
    }

    /// Whether anything that was entered falls into one of these windows.
    pub(super) fn changed(&self, windows: &[Window], entry: Timestamp) -> bool {
        let mut known = self.versions.iter().filter(|it| it.entered <= entry);
        known.any(|it| within(it, windows, entry))
    }
}

/// Whether what was entered, or taken back, falls into one of these windows.
pub(super) fn falls(version: &Version, windows: &[Window]) -> bool {
    within(version, windows, Timestamp::MAX)
}

fn within(version: &Version, windows: &[Window], entry: Timestamp) -> bool {
    let within = |at: Timestamp, from: Option<Timestamp>, through: Option<Timestamp>| {
        from.is_none_or(|it| at >= it) && through.is_none_or(|it| at <= it)
    };
    moments(version).any(|(entered, effective)| {
        entered <= entry
            && windows.iter().any(|it| {
                within(entered, it.updated_from, it.updated_through)
                    && within(effective, it.effective_from, it.effective_through)
            })
    })
}

/// Moments of entry of a version and of its being taken back, with the moment of effect: midnight in the
/// tenant's zone.
fn moments(version: &Version) -> impl Iterator<Item = (Timestamp, Timestamp)> + use<> {
    let effective = moment(version.effective, 8);
    let both = [Some(version.entered), version.rescinded];
    both.into_iter().flatten().map(move |it| (it, effective))
}
