//! Whose account is whose: linked, found by its key, or taken over by its name.

use jiff::Timestamp;

use super::StatusClass;
use super::career::{Career, Exit};
use super::decide::Matching;
use super::desk::{Desk, Found, Steps};
use super::draft::{DeltaKind, DraftAction, Reason};
use crate::model::{Account, FindingKind, Op, Severity, Value};
use crate::state::{Block, Identity, Lifecycle, PlannedCut};

impl Desk<'_> {
    /// The account to work on.
    pub(super) fn account(&mut self, identity: &Identity, answers: &[Vec<Account>]) -> Found {
        if self.person.object.is_some() {
            return self.linked(answers).map_or(Found::InDoubt, Found::One);
        }
        let (by_key, _) = self.split_answers(answers);
        let mut found: Vec<&Account> = by_key.iter().flatten().collect();
        if by_key.len() > 1 {
            // The keys of two employments lead to one account.
            found.dedup_by(|a, b| a.id == b.id);
        }
        match found.as_slice() {
            [] => Found::Nothing,
            [account] => {
                let account = (*account).clone();
                self.link(&account);
                Found::One(account)
            }
            several => {
                let note = format!(
                    "{} accounts in the tenant carry {} {}; leave it on one of them",
                    several.len(),
                    self.cx.target.key_attribute,
                    identity.worker
                );
                let (kind, held) = (FindingKind::AccountAmbiguous, Severity::Held);
                self.find(kind, held, None, note);
                Found::InDoubt
            }
        }
    }

    /// Answers about keys, and about names.
    pub(super) fn split_answers<'a>(
        &self,
        answers: &'a [Vec<Account>],
    ) -> (&'a [Vec<Account>], &'a [Vec<Account>]) {
        answers.split_at(self.keys.min(answers.len()))
    }

    /// Which account is theirs, and what it is called now: protection goes by that.
    fn link(&mut self, account: &Account) {
        self.person.object = Some(account.id.clone());
        self.person.name = Some(account.name.clone());
    }

    /// The account that state links; gone or carrying another key is a doubt.
    pub(super) fn linked(&mut self, answers: &[Vec<Account>]) -> Option<Account> {
        let account = answers.first().and_then(|found| found.first()).cloned();
        match account {
            Some(account) if account.key.as_deref().is_none_or(|key| self.is_ours(key)) => {
                self.link(&account);
                let in_bin = account
                    .holdings
                    .as_ref()
                    .is_some_and(|it| it.deleted.is_some());
                if self.person.lifecycle == Lifecycle::Deleted && !in_bin {
                    // Somebody took it out of the bin: it is cut off, and goes there, once more.
                    self.person.lifecycle = Lifecycle::Blocked;
                    self.person.deleted = None;
                }
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
            // We put it there: questions about accounts do not reach into the bin.
            None if self.person.lifecycle == Lifecycle::Deleted => self.person.in_bin(),
            None if self.leaving && self.person.lifecycle == Lifecycle::Blocked => {
                // As if we had put it there: devices and the proof that they are out go on.
                self.person.lifecycle = Lifecycle::Deleted;
                self.person.deleted = Some(self.cx.now);
                let open = self.person.devices.values().any(|case| !case.confirmed);
                let severity = if open {
                    Severity::Warning
                } else {
                    Severity::Info
                };
                let note = "cut off, and somebody else took the account out of the tenant; their devices are \
                            seen to all the same";
                self.find(FindingKind::AccountGone, severity, None, note);
                self.person.in_bin()
            }
            None => {
                let note = "the linked account is no longer in the tenant; restore it, or find \
                            out who deleted it";
                self.find(FindingKind::AccountGone, Severity::Held, None, note);
                None
            }
        }
    }

    /// Whether a key is that of an employment of the person.
    fn is_ours(&self, key: &str) -> bool {
        let known = self.person.wanted.iter().chain(&self.person.others);
        key == self.person.worker.as_str()
            || known.map(|it| &it.worker).any(|it| it.as_str() == key)
    }

    /// A disable that was let go and of which nothing is on record: on an account that is disabled
    /// it counts as ours, as it would have if it had found it so.
    pub(super) fn learn(&mut self, account: &Account) {
        let planned = self.person.cut.filter(|_| self.open && !account.enabled);
        if let Some(PlannedCut {
            cut, unheard: true, ..
        }) = planned
            && self.person.lifecycle == Lifecycle::Active
        {
            self.person.lifecycle = Lifecycle::Blocked;
            self.person.block = Some(Block {
                cut,
                disabled: true,
                signed_out: false,
                at: None,
            });
        }
    }

    /// Whoever left has no account that we know of, but one of their name may let them in.
    pub(super) fn doubt_namesake(&mut self, answers: &[Vec<Account>]) {
        let (_, by_name) = self.split_answers(answers);
        let namesakes = by_name.first().into_iter().flatten();
        if namesakes.filter(|a| a.key.is_none() && a.enabled).count() == 0 {
            return;
        }
        let target = self.cx.target;
        let note = format!(
            "no longer in force, and an enabled account of their {} carries no {}: if it is theirs, \
             set {} {} there and it is cut off by the next run",
            target.name_attribute, target.key_attribute, target.key_attribute, self.person.worker
        );
        self.find(FindingKind::AccountUnclaimed, Severity::Warning, None, note);
    }

    /// Nothing is there to cut off.
    pub(super) fn never_provisioned(&mut self, class: StatusClass) {
        let why = match class {
            StatusClass::Active => "past the last day",
            StatusClass::Inactive
            | StatusClass::Rescinded
            | StatusClass::NoShow
            | StatusClass::Deceased
            | StatusClass::Unknown => "inactive",
        };
        self.find(
            FindingKind::NeverProvisioned,
            Severity::Info,
            None,
            format!("{why} and without an account: nothing to do"),
        );
    }

    /// The account that has the wanted name and nobody's key, where the mapping says that it is the
    /// worker's then.
    pub(super) fn namesake(&self, answers: &[Vec<Account>]) -> Option<Account> {
        let (_, by_name) = self.split_answers(answers);
        let found = match self.cx.matching {
            Matching::Key => return None,
            Matching::KeyThenName => by_name.first()?,
        };
        match found.as_slice() {
            [account] if account.key.is_none() => Some(account.clone()),
            _ => None,
        }
    }

    /// Takes an account over. It is the worker's once their key stands on it, and not before: the
    /// state links nothing that a guard may keep back.
    pub(super) fn adopt(&mut self, career: &Career, account: Account) -> Steps {
        if self.cuts_only {
            return None;
        }
        let cx = self.cx;
        let stage = career.spell.first();
        let identity = &stage.identity;
        let (step, _) = self.update(identity, &account, cx.now);
        let (mut before, mut after) = step.map(|s| (s.before, s.after)).unwrap_or_default();
        let key = &cx.target.key_attribute;
        before.insert(key.clone(), Value::Null);
        after.insert(key.clone(), Value::text(identity.worker.as_str()));
        let reason = Reason::Matched {
            attribute: cx.target.name_attribute.clone(),
        };
        let mut steps = vec![DraftAction {
            before,
            after,
            ..DraftAction::simple(Op::UserUpdate, cx.now, reason, "joiner.adopt")
        }];
        steps.extend(self.manager(identity, cx.now, "joiner.manager"));
        let from = self.groups_from(career.spell.start, &stage.zone);
        let granted = self.grant(identity, Some(&account), from, "joiner.groups", &[]);
        steps.extend(granted.gives);
        if !account.enabled {
            self.find(
                FindingKind::AccountDisabledElsewhere,
                Severity::Warning,
                None,
                "the account that has the wanted name is disabled and not by us; it is left so",
            );
        }
        self.later(&mut steps, career, Some(&account));
        self.person.name = Some(account.name.clone());
        self.adopted = Some(account.name);
        Some((DeltaKind::Update, Some(account.id), steps))
    }

    /// Successful sign-ins between the instant at which somebody was to be cut off, and now.
    pub(super) fn tell_late_access(&mut self, exit: &Exit, account: &Account) {
        let now = self.cx.now;
        let after = |at: &&Timestamp| exit.cut.due < **at && **at <= now;
        let seen = account.holdings.iter().flat_map(|it| &it.sign_ins);
        let count = seen.filter(after).count();
        if count > 0 {
            let note = format!("{count} successful sign-ins after access was to end");
            let kind = FindingKind::AccessAfterTermination;
            self.find(kind, Severity::Warning, None, note);
            self.argue("sign_ins", count.to_string());
        }
    }
}
