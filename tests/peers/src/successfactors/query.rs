//! The query of a question, read against the schema.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::filter::{self, Test};
use super::schema::{Entity, entity};

/// An error that the service answers with: status, code and text.
pub(crate) type Refused = (u16, &'static str, String);

/// What is wanted of an entity and below it.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Properties; all of them when empty.
    pub(crate) select: BTreeSet<String>,
    /// Navigations that are expanded.
    pub(crate) navs: BTreeMap<String, Shape>,
}

/// A question about people.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) shape: Shape,
    pub(crate) filter: Option<Test>,
    /// Filters by key have no long list behind them.
    pub(crate) by_key: bool,
    pub(crate) as_of: Option<Date>,
    pub(crate) size: usize,
    pub(crate) paging: Option<String>,
    pub(crate) skip: Option<String>,
    pub(crate) top: Option<usize>,
    /// The query as it was, without `$skiptoken`.
    pub(crate) rest: String,
}

fn bad(code: &'static str, text: impl Into<String>) -> Refused {
    (400, code, text.into())
}

/// The error of a name that the schema does not have.
pub(crate) fn unknown(entity: &Entity, name: &str) -> Refused {
    bad(
        "COE_PROPERTY_NOT_FOUND",
        format!("[COE0021]Invalid property names: {}/{name}", entity.name),
    )
}

/// Reads the query string of a question about people.
pub(crate) fn read(raw: &str) -> Result<Query, Refused> {
    let mut out = Query {
        shape: Shape::default(),
        filter: None,
        by_key: false,
        as_of: None,
        size: 1000,
        paging: None,
        skip: None,
        top: None,
        rest: String::new(),
    };
    let (mut select, mut expand) = (String::new(), String::new());
    let mut kept = Vec::new();
    for pair in raw.split('&').filter(|it| !it.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value).ok_or_else(|| {
            bad(
                "COE_GENERAL_BAD_REQUEST",
                "[COE0018]the query cannot be decoded",
            )
        })?;
        if name != "$skiptoken" {
            kept.push(pair);
        }
        let whole = || {
            value.parse::<usize>().map_err(|_| {
                bad(
                    "COE_INVALID_PARAMETER",
                    format!("[COE0015]{name} is no number"),
                )
            })
        };
        match name {
            "$format" if value.eq_ignore_ascii_case("json") => {}
            "$select" => select = value,
            "$expand" => expand = value,
            "$filter" => {
                out.by_key = value.starts_with("personIdExternal in ");
                out.filter = Some(filter::read(&value, root())?);
            }
            "asOfDate" => {
                let day = value.parse().map_err(|_| {
                    bad(
                        "COE_INVALID_PARAMETER",
                        "[COE0015]asOfDate has to be yyyy-MM-dd",
                    )
                })?;
                out.as_of = Some(day);
            }
            "customPageSize" => {
                out.size = whole()?;
                if !(1..=1000).contains(&out.size) {
                    return Err(bad(
                        "COE_INVALID_PARAMETER",
                        "[COE0015]customPageSize has to be 1 to 1000",
                    ));
                }
            }
            "paging" if matches!(value.as_str(), "snapshot" | "cursor") => out.paging = Some(value),
            "$skiptoken" => out.skip = Some(value),
            "$top" => out.top = Some(whole()?),
            _ => {
                return Err(bad(
                    "COE_INVALID_PARAMETER",
                    format!("[COE0015]Invalid query option: {name}"),
                ));
            }
        }
    }
    out.rest = kept.join("&");
    for path in expand.split(',').filter(|it| !it.is_empty()) {
        expand_path(&mut out.shape, path)?;
    }
    for path in select.split(',').filter(|it| !it.is_empty()) {
        select_path(&mut out.shape, path)?;
    }
    Ok(out)
}

fn root() -> &'static Entity {
    entity("PerPerson").expect("it is in the schema")
}

fn expand_path(shape: &mut Shape, path: &str) -> Result<(), Refused> {
    let (mut here, mut at) = (root(), shape);
    for name in path.split('/') {
        let (to, _) = here.nav(name).ok_or_else(|| unknown(here, name))?;
        here = to;
        at = at.navs.entry(name.to_owned()).or_default();
    }
    Ok(())
}

fn select_path(shape: &mut Shape, path: &str) -> Result<(), Refused> {
    let (mut here, mut at) = (root(), shape);
    let mut names = path.split('/').peekable();
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            here.property(name).ok_or_else(|| unknown(here, name))?;
            at.select.insert(name.to_owned());
            return Ok(());
        }
        let (to, _) = here.nav(name).ok_or_else(|| unknown(here, name))?;
        here = to;
        // What is selected below a navigation has to be expanded.
        at = at.navs.get_mut(name).ok_or_else(|| {
            bad(
                "COE_GENERAL_BAD_REQUEST",
                format!("[COE0018]{name} is selected and not expanded"),
            )
        })?;
    }
    Ok(())
}

/// Percent-decoding.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
        }
    }
    String::from_utf8(bytes).ok()
}
