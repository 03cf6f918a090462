//! What holds for every text, and what no vector shows.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::lint::{Repair, lint};
use super::{
    Assumption, Crossing, Crossings, ErrorKind, Kind, Record, Rule, RuleError, RuleSet, Subject,
    Unknown, Verdict, Vocabulary,
};

const NOW: &str = "2026-03-01T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

#[track_caller]
fn rule(source: &str) -> Rule {
    Rule::compile(source, Vocabulary::Entra).unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn refused(source: &str) -> RuleError {
    Rule::compile(source, Vocabulary::Entra).unwrap_err()
}

fn subject(json: serde_json::Value) -> Subject {
    Subject::from_json(json).unwrap()
}

/// Texts that look like the language, so that the parser gets far.
fn almost() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "user.department", "user.accountEnabled", "user.employeeHireDate", "user.otherMails",
            "user.assignedPlans", "user.memberOf", "device.deviceOwnership", "worker.site",
            "user.", "mail", "_", "assignedPlan.service", "group.objectId",
        ]).prop_map(str::to_owned),
        4 => prop::sample::select(vec![
            "-eq", "-ne", "-in", "-notIn", "-match", "-notMatch", "-startsWith", "-contains",
            "-le", "-ge", "eq", "-any", "-all", "–ne", "-not", "-like", "-",
        ]).prop_map(str::to_owned),
        4 => prop::sample::select(vec![
            "\"Sales\"", "'a''b'", "\"a`\"b'\"", "true", "null", "$null", "[\"a\",\"b\"]", "[1, 'x']",
            "system.now", "(system.now -minus P1D)", "-plus PT5H", "2026-01-01T00:00:00Z", "12",
            "\"(a|b)*$\"", "\"`\"", "'`'", "\"ı\"",
        ]).prop_map(str::to_owned),
        3 => prop::sample::select(vec!["(", ")", "-and", "-or", "-not", "[", "]", ",", "\"", "'"]).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.join(" "))
}

/// Rules that are right.
fn right() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec![
        "\"Sales\"",
        "\"a'b\"",
        "'x`'",
        "\"é`\"\"",
        "\"\"",
        "7",
    ]);
    let value = prop::sample::select(vec![
        "-eq null",
        "-ne null",
        "-in [\"a\", 'B']",
        "-notIn [\"a\"]",
        "-match \"^a|b$\"",
        "-notMatch \"(a+)+$\"",
    ]);
    let compare = prop::sample::select(vec![
        "-eq",
        "-ne",
        "-startsWith",
        "-notStartsWith",
        "-endsWith",
        "-notEndsWith",
        "-contains",
        "-notContains",
    ]);
    let asked = prop_oneof![
        (compare, text).prop_map(|(operator, text)| format!("{operator} {text}")),
        value.prop_map(str::to_owned),
    ];
    let asked = asked.boxed();
    let property = prop::sample::select(vec!["department", "city", "extensionAttribute3"]);
    let leaf = prop_oneof![
        4 => (property, asked.clone()).prop_map(|(name, asked)| format!("user.{name} {asked}")),
        2 => (prop::bool::ANY, asked).prop_map(|(all, asked)| {
            format!("user.otherMails -{} (_ {asked} -or _ -eq \"x\")", if all { "all" } else { "any" })
        }),
        1 => Just("user.accountEnabled -eq true".to_owned()),
        1 => Just("user.employeeHireDate -le system.now -plus P1D".to_owned()),
        1 => Just("user.employeeHireDate -ge (system.now -minus PT36H)".to_owned()),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" -or "))),
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" -and "))),
            inner.prop_map(|inner| format!("-not {inner}")),
        ]
    })
}

fn somebody() -> impl Strategy<Value = Subject> {
    let text = prop::option::of(prop::sample::select(vec![
        "",
        "a",
        "Sales",
        "aaaaaaaaaab",
        "É\"",
        "x`",
    ]));
    let mails = prop::collection::vec(prop::sample::select(vec!["a", "x", "Sales"]), 0..3);
    (text.clone(), text, mails, prop::option::of(-3_i64..3)).prop_map(|(one, two, mails, days)| {
        let hire = days.map(|days| now().saturating_add(SignedDuration::from_hours(days * 20)));
        subject(json!({
            "department": one, "extensionAttribute3": two, "otherMails": mails,
            "accountEnabled": true, "employeeHireDate": hire.map(|hire| hire.unwrap().to_string()),
        }))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// No text makes it panic; whatever is wrong has a place in the text.
    #[test]
    fn every_text_is_a_rule_or_an_error(source in almost(), who in somebody()) {
        match Rule::compile(&source, Vocabulary::Entra) {
            Ok(rule) => {
                let _ = rule.evaluate(&who, Some(now()));
                let again = Rule::compile(&rule.print(), Vocabulary::Entra).unwrap();
                prop_assert_eq!(again.print(), rule.print());
            }
            Err(error) => {
                let line = usize::try_from(error.line).unwrap();
                let text = source.split('\n').nth(line - 1).unwrap();
                let column = usize::try_from(error.column).unwrap();
                prop_assert!(column <= text.chars().count() + 1);
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }

    /// What is printed is the same rule: the same tree, and the same answer for everybody.
    #[test]
    fn printing_changes_nothing(source in right(), who in somebody()) {
        prop_assume!(source.len() < 3000);
        let rule = rule(&source);
        let printed = Rule::compile(&rule.print(), Vocabulary::Entra).unwrap();
        prop_assert_eq!(&printed.checked.root, &rule.checked.root);
        let said = rule.evaluate(&who, Some(now())).unwrap();
        prop_assert_eq!(printed.evaluate(&who, Some(now())).unwrap(), said);
        let not = self::rule(&format!("-not ({source})"));
        let Verdict::Member(member) = said else { panic!("no memberOf here") };
        prop_assert_eq!(not.evaluate(&who, Some(now())).unwrap(), Verdict::Member(!member));
    }

    /// The answer is another one at a flip, and until then it stays.
    #[test]
    fn a_flip_is_the_first_other_answer(source in right(), who in somebody()) {
        let rule = rule(&source);
        let at = |instant| rule.evaluate(&who, Some(instant)).unwrap();
        let today = at(now());
        let flip = rule.next_flip(&who, now()).unwrap();
        let end = flip.unwrap_or_else(|| now() + SignedDuration::from_hours(500));
        prop_assert_eq!(flip.is_some(), at(end) != today);
        for part in 0..50 {
            let into = end.duration_since(now()) * part / 50;
            prop_assert_eq!(at(now() + into), today);
        }
        prop_assert_eq!(at(end - SignedDuration::from_nanos(1)), today);
    }

    /// Together rules say what each of them says alone, and a change crosses those whose answer
    /// is another one.
    #[test]
    fn a_set_says_what_its_rules_say(
        sources in prop::collection::vec(right(), 1..12),
        whos in prop::collection::vec(somebody(), 2..5),
    ) {
        let rules: Vec<Rule> = sources.iter().map(|source| rule(source)).collect();
        let set = RuleSet::new(&rules);
        let alone = |who: &Subject, now| -> Vec<bool> {
            let said = rules.iter().map(|rule| rule.evaluate(who, Some(now)).unwrap());
            said.map(|said| said == Verdict::Member(true)).collect()
        };
        let (mut scratch, mut pair) = (set.scratch(), [set.scratch(), set.scratch()]);
        let later = now() + SignedDuration::from_hours(21);
        for who in &whos {
            let record = set.record_of(who).unwrap();
            let mut members = vec![false; rules.len()];
            set.members(&record, Some(now()), &mut scratch, |rule, said| {
                assert!(!members[rule], "given once");
                members[rule] = said.is_ok();
            });
            prop_assert_eq!(&members, &alone(who, now()));
            let flips = rules.iter().filter_map(|rule| rule.next_flip(who, now()).unwrap());
            prop_assert_eq!(set.next_flip(&record, now(), &mut scratch), flips.min());
        }
        for two in whos.windows(2) {
            let (before, after) = (alone(&two[0], now()), alone(&two[1], later));
            let wanted: Vec<Crossing> = (0..rules.len())
                .filter(|rule| before[*rule] != after[*rule])
                .map(|rule| Crossing { rule, enters: after[rule] })
                .collect();
            let [one, other] = [&two[0], &two[1]].map(|who| set.record_of(who).unwrap());
            let crossings = set.crossings((&one, Some(now())), (&other, Some(later)), &mut pair);
            prop_assert_eq!(crossings, Crossings { crossed: wanted, unknown: Vec::new() });
        }
    }

    /// An equivalent suggestion has the same members, and there is nothing left to say about it
    /// that could be mended.
    #[test]
    fn a_suggestion_keeps_the_members(source in right(), whos in prop::collection::vec(somebody(), 1..6)) {
        let advice = lint(&source, Vocabulary::Entra, None).unwrap();
        if let Some(suggestion) = advice.suggestion {
            let again = lint(&suggestion.rule, Vocabulary::Entra, None).unwrap();
            prop_assert!(again.suggestion.is_none(), "{source}\n{}\n{again:?}", suggestion.rule);
            let (given, mended) = (rule(&source), rule(&suggestion.rule));
            for who in whos.iter().filter(|_| suggestion.repair == Repair::Equivalent) {
                prop_assert_eq!(
                    mended.evaluate(who, Some(now())).unwrap(),
                    given.evaluate(who, Some(now())).unwrap(),
                    "{}\n{}", source, suggestion.rule
                );
            }
        }
    }
}

/// Whom a record is about changes without a new one.
#[test]
fn a_record_is_filled_again_and_again() {
    let rules = [
        "user.city -eq \"Oslo\"",
        "user.accountEnabled -eq true",
        "Direct Reports for \"M1\"",
    ];
    let rules: Vec<Rule> = rules.iter().map(|source| rule(source)).collect();
    let set = RuleSet::new(&rules);
    let slot = |name: &str| {
        set.slots()
            .iter()
            .position(|slot| slot.name == name)
            .unwrap()
    };
    let (city, enabled) = (slot("city"), slot("accountEnabled"));
    let (mut record, mut scratch) = (set.record(), set.scratch());
    let mut members = |record: &Record| {
        let mut out = Vec::new();
        set.members(record, None, &mut scratch, |rule, said| {
            said.unwrap();
            out.push(rule);
        });
        out.sort_unstable();
        out
    };
    assert_eq!(members(&record), [] as [usize; 0]);
    record.text(city, Some("OSLO"));
    record
        .value(enabled, &set.slots()[enabled], &json!(true))
        .unwrap();
    record.manager(Some("m1"));
    assert_eq!(members(&record), [0, 1, 2]);
    record.text(city, Some("Bergen"));
    record.manager(None);
    assert_eq!(members(&record), [1]);
    record.text(city, None);
    assert!(
        record
            .value(enabled, &set.slots()[enabled], &json!("maybe"))
            .is_err()
    );
}

/// The last instant that .NET knows stands for "never", here and in subjects.
#[test]
fn the_end_of_time_is_a_date() {
    let never = json!({"employeeHireDate": "9999-12-31T23:59:59Z"});
    let said = |source: &str, who: serde_json::Value| {
        rule(source).evaluate(&subject(who), Some(now())).unwrap()
    };
    let today = json!({"employeeHireDate": NOW});
    for (source, who, member) in [
        (
            "user.employeeHireDate -le 9999-12-31T23:59:59Z",
            today.clone(),
            true,
        ),
        (
            "user.employeeHireDate -ge 9999-12-31T23:59:59Z",
            today,
            false,
        ),
        (
            "user.employeeHireDate -eq \"9999-12-31T23:59:59.9999999Z\"",
            never.clone(),
            true,
        ),
        (
            "user.employeeHireDate -ge system.now -plus P1D",
            never,
            true,
        ),
    ] {
        assert_eq!(said(source, who), Verdict::Member(member), "{source}");
    }
    let odd = subject(json!({"manager": ["a"]}));
    let reports = rule("Direct Reports for \"a\"");
    assert!(
        reports.evaluate(&odd, None).is_err(),
        "a list is nobody's manager"
    );
}

/// Lists and nesting do not make it think for ever.
#[test]
fn looking_at_a_rule_ends() {
    let mut nested = "user.city -eq \"a\"".to_owned();
    for level in 0..90 {
        let connective = if level % 2 == 0 { "-or" } else { "-and" };
        nested = format!("({nested} {connective} user.city -ne \"{level}\")");
    }
    // What is written without quotation marks stays so.
    for (source, instead) in [
        (
            "USER.city -eq 5 -or user.city -eq 6",
            "user.city -in [5, 6]",
        ),
        (
            "user.EmployeeHireDate -le 2026-01-01T00:00:00Z",
            "user.employeeHireDate -le 2026-01-01T00:00:00Z",
        ),
    ] {
        let advice = lint(source, Vocabulary::Entra, None).unwrap();
        assert_eq!(advice.suggestion.unwrap().rule, instead);
    }
    // A rule that is written closely is not mended into one that is too long.
    let close: Vec<String> = (0..210).map(|n| format!("user.City eq\"{n}\"")).collect();
    let close = format!("user.state -eq \"x\" -and ({})", close[..150].join("or "));
    let advice = lint(&close, Vocabulary::Entra, None).unwrap();
    assert!(advice.suggestion.unwrap().rule.len() < 3072);
    let many: Vec<String> = (0..120).map(|n| format!("user.city -eq \"{n}\"")).collect();
    for source in [nested, many.join(" -or "), many.join(" -and ")] {
        assert!(source.len() < 3072, "{}", source.len());
        lint(&source, Vocabulary::Entra, None).unwrap();
    }
}

#[test]
fn errors_have_a_place_and_a_hint() {
    for (source, kind, place, hint) in [
        (
            "(user.city -eq \"Oslo\")\n -and (device.model -eq \"x\")",
            ErrorKind::UnsupportedProperty,
            (2, 8),
            "device.deviceModel",
        ),
        (
            "user.departmnt -eq \"x\"",
            ErrorKind::UnsupportedProperty,
            (1, 1),
            "user.department?",
        ),
        (
            "user.mail -not null",
            ErrorKind::UnsupportedOperator,
            (1, 11),
            "user.mail -ne null",
        ),
        ("user.city -eq Oslo", ErrorKind::Syntax, (1, 15), "\"Oslo\""),
        (
            "user.city -eq “Oslo”",
            ErrorKind::Syntax,
            (1, 15),
            "straight",
        ),
        (
            "user.city -eq `\"Oslo`\"",
            ErrorKind::Syntax,
            (1, 15),
            "`\"Sales`\"",
        ),
        ("city -eq \"Oslo\"", ErrorKind::Syntax, (1, 1), "user.NAME"),
        (
            "user.employeeHireDate -ge system.now -minus P1M",
            ErrorKind::InvalidValue,
            (1, 45),
            "P14D",
        ),
        ("user.city == \"Oslo\"", ErrorKind::Syntax, (1, 11), "-eq"),
        (
            "user.city -startWith \"O\"",
            ErrorKind::UnsupportedOperator,
            (1, 11),
            "-startsWith",
        ),
        (
            "user.otherMails -eq \"x\"",
            ErrorKind::UnsupportedOperator,
            (1, 17),
            "-any",
        ),
        (
            "worker.site -eq \"x\"",
            ErrorKind::UnsupportedProperty,
            (1, 1),
            "policy",
        ),
    ] {
        let error = refused(source);
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!((error.line, error.column), place, "{error}");
        assert!(
            error.hint.as_deref().is_some_and(|h| h.contains(hint)),
            "{error}"
        );
    }
}

/// Where a rule is wrong in several ways, the order of the reference decides.
#[test]
fn the_first_failing_check_wins() {
    for (source, kind) in [
        ("user.nope -eq \"x\" -and", ErrorKind::Syntax),
        (
            "user.city -match \"(\" -and user.nope -eq 1",
            ErrorKind::UnsupportedProperty,
        ),
        (
            "user.city -match \"(\" -and user.city -in 1",
            ErrorKind::InvalidValue,
        ),
        (
            "user.city -match \"(\" -and user.city -le 1",
            ErrorKind::UnsupportedOperator,
        ),
        (
            "user.city -match \"(\" -and device.deviceId -eq 1",
            ErrorKind::InvalidRegex,
        ),
        (
            "user.nope -eq 1 -and Direct Reports for \"x\"",
            ErrorKind::NotCombinable,
        ),
        (
            "user.memberOf -all (group.objectId -in 'x')",
            ErrorKind::UnsupportedOperator,
        ),
        (
            "user.memberOf -all (group.objectId -in [1]) -and user.nope -eq 1",
            ErrorKind::NotCombinable,
        ),
    ] {
        assert_eq!(refused(source).kind, kind, "{source}");
    }
}

/// Depth and length have an end that is an error, and no stack overflows before it.
#[test]
fn nesting_is_bounded_by_length_alone() {
    let deep = |levels: usize| {
        let (open, close) = ("(".repeat(levels), ")".repeat(levels));
        Rule::compile(
            &format!("{open}user.city -eq null{close}"),
            Vocabulary::Entra,
        )
    };
    assert_eq!(deep(1500).unwrap().print(), "user.city -eq null");
    for (nots, printed) in [
        (500, "user.city -eq null"),
        (501, "-not user.city -eq null"),
    ] {
        let nots = format!("{}user.city -eq null", "-not ".repeat(nots));
        assert_eq!(rule(&nots).print(), printed);
    }
    let both = format!(
        "{}user.city -eq null{}",
        "-not (".repeat(301),
        ")".repeat(301)
    );
    assert_eq!(rule(&both).print(), "-not user.city -eq null");
    let mut levels = "user.city -eq 1".to_owned();
    while levels.len() < 2600 {
        levels = format!("-not ({levels} -or user.city -eq 1)");
        levels = format!("({levels} -and user.city -ne 2)");
    }
    assert_eq!(rule(&rule(&levels).print()).print(), rule(&levels).print());
    assert_eq!(refused(&"(".repeat(3000)).kind, ErrorKind::Syntax);
    assert_eq!(
        refused(&format!("{}user.x", "(".repeat(900))).kind,
        ErrorKind::Syntax
    );
    assert_eq!(refused(&"x".repeat(3073)).kind, ErrorKind::TooLong);
    // UTF-16 units count.
    let wide = format!("user.city -eq \"{}\"", "𝒳".repeat(1528));
    assert_eq!(wide.encode_utf16().count(), 3072);
    assert!(Rule::compile(&wide, Vocabulary::Entra).is_ok());
    assert_eq!(
        refused(&wide.replacen('𝒳', "𝒳x", 1)).kind,
        ErrorKind::TooLong
    );
}

#[test]
fn member_of_is_frozen_when_its_preview_has_ended() {
    let rule = rule("(user.memberof -any (group.objectId -in ['a']))");
    let who = subject(json!({"memberOf": ["A"]}));
    let at = |now: &str| rule.evaluate(&who, Some(now.parse().unwrap())).unwrap();
    assert_eq!(rule.evaluate(&who, None).unwrap(), Verdict::Member(true));
    assert_eq!(at("2026-11-02T23:59:59Z"), Verdict::Member(true));
    assert_eq!(at("2026-11-03T00:00:00Z"), Verdict::Frozen);
}

#[test]
fn what_rests_on_null_is_told() {
    let negated = rule("user.city -ne \"Oslo\"");
    let told = |rule: &Rule, who| rule.assumptions(&subject(who), None).unwrap();
    assert_eq!(told(&negated, json!({})), [Assumption::NullComplement]);
    assert_eq!(told(&negated, json!({"city": "Bergen"})), []);
    let sure = rule("user.city -ne \"Oslo\" -and user.city -ne null");
    assert_eq!(told(&sure, json!({})), []);
    let documented = rule("user.assignedPlans -all (assignedPlan.servicePlanId -eq null)");
    assert_eq!(told(&documented, json!({})), []);
}

/// An answer that nobody can give is none, whatever the rest of the rule says.
#[test]
fn doubt_is_no_answer() {
    let clock = rule("user.employeeHireDate -le system.now");
    let hired = subject(json!({"employeeHireDate": "2026-01-01T00:00:00Z"}));
    assert_eq!(clock.evaluate(&hired, None), Err(Unknown::NoInstant));
    let odd = subject(json!({"employeeHireDate": "soon"}));
    let unknown = clock.evaluate(&odd, Some(now())).unwrap_err();
    assert!(!unknown.to_string().contains("soon"), "{unknown}");
    let slow = rule("user.city -notMatch \"(a*a*)*b(a*a*)*c\"");
    let long = subject(json!({"city": "a".repeat(5000)}));
    assert_eq!(slow.evaluate(&long, None), Err(Unknown::PatternTooLong));
}

/// Policy reads workers, and only those; Entra's rules do not know them.
#[test]
fn policy_has_its_own_properties() {
    let own = [
        ("site".to_owned(), Kind::Text),
        ("onLeave".to_owned(), Kind::Boolean),
    ];
    let vocabulary = Vocabulary::Worker(&own);
    let rule = Rule::compile(
        "worker.Site -in [\"Berlin\"] -and worker.onleave -ne true",
        vocabulary,
    );
    let rule = rule.unwrap();
    let who = subject(json!({"site": "berlin", "onLeave": false}));
    assert_eq!(rule.evaluate(&who, None).unwrap(), Verdict::Member(true));
    assert_eq!(
        rule.print(),
        "worker.site -in [\"Berlin\"] -and worker.onLeave -ne true"
    );
    let error = Rule::compile("user.city -eq \"Berlin\"", vocabulary).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UnsupportedProperty);
    let error = Rule::compile("worker.sites -eq \"Berlin\"", vocabulary).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("did you mean worker.site?"));
}
