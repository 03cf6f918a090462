//! Events for a SIEM: Open Cybersecurity Schema Framework 1.8.0, one JSON object an action.
//!
//! An action that changed something, was refused, or whose answer was lost is an event; what was so
//! already, waits or is kept back is none, since nothing happened to the target. Neither does
//! whoever is told something change any. Invariant: ids, operations and instants only, no value and
//! no name of a person.

use serde_json::{Map, Value as Json, json};

use crate::fold::Outcome;
use crate::grants::{Grant, Granting, unique_name};
use crate::model::{
    AccessOp, AccountOp, Area, BinOp, DeviceOp, Ending, EstateOp, GroupOp, ObjectId, RoleOp,
    SignInOp,
};
use crate::plan::{Action, WorkOrder};
use crate::policy::Reason;

/// The release of the schema that events follow: the newest one that is out.
pub const OCSF_VERSION: &str = "1.8.0";

/// Identity & Access Management.
const CATEGORY: u32 = 3;
/// An activity that the class has no number for; its name says which.
const OTHER: u32 = 99;

/// One action and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Happened<'a> {
    /// The order that it belongs to.
    pub order: &'a WorkOrder,
    /// What was planned.
    pub action: &'a Action,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// The account, or of an order about a group that group, where it is known.
    pub object: Option<&'a ObjectId>,
    /// The tenant.
    pub tenant: Option<&'a str>,
    /// Version of this program.
    pub version: &'a str,
}

/// An event class with one of its activities.
struct Class {
    uid: u32,
    name: &'static str,
    activity: u32,
    activity_name: &'static str,
}

const fn account(activity: u32, activity_name: &'static str) -> Class {
    Class {
        uid: 3001,
        name: "Account Change",
        activity,
        activity_name,
    }
}

const fn entity(activity: u32, activity_name: &'static str) -> Class {
    Class {
        uid: 3004,
        name: "Entity Management",
        activity,
        activity_name,
    }
}

const fn access(activity: u32, activity_name: &'static str) -> Class {
    Class {
        uid: 3005,
        name: "User Access Management",
        activity,
        activity_name,
    }
}

const fn group(activity: u32, activity_name: &'static str) -> Class {
    Class {
        uid: 3006,
        name: "Group Management",
        activity,
        activity_name,
    }
}

/// `None`: it changes nothing in the target.
const fn class(area: Area) -> Option<Class> {
    Some(match area {
        Area::Account(op) => match op {
            AccountOp::Create => account(1, "Create"),
            AccountOp::Enable => account(2, "Enable"),
            AccountOp::Disable => account(5, "Disable"),
            AccountOp::RevokeSessions => account(OTHER, "Revoke Sessions"),
            // Account Change has no update.
            AccountOp::Update | AccountOp::SetManager | AccountOp::ClearManager => {
                entity(3, "Update")
            }
        },
        Area::Bin(BinOp::Delete) => account(6, "Delete"),
        Area::Bin(BinOp::Restore) => account(OTHER, "Restore"),
        Area::SignIn(SignInOp::ResetPassword) => account(4, "Password Reset"),
        Area::SignIn(SignInOp::IssuePass) => account(10, "MFA Factor Enable"),
        Area::SignIn(SignInOp::RemoveMethods) => account(11, "MFA Factor Disable"),
        Area::Access(AccessOp::AddMember) => group(3, "Add User"),
        Area::Access(AccessOp::RemoveMember) => group(4, "Remove User"),
        Area::Access(AccessOp::AssignLicence) | Area::Role(RoleOp::Add) => {
            access(1, "Assign Privileges")
        }
        Area::Access(AccessOp::RemoveLicence)
        | Area::Role(RoleOp::Remove | RoleOp::RemoveInApp) => access(2, "Revoke Privileges"),
        Area::Group(GroupOp::Create) => group(6, "Create"),
        Area::Group(GroupOp::Update | GroupOp::License)
        | Area::Estate(EstateOp::AddOwner | EstateOp::AddSponsor | EstateOp::HandOver)
        | Area::Device(DeviceOp::RemoveUser) => entity(3, "Update"),
        Area::Device(DeviceOp::Disable) => entity(9, "Disable"),
        Area::Device(DeviceOp::Retire) => entity(7, "Unenroll"),
        Area::Device(DeviceOp::Wipe) => entity(OTHER, "Wipe"),
        Area::Device(DeviceOp::WipeApplications) => entity(OTHER, "Wipe Applications"),
        Area::Device(DeviceOp::DeleteRecord) => entity(4, "Delete"),
        Area::Device(DeviceOp::CheckEscrow) | Area::Message | Area::Proof => return None,
    })
}

/// The event of an action, if it is one.
pub fn ocsf(it: &Happened<'_>) -> Option<Json> {
    let class = class(it.action.op.area())?;
    let (status_id, status) = match &it.outcome.ending {
        Ending::Done => (1, "Success"),
        Ending::Failed { .. } => (2, "Failure"),
        Ending::Unknown { .. } => (0, "Unknown"),
        Ending::Already | Ending::Stale { .. } | Ending::Waiting { .. } | Ending::Held { .. } => {
            return None;
        }
    };
    let (severity_id, severity) = match (status_id, it.action.op.cut()) {
        (1, _) => (1, "Informational"),
        (_, false) => (3, "Medium"),
        // Somebody who left may still be inside.
        (_, true) => (4, "High"),
    };
    let withheld = is_sensitive(&it.action.reason);
    let op = it.action.op.name();
    let mut event = Map::new();
    let mut put = |name: &str, value: Json| event.insert(name.to_owned(), value);
    put("category_uid", CATEGORY.into());
    put("category_name", "Identity & Access Management".into());
    put("class_uid", class.uid.into());
    put("class_name", class.name.into());
    put("activity_id", class.activity.into());
    put("activity_name", class.activity_name.into());
    put("type_uid", (class.uid * 100 + class.activity).into());
    put(
        "type_name",
        format!("{}: {}", class.name, class.activity_name).into(),
    );
    put("time", it.outcome.at.as_millisecond().into());
    put("severity_id", severity_id.into());
    put("severity", severity.into());
    put("status_id", status_id.into());
    put("status", status.into());
    put("actor", json!({"app_name": "Rollcall"}));
    put("metadata", metadata(it));
    if !withheld {
        put(
            "message",
            format!("{op}: {}", it.action.reason.words()).into(),
        );
    }
    if let Ending::Failed { code, hint } = &it.outcome.ending {
        put("status_code", code.as_str().into());
        put("status_detail", hint.as_str().into());
    }
    if let Ending::Unknown { hint } = &it.outcome.ending {
        put("status_detail", hint.as_str().into());
    }
    if let Some(id) = &it.outcome.request_id {
        put("http_request", json!({"uid": id}));
    }
    put(
        "unmapped",
        json!({
            "op": op,
            "order": it.order.order,
            "person": it.order.person,
            "workers": it.order.workers,
            "rule": (!withheld).then_some(&it.action.rule),
            "due": it.action.due.to_string(),
            "send": it.outcome.send,
        }),
    );
    for (name, value) in about(it) {
        put(name, value);
    }
    Some(Json::Object(event))
}

/// Why somebody goes or stays away may be between them and HR (a dismissal, a death, a leave): a
/// SIEM has more readers than a plan.
const fn is_sensitive(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::ForCause
            | Reason::Deceased
            | Reason::NoShow
            | Reason::Leave { .. }
            | Reason::LeaveOver
            | Reason::Garden { .. }
    )
}

fn metadata(it: &Happened<'_>) -> Json {
    let mut out = json!({
        "version": OCSF_VERSION,
        "product": {"name": "Rollcall", "vendor_name": "Rollcall", "version": it.version},
        "uid": it.action.id,
        "correlation_uid": it.outcome.run,
        "event_code": it.action.op.name(),
        "log_name": "rollcall",
    });
    if let Some(tenant) = it.tenant {
        out["tenant_uid"] = tenant.into();
    }
    out
}

/// Whom and what it is about.
fn about(it: &Happened<'_>) -> Vec<(&'static str, Json)> {
    let arg = |name: &str| it.action.args.get(name).map(String::as_str);
    match it.action.op.area() {
        Area::Account(AccountOp::Update | AccountOp::SetManager | AccountOp::ClearManager) => {
            let user = user(it);
            vec![(
                "entity",
                json!({"type_id": 2, "type": "User", "user": user}),
            )]
        }
        Area::Access(AccessOp::AddMember | AccessOp::RemoveMember) => {
            let granting = Granting::of_args(&it.action.args);
            let group = granting.map(|granting| match (granting.id, granting.grant) {
                (Some(id), _) => json!({"uid": id}),
                (None, Grant::Group(key)) => json!({"name": unique_name(&key)}),
                (None, Grant::Licence(sku)) => json!({"name": sku}),
            });
            let group = group.unwrap_or_else(|| json!({"name": "unknown"}));
            vec![("user", user(it)), ("group", group)]
        }
        Area::Access(AccessOp::AssignLicence | AccessOp::RemoveLicence) | Area::Role(_) => {
            let what = arg("licence").or(arg("role")).or(arg("app"));
            let privileges: Vec<&str> = what.into_iter().collect();
            vec![("user", user(it)), ("privileges", json!(privileges))]
        }
        Area::Group(op) => {
            let mut group = Map::new();
            if let Some(shape) = &it.order.group {
                group.insert("name".to_owned(), unique_name(&shape.key).into());
            }
            if let Some(id) = it.object {
                group.insert("uid".to_owned(), id.as_str().into());
            }
            match op {
                GroupOp::Create => vec![("group", group.into())],
                GroupOp::Update | GroupOp::License => {
                    let group = Json::Object(group);
                    vec![(
                        "entity",
                        json!({"type_id": 3, "type": "Group", "group": group}),
                    )]
                }
            }
        }
        Area::Estate(_) => {
            let (type_id, name) = match arg("asset") {
                Some("group") => (3, "Group"),
                Some("guest" | "report") => (2, "User"),
                Some(_) | None => (OTHER, "Application"),
            };
            let entity = json!({"type_id": type_id, "type": name, "uid": arg("id")});
            vec![("entity", entity)]
        }
        Area::Device(_) => {
            let entity = json!({"type_id": 1, "type": "Device", "uid": arg("device")});
            vec![("entity", entity)]
        }
        Area::Account(
            AccountOp::Create | AccountOp::Enable | AccountOp::Disable | AccountOp::RevokeSessions,
        )
        | Area::Bin(_)
        | Area::SignIn(_)
        | Area::Message
        | Area::Proof => vec![("user", user(it))],
    }
}

/// The account by its id in the target; one that was not made by the key that HR has of the person.
fn user(it: &Happened<'_>) -> Json {
    let mut user = json!({"type_id": 1, "type": "User"});
    match it.object {
        Some(id) => user["uid"] = id.as_str().into(),
        None => user["account"] = json!({"uid": it.order.person, "type_id": 99, "type": "HR"}),
    }
    if let [worker] = it.order.workers.as_slice() {
        user["ldap_person"] = json!({"employee_uid": worker});
    }
    user
}

#[cfg(test)]
#[path = "ocsf_tests.rs"]
mod tests;
