//! The sources of a configuration, and which of them owns an attribute.
//!
//! The first is the home source: keys of all persons are hashed after its name, so that it stays
//! the first as long as there is a state. What a plan is made with of all this is sealed beside it
//! where there are several; a single source is its mapping. Invariant: which source a file is of
//! is said by its name, never guessed from what stands in it.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::digest::sha256;
use rollcall_core::mapping::{Mapping, MappingFileError};
use rollcall_core::model::SourceName;
use rollcall_core::owners::Owners;
use rollcall_core::state::{Identity, Person};
use serde::{Deserialize, Serialize};

use crate::log::Standing;
use crate::store::{StoreError, parse};

/// Version of the sealed form.
const FORMAT_VERSION: u32 = 1;

/// What a source is to a plan.
#[derive(Debug, Clone)]
pub struct Feed {
    /// What it is called.
    pub name: SourceName,
    /// It brings persons; `false`: values of attributes that it owns, of persons whom others bring.
    pub population: bool,
    /// Hours from which on its data are old; the policy's `gates.max_source_age_h` where absent.
    pub max_age_h: Option<u32>,
    /// What its rows are read by.
    pub mapping: Mapping,
    /// The text of that.
    pub text: String,
}

/// All sources, the home source first; never empty.
#[derive(Debug, Clone)]
pub struct Feeds {
    all: Vec<Feed>,
    owners: Owners,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    format_version: u32,
    sources: Vec<SealedFeed>,
    #[serde(default)]
    owners: Owners,
}

#[derive(Serialize, Deserialize)]
struct SealedFeed {
    name: SourceName,
    population: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    max_age_h: Option<u32>,
    /// The text of its mapping.
    mapping: String,
}

impl Feed {
    /// Reads the text of a mapping; `file` is what messages call it.
    ///
    /// # Errors
    /// Every mistake of the mapping.
    pub fn read(
        name: SourceName,
        population: bool,
        max_age_h: Option<u32>,
        text: String,
        file: &str,
    ) -> Result<Self, MappingFileError> {
        let mapping = if population {
            Mapping::parse(&text, file)?
        } else {
            Mapping::parse_attributes(&text, file)?
        };
        Ok(Self {
            name,
            population,
            max_age_h,
            mapping,
            text,
        })
    }
}

impl Feeds {
    /// Of several sources, the home source first, or of one.
    ///
    /// # Panics
    /// Without any.
    pub fn new(mut all: Vec<Feed>, owners: Owners) -> Self {
        assert!(!all.is_empty(), "a configuration has a source");
        for feed in &mut all {
            if feed.population && !owners.is_empty() {
                let owned: Vec<&str> = owners.iter().map(|(name, _)| name).collect();
                feed.mapping = feed.mapping.clone().beside(owned);
            }
        }
        Self { all, owners }
    }

    /// The one after which keys are hashed. Policy, groups and texts see workers as its mapping
    /// makes them; those of the others do alike.
    pub fn home(&self) -> &Feed {
        &self.all[0]
    }

    /// The one of a name.
    pub fn get(&self, name: &str) -> Option<&Feed> {
        self.all.iter().find(|feed| feed.name.as_str() == name)
    }

    /// Every one, the home source first.
    pub fn all(&self) -> &[Feed] {
        &self.all
    }

    /// Who owns which attribute.
    pub fn owners(&self) -> &Owners {
        &self.owners
    }

    /// Whether there is more than the home source.
    pub fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// How rows and the log call a source: the home source by no name.
    pub fn beside(&self, name: &SourceName) -> Option<SourceName> {
        (self.home().name != *name).then(|| name.clone())
    }

    /// Whether rows have to say whose employments they are: several sources bring persons.
    pub fn join_persons(&self) -> bool {
        self.all.iter().filter(|feed| feed.population).count() > 1
    }

    /// Meaning of the mappings of the sources beside the home source, by name.
    pub fn mappings_beside(&self) -> BTreeMap<String, String> {
        let beside = self.all.iter().skip(1);
        beside
            .map(|feed| (feed.name.to_string(), feed.mapping.hash()))
            .collect()
    }

    /// The columns by which sources of persons say whose employments their rows are, by source; the
    /// home source's by an empty name.
    pub fn person_columns(&self) -> BTreeMap<String, String> {
        let persons = self.all.iter().filter(|feed| feed.population);
        let named = persons.filter_map(|feed| {
            let name = self.beside(&feed.name).map(|name| name.to_string());
            let column = feed.mapping.person_column()?.to_owned();
            Some((name.unwrap_or_default(), column))
        });
        named.collect()
    }

    /// What all of them mean, where there are several.
    pub fn sha256(&self) -> Option<String> {
        let feeds = self.all.iter();
        let meaning: Vec<_> = feeds
            .map(|it| (&it.name, it.population, it.max_age_h, it.mapping.hash()))
            .collect();
        let bytes = serde_json::to_vec(&(meaning, &self.owners)).expect("always JSON");
        self.are_several().then(|| sha256(&bytes))
    }

    /// What is sealed beside a plan (`sources.json`), where there are several.
    pub fn sealed(&self) -> Option<Vec<u8>> {
        let sources = self.all.iter().map(|feed| SealedFeed {
            name: feed.name.clone(),
            population: feed.population,
            max_age_h: feed.max_age_h,
            mapping: feed.text.clone(),
        });
        let sealed = Sealed {
            format_version: FORMAT_VERSION,
            sources: sources.collect(),
            owners: self.owners.clone(),
        };
        let bytes = serde_json::to_vec_pretty(&sealed).expect("sources are always JSON");
        self.are_several().then_some(bytes)
    }

    /// Reads what is sealed.
    ///
    /// # Errors
    /// When this version cannot read it.
    pub fn of_sealed(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let corrupt = |why: String| StoreError::Corrupt {
            key: key.to_owned(),
            why,
        };
        let sealed: Sealed = parse(key, bytes)?;
        if sealed.format_version != FORMAT_VERSION || sealed.sources.is_empty() {
            return Err(corrupt("another version wrote it".to_owned()));
        }
        let all = sealed.sources.into_iter().map(|it| {
            Feed::read(it.name, it.population, it.max_age_h, it.mapping, key)
                .map_err(|e| corrupt(e.to_string()))
        });
        Ok(Self::new(all.collect::<Result<_, _>>()?, sealed.owners))
    }

    /// The sources of persons whose newest accepted data are too old at an instant; one that never
    /// brought any is, too. `limit` is the policy's, in hours.
    pub fn stale(
        &self,
        standing: &Standing,
        now: jiff::Timestamp,
        limit: u32,
    ) -> BTreeSet<SourceName> {
        let old = |feed: &&Feed| feed.is_stale(self, standing, now, limit);
        let persons = self.all.iter().filter(|feed| feed.population);
        persons.filter(old).map(|feed| feed.name.clone()).collect()
    }

    /// Whether nobody who has somebody in work says anything new: every source that employs them is
    /// among the stale ones. What is over by a date or the status says nothing of whoever goes on
    /// elsewhere.
    pub fn all_stale(
        &self,
        stale: &BTreeSet<SourceName>,
        person: &Person,
        over: impl Fn(&Identity) -> bool,
    ) -> bool {
        if stale.is_empty() {
            return false;
        }
        let home = &self.home().name;
        let (over, live): (Vec<_>, Vec<_>) = person.employments().partition(|row| over(row));
        let rows = if live.is_empty() { over } else { live };
        let source = |row: &Identity| row.source.clone().unwrap_or_else(|| home.clone());
        if rows.is_empty() {
            return stale.contains(home);
        }
        rows.into_iter().all(|row| stale.contains(&source(row)))
    }
}

impl Feed {
    /// How old its data may be; `limit` are the hours of the policy.
    pub fn oldest(&self, limit: u32) -> jiff::SignedDuration {
        let limit = self.max_age_h.unwrap_or(limit);
        jiff::SignedDuration::from_hours(i64::from(limit))
    }

    /// Whether its newest accepted data are too old, or it never brought any.
    pub fn is_stale(
        &self,
        feeds: &Feeds,
        standing: &Standing,
        now: jiff::Timestamp,
        limit: u32,
    ) -> bool {
        let oldest = self.oldest(limit);
        let beside = feeds.beside(&self.name);
        let accepted = standing.accepted_of(beside.as_ref().map(SourceName::as_str));
        accepted.is_none_or(|it| now.duration_since(it.since()) > oldest)
    }
}

/// Names of files: `*` is any text, everything else itself, without regard to the case of ASCII
/// letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<char>);

impl Pattern {
    /// Of a text.
    pub fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase().chars().collect())
    }

    /// Whether a name is one of these.
    pub fn takes(&self, name: &str) -> bool {
        let name: Vec<char> = name.to_ascii_lowercase().chars().collect();
        meet(&self.0, &name, |c| *c == '*', |_| false)
    }

    /// Whether any name is one of both.
    pub fn overlaps(&self, other: &Self) -> bool {
        meet(&self.0, &other.0, |c| *c == '*', |c| *c == '*')
    }
}

/// Whether two texts can be made the same, where what `any` and `other_any` hold for stands for any
/// text. One row of a table at a time: the work is the product of the lengths.
fn meet(
    one: &[char],
    other: &[char],
    any: impl Fn(&char) -> bool,
    other_any: impl Fn(&char) -> bool,
) -> bool {
    // `row[j]`: what stands before in `one` can be the same as the first j of `other`.
    let mut row = vec![true];
    row.extend(other.iter().scan(true, |before, c| {
        *before &= other_any(c);
        Some(*before)
    }));
    for c in one {
        let mut next = vec![any(c) && row[0]];
        for (j, d) in other.iter().enumerate() {
            // What stands for any text is nothing, or one character more.
            next.push(if any(c) || other_any(d) {
                row[j + 1] || next[j]
            } else {
                row[j] && c == d
            });
        }
        row = next;
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_by_its_pattern() {
        for (pattern, name, takes) in [
            ("hr_*.csv", "hr_2026-03-02.csv", true),
            ("hr_*.csv", "HR_.CSV", true),
            ("hr_*.csv", "chr_1.csv", false),
            ("hr_*.csv", "hr_1.csv.txt", false),
            ("*", "anything", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("exact.csv", "exact.csv", true),
            ("exact.csv", "exact.cs", false),
            ("größe*.csv", "größe-1.csv", true),
        ] {
            assert_eq!(Pattern::new(pattern).takes(name), takes, "{pattern} {name}");
        }
    }

    #[test]
    fn no_name_may_be_of_two_sources() {
        for (one, other, overlap) in [
            ("hr_*.csv", "agency_*.csv", false),
            ("hr_*.csv", "hr_full_*.csv", true),
            ("*.csv", "agency_*", true),
            ("*_hr.csv", "agency_*", true),
            ("a*.csv", "a*.txt", false),
            ("hr*", "HR-all.csv", true),
            ("*", "x", true),
            ("", "*", true),
            ("ab*", "a*c", true),
            ("ab", "a*c", false),
        ] {
            let (a, b) = (Pattern::new(one), Pattern::new(other));
            assert_eq!(a.overlaps(&b), overlap, "{one} {other}");
            assert_eq!(b.overlaps(&a), overlap, "{other} {one}");
        }
    }
}
