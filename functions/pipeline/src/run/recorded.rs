//! A stored plan read person by person: one pass over three files that lie in the same order.

use std::collections::BTreeMap;

use rollcall_core::fold::PersonLine;
use rollcall_core::model::ActionId;
use rollcall_core::plan::{ActionValues, WorkOrder};

use super::{Stored, corrupt};
use crate::apply::Lines;
use crate::store::{Store, StoreError, parse};

/// What a plan says of one person.
pub(super) struct Recorded {
    pub(super) line: PersonLine,
    pub(super) order: Option<WorkOrder>,
    pub(super) values: BTreeMap<ActionId, ActionValues>,
}

/// The persons of a plan, one after the other.
pub(super) struct Records {
    persons: Lines,
    plan: Lines,
    values: Lines,
}

impl Records {
    /// Of a stored plan.
    ///
    /// # Errors
    /// When one of its files is not stored any more.
    pub(super) async fn open(store: &Store, stored: &Stored) -> Result<Self, StoreError> {
        Ok(Self {
            persons: Lines::open(store, &stored.persons()?.key).await?,
            plan: Lines::open(store, &stored.plan()?.key).await?,
            values: Lines::open(store, &stored.actions()?.key).await?,
        })
    }

    /// The next person.
    ///
    /// # Errors
    /// When a file cannot be read, or the three do not fit together.
    pub(super) fn next(&mut self) -> Result<Option<Recorded>, StoreError> {
        let Some((_, line)) = self.persons.next()? else {
            return Ok(None);
        };
        let line: PersonLine = parse("persons.jsonl", &line)?;
        let mut values = BTreeMap::new();
        let Some(id) = &line.order else {
            return Ok(Some(Recorded {
                line,
                order: None,
                values,
            }));
        };
        let order = loop {
            let Some((_, line)) = self.plan.next()? else {
                return Err(corrupt("the plan has fewer orders than persons name"));
            };
            let order: WorkOrder = parse("plan.jsonl", &line)?;
            // The target has the groups; of them the state knows nothing.
            if order.group.is_none() {
                break order;
            }
        };
        if order.order != *id {
            return Err(corrupt("persons and plan are not in the same order"));
        }
        if let Some((_, to)) = order.values {
            while let Some((_, line)) = self.values.next_before(to)? {
                let value: ActionValues = parse("actions.jsonl", &line)?;
                values.insert(value.id.clone(), value);
            }
        }
        Ok(Some(Recorded {
            line,
            order: Some(order),
            values,
        }))
    }
}
