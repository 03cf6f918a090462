//! What people agreed to of a plan: whole guards, and single actions.
//!
//! Invariant: what is agreed to by name goes alone. Beside it goes what was kept back for no reason
//! of its own, but for what it waits for.

use std::collections::{BTreeMap, BTreeSet};

use crate::guards;
use crate::model::ActionId;
use crate::plan::{Action, Held, WorkOrder};

/// What enough people agreed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approvals {
    guards: BTreeSet<String>,
    actions: BTreeMap<String, BTreeSet<ActionId>>,
}

impl Approvals {
    /// Guards that are overruled as a whole.
    pub fn of_guards(guards: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            guards: guards.into_iter().map(Into::into).collect(),
            actions: BTreeMap::new(),
        }
    }

    /// Overrules a guard for one action.
    pub fn add_action(&mut self, guard: &str, action: &ActionId) {
        let actions = self.actions.entry(guard.to_owned()).or_default();
        actions.insert(action.clone());
    }

    /// The intake is let in, or the undo agreed to.
    pub fn accepts(&self) -> bool {
        self.guards.iter().any(|guard| guards::parks(guard))
    }

    /// Whether a guard is overruled for an action, as a whole or by name.
    pub fn overrules(&self, guard: &str, action: &ActionId) -> bool {
        let named = self.actions.get(guard);
        self.guards.contains(guard) || named.is_some_and(|named| named.contains(action))
    }

    /// The first guard that keeps an action back still; `None` where all are overruled.
    pub fn keeps<'a>(&self, held: &'a Held, action: &ActionId) -> Option<&'a str> {
        let open = held.guards().find(|guard| !self.overrules(guard, action));
        open.map(String::as_str)
    }

    /// What of an order is let go that guards kept back, whenever it is due.
    pub fn released<'a>(&self, order: &'a WorkOrder) -> Vec<&'a Action> {
        let mut kept = Vec::new();
        let mut out: Vec<&Action> = Vec::new();
        for held in &order.held {
            for action in &held.actions {
                match self.keeps(held, &action.id) {
                    None => out.push(action),
                    Some(_) => kept.push((held, action)),
                }
            }
        }
        // Nobody agrees by name to what only went with something: it goes with that, too.
        while !self.actions.is_empty() {
            let goes = |(held, action): &(&Held, &Action)| {
                let own = |guard: &String| {
                    !self.overrules(guard, &action.id) && guards::means(guard, action)
                };
                let free = |other: &Action| out.iter().any(|it| it.id == other.id);
                let all = order.held.iter().flat_map(|held| &held.actions);
                let mut before = all.filter(|other| action.waits_for(other)).peekable();
                before.peek().is_some() && before.all(free) && !held.guards().any(own)
            };
            let Some(at) = kept.iter().position(goes) else {
                break;
            };
            out.push(kept.remove(at).1);
        }
        out
    }
}
