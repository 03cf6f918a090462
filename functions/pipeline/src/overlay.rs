//! A store as it would be: what is written stays in memory, everything else is read from below.
//!
//! Invariant: nothing reaches what lies below.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

/// Paths that count above, whether or not anything is there.
type Moved = Arc<Mutex<BTreeSet<Path>>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Overlay {
    below: Arc<dyn ObjectStore>,
    above: Arc<InMemory>,
    moved: Moved,
}

impl Overlay {
    pub(crate) fn new(below: Arc<dyn ObjectStore>) -> Self {
        Self {
            below,
            above: Arc::new(InMemory::new()),
            moved: Moved::default(),
        }
    }

    fn has(&self, location: &Path) -> bool {
        lock(&self.moved).contains(location)
    }
}

fn lock(moved: &Moved) -> MutexGuard<'_, BTreeSet<Path>> {
    moved.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in memory over {}", self.below)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Overlay {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if options.mode == PutMode::Create && !self.has(location) {
            match self.below.head(location).await {
                Ok(_) => {
                    return Err(Error::AlreadyExists {
                        path: location.to_string(),
                        source: "it lies below".into(),
                    });
                }
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let put = self.above.put_opts(location, payload, options).await?;
        lock(&self.moved).insert(location.clone());
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        lock(&self.moved).insert(location.clone());
        self.above.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.has(location) {
            self.above.get_opts(location, options).await
        } else {
            self.below.get_opts(location, options).await
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let moved = Arc::clone(&self.moved);
        let hidden = locations.inspect_ok(move |location| {
            lock(&moved).insert(location.clone());
        });
        self.above.delete_stream(hidden.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let moved = lock(&self.moved).clone();
        let below = self.below.list(prefix).try_filter(move |meta| {
            let stays = !moved.contains(&meta.location);
            futures::future::ready(stays)
        });
        self.above.list(prefix).chain(below).boxed()
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        Err(unused("list_with_delimiter"))
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(unused("copy"))
    }
}

/// [`crate::store::Store`] asks for nothing of the kind.
fn unused(operation: &str) -> Error {
    Error::NotSupported {
        source: format!("{operation} of a store that is kept in memory").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, StoreError};

    fn keys(listed: &[crate::store::Listed]) -> Vec<&str> {
        listed.iter().map(|it| it.key.as_str()).collect()
    }

    #[tokio::test]
    async fn nothing_that_is_written_reaches_what_lies_below() {
        let below = Store::over(Arc::new(InMemory::new()));
        below.put("values/a", "old").await.unwrap();
        below.put("values/b", "old").await.unwrap();
        let above = below.kept_in_memory();
        above.put("values/a", "new").await.unwrap();
        above.delete("values/b").await.unwrap();
        above.create("values/c", "new").await.unwrap();
        assert_eq!(above.get("values/a").await.unwrap(), "new");
        assert!(above.find("values/b").await.unwrap().is_none());
        let seen = above.list("values").await.unwrap();
        assert_eq!(keys(&seen), ["values/a", "values/c"]);
        let seen = below.list("values").await.unwrap();
        assert_eq!(keys(&seen), ["values/a", "values/b"]);
        assert_eq!(below.get("values/a").await.unwrap(), "old");
    }

    #[tokio::test]
    async fn what_lies_below_is_there() {
        let below = Store::over(Arc::new(InMemory::new()));
        below.create("log/1", "first").await.unwrap();
        let above = below.kept_in_memory();
        let again = above.create("log/1", "other").await;
        assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
        above.create("log/2", "second").await.unwrap();
        let after = above.list_after("log", "log/0").await.unwrap();
        assert_eq!(after, ["log/1", "log/2"]);
        // What was deleted may be written anew.
        above.delete("log/1").await.unwrap();
        above.create("log/1", "other").await.unwrap();
        assert_eq!(above.get("log/1").await.unwrap(), "other");
        assert_eq!(below.get("log/1").await.unwrap(), "first");
    }
}
