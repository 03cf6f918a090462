//! Licences that nobody can have together: services in them exclude each other.
//!
//! Which do is data (`[[exclusive]]`): the directory does not say it before it refuses. What
//! services a licence has, the target says.

use std::collections::BTreeSet;

use super::Groups;
use crate::grants::Grant;
use crate::model::{Licence, Seats};

/// Pairs of grants that nobody can have together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conflicts(BTreeSet<(Grant, Grant)>);

impl Conflicts {
    /// Of what a file gives, with the services of the target's licences.
    pub fn new(groups: &Groups, seats: &[Seats]) -> Self {
        let mut with: Vec<(&Grant, BTreeSet<(usize, usize)>)> = Vec::new();
        let mut out = BTreeSet::new();
        for grant in groups.grants() {
            let Some(definition) = groups.definition(grant) else {
                continue;
            };
            let licences = definition.licences().iter();
            let services: BTreeSet<(usize, usize)> = licences
                .flat_map(|licence| exclusive_services(groups.exclusive(), licence, seats))
                .collect();
            if services.is_empty() {
                continue;
            }
            for (other, theirs) in &with {
                if clash(&services, theirs) {
                    out.insert(((*other).clone(), grant.clone()));
                    out.insert((grant.clone(), (*other).clone()));
                }
            }
            with.push((grant, services));
        }
        Self(out)
    }

    /// Whether nobody can have both.
    pub fn clash(&self, one: &Grant, other: &Grant) -> bool {
        !self.0.is_empty() && self.0.contains(&(one.clone(), other.clone()))
    }

    /// None clash.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Services of a licence that are in sets that exclude each other: set, and place in it.
fn exclusive_services(
    sets: &[Vec<String>],
    licence: &Licence,
    seats: &[Seats],
) -> Vec<(usize, usize)> {
    let Some(sku) = seats.iter().find(|it| it.is(&licence.sku)) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for plan in &sku.plans {
        if licence.disabled_plans.iter().any(|it| plan.is(it)) {
            continue;
        }
        for (set, plans) in sets.iter().enumerate() {
            let place = plans.iter().position(|it| plan.is(it));
            out.extend(place.map(|place| (set, place)));
        }
    }
    out
}

/// Different services of one set.
fn clash(one: &BTreeSet<(usize, usize)>, other: &BTreeSet<(usize, usize)>) -> bool {
    one.iter()
        .any(|(set, place)| other.iter().any(|(s, p)| s == set && p != place))
}
