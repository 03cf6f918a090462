//! What only somebody who leaves answers for, who takes it over, and what that keeps back.
//!
//! An account that is deleted takes its place as owner, manager and sponsor with it, and what nobody
//! else answers for is nobody's then. So it is looked for when somebody is cut off, and again before
//! the account is deleted ([`asks`]); what comes of it is a finding with an heir, a step that hands
//! it over where the policy says so, and a reason for the deletion to wait ([`settle`]). Invariant: only
//! a deletion ever waits for it, and nothing is taken from whoever leaves.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::model::{
    Asset, Estate, Finding, FindingKind, ObjectId, Op, Owned, Place, Severity, WorkerId,
};
use crate::policy::{DeltaKind, Draft, DraftAction, Handing, Reason, Succession};
use crate::state::{BlockCause, Lifecycle, Person};

/// Ids that a finding names; the rest is counted.
const NAMED: usize = 5;

/// Who is to take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heir {
    /// The worker id.
    pub worker: WorkerId,
    /// How they were found.
    pub found: Way,
}

/// How an heir was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In the line of managers; so many below them cannot take over.
    Line {
        /// Managers who leave, are blocked, protected, or have no account.
        passed: u32,
    },
    /// The policy names them for when the line has nobody.
    Fallback,
}

/// What was found for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What the account answers for.
    pub estate: Estate,
    /// Who is to take over; `None`: nobody can be proposed.
    pub heir: Option<Heir>,
    /// Accounts of the heir and of everybody above them: no report among them can be the heir's.
    pub line: BTreeSet<ObjectId>,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settled {
    /// One finding a kind, and one more of reports whom the heir reports to.
    pub findings: Vec<Finding>,
    /// Why the deletion waits, where one is due and does.
    pub wait: Option<String>,
}

/// Whether a step cuts somebody off for good.
fn ends(step: &DraftAction) -> bool {
    let cause = step.reason.block_cause();
    step.op.cut() && cause.is_some_and(|cause| cause.exit() || cause == BlockCause::Garden)
}

/// Whether the target is to be asked what the account of a draft answers for: a cut is planned or
/// a deletion is due. Between the two nobody is asked.
pub fn asks(draft: &Draft) -> bool {
    let deleted = draft.actions.iter().any(|it| it.op == Op::UserDeleteSoft);
    draft.object.is_some() && (deleted || draft.steps().any(ends))
}

/// Whether somebody can take over, by what the state knows; the target says whether their account is
/// enabled.
pub fn able(person: &Person) -> bool {
    let leaves = person.cut.is_some() || person.promised.iter().any(|it| it.exit);
    person.lifecycle == Lifecycle::Active && person.object.is_some() && !leaves
}

/// The kinds that a policy wants to know about.
pub fn wanted(policy: &Succession) -> BTreeSet<Asset> {
    let all = Asset::ALL.into_iter();
    all.filter(|asset| policy.of(*asset) != Handing::Off)
        .collect()
}

/// Whether anything of an estate would be nobody's.
pub fn orphaned(estate: &Estate) -> bool {
    estate.owned.iter().any(Owned::alone)
}

/// When a deletion that waits is looked at again.
pub fn again(policy: &Succession, now: Timestamp) -> Timestamp {
    let wait = SignedDuration::from_hours(i64::from(policy.recheck_hours));
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Settles what was found for a draft: findings, steps that hand over, and whether a deletion that is
/// due waits. A deletion that waits is looked at again after `policy.recheck_hours`.
pub fn settle(
    draft: &mut Draft,
    person: &mut Person,
    found: &Found,
    policy: &Succession,
    now: Timestamp,
    row: Option<u32>,
) -> Settled {
    let mut out = Settled::default();
    let at = Place {
        row,
        line: None,
        column: None,
    };
    // What is due hands over as well; what is to come is only told.
    let due = draft.actions.iter().filter(|step| {
        let deletes = step.op == Op::UserDeleteSoft;
        deletes || ends(step)
    });
    let due = due.map(|step| step.due).min();
    let (mut waits, mut steps) = (Vec::new(), Vec::new());
    for asset in wanted(policy) {
        let of = |owned: &&Owned| owned.asset == asset && owned.alone();
        let orphans: Vec<&Owned> = found.estate.owned.iter().filter(of).collect();
        if found.estate.unread.contains(&asset) {
            out.findings
                .push(unread(asset, at.clone()).of(&person.worker));
            waits.push(format!(
                "the target did not say for which {} nobody else answers",
                plural(asset)
            ));
        }
        if orphans.is_empty() {
            continue;
        }
        let hands = policy.of(asset) == Handing::Assign;
        let above = |it: &&Owned| asset == Asset::Report && found.line.contains(&it.id);
        let (circles, taken): (Vec<_>, Vec<_>) = orphans.iter().copied().partition(above);
        let heir = found.heir.as_ref();
        let heir = heir.ok_or("nobody who could take over is in the line of managers");
        let circle = Err("whoever would take over is they, or reports to them");
        for (of, heir) in [(&taken, heir), (&circles, circle)] {
            if !of.is_empty() {
                let finding = told(asset, of, heir, hands, at.clone());
                out.findings.push(finding.of(&person.worker));
            }
        }
        waits.push(format!(
            "nobody else answers for {}",
            asset.counted(orphans.len())
        ));
        if let (Some(heir), Some(due), true) = (&found.heir, due, hands) {
            steps.extend(taken.iter().map(|it| hand_over(it, heir, due)));
        }
    }
    let deletes = |step: &DraftAction| step.op == Op::UserDeleteSoft;
    let place = draft.actions.iter().position(deletes);
    if place.is_some() && !waits.is_empty() {
        out.wait = Some(waits.join("; "));
        let again = again(policy, now);
        person.due = Some(person.due.map_or(again, |due| due.min(again)));
    }
    let place = place.unwrap_or(draft.actions.len());
    draft.actions.splice(place..place, steps);
    if draft.delta == DeltaKind::None && !draft.actions.is_empty() {
        draft.delta = DeltaKind::Leaver;
    }
    out
}

fn hand_over(orphan: &Owned, heir: &Heir, due: Timestamp) -> DraftAction {
    let (op, rule) = match orphan.asset {
        Asset::Group => (Op::OwnerAdd, "succession.groups"),
        Asset::Application | Asset::Service => (Op::OwnerAdd, "succession.apps"),
        Asset::Report => (Op::ReportHandOver, "succession.reports"),
        Asset::Guest => (Op::SponsorAdd, "succession.guests"),
    };
    let reason = Reason::NobodyElse {
        asset: orphan.asset,
    };
    DraftAction {
        heir: Some(heir.worker.clone()),
        args: [
            ("asset".to_owned(), orphan.asset.name().to_owned()),
            ("id".to_owned(), orphan.id.as_str().to_owned()),
        ]
        .into(),
        ..DraftAction::simple(op, due, reason, rule)
    }
}

/// What becomes of things of one kind; the error says why nobody can take them over.
fn told(
    asset: Asset,
    orphans: &[&Owned],
    heir: Result<&Heir, &str>,
    hands: bool,
    at: Place,
) -> Finding {
    let ids: Vec<&str> = orphans.iter().map(|it| it.id.as_str()).collect();
    let mut named = ids[..ids.len().min(NAMED)].join(", ");
    if ids.len() > NAMED {
        named = format!("{named} and {} more", ids.len() - NAMED);
    }
    let heir_words = match heir {
        Ok(heir) => {
            let way = match heir.found {
                Way::Line { passed: 0 } => "their manager".to_owned(),
                Way::Line { passed: 1 } => {
                    "in the line of managers, as the one below them cannot take over".to_owned()
                }
                Way::Line { passed } => {
                    format!("in the line of managers, as the {passed} below them cannot take over")
                }
                Way::Fallback => "whom the policy names, as the line of managers has nobody who \
                                  can take over"
                    .to_owned(),
            };
            let done = if hands {
                "handed over with the cut"
            } else {
                "proposed"
            };
            format!("heir: worker {}, {way} ({done})", heir.worker)
        }
        Err(why) => format!("{why}: name somebody by hand"),
    };
    let note = format!(
        "nobody else answers for {}: {named}; {heir_words}; the account is not deleted before \
         somebody does",
        asset.counted(orphans.len())
    );
    let mut finding = Finding::new(FindingKind::OnlyOwner, Severity::Warning, at, note)
        .with("asset", asset.name())
        .with("count", orphans.len().to_string())
        .with("ids", ids.join(","));
    if let Ok(heir) = heir {
        finding.argue("heir", heir.worker.as_str());
    }
    finding
}

fn unread(asset: Asset, at: Place) -> Finding {
    let note = format!(
        "nobody can say for which {} the worker alone answers: the target did not let us look; \
         `check --online` names permissions that are missing",
        plural(asset)
    );
    Finding::new(FindingKind::EstateUnread, Severity::Warning, at, note).with("asset", asset.name())
}

fn plural(asset: Asset) -> &'static str {
    match asset {
        Asset::Group => "groups",
        Asset::Application => "app registrations",
        Asset::Service => "service principals",
        Asset::Report => "direct reports",
        Asset::Guest => "guests",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Keeper, SourceName};
    use crate::state::{Cut, PlannedCut};

    const NOW: &str = "2026-05-04T02:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn person() -> Person {
        let mut person = Person::new(SourceName::new("hr"), WorkerId::new("1004"));
        person.lifecycle = Lifecycle::Active;
        person.object = Some(ObjectId::new("u-1004"));
        person
    }

    fn owned(asset: Asset, id: &str, others: &[bool]) -> Owned {
        let others = others.iter().enumerate().map(|(n, able)| Keeper {
            id: ObjectId::new(format!("k-{n}")),
            able: *able,
        });
        Owned {
            asset,
            id: ObjectId::new(id),
            others: others.collect(),
        }
    }

    fn draft(due: &[Op], later: &[Op]) -> Draft {
        let step = |op: &Op| DraftAction::simple(*op, now(), Reason::StatusInactive, "leaver.cut");
        let person = person();
        Draft {
            person: person.person,
            worker: person.worker,
            delta: DeltaKind::Leaver,
            object: person.object,
            actions: due.iter().map(step).collect(),
            scheduled: later.iter().map(step).collect(),
            other_names: Vec::new(),
            adopted: None,
            workflow: None,
        }
    }

    fn found(owned: Vec<Owned>, heir: bool) -> Found {
        Found {
            estate: Estate {
                owned,
                unread: BTreeSet::new(),
            },
            heir: heir.then(|| Heir {
                worker: WorkerId::new("1001"),
                found: Way::Line { passed: 0 },
            }),
            line: BTreeSet::new(),
        }
    }

    /// Due, to come → asked.
    #[test]
    fn asked_for_a_cut_and_for_a_deletion_that_is_due() {
        let cut = [Op::UserDisable, Op::UserRevokeSessions];
        let table: [(&[Op], &[Op], bool); 5] = [
            (&cut, &[Op::UserDeleteSoft], true),
            (&[], &cut, true),
            (&[Op::UserDeleteSoft], &[], true),
            (&[], &[Op::UserDeleteSoft], false),
            (&[Op::UserUpdate], &[], false),
        ];
        for (due, later, asked) in table {
            assert_eq!(asks(&draft(due, later)), asked, "{due:?} {later:?}");
        }
        let mut leave = draft(&[Op::UserDisable], &[]);
        leave.actions[0].reason = Reason::AbsentTwice;
        assert!(!asks(&leave), "absence proves no exit");
    }

    /// Other keepers → orphaned.
    #[test]
    fn alone_is_who_has_nobody_beside_them_that_can_act() {
        for (others, alone) in [
            (&[][..], true),
            (&[false][..], true),
            (&[false, true][..], false),
        ] {
            assert_eq!(
                owned(Asset::Group, "g", others).alone(),
                alone,
                "{others:?}"
            );
        }
    }

    #[test]
    fn a_cut_is_told_and_never_waits() {
        let mut draft = draft(&[Op::UserDisable], &[Op::UserDeleteSoft]);
        let (before, mut person) = (draft.clone(), person());
        let found = found(vec![owned(Asset::Group, "g-1", &[])], true);
        let policy = Succession::default();
        let settled = settle(&mut draft, &mut person, &found, &policy, now(), Some(7));
        assert_eq!(settled.wait, None);
        assert_eq!(draft, before, "report changes nothing");
        let finding = &settled.findings[0];
        assert_eq!(
            (finding.kind, finding.at.row, finding.arg("heir")),
            (FindingKind::OnlyOwner, Some(7), Some("1001"))
        );
        assert!(finding.note.contains("1 group: g-1; heir: worker 1001"));
    }

    #[test]
    fn a_deletion_waits_while_anything_is_orphaned_or_unknown() {
        let policy = Succession::default();
        let waits = |found: &Found| {
            let mut draft = draft(&[Op::UserDeleteSoft], &[]);
            let mut person = person();
            let settled = settle(&mut draft, &mut person, found, &policy, now(), None);
            assert_eq!(settled.wait.is_some(), person.due.is_some());
            if let Some(due) = person.due {
                assert_eq!(due.to_string(), "2026-05-05T02:00:00Z");
            }
            settled.wait
        };
        let kept = owned(Asset::Group, "g-1", &[true]);
        assert_eq!(waits(&found(vec![kept], true)), None);
        let lone = owned(Asset::Guest, "x-1", &[false]);
        assert_eq!(
            waits(&found(vec![lone], false)).as_deref(),
            Some("nobody else answers for 1 guest")
        );
        let mut unknown = found(Vec::new(), true);
        unknown.estate.unread.insert(Asset::Application);
        assert!(waits(&unknown).unwrap().contains("app registrations"));
    }

    #[test]
    fn what_is_off_is_neither_told_nor_waited_for() {
        let policy = Succession {
            groups: Handing::Off,
            ..Succession::default()
        };
        let mut draft = draft(&[Op::UserDeleteSoft], &[]);
        let found = found(vec![owned(Asset::Group, "g-1", &[])], true);
        let settled = settle(&mut draft, &mut person(), &found, &policy, now(), None);
        assert_eq!(settled, Settled::default());
    }

    #[test]
    fn assigned_goes_before_the_deletion_and_only_once_the_cut_is_due() {
        let policy = Succession {
            groups: Handing::Assign,
            reports: Handing::Assign,
            guests: Handing::Assign,
            ..Succession::default()
        };
        let all = vec![
            owned(Asset::Group, "g-1", &[]),
            owned(Asset::Service, "s-1", &[]),
            owned(Asset::Report, "u-2", &[]),
            owned(Asset::Guest, "x-1", &[]),
        ];
        let ops = |draft: &Draft| -> Vec<Op> { draft.actions.iter().map(|it| it.op).collect() };
        let mut over = draft(&[Op::UserDisable, Op::UserDeleteSoft], &[]);
        let with_heir = found(all.clone(), true);
        let settled = settle(&mut over, &mut person(), &with_heir, &policy, now(), None);
        assert!(settled.wait.is_some(), "handed over first, deleted later");
        assert_eq!(
            ops(&over),
            [
                Op::UserDisable,
                Op::OwnerAdd,
                Op::ReportHandOver,
                Op::SponsorAdd,
                Op::UserDeleteSoft
            ],
            "service principals are only reported"
        );
        assert_eq!(over.actions[1].heir, Some(WorkerId::new("1001")));
        assert_eq!(over.actions[1].args["id"], "g-1");

        let mut to_come = draft(&[], &[Op::UserDisable]);
        settle(
            &mut to_come,
            &mut person(),
            &with_heir,
            &policy,
            now(),
            None,
        );
        assert!(to_come.actions.is_empty(), "nothing goes before the cut");

        let mut nobody = draft(&[Op::UserDisable], &[]);
        let without = found(all, false);
        let settled = settle(&mut nobody, &mut person(), &without, &policy, now(), None);
        assert_eq!(ops(&nobody), [Op::UserDisable]);
        assert!(settled.findings[0].note.contains("name somebody by hand"));
    }

    /// Nobody becomes the manager of whom they report to.
    #[test]
    fn no_report_goes_to_whom_they_are_above() {
        let policy = Succession {
            reports: Handing::Assign,
            groups: Handing::Assign,
            ..Succession::default()
        };
        let all = ["u-2", "u-3"].map(|id| owned(Asset::Report, id, &[]));
        let mut found = found(all.into(), true);
        found.estate.owned.push(owned(Asset::Group, "u-3", &[]));
        found.line.insert(ObjectId::new("u-3"));
        let mut draft = draft(&[Op::UserDisable, Op::UserDeleteSoft], &[]);
        let settled = settle(&mut draft, &mut person(), &found, &policy, now(), None);
        let handed = draft.actions.iter().filter(|it| it.op.hands_over());
        let handed: Vec<_> = handed.map(|it| (it.op, it.args["id"].as_str())).collect();
        assert_eq!(
            handed,
            [(Op::OwnerAdd, "u-3"), (Op::ReportHandOver, "u-2")],
            "who reports to whom matters for reports alone"
        );
        let told = settled
            .findings
            .iter()
            .map(|it| (it.arg("ids"), it.arg("heir")));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (Some("u-3"), Some("1001")),
                (Some("u-2"), Some("1001")),
                (Some("u-3"), None)
            ]
        );
        assert!(settled.findings[2].note.contains("name somebody by hand"));
        assert!(settled.wait.unwrap().contains("2 direct reports"));
    }

    /// A budget that keeps back the cut keeps back what would be handed over with it.
    #[test]
    fn what_is_handed_over_waits_for_the_cut() {
        use crate::digest::EvidenceKey;
        use crate::plan::{SourceRow, seal};

        let policy = Succession {
            groups: Handing::Assign,
            ..Succession::default()
        };
        let mut draft = draft(&[Op::UserDisable], &[]);
        let found = found(vec![owned(Asset::Group, "g-1", &[])], true);
        settle(&mut draft, &mut person(), &found, &policy, now(), None);
        let salt = EvidenceKey::new(*b"succession").salt(&draft.person);
        let (mut order, _) = seal(&draft, 0, &SourceRow::default(), &salt);
        order.hold("disables", "too many", |action| {
            action.op == Op::UserDisable
        });
        order.hold_dependents();
        assert!(order.actions.is_empty());
        assert_eq!(order.held[0].ops, [Op::UserDisable, Op::OwnerAdd]);
    }

    #[test]
    fn nobody_takes_over_who_leaves_too() {
        assert!(able(&person()));
        let mut blocked = person();
        blocked.lifecycle = Lifecycle::Blocked;
        assert!(!able(&blocked));
        let mut leaving = person();
        leaving.cut = Some(PlannedCut {
            cut: Cut {
                due: now(),
                cause: BlockCause::LastDay,
            },
            counted: false,
            unheard: false,
            entered: None,
            seen: None,
        });
        assert!(!able(&leaving));
    }
}
