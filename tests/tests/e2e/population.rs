//! The same 500 people from six kinds of sources: the accounts of a simulated tenant are the same in the
//! end, but for what a source cannot say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

use jiff::civil::{Date, date};
use libtest_mimic::Trial;
use rollcall::MakeExchange;
use rollcall_http::{Clock, Exchange};
use rollcall_peers::{Standing, Worker, population, rest, successfactors, workday};
use rollcall_successfactors::Key;
use serde_json::Value;

use crate::world::{Ran, World};
use crate::{child, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("population::six_sources_make_the_same_accounts", same),
        trial("population::a_pull_that_was_taken_is_taken_up", taken_up),
        trial("population::a_night_of_changes_only", changes),
        trial("population::a_source_that_fails_changes_nothing", failing),
        trial("population::a_source_that_nobody_asks_is_named", unasked),
        trial("population::check_asks_and_changes_nothing", check),
        trial("population::what_is_configured_wrongly_is_said", wrongly),
        trial("population::every_starter_is_valid", starters),
    ]
}

const NOW: &str = "2026-03-16T10:00:00Z";
const TODAY: Date = date(2026, 3, 16);
const PEOPLE: usize = 500;
/// The key by which the technical user of SuccessFactors signs.
const SIGNING: &str = include_str!("../../../connectors/successfactors/tests/data/key.pem");

fn people() -> Vec<Worker> {
    population(7, PEOPLE, TODAY)
}

/// What a test process answers a source with: made in the child from the name of the form, and of a
/// trouble behind a colon.
pub(crate) fn peer(what: &str) -> MakeExchange {
    let what = what.to_owned();
    Box::new(move |clock| exchange(&what, clock))
}

fn exchange(what: &str, clock: Clock) -> Exchange {
    let (form, trouble) = what.split_once(':').unwrap_or((what, ""));
    let mut all = people();
    if trouble == "fewer" {
        all.retain(|it| it.standing == Standing::Active);
    }
    match form {
        "workday" | "raas" => {
            // A report is of the moment at which it runs.
            let begun = match form {
                "raas" => clock.now(),
                _ => "2026-03-01T00:00:00Z".parse().unwrap(),
            };
            let troubles = match trouble {
                "page lost" => vec![workday::Trouble::EmptyPage(3)],
                "not allowed" => vec![workday::Trouble::NotAuthorized],
                _ => Vec::new(),
            };
            let tenant = workday::Workday::of(&all, begun, troubles);
            if trouble == "leaves" {
                let entered = "2026-03-16T20:00:00Z".parse().unwrap();
                tenant.terminate(entered, TODAY, &all[leaver(&all)]);
            }
            tenant.exchange()
        }
        "successfactors" => {
            let setup = successfactors::Setup {
                host: "api4.successfactors.com".to_owned(),
                company_id: "WoodgroveT1".to_owned(),
                api_key: "api-key-1".to_owned(),
                public_key: Key::read(SIGNING).expect("a key").public().to_vec(),
                user: "sfapi".to_owned(),
                application: (String::new(), String::new(), None),
                clock,
            };
            let peer = successfactors::Peer::with_workers(setup, &all);
            let peer = match trouble {
                "page lost" => peer.troubled(successfactors::Trouble::LosesPage(2)),
                "elsewhere" => peer.troubled(successfactors::Trouble::ForeignLink(1)),
                _ => peer,
            };
            peer.exchange()
        }
        "scim" => {
            let troubles = match trouble {
                "page lost" => vec![rest::Trouble::Empty(rest::When::Page(2))],
                _ => Vec::new(),
            };
            rest::scim::peer(all, false, rest::scim::Changed::default(), troubles).exchange()
        }
        other => panic!("no peer `{other}`"),
    }
}

/// Somebody with a plain job.
fn leaver(all: &[Worker]) -> usize {
    let plain = |it: &Worker| it.standing == Standing::Active && it.contract_end.is_none();
    all.iter().skip(50).position(plain).expect("somebody") + 50
}

/// A form: its table of the configuration, and the columns of key, status, first day, manager, first
/// and last name, title, company.
struct Form {
    name: &'static str,
    table: &'static str,
    columns: [&'static str; 8],
}

const WORKDAY: &str = r#"
[source.workday]
host = "https://wd3-impl-services1.workday.com"
tenant = "woodgrove_dpt1"
version = "v43.0"
auth = { user = "ISU_Rollcall", password = { env = "WORKDAY_PASSWORD" } }
"#;

const REPORT: &str = r#"
[source.workday.report]
owner = "OWNER"
name = "NAME"
key = "Employee_ID"
format = "json"
"#;

const SUCCESSFACTORS: &str = r#"
[source.successfactors]
host = "https://api4.successfactors.com"
company_id = "WoodgroveT1"
[source.successfactors.saml]
client_id = "api-key-1"
user = "sfapi"
key = { env = "SF_KEY" }
"#;

const FORMS: [Form; 6] = [
    Form {
        name: "workday",
        table: WORKDAY,
        columns: [
            "WorkerID",
            "WorkerState",
            "HireDate",
            "ManagerID",
            "FirstName",
            "LastName",
            "BusinessTitle",
            "Company",
        ],
    },
    Form {
        name: "raas",
        table: REPORT,
        columns: [
            "Employee_ID",
            "Worker_Status",
            "Hire_Date",
            "Manager_ID",
            "Legal_Name_-_First_Name",
            "Legal_Name_-_Last_Name",
            "Business_Title",
            "Company",
        ],
    },
    Form {
        name: "successfactors",
        table: SUCCESSFACTORS,
        columns: [
            "personIdExternal",
            "WorkerState",
            "StartsOn",
            "ManagerID",
            "firstName",
            "lastName",
            "jobTitle",
            "company",
        ],
    },
    Form {
        name: "scim",
        table: "",
        columns: [
            "WorkerID",
            "Active",
            "HireDate",
            "Manager",
            "FirstName",
            "LastName",
            "JobTitle",
            "Company",
        ],
    },
    Form {
        name: "csv",
        table: "[source.file]\n",
        columns: FILE_COLUMNS,
    },
    Form {
        name: "xlsx",
        table: "[source.file]\n",
        columns: FILE_COLUMNS,
    },
];

const FILE_COLUMNS: [&str; 8] = [
    "EmployeeID",
    "Status",
    "HireDate",
    "ManagerID",
    "First name",
    "Last name",
    "Title",
    "Company",
];

impl Form {
    fn of(name: &str) -> &'static Self {
        FORMS.iter().find(|it| it.name == name).expect("a form")
    }

    fn table(&self) -> String {
        match self.name {
            "raas" => {
                let report = self.table.replace("OWNER", workday::REPORT_OWNER);
                format!("{WORKDAY}{}", report.replace("NAME", workday::REPORT_NAME))
            }
            "scim" => {
                let shipped = include_str!("../../../mappings/aquera/source.toml");
                shipped.replace("https://api.aquera.io", rest::scim::ORIGIN)
            }
            _ => self.table.to_owned(),
        }
    }

    fn mapping(&self) -> String {
        let [key, status, hired, manager, first, last, title, company] = self.columns;
        format!(
            r#"
format_version = 1
default_domain = "woodgrove.example"
[worker]
key = "{key}"
status = "{status}"
manager = "{manager}"
hire_date = {{ column = "{hired}", format = "iso" }}
time_zone = {{ constant = "UTC" }}
[[attribute]]
target = "employeeId"
source = "{key}"
[[attribute]]
target = "userPrincipalName"
apply = "create"
expression = 'Join("@", [{key}], DefaultDomain())'
[[attribute]]
target = "mailNickname"
apply = "create"
source = "{key}"
[[attribute]]
target = "displayName"
expression = 'Join(" ", [{first}], [{last}])'
[[attribute]]
target = "givenName"
source = "{first}"
[[attribute]]
target = "surname"
source = "{last}"
[[attribute]]
target = "jobTitle"
source = "{title}"
[[attribute]]
target = "companyName"
source = "{company}"
"#
        )
    }

    /// A world whose only source is of this form.
    fn world(&self, more: &str) -> World {
        let world = World::new();
        let file = "[source.file]\n";
        world.edit("rollcall.toml", file, &format!("{more}\n{}", self.table()));
        std::fs::write(world.dir().join("mapping.toml"), self.mapping()).unwrap();
        for (from, to) in [
            (
                "active = [\"Active\"]",
                "active = [\"active\", \"pre_hire\", \"on_leave\", \"Active\", \"On Leave\", \"Not Yet Started\", \"true\"]",
            ),
            (
                "[\"Inactive\"]",
                "[\"terminated\", \"rescinded\", \"Terminated\", \"Hire Rescinded\", \"false\"]",
            ),
        ] {
            world.edit("policy.toml", from, to);
        }
        world
    }
}

fn state(worker: &Worker) -> &'static str {
    match worker.standing {
        Standing::Active => "active",
        Standing::PreHire => "pre_hire",
        Standing::OnLeave => "on_leave",
        Standing::Terminated { .. } => "terminated",
        Standing::Rescinded => "rescinded",
    }
}

fn cells(worker: &Worker) -> [String; 8] {
    [
        worker.id.clone(),
        state(worker).to_owned(),
        worker.hired.to_string(),
        worker.manager.clone().unwrap_or_default(),
        worker.first.clone(),
        worker.last.clone(),
        worker.title.clone(),
        worker.company.1.clone(),
    ]
}

fn csv() -> Vec<u8> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(FILE_COLUMNS).unwrap();
    for worker in people() {
        out.write_record(cells(&worker)).unwrap();
    }
    out.into_inner().unwrap()
}

fn xlsx(world: &World) {
    let row = |at: usize, cells: &[String]| {
        let mut text = format!("<row r=\"{at}\">");
        for (column, value) in cells.iter().enumerate() {
            let letter = char::from(b'A' + u8::try_from(column).unwrap());
            let value = value.replace('&', "&amp;").replace('<', "&lt;");
            write!(
                text,
                "<c r=\"{letter}{at}\" t=\"inlineStr\"><is><t>{value}</t></is></c>"
            )
            .unwrap();
        }
        text + "</row>"
    };
    let header = FILE_COLUMNS.map(str::to_owned);
    let mut rows = row(1, &header);
    for (at, worker) in people().iter().enumerate() {
        rows.push_str(&row(at + 2, &cells(worker)));
    }
    let before = format!("<worksheet xmlns=\"{}\"><sheetData>", crate::attack::MAIN);
    let to = world.dir().join("inbox/workers-2026-03-16.xlsx");
    let sheet = (
        before.as_str(),
        rows.as_str(),
        1,
        "</sheetData></worksheet>",
    );
    crate::attack::book(&to, "Workers", sheet, "");
}

/// Runs a command with a peer behind the source, and the secrets that the configuration names.
fn at(world: &World, now: &str, args: &[&str], what: &str) -> Ran {
    let mut command: Command = world.prepared_at(now, args);
    command
        .env(child::PEER, what)
        .env("WORKDAY_PASSWORD", workday::PASSWORD)
        .env("SF_KEY", SIGNING)
        .env("AQUERA_TOKEN", rest::scim::TOKEN);
    command
        .output()
        .expect("the test program starts itself")
        .into()
}

/// What counts of an account, by employee id: the manager by theirs.
fn accounts(world: &World) -> BTreeMap<String, BTreeMap<&'static str, Value>> {
    let users = world.users();
    let names = [
        "accountEnabled",
        "displayName",
        "givenName",
        "surname",
        "jobTitle",
        "companyName",
        "userPrincipalName",
    ];
    let of = |user: &Value| {
        let part = |name: &'static str| (name, user[name].clone());
        names.into_iter().map(part).collect::<BTreeMap<_, _>>()
    };
    users.iter().map(|(id, it)| (id.clone(), of(it))).collect()
}

/// It is to be asked once a day; a pull that is late is missed once as much time again is over.
fn unasked() {
    let form = &FORMS[0];
    let world = form.world("");
    at(&world, NOW, &["run"], form.name);
    let missed = |hours: i64| {
        let now: jiff::Timestamp = NOW.parse().unwrap();
        let now = now + jiff::SignedDuration::from_hours(hours);
        let ran = at(&world, &now.to_string(), &["status"], form.name);
        let missed = ran.json()["sources"][0]["missed_since"].clone();
        (missed.as_str().map(str::to_owned), ran.code)
    };
    assert_eq!(missed(47).0, None);
    let (since, code) = missed(49);
    let since: jiff::Timestamp = since.expect("missed").parse().unwrap();
    let due = since.duration_since(NOW.parse().unwrap()).as_hours();
    assert_eq!((due, code), (24, Some(1)));
}

fn same() {
    let everybody = people();
    let by = |is: fn(&Worker) -> bool| -> BTreeSet<&str> {
        let all = everybody.iter().filter(|it| is(it));
        all.map(|it| it.id.as_str()).collect()
    };
    let here = by(|it| matches!(it.standing, Standing::Active | Standing::OnLeave));
    let later = by(|it| it.standing == Standing::PreHire);
    let gone = by(|it| {
        matches!(
            it.standing,
            Standing::Terminated { .. } | Standing::Rescinded
        )
    });
    let mut first: Option<BTreeMap<_, _>> = None;
    for form in &FORMS {
        let name = form.name;
        let world = form.world("");
        let ran = match name {
            "csv" => {
                world.drop_file("workers-2026-03-16.csv", csv());
                world.at(NOW, &["run"])
            }
            "xlsx" => {
                xlsx(&world);
                world.at(NOW, &["run"])
            }
            _ => at(&world, NOW, &["run"], name),
        };
        assert!(matches!(ran.code, Some(0 | 1)), "{name}: {}", ran.err);
        let found = accounts(&world);
        // What a source cannot say: the gateway calls whoever begins later inactive, so that nothing
        // is made for them yet.
        let made: BTreeSet<&str> = found.keys().map(String::as_str).collect();
        for id in &gone {
            assert!(
                !made.contains(id),
                "{name}: {id} is gone and has an account"
            );
        }
        let made_early = later.iter().any(|id| made.contains(id));
        assert_eq!(made_early, name != "scim", "{name}");
        let live: BTreeMap<_, _> = found
            .into_iter()
            .filter(|(id, _)| here.contains(id.as_str()))
            .collect();
        assert_eq!(live.len(), here.len(), "{name}");
        match &first {
            None => first = Some(live),
            Some(first) => {
                for (id, account) in first {
                    assert_eq!(account, &live[id], "{name}: {id}");
                }
            }
        }
    }
}

/// A run that dies behind its pull: the next one of the same instant carries out what was taken.
fn taken_up() {
    let world = Form::of("workday").world("");
    at(&world, NOW, &["pull"], "workday").expect(0);
    assert_eq!(world.users().len(), 0);
    let ran = at(&world, NOW, &["run"], "workday");
    assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.err);
    assert!(!ran.err.contains("nothing older"), "{}", ran.err);
    assert!(world.users().len() > 300);
}

/// Full at first, then changes, then full again once it is time: who leaves is cut off by the changes.
fn changes() {
    let form = Form::of("workday");
    let world = form.world("full_every_hours = 48");
    at(&world, NOW, &["run"], "workday");
    let all = people();
    let leaver = all[leaver(&all)].id.clone();
    assert_eq!(world.users()[&leaver]["accountEnabled"], true);
    let next = at(&world, "2026-03-17T10:00:00Z", &["pull"], "workday:leaves").json();
    assert_eq!(next["coverage"], "delta", "{next}");
    assert!(next["rows"].as_u64().unwrap() < 20, "{next}");
    at(&world, "2026-03-17T10:00:00Z", &["run"], "workday:leaves");
    assert_eq!(world.users()[&leaver]["accountEnabled"], false);
    // Everybody who is not among the changes stays as they are.
    let enabled = |world: &World| {
        let users = world.users();
        users
            .values()
            .filter(|it| it["accountEnabled"] == true)
            .count()
    };
    let before = enabled(&world);
    let later = at(&world, "2026-03-18T11:00:00Z", &["pull"], "workday:leaves").json();
    assert_eq!(later["coverage"], "full", "{later}");
    assert_eq!(later["rows"], PEOPLE, "{later}");
    at(&world, "2026-03-18T11:00:00Z", &["run"], "workday:leaves");
    assert_eq!(enabled(&world), before);
    world.at("2026-03-18T11:00:00Z", &["verify"]).expect(0);
}

/// A page that is lost, a link elsewhere, a door that is shut: exit 2, one line that says so, and not a
/// byte of the tenant or the log is another.
fn failing() {
    for (form, trouble, kind) in [
        ("workday", "page lost", "incomplete_page"),
        ("workday", "not allowed", "permission"),
        ("successfactors", "page lost", "incomplete_page"),
        ("successfactors", "elsewhere", "foreign_link"),
        ("scim", "page lost", "incomplete_page"),
    ] {
        let world = Form::of(form).world("");
        at(&world, NOW, &["run"], form);
        let before = (world.tenant(), world.files("log"));
        let next = "2026-03-17T10:00:00Z";
        let ran = at(&world, next, &["pull"], &format!("{form}:{trouble}"));
        let ran = ran.expect(2);
        assert_eq!(
            ran.json()["error"]["kind"],
            kind,
            "{form}, {trouble}: {}",
            ran.err
        );
        assert_eq!(
            (world.tenant(), world.files("log")),
            before,
            "{form}, {trouble}"
        );
        for secret in [workday::PASSWORD, rest::scim::TOKEN, "PRIVATE KEY"] {
            assert!(
                !ran.err.contains(secret) && !ran.out.contains(secret),
                "{form}"
            );
        }
    }
    // Most of them gone is for people to decide.
    let world = Form::of("successfactors").world("");
    at(&world, NOW, &["run"], "successfactors");
    let enabled = |world: &World| {
        let users = world.users().into_iter();
        let on = users.filter(|(_, it)| it["accountEnabled"] == true);
        on.map(|(id, _)| id).collect::<BTreeSet<_>>()
    };
    let before = enabled(&world);
    let ran = at(
        &world,
        "2026-03-17T10:00:00Z",
        &["run"],
        "successfactors:fewer",
    );
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    // Nobody is cut off; whoever was to begin on that day may have.
    assert!(enabled(&world).is_superset(&before));
}

fn check() {
    for form in ["workday", "raas", "successfactors", "scim"] {
        let world = Form::of(form).world("");
        let before = world.files("log");
        let plain = at(&world, NOW, &["check"], form).expect(0);
        assert!(!plain.json()["asked"].is_null(), "{form}");
        let ran = at(&world, NOW, &["check", "--online"], form);
        assert_eq!(ran.code, Some(0), "{form}: {}{}", ran.out, ran.err);
        assert_eq!(world.files("log"), before);
    }
    let world = Form::of("workday").world("");
    let ran = at(&world, NOW, &["check", "--online"], "workday:not allowed");
    ran.expect(2);
}

fn wrongly() {
    let form = Form::of("workday");
    for (from, to, word) in [
        ("tenant = \"woodgrove_dpt1\"\n", "", "tenant"),
        ("v43.0", "v21.1", "v30.0"),
        (
            "[source.workday]",
            "[source.file]\n[source.workday]",
            "one place",
        ),
        (
            "[source.workday]",
            "files = \"*.csv\"\n[source.workday]",
            "files",
        ),
    ] {
        let world = form.world("");
        world.edit("rollcall.toml", from, to);
        let ran = at(&world, NOW, &["check"], "workday").expect(2);
        assert!(ran.err.contains(word), "{word}: {}", ran.err);
    }
    let world = form.world("");
    world.edit("mapping.toml", "BusinessTitle", "BusinesTitle");
    let ran = at(&world, NOW, &["check"], "workday").expect(2);
    assert!(
        ran.err.contains("BusinesTitle") && ran.err.contains("BusinessTitle"),
        "{}",
        ran.err
    );
}

/// What `init` writes for a system that is asked can be checked as it is, and works against one.
fn starters() {
    for name in [
        "workday",
        "successfactors",
        "bamboohr",
        "dynamics365",
        "aquera",
    ] {
        let world = World::of(name);
        std::fs::write(world.dir().join("successfactors.key"), SIGNING).unwrap();
        let ran = world.at(NOW, &["check"]).expect(0);
        assert!(!ran.json()["asked"][name].is_null(), "{name}");
    }
    // As it is written, against a system of the same address. Contracts that will end are more than its policy
    // lets go unasked where nobody is managed yet.
    let world = World::of("workday");
    let ran = at(&world, NOW, &["run"], "workday");
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    let made = world.users().len();
    let here = |it: &Worker| matches!(it.standing, Standing::Active | Standing::OnLeave);
    let here = people().into_iter().filter(here).count();
    // Some have no name that a sign-in name could be made of; they are held, and said.
    assert!(made > here * 8 / 10, "{made} of {here}");
}
