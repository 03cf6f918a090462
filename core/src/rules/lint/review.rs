//! What somebody should think about once, though the rule may well be meant so.
//!
//! Source: the risky attributes are those of Maester's tests MT.1196 and MT.1197
//! (maester365/maester).

use super::super::check::Checked;
use super::super::formula::{Ask, Atom, Formula, Logic, Moment, Test};
use super::super::print;
use super::super::properties::{Kind, Object, Property};

/// One thing to think about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Review {
    /// The stable name.
    pub name: &'static str,
    /// What it is about.
    pub message: &'static str,
    /// The part of the rule.
    pub part: String,
}

/// Users, or many of those who administer them, can write these.
const WRITTEN_BY_USERS: [&str; 13] = [
    "city",
    "companyName",
    "country",
    "department",
    "displayName",
    "givenName",
    "jobTitle",
    "mobile",
    "otherMails",
    "preferredLanguage",
    "state",
    "surname",
    "telephoneNumber",
];

/// Expressions up to which the portal's rule builder shows a rule.
const BUILDER_MAX: usize = 5;

pub(super) fn review(checked: &Checked) -> Vec<Review> {
    let mut out = Vec::new();
    blanks(&checked.root, &[], &checked.properties, &mut out);
    for property in &checked.properties {
        let risky =
            property.object == Object::User && WRITTEN_BY_USERS.contains(&property.name.as_str());
        if risky {
            out.push(Review {
                name: "user-controlled-attribute",
                message: "see who can write this attribute: whoever can decides on membership",
                part: format!("{}.{}", property.object, property.name),
            });
        }
    }
    checked.root.each(&mut |atom| {
        if let Atom::Test {
            test:
                Test {
                    ask: Ask::At(_, Moment::Now { .. }),
                    ..
                },
            ..
        } = atom
        {
            out.push(Review {
                name: "time-dependent",
                message: "membership changes by the clock alone; --now shows when",
                part: print::print(&Logic::Is(atom.clone()), &checked.properties),
            });
        }
    });
    if !shown_in_builder(checked) {
        out.push(Review {
            name: "builder-unsupported",
            message: "the portal shows this rule in its text box only",
            part: String::new(),
        });
    }
    out.sort();
    out.dedup();
    out
}

/// Negated comparisons that hold for whoever has no value, where no `-ne null` stands beside them.
fn blanks(formula: &Formula, beside: &[&Formula], properties: &[Property], out: &mut Vec<Review>) {
    match formula {
        Logic::Or(parts) => {
            for part in parts {
                blanks(part, beside, properties, out);
            }
        }
        Logic::And(parts) => {
            let beside: Vec<&Formula> = beside.iter().copied().chain(parts).collect();
            for part in parts {
                blanks(part, &beside, properties, out);
            }
        }
        Logic::Not(inner) => blanks(inner, &[], properties, out),
        Logic::Is(atom) => {
            let Atom::Test { property, test } = atom else {
                return;
            };
            let known = beside.iter().any(|part| asks_for_a_value(part, *property));
            let nullable = properties[*property].nullable;
            if test.negated && test.ask != Ask::Null && nullable && !known {
                out.push(Review {
                    name: "negation-matches-blank",
                    message: "whoever has no value most likely matches too; Microsoft does not \
                              say. -and ... -ne null leaves them out",
                    part: print::print(formula, properties),
                });
            }
        }
    }
}

/// `-ne null`, or a comparison that needs a value.
fn asks_for_a_value(part: &Formula, asked: usize) -> bool {
    let Logic::Is(Atom::Test { property, test }) = part else {
        return false;
    };
    *property == asked && (test.ask == Ask::Null) == test.negated
}

/// At most five comparisons that the builder knows, all joined by the same connective.
fn shown_in_builder(checked: &Checked) -> bool {
    let simple = |part: &Formula| match part {
        Logic::Is(Atom::Test { property, test }) => {
            checked.properties[*property].kind != Kind::Texts
                && !matches!(test.ask, Ask::Contains(_))
        }
        Logic::Is(_) | Logic::Or(_) | Logic::And(_) | Logic::Not(_) => false,
    };
    let shape = match &checked.root {
        Logic::Or(parts) | Logic::And(parts) => {
            parts.len() <= BUILDER_MAX && parts.iter().all(simple)
        }
        one @ (Logic::Is(_) | Logic::Not(_)) => simple(one),
    };
    shape && checked.object == Object::User
}
