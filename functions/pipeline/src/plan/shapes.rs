//! Groups of ours: which are to be made or changed, and whom that moves.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::groups::{Group, Mode, Moves, Roll, writes_rule};
use rollcall_core::model::{Finding, GroupName, Seats, SeenGroup};
use rollcall_core::plan::WorkOrder;
use rollcall_core::rules::{Rule, RuleSet, Vocabulary};
use rollcall_core::state::Hot;

use super::desk::Desk;
use super::{PlanError, Request};

/// Persons read at once.
const CHUNK: usize = 1000;

/// The orders about groups of a plan. A delivery looks at all of ours, a release at those that
/// somebody is to come into.
pub(super) async fn orders(
    request: &Request<'_>,
    desk: &mut Desk<'_>,
    delivery: bool,
    named: &BTreeSet<String>,
    seats: Option<&[Seats]>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<WorkOrder>, PlanError> {
    let Some(groups) = request.groups else {
        return Ok(Vec::new());
    };
    let looked_at = |group: &&Group| delivery || named.contains(&group.key);
    let ours: Vec<&Group> = groups.ours().filter(looked_at).collect();
    if ours.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<GroupName> = ours.iter().map(|group| group.found_by()).collect();
    let Some(seen) = desk.groups(&names).await? else {
        return Ok(Vec::new());
    };
    let mut out = Vec::new();
    for (group, seen) in ours.into_iter().zip(seen) {
        match group.shape(seen, seats, request.now) {
            Ok(order) => out.extend(order),
            Err(finding) => findings.push(finding),
        }
    }
    moves(request, &mut out)?;
    Ok(out)
}

/// Counts whom new rules move, of those whom the state knows: one pass for all of them.
fn moves(request: &Request<'_>, orders: &mut [WorkOrder]) -> Result<(), PlanError> {
    let mut rules: Vec<Rule> = Vec::new();
    // By order: the places of the rule before and of the new one.
    let mut places: BTreeMap<usize, (Option<usize>, usize)> = BTreeMap::new();
    let mut add = |text: &str| {
        let rule = Rule::compile(text, Vocabulary::Entra).ok()?;
        rollcall_core::groups::unpredictable(&rule)
            .is_none()
            .then(|| {
                rules.push(rule);
                rules.len() - 1
            })
    };
    for (at, order) in orders.iter().enumerate() {
        let Some((wanted, before)) = rule_change(order) else {
            continue;
        };
        let Some(new) = add(wanted) else {
            continue;
        };
        let old = match before {
            // A rule that nobody here can read: nobody can say whom it lets go.
            Some(before) => match add(before) {
                Some(old) => Some(old),
                None => continue,
            },
            None => None,
        };
        places.insert(at, (old, new));
    }
    let managed: Vec<usize> = (0..request.state.hot().len())
        .filter(|at| Hot::managed(&request.state.hot()[*at]))
        .collect();
    if places.is_empty() || managed.is_empty() {
        return Ok(());
    }
    let set = RuleSet::new(&rules);
    let mut roll = Roll::new(&set, request.now);
    let mut counted: BTreeMap<usize, Moves> =
        places.keys().map(|at| (*at, Moves::default())).collect();
    let mut said = vec![Some(false); rules.len()];
    for chunk in managed.chunks(CHUNK) {
        for person in request.state.persons(chunk)? {
            said.fill(Some(false));
            roll.takes(&person, |rule, holds| {
                said[rule] = holds.is_ok().then_some(true);
            });
            for (at, (old, new)) in &places {
                let was = old.map_or(Some(false), |old| said[old]);
                let Some(count) = counted.get_mut(at) else {
                    continue;
                };
                match (was, said[*new]) {
                    (Some(false), Some(true)) => count.enters += 1,
                    (Some(true), Some(false)) => count.leaves += 1,
                    (Some(true), Some(true)) => count.stays += 1,
                    (Some(false), Some(false)) => {}
                    (None, _) | (_, None) => count.unknown += 1,
                }
            }
        }
    }
    for (at, moves) in counted {
        if let Some(shape) = &mut orders[at].group {
            shape.moves = Some(moves);
        }
    }
    Ok(())
}

/// The new rule of an order that writes one, and the one that is there.
fn rule_change(order: &WorkOrder) -> Option<(&str, Option<&str>)> {
    let shape = order.group.as_ref()?;
    let writes = order.actions.iter().any(writes_rule);
    let wanted = shape.wanted.rule.as_deref().filter(|_| writes)?;
    let before: Option<&SeenGroup> = shape.before.as_ref();
    Some((wanted, before.and_then(|seen| seen.rule.as_deref())))
}

/// Whether Rollcall evaluates a group itself.
pub(super) fn gives(request: &Request<'_>) -> bool {
    let groups = request.groups;
    groups.is_some_and(|groups| {
        !groups.licensed().is_empty()
            || groups
                .all()
                .iter()
                .any(|group| group.mode == Mode::Assigned)
    })
}
