//! What the pipeline relies on from a store, whatever lies beneath.

use bytes::Bytes;
use futures::future::join_all;
use rollcall_core::model::{ActionId, RunId};
use rollcall_pipeline::once;
use rollcall_pipeline::store::{Store, StoreError};

/// Runs the whole contract on an empty store.
///
/// # Panics
/// Where the store does not keep it.
pub async fn check(store: &Store) {
    put_if_absent(store).await;
    one_of_many_writers_wins(store).await;
    read_after_write(store).await;
    listing(store).await;
    large_objects(store).await;
    marks(store).await;
}

async fn put_if_absent(store: &Store) {
    store
        .create("c/one.json", "first")
        .await
        .expect("nothing is there yet");
    let again = store.create("c/one.json", "second").await;
    assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
    let same = store.create("c/one.json", "first").await;
    assert!(
        matches!(same, Err(StoreError::Exists(_))),
        "also for the same bytes: {same:?}"
    );
    assert_eq!(store.get("c/one.json").await.expect("there"), "first");

    let first = store
        .put_new("c/two.json", "x")
        .await
        .expect("nothing is there yet");
    let retry = store
        .put_new("c/two.json", "x")
        .await
        .expect("a repeated put of the same bytes");
    assert_eq!(first, retry);
    let other = store.put_new("c/two.json", "y").await;
    assert!(matches!(other, Err(StoreError::Exists(_))), "{other:?}");

    let own = store
        .put_evidence("c/two.json", "n0nce", &mut b"y".as_slice())
        .await
        .expect("beside it");
    assert_eq!(own.key, "c/two-n0nce.json");
    assert!(own.is("two.json") && !own.is("three.json") && !own.is("two.jsonl"));
    assert_eq!(store.get("c/two.json").await.expect("untouched"), "x");
}

async fn one_of_many_writers_wins(store: &Store) {
    let writers = (0..24).map(|n| store.create("c/race.json", Bytes::from(format!("writer {n}"))));
    let ends = join_all(writers).await;
    assert_eq!(ends.iter().filter(|e| e.is_ok()).count(), 1, "{ends:?}");
    let winner = ends.iter().position(Result::is_ok).expect("one");
    let bytes = store.get("c/race.json").await.expect("there");
    assert_eq!(bytes, format!("writer {winner}"));
    for end in ends.into_iter().filter_map(Result::err) {
        assert!(matches!(end, StoreError::Exists(_)), "{end}");
    }
}

async fn read_after_write(store: &Store) {
    for n in 0..50 {
        let key = format!("c/read/{n}.json");
        store.put(&key, format!("v{n}")).await.expect("written");
        assert_eq!(
            store.get(&key).await.expect("read at once"),
            format!("v{n}")
        );
    }
    store
        .put("c/read/0.json", "replaced")
        .await
        .expect("written");
    assert_eq!(
        store.get("c/read/0.json").await.expect("the newest"),
        "replaced"
    );
    assert_eq!(
        store
            .get_range("c/read/0.json", 2..5)
            .await
            .expect("a range"),
        "pla"
    );
    let missing = store.get("c/read/none.json").await;
    assert!(
        matches!(missing, Err(StoreError::NotFound(_))),
        "{missing:?}"
    );
    assert!(
        store
            .find("c/read/none.json")
            .await
            .expect("no error")
            .is_none()
    );
    store.delete("c/read/1.json").await.expect("deleted");
    store.delete("c/read/1.json").await.expect("absent is fine");
    assert!(
        store
            .find("c/read/1.json")
            .await
            .expect("no error")
            .is_none()
    );
}

async fn listing(store: &Store) {
    for n in [3_u64, 1, 2, 10, 999_999_999_999] {
        store
            .create(&format!("c/log/{n:012}.json"), "{}")
            .await
            .expect("written");
    }
    let keys: Vec<String> = store
        .list("c/log")
        .await
        .expect("listed")
        .into_iter()
        .map(|l| l.key)
        .collect();
    let expected = [
        "000000000001",
        "000000000002",
        "000000000003",
        "000000000010",
        "999999999999",
    ]
    .map(|n| format!("c/log/{n}.json"));
    assert_eq!(keys, expected, "in order of name");
    let later = store
        .list_after("c/log", "c/log/000000000003.json")
        .await
        .expect("listed");
    assert_eq!(later, expected[3..]);
    assert!(
        store
            .list("c/nothing")
            .await
            .expect("an empty prefix is fine")
            .is_empty()
    );
    let sizes = store.list("c/log").await.expect("listed");
    assert!(sizes.iter().all(|l| l.bytes == 2));
}

async fn large_objects(store: &Store) {
    let large: Vec<u8> = (0..20_000_000_u32)
        .map(|n| u8::try_from(n % 251).expect("below 256"))
        .collect();
    let stored = store
        .put_stream("c/large-n.bin", &mut large.as_slice())
        .await
        .expect("in parts");
    assert_eq!(stored.bytes, 20_000_000);
    assert_eq!(stored.sha256, rollcall_core::digest::sha256(&large));
    let middle = store
        .get_range("c/large-n.bin", 10_000_000..10_000_004)
        .await
        .expect("a range");
    assert_eq!(&middle[..], &large[10_000_000..10_000_004]);
}

/// P6: the mark before what cannot be repeated is set by one caller, once, for good.
async fn marks(store: &Store) {
    let (action, run) = (ActionId::new("a-1"), RunId::new("r-1"));
    let at = jiff::Timestamp::UNIX_EPOCH;
    let claims = join_all((0..16).map(|_| once::claim(store, &action, &run, at))).await;
    let set: Vec<bool> = claims
        .into_iter()
        .map(|c| c.expect("the store works"))
        .collect();
    assert_eq!(set.iter().filter(|s| **s).count(), 1, "{set:?}");
    assert!(
        !once::claim(store, &action, &run, at)
            .await
            .expect("the store works")
    );
    let other = ActionId::new("a-2");
    assert!(
        once::claim(store, &other, &run, at)
            .await
            .expect("the store works")
    );
}
