//! How fast membership rules are: a whole population against 500 rules, one changed worker against
//! 5,000, beside evaluating each rule alone. The measure is what the csv crate takes to read the
//! same workers' file.
//!
//! `cargo bench --bench rules`; `ROLLCALL_BENCH_ROWS` says how many workers (1,000,000).

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and a failed unwrap ends it"
)]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rollcall_core::rules::{Record, Rule, RuleSet, Vocabulary};
use rollcall_tests::crowd::{generate, rows};
use rollcall_tests::rulebook::rule;

fn took(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn rules(count: usize) -> Vec<Rule> {
    let compile = |n| Rule::compile(&rule(n), Vocabulary::Entra).unwrap();
    (0..count).map(compile).collect()
}

fn now() -> Timestamp {
    "2026-03-16T02:00:00Z".parse().unwrap()
}

/// Where the value of each slot stands in the file.
struct Columns {
    texts: Vec<(usize, usize)>,
    name: Option<usize>,
    enabled: Option<usize>,
    hired: Option<usize>,
}

impl Columns {
    fn of(set: &RuleSet, header: &csv::ByteRecord) -> Self {
        let column = |name: &str| header.iter().position(|h| h == name.as_bytes()).unwrap();
        let slot = |name: &str| set.slots().iter().position(|slot| slot.name == name);
        let texts = [
            ("department", "Department"),
            ("country", "CountryCode"),
            ("city", "City"),
            ("companyName", "Company"),
            ("jobTitle", "JobTitle"),
            ("postalCode", "ZipCode"),
            ("extensionAttribute1", "Custom01"),
        ];
        let texts = texts
            .iter()
            .filter_map(|(name, from)| Some((slot(name)?, column(from))));
        Self {
            texts: texts.collect(),
            name: slot("userPrincipalName"),
            enabled: slot("accountEnabled"),
            hired: slot("employeeHireDate"),
        }
    }

    fn fill(&self, record: &mut Record, row: &csv::ByteRecord, name: &mut String) {
        let text = |at: usize| std::str::from_utf8(&row[at]).unwrap();
        for (slot, column) in &self.texts {
            record.text(*slot, Some(text(*column)).filter(|text| !text.is_empty()));
        }
        if let Some(slot) = self.name {
            name.clear();
            name.push_str(text(3));
            name.push_str("@woodgrove.example");
            record.text(slot, Some(name));
        }
        if let Some(slot) = self.enabled {
            record.flag(slot, Some(&row[1] == b"Active"));
        }
        if let Some(slot) = self.hired {
            let day: jiff::civil::Date = text(9).parse().unwrap();
            let day = day.to_zoned(jiff::tz::TimeZone::UTC).unwrap();
            record.instant(slot, Some(day.timestamp()));
        }
    }
}

fn each(path: &Path, mut visit: impl FnMut(&csv::ByteRecord)) {
    let mut csv = csv::ReaderBuilder::new().from_path(path).unwrap();
    let mut row = csv::ByteRecord::new();
    while csv.read_byte_record(&mut row).unwrap() {
        visit(&row);
    }
}

fn header(path: &Path) -> csv::ByteRecord {
    csv::ReaderBuilder::new()
        .from_path(path)
        .unwrap()
        .byte_headers()
        .unwrap()
        .clone()
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn population(path: &Path) {
    let raw = took(|| {
        let mut fields = 0;
        each(path, |row| fields += row.len());
        assert_eq!(fields, rows() * 24);
    });
    let set = RuleSet::new(&rules(500));
    let columns = Columns::of(&set, &header(path));
    let (mut record, mut scratch, mut name) = (set.record(), set.scratch(), String::new());
    let mut members = vec![0_u64; set.len()];
    let all = took(|| {
        each(path, |row| {
            columns.fill(&mut record, row, &mut name);
            set.members(&record, Some(now()), &mut scratch, |rule, said| {
                said.unwrap();
                members[rule] += 1;
            });
        });
    });
    println!(
        "csv crate reading the file: {:.2} s = 1.0x",
        raw.as_secs_f64()
    );
    println!(
        "{} workers x {} rules, together: {:.2} s = {:.1}x (limit 60x), {:.2} us a worker, {} memberships, {} MB",
        rows(),
        set.len(),
        all.as_secs_f64(),
        all.as_secs_f64() / raw.as_secs_f64(),
        all.as_secs_f64() * 1e6 / rows() as f64,
        members.iter().sum::<u64>(),
        resident_kb() / 1024,
    );
    // Each rule alone is looked at over fewer workers, and the same ones must come out.
    let sets: Vec<RuleSet> = rules(500)
        .iter()
        .map(|rule| RuleSet::new(std::slice::from_ref(rule)))
        .collect();
    let sample = rows().min(20_000);
    let mut alone = 0_u64;
    let one_by_one = took(|| {
        for set in &sets {
            let columns = Columns::of(set, &header(path));
            let (mut record, mut scratch, mut left) = (set.record(), set.scratch(), sample);
            let mut csv = csv::ReaderBuilder::new().from_path(path).unwrap();
            let mut row = csv::ByteRecord::new();
            while left > 0 && csv.read_byte_record(&mut row).unwrap() {
                left -= 1;
                columns.fill(&mut record, &row, &mut name);
                set.members(&record, Some(now()), &mut scratch, |_, _| alone += 1);
            }
        }
    });
    let mut together = 0_u64;
    let mut left = sample;
    each(path, |row| {
        if left > 0 {
            left -= 1;
            columns.fill(&mut record, row, &mut name);
            set.members(&record, Some(now()), &mut scratch, |_, _| together += 1);
        }
    });
    assert_eq!(alone, together);
    let a_worker = one_by_one.as_secs_f64() / sample as f64;
    println!(
        "each rule alone ({sample} workers): {:.1} us a worker, {:.0} times as long",
        a_worker * 1e6,
        a_worker / (all.as_secs_f64() / rows() as f64)
    );
}

fn one_worker(path: &Path) {
    let rules = rules(5_000);
    let set = RuleSet::new(&rules);
    let columns = Columns::of(&set, &header(path));
    let mut pair = [set.scratch(), set.scratch()];
    let mut name = String::new();
    let mut changes: Vec<(Record, Record)> = Vec::new();
    let department = set
        .slots()
        .iter()
        .position(|slot| slot.name == "department");
    each(path, |row| {
        if changes.len() < 2_000 {
            let mut before = set.record();
            columns.fill(&mut before, row, &mut name);
            let mut after = before.clone();
            let moved = format!("Department {}", (changes.len() + 1) % 97);
            after.text(department.unwrap(), Some(&moved));
            changes.push((before, after));
        }
    });
    let mut crossed = 0;
    let mut longest = Duration::ZERO;
    let all = took(|| {
        for (before, after) in &changes {
            longest = longest.max(took(|| {
                let at = Some(now());
                let crossings = set.crossings((before, at), (after, at), &mut pair);
                crossed += black_box(crossings).crossed.len();
            }));
        }
    });
    let each_us = all.as_secs_f64() * 1e6 / changes.len() as f64;
    println!(
        "one changed worker x {} rules: {each_us:.1} us (limit 50), longest of {} {:.1} us, {:.1} crossings each",
        set.len(),
        changes.len(),
        longest.as_secs_f64() * 1e6,
        crossed as f64 / changes.len() as f64
    );
    let sets: Vec<RuleSet> = rules
        .iter()
        .map(|rule| RuleSet::new(std::slice::from_ref(rule)))
        .collect();
    let sample = &changes[..20];
    let mut pairs: Vec<_> = sets
        .iter()
        .map(|set| [set.scratch(), set.scratch()])
        .collect();
    let (mut same, mut took_alone) = (0, Duration::ZERO);
    for (before, after) in sample {
        // Every set has slots of its own: they are filled before the clock starts.
        let filled: Vec<(Record, Record)> = sets
            .iter()
            .map(|one| (set.record_for(before, one), set.record_for(after, one)))
            .collect();
        took_alone += took(|| {
            for ((one, records), pair) in sets.iter().zip(&filled).zip(&mut pairs) {
                let at = Some(now());
                same += one
                    .crossings((&records.0, at), (&records.1, at), pair)
                    .crossed
                    .len();
            }
        });
    }
    let mut wanted = 0;
    for (before, after) in sample {
        let at = Some(now());
        wanted += set
            .crossings((before, at), (after, at), &mut pair)
            .crossed
            .len();
    }
    assert_eq!(same, wanted);
    let alone_us = took_alone.as_secs_f64() * 1e6 / sample.len() as f64;
    println!(
        "each rule alone: {alone_us:.1} us, {:.0} times as long",
        alone_us / each_us
    );
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workers.csv");
    generate(&path, false).unwrap();
    population(&path);
    one_worker(&path);
}
