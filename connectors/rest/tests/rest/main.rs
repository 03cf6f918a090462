//! The connector against simulated systems: shipped configurations, every way to page, everything that
//! goes wrong.

mod auth;
mod changes;
mod config;
mod contract;
mod edges;
mod paging;
mod properties;
mod shipped;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use rollcall_http::{Clock, Exchange, Links, Proof, Secret, SecretAt};
use rollcall_peers::rest::Peer;
use rollcall_peers::{Taken, Worker};
use rollcall_rest::{Rest, RestConfig};
use rollcall_source::{Checked, Cursor, Pulled, Reach, Record, Refused, Sink, Source as _, Want};

/// The day of all tests.
pub(crate) fn day() -> Date {
    date(2026, 3, 16)
}

/// The instant of all tests.
pub(crate) fn now() -> Timestamp {
    "2026-03-16T10:00:00Z".parse().expect("an instant")
}

pub(crate) fn people(count: usize) -> Vec<Worker> {
    rollcall_peers::population(7, count, day())
}

/// The table `[source.rest]` of a file.
pub(crate) fn config(text: &str) -> RestConfig {
    let file: toml::Table = text.parse().expect("TOML");
    let table = file["source"]["rest"].clone();
    table.try_into().expect("a configuration")
}

/// Lines of a configuration, all at once where they do not say how a list comes.
pub(crate) fn paged(lines: &str) -> String {
    if lines.contains("paging") {
        lines.to_owned()
    } else {
        format!("paging = 'one_page'\n{lines}")
    }
}

/// A source before a peer; secrets are the names that they are kept under.
pub(crate) fn source(config: &RestConfig, exchange: Exchange) -> Rest {
    let secrets = |at: &SecretAt| match at {
        SecretAt::Env(name) => {
            let secret = format!("{name}\n");
            Ok(Proof::new(move || {
                let secret = Secret::new(secret.clone());
                Box::pin(async move { Ok(secret) })
            }))
        }
        SecretAt::Secret(_) | SecretAt::File(_) => Err("no such place".to_owned()),
    };
    let links = Links {
        exchange,
        clock: Clock::starting_at(now()),
        seed: 1,
        secrets: &secrets,
    };
    Rest::new(config, &links).expect("a sound configuration")
}

pub(crate) fn want(columns: &[&str], key: &str) -> Want {
    Want {
        columns: columns.iter().map(|it| (*it).to_owned()).collect(),
        key: key.to_owned(),
        reach: Reach::Full,
        now: now(),
    }
}

pub(crate) fn since(want: &Want, cursor: &Cursor) -> Want {
    Want {
        reach: Reach::Since(cursor.clone()),
        ..want.clone()
    }
}

/// A sink that also knows that nothing comes of what was not received.
struct Watched {
    taken: Taken,
}

impl Sink for Watched {
    fn received(&mut self, bytes: &[u8]) {
        self.taken.received(bytes);
    }

    fn record(&mut self, record: &Record<'_>) -> std::io::Result<()> {
        assert!(self.taken.bytes > 0, "a record of nothing");
        assert_eq!(record.number as usize, self.taken.rows.len() + 1);
        self.taken.record(record)
    }
}

pub(crate) async fn pull(
    config: &RestConfig,
    peer: &Peer,
    want: &Want,
) -> (Result<Pulled, Refused>, Taken) {
    let mut sink = Watched {
        taken: Taken::of(want),
    };
    let pulled = source(config, peer.exchange()).pull(want, &mut sink).await;
    if let Ok(pulled) = &pulled {
        assert_eq!(pulled.rows as usize, sink.taken.rows.len());
    }
    (pulled, sink.taken)
}

pub(crate) async fn check(
    config: &RestConfig,
    peer: &Peer,
    want: &Want,
) -> Result<Checked, Refused> {
    source(config, peer.exchange()).check(want).await
}

/// What stands in the way, in a line.
pub(crate) fn problems(checked: &Checked) -> String {
    let problems = checked.notes.iter().filter(|it| it.is_problem);
    problems
        .map(|it| it.message.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

pub(crate) fn values(taken: &Taken, column: &str) -> Vec<String> {
    let all = taken.rows.iter();
    all.map(|it| it.values.get(column).cloned().unwrap_or_default())
        .collect()
}

pub(crate) fn ids(workers: &[Worker]) -> BTreeSet<String> {
    workers.iter().map(|it| it.id.clone()).collect()
}

/// No value of a worker is in a refusal.
pub(crate) fn says_nobody(refused: &Refused) {
    let said = format!("{refused} {refused:?}");
    for word in ["Ada", "woodgrove.example", "10001", "10030"] {
        assert!(!said.contains(word), "{said}");
    }
}
