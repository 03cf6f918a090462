//! Any expression over any attributes: evaluation never panics and always ends, gives the same
//! value again, and watching it changes nothing.
//!
//! The input is the expression, then the values of its attributes in the order in which they occur,
//! each behind a NUL; a value with U+001F in it is a list, an empty one is missing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall_core::mapping::expression::{DateDiffReading, EvalContext, Expression};
use rollcall_core::model::{Attributes, Value};

fuzz_target!(|input: &str| {
    let mut parts = input.split('\0');
    let Ok(expression) = Expression::compile(parts.next().unwrap_or_default()) else {
        return;
    };
    let values = parts.chain(std::iter::repeat(""));
    let attributes: Attributes = expression
        .attributes()
        .iter()
        .cloned()
        .zip(values.map(value))
        .collect();
    for date_diff in [DateDiffReading::Elapsed, DateDiffReading::Boundaries] {
        let context = EvalContext {
            default_domain: Some("woodgrove.example"),
            seed: Some(b"the same seed"),
            date_diff,
            ..EvalContext::at(jiff::Timestamp::UNIX_EPOCH)
        };
        let came = expression.evaluate_named(&attributes, &context);
        let (watched, _steps) = expression.explain_named(&attributes, &context);
        assert_eq!(came, watched);
    }
});

fn value(text: &str) -> Value {
    if text.is_empty() {
        Value::Null
    } else if text.contains('\u{1f}') {
        let items = text.split('\u{1f}');
        Value::List(items.map(|item| Value::Text(item.to_owned())).collect())
    } else {
        Value::Text(text.to_owned())
    }
}
