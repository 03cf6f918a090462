//! The embedded store and queue keep their contracts; so do two processes that commit at once.

use std::time::Duration;

use futures::future::join_all;
use rollcall_core::model::RunId;
use rollcall_http::Clock;
use rollcall_pipeline::log::{self, Closed, CommitError, Event, Objects};
use rollcall_pipeline::queue::EmbeddedQueue;
use rollcall_pipeline::store::Store;
use rollcall_tests::{queue_contract, store_contract};

#[tokio::test]
async fn the_folder_store() {
    let folder = tempfile::tempdir().unwrap();
    store_contract::check(&Store::folder(folder.path()).unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn the_embedded_queue() {
    let queue = EmbeddedQueue::new(Clock::starting_at(jiff::Timestamp::UNIX_EPOCH));
    queue_contract::check(&queue, |time: Duration| tokio::time::sleep(time)).await;
}

/// Of many writers at one generation one wins; the losers see it and start over, so nothing is
/// lost and the chain has no fork.
#[tokio::test]
async fn the_log_is_a_fence() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::folder(folder.path()).unwrap();
    let at = jiff::Timestamp::UNIX_EPOCH;
    let writer = async |n: u32| {
        let run = RunId::new(format!("run-{n}"));
        let mut lost = 0;
        loop {
            let head = log::head(&store).await.unwrap();
            let event = Event::Close(Closed::default());
            let nonce = format!("{n}-{lost}");
            match log::commit(&store, &head, &run, at, &nonce, event, Objects::default()).await {
                Ok(_) => return lost,
                Err(CommitError::Lost(_)) => lost += 1,
                Err(CommitError::Store(e)) => panic!("{e}"),
            }
        }
    };
    let lost: u32 = join_all((0..12).map(writer)).await.into_iter().sum();
    assert!(lost > 0, "nobody ever lost: this test shows nothing");
    assert_eq!(log::head(&store).await.unwrap().generation, 12);
    let mut previous = None;
    let mut runs = std::collections::BTreeSet::new();
    for generation in 1..=12 {
        let (entry, hash) = log::entry(&store, generation).await.unwrap();
        assert_eq!(entry.previous, previous);
        assert!(runs.insert(entry.run));
        previous = Some(hash);
    }
}

/// Data that was copied in is the data it was copied from, wherever that lies beside the project.
#[test]
fn copies_are_faithful() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shared = root.join("../shared");
    if !shared.is_dir() {
        // A clone of its own: there is nothing to compare with.
        return;
    }
    let read = |path: std::path::PathBuf| {
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let mut compared = 0;
    let mut same = |copy: &str, from: &str| {
        assert_eq!(read(root.join(copy)), read(shared.join(from)), "{copy}");
        compared += 1;
    };
    for vectors in [
        "mapping-expressions.json",
        "dynamic-rules.json",
        "dynamic-rules-lint.json",
        "scenarios.md",
    ] {
        same(
            &format!("tests/vectors/{vectors}"),
            &format!("vectors/{vectors}"),
        );
    }
    same(
        "connectors/http/data/throttling.json",
        "reference/throttling.json",
    );
    same(
        "connectors/rehearsal/data/throttling.json",
        "reference/throttling.json",
    );
    let csdl = "graph-v1.0-subset.csdl.xml";
    same(
        &format!("connectors/rehearsal/data/{csdl}"),
        &format!("reference/{csdl}"),
    );
    let mut folders = vec![std::path::PathBuf::from("fixtures/hr")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join("tests").join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let within = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(within);
            } else {
                let within = within.to_str().unwrap();
                same(&format!("tests/{within}"), within);
            }
        }
    }
    assert!(compared > 40, "{compared}");
}
