//! The token endpoints: of the instance by an assertion, of Cloud Identity Services by a secret.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use rollcall_core::base64;
use serde_json::json;

use super::answer::{error, respond};
use super::query::decode;
use super::trouble::Trouble;
use super::{State, saml};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";

/// The fields of a form, in order.
pub(crate) fn fields(body: &[u8]) -> Option<Vec<(String, String)>> {
    let body = std::str::from_utf8(body).ok()?;
    body.split('&')
        .map(|pair| {
            pair.split_once('=')
                .and_then(|(name, it)| Some((decode(name)?, decode(it)?)))
        })
        .collect()
}

/// A form by name.
fn form(request: &Request<Bytes>) -> Option<BTreeMap<String, String>> {
    let kind = request.headers().get("content-type")?.to_str().ok()?;
    if kind != "application/x-www-form-urlencoded" {
        return None;
    }
    fields(request.body()).map(|it| it.into_iter().collect())
}

fn unable(why: &str) -> Response<Bytes> {
    let body = json!({"errorHttpCode": "401", "errorMessage": format!("Unable to authenticate the client ({why})"), "requestId": "1"});
    respond(401, "application/json", body.to_string())
}

fn given(state: &mut State) -> Response<Bytes> {
    let token = format!("token-{}", state.chance.guid());
    let uses = state.find(|it| {
        if let Trouble::TokenEnds(uses) = it {
            Some(*uses)
        } else {
            None
        }
    });
    state.tokens.insert(token.clone(), uses.unwrap_or(u32::MAX));
    let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": 86399});
    state.token = body.clone();
    respond(200, "application/json", body.to_string())
}

/// `POST /oauth/token`.
pub(crate) fn by_assertion(state: &mut State, request: &Request<Bytes>) -> Response<Bytes> {
    let Some(form) = form(request) else {
        return unable("no form");
    };
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let setup = &state.setup;
    if field("company_id") != setup.company_id {
        let text = format!(
            "[LGN0008]Company [{}] not found. Please validate the spelling of your company id, which is case-sensitive.",
            field("company_id")
        );
        return error(state, (403, "COMPANY_NOT_FOUND", text));
    }
    if field("grant_type") != GRANT || field("client_id") != setup.api_key {
        return unable("Login failed - invalid client");
    }
    let assertion = base64::decode(field("assertion")).and_then(|it| String::from_utf8(it).ok());
    let wanted = saml::Wanted {
        audience: "www.successfactors.com",
        recipient: &format!("https://{}/oauth/token", setup.host),
        api_key: &setup.api_key,
        user: &setup.user,
        now: setup.clock.now(),
        public_key: &setup.public_key,
    };
    match assertion
        .ok_or_else(|| "no base64".to_owned())
        .and_then(|it| saml::verify(&it, &wanted))
    {
        Ok(()) => given(state),
        Err(why) => unable(&why),
    }
}

/// `POST /oauth2/token` of Cloud Identity Services.
pub(crate) fn by_secret(state: &mut State, request: &Request<Bytes>) -> Response<Bytes> {
    let form = form(request).unwrap_or_default();
    let field = |name: &str| form.get(name).map(String::as_str);
    let (id, secret, resource) = &state.setup.application;
    let is_good = field("grant_type") == Some("client_credentials")
        && field("client_id") == Some(id)
        && field("client_secret") == Some(secret)
        && field("resource") == resource.as_deref();
    if is_good {
        return given(state);
    }
    respond(
        401,
        "application/json",
        json!({"error": "invalid_client"}).to_string(),
    )
}
