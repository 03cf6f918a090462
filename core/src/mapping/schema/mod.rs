//! A synchronizationSchema becomes a mapping file, and a mapping file a schema.
//!
//! Source: Microsoft Graph, `synchronizationSchema` and the types below it. Invariant: whatever is
//! not carried over is in the notes, with what to do about it.

use super::properties;

mod export;
mod import;
mod part;

pub use export::export;
pub use import::import;

/// Something that is not carried over, or that a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// The attribute, rule or part that it is about.
    pub about: String,
    /// What was done, and what to do.
    pub message: String,
}

/// A mapping file that was made from a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its text.
    pub mapping: String,
    /// What to look at.
    pub notes: Vec<Note>,
}

/// Names of the connectors for properties that Graph calls otherwise.
const ALIASES: [(&str, &str); 8] = [
    ("telephoneNumber", "businessPhones"),
    ("mobile", "mobilePhone"),
    ("physicalDeliveryOfficeName", "officeLocation"),
    ("facsimileTelephoneNumber", "faxNumber"),
    ("sn", "surname"),
    ("title", "jobTitle"),
    ("company", "companyName"),
    ("l", "city"),
];

/// A property as Graph writes it: documents of the vendor differ in upper and lower case.
fn property(name: &str) -> String {
    let same = |known: &str| known.eq_ignore_ascii_case(name);
    if let Some((_, ours)) = ALIASES.iter().find(|(theirs, _)| same(theirs)) {
        return (*ours).to_owned();
    }
    let extended = format!("onPremisesExtensionAttributes.{name}");
    properties::same(name)
        .or_else(|| properties::same(&extended))
        .map_or_else(|| name.to_owned(), str::to_owned)
}

/// And as the connector to Entra ID calls it.
fn connector_name(property: &str) -> String {
    let alias = ALIASES[..4].iter().find(|(_, ours)| *ours == property);
    let name = alias.map_or(property, |(theirs, _)| theirs);
    let name = name.strip_prefix("onPremisesExtensionAttributes.");
    name.unwrap_or(alias.map_or(property, |(theirs, _)| theirs))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::export::{attribute_source, mapping_of};
    use super::*;
    use crate::mapping::expression::Expression;
    use crate::mapping::file::Apply;

    /// A schema of forty mappings in the documented shape.
    fn forty() -> Json {
        let attribute = |target: &str, name: &str| {
            mapping_of(target, &attribute_source(name), Apply::Always, None, 0)
        };
        let function = |target: &str, expression: &str, apply| {
            let mut source = Expression::compile(expression).unwrap().tree();
            source["expression"] = json!(expression);
            mapping_of(target, &source, apply, None, 0)
        };
        let mut mappings = vec![
            mapping_of(
                "employeeId",
                &attribute_source("WorkerID"),
                Apply::Create,
                None,
                1,
            ),
            function(
                "accountEnabled",
                "Switch([Active], , \"1\", \"True\", \"0\", \"False\")",
                Apply::Always,
            ),
            attribute("manager", "ManagerReference"),
            attribute("employeeHireDate", "StatusHireDate"),
            attribute("employeeLeaveDateTime", "StatusTerminationDate"),
            function(
                "userPrincipalName",
                "Join(\"@\", ToLower(Join(\".\", [FirstName], [LastName])), DefaultDomain())",
                Apply::Create,
            ),
            function(
                "mailNickname",
                "Append(Mid([FirstName], 1, 2), [LastName])",
                Apply::Create,
            ),
            attribute("displayName", "PreferredNameData"),
            mapping_of("usageLocation", &Json::Null, Apply::Always, Some("NO"), 0),
            mapping_of(
                "companyName",
                &json!({"expression": "\"Wood \\\"grove\\\"\"", "name": "x", "type": "Constant", "parameters": []}),
                Apply::Always,
                None,
                0,
            ),
            function(
                "department",
                "Replace([Org], , \"\\\\s*'(x)\", , \"\", , )",
                Apply::Always,
            ),
            mapping_of(
                "jobTitle",
                &attribute_source("BusinessTitle"),
                Apply::Always,
                Some("Worker"),
                0,
            ),
            attribute("telephoneNumber", "PrimaryWorkTelephone"),
            attribute("mobile", "Mobile"),
            attribute("givenName", "FirstName"),
            attribute("surname", "LastName"),
            attribute("city", "Municipality"),
            attribute("state", "CountryRegionReference"),
            attribute("postalCode", "PostalCode"),
            attribute("streetAddress", "AddressLineData"),
            attribute("country", "CountryReference"),
            attribute("preferredLanguage", "LocalReference"),
            attribute("employeeType", "WorkerType"),
            attribute("mail", "EmailAddress"),
            function(
                "objectFilter",
                "IIF([Active] = \"1\", \"False\", IgnoreObjectFlow)",
                Apply::Always,
            ),
        ];
        for number in 1..=15 {
            mappings.push(attribute(
                &format!("extensionAttribute{number}"),
                &format!("Custom{number}"),
            ));
        }
        let clause = |operator: &str, values: &[&str]| json!({"operatorName": operator, "sourceOperandName": "Country", "targetOperand": {"values": values}});
        json!({
            "id": "x", "version": "1", "directories": [],
            "synchronizationRules": [{
                "name": "R", "priority": 1, "sourceDirectoryName": "Workday",
                "targetDirectoryName": "Azure Active Directory",
                "objectMappings": [
                    {"name": "groups", "targetObjectName": "Group", "attributeMappings": []},
                    {
                        "name": "workers", "enabled": true, "flowTypes": "Add, Update, Delete",
                        "targetObjectName": "User",
                        "scope": {"groups": [
                            {"name": "north", "clauses": [clause("EQUALS", &["NO"]), clause("IS NOT NULL", &[])]},
                            {"name": "odd", "clauses": [clause("&", &["1"])]},
                        ]},
                        "attributeMappings": mappings,
                    },
                ],
            }],
        })
    }

    #[test]
    fn a_schema_comes_back_as_the_same_file() {
        let schema = forty();
        let mappings = &schema["synchronizationRules"][0]["objectMappings"][1]["attributeMappings"];
        assert_eq!(mappings.as_array().unwrap().len(), 40);
        let first = import(&schema, Some("woodgrove.example")).unwrap();
        let mapping = super::super::Mapping::parse(&first.mapping, "first").unwrap();
        assert_eq!(mapping.targets().len(), 35, "{}", first.mapping);
        let (exported, _) = export(&first.mapping, "first", "Workday").unwrap();
        let second = import(&exported, Some("woodgrove.example")).unwrap();
        assert_eq!(first.mapping, second.mapping);
        // Everything that is not in the file is in the notes.
        for about in [
            "mail",
            "objectFilter",
            "R, groups",
            "R, workers",
            "odd",
            "accountEnabled",
        ] {
            assert!(first.notes.iter().any(|n| n.about == about), "{about}");
        }
    }

    fn of(mappings: &[Json]) -> Json {
        json!({"synchronizationRules": [{
            "name": "R", "targetDirectoryName": "Azure Active Directory",
            "objectMappings": [{"name": "m", "targetObjectName": "User", "attributeMappings": mappings}],
        }]})
    }

    /// What is of another kind than documented is refused, with the way to it.
    #[test]
    fn what_cannot_be_meant_is_refused() {
        let mut schema = of(&[]);
        let wrong = |schema: &Json, path: &str| {
            let error = import(schema, None).unwrap_err();
            assert!(error.contains(path), "{path}: {error}");
        };
        let mapping = "/synchronizationRules/0/objectMappings/0";
        for (at, value, path) in [
            ("scope", json!("all"), "objectMappings[0].scope` is a text"),
            (
                "scope",
                json!({"groups": {}}),
                "scope.groups` is an object; a list",
            ),
            (
                "scope",
                json!({"groups": [{"clauses": [{"targetOperand": {"values": ["1", 2]}}]}]}),
                "clauses[0].targetOperand.values[1]` is a number",
            ),
            (
                "enabled",
                json!("false"),
                "enabled` is a text; true or false",
            ),
            (
                "attributeMappings",
                json!({}),
                "attributeMappings` is an object",
            ),
            (
                "attributeMappings",
                json!([null]),
                "attributeMappings[0]` is nothing",
            ),
            (
                "attributeMappings",
                json!([{"targetAttributeName": "city", "matchingPriority": "2"}]),
                "matchingPriority` is a text",
            ),
            (
                "attributeMappings",
                json!([{"targetAttributeName": "city", "defaultValue": 5}]),
                "defaultValue` is a number",
            ),
            (
                "attributeMappings",
                json!([{"targetAttributeName": "city", "source": "[a]"}]),
                "source` is a text; an object",
            ),
            ("flowTypes", json!(["Add"]), "flowTypes` is a list"),
        ] {
            let object = schema.pointer_mut(mapping).unwrap();
            let before = object.clone();
            object[at] = value;
            wrong(&schema, path);
            *schema.pointer_mut(mapping).unwrap() = before;
        }
        schema["synchronizationRules"] = json!("none");
        wrong(&schema, "synchronizationRules` is a text");
    }

    /// Whoever reads only the file must not find everybody let in.
    #[test]
    fn a_scope_that_is_lost_lets_nobody_in() {
        let mut schema = of(&[]);
        let clause = json!({"operatorName": "&", "sourceOperandName": "F", "targetOperand": {"values": ["1"]}});
        let nameless = json!({"operatorName": "EQUALS", "targetOperand": {"values": ["1"]}});
        for clause in [clause, nameless] {
            schema["synchronizationRules"][0]["objectMappings"][0]["scope"] = json!({"groups": [{"name": "g", "clauses": [clause]}], "containerFilter": {"a": 1}});
            let came = import(&schema, None).unwrap();
            assert!(
                came.mapping.contains("name = \"nobody: "),
                "{}",
                came.mapping
            );
            assert!(came.mapping.contains("operator = \"IS NULL\""));
            let notes: String = came.notes.iter().map(|n| n.message.as_str()).collect();
            assert!(notes.contains("LETS NOBODY IN"), "{notes}");
            assert!(notes.contains("`containerFilter`"), "{notes}");
        }
    }

    /// What let fewer people in lets nobody in until somebody says it again.
    #[test]
    fn a_filter_that_is_lost_closes_every_group() {
        let key = json!({"targetAttributeName": "employeeId", "matchingPriority": 1,
            "source": attribute_source("K")});
        let clause = json!({"operatorName": "EQUALS", "sourceOperandName": "Country",
            "targetOperand": {"values": ["NO"]}, "multivaluedComparisonType": "All"});
        let group = json!([{"name": "north", "clauses": [clause]}]);
        let closed = "{ attribute = \"K\", operator = \"IS NULL\", values = [] }";
        let mut schema = of(&[key]);
        let scope = "/synchronizationRules/0/objectMappings/0";
        for (filters, rule_filter, groups, all) in [
            (json!([]), Json::Null, &group, 0),
            (json!([{"clauses": []}]), Json::Null, &group, 1),
            (json!([{"clauses": []}]), Json::Null, &json!([]), 1),
            (json!([]), json!({"includedGroups": ["g"]}), &group, 1),
        ] {
            let object = schema.pointer_mut(scope).unwrap();
            object["scope"] = json!({"groups": groups, "inputFilterGroups": filters});
            schema["synchronizationRules"][0]["groupFilter"] = rule_filter;
            let came = import(&schema, None).unwrap();
            assert_eq!(
                came.mapping.matches(closed).count(),
                all,
                "{}",
                came.mapping
            );
            let notes: String = came.notes.iter().map(|n| n.message.as_str()).collect();
            assert_eq!(notes.contains("LETS NOBODY IN"), all > 0, "{notes}");
            let said = notes.contains("`multivaluedComparisonType`");
            assert_eq!(said, *groups == group, "{notes}");
        }
    }

    /// The expression counts, whatever stands beside it; what says something and is not read is
    /// noted.
    #[test]
    fn sources_of_every_shape_are_read() {
        let target =
            |name: &str, source: Json| json!({"targetAttributeName": name, "source": source});
        let came = import(
            &of(&[
                target(
                    "city",
                    json!({"expression": "[A b]", "name": null, "type": null}),
                ),
                target(
                    "state",
                    json!({"expression": "[S]", "name": "T", "type": "attribute"}),
                ),
                target(
                    "country",
                    json!({"expression": "\"NO\"", "type": "constant"}),
                ),
                target(
                    "department",
                    json!({"expression": "", "name": "Dept", "type": "Attribute"}),
                ),
                target(
                    "companyName",
                    json!({"expression": "", "name": "Wood", "type": "Constant"}),
                ),
                target(
                    "postalCode",
                    json!({"expression": "\"005\"", "type": "Function"}),
                ),
                target(
                    "streetAddress",
                    json!({"expression": "[addresses[type eq \"work\"]]", "name": null}),
                ),
                target(
                    "ExtensionAttribute3",
                    json!({"expression": "Trim([X])", "type": "Function"}),
                ),
                target("l", json!({"expression": "[Other]", "type": "Attribute"})),
                target(
                    "employeeId",
                    json!({"expression": "[K]", "type": "Attribute"}),
                ),
                target(
                    "employeeId",
                    json!({"expression": "[K2]", "type": "Attribute"}),
                ),
                json!({"targetAttributeName": "userPrincipalName", "matchingPriority": 2,
                    "exportMissingReferences": true, "shoe": 1,
                    "source": {"expression": "[U]", "type": "Attribute"}}),
                json!({"targetAttributeName": "employeeLeaveDateTime", "flowType": "ObjectAddOnly",
                    "source": {"expression": "DateAdd(\"d\", -1, [L])", "type": "Function"}}),
            ]),
            None,
        )
        .unwrap();
        for wanted in [
            "target = \"city\"\nsource = \"A b\"\n",
            "target = \"state\"\nsource = \"S\"\n",
            "target = \"country\"\nconstant = \"NO\"\n",
            "target = \"department\"\nsource = \"Dept\"\n",
            "target = \"companyName\"\nconstant = \"Wood\"\n",
            "target = \"postalCode\"\nconstant = \"005\"\n",
            "target = \"streetAddress\"\nsource = 'addresses[type eq \"work\"]'\n",
            "extensionAttribute3\"\nexpression = \"Trim([X])\"\n",
            "key = \"K\"\n",
            "target = \"userPrincipalName\"\nsource = \"U\"\nmatch = 2\n",
        ] {
            assert!(came.mapping.contains(wanted), "{wanted}: {}", came.mapping);
        }
        for (about, wanted) in [
            ("state", "its `name` is `T`"),
            ("l", "`city` is mapped already"),
            ("employeeId", "`worker.key` is `K` already"),
            ("userPrincipalName", "`exportMissingReferences`, `shoe`"),
            ("employeeLeaveDateTime", "DateAdd(\"d\", -1, [L])"),
            ("employeeLeaveDateTime", "`flowType` ObjectAddOnly"),
            ("the job", "SkipOutOfScopeDeletions"),
        ] {
            let said = |n: &Note| n.about == about && n.message.contains(wanted);
            assert!(
                came.notes.iter().any(said),
                "{about}: {wanted}: {:?}",
                came.notes
            );
        }
    }

    #[test]
    fn nothing_is_dropped_in_silence() {
        let rule = |mappings: &[Json]| {
            json!({"synchronizationRules": [{
                "name": "R", "targetDirectoryName": "Azure Active Directory",
                "objectMappings": [{"name": "m", "targetObjectName": "User", "attributeMappings": mappings}],
            }]})
        };
        let broken = json!({"targetAttributeName": "city", "source": {"type": "Function", "expression": "Joyn([a])"}});
        let none = json!({"targetAttributeName": "state", "source": null});
        let odd = json!({"targetAttributeName": "shoeSize", "source": attribute_source("S")});
        // What no expression says is not taken for nothing, and its default not for a constant.
        let tree = json!({"targetAttributeName": "jobTitle", "defaultValue": "Nobody",
            "source": {"type": "Function", "name": "Append", "expression": "",
                "parameters": [{"key": "source", "value": attribute_source("S")}]}});
        let name = json!({"targetAttributeName": "userPrincipalName", "matchingPriority": 1,
            "source": attribute_source("U")});
        let came = import(&rule(&[broken, none, odd, tree, name]), None).unwrap();
        assert!(!came.mapping.contains("Nobody"), "{}", came.mapping);
        for about in [
            "city",
            "state",
            "shoeSize",
            "jobTitle",
            "matching",
            "worker.key",
            "worker.status",
            "displayName",
        ] {
            assert!(
                came.notes.iter().any(|n| n.about == about),
                "{about}: {:?}",
                came.notes
            );
        }
        assert!(import(&json!({}), None).is_err());
        assert!(import(&rule(&[]), None).is_ok());
        assert!(import(&json!({"synchronizationRules": []}), None).is_err());
    }
}
