//! What a target sells: seats of licences by name or id, and services that exclude each other.
//!
//! Which services do is data (`[[exclusive]]`): the directory does not say it before it refuses.
//! What services a licence has, the target says.

use std::collections::BTreeSet;

use super::Groups;
use crate::model::Seats;

/// What a target has of licences, as far as it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    seats: Option<Vec<Seats>>,
    exclusive: Vec<Vec<String>>,
}

/// A licence as somebody has it: the SKU, and services of it that are switched off.
pub type Having<'a> = (&'a str, &'a [String]);

impl Catalogue {
    /// Of a target, with the services that a file says exclude each other.
    pub fn new(seats: Option<Vec<Seats>>, groups: Option<&Groups>) -> Self {
        Self {
            seats,
            exclusive: groups.map(|it| it.exclusive().to_vec()).unwrap_or_default(),
        }
    }

    /// The target says what it has.
    pub const fn is_known(&self) -> bool {
        self.seats.is_some()
    }

    /// A licence by name or id; `None`: there is none, or the target does not say.
    pub fn find(&self, sku: &str) -> Option<&Seats> {
        self.seats.iter().flatten().find(|it| it.is(sku))
    }

    /// One name for a licence, however it is written.
    pub fn name<'a>(&'a self, sku: &'a str) -> &'a str {
        self.find(sku).map_or(sku, |seats| &seats.name)
    }

    /// Two ways to write one licence.
    pub fn same(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other) || self.find(one).is_some_and(|seats| seats.is(other))
    }

    /// Whether nobody can have these together with those.
    pub fn clash<'a>(
        &self,
        these: impl IntoIterator<Item = Having<'a>>,
        those: impl IntoIterator<Item = Having<'a>>,
    ) -> bool {
        if self.exclusive.is_empty() {
            return false;
        }
        let these = self.services(these);
        let those = self.services(those);
        these
            .iter()
            .any(|(set, place)| those.iter().any(|(s, p)| s == set && p != place))
    }

    /// Services that are in sets that exclude each other: set, and place in it.
    fn services<'a>(
        &self,
        licences: impl IntoIterator<Item = Having<'a>>,
    ) -> BTreeSet<(usize, usize)> {
        let mut out = BTreeSet::new();
        for (sku, disabled) in licences {
            let plans = self.find(sku).map(|it| it.plans.as_slice());
            let on = plans.into_iter().flatten();
            for plan in on.filter(|plan| !disabled.iter().any(|it| plan.is(it))) {
                for (set, plans) in self.exclusive.iter().enumerate() {
                    let place = plans.iter().position(|it| plan.is(it));
                    out.extend(place.map(|place| (set, place)));
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServicePlan;

    fn catalogue() -> Catalogue {
        let sku = |name: &str, plan: &str| Seats {
            id: format!("ID-{name}"),
            name: name.to_owned(),
            free: 1,
            plans: vec![ServicePlan {
                id: format!("id-{plan}"),
                name: plan.to_owned(),
            }],
        };
        let plans = ["MAIL_SMALL", "MAIL_LARGE"].map(str::to_owned);
        Catalogue {
            seats: Some(vec![sku("E1", "MAIL_SMALL"), sku("E3", "MAIL_LARGE")]),
            exclusive: vec![plans.to_vec()],
        }
    }

    #[test]
    fn one_licence_has_several_names() {
        let catalogue = catalogue();
        assert!(catalogue.same("E1", "id-e1") && catalogue.same("id-E1", "e1"));
        assert!(catalogue.same("X", "x") && !catalogue.same("E1", "E3"));
        assert_eq!((catalogue.name("id-e3"), catalogue.name("x")), ("E3", "x"));
    }

    #[test]
    fn services_clash_unless_they_are_off() {
        let catalogue = catalogue();
        let off = ["mail_large".to_owned()];
        let clash = |disabled: &[String]| catalogue.clash([("e1", &[][..])], [("ID-E3", disabled)]);
        assert!(clash(&[]));
        assert!(!clash(&off));
        assert!(!catalogue.clash([("E1", &[][..])], [("E1", &[][..])]));
    }
}
