//! One call after the other, under one lock: authorise, meter, fail on purpose, carry out, record.
//!
//! Invariant: nothing here waits; the order in which calls get the lock is the order in which
//! they happen to the tenant.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use http::{Method, StatusCode};
use jiff::Timestamp;

use crate::Fault;
use crate::answer::{Answer, Reply};
use crate::delta::Changes;
use crate::devices::{Approval, Machine};
use crate::directory::Directory;
use crate::early::Early;
use crate::encoding::fields;
use crate::fault::Dice;
use crate::groups::Groups;
use crate::journal::{Journal, JournalError, Line};
use crate::licences::Sku;
use crate::licences::ledger::Ledger;
use crate::options::{Size, TenantOptions, Throttle};
use crate::ownership::AppRecord;
use crate::refusal::Refusal;
use crate::route::{Route, Routed, routed};
use crate::seeded::Seeded;
use crate::served::{Served, Wrote};
use crate::shelf::Shelf;
use crate::throttle::{Charge, Cost, Covers, Exhausted, Meters};
use crate::token::Tokens;
use crate::users::Done;

/// The newest so many served calls are kept.
const HISTORY: usize = 1_000_000;

/// One call, an item of a batch included.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    /// Below the version root.
    pub(crate) path: &'a str,
    /// The version is beta.
    pub(crate) beta: bool,
    pub(crate) query: Option<&'a str>,
    pub(crate) body: &'a [u8],
    /// Whether the content type says JSON.
    pub(crate) json: bool,
    pub(crate) client_request_id: Option<&'a str>,
    /// The `ConsistencyLevel` header.
    pub(crate) consistency: Option<&'a str>,
    /// The `Prefer` header.
    pub(crate) prefer: Option<&'a str>,
    pub(crate) user_agent: Option<&'a str>,
    /// The `x-msft-approval-justification` header.
    pub(crate) justification: Option<&'a str>,
    /// The `x-msft-approval-code` header.
    pub(crate) approval_code: Option<&'a str>,
    /// Scheme and host that the caller reached us under.
    pub(crate) origin: &'a str,
    pub(crate) arrived: Timestamp,
    pub(crate) in_batch: bool,
}

/// Everything behind the lock.
pub(crate) struct State {
    pub(crate) options: TenantOptions,
    pub(crate) directory: Directory,
    pub(crate) groups: Groups,
    pub(crate) apps: Shelf<AppRecord>,
    pub(crate) changes: Changes,
    pub(crate) devices: Shelf<Machine>,
    /// By code.
    pub(crate) approvals: BTreeMap<String, Approval>,
    /// By id.
    pub(crate) skus: BTreeMap<String, Sku>,
    pub(crate) ledger: Ledger,
    pub(crate) journal: Option<Journal>,
    pub(crate) tokens: Tokens,
    pub(crate) meters: Meters,
    pub(crate) dice: Dice,
    pub(crate) early: Early,
    pub(crate) request_ids: Seeded,
    pub(crate) history: VecDeque<Served>,
}

impl State {
    /// Does something while no other process writes to the journal, and after what others have
    /// written was read.
    ///
    /// # Errors
    /// 503 when the journal cannot be read.
    pub(crate) fn alone<T>(
        &mut self,
        now: Timestamp,
        what: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, Refusal> {
        let unusable = |error: &JournalError| {
            tracing::error!(%error, "The rehearsal journal cannot be used.");
            Refusal::unavailable(None)
        };
        if let Some(journal) = &mut self.journal {
            let lines = journal.lock().map_err(|error| unusable(&error))?;
            self.take_in(lines, Some(now));
        }
        let done = self.evaluate(now).map(|()| what(self));
        // What this made due at once. Where it cannot be kept that is logged, and the next call
        // tries again: what was asked for has happened.
        if done.is_ok() && self.evaluate(now).is_err() {
            tracing::error!("Dynamic groups or licences are behind.");
        }
        if let Some(journal) = &mut self.journal {
            journal
                .unlock()
                .map_err(|error| unusable(&JournalError::Io(error)))?;
        }
        done
    }

    /// What a journal says. `at` is when replicas are told; `None`: they know already.
    pub(crate) fn take_in(&mut self, lines: Vec<Line>, at: Option<Timestamp>) {
        for line in lines {
            // What others have written lately is looked at again: that moves nobody twice.
            match (&line, at) {
                (Line::Members(_), None) => self.groups.looked(),
                (Line::User(_) | Line::Group(_), None) => self.groups.touched(),
                (Line::Licences(_) | Line::App(_) | Line::Device(_) | Line::Approval(_), None)
                | (_, Some(_)) => {}
            }
            match line {
                Line::User(record) => self.keep_user(record, at),
                Line::Group(group) => self.keep_group(group, at),
                Line::Members(moves) => self.keep_moves(&moves, at, at),
                Line::Licences(grants) => self.keep_grants(grants, at),
                Line::App(app) => {
                    self.apps.put(std::sync::Arc::new(app), None);
                }
                Line::Device(machine) => {
                    self.devices.put(std::sync::Arc::new(*machine), None);
                }
                Line::Approval(approval) => {
                    self.approvals.insert(approval.code.clone(), approval);
                }
            }
        }
    }

    /// A call that may come in.
    pub(crate) fn graph(&mut self, call: &Call<'_>, now: Timestamp) -> Reply {
        match (call.path, call.method) {
            ("/$batch", &Method::POST) => self.batch(call, now),
            ("/$batch", _) => {
                Reply::Answer(self.turn_away(call, Refusal::method_not_allowed(), now))
            }
            _ => self.one(call, now),
        }
    }

    /// One call from its route to its answer.
    pub(crate) fn one(&mut self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.directory.settle(now);
        self.groups.settle(now);
        let Routed { template, route } = routed(call);
        let options = call.query.and_then(fields).unwrap_or_default();
        let cost = Cost::of(call.method.as_str(), template, &options);
        let served = self.begin(call, template, cost);
        if served.fault == Some(Fault::Duplicate) {
            let again = Served {
                again: true,
                ..served.clone()
            };
            let _nobody_sees_it = self.deliver(call, cost, route.clone(), served, now);
            return self.deliver(call, cost, route, again, now);
        }
        self.deliver(call, cost, route, served, now)
    }

    /// Meters a call, fails it on purpose or carries it out, and records it.
    fn deliver(
        &mut self,
        call: &Call<'_>,
        cost: Cost,
        route: Result<Route, Refusal>,
        mut served: Served,
        now: Timestamp,
    ) -> Reply {
        if served.fault == Some(Fault::ResetBefore) {
            return self.end(served, Err(Broken));
        }
        let charge = self.charge(call.method, cost, now);
        let done = match charge.exhausted.clone() {
            Some(exhausted) => Err(self.throttle(exhausted, now)),
            None => match self.fail(served.fault, cost, same(call), now) {
                Some(refusal) => Err(refusal),
                None => route.and_then(|route| self.execute(route, call, now)),
            },
        };
        served.retry_after = done.as_ref().err().and_then(|refusal| refusal.retry_after);
        if let Ok(Done {
            object, changed, ..
        }) = &done
        {
            served.object.clone_from(object);
            served.changed = *changed;
            let keeps = *changed && self.options.keeps_writes;
            served.wrote = keeps.then(|| {
                Box::new(Wrote {
                    path: call.path.to_owned(),
                    body: String::from_utf8_lossy(call.body).into_owned(),
                })
            });
        }
        let done = done.map(|done| done.answer);
        let answer = self.finish(call, cost, &charge, lost(done, served.fault), now);
        self.end(served, Ok(answer))
    }

    pub(crate) fn begin(&mut self, call: &Call<'_>, template: &'static str, cost: Cost) -> Served {
        let write = cost.writes > 0;
        let fault = self.dice.draw().filter(|fault| match fault {
            Fault::ResetBefore | Fault::ResetAfter | Fault::Slow => !call.in_batch,
            Fault::Denied | Fault::Duplicate => template != "/$batch",
            Fault::TooManyRequests
            | Fault::ServiceUnavailable
            | Fault::GatewayTimeout
            | Fault::GatewayTimeoutAfter => true,
        });
        Served {
            at: call.arrived,
            method: call.method.to_string(),
            template,
            again: false,
            status: 0,
            write,
            changed: false,
            retry_after: None,
            object: None,
            in_batch: call.in_batch,
            early: self.early.is(cost, same(call), call.arrived),
            fault,
            wrote: None,
        }
    }

    pub(crate) fn charge(&mut self, method: &Method, cost: Cost, now: Timestamp) -> Charge {
        let size = match self.options.throttle {
            Throttle::Off => {
                return Charge {
                    exhausted: None,
                    fullest: 0.0,
                };
            }
            Throttle::Documented { size: Size::Auto } => Size::of(self.directory.live()),
            Throttle::Documented { size } => size,
        };
        self.meters.charge(method.as_str(), cost, size, now)
    }

    pub(crate) fn throttle(&mut self, exhausted: Exhausted, now: Timestamp) -> Refusal {
        self.early
            .told(exhausted.covers, exhausted.retry_after, now);
        Refusal::throttled(exhausted.retry_after, exhausted.throttled)
    }

    /// The answer of a failure on purpose; none for those that are no answer.
    pub(crate) fn fail(
        &mut self,
        fault: Option<Fault>,
        cost: Cost,
        same: u64,
        now: Timestamp,
    ) -> Option<Refusal> {
        match fault? {
            Fault::TooManyRequests => {
                let seconds = self.dice.seconds(1, 10);
                let mut exhausted = self.meters.pretend(cost, seconds);
                if cost == Cost::ENVELOPE {
                    // Its items are metered on their own: only the envelope must wait.
                    exhausted.covers = Covers::Same(same);
                }
                // Intune does not always say for how long (Microsoft Q&A 5784629).
                if cost.service.is_intune() && self.dice.coin() {
                    let mut refusal = Refusal::throttled(seconds, exhausted.throttled);
                    refusal.retry_after = None;
                    return Some(refusal);
                }
                Some(self.throttle(exhausted, now))
            }
            Fault::ServiceUnavailable => {
                let seconds = self.dice.seconds(1, 5);
                let said = self.dice.coin().then_some(seconds);
                if let Some(seconds) = said {
                    self.early.told(Covers::Same(same), seconds, now);
                }
                Some(Refusal::unavailable(said))
            }
            Fault::GatewayTimeout => Some(gateway_timeout()),
            Fault::Denied => Some(Refusal::denied()),
            Fault::ResetBefore
            | Fault::ResetAfter
            | Fault::GatewayTimeoutAfter
            | Fault::Slow
            | Fault::Duplicate => None,
        }
    }

    /// Adds what every answer carries.
    pub(crate) fn finish(
        &mut self,
        call: &Call<'_>,
        cost: Cost,
        charge: &Charge,
        done: Result<Answer, Refusal>,
        now: Timestamp,
    ) -> Answer {
        let request_id = self.request_ids.guid();
        let client_request_id = call.client_request_id.unwrap_or(&request_id).to_owned();
        let mut answer = match done {
            Ok(answer) => answer,
            Err(refusal) => {
                let body = refusal.body(&request_id, &client_request_id, now);
                let mut answer = Answer::new(refusal.status, Some(body));
                if let Some(seconds) = refusal.retry_after {
                    answer = answer.with("retry-after", seconds.to_string());
                }
                if let Some(throttled) = refusal.throttled.filter(|t| !t.scope.is_empty()) {
                    answer = answer.with("x-ms-throttle-scope", throttled.scope);
                    if let Some(information) = throttled.information {
                        answer = answer.with("x-ms-throttle-information", information.to_owned());
                    }
                }
                if let Some((name, value)) = refusal.header.map(|header| *header) {
                    answer = answer.with(name, value);
                }
                if refusal.status == StatusCode::UNAUTHORIZED {
                    answer = answer.with("www-authenticate", "Bearer realm=\"\"".to_owned());
                }
                answer
            }
        };
        answer = answer
            .with("request-id", request_id)
            .with("client-request-id", client_request_id);
        if cost.units > 0 {
            answer = answer.with("x-ms-resource-unit", cost.units.to_string());
        }
        if charge.fullest > 0.8 {
            let percentage = format!("{:.2}", charge.fullest.min(1.8));
            answer = answer.with("x-ms-throttle-limit-percentage", percentage);
        }
        answer
    }

    /// Records a call, and loses its answer where that is the fault.
    pub(crate) fn end(&mut self, mut served: Served, answer: Result<Answer, Broken>) -> Reply {
        let reply = match (answer, served.fault) {
            (Err(Broken), _) | (Ok(_), Some(Fault::ResetAfter)) => Reply::Reset,
            (Ok(answer), fault) => {
                served.status = answer.status.as_u16();
                if fault == Some(Fault::Slow) {
                    Reply::Slow(answer)
                } else {
                    Reply::Answer(answer)
                }
            }
        };
        self.record(served);
        reply
    }

    pub(crate) fn record(&mut self, served: Served) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(served);
    }
}

fn gateway_timeout() -> Refusal {
    Refusal::new(
        StatusCode::GATEWAY_TIMEOUT,
        "generalException",
        "The request timed out on its way.",
    )
}

/// The answer of a call, where it is not lost behind a gateway that gave up.
pub(crate) fn lost(done: Result<Answer, Refusal>, fault: Option<Fault>) -> Result<Answer, Refusal> {
    match done {
        Ok(_) if fault == Some(Fault::GatewayTimeoutAfter) => Err(gateway_timeout()),
        done => done,
    }
}

/// The connection breaks before anything has happened.
pub(crate) struct Broken;

/// What makes a call the same one again.
pub(crate) fn same(call: &Call<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (call.method.as_str(), call.path, call.query, call.body).hash(&mut hasher);
    hasher.finish()
}
