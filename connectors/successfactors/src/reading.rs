//! One person's values, by column.
//!
//! Invariant: what is empty, what is not known and what is not there stay three things: a property that was asked for and did
//! not come makes the row held, and never clears a value.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rollcall_core::model::{Finding, FindingKind, Place, Severity, text_shape};
use rollcall_source::clean;
use serde_json::Value;

use crate::attributes::{self, Derived, From};
use crate::date;
use crate::path::Reads;
use crate::query::Query;
use crate::schema::{EMPLOYMENT, join};
use crate::standing::Standing;

/// A row in the making.
pub(crate) struct Row<'v> {
    pub(crate) values: Vec<Cow<'v, str>>,
    pub(crate) findings: Vec<Finding>,
}

/// A value, or the shape of what is none.
enum Given<'v> {
    Value(Cow<'v, str>),
    Odd(String),
}

/// The values of a person whose lists are in order, as row `number`.
pub(crate) fn row<'v>(
    query: &Query,
    columns: &[String],
    person: &'v Value,
    standing: &Standing,
    number: u32,
) -> Row<'v> {
    let hidden = hidden(&query.reads, person);
    let mut row = Row {
        values: Vec::with_capacity(columns.len()),
        findings: Vec::new(),
    };
    for (column, name) in query.columns.iter().zip(columns) {
        let at = || Place::cell(number, name.clone());
        if let Some(where_) = column
            .reads
            .properties
            .iter()
            .find(|it| hidden.contains(*it))
        {
            row.findings
                .push(unknown(at(), &join(&where_.0, &where_.1)));
            row.values.push(Cow::Borrowed(""));
            continue;
        }
        let given = match &column.from {
            From::Path(path) if attributes::is_of_now(name) => {
                let now = going_on(person, standing.going_on);
                let found = path.find(&now);
                match found
                    .first()
                    .map_or(Given::Value(Cow::Borrowed("")), |it| value(it))
                {
                    Given::Value(it) => Given::Value(Cow::Owned(it.into_owned())),
                    Given::Odd(shape) => Given::Odd(shape),
                }
            }
            From::Path(path) => path
                .find(person)
                .first()
                .map_or(Given::Value(Cow::Borrowed("")), |it| value(it)),
            From::Derived(derived) => Given::Value(derive(*derived, person, standing)),
        };
        row.values.push(match given {
            Given::Value(value) => value,
            Given::Odd(shape) => {
                let note = format!("the value is {shape}");
                row.findings.push(Finding::new(
                    FindingKind::ValueForm,
                    Severity::Held,
                    at(),
                    note,
                ));
                Cow::Borrowed("")
            }
        });
    }
    // What the choice rests on is not in any column.
    let basis = hidden.iter().find(|it| {
        query
            .columns
            .iter()
            .all(|column| !column.reads.properties.contains(*it))
    });
    if let Some((at, name)) = basis {
        row.findings
            .push(unknown(Place::row(number), &join(at, name)));
    }
    if let Some(doubt) = standing.doubt {
        row.findings.push(Finding::new(
            FindingKind::StatusUnknown,
            Severity::Held,
            Place::row(number),
            doubt,
        ));
    }
    row
}

/// The person without employments that are over beside one that goes on.
fn going_on(person: &Value, count: usize) -> Value {
    let mut now = person.clone();
    let list = now
        .get_mut(EMPLOYMENT)
        .and_then(|it| it.get_mut("results"))
        .and_then(Value::as_array_mut);
    if let Some(list) = list {
        list.truncate(count);
    }
    now
}

fn unknown(at: Place, path: &str) -> Finding {
    let note = format!(
        "`{path}` was asked for and did not come: the technical user may not be allowed to see it; nothing is known of it"
    );
    Finding::new(FindingKind::ValueUnknown, Severity::Held, at, note)
}

fn derive<'v>(derived: Derived, person: &'v Value, standing: &Standing) -> Cow<'v, str> {
    let day = |it: Option<jiff::civil::Date>| {
        Cow::Owned(it.map_or_else(String::new, |it| it.to_string()))
    };
    match derived {
        Derived::WorkerState => Cow::Borrowed(standing.state.name()),
        Derived::StartsOn => day(standing.starts),
        Derived::EndsOn => day(standing.ends),
        Derived::Rehire => Cow::Borrowed(if standing.rehire { "true" } else { "false" }),
        Derived::ManagerId => {
            let user = person
                .get("employmentNav")
                .and_then(|it| it.get("results")?.get(0)?.get("userNav"));
            let id = user.and_then(|it| {
                it.get("manager")?
                    .get("empInfo")?
                    .get("personIdExternal")?
                    .as_str()
            });
            clean(id.unwrap_or_default())
        }
        Derived::ActiveEmployments => Cow::Owned(standing.active.to_string()),
        Derived::OpenEmployments => Cow::Owned(standing.open.to_string()),
        Derived::HostAssignment => Cow::Owned(standing.host.clone().unwrap_or_default()),
    }
}

fn value(value: &Value) -> Given<'_> {
    Given::Value(match value {
        Value::Null => Cow::Borrowed(""),
        Value::Bool(it) => Cow::Borrowed(if *it { "true" } else { "false" }),
        Value::Number(it) => Cow::Owned(it.to_string()),
        Value::String(it) if date::is_date(it) => match date::parse(it) {
            Some(said) => Cow::Owned(date::iso(said)),
            None => return Given::Odd(format!("no date: {}", text_shape(it))),
        },
        // Public clients see this word in `managerId` of whoever has none.
        Value::String(it) if it == "NO_MANAGER" => Cow::Borrowed(""),
        Value::String(it) => clean(it),
        Value::Array(_) => return Given::Odd("a list".to_owned()),
        Value::Object(_) => return Given::Odd("an object".to_owned()),
    })
}

/// What was asked for and did not come, of the objects that did.
fn hidden(reads: &Reads, person: &Value) -> BTreeSet<(String, String)> {
    let mut out = BTreeSet::new();
    look(reads, "", person, &mut out);
    out
}

fn look(reads: &Reads, at: &str, entity: &Value, out: &mut BTreeSet<(String, String)>) {
    let here = reads.properties.range((at.to_owned(), String::new())..);
    for (path, name) in here.take_while(|it| it.0 == at) {
        if entity.get(name).is_none() {
            out.insert((path.clone(), name.clone()));
        }
    }
    for nav in children(reads, at) {
        let name = nav.rsplit('/').next().unwrap_or(nav);
        match entity.get(name) {
            Some(Value::Null) => {}
            Some(it) if it.get("results").is_some_and(Value::is_array) => {
                let items = it
                    .get("results")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten();
                items.for_each(|it| look(reads, nav, it, out));
            }
            Some(it) if it.is_object() && it.get("__deferred").is_none() => {
                look(reads, nav, it, out);
            }
            // Not there, or nothing but an address: everything below it is hidden.
            Some(_) | None => {
                let below = reads.properties.iter();
                let below =
                    below.filter(|(path, _)| path == nav || path.starts_with(&format!("{nav}/")));
                out.extend(below.cloned());
            }
        }
    }
}

/// Navigations of what is read that lead to something, of this person.
pub(crate) fn filled<'r>(reads: &'r Reads, at: &str, entity: &Value, out: &mut BTreeSet<&'r str>) {
    for nav in children(reads, at) {
        let name = nav.rsplit('/').next().unwrap_or(nav);
        let came = entity.get(name);
        let several = came
            .and_then(|it| it.get("results"))
            .and_then(Value::as_array);
        let items =
            several.map_or_else(|| came.map_or(&[][..], std::slice::from_ref), Vec::as_slice);
        for item in items.iter().filter(|it| it.is_object()) {
            out.insert(nav);
            filled(reads, nav, item, out);
        }
    }
}

fn children<'r>(reads: &'r Reads, at: &str) -> impl Iterator<Item = &'r str> {
    let prefix = if at.is_empty() {
        String::new()
    } else {
        format!("{at}/")
    };
    let all = reads.navs.iter().map(String::as_str);
    all.filter(move |nav| {
        nav.strip_prefix(prefix.as_str())
            .is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reads(properties: &[(&str, &str)]) -> Reads {
        let mut reads = Reads::default();
        for (at, name) in properties {
            reads.property(at, name);
        }
        reads
    }

    /// Null is empty; not there is not known.
    #[test]
    fn what_did_not_come_is_not_empty() {
        let reads = reads(&[
            ("", "personIdExternal"),
            ("emailNav", "emailAddress"),
            ("employmentNav", "userId"),
            ("employmentNav/userNav", "username"),
            ("employmentNav/userNav/manager/empInfo", "personIdExternal"),
        ]);
        let whole = json!({"personIdExternal": "1", "emailNav": {"results": []}, "employmentNav": {"results": [
            {"userId": "1", "userNav": null},
            {"userId": "2", "userNav": {"username": null, "manager": null}},
        ]}});
        assert!(hidden(&reads, &whole).is_empty());
        let mut without = whole.clone();
        without["employmentNav"]["results"][1]["userNav"]
            .as_object_mut()
            .unwrap()
            .remove("username");
        let expected = ("employmentNav/userNav".to_owned(), "username".to_owned());
        assert_eq!(hidden(&reads, &without), BTreeSet::from([expected]));
        let mut deferred = whole;
        deferred["employmentNav"] = json!({"__deferred": {"uri": "x"}});
        assert_eq!(hidden(&reads, &deferred).len(), 3);
    }

    /// JSON → what is handed on.
    #[test]
    fn values_are_handed_on_as_text() {
        for (json, expected) in [
            (json!(null), Some("")),
            (json!(true), Some("true")),
            (json!(0.6), Some("0.6")),
            (json!(4101), Some("4101")),
            (json!("00101"), Some("00101")),
            (json!(" A\u{a0}B "), Some("A B")),
            (json!("Jose\u{301}"), Some("José")),
            (json!("NO_MANAGER"), Some("")),
            (json!("/Date(1330560000000)/"), Some("2012-03-01")),
            (json!("/Date(253402214400000)/"), Some("")),
            (json!("/Date(x)/"), None),
            (json!([]), None),
            (json!({"__deferred": {}}), None),
        ] {
            let given = match value(&json) {
                Given::Value(it) => Some(it.into_owned()),
                Given::Odd(_) => None,
            };
            assert_eq!(given.as_deref(), expected, "{json}");
        }
    }
}
