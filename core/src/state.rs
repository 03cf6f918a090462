//! What is known of each person between runs.
//!
//! Hot facts ([`Hot`], a few tens of bytes) are read on every run; the rest ([`Person`]) only
//! for persons that a run touches. Invariant: state records what was applied, never what was
//! hoped; everything in it can be recomputed from the log.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::grants::{Given, Grant};
use crate::model::{
    Account, AccountName, Attributes, Device, FindingKind, Holdings, ObjectId, Op, PersonKey,
    ProofVerdict, RunId, SourceName, Value, WorkerId,
};

/// Where the account of a person stands, as far as we made it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// No account that we know of.
    #[default]
    None,
    /// Made, not yet enabled: the person has not started.
    Created,
    /// In use.
    Active,
    /// Cut off by us.
    Blocked,
    /// In the bin of the target: it comes back, or is gone for good after a while.
    Deleted,
}

/// Why we blocked somebody: decides what brings them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockCause {
    /// The status in the roster.
    Status,
    /// The last day has passed.
    LastDay,
    /// Absent from two full files in a row.
    Absence,
    /// Dismissed for cause: at once, whatever the dates say.
    ForCause,
    /// Never came.
    NoShow,
    /// Died.
    Deceased,
    /// On leave without pay for long.
    Leave,
    /// Released from work until the employment ends.
    Garden,
    /// The hire was called off.
    CalledOff,
    /// A run that enabled the account was taken back.
    Undone,
}

impl BlockCause {
    /// The employment ends with it.
    pub const fn exit(self) -> bool {
        match self {
            Self::Status
            | Self::LastDay
            | Self::ForCause
            | Self::NoShow
            | Self::Deceased
            | Self::CalledOff => true,
            Self::Absence | Self::Leave | Self::Garden | Self::Undone => false,
        }
    }
}

/// When and why somebody is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// When it is, or was, due.
    pub due: Timestamp,
    /// Why.
    pub cause: BlockCause,
}

/// A cut that is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCut {
    /// When and why: its lateness is measured from here, however often it is planned again.
    pub cut: Cut,
    /// It went into the budget of its day, or was approved over it: never counted twice.
    pub counted: bool,
    /// A disable was let go, and nothing is on record of what came of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unheard: bool,
    /// When HR entered it, where HR says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered: Option<Timestamp>,
    /// When it was first planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
}

/// A block in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// When and why.
    pub cut: Cut,
    /// We disabled the account. Where somebody else had, they alone enable it again.
    pub disabled: bool,
    /// Sessions were revoked after that.
    pub signed_out: bool,
    /// When it was carried out: what goes later counts from here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Timestamp>,
}

/// The wanted account of a person: one accepted row after mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The key of the row.
    pub worker: WorkerId,
    /// Whose row it is; `None`: the home source's, after which keys are hashed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<SourceName>,
    /// The status as HR writes it.
    pub status: String,
    /// Whose report the worker is; `None` where the cell is empty.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manager: Option<WorkerId>,
    /// First day of work.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hire: Option<jiff::civil::Date>,
    /// Last day of work, inclusive.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_day: Option<jiff::civil::Date>,
    /// What HR says beside that, where it says anything.
    #[serde(skip_serializing_if = "Terms::is_default", default)]
    pub terms: Box<Terms>,
    /// IANA zone of the worker's place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub zone: Option<String>,
    /// What rules read and nothing writes.
    #[serde(skip_serializing_if = "Attributes::is_empty", default)]
    pub facts: Attributes,
    /// Attributes kept in step; null clears.
    pub always: Attributes,
    /// Attributes written on creation only.
    pub on_create: Attributes,
    /// The mapping is not for this row.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub out_of_scope: bool,
    /// Sign-in names to take instead when the wanted one is taken, best first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub other_names: Vec<AccountName>,
}

impl Identity {
    /// Whether both are rows of one employment: worker ids tell employments of one source apart.
    pub fn same_job(&self, other: &Self) -> bool {
        self.worker == other.worker && self.source == other.source
    }

    /// The day on which access ends, inclusive: the last day of work, else that of the employment.
    pub fn last(&self) -> Option<jiff::civil::Date> {
        self.last_day.or(self.terms.termination)
    }
}

/// What HR says of an employment beside key, status, hire and last day. Most rows say none of it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts about a row that have nothing to do with each other"
)]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Terms {
    /// The day on which the employment ends, inclusive: it may be later than the last day of work.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub termination: Option<jiff::civil::Date>,
    /// Dismissed for cause.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub for_cause: bool,
    /// Leave of absence, planned or under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub leave: Option<Leave>,
    /// Not the main one of several employments.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub secondary: bool,
    /// First day of the values of this row; without it they hold at once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub effective: Option<jiff::civil::Date>,
    /// When HR entered it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entered: Option<Timestamp>,
    /// When a row that was known said for the first time that the employment is over, or for cause:
    /// what began before is no rehire. `None` of rows that said so when they were first seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub over_since: Option<Timestamp>,
    /// The same of the word that it ended suddenly: for cause, never begun, deceased. Somebody may have
    /// given notice before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sudden_since: Option<Timestamp>,
    /// What it says of its end was no news any more when HR said so.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub no_news: bool,
    /// Whoever never came to this employment was in another one when HR said so.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub beside: bool,
    /// A date of the row, or its key, cannot be read: it is not believed, and nobody keeps it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub unread: bool,
    /// A full file of its source did not have the row, which is yet to begin.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub missed: bool,
}

impl Terms {
    #[expect(clippy::borrowed_box, reason = "serde passes references to the field")]
    fn is_default(this: &Box<Self>) -> bool {
        **this == Self::default()
    }
}

/// Leave of absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// Which.
    pub kind: LeaveKind,
    /// First day.
    pub from: jiff::civil::Date,
    /// Last day, inclusive; `None` where nobody knows yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<jiff::civil::Date>,
}

/// What kind of leave: it decides whether somebody is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveKind {
    /// Nothing changes.
    Paid,
    /// Blocked while it is long.
    Unpaid,
    /// Released from work until the end: blocked from its first day.
    Garden,
}

/// A step that is to come, as it was last planned: what is not planned any more was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Promise {
    /// What.
    pub op: Op,
    /// Of what: a grant, a role, a device; empty where the operation says it all.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub what: String,
    /// What HR said that it follows from: the instant that its days count from.
    pub anchor: Timestamp,
    /// It is part of an exit.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub exit: bool,
}

/// What keeps later steps of a leaver back until people let them go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parking {
    /// Whoever died: nobody takes data away before somebody looked.
    DeceasedReview,
    /// Data may be evidence.
    LegalHold,
}

/// One [`Parking`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Since when.
    pub since: Timestamp,
    /// It was told what it keeps back.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub told: bool,
    /// When people let go of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub released: Option<Timestamp>,
}

/// People said that somebody is dismissed for cause, whatever HR's file says yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dismissed {
    /// When they said so: employments that begin later are not meant.
    pub at: Timestamp,
    /// The employments that were known then: they are meant whatever first day HR gives them later.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub workers: BTreeSet<WorkerId>,
}

/// A run was taken back for somebody: what HR said then is not done again before HR says something
/// else, or people let go of it. What falls due later by a date is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// The run.
    pub run: RunId,
    /// When it was taken back.
    pub at: Timestamp,
    /// Fingerprint of the row that it saw; `None`: the next one that is believed is taken for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seen: Option<String>,
    /// It acted on an absence: any row says something else.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub absent: bool,
    /// The source whose file the run read; `None`: the home source's. What others say does not end
    /// the hold.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<SourceName>,
}

/// How one source stands to a person: what each full file of it is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// See [`Person::fingerprint`].
    #[serde(with = "hex128")]
    pub fingerprint: u128,
    /// See [`Person::misses`].
    #[serde(default)]
    pub misses: u8,
    /// See [`Person::listed`].
    #[serde(default)]
    pub listed: bool,
    /// See [`Person::elsewhere`].
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub elsewhere: bool,
}

impl Default for Part {
    /// A source that never had a row of somebody.
    fn default() -> Self {
        Self {
            fingerprint: 0,
            misses: 0,
            listed: false,
            elsewhere: true,
        }
    }
}

/// What the owner of an attribute said last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Owned {
    /// Who said it.
    pub source: SourceName,
    /// What; null clears.
    pub value: Value,
}

/// What somebody said became of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceWord {
    /// It is lost or stolen; otherwise it is back in the company.
    pub lost: bool,
    /// When they said so.
    pub at: Timestamp,
}

/// One device of somebody who left, from the cut to the proof that it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what people said and what the target said are facts of their own"
)]
pub struct DeviceCase {
    /// The device as it was at the cut.
    pub device: Device,
    /// What was done to it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub done: BTreeSet<Op>,
    /// People agreed to wipe it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub agreed: bool,
    /// People refused to.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub rejected: bool,
    /// The target wants consent of its own: its code, and whether it was given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub consent: Option<(String, bool)>,
    /// When the target first took a command that it passes on to the device, by what it was.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub sent: BTreeMap<Op, Timestamp>,
    /// How often the wipe was taken.
    #[serde(default)]
    pub attempts: u8,
    /// The target says that what was commanded is on its way.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub pending: bool,
    /// The device was seen to have heard of it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub heard: bool,
    /// The target says that it is done, and that it was us.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub confirmed: bool,
    /// What was said of it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub said: BTreeSet<FindingKind>,
}

impl Person {
    /// The newest word about a device, by whatever of its ids it was said.
    pub fn word_of(&self, device: &Device) -> Option<DeviceWord> {
        let words = self.device_words.iter();
        let about = words.filter(|(id, _)| device.goes_by(id));
        about.map(|(_, word)| *word).max_by_key(|word| word.at)
    }

    /// Whether one of the devices that are known of somebody who left goes by an id.
    pub fn has_device(&self, id: &str) -> bool {
        self.devices.values().any(|case| case.device.goes_by(id))
    }

    /// What was said of the devices that are known was about the exit that they are known of.
    pub fn forget_device_words(&mut self) {
        let cases = &self.devices;
        let known = |id: &str| cases.values().any(|case| case.device.goes_by(id));
        self.device_words.retain(|id, _| !known(id));
    }
}

impl DeviceCase {
    /// Nothing done yet.
    pub const fn new(device: Device) -> Self {
        Self {
            device,
            done: BTreeSet::new(),
            agreed: false,
            rejected: false,
            consent: None,
            sent: BTreeMap::new(),
            attempts: 0,
            pending: false,
            heard: false,
            confirmed: false,
            said: BTreeSet::new(),
        }
    }

    /// When the target first took the wipe.
    pub fn wiped(&self) -> Option<Timestamp> {
        self.sent.get(&Op::DeviceWipe).copied()
    }

    /// A command that nobody says is done: what, and since when.
    pub fn open(&self) -> Option<(Op, Timestamp)> {
        let open = !self.confirmed;
        let first = self.sent.iter().min_by_key(|(_, at)| **at);
        first.filter(|_| open).map(|(op, at)| (*op, *at))
    }
}

/// How far the proof of an exit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofCase {
    /// When the last step of the exit was carried out.
    pub since: Timestamp,
    /// How often everything was read back since then.
    pub rounds: u8,
    /// When it is read back next; `None`: not any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// What came of the last time; `None`: it was not read back yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verdict: Option<ProofVerdict>,
}

/// Everything known of one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about a person, and any may go with any other"
)]
pub struct Person {
    /// The key.
    pub person: PersonKey,
    /// The home source: the one after which keys are hashed, of all persons of a store.
    pub source: SourceName,
    /// The worker id that the account carries, or is to carry.
    pub worker: WorkerId,
    /// Where the account stands.
    pub lifecycle: Lifecycle,
    /// Accepted full files in a row without this worker: 0, 1 or 2.
    pub misses: u8,
    /// The worker stood in the last accepted full file.
    pub listed: bool,
    /// The source in question has no employment of the person: its files prove no absence of them.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub elsewhere: bool,
    /// The source in question, of which fingerprint, misses and the two above are; `None`: the home
    /// source, as everybody is stored. See [`Person::face`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub facing: Option<SourceName>,
    /// The same of the other sources that know the person.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub parts: BTreeMap<SourceName, Part>,
    /// By attribute, what the source that owns it said last.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub owned: BTreeMap<String, Owned>,
    /// Something planned is not done: planned again by the next intake, and by a release from
    /// `due` on.
    pub unfinished: bool,
    /// Plans in a row after which something was not done: how long the next try waits.
    #[serde(default)]
    pub tries: u32,
    /// Kept back by a guard: planned again by the next intake, not by a release.
    pub held: bool,
    /// The guards that keep something back and go by what HR says of somebody: until people agree,
    /// or nothing waits any more, the person counts there whatever HR says meanwhile.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub kept_by: BTreeSet<String>,
    /// Whose account a manager reference waits for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waits_for: Option<WorkerId>,
    /// The fingerprint of the row that was last carried out; 0 = none.
    #[serde(with = "hex128")]
    pub fingerprint: u128,
    /// The earliest instant at which something falls due without HR saying anything new.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// The linked account.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub object: Option<ObjectId>,
    /// Its sign-in name when we last wrote or saw it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<AccountName>,
    /// Attribute values that were applied.
    pub applied: Attributes,
    /// The manager that was applied.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manager: Option<WorkerId>,
    /// Memberships and licences that we gave.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub grants: BTreeMap<Grant, Given>,
    /// The cut that is planned, or was last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cut: Option<PlannedCut>,
    /// The block in force.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub block: Option<Block>,
    /// The newest accepted row after mapping: of several employments, the one whose values count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wanted: Option<Identity>,
    /// The other employments.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub others: Vec<Identity>,
    /// What held before rows whose values begin later.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub until: Vec<Identity>,
    /// Steps to come.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub promised: BTreeSet<Promise>,
    /// What somebody who came was to get with the account, and has not yet.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub owed: BTreeSet<Op>,
    /// The first day that the manager was told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub told: Option<jiff::civil::Date>,
    /// What was done once since the block, and is not repeated; of somebody who was in work when the
    /// first delivery came, also the welcome, which they do not need.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub spent: BTreeSet<Op>,
    /// What the cut took: somebody who stays after all gets it back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub taken: BTreeMap<Grant, Given>,
    /// The same of directory roles.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub taken_roles: BTreeSet<String>,
    /// Later steps are kept back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub parked: BTreeMap<Parking, Parked>,
    /// Devices, once they are somebody's who left.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub devices: BTreeMap<String, DeviceCase>,
    /// What people say became of devices, by the id that they said.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub device_words: BTreeMap<String, DeviceWord>,
    /// The target did not let us see their devices when it came to that: asked again.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub devices_unread: bool,
    /// A sudden end was planned while they were inside, and is not carried out yet: when HR said it first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owed_word: Option<Timestamp>,
    /// Sources whose row of them is not believed (`None`: the home source): until it is, or is gone,
    /// nothing but cuts goes.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub doubted: BTreeSet<Option<SourceName>>,
    /// From when on they were last let in by a first day: what was said before that is history.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub let_in: Option<Timestamp>,
    /// Whether it is proven that they are out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proof: Option<ProofCase>,
    /// When the account went into the bin.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deleted: Option<Timestamp>,
    /// Dismissed, by a notice.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dismissed: Option<Dismissed>,
    /// What a run did was taken back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undone: Option<Undone>,
    /// Counts folds that changed something; part of every action id.
    pub revision: u32,
}

impl Person {
    /// Looked at when it is time to read them back. Whoever waits for people is not: that plan would be made anew each
    /// time, and they agree to one.
    pub fn wake_for_proof(&mut self) {
        let due = self.proof.and_then(|case| case.due);
        if let Some(due) = due.filter(|_| !self.held) {
            self.due = Some(self.due.map_or(due, |other| other.min(due)));
        }
    }

    /// Whether nothing but a look back is what they are due for.
    pub fn due_for_proof(&self) -> bool {
        self.due.is_some() && self.due == self.proof.and_then(|case| case.due)
    }

    /// Whether somebody is as they were, whatever was read back of them meanwhile and whenever that is due
    /// again: no plan for them is void because of that.
    pub fn is_as(&self, before: &Self) -> bool {
        let bare = |person: &Self| {
            let mut person = person.clone();
            person.proof = None;
            person.due = None;
            person.promised.retain(|it| !it.op.proves());
            person
        };
        bare(self) == bare(before)
    }

    /// The account as it went into the bin, by what the state knows; `None` where it is not there.
    pub fn in_bin(&self) -> Option<Account> {
        if self.lifecycle != Lifecycle::Deleted {
            return None;
        }
        Some(Account {
            id: self.object.clone()?,
            enabled: false,
            key: Some(self.worker.as_str().to_owned()),
            name: self.name.clone().unwrap_or_else(|| AccountName::new("")),
            attributes: self.applied.clone(),
            holdings: Some(Box::new(Holdings {
                deleted: self.deleted,
                ..Holdings::default()
            })),
        })
    }

    /// What is kept of somebody whose values are erased: ids, where the account stands, what was given
    /// with it, and the instants of the exit. Nothing is due any more.
    #[must_use]
    pub fn erased(&self) -> Self {
        let parts = self.parts.iter().map(|(source, part)| {
            let part = Part {
                fingerprint: 0,
                ..part.clone()
            };
            (source.clone(), part)
        });
        Self {
            person: self.person.clone(),
            lifecycle: self.lifecycle,
            misses: self.misses,
            listed: self.listed,
            elsewhere: self.elsewhere,
            facing: self.facing.clone(),
            parts: parts.collect(),
            object: self.object.clone(),
            grants: self.grants.clone(),
            cut: self.cut,
            block: self.block,
            spent: self.spent.clone(),
            proof: self.proof.map(|case| ProofCase { due: None, ..case }),
            deleted: self.deleted,
            revision: self.revision,
            ..Self::new(self.source.clone(), self.worker.clone())
        }
    }

    /// Somebody seen for the first time.
    pub fn new(source: SourceName, worker: WorkerId) -> Self {
        Self {
            person: PersonKey::new(worker.as_str()),
            source,
            worker,
            lifecycle: Lifecycle::None,
            misses: 0,
            listed: false,
            elsewhere: false,
            facing: None,
            parts: BTreeMap::new(),
            owned: BTreeMap::new(),
            unfinished: false,
            tries: 0,
            held: false,
            kept_by: BTreeSet::new(),
            waits_for: None,
            fingerprint: 0,
            due: None,
            object: None,
            name: None,
            applied: Attributes::new(),
            manager: None,
            grants: BTreeMap::new(),
            cut: None,
            block: None,
            wanted: None,
            others: Vec::new(),
            until: Vec::new(),
            promised: BTreeSet::new(),
            owed: BTreeSet::new(),
            told: None,
            spent: BTreeSet::new(),
            taken: BTreeMap::new(),
            taken_roles: BTreeSet::new(),
            proof: None,
            parked: BTreeMap::new(),
            device_words: BTreeMap::new(),
            devices: BTreeMap::new(),
            devices_unread: false,
            owed_word: None,
            doubted: BTreeSet::new(),
            let_in: None,
            deleted: None,
            dismissed: None,
            undone: None,
            revision: 0,
        }
    }

    /// The newest accepted rows: the one whose values count first.
    pub fn employments(&self) -> impl Iterator<Item = &Identity> {
        self.wanted.iter().chain(&self.others)
    }

    /// [`key_prefix`] of the worker ids of employments that the account does not carry, ascending.
    pub fn job_keys(&self) -> Vec<u64> {
        let others = self.employments().filter(|job| job.worker != self.worker);
        let keys = others.map(|job| crate::digest::worker_hash(&self.source, &job.worker));
        let mut keys: Vec<u64> = keys.map(key_prefix).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Turns to a source (`None`: the home source): from now on fingerprint, misses and whether
    /// somebody is listed are those of its files.
    pub fn face(&mut self, source: Option<&SourceName>) {
        let to = source.filter(|it| **it != self.source);
        if self.facing.as_ref() == to {
            return;
        }
        let home = self.source.clone();
        let to = to.cloned();
        let next = to.as_ref().unwrap_or(&home);
        let next = self.parts.remove(next).unwrap_or_default();
        let before = Part {
            fingerprint: std::mem::replace(&mut self.fingerprint, next.fingerprint),
            misses: std::mem::replace(&mut self.misses, next.misses),
            listed: std::mem::replace(&mut self.listed, next.listed),
            elsewhere: std::mem::replace(&mut self.elsewhere, next.elsewhere),
        };
        let from = std::mem::replace(&mut self.facing, to).unwrap_or(home);
        if before != Part::default() {
            self.parts.insert(from, before);
        }
    }

    /// Accepted full files of a source in a row without the person; `None`: of the home source.
    pub fn misses_of(&self, source: Option<&SourceName>) -> u8 {
        if self.facing.as_ref() == source {
            return self.misses;
        }
        let part = self.parts.get(source.unwrap_or(&self.source));
        part.map_or(0, |part| part.misses)
    }

    /// A source has no employment of the person any more.
    pub fn has_nothing(&mut self, source: Option<&SourceName>) {
        if self.facing.as_ref() == source {
            let gone = Part::default();
            (self.fingerprint, self.misses) = (gone.fingerprint, gone.misses);
            (self.listed, self.elsewhere) = (gone.listed, gone.elsewhere);
            return;
        }
        let name = source.unwrap_or(&self.source);
        self.parts.remove(name);
    }

    /// The source whose row counts: an employment beside it is another source's word.
    pub fn main_source(&self) -> Option<SourceName> {
        self.wanted.as_ref().and_then(|it| it.source.clone())
    }

    /// The hot facts.
    pub fn hot(&self) -> Hot {
        Hot {
            // The person's, not the worker's: that one may change.
            key: crate::digest::worker_hash(&self.source, &WorkerId::new(self.person.as_str())),
            fingerprint: self.fingerprint,
            due: self.due,
            lifecycle: self.lifecycle,
            misses: self.misses,
            listed: self.listed,
            elsewhere: self.elsewhere,
            unfinished: self.unfinished,
            held: self.held,
            worker: key_prefix(crate::digest::worker_hash(&self.source, &self.worker)),
            waits_for: self.waits_for.as_ref().map_or(0, |manager| {
                key_prefix(crate::digest::worker_hash(&self.source, manager))
            }),
        }
    }
}

/// What is read of everybody on every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about a person, and any may go with any other"
)]
pub struct Hot {
    /// [`crate::digest::worker_hash`] of the person's key.
    pub key: u128,
    /// See [`Person::fingerprint`].
    pub fingerprint: u128,
    /// See [`Person::due`].
    pub due: Option<Timestamp>,
    /// See [`Person::lifecycle`].
    pub lifecycle: Lifecycle,
    /// See [`Person::misses`].
    pub misses: u8,
    /// See [`Person::listed`].
    pub listed: bool,
    /// See [`Person::elsewhere`].
    pub elsewhere: bool,
    /// See [`Person::unfinished`].
    pub unfinished: bool,
    /// See [`Person::held`].
    pub held: bool,
    /// [`key_prefix`] of the worker id that the account carries: that of `key`, where HR gives
    /// people no key of their own.
    pub worker: u64,
    /// [`key_prefix`] of the manager whom a reference waits for; 0 = nobody.
    pub waits_for: u64,
}

/// Persons by the worker ids of their accounts and employments, where those are not their keys.
#[derive(Debug, Clone, Default)]
pub struct Workers(Vec<(u64, u32)>);

impl Workers {
    /// Of a state; `jobs` are places in it with [`Person::job_keys`].
    pub fn of(state: &[Hot], jobs: impl IntoIterator<Item = (usize, u64)>) -> Self {
        let others = state.iter().enumerate();
        let others = others.filter(|(_, hot)| hot.worker != key_prefix(hot.key));
        let others = others.map(|(at, hot)| (at, hot.worker));
        let mut out: Vec<(u64, u32)> = others
            .chain(jobs)
            .filter_map(|(at, worker)| Some((worker, u32::try_from(at).ok()?)))
            .collect();
        out.sort_unstable();
        out.dedup();
        Self(out)
    }

    /// The persons of a worker id, each once, as places in the state; mostly one.
    pub fn find<'a>(&'a self, state: &'a [Hot], prefix: u64) -> impl Iterator<Item = usize> + 'a {
        let from = state.partition_point(|hot| key_prefix(hot.key) < prefix);
        let same = state[from..]
            .iter()
            .take_while(move |hot| key_prefix(hot.key) == prefix)
            .enumerate()
            .filter(move |(_, hot)| hot.worker == prefix)
            .map(move |(at, _)| from + at);
        let other = self.0.partition_point(|(worker, _)| *worker < prefix);
        let others = self.0[other..]
            .iter()
            .take_while(move |(worker, _)| *worker == prefix)
            .filter_map(|(_, at)| usize::try_from(*at).ok());
        same.chain(others)
    }
}

/// The upper half of a key: enough to find somebody, small enough to keep for everybody. Two
/// persons who share one are only looked at more often.
pub fn key_prefix(key: u128) -> u64 {
    u64::try_from(key >> 64).unwrap_or(u64::MAX)
}

/// Whether somebody with this worker id has an account that we manage. `state` is ascending by
/// key.
pub fn account_behind(state: &[Hot], workers: &Workers, prefix: u64) -> bool {
    workers.find(state, prefix).any(|at| state[at].managed())
}

impl Hot {
    /// Whether the person has an account that we manage: what budgets take their percent of.
    pub fn managed(&self) -> bool {
        self.lifecycle != Lifecycle::None
    }

    /// The same facts as a source stands to the person; see [`Person::face`].
    pub fn turn(&mut self, part: &Part) {
        self.fingerprint = part.fingerprint;
        self.misses = part.misses;
        self.listed = part.listed;
        self.elsewhere = part.elsewhere;
    }
}

/// 128-bit hashes as 32 hexadecimal digits in JSON.
pub mod hex128 {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    /// Writes.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &u128, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{value:032x}"))
    }

    /// Reads.
    ///
    /// # Errors
    /// When the text is not hexadecimal.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        let text = String::deserialize(from)?;
        u128::from_str_radix(&text, 16).map_err(|_| D::Error::custom("not a 128-bit hash"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one source's files say never gets mixed up with another's.
    #[test]
    fn each_source_is_compared_with_its_own_files() {
        let (home, other) = (SourceName::new("hr"), SourceName::new("agency"));
        let mut person = Person::new(home.clone(), WorkerId::new("7"));
        person.fingerprint = 5;
        person.listed = true;
        let before = person.clone();
        person.face(Some(&other));
        assert!(person.elsewhere && !person.listed && person.fingerprint == 0);
        let turned = person.clone();
        person.face(Some(&other));
        assert_eq!(person, turned);
        person.elsewhere = false;
        person.misses = 1;
        person.face(Some(&home));
        assert_eq!(
            (person.fingerprint, person.misses, person.listed),
            (5, 0, true)
        );
        assert_eq!(person.facing, None, "the home source has no other name");
        person.face(Some(&other));
        assert_eq!(
            (person.fingerprint, person.misses, person.listed),
            (0, 1, false)
        );
        person.misses = 0;
        person.elsewhere = true;
        person.face(None);
        assert_eq!(
            person, before,
            "a source that has nobody leaves nothing behind"
        );
    }
}
