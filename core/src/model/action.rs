//! Actions, and what a target answers: the vocabulary between plan and connector.
//!
//! Nothing here assumes that the target is Entra.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AccountName, ActionId, Asset, Attributes, Holdings, ObjectId, Ownership, PersonKey, Platform,
    ProofItem,
};

/// What an action does. The names are those of the scenario format (`user.create` ...).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Op {
    /// Make the account, disabled.
    #[serde(rename = "user.create")]
    UserCreate,
    /// Write changed attributes.
    #[serde(rename = "user.update")]
    UserUpdate,
    /// Point the account at its manager's.
    #[serde(rename = "user.setManager")]
    UserSetManager,
    /// Take the manager away.
    #[serde(rename = "user.clearManager")]
    UserClearManager,
    /// Allow sign-in.
    #[serde(rename = "user.enable")]
    UserEnable,
    /// Block sign-in.
    #[serde(rename = "user.disable")]
    UserDisable,
    /// Void the refresh tokens, so that a block takes effect now.
    #[serde(rename = "user.revokeSessions")]
    UserRevokeSessions,
    /// Put the account into a group whose members Rollcall keeps.
    #[serde(rename = "group.add")]
    GroupAdd,
    /// Take it out of one.
    #[serde(rename = "group.remove")]
    GroupRemove,
    /// Give the account a licence of its own.
    #[serde(rename = "licence.assign")]
    LicenceAssign,
    /// Take that away.
    #[serde(rename = "licence.remove")]
    LicenceRemove,
    /// Make a group of Rollcall's.
    #[serde(rename = "group.create")]
    GroupCreate,
    /// Write its changed name, description or rule.
    #[serde(rename = "group.update")]
    GroupUpdate,
    /// Write which licences its members get.
    #[serde(rename = "group.license")]
    GroupLicense,
    /// Bring the account back from the bin.
    #[serde(rename = "user.restore")]
    UserRestore,
    /// Give the account a password that nobody knows.
    #[serde(rename = "user.resetPassword")]
    UserResetPassword,
    /// Put the account into the bin of the target.
    #[serde(rename = "user.deleteSoft")]
    UserDeleteSoft,
    /// Issue a pass for the first sign-in.
    #[serde(rename = "tap.issue")]
    TapIssue,
    /// Take away what somebody registered to sign in with.
    #[serde(rename = "authMethods.remove")]
    AuthMethodsRemove,
    /// Take a directory role away, assigned or eligible.
    #[serde(rename = "role.remove")]
    RoleRemove,
    /// Give a directory role back.
    #[serde(rename = "role.add")]
    RoleAdd,
    /// Take the role in an application away.
    #[serde(rename = "appRole.remove")]
    AppRoleRemove,
    /// Make somebody an owner of what only the account owns.
    #[serde(rename = "owner.add")]
    OwnerAdd,
    /// Make somebody a sponsor of a guest whom only the account sponsors.
    #[serde(rename = "sponsor.add")]
    SponsorAdd,
    /// Point somebody who reports to the account at another manager.
    #[serde(rename = "report.handOver")]
    ReportHandOver,
    /// Tell the manager of somebody who comes.
    #[serde(rename = "notify.manager")]
    NotifyManager,
    /// Welcome somebody.
    #[serde(rename = "notify.welcome")]
    NotifyWelcome,
    /// Tell those who watch over security.
    #[serde(rename = "notify.security")]
    NotifySecurity,
    /// Ask a person to do what no interface does.
    #[serde(rename = "task.manual")]
    TaskManual,
    /// Block a device.
    #[serde(rename = "device.disable")]
    DeviceDisable,
    /// Take what belongs to the company off a device.
    #[serde(rename = "device.retire")]
    DeviceRetire,
    /// Reset a device: everything on it is gone.
    #[serde(rename = "device.wipe")]
    DeviceWipe,
    /// Take a person off a shared device.
    #[serde(rename = "device.removeUser")]
    DeviceRemoveUser,
    /// See that the keys of a device are kept before it goes.
    #[serde(rename = "device.escrowCheck")]
    DeviceEscrowCheck,
    /// Delete the record of a device.
    #[serde(rename = "device.deleteEntra")]
    DeviceDeleteEntra,
    /// Take company data out of managed applications.
    #[serde(rename = "app.selectiveWipe")]
    AppSelectiveWipe,
    /// Read back whether somebody who left is out.
    #[serde(rename = "user.proof")]
    UserProof,
}

impl Op {
    /// Every operation, in the order of the scenario format's list.
    pub const ALL: [Self; 37] = [
        Self::UserCreate,
        Self::UserUpdate,
        Self::UserSetManager,
        Self::UserClearManager,
        Self::UserEnable,
        Self::UserDisable,
        Self::UserRevokeSessions,
        Self::GroupAdd,
        Self::GroupRemove,
        Self::LicenceAssign,
        Self::LicenceRemove,
        Self::GroupCreate,
        Self::GroupUpdate,
        Self::GroupLicense,
        Self::UserRestore,
        Self::UserResetPassword,
        Self::UserDeleteSoft,
        Self::TapIssue,
        Self::AuthMethodsRemove,
        Self::RoleRemove,
        Self::RoleAdd,
        Self::AppRoleRemove,
        Self::OwnerAdd,
        Self::SponsorAdd,
        Self::ReportHandOver,
        Self::NotifyManager,
        Self::NotifyWelcome,
        Self::NotifySecurity,
        Self::TaskManual,
        Self::DeviceDisable,
        Self::DeviceRetire,
        Self::DeviceWipe,
        Self::DeviceRemoveUser,
        Self::DeviceEscrowCheck,
        Self::DeviceDeleteEntra,
        Self::AppSelectiveWipe,
        Self::UserProof,
    ];

    /// The name in plans and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserCreate => "user.create",
            Self::UserUpdate => "user.update",
            Self::UserSetManager => "user.setManager",
            Self::UserClearManager => "user.clearManager",
            Self::UserEnable => "user.enable",
            Self::UserDisable => "user.disable",
            Self::UserRevokeSessions => "user.revokeSessions",
            Self::GroupAdd => "group.add",
            Self::GroupRemove => "group.remove",
            Self::LicenceAssign => "licence.assign",
            Self::LicenceRemove => "licence.remove",
            Self::GroupCreate => "group.create",
            Self::GroupUpdate => "group.update",
            Self::GroupLicense => "group.license",
            Self::UserRestore => "user.restore",
            Self::UserResetPassword => "user.resetPassword",
            Self::UserDeleteSoft => "user.deleteSoft",
            Self::TapIssue => "tap.issue",
            Self::AuthMethodsRemove => "authMethods.remove",
            Self::RoleRemove => "role.remove",
            Self::RoleAdd => "role.add",
            Self::AppRoleRemove => "appRole.remove",
            Self::OwnerAdd => "owner.add",
            Self::SponsorAdd => "sponsor.add",
            Self::ReportHandOver => "report.handOver",
            Self::NotifyManager => "notify.manager",
            Self::NotifyWelcome => "notify.welcome",
            Self::NotifySecurity => "notify.security",
            Self::TaskManual => "task.manual",
            Self::DeviceDisable => "device.disable",
            Self::DeviceRetire => "device.retire",
            Self::DeviceWipe => "device.wipe",
            Self::DeviceRemoveUser => "device.removeUser",
            Self::DeviceEscrowCheck => "device.escrowCheck",
            Self::DeviceDeleteEntra => "device.deleteEntra",
            Self::AppSelectiveWipe => "app.selectiveWipe",
            Self::UserProof => "user.proof",
        }
    }

    /// What it is done to.
    pub const fn area(self) -> Area {
        match self {
            Self::UserCreate => Area::Account(AccountOp::Create),
            Self::UserUpdate => Area::Account(AccountOp::Update),
            Self::UserSetManager => Area::Account(AccountOp::SetManager),
            Self::UserClearManager => Area::Account(AccountOp::ClearManager),
            Self::UserEnable => Area::Account(AccountOp::Enable),
            Self::UserDisable => Area::Account(AccountOp::Disable),
            Self::UserRevokeSessions => Area::Account(AccountOp::RevokeSessions),
            Self::GroupAdd => Area::Access(AccessOp::AddMember),
            Self::GroupRemove => Area::Access(AccessOp::RemoveMember),
            Self::LicenceAssign => Area::Access(AccessOp::AssignLicence),
            Self::LicenceRemove => Area::Access(AccessOp::RemoveLicence),
            Self::GroupCreate => Area::Group(GroupOp::Create),
            Self::GroupUpdate => Area::Group(GroupOp::Update),
            Self::GroupLicense => Area::Group(GroupOp::License),
            Self::UserRestore => Area::Bin(BinOp::Restore),
            Self::UserDeleteSoft => Area::Bin(BinOp::Delete),
            Self::UserResetPassword => Area::SignIn(SignInOp::ResetPassword),
            Self::AuthMethodsRemove => Area::SignIn(SignInOp::RemoveMethods),
            Self::TapIssue => Area::SignIn(SignInOp::IssuePass),
            Self::RoleRemove => Area::Role(RoleOp::Remove),
            Self::RoleAdd => Area::Role(RoleOp::Add),
            Self::AppRoleRemove => Area::Role(RoleOp::RemoveInApp),
            Self::OwnerAdd => Area::Estate(EstateOp::AddOwner),
            Self::SponsorAdd => Area::Estate(EstateOp::AddSponsor),
            Self::ReportHandOver => Area::Estate(EstateOp::HandOver),
            Self::NotifyManager | Self::NotifyWelcome | Self::NotifySecurity | Self::TaskManual => {
                Area::Message
            }
            Self::DeviceDisable => Area::Device(DeviceOp::Disable),
            Self::DeviceRetire => Area::Device(DeviceOp::Retire),
            Self::DeviceWipe => Area::Device(DeviceOp::Wipe),
            Self::DeviceRemoveUser => Area::Device(DeviceOp::RemoveUser),
            Self::DeviceEscrowCheck => Area::Device(DeviceOp::CheckEscrow),
            Self::DeviceDeleteEntra => Area::Device(DeviceOp::DeleteRecord),
            Self::AppSelectiveWipe => Area::Device(DeviceOp::WipeApplications),
            Self::UserProof => Area::Proof,
        }
    }

    /// Takes something away from a person; guards count it.
    pub const fn destructive(self) -> bool {
        self.cut() || self.takes() || self.strips()
    }

    /// Takes away what is neither membership nor licence.
    pub const fn strips(self) -> bool {
        matches!(
            self,
            Self::UserResetPassword
                | Self::UserDeleteSoft
                | Self::AuthMethodsRemove
                | Self::RoleRemove
                | Self::AppRoleRemove
        ) || self.on_device()
    }

    /// Has no undo (lifecycle policy, 2.4 and rule 10 of 3.2): waits while what HR says is in doubt.
    pub const fn for_good(self) -> bool {
        matches!(
            self,
            Self::UserDeleteSoft
                | Self::AuthMethodsRemove
                | Self::DeviceRetire
                | Self::DeviceWipe
                | Self::DeviceRemoveUser
                | Self::DeviceDeleteEntra
                | Self::AppSelectiveWipe
        )
    }

    /// Is done to a device.
    pub const fn on_device(self) -> bool {
        matches!(self.area(), Area::Device(_))
    }

    /// Gives somebody else what only the account answers for.
    pub const fn hands_over(self) -> bool {
        matches!(self.area(), Area::Estate(_))
    }

    /// Changes nothing anywhere: somebody is told.
    pub const fn tells(self) -> bool {
        matches!(self.area(), Area::Message)
    }

    /// Changes nothing anywhere: reads back whether somebody is out.
    pub const fn proves(self) -> bool {
        matches!(self.area(), Area::Proof)
    }

    /// Has a text that goes out to somebody: what tells, and what hands something over.
    pub const fn speaks(self) -> bool {
        self.tells() || matches!(self, Self::TapIssue)
    }

    /// Takes a membership or a licence away.
    pub const fn takes(self) -> bool {
        matches!(self, Self::GroupRemove | Self::LicenceRemove)
    }

    /// Gives a membership or a licence.
    pub const fn grants(self) -> bool {
        matches!(self, Self::GroupAdd | Self::LicenceAssign)
    }

    /// Is about a group itself, not about a person.
    pub const fn shapes(self) -> bool {
        matches!(self.area(), Area::Group(_))
    }

    /// Part of a cut: goes first, goes when the source is stale, and is stopped by nothing but
    /// another object or key (P14).
    pub const fn cut(self) -> bool {
        matches!(self, Self::UserDisable | Self::UserRevokeSessions)
    }

    /// Must not be sent twice, whatever happened to the first answer: marked in `once/` first.
    pub const fn at_most_once(self) -> bool {
        match self {
            Self::UserCreate
            | Self::UserUpdate
            | Self::UserSetManager
            | Self::UserClearManager
            | Self::UserEnable
            | Self::UserDisable
            | Self::UserRevokeSessions
            | Self::GroupAdd
            | Self::GroupRemove
            | Self::LicenceAssign
            | Self::LicenceRemove
            | Self::GroupCreate
            | Self::GroupUpdate
            | Self::GroupLicense
            | Self::UserRestore
            | Self::UserResetPassword
            | Self::UserDeleteSoft
            | Self::AuthMethodsRemove
            | Self::RoleRemove
            | Self::RoleAdd
            | Self::AppRoleRemove
            | Self::OwnerAdd
            | Self::SponsorAdd
            | Self::ReportHandOver
            | Self::DeviceDisable
            | Self::DeviceRemoveUser
            | Self::DeviceEscrowCheck
            | Self::DeviceDeleteEntra
            | Self::UserProof => false,
            Self::TapIssue
            | Self::NotifyManager
            | Self::NotifyWelcome
            | Self::NotifySecurity
            | Self::TaskManual
            | Self::DeviceRetire
            | Self::DeviceWipe
            | Self::AppSelectiveWipe => true,
        }
    }

    /// A command that the target passes on, and that cannot be taken back once a device hears of it.
    pub const fn commands(self) -> bool {
        matches!(
            self,
            Self::DeviceRetire | Self::DeviceWipe | Self::AppSelectiveWipe
        )
    }

    /// Gives access: looks for a newer cut of the person just before it writes.
    pub const fn gives(self) -> bool {
        let opens = matches!(
            self,
            Self::UserEnable | Self::UserRestore | Self::TapIssue | Self::RoleAdd
        );
        opens || self.grants()
    }
}

impl std::fmt::Display for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What an operation is done to. Where connectors tell single operations apart, the area says which
/// it is: whoever carries out one area names its operations and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// An account itself.
    Account(AccountOp),
    /// What an account has: memberships and licences.
    Access(AccessOp),
    /// A group itself.
    Group(GroupOp),
    /// Whether an account lies in the bin.
    Bin(BinOp),
    /// What somebody signs in with.
    SignIn(SignInOp),
    /// Roles in the directory and in applications.
    Role(RoleOp),
    /// What an account answers for.
    Estate(EstateOp),
    /// Nothing: somebody is told.
    Message,
    /// A device.
    Device(DeviceOp),
    /// Nothing: an account and what is around it are read back.
    Proof,
}

/// What is done to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceOp {
    /// [`Op::DeviceDisable`].
    Disable,
    /// [`Op::DeviceRetire`].
    Retire,
    /// [`Op::DeviceWipe`].
    Wipe,
    /// [`Op::DeviceRemoveUser`].
    RemoveUser,
    /// [`Op::DeviceEscrowCheck`].
    CheckEscrow,
    /// [`Op::DeviceDeleteEntra`].
    DeleteRecord,
    /// [`Op::AppSelectiveWipe`].
    WipeApplications,
}

/// What is done to an account itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountOp {
    /// [`Op::UserCreate`].
    Create,
    /// [`Op::UserUpdate`].
    Update,
    /// [`Op::UserSetManager`].
    SetManager,
    /// [`Op::UserClearManager`].
    ClearManager,
    /// [`Op::UserEnable`].
    Enable,
    /// [`Op::UserDisable`].
    Disable,
    /// [`Op::UserRevokeSessions`].
    RevokeSessions,
}

/// What is done to what somebody signs in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInOp {
    /// [`Op::UserResetPassword`].
    ResetPassword,
    /// [`Op::AuthMethodsRemove`].
    RemoveMethods,
    /// [`Op::TapIssue`].
    IssuePass,
}

/// What is done to the roles of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleOp {
    /// [`Op::RoleRemove`].
    Remove,
    /// [`Op::RoleAdd`].
    Add,
    /// [`Op::AppRoleRemove`].
    RemoveInApp,
}

/// What is done to the memberships and licences of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessOp {
    /// [`Op::GroupAdd`].
    AddMember,
    /// [`Op::GroupRemove`].
    RemoveMember,
    /// [`Op::LicenceAssign`].
    AssignLicence,
    /// [`Op::LicenceRemove`].
    RemoveLicence,
}

/// What is done about the bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinOp {
    /// [`Op::UserRestore`].
    Restore,
    /// [`Op::UserDeleteSoft`].
    Delete,
}

/// What is done about things that only one account answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EstateOp {
    /// [`Op::OwnerAdd`].
    AddOwner,
    /// [`Op::SponsorAdd`].
    AddSponsor,
    /// [`Op::ReportHandOver`].
    HandOver,
}

/// What is done to a group itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupOp {
    /// [`Op::GroupCreate`].
    Create,
    /// [`Op::GroupUpdate`].
    Update,
    /// [`Op::GroupLicense`].
    License,
}

/// An account as the target has it: what planning reads as `before` and what apply re-checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The target's own id.
    pub id: ObjectId,
    /// Whether sign-in is allowed.
    pub enabled: bool,
    /// The worker key that the account carries (`employeeId`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// The sign-in name.
    pub name: AccountName,
    /// The attributes that the mapping writes, by target name; absent = null.
    pub attributes: Attributes,
    /// What it has beside them, where the target was asked for that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub holdings: Option<Box<Holdings>>,
}

/// What a target says became of an account since it was last asked for changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChange {
    /// The target's own id.
    pub id: ObjectId,
    /// In the bin, or gone for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// Whether sign-in is allowed; `None`: nothing is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The worker key, empty where there is none any more; `None`: nothing is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl AccountChange {
    /// What both say; the newer one counts.
    #[must_use]
    pub fn then(self, newer: Self) -> Self {
        if self.gone || newer.gone {
            return newer;
        }
        Self {
            enabled: newer.enabled.or(self.enabled),
            key: newer.key.or(self.key),
            ..newer
        }
    }
}

/// Since when changes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since<'a> {
    /// Nothing is told, but from where on to ask.
    Now,
    /// Every account as it is.
    Ever,
    /// From where an earlier answer says ([`Changes::Upto`]).
    Link(&'a str),
}

/// A part of what became of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Some accounts; one may come again, and counts as it comes last.
    Accounts(Vec<AccountChange>),
    /// The end: from where to ask on.
    Upto(String),
    /// The end: the target no longer knows what changed since.
    Forgotten,
}

/// What planning asks a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lookup {
    /// The accounts that carry this worker key: none, one or several.
    Key(String),
    /// The account of this sign-in name.
    Name(AccountName),
    /// The account of this id.
    Id(ObjectId),
}

/// How a group is found in a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupName {
    /// By the target's own id: somebody else made it.
    Id(ObjectId),
    /// By the unique name that Rollcall gives its own.
    Unique(String),
}

/// A group as the target has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenGroup {
    /// The target's own id.
    pub id: ObjectId,
    /// As people read it.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// The rule that its members follow there; `None` where they are put in by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
    /// The rule is at work, not paused.
    pub evaluated: bool,
    /// What its members get there, by the target's own ids.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub licences: Vec<Licence>,
}

/// A licence to give, by names or by the target's own ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Licence {
    /// The SKU.
    pub sku: String,
    /// Service plans of it that are switched off.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub disabled_plans: Vec<String>,
}

/// What a group of Rollcall's is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedGroup {
    /// Its unique name there: `rollcall-<key>`.
    pub unique: String,
    /// As people read it.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// The rule that its members follow; `None` where Rollcall keeps them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
    /// What its members get.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub licences: Vec<Licence>,
}

/// One action on a group made ready for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStep {
    /// The action it carries out.
    pub action: ActionId,
    /// What: one that [`Op::shapes`].
    pub op: Op,
    /// What the group is to be; of it, an operation writes its part.
    pub wanted: WantedGroup,
    /// What the group was at plan time; `None` where there was none.
    pub before: Option<SeenGroup>,
}

/// A licence as the target has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seats {
    /// The target's own id of it.
    pub id: String,
    /// As catalogues name it (a SKU's part number).
    pub name: String,
    /// Seats that nobody has; below zero where more are taken than were bought.
    pub free: i64,
    /// The services that it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub plans: Vec<ServicePlan>,
}

/// A service of a licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePlan {
    /// The target's own id of it.
    pub id: String,
    /// As catalogues name it.
    pub name: String,
}

impl ServicePlan {
    /// Whether a configuration means this service: by name in any case, or by id.
    pub fn is(&self, written: &str) -> bool {
        self.name.eq_ignore_ascii_case(written) || self.id.eq_ignore_ascii_case(written)
    }
}

/// How a licence stands at an account, or could not be given to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenceState {
    /// The SKU's id.
    pub sku: String,
    /// The group that gives it; `None`: the account has it of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by_group: Option<ObjectId>,
    /// As the target says it: `Active`, `Error` ...
    pub state: String,
    /// What is wrong, as the target says it: `CountViolation` ...; `None` where nothing is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

impl Seats {
    /// Whether a configuration means this licence: by name in any case, or by id.
    pub fn is(&self, written: &str) -> bool {
        self.name.eq_ignore_ascii_case(written) || self.id.eq_ignore_ascii_case(written)
    }
}

/// One action made ready for a target: values joined, references resolved to object ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The action it carries out.
    pub action: ActionId,
    /// Whose.
    pub person: PersonKey,
    /// What.
    pub op: Op,
    /// The account to write to; `None` only for a create.
    pub object: Option<ObjectId>,
    /// The worker key that the account must carry, re-checked just before writing.
    pub key: String,
    /// Create: all attributes, sign-in name included. Update: the changed ones; null clears.
    pub write: Attributes,
    /// Update: what each written attribute was at plan time (missing = null). The action is
    /// `stale` when the target has something that is neither this nor the wanted value.
    pub before: Attributes,
    /// The manager's account, for `user.setManager`; the heir's, where something is handed over.
    pub manager: Option<ObjectId>,
    /// What is handed over, for `owner.add`, `sponsor.add` and `report.handOver`.
    pub handed: Option<(Asset, ObjectId)>,
    /// The group, for `group.add` and `group.remove`.
    pub group: Option<ObjectId>,
    /// The licence, for `licence.assign` and `licence.remove`.
    pub licence: Option<Licence>,
    /// The role as [`super::Holdings`] has it, for `role.remove` and `role.add`; the application, for
    /// `appRole.remove`.
    pub role: Option<String>,
    /// The device, for what is done to one.
    pub device: Option<DeviceAim>,
}

impl Step {
    /// A step that says whom it is about and nothing else. `key` is what their account carries.
    pub fn new(action: ActionId, person: PersonKey, op: Op, key: &str) -> Self {
        Self {
            action,
            person,
            op,
            object: None,
            key: key.to_owned(),
            write: Attributes::new(),
            before: Attributes::new(),
            manager: None,
            handed: None,
            group: None,
            licence: None,
            role: None,
            device: None,
        }
    }
}

/// A device that a step is done to, as planning took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceAim {
    /// The record that the operation is done to; see [`super::Device::record`].
    pub record: String,
    /// Whose it was taken for.
    pub owner: Ownership,
    /// What runs on it.
    pub os: Platform,
    /// The target's consent to this very request, where it wanted one.
    pub consent: Option<String>,
    /// A wipe leaves the data plan of an eSIM there.
    pub keep_esim: bool,
}

/// How one action ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum Ending {
    /// Written now.
    Done,
    /// It was so already.
    Already,
    /// The target refused, for good or after all tries.
    Failed {
        /// A stable code: the target's own where there is one.
        code: String,
        /// What it means and what to do; no values.
        hint: String,
    },
    /// The precondition no longer holds: object, key or a property that this action writes.
    Stale {
        /// What differs; no values.
        why: String,
    },
    /// Not possible yet; comes back through the schedule.
    Waiting {
        /// Not before this instant, where one is known.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Timestamp>,
        /// For what: `manager`, `replication`, `quota`.
        #[serde(rename = "for")]
        reason: String,
    },
    /// Kept back by a guard.
    Held {
        /// The guard.
        by: String,
    },
    /// Sent, never answered, must not be sent again: a person has to look.
    Unknown {
        /// What to look at.
        hint: String,
    },
}

impl Ending {
    /// Nothing is left to do for the action.
    pub const fn settled(&self) -> bool {
        match self {
            Self::Done | Self::Already => true,
            Self::Failed { .. }
            | Self::Stale { .. }
            | Self::Waiting { .. }
            | Self::Held { .. }
            | Self::Unknown { .. } => false,
        }
    }

    /// The name in reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Already => "already",
            Self::Failed { .. } => "failed",
            Self::Stale { .. } => "stale",
            Self::Waiting { .. } => "waiting",
            Self::Held { .. } => "held",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// What came of one step at a target.
#[derive(Debug, Clone, PartialEq)]
pub struct StepResult {
    /// How it ended.
    pub ending: Ending,
    /// The account, once known (a create gives it).
    pub object: Option<ObjectId>,
    /// The `client-request-id` of the last call, so that the vendor's logs can be searched.
    pub request_id: Option<String>,
    /// Calls made, retries included.
    pub calls: u32,
    /// The target wants consent of its own before it does this: its code for the request.
    pub consent: Option<String>,
    /// What was read back, for `user.proof`.
    pub proof: Vec<ProofItem>,
}

impl StepResult {
    /// An ending without a call.
    pub const fn new(ending: Ending) -> Self {
        Self {
            ending,
            object: None,
            request_id: None,
            calls: 0,
            consent: None,
            proof: Vec::new(),
        }
    }
}
