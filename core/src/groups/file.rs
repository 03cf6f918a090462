//! `groups.toml`: strict, every mistake reported with the group it is in.
//!
//! ```toml
//! format_version = 1
//!
//! [[group]]
//! key = "sales-oslo"                # stable; lower case, digits and hyphens
//! name = "Sales Oslo"
//! mode = "dynamic"                  # the directory evaluates the rule
//! rule = 'user.department -eq "Sales" -and user.city -eq "Oslo"'
//! licences = ["SPE_E5"]             # what its members get, if anything
//! id = "00000000-…"                 # of a group that somebody else made: only looked at
//!
//! [[group]]
//! key = "sales-drive"
//! name = "Sales drive"
//! mode = "assigned"                 # Rollcall evaluates the rule and keeps the members
//! rule = 'worker.department -eq "Sales"'
//! keep_days = 14                    # how long a mover keeps it beside what is new
//! sensitive = true                  # or: taken away first, before anything is given
//! owner = "sales operations"        # who answers for it, for reports
//! tags = ["sox"]
//!
//! [[licence]]                       # of the account's own, without a group
//! sku = "SPE_E3"
//! disabled_plans = ["YAMMER_ENTERPRISE"]
//! rule = 'worker.employeeType -eq "Employee"'
//!
//! [[exclusive]]                     # services that nobody can have together
//! plans = ["EXCHANGE_S_STANDARD", "EXCHANGE_S_ENTERPRISE"]
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Group, Groups, LicenceRule, Mode};
use crate::digest::sha256;
use crate::grants::Grant;
use crate::mapping::Mapping;
use crate::model::{Licence, ObjectId};
use crate::rules::{Rule, RuleSet, Vocabulary};
use crate::workers;

/// The file as written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupsFile {
    format_version: u32,
    #[serde(default)]
    group: Vec<GroupFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    licence: Vec<LicenceFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exclusive: Vec<ExclusiveFile>,
}

/// One group as written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupFile {
    key: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    adopt: bool,
    mode: Mode,
    rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep_days: Option<u16>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    sensitive: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    licences: Vec<GivenFile>,
}

/// A licence that a group gives: its SKU, or that and what of it is switched off.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "a SKU, or { sku = …, disabled_plans = […] }")]
enum GivenFile {
    Whole(String),
    Part(Part),
}

/// A SKU without some of its services.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    sku: String,
    disabled_plans: Vec<String>,
}

/// One licence of the account's own as written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LicenceFile {
    sku: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    disabled_plans: Vec<String>,
    rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep_days: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

/// Services that exclude each other as written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExclusiveFile {
    plans: Vec<String>,
}

/// Why a groups file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {}", problems.join("\n  "))]
pub struct GroupsFileError {
    /// The file.
    pub file: String,
    /// Every mistake, each with its place.
    pub problems: Vec<String>,
}

/// Characters of a key: it becomes part of a mail nickname, which takes 64.
const KEY_MAX: usize = 48;
/// Groups with rules in a tenant ("Microsoft Entra service limits and restrictions").
const GROUPS_MAX: usize = 15_000;
/// Characters of a group's display name ("group resource type").
const NAME_MAX: usize = 256;
/// Days that somebody may keep what they are not to have any more.
const KEEP_MAX: u16 = 365;

impl Groups {
    /// Reads a file. `file` is what errors call it; rules of what Rollcall gives itself are about
    /// the workers of `mapping`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, file: &str, mapping: &Mapping) -> Result<Self, GroupsFileError> {
        let refuse = |problems: Vec<String>| GroupsFileError {
            file: file.to_owned(),
            problems,
        };
        let parsed: GroupsFile =
            toml::from_str(text).map_err(|error| refuse(vec![error.to_string()]))?;
        let mut problems = Vec::new();
        if parsed.format_version != 1 {
            problems.push(format!(
                "format_version is {}; this version of Rollcall reads 1",
                parsed.format_version
            ));
        }
        if parsed.group.len() > GROUPS_MAX {
            problems.push(format!(
                "{} groups; a tenant takes {GROUPS_MAX} whose rules it evaluates",
                parsed.group.len()
            ));
        }
        let hash = sha256(canonical(&parsed).as_bytes());
        let grants_hash = grants(&parsed).map(|part| sha256(canonical(&part).as_bytes()));
        let words = workers::vocabulary(mapping);
        let mut reader = Reader {
            words: &words,
            text,
            problems,
            keys: BTreeSet::new(),
            names: BTreeSet::new(),
            ids: BTreeSet::new(),
        };
        let mut places = reader.places("[[group]]").into_iter();
        let groups: Vec<Group> = parsed
            .group
            .into_iter()
            .filter_map(|group| reader.group(group, &places.next().unwrap_or_default()))
            .collect();
        let mut places = reader.places("[[licence]]").into_iter();
        let licensed: Vec<LicenceRule> = parsed
            .licence
            .into_iter()
            .filter_map(|licence| reader.licence(licence, &places.next().unwrap_or_default()))
            .collect();
        let mut places = reader.places("[[exclusive]]").into_iter();
        for set in &parsed.exclusive {
            reader.exclusive(set, &places.next().unwrap_or_default());
        }
        if !reader.problems.is_empty() {
            return Err(refuse(reader.problems));
        }
        let exclusive = parsed.exclusive.into_iter().map(|set| set.plans).collect();
        Ok(Self::new(groups, licensed, exclusive, hash, grants_hash))
    }

    fn new(
        groups: Vec<Group>,
        licensed: Vec<LicenceRule>,
        exclusive: Vec<Vec<String>>,
        hash: String,
        grants_hash: Option<String>,
    ) -> Self {
        let predicted = groups.iter().enumerate();
        let predicted = predicted
            .filter(|(_, group)| group.mode == Mode::Dynamic && group.unpredictable().is_none());
        let places: Vec<usize> = predicted.map(|(at, _)| at).collect();
        let rules: Vec<Rule> = places
            .iter()
            .map(|at| groups[*at].compiled.clone())
            .collect();
        let kept = groups.iter().filter(|group| group.mode == Mode::Assigned);
        let kept = kept.map(|group| (Grant::Group(group.key.clone()), group.compiled.clone()));
        let given = licensed
            .iter()
            .map(|licence| (licence.grant(), licence.compiled.clone()));
        let (grants, grant_rules): (Vec<Grant>, Vec<Rule>) = kept.chain(given).unzip();
        let kept = groups.iter().enumerate();
        let kept = kept
            .filter(|(_, group)| group.mode == Mode::Assigned)
            .map(|(at, group)| (Grant::Group(group.key.clone()), at));
        let given = licensed.iter().enumerate();
        let given = given.map(|(at, licence)| (licence.grant(), at));
        let defined = kept.chain(given).collect();
        Self {
            set: RuleSet::new(&rules),
            places,
            grant_set: RuleSet::new(&grant_rules),
            grants,
            defined,
            all: groups,
            licensed,
            exclusive,
            hash,
            grants_hash,
        }
    }
}

fn canonical(file: &GroupsFile) -> String {
    toml::to_string(file).expect("what was read can be written")
}

/// What of a file people have from Rollcall itself: when it changes, everybody is looked at.
fn grants(file: &GroupsFile) -> Option<GroupsFile> {
    // Names and the like change nothing for anybody: another reading of the same text is left.
    let again: GroupsFile = toml::from_str(&canonical(file)).ok()?;
    let group: Vec<GroupFile> = again
        .group
        .into_iter()
        .filter(|group| group.mode == Mode::Assigned)
        .map(|group| GroupFile {
            name: String::new(),
            description: None,
            owner: None,
            tags: Vec::new(),
            ..group
        })
        .collect();
    let none = group.is_empty() && again.licence.is_empty();
    (!none).then_some(GroupsFile { group, ..again })
}

/// Checks what is written, and notes every mistake.
struct Reader<'a> {
    words: &'a [(String, crate::rules::Kind)],
    text: &'a str,
    problems: Vec<String>,
    keys: BTreeSet<String>,
    names: BTreeSet<String>,
    ids: BTreeSet<String>,
}

impl Reader<'_> {
    /// Where each table of a kind stands, in their order.
    fn places(&self, table: &str) -> Vec<String> {
        let lines = self.text.lines().enumerate();
        lines
            .filter(|(_, line)| line.trim().starts_with(table))
            .map(|(at, _)| format!("line {}: ", at + 1))
            .collect()
    }

    fn wrong(&mut self, place: &str, problem: impl std::fmt::Display) {
        self.problems.push(format!("{place}{problem}"));
    }

    fn group(&mut self, group: GroupFile, place: &str) -> Option<Group> {
        let key = group.key.clone();
        if !is_key(&key) {
            let shown: String = key.chars().take(KEY_MAX).collect();
            self.wrong(
                place,
                format!(
                    "key `{}`: 1 to {KEY_MAX} lower-case letters, digits and hyphens",
                    shown.escape_debug()
                ),
            );
        }
        if !self.keys.insert(key.clone()) {
            self.wrong(place, format!("key `{key}` stands there twice"));
        }
        let what = format!("group `{key}`");
        let characters = group.name.chars().count();
        if hides(&group.name) {
            self.wrong(
                place,
                format!("{what}: its name has characters that nobody sees"),
            );
        }
        if characters == 0 || characters > NAME_MAX {
            self.wrong(
                place,
                format!("{what}: a name has 1 to {NAME_MAX} characters"),
            );
        }
        // The directory would take two groups of one name, and nobody could tell them apart.
        if !self.names.insert(group.name.to_lowercase()) {
            self.wrong(place, format!("{what}: another one has its name"));
        }
        if let Some(id) = &group.id {
            if !is_guid(id.as_str()) {
                self.wrong(place, format!("{what}: its id is not an object id"));
            } else if !self.ids.insert(id.as_str().to_lowercase()) {
                self.wrong(place, format!("{what}: another one has its id"));
            }
        }
        self.mode(&group, &what, place);
        self.kept(group.keep_days, &what, place);
        self.notes(group.owner.as_deref(), &group.tags, &what, place);
        let licences: Vec<Licence> = group.licences.into_iter().map(GivenFile::licence).collect();
        let mut given = BTreeSet::new();
        for licence in &licences {
            self.sku(licence, &what, place);
            if !given.insert(&licence.sku) {
                self.wrong(place, format!("{what}: a licence stands there twice"));
            }
        }
        let compiled = self.rule(&group.rule, group.mode, &what, place)?;
        Some(Group {
            key: group.key,
            name: group.name,
            id: group.id,
            mode: group.mode,
            rule: group.rule,
            description: group.description,
            licences,
            keep_days: group.keep_days,
            sensitive: group.sensitive,
            owner: group.owner,
            tags: group.tags,
            compiled,
        })
    }

    /// What goes with the one mode and not with the other.
    fn mode(&mut self, group: &GroupFile, what: &str, place: &str) {
        let problem = match group.mode {
            Mode::Dynamic if group.keep_days.is_some() || group.sensitive => {
                "the directory takes its members in and out: `keep_days` and `sensitive` are for \
                 mode \"assigned\""
            }
            Mode::Dynamic if group.adopt => {
                "a group that somebody else made and whose rule the directory evaluates is only \
                 looked at: `adopt` is for mode \"assigned\""
            }
            Mode::Assigned if group.id.is_some() && !group.adopt => {
                "somebody else made the group of this id: `adopt = true` says that Rollcall keeps \
                 its own members in it from now on"
            }
            Mode::Assigned if group.adopt && group.id.is_none() => {
                "`adopt` needs the `id` of the group"
            }
            Mode::Assigned if group.adopt && !group.licences.is_empty() => {
                "which licences a group gives that somebody else made is not for Rollcall to say: \
                 leave `licences` out"
            }
            Mode::Assigned if group.sensitive && group.keep_days.is_some() => {
                "a sensitive group is taken away first: `keep_days` says the opposite"
            }
            Mode::Dynamic | Mode::Assigned => return,
        };
        self.wrong(place, format!("{what}: {problem}"));
    }

    fn licence(&mut self, licence: LicenceFile, place: &str) -> Option<LicenceRule> {
        let LicenceFile {
            sku,
            disabled_plans,
            rule,
            keep_days,
            owner,
            tags,
        } = licence;
        let shown: String = sku.chars().take(KEY_MAX).collect();
        let what = format!("licence `{}`", shown.escape_debug());
        let licence = self::licence(&sku, disabled_plans);
        self.sku(&licence, &what, place);
        self.kept(keep_days, &what, place);
        self.notes(owner.as_deref(), &tags, &what, place);
        if !self.keys.insert(licence.sku.clone()) {
            self.wrong(
                place,
                format!("{what} stands there twice: join the rules by -or"),
            );
        }
        let compiled = self.rule(&rule, Mode::Assigned, &what, place)?;
        Some(LicenceRule {
            licence,
            rule,
            keep_days,
            owner,
            tags,
            compiled,
        })
    }

    fn exclusive(&mut self, set: &ExclusiveFile, place: &str) {
        let names: BTreeSet<String> = set.plans.iter().map(|it| it.to_lowercase()).collect();
        if names.len() < 2 || names.len() != set.plans.len() {
            let problem = "two services or more, each once, exclude each other";
            self.wrong(place, format!("exclusive: {problem}"));
        }
        if !set.plans.iter().all(|plan| is_product(plan)) {
            self.wrong(
                place,
                "exclusive: a service is named like EXCHANGE_S_STANDARD, or by its id",
            );
        }
    }

    fn sku(&mut self, licence: &Licence, what: &str, place: &str) {
        if !is_product(&licence.sku) {
            self.wrong(
                place,
                format!("{what}: a licence is the part number or the id of a SKU, like SPE_E5"),
            );
        }
        let plans = &licence.disabled_plans;
        let names: BTreeSet<String> = plans.iter().map(|it| it.to_lowercase()).collect();
        if !plans.iter().all(|plan| is_product(plan)) || names.len() != plans.len() {
            self.wrong(
                place,
                format!(
                    "{what}: a disabled plan is the name or the id of a service, like \
                     YAMMER_ENTERPRISE, each once"
                ),
            );
        }
    }

    fn kept(&mut self, days: Option<u16>, what: &str, place: &str) {
        if days.is_some_and(|days| days > KEEP_MAX) {
            self.wrong(place, format!("{what}: keep_days is at most {KEEP_MAX}"));
        }
    }

    fn notes(&mut self, owner: Option<&str>, tags: &[String], what: &str, place: &str) {
        let texts = owner.into_iter().chain(tags.iter().map(String::as_str));
        for text in texts {
            if text.trim().is_empty() || text.chars().count() > NAME_MAX || hides(text) {
                self.wrong(
                    place,
                    format!(
                        "{what}: owner and tags have 1 to {NAME_MAX} characters that can be seen"
                    ),
                );
            }
        }
    }

    fn rule(&mut self, rule: &str, mode: Mode, what: &str, place: &str) -> Option<Rule> {
        let vocabulary = match mode {
            Mode::Dynamic => Vocabulary::Entra,
            Mode::Assigned => Vocabulary::Worker(self.words),
        };
        match Rule::compile(rule, vocabulary) {
            Ok(rule) => Some(rule),
            Err(error) => {
                self.wrong(place, format!("{what}, rule, {}: {error}", error.kind));
                None
            }
        }
    }
}

impl GivenFile {
    fn licence(self) -> Licence {
        match self {
            Self::Whole(sku) => licence(&sku, Vec::new()),
            Self::Part(part) => licence(&part.sku, part.disabled_plans),
        }
    }
}

/// One licence has one name: catalogues write it in capitals.
fn licence(sku: &str, mut disabled_plans: Vec<String>) -> Licence {
    for plan in &mut disabled_plans {
        plan.make_ascii_uppercase();
    }
    disabled_plans.sort_unstable();
    Licence {
        sku: sku.to_ascii_uppercase(),
        disabled_plans,
    }
}

fn hides(text: &str) -> bool {
    text.contains(|c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    })
}

/// The name or the id of something that is sold.
fn is_product(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=NAME_MAX).contains(&text.len()) && text.chars().all(fits)
}

fn is_key(key: &str) -> bool {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(fits)
}

/// 8, 4, 4, 4 and 12 hexadecimal digits.
fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let hexadecimal = |part: &&str| part.bytes().all(|b| b.is_ascii_hexdigit());
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(hexadecimal)
}
