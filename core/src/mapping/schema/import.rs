//! A schema becomes a mapping file.

use std::fmt::Write as _;

use super::part::Part;
use super::{Imported, Note, property};
use crate::mapping::expression::Expression;
use crate::mapping::file::{self, Apply, AttributeFile};
use crate::mapping::properties;
use crate::mapping::scope::{ClauseFile, GroupFile, Scope};
use serde_json::Value as Json;

/// Properties that are facts of the worker here.
const FACTS: [&str; 6] = [
    "accountEnabled",
    "accountDisabled",
    "IsSoftDeleted",
    "manager",
    "employeeLeaveDateTime",
    "objectFilter",
];

struct Importer {
    notes: Vec<Note>,
    key: Option<String>,
    status: Option<String>,
    manager: Option<String>,
    hire_date: Option<String>,
    last_day: Option<String>,
    attributes: Vec<AttributeFile>,
    asks_domain: bool,
    /// A filter of the rule, beside its scope, is not carried over.
    filtered: bool,
}

/// Makes a mapping file of the rule that provisions users to Entra ID.
///
/// # Errors
/// When it is no schema, when something in it is of another kind than documented, with the way to
/// it, or when no rule of it provisions users to Entra ID.
pub fn import(schema: &Json, default_domain: Option<&str>) -> Result<Imported, String> {
    let schema = Part::root(schema);
    if schema.get("synchronizationRules").is_nothing() {
        return Err(
            "this is no synchronizationSchema: it has no `synchronizationRules`".to_owned(),
        );
    }
    let mut importer = Importer {
        notes: Vec::new(),
        key: None,
        status: None,
        manager: None,
        hire_date: None,
        last_day: None,
        attributes: Vec::new(),
        asks_domain: false,
        filtered: false,
    };
    importer.leftover(
        "the schema",
        &schema,
        &[
            "id",
            "version",
            "directories",
            "synchronizationRules",
            "provisioningTaskIdentifier",
        ],
    );
    importer.directories(&schema)?;
    let mapping = importer.choose(&schema.list("synchronizationRules")?)?;
    for given in mapping.list("attributeMappings")? {
        importer.attribute(&given)?;
    }
    let scope = importer.scope(mapping.get("scope").object()?)?;
    importer.note(
        "the job",
        "a schema does not hold its settings: SkipOutOfScopeDeletions, the deletion threshold, who is notified, and the connection; see policy.toml for what Rollcall does instead",
    );
    Ok(importer.finish(&scope, default_domain))
}

impl Importer {
    fn note(&mut self, about: &str, message: impl Into<String>) {
        self.notes.push(Note {
            about: about.to_owned(),
            message: message.into(),
        });
    }

    /// Notes what says something and is not read.
    fn leftover(&mut self, about: &str, part: &Part<'_>, read: &[&str]) {
        let others = part.others(read);
        if !others.is_empty() {
            let others = others.join("`, `");
            self.note(about, format!("not carried over: `{others}`"));
        }
    }

    /// The same where also `false` says something.
    fn said(&mut self, about: &str, part: &Part<'_>, read: &[&str]) {
        let others = part.members(read);
        if !others.is_empty() {
            let others = others.join("`, `");
            self.note(about, format!("not carried over: `{others}`"));
        }
    }

    /// What the definitions of attributes say beyond their names.
    fn directories(&mut self, schema: &Part<'_>) -> Result<(), String> {
        for directory in schema.list("directories")? {
            let name = directory.text("name")?;
            self.leftover(name, &directory, &["id", "name", "objects", "version"]);
            for object in directory.list("objects")? {
                let about = format!("{name}, {}", object.text("name")?);
                self.leftover(&about, &object, &["name", "attributes"]);
                let mut said: Vec<String> = Vec::new();
                for attribute in object.list("attributes")? {
                    // Every export has these of every attribute; nothing here follows from them.
                    let plain = ["name", "type", "required", "caseExact", "anchor"];
                    let mut others = attribute.others(&plain);
                    if attribute.text("mutability")? == "ReadWrite" {
                        others.retain(|other| other != "mutability");
                    }
                    if !others.is_empty() {
                        let attribute = attribute.text("name")?;
                        said.push(format!("{attribute} ({})", others.join(", ")));
                    }
                }
                if !said.is_empty() {
                    self.note(&about, format!("not carried over from the definitions of attributes, have the export give the finished value: {}", said.join("; ")));
                }
            }
        }
        Ok(())
    }

    /// The object mapping of users to Entra ID; the others are noted.
    fn choose<'j>(&mut self, rules: &[Part<'j>]) -> Result<Part<'j>, String> {
        let mut ordered = Vec::with_capacity(rules.len());
        for rule in rules {
            ordered.push((rule.whole("priority")?.unwrap_or(i64::MAX), rule));
        }
        ordered.sort_by_key(|(priority, _)| *priority);
        let mut chosen = None;
        for (_, rule) in ordered {
            let target = rule.text("targetDirectoryName")?;
            let entra = ["Azure Active Directory", "Microsoft Entra ID"].contains(&target);
            let mut here = false;
            if rule.list("objectMappings")?.is_empty() {
                self.note(rule.text("name")?, "not carried over: it maps no objects");
            }
            for mapping in rule.list("objectMappings")? {
                let name = format!("{}, {}", rule.text("name")?, mapping.text("name")?);
                let object = mapping.text("targetObjectName")?;
                if !entra || !object.eq_ignore_ascii_case("user") {
                    self.note(&name, format!("not carried over: it does not provision users to Entra ID, but {object} of {target}"));
                } else if mapping.truth("enabled")? == Some(false) {
                    self.note(&name, "not carried over: it is not enabled");
                } else if chosen.is_some() {
                    self.note(
                        &name,
                        "not carried over: another one comes before it; import it by itself",
                    );
                } else {
                    self.chosen(&name, &mapping)?;
                    here = true;
                    chosen = Some(mapping);
                }
            }
            if here {
                for filter in ["containerFilter", "groupFilter"] {
                    if !rule.others(&[]).iter().any(|name| name == filter) {
                        continue;
                    }
                    self.filtered = true;
                    self.note(rule.text("name")?, format!("`{filter}` is not carried over, and without it the file LETS NOBODY IN: say the same in `[[scope]]`. It is: {}", rule.get(filter).json()));
                }
                let read = [
                    "containerFilter",
                    "groupFilter",
                    "id",
                    "name",
                    "priority",
                    "editable",
                    "sourceDirectoryName",
                    "targetDirectoryName",
                    "objectMappings",
                ];
                self.leftover(rule.text("name")?, rule, &read);
            }
        }
        chosen.ok_or_else(|| {
            let mut why =
                "no rule provisions objects `User` of `Azure Active Directory`".to_owned();
            for note in &self.notes {
                write!(why, "\n  {}: {}", note.about, note.message)
                    .expect("writing to a text cannot fail");
            }
            why
        })
    }

    fn chosen(&mut self, name: &str, mapping: &Part<'_>) -> Result<(), String> {
        let flows = mapping.text("flowTypes")?.to_ascii_lowercase();
        let known = ["", "add", "update", "delete", "none"];
        let mut flow = flows.split(',').map(str::trim);
        if let Some(other) = flow.find(|flow| !known.contains(flow)) {
            self.note(name, format!("`flowTypes` {other} is not known here"));
        }
        if flows.contains("delete") {
            self.note(name, "accounts are deleted by the source's connector when they leave; here they are disabled, and the policy says what comes after");
        }
        for without in ["Add", "Update"] {
            if !flows.is_empty() && !flows.contains(&without.to_ascii_lowercase()) {
                self.note(name, format!("`flowTypes` has no {without}: Rollcall does both, so leave the mapping out of use where that is not meant"));
            }
        }
        let read = [
            "name",
            "enabled",
            "flowTypes",
            "sourceObjectName",
            "targetObjectName",
            "scope",
            "attributeMappings",
        ];
        self.leftover(name, mapping, &read);
        self.precedence(&mapping.list("attributeMappings")?)
    }

    /// Rollcall always asks for the key first.
    fn precedence(&mut self, attributes: &[Part<'_>]) -> Result<(), String> {
        let mut matching = Vec::new();
        for attribute in attributes {
            let priority = attribute.whole("matchingPriority")?.unwrap_or(0);
            if priority > 0 {
                matching.push((priority, attribute.text("targetAttributeName")?));
            }
        }
        matching.sort_unstable();
        let key = |name: &str| property(name) == "employeeId";
        if matching.first().is_some_and(|(_, name)| !key(name)) {
            let order: Vec<&str> = matching.iter().map(|(_, name)| *name).collect();
            self.note(
                "matching",
                format!(
                    "accounts are found by {} in this order; Rollcall asks for employeeId first, \
                     whatever else",
                    order.join(", ")
                ),
            );
        }
        Ok(())
    }

    fn attribute(&mut self, given: &Part<'_>) -> Result<(), String> {
        let theirs = match given.text("targetAttributeName")? {
            "" => given.path(),
            name => name,
        };
        let mapped = Mapped::read(given)?;
        let target = property(theirs);
        self.leftover(
            theirs,
            given,
            &[
                "id",
                "targetAttributeName",
                "source",
                "defaultValue",
                "matchingPriority",
                "flowType",
                "flowBehavior",
            ],
        );
        match given.text("flowBehavior")? {
            "" | "FlowWhenChanged" => {}
            "FlowAlways" => self.note(theirs, "`FlowAlways`: Rollcall compares with the directory whenever the row changes, and writes what differs"),
            other => self.note(theirs, format!("`flowBehavior` {other} is not known here")),
        }
        if let Some(name) = &mapped.other_name {
            self.note(
                theirs,
                format!(
                    "its `name` is `{name}` and its `expression` another: the expression counts"
                ),
            );
        }
        self.leftover(
            &format!("{theirs}, source"),
            &given.get("source"),
            &["expression", "name", "type", "parameters"],
        );
        if self.fact(&target, theirs, &mapped) {
            return Ok(());
        }
        let by_name = mapped.matching && target == "userPrincipalName";
        if by_name {
            self.note(theirs, "it matches accounts in the schema: `match = 2` takes over accounts of this name that carry no employeeId, each after an approval");
        } else if mapped.matching {
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
            return Ok(());
        }
        let mut made = AttributeFile::of(target);
        made.precedence = by_name.then_some(2);
        match &mapped.from {
            From::Constant(text) => made.constant = Some(text.clone()),
            From::Column(name) => made.source = Some(name.clone()),
            From::Expression(text) => match Expression::compile(text) {
                Ok(read) => {
                    self.asks_domain |= read.asks_domain();
                    made.expression = Some(text.clone());
                }
                Err(error) => {
                    self.note(
                        theirs,
                        format!("not carried over, the expression is not one: {error}"),
                    );
                    return Ok(());
                }
            },
            From::Nothing => {
                if let Some(lost) = &mapped.lost {
                    self.note(theirs, format!("not carried over: {lost}"));
                    return Ok(());
                }
                let Some(default) = mapped.default.clone() else {
                    self.note(theirs, "not carried over: it has no source and no default");
                    return Ok(());
                };
                self.note(
                    theirs,
                    "it has no source and a default: written on creation",
                );
                made.constant = Some(default);
                made.apply = Apply::Create;
                self.push(theirs, made);
                return Ok(());
            }
        }
        self.flow(theirs, &mapped, made);
        Ok(())
    }

    /// What is a fact of the worker here, and no attribute. Whether it was one.
    fn fact(&mut self, target: &str, theirs: &str, mapped: &Mapped) -> bool {
        if mapped.matching && FACTS.contains(&target) {
            self.note(theirs, "it matches accounts in the schema; Rollcall matches by employeeId, and by userPrincipalName");
        }
        let column = mapped.column();
        let only = mapped.only.clone();
        let says = mapped.says();
        match target {
            "employeeId" => match column {
                Some(name) => {
                    if !mapped.matching {
                        self.note(
                            theirs,
                            "it does not match in the schema; here it is what accounts are found by",
                        );
                    }
                    if self.first("worker.key", theirs, &name, |it| &mut it.key) {
                        self.attributes.push(AttributeFile {
                            source: Some(name),
                            ..AttributeFile::of(target.to_owned())
                        });
                    }
                    // The key is always written.
                    self.without_flow(theirs, mapped, true);
                }
                None => self.note(theirs, format!("accounts are found by employeeId, which must be a column as it is: have the export give the finished value{says}")),
            },
            "accountEnabled" | "accountDisabled" | "IsSoftDeleted" => {
                if let Some(name) = only {
                    self.note(theirs, format!("`worker.status` is `{name}`; which of its values are active says `[status]` of policy.toml{says}"));
                    self.first("worker.status", theirs, &name, |it| &mut it.status);
                } else {
                    self.note(theirs, format!("not carried over: who is enabled follows from one status column and dates, see policy.toml{says}"));
                }
                self.without_flow(theirs, mapped, false);
            }
            "manager" => {
                if let Some(name) = column {
                    self.note(theirs, format!("`worker.manager` is `{name}`: it has to hold the manager's key as `worker.key` writes it"));
                    self.first("worker.manager", theirs, &name, |it| &mut it.manager);
                } else {
                    self.note(theirs, format!("not carried over: the manager is one column that holds a worker's key{says}"));
                }
                self.without_flow(theirs, mapped, false);
            }
            "employeeLeaveDateTime" => {
                if let Some(name) = only {
                    self.note(theirs, format!("`worker.last_day` is `{name}`: the policy cuts off at the end of that day, whatever else is made of it{says}. The property itself is not written"));
                    self.first("worker.last_day", theirs, &name, |it| &mut it.last_day);
                } else {
                    self.note(theirs, format!("not carried over: the last day is one column{says}"));
                }
                self.without_flow(theirs, mapped, false);
            }
            "employeeHireDate" => {
                let Some(name) = only else {
                    return false;
                };
                self.note(theirs, format!("`worker.hire_date` is `{name}`, expected as 2026-03-16: see that its `format` is right"));
                self.first("worker.hire_date", theirs, &name, |it| &mut it.hire_date);
                if column.is_none() {
                    return false;
                }
                let made = format!(
                    "Switch([{name}], FormatDateTime(CDate([{name}]), , \"M/d/yyyy h:mm:ss tt\", \"yyyy-MM-ddTHH:mm:ssZ\"), \"\", \"\")"
                );
                self.flow(
                    theirs,
                    mapped,
                    AttributeFile {
                        expression: Some(made),
                        ..AttributeFile::of(target.to_owned())
                    },
                );
            }
            "objectFilter" => self.note(
                theirs,
                format!("not carried over: say in `[[scope]]`, or by status, whom the mapping is for{says}"),
            ),
            _ => return false,
        }
        true
    }

    /// Takes a fact down, if it is the first of its kind.
    fn first(
        &mut self,
        what: &str,
        theirs: &str,
        name: &str,
        place: impl Fn(&mut Self) -> &mut Option<String>,
    ) -> bool {
        let slot = place(self);
        match slot {
            None => {
                *slot = Some(name.to_owned());
                true
            }
            Some(known) if known == name => false,
            Some(known) => {
                let known = known.clone();
                self.note(
                    theirs,
                    format!("not carried over: `{what}` is `{known}` already, and there is one"),
                );
                false
            }
        }
    }

    /// Facts are read on every run and have no default.
    fn without_flow(&mut self, theirs: &str, mapped: &Mapped, on_creation: bool) {
        if let Some(default) = &mapped.default {
            self.note(
                theirs,
                format!("its default `{default}` is not carried over"),
            );
        }
        let fine = match mapped.flow.as_str() {
            "" | "Always" => true,
            flow => on_creation && flow == "ObjectAddOnly",
        };
        if !fine {
            self.note(
                theirs,
                format!(
                    "`flowType` {} is not carried over: it is kept in step",
                    mapped.flow
                ),
            );
        }
    }

    /// Adds an attribute with its flow and default, if a mapping file takes it.
    fn flow(&mut self, theirs: &str, mapped: &Mapped, mut made: AttributeFile) {
        match mapped.flow.as_str() {
            "ObjectAddOnly" => made.apply = Apply::Create,
            "Always" | "" => {}
            other => {
                made.apply = Apply::Create;
                self.note(
                    theirs,
                    format!("`flowType` {other} is not carried over: written on creation only"),
                );
            }
        }
        made.default.clone_from(&mapped.default);
        self.push(theirs, made);
    }

    fn push(&mut self, theirs: &str, made: AttributeFile) {
        if self.attributes.iter().any(|a| a.target == made.target) {
            let message = format!("not carried over: `{}` is mapped already", made.target);
            self.note(theirs, message);
            return;
        }
        let key = self.key.clone().unwrap_or_default();
        match file::rule(made.clone(), &key, true) {
            Ok(_) => self.attributes.push(made),
            Err(problem) => self.note(theirs, format!("not carried over: {problem}")),
        }
    }

    /// Holds for no row: the key is never empty.
    fn nobody(&self) -> ClauseFile {
        ClauseFile {
            attribute: self.key.clone().unwrap_or_else(|| "?".to_owned()),
            operator: "IS NULL".to_owned(),
            values: Vec::new(),
        }
    }

    /// A scope that cannot be carried over lets nobody in: what nobody reads must not let everybody
    /// in.
    fn scope(&mut self, scope: &Part<'_>) -> Result<Vec<GroupFile>, String> {
        let mut lost = self.filtered;
        for (name, what) in [
            ("inputFilterGroups", "input filters"),
            ("categoryFilterGroups", "category filters"),
        ] {
            if !scope.items(name)?.is_empty() {
                lost = true;
                self.note("scope", format!("{what} are not carried over, and with them the file LETS NOBODY IN: add what they say to `[[scope]]`, and take the clause out that says so. They are: {}", scope.get(name).json()));
            }
        }
        self.leftover(
            "scope",
            scope,
            &["groups", "inputFilterGroups", "categoryFilterGroups"],
        );
        let groups = scope.list("groups")?;
        let mut out = Vec::new();
        for group in &groups {
            let mut made = GroupFile {
                name: group.text("name")?.to_owned(),
                all: Vec::new(),
            };
            let about = format!("scope, group {}", made.name);
            self.leftover(&about, group, &["name", "clauses"]);
            for clause in group.list("clauses")? {
                let operand = clause.get("targetOperand");
                let values = operand.object()?.items("values")?;
                let read = ["operatorName", "sourceOperandName", "targetOperand"];
                self.said(&about, &clause, &read);
                self.said(&about, &operand, &["values"]);
                let values = values.iter().map(Part::own_text);
                made.all.push(ClauseFile {
                    attribute: clause.text("sourceOperandName")?.to_owned(),
                    operator: clause.text("operatorName")?.to_owned(),
                    values: values.collect::<Result<_, _>>()?,
                });
            }
            let unnamed = made.all.iter().any(|clause| clause.attribute.is_empty());
            let checked = match Scope::new(std::slice::from_ref(&made)) {
                Ok(_) if unnamed => Err("a clause names no attribute".to_owned()),
                Ok(_) => Ok(()),
                Err(problem) => Err(problem),
            };
            match checked {
                Ok(()) => out.push(made),
                Err(problem) => self.note(&made.name, format!("this group of the scope is not carried over, so that whom it lets in is left out: {problem}")),
            }
        }
        if out.is_empty() && !groups.is_empty() {
            self.note("scope", "no group of it could be carried over: the file has one that LETS NOBODY IN in its place, mend it");
            out.push(GroupFile {
                name: "nobody: no group of the schema could be carried over".to_owned(),
                all: vec![self.nobody()],
            });
        } else if lost && out.is_empty() {
            out.push(GroupFile {
                name: "nobody: a filter of the schema could not be carried over".to_owned(),
                all: vec![self.nobody()],
            });
        } else if lost {
            for group in &mut out {
                group.all.push(self.nobody());
            }
        }
        Ok(out)
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
            if let Some(precedence) = attribute.precedence {
                put(&mut out, format_args!("match = {precedence}\n"));
            }
        }
        out
    }
}

/// Where a value comes from.
enum From {
    Nothing,
    Column(String),
    Constant(String),
    Expression(String),
}

/// One attribute mapping, read.
struct Mapped {
    from: From,
    /// The only column that it reads.
    only: Option<String>,
    /// What `name` says, where the expression says something else; the expression is evaluated.
    other_name: Option<String>,
    /// Why nothing could be made of a source that there is.
    lost: Option<String>,
    /// As written.
    expression: String,
    matching: bool,
    flow: String,
    default: Option<String>,
}

impl Mapped {
    fn read(given: &Part<'_>) -> Result<Self, String> {
        let source = given.get("source");
        let source = source.object()?;
        let expression = source.text("expression")?.trim();
        let name = source.text("name")?;
        let kind = source.text("type")?.to_ascii_lowercase();
        let read = Expression::compile(expression);
        let only = match read.as_ref().map(Expression::attributes) {
            Ok([one]) => Some(one.clone()),
            Ok(_) | Err(_) => None,
        };
        let direct = only
            .clone()
            .filter(|only| expression == format!("[{only}]"));
        let text = read.as_ref().ok().and_then(Expression::text);
        let from = match (kind.as_str(), expression, direct.clone()) {
            ("attribute", "", _) if !name.is_empty() => From::Column(name.to_owned()),
            ("constant", "", _) if !name.is_empty() => From::Constant(name.to_owned()),
            (_, "", _) => From::Nothing,
            ("constant", _, _) => From::Constant(constant(expression)),
            (_, _, Some(column)) => From::Column(column),
            (_, _, None) if text.is_some() => From::Constant(text.unwrap_or_default().to_owned()),
            _ => From::Expression(expression.to_owned()),
        };
        let other_name = match &read {
            Ok(read) if kind == "function" => {
                let called = read.function();
                called
                    .filter(|called| !called.eq_ignore_ascii_case(name))
                    .map(str::to_owned)
            }
            Ok(_) | Err(_) => direct.filter(|column| kind == "attribute" && column != name),
        };
        let there = !source.is_nothing() && !source.others(&[]).is_empty();
        let lost = (there && matches!(from, From::Nothing)).then(|| {
            format!(
                "its source is a tree of kind `{kind}` without `expression`, which is what is \
                 read: write the expression"
            )
        });
        Ok(Self {
            lost,
            only: match &from {
                From::Column(name) => Some(name.clone()),
                From::Expression(_) => only,
                From::Constant(_) | From::Nothing => None,
            },
            from,
            other_name: other_name
                .filter(|_| !name.is_empty())
                .map(|_| name.to_owned()),
            expression: expression.to_owned(),
            matching: given.whole("matchingPriority")?.unwrap_or(0) > 0,
            flow: given.text("flowType")?.to_owned(),
            default: Some(given.text("defaultValue")?)
                .filter(|d| !d.is_empty())
                .map(str::to_owned),
        })
    }

    /// The column that it is, as it stands there.
    fn column(&self) -> Option<String> {
        match &self.from {
            From::Column(name) => Some(name.clone()),
            From::Nothing | From::Constant(_) | From::Expression(_) => None,
        }
    }

    /// The expression, where it is more than a column.
    fn says(&self) -> String {
        match &self.from {
            From::Expression(_) | From::Constant(_) => format!(" (here: {})", self.expression),
            From::Nothing | From::Column(_) => String::new(),
        }
    }
}

/// The text of a constant: `expression` quotes it.
fn constant(expression: &str) -> String {
    let unquoted = expression
        .strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'));
    match unquoted {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
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
