//! Values that nobody can guess and every replay makes again: `Guid` and `RandomString`.
//!
//! The bytes are SHA-256 over the seed of the run, the record and the place of the call in its
//! expression. Whoever does not have the seed cannot tell them from random ones.

use sha2::{Digest as _, Sha256};

/// Bytes without an end, the same for the same beginning.
pub(super) struct Bytes {
    seed: Vec<u8>,
    block: u64,
    left: Vec<u8>,
}

impl Bytes {
    /// For one call: `seed` is that of the run and the record, `place` that of the call.
    pub(super) fn new(seed: &[u8], place: u32) -> Self {
        let mut all = seed.to_vec();
        all.extend(place.to_be_bytes());
        Self {
            seed: all,
            block: 0,
            left: Vec::new(),
        }
    }

    fn next(&mut self) -> u8 {
        if self.left.is_empty() {
            let mut hash = Sha256::new();
            hash.update(&self.seed);
            hash.update(self.block.to_be_bytes());
            self.block += 1;
            self.left = hash.finalize().to_vec();
        }
        self.left.pop().unwrap_or_default()
    }

    /// Evenly below a number of at most 256: what would favour the small ones is thrown away.
    fn below(&mut self, most: usize) -> usize {
        let fair = 256 - 256 % most;
        loop {
            let byte = usize::from(self.next());
            if byte < fair {
                return byte % most;
            }
        }
    }
}

/// A random GUID (version 4), lower case with dashes.
pub(super) fn guid(bytes: &mut Bytes) -> String {
    let mut id = [0; 16];
    for byte in &mut id {
        *byte = bytes.next();
    }
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    let digits = crate::digest::hex(&id);
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}

const DIGITS: &str = "0123456789";
/// The special characters of the Windows password complexity rule.
const SPECIAL: &str = "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

/// Longest text that `RandomString` makes.
pub(super) const LENGTH_MAX: usize = 256;

/// At least so many digits, special characters, capitals and small letters; digits and letters
/// otherwise. None of `avoid`. `None` when a kind that is asked for has no character left, or
/// the least numbers are more than the length.
pub(super) fn text(
    bytes: &mut Bytes,
    length: usize,
    least: [usize; 4],
    avoid: &str,
) -> Option<String> {
    let allowed =
        |kind: &str| -> Vec<char> { kind.chars().filter(|c| !avoid.contains(*c)).collect() };
    let kinds = [DIGITS, SPECIAL, UPPER, LOWER].map(allowed);
    let rest: Vec<char> = [&kinds[0], &kinds[2], &kinds[3]]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    let mut out = Vec::with_capacity(length);
    for (kind, least) in kinds.iter().zip(least) {
        if least > 0 && kind.is_empty() || least > length {
            return None;
        }
        for _ in 0..least {
            out.push(kind[bytes.below(kind.len())]);
        }
    }
    if out.len() > length || (out.len() < length && rest.is_empty()) {
        return None;
    }
    while out.len() < length {
        out.push(rest[bytes.below(rest.len())]);
    }
    // Not the digits first: everything anywhere.
    for at in (1..out.len()).rev() {
        out.swap(at, bytes.below(at + 1));
    }
    Some(out.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_beginning_gives_the_same_text() {
        let make = |seed: &[u8], place| text(&mut Bytes::new(seed, place), 20, [2; 4], "").unwrap();
        assert_eq!(make(b"a", 1), make(b"a", 1));
        assert_ne!(make(b"a", 1), make(b"b", 1));
        assert_ne!(make(b"a", 1), make(b"a", 2));
    }

    #[test]
    fn what_is_asked_for_is_there_and_nothing_that_is_avoided() {
        for place in 0..200 {
            let made = text(&mut Bytes::new(b"s", place), 12, [3, 2, 2, 4], "lO0?,").unwrap();
            let count = |kind: &str| made.chars().filter(|c| kind.contains(*c)).count();
            assert_eq!(made.chars().count(), 12);
            assert!(count(DIGITS) >= 3 && count(SPECIAL) >= 2, "{made}");
            assert!(count(UPPER) >= 2 && count(LOWER) >= 4, "{made}");
            assert_eq!(count("lO0?,"), 0, "{made}");
        }
        let none = |length, least, avoid| text(&mut Bytes::new(b"s", 0), length, least, avoid);
        assert_eq!(none(3, [2, 2, 0, 0], ""), None);
        assert_eq!(none(3, [1, 0, 0, 0], DIGITS), None);
        assert_eq!(none(0, [0; 4], ""), Some(String::new()));
        let every = format!("{DIGITS}{UPPER}{LOWER}");
        assert_eq!(none(1, [0; 4], &every), None);
    }

    #[test]
    fn every_character_comes_about_as_often() {
        let mut bytes = Bytes::new(b"fair", 0);
        let mut counts = [0_u32; 10];
        for _ in 0..20_000 {
            counts[bytes.below(10)] += 1;
        }
        assert!(
            counts.iter().all(|n| (1_800..2_200).contains(n)),
            "{counts:?}"
        );
    }
}
