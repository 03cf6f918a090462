//! What people sign in with beside a password: what they registered, and taking it away.
//!
//! Sources: "authenticationMethod resource type", "List methods", and the delete pages of each kind
//! (learn.microsoft.com/graph/api). That the method which is asked for first goes last is in the page of
//! phone methods; it is kept for all kinds here. Invariant: kinds are those of the metadata, and the
//! password is listed and never removed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::answer::Answer;
use crate::body;
use crate::csdl::schema;
use crate::directory::Record;
use crate::passes;
use crate::query;
use crate::refusal::Refusal;
use crate::roles;
use crate::route::Key;
use crate::seeded::Seeded;
use crate::state::{Call, State};
use crate::users::{Done, not_json};

/// The id under which every account has its password ("passwordAuthenticationMethod").
const PASSWORD: &str = "28c10230-6103-485e-b985-444c60001490";

/// Path segment, kind, template, and the permission that is for this kind alone.
const KINDS: [(&str, &str, &str, Option<&str>); 8] = [
    (
        "phoneMethods",
        "phoneAuthenticationMethod",
        "/users/{id}/authentication/phoneMethods/{id}",
        Some("UserAuthMethod-Phone.ReadWrite.All"),
    ),
    (
        "fido2Methods",
        "fido2AuthenticationMethod",
        "/users/{id}/authentication/fido2Methods/{id}",
        Some("UserAuthMethod-Passkey.ReadWrite.All"),
    ),
    (
        "microsoftAuthenticatorMethods",
        "microsoftAuthenticatorAuthenticationMethod",
        "/users/{id}/authentication/microsoftAuthenticatorMethods/{id}",
        Some("UserAuthMethod-MicrosoftAuthApp.ReadWrite.All"),
    ),
    (
        "temporaryAccessPassMethods",
        passes::KIND,
        "/users/{id}/authentication/temporaryAccessPassMethods/{id}",
        Some("UserAuthMethod-TAP.ReadWrite.All"),
    ),
    (
        "softwareOathMethods",
        "softwareOathAuthenticationMethod",
        "/users/{id}/authentication/softwareOathMethods/{id}",
        None,
    ),
    (
        "emailMethods",
        "emailAuthenticationMethod",
        "/users/{id}/authentication/emailMethods/{id}",
        None,
    ),
    (
        "windowsHelloForBusinessMethods",
        "windowsHelloForBusinessAuthenticationMethod",
        "/users/{id}/authentication/windowsHelloForBusinessMethods/{id}",
        None,
    ),
    (
        "platformCredentialMethods",
        "platformCredentialAuthenticationMethod",
        "/users/{id}/authentication/platformCredentialMethods/{id}",
        None,
    ),
];

/// What is asked of somebody's methods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SignIn {
    List(Key),
    /// Path segment and id of the method.
    Remove(Key, String, String),
}

/// Something that a user registered.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Method {
    /// The name of its type, without the namespace.
    pub(crate) kind: String,
    /// It is asked for first.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    default: bool,
    pub(crate) properties: Map<String, Json>,
}

impl Method {
    pub(crate) fn new(kind: &str, properties: Map<String, Json>) -> Self {
        Self {
            kind: kind.to_owned(),
            default: false,
            properties,
        }
    }
}

/// The template of a path segment, and whether methods of it can be removed at all.
pub(crate) fn template(segment: &str) -> (&'static str, bool) {
    let known = KINDS.iter().find(|(it, ..)| *it == segment);
    known.map_or(("?", false), |(_, _, template, _)| (template, true))
}

impl State {
    /// Carries out a routed call about methods.
    ///
    /// # Errors
    /// The refusal; nothing has changed then.
    pub(crate) fn execute_sign_in(
        &mut self,
        route: SignIn,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        match route {
            SignIn::List(key) => {
                roles::any(&self.options.roles, roles::METHODS_READ)?;
                let user = self.seen(&key, now)?;
                let password = json!({
                    "@odata.type": "#microsoft.graph.passwordAuthenticationMethod",
                    "id": PASSWORD,
                    "password": null,
                });
                let others = user.methods.iter().map(|(id, method)| {
                    if method.kind == passes::KIND {
                        return passes::shown(id, method, now);
                    }
                    let mut shown = method.properties.clone();
                    let kind = format!("#microsoft.graph.{}", method.kind);
                    shown.insert("@odata.type".to_owned(), kind.into());
                    shown.insert("id".to_owned(), id.as_str().into());
                    Json::Object(shown)
                });
                let value: Vec<Json> = std::iter::once(password).chain(others).collect();
                let page = json!({
                    "@odata.context": format!(
                        "{}/v1.0/$metadata#users('{}')/authentication/methods",
                        call.origin, user.id
                    ),
                    "value": value,
                });
                Ok(Done::read(Answer::ok(page), Some(&user.id)))
            }
            SignIn::Remove(key, segment, id) => {
                let known = KINDS.iter().find(|(it, ..)| *it == segment);
                let (_, kind, _, alone) = known.ok_or_else(|| Refusal::not_found(None))?;
                let mut may = vec!["UserAuthenticationMethod.ReadWrite.All"];
                may.extend(alone);
                roles::any(&self.options.roles, &may)?;
                let mut record = Record::clone(&*self.find(&key, now)?);
                let method = record.methods.get(&id).filter(|it| it.kind == **kind);
                let first = method.ok_or_else(|| Refusal::not_found(Some(&id)))?.default;
                if first && record.methods.len() > 1 {
                    return Err(Refusal::bad(
                        "The default authentication method cannot be deleted while there are other methods.",
                    ));
                }
                record.methods.remove(&id);
                self.store(record, now, Answer::no_content())
            }
        }
    }

    /// Registers a method without a caller.
    pub(crate) fn seed_method(
        &mut self,
        user: &str,
        method: &Json,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let mut properties = method.as_object().cloned().ok_or_else(not_json)?;
        let kind = properties.remove("@odata.type");
        let kind = kind.as_ref().and_then(Json::as_str).unwrap_or_default();
        let kind = kind.trim_start_matches("#microsoft.graph.").to_owned();
        let name = format!("microsoft.graph.{kind}");
        if !kind.ends_with("AuthenticationMethod") || !schema().is_structure(&name) {
            return Err(Refusal::bad(format!(
                "The metadata have no method '{kind}'."
            )));
        }
        let default = properties.remove("default") == Some(Json::Bool(true));
        body::check(&name, &properties)?;
        let mut record = Record::clone(&*self.find(&Key::Id(user.to_owned()), now)?);
        let mut ids = Seeded::from_text(&record.id);
        let mut id = ids.guid();
        while record.methods.contains_key(&id) {
            id = ids.guid();
        }
        let method = Method {
            kind,
            default,
            properties,
        };
        record.methods.insert(id.clone(), method);
        self.store(record, now, Answer::no_content())?;
        Ok(id)
    }
}
