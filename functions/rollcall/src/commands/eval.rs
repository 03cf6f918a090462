//! `eval`: one expression for one record, as a mapping would evaluate it; or many of them.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rollcall_core::mapping::expression::{
    DateDiffReading, EvalContext, Evaluated, Expression, ExpressionError, Step, attributes,
    text_form,
};
use rollcall_core::model::Value;
use rollcall_pipeline::run::nonce;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::vectors;
use crate::args::Eval;
use crate::exit::Exit;
use crate::printer::Printer;

/// What is evaluated, and with what: a vector is one, and so are the flags.
#[derive(Deserialize)]
struct Case {
    expression: String,
    #[serde(default = "nothing")]
    input: Json,
    now: Option<Timestamp>,
    default_domain: Option<String>,
    #[serde(default)]
    taken: Vec<String>,
}

/// A record without attributes.
fn nothing() -> Json {
    Json::Object(serde_json::Map::new())
}

/// What came out of a case.
struct Outcome {
    result: Result<Evaluated, ExpressionError>,
    /// The value must not be logged.
    redacts: bool,
    steps: Vec<Step>,
}

pub(crate) fn eval(args: &Eval, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let seed = [nonce(), nonce(), nonce(), nonce()].concat();
    if let Some(path) = &args.vectors {
        return many(path, args, &seed, printer);
    }
    let case = Case {
        expression: args.expression.clone().unwrap_or_default(),
        input: match &args.attributes {
            None => nothing(),
            Some(path) => vectors::json(path, "attributes")?,
        },
        now: args.now,
        default_domain: args.default_domain.clone(),
        taken: args.taken.clone(),
    };
    let outcome = outcome(&case, &seed, args.date_diff.into()).map_err(anyhow::Error::msg)?;
    if printer.answers_json(args.text) {
        let mut out = outcome.json();
        out["format_version"] = json!(1);
        if args.steps {
            out["steps"] = json!(outcome.steps);
        }
        printer.json(&out);
    } else {
        let steps = outcome.steps.iter().filter(|_| args.steps);
        for step in steps {
            printer.data(&format!("{}  ->  {}\n", step.part, step.value));
        }
        match outcome.text() {
            Ok(text) => printer.data(&format!("{text}\n")),
            Err(error) => printer.error(&format!("{}: {error}", error.kind)),
        }
    }
    Ok(match outcome.result {
        Ok(_) => Exit::Done,
        Err(_) => Exit::Flawed,
    })
}

/// A line of JSON for each vector of a file: what came out, and no judgement.
fn many(path: &Path, args: &Eval, seed: &str, printer: &Printer) -> anyhow::Result<Exit> {
    vectors::answer(path, printer, |id, case: Case| {
        let seed = format!("{seed}{id}");
        outcome(&case, &seed, args.date_diff.into()).map(|it| it.json())
    })
}

/// What comes out of a case.
///
/// # Errors
///
/// Its input holds something that is no attribute.
fn outcome(case: &Case, seed: &str, date_diff: DateDiffReading) -> Result<Outcome, String> {
    let input = attributes(&case.input)?;
    let context = EvalContext {
        default_domain: case.default_domain.as_deref(),
        seed: Some(seed.as_bytes()),
        date_diff,
        ..EvalContext::at(case.now.unwrap_or_else(Timestamp::now))
    };
    let expression = match Expression::compile(&case.expression) {
        Ok(expression) => expression,
        Err(error) => {
            return Ok(Outcome {
                result: Err(error),
                redacts: false,
                steps: Vec::new(),
            });
        }
    };
    let (evaluated, steps) = expression.explain_named(&input, &context);
    let result = match evaluated {
        Ok(Evaluated::Candidates(candidates)) => {
            // As directories compare names.
            let taken = |value: &Value| {
                let is = |taken: &String| {
                    let value = value.as_text().unwrap_or_default();
                    value.to_lowercase() == taken.to_lowercase()
                };
                case.taken.iter().any(is)
            };
            candidates.choose(taken).map(Evaluated::Value)
        }
        other => other,
    };
    Ok(Outcome {
        result,
        redacts: expression.redacts(),
        steps,
    })
}

impl Outcome {
    fn json(&self) -> Json {
        match &self.result {
            Ok(Evaluated::Value(value)) => {
                let mut out = json!({"value": shown(value)});
                if self.redacts {
                    out["log_value"] = json!("[Redact]");
                }
                out
            }
            Ok(Evaluated::IgnoreAttribute) => json!({"ignore": "attribute"}),
            Ok(Evaluated::IgnoreObject) => json!({"ignore": "object"}),
            Ok(Evaluated::Candidates(_)) => unreachable!("chosen by `outcome`"),
            Err(error) => json!({"error": {
                "kind": error.kind.name(),
                "message": error.message,
                "at": {
                    "line": error.line, "column": error.column, "part": error.sub_expression,
                },
            }}),
        }
    }

    /// As people read it.
    fn text(&self) -> Result<String, &ExpressionError> {
        Ok(match self.result.as_ref()? {
            Evaluated::Value(value) => {
                let value = shown(value);
                match value.as_str() {
                    _ if value.is_null() => "no value".to_owned(),
                    Some(text) => text.to_owned(),
                    None => value.to_string(),
                }
            }
            Evaluated::IgnoreAttribute => "left out: the attribute".to_owned(),
            Evaluated::IgnoreObject => "left out: the object".to_owned(),
            Evaluated::Candidates(_) => unreachable!("chosen by `outcome`"),
        })
    }
}

/// In the text forms of the language; a list stays one.
fn shown(value: &Value) -> Json {
    if let Value::List(items) = value {
        let items = items.iter().map(|item| Json::from(text_form(item)));
        return items.collect();
    }
    Json::from(text_form(value))
}
