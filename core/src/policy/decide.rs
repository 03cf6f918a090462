//! From one person's facts to the steps that are due now and later.
//!
//! The heart of the spine: a pure function of the newest row, the state, the tenant's answer and
//! the instant. What is scheduled is not stored as such: the same function, called again when
//! the next step is due, gives it again from the newest accepted data.
//! Invariant: whatever is in doubt is held with a finding; doubt never becomes a leaver.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Policy;
use super::desk::{Desk, Found};
use super::draft::{DeltaKind, Draft, Reason};
use crate::grants::Belongs;
use crate::groups::{Catalogue, Groups};
use crate::model::{Account, AccountName, Finding, FindingKind, Lookup, Severity};
use crate::state::{BlockCause, Cut, Identity, Lifecycle, Person};

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
        identity: Box<Identity>,
        /// Its attributes are believed too, not only key, status and dates.
        sound: bool,
    },
    /// The key is there, its values are not believed.
    Held,
    /// An accepted full file does not list the worker.
    Absent,
    /// Nothing new was said; the newest accepted row stands in the state. Of somebody whom the
    /// newest full file misses it counts for cuts only.
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

    /// The sign-in name that the newest data ask for, believed or not.
    pub fn wanted_name(&self, target: &Target) -> Option<AccountName> {
        wanted_name(self.identity()?, target)
    }

    /// What the target has to be asked first: the linked account, or whoever carries the key and
    /// whoever has the wanted name, or one of those to take instead.
    pub fn questions(&self, target: &Target) -> Vec<Lookup> {
        if let Some(object) = &self.person.object {
            return vec![Lookup::Id(object.clone())];
        }
        let Some(identity) = self.identity() else {
            let key = Lookup::Key(self.person.worker.as_str().to_owned());
            let asked = matches!(self.seen, Seen::Absent) && self.person.unfinished;
            return asked.then_some(key).into_iter().collect();
        };
        if identity.out_of_scope && !self.person.unfinished {
            return Vec::new();
        }
        let mut out = vec![Lookup::Key(identity.worker.as_str().to_owned())];
        out.extend(wanted_name(identity, target).map(Lookup::Name));
        out.extend(identity.other_names.iter().cloned().map(Lookup::Name));
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
    /// The attribute that often is what stands before the `@` of it (`mailNickname`).
    pub alias_attribute: String,
}

/// How the account of somebody new is found: the mapping says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matching {
    /// By the worker key that it carries.
    #[default]
    Key,
    /// By that, or else by the wanted sign-in name where it carries no key.
    KeyThenName,
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
    /// How the account of somebody new is found.
    pub matching: Matching,
    /// The rows are those of a whole roster: only such files count misses, and end them.
    pub full: bool,
    /// What Rollcall gives itself; `None` where that is nothing.
    pub grants: Option<GrantTerms<'a>>,
}

/// What Rollcall gives itself.
#[derive(Debug, Clone, Copy)]
pub struct GrantTerms<'a> {
    /// How it is defined.
    pub groups: &'a Groups,
    /// What the target says of licences.
    pub catalogue: &'a Catalogue,
    /// Keys of groups that the target does not have any more: nobody is in them.
    pub missing: &'a BTreeSet<String>,
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

/// Decides. `answers` are the target's, in the order of [`Subject::questions`]; `belongs` is what
/// the rules give [`Subject::identity`].
pub fn decide(
    subject: Subject,
    answers: &[Vec<Account>],
    belongs: &Belongs,
    cx: &Context<'_>,
) -> Decision {
    let Subject { mut person, seen } = subject;
    let open = std::mem::take(&mut person.unfinished);
    person.held = false;
    let mut desk = Desk {
        cx,
        belongs,
        row: None,
        person,
        findings: Vec::new(),
        open,
        cuts_only: false,
        leaving: false,
        other_names: Vec::new(),
        adopted: None,
    };
    match seen {
        Seen::Row {
            row,
            fingerprint,
            identity,
            sound,
        } => {
            desk.row = Some(row);
            desk.person.fingerprint = fingerprint;
            desk.present();
            desk.row(*identity, sound, answers)
        }
        Seen::Held => {
            desk.present();
            desk.person.unfinished = open;
            desk.decided(None, true)
        }
        Seen::Absent => desk.absent(answers),
        Seen::Before => desk.before(answers),
    }
}

impl Desk<'_> {
    /// The worker stands in the file.
    fn present(&mut self) {
        if self.cx.full {
            self.person.misses = 0;
            self.person.listed = true;
        } else {
            // Other files neither count nor end misses, but whoever was cut off for absence and
            // is back has to miss a full one again.
            self.person.misses = self.person.misses.min(1);
        }
    }

    fn row(mut self, identity: Identity, sound: bool, answers: &[Vec<Account>]) -> Decision {
        if sound {
            let draft = self.work(&identity, answers);
            return self.decided(draft, false);
        }
        // The row is held, but nobody stays inside because a phone number is odd.
        self.cuts_only = true;
        let identity = with_known_attributes(identity, &self.person);
        let draft = self.work(&identity, answers);
        // What is missing because attributes were set aside is not worth a second finding.
        self.findings
            .retain(|f| f.kind != FindingKind::RequiredMissing);
        self.decided(draft, true)
    }

    fn before(mut self, answers: &[Vec<Account>]) -> Decision {
        self.cuts_only = self.person.misses > 0;
        if self.person.misses > 1 && self.open {
            // Cut off for absence, and not to the end.
            let draft = self.cut_for_absence(answers);
            return self.decided(draft, false);
        }
        let draft = match self.person.wanted.clone() {
            Some(identity) => self.work(&identity, answers),
            None => None,
        };
        self.decided(draft, false)
    }

    /// The second accepted full file in a row without the worker cuts off; the first is reported.
    /// A cut that was due anyway does not wait for that.
    fn absent(mut self, answers: &[Vec<Account>]) -> Decision {
        let was_listed = std::mem::replace(&mut self.person.listed, false);
        self.look_for(answers);
        let active = matches!(
            self.person.lifecycle,
            Lifecycle::Created | Lifecycle::Active
        );
        if !active && !self.open && !self.has_to_strip() {
            // Nobody to cut off: a worker who left, or never had an account, may leave the file.
            self.person.due = None;
            self.person.fingerprint = 0;
            return self.decided(None, false);
        }
        self.cuts_only = true;
        if active && (was_listed || self.person.misses == 0) {
            self.person.misses = 1;
            self.find(
                FindingKind::MissingOnce,
                Severity::Warning,
                None,
                "in no row of this full file; nothing is done unless the next accepted full file \
                 misses the worker too",
            );
        } else if active {
            self.person.misses = 2;
        }
        let again = self.person.misses > 1 && self.cx.policy.absence.second_miss_disables;
        let draft = if self.leaves_anyway() {
            let identity = self.person.wanted.clone();
            identity.and_then(|identity| self.work(&identity, answers))
        } else if again {
            self.cut_for_absence(answers)
        } else {
            None
        };
        if draft.is_none() && !active {
            // What was left undone is void: nobody asks for it any more.
            self.person.due = None;
            self.person.fingerprint = 0;
        }
        self.decided(draft, false)
    }

    /// A create or an enable of which nobody knows what came: an account that came of it counts as
    /// any other.
    fn look_for(&mut self, answers: &[Vec<Account>]) {
        if !self.open {
            return;
        }
        let found = match (self.person.lifecycle, &self.person.wanted) {
            (Lifecycle::None, Some(identity)) => self.account(&identity.clone(), answers),
            (Lifecycle::Blocked, _) => {
                let account = answers.first().and_then(|found| found.first());
                let enabled = account.filter(|account| account.enabled);
                enabled.map_or(Found::Nothing, |account| Found::One(account.clone()))
            }
            (Lifecycle::None | Lifecycle::Created | Lifecycle::Active, _) => Found::Nothing,
        };
        if let Found::One(account) = found {
            self.person.block = None;
            self.person.lifecycle = if account.enabled {
                Lifecycle::Active
            } else {
                Lifecycle::Created
            };
        }
    }

    /// What HR said last cuts the worker off by now.
    fn leaves_anyway(&mut self) -> bool {
        let Some(identity) = self.person.wanted.clone() else {
            return false;
        };
        let class = self.cx.policy.class(&identity.status);
        let said = self.findings.len();
        let zone = self.zone(&identity);
        // It is said when the worker is worked on.
        self.findings.truncate(said);
        zone.and_then(|zone| self.cut(&identity, class, &zone))
            .is_some_and(|(cut, _)| cut.due <= self.cx.now)
    }

    fn cut_for_absence(&mut self, answers: &[Vec<Account>]) -> Option<Draft> {
        self.leaving = true;
        let account = self.linked(answers)?;
        self.learn(&account);
        let due = self.first_due(BlockCause::Absence);
        self.find(
            FindingKind::MissingDisabled,
            Severity::Warning,
            None,
            "in no row of two full files in a row; disabled and signed out, nothing else",
        );
        let cut = Cut {
            due,
            cause: BlockCause::Absence,
        };
        let steps = self.cut_off(cut, &Reason::AbsentTwice, &account);
        self.split(DeltaKind::Leaver, Some(account.id), steps)
    }

    /// `doubt`: the row itself is not believed.
    fn decided(self, draft: Option<Draft>, doubt: bool) -> Decision {
        let Self {
            mut person,
            findings,
            ..
        } = self;
        let stuck = findings.iter().any(|f| f.severity == Severity::Held);
        if doubt || stuck {
            // The row is looked at again next time, and the last good one stays in force.
            person.fingerprint = 0;
        }
        // Where the tenant is in doubt the row will not come again from a file of changes.
        person.held |= stuck && !doubt;
        if draft.as_ref().is_none_or(|d| !d.sets_manager()) {
            person.waits_for = None;
        }
        Decision {
            draft,
            person,
            findings,
            held: doubt || stuck,
        }
    }
}

/// The facts of a row whose attributes are in doubt, with the attributes of the last good one.
fn with_known_attributes(row: Identity, person: &Person) -> Identity {
    let known = person.wanted.as_ref();
    Identity {
        always: known.map(|k| k.always.clone()).unwrap_or_default(),
        on_create: known.map(|k| k.on_create.clone()).unwrap_or_default(),
        other_names: known.map(|k| k.other_names.clone()).unwrap_or_default(),
        ..row
    }
}

/// The sign-in name that an identity asks for.
pub(super) fn wanted_name(identity: &Identity, target: &Target) -> Option<AccountName> {
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
