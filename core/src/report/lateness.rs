//! How late something was done, and by whose part: HR's, or ours.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Whose part of a delay is the larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateCause {
    /// HR entered it after it was due.
    HrEntry,
    /// It was known, and we were slow.
    Pipeline,
}

impl LateCause {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HrEntry => "hr_entry",
            Self::Pipeline => "pipeline",
        }
    }
}

/// A delay. What is done before it is due is not late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    /// From due to done.
    pub whole: SignedDuration,
    /// The part of it before anybody could know: from due to when HR entered it.
    pub hr: SignedDuration,
}

impl Late {
    /// `known` is when HR entered it, or where HR does not say that, when it was first seen.
    pub fn of(due: Timestamp, done: Timestamp, known: Timestamp) -> Self {
        let whole = done.duration_since(due).max(SignedDuration::ZERO);
        let hr = known.duration_since(due);
        Self {
            whole,
            hr: hr.clamp(SignedDuration::ZERO, whole),
        }
    }

    /// The part that is ours.
    pub fn ours(&self) -> SignedDuration {
        self.whole - self.hr
    }

    /// Whose part is the larger one; `None` for less than a second.
    pub fn cause(&self) -> Option<LateCause> {
        if self.whole.as_secs() == 0 {
            None
        } else if self.hr.as_secs() * 2 >= self.whole.as_secs() {
            Some(LateCause::HrEntry)
        } else {
            Some(LateCause::Pipeline)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_could_know_is_not_ours() {
        let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        for (done, known, whole, hr, cause) in [
            // Known in time.
            (10, 0, 0, 0, None),
            (12, 5, 2, 0, Some(LateCause::Pipeline)),
            // Entered after it was due.
            (20, 19, 10, 9, Some(LateCause::HrEntry)),
            (20, 15, 10, 5, Some(LateCause::HrEntry)),
            (20, 14, 10, 4, Some(LateCause::Pipeline)),
            // Entered after it was done: nothing of it is ours, and no more than all of it.
            (12, 30, 2, 2, Some(LateCause::HrEntry)),
            (8, 30, 0, 0, None),
        ] {
            let late = Late::of(at(10), at(done), at(known));
            let hours = |part: SignedDuration| part.as_secs() / 3600;
            assert_eq!(
                (hours(late.whole), hours(late.hr), late.cause()),
                (whole, hr, cause),
                "done {done}, known {known}"
            );
            assert_eq!(hours(late.ours()), whole - hr);
        }
    }
}
