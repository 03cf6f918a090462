//! The contract that every source is held to, by `Get_Workers` and by a report.

mod common;

use common::{config, now, source};
use jiff::SignedDuration;
use jiff::civil::date;
use rollcall_http::Exchange;
use rollcall_peers::contract::{Subject, System, holds};
use rollcall_peers::{Worker, population, workday as peer};
use rollcall_source::Source;
use rollcall_workday::Config;

async fn held_to(name: &str, config: &Config, columns: &[&str]) {
    let open = |exchange: Exchange| Box::new(source(config.clone(), exchange)) as Box<dyn Source>;
    holds(&Subject {
        name,
        columns,
        key: columns[0],
        key_of: |it: &Worker| it.id.clone(),
        now: now(),
        workers: population(11, 100, date(2026, 3, 16)),
        system: &|workers| {
            let tenant = peer::Workday::of(&workers, now(), Vec::new());
            let changed = tenant.clone();
            System {
                exchange: tenant.exchange(),
                // Nobody is ever taken off the list: they are entered as gone, and others as hired.
                shift: Box::new(move |leaves, joins| {
                    let entered = now() + SignedDuration::from_secs(1);
                    tenant.terminate(entered, date(2026, 3, 16), leaves);
                    tenant.hire(entered, joins);
                }),
                change: Box::new(move |worker, at| {
                    changed.change(at, date(2026, 3, 16), worker);
                }),
            }
        },
        source: &open,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_web_service() {
    let columns = ["WorkerID", "WorkerState", "BusinessTitle", "ManagerID"];
    for more in ["page_size = 30", "page_size = 30\nparallel = 1"] {
        held_to(more, &config(more), &columns).await;
    }
}

#[tokio::test(start_paused = true)]
async fn reports() {
    let columns = ["Employee_ID", "Worker_Status", "Business_Title"];
    for format in ["json", "csv", "xml", "simplexml"] {
        let more = format!(
            "[report]\nowner = \"{}\"\nname = \"{}\"\nkey = \"Employee_ID\"\nformat = \"{format}\"",
            peer::REPORT_OWNER,
            peer::REPORT_NAME
        );
        held_to(format, &config(&more), &columns).await;
    }
}
