//! The shared vectors, every one.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{ErrorKind, EvalContext, Evaluated, Expression, attributes, text_form};
use crate::model::Value;
use crate::pattern::Pattern;

const VECTORS: &str = include_str!("../../../../tests/vectors/mapping-expressions.json");

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    expression: String,
    input: Json,
    expect: Json,
    now: Option<Timestamp>,
    default_domain: Option<String>,
    #[serde(default)]
    taken: Vec<String>,
    log_value: Option<String>,
}

/// The result in the form that the vectors use.
fn run(vector: &Vector) -> Json {
    let context = EvalContext {
        default_domain: vector.default_domain.as_deref(),
        seed: Some(vector.id.as_bytes()),
        ..EvalContext::at(vector.now.unwrap_or(Timestamp::UNIX_EPOCH))
    };
    let error = |kind: ErrorKind| serde_json::json!({ "error": kind.name() });
    let expression = match Expression::compile(&vector.expression) {
        Ok(expression) => expression,
        Err(e) => return error(e.kind),
    };
    assert_eq!(expression.redacts(), vector.log_value.is_some());
    let printed = Expression::compile(&expression.print()).unwrap();
    assert_eq!(printed.print(), expression.print(), "{}", vector.id);
    let input = attributes(&vector.input).unwrap();
    let evaluated = printed.evaluate_named(&input, &context);
    let evaluated = match evaluated {
        Ok(Evaluated::Candidates(candidates)) => {
            let taken = |v: &Value| vector.taken.iter().any(|t| v.as_text() == Some(t));
            candidates.choose(taken).map(Evaluated::Value)
        }
        other => other,
    };
    match evaluated {
        Ok(Evaluated::Value(Value::List(items))) => {
            items.iter().map(|item| text_form(item).unwrap()).collect()
        }
        Ok(Evaluated::Value(value)) => text_form(&value).into(),
        Ok(Evaluated::IgnoreAttribute) => serde_json::json!({ "ignore": "attribute" }),
        Ok(Evaluated::IgnoreObject) => serde_json::json!({ "ignore": "object" }),
        Ok(Evaluated::Candidates(_)) => panic!("chosen above"),
        Err(e) => error(e.kind),
    }
}

/// Whether a result is what a vector wants: the same, or of a kind that it describes.
fn fits(expect: &Json, result: &Json) -> bool {
    if let Some(pattern) = expect.get("matches") {
        let pattern = Pattern::new(pattern.as_str().unwrap()).unwrap();
        return result
            .as_str()
            .is_some_and(|text| pattern.fits(text, &crate::pattern::Steps::new()).unwrap());
    }
    let Some(random) = expect.get("random") else {
        return result == expect;
    };
    let Some(text) = result.as_str() else {
        return false;
    };
    let number = |name: &str| usize::try_from(random[name].as_u64().unwrap()).unwrap();
    let count = |kind: fn(char) -> bool| text.chars().filter(|c| kind(*c)).count();
    let avoided = random["avoid"].as_str().unwrap();
    text.chars().count() == number("length")
        && count(|c| c.is_ascii_digit()) >= number("min_digits")
        && count(|c| c.is_ascii_punctuation()) >= number("min_special")
        && count(|c| c.is_ascii_uppercase()) >= number("min_upper")
        && count(|c| c.is_ascii_lowercase()) >= number("min_lower")
        && !text.contains(|c| avoided.contains(c))
}

#[test]
fn every_vector_holds() {
    let file: File = serde_json::from_str(VECTORS).unwrap();
    let mut wrong = Vec::new();
    for vector in &file.vectors {
        let result = run(vector);
        if !fits(&vector.expect, &result) {
            wrong.push(format!(
                "{} {}\n  expected {}\n  got      {result}",
                vector.id, vector.expression, vector.expect
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(file.vectors.len(), 310);
}
