//! Every fixture of SuccessFactors against `expected.json`, in both ways: the instance serves the people of the pages by its own
//! rules, and it serves the pages byte for byte.

mod world;

use std::collections::BTreeMap;

use rollcall_core::delta::Coverage;
use rollcall_http::Clock;
use rollcall_peers::successfactors::{Peer, Trouble};
use rollcall_peers::{Row, Taken};
use rollcall_source::{RefusalKind, Source as _, Want};
use serde_json::Value;
use world::*;

/// Names in `expected.json` that attributes have other names for.
const RENAMED: [(&str, &str); 3] = [
    ("activeEmployments", "activeEmploymentsCount"),
    ("lastModified", "lastModifiedDateTime"),
    ("managerPersonIdExternal", "manager"),
];

const COLUMNS: [&str; 29] = [
    "personIdExternal",
    "personId",
    "perPersonUuid",
    "firstName",
    "lastName",
    "email",
    "userId",
    "username",
    "userStatus",
    "assignmentClass",
    "isContingentWorker",
    "startDate",
    "endDate",
    "activeEmploymentsCount",
    "latestTerminationDate",
    "emplStatus",
    "jobTitle",
    "department",
    "company",
    "manager",
    "lastModifiedDateTime",
    "dateOfBirth",
    "WorkerState",
    "StartsOn",
    "EndsOn",
    "Rehire",
    "OpenEmployments",
    "HostAssignment",
    "managerId",
];

/// The other employments, by paths of one's own.
const OTHERS: &str = r#"
[attributes]
otherUserId = "$.employmentNav.results[1].userId"
otherAssignmentClass = "$.employmentNav.results[1].assignmentClass"
otherStartDate = "$.employmentNav.results[1].startDate"
"#;

fn all_columns() -> Vec<&'static str> {
    let others = ["otherUserId", "otherAssignmentClass", "otherStartDate"];
    COLUMNS.into_iter().chain(others).collect()
}

/// A person of `expected.json` as the row that has to come.
fn row(person: &Value) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    for (name, value) in person.as_object().expect("a person") {
        if name == "otherEmployments" {
            let [other] = &value.as_array().expect("a list")[..] else {
                panic!("one other")
            };
            for (name, value) in other.as_object().expect("an employment") {
                let first = name[..1].to_uppercase();
                out.insert(format!("other{first}{}", &name[1..]), text(value));
            }
            continue;
        }
        let renamed = RENAMED
            .iter()
            .find(|it| it.0 == name)
            .map_or(name.as_str(), |it| it.1);
        out.insert(renamed.to_owned(), text(value));
    }
    out
}

/// What `states` says, as attributes.
fn state(row: &Row) -> Value {
    let of = |name: &str| row.values.get(name).map(String::as_str);
    let mut out = serde_json::json!({"state": of("WorkerState")});
    match of("WorkerState") {
        Some("pre_hire") => out["starts_on"] = of("StartsOn").into(),
        Some("terminated") => out["ended_on"] = of("EndsOn").into(),
        Some(_) | None => {
            if let Some(day) = of("EndsOn") {
                out["ends_on"] = day.into();
            }
        }
    }
    if of("Rehire") == Some("true") {
        out["rehire"] = true.into();
    }
    let open: u32 = of("OpenEmployments")
        .expect("a number")
        .parse()
        .expect("a number");
    if open > 1 {
        out["employments"] = open.into();
    }
    if let Some(host) = of("HostAssignment") {
        out["host_assignment"] = host.into();
    }
    out
}

fn check_persons(taken: &Taken, persons: &Value) {
    let persons = persons.as_array().expect("persons");
    assert_eq!(taken.rows.len(), persons.len());
    for person in persons {
        let expected = row(person);
        let came = taken.row("personIdExternal", &expected["personIdExternal"]);
        assert!(!came.held && came.findings.is_empty(), "{came:?}");
        for name in all_columns() {
            let judged = [
                "WorkerState",
                "StartsOn",
                "EndsOn",
                "Rehire",
                "OpenEmployments",
                "HostAssignment",
                "managerId",
            ];
            if !judged.contains(&name) {
                assert_eq!(
                    came.values.get(name),
                    expected.get(name),
                    "{name} of {}",
                    expected["personIdExternal"]
                );
            }
        }
        let unknown: Vec<&String> = expected
            .keys()
            .filter(|it| !all_columns().contains(&it.as_str()))
            .collect();
        assert!(unknown.is_empty(), "no attribute says {unknown:?}");
    }
}

/// The pages as people of an instance that answers by its own rules.
fn everybody() -> Vec<Value> {
    ["perperson-page1.json", "perperson-page2.json"]
        .into_iter()
        .flat_map(people)
        .collect()
}

fn source_for(peer: &Peer) -> rollcall_successfactors::SuccessFactors {
    let config = CONFIG.replace("page_size = 20", "page_size = 6");
    let source = source_of(
        peer,
        Clock::starting_at(now()),
        &format!("{config}{OTHERS}"),
    );
    source.unwrap_or_else(|e| panic!("{e:?}"))
}

/// All persons and states, from the pages' people served by the rules.
#[tokio::test(start_paused = true)]
async fn persons_and_states_are_as_expected() {
    let expected = expected();
    let peer = Peer::new(setup(), everybody());
    let (pulled, taken) = pull(&source_for(&peer), &want(&all_columns()))
        .await
        .unwrap();
    assert_eq!(pulled.coverage, Coverage::Full);
    assert_eq!(pulled.as_of, now());
    assert_eq!(now().to_string()[..10], expected["as_of"]);
    check_persons(&taken, &expected["persons"]);
    let states = expected["states"].as_object().unwrap();
    assert_eq!(states.len(), taken.rows.len());
    for (id, expected) in states {
        let came = state(taken.row("personIdExternal", id));
        assert_eq!(&came, expected, "{id}");
    }
    // The word for "none" is not handed on as anybody.
    assert_eq!(
        taken
            .row("personIdExternal", "100001")
            .values
            .get("managerId"),
        None
    );
    assert_eq!(
        taken.row("personIdExternal", "100002").values["managerId"],
        "100001"
    );
}

/// The same from the bytes of the pages, with the link between them as it stands there.
#[tokio::test(start_paused = true)]
async fn the_pages_are_read_byte_for_byte() {
    let expected = expected();
    for page in expected["pages"].as_array().unwrap() {
        let name = page["file"].as_str().unwrap();
        let whole: Value = serde_json::from_slice(&fixture(name)).unwrap();
        assert_eq!(people(name).len() as u64, page["results"].as_u64().unwrap());
        assert_eq!(
            whole["d"]["__next"].is_string(),
            page["next"].as_bool().unwrap()
        );
    }
    let peer = Peer::new(setup(), everybody());
    let peer = peer.raw(
        "$skiptoken=eyJzdGFydFJvdyI6NiwiZW5kUm93IjoxMn0=",
        fixture("perperson-page2.json"),
    );
    let peer = peer.raw(
        "asOfDate=2026-03-16&customPageSize=6&paging=snapshot",
        fixture("perperson-page1.json"),
    );
    let (_, taken) = pull(&source_for(&peer), &want(&all_columns()))
        .await
        .unwrap();
    check_persons(&taken, &expected["persons"]);
    let asked = peer.asked();
    let pages: Vec<&String> = asked
        .iter()
        .filter(|it| it.contains("/PerPerson?"))
        .collect();
    assert_eq!(
        pages.len(),
        4,
        "two pages, the list of keys, and those who begin later: {asked:#?}"
    );
    // The link is followed as given: nothing is added, and the port is dropped as the default one.
    let link: Value = serde_json::from_slice(&fixture("perperson-page1.json")).unwrap();
    let link = link["d"]["__next"].as_str().unwrap();
    assert!(
        link.starts_with("https://api4.successfactors.com:443/"),
        "{link}"
    );
    assert_eq!(
        pages[1].strip_prefix("GET "),
        link.strip_prefix("https://api4.successfactors.com:443")
    );
    let (_, token) = link.rsplit_once("$skiptoken=").unwrap();
    let token: Value = serde_json::from_str(&decoded(token)).unwrap();
    assert_eq!(token, expected["next_link"]["skiptoken_decodes_to"]);
    // Whoever begins later is asked for as of that day.
    assert!(
        pages[3].contains("asOfDate=2026-04-01") && pages[3].ends_with("%27100006%27"),
        "{}",
        pages[3]
    );
}

fn incremental() -> Want {
    let columns = all_columns();
    since(&columns, "2026-03-15T10:00:00Z")
}

/// The incremental page: what it shows is what may have changed, and each is read whole.
#[tokio::test(start_paused = true)]
async fn changes_are_as_expected() {
    let expected = expected();
    let file = expected["incremental"]["file"].as_str().unwrap();
    let mut all = everybody();
    let changed = people(file);
    for person in &changed {
        let id = &person["personIdExternal"];
        let old = all
            .iter_mut()
            .find(|it| it["personIdExternal"] == *id)
            .unwrap();
        old.clone_from(person);
    }
    let peer = Peer::new(setup(), all);
    let (pulled, taken) = pull(&source_for(&peer), &incremental()).await.unwrap();
    assert_eq!(pulled.coverage, Coverage::Delta);
    check_persons(&taken, &expected["incremental"]["persons"]);
    // 100010: only the nested slice was touched, and it is of the 1st of April: nothing is applied now.
    let root = changed
        .iter()
        .find(|it| it["personIdExternal"] == "100010")
        .unwrap();
    assert_eq!(
        root["lastModifiedDateTime"], "/Date(1580713200000+0000)/",
        "years ago"
    );
    let came = taken.row("personIdExternal", "100010");
    assert_eq!(came.values["jobTitle"], "Engineer");
    assert_eq!(came.values["WorkerState"], "active");
    // 100004: touched at the employment; where they stand is as before.
    let came = taken.row("personIdExternal", "100004");
    assert_eq!(
        (
            came.values["WorkerState"].as_str(),
            came.values["EndsOn"].as_str()
        ),
        ("terminated", "2026-02-28")
    );

    // The same with the page's bytes for both questions: who may have changed, and what they are.
    let peer = Peer::new(setup(), changed.clone()).raw("/PerPerson?", fixture(file));
    let (_, taken) = pull(&source_for(&peer), &incremental()).await.unwrap();
    check_persons(&taken, &expected["incremental"]["persons"]);
    // On the day of the new slice it is the one that counts.
    let later = Want {
        now: "2026-04-01T10:00:00Z".parse().unwrap(),
        ..want(&all_columns())
    };
    let peer = Peer::new(setup(), changed);
    let (_, taken) = pull(&source_for(&peer), &later).await.unwrap();
    assert_eq!(
        taken.row("personIdExternal", "100010").values["jobTitle"],
        "Engineering Manager"
    );
}

/// Every error under its status → the class that is expected.
#[tokio::test(start_paused = true)]
async fn errors_are_of_the_class_that_is_expected() {
    for error in expected()["errors"].as_array().unwrap() {
        let (file, class) = (
            error["file"].as_str().unwrap(),
            error["class"].as_str().unwrap(),
        );
        let status = u16::try_from(error["http_status"].as_u64().unwrap()).unwrap();
        let body = fixture(file);
        let said: Value = serde_json::from_slice(&body).unwrap();
        let code = said["error"]["code"].as_str().unwrap().to_owned();
        // For good, and twice before the instance is well again.
        for (times, recovers) in [(u32::MAX, false), (2, true)] {
            let source = source_of(
                &failing(status, body.clone(), times),
                Clock::starting_at(now()),
                CONFIG,
            )
            .unwrap();
            let came = pull(&source, &want(&["personIdExternal"])).await;
            let kind = match class {
                "configuration" => RefusalKind::Configuration,
                "credentials" => RefusalKind::Credentials,
                "retry" if recovers => {
                    assert_eq!(came.unwrap().1.rows.len(), 10, "{file}");
                    continue;
                }
                "retry" => RefusalKind::Unavailable,
                other => panic!("{other}"),
            };
            let refused = came.unwrap_err();
            assert_eq!(refused.kind, kind, "{file}: {refused}");
            if class != "retry" {
                assert!(refused.message.contains(&code), "{refused}");
            }
            assert!(!refused.hint.is_empty());
        }
    }
}

/// The people of the pages, behind so many answers with this body to whoever asks for people.
fn failing(status: u16, body: Vec<u8>, times: u32) -> Peer {
    Peer::new(setup(), everybody()).troubled(Trouble::Answers {
        status,
        body,
        times,
    })
}

/// The token request is the documented one, and the answer is taken as it stands.
#[tokio::test(start_paused = true)]
async fn the_token_is_asked_for_as_documented() {
    let sample = String::from_utf8(fixture("token-request.txt")).unwrap();
    let (head, body) = sample.split_once("\n\n").unwrap();
    let fields: Vec<&str> = body
        .trim()
        .split('&')
        .map(|it| it.split_once('=').unwrap().0)
        .collect();
    let token: Value = serde_json::from_slice(&fixture("token-response.json")).unwrap();
    let peer = Peer::new(setup(), everybody());
    let source = source_of(&peer, Clock::starting_at(now()), CONFIG).unwrap();
    source.check(&want(&["personIdExternal"])).await.unwrap();
    assert!(head.starts_with("POST /oauth/token HTTP/1.1"));
    assert!(peer.asked()[0].starts_with("POST /oauth/token"));
    let sent = peer.token_form();
    let names: Vec<&str> = sent.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(names, fields);
    assert!(body.contains("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Asaml2-bearer"));
    assert_eq!(sent[2].1, "urn:ietf:params:oauth:grant-type:saml2-bearer");
    let given = peer.token_answer();
    let names = |it: &Value| it.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&given), names(&token));
    assert_eq!(
        (&given["expires_in"], &given["token_type"]),
        (&token["expires_in"], &token["token_type"])
    );
}
