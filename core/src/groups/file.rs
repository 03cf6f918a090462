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
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Group, Groups, Mode};
use crate::digest::sha256;
use crate::model::ObjectId;
use crate::rules::{Rule, RuleSet, Vocabulary};

/// The file as written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupsFile {
    format_version: u32,
    #[serde(default)]
    group: Vec<GroupFile>,
}

/// One group as written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupFile {
    key: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<ObjectId>,
    mode: Mode,
    rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    licences: Vec<String>,
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

impl Groups {
    /// Reads a file. `file` is what errors call it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, file: &str) -> Result<Self, GroupsFileError> {
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
        let canonical = toml::to_string(&parsed).expect("what was read can be written");
        let (mut keys, mut names, mut ids) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut groups = Vec::new();
        // As many as there are groups, in their order.
        let mut lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.trim().starts_with("[[group]]"))
            .map(|(at, _)| at + 1);
        if parsed.group.len() > GROUPS_MAX {
            problems.push(format!(
                "{} groups; a tenant takes {GROUPS_MAX} whose rules it evaluates",
                parsed.group.len()
            ));
        }
        for group in parsed.group {
            let line = lines.next();
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            let mut wrong = |problem: String| problems.push(format!("{place}{problem}"));
            let key = group.key.clone();
            if !is_key(&key) {
                let shown: String = key.chars().take(KEY_MAX).collect();
                wrong(format!(
                    "key `{}`: 1 to {KEY_MAX} lower-case letters, digits and hyphens",
                    shown.escape_debug()
                ));
            }
            if !keys.insert(key.clone()) {
                wrong(format!("key `{key}` stands there twice"));
            }
            let characters = group.name.chars().count();
            let hidden = |c: char| {
                c.is_control()
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
            };
            if group.name.contains(hidden) {
                wrong(format!(
                    "group `{key}`: its name has characters that nobody sees"
                ));
            }
            if characters == 0 || characters > NAME_MAX {
                wrong(format!(
                    "group `{key}`: a name has 1 to {NAME_MAX} characters"
                ));
            }
            // The directory would take two groups of one name, and nobody could tell them apart.
            if !names.insert(group.name.to_lowercase()) {
                wrong(format!("group `{key}`: another one has its name"));
            }
            if let Some(id) = &group.id {
                if !is_guid(id.as_str()) {
                    wrong(format!("group `{key}`: its id is not an object id"));
                } else if !ids.insert(id.as_str().to_lowercase()) {
                    wrong(format!("group `{key}`: another one has its id"));
                }
            }
            let mut given = BTreeSet::new();
            for licence in &group.licences {
                let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                if licence.is_empty() || !licence.chars().all(fits) {
                    wrong(format!(
                        "group `{key}`: a licence is the part number or the id of a SKU, like \
                         SPE_E5"
                    ));
                } else if !given.insert(licence.to_ascii_lowercase()) {
                    wrong(format!("group `{key}`: a licence stands there twice"));
                }
            }
            match Rule::compile(&group.rule, Vocabulary::Entra) {
                Ok(compiled) => groups.push(Group {
                    key: group.key,
                    name: group.name,
                    id: group.id,
                    mode: group.mode,
                    rule: group.rule,
                    description: group.description,
                    licences: group.licences,
                    compiled,
                }),
                Err(error) => wrong(format!("group `{key}`, rule, {}: {error}", error.kind)),
            }
        }
        if !problems.is_empty() {
            return Err(refuse(problems));
        }
        Ok(Self::new(groups, sha256(canonical.as_bytes())))
    }

    fn new(groups: Vec<Group>, hash: String) -> Self {
        let predicted = groups.iter().enumerate();
        let predicted = predicted.filter(|(_, group)| group.unpredictable().is_none());
        let places: Vec<usize> = predicted.map(|(at, _)| at).collect();
        let rules: Vec<Rule> = places
            .iter()
            .map(|at| groups[*at].compiled.clone())
            .collect();
        Self {
            set: RuleSet::new(&rules),
            places,
            all: groups,
            hash,
        }
    }
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
