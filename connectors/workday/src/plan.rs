//! From the attributes that are wanted to paths, to what of a worker is read, and to what is asked for.
//!
//! Invariant: a plan exists only where every attribute that is wanted is known and can be read.

use rollcall_core::suggest::nearest;

use crate::attributes::{self, Derived, Origin};
use crate::config::Config;
use crate::groups::{self, Details};
use crate::xml::{Name, Names, ROOT, Reach};
use crate::xpath::XPath;

/// How the text of a node becomes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it is.
    Text,
    /// A civil day; an offset behind it is noise.
    Date,
    /// 1 and 0 become `true` and `false`.
    Truth,
}

/// How a column is read.
#[derive(Debug)]
pub(crate) enum Read {
    /// By the first of some paths that comes to something.
    Paths(Vec<XPath>, Kind),
    /// By a rule.
    Rule(Derived),
}

/// A column that is wanted.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) read: Read,
    /// The parts of `Worker_Data` that it comes from, by their place in [`Plan::sections`].
    pub(crate) sections: Vec<usize>,
}

/// A part of `Worker_Data` that is asked for.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    /// The way to it.
    pub(crate) path: [Name; 3],
    /// Every worker has it.
    pub(crate) is_of_everybody: bool,
}

/// Paths to the ids of a worker.
#[derive(Debug)]
pub(crate) struct Ids {
    pub(crate) wid: XPath,
    pub(crate) worker: XPath,
    pub(crate) employee: XPath,
    pub(crate) contingent: XPath,
}

/// Paths to what decides about a worker's state.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) active: XPath,
    pub(crate) hire: XPath,
    pub(crate) terminated: XPath,
    pub(crate) terminated_on: XPath,
    pub(crate) last_day: XPath,
    pub(crate) end: XPath,
    pub(crate) contract_end: XPath,
    pub(crate) involuntary: XPath,
    pub(crate) rescinded: XPath,
    pub(crate) on_leave: XPath,
}

/// Paths to the transaction log.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) entries: XPath,
    pub(crate) kind: XPath,
    pub(crate) effective: XPath,
    pub(crate) entered: XPath,
    pub(crate) rescinded: XPath,
}

/// Paths to the supervisory chain.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) levels: XPath,
    pub(crate) wid: XPath,
    pub(crate) employee: XPath,
    pub(crate) contingent: XPath,
}

/// Paths to jobs beside the primary one.
#[derive(Debug)]
pub(crate) struct Jobs {
    pub(crate) each: XPath,
    pub(crate) position: XPath,
    pub(crate) title: XPath,
}

/// What is read of a worker, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) names: Names,
    pub(crate) reach: Reach,
    pub(crate) columns: Vec<Column>,
    pub(crate) sections: Vec<Section>,
    pub(crate) flags: Vec<&'static str>,
    pub(crate) ids: Ids,
    /// The way to `Worker_Data`.
    pub(crate) data: [Name; 2],
    pub(crate) status: Option<Status>,
    pub(crate) log: Option<Log>,
    pub(crate) chain: Option<Chain>,
    pub(crate) jobs: Option<Jobs>,
    pub(crate) groups: Option<XPath>,
}

/// Parts of `wd:Worker` itself.
const TOP: [&str; 4] = [
    "Worker_Reference",
    "Worker_Descriptor",
    "Universal_Identifier_Reference",
    "Worker_Data",
];

/// What is wrong with a path of a configuration, if anything is.
pub(crate) fn path_problem(path: &str) -> Option<String> {
    let (mut names, mut reach) = (Names::default(), Reach::default());
    match XPath::read(path, &mut names, &mut reach) {
        Err(wrong) => Some(wrong.to_string()),
        Ok(path) => out_of_reach(&names, &reach).or_else(|| never_true(&names, &path)),
    }
}

/// A comparison that `XPath` makes with text, and Workday answers with a number.
fn never_true(names: &Names, path: &XPath) -> Option<String> {
    let word = path
        .literals()
        .into_iter()
        .find(|it| matches!(*it, "true" | "false"))?;
    names.has_boolean().then(|| {
        format!("nothing is ever '{word}': Workday writes 1 and 0; compare with `=1` and `=0`")
    })
}

/// What of a reach no worker has, or is more than anybody should ask for.
fn out_of_reach(names: &Names, reach: &Reach) -> Option<String> {
    const NARROW: &str = "it reads more than one part of a worker; begin with \
                          `wd:Worker/wd:Worker_Data/` and the name of the part";
    if reach.places[ROOT].whole {
        return Some(NARROW.to_owned());
    }
    let top = reach.below(names, ROOT);
    if let Some(other) = top.iter().find(|it| **it != "Worker") {
        return Some(format!("paths begin at `wd:Worker`, not at `wd:{other}`"));
    }
    let Some(worker) = reach.at(names, &["Worker"]) else {
        return Some("it reads nothing of a worker".to_owned());
    };
    if reach.places[worker].whole {
        return Some(NARROW.to_owned());
    }
    let below = reach.below(names, worker);
    if let Some(other) = below.iter().find(|it| !TOP.contains(it)) {
        return Some(format!(
            "`wd:Worker` has no `wd:{other}`, only {}",
            TOP.join(", ")
        ));
    }
    let data = reach.at(names, &["Worker", "Worker_Data"])?;
    if reach.places[data].whole {
        return Some(NARROW.to_owned());
    }
    let below = reach.below(names, data);
    let other = below.iter().find(|it| !groups::is_section(it))?;
    let all: Vec<&str> = groups::sections().collect();
    Some(format!(
        "`wd:Worker_Data` has no part `wd:{other}` that can be asked for, only {}",
        all.join(", ")
    ))
}

/// The kind of value at the end of a path.
fn kind(names: &Names, path: &XPath) -> Kind {
    let Some(name) = path.last_name() else {
        return Kind::Text;
    };
    if names.is_boolean(name) {
        Kind::Truth
    } else if is_date(names.text(name)) {
        Kind::Date
    } else {
        Kind::Text
    }
}

/// Names of the schema whose type is `xsd:date`.
fn is_date(name: &str) -> bool {
    let others = [
        "First_Day_of_Work",
        "First_Day_Of_Work",
        "Termination_Last_Day_of_Work",
        "Leave_Last_Day_of_Work",
        "Date_Entered_Workforce",
        "Last_Date_for_Which_Paid",
        "Expected_Date_of_Return",
        "Date_of_Birth",
        "Last_Medical_Exam_Valid_To",
    ];
    name.ends_with("_Date") || others.contains(&name)
}

/// Reads paths into one set of names and one reach.
#[derive(Default)]
struct Reader {
    names: Names,
    reach: Reach,
    details: Details,
    /// Types of organisations that are read; `None` once a path reads any.
    types: Option<Vec<&'static str>>,
    problems: Vec<String>,
}

/// A column and the parts of `Worker_Data` that it comes from.
type Found = (String, Read, Vec<&'static str>);

impl Reader {
    fn own(&mut self, path: &str) -> XPath {
        let path = attributes::written_out(path);
        XPath::read(&path, &mut self.names, &mut self.reach).expect("a path of our own can be read")
    }

    fn below(&mut self, base: &XPath, path: &str) -> XPath {
        XPath::below(path, base, &mut self.names, &mut self.reach)
            .expect("a path of our own can be read")
    }

    fn column(&mut self, config: &Config, name: &str) -> Option<Found> {
        if let Some(path) = config.attributes.get(name) {
            return self.paths(name, std::slice::from_ref(path));
        }
        match attributes::known(name) {
            Some(Origin::Paths(paths)) => {
                let paths: Vec<String> =
                    paths.iter().map(|it| attributes::written_out(it)).collect();
                self.paths(name, &paths)
            }
            Some(Origin::Rule(rule, _)) => {
                let section = match rule {
                    Derived::ManagerId => vec!["Management_Chain_Data"],
                    Derived::WorkerState
                    | Derived::StartsOn
                    | Derived::EndsOn
                    | Derived::Involuntary
                    | Derived::OnLeave
                    | Derived::OtherJobs => vec!["Employment_Data"],
                    Derived::WorkerId
                    | Derived::WorkerType
                    | Derived::ProvisioningGroups
                    | Derived::Transactions => Vec::new(),
                };
                self.details.additional_jobs |= rule == Derived::OtherJobs;
                Some((name.to_owned(), Read::Rule(rule), section))
            }
            None => {
                let own = config.attributes.keys().map(String::as_str);
                let all = attributes::all().map(|it| it.0).chain(own);
                let hint = match nearest(name, all) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "give it a path in `attributes`".to_owned(),
                };
                self.problems
                    .push(format!("`{name}` is no attribute of Workday: {hint}"));
                None
            }
        }
    }

    fn paths(&mut self, name: &str, paths: &[String]) -> Option<Found> {
        let mut all = Vec::new();
        let mut sections = Vec::new();
        for text in paths {
            let mut reach = Reach::default();
            let path = match XPath::read(text, &mut self.names, &mut reach) {
                Ok(path) => path,
                Err(wrong) => {
                    self.problems.push(format!("`{name}`: {wrong}"));
                    continue;
                }
            };
            if let Some(problem) = out_of_reach(&self.names, &reach) {
                self.problems.push(format!("`{name}`: {problem}"));
                continue;
            }
            let data = reach.at(&self.names, &["Worker", "Worker_Data"]);
            let below = data.map_or(Vec::new(), |it| reach.below(&self.names, it));
            sections.extend(groups::sections().filter(|it| below.contains(it)));
            self.refine(text, &path, &sections);
            // Once more, into what is read for all columns.
            all.extend(XPath::read(text, &mut self.names, &mut self.reach));
        }
        let first = all.first()?;
        let kind = kind(&self.names, first);
        Some((name.to_owned(), Read::Paths(all, kind), sections))
    }

    /// What a path needs beyond the parts that it reads.
    fn refine(&mut self, text: &str, path: &XPath, sections: &[&'static str]) {
        let primary = [
            "@wd:Primary_Job=1",
            "@wd:Primary_Job='1'",
            "@wd:Primary_Job=\"1\"",
        ];
        if text.contains("Worker_Job_Data") && !primary.iter().any(|it| text.contains(it)) {
            self.details.additional_jobs = true;
        }
        if sections.contains(&"Organization_Data") {
            let literals = path.literals();
            let named = literals.into_iter().filter_map(groups::organisation);
            let named: Vec<&'static str> = named.collect();
            // A word that is held against anything but the type says nothing of what may be left out.
            let is_by_type = text.contains("Organization_Type_Reference");
            if named.is_empty() || !is_by_type {
                self.types = None;
            } else if let Some(types) = &mut self.types {
                types.extend(named);
            }
        }
    }

    fn ids(&mut self) -> Ids {
        Ids {
            wid: self.own("wd:Worker/wd:Worker_Reference/wd:ID[@wd:type='WID']/text()"),
            worker: self.own("{W}/wd:Worker_ID/text()"),
            employee: self
                .own("wd:Worker/wd:Worker_Reference/wd:ID[@wd:type='Employee_ID']/text()"),
            contingent: self
                .own("wd:Worker/wd:Worker_Reference/wd:ID[@wd:type='Contingent_Worker_ID']/text()"),
        }
    }

    fn status(&mut self) -> Status {
        let mut field = |name: &str| self.own(&format!("{{S}}/wd:{name}/text()"));
        Status {
            active: field("Active"),
            hire: field("Hire_Date"),
            terminated: field("Terminated"),
            terminated_on: field("Termination_Date"),
            last_day: field("Termination_Last_Day_of_Work"),
            end: field("End_Employment_Date"),
            involuntary: field("Termination_Involuntary"),
            rescinded: field("Hire_Rescinded"),
            on_leave: field("Leave_Status_Data/wd:On_Leave"),
            contract_end: self.own("{E}/wd:Worker_Contract_Data/wd:Contract_End_Date/text()"),
        }
    }

    fn log(&mut self) -> Log {
        let entries = self.own(
            "{W}/wd:Transaction_Log_Entry_Data/wd:Transaction_Log_Entry/wd:Transaction_Log_Data",
        );
        Log {
            kind: self.below(
                &entries,
                "wd:Transaction_Log_Type_Reference/wd:ID[@wd:type='Business_Process_Type']/text()",
            ),
            effective: self.below(&entries, "wd:Transaction_Effective_Moment/text()"),
            entered: self.below(&entries, "wd:Transaction_Entry_Moment/text()"),
            rescinded: self.below(&entries, "wd:Is_Rescind_Or_Rescinded/text()"),
            entries,
        }
    }

    fn chain(&mut self) -> Chain {
        let levels = self.own(
            "{W}/wd:Management_Chain_Data/wd:Worker_Supervisory_Management_Chain_Data[1]/\
             wd:Management_Chain_Data",
        );
        let id = |kind: &str| format!("wd:Manager_Reference/wd:ID[@wd:type='{kind}']/text()");
        Chain {
            wid: self.below(&levels, &id("WID")),
            employee: self.below(&levels, &id("Employee_ID")),
            contingent: self.below(&levels, &id("Contingent_Worker_ID")),
            levels,
        }
    }

    fn jobs(&mut self) -> Jobs {
        let jobs = self.own("{E}/wd:Worker_Job_Data[not(@wd:Primary_Job=1)]/wd:Position_Data");
        Jobs {
            position: self.below(&jobs, "wd:Position_ID/text()"),
            title: self.below(&jobs, "wd:Business_Title/text()"),
            each: jobs,
        }
    }

    /// Names of the parts of `Worker_Data` that are read.
    fn parts(&self) -> Vec<&str> {
        let data = self.reach.at(&self.names, &["Worker", "Worker_Data"]);
        data.map_or(Vec::new(), |it| self.reach.below(&self.names, it))
    }

    /// What is to be asked for beyond whole parts.
    fn more_details(&mut self) {
        let mentions = |name| self.reach.mentions(&self.names, ROOT, name);
        self.details.collective_agreements = mentions("Collective_Agreement_Summary_Data");
        self.details.probation_periods = mentions("Employee_Probation_Period_Summary_Data");
        self.details.support_roles = mentions("Organization_Support_Role_Data");
        self.details.additional_jobs |= mentions("International_Assignment_Data")
            || mentions("International_Assignment_Summary_Data");
        let types = self.types.as_ref();
        self.details.organisations = types.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
    }
}

impl Plan {
    /// A plan for these columns.
    ///
    /// # Errors
    /// What is not known or cannot be read, each with a hint.
    pub(crate) fn of(config: &Config, columns: &[String]) -> Result<Self, Vec<String>> {
        let mut reader = Reader {
            types: Some(Vec::new()),
            ..Reader::default()
        };
        let found: Vec<Found> = columns
            .iter()
            .filter_map(|it| reader.column(config, it))
            .collect();
        if reader.problems.is_empty() {
            Ok(Self::with(reader, found))
        } else {
            Err(reader.problems)
        }
    }

    fn with(mut reader: Reader, found: Vec<Found>) -> Self {
        let wants = |all: &[Derived]| {
            found.iter().any(|(_, read, _)| match read {
                Read::Rule(rule) => all.contains(rule),
                Read::Paths(..) => false,
            })
        };
        let ids = reader.ids();
        let chain = wants(&[Derived::ManagerId]).then(|| reader.chain());
        let log = wants(&[
            Derived::WorkerState,
            Derived::StartsOn,
            Derived::EndsOn,
            Derived::Transactions,
        ])
        .then(|| reader.log());
        let jobs = wants(&[Derived::OtherJobs]).then(|| reader.jobs());
        let groups = wants(&[Derived::ProvisioningGroups]).then(|| {
            reader.own(
                "{W}/wd:Account_Provisioning_Data/\
                 wd:Provisioning_Group_Assignment_Data[wd:Status='Assigned']/\
                 wd:Provisioning_Group/text()",
            )
        });
        let by_status = wants(&[
            Derived::WorkerState,
            Derived::StartsOn,
            Derived::EndsOn,
            Derived::Involuntary,
            Derived::OnLeave,
        ]);
        // Where anything of a profile is read, it has to be known who has not begun: theirs is whole
        // only as of the day that they begin.
        let parts = reader.parts();
        let more = parts.iter().any(|it| !groups::ALWAYS_THERE.contains(it));
        let status = (more || by_status).then(|| reader.status());
        reader.more_details();
        let parts = reader.parts();
        let wanted: Vec<&'static str> =
            groups::sections().filter(|it| parts.contains(it)).collect();
        let data = [
            reader.names.intern("Worker"),
            reader.names.intern("Worker_Data"),
        ];
        let sections: Vec<Section> = wanted
            .iter()
            .map(|name| Section {
                name,
                path: [data[0], data[1], reader.names.intern(name)],
                is_of_everybody: groups::is_of_everybody(name),
            })
            .collect();
        let place = |name: &&str| wanted.iter().position(|it| it == name);
        let columns = found
            .into_iter()
            .map(|(name, read, parts)| Column {
                name,
                read,
                sections: parts.iter().filter_map(place).collect(),
            })
            .collect();
        Self {
            columns,
            flags: groups::flags(&wanted, &reader.details),
            sections,
            ids,
            data,
            status,
            log,
            chain,
            jobs,
            groups,
            names: reader.names,
            reach: reader.reach,
        }
    }
}
