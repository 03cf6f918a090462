//! Randomness that a seed decides: jitter and request ids, the same in every replay.
//!
//! Invariant: nothing secret comes from here; passwords are made from the operating system's
//! generator.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A `SplitMix64` generator (Steele, Lea, Flood 2014) that can be shared between tasks.
#[derive(Debug)]
pub struct Chance(AtomicU64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Chance {
    /// A generator from a seed.
    pub const fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next 64 bits.
    pub fn bits(&self) -> u64 {
        let mut z = self
            .0
            .fetch_add(GOLDEN, Ordering::Relaxed)
            .wrapping_add(GOLDEN);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A duration in `0..=max`, to the microsecond.
    pub fn up_to(&self, max: Duration) -> Duration {
        let micros = u64::try_from(max.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.bits() % (micros + 1))
    }

    /// A version 4 UUID in its usual form, for `client-request-id`.
    pub fn guid(&self) -> String {
        let high = (self.bits() & !0xf000) | 0x4000;
        let low = (self.bits() & !(0b11 << 62)) | (0b10 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First outputs of the reference implementation for seed 1234567 (Vigna, splitmix64.c).
    #[test]
    fn follows_the_reference_sequence() {
        let chance = Chance::seeded(1_234_567);
        assert_eq!(chance.bits(), 6_457_827_717_110_365_317);
        assert_eq!(chance.bits(), 3_203_168_211_198_807_973);
    }

    /// Request ids must have the shape that Graph echoes: 8-4-4-4-12, version 4, variant 1.
    #[test]
    fn guids_are_version_four() {
        let chance = Chance::seeded(7);
        for _ in 0..100 {
            let guid = chance.guid();
            let lengths: Vec<usize> = guid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12]);
            assert_eq!(&guid[14..15], "4");
            assert!(matches!(&guid[19..20], "8" | "9" | "a" | "b"), "{guid}");
        }
    }
}
