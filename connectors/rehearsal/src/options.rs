//! What a tenant is opened with.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::{DeviceAction, Faults, PassPolicy};

/// How many users the quotas assume (throttling limits page, identity and access).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Size {
    /// By the number of users that exist at the time of the call.
    #[default]
    Auto,
    /// Fewer than 50 users.
    S,
    /// 50 to 500 users.
    M,
    /// More than 500 users.
    L,
}

/// Whether calls are metered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// By the published quotas.
    Documented {
        /// Which row of the resource-unit quota.
        size: Size,
    },
    /// Never 429, except as a fault.
    Off,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::Documented { size: Size::Auto }
    }
}

/// A certificate that was uploaded for the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCertificate {
    /// Base64url of the SHA-256 of it.
    pub thumbprint: String,
    /// Its RSA public key (PKCS #1, DER).
    pub public_key: Vec<u8>,
}

/// A federated credential of the application. Its tokens are compared claim by claim; their
/// signature is not checked, for this tenant knows no issuer's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Federated {
    /// `iss` of the token.
    pub issuer: String,
    /// `sub` of the token.
    pub subject: String,
    /// `aud` of the token.
    pub audience: String,
}

/// What a tenant is opened with. The default is a fresh, empty, faultless tenant of its own whose
/// credentials are the same everywhere and open nothing else.
#[derive(Clone)]
pub struct TenantOptions {
    /// Directory (tenant) id.
    pub tenant_id: String,
    /// The one application that may sign in.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Whose word is taken in place of the secret.
    pub federated: Vec<Federated>,
    /// Certificates of the application, with which it signs a word of its own.
    pub certificates: Vec<KnownCertificate>,
    /// Domains that sign-in names may have; the first is the default one.
    pub verified_domains: Vec<String>,
    /// Seats that were bought, by the part number of the licence. Well-known ones have their
    /// service plans, any other one has a plan of its own name.
    pub seats: BTreeMap<String, u32>,
    /// File that keeps users and groups between processes (JSON Lines). `None`: in memory only.
    pub journal: Option<PathBuf>,
    /// Keep in the history what each call wrote, for tests that read it: memory grows with every write.
    pub keeps_writes: bool,
    /// Failures on purpose.
    pub faults: Faults,
    /// Quotas.
    pub throttle: Throttle,
    /// How long a change stays invisible to filters, lists, reads by name and references, and a
    /// new account also to reads by object id. Its sign-in name is taken at once.
    pub replication_delay: Duration,
    /// From a change of a user or a rule to what dynamic groups make of it, and from a change of
    /// a group's members or licences to who has them then.
    pub evaluation_delay: Duration,
    /// Waited on the clock before each answer.
    pub latency: Duration,
    /// What Temporary Access Passes may be.
    pub passes: PassPolicy,
    /// Actions on devices that a second person has to agree to (Multi Admin Approval).
    pub approvals: Vec<DeviceAction>,
    /// Whether the application has the directory's role Cloud Device Administrator, with which it
    /// may delete devices, and disable those that do not run Windows.
    pub device_administrator: bool,
    /// Application permissions granted; they are the `roles` of the access token.
    pub roles: Vec<String>,
}

impl Default for TenantOptions {
    fn default() -> Self {
        let roles = [
            "User.Read.All",
            "User.ReadWrite.All",
            "User.EnableDisableAccount.All",
            "User.RevokeSessions.All",
            "AuditLog.Read.All",
            "User-LifeCycleInfo.ReadWrite.All",
            "User-PasswordProfile.ReadWrite.All",
            "UserAuthenticationMethod.ReadWrite.All",
            "Policy.Read.AuthenticationMethod",
            "RoleManagement.Read.Directory",
            "RoleAssignmentSchedule.ReadWrite.Directory",
            "RoleEligibilitySchedule.ReadWrite.Directory",
            "AppRoleAssignment.ReadWrite.All",
            "Group.ReadWrite.All",
            "LicenseAssignment.ReadWrite.All",
            "Organization.Read.All",
            "Application.ReadWrite.All",
            "Device.ReadWrite.All",
            "BitlockerKey.ReadBasic.All",
            "DeviceManagementManagedDevices.ReadWrite.All",
            "DeviceManagementManagedDevices.PrivilegedOperations.All",
            "DeviceManagementServiceConfig.ReadWrite.All",
            "DeviceManagementApps.ReadWrite.All",
            "DeviceManagementRBAC.Read.All",
        ];
        Self {
            tenant_id: "00000000-7e57-4000-8000-000000000001".to_owned(),
            client_id: "00000000-7e57-4000-8000-000000000002".to_owned(),
            client_secret: "rehearsal-only-not-a-secret".to_owned(),
            federated: Vec::new(),
            certificates: Vec::new(),
            verified_domains: vec!["woodgrove.example".to_owned()],
            seats: BTreeMap::new(),
            journal: None,
            keeps_writes: false,
            faults: Faults::none(),
            throttle: Throttle::default(),
            replication_delay: Duration::ZERO,
            evaluation_delay: Duration::ZERO,
            latency: Duration::ZERO,
            passes: PassPolicy::default(),
            approvals: Vec::new(),
            device_administrator: true,
            roles: roles.map(str::to_owned).to_vec(),
        }
    }
}

impl fmt::Debug for TenantOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantOptions")
            .field("tenant_id", &self.tenant_id)
            .field("client_id", &self.client_id)
            .field("client_secret", &"[secret]")
            .field("federated", &self.federated)
            .field("certificates", &self.certificates)
            .field("verified_domains", &self.verified_domains)
            .field("seats", &self.seats)
            .field("journal", &self.journal)
            .field("keeps_writes", &self.keeps_writes)
            .field("faults", &self.faults)
            .field("throttle", &self.throttle)
            .field("replication_delay", &self.replication_delay)
            .field("evaluation_delay", &self.evaluation_delay)
            .field("latency", &self.latency)
            .field("passes", &self.passes)
            .field("approvals", &self.approvals)
            .field("device_administrator", &self.device_administrator)
            .field("roles", &self.roles)
            .finish()
    }
}
