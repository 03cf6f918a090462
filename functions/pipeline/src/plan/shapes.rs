//! Groups of ours: which are to be made or changed, and whom that moves.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::grants::Grant;
use rollcall_core::groups::{Catalogue, Group, Groups, Mode, Moves, Roll, writes_rule};
use rollcall_core::model::{
    Finding, FindingKind, GroupName, ObjectId, Op, Place, SeenGroup, Severity,
};
use rollcall_core::plan::{Action, WorkOrder};
use rollcall_core::rules::{Rule, RuleSet, Vocabulary};
use rollcall_core::state::Hot;

use super::desk::Desk;
use super::{PlanError, Request};

/// Persons read at once.
const CHUNK: usize = 1000;

/// Groups as the target has them.
#[derive(Default)]
pub(super) struct Looked<'g>(Vec<(&'g Group, Option<SeenGroup>)>);

impl Looked<'_> {
    /// Keys of groups whose members we keep, of ours, that are not there.
    pub(super) fn missing(&self) -> BTreeSet<String> {
        let gone = self
            .0
            .iter()
            .filter(|(group, seen)| seen.is_none() && group.ours() && group.mode == Mode::Assigned);
        gone.map(|(group, _)| group.key.clone()).collect()
    }
}

/// Groups that Rollcall makes or keeps members in.
fn kept_groups(groups: &Groups) -> impl Iterator<Item = &Group> {
    let all = groups.all().iter();
    all.filter(|group| group.ours() || group.mode == Mode::Assigned)
}

/// What a plan of a delivery asks of groups, in the order of the answers.
pub(super) fn names(groups: &Groups) -> Vec<GroupName> {
    kept_groups(groups).map(Group::found_by).collect()
}

/// Looks at groups that Rollcall makes or keeps members in.
pub(super) async fn look<'g>(
    groups: &'g Groups,
    desk: &mut Desk<'_>,
    which: impl Fn(&Group) -> bool,
) -> Result<Looked<'g>, PlanError> {
    let looked_at: Vec<&Group> = kept_groups(groups).filter(|group| which(group)).collect();
    if looked_at.is_empty() {
        return Ok(Looked::default());
    }
    let names: Vec<GroupName> = looked_at.iter().map(|group| group.found_by()).collect();
    let seen = desk.groups(&names).await?;
    let seen = seen.map(|seen| looked_at.into_iter().zip(seen).collect());
    Ok(Looked(seen.unwrap_or_default()))
}

/// The orders about groups of a plan.
pub(super) fn orders(
    request: &Request<'_>,
    looked: Looked<'_>,
    catalogue: &Catalogue,
    findings: &mut Vec<Finding>,
) -> Result<Vec<WorkOrder>, PlanError> {
    let mut out = Vec::new();
    let mut ids: BTreeMap<ObjectId, &str> = BTreeMap::new();
    for (group, seen) in looked.0 {
        if let Some(seen) = &seen
            && let Some(other) = ids.insert(seen.id.clone(), &group.key)
        {
            let what = format!("is the same in the tenant as group `{other}`: name it once");
            findings.push(odd(group, &what));
        }
        if !group.ours() {
            match seen {
                None => findings.push(odd(group, "is not in the tenant: nobody can come into it")),
                Some(SeenGroup { rule: Some(_), .. }) => {
                    findings.push(odd(
                        group,
                        "follows a rule in the tenant: nobody can be put into it",
                    ));
                }
                Some(_) => {}
            }
            continue;
        }
        match group.shape(seen, catalogue, request.now) {
            Ok(order) => out.extend(order),
            Err(finding) => findings.push(finding),
        }
    }
    moves(request, &mut out)?;
    Ok(out)
}

fn odd(group: &Group, what: &str) -> Finding {
    let note = format!("group `{}` {what}", group.key);
    let kind = FindingKind::GroupDiffers;
    Finding::new(kind, Severity::Warning, Place::default(), note)
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
    let held: BTreeMap<Grant, usize> = orders
        .iter()
        .enumerate()
        .filter_map(|(at, order)| Some((kept(order)?, at)))
        .collect();
    if (places.is_empty() && held.is_empty()) || managed.is_empty() {
        return Ok(());
    }
    let set = RuleSet::new(&rules);
    let mut roll = Roll::new(&set, request.now);
    let mut counted: BTreeMap<usize, Moves> = places
        .keys()
        .chain(held.values())
        .map(|at| (*at, Moves::default()))
        .collect();
    let mut said = vec![Some(false); rules.len()];
    for chunk in managed.chunks(CHUNK) {
        for person in request.state.persons(chunk)? {
            said.fill(Some(false));
            roll.takes(&person, |rule, holds| {
                said[rule] = holds.is_ok().then_some(true);
            });
            for (grant, given) in person.grants.iter().filter(|(_, given)| !given.unheard) {
                let count = held.get(grant).and_then(|at| counted.get_mut(at));
                if let Some(count) = count.filter(|_| given.grace.is_none()) {
                    count.stays += 1;
                }
            }
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

/// The rule that an order writes, or to whose members it gives other licences, and the one that is
/// there.
fn rule_change(order: &WorkOrder) -> Option<(&str, Option<&str>)> {
    let shape = order.group.as_ref()?;
    let matters = |action: &Action| writes_rule(action) || action.op == Op::GroupLicense;
    let matters = order.actions.iter().any(matters);
    let wanted = shape.wanted.rule.as_deref().filter(|_| matters)?;
    let before: Option<&SeenGroup> = shape.before.as_ref();
    Some((wanted, before.and_then(|seen| seen.rule.as_deref())))
}

/// Counts who is in groups of ours that are to give other licences, of those whose members we keep.
fn kept(order: &WorkOrder) -> Option<Grant> {
    let shape = order.group.as_ref()?;
    let gives = order.actions.iter().any(|it| it.op == Op::GroupLicense);
    let there = shape.before.is_some() && shape.wanted.rule.is_none();
    (gives && there).then(|| Grant::Group(shape.key.clone()))
}
