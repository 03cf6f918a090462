//! The connector itself: what it is configured with, and what can keep it from being asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollcall_core::model::{
    AccessOp, AccountOp, Area, BinOp, EstateOp, GroupOp, ObjectId, Op, RoleOp, SignInOp,
};
use rollcall_core::plan::Forecast;
use rollcall_http::{
    CallError, Chance, Client, Clock, Credential, Exchange, ITEMS_MAX, Origin, OriginError, Quotas,
    Retry, RetryPolicy, Setup, Share, Situation, TenantSize, TokenSource, TokenSpec,
};

use crate::cloud::Cloud;
use crate::graph;
use crate::licences::Catalogue;

/// How long a created account is treated as possibly not replicated yet.
const REPLICATION: Duration = Duration::from_mins(15);

/// Where the tenant is, and how we may use it.
#[derive(Debug, Clone)]
pub struct EntraConfig {
    /// Origin of the login host.
    pub login_host: String,
    /// Origin of the Graph host.
    pub graph_host: String,
    /// Directory (tenant) id.
    pub tenant_id: String,
    /// Application (client) id.
    pub client_id: String,
    /// How the application proves who it is.
    pub credential: Credential,
    /// Sets the resource-unit quota.
    pub tenant_size: TenantSize,
    /// What part of the quotas is ours.
    pub share: Share,
    /// Decides jitter and request ids.
    pub seed: u64,
}

impl EntraConfig {
    /// A large tenant of the global cloud, all of our quotas, and a seed from the operating
    /// system (0 where it gives none: jitter then repeats, which harms nothing).
    pub fn new(
        tenant_id: impl Into<String>,
        client_id: impl Into<String>,
        credential: impl Into<Credential>,
    ) -> Self {
        Self {
            login_host: Cloud::Global.login().to_owned(),
            graph_host: Cloud::Global.graph().to_owned(),
            tenant_id: tenant_id.into(),
            client_id: client_id.into(),
            credential: credential.into(),
            tenant_size: TenantSize::default(),
            share: Share::default(),
            seed: getrandom::u64().unwrap_or(0),
        }
    }
}

/// The target could not be asked. Single refused steps are endings, not errors.
#[derive(Debug, thiserror::Error)]
pub enum EntraError {
    /// A setting does not fit.
    #[error("target.entra: `{field}`: {why}")]
    Config {
        /// Which one.
        field: &'static str,
        /// What is wrong with it.
        why: OriginError,
    },
    /// A call failed after all retries.
    #[error("while {doing}: {error}: {}", .error.hint())]
    Call {
        /// What was asked; no values.
        doing: &'static str,
        /// Why.
        error: CallError,
    },
}

impl EntraError {
    /// Whether asking again later can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Config { .. } => Retry::Never,
            Self::Call { error, .. } => error.retry(),
        }
    }

    /// Whether the tenant understood and does not let us: a permission or a licence is missing.
    pub fn denied(&self) -> bool {
        let fault = match self {
            Self::Config { .. } => None,
            Self::Call { error, .. } => error.fault(),
        };
        fault.is_some_and(|it| it.situation == Situation::Denied)
    }

    /// A stable code.
    pub fn code(&self) -> String {
        match self {
            Self::Config { .. } => "configuration".to_owned(),
            Self::Call { error, .. } => error.code(),
        }
    }
}

/// A tenant of Microsoft Entra ID; cheap to clone.
#[derive(Clone)]
pub struct Entra(Arc<Inner>);

struct Inner {
    client: Client,
    size: TenantSize,
    share: Share,
    /// Accounts and groups that this process created a short while ago, and when on the clock's own scale:
    /// a 404 on them means that the directory has not replicated them yet.
    created: Mutex<BTreeMap<ObjectId, Duration>>,
    /// The tenant's licences, once a name had to be resolved.
    catalogue: futures::lock::Mutex<Option<Catalogue>>,
}

impl std::fmt::Debug for Entra {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entra")
            .field("graph", &self.client().origin().to_string())
            .finish()
    }
}

impl Entra {
    /// A connector that has sent nothing yet.
    ///
    /// # Errors
    /// `Config` when a host is no https origin (http is accepted for this machine only).
    pub fn new(config: EntraConfig, exchange: Exchange, clock: Clock) -> Result<Self, EntraError> {
        let origin = |field, text: &str| {
            Origin::parse(text).map_err(|why| EntraError::Config { field, why })
        };
        let login = origin("login", &config.login_host)?;
        let graph = origin("graph", &config.graph_host)?;
        let chance = Arc::new(Chance::seeded(config.seed));
        let policy = RetryPolicy::default();
        let spec = TokenSpec {
            login,
            tenant_id: config.tenant_id,
            client_id: config.client_id,
            credential: config.credential,
            scope: format!("{graph}/.default"),
        };
        let tokens = TokenSource::new(spec, exchange.clone(), clock, Arc::clone(&chance), policy);
        let (size, share) = (config.tenant_size, config.share);
        let quotas = Arc::new(Quotas::new(size, share, clock));
        let client = Client::new(Setup {
            exchange,
            clock,
            quotas,
            tokens,
            origin: graph,
            chance,
            policy,
        });
        let created = Mutex::new(BTreeMap::new());
        Ok(Self(Arc::new(Inner {
            client,
            size,
            share,
            created,
            catalogue: futures::lock::Mutex::new(None),
        })))
    }

    /// The connection, for whoever asks the same tenant about something else: they share token and quotas.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn catalogue(&self) -> &futures::lock::Mutex<Option<Catalogue>> {
        &self.0.catalogue
    }

    /// Calls, retries, throttling and waits so far, for the report.
    pub fn usage(&self) -> serde_json::Value {
        self.client().usage()
    }

    /// What carrying out so many actions, by name of their operation, will take by the quotas
    /// alone. Counts the reads that re-check each precondition as well. Members that are added are
    /// counted as if every write added as many as one can: how they spread over groups is not
    /// known here, and many small groups take longer.
    /// `others` names the calls of operations that are not done here.
    pub fn forecast(
        &self,
        actions: &BTreeMap<String, u32>,
        others: fn(Op) -> &'static [(&'static str, &'static str)],
    ) -> Forecast {
        let mut calls = Vec::new();
        for op in Op::ALL {
            let times = actions.get(op.name()).copied().map_or(0, u64::from);
            calls.extend(
                calls_of(op)
                    .iter()
                    .chain(others(op))
                    .map(|(method, template)| (*method, *template, times)),
            );
            if op == Op::GroupAdd {
                let writes = times.div_ceil(ITEMS_MAX as u64);
                calls.push(("PATCH", "/groups/{id}", writes));
            }
        }
        let forecast = rollcall_http::forecast(self.0.size, self.0.share, &calls);
        Forecast {
            calls: forecast.calls,
            bucket: forecast
                .bucket
                .map_or_else(String::new, |b| b.name().to_owned()),
            seconds: forecast.seconds,
        }
    }

    pub(crate) fn remember_created(&self, id: &ObjectId) {
        let now = self.client().clock().elapsed();
        let mut created = self
            .0
            .created
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Writes are limited to some 20 a second, so what stays is bounded by the quota.
        created.retain(|_, at| now.saturating_sub(*at) < REPLICATION);
        created.insert(id.clone(), now);
    }

    pub(crate) fn created_lately(&self, id: &ObjectId) -> bool {
        let now = self.client().clock().elapsed();
        let created = self
            .0
            .created
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        created
            .get(id)
            .is_some_and(|at| now.saturating_sub(*at) < REPLICATION)
    }
}

/// Whether this connector carries out an operation.
pub const fn does(op: Op) -> bool {
    !calls_of(op).is_empty()
}

/// The calls of one action, when nothing goes wrong and as far as they are its own.
const fn calls_of(op: Op) -> &'static [(&'static str, &'static str)] {
    const READ: (&str, &str) = ("GET", "/users/{id}?$select");
    const READ_MANAGER: (&str, &str) = ("GET", "/users/{id}/manager?$select");
    const READ_GROUP: (&str, &str) = ("GET", "/groups/{id}?$select");
    match op.area() {
        Area::Account(AccountOp::Create) => &[("GET", "/users?$select"), ("POST", "/users")],
        Area::Account(AccountOp::Update | AccountOp::Enable | AccountOp::Disable) => {
            &[READ, ("PATCH", "/users/{id}")]
        }
        Area::Account(AccountOp::SetManager) | Area::Estate(EstateOp::HandOver) => {
            &[READ, READ_MANAGER, ("PUT", "/users/{id}/manager/$ref")]
        }
        Area::Account(AccountOp::ClearManager) => {
            &[READ, READ_MANAGER, ("DELETE", "/users/{id}/manager/$ref")]
        }
        Area::Account(AccountOp::RevokeSessions) => {
            &[READ, ("POST", "/users/{id}/revokeSignInSessions")]
        }
        // Its write is one that it shares with others; see `forecast`.
        Area::Access(AccessOp::AddMember) => &[READ],
        Area::Access(AccessOp::RemoveMember) => {
            &[READ, ("DELETE", "/groups/{id}/members/{id}/$ref")]
        }
        Area::Access(AccessOp::AssignLicence | AccessOp::RemoveLicence) => {
            &[READ, ("POST", "/users/{id}/assignLicense")]
        }
        Area::Group(GroupOp::Create | GroupOp::Update) => &[READ_GROUP, ("PATCH", "/groups/{id}")],
        Area::Group(GroupOp::License) => &[READ_GROUP, ("POST", "/groups/{id}/assignLicense")],
        Area::Bin(BinOp::Delete) => &[READ, ("DELETE", "/users/{id}")],
        Area::Bin(BinOp::Restore) => &[
            (
                "GET",
                "/directory/deletedItems/microsoft.graph.user?$select",
            ),
            ("POST", "/directory/deletedItems/{id}/restore"),
        ],
        Area::Estate(EstateOp::AddOwner) => &[READ, ("POST", "/groups/{id}/owners/$ref")],
        Area::Estate(EstateOp::AddSponsor) => &[READ, ("POST", "/users/{id}/sponsors/$ref")],
        Area::SignIn(SignInOp::ResetPassword) => &[READ, ("PATCH", "/users/{id}")],
        // How many there are is not known; three is what a person with a telephone has.
        Area::SignIn(SignInOp::RemoveMethods) => {
            const REMOVE: (&str, &str) = ("DELETE", "/users/{id}/authentication/phoneMethods/{id}");
            &[READ, ("GET", graph::METHODS), REMOVE, REMOVE, REMOVE]
        }
        Area::Role(RoleOp::Remove) => &[
            READ,
            ("GET", graph::ROLES),
            (
                "POST",
                "/roleManagement/directory/roleAssignmentScheduleRequests",
            ),
        ],
        Area::Role(RoleOp::Add) => &[
            READ,
            ("GET", "/roleManagement/directory/roleDefinitions"),
            (
                "POST",
                "/roleManagement/directory/roleAssignmentScheduleRequests",
            ),
        ],
        Area::Role(RoleOp::RemoveInApp) => &[
            READ,
            ("GET", graph::APP_ROLES),
            ("DELETE", "/users/{id}/appRoleAssignments/{id}"),
        ],
        Area::SignIn(SignInOp::IssuePass) => &[
            READ,
            ("GET", graph::METHODS),
            ("GET", graph::MEMBER_OF_ALL),
            ("GET", graph::ROLES),
            ("GET", graph::ROLES_ELIGIBLE),
            ("POST", graph::PASSES),
        ],
        // As many as there are pages; of most people one each.
        Area::Proof => &[
            READ,
            ("GET", graph::MEMBER_OF),
            ("GET", graph::MEMBER_OF_ALL),
            ("GET", graph::ROLES),
            ("GET", graph::ROLES_ELIGIBLE),
            ("GET", graph::APP_ROLES),
        ],
        // Not done by this connector: no policy that it is used with asks for it.
        Area::Message | Area::Device(_) => &[],
    }
}
