//! The store: a folder or a bucket prefix, the same keys in both (design §4).
//!
//! Everything stored goes through here. Put-if-absent is all that is asked of what lies
//! beneath. Invariant: evidence is never overwritten.

use std::fs::File;
use std::io::{Read, Seek as _};
use std::path::Path as FsPath;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload, WriteMultipart,
};

use crate::overlay::Overlay;

/// Why the store did not do what it was asked. Keys hold ids only, never names of people.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing is stored there.
    #[error("nothing is stored at `{0}`")]
    NotFound(String),
    /// Put-if-absent found something else there.
    #[error("`{0}` exists already, with other content")]
    Exists(String),
    /// What lies beneath failed.
    #[error("the store failed at `{key}`: {why}")]
    Backend {
        /// The key.
        key: String,
        /// What it said.
        why: String,
    },
    /// A stored object is not what it should be.
    #[error("`{key}` cannot be read back: {why}")]
    Corrupt {
        /// The key.
        key: String,
        /// What is wrong.
        why: String,
    },
}

/// A handle on one store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    /// Where what expires lies, when apart from the evidence.
    values: Option<Arc<dyn ObjectStore>>,
}

/// Whether a key is of what may be replaced and expires; everything else is evidence. `None` for
/// a prefix that holds both.
fn expires(key: &str) -> Option<bool> {
    let parts: Vec<&str> = key.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["values" | "state" | "inbox", ..] | ["runs", _, "report", ..] => Some(true),
        ["" | "runs"] | ["runs", _] => None,
        _ => Some(false),
    }
}

/// An object and what it must hash to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ObjectRef {
    /// Where.
    pub key: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// How many.
    pub bytes: u64,
}

impl ObjectRef {
    /// Whether this is the object of a name (`plan.jsonl`), with or without a nonce before the
    /// ending; see [`Store::put_evidence`].
    pub fn is(&self, name: &str) -> bool {
        let own = self.key.rsplit('/').next().unwrap_or_default();
        let (Some((stem, ending)), Some((base, tail))) =
            (name.rsplit_once('.'), own.rsplit_once('.'))
        else {
            return own == name;
        };
        let nonced = |rest: &str| rest.is_empty() || rest.starts_with('-');
        tail == ending && base.strip_prefix(stem).is_some_and(nonced)
    }
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// When it was last written; how fine depends on who is asked.
    pub modified: jiff::Timestamp,
    /// What changes with every write.
    pub tag: Option<String>,
}

impl Store {
    /// A folder; made if absent. Writes reach the disk before they are believed.
    ///
    /// # Errors
    /// When the folder cannot be made or opened.
    pub fn folder(path: &FsPath) -> Result<Self, StoreError> {
        let fail = |why: String| StoreError::Backend {
            key: path.display().to_string(),
            why,
        };
        std::fs::create_dir_all(path).map_err(|e| fail(e.to_string()))?;
        let inner = object_store::local::LocalFileSystem::new_with_prefix(path)
            .map_err(|e| fail(e.to_string()))?
            .with_fsync(true);
        Ok(Self::over(Arc::new(inner)))
    }

    /// Over any object store.
    pub fn over(inner: Arc<dyn ObjectStore>) -> Self {
        Self {
            inner,
            values: None,
        }
    }

    /// In two places: evidence where it may be locked for years, and apart from it what has to
    /// expire (`values/`, `state/`, `inbox/` and reports). The keys are the same.
    pub fn apart(evidence: Arc<dyn ObjectStore>, values: Arc<dyn ObjectStore>) -> Self {
        Self {
            inner: evidence,
            values: Some(values),
        }
    }

    /// Where a key lies.
    fn at(&self, key: &str) -> &dyn ObjectStore {
        match &self.values {
            Some(values) if expires(key) == Some(true) => values.as_ref(),
            Some(_) | None => self.inner.as_ref(),
        }
    }

    /// The same store, of which everything that is written from here on stays in memory.
    #[must_use]
    pub fn kept_in_memory(&self) -> Self {
        let over = |below: &Arc<dyn ObjectStore>| -> Arc<dyn ObjectStore> {
            Arc::new(Overlay::new(Arc::clone(below)))
        };
        Self {
            inner: over(&self.inner),
            values: self.values.as_ref().map(over),
        }
    }

    /// What lies beneath: for putting something around it.
    pub fn inner(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.inner)
    }

    /// Writes `bytes` where nothing is yet. Finding the very same bytes there is success: a put
    /// may be repeated after its answer was lost.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when something else is there.
    pub async fn put_new(
        &self,
        key: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<ObjectRef, StoreError> {
        let bytes = bytes.into();
        let reference = reference(key, &bytes);
        match self.create(key, bytes.clone()).await {
            Ok(()) => Ok(reference),
            Err(StoreError::Exists(_)) => {
                if self.get(key).await? == bytes {
                    Ok(reference)
                } else {
                    Err(StoreError::Exists(key.to_owned()))
                }
            }
            Err(e) => Err(e),
        }
    }

    /// Put-if-absent without reading back: `Exists` also when the same bytes are there.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when anything is there.
    pub async fn create(&self, key: &str, bytes: impl Into<Bytes>) -> Result<(), StoreError> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        match self
            .at(key)
            .put_opts(&path(key)?, PutPayload::from(bytes.into()), options)
            .await
        {
            Ok(_) => Ok(()),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Err(StoreError::Exists(key.to_owned())),
            Err(e) => Err(backend(key, &e)),
        }
    }

    /// Writes, replacing what is there. For `report/` and for values only: evidence is never
    /// overwritten.
    ///
    /// # Errors
    /// When what lies beneath fails.
    pub async fn put(&self, key: &str, bytes: impl Into<Bytes>) -> Result<ObjectRef, StoreError> {
        let bytes = bytes.into();
        let reference = reference(key, &bytes);
        self.at(key)
            .put(&path(key)?, PutPayload::from(bytes))
            .await
            .map_err(|e| backend(key, &e))?;
        Ok(reference)
    }

    /// Writes everything that `from` gives, in parts when it is large. The key must be this
    /// process's own (it carries a run id or a nonce): parts cannot be put if absent.
    ///
    /// # Errors
    /// When the store or the reader fails.
    pub async fn put_stream(
        &self,
        key: &str,
        from: &mut (impl Read + Send),
    ) -> Result<ObjectRef, StoreError> {
        let io = |e: std::io::Error| temporary(key, &e);
        let mut hash = rollcall_core::digest::Sha256Stream::default();
        let mut bytes = 0;
        let first = part(from).map_err(io)?;
        if first.len() < PART_BYTES {
            return self.put(key, first).await;
        }
        let upload = self
            .at(key)
            .put_multipart(&path(key)?)
            .await
            .map_err(|e| backend(key, &e))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let mut next = first;
        while !next.is_empty() {
            hash.update(&next);
            bytes += next.len() as u64;
            upload.put(next.into());
            upload
                .wait_for_capacity(2)
                .await
                .map_err(|e| backend(key, &e))?;
            next = part(from).map_err(io)?;
        }
        upload.finish().await.map_err(|e| backend(key, &e))?;
        Ok(ObjectRef {
            key: key.to_owned(),
            sha256: hash.finish(),
            bytes,
        })
    }

    /// Writes evidence: put-if-absent at `key`, and where another process was there first with
    /// other bytes, or where it is too large for one put, at the same key with a nonce before
    /// its ending. The log entry says which one counts.
    ///
    /// # Errors
    /// When the store or the reader fails.
    pub async fn put_evidence(
        &self,
        key: &str,
        nonce: &str,
        from: &mut (impl Read + Send),
    ) -> Result<ObjectRef, StoreError> {
        let (stem, ending) = key.rsplit_once('.').unwrap_or((key, "bin"));
        let own = format!("{stem}-{nonce}.{ending}");
        let first = part(from).map_err(|e| temporary(key, &e))?;
        if first.len() >= PART_BYTES {
            return self
                .put_stream(&own, &mut first.as_slice().chain(from))
                .await;
        }
        let bytes = Bytes::from(first);
        match self.put_new(key, bytes.clone()).await {
            Err(StoreError::Exists(_)) => self.put_new(&own, bytes).await,
            other => other,
        }
    }

    /// The bytes at a key.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when nothing is there.
    pub async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let found = self
            .at(key)
            .get(&path(key)?)
            .await
            .map_err(|e| backend(key, &e))?;
        found.bytes().await.map_err(|e| backend(key, &e))
    }

    /// The bytes at a key, `None` when nothing is there.
    ///
    /// # Errors
    /// When what lies beneath fails.
    pub async fn find(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        match self.get(key).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Some bytes of an object.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn get_range(
        &self,
        key: &str,
        range: std::ops::Range<u64>,
    ) -> Result<Bytes, StoreError> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let found = self
            .at(key)
            .get_opts(&path(key)?, options)
            .await
            .map_err(|e| backend(key, &e))?;
        found.bytes().await.map_err(|e| backend(key, &e))
    }

    /// An object to read from any place: the file itself in a folder store, a temporary copy
    /// elsewhere.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn open(&self, key: &str) -> Result<File, StoreError> {
        let found = self
            .at(key)
            .get(&path(key)?)
            .await
            .map_err(|e| backend(key, &e))?;
        match found.payload {
            GetResultPayload::File(file, _) => Ok(file),
            GetResultPayload::Stream(mut stream) => {
                let io = |e: std::io::Error| temporary(key, &e);
                let mut file = tempfile::tempfile().map_err(io)?;
                while let Some(part) = stream.try_next().await.map_err(|e| backend(key, &e))? {
                    std::io::Write::write_all(&mut file, &part).map_err(io)?;
                }
                file.rewind().map_err(io)?;
                Ok(file)
            }
        }
    }

    /// SHA-256 of the bytes at a key.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn sha256(&self, key: &str) -> Result<String, StoreError> {
        let mut from = self.open(key).await?;
        let mut hash = rollcall_core::digest::Sha256Stream::default();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let read = from.read(&mut buffer).map_err(|e| StoreError::Backend {
                key: key.to_owned(),
                why: e.to_string(),
            })?;
            if read == 0 {
                return Ok(hash.finish());
            }
            hash.update(&buffer[..read]);
        }
    }

    /// Size and last write of an object; `None` when nothing is there.
    ///
    /// # Errors
    /// When what lies beneath fails.
    pub async fn look(&self, key: &str) -> Result<Option<Listed>, StoreError> {
        match self.at(key).head(&path(key)?).await {
            Ok(meta) => Ok(Some(listed(&meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(backend(key, &e)),
        }
    }

    /// Everything below a prefix, by key.
    ///
    /// # Errors
    /// When what lies beneath fails.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let both = self.values.as_ref().filter(|_| expires(prefix).is_none());
        let mut out: Vec<Listed> = Vec::new();
        for place in std::iter::once(self.at(prefix)).chain(both.map(AsRef::as_ref)) {
            let some: Vec<Listed> = place
                .list(Some(&path(prefix)?))
                .map_ok(|meta| listed(&meta))
                .try_collect()
                .await
                .map_err(|e| backend(prefix, &e))?;
            out.extend(some);
        }
        out.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(out)
    }

    /// Tells of every key below a prefix, in no order, and keeps none.
    ///
    /// # Errors
    /// When what lies beneath fails.
    pub async fn visit(
        &self,
        prefix: &str,
        mut each: impl FnMut(&str) + Send,
    ) -> Result<(), StoreError> {
        let both = self.values.as_ref().filter(|_| expires(prefix).is_none());
        for place in std::iter::once(self.at(prefix)).chain(both.map(AsRef::as_ref)) {
            let mut found = place.list(Some(&path(prefix)?));
            while let Some(meta) = found.try_next().await.map_err(|e| backend(prefix, &e))? {
                each(meta.location.as_ref());
            }
        }
        Ok(())
    }

    /// Everything below a prefix from `after` on, `after` itself left out.
    ///
    /// # Errors
    /// When what lies beneath fails.
    pub async fn list_after(&self, prefix: &str, after: &str) -> Result<Vec<String>, StoreError> {
        let mut out: Vec<String> = self
            .at(prefix)
            .list_with_offset(Some(&path(prefix)?), &path(after)?)
            .map_ok(|meta| meta.location.to_string())
            .try_collect()
            .await
            .map_err(|e| backend(prefix, &e))?;
        out.sort();
        Ok(out)
    }

    /// Takes an object away; absent is fine.
    ///
    /// # Errors
    /// When what lies beneath fails.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.at(key).delete(&path(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(backend(key, &e)),
        }
    }

    /// A JSON object at a key.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it is not what `T` asks for.
    pub async fn json<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<T, StoreError> {
        let bytes = self.get(key).await?;
        parse(key, &bytes)
    }
}

/// From this size on an object goes up in parts.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// The next part, full unless the reader is at its end.
fn part(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    from.take(PART_BYTES as u64).read_to_end(&mut out)?;
    Ok(out)
}

fn listed(meta: &object_store::ObjectMeta) -> Listed {
    let modified = meta.last_modified.timestamp_millis();
    Listed {
        key: meta.location.to_string(),
        bytes: meta.size,
        tag: meta.e_tag.clone(),
        modified: jiff::Timestamp::from_millisecond(modified)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH),
    }
}

pub(crate) fn temporary(key: &str, error: &std::io::Error) -> StoreError {
    StoreError::Backend {
        key: key.to_owned(),
        why: format!("temporary file: {error}"),
    }
}

/// Reads JSON that came from `key`.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn parse<T: serde::de::DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|e| StoreError::Corrupt {
        key: key.to_owned(),
        why: format!(
            "line {}, column {}: not the expected form",
            e.line(),
            e.column()
        ),
    })
}

/// The reference to bytes at a key.
pub fn reference(key: &str, bytes: &[u8]) -> ObjectRef {
    ObjectRef {
        key: key.to_owned(),
        sha256: rollcall_core::digest::sha256(bytes),
        bytes: bytes.len() as u64,
    }
}

fn path(key: &str) -> Result<Path, StoreError> {
    Path::parse(key).map_err(|e| StoreError::Backend {
        key: key.to_owned(),
        why: e.to_string(),
    })
}

fn backend(key: &str, error: &object_store::Error) -> StoreError {
    if matches!(error, object_store::Error::NotFound { .. }) {
        StoreError::NotFound(key.to_owned())
    } else {
        StoreError::Backend {
            key: key.to_owned(),
            why: error.to_string(),
        }
    }
}
