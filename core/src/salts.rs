//! The part of everybody's salt that is stored, and can be destroyed for one person.
//!
//! A tree of keys grown from one random root (a GGM tree: Goldreich, Goldwasser, Micali, "How to
//! construct random functions", 1986): who has the root has every leaf, and who has everything but
//! one leaf and its ancestors has every other leaf and can never make that one again. So one small
//! object serves a million persons, and nobody's part has to be stored until it is destroyed.
//! Invariant: [`Seed::renew`] changes the leaf of one place alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::digest::hex;
use crate::model::PersonKey;

/// Steps from the root to a leaf, each one of sixteen: 2^40 places, so that two of a million persons
/// share one in about one store of two. They keep salts of their own ([`crate::digest::EvidenceKey`]),
/// and lose them together.
const STEPS: usize = 10;

/// Bytes of a key.
const BYTES: usize = 32;

/// The stored part of all salts. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed {
    /// Keys by where they stand: the steps from the root, each 0 to 15. A whole tree: every leaf has
    /// exactly one key at or above it.
    nodes: BTreeMap<Vec<u8>, [u8; BYTES]>,
}

/// How a seed is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    format_version: u32,
    /// Hexadecimal, both.
    nodes: BTreeMap<String, String>,
}

impl Seed {
    /// From a random root.
    pub fn new(root: [u8; BYTES]) -> Self {
        Self {
            nodes: BTreeMap::from([(Vec::new(), root)]),
        }
    }

    /// Reads what [`Seed::to_bytes`] wrote. `None` when it is something else.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(bytes).ok()?;
        let digit = |c: char| c.to_digit(16).and_then(|it| u8::try_from(it).ok());
        let mut nodes = BTreeMap::new();
        for (place, key) in &stored.nodes {
            let place: Vec<u8> = place.chars().map(digit).collect::<Option<_>>()?;
            let key: Vec<u8> = key.chars().map(digit).collect::<Option<_>>()?;
            let (pairs, rest) = key.as_chunks::<2>();
            let key: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
            let fits = place.len() <= STEPS && rest.is_empty();
            nodes.insert(place, key.try_into().ok().filter(|_| fits)?);
        }
        let seed = Self { nodes };
        (stored.format_version == 1 && seed.is_whole()).then_some(seed)
    }

    /// As it is stored: JSON. A secret.
    pub fn to_bytes(&self) -> Vec<u8> {
        let digit = |step: &u8| char::from_digit(u32::from(*step), 16).unwrap_or_default();
        let place = |steps: &Vec<u8>| steps.iter().map(digit).collect();
        let nodes = self.nodes.iter();
        let stored = Stored {
            format_version: 1,
            nodes: nodes.map(|(at, key)| (place(at), hex(key))).collect(),
        };
        serde_json::to_vec(&stored).expect("a seed is always JSON")
    }

    /// The part of one person.
    pub fn leaf(&self, person: &PersonKey) -> [u8; BYTES] {
        let path = path(person);
        let (from, key) = self.above(&path);
        path[from..]
            .iter()
            .fold(key, |key, step| child(&key, *step))
    }

    /// Destroys the part of one person; from now on they have `fresh`.
    pub fn renew(&mut self, person: &PersonKey, fresh: [u8; BYTES]) {
        let path = path(person);
        let (from, mut key) = self.above(&path);
        self.nodes.remove(&path[..from]);
        for at in from..STEPS {
            for step in (0..16).filter(|step| *step != path[at]) {
                let mut place = path[..at].to_vec();
                place.push(step);
                self.nodes.insert(place, child(&key, step));
            }
            key = child(&key, path[at]);
        }
        self.nodes.insert(path.to_vec(), fresh);
    }

    /// The key at or above a place, and how many steps lead to it.
    fn above(&self, path: &[u8; STEPS]) -> (usize, [u8; BYTES]) {
        let steps = 0..=STEPS;
        let mut found = steps.filter_map(|to| Some((to, *self.nodes.get(&path[..to])?)));
        found.next().expect("a seed is a whole tree")
    }

    /// Whether every leaf has exactly one key at or above it.
    fn is_whole(&self) -> bool {
        // A key at depth d stands for 16^(STEPS - d) leaves.
        let leaves = |steps: usize| 16_u64.pow(u32::try_from(STEPS - steps).unwrap_or(0));
        let all: u64 = self.nodes.keys().map(|place| leaves(place.len())).sum();
        let mut places = self.nodes.keys().zip(self.nodes.keys().skip(1));
        // In order, whatever is below a place follows it.
        all == leaves(0) && !places.any(|(one, next)| next.starts_with(one))
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

fn path(person: &PersonKey) -> [u8; STEPS] {
    let hash = Sha256::digest(person.as_str().as_bytes());
    std::array::from_fn(|at| {
        let byte = hash[at / 2];
        if at % 2 == 0 { byte >> 4 } else { byte & 15 }
    })
}

fn child(key: &[u8; BYTES], step: u8) -> [u8; BYTES] {
    let mut hash = Sha256::new();
    hash.update(b"rollcall seed v1\0");
    hash.update(key);
    hash.update([step]);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(n: u32) -> PersonKey {
        PersonKey::new(format!("{n:05}"))
    }

    #[test]
    fn only_the_one_who_is_renewed_has_another_part() {
        let mut seed = Seed::new([7; BYTES]);
        let before: Vec<_> = (0..2000).map(|n| seed.leaf(&person(n))).collect();
        for (round, gone) in [17_u32, 1999, 0, 17].into_iter().enumerate() {
            let fresh = [100 + u8::try_from(round).unwrap(); BYTES];
            seed.renew(&person(gone), fresh);
            assert_eq!(seed.leaf(&person(gone)), fresh);
        }
        for n in (0..2000).filter(|n| ![17, 1999, 0].contains(n)) {
            assert_eq!(seed.leaf(&person(n)), before[n as usize], "{n}");
        }
    }

    /// What is left has no key from which the destroyed leaf could be grown again.
    #[test]
    fn no_ancestor_of_a_destroyed_part_is_left() {
        let mut seed = Seed::new([7; BYTES]);
        seed.renew(&person(1), [1; BYTES]);
        let path = path(&person(1));
        for (place, key) in &seed.nodes {
            let above = path.starts_with(place) && place.len() < STEPS;
            assert!(!above && *key != [7; BYTES], "{place:?}");
        }
        assert_eq!(seed.nodes.len(), 15 * STEPS + 1);
    }

    #[test]
    fn what_was_stored_is_read_back_and_nothing_else_is() {
        let mut seed = Seed::new([9; BYTES]);
        seed.renew(&person(3), [1; BYTES]);
        assert_eq!(Seed::of_bytes(&seed.to_bytes()), Some(seed.clone()));
        for wrong in ["", "{}", r#"{"format_version":1,"nodes":{}}"#] {
            assert_eq!(Seed::of_bytes(wrong.as_bytes()), None, "{wrong}");
        }
        let mut holed = seed.clone();
        holed.nodes.pop_first();
        assert_eq!(Seed::of_bytes(&holed.to_bytes()), None);
        let short = r#"{"format_version":1,"nodes":{"":"00ff"}}"#;
        assert_eq!(Seed::of_bytes(short.as_bytes()), None);
        assert_eq!(format!("{seed:?}"), "[secret]");
    }

    #[test]
    fn parts_look_like_chance() {
        let seed = Seed::new([7; BYTES]);
        let mut all: Vec<_> = (0..5000).map(|n| seed.leaf(&person(n))).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 5000);
    }
}
