//! The target of a play: accounts in memory, without delays, quotas or faults.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::{
    Account, AccountName, Asset, Attributes, Device, HeldGroup, Holdings, Lookup, ObjectId, Op,
    PersonKey, Value, WorkerId,
};
use crate::policy::{DraftAction, Target, name_key};

/// Days for which the bin keeps an account.
const BIN_DAYS: i64 = 30;

/// One account.
#[derive(Debug, Clone, Default)]
pub(super) struct Login {
    pub(super) name: String,
    pub(super) key: Option<String>,
    pub(super) enabled: bool,
    pub(super) attributes: Attributes,
    pub(super) manager: Option<WorkerId>,
    /// Groups that people are put into by hand, by key.
    pub(super) groups: BTreeSet<String>,
    pub(super) roles: BTreeSet<String>,
    pub(super) app_roles: BTreeSet<String>,
    pub(super) devices: Vec<Device>,
    pub(super) deleted: Option<Timestamp>,
    pub(super) sign_ins: Vec<Timestamp>,
}

/// An address that nobody else may get.
#[derive(Debug, Clone)]
pub(super) struct Reserved {
    pub(super) name: String,
    pub(super) person: PersonKey,
    /// The first instant at which it is free.
    pub(super) until: Timestamp,
}

/// A group, an application, a guest.
pub(super) type Thing = (Asset, ObjectId);

/// All accounts.
#[derive(Debug, Clone, Default)]
pub(super) struct Tenant {
    pub(super) logins: BTreeMap<ObjectId, Login>,
    pub(super) reserved: Vec<Reserved>,
    /// Who answers for what.
    pub(super) kept: BTreeMap<Thing, BTreeSet<ObjectId>>,
    /// SKUs by group key.
    pub(super) licensed: BTreeSet<String>,
    made: u32,
}

impl Tenant {
    pub(super) fn add(&mut self, login: Login) -> ObjectId {
        self.made += 1;
        let id = ObjectId::new(format!("00000000-0000-0000-0000-{:012}", self.made));
        self.logins.insert(id.clone(), login);
        id
    }

    /// What lies in the bin for too long is gone.
    pub(super) fn purge(&mut self, now: Timestamp) {
        let bin = jiff::SignedDuration::from_hours(24 * BIN_DAYS);
        self.logins
            .retain(|_, login| login.deleted.is_none_or(|at| now.duration_since(at) < bin));
    }

    pub(super) fn account(&self, id: &ObjectId) -> Option<Account> {
        let login = self.logins.get(id)?;
        let licences = |group: &String| -> Vec<String> {
            let licensed = self.licensed.contains(group);
            licensed.then(|| "LICENCE".to_owned()).into_iter().collect()
        };
        let groups = login.groups.iter().map(|group| HeldGroup {
            group: group.clone(),
            licences: licences(group),
        });
        Some(Account {
            id: id.clone(),
            enabled: login.enabled,
            key: login.key.clone(),
            name: AccountName::new(login.name.clone()),
            attributes: login.attributes.clone(),
            holdings: Some(Box::new(Holdings {
                deleted: login.deleted,
                groups: groups.collect(),
                roles: login.roles.iter().cloned().collect(),
                app_roles: login.app_roles.iter().cloned().collect(),
                devices: login.devices.clone(),
                devices_unread: false,
                sign_ins: login.sign_ins.clone(),
            })),
        })
    }

    /// What a question of somebody is answered with. An address that is reserved for another
    /// person is taken.
    pub(super) fn answer(
        &self,
        question: &Lookup,
        person: &PersonKey,
        now: Timestamp,
    ) -> Vec<Account> {
        let found = |fits: &dyn Fn(&Login) -> bool| -> Vec<Account> {
            let all = self.logins.iter().filter(|(_, login)| fits(login));
            all.filter_map(|(id, _)| self.account(id)).collect()
        };
        match question {
            Lookup::Id(id) => self.account(id).into_iter().collect(),
            Lookup::Key(key) => found(&|login| {
                login.deleted.is_none() && login.key.as_deref() == Some(key.as_str())
            }),
            Lookup::Name(name) => {
                let wanted = name_key(name.reveal());
                let mut out = found(&|login| name_key(&login.name) == wanted);
                let mut reserved = self.reserved.iter().filter(|it| {
                    it.person != *person && now < it.until && name_key(&it.name) == wanted
                });
                if out.is_empty() && reserved.next().is_some() {
                    out.push(Account {
                        id: ObjectId::new("reserved"),
                        enabled: false,
                        key: Some("reserved".to_owned()),
                        name: name.clone(),
                        attributes: Attributes::new(),
                        holdings: None,
                    });
                }
                out
            }
        }
    }

    /// Who carries a key.
    pub(super) fn by_key(&self, key: &str) -> Option<&ObjectId> {
        let mut all = self.logins.iter();
        all.find(|(_, login)| login.key.as_deref() == Some(key))
            .map(|(id, _)| id)
    }

    /// Carries out one step; gives the account.
    pub(super) fn apply(
        &mut self,
        step: &DraftAction,
        object: Option<&ObjectId>,
        target: &Target,
        now: Timestamp,
    ) -> Option<ObjectId> {
        if step.op == Op::UserCreate {
            let mut login = Login::default();
            write(&mut login, &step.after, target);
            return Some(self.add(login));
        }
        let id = object?.clone();
        if let Some(heir) = &step.heir {
            self.hand_over(step, heir);
            return Some(id);
        }
        let login = self.logins.get_mut(&id)?;
        let group = step
            .granting
            .as_ref()
            .and_then(|granting| match &granting.grant {
                crate::grants::Grant::Group(key) => Some(key.clone()),
                crate::grants::Grant::Licence(_) => None,
            });
        let named = |name: &str| step.args.get(name).cloned().unwrap_or_default();
        match step.op {
            Op::UserUpdate => write(login, &step.after, target),
            Op::UserSetManager => login.manager.clone_from(&step.manager),
            Op::UserClearManager => login.manager = None,
            Op::UserEnable => login.enabled = true,
            Op::UserDisable => login.enabled = false,
            Op::GroupAdd => login.groups.extend(group),
            Op::GroupRemove => {
                if let Some(group) = group {
                    login.groups.remove(&group);
                }
            }
            Op::RoleRemove => {
                login.roles.remove(&named("role"));
            }
            Op::RoleAdd => {
                login.roles.insert(named("role"));
            }
            Op::AppRoleRemove => {
                login.app_roles.remove(&named("app"));
            }
            Op::UserDeleteSoft => login.deleted = Some(now),
            Op::UserRestore => login.deleted = None,
            Op::UserCreate
            | Op::UserRevokeSessions
            | Op::LicenceAssign
            | Op::LicenceRemove
            | Op::GroupCreate
            | Op::GroupUpdate
            | Op::GroupLicense
            | Op::UserResetPassword
            | Op::TapIssue
            | Op::AuthMethodsRemove
            | Op::OwnerAdd
            | Op::SponsorAdd
            | Op::ReportHandOver
            | Op::NotifyManager
            | Op::NotifyWelcome
            | Op::NotifySecurity
            | Op::TaskManual
            | Op::DeviceDisable
            | Op::DeviceRetire
            | Op::DeviceWipe
            | Op::DeviceRemoveUser
            | Op::UserProof
            | Op::DeviceEscrowCheck
            | Op::DeviceDeleteEntra
            | Op::AppSelectiveWipe => {}
        }
        Some(id)
    }

    /// The heir gets a thing, or somebody who reports to the account; nobody loses anything.
    fn hand_over(&mut self, step: &DraftAction, heir: &WorkerId) {
        let asset = step.args.get("asset").and_then(|it| Asset::of_name(it));
        let thing = step.args.get("id").map(ObjectId::new);
        let (Some(asset), Some(thing)) = (asset, thing) else {
            return;
        };
        let keeper = self.by_key(heir.as_str()).cloned();
        match (asset, self.logins.get_mut(&thing), keeper) {
            (Asset::Report, Some(report), _) => report.manager = Some(heir.clone()),
            (_, _, Some(keeper)) => self.keep((asset, thing), &keeper),
            (_, _, None) => {}
        }
    }
}

fn write(login: &mut Login, after: &Attributes, target: &Target) {
    for (name, value) in after {
        if *name == target.name_attribute {
            value
                .as_text()
                .unwrap_or_default()
                .clone_into(&mut login.name);
        } else if *name == target.key_attribute {
            login.key = value.as_text().map(str::to_owned);
        }
        if matches!(value, Value::Null) {
            login.attributes.remove(name);
        } else {
            login.attributes.insert(name.clone(), value.clone());
        }
    }
}
