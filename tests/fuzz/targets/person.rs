//! Any path over any person of SuccessFactors, and any date: reading never panics and always ends.
//!
//! The input is the path, a NUL, and the person as JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall_successfactors::{Path, iso, parse_date};

fuzz_target!(|input: &str| {
    let (path, person) = input.split_once('\0').unwrap_or((input, "{}"));
    if let Some(said) = parse_date(path) {
        assert!(iso(said).len() <= 40);
    }
    let Ok(path) = Path::parse(path) else {
        return;
    };
    // What it reads of an instance is known, or it is refused with one line.
    if let Err(error) = path.asks_for() {
        assert!(!error.is_empty() && !error.contains('\n'));
    }
    if let Ok(person) = serde_json::from_str::<serde_json::Value>(person) {
        let _found = path.find(&person).len();
    }
});
