//! The roster: all workers of one source at one moment, as an index that fits in memory.
//!
//! The rows themselves stream by; what stays per row is a key hash, a fingerprint and where the
//! sealed row begins (P13). Invariant: a key that stands on several rows that differ is present
//! and held, never believed.

use crate::state::key_prefix;

/// One row as the index keeps it: 48 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// [`crate::digest::worker_hash`] of the key: the person's, where HR gives people one.
    pub key: u128,
    /// Hash over the columns that are read.
    pub fingerprint: u128,
    /// Where the sealed row begins, in bytes.
    pub byte: u64,
    /// Row as a spreadsheet counts.
    pub row: u32,
    /// The row is held: its key is present, its values are not believed.
    pub held: bool,
}

/// A key that stands on more than one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// The key's hash.
    pub key: u128,
    /// Its rows, ascending.
    pub rows: Vec<Entry>,
    /// Whether the rows differ in anything that is read.
    pub conflict: bool,
}

/// Collects rows in file order.
#[derive(Debug, Default)]
pub struct RosterBuilder {
    entries: Vec<Entry>,
    /// [`key_prefix`] of worker ids, where they are not the keys, each with that of its person.
    workers: Vec<(u64, u64)>,
    keyless: u32,
}

impl RosterBuilder {
    /// For about so many rows: growing by doubling would take twice the memory for a moment.
    pub fn for_rows(rows: u32) -> Self {
        Self {
            entries: Vec::with_capacity(rows as usize),
            workers: Vec::new(),
            keyless: 0,
        }
    }

    /// A row with a key.
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The worker id of a row, and the key of the person whose employment it is.
    pub fn push_worker(&mut self, worker: u128, person: u128) {
        self.workers.push((key_prefix(worker), key_prefix(person)));
    }

    /// A row whose key cannot be read: somebody unknown is present.
    pub fn push_keyless(&mut self) {
        self.keyless += 1;
    }

    /// Sorts and joins rows of the same key.
    pub fn finish(self) -> Roster {
        let Self {
            mut entries,
            mut workers,
            keyless,
        } = self;
        workers.sort_unstable();
        workers.dedup();
        let rows = u32::try_from(entries.len())
            .unwrap_or(u32::MAX)
            .saturating_add(keyless);
        entries.sort_unstable_by_key(|e| (e.key, e.row));
        let mut repeated = Vec::new();
        let mut kept = 0;
        let mut at = 0;
        while at < entries.len() {
            let mut end = at + 1;
            while end < entries.len() && entries[end].key == entries[at].key {
                end += 1;
            }
            let group = &entries[at..end];
            let mut first = group[0];
            if group.len() > 1 {
                let conflict = group
                    .iter()
                    .any(|e| e.fingerprint != first.fingerprint || e.held != first.held);
                first.held |= conflict;
                repeated.push(Repeated {
                    key: first.key,
                    rows: group.to_vec(),
                    conflict,
                });
            }
            entries[kept] = first;
            kept += 1;
            at = end;
        }
        entries.truncate(kept);
        Roster {
            entries,
            workers,
            repeated,
            keyless,
            rows,
        }
    }
}

/// Every key of one source, once, in order of hash.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    entries: Vec<Entry>,
    workers: Vec<(u64, u64)>,
    repeated: Vec<Repeated>,
    keyless: u32,
    rows: u32,
}

impl Roster {
    /// One entry a key, ascending by hash. For identical rows the first one stands.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The keys that stand on more than one row, ascending by hash.
    pub fn repeated(&self) -> &[Repeated] {
        &self.repeated
    }

    /// Rows whose key cannot be read. While there are any, absence proves nothing.
    pub fn keyless(&self) -> u32 {
        self.keyless
    }

    /// All rows, repeated and keyless ones included.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Whether a worker id with this [`key_prefix`] stands in the file, held or not.
    pub fn stands(&self, prefix: u64) -> bool {
        self.person_of(prefix).is_some()
    }

    /// The person's [`key_prefix`] behind that of a worker id that stands in the file; of several
    /// persons with one id the first.
    pub fn person_of(&self, worker: u64) -> Option<u64> {
        if self.workers.is_empty() {
            return self.entry_of(worker).map(|_| worker);
        }
        self.persons_of(worker).first().map(|(_, person)| *person)
    }

    /// Whether the file has a worker id for more than one person.
    pub fn is_shared(&self, worker: u64) -> bool {
        self.persons_of(worker).len() > 1
    }

    fn persons_of(&self, worker: u64) -> &[(u64, u64)] {
        let from = self.workers.partition_point(|(it, _)| *it < worker);
        let rest = &self.workers[from..];
        &rest[..rest.partition_point(|(it, _)| *it == worker)]
    }

    /// The entry of a person, by the [`key_prefix`] of the key.
    pub fn entry_of(&self, person: u64) -> Option<&Entry> {
        let at = self
            .entries
            .partition_point(|entry| key_prefix(entry.key) < person);
        let entry = self.entries.get(at);
        entry.filter(|entry| key_prefix(entry.key) == person)
    }

    /// One key stands for several rows that are one person's employments: believed or not
    /// together, and changed where any of them is.
    pub fn join(&mut self, key: u128, fingerprint: u128, held: bool) {
        if let Ok(at) = self.entries.binary_search_by_key(&key, |e| e.key) {
            self.entries[at].fingerprint = fingerprint;
            self.entries[at].held = held;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: u128, fingerprint: u128, row: u32) -> Entry {
        Entry {
            key,
            fingerprint,
            byte: u64::from(row) * 10,
            row,
            held: false,
        }
    }

    fn roster(entries: &[Entry]) -> Roster {
        let mut builder = RosterBuilder::default();
        for entry in entries {
            builder.push(*entry);
        }
        builder.finish()
    }

    #[test]
    fn a_key_with_two_contents_is_present_and_held() {
        let roster = roster(&[entry(5, 1, 2), entry(3, 9, 3), entry(5, 2, 4)]);
        assert_eq!(roster.rows(), 3);
        assert_eq!(roster.entries().len(), 2);
        let held = roster.entries().iter().find(|e| e.key == 5).unwrap();
        assert!(held.held);
        let has = |key| roster.entries().iter().any(|entry| entry.key == key);
        assert!(has(5) && has(3) && !has(4));
        assert_eq!(roster.repeated().len(), 1);
        assert!(roster.repeated()[0].conflict);
        assert_eq!(
            roster.repeated()[0]
                .rows
                .iter()
                .map(|e| e.row)
                .collect::<Vec<_>>(),
            [2, 4]
        );
    }

    #[test]
    fn the_same_row_twice_counts_once_and_the_first_place_stands() {
        let roster = roster(&[entry(5, 1, 7), entry(5, 1, 2)]);
        assert_eq!(roster.entries().len(), 1);
        assert_eq!(roster.entries()[0].row, 2);
        assert!(!roster.entries()[0].held);
        assert!(!roster.repeated()[0].conflict);
    }

    /// Worker 7 is person 1 on two rows, worker 8 is two persons.
    #[test]
    fn a_worker_id_of_several_persons_is_known_as_such() {
        let mut builder = RosterBuilder::default();
        let high = |id: u128| id << 64;
        for (worker, person) in [(7, 1), (8, 2), (7, 1), (8, 3), (9, 3)] {
            builder.push_worker(high(worker), high(person));
            builder.push(entry(high(person), worker, 2));
        }
        let roster = builder.finish();
        let shared = [6, 7, 8, 9].map(|worker| roster.is_shared(worker));
        assert_eq!(shared, [false, false, true, false]);
        assert_eq!(roster.person_of(7), Some(1));
        assert_eq!(roster.person_of(9), Some(3));
        let there = [6, 7, 8, 9, 10].map(|worker| roster.stands(worker));
        assert_eq!(there, [false, true, true, true, false]);
    }

    #[test]
    fn a_held_copy_of_a_clean_row_holds_the_key() {
        let mut held = entry(5, 1, 3);
        held.held = true;
        assert!(roster(&[entry(5, 1, 2), held]).entries()[0].held);
    }
}
