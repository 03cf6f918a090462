//! How it is shown who asks.

use rollcall_http::SecretAt;
use serde::Deserialize;

/// How it is shown who asks. Client certificates are not offered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthConfig {
    /// Not at all.
    #[default]
    None,
    /// HTTP Basic (RFC 7617).
    Basic {
        /// The name.
        user: String,
        /// Where the password is kept.
        password: SecretAt,
    },
    /// HTTP Basic with a key as the name and `x` as the password, as `BambooHR` has it.
    KeyAsUser {
        /// Where the key is kept.
        key: SecretAt,
    },
    /// A header.
    Header {
        /// Its name.
        name: String,
        /// Where its value is kept.
        value: SecretAt,
    },
    /// `Authorization: Bearer` with a token that somebody keeps.
    Bearer {
        /// Where the token is kept.
        token: SecretAt,
    },
    /// A token by the client-credentials grant (RFC 6749, section 4.4).
    ClientCredentials(GrantConfig),
    /// A token by a refresh token (RFC 6749, section 6) that stays the same.
    RefreshToken(GrantConfig),
}

/// How a token is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantConfig {
    /// The address that gives tokens, with its host.
    pub token_url: String,
    /// Who asks.
    pub client_id: String,
    /// Where its secret is kept.
    #[serde(default)]
    pub client_secret: Option<SecretAt>,
    /// Where the refresh token is kept.
    #[serde(default)]
    pub refresh_token: Option<SecretAt>,
    /// What for: scopes with spaces between.
    #[serde(default)]
    pub scope: Option<String>,
    /// What for, as older endpoints of Microsoft Entra want it.
    #[serde(default)]
    pub resource: Option<String>,
    /// Where the client shows who it is.
    #[serde(default)]
    pub client_in: Proving,
}

/// Where a client shows who it is to whoever gives tokens (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proving {
    /// In the form.
    #[default]
    Form,
    /// In a Basic header.
    Basic,
}

impl AuthConfig {
    /// In a word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "no sign-in",
            Self::Basic { .. } => "name and password",
            Self::KeyAsUser { .. } => "a key as the name",
            Self::Header { .. } => "a header",
            Self::Bearer { .. } => "a token",
            Self::ClientCredentials(_) => "client credentials",
            Self::RefreshToken(_) => "a refresh token",
        }
    }
}
