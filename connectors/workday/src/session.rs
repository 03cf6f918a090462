//! Whoever asks Workday, with whatever shows who they are.
//!
//! Invariant: the password and the token go to the configured host only, and are read anew for every
//! question, so that a changed one counts at once.

use std::sync::Arc;
use std::time::Duration;

use rollcall_core::base64;
use rollcall_http::{
    Ask, AskSetup, Asker, Bearer, Chance, Heard, Links, Origin, Proof, RetryPolicy, Secret,
    encode_component, encode_segment,
};
use rollcall_source::{RefusalKind, Refused};

use crate::config::{Auth, Config};
use crate::fault::{judge, no_token, status, unheard};
use crate::request::{Question, Signed, envelope};

/// Ten questions a second at most: an observation of others; Workday publishes no limit by second.
const PACE: Duration = Duration::from_millis(100);

/// Whoever asks.
pub(crate) struct Session {
    asker: Asker,
    auth: Known,
}

enum Known {
    /// Name with and without the tenant, and the password.
    User {
        signed: String,
        plain: String,
        password: Proof,
    },
    Client(Bearer),
}

impl Session {
    /// With nothing asked yet.
    ///
    /// # Errors
    /// Why a secret cannot be had, or the host is none.
    pub(crate) fn open(config: &Config, links: &Links<'_>) -> Result<Self, Vec<String>> {
        let origin = Origin::parse(&config.host).map_err(|it| vec![format!("host: {it}")])?;
        let asker = Asker::new(AskSetup {
            exchange: links.exchange.clone(),
            clock: links.clock,
            origin,
            chance: Arc::new(Chance::seeded(links.seed)),
            policy: RetryPolicy::default(),
            pace: PACE,
            judge,
        });
        let auth = match &config.auth {
            Auth::User { user, password } => Known::User {
                signed: format!("{user}@{}", config.tenant),
                plain: user.clone(),
                password: (links.secrets)(password)
                    .map_err(|it| vec![format!("auth.password: {it}")])?,
            },
            Auth::Client {
                client_id,
                client_secret,
                refresh_token,
                token_path,
            } => {
                let secret = (links.secrets)(client_secret)
                    .map_err(|it| vec![format!("auth.client_secret: {it}")])?;
                let refresh = (links.secrets)(refresh_token)
                    .map_err(|it| vec![format!("auth.refresh_token: {it}")])?;
                let path = token_path.clone();
                let path = path.unwrap_or_else(|| {
                    format!("/ccx/oauth2/{}/token", encode_segment(&config.tenant))
                });
                Known::Client(bearer(&asker, client_id, both(secret, refresh), path))
            }
        };
        Ok(Self { asker, auth })
    }

    /// Asks the web service for a page.
    ///
    /// # Errors
    /// [`Refused`] with what was asked, where no answer with workers comes.
    pub(crate) async fn workers(
        &self,
        config: &Config,
        question: &Question<'_>,
        asked: &str,
    ) -> Result<Heard, Refused> {
        let target = format!(
            "/ccx/service/{}/{}/{}",
            encode_segment(&config.tenant),
            config.service.name(),
            encode_segment(config.version()),
        );
        let ask = Ask::new("POST", "/ccx/service/{tenant}/{service}/{version}", target)
            .header("content-type", "text/xml; charset=utf-8")
            .header("accept", "text/xml");
        match &self.auth {
            Known::User {
                signed, password, ..
            } => {
                let password = secret(password).await?;
                let signed = Signed {
                    name: signed,
                    password: &password,
                };
                let body = envelope(config, question, Some(signed));
                self.ask(&ask.body(body), asked).await
            }
            Known::Client(bearer) => {
                let body = envelope(config, question, None);
                self.with_token(bearer, ask.body(body), asked).await
            }
        }
    }

    /// Asks for a report.
    ///
    /// # Errors
    /// [`Refused`] where none comes.
    pub(crate) async fn report(&self, target: String, asked: &str) -> Result<Heard, Refused> {
        let template = "/ccx/service/customreport2/{tenant}/{owner}/{report}";
        let ask = Ask::new("GET", template, target);
        match &self.auth {
            Known::User {
                plain, password, ..
            } => {
                let password = secret(password).await?;
                let both = format!("{plain}:{}", password.reveal());
                let value = format!("Basic {}", base64::encode(both.as_bytes()));
                self.ask(&ask.header("authorization", value), asked).await
            }
            Known::Client(bearer) => self.with_token(bearer, ask, asked).await,
        }
    }

    async fn ask(&self, ask: &Ask, asked: &str) -> Result<Heard, Refused> {
        let heard = self.asker.ask(ask).await;
        let heard = heard.map_err(|error| unheard(&error, asked))?;
        match status(&heard, asked) {
            Some(refused) => Err(refused),
            None => Ok(heard),
        }
    }

    /// Asks with a token, and once more with another where that one is no longer taken.
    async fn with_token(&self, bearer: &Bearer, ask: Ask, asked: &str) -> Result<Heard, Refused> {
        let shown = |ask: &Ask, token: &Secret| {
            let value = format!("Bearer {}", token.reveal());
            ask.clone().header("authorization", value)
        };
        let token = bearer.get().await.map_err(|it| no_token(&it))?;
        let heard = self.asker.ask(&shown(&ask, &token)).await;
        let heard = heard.map_err(|error| unheard(&error, asked))?;
        if heard.status != 401 {
            return match status(&heard, asked) {
                Some(refused) => Err(refused),
                None => Ok(heard),
            };
        }
        let token = bearer.renew(&token).await.map_err(|it| no_token(&it))?;
        self.ask(&shown(&ask, &token), asked).await
    }
}

async fn secret(proof: &Proof) -> Result<Secret, Refused> {
    proof.ask().await.map_err(|error| {
        Refused::new(
            RefusalKind::Credentials,
            format!("the password cannot be had: {error}"),
            "check where it is kept",
        )
    })
}

/// Two secrets as one, with a line break between them.
fn both(one: Proof, two: Proof) -> Proof {
    Proof::new(move || {
        let (one, two) = (one.clone(), two.clone());
        Box::pin(async move {
            let (one, two) = (one.ask().await?, two.ask().await?);
            Ok(Secret::new(format!("{}\n{}", one.reveal(), two.reveal())))
        })
    })
}

/// RFC 6749, section 6: the refresh token, with the client in the form.
fn bearer(asker: &Asker, client_id: &str, proof: Proof, path: String) -> Bearer {
    let client_id = client_id.to_owned();
    Bearer::new(asker.clone(), proof, move |both| {
        let (secret, refresh) = both
            .reveal()
            .split_once('\n')
            .ok_or_else(|| "a secret is missing".to_owned())?;
        let form = format!(
            "grant_type=refresh_token&refresh_token={}&client_id={}&client_secret={}",
            encode_component(refresh.trim()),
            encode_component(&client_id),
            encode_component(secret.trim()),
        );
        let ask = Ask::new("POST", "/ccx/oauth2/{tenant}/token", path.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form);
        Ok(ask)
    })
}
