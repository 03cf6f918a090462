//! Making an account, once, whatever is lost on the way.
//!
//! The directory has no key that makes a create idempotent, but it keeps sign-in names unique:
//! the account is looked for by key first, and a create that runs into our own lost one finds the
//! name taken by an account with our key. Invariant: no second account for a key (P6).

use rollcall_core::model::{AccountName, Attributes, Ending, ObjectId, Step, Value};
use rollcall_http::{CallError, Situation};
use serde_json::{Value as Json, json};

use crate::write::{Ended, Sender, invalid, no_randomness, not_found};
use crate::{account, graph, password};

const LEAVE_DATE: &str = "employeeLeaveDateTime";

impl Sender<'_> {
    pub(crate) async fn create(&mut self, step: &Step) -> Ended {
        let name = step.write.get("userPrincipalName").and_then(Value::as_text);
        let Some(name) = name.filter(|_| !step.write.contains_key("manager")) else {
            return Ok((
                invalid("a create has no sign-in name, or has a manager"),
                None,
            ));
        };
        let found = graph::users_by_key(&step.key, account::select(&[]), self.lane);
        let found = self.send(found).await?.body;
        let Some(found) = found.get("value").and_then(Json::as_array) else {
            return Err(CallError::malformed("a list of users has no `value`"));
        };
        let (ending, id) = match found.as_slice() {
            [] => self.post(step, name).await?,
            [one] => self.existing(one, name),
            [_, _, ..] => {
                let hint = "several accounts carry this employee id; clear it on the wrong ones";
                let code = "key_ambiguous".to_owned();
                return Ok((
                    Ending::Failed {
                        code,
                        hint: hint.to_owned(),
                    },
                    None,
                ));
            }
        };
        match (&id, leave_date(step)) {
            (Some(id), Some(body)) => {
                let call = graph::patch_user(id, body, self.lane);
                let written = match self.send_until_found(call).await {
                    Ok(_) => ending,
                    Err(error) if not_found(&error) => self.entra.replicating(),
                    Err(error) => self.failed(&error),
                };
                // Written or not, the account is there, and stays ours.
                Ok((written, Some(id.clone())))
            }
            _ => Ok((ending, id)),
        }
    }

    /// An account with our key is there: ours from an earlier try, or one the plan did not know.
    fn existing(&self, user: &Json, name: &str) -> (Ending, Option<ObjectId>) {
        let text = |member: &str| user.get(member).and_then(Json::as_str);
        let id = text("id").map(ObjectId::new);
        let same_name = text("userPrincipalName")
            .is_some_and(|have| have.to_lowercase() == name.to_lowercase());
        match id {
            Some(id) if same_name || self.entra.created_lately(&id) => (Ending::Already, Some(id)),
            Some(_) | None => {
                let why = "an account with this employee id exists under another sign-in name";
                (
                    Ending::Stale {
                        why: why.to_owned(),
                    },
                    None,
                )
            }
        }
    }

    async fn post(&mut self, step: &Step, name: &str) -> Ended {
        let Ok(body) = body(step, name) else {
            return Ok((no_randomness(), None));
        };
        match self.send(graph::create_user(body, self.lane)).await {
            Ok(reply) => {
                let id = reply
                    .body
                    .get("id")
                    .and_then(Json::as_str)
                    .map(ObjectId::new);
                let id = id.ok_or_else(|| CallError::malformed("a new user has no `id`"))?;
                self.entra.remember_created(&id);
                Ok((Ending::Done, Some(id)))
            }
            Err(error) => match error.fault().map(|fault| fault.situation) {
                Some(Situation::NameTaken) => self.adopt(step, name, &error).await,
                Some(_) | None => Err(error),
            },
        }
    }

    /// The name is taken: by our own create whose answer was lost, or by somebody else.
    async fn adopt(&mut self, step: &Step, name: &str, refused: &CallError) -> Ended {
        let path = graph::name_path(&AccountName::new(name));
        let call = graph::read_user(path, account::select(&[]), self.lane);
        // Taken and not to be found: not replicated yet.
        let user = match self.send_until_found(call).await {
            Ok(reply) => reply.body,
            Err(error) if not_found(&error) => return Ok((self.entra.replicating(), None)),
            Err(error) => return Err(error),
        };
        let text = |member: &str| user.get(member).and_then(Json::as_str);
        match (text("id"), text("employeeId")) {
            (Some(id), Some(key)) if key == step.key => {
                let id = ObjectId::new(id);
                self.entra.remember_created(&id);
                Ok((Ending::Already, Some(id)))
            }
            (Some(_) | None, _) => {
                let (code, hint) = ("name_taken".to_owned(), refused.hint());
                Ok((Ending::Failed { code, hint }, None))
            }
        }
    }
}

/// A create does not take the leave date along: it asks for a permission of its own ("Update
/// user").
fn leave_date(step: &Step) -> Option<Json> {
    let value = step.write.get_key_value(LEAVE_DATE);
    let (name, value) = value.filter(|(_, value)| !empty(value))?;
    let write = [(name.clone(), value.clone())].into();
    Some(Json::Object(account::body(&write, &Json::Null)))
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The body of a create. Members without a value are left out; the password lives only here.
fn body(step: &Step, name: &str) -> Result<Json, getrandom::Error> {
    let write: Attributes = step
        .write
        .iter()
        .filter(|(name, value)| *name != LEAVE_DATE && !empty(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut body = account::body(&write, &Json::Null);
    body.entry("accountEnabled").or_insert(Json::Bool(false));
    body.entry("employeeId").or_insert_with(|| json!(step.key));
    body.entry("mailNickname")
        .or_insert_with(|| json!(nickname(name)));
    let password = password::generate()?;
    body.insert(
        "passwordProfile".to_owned(),
        json!({ "password": password.reveal(), "forceChangePasswordNextSignIn": true }),
    );
    Ok(Json::Object(body))
}

/// Required by the directory, 64 characters at most: the local part of the sign-in name, which
/// is, with what a nickname may not hold left out.
fn nickname(name: &str) -> String {
    let local = name.split('@').next().unwrap_or(name);
    local
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '\''))
        .take(64)
        .collect()
}
