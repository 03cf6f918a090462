//! What each guard counts, where it trips, and what it keeps back.

use super::*;
use crate::digest::EvidenceKey;
use crate::model::{PersonKey, SourceName};
use crate::plan::{SourceRow, seal};
use crate::policy::DeltaKind;
use crate::state::{Cut, PlannedCut};

fn policy() -> Policy {
    Policy::parse(
        "format_version = 1\n[status]\nactive = [\"A\"]\ninactive = [\"I\"]\n\
         [protected]\nworkers = [\"9\"]\naccounts = [\"Glass@woodgrove.example\"]\n",
        "policy.toml",
    )
    .unwrap()
}

fn tripped(now: IntakeCounts, before: IntakeCounts, gone: u32) -> Vec<String> {
    let comparison = Comparison {
        listed_before: before.rows,
        listed_gone: gone,
        ..Comparison::default()
    };
    gates(&policy(), true, now, Some(before), &comparison)
        .into_iter()
        .filter(|v| v.tripped)
        .map(|v| v.name)
        .collect()
}

#[test]
fn each_gate_trips_just_above_its_limit() {
    let counts = |rows, inactive, unknown_status| IntakeCounts {
        rows,
        inactive,
        unknown_status,
    };
    let base = counts(1000, 100, 0);
    let cases: [(&str, IntakeCounts, u32, &[&str]); 8] = [
        ("the same", base, 0, &[]),
        ("5 % fewer", counts(950, 95, 0), 50, &[]),
        (
            "a row more than 5 % fewer",
            counts(949, 95, 0),
            50,
            &[ROW_COUNT],
        ),
        ("more than 5 % more", counts(1051, 105, 0), 0, &[ROW_COUNT]),
        ("other people", base, 51, &[KEY_SET]),
        ("half", counts(500, 50, 0), 500, &[ROW_COUNT, KEY_SET]),
        ("1.1 % unknown", counts(1000, 100, 11), 0, &[STATUS_UNKNOWN]),
        (
            "mass inactivation",
            counts(1000, 151, 0),
            0,
            &[INACTIVE_SHARE],
        ),
    ];
    for (name, now, gone, expected) in cases {
        assert_eq!(tripped(now, base, gone), expected, "{name}");
    }
}

#[test]
fn one_person_of_twenty_may_leave() {
    let counts = |rows| IntakeCounts {
        rows,
        ..IntakeCounts::default()
    };
    assert_eq!(tripped(counts(18), counts(20), 2), Vec::<String>::new());
    assert_eq!(tripped(counts(16), counts(20), 4), [ROW_COUNT, KEY_SET]);
}

#[test]
fn a_first_file_has_nothing_to_differ_from() {
    let now = IntakeCounts {
        rows: 10,
        inactive: 9,
        unknown_status: 0,
    };
    let verdicts = gates(&policy(), true, now, None, &Comparison::default());
    assert_eq!(verdicts.len(), 1);
    assert!(!verdicts[0].tripped);
}

#[test]
fn the_budget_counts_the_last_day_too() {
    assert!(!disables(&policy(), 0, 400, 20_000).tripped);
    assert!(disables(&policy(), 1, 400, 20_000).tripped);
    assert!(!disables(&policy(), 500, 0, 20_000).tripped);
    assert!(disables(&policy(), 0, 11, 100).tripped);
}

/// Six of ten get another department and one of them another city: that many have to agree.
#[test]
fn churn_counts_people_by_attribute() {
    let policy = policy();
    let mut churn = Churn::default();
    for n in 0..6 {
        let mut step = DraftAction::simple(
            Op::UserUpdate,
            "2026-03-16T02:00:00Z".parse().unwrap(),
            Reason::AttributesChanged { names: Vec::new() },
            "update",
        );
        let value = |name: &str| (name.to_owned(), crate::model::Value::from("x"));
        step.after = [value("department"), value("mobilePhone")].into();
        if n == 0 {
            step.after.extend([value("companyName")]);
        }
        let draft = Draft {
            person: PersonKey::new(n.to_string()),
            worker: WorkerId::new(n.to_string()),
            delta: DeltaKind::Mover,
            object: None,
            actions: vec![step],
            scheduled: Vec::new(),
            other_names: Vec::new(),
            adopted: None,
            workflow: None,
        };
        churn.add(&policy, &draft);
    }
    let (verdict, names) = churn.judge(&policy, 10);
    assert_eq!((verdict.counted, verdict.tripped), (60.0, true));
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["department"]);
    let (verdict, names) = churn.judge(&policy, 15);
    assert_eq!((verdict.counted, verdict.tripped), (40.0, false));
    assert!(names.is_empty(), "40 % may, more may not");
}

#[test]
fn protection_goes_by_worker_name_and_object() {
    let policy = policy();
    let other = WorkerId::new("1");
    let name = AccountName::new("glass@WOODGROVE.example");
    assert!(protects(&policy, &WorkerId::new("9"), None, None));
    assert!(protects(&policy, &other, Some(&name), None));
    assert!(!protects(&policy, &other, None, Some(&ObjectId::new("x"))));
}

fn at() -> Timestamp {
    "2026-03-16T02:00:00Z".parse().unwrap()
}

/// An order of these steps, all due.
fn order(steps: &[(Op, Reason)]) -> WorkOrder {
    let actions = steps.iter();
    let actions = actions.map(|(op, reason)| DraftAction::simple(*op, at(), reason.clone(), "r"));
    let draft = Draft {
        person: PersonKey::new("1"),
        worker: WorkerId::new("1"),
        delta: DeltaKind::Leaver,
        object: Some(ObjectId::new("o")),
        actions: actions.collect(),
        scheduled: Vec::new(),
        other_names: Vec::new(),
        adopted: None,
        workflow: None,
    };
    let salt = EvidenceKey::new(*b"k").salt(&draft.person);
    seal(&draft, 0, &SourceRow::default(), &salt).0
}

/// What goes of an order, and what is kept back by which guard.
fn split(order: &WorkOrder) -> (Vec<Op>, Vec<(String, Op)>) {
    let goes = order.actions.iter().map(|it| it.op).collect();
    let held = order.held.iter().flat_map(|held| {
        let guard = held.by.clone();
        held.actions.iter().map(move |it| (guard.clone(), it.op))
    });
    (goes, held.collect())
}

/// Each guard by its name: what kind it is, whether it parks a whole plan, and whether what HR says of
/// somebody decides that it counts them.
#[test]
fn a_guard_is_known_by_its_name() {
    let table = [
        (ROW_COUNT, Some(Kind::Intake), true, false),
        (KEY_SET, Some(Kind::Intake), true, false),
        (STATUS_UNKNOWN, Some(Kind::Intake), true, false),
        (INACTIVE_SHARE, Some(Kind::Intake), true, false),
        (FILL, Some(Kind::Intake), true, false),
        (DISTINCT, Some(Kind::Intake), true, false),
        (UNDO, Some(Kind::Undo), true, false),
        (DISABLES, Some(Kind::Budget), false, false),
        (REMOVALS, Some(Kind::Budget), false, false),
        (DELETIONS, Some(Kind::Budget), false, false),
        ("disables:warsaw", Some(Kind::Budget), false, true),
        ("removals:site:rondo-1", Some(Kind::Budget), false, true),
        (GROUPS, Some(Kind::Groups), false, false),
        (SEATS, Some(Kind::Seats), false, false),
        (RESTORES, Some(Kind::Restores), false, false),
        (ORPHANS, Some(Kind::Orphans), false, false),
        (CHURN, Some(Kind::Churn), false, false),
        (ADOPTIONS, Some(Kind::Adoptions), false, false),
        (PROTECTED, Some(Kind::Protected), false, true),
        (WIPES, Some(Kind::Wipes), false, false),
        ("wipe", None, false, false),
        ("", None, false, false),
    ];
    for (name, expected, parking, words) in table {
        assert_eq!(kind(name), expected, "{name}");
        assert_eq!(parks(name), parking, "{name}");
        assert_eq!(expected.is_some_and(Kind::parks), parking, "{name}");
        assert_eq!(goes_by_words(name), words, "{name}");
    }
}

#[test]
fn each_kind_has_its_number_of_people() {
    let mut policy = policy();
    let numbers = &mut policy.approvals;
    (numbers.intake, numbers.undo, numbers.over_budget) = (11, 12, 13);
    (numbers.adoptions, numbers.protected, numbers.groups) = (14, 15, 16);
    (numbers.seats, numbers.restores, numbers.orphans) = (17, 18, 19);
    numbers.wipes = 20;
    for (kind, people) in [
        (Kind::Intake, 11),
        (Kind::Undo, 12),
        (Kind::Budget, 13),
        (Kind::Churn, 13),
        (Kind::Adoptions, 14),
        (Kind::Protected, 15),
        (Kind::Groups, 16),
        (Kind::Seats, 17),
        (Kind::Restores, 18),
        (Kind::Orphans, 19),
        (Kind::Wipes, 20),
    ] {
        assert_eq!(approvers(&policy, kind), people, "{kind:?}");
    }
}

/// Three rows of a file of six are half of it, and never held; a fourth is.
#[test]
fn a_handful_of_rows_trips_no_gate() {
    let counts = |rows, inactive, unknown_status| IntakeCounts {
        rows,
        inactive,
        unknown_status,
    };
    let base = counts(8, 0, 0);
    for (now, gone, expected) in [
        (counts(8, 0, 3), 0, vec![]),
        (counts(8, 0, 4), 0, vec![STATUS_UNKNOWN]),
        (counts(11, 0, 0), 0, vec![]),
        (counts(12, 0, 0), 0, vec![ROW_COUNT]),
        (counts(5, 0, 0), 3, vec![]),
        (counts(8, 0, 0), 4, vec![KEY_SET]),
        (counts(8, 3, 0), 0, vec![]),
        (counts(8, 4, 0), 0, vec![INACTIVE_SHARE]),
    ] {
        assert_eq!(tripped(now, base, gone), expected, "{now:?} {gone}");
    }
    // Whoever reads of it should not wonder why.
    let comparison = Comparison {
        listed_before: 8,
        listed_gone: 3,
        ..Comparison::default()
    };
    let few = gates(&policy(), true, counts(5, 0, 3), Some(base), &comparison);
    let told = |name: &str| few.iter().find(|it| it.name == name).unwrap().why.clone();
    for name in [STATUS_UNKNOWN, ROW_COUNT, KEY_SET] {
        assert!(
            told(name).contains("up to 3 rows are never held"),
            "{}",
            told(name)
        );
    }
    // Of a file that proves no absence only the status can be odd.
    let partial = gates(&policy(), false, counts(1, 0, 0), Some(base), &comparison);
    assert_eq!(partial.len(), 1);
}

/// One is too many for each of these.
#[test]
fn some_guards_trip_at_one() {
    for judge in [adoptions, orphans, seats, groups, restores] {
        for planned in 0..3 {
            let verdict = judge(planned);
            assert_eq!(verdict.tripped, planned > 0, "{}", verdict.name);
            assert_eq!((verdict.counted, verdict.limit), (f64::from(planned), 0.0));
            assert!(kind(&verdict.name).is_some());
        }
    }
    assert!(undo(0).tripped && undo(3).tripped);
}

/// Ten of three hundred accounts, or 10 % who lose something, or 0.5 % that are deleted; what was let
/// through in the last 24 hours counts.
#[test]
fn budgets_take_the_larger_limit() {
    let policy = policy();
    for (verdict, limit, trips) in [
        (disables(&policy, 4, 6, 300), 10.0, false),
        (disables(&policy, 5, 6, 300), 10.0, true),
        (removals(&policy, 0, 30, 300), 30.0, false),
        (removals(&policy, 1, 30, 300), 30.0, true),
        (deletions(&policy, 0, 5, 300), 5.0, false),
        (deletions(&policy, 1, 5, 300), 5.0, true),
        (deletions(&policy, 0, 10, 2000), 10.0, false),
        // Nothing is planned: whatever was let through before waits for nobody.
        (disables(&policy, 500, 0, 300), 10.0, false),
    ] {
        assert_eq!(
            (verdict.limit, verdict.tripped),
            (limit, trips),
            "{verdict:?}"
        );
    }
}

/// Each cut counts once, on the day that it is first planned.
#[test]
fn a_cut_is_counted_once() {
    let mut person = Person::new(SourceName::new("hr"), WorkerId::new("1"));
    let ops = || [Op::UserDisable, Op::UserRevokeSessions, Op::GroupRemove];
    assert_eq!(new_disables(&person, ops()), 1);
    assert_eq!(new_disables(&person, [Op::UserRevokeSessions]), 0);
    for (counted, expected) in [(false, 1), (true, 0)] {
        person.cut = Some(PlannedCut {
            cut: Cut {
                due: at(),
                cause: crate::state::BlockCause::Status,
            },
            counted,
            unheard: false,
            entered: None,
            seen: None,
        });
        assert_eq!(new_disables(&person, ops()), expected);
    }
}

/// Over the budget waits the cut with what goes with it; who is dismissed is cut off all the same, and
/// the rest waits. An attribute goes on.
#[test]
fn a_budget_keeps_back_the_cut_and_what_goes_with_it() {
    let cut = || Reason::ForCause;
    let steps = || {
        order(&[
            (Op::UserDisable, cut()),
            (Op::UserRevokeSessions, cut()),
            (Op::UserResetPassword, cut()),
            (Op::GroupRemove, cut()),
            (
                Op::UserUpdate,
                Reason::AttributesChanged { names: Vec::new() },
            ),
            (Op::GroupRemove, Reason::ManagerChanged),
        ])
    };
    let why = [(DISABLES.to_owned(), "over".to_owned())];
    let mut whole = steps();
    hold_destructive(&mut whole, &why, false);
    let (goes, held) = split(&whole);
    assert_eq!(goes, [Op::UserUpdate, Op::GroupRemove]);
    let held: Vec<Op> = held.into_iter().map(|(_, op)| op).collect();
    assert_eq!(
        held,
        [
            Op::UserDisable,
            Op::UserRevokeSessions,
            Op::UserResetPassword,
            Op::GroupRemove
        ]
    );
    let mut lane = steps();
    hold_destructive(&mut lane, &why, true);
    let (goes, held) = split(&lane);
    assert_eq!(
        goes,
        [
            Op::UserDisable,
            Op::UserRevokeSessions,
            Op::UserUpdate,
            Op::GroupRemove
        ]
    );
    assert_eq!(held.len(), 2);
    // Of who stays alone what they lose is kept back.
    let mut stays = steps();
    hold_removals(&mut stays, &[(REMOVALS.to_owned(), "over".to_owned())]);
    assert_eq!(split(&stays).1, [(REMOVALS.to_owned(), Op::GroupRemove)]);
    assert_eq!(split(&stays).0.len(), 5);
    // Whoever is protected, or found by name alone, waits as a whole.
    for hold in [hold_protected, hold_adoption] {
        let mut all = steps();
        hold(&mut all);
        assert!(split(&all).0.is_empty());
    }
}

/// What each guard means of an order, and what only waits for that.
#[test]
fn a_guard_means_its_own_actions() {
    let cut = || Reason::StatusInactive;
    let stays = || Reason::ManagerChanged;
    let all = order(&[
        (Op::UserDisable, cut()),
        (Op::UserDeleteSoft, cut()),
        (Op::GroupRemove, stays()),
        (Op::GroupAdd, stays()),
        (Op::UserSetManager, stays()),
        (Op::UserEnable, stays()),
    ]);
    let meant = |guard: &str| -> Vec<Op> {
        let meant = all.actions.iter().filter(|it| means(guard, it));
        meant.map(|it| it.op).collect()
    };
    assert_eq!(meant(DISABLES), [Op::UserDisable, Op::UserDeleteSoft]);
    assert_eq!(
        meant("disables:warsaw"),
        [Op::UserDisable, Op::UserDeleteSoft]
    );
    assert_eq!(meant(DELETIONS), [Op::UserDeleteSoft]);
    assert_eq!(meant(ORPHANS), [Op::UserDeleteSoft]);
    assert_eq!(meant(REMOVALS), [Op::GroupRemove]);
    assert_eq!(meant("removals:warsaw"), [Op::GroupRemove]);
    assert_eq!(meant(SEATS), [Op::GroupAdd]);
    assert_eq!(meant(RESTORES), []);
    assert_eq!(
        meant(CHURN),
        [Op::GroupRemove, Op::GroupAdd, Op::UserSetManager]
    );
    for whole in [PROTECTED, ADOPTIONS, UNDO, ROW_COUNT] {
        assert_eq!(meant(whole).len(), 6, "{whole}");
    }
}

/// Only a cut for cause has the lane.
#[test]
fn the_lane_is_for_who_is_dismissed() {
    let draft = |op: Op, reason: Reason| Draft {
        person: PersonKey::new("1"),
        worker: WorkerId::new("1"),
        delta: DeltaKind::Leaver,
        object: None,
        actions: vec![DraftAction::simple(op, at(), reason, "r")],
        scheduled: Vec::new(),
        other_names: Vec::new(),
        adopted: None,
        workflow: None,
    };
    assert!(immediate(&draft(Op::UserDisable, Reason::ForCause)));
    assert!(!immediate(&draft(Op::UserDisable, Reason::StatusInactive)));
    assert!(!immediate(&draft(Op::UserResetPassword, Reason::ForCause)));
    assert!(deletes(&draft(Op::UserDeleteSoft, Reason::StatusInactive)));
    assert!(!deletes(&draft(Op::UserDisable, Reason::StatusInactive)));
}
