//! What is odd about a whole mapping file: of each attribute beside its property, and beside the
//! header of an export.

use super::expression::{Lint, SLOW_PATTERN};
use super::file::{From, Mapping, ZoneRule};
use super::properties;
use crate::suggest;

impl Mapping {
    /// What is odd about the attributes, by property in the order of the file.
    pub fn lint(&self) -> Vec<(String, Lint)> {
        let mut out = Vec::new();
        for rule in &self.attributes {
            let From::Expression(expression) = &rule.from else {
                continue;
            };
            let mut say = |lint| out.push((rule.target.clone(), lint));
            expression.lint().into_iter().for_each(&mut say);
            let whole = |name, message: &str| Lint {
                name,
                message: message.to_owned(),
                line: 1,
                column: 1,
                part: expression.source().trim().to_owned(),
            };
            let refuses = |text: &str| rule.kind.problem(text);
            let limit = rule.kind.limit();
            expression
                .lint_for(&refuses, limit)
                .into_iter()
                .for_each(&mut say);
            if expression.asks_clock() {
                say(whole(
                    "clock",
                    "a row is mapped again when HR changes it, not when time goes by: what \
                     `Now()` decides stays as it was",
                ));
            }
            if rule.kind == properties::Kind::SignInName && !expression.lowers() {
                say(whole(
                    "capitals",
                    "capitals of the row come into the sign-in name: put `ToLower` around it",
                ));
            }
        }
        for (column, pattern) in self.scope.patterns() {
            if pattern.is_ambiguous() {
                let lint = Lint {
                    name: "slow-pattern",
                    message: format!("of `{column}`: {SLOW_PATTERN}"),
                    line: 1,
                    column: 1,
                    part: pattern.source().to_owned(),
                };
                out.push(("[[scope]]".to_owned(), lint));
            }
        }
        let pattern = self.worker.key_pattern.as_ref();
        if let Some(pattern) = pattern.filter(|p| !p.ends_with('*') && p.chars().count() > 16) {
            let lint = Lint {
                name: "too-long",
                message: "keys of this pattern are longer than the 16 characters that employeeId \
                          takes"
                    .to_owned(),
                line: 1,
                column: 1,
                part: pattern.clone(),
            };
            out.push(("employeeId".to_owned(), lint));
        }
        out
    }

    /// Columns that something reads and a header does not have, by what reads them.
    pub fn lint_header(&self, header: &[String]) -> Vec<(String, Lint)> {
        let mut out = Vec::new();
        let mut say = |reads: &str, column: &String| {
            if header.contains(column) {
                return;
            }
            let hint = suggest::hint(column, header.iter().map(String::as_str));
            let lint = Lint {
                name: "unknown-attribute",
                message: format!("the export has no column `{column}`{hint}"),
                line: 1,
                column: 1,
                part: column.clone(),
            };
            out.push((reads.to_owned(), lint));
        };
        for rule in &self.attributes {
            match &rule.from {
                From::Source(column) => say(&rule.target, column),
                From::Expression(e) => e.attributes().iter().for_each(|c| say(&rule.target, c)),
                From::Constant(_) => {}
            }
        }
        let worker = &self.worker;
        if !worker.status.is_empty() {
            say("worker.status", &worker.status);
        }
        let facts = [
            ("worker.manager", worker.manager.as_ref()),
            (
                "worker.hire_date",
                worker.hire_date.as_ref().map(|d| &d.column),
            ),
            (
                "worker.last_day",
                worker.last_day.as_ref().map(|d| &d.column),
            ),
        ];
        for (what, column) in facts {
            if let Some(column) = column {
                say(what, column);
            }
        }
        if let Some(ZoneRule::Column(column)) = &worker.time_zone {
            say("worker.time_zone", column);
        }
        for column in self.scope.columns() {
            say("scope", &column.to_owned());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use crate::mapping::file::tests::with;

    /// Attribute and lint by name.
    #[test]
    fn what_a_property_refuses_is_named_before_the_first_row() {
        for (attributes, expected) in [
            (
                "[[attribute]]\ntarget = \"usageLocation\"\nexpression = 'Switch([c], , \"n\", \"Norway\")'\n",
                vec!["refused-value"],
            ),
            (
                "[[attribute]]\ntarget = \"usageLocation\"\nexpression = 'Switch([c], , \"n\", \"NO\")'\n",
                vec![],
            ),
            (
                "[[attribute]]\ntarget = \"faxNumber\"\napply = \"create\"\nexpression = 'RandomString(200, 0, 0, 0, 0, \"\")'\n",
                vec!["too-long"],
            ),
            (
                "[[attribute]]\ntarget = \"usageLocation\"\nexpression = 'Append([a], Append(\"ab\", \"c\"))'\n",
                vec!["too-long"],
            ),
        ] {
            let lints = with(attributes).unwrap().lint();
            let names: Vec<&str> = lints
                .iter()
                .filter(|(target, _)| target != "userPrincipalName")
                .map(|(_, lint)| lint.name)
                .collect();
            assert_eq!(names, expected, "{attributes}");
        }
        let header: Vec<String> = ["ID", "Status", "Name", "Logon"].map(str::to_owned).into();
        let lints = with("").unwrap().lint_header(&header);
        let said: Vec<(&str, &str)> = lints
            .iter()
            .map(|(reads, lint)| (reads.as_str(), lint.message.as_str()))
            .collect();
        let wanted = "the export has no column `Login`; did you mean `Logon`?";
        assert_eq!(
            said,
            [("userPrincipalName", wanted), ("mailNickname", wanted)]
        );
    }
}
