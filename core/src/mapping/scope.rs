//! Scoping filters: whom a mapping is for.
//!
//! Source: "Define conditional rules for provisioning user accounts" (entra-docs). All clauses of a
//! group must hold; one group that holds is enough; no group means everybody. A clause on an
//! empty value is false whatever its operator, but for `IS NULL`. Our reading where the page is
//! silent: `REGEX MATCH` is of the whole value.

use serde::{Deserialize, Serialize};

use crate::pattern::{Pattern, Steps, TooLong};

/// One group, as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupFile {
    /// What it is called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    /// All must hold.
    pub(super) all: Vec<ClauseFile>,
}

/// One clause, as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClauseFile {
    /// The column.
    pub(super) attribute: String,
    /// `EQUALS`, `NOT EQUALS` and so on.
    pub(super) operator: String,
    /// What it is compared with; any of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<String>,
}

#[derive(Debug, Clone)]
enum Test {
    Equals,
    NotEquals,
    IsTrue,
    IsFalse,
    IsNull,
    IsNotNull,
    Matches(Vec<Pattern>),
    MatchesNot(Vec<Pattern>),
    Greater(Vec<i64>),
    GreaterOrEqual(Vec<i64>),
    Includes,
    EndsWith,
}

/// One clause, compiled.
#[derive(Debug, Clone)]
struct Clause {
    attribute: String,
    test: Test,
    values: Vec<String>,
}

/// Whom a mapping is for.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope(Vec<Vec<Clause>>);

/// Operators by their names without spaces and underscores: pages and exports write them either way.
const OPERATORS: [&str; 12] = [
    "EQUALS",
    "NOT EQUALS",
    "IS TRUE",
    "IS FALSE",
    "IS NULL",
    "IS NOT NULL",
    "REGEX MATCH",
    "NOT REGEX MATCH",
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUALS",
    "INCLUDES",
    "ENDS_WITH",
];

fn plain(operator: &str) -> String {
    let letters = operator.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_uppercase()).collect()
}

impl Scope {
    /// Compiles filters; the error says what is wrong with the first that is.
    pub(super) fn new(groups: &[GroupFile]) -> Result<Self, String> {
        let mut out = Vec::new();
        for (number, group) in groups.iter().enumerate() {
            let wrong = |why: String| format!("`scope` {}: {why}", number + 1);
            if group.all.is_empty() {
                return Err(wrong(
                    "a group without clauses is for everybody: leave it out".to_owned(),
                ));
            }
            let clauses: Result<Vec<Clause>, String> = group.all.iter().map(clause).collect();
            out.push(clauses.map_err(wrong)?);
        }
        Ok(Self(out))
    }

    /// The columns that are read.
    pub(super) fn columns(&self) -> impl Iterator<Item = &String> {
        self.0.iter().flatten().map(|clause| &clause.attribute)
    }

    /// Whether it leaves anybody out.
    pub(super) fn is_everybody(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a row is in it; `value` gives a column.
    ///
    /// # Errors
    ///
    /// The column whose pattern takes too many steps for what stands there.
    pub(super) fn holds<'v>(&self, value: impl Fn(&str) -> &'v str) -> Result<bool, &str> {
        if self.0.is_empty() {
            return Ok(true);
        }
        for group in &self.0 {
            let mut all = true;
            for clause in group {
                let holds = clause.holds(value(&clause.attribute));
                if !holds.map_err(|TooLong| clause.attribute.as_str())? {
                    all = false;
                    break;
                }
            }
            if all {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Patterns of its clauses, each with its column.
    pub(super) fn patterns(&self) -> impl Iterator<Item = (&str, &Pattern)> {
        self.0.iter().flatten().flat_map(|clause| {
            let patterns = match &clause.test {
                Test::Matches(patterns) | Test::MatchesNot(patterns) => patterns.as_slice(),
                Test::Equals
                | Test::NotEquals
                | Test::IsTrue
                | Test::IsFalse
                | Test::IsNull
                | Test::IsNotNull
                | Test::Greater(_)
                | Test::GreaterOrEqual(_)
                | Test::Includes
                | Test::EndsWith => &[],
            };
            patterns
                .iter()
                .map(|pattern| (clause.attribute.as_str(), pattern))
        })
    }
}

fn clause(file: &ClauseFile) -> Result<Clause, String> {
    let operator = plain(&file.operator);
    let values = &file.values;
    let at = || format!("`{}` of `{}`", file.operator, file.attribute);
    let patterns = || -> Result<Vec<Pattern>, String> {
        let compiled = values.iter().map(|text| Pattern::new(text));
        let compiled: Result<Vec<Pattern>, String> = compiled.collect();
        compiled.map_err(|why| format!("{}: {why}", at()))
    };
    let numbers = || -> Result<Vec<i64>, String> {
        let parsed = values.iter().map(|text| text.trim().parse());
        let parsed: Result<Vec<i64>, _> = parsed.collect();
        parsed.map_err(|_| format!("{}: both sides must be whole numbers", at()))
    };
    let (test, takes) = match operator.as_str() {
        "EQUALS" => (Test::Equals, true),
        "NOTEQUALS" => (Test::NotEquals, true),
        "ISTRUE" => (Test::IsTrue, false),
        "ISFALSE" => (Test::IsFalse, false),
        "ISNULL" => (Test::IsNull, false),
        "ISNOTNULL" => (Test::IsNotNull, false),
        "REGEXMATCH" => (Test::Matches(patterns()?), true),
        "NOTREGEXMATCH" => (Test::MatchesNot(patterns()?), true),
        "GREATERTHAN" => (Test::Greater(numbers()?), true),
        "GREATERTHANOREQUALS" => (Test::GreaterOrEqual(numbers()?), true),
        "INCLUDES" => (Test::Includes, true),
        "ENDSWITH" => (Test::EndsWith, true),
        _ => {
            return Err(format!(
                "`{}` is no operator that is supported; they are {}",
                file.operator,
                OPERATORS.join(", ")
            ));
        }
    };
    if takes == values.is_empty() {
        let what = if takes {
            "takes at least one value"
        } else {
            "takes no value"
        };
        return Err(format!("{} {what}", at()));
    }
    Ok(Clause {
        attribute: file.attribute.clone(),
        test,
        values: values.clone(),
    })
}

impl Clause {
    fn holds(&self, value: &str) -> Result<bool, TooLong> {
        if value.is_empty() {
            return Ok(matches!(self.test, Test::IsNull));
        }
        let number = || value.trim().parse::<i64>().ok();
        let steps = Steps::new();
        let fits = |patterns: &[Pattern]| -> Result<bool, TooLong> {
            for pattern in patterns {
                if pattern.fits(value, &steps)? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        Ok(match &self.test {
            Test::Equals => self.values.iter().any(|v| v == value),
            Test::NotEquals => self.values.iter().all(|v| v != value),
            Test::IsTrue => value.eq_ignore_ascii_case("true") || value == "1",
            Test::IsFalse => value.eq_ignore_ascii_case("false") || value == "0",
            Test::IsNull => false,
            Test::IsNotNull => true,
            Test::Matches(patterns) => fits(patterns)?,
            Test::MatchesNot(patterns) => !fits(patterns)?,
            Test::Greater(than) => number().is_some_and(|n| than.iter().any(|t| n > *t)),
            Test::GreaterOrEqual(than) => number().is_some_and(|n| than.iter().any(|t| n >= *t)),
            Test::Includes => self.values.iter().any(|v| value.contains(v.as_str())),
            Test::EndsWith => self.values.iter().any(|v| value.ends_with(v.as_str())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(groups: &[&[(&str, &str, &[&str])]]) -> Result<Scope, String> {
        let of = |clauses: &&[(&str, &str, &[&str])]| GroupFile {
            name: String::new(),
            all: clauses
                .iter()
                .map(|(attribute, operator, values)| ClauseFile {
                    attribute: (*attribute).to_owned(),
                    operator: (*operator).to_owned(),
                    values: values.iter().map(|v| (*v).to_owned()).collect(),
                })
                .collect(),
        };
        Scope::new(&groups.iter().map(of).collect::<Vec<_>>())
    }

    #[test]
    fn every_operator_and_nothing() {
        for (operator, values, yes, no) in [
            ("EQUALS", &["NO"][..], &["NO"][..], &["no", "SE", ""][..]),
            ("NOT EQUALS", &["Sales"], &["sales", "HR"], &["Sales", ""]),
            ("IS TRUE", &[], &["True", "true", "1"], &["False", "x", ""]),
            ("IS FALSE", &[], &["false", "0"], &["True", "x", ""]),
            ("IS NULL", &[], &[""], &["x"]),
            ("IS NOT NULL", &[], &["x"], &[""]),
            (
                "REGEX MATCH",
                &["([1-9][0-9])"],
                &["10", "99"],
                &["100", "9", ""],
            ),
            ("NOT REGEX MATCH", &["[a-z]+"], &["A"], &["a", ""]),
            ("Greater_Than", &["5"], &["6", "12"], &["5", "x", ""]),
            ("Greater_Than_OR_EQUALS", &["5"], &["5"], &["4", ""]),
            ("Includes", &["oo"], &["Woodgrove"], &["OO", ""]),
            ("ENDS_WITH", &["e"], &["Woodgrove"], &["E", ""]),
        ] {
            let scope = scope(&[&[("a", operator, values)]]).unwrap();
            for value in yes {
                assert_eq!(scope.holds(|_| value), Ok(true), "{operator} {value:?}");
            }
            for value in no {
                assert_eq!(scope.holds(|_| value), Ok(false), "{operator} {value:?}");
            }
        }
    }

    #[test]
    fn all_of_a_group_and_any_group() {
        let scope = scope(&[
            &[("a", "EQUALS", &["1"]), ("b", "EQUALS", &["2"])],
            &[("a", "EQUALS", &["9"])],
        ])
        .unwrap();
        let of = |a: &'static str, b: &'static str| {
            scope
                .holds(move |name| if name == "a" { a } else { b })
                .unwrap()
        };
        assert!(of("1", "2") && of("9", "") && !of("1", "") && !of("", "2"));
        assert_eq!(Scope::default().holds(|_| ""), Ok(true));
    }

    /// Nobody is let in, or left out, because a pattern gave up.
    #[test]
    fn what_takes_too_long_is_nobodys_answer() {
        for operator in ["REGEX MATCH", "NOT REGEX MATCH"] {
            let scope = scope(&[&[("a", operator, &["(a|aa)+x|a+c"])]]).unwrap();
            let value = format!("{}c", "a".repeat(60));
            assert_eq!(scope.holds(|_| &value), Err("a"), "{operator}");
        }
    }

    #[test]
    fn a_mistake_is_told() {
        for (operator, values, why) in [
            ("LIKE", &["x"][..], "no operator"),
            ("&", &["1"], "no operator"),
            ("EQUALS", &[], "at least one value"),
            ("IS NULL", &["x"], "takes no value"),
            ("REGEX MATCH", &["("], "not closed"),
            ("GREATER_THAN", &["x"], "whole numbers"),
        ] {
            let error = scope(&[&[("a", operator, values)]]).unwrap_err();
            assert!(error.contains(why), "{operator}: {error}");
        }
        assert!(scope(&[&[]]).is_err());
    }
}
