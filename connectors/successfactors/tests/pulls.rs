//! Pulls from an instance that is well: the population that every source serves, and what makes real people hard.

mod world;

use rollcall_core::delta::Coverage;
use rollcall_core::model::FindingKind;
use rollcall_http::Clock;
use rollcall_peers::successfactors::{Peer, abroad, from_worker, second_job};
use rollcall_peers::{Kind, Standing, Worker};
use rollcall_source::{RefusalKind, Source as _, Want};
use serde_json::json;
use world::*;

const COLUMNS: [&str; 22] = [
    "personIdExternal",
    "firstName",
    "lastName",
    "preferredName",
    "email",
    "username",
    "phoneNumber",
    "jobTitle",
    "department",
    "departmentId",
    "company",
    "twoCharCountryCode",
    "LocationName",
    "manager",
    "ManagerID",
    "startDate",
    "EndsOn",
    "isContingentWorker",
    "emplStatus",
    "WorkerState",
    "Rehire",
    "ActiveEmployments",
];

const DAY: jiff::civil::Date = jiff::civil::date(2026, 3, 16);

/// What has to come of a worker, column by column.
fn expected(worker: &Worker, at: usize) -> Vec<(&'static str, String)> {
    let text = |it: &str| it.to_owned();
    let maybe = |it: &Option<String>| it.clone().unwrap_or_default();
    let later = worker.standing == Standing::PreHire;
    let (state, code, active) = match worker.standing {
        Standing::Active => ("active", "A", "1"),
        Standing::PreHire => ("pre_hire", "A", "0"),
        Standing::OnLeave => (
            "on_leave",
            if at.is_multiple_of(2) { "U" } else { "P" },
            "1",
        ),
        Standing::Terminated { .. } => ("terminated", "T", "0"),
        Standing::Rescinded => ("rescinded", "RNS", "0"),
    };
    let end = match worker.standing {
        Standing::Terminated { on, .. } => Some(on),
        Standing::Active | Standing::PreHire | Standing::OnLeave | Standing::Rescinded => {
            worker.contract_end
        }
    };
    let begun = |it: String| if later { String::new() } else { it };
    vec![
        ("personIdExternal", text(&worker.id)),
        ("firstName", text(&worker.first)),
        ("lastName", text(&worker.last)),
        ("preferredName", maybe(&worker.preferred)),
        // Before the first day there is no address and no log-in name.
        ("email", begun(text(&worker.email))),
        ("username", begun(text(&worker.user_name))),
        ("phoneNumber", maybe(&worker.phone)),
        ("jobTitle", text(&worker.title)),
        ("department", text(&worker.department.1)),
        ("departmentId", text(&worker.department.0)),
        ("company", text(&worker.company.1)),
        ("twoCharCountryCode", text(worker.country.0)),
        ("LocationName", text(&worker.city)),
        ("manager", maybe(&worker.manager)),
        ("ManagerID", maybe(&worker.manager)),
        ("startDate", worker.hired.to_string()),
        ("EndsOn", end.map_or_else(String::new, |it| it.to_string())),
        (
            "isContingentWorker",
            (worker.kind == Kind::Contingent).to_string(),
        ),
        ("emplStatus", text(code)),
        ("WorkerState", text(state)),
        ("Rehire", worker.originally.is_some().to_string()),
        ("ActiveEmployments", text(active)),
    ]
}

/// Everybody, whatever their standing, in pages, with those who begin later as of their first day.
#[tokio::test(start_paused = true)]
async fn everybody_comes_as_they_are() {
    let workers = workers(500);
    for paging in ["snapshot", "cursor"] {
        let peer = Peer::with_workers(setup(), &workers);
        let config = format!("paging = \"{paging}\"\n{CONFIG}");
        let source = source_of(&peer, Clock::starting_at(now()), &config).unwrap();
        let (pulled, taken) = pull(&source, &want(&COLUMNS)).await.unwrap();
        assert_eq!(
            (pulled.coverage, pulled.rows, pulled.findings.len()),
            (Coverage::Full, 500, 0)
        );
        assert_eq!(
            pulled.cursor.unwrap().0,
            "2026-03-16T09:50:00Z",
            "an overlap"
        );
        for (at, worker) in workers.iter().enumerate() {
            let row = taken.row("personIdExternal", &worker.id);
            assert!(!row.held && row.findings.is_empty(), "{row:?}");
            for (name, expected) in expected(worker, at) {
                let came = row.values.get(name).map_or("", String::as_str);
                assert_eq!(
                    came, expected,
                    "{name} of {} ({:?})",
                    worker.id, worker.standing
                );
            }
        }
        let asked = peer.asked();
        let long = asked
            .iter()
            .filter(|it| it.contains(&format!("paging={paging}")))
            .count();
        assert_eq!(long, 26, "pages of 20, and one of keys");
        let counts = asked.iter().filter(|it| it.contains("$count")).count();
        assert_eq!(counts, 1, "it adds up at once");
        // One token, and one session.
        assert_eq!(asked.iter().filter(|it| it.starts_with("POST")).count(), 1);
    }
}

/// The same question twice gives the same rows in the same order, and the same bytes.
#[tokio::test(start_paused = true)]
async fn a_pull_can_be_repeated() {
    let workers = workers(120);
    let peer = Peer::with_workers(setup(), &workers);
    let (_, first) = pull(&source(&peer), &want(&COLUMNS)).await.unwrap();
    let (_, second) = pull(&source(&peer), &want(&COLUMNS)).await.unwrap();
    assert_eq!((first.rows, first.bytes > 100_000), (second.rows, true));
}

fn plain(workers: &[Worker], pick: impl Fn(&Worker) -> bool) -> usize {
    let is = |it: &Worker| {
        it.standing == Standing::Active
            && it.kind == Kind::Employee
            && it.originally.is_none()
            && pick(it)
    };
    // Neither of those with a slice to come or with two on one day.
    let at = workers
        .iter()
        .enumerate()
        .position(|(at, it)| at > 0 && at % 10 != 9 && at % 17 != 5 && is(it));
    at.expect("somebody")
}

/// Somebody abroad, and somebody with two jobs: one row each, and the right employment speaks.
#[tokio::test(start_paused = true)]
async fn several_employments_are_one_person() {
    let workers = workers(60);
    let here = plain(&workers, |_| true);
    let two = plain(&workers, |it| it.id != workers[here].id);
    let since = jiff::civil::date(2025, 7, 1);
    let mut people: Vec<_> = workers
        .iter()
        .enumerate()
        .map(|(at, it)| from_worker(it, at, DAY))
        .collect();
    abroad(
        &mut people[here],
        &workers[here],
        "abroad-1",
        "Consultant (Oslo)",
        since,
    );
    let second = jiff::civil::date(2026, 1, 7);
    second_job(
        &mut people[two],
        &workers[two],
        "second-1",
        "Night Auditor",
        second,
    );
    let columns = [
        "personIdExternal",
        "userId",
        "jobTitle",
        "WorkerState",
        "ActiveEmployments",
        "OpenEmployments",
        "HostAssignment",
        "Rehire",
        "secondJobDepartment",
    ];
    let peer = Peer::new(setup(), people);
    let (_, taken) = pull(&source(&peer), &want(&columns)).await.unwrap();
    let row = taken.row("personIdExternal", &workers[here].id);
    let value = |name: &str| row.values.get(name).map_or("", String::as_str);
    assert_eq!(
        (value("userId"), value("jobTitle"), value("WorkerState")),
        ("abroad-1", "Consultant (Oslo)", "active")
    );
    assert_eq!(
        (
            value("ActiveEmployments"),
            value("OpenEmployments"),
            value("HostAssignment")
        ),
        ("1", "2", "abroad-1")
    );
    assert_eq!(value("Rehire"), "false");
    let row = taken.row("personIdExternal", &workers[two].id);
    assert_eq!(row.values["userId"], workers[two].id);
    assert_eq!(row.values["ActiveEmployments"], "2");
    assert!(row.values.contains_key("secondJobDepartment"), "{row:?}");
    // A job that is over is no second one.
    let again = workers
        .iter()
        .enumerate()
        .filter(|(at, it)| it.originally.is_some() && ![here, two].contains(at));
    assert!(again.clone().count() > 0);
    for (_, worker) in again {
        let row = taken.row("personIdExternal", &worker.id);
        let second = row.values.get("secondJobDepartment");
        assert!(second.is_none_or(String::is_empty), "{row:?}");
    }
    // The other way round, where the configuration says so.
    let latest = source_of(
        &peer,
        Clock::starting_at(now()),
        &format!("primary = \"latest\"\n{CONFIG}"),
    )
    .unwrap();
    let (_, taken) = pull(&latest, &want(&columns)).await.unwrap();
    assert_eq!(
        taken.row("personIdExternal", &workers[two].id).values["jobTitle"],
        "Night Auditor"
    );
}

/// Dependants and candidates are people of the instance, and no workers; contingent ones can be left out.
#[tokio::test(start_paused = true)]
async fn who_is_no_worker_is_left_out_and_told() {
    let workers = workers(60);
    let contingent = workers
        .iter()
        .filter(|it| it.kind == Kind::Contingent)
        .count();
    assert!(contingent > 2);
    let peer = Peer::with_workers(setup(), &workers);
    peer.edit(|people| {
        let dependant = json!({"personIdExternal": "10005_d1", "personEmpTerminationInfoNav": null,
            "employmentNav": {"results": []}, "personalInfoNav": {"results": []}});
        people.insert(30, dependant);
    });
    let source = source_of(
        &peer,
        Clock::starting_at(now()),
        &format!("contingent_workers = false\nwithout_employment = \"ignore\"\n{CONFIG}"),
    )
    .unwrap();
    let (pulled, taken) = pull(&source, &want(&["personIdExternal", "isContingentWorker"]))
        .await
        .unwrap();
    assert_eq!(taken.rows.len(), 60 - contingent);
    assert!(
        taken
            .rows
            .iter()
            .all(|it| it.values["isContingentWorker"] == "false")
    );
    let told: Vec<Option<&str>> = pulled.findings.iter().map(|it| it.arg("people")).collect();
    assert_eq!(told, [Some("1"), Some(contingent.to_string().as_str())]);
    let asked = peer.asked();
    assert!(
        !asked
            .iter()
            .any(|it| it.contains("isContingentWorker%20eq")),
        "nobody is lost by a filter"
    );
}

/// Unless it is said, somebody of whom no employment comes is no dependant: whoever works there and may no longer be seen
/// looks the same. The row is held, and the key stays present.
#[tokio::test(start_paused = true)]
async fn nobody_is_taken_for_a_dependant_unasked() {
    let workers = workers(40);
    let peer = Peer::with_workers(setup(), &workers);
    peer.edit(|people| {
        people[7]["employmentNav"] = json!({"results": []});
        people[7]["personEmpTerminationInfoNav"] = json!(null);
    });
    let id = &workers[7].id;
    let source = source(&peer);
    let (pulled, taken) = pull(&source, &want(&COLUMNS)).await.unwrap();
    assert_eq!(pulled.rows, 40);
    let row = taken.row("personIdExternal", id);
    assert!(row.held, "{row:?}");
    assert_eq!(row.findings, ["status_unknown"]);
    assert_eq!(row.values.values().filter(|it| !it.is_empty()).count(), 1);
    assert_eq!(pulled.findings.len(), 1);
    assert!(pulled.findings[0].note.contains("without_employment"));
    let checked = source.check(&want(&COLUMNS)).await.unwrap();
    let problems: Vec<&str> = checked
        .notes
        .iter()
        .filter(|it| it.is_problem)
        .map(|it| it.message.as_str())
        .collect();
    assert!(
        problems.len() == 1 && problems[0].starts_with("1 of 40 people"),
        "{problems:?}"
    );
}

/// What everybody has and nobody shows is a permission that lacks; what nobody has is told.
#[tokio::test(start_paused = true)]
async fn what_comes_of_nobody_is_not_empty() {
    let workers = workers(40);
    let hide = |name: &'static str| {
        let peer = Peer::with_workers(setup(), &workers);
        peer.edit(|people| {
            for person in people {
                if name == "userNav" {
                    for it in person["employmentNav"]["results"].as_array_mut().unwrap() {
                        it["userNav"] = json!(null);
                    }
                } else {
                    person[name] = json!({"results": []});
                }
            }
        });
        peer
    };
    for name in ["userNav", "personalInfoNav"] {
        let refused = pull(&source(&hide(name)), &want(&COLUMNS)).await;
        let refused = refused.expect_err(name);
        assert_eq!(refused.kind, RefusalKind::Permission, "{refused}");
        assert!(refused.message.contains(name), "{refused}");
    }
    let (pulled, taken) = pull(&source(&hide("phoneNav")), &want(&COLUMNS))
        .await
        .unwrap();
    assert_eq!(taken.rows.len(), 40);
    let told: Vec<FindingKind> = pulled.findings.iter().map(|it| it.kind).collect();
    assert_eq!(told, [FindingKind::AttributeNowhere]);
    assert_eq!(pulled.findings[0].at.column.as_deref(), Some("phoneNav"));
}

/// The day is that of the zone; changes are asked for since whichever clock is behind.
#[tokio::test(start_paused = true)]
async fn days_and_clocks() {
    let workers = workers(20);
    let peer = Peer::with_workers(setup(), &workers);
    let config = format!("zone = \"Pacific/Auckland\"\n{CONFIG}");
    let source = source_of(&peer, Clock::starting_at(now()), &config).unwrap();
    let mut late = want(&["personIdExternal"]);
    late.now = "2026-03-16T12:00:00Z".parse().unwrap();
    let (pulled, _) = pull(&source, &late).await.unwrap();
    let asked = peer.asked();
    assert!(asked.iter().any(|it| it.contains("asOfDate=2026-03-17")));
    assert!(asked.iter().all(|it| !it.contains("asOfDate=2026-03-16")));
    // Ours is two hours ahead of the instance's.
    assert_eq!(pulled.cursor.unwrap().0, "2026-03-16T09:50:00Z");
    let config = format!("zone = \"Mars/Olympus\"\n{CONFIG}");
    let problems = source_of(&peer, Clock::starting_at(now()), &config).unwrap_err();
    assert!(problems[0].contains("no time zone"), "{problems:?}");
}

/// Whoever's employments are hidden is no dependant: the row is held, and the key stays present.
#[tokio::test(start_paused = true)]
async fn hidden_employments_hold_the_row() {
    let workers = workers(40);
    let peer = Peer::with_workers(setup(), &workers);
    peer.edit(|people| people[7]["employmentNav"] = json!({"results": []}));
    let (pulled, taken) = pull(&source(&peer), &want(&COLUMNS)).await.unwrap();
    let held: Vec<&str> = taken
        .rows
        .iter()
        .filter(|it| it.held)
        .map(|it| it.values["personIdExternal"].as_str())
        .collect();
    let counted = workers[7].standing;
    if matches!(counted, Standing::Terminated { .. }) {
        panic!("somebody whose count may be gone");
    }
    assert_eq!((held, pulled.rows), (vec![workers[7].id.as_str()], 40));
    assert_eq!(
        taken.row("personIdExternal", &workers[7].id).findings,
        ["status_unknown"]
    );
}

/// The filter that loses people is nowhere, and nothing is asked for that nobody reads.
#[tokio::test(start_paused = true)]
async fn questions_are_lean_and_lose_nobody() {
    let peer = Peer::with_workers(setup(), &workers(40));
    pull(&source(&peer), &want(&["personIdExternal", "emplStatus"]))
        .await
        .unwrap();
    let asked = peer.asked().join("\n");
    for word in [
        "ne%20null",
        "emailNav",
        "phoneNav",
        "personalInfoNav",
        "dateOfBirth",
        "userNav",
    ] {
        assert!(!asked.contains(word), "{word}");
    }
    for word in [
        "paging=snapshot",
        "customPageSize=20",
        "asOfDate=2026-03-16",
        "emplStatusNav/externalCode",
    ] {
        assert!(asked.contains(word), "{word}");
    }
}

/// An email by its type, attributes of one's own, and Microsoft's own rewritten paths.
#[tokio::test(start_paused = true)]
async fn attributes_of_ones_own() {
    let workers = workers(60);
    let config = format!(
        "email_type = \"8447\"\n{CONFIG}\n[attributes]\nprivate = \"$.emailNav.results[?(@.isPrimary == false)].emailAddress\"\n\
         code = \"$.employmentNav..jobInfoNav..results[?(@.emplStatusNav.externalCode == 'A' || @.emplStatusNav.externalCode == 'U')].costCenter\"\n"
    );
    let peer = Peer::with_workers(setup(), &workers);
    let source = source_of(&peer, Clock::starting_at(now()), &config).unwrap();
    let columns = ["personIdExternal", "email", "private", "code"];
    assert_eq!(source.lacks(&want(&columns).columns), Ok(()));
    let (_, taken) = pull(&source, &want(&columns)).await.unwrap();
    for worker in &workers {
        let row = taken.row("personIdExternal", &worker.id);
        assert_eq!(
            (&row.values["email"], &row.values["private"]),
            (&worker.private_email, &worker.private_email)
        );
        if worker.standing == Standing::Active {
            assert_eq!(row.values["code"], worker.cost_center);
        }
    }
    let lacks = source
        .lacks(&["jobtitle".to_owned(), "shoeSize".to_owned()])
        .unwrap_err();
    assert!(
        lacks.len() == 2 && lacks[0].contains("`jobTitle`"),
        "{lacks:?}"
    );
}

/// A source says what it is, and shows no secret.
#[tokio::test(start_paused = true)]
async fn it_describes_itself() {
    let source = source(&Peer::new(setup(), Vec::new()));
    let described = source.describe();
    assert!(described.incremental && described.place.contains("https://api4.successfactors.com"));
    let department = described
        .attributes
        .iter()
        .find(|it| it.name == "department")
        .unwrap();
    assert_eq!(
        department.from,
        "$.employmentNav.results[0].jobInfoNav.results[0].departmentNav.name_localized"
    );
    let shown = format!("{source:?} {}", serde_json::to_string(&described).unwrap());
    assert!(!shown.contains("api-key-1") && !shown.contains("MII"));
}

/// Changes: exactly those are read whole, and a day of their own is enough to be among them.
#[tokio::test(start_paused = true)]
async fn whoever_may_have_changed_comes_whole() {
    let mut workers = workers(200);
    let (first, last) = (plain(&workers, |_| true) + 20, 150);
    (workers[first].hired, workers[first].standing) = (DAY, Standing::Active);
    workers[last].standing = Standing::Terminated {
        on: DAY.yesterday().unwrap(),
        involuntary: false,
    };
    let peer = Peer::with_workers(setup(), &workers);
    let touched = "/Date(1773640000000+0000)/"; // 2026-03-16T05:46:40Z
    let plain_one = plain(&workers, |_| true);
    peer.edit(|people| {
        people[plain_one]["employmentNav"]["results"][0]["jobInfoNav"]["results"][0]["lastModifiedDateTime"] = json!(touched);
        people[2]["emailNav"]["results"][0]["lastModifiedDateTime"] = json!(touched);
    });
    let columns = ["personIdExternal", "jobTitle", "email", "WorkerState"];
    let want = since(&columns, "2026-03-15T10:00:00Z");
    let (pulled, taken) = pull(&source(&peer), &want).await.unwrap();
    assert_eq!((pulled.coverage, pulled.as_of), (Coverage::Delta, now()));
    assert_eq!(pulled.cursor.unwrap().0, "2026-03-16T09:50:00Z");
    let ids: Vec<&str> = taken
        .rows
        .iter()
        .map(|it| it.values["personIdExternal"].as_str())
        .collect();
    for id in [&workers[plain_one].id, &workers[2].id] {
        assert!(ids.contains(&id.as_str()), "{id}");
    }
    // Nobody entered these changes now: they take effect.
    for at in [first, last] {
        assert!(
            ids.contains(&workers[at].id.as_str()),
            "{:?}",
            workers[at].standing
        );
    }
    // The filter may name more, since each comparison is true of any slice; it must not name all.
    assert!(taken.rows.len() < 100, "{}", taken.rows.len());
    // A full pull says the same of them.
    let (_, full) = pull(
        &source(&peer),
        &Want {
            reach: rollcall_source::Reach::Full,
            ..want
        },
    )
    .await
    .unwrap();
    for row in &taken.rows {
        assert_eq!(
            full.row("personIdExternal", &row.values["personIdExternal"])
                .values,
            row.values
        );
    }
}

/// Nothing changed: no row, no snapshot that nobody reads, and the position moves on.
#[tokio::test(start_paused = true)]
async fn nothing_changed_is_an_answer() {
    let peer = Peer::with_workers(setup(), &workers(3));
    peer.edit(|people| people.truncate(1));
    let (pulled, taken) = pull(
        &source(&peer),
        &since(&["personIdExternal"], "2026-03-15T10:00:00Z"),
    )
    .await
    .unwrap();
    assert_eq!((taken.rows.len(), pulled.coverage), (0, Coverage::Delta));
    assert!(!peer.asked().iter().any(|it| it.contains("/PerPerson?")));
}

/// Keys are text that can hold anything: quotes, ampersands, blanks.
#[tokio::test(start_paused = true)]
async fn odd_keys_are_asked_for_as_they_are() {
    let mut workers = workers(80);
    let later = workers
        .iter()
        .position(|it| it.standing == Standing::PreHire)
        .unwrap();
    workers[later].id = "O'Neil & Søn #7/+%41".to_owned();
    let peer = Peer::with_workers(setup(), &workers);
    let (_, taken) = pull(&source(&peer), &want(&["personIdExternal", "jobTitle"]))
        .await
        .unwrap();
    let row = taken.row("personIdExternal", &workers[later].id);
    assert_eq!(
        (row.held, row.values["jobTitle"].as_str()),
        (false, workers[later].title.as_str())
    );
}

/// The mapping that is shipped: every attribute is known, and every row maps, days included.
#[tokio::test(start_paused = true)]
async fn the_shipped_mapping_reads_what_comes() {
    use rollcall_core::digest::EvidenceKey;
    use rollcall_core::mapping::{Given, Mapping};
    use rollcall_core::model::{Finding, FindingKind, Severity};
    let text = include_str!("../../../mappings/successfactors/mapping.toml");
    let mapping = Mapping::parse(text, "mapping.toml").unwrap();
    let columns: Vec<String> = mapping.columns().into_iter().collect();
    let workers = workers(200);
    let peer = Peer::with_workers(setup(), &workers);
    let source = source(&peer);
    assert_eq!(source.lacks(&columns), Ok(()));
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let (_, taken) = pull(&source, &want(&names)).await.unwrap();
    let bound = mapping.bind(&columns).unwrap();
    let key = EvidenceKey::new(*b"cases");
    let given = Given {
        now: now(),
        key: &key,
    };
    for worker in &workers {
        let row = taken.row("personIdExternal", &worker.id);
        let value = |at: usize| row.values.get(&columns[at]).map_or("", String::as_str);
        let mapped = bound.map(&value, row.number, &given);
        // Of names in another script the mapping makes no sign-in name; everything else has to map.
        let other_script =
            |it: &&Finding| it.kind == FindingKind::ValueRefused && !worker.first.is_ascii();
        let held: Vec<&Finding> = mapped
            .findings
            .iter()
            .filter(|it| it.severity == Severity::Held && !other_script(it))
            .collect();
        assert!(
            held.is_empty(),
            "{} {:?}: {held:?}",
            worker.id,
            worker.standing
        );
        let hired = mapped
            .identity
            .always
            .get("employeeHireDate")
            .and_then(|it| it.as_text().map(str::to_owned));
        assert_eq!(hired, Some(format!("{}T00:00:00Z", worker.hired)));
    }
}
