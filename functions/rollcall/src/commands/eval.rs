//! `eval`: one expression for one record, as a mapping would evaluate it.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use rollcall_core::mapping::expression::{
    EvalContext, Evaluated, Expression, ExpressionError, Step, attributes, text_form,
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
    let input = attributes(&input).map_err(anyhow::Error::msg)?;
    let seed = [nonce(), nonce(), nonce(), nonce()].concat();
    let context = EvalContext {
        default_domain: args.default_domain.as_deref(),
        seed: Some(seed.as_bytes()),
        date_diff: args.date_diff.into(),
        ..EvalContext::at(args.now.unwrap_or_else(Timestamp::now))
    };
    let expression = match Expression::compile(&args.expression) {
        Ok(expression) => expression,
        Err(error) => {
            let steps = None;
            return Ok(Speaker { printer, steps }.failed(&error));
        }
    };
    let (evaluated, steps) = expression.explain_named(&input, &context);
    let steps = args.steps.then_some(steps);
    let evaluated = match evaluated {
        Ok(Evaluated::Candidates(candidates)) => {
            // As directories compare names.
            let taken = |value: &Value| {
                let is = |taken: &String| {
                    let value = value.as_text().unwrap_or_default();
                    value.to_lowercase() == taken.to_lowercase()
                };
                args.taken.iter().any(is)
            };
            candidates.choose(taken).map(Evaluated::Value)
        }
        other => other,
    };
    let printer = Speaker { printer, steps };
    match evaluated {
        Ok(Evaluated::Value(value)) => {
            let value = shown(&value);
            let text = match value.as_str() {
                _ if value.is_null() => "no value".to_owned(),
                Some(text) => text.to_owned(),
                None => value.to_string(),
            };
            let mut out = json!({"value": value});
            if expression.redacts() {
                out["log_value"] = json!("[Redact]");
            }
            printer.say(out, &text);
        }
        Ok(Evaluated::IgnoreAttribute) => printer.ignored("attribute"),
        Ok(Evaluated::IgnoreObject) => printer.ignored("object"),
        Ok(Evaluated::Candidates(_)) => unreachable!("chosen above"),
        Err(error) => return Ok(printer.failed(&error)),
    }
    Ok(Exit::Done)
}

/// Says what came out, and how where that was asked.
struct Speaker<'a> {
    printer: &'a Printer,
    steps: Option<Vec<Step>>,
}

impl Speaker<'_> {
    fn say(&self, json: Json, text: &str) {
        if self.printer.json {
            self.json(json);
            return;
        }
        self.how();
        self.printer.data(&format!("{text}\n"));
    }

    fn how(&self) {
        for step in self.steps.iter().flatten() {
            let line = format!("{}  ->  {}\n", step.part, step.value);
            self.printer.data(&line);
        }
    }

    fn json(&self, mut json: Json) {
        json["format_version"] = json!(1);
        if let Some(steps) = &self.steps {
            json["steps"] = json!(steps);
        }
        self.printer.json(&json);
    }

    fn ignored(&self, what: &str) {
        self.say(json!({"ignore": what}), &format!("left out: the {what}"));
    }

    fn failed(&self, error: &ExpressionError) -> Exit {
        if self.printer.json {
            let at = json!({
                "line": error.line, "column": error.column, "part": error.sub_expression,
            });
            self.json(json!({
                "error": {"kind": error.kind.name(), "message": error.message, "at": at},
            }));
        } else {
            self.how();
            self.printer.error(&format!("{}: {error}", error.kind));
        }
        Exit::Flawed
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
