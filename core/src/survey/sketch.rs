//! How many distinct values a column has, and how many of them another column has too, in bounded memory.
//!
//! Values go by a 64-bit hash. All hashes below a bound are kept; once they are too many, the bound comes down to
//! the middle of them ("k minimum values": Bar-Yossef and others, "Counting Distinct Elements in a Data Stream",
//! 2002). So the count is exact until then, and two sketches can be compared below the lower of their bounds.
//! Invariant: no value is kept, and the memory of a sketch does not grow with the rows.

/// A set of hashes that are spread evenly already: each stands at its own place, or at the next that is free.
#[derive(Debug, Clone, Default)]
struct Hashes {
    /// 0: free.
    places: Vec<u64>,
    count: usize,
}

impl Hashes {
    const FEWEST: usize = 16;

    /// Where a hash stands, or could.
    fn place(&self, hash: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut at = usize::try_from(hash & mask as u64).unwrap_or(0);
        while self.places[at] != 0 && self.places[at] != hash {
            at = (at + 1) & mask;
        }
        at
    }

    fn contains(&self, hash: u64) -> bool {
        let hash = hash.max(1);
        !self.places.is_empty() && self.places[self.place(hash)] == hash
    }

    /// Whether it was not there yet.
    fn insert(&mut self, hash: u64) -> bool {
        let hash = hash.max(1);
        if 2 * (self.count + 1) > self.places.len() {
            let larger = (2 * self.places.len()).max(Self::FEWEST);
            let known = std::mem::replace(&mut self.places, vec![0; larger]);
            for hash in known.into_iter().filter(|hash| *hash != 0) {
                let at = self.place(hash);
                self.places[at] = hash;
            }
        }
        let at = self.place(hash);
        let new = self.places[at] == 0;
        self.places[at] = hash;
        self.count += usize::from(new);
        new
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        self.places.iter().copied().filter(|hash| *hash != 0)
    }
}

/// Distinct values of a column.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    below: Hashes,
    bound: u64,
    most: usize,
}

impl Sketch {
    /// Counts exactly up to `most`.
    pub(super) fn new(most: usize) -> Self {
        Self {
            below: Hashes::default(),
            bound: u64::MAX,
            most: most.max(16),
        }
    }

    pub(super) fn add(&mut self, hash: u64) {
        let hash = hash.max(1);
        if hash >= self.bound || !self.below.insert(hash) || self.below.count <= self.most {
            return;
        }
        let mut all: Vec<u64> = self.below.iter().collect();
        let half = all.len() / 2;
        let (lower, bound, _) = all.select_nth_unstable(half);
        self.bound = *bound;
        self.below = Hashes::default();
        for hash in lower {
            self.below.insert(*hash);
        }
    }

    /// How many distinct values there are, and whether that is exact.
    pub(super) fn distinct(&self) -> (u64, bool) {
        let kept = self.below.count as u64;
        if self.bound == u64::MAX {
            return (kept, true);
        }
        let share = self.bound as f64 / u64::MAX as f64;
        (rounded(kept as f64 / share), false)
    }

    /// The share of its values that the other one has, too; `None` where it has none.
    pub(super) fn within(&self, other: &Self) -> Option<f64> {
        let bound = self.bound.min(other.bound);
        let looked_at = self.below.iter().filter(|hash| *hash < bound);
        let (mut all, mut there) = (0_u32, 0_u32);
        for hash in looked_at {
            all += 1;
            there += u32::from(other.below.contains(hash));
        }
        (all > 0).then(|| f64::from(there) / f64::from(all))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of rows: positive, and far below 2^53"
)]
fn rounded(count: f64) -> u64 {
    count.round() as u64
}

/// Things that come again, exactly as long as there are not too many of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats {
    once: Hashes,
    several: Hashes,
    /// Further occurrences.
    again: u64,
    /// What came after the memory was full.
    unseen: u64,
}

/// Distinct things that are remembered.
const REMEMBERED: usize = 1 << 20;

impl Repeats {
    pub(super) fn add(&mut self, hash: u64) {
        if self.once.contains(hash) {
            self.again += 1;
            if self.several.count < REMEMBERED {
                self.several.insert(hash);
            }
        } else if self.once.count < REMEMBERED {
            self.once.insert(hash);
        } else {
            self.unseen += 1;
        }
    }

    /// Occurrences beyond the first; things that occur more than once; whether all were looked at.
    pub(super) fn counted(&self) -> (u64, u64, bool) {
        (self.again, self.several.count as u64, self.unseen == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: std::ops::Range<u64>) -> Sketch {
        let mut sketch = Sketch::new(4096);
        for n in range {
            sketch.add(xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes()));
        }
        sketch
    }

    #[test]
    fn few_are_counted_and_many_are_estimated() {
        assert_eq!(of(0..4096).distinct(), (4096, true));
        for many in [5000, 50_000, 500_000] {
            let (distinct, exact) = of(0..many).distinct();
            assert!(!exact);
            let off = (distinct as f64 - many as f64).abs() / many as f64;
            assert!(off < 0.07, "{distinct} for {many}");
        }
    }

    #[test]
    fn what_is_in_both_is_found_though_neither_is_kept_whole() {
        let (keys, few, none) = (of(0..200_000), of(100..600), of(300_000..400_000));
        assert!((few.within(&keys).unwrap() - 1.0).abs() < f64::EPSILON);
        assert!(none.within(&keys).unwrap() < 0.001);
        let half = of(150_000..250_000).within(&keys).unwrap();
        assert!((0.42..0.58).contains(&half), "{half}");
        assert_eq!(of(0..0).within(&keys), None);
    }

    #[test]
    fn repeats_are_exact() {
        let mut repeats = Repeats::default();
        for n in [1_u64, 2, 3, 2, 2, 3] {
            repeats.add(n);
        }
        assert_eq!(repeats.counted(), (3, 2, true));
    }
}
