//! A row of a play's file, and the identity that it means under P0.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use unicode_normalization::UnicodeNormalization as _;

use super::case::{LeaveWord, Reason, RowDiff};
use super::params::Params;
use crate::model::{AccountName, Attributes, PersonKey, Value, WorkerId};
use crate::state::{Identity, Leave, LeaveKind, Terms};

/// Where accounts of a play live.
pub(super) const DOMAIN: &str = "example.com";
/// Numbers that are tried behind a family name.
const NUMBERS: std::ops::RangeInclusive<u32> = 2..=30;
/// What rules of groups read.
pub(super) const GROUPING: &str = "grouping";

/// One row, complete.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) status: String,
    pub(super) kind: String,
    pub(super) person: PersonKey,
    pub(super) given: String,
    pub(super) family: String,
    pub(super) preferred: Option<String>,
    pub(super) dept: String,
    pub(super) dept_name: Option<String>,
    pub(super) company: String,
    pub(super) country: String,
    pub(super) tz: String,
    pub(super) manager: String,
    pub(super) hire: Date,
    pub(super) effective: Option<Date>,
    pub(super) last_day: Option<Date>,
    pub(super) termination: Option<Date>,
    pub(super) for_cause: bool,
    pub(super) leave: Option<(LeaveWord, Option<Date>, Option<Date>)>,
    pub(super) leave_to: Option<Date>,
    pub(super) primary: bool,
    pub(super) entered: Option<Timestamp>,
}

impl Row {
    pub(super) fn of(key: &str, diff: &RowDiff) -> Self {
        let text = |value: &Option<String>, default: &str| {
            value.clone().unwrap_or_else(|| default.to_owned())
        };
        Self {
            key: key.to_owned(),
            status: text(&diff.status, "active"),
            kind: text(&diff.kind, "employee"),
            person: PersonKey::new(text(&diff.person, &format!("P-{key}"))),
            given: text(&diff.given, "Ana"),
            family: text(&diff.family, "Ruiz"),
            preferred: diff.preferred.clone(),
            dept: text(&diff.dept, "SALES"),
            dept_name: diff.dept_name.clone(),
            company: text(&diff.company, "DE01"),
            country: text(&diff.country, "DE"),
            tz: text(&diff.tz, "Europe/Berlin"),
            manager: text(&diff.manager, "M1"),
            hire: diff.hire.unwrap_or(date(2024, 1, 8)),
            effective: diff.effective,
            last_day: diff.last_day.or(diff.termination),
            termination: diff.termination.or(diff.last_day),
            for_cause: diff.reason == Some(Reason::ForCause),
            leave: diff.leave.map(|it| (it, diff.leave_from, diff.leave_to)),
            leave_to: diff.leave_to,
            primary: diff.primary.unwrap_or(true),
            entered: diff.entered,
        }
    }

    /// Counts as not at work for gates.
    pub(super) fn inactive(&self) -> bool {
        ["terminated", "noshow", "deceased"].contains(&self.status.as_str())
    }

    /// The department as people read it.
    fn department(&self) -> &str {
        self.dept_name.as_deref().unwrap_or(&self.dept)
    }

    /// Groups by name that the row has a right to.
    pub(super) fn groups(&self, params: &Params) -> Vec<String> {
        let value = if params.by_dept_name {
            self.department()
        } else {
            &self.dept
        };
        let mut out = vec![format!("G-{}", nfc(value)), super::LICENSED.to_owned()];
        out.extend(params.type_groups.get(&self.kind).cloned());
        out.extend(
            params
                .company_groups
                .get(&self.company)
                .cloned()
                .unwrap_or_default(),
        );
        out
    }

    /// What the mapping of P0 makes of it. `renamed`: the address follows the name.
    pub(super) fn identity(&self, params: &Params, renamed: bool) -> Identity {
        let first = self.preferred.as_ref().unwrap_or(&self.given);
        let always: Attributes = [
            ("employeeId", self.key.clone()),
            ("department", self.department().to_owned()),
            ("companyName", self.company.clone()),
            ("country", self.country.clone()),
            ("usageLocation", self.country.clone()),
            ("employeeType", self.kind.clone()),
            ("employeeHireDate", self.hire.to_string()),
            ("givenName", self.given.clone()),
            ("surname", self.family.clone()),
            ("displayName", format!("{first} {}", self.family)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::text(nfc(&value))))
        .collect();
        let mut names = self.addresses();
        let name = names.remove(0);
        let wanted = ("userPrincipalName".to_owned(), Value::text(name));
        let (mut always, mut on_create) = (always, Attributes::new());
        if renamed {
            always.extend([wanted]);
        } else {
            on_create.extend([wanted]);
        }
        // One text that all groups of the row stand in: rules ask for each of them.
        let groups = self.groups(params);
        let grouping = format!("|{}|", groups.join("|"));
        Identity {
            worker: WorkerId::new(self.key.clone()),
            source: None,
            status: self.status.clone(),
            manager: Some(self.manager.clone())
                .filter(|it| !it.is_empty())
                .map(WorkerId::new),
            hire: Some(self.hire),
            last_day: self.last_day,
            terms: Box::new(Terms {
                termination: self.termination,
                for_cause: self.for_cause,
                leave: self.leave(),
                secondary: !self.primary,
                effective: self.effective,
                entered: self.entered,
                over_since: None,
                sudden_since: None,
                no_news: false,
                beside: false,
                unread: false,
                missed: false,
            }),
            zone: Some(self.tz.clone()),
            facts: [(GROUPING.to_owned(), Value::text(grouping))].into(),
            always,
            on_create,
            other_names: names.into_iter().map(AccountName::new).collect(),
            out_of_scope: false,
        }
    }

    /// The leave; of one that is over before its time only the last day is said.
    fn leave(&self) -> Option<Leave> {
        let Some((kind, from, to)) = self.leave else {
            let to = self.leave_to?;
            return Some(Leave {
                kind: LeaveKind::Paid,
                from: to,
                to: Some(to),
            });
        };
        Some(Leave {
            kind: match kind {
                LeaveWord::Paid => LeaveKind::Paid,
                LeaveWord::Unpaid => LeaveKind::Unpaid,
                LeaveWord::Garden => LeaveKind::Garden,
            },
            from: from?,
            to,
        })
    }

    /// The address, and those to take instead.
    pub(super) fn addresses(&self) -> Vec<String> {
        let (given, family) = (plain(&self.given), plain(&self.family));
        let mut out = vec![format!("{given}.{family}@{DOMAIN}")];
        out.extend(NUMBERS.map(|n| format!("{given}.{family}{n}@{DOMAIN}")));
        out
    }
}

pub(super) fn nfc(text: &str) -> String {
    text.nfc().collect()
}

/// Lower case, without accents and without what an address does not take.
fn plain(text: &str) -> String {
    let text = crate::mapping::plain(text);
    let kept = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-');
    kept.flat_map(char::to_lowercase).collect()
}
