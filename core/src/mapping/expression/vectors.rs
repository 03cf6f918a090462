//! The shared vectors, as far as their functions are built.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{ErrorKind, EvalContext, Evaluated, Expression, text_form};
use crate::model::{Attributes, Value};

const VECTORS: &str = include_str!("../../../../tests/vectors/mapping-expressions.json");

/// What the vectors use and this version refuses when it compiles. When one is built it leaves
/// this list, and its vectors run.
const NOT_BUILT: [&str; 23] = [
    "AppRoleAssignmentsComplex",
    "AssertiveAppRoleAssignmentsComplex",
    "BitAnd",
    "CDate",
    "ConvertFromBase64",
    "ConvertToBase64",
    "ConvertToUTF8Hex",
    "DateFromNum",
    "DefaultDomain",
    "FormatDateTime",
    "Guid",
    "IsString",
    "Now",
    "NumFromDate",
    "RandomString",
    "Redact",
    "RemoveDuplicates",
    "Replace by oldValue with template",
    "Replace by regexPattern",
    "Replace by regexPattern with regexGroupName",
    "Replace by replacementAttributeName",
    "SelectUniqueValue",
    "SingleAppRoleAssignment",
];

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    expression: String,
    input: BTreeMap<String, Json>,
    expect: Json,
}

/// The result in the form that the vectors use.
fn run(vector: &Vector) -> Json {
    let context = EvalContext {
        now: Timestamp::UNIX_EPOCH,
    };
    let error = |kind: ErrorKind| serde_json::json!({ "error": kind.name() });
    let expression = match Expression::compile(&vector.expression) {
        Ok(expression) => expression,
        Err(e) => return error(e.kind),
    };
    // Only vectors of functions that are not built have inputs that are no attribute values.
    let input: Attributes = vector
        .input
        .iter()
        .map(|(name, value)| (name.clone(), serde_json::from_value(value.clone()).unwrap()))
        .collect();
    match expression.evaluate_named(&input, &context) {
        Ok(Evaluated::Value(Value::List(items))) => {
            items.iter().map(|item| text_form(item).unwrap()).collect()
        }
        Ok(Evaluated::Value(value)) => text_form(&value).into(),
        Ok(Evaluated::IgnoreAttribute) => serde_json::json!({ "ignore": "attribute" }),
        Ok(Evaluated::IgnoreObject) => serde_json::json!({ "ignore": "object" }),
        Err(e) => error(e.kind),
    }
}

/// What an `unsupported` error names: between the backquotes, and the mode of `Replace`.
fn refused(expression: &str) -> Option<String> {
    let error = Expression::compile(expression).err()?;
    (error.kind == ErrorKind::Unsupported).then(|| {
        let what = error
            .message
            .split(" is not supported")
            .next()
            .unwrap_or_default();
        what.replace('`', "")
    })
}

#[test]
fn vectors_of_built_functions_hold() {
    let file: File = serde_json::from_str(VECTORS).unwrap();
    let mut ran = 0;
    let mut wrong = Vec::new();
    let mut refusals = std::collections::BTreeSet::new();
    for vector in &file.vectors {
        if let Some(name) = refused(&vector.expression) {
            assert!(
                NOT_BUILT.contains(&name.as_str()),
                "{}: {name} is refused",
                vector.id
            );
            refusals.insert(name);
            continue;
        }
        ran += 1;
        let result = run(vector);
        if result != vector.expect {
            wrong.push(format!(
                "{} {}\n  expected {}\n  got      {result}",
                vector.id, vector.expression, vector.expect
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(file.vectors.len(), 310);
    // The expressions with a function of the list are the other ones.
    assert_eq!(ran, 172);
    // An entry that no vector needs any more has to leave the list.
    for name in NOT_BUILT {
        assert!(refusals.contains(name), "{name} stopped no vector");
    }
}
