//! The hold after an undo: HR still says what was taken back, and it is not done again.
//!
//! Invariant: a cut that falls due later by a date of the same row goes all the same.

use super::career::Career;
use super::desk::Desk;
use crate::model::{FindingKind, Severity};
use crate::state::BlockCause;

impl Desk<'_> {
    /// Whether the newest data still say what was taken back: only cuts that fall due later go on
    /// then. `row` is the fingerprint of a row; `None`: nothing new was said.
    pub(super) fn heed_undo(&mut self, row: Option<u128>) {
        let Some(undone) = &mut self.person.undone else {
            return;
        };
        // What another source says is another matter.
        let row = row.filter(|_| undone.source == self.person.facing);
        if let Some(row) = row {
            let row = format!("{row:032x}");
            let seen = undone.seen.get_or_insert_with(|| row.clone());
            if undone.absent || *seen != row {
                // HR says something else.
                self.person.undone = None;
                return;
            }
        }
        self.taken_back = Some(undone.at);
        self.cuts_only = true;
        self.tell_undone();
    }

    /// Whether somebody is still in no row after a cut for absence was taken back.
    pub(super) fn absence_undone(&mut self) -> bool {
        let absent = self.person.undone.as_ref().is_some_and(|it| it.absent);
        if absent {
            self.tell_undone();
        }
        absent
    }

    /// Whether the end of a career is what was taken back.
    pub(super) fn is_undone(&mut self, career: &Career) -> bool {
        let Some(at) = self.taken_back.filter(|_| self.person.dismissed.is_none()) else {
            return false;
        };
        let exit = career.spell.exit.as_ref().filter(|_| career.over);
        let undone = exit.is_some_and(|exit| match exit.cut.cause {
            BlockCause::LastDay => exit.cut.due <= at,
            BlockCause::Status
            | BlockCause::Absence
            | BlockCause::ForCause
            | BlockCause::NoShow
            | BlockCause::Deceased
            | BlockCause::Leave
            | BlockCause::Garden
            | BlockCause::CalledOff
            | BlockCause::Undone => true,
        });
        if undone || career.called_off {
            self.person.due = None;
            return true;
        }
        false
    }

    fn tell_undone(&mut self) {
        let run = self.person.undone.as_ref().map(|it| it.run.clone());
        let note = format!(
            "what run {} did was taken back; nothing is done until HR changes the row, or \
             somebody lifts the hold (`rollcall lift`)",
            run.as_ref().map_or("(unknown)", |run| run.as_str())
        );
        self.find(FindingKind::Undone, Severity::Held, None, note);
    }
}
