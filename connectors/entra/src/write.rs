//! Carrying out one step: read the account back, check, write, say how it ended.
//!
//! Every step ends in an [`Ending`]; nothing here is an error to the caller. Invariant: a cut
//! (disable, revoke) is stopped by another object or another key only, never by an edit (P14).

use std::time::Duration;

use rollcall_core::model::{
    AccessOp, AccountOp, ActionId, Area, Attributes, BinOp, Ending, ObjectId, Op, RoleOp, SignInOp,
    Step, StepResult, Value,
};
use rollcall_http::{Call, CallError, Clock, Lane, Reply, Situation, after};
use serde_json::{Value as Json, json};

use crate::current::Current;
use crate::{Entra, account, graph};

/// Waits for an account that the directory has not replicated yet: about a minute in all.
const REPLICATION_WAITS: [u64; 5] = [2, 4, 8, 16, 32];
/// What is still missing then comes back through the schedule after this long.
const REPLICATION_LATER: Duration = Duration::from_mins(5);

/// How a step ended, and the account where it is known.
pub(crate) type Ended = Result<(Ending, Option<ObjectId>), CallError>;

/// The calls of one step, counted.
pub(crate) struct Sender<'a> {
    pub(crate) entra: &'a Entra,
    pub(crate) lane: Lane,
    pub(crate) calls: u32,
    pub(crate) request_id: Option<String>,
}

/// What is left of the waits for the directory to catch up.
pub(crate) struct Patience(std::slice::Iter<'static, u64>);

impl Entra {
    /// Carries out one step, after checking its precondition just before writing.
    ///
    /// Safe to repeat: what is so already ends as `Already`. Passwords of new accounts are made
    /// here and forgotten. Throttling beyond the retry bounds and pending replication end as
    /// `Waiting`.
    pub async fn apply(&self, step: &Step) -> StepResult {
        let lane = if step.op.cut() {
            Lane::Urgent
        } else {
            Lane::Bulk
        };
        let mut sender = Sender::new(self, lane);
        let ended = match step.op.area() {
            Area::Account(op) => match op {
                AccountOp::Create => sender.create(step).await,
                AccountOp::Update => sender.update(step).await,
                AccountOp::SetManager => sender.set_manager(step).await,
                AccountOp::ClearManager => sender.clear_manager(step).await,
                AccountOp::Enable => sender.switch(step, true).await,
                AccountOp::Disable => sender.switch(step, false).await,
                AccountOp::RevokeSessions => sender.revoke(step).await,
            },
            Area::Access(op) => match op {
                AccessOp::AddMember => return self.add_member(step).await,
                AccessOp::RemoveMember => sender.remove_member(step).await,
                AccessOp::AssignLicence => sender.assign(step).await,
                AccessOp::RemoveLicence => sender.unassign(step).await,
            },
            Area::Group(_) => Ok((
                invalid("a step about a group itself names an account"),
                None,
            )),
            Area::Bin(BinOp::Delete) => sender.delete(step).await,
            Area::Bin(BinOp::Restore) => sender.restore(step).await,
            Area::Estate(op) => sender.hand_over(step, op).await,
            Area::SignIn(SignInOp::ResetPassword) => sender.reset_password(step).await,
            Area::SignIn(SignInOp::RemoveMethods) => sender.remove_methods(step).await,
            Area::Role(RoleOp::Remove) => sender.remove_role(step).await,
            Area::Role(RoleOp::Add) => sender.add_role(step).await,
            Area::Role(RoleOp::RemoveInApp) => sender.remove_app_role(step).await,
            // What comes of these is more than how they end; see `Entra::issue_pass` and `Entra::sight`.
            Area::SignIn(SignInOp::IssuePass) | Area::Proof | Area::Message | Area::Device(_) => {
                Ok((invalid("this connector cannot do that"), None))
            }
        };
        sender.result(&step.action, step.op, ended, step.object.as_ref())
    }

    /// Pending replication that outlasted our patience.
    pub(crate) fn replicating(&self) -> Ending {
        let until = after(self.client().clock(), REPLICATION_LATER);
        Ending::Waiting {
            until: Some(until),
            reason: "replication".to_owned(),
        }
    }
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self(REPLICATION_WAITS.iter())
    }

    /// Waits once more, each time longer; `false`, at once, when there was enough of it.
    pub(crate) async fn wait(&mut self, clock: Clock) -> bool {
        let Some(wait) = self.0.next() else {
            return false;
        };
        clock.sleep(Duration::from_secs(*wait)).await;
        true
    }
}

impl<'a> Sender<'a> {
    /// One that has sent nothing yet.
    pub(crate) fn new(entra: &'a Entra, lane: Lane) -> Self {
        Self {
            entra,
            lane,
            calls: 0,
            request_id: None,
        }
    }

    /// What came of an action; `known` is the object where the ending names none.
    pub(crate) fn result(
        self,
        action: &ActionId,
        op: Op,
        ended: Ended,
        known: Option<&ObjectId>,
    ) -> StepResult {
        let (ending, object) = match ended {
            Ok(ended) => ended,
            Err(error) => (self.failed(&error), None),
        };
        tracing::debug!(
            action = action.as_str(),
            op = op.name(),
            ending = ending.name(),
            calls = self.calls,
            "A step ended."
        );
        StepResult {
            object: object.or_else(|| known.cloned()),
            request_id: self.request_id,
            calls: self.calls,
            ..StepResult::new(ending)
        }
    }
}

impl Sender<'_> {
    /// Sends one call and counts it.
    pub(crate) async fn send(&mut self, call: Call) -> Result<Reply, CallError> {
        let sent = self.entra.client().send(call).await;
        let (calls, request_id) = match &sent {
            Ok(reply) => (reply.calls, Some(reply.request_id.clone())),
            Err(error) => (error.calls, error.request_id.clone()),
        };
        self.count(calls, request_id);
        sent
    }

    /// Reads a list to its end and counts the calls for its pages.
    pub(crate) async fn list(&mut self, call: Call) -> Result<Vec<Json>, CallError> {
        match self.entra.client().list(call).await {
            Ok(listed) => {
                self.count(listed.calls, listed.request_id);
                Ok(listed.values)
            }
            Err(error) => {
                self.count(error.calls, error.request_id.clone());
                Err(error)
            }
        }
    }

    /// Counts calls that were sent elsewhere; the last request id stays.
    pub(crate) fn count(&mut self, calls: u32, request_id: Option<String>) {
        self.calls += calls;
        self.request_id = request_id.or(self.request_id.take());
    }

    /// Sends a call again, a bounded time, while the directory may just not have caught up.
    pub(crate) async fn send_while(
        &mut self,
        call: Call,
        behind: impl Fn(&CallError) -> bool,
    ) -> Result<Reply, CallError> {
        self.send_with(&mut Patience::new(), call, behind).await
    }

    /// The same with what is left of the waits.
    pub(crate) async fn send_with(
        &mut self,
        patience: &mut Patience,
        call: Call,
        behind: impl Fn(&CallError) -> bool,
    ) -> Result<Reply, CallError> {
        loop {
            let sent = self.send(call.clone()).await;
            let again = sent.as_ref().is_err_and(&behind);
            if !again || !patience.wait(self.entra.client().clock()).await {
                return sent;
            }
        }
    }

    /// Sends a call again, a bounded time, while the answer is that something does not exist.
    pub(crate) async fn send_until_found(&mut self, call: Call) -> Result<Reply, CallError> {
        self.send_while(call, not_found).await
    }

    /// How a step ends whose call failed.
    pub(crate) fn failed(&self, error: &CallError) -> Ending {
        match error.until(self.entra.client().clock()) {
            Some(until) => Ending::Waiting {
                until: Some(until),
                reason: "quota".to_owned(),
            },
            None => Ending::Failed {
                code: error.code(),
                hint: error.hint(),
            },
        }
    }

    /// Sends a write to an account; one that we made lately may not be everywhere yet.
    pub(crate) async fn write(
        &mut self,
        object: &ObjectId,
        call: Call,
    ) -> Result<Ending, CallError> {
        if self.entra.created_lately(object) {
            let sent = self.send_until_found(call).await;
            written(sent, self.entra.replicating())
        } else {
            let sent = self.send(call).await;
            written(sent, stale("the account is gone"))
        }
    }

    async fn update(&mut self, step: &Step) -> Ended {
        if step.write.contains_key("manager") {
            return Ok((invalid("the manager is no attribute of an update"), None));
        }
        let user = match self.current(step, &step.write).await? {
            Current::User(user) => user,
            Current::Over(ending) => return Ok((ending, None)),
        };
        let mut changes = Attributes::new();
        for (name, wanted) in &step.write {
            let now = account::value_at(&user, name);
            if account::same(name, &now, wanted) {
                continue;
            }
            if !account::same(name, &now, step.before.get(name).unwrap_or(&Value::Null)) {
                let why =
                    format!("`{name}` is neither what it was at plan time nor what is wanted");
                return Ok((Ending::Stale { why }, None));
            }
            changes.insert(name.clone(), wanted.clone());
        }
        let Some(object) = step.object.as_ref().filter(|_| !changes.is_empty()) else {
            return Ok((Ending::Already, None));
        };
        let body = Json::Object(account::body(&changes, &user));
        let ending = self
            .write(object, graph::patch_user(object, body, self.lane))
            .await?;
        Ok((ending, None))
    }

    async fn switch(&mut self, step: &Step, enabled: bool) -> Ended {
        let user = match self.current(step, &Attributes::new()).await? {
            Current::User(user) => user,
            Current::Over(ending) => return Ok((ending, None)),
        };
        let already = user.get("accountEnabled").and_then(Json::as_bool) == Some(enabled);
        let Some(object) = step.object.as_ref().filter(|_| !already) else {
            return Ok((Ending::Already, None));
        };
        let body = json!({ "accountEnabled": enabled });
        let ending = self
            .write(object, graph::patch_user(object, body, self.lane))
            .await?;
        Ok((ending, None))
    }

    async fn revoke(&mut self, step: &Step) -> Ended {
        match (self.current(step, &Attributes::new()).await?, &step.object) {
            (Current::User(_), Some(object)) => {
                let call = graph::revoke_sessions(object, self.lane);
                Ok((self.write(object, call).await?, None))
            }
            (Current::User(_), None) => Ok((invalid("the step names no account"), None)),
            (Current::Over(ending), _) => Ok((ending, None)),
        }
    }

    /// The manager as the directory has it now.
    pub(crate) async fn manager_now(
        &mut self,
        object: &ObjectId,
    ) -> Result<Option<String>, CallError> {
        match self.send(graph::read_manager(object, self.lane)).await {
            Ok(reply) => Ok(reply
                .body
                .get("id")
                .and_then(Json::as_str)
                .map(str::to_owned)),
            Err(error) if not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn set_manager(&mut self, step: &Step) -> Ended {
        let (Some(object), Some(manager)) = (&step.object, &step.manager) else {
            return Ok((invalid("the step names no account or no manager"), None));
        };
        if let Current::Over(ending) = self.current(step, &Attributes::new()).await? {
            return Ok((ending, None));
        }
        if self.manager_now(object).await?.as_deref() == Some(manager.as_str()) {
            return Ok((Ending::Already, None));
        }
        let url = format!(
            "{}{}",
            self.entra.client().origin(),
            graph::user_path(manager)
        );
        let call = graph::set_manager(object, &url, self.lane);
        // The account was read a moment ago, so what is missing is as likely the manager.
        let ending = if self.entra.created_lately(object) || self.entra.created_lately(manager) {
            let sent = self.send_until_found(call).await;
            written(sent, self.entra.replicating())?
        } else {
            let gone = Ending::Waiting {
                until: None,
                reason: "manager".to_owned(),
            };
            let sent = self.send(call).await;
            written(sent, gone)?
        };
        Ok((ending, None))
    }

    async fn clear_manager(&mut self, step: &Step) -> Ended {
        let Some(object) = &step.object else {
            return Ok((invalid("the step names no account"), None));
        };
        if let Current::Over(ending) = self.current(step, &Attributes::new()).await? {
            return Ok((ending, None));
        }
        if self.manager_now(object).await?.is_none() {
            return Ok((Ending::Already, None));
        }
        let sent = self.send(graph::clear_manager(object, self.lane)).await;
        Ok((written(sent, Ending::Already)?, None))
    }
}

/// How a write ended; a 404 on an account that was there a moment ago is `gone`.
fn written(sent: Result<Reply, CallError>, gone: Ending) -> Result<Ending, CallError> {
    match sent {
        Ok(_) => Ok(Ending::Done),
        Err(error) if not_found(&error) => Ok(gone),
        Err(error) => Err(error),
    }
}

/// What an answer says is wrong; `None` where none came.
pub(crate) fn situation(error: &CallError) -> Option<Situation> {
    error.fault().map(|fault| fault.situation)
}

pub(crate) fn not_found(error: &CallError) -> bool {
    situation(error) == Some(Situation::NotFound)
}

/// What a step rests on no longer holds.
pub(crate) fn stale(why: &str) -> Ending {
    Ending::Stale {
        why: why.to_owned(),
    }
}

/// No password can be made.
pub(crate) fn no_randomness() -> Ending {
    Ending::Failed {
        code: "no_randomness".to_owned(),
        hint: "the operating system gives no random bytes for a password".to_owned(),
    }
}

/// A step that no plan of ours makes.
pub(crate) fn invalid(what: &str) -> Ending {
    let hint = format!("{what}; this is a fault of Rollcall, please report it");
    Ending::Failed {
        code: "step_invalid".to_owned(),
        hint,
    }
}
