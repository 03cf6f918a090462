//! A proposal as `mapping.toml`.
//!
//! Invariant: the mapping can be read, whatever the names of columns are; what is not sure is a comment with its
//! reason.

use std::fmt::Write as _;

use super::column::{Column, Kind};
use super::names::Part;
use super::propose::{Choice, Confidence, Proposal, countries};
use super::toml_text::{NO_COLUMN, NO_DOMAIN, comment, off, quoted, shown};
use crate::mapping::expression::Expression;
use crate::mapping::limit;

/// A column as an expression asks for it; `None`: its name cannot stand in one.
fn asked(column: &str) -> Option<String> {
    let text = format!("[{column}]");
    let compiled = Expression::compile(&text).ok()?;
    let same = compiled.attributes().len() == 1 && compiled.attributes()[0] == *column;
    same.then_some(text)
}

fn attribute(target: &str, lines: &str) -> String {
    format!("[[attribute]]\ntarget = \"{target}\"\n{lines}\n")
}

fn expression(text: &str) -> String {
    if text.contains('\n')
        && !text.contains("'''")
        && !text.chars().any(|c| c.is_control() && c != '\n')
    {
        return format!("expression = '''\n{text}\n'''");
    }
    format!("expression = {}", quoted(text))
}

impl Proposal {
    pub(super) fn of(&self, choice: &Choice) -> Option<&Column> {
        self.columns.iter().find(|it| it.name == choice.column)
    }

    /// The text of `mapping.toml`.
    pub fn mapping_toml(&self) -> String {
        let mut out = String::from(
            "# Proposed by `rollcall init --from` from the names and values of an export. What is not\n\
             # sure is a comment: read them before this writes to a real tenant (docs/formats.md).\n\
             format_version = 1\n",
        );
        if let Some(domain) = &self.domain {
            comment(&mut out, "The domain of most work addresses in the export.");
            let _infallible = writeln!(out, "default_domain = {}", quoted(domain));
        } else {
            comment(
                &mut out,
                "A placeholder: the domain of your sign-in names. It stands in rollcall.toml, too.",
            );
            let _infallible = writeln!(out, "default_domain = \"{NO_DOMAIN}\"");
        }
        out.push_str("reserved_names = [\"admin\", \"administrator\", \"info\", \"postmaster\", \"root\", \"webmaster\"]\n\n");
        self.worker(&mut out);
        self.account(&mut out);
        self.attributes(&mut out);
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }

    fn worker(&self, out: &mut String) {
        out.push_str("[worker]\n");
        let key = self.column(Part::Key);
        if let Some(choice) = self.choice(Part::Key) {
            reasoned(out, choice);
        } else {
            comment(
                out,
                "No column can be the key. Name the one that says who each worker is.",
            );
        }
        let key_name = key.map_or(NO_COLUMN, |it| it.name.as_str());
        let _infallible = writeln!(out, "key = {}", quoted(key_name));
        if let Some(pattern) = key.and_then(|it| it.pattern.as_deref()) {
            comment(
                out,
                "Every key looks so today (# is a digit, @ a letter). In force, it holds rows whose zeros a spreadsheet dropped.",
            );
            off(out, &format!("key_pattern = {}", quoted(pattern)));
        }
        if let Some((choice, column)) = self.choice(Part::Status).zip(self.column(Part::Status)) {
            reasoned(out, choice);
            let _infallible = writeln!(out, "status = {}", quoted(&column.name));
        } else {
            comment(
                out,
                "No column says who is in force. Until one does, every file is refused.",
            );
            let _infallible = writeln!(out, "status = \"{NO_COLUMN}\"");
        }
        for (part, name) in [(Part::Manager, "manager"), (Part::Person, "person")] {
            self.fact(out, part, &|column| format!("{name} = {}", quoted(column)));
        }
        for (part, name) in [
            (Part::HireDate, "hire_date"),
            (Part::LastDay, "last_day"),
            (Part::TerminationDate, "termination_date"),
        ] {
            // Days come as ISO: `[source.file]` says how they are written.
            self.fact(out, part, &|column| {
                format!(
                    "{name} = {{ column = {}, format = \"iso\" }}",
                    quoted(column)
                )
            });
        }
        self.fact(out, Part::TimeZone, &|column| {
            format!("time_zone = {{ column = {} }}", quoted(column))
        });
        out.push('\n');
    }

    fn fact(&self, out: &mut String, part: Part, line: &dyn Fn(&str) -> String) {
        let Some(choice) = self.choice(part) else {
            return;
        };
        if choice.written {
            reasoned(out, choice);
            let _infallible = writeln!(out, "{}", line(&choice.column));
        } else {
            comment(out, &format!("Not sure: {}.", choice.reason));
            off(out, &line(&choice.column));
        }
    }

    /// What no account can be made without.
    fn account(&self, out: &mut String) {
        let key = self
            .column(Part::Key)
            .map_or(NO_COLUMN, |it| it.name.as_str());
        if self
            .column(Part::Key)
            .is_some_and(|it| limit("employeeId").is_some_and(|most| it.longest as usize > most))
        {
            comment(
                out,
                "The directory takes 16 characters; keys are longer: their rows are held.",
            );
        }
        out.push_str(&attribute(
            "employeeId",
            &format!("source = {}\nrequired = true\n", quoted(key)),
        ));
        let named = |part| self.column(part).and_then(|it| asked(&it.name));
        let key_asked = self.column(Part::Key).and_then(|it| asked(&it.name));
        let plain = |inner: &str| {
            format!(
                "Replace(ToLower(NormalizeDiacritics(StripSpaces({inner}))), , \"[^a-z0-9._-]\", , \"\", , )"
            )
        };
        let at_domain = |inner: &str| format!("Join(\"@\", {}, DefaultDomain())", plain(inner));
        let names = (
            named(Part::GivenName),
            named(Part::Surname),
            named(Part::DisplayName),
        );
        let (mut forms, about) = match &names {
            (Some(given), Some(surname), _) => (
                vec![
                    format!("Join(\".\", {given}, {surname})"),
                    format!("Join(\".\", Mid({given}, 1, 1), {surname})"),
                    format!("Join(\".\", Mid({given}, 1, 2), {surname})"),
                ],
                "The first that is free: ada.lovelace, a.lovelace, ad.lovelace; then the key.",
            ),
            (_, _, Some(whole)) => (
                vec![whole.clone()],
                "The first that is free: all of the name, then the key.",
            ),
            (Some(one), None, None) | (None, Some(one), None) => (
                vec![one.clone()],
                "The first that is free: the name, then the key.",
            ),
            (None, None, None) => (Vec::new(), "No column has names: the key."),
        };
        forms.extend(key_asked.clone());
        comment(out, about);
        if let Some(email) = self.columns.iter().find(|it| it.kind == Kind::Email) {
            comment(
                out,
                &format!(
                    "Where accounts exist already and {} is their sign-in name, take that: they are found by it with `match = 2` (docs/mapping-language.md).",
                    shown(&email.name)
                ),
            );
        }
        let made = match forms.as_slice() {
            [] => {
                comment(
                    out,
                    "The name of the column cannot stand in an expression: rename it. Until then rows are held.",
                );
                format!("source = {}", quoted(key))
            }
            [one] => expression(&at_domain(one)),
            several => {
                let all: Vec<String> = several
                    .iter()
                    .map(|it| format!("  {}", at_domain(it)))
                    .collect();
                expression(&format!("SelectUniqueValue(\n{})", all.join(",\n")))
            }
        };
        let lines = format!("apply = \"create\"\nnumbers = 99\nrequired = true\n{made}\n");
        out.push_str(&attribute("userPrincipalName", &lines));
        let nickname = match (forms.first(), &key_asked) {
            (Some(first), Some(key)) if forms.len() > 1 => {
                let name = format!(
                    "Replace(Mid({}, 1, 20), , \"(\\\\.)*$\", , \"\", , )",
                    plain(first)
                );
                // Names without a Latin letter leave nothing.
                let left = format!("Switch({name}, {name},\n  \"\", {})", plain(key));
                expression(&left)
            }
            (Some(first), _) => expression(&plain(first)),
            (None, _) => format!("source = {}", quoted(key)),
        };
        comment(out, "Twenty characters that every mailbox takes.");
        out.push_str(&attribute(
            "mailNickname",
            &format!("apply = \"create\"\nrequired = true\n{nickname}\n"),
        ));
        let display = match (&names, self.column(Part::DisplayName)) {
            (_, Some(whole)) => Self::value(Part::DisplayName, whole, "displayName"),
            ((Some(given), Some(surname), _), None) => {
                expression(&format!("Join(\" \", {given}, {surname})"))
            }
            ((Some(one), None, _) | (None, Some(one), _), None) => expression(one),
            ((None, None, _), None) => format!("source = {}", quoted(key)),
        };
        out.push_str(&attribute(
            "displayName",
            &format!("{display}\nrequired = true\n"),
        ));
    }

    fn attributes(&self, out: &mut String) {
        for choice in &self.choices {
            if choice.writes.starts_with("worker.") || choice.part == Part::DisplayName {
                continue;
            }
            let Some(column) = self.of(choice) else {
                continue;
            };
            let lines = Self::value(choice.part, column, choice.writes);
            Self::write(
                out,
                choice,
                &attribute(choice.writes, &format!("{lines}\n")),
            );
            if choice.part == Part::Country {
                Self::usage_location(out, choice, column);
            }
        }
        if let Some(choice) = self.choice(Part::HireDate)
            && let Some(day) = asked(&choice.column)
        {
            let text = format!("Switch({day}, Append({day}, \"T00:00:00Z\"), \"\", \"\")");
            Self::write(
                out,
                choice,
                &attribute("employeeHireDate", &format!("{}\n", expression(&text))),
            );
        }
    }

    fn write(out: &mut String, choice: &Choice, text: &str) {
        if choice.written {
            reasoned(out, choice);
            out.push_str(text);
        } else {
            comment(out, &format!("Not sure: {}.", choice.reason));
            off(out, text.trim_end());
            out.push('\n');
        }
    }

    /// What an attribute is made of.
    fn value(part: Part, column: &Column, target: &str) -> String {
        let plain = format!("source = {}", quoted(&column.name));
        let Some(asked) = asked(&column.name) else {
            return plain;
        };
        if part == Part::Country && countries(column) == Some(true) {
            return expression(&format!("Switch({asked}, {asked}, \"UK\", \"GB\")"));
        }
        if part == Part::PreferredLanguage {
            return expression(&format!("Replace({asked}, \"_\", , , \"-\", , )"));
        }
        match limit(target) {
            Some(most) if column.longest as usize > most => {
                format!(
                    "# The longest has {} characters, the directory takes {most}: cut.\n{}",
                    column.longest,
                    expression(&format!("Mid({asked}, 1, {most})"))
                )
            }
            Some(_) | None => plain,
        }
    }

    fn usage_location(out: &mut String, choice: &Choice, column: &Column) {
        if countries(column).is_some() {
            let lines = Self::value(Part::Country, column, "country");
            let mut text = String::new();
            comment(&mut text, "Licences need the code of ISO 3166-1.");
            text.push_str(&attribute("usageLocation", &format!("{lines}\n")));
            if choice.written {
                out.push_str(&text);
            } else {
                off(out, text.trim_end());
                out.push('\n');
            }
            return;
        }
        comment(
            out,
            "Licences need `usageLocation`, the code of ISO 3166-1; not every value is one. Say which is which:",
        );
        let asked = asked(&column.name).unwrap_or_else(|| "[Country]".to_owned());
        let lines = expression(&format!("Switch({asked}, \"\", \"Germany\", \"DE\")"));
        off(out, attribute("usageLocation", &lines).trim_end());
        out.push('\n');
    }
}

/// Says why, where somebody should look.
fn reasoned(out: &mut String, choice: &Choice) {
    if choice.confidence < Confidence::Sure {
        comment(
            out,
            &format!("{}: {}.", first_up(choice.confidence.word()), choice.reason),
        );
    }
}

fn first_up(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
