//! Microsoft Entra's attribute-mapping expressions: compile once, evaluate for every row.
//!
//! Every function of the language can be evaluated; those of other services are refused when the
//! expression is compiled ([`ErrorKind::UnknownFunction`]), never while rows are mapped. Invariant:
//! evaluation reads nothing but the looked-up attributes and the context, and no error holds a
//! value.
//!
//! Where the published reference is silent, the readings are those of
//! `docs/mapping-language.md`; the one on which tenants may differ is
//! [`EvalContext::date_diff`].

mod dates;
mod diacritics;
mod error;
mod evaluate;
mod functions;
mod generate;
mod lexer;
mod lint;
mod parser;
mod print;
#[cfg(test)]
mod properties;
mod text;
mod trace;
#[cfg(test)]
mod vectors;

use jiff::Timestamp;

pub use dates::DateDiffReading;
pub use error::{ErrorKind, ExpressionError};
pub use lint::Lint;
pub(in crate::mapping) use lint::SLOW_PATTERN;
pub use trace::{Step, quoted};

use functions::Function;

use crate::model::{Attributes, Value};

/// What an expression is given for an attribute.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// The source does not have the attribute.
    Null,
    /// A cell. The empty text is a value.
    Text(&'a str),
    /// A value that has a type already.
    Value(&'a Value),
}

/// Where the values of attributes come from.
pub trait Lookup {
    /// The value of the attribute that has this slot in [`Expression::attributes`].
    fn get(&self, slot: usize) -> Input<'_>;
}

/// What is given beside the attributes.
#[derive(Debug, Clone, Copy)]
pub struct EvalContext<'a> {
    /// The run's instant: what `Now()` gives.
    pub now: Timestamp,
    /// What `DefaultDomain()` gives.
    pub default_domain: Option<&'a str>,
    /// What `Guid()` and `RandomString` are made from: of this run, record and attribute, secret
    /// where their results are. Without it they are errors.
    pub seed: Option<&'a [u8]>,
    /// How `DateDiff` counts.
    pub date_diff: DateDiffReading,
}

/// A text without accents, by the table of `NormalizeDiacritics`.
pub(crate) fn plain(text: &str) -> std::borrow::Cow<'_, str> {
    diacritics::normalize(text.into())
}

impl EvalContext<'_> {
    /// Nothing but the instant.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            default_domain: None,
            seed: None,
            date_diff: DateDiffReading::default(),
        }
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluated {
    /// A value. `Bool` and `Number` only where the outermost function makes one; see
    /// [`text_form`].
    Value(Value),
    /// What `SelectUniqueValue` chooses from.
    Candidates(Candidates),
    /// The attribute is left out of the flow: neither set nor cleared.
    IgnoreAttribute,
    /// The whole record is left out (only sensible for the target `objectFilter`).
    IgnoreObject,
}

/// The values of `SelectUniqueValue` in the order of its rules, each once; empty ones are none.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidates {
    /// The values.
    pub values: Vec<Value>,
    none_left: Box<ExpressionError>,
}

impl Candidates {
    /// The first that is not taken.
    ///
    /// # Errors
    /// [`ErrorKind::NotUnique`], or what kept the next rule from making a value.
    pub fn choose(self, mut taken: impl FnMut(&Value) -> bool) -> Result<Value, ExpressionError> {
        let free = self.values.into_iter().find(|value| !taken(value));
        free.ok_or(*self.none_left)
    }
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expression {
    source: String,
    parsed: parser::Parsed,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// The first mistake: [`ErrorKind::Syntax`], [`ErrorKind::Limit`] (10,000 characters, 64
    /// nested calls), [`ErrorKind::UnknownFunction`],
    /// [`ErrorKind::Arity`] or [`ErrorKind::BadPattern`].
    pub fn compile(source: &str) -> Result<Self, ExpressionError> {
        Ok(Self {
            source: source.to_owned(),
            parsed: parser::parse(source)?,
        })
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The attributes that it reads. The index is the slot that [`Lookup::get`] is asked for;
    /// names are case-sensitive and each occurs once.
    pub fn attributes(&self) -> &[String] {
        &self.parsed.attributes
    }

    /// Whether `IgnoreObjectFlow` occurs in it.
    pub fn may_ignore_object(&self) -> bool {
        self.parsed.ignores_object
    }

    fn calls(&self, function: Function) -> bool {
        self.parsed.functions.contains(&function)
    }

    /// Whether its value is not to be shown in reports and logs: `Redact` occurs in it.
    pub fn redacts(&self) -> bool {
        self.calls(Function::Redact)
    }

    /// Whether it may give another value for the same record at another time: `Now` occurs.
    pub fn asks_clock(&self) -> bool {
        self.calls(Function::Now)
    }

    /// Whether it needs [`EvalContext::seed`].
    pub fn asks_chance(&self) -> bool {
        self.calls(Function::Guid) || self.calls(Function::RandomString)
    }

    /// Whether it needs [`EvalContext::default_domain`].
    pub fn asks_domain(&self) -> bool {
        self.calls(Function::DefaultDomain)
    }

    /// Whether `ToLower` occurs in it.
    pub fn lowers(&self) -> bool {
        self.calls(Function::ToLower)
    }

    /// Whether its values are candidates to choose from.
    pub fn selects(&self) -> bool {
        matches!(
            self.parsed.root.kind,
            parser::Kind::Call(Function::SelectUniqueValue, _)
        )
    }

    /// In one form, whatever it was compiled from. Compiled again it is the same.
    pub fn print(&self) -> String {
        print::print(&self.parsed.root, &self.parsed.attributes)
    }

    /// The constant text that it is, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let parser::Kind::Text(text) = &self.parsed.root.kind {
            Some(text)
        } else {
            None
        }
    }

    /// The function that it is a call of, if it is one.
    pub(crate) fn function(&self) -> Option<&'static str> {
        if let parser::Kind::Call(function, _) = &self.parsed.root.kind {
            Some(functions::name(*function))
        } else {
            None
        }
    }

    /// As Microsoft Graph writes it in a schema: `attributeMappingSource`.
    pub fn tree(&self) -> serde_json::Value {
        print::tree(&self.parsed.root, &self.parsed.attributes)
    }

    /// Evaluates for one record. Branches that are not taken are not evaluated.
    ///
    /// # Errors
    /// [`ErrorKind::BadArgument`], [`ErrorKind::BadDate`] and the like, with the sub-expression that
    /// failed.
    pub fn evaluate(
        &self,
        lookup: &dyn Lookup,
        context: &EvalContext<'_>,
    ) -> Result<Evaluated, ExpressionError> {
        evaluate::evaluate(&self.source, &self.parsed.root, lookup, context, None)
    }

    /// The same, and how it came about: every function that was called and every comparison that
    /// was made, innermost first. It shows values: for people who may see them.
    pub fn explain(
        &self,
        lookup: &dyn Lookup,
        context: &EvalContext<'_>,
    ) -> (Result<Evaluated, ExpressionError>, Vec<Step>) {
        let trace = trace::Trace::default();
        let (root, watched) = (&self.parsed.root, Some(&trace));
        let came = evaluate::evaluate(&self.source, root, lookup, context, watched);
        let steps = trace.steps(root, &self.parsed.attributes, lookup);
        (came, steps)
    }

    /// The same, with attributes by name; a missing name is NULL.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn evaluate_named(
        &self,
        attributes: &Attributes,
        context: &EvalContext<'_>,
    ) -> Result<Evaluated, ExpressionError> {
        self.evaluate(
            &Named {
                names: &self.parsed.attributes,
                attributes,
            },
            context,
        )
    }
}

impl Expression {
    /// As [`Expression::explain`], with attributes by name.
    pub fn explain_named(
        &self,
        attributes: &Attributes,
        context: &EvalContext<'_>,
    ) -> (Result<Evaluated, ExpressionError>, Vec<Step>) {
        let names = &self.parsed.attributes;
        self.explain(&Named { names, attributes }, context)
    }
}

struct Named<'a> {
    names: &'a [String],
    attributes: &'a Attributes,
}

impl Lookup for Named<'_> {
    fn get(&self, slot: usize) -> Input<'_> {
        self.attributes
            .get(&self.names[slot])
            .map_or(Input::Null, Input::Value)
    }
}

/// The attributes of a record from a JSON object. A member that is an object itself is what app
/// roles come as: its JSON, as a text.
///
/// # Errors
/// When it is no object, when a number has more digits than can be kept, or when a list stands in a
/// list; it names the member.
pub fn attributes(json: &serde_json::Value) -> Result<Attributes, String> {
    let Some(members) = json.as_object() else {
        return Err(
            "the attributes are one JSON object: {\"name\": \"value\", \"other\": [\"a\", \"b\"]}"
                .to_owned(),
        );
    };
    let read = |(name, value)| match attribute(value) {
        Ok(value) => Ok((String::clone(name), value)),
        Err(why) => Err(format!("attribute `{name}`: {why}")),
    };
    members.iter().map(read).collect()
}

fn attribute(json: &serde_json::Value) -> Result<Value, &'static str> {
    use serde_json::Value as Json;
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        // What looks whole and is not kept so was longer.
        Json::Number(number)
            if number.as_i64().is_none()
                && number.as_f64().is_none_or(|value| value.fract() == 0.0) =>
        {
            return Err("a whole number of 64 bits is expected; write a longer one as a text");
        }
        Json::Number(number) => Value::Number(number.clone()),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) if items.iter().any(Json::is_array) => {
            return Err("a list stands in a list");
        }
        Json::Array(items) => Value::List(items.iter().map(attribute).collect::<Result<_, _>>()?),
        Json::Object(_) => Value::Text(json.to_string()),
    })
}

/// The text form of a single value, as the language prints it: `True` and `False`, plain digits.
/// `None` for null and for lists.
pub fn text_form(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::List(_) => None,
        Value::Bool(value) => Some(evaluate::bool_text(*value).to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Text(text) => Some(text.clone()),
    }
}
