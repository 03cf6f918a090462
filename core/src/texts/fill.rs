//! Notices into the steps of a person.

use std::collections::BTreeSet;

use super::{Gap, Texts, Told, Who};
use crate::model::{Finding, FindingKind, Op, Place, Severity, WorkerId};
use crate::policy::{Draft, DraftAction, Target};
use crate::state::{Lifecycle, Person};

/// Whose account has to be known to write what is due, if anybody's.
pub fn manager_of(draft: &Draft, person: &Person) -> Option<WorkerId> {
    let asks = |op: Op| matches!(op, Op::NotifyManager | Op::TapIssue);
    let asks = draft.actions.iter().any(|it| asks(it.op));
    let wanted = person.wanted.as_ref();
    let manager = wanted.and_then(|identity| identity.manager.clone());
    manager.or_else(|| person.manager.clone()).filter(|_| asks)
}

/// Writes the notices that are due. What cannot be written is taken out and said: it is planned
/// again when the row is looked at again, which is at the next delivery.
///
/// `manager` is what is known of whom [`manager_of`] names.
pub fn fill(
    notices: &Texts,
    draft: &mut Draft,
    person: &mut Person,
    manager: Option<&Person>,
    row: Option<u32>,
    target: &Target,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !draft.actions.iter().any(|step| step.op.speaks()) {
        return findings;
    }
    let name = name_after(draft, person, target);
    let manager = manager.filter(|it| in_use(it));
    let steps = std::mem::take(&mut draft.actions);
    for mut step in steps {
        if step.op.speaks() {
            match write(notices, &step, person, name.as_deref(), manager, target) {
                Ok(values) => {
                    step.after = values;
                    // Who is cut off before it is handed over gets no pass.
                    if let Some(reader) = manager.filter(|_| notices.hands_to_manager(step.op)) {
                        let reader = reader.person.as_str().to_owned();
                        step.args.insert("reader".to_owned(), reader);
                    }
                }
                Err(gap) => {
                    findings.push(waits(&step, &gap, person, row));
                    continue;
                }
            }
        }
        draft.actions.push(step);
    }
    if !findings.is_empty() {
        person.fingerprint = 0;
    }
    findings
}

fn write(
    notices: &Texts,
    step: &DraftAction,
    person: &Person,
    name: Option<&str>,
    manager: Option<&Person>,
    target: &Target,
) -> Result<crate::model::Attributes, Gap> {
    let Some(identity) = &person.wanted else {
        return Err(Gap::Values(BTreeSet::from(["worker".to_owned()])));
    };
    let name_attribute = target.name_attribute.as_str();
    let told = Told {
        worker: Who {
            identity,
            name,
            name_attribute,
        },
        manager: manager.and_then(|it| {
            Some(Who {
                identity: it.wanted.as_ref()?,
                name: it.name.as_ref().map(crate::model::AccountName::reveal),
                name_attribute,
            })
        }),
        args: &step.args,
        reason: step.reason.words(),
    };
    Ok(notices.write(step.op, &told)?.values())
}

/// The sign-in name once the steps that are due are done.
fn name_after(draft: &Draft, person: &Person, target: &Target) -> Option<String> {
    let written = draft.actions.iter().rev().find_map(|step| {
        let writes = matches!(step.op, Op::UserCreate | Op::UserUpdate);
        let name = step.after.get(&target.name_attribute)?.as_text()?;
        writes.then(|| name.to_owned())
    });
    written.or_else(|| Some(person.name.as_ref()?.reveal().to_owned()))
}

/// Somebody reads what is sent there.
fn in_use(manager: &Person) -> bool {
    manager.object.is_some() && manager.lifecycle == Lifecycle::Active && manager.cut.is_none()
}

fn waits(step: &DraftAction, gap: &Gap, person: &Person, row: Option<u32>) -> Finding {
    let place = Place {
        row,
        line: None,
        column: None,
    };
    let note = format!("{} waits: {}", step.op, gap.words());
    let kind = FindingKind::NotificationHeld;
    Finding::new(kind, Severity::Warning, place, note)
        .of(&person.worker)
        .with("op", step.op.name())
}
