//! The contract that every source is held to, whatever stands behind it.
//!
//! Between a source and its system stands somebody who loses, repeats, cuts and replaces answers, and
//! behind whose back people come and go: at every question of a pull in turn. Whatever happens, either
//! everybody who was there all along comes, once and as they are, or the pull is refused in words that name
//! nobody. Of a pull of changes the same holds for whoever changed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use rollcall_core::delta::Coverage;
use rollcall_http::{Exchange, TransportError};
use rollcall_source::{Cursor, Pulled, Reach, RefusalKind, Refused, Source, Want};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::{Kind, Standing, Taken, Worker};

/// Lets the first leave and the second come in.
pub type Shift = Box<dyn Fn(&Worker, &Worker) + Send + Sync>;
/// Enters at an instant what a worker is from then on.
pub type Change = Box<dyn Fn(&Worker, Timestamp) + Send + Sync>;

/// A system, and what may happen in it while it is asked.
pub struct System {
    /// What carries questions to it.
    pub exchange: Exchange,
    /// The first leaves the list, and the second comes in.
    pub shift: Shift,
    /// HR enters at an instant what a worker is from now on; nothing where nobody can be asked what changed.
    pub change: Change,
}

/// A source and what it stands before.
pub struct Subject<'a> {
    /// For messages.
    pub name: &'a str,
    /// Attributes that are read.
    pub columns: &'a [&'a str],
    /// The one that names the worker.
    pub key: &'a str,
    /// What it says of a worker.
    pub key_of: fn(&Worker) -> String,
    /// The instant of the pull.
    pub now: Timestamp,
    /// Everybody, in several pages where the source has pages.
    pub workers: Vec<Worker>,
    /// A system with some workers.
    pub system: &'a dyn Fn(Vec<Worker>) -> System,
    /// A source before an exchange.
    pub source: &'a dyn Fn(Exchange) -> Box<dyn Source>,
}

/// What happens at a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Five answers are 503.
    FailsFive,
    /// All answers from here on are 503.
    FailsForGood,
    /// No answer comes, once.
    Lost,
    /// The answer before comes again.
    Again,
    /// Half of the answer comes.
    Cut,
    /// Nothing comes, with a status as if all were well.
    Nothing,
    /// A page for people comes, with a status as if all were well.
    Page,
    /// It leads to another host.
    Elsewhere,
    /// Somebody leaves, and somebody else comes in.
    Shift,
}

const FAULTS: [Fault; 9] = [
    Fault::FailsFive,
    Fault::FailsForGood,
    Fault::Lost,
    Fault::Again,
    Fault::Cut,
    Fault::Nothing,
    Fault::Page,
    Fault::Elsewhere,
    Fault::Shift,
];

/// What went by.
#[derive(Default)]
struct Way {
    questions: u32,
    before: Option<(StatusCode, http::HeaderMap, Bytes)>,
}

type Came = (Result<Pulled, Refused>, Taken);

impl Subject<'_> {
    fn want(&self, reach: Reach) -> Want {
        Want {
            columns: self.columns.iter().map(|it| (*it).to_owned()).collect(),
            key: self.key.to_owned(),
            reach,
            now: self.now,
        }
    }

    fn keys(&self) -> BTreeSet<String> {
        self.workers.iter().map(self.key_of).collect()
    }

    async fn pull(&self, exchange: Exchange, want: &Want) -> Came {
        let mut taken = Taken::of(want);
        let pulled = (self.source)(exchange).pull(want, &mut taken).await;
        if let Ok(pulled) = &pulled {
            let name = self.name;
            assert_eq!(pulled.rows as usize, taken.rows.len(), "{name}");
            let numbers: Vec<u32> = taken.rows.iter().map(|it| it.number).collect();
            assert_eq!(numbers, (1..=pulled.rows).collect::<Vec<_>>(), "{name}");
            assert!(
                taken.bytes > 0,
                "{name}: nothing that it could be hashed of"
            );
        }
        (pulled, taken)
    }

    /// Who came, each once.
    fn came(&self, taken: &Taken, place: &str) -> BTreeSet<String> {
        let keys = taken.rows.iter().map(|it| it.values.get(self.key));
        let keys: Vec<String> = keys
            .map(|it| {
                it.unwrap_or_else(|| panic!("a row without a key: {place}"))
                    .clone()
            })
            .collect();
        let set: BTreeSet<String> = keys.iter().cloned().collect();
        assert_eq!(set.len(), keys.len(), "somebody twice: {place}");
        set
    }

    /// A refusal says what is wrong and what to do, and names nobody.
    fn is_sound(&self, refused: &Refused, place: &str) {
        assert!(
            !refused.message.is_empty() && !refused.hint.is_empty(),
            "{place}: {refused:?}"
        );
        let said = format!("{refused} {refused:?}");
        let is_part = |c: char| c.is_alphanumeric() || "@.-".contains(c);
        for worker in &self.workers {
            for value in [&worker.id, &worker.email, &worker.first, &worker.last] {
                // A short name may be a part of a word.
                let is_there = if value.chars().count() > 4 {
                    said.contains(value.as_str())
                } else {
                    said.split(|c| !is_part(c)).any(|word| word == value)
                };
                assert!(!is_there, "{place}: `{value}` is in {said}");
            }
        }
    }

    /// Describes itself, knows what it lacks, and can be checked.
    async fn introduces_itself(&self) {
        let name = self.name;
        let source = (self.source)((self.system)(self.workers.clone()).exchange);
        let described = source.describe();
        assert!(
            !described.system.is_empty() && !described.place.is_empty(),
            "{name}"
        );
        let want = self.want(Reach::Full);
        source
            .lacks(&want.columns)
            .unwrap_or_else(|it| panic!("{name}: {it:?}"));
        let checked = source.check(&want).await;
        let checked = checked.unwrap_or_else(|it| panic!("{name}: {it}"));
        assert!(!checked.notes.is_empty(), "{name}");
        let problem = checked.notes.iter().find(|it| it.is_problem);
        assert_eq!(problem, None, "{name}");
    }

    /// Everybody, with nothing but what is wanted, twice the same.
    async fn everybody_comes(&self) -> Pulled {
        let name = self.name;
        let system = (self.system)(self.workers.clone());
        let want = self.want(Reach::Full);
        let (pulled, taken) = self.pull(system.exchange.clone(), &want).await;
        let pulled = pulled.unwrap_or_else(|it| panic!("{name}: {it}"));
        assert_eq!(pulled.coverage, Coverage::Full, "{name}");
        assert!(pulled.as_of <= self.now, "{name}");
        assert_eq!(self.came(&taken, name), self.keys(), "{name}");
        assert!(taken.rows.iter().all(|it| !it.held), "{name}");
        let (_, again) = self.pull(system.exchange, &want).await;
        assert_eq!(again.rows, taken.rows, "{name}");
        // Another order of columns is another order of values, and nothing else.
        let mut turned = want.clone();
        turned.columns.reverse();
        let (_, other) = self
            .pull((self.system)(self.workers.clone()).exchange, &turned)
            .await;
        assert_eq!(other.rows, taken.rows, "{name}");
        pulled
    }

    /// Nobody is not everybody.
    async fn nobody_is_refused(&self) {
        let system = (self.system)(Vec::new());
        let (pulled, _) = self.pull(system.exchange, &self.want(Reach::Full)).await;
        let refused = pulled.expect_err(self.name);
        assert_eq!(refused.kind, RefusalKind::Empty, "{}: {refused}", self.name);
    }

    /// Changes are never everybody, and a cursor of no use is said to be one.
    async fn changes(&self, full: &Pulled) {
        let name = self.name;
        let source = (self.source)((self.system)(self.workers.clone()).exchange);
        let incremental = source.describe().incremental;
        assert_eq!(full.cursor.is_some(), incremental, "{name}");
        let mut cursors = vec![Cursor("no cursor".to_owned()), Cursor(String::new())];
        if let Some(cursor) = &full.cursor {
            let old: Timestamp = "2001-01-01T00:00:00Z".parse().expect("an instant");
            cursors.extend([cursor.clone(), Cursor(old.to_string())]);
        }
        for cursor in cursors {
            let is_good = Some(&cursor) == full.cursor.as_ref();
            let is_cursor = cursor.0.parse::<Timestamp>().is_ok();
            let mut want = self.want(Reach::Since(cursor.clone()));
            want.now = self.now + SignedDuration::from_hours(1);
            let exchange = (self.system)(self.workers.clone()).exchange;
            let (pulled, taken) = self.pull(exchange, &want).await;
            let place = format!("{name}, {cursor:?}");
            match pulled {
                Ok(pulled) => {
                    assert_eq!(pulled.coverage, Coverage::Delta, "{place}");
                    assert!(self.came(&taken, &place).is_subset(&self.keys()), "{place}");
                    assert!(pulled.cursor.is_some(), "{place}");
                    assert!(is_cursor, "{place}");
                }
                Err(refused) => {
                    assert_eq!(
                        refused.kind,
                        RefusalKind::CursorExpired,
                        "{place}: {refused}"
                    );
                    assert!(!is_good, "{place}: {refused}");
                }
            }
        }
    }

    /// The way to a system, on which something happens at a question.
    fn way(&self, system: System, at: u32, fault: Option<Fault>) -> (Exchange, Arc<Mutex<Way>>) {
        let way: Arc<Mutex<Way>> = Arc::default();
        let (shared, system) = (Arc::clone(&way), Arc::new(system));
        let (leaves, joins) = self.shifted();
        let service = tower::service_fn(move |request: Request<Bytes>| {
            let (shared, system) = (Arc::clone(&shared), Arc::clone(&system));
            let (leaves, joins) = (leaves.clone(), joins.clone());
            async move {
                let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
                let number = {
                    let mut way = lock();
                    way.questions += 1;
                    way.questions
                };
                let happens = fault.filter(|it| match it {
                    Fault::FailsFive => (at..at + 5).contains(&number),
                    Fault::FailsForGood => number >= at,
                    Fault::Lost
                    | Fault::Again
                    | Fault::Cut
                    | Fault::Nothing
                    | Fault::Page
                    | Fault::Elsewhere
                    | Fault::Shift => number == at,
                });
                match happens {
                    Some(Fault::FailsFive | Fault::FailsForGood) => {
                        return Ok(answer(503, &[], Bytes::new()));
                    }
                    Some(Fault::Lost) => return Err(TransportError::Reset),
                    Some(Fault::Nothing) => return Ok(answer(200, &[], Bytes::new())),
                    Some(Fault::Page) => {
                        let page = Bytes::from_static(b"<!DOCTYPE html><html>Sign in</html>");
                        return Ok(answer(200, &[("content-type", "text/html")], page));
                    }
                    Some(Fault::Elsewhere) => {
                        let to = ("location", "https://elsewhere.example/");
                        return Ok(answer(302, &[to], Bytes::new()));
                    }
                    Some(Fault::Again) => {
                        let before = lock().before.clone();
                        if let Some((status, headers, body)) = before {
                            let mut answer = Response::new(body);
                            *answer.status_mut() = status;
                            *answer.headers_mut() = headers;
                            return Ok(answer);
                        }
                    }
                    Some(Fault::Shift) => (system.shift)(&leaves, &joins),
                    Some(Fault::Cut) | None => {}
                }
                let mut answer = system.exchange.clone().oneshot(request).await?;
                if happens == Some(Fault::Cut) {
                    let half = answer.body().len() / 2;
                    *answer.body_mut() = answer.body().slice(..half);
                }
                lock().before = Some((
                    answer.status(),
                    answer.headers().clone(),
                    answer.body().clone(),
                ));
                Ok(answer)
            }
        });
        (BoxCloneSyncService::new(service), way)
    }

    /// Who leaves, and who comes in.
    fn shifted(&self) -> (Worker, Worker) {
        let leaves = self.workers[1].clone();
        let mut joins = self.workers[2].clone();
        "99990".clone_into(&mut joins.id);
        "new.here@woodgrove.example".clone_into(&mut joins.email);
        joins.manager = None;
        (leaves, joins)
    }

    /// Whatever happens, at whichever question.
    async fn whatever_happens(&self) {
        let want = self.want(Reach::Full);
        let (exchange, way) = self.way((self.system)(self.workers.clone()), 0, None);
        let (pulled, clean) = self.pull(exchange, &want).await;
        pulled.unwrap_or_else(|it| panic!("{}: {it}", self.name));
        let questions = way.lock().unwrap_or_else(PoisonError::into_inner).questions;
        let (leaves, joins) = self.shifted();
        let (leaves, joins) = ((self.key_of)(&leaves), (self.key_of)(&joins));
        let (mut whole, mut refusals) = (0, 0);
        for at in 1..=questions {
            for fault in FAULTS {
                let place = format!("{}: {fault:?} at question {at} of {questions}", self.name);
                let system = (self.system)(self.workers.clone());
                let (exchange, _) = self.way(system, at, Some(fault));
                let (pulled, taken) = self.pull(exchange, &want).await;
                match (&pulled, fault) {
                    (Ok(pulled), Fault::FailsForGood | Fault::Elsewhere) => {
                        panic!("{place}: taken, with {} rows", pulled.rows)
                    }
                    (Err(refused), Fault::FailsFive | Fault::Lost) => panic!("{place}: {refused}"),
                    (Err(refused), Fault::FailsForGood) => {
                        let kinds = [RefusalKind::Unavailable, RefusalKind::Credentials];
                        assert!(kinds.contains(&refused.kind), "{place}: {refused}");
                    }
                    (Ok(_) | Err(_), _) => {}
                }
                match pulled {
                    Err(refused) => {
                        self.is_sound(&refused, &place);
                        refusals += 1;
                    }
                    Ok(pulled) => {
                        assert_eq!(pulled.coverage, Coverage::Full, "{place}");
                        let came = self.came(&taken, &place);
                        if fault != Fault::Shift {
                            self.as_they_are(&taken, &clean, &place);
                        }
                        let mut owed = self.keys();
                        if fault == Fault::Shift {
                            owed.remove(&leaves);
                        }
                        let lost: Vec<&String> = owed.difference(&came).collect();
                        assert!(lost.is_empty(), "{place}: lost {lost:?}");
                        let mut known = self.keys();
                        known.insert(joins.clone());
                        assert!(came.is_subset(&known), "{place}");
                        whole += 1;
                    }
                }
            }
        }
        assert!(
            whole > 0 && refusals > 0,
            "{}: {whole}, {refusals}",
            self.name
        );
    }

    /// Rows that are to be believed say what they say when nothing goes wrong.
    fn as_they_are(&self, taken: &Taken, clean: &Taken, place: &str) {
        for row in taken.rows.iter().filter(|it| !it.held) {
            let same = clean.row(self.key, &row.values[self.key]);
            assert_eq!(row.values, same.values, "{place}");
        }
    }

    /// Whoever changed comes, whatever happens at whichever question.
    async fn changes_come(&self, full: &Pulled) {
        let Some(cursor) = &full.cursor else {
            return;
        };
        let worker = self.workers.iter().find(|it| {
            it.standing == Standing::Active
                && it.kind == Kind::Employee
                && it.contract_end.is_none()
        });
        let mut worker = worker.expect("somebody at work").clone();
        "Changed".clone_into(&mut worker.title);
        let key = (self.key_of)(&worker);
        let system = || {
            let system = (self.system)(self.workers.clone());
            (system.change)(&worker, self.now + SignedDuration::from_mins(30));
            system
        };
        let mut want = self.want(Reach::Since(cursor.clone()));
        want.now = self.now + SignedDuration::from_hours(1);
        let (exchange, way) = self.way(system(), 0, None);
        let (pulled, clean) = self.pull(exchange, &want).await;
        let pulled = pulled.unwrap_or_else(|it| panic!("{}: {it}", self.name));
        assert!(pulled.cursor.is_some(), "{}", self.name);
        assert!(!clean.row(self.key, &key).held, "{}", self.name);
        let questions = way.lock().unwrap_or_else(PoisonError::into_inner).questions;
        for at in 1..=questions {
            for fault in FAULTS.into_iter().filter(|it| *it != Fault::Shift) {
                let name = self.name;
                let place = format!("{name}, changes: {fault:?} at question {at} of {questions}");
                let (exchange, _) = self.way(system(), at, Some(fault));
                let (pulled, taken) = self.pull(exchange, &want).await;
                match pulled {
                    Ok(pulled) => {
                        assert_eq!(pulled.coverage, Coverage::Delta, "{place}");
                        assert_ne!(fault, Fault::FailsForGood, "{place}");
                        assert!(self.came(&taken, &place).contains(&key), "{place}: lost");
                        self.as_they_are(&taken, &clean, &place);
                    }
                    Err(refused) => {
                        let passes = matches!(fault, Fault::FailsFive | Fault::Lost);
                        assert!(!passes, "{place}: {refused}");
                        self.is_sound(&refused, &place);
                    }
                }
            }
        }
    }
}

fn answer(status: u16, headers: &[(&'static str, &'static str)], body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    for (name, value) in headers {
        let value = http::HeaderValue::from_static(value);
        answer.headers_mut().insert(*name, value);
    }
    answer
}

/// Holds a source to the whole contract.
///
/// # Panics
/// Where it is broken, with the place.
pub async fn holds(subject: &Subject<'_>) {
    subject.introduces_itself().await;
    let full = subject.everybody_comes().await;
    subject.nobody_is_refused().await;
    subject.changes(&full).await;
    subject.whatever_happens().await;
    subject.changes_come(&full).await;
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use jiff::civil::date;
    use rollcall_source::{Checked, Described, Record, Sink};
    use serde_json::Value as Json;

    use super::*;
    use crate::rest::generic::{KEY, Manners, ORIGIN, Paging, peer};

    /// Believes whatever comes: the contract has to find it out.
    struct Careless(Exchange);

    impl Careless {
        async fn page(&self, offset: usize) -> Result<Json, Refused> {
            let failed = || {
                let hint = "wait";
                Refused::new(RefusalKind::Unavailable, "no answer", hint)
            };
            for _ in 0..8 {
                let request = Request::get(format!("{ORIGIN}/v1/workers?offset={offset}&limit=40"));
                let request = request.header("x-api-key", KEY).body(Bytes::new());
                let request = request.expect("a request");
                let Ok(answer) = self.0.clone().oneshot(request).await else {
                    continue;
                };
                if !answer.status().is_server_error() {
                    let page = serde_json::from_slice(answer.body());
                    return page.map_err(|_| failed());
                }
            }
            Err(failed())
        }
    }

    #[async_trait]
    impl Source for Careless {
        fn describe(&self) -> Described {
            Described {
                system: "any".to_owned(),
                place: ORIGIN.to_owned(),
                attributes: Vec::new(),
                incremental: false,
            }
        }

        fn lacks(&self, _columns: &[String]) -> Result<(), Vec<String>> {
            Ok(())
        }

        async fn check(&self, _want: &Want) -> Result<Checked, Refused> {
            let mut checked = Checked::default();
            checked.good("it answers");
            Ok(checked)
        }

        async fn pull(&self, want: &Want, into: &mut dyn Sink) -> Result<Pulled, Refused> {
            if want.reach != Reach::Full {
                return Err(Refused::new(
                    RefusalKind::CursorExpired,
                    "no changes",
                    "all",
                ));
            }
            let mut rows = 0;
            for page in 0.. {
                let body = self.page(page * 40).await?;
                into.received(body.to_string().as_bytes());
                let items = body["items"].as_array().cloned().unwrap_or_default();
                for item in &items {
                    rows += 1;
                    let values: Vec<_> = want
                        .columns
                        .iter()
                        .map(|_| item["id"].as_str().unwrap_or_default().into())
                        .collect();
                    let record = Record {
                        number: rows,
                        held: false,
                        values: &values,
                        findings: &[],
                    };
                    into.record(&record).map_err(|e| Refused::io(&e))?;
                }
                if items.len() < 40 {
                    break;
                }
            }
            if rows == 0 {
                return Err(Refused::new(RefusalKind::Empty, "nobody", "look"));
            }
            Ok(Pulled {
                coverage: Coverage::Full,
                as_of: want.now,
                cursor: None,
                rows,
                findings: Vec::new(),
            })
        }
    }

    fn careless(system: &dyn Fn(Vec<Worker>) -> System) -> Subject<'_> {
        Subject {
            name: "careless",
            columns: &["WorkerID"],
            key: "WorkerID",
            key_of: |it| it.id.clone(),
            now: "2026-03-16T10:00:00Z".parse().expect("an instant"),
            workers: crate::population(11, 120, date(2026, 3, 16)),
            system,
            source: &|exchange| Box::new(Careless(exchange)),
        }
    }

    fn system(workers: Vec<Worker>) -> System {
        let manners = Manners {
            paging: Paging::Offset,
            total: true,
            size: 40,
        };
        let peer = peer(workers, manners, vec![]);
        System {
            exchange: peer.exchange(),
            shift: Box::new(move |leaves, joins| {
                peer.change(|all| {
                    all.retain(|it| it.id != leaves.id);
                    all.push(joins.clone());
                });
            }),
            change: Box::new(|_, _| ()),
        }
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "careless: Again at question 2")]
    async fn a_source_that_believes_everything_is_found_out() {
        holds(&careless(&system)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_well_and_who_is_lost_is_told_apart() {
        let subject = careless(&system);
        subject.introduces_itself().await;
        let full = subject.everybody_comes().await;
        subject.nobody_is_refused().await;
        subject.changes(&full).await;
        // Somebody leaves the first page while the second is asked for: whoever moves up is lost.
        let (exchange, _) = subject.way(system(subject.workers.clone()), 2, Some(Fault::Shift));
        let (pulled, taken) = subject.pull(exchange, &subject.want(Reach::Full)).await;
        assert!(pulled.is_ok());
        let came = subject.came(&taken, "shift");
        assert_eq!(subject.keys().difference(&came).count(), 1);
    }
}
