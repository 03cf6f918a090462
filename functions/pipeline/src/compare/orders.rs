//! Two orders of one person: what one does that the other does not.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::model::{ActionId, Op, PersonKey, Value, WorkerId};
use rollcall_core::plan::{Action, ActionValues, Held, WorkOrder};
use rollcall_core::policy::DeltaKind;
use serde::Serialize;

/// Values by action.
type Values = BTreeMap<ActionId, ActionValues>;

/// What an action is about beside its person.
const OBJECTS: [&str; 7] = ["manager", "group", "licence", "role", "app", "device", "id"];

/// What would be different of one person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PersonShift {
    /// Whose.
    pub person: PersonKey,
    /// The worker records behind it.
    pub workers: Vec<WorkerId>,
    /// What happened to them; `None`: there was nothing to do.
    pub then: Option<DeltaKind>,
    /// What would have.
    pub now: Option<DeltaKind>,
    /// Action by action.
    pub changes: Vec<Change>,
}

/// One action that is only in one of the plans, or otherwise in the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// In what: at least one.
    pub kinds: Vec<Kind>,
    /// What.
    pub op: Op,
    /// The manager, group or licence that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// As it was planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<Side>,
    /// As it would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Side>,
    /// What is done otherwise: attributes, or what it waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
    /// Values that differ, as far as they are kept.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, ValueShift>,
}

/// In what an action differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It would be there, and was not.
    Added,
    /// It was there, and would not be.
    Removed,
    /// It would be due at another instant.
    Moved,
    /// A guard would keep it back that did not.
    Held,
    /// A guard kept it back and would not.
    Freed,
    /// It would write other values, or do it otherwise.
    Changed,
}

/// An action in one of the plans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// When it falls due.
    pub due: Timestamp,
    /// The guard that keeps it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// Others that keep it back as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Why, in words.
    pub why: String,
    /// The rule of the policy.
    pub rule: String,
}

/// A value, then and now. Personal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueShift {
    /// As it was planned; null: nothing was written.
    pub then: Value,
    /// As it would be.
    pub now: Value,
}

/// How many actions of an operation would be different.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Shift {
    /// See [`Kind::Added`].
    pub added: u32,
    /// See [`Kind::Removed`].
    pub removed: u32,
    /// See [`Kind::Moved`].
    pub moved: u32,
    /// See [`Kind::Held`].
    pub held: u32,
    /// See [`Kind::Freed`].
    pub freed: u32,
    /// See [`Kind::Changed`].
    pub changed: u32,
}

impl Shift {
    /// Counts one action.
    pub fn add(&mut self, kinds: &[Kind]) {
        for kind in kinds {
            *match kind {
                Kind::Added => &mut self.added,
                Kind::Removed => &mut self.removed,
                Kind::Moved => &mut self.moved,
                Kind::Held => &mut self.held,
                Kind::Freed => &mut self.freed,
                Kind::Changed => &mut self.changed,
            } += 1;
        }
    }
}

/// An action, and what keeps it back.
#[derive(Clone, Copy)]
struct Fate<'a> {
    action: &'a Action,
    held: Option<&'a Held>,
}

impl Fate<'_> {
    fn does(&self, other: &Fate<'_>) -> bool {
        self.action.op == other.action.op && self.action.args == other.action.args
    }

    fn of(&self) -> Option<&str> {
        let mut objects = OBJECTS
            .iter()
            .filter_map(|name| self.action.args.get(*name));
        objects.next().map(String::as_str)
    }

    /// Every guard that keeps it back.
    fn guards(&self) -> BTreeSet<&String> {
        self.held.into_iter().flat_map(Held::guards).collect()
    }

    fn side(&self) -> Side {
        Side {
            due: self.action.due,
            held_by: self.held.map(|held| held.by.clone()),
            also: self.held.map(|held| held.also.clone()).unwrap_or_default(),
            why: self.action.reason.words(),
            rule: self.action.rule.clone(),
        }
    }
}

fn fates(order: Option<&WorkOrder>) -> Vec<Fate<'_>> {
    let Some(order) = order else {
        return Vec::new();
    };
    let free = order.actions.iter().chain(&order.scheduled);
    let free = free.map(|action| (action, None));
    let held = order.held.iter().flat_map(|held| {
        let actions = held.actions.iter();
        actions.map(move |action| (action, Some(held)))
    });
    let fate = |(action, held)| Fate { action, held };
    let mut out: Vec<Fate<'_>> = free.chain(held).map(fate).collect();
    out.sort_by_key(|it| it.action.place);
    out
}

/// Counts what guards keep back in an order.
pub(super) fn count_held(order: &WorkOrder, by: &mut BTreeMap<String, u32>) {
    for held in &order.held {
        let count = u32::try_from(held.actions.len()).unwrap_or(u32::MAX);
        for guard in held.guards() {
            *by.entry(guard.clone()).or_default() += count;
        }
    }
}

/// Every action of some orders.
pub(super) fn ids<'a>(orders: impl Iterator<Item = &'a WorkOrder>) -> BTreeSet<ActionId> {
    orders
        .flat_map(|order| fates(Some(order)))
        .map(|fate| fate.action.id.clone())
        .collect()
}

/// What differs between an order and the one that would have been; `None`: nothing that anybody
/// would notice.
pub(super) fn shift(
    (then, values_then): (Option<&WorkOrder>, &Values),
    (now, values_now): (Option<&WorkOrder>, &Values),
) -> Option<PersonShift> {
    let order = then.or(now)?;
    let mut changes = Vec::new();
    for (before, after) in pairs(fates(then), fates(now)) {
        let values = values(
            before.and_then(|it| values_then.get(&it.action.id)),
            after.and_then(|it| values_now.get(&it.action.id)),
        );
        let kinds = kinds(before.as_ref(), after.as_ref());
        let fate = after.or(before);
        if let Some(fate) = fate.filter(|_| !kinds.is_empty()) {
            changes.push(Change {
                kinds,
                op: fate.action.op,
                of: fate.of().map(str::to_owned),
                differs: differs(before.as_ref(), after.as_ref()),
                then: before.map(|it| it.side()),
                now: after.map(|it| it.side()),
                values,
            });
        }
    }
    let (then, now) = (then.map(|it| it.delta), now.map(|it| it.delta));
    (!changes.is_empty()).then(|| PersonShift {
        person: order.person.clone(),
        workers: order.workers.clone(),
        then,
        now,
        changes,
    })
}

/// Whether two actions are the same one.
type Test = fn(&Fate<'_>, &Fate<'_>) -> bool;
type Pair<'t, 'n> = (Option<Fate<'t>>, Option<Fate<'n>>);

/// Actions that are the same one: first those that do the same at the same instant, then those that
/// do the same, then those that do something to the same.
fn pairs<'t, 'n>(then: Vec<Fate<'t>>, now: Vec<Fate<'n>>) -> Vec<Pair<'t, 'n>> {
    let tests: [Test; 3] = [
        |a, b| a.does(b) && a.action.due == b.action.due,
        |a, b| a.does(b),
        |a, b| a.action.op == b.action.op && a.of() == b.of(),
    ];
    let mut then: Vec<Option<Fate<'t>>> = then.into_iter().map(Some).collect();
    let mut partners: Vec<Option<Fate<'t>>> = vec![None; now.len()];
    for same in tests {
        for (at, fate) in now.iter().enumerate() {
            if partners[at].is_none() {
                let mut open = then.iter_mut();
                let found = open.find(|it| it.as_ref().is_some_and(|it| same(it, fate)));
                partners[at] = found.and_then(Option::take);
            }
        }
    }
    let left = then.into_iter().flatten().map(|fate| (Some(fate), None));
    let met = partners.into_iter().zip(now.into_iter().map(Some));
    left.chain(met).collect()
}

fn kinds(then: Option<&Fate<'_>>, now: Option<&Fate<'_>>) -> Vec<Kind> {
    let (then, now) = match (then, now) {
        (Some(then), Some(now)) => (then, now),
        (None, Some(_)) => return vec![Kind::Added],
        (Some(_), None) => return vec![Kind::Removed],
        (None, None) => return Vec::new(),
    };
    let mut out = Vec::new();
    if then.action.due != now.action.due {
        out.push(Kind::Moved);
    }
    if then.action.args != now.action.args {
        out.push(Kind::Changed);
    }
    match (then.guards(), now.guards()) {
        (before, after) if before == after => {}
        (_, after) if after.is_empty() => out.push(Kind::Freed),
        _ => out.push(Kind::Held),
    }
    out
}

/// The names of arguments that differ between two actions that are the same one.
fn differs(then: Option<&Fate<'_>>, now: Option<&Fate<'_>>) -> Vec<String> {
    let (Some(then), Some(now)) = (then, now) else {
        return Vec::new();
    };
    let (then, now) = (&then.action.args, &now.action.args);
    let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let names = names.into_iter();
    let differ = names.filter(|name| then.get(*name) != now.get(*name));
    differ.cloned().collect()
}

/// Values that differ. Of an action that is only in one of the plans: all of it.
fn values(then: Option<&ActionValues>, now: Option<&ActionValues>) -> BTreeMap<String, ValueShift> {
    let of = |values: Option<&ActionValues>, name: &str| {
        let value = values.and_then(|it| it.after.get(name));
        value.cloned().unwrap_or_default()
    };
    let all = then.into_iter().chain(now).flat_map(|it| it.after.keys());
    let shifts = all.map(|name| {
        let shift = ValueShift {
            then: of(then, name),
            now: of(now, name),
        };
        (name.clone(), shift)
    });
    shifts.filter(|(_, it)| it.then != it.now).collect()
}

#[cfg(test)]
mod tests {
    use rollcall_core::groups::Impact;
    use rollcall_core::model::OrderId;
    use rollcall_core::plan::SourceRow;
    use rollcall_core::policy::Reason;

    use super::*;

    fn action(op: Op, group: &str, day: i8) -> Action {
        let due = jiff::civil::date(2026, 3, day).to_zoned(jiff::tz::TimeZone::UTC);
        let args = (!group.is_empty()).then(|| ("group".to_owned(), group.to_owned()));
        Action {
            id: ActionId::new(format!("a-{op}-{group}-{day}")),
            op,
            args: args.into_iter().collect(),
            reason: Reason::ManagerChanged,
            rule: "mover.groups".to_owned(),
            due: due.unwrap().timestamp(),
            source: SourceRow::default(),
            destructive: false,
            undo: Vec::new(),
            after: None,
            place: 0,
            entered: None,
            seen: None,
        }
    }

    fn order(actions: Vec<Action>, held: Vec<(&str, Action)>) -> WorkOrder {
        let held = held.into_iter().map(|(by, action)| Held {
            by: by.to_owned(),
            ops: vec![action.op],
            why: String::new(),
            actions: vec![action],
            also: Vec::new(),
            counted_by: Vec::new(),
        });
        WorkOrder {
            order: OrderId::new("o-1"),
            person: PersonKey::new("P1"),
            workers: vec![WorkerId::new("W1")],
            delta: DeltaKind::Mover,
            object: None,
            values: None,
            actions,
            scheduled: Vec::new(),
            held: held.collect(),
            impact: Impact::default(),
            group: None,
            workflow: None,
        }
    }

    /// `op object kinds` of everything that differs.
    fn told(then: &WorkOrder, now: &WorkOrder) -> Vec<String> {
        let none = Values::new();
        let shift = shift((Some(then), &none), (Some(now), &none));
        let changes = shift.into_iter().flat_map(|it| it.changes);
        changes
            .map(|it| format!("{} {} {:?}", it.op, it.of.unwrap_or_default(), it.kinds))
            .collect()
    }

    #[test]
    fn an_action_is_the_same_one_wherever_it_stands() {
        let (one, two) = (action(Op::GroupAdd, "a", 1), action(Op::GroupAdd, "b", 1));
        let then = order(vec![one.clone(), two.clone()], vec![]);
        let now = order(vec![two, one], vec![]);
        assert_eq!(told(&then, &now), Vec::<String>::new());
    }

    #[test]
    fn what_differs_has_a_name() {
        let add = |group: &str, day| action(Op::GroupAdd, group, day);
        let then = order(
            vec![add("moved", 1), add("held", 1), add("off", 1)],
            vec![("removals", add("freed", 1)), ("removals", add("both", 1))],
        );
        let now = order(
            vec![add("moved", 8), add("freed", 1), add("new", 1)],
            vec![("disables", add("held", 2)), ("churn", add("both", 1))],
        );
        assert_eq!(
            told(&then, &now),
            [
                "group.add off [Removed]",
                "group.add moved [Moved]",
                "group.add freed [Freed]",
                "group.add new [Added]",
                "group.add held [Moved, Held]",
                "group.add both [Held]",
            ]
        );
    }

    /// One that goes once two guards are approved is not what it was when one of them is gone.
    #[test]
    fn every_guard_that_keeps_it_back_counts() {
        let add = |group: &str| action(Op::GroupAdd, group, 1);
        let held = |also: &[&str]| {
            let mut order = order(vec![], vec![("disables:one", add("a"))]);
            order.held[0].also = also.iter().map(|it| (*it).to_owned()).collect();
            order
        };
        let (both, one) = (held(&["disables:two"]), held(&[]));
        assert_eq!(told(&both, &both), Vec::<String>::new());
        assert_eq!(told(&both, &one), ["group.add a [Held]"]);
        let mut by = BTreeMap::new();
        count_held(&both, &mut by);
        let expected = [("disables:one", 1), ("disables:two", 1)];
        assert_eq!(by, expected.map(|(guard, n)| (guard.to_owned(), n)).into());
    }

    #[test]
    fn of_two_alike_the_one_of_the_same_day_stays() {
        let add = |day| action(Op::UserUpdate, "", day);
        let then = order(vec![add(1), add(8)], vec![]);
        let now = order(vec![add(8), add(9)], vec![]);
        assert_eq!(told(&then, &now), ["user.update  [Moved]"]);
    }

    #[test]
    fn values_are_shown_where_they_differ() {
        let of = |day, department: &str| {
            let update = action(Op::UserUpdate, "", day);
            let value = |text: &str| (text.to_owned(), Value::text(department));
            let after = [
                value("department"),
                ("city".to_owned(), Value::text("Oslo")),
            ];
            let values = ActionValues {
                id: update.id.clone(),
                before: rollcall_core::model::Attributes::new(),
                after: after.into_iter().collect(),
            };
            let values = Values::from([(update.id.clone(), values)]);
            (order(vec![update], vec![]), values)
        };
        let ((then, values_then), (now, values_now)) = (of(1, "Lab"), of(2, "LAB"));
        let shift = shift((Some(&then), &values_then), (Some(&now), &values_now)).unwrap();
        let values = &shift.changes[0].values;
        assert_eq!(values.keys().collect::<Vec<_>>(), ["department"]);
        assert_eq!(values["department"].now, Value::text("LAB"));
        // Of somebody for whom there was nothing to do, all of it.
        let alone = super::shift((None, &Values::new()), (Some(&now), &values_now)).unwrap();
        assert_eq!(alone.changes[0].kinds, [Kind::Added]);
        assert_eq!(alone.changes[0].values.len(), 2);
    }
}
