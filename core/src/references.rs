//! References between persons: a manager has to have an account before anyone points at it.

use jiff::Timestamp;

use crate::model::{Finding, FindingKind, Op, Place, Severity, WorkerId, text_shape};
use crate::policy::{Draft, DraftAction};
use crate::state::Person;

/// What is known of the person that a reference names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Has an account, or gets one in this plan.
    Account,
    /// Known to HR, no account in sight: the reference waits.
    Known,
    /// In neither the roster nor the state: the old value stays.
    Unknown,
}

/// A reference to nobody we know, for a finding: the key itself where it can be one, else its
/// shape. Findings are evidence and stay; a name or an address must not get into them (P11).
pub fn shown(manager: &str) -> String {
    let key = manager.len() <= 32
        && manager.bytes().any(|b| b.is_ascii_digit())
        && manager
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
    if key {
        manager.to_owned()
    } else {
        text_shape(manager)
    }
}

/// The manager that a draft points at now, if it does.
pub fn manager(draft: &Draft) -> Option<&WorkerId> {
    due(&draft.actions).and_then(|a| a.manager.as_ref())
}

fn due(actions: &[DraftAction]) -> Option<&DraftAction> {
    actions.iter().find(|a| a.op == Op::UserSetManager)
}

/// Settles the manager reference of a draft. What waits moves to the schedule at
/// [`Timestamp::MAX`]: it has no instant, it has a person. A wait that is already known is not
/// said again.
pub fn resolve(
    draft: &mut Draft,
    person: &mut Person,
    reference: Reference,
    row: Option<u32>,
) -> Option<Finding> {
    let at = draft
        .actions
        .iter()
        .position(|a| a.op == Op::UserSetManager)?;
    match reference {
        Reference::Account => {
            person.waits_for = None;
            None
        }
        Reference::Known => {
            let mut action = draft.actions.remove(at);
            let manager = action.manager.clone()?;
            if person.waits_for.as_ref() == Some(&manager) {
                return None;
            }
            action.due = Timestamp::MAX;
            person.waits_for = Some(manager.clone());
            draft.scheduled.push(action);
            let note = format!("manager {manager} has no account yet; set as soon as there is one");
            Some(finding(
                person,
                FindingKind::ManagerWaits,
                Severity::Info,
                row,
                note,
            ))
        }
        Reference::Unknown => {
            let manager = draft.actions.remove(at).manager?;
            // Waits all the same: the row will not change when HR adds the manager's.
            let told = person.waits_for.replace(manager.clone()) == Some(manager.clone());
            let note = format!(
                "manager {} is in no row of the file and unknown; the manager is left as it is",
                shown(manager.as_str())
            );
            (!told).then(|| {
                finding(
                    person,
                    FindingKind::ManagerNotInRoster,
                    Severity::Warning,
                    row,
                    note,
                )
            })
        }
    }
}

fn finding(
    person: &Person,
    kind: FindingKind,
    severity: Severity,
    row: Option<u32>,
    note: String,
) -> Finding {
    let at = Place {
        row,
        line: None,
        column: None,
    };
    Finding::new(kind, severity, at, note).of(&person.worker)
}
