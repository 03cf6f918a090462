//! Pulls from a simulated tenant that says no to whatever Workday refuses.
//!
//! What it protects: no worker lost, none twice, or a clear refusal, whatever happens between pages;
//! whoever changed is seen; only what is wanted is asked for.

mod common;

use std::collections::BTreeSet;

use common::{config, now, pull, since, source, want};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use rollcall_core::delta::Coverage;
use rollcall_peers::workday::{self as peer, Trouble};
use rollcall_peers::{Kind, Standing, Taken, Worker, population};
use rollcall_source::{Cursor, RefusalKind, Source as _};

const TODAY: jiff::civil::Date = date(2026, 3, 16);

const MAPPED: [&str; 12] = [
    "WorkerID",
    "WID",
    "Active",
    "WorkerState",
    "StartsOn",
    "EndsOn",
    "FirstName",
    "LastName",
    "EmailAddress",
    "SupervisoryOrganization",
    "BusinessTitle",
    "ManagerID",
];

fn everybody() -> Vec<Worker> {
    population(11, 230, TODAY)
}

fn tenant(troubles: Vec<Trouble>) -> peer::Workday {
    peer::Workday::of(&everybody(), now(), troubles)
}

fn ids(taken: &Taken) -> Vec<&str> {
    taken
        .rows
        .iter()
        .map(|it| it.values["WorkerID"].as_str())
        .collect()
}

/// A row against the worker behind it.
fn agrees(taken: &Taken, worker: &Worker) {
    let row = taken.row("WorkerID", &worker.id);
    let id = &worker.id;
    let value = |name: &str| row.values.get(name).map(String::as_str);
    let state = match worker.standing {
        Standing::Active => "active",
        Standing::PreHire => "pre_hire",
        Standing::OnLeave => "on_leave",
        Standing::Terminated { .. } => "terminated",
        Standing::Rescinded => "rescinded",
    };
    assert!(!row.held, "{id}: {:?}", row.findings);
    assert_eq!(value("WorkerState"), Some(state), "{id}");
    let ends = match worker.standing {
        Standing::Terminated { on, .. } => Some(on),
        Standing::Rescinded => None,
        Standing::Active | Standing::PreHire | Standing::OnLeave => worker.contract_end,
    };
    assert_eq!(
        value("EndsOn"),
        ends.map(|it| it.to_string()).as_deref(),
        "{id}"
    );
    let active = !matches!(
        worker.standing,
        Standing::Terminated { .. } | Standing::Rescinded
    );
    // Of who begins later, the profile is that of the first day.
    assert_eq!(
        value("Active"),
        Some(if active { "true" } else { "false" }),
        "{id}"
    );
    assert_eq!(value("FirstName"), Some(worker.first.as_str()), "{id}");
    if worker.standing == Standing::Rescinded {
        assert_eq!(value("BusinessTitle"), None, "{id}");
    } else {
        assert_eq!(
            value("StartsOn"),
            Some(worker.hired.to_string().as_str()),
            "{id}"
        );
        assert_eq!(value("BusinessTitle"), Some(worker.title.as_str()), "{id}");
        assert_eq!(value("EmailAddress"), Some(worker.email.as_str()), "{id}");
        assert_eq!(
            value("SupervisoryOrganization"),
            Some(worker.department.1.as_str()),
            "{id}"
        );
        assert_eq!(value("ManagerID"), worker.manager.as_deref(), "{id}");
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn day(text: &str) -> Date {
    text.parse().expect("a day")
}

#[tokio::test(start_paused = true)]
async fn everybody_comes_once_and_as_they_are() {
    let tenant = tenant(Vec::new());
    let source = source(config("page_size = 30"), tenant.exchange());
    let want = want(&MAPPED, "WorkerID");
    let (pulled, taken) = pull(&source, &want).await.expect("a pull");
    assert_eq!(pulled.coverage, Coverage::Full);
    assert_eq!(pulled.as_of, now());
    assert_eq!(
        pulled.cursor,
        Some(Cursor("2026-03-16T10:00:00.000Z".to_owned()))
    );
    assert_eq!(pulled.findings, []);
    let people = everybody();
    assert_eq!(
        ids(&taken).into_iter().collect::<BTreeSet<_>>().len(),
        people.len()
    );
    assert_eq!(taken.rows.len(), people.len());
    for worker in &people {
        agrees(&taken, worker);
    }
    let numbers: Vec<u32> = taken.rows.iter().map(|it| it.number).collect();
    assert_eq!(numbers, (1..=230).collect::<Vec<_>>());
    // All questions have one moment of entry, and who begins later is asked for as of that day.
    let asked = tenant.asked();
    assert!(asked.iter().all(|it| it.entry == Some(now())));
    let (named, pages): (Vec<_>, Vec<_>) = asked.iter().partition(|it| it.named.is_some());
    assert_eq!(pages.len(), 8);
    assert!(
        pages
            .iter()
            .all(|it| it.day == Some(TODAY) && it.count == 30)
    );
    let later = people.iter().filter(|it| it.standing == Standing::PreHire);
    let days: BTreeSet<_> = later.clone().map(|it| it.hired).collect();
    assert_eq!(named.len(), days.len());
    assert_eq!(
        named
            .iter()
            .filter_map(|it| it.day)
            .collect::<BTreeSet<_>>(),
        days
    );
    // The order of what was received is that of the pages, however they came.
    let again = self::source(config("page_size = 30\nparallel = 1"), tenant.exchange());
    let (_, slowly) = pull(&again, &want).await.expect("a pull");
    assert_eq!(slowly.rows, taken.rows);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_wanted_is_asked_for() {
    let tenant = tenant(Vec::new());
    let flags = |columns: &'static [&'static str], more: &'static str| {
        let tenant = tenant.clone();
        async move {
            let source = source(config(more), tenant.exchange());
            let want = want(columns, "WorkerID");
            pull(&source, &want).await.expect("a pull");
            tenant.asked().last().expect("a question").flags.clone()
        }
    };
    assert_eq!(flags(&["WorkerID", "WID"], "").await, ["Include_Reference"]);
    assert_eq!(
        flags(&["WorkerID", "FirstName"], "").await,
        [
            "Include_Reference",
            "Include_Personal_Information",
            "Include_Employment_Information"
        ]
    );
    let company = flags(&["WorkerID", "Company"], "").await;
    assert!(company.iter().any(|it| it == "Exclude_Cost_Centers"));
    assert!(!company.iter().any(|it| it == "Exclude_Companies"));
    // A path that any organisation may answer gets all of them.
    let any = "[attributes]\nAny = \"wd:Worker/wd:Worker_Data/wd:Organization_Data/\
               wd:Worker_Organization_Data[1]/wd:Organization_Data/wd:Organization_Code\"";
    let any = flags(&["WorkerID", "Any"], any).await;
    assert!(
        !any.iter()
            .any(|it| it == "Exclude_Companies" || it == "Exclude_Teams")
    );
    // So does one that holds a name against a word that happens to be a type.
    let named = "[attributes]\nAny = \"wd:Worker/wd:Worker_Data/wd:Organization_Data/\
                 wd:Worker_Organization_Data/wd:Organization_Data[wd:Organization_Name='Company']/\
                 wd:Organization_Code\"";
    let named = flags(&["WorkerID", "Any"], named).await;
    assert!(
        !named
            .iter()
            .any(|it| it == "Exclude_Companies" || it == "Exclude_Teams")
    );
    let jobs = flags(&["WorkerID", "OtherJobs"], "").await;
    assert!(jobs.iter().any(|it| it == "Include_Additional_Jobs"));
    let log = flags(&["WorkerID", "EndsOn"], "").await;
    assert!(log.iter().any(|it| it == "Include_Transaction_Log_Data"));
}

#[tokio::test(start_paused = true)]
async fn the_population_can_be_narrowed() {
    let tenant = tenant(Vec::new());
    let want = want(&["WorkerID", "WorkerType"], "WorkerID");
    let only = source(
        config("exclude_contingent_workers = true"),
        tenant.exchange(),
    );
    let (_, taken) = pull(&only, &want).await.expect("a pull");
    assert!(
        taken
            .rows
            .iter()
            .all(|it| it.values["WorkerType"] == "Employee")
    );
    let count = everybody()
        .iter()
        .filter(|it| it.kind == Kind::Employee)
        .count();
    assert_eq!(taken.rows.len(), count);
    let others = source(config("exclude_employees = true"), tenant.exchange());
    let (_, taken) = pull(&others, &want).await.expect("a pull");
    assert_eq!(taken.rows.len(), everybody().len() - count);
}

/// A trouble, and the kind of refusal that it comes to.
#[tokio::test(start_paused = true)]
async fn a_pull_that_does_not_add_up_is_refused() {
    let failing = |status, times| Trouble::Failing {
        page: 3,
        status,
        times,
    };
    let table = [
        (Trouble::RepeatedPage(3), RefusalKind::IncompletePage),
        (Trouble::RepeatedPage(8), RefusalKind::IncompletePage),
        (Trouble::EmptyPage(2), RefusalKind::IncompletePage),
        (Trouble::ShortPage(1), RefusalKind::IncompletePage),
        (Trouble::ShortPage(8), RefusalKind::IncompletePage),
        (Trouble::MovingTotals(2), RefusalKind::IncompletePage),
        (Trouble::MovingTotals(8), RefusalKind::IncompletePage),
        (Trouble::MisnumberedPage(4), RefusalKind::IncompletePage),
        (Trouble::CutPage(5), RefusalKind::Truncated),
        (failing(500, u32::MAX), RefusalKind::Unavailable),
        (failing(429, u32::MAX), RefusalKind::Unavailable),
        (failing(403, u32::MAX), RefusalKind::Permission),
        (failing(404, u32::MAX), RefusalKind::Configuration),
        (Trouble::NotAuthorized, RefusalKind::Permission),
        (
            Trouble::WithoutSection("Personal_Data"),
            RefusalKind::Permission,
        ),
        (
            Trouble::WithoutSection("Employment_Data"),
            RefusalKind::Permission,
        ),
        (
            Trouble::WithoutSection("Organization_Data"),
            RefusalKind::Permission,
        ),
        (
            Trouble::WithoutSection("Management_Chain_Data"),
            RefusalKind::Permission,
        ),
    ];
    for (trouble, kind) in table {
        let tenant = tenant(vec![trouble.clone()]);
        let source = source(config("page_size = 30"), tenant.exchange());
        let refused = pull(&source, &want(&MAPPED, "WorkerID"))
            .await
            .map(|it| it.0);
        let refused = refused.expect_err(&format!("{trouble:?}"));
        assert_eq!(refused.kind, kind, "{trouble:?}: {refused}");
        // Neither names nor addresses of anybody, nor a secret.
        let text = refused.to_string();
        assert!(
            !text.contains("woodgrove.example") && !text.contains(peer::PASSWORD),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_for_a_while_is_had() {
    for status in [500, 503, 429] {
        for page in [1, 3, 8] {
            let tenant = tenant(vec![Trouble::Failing {
                page,
                status,
                times: 5,
            }]);
            let source = source(config("page_size = 30"), tenant.exchange());
            let (pulled, _) = pull(&source, &want(&MAPPED, "WorkerID"))
                .await
                .expect("a pull");
            assert_eq!(pulled.rows, 230, "{status} on page {page}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_hired_between_pages_moves_nobody() {
    let mut new = everybody()[5].clone();
    new.id = "99999".to_owned();
    let tenant = tenant(vec![Trouble::HiredBetween {
        page: 2,
        entered: "2026-03-16T10:00:05Z".parse().expect("an instant"),
        worker: Box::new(new),
    }]);
    let source = source(config("page_size = 30"), tenant.exchange());
    let want = want(&MAPPED, "WorkerID");
    let (pulled, taken) = pull(&source, &want).await.expect("a pull");
    assert_eq!(pulled.rows, 230);
    assert!(!ids(&taken).contains(&"99999"));
    // The next pull has them.
    let cursor = pulled.cursor.expect("a cursor");
    let want = since(&want, &cursor, "2026-03-16T11:00:00Z");
    let (pulled, taken) = pull(&source, &want).await.expect("a pull");
    assert_eq!(pulled.coverage, Coverage::Delta);
    assert!(ids(&taken).contains(&"99999"));
}

#[tokio::test(start_paused = true)]
async fn whoever_changed_is_seen_and_hardly_anybody_else() {
    let people = everybody();
    let active: Vec<&Worker> = people
        .iter()
        .filter(|it| it.standing == Standing::Active && it.kind == Kind::Employee)
        .collect();
    let tenant = tenant(Vec::new());
    let with = |worker: &Worker, title: &str| Worker {
        title: title.to_owned(),
        ..worker.clone()
    };
    // Entered long ago, effective tomorrow.
    tenant.change(
        at("2026-01-05T09:00:00Z"),
        day("2026-03-17"),
        &with(active[1], "Later"),
    );
    let source = source(config(""), tenant.exchange());
    let want = want(&MAPPED, "WorkerID");
    let (pulled, _) = pull(&source, &want).await.expect("a pull");
    let cursor = pulled.cursor.expect("a cursor");
    // Entered since, effective long ago; a minute before the cursor, by another clock; and an end to
    // come, of which nothing shows but the log.
    tenant.change(
        at("2026-03-16T15:00:00Z"),
        day("2026-01-01"),
        &with(active[2], "Dated back"),
    );
    tenant.change(
        at("2026-03-16T09:59:00Z"),
        day("2026-03-16"),
        &with(active[3], "Skewed"),
    );
    tenant.terminate(at("2026-03-16T16:00:00Z"), day("2026-03-31"), active[4]);
    let mut new = active[5].clone();
    new.id = "99998".to_owned();
    new.hired = day("2026-05-04");
    new.standing = Standing::PreHire;
    tenant.hire(at("2026-03-16T17:00:00Z"), &new);
    let changes = since(&want, &cursor, "2026-03-17T10:00:00Z");
    let (pulled, taken) = pull(&source, &changes).await.expect("a pull");
    assert_eq!(pulled.coverage, Coverage::Delta);
    assert_eq!(
        pulled.cursor,
        Some(Cursor("2026-03-17T10:00:00.000Z".to_owned()))
    );
    let title = |id: &str| taken.row("WorkerID", id).values["BusinessTitle"].clone();
    assert_eq!(title(&active[1].id), "Later");
    assert_eq!(title(&active[2].id), "Dated back");
    assert_eq!(title(&active[3].id), "Skewed");
    assert_eq!(
        taken.row("WorkerID", &active[4].id).values["EndsOn"],
        "2026-03-31"
    );
    assert_eq!(
        taken.row("WorkerID", &active[4].id).values["WorkerState"],
        "active"
    );
    // Somebody new who begins later comes with the whole profile.
    let later = taken.row("WorkerID", "99998");
    assert_eq!(later.values["WorkerState"], "pre_hire");
    assert_eq!(later.values["BusinessTitle"], new.title);
    assert!(taken.rows.len() < 30, "{}", taken.rows.len());
    // What was taken back is seen as well: the hire is withdrawn, and so is the end.
    let cursor = pulled.cursor.expect("a cursor");
    tenant.rescind(at("2026-03-17T12:00:00Z"), "99998");
    tenant.rescind(at("2026-03-17T12:00:00Z"), &active[4].id);
    let changes = since(&want, &cursor, "2026-03-18T10:00:00Z");
    let (_, taken) = pull(&source, &changes).await.expect("a pull");
    assert_eq!(
        taken.row("WorkerID", "99998").values["WorkerState"],
        "rescinded"
    );
    let stays = taken.row("WorkerID", &active[4].id);
    assert!(!stays.values.contains_key("EndsOn"));
    // Nobody changed: that is an answer too.
    let cursor = Cursor("2026-06-30T10:00:00.000Z".to_owned());
    let quiet = peer::Workday::of(&people[..1], now(), Vec::new());
    let source = self::source(config(""), quiet.exchange());
    let changes = since(&want, &cursor, "2026-07-01T10:00:00Z");
    let (pulled, _) = pull(&source, &changes).await.expect("a pull");
    assert_eq!((pulled.rows, pulled.coverage), (0, Coverage::Delta));
}

/// Whoever may not be seen as of their first day holds nobody up: their row is held, and the key is there.
#[tokio::test(start_paused = true)]
async fn whoever_is_not_seen_when_named_is_held() {
    let people = everybody();
    let later: Vec<&Worker> = people
        .iter()
        .filter(|it| it.standing == Standing::PreHire)
        .collect();
    let tenant = tenant(vec![Trouble::Unseen(later[0].id.clone())]);
    let source = source(config(""), tenant.exchange());
    let want = want(&MAPPED, "WorkerID");
    let (pulled, taken) = pull(&source, &want).await.expect("a pull");
    assert_eq!(pulled.rows as usize, people.len());
    let held: Vec<_> = taken.rows.iter().filter(|it| it.held).collect();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].values["WorkerID"], later[0].id);
    assert_eq!(held[0].findings, ["value_unknown"]);
    // All of them.
    tenant.trouble(vec![Trouble::ForgetsNamed]);
    let (_, taken) = pull(&source, &want).await.expect("a pull");
    assert_eq!(taken.rows.iter().filter(|it| it.held).count(), later.len());
    assert_eq!(ids(&taken).len(), people.len());
    // In a pull of changes, too.
    let gone = people
        .iter()
        .find(|it| it.standing == Standing::Active)
        .expect("somebody");
    tenant.trouble(vec![Trouble::Unseen(gone.id.clone())]);
    tenant.terminate(at("2026-03-16T16:00:00Z"), day("2026-03-31"), gone);
    let cursor = pulled.cursor.expect("a cursor");
    let changes = since(&want, &cursor, "2026-03-17T10:00:00Z");
    let (_, taken) = pull(&source, &changes).await.expect("a pull");
    assert!(taken.row("WorkerID", &gone.id).held);
    // But not somebody who is gone by the first answer.
    tenant.terminate(at("2026-03-17T12:00:00Z"), day("2026-03-17"), gone);
    let changes = since(&want, &cursor, "2026-03-18T10:00:00Z");
    let (_, taken) = pull(&source, &changes).await.expect("a pull");
    let row = taken.row("WorkerID", &gone.id);
    assert!(!row.held, "{row:?}");
    assert_eq!(row.values["WorkerState"], "terminated");
}

/// Changes are asked for since whichever clock is behind.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ahead_misses_nothing() {
    let tenant = tenant(vec![Trouble::Says(at("2026-03-16T07:00:00Z"))]);
    let source = source(config(""), tenant.exchange());
    let (pulled, _) = pull(&source, &want(&MAPPED, "WorkerID"))
        .await
        .expect("a pull");
    assert_eq!(
        pulled.cursor,
        Some(Cursor("2026-03-16T07:00:00.000Z".to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_cursor_of_no_use_is_said() {
    let tenant = tenant(Vec::new());
    let source = source(config("changes_days_max = 10"), tenant.exchange());
    let want = want(&MAPPED, "WorkerID");
    for cursor in [
        "2026-03-01T10:00:00Z",
        "2026-03-17T10:00:00Z",
        "yesterday",
        "",
    ] {
        let changes = since(&want, &Cursor(cursor.to_owned()), common::NOW);
        let refused = pull(&source, &changes).await.map(|it| it.0);
        let kind = refused.expect_err(cursor).kind;
        assert_eq!(kind, RefusalKind::CursorExpired, "{cursor}");
    }
    assert_eq!(tenant.requests(), 0);
    tenant.trouble(vec![Trouble::NoLog]);
    let changes = since(
        &want,
        &Cursor("2026-03-15T10:00:00Z".to_owned()),
        common::NOW,
    );
    let refused = pull(&source, &changes)
        .await
        .map(|it| it.0)
        .expect_err("a refusal");
    assert_eq!(refused.kind, RefusalKind::CursorExpired);
    pull(&source, &want).await.expect("everybody comes");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_holds_the_row() {
    let people = everybody();
    let active = |at: usize| {
        let mut all = people.iter().skip(at);
        let found = all.find(|it| it.standing == Standing::Active);
        found.expect("somebody at work").id.clone()
    };
    let (one, two, three, four) = (active(10), active(30), active(60), active(90));
    let gone = people
        .iter()
        .find(|it| matches!(it.standing, Standing::Terminated { .. }))
        .expect("somebody who left");
    let tenant = tenant(vec![
        Trouble::WithoutData(one.clone()),
        Trouble::WithoutSectionFor("Personal_Data", two.clone()),
        Trouble::WithoutSectionFor("Organization_Data", three.clone()),
        Trouble::ManagerByWid(four.clone()),
        Trouble::ManagerByWid(gone.id.clone()),
    ]);
    let source = source(config(""), tenant.exchange());
    let (_, taken) = pull(&source, &want(&MAPPED, "WorkerID"))
        .await
        .expect("a pull");
    let held: BTreeSet<&str> = taken
        .rows
        .iter()
        .filter(|it| it.held)
        .map(|it| it.values["WorkerID"].as_str())
        .collect();
    let expected: BTreeSet<&str> = [&one, &two, &three, &four].map(String::as_str).into();
    assert_eq!(held, expected);
    // Whoever is gone is not kept in for want of a manager.
    let left = taken.row("WorkerID", &gone.id);
    assert_eq!(left.values["WorkerState"], "terminated");
    for id in expected {
        assert!(
            taken
                .row("WorkerID", id)
                .findings
                .contains(&"value_unknown".to_owned()),
            "{id}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn another_version_is_said() {
    let tenant = tenant(vec![Trouble::Version("v30.0")]);
    let source = source(config(""), tenant.exchange());
    let want = want(&MAPPED, "WorkerID");
    let (pulled, _) = pull(&source, &want).await.expect("a pull");
    assert!(pulled.findings.iter().any(|it| it.note.contains("v30.0")));
    let checked = source.check(&want).await.expect("an answer");
    assert!(
        checked
            .notes
            .iter()
            .any(|it| it.is_problem && it.message.contains("version"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_check_says_what_does_not_come() {
    let want = want(&MAPPED, "WorkerID");
    let good = source(config(""), tenant(Vec::new()).exchange());
    let checked = good.check(&want).await.expect("an answer");
    assert!(checked.notes.iter().all(|it| !it.is_problem), "{checked:?}");
    for section in ["Personal_Data", "Employment_Data", "Organization_Data"] {
        let tenant = tenant(vec![Trouble::WithoutSection(section)]);
        let source = source(config(""), tenant.exchange());
        let checked = source.check(&want).await.expect("an answer");
        let said = checked.notes.iter().filter(|it| it.is_problem);
        assert!(
            said.clone().any(|it| it.message.contains(section)),
            "{checked:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_shows_a_token_and_gets_another() {
    let auth = "auth = { client_id = \"client-1\", client_secret = { env = \"CLIENT_SECRET\" }, \
                refresh_token = { env = \"REFRESH_TOKEN\" } }";
    let want = want(&MAPPED, "WorkerID");
    for troubles in [Vec::new(), vec![Trouble::TokenOfNoUse]] {
        let tenant = tenant(troubles);
        let source = source(config(auth), tenant.exchange());
        let (pulled, _) = pull(&source, &want).await.expect("a pull");
        assert_eq!(pulled.rows, 230);
    }
    let tenant = tenant(vec![Trouble::Revoked]);
    let source = source(config(auth), tenant.exchange());
    let refused = pull(&source, &want)
        .await
        .map(|it| it.0)
        .expect_err("a refusal");
    assert_eq!(refused.kind, RefusalKind::Credentials);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_said_at_once() {
    let tenant = tenant(Vec::new());
    let auth = "auth = { user = \"ISU_Rollcall\", password = { env = \"WRONG\" } }";
    let source = source(config(auth), tenant.exchange());
    let want = want(&MAPPED, "WorkerID");
    let refused = pull(&source, &want)
        .await
        .map(|it| it.0)
        .expect_err("a refusal");
    assert_eq!(refused.kind, RefusalKind::Credentials);
    // Once: accounts are locked for trying.
    assert_eq!(tenant.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_comes_back_is_known_before() {
    let people = everybody();
    let gone = |it: &&Worker| matches!(it.standing, Standing::Terminated { .. });
    let left = people.iter().find(gone).expect("somebody who left");
    let mut back = left.clone();
    back.originally = Some(left.hired);
    back.hired = date(2026, 4, 13);
    back.standing = Standing::PreHire;
    back.contract_end = None;
    back.title = "Back again".to_owned();
    let tenant = tenant(Vec::new());
    tenant.rehire("2026-03-12T09:00:00Z".parse().expect("an instant"), &back);
    let source = source(config(""), tenant.exchange());
    let (_, taken) = pull(&source, &want(&MAPPED, "WorkerID"))
        .await
        .expect("a pull");
    let row = taken.row("WorkerID", &left.id);
    assert_eq!(row.values["WorkerState"], "pre_hire");
    assert_eq!(row.values["StartsOn"], "2026-04-13");
    assert_eq!(row.values["BusinessTitle"], "Back again");
    // The end of the first employment is history.
    assert!(!row.values.contains_key("EndsOn"));
}

#[test]
fn attributes_that_nobody_knows_are_said_offline() {
    let source = source(
        config("attributes = { Badge = \"wd:Worker/wd:Worker_Data/wd:User_ID\" }"),
        tenant(Vec::new()).exchange(),
    );
    let lacks = |column: &str| source.lacks(&[column.to_owned()]).err().unwrap_or_default();
    assert!(lacks("Badge").is_empty());
    assert!(lacks("BusinesTitle")[0].contains("did you mean `BusinessTitle`?"));
    assert!(lacks("Badges")[0].contains("did you mean `Badge`?"));
    assert!(lacks("FavouriteColour")[0].contains("`attributes`"));
    let described = source.describe();
    assert!(described.incremental && described.attributes.iter().any(|it| it.name == "Badge"));
    // Whatever the shipped mapping reads is known.
    let mapping = include_str!("../../../mappings/workday/mapping.toml");
    let mapping: toml::Table = mapping.parse().expect("a mapping");
    let text = mapping.to_string();
    let in_expressions = text.split('[').skip(1).filter_map(|it| it.split_once(']'));
    let mut read: Vec<String> = in_expressions
        .map(|it| it.0.to_owned())
        .filter(|it| !it.is_empty() && it.chars().all(|c| c.is_ascii_alphanumeric()))
        .filter(|it| !["worker", "attribute"].contains(&it.as_str()))
        .collect();
    for attribute in mapping["attribute"].as_array().expect("attributes") {
        let source = attribute.get("source").and_then(toml::Value::as_str);
        read.extend(source.map(str::to_owned));
    }
    let worker = mapping["worker"].as_table().expect("a worker");
    for key in ["key", "status", "manager"] {
        read.push(worker[key].as_str().expect("a column").to_owned());
    }
    for key in ["hire_date", "last_day"] {
        read.push(worker[key]["column"].as_str().expect("a column").to_owned());
    }
    read.retain(|it| !it.starts_with("a-z") && !it.starts_with('0'));
    assert!(read.len() > 20, "{read:?}");
    assert_eq!(source.lacks(&read), Ok(()));
}
