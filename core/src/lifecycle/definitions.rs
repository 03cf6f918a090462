//! The built-in tasks of Lifecycle Workflows, and what becomes of each here.

use crate::model::Op;

/// What a workflow is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Somebody comes.
    Joiner,
    /// Somebody changes.
    Mover,
    /// Somebody goes.
    Leaver,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Joiner, Self::Mover, Self::Leaver];

    /// The name in Graph.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joiner => "joiner",
            Self::Mover => "mover",
            Self::Leaver => "leaver",
        }
    }
}

/// What a task is to a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    Welcome,
    TellManager,
    Pass,
    Enable,
    /// Groups or teams by id.
    AddGroups,
    AssignLicences,
    Disable,
    Revoke,
    /// Groups or teams by id.
    RemoveGroups,
    RemoveAllGroups,
    RemoveAllTeams,
    RemoveLicences,
    RemoveAllLicences,
    Delete,
    /// Nothing: why not.
    Nothing(&'static str),
}

/// A built-in task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// `taskDefinitionId`, in lower case.
    pub id: &'static str,
    /// As the portal calls it.
    pub name: &'static str,
    /// Which workflows may have it.
    pub categories: &'static [Category],
    /// Arguments that it takes.
    pub arguments: &'static [&'static str],
    /// What it does here.
    pub(super) means: Means,
}

const J: &[Category] = &[Category::Joiner];
const L: &[Category] = &[Category::Leaver];
const M: &[Category] = &[Category::Mover];
const JM: &[Category] = &[Category::Joiner, Category::Mover];
const JL: &[Category] = &[Category::Joiner, Category::Leaver];
const ML: &[Category] = &[Category::Mover, Category::Leaver];
const JML: &[Category] = &Category::ALL;

const MAIL: &[&str] = &["to", "cc", "customSubject", "customBody", "locale"];
const NO_MAIL: Means = Means::Nothing(
    "Rollcall sends no such mail: it tells the manager before somebody starts, the newcomer on the \
     first day, and security of a dismissal for cause",
);
const NO_PACKAGE: Means = Means::Nothing(
    "access packages are entitlement management's; give access by a rule of `groups.toml`",
);
const NO_SPONSOR: Means = Means::Nothing("Rollcall knows no sponsors");

const fn task(
    id: &'static str,
    name: &'static str,
    categories: &'static [Category],
    arguments: &'static [&'static str],
    means: Means,
) -> Definition {
    Definition {
        id,
        name,
        categories,
        arguments,
        means,
    }
}

/// Every built-in task that is documented, in the order of the documentation.
const DEFINITIONS: [Definition; 32] = [
    task(
        "70b29d51-b59a-4773-9280-8841dfd3f2ea",
        "Send welcome email to new hire",
        J,
        MAIL,
        Means::Welcome,
    ),
    task(
        "3c860712-2d37-42a4-928f-5c93935d26a1",
        "Send onboarding reminder email",
        J,
        MAIL,
        Means::TellManager,
    ),
    task(
        "1b555e50-7f65-41d5-b514-5894a026d10d",
        "Generate Temporary Access Pass and send via email to user's manager",
        J,
        &[
            "tapLifetimeMinutes",
            "tapIsUsableOnce",
            "to",
            "cc",
            "customSubject",
            "customBody",
            "locale",
        ],
        Means::Pass,
    ),
    task(
        "aab41899-9972-422a-9d97-f626014578b7",
        "Send email to notify manager of user move",
        M,
        MAIL,
        NO_MAIL,
    ),
    task(
        "c1ec1e76-f374-4375-aaa6-0bb6bd4c60be",
        "Request user access package assignment",
        JM,
        &["assignmentPolicyId", "accessPackageId"],
        NO_PACKAGE,
    ),
    task(
        "683c87a4-2ad4-420b-97d4-220d90afcd24",
        "Assign licenses to users",
        JM,
        &["licenses"],
        Means::AssignLicences,
    ),
    task(
        "22085229-5809-45e8-97fd-270d28d66910",
        "Add user to groups",
        JML,
        &["groupID"],
        Means::AddGroups,
    ),
    task(
        "e440ed8d-25a1-4618-84ce-091ed5be5594",
        "Add user to teams",
        JML,
        &["teamID"],
        Means::AddGroups,
    ),
    task(
        "2c8f4a1b-7d3e-4f9c-8a5b-6e1d2c3f4a5b",
        "Update user attributes",
        JML,
        &[],
        Means::Nothing("attributes follow from the mapping: say it in `mapping.toml`"),
    ),
    task(
        "6fc52c9d-398b-4305-9763-15f42c1676fc",
        "Enable user account",
        JL,
        &["enableOnPremisesAccount"],
        Means::Enable,
    ),
    task(
        "4262b724-8dba-4fad-afc3-43fcbb497a0e",
        "Run a custom task extension",
        JML,
        &["customTaskExtensionID"],
        CUSTOM,
    ),
    task(
        "d79d1fcc-16be-490c-a865-f4533b1639ee",
        "Run a custom task extension",
        JML,
        &["customTaskExtensionID"],
        CUSTOM,
    ),
    task(
        "1dfdfcc7-52fa-4c2e-bf3a-e3919cc12950",
        "Disable user account",
        L,
        &["disableOnPremisesAccount"],
        Means::Disable,
    ),
    task(
        "1953a66c-751c-45e5-8bfe-01462c70da3c",
        "Remove user from selected groups",
        JML,
        &["groupID"],
        Means::RemoveGroups,
    ),
    task(
        "b3a31406-2a15-4c9a-b25b-a658fa5f07fc",
        "Remove users from all groups",
        L,
        &[],
        Means::RemoveAllGroups,
    ),
    task(
        "06aa7acb-01af-4824-8899-b14e5ed788d6",
        "Remove user from selected teams",
        ML,
        &["teamID"],
        Means::RemoveGroups,
    ),
    task(
        "81f7b200-2816-4b3b-8c5d-dc556f07b024",
        "Remove users from all teams",
        L,
        &[],
        Means::RemoveAllTeams,
    ),
    task(
        "4a0b64f2-c7ec-46ba-b117-18f262946c50",
        "Remove access package assignment for user",
        ML,
        &["accessPackageId"],
        NO_PACKAGE,
    ),
    task(
        "42ae2956-193d-4f39-be06-691b8ac4fa1d",
        "Remove all access package assignments for user",
        ML,
        &[],
        NO_PACKAGE,
    ),
    task(
        "498770d9-bab7-4e4c-b73d-5ded82a1d0b3",
        "Cancel all pending access package assignment requests for user",
        L,
        &[],
        NO_PACKAGE,
    ),
    task(
        "5fc402a8-daaf-4b7b-9203-da868b05fc5f",
        "Remove selected license assignments from user",
        ML,
        &["licenses"],
        Means::RemoveLicences,
    ),
    task(
        "8fa97d28-3e52-4985-b3a9-a1126f9b8b4e",
        "Remove all license assignments from user",
        L,
        &[],
        Means::RemoveAllLicences,
    ),
    task(
        "509589a4-0466-4471-829e-49c5e502bdee",
        "Revoke all refresh tokens for user",
        ML,
        &[],
        Means::Revoke,
    ),
    task(
        "8d18588d-9ad3-4c0f-99d0-ec215f0e3dff",
        "Delete user",
        L,
        &["deleteOnPremisesAccount"],
        Means::Delete,
    ),
    task(
        "52853a3e-f4e5-4eb8-bb24-1ac09a1da935",
        "Send email to manager before user's last day",
        L,
        MAIL,
        NO_MAIL,
    ),
    task(
        "9c0a1eaf-5bda-4392-9d9e-6e155bb57411",
        "Send email on user's last day",
        L,
        MAIL,
        NO_MAIL,
    ),
    task(
        "6f22ddd4-b3a5-47a4-a846-0d7c201a49ce",
        "Send email to user's manager after their last day",
        L,
        MAIL,
        NO_MAIL,
    ),
    task(
        "92f74cb4-f1b6-4ec0-b766-96210f56edc2",
        "Send email about user inactivity",
        L,
        MAIL,
        NO_MAIL,
    ),
    task(
        "b8c4e1f9-3a7d-4b2e-9c5f-8d6a9b1c2e3f",
        "Send email to manager about sponsorship changes",
        ML,
        MAIL,
        NO_SPONSOR,
    ),
    task(
        "ad3b85cd-75b1-43e7-b4b9-0e52faba3944",
        "Send email to co-sponsors about sponsor changes",
        ML,
        MAIL,
        NO_SPONSOR,
    ),
    task(
        "b8f4c3d5-9e7a-4b1c-8f2d-6a5e8b9c7f4a",
        "Transfer agent identity sponsorships to manager",
        ML,
        &[],
        NO_SPONSOR,
    ),
    task(
        "a8e4c7f2-9d1b-4a3e-b5c6-8f2e7a9d4c1b",
        "Send email about unsponsored guest removal",
        L,
        MAIL,
        NO_SPONSOR,
    ),
];

const CUSTOM: Means = Means::Nothing(
    "Rollcall calls nobody's logic app; let what listens read `plan.jsonl` and the outcomes",
);

/// Every built-in task that is documented.
pub fn definitions() -> &'static [Definition] {
    &DEFINITIONS
}

/// The one of an id, in any case.
pub(super) fn by_id(id: &str) -> Option<&'static Definition> {
    let mut all = DEFINITIONS.iter();
    all.find(|it| it.id.eq_ignore_ascii_case(id.trim()))
}

/// The one whose id is so like it that it may be a slip of the hand.
pub(super) fn near_id(id: &str) -> Option<&'static Definition> {
    let known = DEFINITIONS.iter().map(|it| it.id);
    by_id(crate::suggest::nearest(id.trim(), known)?)
}

/// The task there that does what an operation does here.
pub(super) fn of_op(op: Op) -> Option<&'static Definition> {
    let id = match op {
        Op::NotifyWelcome => "70b29d51-b59a-4773-9280-8841dfd3f2ea",
        Op::NotifyManager => "3c860712-2d37-42a4-928f-5c93935d26a1",
        Op::TapIssue => "1b555e50-7f65-41d5-b514-5894a026d10d",
        Op::GroupAdd => "22085229-5809-45e8-97fd-270d28d66910",
        Op::LicenceAssign => "683c87a4-2ad4-420b-97d4-220d90afcd24",
        Op::UserEnable => "6fc52c9d-398b-4305-9763-15f42c1676fc",
        Op::UserDisable => "1dfdfcc7-52fa-4c2e-bf3a-e3919cc12950",
        Op::UserRevokeSessions => "509589a4-0466-4471-829e-49c5e502bdee",
        Op::GroupRemove => "1953a66c-751c-45e5-8bfe-01462c70da3c",
        Op::LicenceRemove => "5fc402a8-daaf-4b7b-9203-da868b05fc5f",
        Op::UserDeleteSoft => "8d18588d-9ad3-4c0f-99d0-ec215f0e3dff",
        Op::UserUpdate => "2c8f4a1b-7d3e-4f9c-8a5b-6e1d2c3f4a5b",
        Op::UserCreate
        | Op::UserSetManager
        | Op::UserClearManager
        | Op::GroupCreate
        | Op::GroupUpdate
        | Op::GroupLicense
        | Op::UserRestore
        | Op::UserResetPassword
        | Op::AuthMethodsRemove
        | Op::RoleRemove
        | Op::RoleAdd
        | Op::AppRoleRemove
        | Op::OwnerAdd
        | Op::SponsorAdd
        | Op::ReportHandOver
        | Op::NotifySecurity
        | Op::TaskManual
        | Op::DeviceDisable
        | Op::DeviceRetire
        | Op::DeviceWipe
        | Op::DeviceRemoveUser
        | Op::UserProof
        | Op::DeviceEscrowCheck
        | Op::DeviceDeleteEntra
        | Op::AppSelectiveWipe => return None,
    };
    by_id(id)
}
