//! Cases beside a mapping file: a row in, the wanted attributes out, reviewed with the mapping.
//!
//! ```toml
//! [[case]]
//! name = "an employee in London"
//! now = "2026-03-16T02:00:00Z"
//! row = { WorkerID = "1", FullName = "Ana Ruiz" }    # columns that are not named are empty
//! expect = { displayName = "Ana Ruiz", city = "" }   # every attribute; "" = cleared
//! held = ["required_missing"]                        # or: the findings that hold the row
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Given, Mapping};
use crate::digest::EvidenceKey;
use crate::model::{FindingKind, Severity, Value};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    now: Timestamp,
    row: BTreeMap<String, String>,
    #[serde(default)]
    expect: BTreeMap<String, Value>,
    #[serde(default)]
    held: Vec<FindingKind>,
}

/// How one case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// What differs: `attribute: expected …, came …`. Empty = passed.
    pub differences: Vec<String>,
}

/// Runs every case of a file against a mapping.
///
/// # Errors
/// When the file cannot be read, with line and column, or has no case.
pub fn run_cases(mapping: &Mapping, text: &str) -> Result<Vec<CaseResult>, String> {
    let file: CaseFile = toml::from_str(text).map_err(|e| e.to_string())?;
    if file.case.is_empty() {
        return Err("the file has no case".to_owned());
    }
    file.case.iter().map(|case| run(mapping, case)).collect()
}

fn run(mapping: &Mapping, case: &Case) -> Result<CaseResult, String> {
    let header: Vec<String> = mapping.columns().into_iter().collect();
    let strange: Vec<&String> = case.row.keys().filter(|k| !header.contains(k)).collect();
    if !strange.is_empty() {
        return Err(format!(
            "case `{}`: the mapping reads no column {strange:?}",
            case.name
        ));
    }
    let bound = mapping
        .bind(&header)
        .map_err(|missing| format!("no column {missing:?}"))?;
    let value = |at: usize| case.row.get(&header[at]).map_or("", String::as_str);
    let key = EvidenceKey::new(*b"cases");
    let given = Given {
        now: case.now,
        key: &key,
    };
    let mapped = bound.map(&value, 2, &given);
    let mut differences = Vec::new();
    let held: Vec<FindingKind> = mapped
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Held)
        .map(|f| f.kind)
        .collect();
    if held != case.held {
        differences.push(format!("held: expected {:?}, came {held:?}", case.held));
    }
    if held.is_empty() {
        let mut came = mapped.identity.always;
        came.extend(mapped.identity.on_create);
        let names = came.keys().chain(case.expect.keys()).cloned();
        for name in names.collect::<std::collections::BTreeSet<_>>() {
            // TOML has no null: the empty text stands for "cleared".
            let cleared = |v: &&Value| v.as_text().is_some_and(str::is_empty);
            let expected = case.expect.get(&name);
            let expected = if expected.as_ref().is_some_and(cleared) {
                Some(&Value::Null)
            } else {
                expected
            };
            let came = came.get(&name);
            if expected != came {
                let show =
                    |v: Option<&Value>| v.map_or_else(|| "nothing".to_owned(), crate::plan::plain);
                let line = format!("{name}: expected {}, came {}", show(expected), show(came));
                differences.push(line);
            }
        }
    }
    Ok(CaseResult {
        name: case.name.clone(),
        differences,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every shipped mapping against the cases beside it.
    #[test]
    fn shipped_mappings_pass_their_cases() {
        for (name, mapping, cases) in [
            (
                "csv2scim",
                include_str!("../../../mappings/csv2scim/mapping.toml"),
                include_str!("../../../mappings/csv2scim/cases.toml"),
            ),
            (
                "workday",
                include_str!("../../../mappings/workday/mapping.toml"),
                include_str!("../../../mappings/workday/cases.toml"),
            ),
            (
                "successfactors",
                include_str!("../../../mappings/successfactors/mapping.toml"),
                include_str!("../../../mappings/successfactors/cases.toml"),
            ),
            (
                "aquera",
                include_str!("../../../mappings/aquera/mapping.toml"),
                include_str!("../../../mappings/aquera/cases.toml"),
            ),
            (
                "bamboohr",
                include_str!("../../../mappings/bamboohr/mapping.toml"),
                include_str!("../../../mappings/bamboohr/cases.toml"),
            ),
            (
                "dynamics365",
                include_str!("../../../mappings/dynamics365/mapping.toml"),
                include_str!("../../../mappings/dynamics365/cases.toml"),
            ),
            (
                "demo",
                include_str!("../../../mappings/demo/mapping.toml"),
                include_str!("../../../mappings/demo/cases.toml"),
            ),
        ] {
            let mapping = Mapping::parse(mapping, name).unwrap();
            let results = run_cases(&mapping, cases).unwrap();
            assert!(results.len() >= 2);
            for result in results {
                assert_eq!(
                    result.differences,
                    Vec::<String>::new(),
                    "{name}: {}",
                    result.name
                );
            }
        }
    }

    #[test]
    fn a_wrong_expectation_is_told() {
        let mapping = include_str!("../../../mappings/demo/mapping.toml");
        let mapping = Mapping::parse(mapping, "demo").unwrap();
        let cases = include_str!("../../../mappings/demo/cases.toml")
            .replace("\"Sales\"\njob", "\"Finance\"\njob");
        let results = run_cases(&mapping, &cases).unwrap();
        assert_eq!(
            results[0].differences,
            ["department: expected Finance, came Sales"]
        );
        assert!(run_cases(&mapping, "case = []").is_err());
    }
}
