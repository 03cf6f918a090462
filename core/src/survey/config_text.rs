//! A proposal as `policy.toml` and `rollcall.toml`.
//!
//! Invariant: words that nobody here knows are in no list; what is not sure of a file is a comment.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::column::Kind;
use super::names::Part;
use super::propose::Proposal;
use super::toml_text::{NO_DOMAIN, NO_WORD, comment, list, off, quoted, shown};

/// How a file was read: what of it the configuration says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HowRead {
    /// The name of the file.
    pub file: String,
    /// What text it is in, where nobody says so and it is no UTF-8.
    pub encoding: Option<String>,
    /// It was guessed.
    pub encoding_assumed: bool,
    /// The character between cells, where somebody said so.
    pub delimiter: Option<char>,
    /// The row of the header, where it is not the first.
    pub header_row: Option<u32>,
    /// Somebody said which row it is.
    pub header_said: bool,
    /// The sheet, where somebody said which.
    pub sheet: Option<String>,
    /// Names of the columns by the mark that rows begin with, where somebody said so.
    pub record_types: BTreeMap<String, Vec<String>>,
    /// Rows behind the last worker, where somebody said how they begin, and where they count.
    pub footer: Option<(String, Option<usize>)>,
}

impl Proposal {
    /// The text of `policy.toml`.
    pub fn policy_toml(&self) -> String {
        let words = &self.statuses;
        let mut out = String::from(
            "# What a joiner, mover or leaver entails. Whatever is not said here has the default of the\n\
             # shipped policy (docs/formats.md).\n\
             format_version = 1\n",
        );
        if self.column(Part::TimeZone).is_some() {
            comment(&mut out, "For workers whose row names no time zone.");
        } else {
            comment(
                &mut out,
                "The export names no time zone: days begin and end here for everybody. Write it like Europe/Berlin.",
            );
        }
        out.push_str("default_zone = \"UTC\"\n\n[status]\n");
        let mut active = words.active.clone();
        active.extend(words.away.iter().cloned());
        if !words.away.is_empty() {
            comment(
                &mut out,
                &format!("Who is away stays in force: {}.", list(&words.away)),
            );
        }
        if !words.unknown.is_empty() {
            comment(
                &mut out,
                "In no list, because nobody here knows what they say. A row with one of them is held; sort them:",
            );
            comment(&mut out, &list(&words.unknown));
        }
        if active.is_empty() {
            comment(
                &mut out,
                "A placeholder: the words that say that somebody is in force.",
            );
            active.push(NO_WORD.to_owned());
        }
        let _infallible = writeln!(
            out,
            "active = {}\ninactive = {}",
            list(&active),
            list(&words.inactive)
        );
        for (name, words) in [
            ("rescinded", &words.rescinded),
            ("no_show", &words.no_show),
            ("deceased", &words.deceased),
        ] {
            if !words.is_empty() {
                let _infallible = writeln!(out, "{name} = {}", list(words));
            }
        }
        out.push_str(POLICY);
        out
    }

    /// The text of `rollcall.toml`.
    pub fn config_toml(&self, read: &HowRead) -> String {
        let mut out =
            String::from("# Proposed by `rollcall init --from` for exports like this one:\n");
        comment(&mut out, &quoted(&read.file));
        out.push_str(CONFIG);
        if let Some(encoding) = &read.encoding {
            if read.encoding_assumed {
                comment(
                    &mut out,
                    "Guessed: nobody says what text the file is. Look at names with accents.",
                );
            }
            let _infallible = writeln!(out, "encoding = {}", quoted(encoding));
        }
        if let Some(delimiter) = read.delimiter {
            let _infallible = writeln!(out, "delimiter = {}", quoted(&delimiter.to_string()));
        }
        if let Some(row) = read.header_row {
            if read.header_said {
                let _infallible = writeln!(out, "header_row = {row}");
            } else {
                comment(
                    &mut out,
                    &format!(
                        "The header is in row {row}. It is found by its names, also if it moves; to insist:"
                    ),
                );
                off(&mut out, &format!("header_row = {row}"));
            }
        }
        if let Some(sheet) = &read.sheet {
            let _infallible = writeln!(out, "sheet = {}", quoted(sheet));
        }
        if !read.record_types.is_empty() {
            let types = read.record_types.iter();
            let types: Vec<String> = types
                .map(|(mark, names)| format!("{} = {}", quoted(mark), list(names)))
                .collect();
            let _infallible = writeln!(out, "record_types = {{ {} }}", types.join(", "));
        }
        self.footer_said(&mut out, read);
        self.columns_said(&mut out);
        let _infallible = write!(
            out,
            "{TARGET}verified_domains = [{}]\ntenant_file = \"tenant.jsonl\"\n",
            quoted(self.domain.as_deref().unwrap_or(NO_DOMAIN))
        );
        out
    }

    fn footer_said(&self, out: &mut String, read: &HowRead) {
        let said = |begins: &str, column: Option<usize>| {
            let count = column.map_or_else(String::new, |at| format!(", count_column = {at}"));
            format!("footer = {{ match = {}{count} }}", quoted(begins))
        };
        if let Some((begins, column)) = &read.footer {
            let _infallible = writeln!(out, "{}", said(begins, *column));
        } else if let Some(found) = &self.footer {
            let line = said(&found.pattern(), found.count_column);
            if found.count_column.is_some() {
                comment(
                    out,
                    "Behind the last worker, with their number: a file without it is cut off.",
                );
                let _infallible = writeln!(out, "{line}");
            } else {
                comment(
                    out,
                    "The last rows look like totals. If every export has them:",
                );
                off(out, &line);
            }
        }
    }

    /// What more is said of columns than their name.
    fn columns_said(&self, out: &mut String) {
        let mut lines = String::new();
        for part in [Part::HireDate, Part::LastDay, Part::TerminationDate] {
            let Some(choice) = self.choice(part) else {
                continue;
            };
            let Some(column) = self.of(choice) else {
                continue;
            };
            let Some(days) = column.days.as_ref().filter(|it| it.to_be_declared()) else {
                continue;
            };
            let name = quoted(&column.name);
            let open: Vec<String> = days.open.keys().cloned().collect();
            let open = if open.is_empty() {
                String::new()
            } else {
                format!(", open = {}", list(&open))
            };
            let line = |format: &str| {
                format!(
                    "{name} = {{ type = \"date\", format = {}{open} }}",
                    quoted(format)
                )
            };
            match (&days.format, choice.written) {
                (Some(format), true) => {
                    let _infallible = writeln!(lines, "{}", line(format));
                }
                (Some(format), false) => off(&mut lines, &line(format)),
                (None, _) => {
                    comment(
                        &mut lines,
                        &format!("One of these, if {} is taken:", shown(&column.name)),
                    );
                    let formats = if days.ambiguous.is_empty() {
                        vec!["iso".to_owned()]
                    } else {
                        days.ambiguous.clone()
                    };
                    for format in formats {
                        off(&mut lines, &line(&format));
                    }
                }
            }
        }
        for column in self
            .columns
            .iter()
            .filter(|it| it.kind == Kind::DecimalComma)
        {
            if self
                .choices
                .iter()
                .any(|it| it.written && it.column == column.name)
            {
                continue;
            }
            comment(
                &mut lines,
                &format!("If {} is ever read:", shown(&column.name)),
            );
            off(
                &mut lines,
                &format!(
                    "{} = {{ type = \"decimal\", decimal = \",\" }}",
                    quoted(&column.name)
                ),
            );
        }
        if !lines.is_empty() {
            let _infallible = write!(out, "\n[source.file.columns]\n{lines}");
        }
    }
}

const POLICY: &str = r#"
[joiner]
# Accounts are made this many days before the first day of work, disabled.
create_days = 14

[gates]
# A file that differs more than this from the last accepted one is parked for approval.
row_count_pct = 5.0
key_set_pct = 5.0
unknown_status_pct = 1.0
inactive_share_points = 5.0
max_source_age_h = 36

[budgets.disables]
# The larger of both, over 24 hours; what is over waits for two people.
count = 10
percent = 2.0

# Within that a whole site can be emptied; a budget of its own keeps it (docs/formats.md, "Slices").
# [[budgets.slice]]
# name = "site"
# by = "officeLocation"
# disables = { count = 5, percent = 10 }

[protected]
workers = []
accounts = []

[approvals]
intake = 1
over_budget = 2
protected = 2
"#;

const CONFIG: &str = r#"# Everything here is relative to this file.
format_version = 1
store = "."
mapping = "mapping.toml"
policy = "policy.toml"

[evidence]
# The key of all value digests. This one is public: make your own for a real tenant.
key_file = "evidence.key"

[source]
name = "hr"
# Every export lists everybody: only then does absence mean something. If it does not, say "delta".
coverage = "full"

[source.file]
"#;

const TARGET: &str = r#"
# A simulated tenant that keeps its users in a file. For a real one:
#
# [target.entra]
# tenant_id = "..."
# client_id = "..."
# client_secret_env = "ROLLCALL_SECRET"
[target.rehearsal]
"#;
