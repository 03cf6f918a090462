//! A copy of a tenant: what Graph answered is put into an empty tenant, under the ids that it has there.
//!
//! Each file is one answer to a list, or an array of its pages; `@odata.context` says of what. Invariant:
//! all of the files or nothing; what is not taken over is counted by name.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::body;
use crate::csdl::schema;
use crate::directory::Record;
use crate::encoding::is_guid;
use crate::entity::{USER, set};
use crate::error::TenantError;
use crate::groups::{GROUP, Group, Moves};
use crate::journal::Line;
use crate::state::State;

/// As many related objects as `$expand` gives at most ("Use query parameters to customize responses").
const EXPANDED_MAX: usize = 20;

/// Licences are the ledger's, and a password profile is never kept.
const NOT_TAKEN: [&str; 5] = [
    "assignedLicenses",
    "assignedPlans",
    "licenseAssignmentStates",
    "passwordProfile",
    "provisionedPlans",
];

/// One file as Graph gave it.
#[derive(Debug, Clone)]
pub struct Export {
    /// How it is called in messages.
    pub name: String,
    /// An answer to a list, or an array of them.
    pub answer: Json,
}

/// What was put into a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// Users.
    pub users: usize,
    /// Groups.
    pub groups: usize,
    /// Users and groups in groups without a rule.
    pub memberships: usize,
    /// Devices, of the directory or of Intune.
    pub devices: usize,
    /// What was in the files and is not in the tenant, and how often.
    pub left_out: BTreeMap<String, usize>,
}

/// Where something stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(crate) file: &'a str,
    /// From 1, over all pages.
    pub(crate) at: usize,
    /// What changed is listed, an object perhaps more than once.
    delta: bool,
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

/// One object of a list.
pub(crate) type Item<'a> = (Spot<'a>, &'a Map<String, Json>);

/// The objects of all files by the set that they are of.
pub(crate) struct Lists<'a>(BTreeMap<&'a str, Vec<Item<'a>>>);

/// Sets of which something is taken over.
pub(crate) const SETS: [&str; 5] = [
    "users",
    "groups",
    "devices",
    "deviceManagement/managedDevices",
    "deviceManagement/windowsAutopilotDeviceIdentities",
];

impl<'a> Lists<'a> {
    fn read(files: &'a [Export]) -> Result<Self, TenantError> {
        let mut all: BTreeMap<&str, Vec<Item<'a>>> = BTreeMap::new();
        let mut unfinished: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
        for export in files {
            let file = export.name.as_str();
            let one = std::slice::from_ref(&export.answer);
            let pages = export.answer.as_array().map_or(one, Vec::as_slice);
            let mut at = 0;
            for page in pages {
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
                let delta = is_delta(page);
                let last = page.get("@odata.nextLink").is_none();
                let ended = unfinished.entry(of).or_insert((file, false));
                ended.1 |= last;
                let items = page["value"].as_array().into_iter().flatten();
                for item in items {
                    at += 1;
                    let spot = Spot { file, at, delta };
                    let item = item
                        .as_object()
                        .ok_or_else(|| spot.wrong("is no JSON object"))?;
                    all.entry(of).or_default().push((spot, item));
                }
            }
        }
        // The pages may come in any order; one of them names no next page.
        let cut = unfinished.iter().find(|(_, (_, ended))| !ended);
        if let Some((of, (file, _))) = cut {
            return Err(unfit(
                file,
                format!("the last page of {of} is missing: follow `@odata.nextLink` to its end"),
            ));
        }
        Ok(Self(all))
    }

    pub(crate) fn of(&self, set: &str) -> impl Iterator<Item = Item<'a>> {
        self.0.get(set).into_iter().flatten().copied()
    }
}

fn is_delta(page: &Json) -> bool {
    let context = page["@odata.context"].as_str().unwrap_or_default();
    context.ends_with("/$delta")
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

/// Related objects, expanded or as a delta query names them, those that went too.
pub(crate) fn related<'a>(item: &'a Map<String, Json>, name: &str) -> Vec<&'a Map<String, Json>> {
    let changed = item.get(&format!("{name}@delta"));
    let all = [item.get(name), changed].into_iter().flatten();
    let lists = all.flat_map(|it| {
        let one = std::slice::from_ref(it);
        it.as_array().map_or(one, Vec::as_slice)
    });
    lists.filter_map(Json::as_object).collect()
}

/// Whether an object of a delta query went.
pub(crate) fn removed(item: &Map<String, Json>) -> bool {
    item.contains_key("@removed")
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

impl Imported {
    pub(crate) fn leave(&mut self, what: impl Into<String>) {
        *self.left_out.entry(what.into()).or_default() += 1;
    }

    /// Adds those who are known to a list, takes out those who went, and counts the others.
    fn relate(
        &mut self,
        related: &[&Map<String, Json>],
        all: &mut BTreeSet<String>,
        known: impl Fn(&str) -> bool,
        others: &str,
    ) {
        for it in related {
            match text(it, "id") {
                Some(id) if removed(it) => {
                    all.remove(id);
                }
                Some(id) if known(id) => {
                    all.insert(id.to_owned());
                }
                Some(_) | None => self.leave(others),
            }
        }
    }

    /// What the metadata know of an object, and is set.
    fn properties(
        &mut self,
        type_name: &str,
        (spot, item): Item<'_>,
    ) -> Result<Map<String, Json>, TenantError> {
        let mut out = Map::new();
        for (name, value) in item {
            let apart = name == "id" || name.contains('@') || value.is_null();
            if apart || schema().navigation(type_name, name).is_some() {
                continue;
            }
            let known = schema().property(type_name, name).is_some() || body::is_extension(name);
            if !known || NOT_TAKEN.contains(&name.as_str()) {
                self.leave(name.as_str());
                continue;
            }
            out.insert(name.clone(), value.clone());
        }
        body::check_shown(type_name, &out).map_err(|refusal| spot.wrong(refusal.message))?;
        let mut properties = Map::new();
        set(&mut properties, type_name, out);
        Ok(properties)
    }
}

impl State {
    /// Puts the objects of files into a tenant in which nobody is.
    ///
    /// # Errors
    /// Where a file is none of Graph's, or something in it cannot be; then nothing is put in.
    pub(crate) fn import(
        &mut self,
        files: &[Export],
        now: Timestamp,
    ) -> Result<Imported, TenantError> {
        let there = self.directory.all().next().is_some()
            || self.groups.all().next().is_some()
            || self.devices.all().next().is_some();
        if there {
            return Err(TenantError::NotEmpty);
        }
        let lists = Lists::read(files)?;
        let mut out = Imported::default();
        let mut ids = BTreeSet::new();
        let users = self.imported_users(&lists, &mut out, &mut ids)?;
        let groups = imported_groups(&lists, &users, &mut out, &mut ids)?;
        let known = |id: &str| users.contains_key(id);
        let machines = Self::imported_devices(&lists, &known, &mut out, &mut ids, now)?;
        let mut lines: Vec<Line> = users.into_values().map(Line::User).collect();
        let (groups, moves): (Vec<Group>, Vec<Moves>) = groups.into_iter().unzip();
        let ruled: Vec<String> = groups
            .iter()
            .filter(|it| it.has_read_rule())
            .map(|it| it.id.clone())
            .collect();
        lines.extend(groups.into_iter().map(Line::Group));
        let moves = moves.into_iter().filter(|it| !it.add.is_empty());
        lines.extend(moves.map(Line::Members));
        let machines = machines.into_iter().map(Box::new);
        lines.extend(machines.map(Line::Device));
        self.write(&lines).map_err(crate::tenant::refused)?;
        self.take_in(lines, None);
        for group in ruled {
            self.groups.again(group);
        }
        Ok(out)
    }

    fn imported_users(
        &self,
        lists: &Lists<'_>,
        out: &mut Imported,
        ids: &mut BTreeSet<String>,
    ) -> Result<BTreeMap<String, Record>, TenantError> {
        let mut users: BTreeMap<String, Record> = BTreeMap::new();
        let mut managers = Vec::new();
        let mut names = BTreeSet::new();
        for item in lists.of("users") {
            let (spot, members) = item;
            if removed(members) {
                out.leave("deleted users");
                continue;
            }
            // A delta query may name somebody again, as they are then.
            let again = text(members, "id").and_then(|id| users.remove(id));
            let again = again.filter(|_| spot.delta);
            let id = match &again {
                Some(before) => before.id.clone(),
                None => own_id(item, ids)?,
            };
            let mut properties = again.map(|it| it.properties).unwrap_or_default();
            if let Some(name) = text(&properties, "userPrincipalName") {
                names.remove(&name.to_lowercase());
            }
            properties.extend(out.properties(USER, item)?);
            let name = text(&properties, "userPrincipalName")
                .ok_or_else(|| spot.wrong("`userPrincipalName` is missing: select it"))?;
            if !names.insert(name.to_lowercase()) {
                return Err(
                    spot.wrong("`userPrincipalName` is that of another user of these files")
                );
            }
            let domain = name.rsplit_once('@').map_or("", |(_, domain)| domain);
            let mut domains = self.options.verified_domains.iter();
            if !domains.any(|it| it.eq_ignore_ascii_case(domain)) {
                return Err(spot.wrong(format!(
                    "its sign-in name is of the domain \"{domain}\", which the tenant has not: add it to \
                     `verified_domains` of the rehearsal tenant"
                )));
            }
            if let Some(manager) = related(members, "manager")
                .into_iter()
                .find(|it| !removed(it))
            {
                managers.extend(text(manager, "id").map(|it| (id.clone(), it.to_owned())));
            }
            let record = Record {
                id: id.clone(),
                properties,
                manager: None,
                sponsors: BTreeSet::new(),
                password_set: true,
                password_resets: 0,
                methods: BTreeMap::new(),
                passes_issued: 0,
                roles: BTreeSet::new(),
                app_roles: BTreeMap::new(),
                licences: BTreeMap::new(),
                deleted: None,
            };
            users.insert(id, record);
        }
        for (user, manager) in managers {
            if !users.contains_key(&manager) {
                out.leave("managers who are not in the files");
            } else if let Some(user) = users.get_mut(&user) {
                user.manager = Some(manager);
            }
        }
        out.users = users.len();
        Ok(users)
    }
}

fn imported_groups(
    lists: &Lists<'_>,
    users: &BTreeMap<String, Record>,
    out: &mut Imported,
    ids: &mut BTreeSet<String>,
) -> Result<Vec<(Group, Moves)>, TenantError> {
    let mut groups: BTreeMap<String, (Group, Moves)> = BTreeMap::new();
    // A group may be listed behind one that it is in.
    let listed = lists.of("groups").filter(|(_, it)| !removed(it));
    let listed: BTreeSet<&str> = listed.filter_map(|(_, it)| text(it, "id")).collect();
    for item in lists.of("groups") {
        let (spot, members) = item;
        if removed(members) {
            out.leave("deleted groups");
            continue;
        }
        // A delta query may name a group again, with more of its members or fewer.
        let again = text(members, "id").filter(|_| spot.delta);
        let known = again.and_then(|id| groups.get_mut(id));
        let id = match &known {
            Some((group, _)) => group.id.clone(),
            None => own_id(item, ids)?,
        };
        whole(item, &["members", "owners"])?;
        let mut properties = out.properties(GROUP, item)?;
        let (mut group, mut moves) = match known.cloned() {
            Some((group, moves)) => {
                let news = std::mem::take(&mut properties);
                let mut group = group;
                group.properties.extend(news);
                (group, moves)
            }
            None => (
                Group {
                    id: id.clone(),
                    properties,
                    owners: BTreeSet::new(),
                    deleted: None,
                },
                Moves {
                    members_of: id.clone(),
                    add: BTreeSet::new(),
                    remove: BTreeSet::new(),
                },
            ),
        };
        let is_user = |id: &str| users.contains_key(id);
        let is_member = |id: &str| is_user(id) || listed.contains(id);
        out.relate(
            &related(members, "members"),
            &mut moves.add,
            is_member,
            "members of groups that are neither users nor groups of the files",
        );
        out.relate(
            &related(members, "owners"),
            &mut group.owners,
            is_user,
            "owners of groups that are no users of the files",
        );
        groups.insert(id, (group, moves));
    }
    let mut groups: Vec<(Group, Moves)> = groups.into_values().collect();
    for (group, moves) in &mut groups {
        if group.has_read_rule() {
            // It finds its members itself.
            moves.add.clear();
        } else if group.dynamic() {
            out.leave("rules that are paused, not in the files or not understood here: members stay as listed");
        }
        out.memberships += moves.add.len();
    }
    out.groups = groups.len();
    Ok(groups)
}
