//! A policy as Lifecycle Workflows: what happens to whom, on which day, in which order.
//!
//! Each operation stands here once, in the order in which the engine plans it, with the day that a
//! parameter of the policy says; workflows are those of one day. A test plays policies and
//! compares, so that the listing cannot say anything else than what happens.

use serde_json::{Value as Json, json};

use super::definitions::{Category, Definition, by_id, of_op};
use crate::model::Op;
use crate::policy::Policy;

/// When a workflow begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// A day of the person, and so many days from it.
    Day {
        /// As Entra calls the date.
        attribute: &'static str,
        /// Below zero: before.
        days: i32,
    },
    /// Another value of one of these, and so many days after.
    Change {
        /// As the target calls them.
        attributes: Vec<String>,
        /// After it.
        days: i32,
    },
    /// HR says it, and so many days after.
    Said {
        /// What.
        what: &'static str,
        /// After it.
        days: i32,
    },
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTask {
    /// What is done: one operation, or what fits each thing it is done to.
    pub ops: Vec<Op>,
    /// The built-in task there that does the same.
    pub definition: Option<&'static Definition>,
    /// What it says more.
    pub note: String,
    /// Arguments as the built-in task takes them.
    pub arguments: Vec<(&'static str, String)>,
}

/// One workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it is about.
    pub category: Category,
    /// As the template there is called, or what comes nearest.
    pub name: &'static str,
    /// What it is, and what is otherwise here.
    pub description: &'static str,
    /// When.
    pub trigger: Trigger,
    /// In order; empty where Rollcall does nothing then.
    pub tasks: Vec<ListedTask>,
}

/// Steps of one thing that happens, in the order of the engine, with their days.
struct Steps(Vec<(i32, ListedTask)>);

impl Steps {
    fn add(&mut self, days: i32, ops: &[Op], note: impl Into<String>) -> &mut Self {
        let definition = match ops {
            [op] => of_op(*op),
            _ => None,
        };
        let task = ListedTask {
            ops: ops.to_vec(),
            definition,
            note: note.into(),
            arguments: Vec::new(),
        };
        self.0.push((days, task));
        self
    }

    /// What was added last is this task there.
    fn theirs(&mut self, id: &str) -> &mut Self {
        if let Some((_, task)) = self.0.last_mut() {
            task.definition = by_id(id);
        }
        self
    }

    fn add_if(&mut self, when: bool, days: i32, ops: &[Op], note: &str) -> &mut Self {
        if when {
            self.add(days, ops, note);
        }
        self
    }

    /// Day by day; within a day as they were added.
    fn by_day(mut self) -> Vec<(i32, Vec<ListedTask>)> {
        self.0.sort_by_key(|(days, _)| *days);
        let mut out: Vec<(i32, Vec<ListedTask>)> = Vec::new();
        for (days, task) in self.0 {
            match out.last_mut() {
                Some((same, tasks)) if *same == days => tasks.push(task),
                _ => out.push((days, vec![task])),
            }
        }
        out
    }
}

fn before(days: u16) -> i32 {
    -i32::from(days)
}

/// "Remove users from all groups".
const ALL_GROUPS: &str = "b3a31406-2a15-4c9a-b25b-a658fa5f07fc";
/// "Remove all license assignments from user".
const ALL_LICENCES: &str = "8fa97d28-3e52-4985-b3a9-a1126f9b8b4e";

/// What is done to devices at the cut: each gets what the decision table says.
const AT_THE_CUT: [Op; 5] = [
    Op::DeviceEscrowCheck,
    Op::DeviceDisable,
    Op::DeviceRetire,
    Op::DeviceRemoveUser,
    Op::AppSelectiveWipe,
];

/// What a policy does, as Lifecycle Workflows: of what holds for everybody.
pub fn listing(policy: &Policy) -> Vec<Listed> {
    let mut out = joiner(policy);
    out.extend(mover(policy));
    out.extend(leaver(policy));
    out.extend(others(policy));
    out
}

fn joiner(policy: &Policy) -> Vec<Listed> {
    let joiner = &policy.joiner;
    let mut steps = Steps(Vec::new());
    let (create, enable) = (before(joiner.create_days), 0);
    steps
        .add(
            create,
            &[Op::UserCreate],
            "disabled, with what the mapping says",
        )
        .add(create, &[Op::UserSetManager], "once there is an account");
    if let Some(days) = joiner.notify_manager_days {
        steps.add(before(days), &[Op::NotifyManager], "where there is one");
    }
    // Nobody gets anything before there is an account.
    let groups = before(joiner.groups_days.min(joiner.create_days));
    steps
        .add(
            groups,
            &[Op::GroupAdd],
            "what `groups.toml` gives by its rules",
        )
        .add(
            groups,
            &[Op::LicenceAssign],
            "what `groups.toml` gives by its rules",
        )
        .add(enable, &[Op::UserEnable], at(joiner.enable_local));
    if let Some(pass) = &joiner.pass {
        steps.add(enable, &[Op::TapIssue], "to whoever is to hand it over");
        if let Some((_, task)) = steps.0.last_mut() {
            task.note = format!("good from {} on", pass.local);
            task.arguments = vec![
                ("tapLifetimeMinutes", pass.minutes.to_string()),
                ("tapIsUsableOnce", "false".to_owned()),
            ];
        }
    }
    steps.add_if(joiner.welcome, enable, &[Op::NotifyWelcome], "");
    let day = |days| Trigger::Day {
        attribute: "employeeHireDate",
        days,
    };
    let mut out: Vec<Listed> = steps
        .by_day()
        .into_iter()
        .map(|(days, tasks)| {
            let (name, description) = if days < 0 {
                (
                    "Onboard pre-hire employee",
                    "What is ready before the first day; whoever is known late gets it at once.",
                )
            } else {
                (
                    "Onboard new hire employee",
                    "The first day of work, at the worker's place.",
                )
            };
            Listed {
                category: Category::Joiner,
                name,
                description,
                trigger: day(days),
                tasks,
            }
        })
        .collect();
    out.push(Listed {
        category: Category::Joiner,
        name: "Post-Onboarding of an employee",
        description: "Nothing waits until then: rules give groups and licences whenever they hold.",
        trigger: day(7),
        tasks: Vec::new(),
    });
    out
}

fn at(local: jiff::civil::Time) -> String {
    if local == jiff::civil::Time::midnight() {
        String::new()
    } else {
        format!("at {local} there")
    }
}

fn mover(policy: &Policy) -> Vec<Listed> {
    let mover = &policy.mover;
    let overlap = i32::from(mover.overlap_days);
    let mut steps = Steps(Vec::new());
    steps
        .add(
            0,
            &[Op::GroupRemove],
            "sensitive ones, before anything is given",
        )
        .add(0, &[Op::UserUpdate], "what the mapping says now")
        .add(0, &[Op::UserSetManager], "where HR names another one")
        .add(0, &[Op::GroupAdd], "what rules give now")
        .add(0, &[Op::LicenceAssign], "what rules give now")
        .add(
            overlap,
            &[Op::GroupRemove],
            "what no rule gives any more, once the new is there",
        )
        .add(
            overlap,
            &[Op::LicenceRemove],
            "what no rule gives any more, once the new is there",
        )
        .add_if(
            mover.mail_alias,
            0,
            &[Op::TaskManual],
            "where the sign-in name changes: somebody keeps the old address",
        );
    let days = steps.by_day().into_iter();
    days.map(|(days, tasks)| Listed {
        category: Category::Mover,
        name: "Employee job profile change",
        description: if days == 0 {
            "HR says something else of somebody: new access first."
        } else {
            "The overlap is over: old access goes."
        },
        trigger: Trigger::Change {
            attributes: mover.attributes.clone(),
            days,
        },
        tasks,
    })
    .collect()
}

/// An exit from the cut to the bin. `for_cause`: what goes with a dismissal.
fn exit(policy: &Policy, for_cause: bool) -> Steps {
    let leaver = &policy.leaver;
    let security = for_cause && leaver.for_cause;
    let mut steps = Steps(Vec::new());
    steps
        .add(0, &[Op::UserDisable], "")
        .add(0, &[Op::UserRevokeSessions], "always, after the block")
        .add_if(
            security,
            0,
            &[Op::UserResetPassword],
            "one that nobody knows",
        )
        .add_if(leaver.roles, 0, &[Op::RoleRemove], "")
        .add_if(leaver.roles, 0, &[Op::AppRoleRemove], "")
        .add(
            0,
            &[Op::GroupRemove],
            if leaver.all_groups {
                "all that give no licence"
            } else {
                "what Rollcall gave and gives no licence"
            },
        );
    if leaver.all_groups {
        steps.theirs(ALL_GROUPS);
    }
    let methods = leaver.methods_days.map(i32::from);
    let at_once = for_cause && methods.is_some();
    steps
        .add_if(at_once, 0, &[Op::AuthMethodsRemove], "")
        .add_if(
            leaver.devices,
            0,
            &AT_THE_CUT,
            "to each device what the decision table says",
        )
        .add(
            i32::from(leaver.licence_days),
            &[Op::GroupRemove],
            "those that give licences: a mailbox without one is gone 30 days later",
        )
        .add(
            i32::from(leaver.licence_days),
            &[Op::LicenceRemove],
            "what Rollcall gave",
        )
        .theirs(ALL_LICENCES);
    if let Some(days) = methods.filter(|_| !at_once) {
        steps.add(days, &[Op::AuthMethodsRemove], "");
    }
    if let Some(days) = leaver.delete_days {
        let note = "into the bin, where it lies for 30 days; not while anything is on hold";
        steps.add(i32::from(days), &[Op::UserDeleteSoft], note);
    }
    steps.add_if(security, 0, &[Op::NotifySecurity], "");
    if leaver.devices {
        let (devices, wipe) = (&policy.devices, &[Op::DeviceWipe]);
        let wait = i32::from(devices.return_wait_days);
        steps.add(
            wait,
            wipe,
            "once two people agree; sooner where it came back",
        );
        let gone = i32::from(devices.entra_delete_days);
        steps.add(gone, &[Op::DeviceDeleteEntra], "its record");
    }
    steps
}

fn leaver(policy: &Policy) -> Vec<Listed> {
    let mut out = vec![Listed {
        category: Category::Leaver,
        name: "Pre-Offboarding of an employee",
        description: "Nothing is taken before the last day is over.",
        trigger: Trigger::Day {
            attribute: "employeeLeaveDateTime",
            days: -7,
        },
        tasks: Vec::new(),
    }];
    let planned = exit(policy, false).by_day().into_iter();
    out.extend(planned.map(|(days, tasks)| Listed {
        category: Category::Leaver,
        name: if days == 0 {
            "Offboard an employee"
        } else {
            "Post-Offboarding of an employee"
        },
        description: if days == 0 {
            "The last day of work is over at the worker's place; for cause, see below."
        } else {
            "Days of 24 hours count from the block, or from the end of the employment where that is later."
        },
        trigger: Trigger::Day {
            attribute: "employeeLeaveDateTime",
            days,
        },
        tasks,
    }));
    let at_once = exit(policy, true).by_day().into_iter();
    let at_once = at_once.filter(|(days, _)| *days == 0);
    out.extend(at_once.map(|(days, tasks)| Listed {
        category: Category::Leaver,
        name: "Real-time employee termination",
        description: "Dismissed for cause, at the run, whatever the dates say; nothing is deleted, and what goes days later goes as for any leaver.",
        trigger: Trigger::Said {
            what: "dismissed for cause",
            days,
        },
        tasks,
    }));
    out
}

/// What has no template there.
fn others(policy: &Policy) -> Vec<Listed> {
    let cut = |what, name, description, wanted: bool| {
        let mut steps = Steps(Vec::new());
        steps.add_if(wanted, 0, &[Op::UserDisable], "").add_if(
            wanted,
            0,
            &[Op::UserRevokeSessions],
            "",
        );
        let tasks = steps.0.into_iter().map(|(_, task)| task).collect();
        Listed {
            category: Category::Leaver,
            name,
            description,
            trigger: Trigger::Said { what, days: 0 },
            tasks,
        }
    };
    let mut off = Steps(Vec::new());
    off.add(0, &[Op::UserDisable], "where it is enabled")
        .add(0, &[Op::UserRevokeSessions], "where it was enabled")
        .add_if(
            policy.joiner.notify_manager_days.is_some(),
            0,
            &[Op::NotifyManager],
            "who was told before",
        );
    if let Some(days) = policy.rescinded.delete_days {
        off.add(i32::from(days), &[Op::UserDeleteSoft], "");
    }
    let mut out: Vec<Listed> = off
        .by_day()
        .into_iter()
        .map(|(days, tasks)| Listed {
            category: Category::Leaver,
            name: "Hire called off",
            description: "What was to come is off.",
            trigger: Trigger::Said {
                what: "the hire is called off",
                days,
            },
            tasks,
        })
        .collect();
    out.extend([
        cut(
            "a leave without pay is long",
            "Long leave without pay",
            "From its first day on, and given back after its last; groups and licences stay.",
            true,
        ),
        cut(
            "released from work until the end",
            "Garden leave",
            "From its first day on; everything else waits for the end.",
            true,
        ),
        cut(
            "missing from two full files in a row",
            "Inactive: missing from HR",
            "Rollcall goes by what HR says, not by sign-ins: the first miss is reported, the second cuts, a person decides the rest.",
            policy.absence.second_miss_disables,
        ),
    ]);
    out
}

/// As Graph has workflows, so far as they can be; what there is no word for stands under
/// `rollcall`. `scope` is a rule over `worker.`, with the name of the workflow that it is of.
pub fn graph(listed: &[Listed], scope: Option<(&str, &str)>) -> Vec<Json> {
    listed.iter().map(|it| workflow(it, scope)).collect()
}

fn typed(name: &str) -> String {
    format!("#microsoft.graph.identityGovernance.{name}")
}

fn workflow(listed: &Listed, scope: Option<(&str, &str)>) -> Json {
    let (trigger, later) = match &listed.trigger {
        Trigger::Day { attribute, days } => {
            let trigger = json!({
                "@odata.type": typed("timeBasedAttributeTrigger"),
                "timeBasedAttribute": attribute, "offsetInDays": days,
            });
            (Some(trigger), 0)
        }
        Trigger::Change { attributes, days } => {
            let names: Vec<Json> = attributes.iter().map(|it| json!({"name": it})).collect();
            let trigger = json!({
                "@odata.type": typed("attributeChangeTrigger"), "triggerAttributes": names,
            });
            (Some(trigger), *days)
        }
        Trigger::Said { days, .. } => (None, *days),
    };
    let conditions = trigger.map_or_else(
        || json!({"@odata.type": typed("onDemandExecutionOnly")}),
        |trigger| {
            json!({
                "@odata.type": typed("triggerAndScopeBasedConditions"),
                "scope": null, "trigger": trigger,
            })
        },
    );
    let tasks = listed.tasks.iter().enumerate();
    let tasks: Vec<Json> = tasks
        .map(|(at, it)| task(listed.category, at + 1, it))
        .collect();
    let mut ours = json!({});
    if let Trigger::Said { what, .. } = &listed.trigger {
        ours["trigger"] = json!(what);
    }
    if later != 0 {
        ours["daysAfter"] = json!(later);
    }
    if let Some((name, rule)) = scope {
        ours["workflow"] = json!(name);
        ours["scope"] = json!(rule);
    }
    json!({
        "category": listed.category.name(), "displayName": listed.name,
        "description": listed.description, "isEnabled": !tasks.is_empty(),
        "isSchedulingEnabled": !tasks.is_empty(), "executionConditions": conditions,
        "tasks": tasks, "rollcall": ours,
    })
}

fn task(category: Category, sequence: usize, task: &ListedTask) -> Json {
    let ops: Vec<&str> = task.ops.iter().map(|op| op.name()).collect();
    let arguments = task.arguments.iter();
    let arguments: Vec<Json> = arguments
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let name = task.definition.map(|it| it.name);
    json!({
        "taskDefinitionId": task.definition.map(|it| it.id),
        "displayName": name.map_or_else(|| ops.join(" | "), str::to_owned),
        "description": task.note, "category": category.name(), "isEnabled": true,
        // A step that fails keeps back only what needs it, and comes again with the next run.
        "continueOnError": true, "executionSequence": sequence, "arguments": arguments,
        "rollcall": {"ops": ops},
    })
}
