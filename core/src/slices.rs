//! Budgets of parts of the company: who is in which slice, what it counts, and what it keeps back.
//!
//! A budget of everybody lets a site be emptied that is smaller than 2 % of the company. A slice
//! counts a part by itself: those for whom a rule holds, each value of an attribute, or everybody
//! below a manager. Invariant: nobody gets out of a slice by the edit that is judged (what HR said
//! before counts too), and where nobody can say whether somebody is in it, they are. A value that
//! nobody had before is not written down: in a file with its columns swapped it is a name.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use unicode_normalization::UnicodeNormalization as _;

use crate::digest::{EvidenceKey, sha256};
use crate::guards::{DISABLES, REMOVALS};
use crate::mapping::Mapping;
use crate::plan::GuardVerdict;
use crate::policy::{Limit, Policy, Slice, last_part};
use crate::rules::{Record, Rule, RuleError, RuleSet, Scratch, Vocabulary};
use crate::state::Identity;
use crate::workers;

/// Kinds of change that slices have budgets for, by the name of the guard of everybody.
pub const KINDS: [&str; 2] = [DISABLES, REMOVALS];

/// The guard of a kind in a slice: what `approve --guard` takes.
pub fn guard_of(kind: &str, slice: &str) -> String {
    format!("{kind}:{slice}")
}

/// The kind that a guard of a slice counts; `None` for a guard of everybody.
pub fn kind_of(guard: &str) -> Option<&'static str> {
    let (kind, slice) = guard.split_once(':')?;
    let mut kinds = KINDS.into_iter();
    kinds.find(|it| *it == kind && !slice.is_empty())
}

/// Why slices of a policy cannot be used with a mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("slice `{name}`, {why}")]
pub struct SliceError {
    /// Which of the file, from 0.
    pub at: usize,
    /// Its name.
    pub name: String,
    /// The key of the file that is wrong.
    pub key: &'static str,
    /// What is wrong with it, in words.
    pub why: String,
}

/// Who is in which slice.
#[derive(Debug)]
pub struct Slices {
    all: Vec<Slice>,
    /// By rule of the set, its slice.
    rules: Vec<usize>,
    set: RuleSet,
    record: Record,
    scratch: Scratch,
    key: EvidenceKey,
    /// Slices that anybody was in, by name.
    parts: Vec<Part>,
    places: BTreeMap<String, usize>,
}

/// One slice that people are in: one of the file, or one value of its attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// What its guards are named by: `warsaw`, or `site:warsaw` where it is one of many.
    name: String,
    /// In words.
    words: String,
    /// Which of the file.
    slice: usize,
    /// Its name and words while nobody is known to have had the value before.
    hidden: Option<(String, String)>,
    /// Its other name, of a value: what counted under that counts here.
    also: Option<String>,
}

impl Slices {
    /// Those of a policy over the workers of a mapping; `None` where there are none.
    ///
    /// # Errors
    /// Every rule or attribute that is none, in the order of the file.
    pub fn compile(
        policy: &Policy,
        mapping: &Mapping,
        key: &EvidenceKey,
    ) -> Result<Option<Self>, Vec<SliceError>> {
        let slices = policy.budgets.slice.clone();
        if slices.is_empty() {
            return Ok(None);
        }
        let words = workers::vocabulary(mapping);
        let (mut rules, mut compiled, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        for (at, slice) in slices.iter().enumerate() {
            let mut fail = |key, why| {
                let name = slice.name.clone();
                wrong.push(SliceError { at, name, key, why });
            };
            if let Some(source) = &slice.rule {
                match Rule::compile(source, Vocabulary::Worker(&words)) {
                    Ok(rule) => {
                        rules.push(at);
                        compiled.push(rule);
                    }
                    Err(error) => fail("rule", said(&error)),
                }
            }
            if let Some(by) = &slice.by
                && !words.iter().any(|(name, _)| name == last_part(by))
            {
                let known = words.iter().map(|(name, _)| name.as_str());
                let hint = crate::suggest::hint(last_part(by), known);
                fail("by", format!("nothing in the mapping gives `{by}`{hint}"));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let set = RuleSet::new(&compiled);
        Ok(Some(Self {
            rules,
            record: set.record(),
            scratch: set.scratch(),
            set,
            key: key.clone(),
            parts: Vec::new(),
            places: BTreeMap::new(),
            all: slices,
        }))
    }

    /// The workers at the top of slices that are lines of managers, each with its slice.
    pub fn tops(&self) -> Vec<(usize, String)> {
        let all = self.all.iter().enumerate();
        all.filter_map(|(at, slice)| Some((at, slice.under.clone()?)))
            .collect()
    }

    /// The parts that somebody is in by what HR says of them, added to `into`; `before` where HR said
    /// it before this run.
    pub fn by_words(
        &mut self,
        identity: &Identity,
        before: bool,
        now: Timestamp,
        into: &mut BTreeSet<usize>,
    ) {
        let mut found = Vec::new();
        if !self.rules.is_empty() {
            workers::fill(&mut self.record, &self.set, identity);
            let rules = &self.rules;
            // A verdict that nobody can give is one too.
            self.set
                .members(&self.record, Some(now), &mut self.scratch, |rule, _| {
                    found.push((rules[rule], None));
                });
        }
        for (at, slice) in self.all.iter().enumerate() {
            let value = slice.by.as_ref().map(|by| {
                let text = workers::text(identity, last_part(by));
                text.map(str::trim).filter(|text| !text.is_empty())
            });
            if let Some(Some(value)) = value {
                found.push((at, Some(value.to_owned())));
            }
        }
        for (slice, value) in found {
            let part = match value {
                Some(value) => self.of_value(slice, &value, before),
                None => self.line(slice),
            };
            into.insert(part);
        }
    }

    /// Says of a line of managers that nobody knows its top.
    pub fn without_top(&mut self, slice: usize) {
        let part = self.line(slice);
        self.parts[part]
            .words
            .push_str(", whom nobody knows, so that nobody is in it");
    }

    /// The part that is the slice as a whole, as one of a rule or a line of managers is.
    pub fn line(&mut self, slice: usize) -> usize {
        let it = &self.all[slice];
        if let Some(at) = self.places.get(&it.name) {
            return *at;
        }
        let words = match &it.under {
            Some(top) => format!("the line below worker {top}"),
            None => it.name.clone(),
        };
        let name = it.name.clone();
        self.begin(Part {
            name,
            words,
            slice,
            hidden: None,
            also: None,
        })
    }

    /// The part that a guard counts, where the file has such a slice.
    pub fn part_of(&mut self, guard: &str) -> Option<usize> {
        kind_of(guard)?;
        let (_, name) = guard.split_once(':')?;
        if let Some(at) = self.places.get(name) {
            return Some(*at);
        }
        let (head, value) = match name.split_once(':') {
            Some((head, value)) => (head, Some(value)),
            None => (name, None),
        };
        let mut all = self.all.iter();
        let slice = all.position(|it| it.name == head && it.by.is_some() == value.is_some())?;
        let Some(value) = value else {
            return Some(self.line(slice));
        };
        let words = self.valued(slice, value);
        let name = name.to_owned();
        Some(self.begin(Part {
            name,
            words,
            slice,
            hidden: None,
            also: None,
        }))
    }

    /// In words, a value of a slice that is one of many.
    fn valued(&self, slice: usize, value: &str) -> String {
        let by = self.all[slice].by.as_deref().unwrap_or_default();
        format!("{} {value}", last_part(by))
    }

    /// The part that is one value of a slice; `before` where somebody had it before this run.
    fn of_value(&mut self, slice: usize, value: &str, before: bool) -> usize {
        let of = &self.all[slice].name;
        let name = format!("{of}:{}", slug(value));
        let hidden = format!("{of}:new-{}", self.key.mark(of, &key_of(value)));
        let found = self.places.get(&name).or_else(|| self.places.get(&hidden));
        let part = if let Some(at) = found {
            *at
        } else {
            let words = self.valued(slice, "that nobody had before");
            let hidden = Some((hidden.clone(), words));
            let words = self.valued(slice, value);
            let name = name.clone();
            self.begin(Part {
                name,
                words,
                slice,
                hidden,
                also: None,
            })
        };
        if before {
            let words = self.valued(slice, value);
            let it = &mut self.parts[part];
            (it.name, it.words, it.hidden) = (name.clone(), words, None);
        }
        let shown = self.parts[part].hidden.is_none();
        let also = if shown { &hidden } else { &name };
        self.parts[part].also = Some(also.clone());
        self.places.insert(name, part);
        self.places.insert(hidden, part);
        part
    }

    /// A part that nobody was in before.
    fn begin(&mut self, part: Part) -> usize {
        self.places.insert(part.name.clone(), self.parts.len());
        self.parts.push(part);
        self.parts.len() - 1
    }

    /// A part's name.
    pub fn name(&self, part: usize) -> &str {
        let part = &self.parts[part];
        part.hidden.as_ref().map_or(&part.name, |(name, _)| name)
    }

    fn words(&self, part: usize) -> &str {
        let part = &self.parts[part];
        part.hidden.as_ref().map_or(&part.words, |(_, words)| words)
    }

    fn limit(&self, kind: &str, part: usize) -> Option<Limit> {
        let slice = &self.all[self.parts[part].slice];
        if kind == DISABLES {
            slice.disables
        } else {
            slice.removals
        }
    }
}

/// What a plan would take in each slice, counted while people are decided about.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How many disables and removals, by the parts that the people are in together.
    planned: BTreeMap<Vec<usize>, [u32; 2]>,
}

/// What the slices of a plan came to.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// What they saw, in the order of their names.
    pub verdicts: Vec<GuardVerdict>,
    /// By kind, what stays for the budget of everybody: what no slice keeps back.
    pub left: [u32; 2],
    /// By kind and part, its guard; and why, where that is tripped.
    guards: BTreeMap<(&'static str, usize), (String, Option<String>)>,
}

impl Judged {
    fn of<'a>(
        &'a self,
        kind: &'a str,
        parts: &'a [usize],
    ) -> impl Iterator<Item = &'a (String, Option<String>)> {
        let kind = KINDS.into_iter().find(|it| *it == kind);
        let parts = parts.iter();
        parts.filter_map(move |part| self.guards.get(&(kind?, *part)))
    }

    /// The guards of a kind that count somebody of these parts.
    pub fn guards<'a>(
        &'a self,
        kind: &'a str,
        parts: &'a [usize],
    ) -> impl Iterator<Item = &'a String> {
        self.of(kind, parts).map(|(guard, _)| guard)
    }

    /// Those of them that keep back what is taken there, each with why.
    pub fn holding(&self, kind: &str, parts: &[usize]) -> Vec<(String, String)> {
        let tripped = self.of(kind, parts);
        tripped
            .filter_map(|(guard, why)| Some((guard.clone(), why.clone()?)))
            .collect()
    }

    /// Takes what guards saw, where that is on record, for what they see: of a plan that is made again.
    pub fn as_recorded(&mut self, recorded: &BTreeMap<String, GuardVerdict>) {
        for verdict in &mut self.verdicts {
            if let Some(then) = recorded.get(&verdict.name) {
                verdict.clone_from(then);
            }
        }
        for (guard, why) in self.guards.values_mut() {
            if let Some(then) = recorded.get(guard) {
                *why = then.tripped.then(|| then.why.clone());
            }
        }
    }

    /// Whether anything of a kind is kept back.
    pub fn any(&self, kind: &str) -> bool {
        let mut guards = self.guards.iter();
        guards.any(|((of, _), (_, why))| *of == kind && why.is_some())
    }
}

impl Tally {
    /// All of it is for the budgets of everybody.
    pub fn without_slices(&self) -> Judged {
        let all = self.planned.values();
        Judged {
            left: all.fold([0, 0], |[d, r], counts| [d + counts[0], r + counts[1]]),
            ..Judged::default()
        }
    }

    /// One person, with the parts that they are in.
    pub fn add(&mut self, parts: &BTreeSet<usize>, disables: u32, removals: u32) {
        if disables + removals > 0 {
            let parts = parts.iter().copied().collect();
            let [d, r] = self.planned.entry(parts).or_default();
            *d += disables;
            *r += removals;
        }
    }

    /// By part, how much of each kind.
    fn by_part(&self) -> BTreeMap<usize, [u32; 2]> {
        let mut out: BTreeMap<usize, [u32; 2]> = BTreeMap::new();
        for (parts, [disables, removals]) in &self.planned {
            for part in parts {
                let [d, r] = out.entry(*part).or_default();
                *d += disables;
                *r += removals;
            }
        }
        out
    }

    /// Whether the people of any slice have to be counted: it goes over its count, and has a
    /// percentage beside it.
    pub fn asks_for_people(&self, slices: &Slices, before: &BTreeMap<String, u32>) -> bool {
        self.each(slices, before)
            .any(|it| it.planned > 0 && it.limit.percent > 0.0 && it.counted() > it.limit.count)
    }

    fn each<'a>(
        &'a self,
        slices: &'a Slices,
        before: &'a BTreeMap<String, u32>,
    ) -> impl Iterator<Item = Seen> + 'a {
        let parts = 0..slices.parts.len();
        let planned = self.by_part();
        let planned = move |part| planned.get(&part).copied().unwrap_or_default();
        let kinds = KINDS.into_iter().enumerate();
        let both = kinds.flat_map(move |kind| parts.clone().map(move |part| (kind, part)));
        both.filter_map(move |((at, kind), part)| {
            let guard = guard_of(kind, slices.name(part));
            Some(Seen {
                kind,
                part,
                limit: slices.limit(kind, part)?,
                planned: planned(part)[at],
                before: {
                    let also = slices.parts[part]
                        .also
                        .as_deref()
                        .map(|it| guard_of(kind, it));
                    let both = std::iter::once(&guard).chain(&also);
                    both.filter_map(|it| before.get(it)).sum()
                },
                guard,
            })
        })
    }

    /// Judges. `before` is what was let through in the last 24 hours, by guard; `managed` the
    /// accounts before the run by part, where somebody counted them.
    pub fn judge(
        &self,
        slices: &Slices,
        before: &BTreeMap<String, u32>,
        managed: Option<&BTreeMap<usize, u32>>,
    ) -> Judged {
        let mut out = Judged::default();
        for seen in self.each(slices, before) {
            let managed = managed.map(|it| it.get(&seen.part).copied().unwrap_or(0));
            let verdict = seen.verdict(slices.words(seen.part), managed);
            let why = verdict.tripped.then(|| verdict.why.clone());
            let guard = (seen.guard, why);
            out.guards.insert((seen.kind, seen.part), guard);
            let one_of_many = slices.all[slices.parts[seen.part].slice].by.is_some();
            if seen.planned > 0 || !one_of_many {
                out.verdicts.push(verdict);
            }
        }
        out.verdicts.sort_by(|a, b| a.name.cmp(&b.name));
        for (at, kind) in KINDS.into_iter().enumerate() {
            let goes = |parts: &Vec<usize>| out.holding(kind, parts).is_empty();
            let left = self.planned.iter().filter(|(parts, _)| goes(parts));
            out.left[at] = left.map(|(_, counts)| counts[at]).sum();
        }
        out
    }
}

/// One kind in one part.
struct Seen {
    kind: &'static str,
    part: usize,
    guard: String,
    limit: Limit,
    planned: u32,
    before: u32,
}

impl Seen {
    fn counted(&self) -> u32 {
        self.before.saturating_add(self.planned)
    }

    fn verdict(&self, words: &str, managed: Option<u32>) -> GuardVerdict {
        let Self {
            kind,
            planned,
            before,
            ..
        } = self;
        let limit = self.limit.of(managed.unwrap_or(0));
        let what = if *kind == DISABLES {
            "accounts would be disabled"
        } else {
            "people who stay would lose groups or licences"
        };
        let of = match managed {
            Some(managed) if self.limit.percent > 0.0 => {
                format!("{limit} of {managed} managed accounts there")
            }
            // Not counted: it is below the count already.
            _ if self.limit.percent > 0.0 => {
                format!("{limit}, or {} % of the people there", self.limit.percent)
            }
            _ => limit.to_string(),
        };
        GuardVerdict {
            name: self.guard.clone(),
            counted: f64::from(self.counted()),
            limit: f64::from(limit),
            tripped: *planned > 0 && self.counted() > limit,
            why: format!(
                "{words}: {planned} {what}, {before} in the last 24 hours; the limit is {of}"
            ),
        }
    }
}

/// A value as a name of a guard has it, without regard to case. What cannot be written plainly has
/// a few digits of its hash behind it, so that two places share a name only where one has a blank
/// for the hyphen of the other.
fn slug(value: &str) -> String {
    const MOST: usize = 32;
    let value = key_of(value);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == ' ';
    let exact = value.len() <= MOST && value.chars().all(plain);
    let kept = value.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c,
        _ => '-',
    });
    let kept: String = kept.take(MOST).collect();
    if exact {
        kept
    } else {
        format!("{kept}-{}", &sha256(value.as_bytes())[..8])
    }
}

/// A value as it is told from others: without case, and however its letters are composed.
fn key_of(value: &str) -> String {
    value.nfc().collect::<String>().to_lowercase()
}

fn said(error: &RuleError) -> String {
    format!("{}: {error}", error.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, Value, WorkerId};

    const MAPPING: &str = "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
        [[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
        [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
        [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n\
        [[attribute]]\ntarget = \"displayName\"\nsource = \"N\"\n\
        [[attribute]]\ntarget = \"city\"\nsource = \"C\"\n\
        [[attribute]]\ntarget = \"officeLocation\"\nsource = \"O\"\n\
        [[attribute]]\ntarget = \"jobTitle\"\nsource = \"T\"\n";

    const SLICES: &str = "\
        [[budgets.slice]]\n\
        name = \"warsaw\"\n\
        rule = 'worker.city -eq \"Warsaw\"'\n\
        disables = { count = 3, percent = 10 }\n\
        removals = { count = 1 }\n\
        [[budgets.slice]]\n\
        name = \"site\"\n\
        by = \"officeLocation\"\n\
        disables = { count = 2 }\n\
        [[budgets.slice]]\n\
        name = \"sales\"\n\
        under = \"1007\"\n\
        disables = { percent = 50 }\n\
        [[budgets.slice]]\n\
        name = \"admins\"\n\
        rule = 'worker.jobTitle -contains \"Admin\"'\n\
        disables = { count = 0 }\n";

    fn policy(slices: &str) -> Policy {
        let status = "format_version = 1\n[status]\nactive = [\"A\"]\ninactive = [\"I\"]\n";
        Policy::parse(&format!("{status}{slices}"), "policy.toml").unwrap()
    }

    fn slices(text: &str) -> Slices {
        let mapping = Mapping::parse(MAPPING, "mapping.toml").unwrap();
        Slices::compile(&policy(text), &mapping, &EvidenceKey::new(*b"k"))
            .unwrap()
            .unwrap()
    }

    fn worker(city: &str, office: &str, title: &str) -> Identity {
        let value = |name: &str, text: &str| (name.to_owned(), Value::text(text));
        Identity {
            worker: WorkerId::new("7"),
            source: None,
            status: "A".to_owned(),
            manager: None,
            hire: None,
            last_day: None,
            terms: Box::default(),
            zone: None,
            facts: Attributes::new(),
            always: [
                value("city", city),
                value("officeLocation", office),
                value("jobTitle", title),
            ]
            .into(),
            on_create: Attributes::new(),
            out_of_scope: false,
            other_names: Vec::new(),
        }
    }

    /// The parts of a worker, by name.
    fn parts(slices: &mut Slices, identity: &Identity) -> BTreeSet<usize> {
        let mut out = BTreeSet::new();
        let now = "2026-03-16T02:00:00Z".parse().unwrap();
        slices.by_words(identity, true, now, &mut out);
        out
    }

    fn names(slices: &Slices, parts: &BTreeSet<usize>) -> Vec<String> {
        let names = parts.iter().map(|part| slices.name(*part).to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn tripped(judged: &Judged) -> Vec<(&str, f64, f64)> {
        let tripped = judged.verdicts.iter().filter(|it| it.tripped);
        tripped
            .map(|it| (it.name.as_str(), it.counted, it.limit))
            .collect()
    }

    #[test]
    fn rules_and_values_say_who_is_in_which() {
        let mut slices = slices(SLICES);
        for (who, expected) in [
            (
                worker("Warsaw", "Rondo 1", "Clerk"),
                vec!["site:rondo-1", "warsaw"],
            ),
            (worker("Lyon", "", "Administrator"), vec!["admins"]),
            (worker("", "rondo 1", ""), vec!["site:rondo-1"]),
            (worker("", "", ""), vec![]),
        ] {
            let found = parts(&mut slices, &who);
            assert_eq!(names(&slices, &found), expected);
        }
        assert_eq!(slices.tops(), [(2, "1007".to_owned())]);
        // Nobody can say: that is in.
        let mut endless = super::tests::slices(
            "[[budgets.slice]]\nname = \"odd\"\nrule = 'worker.jobTitle -match \"(a|aa)+b|a+c\"'\n\
             disables = { count = 0 }\n",
        );
        let found = parts(&mut endless, &worker("", "", &"a".repeat(60)));
        assert_eq!(names(&endless, &found), ["odd"]);
    }

    /// In a file with its columns swapped a department is somebody's name.
    #[test]
    fn a_value_that_nobody_had_before_is_not_written_down() {
        let mut slices = slices(SLICES);
        let now = "2026-03-16T02:00:00Z".parse().unwrap();
        let mut found = BTreeSet::new();
        let odd = worker("", "Anna Svensson", "");
        slices.by_words(&odd, false, now, &mut found);
        let [name] = &names(&slices, &found)[..] else {
            panic!("{found:?}")
        };
        assert!(name.starts_with("site:new-"), "{name}");
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.add(&found, 1, 0);
        }
        let judged = tally.judge(&slices, &BTreeMap::new(), None);
        let verdict = judged.verdicts.iter().find(|it| it.tripped).unwrap();
        assert_eq!(verdict.name, format!("disables:{name}"));
        assert!(!format!("{judged:?}").to_lowercase().contains("svensson"));
        // The guard of a night before finds it again, also before its people come.
        let mut next = super::tests::slices(SLICES);
        let part = next.part_of(&verdict.name);
        let mut again = BTreeSet::new();
        next.by_words(&odd, false, now, &mut again);
        assert_eq!(again, part.into_iter().collect());
        assert_eq!(names(&next, &again), std::slice::from_ref(name));
        // Once somebody had it, it is a value like others.
        next.by_words(&odd, true, now, &mut again);
        assert_eq!(names(&next, &again), ["site:anna-svensson"]);
        // And what counted before under the other name counts with it.
        let mut one = Tally::default();
        one.add(&again, 1, 0);
        let before = BTreeMap::from([(verdict.name.clone(), 2)]);
        let judged = one.judge(&next, &before, None);
        assert_eq!(
            tripped(&judged),
            [("disables:site:anna-svensson", 3.0, 2.0)]
        );
    }

    /// Warsaw has 59 people, of whom 10 % are 5; the count alone would be 3.
    #[test]
    fn the_larger_of_count_and_percent_of_the_slice_counts() {
        let mut slices = slices(SLICES);
        let warsaw = parts(&mut slices, &worker("Warsaw", "", ""));
        let mut tally = Tally::default();
        for _ in 0..4 {
            tally.add(&warsaw, 1, 0);
        }
        let before = |count| BTreeMap::from([("disables:warsaw".to_owned(), count)]);
        let managed = BTreeMap::from([(*warsaw.first().unwrap(), 59)]);
        assert!(
            tally.asks_for_people(&slices, &BTreeMap::new()),
            "4 are over 3"
        );
        let judged = tally.judge(&slices, &before(1), Some(&managed));
        assert!(tripped(&judged).is_empty(), "1 + 4 are 5 of 59");
        assert_eq!(judged.left, [4, 0]);
        let judged = tally.judge(&slices, &before(2), Some(&managed));
        assert_eq!(tripped(&judged), [("disables:warsaw", 6.0, 5.0)]);
        assert_eq!(
            judged.left,
            [0, 0],
            "what a slice keeps back is not let through"
        );
        let verdict = judged
            .verdicts
            .iter()
            .find(|it| it.name == "disables:warsaw");
        assert_eq!(
            verdict.unwrap().why,
            "warsaw: 4 accounts would be disabled, 2 in the last 24 hours; the limit is 5 of 59 \
             managed accounts there"
        );
        // Nobody has to be counted while the count alone lets all of them go.
        let mut few = Tally::default();
        few.add(&warsaw, 3, 1);
        assert!(!few.asks_for_people(&slices, &BTreeMap::new()));
        assert!(few.asks_for_people(&slices, &before(1)));
        let judged = few.judge(&slices, &BTreeMap::new(), None);
        assert!(tripped(&judged).is_empty());
        // A kind by itself: removals have a count of 1 and no percentage.
        few.add(&warsaw, 0, 1);
        let judged = few.judge(&slices, &BTreeMap::new(), None);
        assert_eq!(tripped(&judged), [("removals:warsaw", 2.0, 1.0)]);
        assert_eq!(judged.left, [3, 0]);
    }

    /// Three leave from Rondo 1, of them one administrator of Warsaw: two slices keep her back, one
    /// the others, and the two of another office go.
    #[test]
    fn whoever_is_in_two_slices_waits_for_both() {
        let mut slices = slices(SLICES);
        let clerk = parts(&mut slices, &worker("Warsaw", "Rondo 1", "Clerk"));
        let admin = parts(&mut slices, &worker("Warsaw", "Rondo 1", "Admin"));
        let other = parts(&mut slices, &worker("Lyon", "Part Dieu", "Clerk"));
        let mut tally = Tally::default();
        for parts in [&clerk, &clerk, &admin, &other, &other] {
            tally.add(parts, 1, 0);
        }
        let judged = tally.judge(&slices, &BTreeMap::new(), None);
        assert_eq!(
            tripped(&judged),
            [
                ("disables:admins", 1.0, 0.0),
                ("disables:site:rondo-1", 3.0, 2.0)
            ],
            "Warsaw has three, which it may"
        );
        assert_eq!(judged.left, [2, 0]);
        let holding = |parts: &BTreeSet<usize>| {
            let parts: Vec<usize> = parts.iter().copied().collect();
            let held = judged.holding(DISABLES, &parts).into_iter();
            let mut names: Vec<String> = held.map(|(name, _)| name).collect();
            names.sort();
            names
        };
        assert_eq!(
            holding(&admin),
            ["disables:admins", "disables:site:rondo-1"]
        );
        assert_eq!(holding(&clerk), ["disables:site:rondo-1"]);
        assert!(holding(&other).is_empty());
        assert!(judged.any(DISABLES) && !judged.any(REMOVALS));
    }

    /// Of three people half are one, of four two: where they are few a percentage alone is strict.
    #[test]
    fn a_line_of_managers_is_a_slice() {
        let mut slices = slices(SLICES);
        let sales = slices.line(2);
        let mut tally = Tally::default();
        tally.add(&BTreeSet::from([sales]), 2, 0);
        assert!(tally.asks_for_people(&slices, &BTreeMap::new()));
        let judge = |people| {
            let managed = BTreeMap::from([(sales, people)]);
            let judged = tally.judge(&slices, &BTreeMap::new(), Some(&managed));
            tripped(&judged).len()
        };
        assert_eq!((judge(3), judge(4)), (1, 0));
    }

    /// A slice that is named is always said, one of many only where it counts anything.
    #[test]
    fn what_is_said_of_slices_that_nothing_is_planned_in() {
        let mut slices = slices(SLICES);
        let clerk = parts(&mut slices, &worker("Warsaw", "Rondo 1", "Clerk"));
        let idle = parts(&mut slices, &worker("", "Rondo 2", ""));
        assert_eq!(names(&slices, &idle), ["site:rondo-2"]);
        let mut tally = Tally::default();
        tally.add(&clerk, 1, 0);
        let judged = tally.judge(&slices, &BTreeMap::new(), None);
        let said: BTreeSet<&str> = judged.verdicts.iter().map(|it| it.name.as_str()).collect();
        assert!(
            said.contains("disables:warsaw") && said.contains("removals:warsaw"),
            "{said:?}"
        );
        assert!(said.contains("disables:site:rondo-1"), "{said:?}");
        let of_site = said.iter().filter(|it| it.contains(":site:")).count();
        assert_eq!(of_site, 1, "{said:?}");
    }

    #[test]
    fn without_slices_everything_is_for_the_budgets_of_everybody() {
        let mut tally = Tally::default();
        tally.add(&BTreeSet::new(), 2, 1);
        tally.add(&BTreeSet::from([0, 3]), 3, 0);
        let judged = tally.without_slices();
        assert_eq!(judged.left, [5, 1]);
        assert!(judged.verdicts.is_empty() && !judged.any(DISABLES));
    }

    #[test]
    fn values_are_named_so_that_people_can_write_them() {
        assert_eq!(slug("New York"), "new-york");
        assert_eq!(slug("HQ-2"), "hq-2");
        let (one, other) = (slug("Łódź"), slug("Łodź"));
        assert!(one.starts_with("--d--") && one != other, "{one} {other}");
        assert_ne!(slug("北京"), slug("上海"));
        assert!(slug(&"x".repeat(200)).len() <= 41);
        assert_eq!(kind_of("disables:site:new-york"), Some(DISABLES));
        assert_eq!(kind_of("removals:x"), Some(REMOVALS));
        for none in ["disables", "disables:", "protected:x", "x:disables"] {
            assert_eq!(kind_of(none), None, "{none}");
        }
    }

    /// Every mistake at once, each with its line.
    #[test]
    fn mistakes_are_told_with_their_lines() {
        let text = "format_version = 1\n[status]\nactive = [\"A\"]\ninactive = [\"I\"]\n\
            [[budgets.slice]]\nname = \"A b\"\nrule = 'x'\nby = \"city\"\n\
            disables = { percent = 101 }\n\
            [[budgets.slice]]\nname = \"names\"\nby = \"displayName\"\n";
        let problems = Policy::parse(text, "p.toml").unwrap_err().problems;
        let starts: Vec<&str> = problems
            .iter()
            .map(|it| it.split(": ").next().unwrap())
            .collect();
        assert_eq!(
            starts,
            ["line 6", "line 5", "line 9", "line 12", "line 10"],
            "{problems:#?}"
        );
        let mapping = Mapping::parse(MAPPING, "mapping.toml").unwrap();
        let wrong = Slices::compile(
            &policy(
                "[[budgets.slice]]\nname = \"a\"\nrule = 'worker.town -eq \"x\"'\n\
                 disables = { count = 1 }\n\
                 [[budgets.slice]]\nname = \"b\"\nby = \"department\"\ndisables = { count = 1 }\n",
            ),
            &mapping,
            &EvidenceKey::new(*b"k"),
        );
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert_eq!((wrong[0].key, wrong[1].key), ("rule", "by"));
        assert!(
            wrong[1]
                .to_string()
                .contains("slice `b`, nothing in the mapping gives")
        );
    }
}
