//! The classes as a table: what HR says, where the state stands, what the tenant has → class.

use jiff::Timestamp;

use super::classify::{Facts, SignIn, Terms, classify};
use super::drift::Because;
use super::register::{Register, Sla};
use super::{Class, Word};
use crate::model::{Account, AccountName, Attributes, ObjectId, SourceName, Value, WorkerId};
use crate::policy::Target;
use crate::state::{
    Block, BlockCause, Cut, Identity, Leave, LeaveKind, Lifecycle, Person, PlannedCut,
};

const NOW: &str = "2026-03-16T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn target() -> Target {
    Target {
        key_attribute: "employeeId".to_owned(),
        name_attribute: "userPrincipalName".to_owned(),
        alias_attribute: "mailNickname".to_owned(),
    }
}

fn attributes(department: &str) -> Attributes {
    Attributes::from([
        ("department".to_owned(), Value::text(department)),
        ("employeeId".to_owned(), Value::text("7")),
    ])
}

fn wanted(department: &str) -> Identity {
    Identity {
        worker: WorkerId::new("7"),
        source: None,
        status: "Active".to_owned(),
        manager: None,
        hire: None,
        last_day: None,
        terms: Box::default(),
        zone: None,
        facts: Attributes::new(),
        always: attributes(department),
        on_create: Attributes::new(),
        out_of_scope: false,
        other_names: Vec::new(),
    }
}

fn person(lifecycle: Lifecycle) -> Person {
    let mut person = Person::new(SourceName::new("hr"), WorkerId::new("7"));
    person.lifecycle = lifecycle;
    person.object = Some(ObjectId::new("o"));
    person.applied = attributes("Sales");
    person
}

fn account(enabled: bool, department: &str) -> Account {
    let mut attributes = attributes(department);
    attributes.remove("employeeId");
    Account {
        id: ObjectId::new("o"),
        enabled,
        key: Some("7".to_owned()),
        name: AccountName::new("mira@north.example"),
        attributes,
        holdings: None,
    }
}

fn cut(due: &str, cause: BlockCause) -> Cut {
    Cut {
        due: at(due),
        cause,
    }
}

fn planned(due: &str) -> Person {
    let mut person = person(Lifecycle::Active);
    person.cut = Some(PlannedCut {
        cut: cut(due, BlockCause::LastDay),
        counted: true,
        unheard: false,
        entered: None,
        seen: Some(at("2026-03-01T00:00:00Z")),
    });
    person
}

fn blocked(due: &str, done: &str, cause: BlockCause) -> Person {
    let mut person = person(Lifecycle::Blocked);
    person.block = Some(Block {
        cut: cut(due, cause),
        disabled: true,
        signed_out: true,
        at: Some(at(done)),
    });
    person
}

fn judge(
    word: Option<Word>,
    wanted: Option<&Identity>,
    person: Option<&Person>,
    account: Option<&Account>,
    sign_in: SignIn,
) -> (Class, Vec<(String, Because)>) {
    let facts = Facts {
        word,
        wanted,
        person,
        account,
        rivals: 0,
        sign_in,
        exception: None,
        protected: false,
    };
    let target = target();
    let terms = Terms {
        now: at(NOW),
        from: at("2026-01-01T00:00:00Z"),
        dormant_days: 90,
        sla: Sla::default(),
        target: &target,
    };
    let judged = classify(&facts, &terms);
    let drift = judged
        .drift
        .iter()
        .map(|it| (it.attribute.clone(), it.because));
    (judged.class, drift.collect())
}

/// Whoever is in force, or was: word, state, account → class.
#[test]
fn each_line_has_the_class_that_its_facts_ask_for() {
    use Class::{
        Excluded, LeaverActive, LeaverLate, Matched, MatchedDrift, MissingAccount, OnHold,
        OrphanAccount, Unknown,
    };
    let (yesterday, just, old) = (
        "2026-03-15T00:00:00Z",
        "2026-03-16T10:00:00Z",
        "2025-06-01T00:00:00Z",
    );
    let over = |due: &str| Some(Word::Over { due: Some(at(due)) });
    let (ended, ends, ended_long) = (over(yesterday), over(just), over(old));
    let no_day = Some(Word::Over { due: None });
    let ahead = Some(Word::Ahead {
        from: at("2026-04-01T00:00:00Z"),
    });
    let (force, gone) = (Some(Word::InForce), Some(Word::Gone));
    let (doubtful, unclear) = (Some(Word::Doubtful), Some(Word::Unclear));
    let out = Some(Word::OutOfScope);
    let (active, created) = (person(Lifecycle::Active), person(Lifecycle::Created));
    let (active, created) = (Some(&active), Some(&created));
    let mut held = person(Lifecycle::Active);
    held.held = true;
    let held = Some(&held);
    let mut bare = person(Lifecycle::None);
    bare.object = None;
    let bare = Some(&bare);
    let deleted = &person(Lifecycle::Deleted);
    let by = |due: &str, done: &str, cause| blocked(due, done, cause);
    let away = &by(yesterday, yesterday, BlockCause::Leave);
    let left = &by(yesterday, "2026-03-15T01:00:00Z", BlockCause::LastDay);
    let late = &by(yesterday, "2026-03-15T09:00:00Z", BlockCause::LastDay);
    let for_cause = &by(yesterday, "2026-03-15T00:20:00Z", BlockCause::ForCause);
    let history = &by(old, "2025-06-02T00:00:00Z", BlockCause::LastDay);
    let absent = &by(yesterday, yesterday, BlockCause::Absence);
    let (due, due_now) = (&planned(yesterday), &planned(just));
    let (on, off) = (account(true, "Sales"), account(false, "Sales"));
    let other = account(true, "Legal");
    let (on, off, other) = (Some(&on), Some(&off), Some(&other));
    let table = [
        // In force.
        (force, active, on, Matched),
        (force, active, other, MatchedDrift),
        (force, active, off, MatchedDrift),
        (force, created, off, MatchedDrift),
        (force, held, other, OnHold),
        (force, held, on, Matched),
        (force, bare, on, MatchedDrift),
        (force, None, on, MatchedDrift),
        (force, active, None, MissingAccount),
        (force, bare, None, MissingAccount),
        (force, None, None, MissingAccount),
        // Not yet in force.
        (ahead, bare, None, Matched),
        (ahead, created, off, Matched),
        (ahead, created, on, MatchedDrift),
        (ahead, created, None, MissingAccount),
        // Back after an exit, or after a leave that HR took back, and not let in yet.
        (force, Some(left), off, MatchedDrift),
        (force, Some(away), off, MatchedDrift),
        // Over, and nobody cut them off.
        (ended, Some(due), on, LeaverActive),
        (ends, Some(due_now), on, OnHold),
        (ended, Some(due), off, Matched),
        (ended, None, on, LeaverActive),
        (no_day, active, on, LeaverActive),
        // Cut off in time, late, long ago; let in again; deleted.
        (ended, Some(left), off, Matched),
        (ended, Some(late), off, LeaverLate),
        (ended, Some(for_cause), off, LeaverLate),
        (ended_long, Some(history), off, Matched),
        (ended, Some(left), on, LeaverActive),
        (ended, Some(deleted), None, Matched),
        // In no row: once, twice, and let in again.
        (gone, active, on, OnHold),
        (gone, Some(absent), off, Matched),
        (gone, Some(absent), on, LeaverActive),
        // Nobody's word to go by.
        (doubtful, active, on, OnHold),
        (unclear, active, on, Unknown),
        (out, None, on, Excluded),
        // Nobody's.
        (None, None, on, OrphanAccount),
        (None, None, off, Excluded),
    ];
    for (at, (word, person, account, expected)) in table.iter().enumerate() {
        let wanted = wanted("Sales");
        let in_force = matches!(word, Some(Word::InForce | Word::Ahead { .. }));
        let wanted = in_force.then_some(&wanted);
        let (class, drift) = judge(*word, wanted, *person, *account, SignIn::Unread);
        assert_eq!(class, *expected, "row {at}: {word:?} {drift:?}");
    }
}

/// HR has them in force, or in a next employment, and a cut is due, was carried out, or is over.
#[test]
fn whoever_was_to_be_cut_off_is_never_in_step() {
    use BlockCause::{Absence, ForCause, Garden, LastDay, Leave as OnLeave};
    use Class::{AccessAfterTermination, LeaverActive, Matched, MatchedDrift, OnHold};
    let (old, just) = ("2026-03-15T00:00:00Z", "2026-03-16T10:00:00Z");
    let tomorrow = "2026-03-17T00:00:00Z";
    let owes = |due: &str, cause| {
        let mut person = planned(due);
        person.cut.as_mut().unwrap().cut.cause = cause;
        person
    };
    let held = |mut person: Person| {
        person.held = true;
        person
    };
    let by = |cause| blocked(old, old, cause);
    let leave = |kind, to: Option<&str>| {
        let mut wanted = wanted("Sales");
        wanted.terms.leave = Some(Leave {
            kind,
            from: jiff::civil::date(2026, 3, 1),
            to: to.map(|it| it.parse().unwrap()),
        });
        wanted
    };
    let here = wanted("Sales");
    let away = leave(LeaveKind::Unpaid, Some("2026-03-16"));
    let returned = leave(LeaveKind::Unpaid, Some("2026-03-15"));
    let released = |last| {
        let mut wanted = leave(LeaveKind::Garden, Some("2026-03-15"));
        wanted.last_day = last;
        wanted
    };
    let ends = released(Some(jiff::civil::date(2026, 5, 31)));
    let stays = released(None);
    let ahead = Word::Ahead {
        from: at("2026-04-15T00:00:00Z"),
    };
    let force = Word::InForce;
    let unread = SignIn::Unread;
    let used = SignIn::At(at("2026-03-15T00:00:01Z"));
    let table = vec![
        // An exit, and the next employment begins later, or has begun.
        (ahead, &here, owes(old, LastDay), true, unread, LeaverActive),
        (ahead, &here, owes(just, LastDay), true, unread, OnHold),
        (ahead, &here, owes(tomorrow, LastDay), true, unread, Matched),
        (
            ahead,
            &here,
            held(owes(old, LastDay)),
            true,
            unread,
            LeaverActive,
        ),
        (
            ahead,
            &here,
            owes(old, LastDay),
            true,
            used,
            AccessAfterTermination,
        ),
        (
            force,
            &here,
            owes(just, ForCause),
            true,
            unread,
            LeaverActive,
        ),
        (
            Word::Doubtful,
            &here,
            owes(old, LastDay),
            true,
            unread,
            LeaverActive,
        ),
        // Away, and still inside.
        (force, &away, owes(old, OnLeave), true, unread, MatchedDrift),
        (
            force,
            &away,
            held(owes(old, OnLeave)),
            true,
            unread,
            MatchedDrift,
        ),
        (force, &ends, owes(old, Garden), true, unread, MatchedDrift),
        (force, &away, owes(just, OnLeave), true, unread, OnHold),
        (force, &away, owes(tomorrow, OnLeave), true, unread, Matched),
        // Away, and out.
        (force, &away, by(OnLeave), false, unread, Matched),
        (force, &away, by(OnLeave), true, unread, MatchedDrift),
        (force, &ends, by(Garden), false, unread, Matched),
        // Back, and locked out all the same.
        (force, &returned, by(OnLeave), false, unread, MatchedDrift),
        (force, &here, by(OnLeave), false, unread, MatchedDrift),
        (force, &stays, by(Garden), false, unread, MatchedDrift),
        (force, &here, by(Absence), false, unread, MatchedDrift),
        (force, &here, by(BlockCause::Undone), false, unread, Matched),
        // No longer missing: there is no cut.
        (force, &here, owes(old, Absence), true, unread, Matched),
    ];
    for (row, (word, wanted, person, enabled, sign_in, expected)) in table.iter().enumerate() {
        let account = account(*enabled, "Sales");
        let (word, wanted) = (Some(*word), Some(*wanted));
        let (class, drift) = judge(word, wanted, Some(person), Some(&account), *sign_in);
        assert_eq!(class, *expected, "row {row}: {word:?} {drift:?}");
    }
}

/// HR's value, what was applied, the tenant's value → who is right.
#[test]
fn three_values_tell_who_changed_one() {
    let table = [
        ("Sales", Some("Sales"), "Sales", None),
        (
            "Sales",
            Some("Sales"),
            "Legal",
            Some(Because::ChangedInTenant),
        ),
        ("Sales", Some("Legal"), "Legal", Some(Because::HrAhead)),
        (
            "Sales",
            Some("Legal"),
            "Ops",
            Some(Because::ChangedInTenant),
        ),
        ("Sales", None, "Legal", Some(Because::NeverApplied)),
        ("Sales", Some("Legal"), "Sales", None),
    ];
    for (hr, applied, tenant, expected) in table {
        let mut person = person(Lifecycle::Active);
        person.applied = applied.map(attributes).unwrap_or_default();
        let (_, drift) = judge(
            Some(Word::InForce),
            Some(&wanted(hr)),
            Some(&person),
            Some(&account(true, tenant)),
            SignIn::Unread,
        );
        let found = drift.first().map(|it| it.1);
        assert_eq!(found, expected, "{hr} {applied:?} {tenant}");
    }
}

/// An account that was there before, and had what HR says, is known to have had it.
#[test]
fn what_was_so_already_counts_as_carried_out() {
    let table = [
        // HR then, HR now, the tenant's value.
        ("Sales", "Sales", "Legal", Because::ChangedInTenant),
        ("Legal", "Sales", "Legal", Because::HrAhead),
    ];
    for (then, now, tenant, expected) in table {
        for (unfinished, expected) in [(false, expected), (true, Because::NeverApplied)] {
            let mut person = person(Lifecycle::Active);
            person.applied.clear();
            person.wanted = Some(wanted(then));
            person.fingerprint = 1;
            person.unfinished = unfinished;
            let (_, drift) = judge(
                Some(Word::InForce),
                Some(&wanted(now)),
                Some(&person),
                Some(&account(true, tenant)),
                SignIn::Unread,
            );
            assert_eq!(drift[0].1, expected, "{then} {now} {tenant}");
        }
    }
}

/// The last sign-in → class; a leave explains disuse, and what nobody may look at proves nothing.
#[test]
fn disuse_and_use_after_the_end() {
    let used = |text: &str| SignIn::At(at(text));
    let never = |text: &str| SignIn::Never {
        since: Some(at(text)),
    };
    let mut away = wanted("Sales");
    away.terms.leave = Some(Leave {
        kind: LeaveKind::Unpaid,
        from: jiff::civil::date(2025, 10, 1),
        to: None,
    });
    let back = |to: &str| {
        let mut wanted = away.clone();
        wanted.terms.leave.as_mut().unwrap().to = Some(to.parse().unwrap());
        wanted
    };
    let (back_long, back_late) = (back("2025-10-31"), back("2025-12-15"));
    let back_now = back("2026-02-28");
    let here = wanted("Sales");
    let active = person(Lifecycle::Active);
    let on = account(true, "Sales");
    for (wanted, sign_in, expected) in [
        (&here, used("2026-03-15T08:00:00Z"), Class::Matched),
        (&here, used("2025-12-16T12:00:00Z"), Class::Matched),
        (&here, used("2025-12-16T11:59:59Z"), Class::Dormant),
        (&here, never("2025-01-01T00:00:00Z"), Class::Dormant),
        (&here, never("2026-03-01T00:00:00Z"), Class::Matched),
        (&here, SignIn::Never { since: None }, Class::Matched),
        (&here, SignIn::Unread, Class::Matched),
        (&away, used("2025-12-01T00:00:00Z"), Class::Matched),
        (&back_now, used("2025-09-30T00:00:00Z"), Class::Matched),
        (&back_late, used("2025-09-30T00:00:00Z"), Class::Dormant),
        (&back_long, used("2025-09-30T00:00:00Z"), Class::Dormant),
        (&back_long, used("2026-03-01T00:00:00Z"), Class::Matched),
    ] {
        let word = Some(Word::InForce);
        let (class, _) = judge(word, Some(wanted), Some(&active), Some(&on), sign_in);
        assert_eq!(class, expected, "{sign_in:?}");
    }
    let due = "2026-03-10T00:00:00Z";
    let left = blocked(due, due, BlockCause::LastDay);
    let off = account(false, "Sales");
    for (account, sign_in, expected) in [
        (&off, used("2026-03-09T00:00:00Z"), Class::Matched),
        (
            &off,
            used("2026-03-10T00:00:01Z"),
            Class::AccessAfterTermination,
        ),
        (
            &on,
            used("2026-03-10T00:00:01Z"),
            Class::AccessAfterTermination,
        ),
        (&on, SignIn::Unread, Class::LeaverActive),
        (&off, never("2026-03-12T00:00:00Z"), Class::Matched),
    ] {
        let word = Some(Word::Over { due: Some(at(due)) });
        let (class, _) = judge(word, None, Some(&left), Some(account), sign_in);
        assert_eq!(class, expected, "{sign_in:?} {}", account.enabled);
    }
}

/// A key that somebody took off, or a switch that somebody turned, is drift as any other.
#[test]
fn key_and_switch_are_compared_too() {
    let mut bare = account(false, "Sales");
    bare.key = None;
    let (class, drift) = judge(
        Some(Word::InForce),
        Some(&wanted("Sales")),
        Some(&person(Lifecycle::Active)),
        Some(&bare),
        SignIn::Unread,
    );
    let expected = ["accountEnabled", "employeeId"];
    let expected = expected.map(|it| (it.to_owned(), Because::ChangedInTenant));
    assert_eq!((class, drift), (Class::MatchedDrift, expected.to_vec()));
}

/// Whoever is dismissed by a notice is out, whatever HR's file says yet.
#[test]
fn a_dismissal_is_an_end() {
    let due = "2026-03-16T08:00:00Z";
    let mut person = blocked(due, due, BlockCause::ForCause);
    person.dismissed = Some(crate::state::Dismissed {
        at: at(due),
        workers: std::collections::BTreeSet::new(),
    });
    for (enabled, expected) in [(false, Class::Matched), (true, Class::LeaverActive)] {
        let account = account(enabled, "Sales");
        let (class, _) = judge(
            Some(Word::InForce),
            Some(&wanted("Sales")),
            Some(&person),
            Some(&account),
            SignIn::Unread,
        );
        assert_eq!(class, expected);
    }
}

/// Several accounts of one person, exceptions, protected accounts.
#[test]
fn accounts_of_nobody_go_by_the_register() {
    let register = Register::parse(
        "format_version = 1\n[[exception]]\nname = \"x\"\naccount = \"o\"\nowner = \"it\"\n\
         reason = \"backup\"\nuntil = \"2026-03-16\"\n",
        "reconcile.toml",
    )
    .unwrap();
    let (account, target) = (account(true, "Sales"), target());
    let table = [
        (NOW, false, true, Class::Excluded),
        (NOW, true, true, Class::Protected),
        ("2026-03-17T00:00:00Z", true, true, Class::ExceptionExpired),
        (NOW, true, false, Class::OrphanAccount),
    ];
    for (now, protected, excepted, expected) in table {
        let exception = register.of(&account, &target, at(now)).filter(|_| excepted);
        let facts = Facts {
            word: None,
            wanted: None,
            person: None,
            account: Some(&account),
            rivals: 0,
            sign_in: SignIn::Unread,
            exception,
            protected,
        };
        let terms = Terms {
            now: at(now),
            from: at("2026-01-01T00:00:00Z"),
            dormant_days: 90,
            sla: Sla::default(),
            target: &target,
        };
        assert_eq!(
            classify(&facts, &terms).class,
            expected,
            "{now} {protected}"
        );
        let person = person(Lifecycle::Active);
        let two = Facts {
            word: Some(Word::InForce),
            person: Some(&person),
            rivals: 1,
            ..facts
        };
        assert_eq!(classify(&two, &terms).class, Class::DuplicateMatch);
    }
}

/// A second account hides nobody who left: each is judged, and says that there are several.
#[test]
fn several_accounts_of_a_leaver_are_each_judged() {
    let (old, just) = ("2026-03-15T00:00:00Z", "2026-03-16T10:00:00Z");
    let late = "2026-03-15T09:00:00Z";
    let out = |done| blocked(old, done, BlockCause::LastDay);
    let unread = SignIn::Unread;
    let used = SignIn::At(at(late));
    let target = target();
    for (due, person, enabled, sign_in, expected) in [
        (old, out(old), true, unread, Class::LeaverActive),
        (old, planned(old), true, unread, Class::LeaverActive),
        (old, out(old), false, used, Class::AccessAfterTermination),
        (old, out(old), false, unread, Class::Matched),
        (old, out(late), false, unread, Class::LeaverLate),
        (just, planned(just), true, unread, Class::DuplicateMatch),
    ] {
        let account = account(enabled, "Sales");
        let facts = Facts {
            word: Some(Word::Over { due: Some(at(due)) }),
            wanted: None,
            person: Some(&person),
            account: Some(&account),
            rivals: 1,
            sign_in,
            exception: None,
            protected: false,
        };
        let terms = Terms {
            now: at(NOW),
            from: at("2026-01-01T00:00:00Z"),
            dormant_days: 90,
            sla: Sla::default(),
            target: &target,
        };
        let judged = classify(&facts, &terms);
        assert_eq!(judged.class, expected, "{due} {enabled} {sign_in:?}");
        assert!(judged.reason.contains("2 accounts"), "{}", judged.reason);
    }
}

/// How late a cut was is said of whoever is inside, and of whoever is out since an instant on record.
#[test]
fn nobody_is_late_by_a_number_that_nobody_recorded() {
    let due = "2026-03-15T00:00:00Z";
    let (inside, out) = (account(true, "Sales"), account(false, "Sales"));
    let (owed, done) = (
        planned(due),
        blocked(due, "2026-03-15T01:00:00Z", BlockCause::LastDay),
    );
    let target = target();
    for (person, account, expected) in [
        (&owed, &inside, Some(36 * 3600)),
        (&done, &out, Some(3600)),
        (&owed, &out, None),
    ] {
        let facts = Facts {
            word: Some(Word::Over { due: Some(at(due)) }),
            wanted: None,
            person: Some(person),
            account: Some(account),
            rivals: 0,
            sign_in: SignIn::Unread,
            exception: None,
            protected: false,
        };
        let terms = Terms {
            now: at(NOW),
            from: at("2026-01-01T00:00:00Z"),
            dormant_days: 90,
            sla: Sla::default(),
            target: &target,
        };
        let late = classify(&facts, &terms).late;
        assert_eq!(late.map(|it| it.whole.as_secs()), expected);
    }
}
