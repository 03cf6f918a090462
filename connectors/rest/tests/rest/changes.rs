//! What changed: by a condition on the list, and by a list of ids.

use std::sync::PoisonError;

use jiff::Timestamp;
use rollcall_core::delta::Coverage;
use rollcall_core::model::FindingKind;
use rollcall_peers::Worker;
use rollcall_peers::rest::{Peer, Trouble, bamboohr, scim};
use rollcall_source::{Cursor, RefusalKind, Want};

use crate::shipped::{aquera, bamboo, dynamics365};
use crate::{check, people, problems, pull, since, values, want};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// A want since the pull before.
fn after(want: &Want, cursor: &Cursor) -> Want {
    Want {
        now: at("2026-03-17T10:00:00Z"),
        ..since(want, cursor)
    }
}

fn retitle(peer: &Peer, place: usize) -> String {
    let mut id = String::new();
    peer.change(|workers: &mut Vec<Worker>| {
        "Changed".clone_into(&mut workers[place].title);
        id.clone_from(&workers[place].id);
    });
    id
}

#[tokio::test(start_paused = true)]
async fn a_condition_gives_whoever_changed_since_with_a_margin() {
    let changed = scim::Changed::default();
    let peer = scim::peer(people(150), false, changed.clone(), vec![]);
    let full = want(&["WorkerID", "JobTitle"], "WorkerID");
    let pulled = pull(&aquera(), &peer, &full).await.0.expect("a pull");
    let cursor = pulled.cursor.expect("a cursor");
    assert_eq!(cursor.0, "2026-03-16T10:00:00Z");

    // One a moment before the pull, as the source's clock has it: within the margin.
    let late = retitle(&peer, 3);
    let new = retitle(&peer, 140);
    changed
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .extend([
            (late.clone(), at("2026-03-16T09:56:00Z")),
            (new.clone(), at("2026-03-16T23:00:00Z")),
        ]);
    let (pulled, taken) = pull(&aquera(), &peer, &after(&full, &cursor)).await;
    let pulled = pulled.expect("a pull");
    assert_eq!(pulled.coverage, Coverage::Delta);
    assert_eq!(values(&taken, "WorkerID"), [late, new]);
    assert_eq!(values(&taken, "JobTitle"), ["Changed", "Changed"]);
    assert_eq!(
        pulled.cursor,
        Some(Cursor("2026-03-17T10:00:00Z".to_owned()))
    );
    assert!(pulled.findings.is_empty(), "{:?}", pulled.findings);
    let asked = peer.asked();
    let last = asked.last().expect("a question");
    let filter = "filter=meta.lastModified%20gt%20%222026-03-16T09%3A55%3A00Z%22";
    assert!(last.contains(filter), "{last}");

    // Nobody: no doubt, and no roster.
    let (pulled, taken) = pull(
        &aquera(),
        &peer,
        &after(&full, &Cursor("2026-03-17T09:00:00Z".to_owned())),
    )
    .await;
    assert_eq!(pulled.expect("a pull").coverage, Coverage::Delta);
    assert!(taken.rows.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_filter_is_told_and_harms_nobody() {
    let peer = scim::peer(
        people(150),
        false,
        scim::Changed::default(),
        vec![Trouble::IgnoresFilter],
    );
    let full = want(&["WorkerID"], "WorkerID");
    let cursor = Cursor("2026-03-16T10:00:00Z".to_owned());
    let (pulled, taken) = pull(&aquera(), &peer, &after(&full, &cursor)).await;
    let pulled = pulled.expect("a pull");
    assert_eq!(taken.rows.len(), 150);
    assert_eq!(
        pulled.coverage,
        Coverage::Delta,
        "absence from it means nothing all the same"
    );
    assert_eq!(pulled.findings[0].kind, FindingKind::SourceWider);
    assert_eq!(pulled.findings[0].arg("count"), Some("150"));
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_the_source_does_not_know_is_a_mistake_of_the_configuration() {
    let mut config = aquera();
    if let Some(rollcall_rest::ChangesConfig::Filter(filter)) = &mut config.changes {
        filter.template = "meta.modified gt \"{since}\"".to_owned();
    }
    let peer = scim::peer(people(5), false, scim::Changed::default(), vec![]);
    let full = want(&["WorkerID"], "WorkerID");
    let cursor = Cursor("2026-03-16T10:00:00Z".to_owned());
    let refused = pull(&config, &peer, &after(&full, &cursor))
        .await
        .0
        .expect_err("a filter");
    assert_eq!(refused.kind, RefusalKind::Configuration);
    assert!(refused.message.contains("400 (invalidFilter)"), "{refused}");
    assert!(!refused.to_string().contains("Lovelace"), "{refused}");
    let checked = check(&config, &peer, &full).await.expect("a check");
    assert!(
        problems(&checked).contains("changes cannot be asked for"),
        "{checked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_of_ids_is_read_and_whoever_is_gone_is_told() {
    let extra = bamboohr::Extra::default();
    let changes = extra.changes.clone();
    let peer = bamboohr::peer(people(300), extra, vec![]);
    let full = want(&["EmployeeID", "JobTitle", "Status"], "EmployeeID");
    let cursor = pull(&bamboo(), &peer, &full)
        .await
        .0
        .expect("a pull")
        .cursor
        .expect("a cursor");

    let mut ids = Vec::new();
    for place in 10..130 {
        ids.push(bamboohr::employee_id(&retitle(&peer, place)));
    }
    peer.change(|workers| {
        workers.remove(5);
    });
    {
        let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = at("2026-03-16T15:00:00Z");
        changes.extend(ids.iter().map(|id| (id.clone(), "Updated", moment)));
        changes.push(("10006".to_owned(), "Deleted", moment));
        // On the list, and gone before it could be read.
        changes.push(("20000".to_owned(), "Inserted", moment));
        changes.push(("10299".to_owned(), "Updated", at("2026-03-10T00:00:00Z")));
    }
    let (pulled, taken) = pull(&bamboo(), &peer, &after(&full, &cursor)).await;
    let pulled = pulled.expect("a pull");
    assert_eq!(pulled.coverage, Coverage::Delta);
    assert_eq!(pulled.rows, 120);
    let mut came = values(&taken, "EmployeeID");
    came.sort();
    ids.sort();
    assert_eq!(came, ids);
    assert!(values(&taken, "JobTitle").iter().all(|it| it == "Changed"));
    assert_eq!(pulled.findings.len(), 1);
    assert_eq!(pulled.findings[0].kind, FindingKind::GoneAtSource);
    assert_eq!(pulled.findings[0].arg("count"), Some("2"));
    let batches = peer.asked();
    let batches = batches
        .iter()
        .filter(|it| it.contains("filter%5Bids%5D"))
        .count();
    assert_eq!(batches, 2, "a hundred at once");

    // The next one begins where this one was asked, and nothing changed since.
    let next = pulled.cursor.expect("a cursor");
    let (pulled, taken) = pull(&bamboo(), &peer, &after(&full, &next)).await;
    assert_eq!(pulled.expect("a pull").rows, 0);
    assert!(taken.rows.is_empty());
}

#[tokio::test(start_paused = true)]
async fn records_may_be_read_one_by_one() {
    let mut config = bamboo();
    config.id = rollcall_rest::OneOrMore::One("id".to_owned());
    config.attributes = [("EmployeeID", "id"), ("LastName", "lastName")]
        .map(|(name, path)| {
            (
                name.to_owned(),
                rollcall_rest::AttributeConfig::Path(path.to_owned()),
            )
        })
        .into();
    let Some(rollcall_rest::ChangesConfig::ChangedList(list)) = &mut config.changes else {
        panic!("a list");
    };
    list.fetch = rollcall_rest::FetchConfig::Each {
        path: "/api/v1/employees/{id}".to_owned(),
        query: std::collections::BTreeMap::new(),
    };
    let extra = bamboohr::Extra::default();
    let changes = extra.changes.clone();
    let workers = people(20);
    let peer = bamboohr::peer(workers.clone(), extra, vec![]);
    let moment = at("2026-03-16T15:00:00Z");
    changes
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .extend([
            (bamboohr::employee_id(&workers[4].id), "Updated", moment),
            ("77777".to_owned(), "Updated", moment),
        ]);
    let full = want(&["EmployeeID", "LastName"], "EmployeeID");
    let cursor = Cursor("2026-03-16T10:00:00Z".to_owned());
    let (pulled, taken) = pull(&config, &peer, &after(&full, &cursor)).await;
    let pulled = pulled.expect("a pull");
    assert_eq!(values(&taken, "LastName"), [workers[4].last.clone()]);
    assert_eq!(
        pulled.findings[0].arg("count"),
        Some("1"),
        "one can no longer be read"
    );

    // Another attribute name than the source has: nobody knows the value.
    let (pulled, taken) = {
        config.attributes.insert(
            "Nickname".to_owned(),
            rollcall_rest::AttributeConfig::Path("nickname".to_owned()),
        );
        let full = want(&["EmployeeID", "Nickname"], "EmployeeID");
        pull(&config, &peer, &after(&full, &cursor)).await
    };
    assert!(pulled.is_ok());
    assert_eq!(taken.rows[0].findings, ["value_unknown"]);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_is_too_old_or_unreadable_asks_for_a_full_pull() {
    let mut config = aquera();
    if let Some(rollcall_rest::ChangesConfig::Filter(filter)) = &mut config.changes {
        filter.keeps_days = Some(7);
    }
    let peer = scim::peer(people(5), false, scim::Changed::default(), vec![]);
    let full = want(&["WorkerID"], "WorkerID");
    for cursor in ["2026-03-01T10:00:00Z", "x"] {
        let want = after(&full, &Cursor(cursor.to_owned()));
        let refused = pull(&config, &peer, &want).await.0.expect_err(cursor);
        assert_eq!(refused.kind, RefusalKind::CursorExpired, "{refused}");
    }
    assert!(peer.asked().is_empty());
    let want = after(&full, &Cursor("2026-03-16T10:00:00Z".to_owned()));
    let refused = pull(&dynamics365(), &peer, &want)
        .await
        .0
        .expect_err("no changes");
    assert_eq!(refused.kind, RefusalKind::Configuration);
}
