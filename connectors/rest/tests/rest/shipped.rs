//! The shipped configurations before the systems that they are for: the values of everybody are those of
//! the worker.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::delta::Coverage;
use rollcall_core::mapping::Mapping;
use rollcall_peers::rest::{Peer, Trouble, When, bamboohr, dynamics, scim};
use rollcall_peers::{Kind, Row, Standing, Worker};
use rollcall_rest::RestConfig;
use rollcall_source::{RefusalKind, Source as _, Want};

use crate::{check, config, now, people, problems, pull, source};

const AQUERA: &str = include_str!("../../../../mappings/aquera/source.toml");
const BAMBOO: &str = include_str!("../../../../mappings/bamboohr/source.toml");
const DYNAMICS: &str = include_str!("../../../../mappings/dynamics365/source.toml");

/// A shipped configuration, with host and secrets of the peer.
pub(crate) fn aquera() -> RestConfig {
    let text = AQUERA
        .replace("https://api.aquera.io", scim::ORIGIN)
        .replace("AQUERA_TOKEN", scim::TOKEN);
    config(&text)
}

pub(crate) fn bamboo() -> RestConfig {
    let text = BAMBOO
        .replace("https://woodgrove.bamboohr.com", bamboohr::ORIGIN)
        .replace("BAMBOOHR_API_KEY", bamboohr::KEY);
    config(&text)
}

pub(crate) fn dynamics365() -> RestConfig {
    let zeros =
        "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/oauth2/v2.0/token";
    let text = DYNAMICS
        .replace(zeros, dynamics::LOGIN)
        .replace(
            "https://woodgrove.operations.dynamics.com",
            dynamics::ORIGIN,
        )
        .replace("11111111-1111-1111-1111-111111111111", dynamics::CLIENT)
        .replace("DYNAMICS_CLIENT_SECRET", dynamics::SECRET);
    config(&text)
}

/// Everything that a configuration knows, and the key of the mapping beside it.
fn everything(config: &RestConfig, mapping: &str) -> Want {
    let mapping = Mapping::parse(mapping, "mapping.toml").expect("a mapping");
    let columns: Vec<String> = config.attributes.keys().cloned().collect();
    for column in mapping.columns() {
        assert!(columns.contains(&column), "the mapping reads `{column}`");
    }
    Want {
        columns,
        key: mapping.key_column().to_owned(),
        reach: rollcall_source::Reach::Full,
        now: now(),
    }
}

/// What all three say of a worker in the same words.
fn common(worker: &Worker) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("FirstName", worker.first.clone()),
        ("LastName", worker.last.clone()),
        (
            "PreferredName",
            worker.preferred.clone().unwrap_or_default(),
        ),
        ("WorkEmail", worker.email.clone()),
        ("WorkPhone", worker.phone.clone().unwrap_or_default()),
        ("JobTitle", worker.title.clone()),
        ("City", worker.city.clone()),
        ("Country", worker.country.0.to_owned()),
        ("HireDate", worker.hired.to_string()),
    ])
}

fn compare(row: &Row, expected: &BTreeMap<&'static str, String>) {
    for (name, value) in expected {
        let came = row.values.get(*name).cloned().unwrap_or_default();
        assert_eq!(came, *value, "{name} of {:?}", row.number);
    }
    assert!(!row.held, "{:?}", row.findings);
}

fn kind(worker: &Worker, employee: &str, other: &str) -> String {
    match worker.kind {
        Kind::Employee => employee.to_owned(),
        Kind::Contingent => other.to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_scim_gateway_says_what_hr_says_with_an_index_and_with_cursors() {
    let workers = people(300);
    let by_cursor = AQUERA
        .replace("https://api.aquera.io", scim::ORIGIN)
        .replace("AQUERA_TOKEN", scim::TOKEN)
        .replace(
            "[source.rest.paging.start_index]\nsize = 100",
            "[source.rest.paging.cursor]\nat = 'nextCursor'\nparam = 'cursor'\nfirst_empty = true\n\
             size_param = 'count'\nsize = 100",
        );
    for (config, cursors) in [(aquera(), false), (config(&by_cursor), true)] {
        let peer = scim::peer(workers.clone(), cursors, scim::Changed::default(), vec![]);
        let mapping = include_str!("../../../../mappings/aquera/mapping.toml");
        let want = everything(&config, mapping);
        let (pulled, taken) = pull(&config, &peer, &want).await;
        assert_eq!(pulled.expect("a pull").coverage, Coverage::Full);
        assert_eq!(taken.rows.len(), 300);
        for worker in &workers {
            let row = taken.row("WorkerID", &worker.id);
            let mut expected = common(worker);
            let active = matches!(worker.standing, Standing::Active | Standing::OnLeave);
            let last = match worker.standing {
                Standing::Terminated { on, .. } => Some(on),
                Standing::Active | Standing::OnLeave => worker.contract_end,
                Standing::PreHire | Standing::Rescinded => None,
            };
            expected.extend([
                ("Active", active.to_string()),
                ("Department", worker.department.1.clone()),
                ("Company", worker.company.1.clone()),
                ("CostCenter", worker.cost_center.clone()),
                ("EmployeeNumber", worker.id.clone()),
                ("Manager", worker.manager.clone().unwrap_or_default()),
                ("WorkerType", kind(worker, "Employee", "Contractor")),
                ("LastDay", last.map(|it| it.to_string()).unwrap_or_default()),
            ]);
            compare(row, &expected);
        }
        let checked = check(&config, &peer, &want).await.expect("a check");
        assert_eq!(problems(&checked), "");
        // Private addresses are in the answer of a service that gives all mail addresses, and go no
        // further.
        let all: String = taken
            .rows
            .iter()
            .flat_map(|it| it.values.values().cloned())
            .collect();
        assert!(!all.contains("@home.example"));
    }
}

#[tokio::test(start_paused = true)]
async fn bamboohr_says_what_hr_says() {
    let workers = people(300);
    let peer = bamboohr::peer(workers.clone(), bamboohr::Extra::default(), vec![]);
    let config = bamboo();
    let want = everything(
        &config,
        include_str!("../../../../mappings/bamboohr/mapping.toml"),
    );
    let (pulled, taken) = pull(&config, &peer, &want).await;
    assert_eq!(pulled.expect("a pull").coverage, Coverage::Full);
    assert_eq!(taken.rows.len(), 300);
    for worker in &workers {
        let row = taken.row("EmployeeNumber", &worker.id);
        let mut expected = common(worker);
        let gone = matches!(
            worker.standing,
            Standing::Terminated { .. } | Standing::Rescinded
        );
        let last = match worker.standing {
            Standing::Terminated { on, .. } => Some(on),
            Standing::Rescinded => None,
            Standing::Active | Standing::OnLeave | Standing::PreHire => worker.contract_end,
        };
        let manager = worker.manager.as_deref().map(bamboohr::employee_id);
        expected.extend([
            ("EmployeeID", bamboohr::employee_id(&worker.id)),
            (
                "Status",
                if gone { "Inactive" } else { "Active" }.to_owned(),
            ),
            ("Department", worker.department.1.clone()),
            ("Company", worker.company.1.clone()),
            ("Manager", manager.unwrap_or_default()),
            ("WorkerType", kind(worker, "Full-Time", "Contractor")),
            ("LastDay", last.map(|it| it.to_string()).unwrap_or_default()),
        ]);
        compare(row, &expected);
    }
    let checked = check(&config, &peer, &want).await.expect("a check");
    assert_eq!(problems(&checked), "");
}

#[tokio::test(start_paused = true)]
async fn dynamics_says_what_hr_says_of_each_employment() {
    let workers = people(300);
    // A token that is refused in the middle is renewed.
    let peer = dynamics::peer(workers.clone(), 40, 3, vec![]);
    let config = dynamics365();
    let want = everything(
        &config,
        include_str!("../../../../mappings/dynamics365/mapping.toml"),
    );
    let (pulled, taken) = pull(&config, &peer, &want).await;
    assert_eq!(pulled.expect("a pull").coverage, Coverage::Full);
    let again = workers.iter().filter(|it| it.originally.is_some()).count();
    assert!(again > 0, "somebody was hired again");
    assert_eq!(taken.rows.len(), 300 + again);
    for worker in &workers {
        let mine = taken
            .rows
            .iter()
            .filter(|it| it.values["PersonnelNumber"] == worker.id);
        let mine: Vec<&Row> = mine.collect();
        assert_eq!(mine.len(), 1 + usize::from(worker.originally.is_some()));
        let mut expected = common(worker);
        let gone = matches!(
            worker.standing,
            Standing::Terminated { .. } | Standing::Rescinded
        );
        let last = match worker.standing {
            Standing::Terminated { on, .. } => Some(on),
            Standing::Rescinded => Some(worker.hired),
            Standing::Active | Standing::OnLeave | Standing::PreHire => worker.contract_end,
        };
        expected.extend([
            (
                "EmploymentKey",
                format!("{}-{}", worker.id, worker.company.0),
            ),
            (
                "Status",
                if gone { "Terminated" } else { "Employed" }.to_owned(),
            ),
            ("LegalEntity", worker.company.0.clone()),
            ("CostCenter", worker.cost_center.clone()),
            ("WorkerType", kind(worker, "Employee", "Contractor")),
            ("LastDay", last.map(|it| it.to_string()).unwrap_or_default()),
        ]);
        compare(mine[mine.len() - 1], &expected);
        if let Some(first) = worker.originally {
            assert_eq!(mine[0].values["HireDate"], first.to_string());
        }
    }
    let checked = check(&config, &peer, &want).await.expect("a check");
    assert_eq!(problems(&checked), "");
    let tokens = peer
        .asked()
        .iter()
        .filter(|it| it.contains("/oauth2/"))
        .count();
    assert!(tokens > 1, "the token was renewed");
}

/// Only what is mapped is asked for (P11).
#[tokio::test(start_paused = true)]
async fn no_more_is_asked_for_than_is_wanted() {
    let asked = async |config: &RestConfig, peer: &Peer, columns: &[&str]| {
        let want = crate::want(columns, columns[0]);
        pull(config, peer, &want).await.0.expect("a pull");
        peer.asked()
            .into_iter()
            .find(|it| it.starts_with("GET"))
            .expect("a question")
    };
    let peer = dynamics::peer(people(5), 40, 99, vec![]);
    let question = asked(
        &dynamics365(),
        &peer,
        &["EmploymentKey", "FirstName", "HireDate"],
    )
    .await;
    assert!(
        question.ends_with(
            "/data/Employments?$count=true&cross-company=true&$select=EmploymentEndDate%2C\
         EmploymentStartDate%2CLegalEntityId%2CPersonnelNumber&$expand=Worker($select%3DFirstName)"
        ) || question.contains("$expand=Worker($select%3DFirstName)"),
        "{question}"
    );
    let peer = bamboohr::peer(people(5), bamboohr::Extra::default(), vec![]);
    let question = asked(&bamboo(), &peer, &["EmployeeID", "Manager"]).await;
    assert!(
        question.contains("fields=employeeId,supervisorEId&")
            || question.contains("fields=employeeId%2CsupervisorEId&"),
        "{question}"
    );
    let peer = scim::peer(people(5), false, scim::Changed::default(), vec![]);
    let question = asked(&aquera(), &peer, &["WorkerID", "Manager", "WorkEmail"]).await;
    assert!(
        question.contains("manager.value") && question.contains("emails"),
        "{question}"
    );
    assert!(!question.contains("givenName"), "{question}");
}

/// A field that whoever asks may not see is unknown, not empty.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_seen_holds_the_row() {
    let extra = bamboohr::Extra {
        restricted: vec!["terminationDate"],
        ..bamboohr::Extra::default()
    };
    let peer = bamboohr::peer(people(30), extra, vec![]);
    let want = crate::want(&["EmployeeID", "LastDay"], "EmployeeID");
    let (pulled, taken) = pull(&bamboo(), &peer, &want).await;
    assert_eq!(pulled.expect("a pull").rows, 30);
    for row in &taken.rows {
        assert!(row.held && row.findings == ["value_unknown"], "{row:?}");
        assert!(
            row.values.contains_key("EmployeeID"),
            "the key counts as present"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn overload_is_waited_for_and_nobody_let_in_is_said() {
    for trouble in [
        Trouble::Fails(When::Question(2), 503, 5, None),
        Trouble::Fails(When::Question(2), 429, 5, Some(20)),
    ] {
        let extra = bamboohr::Extra::default();
        let peer = bamboohr::peer(people(300), extra, vec![trouble]);
        let want = crate::want(&["EmployeeID"], "EmployeeID");
        let (pulled, taken) = pull(&bamboo(), &peer, &want).await;
        assert_eq!(pulled.expect("a pull").rows, 300);
        assert_eq!(taken.rows.len(), 300);
    }
    let configs = [
        (AQUERA.replace("AQUERA_TOKEN", "other").replace("https://api.aquera.io", scim::ORIGIN),
            scim::peer(people(3), false, scim::Changed::default(), vec![]), "WorkerID"),
        (BAMBOO.replace("BAMBOOHR_API_KEY", "other"),
            bamboohr::peer(people(3), bamboohr::Extra::default(), vec![]), "EmployeeID"),
        (DYNAMICS.replace("DYNAMICS_CLIENT_SECRET", "other")
            .replace("https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/oauth2/v2.0/token", dynamics::LOGIN)
            .replace("https://woodgrove.operations.dynamics.com", dynamics::ORIGIN)
            .replace("11111111-1111-1111-1111-111111111111", dynamics::CLIENT),
            dynamics::peer(people(3), 40, 9, vec![]), "EmploymentKey"),
    ];
    for (text, peer, key) in configs {
        let config = config(&text);
        let want = crate::want(&[key], key);
        let refused = pull(&config, &peer, &want).await.0.expect_err(key);
        assert_eq!(refused.kind, RefusalKind::Credentials, "{refused}");
        crate::says_nobody(&refused);
        let refused = check(&config, &peer, &want).await.expect_err(key);
        assert_eq!(refused.kind, RefusalKind::Credentials, "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shipped_configuration_describes_itself() {
    for (config, system, incremental) in [
        (aquera(), "Aquera", true),
        (bamboo(), "BambooHR", true),
        (dynamics365(), "Dynamics 365", false),
    ] {
        let peer = scim::peer(people(1), false, scim::Changed::default(), vec![]);
        let source = source(&config, peer.exchange());
        let described = source.describe();
        assert_eq!(described.system, system);
        assert_eq!(described.incremental, incremental);
        let names: BTreeSet<&str> = described
            .attributes
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert!(names.contains("FirstName"));
        let lacks = source.lacks(&["FirstName".to_owned(), "FirstNam".to_owned()]);
        let lacks = lacks.expect_err("unknown");
        assert_eq!(lacks.len(), 1);
        assert!(lacks[0].contains("did you mean `FirstName`"), "{lacks:?}");
        assert!(peer.asked().is_empty());
    }
}
