//! The shared vectors, every one.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::formula::{Ask, Atom, Logic, Test};
use super::{Rule, Subject, Verdict, Vocabulary};

const VECTORS: &str = include_str!("../../../tests/vectors/dynamic-rules.json");

#[derive(Deserialize)]
struct Vector {
    id: String,
    rule: String,
    subject: Json,
    now: Option<Timestamp>,
    expect: Json,
}

fn run(vector: &Vector) -> Json {
    let rule = match Rule::compile(&vector.rule, Vocabulary::Entra) {
        Ok(rule) => rule,
        Err(error) => return json!({"error": error.kind.name()}),
    };
    let printed = Rule::compile(&rule.print(), Vocabulary::Entra)
        .unwrap_or_else(|error| panic!("{}: {}: {error}", vector.id, rule.print()));
    assert_eq!(printed.print(), rule.print(), "{}", vector.id);
    let subject = Subject::from_json(vector.subject.clone()).unwrap();
    let verdict = printed.evaluate(&subject, vector.now);
    assert_eq!(rule.evaluate(&subject, vector.now), verdict);
    match verdict {
        Ok(Verdict::Member(member)) => json!(member),
        Ok(Verdict::Frozen) => json!("frozen"),
        Err(unknown) => panic!("{}: {unknown}", vector.id),
    }
}

#[test]
fn every_vector_holds() {
    let vectors: Vec<Vector> = serde_json::from_str(VECTORS).unwrap();
    let mut wrong = Vec::new();
    for vector in &vectors {
        let result = run(vector);
        if result != vector.expect {
            wrong.push(format!(
                "{} {}\n  expected {}\n  got      {result}",
                vector.id, vector.rule, vector.expect
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(vectors.len(), 260);
}

const LINTS: &str = include_str!("../../../tests/vectors/dynamic-rules-lint.json");

#[derive(Deserialize)]
struct LintVector {
    id: String,
    rule: String,
    lint: Vec<String>,
    suggest: Option<String>,
    kind: Option<String>,
}

/// A rule with its parts and lists in one order, so that two that differ in it only are the same.
fn sorted(source: &str) -> String {
    fn logic<A>(formula: &Logic<A>, atom: &dyn Fn(&A) -> String) -> String {
        let all = |name: &str, parts: &[Logic<A>]| {
            let mut parts: Vec<String> = parts.iter().map(|part| logic(part, atom)).collect();
            parts.sort();
            format!("{name}({})", parts.join("; "))
        };
        match formula {
            Logic::Or(parts) => all("or", parts),
            Logic::And(parts) => all("and", parts),
            Logic::Not(inner) => format!("not({})", logic(inner, atom)),
            Logic::Is(it) => atom(it),
        }
    }
    fn test(test: &Test) -> String {
        match &test.ask {
            Ask::In { folded, .. } => format!("in {folded:?} {}", test.negated),
            Ask::Is(text) => format!("is {} {}", text.folded, test.negated),
            other @ (Ask::Null
            | Ask::StartsWith(_)
            | Ask::EndsWith(_)
            | Ask::Contains(_)
            | Ask::Matches { .. }
            | Ask::Flag(_)
            | Ask::At(..)) => format!("{other:?} {}", test.negated),
        }
    }
    let rule = Rule::compile(source, Vocabulary::Entra).unwrap();
    let name = |property: &usize| rule.checked.properties[*property].name.clone();
    logic(&rule.checked.root, &|atom| match atom {
        Atom::Test {
            property,
            test: asked,
        } => format!("{} {}", name(property), test(asked)),
        Atom::Items {
            property,
            all,
            body,
        } => {
            let body = logic(body, &|item| {
                format!("{:?} {}", item.field, test(&item.test))
            });
            format!("{} {all} {body}", name(property))
        }
        other @ (Atom::Reports(_) | Atom::MemberOf { .. }) => format!("{other:?}"),
    })
}

#[test]
fn every_lint_vector_holds() {
    let vectors: Vec<LintVector> = serde_json::from_str(LINTS).unwrap();
    let mut wrong = Vec::new();
    for vector in &vectors {
        let advice = super::lint::lint(&vector.rule, Vocabulary::Entra, None).unwrap();
        let lints: Vec<&str> = advice.lints().iter().map(|lint| lint.name()).collect();
        let suggestion = advice.suggestion.as_ref();
        let rule = suggestion.map(|suggestion| sorted(&suggestion.rule));
        let kind = suggestion.map(|suggestion| suggestion.repair.name());
        if lints != vector.lint
            || rule != vector.suggest.as_deref().map(sorted)
            || kind != vector.kind.as_deref()
        {
            wrong.push(format!(
                "{} {}\n  got {lints:?} {kind:?} {rule:?}",
                vector.id, vector.rule
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(vectors.len(), 40);
}
