//! The tenant: what it is opened with, what it answers, and what a test may look at.
//!
//! Invariant: the router is the only way in for calls; the in-process exchange and the sockets
//! both go through it.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use jiff::Timestamp;
use rollcall_http::{BODY_BYTES_MAX, Clock, Exchange, TransportError};
use serde_json::Value as Json;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::Faults;
use crate::answer::{Answer, Reply};
use crate::batch::is_json;
use crate::delta::Changes;
use crate::devices::{ApprovalRequest, Contact, Decision, Device, Hardware, PlacedDevice};
use crate::digest::{digest, manager};
use crate::directory::Directory;
use crate::early::Early;
use crate::entity;
use crate::error::TenantError;
use crate::fault::Dice;
use crate::groups::Groups;
use crate::import::{Export, Imported};
use crate::journal::{Journal, JournalError};
use crate::licences;
use crate::licences::ledger::Ledger;
use crate::options::TenantOptions;
use crate::refusal::Refusal;
use crate::seeded::Seeded;
use crate::served::Served;
use crate::shelf::{Kept as _, Shelf};
use crate::state::{Call, State};
use crate::throttle::{Charge, Cost, Meters};
use crate::token::Tokens;

/// A request body at most, in bytes; what Graph takes in one write.
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

const VERSION: &str = "/v1.0";
/// What is only there is served below it, and nothing else.
const BETA: &str = "/beta";

/// A user as JSON: every property that is set, `id`, `manager` (object id), `passwordSet`,
/// `passesIssued` and `assignedLicenses` when there are any, and `deletedDateTime` when it was deleted.
pub type User = Json;

/// A simulated tenant. Clones are the same tenant.
#[derive(Clone)]
pub struct Tenant(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    clock: Clock,
    latency: std::time::Duration,
}

/// In the extensions of a response that must not reach the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Broken;

/// How long a slow answer takes.
const SLOW: std::time::Duration = std::time::Duration::from_mins(1);

impl Tenant {
    /// Opens a tenant, with the users of its journal where it has one.
    ///
    /// # Errors
    /// [`TenantError`] when the options or the journal cannot be used.
    pub fn open(options: TenantOptions, clock: Clock) -> Result<Self, TenantError> {
        let problem = |field, why| Err(TenantError::Options { field, why });
        if !(0.0..=1.0).contains(&options.faults.share) {
            return problem("faults.share", "must be from 0 to 1");
        }
        if options.verified_domains.is_empty() {
            return problem("verified_domains", "must name at least one domain");
        }
        if options.tenant_id.is_empty() || options.client_id.is_empty() {
            return problem("tenant_id", "and `client_id` must not be empty");
        }
        let seed = Seeded::from_text(&options.tenant_id);
        let directory = Directory::new(options.replication_delay, seed.at(1));
        let (delay, evaluation) = (options.replication_delay, options.evaluation_delay);
        // Far apart: ids count from these places, and no two objects may share one.
        let groups = Groups::new(delay, evaluation, seed.at(3 << 32));
        let (journal, lines) = match options.journal.clone() {
            None => (None, Vec::new()),
            Some(path) => {
                let opened = Journal::open(path.clone(), &options.tenant_id);
                let (journal, lines) = opened.map_err(|error| match error {
                    JournalError::Io(source) => TenantError::Io { path, source },
                    JournalError::Line(line) => TenantError::Damaged { path, line },
                    JournalError::Foreign => TenantError::Foreign { path },
                })?;
                (Some(journal), lines)
            }
        };
        let mut state = State {
            directory,
            groups,
            apps: Shelf::new(std::time::Duration::ZERO, seed.at(4 << 32)),
            changes: Changes::default(),
            devices: Shelf::new(std::time::Duration::ZERO, seed.at(5 << 32)),
            approvals: BTreeMap::new(),
            skus: licences::bought(&options),
            ledger: Ledger::new(evaluation),
            journal,
            tokens: Tokens::default(),
            meters: Meters::new(&options.tenant_id, &options.client_id, clock.now()),
            dice: Dice::new(options.faults.clone()),
            early: Early::default(),
            request_ids: seed.at(2),
            history: VecDeque::new(),
            options,
        };
        state.take_in(lines, None);
        let latency = state.options.latency;
        Ok(Self(Arc::new(Inner {
            state: Mutex::new(state),
            clock,
            latency,
        })))
    }

    /// A panic elsewhere does not make the records wrong: each is replaced whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With what other processes have written to the journal, as far as it can be read.
    fn caught_up(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        // What cannot be read is logged there; there is more to say only for a call.
        let _unreadable = state.alone(self.0.clock.now(), |_| ());
        state
    }

    /// Login host and Graph host on one origin: `/{tenant}/oauth2/v2.0/token` and `/v1.0/…`.
    ///
    /// A broken connection is a response whose body fails at once; [`crate::serve()`] and
    /// [`Self::exchange`] make it what it stands for.
    pub fn router(&self) -> Router {
        let tenant = self.clone();
        Router::new().fallback(move |request: Request| {
            let tenant = tenant.clone();
            async move { tenant.respond(request).await }
        })
    }

    /// The router without sockets: a client that sends through it waits on its own clock only.
    pub fn exchange(&self) -> Exchange {
        let router = self.router();
        BoxCloneSyncService::new(tower::service_fn(move |request: http::Request<Bytes>| {
            let router = router.clone();
            async move {
                let response = match router.oneshot(request.map(Body::from)).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                if response.extensions().get::<Broken>().is_some() {
                    return Err(TransportError::Reset);
                }
                let (parts, body) = response.into_parts();
                match Limited::new(body, BODY_BYTES_MAX).collect().await {
                    Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
                    Err(_) => Err(TransportError::TooLarge {
                        limit: BODY_BYTES_MAX,
                    }),
                }
            }
        }))
    }

    async fn respond(&self, request: Request) -> Response<Body> {
        let arrived = self.0.clock.now();
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, REQUEST_BYTES_MAX).collect().await;
        if !self.0.latency.is_zero() {
            self.0.clock.sleep(self.0.latency).await;
        }
        let reply = match body {
            Ok(body) => self.reply(&parts, &body.to_bytes(), arrived),
            // Too large, or the client went away while it was sending: then nobody reads this.
            Err(_) => Reply::Answer(Answer::new(StatusCode::PAYLOAD_TOO_LARGE, None)),
        };
        match reply {
            Reply::Answer(answer) => answer.into_response().map(Body::from),
            Reply::Slow(answer) => {
                self.0.clock.sleep(SLOW).await;
                answer.into_response().map(Body::from)
            }
            Reply::Reset => {
                // A body that is longer than its limit ends in an error.
                let broken = Limited::new(Full::new(Bytes::from_static(b"-")), 0);
                let mut response = Response::new(Body::new(broken));
                response.extensions_mut().insert(Broken);
                response
            }
        }
    }

    fn reply(&self, parts: &Parts, body: &[u8], arrived: Timestamp) -> Reply {
        let now = self.0.clock.now();
        let mut state = self.state();
        let path = parts.uri.path();
        if let Some(tenant) = path
            .strip_suffix("/oauth2/v2.0/token")
            .and_then(|p| p.strip_prefix('/'))
        {
            return Reply::Answer(state.token(parts, tenant, body, arrived, now));
        }
        let text = |name: &str| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let origin = origin(parts);
        let of = |version| {
            path.strip_prefix(version)
                .filter(|rest: &&str| rest.starts_with('/'))
        };
        let (below, beta) = match of(BETA) {
            Some(rest) => (Some(rest), true),
            None => (of(VERSION), false),
        };
        let call = Call {
            method: &parts.method,
            path: below.unwrap_or(path),
            beta,
            query: parts.uri.query(),
            body,
            json: text("content-type").is_some_and(is_json),
            client_request_id: text("client-request-id"),
            consistency: text("consistencylevel"),
            prefer: text("prefer"),
            user_agent: text("user-agent"),
            justification: text("x-msft-approval-justification"),
            approval_code: text("x-msft-approval-code"),
            origin: &origin,
            arrived,
            in_batch: false,
        };
        let refused = if below.is_some() {
            state
                .tokens
                .check(text(header::AUTHORIZATION.as_str()), now)
                .err()
        } else {
            let message = "Resource not found: only versions v1.0 and beta are served.";
            Some(Refusal::new(
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                message,
            ))
        };
        if let Some(refusal) = refused {
            return Reply::Answer(state.turn_away(&call, refusal, now));
        }
        let reply = state.alone(now, |state| state.graph(&call, now));
        reply.unwrap_or_else(|refusal| Reply::Answer(state.turn_away(&call, refusal, now)))
    }

    /// Every user, sorted by sign-in name (deleted ones may share it: then by object id).
    pub fn users(&self) -> Vec<User> {
        let state = self.caught_up();
        let directory = &state.directory;
        // By id already, and the sort keeps that order among equals.
        let mut records: Vec<_> = directory.all().collect();
        records.sort_by_cached_key(|record| record.name());
        records
            .into_iter()
            .map(|record| {
                let licences = state.ledger.assigned(record);
                entity::plain(record, manager(directory, record), licences)
            })
            .collect()
    }

    /// Puts an account into the tenant as `POST /users` would, without token, quota and fault;
    /// gives its object id. A missing `passwordProfile` is filled in.
    ///
    /// # Errors
    /// [`TenantError::Refused`], as `POST /users` would.
    pub fn put_user(&self, mut user: Json) -> Result<String, TenantError> {
        if let Some(members) = user.as_object_mut() {
            let profile = || serde_json::json!({"password": "Rehearsal-only-1"});
            members.entry("passwordProfile").or_insert_with(profile);
        }
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.seed(&user, now))
            .and_then(|seeded| seeded)
            .map_err(refused)
    }

    /// Every group that is there, sorted by object id: every property that is set, `id`, and
    /// `members` (object ids of users and groups, sorted) as they are now.
    pub fn groups(&self) -> Vec<Json> {
        let state = self.caught_up();
        let live = state.groups.all().filter(|group| group.live());
        live.map(|group| {
            let mut out = group.properties.clone();
            out.insert("id".to_owned(), group.id.clone().into());
            let members = state.groups.members(&group.id);
            let there = members.filter(|id| {
                state.directory.current(id).is_some() || state.groups.current(id).is_some()
            });
            out.insert("members".to_owned(), there.cloned().collect());
            Json::Object(out)
        })
        .collect()
    }

    /// Puts a group into the tenant as `POST /groups` would, without token, quota and fault;
    /// gives its object id.
    ///
    /// # Errors
    /// [`TenantError::Refused`], as `POST /groups` would.
    pub fn put_group(&self, group: &Json) -> Result<String, TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.seed_group(group, now))
            .and_then(|seeded| seeded)
            .map_err(refused)
    }

    /// Puts the registration of an application into the tenant; gives its object id. `owners@odata.bind`
    /// are its owners.
    ///
    /// # Errors
    /// [`TenantError::Refused`] for an owner who is not there.
    pub fn put_application(&self, app: &Json) -> Result<String, TenantError> {
        self.put_app(false, app)
    }

    /// The same of a service principal.
    ///
    /// # Errors
    /// [`TenantError::Refused`] for an owner who is not there.
    pub fn put_service(&self, app: &Json) -> Result<String, TenantError> {
        self.put_app(true, app)
    }

    fn put_app(&self, service: bool, app: &Json) -> Result<String, TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.seed_app(service, app, now))
            .and_then(|seeded| seeded)
            .map_err(refused)
    }

    /// Who answers for something, as object ids: owners of a group or an application, sponsors of a
    /// user. Those in the bin are left out.
    pub fn keepers(&self, id: &str) -> Vec<String> {
        let state = self.caught_up();
        let of_user = state
            .directory
            .current(id)
            .map(|user| user.sponsors.clone());
        let of_group = || state.groups.current(id).map(|group| group.owners.clone());
        let of_app = || state.apps.current(id).map(|app| app.owners.clone());
        let all = of_user
            .or_else(of_group)
            .or_else(of_app)
            .unwrap_or_default();
        all.into_iter()
            .filter(|id| state.directory.current(id).is_some())
            .collect()
    }

    /// Makes a user a sponsor of another one, as `POST /users/{id}/sponsors/$ref` would.
    ///
    /// # Errors
    /// [`TenantError::Refused`] where one of them is not there.
    pub fn put_sponsor(&self, guest: &str, sponsor: &str) -> Result<(), TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.seed_sponsor(guest, sponsor, now))
            .and_then(|seeded| seeded)
            .map_err(refused)
    }

    /// Changes a user as somebody in the admin centre would: properties as `PATCH /users/{id}` takes them,
    /// without token, quota and fault.
    ///
    /// # Errors
    /// [`TenantError::Refused`] where the user is not there, or `PATCH` would say no.
    pub fn change_user(&self, user: &str, properties: &Json) -> Result<(), TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.change_user(user, properties, now))
            .and_then(|changed| changed)
            .map_err(refused)
    }

    /// A user signed in at an instant, with success; it is the last time that the tenant knows of.
    ///
    /// # Errors
    /// [`TenantError::Refused`] where the user is not there.
    pub fn sign_in(&self, user: &str, at: Timestamp) -> Result<(), TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.signed_in(user, at, now))
            .and_then(|signed_in| signed_in)
            .map_err(refused)
    }

    /// Puts a user into the bin, as somebody in the admin centre would.
    ///
    /// # Errors
    /// [`TenantError::Refused`] where the user is not there.
    pub fn delete_user(&self, user: &str) -> Result<(), TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.delete_user(user, now))
            .and_then(|deleted| deleted)
            .map_err(refused)
    }

    /// Gives a user a role of the directory at a scope (`/` is all of it), or lets them have it on
    /// request.
    ///
    /// # Errors
    /// [`TenantError::Refused`] where the user is not there, or the role is none of those known here.
    pub fn put_role(
        &self,
        user: &str,
        role: &str,
        scope: &str,
        eligible: bool,
    ) -> Result<(), TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        let given = (role, scope, eligible);
        state
            .alone(now, |state| state.seed_role(user, given, now))
            .and_then(|seeded| seeded)
            .map_err(refused)
    }

    /// Gives a user a role in an application of this name.
    ///
    /// # Errors
    /// [`TenantError::Refused`] where the user is not there.
    pub fn put_app_role(&self, user: &str, app: &str) -> Result<(), TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.seed_app_role(user, app, now))
            .and_then(|seeded| seeded)
            .map_err(refused)
    }

    /// Registers something that a user signs in with, as they would themselves: its `@odata.type`
    /// (`#microsoft.graph.phoneAuthenticationMethod` ...), its properties, and `default` where it is the
    /// one that is asked for first; gives its id.
    ///
    /// # Errors
    /// [`TenantError::Refused`] where the user is not there, or the metadata have no such method.
    pub fn put_method(&self, user: &str, method: &Json) -> Result<String, TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.seed_method(user, method, now))
            .and_then(|seeded| seeded)
            .map_err(refused)
    }

    /// Puts a user or a group into a group, as `POST /groups/{id}/members/$ref` would.
    ///
    /// # Errors
    /// [`TenantError::Refused`] where one of them is not there, or cannot be in the other.
    pub fn put_member(&self, group: &str, member: &str) -> Result<(), TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.seed_member(group, member, now))
            .and_then(|seeded| seeded)
            .map_err(refused)
    }

    /// Makes a user an owner of a group, as `POST /groups/{id}/owners/$ref` would.
    ///
    /// # Errors
    /// [`TenantError::Refused`] where one of them is not there.
    pub fn put_owner(&self, group: &str, owner: &str) -> Result<(), TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.seed_owner(group, owner, now))
            .and_then(|seeded| seeded)
            .map_err(refused)
    }

    /// Puts a device into the tenant, with the records that it is to have; gives their ids.
    ///
    /// # Errors
    /// [`TenantError::Refused`] for a device that cannot be, or where a user of it is not there.
    pub fn put_device(&self, device: &Device) -> Result<PlacedDevice, TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.seed_device(device, now))
            .and_then(|seeded| seeded)
            .map_err(refused)
    }

    /// Puts what Graph listed of another tenant into this one, in which nothing is; all of it or nothing.
    ///
    /// # Errors
    /// [`TenantError::Import`] with file and object, [`TenantError::NotEmpty`].
    pub fn import(&self, files: &[Export]) -> Result<Imported, TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.import(files, now))
            .map_err(refused)?
    }

    /// From now on a device can be reached as said. Orders that it has not heard of wait for its next
    /// check-in.
    ///
    /// # Errors
    /// [`TenantError::Refused`] where there is no such hardware.
    pub fn reach_device(&self, hardware: &str, contact: Contact) -> Result<(), TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.reach_device(hardware, contact, now))
            .and_then(|reached| reached)
            .map_err(refused)
    }

    /// What has in truth become of every device by now, whichever records there still are; by the id
    /// of the hardware.
    pub fn hardware(&self) -> Vec<Hardware> {
        self.caught_up().hardware(self.0.clock.now())
    }

    /// From now on no delta token is good that was given so far, in this process.
    pub fn reset_delta(&self) {
        self.state().changes.reset();
    }

    /// Every request for approval of an action on a device, oldest first.
    pub fn approval_requests(&self) -> Vec<ApprovalRequest> {
        self.caught_up().approval_requests(self.0.clock.now())
    }

    /// Decides on a request for approval at an instant, which may be to come; a later decision takes
    /// the place of this one. Behind the end of the request it comes too late.
    ///
    /// # Errors
    /// [`TenantError::Refused`] where there is no such request.
    pub fn decide(&self, code: &str, decision: Decision, at: Timestamp) -> Result<(), TenantError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state
            .alone(now, |state| state.decide_approval(code, decision, at))
            .and_then(|decided| decided)
            .map_err(refused)
    }

    /// What was served, oldest first; the newest million calls.
    pub fn history(&self) -> Vec<Served> {
        self.state().history.iter().cloned().collect()
    }

    /// Fails other calls from now on. A share outside of 0 to 1 means none or all.
    pub fn set_faults(&self, faults: Faults) {
        self.state().dice = Dice::new(faults);
    }

    /// All users, and all groups where there are any, as one JSON text that two tenants share when
    /// they ended up the same: object ids and instants that the tenant set itself are left out
    /// (whether sessions were revoked stays), managers and members are named by employee id and
    /// sign-in name, groups in groups by their own names.
    pub fn digest(&self) -> String {
        let state = self.caught_up();
        digest(&state.directory, &state.groups, &state.ledger)
    }
}

pub(crate) fn refused(refusal: Refusal) -> TenantError {
    TenantError::Refused {
        status: refusal.status.as_u16(),
        code: refusal.code,
        message: refusal.message,
    }
}

/// Scheme and host that the caller reached us under. Behind a host name that is not this machine
/// something else ends the TLS: a link with `http` would leave the caller's origin.
fn origin(parts: &Parts) -> String {
    let (scheme, authority) = (parts.uri.scheme_str(), parts.uri.authority());
    if let (Some(scheme), Some(authority)) = (scheme, authority) {
        return format!("{scheme}://{authority}");
    }
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    host.map_or_else(
        || "https://graph.microsoft.com".to_owned(),
        |host| {
            let scheme = if is_loopback(host) { "http" } else { "https" };
            format!("{scheme}://{host}")
        },
    )
}

/// Whether a Host header names this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

impl State {
    fn token(
        &mut self,
        parts: &Parts,
        tenant: &str,
        body: &[u8],
        arrived: Timestamp,
        now: Timestamp,
    ) -> Answer {
        let trace = self.request_ids.guid();
        let method = &parts.method;
        let answer = self
            .tokens
            .answer(&self.options, method, tenant, body, &trace, now);
        self.record(Served {
            at: arrived,
            method: method.to_string(),
            template: "/{tenant}/oauth2/v2.0/token",
            again: false,
            status: answer.status.as_u16(),
            write: false,
            changed: false,
            retry_after: None,
            object: None,
            in_batch: false,
            early: false,
            fault: None,
            wrote: None,
        });
        answer
    }

    /// Answers a call that does not get as far as the quotas.
    pub(crate) fn turn_away(
        &mut self,
        call: &Call<'_>,
        refusal: Refusal,
        now: Timestamp,
    ) -> Answer {
        let template = crate::route::routed(call).template;
        let charge = Charge {
            exhausted: None,
            fullest: 0.0,
        };
        let answer = self.finish(call, Cost::ENVELOPE, &charge, Err(refusal), now);
        self.record(Served {
            at: call.arrived,
            method: call.method.to_string(),
            template,
            again: false,
            status: answer.status.as_u16(),
            write: false,
            changed: false,
            retry_after: None,
            object: None,
            in_batch: false,
            early: false,
            fault: None,
            wrote: None,
        });
        answer
    }
}
