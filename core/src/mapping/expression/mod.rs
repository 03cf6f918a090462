//! Microsoft Entra's attribute-mapping expressions: compile once, evaluate for every row.
//!
//! The whole grammar is read; functions that are not built yet are refused when the expression is
//! compiled ([`ErrorKind::Unsupported`]), never while rows are mapped. Invariant: evaluation
//! reads nothing but the looked-up attributes and the context, and no error holds a value.
//!
//! Where the published reference is silent the readings are: NULL in `Append` is the empty text;
//! a `Switch` without match and default is NULL; a comparison with NULL is false; `=` and
//! `Switch` compare case-sensitively; lengths and positions count UTF-16 units, as .NET does.

mod diacritics;
mod error;
mod evaluate;
mod functions;
mod lexer;
mod parser;
#[cfg(test)]
mod properties;
mod text;
#[cfg(test)]
mod vectors;

use jiff::Timestamp;

pub use error::{ErrorKind, ExpressionError};

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

/// What holds for all rows of a run.
#[derive(Debug, Clone, Copy)]
pub struct EvalContext {
    /// The run's instant: what `Now()` gives.
    pub now: Timestamp,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluated {
    /// A value. `Bool` and `Number` only where the outermost function makes one; see
    /// [`text_form`].
    Value(Value),
    /// The attribute is left out of the flow: neither set nor cleared.
    IgnoreAttribute,
    /// The whole record is left out (only sensible for the target `objectFilter`).
    IgnoreObject,
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expression {
    source: String,
    root: parser::Node,
    attributes: Vec<String>,
    ignores_object: bool,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// The first mistake: [`ErrorKind::Syntax`], [`ErrorKind::Limit`] (10,000 characters, 64
    /// nested calls), [`ErrorKind::UnknownFunction`], [`ErrorKind::Unsupported`] or
    /// [`ErrorKind::Arity`].
    pub fn compile(source: &str) -> Result<Self, ExpressionError> {
        let parser::Parsed {
            root,
            attributes,
            ignores_object,
        } = parser::parse(source)?;
        Ok(Self {
            source: source.to_owned(),
            root,
            attributes,
            ignores_object,
        })
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The attributes that it reads. The index is the slot that [`Lookup::get`] is asked for;
    /// names are case-sensitive and each occurs once.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// Whether `IgnoreObjectFlow` occurs in it.
    pub fn may_ignore_object(&self) -> bool {
        self.ignores_object
    }

    /// Evaluates for one record. Branches that are not taken are not evaluated.
    ///
    /// # Errors
    /// [`ErrorKind::BadArgument`], [`ErrorKind::BadIndex`], with the sub-expression that failed.
    pub fn evaluate(
        &self,
        lookup: &dyn Lookup,
        _context: &EvalContext,
    ) -> Result<Evaluated, ExpressionError> {
        evaluate::evaluate(&self.source, &self.root, lookup)
    }

    /// The same, with attributes by name; a missing name is NULL.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn evaluate_named(
        &self,
        attributes: &Attributes,
        context: &EvalContext,
    ) -> Result<Evaluated, ExpressionError> {
        self.evaluate(
            &Named {
                names: &self.attributes,
                attributes,
            },
            context,
        )
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
