//! A scenario as people write it: one YAML 1.2 document a file, unknown keys are errors.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value as Json;

/// Why a file is no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct CaseError {
    /// The file.
    pub file: String,
    /// What is wrong, with line and column where there are any.
    pub problem: String,
}

/// One scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name.
    pub id: String,
    /// Keys of the shipped policy P0 that differ.
    #[serde(default)]
    pub policy: Json,
    /// What is there before the first run.
    #[serde(default)]
    pub(super) state: Vec<Before>,
    /// The files that come.
    pub(super) runs: Vec<RunStep>,
    /// What else happens.
    #[serde(default)]
    pub(super) events: Vec<Event>,
    /// What is to happen.
    #[serde(default)]
    pub(super) expect: Vec<Expected>,
    /// What is not to happen.
    #[serde(default)]
    pub(super) never: Vec<Never>,
    /// What a report is to say.
    #[serde(default)]
    pub(super) report: Vec<Reported>,
    /// Runs before this one are played and not compared.
    #[serde(default)]
    pub(super) check_from: Option<u32>,
    /// Actions that are not listed are allowed.
    #[serde(default)]
    pub(super) open: bool,
}

/// One or several keys: `W1`, `R0001..R0200`, `[W1, W2]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Names {
    One(String),
    Many(Vec<String>),
}

impl Names {
    pub(super) fn all(&self) -> Vec<String> {
        match self {
            Self::One(name) => range(name),
            Self::Many(names) => names.iter().flat_map(|name| range(name)).collect(),
        }
    }
}

/// The keys of a range; what is none is one key.
pub(super) fn range(text: &str) -> Vec<String> {
    let one = || vec![text.to_owned()];
    let Some((from, to)) = text.split_once("..") else {
        return one();
    };
    let split = |key: &str| {
        let digits = key.len() - key.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (prefix, number) = key.split_at(key.len() - digits);
        (prefix.to_owned(), digits, number.parse::<u64>().ok())
    };
    match (split(from), split(to)) {
        ((prefix, width, Some(from)), (other, digits, Some(to)))
            if prefix == other && width == digits && from <= to =>
        {
            (from..=to)
                .map(|number| format!("{prefix}{number:0width$}"))
                .collect()
        }
        _ => one(),
    }
}

/// One entry of `state`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Before {
    pub(super) who: Option<String>,
    #[serde(default)]
    pub(super) base: bool,
    pub(super) account: Option<AccountState>,
    pub(super) worker: Option<String>,
    pub(super) groups: Option<Vec<String>>,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    #[serde(default)]
    pub(super) app_roles: Vec<String>,
    pub(super) department: Option<String>,
    pub(super) manager: Option<String>,
    pub(super) upn: Option<String>,
    pub(super) row: Option<RowDiff>,
    pub(super) in_file: Option<bool>,
    pub(super) blocked_at: Option<Timestamp>,
    pub(super) was: Option<AccountState>,
    pub(super) deleted_at: Option<Timestamp>,
    /// What the account answers for (`group:council`, `guest:vera`).
    #[serde(default)]
    pub(super) owns: Vec<String>,
    #[serde(default)]
    pub(super) legal_hold: bool,
    #[serde(default)]
    pub(super) sign_ins: Vec<Timestamp>,
    #[serde(default)]
    pub(super) pending: Vec<Pending>,
    #[serde(default)]
    pub(super) devices: Vec<DeviceBefore>,
    pub(super) filler: Option<u32>,
    pub(super) reserved_upn: Option<String>,
    pub(super) person: Option<String>,
    pub(super) until: Option<Date>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AccountState {
    Enabled,
    Disabled,
    SoftDeleted,
    None,
}

/// A step that was planned before. The engine plans it itself; what stands here is what it is to
/// come to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read so that a typo is an error")]
pub(super) struct Pending {
    pub(super) op: String,
    pub(super) at: Timestamp,
    #[serde(default)]
    pub(super) args: BTreeMap<String, Json>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceBefore {
    pub(super) id: String,
    pub(super) owner: crate::model::Ownership,
    pub(super) os: crate::model::Platform,
    pub(super) enrol: Option<crate::model::Enrolment>,
    pub(super) join: Option<crate::model::Join>,
    #[serde(default)]
    pub(super) autopilot: bool,
    #[serde(default)]
    pub(super) shared: bool,
    #[expect(
        dead_code,
        reason = "what a check of escrowed keys finds is a person's to act on"
    )]
    pub(super) escrowed: Option<bool>,
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "stale devices are found by the directory's own clean-up"
    )]
    pub(super) last_contact_days: Option<u32>,
    #[serde(default)]
    pub(super) confirms: Option<Confirms>,
    #[serde(default)]
    pub(super) answers: Vec<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Confirms {
    AtOnce,
    ByEvent,
}

/// What the tenant says to a call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) op: String,
    pub(super) call: u32,
    pub(super) status: u16,
    pub(super) error: Option<String>,
    pub(super) approval_code: Option<String>,
}

/// What a row says otherwise than the default row.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RowDiff {
    pub(super) status: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) person: Option<String>,
    pub(super) given: Option<String>,
    pub(super) family: Option<String>,
    pub(super) preferred: Option<String>,
    pub(super) dept: Option<String>,
    pub(super) dept_name: Option<String>,
    pub(super) company: Option<String>,
    pub(super) country: Option<String>,
    pub(super) tz: Option<String>,
    pub(super) manager: Option<String>,
    pub(super) hire: Option<Date>,
    pub(super) effective: Option<Date>,
    pub(super) last_day: Option<Date>,
    pub(super) termination: Option<Date>,
    pub(super) reason: Option<Reason>,
    pub(super) leave: Option<LeaveWord>,
    pub(super) leave_from: Option<Date>,
    pub(super) leave_to: Option<Date>,
    pub(super) primary: Option<bool>,
    pub(super) entered: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    Voluntary,
    ForCause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LeaveWord {
    Paid,
    Unpaid,
    Garden,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunStep {
    pub(super) n: u32,
    pub(super) at: Timestamp,
    #[serde(default)]
    pub(super) rows: BTreeMap<String, RowDiff>,
    #[serde(default)]
    pub(super) absent: Option<Names>,
    pub(super) file: Option<FileFacts>,
    pub(super) as_of: Option<Timestamp>,
    pub(super) submitted_by: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileFacts {
    #[serde(default)]
    pub(super) kind: Option<FileKind>,
    pub(super) rows: Option<u32>,
    pub(super) trailer: Option<u32>,
    pub(super) unknown_status: Option<u32>,
    pub(super) same_as_run: Option<u32>,
    pub(super) bytes: Option<Bytes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FileKind {
    Full,
    Delta,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bytes {
    Same,
    Differ,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the words of the format")]
pub(super) struct Event {
    pub(super) at: Timestamp,
    pub(super) event: EventKind,
    pub(super) kind: Option<String>,
    pub(super) who: Option<String>,
    pub(super) run: Option<u32>,
    pub(super) by: Option<Names>,
    pub(super) code: Option<String>,
    pub(super) approval_code: Option<String>,
    pub(super) command: Option<String>,
    pub(super) record: Option<String>,
    pub(super) audit: Option<String>,
    /// What somebody answers for from then on (`group:council`).
    pub(super) thing: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventKind {
    Approve,
    Reject,
    Release,
    LegalHold,
    /// Somebody else becomes owner or sponsor of a thing.
    Owner,
    AssetReturned,
    /// A device is lost or stolen.
    AssetLost,
    TenantApproval,
    Observed,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) r: u32,
    pub(super) at: Timestamp,
    pub(super) op: String,
    pub(super) who: String,
    #[serde(default)]
    pub(super) args: BTreeMap<String, Json>,
    pub(super) after: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Never {
    pub(super) op: Option<String>,
    pub(super) who: Option<Names>,
    #[serde(default)]
    pub(super) args: BTreeMap<String, Json>,
    pub(super) arg: Option<String>,
    #[serde(default)]
    pub(super) arg_before: BTreeMap<String, Timestamp>,
    pub(super) before: Option<Timestamp>,
    pub(super) at: Option<Timestamp>,
    pub(super) in_run: Option<RunNumbers>,
    pub(super) more_than: Option<usize>,
    #[serde(default)]
    pub(super) unlisted: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum RunNumbers {
    One(u32),
    Many(Vec<u32>),
}

impl RunNumbers {
    pub(super) fn contains(&self, run: u32) -> bool {
        match self {
            Self::One(one) => *one == run,
            Self::Many(many) => many.contains(&run),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reported {
    pub(super) who: Option<String>,
    pub(super) run: Option<u32>,
    pub(super) metric: Option<String>,
    pub(super) value: Option<Json>,
    pub(super) class: Option<String>,
    pub(super) code: Option<String>,
    #[expect(dead_code, reason = "an exception of a play stays open to its end")]
    pub(super) open: Option<bool>,
    pub(super) absent_text: Option<String>,
}

impl Case {
    /// The policy that it plays.
    ///
    /// # Errors
    /// What it says otherwise than P0 is nothing that P0 has.
    pub fn policy(&self) -> Result<crate::policy::Policy, super::PlayError> {
        let params = super::params::Params::of(&self.policy);
        let params = params.map_err(|problems| super::PlayError { problems })?;
        Ok(params.policy)
    }

    /// Reads one file.
    ///
    /// # Errors
    /// It is no scenario: with line and column where the reader says them.
    pub fn parse(text: &str, file: &str) -> Result<Self, CaseError> {
        let refuse = |problem: String| CaseError {
            file: file.to_owned(),
            problem,
        };
        if is_blank(text) {
            return Err(refuse(format!("the file says nothing\n\n{BEGINS}")));
        }
        let case: Self = serde_saphyr::from_str(text).map_err(|error| refuse(error.to_string()))?;
        if case.runs.is_empty() {
            return Err(refuse("`runs` is empty: nothing would happen".to_owned()));
        }
        let mut before = None;
        for run in &case.runs {
            if before.is_some_and(|(n, at)| run.n <= n || run.at <= at) {
                let problem = format!("run {} does not come after the one before it", run.n);
                return Err(refuse(problem));
            }
            before = Some((run.n, run.at));
        }
        for op in case
            .expect
            .iter()
            .map(|it| &it.op)
            .chain(case.never.iter().filter_map(|it| it.op.as_ref()))
        {
            if !is_name(op) {
                return Err(refuse(format!("`{op}` is no operation")));
            }
        }
        Ok(case)
    }
}

/// How a scenario begins, for whoever has written none yet.
const BEGINS: &str = "\
hint: a scenario begins with its name and what HR sends on which day, like
  id: leaver
  runs:
  - {n: 1, at: 2027-05-01T02:00:00Z, rows: {W1: {last_day: 2027-05-14}}}
the rest is described under \"Scenarios\" in docs/formats.md, and mappings/p0/cases has many";

/// Blank lines, comments and document marks only.
fn is_blank(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with('#') || matches!(line, "---" | "..."))
}

/// What an entry may be called: operations, and what is no operation of a target.
fn is_name(op: &str) -> bool {
    const MORE: [&str; 12] = [
        "any",
        "device.any",
        "approval.request",
        "cancel",
        "device.confirmed",
        "hold",
        "report.exception",
        "run.abort",
        "run.noop",
        "autopilot.deregister",
        "device.delete",
        "notify.user",
    ];
    MORE.contains(&op) || crate::model::Op::ALL.iter().any(|known| known.name() == op)
}

impl Before {
    /// A worker of every file.
    pub(super) fn filler() -> Self {
        Self {
            who: None,
            base: true,
            account: None,
            worker: None,
            groups: None,
            roles: Vec::new(),
            app_roles: Vec::new(),
            department: None,
            manager: None,
            upn: None,
            row: None,
            in_file: None,
            blocked_at: None,
            was: None,
            deleted_at: None,
            owns: Vec::new(),
            legal_hold: false,
            sign_ins: Vec::new(),
            pending: Vec::new(),
            devices: Vec::new(),
            filler: None,
            reserved_upn: None,
            person: None,
            until: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_both_ends() {
        assert_eq!(range("R008..R011"), ["R008", "R009", "R010", "R011"]);
        for one in ["W1", "R1..R10", "A1..B2", "R9..R1"] {
            assert_eq!(range(one), [one]);
        }
    }

    #[test]
    fn a_typo_is_refused_with_its_line() {
        let text = "id: X\nruns:\n  - {n: 1, at: 2027-01-01T02:00:00Z, row: {}}\n";
        let error = Case::parse(text, "x.yaml").unwrap_err().to_string();
        assert!(error.contains("row") && error.contains('3'), "{error}");
        let text = "id: X\nruns:\n  - {n: 1, at: 2027-01-01T02:00:00Z}\nexpect:\n  - {r: 1, at: \
                    2027-01-01T02:00:00Z, op: user.dissable, who: W1}\n";
        assert!(Case::parse(text, "x.yaml").is_err());
    }

    #[test]
    fn the_hint_of_an_empty_file_is_a_scenario() {
        for text in ["", "\n \n", "---\n# later\n...\n", "\u{feff}"] {
            let error = Case::parse(text, "x.yaml").unwrap_err().to_string();
            assert!(
                error.starts_with("x.yaml: the file says nothing\n"),
                "{error}"
            );
            let example = error.lines().filter_map(|line| line.strip_prefix("  "));
            let example: Vec<&str> = example.collect();
            let case = Case::parse(&example.join("\n"), "hint").unwrap();
            assert_eq!(case.id, "leaver");
        }
    }
}
