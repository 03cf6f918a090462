//! The parameters of the shipped policy P0, overridden by a case, as the policy that runs.

use std::collections::BTreeMap;

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use crate::policy::{
    Absence, Approvals, Budget, Budgets, Devices, Freeze, Gates, Joiner, LeavePolicy, Leaver,
    Managers, Mover, Pass, Policy, Protected, Rescinded, Statuses,
};

/// P0 as it ships.
const P0: &str = include_str!("p0.yaml");

/// Maps whose keys are names: any may be added.
const OPEN: [&str; 2] = ["type_groups", "company_groups"];

/// What beside the policy a play reads.
#[derive(Debug, Clone)]
pub(super) struct Params {
    pub(super) policy: Policy,
    pub(super) nightly: Time,
    pub(super) sensitive: Vec<String>,
    pub(super) protected: Vec<String>,
    pub(super) by_dept_name: bool,
    pub(super) type_groups: BTreeMap<String, String>,
    pub(super) company_groups: BTreeMap<String, Vec<String>>,
    pub(super) rename: bool,
    pub(super) reserved_days: u16,
    pub(super) budgets: Limits,
    pub(super) agree: Agree,
    pub(super) second_within: SignedDuration,
    pub(super) sla_leaver: SignedDuration,
    pub(super) sla_for_cause: SignedDuration,
}

/// How many of what may go at once.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) disables: Budget,
    pub(super) deletes: Budget,
    pub(super) wipes: Budget,
    pub(super) removals: Budget,
    pub(super) lane: usize,
}

/// How many people have to agree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agree {
    pub(super) wipe: usize,
    pub(super) over_budget: usize,
    pub(super) protected: usize,
    pub(super) identity_conflict: usize,
    pub(super) deceased_review: usize,
    pub(super) legal_hold: usize,
}

/// Reads values by path and remembers what is wrong with them.
struct Reader {
    all: Json,
    problems: Vec<String>,
}

impl Reader {
    fn at(&self, path: &str) -> &Json {
        path.split('.').fold(&self.all, |at, key| &at[key])
    }

    fn number<N: TryFrom<u64> + Default>(&mut self, path: &str) -> N {
        let value = self.at(path).as_u64().and_then(|n| N::try_from(n).ok());
        value.unwrap_or_else(|| {
            self.problems.push(format!("`{path}` is no whole number"));
            N::default()
        })
    }

    fn share(&mut self, path: &str) -> f64 {
        self.at(path).as_f64().unwrap_or_else(|| {
            self.problems.push(format!("`{path}` is no number"));
            0.0
        })
    }

    fn time(&mut self, path: &str) -> Time {
        let text = self.at(path).as_str().and_then(|text| text.parse().ok());
        text.unwrap_or_else(|| {
            self.problems
                .push(format!("`{path}` is no time such as 07:00"));
            Time::midnight()
        })
    }

    fn texts(&mut self, path: &str) -> Vec<String> {
        let list = self.at(path).as_array().cloned().unwrap_or_default();
        list.iter()
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect()
    }

    /// `max(10, 2%)`, `10%` or `5`.
    fn budget(&mut self, path: &str) -> Budget {
        let text = match self.at(path) {
            Json::Number(number) => number.to_string(),
            Json::String(text) => text.clone(),
            _ => String::new(),
        };
        let inner = text
            .strip_prefix("max(")
            .and_then(|rest| rest.strip_suffix(')'))
            .unwrap_or(&text);
        let mut budget = Budget {
            count: 0,
            percent: 0.0,
        };
        for part in inner.split(',').map(str::trim) {
            let read = match part.strip_suffix('%') {
                Some(percent) => percent.trim().parse().map(|it| budget.percent = it).is_ok(),
                None => part.parse().map(|it| budget.count = it).is_ok(),
            };
            if !read {
                let problem = format!("`{path}` is no budget such as max(10, 2%)");
                self.problems.push(problem);
            }
        }
        budget
    }
}

impl Params {
    /// P0 with what a case says otherwise.
    ///
    /// # Errors
    /// Every key that P0 does not have, and every value that is none.
    pub(super) fn of(over: &Json) -> Result<Self, Vec<String>> {
        let base: Json = serde_saphyr::from_str(P0).map_err(|e| vec![e.to_string()])?;
        let mut problems = Vec::new();
        let (workflow, over) = taken_out("workflow", over, &mut problems);
        let (succession, over) = taken_out("succession", &over, &mut problems);
        let all = merge(base.clone(), &over, "", &mut problems);
        prose(&base, &all, "", &mut problems);
        let mut read = Reader { all, problems };
        let list = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        let freeze = read.texts("freeze");
        let mut freezes = Vec::new();
        for pair in freeze.chunks(2) {
            match pair {
                [from, to] => match (from.parse::<Timestamp>(), to.parse::<Timestamp>()) {
                    (Ok(from), Ok(to)) => freezes.push(Freeze { from, to }),
                    _ => read.problems.push("`freeze` holds instants".to_owned()),
                },
                _ => read.problems.push("`freeze` holds pairs".to_owned()),
            }
        }
        let days: u16 = read.number("leaver.licence_and_methods_days");
        let policy = Policy {
            format_version: 1,
            status: Statuses {
                active: list(&["active", "prehire", "leave"]),
                inactive: list(&["terminated"]),
                rescinded: list(&["rescinded"]),
                no_show: list(&["noshow"]),
                deceased: list(&["deceased"]),
            },
            default_zone: None,
            joiner: Joiner {
                create_days: read.number("joiner.create_days"),
                groups_days: read.number("joiner.groups_days"),
                notify_manager_days: Some(read.number("joiner.notify_manager_days")),
                enable_local: read.time("joiner.enable_local"),
                pass: Some(Pass {
                    local: read.time("joiner.tap_local"),
                    minutes: read.number("joiner.tap_minutes"),
                }),
                welcome: true,
            },
            mover: Mover {
                overlap_days: read.number("mover.overlap_days"),
                bridge_gap_days: read.number("mover.bridge_gap_days"),
                mail_alias: true,
                ..Mover::default()
            },
            leaver: Leaver {
                licence_days: days,
                methods_days: Some(days),
                delete_days: Some(read.number("leaver.delete_days")),
                all_groups: true,
                roles: true,
                for_cause: true,
                devices: true,
                // Proofs are of what a target shows: there is none to play.
                proof: Vec::new(),
            },
            device: Vec::new(),
            devices: Devices {
                wipe: true,
                keep_esim: false,
                return_wait_days: read.number("devices.return_wait_days"),
                reissue_days: read.number("devices.reissue_days"),
                escalate_days: read.number("devices.escalate_days"),
                unresolved_days: read.number("devices.unresolved_days"),
                entra_delete_days: read.number("devices.entra_delete_days"),
            },
            rescinded: Rescinded {
                delete_days: Some(read.number("rescinded.delete_days")),
            },
            leave: LeavePolicy {
                unpaid_block_from_days: read.number("leave.unpaid_block_from_days"),
            },
            absence: Absence {
                second_miss_disables: true,
                human_after_days: read.number("absence.human_after_days"),
            },
            freeze: freezes,
            managers: Managers {
                no_manager_ok: read.texts("no_manager_ok"),
            },
            gates: Gates {
                row_count_pct: read.share("gates.row_count_pct"),
                key_set_pct: 100.0,
                rows_min: 0,
                unknown_status_pct: read.share("gates.unknown_status_pct"),
                inactive_share_points: read.share("gates.inactive_share_points"),
                churn_pct: 100.0,
                fill_points: 100.0,
                distinct_pct: 100.0,
                max_source_age_h: read.number("gates.max_source_age_h"),
            },
            budgets: Budgets {
                disables: read.budget("budgets.disables"),
                removals: read.budget("budgets.access_removals"),
                deletions: read.budget("budgets.deletes"),
                immediate_lane: read.number("budgets.immediate_lane"),
                slice: Vec::new(),
            },
            protected: Protected {
                workers: read.texts("protected"),
                accounts: read.texts("protected"),
                rule: None,
            },
            approvals: Approvals::default(),
            succession,
            workflow,
        };
        read.problems.extend(policy.workflow_problems());
        let hours = |hours: u32| SignedDuration::from_hours(i64::from(hours));
        let out = Self {
            nightly: read.time("nightly_utc"),
            sensitive: read.texts("sensitive"),
            protected: read.texts("protected"),
            by_dept_name: read.at("group_map").as_str() == Some("dept_name"),
            type_groups: map(read.at("type_groups")),
            company_groups: map(read.at("company_groups")),
            rename: read.at("names.upn_on_rename").as_str() == Some("change"),
            reserved_days: read.number("names.reserved_days"),
            budgets: Limits {
                disables: read.budget("budgets.disables"),
                deletes: read.budget("budgets.deletes"),
                wipes: read.budget("budgets.wipes"),
                removals: read.budget("budgets.access_removals"),
                lane: read.number("budgets.immediate_lane"),
            },
            agree: Agree {
                wipe: read.number("approvals.wipe"),
                over_budget: read.number("approvals.over_budget"),
                protected: read.number("approvals.protected"),
                identity_conflict: read.number("approvals.identity_conflict"),
                deceased_review: read.number("approvals.deceased_review"),
                legal_hold: read.number("approvals.legal_hold"),
            },
            second_within: hours(read.number("approvals.second_within_h")),
            sla_leaver: hours(read.number("sla.leaver_h")),
            sla_for_cause: SignedDuration::from_mins(
                read.number::<u32>("sla.for_cause_min").into(),
            ),
            policy,
        };
        if read.problems.is_empty() {
            Ok(out)
        } else {
            Err(read.problems)
        }
    }
}

/// The shipped policy, as scenarios play it.
///
/// # Panics
/// Never: a test reads it.
pub fn p0() -> Policy {
    let params = Params::of(&Json::Null).expect("P0 is read by a test");
    params.policy
}

/// What a case says as a policy file has it, and the rest: P0 has no such table.
fn taken_out<T: serde::de::DeserializeOwned + Default>(
    table: &str,
    over: &Json,
    problems: &mut Vec<String>,
) -> (T, Json) {
    let mut rest = over.clone();
    let said = rest.as_object_mut().and_then(|map| map.remove(table));
    let read = said.map_or_else(|| Ok(T::default()), serde_json::from_value);
    let read = read.unwrap_or_else(|error| {
        problems.push(format!("`policy.{table}`: {error}"));
        T::default()
    });
    (read, rest)
}

fn map<V: serde::de::DeserializeOwned>(value: &Json) -> BTreeMap<String, V> {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

/// A map key by key, anything else replaced.
fn merge(base: Json, over: &Json, path: &str, problems: &mut Vec<String>) -> Json {
    match (base, over) {
        (base, Json::Null) => base,
        (Json::Object(mut base), Json::Object(over)) => {
            for (key, value) in over {
                let path = format!("{path}{key}");
                match base.remove(key) {
                    Some(old) => {
                        let new = merge(old, value, &format!("{path}."), problems);
                        base.insert(key.clone(), new);
                    }
                    None if OPEN.iter().any(|open| path.starts_with(open)) => {
                        base.insert(key.clone(), value.clone());
                    }
                    None => problems.push(format!("`policy.{path}` is no key of P0")),
                }
            }
            Json::Object(base)
        }
        (_, over) => over.clone(),
    }
}

/// What P0 says in words or as an order is how the engine works: a case cannot say otherwise.
fn prose(base: &Json, all: &Json, path: &str, problems: &mut Vec<String>) {
    const WORDS: [&str; 27] = [
        "joiner.tap_start",
        "joiner.late_notify_manager",
        "joiner.order",
        "mover.order",
        "leaver.cut",
        "leaver.access_date",
        "leaver.for_cause",
        "leaver.noshow",
        "leaver.order",
        "leaver.clock",
        "leaver_reversed",
        "leave.paid",
        "leave.garden",
        "deceased",
        "hold_released",
        "absence.first_miss",
        "absence.second_consecutive_accepted_full_file",
        "gates.duplicate_sha256",
        "gates.as_of",
        "gates.trailer",
        "stale_source",
        "budgets.over",
        "approvals.distinct",
        "names.upn",
        "names.compare",
        "concurrent",
        "rehire",
    ];
    if let (Json::Object(base), Json::Object(all)) = (base, all) {
        for (key, old) in base {
            let here = format!("{path}{key}");
            let new = &all[key];
            if WORDS.contains(&here.as_str()) && new != old {
                let problem =
                    format!("`policy.{here}` says how the engine works; it has no other way");
                problems.push(problem);
            } else {
                prose(old, new, &format!("{here}."), problems);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p0_is_read_whole() {
        let params = Params::of(&Json::Null).unwrap();
        assert_eq!(params.policy.joiner.create_days, 14);
        assert_eq!(params.budgets.disables.limit(2000), 40);
        assert_eq!(params.budgets.disables.limit(100), 10);
        assert_eq!(params.budgets.wipes.limit(100_000), 5);
        assert_eq!(params.budgets.removals.limit(1000), 100);
    }

    #[test]
    fn a_case_changes_what_p0_has_and_nothing_else() {
        let over = serde_json::json!({"mover": {"overlap_days": 3}, "type_groups": {"a": "G-A"}});
        let params = Params::of(&over).unwrap();
        assert_eq!(params.policy.mover.overlap_days, 3);
        assert_eq!(params.policy.mover.bridge_gap_days, 3);
        assert_eq!(params.type_groups["a"], "G-A");
        for bad in [
            serde_json::json!({"mover": {"overlap": 3}}),
            serde_json::json!({"budgets": {"wipes": "some"}}),
            serde_json::json!({"leaver": {"cut": "never"}}),
        ] {
            assert!(Params::of(&bad).is_err(), "{bad}");
        }
    }
}
