//! The class of one person and one account, and why.
//!
//! Invariant: a leaver comes before a difference, a difference before disuse; a cut that is due and was
//! not carried out is never in step, whatever comes after it; who was never heard of by HR is judged by
//! the register alone, and an exception covers nobody whom HR knows.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::drift::{Because, Difference, differences};
use super::register::{Exception, Sla};
use super::{Class, Word};
use crate::model::{Account, Attributes, Value};
use crate::policy::{Target, day_start};
use crate::report::{Late, LateCause};
use crate::state::{BlockCause, Cut, Identity, LeaveKind, Lifecycle, Person};

/// The attribute that says whether an account is enabled.
const ENABLED: &str = "accountEnabled";

/// What the target says of the last sign-in to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// It does not let us look.
    Unread,
    /// None that succeeded is on record.
    Never {
        /// When the account was made, or somebody last tried, where it says that.
        since: Option<Timestamp>,
    },
    /// The last one that succeeded.
    At(Timestamp),
}

impl SignIn {
    /// When, as far as that is known.
    pub const fn at(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Unread | Self::Never { .. } => None,
        }
    }

    /// Since when nobody used the account, as far as that is known.
    pub const fn unused_since(self) -> Option<Timestamp> {
        match self {
            Self::Unread => None,
            Self::Never { since } => since,
            Self::At(at) => Some(at),
        }
    }
}

/// Everything that is known of one line.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What HR says; `None`: it never said anything of the person, or there is none.
    pub word: Option<Word>,
    /// HR's newest values through the mapping.
    pub wanted: Option<&'a Identity>,
    /// What the state knows.
    pub person: Option<&'a Person>,
    /// The account; `None`: the tenant has none.
    pub account: Option<&'a Account>,
    /// Accounts of the person beside this one, or persons of the account.
    pub rivals: usize,
    /// The last sign-in.
    pub sign_in: SignIn,
    /// The exception that covers an account without a person.
    pub exception: Option<&'a Exception>,
    /// The policy protects the account.
    pub protected: bool,
}

/// What all lines are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The instant.
    pub now: Timestamp,
    /// Cuts that were carried out before are history.
    pub from: Timestamp,
    /// Days without a sign-in after which an account is dormant.
    pub dormant_days: u16,
    /// How soon somebody has to be cut off.
    pub sla: Sla,
    /// What has to be known of the target.
    pub target: &'a Target,
}

/// How a line is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The class.
    pub class: Class,
    /// Why, in words; no values.
    pub reason: String,
    /// What differs.
    pub drift: Vec<Difference>,
    /// Whether the account is to be enabled, where that is known.
    pub expected: Option<bool>,
    /// When access was, or is, to end, and by what.
    pub cut: Option<Cut>,
    /// How late the cut was, or is by now.
    pub late: Option<Late>,
}

impl Judged {
    fn new(class: Class, reason: impl Into<String>) -> Self {
        Self {
            class,
            reason: reason.into(),
            drift: Vec::new(),
            expected: None,
            cut: None,
            late: None,
        }
    }

    /// Seconds that the cut may take.
    pub fn sla_seconds(&self, sla: Sla) -> Option<i64> {
        self.cut.map(|cut| sla.of(Some(cut.cause)))
    }

    /// Whose part of the delay is the larger one.
    pub fn late_cause(&self) -> Option<LateCause> {
        self.late.and_then(|late| late.cause())
    }
}

/// What is said of an account of somebody who has so many others.
pub fn rivals(others: usize) -> String {
    format!(
        "{} accounts are this person's; leave the key on one of them",
        others + 1
    )
}

/// Judges a line.
pub fn classify(facts: &Facts<'_>, terms: &Terms<'_>) -> Judged {
    let word = match (facts.word, facts.person) {
        (Some(word), _) => word,
        (None, Some(_)) => Word::Gone,
        (None, None) => return of_nobody(facts, terms),
    };
    let over = |due| Word::Over { due: Some(due) };
    let word = dismissed(facts.person).map_or(word, over);
    let owed = owed(word, facts, terms.now);
    let word = match owed {
        Some(cut) if cut.cause.exit() => over(cut.due),
        Some(_) | None => word,
    };
    let mut judged = match facts.account {
        None => without_account(word, facts, terms),
        Some(account) => with_account(word, account, owed, facts, terms),
    };
    if judged.cut.is_none() {
        judged.cut = cut_of(word, facts.person);
    }
    judged
}

/// When somebody was to be cut off whom people dismissed, whatever HR's file says yet.
fn dismissed(person: Option<&Person>) -> Option<Timestamp> {
    let person = person.filter(|it| it.dismissed.is_some())?;
    let block = person.block.map(|block| block.cut);
    let cut = block.or(person.cut.map(|planned| planned.cut));
    cut.filter(|cut| cut.cause == BlockCause::ForCause)
        .map(|cut| cut.due)
}

fn with_account(
    word: Word,
    account: &Account,
    owed: Option<Cut>,
    facts: &Facts<'_>,
    terms: &Terms<'_>,
) -> Judged {
    match word {
        Word::Over { .. } | Word::Gone => {
            one_of_several(leaver(word, account, facts, terms), account, facts.rivals)
        }
        _ if facts.rivals > 0 => Judged::new(Class::DuplicateMatch, rivals(facts.rivals)),
        Word::InForce | Word::Ahead { .. } | Word::Doubtful => {
            stayer(word, account, owed, facts, terms)
        }
        Word::OutOfScope => Judged::new(Class::Excluded, "the mapping is not for the worker"),
        Word::Unclear => Judged::new(Class::Unknown, "the status is in no list of the policy"),
    }
}

/// An account of somebody who left, and of whom there are so many others: that they can sign in weighs
/// more than that there are several, and several that are all disabled alarm nobody.
fn one_of_several(judged: Judged, account: &Account, others: usize) -> Judged {
    if others == 0 {
        return judged;
    }
    let mild = [Class::Matched, Class::OnHold, Class::LeaverLate];
    let class = if account.enabled && mild.contains(&judged.class) {
        Class::DuplicateMatch
    } else {
        judged.class
    };
    Judged {
        class,
        reason: format!("{}; {}", judged.reason, rivals(others)),
        ..judged
    }
}

/// The cut that is due of somebody in force, or who begins again later, and that nobody carried out: they
/// can sign in.
fn owed(word: Word, facts: &Facts<'_>, now: Timestamp) -> Option<Cut> {
    let person = facts
        .person
        .filter(|it| it.lifecycle != Lifecycle::Blocked)?;
    let enabled = facts.account.is_some_and(|it| it.enabled);
    let stays = matches!(word, Word::InForce | Word::Ahead { .. } | Word::Doubtful);
    let cut = person.cut.filter(|_| enabled && stays)?.cut;
    // Whoever is in the file again is no longer missing.
    let stands = cut.cause.exit() || matches!(cut.cause, BlockCause::Leave | BlockCause::Garden);
    (stands && cut.due <= now).then_some(cut)
}

/// Whether somebody in force whom we cut off is to come back.
fn comes_back(person: &Person, wanted: Option<&Identity>, now: Timestamp) -> bool {
    let Some(block) = person.block else {
        return true;
    };
    match block.cut.cause {
        BlockCause::Leave | BlockCause::Garden => wanted.is_some_and(|it| !is_away(it, now)),
        BlockCause::Undone => false,
        // In the file again.
        BlockCause::Absence
        | BlockCause::Status
        | BlockCause::LastDay
        | BlockCause::ForCause
        | BlockCause::NoShow
        | BlockCause::Deceased
        | BlockCause::CalledOff => true,
    }
}

/// Whether a leave that blocks has begun and is not over. Whoever is released from work is so until the
/// employment ends.
fn is_away(identity: &Identity, now: Timestamp) -> bool {
    let Some(leave) = identity.terms.leave else {
        return false;
    };
    let zone = identity.zone.as_ref();
    let zone = zone.and_then(|name| jiff::tz::db().get(name).ok());
    let today = now.to_zoned(zone.unwrap_or(TimeZone::UTC)).date();
    let back = match leave.kind {
        LeaveKind::Paid => return false,
        LeaveKind::Garden if identity.last().is_some() => None,
        LeaveKind::Garden | LeaveKind::Unpaid => leave.to,
    };
    leave.from <= today && back.is_none_or(|to| to >= today)
}

/// An account of which HR and state know nobody.
fn of_nobody(facts: &Facts<'_>, terms: &Terms<'_>) -> Judged {
    let Some(account) = facts.account else {
        return Judged::new(Class::Unknown, "neither HR nor the tenant");
    };
    if let Some(exception) = facts.exception {
        let class = exception.class(terms.now, facts.protected);
        let (name, until) = (&exception.name, exception.until);
        let note = if class == Class::ExceptionExpired {
            format!("exception `{name}` ended with {until}; renew it, or take the account away")
        } else {
            format!("exception `{name}` until {until}")
        };
        return Judged::new(class, note);
    }
    if !account.enabled {
        return Judged::new(Class::Excluded, "nobody's, and disabled");
    }
    let note = match (&account.key, facts.protected) {
        (_, true) => "protected by the policy, and no exception says who answers for it",
        (Some(_), false) => "carries a key that HR does not know",
        (None, false) => "carries no key; give it one, or say in an exception who answers for it",
    };
    Judged::new(Class::OrphanAccount, note)
}

fn without_account(word: Word, facts: &Facts<'_>, terms: &Terms<'_>) -> Judged {
    let linked = facts.person.is_some_and(|it| it.object.is_some());
    let held = facts.person.is_some_and(|it| it.held);
    match word {
        Word::InForce if held && !linked => Judged::new(
            Class::OnHold,
            "no account yet: kept back by a guard, or in doubt",
        ),
        Word::InForce if linked => {
            let note = "the linked account is no longer in the tenant; restore it, or find out who deleted it";
            Judged::new(Class::MissingAccount, note)
        }
        Word::InForce => Judged::new(Class::MissingAccount, "in force, and has no account"),
        Word::Ahead { from } if from > terms.now && !linked => {
            Judged::new(Class::Matched, format!("begins at {from}; no account yet"))
        }
        Word::Ahead { .. } => {
            let note = "begins later, and the account that was made is no longer in the tenant";
            Judged::new(Class::MissingAccount, note)
        }
        Word::Over { .. } | Word::Gone => Judged::new(Class::Matched, "left, and has no account"),
        Word::Doubtful => Judged::new(
            Class::OnHold,
            "HR's row is in doubt, and there is no account",
        ),
        Word::OutOfScope => Judged::new(Class::Excluded, "the mapping is not for the worker"),
        Word::Unclear => Judged::new(Class::Unknown, "the status is in no list of the policy"),
    }
}

/// When access is to end, by what was planned, else by what HR says.
fn cut_of(word: Word, person: Option<&Person>) -> Option<Cut> {
    let known = person.and_then(|person| {
        let block = person.block.map(|block| block.cut);
        block.or(person.cut.map(|planned| planned.cut))
    });
    let said = match word {
        Word::Over { due } => due.map(|due| Cut {
            due,
            cause: BlockCause::LastDay,
        }),
        Word::InForce
        | Word::Ahead { .. }
        | Word::Gone
        | Word::Doubtful
        | Word::Unclear
        | Word::OutOfScope => None,
    };
    known.or(said)
}

/// Somebody whose employment is over, or whom the newest full file does not list.
fn leaver(word: Word, account: &Account, facts: &Facts<'_>, terms: &Terms<'_>) -> Judged {
    let person = facts.person;
    let cut = cut_of(word, person);
    let known = person
        .and_then(|it| it.cut)
        .and_then(|it| it.entered.or(it.seen));
    let block = person.and_then(|it| it.block);
    let done = block.and_then(|it| it.at).filter(|_| !account.enabled);
    // Whoever is out, and nobody recorded since when, is late by no number.
    let measured = cut.filter(|_| account.enabled || done.is_some());
    let late = measured.map(|cut| {
        let done = done.unwrap_or(terms.now);
        Late::of(cut.due, done, known.unwrap_or(cut.due))
    });
    let over = |late: &Late| {
        let allowed = terms.sla.of(cut.map(|cut| cut.cause));
        late.whole > SignedDuration::from_secs(allowed)
    };
    let used = match (facts.sign_in, cut) {
        (SignIn::At(at), Some(cut)) => at > cut.due,
        (SignIn::At(_) | SignIn::Never { .. } | SignIn::Unread, _) => false,
    };
    let blocked =
        person.is_some_and(|it| matches!(it.lifecycle, Lifecycle::Blocked | Lifecycle::Deleted));
    let pending = word == Word::Gone && cut.is_none() && !blocked;
    let judged = if used && !pending {
        Judged::new(
            Class::AccessAfterTermination,
            "signed in after access was to end",
        )
    } else if account.enabled && pending {
        Judged::new(
            Class::OnHold,
            "in no row of the newest full file; a second one without them cuts them off",
        )
    } else if account.enabled && blocked {
        Judged::new(
            Class::LeaverActive,
            "was cut off, and somebody let them in again",
        )
    } else if account.enabled && late.as_ref().is_none_or(over) {
        let kept = person.is_some_and(|it| it.held);
        let note = if kept {
            "is over, and the cut is kept back: agree to it, or to what stands in its way"
        } else {
            "is over, and nobody cut them off"
        };
        Judged::new(Class::LeaverActive, note)
    } else if account.enabled {
        Judged::new(
            Class::OnHold,
            "is over, and within the time that a cut may take",
        )
    } else if late.as_ref().is_some_and(over) && done.is_some_and(|at| at >= terms.from) {
        Judged::new(Class::LeaverLate, "was cut off later than allowed")
    } else {
        Judged::new(Class::Matched, "left, and disabled")
    };
    Judged {
        expected: (!pending).then_some(false),
        cut,
        late,
        ..judged
    }
}

/// Somebody in force, or who begins later; `owed` is a leave of which they are not cut off.
fn stayer(
    word: Word,
    account: &Account,
    owed: Option<Cut>,
    facts: &Facts<'_>,
    terms: &Terms<'_>,
) -> Judged {
    let person = facts.person;
    let lifecycle = person.map(|it| it.lifecycle);
    let comes = lifecycle == Some(Lifecycle::Blocked)
        && person.is_some_and(|it| comes_back(it, facts.wanted, terms.now));
    let expected = match (lifecycle, word) {
        _ if owed.is_some() => Some(false),
        (Some(Lifecycle::Blocked), _) => Some(comes && word == Word::InForce),
        (Some(Lifecycle::Created), Word::Ahead { .. }) => Some(false),
        (Some(Lifecycle::Active | Lifecycle::Created), _) => Some(true),
        (Some(Lifecycle::Deleted | Lifecycle::None) | None, _) => None,
    };
    let mut drift = facts.wanted.map_or_else(Vec::new, |wanted| {
        let before = person.map(agreed).unwrap_or_default();
        differences(wanted, account, &before, terms.target)
    });
    if let Some(expected) = expected.filter(|it| *it != account.enabled) {
        let created = lifecycle == Some(Lifecycle::Created);
        let because = if owed.is_some() || expected && (created || comes) {
            Because::HrAhead
        } else {
            Because::ChangedInTenant
        };
        drift.push(Difference {
            attribute: ENABLED.to_owned(),
            wanted: Value::Bool(expected),
            has: Value::Bool(account.enabled),
            because,
        });
        drift.sort_by(|a, b| a.attribute.cmp(&b.attribute));
    }
    let late = owed.map(|cut| {
        let planned = person.and_then(|it| it.cut);
        let known = planned.and_then(|it| it.entered.or(it.seen));
        Late::of(cut.due, terms.now, known.unwrap_or(cut.due))
    });
    let judged = match (owed, late) {
        (Some(cut), Some(late)) => inside(cut, late, person, terms),
        _ => compared(word, &drift, account, facts, terms),
    };
    Judged {
        drift,
        expected,
        late,
        ..judged
    }
}

/// Somebody who is away, was to be cut off for it, and can sign in.
fn inside(cut: Cut, late: Late, person: Option<&Person>, terms: &Terms<'_>) -> Judged {
    let allowed = SignedDuration::from_secs(terms.sla.of(Some(cut.cause)));
    if late.whole <= allowed {
        let note = "is away, and within the time that a cut may take";
        return Judged::new(Class::OnHold, note);
    }
    let note = if person.is_some_and(|it| it.held) {
        "is away, and the cut is kept back: agree to it, or to what stands in its way"
    } else {
        "is away, and nobody cut them off"
    };
    Judged::new(Class::MatchedDrift, note)
}

/// Somebody of whom no cut is owed, by what differs.
fn compared(
    word: Word,
    drift: &[Difference],
    account: &Account,
    facts: &Facts<'_>,
    terms: &Terms<'_>,
) -> Judged {
    let person = facts.person;
    let doubtful = word == Word::Doubtful;
    let held = doubtful || person.is_some_and(|it| it.held || it.undone.is_some());
    if doubtful {
        Judged::new(
            Class::OnHold,
            "HR's row is in doubt; the last good one stands",
        )
    } else if !drift.is_empty() && held {
        Judged::new(
            Class::OnHold,
            "differs, and is kept back by a guard or in doubt",
        )
    } else if person.is_none_or(|it| it.lifecycle == Lifecycle::None) && facts.wanted.is_some() {
        Judged::new(
            Class::MatchedDrift,
            "the account carries the key, and no run has taken it over yet",
        )
    } else if !drift.is_empty() {
        let mut causes: Vec<Because> = drift.iter().map(|it| it.because).collect();
        causes.sort_unstable();
        causes.dedup();
        let words = causes.iter().map(|because| match because {
            Because::ChangedInTenant => "changed in the tenant since it was carried out",
            Because::HrAhead => "HR is ahead, the next run writes it",
            Because::NeverApplied => "never carried out",
        });
        Judged::new(Class::MatchedDrift, words.collect::<Vec<_>>().join("; "))
    } else {
        disuse(account, facts, terms)
    }
}

/// The values that the account had when the row was last carried out: what was written, and of a row of
/// which nothing is left to do, what it had already.
fn agreed(person: &Person) -> Attributes {
    let carried_out = person.fingerprint != 0 && !person.unfinished && person.object.is_some();
    let row = person.wanted.as_ref().filter(|_| carried_out);
    let mut out = row.map(|it| it.always.clone()).unwrap_or_default();
    out.extend(person.applied.clone());
    out
}

/// Whether nobody uses an account that is otherwise in order.
fn disuse(account: &Account, facts: &Facts<'_>, terms: &Terms<'_>) -> Judged {
    let idle = SignedDuration::from_hours(24 * i64::from(terms.dormant_days));
    let unused = facts.sign_in.unused_since();
    let unused = unused.filter(|at| account.enabled && terms.now.duration_since(*at) > idle);
    if unused.is_none() {
        return Judged::new(Class::Matched, "");
    }
    let today = terms.now.to_zoned(TimeZone::UTC).date();
    let leave = facts.wanted.and_then(|it| it.terms.leave);
    let leave = leave.filter(|leave| leave.from <= today);
    // Whoever comes back has as long as everybody to sign in.
    let back = |to: Date| day_start(to.saturating_add(1.day()), &TimeZone::UTC);
    let soon = |to| terms.now.duration_since(back(to)) <= idle;
    if leave.is_some_and(|leave| leave.to.is_none_or(soon)) {
        return Judged::new(
            Class::Matched,
            "not used for long: on leave, or not long back",
        );
    }
    let note = format!("not used for more than {} days", terms.dormant_days);
    Judged::new(Class::Dormant, note)
}
