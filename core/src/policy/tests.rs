//! Joiner, mover, leaver as a table: facts and an instant in, steps out.

use jiff::Timestamp;

use super::{
    Context, Decision, DeltaKind, Matching, NoRules, Policy, Seen, Subject, Target, name_key,
};
use crate::model::{
    Account, AccountName, Attributes, FindingKind, Lookup, ObjectId, Op, SourceName, Value,
    WorkerId,
};
use crate::policy::Reason;
use crate::state::{Block, BlockCause, Cut, Dismissed, Identity, Lifecycle, Person, PlannedCut};

const NOW: &str = "2027-03-15T02:00:00Z";

fn policy(more: &str) -> Policy {
    let text = format!(
        "format_version = 1\ndefault_zone = \"Europe/Berlin\"\n[status]\nactive = [\"A\"]\n\
         inactive = [\"I\"]\n{more}"
    );
    let mut policy = Policy::parse(&text, "policy.toml").unwrap();
    // What is read back afterwards has tests of its own.
    policy.leaver.proof.clear();
    policy
}

fn target() -> Target {
    Target {
        key_attribute: "employeeId".to_owned(),
        name_attribute: "userPrincipalName".to_owned(),
        alias_attribute: "mailNickname".to_owned(),
    }
}

fn at_now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A plan over a whole roster that matches by the key.
fn context<'a>(now: Timestamp, policy: &'a Policy, target: &'a Target) -> Context<'a> {
    Context {
        now,
        policy,
        workflows: None,
        target,
        first_load: false,
        stale: false,
        matching: Matching::Key,
        full: true,
        grants: None,
    }
}

/// Of somebody to whom no rule gives anything.
fn decide(subject: Subject, answers: &[Vec<Account>], cx: &Context<'_>) -> Decision {
    super::decide(subject, answers, &mut NoRules, cx)
}

/// A row as `key=value` words: `status=I hire=2027-04-01 dept=IT manager=2`.
fn identity(row: &str) -> Identity {
    let mut identity = Identity {
        worker: WorkerId::new("1"),
        source: None,
        status: "A".to_owned(),
        manager: None,
        hire: None,
        last_day: None,
        zone: None,
        terms: Box::default(),
        facts: Attributes::new(),
        always: [("employeeId".to_owned(), Value::from("1"))].into(),
        on_create: [(
            "userPrincipalName".to_owned(),
            Value::from("one@woodgrove.example"),
        )]
        .into(),
        other_names: Vec::new(),
        out_of_scope: false,
    };
    for word in row.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap();
        match name {
            "status" => identity.status = value.to_owned(),
            "hire" => identity.hire = Some(value.parse().unwrap()),
            "last" => identity.last_day = Some(value.parse().unwrap()),
            "scope" => identity.out_of_scope = value == "out",
            "zone" => identity.zone = Some(value.to_owned()),
            "manager" => identity.manager = Some(WorkerId::new(value)),
            "dept" => {
                identity
                    .always
                    .insert("department".to_owned(), value.into());
            }
            "phone" => {
                identity
                    .always
                    .insert("mobilePhone".to_owned(), value.into());
            }
            _ => panic!("unknown word {word}"),
        }
    }
    identity
}

fn account(enabled: bool, department: &str) -> Account {
    Account {
        holdings: None,
        id: ObjectId::new("object-1"),
        enabled,
        key: Some("1".to_owned()),
        name: AccountName::new("one@woodgrove.example"),
        attributes: match department {
            "" => Attributes::new(),
            department => [("department".to_owned(), Value::from(department))].into(),
        },
    }
}

fn person(lifecycle: Lifecycle) -> Person {
    let mut person = Person::new(SourceName::new("hr"), WorkerId::new("1"));
    person.lifecycle = lifecycle;
    person.listed = true;
    if lifecycle != Lifecycle::None {
        person.object = Some(ObjectId::new("object-1"));
    }
    if lifecycle == Lifecycle::Blocked {
        let due = "2027-03-01T00:00:00Z".parse().unwrap();
        person.block = Some(Block {
            cut: Cut {
                due,
                cause: BlockCause::Status,
            },
            disabled: true,
            at: None,
            signed_out: true,
        });
    }
    person
}

struct Case<'a> {
    name: &'a str,
    lifecycle: Lifecycle,
    account: Option<Account>,
    row: &'a str,
    delta: Option<DeltaKind>,
    /// `op` for what is due, `op@instant` for what comes later.
    steps: &'a [&'a str],
    findings: &'a [FindingKind],
}

fn steps(
    subject: Subject,
    answers: &[Vec<Account>],
    policy: &Policy,
    now: &str,
) -> (Option<DeltaKind>, Vec<String>, Vec<FindingKind>) {
    let target = target();
    let now: Timestamp = now.parse().unwrap();
    let cx = context(now, policy, &target);
    let decision = decide(subject, answers, &cx);
    let kinds = decision.findings.iter().map(|f| f.kind).collect();
    let delta = decision.draft.as_ref().map(|d| d.delta);
    let mut out = Vec::new();
    if let Some(draft) = decision.draft {
        assert!(draft.actions.iter().all(|a| a.due <= now));
        assert!(draft.scheduled.iter().all(|a| a.due > now));
        assert_eq!(
            decision.person.due,
            draft.scheduled.iter().map(|a| a.due).min()
        );
        out.extend(draft.actions.iter().map(|a| a.op.name().to_owned()));
        out.extend(
            draft
                .scheduled
                .iter()
                .map(|a| format!("{}@{}", a.op, a.due)),
        );
    }
    (delta, out, kinds)
}

#[test]
fn facts_become_steps() {
    use DeltaKind::{Joiner, Leaver, Mover, Rehire, Update};
    use Lifecycle::{Active, Blocked, Created, None as Nobody};
    let cases = [
        Case {
            name: "new, in force, no date",
            lifecycle: Nobody,
            account: None,
            row: "dept=IT",
            delta: Some(Joiner),
            steps: &["user.create", "user.enable"],
            findings: &[],
        },
        Case {
            name: "new with a manager",
            lifecycle: Nobody,
            account: None,
            row: "manager=2",
            delta: Some(Joiner),
            steps: &["user.create", "user.setManager", "user.enable"],
            findings: &[],
        },
        Case {
            // 00:00 in Berlin on the 22nd is 23:00Z the day before, still winter time.
            name: "starts in a week: made now, enabled at local midnight",
            lifecycle: Nobody,
            account: None,
            row: "hire=2027-03-22",
            delta: Some(Joiner),
            steps: &["user.create", "user.enable@2027-03-21T23:00:00Z"],
            findings: &[],
        },
        Case {
            // Summer time has begun: 00:00 in Berlin is 22:00Z.
            name: "starts in six weeks: made fourteen local days before",
            lifecycle: Nobody,
            account: None,
            row: "hire=2027-04-26",
            delta: Some(Joiner),
            steps: &[
                "user.create@2027-04-11T22:00:00Z",
                "user.enable@2027-04-25T22:00:00Z",
            ],
            findings: &[],
        },
        Case {
            name: "a zone of its own",
            lifecycle: Nobody,
            account: None,
            row: "hire=2027-03-22 zone=America/New_York",
            delta: Some(Joiner),
            steps: &["user.create", "user.enable@2027-03-22T04:00:00Z"],
            findings: &[],
        },
        Case {
            name: "first seen after the first day",
            lifecycle: Nobody,
            account: None,
            row: "hire=2027-03-01",
            delta: Some(Joiner),
            steps: &["user.create", "user.enable"],
            findings: &[FindingKind::LateHire],
        },
        Case {
            name: "new and inactive: never provisioned",
            lifecycle: Nobody,
            account: None,
            row: "status=I",
            delta: None,
            steps: &[],
            findings: &[FindingKind::NeverProvisioned],
        },
        Case {
            name: "an unknown status is held, never a leaver",
            lifecycle: Active,
            account: Some(account(true, "IT")),
            row: "status=X dept=IT",
            delta: None,
            steps: &[],
            findings: &[FindingKind::StatusUnknown],
        },
        Case {
            name: "the same",
            lifecycle: Active,
            account: Some(account(true, "IT")),
            row: "dept=IT",
            delta: None,
            steps: &[],
            findings: &[],
        },
        Case {
            name: "another department",
            lifecycle: Active,
            account: Some(account(true, "IT")),
            row: "dept=HR",
            delta: Some(Mover),
            steps: &["user.update"],
            findings: &[],
        },
        Case {
            name: "another phone is no move",
            lifecycle: Active,
            account: Some(account(true, "IT")),
            row: "dept=IT phone=5",
            delta: Some(Update),
            steps: &["user.update"],
            findings: &[],
        },
        Case {
            name: "another manager",
            lifecycle: Active,
            account: Some(account(true, "")),
            row: "manager=2",
            delta: Some(Mover),
            steps: &["user.setManager"],
            findings: &[],
        },
        Case {
            name: "their own manager",
            lifecycle: Active,
            account: Some(account(true, "")),
            row: "manager=1",
            delta: None,
            steps: &[],
            findings: &[FindingKind::ManagerIsSelf],
        },
        Case {
            name: "left, without a date: at once",
            lifecycle: Active,
            account: Some(account(true, "IT")),
            row: "status=I dept=HR",
            delta: Some(Leaver),
            steps: &["user.disable", "user.revokeSessions"],
            findings: &[],
        },
        Case {
            name: "left, and somebody disabled it already: the sessions still go",
            lifecycle: Active,
            account: Some(account(false, "IT")),
            row: "status=I dept=IT",
            delta: Some(Leaver),
            steps: &["user.revokeSessions"],
            findings: &[],
        },
        Case {
            name: "the date decides, not the status: cut after the last local day",
            lifecycle: Active,
            account: Some(account(true, "IT")),
            row: "status=I last=2027-03-31 dept=IT",
            delta: Some(Leaver),
            steps: &[
                "user.disable@2027-03-31T22:00:00Z",
                "user.revokeSessions@2027-03-31T22:00:00Z",
            ],
            findings: &[],
        },
        Case {
            name: "the last day has passed although the status says active",
            lifecycle: Active,
            account: Some(account(true, "IT")),
            row: "last=2027-03-14 dept=IT",
            delta: Some(Leaver),
            steps: &["user.disable", "user.revokeSessions"],
            findings: &[],
        },
        Case {
            name: "the last day is today: still in force",
            lifecycle: Active,
            account: Some(account(true, "IT")),
            row: "last=2027-03-15 dept=IT",
            delta: Some(Leaver),
            steps: &[
                "user.disable@2027-03-15T23:00:00Z",
                "user.revokeSessions@2027-03-15T23:00:00Z",
            ],
            findings: &[],
        },
        Case {
            name: "blocked and still inactive",
            lifecycle: Blocked,
            account: Some(account(false, "IT")),
            row: "status=I dept=IT",
            delta: None,
            steps: &[],
            findings: &[],
        },
        Case {
            name: "blocked, and somebody enabled the account: cut again",
            lifecycle: Blocked,
            account: Some(account(true, "IT")),
            row: "status=I dept=IT",
            delta: Some(Leaver),
            steps: &["user.disable", "user.revokeSessions"],
            findings: &[],
        },
        Case {
            name: "blocked and in force again",
            lifecycle: Blocked,
            account: Some(account(false, "IT")),
            row: "dept=HR",
            delta: Some(Rehire),
            steps: &["user.enable", "user.update"],
            findings: &[],
        },
        Case {
            name: "blocked, and hired again for later: not before the first day",
            lifecycle: Blocked,
            account: Some(account(false, "IT")),
            row: "hire=2027-09-01 dept=IT",
            delta: Some(Rehire),
            steps: &["user.enable@2027-08-31T22:00:00Z"],
            findings: &[],
        },
        Case {
            name: "blocked, enabled by hand, and in force: nothing to give",
            lifecycle: Blocked,
            account: Some(account(true, "IT")),
            row: "dept=IT",
            delta: None,
            steps: &[],
            findings: &[],
        },
        Case {
            name: "in force, but the last day lies before the first: nobody knows",
            lifecycle: Active,
            account: Some(account(true, "IT")),
            row: "hire=2027-03-01 last=2026-12-31 dept=IT",
            delta: None,
            steps: &[],
            findings: &[FindingKind::DateInvalid],
        },
        Case {
            name: "inactive, hired for later: a hire that was called off",
            lifecycle: Created,
            account: Some(account(false, "IT")),
            row: "status=I hire=2027-04-01 last=2027-03-14 dept=IT",
            delta: Some(Leaver),
            steps: &["user.revokeSessions"],
            findings: &[],
        },
        Case {
            name: "made by somebody else before the first day: enabled on that day",
            lifecycle: Nobody,
            account: Some(account(false, "IT")),
            row: "hire=2027-04-01 dept=IT",
            delta: Some(Joiner),
            steps: &["user.enable@2027-03-31T22:00:00Z"],
            findings: &[],
        },
        Case {
            name: "disabled by somebody else after the first day: left so",
            lifecycle: Nobody,
            account: Some(account(false, "IT")),
            row: "hire=2027-03-01 dept=IT",
            delta: None,
            steps: &[],
            findings: &[FindingKind::AccountDisabledElsewhere],
        },
        Case {
            name: "left, and the account was deleted since: that is all right",
            lifecycle: Blocked,
            account: None,
            row: "status=I dept=IT",
            delta: None,
            steps: &[],
            findings: &[FindingKind::AccountGone],
        },
        Case {
            name: "deleted, and somebody took the account out of the bin and enabled it: cut again",
            lifecycle: Lifecycle::Deleted,
            account: Some(account(true, "IT")),
            row: "status=I dept=IT",
            delta: Some(Leaver),
            steps: &["user.disable", "user.revokeSessions"],
            findings: &[],
        },
        Case {
            name: "made, the day has come",
            lifecycle: Created,
            account: Some(account(false, "IT")),
            row: "hire=2027-03-15 dept=IT",
            delta: Some(Joiner),
            steps: &["user.enable"],
            findings: &[],
        },
        Case {
            name: "made, the day was moved",
            lifecycle: Created,
            account: Some(account(false, "IT")),
            row: "hire=2027-03-29 dept=IT",
            delta: Some(Joiner),
            steps: &["user.enable@2027-03-28T22:00:00Z"],
            findings: &[],
        },
        Case {
            name: "in force, disabled by somebody else: left so",
            lifecycle: Active,
            account: Some(account(false, "IT")),
            row: "dept=IT",
            delta: None,
            steps: &[],
            findings: &[FindingKind::AccountDisabledElsewhere],
        },
        Case {
            name: "an account that nobody linked: adopted",
            lifecycle: Nobody,
            account: Some(account(true, "IT")),
            row: "dept=HR",
            delta: Some(Update),
            steps: &["user.update"],
            findings: &[],
        },
        Case {
            name: "inactive, and an account from before our time: cut",
            lifecycle: Nobody,
            account: Some(account(true, "IT")),
            row: "status=I dept=IT",
            delta: Some(Leaver),
            steps: &["user.disable", "user.revokeSessions"],
            findings: &[],
        },
        Case {
            name: "the account was deleted by somebody",
            lifecycle: Active,
            account: None,
            row: "status=I dept=IT",
            delta: None,
            steps: &[],
            findings: &[FindingKind::AccountGone],
        },
        Case {
            name: "a zone that does not exist keeps nobody in who is over",
            lifecycle: Active,
            account: Some(account(true, "IT")),
            row: "status=I zone=Mars/Base",
            delta: Some(Leaver),
            steps: &["user.disable", "user.revokeSessions"],
            findings: &[FindingKind::ZoneUnknown],
        },
        Case {
            name: "a zone that does not exist takes nobody in",
            lifecycle: Nobody,
            account: None,
            row: "hire=2027-03-29 dept=IT zone=Mars/Base",
            delta: None,
            steps: &[],
            findings: &[FindingKind::ZoneUnknown],
        },
    ];
    let policy = policy("");
    for case in cases {
        let seen = Seen::Row {
            others: Vec::new(),
            row: 2,
            fingerprint: 7,
            identity: Box::new(identity(case.row)),
            sound: true,
        };
        let subject = Subject {
            in_cycle: false,
            person: person(case.lifecycle),
            seen,
        };
        let answers = [case.account.into_iter().collect(), Vec::new()];
        let (delta, steps, findings) = steps(subject, &answers, &policy, NOW);
        assert_eq!(steps, case.steps, "{}", case.name);
        assert_eq!(delta, case.delta, "{}", case.name);
        assert_eq!(findings, case.findings, "{}", case.name);
    }
}

#[test]
fn a_taken_name_or_two_accounts_hold_the_joiner() {
    let policy = policy("");
    let subject = || Subject {
        in_cycle: false,
        person: person(Lifecycle::None),
        seen: Seen::Row {
            others: Vec::new(),
            row: 2,
            fingerprint: 7,
            identity: Box::new(identity("")),
            sound: true,
        },
    };
    let other = Account {
        key: None,
        ..account(true, "")
    };
    let (_, planned, found) = steps(subject(), &[vec![], vec![other]], &policy, NOW);
    assert_eq!((planned.len(), found), (0, vec![FindingKind::NameTaken]));
    let twins = vec![account(true, ""), account(true, "")];
    let (_, planned, found) = steps(subject(), &[twins, vec![]], &policy, NOW);
    assert_eq!(
        (planned.len(), found),
        (0, vec![FindingKind::AccountAmbiguous])
    );
}

#[test]
fn absence_is_reported_once_then_cuts_then_comes_back() {
    let policy = policy("");
    let target = target();
    let now: Timestamp = at_now();
    let cx = context(now, &policy, &target);
    let here = [vec![account(true, "")]];
    let absent = |person| {
        decide(
            Subject {
                in_cycle: false,
                person,
                seen: Seen::Absent,
            },
            &here,
            &cx,
        )
    };

    let first = absent(person(Lifecycle::Active));
    assert!(first.draft.is_none());
    assert_eq!(first.findings[0].kind, FindingKind::MissingOnce);
    assert_eq!((first.person.misses, first.person.listed), (1, false));

    let second = absent(first.person.clone());
    let ops: Vec<&str> = second
        .draft
        .as_ref()
        .unwrap()
        .actions
        .iter()
        .map(|a| a.op.name())
        .collect();
    assert_eq!(ops, ["user.disable", "user.revokeSessions"]);
    assert_eq!(second.findings[0].kind, FindingKind::MissingDisabled);

    let kept_back = absent(second.person.clone());
    assert!(
        kept_back.draft.is_some(),
        "a cut that was kept back is planned again"
    );

    let back = Subject {
        in_cycle: false,
        person: first.person,
        seen: Seen::Row {
            others: Vec::new(),
            row: 2,
            fingerprint: 7,
            identity: Box::new(identity("")),
            sound: true,
        },
    };
    let back = decide(back, &here, &cx);
    assert!(back.draft.is_none());
    assert_eq!((back.person.misses, back.person.listed), (0, true));

    let mut blocked = second.person;
    blocked.lifecycle = Lifecycle::Blocked;
    blocked.block = Some(Block {
        cut: Cut {
            due: now,
            cause: BlockCause::Absence,
        },
        disabled: true,
        at: None,
        signed_out: true,
    });
    let seen = Seen::Row {
        others: Vec::new(),
        row: 2,
        fingerprint: 7,
        identity: Box::new(identity("")),
        sound: true,
    };
    let (delta, planned, found) = steps(
        Subject {
            in_cycle: false,
            person: blocked,
            seen,
        },
        &[vec![account(false, "")]],
        &policy,
        NOW,
    );
    assert_eq!(delta, Some(DeltaKind::Rehire));
    assert_eq!(planned, ["user.enable"]);
    assert_eq!(found, [FindingKind::Reappeared]);
}

#[test]
fn a_held_row_counts_as_present_and_says_nothing_else() {
    let policy = policy("");
    let mut missed = person(Lifecycle::Active);
    missed.misses = 1;
    missed.listed = false;
    let target = target();
    let now: Timestamp = at_now();
    let cx = context(now, &policy, &target);
    let decision = decide(
        Subject {
            in_cycle: false,
            person: missed,
            seen: Seen::Held,
        },
        &[vec![]],
        &cx,
    );
    assert!(decision.held && decision.draft.is_none());
    assert_eq!((decision.person.misses, decision.person.listed), (0, true));
}

#[test]
fn an_odd_attribute_holds_the_row_but_not_the_cut() {
    let policy = policy("");
    let target = target();
    let now: Timestamp = at_now();
    let cx = context(now, &policy, &target);
    let decide_row = |row: &str, lifecycle, account: Option<Account>| {
        let seen = Seen::Row {
            others: Vec::new(),
            row: 2,
            fingerprint: 7,
            identity: Box::new(identity(row)),
            sound: false,
        };
        let subject = Subject {
            in_cycle: false,
            person: person(lifecycle),
            seen,
        };
        let decision = decide(subject, &[account.into_iter().collect(), vec![]], &cx);
        assert!(decision.held);
        assert_eq!(decision.person.fingerprint, 0, "looked at again next time");
        decision
            .draft
            .map_or(0, |d| d.actions.len() * 10 + d.scheduled.len())
    };
    let here = || Some(account(true, "IT"));
    assert_eq!(
        decide_row("status=I dept=HR", Lifecycle::Active, here()),
        20
    );
    assert_eq!(
        decide_row("last=2027-03-31 dept=HR", Lifecycle::Active, here()),
        2
    );
    assert_eq!(decide_row("dept=HR", Lifecycle::Active, here()), 0);
    assert_eq!(decide_row("dept=HR", Lifecycle::None, None), 0);
}

#[test]
fn a_stale_source_lets_only_dated_cuts_go() {
    let policy = policy("");
    let target = target();
    let now: Timestamp = at_now();
    let cx = Context {
        stale: true,
        ..context(now, &policy, &target)
    };
    let mut starter = person(Lifecycle::Created);
    starter.wanted = Some(identity("hire=2027-03-15 dept=IT"));
    let here = [vec![account(false, "IT")]];
    let decision = decide(
        Subject {
            in_cycle: false,
            person: starter,
            seen: Seen::Before,
        },
        &here,
        &cx,
    );
    assert!(
        decision
            .draft
            .is_some_and(|d| d.actions.is_empty() && d.scheduled.len() == 1)
    );

    let mut leaver = person(Lifecycle::Active);
    leaver.wanted = Some(identity("last=2027-03-14 dept=HR"));
    let here = [vec![account(true, "IT")]];
    let decision = decide(
        Subject {
            in_cycle: false,
            person: leaver,
            seen: Seen::Before,
        },
        &here,
        &cx,
    );
    assert_eq!(decision.draft.unwrap().actions.len(), 2);
}

#[test]
fn an_empty_manager_clears_only_where_that_is_allowed() {
    let mut reports = person(Lifecycle::Active);
    reports.manager = Some(WorkerId::new("2"));
    let subject = |p: &Person| Subject {
        in_cycle: false,
        person: p.clone(),
        seen: Seen::Row {
            others: Vec::new(),
            row: 2,
            fingerprint: 7,
            identity: Box::new(identity("")),
            sound: true,
        },
    };
    let here = [vec![account(true, "")]];
    assert!(
        steps(subject(&reports), &here, &policy(""), NOW)
            .1
            .is_empty()
    );
    let allowed = policy("[managers]\nno_manager_ok = [\"1\"]\n");
    assert_eq!(
        steps(subject(&reports), &here, &allowed, NOW).1,
        ["user.clearManager"]
    );
}

/// A person before, what is seen, the account → what is planned and how the person is left.
fn one(
    person: &Person,
    seen: Seen,
    account: Option<Account>,
    full: bool,
) -> (Vec<String>, Vec<FindingKind>, Person) {
    let (policy, target) = (policy(""), target());
    let cx = Context {
        full,
        ..context(at_now(), &policy, &target)
    };
    let subject = Subject {
        in_cycle: false,
        person: person.clone(),
        seen,
    };
    let decision = decide(subject, &[account.into_iter().collect(), vec![]], &cx);
    let steps = decision.draft.iter().flat_map(super::Draft::steps);
    let steps = steps.map(|a| a.op.name().to_owned()).collect();
    let kinds = decision.findings.iter().map(|f| f.kind).collect();
    (steps, kinds, decision.person)
}

fn row(words: &str) -> Seen {
    Seen::Row {
        others: Vec::new(),
        row: 2,
        fingerprint: 7,
        identity: Box::new(identity(words)),
        sound: true,
    }
}

/// An account of the wanted name without a key: taken over where the mapping says so, by an order
/// that says how it was found; what the state links waits for what comes of it.
#[test]
fn an_account_without_a_key_is_taken_over_by_name() {
    let (policy, target) = (policy(""), target());
    let run = |matching, row: &str, account: Account| {
        let cx = Context {
            matching,
            ..context(at_now(), &policy, &target)
        };
        let subject = Subject {
            in_cycle: false,
            person: Person::new(SourceName::new("hr"), WorkerId::new("1")),
            seen: self::row(row),
        };
        decide(subject, &[vec![], vec![account]], &cx)
    };
    let unclaimed = |enabled| Account {
        key: None,
        ..account(enabled, "HR")
    };

    let taken = run(Matching::KeyThenName, "dept=IT", unclaimed(true));
    let draft = taken.draft.unwrap();
    assert_eq!(draft.object, Some(ObjectId::new("object-1")));
    assert!(draft.adopted.is_some());
    let [update] = draft.actions.as_slice() else {
        panic!("{:?}", draft.actions);
    };
    assert_eq!(update.before["employeeId"], Value::Null);
    assert_eq!(update.after["employeeId"], Value::text("1"));
    assert_eq!(update.after["department"], Value::text("IT"));
    assert_eq!(update.before["department"], Value::text("HR"));
    let left = &taken.person;
    assert_eq!((left.lifecycle, &left.object), (Lifecycle::None, &None));

    // By key alone, or where somebody else's key stands on it, the name is taken.
    let claimed = Account {
        key: Some("2".to_owned()),
        ..account(true, "HR")
    };
    for (matching, account) in [
        (Matching::Key, unclaimed(true)),
        (Matching::KeyThenName, claimed),
    ] {
        let decision = run(matching, "dept=IT", account);
        let kinds: Vec<FindingKind> = decision.findings.iter().map(|f| f.kind).collect();
        assert_eq!(
            (decision.draft, kinds),
            (None, vec![FindingKind::NameTaken])
        );
    }
    // Nobody is cut off by their name, but somebody has to look.
    for (enabled, expected) in [
        (
            true,
            vec![FindingKind::AccountUnclaimed, FindingKind::NeverProvisioned],
        ),
        (false, vec![FindingKind::NeverProvisioned]),
    ] {
        let left = run(Matching::KeyThenName, "status=I", unclaimed(enabled));
        let kinds: Vec<FindingKind> = left.findings.iter().map(|f| f.kind).collect();
        assert_eq!((left.draft, kinds), (None, expected));
    }
    // A disabled account is taken over and left disabled.
    let decision = run(Matching::KeyThenName, "dept=HR", unclaimed(false));
    let kinds: Vec<FindingKind> = decision.findings.iter().map(|f| f.kind).collect();
    assert_eq!(kinds, [FindingKind::AccountDisabledElsewhere]);
    assert_eq!(decision.draft.unwrap().actions.len(), 1);
}

/// The name is taken: the next one is, and the alias that was made of the first goes with it.
#[test]
fn an_alias_follows_the_name() {
    let (policy, target) = (policy(""), target());
    let cx = context(at_now(), &policy, &target);
    for (alias, expected) in [("mira.oz", "mira.oz2"), ("moz", "moz")] {
        let mut wanted = identity("dept=IT");
        let name = Value::text("mira.oz@woodgrove.example");
        wanted
            .on_create
            .insert("userPrincipalName".to_owned(), name);
        wanted
            .on_create
            .insert("mailNickname".to_owned(), Value::text(alias));
        wanted.other_names = vec![AccountName::new("mira.oz2@woodgrove.example")];
        let subject = Subject {
            in_cycle: false,
            person: Person::new(SourceName::new("hr"), WorkerId::new("1")),
            seen: Seen::Row {
                others: Vec::new(),
                row: 2,
                fingerprint: 7,
                identity: Box::new(wanted),
                sound: true,
            },
        };
        let taken = account(true, "HR");
        let decision = decide(subject, &[vec![], vec![taken], vec![]], &cx);
        let mut draft = decision.draft.unwrap();
        let written = |draft: &super::Draft| draft.actions[0].after["mailNickname"].clone();
        assert_eq!(written(&draft), Value::text(expected));
        // Another draft of the plan has that one, too.
        draft.rename(&AccountName::new("mira.oz3@woodgrove.example"), &target);
        let again = expected.replace('2', "3");
        assert_eq!(written(&draft), Value::text(again));
    }
}

/// Between two files nobody gets anything whom the newest full one does not list; what is to be
/// taken away is.
#[test]
fn who_is_missing_gets_nothing_at_a_release() {
    let mut starter = person(Lifecycle::Created);
    starter.wanted = Some(identity("hire=2027-03-15 dept=IT"));
    let (steps, _, _) = one(&starter, Seen::Before, Some(account(false, "IT")), false);
    assert_eq!(steps, ["user.enable"]);
    starter.misses = 1;
    let (steps, _, after) = one(&starter, Seen::Before, Some(account(false, "IT")), false);
    assert_eq!((steps, after.due), (vec![], None));

    let mut cut_off = person(Lifecycle::Blocked);
    cut_off.misses = 2;
    cut_off.wanted = Some(identity("dept=IT"));
    let (steps, found, _) = one(&cut_off, Seen::Before, Some(account(false, "IT")), false);
    assert_eq!((steps, found), (vec![], vec![]));

    let mut leaver = person(Lifecycle::Active);
    leaver.misses = 1;
    leaver.wanted = Some(identity("last=2027-03-14 dept=HR"));
    let (steps, _, _) = one(&leaver, Seen::Before, Some(account(true, "IT")), false);
    assert_eq!(steps, ["user.disable", "user.revokeSessions"]);

    // The cut for absence failed: it is tried again, not undone.
    let mut failed = person(Lifecycle::Active);
    (failed.misses, failed.unfinished) = (2, true);
    failed.wanted = Some(identity("dept=IT"));
    let (steps, _, _) = one(&failed, Seen::Before, Some(account(true, "IT")), false);
    assert_eq!(steps, ["user.disable", "user.revokeSessions"]);
}

/// A leaver whose row goes is cut off as HR said, not held up by the rule for missing rows.
#[test]
fn a_known_leaver_may_leave_the_file() {
    for words in ["status=I dept=IT", "last=2027-03-14 dept=IT"] {
        let mut leaver = person(Lifecycle::Active);
        leaver.wanted = Some(identity(words));
        let here = Some(account(true, "IT"));
        let (steps, _, after) = one(&leaver, Seen::Absent, here, true);
        assert_eq!(steps, ["user.disable", "user.revokeSessions"], "{words}");
        assert_eq!(after.misses, 1);
    }
    let mut later = person(Lifecycle::Active);
    later.wanted = Some(identity("last=2027-03-31 dept=IT"));
    let (steps, found, _) = one(&later, Seen::Absent, Some(account(true, "IT")), true);
    assert_eq!((steps, found), (vec![], vec![FindingKind::MissingOnce]));
}

/// A create that was sent, and nobody learned what came of it: whoever then goes missing is cut off
/// as anybody, not left with an account that no state knows.
#[test]
fn an_account_that_nobody_heard_of_does_not_stay() {
    let mut lost = person(Lifecycle::None);
    (lost.unfinished, lost.wanted) = (true, Some(identity("dept=IT")));
    let subject = Subject {
        in_cycle: false,
        person: lost.clone(),
        seen: Seen::Absent,
    };
    let key = Lookup::Key("1".to_owned());
    assert_eq!(subject.questions(&target()), [key]);
    let (_, found, once) = one(&lost, Seen::Absent, Some(account(true, "IT")), true);
    assert_eq!(found, [FindingKind::MissingOnce]);
    let (steps, _, _) = one(&once, Seen::Absent, Some(account(true, "IT")), true);
    assert_eq!(steps, ["user.disable", "user.revokeSessions"]);
    // A fold says when what was not done is to be tried again. Nobody asks for it any more.
    lost.due = Some(at_now());
    let (steps, found, never) = one(&lost, Seen::Absent, None, true);
    assert_eq!((steps, found, never.due), (vec![], vec![], None));
    let mut rehired = person(Lifecycle::Blocked);
    (rehired.unfinished, rehired.wanted) = (true, Some(identity("dept=IT")));
    rehired.due = Some(at_now());
    let (steps, _, left) = one(&rehired, Seen::Absent, Some(account(false, "IT")), true);
    assert_eq!((steps, left.due), (vec![], None));
    // The enable was carried out, and nobody heard of it.
    let (_, found, once) = one(&rehired, Seen::Absent, Some(account(true, "IT")), true);
    assert_eq!(found, [FindingKind::MissingOnce]);
    let (steps, _, _) = one(&once, Seen::Absent, Some(account(true, "IT")), true);
    assert_eq!(steps, ["user.disable", "user.revokeSessions"]);
}

/// A disable that was carried out, and nobody heard of it: it is ours, to be finished and to be
/// taken back.
#[test]
fn a_disable_that_nobody_heard_of_is_ours() {
    let mut lost = person(Lifecycle::Active);
    lost.unfinished = true;
    lost.cut = Some(PlannedCut {
        cut: Cut {
            due: at_now(),
            cause: BlockCause::Status,
        },
        counted: true,
        unheard: true,
        entered: None,
        seen: None,
    });
    let gone = || Some(account(false, "IT"));
    let (steps, found, _) = one(&lost, row("dept=IT"), gone(), true);
    assert_eq!((steps, found), (vec!["user.enable".to_owned()], vec![]));
    let (steps, _, after) = one(&lost, row("status=I dept=IT"), gone(), true);
    assert_eq!(steps, ["user.revokeSessions"]);
    assert!(after.block.is_some_and(|block| block.disabled));
    // Cut off for absence, it is finished as a cut of ours too.
    lost.misses = 2;
    lost.wanted = Some(identity("dept=IT"));
    let (steps, _, after) = one(&lost, Seen::Before, gone(), true);
    assert_eq!(steps, ["user.revokeSessions"]);
    assert!(after.block.is_some_and(|block| block.disabled));
    // What was never let go, or is on record, is somebody else's.
    lost.misses = 0;
    for (unheard, unfinished) in [(false, true), (true, false)] {
        lost.unfinished = unfinished;
        lost.cut = lost.cut.map(|cut| PlannedCut { unheard, ..cut });
        let (steps, found, _) = one(&lost, row("dept=IT"), gone(), true);
        assert_eq!(
            (steps, found),
            (vec![], vec![FindingKind::AccountDisabledElsewhere])
        );
    }
}

/// Dismissed in one employment, while the next one begins in half a year: one plan has both, and what
/// begins excuses nobody before its day.
#[test]
fn a_dismissal_plans_for_the_job_to_come() {
    let mut over = identity("status=I hire=2020-01-06 dept=IT");
    let mut next = identity("hire=2027-09-01 dept=HR");
    next.worker = WorkerId::new("2");
    for (for_cause, last) in [(true, None), (true, Some("2027-03-01")), (false, None)] {
        over.terms.for_cause = for_cause;
        over.last_day = last.map(|day| day.parse().unwrap());
        let seen = Seen::Row {
            others: vec![next.clone()],
            row: 2,
            fingerprint: 7,
            identity: Box::new(over.clone()),
            sound: true,
        };
        let there = Some(account(true, "IT"));
        let (steps, found, after) = one(&person(Lifecycle::Active), seen, there, true);
        assert_eq!(found, vec![]);
        assert_eq!(steps.first().unwrap(), "user.disable", "{steps:?}");
        assert_eq!(steps.last().unwrap(), "user.enable", "{steps:?}");
        let cause = after.cut.map(|planned| planned.cut.cause);
        assert_eq!(cause == Some(BlockCause::ForCause), for_cause, "{cause:?}");
    }
}

/// Cut off on the last day or as a no-show, the next job listed: what is still owed says why the account was cut off.
#[test]
fn what_an_exit_still_owes_says_why() {
    let mut next = identity("hire=2027-09-01 dept=HR");
    next.worker = WorkerId::new("2");
    let (policy, target) = (policy(""), target());
    let cx = context(at_now(), &policy, &target);
    for (cause, noticed, reason) in [
        (BlockCause::LastDay, true, Reason::ForCause),
        (BlockCause::NoShow, false, Reason::NoShow),
    ] {
        let over = identity("status=I hire=2020-01-06 last=2027-03-01 dept=IT");
        let mut before = person(Lifecycle::Blocked);
        before.wanted = Some(over.clone());
        before.block = before.block.map(|block| Block {
            cut: Cut { cause, ..block.cut },
            signed_out: false,
            ..block
        });
        before.dismissed = noticed.then(|| Dismissed {
            at: "2027-03-15T01:55:00Z".parse().unwrap(),
            workers: [before.worker.clone()].into(),
        });
        let seen = Seen::Row {
            others: vec![next.clone()],
            row: 2,
            fingerprint: 7,
            identity: Box::new(over),
            sound: true,
        };
        let subject = Subject {
            in_cycle: false,
            person: before.clone(),
            seen,
        };
        let decision = decide(subject, &[vec![account(false, "IT")], vec![]], &cx);
        let draft = decision.draft.unwrap();
        let owed = draft.steps().find(|step| step.op == Op::UserRevokeSessions);
        let owed = owed.unwrap_or_else(|| panic!("{:?}", draft.actions));
        assert_eq!(owed.reason, reason);
    }
}

/// A job of before the dismissal that goes on is told: while it lets nobody in, and once it counts again.
#[test]
fn a_job_beside_a_dismissal_is_told() {
    let told = |before: &Person, rows: Vec<Identity>, account: Account| {
        let seen = Seen::Row {
            row: 2,
            fingerprint: 7,
            identity: Box::new(rows[0].clone()),
            others: rows[1..].to_vec(),
            sound: true,
        };
        let (_, kinds, _) = one(before, seen, Some(account), true);
        kinds.contains(&FindingKind::JobBesideDismissal)
    };
    let job = |worker: &str, words: &str| elsewhere(None, worker, words);
    let mut over = job("1", "status=I hire=2020-01-06 last=2027-03-01");
    over.terms.for_cause = true;
    over.terms.sudden_since = Some("2027-03-01T14:00:00Z".parse().unwrap());
    let rows = vec![
        over,
        job("2", "hire=2025-01-06"),
        job("3", "hire=2027-03-14"),
    ];

    let mut cut = person(Lifecycle::Blocked);
    (cut.wanted, cut.others) = (Some(rows[0].clone()), vec![rows[1].clone()]);
    cut.block = cut.block.map(|block| Block {
        cut: Cut {
            due: "2027-03-01T14:00:00Z".parse().unwrap(),
            cause: BlockCause::ForCause,
        },
        ..block
    });
    assert!(told(&cut, rows[..2].to_vec(), account(false, "")));
    cut.others.clear();
    assert!(!told(&cut, rows[..1].to_vec(), account(false, "")));

    let mut back = person(Lifecycle::Active);
    (back.wanted, back.others) = (Some(rows[2].clone()), rows[..2].to_vec());
    back.let_in = Some("2027-03-13T23:00:00Z".parse().unwrap());
    assert!(told(&back, rows.clone(), account(true, "")));
    back.others.truncate(1);
    let without = vec![rows[2].clone(), rows[0].clone()];
    assert!(!told(&back, without, account(true, "")));
}

/// Two jobs, one of them over for long: a reason that HR gives it now cuts nobody off, and is told once.
#[test]
fn a_reason_of_the_past_is_told() {
    let job = |words: &str| elsewhere(None, "2", words);
    let mut before = person(Lifecycle::Active);
    before.wanted = Some(identity("hire=2020-01-06"));
    before.others = vec![job("status=I hire=2018-01-08 last=2027-02-01")];
    let mut over = before.others[0].clone();
    over.terms.for_cause = true;
    let seen = Seen::Row {
        row: 2,
        fingerprint: 7,
        identity: Box::new(identity("hire=2020-01-06")),
        others: vec![over],
        sound: true,
    };
    let told = [FindingKind::ReasonOfThePast];
    for kinds in [&told[..], &[]] {
        let here = Some(account(true, ""));
        let (steps, found, after) = one(&before, seen.clone(), here, true);
        assert_eq!((steps, &found[..]), (Vec::new(), kinds));
        before = after;
    }
}

/// A pass that failed on the first day is still owed after a leave; who stays after all gets none.
#[test]
fn a_leave_drops_no_pass() {
    for (cause, owed) in [
        (BlockCause::Leave, true),
        (BlockCause::Absence, true),
        (BlockCause::LastDay, false),
    ] {
        let mut before = person(Lifecycle::Blocked);
        before.wanted = Some(identity("hire=2020-01-06"));
        before.owed.insert(Op::TapIssue);
        before.block = before.block.map(|block| Block {
            cut: Cut { cause, ..block.cut },
            ..block
        });
        let here = Some(account(false, ""));
        let (steps, _, after) = one(&before, row("hire=2020-01-06"), here, true);
        assert_eq!(steps, ["user.enable"], "{cause:?}");
        assert_eq!(after.owed.contains(&Op::TapIssue), owed, "{cause:?}");
    }
}

/// Let in again after an exit, and then dismissed by a notice: that is no history, whatever HR's row says.
#[test]
fn a_notice_after_a_rehire_counts() {
    for row in [
        "hire=2020-01-06 dept=IT",
        "status=I hire=2020-01-06 dept=IT",
        "hire=2020-01-06 last=2027-08-31 dept=IT",
    ] {
        let mut before = person(Lifecycle::Active);
        before.let_in = Some("2027-01-10T00:00:00Z".parse().unwrap());
        before.dismissed = Some(Dismissed {
            at: "2027-03-15T01:55:00Z".parse().unwrap(),
            workers: [before.worker.clone()].into(),
        });
        before.wanted = Some(identity(row));
        let seen = Seen::Row {
            others: Vec::new(),
            row: 2,
            fingerprint: 7,
            identity: Box::new(identity(row)),
            sound: true,
        };
        let (steps, _, _) = one(&before, seen, Some(account(true, "IT")), true);
        assert_eq!(steps.first().unwrap(), "user.disable", "{row}: {steps:?}");
    }
}

/// A date that nobody can read is as doubtful as a status that nobody knows: of that row the last good one stands,
/// another one that dismisses cuts off all the same, and no release gives or deletes anything until it is read.
#[test]
fn a_row_that_cannot_be_read_is_in_doubt() {
    let unread = |words: &str, worker: &str| {
        let mut row = identity(words);
        row.worker = WorkerId::new(worker);
        row.terms.unread = true;
        row
    };
    let seen = |first: Identity, others: Vec<Identity>| Seen::Row {
        others,
        row: 2,
        fingerprint: 7,
        identity: Box::new(first),
        sound: false,
    };
    let mut before = person(Lifecycle::Active);
    before.wanted = Some(identity("hire=2020-01-06 dept=IT"));
    let mut second = identity("hire=2025-01-06 dept=HR");
    second.worker = WorkerId::new("2");
    before.others = vec![second];
    let mut over = identity("status=I hire=2020-01-06 last=2027-03-15 dept=IT");
    over.terms.for_cause = true;
    let rows = seen(over, vec![unread("hire=2025-01-06 dept=HR", "2")]);
    let (steps, _, after) = one(&before, rows, Some(account(true, "IT")), true);
    assert_eq!(steps.first().unwrap(), "user.disable", "{steps:?}");
    assert_eq!((after.fingerprint, after.doubted.len()), (0, 1));
    assert!(after.employments().all(|row| !row.terms.unread));

    let mut before = person(Lifecycle::Created);
    before.wanted = Some(identity("hire=2027-03-15 dept=IT"));
    let rows = seen(unread("hire=2027-03-15 dept=IT", "1"), Vec::new());
    let (steps, _, after) = one(&before, rows, Some(account(false, "IT")), true);
    assert_eq!(steps, Vec::<String>::new());
    let (steps, _, _) = one(&after, Seen::Before, Some(account(false, "IT")), true);
    assert_eq!(steps, Vec::<String>::new());
}

/// What was taken back is not done again because HR's next row cannot be read.
#[test]
fn a_row_that_cannot_be_read_ends_no_undo() {
    let mut before = person(Lifecycle::Active);
    before.wanted = Some(identity("status=I hire=2020-01-06 last=2027-03-01 dept=IT"));
    before.undone = Some(crate::state::Undone {
        run: crate::model::RunId::new("run"),
        at: "2027-03-14T02:00:00Z".parse().unwrap(),
        seen: Some("0".repeat(32)),
        absent: false,
        source: None,
    });
    let status = row("status=odd hire=2020-01-06 last=2027-03-01 dept=IT");
    let (steps, _, after) = one(&before, status, Some(account(true, "IT")), true);
    assert_eq!(steps, Vec::<String>::new());
    assert!(after.undone.is_some());
}

/// A manager was set, and nobody heard of it: HR's word is said again.
#[test]
fn a_manager_that_nobody_heard_of_is_said_again() {
    let mut lost = person(Lifecycle::Active);
    (lost.unfinished, lost.manager) = (true, Some(WorkerId::new("2")));
    let (steps, _, _) = one(
        &lost,
        row("dept=IT manager=2"),
        Some(account(true, "IT")),
        true,
    );
    assert_eq!(steps, ["user.setManager"]);
    lost.unfinished = false;
    let (steps, _, _) = one(
        &lost,
        row("dept=IT manager=2"),
        Some(account(true, "IT")),
        true,
    );
    assert_eq!(steps, [] as [&str; 0]);
}

/// Whom the mapping is not for gets nothing; who has an account of ours keeps it, and is cut off as
/// anybody.
#[test]
fn who_is_out_of_scope_is_left_alone_but_for_cuts() {
    let nobody = person(Lifecycle::None);
    let (steps, found, after) = one(&nobody, row("scope=out"), None, true);
    assert_eq!((steps, found), (vec![], vec![FindingKind::OutOfScope]));
    assert!(!after.held && after.due.is_none());
    let ours = person(Lifecycle::Active);
    let here = || Some(account(true, "IT"));
    let (steps, found, after) = one(&ours, row("scope=out dept=HR"), here(), true);
    assert_eq!((steps, found), (vec![], vec![FindingKind::OutOfScope]));
    assert_eq!(after.fingerprint, 0, "the row is held");
    let (steps, _, _) = one(&ours, row("scope=out status=I"), here(), true);
    assert_eq!(steps, ["user.disable", "user.revokeSessions"]);
}

/// The first name that nobody has; what is free behind it is for whoever of the plan loses.
#[test]
fn a_taken_name_gives_way_to_the_next() {
    let policy = policy("");
    let target = target();
    let name = |text: &str| AccountName::new(format!("{text}@woodgrove.example"));
    let mut wanted = identity("dept=IT");
    wanted.other_names = vec![name("two"), name("three"), name("four")];
    let decided = |taken: &[&str]| {
        let subject = Subject {
            in_cycle: false,
            person: Person::new(SourceName::new("hr"), WorkerId::new("1")),
            seen: Seen::Row {
                others: Vec::new(),
                row: 2,
                fingerprint: 7,
                identity: Box::new(wanted.clone()),
                sound: true,
            },
        };
        let asked = subject.questions(&target);
        assert_eq!(asked.len(), 5, "the key and four names");
        let answer = |question: &Lookup| match question {
            Lookup::Name(name) => {
                let local = name.reveal().split('@').next().unwrap();
                let other = Account {
                    key: None,
                    ..account(true, "")
                };
                taken
                    .contains(&local)
                    .then_some(other)
                    .into_iter()
                    .collect()
            }
            Lookup::Key(_) | Lookup::Id(_) => Vec::new(),
        };
        let answers: Vec<Vec<Account>> = asked.iter().map(answer).collect();
        let cx = Context {
            first_load: true,
            ..context(at_now(), &policy, &target)
        };
        decide(subject, &answers, &cx)
    };
    for (taken, expected, others) in [
        (&[][..], "one", 3),
        (&["one"], "two", 2),
        (&["one", "three"], "two", 1),
        (&["one", "two", "three"], "four", 0),
    ] {
        let draft = decided(taken).draft.unwrap();
        let new = draft.new_name(&target).unwrap();
        assert_eq!(new, name_key(name(expected).reveal()), "{taken:?}");
        assert_eq!(draft.other_names.len(), others, "{taken:?}");
    }
    let none = decided(&["one", "two", "three", "four"]);
    assert!(none.draft.is_none() && none.held);
    assert_eq!(none.findings[0].kind, FindingKind::NameTaken);
}

/// First load, first day of work → whether somebody is welcomed, now or on that day. Whoever was in
/// work already is not, nor by the next plan where the first one came to nothing.
#[test]
fn a_first_load_welcomes_only_who_starts() {
    let (policy, target) = (policy("[joiner]\nwelcome = true\n"), target());
    for (first_load, hire, welcomed) in [
        (true, "hire=2020-01-06", false),
        (true, "hire=2027-03-14", false),
        (true, "dept=IT", false),
        (true, "hire=2027-03-15", true),
        (true, "hire=2027-03-20", true),
        (false, "hire=2020-01-06", true),
    ] {
        let welcome = |person: Person, first_load: bool| {
            let subject = Subject {
                person,
                seen: row(hire),
                in_cycle: false,
            };
            let cx = Context {
                first_load,
                ..context(at_now(), &policy, &target)
            };
            let decision = decide(subject, &[], &cx);
            let draft = decision.draft.unwrap();
            let welcomed = draft.steps().any(|step| step.op == Op::NotifyWelcome);
            (welcomed, decision.person)
        };
        let (first, person) = welcome(person(Lifecycle::None), first_load);
        assert_eq!(first, welcomed, "{hire}");
        assert_eq!(welcome(person, false).0, welcomed, "{hire}, the next night");
    }
}

/// Files that are no whole roster neither count nor end misses.
#[test]
fn only_full_files_count_misses() {
    for (before, full, after) in [(1, true, 0), (1, false, 1), (2, true, 0), (2, false, 1)] {
        let mut missed = person(Lifecycle::Active);
        (missed.misses, missed.listed) = (before, false);
        let (_, _, person) = one(&missed, row("dept=IT"), Some(account(true, "IT")), full);
        assert_eq!(
            (person.misses, person.listed),
            (after, full),
            "{before} {full}"
        );
    }
}

/// A disable that is done and a revocation that is not: the revocation is what is planned next,
/// and the disable counts as ours.
#[test]
fn half_a_cut_is_finished_and_can_be_undone() {
    let mut half = person(Lifecycle::Blocked);
    half.block = half.block.map(|block| Block {
        signed_out: false,
        ..block
    });
    half.unfinished = true;
    let gone = || Some(account(false, "IT"));
    let (steps, _, _) = one(&half, row("status=I dept=IT"), gone(), true);
    assert_eq!(steps, ["user.revokeSessions"]);
    let (steps, _, _) = one(&half, row("dept=IT"), gone(), true);
    assert_eq!(steps, ["user.enable"]);
}

/// Somebody else had disabled the account before we signed the leaver out: only they enable it.
#[test]
fn what_others_disabled_stays_disabled() {
    let mut signed_out = person(Lifecycle::Blocked);
    signed_out.block = signed_out.block.map(|block| Block {
        disabled: false,
        ..block
    });
    let (steps, found, after) = one(
        &signed_out,
        row("dept=IT"),
        Some(account(false, "IT")),
        true,
    );
    assert_eq!(
        (steps, found),
        (vec![], vec![FindingKind::AccountDisabledElsewhere])
    );
    assert_eq!(after.lifecycle, Lifecycle::Active);
}

/// Enabled by hand after our block and in force again: absence cuts the person off as anybody.
#[test]
fn enabled_by_hand_counts_as_in_use() {
    let blocked = person(Lifecycle::Blocked);
    let (_, _, after) = one(&blocked, row("dept=IT"), Some(account(true, "IT")), true);
    assert_eq!((after.lifecycle, after.block), (Lifecycle::Active, None));
}

/// A cut keeps its first instant, and is counted once, however often it is planned.
#[test]
fn a_cut_is_late_from_its_first_day_on() {
    let due = "2027-03-10T02:00:00Z".parse().unwrap();
    let mut tried = person(Lifecycle::Active);
    tried.cut = Some(PlannedCut {
        cut: Cut {
            due,
            cause: BlockCause::Status,
        },
        counted: true,
        unheard: false,
        entered: None,
        seen: None,
    });
    let (_, _, after) = one(&tried, row("status=I"), Some(account(true, "")), true);
    assert_eq!(after.cut, tried.cut);
    // Planned anew, it is heard of or not anew.
    let mut lost = tried.clone();
    lost.cut = lost.cut.map(|cut| PlannedCut {
        unheard: true,
        ..cut
    });
    let (_, _, after) = one(&lost, row("status=I"), Some(account(true, "")), true);
    assert_eq!(after.cut, tried.cut);
    // Another cause is another cut.
    let words = "last=2027-03-12 status=I";
    let (_, _, after) = one(&tried, row(words), Some(account(true, "")), true);
    assert!(
        after
            .cut
            .is_some_and(|planned| !planned.counted && planned.cut.due > due)
    );
    let (_, _, after) = one(&tried, row(""), Some(account(true, "")), true);
    assert_eq!(after.cut, None);
}

/// What needed nothing more is no longer looked at; what is in doubt waits for the next file.
#[test]
fn flags_follow_the_newest_decision() {
    let mut stuck = person(Lifecycle::Active);
    (stuck.unfinished, stuck.held) = (true, true);
    stuck.waits_for = Some(WorkerId::new("2"));
    let (_, _, after) = one(&stuck, row("dept=IT"), Some(account(true, "IT")), true);
    assert!(!after.unfinished && !after.held && after.waits_for.is_none());
    let (_, _, after) = one(&stuck, row("dept=IT"), None, true);
    assert!(after.held && !after.unfinished, "the account is gone");
    let (_, _, after) = one(&stuck, row("status=X"), Some(account(true, "IT")), true);
    assert!(after.unfinished, "the last good row stays in force");
}

/// Protection goes by what the account is called now.
#[test]
fn a_renamed_account_is_known_by_its_new_name() {
    let renamed = Account {
        name: AccountName::new("bg-new@woodgrove.example"),
        ..account(true, "IT")
    };
    let (_, _, after) = one(
        &person(Lifecycle::Active),
        row("status=I dept=IT"),
        Some(renamed.clone()),
        true,
    );
    assert_eq!(after.name, Some(renamed.name));
}

/// A job in another source: its worker id and the words of its row.
fn elsewhere(source: Option<&str>, worker: &str, words: &str) -> Identity {
    let mut job = identity(words);
    job.worker = WorkerId::new(worker);
    job.source = source.map(SourceName::new);
    job
}

/// What is over and not yet cut off does not go with the next file, whoever delivers it.
#[test]
fn a_cut_that_is_due_waits_for_no_source() {
    for source in [Some("agency"), None] {
        let mut before = person(Lifecycle::Active);
        before.wanted = Some(elsewhere(source, "C7", "hire=2024-01-08 last=2027-03-14"));
        let next = || row("hire=2027-06-01");
        let (steps, _, after) = one(&before, next(), Some(account(true, "")), true);
        assert!(
            steps.contains(&"user.disable".to_owned()),
            "{source:?} {steps:?}"
        );
        // A guard kept it back: the next file plans it again.
        let (steps, _, _) = one(&after, next(), Some(account(true, "")), true);
        assert!(
            steps.contains(&"user.disable".to_owned()),
            "{source:?} {steps:?}"
        );
        // Once it is done, the source itself may leave the row out; nobody else can.
        let mut cut = person(Lifecycle::Blocked);
        cut.wanted.clone_from(&before.wanted);
        let (steps, _, after) = one(&cut, next(), Some(account(false, "")), true);
        assert!(!steps.contains(&"user.disable".to_owned()), "{steps:?}");
        assert_eq!(after.others.is_empty(), source.is_none(), "{after:?}");
    }
    // The source of what is over leaves it out of its file.
    let mut before = person(Lifecycle::Active);
    before.wanted = Some(elsewhere(None, "1", "hire=2024-01-08 last=2027-03-14"));
    before.others = vec![elsewhere(Some("agency"), "C7", "hire=2027-06-01")];
    let (steps, _, _) = one(&before, Seen::Absent, Some(account(true, "")), true);
    assert!(steps.contains(&"user.disable".to_owned()), "{steps:?}");
}

/// What is only to come in another source keeps nobody inside whom their own misses twice, and it
/// comes all the same.
#[test]
fn a_job_to_come_elsewhere_is_no_presence() {
    let mut before = person(Lifecycle::Active);
    before.wanted = Some(elsewhere(None, "1", "hire=2024-01-08"));
    before.others = vec![elsewhere(Some("agency"), "C7", "hire=2027-06-01")];
    before.parts.insert(
        SourceName::new("agency"),
        crate::state::Part {
            listed: true,
            elsewhere: false,
            ..crate::state::Part::default()
        },
    );
    let (steps, kinds, once) = one(&before, Seen::Absent, Some(account(true, "")), true);
    assert_eq!(
        (steps, kinds),
        (vec![], vec![FindingKind::MissingOnce]),
        "the first is reported"
    );
    let (steps, kinds, twice) = one(&once, Seen::Absent, Some(account(true, "")), true);
    assert_eq!(steps, ["user.disable", "user.revokeSessions"]);
    assert_eq!(kinds, [FindingKind::MissingDisabled]);
    assert_eq!(twice.others.len(), 1, "what is to come is kept");
    let starts: Timestamp = "2027-05-31T22:00:00Z".parse().unwrap();
    assert!(
        twice.due.is_some_and(|due| due <= starts),
        "{:?}",
        twice.due
    );

    let mut cut = twice;
    cut.lifecycle = Lifecycle::Blocked;
    cut.block = Some(Block {
        cut: Cut {
            due: at_now(),
            cause: BlockCause::Absence,
        },
        disabled: true,
        signed_out: true,
        at: Some(at_now()),
    });
    let release = |now: &str, seen| {
        let mut person = cut.clone();
        if seen != Seen::Before {
            person.face(Some(&SourceName::new("agency")));
        }
        let subject = Subject {
            in_cycle: false,
            person,
            seen,
        };
        self::steps(subject, &[vec![account(false, "")]], &policy(""), now).1
    };
    let comes = |steps: &[String]| {
        steps
            .iter()
            .any(|it| it.starts_with("user.enable@2027-05-31"))
    };
    let said = release("2027-04-15T02:00:00Z", Seen::Before);
    assert!(comes(&said), "{said:?}");
    let again = Seen::Row {
        others: Vec::new(),
        row: 2,
        fingerprint: 9,
        identity: Box::new(cut.others[0].clone()),
        sound: true,
    };
    let said = release("2027-04-15T02:00:00Z", again);
    assert!(
        comes(&said),
        "the other source enables nobody today: {said:?}"
    );
    let said = release("2027-06-01T10:00:00Z", Seen::Before);
    assert!(said.contains(&"user.enable".to_owned()), "{said:?}");
}

/// What another source brought is in doubt: a file that does not list somebody gives nothing for it.
#[test]
fn an_absence_ends_no_doubt_of_others() {
    let agency = SourceName::new("agency");
    let mut before = person(Lifecycle::Created);
    before.wanted = Some(elsewhere(Some("agency"), "C7", "hire=2027-03-15"));
    before.others = vec![elsewhere(
        None,
        "1",
        "status=I hire=2024-01-08 last=2027-03-01",
    )];
    let part = crate::state::Part {
        listed: true,
        elsewhere: false,
        ..crate::state::Part::default()
    };
    before.parts.insert(agency.clone(), part);
    let enables = |before: &Person| {
        let (steps, _, after) = one(before, Seen::Absent, Some(account(false, "")), true);
        assert_eq!(after.doubted, before.doubted);
        steps.contains(&"user.enable".to_owned())
    };
    assert!(enables(&before));
    before.doubted.insert(Some(agency));
    assert!(!enables(&before));
}
