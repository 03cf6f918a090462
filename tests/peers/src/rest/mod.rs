//! Systems that give workers as JSON: a SCIM gateway, `BambooHR`, Dynamics 365, and one of no particular
//! make that pages in every way there is.
//!
//! They share what goes wrong ([`Trouble`]) and how it is counted. Invariant: whatever a peer does not
//! know of a question (a parameter, a property, a header) it refuses, with the body that the real one
//! refuses with.

mod ask;
pub mod bamboohr;
pub mod dynamics;
pub mod generic;
pub mod scim;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use rollcall_http::Exchange;
use serde_json::{Value as Json, json};
use tower::util::BoxCloneSyncService;

use crate::Worker;
pub(crate) use ask::Asked;

/// When something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At this question for the list, from 1; a later pass is not hit.
    Question(u32),
    /// At this page of the list, from 1, whenever it is asked for.
    Page(u32),
}

impl When {
    /// Whether it is this question, or this page.
    pub(crate) fn is(self, question: u32, page: u32) -> bool {
        match self {
            Self::Question(it) => it == question,
            Self::Page(it) => it == page,
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Just before, the worker at this place is taken off the list.
    Leaves(When, usize),
    /// Just before, somebody is put on the list at this place.
    Joins(When, usize),
    /// Just before, the worker at the first place moves to the second.
    Moves(When, usize, usize),
    /// The page before is given once more.
    Repeats(When),
    /// The page is empty.
    Empty(When),
    /// The last record of the page is not in it.
    Short(When),
    /// The total is one more than it is.
    Total(When),
    /// The link to the next page leads elsewhere.
    Foreign(When),
    /// The cursor is no longer known.
    Expires(When),
    /// The answer is cut off, so many times.
    Cut(When, u32),
    /// An error comes as if all were well.
    Masked(When),
    /// The answer is this status, so many times, with or without a time to wait.
    Fails(When, u16, u32, Option<u32>),
    /// The answer nests a hundred thousand levels.
    Deep,
    /// No more than so many records come at once, whatever is asked for.
    Caps(usize),
    /// Every page is the first one.
    IgnoresPlace,
    /// Conditions are not looked at.
    IgnoresFilter,
}

/// What a peer has, and what was asked of it.
pub(crate) struct State {
    pub(crate) workers: Vec<Worker>,
    pub(crate) troubles: Vec<Trouble>,
    /// Questions for the list that were answered.
    pub(crate) lists: u32,
    /// Everything that was asked: method and target.
    pub(crate) asked: Vec<String>,
    /// The last page that was given.
    pub(crate) last: Option<Vec<Json>>,
}

/// A running peer.
#[derive(Clone)]
pub struct Peer {
    pub(crate) state: Arc<Mutex<State>>,
    exchange: Exchange,
}

impl Peer {
    /// One that answers by this.
    pub(crate) fn new(
        workers: Vec<Worker>,
        troubles: Vec<Trouble>,
        answer: impl Fn(&mut State, &Asked) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let state = Arc::new(Mutex::new(State {
            workers,
            troubles,
            lists: 0,
            asked: Vec::new(),
            last: None,
        }));
        let (shared, answer) = (Arc::clone(&state), Arc::new(answer));
        let service = tower::service_fn(move |request: Request<Bytes>| {
            let asked = Asked::of(&request);
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            state
                .asked
                .push(format!("{} {}", asked.method, request.uri()));
            let answer = answer(&mut state, &asked);
            async move { Ok(answer) }
        });
        Self {
            state,
            exchange: BoxCloneSyncService::new(service),
        }
    }

    /// What it is asked through.
    pub fn exchange(&self) -> Exchange {
        self.exchange.clone()
    }

    /// Everything that was asked.
    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    /// Whoever is on its list.
    pub fn workers(&self) -> Vec<Worker> {
        self.lock().workers.clone()
    }

    /// Changes the list between two pulls.
    pub fn change(&self, by: impl FnOnce(&mut Vec<Worker>)) {
        by(&mut self.lock().workers);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part of the list, and what it is said to be part of.
pub(crate) struct Given {
    pub(crate) records: Vec<Json>,
    pub(crate) total: usize,
    /// The link to the next page leads elsewhere.
    pub(crate) foreign: bool,
}

impl State {
    /// Begins an answer for a page; an answer here is the whole of it.
    pub(crate) fn begin(&mut self, page: u32) -> Option<Response<Bytes>> {
        let question = self.lists + 1;
        for trouble in &mut self.troubles {
            if let Trouble::Fails(when, status, left, wait) = trouble
                && when.is(question, page)
                && *left > 0
            {
                *left -= 1;
                return Some(fails(*status, *wait));
            }
            if let Trouble::Cut(when, left) = trouble
                && when.is(question, page)
                && *left > 0
            {
                *left -= 1;
                let cut = Bytes::from_static(b"{\"items\": [{\"id\": \"10001\", \"na");
                return Some(plain(200, cut));
            }
        }
        self.lists = question;
        self.happen(question, page);
        if self.has(|it| matches!(it, Trouble::Masked(when) if when.is(question, page))) {
            return Some(reply(200, &json!({"error": {"code": "timeout"}})));
        }
        self.has(|it| *it == Trouble::Deep).then(|| {
            let deep = "[".repeat(100_000) + &"]".repeat(100_000);
            plain(200, Bytes::from(deep))
        })
    }

    /// Who comes and goes just now, once each.
    fn happen(&mut self, question: u32, page: u32) {
        let workers = &mut self.workers;
        self.troubles.retain(|trouble| {
            if let Trouble::Leaves(when, place) = trouble
                && when.is(question, page)
                && *place < workers.len()
            {
                workers.remove(*place);
                return false;
            }
            if let Trouble::Joins(when, place) = trouble
                && when.is(question, page)
            {
                let mut new = workers[0].clone();
                "99999".clone_into(&mut new.id);
                workers.insert((*place).min(workers.len()), new);
                return false;
            }
            if let Trouble::Moves(when, from, to) = trouble
                && when.is(question, page)
            {
                let it = workers.remove(*from);
                workers.insert(*to, it);
                return false;
            }
            true
        });
    }

    /// The records from a place on.
    pub(crate) fn give(
        &mut self,
        page: u32,
        mut begin: usize,
        mut size: usize,
        all: Vec<Json>,
    ) -> Given {
        for trouble in &self.troubles {
            if let Trouble::Caps(most) = trouble {
                size = size.min(*most);
            }
            if *trouble == Trouble::IgnoresPlace {
                begin = 0;
            }
        }
        let mut total = all.len();
        let mut records: Vec<Json> = all.into_iter().skip(begin).take(size).collect();
        let question = self.lists;
        let hit = |is: &dyn Fn(&Trouble) -> Option<When>| {
            let mut troubles = self.troubles.iter().filter_map(is);
            troubles.any(|when| when.is(question, page))
        };
        macro_rules! on {
            ($kind:ident) => {
                hit(&|it| {
                    if let Trouble::$kind(when) = it {
                        Some(*when)
                    } else {
                        None
                    }
                })
            };
        }
        if on!(Repeats) {
            records = self.last.clone().unwrap_or_default();
        }
        if on!(Empty) {
            records.clear();
        }
        if on!(Short) {
            records.pop();
        }
        total += usize::from(on!(Total));
        let foreign = on!(Foreign);
        self.last = Some(records.clone());
        Given {
            records,
            total,
            foreign,
        }
    }

    /// A size, or what is given at most.
    pub(crate) fn at_most(&self, size: usize) -> usize {
        let caps = self.troubles.iter().filter_map(|it| {
            if let Trouble::Caps(most) = it {
                Some(*most)
            } else {
                None
            }
        });
        caps.fold(size, usize::min)
    }

    pub(crate) fn has(&self, is: impl Fn(&Trouble) -> bool) -> bool {
        self.troubles.iter().any(is)
    }
}

/// Which page something is on, where pages may overlap by one.
pub(crate) fn page_of(begin: usize, size: usize) -> u32 {
    u32::try_from(begin.div_ceil(size.max(1))).unwrap_or(u32::MAX - 1) + 1
}

fn fails(status: u16, wait: Option<u32>) -> Response<Bytes> {
    let mut answer = reply(
        status,
        &json!({"error": {"code": "busy", "message": "Ada"}}),
    );
    if let Some(wait) = wait {
        let wait = http::HeaderValue::from(wait);
        answer.headers_mut().insert("retry-after", wait);
    }
    answer
}

pub(crate) fn reply(status: u16, body: &Json) -> Response<Bytes> {
    let mut answer = plain(status, Bytes::from(body.to_string()));
    let kind = http::HeaderValue::from_static("application/json");
    answer.headers_mut().insert("content-type", kind);
    answer
}

pub(crate) fn plain(status: u16, body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    answer
}
