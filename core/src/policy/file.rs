//! The policy file (TOML): strict, every mistake reported with its line.

use serde::{Deserialize, Serialize};

use crate::digest::sha256;

/// What the file says. Unknown keys are errors; absent ones have the defaults of P0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// 1.
    pub format_version: u32,
    /// Which status values mean what.
    pub status: Statuses,
    /// Zone of workers whose row names none.
    #[serde(default)]
    pub default_zone: Option<String>,
    /// Joiners.
    #[serde(default)]
    pub joiner: Joiner,
    /// Movers.
    #[serde(default)]
    pub mover: Mover,
    /// Leavers.
    #[serde(default)]
    pub leaver: Leaver,
    /// What absence from a full file does.
    #[serde(default)]
    pub absence: Absence,
    /// Manager references.
    #[serde(default)]
    pub managers: Managers,
    /// Doubts about a whole intake.
    #[serde(default)]
    pub gates: Gates,
    /// How much may be taken away at once.
    #[serde(default)]
    pub budgets: Budgets,
    /// Who is never touched without two approvals.
    #[serde(default)]
    pub protected: Protected,
    /// How many people have to agree.
    #[serde(default)]
    pub approvals: Approvals,
}

/// Status values by meaning; compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statuses {
    /// In force, or about to be.
    pub active: Vec<String>,
    /// Left.
    pub inactive: Vec<String>,
}

/// What a status value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusClass {
    /// In force, or about to be: dates decide.
    Active,
    /// Left.
    Inactive,
    /// In neither list: the row is held.
    Unknown,
}

/// When a joiner's account is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Joiner {
    /// Calendar days before the first day, at 00:00 of the worker's place.
    pub create_days: u16,
    /// The same for groups and licences that Rollcall gives itself.
    pub groups_days: u16,
}

impl Default for Joiner {
    fn default() -> Self {
        Self {
            create_days: 14,
            groups_days: 1,
        }
    }
}

/// What makes a change a move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mover {
    /// Target attributes whose change is a move; any other change is an update. `manager` counts
    /// as one.
    pub attributes: Vec<String>,
    /// Days of 24 hours that a group or a licence is kept beside those that come instead.
    pub overlap_days: u16,
}

impl Default for Mover {
    fn default() -> Self {
        let names = [
            "department",
            "companyName",
            "jobTitle",
            "officeLocation",
            "employeeType",
            "manager",
        ];
        Self {
            attributes: names.map(str::to_owned).to_vec(),
            overlap_days: 7,
        }
    }
}

/// What goes after the cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Leaver {
    /// Days of 24 hours after the cut that licences stay, and groups that give any: a mailbox
    /// without a licence is gone after 30 more.
    pub licence_days: u16,
}

impl Default for Leaver {
    fn default() -> Self {
        Self { licence_days: 30 }
    }
}

/// What absence from a full file does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Absence {
    /// `true`: the second accepted full file in a row without the worker disables and revokes.
    /// `false`: it is only ever reported.
    pub second_miss_disables: bool,
}

impl Default for Absence {
    fn default() -> Self {
        Self {
            second_miss_disables: true,
        }
    }
}

/// Manager references.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Managers {
    /// Workers whose empty manager cell clears the manager; for everybody else it says nothing.
    pub no_manager_ok: Vec<String>,
}

/// Statistical doubt parks an intake until somebody approves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gates {
    /// Rows more than this percent off the last accepted full file, either way.
    pub row_count_pct: f64,
    /// Workers of the last accepted full file that this one does not list, in percent.
    pub key_set_pct: f64,
    /// No gate trips at or below this many rows: small companies lose 5 % when one person leaves.
    pub rows_min: u32,
    /// Rows with a status in neither list, in percent.
    pub unknown_status_pct: f64,
    /// Change of the share of inactive rows, in percentage points.
    pub inactive_share_points: f64,
    /// Hours after which a source is stale: only dated cuts are still released.
    pub max_source_age_h: u32,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            row_count_pct: 5.0,
            key_set_pct: 5.0,
            rows_min: 3,
            unknown_status_pct: 1.0,
            inactive_share_points: 5.0,
            max_source_age_h: 36,
        }
    }
}

/// Budgets over a rolling 24 hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// Accounts disabled.
    pub disables: Budget,
    /// People who stay and lose groups or licences.
    pub removals: Budget,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            disables: Budget::default(),
            removals: Budget {
                count: 10,
                percent: 10.0,
            },
        }
    }
}

/// The larger of a count and a percentage of managed accounts, rounded down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// At least this many.
    pub count: u32,
    /// Or this percent of the managed accounts before the run.
    pub percent: f64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            count: 10,
            percent: 2.0,
        }
    }
}

impl Budget {
    /// How many are let through, given the managed accounts.
    pub fn limit(&self, managed: u32) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "validated to 0..=100 percent of a u32: it fits and is not negative"
        )]
        let share = (f64::from(managed) * self.percent / 100.0).floor() as u32;
        self.count.max(share)
    }
}

/// Who is never touched without approval (P9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Protected {
    /// Worker ids.
    pub workers: Vec<String>,
    /// Sign-in names or object ids of accounts: break-glass, service, our own.
    pub accounts: Vec<String>,
    /// Workers for whom this holds, a membership rule over `worker.` properties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// How many distinct people have to agree, the last within 24 hours of the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Approvals {
    /// A parked intake.
    pub intake: u8,
    /// Actions over a budget.
    pub over_budget: u8,
    /// Accounts that were found by their name alone.
    pub adoptions: u8,
    /// Actions on a protected person.
    pub protected: u8,
    /// Another rule, or other licences, of a group that is there.
    pub groups: u8,
    /// What needs seats that are not free.
    pub seats: u8,
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            intake: 1,
            over_budget: 2,
            adoptions: 1,
            protected: 2,
            groups: 1,
            seats: 1,
        }
    }
}

/// Why a policy file is not used. Every mistake is in the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {}", problems.join("\n"))]
pub struct PolicyFileError {
    /// The file as the user named it.
    pub file: String,
    /// One entry a mistake, each with line and caret or with the key's path.
    pub problems: Vec<String>,
}

impl Policy {
    /// Reads and checks a policy file.
    ///
    /// # Errors
    /// Every mistake found, not only the first one of the checks behind the syntax.
    pub fn parse(text: &str, file: &str) -> Result<Self, PolicyFileError> {
        let refuse = |problems| PolicyFileError {
            file: file.to_owned(),
            problems,
        };
        let policy: Self = toml::from_str(text).map_err(|e| refuse(vec![format!("\n{e}")]))?;
        let problems = policy.problems();
        if problems.is_empty() {
            Ok(policy)
        } else {
            Err(refuse(problems))
        }
    }

    fn problems(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.format_version != 1 {
            out.push(format!(
                "`format_version` is {}; this version of rollcall reads 1",
                self.format_version
            ));
        }
        if self.status.active.is_empty() {
            out.push("`status.active` is empty: nobody would ever be in force".to_owned());
        }
        for value in &self.status.active {
            if self.status.inactive.contains(value) {
                out.push(format!(
                    "`{value}` is in `status.active` and in `status.inactive`"
                ));
            }
        }
        if let Some(zone) = &self.default_zone
            && jiff::tz::db().get(zone).is_err()
        {
            out.push(format!(
                "`default_zone`: `{zone}` is no IANA time zone; write it like `Europe/Berlin`"
            ));
        }
        for (name, percent) in [
            ("gates.row_count_pct", self.gates.row_count_pct),
            ("gates.key_set_pct", self.gates.key_set_pct),
            ("gates.unknown_status_pct", self.gates.unknown_status_pct),
            (
                "gates.inactive_share_points",
                self.gates.inactive_share_points,
            ),
            ("budgets.disables.percent", self.budgets.disables.percent),
            ("budgets.removals.percent", self.budgets.removals.percent),
        ] {
            if !(0.0..=100.0).contains(&percent) {
                out.push(format!("`{name}` is {percent}; it must be from 0 to 100"));
            }
        }
        for (name, count) in [
            ("approvals.intake", self.approvals.intake),
            ("approvals.over_budget", self.approvals.over_budget),
            ("approvals.adoptions", self.approvals.adoptions),
            ("approvals.protected", self.approvals.protected),
            ("approvals.groups", self.approvals.groups),
            ("approvals.seats", self.approvals.seats),
        ] {
            if count == 0 {
                out.push(format!(
                    "`{name}` is 0; what waits for approval needs at least 1"
                ));
            }
        }
        out
    }

    /// What a status value means.
    pub fn class(&self, status: &str) -> StatusClass {
        if self.status.active.iter().any(|s| s == status) {
            StatusClass::Active
        } else if self.status.inactive.iter().any(|s| s == status) {
            StatusClass::Inactive
        } else {
            StatusClass::Unknown
        }
    }

    /// SHA-256 of the policy's meaning: comments and order of keys do not count.
    pub fn hash(&self) -> String {
        sha256(&serde_json::to_vec(self).expect("a policy is always JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "format_version = 1\n[status]\nactive = [\"A\"]\ninactive = [\"I\"]\n";

    #[test]
    fn defaults_are_those_of_p0() {
        let policy = Policy::parse(SMALL, "policy.toml").unwrap();
        assert_eq!(policy.joiner.create_days, 14);
        assert!((policy.gates.row_count_pct - 5.0).abs() < f64::EPSILON);
        assert_eq!(policy.budgets.disables.limit(20_000), 400);
        assert_eq!(policy.budgets.disables.limit(100), 10);
        assert_eq!(policy.budgets.disables.limit(549), 10);
        assert_eq!(policy.budgets.disables.limit(550), 11);
        assert_eq!(policy.approvals.over_budget, 2);
    }

    #[test]
    fn a_typo_names_its_line() {
        let error = Policy::parse(&format!("{SMALL}[gates]\nrow_count_pc = 5\n"), "p.toml")
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 6"), "{error}");
        assert!(error.contains("row_count_pct"), "{error}");
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let text = "format_version = 2\ndefault_zone = \"Berlin\"\n[status]\nactive = [\"A\"]\n\
                    inactive = [\"A\"]\n[approvals]\nprotected = 0\n";
        let problems = Policy::parse(text, "p.toml").unwrap_err().problems;
        assert_eq!(problems.len(), 4, "{problems:#?}");
    }

    #[test]
    fn an_unlisted_status_is_unknown_and_case_counts() {
        let policy = Policy::parse(SMALL, "p.toml").unwrap();
        assert_eq!(policy.class("A"), StatusClass::Active);
        assert_eq!(policy.class("I"), StatusClass::Inactive);
        for odd in ["a", "", "Terminated"] {
            assert_eq!(policy.class(odd), StatusClass::Unknown);
        }
    }

    #[test]
    fn the_hash_is_of_the_meaning() {
        let plain = Policy::parse(SMALL, "p.toml").unwrap();
        let noted = Policy::parse(&format!("# night shift\n{SMALL}"), "p.toml").unwrap();
        let other = Policy::parse(&SMALL.replace("\"I\"", "\"X\""), "p.toml").unwrap();
        assert_eq!(plain.hash(), noted.hash());
        assert_ne!(plain.hash(), other.hash());
    }
}
