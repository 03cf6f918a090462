//! What goes wrong in an instance, and what a pull makes of it: no worker lost, none twice, or a clear refusal.

mod world;

use jiff::Timestamp;
use rollcall_http::Clock;
use rollcall_peers::Taken;
use rollcall_peers::successfactors::{Peer, Trouble};
use rollcall_source::{Pulled, RefusalKind, Refused};
use serde_json::json;
use world::*;

const COLUMNS: [&str; 3] = ["personIdExternal", "jobTitle", "WorkerState"];

async fn with(troubles: Vec<Trouble>) -> (Result<(Pulled, Taken), Refused>, Peer) {
    let mut peer = Peer::with_workers(setup(), &workers(100));
    for trouble in troubles {
        peer = peer.troubled(trouble);
    }
    let source = source(&peer);
    let came = pull(&source, &want(&COLUMNS)).await;
    (came, peer)
}

/// Trouble → the kind of refusal, and a word of what is said.
#[tokio::test(start_paused = true)]
async fn whatever_does_not_add_up_is_refused() {
    for (troubles, kind, word) in [
        (
            vec![Trouble::PageAgain(2)],
            RefusalKind::IncompletePage,
            "page 3 of 5",
        ),
        (
            vec![Trouble::LinkBack(2)],
            RefusalKind::IncompletePage,
            "leads back",
        ),
        (
            vec![Trouble::ForeignLink(1)],
            RefusalKind::ForeignLink,
            "another host",
        ),
        (
            vec![Trouble::LosesPage(2)],
            RefusalKind::IncompletePage,
            "80 people came, and 100 are counted",
        ),
        (
            vec![Trouble::ShortPage(5)],
            RefusalKind::IncompletePage,
            "99 people came, and 100 are counted",
        ),
        (
            vec![Trouble::EmptyPage(3)],
            RefusalKind::IncompletePage,
            "is empty",
        ),
        (
            vec![Trouble::Garbage(2)],
            RefusalKind::Malformed,
            "page 2 of 5",
        ),
        (
            vec![Trouble::SnapshotOver(3)],
            RefusalKind::IncompletePage,
            "no longer keeps",
        ),
        (
            vec![Trouble::SnapshotBlocked],
            RefusalKind::Unavailable,
            "blocked",
        ),
        (
            vec![Trouble::CountMoves],
            RefusalKind::IncompletePage,
            "100 people came; 101 were counted before, and 102 after",
        ),
        (vec![Trouble::Forbidden], RefusalKind::Permission, "COE0020"),
        (
            vec![Trouble::Forbidden, Trouble::XmlErrors],
            RefusalKind::Permission,
            "COE0020",
        ),
        (
            vec![Trouble::NobodySeen],
            RefusalKind::Empty,
            "counts no people",
        ),
        (
            vec![Trouble::FailsPage {
                page: 3,
                times: u32::MAX,
                status: 500,
            }],
            RefusalKind::Unavailable,
            "page 3 of 5",
        ),
        (
            vec![Trouble::Maintenance(u32::MAX)],
            RefusalKind::Unavailable,
            "503",
        ),
        (
            vec![Trouble::Throttles(u32::MAX)],
            RefusalKind::Unavailable,
            "left alone until",
        ),
    ] {
        let (came, _) = with(troubles.clone()).await;
        let refused = came
            .err()
            .unwrap_or_else(|| panic!("{troubles:?} was taken"));
        assert_eq!(refused.kind, kind, "{troubles:?}: {refused}");
        assert!(refused.message.contains(word), "{troubles:?}: {refused}");
        assert!(!refused.hint.is_empty());
        // P11: nobody is named.
        for worker in workers(100) {
            assert!(!refused.to_string().contains(&worker.id), "{refused}");
        }
    }
}

/// Trouble that passes: everybody comes, nobody twice.
#[tokio::test(start_paused = true)]
async fn what_passes_is_waited_for() {
    for troubles in [
        vec![Trouble::Busy(2)],
        vec![Trouble::Busy(2), Trouble::XmlErrors],
        vec![Trouble::Maintenance(3)],
        vec![Trouble::FailsPage {
            page: 3,
            times: 5,
            status: 500,
        }],
        vec![Trouble::FailsPage {
            page: 1,
            times: 5,
            status: 502,
        }],
        vec![Trouble::TokenEnds(2)],
        // HR at work behind a snapshot: the list of the first page stays.
        vec![Trouble::ShiftsAfter(2)],
    ] {
        let (came, peer) = with(troubles.clone()).await;
        let (_, taken) = came.unwrap_or_else(|e| panic!("{troubles:?}: {e}"));
        let mut ids: Vec<&String> = taken
            .rows
            .iter()
            .map(|it| &it.values["personIdExternal"])
            .collect();
        ids.sort_unstable();
        ids.dedup();
        // Whoever comes in while we read is there as well.
        let all = if troubles.contains(&Trouble::ShiftsAfter(2)) {
            101
        } else {
            100
        };
        assert_eq!((ids.len(), taken.rows.len()), (all, all), "{troubles:?}");
        // Every snapshot that is begun is read to its end.
        let asked = peer.asked();
        let first = |it: &&String| it.contains("paging=snapshot") && !it.contains("$skiptoken");
        let begun: std::collections::BTreeSet<&String> = asked.iter().filter(first).collect();
        assert_eq!(begun.len(), 2, "{troubles:?}: people, and keys");
    }
}

/// Throttled without a word of how long: five minutes, as SAP asks.
#[tokio::test(start_paused = true)]
async fn throttling_without_a_time_is_five_minutes() {
    let clock = Clock::starting_at(now());
    let peer = Peer::with_workers(setup(), &workers(10)).troubled(Trouble::Throttles(1));
    let source = source_of(&peer, clock, CONFIG).unwrap();
    pull(&source, &want(&COLUMNS)).await.unwrap();
    let waited = clock.elapsed().as_secs();
    assert!((300..310).contains(&waited), "{waited}");
}

/// What is asked for and does not come is not known: the rows are held, and nothing is cleared.
#[tokio::test(start_paused = true)]
async fn what_is_hidden_holds_rows() {
    for (trouble, columns) in [
        (
            Trouble::Hides("employmentNav/jobInfoNav", "jobTitle"),
            &COLUMNS[..],
        ),
        (
            Trouble::Hides("employmentNav/jobInfoNav/emplStatusNav", "externalCode"),
            &["personIdExternal"],
        ),
        (Trouble::Defers("emailNav"), &["personIdExternal", "email"]),
        (
            Trouble::Defers("employmentNav/jobInfoNav"),
            &["personIdExternal"],
        ),
        (Trouble::Defers("employmentNav"), &["personIdExternal"]),
    ] {
        let peer = Peer::with_workers(setup(), &workers(30)).troubled(trouble.clone());
        let (pulled, taken) = pull(&source(&peer), &want(columns)).await.unwrap();
        assert_eq!(pulled.rows, 30, "{trouble:?}");
        let begun = taken.rows.iter().filter(|it| it.held).count();
        assert!(begun >= 25, "{trouble:?}: {begun}");
        let held = taken.rows.iter().find(|it| it.held).unwrap();
        assert!(
            held.findings.iter().any(|it| it == "value_unknown"),
            "{trouble:?}: {held:?}"
        );
        assert!(
            !held.values["personIdExternal"].is_empty(),
            "the key counts as present"
        );
        assert!(
            !held.values.contains_key("jobTitle") && !held.values.contains_key("email"),
            "{held:?}"
        );
    }
}

/// Somebody who begins later and does not come when asked for as of that day is held, not dropped.
#[tokio::test(start_paused = true)]
async fn later_ones_are_never_dropped() {
    let workers = workers(100);
    let later: Vec<&str> = workers
        .iter()
        .filter(|it| it.standing == rollcall_peers::Standing::PreHire)
        .map(|it| it.id.as_str())
        .collect();
    let (came, _) = with(vec![Trouble::LosesKey(later[0].to_owned())]).await;
    let (pulled, taken) = came.unwrap();
    assert_eq!(pulled.rows, 100);
    let row = taken.row("personIdExternal", later[0]);
    assert_eq!(
        (row.held, row.findings.as_slice()),
        (true, &["value_unknown".to_owned()][..])
    );
    let other = taken.row("personIdExternal", later[1]);
    assert_eq!(
        (other.held, other.values["WorkerState"].as_str()),
        (false, "pre_hire")
    );
    let (came, _) = with(vec![Trouble::Stranger]).await;
    assert_eq!(came.unwrap_err().kind, RefusalKind::IncompletePage);
}

/// A change that was seen and cannot be read is no change that may be forgotten.
#[tokio::test(start_paused = true)]
async fn changes_that_do_not_come_are_refused() {
    let workers = workers(50);
    let peer = Peer::with_workers(setup(), &workers);
    peer.edit(|people| people[4]["lastModifiedDateTime"] = json!("/Date(1773640000000+0000)/"));
    let peer = peer.troubled(Trouble::LosesKey(workers[4].id.clone()));
    let refused = pull(&source(&peer), &since(&COLUMNS, "2026-03-15T10:00:00Z"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, RefusalKind::IncompletePage);
    assert!(refused.message.contains("by key"), "{refused}");
}

/// A position that is none of ours, or of the future, asks for a full pull.
#[tokio::test(start_paused = true)]
async fn positions_can_be_over() {
    let peer = Peer::with_workers(setup(), &workers(10));
    for cursor in ["", "4711", "2026-03-17T00:00:00Z"] {
        let refused = pull(&source(&peer), &since(&COLUMNS, cursor))
            .await
            .unwrap_err();
        assert_eq!(refused.kind, RefusalKind::CursorExpired, "{cursor}");
        assert!(refused.hint.contains("in full"));
    }
    assert!(peer.asked().is_empty(), "nobody is asked for it");
    let now: Timestamp = now();
    assert!(
        pull(&source(&peer), &since(&COLUMNS, &now.to_string()))
            .await
            .is_ok()
    );
}

/// Somebody without a key is a row that is held: someone unknown is present.
#[tokio::test(start_paused = true)]
async fn whoever_has_no_key_is_there() {
    let peer = Peer::with_workers(setup(), &workers(10));
    peer.edit(|people| people[3]["personIdExternal"] = json!(null));
    // The peer finds people by key, and so this one's page comes as it is.
    let (came, taken) = match pull(&source(&peer), &want(&COLUMNS)).await {
        Ok(it) => it,
        Err(refused) => panic!("{refused}"),
    };
    let held: Vec<_> = taken.rows.iter().filter(|it| it.held).collect();
    assert_eq!((came.rows, held.len()), (10, 1));
    assert_eq!(held[0].findings, ["key_missing"]);
}

/// An instance that cuts pages by row while one goes and another comes: somebody is skipped, and the count still fits. The list of
/// keys brings them to light.
#[tokio::test(start_paused = true)]
async fn whoever_is_skipped_comes_to_light() {
    let all = workers(100);
    let peer = Peer::with_workers(setup(), &all)
        .troubled(Trouble::IgnoresPaging)
        .troubled(Trouble::ShiftsAfter(1));
    let (_, taken) = pull(&source(&peer), &want(&COLUMNS)).await.unwrap();
    // The first one was read before they went; the newcomer is there as well.
    assert_eq!(taken.rows.len(), 101);
    for worker in &all {
        taken.row("personIdExternal", &worker.id);
    }
    let skipped = &all[20].id;
    let asked = peer.asked();
    assert!(
        asked
            .iter()
            .any(|it| it.contains(&format!("%27{skipped}%27"))),
        "skipped on the pages, and asked for by key"
    );
}

/// The same with many: pages that do not hold still are not believed.
#[tokio::test(start_paused = true)]
async fn pages_that_do_not_hold_still_are_refused() {
    let troubles = vec![
        Trouble::IgnoresPaging,
        Trouble::Swaps {
            page: 2,
            people: 30,
        },
    ];
    let (came, _) = with(troubles).await;
    let refused = came.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::IncompletePage, "{refused}");
}
