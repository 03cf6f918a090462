//! `reconcile.toml`: what counts as late and as dormant, and the register of exceptions.
//!
//! It is a file of its own: nobody is planned anew because an exception was written down.
//! Invariant: an exception has an owner, a reason and a last day, or the file is refused.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;

use super::Class;
use crate::digest::sha256;
use crate::model::Account;
use crate::policy::{Target, day_start, name_key};
use crate::rules::{Property, Rule, Subject, Verdict, Vocabulary};
use crate::state::BlockCause;

/// What is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct RegisterError {
    /// The file.
    pub file: String,
    /// What, and what to do; one line a mistake.
    pub why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format_version: u32,
    #[serde(default = "ninety")]
    dormant_days: u16,
    #[serde(default = "office")]
    site: String,
    #[serde(default = "company")]
    legal_entity: String,
    #[serde(default)]
    sla: Sla,
    #[serde(default)]
    exception: Vec<Written>,
}

fn ninety() -> u16 {
    90
}
fn office() -> String {
    "officeLocation".to_owned()
}
fn company() -> String {
    "companyName".to_owned()
}

/// How soon after it is due somebody has to be cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sla {
    /// Minutes for whoever is dismissed for cause.
    pub for_cause_minutes: u32,
    /// Minutes for everybody else.
    pub voluntary_minutes: u32,
}

impl Default for Sla {
    fn default() -> Self {
        Self {
            for_cause_minutes: 15,
            voluntary_minutes: 240,
        }
    }
}

impl Sla {
    /// Seconds that a cut may take.
    pub const fn seconds(self, for_cause: bool) -> i64 {
        let minutes = if for_cause {
            self.for_cause_minutes
        } else {
            self.voluntary_minutes
        };
        minutes as i64 * 60
    }

    /// The same by why somebody is cut off.
    pub const fn of(self, cause: Option<BlockCause>) -> i64 {
        self.seconds(matches!(cause, Some(BlockCause::ForCause)))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    until: Option<Date>,
}

/// Accounts that are nobody's by intent.
#[derive(Debug, Clone)]
pub struct Exception {
    /// What it is called.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// Its last day, in UTC, inclusive.
    pub until: Date,
    covers: Covers,
}

#[derive(Debug, Clone)]
enum Covers {
    /// An object id or a sign-in name.
    Account(String),
    /// What an account carries where others carry a worker id.
    Key(String),
    /// A membership rule over `user.` properties.
    Rule(Box<Rule>),
}

impl Exception {
    /// Whether its last day is over.
    pub fn expired(&self, now: Timestamp) -> bool {
        day_start(self.until.saturating_add(1.day()), &TimeZone::UTC) <= now
    }

    /// What an account that it covers is, by how that stands.
    pub fn class(&self, now: Timestamp, protected: bool) -> Class {
        match (self.expired(now), protected) {
            (true, _) => Class::ExceptionExpired,
            (false, true) => Class::Protected,
            (false, false) => Class::Excluded,
        }
    }

    /// Whether it covers an account; where nobody can say whether a rule holds it does not.
    fn covers(&self, account: &Account, target: &Target, now: Timestamp) -> bool {
        match &self.covers {
            Covers::Account(named) => {
                account.id.as_str().eq_ignore_ascii_case(named)
                    || name_key(account.name.reveal()) == name_key(named)
            }
            Covers::Key(key) => account.key.as_ref() == Some(key),
            Covers::Rule(rule) => {
                let subject = subject(account, rule, target);
                let verdict = subject.ok().map(|it| rule.evaluate(&it, Some(now)));
                matches!(verdict, Some(Ok(Verdict::Member(true))))
            }
        }
    }
}

/// An account as a membership rule sees it.
fn subject(account: &Account, rule: &Rule, target: &Target) -> Result<Subject, String> {
    let mut values = serde_json::Map::new();
    for property in rule.properties() {
        let attribute = property.attribute().unwrap_or_default();
        let value = if attribute == "accountEnabled" {
            account.enabled.into()
        } else if attribute == "id" {
            account.id.as_str().into()
        } else if attribute == target.name_attribute {
            account.name.reveal().into()
        } else if attribute == target.key_attribute {
            account.key.clone().into()
        } else {
            let value = account.attributes.get(&attribute);
            serde_json::to_value(value).map_err(|e| e.to_string())?
        };
        values.insert(property.name.clone(), value);
    }
    Subject::from_json(values.into())
}

/// The checked file.
#[derive(Debug, Clone)]
pub struct Register {
    /// Days without a sign-in after which an enabled account is dormant.
    pub dormant_days: u16,
    /// The attribute that says where somebody works.
    pub site: String,
    /// The attribute that says for whom.
    pub legal_entity: String,
    /// How soon somebody has to be cut off.
    pub sla: Sla,
    exceptions: Vec<Exception>,
    sha256: Option<String>,
}

impl Default for Register {
    fn default() -> Self {
        Self {
            dormant_days: ninety(),
            site: office(),
            legal_entity: company(),
            sla: Sla::default(),
            exceptions: Vec::new(),
            sha256: None,
        }
    }
}

impl Register {
    /// Reads the file; `file` is what messages call it.
    ///
    /// # Errors
    /// Syntax with its place, or every exception that lacks something.
    pub fn parse(text: &str, file: &str) -> Result<Self, RegisterError> {
        let fail = |why: String| RegisterError {
            file: file.to_owned(),
            why,
        };
        let read: File = toml::from_str(text).map_err(|e| fail(e.to_string()))?;
        let mut problems = Vec::new();
        if read.format_version != 1 {
            problems.push("`format_version` is 1".to_owned());
        }
        if read.dormant_days == 0 {
            problems.push("`dormant_days` is at least 1".to_owned());
        }
        let mut exceptions: Vec<Exception> = Vec::new();
        for written in read.exception {
            if exceptions.iter().any(|it| it.name == written.name) {
                problems.push(format!("exception `{}` is there twice", written.name));
            }
            match checked(written) {
                Ok(exception) => exceptions.push(exception),
                Err(why) => problems.extend(why),
            }
        }
        if !problems.is_empty() {
            return Err(fail(problems.join("\n")));
        }
        Ok(Self {
            dormant_days: read.dormant_days,
            site: read.site,
            legal_entity: read.legal_entity,
            sla: read.sla,
            exceptions,
            sha256: Some(sha256(text.as_bytes())),
        })
    }

    /// SHA-256 of the file; `None` without one.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// Every exception, in the order of the file.
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// What its rules read of accounts, beside what every account says anyway.
    pub fn reads(&self) -> Vec<String> {
        let rules = self.exceptions.iter().filter_map(|it| match &it.covers {
            Covers::Rule(rule) => Some(rule),
            Covers::Account(_) | Covers::Key(_) => None,
        });
        let mut out: Vec<String> = rules
            .flat_map(|rule| rule.properties())
            .filter_map(Property::attribute)
            .filter(|name| !["id", "accountEnabled"].contains(&name.as_str()))
            .collect();
        out.sort();
        out.dedup();
        out
    }

    /// The exception of an account: one in force before one that is over.
    pub fn of(&self, account: &Account, target: &Target, now: Timestamp) -> Option<&Exception> {
        let covering = self.exceptions.iter();
        let mut covering = covering.filter(|it| it.covers(account, target, now));
        let first = covering.next()?;
        if !first.expired(now) {
            return Some(first);
        }
        covering.find(|it| !it.expired(now)).or(Some(first))
    }
}

fn checked(written: Written) -> Result<Exception, Vec<String>> {
    let name = &written.name;
    let mut problems = Vec::new();
    let mut lacks = |what: &str| problems.push(format!("exception `{name}`: {what}"));
    if written.owner.trim().is_empty() {
        lacks("`owner` says who answers for it");
    }
    if written.reason.trim().is_empty() {
        lacks("`reason` says why it is there");
    }
    if written.until.is_none() {
        lacks("`until` is its last day, like 2027-06-30: nothing is excepted for good");
    }
    let covers = match (written.account, written.key, written.rule) {
        (Some(account), None, None) => Some(Covers::Account(account)),
        (None, Some(key), None) => Some(Covers::Key(key)),
        (None, None, Some(rule)) => match Rule::compile(&rule, Vocabulary::Entra) {
            Ok(rule) => {
                let read = rule.properties().iter();
                let mut no_attribute = read.filter(|it| it.attribute().is_none());
                if rule.is_direct_reports() || no_attribute.next().is_some() {
                    lacks(
                        "`rule` reads attributes of accounts: `user.` properties, no plans and no groups",
                    );
                }
                Some(Covers::Rule(Box::new(rule)))
            }
            Err(error) => {
                lacks(&format!("`rule`, {}: {error}", error.kind));
                None
            }
        },
        _ => {
            lacks(
                "one of `account` (object id or sign-in name), `key` and `rule` says what it is about",
            );
            None
        }
    };
    match (covers, written.until) {
        (Some(covers), Some(until)) if problems.is_empty() => Ok(Exception {
            name: written.name,
            owner: written.owner,
            reason: written.reason,
            until,
            covers,
        }),
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountName, Attributes, ObjectId, Value};

    fn target() -> Target {
        Target {
            key_attribute: "employeeId".to_owned(),
            name_attribute: "userPrincipalName".to_owned(),
            alias_attribute: "mailNickname".to_owned(),
        }
    }

    fn account(name: &str, key: Option<&str>, kind: &str) -> Account {
        Account {
            id: ObjectId::new("11111111-2222-4333-8444-555555555555"),
            enabled: true,
            key: key.map(str::to_owned),
            name: AccountName::new(name),
            attributes: Attributes::from([("userType".to_owned(), Value::text(kind))]),
            holdings: None,
        }
    }

    const FILE: &str = r#"
format_version = 1
[[exception]]
name = "old"
key = "SVC1"
owner = "platform team"
reason = "backup"
until = "2026-03-15"
[[exception]]
name = "backup"
account = "SVC-Backup@north.example"
owner = "platform team"
reason = "backup"
until = "2026-12-31"
[[exception]]
name = "guests"
rule = '(user.userType -eq "Guest")'
owner = "partner office"
reason = "reviewed every half year"
until = "2026-06-30"
"#;

    /// Account → the exception that covers it, and what that makes of it.
    #[test]
    fn an_exception_covers_what_it_names_until_its_last_day() {
        let register = Register::parse(FILE, "reconcile.toml").unwrap();
        assert_eq!(register.reads(), ["userType"]);
        let table = [
            (
                "svc-backup@north.example",
                None,
                "Member",
                "2026-03-16T00:00:00Z",
                Some(("backup", Class::Excluded)),
            ),
            (
                "svc-backup@north.example",
                Some("SVC1"),
                "Member",
                "2026-03-16T00:00:00Z",
                Some(("backup", Class::Excluded)),
            ),
            (
                "other@north.example",
                Some("SVC1"),
                "Member",
                "2026-03-15T23:59:59Z",
                Some(("old", Class::Excluded)),
            ),
            (
                "other@north.example",
                Some("SVC1"),
                "Member",
                "2026-03-16T00:00:00Z",
                Some(("old", Class::ExceptionExpired)),
            ),
            (
                "g@x.example",
                None,
                "Guest",
                "2026-06-30T12:00:00Z",
                Some(("guests", Class::Excluded)),
            ),
            (
                "g@x.example",
                None,
                "Guest",
                "2026-07-01T00:00:00Z",
                Some(("guests", Class::ExceptionExpired)),
            ),
            ("g@x.example", None, "Member", "2026-03-16T00:00:00Z", None),
        ];
        for (name, key, kind, now, expected) in table {
            let now: Timestamp = now.parse().unwrap();
            let found = register.of(&account(name, key, kind), &target(), now);
            let found = found.map(|it| (it.name.as_str(), it.class(now, false)));
            assert_eq!(found, expected, "{name} {key:?} {kind} {now}");
        }
    }

    #[test]
    fn nothing_is_excepted_without_an_owner_a_reason_and_a_last_day() {
        let bare = "format_version = 1\n[[exception]]\nname = \"x\"\nkey = \"1\"\n";
        let error = Register::parse(bare, "reconcile.toml").unwrap_err();
        for word in ["`owner`", "`reason`", "`until`", "exception `x`"] {
            assert!(error.why.contains(word), "{word}: {error}");
        }
        let two = FILE.replace("key = \"SVC1\"", "key = \"SVC1\"\naccount = \"a\"");
        assert!(
            Register::parse(&two, "r")
                .unwrap_err()
                .why
                .contains("one of `account`")
        );
        let odd = FILE.replace("user.userType", "device.deviceOwnership");
        assert!(
            Register::parse(&odd, "r")
                .unwrap_err()
                .why
                .contains("`user.`")
        );
        let twice = FILE.replace("\"backup\"\naccount", "\"old\"\naccount");
        assert!(
            Register::parse(&twice, "r")
                .unwrap_err()
                .why
                .contains("twice")
        );
    }
}
