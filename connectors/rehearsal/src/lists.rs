//! Lists as Graph answered them, pages together.
//!
//! A delta query names an object as often as something of it changed: what the entries say one after the other
//! is put together here. Invariant: whoever reads a list sees each object once, as it was in the end.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use crate::encoding::is_guid;
use crate::error::TenantError;
use crate::import::Export;

/// As many related objects as `$expand` gives at most ("Use query parameters to customize responses").
const EXPANDED_MAX: usize = 20;

/// Where something stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(crate) file: &'a str,
    /// From 1, over all pages.
    pub(crate) at: usize,
}

impl Spot<'_> {
    pub(crate) fn wrong(self, what: impl Into<String>) -> TenantError {
        TenantError::Import {
            file: self.file.to_owned(),
            at: Some(self.at),
            what: what.into(),
        }
    }
}

fn unfit(file: &str, what: impl Into<String>) -> TenantError {
    TenantError::Import {
        file: file.to_owned(),
        at: None,
        what: what.into(),
    }
}

/// One object of a list; of a delta query, where it was named last.
pub(crate) type Item<'a> = (Spot<'a>, &'a Map<String, Json>);

/// Sets of which something is taken over.
pub(crate) const SETS: [&str; 5] = [
    "users",
    "groups",
    "devices",
    "deviceManagement/managedDevices",
    "deviceManagement/windowsAutopilotDeviceIdentities",
];

/// The objects of all files by the set that they are of.
#[derive(Default)]
pub(crate) struct Lists<'a>(BTreeMap<&'static str, List<'a>>);

/// An object with the place where it was named last.
type Listed<'a> = (Spot<'a>, Cow<'a, Map<String, Json>>);

#[derive(Default)]
struct List<'a> {
    /// `None`: it went.
    objects: Vec<Option<Listed<'a>>>,
    /// Of what a delta query named, by id in lower case: where it is in `objects`.
    named: BTreeMap<String, usize>,
    deleted: usize,
}

impl<'a> Lists<'a> {
    /// # Errors
    /// Where a file is no answer to a list, or the last page of one is missing.
    pub(crate) fn read(files: &'a [Export]) -> Result<Self, TenantError> {
        let pages = pages(files)?;
        let changes: BTreeSet<&str> = pages
            .iter()
            .filter(|(.., page)| is_delta(page))
            .map(|(of, ..)| *of)
            .collect();
        let mut all = Self::default();
        let mut unfinished: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
        for (of, spot, page) in pages {
            let last = page.get("@odata.nextLink").is_none();
            let ended = unfinished.entry(of).or_insert((spot.file, false));
            ended.1 |= last;
            let list = all.0.entry(of).or_default();
            for (nth, item) in page["value"].as_array().into_iter().flatten().enumerate() {
                let spot = Spot {
                    at: spot.at + nth,
                    ..spot
                };
                let item = item
                    .as_object()
                    .ok_or_else(|| spot.wrong("is no JSON object"))?;
                if changes.contains(of) {
                    list.change(spot, item);
                } else {
                    list.objects.push(Some((spot, Cow::Borrowed(item))));
                }
            }
        }
        // One of the pages names no next page.
        let cut = unfinished.iter().find(|(_, (_, ended))| !ended);
        if let Some((of, (file, _))) = cut {
            return Err(unfit(
                file,
                format!("the last page of {of} is missing: follow `@odata.nextLink` to its end"),
            ));
        }
        Ok(all)
    }

    pub(crate) fn of(&self, set: &str) -> impl Iterator<Item = Item<'_>> {
        let objects = self.0.get(set).into_iter().flat_map(|it| &it.objects);
        objects.flatten().map(|(spot, item)| (*spot, item.as_ref()))
    }

    /// How often something of a set was said to be deleted, by set.
    pub(crate) fn deleted(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.0.iter().map(|(set, list)| (*set, list.deleted))
    }
}

impl<'a> List<'a> {
    /// Takes in what a delta query says of an object, after what it said before.
    fn change(&mut self, spot: Spot<'a>, news: &'a Map<String, Json>) {
        let id = text(news, "id").map(str::to_lowercase);
        let before = id.as_ref().and_then(|id| self.named.remove(id));
        let before = before.and_then(|at| self.objects[at].take());
        if news.contains_key("@removed") {
            self.deleted += 1;
            return;
        }
        let mut object = before.map_or_else(Map::new, |(_, object)| object.into_owned());
        for (name, value) in news {
            if name.ends_with("@delta") {
                relate(&mut object, name, value);
            } else {
                object.insert(name.clone(), value.clone());
            }
        }
        if let Some(id) = id {
            self.named.insert(id, self.objects.len());
        }
        self.objects.push(Some((spot, Cow::Owned(object))));
    }
}

/// Adds those who came to the related objects that were named before, and takes out those who went.
fn relate(object: &mut Map<String, Json>, name: &str, changes: &Json) {
    let mut all = match object.remove(name) {
        Some(Json::Array(all)) => all,
        Some(_) | None => Vec::new(),
    };
    for change in several(changes) {
        all.retain(|it| it["id"] != change["id"]);
        if change.get("@removed").is_none() {
            all.push(change.clone());
        }
    }
    object.insert(name.to_owned(), all.into());
}

fn several(value: &Json) -> &[Json] {
    let one = std::slice::from_ref(value);
    value.as_array().map_or(one, Vec::as_slice)
}

/// The pages of all files: of what each is, where it begins, and itself.
fn pages(files: &[Export]) -> Result<Vec<(&'static str, Spot<'_>, &Json)>, TenantError> {
    let mut out = Vec::new();
    for export in files {
        let file = export.name.as_str();
        let mut at = 1;
        for page in several(&export.answer) {
            let of = set_of(page).ok_or_else(|| {
                unfit(
                    file,
                    format!(
                        "is no answer to a list of {}: save what Graph answers, with \
                         `@odata.context` and `value`",
                        SETS.join(", ")
                    ),
                )
            })?;
            out.push((of, Spot { file, at }, page));
            at += page["value"].as_array().map_or(0, Vec::len);
        }
    }
    Ok(out)
}

/// Whether a page is of a delta query: by what it says it is, or by the link that it gives.
fn is_delta(page: &Json) -> bool {
    let text = |name: &str| page[name].as_str().unwrap_or_default();
    text("@odata.context").ends_with("/$delta")
        || text("@odata.nextLink").contains("/delta")
        || page.get("@odata.deltaLink").is_some()
}

/// The set that an answer is of: the context without origin, selection and `/$delta`.
fn set_of(page: &Json) -> Option<&'static str> {
    page["value"].as_array()?;
    let context = page["@odata.context"].as_str()?;
    let (_, of) = context.split_once("$metadata#")?;
    let of = of.split('(').next().unwrap_or_default();
    let of = of.strip_suffix("/$delta").unwrap_or(of);
    SETS.into_iter().find(|set| *set == of)
}

pub(crate) fn text<'a>(item: &'a Map<String, Json>, name: &str) -> Option<&'a str> {
    let text = item.get(name).and_then(Json::as_str);
    text.filter(|text| !text.is_empty())
}

/// The id of an object, which no other has.
pub(crate) fn own_id(
    (spot, item): Item<'_>,
    seen: &mut BTreeSet<String>,
) -> Result<String, TenantError> {
    let id = text(item, "id").filter(|id| is_guid(id));
    let id = id.ok_or_else(|| spot.wrong("`id` is missing or no GUID"))?;
    if !seen.insert(id.to_lowercase()) {
        return Err(spot.wrong("`id` is that of another object of these files"));
    }
    Ok(id.to_owned())
}

/// Related objects, expanded or as a delta query named them, in that order.
pub(crate) fn related<'a>(
    item: &'a Map<String, Json>,
    name: &str,
) -> impl Iterator<Item = &'a Map<String, Json>> {
    let changed = item.get(&format!("{name}@delta"));
    let all = [item.get(name), changed].into_iter().flatten();
    all.flat_map(several).filter_map(Json::as_object)
}

/// # Errors
/// Where an expanded list may be cut off.
pub(crate) fn whole((spot, item): Item<'_>, names: &[&str]) -> Result<(), TenantError> {
    let cut_off = names.iter().find(|name| {
        let expanded = item.get(**name).and_then(Json::as_array);
        expanded.is_some_and(|it| it.len() >= EXPANDED_MAX)
    });
    cut_off.map_or(Ok(()), |name| {
        Err(spot.wrong(format!(
            "`{name}` may be cut off: `$expand` gives {EXPANDED_MAX} at most. Of groups save /groups/delta \
             instead; of others leave the object out"
        )))
    })
}
