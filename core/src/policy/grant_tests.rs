//! Groups and licences as a table: what somebody has and is to have in, steps out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Context, Decision, GrantTerms, Matching, Policy, Seen, Subject, Target};
use crate::approvals::Approvals;
use crate::fold::{Outcome, Outcomes, fold};
use crate::grants::{Given, Grace, Grant, GrantRules};
use crate::groups::{Catalogue, Groups};
use crate::mapping::Mapping;
use crate::model::{
    Account, AccountName, Attributes, Ending, FindingKind, ObjectId, RunId, Seats, ServicePlan,
    SourceName, Value, WorkerId,
};
use crate::plan::{SourceRow, seal};
use crate::state::{Block, BlockCause, Cut, Identity, Lifecycle, Person};

const NOW: &str = "2027-03-15T02:00:00Z";

const GROUPS: &str = r#"
format_version = 1

[[group]]
key = "sales"
name = "Sales"
mode = "assigned"
rule = 'worker.department -eq "Sales"'

[[group]]
key = "it"
name = "IT"
mode = "assigned"
rule = 'worker.department -eq "IT"'

[[group]]
key = "it-keys"
name = "IT keys"
mode = "assigned"
rule = 'worker.department -eq "IT"'
sensitive = true

[[group]]
key = "office"
name = "Office"
mode = "assigned"
rule = 'worker.department -ne null'
licences = ["SPE_E5"]

[[licence]]
sku = "visio"
rule = 'worker.department -eq "IT"'
keep_days = 0

[[licence]]
sku = "EXO1"
rule = 'worker.department -eq "Sales"'

[[licence]]
sku = "EXO2"
rule = 'worker.department -in ["Law", "Board"]'

[[licence]]
sku = "EXO3"
rule = 'worker.department -eq "Board"'

[[exclusive]]
plans = ["MAIL_SMALL", "MAIL_LARGE"]
"#;

const MAPPING: &str = "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
    [[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
    [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
    [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n\
    [[attribute]]\ntarget = \"displayName\"\nsource = \"N\"\n\
    [[attribute]]\ntarget = \"department\"\nsource = \"D\"\n";

struct World {
    groups: Groups,
    catalogue: Catalogue,
    missing: BTreeSet<String>,
    policy: Policy,
    target: Target,
}

/// A policy that reads nothing back afterwards: that has tests of its own.
fn unproven(text: &str) -> Policy {
    let mut policy = Policy::parse(text, "policy.toml").unwrap();
    policy.leaver.proof.clear();
    policy
}

impl World {
    fn new() -> Self {
        let mapping = Mapping::parse(MAPPING, "mapping.toml").unwrap();
        let groups = Groups::parse(GROUPS, "groups.toml", &mapping).unwrap();
        let sku = |name: &str, plan: &str| Seats {
            id: format!("id-{name}"),
            name: name.to_owned(),
            free: 100,
            plans: vec![ServicePlan {
                id: format!("id-{plan}"),
                name: plan.to_owned(),
            }],
        };
        let seats = [
            sku("EXO1", "mail_small"),
            sku("EXO2", "MAIL_LARGE"),
            sku("EXO3", "MAIL_SMALL"),
        ];
        let policy = "format_version = 1\ndefault_zone = \"Europe/Berlin\"\n[status]\nactive = \
                      [\"A\"]\ninactive = [\"I\"]\n";
        Self {
            catalogue: Catalogue::new(Some(seats.to_vec()), Some(&groups)),
            missing: BTreeSet::new(),
            groups,
            policy: unproven(policy),
            target: Target {
                key_attribute: "employeeId".to_owned(),
                name_attribute: "userPrincipalName".to_owned(),
                alias_attribute: "mailNickname".to_owned(),
            },
        }
    }

    fn decide(&self, person: &Person, row: Option<&Identity>, now: &str) -> Decision {
        let now: Timestamp = now.parse().unwrap();
        let cx = Context {
            now,
            policy: &self.policy,
            workflows: None,
            target: &self.target,
            first_load: false,
            stale: false,
            matching: Matching::Key,
            full: true,
            grants: Some(GrantTerms {
                groups: &self.groups,
                catalogue: &self.catalogue,
                missing: &self.missing,
            }),
        };
        let subject = Subject {
            in_cycle: false,
            person: person.clone(),
            seen: match row {
                Some(identity) => Seen::Row {
                    others: Vec::new(),
                    row: 2,
                    fingerprint: 9,
                    identity: Box::new(identity.clone()),
                    sound: true,
                },
                None => Seen::Before,
            },
        };
        let mut rules = GrantRules::new(&self.groups);
        let answers = match &person.object {
            Some(_) => vec![vec![account(person, row)]],
            None => vec![Vec::new(), Vec::new()],
        };
        super::decide(subject, &answers, &mut rules, &cx)
    }

    /// The person once every due step but those named is done, an hour after the plan.
    fn carried_out(&self, decision: &Decision, now: &str, fails: &[&str]) -> Person {
        let now: Timestamp = now.parse().unwrap();
        let Some(draft) = &decision.draft else {
            return decision.person.clone();
        };
        let salt = crate::digest::EvidenceKey::new(*b"k").salt(&draft.person);
        let (order, values) = seal(draft, 0, &SourceRow::default(), &salt);
        let values: BTreeMap<_, _> = values.into_iter().map(|it| (it.id.clone(), it)).collect();
        let mut outcomes = Outcomes::default();
        for (action, step) in order.actions.iter().zip(&draft.actions) {
            let failed = fails.contains(&shown(step).as_str());
            outcomes.add(Outcome {
                run: RunId::new("r"),
                order: order.order.clone(),
                action: action.id.clone(),
                op: action.op,
                person: order.person.clone(),
                ending: if failed {
                    Ending::Failed {
                        code: "x".to_owned(),
                        hint: "x".to_owned(),
                    }
                } else {
                    Ending::Done
                },
                at: now + jiff::SignedDuration::from_hours(1),
                send: 1,
                calls: 1,
                request_id: None,
                object: None,
                consent: None,
                proof: Vec::new(),
            });
        }
        let person = decision.person.clone();
        let none = Approvals::default();
        fold(person, &order, &none, now, &values, &outcomes, &self.target)
    }
}

fn account(person: &Person, row: Option<&Identity>) -> Account {
    let identity = row.or(person.wanted.as_ref());
    Account {
        holdings: None,
        id: ObjectId::new("o1"),
        enabled: person.lifecycle == Lifecycle::Active,
        key: Some("1".to_owned()),
        name: AccountName::new("one@woodgrove.example"),
        attributes: identity.map(|it| it.always.clone()).unwrap_or_default(),
    }
}

/// A row: status, department, `usageLocation` or none.
fn row(status: &str, department: &str) -> Identity {
    let value = |name: &str, text: &str| (name.to_owned(), Value::text(text));
    let always: Attributes = [
        value("employeeId", "1"),
        value("department", department),
        value("usageLocation", "DE"),
    ]
    .into();
    Identity {
        worker: WorkerId::new("1"),
        source: None,
        status: status.to_owned(),
        manager: None,
        hire: None,
        last_day: None,
        zone: None,
        terms: Box::default(),
        facts: Attributes::new(),
        always,
        on_create: [value("userPrincipalName", "one@woodgrove.example")].into(),
        out_of_scope: false,
        other_names: Vec::new(),
    }
}

fn active(grants: &[&str]) -> Person {
    let mut person = Person::new(SourceName::new("hr"), WorkerId::new("1"));
    person.lifecycle = Lifecycle::Active;
    person.object = Some(ObjectId::new("o1"));
    person.listed = true;
    for grant in grants {
        let grant: Grant = grant.parse().unwrap();
        let licences = match &grant {
            Grant::Group(key) if key == "office" => vec!["SPE_E5".to_owned()],
            Grant::Group(_) => Vec::new(),
            Grant::Licence(sku) => vec![sku.clone()],
        };
        let given = Given {
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            id: None,
            licences,
            disabled_plans: Vec::new(),
            unheard: false,
            by_hand: false,
            grace: None,
        };
        person.grants.insert(grant, given);
    }
    person
}

/// `op what`, and in days from the plan when it is not due.
fn shown(step: &super::DraftAction) -> String {
    let what = step.granting.as_ref().map(|it| it.grant.to_string());
    format!("{} {}", step.op, what.unwrap_or_default())
        .trim()
        .to_owned()
}

fn due(decision: &Decision) -> Vec<String> {
    let draft = decision.draft.iter();
    draft
        .flat_map(|draft| draft.actions.iter().map(shown))
        .collect()
}

fn later(decision: &Decision) -> Vec<String> {
    let draft = decision.draft.iter();
    let later = draft.flat_map(|draft| &draft.scheduled);
    later
        .map(|step| format!("{} {}", step.due, shown(step)))
        .collect()
}

#[test]
fn new_before_old_and_sensitive_the_other_way_round() {
    let world = World::new();
    let it = active(&["group:it", "group:it-keys", "group:office", "licence:VISIO"]);
    let moved = world.decide(&it, Some(&row("A", "Sales")), NOW);
    assert_eq!(
        due(&moved),
        [
            "group.remove group:it-keys",
            "group.add group:sales",
            "licence.assign licence:EXO1",
            "licence.remove licence:VISIO",
        ],
        "keep_days = 0 goes at once, behind what comes instead"
    );
    assert_eq!(
        later(&moved),
        ["2027-03-22T02:00:00Z group.remove group:it"]
    );
    assert_eq!(
        moved.person.due,
        Some("2027-03-22T02:00:00Z".parse().unwrap())
    );

    // The days count from when what is new was there.
    let done = world.carried_out(&moved, NOW, &[]);
    let has: Vec<String> = done.grants.keys().map(Grant::to_string).collect();
    assert_eq!(
        has,
        ["group:it", "group:office", "group:sales", "licence:EXO1"]
    );
    let night = "2027-03-16T02:00:00Z";
    let next = world.decide(&done, Some(&row("A", "Sales")), night);
    assert_eq!(due(&next), Vec::<String>::new());
    assert_eq!(later(&next), ["2027-03-22T03:00:00Z group.remove group:it"]);
    let last = world.decide(&done, None, "2027-03-22T03:00:00Z");
    assert_eq!(due(&last), ["group.remove group:it"]);
    let over = world.carried_out(&last, "2027-03-22T03:00:00Z", &[]);
    assert!(!over.grants.contains_key(&Grant::Group("it".to_owned())));
}

/// A department that changes in April waits for April; the status and the last day that the same row
/// says hold at once, also for rules.
#[test]
fn dates_and_status_do_not_wait_for_values() {
    let mut world = World::new();
    let mapping = MAPPING.replace(
        "status = \"S\"\n",
        "status = \"S\"\nlast_day = { column = \"L\", format = \"iso\" }\n",
    );
    let mapping = Mapping::parse(&mapping, "mapping.toml").unwrap();
    let group = |key: &str, rule: &str| {
        format!(
            "[[group]]\nkey = \"{key}\"\nname = \"{key}\"\nmode = \"assigned\"\nrule = '{rule}'\n"
        )
    };
    let groups = [
        group("it", "worker.department -eq \"IT\""),
        group("posted", "worker.status -eq \"P\""),
        group("leaving", "worker.lastDay -ge \"2027-06-30T00:00:00Z\""),
    ];
    let text = format!("format_version = 1\n{}", groups.concat());
    world.groups = Groups::parse(&text, "groups.toml", &mapping).unwrap();
    let policy = "format_version = 1\ndefault_zone = \"Europe/Berlin\"\n[status]\nactive = \
                  [\"A\", \"P\"]\ninactive = [\"I\"]\n";
    world.policy = unproven(policy);
    let mut person = active(&[]);
    person.wanted = Some(row("A", "Sales"));
    let mut said = row("P", "IT");
    said.last_day = Some("2027-06-30".parse().unwrap());
    said.terms.effective = Some("2027-04-01".parse().unwrap());
    let decision = world.decide(&person, Some(&said), NOW);
    let mut now = due(&decision);
    now.retain(|step| step.starts_with("group"));
    assert_eq!(now, ["group.add group:leaving", "group.add group:posted"]);
    let april = "2027-03-31T22:00:00Z";
    assert!(
        later(&decision).contains(&format!("{april} group.add group:it")),
        "{:?}",
        later(&decision)
    );
}

#[test]
fn what_could_not_be_given_keeps_what_is_to_go() {
    let world = World::new();
    let it = active(&["group:it", "group:office"]);
    let moved = world.decide(&it, Some(&row("A", "Sales")), NOW);
    let half = world.carried_out(&moved, NOW, &["group.add group:sales"]);
    assert!(half.unfinished);
    // A month later it still has not come: so does the end of the old one not.
    let late = "2027-04-15T02:00:00Z";
    let again = world.decide(&half, None, late);
    assert_eq!(due(&again), ["group.add group:sales"]);
    assert_eq!(
        later(&again),
        ["2027-04-22T02:00:00Z group.remove group:it"]
    );
    // Nor does anybody wait for what they are not to have any more.
    let law = world.decide(&half, Some(&row("A", "Law")), late);
    assert_eq!(
        due(&law),
        [
            "licence.remove licence:EXO1",
            "licence.assign licence:EXO2",
            "group.remove group:sales",
        ],
        "nobody knows that Sales was not given"
    );
    // What comes instead of what was to come instead is awaited.
    assert_eq!(later(&law), ["2027-04-22T02:00:00Z group.remove group:it"]);
}

#[test]
fn back_in_time_nothing_is_taken() {
    let world = World::new();
    let it = active(&["group:it", "group:it-keys", "group:office", "licence:VISIO"]);
    let moved = world.decide(&it, Some(&row("A", "Sales")), NOW);
    let done = world.carried_out(&moved, NOW, &[]);
    let back = world.decide(&done, Some(&row("A", "IT")), "2027-03-17T02:00:00Z");
    let given = due(&back);
    assert!(
        given.contains(&"group.add group:it-keys".to_owned()),
        "{given:?}"
    );
    assert!(
        !given.iter().any(|it| it.ends_with("group:it")),
        "{given:?}"
    );
    let it = &back.person.grants[&Grant::Group("it".to_owned())];
    assert_eq!(it.grace, None);
}

/// The groups go with the cut, what gives a licence 30 days after it was carried out.
#[test]
fn a_leaver_keeps_the_mailbox_for_a_while() {
    let world = World::new();
    let it = active(&["group:it", "group:office", "licence:VISIO"]);
    let gone = world.decide(&it, Some(&row("I", "IT")), NOW);
    assert_eq!(
        due(&gone),
        [
            "user.disable",
            "user.revokeSessions",
            "group.remove group:it"
        ]
    );
    let done = world.carried_out(&gone, NOW, &[]);
    assert_eq!(done.lifecycle, Lifecycle::Blocked);
    // Whoever left may leave the file: the clock goes on.
    let due_at = "2027-04-14T03:00:00Z";
    let mut absent = Subject {
        in_cycle: false,
        person: done.clone(),
        seen: Seen::Absent,
    };
    absent.person.unfinished = false;
    let cx = Context {
        now: "2027-03-20T02:00:00Z".parse().unwrap(),
        policy: &world.policy,
        workflows: None,
        target: &world.target,
        first_load: false,
        stale: false,
        matching: Matching::Key,
        full: true,
        grants: None,
    };
    let answers = [vec![account(&done, None)]];
    let absent = super::decide(absent, &answers, &mut super::NoRules, &cx);
    assert_eq!(absent.person.due, Some(due_at.parse().unwrap()));
    assert_eq!(absent.person.misses, 0);
    let last = world.decide(&absent.person, None, due_at);
    assert_eq!(
        due(&last),
        ["group.remove group:office", "licence.remove licence:VISIO"]
    );
    let over = world.carried_out(&last, due_at, &[]);
    assert!(over.grants.is_empty());
    assert_eq!(
        world.decide(&over, None, "2027-05-01T02:00:00Z").draft,
        None
    );
}

#[test]
fn absence_takes_no_group() {
    let world = World::new();
    let mut person = active(&["group:it"]);
    person.wanted = Some(row("A", "IT"));
    person.misses = 1;
    person.listed = false;
    let subject = Subject {
        in_cycle: false,
        person: person.clone(),
        seen: Seen::Absent,
    };
    let cx = Context {
        now: NOW.parse().unwrap(),
        policy: &world.policy,
        workflows: None,
        target: &world.target,
        first_load: false,
        stale: false,
        matching: Matching::Key,
        full: true,
        grants: Some(GrantTerms {
            groups: &world.groups,
            catalogue: &world.catalogue,
            missing: &world.missing,
        }),
    };
    let answers = [vec![account(&person, None)]];
    let cut = super::decide(subject, &answers, &mut super::NoRules, &cx);
    assert_eq!(due(&cut), ["user.disable", "user.revokeSessions"]);
    let done = world.carried_out(&cut, NOW, &[]);
    assert_eq!(done.grants.len(), 1);
    let back = world.decide(&done, Some(&row("A", "IT")), "2027-03-16T02:00:00Z");
    let given = due(&back);
    assert!(given.contains(&"user.enable".to_owned()), "{given:?}");
    assert!(
        !given.contains(&"group.add group:it".to_owned()),
        "{given:?}"
    );
}

/// Created 14 days before, in the groups the day before, enabled on the day.
#[test]
fn a_joiner_has_their_groups_the_day_before() {
    let world = World::new();
    let person = Person::new(SourceName::new("hr"), WorkerId::new("1"));
    let mut hired = row("A", "IT");
    hired.hire = Some("2027-04-01".parse().unwrap());
    let joins = world.decide(&person, Some(&hired), NOW);
    assert_eq!(
        later(&joins),
        [
            "2027-03-17T23:00:00Z user.create",
            "2027-03-30T22:00:00Z group.add group:it",
            "2027-03-30T22:00:00Z group.add group:it-keys",
            "2027-03-30T22:00:00Z group.add group:office",
            "2027-03-30T22:00:00Z licence.assign licence:VISIO",
            "2027-03-31T22:00:00Z user.enable",
        ]
    );
    let late = world.decide(&person, Some(&row("A", "IT")), NOW);
    assert_eq!(
        due(&late),
        [
            "user.create",
            "group.add group:it",
            "group.add group:it-keys",
            "group.add group:office",
            "licence.assign licence:VISIO",
            "user.enable",
        ]
    );
}

#[test]
fn services_that_exclude_each_other_are_not_given_together() {
    let world = World::new();
    let has = |decision: &Decision, kind| decision.findings.iter().any(|f| f.kind == kind);
    // Two of the new ones: the first by name is given, and that is said.
    let board = world.decide(&active(&["group:office"]), Some(&row("A", "Board")), NOW);
    assert_eq!(due(&board), ["licence.assign licence:EXO2"]);
    assert!(has(&board, FindingKind::LicenceConflict));
    // One goes for another: first out, then in.
    let sales = active(&["group:sales", "group:office", "licence:EXO1"]);
    let law = world.decide(&sales, Some(&row("A", "Law")), NOW);
    assert_eq!(
        due(&law),
        ["licence.remove licence:EXO1", "licence.assign licence:EXO2"]
    );
    assert!(!has(&law, FindingKind::LicenceConflict));
    // Nobody has a licence without a country.
    let mut nowhere = row("A", "Law");
    nowhere.always.remove("usageLocation");
    let law = world.decide(&active(&["group:office"]), Some(&nowhere), NOW);
    assert_eq!(due(&law), Vec::<String>::new());
    assert!(has(&law, FindingKind::LicenceRefused));
}

/// What the file no longer names, and of what nobody can say, stays.
#[test]
fn only_what_is_known_to_be_wrong_is_taken() {
    let world = World::new();
    let person = active(&["group:office", "group:gone", "group:it"]);
    let moved = world.decide(&person, Some(&row("A", "Law")), NOW);
    let takes: Vec<String> = later(&moved);
    assert_eq!(takes, ["2027-03-22T02:00:00Z group.remove group:it"]);
    let grace = |decision: &Decision, key: &str| -> Option<Grace> {
        decision.person.grants[&Grant::Group(key.to_owned())]
            .grace
            .clone()
    };
    assert!(grace(&moved, "it").is_some());
    assert_eq!(grace(&moved, "gone"), None);
    // A leaver loses it with the rest.
    let gone = world.decide(&person, Some(&row("I", "Law")), NOW);
    assert!(due(&gone).contains(&"group.remove group:gone".to_owned()));
}

/// An add of which nothing good is on record may have happened: given again, or taken with the rest.
#[test]
fn what_nobody_heard_of_is_not_forgotten() {
    let world = World::new();
    let joins = world.decide(&active(&["group:office"]), Some(&row("A", "Law")), NOW);
    assert_eq!(due(&joins), ["licence.assign licence:EXO2"]);
    let half = world.carried_out(&joins, NOW, &["licence.assign licence:EXO2"]);
    assert!(half.grants[&Grant::Licence("EXO2".to_owned())].unheard);
    let night = "2027-03-16T02:00:00Z";
    let again = world.decide(&half, Some(&row("A", "Law")), night);
    assert_eq!(due(&again), ["licence.assign licence:EXO2"]);
    let gone = world.decide(&half, Some(&row("I", "Law")), night);
    assert_eq!(
        due(&gone),
        [
            "user.disable",
            "user.revokeSessions",
            "licence.remove licence:EXO2"
        ]
    );
    let over = world.carried_out(&gone, night, &[]);
    let left: Vec<&Grant> = over.grants.keys().collect();
    assert_eq!(left, [&Grant::Group("office".to_owned())]);
}

/// Disabled for absence, then in the file as somebody who left: the month begins.
#[test]
fn a_block_for_absence_becomes_that_of_a_leaver() {
    let world = World::new();
    let mut person = active(&["group:it", "group:office"]);
    person.lifecycle = Lifecycle::Blocked;
    person.block = Some(Block {
        cut: Cut {
            due: NOW.parse().unwrap(),
            cause: BlockCause::Absence,
        },
        disabled: true,
        signed_out: true,
        at: Some(NOW.parse().unwrap()),
    });
    let left = world.decide(&person, Some(&row("I", "IT")), "2027-03-17T02:00:00Z");
    // Whoever leaves is signed out once more.
    assert_eq!(due(&left), ["user.revokeSessions", "group.remove group:it"]);
    assert_eq!(
        later(&left),
        ["2027-04-14T02:00:00Z group.remove group:office"]
    );
    let block = left.person.block.unwrap();
    assert_eq!(block.cut.cause, BlockCause::Status);
}

/// The file changes what a group is: people follow.
#[test]
fn another_definition_is_followed() {
    let mut world = World::new();
    // It was given without its licence: the definition decides when a leaver loses it.
    let mut person = active(&["group:office"]);
    let office = Grant::Group("office".to_owned());
    person.grants.get_mut(&office).unwrap().licences.clear();
    let gone = world.decide(&person, Some(&row("I", "IT")), NOW);
    assert_eq!(due(&gone), ["user.disable", "user.revokeSessions"]);
    let stays = world.decide(&person, Some(&row("A", "Nobody")), NOW);
    assert_eq!(stays.person.grants[&office].licences, ["SPE_E5"]);
    // Another object id: into that one.
    person.grants.get_mut(&office).unwrap().id = Some(ObjectId::new("other"));
    let again = world.decide(&person, Some(&row("A", "Nobody")), NOW);
    assert_eq!(due(&again), ["group.add group:office"]);
    // The group is gone there: everybody comes into the new one.
    world.missing.insert("office".to_owned());
    let person = active(&["group:office"]);
    let again = world.decide(&person, Some(&row("A", "Nobody")), NOW);
    assert_eq!(due(&again), ["group.add group:office"]);
}

/// A licence under another name is the same licence.
#[test]
fn one_licence_of_two_names_is_not_taken() {
    let world = World::new();
    let person = active(&["group:office", "licence:ID-EXO2"]);
    let law = world.decide(&person, Some(&row("A", "Law")), NOW);
    assert_eq!(due(&law), ["licence.assign licence:EXO2"]);
    assert_eq!(later(&law), Vec::<String>::new());
    // What the file no longer names stays, and what it excludes is not given.
    let person = active(&["group:office", "licence:ID-EXO3"]);
    let law = world.decide(&person, Some(&row("A", "Law")), NOW);
    assert_eq!(due(&law), Vec::<String>::new());
    let kinds: Vec<FindingKind> = law.findings.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [FindingKind::LicenceConflict]);
}

/// Each guard approved alone: nothing is taken before what comes instead, nothing is given before
/// what stands before it is gone.
#[test]
fn an_approval_lets_go_what_waits_for_nothing_else() {
    let world = World::new();
    let moved = |person: &Person| {
        let decision = world.decide(person, Some(&row("A", "Sales")), NOW);
        let draft = decision.draft.unwrap();
        let salt = crate::digest::EvidenceKey::new(*b"k").salt(&draft.person);
        seal(&draft, 0, &SourceRow::default(), &salt).0
    };
    let now: Timestamp = NOW.parse().unwrap();
    let ops = |order: &crate::plan::WorkOrder, approved: &[&str]| {
        let approved = Approvals::of_guards(approved.iter().copied());
        let due = order.due(&approved, now);
        let name = |action: &&crate::plan::Action| {
            let grant = action.granting().map(|it| it.grant.to_string());
            format!("{} {}", action.op, grant.unwrap_or_default())
        };
        due.iter().map(name).collect::<Vec<_>>()
    };
    // Visio has keep_days = 0: behind what comes instead.
    let mut order = moved(&active(&["group:office", "licence:VISIO"]));
    order.hold("seats", "x", |a| a.op == crate::model::Op::LicenceAssign);
    order.hold_dependents();
    assert_eq!(ops(&order, &[]), ["group.add group:sales"]);
    assert_eq!(
        order.held[0].actions.len(),
        2,
        "what waits for it is held with it"
    );
    assert_eq!(
        ops(&order, &["seats"]),
        [
            "group.add group:sales",
            "licence.assign licence:EXO1",
            "licence.remove licence:VISIO"
        ]
    );
    // Agreed to by name, the licence goes with what was only kept back for it.
    let id_of = |order: &crate::plan::WorkOrder, op: crate::model::Op| {
        let held = &order.held[0].actions;
        held.iter().find(|it| it.op == op).unwrap().id.clone()
    };
    let named = |order: &crate::plan::WorkOrder, guard: &str, op: crate::model::Op| {
        let mut approved = Approvals::default();
        approved.add_action(guard, &id_of(order, op));
        let due = order.due(&approved, now);
        due.iter().map(|it| it.op.name()).collect::<Vec<_>>()
    };
    assert_eq!(
        named(&order, "seats", crate::model::Op::LicenceAssign),
        ["group.add", "licence.assign", "licence.remove"]
    );
    assert_eq!(
        named(&order, "seats", crate::model::Op::LicenceRemove),
        ["group.add"],
        "what it waits for is kept back still"
    );
    assert_eq!(
        named(&order, "removals", crate::model::Op::LicenceAssign),
        ["group.add"],
        "another guard keeps it"
    );
    // Both kept back, by different guards: each approval alone moves nothing that waits.
    let mut order = moved(&active(&["group:office", "licence:VISIO"]));
    order.hold("removals", "x", |a| a.op.takes());
    order.hold("seats", "x", |a| a.op == crate::model::Op::LicenceAssign);
    order.hold_dependents();
    assert_eq!(ops(&order, &["removals"]), ["group.add group:sales"]);
    assert_eq!(
        ops(&order, &["removals", "seats"]),
        [
            "group.add group:sales",
            "licence.assign licence:EXO1",
            "licence.remove licence:VISIO"
        ]
    );
    // A sensitive group that is not taken yet keeps back what is given.
    let mut order = moved(&active(&["group:office", "group:it-keys"]));
    order.hold("removals", "x", |a| a.op.takes());
    order.hold_dependents();
    assert_eq!(ops(&order, &[]), Vec::<String>::new());
}
