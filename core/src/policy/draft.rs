//! Steps before they are sealed, and the reasons that they carry.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::decide::Target;
use super::name_key;
use crate::grants::Granting;
use crate::model::{
    AccountName, ActionId, Asset, Attributes, ObjectId, Op, PersonKey, Value, WorkerId,
};
use crate::state::{BlockCause, Promise};

/// What happened to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeltaKind {
    /// Comes.
    Joiner,
    /// Changes place, job or manager.
    Mover,
    /// Goes.
    Leaver,
    /// Was cut off and is back.
    Rehire,
    /// Goes on in another employment.
    Conversion,
    /// Another attribute changed, or an existing account was linked.
    Update,
    /// Only the schedule changed.
    None,
}

/// Why an action is planned. Reports print it in words; apply never branches on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Reason {
    /// A worker without an account.
    NewWorker,
    /// A worker without an account, and an account that nobody's key is on.
    Matched {
        /// The attribute by which it was found.
        attribute: String,
    },
    /// The first day of work.
    HireDate {
        /// That day.
        date: Date,
    },
    /// Attributes of the account differ from what HR says.
    AttributesChanged {
        /// Their names.
        names: Vec<String>,
    },
    /// HR names a manager that was not written yet.
    ManagerChanged,
    /// HR names none, and that is allowed for this worker.
    ManagerEmpty,
    /// The status says that the worker left.
    StatusInactive,
    /// The last day of work.
    LastDay {
        /// That day, inclusive.
        date: Date,
    },
    /// Dismissed for cause.
    ForCause,
    /// Never came to work.
    NoShow,
    /// Died.
    Deceased,
    /// The hire was called off.
    CalledOff,
    /// A long leave without pay.
    Leave {
        /// Its first day.
        date: Date,
    },
    /// Back from it.
    LeaveOver,
    /// Released from work until the employment ends.
    Garden {
        /// The first day of that.
        date: Date,
    },
    /// The exit is off.
    ExitOff,
    /// A new employment: nothing of the old one comes back.
    OldAccess,
    /// Absent from two accepted full files in a row.
    AbsentTwice,
    /// In force again after a block.
    InForceAgain,
    /// In the file again after a block for absence.
    Reappeared,
    /// The rule of a group or a licence holds for the worker.
    RuleHolds {
        /// What it reads of workers: what changed of that, where anything did.
        names: Vec<String>,
    },
    /// The rule of a group or a licence holds no longer.
    RuleEnded {
        /// What it reads of workers: what changed of that, where anything did.
        names: Vec<String>,
    },
    /// Nobody but whoever leaves answers for something.
    NobodyElse {
        /// What.
        asset: Asset,
    },
    /// A run is taken back.
    Undo {
        /// That run.
        run: String,
        /// What it did.
        op: Op,
        /// By which action.
        action: ActionId,
    },
    /// The file says something else of a group than the target.
    GroupDiffers {
        /// What: `rule`, `name`, `description`, `licences`; nothing of a group that is missing.
        names: Vec<String>,
    },
}

impl Reason {
    /// What kind of block an action with this reason makes, if it makes one.
    pub fn block_cause(&self) -> Option<BlockCause> {
        match self {
            Self::StatusInactive => Some(BlockCause::Status),
            Self::LastDay { .. } => Some(BlockCause::LastDay),
            Self::AbsentTwice => Some(BlockCause::Absence),
            Self::ForCause => Some(BlockCause::ForCause),
            Self::NoShow => Some(BlockCause::NoShow),
            Self::Deceased => Some(BlockCause::Deceased),
            Self::CalledOff => Some(BlockCause::CalledOff),
            Self::Leave { .. } => Some(BlockCause::Leave),
            Self::Garden { .. } => Some(BlockCause::Garden),
            Self::Undo { op, .. } => (*op == Op::UserEnable).then_some(BlockCause::Undone),
            Self::NewWorker
            | Self::Matched { .. }
            | Self::HireDate { .. }
            | Self::AttributesChanged { .. }
            | Self::ManagerChanged
            | Self::ManagerEmpty
            | Self::InForceAgain
            | Self::LeaveOver
            | Self::ExitOff
            | Self::OldAccess
            | Self::Reappeared
            | Self::RuleHolds { .. }
            | Self::RuleEnded { .. }
            | Self::NobodyElse { .. }
            | Self::GroupDiffers { .. } => None,
        }
    }

    /// One short sentence.
    pub fn words(&self) -> String {
        match self {
            Self::NewWorker => "new worker without an account".to_owned(),
            Self::Matched { attribute } => format!(
                "an account without a worker's key has the {attribute} that this worker is to have"
            ),
            Self::HireDate { date } => format!("first day of work is {date}"),
            Self::AttributesChanged { names } => format!("HR changed {}", names.join(", ")),
            Self::ManagerChanged => "HR names this manager".to_owned(),
            Self::ManagerEmpty => "HR names no manager".to_owned(),
            Self::StatusInactive => "status says the worker left".to_owned(),
            Self::LastDay { date } => format!("the last day of work is {date}"),
            Self::AbsentTwice => "absent from two full files in a row".to_owned(),
            Self::ForCause => "dismissed for cause".to_owned(),
            Self::NoShow => "never came to work".to_owned(),
            Self::Deceased => "died".to_owned(),
            Self::CalledOff => "the hire was called off".to_owned(),
            Self::Leave { date } => format!("a long leave without pay begins on {date}"),
            Self::LeaveOver => "back from leave".to_owned(),
            Self::Garden { date } => format!("released from work from {date} on"),
            Self::ExitOff => "the exit is off".to_owned(),
            Self::OldAccess => "access of the old employment".to_owned(),
            Self::InForceAgain => "in force again after a block".to_owned(),
            Self::Reappeared => "in the file again after a block for absence".to_owned(),
            Self::NobodyElse { asset } => {
                format!("nobody else answers for this {}", asset.name())
            }
            Self::Undo { run, op, .. } => format!("takes back {op} of run {run}"),
            Self::RuleHolds { names } => format!("its rule holds{}", by(names)),
            Self::RuleEnded { names } => format!("its rule no longer holds{}", by(names)),
            Self::GroupDiffers { names } if names.is_empty() => "the group is not there".to_owned(),
            Self::GroupDiffers { names } => {
                format!(
                    "the file says something else of its {}",
                    names.join(" and ")
                )
            }
        }
    }
}

fn by(names: &[String]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!(", by {}", names.join(", "))
    }
}

/// One step before it is sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftAction {
    /// What.
    pub op: Op,
    /// When.
    pub due: Timestamp,
    /// Why.
    pub reason: Reason,
    /// By which rule.
    pub rule: String,
    /// What the target has of what is written.
    pub before: Attributes,
    /// What is written.
    pub after: Attributes,
    /// Whose report the person becomes.
    pub manager: Option<WorkerId>,
    /// Who takes over what the person alone answers for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heir: Option<WorkerId>,
    /// What is given or taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granting: Option<Granting>,
    /// What else it needs to be told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
    /// What HR said that its days count from, where that is not its due instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Timestamp>,
}

impl DraftAction {
    /// A step that writes no attribute.
    pub(crate) fn simple(op: Op, due: Timestamp, reason: Reason, rule: &str) -> Self {
        Self {
            op,
            due,
            reason,
            rule: rule.to_owned(),
            before: Attributes::new(),
            after: Attributes::new(),
            manager: None,
            heir: None,
            granting: None,
            args: BTreeMap::new(),
            anchor: None,
        }
    }

    /// The same, with one more fact.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.args.insert(name.to_owned(), value.into());
        self
    }

    /// The same, with its days counted from an instant.
    pub(super) fn from(mut self, anchor: Timestamp) -> Self {
        self.anchor = Some(anchor);
        self
    }

    /// Of what: a grant, a role, a device; empty where the operation says it all.
    pub fn what(&self) -> String {
        if let Some(granting) = &self.granting {
            return granting.grant.to_string();
        }
        let names = ["device", "role", "app", "id"];
        let mut named = names.iter().filter_map(|name| self.args.get(*name));
        named.next().cloned().unwrap_or_default()
    }

    /// As the state remembers it until it goes.
    pub fn promise(&self) -> Promise {
        Promise {
            op: self.op,
            what: self.what(),
            anchor: self.anchor.unwrap_or(self.due),
            exit: self.reason.block_cause().is_some(),
        }
    }
}

/// The steps of one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// Whose.
    pub person: PersonKey,
    /// The worker record.
    pub worker: WorkerId,
    /// What happened.
    pub delta: DeltaKind,
    /// The account that was seen.
    pub object: Option<ObjectId>,
    /// Due, in order.
    pub actions: Vec<DraftAction>,
    /// Not due yet, in order.
    pub scheduled: Vec<DraftAction>,
    /// Names that the new account may get where another draft takes its own, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_names: Vec<AccountName>,
    /// The sign-in name of the account that it takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<AccountName>,
    /// The workflow that holds for the person; `None`: what holds for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
}

impl Draft {
    /// Every step, due or not.
    pub fn steps(&self) -> impl Iterator<Item = &DraftAction> {
        self.actions.iter().chain(&self.scheduled)
    }

    /// Whether a manager is to be set, now or later.
    pub fn sets_manager(&self) -> bool {
        self.steps().any(|a| a.op == Op::UserSetManager)
    }

    /// Gives the new account another sign-in name.
    pub fn rename(&mut self, name: &AccountName, target: &Target) {
        let steps = self.actions.iter_mut().chain(&mut self.scheduled);
        for step in steps.filter(|step| step.op == Op::UserCreate) {
            call(&mut step.after, name, target);
        }
    }

    /// The sign-in name that this draft creates an account with, or takes one over by.
    pub fn new_name(&self, target: &Target) -> Option<String> {
        if let Some(name) = &self.adopted {
            return Some(name_key(name.reveal()));
        }
        self.steps()
            .find(|a| a.op == Op::UserCreate)
            .and_then(|a| a.after.get(&target.name_attribute)?.as_text().map(name_key))
    }
}

/// Gives what is written another sign-in name; an alias that was made of the first follows.
pub(super) fn call(after: &mut Attributes, name: &AccountName, target: &Target) {
    let local = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
    let before = after.insert(target.name_attribute.clone(), Value::text(name.reveal()));
    let before = before.as_ref().and_then(Value::as_text).map(local);
    if let Some(alias) = after.get_mut(&target.alias_attribute)
        && before.as_deref() == alias.as_text()
    {
        *alias = Value::text(local(name.reveal()));
    }
}
