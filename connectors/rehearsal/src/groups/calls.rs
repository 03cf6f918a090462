//! What calls do to groups, and read of them without their members.
//!
//! Sources: "Create group", "Upsert group", "Update group", "Add members", "Remove member"
//! (learn.microsoft.com/graph/api). A member of a dynamic group can be neither added nor removed by
//! hand; the code of that refusal is not documented, and 403 is what operators report. Invariant: a refused call has changed nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::membership::additions;
use super::{GROUP, Group, Moves, rules};
use crate::answer::Answer;
use crate::body;
use crate::entity::{entity, page, set};
use crate::journal::Line;
use crate::query::{self, By, Query};
use crate::refusal::Refusal;
use crate::roles;
use crate::route::{GroupKey, GroupRoute};
use crate::state::{Call, State};
use crate::users::{Done, not_json, object};

impl State {
    /// Carries out a routed call about groups.
    ///
    /// # Errors
    /// The refusal; nothing has changed then.
    pub(crate) fn execute_group(
        &mut self,
        route: GroupRoute,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        match route {
            GroupRoute::List => self.list_groups(call, now),
            GroupRoute::Read(key) => {
                let query = query::of_one(call.query, GROUP)?;
                roles::any(&self.options.roles, roles::GROUP_READ)?;
                let group = self.seen_group(&key, now)?;
                let shown = entity(call, &query, &*self.ledger.group(&group, &query));
                let answer = Answer::ok(shown);
                Ok(Done::read(answer, Some(&group.id)))
            }
            GroupRoute::Create => {
                query::none(call.query)?;
                let body = object(call)?;
                roles::any(&self.options.roles, roles::GROUP_CREATE)?;
                let query = query::of_one(None, GROUP)?;
                self.create_group(body, &query, call, now)
            }
            GroupRoute::Update(key) => self.update_group(&key, call, now),
            GroupRoute::Delete(key) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::GROUP_WRITE)?;
                let mut group = Group::clone(&*self.find_group(&key)?);
                // The words of this refusal are not documented.
                if group.properties.contains_key("assignedLicenses") {
                    return Err(Refusal::bad(
                        "A group with an active license assigned cannot be deleted.",
                    ));
                }
                group.deleted = Some(now);
                self.store_group(group, None, now, Answer::no_content())
            }
            GroupRoute::Members(key, listed) => self.list_members(&key, listed, call, now),
            GroupRoute::AddMember(key) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::MEMBER_WRITE)?;
                let body = object(call)?;
                let link = body.get("@odata.id").and_then(Json::as_str);
                let link = link.filter(|_| body.len() == 1).ok_or_else(|| {
                    Refusal::bad("The body of a reference is an object with '@odata.id' alone.")
                })?;
                let group = self.by_hand(&key)?;
                let members = self.referred_members(&[link.into()], now)?;
                self.may_refer(&members)?;
                let moves = additions(&self.groups, &group, members)?;
                self.store_group(group, Some(moves), now, Answer::no_content())
            }
            GroupRoute::RemoveMember(key, member) => {
                query::none(call.query)?;
                roles::any(&self.options.roles, roles::MEMBER_WRITE)?;
                let group = self.by_hand(&key)?;
                if !self.groups.holds(&group.id, &member) {
                    return Err(Refusal::not_found(Some(&member)));
                }
                let moves = Moves {
                    members_of: group.id.clone(),
                    remove: BTreeSet::from([member]),
                    ..Moves::default()
                };
                self.store_group(group, Some(moves), now, Answer::no_content())
            }
            GroupRoute::AssignLicense(key) => self.assign_to_group(&key, call, now),
            GroupRoute::LicenseErrors(key) => self.list_license_errors(&key, call, now),
            GroupRoute::Owned(route) => self.execute_ownership(route, call, now),
            GroupRoute::MemberOf(key) => self.groups_of_user(&key, false, call, now),
            GroupRoute::MemberOfAny(key) => self.groups_of_user(&key, true, call, now),
            GroupRoute::GroupMemberOf(key) => self.groups_of_group(&key, false, call, now),
            GroupRoute::GroupMemberOfAny(key) => self.groups_of_group(&key, true, call, now),
            GroupRoute::CheckMembers(key) => self.check_members(&key, call, now),
        }
    }

    fn list_groups(&mut self, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let query = query::of_list(call.query, GROUP)?;
        roles::any(&self.options.roles, roles::GROUP_READ)?;
        let fits = |group: &&Arc<Group>| {
            query.filter.as_ref().is_none_or(|filter| {
                let text = match filter.by {
                    By::Id => Some(group.id.as_str()),
                    By::DisplayName => group.text("displayName"),
                    By::MailNickname => group.text("mailNickname"),
                    By::UniqueName => group.text("uniqueName"),
                    By::Name | By::EmployeeId | By::Property(_) => None,
                };
                text.is_some_and(|text| filter.texts.contains(&filter.by.fold(text)))
            })
        };
        let shown = self.groups.replicas(query.after.as_deref(), now);
        let found = shown.filter(fits);
        let found = found.map(|group| self.ledger.group(group, &query));
        let page = page(call, &query, "groups", found);
        Ok(Done::read(Answer::ok(page), None))
    }

    fn update_group(
        &mut self,
        key: &GroupKey,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let query = query::of_one(call.query, GROUP)?;
        let mut body = object(call)?;
        let found = self.find_group(key);
        let creates = call
            .prefer
            .is_some_and(|prefer| prefer.split(',').any(|p| p.trim() == "create-if-missing"));
        if let (GroupKey::Unique(name), Err(_), true) = (key, &found, creates) {
            roles::any(&self.options.roles, roles::GROUP_CREATE)?;
            let said = body.insert("uniqueName".to_owned(), name.clone().into());
            if said.is_some_and(|said| said != name.as_str()) {
                return Err(Refusal::bad(
                    "uniqueName is not the one of the request URL.",
                ));
            }
            return self.create_group(body, &query, call, now);
        }
        let mut group = Group::clone(&*found?);
        body::check(GROUP, &body).map_err(|refusal| refusal.of("Group"))?;
        let links = take_links(&mut body, "members");
        if take_links(&mut body, "owners").is_some() {
            return Err(Refusal::bad("Owners are added one by one, by reference."));
        }
        if links.is_some() {
            roles::any(&self.options.roles, roles::MEMBER_WRITE)?;
            self.may_assign(&group)?;
        }
        if links.is_none() || !body.is_empty() {
            roles::any(&self.options.roles, roles::GROUP_WRITE)?;
        }
        rules::body(&body, false)?;
        let renamed = body
            .get("uniqueName")
            .filter(|new| group.text("uniqueName").is_some_and(|old| **new != old));
        if renamed.is_some() {
            return Err(rules::invalid(
                "uniqueName",
                "The value is immutable once set.",
            ));
        }
        self.unique(&body, Some(&group.id))?;
        let (was_dynamic, was_unified) = (group.dynamic(), group.is("Unified"));
        set(&mut group.properties, GROUP, body);
        rules::whole(&group)?;
        if group.is("Unified") != was_unified {
            let why = "A group stays of the type that it was made as.";
            return Err(rules::invalid("groupTypes", why));
        }
        let moves = match &links {
            None => None,
            Some(_) if group.dynamic() || was_dynamic => return Err(Refusal::denied()),
            Some(links) => {
                let members = self.referred_members(links, now)?;
                self.may_refer(&members)?;
                Some(additions(&self.groups, &group, members)?)
            }
        };
        // From now on the rule alone says who is in it.
        let moves = moves.or_else(|| {
            let out = self.groups.members(&group.id).cloned();
            (group.dynamic() && !was_dynamic).then(|| Moves {
                members_of: group.id.clone(),
                remove: out.collect(),
                ..Moves::default()
            })
        });
        self.room(was_dynamic, &group)?;
        self.store_group(group, moves, now, Answer::no_content())
    }

    fn create_group(
        &mut self,
        body: Map<String, Json>,
        query: &Query,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let (group, moves) = self.new_group(body, now)?;
        let shown = entity(call, query, &group);
        let answer = Answer::new(StatusCode::CREATED, Some(shown));
        self.store_group(group, Some(moves), now, answer)
    }

    /// A new group of this body and its first members; not stored yet.
    fn new_group(
        &self,
        mut body: Map<String, Json>,
        now: Timestamp,
    ) -> Result<(Group, Moves), Refusal> {
        body::check(GROUP, &body).map_err(|refusal| refusal.of("Group"))?;
        let members = take_links(&mut body, "members").unwrap_or_default();
        let owners = take_links(&mut body, "owners").unwrap_or_default();
        rules::body(&body, true)?;
        if body.get("isAssignableToRole") == Some(&json!(true)) {
            roles::any(&self.options.roles, roles::ROLE_ASSIGNABLE)?;
        }
        if members.len() + owners.len() > rules::BIND_MAX {
            return Err(too_many());
        }
        self.unique(&body, None)?;
        let mut group = Group {
            id: self.groups.next_id(),
            properties: Map::new(),
            owners: BTreeSet::new(),
            deleted: None,
        };
        group
            .properties
            .insert("createdDateTime".to_owned(), now.to_string().into());
        set(&mut group.properties, GROUP, body);
        if !group.dynamic() && group.text("membershipRule").is_some() {
            return Err(rules::invalid(
                "membershipRule",
                "The group is not dynamic.",
            ));
        }
        rules::whole(&group)?;
        self.room(false, &group)?;
        if group.dynamic() && !members.is_empty() {
            return Err(Refusal::denied());
        }
        if !owners.is_empty() {
            roles::any(&self.options.roles, roles::READ)?;
        }
        let members = self.referred_members(&members, now)?;
        self.may_refer(&members)?;
        for owner in &owners {
            let link = owner.as_str().unwrap_or_default();
            group.owners.insert(self.referred(link, now)?);
        }
        let moves = additions(&self.groups, &group, members)?;
        Ok((group, moves))
    }

    /// Makes a group without a caller: no permission is asked for, everything else is, and
    /// replicas know it at once.
    pub(crate) fn seed_group(&mut self, body: &Json, now: Timestamp) -> Result<String, Refusal> {
        let body = body.as_object().cloned().ok_or_else(not_json)?;
        let (group, moves) = self.new_group(body, now)?;
        let id = group.id.clone();
        self.commit_group(group, Some(&moves), None)?;
        Ok(id)
    }

    /// # Errors
    /// 400 where another group has the unique name.
    fn unique(&self, body: &Map<String, Json>, own: Option<&str>) -> Result<(), Refusal> {
        let name = body.get("uniqueName").and_then(Json::as_str);
        let other = name
            .and_then(|name| self.groups.named(name))
            .filter(|group| Some(group.id.as_str()) != own);
        match other {
            None => Ok(()),
            Some(_) => Err(Refusal::conflict("uniqueName")),
        }
    }

    /// # Errors
    /// 403 where the tenant has no room for another dynamic group.
    fn room(&self, was_dynamic: bool, group: &Group) -> Result<(), Refusal> {
        if group.dynamic() && !was_dynamic && self.groups.dynamic() >= rules::DYNAMIC_MAX {
            let message = "The tenant has as many dynamic groups as it can have.";
            let code = "Directory_QuotaExceeded";
            return Err(Refusal::new(StatusCode::FORBIDDEN, code, message));
        }
        Ok(())
    }

    /// A group whose members are put in and taken out by hand.
    fn by_hand(&self, key: &GroupKey) -> Result<Group, Refusal> {
        let group = self.find_group(key)?;
        if group.dynamic() {
            return Err(Refusal::denied());
        }
        self.may_assign(&group)?;
        Ok(Group::clone(&group))
    }

    /// Who is in a group that roles are assigned to is a matter of roles.
    fn may_assign(&self, group: &Group) -> Result<(), Refusal> {
        if group.properties.get("isAssignableToRole") == Some(&json!(true)) {
            roles::any(&self.options.roles, roles::ROLE_ASSIGNABLE)?;
        }
        Ok(())
    }

    /// The newest state of a group.
    pub(crate) fn find_group(&self, key: &GroupKey) -> Result<Arc<Group>, Refusal> {
        let found = match key {
            GroupKey::Id(id) => self.groups.current(id),
            GroupKey::Unique(name) => self.groups.named(name),
        };
        let id = match key {
            GroupKey::Id(id) => Some(id.as_str()),
            GroupKey::Unique(_) => None,
        };
        found.cloned().ok_or_else(|| Refusal::not_found(id))
    }

    /// A group to read: one that is new is not there before replicas know of it.
    pub(crate) fn seen_group(&self, key: &GroupKey, now: Timestamp) -> Result<Arc<Group>, Refusal> {
        let group = self.find_group(key)?;
        if self.groups.arrived(&group.id, now) {
            Ok(group)
        } else {
            Err(Refusal::not_found(Some(&group.id)))
        }
    }

    pub(crate) fn store_group(
        &mut self,
        group: Group,
        moves: Option<Moves>,
        now: Timestamp,
        answer: Answer,
    ) -> Result<Done, Refusal> {
        let object = Some(group.id.clone());
        let moves = moves.filter(|moves| !moves.add.is_empty() || !moves.remove.is_empty());
        let current = self.groups.current(&group.id);
        let same = current.is_some_and(|old| **old == group) && moves.is_none();
        if !same {
            self.commit_group(group, moves.as_ref(), Some(now))?;
        }
        Ok(Done {
            answer,
            object,
            changed: !same,
        })
    }

    /// Journal first, then memory: what is not in the journal has not happened.
    pub(super) fn commit_group(
        &mut self,
        group: Group,
        moves: Option<&Moves>,
        at: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        let changed = self
            .groups
            .current(&group.id)
            .is_none_or(|old| **old != group);
        let group = Some(group).filter(|_| changed);
        let lines = group.iter().cloned().map(Line::Group);
        let lines: Vec<Line> = lines.chain(moves.cloned().map(Line::Members)).collect();
        self.write(&lines)?;
        if let Some(group) = group {
            self.keep_group(group, at);
        }
        if let Some(moves) = moves {
            self.keep_moves(moves, at, at);
        }
        Ok(())
    }

    /// Does what the rules of dynamic groups, and then their licences, have come to by now.
    ///
    /// # Errors
    /// 503 where that cannot be kept; it has not happened then, and is tried again.
    pub(crate) fn evaluate(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let mut came = Ok(());
        for moves in self.groups.evaluate(&self.directory, now) {
            match self.write(&[Line::Members(moves.clone())]) {
                Ok(()) => self.keep_moves(&moves, None, Some(now)),
                Err(refusal) => {
                    self.groups.again(moves.members_of);
                    came = Err(refusal);
                }
            }
        }
        came.and(self.give_out(now))
    }
}

/// The references of an `@odata.bind`, which the metadata say are texts.
fn take_links(body: &mut Map<String, Json>, navigation: &str) -> Option<Vec<Json>> {
    match body.remove(&format!("{navigation}@odata.bind")) {
        Some(Json::Array(links)) => Some(links),
        _ => None,
    }
}

pub(super) fn too_many() -> Refusal {
    Refusal::bad("The number of references of one request is limited to 20.")
}
