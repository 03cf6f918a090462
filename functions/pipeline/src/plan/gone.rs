//! Persons whose values were erased, in a plan that is made again.
//!
//! Nothing can be decided about them any more, and everything that was decided about others still
//! can: guards saw what is on record that they saw, and whoever was looked at still takes a place,
//! so that the questions to the tenant come in the order in which they were answered. Invariant: no
//! order of theirs is made.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::delta::{Cause, Touch};
use rollcall_core::plan::GuardVerdict;

/// Whom nothing is decided about.
#[derive(Debug)]
pub(crate) struct Gone {
    /// All of them, as keys of the state.
    pub(crate) keys: BTreeSet<u128>,
    /// Those whom the plan had looked at.
    pub(crate) touched: BTreeSet<u128>,
    /// What the guards saw when the plan was made.
    pub(crate) guards: BTreeMap<String, GuardVerdict>,
}

impl Gone {
    /// Puts those who were looked at in their places, and takes everybody else of them out.
    /// `touched` ascends by key.
    pub(super) fn stand_in(&self, touched: &mut Vec<Touch>) {
        touched.retain(|touch| !self.keys.contains(&touch.key));
        for key in &self.touched {
            let at = touched.partition_point(|touch| touch.key < *key);
            let stand_in = Touch {
                key: *key,
                entry: None,
                hot: None,
                cause: Cause::Row,
            };
            touched.insert(at, stand_in);
        }
    }

    /// A chunk without them.
    pub(super) fn leave_out(&self, chunk: &[Touch]) -> Vec<Touch> {
        let others = chunk.iter().filter(|it| !self.keys.contains(&it.key));
        others.copied().collect()
    }

    /// What a guard saw when the plan was made.
    pub(super) fn recorded(&self, verdict: GuardVerdict) -> GuardVerdict {
        self.guards.get(&verdict.name).cloned().unwrap_or(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(key: u128) -> Touch {
        Touch {
            key,
            entry: None,
            hot: Some(0),
            cause: Cause::Due,
        }
    }

    #[test]
    fn whoever_was_looked_at_keeps_a_place_and_nothing_is_decided_about_them() {
        let gone = Gone {
            keys: BTreeSet::from([2, 5, 9]),
            touched: BTreeSet::from([5]),
            guards: BTreeMap::new(),
        };
        let mut touched = vec![touch(1), touch(2), touch(7)];
        gone.stand_in(&mut touched);
        let keys = |all: &[Touch]| all.iter().map(|it| it.key).collect::<Vec<_>>();
        assert_eq!(keys(&touched), [1, 5, 7]);
        assert_eq!(keys(&gone.leave_out(&touched)), [1, 7]);
    }
}
