//! The journal of a run: outcomes in segments, each written once.

use std::collections::BTreeSet;
use std::fs::File;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use rollcall_core::fold::{Outcome, Outcomes};
use rollcall_core::merkle::Tree;
use rollcall_core::model::RunId;

use crate::store::{ObjectRef, Store, StoreError, parse};

/// Segments that are read at once.
const READS: usize = 32;

/// Writes outcomes as a segment; `name` tells it from every other one of the run.
///
/// # Errors
/// When the store fails.
pub async fn write(
    store: &Store,
    run: &RunId,
    name: &str,
    outcomes: &[Outcome],
) -> Result<(), StoreError> {
    let mut bytes = Vec::new();
    for outcome in outcomes {
        serde_json::to_writer(&mut bytes, outcome).expect("an outcome is always JSON");
        bytes.push(b'\n');
    }
    let key = format!("{}/{name}.jsonl", segments(run));
    store.put_new(&key, bytes).await?;
    Ok(())
}

/// Says that something is about to be sent: from here on the run is not untouched any more.
///
/// # Errors
/// When the store fails.
pub async fn begin(store: &Store, run: &RunId) -> Result<(), StoreError> {
    write(store, run, "begun", &[]).await
}

fn segments(run: &RunId) -> String {
    format!("runs/{run}/outcomes")
}

/// Whether nothing of a run was ever sent.
///
/// # Errors
/// When the store fails.
pub async fn untouched(store: &Store, run: &RunId) -> Result<bool, StoreError> {
    Ok(store.list(&segments(run)).await?.is_empty())
}

/// Everything in the journal of a run.
///
/// # Errors
/// When a segment cannot be read.
pub async fn outcomes(store: &Store, run: &RunId) -> Result<Outcomes, StoreError> {
    Ok(journal(store, run, &[]).await?.outcomes)
}

/// Segments of a journal, read once.
#[derive(Debug, Default)]
pub struct Segments {
    /// What they say.
    pub outcomes: Outcomes,
    /// Which they are, by key.
    pub stored: Vec<ObjectRef>,
    /// Over their lines: segments by key, lines in their order, empty ones left out.
    pub tree: Tree,
}

/// Everything in the journal of a run but what is `known`, and the segments that it was read from:
/// what comes in meanwhile is in neither.
///
/// # Errors
/// When a segment cannot be read.
pub async fn journal(
    store: &Store,
    run: &RunId,
    known: &[ObjectRef],
) -> Result<Segments, StoreError> {
    let listed = store.list(&segments(run)).await?;
    let known: BTreeSet<&str> = known.iter().map(|it| it.key.as_str()).collect();
    let keys = listed.iter().map(|segment| segment.key.as_str());
    let keys: Vec<&str> = keys.filter(|key| !known.contains(key)).collect();
    read_segments(store, &keys).await
}

/// Whether a key is of a segment of the journal of a run.
pub fn is_segment(key: &str, run: &RunId) -> bool {
    let below = key.strip_prefix(segments(run).as_str());
    below.is_some_and(|name| name.starts_with('/'))
}

/// The lines of a segment as they count: empty ones do not.
pub fn lines_of(segment: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = segment.split(|byte| *byte == b'\n');
    lines.filter(|line| !line.is_empty())
}

/// What the segments of a run among some objects say.
///
/// # Errors
/// When one cannot be read.
pub async fn outcomes_in(
    store: &Store,
    run: &RunId,
    objects: &[ObjectRef],
) -> Result<Outcomes, StoreError> {
    let keys = objects.iter().map(|object| object.key.as_str());
    let keys: Vec<&str> = keys.filter(|key| is_segment(key, run)).collect();
    Ok(read_segments(store, &keys).await?.outcomes)
}

async fn read_segments(store: &Store, keys: &[&str]) -> Result<Segments, StoreError> {
    let mut out = Segments::default();
    let mut read = read_all(store, keys);
    while let Some((key, bytes)) = read.try_next().await? {
        out.stored.push(crate::store::reference(key, &bytes));
        for line in lines_of(&bytes) {
            out.outcomes.add(parse(key, line)?);
            out.tree.add(line);
        }
    }
    Ok(out)
}

/// Segments in their order, some of them on their way at once: a bucket answers each after a
/// while, and a first load has many.
fn read_all<'a>(
    store: &'a Store,
    keys: &'a [&'a str],
) -> impl Stream<Item = Result<(&'a str, Bytes), StoreError>> + Unpin {
    let reads = keys
        .iter()
        .map(move |key| async move { Ok((*key, store.get(key).await?)) });
    Box::pin(stream::iter(reads).buffered(READS))
}

/// First byte and one past the last, and the bytes between.
pub type Line = ((u64, u64), Vec<u8>);

/// The lines of a stored object with their byte ranges, newline left out.
pub struct Lines {
    from: std::io::BufReader<File>,
    key: String,
    at: u64,
}

impl Lines {
    /// Opens an object.
    ///
    /// # Errors
    /// When nothing is stored there.
    pub async fn open(store: &Store, key: &str) -> Result<Self, StoreError> {
        let from = store.open(key).await?;
        Ok(Self {
            from: std::io::BufReader::with_capacity(256 * 1024, from),
            key: key.to_owned(),
            at: 0,
        })
    }

    /// The next line that begins before a byte.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn next_before(&mut self, end: u64) -> Result<Option<Line>, StoreError> {
        while self.at < end {
            match self.read()? {
                Some((_, line)) if line.is_empty() => {}
                other => return Ok(other),
            }
        }
        Ok(None)
    }

    /// The next line that is not blank: values that were erased leave blank ones.
    ///
    /// # Errors
    /// When it cannot be read.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend its error this way"
    )]
    pub fn next(&mut self) -> Result<Option<Line>, StoreError> {
        self.next_before(u64::MAX)
    }

    fn read(&mut self) -> Result<Option<Line>, StoreError> {
        let mut line = Vec::new();
        let read = std::io::BufRead::read_until(&mut self.from, b'\n', &mut line).map_err(|e| {
            StoreError::Backend {
                key: self.key.clone(),
                why: e.to_string(),
            }
        })?;
        if read == 0 {
            return Ok(None);
        }
        let from = self.at;
        self.at += read as u64;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(Some(((from, from + line.len() as u64), line)))
    }
}
