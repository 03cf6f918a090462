//! The contract that every source is held to, by shipped configurations and by two of no make.

use jiff::Timestamp;
use rollcall_http::Exchange;
use rollcall_peers::contract::{Subject, System, holds};
use rollcall_peers::rest::generic::{self, Manners, Paging};
use rollcall_peers::rest::{Peer, bamboohr, dynamics, scim};
use rollcall_peers::{Worker, population};
use rollcall_rest::RestConfig;
use rollcall_source::Source;

use crate::paging::generic as configured;
use crate::shipped::{aquera, bamboo, dynamics365};
use crate::{day, now, source};

/// A peer, and how it tells that somebody changed.
type Told = Box<dyn Fn(&Worker, Timestamp) + Send + Sync>;

fn system((peer, tell): (Peer, Told)) -> System {
    let changed = peer.clone();
    System {
        exchange: peer.exchange(),
        shift: Box::new(move |leaves, joins| {
            peer.change(|all| {
                all.retain(|it| it.id != leaves.id);
                all.push(joins.clone());
            });
        }),
        change: Box::new(move |worker, at| {
            changed.change(|all| {
                for it in all.iter_mut().filter(|it| it.id == worker.id) {
                    *it = worker.clone();
                }
            });
            tell(worker, at);
        }),
    }
}

fn silent(peer: Peer) -> (Peer, Told) {
    (peer, Box::new(|_, _| ()))
}

fn scim_gateway(workers: Vec<Worker>, cursors: bool) -> (Peer, Told) {
    let changed = scim::Changed::default();
    let peer = scim::peer(workers, cursors, changed.clone(), vec![]);
    let tell = move |worker: &Worker, at| {
        changed
            .lock()
            .expect("nobody panics")
            .insert(worker.id.clone(), at);
    };
    (peer, Box::new(tell))
}

async fn held_to(
    name: &str,
    config: &RestConfig,
    columns: &[&str],
    key_of: fn(&Worker) -> String,
    peer: &dyn Fn(Vec<Worker>) -> (Peer, Told),
) {
    let mut workers = population(11, 120, day());
    // Of whoever was hired again, some of these have two records.
    workers.retain(|it| it.originally.is_none());
    let open = |exchange: Exchange| Box::new(source(config, exchange)) as Box<dyn Source>;
    holds(&Subject {
        name,
        columns,
        key: columns[0],
        key_of,
        now: now(),
        workers,
        system: &|workers| system(peer(workers)),
        source: &open,
    })
    .await;
}

fn id(worker: &Worker) -> String {
    worker.id.clone()
}

#[tokio::test(start_paused = true)]
async fn a_scim_gateway() {
    let columns = ["WorkerID", "Active", "FirstName", "Manager", "JobTitle"];
    let mut config = aquera();
    if let Some(rollcall_rest::PagingConfig::StartIndex(it)) = &mut config.paging {
        it.size = 40;
    }
    held_to("SCIM by index", &config, &columns, id, &|workers| {
        scim_gateway(workers, false)
    })
    .await;
    config.paging = Some(
        toml::from_str::<toml::Table>(
            "it = { cursor = { at = 'nextCursor', param = 'cursor', first_empty = true, \
             size_param = 'count', size = 40 } }",
        )
        .expect("TOML")["it"]
            .clone()
            .try_into()
            .expect("a way to page"),
    );
    held_to("SCIM by cursor", &config, &columns, id, &|workers| {
        scim_gateway(workers, true)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn bamboo_hr() {
    let columns = ["EmployeeID", "Status", "FirstName", "Manager", "JobTitle"];
    let mut config = bamboo();
    if let Some(rollcall_rest::PagingConfig::Cursor(it)) = &mut config.paging {
        it.size = Some(50);
    }
    let id = |it: &Worker| bamboohr::employee_id(&it.id);
    held_to("BambooHR", &config, &columns, id, &|workers| {
        let extra = bamboohr::Extra::default();
        let changes = extra.changes.clone();
        let tell = move |worker: &Worker, at| {
            let id = bamboohr::employee_id(&worker.id);
            changes
                .lock()
                .expect("nobody panics")
                .push((id, "Updated", at));
        };
        let tell: Told = Box::new(tell);
        (bamboohr::peer(workers, extra, vec![]), tell)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn dynamics_365() {
    let columns = ["EmploymentKey", "Status", "FirstName"];
    let key = |it: &Worker| format!("{}-{}", it.id, it.company.0);
    held_to("Dynamics 365", &dynamics365(), &columns, key, &|workers| {
        silent(dynamics::peer(workers, 40, 99, vec![]))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_no_particular_make() {
    for (name, paging, configuration, total) in [
        (
            "by offset",
            Paging::Offset,
            "paging.offset = { size = 40 }",
            true,
        ),
        (
            "by offset, no total",
            Paging::Offset,
            "paging.offset = { size = 40 }",
            false,
        ),
        (
            "by page",
            Paging::Page(1),
            "paging.page = { page = 'page', size_param = 'per_page', size = 40 }",
            true,
        ),
        (
            "by link",
            Paging::NextInBody,
            "paging.next_link = { at = 'next', one_page = true }",
            false,
        ),
    ] {
        let config = configured(configuration, total);
        let manners = Manners {
            paging,
            total,
            size: 40,
        };
        let columns = ["WorkerID", "First", "Manager"];
        held_to(name, &config, &columns, id, &|workers| {
            silent(generic::peer(workers, manners, vec![]))
        })
        .await;
    }
}
