//! Who is in which group, directly or by way of other groups, and which group may be in which.
//!
//! Sources: "Add members" (with its table of members), "List members", "List group transitive
//! members", "List memberOf", "List a user's memberships (direct and transitive)",
//! "checkMemberGroups", which is transitive (learn.microsoft.com/graph/api); "Manage Microsoft Entra
//! groups and group membership" ("Add a group to another group") and "Use Microsoft Entra groups to
//! manage role assignments" (MicrosoftDocs/entra-docs). Groups can stand in a circle, and a group in
//! itself (MicrosoftDocs/azure-docs, issue 43313); that lists by any way then name the group they are
//! asked about is unconfirmed. Invariant: a walk passes each group once, and none that is deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::calls::too_many;
use super::{GROUP, Group, Groups, Moves, rules};
use crate::answer::Answer;
use crate::encoding::is_guid;
use crate::entity::{USER, page, related, related_any, shown};
use crate::query::{self, Query};
use crate::refusal::Refusal;
use crate::roles;
use crate::route::{GroupKey, Key, Listed, Referred, referred};
use crate::state::{Call, State};
use crate::users::{Done, object};

impl Groups {
    /// Groups that replicas show somebody or a group in, directly or by any way.
    fn holders(&self, member: &str, any_way: bool, now: Timestamp) -> BTreeSet<&str> {
        let all = self.replicas(None, now).map(|group| group.id.as_str());
        let mut found: BTreeSet<&str> =
            all.filter(|group| self.shows(group, member, now)).collect();
        let mut next: Vec<&str> = found.iter().copied().filter(|_| any_way).collect();
        while let Some(member) = next.pop() {
            for group in self.above.get(member).into_iter().flatten() {
                let is = self.shows(group, member, now) && self.replica(group, now).is_some();
                if is && found.insert(group) {
                    next.push(group);
                }
            }
        }
        found
    }

    /// Ids that replicas show in a group by any way, those of objects in the bin among them.
    fn inside(&self, group: &str, now: Timestamp) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut next = vec![group];
        while let Some(group) = next.pop() {
            for member in self.shown_members(group, now) {
                if found.insert(member.as_str()) && self.replica(member, now).is_some() {
                    next.push(member);
                }
            }
        }
        found
    }
}

/// What can be put into a group.
pub(super) enum Member {
    /// Object id.
    User(String),
    Group(Arc<Group>),
}

/// All of them or none: each may be in the group, once, and is not in it yet.
///
/// # Errors
/// 400.
pub(super) fn additions(
    groups: &Groups,
    group: &Group,
    members: Vec<Member>,
) -> Result<Moves, Refusal> {
    let mut moves = Moves {
        members_of: group.id.clone(),
        ..Moves::default()
    };
    for member in members {
        let id = match member {
            Member::User(id) => id,
            Member::Group(member) => {
                fits(group, &member)?;
                member.id.clone()
            }
        };
        if groups.holds(&group.id, &id) {
            return Err(Refusal::bad(
                "One or more added object references already exist for the following \
                 modified properties: 'members'.",
            ));
        }
        if !moves.add.insert(id) {
            return Err(Refusal::bad(
                "An object can only be present once as an add/remove change.",
            ));
        }
    }
    Ok(moves)
}

/// Whether one group may be in another one, whose members are put in by hand. Status and code are
/// reported for Microsoft 365 groups (microsoft-graph-docs-contrib, issue 3884), in other words.
///
/// # Errors
/// 400 that names `members`.
fn fits(group: &Group, member: &Group) -> Result<(), Refusal> {
    let flag = |group: &Group, name: &str| group.properties.get(name) == Some(&json!(true));
    let why = if flag(group, "isAssignableToRole") {
        "A group that roles are assigned to holds no groups."
    } else if group.is("Unified") || flag(group, "mailEnabled") {
        "A Microsoft 365 group, or another one with mail, holds no groups."
    } else if flag(group, "onPremisesSyncEnabled") {
        "Groups are not added to a group that is synchronised from on-premises."
    } else if member.is("Unified") {
        "A Microsoft 365 group cannot be in a group."
    } else if flag(member, "mailEnabled") && !flag(member, "securityEnabled") {
        "A distribution group cannot be in a group."
    } else {
        return Ok(());
    };
    Err(rules::invalid("members", why))
}

impl State {
    /// Whom and which groups references point at; replicas must know all of them.
    pub(super) fn referred_members(
        &self,
        links: &[Json],
        now: Timestamp,
    ) -> Result<Vec<Member>, Refusal> {
        if links.len() > rules::BIND_MAX {
            return Err(too_many());
        }
        let links = links.iter().map(|link| link.as_str().unwrap_or_default());
        links.map(|link| self.referred_member(link, now)).collect()
    }

    fn referred_member(&self, link: &str, now: Timestamp) -> Result<Member, Refusal> {
        match referred(link) {
            Some(Referred::Any(id)) => self.member(&id, now),
            Some(Referred::User(_)) => self.referred(link, now).map(Member::User),
            Some(Referred::Group(id)) => self.group_member(&id, now),
            None => Err(Refusal::bad(
                "Invalid URL in the reference: a user or a group is expected.",
            )),
        }
    }

    fn member(&self, id: &str, now: Timestamp) -> Result<Member, Refusal> {
        match self.directory.replica(id, now) {
            Some(user) => Ok(Member::User(user.id.clone())),
            None => self.group_member(id, now),
        }
    }

    fn group_member(&self, id: &str, now: Timestamp) -> Result<Member, Refusal> {
        let group = self.groups.replica(id, now).cloned();
        let group = group.map(Member::Group);
        group.ok_or_else(|| Refusal::not_found(Some(id)))
    }

    /// Puts a user or a group into a group without a caller: replicas know it at once.
    pub(crate) fn seed_member(
        &mut self,
        group: &str,
        member: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let group = self.find_group(&GroupKey::Id(group.to_owned()))?;
        if group.dynamic() {
            return Err(Refusal::denied());
        }
        let member = self.member(member, now)?;
        let moves = additions(&self.groups, &group, vec![member])?;
        self.commit_group(Group::clone(&group), Some(&moves), None)
    }

    /// Who puts people into groups reads them, too; groups take no more than the write.
    pub(super) fn may_refer(&self, members: &[Member]) -> Result<(), Refusal> {
        let user = |member: &Member| matches!(member, Member::User(_));
        if members.iter().any(user) {
            roles::any(&self.options.roles, roles::READ)?;
        }
        Ok(())
    }

    pub(super) fn list_members(
        &self,
        key: &GroupKey,
        listed: Listed,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let query = match listed.only {
            None => query::of_users_and_groups(call.query)?,
            Some(type_name) => query::of_cast(call.query, type_name, call.consistency)?,
        };
        roles::any(&self.options.roles, roles::GROUP_READ)?;
        if listed.only != Some(GROUP) {
            roles::read(&self.options.roles, query.select.as_deref())?;
        }
        let group = self.seen_group(key, now)?;
        let ids: Vec<&str> = if listed.any_way {
            self.groups.inside(&group.id, now).into_iter().collect()
        } else {
            let members = self.groups.shown_members(&group.id, now);
            members.map(String::as_str).collect()
        };
        let behind = |id: &&str| query.after.as_deref().is_none_or(|after| *id > after);
        let rest = ids.iter().copied().filter(behind);
        let path = call.path.trim_start_matches('/');
        let user = |id: &str| self.directory.replica(id, now);
        let held = |id: &str| self.groups.replica(id, now);
        let (mut page, count) = match listed.only {
            Some(USER) => {
                let found = rest.filter_map(user).map(|it| self.ledger.user(it, &query));
                let count = ids.iter().filter(|id| user(id).is_some()).count();
                (page(call, &query, path, found), count)
            }
            Some(_) => {
                let found = rest
                    .filter_map(held)
                    .map(|it| self.ledger.group(it, &query));
                let count = ids.iter().filter(|id| held(id).is_some()).count();
                (page(call, &query, path, found), count)
            }
            None => {
                let (of_users, of_groups) = (query.of_type(USER), query.of_type(GROUP));
                let found = rest.filter_map(|id| {
                    let (type_name, members): (_, Map<String, Json>) = match (user(id), held(id)) {
                        (Some(it), _) => {
                            (USER, shown(&of_users, &*self.ledger.user(it, &of_users)))
                        }
                        (None, Some(it)) => (
                            GROUP,
                            shown(&of_groups, &*self.ledger.group(it, &of_groups)),
                        ),
                        (None, None) => return None,
                    };
                    Some((id.to_owned(), type_name, members))
                });
                let found = found.take(query.top + 1).collect();
                (related_any(call, &query, path, found), 0)
            }
        };
        if query.count {
            page["@odata.count"] = count.into();
        }
        Ok(Done::read(Answer::ok(page), Some(&group.id)))
    }

    pub(super) fn groups_of_user(
        &self,
        key: &Key,
        any_way: bool,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let query = query::of_members(call.query, GROUP)?;
        roles::all(&self.options.roles, &[roles::GROUP_READ, roles::READ])?;
        let user = self.seen(key, now)?;
        Ok(self.groups_of(("users", &user.id), any_way, call, &query, now))
    }

    pub(super) fn groups_of_group(
        &self,
        key: &GroupKey,
        any_way: bool,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let query = query::of_members(call.query, GROUP)?;
        roles::any(&self.options.roles, roles::GROUP_READ)?;
        let group = self.seen_group(key, now)?;
        Ok(self.groups_of(("groups", &group.id), any_way, call, &query, now))
    }

    fn groups_of(
        &self,
        (of, id): (&str, &str),
        any_way: bool,
        call: &Call<'_>,
        query: &Query,
        now: Timestamp,
    ) -> Done {
        let holders = self.groups.holders(id, any_way, now);
        let shown = self.groups.replicas(query.after.as_deref(), now);
        let found = shown.filter(|group| holders.contains(group.id.as_str()));
        let found = found.map(|group| self.ledger.group(group, query));
        let last = if any_way {
            "transitiveMemberOf"
        } else {
            "memberOf"
        };
        let page = related(call, query, &format!("{of}/{id}/{last}"), found);
        Done::read(Answer::ok(page), Some(id))
    }

    pub(super) fn check_members(
        &self,
        key: &Key,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        roles::all(&self.options.roles, &[roles::GROUP_READ, roles::READ])?;
        let body = object(call)?;
        let ids = body.get("groupIds").and_then(Json::as_array);
        let ids: Option<Vec<&str>> = ids
            .filter(|ids| body.len() == 1 && (1..=rules::BIND_MAX).contains(&ids.len()))
            .and_then(|ids| ids.iter().map(Json::as_str).collect());
        let ids = ids
            .filter(|ids| ids.iter().all(|id| is_guid(id)))
            .ok_or_else(|| Refusal::bad("Parameter 'groupIds' takes 1 to 20 object ids."))?;
        let user = self.seen(key, now)?;
        let holders = self.groups.holders(&user.id, true, now);
        let is_in = |id: &&str| holders.contains(id.to_lowercase().as_str());
        let value: Vec<&str> = ids.into_iter().filter(is_in).collect();
        let context = format!("{}/v1.0/$metadata#Collection(Edm.String)", call.origin);
        let answer = Answer::ok(json!({"@odata.context": context, "value": value}));
        Ok(Done::read(answer, Some(&user.id)))
    }
}
