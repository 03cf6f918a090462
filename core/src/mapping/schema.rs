//! A synchronizationSchema becomes a mapping file, and a mapping file a schema.
//!
//! Source: Microsoft Graph, `synchronizationSchema` and the types below it. Invariant: whatever is
//! not carried over is in the notes, with what to do about it.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::expression::Expression;
use super::file::{self, Apply, AttributeFile, DateRule, MappingFile};
use super::properties;
use super::scope::{ClauseFile, GroupFile, Scope};

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

fn property(name: &str) -> String {
    if let Some((_, ours)) = ALIASES.iter().find(|(theirs, _)| *theirs == name) {
        return (*ours).to_owned();
    }
    match name.strip_prefix("extensionAttribute") {
        Some(number) => format!("onPremisesExtensionAttributes.extensionAttribute{number}"),
        None => name.to_owned(),
    }
}

struct Importer {
    notes: Vec<Note>,
    key: Option<String>,
    status: Option<String>,
    manager: Option<String>,
    hire_date: Option<String>,
    last_day: Option<String>,
    attributes: Vec<AttributeFile>,
    asks_domain: bool,
}

/// Makes a mapping file of the rule that provisions users to Entra ID.
///
/// # Errors
/// When it is no schema, or no rule of it provisions users to Entra ID.
pub fn import(schema: &Json, default_domain: Option<&str>) -> Result<Imported, String> {
    let rules = schema["synchronizationRules"]
        .as_array()
        .ok_or("this is no synchronizationSchema: it has no `synchronizationRules`")?;
    let mut importer = Importer {
        notes: Vec::new(),
        key: None,
        status: None,
        manager: None,
        hire_date: None,
        last_day: None,
        attributes: Vec::new(),
        asks_domain: false,
    };
    let mapping = importer.choose(rules)?;
    for given in list(&mapping["attributeMappings"]) {
        importer.attribute(given);
    }
    let scope = importer.scope(&mapping["scope"]);
    Ok(importer.finish(&scope, default_domain))
}

fn list(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

fn text<'j>(json: &'j Json, name: &str) -> &'j str {
    json[name].as_str().unwrap_or_default()
}

impl Importer {
    fn note(&mut self, about: &str, message: impl Into<String>) {
        self.notes.push(Note {
            about: about.to_owned(),
            message: message.into(),
        });
    }

    /// The object mapping of users to Entra ID; the others are noted.
    fn choose<'j>(&mut self, rules: &'j [Json]) -> Result<&'j Json, String> {
        let mut rules: Vec<&Json> = rules.iter().collect();
        rules.sort_by_key(|rule| rule["priority"].as_i64().unwrap_or(i64::MAX));
        let mut chosen = None;
        for rule in rules {
            let target = text(rule, "targetDirectoryName");
            let entra = ["Azure Active Directory", "Microsoft Entra ID"].contains(&target);
            for mapping in list(&rule["objectMappings"]) {
                let name = format!("{}, {}", text(rule, "name"), text(mapping, "name"));
                let users = text(mapping, "targetObjectName").eq_ignore_ascii_case("user");
                if !entra || !users {
                    self.note(&name, format!("not carried over: it does not provision users to Entra ID, but {} of {target}", text(mapping, "targetObjectName")));
                } else if mapping["enabled"] == json!(false) {
                    self.note(&name, "not carried over: it is not enabled");
                } else if chosen.is_some() {
                    self.note(
                        &name,
                        "not carried over: another one comes before it; import it by itself",
                    );
                } else {
                    let flows = text(mapping, "flowTypes");
                    if flows.contains("Delete") {
                        self.note(&name, "accounts are deleted by the source's connector when they leave; here they are disabled, and the policy says what comes after");
                    }
                    for without in ["Add", "Update"] {
                        if !flows.is_empty() && !flows.contains(without) {
                            self.note(&name, format!("`flowTypes` has no {without}: Rollcall does both, so leave the mapping out of use where that is not meant"));
                        }
                    }
                    chosen = Some(mapping);
                }
            }
        }
        chosen.ok_or_else(|| {
            "no rule provisions objects `User` of `Azure Active Directory`".to_owned()
        })
    }

    fn attribute(&mut self, given: &Json) {
        let theirs = text(given, "targetAttributeName");
        let target = property(theirs);
        let source = &given["source"];
        let expression = text(source, "expression").trim();
        let read = Expression::compile(expression);
        let only = match &read {
            Ok(read) => match read.attributes() {
                [one] => Some(one.clone()),
                _ => None,
            },
            Err(_) => None,
        };
        let direct = only
            .clone()
            .filter(|name| expression == format!("[{name}]"));
        let matching = given["matchingPriority"].as_i64().unwrap_or(0) > 0;
        if text(given, "flowBehavior") == "FlowAlways" {
            self.note(theirs, "`FlowAlways`: Rollcall compares with the directory whenever the row changes, and writes what differs");
        }
        match (target.as_str(), direct, only) {
            ("employeeId", Some(name), _) => {
                if !matching {
                    self.note(
                        theirs,
                        "it does not match in the schema; here it is what accounts are found by",
                    );
                }
                self.key = Some(name.clone());
                self.attributes.push(AttributeFile {
                    source: Some(name),
                    ..AttributeFile::of(target)
                });
                return;
            }
            ("employeeId", None, _) => {
                self.note(theirs, "accounts are found by employeeId, which must be a column as it is: have the export give the finished value");
                return;
            }
            ("accountEnabled" | "accountDisabled" | "IsSoftDeleted", _, only) => {
                let says = if expression.is_empty() {
                    String::new()
                } else {
                    format!(" (here: {expression})")
                };
                if let Some(name) = only {
                    self.note(theirs, format!("`worker.status` is `{name}`; which of its values are active says `[status]` of policy.toml{says}"));
                    self.status = Some(name);
                } else {
                    self.note(theirs, format!("not carried over: who is enabled follows from one status column and dates, see policy.toml{says}"));
                }
                return;
            }
            ("manager", Some(name), _) => {
                self.note(theirs, format!("`worker.manager` is `{name}`: it has to hold the manager's key as `worker.key` writes it"));
                self.manager = Some(name);
                return;
            }
            ("manager", None, _) => {
                self.note(
                    theirs,
                    "not carried over: the manager is one column that holds a worker's key",
                );
                return;
            }
            ("employeeLeaveDateTime", _, Some(name)) => {
                self.note(theirs, format!("`worker.last_day` is `{name}`: the policy cuts off at the end of that day. The property itself is not written"));
                self.last_day = Some(name);
                return;
            }
            ("employeeHireDate", direct, Some(name)) => {
                self.hire_date = Some(name.clone());
                self.note(theirs, format!("`worker.hire_date` is `{name}`, expected as 2026-03-16: see that its `format` is right"));
                if direct.is_some() {
                    let made = format!(
                        "Switch([{name}], FormatDateTime(CDate([{name}]), , \"M/d/yyyy h:mm:ss tt\", \"yyyy-MM-ddTHH:mm:ssZ\"), \"\", \"\")"
                    );
                    self.push(
                        given,
                        theirs,
                        AttributeFile {
                            expression: Some(made),
                            ..AttributeFile::of(target)
                        },
                    );
                    return;
                }
            }
            ("objectFilter", _, _) => {
                self.note(
                    theirs,
                    "not carried over: say in `[[scope]]`, or by status, whom the mapping is for",
                );
                return;
            }
            _ => {}
        }
        let by_name = matching && target == "userPrincipalName";
        if by_name {
            self.note(theirs, "it matches accounts in the schema: `match = 2` takes over accounts of this name that carry no employeeId, each after an approval");
        } else if matching {
            self.note(theirs, "it matches accounts in the schema; Rollcall matches by employeeId, and by userPrincipalName");
        }
        if properties::kind(&target).is_none() {
            let hint = properties::nearest(&target).map_or_else(String::new, |near| {
                format!("; the nearest that it does is `{near}`")
            });
            self.note(
                theirs,
                format!("not carried over: Rollcall does not write this property{hint}"),
            );
            return;
        }
        let mut made = AttributeFile::of(target);
        made.precedence = by_name.then_some(2);
        match text(source, "type") {
            "Constant" => made.constant = Some(constant(source)),
            "Attribute" => {
                made.source = Some(text(source, "name").to_owned())
                    .filter(|n| !n.is_empty())
                    .or_else(|| Some(expression.trim_matches(['[', ']']).to_owned()));
            }
            "Function" => match read {
                Ok(read) => {
                    self.asks_domain |= read.asks_domain();
                    made.expression = Some(expression.to_owned());
                }
                Err(error) => {
                    self.note(
                        theirs,
                        format!("not carried over, the expression is not one: {error}"),
                    );
                    return;
                }
            },
            _ => {
                let Some(default) = given["defaultValue"].as_str() else {
                    self.note(theirs, "not carried over: it has no source and no default");
                    return;
                };
                made.constant = Some(default.to_owned());
                made.apply = Apply::Create;
                self.note(
                    theirs,
                    "it has no source and a default: written on creation",
                );
                self.push(&Json::Null, theirs, made);
                return;
            }
        }
        self.push(given, theirs, made);
    }

    /// Adds an attribute if a mapping file takes it.
    fn push(&mut self, given: &Json, theirs: &str, mut made: AttributeFile) {
        match text(given, "flowType") {
            "ObjectAddOnly" => made.apply = Apply::Create,
            "Always" | "" => {}
            other => {
                made.apply = Apply::Create;
                self.note(
                    theirs,
                    format!("`flowType` {other} is not known here: written on creation only"),
                );
            }
        }
        if let Some(default) = given["defaultValue"].as_str().filter(|d| !d.is_empty()) {
            made.default = Some(default.to_owned());
        }
        let key = self.key.clone().unwrap_or_default();
        match file::rule(made.clone(), &key, true) {
            Ok(_) => self.attributes.push(made),
            Err(problem) => self.note(theirs, format!("not carried over: {problem}")),
        }
    }

    fn scope(&mut self, scope: &Json) -> Vec<GroupFile> {
        for (name, what) in [
            ("inputFilterGroups", "input filters"),
            ("categoryFilterGroups", "category filters"),
        ] {
            if list(&scope[name]).next().is_some() {
                self.note("scope", format!("{what} are not carried over: they are experimental; add what they say to `[[scope]]`"));
            }
        }
        let mut out = Vec::new();
        for group in list(&scope["groups"]) {
            let clauses = list(&group["clauses"]).map(|clause| ClauseFile {
                attribute: text(clause, "sourceOperandName").to_owned(),
                operator: text(clause, "operatorName").to_owned(),
                values: list(&clause["targetOperand"]["values"])
                    .filter_map(|v| v.as_str().map(str::to_owned))
                    .collect(),
            });
            let made = GroupFile {
                name: text(group, "name").to_owned(),
                all: clauses.collect(),
            };
            match Scope::new(std::slice::from_ref(&made)) {
                Ok(_) => out.push(made),
                Err(problem) => self.note(&made.name, format!("this group of the scope is not carried over, so that WHOM IT LETS IN IS LEFT OUT, and with no other group EVERYBODY IS LET IN: {problem}")),
            }
        }
        out
    }

    fn finish(mut self, scope: &[GroupFile], default_domain: Option<&str>) -> Imported {
        for (what, found, hint) in [
            (
                "worker.key",
                &self.key,
                "the column that employeeId is made of",
            ),
            (
                "worker.status",
                &self.status,
                "the column that says who is employed",
            ),
        ] {
            if found.is_none() {
                self.notes.push(Note {
                    about: what.to_owned(),
                    message: format!("the schema does not say it: write {hint} in place of `?`"),
                });
            }
        }
        if self.hire_date.is_some() || self.last_day.is_some() {
            let message = "the schema has none: dates are of UTC until you say where the worker is";
            self.note("worker.time_zone", message);
        }
        for target in file::NEVER_EMPTY {
            if !self.attributes.iter().any(|a| a.target == target) {
                self.note(
                    target,
                    "no mapping makes it, and accounts cannot be made without: add one",
                );
            }
        }
        if self.asks_domain && default_domain.is_none() {
            self.note("default_domain", "`DefaultDomain()` occurs: write the tenant's default domain in place of example.com");
        }
        let domain = default_domain.or(self.asks_domain.then_some("example.com"));
        Imported {
            mapping: self.write(scope, domain),
            notes: self.notes,
        }
    }

    fn write(&self, scope: &[GroupFile], domain: Option<&str>) -> String {
        let mut out = String::from("# Made by `rollcall import-schema`.\nformat_version = 1\n");
        let put = |out: &mut String, text: std::fmt::Arguments<'_>| {
            out.write_fmt(text).expect("writing to a text cannot fail");
        };
        if let Some(domain) = domain {
            put(
                &mut out,
                format_args!("default_domain = {}\n", quoted(domain)),
            );
        }
        let or_ask = |name: &Option<String>| quoted(name.as_deref().unwrap_or("?"));
        put(
            &mut out,
            format_args!(
                "\n[worker]\nkey = {}\nstatus = {}\n",
                or_ask(&self.key),
                or_ask(&self.status)
            ),
        );
        if let Some(manager) = &self.manager {
            put(&mut out, format_args!("manager = {}\n", quoted(manager)));
        }
        for (name, column) in [("hire_date", &self.hire_date), ("last_day", &self.last_day)] {
            if let Some(column) = column {
                put(
                    &mut out,
                    format_args!(
                        "{name} = {{ column = {}, format = \"iso\" }}\n",
                        quoted(column)
                    ),
                );
            }
        }
        if self.hire_date.is_some() || self.last_day.is_some() {
            out.push_str("time_zone = { constant = \"UTC\" }\n");
        }
        for group in scope {
            out.push_str("\n[[scope]]\n");
            if !group.name.is_empty() {
                put(&mut out, format_args!("name = {}\n", quoted(&group.name)));
            }
            out.push_str("all = [\n");
            for clause in &group.all {
                let values: Vec<String> = clause.values.iter().map(|v| quoted(v)).collect();
                put(
                    &mut out,
                    format_args!(
                        "  {{ attribute = {}, operator = {}, values = [{}] }},\n",
                        quoted(&clause.attribute),
                        quoted(&clause.operator),
                        values.join(", ")
                    ),
                );
            }
            out.push_str("]\n");
        }
        for attribute in &self.attributes {
            put(
                &mut out,
                format_args!("\n[[attribute]]\ntarget = {}\n", quoted(&attribute.target)),
            );
            for (name, value) in [
                ("source", &attribute.source),
                ("constant", &attribute.constant),
                ("expression", &attribute.expression),
                ("default", &attribute.default),
            ] {
                if let Some(value) = value {
                    put(&mut out, format_args!("{name} = {}\n", quoted(value)));
                }
            }
            if attribute.apply == Apply::Create {
                out.push_str("apply = \"create\"\n");
            }
        }
        out
    }
}

/// The text of a constant: `expression` quotes it.
fn constant(source: &Json) -> String {
    let expression = text(source, "expression");
    let unquoted = expression
        .strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'));
    match unquoted {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None if expression.is_empty() => text(source, "name").to_owned(),
        None => expression.to_owned(),
    }
}

/// As TOML writes a text: literal where that is easier to read.
fn quoted(value: &str) -> String {
    let plain = !value.contains(['\'', '\n', '\r']) && !value.chars().any(char::is_control);
    if plain && value.contains(['"', '\\']) {
        return format!("'{value}'");
    }
    toml::Value::String(value.to_owned()).to_string()
}

/// Makes a schema of a mapping file. `source` is what the directory of the rows is called.
///
/// # Errors
/// When the file is none, as [`super::Mapping::parse`] says.
pub fn export(
    mapping: &str,
    name: &str,
    source: &str,
) -> Result<(Json, Vec<Note>), super::MappingFileError> {
    let checked = super::Mapping::parse(mapping, name)?;
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
    if let Some(column) = date(&worker.last_day) {
        mappings.push(plain("employeeLeaveDateTime", &column));
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
            &attribute.target,
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

fn attribute_source(column: &str) -> Json {
    json!({"expression": format!("[{column}]"), "name": column, "type": "Attribute", "parameters": []})
}

fn mapping_of(
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let came = import(&rule(&[broken, none, odd]), None).unwrap();
        for about in [
            "city",
            "state",
            "shoeSize",
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
