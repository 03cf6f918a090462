//! What a path finds in a person.

use serde_json::Value;

use super::{Path, Pick, Side, Sign, Step, Test};

/// The nodes from `here` (what `@` is), in the order of the document.
pub(super) fn find<'v>(path: &Path, root: &'v Value, here: &'v Value) -> Vec<&'v Value> {
    let mut nodes = vec![if path.absolute { root } else { here }];
    for step in &path.steps {
        let mut next = Vec::new();
        for node in nodes {
            if step.deep {
                below(node, &mut |it| take(step, root, it, &mut next));
            } else {
                take(step, root, node, &mut next);
            }
        }
        nodes = next;
    }
    nodes
}

/// A node and everything below it.
fn below<'v>(node: &'v Value, each: &mut impl FnMut(&'v Value)) {
    each(node);
    match node {
        Value::Array(items) => items.iter().for_each(|it| below(it, each)),
        Value::Object(fields) => fields.values().for_each(|it| below(it, each)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn take<'v>(step: &Step, root: &'v Value, node: &'v Value, into: &mut Vec<&'v Value>) {
    for pick in &step.picks {
        match pick {
            Pick::Name(name) => into.extend(node.as_object().and_then(|it| it.get(name))),
            Pick::At(at) => {
                into.extend(node.as_array().and_then(|it| it.get(place(*at, it.len())?)));
            }
            Pick::Slice(begin, end, by) => {
                if let Some(items) = node.as_array() {
                    slice(items, *begin, *end, *by, into);
                }
            }
            Pick::All => into.extend(children(node)),
            Pick::Where(test) => {
                into.extend(
                    children(node)
                        .into_iter()
                        .filter(|it| holds(test, root, it)),
                );
            }
        }
    }
}

fn children(node: &Value) -> Vec<&Value> {
    match node {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn place(at: i64, len: usize) -> Option<usize> {
    if at >= 0 {
        return usize::try_from(at).ok();
    }
    len.checked_sub(usize::try_from(at.unsigned_abs()).ok()?)
}

/// RFC 9535, section 2.3.4.2.2.
fn slice<'v>(
    items: &'v [Value],
    begin: Option<i64>,
    end: Option<i64>,
    by: i64,
    into: &mut Vec<&'v Value>,
) {
    let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let normal = |it: i64| if it >= 0 { it } else { len.saturating_add(it) };
    if by == 0 {
        return;
    }
    let (lower, upper) = if by > 0 {
        let begin = normal(begin.unwrap_or(0)).clamp(0, len);
        (begin, normal(end.unwrap_or(len)).clamp(0, len))
    } else {
        let begin = begin.map_or(len - 1, normal).clamp(-1, len - 1);
        (end.map_or(-1, normal).clamp(-1, len - 1), begin)
    };
    let mut at = if by > 0 { lower } else { upper };
    while if by > 0 { at < upper } else { at > lower } {
        into.extend(usize::try_from(at).ok().and_then(|it| items.get(it)));
        at = at.saturating_add(by);
    }
}

fn holds(test: &Test, root: &Value, here: &Value) -> bool {
    match test {
        Test::Or(any) => any.iter().any(|it| holds(it, root, here)),
        Test::And(all) => all.iter().all(|it| holds(it, root, here)),
        Test::Not(inner) => !holds(inner, root, here),
        Test::Exists(path) => !find(path, root, here).is_empty(),
        Test::Compare(left, sign, right) => {
            compare(side(left, root, here), *sign, side(right, root, here))
        }
    }
}

fn side<'v>(side: &'v Side, root: &'v Value, here: &'v Value) -> Option<&'v Value> {
    match side {
        Side::Fixed(value) => Some(value),
        Side::Found(path) => find(path, root, here).into_iter().next(),
    }
}

fn compare(left: Option<&Value>, sign: Sign, right: Option<&Value>) -> bool {
    let equal = || match (left, right) {
        (Some(Value::Number(l)), Some(Value::Number(r))) => l.as_f64() == r.as_f64(),
        _ => left == right,
    };
    let less = |l: Option<&Value>, r: Option<&Value>| match (l, r) {
        (Some(Value::Number(l)), Some(Value::Number(r))) => l.as_f64() < r.as_f64(),
        (Some(Value::String(l)), Some(Value::String(r))) => l < r,
        _ => false,
    };
    match sign {
        Sign::Equal => equal(),
        Sign::Unequal => !equal(),
        Sign::Less => less(left, right),
        Sign::More => less(right, left),
        Sign::AtMost => less(left, right) || equal(),
        Sign::AtLeast => less(right, left) || equal(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::Path;

    fn person() -> serde_json::Value {
        json!({"employmentNav": {"results": [
            {"assignmentClass": "ST", "startDate": 1, "jobInfoNav": {"results": [
                {"title": "a", "emplStatusNav": {"externalCode": "T"}}]}},
            {"assignmentClass": "GA", "startDate": 2, "jobInfoNav": {"results": [
                {"title": "b", "emplStatusNav": {"externalCode": "A"}},
                {"title": "c", "emplStatusNav": null}]}},
        ]}})
    }

    /// Path → what is found, as JSON. The forms that Microsoft documents are among them.
    #[test]
    fn paths_find_what_the_standard_says() {
        let active = "?(@.emplStatusNav.externalCode == 'A' || @.emplStatusNav.externalCode=='U')";
        for (path, expected) in [
            (
                "$.employmentNav.results[0].assignmentClass".to_owned(),
                json!(["ST"]),
            ),
            (
                "$['employmentNav'][\"results\"][-1:].assignmentClass".to_owned(),
                json!(["GA"]),
            ),
            (
                "$.employmentNav.results[-1].startDate".to_owned(),
                json!([2]),
            ),
            ("$.employmentNav.results[5].startDate".to_owned(), json!([])),
            (
                "$.employmentNav.results[-5].startDate".to_owned(),
                json!([]),
            ),
            (
                "$.employmentNav.results[::-1].startDate".to_owned(),
                json!([2, 1]),
            ),
            (
                "$.employmentNav.results[1:0:-1].startDate".to_owned(),
                json!([2]),
            ),
            (
                "$.employmentNav.results[:].startDate".to_owned(),
                json!([1, 2]),
            ),
            (
                "$.employmentNav.results[::0].startDate".to_owned(),
                json!([]),
            ),
            (
                "$.employmentNav.results[0,1].startDate".to_owned(),
                json!([1, 2]),
            ),
            (
                "$.employmentNav.results[?(@.assignmentClass == 'GA')].jobInfoNav.results[0].title"
                    .to_owned(),
                json!(["b"]),
            ),
            (
                "$.employmentNav.results[?@.assignmentClass!='GA'].startDate".to_owned(),
                json!([1]),
            ),
            (
                "$.employmentNav.results[?@.startDate >= 2 && !(@.startDate > 5)].startDate"
                    .to_owned(),
                json!([2]),
            ),
            (
                "$.employmentNav.results[?@.startDate < 2].startDate".to_owned(),
                json!([1]),
            ),
            (
                format!("$.employmentNav..jobInfoNav..results[{active}].title"),
                json!(["b"]),
            ),
            (
                format!("$.employmentNav..results[?(@.jobInfoNav..results[{active}])].startDate"),
                json!([2]),
            ),
            (
                "$.employmentNav.results[*].jobInfoNav.results[*].title".to_owned(),
                json!(["a", "b", "c"]),
            ),
            (
                "$ .employmentNav .results [ 0 ] .startDate".to_owned(),
                json!([1]),
            ),
            (
                "$.employmentNav.results[?@.nothing == null].startDate".to_owned(),
                json!([]),
            ),
            (
                "$.employmentNav.results[?@.nothing == $.nowhere].startDate".to_owned(),
                json!([1, 2]),
            ),
        ] {
            let parsed = Path::parse(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
            let person = person();
            assert_eq!(json!(parsed.find(&person)), expected, "{path}");
        }
    }

    /// Text → a word of what is said of it.
    #[test]
    fn what_is_no_path_is_said_with_its_place() {
        for (text, said) in [
            ("", "`$`"),
            ("employmentNav", "`$`"),
            ("$.", "a name is expected at character 3"),
            ("$.a b", "at character 4"),
            ("$[", "character 3"),
            ("$['a", "no end"),
            ("$[?@.a = 1]", "`]` or `,`"),
            ("$[?1]", "comparison"),
            ("$[?@..a == 1]", "one value"),
            ("$[?length(@.a) > 1]", "functions"),
            ("$[-0]", "no whole number"),
            ("$[99999999999999999999]", "no whole number"),
            ("$['\\x']", "not known"),
        ] {
            let error = Path::parse(text).expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
        let deep = format!("$[?{}@.a{}]", "(".repeat(40), ")".repeat(40));
        assert!(Path::parse(&deep).is_err());
        let nots = format!("$[?{}@.a]", "!".repeat(500));
        assert!(Path::parse(&nots).is_err());
    }

    proptest! {
        /// Text of any kind is a path or not, never a panic; and a path never panics over a person.
        #[test]
        fn no_text_panics(text in "\\$?[.\\[\\]?@()'*:,=!<>&|a-c0-9-]{0,40}|\\PC{0,30}") {
            if let Ok(path) = Path::parse(&text) {
                let person = person();
                let _found = path.find(&person).len();
                let _known = path.reads();
            }
        }
    }
}
