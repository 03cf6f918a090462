//! What the pipeline relies on from a queue: SQS FIFO semantics, lane by lane.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use rollcall_core::model::PersonKey;
use rollcall_pipeline::queue::{Delivery, Envelope, Lane, Queue, QueueError, RECEIVES_MAX};

const VISIBLE: Duration = Duration::from_mins(1);

fn envelope(group: &str, id: &str) -> Envelope {
    Envelope {
        group: PersonKey::new(group),
        deduplication_id: id.to_owned(),
        body: format!("{group}:{id}"),
    }
}

async fn bodies(queue: &dyn Queue, lane: Lane, most: usize) -> Vec<Delivery> {
    queue
        .receive(lane, most, VISIBLE)
        .await
        .expect("the queue works")
}

fn names(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|d| d.body.as_str()).collect()
}

/// Runs the whole contract on an empty queue. `wait` lets time pass on the queue's clock.
///
/// # Panics
/// Where the queue does not keep it.
pub async fn check<F: Future<Output = ()>>(queue: &dyn Queue, wait: impl Fn(Duration) -> F) {
    for lane in [Lane::Urgent, Lane::Bulk] {
        order_within_a_group(queue, lane, true).await;
        redelivery(queue, lane, &wait).await;
        deduplication(queue, lane, &wait).await;
        dead_letters(queue, lane, &wait).await;
    }
    lanes_are_apart(queue).await;
}

/// The part of the contract that needs no passing of time, for a stand-in whose clock cannot be
/// moved and that takes receipts which are no longer valid.
///
/// # Panics
/// Where the queue does not keep it.
pub async fn check_without_time(queue: &dyn Queue) {
    for lane in [Lane::Urgent, Lane::Bulk] {
        order_within_a_group(queue, lane, false).await;
        put_aside(queue, lane).await;
        many(queue, lane).await;
    }
    lanes_are_apart(queue).await;
}

/// More than one call takes; nothing is lost, and a group keeps its order.
async fn many(queue: &dyn Queue, lane: Lane) {
    let sent: Vec<Envelope> = (0..64)
        .map(|n| envelope(&format!("m{}", n % 8), &format!("m{n:02}")))
        .collect();
    queue.send(lane, sent.clone()).await.expect("sent");
    // Sent again at once, nothing is delivered twice.
    queue.send(lane, sent).await.expect("sent");
    assert_eq!(queue.depth(lane).await.expect("the queue works"), 64);
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut count = 0;
    while count < 64 {
        let some = bodies(queue, lane, 10).await;
        assert!(!some.is_empty(), "{count} of 64 came");
        for delivery in some {
            let (group, id) = delivery.body.split_once(':').expect("as sent");
            seen.entry(group.to_owned())
                .or_default()
                .push(id.to_owned());
            count += 1;
            let done = queue.acknowledge(lane, &delivery.receipt).await;
            done.expect("in flight");
        }
    }
    assert_eq!(seen.len(), 8);
    assert!(seen.values().all(|ids| ids.len() == 8 && ids.is_sorted()));
    assert_eq!(queue.depth(lane).await.expect("the queue works"), 0);
}

/// What is put aside blocks nothing, and says why it is there.
async fn put_aside(queue: &dyn Queue, lane: Lane) {
    let sent = vec![envelope("x", "bad"), envelope("x", "good")];
    queue.send(lane, sent).await.expect("sent");
    let bad = next(queue, lane).await.expect("sent");
    assert_eq!(bad.body, "x:bad");
    let aside = queue.dead_letter(lane, &bad, "unreadable").await;
    aside.expect("in flight");
    let good = next(queue, lane).await.expect("not blocked");
    assert_eq!(good.body, "x:good");
    done(queue, lane, &good).await;
    let dead = queue.dead_letters(lane).await.expect("the queue works");
    assert_eq!(dead, [("x:bad".to_owned(), "unreadable".to_owned())]);
}

/// The next message that may be had. Of one call several of a group may come, in order: asking for
/// one shows what is blocked.
async fn next(queue: &dyn Queue, lane: Lane) -> Option<Delivery> {
    bodies(queue, lane, 1).await.pop()
}

async fn done(queue: &dyn Queue, lane: Lane, delivery: &Delivery) {
    let done = queue.acknowledge(lane, &delivery.receipt).await;
    done.expect("in flight");
}

async fn order_within_a_group(queue: &dyn Queue, lane: Lane, receipts_run_out: bool) {
    let sent = ["a1", "b1", "a2", "a3", "c1"]
        .map(|id| envelope(&id[..1], id))
        .to_vec();
    queue.send(lane, sent).await.expect("sent");
    let mut first = Vec::new();
    while let Some(delivery) = next(queue, lane).await {
        first.push(delivery);
    }
    let got = names(&first);
    assert_eq!(got, ["a:a1", "b:b1", "c:c1"], "the rest of group a waits");
    assert_eq!(first[0].receives, 1);
    assert_ne!(first[0].group, first[1].group);
    done(queue, lane, &first[1]).await;
    let early = next(queue, lane).await;
    assert_eq!(early, None, "another group's end frees nothing");
    done(queue, lane, &first[0]).await;
    let second = next(queue, lane).await.expect("a2 is free");
    assert_eq!(
        (second.body.as_str(), &second.group),
        ("a:a2", &first[0].group)
    );
    let back = queue.extend(lane, &second.receipt, Duration::ZERO).await;
    back.expect("given back");
    let again = next(queue, lane).await.expect("a2 again");
    assert_eq!(
        (again.body.as_str(), again.receives),
        ("a:a2", 2),
        "given back, it is still before a3"
    );
    if receipts_run_out {
        let stale = queue.acknowledge(lane, &second.receipt).await;
        assert_eq!(
            stale,
            Err(QueueError::Expired),
            "an old receipt is worth nothing"
        );
    }
    done(queue, lane, &again).await;
    let third = next(queue, lane).await.expect("a3 is free");
    assert_eq!(third.body, "a:a3");
    done(queue, lane, &third).await;
    done(queue, lane, &first[2]).await;
    assert_eq!(next(queue, lane).await, None);
}

async fn redelivery<F: Future<Output = ()>>(
    queue: &dyn Queue,
    lane: Lane,
    wait: &impl Fn(Duration) -> F,
) {
    queue
        .send(lane, vec![envelope("r", "r1"), envelope("r", "r2")])
        .await
        .expect("sent");
    let first = bodies(queue, lane, 1).await;
    wait(VISIBLE / 2).await;
    assert!(bodies(queue, lane, 1).await.is_empty(), "still ours");
    queue
        .extend(lane, &first[0].receipt, VISIBLE)
        .await
        .expect("kept longer");
    wait(VISIBLE * 3 / 4).await;
    assert!(
        bodies(queue, lane, 1).await.is_empty(),
        "kept, so still ours"
    );
    wait(VISIBLE / 2).await;
    let again = bodies(queue, lane, 2).await;
    assert_eq!(
        names(&again),
        ["r:r1"],
        "it comes again, before the one behind it"
    );
    let late = queue.acknowledge(lane, &first[0].receipt).await;
    assert_eq!(late, Err(QueueError::Expired));
    queue
        .acknowledge(lane, &again[0].receipt)
        .await
        .expect("in flight");
    let next = bodies(queue, lane, 2).await;
    assert_eq!(names(&next), ["r:r2"]);
    queue
        .acknowledge(lane, &next[0].receipt)
        .await
        .expect("in flight");
}

async fn deduplication<F: Future<Output = ()>>(
    queue: &dyn Queue,
    lane: Lane,
    wait: &impl Fn(Duration) -> F,
) {
    queue
        .send(lane, vec![envelope("d", "d1"), envelope("d", "d1")])
        .await
        .expect("sent");
    let first = bodies(queue, lane, 2).await;
    queue
        .acknowledge(lane, &first[0].receipt)
        .await
        .expect("in flight");
    queue
        .send(lane, vec![envelope("d", "d1")])
        .await
        .expect("taken, not delivered");
    assert!(
        bodies(queue, lane, 2).await.is_empty(),
        "also after it was dealt with"
    );
    wait(Duration::from_secs(301)).await;
    queue
        .send(lane, vec![envelope("d", "d1")])
        .await
        .expect("sent");
    let later = bodies(queue, lane, 2).await;
    assert_eq!(
        names(&later),
        ["d:d1"],
        "five minutes later it is another message"
    );
    queue
        .acknowledge(lane, &later[0].receipt)
        .await
        .expect("in flight");
}

async fn dead_letters<F: Future<Output = ()>>(
    queue: &dyn Queue,
    lane: Lane,
    wait: &impl Fn(Duration) -> F,
) {
    let sent = vec![
        envelope("x", "bad"),
        envelope("x", "good"),
        envelope("y", "other"),
    ];
    queue.send(lane, sent).await.expect("sent");
    let first = bodies(queue, lane, 2).await;
    assert_eq!(names(&first), ["x:bad", "y:other"]);
    queue
        .dead_letter(lane, &first[0], "unreadable")
        .await
        .expect("in flight");
    queue
        .acknowledge(lane, &first[1].receipt)
        .await
        .expect("in flight");
    let next = bodies(queue, lane, 2).await;
    assert_eq!(
        names(&next),
        ["x:good"],
        "what is behind a dead letter is not blocked"
    );
    for receive in 2..=RECEIVES_MAX {
        wait(VISIBLE + Duration::from_secs(1)).await;
        let again = bodies(queue, lane, 2).await;
        assert_eq!(again[0].receives, receive);
    }
    wait(VISIBLE + Duration::from_secs(1)).await;
    assert!(bodies(queue, lane, 2).await.is_empty(), "too often");
    let dead = queue.dead_letters(lane).await.expect("the queue works");
    let dead: Vec<&str> = dead.iter().map(|(body, _)| body.as_str()).collect();
    assert_eq!(dead, ["x:bad", "x:good"]);
}

async fn lanes_are_apart(queue: &dyn Queue) {
    queue
        .send(Lane::Bulk, vec![envelope("p", "slow")])
        .await
        .expect("sent");
    queue
        .send(Lane::Urgent, vec![envelope("p", "cut")])
        .await
        .expect("sent");
    let slow = bodies(queue, Lane::Bulk, 1).await;
    let cut = bodies(queue, Lane::Urgent, 1).await;
    assert_eq!((names(&slow), names(&cut)), (vec!["p:slow"], vec!["p:cut"]));
    queue
        .acknowledge(Lane::Bulk, &slow[0].receipt)
        .await
        .expect("in flight");
    queue
        .acknowledge(Lane::Urgent, &cut[0].receipt)
        .await
        .expect("in flight");
}
