//! Groups of ours themselves: which have to be made, and what of others is to change.
//!
//! Invariant: a group that somebody else made is never changed, a group never turns from assigned
//! to dynamic or back, and another rule or other licences of a group that is there wait for people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Catalogue, Group, Groups, Mode};
use crate::digest::sha256_parts;
use crate::grants::unique_name;
use crate::model::{
    ActionId, Finding, FindingKind, Licence, Op, OrderId, PersonKey, Place, SeenGroup, Severity,
    WantedGroup,
};
use crate::plan::{Action, SourceRow, WorkOrder};
use crate::policy::{DeltaKind, Reason};

/// What a group is to be, in the order that makes it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The group's key.
    pub key: String,
    /// What it is to be.
    pub wanted: WantedGroup,
    /// What it was; `None` where there was none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<SeenGroup>,
    /// Whom another rule takes in and lets go of those whom the state knows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moves: Option<Moves>,
}

/// How many people a rule moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Moves {
    /// Come in.
    pub enters: u32,
    /// Go out.
    pub leaves: u32,
    /// Are in it, and stay.
    pub stays: u32,
    /// Nobody can say.
    pub unknown: u32,
}

/// What differs about a group that is there.
const RULE: &str = "rule";
const PROCESSING: &str = "processing";
const LICENCES: &str = "licences";

impl Group {
    /// Rollcall makes it and keeps it as the file says.
    pub const fn ours(&self) -> bool {
        self.id.is_none()
    }

    /// What it is to be in a target.
    pub fn wanted(&self) -> WantedGroup {
        WantedGroup {
            unique: unique_name(&self.key),
            name: self.name.clone(),
            description: self.description.clone().filter(|it| !it.is_empty()),
            rule: match self.mode {
                Mode::Dynamic => Some(self.rule.clone()),
                Mode::Assigned => None,
            },
            licences: self.licences.clone(),
        }
    }

    /// The order that makes it so, if anything differs.
    ///
    /// # Errors
    /// A finding where it cannot be made so.
    pub fn shape(
        &self,
        seen: Option<SeenGroup>,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<Option<WorkOrder>, Finding> {
        let wanted = self.wanted();
        let mut steps = Vec::new();
        match &seen {
            None => {
                steps.push((Op::GroupCreate, Vec::new()));
                if !wanted.licences.is_empty() && resolves(&wanted.licences, catalogue) {
                    steps.push((Op::GroupLicense, Vec::new()));
                }
            }
            Some(seen) => {
                if seen.rule.is_some() != wanted.rule.is_some() {
                    return Err(self.other_kind());
                }
                let names = self.differs(seen, &wanted);
                if !names.is_empty() {
                    steps.push((Op::GroupUpdate, names));
                }
                if resolves(&wanted.licences, catalogue)
                    && !same_licences(&wanted.licences, &seen.licences, catalogue)
                {
                    steps.push((Op::GroupLicense, vec![LICENCES.to_owned()]));
                }
            }
        }
        if steps.is_empty() {
            return Ok(None);
        }
        let shape = Shape {
            key: self.key.clone(),
            wanted,
            before: seen,
            moves: None,
        };
        Ok(Some(order(shape, steps, now)))
    }

    fn differs(&self, seen: &SeenGroup, wanted: &WantedGroup) -> Vec<String> {
        let mut names = Vec::new();
        let mut differ = |name: &str, differs: bool| {
            if differs {
                names.push(name.to_owned());
            }
        };
        let rule = seen.rule.as_ref();
        differ(RULE, rule.is_some_and(|rule| !self.is_rule(rule)));
        differ(PROCESSING, rule.is_some() && !seen.evaluated);
        differ("name", seen.name != wanted.name);
        // What the file does not say is left as it is.
        differ(
            "description",
            wanted.description.is_some() && seen.description != wanted.description,
        );
        names
    }

    fn other_kind(&self) -> Finding {
        let (ours, theirs) = match self.mode {
            Mode::Dynamic => ("dynamic", "assigned"),
            Mode::Assigned => ("assigned", "dynamic"),
        };
        let note = format!(
            "group `{}` is {ours} in the file and {theirs} in the tenant, and changing that drops \
             its members: give the file's group another key, or change it there by hand",
            self.key
        );
        let kind = FindingKind::GroupDiffers;
        Finding::new(kind, Severity::Warning, Place::default(), note)
    }
}

/// Whether the target has these licences: what it does not have is told with the seats.
fn resolves(wanted: &[Licence], catalogue: &Catalogue) -> bool {
    let mut wanted = wanted.iter();
    wanted.all(|licence| catalogue.find(&licence.sku).is_some())
}

/// Whether licences are those that a group gives.
fn same_licences(wanted: &[Licence], seen: &[Licence], catalogue: &Catalogue) -> bool {
    let found = |written: &Licence| {
        let Some(sku) = catalogue.find(&written.sku) else {
            return (written.sku.to_lowercase(), Vec::new());
        };
        let plans = written.disabled_plans.iter();
        let mut plans: Vec<String> = plans
            .filter_map(|plan| sku.plans.iter().find(|it| it.is(plan)))
            .map(|plan| plan.id.to_lowercase())
            .collect();
        plans.sort_unstable();
        (sku.id.to_lowercase(), plans)
    };
    let mut wanted: Vec<_> = wanted.iter().map(found).collect();
    let mut seen: Vec<_> = seen.iter().map(found).collect();
    wanted.sort_unstable();
    seen.sort_unstable();
    wanted == seen
}

/// Whose order it is: nobody's.
fn whose(key: &str) -> PersonKey {
    PersonKey::new(format!("group:{key}"))
}

fn order(shape: Shape, steps: Vec<(Op, Vec<String>)>, now: Timestamp) -> WorkOrder {
    let person = whose(&shape.key);
    let content = serde_json::to_vec(&shape).expect("a shape is always JSON");
    let actions: Vec<Action> = steps
        .into_iter()
        .zip(1..)
        .map(|((op, names), place)| {
            let id = sha256_parts(&[person.as_str().as_bytes(), op.name().as_bytes(), &content]);
            Action {
                id: ActionId::new(format!("a-{}", &id[..32])),
                op,
                args: [("group".to_owned(), shape.key.clone())].into(),
                reason: Reason::GroupDiffers { names },
                rule: "groups".to_owned(),
                due: now,
                source: SourceRow::default(),
                destructive: false,
                undo: Vec::new(),
                after: None,
                place,
                entered: None,
                seen: None,
            }
        })
        .collect();
    let ids: Vec<&[u8]> = std::iter::once(person.as_str())
        .chain(actions.iter().map(|a| a.id.as_str()))
        .map(str::as_bytes)
        .collect();
    let id = OrderId::new(format!("o-{}", &sha256_parts(&ids)[..16]));
    WorkOrder {
        order: id,
        person,
        workers: Vec::new(),
        delta: DeltaKind::None,
        object: shape.before.as_ref().map(|it| it.id.clone()),
        values: None,
        actions,
        scheduled: Vec::new(),
        held: Vec::new(),
        impact: super::Impact::default(),
        workflow: None,
        group: Some(Box::new(shape)),
    }
}

/// Whether an action changes who is in a group that is there, or what they get by it.
pub fn waits_for_people(action: &Action) -> bool {
    let Reason::GroupDiffers { names } = &action.reason else {
        return false;
    };
    let heavy = [RULE, PROCESSING, LICENCES];
    names.iter().any(|name| heavy.contains(&name.as_str()))
}

/// Whether an action gives a group a rule that it did not have.
pub fn writes_rule(action: &Action) -> bool {
    let Reason::GroupDiffers { names } = &action.reason else {
        return false;
    };
    action.op == Op::GroupCreate || names.iter().any(|name| name == RULE)
}

impl Groups {
    /// Those that Rollcall makes and keeps, in the order of the file.
    pub fn ours(&self) -> impl Iterator<Item = &Group> {
        self.all.iter().filter(|group| group.ours())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Mapping;
    use crate::model::{ObjectId, Seats, ServicePlan};

    const MAPPING: &str = "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
        [[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
        [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
        [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n\
        [[attribute]]\ntarget = \"displayName\"\nsource = \"N\"\n";

    fn group(more: &str) -> Group {
        let text =
            format!("format_version = 1\n[[group]]\nkey = \"sales\"\nname = \"Sales\"\n{more}\n");
        let mapping = Mapping::parse(MAPPING, "m").unwrap();
        let groups = Groups::parse(&text, "groups.toml", &mapping).unwrap();
        groups.all()[0].clone()
    }

    fn seen(rule: Option<&str>) -> SeenGroup {
        SeenGroup {
            id: ObjectId::new("g1"),
            name: "Sales".to_owned(),
            description: Some("theirs".to_owned()),
            rule: rule.map(str::to_owned),
            evaluated: rule.is_some(),
            licences: Vec::new(),
        }
    }

    fn seats() -> Catalogue {
        let seats = vec![Seats {
            id: "ID-E5".to_owned(),
            name: "SPE_E5".to_owned(),
            free: 3,
            plans: vec![ServicePlan {
                id: "id-yammer".to_owned(),
                name: "YAMMER_ENTERPRISE".to_owned(),
            }],
        }];
        Catalogue::new(Some(seats), None)
    }

    const DYNAMIC: &str = "mode = \"dynamic\"\nrule = 'user.department -eq \"Sales\"'";

    fn steps(group: &Group, seen: Option<SeenGroup>) -> Vec<(Op, Vec<String>, bool)> {
        let now = Timestamp::UNIX_EPOCH;
        let order = group.shape(seen, &seats(), now).unwrap();
        let actions = order.into_iter().flat_map(|order| order.actions);
        actions
            .map(|action| {
                let waits = waits_for_people(&action);
                let Reason::GroupDiffers { names } = action.reason else {
                    panic!("another reason");
                };
                (action.op, names, waits)
            })
            .collect()
    }

    fn named(list: &[&str]) -> Vec<String> {
        list.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn what_differs_is_changed_and_what_moves_people_waits() {
        let plain = group(DYNAMIC);
        let rule = "user.department -eq \"Sales\"";
        assert_eq!(steps(&plain, None), [(Op::GroupCreate, vec![], false)]);
        assert_eq!(steps(&plain, Some(seen(Some(rule)))), []);
        let written = "(user.department -EQ  \"Sales\")";
        assert_eq!(
            steps(&plain, Some(seen(Some(written)))),
            [],
            "the same rule"
        );
        let other = seen(Some("user.department -eq \"IT\""));
        assert_eq!(
            steps(&plain, Some(other)),
            [(Op::GroupUpdate, named(&["rule"]), true)]
        );
        let paused = SeenGroup {
            evaluated: false,
            name: "Sale".to_owned(),
            ..seen(Some(rule))
        };
        assert_eq!(
            steps(&plain, Some(paused)),
            [(Op::GroupUpdate, named(&["processing", "name"]), true)]
        );
        let renamed = SeenGroup {
            name: "Sale".to_owned(),
            ..seen(Some(rule))
        };
        assert_eq!(
            steps(&plain, Some(renamed)),
            [(Op::GroupUpdate, named(&["name"]), false)]
        );
    }

    #[test]
    fn licences_are_compared_by_what_the_target_calls_them() {
        let less = "licences = [{ sku = \"spe_e5\", disabled_plans = [\"yammer_enterprise\"] }]";
        let licensed = group(&format!("{DYNAMIC}\n{less}"));
        let rule = Some("user.department -eq \"Sales\"");
        let give = |plans: &[&str]| SeenGroup {
            licences: vec![Licence {
                sku: "id-e5".to_owned(),
                disabled_plans: named(plans),
            }],
            ..seen(rule)
        };
        assert_eq!(
            steps(&licensed, None),
            [
                (Op::GroupCreate, vec![], false),
                (Op::GroupLicense, vec![], false)
            ]
        );
        assert_eq!(steps(&licensed, Some(give(&["ID-YAMMER"]))), []);
        for other in [give(&[]), seen(rule)] {
            assert_eq!(
                steps(&licensed, Some(other)),
                [(Op::GroupLicense, named(&["licences"]), true)]
            );
        }
    }

    #[test]
    fn what_the_target_does_not_have_waits_and_what_goes_goes() {
        let rule = Some("user.department -eq \"Sales\"");
        let gives = SeenGroup {
            licences: vec![Licence {
                sku: "id-e5".to_owned(),
                disabled_plans: Vec::new(),
            }],
            description: None,
            ..seen(rule)
        };
        // The last licence was taken out of the file.
        let plain = group(&format!("{DYNAMIC}\ndescription = \"\""));
        assert_eq!(
            steps(&plain, Some(gives.clone())),
            [(Op::GroupLicense, named(&["licences"]), true)]
        );
        let unknown = group(&format!("{DYNAMIC}\nlicences = [\"SPE_E5\", \"NOPE\"]"));
        assert_eq!(steps(&unknown, Some(gives)), []);
        assert_eq!(steps(&unknown, None), [(Op::GroupCreate, vec![], false)]);
    }

    #[test]
    fn a_group_does_not_turn_into_another_kind() {
        let kept = group("mode = \"assigned\"\nrule = 'worker.status -eq \"A\"'");
        let dynamic = seen(Some("user.department -eq \"Sales\""));
        let error = kept.shape(Some(dynamic), &Catalogue::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(error.unwrap_err().kind, FindingKind::GroupDiffers);
        let same = kept.shape(
            Some(seen(None)),
            &Catalogue::default(),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(same.unwrap(), None);
    }
}
