//! Any text through the parser of mapping expressions: it never panics and always ends, what it
//! takes prints to itself, and what it refuses is named with a place in the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall_core::mapping::expression::Expression;

fuzz_target!(|source: &str| {
    match Expression::compile(source) {
        Ok(expression) => {
            let printed = expression.print();
            let again = Expression::compile(&printed).expect("what is printed parses");
            assert_eq!(again.print(), printed);
            assert_eq!(again.attributes(), expression.attributes());
            let _tree = expression.tree();
        }
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1);
            assert!(source.contains(&error.sub_expression));
            assert!(!error.to_string().contains('\n'));
        }
    }
});
