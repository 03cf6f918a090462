//! The product's reading of membership rules beside a second one that shares no code with it.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fmt::Write as _;

use jiff::Timestamp;
use rollcall_core::rules::{Rule, Subject, Verdict, Vocabulary};
use rollcall_http::Clock;
use rollcall_play::chance::Random;
use rollcall_rehearsal::{Tenant, TenantOptions, is_member as member};
use serde_json::{Value as Json, json};

const VECTORS: &str = include_str!("../vectors/dynamic-rules.json");

/// The second reader is right where the vectors say what is right; all but patterns that Rust's
/// regular expressions do not have.
#[test]
fn the_second_reader_keeps_the_vectors() {
    let vectors: Vec<Json> = serde_json::from_str(VECTORS).unwrap();
    let (mut read, mut unread) = (0, Vec::new());
    for vector in vectors
        .iter()
        .filter(|vector| vector["expect"].is_boolean())
    {
        let now = vector["now"]
            .as_str()
            .map(|now| now.parse::<Timestamp>().unwrap());
        match member(vector["rule"].as_str().unwrap(), &vector["subject"], now) {
            Some(said) => {
                assert_eq!(said, vector["expect"], "{vector}");
                read += 1;
            }
            None => unread.push(vector["id"].as_str().unwrap()),
        }
    }
    assert!(read >= 200 && unread.len() <= 5, "{read} {unread:?}");
}

/// What is an error the tenant refuses; what is right about users it takes, but for patterns that
/// it does not know.
#[test]
fn the_tenant_takes_what_is_right() {
    let vectors: Vec<Json> = serde_json::from_str(VECTORS).unwrap();
    let clock = Clock::starting_at("2026-03-16T02:00:00Z".parse().unwrap());
    let tenant = Tenant::open(TenantOptions::default(), clock).unwrap();
    let (mut taken, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    for vector in &vectors {
        let rule = vector["rule"].as_str().unwrap();
        let group = json!({
            "displayName": "x", "mailNickname": "x", "mailEnabled": false, "securityEnabled": true,
            "groupTypes": ["DynamicMembership"], "membershipRule": rule,
            "membershipRuleProcessingState": "Paused",
        });
        let came = tenant.put_group(&group);
        if vector["expect"].is_boolean() {
            match came {
                Ok(_) => taken += 1,
                Err(_) if rule.to_lowercase().contains("device.") => {}
                Err(_) => refused.push(rule),
            }
        } else if came.is_ok() {
            wrong.push(rule);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(taken > 150 && refused.len() <= 12, "{taken} {refused:#?}");
}

/// Whatever rule and subject chance makes, both say the same.
#[test]
fn both_readers_say_the_same() {
    let mut chance = Random::new(5);
    let (mut members, mut count) = (0, 0);
    let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    for _ in 0..20_000 {
        let mut source = String::new();
        rule(&mut chance, 3, &mut source);
        let who = subject(&mut chance);
        let compiled = Rule::compile(&source, Vocabulary::Entra)
            .unwrap_or_else(|error| panic!("{source}: {error}"));
        let ours = compiled
            .evaluate(&Subject::from_json(who.clone()).unwrap(), Some(now))
            .unwrap();
        let theirs = member(&source, &who, Some(now));
        assert_eq!(theirs.map(Verdict::Member), Some(ours), "{source}\n{who}");
        members += u32::from(ours == Verdict::Member(true));
        count += 1;
    }
    assert!(
        (count / 5..count * 4 / 5).contains(&members),
        "{members} of {count}"
    );
}

const TEXTS: [&str; 8] = [
    "Sales",
    "SALES EMEA",
    "",
    "O'Neill",
    "a\"b",
    "null",
    "Zoë",
    "12",
];

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\'', "''").replace('"', "`\""))
}

fn one<'a, T: ?Sized>(chance: &mut Random, all: &[&'a T]) -> &'a T {
    all[usize::try_from(chance.below(u32::try_from(all.len()).unwrap())).unwrap()]
}

fn test(chance: &mut Random, left: &str, out: &mut String) {
    let operator = one(
        chance,
        &[
            "-eq",
            "-ne",
            "eq",
            "-startsWith",
            "-notStartsWith",
            "-endsWith",
            "-notEndsWith",
            "-contains",
            "-notContains",
            "-in",
            "-notIn",
            "-match",
            "-notMatch",
            "null",
        ],
    );
    let value = quoted(one(chance, &TEXTS));
    match operator {
        "null" => write!(out, "{left} {} null", one(chance, &["-eq", "-ne"])),
        "-in" | "-notIn" => {
            let other = quoted(one(chance, &TEXTS));
            write!(out, "{left} {operator} [{value}, {other}]")
        }
        "-match" | "-notMatch" => {
            let pattern = one(
                chance,
                &["^s", "s$", "^Sales$", "a.*s", "^(Sales|12)$", "[0-9]"],
            );
            write!(out, "{left} {operator} \"{pattern}\"")
        }
        _ => write!(out, "{left} {operator} {value}"),
    }
    .unwrap();
}

fn rule(chance: &mut Random, depth: u32, out: &mut String) {
    match if depth == 0 { 0 } else { chance.below(9) } {
        0..=3 => {
            let property = one(
                chance,
                &["user.department", "user.city", "user.extensionAttribute4"],
            );
            test(chance, property, out);
        }
        4 => {
            let quantifier = one(chance, &["-any", "-all"]);
            write!(out, "user.otherMails {quantifier} (").unwrap();
            test(chance, "_", out);
            out.push_str(one(chance, &[" -and ", " -or "]));
            test(chance, "_", out);
            out.push(')');
        }
        5 => out.push_str(one(
            chance,
            &[
                "user.accountEnabled -eq true",
                "user.accountEnabled -ne true",
                "user.employeeHireDate -le system.now -plus P2D",
                "user.employeeHireDate -ge (system.now -minus PT36H)",
                "user.employeeHireDate -ge 2026-03-01T00:00:00Z",
            ],
        )),
        6 => {
            out.push_str("-not (");
            rule(chance, depth - 1, out);
            out.push(')');
        }
        _ => {
            for part in 0..=chance.below(3) {
                if part > 0 {
                    out.push_str(one(chance, &[" -and ", " -or "]));
                }
                let group = chance.below(2) == 0;
                out.push_str(if group { "(" } else { "" });
                rule(chance, depth - 1, out);
                out.push_str(if group { ")" } else { "" });
            }
        }
    }
}

fn subject(chance: &mut Random) -> Json {
    let mut who = json!({});
    for name in ["department", "city", "extensionAttribute4"] {
        if chance.below(4) > 0 {
            who[name] = json!(one(chance, &TEXTS));
        }
    }
    if chance.below(3) > 0 {
        let mails: Vec<&str> = (0..chance.below(3)).map(|_| one(chance, &TEXTS)).collect();
        who["otherMails"] = json!(mails);
    }
    if chance.below(3) > 0 {
        who["accountEnabled"] = json!(chance.below(2) == 0);
    }
    if chance.below(3) > 0 {
        who["employeeHireDate"] = json!(one(
            chance,
            &[
                "2026-02-28T00:00:00Z",
                "2026-02-28T00:00:01Z",
                "2026-03-02T00:00:00+01:00",
                "2026-03-09T00:00:00Z",
            ]
        ));
    }
    who
}
