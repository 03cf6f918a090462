//! Temporary Access Passes: made once, shown once, taken back where nobody got them.
//!
//! Sources: "Create temporaryAccessPassMethod" (one usable pass a user: a new one replaces the old;
//! the answer holds the only copy), "Delete temporaryAccessPassAuthenticationMethod", "List methods",
//! "List roleAssignments", "List transitiveMemberOf" (graph/api); "Lifecycle Workflow built-in tasks": no pass for whoever has a method
//! or a role already. Invariant: a pass is asked for once a call, and its secret leaves here in a [`Secret`]
//! only.

use std::fmt;

use jiff::Timestamp;
use rollcall_core::model::{Attributes, Ending, ObjectId, Op, Step, StepResult};
use rollcall_http::{Call, CallError, Lane, Secret, Situation};
use serde_json::{Map, Value as Json, json};

use crate::current::Current;
use crate::lookup::PAGE;
use crate::write::{Ended, Patience, Sender, invalid, not_found, situation};
use crate::{Entra, graph, groups};

/// A pass that was made.
pub struct Pass {
    /// The target's own id of it.
    pub id: String,
    /// What somebody signs in with: the only copy there is.
    pub secret: Secret,
    /// From when on it is good, as the tenant says.
    pub start: Timestamp,
    /// How long, in minutes, as the tenant says.
    pub minutes: u32,
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[pass]")
    }
}

/// What came of asking for a pass.
#[derive(Debug)]
pub struct Issued {
    /// How it ended: `Done` with a pass and only then.
    pub result: StepResult,
    /// The pass.
    pub pass: Option<Pass>,
}

impl Entra {
    /// Makes a pass for an account that nobody can sign in to yet.
    ///
    /// Whoever has a method already, or a usable pass, needs none (`Already`); of whoever has a role in the
    /// directory it is `Failed`, since who gets the pass would be an administrator. It is sent once: where it
    /// may have been taken and no answer came, it is `Unknown`, and nobody holds what was made.
    pub async fn issue_pass(&self, step: &Step, start: Timestamp, minutes: u32) -> Issued {
        let mut sender = Sender::new(self, Lane::Bulk);
        let mut pass = None;
        let ended = match sender.issue(step, start, minutes).await {
            Ok((ending, made)) => {
                pass = made;
                Ok((ending, None))
            }
            Err(error) => Err(error),
        };
        Issued {
            result: sender.result(&step.action, Op::TapIssue, ended, step.object.as_ref()),
            pass,
        }
    }

    /// Takes back a pass that nobody got.
    pub async fn withdraw_pass(&self, step: &Step, id: &str) -> StepResult {
        let mut sender = Sender::new(self, Lane::Bulk);
        let ended = sender.withdraw(step.object.as_ref(), id).await;
        sender.result(&step.action, Op::TapIssue, ended, step.object.as_ref())
    }
}

impl Sender<'_> {
    async fn issue(
        &mut self,
        step: &Step,
        start: Timestamp,
        minutes: u32,
    ) -> Result<(Ending, Option<Pass>), CallError> {
        let Some(object) = &step.object else {
            return Ok((invalid("the step names no account"), None));
        };
        if let Current::Over(ending) = self.current(step, &Attributes::new()).await? {
            return Ok((ending, None));
        }
        let now = self.entra.client().clock().now();
        if self.can_sign_in(object).await? {
            return Ok((Ending::Already, None));
        }
        if self.administers(object).await? {
            return Ok((administrator(), None));
        }
        // What is over already is refused: then from now on.
        let start = (start > now).then_some(start);
        let call = graph::issue_pass(object, start, minutes, self.lane).once();
        match self.send(call).await {
            Ok(reply) => match read(&reply.body, now, minutes) {
                Some(pass) => Ok((Ending::Done, Some(pass))),
                None => Ok((unheld(), None)),
            },
            Err(error) if error.maybe_taken() => Ok((unheld(), None)),
            Err(error) if situation(&error) == Some(Situation::Denied) => {
                Ok((denied(&error), None))
            }
            Err(error) if situation(&error) == Some(Situation::Refused) => {
                Ok((refused(&error), None))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether somebody has a method beside the password: registered, or a pass that is not over.
    async fn can_sign_in(&mut self, object: &ObjectId) -> Result<bool, CallError> {
        let methods = graph::list_methods(object, self.lane);
        let listed = self.list_of_account(object, methods).await?;
        let kind = |it: &Json| {
            let kind = it.get("@odata.type").and_then(Json::as_str);
            kind.unwrap_or_default()
                .trim_start_matches("#microsoft.graph.")
                .to_owned()
        };
        let counts = |it: &Json| match kind(it).as_str() {
            "passwordAuthenticationMethod" => false,
            "temporaryAccessPassAuthenticationMethod" => {
                let why = it.get("methodUsabilityReason").and_then(Json::as_str);
                // One that comes later counts: a new one would replace it.
                let over = ["Expired", "OneTimeUsed", "DisabledByPolicy"];
                !why.is_some_and(|why| over.iter().any(|it| it.eq_ignore_ascii_case(why)))
            }
            _ => true,
        };
        Ok(listed.iter().any(counts))
    }

    /// Whether somebody has a role in the directory, may have one on request, or is in a group that roles are
    /// given to.
    async fn administers(&mut self, object: &ObjectId) -> Result<bool, CallError> {
        let call = graph::list_groups_of(object, true, PAGE);
        let member_of = self.list_of_account(object, call).await?;
        if member_of.iter().any(groups::gives_role) {
            return Ok(true);
        }
        for eligible in [false, true] {
            let call = graph::list_roles(object, eligible, self.lane);
            match self.list(call).await {
                Ok(held) if held.is_empty() => {}
                Ok(_) => return Ok(true),
                // Nobody has one on request where there is no licence for that.
                Err(error) if eligible && crate::roles::unlicensed(&error.code()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    async fn withdraw(&mut self, object: Option<&ObjectId>, id: &str) -> Ended {
        let Some(object) = object else {
            return Ok((invalid("the step names no account"), None));
        };
        let removal = (
            "temporaryAccessPassMethods",
            "/users/{id}/authentication/temporaryAccessPassMethods/{id}",
        );
        let call = graph::remove_method(object, removal, id, self.lane);
        match self.send(call).await {
            Ok(_) => Ok((Ending::Done, None)),
            Err(error) if not_found(&error) => Ok((Ending::Already, None)),
            Err(error) => Err(error),
        }
    }

    /// A list of an account; one that we made lately may not be everywhere yet.
    async fn list_of_account(
        &mut self,
        object: &ObjectId,
        call: Call,
    ) -> Result<Vec<Json>, CallError> {
        let mut patience = Patience::new();
        loop {
            let listed = self.list(call.clone()).await;
            let behind = self.entra.created_lately(object) && listed.as_ref().is_err_and(not_found);
            if !behind || !patience.wait(self.entra.client().clock()).await {
                return listed;
            }
        }
    }
}

/// The pass of an answer; `None`: there is one, and it is not shown.
fn read(body: &Json, now: Timestamp, minutes: u32) -> Option<Pass> {
    let text = |name: &str| body.get(name).and_then(Json::as_str);
    let start = text("startDateTime").and_then(|it| it.parse().ok());
    let lasts = body.get("lifetimeInMinutes").and_then(Json::as_u64);
    Some(Pass {
        id: text("id")?.to_owned(),
        secret: Secret::new(text("temporaryAccessPass").filter(|it| !it.is_empty())?),
        start: start.unwrap_or(now),
        minutes: lasts
            .and_then(|it| u32::try_from(it).ok())
            .unwrap_or(minutes),
    })
}

/// The body of a pass that is asked for.
pub(crate) fn body(start: Option<Timestamp>, minutes: u32) -> Json {
    let mut body = Map::new();
    body.insert("lifetimeInMinutes".to_owned(), json!(minutes));
    if let Some(start) = start {
        body.insert("startDateTime".to_owned(), json!(start));
    }
    Json::Object(body)
}

/// One may be there, and nobody holds it.
fn unheld() -> Ending {
    let hint = "a Temporary Access Pass was asked for and no answer came back: if there is one, nobody holds it. \
                Issue another one by hand, it replaces that one; it is not asked for again";
    Ending::Unknown {
        hint: hint.to_owned(),
    }
}

fn administrator() -> Ending {
    Ending::Failed {
        code: "has_role".to_owned(),
        hint: "the account has a role in the directory: whoever is handed its pass would be an administrator. Issue \
               it by hand, to the person"
            .to_owned(),
    }
}

fn denied(error: &CallError) -> Ending {
    Ending::Failed {
        code: error.code(),
        hint: "a Temporary Access Pass takes the permission UserAuthMethod-TAP.ReadWrite.All; of an administrator it \
               is issued by hand"
            .to_owned(),
    }
}

fn refused(error: &CallError) -> Ending {
    Ending::Failed {
        code: error.code(),
        hint: "the tenant does not issue this Temporary Access Pass: look in its authentication methods policy \
               whether passes are enabled for these users, and compare `joiner.pass.minutes` with the lifetimes \
               that it allows (`check --online` does)"
            .to_owned(),
    }
}
