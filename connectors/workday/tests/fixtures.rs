//! Every fixture, against what `expected.json` says of it.
//!
//! What it protects: two pages of fourteen hard cases, an empty answer, faults by class, and the same
//! people as a report.

mod common;

use std::collections::BTreeMap;

use bytes::Bytes;
use common::{config, expected, fixture, now, pull, source, want};
use http::{Request, Response};
use rollcall_core::delta::Coverage;
use rollcall_http::Exchange;
use rollcall_peers::workday as peer;
use rollcall_source::{RefusalKind, Source as _};
use rollcall_workday::{FaultClass, fault_class};
use serde_json::Value;
use tower::util::BoxCloneSyncService;

fn pages() -> Vec<Bytes> {
    let expected = expected();
    let pages = expected["pages"].as_array().expect("pages");
    let names = pages.iter().map(|it| it["file"].as_str().expect("a name"));
    names.map(|it| Bytes::from(fixture(it))).collect()
}

fn text(value: &Value) -> String {
    let plain = value.as_str().map(str::to_owned);
    plain.unwrap_or_else(|| value.to_string())
}

/// Names of everything that `expected.json` knows of any worker.
fn columns(expected: &Value) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for worker in expected["workers"].as_array().expect("workers") {
        for name in worker.as_object().expect("a worker").keys() {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
    }
    let derived = ["WorkerState", "StartsOn", "EndsOn", "Involuntary"];
    all.extend(derived.map(str::to_owned));
    all
}

#[tokio::test(start_paused = true)]
async fn workers_are_read_as_expected() {
    let expected = expected();
    let columns = columns(&expected);
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let tenant = peer::Workday::raw(pages(), now());
    let source = source(config("page_size = 8"), tenant.exchange());
    let want = want(&names, "WorkerID");
    let (pulled, taken) = pull(&source, &want).await.expect("a pull");
    assert_eq!(pulled.coverage, Coverage::Full);
    assert_eq!(
        u64::from(pulled.rows),
        expected["total_results"].as_u64().expect("a number")
    );
    // Who is their own manager has none.
    let of_kind = |kind: &str| -> Vec<&Value> {
        let all = expected["findings"].as_array().expect("findings");
        all.iter().filter(|it| it["kind"] == kind).collect()
    };
    let own = of_kind("manager_is_self");
    for worker in expected["workers"].as_array().expect("workers") {
        let id = worker["WorkerID"].as_str().expect("an id");
        let row = taken.row("WorkerID", id);
        assert!(!row.held, "{id}");
        let is_own = own.iter().any(|it| it["WorkerID"] == id);
        for name in &columns {
            if ["WorkerState", "StartsOn", "EndsOn", "Involuntary"].contains(&name.as_str()) {
                continue;
            }
            let found = row.values.get(name);
            let said = worker.get(name);
            match name.as_str() {
                "ManagerID" if is_own => assert_eq!(found, None, "{id}"),
                "ProvisioningGroups" => {
                    let said = said.and_then(Value::as_array);
                    let said = said.map(|it| it.iter().map(text).collect::<Vec<_>>().join(";"));
                    assert_eq!(found.cloned(), said, "{id} {name}");
                }
                "Transactions" | "OtherJobs" => {
                    let found = found.map(|it| serde_json::from_str::<Value>(it).expect("JSON"));
                    assert_eq!(found.as_ref(), said, "{id} {name}");
                }
                _ => assert_eq!(found.cloned(), said.map(text), "{id} {name}"),
            }
        }
        assert_eq!(
            row.findings.contains(&"manager_is_self".to_owned()),
            is_own,
            "{id}"
        );
    }
    // A manager who is not there is named at the end, by the row.
    let missing: Vec<String> = pulled
        .findings
        .iter()
        .filter(|it| serde_json::to_value(it.kind).expect("a kind") == "manager_not_in_roster")
        .map(|it| {
            let number = it.at.row.expect("a row");
            let row = taken.rows.iter().find(|it| it.number == number);
            let row = row.expect("the row");
            format!("{} {}", row.values["WorkerID"], row.values["ManagerID"])
        })
        .collect();
    let said: Vec<String> = of_kind("manager_not_in_roster")
        .iter()
        .map(|it| format!("{} {}", text(&it["WorkerID"]), text(&it["ManagerID"])))
        .collect();
    assert_eq!(missing, said);
    let known = ["manager_is_self", "manager_not_in_roster"];
    let all = expected["findings"].as_array().expect("findings");
    assert!(
        all.iter()
            .all(|it| known.contains(&it["kind"].as_str().expect("a kind")))
    );
}

#[tokio::test(start_paused = true)]
async fn states_are_read_as_expected() {
    let expected = expected();
    let tenant = peer::Workday::raw(pages(), now());
    let source = source(config("page_size = 8"), tenant.exchange());
    let columns = [
        "WorkerID",
        "UniversalID",
        "WorkerState",
        "StartsOn",
        "EndsOn",
        "Involuntary",
        "Rehire",
    ];
    let (_, taken) = pull(&source, &want(&columns, "WorkerID"))
        .await
        .expect("a pull");
    let mut persons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in &taken.rows {
        if let Some(person) = row.values.get("UniversalID") {
            persons
                .entry(person)
                .or_default()
                .push(&row.values["WorkerID"]);
        }
    }
    for (id, said) in expected["states"].as_object().expect("states") {
        let row = taken.row("WorkerID", id);
        let found = |name: &str| row.values.get(name).map(String::as_str);
        let mut ends = None;
        let (mut involuntary, mut rehire) = (false, false);
        for (name, value) in said.as_object().expect("a state") {
            match name.as_str() {
                "state" => assert_eq!(found("WorkerState"), value.as_str(), "{id}"),
                "starts_on" => assert_eq!(found("StartsOn"), value.as_str(), "{id}"),
                "ends_on" | "ended_on" => ends = value.as_str(),
                "involuntary" => involuntary = value == true,
                "rehire" => rehire = value == true,
                "same_person_as" | "converted_from" => {
                    let other = value.as_str().expect("an id");
                    let person = found("UniversalID").expect("a person");
                    assert!(persons[person].contains(&other), "{id} and {other}");
                }
                other => panic!("{other} is not looked at"),
            }
        }
        assert_eq!(found("EndsOn"), ends, "{id}");
        assert_eq!(found("Involuntary") == Some("true"), involuntary, "{id}");
        assert_eq!(found("Rehire") == Some("true"), rehire, "{id}");
    }
    assert_eq!(
        expected["states"].as_object().expect("states").len(),
        taken.rows.len()
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_is_never_everybody() {
    let expected = expected();
    let file = expected["empty"]["file"].as_str().expect("a name");
    let tenant = peer::Workday::raw(vec![Bytes::from(fixture(file))], now());
    let source = source(config(""), tenant.exchange());
    let want = want(&["WorkerID", "FirstName"], "WorkerID");
    let refused = pull(&source, &want).await.map(|it| it.0);
    assert_eq!(refused.expect_err("a refusal").kind, RefusalKind::Empty);
}

/// A peer that answers everything with one body.
fn always(status: u16, body: Vec<u8>) -> Exchange {
    let body = Bytes::from(body);
    BoxCloneSyncService::new(tower::service_fn(move |_: Request<Bytes>| {
        let answer = Response::builder().status(status).body(body.clone());
        async move { Ok(answer.expect("a response")) }
    }))
}

#[tokio::test(start_paused = true)]
async fn faults_are_told_apart_and_final() {
    for fault in expected()["faults"].as_array().expect("faults") {
        let file = fault["file"].as_str().expect("a name");
        let status = u16::try_from(fault["http_status"].as_u64().expect("a status"));
        let (kind, class) = match fault["class"].as_str().expect("a class") {
            "permanent" => (RefusalKind::Configuration, FaultClass::Permanent),
            "credentials" => (RefusalKind::Credentials, FaultClass::Credentials),
            "permission" => (RefusalKind::Permission, FaultClass::Permission),
            other => panic!("{other} is not looked at"),
        };
        assert_eq!(fault_class(&fixture(file)), Some(class), "{file}");
        let exchange = always(status.expect("a status"), fixture(file));
        let source = source(config(""), exchange);
        let want = want(&["WorkerID"], "WorkerID");
        let refused = pull(&source, &want).await.map(|it| it.0);
        let refused = refused.expect_err("a refusal");
        assert_eq!(refused.kind, kind, "{file}");
        let message = fault["message"].as_str().expect("a message");
        assert!(refused.message.contains(message), "{}", refused.message);
        let checked = source.check(&want).await.expect_err("a refusal");
        assert_eq!(checked.kind, kind, "{file}");
    }
}

/// Column by column, whatever form the report has.
fn report_columns() -> Vec<&'static str> {
    vec![
        "Employee_ID",
        "Worker_Type",
        "Worker_Status",
        "Active_Status",
        "Legal_Name_-_First_Name",
        "Preferred_Name_-_First_Name",
        "Hire_Date",
        "Termination_Date",
        "Business_Title",
        "Company",
        "Manager_ID",
    ]
}

async fn report(form: &str) -> rollcall_peers::Taken {
    let more = format!(
        "[report]\nowner = \"ISU\"\nname = \"R\"\nkey = \"Employee_ID\"\nformat = \"{form}\""
    );
    let file = fixture(&format!("raas.{form}"));
    let source = source(config(&more), always(200, file));
    let mut columns = report_columns();
    if form != "csv" {
        columns.push("Additional_Jobs_group/Position_ID");
    }
    let want = want(&columns, "Employee_ID");
    source.lacks(&want.columns).expect("nothing lacks");
    pull(&source, &want).await.expect("a pull").1
}

#[tokio::test(start_paused = true)]
async fn reports_say_the_same_in_every_form() {
    let expected = expected();
    let raas = &expected["raas"];
    assert_eq!(raas["rules"].as_array().expect("rules").len(), 5);
    let (json, csv, xml) = (
        report("json").await,
        report("csv").await,
        report("xml").await,
    );
    for (taken, rows) in [(&json, "rows_json"), (&csv, "rows_csv"), (&xml, "rows_xml")] {
        assert_eq!(
            taken.rows.len() as u64,
            raas[rows].as_u64().expect("a number")
        );
    }
    for row in &json.rows {
        let id = &row.values["Employee_ID"];
        // A key that is missing in one entry means empty there, and nobody is held for it.
        assert!(!row.held, "{id}");
        for name in report_columns() {
            let value = row.values.get(name);
            assert_eq!(
                value,
                csv.row("Employee_ID", id).values.get(name),
                "{id} {name}"
            );
            if let Some(xml) = xml.rows.iter().find(|it| it.values["Employee_ID"] == *id) {
                assert_eq!(value, xml.values.get(name), "{id} {name}");
            }
        }
        // Truths are texts.
        assert!(
            ["0", "1"].contains(&row.values["Active_Status"].as_str()),
            "{id}"
        );
    }
    // A group is a list even with one element, and the first of it counts.
    for taken in [&json, &xml] {
        let jobs = "Additional_Jobs_group/Position_ID";
        assert_eq!(taken.row("Employee_ID", "21002").values[jobs], "P-1090");
        assert!(!taken.row("Employee_ID", "21001").values.contains_key(jobs));
    }
    // A rehire carries the old termination; the status says what is so.
    let back = json.row("Employee_ID", "21008");
    assert_eq!(back.values["Worker_Status"], "Active");
    assert_eq!(back.values["Termination_Date"], "2019-08-30");
    // Contingent workers have their id in the same column.
    assert_eq!(
        json.row("Employee_ID", "C-30001").values["Worker_Type"],
        "Contingent Worker"
    );
}

#[tokio::test(start_paused = true)]
async fn token_answers_are_read() {
    let body = fixture("oauth-token-error.json");
    let more = "auth = { client_id = \"client-1\", client_secret = { env = \"CLIENT_SECRET\" }, \
                refresh_token = { env = \"REFRESH_TOKEN\" } }";
    let source = source(config(more), always(400, body));
    let want = want(&["WorkerID"], "WorkerID");
    let refused = pull(&source, &want)
        .await
        .map(|it| it.0)
        .expect_err("a refusal");
    assert_eq!(refused.kind, RefusalKind::Credentials);
    assert!(
        refused.message.contains("invalid_grant"),
        "{}",
        refused.message
    );
}

/// The peer against the fixtures: it takes their requests, and none with a name out of its place.
#[tokio::test(start_paused = true)]
async fn requests_of_the_fixtures_fit_the_schema_of_the_peer() {
    let tenant = peer::Workday::raw(pages(), now());
    let ask = |body: String| {
        let uri = format!(
            "/ccx/service/{}/Human_Resources/{}",
            peer::TENANT,
            peer::VERSION
        );
        let request = Request::builder().method("POST").uri(uri);
        let request = request.body(Bytes::from(body)).expect("a request");
        tower::ServiceExt::oneshot(tenant.exchange(), request)
    };
    for kind in ["full", "incremental", "future-hire"] {
        let file = format!("get-workers-request-{kind}.xml");
        let body = String::from_utf8(fixture(&file)).expect("UTF-8");
        let answer = ask(body.clone()).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{file}");
        for (from, to) in [
            ("Include_Reference>", "Include_Referenz>"),
            ("<wd:Page>1<", "<wd:Page>0<"),
            ("<wd:Page>1<", "<wd:Page>one<"),
            ("As_Of_Entry_DateTime>", "As_Of_Entry_Date>"),
            (
                "<wd:Response_Group>",
                "<wd:Response_Group><wd:Exclude_Gifts>1</wd:Exclude_Gifts>",
            ),
            ("urn:com.workday/bsvc", "urn:other"),
            ("v43.0", "v21.1"),
        ] {
            assert!(body.contains(from), "{file} {from}");
            let answer = ask(body.replace(from, to)).await.expect("an answer");
            assert_eq!(answer.status(), 500, "{file} {to}");
            let class = fault_class(answer.body());
            assert_eq!(class, Some(FaultClass::Permanent), "{file} {to}");
        }
    }
}

/// The peer moves rows as Workday does where no moment of entry is asked for.
#[tokio::test(start_paused = true)]
async fn without_a_moment_of_entry_rows_move_between_pages() {
    let people = rollcall_peers::population(5, 30, jiff::civil::date(2026, 3, 16));
    let mut new = people[3].clone();
    new.id = "99999".to_owned();
    let full = String::from_utf8(fixture("get-workers-request-full.xml")).expect("UTF-8");
    let full = full.replace("PLACEHOLDER", "p&amp;ss&lt;w&quot;rd&gt;");
    let start = full.find("<wd:As_Of_Entry_DateTime>").expect("a moment");
    let end = full.find("<wd:Page>").expect("a page");
    let without = format!("{}{}", &full[..start], &full[end..]);
    let mut seen = Vec::new();
    for body in [without, full] {
        let between = peer::Trouble::HiredBetween {
            page: 2,
            entered: now(),
            worker: Box::new(new.clone()),
        };
        // Somebody is entered in the very second of the second page.
        let clock = now();
        let tenant = peer::Workday::of(&people, clock, vec![between]);
        let mut names = Vec::new();
        for page in 1..=4 {
            let uri = format!("/ccx/service/{}/Staffing/{}", peer::TENANT, peer::VERSION);
            let body = body.replace("<wd:Page>1<", &format!("<wd:Page>{page}<"));
            let body = body.replace("2026-03-16T03:00:00.000-07:00", "2026-03-16T09:59:59Z");
            let request = Request::builder()
                .method("POST")
                .uri(uri)
                .body(Bytes::from(body));
            let request = request.expect("a request");
            let answer = tower::ServiceExt::oneshot(tenant.exchange(), request).await;
            let answer = answer.expect("an answer");
            let text = String::from_utf8(answer.body().to_vec()).expect("UTF-8");
            assert_eq!(answer.status(), 200, "{text}");
            let ids = text.split("<wd:Worker_ID>").skip(1);
            names.extend(ids.map(|it| it.split('<').next().unwrap_or_default().to_owned()));
        }
        let once: std::collections::BTreeSet<String> = names.iter().cloned().collect();
        seen.push((names.len(), once.len()));
    }
    assert_ne!(seen[0].0, seen[0].1, "somebody comes twice");
    assert_eq!(seen[1], (30, 30));
}
