//! The shared vectors, every one.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value as Json, json};

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
