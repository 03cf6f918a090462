//! What a configuration says of a Workday tenant.
//!
//! Host and tenant are both said; nothing is guessed from one of them, since sandbox, preview and
//! production differ in both. Invariant: a configuration without [`Config::problems`] can be asked with;
//! it holds no secret, only where one is kept.

use std::collections::BTreeMap;

use rollcall_http::{Origin, SecretAt};
use serde::Deserialize;

use crate::plan;

/// `[source.workday]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `https://wd3-impl-services1.workday.com`.
    pub host: String,
    /// `woodgrove_dpt1`.
    pub tenant: String,
    /// Version of the web services, `v43.0`; v30.0 at least. Not for reports.
    #[serde(default)]
    pub version: Option<String>,
    /// Which web service answers `Get_Workers`.
    #[serde(default)]
    pub service: Service,
    /// Who asks.
    pub auth: Auth,
    /// Workers on a page, 1 to 999.
    #[serde(default = "page_size")]
    pub page_size: u32,
    /// Pages that are asked for at the same time, 1 to 10.
    #[serde(default = "parallel")]
    pub parallel: usize,
    /// Attributes of one's own: a name, and the `XPath` that it is read with, from `wd:Worker`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Nobody who is a contingent worker.
    #[serde(default)]
    pub exclude_contingent_workers: bool,
    /// Nobody who is an employee.
    #[serde(default)]
    pub exclude_employees: bool,
    /// By how much the window of changes begins before the last one ended, in minutes.
    #[serde(default = "overlap_minutes")]
    pub overlap_minutes: u32,
    /// Changes are asked for over so many days at most; after a longer pause everybody is.
    #[serde(default = "changes_days_max")]
    pub changes_days_max: u32,
    /// The day of a pull is the day in this zone: the easternmost where somebody works, so that
    /// nobody's day is behind. UTC unless said.
    #[serde(default)]
    pub zone: Option<String>,
    /// Workers come from a report instead of `Get_Workers`.
    #[serde(default)]
    pub report: Option<Report>,
}

fn page_size() -> u32 {
    100
}

fn parallel() -> usize {
    3
}

fn overlap_minutes() -> u32 {
    15
}

fn changes_days_max() -> u32 {
    31
}

/// A web service with `Get_Workers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Service {
    /// `Human_Resources`.
    #[default]
    #[serde(rename = "Human_Resources")]
    HumanResources,
    /// `Staffing`.
    Staffing,
}

impl Service {
    /// Its name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HumanResources => "Human_Resources",
            Self::Staffing => "Staffing",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "AuthKeys")]
pub enum Auth {
    /// An integration system user with a password: `user`, `password`. In web services its name is
    /// sent as `user@tenant`.
    User {
        /// `ISU_Rollcall`, without the tenant.
        user: String,
        /// Where the password is kept.
        password: SecretAt,
    },
    /// An API client for integrations with a refresh token: `client_id`, `client_secret`,
    /// `refresh_token`, `token_path`.
    Client {
        /// Its id.
        client_id: String,
        /// Where its secret is kept.
        client_secret: SecretAt,
        /// Where the refresh token is kept.
        refresh_token: SecretAt,
        /// Path of the token address on the host, where it is not `/ccx/oauth2/{tenant}/token`.
        token_path: Option<String>,
    },
}

/// Keys of `auth` as they stand in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthKeys {
    user: Option<String>,
    password: Option<SecretAt>,
    client_id: Option<String>,
    client_secret: Option<SecretAt>,
    refresh_token: Option<SecretAt>,
    token_path: Option<String>,
}

impl TryFrom<AuthKeys> for Auth {
    type Error = String;

    fn try_from(keys: AuthKeys) -> Result<Self, String> {
        match keys {
            AuthKeys {
                user: Some(user),
                password: Some(password),
                client_id: None,
                client_secret: None,
                refresh_token: None,
                token_path: None,
            } => Ok(Self::User { user, password }),
            AuthKeys {
                user: None,
                password: None,
                client_id: Some(client_id),
                client_secret: Some(client_secret),
                refresh_token: Some(refresh_token),
                token_path,
            } => Ok(Self::Client {
                client_id,
                client_secret,
                refresh_token,
                token_path,
            }),
            _ => Err(
                "either `user` and `password`, or `client_id`, `client_secret` and \
                      `refresh_token`"
                    .to_owned(),
            ),
        }
    }
}

/// `[source.workday.report]`: a custom report that is enabled as a web service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The account that owns it.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// What it is asked for as.
    #[serde(default)]
    pub format: Format,
    /// Prompts by name.
    #[serde(default)]
    pub prompts: BTreeMap<String, String>,
    /// Further prompts, one set for each part of a report that is too large in one: the parts may
    /// not overlap, and together they are everybody.
    #[serde(default)]
    pub parts: Vec<BTreeMap<String, String>>,
    /// A part may have nobody in it.
    #[serde(default)]
    pub parts_may_be_empty: bool,
    /// The column that names the worker.
    pub key: String,
}

/// Form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// Comma-separated, with a header row.
    Csv,
    /// XML with the report's namespace.
    Xml,
    /// XML without.
    SimpleXml,
}

impl Format {
    /// Its name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Xml => "xml",
            Self::SimpleXml => "simplexml",
        }
    }
}

/// The oldest version whose tree the paths are for.
const VERSION_MIN: (u32, u32) = (30, 0);

impl Config {
    /// Everything that is wrong with it.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if let Err(error) = Origin::parse(&self.host) {
            found.push(format!(
                "host: {error}; write `https://` and the host, no path"
            ));
        }
        let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-');
        if self.tenant.is_empty() || !self.tenant.chars().all(plain) {
            found.push("tenant: letters, digits, `_` and `-`, as in the address of Workday".into());
        }
        self.auth_problems(&mut found);
        match &self.report {
            None => self.workers_problems(&mut found),
            Some(report) => self.report_problems(report, &mut found),
        }
        if let Some(zone) = &self.zone
            && jiff::tz::TimeZone::get(zone).is_err()
        {
            found.push("zone: no zone of this name in the time zone database".into());
        }
        found
    }

    fn auth_problems(&self, found: &mut Vec<String>) {
        match &self.auth {
            Auth::User { user, .. } => {
                if user.is_empty() {
                    found.push("auth.user: is empty".into());
                }
                if user.contains('@') {
                    found.push("auth.user: without `@` and tenant; both are added".into());
                }
            }
            Auth::Client {
                client_id,
                token_path,
                ..
            } => {
                if client_id.is_empty() {
                    found.push("auth.client_id: is empty".into());
                }
                let path = token_path.as_deref().unwrap_or("/");
                let odd = |it: char| it.is_whitespace() || matches!(it, '#' | '\\');
                if !path.starts_with('/') || path.starts_with("//") || path.contains(odd) {
                    found.push(
                        "auth.token_path: a path from the root, such as `/ccx/oauth2/`".into(),
                    );
                }
            }
        }
    }

    fn workers_problems(&self, found: &mut Vec<String>) {
        match self.version.as_deref().map(version) {
            None => found.push("version: is missing; write one such as `v43.0`".into()),
            Some(None) => found.push("version: write `v`, a number, a point and a number".into()),
            Some(Some(it)) if it < VERSION_MIN => found.push(
                "version: v30.0 at least; before it the tree of a worker is another one".into(),
            ),
            Some(Some(_)) => {}
        }
        if !(1..=999).contains(&self.page_size) {
            found.push("page_size: 1 to 999".into());
        }
        if !(1..=10).contains(&self.parallel) {
            found.push("parallel: 1 to 10".into());
        }
        if self.overlap_minutes > 24 * 60 {
            found.push("overlap_minutes: a day at most".into());
        }
        if !(1..=366).contains(&self.changes_days_max) {
            found.push("changes_days_max: 1 to 366".into());
        }
        if self.exclude_contingent_workers && self.exclude_employees {
            found.push("exclude_employees: with exclude_contingent_workers nobody is left".into());
        }
        for (name, path) in &self.attributes {
            if name.is_empty() || name.trim() != name {
                found.push("attributes: a name is empty or has blanks around it".into());
            }
            found.extend(plan::path_problem(path).map(|it| format!("attributes.{name}: {it}")));
        }
    }

    fn report_problems(&self, report: &Report, found: &mut Vec<String>) {
        for (key, value) in [
            ("owner", &report.owner),
            ("name", &report.name),
            ("key", &report.key),
        ] {
            if value.trim().is_empty() {
                found.push(format!("report.{key}: is empty"));
            }
        }
        let sets = report.parts.iter().chain(std::iter::once(&report.prompts));
        for name in sets.flat_map(BTreeMap::keys) {
            if name.is_empty() || name.eq_ignore_ascii_case("format") {
                found.push(
                    "report.prompts: a prompt is empty, or `format`, which has its own key".into(),
                );
            }
        }
        for part in &report.parts {
            if part.keys().any(|it| report.prompts.contains_key(it)) {
                found.push("report.parts: a prompt is in `prompts` as well".into());
            }
        }
        if !self.attributes.is_empty() {
            found.push("attributes: a report has columns, not paths; leave them out".into());
        }
        if self.exclude_contingent_workers || self.exclude_employees {
            found.push("exclude_…: filter in the report itself".into());
        }
    }

    /// The version, where there is one.
    pub(crate) fn version(&self) -> &str {
        self.version.as_deref().unwrap_or("")
    }
}

/// `v43.0` as two numbers.
fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.strip_prefix('v')?.split_once('.')?;
    let number = |it: &str| {
        let digits = !it.is_empty() && it.len() <= 4 && it.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| it.parse().ok()).flatten()
    };
    Some((number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "host = \"https://wd3-impl-services1.workday.com\"\n\
                        tenant = \"woodgrove_dpt1\"\nversion = \"v43.0\"\n\
                        auth = { user = \"ISU\", password = { env = \"P\" } }\n";

    fn problems(text: &str) -> Vec<String> {
        let config: Config = toml::from_str(text).expect(text);
        config.problems()
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let config: Config = toml::from_str(GOOD).expect("a configuration");
        assert_eq!(config.problems(), Vec::<String>::new());
        assert_eq!((config.page_size, config.parallel), (100, 3));
        assert_eq!(config.service.name(), "Human_Resources");
        assert_eq!((config.overlap_minutes, config.changes_days_max), (15, 31));
    }

    /// What is changed in a good configuration → what is said.
    #[test]
    fn every_mistake_is_said() {
        for (from, to, says) in [
            ("https://wd3", "http://wd3", "host"),
            ("workday.com", "workday.com/ccx", "host"),
            ("woodgrove_dpt1", "woodgrove/dpt1", "tenant"),
            ("v43.0", "v29.1", "v30.0 at least"),
            ("v43.0", "43", "version"),
            ("version = \"v43.0\"\n", "", "is missing"),
            ("\"ISU\"", "\"ISU@woodgrove_dpt1\"", "without `@`"),
            ("\"ISU\"", "\"\"", "auth.user"),
        ] {
            let found = problems(&GOOD.replacen(from, to, 1));
            assert!(
                found.len() == 1 && found[0].contains(says),
                "{to}: {found:?}"
            );
        }
        for (more, says) in [
            ("page_size = 0", "page_size"),
            ("page_size = 1000", "page_size"),
            ("parallel = 0", "parallel"),
            ("overlap_minutes = 1441", "overlap"),
            ("changes_days_max = 0", "changes_days_max"),
            ("zone = \"Nowhere/At_All\"", "zone"),
            (
                "exclude_employees = true\nexclude_contingent_workers = true",
                "nobody is left",
            ),
            (
                "attributes = { Badge = \"Worker/Badge\" }",
                "attributes.Badge: at character 1",
            ),
            (
                "attributes = { \" \" = \"wd:Worker/wd:Worker_Data/wd:Worker_ID\" }",
                "a name",
            ),
            (
                "[report]\nowner = \"\"\nname = \"R\"\nkey = \"K\"",
                "report.owner",
            ),
            (
                "[report]\nowner = \"O\"\nname = \"R\"\nkey = \"K\"\nprompts = { format = \"x\" }",
                "prompts",
            ),
            (
                "[report]\nowner = \"O\"\nname = \"R\"\nkey = \"K\"\nprompts = { A = \"1\" }\n\
                 parts = [{ A = \"2\" }]",
                "parts",
            ),
        ] {
            let found = problems(&format!("{GOOD}{more}\n"));
            assert!(
                found.len() == 1 && found[0].contains(says),
                "{more}: {found:?}"
            );
        }
        // Several at once are all said.
        let all = GOOD.replace("https", "http").replace("v43.0", "v2");
        assert_eq!(problems(&format!("{all}page_size = 0\n")).len(), 3);
    }

    #[test]
    fn keys_that_nobody_knows_are_refused() {
        let read = |text: &str| toml::from_str::<Config>(text).map(|_| ());
        for more in [
            "paralel = 3",
            "service = \"Payroll\"",
            "[report]\nowner = \"O\"\nname = \"R\"\nkey = \"K\"\nformat = \"pdf\"",
            "[report]\nowner = \"O\"\nname = \"R\"",
        ] {
            assert!(read(&format!("{GOOD}{more}\n")).is_err(), "{more}");
        }
        for auth in [
            "{ user = \"u\" }",
            "{ user = \"u\", password = { env = \"P\" }, client_id = \"c\" }",
            "{ client_id = \"c\", client_secret = { env = \"P\" } }",
            "{ user = \"u\", password = \"secret itself\" }",
        ] {
            let text = GOOD.lines().filter(|it| !it.starts_with("auth"));
            let text: Vec<&str> = text.collect();
            assert!(
                read(&format!("{}\nauth = {auth}\n", text.join("\n"))).is_err(),
                "{auth}"
            );
        }
    }
}
