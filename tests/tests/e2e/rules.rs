//! Dynamic membership rules on the command line.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::trial;
use crate::world::World;

const VECTORS: &str = include_str!("../../vectors/dynamic-rules.json");
const LINTS: &str = include_str!("../../vectors/dynamic-rules-lint.json");

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("rules::every_vector_through_rule", vectors),
        trial("rules::a_rule_is_answered_with_what_it_rests_on", one),
        trial("rules::every_lint_vector_through_rule_lint", lints),
        trial("rules::a_rule_is_looked_at", looked_at),
    ]
}

/// What a line says, in the vectors' own form.
fn plain(line: &Value) -> Value {
    match line.get("error") {
        Some(error) => {
            assert!(error["at"]["line"].is_u64() && error["message"].is_string());
            json!({ "error": error["kind"] })
        }
        None => line["member"].clone(),
    }
}

/// The operator that a vector is about: the first one in its rule.
fn operator(rule: &str) -> String {
    let words = rule.split(|c: char| c.is_whitespace() || "()\"'[]".contains(c));
    let named = words
        .filter_map(|word| word.strip_prefix(['-', '–']))
        .find(|word| !["not", "any", "all"].contains(&word.to_lowercase().as_str()));
    named.map_or_else(|| "none".to_owned(), str::to_lowercase)
}

/// Prints how many of each operator's vectors pass.
#[expect(
    clippy::print_stderr,
    reason = "the table is what this test is read for"
)]
fn vectors() {
    let world = World::new();
    let path = world.dir().join("vectors.json");
    std::fs::write(&path, VECTORS).unwrap();
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let ran = world
        .command(&["rule", "--vectors", &path.display().to_string()])
        .expect(0);
    let lines: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), vectors.len());
    let mut table: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (line, vector) in lines.iter().zip(&vectors) {
        assert_eq!(line["id"], vector["id"]);
        let said = plain(line);
        let operator = operator(vector["rule"].as_str().unwrap());
        let (passed, total) = table.entry(operator).or_default();
        *total += 1;
        if said == vector["expect"] {
            *passed += 1;
        } else {
            wrong.push(format!("{}: {said}", vector["id"]));
        }
    }
    for (operator, (passed, total)) in &table {
        eprintln!("{operator:16} {passed:3} of {total:3}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(table.values().map(|(passed, _)| passed).sum::<u32>(), 260);
}

fn one() {
    let world = World::new();
    let file = world.dir().join("subject.json");
    let path = file.display().to_string();
    let ask = |rule: &str, subject: Value, more: &[&str]| {
        std::fs::write(&file, subject.to_string()).unwrap();
        let mut args = vec!["rule", "--rule", rule, "--subject", &path];
        args.extend(more);
        world.command(&args)
    };
    let sales = "user.department -ne \"Sales\"";
    let ran = ask(sales, json!({"department": "HR"}), &["--text"]).expect(0);
    assert_eq!(ran.out, "member\n");
    let said = ask(sales, json!({}), &["--json"]).expect(0).json();
    let expected = json!({
        "format_version": 1, "member": true, "assumptions": ["null-complement"],
    });
    assert_eq!(said, expected);
    let hired = "user.employeeHireDate -le system.now -plus P1D";
    let who = json!({"employeeHireDate": "2026-03-03T00:00:00Z"});
    let at = ["--json", "--now", "2026-03-01T12:00:00Z"];
    let said = ask(hired, who.clone(), &at).expect(0).json();
    assert_eq!(said["member"], false);
    assert_eq!(said["flips"], "2026-03-02T00:00:00Z");
    let at = ["--json", "--now", "2026-03-02T00:00:00Z"];
    assert_eq!(ask(hired, who, &at).expect(0).json()["member"], true);
    let groups = "user.memberOf -any (group.objectId -in [\"a\"])";
    let at = ["--text", "--now", "2026-11-03T00:00:00Z"];
    let ran = ask(groups, json!({"memberOf": ["a"]}), &at).expect(0);
    assert!(ran.out.starts_with("frozen"), "{}", ran.out);
    // A mistake has a place and a hint; a subject that is none is named without its values.
    let ran = ask("user.departmnt -eq \"x\"", json!({}), &["--text"]).expect(1);
    assert!(ran.err.contains("line 1, column 1"), "{}", ran.err);
    assert!(ran.err.contains("user.department?"), "{}", ran.err);
    let ran = ask(hired, json!({"employeeHireDate": "soon"}), &["--text"]).expect(1);
    assert!(ran.err.contains("employeeHireDate") && !ran.err.contains("soon"));
    ask(sales, json!([]), &[]).expect(2);
    world.command(&["rule", "--rule", sales]).expect(2);
}

/// Lints and kinds are those of the vectors, and whatever is suggested is one of theirs by the
/// answer to everybody: `core` compares the trees.
fn lints() {
    let world = World::new();
    let path = world.dir().join("lints.json");
    std::fs::write(&path, LINTS).unwrap();
    let vectors: Vec<Value> = serde_json::from_str(LINTS).unwrap();
    let ran = world
        .command(&["rule", "lint", "--vectors", &path.display().to_string()])
        .expect(0);
    let lines: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), vectors.len());
    for (line, vector) in lines.iter().zip(&vectors) {
        for part in ["id", "lint", "kind"] {
            assert_eq!(line[part], vector[part], "{line} {vector}");
        }
        assert_eq!(line["suggest"].is_null(), vector["suggest"].is_null());
    }
}

fn looked_at() {
    let world = World::new();
    let look = |rule: &str, more: &[&str]| {
        let mut args = vec!["rule", "lint", "--rule", rule];
        args.extend(more);
        world.command(&args)
    };
    let chain = "user.city -eq \"Lagos\" -or user.city -eq \"Abuja\"";
    let said = look(chain, &[]).expect(1).json();
    assert_eq!(said["lint"], json!(["or-chain-to-in"]));
    assert_eq!(said["suggest"], "user.city -in [\"Lagos\", \"Abuja\"]");
    assert_eq!(said["review"][0]["name"], "user-controlled-attribute");
    let text = look(chain, &["--text"]).expect(1).out;
    assert!(text.contains("instead, the same members:"), "{text}");
    let fine = look("user.accountEnabled -eq true", &["--text"]).expect(0);
    assert_eq!(fine.out, "nothing is odd\n");
    let groups = "user.memberOf -any (group.objectId -in ['a'])";
    for (now, level) in [("2026-11-02", "warning"), ("2026-11-03", "error")] {
        let now = format!("{now}T00:00:00Z");
        let said = look(groups, &["--now", &now]).expect(1).json();
        assert_eq!(said["remarks"][0]["level"], level, "{said}");
    }
    let said = look("user.city -eq", &[]).expect(1).json();
    assert_eq!(said["error"]["kind"], "syntax");
}
