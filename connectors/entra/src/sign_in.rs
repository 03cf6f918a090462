//! What somebody signs in with: a password that nobody knows, and no method beside it.
//!
//! Sources: "Update user" (`passwordProfile`), "List methods" and the delete pages of each kind of method
//! (graph/api): kinds are told apart by `@odata.type`, the password cannot be deleted, and the one that is
//! asked for first goes last. Invariant: nothing is called removed while a method is left that we
//! know of.

use rollcall_core::model::{Attributes, Ending, ObjectId, Step};
use rollcall_http::{CallError, Situation};
use serde_json::{Value as Json, json};

use crate::current::Current;
use crate::write::{Ended, Sender, invalid, no_randomness, not_found, situation};
use crate::{graph, password};

/// Kind, path segment and template.
const KINDS: [(&str, &str, &str); 8] = [
    (
        "phoneAuthenticationMethod",
        "phoneMethods",
        "/users/{id}/authentication/phoneMethods/{id}",
    ),
    (
        "fido2AuthenticationMethod",
        "fido2Methods",
        "/users/{id}/authentication/fido2Methods/{id}",
    ),
    (
        "microsoftAuthenticatorAuthenticationMethod",
        "microsoftAuthenticatorMethods",
        "/users/{id}/authentication/microsoftAuthenticatorMethods/{id}",
    ),
    (
        "softwareOathAuthenticationMethod",
        "softwareOathMethods",
        "/users/{id}/authentication/softwareOathMethods/{id}",
    ),
    (
        "emailAuthenticationMethod",
        "emailMethods",
        "/users/{id}/authentication/emailMethods/{id}",
    ),
    (
        "windowsHelloForBusinessAuthenticationMethod",
        "windowsHelloForBusinessMethods",
        "/users/{id}/authentication/windowsHelloForBusinessMethods/{id}",
    ),
    (
        "platformCredentialAuthenticationMethod",
        "platformCredentialMethods",
        "/users/{id}/authentication/platformCredentialMethods/{id}",
    ),
    (
        "temporaryAccessPassAuthenticationMethod",
        "temporaryAccessPassMethods",
        "/users/{id}/authentication/temporaryAccessPassMethods/{id}",
    ),
];

/// The kind that stays.
const PASSWORD: &str = "passwordAuthenticationMethod";

/// One that somebody registered.
#[derive(Debug, PartialEq)]
struct Method {
    kind: String,
    id: String,
}

impl Method {
    fn removal(&self) -> Option<(&'static str, &'static str)> {
        let known = KINDS.iter().find(|(kind, ..)| *kind == self.kind);
        known.map(|(_, segment, template)| (*segment, *template))
    }
}

impl Sender<'_> {
    /// Gives the account a password that nobody knows. Repeated, it is another one that nobody knows.
    pub(crate) async fn reset_password(&mut self, step: &Step) -> Ended {
        let Some(object) = &step.object else {
            return Ok((invalid("the step names no account"), None));
        };
        if let Current::Over(ending) = self.current(step, &Attributes::new()).await? {
            return Ok((ending, None));
        }
        let Ok(secret) = password::generate() else {
            return Ok((no_randomness(), None));
        };
        let body = json!({ "passwordProfile": {
            "forceChangePasswordNextSignIn": true,
            "password": secret.reveal(),
        } });
        let call = graph::patch_user(object, body, self.lane);
        let ending = match self.write(object, call).await {
            Err(error) if situation(&error) == Some(Situation::Denied) => Ending::Failed {
                code: error.code(),
                hint: "a password is reset with the permission User-PasswordProfile.ReadWrite.All and \
                       the role User Administrator for the application; of an administrator only by a \
                       role that is as high: reset it by hand"
                    .to_owned(),
            },
            other => other?,
        };
        Ok((ending, None))
    }

    /// Takes away whatever the account can sign in with beside its password.
    pub(crate) async fn remove_methods(&mut self, step: &Step) -> Ended {
        let Some(object) = &step.object else {
            return Ok((invalid("the step names no account"), None));
        };
        if let Current::Over(ending) = self.current(step, &Attributes::new()).await? {
            return Ok((ending, None));
        }
        let (mut known, unknown): (Vec<Method>, Vec<Method>) = self
            .methods(object)
            .await?
            .into_iter()
            .partition(|it| it.removal().is_some());
        let nothing = known.is_empty();
        // The one that is asked for first is refused while there are others: what was refused is
        // tried again as long as that takes any away.
        let mut refused = None;
        while !known.is_empty() {
            let before = known.len();
            let mut left = Vec::new();
            for method in known {
                let Some(removal) = method.removal() else {
                    continue;
                };
                let call = graph::remove_method(object, removal, &method.id, self.lane);
                match self.send(call).await {
                    Ok(_) => {}
                    // Gone already, or a removal whose answer was lost.
                    Err(error) if not_found(&error) => {}
                    Err(error) if situation(&error) == Some(Situation::Refused) => {
                        refused = Some(error);
                        left.push(method);
                    }
                    Err(error) => return Err(error),
                }
            }
            known = left;
            if known.len() == before {
                break;
            }
        }
        if let Some(error) = refused.filter(|_| !known.is_empty()) {
            return Err(error);
        }
        let ending = match unknown.first() {
            Some(method) => Ending::Failed {
                code: "method_unknown".to_owned(),
                hint: format!(
                    "the account has {} of a kind that Graph has no removal for here ({}); take it away by \
                     hand",
                    unknown.len(),
                    shown(&method.kind)
                ),
            },
            None if nothing => Ending::Already,
            None => Ending::Done,
        };
        Ok((ending, None))
    }

    /// What is registered, the password left out.
    async fn methods(&mut self, object: &ObjectId) -> Result<Vec<Method>, CallError> {
        let body = self
            .send(graph::list_methods(object, self.lane))
            .await?
            .body;
        let all = body.get("value").and_then(Json::as_array);
        let all = all.ok_or_else(|| CallError::malformed("a list of methods has no `value`"))?;
        let mut out = Vec::new();
        for method in all {
            let text = |name: &str| method.get(name).and_then(Json::as_str);
            let (Some(kind), Some(id)) = (text("@odata.type"), text("id")) else {
                return Err(CallError::malformed("a method lacks `@odata.type` or `id`"));
            };
            let kind = kind.trim_start_matches("#microsoft.graph.").to_owned();
            if kind != PASSWORD {
                out.push(Method {
                    kind,
                    id: id.to_owned(),
                });
            }
        }
        Ok(out)
    }
}

/// The name of a kind, where it can be one.
fn shown(kind: &str) -> &str {
    let plain = kind.len() <= 60 && kind.bytes().all(|b| b.is_ascii_alphanumeric());
    if plain { kind } else { "unnamed" }
}
