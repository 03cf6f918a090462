//! Guards: what may be wrong with the size of a change, and what is kept back until people agree.
//!
//! Gates judge a whole intake and park it; budgets and protection keep back single actions and
//! let the rest go (P3, P9). Invariant: every guard says what it counted and what it allows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::delta::Comparison;
use crate::grants;
use crate::groups::{Catalogue, waits_for_people};
use crate::model::{AccountName, ObjectId, Op, WorkerId};
use crate::plan::{Action, GuardVerdict, WorkOrder};
use crate::policy::{Draft, DraftAction, Policy, Reason};
use crate::slices;
use crate::state::Person;

/// Parks an intake: rows against the last accepted full file.
pub const ROW_COUNT: &str = "row_count";
/// Parks an intake: workers of the last full file that this one does not list.
pub const KEY_SET: &str = "key_set";
/// Parks an intake: rows with a status that the policy does not know.
pub const STATUS_UNKNOWN: &str = "status_unknown";
/// Parks an intake: share of inactive rows against the last accepted full file.
pub const INACTIVE_SHARE: &str = "inactive_share";
/// Parks an intake: a column that is filled in another share of the rows.
pub const FILL: &str = "fill";
/// Parks an intake: a column that has another number of distinct values.
pub const DISTINCT: &str = "distinct";
/// Keeps back disables over the budget of a rolling 24 hours.
pub const DISABLES: &str = "disables";
/// Keeps back accounts that are to go into the bin, over the budget of a rolling 24 hours.
pub const DELETIONS: &str = "deletions";
/// Not a guard: what counts are dismissals for cause that went over a budget, in 24 hours.
pub const IMMEDIATE: &str = "immediate";
/// Keeps back what takes over an account that was found by its name.
pub const ADOPTIONS: &str = "adoptions";
/// Keeps back everything about a protected person.
pub const PROTECTED: &str = "protected";
/// Keeps back what is taken from people who stay, over the budget of a rolling 24 hours.
pub const REMOVALS: &str = "removals";
/// Keeps back another rule, or other licences, of a group that is there.
pub const GROUPS: &str = "groups";
/// Keeps back what needs seats that are not free.
pub const SEATS: &str = "seats";
/// Keeps back sensitive access that somebody had before an exit that is off.
pub const RESTORES: &str = "restores";

/// Keeps back a wipe until people agreed to it.
pub const WIPES: &str = "wipes";
/// Keeps back the deletion of an account while something is left that nobody else answers for.
pub const ORPHANS: &str = "orphans";

/// Keeps back the whole of an undo until somebody agrees.
pub const UNDO: &str = "undo";
/// Keeps back moves where the same attribute of a great many people changes at once.
pub const CHURN: &str = "churn";

/// What kind of approval releases what a guard keeps back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The whole intake.
    Intake,
    /// Actions over a budget, of everybody or of a slice.
    Budget,
    /// Accounts that are taken over.
    Adoptions,
    /// Actions on a protected person.
    Protected,
    /// Groups that are there and change.
    Groups,
    /// What needs seats.
    Seats,
    /// Sensitive access that comes back.
    Restores,
    /// Devices that would be wiped.
    Wipes,
    /// What nobody would answer for.
    Orphans,
    /// Moves by the hundred.
    Churn,
    /// The whole of an undo.
    Undo,
}

impl Kind {
    /// Keeps back a whole plan: nothing of it goes, or counts, before people let it in.
    pub const fn parks(self) -> bool {
        match self {
            Self::Intake | Self::Undo => true,
            Self::Budget
            | Self::Adoptions
            | Self::Protected
            | Self::Groups
            | Self::Seats
            | Self::Restores
            | Self::Wipes
            | Self::Orphans
            | Self::Churn => false,
        }
    }
}

/// The kind of a guard, by its name; `None` for a name that no guard has.
pub fn kind(guard: &str) -> Option<Kind> {
    match guard {
        ROW_COUNT | KEY_SET | STATUS_UNKNOWN | INACTIVE_SHARE | FILL | DISTINCT => {
            Some(Kind::Intake)
        }
        DISABLES | REMOVALS | DELETIONS => Some(Kind::Budget),
        GROUPS => Some(Kind::Groups),
        SEATS => Some(Kind::Seats),
        RESTORES => Some(Kind::Restores),
        WIPES => Some(Kind::Wipes),
        ORPHANS => Some(Kind::Orphans),
        CHURN => Some(Kind::Churn),
        UNDO => Some(Kind::Undo),
        ADOPTIONS => Some(Kind::Adoptions),
        PROTECTED => Some(Kind::Protected),
        of_a_slice => slices::kind_of(of_a_slice).map(|_| Kind::Budget),
    }
}

/// Whether what HR says of somebody decides that a guard counts them.
pub fn goes_by_words(guard: &str) -> bool {
    guard == PROTECTED || slices::kind_of(guard).is_some()
}

/// Whether a guard keeps back a whole plan.
pub fn parks(guard: &str) -> bool {
    kind(guard).is_some_and(Kind::parks)
}

/// How many distinct people have to agree to release what a guard keeps back.
pub fn approvers(policy: &Policy, kind: Kind) -> u8 {
    match kind {
        Kind::Intake => policy.approvals.intake,
        Kind::Undo => policy.approvals.undo,
        Kind::Budget | Kind::Churn => policy.approvals.over_budget,
        Kind::Adoptions => policy.approvals.adoptions,
        Kind::Protected => policy.approvals.protected,
        Kind::Groups => policy.approvals.groups,
        Kind::Seats => policy.approvals.seats,
        Kind::Restores => policy.approvals.restores,
        Kind::Wipes => policy.approvals.wipes,
        Kind::Orphans => policy.approvals.orphans,
    }
}

/// What an intake counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IntakeCounts {
    /// All rows.
    pub rows: u32,
    /// Rows with an inactive status.
    pub inactive: u32,
    /// Rows whose status is in neither list.
    pub unknown_status: u32,
}

/// Judges a whole intake. `baseline` is the last accepted full file, if there was one.
pub fn gates(
    policy: &Policy,
    full: bool,
    now: IntakeCounts,
    baseline: Option<IntakeCounts>,
    comparison: &Comparison,
) -> Vec<GuardVerdict> {
    let gates = &policy.gates;
    let mut out = Vec::new();
    // Over its percentage and let through all the same: the reader should not wonder.
    let few = |over: bool, count: u32| {
        if over && count <= gates.rows_min {
            format!("; up to {} rows are never held", gates.rows_min)
        } else {
            String::new()
        }
    };
    let unknown = percent(now.unknown_status, now.rows);
    out.push(GuardVerdict {
        name: STATUS_UNKNOWN.to_owned(),
        counted: round(unknown),
        limit: gates.unknown_status_pct,
        tripped: unknown > gates.unknown_status_pct && now.unknown_status > gates.rows_min,
        why: format!(
            "{} of {} rows have a status that the policy does not know ({unknown:.1} %){}",
            now.unknown_status,
            now.rows,
            few(unknown > gates.unknown_status_pct, now.unknown_status)
        ),
    });
    let Some(before) = baseline.filter(|_| full) else {
        return out;
    };
    let off = now.rows.abs_diff(before.rows);
    let share = percent(off, before.rows);
    out.push(GuardVerdict {
        name: ROW_COUNT.to_owned(),
        counted: round(share),
        limit: gates.row_count_pct,
        tripped: share > gates.row_count_pct && off > gates.rows_min,
        why: format!(
            "{} rows, {} in the last accepted full file ({share:.1} % off){}",
            now.rows,
            before.rows,
            few(share > gates.row_count_pct, off)
        ),
    });
    let gone = percent(comparison.listed_gone, comparison.listed_before);
    out.push(GuardVerdict {
        name: KEY_SET.to_owned(),
        counted: round(gone),
        limit: gates.key_set_pct,
        tripped: gone > gates.key_set_pct && comparison.listed_gone > gates.rows_min,
        why: format!(
            "{} of {} workers of the last accepted full file are not in this one ({gone:.1} %){}",
            comparison.listed_gone,
            comparison.listed_before,
            few(gone > gates.key_set_pct, comparison.listed_gone)
        ),
    });
    let points = (percent(now.inactive, now.rows) - percent(before.inactive, before.rows)).abs();
    let moved = now.inactive.abs_diff(before.inactive);
    out.push(GuardVerdict {
        name: INACTIVE_SHARE.to_owned(),
        counted: round(points),
        limit: gates.inactive_share_points,
        tripped: points > gates.inactive_share_points && moved > gates.rows_min,
        why: format!(
            "{} of {} rows are inactive, {} of {} in the last accepted full file ({points:.1} \
             points)",
            now.inactive, now.rows, before.inactive, before.rows
        ),
    });
    out
}

/// Judges the disables of a plan. `before` are those of the last 24 hours, `planned` those that
/// this plan adds ([`new_disables`]), without those of protected persons.
pub fn disables(policy: &Policy, before: u32, planned: u32, managed: u32) -> GuardVerdict {
    let why = format!(
        "{planned} accounts would be disabled, {before} were in the last 24 hours; the limit is"
    );
    let limit = policy.budgets.disables.limit(managed);
    budget(DISABLES, limit, (before, planned, managed), &why)
}

/// Whether the policy protects a person: by worker id, sign-in name or object id.
pub fn protects(
    policy: &Policy,
    worker: &WorkerId,
    name: Option<&AccountName>,
    object: Option<&ObjectId>,
) -> bool {
    let set = &policy.protected;
    set.workers.iter().any(|w| w == worker.as_str())
        || set.accounts.iter().any(|account| {
            object.is_some_and(|o| o.as_str().eq_ignore_ascii_case(account))
                || name.is_some_and(|n| {
                    crate::policy::name_key(n.reveal()) == crate::policy::name_key(account)
                })
        })
}

/// Keeps back everything in an order of a protected person that changes anything.
pub fn hold_protected(order: &mut WorkOrder) {
    order.hold(PROTECTED, "the person is in the protected set", |it| {
        !it.op.proves()
    });
}

/// Judges the accounts that a plan takes over by their names.
pub fn adoptions(planned: u32) -> GuardVerdict {
    GuardVerdict {
        name: ADOPTIONS.to_owned(),
        counted: f64::from(planned),
        limit: 0.0,
        tripped: planned > 0,
        why: format!("{planned} accounts were found by their names and would be taken over"),
    }
}

/// Keeps back everything in an order that takes an account over: a name is no proof of whose it
/// is.
pub fn hold_adoption(order: &mut WorkOrder) {
    let why = "the account was found by its name alone; somebody has to see whose it is";
    order.hold(ADOPTIONS, why, |_| true);
}

/// Keeps back a cut, with what goes with it, for these guards, each with why; of those in the
/// immediate lane only what goes with it.
pub fn hold_destructive(order: &mut WorkOrder, guards: &[(String, String)], lane: bool) {
    order.hold_for(guards, |a| cuts(a) && !(lane && a.op.cut()));
}

/// Whether a draft cuts somebody off now who is dismissed for cause: they do not wait for a budget.
pub fn immediate(draft: &Draft) -> bool {
    let mut due = draft.actions.iter();
    due.any(|step| step.op.cut() && step.reason == Reason::ForCause)
}

/// Judges what a plan adds to what was let through in the last 24 hours.
fn budget(
    name: &str,
    limit: u32,
    (before, planned, managed): (u32, u32, u32),
    why: &str,
) -> GuardVerdict {
    let counted = before.saturating_add(planned);
    GuardVerdict {
        name: name.to_owned(),
        counted: f64::from(counted),
        limit: f64::from(limit),
        tripped: planned > 0 && counted > limit,
        why: format!("{why} {limit} of {managed} managed accounts"),
    }
}

/// Judges what a plan takes from people who stay. `before` are the people of the last 24 hours,
/// `planned` those of this plan ([`takes_anew`]), without protected ones.
pub fn removals(policy: &Policy, before: u32, planned: u32, managed: u32) -> GuardVerdict {
    let why = format!(
        "{planned} people who stay would lose groups or licences, {before} did in the last 24 \
         hours; the limit is"
    );
    let limit = policy.budgets.removals.limit(managed);
    budget(REMOVALS, limit, (before, planned, managed), &why)
}

/// Whether a draft takes something from somebody who stays that no budget has counted: each once, on
/// the day that it is first planned.
pub fn takes_anew(person: &Person, draft: &Draft) -> bool {
    let stays = |step: &&DraftAction| step.reason.block_cause().is_none();
    let takes = draft.steps().filter(stays).any(|step| step.op.takes());
    let granting = draft
        .actions
        .iter()
        .filter_map(|step| step.granting.as_ref());
    let switches_off = granting.clone().any(|it| !it.switched_off.is_empty());
    (takes && grants::uncounted(&person.grants)) || switches_off
}

/// Keeps back what is taken in an order from somebody who stays, for these guards; each with why.
pub fn hold_removals(order: &mut WorkOrder, guards: &[(String, String)]) {
    order.hold_for(guards, Action::takes_from_who_stays);
}

/// Attributes of movers that a plan changes, by how many people: a rename of all departments looks
/// like a move of everybody.
#[derive(Debug, Clone, Default)]
pub struct Churn(BTreeMap<String, u32>);

impl Churn {
    /// Counts what a draft changes now.
    pub fn add(&mut self, policy: &Policy, draft: &Draft) {
        for name in moved(policy, draft) {
            *self.0.entry(name).or_default() += 1;
        }
    }

    /// Judges the attribute that changes most, and names those that change for too many.
    pub fn judge(&self, policy: &Policy, managed: u32) -> (GuardVerdict, BTreeSet<String>) {
        let limit = policy.gates.churn_pct;
        let over = |count: u32| percent(count, managed) > limit && count > policy.gates.rows_min;
        let names = self.0.iter().filter(|(_, count)| over(**count));
        let names: BTreeSet<String> = names.map(|(name, _)| name.clone()).collect();
        let most = self.0.iter().max_by_key(|(_, count)| **count);
        let (name, count) = most.map_or(("no attribute", 0), |(name, count)| (name, *count));
        let share = percent(count, managed);
        let verdict = GuardVerdict {
            name: CHURN.to_owned(),
            counted: round(share),
            limit,
            tripped: !names.is_empty(),
            why: format!(
                "{name} of {count} of {managed} managed accounts would change ({share:.1} %): \
                 is that a move, or another way of writing?"
            ),
        };
        (verdict, names)
    }
}

/// Attributes of a mover that a draft changes now.
fn moved(policy: &Policy, draft: &Draft) -> Vec<String> {
    let moves = |name: &str| policy.mover.attributes.iter().any(|it| it == name);
    let mut out = Vec::new();
    let adopts = |step: &&DraftAction| !matches!(step.reason, Reason::Matched { .. });
    for step in draft.actions.iter().filter(adopts) {
        if step.op == Op::UserUpdate {
            out.extend(step.after.keys().filter(|name| moves(name)).cloned());
        } else if step.op == Op::UserSetManager && draft.object.is_some() && moves("manager") {
            out.push("manager".to_owned());
        }
    }
    out
}

/// Keeps back the move of somebody whose attribute changes for too many at once.
pub fn hold_churn(
    order: &mut WorkOrder,
    policy: &Policy,
    draft: &Draft,
    (verdict, names): &(GuardVerdict, BTreeSet<String>),
) {
    if moved(policy, draft).iter().any(|name| names.contains(name)) {
        order.hold_rest(CHURN, &verdict.why, moves);
    }
}

/// Keeps back what is given back only with somebody's consent.
pub fn hold_restores(order: &mut WorkOrder) {
    let why = "the person had it before an exit that is off now; it is sensitive";
    order.hold(RESTORES, why, gives_back);
}

/// Keeps back wipes that are due and nobody agreed to yet.
pub fn hold_wipes(order: &mut WorkOrder, now: Timestamp) {
    let why = "everything on the device would be gone for good";
    order.hold(WIPES, why, |action| {
        asks_to_wipe(action) && action.due <= now
    });
}

/// Judges how many devices would be wiped.
pub fn wipes(planned: u32) -> GuardVerdict {
    GuardVerdict {
        name: WIPES.to_owned(),
        counted: f64::from(planned),
        limit: 0.0,
        tripped: planned > 0,
        why: format!("{planned} devices would be wiped that nobody agreed to wipe"),
    }
}

/// A cut, or what goes with one.
fn cuts(action: &Action) -> bool {
    action.op.cut() || (action.destructive && action.reason.block_cause().is_some())
}

/// What a move of somebody who stays writes, gives or takes.
fn moves(action: &Action) -> bool {
    let writes = matches!(
        action.op,
        Op::UserUpdate | Op::UserSetManager | Op::UserClearManager
    );
    let stays = action.reason.block_cause().is_none();
    stays && (writes || action.op.grants() || action.op.takes())
}

/// Somebody is asked before it is given back.
fn gives_back(action: &Action) -> bool {
    action.args.contains_key("ask") && !action.op.on_device()
}

/// Somebody is asked before the device is wiped.
fn asks_to_wipe(action: &Action) -> bool {
    action.args.contains_key("ask") && action.op == Op::DeviceWipe
}

/// Whether a guard keeps an action back for what the action is. What else it keeps back only waits
/// for such an action.
pub fn means(guard: &str, action: &Action) -> bool {
    match kind(guard) {
        Some(Kind::Budget) if slices::kind_of(guard).unwrap_or(guard) == DISABLES => cuts(action),
        Some(Kind::Budget) if guard == DELETIONS => action.op == Op::UserDeleteSoft,
        Some(Kind::Budget) => action.takes_from_who_stays(),
        Some(Kind::Groups) => waits_for_people(action),
        Some(Kind::Seats) => action.op.grants() || action.op == Op::GroupLicense,
        Some(Kind::Restores) => gives_back(action),
        Some(Kind::Wipes) => asks_to_wipe(action),
        Some(Kind::Churn) => moves(action),
        Some(Kind::Orphans) => action.op == Op::UserDeleteSoft,
        Some(Kind::Intake | Kind::Adoptions | Kind::Protected | Kind::Undo) | None => true,
    }
}

/// Judges how much sensitive access would come back.
pub fn restores(planned: u32) -> GuardVerdict {
    GuardVerdict {
        name: RESTORES.to_owned(),
        counted: f64::from(planned),
        limit: 0.0,
        tripped: planned > 0,
        why: format!("{planned} people would get sensitive access back that an exit took"),
    }
}

/// Judges accounts that a plan puts into the bin. `before` are those of the last 24 hours.
pub fn deletions(policy: &Policy, before: u32, planned: u32, managed: u32) -> GuardVerdict {
    let why = format!(
        "{planned} accounts would be deleted, {before} were in the last 24 hours; the limit is"
    );
    let limit = policy.budgets.deletions.limit(managed);
    budget(DELETIONS, limit, (before, planned, managed), &why)
}

/// Whether a draft puts an account into the bin now.
pub fn deletes(draft: &Draft) -> bool {
    let mut due = draft.actions.iter();
    due.any(|step| step.op == Op::UserDeleteSoft)
}

/// Keeps back a deletion that is due, with what waits for it.
pub fn hold_deletions(order: &mut WorkOrder, why: &str, now: Timestamp) {
    order.hold(DELETIONS, why, |action| {
        action.op == Op::UserDeleteSoft && action.due <= now
    });
}

/// Keeps back a deletion that is due while something is left that nobody else answers for.
pub fn hold_orphans(order: &mut WorkOrder, why: &str, now: Timestamp) {
    order.hold(ORPHANS, why, |action| {
        action.op == Op::UserDeleteSoft && action.due <= now
    });
}

/// Judges how many accounts would leave something behind that nobody answers for.
pub fn orphans(planned: u32) -> GuardVerdict {
    GuardVerdict {
        name: ORPHANS.to_owned(),
        counted: f64::from(planned),
        limit: 0.0,
        tripped: planned > 0,
        why: format!("{planned} accounts would leave something behind that nobody answers for"),
    }
}

/// Judges how many people would have to go without a licence.
pub fn seats(planned: u32) -> GuardVerdict {
    GuardVerdict {
        name: SEATS.to_owned(),
        counted: f64::from(planned),
        limit: 0.0,
        tripped: planned > 0,
        why: format!("{planned} people would get a licence that has no seat left"),
    }
}

/// Keeps back what is due and gives somebody one of these licences.
pub fn hold_seats(
    order: &mut WorkOrder,
    licences: &[String],
    catalogue: &Catalogue,
    now: Timestamp,
    why: &str,
) {
    order.hold(SEATS, why, |action| {
        let needs = action.op.grants() && action.due <= now;
        let granting = action.granting().filter(|_| needs);
        let short = |sku: &String| licences.iter().any(|it| catalogue.same(it, sku));
        granting.is_some_and(|it| it.licences.iter().any(short))
    });
}

/// An undo waits for somebody who agrees, however small it is: it gives back what HR took.
pub fn undo(people: u32) -> GuardVerdict {
    GuardVerdict {
        name: UNDO.to_owned(),
        counted: f64::from(people),
        limit: 0.0,
        tripped: true,
        why: format!("an undo changes {people} people; somebody has to agree to it"),
    }
}

/// Judges what a plan changes of groups that are there.
pub fn groups(planned: u32) -> GuardVerdict {
    GuardVerdict {
        name: GROUPS.to_owned(),
        counted: f64::from(planned),
        limit: 0.0,
        tripped: planned > 0,
        why: format!("{planned} groups would get another rule or other licences"),
    }
}

/// How many disables a budget has to count for the steps of one person, due and scheduled: each
/// cut once, on the day that it is first planned.
pub fn new_disables(person: &Person, ops: impl IntoIterator<Item = Op>) -> u32 {
    if person.cut.is_some_and(|planned| planned.counted) {
        return 0;
    }
    let count = ops.into_iter().filter(|op| *op == Op::UserDisable).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn percent(part: u32, whole: u32) -> f64 {
    if whole == 0 {
        0.0
    } else {
        f64::from(part) * 100.0 / f64::from(whole)
    }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
#[path = "guards_tests.rs"]
mod tests;
