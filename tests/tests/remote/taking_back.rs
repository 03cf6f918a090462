//! A run is taken back where functions keep the log: somebody writes a word, a release plans it, once.

use std::time::Duration;

use rollcall_core::model::RunId;
use rollcall_pipeline::approve::{Approver, Request};
use rollcall_pipeline::log;
use rollcall_pipeline::run::{Pipeline, RunError};

use super::giving_way::{enabled, pending, the_next_night};
use super::{Place, crowd, verify};

/// Three leave by a file that was wrong; gives the run.
async fn wrong_file(place: &Place, process: &Pipeline) -> RunId {
    let text = crowd(40, &[5, 6, 7]);
    place.plan(process, "workers-2026-03-15.csv", &text).await;
    let open = log::head(&process.store).await.unwrap().standing.open;
    let run = open[0].run.clone();
    place.carry_out(process).await;
    assert_eq!(enabled(place), 37);
    run
}

async fn ask(process: &Pipeline, run: &RunId, who: &str) -> Result<usize, String> {
    let by = Approver(who.to_owned());
    let now = process.clock.now();
    let said = process.ask_undo(run, "the file was wrong", &by, now).await;
    match said {
        Ok(findings) => Ok(findings.len()),
        Err(RunError::Refused(why)) => Err(why),
        Err(error) => panic!("{error}"),
    }
}

async fn asked(process: &Pipeline) -> Vec<RunId> {
    let status = process.status(process.clock.now()).await.unwrap();
    status.undoes.into_iter().map(|it| it.undo).collect()
}

async fn release(process: &Pipeline) -> Option<RunId> {
    let now = process.clock.now();
    let stored = process.release(now).await.unwrap();
    stored.map(|it| it.run)
}

#[tokio::test(start_paused = true)]
async fn a_word_is_planned_once_by_a_release() {
    let place = Place::new();
    let process = the_next_night(&place).await;
    let run = wrong_file(&place, &process).await;
    // Three were signed out: that has no way back, and is told at once.
    assert_eq!(ask(&process, &run, "one").await, Ok(3));
    assert_eq!(asked(&process).await, std::slice::from_ref(&run));
    let again = ask(&process, &run, "two").await.unwrap_err();
    assert!(again.contains("one asked for that"), "{again}");

    // A run is under way: the word waits for its end.
    let moved = crowd(40, &[5, 6, 7]).replacen("Sales", "Moved", 1);
    place.plan(&process, "workers-2026-03-16.csv", &moved).await;
    process.dispatch(place.queue.as_ref()).await.unwrap();
    assert_eq!(release(&process).await, None);
    assert_eq!(asked(&process).await, std::slice::from_ref(&run));
    place.carry_out(&process).await;

    let undo = release(&process).await.expect("the undo");
    let stored = process.planned(&undo).await.unwrap().unwrap();
    assert_eq!(stored.planned.undoes.as_ref(), Some(&run));
    let [word] = &stored.planned.notices[..] else {
        panic!("{:?}", stored.planned.notices)
    };
    assert!(word.starts_with("approvals/one/undo-"), "{word}");
    let (entry, _) = log::entry(&process.store, stored.generation).await.unwrap();
    assert!(entry.accepts.iter().any(|it| it.key == *word), "evidence");
    assert_eq!(asked(&process).await, []);
    assert_eq!(release(&process).await, None, "heard once");
    let again = ask(&process, &run, "two").await.unwrap_err();
    assert!(
        again.contains(&format!("is planned as run {undo}")),
        "{again}"
    );
    place.carry_out(&process).await;
    assert_eq!(enabled(&place), 37, "nobody has agreed");

    let waiting = pending(&process).await;
    assert_eq!(waiting.guards, ["undo"]);
    let request = Request {
        run: undo.as_str(),
        plan: &waiting.plan_sha256,
        guard: None,
        actions: &[],
        reason: "agreed",
    };
    let (by, now) = (Approver("two".to_owned()), process.clock.now());
    process.approve(&request, &by, now).await.unwrap();
    place.carry_out(&process).await;
    assert_eq!(enabled(&place), 40);
    verify(&place.dir());
}

/// Whoever may write here may write anything: it stops nothing, and what is right beside it is heard.
#[tokio::test(start_paused = true)]
async fn words_that_ask_for_nothing() {
    let place = Place::new();
    let process = the_next_night(&place).await;
    let run = wrong_file(&place, &process).await;
    for (run, told) in [("20260101T000000Z-00000000", "no run"), ("", "no run")] {
        let why = ask(&process, &RunId::new(run), "one").await.unwrap_err();
        assert!(why.contains(told), "{why}");
    }
    let by = Approver("one".to_owned());
    let now = process.clock.now();
    let unsaid = process.ask_undo(&run, " ", &by, now).await;
    assert!(matches!(unsaid, Err(RunError::Refused(_))), "{unsaid:?}");
    let unknown =
        serde_json::json!({"undo": "20260101T000000Z-00000000", "at": now, "reason": "x"});
    let stale = serde_json::json!({
        "undo": run, "at": now - jiff::SignedDuration::from_hours(25), "reason": "long ago",
    });
    for (name, text) in [
        ("a", "no JSON".to_owned()),
        ("b", unknown.to_string()),
        ("c", stale.to_string()),
        (
            "d",
            serde_json::json!({"undo": "Ada Quinn's", "at": now, "reason": "x"}).to_string(),
        ),
    ] {
        let key = format!("approvals/mallory/undo-{name}.json");
        process.store.put_new(&key, text).await.unwrap();
    }
    let names = asked(&process).await;
    assert_eq!(
        names,
        [RunId::new("20260101T000000Z-00000000")],
        "what is no id is not repeated"
    );
    let generation = log::head(&process.store).await.unwrap().generation;
    assert_eq!(release(&process).await, None);
    let head = log::head(&process.store).await.unwrap();
    assert_eq!(head.generation, generation, "nothing is entered");

    ask(&process, &run, "one").await.unwrap();
    let undo = release(&process).await.expect("the right one is heard");
    let stored = process.planned(&undo).await.unwrap().unwrap();
    assert_eq!(stored.planned.undoes, Some(run));
    place.clock.sleep(Duration::from_hours(25)).await;
    assert_eq!(asked(&process).await, [], "what nobody could plan lapses");
}
