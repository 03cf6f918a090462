//! From one person's facts to the steps that are due now and later.
//!
//! The heart of the spine: a pure function of the newest row, the state, the tenant's answer and
//! the instant. What is scheduled is not stored as such: the same function, called again when
//! the next step is due, gives it again from the newest accepted data.
//! Invariant: whatever is in doubt is held with a finding; doubt never becomes a leaver.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::{Policy, StatusClass};
use crate::model::{
    Account, AccountName, Attributes, Finding, FindingKind, Lookup, ObjectId, Op, PersonKey, Place,
    Severity, Value, WorkerId, text_shape,
};
use crate::state::{BlockCause, Identity, Lifecycle, Person};

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
    /// HR names another manager.
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
    /// Absent from two accepted full files in a row.
    AbsentTwice,
    /// In force again after a block.
    InForceAgain,
    /// In the file again after a block for absence.
    Reappeared,
}

impl Reason {
    /// What kind of block an action with this reason makes, if it makes one.
    pub fn block_cause(&self) -> Option<BlockCause> {
        match self {
            Self::StatusInactive => Some(BlockCause::Status),
            Self::LastDay { .. } => Some(BlockCause::LastDay),
            Self::AbsentTwice => Some(BlockCause::Absence),
            Self::NewWorker
            | Self::HireDate { .. }
            | Self::AttributesChanged { .. }
            | Self::ManagerChanged
            | Self::ManagerEmpty
            | Self::InForceAgain
            | Self::Reappeared => None,
        }
    }

    /// One short sentence.
    pub fn words(&self) -> String {
        match self {
            Self::NewWorker => "new worker without an account".to_owned(),
            Self::HireDate { date } => format!("first day of work is {date}"),
            Self::AttributesChanged { names } => format!("HR changed {}", names.join(", ")),
            Self::ManagerChanged => "HR names another manager".to_owned(),
            Self::ManagerEmpty => "HR names no manager".to_owned(),
            Self::StatusInactive => "status says the worker left".to_owned(),
            Self::LastDay { date } => format!("last day of work was {date}"),
            Self::AbsentTwice => "absent from two full files in a row".to_owned(),
            Self::InForceAgain => "in force again after a block".to_owned(),
            Self::Reappeared => "in the file again after a block for absence".to_owned(),
        }
    }
}

/// What the newest accepted data say of a worker.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// A row that is believed.
    Row {
        /// Row as a spreadsheet counts.
        row: u32,
        /// Its fingerprint.
        fingerprint: u128,
        /// What the mapping made of it.
        identity: Identity,
        /// Its attributes are believed too, not only key, status and dates.
        sound: bool,
    },
    /// The key is there, its values are not believed.
    Held,
    /// An accepted full file does not list the worker.
    Absent,
    /// Nothing new was said; the newest accepted row stands in the state.
    Before,
}

/// One person to decide about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What is known; [`Person::new`] for somebody seen for the first time.
    pub person: Person,
    /// What the newest data say.
    pub seen: Seen,
}

impl Subject {
    /// The row that a decision would follow.
    pub fn identity(&self) -> Option<&Identity> {
        match &self.seen {
            Seen::Row { identity, .. } => Some(identity),
            Seen::Before => self.person.wanted.as_ref(),
            Seen::Held | Seen::Absent => None,
        }
    }

    /// What the target has to be asked first: the linked account, or whoever carries the key and
    /// whoever has the wanted name.
    pub fn questions(&self, target: &Target) -> Vec<Lookup> {
        if let Some(object) = &self.person.object {
            return vec![Lookup::Id(object.clone())];
        }
        let Some(identity) = self.identity() else {
            return Vec::new();
        };
        let mut out = vec![Lookup::Key(identity.worker.as_str().to_owned())];
        out.extend(wanted_name(identity, target).map(Lookup::Name));
        out
    }
}

/// What has to be known of the kind of target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The attribute that carries the worker key (`employeeId`).
    pub key_attribute: String,
    /// The attribute that is the sign-in name (`userPrincipalName`).
    pub name_attribute: String,
}

/// What holds for all persons of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The plan's instant.
    pub now: Timestamp,
    /// The policy.
    pub policy: &'a Policy,
    /// The target.
    pub target: &'a Target,
    /// No intake was ever accepted: whoever is in it did not join late.
    pub first_load: bool,
    /// The newest accepted intake is too old: only dated cuts go.
    pub stale: bool,
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
}

impl Draft {
    /// The sign-in name that this draft creates an account with.
    pub fn new_name(&self, target: &Target) -> Option<String> {
        self.actions
            .iter()
            .chain(&self.scheduled)
            .find(|a| a.op == Op::UserCreate)
            .and_then(|a| a.after.get(&target.name_attribute)?.as_text().map(name_key))
    }
}

/// What was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The steps, if any.
    pub draft: Option<Draft>,
    /// The person as it stands if nothing is carried out; each carried-out action is folded in.
    pub person: Person,
    /// What a person should know.
    pub findings: Vec<Finding>,
    /// Nothing was planned because of a doubt.
    pub held: bool,
}

/// How two sign-in names are compared: NFC, without regard to case.
pub fn name_key(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    name.nfc().collect::<String>().to_lowercase()
}

/// Decides. `answers` are the target's, in the order of [`Subject::questions`].
pub fn decide(subject: Subject, answers: &[Vec<Account>], cx: &Context<'_>) -> Decision {
    let Subject { mut person, seen } = subject;
    let mut findings = Vec::new();
    let mut row = None;
    let mut doubt = false;
    let identity = match seen {
        Seen::Row {
            row: at,
            fingerprint,
            identity,
            sound,
        } => {
            row = Some(at);
            doubt = !sound;
            person.fingerprint = fingerprint;
            person.misses = 0;
            person.listed = true;
            if sound {
                identity
            } else {
                with_known_attributes(identity, &person)
            }
        }
        Seen::Held => {
            person.misses = 0;
            person.listed = true;
            return Decision {
                draft: None,
                person,
                findings,
                held: true,
            };
        }
        Seen::Absent => return absent(person, answers, cx),
        Seen::Before => match person.wanted.clone() {
            Some(identity) => identity,
            None => {
                return Decision {
                    draft: None,
                    person,
                    findings,
                    held: false,
                };
            }
        },
    };
    let mut desk = Desk {
        cx,
        row,
        person,
        findings: std::mem::take(&mut findings),
    };
    let mut draft = desk.work(identity, answers);
    let Desk {
        mut person,
        findings,
        ..
    } = desk;
    if doubt && let Some(some) = &mut draft {
        // The row is held, but nobody stays inside because a phone number is odd.
        some.actions.retain(|a| a.op.cut());
        some.scheduled.retain(|a| a.op.cut());
        draft = draft.filter(|d| !d.actions.is_empty() || !d.scheduled.is_empty());
    }
    let mut findings = findings;
    if doubt {
        // What is missing because attributes were set aside is not worth a second finding.
        findings.retain(|f| f.kind != FindingKind::RequiredMissing);
    }
    let held = doubt || findings.iter().any(|f| f.severity == Severity::Held);
    if held {
        // The row is looked at again next time, and the last good one stays in force.
        person.fingerprint = 0;
    }
    Decision {
        draft,
        person,
        findings,
        held,
    }
}

/// The facts of a row whose attributes are in doubt, with the attributes of the last good one.
fn with_known_attributes(row: Identity, person: &Person) -> Identity {
    let known = person.wanted.as_ref();
    Identity {
        always: known.map(|k| k.always.clone()).unwrap_or_default(),
        on_create: known.map(|k| k.on_create.clone()).unwrap_or_default(),
        ..row
    }
}

/// The second accepted full file in a row without the worker cuts off; the first is reported.
fn absent(mut person: Person, answers: &[Vec<Account>], cx: &Context<'_>) -> Decision {
    let was_listed = std::mem::replace(&mut person.listed, false);
    let done = |person, findings| Decision {
        draft: None,
        person,
        findings,
        held: false,
    };
    let open = matches!(person.lifecycle, Lifecycle::Created | Lifecycle::Active);
    if !open {
        // Nobody to cut off: a worker who left, or never had an account, may leave the file.
        person.due = None;
        person.fingerprint = 0;
        return done(person, Vec::new());
    }
    if was_listed || person.misses == 0 {
        person.misses = 1;
        let note = "in no row of this full file; nothing is done unless the next accepted full \
                    file misses the worker too";
        let finding = Finding::new(
            FindingKind::MissingOnce,
            Severity::Warning,
            Place::default(),
            note,
        );
        let finding = finding.of(&person.worker);
        return done(person, vec![finding]);
    }
    person.misses = 2;
    if !cx.policy.absence.second_miss_disables {
        return done(person, Vec::new());
    }
    let worker = person.worker.clone();
    let mut desk = Desk {
        cx,
        row: None,
        person,
        findings: Vec::new(),
    };
    let Some(account) = desk.linked(answers) else {
        let Desk {
            person, findings, ..
        } = desk;
        return Decision {
            draft: None,
            person,
            findings,
            held: true,
        };
    };
    let cut = Cut {
        due: cx.now,
        cause: BlockCause::Absence,
        reason: Reason::AbsentTwice,
    };
    let actions = cut_actions(&account, &cut, "absence.second");
    desk.find(
        FindingKind::MissingDisabled,
        Severity::Warning,
        None,
        "in no row of two full files in a row; disabled and signed out, nothing else",
    );
    let Desk {
        mut person,
        findings,
        ..
    } = desk;
    person.due = None;
    let draft = Draft {
        person: person.person.clone(),
        worker,
        delta: DeltaKind::Leaver,
        object: Some(account.id),
        actions,
        scheduled: Vec::new(),
    };
    Decision {
        draft: Some(draft),
        person,
        findings,
        held: false,
    }
}

/// What there is to work on.
enum Found {
    /// No account.
    Nothing,
    /// The account.
    One(Account),
    /// Several, gone, or carrying another key: held, with a finding.
    InDoubt,
}

/// When and why somebody is cut off.
struct Cut {
    due: Timestamp,
    cause: BlockCause,
    reason: Reason,
}

/// One person on the desk, with everything that is needed to decide.
struct Desk<'a> {
    cx: &'a Context<'a>,
    row: Option<u32>,
    person: Person,
    findings: Vec<Finding>,
}

impl Desk<'_> {
    fn find(
        &mut self,
        kind: FindingKind,
        severity: Severity,
        column: Option<&str>,
        note: impl Into<String>,
    ) {
        let at = Place {
            row: self.row,
            line: None,
            column: column.map(str::to_owned),
        };
        self.findings
            .push(Finding::new(kind, severity, at, note).of(&self.person.worker));
    }

    fn work(&mut self, identity: Identity, answers: &[Vec<Account>]) -> Option<Draft> {
        let cx = self.cx;
        let class = cx.policy.class(&identity.status);
        if class == StatusClass::Unknown {
            self.find(
                FindingKind::StatusUnknown,
                Severity::Held,
                None,
                format!(
                    "status {} is in neither list of the policy; add it to `status.active` or \
                     `status.inactive`",
                    text_shape(&identity.status)
                ),
            );
            return None;
        }
        let zone = self.zone(&identity)?;
        let cut = self.cut(&identity, class, &zone);
        let account = match self.account(&identity, answers) {
            Found::Nothing => None,
            Found::One(account) => Some(account),
            Found::InDoubt => return None,
        };
        let steps = match (&cut, account) {
            (Some(cut), account) if cut.due <= cx.now => self.leaver(cut, account, class),
            (cut, None) => self.joiner(&identity, &zone, cut.as_ref(), answers),
            (cut, Some(account)) => Some(self.stayer(&identity, &zone, cut.as_ref(), account)),
        };
        self.person.wanted = Some(identity);
        let (delta, object, steps) = steps?;
        self.split(delta, object, steps)
    }

    /// Steps that are due go now, the others later; the earliest of those is remembered.
    fn split(
        &mut self,
        delta: DeltaKind,
        object: Option<ObjectId>,
        steps: Vec<DraftAction>,
    ) -> Option<Draft> {
        let cx = self.cx;
        let (actions, scheduled): (Vec<_>, Vec<_>) = steps
            .into_iter()
            .partition(|s| s.due <= cx.now && (!cx.stale || s.op.cut()));
        self.person.due = scheduled.iter().map(|s| s.due).min();
        if actions.is_empty() && scheduled.is_empty() {
            return None;
        }
        Some(Draft {
            person: self.person.person.clone(),
            worker: self.person.worker.clone(),
            delta,
            object,
            actions,
            scheduled,
        })
    }

    fn zone(&mut self, identity: &Identity) -> Option<TimeZone> {
        let dated = identity.hire.is_some() || identity.last_day.is_some();
        let name = match (&identity.zone, &self.cx.policy.default_zone) {
            (Some(zone), _) | (None, Some(zone)) => zone.clone(),
            (None, None) => {
                if dated {
                    self.find(
                        FindingKind::TzAssumed,
                        Severity::Info,
                        None,
                        "no time zone in the row and none in the policy: UTC; set `default_zone`",
                    );
                }
                "UTC".to_owned()
            }
        };
        if let Ok(zone) = jiff::tz::db().get(&name) {
            return Some(zone);
        }
        self.find(
            FindingKind::ZoneUnknown,
            Severity::Held,
            None,
            format!(
                "time zone {} is not in the IANA database",
                text_shape(&name)
            ),
        );
        None
    }

    /// Dates decide, not the flip of the status; without a date an inactive status is at once.
    fn cut(&self, identity: &Identity, class: StatusClass, zone: &TimeZone) -> Option<Cut> {
        if let Some(date) = identity.last_day {
            let due = day_start(date.saturating_add(1.day()), zone);
            return Some(Cut {
                due,
                cause: BlockCause::LastDay,
                reason: Reason::LastDay { date },
            });
        }
        match class {
            StatusClass::Active | StatusClass::Unknown => None,
            StatusClass::Inactive => {
                let due = match self.person.block {
                    Some(block) if self.person.lifecycle == Lifecycle::Blocked => block.due,
                    Some(_) | None => self.cx.now,
                };
                Some(Cut {
                    due,
                    cause: BlockCause::Status,
                    reason: Reason::StatusInactive,
                })
            }
        }
    }

    /// The account to work on.
    fn account(&mut self, identity: &Identity, answers: &[Vec<Account>]) -> Found {
        if self.person.object.is_some() {
            return self.linked(answers).map_or(Found::InDoubt, Found::One);
        }
        match answers.first().map_or(&[][..], Vec::as_slice) {
            [] => Found::Nothing,
            [account] => {
                self.person.object = Some(account.id.clone());
                self.person.name = Some(account.name.clone());
                Found::One(account.clone())
            }
            several => {
                self.find(
                    FindingKind::AccountAmbiguous,
                    Severity::Held,
                    None,
                    format!(
                        "{} accounts in the tenant carry {} {}; leave it on one of them",
                        several.len(),
                        self.cx.target.key_attribute,
                        identity.worker
                    ),
                );
                Found::InDoubt
            }
        }
    }

    /// The account that state links; gone or carrying another key is a doubt.
    fn linked(&mut self, answers: &[Vec<Account>]) -> Option<Account> {
        let account = answers.first().and_then(|found| found.first()).cloned();
        match account {
            Some(account)
                if account
                    .key
                    .as_deref()
                    .is_none_or(|k| k == self.person.worker.as_str()) =>
            {
                Some(account)
            }
            Some(_) => {
                let note = format!(
                    "the linked account now carries another {}; nothing is written to it",
                    self.cx.target.key_attribute
                );
                self.find(FindingKind::AccountGone, Severity::Held, None, note);
                None
            }
            None => {
                let note = "the linked account is no longer in the tenant; restore it, or find \
                            out who deleted it";
                self.find(FindingKind::AccountGone, Severity::Held, None, note);
                None
            }
        }
    }

    fn leaver(&mut self, cut: &Cut, account: Option<Account>, class: StatusClass) -> Steps {
        let Some(account) = account else {
            let why = match class {
                StatusClass::Inactive | StatusClass::Unknown => "inactive",
                StatusClass::Active => "past the last day",
            };
            self.find(
                FindingKind::NeverProvisioned,
                Severity::Info,
                None,
                format!("{why} and without an account: nothing to do"),
            );
            return None;
        };
        if self.person.lifecycle == Lifecycle::Blocked && !account.enabled {
            return None;
        }
        let rule = match cut.cause {
            BlockCause::Status => "leaver.status",
            BlockCause::LastDay => "leaver.last_day",
            BlockCause::Absence => "absence.second",
        };
        let steps = cut_actions(&account, cut, rule);
        Some((DeltaKind::Leaver, Some(account.id), steps))
    }

    fn joiner(
        &mut self,
        identity: &Identity,
        zone: &TimeZone,
        cut: Option<&Cut>,
        answers: &[Vec<Account>],
    ) -> Steps {
        let cx = self.cx;
        let Some(name) = wanted_name(identity, cx.target) else {
            self.find(
                FindingKind::RequiredMissing,
                Severity::Held,
                None,
                format!("the mapping gives no {}", cx.target.name_attribute),
            );
            return None;
        };
        if answers.get(1).is_some_and(|taken| !taken.is_empty()) {
            self.find(
                FindingKind::NameTaken,
                Severity::Held,
                None,
                format!(
                    "the wanted {} belongs to an account without {} {}; set it there to adopt \
                     the account, or change the name",
                    cx.target.name_attribute, cx.target.key_attribute, identity.worker
                ),
            );
            return None;
        }
        let now = cx.now;
        let (create, start, start_reason) = match identity.hire {
            None => (now, now, Reason::NewWorker),
            Some(date) => {
                let days = i64::from(cx.policy.joiner.create_days);
                let create = day_start(date.saturating_sub(days.days()), zone);
                let start = day_start(date, zone);
                if start < now && !cx.first_load && self.person.lifecycle == Lifecycle::None {
                    self.find(
                        FindingKind::LateHire,
                        Severity::Info,
                        None,
                        format!("first seen after the first day of work, {date}"),
                    );
                }
                (create.max(now), start.max(now), Reason::HireDate { date })
            }
        };
        let mut after: Attributes = identity
            .always
            .iter()
            .chain(&identity.on_create)
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        after.insert(cx.target.name_attribute.clone(), Value::text(name.reveal()));
        after.insert(
            cx.target.key_attribute.clone(),
            Value::text(identity.worker.as_str()),
        );
        let mut steps = vec![DraftAction {
            op: Op::UserCreate,
            due: create,
            reason: Reason::NewWorker,
            rule: "joiner.create".to_owned(),
            before: Attributes::new(),
            after,
            manager: None,
        }];
        steps.extend(self.manager(identity, create, "joiner.manager"));
        steps.push(simple(Op::UserEnable, start, start_reason, "joiner.enable"));
        later_cut(&mut steps, cut);
        Some((DeltaKind::Joiner, None, steps))
    }

    fn stayer(
        &mut self,
        identity: &Identity,
        zone: &TimeZone,
        cut: Option<&Cut>,
        account: Account,
    ) -> (DeltaKind, Option<ObjectId>, Vec<DraftAction>) {
        let cx = self.cx;
        let now = cx.now;
        let linked_before = self.person.lifecycle != Lifecycle::None;
        let blocked = self.person.lifecycle == Lifecycle::Blocked;
        let mut steps = Vec::new();
        if blocked && !account.enabled {
            let absence = self
                .person
                .block
                .is_some_and(|block| block.cause == BlockCause::Absence);
            let reason = if absence {
                Reason::Reappeared
            } else {
                Reason::InForceAgain
            };
            if absence {
                self.find(
                    FindingKind::Reappeared,
                    Severity::Warning,
                    None,
                    "in the file again after a block for absence: enabled",
                );
            }
            steps.push(simple(
                Op::UserEnable,
                now,
                reason,
                "leaver_reversed.enable",
            ));
        }
        let (before, after): (Attributes, Attributes) = identity
            .always
            .iter()
            .filter(|(name, _)| **name != cx.target.key_attribute)
            .filter_map(|(name, wanted)| {
                let has = account.attributes.get(name).cloned().unwrap_or_default();
                (has != *wanted).then(|| ((name.clone(), has), (name.clone(), wanted.clone())))
            })
            .unzip();
        let mut moved = false;
        if !after.is_empty() {
            let names: Vec<String> = after.keys().cloned().collect();
            moved |= names.iter().any(|n| cx.policy.mover.attributes.contains(n));
            steps.push(DraftAction {
                op: Op::UserUpdate,
                due: now,
                reason: Reason::AttributesChanged { names },
                rule: "mover.update".to_owned(),
                before,
                after,
                manager: None,
            });
        }
        if let Some(step) = self.manager(identity, now, "mover.manager") {
            moved |= linked_before && cx.policy.mover.attributes.iter().any(|a| a == "manager");
            steps.push(step);
        }
        if self.person.lifecycle == Lifecycle::Created {
            let (start, reason) = match identity.hire {
                Some(date) => (day_start(date, zone).max(now), Reason::HireDate { date }),
                None => (now, Reason::NewWorker),
            };
            steps.push(simple(Op::UserEnable, start, reason, "joiner.enable"));
        } else if !account.enabled && !blocked {
            self.find(
                FindingKind::AccountDisabledElsewhere,
                Severity::Warning,
                None,
                "in force, but the account is disabled and not by us; it is left so",
            );
        }
        later_cut(&mut steps, cut);
        let delta = if blocked {
            DeltaKind::Rehire
        } else if self.person.lifecycle == Lifecycle::Created && steps.iter().any(|s| s.op.gives())
        {
            DeltaKind::Joiner
        } else if moved && linked_before {
            DeltaKind::Mover
        } else if steps.iter().any(|s| !s.op.cut()) {
            DeltaKind::Update
        } else if steps.is_empty() {
            DeltaKind::None
        } else {
            DeltaKind::Leaver
        };
        if self.person.lifecycle == Lifecycle::None {
            // Adopted: nothing was made, but from now on the account is ours to keep in step.
            self.person.lifecycle = Lifecycle::Active;
        }
        self.person.object = Some(account.id.clone());
        self.person.name = Some(account.name);
        (delta, Some(account.id), steps)
    }

    fn manager(&mut self, identity: &Identity, due: Timestamp, rule: &str) -> Option<DraftAction> {
        let wanted = identity.manager.as_ref();
        match wanted {
            Some(manager) if *manager == identity.worker => {
                self.find(
                    FindingKind::ManagerIsSelf,
                    Severity::Warning,
                    None,
                    "the worker is their own manager; the manager is left as it is",
                );
                None
            }
            Some(manager) if self.person.manager.as_ref() == Some(manager) => None,
            Some(manager) => Some(DraftAction {
                manager: Some(manager.clone()),
                ..simple(Op::UserSetManager, due, Reason::ManagerChanged, rule)
            }),
            None => {
                let allowed = self
                    .cx
                    .policy
                    .managers
                    .no_manager_ok
                    .iter()
                    .any(|w| w == identity.worker.as_str());
                (allowed && self.person.manager.is_some())
                    .then(|| simple(Op::UserClearManager, due, Reason::ManagerEmpty, rule))
            }
        }
    }
}

/// Disable, then revoke: a token revoked before the block could be renewed.
fn cut_actions(account: &Account, cut: &Cut, rule: &str) -> Vec<DraftAction> {
    let step = |op| DraftAction {
        op,
        due: cut.due,
        reason: cut.reason.clone(),
        rule: rule.to_owned(),
        before: Attributes::new(),
        after: Attributes::new(),
        manager: None,
    };
    let disable = account.enabled.then(|| step(Op::UserDisable));
    disable
        .into_iter()
        .chain([step(Op::UserRevokeSessions)])
        .collect()
}

/// A cut in the future is part of the schedule from the day it is known.
fn later_cut(steps: &mut Vec<DraftAction>, cut: Option<&Cut>) {
    if let Some(cut) = cut {
        for op in [Op::UserDisable, Op::UserRevokeSessions] {
            steps.push(simple(op, cut.due, cut.reason.clone(), "leaver.last_day"));
        }
    }
}

type Steps = Option<(DeltaKind, Option<ObjectId>, Vec<DraftAction>)>;

fn simple(op: Op, due: Timestamp, reason: Reason, rule: &str) -> DraftAction {
    DraftAction {
        op,
        due,
        reason,
        rule: rule.to_owned(),
        before: Attributes::new(),
        after: Attributes::new(),
        manager: None,
    }
}

/// The first instant of a day at a place; where 00:00 is skipped, the first instant after.
fn day_start(date: Date, zone: &TimeZone) -> Timestamp {
    zone.to_ambiguous_zoned(date.at(0, 0, 0, 0))
        .compatible()
        .map_or_else(
            |_| {
                if date.year() > 0 {
                    Timestamp::MAX
                } else {
                    Timestamp::MIN
                }
            },
            |z| z.timestamp(),
        )
}

fn wanted_name(identity: &Identity, target: &Target) -> Option<AccountName> {
    let name = &target.name_attribute;
    let value = identity
        .on_create
        .get(name)
        .or_else(|| identity.always.get(name))?;
    value
        .as_text()
        .filter(|t| !t.is_empty())
        .map(AccountName::new)
}
