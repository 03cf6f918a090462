//! Workflows: how they are written, which one counts, and what holds where nobody can say.

use jiff::Timestamp;

use super::{
    Context, Decision, Matching, NoRules, Policy, Seen, Subject, Target, Workflows, decide,
    scope_lines,
};
use crate::mapping::Mapping;
use crate::model::{
    Account, AccountName, Attributes, FindingKind, ObjectId, SourceName, Value, WorkerId,
};
use crate::state::{Identity, Lifecycle, Person};

const BASE: &str = "format_version = 1\ndefault_zone = \"Europe/Berlin\"\n[status]\n\
                    active = [\"A\"]\ninactive = [\"I\"]\n";

const MAPPING: &str = "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
    [[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
    [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
    [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n\
    [[attribute]]\ntarget = \"displayName\"\nsource = \"N\"\n\
    [[attribute]]\ntarget = \"employeeType\"\nsource = \"T\"\n\
    [[attribute]]\ntarget = \"department\"\nsource = \"D\"\n";

const TWO: &str = "[[workflow]]\nname = \"contractors\"\n\
    scope = 'worker.employeeType -eq \"Contractor\"'\n\
    [workflow.leaver]\nlicence_days = 7\n\
    [[workflow]]\nname = \"endless\"\n\
    scope = 'worker.department -match \"(a|aa)+b|a+c\"'\n\
    [workflow.leaver]\nlicence_days = 60\ndelete_days = 5\n\
    [workflow.joiner]\ncreate_days = 2\n";

fn policy(more: &str) -> Policy {
    let mut policy = Policy::parse(&format!("{BASE}{more}"), "policy.toml").unwrap();
    policy.leaver.proof.clear();
    policy
}

fn refused(more: &str) -> String {
    let error = Policy::parse(&format!("{BASE}{more}"), "policy.toml");
    error.unwrap_err().to_string()
}

fn mapping() -> Mapping {
    Mapping::parse(MAPPING, "mapping.toml").unwrap()
}

fn identity(kind: &str, department: &str, more: impl FnOnce(&mut Identity)) -> Identity {
    let value = |name: &str, text: &str| (name.to_owned(), Value::text(text));
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
        always: [
            value("employeeId", "1"),
            value("employeeType", kind),
            value("department", department),
        ]
        .into(),
        on_create: [value("userPrincipalName", "one@x.example")].into(),
        out_of_scope: false,
        other_names: Vec::new(),
    };
    more(&mut identity);
    identity
}

/// A department that the second rule cannot be said of.
fn undecided() -> String {
    "a".repeat(60)
}

fn person(wanted: Identity) -> Person {
    let mut person = Person::new(SourceName::new("hr"), WorkerId::new("1"));
    person.lifecycle = Lifecycle::Active;
    person.listed = true;
    person.object = Some(ObjectId::new("object-1"));
    person.wanted = Some(wanted);
    person
}

fn account(identity: &Identity) -> Account {
    Account {
        holdings: None,
        id: ObjectId::new("object-1"),
        enabled: true,
        key: Some("1".to_owned()),
        name: AccountName::new("one@x.example"),
        attributes: identity.always.clone(),
    }
}

fn decided(person: Person, seen: Seen, account: &Account, policy: &Policy, now: &str) -> Decision {
    let target = Target {
        key_attribute: "employeeId".to_owned(),
        name_attribute: "userPrincipalName".to_owned(),
        alias_attribute: "mailNickname".to_owned(),
    };
    let workflows = Workflows::compile(policy, &mapping()).unwrap();
    let cx = Context {
        now: now.parse().unwrap(),
        policy,
        workflows: workflows.as_ref(),
        target: &target,
        first_load: false,
        stale: false,
        matching: Matching::Key,
        full: true,
        grants: None,
    };
    let subject = Subject {
        person,
        seen,
        in_cycle: false,
    };
    decide(subject, &[vec![account.clone()]], &mut NoRules, &cx)
}

fn row(identity: Identity) -> Seen {
    Seen::Row {
        row: 2,
        fingerprint: 1,
        identity: Box::new(identity),
        others: Vec::new(),
        sound: true,
    }
}

#[test]
fn what_is_not_said_is_as_for_everybody() {
    let policy = policy(&format!("[leaver]\ndelete_days = 60\n{TWO}"));
    let contractors = policy.workflow[0].over(&policy);
    assert_eq!(contractors.leaver.licence_days, 7);
    assert_eq!(contractors.leaver.delete_days, Some(60));
    assert_eq!(contractors.joiner, policy.joiner);
    assert!(contractors.workflow.is_empty());
    // And the other way round, where it says otherwise of everything.
    let text = "[joiner]\npass = { local = \"07:00:00\", minutes = 480 }\n\
        notify_manager_days = 7\nwelcome = true\n[leaver]\nmethods_days = 30\ndelete_days = 60\n\
        [rescinded]\ndelete_days = 7\n\
        [[workflow]]\nname = \"x\"\nscope = 'worker.id -ne \"2\"'\n\
        joiner = { create_days = 1, groups_days = 2, notify_manager_days = \"never\", \
        enable_local = \"05:00:00\", pass = \"never\", welcome = false }\n\
        mover = { overlap_days = 3, mail_alias = true }\n\
        leaver = { licence_days = 4, methods_days = \"never\", delete_days = \"never\", \
        all_groups = true, roles = true, for_cause = true, devices = true }\n\
        devices = { keep_esim = true, return_wait_days = 5, reissue_days = 6, escalate_days = 7, \
        unresolved_days = 8, entra_delete_days = 9 }\n\
        rescinded = { delete_days = \"never\" }\nleave = { unpaid_block_from_days = 10 }\n\
        absence = { second_miss_disables = false, human_after_days = 11 }\n";
    let policy = self::policy(text);
    let over = serde_json::to_value(policy.workflow[0].over(&policy)).unwrap();
    let base = serde_json::to_value(&policy).unwrap();
    for table in [
        "joiner",
        "mover",
        "leaver",
        "devices",
        "rescinded",
        "leave",
        "absence",
    ] {
        for (key, value) in base[table].as_object().unwrap() {
            // Of movers two are of everybody, and so are the switch for wipes and when it is read back.
            let same = ["attributes", "bridge_gap_days", "wipe", "proof"].contains(&key.as_str());
            assert_eq!(over[table][key] == *value, same, "{table}.{key}");
        }
    }
}

#[test]
fn mistakes_are_told_with_their_line() {
    let workflow = |rest: &str| format!("[[workflow]]\nname = \"x\"\nscope = 'a'\n{rest}");
    for (text, line, says) in [
        (
            workflow("[workflow.leaver]\nlicense_days = 7\n"),
            10,
            "licence_days",
        ),
        (
            workflow("[workflow.leaver]\nlicence_days = -7\n"),
            10,
            "u16",
        ),
        (
            workflow("[workflow.leaver]\ndelete_days = \"nevr\"\n"),
            10,
            "\"never\"",
        ),
        (
            workflow("[workflow.leaver]\nlicence_days = \"never\"\n"),
            10,
            "u16",
        ),
        (
            workflow("[workflow.joiner]\npass = { minutes = 5 }\n"),
            10,
            "local",
        ),
        (
            workflow("[workflow.gates]\nrow_count_pct = 5\n"),
            9,
            "gates",
        ),
        (
            workflow("[workflow.mover]\nattributes = [\"x\"]\n"),
            10,
            "attributes",
        ),
        ("[[workflow]]\nname = \"x\"\n".to_owned(), 6, "scope"),
        (workflow(""), 8, "says nothing"),
        (
            workflow("[workflow.joiner]\npass = { local = \"07:00:00\", minutes = 5 }\n"),
            8,
            "10 to 43,200",
        ),
        (
            "[[workflow]]\nname = \"?\"\nscope = ' '\nleaver.licence_days = 1\n".to_owned(),
            8,
            "empty `scope`",
        ),
        (format!("{TWO}{TWO}"), 21, "twice"),
    ] {
        let error = refused(&text);
        assert!(error.contains(&format!("line {line}")), "{line}: {error}");
        assert!(error.contains(says), "{says}: {error}");
    }
    let wrong = TWO.replace("worker.department", "worker.departement");
    let policy = policy(&wrong);
    let error = Workflows::compile(&policy, &mapping()).unwrap_err();
    assert_eq!((error.at, error.name.as_str()), (1, "endless"));
    assert!(error.to_string().contains("departement"), "{error}");
    assert_eq!(scope_lines(&format!("{BASE}{wrong}")), [8, 13]);
}

#[test]
fn a_workflow_is_part_of_the_hash_and_none_changes_nothing() {
    let noted = policy("# nothing of its own\n");
    assert_eq!(policy("").hash(), noted.hash());
    assert!(
        !serde_json::to_string(&policy(""))
            .unwrap()
            .contains("workflow")
    );
    let two = policy(TWO);
    for (from, to) in [
        ("licence_days = 7", "licence_days = 8"),
        ("Contractor", "Vendor"),
        ("name = \"contractors\"", "name = \"others\""),
    ] {
        assert_ne!(two.hash(), policy(&TWO.replace(from, to)).hash(), "{to}");
    }
}

#[test]
fn the_first_that_holds_counts_and_doubt_is_careful() {
    let text = format!("[leaver]\ndelete_days = 30\nall_groups = true\n{TWO}");
    let policy = policy(&text);
    let workflows = Workflows::compile(&policy, &mapping()).unwrap().unwrap();
    let now: Timestamp = "2027-03-15T02:00:00Z".parse().unwrap();
    let endless = undecided();
    for (kind, department, label, licence, delete, create) in [
        ("Employee", "IT", None, 30, Some(30), 14),
        ("Contractor", "IT", Some("contractors"), 7, Some(30), 14),
        ("contractor", "IT", Some("contractors"), 7, Some(30), 14),
        ("Employee", "aac", Some("endless"), 60, Some(5), 2),
        // The first holds, so that nobody has to say of the second.
        (
            "Contractor",
            endless.as_str(),
            Some("contractors"),
            7,
            Some(30),
            14,
        ),
        // Of everybody's parameters and those of the second: later, and less.
        (
            "Employee",
            endless.as_str(),
            Some("endless?"),
            60,
            Some(30),
            2,
        ),
    ] {
        let identity = identity(kind, department, |_| {});
        let chosen = workflows.choose(&identity, now);
        let (leaver, joiner) = (&chosen.policy.leaver, &chosen.policy.joiner);
        assert_eq!(chosen.label().as_deref(), label, "{kind}");
        assert_eq!(
            (leaver.licence_days, leaver.delete_days, joiner.create_days),
            (licence, delete, create),
            "{kind} {label:?}"
        );
        assert_eq!(policy.under(label), *chosen.policy, "{kind} {label:?}");
    }
}

#[test]
fn doubt_takes_nothing_that_any_candidate_keeps() {
    let never = "[leaver]\ndelete_days = 30\nroles = true\nall_groups = true\n\
        [rescinded]\ndelete_days = 7\n\
        [[workflow]]\nname = \"first\"\nscope = 'worker.department -match \"(a|aa)+b|a+c\"'\n\
        leaver.roles = false\n\
        [[workflow]]\nname = \"second\"\nscope = 'worker.department -match \"(a|aa)+b|a+c\"'\n\
        leaver = { delete_days = \"never\", for_cause = true }\njoiner.welcome = true\n";
    let policy = policy(never);
    let workflows = Workflows::compile(&policy, &mapping()).unwrap().unwrap();
    let now: Timestamp = "2027-03-15T02:00:00Z".parse().unwrap();
    let who = identity("Employee", &undecided(), |_| {});
    let chosen = workflows.choose(&who, now);
    assert_eq!(chosen.label().as_deref(), Some("first?"));
    let (leaver, rescinded) = (&chosen.policy.leaver, &chosen.policy.rescinded);
    assert_eq!((leaver.delete_days, leaver.roles), (None, false));
    assert!(leaver.all_groups && leaver.for_cause && !chosen.policy.joiner.welcome);
    assert_eq!(rescinded.delete_days, Some(7));
}

#[test]
fn doubt_is_told_and_the_cut_comes_all_the_same() {
    let policy = policy(&format!("[leaver]\ndelete_days = 30\n{TWO}"));
    let who = |last: bool| {
        identity("Employee", &undecided(), |it| {
            it.last_day = last.then(|| "2027-03-01".parse().unwrap());
        })
    };
    let has = account(&who(false));
    let now = "2027-03-15T02:00:00Z";
    let decision = decided(person(who(false)), row(who(true)), &has, &policy, now);
    let draft = decision.draft.unwrap();
    let ops: Vec<&str> = draft.actions.iter().map(|it| it.op.name()).collect();
    assert_eq!(ops, ["user.disable", "user.revokeSessions"]);
    assert_eq!(draft.workflow.as_deref(), Some("endless?"));
    let told = decision.findings.iter();
    let told: Vec<_> = told
        .filter(|it| it.kind == FindingKind::WorkflowUndecided)
        .collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].note.contains("`endless`") && !told[0].note.contains("aaa"));
    // Thirty days for the account, not five.
    let delete: Vec<String> = draft
        .scheduled
        .iter()
        .map(|it| it.due.to_string())
        .collect();
    assert_eq!(delete, ["2027-04-14T02:00:00Z"]);
}

/// A leaver whose row is gone stands under the workflow of the last row.
#[test]
fn a_row_that_is_gone_keeps_its_workflow() {
    let policy = policy(
        &format!("[leaver]\ndelete_days = 30\n{TWO}")
            .replace("licence_days = 7", "delete_days = 10"),
    );
    let who = identity("Contractor", "IT", |it| {
        it.last_day = Some("2027-03-01".parse().unwrap());
    });
    let now = "2027-03-02T02:00:00Z";
    let has = account(&who);
    for seen in [Seen::Before, Seen::Absent] {
        let decision = decided(person(who.clone()), seen, &has, &policy, now);
        let draft = decision.draft.unwrap();
        assert_eq!(draft.workflow.as_deref(), Some("contractors"));
        let due: Vec<String> = draft
            .scheduled
            .iter()
            .map(|it| it.due.to_string())
            .collect();
        assert_eq!(due, ["2027-03-12T02:00:00Z"]);
    }
}

/// A scope that reads the clock wakes the person when it says something else.
#[test]
fn a_scope_that_reads_the_clock_is_asked_again_in_time() {
    let policy = policy(
        "[[workflow]]\nname = \"new\"\nscope = 'worker.hireDate -ge system.now -minus P30D'\n\
         mover.overlap_days = 1\n",
    );
    let who = identity("Employee", "IT", |it| {
        it.hire = Some("2027-03-01".parse().unwrap());
    });
    let has = account(&who);
    let now = "2027-03-15T02:00:00Z";
    let seen = row(who.clone());
    let decision = decided(person(who.clone()), seen, &has, &policy, now);
    assert!(decision.draft.is_none());
    let due = decision.person.due.unwrap();
    assert_eq!(due.to_string()[..10], *"2027-03-31");
    let decision = decided(
        decision.person,
        Seen::Before,
        &has,
        &policy,
        &due.to_string(),
    );
    assert_eq!(decision.person.due, None);
}

/// That nobody can say of one scope takes from no other that it is asked again; and where only the
/// clock leaves it open, it is asked again when that is over.
#[test]
fn a_scope_in_doubt_does_not_stop_the_clock_of_the_others() {
    let scopes = |first: &str, second: &str| {
        policy(&format!(
            "[[workflow]]\nname = \"one\"\nscope = '{first}'\nmover.overlap_days = 1\n\
             [[workflow]]\nname = \"two\"\nscope = '{second}'\nmover.overlap_days = 2\n"
        ))
    };
    let new = "worker.hireDate -ge system.now -minus P30D";
    let endless = "worker.department -match \"(a|aa)+b|a+c\"";
    let later = "worker.hireDate -ge system.now -minus P60D";
    let both = format!("{later} -and {endless}");
    let who = identity("Employee", &undecided(), |it| {
        it.hire = Some("2027-03-01".parse().unwrap());
    });
    for (policy, name, flips) in [
        (scopes(new, &both), "one", "2027-03-31"),
        (scopes(&both, new), "one?", "2027-03-31"),
    ] {
        let workflows = Workflows::compile(&policy, &mapping()).unwrap().unwrap();
        let now = "2027-03-15T02:00:00Z".parse().unwrap();
        let chosen = workflows.choose(&who, now);
        assert_eq!(chosen.label().as_deref(), Some(name));
        let flips_at = chosen.flips.map(|at| at.to_string()[..10].to_owned());
        assert_eq!(flips_at.as_deref(), Some(flips), "{name}");
        // And when the last clock is over, nobody is in doubt any more.
        let chosen = workflows.choose(&who, "2027-04-15T02:00:00Z".parse().unwrap());
        let over = chosen.flips.map(|at| at.to_string()[..10].to_owned());
        assert_eq!(over.as_deref(), Some("2027-04-30"), "{name}");
        let after = "2027-05-01T02:00:00Z".parse().unwrap();
        assert_eq!(workflows.choose(&who, after).label(), None, "{name}");
    }
}
