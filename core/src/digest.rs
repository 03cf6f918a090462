//! Hashes and what they stand for.
//!
//! Two kinds, never mixed: SHA-256 (and HMAC over it) for evidence, a fast 128-bit hash for
//! finding what changed. Invariant: a personal value enters evidence only as an HMAC under the
//! salt of its person.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::model::{PersonKey, SourceName, Value, WorkerId};
use crate::salts::Seed;

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// SHA-256 as lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// HMAC-SHA256 (RFC 2104) of these bytes.
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

/// SHA-256 over parts that arrive one after the other.
#[derive(Debug, Clone, Default)]
pub struct Sha256Stream(Sha256);

impl Sha256Stream {
    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of everything taken in, as lower-case hexadecimal.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// SHA-256 over named parts, each with its length in front, so that `("ab", "c")` and
/// `("a", "bc")` differ. As lower-case hexadecimal.
pub fn sha256_parts(parts: &[&[u8]]) -> String {
    let mut hash = Sha256Stream::default();
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finish()
}

/// The store's evidence key: every person's salt comes from it, and from what the store keeps of
/// it, where it keeps anything. Never printed.
#[derive(Clone)]
pub struct EvidenceKey(Vec<u8>, Option<Arc<Seed>>);

impl EvidenceKey {
    /// Any length; 32 random bytes are what `init` makes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into(), None)
    }

    /// The same with the part of all salts that a store keeps: without that part nobody makes them,
    /// whoever has the key.
    #[must_use]
    pub fn seeded(&self, seed: Option<Arc<Seed>>) -> Self {
        Self(self.0.clone(), seed)
    }

    /// Whether it is this very key.
    pub fn is(&self, bytes: &[u8]) -> bool {
        self.0 == bytes
    }

    /// Whether salts have a part that a store keeps.
    pub fn is_seeded(&self) -> bool {
        self.1.is_some()
    }

    /// What chance is made from for one attribute of one worker: always the same, and nobody
    /// without the key can tell.
    pub fn chance(&self, worker: &str, attribute: &str) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(b"rollcall chance v1\0");
        for part in [worker, attribute] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// Eight digits that stand for a value of an attribute where no person's salt does: nobody without
    /// the key can tell which value it is by trying.
    pub fn mark(&self, attribute: &str, value: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(b"rollcall mark v1\0");
        mac.update(attribute.as_bytes());
        mac.update(b"\0");
        mac.update(value.as_bytes());
        hex(&mac.finalize().into_bytes()[..4])
    }

    /// The salt of one person.
    pub fn salt(&self, person: &PersonKey) -> Salt {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        match &self.1 {
            None => mac.update(b"rollcall person salt v1\0"),
            Some(seed) => {
                mac.update(b"rollcall person salt v2\0");
                mac.update(&seed.leaf(person));
            }
        }
        mac.update(person.as_str().as_bytes());
        Salt(mac.finalize().into_bytes().into())
    }
}

impl std::fmt::Debug for EvidenceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// What hides the values of one person in evidence.
#[derive(Clone)]
pub struct Salt([u8; 32]);

impl Salt {
    /// The digest that stands for a value in evidence: `hmac:` and 32 hexadecimal digits, over
    /// the attribute's name and the value as JSON.
    pub fn digest(&self, attribute: &str, value: &Value) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(attribute.as_bytes());
        mac.update(&[0]);
        mac.update(&serde_json::to_vec(value).expect("a value is always JSON"));
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        format!("hmac:{}", hex(&bytes[..16]))
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where a worker stands in index and state: a fast 128-bit hash of source and worker id.
/// Order and equality are those of the hash; the text is kept in the state's cold columns.
pub fn worker_hash(source: &SourceName, worker: &WorkerId) -> u128 {
    WorkerHasher::new(source).hash(worker.as_str())
}

/// [`worker_hash`] for the many workers of one source, without allocating.
#[derive(Debug, Clone)]
pub struct WorkerHasher(u64);

impl WorkerHasher {
    /// For one source.
    pub fn new(source: &SourceName) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64(source.as_str().as_bytes()))
    }

    /// The hash of one worker of that source.
    pub fn hash(&self, worker: &str) -> u128 {
        xxhash_rust::xxh3::xxh3_128_with_seed(worker.as_bytes(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_agrees_with_the_published_vector() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn parts_keep_their_borders() {
        assert_ne!(sha256_parts(&[b"ab", b"c"]), sha256_parts(&[b"a", b"bc"]));
    }

    #[test]
    fn the_same_value_of_two_people_has_two_digests() {
        let key = EvidenceKey::new(*b"0123456789abcdef");
        let value = Value::text("Sales");
        let first = key.salt(&PersonKey::new("1")).digest("department", &value);
        let second = key.salt(&PersonKey::new("2")).digest("department", &value);
        assert_ne!(first, second);
        assert_eq!(
            first,
            key.salt(&PersonKey::new("1")).digest("department", &value)
        );
        assert_eq!(format!("{key:?}"), "[secret]");
    }

    #[test]
    fn workers_of_two_sources_are_two() {
        let worker = WorkerId::new("7");
        assert_ne!(
            worker_hash(&SourceName::new("a"), &worker),
            worker_hash(&SourceName::new("b"), &worker)
        );
    }
}
