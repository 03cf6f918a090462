//! Whatever text stands where a path is expected: it is read or refused with its place, never a panic;
//! and what was read finds in any value.

use proptest::prelude::*;
use rollcall_rest::Path;
use serde_json::{Value as Json, json};

/// Any JSON, a few levels deep.
fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "[a-c .@']{0,4}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 48, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-c]{1,2}", inner, 0..4)
                .prop_map(|it| Json::Object(it.into_iter().collect())),
        ]
    })
}

/// Text of the letters that paths are made of.
fn almost() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("$"),
        Just("."),
        Just("["),
        Just("]"),
        Just("'"),
        Just("\""),
        Just("*"),
        Just("?"),
        Just("@"),
        Just("("),
        Just(")"),
        Just("!"),
        Just("=="),
        Just("<="),
        Just("&&"),
        Just("||"),
        Just(" eq "),
        Just(" and "),
        Just("not "),
        Just(" pr"),
        Just("a"),
        Just("b.c"),
        Just("urn:"),
        Just("x:y:"),
        Just("-1"),
        Just("0"),
        Just("\\"),
        Just("é"),
        Just("true"),
        Just("1e3"),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|it| it.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), root in value()) {
        look(&text, &root)?;
    }

    #[test]
    fn almost_paths_are_read_or_refused(text in almost(), root in value()) {
        look(&text, &root)?;
    }

    /// A name in brackets is that name, whatever is in it.
    #[test]
    fn quoted_names_are_names(name in "[^\\x00-\\x1f]{1,12}") {
        let quoted = name.replace('\\', "\\\\").replace('\'', "\\'");
        let path = Path::parse(&format!("$['{quoted}']")).expect("a path");
        let root = json!({name.clone(): 1});
        prop_assert_eq!(path.one(&root, false), Some(&json!(1)));
    }

    /// Plain names with dots between find what stands there.
    #[test]
    fn dotted_names_go_down(names in prop::collection::vec("[a-z][a-zA-Z0-9_-]{0,6}", 1..6)) {
        let mut root = json!("here");
        for name in names.iter().rev() {
            root = json!({name.clone(): root});
        }
        for text in [names.join("."), format!("$['{}']", names.join("']['"))] {
            let path = Path::parse(&text).expect("a path");
            prop_assert_eq!(path.one(&root, false), Some(&json!("here")), "{}", text);
        }
    }

    /// A condition takes exactly those that fit, in their order.
    #[test]
    fn conditions_filter(kinds in prop::collection::vec(0_u8..4, 0..12), wanted in 0_u8..4) {
        let items = kinds.iter().enumerate();
        let items: Vec<Json> = items.map(|(at, kind)| json!({"type": format!("k{kind}"), "at": at})).collect();
        let root = json!({"all": items});
        let expected: Vec<usize> = (0..kinds.len()).filter(|at| kinds[*at] == wanted).collect();
        for text in [
            format!("$.all[?@.type=='k{wanted}'].at"),
            format!("all[type eq \"K{wanted}\"].at"),
            format!("$.all[?!(@.type != 'k{wanted}')].at"),
        ] {
            let found = Path::parse(&text).expect("a path").find(&root, false);
            let places: Vec<usize> = found.values.iter().filter_map(|it| it.as_u64()).map(|it| usize::try_from(it).expect("small")).collect();
            prop_assert_eq!(&places, &expected, "{}", text);
            prop_assert_eq!(found.none_fits, expected.is_empty());
        }
    }
}

fn look(text: &str, root: &Json) -> Result<(), TestCaseError> {
    match Path::parse(text) {
        Ok(path) => {
            prop_assert_eq!(path.text(), text);
            let found = path.find(root, true);
            prop_assert!(!found.none_fits || found.values.is_empty());
        }
        Err(error) => {
            prop_assert!(error.at <= text.len() && text.is_char_boundary(error.at));
        }
    }
    Ok(())
}

/// Where a path is too long is a place between two characters.
#[test]
fn a_path_that_is_too_long_ends_between_characters() {
    for before in 1020..1030 {
        let text = format!("{}ü{}", "a".repeat(before), "b".repeat(20));
        let error = Path::parse(&text).expect_err("too long");
        assert!(text.is_char_boundary(error.at), "{before}: {error}");
    }
}
