//! Workflows: what holds for some people otherwise than for everybody, by a rule over workers.
//!
//! Of several whose scope holds the first one counts, whole. Invariant: where nobody can say
//! whether a scope holds, each parameter is that of the candidates which takes least and latest,
//! and gives least and latest; there is one way to be careful, and it is [`careful`].

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use jiff::civil::Time;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Error as _, IntoDeserializer as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::file::{Pass, Policy, minutes_problem};
use crate::mapping::Mapping;
use crate::rules::{Rule, RuleError, RuleSet, Vocabulary};
use crate::state::Identity;
use crate::workers::{fill, vocabulary};

/// Longest name of a workflow: it is part of plans.
const NAME_MAX: usize = 60;

/// What stands behind a name in plans where nobody can say whether the scope holds.
const DOUBT: char = '?';

/// Parameters that are otherwise for some people. What it does not say is as for everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// What plans call it.
    pub name: String,
    /// For whom: a membership rule over `worker.` properties.
    pub scope: String,
    /// Joiners.
    #[serde(default, skip_serializing_if = "JoinerChanges::is_empty")]
    pub joiner: JoinerChanges,
    /// Movers.
    #[serde(default, skip_serializing_if = "MoverChanges::is_empty")]
    pub mover: MoverChanges,
    /// Leavers.
    #[serde(default, skip_serializing_if = "LeaverChanges::is_empty")]
    pub leaver: LeaverChanges,
    /// Clocks of devices.
    #[serde(default, skip_serializing_if = "DeviceChanges::is_empty")]
    pub devices: DeviceChanges,
    /// Hires that were called off.
    #[serde(default, skip_serializing_if = "RescindedChanges::is_empty")]
    pub rescinded: RescindedChanges,
    /// Leave of absence.
    #[serde(default, skip_serializing_if = "LeaveChanges::is_empty")]
    pub leave: LeaveChanges,
    /// Absence from full files.
    #[serde(default, skip_serializing_if = "AbsenceChanges::is_empty")]
    pub absence: AbsenceChanges,
}

/// A value, or the word `never` for what is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrNever<T> {
    /// Off.
    Never,
    /// On, with this.
    Is(T),
}

impl<T: Clone> OrNever<T> {
    fn option(&self) -> Option<T> {
        match self {
            Self::Never => None,
            Self::Is(value) => Some(value.clone()),
        }
    }
}

impl<T: Serialize> Serialize for OrNever<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => to.serialize_str("never"),
            Self::Is(value) => value.serialize(to),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrNever<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OrNever<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, or \"never\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OrNever<T>, E> {
                if text == "never" {
                    return Ok(OrNever::Never);
                }
                let from: StrDeserializer<'_, E> = text.into_deserializer();
                let read = T::deserialize(from).map_err(|error| {
                    E::custom(format!("{error}; the only word here is \"never\""))
                });
                read.map(OrNever::Is)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<OrNever<T>, E> {
                T::deserialize(number.into_deserializer()).map(OrNever::Is)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<OrNever<T>, E> {
                T::deserialize(number.into_deserializer()).map(OrNever::Is)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OrNever<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
                    .map(OrNever::Is)
                    .map_err(A::Error::custom)
            }
        }

        from.deserialize_any(Either(PhantomData))
    }
}

/// What a workflow may say of joiners; the keys are those of `[joiner]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields of `Joiner`, each of them optional")]
pub struct JoinerChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_days: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_days: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_manager_days: Option<OrNever<u16>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_local: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<OrNever<Pass>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub welcome: Option<bool>,
}

/// What a workflow may say of movers. What makes a move, and what bridges a gap, is of everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields of `Mover`, each of them optional")]
pub struct MoverChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap_days: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail_alias: Option<bool>,
}

/// What a workflow may say of leavers; the keys are those of `[leaver]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields of `Leaver`, each of them optional")]
pub struct LeaverChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence_days: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods_days: Option<OrNever<u16>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_days: Option<OrNever<u16>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_groups: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_cause: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<bool>,
}

/// What a workflow may say of devices; the keys are those of `[devices]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the fields of `Devices`, each of them optional"
)]
pub struct DeviceChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_esim: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_wait_days: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reissue_days: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalate_days: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unresolved_days: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entra_delete_days: Option<u16>,
}

/// What a workflow may say of hires that were called off.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the field of `Rescinded`, optional")]
pub struct RescindedChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_days: Option<OrNever<u16>>,
}

/// What a workflow may say of leave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the field of `LeavePolicy`, optional")]
pub struct LeaveChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpaid_block_from_days: Option<u16>,
}

/// What a workflow may say of absence from full files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the fields of `Absence`, each of them optional"
)]
pub struct AbsenceChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_miss_disables: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub human_after_days: Option<u16>,
}

macro_rules! may_say_nothing {
    ($($changes:ty),* $(,)?) => {
        $(impl $changes {
            /// It says nothing.
            pub fn is_empty(&self) -> bool {
                *self == Self::default()
            }
        })*
    };
}

may_say_nothing!(
    JoinerChanges,
    MoverChanges,
    LeaverChanges,
    DeviceChanges,
    RescindedChanges,
    LeaveChanges,
    AbsenceChanges,
);

fn set<T: Clone>(now: &mut T, said: Option<&T>) {
    if let Some(said) = said {
        now.clone_from(said);
    }
}

fn set_or_never<T: Clone>(now: &mut Option<T>, said: Option<&OrNever<T>>) {
    if let Some(said) = said {
        *now = said.option();
    }
}

impl Workflow {
    /// It says nothing that is not as for everybody.
    pub fn is_empty(&self) -> bool {
        self.joiner.is_empty()
            && self.mover.is_empty()
            && self.leaver.is_empty()
            && self.devices.is_empty()
            && self.rescinded.is_empty()
            && self.leave.is_empty()
            && self.absence.is_empty()
    }

    /// What holds for those in its scope.
    pub fn over(&self, base: &Policy) -> Policy {
        let mut out = Policy {
            workflow: Vec::new(),
            ..base.clone()
        };
        let said = &self.joiner;
        set(&mut out.joiner.create_days, said.create_days.as_ref());
        set(&mut out.joiner.groups_days, said.groups_days.as_ref());
        let told = &mut out.joiner.notify_manager_days;
        set_or_never(told, said.notify_manager_days.as_ref());
        set(&mut out.joiner.enable_local, said.enable_local.as_ref());
        set_or_never(&mut out.joiner.pass, said.pass.as_ref());
        set(&mut out.joiner.welcome, said.welcome.as_ref());
        let said = &self.mover;
        set(&mut out.mover.overlap_days, said.overlap_days.as_ref());
        set(&mut out.mover.mail_alias, said.mail_alias.as_ref());
        let said = &self.leaver;
        set(&mut out.leaver.licence_days, said.licence_days.as_ref());
        set_or_never(&mut out.leaver.methods_days, said.methods_days.as_ref());
        set_or_never(&mut out.leaver.delete_days, said.delete_days.as_ref());
        set(&mut out.leaver.all_groups, said.all_groups.as_ref());
        set(&mut out.leaver.roles, said.roles.as_ref());
        set(&mut out.leaver.for_cause, said.for_cause.as_ref());
        set(&mut out.leaver.devices, said.devices.as_ref());
        let (clocks, said) = (&mut out.devices, &self.devices);
        set(&mut clocks.keep_esim, said.keep_esim.as_ref());
        set(&mut clocks.return_wait_days, said.return_wait_days.as_ref());
        set(&mut clocks.reissue_days, said.reissue_days.as_ref());
        set(&mut clocks.escalate_days, said.escalate_days.as_ref());
        set(&mut clocks.unresolved_days, said.unresolved_days.as_ref());
        let (gone, gone_said) = (&mut clocks.entra_delete_days, &said.entra_delete_days);
        set(gone, gone_said.as_ref());
        let said = &self.rescinded;
        set_or_never(&mut out.rescinded.delete_days, said.delete_days.as_ref());
        let said = self.leave.unpaid_block_from_days.as_ref();
        set(&mut out.leave.unpaid_block_from_days, said);
        let said = &self.absence;
        let (misses, human) = (&said.second_miss_disables, &said.human_after_days);
        set(&mut out.absence.second_miss_disables, misses.as_ref());
        set(&mut out.absence.human_after_days, human.as_ref());
        out
    }
}

fn least<T: Ord + Copy>(one: &mut T, other: T) {
    *one = (*one).min(other);
}

fn most<T: Ord + Copy>(one: &mut T, other: T) {
    *one = (*one).max(other);
}

/// What is off in either stays off, else the one that `choose` takes.
fn off_or(one: &mut Option<u16>, other: Option<u16>, choose: fn(u16, u16) -> u16) {
    *one = one.zip(other).map(|(one, other)| choose(one, other));
}

/// Parameter by parameter the careful one of two policies: what takes comes later or not at all,
/// what gives comes later or not at all, and whoever is to look does so sooner.
fn careful(one: &Policy, other: &Policy) -> Policy {
    let mut out = one.clone();
    let (joiner, theirs) = (&mut out.joiner, &other.joiner);
    least(&mut joiner.create_days, theirs.create_days);
    least(&mut joiner.groups_days, theirs.groups_days);
    let told = &mut joiner.notify_manager_days;
    off_or(told, theirs.notify_manager_days, u16::min);
    most(&mut joiner.enable_local, theirs.enable_local);
    joiner.pass = joiner
        .pass
        .take()
        .zip(theirs.pass.clone())
        .map(|(a, b)| Pass {
            local: a.local.max(b.local),
            minutes: a.minutes.min(b.minutes),
        });
    joiner.welcome &= theirs.welcome;
    let (mover, theirs) = (&mut out.mover, &other.mover);
    most(&mut mover.overlap_days, theirs.overlap_days);
    mover.mail_alias |= theirs.mail_alias;
    let (leaver, theirs) = (&mut out.leaver, &other.leaver);
    most(&mut leaver.licence_days, theirs.licence_days);
    off_or(&mut leaver.methods_days, theirs.methods_days, u16::max);
    off_or(&mut leaver.delete_days, theirs.delete_days, u16::max);
    leaver.all_groups &= theirs.all_groups;
    leaver.roles &= theirs.roles;
    // Another password, and somebody who is told, take nothing that anybody keeps.
    leaver.for_cause |= theirs.for_cause;
    leaver.devices &= theirs.devices;
    let (clocks, theirs) = (&mut out.devices, &other.devices);
    clocks.keep_esim |= theirs.keep_esim;
    most(&mut clocks.return_wait_days, theirs.return_wait_days);
    most(&mut clocks.reissue_days, theirs.reissue_days);
    least(&mut clocks.escalate_days, theirs.escalate_days);
    least(&mut clocks.unresolved_days, theirs.unresolved_days);
    most(&mut clocks.entra_delete_days, theirs.entra_delete_days);
    let deleted = &mut out.rescinded.delete_days;
    off_or(deleted, other.rescinded.delete_days, u16::max);
    let blocks = &mut out.leave.unpaid_block_from_days;
    most(blocks, other.leave.unpaid_block_from_days);
    out.absence.second_miss_disables &= other.absence.second_miss_disables;
    let human = &mut out.absence.human_after_days;
    least(human, other.absence.human_after_days);
    out
}

/// Why the workflows of a policy cannot be used: the scope of one is no rule over the workers of
/// the mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`workflow` `{name}`, its `scope`, {}: {error}", error.kind)]
pub struct WorkflowError {
    /// Which, from 0.
    pub at: usize,
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub error: RuleError,
}

/// The workflows of a policy, ready to choose from.
#[derive(Debug)]
pub struct Workflows {
    set: RuleSet,
    names: Vec<String>,
    everybody: Policy,
    /// By place: what holds for whoever is in its scope.
    holds: Vec<Policy>,
    /// By place: what holds where nobody can say.
    doubt: Vec<Policy>,
}

/// What holds for somebody.
#[derive(Debug)]
pub struct Chosen<'w> {
    /// The parameters.
    pub policy: &'w Policy,
    /// The workflow whose scope holds, or of which nobody can say; `None`: as for everybody.
    pub name: Option<&'w str>,
    /// Nobody can say whether that scope holds.
    pub doubt: bool,
    /// When a scope that reads the clock says something else.
    pub flips: Option<Timestamp>,
}

impl Chosen<'_> {
    /// As plans call it: the name, with a `?` where nobody can say.
    pub fn label(&self) -> Option<String> {
        let mut label = self.name?.to_owned();
        if self.doubt {
            label.push(DOUBT);
        }
        Some(label)
    }
}

impl Workflows {
    /// Those of a policy over the workers of a mapping, if it has any.
    ///
    /// # Errors
    /// The first scope that is no rule.
    pub fn compile(policy: &Policy, mapping: &Mapping) -> Result<Option<Self>, WorkflowError> {
        if policy.workflow.is_empty() {
            return Ok(None);
        }
        let words = vocabulary(mapping);
        let compile = |(at, it): (usize, &Workflow)| {
            let rule = Rule::compile(&it.scope, Vocabulary::Worker(&words));
            rule.map_err(|error| WorkflowError {
                at,
                name: it.name.clone(),
                error,
            })
        };
        let rules = policy.workflow.iter().enumerate().map(compile);
        let rules = rules.collect::<Result<Vec<Rule>, _>>()?;
        let all = 0..policy.workflow.len();
        Ok(Some(Self {
            set: RuleSet::new(&rules),
            names: policy.workflow.iter().map(|it| it.name.clone()).collect(),
            everybody: policy.for_everybody(),
            holds: policy.workflow.iter().map(|it| it.over(policy)).collect(),
            doubt: all.map(|at| policy.doubt_from(at)).collect(),
        }))
    }

    /// What holds for a worker at an instant: the first whose scope does; from the first of which
    /// nobody can say, what is careful.
    pub fn choose(&self, identity: &Identity, now: Timestamp) -> Chosen<'_> {
        let (mut record, mut scratch) = (self.set.record(), self.set.scratch());
        fill(&mut record, &self.set, identity);
        let mut first: Option<(usize, bool)> = None;
        self.set
            .members(&record, Some(now), &mut scratch, |at, said| {
                if first.is_none_or(|(before, _)| at < before) {
                    first = Some((at, said.is_err()));
                }
            });
        let flips = self.set.next_flip(&record, now, &mut scratch);
        let (policy, name, doubt) = match first {
            None => (&self.everybody, None, false),
            Some((at, doubt)) => {
                let from = if doubt { &self.doubt } else { &self.holds };
                (&from[at], Some(self.names[at].as_str()), doubt)
            }
        };
        Chosen {
            policy,
            name,
            doubt,
            flips,
        }
    }
}

impl Policy {
    /// What holds for whom no workflow is.
    fn for_everybody(&self) -> Self {
        Self {
            workflow: Vec::new(),
            ..self.clone()
        }
    }

    /// The careful one of a workflow and all that may count instead of it.
    fn doubt_from(&self, at: usize) -> Self {
        let rest = self.workflow[at..].iter().map(|it| it.over(self));
        rest.fold(self.for_everybody(), |one, other| careful(&one, &other))
    }

    /// What is wrong with its workflows beside their rules, where no text says the lines.
    pub(crate) fn workflow_problems(&self) -> Vec<String> {
        problems(&self.workflow, "")
    }

    /// What held under the name that a plan says ([`Chosen::label`]).
    #[must_use]
    pub fn under(&self, label: Option<&str>) -> Self {
        let Some(label) = label else {
            return self.for_everybody();
        };
        let name = label.trim_end_matches(DOUBT);
        let at = self.workflow.iter().position(|it| it.name == name);
        match at {
            Some(at) if label.ends_with(DOUBT) => self.doubt_from(at),
            Some(at) => self.workflow[at].over(self),
            None => self.for_everybody(),
        }
    }
}

/// The lines of the scopes of a policy file, from 1; empty where it cannot be read.
pub fn scope_lines(text: &str) -> Vec<usize> {
    #[derive(Deserialize)]
    struct Scopes {
        #[serde(default)]
        workflow: Vec<Scope>,
    }
    #[derive(Deserialize)]
    struct Scope {
        scope: toml::Spanned<String>,
    }
    let read: Scopes = toml::from_str(text).unwrap_or(Scopes {
        workflow: Vec::new(),
    });
    let line = |scope: &Scope| {
        let before = &text.as_bytes()[..scope.scope.span().start];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    };
    read.workflow.iter().map(line).collect()
}

/// What is wrong with the workflows of a file beside their rules.
pub(super) fn problems(workflows: &[Workflow], text: &str) -> Vec<String> {
    let lines = scope_lines(text);
    let mut names = BTreeSet::new();
    let mut out = Vec::new();
    for (at, workflow) in workflows.iter().enumerate() {
        let line = lines.get(at);
        let line = line.map_or(String::new(), |line| format!("line {line}: "));
        let name = &workflow.name;
        let mut say = |what: String| out.push(format!("{line}`workflow` `{name}` {what}"));
        let plain = |c: char| c.is_alphanumeric() || " -_.".contains(c);
        if name.trim().is_empty() || name.chars().count() > NAME_MAX || !name.chars().all(plain) {
            say(format!(
                "has a `name` of other than 1 to {NAME_MAX} letters, digits, blanks, `-`, `_` or \
                 `.`: plans call it by that"
            ));
        }
        if !names.insert(name) {
            say("is there twice: give one of them another `name`".to_owned());
        }
        if workflow.scope.trim().is_empty() {
            say(
                "has an empty `scope`; what holds for everybody is said outside of workflows"
                    .to_owned(),
            );
        }
        if workflow.is_empty() {
            say(
                "says nothing that is otherwise; give it a table such as `[workflow.leaver]`"
                    .to_owned(),
            );
        }
        if let Some(OrNever::Is(pass)) = &workflow.joiner.pass
            && let Some(problem) = minutes_problem(pass, "workflow.joiner.pass.minutes")
        {
            say(format!("is wrong: {problem}"));
        }
    }
    out
}
