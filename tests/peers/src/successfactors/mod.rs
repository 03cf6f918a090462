//! SAP SuccessFactors: the token endpoint and the OData service (version 2) of one instance.
//!
//! Sources: the reference's section on SuccessFactors and the knowledge base articles named there. People are kept as the
//! trees that the service speaks of, with every slice; what a question gets is cut out of them by `$select`, `$expand`, the day
//! and the page. Invariant: a name that is not in its schema fails the whole question, as it does there.

mod answer;
mod filter;
mod people;
mod query;
mod render;
mod saml;
mod schema;
mod token;
mod trouble;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use rollcall_http::{Chance, Clock, Exchange};
use serde_json::Value;
use tower::util::BoxCloneSyncService;

use crate::Worker;

pub use people::{abroad, from_worker, second_job};
pub use schema::metadata;
pub use trouble::Trouble;

/// How an instance is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Host name of the API server.
    pub host: String,
    /// Company ID.
    pub company_id: String,
    /// API key of the registered client.
    pub api_key: String,
    /// RSA public key (PKCS #1, DER) of the registered certificate.
    pub public_key: Vec<u8>,
    /// The technical user whom assertions may name.
    pub user: String,
    /// Client ID, secret and resource of an application of Cloud Identity Services.
    pub application: (String, String, Option<String>),
    /// Whose time it is.
    pub clock: Clock,
}

/// An instance; clones are the same one.
#[derive(Clone)]
pub struct Peer(Arc<Mutex<State>>);

pub(crate) struct State {
    setup: Setup,
    people: Vec<Value>,
    troubles: Vec<trouble::Counted>,
    /// Answers that are given as they are: a word that the target has to have, and the body.
    raw: Vec<(String, Bytes)>,
    /// Tokens and how often each may still be used.
    tokens: BTreeMap<String, u32>,
    /// Session cookie: its CSRF token.
    sessions: BTreeMap<String, String>,
    /// Lists of keys by name, and the session that began them.
    snapshots: BTreeMap<String, (String, Vec<String>)>,
    chance: Chance,
    log: Vec<String>,
    /// The last form that a token was asked for with, and the last answer with one.
    form: Bytes,
    token: Value,
}

impl Peer {
    /// An instance with these people.
    pub fn new(setup: Setup, people: Vec<Value>) -> Self {
        Self(Arc::new(Mutex::new(State {
            setup,
            people,
            troubles: Vec::new(),
            raw: Vec::new(),
            tokens: BTreeMap::new(),
            sessions: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            chance: Chance::seeded(11),
            log: Vec::new(),
            form: Bytes::new(),
            token: Value::Null,
        })))
    }

    /// An instance with these workers, as they stand on the day of its clock.
    pub fn with_workers(setup: Setup, workers: &[Worker]) -> Self {
        let day = setup.clock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let people = workers
            .iter()
            .enumerate()
            .map(|(at, it)| from_worker(it, at, day))
            .collect();
        Self::new(setup, people)
    }

    /// The same with one more trouble.
    #[must_use]
    pub fn troubled(self, trouble: Trouble) -> Self {
        self.state().troubles.push(trouble.into());
        self
    }

    /// The same with an answer that is given as it is to targets with `part` in them; the first that fits is given.
    #[must_use]
    pub fn raw(self, part: &str, body: impl Into<Bytes>) -> Self {
        self.state().raw.push((part.to_owned(), body.into()));
        self
    }

    /// Changes people, as HR does.
    pub fn edit(&self, change: impl FnOnce(&mut Vec<Value>)) {
        change(&mut self.state().people);
    }

    /// Methods and targets that were asked for so far, in order.
    pub fn asked(&self) -> Vec<String> {
        self.state().log.clone()
    }

    /// The fields that a token was asked for with last.
    pub fn token_form(&self) -> Vec<(String, String)> {
        token::fields(&self.state().form).unwrap_or_default()
    }

    /// The last answer with a token.
    pub fn token_answer(&self) -> Value {
        self.state().token.clone()
    }

    /// What carries questions to it.
    pub fn exchange(&self) -> Exchange {
        let peer = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let answer = peer.answer(&request);
            async move { Ok(answer) }
        }))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let mut state = self.state();
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |it| it.as_str())
            .to_owned();
        state.log.push(format!("{} {target}", request.method()));
        if request.method() == http::Method::POST {
            state.form = request.body().clone();
        }
        let at = state.setup.clock.now();
        let mut answer = answer::answer(&mut state, request, &target);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new();
        let date = date.timestamp_to_rfc9110_string(&at).expect("a date");
        let date = http::HeaderValue::try_from(date).expect("ASCII");
        answer.headers_mut().insert("date", date);
        answer
    }
}
