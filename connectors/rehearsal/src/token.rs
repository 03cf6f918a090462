//! The login host: client credentials in, access token out.
//!
//! Source: "OAuth 2.0 client credentials flow" (MicrosoftDocs/entra-docs,
//! v2-oauth2-client-creds-grant-flow.md). Tokens look like JSON Web Tokens and are not signed: a
//! token is good because this tenant remembers having given it. Invariant: no answer repeats a
//! secret.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::json;

use crate::answer::Answer;
use crate::encoding::{base64url, base64url_decode, fields};
use crate::options::{Federated, TenantOptions};
use crate::refusal::Refusal;

/// Seconds; what the page's sample shows.
const LIFE: i64 = 3599;

/// How long a token that is over is still told apart from one that never was.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// The tokens given, with the instant at which each ends.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    given: BTreeMap<String, Timestamp>,
    count: u64,
}

/// A refusal in the login host's own shape.
struct Denied {
    status: StatusCode,
    error: &'static str,
    code: u32,
    why: &'static str,
}

const fn denied(status: StatusCode, error: &'static str, code: u32, why: &'static str) -> Denied {
    Denied {
        status,
        error,
        code,
        why,
    }
}

impl Tokens {
    /// Answers a call of `/{tenant}/oauth2/v2.0/token`.
    pub(crate) fn answer(
        &mut self,
        options: &TenantOptions,
        method: &Method,
        tenant: &str,
        body: &[u8],
        trace: &str,
        now: Timestamp,
    ) -> Answer {
        match check(options, method, tenant, body, now) {
            Ok(scope) => {
                let token = self.give(options, &scope, now);
                Answer::ok(json!({
                    "token_type": "Bearer",
                    "expires_in": LIFE,
                    "ext_expires_in": LIFE,
                    "access_token": token,
                }))
            }
            Err(Denied {
                status,
                error,
                code,
                why,
            }) => {
                let body = json!({
                    "error": error,
                    "error_description": format!("AADSTS{code}: {why} Trace ID: {trace}"),
                    "error_codes": [code],
                    "timestamp": now.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                    "trace_id": trace,
                    "correlation_id": trace,
                });
                Answer::new(status, Some(body))
            }
        }
    }

    fn give(&mut self, options: &TenantOptions, scope: &str, now: Timestamp) -> String {
        self.given
            .retain(|_, ends| now.duration_since(*ends) < REMEMBERED);
        self.count += 1;
        let issued = now.as_second();
        let mut claims = json!({
            "aud": scope.trim_end_matches("/.default"),
            "iss": format!("https://sts.windows.net/{}/", options.tenant_id),
            "iat": issued,
            "nbf": issued,
            "exp": issued + LIFE,
            "appid": options.client_id,
            "tid": options.tenant_id,
            "uti": self.count.to_string(),
        });
        // A token without permissions has no such claim.
        if !options.roles.is_empty() {
            claims["roles"] = json!(options.roles);
        }
        let header = json!({"typ": "JWT", "alg": "none"});
        let part = |json: &serde_json::Value| base64url(json.to_string().as_bytes());
        let token = format!(
            "{}.{}.{}",
            part(&header),
            part(&claims),
            base64url(b"rehearsal")
        );
        let ends = now
            .checked_add(SignedDuration::from_secs(LIFE))
            .unwrap_or(Timestamp::MAX);
        self.given.insert(token.clone(), ends);
        token
    }

    /// Whether an `Authorization` header lets a call in.
    ///
    /// # Errors
    /// 401 `InvalidAuthenticationToken`.
    pub(crate) fn check(&self, authorization: Option<&str>, now: Timestamp) -> Result<(), Refusal> {
        let token = authorization.and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        match token {
            None | Some("") => Err(Refusal::token("Access token is empty.")),
            Some(token) => match self.given.get(token) {
                None => Err(Refusal::token(
                    "Access token validation failure. Invalid token.",
                )),
                Some(ends) if *ends <= now => Err(Refusal::token(
                    "Lifetime validation failed, the token is expired.",
                )),
                Some(_) => Ok(()),
            },
        }
    }
}

/// Whether an assertion is one that the application signed with a certificate of its own; one that is somebody
/// else's is not. Source: "application authentication certificate credentials".
///
/// # Errors
/// When it is, and is not right.
fn signed(
    word: &str,
    options: &TenantOptions,
    audience: &str,
    now: Timestamp,
) -> Result<bool, Denied> {
    let refuse = |code, why| {
        Err(denied(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            code,
            why,
        ))
    };
    let parts: Vec<&str> = word.split('.').collect();
    let json = |part: &str| {
        let bytes = base64url_decode(part)?;
        serde_json::from_slice::<serde_json::Value>(&bytes).ok()
    };
    let [header, claims, signature] = parts[..] else {
        return Ok(false);
    };
    let (Some(header), Some(claims)) = (json(header), json(claims)) else {
        return Ok(false);
    };
    let Some(thumbprint) = header["x5t#S256"].as_str() else {
        return Ok(false);
    };
    let known = options.certificates.iter();
    let known = known.filter(|it| it.thumbprint == thumbprint && header["alg"] == "PS256");
    let message = word.rsplit_once('.').map_or("", |(message, _)| message);
    let signature = base64url_decode(signature).unwrap_or_default();
    let mut verified = known.map(|it| {
        let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &it.public_key);
        key.verify(message.as_bytes(), &signature).is_ok()
    });
    if !verified.any(|it| it) {
        let why = "The certificate with identifier used to sign the client assertion is not registered on \
                   application, or the signature is not valid.";
        return refuse(700_027, why);
    }
    let second = |name: &str| claims[name].as_i64().unwrap_or_default();
    let at = now.as_second();
    let lasts = second("nbf") <= at && at < second("exp") && second("exp") - second("nbf") <= 600;
    if !lasts {
        let why = "Client assertion is not within its valid time range.";
        return refuse(700_024, why);
    }
    let ours = claims["iss"] == options.client_id.as_str() && claims["iss"] == claims["sub"];
    let here = claims["aud"]
        .as_str()
        .is_some_and(|it| it.ends_with(audience));
    let once = claims["jti"].as_str().is_some_and(|it| !it.is_empty());
    if !(ours && here && once) {
        let why = "Client assertion contains an invalid issuer, subject, audience or identifier.";
        return refuse(700_023, why);
    }
    Ok(true)
}

/// Whether an assertion is one of the federated credentials, and of this moment.
fn vouched(word: &str, federated: &[Federated], now: Timestamp) -> Result<(), Denied> {
    let refuse = |code, why| Err(denied(StatusCode::BAD_REQUEST, "invalid_client", code, why));
    let claims = match word.split('.').collect::<Vec<_>>().as_slice() {
        [_, claims, _] => base64url_decode(claims)
            .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok()),
        _ => None,
    };
    let Some(claims) = claims else {
        return refuse(5_002_723, "Invalid JWT token.");
    };
    let second = |name: &str| claims[name].as_i64();
    let lasts = second("exp").is_some_and(|end| now.as_second() < end)
        && second("nbf").is_none_or(|begin| begin <= now.as_second());
    if !lasts {
        let why = "Client assertion is not within its valid time range.";
        return refuse(700_024, why);
    }
    let says = |claim: &str, expected: &str| {
        let given = &claims[claim];
        given == expected
            || given
                .as_array()
                .is_some_and(|l| l.iter().any(|v| v == expected))
    };
    let why = "No matching federated identity record found for presented assertion.";
    let known: Vec<&Federated> = federated
        .iter()
        .filter(|f| says("iss", &f.issuer))
        .collect();
    if known.is_empty() {
        return refuse(700_211, why);
    }
    if !known.iter().any(|f| says("aud", &f.audience)) {
        return refuse(700_212, why);
    }
    if !known
        .iter()
        .any(|f| says("sub", &f.subject) && says("aud", &f.audience))
    {
        return refuse(700_213, why);
    }
    Ok(())
}

/// Gives the scope when everything else is right.
fn check(
    options: &TenantOptions,
    method: &Method,
    tenant: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<String, Denied> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    if method != Method::POST {
        return Err(denied(
            BAD,
            "invalid_request",
            900_561,
            "The endpoint only accepts POST.",
        ));
    }
    let known = tenant.eq_ignore_ascii_case(&options.tenant_id)
        || options
            .verified_domains
            .iter()
            .any(|domain| domain.eq_ignore_ascii_case(tenant));
    if !known {
        return Err(denied(BAD, "invalid_request", 90_002, "Tenant not found."));
    }
    let malformed = || {
        denied(
            BAD,
            "invalid_request",
            900_144,
            "The request body is not a form.",
        )
    };
    let form = std::str::from_utf8(body)
        .ok()
        .and_then(fields)
        .ok_or_else(malformed)?;
    let get = |name: &str| {
        let value = form
            .iter()
            .find(|(known, value)| known == name && !value.is_empty());
        value.map(|(_, value)| value.as_str()).ok_or_else(|| {
            let why = "The request body must contain 'grant_type', 'client_id', 'client_secret' \
                       and 'scope'.";
            denied(BAD, "invalid_request", 900_144, why)
        })
    };
    if get("grant_type")? != "client_credentials" {
        let why = "The app requested an unsupported grant type.";
        return Err(denied(BAD, "unsupported_grant_type", 70_003, why));
    }
    if !get("client_id")?.eq_ignore_ascii_case(&options.client_id) {
        let why = "Application was not found in the directory.";
        return Err(denied(BAD, "unauthorized_client", 700_016, why));
    }
    let proof = form.iter().find(|(name, _)| name == "client_assertion");
    match proof {
        Some((_, word)) => {
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            if get("client_assertion_type")? != kind {
                let why = "The client assertion type is not supported.";
                return Err(denied(BAD, "invalid_request", 900_144, why));
            }
            let audience = format!("/{tenant}/oauth2/v2.0/token");
            if !signed(word, options, &audience, now)? {
                vouched(word, &options.federated, now)?;
            }
        }
        None => {
            if get("client_secret")? != options.client_secret {
                let why = "Invalid client secret provided.";
                let status = StatusCode::UNAUTHORIZED;
                return Err(denied(status, "invalid_client", 7_000_215, why));
            }
        }
    }
    let scope = get("scope")?;
    let resource = scope.strip_suffix("/.default").filter(|resource| {
        let host = resource
            .strip_prefix("https://")
            .or_else(|| resource.strip_prefix("http://"));
        host.is_some_and(|host| !host.is_empty() && !host.contains(' '))
    });
    if resource.is_some() {
        return Ok(scope.to_owned());
    }
    let why = "The provided value for scope is not valid: one resource with /.default.";
    Err(denied(BAD, "invalid_scope", 1_002_012, why))
}
