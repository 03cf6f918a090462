//! A run gives way to what is newer, or to what fell due: who is cut off, and when.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_core::model::PersonKey;
use rollcall_pipeline::apply::{LIFETIME, Opening, unlimited};
use rollcall_pipeline::approve::{Approver, Request};
use rollcall_pipeline::log::{self, Pending};
use rollcall_pipeline::queue::{Envelope, Lane, Queue as _};
use rollcall_pipeline::run::{Pipeline, Taken, Until};
use rollcall_rehearsal::{Fault, Faults, TenantOptions};

use super::{BATCH, NIGHTS, Place, VISIBLE, crowd, incoming, settle};

/// The only run that is open.
async fn opening(process: &Pipeline) -> (rollcall_core::model::RunId, u64) {
    let standing = log::head(&process.store).await.unwrap().standing;
    let [open] = &standing.open[..] else {
        panic!("{:?}", standing.open)
    };
    (open.run.clone(), open.opening())
}

pub(super) async fn pending(process: &Pipeline) -> Pending {
    let standing = log::head(&process.store).await.unwrap().standing;
    standing.pending.last().unwrap().clone()
}

/// Two people agree to everything that a plan keeps back.
pub(super) async fn approve(process: &Pipeline, pending: &Pending) {
    for who in ["one", "two"] {
        let request = Request {
            run: pending.run.as_str(),
            plan: &pending.plan_sha256,
            guard: None,
            actions: &[],
            reason: "agreed",
        };
        let (by, now) = (Approver(who.to_owned()), process.clock.now());
        process.approve(&request, &by, now).await.unwrap();
    }
}

/// Who is of these workers, in the policy.
fn protect(place: &Place, worker: &str) {
    let policy = place.dir().join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    let text = text.replace("workers = []", &format!("workers = [\"{worker}\"]"));
    std::fs::write(&policy, text).unwrap();
}

/// A process with forty accounts of the first night behind it, one day later.
pub(super) async fn the_next_night(place: &Place) -> Pipeline {
    let process = place.process(true);
    let text = crowd(40, &[]);
    place.plan(&process, "workers-2026-03-14.csv", &text).await;
    place.carry_out(&process).await;
    let pending = log::head(&process.store).await.unwrap().standing.pending;
    if let Some(pending) = pending.last() {
        approve(&process, pending).await;
        place.carry_out(&process).await;
    }
    place.clock.sleep(Duration::from_hours(24)).await;
    assert_eq!(enabled(place), 40);
    process
}

pub(super) fn enabled(place: &Place) -> usize {
    let users = place.users();
    let enabled = users.values().filter(|u| u["accountEnabled"] == true);
    enabled.count()
}

/// Somebody's day comes while a long run is under way. Done and on record, they are not late, although
/// the state will know it only when the run is folded.
#[tokio::test(start_paused = true)]
async fn what_a_run_has_done_is_not_late() {
    let place = Place::new();
    let inbox = place.dir().join("inbox");
    let process = place.process(true);
    let queue = place.queue.as_ref();
    let begins = |date: &str| crowd(40, &[]).replacen("2015-01-10", date, 1);
    let first: Timestamp = NIGHTS[0].parse().unwrap();
    std::fs::write(inbox.join("workers-2026-03-14.csv"), begins("2026-03-15")).unwrap();
    process.pull_inbox(first, &[]).await.unwrap();
    process.advance(Until::Planned).await.unwrap();
    for _ in 0..20 {
        process.dispatch(queue).await.unwrap();
        let batch = queue.receive(Lane::Bulk, 10, VISIBLE).await.unwrap();
        let taken = process
            .take_batch(&incoming(&batch), unlimited)
            .await
            .unwrap();
        settle(&place, Lane::Bulk, &batch, &taken).await;
        process.advance(Until::Closed).await.unwrap();
    }
    // The next night everybody moves, and the one who begins is enabled: half of it is done.
    place.clock.sleep(Duration::from_hours(26)).await;
    let moved = begins("2026-03-15").replace("Sales", "Moved");
    std::fs::write(inbox.join("workers-2026-03-15.csv"), moved).unwrap();
    let now = place.clock.now();
    assert_eq!(process.status(now).await.unwrap().late, 1);
    process.pull_inbox(now, &[]).await.unwrap();
    process.advance(Until::Planned).await.unwrap();
    assert_eq!(process.dispatch(queue).await.unwrap(), 40);
    let mut late = Vec::new();
    for _ in 0..40 {
        let batch = queue.receive(Lane::Bulk, 1, VISIBLE).await.unwrap();
        let taken = process
            .take_batch(&incoming(&batch), unlimited)
            .await
            .unwrap();
        settle(&place, Lane::Bulk, &batch, &taken).await;
        let enabled = place.users().values().all(|u| u["accountEnabled"] == true);
        let status = process.status(now).await.unwrap();
        assert_eq!(status.late, u32::from(!enabled));
        assert_eq!(status.open.len(), 1, "nothing is folded yet");
        late.push(status.late);
    }
    assert!(late.contains(&1) && late.contains(&0), "{late:?}");
}

/// Orders of joiners are in hand when HR says that one of them has left. The next plan waits until
/// nobody writes any more, and then finds whom to cut off.
#[tokio::test(start_paused = true)]
async fn what_is_in_hand_is_let_go_before_the_next_plan() {
    let place = Place::with(TenantOptions {
        latency: Duration::from_secs(10),
        ..TenantOptions::default()
    });
    let inbox = place.dir().join("inbox");
    let (taker, planner) = (place.process(true), place.process(true));
    let queue = place.queue.as_ref();
    let first: Timestamp = NIGHTS[0].parse().unwrap();
    std::fs::write(inbox.join("workers-2026-03-14.csv"), crowd(40, &[])).unwrap();
    planner.pull_inbox(first, &[]).await.unwrap();
    planner.advance(Until::Planned).await.unwrap();
    planner.dispatch(queue).await.unwrap();
    let batch = queue.receive(Lane::Bulk, BATCH, VISIBLE).await.unwrap();
    let who = batch[4].group.clone();
    let newer = crowd(40, &[who.parse().unwrap()]);
    let messages = incoming(&batch);
    let (taken, waited) = futures::join!(taker.take_batch(&messages, unlimited), async {
        place.clock.sleep(Duration::from_secs(1)).await;
        assert_eq!(place.tenant.users().len(), 0, "nothing is written yet");
        std::fs::write(inbox.join("workers-2026-03-15.csv"), newer).unwrap();
        let now = place.clock.now();
        planner.pull_inbox(now, &[]).await.unwrap();
        let mut waited = 0;
        while planner.advance(Until::Planned).await.unwrap().is_empty() {
            place.clock.sleep(Duration::from_secs(1)).await;
            waited += 1;
        }
        waited
    });
    assert!(waited > 10, "planned while others were writing");
    taken.unwrap();
    let users = place.users();
    assert_eq!(users[&who]["accountEnabled"], true, "it was in hand");
    for _ in 0..20 {
        planner.dispatch(queue).await.unwrap();
        for lane in [Lane::Urgent, Lane::Bulk] {
            let batch = queue.receive(lane, BATCH, VISIBLE).await.unwrap();
            let taken = taker
                .take_batch(&incoming(&batch), unlimited)
                .await
                .unwrap();
            settle(&place, lane, &batch, &taken).await;
        }
        place.clock.sleep(VISIBLE).await;
        planner.advance(Until::Closed).await.unwrap();
    }
    let users = place.users();
    assert_eq!(users[&who]["accountEnabled"], false);
    let enabled = users.values().filter(|u| u["accountEnabled"] == true);
    assert_eq!(enabled.count(), 39);
}

/// A call takes longer than the function lives: it is dropped, and what was asked of the tenant may
/// still happen. So nobody plans anew before it cannot happen any more.
#[tokio::test(start_paused = true)]
async fn what_was_dropped_counts_as_in_hand() {
    let place = Place::with(TenantOptions {
        latency: Duration::from_secs(10),
        ..TenantOptions::default()
    });
    let inbox = place.dir().join("inbox");
    let process = place.process(true);
    let queue = place.queue.as_ref();
    std::fs::write(inbox.join("workers-2026-03-14.csv"), crowd(3, &[])).unwrap();
    let first: Timestamp = NIGHTS[0].parse().unwrap();
    process.pull_inbox(first, &[]).await.unwrap();
    process.advance(Until::Planned).await.unwrap();
    process.dispatch(queue).await.unwrap();
    let batch = queue.receive(Lane::Bulk, BATCH, VISIBLE).await.unwrap();
    let began = place.clock.now();
    let little = || Some(Duration::from_secs(15));
    let taken = process.take_batch(&incoming(&batch), little).await.unwrap();
    assert_eq!(taken, vec![Taken::Again; batch.len()]);
    std::fs::write(inbox.join("workers-2026-03-15.csv"), crowd(3, &[2])).unwrap();
    let now = place.clock.now();
    process.pull_inbox(now, &[]).await.unwrap();
    while process.advance(Until::Planned).await.unwrap().is_empty() {
        place.clock.sleep(Duration::from_secs(10)).await;
    }
    let waited = place.clock.now().duration_since(began);
    assert!(waited >= LIFETIME, "{waited}");
}

/// A cut is approved seven hours after its plan, while the lane of everything else is full: it is sent
/// at once, and its run is not over before it is carried out.
#[tokio::test(start_paused = true)]
async fn a_late_approval_is_carried_out() {
    let place = Place::new();
    protect(&place, "7");
    let process = the_next_night(&place).await;
    let queue = place.queue.as_ref();
    let text = crowd(40, &[7]);
    place.plan(&process, "workers-2026-03-15.csv", &text).await;
    place.carry_out(&process).await;
    assert_eq!(log::head(&process.store).await.unwrap().standing.open, []);
    place.clock.sleep(Duration::from_hours(7)).await;
    // Somebody else's orders fill the other lane.
    let envelope = Envelope {
        group: PersonKey::new("x"),
        deduplication_id: "x".to_owned(),
        body: "x".to_owned(),
    };
    queue.send(Lane::Bulk, vec![envelope]).await.unwrap();
    approve(&process, &pending(&process).await).await;
    process.close().await.unwrap();
    assert_eq!(queue.depth(Lane::Urgent).await.unwrap(), 1, "sent at once");
    process.close().await.unwrap();
    let batch = queue.receive(Lane::Urgent, 1, VISIBLE).await.unwrap();
    let taken = process.take_batch(&incoming(&batch), unlimited).await;
    assert_eq!(taken.unwrap(), [Taken::Done]);
    assert_eq!(place.users()["7"]["accountEnabled"], false);
}

/// The plan under way was the first to hear of somebody's last day. It ends that day, and the cut
/// does not wait for the plan.
#[tokio::test(start_paused = true)]
async fn what_a_run_schedules_is_not_forgotten() {
    let place = Place::new();
    let mapping = place.dir().join("mapping.toml");
    let text = std::fs::read_to_string(&mapping).unwrap();
    let last_day = "[worker]\nlast_day = { column = \"Custom01\", format = \"iso\" }";
    std::fs::write(&mapping, text.replace("[worker]", last_day)).unwrap();
    let process = the_next_night(&place).await;
    // 20:30, three and a half hours before the day ends.
    place.clock.sleep(Duration::from_mins(18 * 60 + 30)).await;
    let text = crowd(40, &[]).replace("Sales", "Moved");
    let text = text.replace("030-7,,", "030-7,2026-03-15,");
    place.plan(&process, "workers-2026-03-15.csv", &text).await;
    assert_eq!(process.dispatch(place.queue.as_ref()).await.unwrap(), 40);
    let now = place.clock.now();
    assert!(process.release(now).await.unwrap().is_none(), "not yet");
    place.clock.sleep(Duration::from_hours(4)).await;
    let now = place.clock.now();
    assert!(process.status(now).await.unwrap().late_seconds_max > 1700.0);
    let released = process.release(now).await.unwrap().expect("it is due");
    assert_eq!(released.summary.counts.actions["user.disable"], 1);
    place.carry_out(&process).await;
    assert_eq!(enabled(&place), 39);
}

/// It was called back for something that is no reason any more: it ends all the same, and what it
/// left is planned again.
#[tokio::test(start_paused = true)]
async fn a_run_that_was_called_back_ends() {
    let place = Place::new();
    let process = the_next_night(&place).await;
    let text = crowd(40, &[]).replace("Sales", "Moved");
    place.plan(&process, "workers-2026-03-15.csv", &text).await;
    process.dispatch(place.queue.as_ref()).await.unwrap();
    let (run, generation) = opening(&process).await;
    let store = &process.store;
    let opening = Opening {
        store,
        run: &run,
        generation,
    };
    let now = place.clock.now();
    assert!(opening.take("a", now).await.unwrap());
    assert!(!opening.call_back(now).await.unwrap());
    assert!(process.close().await.unwrap().is_empty(), "in hand");
    opening.let_go("a").await.unwrap();
    assert_eq!(process.close().await.unwrap().len(), 1);
    let released = process.release(place.clock.now()).await.unwrap();
    assert_eq!(
        released.expect("all of them").summary.counts.actions["user.update"],
        40
    );
    place.carry_out(&process).await;
    assert!(place.users().values().all(|u| u["department"] == "Moved"));
}

/// People approve a cut just when its run is called back: the approval waits, and counts.
#[tokio::test(start_paused = true)]
async fn an_approval_outlives_a_call_back() {
    let place = Place::new();
    protect(&place, "7");
    let process = the_next_night(&place).await;
    let text = crowd(40, &[7]).replace("Sales", "Moved");
    place.plan(&process, "workers-2026-03-15.csv", &text).await;
    process.dispatch(place.queue.as_ref()).await.unwrap();
    let (run, generation) = opening(&process).await;
    let store = &process.store;
    let opening = Opening {
        store,
        run: &run,
        generation,
    };
    let now = place.clock.now();
    opening.take("a", now).await.unwrap();
    opening.call_back(now).await.unwrap();
    approve(&process, &pending(&process).await).await;
    assert!(pending(&process).await.agreed.is_empty(), "not yet");
    opening.let_go("a").await.unwrap();
    place.carry_out(&process).await;
    assert_eq!(enabled(&place), 39);
    assert_eq!(place.users()["7"]["accountEnabled"], false);
}

/// Eight cuts passed the budget of ten and were not carried out when four more came: the four are
/// kept back, the eight go.
#[tokio::test(start_paused = true)]
async fn what_passed_the_budget_once_is_not_kept_back() {
    let place = Place::new();
    let policy = place.dir().join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    let text = text.replace(
        "inactive_share_points = 5.0",
        "inactive_share_points = 90.0",
    );
    std::fs::write(&policy, text).unwrap();
    let process = the_next_night(&place).await;
    let first: Vec<u32> = (1..=8).collect();
    let text = crowd(40, &first);
    place.plan(&process, "workers-2026-03-15.csv", &text).await;
    assert_eq!(process.dispatch(place.queue.as_ref()).await.unwrap(), 8);
    place.clock.sleep(Duration::from_hours(22)).await;
    let all: Vec<u32> = (1..=12).collect();
    let text = crowd(40, &all);
    place.plan(&process, "workers-2026-03-16.csv", &text).await;
    place.carry_out(&process).await;
    assert_eq!(enabled(&place), 32);
    assert_eq!(pending(&process).await.guards, ["disables"]);
}

/// Whoever may approve may write anything into their folder. It is no approval, and keeps neither
/// approvals nor anything else from counting.
#[tokio::test(start_paused = true)]
async fn what_is_no_approval_keeps_nothing_back() {
    let place = Place::new();
    protect(&place, "7");
    let process = the_next_night(&place).await;
    let text = crowd(40, &[7]);
    place.plan(&process, "workers-2026-03-15.csv", &text).await;
    place.carry_out(&process).await;
    let pending = pending(&process).await;
    let now = place.clock.now();
    let note = |plan: &str| {
        serde_json::json!({
            "run": pending.run, "plan_sha256": plan, "guard": "protected", "at": now,
            "reason": "mine",
        })
    };
    let other = note(&"0".repeat(64)).to_string();
    let huge = format!("{}{}", note(&pending.plan_sha256), " ".repeat(20_000));
    for (name, text) in [
        ("a", "no JSON"),
        ("b", other.as_str()),
        ("c", huge.as_str()),
    ] {
        let key = format!("approvals/mallory/{}-{name}.json", pending.run);
        process.store.put_new(&key, text.to_owned()).await.unwrap();
    }
    place.carry_out(&process).await;
    assert_eq!(enabled(&place), 40);
    let generation = log::head(&process.store).await.unwrap().generation;
    process.close().await.unwrap();
    let head = log::head(&process.store).await.unwrap();
    assert_eq!(head.generation, generation, "nothing is entered");
    approve(&process, &pending).await;
    place.carry_out(&process).await;
    assert_eq!(enabled(&place), 39);
}

/// A cut fails while everything else is under way for hours: it is tried again with the next
/// release, a quarter of an hour later.
#[tokio::test(start_paused = true)]
async fn a_cut_that_failed_does_not_wait_for_the_others() {
    let place = Place::new();
    let process = the_next_night(&place).await;
    let queue = place.queue.as_ref();
    let text = crowd(40, &[7]).replace("Sales", "Moved");
    place.plan(&process, "workers-2026-03-15.csv", &text).await;
    process.dispatch(queue).await.unwrap();
    let batch = queue.receive(Lane::Urgent, 1, VISIBLE).await.unwrap();
    place.tenant.set_faults(Faults {
        share: 1.0,
        kinds: vec![Fault::Denied],
        ..Faults::none()
    });
    let taken = process.take_batch(&incoming(&batch), unlimited).await;
    settle(&place, Lane::Urgent, &batch, &taken.unwrap()).await;
    place.tenant.set_faults(Faults::none());
    let late = async || process.status(place.clock.now()).await.unwrap().late;
    let release = async || process.release(place.clock.now()).await.unwrap();
    assert!(release().await.is_none(), "just tried");
    place.clock.sleep(Duration::from_mins(16)).await;
    let released = release().await.expect("the cut and all that is left");
    assert_eq!(released.summary.counts.actions["user.disable"], 1);
    assert!(late().await > 0);
    process.dispatch(queue).await.unwrap();
    let batch = queue.receive(Lane::Urgent, 1, VISIBLE).await.unwrap();
    process
        .take_batch(&incoming(&batch), unlimited)
        .await
        .unwrap();
    assert_eq!(place.users()["7"]["accountEnabled"], false);
}
