//! One source, asked by somebody: who that is is shown, and what comes back is an answer or a refusal.
//!
//! Invariant: nothing of an answer goes into a refusal but its status and a word from a list of codes;
//! a secret is looked up once a pull and is in nothing that is shown.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use rollcall_core::base64;
use rollcall_http::{
    Ask, AskSetup, Asker, Bearer, BearerError, Chance, Heard, Links, Origin, Proof, Retry,
    RetryPolicy, Secret, SecretAt, TransportError, Unheard, encode_segment, passing,
};
use rollcall_source::{RefusalKind, Refused};
use serde_json::Value as Json;

use crate::config::{AuthConfig, GrantConfig, Proving};
use crate::plan::Plan;

/// Longest code of an error that is shown.
const CODE_MAX: usize = 60;

/// What a source is reached with.
pub(crate) struct Reach {
    asker: Asker,
    auth: Auth,
}

/// How it is shown who asks.
enum Auth {
    None,
    /// A header made from a secret.
    Header(Cow<'static, str>, Proof, fn(&str, &str) -> String, String),
    Token(Bearer),
}

/// What is asked.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) method: &'static str,
    /// Without values, for messages.
    pub(crate) template: &'static str,
    /// The path, for messages.
    pub(crate) shown: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: Option<String>,
}

/// Asks during one pull.
pub(crate) struct Session<'a> {
    plan: &'a Plan,
    reach: &'a Reach,
    /// The header that shows who asks.
    shown: Option<(Cow<'static, str>, Secret)>,
}

impl Reach {
    pub(crate) fn new(plan: &Plan, links: &Links<'_>) -> Result<Self, Vec<String>> {
        let pace = 60_000 / u64::from(plan.config.limits.calls_per_minute);
        let chance = Arc::new(Chance::seeded(links.seed));
        let asker = asker(links, plan.origin.clone(), Arc::clone(&chance), pace);
        let auth = auth(plan, links, &chance).map_err(|why| vec![why])?;
        Ok(Self { asker, auth })
    }

    pub(crate) async fn open<'a>(&'a self, plan: &'a Plan) -> Result<Session<'a>, Refused> {
        let shown = match &self.auth {
            Auth::None | Auth::Token(_) => None,
            Auth::Header(name, proof, form, other) => {
                let secret = proof.ask().await.map_err(|why| {
                    let message = format!("nothing to sign in with: {why}");
                    Refused::new(RefusalKind::Credentials, message, "look where it is kept")
                })?;
                let value = form(secret.reveal().trim(), other);
                if http::HeaderValue::try_from(&value).is_err() {
                    return Err(Refused::new(
                        RefusalKind::Credentials,
                        "what is kept to sign in with fits no header",
                        "store the secret alone, without line breaks inside",
                    ));
                }
                Some((name.clone(), Secret::new(value)))
            }
        };
        Ok(Session {
            plan,
            reach: self,
            shown,
        })
    }
}

fn asker(links: &Links<'_>, origin: Origin, chance: Arc<Chance>, pace_ms: u64) -> Asker {
    Asker::new(AskSetup {
        exchange: links.exchange.clone(),
        clock: links.clock,
        origin,
        chance,
        policy: RetryPolicy::default(),
        pace: Duration::from_millis(pace_ms),
        judge,
    })
}

/// What may come better: overload, errors of the source, and a body that was cut off.
fn judge(status: u16, _headers: &HeaderMap, body: &[u8]) -> Option<Retry> {
    passing(status).or_else(|| {
        let cut = (200..300).contains(&status) && is_cut(body);
        cut.then_some(Retry::Backoff)
    })
}

/// Begins as JSON does, and does not end so.
fn is_cut(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    let last = body.last();
    match body.first() {
        Some(b'{') => last != Some(&b'}'),
        Some(b'[') => last != Some(&b']'),
        Some(_) | None => false,
    }
}

fn auth(plan: &Plan, links: &Links<'_>, chance: &Arc<Chance>) -> Result<Auth, String> {
    let secret = |at: &SecretAt| (links.secrets)(at);
    let authorization = Cow::Borrowed("authorization");
    let basic = |name: &str, other: &str| {
        let pair = format!("{other}:{name}");
        format!("Basic {}", base64::encode(pair.as_bytes()))
    };
    Ok(match &plan.config.auth {
        AuthConfig::None => Auth::None,
        AuthConfig::Basic { user, password } => {
            Auth::Header(authorization, secret(password)?, basic, user.clone())
        }
        AuthConfig::KeyAsUser { key } => {
            let form = |key: &str, _: &str| {
                format!("Basic {}", base64::encode(format!("{key}:x").as_bytes()))
            };
            Auth::Header(authorization, secret(key)?, form, String::new())
        }
        AuthConfig::Header { name, value } => {
            let form = |value: &str, _: &str| value.to_owned();
            let name = Cow::Owned(name.clone());
            Auth::Header(name, secret(value)?, form, String::new())
        }
        AuthConfig::Bearer { token } => {
            let form = |token: &str, _: &str| format!("Bearer {token}");
            Auth::Header(authorization, secret(token)?, form, String::new())
        }
        AuthConfig::ClientCredentials(grant) | AuthConfig::RefreshToken(grant) => {
            Auth::Token(bearer(grant, links, chance)?)
        }
    })
}

/// Tokens by a form. The proof is the secret part of that form, encoded already.
fn bearer(grant: &GrantConfig, links: &Links<'_>, chance: &Arc<Chance>) -> Result<Bearer, String> {
    let secret = |at: &Option<SecretAt>| at.as_ref().map(links.secrets).transpose();
    let (client, refresh) = (secret(&grant.client_secret)?, secret(&grant.refresh_token)?);
    let origin = Origin::of(&grant.token_url).map_err(|e| e.to_string())?;
    let target = origin.follow(&grant.token_url).map_err(|e| e.to_string())?;
    let asker = asker(links, origin, Arc::clone(chance), 0);
    let grant = grant.clone();
    let proof = {
        let grant = grant.clone();
        Proof::new(move || {
            let (client, refresh) = (client.clone(), refresh.clone());
            let grant = grant.clone();
            Box::pin(async move {
                let ask = async |proof: Option<Proof>| match proof {
                    Some(proof) => proof.ask().await.map(Some),
                    None => Ok(None),
                };
                let (client, refresh) = (ask(client).await?, ask(refresh).await?);
                Ok(Secret::new(form(&grant, client.as_ref(), refresh.as_ref())))
            })
        })
    };
    Ok(Bearer::new(asker, proof, move |made| {
        let mut ask = Ask::new("POST", "token", target.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json");
        // The Basic header, where there is one, stands in front of the form.
        let form = match made.reveal().split_once('\n') {
            Some((header, form)) => {
                ask = ask.header("authorization", header);
                form
            }
            None => made.reveal(),
        };
        Ok(ask.body(Bytes::from(form.to_owned())))
    }))
}

fn form(grant: &GrantConfig, client: Option<&Secret>, refresh: Option<&Secret>) -> String {
    let kind = if refresh.is_some() {
        "refresh_token"
    } else {
        "client_credentials"
    };
    let mut fields = vec![("grant_type", kind)];
    let client = client.map(|it| it.reveal().trim());
    let mut header = String::new();
    match (grant.client_in, client) {
        (Proving::Basic, Some(secret)) => {
            let pair = format!(
                "{}:{}",
                encode_segment(&grant.client_id),
                encode_segment(secret)
            );
            header = format!("Basic {}\n", base64::encode(pair.as_bytes()));
        }
        (Proving::Form | Proving::Basic, secret) => {
            fields.push(("client_id", &grant.client_id));
            fields.extend(secret.map(|it| ("client_secret", it)));
        }
    }
    fields.extend(refresh.map(|it| ("refresh_token", it.reveal().trim())));
    fields.extend(grant.scope.as_deref().map(|it| ("scope", it)));
    fields.extend(grant.resource.as_deref().map(|it| ("resource", it)));
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encode_segment(value)))
        .collect();
    format!("{header}{}", fields.join("&"))
}

impl Session<'_> {
    /// An answer, whatever its status.
    pub(crate) async fn hear(&self, question: &Question) -> Result<Heard, Refused> {
        let Auth::Token(bearer) = &self.reach.auth else {
            let ask = self.ask(question, None);
            return self.heard(question, self.reach.asker.ask(&ask).await);
        };
        let token = bearer.get().await.map_err(|e| no_token(&e))?;
        let ask = self.ask(question, Some(&token));
        let heard = self.heard(question, self.reach.asker.ask(&ask).await)?;
        if heard.status != 401 {
            return Ok(heard);
        }
        let token = bearer.renew(&token).await.map_err(|e| no_token(&e))?;
        let ask = self.ask(question, Some(&token));
        self.heard(question, self.reach.asker.ask(&ask).await)
    }

    /// An answer that is JSON, with its headers.
    pub(crate) async fn json(&self, question: &Question) -> Result<(Json, Heard), Refused> {
        let heard = self.hear(question).await?;
        if !(200..300).contains(&heard.status) {
            return Err(refusal(question, &heard));
        }
        Ok((parsed(question, &heard.body)?, heard))
    }

    fn ask(&self, question: &Question, token: Option<&Secret>) -> Ask {
        let mut ask = Ask::new(question.method, question.template, question.target.clone());
        let accept = if self.plan.config.scim.is_some() {
            "application/scim+json, application/json"
        } else {
            "application/json"
        };
        let own = self.plan.config.headers.iter();
        if !own
            .clone()
            .any(|(name, _)| name.eq_ignore_ascii_case("accept"))
        {
            ask = ask.header("accept", accept);
        }
        for (name, value) in own.clone() {
            ask = ask.header(name.clone(), value.clone());
        }
        if let Some(body) = &question.body {
            if !own
                .clone()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            {
                ask = ask.header("content-type", "application/json");
            }
            ask = ask.body(Bytes::from(body.clone()));
        }
        if let Some((name, value)) = &self.shown {
            ask = ask.header(name.clone(), value.reveal());
        }
        match token {
            Some(token) => ask.header("authorization", format!("Bearer {}", token.reveal())),
            None => ask,
        }
    }

    fn heard(&self, question: &Question, it: Result<Heard, Unheard>) -> Result<Heard, Refused> {
        it.map_err(|error| {
            let shown = &question.shown;
            match &error {
                Unheard::Failing { status, .. } if (200..300).contains(status) => Refused::new(
                    RefusalKind::Malformed,
                    format!("the answer of `{shown}` ends in the middle, at every try"),
                    "ask for smaller pages; a gateway in between may cut answers",
                ),
                Unheard::Transport(TransportError::TooLarge { .. }) => Refused::new(
                    RefusalKind::TooLarge,
                    format!("the answer of `{shown}`: {error}"),
                    "ask for smaller pages",
                ),
                Unheard::Transport(TransportError::Request(_)) => Refused::new(
                    RefusalKind::Configuration,
                    format!("`{shown}` cannot be asked: {error}"),
                    "look at path, headers and parameters in the configuration",
                ),
                Unheard::Transport(
                    TransportError::Connect | TransportError::Reset | TransportError::Timeout,
                )
                | Unheard::Failing { .. }
                | Unheard::Later { .. } => Refused::new(
                    RefusalKind::Unavailable,
                    format!("`{shown}` of {}: {error}", self.plan.origin),
                    "nothing is lost: the next run asks again",
                ),
            }
        })
    }
}

fn no_token(error: &BearerError) -> Refused {
    let kind = match error {
        BearerError::Refused { .. } | BearerError::Proof(_) => RefusalKind::Credentials,
        BearerError::Malformed => RefusalKind::Malformed,
        BearerError::Unheard(_) => RefusalKind::Unavailable,
    };
    let message = format!("no token from the address that gives them: {error}");
    Refused::new(
        kind,
        message,
        "look at client id, secret, scope and `token_url`",
    )
}

/// A body as JSON.
pub(crate) fn parsed(question: &Question, body: &[u8]) -> Result<Json, Refused> {
    let shown = &question.shown;
    serde_json::from_slice(body).map_err(|error| {
        let is_page = body.trim_ascii_start().starts_with(b"<");
        let (what, hint) = if is_page {
            (
                "is a web page or XML, not JSON".to_owned(),
                "the address may be wrong, or lead to a sign-in page; `headers.accept` may help",
            )
        } else if error.is_eof() {
            (
                "ends in the middle".to_owned(),
                "ask for smaller pages; a gateway in between may cut answers",
            )
        } else {
            (
                // No text of the error: it may quote the body.
                format!("is no JSON that is read, at line {}", error.line()),
                "JSON in UTF-8 is expected, with at most 127 levels inside each other",
            )
        };
        let message = format!("the answer of `{shown}` {what}");
        Refused::new(RefusalKind::Malformed, message, hint)
    })
}

/// Why an answer with an error is not taken.
pub(crate) fn refusal(question: &Question, heard: &Heard) -> Refused {
    let status = heard.status;
    let (kind, hint) = match status {
        401 => (
            RefusalKind::Credentials,
            "it does not know who asks: look at `auth` and whether the secret is still good",
        ),
        403 => (
            RefusalKind::Permission,
            "give whoever asks the right to read all workers and the attributes that are mapped",
        ),
        300..=399 => (
            RefusalKind::Configuration,
            "it sends us elsewhere, which is not followed: write the address it means",
        ),
        404 => (
            RefusalKind::Configuration,
            "there is no such address: look at `origin` and `path`",
        ),
        _ => (
            RefusalKind::Configuration,
            "it does not take the question: look at path, parameters, sizes and filters",
        ),
    };
    let code = code(&heard.body).map_or_else(String::new, |it| format!(" ({it})"));
    let message = format!("`{}` is answered with {status}{code}", question.shown);
    Refused::new(kind, message, hint)
}

/// The code of an error: SCIM's `scimType`, OData's `error.code`, the word of RFC 6749. Text beside it
/// may name people and is left where it is.
pub(crate) fn code(body: &[u8]) -> Option<String> {
    let body: Json = serde_json::from_slice(body).ok()?;
    let places = [
        body.get("scimType"),
        body.pointer("/error/code"),
        body.get("code"),
        body.get("error"),
    ];
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    let mut words = places.into_iter().flatten().filter_map(Json::as_str);
    let fits = |it: &&str| {
        let whole = !it.is_empty() && it.len() <= CODE_MAX && it.chars().all(word);
        // A number of a person would be of digits.
        whole && it.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    words.find(fits).map(str::to_owned)
}
