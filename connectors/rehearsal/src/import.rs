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
use crate::entity::{USER, set};
use crate::error::TenantError;
use crate::groups::{GROUP, Group, Moves};
use crate::journal::Line;
use crate::lists::{Item, Lists, own_id, related, text, whole};
use crate::state::State;

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

impl Imported {
    pub(crate) fn leave(&mut self, what: impl Into<String>) {
        *self.left_out.entry(what.into()).or_default() += 1;
    }

    /// Those of an object's related ones who are known; counts the others.
    fn related(
        &mut self,
        item: &Map<String, Json>,
        name: &str,
        known: impl Fn(&str) -> bool,
        others: &str,
    ) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for it in related(item, name) {
            match text(it, "id") {
                Some(id) if known(id) => {
                    all.insert(id.to_owned());
                }
                Some(_) | None => self.leave(others),
            }
        }
        all
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
        for (set, deleted) in lists.deleted().filter(|(_, deleted)| *deleted > 0) {
            out.left_out.insert(format!("deleted {set}"), deleted);
        }
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
            let id = own_id(item, ids)?;
            let properties = out.properties(USER, item)?;
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
            // One at most: who was named last.
            let manager = related(members, "manager").last();
            let manager = manager.and_then(|it| text(it, "id"));
            managers.extend(manager.map(|it| (id.clone(), it.to_owned())));
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
    let listed: BTreeSet<&str> = lists
        .of("groups")
        .filter_map(|(_, it)| text(it, "id"))
        .collect();
    let is_user = |id: &str| users.contains_key(id);
    let is_member = |id: &str| is_user(id) || listed.contains(id);
    for item in lists.of("groups") {
        let (_, members) = item;
        let id = own_id(item, ids)?;
        whole(item, &["members", "owners"])?;
        let group = Group {
            id: id.clone(),
            properties: out.properties(GROUP, item)?,
            owners: out.related(
                members,
                "owners",
                is_user,
                "owners of groups that are no users of the files",
            ),
            deleted: None,
        };
        let moves = Moves {
            members_of: id.clone(),
            add: out.related(
                members,
                "members",
                is_member,
                "members of groups that are neither users nor groups of the files",
            ),
            remove: BTreeSet::new(),
        };
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
