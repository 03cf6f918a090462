//! `eval`: one expression for one record, as a mapping would evaluate it.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use rollcall_core::mapping::expression::{
    EvalContext, Evaluated, Expression, ExpressionError, attributes, text_form,
};
use rollcall_core::model::Value;
use rollcall_pipeline::run::nonce;
use serde_json::{Value as Json, json};

use crate::args::Eval;
use crate::exit::Exit;
use crate::printer::Printer;

pub(crate) fn eval(args: &Eval, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let input = match &args.attributes {
        None => Json::Object(serde_json::Map::new()),
        Some(path) => read(path)?,
    };
    let Some(input) = attributes(&input) else {
        bail!(
            "the attributes are one JSON object: {{\"name\": \"value\", \"other\": [\"a\", \"b\"]}}"
        );
    };
    let seed = [nonce(), nonce(), nonce(), nonce()].concat();
    let context = EvalContext {
        default_domain: args.default_domain.as_deref(),
        seed: Some(seed.as_bytes()),
        date_diff: args.date_diff.into(),
        ..EvalContext::at(args.now.unwrap_or_else(Timestamp::now))
    };
    let expression = match Expression::compile(&args.expression) {
        Ok(expression) => expression,
        Err(error) => return Ok(failed(&error, printer)),
    };
    let evaluated = match expression.evaluate_named(&input, &context) {
        Ok(Evaluated::Candidates(candidates)) => {
            let taken = |value: &Value| args.taken.iter().any(|t| value.as_text() == Some(t));
            candidates.choose(taken).map(Evaluated::Value)
        }
        other => other,
    };
    match evaluated {
        Ok(Evaluated::Value(value)) => {
            let value = shown(&value);
            if printer.json {
                let mut out = json!({"format_version": 1, "value": value});
                if expression.redacts() {
                    out["log_value"] = json!("[Redact]");
                }
                printer.json(&out);
            } else {
                let text = match value.as_str() {
                    _ if value.is_null() => "no value".to_owned(),
                    Some(text) => text.to_owned(),
                    None => value.to_string(),
                };
                printer.data(&format!("{text}\n"));
            }
        }
        Ok(Evaluated::IgnoreAttribute) => ignored("attribute", printer),
        Ok(Evaluated::IgnoreObject) => ignored("object", printer),
        Ok(Evaluated::Candidates(_)) => unreachable!("chosen above"),
        Err(error) => return Ok(failed(&error, printer)),
    }
    Ok(Exit::Done)
}

fn ignored(what: &str, printer: &Printer) {
    if printer.json {
        printer.json(&json!({"format_version": 1, "ignore": what}));
    } else {
        printer.data(&format!("left out: the {what}\n"));
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

fn failed(error: &ExpressionError, printer: &Printer) -> Exit {
    if printer.json {
        printer.json(&json!({
            "format_version": 1,
            "error": {
                "kind": error.kind.name(),
                "message": error.message,
                "at": {"line": error.line, "column": error.column, "part": error.sub_expression},
            },
        }));
    } else {
        printer.error(&format!("{}: {error}", error.kind));
    }
    Exit::Flawed
}

fn read(path: &Path) -> anyhow::Result<Json> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("the attributes cannot be read from stdin")?;
    } else {
        text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: the attributes cannot be read", path.display()))?;
    }
    serde_json::from_str(&text).with_context(|| format!("{}: this is no JSON", path.display()))
}
