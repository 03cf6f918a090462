//! One instance of SuccessFactors as it is talked to: token, session, and answers that are final.
//!
//! Source: KBA 3308165: without the cookie of the first answer every question opens a session of its own, and
//! pages of a snapshot belong to one. Invariant: whatever comes out of here answered with 200.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use jiff::Timestamp;
use rollcall_http::{Ask, Asker, Bearer, Heard, Secret};
use rollcall_source::{RefusalKind, Refused};

use crate::fault::{self, Said};

/// What is being asked for.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    /// In words, without values: `page 3 of PerPerson`.
    pub(crate) what: &'a str,
    /// For logs.
    pub(crate) template: &'static str,
    /// Path and query.
    pub(crate) target: &'a str,
    /// What form the answer is to have.
    pub(crate) accept: &'static str,
}

/// An instance.
pub(crate) struct Instance {
    asker: Asker,
    bearer: Bearer,
    session: Mutex<Session>,
}

/// What ties questions together.
#[derive(Default)]
struct Session {
    cookies: BTreeMap<String, String>,
    csrf: Option<String>,
    /// When it first answered, as it says.
    since: Option<Timestamp>,
}

impl Session {
    fn learn(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(http::header::SET_COOKIE) {
            let Ok(text) = cookie.to_str() else { continue };
            let pair = text.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies
                    .insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        let csrf = headers.get("x-csrf-token").and_then(|it| it.to_str().ok());
        if let Some(csrf) = csrf {
            self.csrf = Some(csrf.to_owned());
        }
    }

    fn put(&self, mut ask: Ask) -> Ask {
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, it)| format!("{name}={it}"))
                .collect();
            ask = ask.header("cookie", pairs.join("; "));
        }
        match &self.csrf {
            Some(csrf) => ask.header("x-csrf-token", csrf.clone()),
            None => ask,
        }
    }
}

impl Instance {
    pub(crate) fn new(asker: Asker, bearer: Bearer) -> Self {
        Self {
            asker,
            bearer,
            session: Mutex::default(),
        }
    }

    /// Where it lives.
    pub(crate) fn origin(&self) -> &rollcall_http::Origin {
        self.asker.origin()
    }

    /// Whether a token is given.
    pub(crate) async fn sign_in(&self) -> Result<(), Refused> {
        self.bearer
            .get()
            .await
            .map(|_| ())
            .map_err(|e| fault::without_token(&e))
    }

    /// A session of its own for what follows: a snapshot belongs to one.
    pub(crate) fn begin(&self) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Session::default();
    }

    /// When the instance says that it first answered in this session.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.since
    }

    /// The body of a good answer.
    pub(crate) async fn get(&self, question: Question<'_>) -> Result<bytes::Bytes, Refused> {
        let token = self
            .bearer
            .get()
            .await
            .map_err(|e| fault::without_token(&e))?;
        let mut heard = self.ask(question, &token).await?;
        if matches!(heard.status, 401 | 403)
            && (heard.status == 401 || Said::read(&heard.body).is_token_over())
        {
            // A token can come to its end while pages are read; the session goes on.
            let other = self
                .bearer
                .renew(&token)
                .await
                .map_err(|e| fault::without_token(&e))?;
            heard = self.ask(question, &other).await?;
        }
        if heard.status != 200 {
            return Err(fault::refused(question.what, heard.status, &heard.body));
        }
        Ok(heard.body)
    }

    async fn ask(&self, question: Question<'_>, token: &Arc<Secret>) -> Result<Heard, Refused> {
        let Question {
            what,
            template,
            target,
            accept,
        } = question;
        let ask = Ask::new("GET", template, target)
            .header("authorization", format!("Bearer {}", token.reveal()))
            .header("accept", accept);
        let ask = self
            .session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(ask);
        let heard = self
            .asker
            .ask(&ask)
            .await
            .map_err(|e| fault::unheard(what, &e))?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.learn(&heard.headers);
        session.since = session.since.or(heard.date());
        drop(session);
        Ok(heard)
    }
}

/// The refusal of an answer that is in no documented form.
pub(crate) fn malformed(what: &str, why: &str) -> Refused {
    Refused::new(
        RefusalKind::Malformed,
        format!("{what}: {why}"),
        "look at what stands between Rollcall and SuccessFactors; try again",
    )
}
