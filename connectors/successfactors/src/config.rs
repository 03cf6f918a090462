//! What `[source.successfactors]` says, and what is wrong with it.
//!
//! Invariant: whatever can be found out without asking anybody is said at once, all of it.

use std::collections::BTreeMap;

use rollcall_http::{Origin, SecretAt};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::attributes::Known;

/// `[source.successfactors]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuccessFactorsConfig {
    /// Origin of the API server of the data centre: `https://api4.successfactors.com`.
    pub host: String,
    /// Company ID of the instance; upper and lower case differ.
    pub company_id: String,
    /// Sign-in by an assertion that is signed here.
    #[serde(default)]
    pub saml: Option<Saml>,
    /// Sign-in through SAP Cloud Identity Services.
    #[serde(default)]
    pub oidc: Option<Oidc>,
    /// Not offered; read to say why.
    #[serde(default)]
    pub basic: Option<IgnoredAny>,
    /// People on a page, 1 to 1,000.
    #[serde(default = "page_size")]
    pub page_size: u32,
    /// How pages are kept from shifting.
    #[serde(default)]
    pub paging: Paging,
    /// Which of several employments of the same standing is the main one.
    #[serde(default)]
    pub primary: Primary,
    /// What becomes of people of whom no employment comes.
    #[serde(default)]
    pub without_employment: WithoutEmployment,
    /// The zone whose day it is (`Europe/Berlin`): what is asked for is as of that day. UTC unless said.
    #[serde(default)]
    pub zone: Option<String>,
    /// Whether people count whose main employment is that of a contingent worker.
    #[serde(default = "yes")]
    pub contingent_workers: bool,
    /// The `emailType` that is taken, a number of the instance's picklist; the primary one unless said.
    #[serde(default)]
    pub email_type: Option<String>,
    /// The `phoneType` that is taken; the primary one unless said.
    #[serde(default)]
    pub phone_type: Option<String>,
    /// Attributes of one's own: name and `JSONPath` over the person.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// A registered OAuth client, and the key of its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saml {
    /// API key of the client.
    pub client_id: String,
    /// The technical user whom the calls are made for.
    pub user: String,
    /// Where the private key is: PEM, PKCS #8, unencrypted.
    pub key: SecretAt,
    /// The user is a log-in name and not a user ID.
    #[serde(default)]
    pub by_username: bool,
    /// The issuer, where it is not the API key.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The recipient, where it is not the token endpoint.
    #[serde(default)]
    pub recipient: Option<String>,
    /// The audience.
    #[serde(default = "audience")]
    pub audience: String,
    /// Seconds for which an assertion is good, 60 to 3,600.
    #[serde(default = "lifetime")]
    pub lifetime_seconds: u32,
}

/// An application of SAP Cloud Identity Services that may use the instance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// `https://<tenant>.accounts.ondemand.com/oauth2/token`.
    pub token_url: String,
    /// Client ID of the application.
    pub client_id: String,
    /// Where its secret is.
    pub client_secret: SecretAt,
    /// `urn:sap:identity:application:provider:name:<dependency>`.
    #[serde(default)]
    pub resource: Option<String>,
}

/// How pages are kept from shifting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// The instance keeps the list of people that the first page was cut from.
    #[default]
    Snapshot,
    /// Each page begins behind the last person of the one before.
    Cursor,
}

impl Paging {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Cursor => "cursor",
        }
    }
}

/// Which of several employments of the same standing is the main one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Primary {
    /// The one that began first.
    #[default]
    Earliest,
    /// The one that began last.
    Latest,
}

/// What becomes of people of whom no employment comes: dependants, candidates, or workers whose
/// employments the technical user does not see, which look the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithoutEmployment {
    /// Their rows are held: whoever has an account keeps it as it is.
    #[default]
    Hold,
    /// They are no workers, as HR confirms: whoever was one counts as absent.
    Ignore,
}

const fn page_size() -> u32 {
    100
}

const fn yes() -> bool {
    true
}

fn audience() -> String {
    "www.successfactors.com".to_owned()
}

const fn lifetime() -> u32 {
    600
}

impl SuccessFactorsConfig {
    /// The day of an instant. Days are compared with those of HR, which have no zone; the policy applies them where
    /// the worker is.
    pub(crate) fn day(&self, now: jiff::Timestamp) -> jiff::civil::Date {
        let zone = self.zone.as_deref();
        let zone = zone.and_then(|name| jiff::tz::TimeZone::get(name).ok());
        now.to_zoned(zone.unwrap_or(jiff::tz::TimeZone::UTC)).date()
    }

    /// Every mistake, in the order of the keys; empty when there is none.
    pub fn problems(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut say = |key: &str, what: String| all.push(format!("`{key}`: {what}"));
        if let Err(error) = Origin::parse(&self.host) {
            say(
                "host",
                format!(
                    "{error}; it is the API server alone, such as https://api4.successfactors.com"
                ),
            );
        }
        plain("company_id", &self.company_id, &mut say);
        if self.basic.is_some() {
            let why = "Basic authentication is not offered: SAP ended its maintenance on 2 June 2023 and \
                       removes it on 20 November 2026; register an OAuth client and use `saml`, or `oidc`";
            say("basic", why.to_owned());
        }
        match (&self.saml, &self.oidc) {
            (Some(_), Some(_)) => say(
                "oidc",
                "there is `saml` as well; one of them signs in".to_owned(),
            ),
            (None, None) if self.basic.is_none() => {
                say(
                    "saml",
                    "there is neither `saml` nor `oidc`; one of them signs in".to_owned(),
                );
            }
            (Some(_) | None, _) => {}
        }
        if let Some(saml) = &self.saml {
            saml.problems(&mut say);
        }
        if let Some(oidc) = &self.oidc {
            oidc.problems(&mut say);
        }
        if let Some(name) = &self.zone
            && jiff::tz::TimeZone::get(name).is_err()
        {
            say("zone", format!("`{name}` is no time zone"));
        }
        if !(1..=1000).contains(&self.page_size) {
            say(
                "page_size",
                format!("{} is not in 1 to 1,000", self.page_size),
            );
        }
        for (key, code) in [
            ("email_type", &self.email_type),
            ("phone_type", &self.phone_type),
        ] {
            let is_word = |it: &String| {
                !it.is_empty() && it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            };
            if code.as_ref().is_some_and(|it| !is_word(it)) {
                say(
                    key,
                    "it is an option of the instance's picklist: digits, or a word".to_owned(),
                );
            }
        }
        for (name, mistake) in Known::of(self).mistakes() {
            say(&format!("attributes.{name}"), mistake);
        }
        all
    }
}

impl Saml {
    fn problems(&self, say: &mut impl FnMut(&str, String)) {
        plain("saml.client_id", &self.client_id, say);
        plain("saml.user", &self.user, say);
        plain("saml.audience", &self.audience, say);
        for (key, text) in [
            ("saml.issuer", &self.issuer),
            ("saml.recipient", &self.recipient),
        ] {
            if let Some(text) = text {
                plain(key, text, say);
            }
        }
        if !(60..=3600).contains(&self.lifetime_seconds) {
            say(
                "saml.lifetime_seconds",
                format!("{} is not in 60 to 3,600", self.lifetime_seconds),
            );
        }
    }
}

impl Oidc {
    /// Origin, and path with query.
    pub(crate) fn endpoint(&self) -> Result<(Origin, String), String> {
        let origin = Origin::of(&self.token_url).map_err(|e| e.to_string())?;
        let target = origin.follow(&self.token_url).map_err(|e| e.to_string())?;
        Ok((origin, target))
    }

    fn problems(&self, say: &mut impl FnMut(&str, String)) {
        if let Err(error) = self.endpoint() {
            say("oidc.token_url", error);
        }
        plain("oidc.client_id", &self.client_id, say);
        if let Some(text) = &self.resource {
            plain("oidc.resource", text, say);
        }
    }
}

fn plain(key: &str, text: &str, say: &mut impl FnMut(&str, String)) {
    if text.trim().is_empty() {
        say(key, "it is empty".to_owned());
    } else if text != text.trim() || text.chars().any(char::is_control) {
        say(
            key,
            "there is white space around it, or a control character in it".to_owned(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SuccessFactorsConfig, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }

    const GOOD: &str = r#"
host = "https://api4.successfactors.com"
company_id = "WoodgroveT1"
[saml]
client_id = "k1"
user = "sfapi"
key = { env = "SF_KEY" }
"#;

    #[test]
    fn a_short_configuration_is_enough() {
        let config = read(GOOD).unwrap();
        assert_eq!(config.problems(), Vec::<String>::new());
        assert_eq!((config.page_size, config.paging), (100, Paging::Snapshot));
        assert!(config.contingent_workers);
        let saml = config.saml.unwrap();
        assert_eq!(
            (saml.audience.as_str(), saml.lifetime_seconds),
            ("www.successfactors.com", 600)
        );
    }

    #[test]
    fn every_mistake_is_said_at_once() {
        let config = read(
            r#"
host = "http://api4.successfactors.com/odata/v2"
company_id = " W"
page_size = 1001
email_type = "a'b"
[basic]
user = "x"
[saml]
client_id = ""
user = "sfapi"
key = { file = "key.pem" }
lifetime_seconds = 1
[oidc]
token_url = "accounts"
client_id = "c"
client_secret = { secret = "arn" }
[attributes]
jobTitle = "$.jobTitel"
oddity = "$.employmentNav.results[0].shoeNav.size"
whole = "$.employmentNav.results[0]"
broken = "$.["
"#,
        )
        .unwrap();
        let problems = config.problems();
        for (key, word) in [
            ("`host`", "API server"),
            ("`company_id`", "white space"),
            ("`basic`", "not offered"),
            ("`oidc`", "as well"),
            ("`saml.client_id`", "empty"),
            ("`saml.lifetime_seconds`", "60"),
            ("`oidc.token_url`", "absolute"),
            ("`page_size`", "1,000"),
            ("`email_type`", "picklist"),
            ("`attributes.jobTitle`", "already"),
            ("`attributes.oddity`", "shoeNav"),
            ("`attributes.whole`", "not a value"),
            ("`attributes.broken`", "at character"),
        ] {
            let found = problems
                .iter()
                .any(|it| it.starts_with(key) && it.contains(word));
            assert!(found, "{key} {word}: {problems:#?}");
        }
    }

    #[test]
    fn keys_that_nobody_knows_are_refused() {
        let error = read(&format!("{GOOD}\nsecret = 1")).unwrap_err();
        assert!(error.contains("secret"), "{error}");
        assert!(
            read("host = \"https://a.example\"\ncompany_id = \"x\"\n[basic]\nuser = 1").is_ok()
        );
    }
}
