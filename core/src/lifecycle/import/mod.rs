//! Lifecycle Workflows become workflows of a policy file; whatever cannot is listed with its place.
//!
//! Invariant: nothing is dropped in silence and nothing is guessed. What cannot be said as it
//! stands there is left out and named; what is said otherwise here is carried over and named; and
//! an account is deleted only where somebody asks for that.

mod carry;
mod conditions;
mod write;

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Time;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::definitions::{Category, Definition, Means, by_id, near_id};
use super::odata::Scope;
use crate::mapping::Mapping;
use crate::policy::{
    AbsenceChanges, DeviceChanges, JoinerChanges, LeaveChanges, LeaverChanges, MoverChanges,
    RescindedChanges, Workflow,
};
use crate::suggest;
use crate::workers::vocabulary;

/// Days from an event that Entra takes.
const DAYS: std::ops::RangeInclusive<i64> = -180..=180;
/// Minutes that a pass may be good for.
const MINUTES: std::ops::RangeInclusive<u32> = 10..=43_200;
/// From when on a pass is good: workflows there say no hour, and P0 says this one.
const PASS_FROM: Time = Time::constant(7, 0, 0, 0);
/// Minutes of P0.
const PASS_MINUTES: u32 = 480;

/// Properties of users that scopes may ask for, and that mappings write.
const ASKED: [&str; 26] = [
    "city",
    "companyName",
    "country",
    "department",
    "displayName",
    "employeeId",
    "employeeOrgData/costCenter",
    "employeeOrgData/division",
    "employeeType",
    "faxNumber",
    "givenName",
    "jobTitle",
    "mail",
    "mailNickname",
    "mobilePhone",
    "officeLocation",
    "postalCode",
    "preferredLanguage",
    "state",
    "streetAddress",
    "surname",
    "usageLocation",
    "userPrincipalName",
    "userType",
    "onPremisesExtensionAttributes/extensionAttribute1",
    "onPremisesExtensionAttributes/extensionAttribute2",
];

/// One file.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// Its name.
    pub file: &'a str,
    /// What is in it.
    pub json: &'a str,
}

/// What people ask for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Where scopes look up what workers are called; without it, the documented properties.
    pub mapping: Option<&'a Mapping>,
    /// The policy file that the workflows are added to; without it, a new one is begun.
    pub policy: Option<&'a str>,
    /// Tasks that delete accounts are carried over.
    pub keep_deletes: bool,
    /// What has a scope that cannot be said holds for everybody, instead of being left out.
    pub for_everybody: bool,
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is not carried over.
    LeftOut,
    /// It is, and something about it is otherwise here.
    Otherwise,
    /// It is, as it stands.
    Carried,
}

impl Standing {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LeftOut => "left out",
            Self::Otherwise => "otherwise",
            Self::Carried => "carried over",
        }
    }
}

/// What became of one thing of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Which file.
    pub file: String,
    /// Where in it, as a JSON path.
    pub path: String,
    /// What.
    pub what: String,
    /// What became of it.
    pub standing: Standing,
    /// Why, and what to do.
    pub why: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file, path, what, ..
        } = self;
        let standing = self.standing.words();
        write!(f, "{standing}: {file}: {path}: {what}: {}", self.why)
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// A policy file.
    pub policy: String,
    /// In the order of the files.
    pub notes: Vec<Note>,
}

/// Why a file is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{place}: {why}\n\nhint: {hint}")]
pub struct ImportError {
    /// Which.
    pub file: String,
    /// Where: `:line:column`, or a JSON path behind a colon.
    pub place: String,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub hint: String,
}

const HINT: &str = "fetch each workflow by itself, its tasks come along: `GET \
                    /identityGovernance/lifecycleWorkflows/workflows/{id}`; give the answers as they \
                    are, as many files as you like";

/// Makes a policy file of Lifecycle Workflows: one a file, or lists of them.
///
/// # Errors
/// When a text is no JSON or no workflow, or when the policy file to add to is none.
pub fn import(texts: &[Text<'_>], options: Options<'_>) -> Result<Imported, ImportError> {
    let mut importer = Importer {
        options,
        words: options.mapping.map(vocabulary),
        file: String::new(),
        notes: Vec::new(),
        drafts: Vec::new(),
        attributes: Vec::new(),
        with_tasks: false,
        bare: None,
    };
    for text in texts {
        text.file.clone_into(&mut importer.file);
        let json: Json = serde_json::from_str(text.json).map_err(|error| ImportError {
            file: text.file.to_owned(),
            place: format!(":{}:{}", error.line(), error.column()),
            why: format!("this is no JSON: {}", plain(&error)),
            hint: HINT.to_owned(),
        })?;
        importer.document(&json)?;
    }
    if !importer.with_tasks {
        let first = importer.bare.take();
        let (file, place) = first.unwrap_or_else(|| (importer.file, "$".to_owned()));
        return Err(ImportError {
            file,
            place: format!(": {place}"),
            why: "no workflow comes with its tasks".to_owned(),
            hint: HINT.to_owned(),
        });
    }
    importer.overlaps();
    importer.finish()
}

/// The message without the place, which is said before.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.find(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}

/// Where one parameter comes from.
struct Said {
    value: String,
    path: String,
}

/// What goes into one workflow of the policy, or into its tables for everybody.
struct Draft {
    /// As the first workflow there is called.
    name: String,
    rule: Option<(String, Scope)>,
    changes: Workflow,
    said: BTreeMap<&'static str, Said>,
}

/// When a workflow there begins.
#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    Hire(i64),
    Leave(i64),
    Changes(Vec<String>),
    ByHand,
}

/// Tasks as a file has them, with their paths.
type Listed<'j> = Vec<(String, &'j Map<String, Json>)>;

/// One task of a workflow that is carried over.
struct Task<'a> {
    path: String,
    what: String,
    definition: &'static Definition,
    arguments: Vec<(String, &'a str, &'a str)>,
}

struct Importer<'a> {
    options: Options<'a>,
    words: Option<Vec<(String, crate::rules::Kind)>>,
    file: String,
    notes: Vec<Note>,
    drafts: Vec<Draft>,
    /// What makes a move, by all workflows.
    attributes: Vec<String>,
    /// One of them came with its tasks.
    with_tasks: bool,
    /// The first that came without: its file, and where they are missing.
    bare: Option<(String, String)>,
}

fn text_of<'j>(object: &'j Map<String, Json>, name: &str) -> Option<&'j str> {
    object.get(name).and_then(Json::as_str)
}

/// The last part of an `@odata.type`.
fn kind_of(object: &Map<String, Json>) -> Option<&str> {
    let kind = text_of(object, "@odata.type")?;
    Some(kind.rsplit('.').next().unwrap_or(kind))
}

impl Importer<'_> {
    fn note(&mut self, path: &str, what: &str, standing: Standing, why: impl Into<String>) {
        self.notes.push(Note {
            file: self.file.clone(),
            path: path.to_owned(),
            what: what.to_owned(),
            standing,
            why: why.into(),
        });
    }

    fn left(&mut self, path: &str, what: &str, why: impl Into<String>) {
        self.note(path, what, Standing::LeftOut, why);
    }

    fn otherwise(&mut self, path: &str, what: &str, why: impl Into<String>) {
        self.note(path, what, Standing::Otherwise, why);
    }

    fn carried(&mut self, path: &str, what: &str, why: impl Into<String>) {
        self.note(path, what, Standing::Carried, why);
    }

    fn refuse<T>(&self, path: &str, why: impl Into<String>) -> Result<T, ImportError> {
        Err(ImportError {
            file: self.file.clone(),
            place: format!(": {path}"),
            why: why.into(),
            hint: HINT.to_owned(),
        })
    }

    /// Members that nobody reads here; those of `silent` say nothing about what happens.
    fn unread(&mut self, path: &str, object: &Map<String, Json>, read: &[&str], silent: &[&str]) {
        for name in object.keys() {
            let known = |list: &[&str]| list.contains(&name.as_str());
            if known(read) || known(silent) || name.contains("@odata.") || name.starts_with('@') {
                continue;
            }
            let hint = suggest::hint(name, read.iter().copied());
            let path = format!("{path}.{name}");
            self.left(
                &path,
                name,
                format!("nothing here knows this property{hint}"),
            );
        }
    }

    fn document(&mut self, json: &Json) -> Result<(), ImportError> {
        match json {
            Json::Array(list) => self.list("$", list),
            Json::Object(object) => match (object.get("value"), object.get("workflow")) {
                (Some(Json::Array(list)), _) => {
                    if object.contains_key("@odata.nextLink") {
                        self.left(
                            "$['@odata.nextLink']",
                            "the next page",
                            "the list goes on there: fetch it, and import all pages together",
                        );
                    }
                    self.list("$.value", list)
                }
                (Some(_), _) => self.refuse("$.value", "it is no list of workflows"),
                (None, Some(Json::Object(inner))) => self.workflow("$.workflow", inner),
                (None, _) => self.workflow("$", object),
            },
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
                self.refuse("$", "this is no lifecycle workflow, and no list of them")
            }
        }
    }

    fn list(&mut self, path: &str, list: &[Json]) -> Result<(), ImportError> {
        for (at, item) in list.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let Json::Object(object) = item else {
                return self.refuse(&path, "this is no lifecycle workflow");
            };
            self.workflow(&path, object)?;
        }
        Ok(())
    }

    fn workflow(&mut self, path: &str, object: &Map<String, Json>) -> Result<(), ImportError> {
        let members = ["tasks", "executionConditions", "category", "displayName"];
        if !members.iter().any(|name| object.contains_key(*name)) {
            let why = "this is no lifecycle workflow: it has neither `tasks` nor `category`";
            return self.refuse(path, why);
        }
        self.unread(
            path,
            object,
            &[
                "category",
                "displayName",
                "description",
                "isEnabled",
                "isSchedulingEnabled",
                "executionConditions",
                "tasks",
                "settings",
                "administrationScopeTargets",
            ],
            &[
                "id",
                "version",
                "createdDateTime",
                "deletedDateTime",
                "lastModifiedDateTime",
                "nextScheduleRunDateTime",
                "createdBy",
                "lastModifiedBy",
                "executionScope",
                "runs",
                "taskReports",
                "userProcessingResults",
                "versions",
                "rollcall",
            ],
        );
        let name = text_of(object, "displayName").unwrap_or("(without a name)");
        let what = format!("workflow \"{name}\"");
        for (member, why) in [
            (
                "settings",
                "what stops a workflow there, `[budgets]`, `[gates]` and approvals do here",
            ),
            (
                "administrationScopeTargets",
                "who may change a policy is who may change its file",
            ),
        ] {
            if object.get(member).is_some_and(says_something) {
                self.left(&format!("{path}.{member}"), member, why);
            }
        }
        let Some(tasks) = self.tasks(path, object)? else {
            let why = "it comes without its tasks: the list of all workflows leaves them out, each \
                       workflow by itself has them";
            let path = format!("{path}.tasks");
            self.left(&path, &what, why);
            self.bare.get_or_insert((self.file.clone(), path));
            return Ok(());
        };
        self.with_tasks = true;
        let Some(category) = self.category(path, object, &what) else {
            self.all_left(&tasks);
            return Ok(());
        };
        for (member, why) in [
            (
                "isEnabled",
                "the workflow is off there; set it to true to import it",
            ),
            (
                "isSchedulingEnabled",
                "it runs for nobody by itself there; set it to true to import it",
            ),
        ] {
            // What is started by hand is never scheduled.
            let by_hand = member == "isSchedulingEnabled" && is_by_hand(object);
            if object.get(member) == Some(&Json::Bool(false)) && !by_hand {
                self.left(&format!("{path}.{member}"), &what, why);
                self.all_left(&tasks);
                return Ok(());
            }
        }
        let place = format!("{path}.executionConditions");
        let Some((when, rule)) = self.conditions(&place, object.get("executionConditions"), &what)
        else {
            self.all_left(&tasks);
            return Ok(());
        };
        let ready = self.known_tasks(category, tasks);
        let at = self.draft(name, rule);
        self.carry(&place, category, &when, &ready, at);
        Ok(())
    }

    fn category(&mut self, path: &str, object: &Map<String, Json>, what: &str) -> Option<Category> {
        let said = text_of(object, "category").unwrap_or_default();
        let found = Category::ALL.into_iter().find(|it| it.name() == said);
        if found.is_none() {
            let hint = suggest::hint(said, Category::ALL.map(Category::name));
            let path = format!("{path}.category");
            let why = format!("`{said}` is none of joiner, mover, leaver{hint}");
            self.left(&path, what, why);
        }
        found
    }

    /// The tasks as they stand, with their paths; `None` where it comes without any.
    fn tasks<'j>(
        &self,
        path: &str,
        object: &'j Map<String, Json>,
    ) -> Result<Option<Listed<'j>>, ImportError> {
        let path = format!("{path}.tasks");
        let list = match object.get("tasks") {
            Some(Json::Array(list)) => list,
            None | Some(Json::Null) => return Ok(None),
            Some(_) => return self.refuse(&path, "it is no list of tasks"),
        };
        let mut out = Vec::new();
        for (at, item) in list.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let Json::Object(task) = item else {
                return self.refuse(&path, "this is no task");
            };
            out.push((path, task));
        }
        // The order in which they run there.
        out.sort_by_key(|(_, task)| {
            let sequence = task.get("executionSequence").and_then(Json::as_i64);
            sequence.unwrap_or(i64::MAX)
        });
        Ok(Some(out))
    }

    /// The workflow of these is not carried over.
    fn all_left(&mut self, tasks: &[(String, &Map<String, Json>)]) {
        for (path, task) in tasks {
            let what = task_name(task);
            let deletes = text_of(task, "taskDefinitionId").and_then(by_id);
            let why = if deletes.is_some_and(|it| it.means == Means::Delete) {
                "its workflow is left out; it deletes accounts"
            } else {
                "its workflow is left out"
            };
            self.left(path, &what, why);
        }
    }

    /// The tasks that are on and known, their arguments read.
    fn known_tasks<'j>(&mut self, category: Category, tasks: Listed<'j>) -> Vec<Task<'j>> {
        let mut out = Vec::new();
        let mut stops = None;
        for (path, task) in tasks {
            self.unread(
                &path,
                task,
                &[
                    "taskDefinitionId",
                    "displayName",
                    "description",
                    "category",
                    "isEnabled",
                    "continueOnError",
                    "executionSequence",
                    "arguments",
                ],
                &["id", "taskProcessingResults", "rollcall"],
            );
            let what = task_name(task);
            let id = text_of(task, "taskDefinitionId").unwrap_or_default();
            let Some(definition) = by_id(id) else {
                let near = near_id(id).map_or_else(String::new, |it| {
                    format!("; did you mean {}, {}?", it.id, it.name)
                });
                let path = format!("{path}.taskDefinitionId");
                self.left(&path, &what, format!("no built-in task has this id{near}"));
                continue;
            };
            let what = format!("task \"{}\"", definition.name);
            if task.get("isEnabled") == Some(&Json::Bool(false)) {
                self.left(&format!("{path}.isEnabled"), &what, "it is off there");
                continue;
            }
            if !definition.categories.contains(&category) {
                let why = format!("no {} workflow has such a task", category.name());
                self.left(&path, &what, why);
                continue;
            }
            if task.get("continueOnError") == Some(&Json::Bool(false)) {
                stops.get_or_insert((path.clone(), what.clone()));
            }
            let arguments = self.arguments(&path, task, definition);
            out.push(Task {
                path,
                what,
                definition,
                arguments,
            });
        }
        if let Some((path, what)) = stops {
            self.otherwise(
                &format!("{path}.continueOnError"),
                &what,
                "a step that fails keeps back what needs it and nothing else, and comes again with \
                 the next run; a cut always goes on",
            );
        }
        out
    }

    fn arguments<'j>(
        &mut self,
        path: &str,
        task: &'j Map<String, Json>,
        definition: &'static Definition,
    ) -> Vec<(String, &'j str, &'j str)> {
        let list = task.get("arguments").and_then(Json::as_array);
        let mut out = Vec::new();
        for (at, argument) in list.into_iter().flatten().enumerate() {
            let path = format!("{path}.arguments[{at}]");
            let object = argument.as_object();
            let name = object.and_then(|it| text_of(it, "name"));
            let value = object.and_then(|it| text_of(it, "value"));
            let (Some(name), Some(value)) = (name, value) else {
                self.left(
                    &path,
                    "argument",
                    "it has no `name` and `value` that are texts",
                );
                continue;
            };
            let known = definition.arguments.iter();
            let known = known.copied().find(|it| it.eq_ignore_ascii_case(name));
            if let Some(known) = known {
                out.push((path, known, value));
                continue;
            }
            let hint = suggest::hint(name, definition.arguments.iter().copied());
            let why = format!("\"{}\" takes no such argument{hint}", definition.name);
            self.left(&path, &format!("argument `{name}`"), why);
        }
        out
    }

    /// Where the parameters of a workflow go: one place for each scope.
    fn draft(&mut self, name: &str, rule: Option<(String, Scope)>) -> usize {
        let same = |draft: &Draft| match (&draft.rule, &rule) {
            (Some((one, _)), Some((other, _))) => one == other,
            (None, None) => true,
            _ => false,
        };
        if let Some(at) = self.drafts.iter().position(same) {
            return at;
        }
        let scope = rule.as_ref().map(|(rule, _)| rule.clone());
        self.drafts.push(Draft {
            name: name.to_owned(),
            rule,
            changes: Workflow {
                name: String::new(),
                scope: scope.unwrap_or_default(),
                joiner: JoinerChanges::default(),
                mover: MoverChanges::default(),
                leaver: LeaverChanges::default(),
                devices: DeviceChanges::default(),
                rescinded: RescindedChanges::default(),
                leave: LeaveChanges::default(),
                absence: AbsenceChanges::default(),
            },
            said: BTreeMap::new(),
        });
        self.drafts.len() - 1
    }
}

fn is_by_hand(workflow: &Map<String, Json>) -> bool {
    let conditions = workflow.get("executionConditions");
    let kind = conditions.and_then(Json::as_object).and_then(kind_of);
    kind == Some("onDemandExecutionOnly")
}

fn says_something(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => false,
        Json::Array(list) => !list.is_empty(),
        Json::Object(object) => object.values().any(says_something),
        Json::Bool(true) | Json::Number(_) | Json::String(_) => true,
    }
}

fn task_name(task: &Map<String, Json>) -> String {
    let id = text_of(task, "taskDefinitionId").and_then(by_id);
    let said = text_of(task, "displayName").unwrap_or("(without a name)");
    format!("task \"{}\"", id.map_or(said, |it| it.name))
}
