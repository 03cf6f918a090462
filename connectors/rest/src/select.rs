//! Asking for no more of a record than is read (P11).

use std::collections::{BTreeMap, BTreeSet};

use crate::attribute::Attribute;
use crate::config::SelectStyle;
use crate::path::Path;
use crate::plan::{Changes, Plan};

/// The parameters that name what is wanted.
pub(crate) fn parameters(plan: &Plan, wanted: &[Attribute]) -> Vec<(String, String)> {
    let Some(select) = &plan.config.select else {
        return Vec::new();
    };
    let modified = match &plan.changes {
        Some(Changes::Filter { modified }) => modified.as_ref(),
        Some(Changes::List { .. }) | None => None,
    };
    let paths = wanted.iter().flat_map(|it| &it.paths);
    let paths = paths.chain(&plan.id).chain(modified);
    match select.style {
        SelectStyle::Names => {
            let param = select.param.clone().unwrap_or_default();
            let tops: BTreeSet<&str> = paths.filter_map(|it| it.names().next()).collect();
            vec![(param, join(tops.iter().copied()))]
        }
        SelectStyle::Scim => {
            let param = select.param.as_deref().unwrap_or("attributes").to_owned();
            let names: BTreeSet<String> = paths.map(scim_name).collect();
            vec![(param, join(names.iter().map(String::as_str)))]
        }
        SelectStyle::Odata => odata(paths),
    }
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(",")
}

/// `name.givenName`, `urn:…:User:employeeNumber`.
fn scim_name(path: &Path) -> String {
    let mut out = String::new();
    let mut names = path.names().peekable();
    while let Some(name) = names.next() {
        out.push_str(name);
        if names.peek().is_some() {
            let schema = name
                .get(..4)
                .is_some_and(|it| it.eq_ignore_ascii_case("urn:"));
            out.push(if schema { ':' } else { '.' });
        }
    }
    out
}

/// `$select=A,B` and `$expand=Worker($select=C,D)`.
fn odata<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<(String, String)> {
    let mut own = BTreeSet::new();
    let mut below: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in paths {
        let names: Vec<&str> = path.names().collect();
        match names.as_slice() {
            [] => {}
            [name] => {
                own.insert(*name);
            }
            [top, name, ..] => {
                below.entry(top).or_default().insert(name);
            }
        }
    }
    let mut out = vec![("$select".to_owned(), join(own.into_iter()))];
    let expand: Vec<String> = below
        .iter()
        .map(|(top, names)| format!("{top}($select={})", join(names.iter().copied())))
        .collect();
    if !expand.is_empty() {
        out.push(("$expand".to_owned(), expand.join(",")));
    }
    out
}
