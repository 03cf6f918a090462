//! The policy file that comes of it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{ImportError, Imported, Importer};
use crate::policy::{JoinerChanges, LeaverChanges, MoverChanges, Policy, Workflow};

impl Importer<'_> {
    /// Of two workflows here only the first counts for whoever is in both scopes, whole.
    pub(super) fn overlaps(&mut self) {
        let mut pairs = Vec::new();
        for (at, one) in self.drafts.iter().enumerate() {
            for other in &self.drafts[at + 1..] {
                let (Some((_, first)), Some((_, second))) = (&one.rule, &other.rule) else {
                    continue;
                };
                let empty = one.changes.is_empty() || other.changes.is_empty();
                if !empty && !first.excludes(second) {
                    pairs.push((one.name.clone(), other.name.clone()));
                }
            }
        }
        for (one, other) in pairs {
            let what = format!("workflows \"{one}\" and \"{other}\"");
            let why = "somebody may be in both scopes: both would run there, here the first one \
                       counts, whole. Put the narrower one first, and say in it what both say";
            self.otherwise("$", &what, why);
        }
    }

    pub(super) fn finish(mut self) -> Result<Imported, ImportError> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        let base = self.options.policy.map(|text| {
            Policy::parse(text, "policy.toml").map_err(|error| ImportError {
                file: "policy.toml".to_owned(),
                place: String::new(),
                why: error.to_string(),
                hint: "mend the policy first, or leave out `-c`".to_owned(),
            })
        });
        let base = base.transpose()?;
        let there = base.iter().flat_map(|base| &base.workflow);
        names.extend(there.map(|it| it.name.clone()));
        let mut for_everybody = None;
        let mut workflow = Vec::new();
        for draft in std::mem::take(&mut self.drafts) {
            let mut changes = draft.changes;
            if changes.is_empty() {
                continue;
            }
            if draft.rule.is_none() {
                for_everybody = Some(changes);
                continue;
            }
            changes.name = unused(&draft.name, &mut names);
            workflow.push(changes);
        }
        let there = base.as_ref().map_or(0, |base| base.workflow.len());
        if there > 0 && !workflow.is_empty() {
            let why = "those that the policy has stand before what is added: whoever is in a scope \
                       of both is under theirs, whole. Put the narrower one first";
            self.otherwise("$", &format!("{there} workflows of the policy"), why);
        }
        let policy = write(
            (self.options.policy, base.as_ref()),
            for_everybody,
            workflow,
            &self.attributes,
        );
        Ok(Imported {
            policy,
            notes: self.notes,
        })
    }
}

/// A name that plans can say, and that no other workflow has.
fn unused(name: &str, names: &mut BTreeSet<String>) -> String {
    let fits = |c: char| c.is_alphanumeric() || " -_.".contains(c);
    let clean: String = name
        .chars()
        .map(|c| if fits(c) { c } else { ' ' })
        .collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    let short: String = words.join(" ").chars().take(50).collect();
    let short = if short.trim().is_empty() {
        "imported".to_owned()
    } else {
        short.trim().to_owned()
    };
    let mut out = short.clone();
    let mut number = 2;
    while !names.insert(out.clone()) {
        out = format!("{short} {number}");
        number += 1;
    }
    out
}

/// What a policy begins with where there is none.
const BEGINNING: &str = "\
# Made of Lifecycle Workflows. Whatever is not said here has the default of the shipped policy
# (docs/formats.md). `rollcall policy workflows` shows what it does.
format_version = 1

[status]
# What HR writes: no workflow says that.
active = [\"Active\"]
inactive = [\"Inactive\", \"Terminated\"]
";

/// The file: what was there, and below it what is new. Only where something is otherwise for
/// everybody, and there was a file, it is written anew.
fn write(
    (text, base): (Option<&str>, Option<&Policy>),
    for_everybody: Option<Workflow>,
    workflow: Vec<Workflow>,
    attributes: &[String],
) -> String {
    let anew = for_everybody.is_some() || !attributes.is_empty();
    if let (Some(base), true) = (base, anew) {
        let mut policy = match for_everybody {
            Some(changes) => changes.over(base),
            None => base.clone(),
        };
        policy.workflow.clone_from(&base.workflow);
        if !attributes.is_empty() {
            policy.mover.attributes = attributes.to_vec();
        }
        policy.workflow.extend(workflow);
        let note = "# The policy with what Lifecycle Workflows say for everybody; comments are not \
                    kept.\n";
        return format!("{note}{}", written(&policy));
    }
    let mut out = text.unwrap_or(BEGINNING).trim_end().to_owned();
    out.push('\n');
    let mut tables = Tables {
        joiner: JoinerChanges::default(),
        mover: MoverTable {
            attributes: attributes.to_vec(),
            changes: MoverChanges::default(),
        },
        leaver: LeaverChanges::default(),
        workflow,
    };
    if let Some(changes) = for_everybody {
        tables.joiner = changes.joiner;
        tables.mover.changes = changes.mover;
        tables.leaver = changes.leaver;
    }
    let more = written(&tables);
    if !more.is_empty() {
        out.push('\n');
        out.push_str(&more);
    }
    out
}

fn written<T: Serialize>(value: &T) -> String {
    toml::to_string(value).expect("a policy is always TOML")
}

/// What a file is given beside what was in it.
#[derive(Serialize)]
struct Tables {
    #[serde(skip_serializing_if = "JoinerChanges::is_empty")]
    joiner: JoinerChanges,
    #[serde(skip_serializing_if = "MoverTable::is_empty")]
    mover: MoverTable,
    #[serde(skip_serializing_if = "LeaverChanges::is_empty")]
    leaver: LeaverChanges,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    workflow: Vec<Workflow>,
}

#[derive(Serialize)]
struct MoverTable {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<String>,
    #[serde(flatten)]
    changes: MoverChanges,
}

impl MoverTable {
    fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.changes.is_empty()
    }
}
