//! What each task becomes, by what begins its workflow.

use super::super::definitions::{Category, Means};
use super::{Importer, MINUTES, PASS_FROM, PASS_MINUTES, Said, Standing, Task, When};
use crate::policy::{OrNever, Pass, Workflow};

impl Importer<'_> {
    pub(super) fn carry(
        &mut self,
        path: &str,
        category: Category,
        when: &When,
        tasks: &[Task<'_>],
        at: usize,
    ) {
        match (category, when) {
            (Category::Joiner, When::Hire(days)) => {
                for task in tasks {
                    self.joiner(task, *days, at);
                }
            }
            (Category::Leaver, When::Leave(days)) => self.leaver(tasks, *days, at),
            (Category::Mover, When::Changes(names)) => self.mover(path, names, tasks, at),
            (Category::Leaver, When::ByHand) => self.by_hand(path, tasks),
            (_, When::ByHand) => {
                let why = "nobody starts anything by hand here: say it in HR, and run";
                self.left(path, "trigger", why);
                self.left_with(tasks, "its workflow is started by hand");
            }
            (category, When::Hire(_) | When::Leave(_) | When::Changes(_)) => {
                let why = format!(
                    "nothing here begins so for a {}: joiners begin with the first day of work, \
                     leavers with the last one, movers with another value",
                    category.name()
                );
                self.left(&format!("{path}.trigger"), "trigger", why);
                self.left_with(tasks, "its trigger is left out");
            }
        }
    }

    fn left_with(&mut self, tasks: &[Task<'_>], why: &str) {
        for task in tasks {
            self.left(&task.path, &task.what, why);
        }
    }

    /// Says a parameter, unless another workflow of the same scope says it otherwise.
    fn put(
        &mut self,
        at: usize,
        key: &'static str,
        value: &str,
        task: &Task<'_>,
        set: impl FnOnce(&mut Workflow),
    ) {
        let draft = &mut self.drafts[at];
        if let Some(said) = draft.said.get(key) {
            if said.value != value {
                let why = format!("`{key} = {value}`, and {} says {}", said.path, said.value);
                self.left(&task.path, &task.what, why);
                return;
            }
        } else {
            set(&mut draft.changes);
            let path = task.path.clone();
            let value = value.to_owned();
            draft.said.insert(key, Said { value, path });
        }
        self.carried(&task.path, &task.what, format!("{key} = {value}"));
    }

    /// Arguments that say something of mails, and of accounts on premises.
    fn leave_arguments(&mut self, task: &Task<'_>, but: &[&str]) {
        for (path, name, value) in &task.arguments {
            if but.contains(name) {
                continue;
            }
            let why = match *name {
                "to" | "cc" | "customSubject" | "customBody" | "locale" => {
                    "who gets which text is said where Rollcall's messages are delivered"
                }
                "enableOnPremisesAccount"
                | "disableOnPremisesAccount"
                | "deleteOnPremisesAccount" => {
                    if value.eq_ignore_ascii_case("false") {
                        continue;
                    }
                    "Rollcall writes no account on premises"
                }
                "tapIsUsableOnce" => {
                    if value.eq_ignore_ascii_case("false") {
                        continue;
                    }
                    "passes are good for as long as they last"
                }
                "groupID" | "teamID" => {
                    "say in `groups.toml` who is in it by a rule: `adopt = true` beside its `id`"
                }
                "licenses" => "say in `groups.toml` who gets it by a rule",
                _ => "nothing here takes it",
            };
            self.left(path, &format!("argument `{name}`"), why);
        }
    }

    fn joiner(&mut self, task: &Task<'_>, days: i64, at: usize) {
        let before = u16::try_from(-days).ok();
        let (path, what) = (task.path.as_str(), task.what.as_str());
        match task.definition.means {
            Means::Welcome if days == 0 => {
                self.put(at, "joiner.welcome", "true", task, |it| {
                    it.joiner.welcome = Some(true);
                });
                self.leave_arguments(task, &[]);
            }
            Means::Welcome => self.left(path, what, "the welcome goes out on the first day"),
            Means::TellManager => match before {
                Some(days) => {
                    let key = "joiner.notify_manager_days";
                    self.put(at, key, &days.to_string(), task, |it| {
                        it.joiner.notify_manager_days = Some(OrNever::Is(days));
                    });
                    self.leave_arguments(task, &[]);
                }
                None => self.left(path, what, "the manager is told before the first day"),
            },
            Means::Pass => self.pass(task, days, at),
            Means::Enable if days == 0 => {
                self.carried(path, what, "accounts are enabled on the first day, always");
                self.leave_arguments(task, &[]);
            }
            Means::Enable => self.left(
                path,
                what,
                "accounts are enabled on the first day; `joiner.enable_local` says at what time",
            ),
            Means::AddGroups | Means::AssignLicences => match before {
                Some(days) => {
                    let key = "joiner.groups_days";
                    self.put(at, key, &days.to_string(), task, |it| {
                        it.joiner.groups_days = Some(days);
                    });
                    self.leave_arguments(task, &[]);
                }
                None => self.left(
                    path,
                    what,
                    "groups and licences come before the first day, or when a rule begins to hold",
                ),
            },
            Means::RemoveGroups => {
                let why = "what Rollcall gave goes when its rule ends, and nothing else";
                self.left(path, what, why);
            }
            Means::Nothing(why) => self.left(path, what, why),
            Means::Disable
            | Means::Revoke
            | Means::RemoveAllGroups
            | Means::RemoveAllTeams
            | Means::RemoveLicences
            | Means::RemoveAllLicences
            | Means::Delete => self.left(path, what, "nothing is taken from who comes"),
        }
    }

    fn pass(&mut self, task: &Task<'_>, days: i64, at: usize) {
        let said = task
            .arguments
            .iter()
            .find(|(_, name, _)| *name == "tapLifetimeMinutes");
        let minutes = match said {
            None => {
                let why = format!("it says no `tapLifetimeMinutes`: {PASS_MINUTES}, as P0 has it");
                self.otherwise(&task.path, &task.what, why);
                PASS_MINUTES
            }
            Some((path, _, value)) => {
                let minutes = value.trim().parse().ok();
                let Some(minutes) = minutes.filter(|it| MINUTES.contains(it)) else {
                    let path = path.clone();
                    let why = "a pass lasts 10 to 43,200 minutes";
                    self.left(&path, "argument `tapLifetimeMinutes`", why);
                    self.left(&task.path, &task.what, "nobody says how long it is to last");
                    return;
                };
                minutes
            }
        };
        let pass = Pass {
            local: PASS_FROM,
            minutes,
        };
        let value = format!("{{ local = \"{PASS_FROM}\", minutes = {minutes} }}");
        self.put(at, "joiner.pass", &value, task, |it| {
            it.joiner.pass = Some(OrNever::Is(pass));
        });
        let mut why =
            format!("it is good from {PASS_FROM} of the first day on, at the worker's place");
        if days != 0 {
            why += ", and goes out when the account is enabled, not days before";
        }
        self.otherwise(&task.path, &task.what, why);
        self.leave_arguments(task, &["tapLifetimeMinutes"]);
    }

    fn mover(&mut self, path: &str, names: &[String], tasks: &[Task<'_>], at: usize) {
        let place = format!("{path}.trigger.triggerAttributes");
        for name in names {
            if !self.attributes.contains(name) {
                self.attributes.push(name.clone());
            }
            let why = "mover.attributes: what makes a move, for everybody; the list that was there \
                       is replaced";
            self.otherwise(&place, &format!("attribute `{name}`"), why);
        }
        for task in tasks {
            let (path, what) = (task.path.as_str(), task.what.as_str());
            match task.definition.means {
                Means::AddGroups | Means::AssignLicences => {
                    self.carried(path, what, "rules of `groups.toml` give it at the move");
                    self.leave_arguments(task, &[]);
                }
                Means::RemoveGroups | Means::RemoveLicences => {
                    self.put(at, "mover.overlap_days", "0", task, |it| {
                        it.mover.overlap_days = Some(0);
                    });
                    let why = "it goes at the move, once what comes instead is there; `7` keeps the \
                               old for a week beside the new";
                    self.otherwise(path, what, why);
                    self.leave_arguments(task, &[]);
                }
                Means::Revoke => {
                    let why = "sessions end with a cut, and nobody who moves is cut off";
                    self.left(path, what, why);
                }
                Means::Nothing(why) => self.left(path, what, why),
                Means::Welcome
                | Means::TellManager
                | Means::Pass
                | Means::Enable
                | Means::Disable
                | Means::RemoveAllGroups
                | Means::RemoveAllTeams
                | Means::RemoveAllLicences
                | Means::Delete => self.left(path, what, "nothing of it belongs to a move"),
            }
        }
    }

    fn leaver(&mut self, tasks: &[Task<'_>], days: i64, at: usize) {
        let means = |wanted: Means| tasks.iter().any(|task| task.definition.means == wanted);
        let (revokes, all_groups) = (means(Means::Revoke), means(Means::RemoveAllGroups));
        for task in tasks {
            let (path, what) = (task.path.as_str(), task.what.as_str());
            match task.definition.means {
                Means::Disable | Means::Revoke if days < 0 => {
                    self.left(path, what, "nobody is cut off before the last day is over");
                }
                Means::Disable | Means::Revoke => {
                    let why = "whoever leaves is blocked and signed out when the last day is \
                               over, at the worker's place";
                    let sooner = if days > 0 {
                        format!(": {days} days sooner than there")
                    } else {
                        String::new()
                    };
                    let alone = task.definition.means == Means::Disable && !revokes;
                    let more = if alone {
                        "; sessions are revoked right after the block, which the workflow does not do"
                    } else {
                        ""
                    };
                    let standing = if days > 0 || alone {
                        Standing::Otherwise
                    } else {
                        Standing::Carried
                    };
                    let why = format!("{why}{sooner}{more}");
                    self.note(path, what, standing, why);
                    self.leave_arguments(task, &[]);
                }
                Means::RemoveAllGroups if days == 0 => {
                    self.put(at, "leaver.all_groups", "true", task, |it| {
                        it.leaver.all_groups = Some(true);
                    });
                    let why = "those that give licences go with the licences";
                    self.otherwise(path, what, why);
                }
                Means::RemoveAllTeams if days == 0 && all_groups => {
                    self.carried(path, what, "teams are groups: they go with all groups");
                }
                Means::RemoveAllGroups | Means::RemoveAllTeams if days != 0 => {
                    let why = "memberships go with the cut and at no other time: \
                               `leaver.all_groups = true` takes them all then";
                    self.left(path, what, why);
                }
                Means::RemoveAllGroups | Means::RemoveAllTeams => {
                    let why = "`leaver.all_groups = true` takes teams and every other group too";
                    self.left(path, what, why);
                }
                Means::RemoveGroups | Means::RemoveLicences => {
                    let why = "what Rollcall gave it takes from leavers by itself; of the rest, \
                               `leaver.all_groups = true` takes all groups";
                    self.left(path, what, why);
                    self.leave_arguments(task, &[]);
                }
                Means::RemoveAllLicences => self.licences(task, days, at),
                Means::Delete => self.delete(task, days, at),
                Means::Nothing(why) => self.left(path, what, why),
                Means::Welcome
                | Means::TellManager
                | Means::Pass
                | Means::Enable
                | Means::AddGroups
                | Means::AssignLicences => self.left(path, what, "nothing is given to who leaves"),
            }
        }
    }

    fn licences(&mut self, task: &Task<'_>, days: i64, at: usize) {
        let Ok(days) = u16::try_from(days) else {
            let why = "licences go after the cut, not before";
            self.left(&task.path, &task.what, why);
            return;
        };
        let key = "leaver.licence_days";
        self.put(at, key, &days.to_string(), task, |it| {
            it.leaver.licence_days = Some(days);
        });
        let mut why =
            "what Rollcall gave, and groups that give any; counted from the block".to_owned();
        if days < 30 {
            why += ". A mailbox without a licence is gone 30 days later";
        }
        self.otherwise(&task.path, &task.what, why);
    }

    fn delete(&mut self, task: &Task<'_>, days: i64, at: usize) {
        let (path, what) = (task.path.as_str(), task.what.as_str());
        match u16::try_from(days) {
            Err(_) => self.left(path, what, "nobody is deleted before they left"),
            Ok(days) if self.options.keep_deletes => {
                let key = "leaver.delete_days";
                self.put(at, key, &days.to_string(), task, |it| {
                    it.leaver.delete_days = Some(OrNever::Is(days));
                });
                let why =
                    "counted from the block, always after it; never while anything is on hold";
                self.otherwise(path, what, why);
                self.leave_arguments(task, &[]);
            }
            Ok(days) => {
                let why = format!(
                    "it deletes accounts: `--keep-deletes` carries it over as \
                     `leaver.delete_days = {days}`"
                );
                self.left(path, what, why);
            }
        }
    }

    fn by_hand(&mut self, path: &str, tasks: &[Task<'_>]) {
        let why = "nobody starts anything by hand here: whoever HR says is dismissed for cause \
                   (`[worker] for_cause` of the mapping) is cut off at the run; \
                   `leaver.for_cause = true` resets the password and tells security too";
        self.otherwise(path, "trigger", why);
        for task in tasks {
            let (path, what) = (task.path.as_str(), task.what.as_str());
            match task.definition.means {
                Means::Disable | Means::Revoke => {
                    self.carried(path, what, "every cut blocks and signs out");
                }
                Means::Delete => {
                    let why = "nothing is deleted at once: it would start every clock of the data; \
                               `leaver.delete_days` says after how many days";
                    self.left(path, what, why);
                }
                Means::RemoveAllGroups | Means::RemoveAllTeams => {
                    let why = "`leaver.all_groups = true` takes them from whoever leaves, at once \
                               where that is for cause; decide that for all of them";
                    self.left(path, what, why);
                }
                Means::Nothing(why) => self.left(path, what, why),
                Means::Welcome
                | Means::TellManager
                | Means::Pass
                | Means::Enable
                | Means::AddGroups
                | Means::AssignLicences
                | Means::RemoveGroups
                | Means::RemoveLicences
                | Means::RemoveAllLicences => {
                    self.left(path, what, "its workflow is started by hand");
                }
            }
        }
    }
}
