//! `check --online`: can we sign in, may we do what the plan will need, and do we reach users?
//!
//! Invariant: nothing is written, and the token is read, not kept.

use rollcall_core::groups::{Groups, Mode};
use rollcall_core::model::{Asset, Op};
use rollcall_core::policy::{Handing, Policy};
use std::fmt;

use rollcall_http::Secret;
use serde::Serialize;
use serde_json::Value as Json;

use crate::graph;
use crate::{Entra, EntraError};

/// Something that a configuration needs the tenant's consent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Need {
    /// What for.
    pub feature: &'static str,
    /// Application permissions of Microsoft Graph of which any one allows it; the least first
    /// (permission data of microsoftgraph/microsoft-graph-devx-content).
    pub any_of: &'static [&'static str],
}

const GROUPS_READ: &[&str] = &[
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
];

type Feature = (fn(Wants) -> bool, &'static str, &'static [&'static str]);

/// Everything that this connector does, each with who asks for it.
const FEATURES: [Feature; 36] = [
    (
        |_| true,
        "read people",
        &["User.Read.All", "User.ReadWrite.All"],
    ),
    (
        |_| true,
        "make people and write their attributes",
        &["User.ReadWrite.All"],
    ),
    (
        |_| true,
        "enable and disable accounts",
        &["User.EnableDisableAccount.All", "User.ReadWrite.All"],
    ),
    (
        |_| true,
        "end sessions",
        &["User.RevokeSessions.All", "User.ReadWrite.All"],
    ),
    // "Update user": User.ReadWrite.All does not cover it.
    (
        |wants| wants.leave_dates,
        "write employeeLeaveDateTime",
        &["User-LifeCycleInfo.ReadWrite.All"],
    ),
    (|wants| wants.groups, "see who is in groups", GROUPS_READ),
    (
        |wants| wants.passes.is_some() && !wants.groups,
        "see whether somebody is in a group that has roles",
        GROUPS_READ,
    ),
    (
        |wants| wants.proof && !wants.groups,
        "see what groups leavers are still in",
        GROUPS_READ,
    ),
    (
        |wants| wants.licences,
        "see seats of licences",
        &[
            "LicenseAssignment.Read.All",
            "LicenseAssignment.ReadWrite.All",
            "Organization.Read.All",
        ],
    ),
    (
        |wants| wants.members,
        "put people into groups and take them out",
        &["GroupMember.ReadWrite.All", "Group.ReadWrite.All"],
    ),
    (
        |wants| wants.keeps_groups,
        "make groups and write what they are",
        &["Group.ReadWrite.All"],
    ),
    (
        |wants| wants.assigns,
        "give licences",
        &["LicenseAssignment.ReadWrite.All"],
    ),
    (
        |wants| wants.deletes,
        "put accounts into the bin and bring them back",
        &["User.DeleteRestore.All", "User.ReadWrite.All"],
    ),
    // No token shows the role that it takes besides ("Update user", passwordProfile).
    (
        |wants| wants.passwords,
        "reset passwords (with the role User Administrator for the application)",
        &["User-PasswordProfile.ReadWrite.All"],
    ),
    (
        |wants| wants.methods,
        "take away sign-in methods",
        &["UserAuthenticationMethod.ReadWrite.All"],
    ),
    (
        |wants| wants.passes.is_some(),
        "issue Temporary Access Passes",
        &[
            "UserAuthMethod-TAP.ReadWrite.All",
            "UserAuthenticationMethod.ReadWrite.All",
        ],
    ),
    (
        |wants| wants.passes.is_some(),
        "see whether somebody can sign in already",
        &[
            "UserAuthenticationMethod.Read.All",
            "UserAuthenticationMethod.ReadWrite.All",
        ],
    ),
    (
        |wants| wants.roles || wants.passes.is_some(),
        "see directory roles",
        &[
            "RoleManagement.Read.Directory",
            "RoleManagement.Read.All",
            "RoleManagement.ReadWrite.Directory",
        ],
    ),
    (
        |wants| wants.roles || wants.passes.is_some(),
        "see directory roles that are to be had on request",
        &[
            "RoleEligibilitySchedule.Read.Directory",
            "RoleEligibilitySchedule.ReadWrite.Directory",
            "RoleManagement.Read.Directory",
            "RoleManagement.Read.All",
            "RoleManagement.ReadWrite.Directory",
        ],
    ),
    (
        |wants| wants.roles,
        "take directory roles away",
        &[
            "RoleAssignmentSchedule.Remove.Directory",
            "RoleAssignmentSchedule.ReadWrite.Directory",
            "RoleManagement.ReadWrite.Directory",
        ],
    ),
    (
        |wants| wants.roles,
        "take away directory roles that are to be had on request",
        &[
            "RoleEligibilitySchedule.Remove.Directory",
            "RoleEligibilitySchedule.ReadWrite.Directory",
            "RoleManagement.ReadWrite.Directory",
        ],
    ),
    (
        |wants| wants.roles,
        "see roles in applications",
        &["Directory.Read.All", "AppRoleAssignment.ReadWrite.All"],
    ),
    (
        |wants| wants.roles,
        "take roles in applications away",
        &["AppRoleAssignment.ReadWrite.All"],
    ),
    (
        |wants| wants.group_owners && !wants.groups,
        "see who owns groups",
        GROUPS_READ,
    ),
    (
        |wants| wants.app_owners,
        "see who owns applications",
        &["Application.Read.All", "Application.ReadWrite.All"],
    ),
    (
        |wants| wants.owns_groups && !wants.keeps_groups,
        "add owners to groups",
        &["Group.ReadWrite.All"],
    ),
    (
        |wants| wants.owns_apps,
        "add owners to applications",
        &["Application.ReadWrite.All"],
    ),
    (
        |wants| wants.devices,
        "see devices of the directory",
        &["Device.Read.All", "Device.ReadWrite.All"],
    ),
    (
        |wants| wants.devices,
        "see managed devices",
        &[
            "DeviceManagementManagedDevices.Read.All",
            "DeviceManagementManagedDevices.ReadWrite.All",
        ],
    ),
    (
        |wants| wants.devices,
        "see protected applications, and what Intune wrote down of commands",
        &[
            "DeviceManagementApps.Read.All",
            "DeviceManagementApps.ReadWrite.All",
        ],
    ),
    (
        |wants| wants.devices,
        "see what is registered for Autopilot",
        &[
            "DeviceManagementServiceConfig.Read.All",
            "DeviceManagementServiceConfig.ReadWrite.All",
        ],
    ),
    (
        |wants| wants.devices,
        "see whether recovery keys are kept",
        &["BitlockerKey.ReadBasic.All", "BitlockerKey.Read.All"],
    ),
    // "Update device": of what does not run Windows an application may write next to nothing.
    (
        |wants| wants.devices,
        "disable devices and delete their records (with the role Cloud Device Administrator for the \
         application)",
        &["Device.ReadWrite.All"],
    ),
    // Of a wipe the pages name ReadWrite.All too; it is not enough
    // (microsoftgraph/microsoft-graph-docs-contrib, issue 2079).
    (
        |wants| wants.devices,
        "retire and wipe devices",
        &["DeviceManagementManagedDevices.PrivilegedOperations.All"],
    ),
    (
        |wants| wants.devices,
        "take company data out of protected applications",
        &["DeviceManagementApps.ReadWrite.All"],
    ),
    // "Add sponsors" of users.
    (
        |wants| wants.sponsors,
        "add sponsors to guests",
        &["User.ReadWrite.All"],
    ),
];

/// What a configuration has besides users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a list of features, each of which is there or not"
)]
pub struct Wants {
    /// Groups.
    pub groups: bool,
    /// Groups that give licences.
    pub licences: bool,
    /// Groups whose members we keep.
    pub members: bool,
    /// Groups that we make and write.
    pub keeps_groups: bool,
    /// Licences that we give.
    pub assigns: bool,
    /// Accounts that we delete.
    pub deletes: bool,
    /// Passwords that we reset.
    pub passwords: bool,
    /// What people registered to sign in with, and we take away.
    pub methods: bool,
    /// How long passes are to be good that we issue, in minutes.
    pub passes: Option<u32>,
    /// Roles in the directory and in applications that we take away.
    pub roles: bool,
    /// Whether leavers are out.
    pub proof: bool,
    /// Devices of leavers.
    pub devices: bool,
    /// Groups whose owners we look at.
    pub group_owners: bool,
    /// The same of applications.
    pub app_owners: bool,
    /// Groups that we add owners to.
    pub owns_groups: bool,
    /// The same of applications.
    pub owns_apps: bool,
    /// Guests that we add sponsors to.
    pub sponsors: bool,
    /// Dates of leaving that we write.
    pub leave_dates: bool,
}

impl Wants {
    /// What the groups of a file need.
    pub fn of(groups: &Groups) -> Self {
        let mut ours = groups.ours();
        let mut all = groups.all().iter();
        Self {
            groups: true,
            licences: !groups.licences().is_empty(),
            members: all.any(|group| group.mode == Mode::Assigned),
            keeps_groups: groups.ours().next().is_some(),
            assigns: !groups.licensed().is_empty() || ours.any(|group| !group.licences.is_empty()),
            ..Self::default()
        }
    }

    /// The same, with what a policy needs.
    #[must_use]
    pub fn with(self, policy: &Policy) -> Self {
        let succession = policy.succession();
        let needs = policy.needs();
        let of = |asset: Asset| succession.as_ref().map_or(Handing::Off, |it| it.of(asset));
        let (groups, apps) = (of(Asset::Group), of(Asset::Application));
        Self {
            deletes: needs.contains(&Op::UserDeleteSoft),
            passwords: needs.contains(&Op::UserResetPassword),
            methods: needs.contains(&Op::AuthMethodsRemove),
            passes: policy.joiner.pass.as_ref().map(|pass| pass.minutes),
            roles: needs.contains(&Op::RoleRemove),
            proof: needs.contains(&Op::UserProof),
            devices: needs.contains(&Op::DeviceDisable),
            group_owners: groups != Handing::Off,
            app_owners: apps != Handing::Off,
            owns_groups: groups == Handing::Assign,
            owns_apps: apps == Handing::Assign,
            sponsors: of(Asset::Guest) == Handing::Assign,
            ..self
        }
    }

    /// The same, with what attributes need that are written.
    #[must_use]
    pub fn writing<'a>(self, targets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut targets = targets.into_iter();
        Self {
            leave_dates: targets.any(|it| it == "employeeLeaveDateTime"),
            ..self
        }
    }

    /// What the tenant has to consent to, each feature once.
    pub fn needs(self) -> Vec<Need> {
        let wanted = FEATURES.iter().filter(|(wants, ..)| wants(self));
        let needs = wanted.map(|(_, feature, any_of)| Need { feature, any_of });
        needs.collect()
    }
}

/// What a tenant lets Temporary Access Passes be
/// ("temporaryAccessPassAuthenticationMethodConfiguration resource type").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassLimits {
    /// There are passes at all.
    pub enabled: bool,
    /// Minutes, inclusive.
    pub minimum_minutes: u32,
    /// Minutes, inclusive.
    pub maximum_minutes: u32,
    /// What of the policy does not go with that; `None`: nothing.
    pub problem: Option<String>,
}

impl PassLimits {
    fn read(body: &Json, minutes: u32) -> Option<Self> {
        let count = |name: &str| u32::try_from(body.get(name)?.as_u64()?).ok();
        let enabled = body.get("state")?.as_str()? == "enabled";
        let minimum_minutes = count("minimumLifetimeInMinutes")?;
        let maximum_minutes = count("maximumLifetimeInMinutes")?;
        let problem = if !enabled {
            Some(
                "the tenant's policy has no Temporary Access Passes: `joiner.pass` would fail"
                    .to_owned(),
            )
        } else if !(minimum_minutes..=maximum_minutes).contains(&minutes) {
            Some(format!(
                "`joiner.pass.minutes` is {minutes}; the tenant allows {minimum_minutes} to {maximum_minutes}"
            ))
        } else {
            None
        };
        Some(Self {
            enabled,
            minimum_minutes,
            maximum_minutes,
            problem,
        })
    }
}

/// What a look at the tenant gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// The Graph host.
    pub graph: String,
    /// Application permissions that the token carries; `None` when the token cannot be read,
    /// which is the issuer's right.
    pub roles: Option<Vec<String>>,
    /// Permissions that are needed and that the token lacks.
    pub missing: Vec<String>,
    /// Whether a user could be read.
    pub users_readable: bool,
    /// What passes may be; `None` where nobody asks for one, or the tenant does not let us look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passes: Option<PassLimits>,
}

impl Probe {
    /// Whether everything was found as it has to be.
    pub fn good(&self) -> bool {
        let problem = self.passes.as_ref().and_then(|it| it.problem.as_ref());
        self.missing.is_empty() && problem.is_none()
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "signed in to {}", self.graph)?;
        match &self.roles {
            Some(roles) => writeln!(f, "permissions: {}", roles.join(", "))?,
            None => writeln!(f, "permissions: not readable from this token")?,
        }
        if !self.missing.is_empty() {
            writeln!(f, "missing permissions: {}", self.missing.join(", "))?;
        }
        if let Some(problem) = self.passes.as_ref().and_then(|it| it.problem.as_ref()) {
            writeln!(f, "{problem}")?;
        }
        write!(
            f,
            "users can be read: {}",
            if self.users_readable { "yes" } else { "no" }
        )
    }
}

impl Entra {
    /// Obtains a token, compares its permissions with what is needed, and reads one user.
    ///
    /// # Errors
    /// `Call` when there is no token, or when reading fails for another reason than a missing
    /// permission.
    pub async fn probe(&self, wants: Wants) -> Result<Probe, EntraError> {
        let failed = |doing, error| EntraError::Call { doing, error };
        let token = self.client().tokens().get().await.map_err(|error| {
            let error = rollcall_http::CallError {
                kind: error.into(),
                request_id: None,
                calls: 0,
            };
            failed("signing in", error)
        })?;
        let roles = roles(&token);
        let missing = roles.as_deref().map(|roles| missing(roles, wants));
        let missing = missing.unwrap_or_default();
        let users_readable = match self
            .client()
            .send(graph::list_users("id".to_owned(), "1"))
            .await
        {
            Ok(_) => true,
            Err(error)
                if error
                    .fault()
                    .is_some_and(|fault| fault.situation == rollcall_http::Situation::Denied) =>
            {
                false
            }
            Err(error) => return Err(failed("reading one user", error)),
        };
        let passes = match wants.passes {
            Some(minutes) => self.pass_limits(minutes).await?,
            None => None,
        };
        let graph = self.client().origin().to_string();
        Ok(Probe {
            graph,
            roles,
            missing,
            users_readable,
            passes,
        })
    }
}

impl Entra {
    /// What passes may be; a tenant need not let us look (`Policy.Read.AuthenticationMethod`).
    async fn pass_limits(&self, minutes: u32) -> Result<Option<PassLimits>, EntraError> {
        match self.client().send(graph::pass_policy()).await {
            Ok(reply) => Ok(PassLimits::read(&reply.body, minutes)),
            Err(error) if error.fault().is_some_and(rollcall_http::withheld) => Ok(None),
            Err(error) => Err(EntraError::Call {
                doing: "reading what passes may be",
                error,
            }),
        }
    }
}

fn missing(roles: &[String], wants: Wants) -> Vec<String> {
    let lacks = |need: &Need| {
        !need
            .any_of
            .iter()
            .any(|it| roles.iter().any(|role| role == it))
    };
    let lacking = wants.needs().into_iter().filter(lacks);
    let mut missing: Vec<String> = Vec::new();
    for need in lacking {
        // One broad permission may be the only form of several needs.
        let least = need.any_of[0];
        if !missing.iter().any(|it| it == least) {
            missing.push(least.to_owned());
        }
    }
    missing
}

/// The `roles` claim of a token. The signature is not checked: the token is for Graph, and what
/// it says is only compared with what we need.
fn roles(token: &Secret) -> Option<Vec<String>> {
    let payload = decode_base64url(token.reveal().split('.').nth(1)?)?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    let roles = match claims.get("roles") {
        // Graph tokens without any permission carry no such claim.
        None => &[][..],
        Some(roles) => roles.as_array()?,
    };
    Some(
        roles
            .iter()
            .filter_map(|role| role.as_str().map(str::to_owned))
            .collect(),
    )
}

/// Base64 with `-` and `_`, padding optional (RFC 4648 section 5).
fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xff).expect("eight bits are a byte"));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648's test vectors, without padding and with.
    #[test]
    fn base64url() {
        let table = [
            ("", ""),
            ("Zg", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYmE", "fooba"),
        ];
        for (text, plain) in table {
            assert_eq!(decode_base64url(text).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(decode_base64url("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(decode_base64url("a+b"), None);
    }

    /// Roles of the token → what is missing.
    #[test]
    fn missing_permissions() {
        let table: [(&[&str], &[&str]); 4] = [
            (&["User.ReadWrite.All"], &[]),
            (
                &[
                    "User.Read.All",
                    "User.RevokeSessions.All",
                    "User.EnableDisableAccount.All",
                ],
                &["User.ReadWrite.All"],
            ),
            (
                &["User.Read.All"],
                &[
                    "User.ReadWrite.All",
                    "User.EnableDisableAccount.All",
                    "User.RevokeSessions.All",
                ],
            ),
            (
                &[],
                &[
                    "User.Read.All",
                    "User.ReadWrite.All",
                    "User.EnableDisableAccount.All",
                    "User.RevokeSessions.All",
                ],
            ),
        ];
        for (roles, expected) in table {
            let roles: Vec<String> = roles.iter().map(|r| (*r).to_owned()).collect();
            assert_eq!(missing(&roles, Wants::default()), expected, "{roles:?}");
        }
    }

    /// Groups need a permission of their own.
    #[test]
    fn groups_need_more() {
        let mut roles = vec!["User.ReadWrite.All".to_owned()];
        let wants = Wants {
            groups: true,
            licences: true,
            ..Wants::default()
        };
        assert_eq!(
            missing(&roles, wants),
            ["GroupMember.Read.All", "LicenseAssignment.Read.All"]
        );
        roles.push("Group.Read.All".to_owned());
        roles.push("Organization.Read.All".to_owned());
        assert!(missing(&roles, wants).is_empty());
    }

    /// What is written needs more than what is read, each feature its own.
    #[test]
    fn writing_needs_more() {
        let wants = Wants {
            groups: true,
            licences: true,
            members: true,
            keeps_groups: true,
            assigns: true,
            ..Wants::default()
        };
        let table: [(&[&str], &[&str]); 3] = [
            (
                &["Group.Read.All", "LicenseAssignment.Read.All"],
                &[
                    "GroupMember.ReadWrite.All",
                    "Group.ReadWrite.All",
                    "LicenseAssignment.ReadWrite.All",
                ],
            ),
            (
                &[
                    "GroupMember.ReadWrite.All",
                    "LicenseAssignment.ReadWrite.All",
                ],
                &["Group.ReadWrite.All"],
            ),
            (
                &["Group.ReadWrite.All", "LicenseAssignment.ReadWrite.All"],
                &[],
            ),
        ];
        for (roles, expected) in table {
            let roles = roles.iter().chain(&["User.ReadWrite.All"]);
            let roles: Vec<String> = roles.map(|role| (*role).to_owned()).collect();
            assert_eq!(missing(&roles, wants), expected, "{roles:?}");
        }
    }

    /// Deleting accounts asks what they own, of groups and of applications.
    #[test]
    fn deleting_needs_more() {
        let text = "format_version = 1\n[status]\nactive = [\"A\"]\ninactive = [\"I\"]\n\
                    [leaver]\nproof = []\ndelete_days = 30\n";
        let policy = |more: &str| Policy::parse(&format!("{text}{more}"), "p.toml").unwrap();
        let roles = ["User.ReadWrite.All".to_owned()];
        let asked = |more: &str| missing(&roles, Wants::default().with(&policy(more)));
        assert_eq!(asked(""), ["GroupMember.Read.All", "Application.Read.All"]);
        let off = "[succession]\ngroups = \"off\"\napps = \"off\"\n";
        assert!(asked(off).is_empty());
        let assign = "[succession]\ngroups = \"assign\"\napps = \"off\"\n";
        assert_eq!(
            asked(assign),
            ["GroupMember.Read.All", "Group.ReadWrite.All"]
        );
    }

    /// Reading back whether leavers are out takes a look at groups, which is nothing new where there are any.
    #[test]
    fn a_proof_looks_at_groups() {
        let text = "format_version = 1\n[status]\nactive = [\"A\"]\ninactive = [\"I\"]\n";
        let policy = Policy::parse(text, "p.toml").unwrap();
        let roles = ["User.ReadWrite.All".to_owned()];
        let wants = Wants::default().with(&policy);
        assert_eq!(missing(&roles, wants), ["GroupMember.Read.All"]);
        let all = Wants {
            groups: true,
            ..wants
        };
        assert_eq!(all.needs().len(), wants.needs().len());
    }

    /// Each feature has one line, and what is not configured has none.
    #[test]
    fn needs_are_those_of_what_is_configured() {
        let features = |wants: Wants| -> Vec<&str> {
            wants.needs().into_iter().map(|need| need.feature).collect()
        };
        assert_eq!(features(Wants::default()).len(), 4);
        let writes = |names: &[&'static str]| Wants::default().writing(names.iter().copied());
        assert_eq!(features(writes(&["city", "employeeHireDate"])).len(), 4);
        let leave = writes(&["city", "employeeLeaveDateTime"]);
        assert_eq!(features(leave)[4], "write employeeLeaveDateTime");
        let roles = ["User.ReadWrite.All".to_owned()];
        assert_eq!(
            missing(&roles, leave),
            ["User-LifeCycleInfo.ReadWrite.All"],
            "the broad permission does not cover it"
        );
        let secure = Wants {
            passwords: true,
            methods: true,
            ..Wants::default()
        };
        assert_eq!(
            missing(&roles, secure),
            [
                "User-PasswordProfile.ReadWrite.All",
                "UserAuthenticationMethod.ReadWrite.All"
            ]
        );
    }

    /// A token that is not a JWT is not an error, and a JWT without the claim has no permission.
    #[test]
    fn roles_of_a_token() {
        // {"roles":["User.Read.All"]} and {}
        assert_eq!(
            roles(&Secret::new(
                "e30.eyJyb2xlcyI6WyJVc2VyLlJlYWQuQWxsIl19.c2ln"
            )),
            Some(vec!["User.Read.All".to_owned()])
        );
        assert_eq!(roles(&Secret::new("e30.e30.c2ln")), Some(vec![]));
        assert_eq!(roles(&Secret::new("opaque")), None);
    }
}
