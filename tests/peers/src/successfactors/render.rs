//! A person as a question wants to see them.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "one trouble is looked for among all"
)]

use jiff::civil::{Date, date};
use serde_json::{Map, Value, json};

use super::State;
use super::filter::moment;
use super::query::Shape;
use super::schema::{Entity, entity};
use super::trouble::Trouble;

/// One person on a day.
pub(crate) fn person(state: &State, shape: &Shape, tree: &Value, day: Date) -> Value {
    let root = entity("PerPerson").expect("it is in the schema");
    one(state, root, shape, tree, day, "")
}

fn one(
    state: &State,
    entity: &'static Entity,
    shape: &Shape,
    tree: &Value,
    day: Date,
    at: &str,
) -> Value {
    let mut out = Map::new();
    out.insert(
        "__metadata".to_owned(),
        json!({"type": format!("SFOData.{}", entity.name)}),
    );
    let names = entity.properties().map(|(name, _)| name);
    for name in names.filter(|it| shape.select.is_empty() || shape.select.contains(*it)) {
        let hidden = state.find(|it| match it {
            Trouble::Hides(path, property) => (*path == at && *property == name).then_some(()),
            _ => None,
        });
        if hidden.is_none() {
            out.insert(
                name.to_owned(),
                tree.get(name).cloned().unwrap_or(Value::Null),
            );
        }
    }
    for (name, _, _) in entity.navs {
        let path = if at.is_empty() {
            (*name).to_owned()
        } else {
            format!("{at}/{name}")
        };
        let Some(below) = shape.navs.get(*name) else {
            if shape.select.is_empty() {
                out.insert((*name).to_owned(), deferred(&path));
            }
            continue;
        };
        let defers =
            state.find(|it| matches!(it, Trouble::Defers(nav) if *nav == path).then_some(()));
        let value = if defers.is_some() {
            deferred(&path)
        } else {
            nav(state, entity, name, below, tree, day, &path)
        };
        out.insert((*name).to_owned(), value);
    }
    Value::Object(out)
}

fn nav(
    state: &State,
    entity: &'static Entity,
    name: &str,
    shape: &Shape,
    tree: &Value,
    day: Date,
    at: &str,
) -> Value {
    let (to, many) = entity
        .nav(name)
        .expect("shapes are read against the schema");
    let below = tree.get(name).unwrap_or(&Value::Null);
    if !many {
        // Before somebody begins there is no manager yet.
        let early = name == "manager"
            && tree.get("status").is_some_and(|it| it == "e")
            && !tree.get("begun").is_some_and(|it| begun(it, day));
        return if below.is_null() || early {
            Value::Null
        } else {
            one(state, to, shape, below, day, at)
        };
    }
    let items = below
        .get("results")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let items = items.filter(|it| !to.is_dated() || in_effect(it, day));
    json!({"results": items.map(|it| one(state, to, shape, it, day, at)).collect::<Vec<_>>()})
}

fn begun(start: &Value, day: Date) -> bool {
    start
        .as_str()
        .and_then(moment)
        .is_some_and(|it| it <= midnight(day))
}

fn in_effect(slice: &Value, day: Date) -> bool {
    let at = |name: &str| slice.get(name).and_then(Value::as_str).and_then(moment);
    let day = midnight(day);
    at("startDate").is_none_or(|it| it <= day) && at("endDate").is_none_or(|it| it >= day)
}

/// Milliseconds of a day.
pub(crate) fn midnight(day: Date) -> i64 {
    let days = day
        .since(date(1970, 1, 1))
        .expect("within the calendar")
        .get_days();
    i64::from(days) * 86_400_000
}

fn deferred(path: &str) -> Value {
    json!({"__deferred": {"uri": path}})
}
