//! What holds for every text: no panic, errors with a place, bounded depth; and the published
//! forms of the grammar that no vector shows.

use jiff::Timestamp;
use proptest::prelude::*;

use super::{ErrorKind, EvalContext, Evaluated, Expression, Input, Lookup};
use crate::model::Value;

struct Fixed(&'static str);

impl Lookup for Fixed {
    fn get(&self, _: usize) -> Input<'_> {
        Input::Text(self.0)
    }
}

fn now() -> EvalContext<'static> {
    EvalContext::at(Timestamp::UNIX_EPOCH)
}

fn value(source: &str, cell: &'static str) -> Value {
    match Expression::compile(source)
        .unwrap()
        .evaluate(&Fixed(cell), &now())
        .unwrap()
    {
        Evaluated::Value(value) => value,
        other @ (Evaluated::Candidates(_)
        | Evaluated::IgnoreAttribute
        | Evaluated::IgnoreObject) => panic!("{other:?}"),
    }
}

#[track_caller]
fn refuse(source: &str, kind: ErrorKind, at: (u32, u32), part: &str) {
    let error = Expression::compile(source).unwrap_err();
    assert_eq!(
        (error.kind, (error.line, error.column)),
        (kind, at),
        "{error}"
    );
    assert_eq!(error.sub_expression, part, "{error}");
}

/// Texts that look like the language, so that the parser gets far.
fn almost() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("Join("),
        Just("Switch("),
        Just("IIF ("),
        Just("Mid("),
        Just("Left("),
        Just("Word("),
        Just("Item("),
        Just("Split("),
        Just("InStr("),
        Just("PCase("),
        Just("ToUpper("),
        Just("NormalizeDiacritics("),
        Just("Replace("),
        Just("Replace([a], , \"(?<g>x|y)*\", \"g\", \"z\", , )"),
        Just("Replace([a], , [a], , \"$1\", , )"),
        Just("CDate("),
        Just("DateAdd(\"m\", 1, "),
        Just("DateDiff(\"ww\", Now(), "),
        Just("FormatDateTime([a], , "),
        Just("NumFromDate("),
        Just("DateFromNum("),
        Just("RandomString(9, 1, 1, 1, 1, "),
        Just("SelectUniqueValue("),
        Just("ConvertFromBase64("),
        Just("BitAnd(7, "),
        Just("RemoveDuplicates("),
        Just("Len("),
        Just("\"yyyy-MM-dd\""),
        Just(")"),
        Just(","),
        Just("[a]"),
        Just("[a[b]]"),
        Just("\"x\\\"é😀 y\""),
        Just("\"-3\""),
        Just("-1"),
        Just("&HF"),
        Just("2"),
        Just("="),
        Just("<>"),
        Just(">="),
        Just("vbTextCompare"),
        Just("IgnoreAttributeFlow"),
        Just("\n"),
        Just("&"),
        Just("["),
        Just("\""),
        Just("é"),
        Just(""),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(source in any::<String>()) {
        let _ = Expression::compile(&source);
    }

    #[test]
    fn nothing_near_the_grammar_panics(source in almost(), cell in "\\PC{0,8}") {
        struct Cell(String);
        impl Lookup for Cell {
            fn get(&self, slot: usize) -> Input<'_> {
                if slot == 0 { Input::Text(&self.0) } else { Input::Null }
            }
        }
        match Expression::compile(&source) {
            Ok(expression) => {
                let again = Expression::compile(&expression.print()).unwrap();
                prop_assert_eq!(again.print(), expression.print());
                let marked = Cell(format!("{cell}Zq7"));
                if let Err(error) = expression.evaluate(&marked, &now()) {
                    prop_assert!(!error.to_string().contains("Zq7"));
                }
            }
            Err(error) => {
                prop_assert!(source.contains(&error.sub_expression));
                prop_assert!(error.line as usize <= source.matches('\n').count() + 1);
                prop_assert!(error.column > 0);
            }
        }
    }

    #[test]
    fn a_quoted_text_comes_back(text in "\\PC{0,40}") {
        let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        prop_assert_eq!(value(&quoted, ""), Value::Text(text));
    }
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |levels| format!("{}[a]{}", "Not(".repeat(levels), ")".repeat(levels));
    assert!(Expression::compile(&nested(64)).is_ok());
    assert_eq!(
        Expression::compile(&nested(65)).unwrap_err().kind,
        ErrorKind::Limit
    );
    assert_eq!(
        Expression::compile(&nested(2_400)).unwrap_err().kind,
        ErrorKind::Limit
    );
    let long = |characters: usize| format!("\"{}\"", "é".repeat(characters - 2));
    assert!(Expression::compile(&long(10_000)).is_ok());
    assert_eq!(
        Expression::compile(&long(10_001)).unwrap_err().kind,
        ErrorKind::Limit
    );
}

#[test]
fn errors_name_the_place_and_the_part() {
    refuse(
        "Append([a],\n  Lft([b], 2))",
        ErrorKind::UnknownFunction,
        (2, 3),
        "Lft",
    );
    refuse(
        "tolower([a])",
        ErrorKind::UnknownFunction,
        (1, 1),
        "tolower",
    );
    refuse(
        "Join(\"é\", Left([a]))",
        ErrorKind::Arity,
        (1, 11),
        "Left([a])",
    );
    refuse("Append([a], )", ErrorKind::Arity, (1, 1), "Append([a], )");
    refuse(
        "Append([a], Error(\"x\"))",
        ErrorKind::UnknownFunction,
        (1, 13),
        "Error(\"x\")",
    );
    refuse(
        "Join(\"\", SelectUniqueValue([a], [b]))",
        ErrorKind::NestedUnique,
        (1, 10),
        "SelectUniqueValue([a], [b])",
    );
    refuse("\"t-\" & [alias]", ErrorKind::Syntax, (1, 6), "&");
    refuse("[a] [b]", ErrorKind::Syntax, (1, 5), "[b]");
    refuse("[a", ErrorKind::Syntax, (1, 1), "[a");
    refuse("[]", ErrorKind::Syntax, (1, 1), "[]");
    refuse("'x'", ErrorKind::Syntax, (1, 1), "'");
    refuse("", ErrorKind::Syntax, (1, 1), "");
    refuse(
        "99999999999999999999",
        ErrorKind::Syntax,
        (1, 1),
        "99999999999999999999",
    );
    refuse(
        "Append([a], vbTextCompare)",
        ErrorKind::Syntax,
        (1, 13),
        "vbTextCompare",
    );
    refuse(
        "InStr([a], \"x\", 1, 0)",
        ErrorKind::BadArgument,
        (1, 20),
        "0",
    );
    refuse(
        "Replace([a], , \"x++\", , \"\", , )",
        ErrorKind::BadPattern,
        (1, 16),
        "\"x++\"",
    );
    refuse(
        "Replace([a], , \"(?<n>x)\", \"m\", \"\", , )",
        ErrorKind::BadPattern,
        (1, 16),
        "\"(?<n>x)\"",
    );
    let error = Expression::compile("toLower([a])").unwrap_err();
    assert!(
        error.message.ends_with("did you mean `ToLower`?"),
        "{error}"
    );
}

#[test]
fn attributes_have_one_slot_each_and_keep_nested_brackets() {
    let source = "Join(\"\", [b], [emails[type eq \"work\"].value], [b], [B])";
    let expression = Expression::compile(source).unwrap();
    assert_eq!(
        expression.attributes(),
        ["b", "emails[type eq \"work\"].value", "B"]
    );
}

#[test]
fn a_branch_that_is_not_taken_is_not_evaluated() {
    let fails = "Item([a], 9)";
    for source in [
        format!("IIF([a]=\"x\", \"ok\", {fails})"),
        format!("IIF([a]<>\"x\", {fails}, \"ok\")"),
        format!("Switch([a], {fails}, \"x\", \"ok\", {fails}, {fails})"),
        format!("Coalesce(\"ok\", {fails})"),
    ] {
        assert_eq!(value(&source, "x"), Value::from("ok"), "{source}");
    }
    let error = Expression::compile(&format!("Append(\"a\", {fails})"))
        .unwrap()
        .evaluate(&Fixed("x"), &now())
        .unwrap_err();
    assert_eq!(
        (error.kind, error.sub_expression.as_str()),
        (ErrorKind::BadIndex, fails)
    );
}

#[test]
fn comparisons_know_numbers_and_texts_apart() {
    for (source, cell, expect) in [
        ("[a] = 1", "1", true),
        ("[a] = 1", "01", true),
        ("[a] = \"1\"", "01", false),
        ("[a] > \"9\"", "10", true),
        ("[a] < \"b\"", "a", true),
        ("[a] = \"X\"", "x", false),
        ("[a] <> 1", "x", true),
        ("IsPresent([a]) = \"True\"", "x", true),
        ("IsNull(Switch([a], , \"q\", \"r\"))", "x", true),
        ("Switch([a], , \"q\", \"r\") <> \"x\"", "x", false),
    ] {
        assert_eq!(
            value(source, cell),
            Value::Bool(expect),
            "{source} of {cell}"
        );
    }
}

#[test]
fn a_condition_that_is_neither_true_nor_false_is_an_error() {
    let iif = |cell| {
        let expression = Expression::compile("IIF([a], \"yes\", \"no\")").unwrap();
        expression.evaluate(&Fixed(cell), &now())
    };
    assert_eq!(iif("TRUE").unwrap(), Evaluated::Value(Value::from("yes")));
    assert_eq!(iif("").unwrap(), Evaluated::Value(Value::from("no")));
    assert_eq!(iif("maybe").unwrap_err().kind, ErrorKind::BadArgument);
}

#[test]
fn the_words_of_flow_end_the_whole_attribute() {
    let run = |source| {
        Expression::compile(source)
            .unwrap()
            .evaluate(&Fixed("x"), &now())
            .unwrap()
    };
    assert_eq!(
        run("Append(\"a\", IgnoreAttributeFlow)"),
        Evaluated::IgnoreAttribute
    );
    assert_eq!(
        run("IIF([a]=\"x\", IgnoreObjectFlow, \"\")"),
        Evaluated::IgnoreObject
    );
    assert!(
        Expression::compile("IgnoreObjectFlow")
            .unwrap()
            .may_ignore_object()
    );
}

#[test]
fn nested_replacements_stop_before_memory_does() {
    let mut source = "[a]".to_owned();
    for _ in 0..20 {
        source = format!("Replace({source}, \"a\", , , \"aaaaaaaaaa\", , )");
    }
    let expression = Expression::compile(&source).unwrap();
    let input = [("a".to_owned(), Value::text("a"))].into();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let error = expression
        .evaluate_named(&input, &EvalContext::at(now))
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Limit);
}
