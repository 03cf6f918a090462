//! What the pipeline relies on from a queue: SQS FIFO semantics, lane by lane.

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
        order_within_a_group(queue, lane).await;
        redelivery(queue, lane, &wait).await;
        deduplication(queue, lane, &wait).await;
        dead_letters(queue, lane, &wait).await;
    }
    lanes_are_apart(queue).await;
}

async fn order_within_a_group(queue: &dyn Queue, lane: Lane) {
    let sent = ["a1", "b1", "a2", "a3", "c1"]
        .map(|id| envelope(&id[..1], id))
        .to_vec();
    queue.send(lane, sent).await.expect("sent");
    let first = bodies(queue, lane, 10).await;
    assert_eq!(
        names(&first),
        ["a:a1", "b:b1", "c:c1"],
        "one of each group at a time"
    );
    assert!(
        bodies(queue, lane, 10).await.is_empty(),
        "the rest of group a waits"
    );
    queue
        .acknowledge(lane, &first[1].receipt)
        .await
        .expect("in flight");
    assert!(
        bodies(queue, lane, 10).await.is_empty(),
        "another group's end frees nothing"
    );
    queue
        .acknowledge(lane, &first[0].receipt)
        .await
        .expect("in flight");
    let second = bodies(queue, lane, 10).await;
    assert_eq!(names(&second), ["a:a2"]);
    queue
        .extend(lane, &second[0].receipt, Duration::ZERO)
        .await
        .expect("given back");
    let again = bodies(queue, lane, 10).await;
    assert_eq!(names(&again), ["a:a2"], "given back, it is still before a3");
    assert_eq!(again[0].receives, 2);
    let stale = queue.acknowledge(lane, &second[0].receipt).await;
    assert_eq!(
        stale,
        Err(QueueError::Expired),
        "an old receipt is worth nothing"
    );
    queue
        .acknowledge(lane, &again[0].receipt)
        .await
        .expect("in flight");
    let third = bodies(queue, lane, 10).await;
    assert_eq!(names(&third), ["a:a3"]);
    queue
        .acknowledge(lane, &third[0].receipt)
        .await
        .expect("in flight");
    queue
        .acknowledge(lane, &first[2].receipt)
        .await
        .expect("in flight");
    assert!(bodies(queue, lane, 10).await.is_empty());
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
