//! The commit log: `log/<generation>.json`, put-if-absent, never changed.
//!
//! The newest entry is the head. Each names the hash of the one before, the objects it makes
//! real with their hashes, and the standing: the fold of the log up to itself, so that the head
//! alone is enough to go on. Invariant: of two writers at the same generation one wins and the
//! other starts over from the new head.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollcall_core::approvals::Approvals;
use rollcall_core::delta::Coverage;
use rollcall_core::digest::{hex, sha256};
use rollcall_core::guards::{DISABLES, Kind, ORPHANS, REMOVALS, kind, parks};
use rollcall_core::merkle::Tree;
use rollcall_core::model::{ActionId, RunId};
use rollcall_core::profile::Profile;
use rollcall_source::Cursor;
use serde::{Deserialize, Serialize};

use crate::store::{ObjectRef, Store, StoreError, parse};

/// Version of the entries.
pub const FORMAT_VERSION: u32 = 1;

/// One commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Its place: 1 is the first.
    pub generation: u64,
    /// SHA-256 of the entry before, as stored; `None` for the first.
    pub previous: Option<String>,
    /// Tells our own entry from a rival's after a lost answer.
    pub nonce: String,
    /// When it was written.
    pub at: Timestamp,
    /// The pass it belongs to.
    pub run: RunId,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// The evidence that this entry makes real.
    pub accepts: Vec<ObjectRef>,
    /// Personal values that go with it: they expire, and may be erased.
    pub values: Vec<ObjectRef>,
    /// The fold of the log up to and with this entry.
    pub standing: Standing,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Event {
    /// A delivery was received and sealed.
    Intake(Intake),
    /// A plan was made.
    Plan(Box<Planned>),
    /// Somebody agreed.
    Approval(Approved),
    /// Outcomes went into the state.
    Fold(Folded),
    /// The report is written, the run is over.
    Close(Closed),
}

impl Event {
    /// The hash over the lines of the journal that it takes in, where it takes in any.
    pub fn outcomes_root(&self) -> Option<&OutcomesRoot> {
        match self {
            Self::Fold(fold) => fold.outcomes_root.as_ref(),
            Self::Close(closed) => closed.outcomes_root.as_ref(),
            Self::Intake(_) | Self::Plan(_) | Self::Approval(_) => None,
        }
    }
}

/// A sealed delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// The feed.
    pub source: String,
    /// The home source, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Name of the file.
    pub file: String,
    /// Tells this delivery from another one of the same bytes: name and time of arrival.
    pub delivery: String,
    /// SHA-256 of the bytes received.
    pub sha256: String,
    /// The moment that the data describe.
    pub as_of: Timestamp,
    /// What it covers.
    pub coverage: Coverage,
    /// Data rows.
    pub rows: u32,
    /// The instant of the run: every plan of it uses this one.
    pub now: Timestamp,
    /// What it looks like as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Box<Profile>>,
    /// It is of a source that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// What is kept of a pull for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Where the next pull begins, where the source can be asked for changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// SHA-256 of how it was asked: a cursor is of that alone.
    pub way_sha256: String,
}

impl Intake {
    /// Its source, where that is not the home source.
    pub fn beside(&self) -> Option<&str> {
        self.home.as_ref().map(|_| self.source.as_str())
    }
}

/// A stored plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// `None` for a release.
    pub intake: Option<Intake>,
    /// The run that it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<RunId>,
    /// It mends what others changed of accounts, and looks at nobody else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heals: bool,
    /// What people said that it takes in, by key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// The plan's instant.
    pub now: Timestamp,
    /// Digest of all its bytes: what an approval names.
    pub plan_sha256: String,
    /// A gate parked the intake: it is not accepted.
    pub parked: bool,
    /// Guards that keep something back.
    pub guards: Vec<String>,
    /// Orders in it.
    pub orders: u32,
    /// Inactive rows of the intake.
    pub inactive: u32,
    /// Accounts that the plan disables or schedules to, held ones left out.
    pub disables: u32,
    /// Those that a budget keeps back.
    pub disables_held: u32,
    /// People who stay and lose groups or licences, held ones left out.
    #[serde(default)]
    pub removals: u32,
    /// Those whom a budget keeps back from it.
    #[serde(default)]
    pub removals_held: u32,
    /// What counts into the budgets of slices, by guard; by the guards of everybody, what slices
    /// keep back of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slices: BTreeMap<String, InSlice>,
    /// People who wait for a seat, by licence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub without: BTreeMap<String, u32>,
    /// The first instant at which something falls due that nothing keeps back: the state does not
    /// know it before this is folded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Timestamp>,
    /// From this instant on a plan looks again at whatever this one keeps back for want of an owner
    /// (guard `orphans`); `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Timestamp>,
    /// Its digests are made with the part of salts that the store keeps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub seeded: bool,
    /// Meaning of mapping, policy and groups that it was made with.
    pub rules: Rules,
}

/// What a plan adds to a budget beside those of everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InSlice {
    /// Let through.
    #[serde(default)]
    pub through: u32,
    /// Kept back, by the guard that does.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<String, u32>,
}

/// Hashes of what decides about everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Of the mapping.
    pub mapping_sha256: String,
    /// Of the policy.
    pub policy_sha256: String,
    /// Of what Rollcall gives people itself, where it gives anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants_sha256: Option<String>,
    /// Of who owns which attribute, where anybody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners_sha256: Option<String>,
    /// Of the mappings of sources beside the home source, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside: BTreeMap<String, String>,
    /// The columns by which sources say whose employments their rows are; the home source's by an
    /// empty name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub persons: BTreeMap<String, String>,
    /// Of what stands: sources that have not delivered since something else decided about
    /// everybody, with the hash of what did when they delivered last; the home source by an empty
    /// name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub behind: BTreeMap<String, String>,
}

impl Rules {
    /// What decides about everybody, as one hash.
    fn of_all(&self) -> String {
        let parts = (
            &self.policy_sha256,
            &self.grants_sha256,
            &self.owners_sha256,
        );
        sha256(&serde_json::to_vec(&parts).expect("hashes are always JSON"))
    }

    /// The same when a source delivered last.
    fn of_all_for(&self, source: &str) -> String {
        let before = self.behind.get(source).cloned();
        before.unwrap_or_else(|| self.of_all())
    }

    /// Whether everybody has to be looked at by a delivery of a source (`None`: the home source)
    /// that is planned by `now`: what decides about all, or about its rows, is another than when it
    /// delivered last. What other sources' rows are read by counts once they deliver.
    pub fn changed(&self, now: &Self, source: Option<&str>) -> bool {
        let mapping = match source {
            None => self.mapping_sha256 != now.mapping_sha256,
            Some(source) => {
                let before = self.beside.get(source);
                before.is_some() && before != now.beside.get(source)
            }
        };
        self.of_all_for(source.unwrap_or_default()) != now.of_all() || mapping
    }

    /// Of the mapping by which rows of a source were read last (`None`: the home source).
    pub fn mapping_of(&self, source: Option<&str>) -> Option<&str> {
        match source {
            None => Some(&self.mapping_sha256),
            Some(source) => self.beside.get(source).map(String::as_str),
        }
    }

    /// What stands once the first delivery of all, of a source, was planned by these.
    fn first(&self, source: Option<&str>) -> Self {
        let mut next = self.clone();
        next.persons
            .retain(|name, _| name == source.unwrap_or_default());
        next
    }

    /// What stands once a delivery of a source was planned by `now`.
    fn after(&self, now: &Self, source: Option<&str>) -> Self {
        let mut next = now.clone();
        let delivers = source.unwrap_or_default();
        let others = now.beside.keys().map(String::as_str).chain([""]);
        for other in others.filter(|name| *name != delivers) {
            let before = self.of_all_for(other);
            if before != now.of_all() {
                next.behind.insert(other.to_owned(), before);
            }
        }
        next.persons.clone_from(&self.persons);
        match now.persons.get(delivers) {
            Some(column) => next.persons.insert(delivers.to_owned(), column.clone()),
            None => next.persons.remove(delivers),
        };
        if source.is_some() {
            next.mapping_sha256.clone_from(&self.mapping_sha256);
        }
        for (name, hash) in &mut next.beside {
            if let Some(before) = self.beside.get(name).filter(|_| source != Some(name)) {
                hash.clone_from(before);
            }
        }
        next
    }
}

/// Who agrees: an identity that credentials prove, never a flag. `os:<name>:<uid>` on one machine,
/// where the store lies at AWS its `aws:userid` (`<role id>:<session name>`, or a user's id).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approver(pub String);

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The plan that was approved.
    pub plan_sha256: String,
    /// The guard.
    pub guard: String,
    /// The action that it is about; whatever the guard keeps back when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionId>,
    /// Who.
    pub by: Approver,
    /// When they agreed. (An entry has an `at` of its own, beside these fields.)
    pub given: Timestamp,
    /// This approval is the last one needed: the guard keeps nothing back any more.
    pub complete: bool,
    /// Actions that it is the last one needed for, where the guard keeps others back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lets_go: Vec<LetGo>,
}

/// An action for which people overruled a guard by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetGo {
    /// The guard.
    pub guard: String,
    /// The action.
    pub action: ActionId,
    /// What of it counts into which budgets, by guard.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u32>,
}

/// Where the state stands after a fold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Folded {
    /// The files that make up the state now.
    pub state: StateRef,
    /// Actions by how they ended.
    pub outcomes: std::collections::BTreeMap<String, u32>,
    /// Nothing was carried out: the values of somebody were erased.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erasure: bool,
    /// The word that asked for that, by key, where one did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<String>,
    /// Over the lines of the journal that it takes in; entries of older versions have none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcomes_root: Option<OutcomesRoot>,
}

/// One hash for all lines of a journal that an entry takes in: segments by key, lines in their
/// order, as a [`rollcall_core::merkle`] tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomesRoot {
    /// The root, as hexadecimal digits.
    pub sha256: String,
    /// How many lines there are.
    pub lines: u64,
}

impl From<&Tree> for OutcomesRoot {
    fn from(tree: &Tree) -> Self {
        Self {
            sha256: hex(&tree.root()),
            lines: tree.lines(),
        }
    }
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Closed {
    /// Anything waits for an approval.
    pub held: bool,
    /// Why nothing of it was carried out, where that is so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub set_aside: Option<String>,
    /// The key that signs this entry, where one does: [`crate::sign::PublicKey::id`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signer: Option<String>,
    /// Over the lines of the journal that came after its fold, where any did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcomes_root: Option<OutcomesRoot>,
}

/// The Parquet files of the state: a base, and deltas in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct StateRef {
    /// All persons at some generation.
    pub base: Option<ObjectRef>,
    /// Persons that changed since, oldest first.
    pub deltas: Vec<ObjectRef>,
}

impl StateRef {
    /// The keys of its files.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.base.iter().chain(&self.deltas).map(|o| o.key.as_str())
    }
}

/// The newest accepted intake of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The run that brought it.
    pub run: RunId,
    /// The moment it describes.
    pub as_of: Timestamp,
    /// When it was accepted.
    pub at: Timestamp,
    /// Rows.
    pub rows: u32,
    /// Inactive rows.
    pub inactive: u32,
    /// Whether it was a full one.
    pub full: bool,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// What it looked like as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Box<Profile>>,
    /// It is of a source that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// The newest full one before it, where this one is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Box<Accepted>>,
}

impl Accepted {
    /// The newest full one: what gates compare with.
    pub fn newest_full(&self) -> Option<&Self> {
        if self.full {
            Some(self)
        } else {
            self.base.as_deref()
        }
    }

    /// From when on the data grow old: the moment that they describe.
    pub fn since(&self) -> Timestamp {
        self.as_of.min(self.at)
    }
}

/// How far an unfinished run has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Sealed, not planned.
    Sealed,
    /// Planned, its outcomes not folded.
    Planned,
    /// Folded, or parked: only the report is missing.
    Folded,
}

/// A run that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRun {
    /// Which.
    pub run: RunId,
    /// How far.
    pub stage: Stage,
    /// The generation of its newest intake or plan entry.
    pub generation: u64,
    /// The delivery behind it; `None` for a release.
    pub delivery: Option<Delivered>,
    /// The approval that opened it again after it was folded: only what that lets go is carried
    /// out then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopened: Option<Reopened>,
}

impl OpenRun {
    /// The entry that opened it, the first time or again: its plan or an approval.
    pub fn opening(&self) -> u64 {
        self.reopened
            .as_ref()
            .map_or(self.generation, |r| r.generation)
    }
}

/// When a run was opened again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopened {
    /// Generation of the approval.
    pub generation: u64,
    /// When it was committed.
    pub at: Timestamp,
}

/// What tells one delivery from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// The moment that it describes.
    pub as_of: Timestamp,
    /// It lists everybody, so that what was planned before says nothing any more.
    pub full: bool,
    /// Its source, where that is not the home source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl From<&Intake> for Delivered {
    fn from(intake: &Intake) -> Self {
        Self {
            sha256: intake.sha256.clone(),
            as_of: intake.as_of,
            full: intake.coverage.proves_absence(),
            source: intake.beside().map(str::to_owned),
        }
    }
}

/// A plan that keeps something back for an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The run.
    pub run: RunId,
    /// Generation of its plan entry.
    pub generation: u64,
    /// Its plan.
    pub plan_sha256: String,
    /// The guards that wait; `orphans` only until a newer plan looks again.
    pub guards: Vec<String>,
    /// The guards that are approved.
    pub approved: Vec<String>,
    /// Who agreed to what so far.
    pub agreed: Vec<Agreed>,
    /// Actions of the other guards that are approved by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub let_go: Vec<LetGo>,
    /// A gate parked the intake.
    pub parked: bool,
    /// Since when.
    pub since: Timestamp,
    /// The delivery behind it; `None` for a release.
    pub delivery: Option<Delivered>,
    /// See [`Planned::again`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Timestamp>,
}

/// One person's agreement to one guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// The guard.
    pub guard: String,
    /// See [`Approved::action`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionId>,
    /// Who.
    pub by: Approver,
    /// When.
    pub at: Timestamp,
}

impl Pending {
    /// The guards that still keep something back.
    pub fn waiting(&self) -> Vec<&str> {
        let open = self.guards.iter().filter(|g| !self.approved.contains(g));
        open.map(String::as_str).collect()
    }

    /// What people agreed to.
    pub fn approvals(&self) -> Approvals {
        let mut guards = self.approved.clone();
        // Any gate that is approved accepts the intake, whichever of them the hold is filed under.
        if guards.iter().any(|guard| parks(guard)) {
            guards.extend(self.guards.iter().filter(|guard| parks(guard)).cloned());
        }
        let mut out = Approvals::of_guards(guards);
        for it in &self.let_go {
            out.add_action(&it.guard, &it.action);
        }
        out
    }

    /// A plan of this instant has looked again at what waits for an owner: agreeing to what this one
    /// found says nothing of what is left now. Whether anything else waits in it.
    fn look_again(&mut self, now: Timestamp) -> bool {
        let due = self.again.is_some_and(|again| again <= now);
        if !(due && self.waiting().contains(&ORPHANS)) {
            return true;
        }
        self.guards.retain(|guard| guard != ORPHANS);
        !self.waiting().is_empty()
    }

    /// What waits for an owner in it is nobody's to agree to any more ([`Self::look_again`]).
    pub fn looked_at_again_elsewhere(&self) -> bool {
        self.again.is_some() && !self.guards.iter().any(|guard| guard == ORPHANS)
    }

    /// Whether the intake counts: it was not parked, or people let it in.
    pub fn accepted(&self) -> bool {
        !self.parked || self.approved.iter().any(|guard| parks(guard))
    }

    /// Whether it is a parked delivery of another source than this: what that one says is still
    /// nobody's word.
    fn parked_beside(&self, source: Option<&str>) -> bool {
        let mut of = self.delivery.iter();
        !self.accepted() && of.any(|it| it.source.as_deref() != source)
    }
}

/// A delivery that was taken in, whether or not it was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// See [`Intake::sha256`].
    pub sha256: String,
    /// See [`Intake::delivery`].
    pub delivery: String,
    /// See [`Intake::file`].
    pub file: String,
    /// The run that took it.
    pub run: RunId,
}

/// People of whom a plan let something through that a budget counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The run.
    pub run: RunId,
    /// The plan's instant.
    pub at: Timestamp,
    /// How many.
    pub count: u32,
}

/// The fold of the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// The newest accepted intake, of the home source.
    pub accepted: Option<Accepted>,
    /// The same of the other sources, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside: BTreeMap<String, Accepted>,
    /// The last deliveries, newest last; at most [`DELIVERIES_MAX`].
    pub deliveries: Vec<Delivery>,
    /// The state.
    pub state: StateRef,
    /// What the state was made with.
    pub rules: Option<Rules>,
    /// Disables of the last 24 hours.
    pub disables: Vec<Counted>,
    /// People who lost groups or licences in the last 24 hours, and stay.
    #[serde(default)]
    pub removals: Vec<Counted>,
    /// The same in slices, by guard.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slices: BTreeMap<String, Vec<Counted>>,
    /// People whom the newest plan of a delivery left waiting for a seat, by licence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub without: BTreeMap<String, u32>,
    /// Notices that were taken in, and by which run: each is heard once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub noticed: BTreeMap<String, RunId>,
    /// Runs that are not over, oldest first.
    pub open: Vec<OpenRun>,
    /// Generations at which the values of somebody were erased.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<u64>,
    /// Plans that keep something back for approvals, oldest first. The plan of a newer accepted
    /// intake voids them.
    pub pending: Vec<Pending>,
}

/// How many deliveries are remembered by hash: over a year of nightly files.
pub const DELIVERIES_MAX: usize = 400;

impl Standing {
    /// The newest accepted intake of a source; `None`: of the home source.
    pub fn accepted_of(&self, source: Option<&str>) -> Option<&Accepted> {
        match source {
            None => self.accepted.as_ref(),
            Some(name) => self.beside.get(name),
        }
    }

    /// Disables that count into the rolling 24 hours before `now`.
    pub fn disables_before(&self, now: Timestamp) -> u32 {
        before(&self.disables, now)
    }

    /// The same of people who lose groups or licences.
    pub fn removals_before(&self, now: Timestamp) -> u32 {
        before(&self.removals, now)
    }

    /// The same of slices, by guard.
    pub fn slices_before(&self, now: Timestamp) -> BTreeMap<String, u32> {
        let slices = self.slices.iter();
        let counted = slices.map(|(guard, counted)| (guard.clone(), before(counted, now)));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    /// What counts for a guard from now on.
    fn count(&mut self, guard: &str, run: &RunId, at: Timestamp, people: u32) {
        match guard {
            DISABLES => count(&mut self.disables, run, at, people),
            REMOVALS => count(&mut self.removals, run, at, people),
            slice => count(
                self.slices.entry(slice.to_owned()).or_default(),
                run,
                at,
                people,
            ),
        }
        self.slices.retain(|_, counted| !counted.is_empty());
    }

    /// What a plan lets through.
    fn count_through(&mut self, run: &RunId, at: Timestamp, plan: &Planned) {
        self.count(DISABLES, run, at, plan.disables);
        self.count(REMOVALS, run, at, plan.removals);
        for (guard, slice) in &plan.slices {
            self.count(guard, run, at, slice.through);
        }
    }

    /// What people let through that a guard kept back, but for what was let go by name before.
    fn count_over(&mut self, guard: &str, pending: &Pending, at: Timestamp, plan: &Planned) {
        let before = |counter: &str| -> u32 {
            let named = pending.let_go.iter().filter(|it| it.guard == guard);
            named.filter_map(|it| it.counts.get(counter)).sum()
        };
        let run = &pending.run;
        let everybody = match guard {
            DISABLES => plan.disables_held,
            REMOVALS => plan.removals_held,
            _ => 0,
        };
        self.count(guard, run, at, everybody.saturating_sub(before(guard)));
        for (counter, slice) in &plan.slices {
            let held = slice.held.get(guard).copied().unwrap_or(0);
            self.count(counter, run, at, held.saturating_sub(before(counter)));
        }
    }

    /// What people let through by name.
    fn count_named(&mut self, named: &[LetGo], run: &RunId, at: Timestamp) {
        for (counter, count) in named.iter().flat_map(|it| &it.counts) {
            self.count(counter, run, at, *count);
        }
    }

    /// What stands after `event`. Pure: `verify` computes it again.
    #[must_use]
    pub fn after(&self, run: &RunId, at: Timestamp, generation: u64, event: &Event) -> Self {
        let mut next = self.clone();
        match event {
            Event::Intake(intake) => {
                // Pulls are ordered by their moment; there are many more of them than of files.
                if intake.asked.is_none() {
                    next.deliveries.push(Delivery {
                        sha256: intake.sha256.clone(),
                        delivery: intake.delivery.clone(),
                        file: intake.file.clone(),
                        run: run.clone(),
                    });
                }
                let surplus = next.deliveries.len().saturating_sub(DELIVERIES_MAX);
                next.deliveries.drain(..surplus);
                next.open.push(OpenRun {
                    run: run.clone(),
                    stage: Stage::Sealed,
                    generation,
                    delivery: Some(intake.into()),
                    reopened: None,
                });
            }
            Event::Plan(plan) => {
                let notices = plan.notices.iter().cloned();
                next.noticed.extend(notices.map(|key| (key, run.clone())));
                let stage = if plan.parked {
                    Stage::Folded
                } else {
                    Stage::Planned
                };
                let delivery = plan.intake.as_ref().map(Into::into);
                next.set_stage(run, stage, generation, delivery);
                if let Some(intake) = &plan.intake {
                    if plan.parked {
                        // What was accepted before still waits; another parked intake of the source
                        // does not.
                        let source = intake.beside();
                        next.pending
                            .retain(|it| it.accepted() || it.parked_beside(source));
                    } else {
                        next.accept(run, intake, plan, at);
                    }
                }
                if !plan.parked && plan.undoes.is_none() && !plan.heals {
                    next.pending.retain_mut(|p| p.look_again(plan.now));
                }
                if !plan.guards.is_empty() {
                    next.pending.push(Pending {
                        run: run.clone(),
                        generation,
                        plan_sha256: plan.plan_sha256.clone(),
                        guards: plan.guards.clone(),
                        approved: Vec::new(),
                        agreed: Vec::new(),
                        let_go: Vec::new(),
                        parked: plan.parked,
                        since: plan.now,
                        delivery: plan.intake.as_ref().map(Into::into),
                        again: plan.again,
                    });
                }
                if plan.intake.is_some() && !plan.parked {
                    next.without.clone_from(&plan.without);
                }
                if !plan.parked {
                    next.count_through(run, plan.now, plan);
                }
            }
            Event::Approval(approval) => {
                let pending = next.pending.iter_mut().find(|p| p.run == *run);
                if let Some(pending) = pending.filter(|p| p.plan_sha256 == approval.plan_sha256) {
                    pending.agreed.push(Agreed {
                        guard: approval.guard.clone(),
                        action: approval.action.clone(),
                        by: approval.by.clone(),
                        at: approval.given,
                    });
                    if approval.complete {
                        pending.approved.push(approval.guard.clone());
                    }
                    pending.let_go.extend(approval.lets_go.iter().cloned());
                    if approval.complete || !approval.lets_go.is_empty() {
                        let plan = pending.generation;
                        let delivery = pending.delivery.clone();
                        if pending.accepted() {
                            next.reopen(run, plan, delivery, Reopened { generation, at });
                        }
                    }
                }
            }
            Event::Fold(fold) => {
                next.state = fold.state.clone();
                if fold.erasure {
                    next.erased.push(generation);
                }
                let heard = fold.heard.iter().cloned();
                next.noticed.extend(heard.map(|key| (key, run.clone())));
                next.set_stage(run, Stage::Folded, generation, None);
            }
            Event::Close(closed) => {
                next.open.retain(|open| open.run != *run);
                // What was approved is carried out by now, what was set aside waits for nobody.
                let aside = closed.set_aside.is_some();
                next.pending
                    .retain(|p| p.run != *run || !(aside || p.waiting().is_empty()));
                if aside {
                    // Nobody has heard them.
                    next.noticed.retain(|_, heard| heard != run);
                    next.disables.retain(|d| d.run != *run);
                    next.removals.retain(|d| d.run != *run);
                    for counted in next.slices.values_mut() {
                        counted.retain(|d| d.run != *run);
                    }
                    next.slices.retain(|_, counted| !counted.is_empty());
                }
            }
        }
        next
    }

    /// An intake counts as accepted from its plan on, a parked one from its approval on. Whatever
    /// older plans keep back is void then, but for parked deliveries of other sources.
    fn accept(&mut self, run: &RunId, intake: &Intake, plan: &Planned, at: Timestamp) {
        let source = intake.beside();
        let full = intake.coverage.proves_absence();
        let before = self.accepted_of(source);
        let base = before.and_then(Accepted::newest_full).filter(|_| !full);
        let accepted = Accepted {
            run: run.clone(),
            as_of: intake.as_of,
            at,
            rows: intake.rows,
            inactive: plan.inactive,
            full,
            sha256: intake.sha256.clone(),
            profile: intake.profile.clone(),
            asked: intake.asked.clone(),
            base: base.map(|it| Box::new(it.clone())),
        };
        match source {
            None => self.accepted = Some(accepted),
            Some(name) => {
                self.beside.insert(name.to_owned(), accepted);
            }
        }
        self.rules = Some(match &self.rules {
            Some(before) => before.after(&plan.rules, source),
            None => plan.rules.first(source),
        });
        self.pending
            .retain(|pending| pending.run == *run || pending.parked_beside(source));
    }

    fn set_stage(
        &mut self,
        run: &RunId,
        stage: Stage,
        generation: u64,
        delivery: Option<Delivered>,
    ) {
        match self.open.iter_mut().find(|open| open.run == *run) {
            Some(open) => {
                open.stage = stage;
                open.generation = generation;
            }
            None => self.open.push(OpenRun {
                run: run.clone(),
                stage,
                generation,
                delivery,
                reopened: None,
            }),
        }
    }

    /// A run of which something was approved is planned once more. One that is still under way
    /// goes on; one that was folded begins again with what was approved.
    fn reopen(&mut self, run: &RunId, plan: u64, delivery: Option<Delivered>, reopened: Reopened) {
        let mut open = self.open.iter();
        let under_way = open.any(|o| o.run == *run && o.stage == Stage::Planned);
        self.set_stage(run, Stage::Planned, plan, delivery);
        let mut open = self.open.iter_mut();
        if let Some(open) = open.find(|o| o.run == *run && !under_way) {
            open.reopened = Some(reopened);
        }
    }
}

/// The head: the newest entry, and the hash of its bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Head {
    /// Generation of the newest entry; 0 = an empty log.
    pub generation: u64,
    /// SHA-256 of its bytes.
    pub sha256: Option<String>,
    /// What stands.
    pub standing: Standing,
}

impl Head {
    /// `GENERATION:SHA256`; `None` of an empty log.
    pub fn named(&self) -> Option<String> {
        let hash = self.sha256.as_ref()?;
        Some(format!("{}:{hash}", self.generation))
    }
}

/// Why a commit was not made.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another writer was faster: read the head and start over.
    #[error("another run committed generation {0} first")]
    Lost(u64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The objects that an entry makes real.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Objects {
    /// Evidence.
    pub evidence: Vec<ObjectRef>,
    /// Personal values.
    pub values: Vec<ObjectRef>,
}

/// The key of a generation.
pub fn key(generation: u64) -> String {
    format!("log/{generation:012}.json")
}

/// Reads the head.
///
/// # Errors
/// When the store fails or the newest entry cannot be read.
pub async fn head(store: &Store) -> Result<Head, StoreError> {
    let newest = newest_generation(store).await?;
    if newest == 0 {
        return Ok(Head::default());
    }
    let bytes = store.get(&key(newest)).await?;
    let entry: Entry = parse(&key(newest), &bytes)?;
    Ok(Head {
        generation: newest,
        sha256: Some(sha256(&bytes)),
        standing: entry.standing,
    })
}

async fn newest_generation(store: &Store) -> Result<u64, StoreError> {
    let keys = store.list("log").await?;
    // Names sort as numbers do; other files beside them are none of ours.
    let is_entry = |l: &&crate::store::Listed| {
        l.key
            .strip_suffix(".json")
            .is_some_and(|n| n.ends_with(|c: char| c.is_ascii_digit()))
    };
    let Some(last) = keys.iter().rev().find(is_entry) else {
        return Ok(0);
    };
    let digits = last
        .key
        .trim_start_matches("log/")
        .trim_end_matches(".json");
    digits.parse().map_err(|_| StoreError::Corrupt {
        key: last.key.clone(),
        why: "a log entry is named by 12 digits".to_owned(),
    })
}

/// Reads one entry and the hash of its bytes.
///
/// # Errors
/// When it is absent or cannot be read.
pub async fn entry(store: &Store, generation: u64) -> Result<(Entry, String), StoreError> {
    let bytes = store.get(&key(generation)).await?;
    Ok((parse(&key(generation), &bytes)?, sha256(&bytes)))
}

/// Commits an event on top of `head`.
///
/// # Errors
/// [`CommitError::Lost`] when another writer took the generation. An entry with our own nonce
/// is ours, also when the store said that something was there: a put may have worked before its
/// answer was lost.
pub async fn commit(
    store: &Store,
    head: &Head,
    run: &RunId,
    at: Timestamp,
    nonce: &str,
    event: Event,
    objects: Objects,
) -> Result<Head, CommitError> {
    let generation = head.generation + 1;
    let mut standing = head.standing.after(run, at, generation, &event);
    if let Event::Approval(approval) = &event {
        accept_approved(store, &head.standing, &mut standing, (run, approval), at).await?;
    }
    let entry = Entry {
        format_version: FORMAT_VERSION,
        generation,
        previous: head.sha256.clone(),
        nonce: nonce.to_owned(),
        at,
        run: run.clone(),
        event,
        accepts: objects.evidence,
        values: objects.values,
        standing: standing.clone(),
    };
    let bytes = serde_json::to_vec_pretty(&entry).expect("a log entry is always JSON");
    let ours = || Head {
        generation,
        sha256: Some(sha256(&bytes)),
        standing,
    };
    match store.create(&key(generation), bytes.clone()).await {
        Ok(()) => Ok(ours()),
        Err(error) => match store.find(&key(generation)).await? {
            Some(stored) if stored == bytes => Ok(ours()),
            Some(_) => Err(CommitError::Lost(generation)),
            None => Err(error.into()),
        },
    }
}

/// What counts into the rolling 24 hours before an instant.
fn before(counted: &[Counted], now: Timestamp) -> u32 {
    let from = now - jiff::SignedDuration::from_hours(24);
    counted
        .iter()
        .filter(|d| d.at > from && d.at <= now)
        .map(|d| d.count)
        .sum()
}

/// Adds to a rolling count.
fn count(counted: &mut Vec<Counted>, run: &RunId, at: Timestamp, count: u32) {
    let from = at - jiff::SignedDuration::from_hours(24);
    counted.retain(|d| d.at > from);
    if count > 0 {
        let run = run.clone();
        counted.push(Counted { run, at, count });
    }
}

/// What an approval that completes adds to the standing: the parked intake is accepted, the
/// disables that it lets go count from now on.
///
/// # Errors
/// When the plan's entry cannot be read.
pub async fn accept_approved(
    store: &Store,
    before: &Standing,
    standing: &mut Standing,
    (run, approval): (&RunId, &Approved),
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut pending = before.pending.iter();
    let pending = pending.find(|p| p.run == *run && p.plan_sha256 == approval.plan_sha256);
    let Some(pending) = pending else {
        return Ok(());
    };
    if !approval.complete {
        // While the intake is parked nothing goes, whoever agrees to what else.
        if pending.accepted() {
            standing.count_named(&approval.lets_go, run, at);
        }
        return Ok(());
    }
    let (planned, _) = entry(store, pending.generation).await?;
    let Event::Plan(plan) = planned.event else {
        return Ok(());
    };
    let over_budget = |guard: &str| kind(guard) == Some(Kind::Budget);
    match kind(&approval.guard) {
        Some(Kind::Intake | Kind::Undo) if !pending.accepted() => {
            if let Some(intake) = &plan.intake {
                standing.accept(&pending.run, intake, &plan, at);
            }
            standing.count_through(&pending.run, at, &plan);
            standing.count_named(&pending.let_go, run, at);
            for guard in pending.approved.iter().filter(|guard| over_budget(guard)) {
                standing.count_over(guard, pending, at, &plan);
            }
        }
        // While the intake is parked nothing goes, whoever agrees to what else.
        Some(Kind::Budget) if pending.accepted() => {
            standing.count_over(&approval.guard, pending, at, &plan);
        }
        Some(
            Kind::Intake
            | Kind::Undo
            | Kind::Budget
            | Kind::Adoptions
            | Kind::Protected
            | Kind::Groups
            | Kind::Seats
            | Kind::Restores
            | Kind::Wipes
            | Kind::Orphans
            | Kind::Churn,
        )
        | None => {}
    }
    Ok(())
}
