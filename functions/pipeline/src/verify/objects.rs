//! The objects that an entry makes real: hashed again, and the hash over outcomes made again.

use std::io::Read as _;

use rollcall_core::digest::{Sha256Stream, sha256_parts};
use rollcall_core::merkle::Tree;

use super::{Walk, unreadable};
use crate::apply::{Lines, is_list, is_segment};
use crate::log::{Entry, OutcomesRoot};
use crate::store::{ObjectRef, Store, StoreError, parse};

/// What an object is.
struct Measured {
    sha256: String,
    bytes: u64,
}

impl Walk<'_> {
    /// Hashes everything that an entry names. What is wrong is noted, nothing stops.
    pub(super) async fn objects(&mut self, key: &str, entry: &Entry) {
        let root = entry.event.outcomes_root();
        let before = self.wrong.0.len();
        let (mut segments, mut whole) = (Vec::new(), true);
        for object in &entry.accepts {
            if root.is_some() && is_segment(&object.key, &entry.run) {
                segments.push(object);
                continue;
            }
            if self.object(key, object, true).await && is_list(object) {
                self.list(key, object).await;
            }
        }
        segments.sort_by(|a, b| a.key.cmp(&b.key));
        let mut tree = Tree::default();
        for object in segments {
            whole &= self.check(key, object, true, Some(&mut tree)).await;
        }
        if let Some(root) = root.filter(|root| whole && **root != OutcomesRoot::from(&tree)) {
            let lines = root.lines;
            let why =
                format!("has a hash over {lines} outcomes that is not the one of its segments");
            self.wrong.add(key, why);
        }
        for object in &entry.values {
            self.object(key, object, false).await;
        }
        if self.wrong.0.len() > before {
            self.damaged.insert(entry.run.clone());
        }
    }

    /// The marks that a list names.
    async fn list(&mut self, key: &str, list: &ObjectRef) {
        let mut lines = match Lines::open(self.store, &list.key).await {
            Ok(lines) => lines,
            Err(error) => return self.wrong.add(&list.key, unreadable(&error)),
        };
        loop {
            let line = lines.next().and_then(|line| match line {
                Some((_, line)) => parse::<ObjectRef>(&list.key, &line).map(Some),
                None => Ok(None),
            });
            match line {
                Ok(Some(object)) => {
                    self.object(key, &object, true).await;
                }
                Ok(None) => return,
                Err(error) => return self.wrong.add(&list.key, unreadable(&error)),
            }
        }
    }

    /// Looks at an object once, however many entries name it. Whether it is as it should be.
    async fn object(&mut self, key: &str, object: &ObjectRef, evidence: bool) -> bool {
        if self.looks_at(object) {
            self.check(key, object, evidence, None).await
        } else {
            !self.wrong.has(&object.key)
        }
    }

    /// Whether nothing like this was looked at before.
    fn looks_at(&mut self, object: &ObjectRef) -> bool {
        let size = object.bytes.to_be_bytes();
        let is = short(&[object.sha256.as_bytes(), &size]);
        let before = self.known.insert(short(&[object.key.as_bytes()]), is);
        before != Some(is)
    }

    async fn check(
        &mut self,
        key: &str,
        object: &ObjectRef,
        evidence: bool,
        tree: Option<&mut Tree>,
    ) -> bool {
        let new = tree.is_none() || self.looks_at(object);
        if !evidence && self.erasures.left(object).is_some() {
            return self.check_erased(object).await;
        }
        let why = match measure(self.store, &object.key, tree).await {
            // What an erasure left of it is written where nobody can read it any more.
            Ok(found)
                if found.sha256 != object.sha256 && !evidence && !self.erasures.is_whole() =>
            {
                return true;
            }
            Ok(found) if found.sha256 != object.sha256 => "was changed".to_owned(),
            Ok(found) if found.bytes != object.bytes => {
                let (name, says, has) = (&object.key, object.bytes, found.bytes);
                self.wrong
                    .add(key, format!("says {says} bytes of {name}, which has {has}"));
                return false;
            }
            Ok(_) => {
                self.out.objects += u64::from(evidence && new);
                return true;
            }
            Err(StoreError::NotFound(_)) if !evidence => {
                self.out.values_gone += 1;
                return true;
            }
            Err(error) => unreadable(&error),
        };
        self.wrong.add(&object.key, why);
        false
    }

    /// An object that an erasure rewrote or deleted.
    async fn check_erased(&mut self, object: &ObjectRef) -> bool {
        let Some(left) = self.erasures.left(object) else {
            return true;
        };
        let why = match measure(self.store, &object.key, None).await {
            Err(StoreError::NotFound(_)) => {
                self.out.values_gone += 1;
                return true;
            }
            Err(error) => unreadable(&error),
            Ok(found) if left.is == Some(found.sha256.as_str()) => {
                self.out.values_erased += 1;
                return true;
            }
            Ok(found) if left.was == found.sha256 && left.open => return true,
            Ok(found) if left.was == found.sha256 => {
                "has again what was erased: erase once more".to_owned()
            }
            Ok(_) => "was changed after somebody was erased from it".to_owned(),
        };
        self.wrong.add(&object.key, why);
        false
    }

    /// Whether an entry names an object.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.known.contains_key(&short(&[key.as_bytes()]))
    }
}

/// The first 128 bits of a hash: enough to tell objects apart, and small.
fn short(parts: &[&[u8]]) -> u128 {
    u128::from_str_radix(&sha256_parts(parts)[..32], 16).unwrap_or_default()
}

/// Reads an object through once.
async fn measure(
    store: &Store,
    key: &str,
    mut tree: Option<&mut Tree>,
) -> Result<Measured, StoreError> {
    let mut from = store.open(key).await?;
    let (mut hash, mut bytes) = (Sha256Stream::default(), 0);
    let mut buffer = vec![0; 256 * 1024];
    let mut line = Vec::new();
    loop {
        let read = from.read(&mut buffer).map_err(|e| StoreError::Backend {
            key: key.to_owned(),
            why: e.to_string(),
        })?;
        let part = &buffer[..read];
        if let Some(tree) = tree.as_mut() {
            let mut pieces = part.split(|byte| *byte == b'\n').peekable();
            while let Some(piece) = pieces.next() {
                line.extend_from_slice(piece);
                let ends = pieces.peek().is_some() || read == 0;
                if ends && !line.is_empty() {
                    tree.add(&line);
                    line.clear();
                }
            }
        }
        if read == 0 {
            return Ok(Measured {
                sha256: hash.finish(),
                bytes,
            });
        }
        hash.update(part);
        bytes += read as u64;
    }
}
