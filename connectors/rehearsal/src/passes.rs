//! Temporary Access Passes: a secret that is shown once, and at most one of them a user.
//!
//! Sources: "Create temporaryAccessPassMethod" ("the previous Temporary Access Pass will be deleted,
//! and a new Temporary Access Pass will be created"), "List temporaryAccessPassMethods", "Get
//! temporaryAccessPassAuthenticationMethod", "temporaryAccessPassAuthenticationMethodConfiguration
//! resource type" (learn.microsoft.com/graph/api). How a start that is over, and a pass that the policy
//! does not have, are refused is unconfirmed. Invariant: the secret is in the answer of its create and
//! nowhere else; it is not even kept.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value as Json, json};

use crate::answer::Answer;
use crate::body;
use crate::directory::Record;
use crate::query;
use crate::refusal::Refusal;
use crate::roles;
use crate::route::Key;
use crate::seeded::Seeded;
use crate::sign_in::Method;
use crate::state::{Call, State};
use crate::users::{Done, object};

/// The kind of method.
pub(crate) const KIND: &str = "temporaryAccessPassAuthenticationMethod";

/// What every lifetime has to be within, whatever the policy says, in minutes.
const LIFETIME: std::ops::RangeInclusive<i64> = 10..=43_200;

/// What the tenant lets passes be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassPolicy {
    /// There are passes at all.
    pub enabled: bool,
    /// Minutes, inclusive.
    pub minimum_minutes: u32,
    /// Minutes, inclusive.
    pub maximum_minutes: u32,
    /// Minutes of a pass that does not say.
    pub default_minutes: u32,
    /// Characters of the secret.
    pub length: usize,
    /// Passes can be used once only.
    pub usable_once: bool,
}

impl Default for PassPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            minimum_minutes: 60,
            maximum_minutes: 480,
            default_minutes: 60,
            length: 8,
            usable_once: false,
        }
    }
}

/// What is asked of passes; they are removed like any other method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pass {
    List(Key),
    Create(Key),
    /// The id of the pass.
    Read(Key, String),
    Policy,
}

impl State {
    /// Carries out a routed call about passes.
    ///
    /// # Errors
    /// The refusal; nothing has changed then.
    pub(crate) fn execute_pass(
        &mut self,
        route: Pass,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        query::none(call.query)?;
        match route {
            Pass::List(key) => {
                roles::any(&self.options.roles, roles::PASS_READ)?;
                let user = self.seen(&key, now)?;
                let passes = user
                    .methods
                    .iter()
                    .filter(|(_, method)| method.kind == KIND);
                let value: Vec<Json> = passes.map(|(id, method)| shown(id, method, now)).collect();
                let context = context(call, &user.id);
                let page = json!({"@odata.context": context, "value": value});
                Ok(Done::read(Answer::ok(page), Some(&user.id)))
            }
            Pass::Read(key, id) => {
                roles::any(&self.options.roles, roles::PASS_READ)?;
                let user = self.seen(&key, now)?;
                let method = user.methods.get(&id).filter(|method| method.kind == KIND);
                let method = method.ok_or_else(|| Refusal::not_found(Some(&id)))?;
                let mut pass = shown(&id, method, now);
                pass["@odata.context"] = format!("{}/$entity", context(call, &user.id)).into();
                Ok(Done::read(Answer::ok(pass), Some(&user.id)))
            }
            Pass::Create(key) => self.create_pass(&key, call, now),
            Pass::Policy => {
                roles::any(&self.options.roles, roles::PASS_POLICY)?;
                let policy = &self.options.passes;
                Ok(Done::read(
                    Answer::ok(json!({
                        "@odata.type":
                            "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration",
                        "id": "TemporaryAccessPass",
                        "state": if policy.enabled { "enabled" } else { "disabled" },
                        "defaultLength": policy.length,
                        "defaultLifetimeInMinutes": policy.default_minutes,
                        "isUsableOnce": policy.usable_once,
                        "maximumLifetimeInMinutes": policy.maximum_minutes,
                        "minimumLifetimeInMinutes": policy.minimum_minutes,
                    })),
                    None,
                ))
            }
        }
    }

    fn create_pass(&mut self, key: &Key, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let body = object(call)?;
        roles::any(&self.options.roles, roles::PASS_WRITE)?;
        let properties = self.options.passes.checked(&body, now)?;
        let mut record = Record::clone(&*self.seen(key, now)?);
        record.methods.retain(|_, method| method.kind != KIND);
        record.passes_issued += 1;
        let mut seeded = Seeded::from_text(&format!("{} {}", record.id, record.passes_issued));
        let id = seeded.guid();
        let secret = secret(&mut seeded, self.options.passes.length);
        let method = Method::new(KIND, properties);
        let mut answer = shown(&id, &method, now);
        answer["@odata.context"] = format!("{}/$entity", context(call, &record.id)).into();
        answer["temporaryAccessPass"] = secret.into();
        record.methods.insert(id, method);
        self.store(record, now, Answer::new(StatusCode::CREATED, Some(answer)))
    }
}

impl PassPolicy {
    /// The properties of a pass of this body.
    fn checked(
        &self,
        body: &Map<String, Json>,
        now: Timestamp,
    ) -> Result<Map<String, Json>, Refusal> {
        body::check(&format!("microsoft.graph.{KIND}"), body)?;
        let given = [
            "isUsableOnce",
            "lifetimeInMinutes",
            "startDateTime",
            "@odata.type",
        ];
        if let Some(name) = body.keys().find(|name| !given.contains(&name.as_str())) {
            return Err(body::read_only(name));
        }
        if !self.enabled {
            return Err(Refusal::bad(
                "Temporary Access Pass is not enabled by policy.",
            ));
        }
        let minutes = body.get("lifetimeInMinutes").and_then(Json::as_i64);
        let minutes = minutes.unwrap_or_else(|| i64::from(self.default_minutes));
        let allowed = i64::from(self.minimum_minutes)..=i64::from(self.maximum_minutes);
        if !LIFETIME.contains(&minutes) || !allowed.contains(&minutes) {
            return Err(Refusal::invalid(
                "lifetimeInMinutes",
                "The policy has other limits.",
            ));
        }
        let once = body.get("isUsableOnce").and_then(Json::as_bool);
        if self.usable_once && once == Some(false) {
            return Err(Refusal::invalid(
                "isUsableOnce",
                "The policy has passes of one use only.",
            ));
        }
        let start = body.get("startDateTime").and_then(Json::as_str);
        let start = start.and_then(body::instant).unwrap_or(now);
        if start < now {
            return Err(Refusal::invalid("startDateTime", "It is over."));
        }
        let mut out = Map::new();
        out.insert("createdDateTime".to_owned(), now.to_string().into());
        out.insert("startDateTime".to_owned(), start.to_string().into());
        out.insert("lifetimeInMinutes".to_owned(), minutes.into());
        let once = once.unwrap_or(self.usable_once);
        out.insert("isUsableOnce".to_owned(), once.into());
        Ok(out)
    }
}

fn context(call: &Call<'_>, user: &str) -> String {
    format!(
        "{}/v1.0/$metadata#users('{user}')/authentication/temporaryAccessPassMethods",
        call.origin
    )
}

/// A pass without its secret.
pub(crate) fn shown(id: &str, method: &Method, now: Timestamp) -> Json {
    let mut out = Json::Object(method.properties.clone());
    let start = out["startDateTime"]
        .as_str()
        .and_then(body::instant)
        .unwrap_or(now);
    let minutes = out["lifetimeInMinutes"].as_i64().unwrap_or_default();
    let life = SignedDuration::from_mins(minutes);
    let end = start.checked_add(life).unwrap_or(Timestamp::MAX);
    let (usable, reason) = if now < start {
        (false, "NotYetValid")
    } else if now >= end {
        (false, "Expired")
    } else {
        (true, "EnabledByPolicy")
    };
    out["@odata.type"] = format!("#microsoft.graph.{KIND}").into();
    out["id"] = id.into();
    out["isUsable"] = usable.into();
    out["methodUsabilityReason"] = reason.into();
    out["temporaryAccessPass"] = Json::Null;
    out
}

fn secret(seeded: &mut Seeded, length: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let letter = |_| char::from(LETTERS[seeded.below(LETTERS.len())]);
    (0..length).map(letter).collect()
}
