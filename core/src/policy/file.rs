//! The policy file (TOML): strict, every mistake reported with its line.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use super::device_table::{self, DeviceRow};
use super::slices::{self, Slice};
use super::succession::Succession;
use super::workflows::{self, Workflow};
use crate::digest::sha256;
use crate::model::{Asset, Op};

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
    /// Clocks of devices.
    #[serde(default)]
    pub devices: Devices,
    /// What becomes of devices, by what they are; empty: as shipped.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub device: Vec<DeviceRow>,
    /// Hires that were called off.
    #[serde(default)]
    pub rescinded: Rescinded,
    /// Leave of absence.
    #[serde(default)]
    pub leave: LeavePolicy,
    /// What absence from a full file does.
    #[serde(default)]
    pub absence: Absence,
    /// Spans of time in which nobody who stays is changed, and nothing is deleted.
    #[serde(default)]
    pub freeze: Vec<Freeze>,
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
    /// What becomes of what only somebody who leaves answers for; where the table is missing,
    /// nobody looks, unless accounts are deleted: see [`Policy::succession`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succession: Option<Succession>,
    /// What is otherwise for some people; the first whose scope holds counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workflow: Vec<Workflow>,
}

/// Status values by meaning; compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statuses {
    /// In force, or about to be.
    pub active: Vec<String>,
    /// Left.
    pub inactive: Vec<String>,
    /// The hire was called off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rescinded: Vec<String>,
    /// Never came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_show: Vec<String>,
    /// Died.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deceased: Vec<String>,
}

impl Statuses {
    fn lists(&self) -> [(&'static str, StatusClass, &[String]); 5] {
        [
            ("active", StatusClass::Active, &self.active),
            ("inactive", StatusClass::Inactive, &self.inactive),
            ("rescinded", StatusClass::Rescinded, &self.rescinded),
            ("no_show", StatusClass::NoShow, &self.no_show),
            ("deceased", StatusClass::Deceased, &self.deceased),
        ]
    }
}

/// What a status value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusClass {
    /// In force, or about to be: dates decide.
    Active,
    /// Left.
    Inactive,
    /// The hire was called off.
    Rescinded,
    /// Never came.
    NoShow,
    /// Died.
    Deceased,
    /// In no list: the row is held.
    Unknown,
}

impl StatusClass {
    /// Nobody is at work by it.
    pub const fn over(self) -> bool {
        match self {
            Self::Inactive | Self::Rescinded | Self::NoShow | Self::Deceased => true,
            Self::Active | Self::Unknown => false,
        }
    }
}

/// When a joiner's account is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Joiner {
    /// Calendar days before the first day, at 00:00 of the worker's place.
    pub create_days: u16,
    /// The same for groups and licences that Rollcall gives itself.
    pub groups_days: u16,
    /// The same for telling the manager; `None`: nobody is told.
    pub notify_manager_days: Option<u16>,
    /// When the account is enabled on the first day.
    pub enable_local: Time,
    /// A pass for the first sign-in.
    pub pass: Option<Pass>,
    /// A welcome goes out when the account is enabled.
    pub welcome: bool,
}

impl Default for Joiner {
    fn default() -> Self {
        Self {
            create_days: 14,
            groups_days: 1,
            notify_manager_days: None,
            enable_local: Time::midnight(),
            pass: None,
            welcome: false,
        }
    }
}

/// A pass for the first sign-in ("temporaryAccessPass").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    /// From when on it is good: at this time on the first day, or on the next one that comes.
    pub local: Time,
    /// How long, in minutes: 10 to 43,200.
    pub minutes: u32,
}

/// Hires that were called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Rescinded {
    /// Days of 24 hours after which the account is put into the bin; `None`: never.
    pub delete_days: Option<u16>,
}

/// Leave of absence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeavePolicy {
    /// Days of leave without pay, both ends counted, from which on the account is blocked.
    pub unpaid_block_from_days: u16,
}

impl Default for LeavePolicy {
    fn default() -> Self {
        Self {
            unpaid_block_from_days: 30,
        }
    }
}

/// A span of time in which nobody who stays is changed, and nothing is deleted. Cuts, what goes
/// with them, and whoever starts go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
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
    /// Full days between two employments of one person that still make one.
    pub bridge_gap_days: u16,
    /// Somebody is asked to keep the old address of a mailbox whose sign-in name changes.
    pub mail_alias: bool,
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
            bridge_gap_days: 3,
            mail_alias: false,
        }
    }
}

/// What goes after the cut.
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a file that people edit, each with a name of its own"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Leaver {
    /// Days of 24 hours after the cut that licences stay, and groups that give any: a mailbox
    /// without a licence is gone after 30 more.
    pub licence_days: u16,
    /// The same for what was registered to sign in with; for cause it goes with the cut. `None`:
    /// it stays.
    pub methods_days: Option<u16>,
    /// The same for the account itself, which goes into the bin. `None`: never.
    pub delete_days: Option<u16>,
    /// Memberships that Rollcall did not give go with the cut too, where the target shows them.
    pub all_groups: bool,
    /// Directory roles and roles in applications go with the cut, where the target shows them.
    pub roles: bool,
    /// For cause: another password, and security is told.
    pub for_cause: bool,
    /// What becomes of devices; see `devices`.
    pub devices: bool,
    /// Minutes after the last step of an exit at which everything is read back; none: nothing is proven.
    pub proof: Vec<u32>,
}

/// Rounds of a proof, at most.
const ROUNDS_MAX: usize = 8;

impl Leaver {
    /// What is wrong with the instants of proofs.
    fn proof_problem(&self) -> Option<String> {
        let rises = self.proof.windows(2).all(|pair| pair[0] < pair[1]);
        let fits = self.proof.iter().all(|it| (1..=43_200).contains(it));
        (!rises || !fits || self.proof.len() > ROUNDS_MAX).then(|| {
            format!(
                "`leaver.proof` is up to {ROUNDS_MAX} numbers of minutes, each larger than the one before and from 1 to \
                 43,200: `[15, 60, 1440]`"
            )
        })
    }
}

/// Clocks of devices of somebody who left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Devices {
    /// The switch of its own that a wipe needs: without it nothing is ever wiped.
    pub wipe: bool,
    /// A wipe leaves the data plan of an eSIM on the device.
    pub keep_esim: bool,
    /// Days that a device may take to come back before it is wiped all the same.
    pub return_wait_days: u16,
    /// Days after which a wipe that nobody confirms is sent once more.
    pub reissue_days: u16,
    /// Days after which that is told.
    pub escalate_days: u16,
    /// Days after which it counts as lost.
    pub unresolved_days: u16,
    /// Days after the block after which its record goes.
    pub entra_delete_days: u16,
}

impl Default for Devices {
    fn default() -> Self {
        Self {
            wipe: false,
            keep_esim: false,
            return_wait_days: 14,
            reissue_days: 7,
            escalate_days: 14,
            unresolved_days: 30,
            entra_delete_days: 120,
        }
    }
}

impl Default for Leaver {
    fn default() -> Self {
        Self {
            licence_days: 30,
            methods_days: None,
            delete_days: None,
            all_groups: false,
            roles: false,
            for_cause: false,
            devices: false,
            proof: vec![15, 60, 1440],
        }
    }
}

/// What absence from a full file does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Absence {
    /// `true`: the second accepted full file in a row without the worker disables and revokes.
    /// `false`: it is only ever reported.
    pub second_miss_disables: bool,
    /// Days of 24 hours after that block from which on a person has to decide.
    pub human_after_days: u16,
}

impl Default for Absence {
    fn default() -> Self {
        Self {
            second_miss_disables: true,
            human_after_days: 30,
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
    /// Managed people of whom the same attribute of a mover changes at once, in percent: what is over
    /// waits for approval.
    pub churn_pct: f64,
    /// Points by which the share of rows in which a column is filled may change.
    #[serde(skip_serializing_if = "is_five")]
    pub fill_points: f64,
    /// Percent by which the number of distinct values of a column may change, where there are few.
    #[serde(skip_serializing_if = "is_fifty")]
    pub distinct_pct: f64,
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
            churn_pct: 40.0,
            fill_points: 5.0,
            distinct_pct: 50.0,
            max_source_age_h: 36,
        }
    }
}

// What a policy of before did not say must not make it another one: its hash decides whether
// everybody is looked at again.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_five(value: &f64) -> bool {
    (value - 5.0).abs() < f64::EPSILON
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_fifty(value: &f64) -> bool {
    (value - 50.0).abs() < f64::EPSILON
}

/// Budgets over a rolling 24 hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// Accounts disabled.
    pub disables: Budget,
    /// People who stay and lose groups or licences.
    pub removals: Budget,
    /// Accounts that go into the bin, when they are due to.
    #[serde(skip_serializing_if = "Budget::is_of_deletions")]
    pub deletions: Budget,
    /// So many dismissals for cause in 24 hours are cut off whatever else is over a budget: those
    /// with the lowest worker ids.
    pub immediate_lane: u32,
    /// Parts of the company with budgets of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slice: Vec<Slice>,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            disables: Budget::default(),
            removals: Budget {
                count: 10,
                percent: 10.0,
            },
            deletions: Budget::of_deletions(),
            immediate_lane: 3,
            slice: Vec::new(),
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

impl Budget {
    /// What of deletions is let go where a policy says nothing.
    fn of_deletions() -> Self {
        Self {
            count: 5,
            percent: 0.5,
        }
    }

    // See `is_five`.
    fn is_of_deletions(&self) -> bool {
        *self == Self::of_deletions()
    }
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
        larger(self.count, self.percent, managed)
    }
}

/// The larger of a count and a percentage of managed accounts, rounded down.
pub(super) fn larger(count: u32, percent: f64, managed: u32) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "validated to 0..=100 percent of a u32: it fits and is not negative"
    )]
    let share = (f64::from(managed) * percent / 100.0).floor() as u32;
    count.max(share)
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
    /// Sensitive access that comes back when an exit is off.
    pub restores: u8,
    /// To wipe a device.
    pub wipes: u8,
    /// A run that is taken back, and the end of the hold after that.
    pub undo: u8,
    /// The end of a dismissal by notice.
    pub dismissal: u8,
    /// The end of a legal hold.
    pub legal_hold: u8,
    /// The end of the hold after a death.
    pub deceased_review: u8,
    /// The deletion of an account though something is left that nobody else answers for.
    pub orphans: u8,
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
            restores: 1,
            wipes: 2,
            undo: 1,
            dismissal: 2,
            legal_hold: 1,
            deceased_review: 2,
            orphans: 2,
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
        let mut problems = policy.problems();
        problems.extend(slices::problems(&policy.budgets.slice, text));
        problems.extend(workflows::problems(&policy.workflow, text));
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
        let lists = self.status.lists();
        for (at, (name, _, values)) in lists.iter().enumerate() {
            for (other, _, others) in &lists[at + 1..] {
                for value in values.iter().filter(|value| others.contains(value)) {
                    out.push(format!(
                        "`{value}` is in `status.{name}` and in `status.{other}`"
                    ));
                }
            }
        }
        for freeze in self.freeze.iter().filter(|it| it.to <= it.from) {
            out.push(format!(
                "`freeze` ends at {} and begins at {}",
                freeze.to, freeze.from
            ));
        }
        out.extend(self.succession.as_ref().and_then(Succession::problems));
        out.extend(device_table::problems(&self.device));
        let pass = self.joiner.pass.as_ref();
        out.extend(pass.and_then(|pass| minutes_problem(pass, "joiner.pass.minutes")));
        out.extend(self.leaver.proof_problem());
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
            ("gates.churn_pct", self.gates.churn_pct),
            ("gates.fill_points", self.gates.fill_points),
            ("gates.distinct_pct", self.gates.distinct_pct),
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
            ("approvals.restores", self.approvals.restores),
            ("approvals.wipes", self.approvals.wipes),
            ("approvals.undo", self.approvals.undo),
            ("approvals.dismissal", self.approvals.dismissal),
            ("approvals.legal_hold", self.approvals.legal_hold),
            ("approvals.deceased_review", self.approvals.deceased_review),
            ("approvals.orphans", self.approvals.orphans),
        ] {
            if count == 0 {
                out.push(format!(
                    "`{name}` is 0; what waits for approval needs at least 1"
                ));
            }
        }
        out
    }

    /// What becomes of devices, by what they are.
    pub fn device_rows(&self) -> &[DeviceRow] {
        if self.device.is_empty() {
            device_table::shipped()
        } else {
            &self.device
        }
    }

    /// What a status value means.
    pub fn class(&self, status: &str) -> StatusClass {
        let lists = self.status.lists();
        let listed = lists
            .iter()
            .find(|(_, _, values)| values.iter().any(|value| value == status));
        listed.map_or(StatusClass::Unknown, |(_, class, _)| *class)
    }

    /// What becomes of what only somebody who leaves answers for: as the file says, or, where it
    /// does not and accounts are deleted, all of it is reported.
    pub fn succession(&self) -> Option<Succession> {
        let deletes = || {
            let needs = self.needs();
            needs
                .contains(&Op::UserDeleteSoft)
                .then(Succession::default)
        };
        self.succession.clone().or_else(deletes)
    }

    /// Operations that the policy asks of a target beside those that every target has, for
    /// anybody.
    pub fn needs(&self) -> BTreeSet<Op> {
        let workflows = self.workflow.iter();
        let mut out = self.needs_for_everybody();
        out.extend(workflows.flat_map(|it| it.over(self).needs_for_everybody()));
        out
    }

    fn needs_for_everybody(&self) -> BTreeSet<Op> {
        let (joiner, leaver) = (&self.joiner, &self.leaver);
        let hands = |kinds: &[Asset]| self.succession.as_ref().is_some_and(|it| it.hands(kinds));
        let wanted = [
            (joiner.notify_manager_days.is_some(), Op::NotifyManager),
            (joiner.pass.is_some(), Op::TapIssue),
            (joiner.welcome, Op::NotifyWelcome),
            (self.mover.mail_alias, Op::TaskManual),
            (leaver.methods_days.is_some(), Op::AuthMethodsRemove),
            (leaver.delete_days.is_some(), Op::UserDeleteSoft),
            (self.rescinded.delete_days.is_some(), Op::UserDeleteSoft),
            (leaver.roles, Op::RoleRemove),
            (leaver.roles, Op::AppRoleRemove),
            (leaver.for_cause, Op::UserResetPassword),
            (leaver.for_cause, Op::NotifySecurity),
            (leaver.devices, Op::DeviceDisable),
            // Somebody fetches the device of who died, and sets up again what an exit that is off took off.
            (leaver.devices, Op::TaskManual),
            (!leaver.proof.is_empty(), Op::UserProof),
            (leaver.devices, Op::DeviceRetire),
            (leaver.devices, Op::AppSelectiveWipe),
            (leaver.devices && self.devices.wipe, Op::DeviceWipe),
            (hands(&[Asset::Group, Asset::Application]), Op::OwnerAdd),
            (hands(&[Asset::Guest]), Op::SponsorAdd),
            (hands(&[Asset::Report]), Op::ReportHandOver),
        ];
        let wanted = wanted.into_iter().filter(|(wanted, _)| *wanted);
        wanted.map(|(_, op)| op).collect()
    }

    /// SHA-256 of the policy's meaning: comments and order of keys do not count.
    pub fn hash(&self) -> String {
        sha256(&serde_json::to_vec(self).expect("a policy is always JSON"))
    }
}

/// What is wrong with how long a pass is good.
pub(super) fn minutes_problem(pass: &Pass, key: &str) -> Option<String> {
    let minutes = pass.minutes;
    let fits = (10..=43_200).contains(&minutes);
    (!fits).then(|| format!("`{key}` is {minutes}; the directory takes 10 to 43,200"))
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
