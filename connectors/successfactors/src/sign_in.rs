//! Tokens: by an assertion that is signed here, or through SAP Cloud Identity Services.
//!
//! Sources: "Requesting an Access Token" (OData API developer guide), "Configure the Client to Call Identity Authentication
//! Token Endpoint for Client Credentials Flow" (SAP Cloud Identity Services). Invariant: the key and the secret are looked up
//! for every token and kept nowhere.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use rollcall_http::{
    Ask, AskSetup, Asker, Bearer, Chance, Links, Origin, Retry, RetryPolicy, Secret,
    encode_segment, passing,
};

use crate::config::{Oidc, Saml, SuccessFactorsConfig};
use crate::fault;
use crate::saml::{Assertion, Key};

/// Between the beginnings of two questions, at least: SAP names no figure and asks for restraint.
const PACE: Duration = Duration::from_millis(50);

/// An asker of one host.
pub(crate) fn asker(
    links: &Links<'_>,
    chance: &Arc<Chance>,
    origin: Origin,
    judge: rollcall_http::Judge,
) -> Asker {
    Asker::new(AskSetup {
        exchange: links.exchange.clone(),
        clock: links.clock,
        origin,
        chance: Arc::clone(chance),
        policy: RetryPolicy::default(),
        pace: PACE,
        judge,
    })
}

/// Tokens for an instance.
///
/// # Errors
/// When a secret cannot be had, or an address is none.
pub(crate) fn bearer(
    config: &SuccessFactorsConfig,
    links: &Links<'_>,
    instance: &Asker,
    chance: &Arc<Chance>,
) -> Result<Bearer, String> {
    match (&config.saml, &config.oidc) {
        (Some(saml), _) => by_assertion(config, saml, links, instance, chance),
        (None, Some(oidc)) => by_client(oidc, links, chance),
        (None, None) => Err("there is neither `saml` nor `oidc`".to_owned()),
    }
}

fn by_assertion(
    config: &SuccessFactorsConfig,
    saml: &Saml,
    links: &Links<'_>,
    instance: &Asker,
    chance: &Arc<Chance>,
) -> Result<Bearer, String> {
    let proof = (links.secrets)(&saml.key).map_err(|e| format!("`saml.key`: {e}"))?;
    let (saml, company_id) = (saml.clone(), config.company_id.clone());
    let recipient = saml.recipient.clone();
    let recipient = recipient.unwrap_or_else(|| format!("{}/oauth/token", instance.origin()));
    let (clock, chance) = (links.clock, Arc::clone(chance));
    // Tokens come from the host that takes them, and so by the same asker.
    Ok(Bearer::new(instance.clone(), proof, move |pem| {
        let key = Key::read(pem.reveal()).map_err(|e| format!("`saml.key`: {e}"))?;
        let assertion = Assertion {
            issuer: saml.issuer.as_deref().unwrap_or(&saml.client_id),
            user: &saml.user,
            by_username: saml.by_username,
            api_key: &saml.client_id,
            audience: &saml.audience,
            recipient: &recipient,
            lifetime: saml.lifetime_seconds,
        };
        // An XML id begins with no digit.
        let id = format!("_{}", chance.guid());
        let signed = assertion.signed(&key, &id, clock.now())?;
        let assertion = rollcall_core::base64::encode(signed.as_bytes());
        Ok(form(
            "/oauth/token".to_owned(),
            &[
                ("company_id", &company_id),
                ("client_id", &saml.client_id),
                (
                    "grant_type",
                    "urn:ietf:params:oauth:grant-type:saml2-bearer",
                ),
                ("assertion", &assertion),
            ],
        ))
    }))
}

fn by_client(oidc: &Oidc, links: &Links<'_>, chance: &Arc<Chance>) -> Result<Bearer, String> {
    let proof =
        (links.secrets)(&oidc.client_secret).map_err(|e| format!("`oidc.client_secret`: {e}"))?;
    let (origin, target) = oidc
        .endpoint()
        .map_err(|e| format!("`oidc.token_url`: {e}"))?;
    let judge = |status: u16, _: &HeaderMap, _: &[u8]| -> Option<Retry> { passing(status) };
    let asker = asker(links, chance, origin, judge);
    let oidc = oidc.clone();
    Ok(Bearer::new(asker, proof, move |secret: &Secret| {
        let mut fields = vec![
            ("grant_type", "client_credentials"),
            ("client_id", oidc.client_id.as_str()),
            ("client_secret", secret.reveal().trim()),
        ];
        fields.extend(oidc.resource.as_deref().map(|it| ("resource", it)));
        Ok(form(target.clone(), &fields))
    }))
}

fn form(target: String, fields: &[(&str, &str)]) -> Ask {
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encode_segment(value)));
    Ask::new("POST", "token endpoint", target)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(fields.collect::<Vec<_>>().join("&"))
}

/// The asker of an instance itself.
pub(crate) fn instance(links: &Links<'_>, chance: &Arc<Chance>, origin: Origin) -> Asker {
    asker(links, chance, origin, fault::judge)
}
