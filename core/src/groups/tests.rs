//! What a file may say, and what a step does to memberships.

use jiff::Timestamp;

use std::collections::BTreeMap;

use super::{Catalogue, Crossed, GroupLint, Groups, GroupsFileError, Impact, Impacts};
use crate::grants::{Given, Grant, Granting};
use crate::mapping::Mapping;
use crate::model::{Account, AccountName, Attributes, ObjectId, Op, Seats, ServicePlan, Value};
use crate::plan::LicenceCounts;
use crate::policy::{DraftAction, Reason, Target};

const FILE: &str = r#"
format_version = 1

[[group]]
key = "sales"
name = "Sales"
mode = "dynamic"
rule = 'user.department -eq "Sales" -and user.accountEnabled -eq true'
licences = ["SPE_E5"]

[[group]]
key = "oslo"
name = "Oslo"
mode = "dynamic"
rule = 'user.physicalDeliveryOfficeName -eq "Oslo"'

[[group]]
key = "not-hr"
name = "Everybody but HR"
mode = "dynamic"
rule = 'user.department -ne "HR"'

[[group]]
key = "members"
name = "Members"
mode = "dynamic"
rule = 'user.userType -eq "Member"'

[[group]]
key = "reports"
name = "Reports"
mode = "dynamic"
rule = 'Direct Reports for "b7a1e0a2-0000-0000-0000-000000000000"'
"#;

const MAPPING: &str = "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
    [[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
    [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
    [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n\
    [[attribute]]\ntarget = \"displayName\"\nsource = \"N\"\n\
    [[attribute]]\ntarget = \"department\"\nsource = \"D\"\n";

fn read(text: &str) -> Result<Groups, GroupsFileError> {
    let mapping = Mapping::parse(MAPPING, "mapping.toml").unwrap();
    Groups::parse(text, "groups.toml", &mapping)
}

fn groups() -> Groups {
    read(FILE).unwrap()
}

fn target() -> Target {
    Target {
        key_attribute: "employeeId".to_owned(),
        name_attribute: "userPrincipalName".to_owned(),
        alias_attribute: "mailNickname".to_owned(),
    }
}

fn now() -> Timestamp {
    "2026-03-16T02:00:00Z".parse().unwrap()
}

fn attributes(list: &[(&str, Option<&str>)]) -> Attributes {
    let value = |text: Option<&str>| text.map_or(Value::Null, Value::text);
    list.iter()
        .map(|(name, text)| ((*name).to_owned(), value(*text)))
        .collect()
}

fn account(enabled: bool, list: &[(&str, Option<&str>)]) -> Account {
    Account {
        holdings: None,
        id: ObjectId::new("o1"),
        enabled,
        key: Some("1".to_owned()),
        name: AccountName::new("one@woodgrove.example"),
        attributes: attributes(list),
    }
}

fn step(op: Op, after: &[(&str, Option<&str>)]) -> DraftAction {
    DraftAction {
        anchor: None,
        args: std::collections::BTreeMap::new(),
        op,
        due: now(),
        reason: Reason::NewWorker,
        rule: "mover.update".to_owned(),
        before: Attributes::new(),
        after: attributes(after),
        heir: None,
        manager: None,
        granting: None,
    }
}

fn of(before: Option<&Account>, due: &[DraftAction], later: &[DraftAction]) -> Impact {
    let (groups, target) = (groups(), target());
    Impacts::new(&groups, &target, &Catalogue::default(), now()).of(
        before,
        &BTreeMap::new(),
        due.iter(),
        later.iter(),
    )
}

fn keys(crossed: &[Crossed]) -> Vec<&str> {
    crossed.iter().map(|it| it.group.as_str()).collect()
}

/// Account, steps now, steps later; then who comes in, goes out, stays.
#[test]
fn what_becomes_of_memberships() {
    let sales = account(
        true,
        &[
            ("department", Some("Sales")),
            ("officeLocation", Some("Oslo")),
        ],
    );
    let create = step(
        Op::UserCreate,
        &[
            ("department", Some("Sales")),
            ("officeLocation", Some("Oslo")),
        ],
    );
    let enable = step(Op::UserEnable, &[]);
    let disable = step(Op::UserDisable, &[]);
    let moved = step(Op::UserUpdate, &[("department", Some("HR"))]);
    let left = step(Op::UserUpdate, &[("officeLocation", None)]);
    let phone = step(Op::UserUpdate, &[("mobilePhone", Some("1"))]);
    for (who, before, due, later, enters, leaves, stays) in [
        (
            "a joiner who starts today",
            None,
            vec![create.clone(), enable.clone()],
            vec![],
            vec!["sales", "oslo", "not-hr", "members"],
            vec![],
            vec![],
        ),
        (
            "a joiner who starts later",
            None,
            vec![create],
            vec![enable],
            vec!["oslo", "not-hr", "members"],
            vec![],
            vec![],
        ),
        (
            "a mover",
            Some(&sales),
            vec![moved.clone()],
            vec![],
            vec![],
            vec!["sales", "not-hr"],
            vec![],
        ),
        (
            "another office",
            Some(&sales),
            vec![left],
            vec![],
            vec![],
            vec!["oslo"],
            vec![],
        ),
        (
            "another phone",
            Some(&sales),
            vec![phone],
            vec![],
            vec![],
            vec![],
            vec![],
        ),
        (
            "a leaver",
            Some(&sales),
            vec![disable.clone()],
            vec![],
            vec![],
            vec!["sales"],
            vec!["oslo", "not-hr"],
        ),
        (
            "a mover who leaves later",
            Some(&sales),
            vec![moved],
            vec![disable],
            vec![],
            vec!["sales", "not-hr"],
            vec!["oslo"],
        ),
    ] {
        let impact = of(before, &due, &later);
        assert_eq!(keys(&impact.enters), enters, "{who}");
        assert_eq!(keys(&impact.leaves), leaves, "{who}");
        assert_eq!(impact.stays, stays, "{who}");
        assert!(impact.unknown.is_empty(), "{who}");
    }
}

/// A licence that two groups give is got once and lost with the last of them.
#[test]
fn what_becomes_of_licences() {
    let groups = read(&FILE.replace(
        "rule = 'user.physicalDeliveryOfficeName -eq \"Oslo\"'",
        "rule = 'user.physicalDeliveryOfficeName -eq \"Oslo\"'\nlicences = [\"SPE_E5\", \"VISIO\"]",
    ))
    .unwrap();
    assert_eq!(
        groups.licences().into_iter().collect::<Vec<_>>(),
        ["SPE_E5", "VISIO"]
    );
    let target = target();
    let catalogue = Catalogue::default();
    let mut impacts = Impacts::new(&groups, &target, &catalogue, now());
    let both = account(
        true,
        &[
            ("department", Some("Sales")),
            ("officeLocation", Some("Oslo")),
        ],
    );
    let one = account(true, &[("department", Some("Sales"))]);
    let create = step(Op::UserCreate, &[("officeLocation", Some("Oslo"))]);
    let away = step(Op::UserUpdate, &[("officeLocation", None)]);
    let oslo = step(Op::UserUpdate, &[("officeLocation", Some("Oslo"))]);
    let disable = step(Op::UserDisable, &[]);
    for (who, before, due, gains, losses) in [
        (
            "a joiner",
            None,
            vec![&create],
            vec!["SPE_E5", "VISIO"],
            vec![],
        ),
        (
            "leaves one of two",
            Some(&both),
            vec![&away],
            vec![],
            vec!["VISIO"],
        ),
        (
            "comes into another",
            Some(&one),
            vec![&oslo],
            vec!["VISIO"],
            vec![],
        ),
        (
            "swaps",
            Some(&one),
            vec![&oslo, &disable],
            vec!["VISIO"],
            vec![],
        ),
        (
            "is cut off",
            Some(&one),
            vec![&disable],
            vec![],
            vec!["SPE_E5"],
        ),
        (
            "keeps one when cut off",
            Some(&both),
            vec![&disable],
            vec![],
            vec![],
        ),
    ] {
        let impact = impacts.of(
            before,
            &BTreeMap::new(),
            due.into_iter(),
            std::iter::empty(),
        );
        assert_eq!(impact.gains, gains, "{who}");
        assert_eq!(impact.losses, losses, "{who}");
    }
}

/// Gains, losses, free seats, and how many are short of one.
#[test]
fn seats_are_short() {
    for (gains, losses, free, short) in [
        (30, 0, Some(12), 18),
        (30, 20, Some(12), 0),
        (30, 0, Some(30), 0),
        (30, 0, None, 0),
        (0, 5, Some(0), 0),
        (0, 0, Some(-3), 0),
        (2, 0, Some(-3), 2),
        (2, 5, Some(-3), 0),
    ] {
        let counts = LicenceCounts {
            gains,
            losses,
            free,
            without: 0,
        };
        assert_eq!(counts.short(), short, "{counts:?}");
    }
}

/// Why, and on what it rests that nobody documents.
#[test]
fn a_crossing_has_its_reason() {
    let before = account(true, &[("department", Some("HR"))]);
    let cleared = step(
        Op::UserUpdate,
        &[("department", None), ("city", Some("Oslo"))],
    );
    let impact = of(Some(&before), &[cleared], &[]);
    assert_eq!(
        impact.enters,
        [Crossed {
            group: "not-hr".to_owned(),
            because: vec!["user.department".to_owned()],
            assumes: vec!["null-complement".to_owned()],
        }]
    );
    assert!(impact.leaves.is_empty());
}

#[test]
fn what_is_odd_about_groups() {
    let remarks = groups().lint();
    let said: Vec<(&str, GroupLint)> = remarks
        .iter()
        .map(|it| (it.group.as_str(), it.lint))
        .collect();
    assert_eq!(
        said,
        [
            ("sales", GroupLint::LicenceGoesWithTheAccount),
            ("oslo", GroupLint::LeaversStay),
            ("not-hr", GroupLint::LeaversStay),
            ("members", GroupLint::LeaversStay),
            ("reports", GroupLint::NotPredicted),
        ]
    );
    assert_eq!(
        groups().reads(),
        ["accountEnabled", "department", "officeLocation", "userType"]
    );
    assert_eq!(groups().unpredicted().count(), 1);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let error = read(
        "format_version = 2\n[[group]]\nkey = \"Sales\"\nname = \"\"\nmode = \"dynamic\"\n\
         rule = 'user.departmnt -eq \"x\"'\n[[group]]\nkey = \"b\"\nname = \"B\"\n\
         mode = \"dynamic\"\nrule = 'user.city -eq \"x\"'\n[[group]]\nkey = \"b\"\nname = \"b\"\n\
         mode = \"dynamic\"\nrule = 'user.city -eq \"x\"'\n",
    )
    .unwrap_err();
    for (at, wanted) in [
        (0, "format_version is 2"),
        (1, "line 2: key `Sales`"),
        (2, "line 2: group `Sales`: a name has"),
        (
            3,
            "line 2: group `Sales`, rule, unsupported-property: line 1, column 1",
        ),
        (4, "line 12: key `b` stands there twice"),
        (5, "line 12: group `b`: another one has its name"),
    ] {
        assert!(error.problems[at].contains(wanted), "{wanted}: {error}");
    }
    assert_eq!(error.problems.len(), 6);
    for (licences, wanted) in [
        ("[\"\"]", "a licence is the part number"),
        ("[\"Office 365 E5\"]", "a licence is the part number"),
        ("[\"SPE_E5\", \"spe_e5\"]", "a licence stands there twice"),
    ] {
        let text = FILE.replace("[\"SPE_E5\"]", licences);
        let error = read(&text).unwrap_err();
        assert_eq!(error.problems.len(), 1, "{error}");
        assert!(error.problems[0].contains(wanted), "{error}");
    }
    // What goes with one mode and not with the other, licences of accounts, exclusive services.
    let group = "format_version = 1\n[[group]]\nkey = \"a\"\nname = \"A\"\n";
    let dynamic = "mode = \"dynamic\"\nrule = 'user.city -eq \"x\"'\n";
    let assigned = "mode = \"assigned\"\nrule = 'worker.status -eq \"A\"'\n";
    let id = "id = \"00000000-0000-0000-0000-000000000001\"\n";
    let licence = "[[licence]]\nsku = \"E3\"\nrule = 'worker.status -eq \"A\"'\n";
    for (text, wanted) in [
        (
            format!("{group}{dynamic}keep_days = 3\n"),
            "`keep_days` and `sensitive` are for mode",
        ),
        (
            format!("{group}{dynamic}sensitive = true\n"),
            "are for mode \"assigned\"",
        ),
        (
            format!("{group}{dynamic}{id}adopt = true\n"),
            "is only looked at",
        ),
        (format!("{group}{assigned}{id}"), "`adopt = true` says that"),
        (
            format!("{group}{assigned}adopt = true\n"),
            "`adopt` needs the `id`",
        ),
        (
            format!("{group}{assigned}{id}adopt = true\nlicences = [\"E3\"]\n"),
            "leave `licences` out",
        ),
        (
            format!("{group}{assigned}sensitive = true\nkeep_days = 3\n"),
            "`keep_days` says the opposite",
        ),
        (
            format!("{group}{assigned}keep_days = 400\n"),
            "keep_days is at most 365",
        ),
        (
            format!("{group}{assigned}owner = \" \"\n"),
            "owner and tags have 1 to",
        ),
        (
            format!("{group}mode = \"assigned\"\nrule = 'user.city -eq \"x\"'\n"),
            "line 2: group `a`, rule, ",
        ),
        (
            format!("format_version = 1\n{licence}{licence}"),
            "line 5: licence `E3` stands there twice",
        ),
        (
            format!("format_version = 1\n{licence}disabled_plans = [\"a b\"]\n"),
            "a disabled plan is the name or the id",
        ),
        (
            "format_version = 1\n[[exclusive]]\nplans = [\"A\"]\n".to_owned(),
            "line 2: exclusive: two services or more",
        ),
        (
            "format_version = 1\n[[exclusive]]\nplans = [\"A\", \"a\"]\n".to_owned(),
            "each once, exclude each other",
        ),
    ] {
        let error = read(&text).unwrap_err();
        assert_eq!(error.problems.len(), 1, "{error}");
        assert!(error.problems[0].contains(wanted), "{wanted}: {error}");
    }
    let error = read("format_version = 1\n[[group]]\nkye = \"a\"\n");
    assert!(error.unwrap_err().to_string().contains("line 3"));
}

/// A group that the directory fills and a licence that Rollcall gives: services that exclude each
/// other are told.
#[test]
fn services_that_exclude_each_other_are_told() {
    let text = "format_version = 1\n[[group]]\nkey = \"sales\"\nname = \"Sales\"\nmode = \"dynamic\"\n\
                rule = 'user.department -eq \"Sales\"'\nlicences = [\"E3\"]\n[[licence]]\n\
                sku = \"E1\"\nrule = 'worker.department -eq \"Sales\"'\n[[exclusive]]\n\
                plans = [\"SMALL\", \"LARGE\"]\n";
    let (groups, target) = (read(text).unwrap(), target());
    let sku = |name: &str, plan: &str| Seats {
        id: format!("id-{name}"),
        name: name.to_owned(),
        free: 9,
        plans: vec![ServicePlan {
            id: format!("id-{plan}"),
            name: plan.to_owned(),
        }],
    };
    let seats = vec![sku("E1", "SMALL"), sku("E3", "LARGE")];
    let catalogue = Catalogue::new(Some(seats), Some(&groups));
    let licence = Granting {
        licences: vec!["E1".to_owned()],
        ..Granting::bare("licence:E1".parse().unwrap())
    };
    let give = DraftAction {
        granting: Some(licence.clone()),
        ..step(Op::LicenceAssign, &[])
    };
    let moves = step(Op::UserUpdate, &[("department", Some("Sales"))]);
    let before = account(true, &[("department", Some("IT"))]);
    let mut impacts = Impacts::new(&groups, &target, &catalogue, now());
    let mut clash = |given: &BTreeMap<Grant, Given>, due: &[&DraftAction]| {
        let due = due.iter().copied();
        impacts
            .of(Some(&before), given, due, std::iter::empty())
            .clash
    };
    let none = BTreeMap::new();
    assert!(!clash(&none, &[&moves]));
    assert!(!clash(&none, &[&give]));
    assert!(clash(&none, &[&moves, &give]));
    let has = BTreeMap::from([(licence.grant.clone(), licence.given(now()))]);
    assert!(clash(&has, &[&moves]));
}
