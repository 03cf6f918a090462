//! A mapping file becomes a schema.

use serde_json::{Value as Json, json};

use super::{Note, connector_name};
use crate::mapping::expression::{DateDiffReading, Expression};
use crate::mapping::file::{Apply, AttributeFile, DateFormat, DateRule, EmptyCells, MappingFile};

/// Makes a schema of a mapping file. `source` is what the directory of the rows is called.
///
/// # Errors
/// When the file is none, as [`crate::mapping::Mapping::parse`] says.
pub fn export(
    mapping: &str,
    name: &str,
    source: &str,
) -> Result<(Json, Vec<Note>), crate::mapping::MappingFileError> {
    let checked = crate::mapping::Mapping::parse(mapping, name)?;
    let given: MappingFile = toml::from_str(mapping).expect("it was read a moment ago");
    let mut notes = Vec::new();
    let mut note = |about: &str, message: &str| {
        notes.push(Note {
            about: about.to_owned(),
            message: message.to_owned(),
        });
    };
    let worker = &given.worker;
    let plain = |target: &str, column: &str| {
        mapping_of(target, &attribute_source(column), Apply::Always, None, 0)
    };
    let mut mappings = vec![plain("accountEnabled", &worker.status)];
    note(
        "worker.status",
        "`accountEnabled` gets the status as it is: which values are active says the policy; put a Switch there",
    );
    if let Some(manager) = &worker.manager {
        mappings.push(plain("manager", manager));
    }
    let date = |rule: &Option<DateRule>| rule.as_ref().map(|rule| rule.column.clone());
    for (what, rule) in [
        ("worker.hire_date", &worker.hire_date),
        ("worker.last_day", &worker.last_day),
    ] {
        let Some(rule) = rule else { continue };
        if rule.format != DateFormat::Iso || !rule.open.is_empty() {
            note(
                what,
                "a schema has no place for `format` and `open`: write them again where it is imported",
            );
        }
    }
    if worker.entered.is_some() {
        note("worker.entered", "a schema has no place for it");
    }
    if checked.date_diff != DateDiffReading::Elapsed {
        note("date_diff", "a schema has no place for it");
    }
    if given.empty_cells != EmptyCells::default() {
        note("empty_cells", "a schema has no place for it");
    }
    if let Some(column) = date(&worker.last_day) {
        mappings.push(plain("employeeLeaveDateTime", &column));
    }
    let feeds = |attribute: &AttributeFile, column: &str| {
        let expression = attribute.expression.as_deref();
        attribute.source.as_deref() == Some(column)
            || expression.is_some_and(|e| e.contains(&format!("[{column}]")))
    };
    if let Some(column) = date(&worker.hire_date)
        && let Some(writes) = given
            .attribute
            .iter()
            .find(|a| a.target == "employeeHireDate")
        && !feeds(writes, &column)
    {
        note(
            "worker.hire_date",
            "employeeHireDate is made of another column: the schema has no place for this one",
        );
    }
    if worker.hire_date.is_some()
        && !given
            .attribute
            .iter()
            .any(|a| a.target == "employeeHireDate")
    {
        note(
            "worker.hire_date",
            "no mapping writes employeeHireDate: the schema has no other place for it",
        );
    }
    for (there, what) in [
        (worker.time_zone.is_some(), "worker.time_zone"),
        (worker.key_pattern.is_some(), "worker.key_pattern"),
        (given.default_domain.is_some(), "default_domain"),
        (!given.reserved_names.is_empty(), "reserved_names"),
    ] {
        if there {
            note(what, "a schema has no place for it");
        }
    }
    for attribute in &given.attribute {
        if attribute.required || attribute.clear_when_empty || attribute.numbers.is_some() {
            note(
                &attribute.target,
                "`required`, `clear_when_empty` and `numbers` have no place in a schema",
            );
        }
        let source = match (
            &attribute.source,
            &attribute.constant,
            &attribute.expression,
        ) {
            (Some(column), _, _) => attribute_source(column),
            (_, Some(text), _) => json!({
                "expression": toml_free(text), "name": text, "type": "Constant", "parameters": [],
            }),
            (_, _, Some(text)) => {
                let read = Expression::compile(text).expect("it was compiled a moment ago");
                let mut tree = read.tree();
                tree["expression"] = json!(text);
                tree
            }
            (None, None, None) => Json::Null,
        };
        let matching = match attribute.precedence {
            Some(precedence) => i64::from(precedence),
            None => i64::from(attribute.target == "employeeId"),
        };
        let default = attribute.default.as_deref();
        mappings.push(mapping_of(
            &connector_name(&attribute.target),
            &source,
            attribute.apply,
            default,
            matching,
        ));
    }
    let columns = checked.columns().into_iter();
    let columns: Vec<Json> = columns
        .map(|name| json!({"name": name, "type": "String"}))
        .collect();
    let groups = given.scope.iter().map(|group| {
        let clauses = group.all.iter().map(|clause| {
            json!({
                "operatorName": clause.operator,
                "sourceOperandName": clause.attribute,
                "targetOperand": {"values": clause.values},
            })
        });
        json!({"name": group.name, "clauses": clauses.collect::<Vec<_>>()})
    });
    let schema = json!({
        "id": format!("{source}2Entra"),
        "version": "1",
        "directories": [
            {"name": source, "objects": [{"name": "User", "attributes": columns}]},
            {"name": "Azure Active Directory", "objects": [{"name": "User", "attributes": []}]},
        ],
        "synchronizationRules": [{
            "name": format!("{source} to Entra ID"),
            "priority": 1,
            "sourceDirectoryName": source,
            "targetDirectoryName": "Azure Active Directory",
            "objectMappings": [{
                "name": "Synchronize workers",
                "enabled": true,
                "flowTypes": "Add, Update",
                "sourceObjectName": "User",
                "targetObjectName": "User",
                "scope": {
                    "groups": groups.collect::<Vec<_>>(),
                    "inputFilterGroups": [],
                    "categoryFilterGroups": [],
                },
                "attributeMappings": mappings,
            }],
        }],
    });
    Ok((schema, notes))
}

fn toml_free(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub(super) fn attribute_source(column: &str) -> Json {
    json!({"expression": format!("[{column}]"), "name": column, "type": "Attribute", "parameters": []})
}

pub(super) fn mapping_of(
    target: &str,
    source: &Json,
    apply: Apply,
    default: Option<&str>,
    matching: i64,
) -> Json {
    json!({
        "targetAttributeName": target,
        "matchingPriority": matching,
        "flowType": match apply {
            Apply::Always => "Always",
            Apply::Create => "ObjectAddOnly",
        },
        "flowBehavior": "FlowWhenChanged",
        "defaultValue": default,
        "exportMissingReferences": false,
        "source": source,
    })
}
