//! The contract that every source is held to.

mod world;

use rollcall_http::{Clock, Exchange};
use rollcall_peers::contract::{Subject, System, holds};
use rollcall_peers::successfactors::{Peer, from_worker};
use rollcall_source::Source;
use serde_json::{Value, json};
use world::*;

#[tokio::test(start_paused = true)]
async fn it_keeps_the_contract() {
    for paging in ["snapshot", "cursor"] {
        let config = CONFIG.replace(
            "page_size = 20",
            &format!("page_size = 30\npaging = \"{paging}\""),
        );
        let open = |exchange: Exchange| {
            let source = source_through(exchange, Clock::starting_at(now()), &config);
            Box::new(source.unwrap_or_else(|e| panic!("{e:?}"))) as Box<dyn Source>
        };
        holds(&Subject {
            name: paging,
            columns: &["personIdExternal", "jobTitle", "WorkerState", "ManagerID"],
            key: "personIdExternal",
            key_of: |it| it.id.clone(),
            now: now(),
            workers: workers(100),
            system: &|workers| {
                let peer = Peer::with_workers(setup(), &workers);
                let changed = peer.clone();
                System {
                    exchange: peer.exchange(),
                    shift: Box::new(move |leaves, joins| {
                        let day = jiff::civil::date(2026, 3, 16);
                        let new = from_worker(joins, 500, day);
                        peer.edit(|people| {
                            people.retain(|it| it["personIdExternal"] != leaves.id.as_str());
                            people.push(new);
                        });
                    }),
                    change: Box::new(move |worker, at| {
                        changed.edit(|people| {
                            let is = |it: &&mut Value| it["personIdExternal"] == worker.id.as_str();
                            let person = people.iter_mut().find(is).expect("somebody known");
                            let job = &mut person["employmentNav"]["results"][0]["jobInfoNav"]["results"][0];
                            job["jobTitle"] = json!(worker.title);
                            let at = format!("/Date({}+0000)/", at.as_millisecond());
                            job["lastModifiedDateTime"] = json!(at);
                        });
                    }),
                }
            },
            source: &open,
        })
        .await;
    }
}
